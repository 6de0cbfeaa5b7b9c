#include "databricks/export.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/problem.h"
#include "databricks/export_model.h"
#include "databricks/export_result.h"

#define MS_MOST INT64_C(253402300799999)	/* the end of the year 9999 */
#define SPACE " \t\r\n\f\v"

/* One command of the model: they are kept in the order of their positions, which need not be that of the list. */
struct command {
	struct json json;
	double position;
	size_t index;	/* in the list */
	char *source;
	size_t len;
	bool markdown;
};

struct commands {
	struct command *list;
	size_t n, cap;
};

static int
compare(const void *va, const void *vb)
{
	const struct command *a = va, *b = vb;

	if (a->position != b->position)
		return (a->position > b->position) - (a->position < b->position);
	return (a->index > b->index) - (a->index < b->index);
}

static void
commands_release(struct commands *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->list[i].source);
	free(c->list);
}

/* Takes the source, without the magic of one that is markdown. */
static void
take_source(struct command *c, const struct buf *text)
{
	const char *s = buf_str(text), *end = s + text->len, *p = s + strspn(s, SPACE);

	if (strncmp(p, "%md", 3) == 0 && strchr(SPACE, p[3]) != NULL) {
		c->markdown = true;
		s = p + 3;
	} else if (strncmp(p, "%md-sandbox", 11) == 0 && strchr(SPACE, p[11]) != NULL) {
		c->markdown = true;
		s = p + 11;
	}
	if (c->markdown)
		s += strspn(s, SPACE);
	c->len = (size_t)(end - s);
	c->source = xmemdup0(s, c->len);
}

static void
commands_read(struct commands *c, struct json list)
{
	struct buf text = BUF_INIT;
	struct json_iter it;
	struct json v, source;

	json_walk(&it, list);
	while (json_next(&it, NULL, &v)) {
		struct command new = {.json = v, .index = c->n};

		source = json_get(v, "command");
		if (json_type(source) != JSON_STRING)
			continue;
		if (!json_double(json_get(v, "position"), &new.position) || isnan(new.position))
			new.position = 0;
		buf_reset(&text);
		json_decode(&text, source);
		take_source(&new, &text);
		c->list = xgrow(c->list, c->n, &c->cap, sizeof(*c->list));
		c->list[c->n++] = new;
	}
	if (c->n > 0)
		qsort(c->list, c->n, sizeof(*c->list), compare);
	buf_release(&text);
}

/* ---- The notebook without what the run has brought ---- */

static void
put_member(struct json_out *o, const char *key, struct json v)
{
	json_out_key(o, key);
	json_out_value(o, v);
}

/* What Databricks' own export says of a cell. */
static void
put_cell_metadata(struct json_out *o, struct json command)
{
	struct json title = json_get(command, "commandTitle"), nuid = json_get(command, "nuid");

	json_out_open(o, '{');
	json_out_key(o, "application/vnd.databricks.v1+cell");
	json_out_open(o, '{');
	put_member(o, "cellMetadata", json_of("{}"));
	put_member(o, "inputWidgets", json_of("{}"));
	if (json_type(nuid) == JSON_STRING)
		put_member(o, "nuid", nuid);
	json_out_key(o, "showTitle");
	json_out_bool(o, json_type(json_get(command, "showCommandTitle")) == JSON_TRUE);
	put_member(o, "title", json_type(title) == JSON_STRING ? title : json_of("\"\""));
	json_out_close(o, '}');
	json_out_close(o, '}');
}

static void
put_cell(struct json_out *o, const struct command *c)
{
	struct json nuid = json_get(c->json, "nuid");
	struct buf masked = BUF_INIT;

	json_out_open(o, '{');
	put_member(o, "cell_type", json_of(c->markdown ? "\"markdown\"" : "\"code\""));
	if (!c->markdown)
		put_member(o, "execution_count", JSON_NOTHING);
	/* One that cannot be an id is replaced when it is read. */
	put_member(o, "id", json_type(nuid) == JSON_STRING ? nuid : json_of("\"\""));
	json_out_key(o, "metadata");
	put_cell_metadata(o, c->json);
	if (!c->markdown)
		put_member(o, "outputs", json_of("[]"));
	json_out_key(o, "source");
	mask_put(o->mask, &masked, c->source, c->len);
	output_put_lines(o->buf, buf_str(&masked), masked.len, o->level);
	o->after_key = false;
	json_out_close(o, '}');
	buf_release(&masked);
}

