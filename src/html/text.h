/*
 * Text that somebody else wrote, as HTML: whatever it holds, it stays text.
 *
 * Ill-formed bytes become U+FFFD; control characters are shown as their pictures (U+2400 and on), Unicode's
 * bidirectional controls by their numbers, so that what is read is what is there. Tabs and line feeds stay, carriage
 * returns are left out.
 */
#ifndef NBFORK_HTML_TEXT_H
#define NBFORK_HTML_TEXT_H

#include <stddef.h>

#include "base/buf.h"

/* Appends n bytes of text, fit for an element's content and for an attribute in double quotes. */
void html_put(struct buf *b, const char *p, size_t n);

/* The same of what is HTML already, made by somebody who keeps text from being markup, but has it as it is otherwise. */
void html_put_markup(struct buf *b, const char *p, size_t n);

/* The same of a string; of NULL, nothing. */
void html_puts(struct buf *b, const char *s);

/*
 * Appends text with ANSI escape sequences: colours and the like become spans (classes aN and bN for the 16 colours of a
 * terminal, ai ab au as af for italic, bold, underlined, struck out and faint; others by a style attribute), all
 * other sequences are left out.
 */
void html_put_terminal(struct buf *b, const char *p, size_t n);

/*
 * The same of a text that may be long: of one with more than most bytes only its beginning and its end are put, with a
 * word on how much is missing between and that all of it is in source (NULL: nothing on that).
 */
void html_put_bounded(struct buf *b, const char *p, size_t n, size_t most, const char *source);

/* Appends bytes as base64. */
void html_put_base64(struct buf *b, const void *p, size_t n);

/*
 * Appends a path as the href of a link that is relative to the page: percent-encoded, and never one with a scheme or a host.
 */
void html_put_path(struct buf *b, const char *path);

#endif
