/*
 * Markdown as HTML: that of GitHub, with tables. HTML in it becomes a frame (html/frame.h) where it is a block; inline it
 * is left out, but for line breaks. Links to scripts lead nowhere; pictures that are not in the text or among
 * the attachments become links. Headings have ids, their text with dashes for spaces: links in notebooks lead there so.
 * Formulas ($...$, $$...$$) stay as they were written. A text that would become enormous is shown as it is.
 */
#ifndef NBFORK_HTML_MARKDOWN_H
#define NBFORK_HTML_MARKDOWN_H

#include <stddef.h>

#include "base/buf.h"
#include "base/json.h"

/* What is longer than that is shown as it is: the time that markdown takes does not only depend on its length. */
#define MARKDOWN_BYTES_MAX ((size_t)128 * 1024)

/* Appends the text; attachments: as nbformat has them, {NAME: {TYPE: BASE64}}. */
void markdown_put(struct buf *b, const char *text, size_t n, struct json attachments);

#endif
