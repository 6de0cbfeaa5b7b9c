#include "plan.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/heap.h"
#include "base/json.h"
#include "base/mask.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "report/summary.h"
#include "report/text.h"
#include "schedule.h"

#define GAP 2	/* spaces between columns */
#define CELL_MIN 8	/* columns that a name, a path and what is waited for get however narrow the table has to be */
#define VALUE_MAX 60	/* columns of a parameter's name, and of its value */
#define NAMES_MAX 4	/* of dependencies; of more, one less is named and the rest is counted */
#define PARAMETERS "parameters: "

enum column {
	NUMBER,
	NAME,
	PATH,
	ESTIMATE,
	WAITS,
	COLUMNS
};

static const char *const titles[COLUMNS] = {"#", "NOTEBOOK", "PATH", "ESTIMATE", "WAITS FOR"};

enum look {
	PLAIN,
	BOLD,
	DIM,
	YELLOW,
};

static const char *const looks[] = {[PLAIN] = "", [BOLD] = "\033[1m", [DIM] = "\033[2m", [YELLOW] = "\033[33m"};

struct layout {
	const struct plan *plan;
	size_t columns;	/* of the terminal; SIZE_MAX for no limit */
	bool colour;
	size_t width[COLUMNS];
	size_t indent;	/* of the lines below a notebook's own */
	struct buf cells[COLUMNS];	/* of the notebook that is looked at */
	struct buf line;
};

static bool
is_kept(const struct plan *p, size_t task)
{
	return p->kept != NULL && p->kept[task];
}

static const char *
note_of(const struct plan *p, size_t task)
{
	return p->notes != NULL ? p->notes[task] : NULL;
}

/* Appends a string with control characters as \xNN. */
static void
put_escaped(struct buf *b, const char *s)
{
	char shown[UTF8_ESCAPED];
	size_t n;

	while (*s != '\0') {
		s += utf8_escape(s, shown, &n);
		buf_add(b, shown, n);
	}
}

/* What was appended from start on is cut to so many columns. */
static void
cut_from(struct buf *b, size_t start, size_t columns)
{
	char *text;

	if (b->len == start)
		return;
	text = xmemdup0(b->data + start, b->len - start);
	buf_truncate(b, start);
	text_put_cut(b, text, columns);
	free(text);
}

/* ---- Cells ---- */

static void
put_waits(const struct plan *p, const struct task *t, struct buf *b)
{
	size_t named = t->ndepends_on > NAMES_MAX ? NAMES_MAX - 1 : t->ndepends_on;

	for (size_t i = 0; i < named; i++) {
		if (i > 0)
			buf_adds(b, ", ");
		put_escaped(b, p->workflow->tasks[t->depends_on[i]].name);
	}
	if (t->ndepends_on > named)
		buf_addf(b, " and %zu more", t->ndepends_on - named);
	if (t->ndepends_on > 0 && t->run_if != RUN_IF_ALL_SUCCESS)
		buf_addf(b, " (%s)", run_if_name(t->run_if));
	if (t->pool != NO_POOL) {
		buf_adds(b, t->ndepends_on > 0 ? "; pool " : "pool ");
		put_escaped(b, p->workflow->pools[t->pool].name);
	} else if (t->ndepends_on == 0) {
		buf_addc(b, '-');
	}
}

static void
fill_cells(struct layout *l, size_t task, size_t number)
{
	const struct plan *p = l->plan;
	const struct task *t = &p->workflow->tasks[task];
	char estimate[ESTIMATE_TEXT];

	for (size_t i = 0; i < COLUMNS; i++)
		buf_reset(&l->cells[i]);
	put_escaped(&l->cells[NAME], t->name);
	put_escaped(&l->cells[PATH], t->path);
	if (is_kept(p, task)) {
		buf_addc(&l->cells[NUMBER], '-');
		buf_addc(&l->cells[ESTIMATE], '-');
		buf_adds(&l->cells[WAITS], note_of(p, task) != NULL ? "-" : "kept");
		return;
	}
	buf_addf(&l->cells[NUMBER], "%zu", number);
	buf_adds(&l->cells[ESTIMATE], estimate_text(&p->estimates[task], estimate));
	put_waits(p, t, &l->cells[WAITS]);
}

