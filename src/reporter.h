/*
 * The report of a run that goes on: report.html in its folder, and where else --html says (html/report.h), is written
 * again now and then, and once more at the end, by a process that lives just for that. It must never be at the cost
 * of the run: one at a time, of low priority, no oftener than costs a hundredth of the time of a CPU; that it
 * cannot be written is a warning and nothing else.
 */
#ifndef NBFORK_REPORTER_H
#define NBFORK_REPORTER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

struct reporter {
	const char *folder, *also;	/* the caller's; also may be NULL */
	pid_t pid;	/* of the process that writes it now; 0 for none */
	int fd;	/* what that has to say; -1 for none */
	struct buf said;
	int64_t due;	/* run clock: when to look at it, or to start the next one */
	bool warned, unclean;	/* it has been said that one was not written; one that was killed may have left something */
};

#define REPORTER_INIT {NULL, NULL, 0, -1, BUF_INIT, 0, false, false}

/* The run begins. */
void reporter_start(struct reporter *r, const char *folder, const char *also);

/* To be called in each turn of the pool's loop; never waits. Returns when to call it again at the latest (run clock). */
int64_t reporter_tick(struct reporter *r);

/*
 * The run is over, and its journal says so, or it never was one: writes the report a last time and waits for that, up to 20
 * seconds, or until nbfork is told to stop: what was written before stays then. Then there is nothing to release, and a tick does nothing. For a callback of the pool, as that is.
 */
void reporter_end(struct reporter *r);

#endif
