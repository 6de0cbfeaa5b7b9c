#include "report/live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "report/eta.h"
#include "report/sink.h"
#include "report/text.h"
#include "report/view.h"

#define FRAME (100 * NSEC_PER_MSEC)
#define SHARE 100	/* one part of the time is spent on frames at most: where they cost much there are fewer */
#define PATIENCE (2 * NSEC_PER_SEC)	/* with a terminal that takes nothing, at the end */
#define SAID_MOST ((size_t)16 * 1024 * 1024)

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

static struct {
	const struct run *run;
	struct sink out;
	int fd;
	bool colour, unicode;
	bool reflows;	/* the terminal breaks lines anew when it gets narrower */
	bool changed;
	int64_t drawn_at;	/* run clock: the last frame, drawn or skipped */
	int64_t cost;	/* nanoseconds of CPU that it took */
	double left;	/* seconds until the run is over, about; negative: unknown */
	int64_t left_at;	/* run clock: when to look at that again, since it costs a look at every notebook */
	struct buf said;	/* lines for above the region */
	struct buf bytes;	/* of a frame, for the terminal */
	struct view_frame drawn, next;	/* the region as it stands on the terminal, and as it is to be */
	size_t rows, columns;	/* of the terminal, when it was drawn */
	int64_t whole_at;	/* run clock: when all of its lines are drawn again, though they have not changed */
	struct view_memory memory;
} live = {.fd = -1};

