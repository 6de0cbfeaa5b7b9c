/*
 * A run and what is known about each of its notebooks: what the conductor (conduct.h) keeps up to date and the
 * reports read.
 */
#ifndef NBFORK_REPORT_RUN_H
#define NBFORK_REPORT_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "workflow/model.h"
#include "workflow/status.h"

enum record_state {
	RECORD_WAITING,
	RECORD_RUNNING,
	RECORD_DONE,
};

/* One notebook of the run. */
struct record {
	const struct task *task;
	enum record_state state;
	unsigned attempts;	/* started so far, in earlier runs of this folder too */
	unsigned tries;	/* of them in this run */
	unsigned requeued;	/* of those, stopped only to be queued again: they cost no retry */
	int64_t queued_at;	/* run clock: when it could have been started had there been room */
	int64_t retry_at;	/* run clock: when the next attempt is due, while it waits for that; 0 otherwise */
	double estimate;	/* seconds that it may take; negative: unknown */
	/*
	 * why it runs although it has succeeded in an earlier run of this folder, "its parameters have changed"; NULL
	 */
	char *again_because;
	int64_t started_at, ended_at;	/* run clock; valid once running, done (a skipped one was never started) */
	int64_t started_wall, ended_wall;	/* wall clock, microseconds; 0 for never */
	int slot;	/* of the pool, while it runs */

	/* While it runs. */
	int pid;	/* of its worker */
	int kernel_pid;	/* when that is ready; 0 */
	bool kernel_ready;	/* once in the attempt; with what follows also when it is over */
	bool warm;	/* the kernel was forked from one that was ready */
	double ready_seconds;	/* from its start until it answered */
	unsigned cell;	/* how many code cells have been started, of */
	unsigned cells;	/* how many there are to run (0: not known yet) */
	bool ending;	/* all of them have run, and its kernel ends */
	int64_t cell_started_at;	/* run clock */
	char *line;	/* the last line it printed, made safe to show; NULL for none */

	/* Once done. */
	enum status status;
	bool excluded;	/* skipped, because what it was there for did not come: that is no failure */
	const struct record *cause;	/* of a skipped one: whose failure, in the end, it was skipped for; NULL otherwise */
	/*
	 * It was not run: it succeeded in an earlier run of this folder, whose object of the results document this is
	 * (JSON on one line), and whose id
	 */
	char *kept, *kept_from;
	bool has_exit_status;	/* of the worker: it ended by exit */
	int exit_status;
	int signal;	/* of the worker: it was killed by this; 0 otherwise */
	/*
	 * JSON object {kind, name, message, cell, execution_count, traceback} on one line; NULL for none
	 */
	char *error;
	char *result;	/* JSON text on one line; NULL for none */
	char *values;	/* JSON object on one line, of what it has set for others; NULL for nothing */
	unsigned cells_total, cells_executed;
	double cpu_seconds;	/* user and system, of the whole tree */
	int64_t max_rss_bytes;	/* the largest of the tree's processes */
	bool has_output, has_log;	/* notebooks/NAME.ipynb, logs/NAME.log are there */
	/*
	 * Of a target that is elsewhere: a page about it, and a JSON object of what the place said of it, each owned, NULL for
	 * none; and what has been started there for the present attempt, 0 for nothing that is known
	 */
	char *url, *remote;
	int64_t remote_run;
	/*
	 * the number under which that was asked for: the attempt's, or that of an earlier one whose worker died and left
	 * something running there; 0: nothing is
	 */
	unsigned submission;
	/*
	 * A notebook may run others (dbutils.notebook.run): each such run has a record of its own, and is a child of the
	 * record of the notebook that called it. Those of the workflow have no parent.
	 */
	struct record *parent;
	unsigned parent_attempt;	/* which attempt of the parent called it */
	struct record *children, *last_child;	/* in the order of the calls, of all attempts; NULL for none */
	struct record *next;	/* the parent's next child */
	char *inputs;	/* JSON object on one line of digests of what it was run on (inputs.h); NULL for none */
	char *earlier_attempts;	/* JSON list on one line of the attempts that failed before the last one; NULL for none */
};

/* A command of a hook that has run. */
struct hook_run {
	const struct command *command;
	/*
	 * failed also when it could not be started; cancelled when a signal has stopped it, skipped when one came before it was
	 * started
	 */
	enum status status;
	bool has_exit_status;	/* it ended by exit */
	int exit_status;
	int signal;	/* it was killed by this; 0 otherwise */
	char *message;	/* what went wrong; NULL for nothing; owned */
	int64_t started_at, ended_at;	/* run clock */
	int64_t started_wall, ended_wall;	/* wall clock, microseconds; 0 for never */
	bool has_log;	/* logs/hooks/HOOK.log is there */
};

struct run {
	const struct workflow *workflow;
	char *id;	/* NAME-UTCSTAMP and the like: unique among this user's runs */
	char *folder;	/* the run folder, as given or made */
	const char *resumed_from;	/* the id of the run before in this folder; NULL for none */
	unsigned processes;	/* how many notebooks may run at a time now */
	struct record *records;	/* one a task, in the order of the workflow; their children hang on them */
	size_t n;
	int64_t started_at, ended_at;	/* run clock */
	int64_t started_wall, ended_wall;	/* wall clock, microseconds */
	size_t waiting, running;	/* records of the workflow's notebooks in these states */
	const char *held;	/* why nothing is started although there is room, for people; NULL when nothing is held */
	size_t counts[STATUSES];	/* of these, that are done, by status */
	struct children {
		size_t waiting, running, counts[STATUSES];
	} children;	/* the same of the notebooks that notebooks run */
	struct hook_run *hooks;	/* in the order in which they ended; owned */
	size_t nhooks;
	bool over;
	bool torn_off;	/* it is told of (report/recall.h), and was killed before it was over */
	/*
	 * succeeded, failed; timed_out: the run's time was over; cancelled: a signal stopped it
	 */
	enum status status;
	bool stopping;	/* nothing is started any more */
	/*
	 * why, for people: "'b' failed (fail-fast)", "SIGINT", ...; NULL when it was not stopped; owned by the
	 * conductor
	 */
	const char *stop_reason;
};

/*
 * Walks all records of a run: each notebook of the workflow is followed by its children, each of them by its own. NULL
 * gives the first one; NULL comes after the last.
 */
struct record *record_after(const struct run *run, const struct record *r);

/* How many notebooks called each other for it to be run: 0 for one of the workflow. */
unsigned record_depth(const struct record *r);

/*
 * Whether the record, which is done, keeps the run from having succeeded. A failure that is allowed does not; that a
 * notebook was stopped or never started is not its own failure.
 */
bool record_fails_the_run(const struct record *r);

/* Frees the list of hooks. */
void run_release_hooks(struct run *run);

/* Frees what a record owns; its children are the caller's. */
void record_release(struct record *r);

/* The error object's kind, name and message, decoded; each the caller's to free, NULL when it is not there. */
struct record_error {
	char *kind, *name, *message;
	int64_t cell, execution_count;	/* -1 for none */
};
void record_error(const struct record *r, struct record_error *e);
void record_error_of(struct json object, struct record_error *e);
void record_error_release(struct record_error *e);

#endif
