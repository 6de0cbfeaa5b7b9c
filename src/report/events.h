/*
 * The event stream: JSON Lines, one line an event, each written with one write(2) as it happens, to events.jsonl in the
 * run folder and to where --events points.
 *
 * Every line is an object with "time" (UTC, milliseconds) and "event". In the order of a run:
 * run_started {run: {id, dir}, workflow: {name, file}, target, processes, on_error, notebooks: N};
 * notebook_started {name, attempt, pid};  kernel_ready {name, attempt, pid, seconds};
 * cell_started {name, attempt, cell, number, total};  cell_finished {..., seconds, failed};
 * notebook_finished {name, attempt, notebook: the object of the results document};
 * run_stopping {reason};  run_finished {status, counts, duration_seconds}.
 *
 * Functions return 0, or -1 with errno when a line could not be written to the run folder; then nothing of
 * it is left there. The reader of the other stream never holds up the run: what it does not take yet waits
 * in memory, and a reader that goes away, or is 64 MiB late, is dropped with a warning. SIGPIPE must be
 * ignored.
 */
#ifndef NBFORK_REPORT_EVENTS_H
#define NBFORK_REPORT_EVENTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "report/run.h"
#include "report/sink.h"

struct events {
	int fd;	/* events.jsonl; -1 when closed */
	off_t size;	/* of it, in whole lines */
	int also_fd;	/* --events; -1 for none, or when it was dropped */
	struct sink also;	/* writes to it */
	char *also_name;	/* for messages; owned */
};

#define EVENTS_INIT {-1, 0, -1, SINK_INIT, NULL}

/*
 * Creates RUN-FOLDER/events.jsonl, which must not be there yet. also: a path, "-" for standard output, or
 * NULL. A file is written anew; for a named pipe without a reader one is waited for, 10 s at the most. On -1
 * with errno, *what (static or also itself) is the file that failed, and there is nothing to undo.
 */
int events_open(struct events *e, const char *folder, const char *also, const char **what);

/* The other stream gets what still waits for it, as long as its reader takes something at least once a minute. */
void events_close(struct events *e);

/* Offers the other stream what waits for it; returns the run clock time when to do so again, INT64_MAX for no need. */
int64_t events_tick(struct events *e);

int events_run_started(struct events *e, const struct run *run);
int events_notebook_started(struct events *e, const struct record *r);
int events_kernel_ready(struct events *e, const struct record *r, int pid, double seconds);

/*
 * cell: its index in the executed copy; number: the how many-th of total it is that runs. seconds and failed
 * count only for one that has finished.
 */
int events_cell(struct events *e, const struct record *r, bool started, unsigned cell, unsigned number, unsigned total,
    double seconds, bool failed);

int events_notebook_finished(struct events *e, const struct run *run, const struct record *r);
int events_run_stopping(struct events *e, const char *reason);
int events_run_finished(struct events *e, const struct run *run);

#endif
