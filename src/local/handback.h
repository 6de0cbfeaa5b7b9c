/*
 * What a notebook hands back: data that it shows under MIME types which nobody displays.
 *
 * application/vnd.nbfork.result+json is the result, the last one of several. scrapbook.glue(name, data)
 * shows application/scrapbook.scrap.ENCODER+json, an object with name, data, encoder and version; without
 * a result of the first kind, the scraps together are the result: {name: data, ...}.
 *
 * dbutils (local/runtime.h) shows application/vnd.nbfork.exit+json, the text that dbutils.notebook.exit was given, or
 * null: the last one is the result too; application/vnd.nbfork.values+json, {name: value}, of
 * dbutils.jobs.taskValues.set; and application/vnd.nbfork.cell-end+json where a cell ends itself as a success.
 */
#ifndef NBFORK_LOCAL_HANDBACK_H
#define NBFORK_LOCAL_HANDBACK_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mask.h"
#include "base/table.h"

struct handback {
	const struct mask *mask;	/* not owned */
	struct buf result;	/* JSON text; empty: nothing was shown as the result */
	struct buf exit;	/* the text that the notebook ended itself with, as a JSON string; empty: none */
	struct table scraps;	/* of struct buf, the data as JSON text, by name */
	struct table values;	/* the same */
	struct buf together;	/* of one of these tables, as one object */
	bool exited;	/* the notebook wants to end here */
	bool cell_ended;	/* the cell does; to be reset when one begins */
};

void handback_init(struct handback *h, const struct mask *mask);
void handback_release(struct handback *h);

/*
 * Looks for all that in the data (by MIME type) of something that is shown. Returns whether there is anything in it for
 * a reader: values and the end of a cell are not.
 */
bool handback_take(struct handback *h, struct json data);

/* A result that comes in another way: it counts where nothing was shown as the result, before scraps. */
void handback_give(struct handback *h, struct json result);

/* The result so far: one line of JSON, masked, valid until the next call with h; NULL when there is none. */
const char *handback_json(struct handback *h);

/* The values, as handback_json does. */
const char *handback_values(struct handback *h);

#endif
