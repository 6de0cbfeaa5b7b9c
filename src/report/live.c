#include "report/live.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "report/eta.h"
#include "report/sink.h"
#include "report/summary.h"
#include "report/text.h"

#define FRAME (100 * NSEC_PER_MSEC)
#define PATIENCE (2 * NSEC_PER_SEC)	/* with a terminal that takes nothing, at the end */
#define SAID_MOST ((size_t)16 * 1024 * 1024)
#define NAME_MIN 8	/* columns that a name may always take */
#define GAP 2
#define CHILD_INDENT 2	/* of what a notebook runs, below it */

/* Terminals that know this show a frame at once. */
#define HOLD "\033[?2026h"
#define RELEASE "\033[?2026l"

/*
 * Lines are cut to the terminal's width by our table of widths. A terminal may have another one (emoji, East
 * Asian ambiguous characters), so it is also told not to wrap.
 */
#define WRAP_OFF "\033[?7l"
#define WRAP_ON "\033[?7h"

#define CLEAR_LINE "\033[K"
#define CLEAR_BELOW "\033[J"
#define DIM "\033[2m"
#define PLAIN "\033[m"

static struct {
	const struct run *run;
	struct sink out;
	int fd;
	bool colour;
	bool reflows;	/* the terminal breaks lines anew when it gets narrower */
	bool changed;
	int64_t drawn_at;	/* run clock: the last frame, drawn or skipped */
	double eta;	/* seconds; negative: unknown */
	int64_t eta_at;	/* run clock: when to look at it again */
	struct buf said;	/* lines for above the region */
	struct buf frame;
	size_t *drawn;	/* the columns of each line of the region as it stands on the terminal */
	size_t ndrawn, cap;
} live = {.fd = -1};

void
live_start(const struct run *run, int fd, bool colour)
{
	live.run = run;
	live.fd = fd;
	live.colour = colour;
	/* xterm and GNU screen cut lines; all others of today, and tmux within them, break them. */
	live.reflows = getenv("TMUX") != NULL || (getenv("XTERM_VERSION") == NULL && getenv("STY") == NULL);
	live.changed = true;
	live.drawn_at = clock_run() - FRAME;
	sink_open(&live.out, fd, SAID_MOST);
}

void
live_say(const char *text)
{
	if (live.said.len < SAID_MOST) {
		buf_adds(&live.said, text);
		buf_addc(&live.said, '\n');
	}
	live.changed = true;
}

void
live_changed(void)
{
	live.changed = true;
}

