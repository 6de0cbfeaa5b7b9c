/* What the events of a journal mean for its story. */
#include "report/story_lines.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "report/results.h"

#define SLOTS_MOST 65536	/* more than there ever are: who draws them has room for each */

/* One line, and what nearly every one has; JSON_NOTHING for what is not there. */
struct line {
	struct json all, time, event, name, parent, attempt;
	int64_t at;	/* the time */
};

static void
split(struct line *l, struct json v)
{
	const struct {
		const char *key;
		struct json *value;
	} members[] = {
		{"time", &l->time}, {"event", &l->event}, {"name", &l->name}, {"parent", &l->parent}, {"attempt", &l->attempt},
	};
	struct json_iter it;
	struct json key, value;

	memset(l, 0, sizeof(*l));
	l->all = v;
	json_walk(&it, v);
	while (it.object && json_next(&it, &key, &value))
		for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
			if (json_is(key, members[i].key))
				*members[i].value = value;
	l->at = story_time(l->time);
}

static double
seconds_of(struct json v)
{
	double d;

	return json_double(v, &d) && d >= 0 && d < 1e12 ? d : 0;
}

static int64_t
microseconds(struct json v)
{
	return (int64_t)(seconds_of(v) * 1e6);
}

static unsigned
number_of(struct json v)
{
	int64_t n;

	return json_int(v, &n) && n > 0 && n <= INT32_MAX ? (unsigned)n : 0;
}

static bool
status_of(struct json v, enum status *status)
{
	char *text = json_strdup(v);
	bool known = text != NULL && status_parse(text, status);

	free(text);
	return known;
}

/* A copy of its text as it stands; NULL for what is no object. */
static char *
object_of(struct json v)
{
	return json_type(v) == JSON_OBJECT ? xmemdup0(v.text, v.len) : NULL;
}

/* Sets what is owned. */
static void
set(char **place, char *text)
{
	free(*place);
	*place = text;
}

static void
set_if_none(char **place, struct json v)
{
	if (*place == NULL)
		*place = json_strdup(v);
}

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

/* One of that name, which is the story's from now on; parent: NULL for one of the workflow. */
static struct story_notebook *
add_notebook(struct story_run *run, char *name, struct story_notebook *parent)
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

	if (n == NULL && text != NULL)
		return add_notebook(run, text, parent);
	free(text);
	return n;
}

static struct story_notebook *
notebook_of(struct story_run *run, const struct line *l)
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
attempt_of(struct story_run *run, const struct line *l)
{
	struct story_notebook *n = notebook_of(run, l);
	unsigned number = number_of(l->attempt);
	struct story_attempt *last;

	if (n == NULL || number == 0 || n->state == STORY_DONE)
		return NULL;
	last = n->nattempts > 0 ? &n->attempts[n->nattempts - 1] : NULL;
	if (last == NULL || last->number < number)
		return add_attempt(n, number, l->at);
	return last->number == number && last->end == STORY_END_NONE ? last : NULL;
}

/* ---- The run ---- */

static void
take_dependencies(struct story_notebook *n, struct json list, size_t most)
{
	struct json_iter it;
	struct json v;
	int64_t i;

	if (json_type(list) != JSON_ARRAY)
		return;
	n->depends_on = xcalloc(json_count(list), sizeof(*n->depends_on));
	json_walk(&it, list);
	while (json_next(&it, NULL, &v))
		if (json_int(v, &i) && i >= 0 && (size_t)i < most)
			n->depends_on[n->ndepends_on++] = (size_t)i;
}

static void
take_plan(struct story_run *run, struct json plan)
{
	size_t count = json_type(plan) == JSON_ARRAY ? json_count(plan) : 0;
	struct json_iter it;
	struct json v;

	json_walk(&it, plan);
	while (!it.object && json_next(&it, NULL, &v)) {
		char *name = json_strdup(json_get(v, "name"));
		struct story_notebook *n;

		/* The indices of all those behind it go by its place. */
		n = add_notebook(run, name != NULL ? name : xstrdup(""), NULL);
		set_if_none(&n->path, json_get(v, "path"));
		set_if_none(&n->target, json_get(v, "target"));
		n->allow_failure = json_type(json_get(v, "allow_failure")) == JSON_TRUE;
		take_dependencies(n, json_get(v, "depends_on"), count);
	}
}

