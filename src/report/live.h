/*
 * The live region: the last lines of a terminal, redrawn in place while a run goes on. For progress.c alone.
 *
 * The cursor rests on the line below the region, at its start. A frame is one write(2): up to the region's first line,
 * finished lines, the region again (or, without such lines, what has changed of it), and what is left of the old one
 * cleared. Nothing that a frame switches on stays on, and the cursor stays visible: a terminal is in order whenever this
 * process is killed.
 */
#ifndef NBFORK_REPORT_LIVE_H
#define NBFORK_REPORT_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/run.h"

/* Starts and ends the region on a descriptor. The end clears it and writes what is still to be said above it. */
void live_start(const struct run *run, int fd, bool colour);
void live_end(void);

/* A line to scroll away above the region, with the next frame. No newline in it. */
void live_say(const char *text);

/* Something that is shown has changed. */
void live_changed(void);

/*
 * Draws when it is time to: at once after live_clear(), otherwise at most ten times a second, less often where a frame
 * costs much, and at least once a second while there is something that runs or waits. active are those that are shown to
 * run (report/active.h). Returns the run clock time of the next call, INT64_MAX when nothing moves. Never waits: a frame
 * that the terminal does not take is skipped.
 */
int64_t live_tick(const struct record *const *active, size_t n);

/*
 * Takes the region off the terminal, so that somebody else can write there; the next frame draws it again.
 * Waits as long as the terminal takes something at least every so many nanoseconds.
 */
void live_clear(int64_t patience);

#endif
