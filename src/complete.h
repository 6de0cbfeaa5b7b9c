/*
 * Names for shells to complete: option --complete.
 *
 * Only the workflow is read, and files that it goes over: nothing is started, no host is asked, nothing is written.
 * Whatever is wrong with the workflow, the names that it has are given: it may be half written.
 */
#ifndef NBFORK_COMPLETE_H
#define NBFORK_COMPLETE_H

#include <stdbool.h>

#include "base/buf.h"
#include "workflow/load.h"

/*
 * Appends the names of one kind, "notebooks", "targets" or, in a bundle, "jobs", that the workflow in a file has, each
 * with a line feed behind it; those that hold control characters are left out. A file that is no regular one, such as a
 * pipe, is not read, because somebody else is going to. Returns false when what is none of these words.
 */
bool complete_names(const char *what, const char *file, const struct overrides *o, struct buf *out);

#endif
