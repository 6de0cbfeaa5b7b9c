/*
 * The check before the start: whether everything that a workflow names is there and fit to run.
 */
#ifndef NBFORK_VALIDATE_H
#define NBFORK_VALIDATE_H

#include <stdbool.h>

#include "base/problem.h"
#include "workflow/model.h"

/*
 * Adds every problem found: notebooks that cannot be read, kernels that are not installed, values that cannot be
 * written as parameters, folders that are not there. When none is found, targets that are elsewhere are connected to
 * (target.h), ready to run notebooks when go is true; validate_release() undoes that, in any case.
 */
void validate_workflow(const struct workflow *w, bool go, struct problems *p);
void validate_release(const struct workflow *w);

/* The same for one notebook that is not in the workflow. */
void validate_notebook(const struct workflow *w, const struct task *t, struct problems *p);

#endif
