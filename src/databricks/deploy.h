/*
 * Deploying: a workflow becomes a saved job of the workspace, which is made when it is not there, and brought up to
 * date when it is and differs.
 */
#ifndef NBFORK_DATABRICKS_DEPLOY_H
#define NBFORK_DATABRICKS_DEPLOY_H

#include <stdbool.h>

#include "workflow/model.h"

struct deploy_options {
	bool dry_run;	/* look and tell, change nothing */
	bool run_now;	/* start the job then */
	bool json;	/* a document instead of lines */
	bool quiet;	/* no lines */
};

/*
 * Deploys a workflow that has passed job_check() and whose target is connected to (workspace.h, go false: notebooks
 * are imported here, those that have changed). Prints the job's address and what is different; what is wrong is said.
 * Returns 0; 1 when the workspace refused something or could not be reached; 2 when there is more than one job that was
 * deployed from the workflow; 3 when it cannot go on itself. All calls are made by a child process.
 */
int deploy(const struct workflow *w, const struct deploy_options *o);

#endif
