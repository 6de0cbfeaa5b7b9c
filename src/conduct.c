#include "conduct.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/guard.h"
#include "base/log.h"
#include "base/mem.h"
#include "conductor.h"
#include "report/github.h"
#include "report/results.h"
#include "report/summary.h"
#include "report/text.h"
#include "target.h"
#include "values.h"

void
conductor_journal(struct conductor *c, int r)
{
	int error = errno;

	if (r == 0)
		return;
	pool_give_up(error);
	if (!c->journal_failed) {
		log_error("cannot write the event stream: %s", strerror(error));
		c->journal_failed = true;
		c->journal_error = error;
	}
}

void
conductor_sync(struct conductor *c)
{
	if (!c->events.unsynced)
		return;
	if (rundir_sync(&c->dirs) == -1)
		log_warn("cannot synchronize '%s/notebooks': %s", c->run.folder, strerror(errno));
	conductor_journal(c, events_sync(&c->events));
}

/* ---- The folder ---- */

/*
 * A place that cannot be written to is the user's to mend, like a bad option; a system that is out of something is
 * not.
 */
static int
status_of_errno(int error)
{
	switch (error) {
	case ENOSPC:
	case EDQUOT:
	case EIO:
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return EXIT_BROKEN;
	default:
		return EXIT_USAGE;
	}
}

/* Says what could not be done; errno says why. Returns the exit status. */
static int
refuse(char *what)
{
	int error = errno;

	if (error == EBUSY)
		log_error("%s: another nbfork is at work there", what);
	else
		log_error("%s: %s", what, strerror(error));
	free(what);
	return status_of_errno(error);
}

/* A new folder with a new journal. Returns 0, or the exit status. */
static int
open_new(struct conductor *c, const struct conduct_options *o)
{
	const char *file = NULL;
	char *what = NULL;
	int error;

	if (rundir_make(&c->dirs, c->workflow, o->run_dir, &what) == -1)
		return refuse(what);
	if (events_open(&c->events, c->dirs.folder, false, o->events, &file) == 0 &&
	    reports_check(&o->reports, &file) == 0)
		return 0;
	error = errno;
	what = xasprintf("cannot write '%s'", file);
	rundir_unmake(&c->dirs);
	errno = error;
	return refuse(what);
}

/* The folder and the journal of an earlier run. Returns 0, or the exit status. */
static int
open_old(struct conductor *c, const struct conduct_options *o)
{
	const char *file = NULL;
	char *what = NULL, *folder;
	int error;

	folder = rundir_find(c->workflow, o->resume_dir, &what);
	if (folder == NULL)
		return refuse(what);
	if (reports_check(&o->reports, &file) == -1) {
		error = errno;
		what = xasprintf("cannot write '%s'", file);
		free(folder);
		errno = error;
		return refuse(what);
	}
	/* The journal first: its lock is nbfork's own, that of the folder is the workers' too. */
	if (events_open(&c->events, folder, true, o->events, &file) == -1) {
		what = xasprintf(errno == EBUSY ? "cannot resume the run in '%s'" : "cannot resume the run in '%s': cannot open '%s'",
		    folder, file);
	} else if (past_read(&c->past, c->events.fd) == -1) {
		what = xasprintf("cannot resume the run in '%s': cannot read its events.jsonl", folder);
		if (errno == ENODATA) {
			log_error("%s: there is no run in it", what);
			free(what);
			free(folder);
			return EXIT_USAGE;
		}
	} else if (strcmp(c->past.name, c->workflow->name) != 0) {
		log_error("cannot resume the run in '%s': it is one of workflow '%s', not of '%s'", folder, c->past.name,
		    c->workflow->name);
		free(folder);
		return EXIT_USAGE;
	} else if (events_cut(&c->events, c->past.size) == -1) {
		what = xasprintf("cannot resume the run in '%s'", folder);
	} else if (rundir_continue(&c->dirs, c->workflow, folder, &what) == 0) {
		free(folder);
		c->resumes = true;
		return 0;
	}
	error = errno;
	free(folder);
	errno = error;
	return refuse(what);
}

