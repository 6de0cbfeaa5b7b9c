#include "report/summary.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "report/text.h"

/*
 * notebooks: of more, those that succeeded are only counted, and more skipped ones than that, too
 */
#define LIST_MAX 200
#define REASON_MAX 500	/* columns of a reason where the width is not limited */
#define NAME_MIN 12	/* columns that a name gets however narrow the table has to be */
#define CHILD_INDENT 2	/* of what a notebook has run, below it */
#define GAP 2	/* spaces between columns */
#define INDENT 4	/* of what does not fit behind its notebook */

const char *
duration_text(char text[DURATION_TEXT], double seconds)
{
	double whole;

	if (!(seconds > 0))	/* NaN too */
		seconds = 0;
	if (seconds > 1e12)
		seconds = 1e12;
	whole = round(seconds);
	if (seconds < 59.95)
		snprintf(text, DURATION_TEXT, "%.1fs", seconds);
	else if (whole < 3600)
		snprintf(text, DURATION_TEXT, "%dm%02ds", (int)whole / 60, (int)whole % 60);
	else
		snprintf(text, DURATION_TEXT, "%.0fh%02dm", floor(whole / 3600), (int)(fmod(whole, 3600) / 60));
	return text;
}

/* The widths of the table's columns, and what is told in them. */
struct table {
	const struct run *run;
	size_t columns;	/* of the terminal; SIZE_MAX for no limit */
	size_t name, status, time, cells;
	bool colour;
	bool list[2][STATUSES];	/* whether notebooks of that status have a line; and those that notebooks have run */
	bool list_waiting[2];	/* whether those that wait have, where the run is not over */
};

/* To the millisecond, which is what documents have: an earlier run is shown from those as it was. */
static double
seconds(int64_t from, int64_t to)
{
	return round((double)(to - from) / (double)NSEC_PER_MSEC) / 1000;
}

static void
time_of(const struct record *r, char text[DURATION_TEXT])
{
	if (r->started_wall == 0)
		snprintf(text, DURATION_TEXT, "-");
	else
		duration_text(text, seconds(r->started_at, r->ended_at));
}

#define CELLS_TEXT 32

static void
cells_of(const struct record *r, char text[CELLS_TEXT])
{
	if (r->started_wall == 0 && r->kept == NULL)
		snprintf(text, CELLS_TEXT, "-");
	else
		snprintf(text, CELLS_TEXT, "%u/%u", r->cells_executed, r->cells_total);
}

static void
widen(size_t *width, const char *s)
{
	size_t n = text_columns(s);

	if (*width < n)
		*width = n;
}

/* What is not over runs or waits, or did when the run was killed. */
static const char *
status_text(const struct table *t, const struct record *r)
{
	if (r->state == RECORD_DONE)
		return status_name(r->status);
	if (r->state == RECORD_WAITING)
		return "waiting";
	return t->run->torn_off ? "killed" : "running";
}

static bool
is_listed(const struct table *t, const struct record *r)
{
	if (r->state == RECORD_RUNNING)
		return true;
	if (r->state == RECORD_WAITING)
		return t->list_waiting[r->parent != NULL];
	return t->list[r->parent != NULL][r->status];
}

static void
measure(struct table *t)
{
	size_t others;

	widen(&t->name, "NOTEBOOK");
	widen(&t->status, "STATUS");
	widen(&t->time, "TIME");
	widen(&t->cells, "CELLS");
	for (const struct record *r = record_after(t->run, NULL); r != NULL; r = record_after(t->run, r)) {
		char time[DURATION_TEXT], cells[CELLS_TEXT];
		size_t name = CHILD_INDENT * record_depth(r) + text_columns(r->task->name);

		if (!is_listed(t, r))
			continue;
		time_of(r, time);
		cells_of(r, cells);
		if (t->name < name)
			t->name = name;
		widen(&t->status, status_text(t, r));
		widen(&t->time, time);
		widen(&t->cells, cells);
	}
	others = GAP + t->status + GAP + t->time + GAP + t->cells;
	if (t->name > NAME_MIN && t->name + others > t->columns)
		t->name = t->columns > others + NAME_MIN ? t->columns - others : NAME_MIN;
}

static void
put_gap(struct buf *b)
{
	buf_fill(b, ' ', GAP);
}

static void
put_head(const struct table *t, struct buf *b)
{
	if (t->colour)
		buf_adds(b, "\033[1m");	/* bold */
	text_put_left(b, "NOTEBOOK", t->name);
	put_gap(b);
	text_put_left(b, "STATUS", t->status);
	put_gap(b);
	text_put_right(b, "TIME", t->time);
	put_gap(b);
	text_put_right(b, "CELLS", t->cells);
	if (t->colour)
		buf_adds(b, "\033[m");
	buf_addc(b, '\n');
}

