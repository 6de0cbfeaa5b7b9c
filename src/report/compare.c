#include "report/compare.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "report/recall.h"
#include "report/summary.h"
#include "report/text.h"

#define LIST_MAX 200
#define NAME_MIN 12	/* columns that a name gets however narrow the table has to be */
#define CHANGE_MOST 40	/* bytes of the last column */

static const char *const changes[] = {
	[CHANGE_NONE] = "same", [CHANGE_STATUS] = "status", [CHANGE_NEW] = "new", [CHANGE_GONE] = "gone",
};

/* What was kept took no time in the run that kept it. */
static double
seconds_of(const struct story_notebook *n)
{
	double seconds;

	if (n == NULL || n->object == NULL || n->kept_from != NULL ||
	    !json_double(json_get(json_of(n->object), "duration_seconds"), &seconds) || !(seconds >= 0))
		return -1;
	return seconds;
}

static const struct story_notebook *
top_level(const struct story_run *run, const char *name)
{
	const struct story_notebook *n = story_find(run, name);

	return n != NULL && n->parent == NULL ? n : NULL;
}

static void
add(struct comparison *c, const struct story_notebook *before, const struct story_notebook *after)
{
	struct compared *one = &c->list[c->n++];

	*one = (struct compared){
		.before = before, .after = after, .before_seconds = seconds_of(before), .after_seconds = seconds_of(after),
	};
	if (before == NULL)
		one->change = CHANGE_NEW;
	else if (after == NULL)
		one->change = CHANGE_GONE;
	else if (strcmp(recall_status(c->before, before), recall_status(c->after, after)) != 0)
		one->change = CHANGE_STATUS;
	c->counts[one->change]++;
}

void
compare(struct comparison *c, const struct story_run *before, const struct story_run *after)
{
	*c = (struct comparison){.before = before, .after = after, .list = xcalloc(before->n + after->n, sizeof(*c->list))};
	for (size_t i = 0; i < after->n; i++)
		add(c, top_level(before, after->notebooks[i]->name), after->notebooks[i]);
	for (size_t i = 0; i < before->n; i++)
		if (top_level(after, before->notebooks[i]->name) == NULL)
			add(c, before->notebooks[i], NULL);
}

void
compare_release(struct comparison *c)
{
	free(c->list);
	*c = (struct comparison){0};
}

bool
compare_differs(const struct comparison *c)
{
	return c->n > c->counts[CHANGE_NONE];
}

/* ---- The table ---- */

static const char *
name_of(const struct compared *one)
{
	return one->after != NULL ? one->after->name : one->before->name;
}

static const char *
status_of(const struct story_run *run, const struct story_notebook *n)
{
	return n != NULL ? recall_status(run, n) : "-";
}

static const char *
time_of(char text[DURATION_TEXT], double seconds)
{
	if (seconds < 0)
		snprintf(text, DURATION_TEXT, "-");
	else
		duration_text(text, seconds);
	return text;
}

/* "new", "gone", "+1.2s", "-0.3s": nothing where it would be +0.0s. */
static void
change_of(const struct compared *one, char text[CHANGE_MOST])
{
	double by = one->after_seconds - one->before_seconds;
	char time[DURATION_TEXT];

	*text = '\0';
	if (one->change == CHANGE_NEW || one->change == CHANGE_GONE)
		snprintf(text, CHANGE_MOST, "%s", changes[one->change]);
	else if (one->before_seconds >= 0 && one->after_seconds >= 0 && (by >= 0.05 || by <= -0.05))
		snprintf(text, CHANGE_MOST, "%c%s", by < 0 ? '-' : '+', duration_text(time, by < 0 ? -by : by));
}

/* Columns, with two spaces between them: name, status and time before, status and time now, change. */
#define COLUMNS 6

struct row {
	const char *cells[COLUMNS];
	bool status;	/* has changed */
};

static bool
is_right(size_t column)
{
	return column == 2 || column == 4 || column == 5;
}

static void
put_row(const struct row *row, const size_t widths[COLUMNS], const char *escape, bool colour, struct buf *b)
{
	size_t start = b->len;

	if (colour && escape != NULL)
		buf_adds(b, escape);
	for (size_t i = 0; i < COLUMNS; i++) {
		if (is_right(i))
			text_put_right(b, row->cells[i], widths[i]);
		else
			text_put_left(b, row->cells[i], widths[i]);
		buf_adds(b, "  ");
	}
	while (b->len > start && b->data[b->len - 1] == ' ')
		buf_truncate(b, b->len - 1);
	if (colour && escape != NULL)
		buf_adds(b, "\033[m");
	buf_addc(b, '\n');
}

/* Calls put for each notebook that has a line, with its row. */
static void
each_row(const struct comparison *c, void (*call)(const struct row *row, void *data), void *data)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct compared *one = &c->list[i];
		char before[DURATION_TEXT], after[DURATION_TEXT], change[CHANGE_MOST];
		struct row row = {.status = one->change != CHANGE_NONE};

		if (c->n > LIST_MAX && one->change == CHANGE_NONE)
			continue;
		change_of(one, change);
		row.cells[0] = name_of(one);
		row.cells[1] = status_of(c->before, one->before);
		row.cells[2] = time_of(before, one->before_seconds);
		row.cells[3] = status_of(c->after, one->after);
		row.cells[4] = time_of(after, one->after_seconds);
		row.cells[5] = change;
		call(&row, data);
	}
}

