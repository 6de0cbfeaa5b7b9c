/*
 * The request that starts one notebook on a workspace: the body of POST /api/2.2/jobs/runs/submit.
 */
#ifndef NBFORK_DATABRICKS_SUBMIT_H
#define NBFORK_DATABRICKS_SUBMIT_H

#include <stddef.h>

#include "base/buf.h"
#include "workflow/model.h"

#define SUBMIT_TOKEN 65	/* 64 hexadecimal digits, all that the platform takes, and a NUL byte */

/*
 * The idempotency token of an attempt: of the run that began this run folder, the notebook and the attempt's number,
 * so that every repetition of the request for it (after a lost answer, or by a later nbfork that resumes) is the same
 * request to the workspace, and no two attempts are.
 */
void submit_token(char token[SUBMIT_TOKEN], const char *first_run_id, const char *notebook, unsigned attempt);

/* The task_key for a notebook's name: letters, digits, '-' and '_', 100 at the most. The caller's to free. */
char *submit_task_key(const char *name);

/*
 * Appends the request, one line of JSON with the secrets in it. path is the notebook's absolute path in the
 * workspace; workflow comes before the notebook's name in the run's, NULL for none (what is over the platform's 4096
 * bytes is cut). cluster_id is the cluster to use when neither the task nor its target names a compute, NULL for none,
 * which means serverless. One task named by the notebook (made fit for a task_key); base_parameters: strings as they are,
 * everything else as JSON text; the task's timeout, rounded up to seconds, is the run's timeout_seconds;
 * queue.enabled is true unless the target says otherwise.
 */
void submit_put(struct buf *body, const struct task *t, const char *workflow, const char *path, const char *cluster_id,
    const char *token);

#endif