/* ---- Before ---- */

/* What an earlier run in this folder says of a notebook that it did not finish. */
static void
take_past(struct conductor *c, struct record *r)
{
	const struct past_notebook *past = past_find(&c->past, r->task->name);

	if (past == NULL)
		return;
	r->attempts = past->attempts;
	r->submission = past->submission;
	r->remote_run = past->remote_run;
	c->parts[conductor_index(c, r)].timed_out = past->failed && past->submission != 0;
	r->earlier_attempts = xstrdup(past->earlier_attempts);
}

void
conductor_equip(struct conductor *c, struct part *p, struct record *r)
{
	struct assignment *a = &p->assignment;
	const char *name = r->task->name;

	p->record = r;
	a->task = r->task;
	a->output = xasprintf("%s/notebooks/%s.ipynb", c->run.folder, name);
	a->log = xasprintf("%s/logs/%s.log", c->run.folder, name);
	a->private_folder = c->dirs.private_folder;
	a->first_run_id = c->resumes ? c->past.first_run_id : c->run.id;
	job_init(&p->job, name, worker_main, a);
}

void
conductor_strip(struct part *p)
{
	job_release(&p->job);
	free(p->assignment.output);
	free(p->assignment.log);
	free(p->assignment.task_values);
	free(p->stop_reason);
	if (p->has_own)
		values_release(&p->own);
}

static void
prepare_record(struct conductor *c, size_t i)
{
	const struct task *t = &c->workflow->tasks[i];
	struct record *r = &c->run.records[i];

	target_ops(t->target)->prepare();
	r->task = t;
	r->queued_at = c->run.started_at;
	if (c->resumes)
		take_past(c, r);
	*table_at(&c->names, t->name, strlen(t->name)) = (void *)1;
	conductor_equip(c, &c->parts[i], r);
}

/* Who comes first: by estimates, and those that failed before. */
static void
prepare_schedule(struct conductor *c, bool failed_first)
{
	size_t n = c->run.n;
	struct estimate *estimates = xcalloc(n, sizeof(*estimates));
	double *weights = xcalloc(n, sizeof(*weights));
	bool *first = xcalloc(n, sizeof(*first));
	char *folder = file_folder(c->workflow->file != NULL ? c->workflow->file : ".");

	estimate_all(c->workflow, RUNDIR_RUNS, folder, estimates);
	estimate_weights(estimates, n, weights);
	for (size_t i = 0; i < n; i++) {
		const struct past_notebook *past = failed_first ? past_find(&c->past, c->run.records[i].task->name) : NULL;

		first[i] = past != NULL && past->failed;
		c->run.records[i].estimate = estimates[i].seconds;
	}
	c->schedule = schedule_new(c->workflow, weights, first);
	free(folder);
	free(estimates);
	free(weights);
	free(first);
}

static void
prepare(struct conductor *c, const struct conduct_options *o)
{
	const struct workflow *w = c->workflow;
	struct run *run = &c->run;

	run->workflow = w;
	run->id = c->dirs.id;
	run->folder = c->dirs.folder;
	run->resumed_from = c->past.run_id;
	run->processes = w->processes;
	run->n = run->waiting = w->ntasks;
	run->records = xcalloc(run->n, sizeof(*run->records));
	run->started_at = clock_run();
	run->started_wall = clock_wall();
	c->parts = xcalloc(run->n, sizeof(*c->parts));
	for (size_t i = 0; i < c->past.children.n; i++)
		*table_at(&c->names, c->past.children.entries[i].key, c->past.children.entries[i].len) = (void *)1;
	for (size_t i = 0; i < run->n; i++)
		prepare_record(c, i);
	prepare_schedule(c, o->failed_first);
	c->keeper = (struct keeper)KEEPER_INIT(c->resumes ? &c->past : NULL);
	hooks_init(&c->hooks, run, &c->dirs);
}

