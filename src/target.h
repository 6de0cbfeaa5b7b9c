/*
 * What a target is: a place that runs notebooks, behind a table of functions. New places (a workspace,
 * a gateway, a cluster) come as new tables.
 */
#ifndef NBFORK_TARGET_H
#define NBFORK_TARGET_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/mask.h"
#include "base/problem.h"
#include "notebook/ipynb.h"
#include "workflow/model.h"
#include "workflow/status.h"

/* Exit statuses of a worker: the child's own verdict, in the results as "exit_status". */
enum {
	WORKER_SUCCEEDED = 0,
	WORKER_FAILED = 1,
	WORKER_TIMED_OUT = 2,
	WORKER_CANCELLED = 4,
	/* EXIT_INTERNAL, 3, is base/log.h's: the worker itself could not go on */
};

/* How long a notebook that is told to stop may take, before its kernel is killed. */
#define STOP_GRACE (5 * NSEC_PER_SEC)

struct calls;

/*
 * One attempt at running one notebook, in a worker process. The worker prepares it, a target's run() brings
 * it about, the worker writes it down.
 */
struct attempt {
	const struct task *task;
	struct notebook *notebook;	/* read, reset; its cells are changed as they run */
	struct mask *mask;	/* secrets; a target may add to it before it runs anything */
	const char *folder;	/* private (0700), short, empty: for sockets and such */
	int log;	/* the notebook's log file, for what it prints */
	/*
	 * nanoseconds between two lines that it prints and the display is told of: 0 for all lines, INT64_MAX for none
	 */
	int64_t line_interval;
	int64_t deadline;	/* run clock: when the notebook's time is over; INT64_MAX for never */
	const volatile sig_atomic_t *stop;	/* set by SIGTERM: stop in order */
	const sigset_t *wait_mask;	/* for ppoll: SIGTERM and SIGCHLD are blocked elsewhere */
	/*
	 * what the notebooks that the task depends on have set for others, a JSON object on one line: {NAME: {KEY: VALUE}}, a
	 * member for each of them
	 */
	const char *task_values;
	bool called;	/* it is run from another notebook, and is no task of the workflow */

	struct calls *calls;	/* of the local target, while notebooks can be run from this one; NULL for none */

	/* Of a target that is elsewhere. */
	const char *first_run_id;	/* the id of the run that began the run folder */
	unsigned number;	/* of the attempt that the place is asked for: 1, 2, ... */
	bool again;	/* the place has been asked for that before, by a worker that did not see the end of it */
	int64_t remote_run;	/* what an earlier worker has started there for this attempt; 0: nothing that is known */
	bool obsolete;	/* that was started with other inputs: it is to be ended, and nothing else to be done */

	/* Calls to the worker. */
	void (*progress)(struct attempt *a, const char *json, size_t n);	/* send a PROGRESS frame */
	/*
	 * Called in every turn of the target's loop; changed says that outputs have changed since. The
	 * worker saves the notebook now and then. Returns when to call again at the latest (run clock).
	 */
	int64_t (*tick)(struct attempt *a, bool changed);
	/*
	 * To be called once by run() when the attempt is filled and the notebook will not change any more, while there
	 * is still something to wait for: the worker writes the notebook meanwhile.
	 */
	void (*complete)(struct attempt *a);
	/* The executed copy as a whole, for a target that has it from elsewhere. Returns 0, or -1 with errno. */
	int (*write)(struct attempt *a, const char *text, size_t n);
	bool (*orphaned)(void);	/* whether nbfork itself is gone: then stop without any grace */

	/* Filled by run(). */
	enum status status;
	struct failure failure;	/* when not succeeded; cell is an index into notebook->cells */
	char *result;	/* JSON text, owned; NULL when the notebook handed nothing back */
	/*
	 * the text that the notebook ended itself with, exactly, as a JSON string on one line, masked and owned; NULL when it did
	 * not
	 */
	char *exit;
	/*
	 * what it has set for the notebooks that depend on it: a JSON object on one line, masked and owned; NULL for nothing
	 */
	char *values;
	size_t cells_total, cells_executed;	/* code cells that are to run; that have been started */
	char *url;	/* a page about it, owned; NULL for none */
	bool truncated;	/* the place has cut the result */
	double cpu_seconds;	/* taken by processes that are not this one's own: a kernel that is somebody else's child */
	int64_t max_rss_bytes;	/* of the largest of these */
	char *remote;	/* JSON object of what the place says of it, owned; NULL for none */
};

struct target_ops {
	const char *type;	/* as in the workflow's "type" */
	bool elsewhere;	/* the worker does not read the notebook: run() gets none */

	/*
	 * In the parent, before anything is started: adds every problem that would keep the task from
	 * running. nb is NULL when the notebook could not be read (that has been said); it may be made ready to be run.
	 */
	void (*check)(const struct workflow *w, const struct task *t, struct notebook *nb, struct problems *p);

	/*
	 * In the parent, before the first worker is forked: loads what all of them will use. It makes no threads
	 * and no processes.
	 */
	void (*prepare)(void);

	/*
	 * In the parent, once for each target that is used, when all else has been checked: checks what others have to be
	 * asked for; and, when go is true, gets everything ready for the workers. NULL for nothing to do.
	 */
	void (*connect)(const struct workflow *w, struct target *t, bool go, struct problems *p);

	/*
	 * Of a target that is elsewhere and connected to: where that is, whatever its settings are called; and the digest of
	 * what a task's notebook was when it was taken there, NULL when it was not. NULL for other targets.
	 */
	const char *(*place)(const struct target *t);
	const char *(*taken)(const struct task *t);

	/* In the parent: stops or continues (SIGSTOP, SIGCONT) processes of the target's that are no workers. NULL for none. */
	void (*signal)(int sig);

	/* Frees what connect() has made: t->state. NULL for nothing to do. */
	void (*disconnect)(struct target *t);

	/*
	 * In the worker: runs the notebook and fills the attempt. Leaves no process and no thread behind that
	 * outlives it.
	 */
	void (*run)(struct attempt *a);

	/*
	 * In a worker, for a target that is elsewhere: ends what was left running there, as a->again, number and remote_run
	 * say, without obeying a->stop. Returns whether it is certain that it is over. a has nothing else but task, log,
	 * first_run_id, wait_mask and mask.
	 */
	bool (*cancel)(struct attempt *a);
};

extern const struct target_ops target_local;
extern const struct target_ops target_databricks;

/* The table of a target's type; never NULL for a workflow that has been loaded. */
const struct target_ops *target_ops(const struct target *t);

#endif
