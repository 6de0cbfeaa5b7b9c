/*
 * What is known only when a notebook starts: run.id, and the results and values of those it depends on.
 */
#ifndef NBFORK_VALUES_H
#define NBFORK_VALUES_H

#include <stdbool.h>

#include "base/buf.h"
#include "report/run.h"
#include "workflow/model.h"

/* Whether a task has such a parameter or variable. */
bool values_needed(const struct task *t);

/*
 * Makes out a copy of a task in which all parameters and variables have their values: its lists are its own, to be
 * freed with values_release(), everything else is still t's. The records of all that it depends on are done.
 * run_id: what run.id is. Returns 0; or -1 with *why, the caller's to free: which expression, and what the notebook
 * in question returned.
 */
int values_make(struct task *out, const struct task *t, const struct run *run, const char *run_id, char **why);
void values_release(struct task *out);

/*
 * Appends what the notebooks that a task depends on have set for others, as the worker wants it (struct attempt's
 * task_values).
 */
void values_put_all(const struct task *t, const struct run *run, struct buf *out);

#endif
