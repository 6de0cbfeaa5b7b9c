/*
 * What --init has found, and the text that it becomes; for the files init*.c alone.
 */
#ifndef NBFORK_INIT_WRITE_H
#define NBFORK_INIT_WRITE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "notebook/defaults.h"

/* A notebook that was found. */
struct entry {
	char *file;	/* seen from the current folder */
	char *path;	/* seen from that of the workflow */
	char *name;	/* unique */
	bool named;	/* it is not that of its file, and has to be written */
	bool is_databricks;
	char *fault;	/* it cannot be read, and why; NULL: it can */
	const struct entry *taken_in_by;	/* it is a part of this one; NULL: of none */
	const struct entry *run_by;	/* this one runs it itself; NULL: none does */
	char *calls;	/* its code, where that runs other notebooks; NULL: it does not */
	struct default_values defaults;
};

struct made {
	struct entry *list;
	size_t n, cap;
};

/* Whether a notebook is one to run, and no comment. */
bool init_runs(const struct entry *e);

/* Appends the workflow. output is its name, for what is said of it; "-" is standard output. */
void init_write(const struct made *m, const char *output, struct buf *out);

#endif
