/* The life of a notebook, as the events of a journal tell it. */
#include "report/story_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define DEEP 64	/* more than notebooks can be nested that run each other: what is told of them calls itself so often */
#define SLOTS_MOST 65536	/* more than there ever are: who draws them has room for each */

/* ---- Notebooks ---- */

static void
add_child(struct story_notebook *parent, struct story_notebook *n)
{
	n->parent = parent;
	if (parent->last_child != NULL)
		parent->last_child->next = n;
	else
		parent->children = n;
	parent->last_child = n;
}

struct story_notebook *
line_add_notebook(struct story_run *run, char *name, struct story_notebook *parent)
{
	struct story_notebook *n = xcalloc(1, sizeof(*n));
	void **place = table_at(&run->names, name, strlen(name));

	n->name = name;
	if (*place == NULL)
		*place = n;
	if (parent != NULL) {
		add_child(parent, n);
	} else {
		run->notebooks = xgrow(run->notebooks, run->n, &run->cap, sizeof(struct story_notebook *));
		run->notebooks[run->n++] = n;
	}
	return n;
}

/* The notebook of a name, which need not have been heard of before; NULL for what is no name. */
static struct story_notebook *
notebook_named(struct story_run *run, struct json name, struct story_notebook *parent)
{
	char *text = json_strdup(name);
	struct story_notebook *n = text != NULL ? story_find(run, text) : NULL;

	if (n == NULL && text != NULL && (parent == NULL || story_depth(parent) < DEEP))
		return line_add_notebook(run, text, parent);
	free(text);
	return n;
}

struct story_notebook *
line_notebook(struct story_run *run, const struct story_line *l)
{
	struct story_notebook *parent = NULL;

	if (json_type(l->parent) == JSON_STRING && (parent = notebook_named(run, l->parent, NULL)) == NULL)
		return NULL;
	return notebook_named(run, l->name, parent);
}

static struct story_attempt *
add_attempt(struct story_notebook *n, unsigned number, int64_t at)
{
	struct story_attempt *a;

	n->attempts = xgrow(n->attempts, n->nattempts, &n->attempts_cap, sizeof(*n->attempts));
	a = &n->attempts[n->nattempts++];
	*a = (struct story_attempt){.number = number, .slot = -1, .queued = at, .started = at};
	n->state = STORY_RUNNING;
	return a;
}

/* The attempt that a line is about, also where the line that told of its start is lost; NULL for none. */
static struct story_attempt *
attempt_of(struct story_run *run, const struct story_line *l)
{
	struct story_notebook *n = line_notebook(run, l);
	unsigned number = line_number(l->attempt);
	struct story_attempt *last;

	if (n == NULL || number == 0 || n->state == STORY_DONE)
		return NULL;
	last = n->nattempts > 0 ? &n->attempts[n->nattempts - 1] : NULL;
	if (last == NULL || last->number < number)
		return add_attempt(n, number, l->at);
	return last->number == number && last->end == STORY_END_NONE ? last : NULL;
}

/* ---- From the call to the end ---- */

static int64_t
microseconds(struct json v)
{
	return (int64_t)(line_seconds(v) * 1e6);
}

static void
on_called(struct story_run *run, const struct story_line *l)
{
	struct story_notebook *n = line_notebook(run, l);

	if (n == NULL || n->parent == NULL)
		return;
	n->called = l->at;
	n->parent_attempt = line_number(json_get(l->all, "parent_attempt"));
	line_set_if_none(&n->path, json_get(l->all, "path"));
}

static void
on_started(struct story_run *run, const struct story_line *l)
{
	struct story_attempt *a = attempt_of(run, l);
	int64_t slot;

	if (a == NULL)
		return;
	a->pid = (int)json_count_of(l->all, "pid");
	line_set(&a->reason, json_strdup(json_get(l->all, "reason")));
	if (json_int(json_get(l->all, "slot"), &slot) && slot >= 0 && slot < SLOTS_MOST)
		a->slot = (int)slot;
	a->queued = a->started - microseconds(json_get(l->all, "queued_seconds"));
}

static void
on_submitted(struct story_run *run, const struct story_line *l)
{
	struct story_attempt *a = attempt_of(run, l);

	if (a != NULL)
		line_set_if_none(&a->url, json_get(l->all, "url"));
}

static void
on_kernel_ready(struct story_run *run, const struct story_line *l)
{
	struct story_attempt *a = attempt_of(run, l);

	if (a == NULL)
		return;
	a->ready = l->at;
	a->warm = json_is(json_get(l->all, "start"), "warm");
	a->ready_seconds = line_seconds(json_get(l->all, "seconds"));
}

static void
on_cell_started(struct story_run *run, const struct story_line *l)
{
	struct story_attempt *a = attempt_of(run, l);

	if (a == NULL)
		return;
	a->total = json_count_of(l->all, "total");
	a->cells = xgrow(a->cells, a->ncells, &a->cells_cap, sizeof(*a->cells));
	a->cells[a->ncells++] = (struct story_cell){
		.cell = json_count_of(l->all, "cell"), .number = json_count_of(l->all, "number"), .started = l->at,
	};
}

