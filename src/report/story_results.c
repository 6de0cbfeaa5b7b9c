#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "report/story_results.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "report/recall.h"

static void
put_str(struct json_out *o, const char *key, const char *s)
{
	json_out_key(o, key);
	json_out_str(o, s);
}

static void
put_time(struct json_out *o, const char *key, int64_t at)
{
	char text[CLOCK_TEXT];

	put_str(o, key, at != 0 ? clock_text(text, at, 3) : NULL);
}

static void
put_seconds(struct json_out *o, const char *key, double seconds)
{
	json_out_key(o, key);
	json_out_fixed(o, seconds, 3);
}

static void
put_count(struct json_out *o, const char *key, size_t n)
{
	json_out_key(o, key);
	json_out_int(o, (int64_t)n);
}

static void
put_nothing(struct json_out *o, const char *const *keys, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put_str(o, keys[i], NULL);
}

static void put_notebook(const struct story_run *run, const struct story_notebook *n, struct json_out *o);

static void
put_children(const struct story_run *run, const struct story_notebook *n, struct json_out *o)
{
	json_out_key(o, "children");
	json_out_open(o, '[');
	for (const struct story_notebook *child = n->children; child != NULL; child = child->next)
		put_notebook(run, child, o);
	json_out_close(o, ']');
}

/* One whose object the journal does not have (yet), with the same members. */
static void
put_unfinished(const struct story_run *run, const struct story_notebook *n, struct json_out *o)
{
	static const char *const first[] = {"parameters", "result"}, *const ends[] = {"exit_status", "signal", "error"},
	    *const last[] = {"finished_at", "duration_seconds", "cpu_seconds", "max_rss_bytes", "output", "log"};
	const struct story_attempt *a = n->nattempts > 0 ? &n->attempts[n->nattempts - 1] : NULL;

	json_out_open(o, '{');
	put_str(o, "name", n->name);
	put_str(o, "path", n->path);
	put_str(o, "target", n->target);
	put_str(o, "status", recall_status(run, n));
	put_count(o, "attempts", a != NULL ? a->number : 0);
	put_nothing(o, first, sizeof(first) / sizeof(first[0]));
	json_out_key(o, "values");
	json_out_open(o, '{');
	json_out_close(o, '}');
	put_nothing(o, ends, sizeof(ends) / sizeof(ends[0]));
	json_out_key(o, "cells");
	json_out_open(o, '{');
	put_count(o, "total", a != NULL ? a->total : 0);
	put_count(o, "executed", a != NULL ? a->ncells : 0);
	json_out_close(o, '}');
	put_str(o, "start", a == NULL || a->ready == 0 ? NULL : a->warm ? "warm" : "cold");
	if (a != NULL && a->ready != 0)
		put_seconds(o, "ready_seconds", a->ready_seconds);
	else
		put_str(o, "ready_seconds", NULL);
	if (a != NULL)
		put_seconds(o, "queued_seconds", (double)(a->started - a->queued) / 1e6);
	else
		put_str(o, "queued_seconds", NULL);
	put_time(o, "started_at", a != NULL ? a->started : 0);
	put_nothing(o, last, sizeof(last) / sizeof(last[0]));
	put_str(o, "url", a != NULL ? a->url : NULL);
	put_str(o, "remote", NULL);
	json_out_key(o, "earlier_attempts");
	json_out_open(o, '[');
	for (size_t i = 0; i < n->nattempts; i++)
		if (n->attempts[i].object != NULL)
			json_out_value(o, json_of(n->attempts[i].object));
	json_out_close(o, ']');
	put_str(o, "resumed_from", n->kept_from);
	if (n->parent != NULL)
		put_count(o, "parent_attempt", n->parent_attempt);
	put_children(run, n, o);
	json_out_close(o, '}');
}

static void
put_notebook(const struct story_run *run, const struct story_notebook *n, struct json_out *o)
{
	struct json_iter it;
	struct json key, value;
	bool with = false;

	if (n->object == NULL) {
		put_unfinished(run, n, o);
		return;
	}
	json_out_open(o, '{');
	json_walk(&it, json_of(n->object));
	while (it.object && json_next(&it, &key, &value)) {
		char *name = json_strdup(key);

		with = with || json_is(key, "children");
		if (name != NULL) {
			json_out_key(o, name);
			json_out_value(o, value);
		}
		free(name);
	}
	if (!with)
		put_children(run, n, o);
	json_out_close(o, '}');
}

/* Members of the run_started event that stand in the document, too. */
static void
put_same(const struct story_run *run, struct json_out *o, const char *key)
{
	json_out_key(o, key);
	json_out_value(o, json_get(json_of(run->object), key));
}

void
story_put_results(const struct story_run *run, struct buf *b)
{
	struct json_out o = JSON_OUT(b, 2, 0);
	size_t counts[STATUSES];

	json_out_open(&o, '{');
	put_str(&o, "schema", "nbfork.results/1");
	put_str(&o, "nbfork", PACKAGE_VERSION);
	put_same(run, &o, "run");
	put_same(run, &o, "workflow");
	put_same(run, &o, "target");
	put_count(&o, "processes", run->processes[run->nprocesses - 1].processes);
	put_same(run, &o, "on_error");
	put_same(run, &o, "on_error_after");
	put_str(&o, "status", recall_run_status(run));
	put_time(&o, "started_at", run->started);
	put_time(&o, "finished_at", run->ended);
	if (run->phase == STORY_OVER)
		put_seconds(&o, "duration_seconds", run->duration_seconds);
	else
		put_str(&o, "duration_seconds", NULL);
	story_counts(run, counts);
	json_out_key(&o, "counts");
	json_out_open(&o, '{');
	for (int i = 0; i < STATUSES; i++)
		put_count(&o, status_name((enum status)i), counts[i]);
	json_out_close(&o, '}');
	json_out_key(&o, "hooks");
	json_out_open(&o, '[');
	for (size_t i = 0; i < run->nhooks; i++)
		json_out_value(&o, json_of(run->hooks[i]));
	json_out_close(&o, ']');
	json_out_key(&o, "notebooks");
	json_out_open(&o, '[');
	for (size_t i = 0; i < run->n; i++)
		put_notebook(run, run->notebooks[i], &o);
	json_out_close(&o, ']');
	json_out_close(&o, '}');
	buf_addc(b, '\n');
}
