#include "report/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "report/lanes.h"

struct trace {
	const struct story_run *run;
	struct json_out out;
	struct lanes lanes;
	size_t flows;	/* arrows so far */
};

/* ---- Events ---- */

static int64_t
relative(const struct trace *t, int64_t at)
{
	return at > t->run->started ? at - t->run->started : 0;
}

static void
put_str(struct json_out *o, const char *key, const char *s)
{
	json_out_key(o, key);
	json_out_str(o, s);
}

static void
put_int(struct json_out *o, const char *key, int64_t n)
{
	json_out_key(o, key);
	json_out_int(o, n);
}

static int64_t
pid_of(const struct story_run *run)
{
	return run->pid > 0 ? run->pid : 1;
}

/* Begins an event of a phase, a letter; thread: 0 for the run, lane + 1. */
static struct json_out *
begin(struct trace *t, const char *phase, const char *name, size_t thread, int64_t at)
{
	struct json_out *o = &t->out;

	json_out_open(o, '{');
	put_str(o, "ph", phase);
	put_str(o, "name", name);
	put_int(o, "pid", pid_of(t->run));
	put_int(o, "tid", (int64_t)thread);
	put_int(o, "ts", relative(t, at));
	return o;
}

static void
end(struct trace *t)
{
	json_out_close(&t->out, '}');
}

static void
begin_args(struct trace *t)
{
	json_out_key(&t->out, "args");
	json_out_open(&t->out, '{');
}

static void
end_args(struct trace *t)
{
	json_out_close(&t->out, '}');
	end(t);
}

/* What a process or a thread is called, and where it stands among the others. */
static void
put_name(struct trace *t, const char *what, size_t thread, const char *name)
{
	begin(t, "M", what, thread, 0);
	begin_args(t);
	put_str(&t->out, "name", name);
	end_args(t);
}

static void
put_place(struct trace *t, size_t thread)
{
	begin(t, "M", "thread_sort_index", thread, 0);
	begin_args(t);
	put_int(&t->out, "sort_index", (int64_t)thread);
	end_args(t);
}

static void
put_names(struct trace *t)
{
	char *name = xasprintf("nbfork %s", t->run->id);

	put_name(t, "process_name", 0, name);
	free(name);
	put_name(t, "thread_name", 0, "run");
	put_place(t, 0);
	for (size_t i = 0; i < t->lanes.count; i++) {
		name = xasprintf("slot %zu", i);
		put_name(t, "thread_name", i + 1, name);
		put_place(t, i + 1);
		free(name);
	}
}

/* A mark; scope: "t" on its thread, "p" across the process. */
static void
put_mark(struct trace *t, const char *category, char *name, size_t thread, int64_t at, const char *scope)
{
	struct json_out *o = begin(t, "i", name, thread, at);

	put_str(o, "cat", category);
	put_str(o, "s", scope);
	end(t);
	free(name);
}

static void
put_counter(struct trace *t, const char *name, int64_t at, const char *series, int64_t value)
{
	begin(t, "C", name, 0, at);
	begin_args(t);
	put_int(&t->out, series, value);
	end_args(t);
}

/* Begins a slice; an argument list is open then. */
static struct json_out *
begin_slice(struct trace *t, const char *category, const char *name, size_t thread, int64_t from, int64_t to, bool failed)
{
	struct json_out *o = begin(t, "X", name, thread, from);

	put_int(o, "dur", relative(t, to) - relative(t, from));
	put_str(o, "cat", category);
	if (failed)
		put_str(o, "cname", "terrible");	/* one of the viewer's colours */
	begin_args(t);
	return o;
}

/* ---- Attempts ---- */

static int64_t
within(int64_t at, int64_t from, int64_t to)
{
	return at < from ? from : at > to ? to : at;
}

static void
put_cells(struct trace *t, const struct stretch *s)
{
	int64_t free_from = s->start;
	char name[32];

	if (s->attempt->ready != 0) {
		free_from = within(s->attempt->ready, s->start, s->end);
		begin_slice(t, "kernel", "kernel", s->lane + 1, s->start, free_from, false);
		put_str(&t->out, "start", s->attempt->warm ? "warm" : "cold");
		end_args(t);
	}
	for (size_t i = 0; i < s->attempt->ncells; i++) {
		const struct story_cell *c = &s->attempt->cells[i];
		int64_t from = within(c->started, free_from, s->end), to = within(c->ended != 0 ? c->ended : s->end, from, s->end);

		snprintf(name, sizeof(name), "cell %u", c->cell);
		begin_slice(t, "cell", name, s->lane + 1, from, to, c->failed);
		put_int(&t->out, "cell", c->cell);
		put_int(&t->out, "number", c->number);
		put_int(&t->out, "total", s->attempt->total);
		json_out_key(&t->out, "failed");
		json_out_bool(&t->out, c->failed);
		end_args(t);
		free_from = to;
	}
}

