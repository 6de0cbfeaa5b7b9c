/*
 * The summary: what a person wants to know at the end, as a table on standard output.
 */
#ifndef NBFORK_REPORT_SUMMARY_H
#define NBFORK_REPORT_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "report/run.h"

/*
 * Appends it: a line a notebook (name, status, duration, cells, and for what did not succeed why: exception
 * and message, and where its executed copy is), why the run was stopped if it was, then one line of totals
 * and the run folder. Below a notebook, indented, stand those that it has run. Of more than 200 notebooks those that
 * succeeded are only counted.
 *
 * columns is the width to keep to (0: no limit, for files and pipes); what does not fit behind a notebook
 * stands on lines of its own below it, and only a path is ever longer than the width, so that it can be
 * copied. colour: whether to use ANSI colours.
 */
void summary_put(const struct run *run, size_t columns, bool colour, struct buf *b);

/* A duration for people: "0.4s", "12.3s", "4m05s", "2h03m". */
#define DURATION_TEXT 24
const char *duration_text(char text[DURATION_TEXT], double seconds);

#endif
