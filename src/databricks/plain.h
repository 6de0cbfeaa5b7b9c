/*
 * Plain text of what the workspace sends for a screen.
 */
#ifndef NBFORK_DATABRICKS_PLAIN_H
#define NBFORK_DATABRICKS_PLAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/*
 * Appends the text of n bytes of HTML: tags are left out (a <br> is a line end), entities become their characters. A
 * '<' that begins no tag stays.
 */
void plain_put_html(struct buf *out, const char *s, size_t n);

/* Whether text that may be HTML is: it begins with a tag. */
bool plain_is_html(const char *s, size_t n);

/* Appends n bytes of text without the escape sequences that colour it on a terminal. */
void plain_put_terminal(struct buf *out, const char *s, size_t n);

/*
 * Splits a line such as "ZeroDivisionError: division by zero", which may be HTML and have escapes. *name is NULL when
 * no exception's name stands in front; *message is never NULL. Both are the caller's to free.
 */
void plain_exception(const char *line, char **name, char **message);

#endif
