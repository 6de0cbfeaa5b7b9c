#include "report/said.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "report/summary.h"
#include "report/text.h"

#define REASON_MAX 300	/* columns, of why a notebook failed or the run stops */
#define PRINTED_MAX 1000	/* columns, of a line that a notebook printed */

/* "[3/20] ": how many are done. */
static void
begin(struct buf *line, const struct run *run)
{
	size_t done = 0;

	for (int i = 0; i < STATUSES; i++)
		done += run->counts[i];
	buf_addf(line, "[%zu/%zu] ", done, run->n);
}

static void
begin_for(struct buf *line, const struct run *run, const struct record *r)
{
	begin(line, run);
	utf8_put_visible(line, r->task->name, strlen(r->task->name), SIZE_MAX);
	buf_adds(line, ": ");
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
said_started(struct buf *b, const struct run *run, const struct record *r)
{
	begin_for(b, run, r);
	buf_adds(b, "started");
	if (r->attempts > 1)
		buf_addf(b, " (attempt %u)", r->attempts);
	put_again(b, r);
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
said_cell(struct buf *b, const struct run *run, const struct record *r, int64_t elapsed)
{
	char time[DURATION_TEXT];

	begin_for(b, run, r);
	put_cell(b, r);
	if (elapsed >= 0)
		buf_addf(b, ", %s", duration_text(time, (double)elapsed / (double)NSEC_PER_SEC));
}

void
said_printed(struct buf *b, const struct run *run, const struct record *r)
{
	begin_for(b, run, r);
	buf_adds(b, "| ");
	text_put_cut(b, r->line, PRINTED_MAX);
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

void
said_finished(struct buf *b, const struct run *run, const struct record *r, bool colour)
{
	begin_for(b, run, r);
	text_put_status(b, r->status, colour);
	if (r->task->allow_failure && (r->status == STATUS_FAILED || r->status == STATUS_TIMED_OUT))
		buf_adds(b, " (allowed)");
	if (r->kept != NULL)
		buf_adds(b, " in an earlier run");
	else if (r->started_wall != 0)
		put_duration(b, r->status == STATUS_SUCCEEDED ? "in" : "after", r);
	if (r->kept == NULL && r->started_wall != 0 && r->attempts > 1)
		buf_addf(b, " (attempt %u)", r->attempts);
	if (r->status != STATUS_SUCCEEDED)
		put_failure(b, r);
}

bool
said_needs_end(const struct record *r)
{
	struct record_error e;
	bool said;

	if (r->kept != NULL)
		return log_level >= LOG_INFO;
	/* Why the run stops is said once, not again for everything that it keeps from starting. */
	record_error(r, &e);
	said = r->status == STATUS_SKIPPED && e.kind != NULL && strcmp(e.kind, error_kind_name(ERROR_STOPPED)) == 0;
	record_error_release(&e);
	return !said;
}

bool
said_place(struct buf *b, const struct run *run, const struct record *r)
{
	char *path;

	if ((r->status != STATUS_FAILED && r->status != STATUS_TIMED_OUT) || (!r->has_output && r->url == NULL))
		return false;
	path = r->has_output ? xasprintf("%s/notebooks/%s.ipynb", run->folder, r->task->name) : xstrdup(r->url);
	utf8_put_visible(b, path, strlen(path), SIZE_MAX);
	free(path);
	return true;
}

void
said_retries(struct buf *b, const struct run *run, const struct record *r, int64_t delay, bool colour)
{
	char time[DURATION_TEXT];

	begin_for(b, run, r);
	text_put_status(b, r->status, colour);
	put_duration(b, "after", r);
	put_failure(b, r);
	duration_text(time, (double)delay / (double)NSEC_PER_SEC);
	buf_addf(b, "; attempt %u in %s", r->attempts + 1, time);
}

void
said_requeued(struct buf *b, const struct run *run, const struct record *r, const char *reason)
{
	begin_for(b, run, r);
	buf_addf(b, "stopped, to run again later: %s", reason);
}

void
said_held(struct buf *b, const struct run *run)
{
	begin(b, run);
	if (run->held != NULL)
		buf_addf(b, "nothing new is started: %s", run->held);
	else
		buf_adds(b, "notebooks are started again");
}

void
said_resized(struct buf *b, const struct run *run)
{
	begin(b, run);
	buf_addf(b, "%u notebook%s at a time from now on", run->processes, run->processes == 1 ? "" : "s");
}

void
said_stopping(struct buf *b, const struct run *run)
{
	begin(b, run);
	buf_adds(b, "stopping");
	if (run->stop_reason != NULL) {
		buf_adds(b, ": ");
		text_put_cut(b, run->stop_reason, REASON_MAX);
	}
}
