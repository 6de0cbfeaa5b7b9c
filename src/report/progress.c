#include "report/progress.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/guard.h"
#include "base/log.h"
#include "base/mem.h"
#include "report/active.h"
#include "report/live.h"
#include "report/said.h"
#include "report/sink.h"
#include "report/text.h"

/*
 * bytes that may wait for a reader who is slow; what comes then is lost
 */
#define PLAIN_MOST ((size_t)1024 * 1024)
#define PLAIN_AGAIN (100 * NSEC_PER_MSEC)
#define PATIENCE (5 * NSEC_PER_SEC)	/* with one that takes nothing, at the end and before a suspension */
#define LOG_PATIENCE (NSEC_PER_SEC / 4)	/* before a log line, which is written without any */

/*
 * How long a notebook is silent in plain lines before it says which cell it is at. It doubles each time, so
 * that a long run does not fill a log; some CI services end a job that has said nothing for ten minutes.
 */
#define SILENCE_FIRST (10 * NSEC_PER_SEC)
#define SILENCE_MOST (300 * NSEC_PER_SEC)

/*
 * How often the live view is told of the last line that a notebook printed: a hundred times a second in all, since every
 * time costs the parent a few microseconds, and nobody reads more; but every two seconds at least.
 */
#define LINE_INTERVAL (100 * NSEC_PER_MSEC)
#define LINE_INTERVAL_MOST (2 * NSEC_PER_SEC)
#define LINE_SHARE (10 * NSEC_PER_MSEC)	/* of one of those that run at the same time */

/* When a running notebook is to say something next, in plain lines. */
struct beat {
	const struct record *record;
	int64_t at;	/* run clock */
	int64_t silence;	/* from then to the next time */
};

static struct {
	const struct run *run;
	enum progress_mode mode;	/* never PROGRESS_AUTO */
	bool colour;
	struct sink out;	/* for plain lines */
	struct active active;	/* for the live view */
	struct beat *beats;	/* of those that run, for plain lines */
	size_t nbeats, cap;
	int64_t next_beat;	/* the earliest of them, or earlier */
} progress = {.mode = PROGRESS_NONE};

bool
progress_parse(const char *s, enum progress_mode *mode)
{
	static const char *const names[] = {
		[PROGRESS_AUTO] = "auto",
		[PROGRESS_TTY] = "tty",
		[PROGRESS_PLAIN] = "plain",
		[PROGRESS_NONE] = "none",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(s, names[i]) == 0) {
			*mode = (enum progress_mode)i;
			return true;
		}
	}
	return false;
}

/* ---- Log lines ---- */

static void
before_log(void)
{
	if (progress.mode == PROGRESS_TTY)
		live_clear(LOG_PATIENCE);
	else
		sink_flush(&progress.out, LOG_PATIENCE);
}

static void
after_log(void)
{
	progress_tick();
}

/* ---- Start and end ---- */

void
progress_start(const struct run *run, enum progress_mode mode)
{
	if (mode == PROGRESS_AUTO)
		mode = isatty(STDERR_FILENO) && text_has_cursor() ? PROGRESS_TTY : PROGRESS_PLAIN;
	progress.run = run;
	progress.mode = mode;
	progress.next_beat = INT64_MAX;
	if (mode == PROGRESS_NONE)
		return;
	if (mode == PROGRESS_TTY) {
		progress.colour = text_has_colour();
		live_start(run, STDERR_FILENO, progress.colour);
	} else {
		sink_open(&progress.out, STDERR_FILENO, PLAIN_MOST);
	}
	log_around(before_log, after_log);
}

void
progress_end(void)
{
	if (progress.mode == PROGRESS_NONE)
		return;
	log_around(NULL, NULL);
	if (progress.mode == PROGRESS_TTY) {
		live_end();
	} else {
		sink_flush(&progress.out, PATIENCE);
		sink_close(&progress.out);
	}
	active_release(&progress.active);
	free(progress.beats);
	memset(&progress, 0, sizeof(progress));
	progress.mode = PROGRESS_NONE;
}

int64_t
progress_line_interval(void)
{
	int64_t share;

	if (progress.mode == PROGRESS_PLAIN && log_level >= LOG_INFO)
		return 0;
	if (progress.mode != PROGRESS_TTY)
		return INT64_MAX;
	share = progress.run->processes * LINE_SHARE;
	if (share < LINE_INTERVAL)
		return LINE_INTERVAL;
	return share < LINE_INTERVAL_MOST ? share : LINE_INTERVAL_MOST;
}

/* ---- Lines ---- */

/* Shows the line and releases it. One that nobody takes is lost. */
static void
say(struct buf *line)
{
	guard_lines(line, GUARD_TEXT);
	if (progress.mode == PROGRESS_TTY) {
		live_say(buf_str(line));
	} else {
		buf_addc(line, '\n');
		sink_put(&progress.out, line->data, line->len);
	}
	buf_release(line);
}

/* Whether every line that is printed, and every cell, is said. */
static bool
says_all(void)
{
	return progress.mode == PROGRESS_PLAIN && log_level >= LOG_INFO;
}

static void
add_beat(const struct record *r)
{
	struct beat b = {r, r->started_at + SILENCE_FIRST, SILENCE_FIRST};

	progress.beats = xgrow(progress.beats, progress.nbeats, &progress.cap, sizeof(*progress.beats));
	progress.beats[progress.nbeats++] = b;
	if (progress.next_beat > b.at)
		progress.next_beat = b.at;
}

