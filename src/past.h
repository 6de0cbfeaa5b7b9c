/*
 * The past of a run folder, read from its journal (report/events.h): what --resume goes by.
 *
 * The journal is the truth: what it says is over is over, whatever results.json says. It may have been written by
 * several runs, one after the other, and end in the middle of a line or, after a power failure, in NUL bytes. What is
 * no line of JSON is passed over, and so are lines longer than 64 MiB, events that are not known, and what stands
 * before the start of the first run; of what is after the last line feed nothing counts.
 *
 * What a notebook was run on is kept as digests (inputs.h), so that it can be told whether it would be run on the same
 * now.
 */
#ifndef NBFORK_PAST_H
#define NBFORK_PAST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/table.h"
#include "inputs.h"

/* What the journal knows of one notebook. */
struct past_notebook {
	char *name;
	unsigned attempts;	/* the highest number of an attempt that was started */
	/*
	 * Something that may still run at a target elsewhere, because whoever followed it did not see its end: the number it
	 * was asked for by (0: nothing), and its id there (0: not known)
	 */
	unsigned submission;
	int64_t remote_run;
	struct inputs begun;	/* what it was asked for with */
	size_t asked;	/* when it was: see started */
	bool failed;	/* the last attempt that is over failed or timed out */
	/*
	 * The object of the results document of the last time it was over, JSON on one line, when that was a success;
	 * else NULL. A notebook that was started again afterwards and did not come to an end has none; one that was
	 * only skipped since, or was to be started and never was, still has it.
	 */
	char *success;
	struct inputs inputs;	/* of the success */
	char *run_id;	/* of the run it succeeded in; NULL without a success */
	/*
	 * When it succeeded, and when its last attempt was started: what comes later in the journal, of whatever notebook, has
	 * a larger number; 0 for never
	 */
	size_t order, started;
	/*
	 * JSON list on one line of the attempts that came to an end without success, oldest first, "[]" for none: the
	 * "ended" objects of notebook_attempt_failed and notebook_requeued events; and of a notebook_finished event
	 * that is no success and ends an attempt that was started, the same made from its notebook object. Its
	 * members: attempt, status, exit_status, signal, error, started_at, finished_at, duration_seconds,
	 * cpu_seconds, max_rss_bytes, output, log, url, remote; output and log, when not null, as an earlier attempt's files are
	 * named: notebooks/NAME.attemptN.ipynb, logs/NAME.attemptN.log.
	 */
	char *earlier_attempts;
};

struct past {
	char *run_id;	/* of the last run */
	char *first_run_id;	/* of the run that began the folder */
	char *name;	/* of the workflow in it */
	bool finished;	/* the last run came to its end by itself: it said so, however it ended */
	off_t size;	/* of the journal up to and with its last line feed: what comes after it is to be cut off */
	struct past_notebook **list;	/* in the order in which they were first met; owned */
	size_t n, cap;
	struct table names;	/* struct past_notebook by name */
	struct table children;	/* the names of notebooks that notebooks have run; values are not NULL */
};

#define PAST_INIT {NULL, NULL, NULL, false, 0, NULL, 0, 0, TABLE_INIT, TABLE_INIT}

/*
 * Reads the journal, from its first byte, from a descriptor of a file that is open for reading; its position is left
 * alone. p is as PAST_INIT makes it. Returns 0; or -1 with errno, p is then as before; a file in which there is not
 * even the start of a run (its id and the workflow's name) fails with ENODATA. The memory it takes is proportional to
 * the number of notebooks, not of lines.
 */
int past_read(struct past *p, int fd);
void past_release(struct past *p);

/* NULL when the journal does not know it. */
const struct past_notebook *past_find(const struct past *p, const char *name);

#endif
