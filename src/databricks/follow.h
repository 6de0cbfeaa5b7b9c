/*
 * One notebook as one run of the workspace: submitted, followed to its end, cancelled when it is to stop, and fetched.
 */
#ifndef NBFORK_DATABRICKS_FOLLOW_H
#define NBFORK_DATABRICKS_FOLLOW_H

#include "target.h"

/*
 * The table's run() (target.h), in a worker. PROGRESS frames beside those of worker.h: {"kind": "submitted",
 * "run_id": N, "url": TEXT}, sent before anything else can happen to the run. A worker whose nbfork has been killed
 * leaves the run alone, so that a later one can follow it; a stop cancels it.
 */
void follow_run(struct attempt *a);

/* The table's cancel(). */
bool follow_cancel(struct attempt *a);

#endif
