/*
 * The hooks of a run: commands of the workflow that are run when it begins (on_start, beside the first notebooks) and when
 * it is over (on_success or on_failure, then on_finish), one after the other, in the order of the workflow. What becomes of
 * them changes nothing for the run: it is said as a warning, and noted in run->hooks.
 *
 * The pool runs them (pool.h, beside): each is a job, whose process is in hook.h.
 */
#ifndef NBFORK_HOOKS_H
#define NBFORK_HOOKS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/problem.h"
#include "hook.h"
#include "report/run.h"
#include "rundir.h"

#define HOOK_VARIABLES 6

struct hooks {
	struct job job;	/* the one that runs */
	struct hook_order order;	/* its order */
	const char *variables[HOOK_VARIABLES][2];
	struct run *run;
	const struct rundir *dirs;
	size_t next;	/* of the workflow's commands, the first that has not been looked at */
	size_t log_from;	/* how much there was in the log when it was started */
	int64_t began, began_wall;	/* run clock, wall clock */
	bool runs, said;	/* it has been started and is not over; it has been said that it takes long */
	char *folder, *run_folder, *workflow_file, *log;	/* owned; the last three absolute */
};

/*
 * Adds a problem for each command whose program is not there, or cannot be executed: the first word with a slash in it is
 * seen from the folder of the workflow, another one is looked for in PATH.
 */
void hooks_check(const struct workflow *w, struct problems *p);

/* run is the one whose status and results they get, and whose list of hooks they fill. */
void hooks_init(struct hooks *h, struct run *run, const struct rundir *dirs);
void hooks_release(struct hooks *h);

/* The next job, prepared; NULL when there is none now: those of the end come once run->over is true. */
struct job *hooks_next(struct hooks *h);

/* The command of the job. */
const struct command *hooks_command(const struct hooks *h);

/* The job has been started. */
void hooks_started(struct hooks *h);

/*
 * While only hooks are left: says so of one that takes long, when it is time to. Returns the run clock time for that, INT64_MAX
 * for none.
 */
int64_t hooks_tick(struct hooks *h, int64_t now);

/*
 * The job is over, or could not be started. Says so when something was wrong, and returns what has become of it, which has
 * been added to run->hooks.
 */
const struct hook_run *hooks_ended(struct hooks *h);

/* Nothing more will be started: what was still to be is skipped, which is said. Returns how many those are, the last of run->hooks. */
size_t hooks_skip(struct hooks *h);

#endif