static void
get_size(size_t *rows, size_t *columns)
{
	struct winsize size;

	*rows = 24;
	*columns = 80;
	if (ioctl(live.fd, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0) {
		*rows = size.ws_row;
		*columns = size.ws_col;
	}
}

/* Whether the shell has the terminal and not we. A terminal that does not control us has nobody else. */
static bool
in_background(void)
{
	pid_t group = tcgetpgrp(live.fd);

	return group != -1 && group != getpgrp();
}

/* ---- The region's lines ---- */

/* A line of at most so many columns. */
struct line {
	struct buf *b;
	size_t used, most;
};

static void
put(struct line *l, const char *s)
{
	l->used += utf8_put_visible(l->b, s, strlen(s), l->most - l->used);
}

static void
put_spaces(struct line *l, size_t n)
{
	if (n > l->most - l->used)
		n = l->most - l->used;
	buf_fill(l->b, ' ', n);
	l->used += n;
}

static void
put_padded(struct line *l, const char *s, size_t width)
{
	size_t left = l->most - l->used, used = text_put_cut(l->b, s, width < left ? width : left);

	l->used += used;
	put_spaces(l, width - used);
}

static void
end_line(struct line *l)
{
	buf_adds(l->b, CLEAR_LINE "\n");
	live.drawn = xgrow(live.drawn, live.ndrawn, &live.cap, sizeof(*live.drawn));
	live.drawn[live.ndrawn++] = l->used;
}

#define STATE_TEXT 48

static void
state_of(const struct record *r, char text[STATE_TEXT])
{
	if (!r->kernel_ready)
		snprintf(text, STATE_TEXT, "starting");
	else if (r->cells == 0)
		snprintf(text, STATE_TEXT, "cell %u", r->cell);
	else
		snprintf(text, STATE_TEXT, "cell %u/%u", r->cell, r->cells);
}

/* Whole seconds: tenths would have to be drawn ten times a second. */
static void
elapsed_text(int64_t ns, char text[DURATION_TEXT])
{
	int64_t seconds = ns / NSEC_PER_SEC;

	if (seconds < 60)
		snprintf(text, DURATION_TEXT, "%ds", seconds > 0 ? (int)seconds : 0);
	else
		duration_text(text, (double)seconds);
}

/* What the lines of a frame have in common. */
struct layout {
	int64_t now;
	size_t columns;
	size_t name, state, elapsed;	/* widths of the columns */
};

static void
widen(size_t *width, size_t n)
{
	if (*width < n)
		*width = n;
}

static void
measure(struct layout *y, const struct record *const *records, size_t n)
{
	size_t most = y->columns / 3 > NAME_MIN ? y->columns / 3 : NAME_MIN;

	for (size_t i = 0; i < n; i++) {
		char state[STATE_TEXT], elapsed[DURATION_TEXT];

		state_of(records[i], state);
		elapsed_text(y->now - records[i]->started_at, elapsed);
		widen(&y->name, CHILD_INDENT * record_depth(records[i]) + text_columns(records[i]->task->name));
		widen(&y->state, strlen(state));
		widen(&y->elapsed, strlen(elapsed));
	}
	if (y->name > most)
		y->name = most;
}

static void
put_record(const struct record *r, const struct layout *y)
{
	struct line l = {&live.frame, 0, y->columns};
	char state[STATE_TEXT], elapsed[DURATION_TEXT];
	size_t indent = text_indent(CHILD_INDENT * record_depth(r), r->task->name, NAME_MIN, y->name);

	state_of(r, state);
	elapsed_text(y->now - r->started_at, elapsed);
	put_spaces(&l, indent);
	put_padded(&l, r->task->name, y->name - indent);
	put_spaces(&l, GAP);
	put_padded(&l, state, y->state);
	put_spaces(&l, GAP + y->elapsed - strlen(elapsed));
	put(&l, elapsed);
	if (r->line != NULL) {
		put_spaces(&l, GAP);
		if (live.colour)
			buf_adds(l.b, DIM);
		l.used += text_put_cut(l.b, r->line, l.most - l.used);
		if (live.colour)
			buf_adds(l.b, PLAIN);
	}
	end_line(&l);
}

static void
put_more(size_t n, const struct layout *y)
{
	struct line l = {&live.frame, 0, y->columns};
	char text[48];

	snprintf(text, sizeof(text), "... and %zu more", n);
	put(&l, text);
	end_line(&l);
}

/* How long it may still take; looked at anew once a second, because it costs a look at every notebook. */
static void
put_time_left(struct buf *text, int64_t now)
{
	char left[DURATION_TEXT];

	if (live.run->stopping)
		return;
	if (now >= live.eta_at) {
		live.eta = eta_seconds(live.run, now);
		live.eta_at = now + NSEC_PER_SEC;
	}
	if (live.eta < 1)
		return;
	elapsed_text((int64_t)(live.eta * (double)NSEC_PER_SEC), left);
	buf_addf(text, ", about %s left", left);
}

/* Of those that notebooks run only what goes on: how many there will be nobody knows. */
static void
put_children(struct buf *text, const struct run *run)
{
	const struct children *c = &run->children;

	if (c->running == 0 && c->waiting == 0)
		return;
	buf_addf(text, "; children: %zu running", c->running);
	if (c->waiting > 0)
		buf_addf(text, ", %zu waiting", c->waiting);
}

static void
put_totals(const struct layout *y)
{
	const struct run *run = live.run;
	struct line l = {&live.frame, 0, y->columns};
	struct buf text = BUF_INIT;
	char elapsed[DURATION_TEXT];
	size_t done = 0;

	for (int i = 0; i < STATUSES; i++)
		done += run->counts[i];
	elapsed_text(y->now - run->started_at, elapsed);
	buf_addf(&text, "[%zu/%zu] %s", done, run->n, elapsed);
	if (run->running > 0)
		buf_addf(&text, ", %zu running", run->running);
	if (run->waiting > 0)
		buf_addf(&text, ", %zu waiting", run->waiting);
	for (int i = 0; i < STATUSES; i++)
		if (run->counts[i] > 0)
			buf_addf(&text, ", %zu %s", run->counts[i], status_name((enum status)i));
	put_children(&text, run);
	if (run->held != NULL && !run->stopping)
		buf_addf(&text, "; nothing new is started: %s", run->held);
	put_time_left(&text, y->now);
	if (run->stopping && run->stop_reason != NULL)
		buf_addf(&text, "; stopping: %s", run->stop_reason);
	l.used += text_put_cut(l.b, buf_str(&text), l.most);
	end_line(&l);
	buf_release(&text);
}

/* ---- Frames ---- */

/* How many lines the region takes on a terminal of that size. */
static size_t
height(size_t rows, size_t columns)
{
	size_t n = 0;

	/* A line that has become too long for the terminal stands on several of its lines now, if it breaks them. */
	for (size_t i = 0; i < live.ndrawn; i++)
		n += live.reflows && live.drawn[i] > columns ? (live.drawn[i] + columns - 1) / columns : 1;
	return n < rows ? n : rows - 1;
}

static void
put_up(size_t n)
{
	if (n > 0)
		buf_addf(&live.frame, "\033[%zuA", n);
}

/*
 * Clears so many lines from the cursor's on, and leaves it there. Not by CLEAR_BELOW, with which tmux keeps
 * the screen in its history when it happens at the top.
 */
static void
put_clear(size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_adds(&live.frame, CLEAR_LINE "\n");
	buf_adds(&live.frame, CLEAR_LINE);
	put_up(n);
}

/* Appends what has been said, in full: these lines may wrap, nobody counts on their height. */
static void
put_said(void)
{
	buf_add(&live.frame, live.said.data, live.said.len);
	buf_reset(&live.said);
}

/* Ready for a frame: the terminal has taken the one before. Waits for that as long as it takes anything. */
static bool
begin_frame(int64_t patience)
{
	if (sink_flush(&live.out, patience) == -1 && errno == EAGAIN)
		return false;
	buf_reset(&live.frame);
	return true;
}

/* A terminal that is gone is no reason to stop: whatever else goes wrong is passed over. */
static void
end_frame(void)
{
	sink_put(&live.out, live.frame.data, live.frame.len);
}

/* In the background there is no region, which would be in the way of what the shell's user does. */
static void
put_in_background(void)
{
	put_said();
	live.ndrawn = 0;
}

/* Moves to the region's first line, clears the region or not, and says there what is to be said. */
static void
put_above(size_t rows, size_t columns, bool clear)
{
	size_t n = height(rows, columns);

	buf_adds(&live.frame, "\r");
	put_up(n);
	if (clear)
		put_clear(n);
	put_said();
	live.ndrawn = 0;
}

static void
put_region(const struct record *const *records, size_t n, size_t rows, size_t columns)
{
	/* The last line is the cursor's. */
	size_t most = rows - 1, shown = n;
	struct layout y = {.now = clock_run(), .columns = columns};

	if (n + 1 > most)
		shown = most > 2 ? most - 2 : 0;
	measure(&y, records, shown);
	for (size_t i = 0; i < shown; i++)
		put_record(records[i], &y);
	if (shown > 0 && shown < n)
		put_more(n - shown, &y);
	if (most > 0)
		put_totals(&y);
}

static bool
draw(const struct record *const *records, size_t n)
{
	size_t rows, columns;

	if (!begin_frame(0))
		return false;
	if (in_background()) {
		put_in_background();
	} else {
		get_size(&rows, &columns);
		buf_adds(&live.frame, HOLD);
		put_above(rows, columns, live.said.len > 0);
		buf_adds(&live.frame, WRAP_OFF);
		/* A terminal that shows nothing in its last column has no reason to wrap. */
		put_region(records, n, rows, columns - 1);
		buf_adds(&live.frame, WRAP_ON CLEAR_BELOW RELEASE);
	}
	end_frame();
	return true;
}

static int64_t
next_frame(size_t running)
{
	if (live.changed || live.out.waiting.len > 0)
		return live.drawn_at + FRAME;
	/* What waits for its next attempt waits while nothing runs, too. */
	return running > 0 || live.run->waiting > 0 ? live.drawn_at + NSEC_PER_SEC : INT64_MAX;
}

int64_t
live_tick(const struct record *const *records, size_t n)
{
	int64_t now = clock_run();

	if (now >= next_frame(n)) {
		live.drawn_at = now;
		live.changed = !draw(records, n);
	}
	return next_frame(n);
}

void
live_clear(int64_t patience)
{
	size_t rows, columns;

	if (!begin_frame(patience)) {
		live.ndrawn = 0;	/* what is written now comes below it */
		return;
	}
	if (in_background()) {
		put_in_background();
	} else if (live.ndrawn > 0 || live.said.len > 0) {
		get_size(&rows, &columns);
		put_above(rows, columns, true);
	}
	end_frame();
	sink_flush(&live.out, patience);
	live.changed = true;
	live.drawn_at = clock_run() - FRAME;
}

void
live_end(void)
{
	live_clear(PATIENCE);
	sink_close(&live.out);
	buf_release(&live.said);
	buf_release(&live.frame);
	free(live.drawn);
	memset(&live, 0, sizeof(live));
	live.fd = -1;
}
