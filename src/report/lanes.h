/*
 * The attempts of a run side by side, for whoever draws them: no two on the same lane overlap.
 */
#ifndef NBFORK_REPORT_LANES_H
#define NBFORK_REPORT_LANES_H

#include <stddef.h>
#include <stdint.h>

#include "report/story.h"

/* An attempt, and where it is drawn. */
struct stretch {
	const struct story_notebook *notebook;
	const struct story_attempt *attempt;
	size_t order;	/* private */
	size_t lane;	/* from 0; that of slot N is N */
	int64_t start, end;	/* of what is drawn; of one that is not over, the last event of the run is its end */
};

struct lanes {
	struct stretch *list;	/* by their start; owned */
	size_t n, cap;
	size_t count;	/* of lanes */
};

/* Arranges the attempts of a run, which must stay as it is. */
void lanes_make(struct lanes *l, const struct story_run *run);
void lanes_release(struct lanes *l);

/* An attempt of a notebook by its number; 0: its first one. NULL when there is none. */
const struct stretch *lanes_find(const struct lanes *l, const struct story_notebook *n, unsigned number);

#endif
