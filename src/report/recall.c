#include "report/recall.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

const char *
recall_status(const struct story_run *run, const struct story_notebook *n)
{
	if (n->state == STORY_DONE)
		return status_name(n->status);
	if (n->state == STORY_WAITING)
		return "waiting";
	return run->phase == STORY_TORN_OFF ? "killed" : "running";
}

const char *
recall_run_status(const struct story_run *run)
{
	if (run->phase == STORY_OVER)
		return status_name(run->status);
	return run->phase == STORY_GOES_ON ? "running" : "killed";
}

static bool
is_there(struct json object, const char *key)
{
	return json_type(json_get(object, key)) == JSON_STRING;
}

/* Of one that is over: what its object says. */
static void
take_object(struct record *r, const struct story_notebook *n)
{
	struct json v = n->object != NULL ? json_of(n->object) : JSON_NOTHING, error = json_get(v, "error");
	struct json cells = json_get(v, "cells");
	double seconds;

	r->status = n->status;
	r->attempts = json_count_of(v, "attempts");
	r->cells_total = json_count_of(cells, "total");
	r->cells_executed = json_count_of(cells, "executed");
	if (json_type(error) == JSON_OBJECT)
		r->error = xmemdup0(error.text, error.len);
	if (n->kept_from != NULL) {
		r->kept = xstrdup("{}");
		r->kept_from = xstrdup(n->kept_from);
		return;
	}
	r->has_output = is_there(v, "output");
	r->has_log = is_there(v, "log");
	r->started_wall = story_time(json_get(v, "started_at"));
	if (json_double(json_get(v, "duration_seconds"), &seconds))
		r->ended_at = clock_from_seconds(seconds);
}

/* From one wall clock time to another, in nanoseconds; of a journal, they may be thousands of years apart. */
static int64_t
between(int64_t from, int64_t to)
{
	return to > from ? clock_from_seconds((double)(to - from) / 1e6) : 0;
}

/* Of one that is not: what its last attempt has come to. */
static void
take_attempt(struct record *r, const struct story_notebook *n, const struct story_run *run, int64_t now)
{
	const struct story_attempt *a = n->nattempts > 0 ? &n->attempts[n->nattempts - 1] : NULL;
	int64_t end;

	r->state = n->state == STORY_RUNNING ? RECORD_RUNNING : RECORD_WAITING;
	if (a == NULL)
		return;
	r->attempts = a->number;
	r->cells_total = a->total;
	r->cells_executed = (unsigned)a->ncells;
	end = a->ended != 0 ? a->ended : run->phase == STORY_GOES_ON && now > run->last ? now : run->last;
	r->started_wall = a->started;
	r->ended_at = between(a->started, end);
}

static void
take(struct run *run, struct record *r, struct task *t, const struct story_notebook *n, const struct story_run *story,
    int64_t now)
{
	t->name = xstrdup(n->name);
	t->allow_failure = n->allow_failure;
	r->task = t;
	r->estimate = -1;
	if (n->state == STORY_DONE) {
		r->state = RECORD_DONE;
		take_object(r, n);
		(r->parent != NULL ? run->children.counts : run->counts)[r->status]++;
	} else {
		take_attempt(r, n, story, now);
		if (r->state == RECORD_RUNNING)
			++*(r->parent != NULL ? &run->children.running : &run->running);
		else
			++*(r->parent != NULL ? &run->children.waiting : &run->waiting);
	}
	/* What a kept one has run belongs to the run that ran it. */
	for (const struct story_notebook *c = n->kept_from == NULL ? n->children : NULL; c != NULL; c = c->next) {
		struct record *child = xcalloc(1, sizeof(*child));

		child->parent = r;
		if (r->last_child != NULL)
			r->last_child->next = child;
		else
			r->children = child;
		r->last_child = child;
		take(run, child, xcalloc(1, sizeof(struct task)), c, story, now);
	}
}

void
recall(struct recalled *r, const struct story_run *story, const char *folder, int64_t now)
{
	struct run *run = &r->run;

	*r = (struct recalled){0};
	r->workflow.name = xstrdup(story->workflow);
	r->workflow.ntasks = story->n;
	r->workflow.tasks = xcalloc(story->n, sizeof(*r->workflow.tasks));
	run->workflow = &r->workflow;
	run->id = xstrdup(story->id);
	run->folder = xstrdup(folder);
	run->n = story->n;
	run->records = xcalloc(story->n, sizeof(*run->records));
	run->stop_reason = story->stop_reason;
	run->over = story->phase == STORY_OVER;
	run->torn_off = story->phase == STORY_TORN_OFF;
	run->status = story->status;
	if (story->phase == STORY_OVER)
		run->ended_at = clock_from_seconds(story->duration_seconds);
	else
		run->ended_at = between(story->started, story->phase == STORY_GOES_ON && now > story->last ? now : story->last);
	for (size_t i = 0; i < story->n; i++)
		take(run, &run->records[i], &r->workflow.tasks[i], story->notebooks[i], story, now);
}

static void
release_children(struct record *r)
{
	struct record *next;

	for (struct record *child = r->children; child != NULL; child = next) {
		struct task *t = (struct task *)child->task;

		next = child->next;
		release_children(child);
		record_release(child);
		free(child);
		free(t->name);
		free(t);
	}
}

void
recall_release(struct recalled *r)
{
	for (size_t i = 0; i < r->run.n; i++) {
		release_children(&r->run.records[i]);
		record_release(&r->run.records[i]);
		free(r->workflow.tasks[i].name);
	}
	free(r->run.records);
	free(r->run.id);
	free(r->run.folder);
	free(r->workflow.tasks);
	free(r->workflow.name);
	*r = (struct recalled){0};
}
