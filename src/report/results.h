/*
 * The results document, schema "nbfork.results/1": strict JSON (RFC 8259), notebooks in the order of the workflow.
 *
 * Whatever names and paths hold becomes well-formed UTF-8. What the notebooks themselves handed over
 * (result, error) and the parameters are checked again; a value that is no JSON becomes null.
 */
#ifndef NBFORK_REPORT_RESULTS_H
#define NBFORK_REPORT_RESULTS_H

#include "base/buf.h"
#include "base/json.h"
#include "report/run.h"

/*
 * A value whose containers are nested deeper than that is written as a string which holds its text: jq
 * (1.6) reads no document deeper than 256, and one notebook's result must not keep it from the others'.
 */
#define RESULTS_DEPTH_MAX 200

/*
 * Appends the document, on lines of its own with two spaces of indentation, with a final newline. While the run is not over
 * its status is "running", and that of a notebook that is not over null.
 */
void results_put(const struct run *run, struct buf *b);

/*
 * Writes one notebook's object, as it stands in the document, with those of its children in it; that of a child without:
 * they have been written by themselves.
 */
void results_put_notebook(const struct record *r, struct json_out *o);

/*
 * Writes the object of an attempt that is over and that another one follows, as it stands in earlier_attempts: its
 * files by the names that they have once the next one starts (report/events.h).
 */
void results_put_attempt(const struct record *r, struct json_out *o);

/* Writes the object of a notebook that was kept: as it was, and the id of the run it is from as resumed_from. */
void results_put_kept(struct json object, const char *from, struct json_out *o);
/* Writes the members of the object of a command of a hook. */
void results_put_hook(const struct hook_run *h, struct json_out *o);

/* Write members of the document: workflow, target, processes, on_error and on_error_after; counts. */
void results_put_plan(const struct run *run, struct json_out *o);
void results_put_counts(const struct run *run, struct json_out *o);

#endif
