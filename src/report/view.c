#include "report/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "report/pen.h"
#include "report/text.h"
#include "report/view_head.h"

#define NAME_MIN 8	/* columns that a name may always take */
#define INDENT 2	/* of all lines below the first; and of what a notebook runs, below it */
#define INDENT_FROM 40	/* columns of the terminal, for the former */
#define GAP 2
#define BAR 10
#define BAR_FROM 60	/* columns of the terminal */
#define STATE_MAX 24	/* columns of what stands in place of a bar */
#define ALL_TO 10	/* lines of the terminal, to take all of them */
#define MORE_FROM 3	/* lines, for the last one to say what there is no line for */

/* A frame in the making. */
struct making {
	const struct view *v;
	struct view_memory *m;
	struct view_frame *f;
	size_t indent;
	bool bars;
	bool narrow;	/* what stands in place of a bar takes the column of the time, too */
};

/* How many of each sort have a line. */
struct shares {
	size_t active, tries, kinds[WAITING_KINDS];
	size_t hidden;	/* those that have none */
};

static struct pen
begin(const struct making *k)
{
	struct view_frame *f = k->f;

	f->lines = xgrow(f->lines, f->n, &f->cap, sizeof(*f->lines));
	f->lines[f->n].at = f->text.len;
	return (struct pen){&f->text, 0, k->v->columns, k->v->colour};
}

static void
end(const struct making *k, const struct pen *pen)
{
	struct view_line *line = &k->f->lines[k->f->n++];

	buf_addc(&k->f->text, '\n');
	line->len = k->f->text.len - line->at;
	line->columns = pen->used;
}

/* ---- Notebooks that run ---- */

/* What a running notebook is at, in place of a bar of its cells; NULL where there are cells to be told. */
static const char *
state_of(const struct record *r, char text[STATE_MAX + 1])
{
	if (strcmp(r->task->target->type, "local") != 0) {
		if (r->remote_run == 0)
			return "submitting";
		snprintf(text, STATE_MAX + 1, "on %s", r->task->target->name);
		return text;
	}
	if (!r->kernel_ready)
		return "starting";
	if (r->cell == 0)
		return "ready";
	if (r->cells == 0) {
		snprintf(text, STATE_MAX + 1, "cell %u", r->cell);
		return text;
	}
	return NULL;
}

/* The cell that it is at, as "7/10". */
#define CELLS_TEXT 24
static const char *
cells_of(const struct record *r, char text[CELLS_TEXT])
{
	snprintf(text, CELLS_TEXT, "%u/%u", r->cell, r->cells);
	return text;
}

static void
widen(size_t *width, size_t n)
{
	if (*width < n)
		*width = n;
}

static void
measure_name(const struct making *k, const struct record *r)
{
	size_t most = k->v->columns / 3 > NAME_MIN ? k->v->columns / 3 : NAME_MIN;
	size_t n = INDENT * record_depth(r) + text_columns(r->task->name);

	widen(&k->m->name, n < most ? n : most);
}

static void
measure(const struct making *k, const struct record *r)
{
	char state[STATE_MAX + 1], cells[CELLS_TEXT], elapsed[TEXT_ELAPSED];
	const char *s;

	measure_name(k, r);
	if (r->state != RECORD_RUNNING)
		return;
	s = state_of(r, state);
	if (s != NULL && k->narrow)
		return;
	if (s != NULL) {
		widen(&k->m->state, text_columns(s));
	} else {
		widen(&k->m->cells, strlen(cells_of(r, cells)));
		widen(&k->m->state, k->m->cells + (k->bars ? BAR + 1 : 0));
	}
	widen(&k->m->elapsed, strlen(text_elapsed(elapsed, k->v->now - r->started_at)));
}

static void
put_name(const struct making *k, const struct record *r, struct pen *pen, enum pen_colour colour)
{
	const size_t width = k->m->name;
	size_t indent = text_indent(INDENT * record_depth(r), r->task->name, NAME_MIN, width);

	pen_skip(pen, k->indent + indent);
	pen_padded(pen, colour, r->task->name, width - indent);
	pen_skip(pen, GAP);
}