static void
add_processes(struct story_run *run, int64_t at, unsigned processes)
{
	run->processes = xgrow(run->processes, run->nprocesses, &run->processes_cap, sizeof(*run->processes));
	run->processes[run->nprocesses++] = (struct story_processes){at, processes};
}

static void
on_run_started(struct story *s, const struct line *l)
{
	struct json of = json_get(l->all, "run"), workflow = json_get(l->all, "workflow");
	char *id = json_strdup(json_get(of, "id")), *name = json_strdup(json_get(workflow, "name"));
	struct story_run *run;

	if (id == NULL || name == NULL) {
		free(id);
		free(name);
		return;
	}
	if (s->n > 0 && s->runs[s->n - 1]->phase != STORY_OVER)
		s->runs[s->n - 1]->phase = STORY_TORN_OFF;
	run = xcalloc(1, sizeof(*run));
	s->runs = xgrow(s->runs, s->n, &s->cap, sizeof(struct story_run *));
	s->runs[s->n++] = run;
	run->id = id;
	run->workflow = name;
	run->resumed_from = json_strdup(json_get(of, "resumed_from"));
	run->folder = json_strdup(json_get(of, "dir"));
	run->file = json_strdup(json_get(workflow, "file"));
	run->target = json_strdup(json_get(l->all, "target"));
	run->on_error = json_strdup(json_get(l->all, "on_error"));
	run->object = object_of(l->all);
	run->pid = (int)json_count_of(l->all, "pid");
	run->started = l->at;
	run->expected = json_count_of(l->all, "notebooks");
	add_processes(run, l->at, json_count_of(l->all, "processes"));
	take_plan(run, json_get(l->all, "plan"));
}

static void
on_processes_changed(struct story_run *run, const struct line *l)
{
	add_processes(run, l->at, json_count_of(l->all, "processes"));
}

static void
on_run_stopping(struct story_run *run, const struct line *l)
{
	run->stopping = l->at;
	set(&run->stop_reason, json_strdup(json_get(l->all, "reason")));
}

static void
on_run_finished(struct story_run *run, const struct line *l)
{
	if (!status_of(json_get(l->all, "status"), &run->status))
		return;
	run->ended = l->at;
	run->duration_seconds = seconds_of(json_get(l->all, "duration_seconds"));
	run->phase = STORY_OVER;
}

/* ---- The life of a notebook ---- */

static void
on_called(struct story_run *run, const struct line *l)
{
	struct story_notebook *n = notebook_of(run, l);

	if (n == NULL || n->parent == NULL)
		return;
	n->called = l->at;
	n->parent_attempt = number_of(json_get(l->all, "parent_attempt"));
	set_if_none(&n->path, json_get(l->all, "path"));
}

static void
on_started(struct story_run *run, const struct line *l)
{
	struct story_attempt *a = attempt_of(run, l);
	int64_t slot;

	if (a == NULL)
		return;
	a->pid = (int)json_count_of(l->all, "pid");
	set(&a->reason, json_strdup(json_get(l->all, "reason")));
	if (json_int(json_get(l->all, "slot"), &slot) && slot >= 0 && slot < SLOTS_MOST)
		a->slot = (int)slot;
	a->queued = a->started - microseconds(json_get(l->all, "queued_seconds"));
}

static void
on_submitted(struct story_run *run, const struct line *l)
{
	struct story_attempt *a = attempt_of(run, l);

	if (a != NULL)
		set_if_none(&a->url, json_get(l->all, "url"));
}

static void
on_kernel_ready(struct story_run *run, const struct line *l)
{
	struct story_attempt *a = attempt_of(run, l);

	if (a == NULL)
		return;
	a->ready = l->at;
	a->warm = json_is(json_get(l->all, "start"), "warm");
	a->ready_seconds = seconds_of(json_get(l->all, "seconds"));
}

