/*
 * What a notebook runs on at a workspace: a cluster that is there, a new one, or serverless compute.
 */
#ifndef NBFORK_DATABRICKS_COMPUTE_H
#define NBFORK_DATABRICKS_COMPUTE_H

#include "workflow/model.h"

/*
 * What the task itself says, else its target: about the compute as a whole (existing_cluster_id, new_cluster,
 * serverless, environment_key), and about everything else one by one. Where neither names a compute it is
 * default_cluster; without one (NULL) it is serverless, as with an environment_key. The texts stay theirs: nothing is
 * to be released, and default_cluster must live on.
 */
struct compute compute_of(const struct task *t, const char *default_cluster);

/* Whether the target has an environment of that key. */
bool compute_has_environment(const struct databricks *d, const char *key);

#endif
