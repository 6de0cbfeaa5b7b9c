/*
 * The request that starts one notebook on a workspace: the body of POST /api/2.2/jobs/runs/submit.
 */
#ifndef NBFORK_DATABRICKS_SUBMIT_H
#define NBFORK_DATABRICKS_SUBMIT_H

#include <stddef.h>

#include "base/buf.h"
#include "workflow/model.h"

/* "nbfork" run names are cut to the platform's 4096 bytes; tokens are 64 hexadecimal digits. */
#define SUBMIT_TOKEN 65

/*
 * The idempotency token of an attempt: of the run that began this run folder, the notebook and the attempt's number, so that
 * every repetition of the request for it (after a lost answer, or by a later nbfork that resumes) is the same request to the
 * workspace, and no two attempts are.
 */
void submit_token(char token[SUBMIT_TOKEN], const char *first_run_id, const char *notebook, unsigned attempt);

/*
 * Appends the request. path is the notebook's absolute path in the workspace, cluster_id the cluster to use when the target
 * names none itself (NULL: none, then serverless). One task named by the notebook (made fit for a task_key);
 * base_parameters: strings as they are, everything else as JSON text; server-side timeout_seconds, rounded up, is the
 * task's; queue.enabled is true unless the target says otherwise.
 */
void submit_put(struct buf *body, const struct task *t, const char *workflow, const char *path, const char *cluster_id,
    const char *token);

#endif