static void
remove_beat(const struct record *r)
{
	for (size_t i = 0; i < progress.nbeats; i++) {
		if (progress.beats[i].record == r) {
			progress.beats[i] = progress.beats[--progress.nbeats];
			return;
		}
	}
}

/* It does not run any more. */
static void
leave(const struct record *r)
{
	active_remove(&progress.active, r);
	remove_beat(r);
}

void
progress_notebook_called(const struct record *r)
{
	if (progress.mode != PROGRESS_TTY)
		return;
	active_add(&progress.active, r);
	live_changed();
}

void
progress_notebook_started(const struct record *r)
{
	struct buf line = BUF_INIT;

	if (progress.mode == PROGRESS_NONE)
		return;
	if (progress.mode == PROGRESS_TTY) {
		active_add(&progress.active, r);
		live_changed();
		/* It is to be seen; why it runs again is not. */
		if (r->again_because == NULL || r->tries > 1)
			return;
	} else {
		add_beat(r);
	}
	said_started(&line, progress.run, r);
	say(&line);
}

void
progress_cell(const struct record *r)
{
	struct buf line = BUF_INIT;

	if (progress.mode == PROGRESS_TTY)
		live_changed();
	if (!says_all())
		return;
	said_cell(&line, progress.run, r, -1);
	say(&line);
}

void
progress_line(const struct record *r)
{
	struct buf line = BUF_INIT;

	if (progress.mode == PROGRESS_TTY)
		live_changed();
	if (!says_all() || r->line == NULL)
		return;
	said_printed(&line, progress.run, r);
	say(&line);
}

/* On a terminal a path has a line of its own, to be found and copied; elsewhere all is said on one. */
static void
say_end(struct buf *line, const struct record *r)
{
	struct buf place = BUF_INIT;
	bool has_place;

	if (progress.mode == PROGRESS_TTY)
		buf_adds(&place, "    ");
	has_place = said_place(&place, progress.run, r);
	if (progress.mode != PROGRESS_TTY && has_place)
		buf_addf(line, "; see %s", buf_str(&place));
	say(line);
	if (progress.mode == PROGRESS_TTY && has_place)
		say(&place);
	buf_release(&place);
}

void
progress_notebook_finished(const struct record *r)
{
	struct buf line = BUF_INIT;

	if (progress.mode == PROGRESS_NONE)
		return;
	leave(r);
	if (progress.mode == PROGRESS_TTY)
		live_changed();
	if (!said_needs_end(r))
		return;
	said_finished(&line, progress.run, r, progress.colour);
	say_end(&line, r);
}

void
progress_notebook_retries(const struct record *r, int64_t delay)
{
	struct buf line = BUF_INIT;

	if (progress.mode == PROGRESS_NONE)
		return;
	leave(r);
	said_retries(&line, progress.run, r, delay, progress.colour);
	say(&line);
}

void
progress_notebook_requeued(const struct record *r, const char *reason)
{
	struct buf line = BUF_INIT;

	if (progress.mode == PROGRESS_NONE)
		return;
	leave(r);
	said_requeued(&line, progress.run, r, reason);
	say(&line);
}

void
progress_held(void)
{
	struct buf line = BUF_INIT;

	if (progress.mode == PROGRESS_TTY)
		live_changed();
	if (progress.mode != PROGRESS_PLAIN)
		return;
	said_held(&line, progress.run);
	say(&line);
}

void
progress_resized(void)
{
	struct buf line = BUF_INIT;

	if (progress.mode == PROGRESS_NONE)
		return;
	said_resized(&line, progress.run);
	say(&line);
}

void
progress_stopping(void)
{
	struct buf line = BUF_INIT;

	if (progress.mode == PROGRESS_NONE)
		return;
	said_stopping(&line, progress.run);
	say(&line);
}

/* ---- Time ---- */

static void
beat(struct beat *b, int64_t now)
{
	struct buf line = BUF_INIT;

	said_cell(&line, progress.run, b->record, now - b->record->started_at);
	say(&line);
	b->silence = 2 * b->silence < SILENCE_MOST ? 2 * b->silence : SILENCE_MOST;
	b->at = now + b->silence;
}

static int64_t
tick_plain(void)
{
	int64_t now = clock_run();

	if (now >= progress.next_beat) {
		progress.next_beat = INT64_MAX;
		for (size_t i = 0; i < progress.nbeats; i++) {
			if (now >= progress.beats[i].at)
				beat(&progress.beats[i], now);
			if (progress.next_beat > progress.beats[i].at)
				progress.next_beat = progress.beats[i].at;
		}
	}
	if (progress.out.waiting.len > 0) {
		sink_flush(&progress.out, 0);
		if (progress.out.waiting.len > 0 && now + PLAIN_AGAIN < progress.next_beat)
			return now + PLAIN_AGAIN;
	}
	return progress.next_beat;
}

int64_t
progress_tick(void)
{
	switch (progress.mode) {
	case PROGRESS_TTY:
		return live_tick(progress.active.list, progress.active.n);
	case PROGRESS_PLAIN:
		return tick_plain();
	default:
		return INT64_MAX;
	}
}

void
progress_suspended(bool yes)
{
	if (progress.mode == PROGRESS_TTY && yes)
		live_clear(PATIENCE);
	else if (progress.mode == PROGRESS_TTY)
		live_changed();
	else if (progress.mode == PROGRESS_PLAIN && yes)
		sink_flush(&progress.out, PATIENCE);
}
