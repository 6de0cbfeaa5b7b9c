/*
 * The form of workflow files as a JSON Schema (draft 07), by which editors complete and check them.
 *
 * It is made of the tables by which the loader reads (keys.h), with their one-line texts as descriptions. It says what
 * can be said of each value by itself. What takes more than that only the loader knows: that names are unique and those
 * that are referred to are there, that dependencies go in no circle, what an expression stands for, keys that exclude
 * each other, files.
 */
#ifndef NBFORK_WORKFLOW_SCHEMA_H
#define NBFORK_WORKFLOW_SCHEMA_H

#include "base/buf.h"

/* Appends the schema, a JSON document of several lines. */
void schema_put(struct buf *out);

#endif
