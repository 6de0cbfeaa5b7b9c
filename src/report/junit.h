/*
 * A report in the XML that JUnit's Ant task and Maven's Surefire have made usual, as CI servers read it.
 *
 * One test suite, the run; one test case, each notebook of the workflow, by its status:
 *	succeeded	nothing; with <flakyFailure> or <flakyError> for each attempt before
 *	failed		<failure>, type and message the exception's, the traceback its text, where a cell has raised; otherwise
 *			<error>, its type error.kind of the results document; with <rerunFailure> or <rerunError> likewise
 *	timed_out, cancelled	<error>
 *	skipped		<skipped> with the reason
 *	failed or timed_out, and allowed to	<skipped>, its message "allowed: ..."
 * and of a run that is not over, or was torn off, what runs and waits is <skipped>, what was torn off an <error>.
 * <system-out> holds what the notebook has run and the end of its log.
 */
#ifndef NBFORK_REPORT_JUNIT_H
#define NBFORK_REPORT_JUNIT_H

#include "base/buf.h"
#include "report/story.h"

/* How many bytes of the end of a log are shown. */
#define JUNIT_LOG_MOST ((size_t)16 * 1024)

/* Appends the report of a run, whose folder is there, seen from the current one: the logs are in it. */
void junit_put(const struct story_run *run, const char *folder, struct buf *b);

#endif
