/*
 * Progress on standard error while a run goes on.
 *
 * On a terminal a region at the bottom (view.h), above which what is over scrolls up as a plain line. Elsewhere plain
 * lines (said.h), each with the notebook's name: it has started, how it ended, and, when it has said nothing for long,
 * which cell it is at; with log_level LOG_INFO also every cell and every line printed. A notebook that is skipped because
 * the run stops has no line of its own, the reason is said once; one that is kept from an earlier run has one only with
 * LOG_INFO. What notebooks print is made safe first (base/utf8.h) and never breaks a line.
 *
 * The environment's TERM and NO_COLOR are respected; a process in the background of its terminal writes lines only.
 *
 * One progress display a process. Functions report nothing and fail silently: a display is not worth a run. None
 * waits for a terminal or reader that takes nothing but progress_end() and progress_suspended(true), a few seconds,
 * and a log line, which would have to wait itself. SIGPIPE must be ignored.
 */
#ifndef NBFORK_REPORT_PROGRESS_H
#define NBFORK_REPORT_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "report/run.h"

enum progress_mode {
	PROGRESS_AUTO,	/* tty when standard error is a terminal that can move its cursor, else plain */
	PROGRESS_TTY,
	PROGRESS_PLAIN,
	PROGRESS_NONE,
};

/* "auto", "tty", "plain" or "none"; false for anything else. */
bool progress_parse(const char *s, enum progress_mode *mode);

/* Starts and ends the display. Between them log lines (base/log.h) go around it. run must live on. */
void progress_start(const struct run *run, enum progress_mode mode);
void progress_end(void);

/*
 * How often the display can do with a new line from each notebook, nanoseconds: 0 for all of them, INT64_MAX for none at
 * all. A line that nobody is shown is not worth sending.
 */
int64_t progress_line_interval(void);

/* Something has happened to a record, or to the run as a whole; their members say it already. */
void progress_notebook_called(const struct record *r);	/* by another one; it waits to be started */
void progress_notebook_started(const struct record *r);
void progress_cell(const struct record *r);	/* a cell has started, or the kernel is ready */
void progress_line(const struct record *r);	/* r->line is new */
void progress_notebook_finished(const struct record *r);	/* also for one that is skipped */
void progress_notebook_retries(const struct record *r, int64_t delay);	/* it failed; another attempt in so many ns */
void progress_notebook_requeued(const struct record *r, const char *reason);	/* it was stopped to be queued again */
void progress_held(void);	/* run->held has been set or cleared */
void progress_resized(void);	/* run->processes has changed */
void progress_stopping(void);	/* run->stop_reason is set */

/*
 * Redraws when it is time to; returns the run clock time of the next one, INT64_MAX when nothing moves.
 * Cheap to call in each turn of a loop.
 */
int64_t progress_tick(void);

/* Before the process is suspended (true): leaves the terminal clean; after (false): draws again. */
void progress_suspended(bool yes);

#endif
