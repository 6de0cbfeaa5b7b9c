/*
 * What a notebook was run on, as digests: whether it would be run on the same now.
 */
#ifndef NBFORK_INPUTS_H
#define NBFORK_INPUTS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/json.h"

/* What an attempt was made on: "inputs" of a notebook_finished event. */
struct inputs {
	char notebook[DIGEST_TEXT];	/* of the notebook file's bytes, and those of the notebooks that it runs by %run */
	/* of names and values as evaluated, and of the environment's variables; secrets by name */
	char parameters[DIGEST_TEXT];
	char kernel[DIGEST_TEXT];	/* of the target's name and type, and of the kernel's name */
	char place[DIGEST_TEXT];	/* of the workspace, as target_ops.place() names it */
	char upstream[DIGEST_TEXT];	/* of name, status, result and values of each notebook that it depends on */
};

/* Appends the event's object, JSON on one line. */
void inputs_put(const struct inputs *in, struct buf *out);

/* Reads the event's object. What is there and is no digest, or is not there, becomes "". */
void inputs_read(struct inputs *in, struct json v);

/*
 * What has changed between two sets of inputs: "the notebook", "its parameters", "its kernel", "its workspace", "a
 * result that it depends on"; the first that applies, NULL for nothing. A digest that is not known ("") equals none, not even another
 * such. Static text.
 */
const char *inputs_difference(const struct inputs *before, const struct inputs *now);

/* Whether the event had the inputs at all. */
bool inputs_known(const struct inputs *in);

#endif
