/*
 * Problems with what the user gave: collected, so that all of them are shown in one go, and shown in the
 * order of the text.
 */
#ifndef NBFORK_BASE_PROBLEM_H
#define NBFORK_BASE_PROBLEM_H

#include <stddef.h>
#include <stdio.h>

struct problem {
	char *file;	/* NULL: not in a file (the command line, the environment) */
	unsigned line, column;	/* from 1, the column in characters; 0: the file as a whole */
	char *message;
};

struct problems {
	struct problem *list;
	size_t n, cap;
};

#define PROBLEMS_INIT {NULL, 0, 0}

void problems_release(struct problems *p);

/* Adds one. The strings are copied. */
void problems_add(struct problems *p, const char *file, unsigned line, unsigned column, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/*
 * Writes them, a line each: "file:line:column: message", "file: message", or "nbfork: error: message".
 * Files in the order in which they first appear, within a file by position; doubles once. Control
 * characters are escaped.
 */
void problems_print(const struct problems *p, FILE *to);

#endif
