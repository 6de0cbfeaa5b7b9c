/*
 * What a notebook says of its parameters itself: the assignments in the first cell tagged "parameters", as papermill
 * keeps defaults, and the widgets of Databricks that it makes:
 *
 *	table = "orders"
 *	days: int = 7  # how many to look back
 *	since = None  # type: str from here on
 *	dbutils.widgets.text("region", "north")
 *	CREATE WIDGET TEXT region DEFAULT 'north'
 *
 * The code is read, not run: a value that is no literal stays what is written. Literals are Python's, and of other
 * languages what looks the same.
 */
#ifndef NBFORK_NOTEBOOK_DEFAULTS_H
#define NBFORK_NOTEBOOK_DEFAULTS_H

#include <stddef.h>

#include "base/buf.h"
#include "notebook/ipynb.h"

struct default_value {
	char *name;
	char *value;	/* JSON text; NULL where it is no literal */
	char *written;	/* what stands there, on one line; NULL where nothing is known */
	char *type;	/* by an annotation or a comment; NULL for none */
	char *about;	/* what a comment says; NULL for none */
};

/* In the order in which they are written, each name once. */
struct default_values {
	struct default_value *list;
	size_t n, cap;
};

#define DEFAULT_VALUES_INIT {NULL, 0, 0}

/* Adds those of a notebook. */
void defaults_find(const struct notebook *nb, struct default_values *d);

void defaults_release(struct default_values *d);

/*
 * Appends the JSON of the literal that begins at p (white space aside), numbers as they are written where JSON has them
 * so. Returns the end of it, or NULL where there is no literal that JSON has a value for; json then holds anything.
 */
const char *python_literal(const char *p, const char *limit, struct buf *json);

/* The end of the statement at p: of its line, or of the last of the lines that brackets and strings go over. */
const char *python_statement_end(const char *p, const char *limit);

#endif
