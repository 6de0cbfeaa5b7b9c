/*
 * What a command of an exported notebook has brought, as the outputs of a cell.
 */
#ifndef NBFORK_DATABRICKS_EXPORT_RESULT_H
#define NBFORK_DATABRICKS_EXPORT_RESULT_H

#include "base/buf.h"
#include "base/json.h"
#include "base/mask.h"
#include "notebook/output.h"

/* Where it goes. */
struct results {
	struct outputs *outputs;	/* masked, but for streams (notebook/output.h) */
	struct buf *printed;	/* printed text and tracebacks, not masked */
	const struct mask *mask;
};

/*
 * Adds a command's results: text, HTML, tables, images, bundles by MIME type, lists of them. What is unknown is
 * passed over.
 */
void results_put_value(const struct results *r, struct json result);

/*
 * Adds a command's error. Returns false when it has none; else *name (NULL when it is not known) and *message, the
 * caller's to free, not masked.
 */
bool results_put_error(const struct results *r, struct json command, char **name, char **message);

#endif
