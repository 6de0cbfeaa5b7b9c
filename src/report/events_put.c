/*
 * What each event says.
 */
#include "report/events.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "report/events_write.h"
#include "report/results.h"

struct line {
	struct buf text;
	struct json_out out;
};

static struct json_out *
begin(struct line *l, const char *event)
{
	char now[CLOCK_TEXT];

	buf_init(&l->text);
	l->out = (struct json_out)JSON_OUT(&l->text, -1, 0);
	json_out_open(&l->out, '{');
	json_out_key(&l->out, "time");
	json_out_str(&l->out, clock_text(now, clock_wall(), 3));
	json_out_key(&l->out, "event");
	json_out_str(&l->out, event);
	return &l->out;
}

/* Ends the line and writes it. */
static int
end(struct events *e, struct line *l)
{
	int result, saved_errno;

	json_out_close(&l->out, '}');
	buf_addc(&l->text, '\n');
	result = events_write(e, &l->text);
	saved_errno = errno;
	buf_release(&l->text);
	errno = saved_errno;
	return result;
}

static void
put_notebook(struct json_out *o, const struct record *r)
{
	json_out_key(o, "name");
	json_out_str(o, r->task->name);
	if (r->parent != NULL) {
		json_out_key(o, "parent");
		json_out_str(o, r->parent->task->name);
	}
	json_out_key(o, "attempt");
	json_out_int(o, r->attempts);
}

static void
put_seconds(struct json_out *o, const char *key, double seconds)
{
	json_out_key(o, key);
	json_out_fixed(o, seconds, 3);
}

/* What there is to run, so that a reader knows of it before it is started. */
static void
put_plan(struct json_out *o, const struct workflow *w)
{
	size_t edges = 0;

	for (size_t i = 0; i < w->ntasks; i++)
		edges += w->tasks[i].ndepends_on;
	json_out_open(o, '[');
	for (size_t i = 0; i < w->ntasks; i++) {
		const struct task *t = &w->tasks[i];

		json_out_open(o, '{');
		json_out_key(o, "name");
		json_out_str(o, t->name);
		json_out_key(o, "path");
		json_out_str(o, t->path);
		json_out_key(o, "target");
		json_out_str(o, t->target->name);
		json_out_key(o, "allow_failure");
		json_out_bool(o, t->allow_failure);
		json_out_key(o, "depends_on");
		if (edges <= EVENTS_EDGES_MOST) {
			json_out_open(o, '[');
			for (size_t d = 0; d < t->ndepends_on; d++)
				json_out_int(o, (int64_t)t->depends_on[d]);
			json_out_close(o, ']');
		} else {
			json_out_value(o, JSON_NOTHING);
		}
		json_out_close(o, '}');
	}
	json_out_close(o, ']');
}

int
events_run_started(struct events *e, const struct run *run)
{
	struct line l;
	struct json_out *o = begin(&l, "run_started");

	json_out_key(o, "run");
	json_out_open(o, '{');
	json_out_key(o, "id");
	json_out_str(o, run->id);
	json_out_key(o, "dir");
	json_out_str(o, run->folder);
	json_out_key(o, "resumed_from");
	json_out_str(o, run->resumed_from);
	json_out_close(o, '}');
	results_put_plan(run, o);
	json_out_key(o, "notebooks");
	json_out_int(o, (int64_t)run->n);
	json_out_key(o, "pid");
	json_out_int(o, getpid());
	json_out_key(o, "plan");
	put_plan(o, run->workflow);
	return end(e, &l);
}

int
events_notebook_kept(struct events *e, const struct record *r)
{
	struct line l;
	struct json_out *o = begin(&l, "notebook_kept");

	json_out_key(o, "name");
	json_out_str(o, r->task->name);
	json_out_key(o, "run");
	json_out_str(o, r->kept_from);
	return end(e, &l);
}

int
events_notebook_started(struct events *e, const struct record *r)
{
	struct line l;
	struct json_out *o = begin(&l, "notebook_started");

	/* Its success of before is no more: forgotten, that would be kept, with the copy that this attempt saves. */
	if (r->again_because != NULL)
		events_must_sync(e);

	put_notebook(o, r);
	json_out_key(o, "pid");
	json_out_int(o, r->pid);
	json_out_key(o, "reason");
	json_out_str(o, r->again_because);
	json_out_key(o, "submission");
	if (r->submission != 0)
		json_out_int(o, r->submission);
	else
		json_out_value(o, JSON_NOTHING);
	json_out_key(o, "inputs");
	json_out_value(o, r->submission != 0 && r->inputs != NULL ? json_of(r->inputs) : JSON_NOTHING);
	json_out_key(o, "slot");
	json_out_int(o, r->slot);
	put_seconds(o, "queued_seconds", (double)(r->started_at - r->queued_at) / (double)NSEC_PER_SEC);
	return end(e, &l);
}

int
events_notebook_called(struct events *e, const struct record *r)
{
	struct line l;
	struct json_out *o = begin(&l, "notebook_called");

	json_out_key(o, "name");
	json_out_str(o, r->task->name);
	json_out_key(o, "parent");
	json_out_str(o, r->parent->task->name);
	json_out_key(o, "parent_attempt");
	json_out_int(o, r->parent_attempt);
	json_out_key(o, "path");
	json_out_str(o, r->task->path);
	return end(e, &l);
}