static void
put_state(const struct making *k, const struct record *r, struct pen *pen)
{
	char state[STATE_MAX + 1], cells[CELLS_TEXT];
	const char *s = state_of(r, state);
	size_t from = pen->used;

	if (s != NULL) {
		pen_padded(pen, PEN_DIM, s, k->m->state);
		return;
	}
	if (k->bars) {
		/* The cell that runs is half done. */
		pen_bar(pen, PEN_CYAN, k->v->unicode, BAR, 2 * r->cell - (r->ending ? 0 : 1), 2 * r->cells);
		pen_skip(pen, 1);
	}
	cells_of(r, cells);
	pen_skip(pen, k->m->cells - strlen(cells));
	pen_put(pen, PEN_PLAIN, cells);
	pen_skip(pen, from + k->m->state > pen->used ? from + k->m->state - pen->used : 0);
}

static void
put_running(const struct making *k, const struct record *r, struct pen *pen)
{
	char elapsed[TEXT_ELAPSED], attempt[32], state[STATE_MAX + 1];
	const char *s;

	if (k->narrow && (s = state_of(r, state)) != NULL) {
		pen_put(pen, PEN_DIM, s);
	} else {
		text_elapsed(elapsed, k->v->now - r->started_at);
		put_state(k, r, pen);
		pen_skip(pen, GAP + k->m->elapsed - strlen(elapsed));
		pen_put(pen, PEN_PLAIN, elapsed);
	}
	if (r->attempts > 1) {
		snprintf(attempt, sizeof(attempt), "attempt %u", r->attempts);
		pen_skip(pen, GAP);
		pen_put(pen, PEN_YELLOW, attempt);
	}
	if (r->line != NULL && *r->line != '\0') {
		pen_skip(pen, GAP);
		pen_put(pen, PEN_DIM, r->line);
	}
}

static void
put_active(const struct making *k, const struct record *r)
{
	struct pen pen = begin(k);

	put_name(k, r, &pen, PEN_PLAIN);
	if (r->state == RECORD_RUNNING)
		put_running(k, r, &pen);
	else
		pen_put(&pen, PEN_DIM, "waits for a process");
	end(k, &pen);
}

/* ---- Notebooks that wait ---- */

static void
put_waiting(const struct making *k, enum waiting_for kind, const struct record *r)
{
	enum pen_colour colour = kind == WAITING_TIME ? PEN_YELLOW : PEN_DIM;
	struct buf text = BUF_INIT;
	struct pen pen = begin(k);

	put_name(k, r, &pen, colour);
	waiting_put(&k->m->waiting, kind, r, &text);
	pen_put(&pen, colour, buf_str(&text));
	end(k, &pen);
	buf_release(&text);
}

/* ---- What has no line ---- */

static void
put_more(const struct making *k, const struct shares *s)
{
	const struct waiting *w = &k->m->waiting;
	size_t running = 0, others = k->v->n - s->active, told = 0;
	struct buf text = BUF_INIT;
	struct pen pen = begin(k);

	for (size_t i = s->active; i < k->v->n; i++)
		running += k->v->active[i]->state == RECORD_RUNNING;
	others -= running;	/* those that others have called, and wait for a process like all the rest */
	buf_addf(&text, "and %zu more: ", s->hidden);
	if (running > 0)
		buf_addf(&text, "%zu running", running);
	for (int i = 0; i < WAITING_KINDS; i++) {
		size_t n = w->kinds[i].n - s->kinds[i] + (i == WAITING_PROCESS ? others : 0);

		if (n == 0)
			continue;
		buf_addf(&text, "%s%zu %sfor ", told > 0 || running > 0 ? ", " : "", n, told == 0 ? "waiting " : "");
		told++;
		waiting_put_kind(w, (enum waiting_for)i, &text);
	}
	pen_skip(&pen, k->indent);
	pen_put(&pen, PEN_DIM, buf_str(&text));
	end(k, &pen);
	buf_release(&text);
}