/* Where to look: the cell, and the executed copy or at least the log. The path is never cut, it is to be copied. */
static void
put_place(const struct table *t, const struct record *r, const struct record_error *e, struct buf *b)
{
	const char *name = r->task->name;
	char *file, *path;

	text_put_cell(b, e);
	if (!r->has_output && !r->has_log)
		return;
	file = r->has_output ? xasprintf("notebooks/%s.ipynb", name) : xasprintf("logs/%s.log", name);
	path = file_join(t->run->folder, file);
	if (b->len > 0)
		buf_adds(b, ", ");
	utf8_put_visible(b, path, strlen(path), SIZE_MAX);
	free(path);
	free(file);
}

static void
put_line(struct buf *b, const struct buf *text)
{
	buf_addc(b, '\n');
	buf_fill(b, ' ', INDENT);
	buf_add(b, text->data, text->len);
}

/* Behind a row of so many columns, as far as that fits; the rest goes below. */
static void
put_failure(const struct table *t, const struct record *r, size_t used, struct buf *b)
{
	struct buf reason = BUF_INIT, place = BUF_INIT;
	size_t most = t->columns > INDENT && t->columns - INDENT < REASON_MAX ? t->columns - INDENT : REASON_MAX;
	size_t reason_columns, place_columns;
	struct record_error e;

	record_error(r, &e);
	if (r->task->allow_failure && (r->status == STATUS_FAILED || r->status == STATUS_TIMED_OUT))
		buf_adds(&reason, "allowed: ");
	text_put_reason(&reason, &e, most > reason.len ? most - reason.len : 0);
	put_place(t, r, &e, &place);
	reason_columns = text_columns(buf_str(&reason));
	place_columns = text_columns(buf_str(&place));
	if (reason.len == 0) {
		buf_add(&reason, place.data, place.len);
		reason_columns = place_columns;
		buf_reset(&place);
	}
	if (reason.len > 0 && used + GAP + reason_columns <= t->columns) {
		put_gap(b);
		buf_add(b, reason.data, reason.len);
		used += GAP + reason_columns;
	} else if (reason.len > 0) {
		put_line(b, &reason);
		used = t->columns;	/* the place goes on a line of its own, too */
	}
	if (place.len > 0 && used + place_columns + 3 <= t->columns)
		buf_addf(b, " (%s)", place.data);
	else if (place.len > 0)
		put_line(b, &place);
	buf_release(&place);
	buf_release(&reason);
	record_error_release(&e);
}

static void
put_row(const struct table *t, const struct record *r, struct buf *b)
{
	size_t used = t->name + GAP + t->status + GAP + t->time + GAP + t->cells;
	size_t indent = text_indent(CHILD_INDENT * record_depth(r), r->task->name, NAME_MIN, t->name);
	char time[DURATION_TEXT], cells[CELLS_TEXT], note[32] = "";

	time_of(r, time);
	cells_of(r, cells);
	if (r->kept != NULL)
		snprintf(note, sizeof(note), "in an earlier run");
	else if (r->state == RECORD_DONE && r->status == STATUS_SUCCEEDED && r->attempts > 1)
		snprintf(note, sizeof(note), "attempt %u", r->attempts);
	buf_fill(b, ' ', indent);
	text_put_left(b, r->task->name, t->name - indent);
	put_gap(b);
	if (r->state == RECORD_DONE)
		text_put_status(b, r->status, t->colour);
	else
		buf_adds(b, status_text(t, r));
	buf_fill(b, ' ', t->status - text_columns(status_text(t, r)));
	put_gap(b);
	text_put_right(b, time, t->time);
	put_gap(b);
	text_put_right(b, cells, t->cells);
	if (*note != '\0' && used + GAP + strlen(note) <= t->columns) {
		put_gap(b);
		buf_adds(b, note);
	} else if (*note != '\0') {
		buf_addc(b, '\n');
		buf_fill(b, ' ', INDENT);
		buf_adds(b, note);
	}
	if (r->state == RECORD_DONE && r->status != STATUS_SUCCEEDED)
		put_failure(t, r, used, b);
	buf_addc(b, '\n');
}

