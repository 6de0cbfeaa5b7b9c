/*
 * The pool: runs jobs in at most N processes at a time, hears what they say, stops them when told, and
 * never waits for one alone.
 *
 * One thread, one ppoll loop. What to run next, what a result means and what a failure leads to is the
 * caller's: the pool calls back. It knows nothing of notebooks.
 */
#ifndef NBFORK_POOL_POOL_H
#define NBFORK_POOL_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "pool/job.h"

enum pool_policy {
	POOL_LET_FINISH,	/* a failure changes nothing for the others */
	POOL_FAIL_FAST,	/* a failure stops what runs, and nothing is started any more */
	POOL_DRAIN,	/* after a failure nothing is started any more; what runs may finish */
};

/* Why the pool stopped starting jobs. */
enum pool_stop {
	POOL_GOES_ON,
	POOL_STOP_FAILURE,	/* by the policy */
	POOL_STOP_TIMEOUT,	/* the run's time is over */
	POOL_STOP_SIGNAL,	/* SIGINT, SIGTERM or SIGHUP */
	POOL_STOP_BROKEN,	/* no process could be started, or the caller said so (pool_give_up) */
};

struct pool_end;

struct pool_calls {
	/*
	 * The next job to start, or NULL when none is ready now. Called in each turn of the loop while a
	 * slot is free and the pool goes on. *again (run clock, preset to INT64_MAX): when to ask again though
	 * nothing has happened until then; it counts only with NULL, and what is less than a millisecond away, or
	 * past, is taken for a millisecond. The pool is done when this returns NULL with *again at INT64_MAX and
	 * nothing runs. The job is the caller's and must stay where it is until finished() was called for it.
	 * When the pool stops, one job may have been handed over that is never started: it is still JOB_NEW then.
	 */
	struct job *(*next)(void *data, int64_t *again);
	/*
	 * The next job that one of those which run waits for, with the rules of next(): asked for first, and also when no new
	 * ones are to be started but what runs may finish (POOL_DRAIN). One that was handed over and is JOB_NEW when
	 * stopping() is called has to be handed over once more. May be NULL.
	 */
	struct job *(*wanted)(void *data, int64_t *again);
	void (*started)(void *data, struct job *j);
	/* A PROGRESS frame; text has a NUL byte behind its n bytes, nothing of it has been checked. */
	void (*progress)(void *data, struct job *j, const char *text, size_t n);
	/*
	 * The job is over, its tree is gone; it is the caller's again. Returns whether the policy is to be obeyed:
	 * what counts as a failure, and how many there may be, is the caller's.
	 */
	bool (*finished)(void *data, struct job *j);
	/* The pool stops starting jobs; called once, with the reason that came first. */
	void (*stopping)(void *data, enum pool_stop why, int sig);
	/*
	 * What is still to be done when the pool stops, so that nothing is left behind elsewhere: the next job for that,
	 * NULL for none. Asked for once what runs has been told to stop, while a slot is free, unless the pool is broken or
	 * a second signal kills; started() is not called for it, finished() is. When it cannot be started it is JOB_NEW, and no more are
	 * asked for. May be NULL.
	 */
	struct job *(*last)(void *data);
	/*
	 * The next job that is to run beside the others (job.beside), NULL for none now: it takes no place, and what stops
	 * the others does not stop it, but a second signal kills it. Asked for in each turn while none such runs, until a
	 * second signal has come; started() is called for it, and finished(), also when it could not be started: then it is
	 * JOB_NEW still, and job.problem says why. May be NULL.
	 */
	struct job *(*beside)(void *data);
	/*
	 * Nothing of the others is left, and *end says why; called once. What is still to run is for beside(). From here on
	 * the first signal stops it in order, unless one has stopped the run; then nothing more is asked for. May be NULL.
	 */
	void (*over)(void *data, const struct pool_end *end);
	/*
	 * Called in each turn of the loop; returns when it wants to be called again at the latest (run clock;
	 * INT64_MAX: whenever). May be NULL.
	 */
	int64_t (*tick)(void *data);
	/* The process is about to be suspended (true), or goes on again (false). May be NULL. */
	void (*suspended)(void *data, bool yes);
	/* SIGUSR1 or SIGUSR2 has changed the number of processes to this. May be NULL. */
	void (*resized)(void *data, unsigned processes);
};

