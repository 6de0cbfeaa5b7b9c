/*
 * Why notebooks of a run wait, for people: told from what its records say.
 *
 * Notebooks that other notebooks run are no part of this: they wait for a process, and nothing else.
 */
#ifndef NBFORK_REPORT_WAITING_H
#define NBFORK_REPORT_WAITING_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "report/run.h"

enum waiting_for {
	WAITING_TIME,	/* that of its next attempt */
	WAITING_POOL,	/* a place in its pool */
	WAITING_ROOM,	/* room on the machine: run->held */
	WAITING_PROCESS,	/* one of the run's processes */
	WAITING_NOTEBOOKS,	/* others, which it depends on */
	WAITING_KINDS,
};

struct waiting {
	const struct run *run;
	int64_t now;	/* run clock */
	unsigned *taken;	/* how many places of each of the workflow's pools */
	struct waiting_kind {
		size_t n;	/* how many wait for that */
		const struct record **first;	/* of these as many as were wanted, in the order of the workflow */
		size_t nfirst, cap;
	} kinds[WAITING_KINDS];
};

#define WAITING_INIT {.run = NULL}

/*
 * Looks at all records; running are those that run, n of them, most the number that is wanted of each kind. When the
 * run is stopping there are none: what waits will not be started. To be released; may be used again without.
 */
void waiting_look(struct waiting *w, const struct run *run, const struct record *const *running, size_t n, int64_t now,
    size_t most);
void waiting_release(struct waiting *w);

/*
 * Appends what one of them waits for, safe to show: "attempt 2 in 8s: ValueError: no rows", "waits for pool warehouse (2
 * of 2 taken)", "waits for load and 3 more".
 */
void waiting_put(const struct waiting *w, enum waiting_for kind, const struct record *r, struct buf *b);

/* Appends it for n of that kind together: "a process", "their pools". */
void waiting_put_kind(const struct waiting *w, enum waiting_for kind, struct buf *b);

#endif
