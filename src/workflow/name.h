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
