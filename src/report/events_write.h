/*
 * How events.c writes the lines that events_put.c makes; for the latter alone.
 */
#ifndef NBFORK_REPORT_EVENTS_WRITE_H
#define NBFORK_REPORT_EVENTS_WRITE_H

#include "report/events.h"

/*
 * Writes a line, which ends with its line feed, to the journal and to the other stream; it may be changed. Returns 0, or -1
 * with errno when the journal could not take it.
 */
int events_write(struct events *e, struct buf *line);

/* The disk is to have what is being written before long. */
void events_must_sync(struct events *e);

#endif
