#include "report/progress.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/guard.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "report/live.h"
#include "report/sink.h"
#include "report/summary.h"
#include "report/text.h"

#define REASON_MAX 300	/* columns, of why a notebook failed or the run stops */
#define PRINTED_MAX 1000	/* columns, of a line that a notebook printed */
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

/* When a running notebook is to say something next. */
struct beat {
	int64_t at;	/* run clock */
	int64_t silence;	/* from then to the next time */
};

static struct {
	const struct run *run;
	enum progress_mode mode;	/* never PROGRESS_AUTO */
	bool colour;
	struct sink out;	/* for plain lines */
	const struct record **running;	/* in the order in which they started, each followed by those that it runs */
	struct beat *beats;	/* of the same notebooks */
	size_t n, cap;
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
	free(progress.running);
	free(progress.beats);
	memset(&progress, 0, sizeof(progress));
	progress.mode = PROGRESS_NONE;
}

/* ---- Lines ---- */

/* "[3/20] ": how many are done. */
static void
begin(struct buf *line)
{
	size_t done = 0;

	for (int i = 0; i < STATUSES; i++)
		done += progress.run->counts[i];
	buf_init(line);
	buf_addf(line, "[%zu/%zu] ", done, progress.run->n);
}

static void
begin_for(struct buf *line, const struct record *r)
{
	begin(line);
	utf8_put_visible(line, r->task->name, strlen(r->task->name), SIZE_MAX);
	buf_adds(line, ": ");
}

/* Shows the line and releases it. One that nobody takes is lost. */
static void
end(struct buf *line)
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

static bool
is_below(const struct record *r, const struct record *above)
{
	for (r = r->parent; r != NULL; r = r->parent)
		if (r == above)
			return true;
	return false;
}

/* Where a record comes among those that run: behind its parent and what that runs already, or at the end. */
static size_t
place_of(const struct record *r)
{
	size_t i = 0;

	if (r->parent == NULL)
		return progress.n;
	while (i < progress.n && progress.running[i] != r->parent)
		i++;
	while (i < progress.n && (progress.running[i] == r->parent || is_below(progress.running[i], r->parent)))
		i++;
	return i;
}

static void
add_running(const struct record *r)
{
	const size_t i = place_of(r);
	size_t cap = progress.cap;

	progress.running = xgrow(progress.running, progress.n, &progress.cap, sizeof(*progress.running));
	progress.beats = xgrow(progress.beats, progress.n, &cap, sizeof(*progress.beats));
	memmove(progress.running + i + 1, progress.running + i, (progress.n - i) * sizeof(*progress.running));
	memmove(progress.beats + i + 1, progress.beats + i, (progress.n - i) * sizeof(*progress.beats));
	progress.running[i] = r;
	progress.beats[i] = (struct beat){r->started_at + SILENCE_FIRST, SILENCE_FIRST};
	if (progress.next_beat > progress.beats[i].at)
		progress.next_beat = progress.beats[i].at;
	progress.n++;
}

static void
remove_running(const struct record *r)
{
	for (size_t i = 0; i < progress.n; i++) {
		if (progress.running[i] != r)
			continue;
		progress.n--;
		memmove(progress.running + i, progress.running + i + 1,
		    (progress.n - i) * sizeof(*progress.running));
		memmove(progress.beats + i, progress.beats + i + 1, (progress.n - i) * sizeof(*progress.beats));
		return;
	}
}

/* Why it runs although it has succeeded before; said with its first attempt. */
static void
put_again(struct buf *line, const struct record *r)
{
	if (r->again_because == NULL || r->tries > 1)
		return;
	buf_adds(line, ": runs again, because ");
	text_put_cut(line, r->again_because, REASON_MAX);
}

void
progress_notebook_started(const struct record *r)
{
	struct buf line;

	if (progress.mode == PROGRESS_NONE)
		return;
	add_running(r);
	if (progress.mode == PROGRESS_TTY && (r->again_because == NULL || r->tries > 1)) {
		live_changed();
		return;
	}
	begin_for(&line, r);
	buf_adds(&line, "started");
	if (r->attempts > 1)
		buf_addf(&line, " (attempt %u)", r->attempts);
	put_again(&line, r);
	end(&line);
}

static void
put_cell(struct buf *line, const struct record *r)
{
	if (!r->kernel_ready)
		buf_adds(line, "starting");
	else if (r->cell == 0)
		buf_adds(line, "kernel is ready");
	else if (r->cells == 0)
		buf_addf(line, "cell %u", r->cell);
	else
		buf_addf(line, "cell %u/%u", r->cell, r->cells);
}

void
progress_cell(const struct record *r)
{
	struct buf line;

	if (progress.mode == PROGRESS_TTY)
		live_changed();
	if (progress.mode != PROGRESS_PLAIN || log_level < LOG_INFO)
		return;
	begin_for(&line, r);
	put_cell(&line, r);
	end(&line);
}

void
progress_line(const struct record *r)
{
	struct buf line;

	if (progress.mode == PROGRESS_TTY)
		live_changed();
	if (progress.mode != PROGRESS_PLAIN || log_level < LOG_INFO || r->line == NULL)
		return;
	begin_for(&line, r);
	buf_adds(&line, "| ");
	text_put_cut(&line, r->line, PRINTED_MAX);
	end(&line);
}

