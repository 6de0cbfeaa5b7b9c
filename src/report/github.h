/*
 * What GitHub Actions shows of a step: annotations, which are orders to its runner on standard error, and the step's
 * summary in Markdown.
 *
 * GitHub shows ten errors and ten warnings of a step: each notebook that failed is one, an allowed failure a warning,
 * and of more of them the last one counts the rest. Text of notebooks is escaped in both, so that it is nothing but text.
 */
#ifndef NBFORK_REPORT_GITHUB_H
#define NBFORK_REPORT_GITHUB_H

#include <stdbool.h>

#include "base/buf.h"
#include "report/story.h"

/* Whether this is a step of GitHub Actions. */
bool github_runs_this(void);

/* Appends the annotations of a run that is over, one a line. */
void github_put_annotations(const struct story_run *run, struct buf *b);

/*
 * Appends the summary, of no more than most bytes, failures first; folder: the run's, as it is to be shown. Some bytes
 * that say what has been left out may come on top, 500 at the most.
 */
void github_put_summary(const struct story_run *run, const char *folder, size_t most, struct buf *b);

/* Says and adds both. What cannot be written is worth a warning only. */
void github_report(const struct story_run *run, const char *folder);

#endif
