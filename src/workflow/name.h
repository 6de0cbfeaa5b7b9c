/*
 * Names: which ones are fit for what, and which one was meant.
 */
#ifndef NBFORK_WORKFLOW_NAME_H
#define NBFORK_WORKFLOW_NAME_H

#include <stdbool.h>

#define NAME_BYTES_MAX 200	/* leaves room for endings and a temporary's letters within the 255 of a file name */

/* What keeps s from being the name of files in the run folder, such as "holds a '/'"; NULL when nothing does. */
const char *name_fault(const char *s);

/*
 * Whether s can be a variable's name: letters (any but ASCII ones are taken on trust), digits and '_', no digit
 * first.
 */
bool name_is_identifier(const char *s);

/* The last part of a path without its ending: "a/b.c.ipynb" gives "b.c". The caller's to free. */
char *name_of_path(const char *path);

/* Whether s ends so. */
bool name_ends(const char *s, const char *ending);

/*
 * What the names of notebooks' files end with: ".ipynb", then those of Databricks' source files, in the order in which
 * they are looked for where a name has none. NULL ends the list.
 */
extern const char *const name_notebook_endings[];

/* The one of them that s ends with; NULL when there is none. */
const char *name_notebook_ending(const char *s);

/*
 * Finds out which of several words somebody may have meant. Start with {.word = ...}, show it every known
 * word; then best is the most alike, NULL when none is near.
 */
struct guess {
	const char *word;
	const char *best;
	unsigned distance;	/* of best: letters changed, left out, put in or swapped with their neighbour */
};

void guess_consider(struct guess *g, const char *known);

#endif