struct pool_config {
	unsigned processes;	/* how many jobs run at a time, at least 1, beside those that lend their places */
	unsigned processes_max;	/* how many SIGUSR1 can make of it; less than processes is taken for processes */
	enum pool_policy policy;
	int64_t timeout;	/* of the whole run, in nanoseconds; 0 for none */
	int64_t grace;	/* nanoseconds from SIGTERM to SIGKILL for a job that is to stop */
	/*
	 * A descriptor that the children keep open (a lock), -1 for none; so are 0 to 2, which they have anyway
	 */
	int keep_fd;
	bool keep_signals;	/* they are not given back at the end, but by pool_release_signals() */
	const struct pool_calls *calls;
	void *data;	/* for the callbacks */
};

#define POOL_GRACE (12 * NSEC_PER_SEC)	/* 5 s for the notebook to stop, 7 s for its worker to write it down */

/* How the pool ended. */
struct pool_end {
	enum pool_stop why;
	int sig;	/* the signal that stopped it, 0 for none: the caller raises it again when all is written */
	int error;	/* errno of what broke it, 0 for nothing; set also when why is an earlier reason */
};

/*
 * Runs until there is nothing left to run, or the pool has stopped and nothing runs any more. Handles
 * SIGINT, SIGTERM, SIGHUP, SIGTSTP (unless ignored on entry: nohup, and background jobs of a script),
 * SIGCONT, SIGCHLD, SIGUSR1, SIGUSR2 and SIGWINCH (ignored or not) meanwhile and restores dispositions and mask before
 * it returns. SIGWINCH does nothing but call tick.
 *
 * The first stopping signal stops the jobs in order (SIGTERM, then SIGKILL after the grace), a second one
 * kills them at once. A second one within a tenth of a second is taken for an echo of the first, and so is
 * every later SIGHUP: timeout(1), shells that exit and service managers send two in a row. On SIGTSTP all
 * trees are stopped with this process and continued with it.
 *
 * SIGUSR1 makes it one process more, up to processes_max, and SIGUSR2 one less, down to 1; what comes together
 * counts by the difference. With fewer processes than jobs that run none is stopped, but none is started either
 * until there is room. Once the pool stops these signals change nothing.
 *
 * When no process can be started, the job waits until another one has ended; with no other at work the pool
 * tries for some seconds and stops then (POOL_STOP_BROKEN).
 *
 * The process must be single-threaded, and descriptors 0 to 2 be open. It adopts orphans from here on: all
 * children that it gets meanwhile are taken for what is left of jobs, and killed. Those that it has on
 * entry are left alone, but reaped when they end.
 */
void pool_run(const struct pool_config *config, struct pool_end *end);

/*
 * With config->keep_signals: gives dispositions and mask back, once what must not be cut short (the results of the run,
 * say) has been done. Until then further orders to stop change nothing. The first one meanwhile is put into *end, when
 * there was none.
 */
void pool_release_signals(struct pool_end *end);

/*
 * For a callback that cannot go on (a full disk): stops the pool as a failure under fail-fast would, once
 * the callback has returned; error is an errno. The first one stays.
 */
void pool_give_up(int error);

/*
 * For a callback: counts as a failure for the policy, as finished() returning true does; obeyed once the callback has
 * returned.
 */
void pool_fail(void);

/*
 * For a callback: a job that runs waits for others (yes), which may have its place meanwhile, or does so no longer. There
 * may be one more at work then than processes, until the next one ends.
 */
void pool_lend(struct job *j, bool yes);

/* For a callback: how many jobs run that do not lend their places. */
size_t pool_working(void);

/* For a callback: a job that has been handed over and is JOB_NEW still is not to be started. */
void pool_withdraw(const struct job *j);

/* For a callback: the job's own time limit does not count any more. */
void pool_lift_timeout(struct job *j);

/*
 * For a callback: a child of this process that is no job, but of the caller's own, is left alone. It is reaped when it
 * ends, without a word. Outside of pool_run() this does nothing.
 */
void pool_disown(pid_t pid);

/*
 * For a callback: orders one running job to stop (JOB_STOP_CALLER), with the grace that all have; finished() is called
 * for it as for others. Does nothing when it was told before, has not been started, or is dead.
 */
void pool_stop_job(struct job *j);

#endif
