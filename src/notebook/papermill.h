/*
 * papermill's traces in an executed notebook, so that tools which read them keep working: the metadata of
 * the notebook (those of the cells are ipynb.h's) and the cells that mark an error.
 */
#ifndef NBFORK_NOTEBOOK_PAPERMILL_H
#define NBFORK_NOTEBOOK_PAPERMILL_H

#include <stdint.h>

#include "notebook/ipynb.h"
#include "workflow/model.h"

/* What metadata.papermill says of the run. */
struct papermill {
	const char *input, *output;	/* paths */
	const struct params *parameters;	/* secrets are written as "***" */
	int64_t started_at, ended_at;	/* wall clock in microseconds; ended_at 0: it runs still */
	const char *exception;	/* "true", "null", or NULL while it runs */
};

/* Sets nb->papermill. */
void papermill_metadata(struct notebook *nb, const struct papermill *run);

/*
 * Puts the two cells in that lead a reader to the cell that stopped the notebook: a link at the top, and a
 * mark directly before it. Returns the index that the cell has now; cell -1 changes nothing.
 */
int64_t papermill_mark_error(struct notebook *nb, int64_t cell);

#endif
