/* The results document of a run, made of its story (report/results.h), also while it goes on. */
#ifndef NBFORK_REPORT_STORY_RESULTS_H
#define NBFORK_REPORT_STORY_RESULTS_H

#include "base/buf.h"
#include "report/story.h"

/*
 * Appends it. Of a run that is not over, its status is "running" or "killed" and it has no end, and that of its notebooks
 * may be what recall_status() has; of such a one parameters are null, and there is only what the journal has told so far.
 */
void story_put_results(const struct story_run *run, struct buf *b);

#endif