/* "after 2.1s: ZeroDivisionError: ... (cell 4, In [2])" of what did not succeed. */
static void
put_failure(struct buf *line, const struct record *r)
{
	struct buf cell = BUF_INIT;
	struct record_error e;
	size_t start;

	record_error(r, &e);
	buf_adds(line, ": ");
	start = line->len;
	text_put_reason(line, &e, REASON_MAX);
	if (line->len == start)
		buf_truncate(line, start - 2);
	text_put_cell(&cell, &e);
	if (cell.len > 0)
		buf_addf(line, " (%s)", cell.data);
	buf_release(&cell);
	record_error_release(&e);
}

static void
put_duration(struct buf *line, const char *preposition, const struct record *r)
{
	char time[DURATION_TEXT];

	duration_text(time, (double)(r->ended_at - r->started_at) / (double)NSEC_PER_SEC);
	buf_addf(line, " %s %s", preposition, time);
}

static void
put_end(struct buf *line, const struct record *r)
{
	text_put_status(line, r->status, progress.colour);
	if (r->task->allow_failure && (r->status == STATUS_FAILED || r->status == STATUS_TIMED_OUT))
		buf_adds(line, " (allowed)");
	if (r->kept != NULL)
		buf_adds(line, " in an earlier run");
	else if (r->started_wall != 0)
		put_duration(line, r->status == STATUS_SUCCEEDED ? "in" : "after", r);
	if (r->status != STATUS_SUCCEEDED)
		put_failure(line, r);
}

/* Whether its end has no line of its own. */
static bool
needs_no_line(const struct record *r)
{
	struct record_error e;
	bool said;

	if (r->kept != NULL)
		return log_level < LOG_INFO;
	/* Why the run stops is said once, not again for everything that it keeps from starting. */
	record_error(r, &e);
	said = r->status == STATUS_SKIPPED && e.kind != NULL && strcmp(e.kind, error_kind_name(ERROR_STOPPED)) == 0;
	record_error_release(&e);
	return said;
}

void
progress_notebook_finished(const struct record *r)
{
	struct buf line;

	if (progress.mode == PROGRESS_NONE)
		return;
	remove_running(r);
	if (!needs_no_line(r)) {
		begin_for(&line, r);
		put_end(&line, r);
		end(&line);
	} else if (progress.mode == PROGRESS_TTY) {
		live_changed();
	}
}

void
progress_notebook_retries(const struct record *r, int64_t delay)
{
	char time[DURATION_TEXT];
	struct buf line;

	if (progress.mode == PROGRESS_NONE)
		return;
	remove_running(r);
	begin_for(&line, r);
	text_put_status(&line, r->status, progress.colour);
	put_duration(&line, "after", r);
	put_failure(&line, r);
	duration_text(time, (double)delay / (double)NSEC_PER_SEC);
	buf_addf(&line, "; attempt %u in %s", r->attempts + 1, time);
	end(&line);
}

void
progress_notebook_requeued(const struct record *r, const char *reason)
{
	struct buf line;

	if (progress.mode == PROGRESS_NONE)
		return;
	remove_running(r);
	begin_for(&line, r);
	buf_addf(&line, "stopped, to run again later: %s", reason);
	end(&line);
}

void
progress_held(void)
{
	struct buf line;

	if (progress.mode == PROGRESS_TTY)
		live_changed();
	if (progress.mode != PROGRESS_PLAIN)
		return;
	begin(&line);
	if (progress.run->held != NULL)
		buf_addf(&line, "nothing new is started: %s", progress.run->held);
	else
		buf_adds(&line, "notebooks are started again");
	end(&line);
}

void
progress_resized(void)
{
	struct buf line;

	if (progress.mode == PROGRESS_NONE)
		return;
	begin(&line);
	buf_addf(&line, "%u notebook%s at a time from now on", progress.run->processes,
	    progress.run->processes == 1 ? "" : "s");
	end(&line);
}

void
progress_stopping(void)
{
	struct buf line;

	if (progress.mode == PROGRESS_NONE)
		return;
	begin(&line);
	buf_adds(&line, "stopping");
	if (progress.run->stop_reason != NULL) {
		buf_adds(&line, ": ");
		text_put_cut(&line, progress.run->stop_reason, REASON_MAX);
	}
	end(&line);
}

/* ---- Time ---- */

static void
beat(const struct record *r, struct beat *b, int64_t now)
{
	char time[DURATION_TEXT];
	struct buf line;

	begin_for(&line, r);
	put_cell(&line, r);
	duration_text(time, (double)(now - r->started_at) / (double)NSEC_PER_SEC);
	buf_addf(&line, ", %s", time);
	end(&line);
	b->silence = 2 * b->silence < SILENCE_MOST ? 2 * b->silence : SILENCE_MOST;
	b->at = now + b->silence;
}

static int64_t
tick_plain(void)
{
	int64_t now = clock_run();

	if (now >= progress.next_beat) {
		progress.next_beat = INT64_MAX;
		for (size_t i = 0; i < progress.n; i++) {
			if (now >= progress.beats[i].at)
				beat(progress.running[i], &progress.beats[i], now);
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
		return live_tick(progress.running, progress.n);
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
