/*
 * The conductor: brings one run about. It makes the run folder, feeds the pool with the notebooks of the
 * workflow, turns what the pool tells it into records, and has the reports written.
 */
#ifndef NBFORK_CONDUCT_H
#define NBFORK_CONDUCT_H

#include <stdbool.h>

#include "report/progress.h"
#include "report/reports.h"
#include "workflow/model.h"

/* What the command line says about a run, beyond the workflow. */
struct conduct_options {
	const char *run_dir;	/* NULL: nbfork-runs/NAME-UTCSTAMP */
	const char *events;	/* NULL, a file, or "-" */
	struct reports reports;
	const char *html;	/* NULL, or a file for the report beside that in the run folder */
	bool json;	/* the results document on standard output */
	bool quiet;	/* neither summary nor progress */
	bool resume;	/* continue an earlier run, */
	const char *resume_dir;	/* in this folder, or NULL: the latest of this workflow */
	bool failed_first;	/* those that failed in it start before others */
	bool dry_run;	/* for conduct_plan(): as a table, */
	bool graph;	/* or as a graph; or with json as a document */
	enum progress_mode progress;
};

/* Exit statuses of the program. */
enum {
	EXIT_ALL_SUCCEEDED = 0,
	EXIT_SOME_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_BROKEN = 3,	/* base/log.h's EXIT_INTERNAL */
};

/*
 * Runs a workflow that has been checked. Everything there is to say is said here. Returns the exit status;
 * *sig is the signal to raise instead when one has stopped the run, else 0.
 */
int conduct(const struct workflow *w, const struct conduct_options *options, int *sig);

/*
 * Prints what conduct() would do, in the order in which it would. Starts and writes nothing. Returns the exit status.
 */
int conduct_plan(const struct workflow *w, const struct conduct_options *options);

#endif
