/*
 * The check before the start: whether everything that a workflow names is there and fit to run.
 */
#ifndef NBFORK_VALIDATE_H
#define NBFORK_VALIDATE_H

#include "base/problem.h"
#include "workflow/model.h"

/*
 * Adds every problem found: notebooks that cannot be read, kernels that are not installed, values that cannot be
 * written as parameters, folders that are not there.
 */
void validate_workflow(const struct workflow *w, struct problems *p);

#endif
