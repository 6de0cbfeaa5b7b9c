/*
 * The report of a run folder, in files: report.html, beside it as many others as are asked for, and the pages of the
 * executed copies (html/copy.h).
 */
#ifndef NBFORK_HTML_REPORT_H
#define NBFORK_HTML_REPORT_H

#include "report/story.h"

#define REPORT_FILE "report.html"	/* in the run folder */

/* Brings the pages of a run's executed copies up to date, as far as that is possible. */
void report_copies(const struct story_run *run, const char *folder);

/* Writes the report of a run to a file. Returns 0 or -1 with errno. */
int report_page(const struct story_run *run, const char *folder, const char *file);

/*
 * Both for the last run of a folder: the report goes to FOLDER/report.html and to also (NULL: to no other file). Returns 0;
 * or -1 with errno, and *what (the caller's to free) what could not be done: "cannot write 'x'".
 */
int report_write(const char *folder, const char *also, char **what);

#endif
