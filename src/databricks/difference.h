/*
 * What is different between the settings that a job is to have and those that it has.
 *
 * Members that the workspace adds of its own are no difference; neither is a number or text that it writes in another
 * way ("1" for 1), nor a list in another order. What the workflow does not have any more, or somebody has set by hand,
 * is one, as far as it is something that can be set: a schedule, a parameter, a trigger.
 *
 * A change is a JSON object: "change" is "added", "removed" or "changed"; "task" a task key, or null; "notebook" a path
 * in the workspace, or null; "key" which setting, "timeout_seconds" or "notebook_task.base_parameters.day", or null for
 * the whole; "from" and "to" are values, null where there is none.
 */
#ifndef NBFORK_DATABRICKS_DIFFERENCE_H
#define NBFORK_DATABRICKS_DIFFERENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/json.h"

/*
 * Adds every change to a list, and returns how many. wanted as job_put() makes it; found: the settings of jobs/get with
 * all tasks. The notebooks' digests in the tasks' descriptions are not looked at. A changed description of the job
 * counts where nothing else has changed (others: something that is not looked at here has), as a change of the key
 * "settings".
 */
size_t difference_put(struct json_out *changes, struct json wanted, struct json found, bool others);

/* Adds a change of a task or a notebook as a whole; the other one is NULL. */
void difference_add(struct json_out *changes, const char *change, const char *task, const char *notebook);

/* Adds that there will be a job: all is null but "to", which is its name. */
void difference_add_job(struct json_out *changes, const char *name);

/* Appends a change as a line for people, with its line end: "task load: timeout_seconds 600 -> 900", "+ task load". */
void difference_line(struct buf *out, struct json change);

#endif