/* "4 succeeded, 1 failed, 2 waiting": of all statuses that there are. Returns whether there are any. */
static bool
put_counts(const size_t counts[STATUSES], const char *run, size_t running, size_t waiting, bool colour, struct buf *b)
{
	const char *comma = "";

	for (int i = 0; i < STATUSES; i++) {
		if (counts[i] == 0)
			continue;
		buf_addf(b, "%s%zu ", comma, counts[i]);
		text_put_status(b, (enum status)i, colour);
		comma = ", ";
	}
	if (running > 0) {
		buf_addf(b, "%s%zu %s", comma, running, run);
		comma = ", ";
	}
	if (waiting > 0)
		buf_addf(b, "%s%zu waiting", comma, waiting);
	return waiting > 0 || *comma != '\0';
}

static size_t
sum(const size_t counts[STATUSES])
{
	size_t n = 0;

	for (int i = 0; i < STATUSES; i++)
		n += counts[i];
	return n;
}

static void
put_totals(const struct run *run, bool colour, struct buf *b)
{
	const struct children *c = &run->children;
	const char *ran = run->torn_off ? "killed" : "running";
	char time[DURATION_TEXT];
	size_t children = sum(c->counts) + c->running + c->waiting, before;

	if (children > 0) {
		buf_addf(b, "%zu run by notebooks: ", children);
		put_counts(c->counts, ran, c->running, c->waiting, colour, b);
		buf_addc(b, '\n');
	}
	buf_addf(b, "%zu notebook%s", run->n, run->n == 1 ? "" : "s");
	before = b->len;
	buf_adds(b, ": ");
	if (!put_counts(run->counts, ran, run->running, run->waiting, colour, b))
		buf_truncate(b, before);
	duration_text(time, seconds(run->started_at, run->ended_at));
	buf_addf(b, " %s %s; ", run->over ? "in" : "after", time);
	utf8_put_visible(b, run->folder, strlen(run->folder), SIZE_MAX);
	buf_addc(b, '\n');
}

static void
put_not_listed(const bool list[STATUSES], const size_t counts[STATUSES], const char *whose, struct buf *b)
{
	const char *comma = "";

	for (int i = 0; i < STATUSES; i++) {
		if (list[i] || counts[i] == 0)
			continue;
		if (*comma == '\0')
			buf_addf(b, "not listed: %s", whose);
		buf_addf(b, "%s%zu %s", comma, counts[i], status_name((enum status)i));
		comma = ", ";
	}
	if (*comma == ',')
		buf_addc(b, '\n');
}

/*
 * Of a large run that was stopped early, those that were skipped say as little as those that succeeded. Of notebooks that
 * were run by others there may be any number of any status.
 */
static void
choose(bool list[STATUSES], const size_t counts[STATUSES], size_t n, bool children)
{
	for (int i = 0; i < STATUSES; i++)
		list[i] = n <= LIST_MAX || (i != STATUS_SUCCEEDED &&
		    ((i != STATUS_SKIPPED && !children) || counts[i] <= LIST_MAX));
}

void
summary_put(const struct run *run, size_t columns, bool colour, struct buf *b)
{
	struct table t = {.run = run, .columns = columns > 0 ? columns : SIZE_MAX, .colour = colour};
	bool any = false;

	choose(t.list[0], run->counts, run->n, false);
	choose(t.list[1], run->children.counts, sum(run->children.counts), true);
	t.list_waiting[0] = run->n <= LIST_MAX;
	t.list_waiting[1] = sum(run->children.counts) + run->children.waiting <= LIST_MAX;
	any = run->running + run->children.running > 0 || (t.list_waiting[0] && run->waiting > 0) ||
	    (t.list_waiting[1] && run->children.waiting > 0);
	for (int i = 0; i < STATUSES; i++)
		any = any || (t.list[0][i] && run->counts[i] > 0) || (t.list[1][i] && run->children.counts[i] > 0);
	measure(&t);
	if (any)
		put_head(&t, b);
	for (const struct record *r = record_after(run, NULL); r != NULL; r = record_after(run, r))
		if (is_listed(&t, r))
			put_row(&t, r, b);
	put_not_listed(t.list[0], run->counts, "", b);
	put_not_listed(t.list[1], run->children.counts, "run by notebooks: ", b);
	if (run->stop_reason != NULL) {
		buf_adds(b, "stopped: ");
		utf8_put_visible(b, run->stop_reason, strlen(run->stop_reason), SIZE_MAX);
		buf_addc(b, '\n');
	}
	if (run->torn_off)
		buf_adds(b, "killed: nbfork has not come to its end; --resume goes on with the run\n");
	else if (!run->over)
		buf_adds(b, "the run goes on\n");
	put_totals(run, colour, b);
}