/* Narrows the widest of what may be cut until the row fits, as far as that goes. */
static void
fit(struct layout *l)
{
	static const enum column elastic[] = {NAME, PATH, WAITS};
	size_t total = GAP * (COLUMNS - 1);

	for (size_t i = 0; i < COLUMNS; i++)
		total += l->width[i];
	while (total > l->columns) {
		size_t *widest = &l->width[NAME];

		for (size_t i = 0; i < sizeof(elastic) / sizeof(elastic[0]); i++)
			if (l->width[elastic[i]] >= *widest)
				widest = &l->width[elastic[i]];
		if (*widest <= CELL_MIN)
			break;
		--*widest;
		total--;
	}
}

static void
measure(struct layout *l)
{
	size_t number = 0;

	for (size_t i = 0; i < COLUMNS; i++)
		l->width[i] = text_columns(titles[i]);
	for (size_t i = 0; i < l->plan->workflow->ntasks; i++) {
		size_t task = l->plan->sequence[i];

		number += !is_kept(l->plan, task);
		fill_cells(l, task, number);
		for (size_t j = 0; j < COLUMNS; j++) {
			size_t columns = text_columns(buf_str(&l->cells[j]));

			if (l->width[j] < columns)
				l->width[j] = columns;
		}
	}
	l->indent = l->width[NUMBER] + GAP + 2;
	fit(l);
}

/* ---- Lines ---- */

/* Ends the line: appends it, cut to the terminal, in its look. */
static void
end_line(struct layout *l, enum look look, struct buf *b)
{
	if (!l->colour)
		look = PLAIN;
	buf_adds(b, looks[look]);
	text_put_cut(b, buf_str(&l->line), l->columns);
	if (look != PLAIN)
		buf_adds(b, "\033[m");
	buf_addc(b, '\n');
	buf_reset(&l->line);
}

static void
put_row(struct layout *l, const char *const cells[COLUMNS], enum look look, struct buf *b)
{
	text_put_right(&l->line, cells[NUMBER], l->width[NUMBER]);
	for (size_t i = NUMBER + 1; i < COLUMNS; i++) {
		buf_fill(&l->line, ' ', GAP);
		if (i < COLUMNS - 1)
			text_put_left(&l->line, cells[i], l->width[i]);
		else
			text_put_cut(&l->line, cells[i], l->width[i]);
	}
	end_line(l, look, b);
}

static void
put_parameter(const struct param *p, struct buf *b)
{
	struct buf value = BUF_INIT;
	size_t start = b->len;

	put_escaped(b, p->name);
	cut_from(b, start, VALUE_MAX);
	buf_adds(b, ": ");
	start = b->len;
	if (p->secret != NULL) {
		buf_adds(b, MASK_TEXT);
	} else {
		json_put(&value, json_of(p->value), &JSON_ONE_LINE);
		put_escaped(b, buf_str(&value));
		cut_from(b, start, VALUE_MAX);
	}
	buf_release(&value);
}

/* As many on a line as fit; one that is wider by itself is cut. */
static void
put_parameters(struct layout *l, const struct params *params, struct buf *b)
{
	size_t hang = l->indent + sizeof(PARAMETERS) - 1, used = hang;
	struct buf one = BUF_INIT;

	if (params->n == 0)
		return;
	buf_fill(&l->line, ' ', l->indent);
	buf_adds(&l->line, PARAMETERS);
	for (size_t i = 0; i < params->n; i++) {
		bool last = i + 1 == params->n;
		size_t columns, most = l->columns > hang + 1 ? l->columns - hang - 1 : 1;

		buf_reset(&one);
		put_parameter(&params->list[i], &one);
		cut_from(&one, 0, most);
		columns = text_columns(buf_str(&one));
		if (used > hang && (columns >= l->columns || used + 1 + columns + !last > l->columns)) {
			end_line(l, DIM, b);
			buf_fill(&l->line, ' ', hang);
			used = hang;
		} else if (used > hang) {
			buf_addc(&l->line, ' ');
			used++;
		}
		buf_add(&l->line, one.data, one.len);
		used += columns;
		if (!last) {
			buf_addc(&l->line, ',');
			used++;
		}
	}
	end_line(l, DIM, b);
	buf_release(&one);
}

