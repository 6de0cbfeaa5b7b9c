/*
 * From what the pool saw of a worker to what the records say of its notebook.
 */
#ifndef NBFORK_VERDICT_H
#define NBFORK_VERDICT_H

#include <stdbool.h>

#include "base/json.h"
#include "pool/job.h"
#include "report/run.h"

/*
 * Fills a record from a job that is over: status, error, result, cells, exit status, usage. A worker that has sent its
 * result has written everything before that, so the result is believed whatever its process died of later; why it was
 * stopped is known better here than there. reason says for people why the run was stopped, if it was.
 */
void verdict_of_job(struct record *r, const struct job *j, const char *reason);

/* Takes from a record's error, if there is one, what may be long: its traceback, and most of its message. */
void verdict_shorten(struct record *r);

/*
 * Whether a worker of a target that is elsewhere saw the end of what it followed there, so that nothing is left to
 * follow: one that died, or was killed while it waited, did not, nor one that was told to stop and could not wait for
 * it. error and remote are as in the results document, JSON_NOTHING for none.
 */
bool verdict_saw_end(bool killed, struct json error, struct json remote);

/*
 * What the record's worker left running elsewhere has been cancelled, and is over: its error, if there is one, does not
 * say any more that this could not be confirmed.
 */
void verdict_of_cancelled(struct record *r);

/* Fills the record of a notebook that was never started, because of the reason. */
void verdict_of_skipped(struct record *r, const char *reason);

/*
 * Fills the record of a notebook whose turn never comes, because of how those ended that it depends on. excluded:
 * what it was there for did not come, which is no failure.
 */
void verdict_of_dropped(struct record *r, const struct run *run, bool excluded);

/* Fills the record of a notebook that could not be started, because a value that it asks others for is not there. */
void verdict_of_dependency(struct record *r, const char *why);

#endif
