/*
 * What stands behind %run: the path of a notebook and the values of its widgets; private to notebook/.
 *
 *	%run ./path $name="a value" $other=word
 *	%run "./path with spaces"
 */
#ifndef NBFORK_NOTEBOOK_RUN_MAGIC_H
#define NBFORK_NOTEBOOK_RUN_MAGIC_H

#include <stddef.h>

#include "base/buf.h"

struct run_magic {
	struct buf path;
	struct buf arguments;	/* JSON object of texts; empty: there are none */
};

#define RUN_MAGIC_INIT {BUF_INIT, BUF_INIT}

void run_magic_release(struct run_magic *r);

/*
 * Reads it from the n bytes of text; lines that begin with the comment do not count. Returns NULL, or what is wrong, as
 * static text.
 */
const char *run_magic_read(struct run_magic *r, const char *text, size_t n, const char *comment);

#endif
