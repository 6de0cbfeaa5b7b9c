#include "conduct.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "pool/pool.h"
#include "report/events.h"
#include "report/results.h"
#include "report/summary.h"
#include "report/text.h"
#include "rundir.h"
#include "target.h"
#include "verdict.h"
#include "worker.h"

struct conductor {
	const struct workflow *workflow;
	struct run run;
	struct rundir dirs;
	struct events events;
	struct job *jobs;	/* one a record, in the same order */
	struct order *orders;
	size_t next;	/* the first record that has not been started */
	char *stop_reason;
	bool journal_failed;
	int journal_error;	/* errno, then */
	bool quiet;	/* there is neither progress nor summary: failures are said as errors */
	const struct record *culprit;	/* the first failure */
};

/* What an events_ function has returned. What cannot be written now will not be later: the run comes to its end. */
static void
journal(struct conductor *c, int r)
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

static struct record *
record_of(const struct conductor *c, const struct job *j)
{
	return &c->run.records[j - c->jobs];
}

static struct job *
on_next(void *data)
{
	struct conductor *c = data;

	return c->next < c->run.n ? &c->jobs[c->next++] : NULL;
}

static void
on_started(void *data, struct job *j)
{
	struct conductor *c = data;
	struct record *r = record_of(c, j);

	r->state = RECORD_RUNNING;
	r->attempts++;
	r->started_at = j->started_at;
	r->started_wall = clock_wall();
	r->slot = j->slot;
	r->pid = j->pid;
	c->run.waiting--;
	c->run.running++;
	journal(c, events_notebook_started(&c->events, r));
	progress_notebook_started(r);
}

static unsigned
get_unsigned(struct json v, const char *key)
{
	int64_t n;

	return json_int(json_get(v, key), &n) && n >= 0 && n <= INT32_MAX ? (unsigned)n : 0;
}

static void
on_progress(void *data, struct job *j, const char *text, size_t n)
{
	struct conductor *c = data;
	struct record *r = record_of(c, j);
	struct json v, kind;
	double seconds = 0;

	if (json_parse(text, n, &v, NULL) == -1) {
		log_warn("notebook '%s': worker sent progress that is no JSON", r->task->name);
		return;
	}
	kind = json_get(v, "kind");
	json_double(json_get(v, "seconds"), &seconds);
	if (json_is(kind, "line")) {
		free(r->line);
		r->line = json_strdup(json_get(v, "text"));
		progress_line(r);
	} else if (json_is(kind, "kernel")) {
		r->kernel_ready = true;
		journal(c, events_kernel_ready(&c->events, r, (int)get_unsigned(v, "pid"), seconds));
		progress_cell(r);
	} else if (json_is(kind, "cell_started") || json_is(kind, "cell_finished")) {
		bool started = json_is(kind, "cell_started");

		r->cell = get_unsigned(v, "number");
		r->cells = get_unsigned(v, "total");
		if (started)
			r->cell_started_at = clock_run();
		journal(c, events_cell(&c->events, r, started, get_unsigned(v, "cell"), r->cell, r->cells, seconds,
		    json_type(json_get(v, "failed")) == JSON_TRUE));
		if (started)
			progress_cell(r);
	}
}

/* A failure that is allowed is none; that it was stopped or never started is not its failure. */
static bool
fails_the_run(const struct record *r)
{
	if (r->task->allow_failure && (r->status == STATUS_FAILED || r->status == STATUS_TIMED_OUT))
		return false;
	return r->status != STATUS_SUCCEEDED;
}

static void
say_failure(const struct conductor *c, const struct record *r)
{
	struct record_error e;

	record_error(r, &e);
	log_error("notebook '%s' %s: %s%s%s (%s)", r->task->name, status_name(r->status), e.name != NULL ? e.name : "",
	    e.name != NULL ? ": " : "", e.message != NULL ? e.message : "", c->run.folder);
	record_error_release(&e);
}

static void
settle(struct conductor *c, struct record *r)
{
	r->state = RECORD_DONE;
	c->run.counts[r->status]++;
	journal(c, events_notebook_finished(&c->events, &c->run, r));
	progress_notebook_finished(r);
	if (c->quiet && r->status != STATUS_SKIPPED && fails_the_run(r))
		say_failure(c, r);
}

