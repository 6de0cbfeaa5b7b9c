/*
 * What is said of a run while it goes on: lines of text, safe to show, without an end. Plain progress consists of them;
 * on a terminal they scroll away above the live view.
 *
 * Each function appends one line: "[3/20] load: failed after 2.1s: ValueError: no rows (cell 4, In [2])".
 */
#ifndef NBFORK_REPORT_SAID_H
#define NBFORK_REPORT_SAID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "report/run.h"

void said_started(struct buf *b, const struct run *run, const struct record *r);

/* Which cell it is at; with for how many nanoseconds it has been running, where that is not negative. */
void said_cell(struct buf *b, const struct run *run, const struct record *r, int64_t elapsed);

/* The last line that it has printed. */
void said_printed(struct buf *b, const struct run *run, const struct record *r);

/* How it ended, with the status in its colour or not. */
void said_finished(struct buf *b, const struct run *run, const struct record *r, bool colour);

/* Whether its end is to be said: not if it only follows from something that was. */
bool said_needs_end(const struct record *r);

/* Where to look at what has failed: the executed copy, or a page about it. Appends nothing and returns false for none. */
bool said_place(struct buf *b, const struct run *run, const struct record *r);

/* It failed, or was stopped, and runs again: in so many nanoseconds, for the reason. */
void said_retries(struct buf *b, const struct run *run, const struct record *r, int64_t delay, bool colour);
void said_requeued(struct buf *b, const struct run *run, const struct record *r, const char *reason);

/* Of the run as a whole: run->held, run->processes, run->stop_reason. */
void said_held(struct buf *b, const struct run *run);
void said_resized(struct buf *b, const struct run *run);
void said_stopping(struct buf *b, const struct run *run);

#endif
