/*
 * The report of a run as one page, which needs nothing but itself: the data (html/data.h), a table that is there without
 * scripts too, and what the page's own script makes of both (page.js). Nothing else runs in it.
 */
#ifndef NBFORK_HTML_PAGE_H
#define NBFORK_HTML_PAGE_H

#include "base/buf.h"
#include "report/story.h"

/* Appends the page; folder and base as for data_put(). */
void page_put(const struct story_run *run, const char *folder, const char *base, struct buf *b);

#endif