int
events_notebook_submitted(struct events *e, const struct record *r)
{
	struct line l;
	struct json_out *o = begin(&l, "notebook_submitted");

	/* Forgotten in a power failure it could be asked for again by its number; known it need not be. */
	events_must_sync(e);
	put_notebook(o, r);
	json_out_key(o, "submission");
	json_out_int(o, r->submission);
	json_out_key(o, "run_id");
	json_out_id(o, r->remote_run);
	json_out_key(o, "url");
	json_out_str(o, r->url);
	return end(e, &l);
}

int
events_kernel_ready(struct events *e, const struct record *r, int pid, double seconds)
{
	struct line l;
	struct json_out *o = begin(&l, "kernel_ready");

	put_notebook(o, r);
	json_out_key(o, "pid");
	json_out_int(o, pid);
	json_out_key(o, "start");
	json_out_str(o, r->warm ? "warm" : "cold");
	put_seconds(o, "seconds", seconds);
	return end(e, &l);
}

int
events_cell(struct events *e, const struct record *r, bool started, unsigned cell, unsigned number, unsigned total,
    double seconds, bool failed)
{
	struct line l;
	struct json_out *o = begin(&l, started ? "cell_started" : "cell_finished");

	put_notebook(o, r);
	json_out_key(o, "cell");
	json_out_int(o, cell);
	json_out_key(o, "number");
	json_out_int(o, number);
	json_out_key(o, "total");
	json_out_int(o, total);
	if (!started) {
		put_seconds(o, "seconds", seconds);
		json_out_key(o, "failed");
		json_out_bool(o, failed);
	}
	return end(e, &l);
}

int
events_attempt_failed(struct events *e, const struct record *r, double delay)
{
	struct line l;
	struct json_out *o = begin(&l, "notebook_attempt_failed");

	put_notebook(o, r);
	put_seconds(o, "retry_in_seconds", delay);
	json_out_key(o, "ended");
	results_put_attempt(r, o);
	return end(e, &l);
}

int
events_requeued(struct events *e, const struct record *r, const char *reason)
{
	struct line l;
	struct json_out *o = begin(&l, "notebook_requeued");

	put_notebook(o, r);
	json_out_key(o, "reason");
	json_out_str(o, reason);
	json_out_key(o, "ended");
	results_put_attempt(r, o);
	return end(e, &l);
}

int
events_notebook_departs(struct events *e, const struct record *r)
{
	struct line l;
	struct json_out *o = begin(&l, "notebook_departs");

	put_notebook(o, r);
	return end(e, &l);
}

int
events_notebook_finished(struct events *e, const struct record *r)
{
	struct line l;
	struct json_out *o = begin(&l, "notebook_finished");

	put_notebook(o, r);
	json_out_key(o, "inputs");
	json_out_value(o, r->inputs != NULL ? json_of(r->inputs) : JSON_NOTHING);
	json_out_key(o, "cause");
	json_out_str(o, r->cause != NULL ? r->cause->task->name : NULL);
	json_out_key(o, "fails_run");
	json_out_bool(o, r->parent == NULL && record_fails_the_run(r));
	json_out_key(o, "notebook");
	results_put_notebook(r, o);
	events_must_sync(e);
	return end(e, &l);
}

int
events_memory_sampled(struct events *e, int64_t available, const struct events_memory *kernels, size_t n)
{
	struct line l;
	struct json_out *o = begin(&l, "memory_sampled");

	json_out_key(o, "available_bytes");
	if (available >= 0)
		json_out_int(o, available);
	else
		json_out_value(o, JSON_NOTHING);
	json_out_key(o, "kernels");
	json_out_open(o, '[');
	for (size_t i = 0; i < n; i++) {
		json_out_open(o, '{');
		put_notebook(o, kernels[i].record);
		json_out_key(o, "rss_bytes");
		json_out_int(o, kernels[i].bytes);
		json_out_close(o, '}');
	}
	json_out_close(o, ']');
	return end(e, &l);
}

int
events_processes_changed(struct events *e, unsigned processes)
{
	struct line l;
	struct json_out *o = begin(&l, "processes_changed");

	json_out_key(o, "processes");
	json_out_int(o, processes);
	return end(e, &l);
}

int
events_run_stopping(struct events *e, const char *reason)
{
	struct line l;
	struct json_out *o = begin(&l, "run_stopping");

	json_out_key(o, "reason");
	json_out_str(o, reason);
	return end(e, &l);
}

int
events_run_finished(struct events *e, const struct run *run)
{
	struct line l;
	struct json_out *o = begin(&l, "run_finished");

	json_out_key(o, "status");
	json_out_str(o, status_name(run->status));
	results_put_counts(run, o);
	put_seconds(o, "duration_seconds", (double)(run->ended_at - run->started_at) / (double)NSEC_PER_SEC);
	return end(e, &l);
}

int
events_hook_started(struct events *e, const struct command *c, int pid)
{
	struct line l;
	struct json_out *o = begin(&l, "hook_started");

	json_out_key(o, "hook");
	json_out_str(o, hook_name(c->hook));
	json_out_key(o, "command");
	json_out_str(o, c->argv[0]);
	json_out_key(o, "pid");
	json_out_int(o, pid);
	return end(e, &l);
}

int
events_hook_finished(struct events *e, const struct hook_run *h)
{
	struct line l;
	struct json_out *o = begin(&l, "hook_finished");

	results_put_hook(h, o);
	return end(e, &l);
}
