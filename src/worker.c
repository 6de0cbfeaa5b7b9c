#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/utf8.h"
#include "notebook/papermill.h"
#include "target.h"

/*
 * The notebook is saved while it runs, but a save copies all of it. The next one waits for twenty times as
 * long as the last one took, so that saving takes at most a twentieth of the time however large it grows.
 */
#define SAVE_INTERVAL (NSEC_PER_SEC)
#define SAVE_SHARE 20

#define TEXT_BYTES_MAX ((size_t)64 * 1024)	/* of an error's name, and of its message */
#define TRACEBACK_BYTES_MAX ((size_t)1024 * 1024)

struct worker {
	struct attempt attempt;	/* first: the target's calls come back with a pointer to it */
	const struct assignment *assignment;
	int fd;	/* frames */
	int64_t started_wall;
	bool dirty;	/* there are outputs that have not been saved */
	bool complained;	/* that saving fails */
	bool completed;	/* the notebook has been written as it will stay */
	bool saved;	/* there is an executed copy */
	int64_t save_at;	/* run clock */
};

static volatile sig_atomic_t stop;

static void
on_stop(int sig)
{
	(void)sig;
	stop = 1;
}

char *
worker_folder(const char *private_folder, int slot)
{
	return xasprintf("%s/%d", private_folder, slot);
}

static void
send_progress(struct attempt *a, const char *json, size_t n)
{
	struct worker *w = (struct worker *)a;

	if (frame_send(w->fd, FRAME_PROGRESS, json, n) == -1)
		stop = 1;	/* nobody listens any more */
}

static void
send_nothing(struct attempt *a, const char *json, size_t n)
{
	(void)a;
	(void)json;
	(void)n;
}

/* Writes the notebook as it stands. Returns 0, or -1 with errno. */
static int
save(struct worker *w, const char *exception, int64_t ended_wall)
{
	struct notebook *nb = w->attempt.notebook;
	const struct papermill run = {
		.input = w->assignment->task->file,
		.output = w->assignment->output,
		.parameters = &w->assignment->task->parameters,
		.started_at = w->started_wall,
		.ended_at = ended_wall,
		.exception = exception,
	};

	papermill_metadata(nb, &run);
	return notebook_write(nb, w->assignment->output);
}

static int64_t
tick(struct attempt *a, bool changed)
{
	struct worker *w = (struct worker *)a;
	int64_t began = clock_run();

	w->dirty = w->dirty || changed;
	if (!w->dirty || w->completed)
		return INT64_MAX;
	if (began < w->save_at)
		return w->save_at;
	if (save(w, NULL, 0) == -1 && !w->complained) {
		log_warn("cannot save '%s': %s", w->assignment->output, strerror(errno));
		w->complained = true;
	}
	w->dirty = false;
	w->save_at = clock_run() + SAVE_INTERVAL + SAVE_SHARE * (clock_run() - began);
	return INT64_MAX;
}

/*
 * Masks a text of the notebook's, then cuts what is too long for a result, at a whole character: so no secret is
 * cut.
 */
static void
put_text(struct json_out *o, const char *s, const struct mask *mask)
{
	struct buf text = BUF_INIT;
	size_t n = TEXT_BYTES_MAX;

	mask_put(mask, &text, s, strlen(s));
	if (text.len > n) {
		while (n > 0 && ((unsigned char)text.data[n] & 0xc0) == 0x80)
			n--;
		buf_truncate(&text, n);
		buf_adds(&text, "...");
	}
	json_out_str(o, buf_str(&text));
	buf_release(&text);
}

/* What came from the notebook goes through the mask; our own words do not, whatever somebody's secret is. */
static void
put_error(struct json_out *o, const struct failure *f, const struct mask *mask)
{
	json_out_key(o, "error");
	if (f->kind == ERROR_NONE) {
		json_out_value(o, JSON_NOTHING);
		return;
	}
	json_out_open(o, '{');
	json_out_key(o, "kind");
	json_out_str(o, error_kind_name(f->kind));
	json_out_key(o, "name");
	if (f->name != NULL)
		put_text(o, f->name, mask);
	else
		json_out_value(o, JSON_NOTHING);
	json_out_key(o, "message");
	put_text(o, f->message != NULL ? f->message : "", mask);
	json_out_key(o, "cell");
	if (f->cell >= 0)
		json_out_int(o, f->cell);
	else
		json_out_value(o, JSON_NOTHING);
	json_out_key(o, "execution_count");
	if (f->execution_count >= 0)
		json_out_int(o, f->execution_count);
	else
		json_out_value(o, JSON_NOTHING);
	json_out_key(o, "traceback");
	o->mask = mask;
	if (f->traceback == NULL)
		json_out_value(o, json_of("[]"));
	else if (strlen(f->traceback) > TRACEBACK_BYTES_MAX)
		json_out_value(o, json_of("[\"(too long to be shown here; it is in the executed copy)\"]"));
	else
		json_out_value(o, json_of(f->traceback));
	o->mask = NULL;
	json_out_close(o, '}');
}

