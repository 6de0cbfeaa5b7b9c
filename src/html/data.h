/*
 * A run's story (report/story.h) as the JSON that the report's page shows (page.js). Times are whole milliseconds since the
 * run started, null for never; files are links, as seen from the page. What is long is cut: all of it is in the
 * results document and the logs.
 *
 *	{nbfork, made: milliseconds since 1970,
 *	 run: {id, workflow, file, target, on_error, resumed_from, folder, results, phase: "goes on", "over" or "torn off", status,
 *		started: since 1970, ended, last, stopping, stop_reason, processes: [[time, number], ...],
 *		available: [[time, bytes], ...]},
 *	 notebooks: [{name, path, target, depth, parent: index or null, state, status, depends_on: [index, ...],
 *		allow_failure, fails, kept_from, cause, queued, called, over,
 *		attempts: [{number, slot, queued, started, ready, warm, departed, ended, end, status, retry_in, why, url, total,
 *			cells: [index, started, milliseconds or -1, failed 0 or 1, ...], memory: [time, bytes, ...]}, ...],
 *		parameters: [[name, text], ...], result: text, values: text, exit_status, signal, cpu, rss, error,
 *		executed, total, page, copy, log, log_end, log_bytes, log_cut, url,
 *		tries: [{attempt, status, seconds, cpu, rss, error, page, copy, log}, ...]}, ...]}
 * An error is {kind, name, message, cell, execution_count, traceback: text} or null.
 */
#ifndef NBFORK_HTML_DATA_H
#define NBFORK_HTML_DATA_H

#include "base/buf.h"
#include "report/story.h"

/*
 * Appends it. folder is the run folder, from which the ends of logs are read; base is the run folder as seen from the
 * page: "" or a path that ends in '/'.
 */
void data_put(const struct story_run *run, const char *folder, const char *base, struct buf *b);

/*
 * The page of an executed copy, "notebooks/NAME.html", if it is there; of "notebooks/NAME.ipynb", as results have it.
 * The caller's to free; NULL for none.
 */
char *data_page(const char *folder, const char *output);

#endif
