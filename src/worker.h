/*
 * What a child of the pool does: one attempt at one notebook, from reading it to reporting how it went.
 *
 * PROGRESS frames (pool/frame.h) hold one JSON object each, by "kind":
 *	{"kind": "kernel", "pid": N, "start": TEXT, "seconds": S}	the kernel answers, S seconds after the start
 *	{"kind": "cell_started", "cell": INDEX, "number": N, "total": M}	the N-th of M code cells
 *	{"kind": "cell_finished", ..., "seconds": S, "failed": BOOL}
 *	{"kind": "line", "text": TEXT}				the last line printed, safe to show
 *	{"kind": "found_ending"}	what an earlier attempt has left is ending: its end is waited for without a limit
 *	{"kind": "found_over"}		what came of that is not of this attempt's making
 *	{"kind": "call", "id": N, "path": TEXT, "caller": TEXT, "timeout_seconds": S, "arguments": {NAME: TEXT},
 *	 "secrets": [NAME]}		it runs another notebook and waits for it; secrets: the arguments that hold one
 *	{"kind": "departs"}		it has succeeded and is written; there is no more to wait for than its kernel's end
 *	{"kind": "uncall", "id": N}	it does not wait for that any more
 * The RESULT frame holds
 *	{"status": NAME, "error": OBJECT or null, "result": VALUE or null, "exit": TEXT or null, "values": OBJECT or null,
 *	 "cells": {"total": M, "executed": N}, "saved": BOOL, "cpu_seconds": S, "max_rss_bytes": N,
 *	 "url": TEXT or null, "remote": OBJECT or null}
 * where the seconds and bytes are those of processes that are not the worker's own; with the error object and the values
 * of the results document.
 */
#ifndef NBFORK_WORKER_H
#define NBFORK_WORKER_H

#include "pool/job.h"
#include "workflow/model.h"

/* What a worker is to do: job->data. Made before the fork, not changed after it. */
struct assignment {
	const struct task *task;
	const struct assignment *caller;	/* of the notebook that runs it, and whose secrets it may be told; NULL */
	char *output;	/* where the executed copy goes */
	char *log;	/* where what it prints goes */
	const char *private_folder;	/* of the run; the worker uses one below it, by its slot */
	char *task_values;	/* see struct attempt */
	int64_t line_interval;	/* likewise */
	/* For a target that is elsewhere: struct attempt (target.h) says what they are. */
	const char *first_run_id;
	unsigned number;
	bool again;
	int64_t remote_run;
	bool obsolete;
};

/* A result larger than this many bytes of JSON fails the notebook instead of being cut. */
#define RESULT_BYTES_MAX ((size_t)8 * 1024 * 1024)

/* So does the text that it ended itself with as JSON, in which much may be escaped, and what it sets for others. */
#define EXIT_BYTES_MAX (2 * RESULT_BYTES_MAX)
#define VALUES_BYTES_MAX RESULT_BYTES_MAX

/* A job's run function. Returns one of the WORKER_ exit statuses of target.h. */
int worker_main(struct job *job, int fd);

/*
 * The same for a target that is elsewhere, to do nothing but to end what has been left running there for the
 * assignment. Returns WORKER_CANCELLED, or WORKER_FAILED when that could not be confirmed. No frames but LOG.
 */
int worker_cancel(struct job *job, int fd);

/* The private folder of a slot: PRIVATE/SLOT. The caller's to free. */
char *worker_folder(const char *private_folder, int slot);

#endif
