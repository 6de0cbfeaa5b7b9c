/*
 * Which outputs show which display id, in all cells of a run.
 *
 * Every output of an id shows the same: what was last shown or updated under it. So an update is only
 * remembered, and outputs get the newest one when displays_settle() is called; a progress bar that is
 * updated ten thousand times costs one output, and an id that is shown ten thousand times is not written
 * ten thousand times over for each time it is shown.
 */
#ifndef NBFORK_LOCAL_DISPLAYS_H
#define NBFORK_LOCAL_DISPLAYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"
#include "base/table.h"
#include "notebook/ipynb.h"

struct display;	/* one id; private to displays.c */

struct displays {
	struct notebook *nb;	/* not owned */
	const struct mask *mask;	/* not owned */
	struct table ids;	/* of struct display */
	struct display **due;	/* those that have an update which their outputs lack */
	size_t ndue, due_cap;
	/* For each cell: how often its outputs were emptied, and how many places it has since then. */
	size_t *emptied, *shown;
	size_t ncells;
	size_t places;	/* kept for all ids together, with those that are no more */
	size_t current;	/* the sum of shown */
};

/* The notebook and the mask (may be NULL) must outlive it; the number of cells must not change. */
void displays_init(struct displays *d, struct notebook *nb, const struct mask *mask);
void displays_release(struct displays *d);

/* The output at this index of this cell shows the id, which is any run of n bytes. */
void displays_add(struct displays *d, const char *id, size_t n, size_t cell, size_t index);

/* The id shows something new. Returns false, and forgets that, when the id was never added. */
bool displays_update(struct displays *d, const char *id, size_t n, struct json data, struct json metadata);

/* The outputs of this cell have been emptied: it shows no ids any more. */
void displays_forget(struct displays *d, size_t cell);

/* Gives the outputs what has been updated since the last time. Returns whether there was anything. */
bool displays_settle(struct displays *d);

#endif
