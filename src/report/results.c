#include <config.h>

#include "report/results.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

static double
seconds(int64_t from, int64_t to)
{
	return (double)(to - from) / (double)NSEC_PER_SEC;
}

/* Whether containers are nested deeper than that in a well-formed value. */
static bool
is_deeper(struct json v, unsigned most)
{
	unsigned depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < v.len; i++) {
		char c = v.text[i];

		if (quoted) {
			if (c == '\\')
				i++;
			else if (c == '"')
				quoted = false;
		} else if (c == '"') {
			quoted = true;
		} else if (c == '[' || c == '{') {
			if (++depth > most)
				return true;
		} else if (c == ']' || c == '}') {
			depth--;
		}
	}
	return false;
}

/*
 * A member whose value is JSON text, checked again: one bad value must not spoil the document for its readers. Of a
 * child it is so much deeper in it.
 */
static void
put_text_at(struct json_out *o, unsigned depth, const char *key, const char *text)
{
	struct json v = JSON_NOTHING;
	char *copy;

	json_out_key(o, key);
	if (text == NULL || json_parse(text, strlen(text), &v, NULL) == -1)
		v = JSON_NOTHING;
	if (!is_deeper(v, RESULTS_DEPTH_MAX - 2 * depth)) {
		json_out_value(o, v);
		return;
	}
	copy = xmemdup0(v.text, v.len);
	json_out_str(o, copy);
	free(copy);
}

static void
put_text(struct json_out *o, const char *key, const char *text)
{
	put_text_at(o, 0, key, text);
}

static void
put_str(struct json_out *o, const char *key, const char *s)
{
	json_out_key(o, key);
	json_out_str(o, s);
}

static void
put_null(struct json_out *o, const char *key)
{
	put_str(o, key, NULL);
}

static void
put_int(struct json_out *o, const char *key, int64_t n)
{
	json_out_key(o, key);
	json_out_int(o, n);
}

static void
put_seconds(struct json_out *o, const char *key, double d)
{
	json_out_key(o, key);
	json_out_fixed(o, d, 3);
}

/* A wall clock time; 0 is never. */
static void
put_time(struct json_out *o, const char *key, int64_t wall)
{
	char text[CLOCK_TEXT];

	put_str(o, key, wall != 0 ? clock_text(text, wall, 3) : NULL);
}

/* The name of one of the notebook's files, seen from the run folder. */
static void
put_file(struct json_out *o, const char *key, bool there, const char *folder, const char *name, const char *ending)
{
	char *path = there ? xasprintf("%s/%s.%s", folder, name, ending) : NULL;

	put_str(o, key, path);
	free(path);
}

static void
put_parameters(struct json_out *o, unsigned depth, const struct params *p)
{
	struct buf text = BUF_INIT;

	params_json(p, &text);
	put_text_at(o, depth, "parameters", buf_str(&text));
	buf_release(&text);
}

static void
put_spent(struct json_out *o, const struct record *r)
{
	if (r->started_wall == 0) {
		put_null(o, "queued_seconds");
		put_null(o, "started_at");
		put_null(o, "finished_at");
		put_null(o, "duration_seconds");
		put_null(o, "cpu_seconds");
		put_null(o, "max_rss_bytes");
		return;
	}
	put_seconds(o, "queued_seconds", seconds(r->queued_at, r->started_at));
	put_time(o, "started_at", r->started_wall);
	put_time(o, "finished_at", r->ended_wall);
	put_seconds(o, "duration_seconds", seconds(r->started_at, r->ended_at));
	put_seconds(o, "cpu_seconds", r->cpu_seconds);
	put_int(o, "max_rss_bytes", r->max_rss_bytes);
}

static void
put_exit_of(struct json_out *o, bool has_exit_status, int exit_status, int signal)
{
	if (has_exit_status)
		put_int(o, "exit_status", exit_status);
	else
		put_null(o, "exit_status");
	if (signal != 0)
		put_int(o, "signal", signal);
	else
		put_null(o, "signal");
}