static bool
on_finished(void *data, struct job *j)
{
	struct conductor *c = data;
	struct record *r = record_of(c, j);
	char *folder = worker_folder(c->dirs.private_folder, j->slot);
	bool failed;

	r->ended_at = j->ended_at;
	r->ended_wall = clock_wall();
	verdict_of_job(r, j, c->run.stop_reason);
	r->has_output = access(c->orders[r - c->run.records].output, F_OK) == 0;
	r->has_log = access(c->orders[r - c->run.records].log, F_OK) == 0;
	/* A worker that died could not do it itself. */
	if (j->result == NULL)
		file_remove_temporaries(c->orders[r - c->run.records].output);
	if (file_remove_tree(folder) == -1)
		log_warn("cannot remove '%s': %s", folder, strerror(errno));
	free(folder);
	c->run.running--;
	failed = fails_the_run(r);
	if (failed && c->culprit == NULL)
		c->culprit = r;
	settle(c, r);
	job_release(j);
	return failed;
}

static void
on_stopping(void *data, enum pool_stop why, int sig)
{
	struct conductor *c = data;

	switch (why) {
	case POOL_STOP_FAILURE:
		c->stop_reason = xasprintf("notebook '%s' %s (on_error: %s)", c->culprit->task->name,
		    c->culprit->status == STATUS_TIMED_OUT ? "timed out" : "failed", policy_name(c->workflow->on_error));
		break;
	case POOL_STOP_TIMEOUT:
		c->stop_reason = xasprintf("the run did not finish within %g s", (double)c->workflow->timeout / 1e9);
		break;
	case POOL_STOP_SIGNAL:
		c->stop_reason = xasprintf("nbfork was stopped by %s", proc_signal_name(sig));
		break;
	case POOL_STOP_BROKEN:
	case POOL_GOES_ON:
		c->stop_reason = xstrdup("nbfork could not go on");
		break;
	}
	c->run.stopping = true;
	c->run.stop_reason = c->stop_reason;
	journal(c, events_run_stopping(&c->events, c->stop_reason));
	progress_stopping();
}

static int64_t
on_tick(void *data)
{
	struct conductor *c = data;
	int64_t progress = progress_tick(), events = events_tick(&c->events);

	return progress < events ? progress : events;
}

static void
on_suspended(void *data, bool yes)
{
	(void)data;
	progress_suspended(yes);
}

static void
prepare(struct conductor *c, const struct workflow *w)
{
	struct run *run = &c->run;

	run->workflow = w;
	run->id = c->dirs.id;
	run->folder = c->dirs.folder;
	run->n = run->waiting = w->ntasks;
	run->records = xcalloc(run->n, sizeof(*run->records));
	run->started_at = clock_run();
	run->started_wall = clock_wall();
	c->jobs = xcalloc(run->n, sizeof(*c->jobs));
	c->orders = xcalloc(run->n, sizeof(*c->orders));
	for (size_t i = 0; i < run->n; i++) {
		const struct task *t = &w->tasks[i];

		target_ops(t->target)->prepare();
		run->records[i].task = t;
		run->records[i].queued_at = run->started_at;
		c->orders[i].task = t;
		c->orders[i].output = xasprintf("%s/notebooks/%s.ipynb", run->folder, t->name);
		c->orders[i].log = xasprintf("%s/logs/%s.log", run->folder, t->name);
		c->orders[i].private_folder = c->dirs.private_folder;
		job_init(&c->jobs[i], t->name, worker_main, &c->orders[i]);
		c->jobs[i].timeout = t->timeout;
	}
}