static void
send_result(struct worker *w)
{
	struct attempt *a = &w->attempt;
	struct buf b = BUF_INIT;
	struct json_out o = JSON_OUT(&b, -1, 0);

	json_out_open(&o, '{');
	json_out_key(&o, "status");
	json_out_str(&o, status_name(a->status));
	put_error(&o, &a->failure, a->mask);
	json_out_key(&o, "result");
	/*
	 * masked when it was collected
	 */
	json_out_value(&o, a->result != NULL ? json_of(a->result) : JSON_NOTHING);
	json_out_key(&o, "exit");
	json_out_value(&o, a->exit != NULL ? json_of(a->exit) : JSON_NOTHING);
	json_out_key(&o, "values");
	json_out_value(&o, a->values != NULL ? json_of(a->values) : JSON_NOTHING);
	json_out_key(&o, "cells");
	json_out_open(&o, '{');
	json_out_key(&o, "total");
	json_out_int(&o, (int64_t)a->cells_total);
	json_out_key(&o, "executed");
	json_out_int(&o, (int64_t)a->cells_executed);
	json_out_close(&o, '}');
	json_out_key(&o, "saved");
	json_out_bool(&o, w->saved);
	json_out_key(&o, "cpu_seconds");
	json_out_fixed(&o, a->cpu_seconds, 6);
	json_out_key(&o, "max_rss_bytes");
	json_out_int(&o, a->max_rss_bytes);
	json_out_key(&o, "url");
	json_out_str(&o, a->url);
	json_out_key(&o, "remote");
	json_out_value(&o, a->remote != NULL ? json_of(a->remote) : JSON_NOTHING);
	json_out_close(&o, '}');
	if (frame_send(w->fd, FRAME_RESULT, b.data, b.len) == -1 && !job_orphaned())
		log_error("cannot send the result: %s", strerror(errno));
	buf_release(&b);
}

static void
fail(struct attempt *a, enum error_kind kind, char *message)
{
	failure_release(&a->failure);
	a->status = STATUS_FAILED;
	a->failure.kind = kind;
	a->failure.message = message;
}

/* Takes away what is larger than the most. */
static void
limit(struct attempt *a, char **text, size_t most, const char *what)
{
	size_t n = *text != NULL ? strlen(*text) : 0;

	if (n <= most)
		return;
	free(*text);
	*text = NULL;
	if (a->status == STATUS_SUCCEEDED)
		fail(a, ERROR_NOTEBOOK, xasprintf("%s too large: %zu bytes of JSON, where %zu are the most", what, n, most));
}

static void
limit_results(struct attempt *a)
{
	limit(a, &a->result, RESULT_BYTES_MAX, "result is");
	limit(a, &a->exit, EXIT_BYTES_MAX, "exit value is");
	limit(a, &a->values, VALUES_BYTES_MAX, "task values are");
}

static void
complete(struct attempt *a)
{
	struct worker *w = (struct worker *)a;

	if (w->completed)
		return;
	w->completed = true;
	w->saved = access(w->assignment->output, F_OK) == 0;	/* as it was saved before */
	if (job_orphaned())
		return;	/* nobody is left to hear of it, and a disk may take longer than anybody should be left */
	limit_results(a);
	if (a->failure.kind != ERROR_NONE)
		a->failure.cell = papermill_mark_error(a->notebook, a->failure.cell);
	if (save(w, a->failure.kind != ERROR_NONE ? "true" : "null", clock_wall()) == -1)
		fail(a, ERROR_WORKER, xasprintf("cannot save '%s': %s", w->assignment->output, strerror(errno)));
	else
		w->saved = true;
	w->dirty = false;
}

/* The executed copy comes from elsewhere, as a whole. */
static int
write_copy(struct attempt *a, const char *text, size_t n)
{
	struct worker *w = (struct worker *)a;

	if (file_replace(w->assignment->output, text, n) == -1)
		return -1;
	w->saved = true;
	return 0;
}

static void
run(struct worker *w)
{
	struct attempt *a = &w->attempt;
	struct problems problems = PROBLEMS_INIT;

	if (target_ops(a->task->target)->elsewhere) {
		target_ops(a->task->target)->run(a);
		limit_results(a);
	} else if (notebook_read(a->notebook, a->task->file, &problems) == -1) {
		/* It could be read a moment ago, when everything was checked. */
		fail(a, ERROR_WORKER, xstrdup(problems.list[0].message));
	} else {
		a->notebook->mask = a->mask;
		notebook_reset(a->notebook);
		target_ops(a->task->target)->run(a);
		complete(a);
	}
	problems_release(&problems);
}

static void
add_secrets(struct mask *mask, const struct params *params)
{
	for (size_t i = 0; i < params->n; i++) {
		struct buf value = BUF_INIT;

		if (params->list[i].secret == NULL)
			continue;
		json_decode(&value, json_of(params->list[i].value));
		mask_add_spellings(mask, buf_str(&value), value.len);
		buf_release(&value);
	}
}