/* How the attempt ended, in a word. */
static const char *
status_text(const struct trace *t, const struct story_attempt *a)
{
	if (a->end != STORY_END_NONE)
		return status_name(a->status);
	return t->run->phase == STORY_GOES_ON ? "running" : "killed";
}

static void
put_value(struct json_out *o, struct json object, const char *key)
{
	json_out_key(o, key);
	json_out_value(o, json_get(object, key));
}

static void
put_attempt(struct trace *t, const struct stretch *s)
{
	const struct story_attempt *a = s->attempt;
	const struct story_notebook *n = s->notebook;
	const char *object = a->object != NULL ? a->object : a->end == STORY_END_LAST ? n->object : NULL;
	struct json v = object != NULL ? json_of(object) : JSON_NOTHING;
	struct json_out *o = begin_slice(t, "notebook", n->name, s->lane + 1, s->start, s->end,
	    a->end != STORY_END_NONE && a->status != STATUS_SUCCEEDED);

	put_str(o, "status", status_text(t, a));
	put_str(o, "path", n->path);
	put_str(o, "parent", n->parent != NULL ? n->parent->name : NULL);
	put_int(o, "attempt", a->number);
	json_out_key(o, "queued_seconds");
	json_out_fixed(o, (double)(a->started - a->queued) / 1e6, 3);
	put_int(o, "worker_pid", a->pid);
	put_value(o, v, "cpu_seconds");
	put_value(o, v, "max_rss_bytes");
	put_str(o, "reason", a->reason != NULL ? a->reason : a->requeue_reason);
	put_str(o, "url", a->url);
	json_out_key(o, "error");
	json_out_value(o, json_get(json_get(v, "error"), "message"));
	end_args(t);
	put_cells(t, s);
	if (a->end == STORY_END_RETRY)
		put_mark(t, "retry", xasprintf("%s: %s, attempt %u in %.1f s", n->name, status_name(a->status), a->number + 1,
		    a->retry_in_seconds), s->lane + 1, s->end, "t");
	else if (a->end == STORY_END_REQUEUED)
		put_mark(t, "retry", xasprintf("%s: stopped, to run again later", n->name), s->lane + 1, s->end, "t");
	else if (a->end == STORY_END_LAST && a->status != STATUS_SUCCEEDED)
		put_mark(t, "failure", xasprintf("%s: %s", n->name, status_name(a->status)), s->lane + 1, s->end, "t");
	for (size_t i = 0; i < a->nmemory; i++) {
		char name[48];

		snprintf(name, sizeof(name), "memory of the kernel, slot %zu", s->lane);
		put_counter(t, name, a->memory[i].at, "bytes", a->memory[i].bytes);
		if (i + 1 == a->nmemory)
			put_counter(t, name, s->end, "bytes", 0);
	}
}

/* ---- Hooks ---- */

/* On a thread of their own, behind the slots; one runs after the other. */
static void
put_hooks(struct trace *t)
{
	const size_t thread = t->lanes.count + 1;
	int64_t free_from = t->run->started;

	if (t->run->nhooks == 0)
		return;
	put_name(t, "thread_name", thread, "hooks");
	put_place(t, thread);
	for (size_t i = 0; i < t->run->nhooks; i++) {
		struct json v = json_of(t->run->hooks[i]);
		int64_t from = story_time(json_get(v, "started_at")), to = story_time(json_get(v, "finished_at"));
		char *name = json_strdup(json_get(v, "hook"));

		from = within(from, free_from, t->run->last);
		to = within(to, from, t->run->last);
		free_from = to;
		begin_slice(t, "hook", name != NULL ? name : "hook", thread, from, to, !json_is(json_get(v, "status"), "succeeded"));
		put_value(&t->out, v, "command");
		put_value(&t->out, v, "status");
		put_value(&t->out, v, "message");
		end_args(t);
		free(name);
	}
}

/* ---- Calls ---- */

/* Both ends have to lie within the slices that the arrow binds to. */
static void
put_arrow(struct trace *t, const struct stretch *from, const struct stretch *to, int64_t called)
{
	static const char *const phases[] = {"s", "f"};
	int64_t at = within(called, from->start, from->end);

	for (int i = 0; i < 2; i++) {
		const struct stretch *s = i == 0 ? from : to;
		struct json_out *o = begin(t, phases[i], "runs", s->lane + 1, i == 0 ? at : within(at, s->start, s->end));

		put_str(o, "cat", "call");
		put_int(o, "id", (int64_t)t->flows);
		if (i == 1)
			put_str(o, "bp", "e");
		end(t);
	}
	t->flows++;
}

