/*
 * The past of a run folder, read from its journal (report/events.h): what --resume goes by.
 *
 * The journal is the truth: what it says is over is over, whatever results.json says. It may have been written by several
 * runs, one after the other, and end in the middle of a line or, after a power failure, in NUL bytes. What is no line of JSON
 * is passed over; of what is after the last line feed nothing counts.
 *
 * What a notebook was run on is kept as digests, so that it can be told whether it would be run on the same now.
 */
#ifndef NBFORK_PAST_H
#define NBFORK_PAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/table.h"
#include "workflow/model.h"

/* SHA-256 in hexadecimal, or "" for none. */
#define DIGEST_TEXT 65

/* What an attempt was made on: "inputs" of a notebook_finished event. */
struct inputs {
	char notebook[DIGEST_TEXT];	/* of the notebook file's bytes */
	char parameters[DIGEST_TEXT];	/* of names and values as evaluated, and of the environment's variables; secrets by name */
	char kernel[DIGEST_TEXT];	/* of target, kernel and working directory */
	char upstream[DIGEST_TEXT];	/* of name, status and result of each notebook that it depends on */
};

/* Digests of a file's bytes and of n bytes. The first returns 0, or -1 with errno and digest "". */
int digest_file(char digest[DIGEST_TEXT], const char *path);
void digest_bytes(char digest[DIGEST_TEXT], const void *p, size_t n);

/*
 * What has changed between two sets of inputs: "the notebook", "its parameters", "its kernel", "a result that it
 * depends on"; the first that applies, NULL for nothing. Static text.
 */
const char *inputs_difference(const struct inputs *before, const struct inputs *now);

/* What the journal knows of one notebook. */
struct past_notebook {
	char *name;
	unsigned attempts;	/* the highest number of an attempt that was started */
	bool failed;	/* the last attempt that is over failed or timed out */
	/*
	 * The object of the results document of the last time it was over, JSON on one line, when that was a success; else
	 * NULL. A notebook that was started again afterwards and did not come to an end has none.
	 */
	char *success;
	struct inputs inputs;	/* of the success */
	char *run_id;	/* of the run it succeeded in */
	/*
	 * JSON list on one line of the attempts that came to an end without success, oldest first, "[]" for none: the
	 * "ended" objects of notebook_attempt_failed events; and of a notebook_finished event that is no success and that
	 * was started (attempts > 0) the same made from its notebook object. Its members: attempt, status, exit_status,
	 * signal, error, started_at, finished_at, duration_seconds, cpu_seconds, max_rss_bytes, output, log; output and log,
	 * when not null, as an earlier attempt's files are named: notebooks/NAME.attemptN.ipynb, logs/NAME.attemptN.log.
	 */
	char *earlier_attempts;
};

struct past {
	char *run_id;	/* of the last run */
	char *name;	/* of the workflow in it */
	bool finished;	/* it came to its end by itself */
	off_t size;	/* of the journal up to and with its last line feed: what comes after it is to be cut off */
	struct past_notebook **list;	/* in the order in which they were first met; owned */
	size_t n, cap;
	struct table names;	/* struct past_notebook by name */
};

#define PAST_INIT {NULL, NULL, false, 0, NULL, 0, 0, TABLE_INIT}

/*
 * Reads the journal from a descriptor that is open for reading. Returns 0; or -1 with errno; a file in which there is not
 * even the start of a run fails with ENODATA. The memory it takes is proportional to the number of notebooks, not of lines.
 */
int past_read(struct past *p, int fd);
void past_release(struct past *p);

/* NULL when the journal does not know it. */
const struct past_notebook *past_find(const struct past *p, const char *name);

#endif