struct measured {
	size_t widths[COLUMNS];
	bool colour;
	struct buf *buf;
};

static void
measure(const struct row *row, void *data)
{
	struct measured *t = data;

	for (size_t i = 0; i < COLUMNS; i++) {
		size_t n = text_columns(row->cells[i]);

		if (t->widths[i] < n)
			t->widths[i] = n;
	}
}

static void
show(const struct row *row, void *data)
{
	const struct measured *t = data;

	put_row(row, t->widths, row->status ? "\033[33m" : NULL, t->colour, t->buf);
}

static void
put_run(const char *what, const struct story_run *run, const char *folder, struct buf *b)
{
	char time[DURATION_TEXT];
	double seconds = run->phase == STORY_OVER ? run->duration_seconds : (double)(run->last - run->started) / 1e6;

	buf_addf(b, "%s: %s %s %s; ", what, recall_run_status(run), run->phase == STORY_OVER ? "in" : "after",
	    duration_text(time, seconds));
	utf8_put_visible(b, folder, strlen(folder), SIZE_MAX);
	buf_addc(b, '\n');
}

void
compare_put(const struct comparison *c, const char *before, const char *after, size_t columns, bool colour, struct buf *b)
{
	static const struct row head = {.cells = {"NOTEBOOK", "BEFORE", "TIME", "NOW", "TIME", "CHANGE"}};
	struct measured t = {.colour = colour, .buf = b};
	size_t others = 2 * (COLUMNS - 1);
	const char *comma = ": ";

	measure(&head, &t);
	each_row(c, measure, &t);
	for (size_t i = 1; i < COLUMNS; i++)
		others += t.widths[i];
	if (columns > 0 && t.widths[0] > NAME_MIN && t.widths[0] + others > columns)
		t.widths[0] = columns > others + NAME_MIN ? columns - others : NAME_MIN;
	put_row(&head, t.widths, "\033[1m", colour, b);
	each_row(c, show, &t);
	if (c->n > LIST_MAX && c->counts[CHANGE_NONE] > 0)
		buf_addf(b, "not listed: %zu whose status is the same\n", c->counts[CHANGE_NONE]);
	put_run("before", c->before, before, b);
	put_run("now", c->after, after, b);
	buf_addf(b, "%zu notebook%s", c->n, c->n == 1 ? "" : "s");
	for (int i = 0; i < CHANGES; i++) {
		static const char *const words[] = {
			[CHANGE_NONE] = "as before", [CHANGE_STATUS] = "with another status", [CHANGE_NEW] = "new",
			[CHANGE_GONE] = "gone",
		};

		if (c->counts[i] == 0)
			continue;
		buf_addf(b, "%s%zu %s", comma, c->counts[i], words[i]);
		comma = ", ";
	}
	buf_addc(b, '\n');
}

/* ---- The document ---- */

static void
put_str(struct json_out *o, const char *key, const char *s)
{
	json_out_key(o, key);
	json_out_str(o, s);
}

static void
put_seconds(struct json_out *o, const char *key, double seconds, bool known)
{
	json_out_key(o, key);
	if (known)
		json_out_fixed(o, seconds, 3);
	else
		json_out_value(o, JSON_NOTHING);
}

static void
put_run_json(struct json_out *o, const char *key, const struct story_run *run, const char *folder)
{
	json_out_key(o, key);
	json_out_open(o, '{');
	put_str(o, "id", run->id);
	put_str(o, "dir", folder);
	put_str(o, "workflow", run->workflow);
	put_str(o, "status", recall_run_status(run));
	put_seconds(o, "duration_seconds", run->duration_seconds, run->phase == STORY_OVER);
	json_out_close(o, '}');
}

static void
put_side(struct json_out *o, const char *key, const struct story_run *run, const struct story_notebook *n, double seconds)
{
	json_out_key(o, key);
	if (n == NULL) {
		json_out_value(o, JSON_NOTHING);
		return;
	}
	json_out_open(o, '{');
	put_str(o, "status", recall_status(run, n));
	put_seconds(o, "duration_seconds", seconds, seconds >= 0);
	json_out_close(o, '}');
}

void
compare_put_json(const struct comparison *c, const char *before, const char *after, struct buf *b)
{
	struct json_out o = JSON_OUT(b, 2, 0);

	json_out_open(&o, '{');
	put_str(&o, "schema", "nbfork.diff/1");
	put_run_json(&o, "before", c->before, before);
	put_run_json(&o, "after", c->after, after);
	json_out_key(&o, "counts");
	json_out_open(&o, '{');
	for (int i = 0; i < CHANGES; i++) {
		json_out_key(&o, changes[i]);
		json_out_int(&o, (int64_t)c->counts[i]);
	}
	json_out_close(&o, '}');
	json_out_key(&o, "notebooks");
	json_out_open(&o, '[');
	for (size_t i = 0; i < c->n; i++) {
		const struct compared *one = &c->list[i];

		json_out_open(&o, '{');
		put_str(&o, "name", name_of(one));
		put_str(&o, "change", changes[one->change]);
		put_side(&o, "before", c->before, one->before, one->before_seconds);
		put_side(&o, "after", c->after, one->after, one->after_seconds);
		put_seconds(&o, "change_seconds", one->after_seconds - one->before_seconds,
		    one->before_seconds >= 0 && one->after_seconds >= 0);
		json_out_close(&o, '}');
	}
	json_out_close(&o, ']');
	json_out_close(&o, '}');
	buf_addc(b, '\n');
}