static void
put_notebook(struct json_out *o, struct json model, const struct commands *c)
{
	struct json language = json_get(model, "language"), name = json_get(model, "name");

	if (json_type(language) != JSON_STRING)
		language = json_of("\"python\"");
	json_out_open(o, '{');
	json_out_key(o, "cells");
	json_out_open(o, '[');
	for (size_t i = 0; i < c->n; i++)
		put_cell(o, &c->list[i]);
	json_out_close(o, ']');
	json_out_key(o, "metadata");
	json_out_open(o, '{');
	json_out_key(o, "application/vnd.databricks.v1+notebook");
	json_out_open(o, '{');
	put_member(o, "language", language);
	put_member(o, "notebookName", json_type(name) == JSON_STRING ? name : json_of("\"\""));
	json_out_close(o, '}');
	json_out_key(o, "language_info");
	json_out_open(o, '{');
	put_member(o, "name", language);
	json_out_close(o, '}');
	json_out_close(o, '}');
	put_member(o, "nbformat", json_of("4"));
	put_member(o, "nbformat_minor", json_of("5"));
	json_out_close(o, '}');
	buf_addc(o->buf, '\n');
}

/* ---- What the run has brought ---- */

/* A time in milliseconds as microseconds; 0 for none. */
static int64_t
time_of(struct json v)
{
	int64_t ms;

	return json_int(v, &ms) && ms > 0 && ms <= MS_MOST ? ms * 1000 : 0;
}

static bool
was_run(struct json command)
{
	struct json state = json_get(command, "state");

	return json_is(state, "finished") || json_is(state, "error") || time_of(json_get(command, "startTime")) > 0;
}

static char *
masked_copy(const char *s, const struct mask *mask)
{
	struct buf b = BUF_INIT;

	mask_put(mask, &b, s, strlen(s));
	return buf_steal(&b);
}

static void
take_error(struct exported *e, size_t index, const char *name, const char *message)
{
	const struct mask *mask = e->notebook.mask;

	if (e->error_cell != -1)
		return;
	e->error_cell = (int64_t)index;
	e->error_name = name != NULL ? masked_copy(name, mask) : NULL;
	e->error_message = masked_copy(message, mask);
	e->notebook.cells[index].exception = true;
}

static void
take_command(struct exported *e, size_t index, const struct command *c, struct buf *printed)
{
	struct cell *cell = &e->notebook.cells[index];
	const struct results r = {.outputs = &cell->outputs, .printed = printed, .mask = e->notebook.mask};
	bool run = was_run(c->json), empty = strspn(c->source, SPACE) == c->len;
	char *name, *message;

	if (c->markdown)
		return;
	cell->ran = true;
	e->cells += !empty;
	if (run && !empty) {
		cell->execution_count = (int64_t)++e->executed;
		cell->state = CELL_COMPLETED;
		cell->started_at = time_of(json_get(c->json, "startTime"));
		cell->ended_at = cell->started_at != 0 ? time_of(json_get(c->json, "finishTime")) : 0;
	} else {
		cell->execution_count = -1;
	}
	results_put_value(&r, json_get(c->json, "results"));
	if (results_put_error(&r, c->json, &name, &message)) {
		cell->state = CELL_FAILED;
		take_error(e, index, name, message);
		free(name);
		free(message);
	}
}

int
export_read(struct exported *e, struct json answer, const struct mask *mask)
{
	struct buf model_text = BUF_INIT, text = BUF_INIT, printed = BUF_INIT;
	struct json_out o = JSON_OUT(&text, 1, 0);
	struct problems problems = PROBLEMS_INIT;
	struct commands c = {NULL, 0, 0};
	struct json model;
	int result = -1;

	*e = (struct exported){.error_cell = -1};
	if (model_read(&model, &model_text, answer) == -1)
		goto out;
	commands_read(&c, json_get(model, "commands"));
	o.mask = mask;
	put_notebook(&o, model, &c);
	if (notebook_parse(&e->notebook, "executed copy", &text, &problems) == -1)
		goto out;
	e->notebook.mask = mask;
	for (size_t i = 0; i < c.n; i++)
		take_command(e, i, &c.list[i], &printed);
	/* As a whole, so that a secret which was printed in pieces is found. */
	mask_put(mask, &e->log, buf_str(&printed), printed.len);
	result = 0;
out:
	problems_release(&problems);
	commands_release(&c);
	buf_release(&printed);
	buf_release(&text);
	buf_release(&model_text);
	return result;
}

void
exported_release(struct exported *e)
{
	notebook_release(&e->notebook);
	buf_release(&e->log);
	free(e->error_name);
	free(e->error_message);
	*e = (struct exported){.error_cell = -1};
}