/* ---- After ---- */

/* Records that were never started; and what the run as a whole came to. */
static void
conclude(struct conductor *c, const struct pool_end *end)
{
	struct run *run = &c->run;
	bool failed = false;

	for (size_t i = 0; i < run->n; i++) {
		if (run->records[i].state == RECORD_WAITING)
			notebook_left(c, &run->records[i]);
		failed = failed || record_fails_the_run(&run->records[i]);
	}
	run->over = true;
	run->ended_at = clock_run();
	run->ended_wall = clock_wall();
	if (end->why == POOL_STOP_SIGNAL)
		run->status = STATUS_CANCELLED;
	else if (end->why == POOL_STOP_TIMEOUT)
		run->status = STATUS_TIMED_OUT;
	else
		run->status = failed || end->why == POOL_STOP_BROKEN ? STATUS_FAILED : STATUS_SUCCEEDED;
}

/* Writes what was asked for to standard output. Returns 0, or -1 with errno. */
static int
say(struct conductor *c)
{
	const struct conduct_options *o = c->options;
	struct buf summary = BUF_INIT;
	int r = 0;

	if (reports_to_standard(&o->reports) > 0) {
		if (c->story.n > 0)	/* else it has been said */
			r = reports_write(&o->reports, story_last(&c->story), c->run.folder, true);
	} else if (o->json) {
		guard_lines(&c->results, GUARD_JSON);
		r = file_write_full(STDOUT_FILENO, c->results.data, c->results.len);
	} else if (!o->quiet && (o->events == NULL || strcmp(o->events, "-") != 0)) {
		summary_put(&c->run, text_terminal_columns(STDOUT_FILENO), isatty(STDOUT_FILENO) && text_has_colour(), &summary);
		guard_lines(&summary, GUARD_TEXT);
		r = file_write_full(STDOUT_FILENO, buf_str(&summary), summary.len);
	}
	buf_release(&summary);
	return r;
}

/* Writes results.json. */
static void
write_results(struct conductor *c)
{
	char *path = file_join(c->run.folder, "results.json");

	buf_reset(&c->results);
	results_put(&c->run, &c->results);
	if (file_replace(path, c->results.data, c->results.len) == -1) {
		log_error("cannot write '%s': %s", path, strerror(errno));
		c->status = EXIT_BROKEN;
	}
	free(path);
}

/* Reads the run's story when there are reports to be made of it, and writes those that have files of their own. */
static void
write_reports(struct conductor *c)
{
	const struct reports *reports = &c->options->reports;

	if (!reports_wanted(reports) && !github_runs_this())
		return;
	if (story_open(&c->story, c->run.folder) == -1) {
		log_error("cannot read the journal in '%s' for reports: %s", c->run.folder, strerror(errno));
		c->status = EXIT_BROKEN;
	} else if (reports_write(reports, story_last(&c->story), c->run.folder, false) == -1) {
		c->status = EXIT_BROKEN;
	}
}

void
conductor_over(struct conductor *c, const struct pool_end *end)
{
	/*
	 * before anything that may wait, and be killed while it does: who reads what is printed
	 */
	rundir_end(&c->dirs);
	conclude(c, end);
	progress_end();
	if (end->why == POOL_STOP_BROKEN) {
		log_error("cannot go on: %s", strerror(end->error));
		c->status = EXIT_BROKEN;
	} else {
		c->status = c->run.status == STATUS_SUCCEEDED ? EXIT_ALL_SUCCEEDED : EXIT_SOME_FAILED;
	}
	conductor_journal(c, events_run_finished(&c->events, &c->run));
	conductor_sync(c);
	write_results(c);
	write_reports(c);
	reporter_end(&c->reporter);	/* for hooks too, which may send it somewhere */
}

