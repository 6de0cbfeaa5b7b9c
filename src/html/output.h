/*
 * The outputs of a code cell, as nbformat has them, as HTML: of each the richest form that can be shown without running
 * anything. What is very long is cut, with a word on it.
 */
#ifndef NBFORK_HTML_OUTPUT_H
#define NBFORK_HTML_OUTPUT_H

#include <stddef.h>

#include "base/buf.h"
#include "base/json.h"

#define OUTPUT_TEXT_MAX ((size_t)256 * 1024)	/* of one text, in bytes */
#define OUTPUT_HTML_MAX ((size_t)2 * 1024 * 1024)	/* of one piece of HTML */
#define OUTPUT_IMAGE_MAX ((size_t)16 * 1024 * 1024)	/* of one picture, in base64 */
#define OUTPUTS_MAX 500	/* of one cell */
#define OUTPUTS_BYTES_MAX ((size_t)48 * 1024 * 1024)	/* of HTML, about, that those of one cell become */

/* Appends a list of outputs; source is the name of the file that has all of them. */
void outputs_put_html(struct buf *b, struct json outputs, const char *source);

/* Appends decoded text: that of a string, or of a list of strings. */
void output_text(struct buf *b, struct json lines);

#endif
