/*
 * Secrets, and the text they must not appear in.
 *
 * A mask is a list of secret values. Text on its way into anything the program writes (notebooks, logs,
 * results, events, the terminal) goes through it; each occurrence becomes "***", or what else was asked for. Where two
 * secrets overlap the longest at the leftmost place is taken. A mask with no secrets, like a NULL one, costs nothing.
 */
#ifndef NBFORK_BASE_MASK_H
#define NBFORK_BASE_MASK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

#define MASK_TEXT "***"

struct mask {
	char **values;	/* longest first; owned */
	size_t *lengths;
	const char **shown;	/* instead of each; static text */
	size_t n;
	size_t longest;	/* bytes of the longest value; 0 when there is none */
	bool starts[256];	/* whether a value begins with that byte */
};

#define MASK_INIT {NULL, NULL, NULL, 0, 0, {false}}

/* Frees the values, after overwriting them. */
void mask_release(struct mask *m);

/* Adds a copy of a value of n bytes. An empty value and one already there are ignored. */
void mask_add(struct mask *m, const char *value, size_t n);

/*
 * Adds a value, and the ways in which it is commonly printed where they differ: as a JSON string (with and without
 * non-ASCII characters escaped), as Python's repr, each without its quotes, as a part of a URL and as text in HTML; and of
 * a value of several lines each line that is not very short.
 */
void mask_add_spellings(struct mask *m, const char *value, size_t n);

/* The same for values that appear as other text than MASK_TEXT, which is static. */
void mask_add_spellings_as(struct mask *m, const char *value, size_t n, const char *shown);

/* Appends the n bytes at p with every secret replaced. m may be NULL. */
void mask_put(const struct mask *m, struct buf *out, const char *p, size_t n);

/* Whether the n bytes at p hold a secret. m may be NULL. */
bool mask_hits(const struct mask *m, const char *p, size_t n);

/*
 * For a stream that arrives in pieces: how many of the n bytes at p can be passed through mask_put now, so
 * that a secret which is cut by the end of the piece is still found when more has come. Everything behind
 * that is kept by the caller and put before the next piece. n when nothing can be cut.
 */
size_t mask_whole(const struct mask *m, const char *p, size_t n);

#endif
