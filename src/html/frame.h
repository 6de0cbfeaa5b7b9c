/*
 * HTML that somebody else wrote, as a frame in a page of ours: no script in it runs, nothing is loaded from a network,
 * and it cannot leave its frame. The page's own script fits the frame's height (copy.js).
 */
#ifndef NBFORK_HTML_FRAME_H
#define NBFORK_HTML_FRAME_H

#include <stddef.h>

#include "base/buf.h"

/* Appends the frame; title is for those who do not see it. */
void frame_put(struct buf *b, const char *html, size_t n, const char *title);

#endif