static void
on_cell_started(struct story_run *run, const struct line *l)
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
on_cell_finished(struct story_run *run, const struct line *l)
{
	struct story_attempt *a = attempt_of(run, l);
	struct story_cell *last = a != NULL && a->ncells > 0 ? &a->cells[a->ncells - 1] : NULL;

	if (last == NULL || last->ended != 0 || last->cell != json_count_of(l->all, "cell"))
		return;
	last->ended = l->at;
	last->seconds = seconds_of(json_get(l->all, "seconds"));
	last->failed = json_type(json_get(l->all, "failed")) == JSON_TRUE;
}

static void
on_departs(struct story_run *run, const struct line *l)
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
	if (!status_of(json_get(ended, "status"), &a->status))
		a->status = STATUS_FAILED;
}

static struct story_attempt *
on_another(struct story_run *run, const struct line *l, enum story_end end)
{
	struct story_attempt *a = attempt_of(run, l);
	struct json ended = json_get(l->all, "ended");

	if (a == NULL)
		return NULL;
	end_attempt(a, end, ended, l->at);
	set(&a->object, object_of(ended));
	notebook_of(run, l)->state = STORY_WAITING;
	return a;
}

static void
on_attempt_failed(struct story_run *run, const struct line *l)
{
	struct story_attempt *a = on_another(run, l, STORY_END_RETRY);

	if (a != NULL)
		a->retry_in_seconds = seconds_of(json_get(l->all, "retry_in_seconds"));
}

static void
on_requeued(struct story_run *run, const struct line *l)
{
	struct story_attempt *a = on_another(run, l, STORY_END_REQUEUED);

	if (a != NULL)
		set(&a->requeue_reason, json_strdup(json_get(l->all, "reason")));
}

static void
on_notebook_finished(struct story_run *run, const struct line *l)
{
	struct story_notebook *n = notebook_of(run, l);
	struct json object = json_get(l->all, "notebook");
	struct story_attempt *last;
	enum status status;

	if (n == NULL || n->state == STORY_DONE || !status_of(json_get(object, "status"), &status))
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
	set(&n->object, object_of(object));
	set(&n->cause, json_strdup(json_get(l->all, "cause")));
	n->fails_run = json_type(json_get(l->all, "fails_run")) == JSON_TRUE;
	set_if_none(&n->path, json_get(object, "path"));
	set_if_none(&n->target, json_get(object, "target"));
}

/* ---- What is kept ---- */

/* What a kept notebook has run, from its object: so deep at the most as it is nested there. */
static void
keep_children(struct story_run *run, struct story_notebook *parent, struct json list, int64_t at)
{
	struct json_iter it;
	struct json v;

	json_walk(&it, list);
	while (!it.object && json_next(&it, NULL, &v)) {
		char *name = json_strdup(json_get(v, "name"));
		struct story_notebook *n;

		if (name == NULL)
			continue;
		n = add_notebook(run, name, parent);
		n->state = STORY_DONE;
		if (!status_of(json_get(v, "status"), &n->status))
			n->status = STATUS_FAILED;
		n->over = at;
		n->kept_from = xstrdup(parent->kept_from);
		n->object = object_of(v);
		n->parent_attempt = json_count_of(v, "parent_attempt");
		set_if_none(&n->path, json_get(v, "path"));
		set_if_none(&n->target, json_get(v, "target"));
		keep_children(run, n, json_get(v, "children"), at);
	}
}

/* The object of the success that is kept, of the latest run before that had one; NULL where the journal has lost it. */
static const char *
success_of(const struct story *s, const char *name)
{
	for (size_t i = s->n - 1; i-- > 0;) {
		const struct story_notebook *n = story_find(s->runs[i], name);

		if (n != NULL && n->parent == NULL && n->state == STORY_DONE && n->status == STATUS_SUCCEEDED)
			return n->object;
	}
	return NULL;
}

