/*
 * The runtime: what Databricks' notebooks find in a Python kernel, dbutils above all. It is the program
 * databricks_runtime.py, which the kernel executes, silently, before the first cell.
 *
 * A kernel that compiles it leaves the result in the run's private folder, for all that come later.
 */
#ifndef NBFORK_LOCAL_RUNTIME_H
#define NBFORK_LOCAL_RUNTIME_H

#include "local/session.h"

/*
 * Gives it to the kernel of a session that has just started, where the notebook is one for it and the kernel one of
 * Python; else does nothing. Returns as session_prepare.
 */
enum verdict runtime_start(struct session *s);

/* Adds the secrets that dbutils may hand out to the attempt's mask: to be called before anything is run. */
void runtime_mask(struct attempt *a);

/* When the kernels have ended: removes what they have left, but in the private folder only where nobody else will. */
void runtime_end(const struct attempt *a);

#endif
