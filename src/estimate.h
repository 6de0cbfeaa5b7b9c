/*
 * How long notebooks will take, by what is known best: how long they took before, else how large their data is.
 *
 * Earlier runs are the run folders beside each other, RUNS/NAME-UTCSTAMP (rundir.h): their journals hold an object of
 * the results document (report/results.h) for every notebook that was over. The newest run in which a notebook
 * with the same path and the same parameters succeeded tells its duration; where parameters are known only when the
 * notebook starts (struct param.deferred) or hold a secret, the same path and the same name do. At most
 * ESTIMATE_RUNS_MAX runs and ESTIMATE_BYTES_MAX bytes of journals are read, newest first, and no further than needed.
 *
 * The size is that of the files that a notebook's parameters name: text, or an element of a list of text, that is the
 * path of a regular file seen from the notebook's working directory or else from the workflow's folder. A file that is
 * named twice counts once. Where there are both durations and sizes, a size is made a duration by the seconds per byte
 * of notebooks of the same path, else of all, for which both are known; where there is no such notebook it stays a
 * size, and goes before what is unknown. Where there are no durations at all, bytes stand for seconds. What has
 * neither takes the duration of the same path and name in an earlier run, whatever the parameters were.
 */
#ifndef NBFORK_ESTIMATE_H
#define NBFORK_ESTIMATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "workflow/model.h"

#define ESTIMATE_RUNS_MAX 20
#define ESTIMATE_BYTES_MAX ((size_t)256 * 1024 * 1024)

enum estimate_source {
	ESTIMATE_UNKNOWN,
	ESTIMATE_HISTORY,	/* seconds, of an earlier run */
	ESTIMATE_SIZE,	/* bytes; seconds too where they could be told from them */
};

struct estimate {
	enum estimate_source source;
	double seconds;	/* negative: not known */
	int64_t bytes;	/* of the files that its parameters name; 0: none, or not looked at */
};

/*
 * Fills list, one for each task of the workflow. runs is the folder of run folders ("nbfork-runs"), folder that of the
 * workflow. What cannot be read or is no journal is passed over.
 */
void estimate_all(const struct workflow *w, const char *runs, const char *folder, struct estimate *list);

/*
 * From estimates to what schedule_new() takes: seconds[i], negative for unknown. Only the order of the values counts
 * where sizes could not be made durations.
 */
void estimate_weights(const struct estimate *list, size_t n, double *seconds);

/* "12.3s (earlier run)", "1.2 MB", "about 4.0s (1.2 MB)", "unknown": for people. b is the caller's. */
#define ESTIMATE_TEXT 64
const char *estimate_text(const struct estimate *e, char b[ESTIMATE_TEXT]);

/* Bytes as people write them: "512 B", "1.2 MB", "3.4 GB" (powers of 1000). */
const char *estimate_bytes_text(int64_t bytes, char b[ESTIMATE_TEXT]);

#endif
