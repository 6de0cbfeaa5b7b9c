/*
 * What --dry-run prints: which notebooks would run, in which order, with what, and what they wait for.
 */
#ifndef NBFORK_PLAN_H
#define NBFORK_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "estimate.h"
#include "workflow/model.h"

struct plan {
	const struct workflow *workflow;
	const struct estimate *estimates;	/* one a task */
	const size_t *sequence;	/* the tasks in the order in which they would be started */
	/* one a task, or NULL for none at all; each NULL or what --resume makes of it */
	const char *const *notes;
	const bool *kept;	/* one a task, or NULL: it would not be run, its earlier success counts */
};

/*
 * A table for people, a notebook a line, in the order of the sequence: its number, name, notebook, estimate, what
 * it waits for (with its run_if where that is not all_success, and its pool), and, in lines of their own below it,
 * indented, its note, if it has one, and its parameters, secrets as "***", what is known only later as it was
 * written. One that is kept has no number, no estimate, and waits for nothing.
 *
 * columns: of the terminal, 0 for no limit: cells are cut then, never wrapped, and no line is wider; parameters
 * that do not fit on one line go on on more. Control characters are escaped. The last line sums up: how many
 * notebooks, processes, policy, order, and an estimate of the whole where every notebook that would run if all
 * goes well has one. Names of many dependencies are cut to a few and a count, values of parameters to what can be
 * read.
 */
void plan_put_table(const struct plan *p, size_t columns, bool colour, struct buf *b);

/*
 * One JSON object (RFC 8259): schema "nbfork.plan/1", workflow, target, processes, on_error, order, and notebooks
 * in the order of the workflow: position (from 1, in the sequence, those that are kept not counted; null when it
 * is kept), name, path, target, kernel (null: the notebook's own), parameters (as in the results document, secrets
 * "***", what is deferred as text with the expression), depends_on (names), run_if, pool (null for none),
 * priority, retries, timeout_seconds, cell_timeout_seconds (null for none), working_directory, estimate {source:
 * "history" | "size" | null, seconds, bytes} (null for what is not known), kept, note. With a final newline.
 */
void plan_put_json(const struct plan *p, struct buf *b);

/*
 * The graph of dependencies in the DOT language of Graphviz: a node a notebook (quoted and escaped, so that any
 * name is safe), labelled with its name and its notebook where that has another one, gray if it is kept; an edge
 * from each notebook to those that wait for it, dashed where the waiting one's run_if is not all_success, with
 * run_if as its label.
 */
void plan_put_graph(const struct plan *p, struct buf *b);

#endif
