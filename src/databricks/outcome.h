/*
 * What came of a run of the workspace: its result, its error, its executed copy.
 */
#ifndef NBFORK_DATABRICKS_OUTCOME_H
#define NBFORK_DATABRICKS_OUTCOME_H

#include "databricks/http.h"
#include "databricks/state.h"
#include "target.h"

/*
 * Fills an attempt whose run is over: status, failure (with the exception's name, message and traceback as
 * runs/get-output has them, escapes taken out), result, and the executed copy and log as outcome_fetch_copy(). A
 * success whose result cannot be fetched is a failure of kind target, which says so.
 */
void outcome_take(struct attempt *a, struct http *h, const struct run_state *s);

/*
 * Fetches the executed notebook (runs/export) and writes it and what it printed; fills cells_total, cells_executed,
 * and the failure's cell. That this cannot be done is a warning.
 */
void outcome_fetch_copy(struct attempt *a, struct http *h, const struct run_state *s);

/*
 * Fills a->remote: run_id, task_run_id (text of digits), code, message, queue_seconds, setup_seconds,
 * execution_seconds, result_truncated; and over: whether its end was seen. run_id is 0 for one that may have been
 * submitted.
 */
void outcome_put_remote(struct attempt *a, int64_t run_id, const struct run_state *s, bool over);

#endif
