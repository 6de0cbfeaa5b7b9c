/*
 * The jobs of the pool that run, from their start until their trees are gone: their slots, their processes and what
 * these leave behind.
 */
#ifndef NBFORK_POOL_RUNNING_H
#define NBFORK_POOL_RUNNING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pool/job.h"
#include "pool/orphans.h"

struct running {
	struct job **jobs;	/* in the order of their start; they are the caller's */
	size_t n, cap;
	size_t lending;	/* of them, that lend their places (job.lends) */
	bool *slots;	/* private: whether it is taken, for each that there has been */
	size_t nslots;
	struct orphans orphans;
	bool reap_again;	/* there may be dead children left */
	bool kill_again;	/* there were orphans that a job is waiting for */
};

void running_init(struct running *r);	/* adopts orphans, as orphans_init does */
void running_release(struct running *r);

/* The lowest slot that is free, for the next job to be added. */
int running_slot(const struct running *r);

/* Adds a job that was started; its slot (job.slot) is taken. */
void running_add(struct running *r, struct job *j);

/* Takes the ith out, and its slot is free; those behind it move up. */
void running_remove(struct running *r, size_t i);

/* Has a job lend its place, or take it back. */
void running_lend(struct running *r, struct job *j, bool yes);

/* job_stop for all but those that run beside the others, and job_kill for all. */
void running_stop(struct running *r, enum job_stop why, int64_t grace);
void running_kill(struct running *r, enum job_stop why);

/*
 * Reaps dead children, up to a few hundred (then reap_again): each was the process of one of the jobs, or else
 * something of a dead one's tree.
 */
void running_reap(struct running *r);

/*
 * One round of emptying the trees of those jobs whose process is dead. What is left of them after their deadline is
 * given up, which is said.
 */
void running_empty_trees(struct running *r);

/* The process of this job does not die of SIGKILL: the kernel keeps it, in a call that never returns. Says so. */
void running_abandon(struct running *r, struct job *j);

#endif