/* Takes lines for those that wait for other things than time, one of each kind in turn. Returns how many. */
static size_t
share_waiting(const struct waiting *w, size_t lines, struct shares *s)
{
	size_t used = 0, before;

	do {
		before = used;
		for (int i = WAITING_TIME + 1; i < WAITING_KINDS && used < lines; i++) {
			if (s->kinds[i] < w->kinds[i].nfirst) {
				s->kinds[i]++;
				used++;
			}
		}
	} while (used > before);
	return used;
}

/* Shares out the lines that are left, of which so many leave the region at half of the terminal. */
static void
share(const struct making *k, size_t lines, size_t calm, struct shares *s)
{
	const struct waiting *w = &k->m->waiting;
	const size_t n = k->v->n, tries = w->kinds[WAITING_TIME].n;
	size_t all = n, most = n + tries > calm ? n + tries : calm, last = 0, used;

	for (int i = 0; i < WAITING_KINDS; i++)
		all += w->kinds[i].n;
	/* The last line says what has none, unless all have one. */
	if (lines >= MORE_FROM && all > (most < lines ? most : lines)) {
		last = 1;
		lines--;
		calm -= calm > 0;
	}
	/* However many run, what has failed and is to be tried again is worth a quarter. */
	s->tries = n + tries <= lines ? tries : n >= lines - lines / 4 ? lines / 4 : lines - n;
	if (s->tries > tries)
		s->tries = tries;
	s->active = n < lines - s->tries ? n : lines - s->tries;
	used = s->active + s->tries;
	s->kinds[WAITING_TIME] = s->tries;
	if (calm > lines)
		calm = lines;
	if (calm > used)
		used += share_waiting(w, calm - used, s);
	s->hidden = last == 1 ? all - used : 0;
}

/* ---- The whole ---- */

static void
put_rows(const struct making *k, const struct shares *s)
{
	const struct waiting *w = &k->m->waiting;

	for (size_t i = 0; i < s->active; i++)
		measure(k, k->v->active[i]);
	for (int i = 0; i < WAITING_KINDS; i++)
		for (size_t j = 0; j < s->kinds[i]; j++)
			measure_name(k, w->kinds[i].first[j]);
	for (size_t i = 0; i < s->active; i++)
		put_active(k, k->v->active[i]);
	for (int i = 0; i < WAITING_KINDS; i++)
		for (size_t j = 0; j < s->kinds[i]; j++)
			put_waiting(k, (enum waiting_for)i, w->kinds[i].first[j]);
	if (s->hidden > 0)
		put_more(k, s);
}

void
view_make(const struct view *v, struct view_memory *m, struct view_frame *f)
{
	struct making k = {
		.v = v, .m = m, .f = f, .indent = v->columns >= INDENT_FROM ? INDENT : 0, .bars = v->columns >= BAR_FROM,
		.narrow = v->columns < INDENT_FROM,
	};
	const size_t rows = v->rows > ALL_TO ? v->rows - v->rows / 4 : v->rows;
	struct shares s = {0};
	struct pen pen;

	buf_reset(&f->text);
	f->n = 0;
	if (v->rows == 0)
		return;
	if (m->columns != v->columns)
		*m = (struct view_memory){.columns = v->columns, .waiting = m->waiting};
	pen = begin(&k);
	view_put_head(v, &m->omitted, &pen);
	end(&k, &pen);
	if (rows > 2 && view_has_notice(v)) {
		pen = begin(&k);
		pen_skip(&pen, k.indent);
		view_put_notice(v, &pen);
		end(&k, &pen);
	}
	waiting_look(&m->waiting, v->run, v->active, v->n, v->now, rows);
	share(&k, rows - f->n, v->rows / 2 > f->n ? v->rows / 2 - f->n : 0, &s);
	put_rows(&k, &s);
}

void
view_frame_release(struct view_frame *f)
{
	buf_release(&f->text);
	free(f->lines);
	*f = (struct view_frame)VIEW_FRAME_INIT;
}

void
view_memory_release(struct view_memory *m)
{
	waiting_release(&m->waiting);
}
