/*
 * An executed copy as a page of its own: what it says, does and shows, to be read in a browser. Nothing in it runs, but
 * a script of the page's own, and nothing is loaded from a network.
 */
#ifndef NBFORK_HTML_COPY_H
#define NBFORK_HTML_COPY_H

#include <stdbool.h>

#include "base/buf.h"
#include "notebook/ipynb.h"

/* What is larger than that gets a page that says so. */
#define COPY_BYTES_MAX ((off_t)256 * 1024 * 1024)

/* What a page grows to, about; the rest of its cells is left out, with a word on it. */
#define COPY_PAGE_MAX ((size_t)48 * 1024 * 1024)

/*
 * Appends the page. title is the notebook's name, source that of its file, both as seen from the page; home is where a
 * link to the report leads, NULL for none.
 */
void copy_put(const struct notebook *nb, const char *title, const char *source, const char *home, struct buf *b);

/*
 * Brings FOLDER/NAME.html up to date with FOLDER/NAME.ipynb, of which it has the time of modification; mode 0600. Returns 1
 * when it was written, 0 when there was nothing to do, or -1 with errno: ENOENT when there is no such notebook,
 * EILSEQ when it is none.
 */
int copy_render(const char *folder, const char *name, const char *home);

#endif