static void
put_arrows(struct trace *t)
{
	const struct story_notebook *parent = NULL;
	const struct stretch *from = NULL;
	unsigned attempt = 0;

	for (size_t i = 0; i < t->lanes.n; i++) {
		const struct stretch *to = &t->lanes.list[i];
		const struct story_notebook *n = to->notebook;

		if (n->parent == NULL || to->attempt != &n->attempts[0])
			continue;
		if (n->parent != parent || n->parent_attempt != attempt)
			from = lanes_find(&t->lanes, n->parent, n->parent_attempt);
		parent = n->parent;
		attempt = n->parent_attempt;
		if (from != NULL)
			put_arrow(t, from, to, n->called);
	}
}

/* ---- The run ---- */

/* One more runs or waits from then on, or one less. */
struct step {
	int64_t at;
	int running, waiting;
};

static int
by_time(const void *a, const void *b)
{
	const struct step *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

static void
put_numbers(struct trace *t)
{
	struct step *steps = xcalloc(3 * t->lanes.n + 1, sizeof(*steps));
	int64_t running = 0, waiting = 0;
	size_t n = 0;

	for (size_t i = 0; i < t->lanes.n; i++) {
		const struct stretch *s = &t->lanes.list[i];

		steps[n++] = (struct step){s->attempt->queued < s->start ? s->attempt->queued : s->start, 0, 1};
		steps[n++] = (struct step){s->start, 1, -1};
		steps[n++] = (struct step){s->end, -1, 0};
	}
	qsort(steps, n, sizeof(*steps), by_time);
	for (size_t i = 0; i < n; i++) {
		running += steps[i].running;
		waiting += steps[i].waiting;
		if (i + 1 < n && steps[i + 1].at == steps[i].at)
			continue;
		begin(t, "C", "notebooks", 0, steps[i].at);
		begin_args(t);
		put_int(&t->out, "running", running);
		put_int(&t->out, "waiting", waiting);
		end_args(t);
	}
	free(steps);
	for (size_t i = 0; i < t->run->nprocesses; i++)
		put_counter(t, "processes", t->run->processes[i].at, "most", t->run->processes[i].processes);
	for (size_t i = 0; i < t->run->nmemory; i++)
		put_counter(t, "memory available", t->run->memory[i].at, "bytes", t->run->memory[i].bytes);
}

static void
put_run(struct trace *t)
{
	static const char *const phases[] = {[STORY_GOES_ON] = "running", [STORY_TORN_OFF] = "killed"};
	const struct story_run *run = t->run;
	struct story_notebook *n = NULL;
	struct json_out *o;
	size_t at;

	o = begin_slice(t, "run", run->workflow, 0, run->started, run->last, run->phase == STORY_OVER &&
	    run->status != STATUS_SUCCEEDED);
	put_str(o, "status", run->phase == STORY_OVER ? status_name(run->status) : phases[run->phase]);
	put_str(o, "stop_reason", run->stop_reason);
	put_int(o, "notebooks", (int64_t)run->n);
	end_args(t);
	if (run->stopping != 0)
		put_mark(t, "stop", xasprintf("stopping: %s", run->stop_reason != NULL ? run->stop_reason : ""), 0, run->stopping,
		    "p");
	while ((n = story_after(run, n, &at)) != NULL) {
		if (n->state == STORY_DONE && n->nattempts == 0 && (n->parent == NULL || n->kept_from == NULL))
			put_mark(t, n->kept_from != NULL ? "kept" : status_name(n->status), xasprintf("%s: %s", n->name,
			    n->kept_from != NULL ? "kept" : status_name(n->status)), 0, n->over, "t");
	}
}

void
trace_put(const struct story_run *run, struct buf *b)
{
	struct trace t = {.run = run, .out = JSON_OUT(b, -1, 0)};
	char started[CLOCK_TEXT];

	lanes_make(&t.lanes, run);
	json_out_open(&t.out, '{');
	put_str(&t.out, "displayTimeUnit", "ms");
	json_out_key(&t.out, "otherData");
	json_out_open(&t.out, '{');
	put_str(&t.out, "run", run->id);
	put_str(&t.out, "workflow", run->workflow);
	put_str(&t.out, "started_at", clock_text(started, run->started, 3));
	json_out_close(&t.out, '}');
	json_out_key(&t.out, "traceEvents");
	json_out_open(&t.out, '[');
	put_names(&t);
	put_run(&t);
	for (size_t i = 0; i < t.lanes.n; i++)
		put_attempt(&t, &t.lanes.list[i]);
	put_hooks(&t);
	put_arrows(&t);
	put_numbers(&t);
	json_out_close(&t.out, ']');
	json_out_close(&t.out, '}');
	buf_addc(b, '\n');
	lanes_release(&t.lanes);
}
