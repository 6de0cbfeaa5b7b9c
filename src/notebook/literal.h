/*
 * Values as literals of the languages that kernels speak; private to notebook/.
 *
 * The text is papermill's (papermill/translators.py) wherever that is code for the value. Where it is not,
 * because it does not compile or stands for something else, it is what the language has for the value.
 */
#ifndef NBFORK_NOTEBOOK_LITERAL_H
#define NBFORK_NOTEBOOK_LITERAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"

/* A literal being written. */
struct literal {
	const struct language *language;
	struct buf *out;
	const char *fault;	/* what the language has no way to write; static text */
};

/* A language, by tables where they do, else by functions. Those that return int return as literal_put. */
struct language {
	const char *const *names;	/* of kernels and languages; NULL ends them */
	const char *comment;	/* the first line of the cell */
	const char *assign[3];	/* before the name, between name and value, after the value */
	const char *none, *yes, *no;
	const char *nan, *inf, *minus_inf;
	const char *list[3];	/* before, between and after the items */
	const char *map[3];	/* the same of the pairs */
	const char *pair[3];	/* before the key, between key and value, after the value */
	bool strips_underscores;	/* from the beginning of names */
	/*
	 * words that cannot be names, with a space before and behind each; NULL: not looked at
	 */
	const char *reserved;
	const char *none_type;	/* what assign begins with where the value is null; NULL: the same */

	int (*put_string)(struct literal *l, const char *s, size_t n);
	/* NULL: by the tables, and numbers by their digits. */
	void (*put_int)(struct buf *out, struct json number);
	int (*put_list)(struct literal *l, struct json list);
	int (*put_map)(struct literal *l, struct json map);
};

/* Appends the value. Returns 0, or -1 with l->fault set. */
int literal_put(struct literal *l, struct json v);

/* The parts of it: a JSON string, a list and a map by the tables. */
int literal_put_string(struct literal *l, struct json string);
int literal_put_list(struct literal *l, struct json list);
int literal_put_map(struct literal *l, struct json map);

/* Appends the items of a list, or the values of a map, with that between them. */
int literal_put_items(struct literal *l, struct json container, const char *between);

/* Sets the fault. Returns -1. */
int literal_fault(struct literal *l, const char *what);

/* ---- Strings: s is decoded and may hold NUL and halves of surrogate pairs ---- */

int literal_python_string(struct literal *l, const char *s, size_t n);	/* of F# too */
int literal_r_string(struct literal *l, const char *s, size_t n);
int literal_scala_string(struct literal *l, const char *s, size_t n);
int literal_julia_string(struct literal *l, const char *s, size_t n);
int literal_csharp_string(struct literal *l, const char *s, size_t n);
int literal_matlab_string(struct literal *l, const char *s, size_t n);
int literal_matlab_chars(struct literal *l, const char *s, size_t n);	/* a character array, not a string */
int literal_powershell_string(struct literal *l, const char *s, size_t n);
int literal_bash_string(struct literal *l, const char *s, size_t n);

/* ---- Lists of languages in which all items must be of one type ---- */

int literal_csharp_list(struct literal *l, struct json list);
int literal_fsharp_list(struct literal *l, struct json list);

#endif