static void
put_exit(struct json_out *o, const struct record *r)
{
	put_exit_of(o, r->has_exit_status, r->exit_status, r->signal);
}

void
results_put_kept(struct json object, const char *from, struct json_out *o)
{
	struct json key, value;
	struct json_iter it;

	json_out_open(o, '{');
	json_walk(&it, object);
	while (it.object && json_next(&it, &key, &value)) {
		char *name = json_strdup(key);

		if (name != NULL && strcmp(name, "resumed_from") != 0) {
			json_out_key(o, name);
			json_out_value(o, value);
		}
		free(name);
	}
	put_str(o, "resumed_from", from);
	json_out_close(o, '}');
}

static void
put_kept(const struct record *r, struct json_out *o)
{
	struct json v;

	if (json_parse(r->kept, strlen(r->kept), &v, NULL) == -1)
		v = JSON_NOTHING;
	results_put_kept(v, r->kept_from, o);
}

/* with: its children too. */
static void
put_notebook(const struct record *r, unsigned depth, bool with, struct json_out *o)
{
	const struct task *t = r->task;

	if (r->kept != NULL) {
		put_kept(r, o);
		return;
	}
	json_out_open(o, '{');
	put_str(o, "name", t->name);
	put_str(o, "path", t->path);
	put_str(o, "target", t->target->name);
	put_str(o, "status", r->state == RECORD_DONE ? status_name(r->status) : NULL);
	put_int(o, "attempts", r->attempts);
	put_parameters(o, depth, &t->parameters);
	put_text_at(o, depth, "result", r->result);
	put_text_at(o, depth, "values", r->values != NULL ? r->values : "{}");
	put_exit(o, r);
	put_text(o, "error", r->error);
	json_out_key(o, "cells");
	json_out_open(o, '{');
	put_int(o, "total", r->cells_total);
	put_int(o, "executed", r->cells_executed);
	json_out_close(o, '}');
	put_str(o, "start", !r->kernel_ready ? NULL : r->warm ? "warm" : "cold");
	if (r->kernel_ready)
		put_seconds(o, "ready_seconds", r->ready_seconds);
	else
		put_null(o, "ready_seconds");
	put_spent(o, r);
	put_file(o, "output", r->has_output, "notebooks", t->name, "ipynb");
	put_file(o, "log", r->has_log, "logs", t->name, "log");
	put_str(o, "url", r->url);
	put_text(o, "remote", r->remote);
	put_text(o, "earlier_attempts", r->earlier_attempts != NULL ? r->earlier_attempts : "[]");
	put_null(o, "resumed_from");
	if (r->parent != NULL)
		put_int(o, "parent_attempt", r->parent_attempt);
	if (with) {
		json_out_key(o, "children");
		json_out_open(o, '[');
		for (const struct record *child = r->children; child != NULL; child = child->next)
			put_notebook(child, depth + 1, true, o);
		json_out_close(o, ']');
	}
	json_out_close(o, '}');
}

void
results_put_notebook(const struct record *r, struct json_out *o)
{
	put_notebook(r, record_depth(r), r->parent == NULL, o);
}

void
results_put_attempt(const struct record *r, struct json_out *o)
{
	char *name = xasprintf("%s.attempt%u", r->task->name, r->attempts);

	json_out_open(o, '{');
	put_int(o, "attempt", r->attempts);
	put_str(o, "status", status_name(r->status));
	put_exit(o, r);
	put_text(o, "error", r->error);
	put_time(o, "started_at", r->started_wall);
	put_time(o, "finished_at", r->ended_wall);
	put_seconds(o, "duration_seconds", seconds(r->started_at, r->ended_at));
	put_seconds(o, "cpu_seconds", r->cpu_seconds);
	put_int(o, "max_rss_bytes", r->max_rss_bytes);
	put_file(o, "output", r->has_output, "notebooks", name, "ipynb");
	put_file(o, "log", r->has_log, "logs", name, "log");
	put_str(o, "url", r->url);
	put_text(o, "remote", r->remote);
	json_out_close(o, '}');
	free(name);
}

