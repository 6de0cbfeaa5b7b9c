/*
 * A run as it was, made anew from its story, for the reports that are made of a run: the summary of an earlier one is the
 * one that it printed itself.
 */
#ifndef NBFORK_REPORT_RECALL_H
#define NBFORK_REPORT_RECALL_H

#include "report/run.h"
#include "report/story.h"

struct recalled {
	struct run run;	/* of the records only what the summary tells is there */
	struct workflow workflow;	/* its tasks have names, and whether they may fail */
};

/*
 * Makes it, of a story that stays as it is; folder: the run's, seen from the current one. Of one that goes on, it is how
 * things stand at the time now (wall clock, microseconds). Free with recall_release().
 */
void recall(struct recalled *r, const struct story_run *story, const char *folder, int64_t now);
void recall_release(struct recalled *r);

/*
 * "succeeded" and so on; of what is not over "running" or "waiting"; of what ran when its run was torn off "killed".
 * Static.
 */
const char *recall_status(const struct story_run *run, const struct story_notebook *n);

/* The same of the run as a whole. */
const char *recall_run_status(const struct story_run *run);

#endif
