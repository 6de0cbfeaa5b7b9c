/*
 * A workflow as a saved job of the workspace: what POST /api/2.2/jobs/create and jobs/reset take as its settings.
 *
 * Every notebook is a task of the job. Tasks with the same new_cluster share one job cluster. The job is known
 * by its name and by a tag, which stands for the workflow's name and the folder of the workspace that its notebooks are
 * imported to: a job of the same name that somebody else has made, or has deployed from another folder, is another one.
 * The description has a digest of all settings, and that of a task a digest of its notebook, so that it shows what the
 * workflow has changed since.
 */
#ifndef NBFORK_DATABRICKS_JOB_H
#define NBFORK_DATABRICKS_JOB_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/problem.h"
#include "databricks/workspace.h"
#include "workflow/model.h"

#define JOB_TASKS_MAX 1000
#define JOB_TAG "nbfork"
#define JOB_MARK 33	/* 32 digits and a NUL byte: fit for the tags of every cloud */

/*
 * Adds a problem for everything in the workflow that a job cannot express and that would change what comes of it:
 * results handed on, secrets, allow_failure, policies, retries of some failures only, notebooks of several targets,
 * names that give the same task key. No network.
 */
void job_check(const struct workflow *w, struct problems *p);

/* Says as warnings what a job passes over because it only concerns when a notebook starts: pools, order and such. */
void job_notices(const struct workflow *w);

/*
 * Appends the settings, one line of JSON. The workflow has passed job_check() and its target is connected to. The
 * notebooks of this machine are read for their digests. creating: also what counts only when the job is made.
 */
void job_put(struct buf *out, const struct workflow *w, const struct workspace *ws, bool creating);

/* The value of the tag JOB_TAG. */
void job_mark(char mark[JOB_MARK], const struct workflow *w, const struct workspace *ws);

/*
 * Appends a parameter's value as the text that the task gets, {{ run.id }} as {{job.run_id}}. Returns 0, or -1 with
 * *why, the caller's to free, when it looks up the result of a notebook.
 */
int job_value(const struct task *t, const struct param *p, struct buf *text, char **why);

#endif