/* Records that were never started; and what the run as a whole came to. */
static void
conclude(struct conductor *c, const struct pool_end *end)
{
	struct run *run = &c->run;
	bool failed = false;

	for (size_t i = 0; i < run->n; i++) {
		struct record *r = &run->records[i];

		if (r->state == RECORD_WAITING) {
			verdict_of_skipped(r, run->stop_reason);
			run->waiting--;
			settle(c, r);
		}
		failed = failed || fails_the_run(r);
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
say(const struct conductor *c, const struct buf *results, const struct conduct_options *o)
{
	struct buf summary = BUF_INIT;
	struct winsize size;
	bool terminal = isatty(STDOUT_FILENO);
	int r = 0;

	if (o->json) {
		r = file_write_full(STDOUT_FILENO, results->data, results->len);
	} else if (!o->quiet && (o->events == NULL || strcmp(o->events, "-") != 0)) {
		size_t columns = terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;

		summary_put(&c->run, columns, terminal && text_has_colour(), &summary);
		r = file_write_full(STDOUT_FILENO, buf_str(&summary), summary.len);
	}
	buf_release(&summary);
	return r;
}

/* Writes results.json and what goes to standard output. Returns the exit status. */
static int
report(struct conductor *c, const struct conduct_options *o, int status)
{
	struct buf results = BUF_INIT;
	char *path = file_join(c->run.folder, "results.json");

	journal(c, events_run_finished(&c->events, &c->run));
	if (c->journal_failed)
		status = EXIT_BROKEN;
	results_put(&c->run, &results);
	if (file_replace(path, results.data, results.len) == -1) {
		log_error("cannot write '%s': %s", path, strerror(errno));
		status = EXIT_BROKEN;
	}
	if (say(c, &results, o) == -1) {
		log_error("cannot write to standard output: %s", strerror(errno));
		status = EXIT_BROKEN;
	}
	buf_release(&results);
	free(path);
	return status;
}

static void
release(struct conductor *c)
{
	for (size_t i = 0; i < c->run.n; i++) {
		job_release(&c->jobs[i]);
		free(c->orders[i].output);
		free(c->orders[i].log);
		free(c->run.records[i].line);
		free(c->run.records[i].error);
		free(c->run.records[i].result);
	}
	free(c->run.records);
	free(c->jobs);
	free(c->orders);
	free(c->stop_reason);
	events_close(&c->events);
	rundir_release(&c->dirs);
}

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

int
conduct(const struct workflow *w, const struct conduct_options *o, int *sig)
{
	static const struct pool_calls calls = {
		.next = on_next,
		.started = on_started,
		.progress = on_progress,
		.finished = on_finished,
		.stopping = on_stopping,
		.tick = on_tick,
		.suspended = on_suspended,
	};
	static const enum pool_policy policies[] = {
		[POLICY_LET_FINISH] = POOL_LET_FINISH,
		[POLICY_FAIL_FAST] = POOL_FAIL_FAST,
		[POLICY_DRAIN] = POOL_DRAIN,
	};
	struct conductor c = {.workflow = w, .events = EVENTS_INIT, .quiet = o->quiet};
	struct pool_config config = {
		.processes = w->processes,
		.policy = policies[w->on_error],
		.timeout = w->timeout,
		.grace = POOL_GRACE,
		.calls = &calls,
		.data = &c,
	};
	struct pool_end end;
	const char *what = NULL;
	char *cannot = NULL;
	int status;

	*sig = 0;
	if (rundir_make(&c.dirs, w, o->run_dir, &cannot) == -1) {
		status = status_of_errno(errno);
		log_error("%s: %s", cannot, strerror(errno));
		free(cannot);
		return status;
	}
	if (events_open(&c.events, c.dirs.folder, o->events, &what) == -1) {
		status = status_of_errno(errno);
		log_error("cannot write '%s': %s", what, strerror(errno));
		rundir_unmake(&c.dirs);
		rundir_release(&c.dirs);
		return status;
	}
	rundir_begin(&c.dirs);
	prepare(&c, w);
	progress_start(&c.run, o->quiet ? PROGRESS_NONE : o->progress);
	journal(&c, events_run_started(&c.events, &c.run));
	if (c.journal_failed)
		end = (struct pool_end){.why = POOL_STOP_BROKEN, .error = c.journal_error};
	else
		pool_run(&config, &end);
	/*
	 * before anything that may wait, and be killed while it does: who reads what is printed
	 */
	rundir_end(&c.dirs);
	conclude(&c, &end);
	progress_end();
	*sig = end.sig;
	if (end.why == POOL_STOP_BROKEN) {
		log_error("cannot go on: %s", strerror(end.error));
		status = EXIT_BROKEN;
	} else {
		status = c.run.status == STATUS_SUCCEEDED ? EXIT_ALL_SUCCEEDED : EXIT_SOME_FAILED;
	}
	status = report(&c, o, status);
	release(&c);
	return status;
}
