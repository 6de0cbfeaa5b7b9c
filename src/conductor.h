/*
 * The conductor's parts: what conduct.c (a run from beginning to end), conduct_calls.c (what the pool calls) and
 * conduct_notebook.c (the life of one notebook) share; for them alone.
 */
#ifndef NBFORK_CONDUCTOR_H
#define NBFORK_CONDUCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "estimate.h"
#include "keep.h"
#include "past.h"
#include "pool/pool.h"
#include "report/events.h"
#include "report/run.h"
#include "rundir.h"
#include "schedule.h"
#include "worker.h"

/* What is one a task, beside its record and its job. */
struct part {
	struct assignment assignment;	/* for the worker */
	struct task own;	/* the task with the values that were known only at its start */
	bool has_own;
	bool readied;	/* it became ready and has been looked at */
	bool prepared;	/* for an attempt that has not been started */
	bool requeue;	/* it was told to stop only to be queued again */
	bool obsolete;	/* what an earlier run left running elsewhere is to be ended, not followed */
	bool timed_out;	/* so the attempt before ended */
	bool cancels;	/* its job is one that ends what was left running elsewhere */
	bool cancelled;	/* that has been tried */
	bool found_over;	/* what an earlier attempt had left running elsewhere was over when it was looked at first */
};

struct conductor {
	const struct workflow *workflow;
	struct run run;
	struct rundir dirs;
	struct events events;
	struct past past;
	bool resumes;
	struct keeper keeper;
	struct schedule *schedule;
	struct job *jobs;	/* one a record, in the same order */
	struct part *parts;	/* likewise */
	size_t failures;	/* that count for the policy */
	char *stop_reason;
	char *held;	/* the run's */
	int64_t held_until;	/* run clock: when to look again whether there is room */
	int64_t memory_at;	/* run clock: when to look at the memory again, where the youngest may have to go */
	struct record *leaving;	/* the one that has to go; NULL for none */
	bool journal_failed;
	int journal_error;	/* errno, then */
	bool quiet;	/* there is neither progress nor summary: failures are said as errors */
	size_t looked_at;	/* of the records, for something that was left running elsewhere */
	const struct record *culprit;	/* the last failure that counts */
};

/* The index that a record's task, job, part and the record itself have. */
size_t conductor_index(const struct conductor *c, const struct record *r);

/*
 * Takes what an events_ function has returned. What cannot be written now will not be later: the run comes to its
 * end.
 */
void conductor_journal(struct conductor *c, int r);

/* Makes sure that the disk knows of what is over: the executed copies' names, and then the journal, if it must. */
void conductor_sync(struct conductor *c);

/* ---- One notebook (conduct_notebook.c) ---- */

/*
 * Looks at all that became ready or was dropped since the last call: notebooks whose earlier success counts are
 * settled, and so are those that cannot be started, or never will be. Returns false when there is more to look at,
 * but a failure is to be obeyed first.
 */
bool notebook_look(struct conductor *c);

/* Prepares the next attempt, which may come to nothing: the files of the one before go aside, the job is new. */
void notebook_prepare(struct conductor *c, struct record *r);

/* The pool has started it. */
void notebook_started(struct conductor *c, struct record *r);

/* The worker has sent progress. */
void notebook_heard(struct conductor *c, struct record *r, const char *text, size_t n);

/*
 * When the run stops: the next one that has left something running elsewhere, with its job prepared to end that; NULL
 * for none. Afterwards notebook_ended() takes it.
 */
struct record *notebook_to_cancel(struct conductor *c);

/* Its job is over. Returns whether the policy is to be obeyed. */
bool notebook_ended(struct conductor *c, struct record *r);

/* It was never started, because the run stops; or, with no reason, was left. */
void notebook_left(struct conductor *c, struct record *r);

/* Whether the failures so far are as many as the policy takes. */
bool notebook_failures_suffice(const struct conductor *c);

/* ---- The pool's calls (conduct_calls.c); data is the conductor ---- */

extern const struct pool_calls conductor_calls;

#endif
