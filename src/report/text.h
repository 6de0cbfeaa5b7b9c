/*
 * Pieces of text for people, safe to show on a terminal (base/utf8.h): what the summary and the progress display share.
 */
#ifndef NBFORK_REPORT_TEXT_H
#define NBFORK_REPORT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "report/run.h"

/* Whether the terminal of this environment can move its cursor ($TERM), and is to have colours (no-color.org). */
bool text_has_cursor(void);
bool text_has_colour(void);

/* Whether it shows what is beyond ASCII: the locale is one of UTF-8, and it is not the console of Linux with its small font. */
bool text_has_unicode(void);

/* How wide the terminal is that a descriptor leads to; 0 for none, and for one that does not say. */
size_t text_terminal_columns(int fd);

/* The columns that a string takes when it is shown. */
size_t text_columns(const char *s);

/*
 * Appends a string, in at most that many columns: where it does not fit it ends in "...". Returns the
 * columns used.
 */
size_t text_put_cut(struct buf *b, const char *s, size_t columns);

/* As text_put_cut, with spaces behind or before it up to exactly that many columns. */
void text_put_left(struct buf *b, const char *s, size_t columns);
void text_put_right(struct buf *b, const char *s, size_t columns);

/*
 * How far a name is indented in a column of a table that wants it so far: less, where otherwise fewer than so many columns
 * of the name would be seen.
 */
size_t text_indent(size_t wanted, const char *name, size_t least, size_t columns);

/*
 * Nanoseconds as whole seconds for people, "12s", "4m05s", "2h03m": tenths would have to be drawn ten times a second.
 */
#define TEXT_ELAPSED 24
const char *text_elapsed(char text[TEXT_ELAPSED], int64_t n);

/* Appends the status, in its colour or not. */
void text_put_status(struct buf *b, enum status s, bool colour);

/*
 * Appends why a notebook did not succeed, on one line: "ZeroDivisionError: division by zero". Of a message
 * with several lines that is the first which says something, with "..." behind it. Nothing when nothing is known.
 */
void text_put_reason(struct buf *b, const struct record_error *e, size_t columns);

/* Appends the cell that failed, as "cell 3, In [4]": its index, and the number that a person sees. Nothing for none. */
void text_put_cell(struct buf *b, const struct record_error *e);

#endif
