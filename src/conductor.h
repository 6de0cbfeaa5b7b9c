/*
 * The conductor's parts: what conduct.c (a run from beginning to end), conduct_calls.c (what the pool calls),
 * conduct_notebook.c (the life of one notebook), conduct_end.c (how it ends), conduct_sample.c (what they have in memory) and
 * conduct_child.c (notebooks that notebooks run) share; for them alone.
 */
#ifndef NBFORK_CONDUCTOR_H
#define NBFORK_CONDUCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "conduct.h"
#include "estimate.h"
#include "hooks.h"
#include "keep.h"
#include "past.h"
#include "pool/pool.h"
#include "report/events.h"
#include "report/run.h"
#include "report/story.h"
#include "reporter.h"
#include "rundir.h"
#include "schedule.h"
#include "worker.h"

/* What is one a notebook, beside its record. */
struct part {
	struct job job;	/* first, so that the one is the other */
	struct record *record;
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
	char *stop_reason;	/* why it alone was told to stop, for people; NULL */
	struct child *calls;	/* what it has run and waits for, by struct child's next_call */
	size_t alive;	/* how many of those that it has run are not over */
	bool departs;	/* all of its cells have run, and its place is lent while its kernel ends */
	bool awaits;	/* its job is over, and it will be when they are */
};

/* A notebook that another one runs: made when that one calls, it stays until the end of the run. */
struct child {
	struct record record;	/* first, so that the one is the other */
	struct part part;
	struct task task;
	int64_t call;	/* the number by which the caller's worker knows it; 0: it does not wait for it (any more) */
	struct child *next_call, *next_queued;
	bool queued;	/* it waits to be started */
};

/* Those that wait to be started. */
struct calls_queue {
	struct child *first, *last;
};

/* How deep calls nest: a notebook that runs itself would never end. */
#define CHILDREN_DEEP 30

/* How many notebooks may be run by others in one run; and how many bytes of what they came to are kept for its end. */
#define CHILDREN_MOST 10000
#define CHILDREN_BYTES_MOST ((size_t)32 * 1024 * 1024)

struct conductor {
	const struct workflow *workflow;
	struct run run;
	struct rundir dirs;
	struct events events;
	struct past past;
	bool resumes;
	struct keeper keeper;
	struct reporter reporter;
	struct schedule *schedule;
	struct part *parts;	/* one a record of the workflow's notebooks, in the same order */
	struct table names;	/* of all notebooks; the value counts those called after them */
	/*
	 * What waits to be started for a notebook that waits for it: by how deep it is nested, the deepest first, so that what
	 * has been begun comes to its end before more of it is begun
	 */
	struct calls_queue queues[CHILDREN_DEEP + 1];
	struct child *handed_over;	/* the pool has it, and has not started it */
	size_t nchildren, children_bytes;
	size_t departing;	/* how many depart now */
	size_t failures;	/* that count for the policy */
	char *stop_reason;
	char *held;	/* the run's */
	int64_t held_until;	/* run clock: when to look again whether there is room */
	int64_t memory_at;	/* run clock: when to look at the memory again, where the youngest may have to go */
	int64_t sample_at;	/* run clock: when to write down next what kernels have in memory; 0: not known yet */
	struct record *leaving;	/* the one that has to go; NULL for none */
	bool journal_failed;
	int journal_error;	/* errno, then */
	bool quiet;	/* there is neither progress nor summary: failures are said as errors */
	size_t looked_at;	/* of the records, for something that was left running elsewhere */
	const struct record *culprit;	/* the last failure that counts */
	const struct conduct_options *options;
	struct hooks hooks;
	struct story story;	/* of this run, once it is over, when there are reports to be made of it */
	struct buf results;	/* the document, once the run is over */
	int status;	/* the exit status, likewise */
};

/* The index that the record of one of the workflow's notebooks has, and its task and its part. */
size_t conductor_index(const struct conductor *c, const struct record *r);

/* What belongs to a record. */
struct part *conductor_part(const struct conductor *c, const struct record *r);

/*
 * Takes what an events_ function has returned. What cannot be written now will not be later: the run comes to its
 * end.
 */
void conductor_journal(struct conductor *c, int r);

/* Makes sure that the disk knows of what is over: the executed copies' names, and then the journal, if it must. */
void conductor_sync(struct conductor *c);

/* All notebooks are over, and *end says why: concludes the run, and writes down what came of it. Only hooks come after it. */
void conductor_over(struct conductor *c, const struct pool_end *end);

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

/* How many there are of those like this one, a notebook of the workflow's or one that another has run. */
size_t *conductor_waiting(struct conductor *c, const struct record *r);
size_t *conductor_running(struct conductor *c, const struct record *r);

/* What is running elsewhere for it: "run 17", or what it is called while nobody knows its number. The caller's to free. */
char *conductor_run_name(const struct record *r);

/* ---- Its end (conduct_end.c) ---- */

/* It is over for good, as its record says. Returns whether the policy is to be obeyed. */
bool notebook_settle(struct conductor *c, struct record *r, enum schedule_end end);

/*
 * When the run stops: the next one that has left something running elsewhere, with its job prepared to end that; NULL
 * for none. Afterwards notebook_ended() takes it.
 */
struct record *notebook_to_cancel(struct conductor *c);

/*
 * Its job is over. It is itself when all that it has run is, too, which is told to stop. Returns whether the policy is to
 * be obeyed.
 */
bool notebook_ended(struct conductor *c, struct record *r);

/* All that it has run is over, for which it has waited; returns the same. */
bool notebook_goes_on(struct conductor *c, struct record *r);

/* It was never started, because the run stops; or, with no reason, was left. */
void notebook_left(struct conductor *c, struct record *r);

/* Whether the failures so far are as many as the policy takes. */
bool notebook_failures_suffice(const struct conductor *c);

/* ---- Memory (conduct_sample.c) ---- */

/* Writes down what kernels have in memory, when that is due. Returns when to call again. */
int64_t conductor_sample(struct conductor *c);

/* ---- Notebooks that notebooks run (conduct_child.c) ---- */

/* A worker wants another notebook to be run, or does not wait for it any more: what the frame says. */
void child_called(struct conductor *c, struct record *caller, struct json v);
void child_uncalled(struct conductor *c, struct record *caller, struct json v);

/* Whether one waits to be started; takes the next one; it was not started after all. */
bool child_waits(const struct conductor *c);
struct record *child_next(struct conductor *c);
void child_back(struct conductor *c);

/* The run stops: none of those that wait will be started. */
void child_skip_all(struct conductor *c, const char *reason);

/* Its caller's job is over: what of it is not is told to stop. Returns whether there is something to wait for. */
bool child_stop_all(struct conductor *c, struct record *caller);

/*
 * It is over, and its record says how: hands that to the caller, if it waits. Returns whether the policy is to be obeyed:
 * the caller may have waited for this to be over itself.
 */
bool child_over(struct conductor *c, struct record *r);

/* Frees a record's children, with theirs. */
void child_release_all(struct record *r);

/* Gives a part its job and its assignment, for the record. */
void conductor_equip(struct conductor *c, struct part *p, struct record *r);
void conductor_strip(struct part *p);

/* ---- The pool's calls (conduct_calls.c); data is the conductor ---- */

extern const struct pool_calls conductor_calls;

#endif
