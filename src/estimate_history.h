/*
 * How long notebooks took in earlier runs of a workflow, by the journals of its run folders; for estimate.c alone.
 */
#ifndef NBFORK_ESTIMATE_HISTORY_H
#define NBFORK_ESTIMATE_HISTORY_H

#include "workflow/model.h"

/*
 * Sets seconds[i], one for each task of the workflow, to how long it took in the newest run that knows, and to -1
 * where none does; and named[i] likewise by path and name alone, whatever the parameters were. runs is the folder
 * of run folders. What cannot be read or is no journal is passed over.
 */
void history_read(const struct workflow *w, const char *runs, double *seconds, double *named);

#endif
