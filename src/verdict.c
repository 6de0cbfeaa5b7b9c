#include "verdict.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "workflow/name.h"

#define SHORT_BYTES 300	/* of a message that has to be short */

/* Replaces the record's error; where and what the worker saw (may be JSON_NOTHING) is taken over. */
static void
set_error_of(struct record *r, const char *kind, const char *message, struct json seen)
{
	static const char *const kept[] = {"cell", "execution_count", "traceback"};
	struct buf b = BUF_INIT;
	struct json_out o = JSON_OUT(&b, -1, 0);

	json_out_open(&o, '{');
	json_out_key(&o, "kind");
	json_out_str(&o, kind);
	json_out_key(&o, "name");
	json_out_value(&o, JSON_NOTHING);
	json_out_key(&o, "message");
	json_out_str(&o, message);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		struct json v = json_get(seen, kept[i]);

		json_out_key(&o, kept[i]);
		json_out_value(&o, v.text == NULL && strcmp(kept[i], "traceback") == 0 ? json_of("[]") : v);
	}
	json_out_close(&o, '}');
	free(r->error);
	r->error = buf_steal(&b);
}

static void
set_error(struct record *r, enum error_kind kind, const char *message, struct json seen)
{
	set_error_of(r, error_kind_name(kind), message, seen);
}

static void
put_number(struct json_out *o, const char *key, int64_t n)
{
	json_out_key(o, key);
	if (n >= 0)
		json_out_int(o, n);
	else
		json_out_value(o, JSON_NOTHING);
}

static char *
one_line(struct json v)
{
	struct buf b = BUF_INIT;

	if (v.text == NULL || json_type(v) == JSON_NULL)
		return NULL;
	json_put(&b, v, &JSON_ONE_LINE);
	return buf_steal(&b);
}

/* Takes the worker's own word. Returns whether it has given one. */
static bool
take_result(struct record *r, const struct job *j, struct json *v)
{
	char *status;
	bool known;

	*v = JSON_NOTHING;
	if (j->result == NULL || j->problem != NULL || json_parse(j->result, j->result_len, v, NULL) == -1)
		return false;
	status = json_strdup(json_get(*v, "status"));
	known = status != NULL && status_parse(status, &r->status) && r->status != STATUS_SKIPPED;
	free(status);
	if (!known)
		return false;
	r->error = one_line(json_get(*v, "error"));
	r->result = one_line(json_get(*v, "result"));
	r->values = json_count(json_get(*v, "values")) > 0 ? one_line(json_get(*v, "values")) : NULL;
	r->remote = one_line(json_get(*v, "remote"));
	if (json_type(json_get(*v, "url")) == JSON_STRING) {
		free(r->url);
		r->url = json_strdup(json_get(*v, "url"));
	}
	r->cells_total = json_count_of(json_get(*v, "cells"), "total");
	r->cells_executed = json_count_of(json_get(*v, "cells"), "executed");
	return true;
}

static char *
describe_death(const struct job *j)
{
	char how[64];

	job_describe_status(j->status, how, sizeof(how));
	if (j->problem != NULL && j->stop != JOB_STOP_NONE && j->killed)
		return xasprintf("worker %s and %s", j->problem, how);
	if (WIFSIGNALED(j->status) && WTERMSIG(j->status) == SIGKILL && !j->killed)
		return xasprintf("worker %s without a result (out of memory, or somebody killed it)", how);
	if (j->problem != NULL)
		return xasprintf("worker %s, and %s", j->problem, how);
	return xasprintf("worker %s without a result", how);
}

static char *
doubt(const struct record *r)
{
	if (r->remote_run == 0)
		return xstrdup("; whether it was submitted could not be confirmed");
	return xasprintf("; whether run %lld has ended could not be confirmed%s%s", (long long)r->remote_run,
	    r->url != NULL ? ": " : "", r->url != NULL ? r->url : "");
}

/* What is to be said of something elsewhere that may not have ended; "" where there is no such thing. */
static char *
doubt_about(const struct record *r, const struct job *j, struct json seen)
{
	if (r->submission == 0 || (seen.text != NULL &&
	    verdict_saw_end(WIFSIGNALED(j->status), json_get(seen, "error"), json_get(seen, "remote"))))
		return xstrdup("");
	return doubt(r);
}

