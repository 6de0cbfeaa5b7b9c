/*
 * From what runs/export gives, an HTML page with the notebook's model in it, to an executed copy and a log.
 *
 * The page holds __DATABRICKS_NOTEBOOK_MODEL = 'BASE64' (of URL-encoded JSON; undocumented, but what Databricks' own
 * extract.py reads): commands with their source and results. From it comes a notebook of nbformat 4.5: a code cell
 * for each command (the language's magic %sql, ... kept as it is), a markdown cell for %md, outputs by their kind
 * (text and ANSI, HTML, tables as text/html and text/plain, images, errors), application/vnd.databricks.v1+notebook
 * and +cell as Databricks' own export has them, and each cell's times. Anything unexpected is passed over; nothing of
 * the page is ever run.
 */
#ifndef NBFORK_DATABRICKS_EXPORT_H
#define NBFORK_DATABRICKS_EXPORT_H

#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mask.h"
#include "notebook/ipynb.h"

struct exported {
	/*
	 * The executed copy, for papermill_metadata() and papermill_mark_error() where that is wanted, and
	 * notebook_print()
	 */
	struct notebook notebook;
	struct buf log;	/* what it printed, and tracebacks, masked */
	size_t cells, executed;	/* code cells that are not empty; those of them that were started */
	int64_t error_cell;	/* index in the notebook's cells of the one that raised; -1 for none */
	char *error_name, *error_message;	/* of it, masked; NULL when not known */
};

/*
 * Reads an answer of runs/export. Returns 0; or -1 when there is no model in it or it cannot be understood. mask (may
 * be NULL) is applied to everything and must outlive e. e is to be released in any case.
 */
int export_read(struct exported *e, struct json answer, const struct mask *mask);
void exported_release(struct exported *e);

#endif
