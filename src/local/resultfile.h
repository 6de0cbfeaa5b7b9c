/*
 * The file that a notebook of any language may write its result to: its kernel has the name in NBFORK_RESULT.
 */
#ifndef NBFORK_LOCAL_RESULTFILE_H
#define NBFORK_LOCAL_RESULTFILE_H

#include "base/buf.h"
#include "base/json.h"
#include "target.h"

#define RESULTFILE_VARIABLE "NBFORK_RESULT"

/* The name of the attempt's file, in its private folder. The caller's to free. */
char *resultfile_path(const struct attempt *a);

/*
 * Reads what has been written to it, one value of JSON: text holds it, and *value is its span; JSON_NOTHING when nothing
 * was written. Returns 0, or -1 with *why, the caller's to free.
 */
int resultfile_read(const struct attempt *a, struct buf *text, struct json *value, char **why);

#endif
