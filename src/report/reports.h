/*
 * Reports in files of their own: what --junit and its like ask for, of a run that is over or of an earlier one.
 */
#ifndef NBFORK_REPORT_REPORTS_H
#define NBFORK_REPORT_REPORTS_H

#include <stdbool.h>

#include "report/story.h"

enum report {
	REPORT_JUNIT,
	REPORT_TRACE,
	REPORTS,
};

/* The file of each, NULL for what is not asked for; "-" is standard output. The texts are the caller's. */
struct reports {
	const char *files[REPORTS];
};

const char *report_option(enum report r);	/* "--junit", ... */

/* Whether any is asked for; how many of them go to standard output. */
bool reports_wanted(const struct reports *r);
unsigned reports_to_standard(const struct reports *r);

/*
 * Whether the files could be written, as far as that can be known beforehand. Leaves nothing behind. Returns 0, or -1
 * with errno and the file in *what.
 */
int reports_check(const struct reports *r, const char **what);

/*
 * Makes the reports of a run, whose folder this is, seen from the current one: those that go to files, or the one that
 * goes to standard output. A file is replaced as a whole. Says which files could not be
 * written. Returns 0, or -1 with errno.
 */
int reports_write(const struct reports *r, const struct story_run *run, const char *folder, bool standard);

#endif
