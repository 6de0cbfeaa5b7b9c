/*
 * What a notebook asks for when it runs another one, made into a task: names, paths and arguments.
 */
#ifndef NBFORK_CHILDREN_H
#define NBFORK_CHILDREN_H

#include <stddef.h>

#include "base/json.h"
#include "base/table.h"
#include "workflow/model.h"

/*
 * Makes the task that a call (worker.h, kind "call") of a notebook asks for; its name is the path, until it has a
 * better one. Relative paths are seen from the folder of the call's "caller". Kernel, environment, target, threads and
 * limit of memory are those of the caller's task, which must outlive it; parameters are the arguments, as text; it has
 * the time that the call gives it, and no second attempt. Returns 0; or -1 with *why, the caller's to free. Free with
 * children_release() in either case.
 */
int children_task(struct task *t, const struct task *caller, struct json call, char **why);
void children_release(struct task *t);

/* How many bytes its parameters take, about. */
size_t children_bytes(const struct task *t);

/*
 * A name for a notebook that another one runs: CALLER.STEM, or CALLER.STEM-2 and so on, where all names that are not
 * free are in the table; fit for files. In the run folder (NULL: it is new) there must be no files of it, which a journal
 * that has lost its end would not know of. It is added to
 * the table, which has NULL for none of its values. The caller's to free.
 */
char *children_name(struct table *names, const char *caller, const char *file, const char *folder);

#endif