static void
on_cell_finished(struct story_run *run, const struct story_line *l)
{
	struct story_attempt *a = attempt_of(run, l);
	struct story_cell *last = a != NULL && a->ncells > 0 ? &a->cells[a->ncells - 1] : NULL;

	if (last == NULL || last->ended != 0 || last->cell != json_count_of(l->all, "cell"))
		return;
	last->ended = l->at;
	last->seconds = line_seconds(json_get(l->all, "seconds"));
	last->failed = json_type(json_get(l->all, "failed")) == JSON_TRUE;
}

static void
on_departs(struct story_run *run, const struct story_line *l)
{
	struct story_attempt *a = attempt_of(run, l);

	if (a != NULL)
		a->departed = l->at;
}

/* The attempt is over; ended: an object that says how. */
static void
end_attempt(struct story_attempt *a, enum story_end end, struct json ended, int64_t at)
{
	int64_t finished = story_time(json_get(ended, "finished_at"));

	a->end = end;
	a->ended = finished != 0 && finished >= a->started ? finished : at;
	if (!line_status(json_get(ended, "status"), &a->status))
		a->status = STATUS_FAILED;
}

static struct story_attempt *
on_another(struct story_run *run, const struct story_line *l, enum story_end end)
{
	struct story_attempt *a = attempt_of(run, l);
	struct json ended = json_get(l->all, "ended");

	if (a == NULL)
		return NULL;
	end_attempt(a, end, ended, l->at);
	line_set(&a->object, line_object(ended));
	line_notebook(run, l)->state = STORY_WAITING;
	return a;
}

static void
on_attempt_failed(struct story_run *run, const struct story_line *l)
{
	struct story_attempt *a = on_another(run, l, STORY_END_RETRY);

	if (a != NULL)
		a->retry_in_seconds = line_seconds(json_get(l->all, "retry_in_seconds"));
}

static void
on_requeued(struct story_run *run, const struct story_line *l)
{
	struct story_attempt *a = on_another(run, l, STORY_END_REQUEUED);

	if (a != NULL)
		line_set(&a->requeue_reason, json_strdup(json_get(l->all, "reason")));
}

static void
on_notebook_finished(struct story_run *run, const struct story_line *l)
{
	struct story_notebook *n = line_notebook(run, l);
	struct json object = json_get(l->all, "notebook");
	struct story_attempt *last;
	enum status status;

	if (n == NULL || n->state == STORY_DONE || !line_status(json_get(object, "status"), &status))
		return;
	/* What was never started has attempts of earlier runs at the most. */
	if (json_type(json_get(object, "started_at")) == JSON_STRING)
		attempt_of(run, l);
	last = n->nattempts > 0 ? &n->attempts[n->nattempts - 1] : NULL;
	if (last != NULL && last->end == STORY_END_NONE)
		end_attempt(last, STORY_END_LAST, object, l->at);
	else if (last != NULL)
		last->end = STORY_END_LAST;	/* another one was to follow, and did not */
	n->state = STORY_DONE;
	n->status = status;
	n->over = l->at;
	line_set(&n->object, line_object(object));
	line_set(&n->cause, json_strdup(json_get(l->all, "cause")));
	n->fails_run = json_type(json_get(l->all, "fails_run")) == JSON_TRUE;
	line_set_if_none(&n->path, json_get(object, "path"));
	line_set_if_none(&n->target, json_get(object, "target"));
}

/* ---- Memory ---- */

static void
add_sample(struct story_sample **list, size_t *n, size_t *cap, int64_t at, int64_t bytes)
{
	*list = xgrow(*list, *n, cap, sizeof(**list));
	(*list)[(*n)++] = (struct story_sample){at, bytes};
}

static void
on_memory(struct story_run *run, const struct story_line *l)
{
	struct json_iter it;
	struct story_line of = *l;
	struct json v;
	int64_t bytes;

	if (json_int(json_get(l->all, "available_bytes"), &bytes) && bytes >= 0)
		add_sample(&run->memory, &run->nmemory, &run->memory_cap, l->at, bytes);
	json_walk(&it, json_get(l->all, "kernels"));
	while (!it.object && json_next(&it, NULL, &v)) {
		struct story_attempt *a;

		line_split(&of, v);
		of.at = l->at;
		a = attempt_of(run, &of);
		if (a != NULL && json_int(json_get(v, "rss_bytes"), &bytes) && bytes >= 0)
			add_sample(&a->memory, &a->nmemory, &a->memory_cap, l->at, bytes);
	}
}

/* ---- All of them ---- */

const struct story_event story_life[] = {
	{"cell_started", on_cell_started},
	{"cell_finished", on_cell_finished},
	{"notebook_called", on_called},
	{"notebook_started", on_started},
	{"notebook_submitted", on_submitted},
	{"kernel_ready", on_kernel_ready},
	{"notebook_departs", on_departs},
	{"notebook_attempt_failed", on_attempt_failed},
	{"notebook_requeued", on_requeued},
	{"notebook_finished", on_notebook_finished},
	{"memory_sampled", on_memory},
	{NULL, NULL},
};
