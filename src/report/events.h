/*
 * The event stream: JSON Lines, one line an event, each written with one write(2) as it happens, to events.jsonl in
 * the run folder, where it is the journal that --resume goes by (past.h), and to where --events points.
 *
 * Every line is an object with "time" (UTC, milliseconds) and "event". In the order of a run:
 *	run_started {run: {id, dir, resumed_from}, workflow: {name, file}, target, processes, on_error,
 *		on_error_after, notebooks: N, pid, plan: a list of {name, path, target, allow_failure, depends_on: indices of
 *		the list; null where those of all together are more than EVENTS_EDGES_MOST} of the workflow's notebooks}
 *	notebook_kept {name, run: the id of the run in which it succeeded}
 *	notebook_called {name, parent, parent_attempt, path: as it was asked for}
 *	notebook_started {name, attempt, pid, reason: why it runs again although it has succeeded, or null, submission: the
 *		number by which it is asked for at a target that is elsewhere, or null; inputs, then; slot: of the pool, from 0;
 *		queued_seconds: since it could have been started}
 *	notebook_submitted {name, attempt, submission, run_id: there, as text, url or null}
 *	kernel_ready {name, attempt, pid, start, seconds}
 *	cell_started {name, attempt, cell, number, total}, cell_finished {..., seconds, failed}
 *	notebook_attempt_failed {name, attempt, retry_in_seconds, ended: the object of earlier_attempts}
 *	notebook_requeued {name, attempt, reason, ended: likewise}
 *	notebook_finished {name, attempt, inputs, cause: of one that was skipped, the notebook whose failure that was for, or
 *		null; fails_run: whether it keeps the run from having succeeded; notebook: the object of the results document}
 *	memory_sampled {available_bytes: of the machine, or null; kernels: a list of {name, attempt, rss_bytes} of those that
 *		run on this machine}, now and then
 *	processes_changed {processes}
 *	run_stopping {reason}
 *	run_finished {status, counts, duration_seconds}
 *	hook_started {hook, command, pid}, hook_finished {the members of its object of the results document}; those of
 *		on_start may come at any time, those of the other hooks come last
 * Those of a notebook that is run by another one have "parent", that one's name, beside name; its notebook_finished
 * comes before its parent's, whose object holds its own. A run that continues another one in its folder writes on in the
 * same journal.
 *
 * Durability: that a notebook is over must not be forgotten once something else goes by it. events_sync() puts what
 * was written on the disk (fdatasync); it is called before a notebook is started that depends on others, and
 * otherwise within a tenth of a second. After a power failure at most that much is missing, and those notebooks run
 * again. A kill of the process, even with SIGKILL, loses nothing, because what has been written is the system's.
 *
 * Functions return 0, or -1 with errno when a line could not be written to the run folder; then nothing of it is
 * left there. The reader of the other stream never holds up the run: what it does not take yet waits in memory, and
 * a reader that goes away, or is 64 MiB late, is dropped with a warning. SIGPIPE must be ignored.
 */
#ifndef NBFORK_REPORT_EVENTS_H
#define NBFORK_REPORT_EVENTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "report/run.h"
#include "report/sink.h"

/* How many dependencies of all notebooks together a run_started event tells. */
#define EVENTS_EDGES_MOST 100000

struct events {
	int fd;	/* events.jsonl; -1 when closed */
	off_t size;	/* of it, in whole lines */
	bool unsynced;	/* a notebook is over, or an earlier success is no more, and the disk may not know it yet */
	int64_t sync_at;	/* run clock: when it must, at the latest */
	int also_fd;	/* --events; -1 for none, or when it was dropped */
	struct sink also;	/* writes to it */
	char *also_name;	/* for messages; owned */
};

#define EVENTS_INIT {-1, 0, false, 0, -1, SINK_INIT, NULL}

/*
 * Opens RUN-FOLDER/events.jsonl: a new one, which must not be there yet, or, to continue, the one that is there. It
 * is locked (flock) for as long as it is open: where another process has it, this fails with EBUSY. Where the file
 * system knows no locks there is none, with a warning. also: a path, "-" for standard output, or NULL. A file is
 * written anew; for a named pipe without a reader one is waited for, 10 s at the most. On -1 with errno, *what
 * (static or also itself) is the file that failed, and there is nothing to undo.
 */
int events_open(struct events *e, const char *folder, bool continues, const char *also, const char **what);

/* Cuts a journal that is continued off behind its last whole line, at size. Returns 0, or -1 with errno. */
int events_cut(struct events *e, off_t size);

/* Makes sure that the disk has what was written, if there is something it must have. Returns 0, or -1 with errno. */
int events_sync(struct events *e);

/* The other stream gets what still waits for it, as long as its reader takes something at least once a minute. */
void events_close(struct events *e);

/*
 * Offers the other stream what waits for it. Returns the run clock time when to do so again, or when to call
 * events_sync(); INT64_MAX for no need.
 */
int64_t events_tick(struct events *e);

/* Whether events_sync() is due. */
bool events_sync_is_due(const struct events *e);

int events_run_started(struct events *e, const struct run *run);
int events_notebook_kept(struct events *e, const struct record *r);
int events_notebook_called(struct events *e, const struct record *r);
int events_notebook_started(struct events *e, const struct record *r);
int events_notebook_submitted(struct events *e, const struct record *r);
int events_kernel_ready(struct events *e, const struct record *r, int pid, double seconds);

/*
 * cell: its index in the executed copy; number: the how many-th of total it is that runs. seconds and failed
 * count only for one that has finished.
 */
int events_cell(struct events *e, const struct record *r, bool started, unsigned cell, unsigned number, unsigned total,
    double seconds, bool failed);

/*
 * The attempt is over, as the record has it, and another one follows after so many seconds; or at once, for the
 * reason.
 */
int events_attempt_failed(struct events *e, const struct record *r, double delay);
int events_requeued(struct events *e, const struct record *r, const char *reason);

/* All of its cells have run: its place in the pool is free while its kernel ends. */
int events_notebook_departs(struct events *e, const struct record *r);

int events_notebook_finished(struct events *e, const struct record *r);

/*
 * What is free (negative: it cannot be told), and what each of n records has.
 */
struct events_memory {
	const struct record *record;
	int64_t bytes;
};
int events_memory_sampled(struct events *e, int64_t available, const struct events_memory *kernels, size_t n);

int events_processes_changed(struct events *e, unsigned processes);
int events_run_stopping(struct events *e, const char *reason);
int events_hook_started(struct events *e, const struct command *c, int pid);
int events_hook_finished(struct events *e, const struct hook_run *h);
int events_run_finished(struct events *e, const struct run *run);

#endif
