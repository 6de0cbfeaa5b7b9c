/*
 * What nbfork tells of earlier runs, and of those that go on: --list-runs and --show.
 */
#ifndef NBFORK_SHOW_H
#define NBFORK_SHOW_H

#include <stdbool.h>

#include "report/reports.h"

struct show_options {
	bool list;	/* the runs of a folder, */
	const char *folder;	/* this one, or NULL: nbfork-runs */
	bool show;	/* one run, */
	const char *run;	/* named so (runs.h), or NULL: the latest */
	const char *diff;	/* against this one; NULL: by itself */
};

/* Prints what is asked for, and writes reports of the run, html to the file of that name (NULL: to none). Says what is wrong. Returns the exit status. */
int show(const struct show_options *o, const struct reports *reports, const char *html, bool json, bool quiet);

#endif
