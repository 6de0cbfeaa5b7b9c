/*
 * The first lines of the live view: the run as a whole. For view.c alone.
 */
#ifndef NBFORK_REPORT_VIEW_HEAD_H
#define NBFORK_REPORT_VIEW_HEAD_H

#include "report/pen.h"
#include "report/view.h"

/*
 * Which workflow it is and where it runs, how much is done, the time, and how many notebooks there are in which state;
 * with less room less of it. *omitted, 0 at first, keeps how many details there is no room for: they do not come back.
 */
void view_put_head(const struct view *v, int *omitted, struct pen *pen);

/* Whether there is a reason why nothing is started any more, or now; and that. */
bool view_has_notice(const struct view *v);
void view_put_notice(const struct view *v, struct pen *pen);

#endif