void
results_put_counts(const struct run *run, struct json_out *o)
{
	json_out_key(o, "counts");
	json_out_open(o, '{');
	for (int i = 0; i < STATUSES; i++)
		put_int(o, status_name((enum status)i), (int64_t)run->counts[i]);
	json_out_close(o, '}');
}

/* How many failures the policy takes: a number, or text such as "10%"; null for let-finish. */
static void
put_after(const struct workflow *w, struct json_out *o)
{
	char percent[32];

	if (w->on_error == POLICY_LET_FINISH) {
		put_null(o, "on_error_after");
	} else if (w->after_failures > 0) {
		put_int(o, "on_error_after", w->after_failures);
	} else {
		snprintf(percent, sizeof(percent), "%g%%", w->after_percent);
		put_str(o, "on_error_after", percent);
	}
}

void
results_put_plan(const struct run *run, struct json_out *o)
{
	const struct workflow *w = run->workflow;

	json_out_key(o, "workflow");
	json_out_open(o, '{');
	put_str(o, "name", w->name);
	put_str(o, "file", w->file);
	json_out_close(o, '}');
	put_str(o, "target", w->target->name);
	put_int(o, "processes", run->processes);
	put_str(o, "on_error", policy_name(w->on_error));
	put_after(w, o);
}

static void
put_head(const struct run *run, struct json_out *o)
{
	put_str(o, "schema", "nbfork.results/1");
	put_str(o, "nbfork", PACKAGE_VERSION);
	json_out_key(o, "run");
	json_out_open(o, '{');
	put_str(o, "id", run->id);
	put_str(o, "dir", run->folder);
	put_str(o, "resumed_from", run->resumed_from);
	json_out_close(o, '}');
	results_put_plan(run, o);
	put_str(o, "status", run->over ? status_name(run->status) : "running");
	put_time(o, "started_at", run->started_wall);
	put_time(o, "finished_at", run->ended_wall);
	if (run->over)
		put_seconds(o, "duration_seconds", seconds(run->started_at, run->ended_at));
	else
		put_null(o, "duration_seconds");
	results_put_counts(run, o);
}

void
results_put_hook(const struct hook_run *h, struct json_out *o)
{
	put_str(o, "hook", hook_name(h->command->hook));
	put_str(o, "command", h->command->argv[0]);
	put_str(o, "status", status_name(h->status));
	put_exit_of(o, h->has_exit_status, h->exit_status, h->signal);
	put_str(o, "message", h->message);
	put_time(o, "started_at", h->started_wall);
	put_time(o, "finished_at", h->ended_wall);
	if (h->started_wall != 0)
		put_seconds(o, "duration_seconds", seconds(h->started_at, h->ended_at));
	else
		put_null(o, "duration_seconds");
	put_file(o, "log", h->has_log, "logs/hooks", hook_name(h->command->hook), "log");
}

void
results_put(const struct run *run, struct buf *b)
{
	struct json_out o = JSON_OUT(b, 2, 0);

	json_out_open(&o, '{');
	put_head(run, &o);
	json_out_key(&o, "hooks");
	json_out_open(&o, '[');
	for (size_t i = 0; i < run->nhooks; i++) {
		json_out_open(&o, '{');
		results_put_hook(&run->hooks[i], &o);
		json_out_close(&o, '}');
	}
	json_out_close(&o, ']');
	json_out_key(&o, "notebooks");
	json_out_open(&o, '[');
	for (size_t i = 0; i < run->n; i++)
		results_put_notebook(&run->records[i], &o);
	json_out_close(&o, ']');
	json_out_close(&o, '}');
	buf_addc(b, '\n');
}