/* All hooks that could run have: notes those that did not, and that there were any. */
static void
settle_hooks(struct conductor *c)
{
	size_t skipped = hooks_skip(&c->hooks);

	for (size_t i = c->run.nhooks - skipped; i < c->run.nhooks; i++)
		conductor_journal(c, events_hook_finished(&c->events, &c->run.hooks[i]));
	if (c->run.nhooks > 0)
		write_results(c);
}

static void
release(struct conductor *c)
{
	for (size_t i = 0; i < c->run.n; i++) {
		child_release_all(&c->run.records[i]);
		conductor_strip(&c->parts[i]);
		record_release(&c->run.records[i]);
	}
	hooks_release(&c->hooks);
	run_release_hooks(&c->run);
	buf_release(&c->results);
	story_release(&c->story);
	free(c->run.records);
	free(c->parts);
	table_release(&c->names);
	free(c->stop_reason);
	free(c->held);
	schedule_free(c->schedule);
	keeper_release(&c->keeper);
	past_release(&c->past);
	events_close(&c->events);
	rundir_release(&c->dirs);
}

/* ---- The whole ---- */

static void
run_pool(struct conductor *c, struct pool_end *end)
{
	static const enum pool_policy policies[] = {
		[POLICY_LET_FINISH] = POOL_LET_FINISH,
		[POLICY_FAIL_FAST] = POOL_FAIL_FAST,
		[POLICY_DRAIN] = POOL_DRAIN,
	};
	const struct workflow *w = c->workflow;
	const struct pool_config config = {
		.processes = w->processes,
		.processes_max = PROCESSES_MAX,
		.policy = policies[w->on_error],
		.timeout = w->timeout,
		.grace = POOL_GRACE,
		.keep_fd = c->dirs.lock,
		.keep_signals = true,
		.calls = &conductor_calls,
		.data = c,
	};

	pool_run(&config, end);
}

int
conduct(const struct workflow *w, const struct conduct_options *o, int *sig)
{
	struct conductor c = {
		.workflow = w,
		.dirs = {.lock = -1},
		.events = EVENTS_INIT,
		.past = PAST_INIT,
		.keeper = KEEPER_INIT(NULL),
		.reporter = REPORTER_INIT,
		.quiet = o->quiet,
		.options = o,
		.story = STORY_INIT,
	};
	struct pool_end end = {.why = POOL_GOES_ON};
	bool started;

	*sig = 0;
	if (o->html != NULL && file_check(o->html) == -1) {
		c.status = status_of_errno(errno);
		log_error("cannot write '%s': %s", o->html, strerror(errno));
		return c.status;
	}
	c.status = o->resume ? open_old(&c, o) : open_new(&c, o);
	if (c.status != 0) {
		release(&c);
		return c.status;
	}
	prepare(&c, o);
	progress_start(&c.run, o->quiet ? PROGRESS_NONE : o->progress);
	conductor_journal(&c, events_run_started(&c.events, &c.run));
	rundir_begin(&c.dirs);	/* not before there is something in the journal that --resume could go by */
	started = !c.journal_failed;
	if (started) {
		reporter_start(&c.reporter, c.run.folder, o->html);
		run_pool(&c, &end);
		settle_hooks(&c);
		/* What follows may wait for somebody who reads: now a signal kills. */
		pool_release_signals(&end);
	} else {
		end = (struct pool_end){.why = POOL_STOP_BROKEN, .error = c.journal_error};
		conductor_over(&c, &end);
	}
	if (c.journal_failed)
		c.status = EXIT_BROKEN;
	*sig = end.sig;
	if (say(&c) == -1) {
		log_error("cannot write to standard output: %s", strerror(errno));
		c.status = EXIT_BROKEN;
	}
	if (github_runs_this() && c.story.n > 0)
		github_report(story_last(&c.story), c.run.folder);
	release(&c);
	return c.status;
}