static void
on_kept(struct story *s, struct story_run *run, const struct line *l)
{
	struct story_notebook *n = notebook_of(run, l);
	struct buf text = BUF_INIT;
	struct json_out o = JSON_OUT(&text, -1, 0);
	const char *success;

	if (n == NULL || n->parent != NULL || n->state == STORY_DONE)
		return;
	n->state = STORY_DONE;
	n->status = STATUS_SUCCEEDED;
	n->over = l->at;
	set(&n->kept_from, json_strdup(json_get(l->all, "run")));
	success = success_of(s, n->name);
	if (success == NULL || n->kept_from == NULL)
		return;
	results_put_kept(json_of(success), n->kept_from, &o);
	set(&n->object, buf_steal(&text));
	set_if_none(&n->path, json_get(json_of(n->object), "path"));
	set_if_none(&n->target, json_get(json_of(n->object), "target"));
	keep_children(run, n, json_get(json_of(n->object), "children"), l->at);
}

/* ---- Memory ---- */

static void
add_sample(struct story_sample **list, size_t *n, size_t *cap, int64_t at, int64_t bytes)
{
	*list = xgrow(*list, *n, cap, sizeof(**list));
	(*list)[(*n)++] = (struct story_sample){at, bytes};
}

static void
on_memory(struct story_run *run, const struct line *l)
{
	struct json_iter it;
	struct line of = *l;
	struct json v;
	int64_t bytes;

	if (json_int(json_get(l->all, "available_bytes"), &bytes) && bytes >= 0)
		add_sample(&run->memory, &run->nmemory, &run->memory_cap, l->at, bytes);
	json_walk(&it, json_get(l->all, "kernels"));
	while (!it.object && json_next(&it, NULL, &v)) {
		struct story_attempt *a;

		split(&of, v);
		of.at = l->at;
		a = attempt_of(run, &of);
		if (a != NULL && json_int(json_get(v, "rss_bytes"), &bytes) && bytes >= 0)
			add_sample(&a->memory, &a->nmemory, &a->memory_cap, l->at, bytes);
	}
}

/* ---- Hooks ---- */

/* The event has the members of the object, after its own. */
static void
on_hook_finished(struct story_run *run, const struct line *l)
{
	struct buf text = BUF_INIT;
	struct json_out o = JSON_OUT(&text, -1, 0);
	struct json key, value;
	struct json_iter it;

	json_out_open(&o, '{');
	json_walk(&it, l->all);
	while (json_next(&it, &key, &value)) {
		char *name = json_strdup(key);

		if (name != NULL && strcmp(name, "time") != 0 && strcmp(name, "event") != 0) {
			json_out_key(&o, name);
			json_out_value(&o, value);
		}
		free(name);
	}
	json_out_close(&o, '}');
	run->hooks = xgrow(run->hooks, run->nhooks, &run->hooks_cap, sizeof(*run->hooks));
	run->hooks[run->nhooks++] = buf_steal(&text);
}

/* ---- Lines ---- */

static const struct {
	const char *event;
	void (*call)(struct story_run *run, const struct line *l);
} events[] = {
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
	{"processes_changed", on_processes_changed},
	{"run_stopping", on_run_stopping},
	{"hook_finished", on_hook_finished},
	{"run_finished", on_run_finished},
};

void
story_take(struct story *s, const char *line, size_t n)
{
	struct story_run *run;
	struct json v;
	struct line l;

	if (json_parse(line, n, &v, NULL) == -1 || json_type(v) != JSON_OBJECT)
		return;
	split(&l, v);
	if (json_is(l.event, "run_started"))
		on_run_started(s, &l);
	if (s->n == 0)
		return;
	run = story_last(s);
	if (l.at > run->last)
		run->last = l.at;
	if (json_is(l.event, "notebook_kept")) {
		on_kept(s, run, &l);
		return;
	}
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (json_is(l.event, events[i].event)) {
			events[i].call(run, &l);
			return;
		}
	}
}