void
live_start(const struct run *run, int fd, bool colour)
{
	live.run = run;
	live.fd = fd;
	live.colour = colour;
	live.unicode = text_has_unicode();
	live.left = -1;
	/* xterm and GNU screen cut lines; all others of today, and tmux within them, break them. */
	live.reflows = getenv("TMUX") != NULL || (getenv("XTERM_VERSION") == NULL && getenv("STY") == NULL);
	live.changed = true;
	live.drawn_at = clock_run() - NSEC_PER_SEC;
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

/* ---- Frames ---- */

/* How many lines the region takes on a terminal of that size. */
static size_t
height(size_t rows, size_t columns)
{
	size_t n = 0;

	/* A line that has become too long for the terminal stands on several of its lines now, if it breaks them. */
	for (size_t i = 0; i < live.drawn.n; i++) {
		size_t used = live.drawn.lines[i].columns;

		n += live.reflows && used > columns ? (used + columns - 1) / columns : 1;
	}
	return n < rows ? n : rows - 1;
}

static void
put_up(size_t n)
{
	if (n > 0)
		buf_addf(&live.bytes, "\033[%zuA", n);
}

/*
 * Clears so many lines from the cursor's on, and leaves it there. Not by CLEAR_BELOW, with which tmux keeps
 * the screen in its history when it happens at the top.
 */
static void
put_clear(size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_adds(&live.bytes, CLEAR_LINE "\n");
	buf_adds(&live.bytes, CLEAR_LINE);
	put_up(n);
}

/* Appends what has been said, in full: these lines may wrap, nobody counts on their height. */
static void
put_said(void)
{
	buf_add(&live.bytes, live.said.data, live.said.len);
	buf_reset(&live.said);
}

/* Ready for a frame: the terminal has taken the one before. Waits for that as long as it takes anything. */
static bool
begin_frame(int64_t patience)
{
	if (sink_flush(&live.out, patience) == -1 && errno == EAGAIN)
		return false;
	buf_reset(&live.bytes);
	return true;
}

/* A terminal that is gone is no reason to stop: whatever else goes wrong is passed over. */
static void
end_frame(void)
{
	if (live.bytes.len > 0)
		sink_put(&live.out, live.bytes.data, live.bytes.len);
}

/* There is no region on the terminal. */
static void
forget_region(void)
{
	live.drawn.n = 0;
}

/* In the background there is no region, which would be in the way of what the shell's user does. */
static void
put_in_background(void)
{
	put_said();
	forget_region();
}

/* Moves to the region's first line, clears the region or not, and says there what is to be said. */
static void
put_above(size_t rows, size_t columns, bool clear)
{
	size_t n = height(rows, columns);

	buf_adds(&live.bytes, "\r");
	put_up(n);
	if (clear)
		put_clear(n);
	put_said();
}

/* How long it may still take. */
static double
time_left(int64_t now)
{
	if (now >= live.left_at) {
		live.left = eta_seconds(live.run, now);
		live.left_at = now + NSEC_PER_SEC;
	}
	return live.left;
}

static void
make(const struct record *const *active, size_t n, size_t rows, size_t columns)
{
	const int64_t now = clock_run();
	const struct view v = {
		.run = live.run, .active = active, .n = n, .now = now, .left = time_left(now),
		/*
		 * The last line is the cursor's. A terminal that shows nothing in its last column has no reason to wrap.
		 */
		.rows = rows - 1, .columns = columns - 1, .colour = live.colour, .unicode = live.unicode,
	};

	view_make(&v, &live.memory, &live.next);
}

static bool
is_drawn(size_t i)
{
	const struct view_line *next = &live.next.lines[i], *drawn = &live.drawn.lines[i];

	return i < live.drawn.n && drawn->len == next->len &&
	    memcmp(live.drawn.text.data + drawn->at, live.next.text.data + next->at, next->len) == 0;
}

/*
 * Puts the lines of the region. Those that are there already, on a terminal of the same size with nothing to be said
 * above them, are only stepped over.
 */
static void
put_region(bool all)
{
	buf_adds(&live.bytes, WRAP_OFF);
	for (size_t i = 0; i < live.next.n; i++) {
		const struct view_line *line = &live.next.lines[i];

		if (all || !is_drawn(i)) {
			buf_add(&live.bytes, live.next.text.data + line->at, line->len - 1);
			buf_adds(&live.bytes, CLEAR_LINE);
		}
		buf_addc(&live.bytes, '\n');
	}
	buf_adds(&live.bytes, WRAP_ON CLEAR_BELOW);
}

static bool
is_all_drawn(void)
{
	if (live.next.n != live.drawn.n)
		return false;
	for (size_t i = 0; i < live.next.n; i++)
		if (!is_drawn(i))
			return false;
	return true;
}

static void
put_frame(size_t rows, size_t columns)
{
	const int64_t now = clock_run();
	const bool moves = live.said.len > 0 || rows != live.rows || columns != live.columns;
	const bool all = moves || live.drawn.n == 0 || now >= live.whole_at;
	struct view_frame drawn = live.drawn;

	if (!all && is_all_drawn())
		return;
	buf_adds(&live.bytes, HOLD);
	put_above(rows, columns, live.said.len > 0);
	put_region(all);
	buf_adds(&live.bytes, RELEASE);
	live.drawn = live.next;
	live.next = drawn;
	live.rows = rows;
	live.columns = columns;
	/* Somebody else may have written there: whoever types while it runs. */
	if (all)
		live.whole_at = now + NSEC_PER_SEC;
}

static bool
draw(const struct record *const *active, size_t n)
{
	size_t rows, columns;

	if (!begin_frame(0))
		return false;
	if (in_background()) {
		put_in_background();
	} else {
		get_size(&rows, &columns);
		make(active, n, rows, columns);
		put_frame(rows, columns);
	}
	end_frame();
	return true;
}

/* ---- When ---- */

/* Whether the region was drawn for a terminal of another size. */
static bool
is_resized(void)
{
	size_t rows, columns;

	get_size(&rows, &columns);
	return live.drawn.n > 0 && (rows != live.rows || columns != live.columns);
}

static int64_t
next_frame(size_t running)
{
	int64_t pause = live.cost > FRAME / SHARE ? SHARE * live.cost : FRAME;

	if (pause > NSEC_PER_SEC)
		pause = NSEC_PER_SEC;
	if (live.changed || live.out.waiting.len > 0)
		return live.drawn_at + pause;
	/* What waits for its next attempt waits while nothing runs, too. */
	return running > 0 || live.run->waiting > 0 ? live.drawn_at + NSEC_PER_SEC : INT64_MAX;
}

static int64_t
cpu_time(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

int64_t
live_tick(const struct record *const *active, size_t n)
{
	int64_t now = clock_run(), begun;

	live.changed = live.changed || is_resized();
	if (now >= next_frame(n)) {
		begun = cpu_time();
		live.drawn_at = now;
		live.changed = !draw(active, n);
		live.cost = cpu_time() - begun;
	}
	return next_frame(n);
}

void
live_clear(int64_t patience)
{
	size_t rows, columns;

	if (!begin_frame(patience)) {
		forget_region();	/* what is written now comes below it */
		return;
	}
	if (in_background()) {
		put_in_background();
	} else if (live.drawn.n > 0 || live.said.len > 0) {
		get_size(&rows, &columns);
		put_above(rows, columns, true);
		forget_region();
	}
	end_frame();
	sink_flush(&live.out, patience);
	live.changed = true;
	live.drawn_at = clock_run() - NSEC_PER_SEC;
}

void
live_end(void)
{
	live_clear(PATIENCE);
	sink_close(&live.out);
	buf_release(&live.said);
	buf_release(&live.bytes);
	view_frame_release(&live.drawn);
	view_frame_release(&live.next);
	view_memory_release(&live.memory);
	memset(&live, 0, sizeof(live));
	live.fd = -1;
}