static void
put_task(struct layout *l, size_t task, size_t number, struct buf *b)
{
	const char *note = note_of(l->plan, task);
	bool kept = is_kept(l->plan, task);
	const char *cells[COLUMNS];

	fill_cells(l, task, number);
	for (size_t i = 0; i < COLUMNS; i++)
		cells[i] = buf_str(&l->cells[i]);
	put_row(l, cells, kept ? DIM : PLAIN, b);
	if (note != NULL) {
		buf_fill(&l->line, ' ', l->indent);
		put_escaped(&l->line, note);
		end_line(l, kept ? DIM : YELLOW, b);
	}
	put_parameters(l, &l->plan->workflow->tasks[task].parameters, b);
}

/* ---- The whole ---- */

static void
drop(struct schedule *s)
{
	enum schedule_end end;
	size_t task;

	while ((task = schedule_dropped(s, &end)) != SCHEDULE_NONE)
		schedule_finished(s, task, end);
}

/* When something ends that starts now; what is read of earlier runs may be any number. */
static int64_t
end_of(int64_t now, double seconds)
{
	int64_t time = clock_from_seconds(seconds);

	return time < INT64_MAX - now ? now + time : INT64_MAX;
}

/* The seconds until all is done if every notebook succeeds; negative when one would run whose seconds are not known. */
static double
simulate(const struct plan *p)
{
	const struct workflow *w = p->workflow;
	double *seconds = xcalloc(w->ntasks, sizeof(*seconds));
	size_t *places = xcalloc(w->ntasks, sizeof(*places));
	struct schedule *s;
	struct heap running;	/* by their ends */
	int64_t now = 0, again;
	bool known = true;

	for (size_t i = 0; i < w->ntasks; i++)
		seconds[i] = p->estimates[i].seconds;
	heap_init(&running, places);
	s = schedule_new(w, seconds, NULL);
	for (size_t i = 0; i < w->ntasks; i++)
		if (is_kept(p, i))
			schedule_finished(s, i, SCHEDULE_SUCCEEDED);
	for (;;) {
		size_t task = SCHEDULE_NONE;

		drop(s);
		if (running.n < w->processes)
			task = schedule_next(s, 0, &again);
		if (task != SCHEDULE_NONE) {
			known = seconds[task] >= 0;
			if (!known)
				break;
			heap_put(&running, task, end_of(now, seconds[task]));
			continue;
		}
		if (running.n == 0)
			break;
		now = running.list[0].key;
		task = running.list[0].id;
		heap_remove(&running, task);
		schedule_finished(s, task, SCHEDULE_SUCCEEDED);
	}
	heap_release(&running);
	schedule_free(s);
	free(places);
	free(seconds);
	return known ? (double)now / (double)NSEC_PER_SEC : -1;
}

static void
put_total(struct layout *l, struct buf *b)
{
	const struct workflow *w = l->plan->workflow;
	double seconds = simulate(l->plan);
	char time[DURATION_TEXT];
	size_t kept = 0;

	for (size_t i = 0; i < w->ntasks; i++)
		kept += is_kept(l->plan, i);
	buf_addf(&l->line, "%zu notebook%s", w->ntasks, w->ntasks == 1 ? "" : "s");
	if (kept > 0)
		buf_addf(&l->line, " (%zu kept)", kept);
	buf_addf(&l->line, ", %u process%s, %s, %s", w->processes, w->processes == 1 ? "" : "es",
	    policy_name(w->on_error), order_name(w->order));
	if (seconds >= 9.95 && seconds < 59.5)
		buf_addf(&l->line, "; about %.0fs", seconds);
	else if (seconds >= 0 && kept < w->ntasks)
		buf_addf(&l->line, "; about %s", duration_text(time, seconds < 59.5 ? seconds : round(seconds)));
	end_line(l, PLAIN, b);
}

void
plan_put_table(const struct plan *p, size_t columns, bool colour, struct buf *b)
{
	struct layout l = {.plan = p, .columns = columns > 0 ? columns : SIZE_MAX, .colour = colour};
	size_t number = 0;

	measure(&l);
	put_row(&l, titles, BOLD, b);
	for (size_t i = 0; i < p->workflow->ntasks; i++) {
		number += !is_kept(p, p->sequence[i]);
		put_task(&l, p->sequence[i], number, b);
	}
	put_total(&l, b);
	for (size_t i = 0; i < COLUMNS; i++)
		buf_release(&l.cells[i]);
	buf_release(&l.line);
}
