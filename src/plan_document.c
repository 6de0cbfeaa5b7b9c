#include "plan.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mask.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "workflow/name.h"

static bool
is_kept(const struct plan *p, size_t task)
{
	return p->kept != NULL && p->kept[task];
}

/* ---- JSON ---- */

static void
put_str(struct json_out *o, const char *key, const char *s)
{
	json_out_key(o, key);
	json_out_str(o, s);
}

/* 0 is null. */
static void
put_count(struct json_out *o, const char *key, int64_t n)
{
	json_out_key(o, key);
	if (n != 0)
		json_out_int(o, n);
	else
		json_out_str(o, NULL);
}

/* 0 is null. */
static void
put_time(struct json_out *o, const char *key, int64_t time)
{
	json_out_key(o, key);
	if (time != 0)
		json_out_double(o, (double)time / (double)NSEC_PER_SEC);
	else
		json_out_str(o, NULL);
}

static void
put_parameters(struct json_out *o, const struct params *params)
{
	json_out_key(o, "parameters");
	json_out_open(o, '{');
	for (size_t i = 0; i < params->n; i++) {
		const struct param *p = &params->list[i];

		json_out_key(o, p->name);
		if (p->secret != NULL)
			json_out_str(o, MASK_TEXT);
		else
			json_out_value(o, json_of(p->value));
	}
	json_out_close(o, '}');
}

static void
put_estimate(struct json_out *o, const struct estimate *e)
{
	static const char *const sources[] = {
		[ESTIMATE_UNKNOWN] = NULL,
		[ESTIMATE_HISTORY] = "history",
		[ESTIMATE_SIZE] = "size",
	};

	json_out_key(o, "estimate");
	json_out_open(o, '{');
	put_str(o, "source", sources[e->source]);
	json_out_key(o, "seconds");
	if (e->seconds >= 0)
		json_out_fixed(o, e->seconds, 3);
	else
		json_out_str(o, NULL);
	put_count(o, "bytes", e->bytes);
	json_out_close(o, '}');
}

static void
put_dependencies(struct json_out *o, const struct workflow *w, const struct task *t)
{
	json_out_key(o, "depends_on");
	json_out_open(o, '[');
	for (size_t i = 0; i < t->ndepends_on; i++)
		json_out_str(o, w->tasks[t->depends_on[i]].name);
	json_out_close(o, ']');
	put_str(o, "run_if", run_if_name(t->run_if));
}

/* position: 0 for none. */
static void
put_notebook(struct json_out *o, const struct plan *p, size_t task, size_t position)
{
	const struct workflow *w = p->workflow;
	const struct task *t = &w->tasks[task];

	json_out_open(o, '{');
	put_count(o, "position", (int64_t)position);
	put_str(o, "name", t->name);
	put_str(o, "path", t->path);
	put_str(o, "target", t->target->name);
	put_str(o, "kernel", t->kernel);
	put_parameters(o, &t->parameters);
	put_dependencies(o, w, t);
	put_str(o, "pool", t->pool != NO_POOL ? w->pools[t->pool].name : NULL);
	json_out_key(o, "priority");
	json_out_int(o, t->priority);
	json_out_key(o, "retries");
	json_out_int(o, t->retries);
	put_time(o, "timeout_seconds", t->timeout);
	put_time(o, "cell_timeout_seconds", t->cell_timeout);
	put_str(o, "working_directory", t->working_directory);
	put_estimate(o, &p->estimates[task]);
	json_out_key(o, "kept");
	json_out_bool(o, is_kept(p, task));
	put_str(o, "note", p->notes != NULL ? p->notes[task] : NULL);
	json_out_close(o, '}');
}

static void
put_head(struct json_out *o, const struct workflow *w)
{
	put_str(o, "schema", "nbfork.plan/1");
	json_out_key(o, "workflow");
	json_out_open(o, '{');
	put_str(o, "name", w->name);
	put_str(o, "file", w->file);
	json_out_close(o, '}');
	put_str(o, "target", w->target->name);
	json_out_key(o, "processes");
	json_out_int(o, w->processes);
	put_str(o, "on_error", policy_name(w->on_error));
	put_str(o, "order", order_name(w->order));
}