/* The worker was told to stop: what that makes of a notebook that did so, or that had to be killed. */
static void
judge_stopped(struct record *r, const struct job *j, const char *reason, struct json seen)
{
	struct json error = json_get(seen, "error");
	const char *late = j->killed ? "; it did not stop in time and was killed" : "";
	char *message, *unknown = doubt_about(r, j, seen);

	switch (j->stop) {
	case JOB_STOP_TIMEOUT:
		r->status = STATUS_TIMED_OUT;
		message = xasprintf("notebook did not finish within %g s%s%s", (double)j->timeout / 1e9, late, unknown);
		set_error(r, ERROR_TIMEOUT, message, error);
		break;
	case JOB_STOP_RUN_TIMEOUT:
		r->status = STATUS_CANCELLED;
		message = xasprintf("stopped because %s%s%s", reason != NULL ? reason : "the run's time was over", late,
		    unknown);
		set_error(r, ERROR_STOPPED, message, error);
		break;
	default:
		r->status = STATUS_CANCELLED;
		message = xasprintf("stopped because %s%s%s", reason != NULL ? reason : "the run was stopped", late, unknown);
		set_error(r, ERROR_STOPPED, message, error);
		break;
	}
	free(message);
	free(unknown);
}

void
verdict_of_job(struct record *r, const struct job *j, const char *reason)
{
	struct json v;
	bool told = take_result(r, j, &v);
	bool stopped = j->stop != JOB_STOP_NONE && j->stop != JOB_STOP_PROTOCOL;
	char *message, *death, *unknown;
	double cpu;
	int64_t rss;

	if (stopped && (!told || r->status == STATUS_CANCELLED ||
	    (j->stop == JOB_STOP_TIMEOUT && r->status == STATUS_TIMED_OUT))) {
		judge_stopped(r, j, reason, v);
	} else if (!told) {
		r->status = STATUS_FAILED;
		death = describe_death(j);
		unknown = doubt_about(r, j, JSON_NOTHING);
		message = xasprintf("%s%s", death, unknown);
		set_error(r, ERROR_WORKER, message, JSON_NOTHING);
		free(message);
		free(unknown);
		free(death);
	} else if (r->status == STATUS_CANCELLED && r->remote == NULL) {
		/* Somebody else than nbfork has sent it a signal; or has cancelled what it followed, which it says itself. */
		set_error(r, ERROR_STOPPED, "stopped by a signal that was not nbfork's", json_get(v, "error"));
	}
	if (!told) {
		r->cells_total = r->cells;
		r->cells_executed = r->cell;
	}
	r->has_exit_status = WIFEXITED(j->status);
	r->exit_status = r->has_exit_status ? WEXITSTATUS(j->status) : 0;
	r->signal = WIFSIGNALED(j->status) ? WTERMSIG(j->status) : 0;
	r->cpu_seconds = (double)(j->usage.ru_utime.tv_sec + j->usage.ru_stime.tv_sec) +
	    (double)(j->usage.ru_utime.tv_usec + j->usage.ru_stime.tv_usec) / 1e6;
	r->max_rss_bytes = (int64_t)j->usage.ru_maxrss * 1024;	/* Linux counts it in KiB */
	if (json_double(json_get(v, "cpu_seconds"), &cpu) && cpu > 0)
		r->cpu_seconds += cpu;
	if (json_int(json_get(v, "max_rss_bytes"), &rss) && rss > r->max_rss_bytes)
		r->max_rss_bytes = rss;
}

bool
verdict_saw_end(bool killed, struct json error, struct json remote)
{
	if (json_type(remote) == JSON_OBJECT)
		return json_type(json_get(remote, "over")) == JSON_TRUE;
	return !killed && !json_is(json_get(error, "kind"), error_kind_name(ERROR_WORKER));
}

