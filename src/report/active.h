/*
 * The notebooks that run, and those that they have called and are not over: in the order in which they started, each
 * followed by what it has called.
 */
#ifndef NBFORK_REPORT_ACTIVE_H
#define NBFORK_REPORT_ACTIVE_H

#include <stddef.h>

#include "report/run.h"

struct active {
	const struct record **list;	/* of others' records */
	size_t n, cap;
};

#define ACTIVE_INIT {NULL, 0, 0}

/* Adds one that has been started, or called by one that is there; does nothing for one that is there. */
void active_add(struct active *a, const struct record *r);

/* It is over, or waits to be started again. */
void active_remove(struct active *a, const struct record *r);

void active_release(struct active *a);

#endif
