/*
 * What the live region shows of a run: a few lines, made of the run's state and nothing else.
 *
 *	nightly-load on local  ━━━─────── 3/10  1m12s, about 2m05s left  1 failed, 2 succeeded, 2 running, 5 waiting
 *	  nothing new is started: load is 9.2 of 8
 *	  load-orders    ━━━━━━╸─── 7/10  48s  loaded 33,000 rows
 *	    load-orders.check  starting    1s
 *	  load-items     ━━──────── 3/10   2s  attempt 2  connecting
 *	  load-prices    attempt 2 in 8s: ConnectionError: timed out
 *	  report         waits for load-orders and 2 more
 *	  and 3 more: 2 waiting for a process, 1 for pool warehouse
 *
 * Those that run come first, in the order in which they started, then those that wait for another attempt, then a few
 * of the others that wait, of each kind some. These never make the region larger than half of the terminal, and nothing
 * makes it larger than three quarters unless that is very small, so that what has scrolled by can be read. What has no
 * line is counted in the last one.
 *
 * Columns only grow, so that nothing jumps about as notebooks come and go. With little room, first what is nice to know
 * goes, then what is useful; no line is ever longer than it may be.
 */
#ifndef NBFORK_REPORT_VIEW_H
#define NBFORK_REPORT_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "report/run.h"
#include "report/waiting.h"

/* What is to be shown, and where. */
struct view {
	const struct run *run;
	const struct record *const *active;	/* those that run, each followed by those that it has called and are not over */
	size_t n;
	int64_t now;	/* run clock */
	double left;	/* about so many seconds until the run is over; negative: unknown */
	size_t rows, columns;	/* of the terminal that may be taken */
	bool colour;
	bool unicode;	/* characters other than ASCII can be used for bars */
};

/* A line, with its end: bytes of the frame's text. */
struct view_line {
	size_t at, len;
	size_t columns;	/* that it takes */
};

struct view_frame {
	struct buf text;
	struct view_line *lines;
	size_t n, cap;
};

#define VIEW_FRAME_INIT {BUF_INIT, NULL, 0, 0}

/* What is kept from one frame to the next. */
struct view_memory {
	size_t columns;	/* of the last frame: another width is another beginning */
	size_t name, state, cells, elapsed;	/* widths of columns */
	int omitted;	/* details of the first line */
	struct waiting waiting;	/* only its memory */
};

#define VIEW_MEMORY_INIT {.waiting = WAITING_INIT}

/* Makes a frame, in place of what it was. Each line ends with a newline; colours are off there. */
void view_make(const struct view *v, struct view_memory *m, struct view_frame *f);

void view_frame_release(struct view_frame *f);
void view_memory_release(struct view_memory *m);

#endif