void
verdict_of_cancelled(struct record *r)
{
	struct json error = r->error != NULL ? json_of(r->error) : JSON_NOTHING;
	char *message = json_strdup(json_get(error, "message")), *kind = json_strdup(json_get(error, "kind"));
	char *unknown = doubt(r), *before = r->error, *text;

	if (message != NULL && kind != NULL && name_ends(message, unknown)) {
		message[strlen(message) - strlen(unknown)] = '\0';
		text = xasprintf("%s; run %lld was cancelled", message, (long long)r->remote_run);
		r->error = NULL;
		set_error_of(r, kind, text, error);
		free(before);
		free(text);
	}
	free(unknown);
	free(message);
	free(kind);
}

void
verdict_shorten(struct record *r)
{
	struct buf b = BUF_INIT;
	struct json_out o = JSON_OUT(&b, -1, 0);
	struct record_error e;
	size_t n;

	if (r->error == NULL)
		return;
	record_error(r, &e);
	n = e.message != NULL ? strlen(e.message) : 0;
	if (n > SHORT_BYTES) {
		for (n = SHORT_BYTES; n > 0 && ((unsigned char)e.message[n] & 0xc0) == 0x80; n--)
			;
		e.message[n] = '\0';
	}
	json_out_open(&o, '{');
	json_out_key(&o, "kind");
	json_out_str(&o, e.kind);
	json_out_key(&o, "name");
	json_out_str(&o, e.name);
	json_out_key(&o, "message");
	json_out_str(&o, e.message);
	put_number(&o, "cell", e.cell);
	put_number(&o, "execution_count", e.execution_count);
	json_out_key(&o, "traceback");
	json_out_value(&o, json_of("[]"));
	json_out_close(&o, '}');
	record_error_release(&e);
	free(r->error);
	r->error = buf_steal(&b);
}

void
verdict_of_skipped(struct record *r, const char *reason)
{
	char *message = xasprintf("not started because %s", reason != NULL ? reason : "the run ended before");

	r->status = STATUS_SKIPPED;
	set_error(r, ERROR_STOPPED, message, JSON_NOTHING);
	free(message);
}

/* Of those that a notebook depends on, the first one that did not succeed; NULL when all did. */
static const struct record *
first_failure(const struct task *t, const struct run *run)
{
	for (size_t i = 0; i < t->ndepends_on; i++) {
		const struct record *above = &run->records[t->depends_on[i]];

		if (above->status != STATUS_SUCCEEDED && !above->excluded)
			return above;
	}
	return NULL;
}

static bool
all_are_excluded(const struct task *t, const struct run *run)
{
	for (size_t i = 0; i < t->ndepends_on; i++)
		if (!run->records[t->depends_on[i]].excluded)
			return false;
	return true;
}

void
verdict_of_dropped(struct record *r, const struct run *run, bool excluded)
{
	const struct task *t = r->task;
	const struct record *above = first_failure(t, run);
	struct buf b = BUF_INIT;

	r->status = STATUS_SKIPPED;
	r->excluded = excluded;
	if (excluded && t->ndepends_on == 0) {
		buf_addf(&b, "not needed: there is nothing that it depends on (run_if: %s)", run_if_name(t->run_if));
	} else if (excluded && all_are_excluded(t, run)) {
		buf_adds(&b, "not needed: nothing that it depends on was");
	} else if (excluded) {
		buf_addf(&b, "not needed: %s that it depends on failed (run_if: %s)",
		    t->run_if == RUN_IF_ALL_FAILED ? "not everything" : "nothing", run_if_name(t->run_if));
	} else if (above != NULL) {
		buf_addf(&b, "not started because notebook '%s' %s", above->task->name, status_verb(above->status));
		if (above->cause != NULL)
			buf_addf(&b, ", as '%s' %s", above->cause->task->name, status_verb(above->cause->status));
		r->cause = above->cause != NULL ? above->cause : above;
	} else {
		buf_addf(&b, "not started because nothing that it depends on was run (run_if: %s)", run_if_name(t->run_if));
	}
	set_error(r, ERROR_DEPENDENCY, buf_str(&b), JSON_NOTHING);
	buf_release(&b);
}

void
verdict_of_dependency(struct record *r, const char *why)
{
	r->status = STATUS_FAILED;
	set_error(r, ERROR_DEPENDENCY, why, JSON_NOTHING);
}
