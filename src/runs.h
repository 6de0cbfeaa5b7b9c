/*
 * Earlier runs: which there are, and the one that somebody means.
 */
#ifndef NBFORK_RUNS_H
#define NBFORK_RUNS_H

#include <stdbool.h>
#include <stddef.h>

#include "report/story.h"

/* A run, with the story of its folder. */
struct earlier {
	char *folder;	/* seen from the current one; owned */
	struct story story;
	struct story_run *run;	/* of the story: the last one, or the one that was asked for by its id */
	bool latest;	/* it was found by the name of its workflow */
};

#define EARLIER_INIT {NULL, STORY_INIT, NULL, false}

/*
 * The folders with runs in one, the run that was started last first. What is no run folder is passed over. Of their notebooks
 * there is no more than story_shed() leaves.
 */
struct runs {
	struct earlier *list;
	size_t n, cap;
};

/* Returns 0; or -1 with errno when the folder cannot be read; none is there then. */
int runs_read(struct runs *r, const char *folder);
void runs_release(struct runs *r);

/*
 * Finds the run that a name means: of the folder of that name, or of the one in nbfork-runs; the latest of the workflow
 * of that name; or the one that has this id. NULL: the latest of all in nbfork-runs. Returns 0; or -1 with *why, the
 * caller's to free.
 */
int runs_find(struct earlier *e, const char *name, char **why);

/* Likewise; but the name of a workflow means the run of it that was started last before this one. */
int runs_find_before(struct earlier *e, const char *name, const struct earlier *shown, char **why);
void earlier_release(struct earlier *e);

#endif
