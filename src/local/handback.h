/*
 * What a notebook hands back: data that it shows under MIME types which nobody displays.
 *
 * application/vnd.nbfork.result+json is the result, the last one of several. scrapbook.glue(name, data)
 * shows application/scrapbook.scrap.ENCODER+json, an object with name, data, encoder and version; without
 * a result of the first kind, the scraps together are the result: {name: data, ...}.
 */
#ifndef NBFORK_LOCAL_HANDBACK_H
#define NBFORK_LOCAL_HANDBACK_H

#include "base/buf.h"
#include "base/json.h"
#include "base/mask.h"
#include "base/table.h"

struct handback {
	const struct mask *mask;	/* not owned */
	struct buf result;	/* JSON text; empty: nothing was shown as the result */
	struct table scraps;	/* of struct buf, the data as JSON text, by name */
	struct buf together;	/* the scraps as one object; empty: to be made anew */
};

void handback_init(struct handback *h, const struct mask *mask);
void handback_release(struct handback *h);

/* Looks for results in the data (by MIME type) of something that is shown. */
void handback_take(struct handback *h, struct json data);

/* All so far: one line of JSON, masked, valid until the next call with h; NULL when there is nothing. */
const char *handback_json(struct handback *h);

#endif