void
plan_put_json(const struct plan *p, struct buf *b)
{
	const struct workflow *w = p->workflow;
	size_t *positions = xcalloc(w->ntasks, sizeof(*positions)), position = 0;
	struct json_out o = JSON_OUT(b, 2, 0);

	for (size_t i = 0; i < w->ntasks; i++)
		if (!is_kept(p, p->sequence[i]))
			positions[p->sequence[i]] = ++position;
	json_out_open(&o, '{');
	put_head(&o, w);
	json_out_key(&o, "notebooks");
	json_out_open(&o, '[');
	for (size_t i = 0; i < w->ntasks; i++)
		put_notebook(&o, p, i, positions[i]);
	json_out_close(&o, ']');
	json_out_close(&o, '}');
	buf_addc(b, '\n');
	free(positions);
}

/* ---- DOT ---- */

/*
 * Appends a string as the inside of a quoted one: what cannot be shown (control characters, ill-formed UTF-8) as \xNN.
 * In an identifier nothing is an escape but \": a backslash of the string is doubled there only so that it is never
 * taken for the one of a \xNN or of the closing quote, and two names are never the same. In a label backslashes are
 * escapes, and entities of HTML are replaced.
 */
static void
put_inside(struct buf *b, const char *s, bool label)
{
	size_t left = strlen(s), len;
	struct buf shown = BUF_INIT;

	for (; left > 0; s += len, left -= len) {
		len = utf8_decode(s, left, NULL);
		buf_reset(&shown);
		if (len > 0 && *s != '\t')
			utf8_put_visible(&shown, s, len, SIZE_MAX);
		else
			len = 1;
		if (shown.len == 0)
			for (size_t i = 0; i < len; i++)
				buf_addf(b, "%s\\x%02x", label ? "\\" : "", (unsigned char)s[i]);
		else if (*s == '"' || *s == '\\')
			buf_addf(b, "\\%c", *s);
		else if (*s == '&' && label)
			buf_adds(b, "&amp;");
		else
			buf_add(b, s, len);
	}
	buf_release(&shown);
}

static void
put_identifier(struct buf *b, const char *s)
{
	buf_addc(b, '"');
	put_inside(b, s, false);
	buf_addc(b, '"');
}

static void
put_node(struct buf *b, const struct plan *p, size_t task)
{
	const struct task *t = &p->workflow->tasks[task];
	char *own = name_of_path(t->path);

	buf_addc(b, '\t');
	put_identifier(b, t->name);
	buf_adds(b, " [label=\"");
	put_inside(b, t->name, true);
	if (strcmp(own, t->name) != 0) {
		buf_adds(b, "\\n");
		put_inside(b, t->path, true);
	}
	buf_addf(b, "\"%s];\n", is_kept(p, task) ? ", color=gray, fontcolor=gray" : "");
	free(own);
}

static void
put_edges(struct buf *b, const struct workflow *w, const struct task *t)
{
	for (size_t i = 0; i < t->ndepends_on; i++) {
		buf_addc(b, '\t');
		put_identifier(b, w->tasks[t->depends_on[i]].name);
		buf_adds(b, " -> ");
		put_identifier(b, t->name);
		if (t->run_if != RUN_IF_ALL_SUCCESS)
			buf_addf(b, " [style=dashed, label=\"%s\"]", run_if_name(t->run_if));
		buf_adds(b, ";\n");
	}
}

void
plan_put_graph(const struct plan *p, struct buf *b)
{
	const struct workflow *w = p->workflow;

	buf_adds(b, "digraph ");
	put_identifier(b, w->name);
	buf_adds(b, " {\n\trankdir=LR;\n\tnode [shape=box];\n");
	for (size_t i = 0; i < w->ntasks; i++)
		put_node(b, p, i);
	for (size_t i = 0; i < w->ntasks; i++)
		put_edges(b, w, &w->tasks[i]);
	buf_adds(b, "}\n");
}
