/*
 * A job: one function, run in one child process, of which the parent gets frames, an exit status and the
 * resources that its whole process tree has used.
 *
 * A job is over when its pipe is at end of file AND its process has been reaped AND no process that it
 * started is left. Until then nothing about it is final. This module knows one job; the pool (pool.h) knows
 * when to start, stop and give up waiting.
 *
 * In the child: own process group; all signals at their defaults but for SIGPIPE, SIGXFSZ and SIGHUP, which
 * are ignored, and SIGCONT, whose handler belongs to this module and must stay; standard input and output are
 * /dev/null; every other descriptor but standard error, the frame pipe, the one to be kept and those that are shared
 * (base/share.h), which are close-on-exec, is closed; it adopts the orphans of its tree; it gets SIGTERM when the
 * parent dies (and finds then that job_orphaned() is true), even while it is stopped; its process name is "nb:NAME",
 * so that whoever kills all of "nbfork" leaves those alive that clean up; what it logs goes to the parent as LOG
 * frames. SIGTERM is an order to stop in order, SIGURG says that there is something for it, if it cares; SIGKILL needs
 * no obeying. The function empties its own tree (proc_empty_tree) before it returns: when the parent has been killed,
 * nobody else will.
 */
#ifndef NBFORK_POOL_JOB_H
#define NBFORK_POOL_JOB_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/proc.h"
#include "pool/frame.h"

/* Why a job was told to stop. The first reason stays. */
enum job_stop {
	JOB_STOP_NONE,
	JOB_STOP_TIMEOUT,	/* its own time was over */
	JOB_STOP_RUN_TIMEOUT,	/* the whole run's time was over */
	JOB_STOP_POLICY,	/* another job failed */
	JOB_STOP_SIGNAL,	/* the program was told to stop */
	JOB_STOP_PROTOCOL,	/* it broke the rules of frame.h, or closed its pipe and lived on */
	JOB_STOP_CALLER,	/* the caller asked for it: pool_stop_job */
};

/*
 * How far a job has come. Each state but the first and the last has a deadline; job.deadline says when.
 *
 *	NEW ── RUNNING ── CLOSED ── STOPPING ── KILLED        its process lives
 *	           └─────────┴─────────┴──────────┴──── EMPTYING ── DRAINING ── OVER
 */
enum job_state {
	JOB_NEW,
	JOB_RUNNING,	/* until its timeout, then STOPPING */
	JOB_CLOSED,	/* its pipe is at end of file: it has a moment to exit, then STOPPING */
	JOB_STOPPING,	/* was sent SIGTERM: has the grace, then KILLED */
	JOB_KILLED,	/* was sent SIGKILL: if it is not dead after some seconds it never will be, and is OVER */
	JOB_EMPTYING,	/* reaped: what is left of its tree is killed; after some seconds that is given up */
	JOB_DRAINING,	/* nothing is left of its tree, but somebody outside holds its pipe: read on for a moment */
	JOB_OVER,
};

struct job {
	/* Set by the caller; not changed here. The strings and the data live as long as the job. */
	const char *name;
	int (*run)(struct job *job, int fd);	/* in the child: frames go to fd; returns the exit status */
	void *data;
	int64_t timeout;	/* nanoseconds on the run clock from start; 0 for none */
	/*
	 * A descriptor that the child keeps open, at whatever number, because of a lock that is on its open file;
	 * none when it is less than 3. Not inherited by what the child executes.
	 */
	int keep_fd;
	bool beside;	/* it runs beside the others, and is not stopped with them (pool.h) */
	/*
	 * run() takes SIGTERM itself: the signal is blocked when it begins, so that an order to stop which comes before it
	 * has a handler is kept for it. Else the default action is what ends it.
	 */
	bool takes_term;

	/* Kept here; the caller reads. */
	enum job_state state;
	pid_t pid;	/* 0 when there is no process */
	int fd;	/* the reading end; -1 when closed */
	struct frame_reader frames;
	bool unheard;	/* some that have been read are still to be looked at */
	char *result;	/* payload of the RESULT frame, NUL-terminated, owned; NULL when there was none */
	size_t result_len;
	const char *problem;	/* static text: what was wrong with its frames or its end; NULL when nothing */
	bool reaped;	/* false once over: it could not be killed, and is one of the survivors */
	int status;	/* as from waitpid, once reaped */
	struct rusage usage;	/* of the process and all that it or this process reaped of its tree, once over */
	enum job_stop stop;	/* why it was told to stop */
	bool killed;	/* it was sent SIGKILL: it did not stop in time, or the user would not wait */
	size_t survivors;	/* processes of its tree that could not be killed; 0 but for wonders */
	int64_t started_at, ended_at;	/* run clock */
	int64_t deadline;	/* run clock: when its state ends at the latest; INT64_MAX for never */
	int slot;	/* its number among those that run, from 0, while it runs: two running jobs never share one */
	bool lends;	/* it waits for other jobs, which may have its place in the pool meanwhile: pool_lend */
};

/* All that is not given is 0, and keep_fd -1. */
void job_init(struct job *j, const char *name, int (*run)(struct job *job, int fd), void *data);
void job_release(struct job *j);	/* frees result and buffers; the job must not be running */

/*
 * Descriptors that job_start leaves to this process: without a few it can neither see what is left of a tree nor
 * write down what came of it.
 */
#define JOB_SPARE_FDS 8

/*
 * Forks the child. Signals must be blocked by the caller, but for those whose handler may as well run in the
 * child; mask is the one the child runs with. What SIGUSR1 and SIGUSR2 the child gets before it has its own
 * name is discarded: it was meant for the parent. Descriptors 0, 1 and 2 must be open. Returns 0, or -1 with
 * errno (EAGAIN, ENOMEM, EMFILE, ...) and the job still new.
 */
int job_start(struct job *j, const sigset_t *mask);

/*
 * Orders the job to stop: SIGTERM to its process alone, because the order in which those below it stop is
 * its own business; a stopped process is continued. why is kept, and grace (nanoseconds) is what it has
 * before it is to be killed. Does nothing when it was told before, or is dead: then it has ended by itself.
 */
void job_stop(struct job *j, enum job_stop why, int64_t grace);

/*
 * Kills the job's process and its group. why is kept, unless there is a reason already. Does nothing when it is
 * dead.
 */
void job_kill(struct job *j, enum job_stop why);

/* Tells the job's process, by SIGURG, that there is something for it. Does nothing when it is dead. */
void job_tell(const struct job *j);

/* Its process has been reaped: the id is not used any more, what is left of its tree is to be killed. */
void job_died(struct job *j, int status, const struct rusage *usage);

/* Nothing of its tree is left, or none that will ever go: it is over as soon as its pipe is closed. */
void job_tree_gone(struct job *j);

/*
 * Closes the reading end, when it is open, and notes what was wrong with the conversation. A process that lives is
 * given a moment to exit.
 */
void job_hang_up(struct job *j);

/* "exited with status 3" or "was killed by SIGKILL", for messages; b is the caller's, at least 64 bytes. */
const char *job_describe_status(int status, char *b, size_t n);

/* In the child: whether the parent is gone, so that nobody is left to report to. */
bool job_orphaned(void);

#endif
