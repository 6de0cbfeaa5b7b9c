/* What the lines of a journal mean for its story. */
#include "report/story_lines.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "report/results.h"
#include "report/story_parts.h"

/* ---- Values ---- */

void
line_split(struct story_line *l, struct json v)
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

double
line_seconds(struct json v)
{
	double d;

	return json_double(v, &d) && d >= 0 && d < 1e12 ? d : 0;
}

unsigned
line_number(struct json v)
{
	int64_t n;

	return json_int(v, &n) && n > 0 && n <= INT32_MAX ? (unsigned)n : 0;
}

bool
line_status(struct json v, enum status *status)
{
	char *text = json_strdup(v);
	bool known = text != NULL && status_parse(text, status);

	free(text);
	return known;
}

char *
line_object(struct json v)
{
	return json_type(v) == JSON_OBJECT ? xmemdup0(v.text, v.len) : NULL;
}

void
line_set(char **place, char *text)
{
	free(*place);
	*place = text;
}

void
line_set_if_none(char **place, struct json v)
{
	if (*place == NULL)
		*place = json_strdup(v);
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
		n = line_add_notebook(run, name != NULL ? name : xstrdup(""), NULL);
		line_set_if_none(&n->path, json_get(v, "path"));
		line_set_if_none(&n->target, json_get(v, "target"));
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
on_run_started(struct story *s, const struct story_line *l)
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
	run->object = line_object(l->all);
	run->pid = (int)json_count_of(l->all, "pid");
	run->started = l->at;
	run->expected = json_count_of(l->all, "notebooks");
	add_processes(run, l->at, json_count_of(l->all, "processes"));
	take_plan(run, json_get(l->all, "plan"));
}

static void
on_processes_changed(struct story_run *run, const struct story_line *l)
{
	add_processes(run, l->at, json_count_of(l->all, "processes"));
}

static void
on_run_stopping(struct story_run *run, const struct story_line *l)
{
	run->stopping = l->at;
	line_set(&run->stop_reason, json_strdup(json_get(l->all, "reason")));
}

static void
on_run_finished(struct story_run *run, const struct story_line *l)
{
	if (!line_status(json_get(l->all, "status"), &run->status))
		return;
	run->ended = l->at;
	run->duration_seconds = line_seconds(json_get(l->all, "duration_seconds"));
	run->phase = STORY_OVER;
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
		n = line_add_notebook(run, name, parent);
		n->state = STORY_DONE;
		if (!line_status(json_get(v, "status"), &n->status))
			n->status = STATUS_FAILED;
		n->over = at;
		n->kept_from = xstrdup(parent->kept_from);
		n->object = line_object(v);
		n->parent_attempt = json_count_of(v, "parent_attempt");
		line_set_if_none(&n->path, json_get(v, "path"));
		line_set_if_none(&n->target, json_get(v, "target"));
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
on_kept(struct story *s, struct story_run *run, const struct story_line *l)
{
	struct story_notebook *n = line_notebook(run, l);
	struct buf text = BUF_INIT;
	struct json_out o = JSON_OUT(&text, -1, 0);
	const char *success;

	if (n == NULL || n->parent != NULL || n->state == STORY_DONE)
		return;
	n->state = STORY_DONE;
	n->status = STATUS_SUCCEEDED;
	n->over = l->at;
	line_set(&n->kept_from, json_strdup(json_get(l->all, "run")));
	success = success_of(s, n->name);
	if (success == NULL || n->kept_from == NULL)
		return;
	results_put_kept(json_of(success), n->kept_from, &o);
	line_set(&n->object, buf_steal(&text));
	line_set_if_none(&n->path, json_get(json_of(n->object), "path"));
	line_set_if_none(&n->target, json_get(json_of(n->object), "target"));
	keep_children(run, n, json_get(json_of(n->object), "children"), l->at);
}

/* ---- Hooks ---- */

/* The event has the members of the object, after its own. */
static void
on_hook_finished(struct story_run *run, const struct story_line *l)
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

static const struct story_event story_run_events[] = {
	{"processes_changed", on_processes_changed},
	{"run_stopping", on_run_stopping},
	{"hook_finished", on_hook_finished},
	{"run_finished", on_run_finished},
	{NULL, NULL},
};

/* Returns whether the event is one of these. */
static bool
call_one(const struct story_event *events, struct story_run *run, const struct story_line *l)
{
	for (; events->name != NULL; events++) {
		if (json_is(l->event, events->name)) {
			events->call(run, l);
			return true;
		}
	}
	return false;
}

void
story_take(struct story *s, const char *line, size_t n)
{
	struct story_run *run;
	struct json v;
	struct story_line l;

	if (json_parse(line, n, &v, NULL) == -1 || json_type(v) != JSON_OBJECT)
		return;
	line_split(&l, v);
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
	if (!call_one(story_life, run, &l))
		call_one(story_run_events, run, &l);
}
