/*
 * A run on a time line: Chrome's trace events, as JSON, for Perfetto and chrome://tracing.
 *
 * The run is one process; its thread 0 is the run itself, with marks for what was skipped, kept and stopped, and thread
 * N + 1 is slot N of the pool. Attempts are slices there, with the start of the kernel and the cells within, and marks
 * where one failed or is tried again; an arrow leads from a notebook to each that it has run. Counters tell how many
 * run and wait, what the kernels of the slots have in memory and what the machine has left. Times are microseconds since
 * the start of the run.
 */
#ifndef NBFORK_REPORT_TRACE_H
#define NBFORK_REPORT_TRACE_H

#include "base/buf.h"
#include "report/story.h"

/* Appends the document of a run. */
void trace_put(const struct story_run *run, struct buf *b);

#endif