static void
catch_signals(sigset_t *wait_mask)
{
	struct sigaction sa = {.sa_handler = on_stop};
	sigset_t blocked, pending;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGCHLD);
	sigprocmask(SIG_BLOCK, &blocked, wait_mask);
	sigdelset(wait_mask, SIGTERM);
	sigdelset(wait_mask, SIGCHLD);
	sigdelset(wait_mask, SIGURG);	/* local/calls.h: what notebooks run from this one came to */
	sigemptyset(&sa.sa_mask);
	sigaction(SIGTERM, &sa, NULL);
	/* An order that is there already is not to be heard when something has been started first. */
	sigpending(&pending);
	if (sigismember(&pending, SIGTERM) || job_orphaned())
		stop = 1;
}

int
worker_cancel(struct job *job, int fd)
{
	const struct assignment *assignment = job->data;
	struct mask mask = MASK_INIT;
	sigset_t wait_mask;
	struct attempt a = {
		.task = assignment->task,
		.mask = &mask,
		.log = -1,
		.deadline = INT64_MAX,
		.task_values = "{}",
		.line_interval = INT64_MAX,
		.stop = &stop,
		.wait_mask = &wait_mask,
		.progress = send_nothing,
		.orphaned = job_orphaned,
		.first_run_id = assignment->first_run_id,
		.number = assignment->number,
		.again = true,
		.remote_run = assignment->remote_run,
	};
	bool over;

	(void)fd;
	catch_signals(&wait_mask);
	failure_init(&a.failure);
	add_secrets(&mask, &assignment->task->parameters);
	over = target_ops(a.task->target)->cancel(&a);
	failure_release(&a.failure);
	free(a.url);
	free(a.remote);
	mask_release(&mask);
	return over ? WORKER_CANCELLED : WORKER_FAILED;
}

int
worker_main(struct job *job, int fd)
{
	static const int exit_statuses[STATUSES] = {
		[STATUS_SUCCEEDED] = WORKER_SUCCEEDED,
		[STATUS_FAILED] = WORKER_FAILED,
		[STATUS_TIMED_OUT] = WORKER_TIMED_OUT,
		[STATUS_CANCELLED] = WORKER_CANCELLED,
	};
	const struct assignment *assignment = job->data;
	const int64_t timeout = assignment->task->timeout;
	struct notebook nb = {.path = NULL};
	struct mask mask = MASK_INIT;
	sigset_t wait_mask;
	struct worker w = {
		.attempt = {
			.task = assignment->task,
			.notebook = &nb,
			.mask = &mask,
			.log = -1,
			.deadline = timeout != 0 ? clock_run() + timeout : INT64_MAX,
			.stop = &stop,
			.wait_mask = &wait_mask,
			.task_values = assignment->task_values != NULL ? assignment->task_values : "{}",
			.called = assignment->caller != NULL,
			.line_interval = assignment->line_interval,
			.progress = send_progress,
			.tick = tick,
			.complete = complete,
			.write = write_copy,
			.orphaned = job_orphaned,
			.first_run_id = assignment->first_run_id,
			.number = assignment->number,
			.again = assignment->again,
			.remote_run = assignment->remote_run,
			.obsolete = assignment->obsolete,
			.status = STATUS_FAILED,
		},
		.assignment = assignment,
		.fd = fd,
		.started_wall = clock_wall(),
		.save_at = clock_run() + SAVE_INTERVAL,
	};
	char *folder = worker_folder(assignment->private_folder, job->slot);
	int status;

	/* One heap for all threads: what ZeroMQ's thread frees can be used again by this one. */
	mallopt(M_ARENA_MAX, 1);
	catch_signals(&wait_mask);
	failure_init(&w.attempt.failure);
	w.attempt.folder = folder;
	for (const struct assignment *at = assignment; at != NULL; at = at->caller) {
		add_secrets(&mask, &at->task->parameters);
		add_secrets(&mask, &at->task->env);
	}
	w.attempt.log = file_append(assignment->log, O_TRUNC);
	if (w.attempt.log == -1)
		fail(&w.attempt, ERROR_WORKER, xasprintf("cannot create '%s': %s", assignment->log, strerror(errno)));
	else if (mkdir(folder, 0700) == -1)
		fail(&w.attempt, ERROR_WORKER, xasprintf("cannot create folder '%s': %s", folder, strerror(errno)));
	else
		run(&w);
	file_remove_tree(folder);
	log_cost("worker");
	if (job_orphaned())
		rmdir(assignment->private_folder);	/* the last worker of a run that was killed succeeds */
	send_result(&w);
	status = exit_statuses[w.attempt.status];
	if (w.attempt.log != -1)
		close(w.attempt.log);
	notebook_release(&nb);
	failure_release(&w.attempt.failure);
	free(w.attempt.result);
	free(w.attempt.exit);
	free(w.attempt.values);
	free(w.attempt.url);
	free(w.attempt.remote);
	mask_release(&mask);
	free(folder);
	return status;
}
