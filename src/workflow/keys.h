/*
 * Tables of keys: what a map of a workflow file may hold, and what each of its values may be. The loader reads by them
 * (loader_map() of loader.h), and the schema that editors check workflow files by is made of them (schema.h), so what
 * can be said of a value in a table is said nowhere else.
 */
#ifndef NBFORK_WORKFLOW_KEYS_H
#define NBFORK_WORKFLOW_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "workflow/yaml.h"

struct loader;
struct loader_keys;

/* What a value may be. */
struct kind {
	/*
	 * Values of the kinds up to KIND_WORD are checked by loader_map(), unless there is an other kind. It stores them
	 * where the key says, and texts, lists and maps too, the latter two as JSON. All else is the key's reader's to check.
	 */
	enum kind_type {
		KIND_BOOL,	/* into a bool */
		KIND_INTEGER,	/* from min to max: into a member of 4 or 8 bytes */
		KIND_NUMBER,	/* of at least min: into a double */
		KIND_SECONDS,	/* of at least 0: nanoseconds into an int64_t */
		KIND_BYTES,	/* 2G, 512M, 1.5 GiB, 1000: into an int64_t */
		KIND_WORD,	/* one of words: its index into an enum */
		KIND_TEXT,	/* a plain number or bool counts as it is written */
		KIND_NAME,	/* text that is fit to name files */
		KIND_LIST,	/* of items */
		KIND_LIST_OR_ONE,	/* a list of items, or one of them */
		KIND_MAP,	/* with these keys */
		KIND_NAMED,	/* a map of names to items; names that are among the keys are what the keys say */
		KIND_SECRET,	/* {secret: NAME} */
		KIND_PARAMETER,	/* that, or anything else */
	} type;
	int64_t min, max;
	const char *wanted;	/* KIND_NUMBER: what is wanted, for messages: "a load, such as 8" */
	const char *const *words;	/* KIND_WORD, the last one NULL; KIND_TEXT: some that are allowed, or NULL */
	/*
	 * KIND_TEXT: what is allowed, as a regular expression (ECMA 262), as far as it can be said so; KIND_NAMED: of names;
	 * NULL: all
	 */
	const char *pattern;
	const struct kind *items;	/* NULL: anything */
	bool some;	/* KIND_LIST, KIND_NAMED: not empty */
	bool empty;	/* KIND_TEXT: it may be */
	const struct loader_keys *keys;
	unsigned one_of;	/* KIND_MAP: exactly one of so many keys, the first of the table, is there; 0: no such rule */
	bool common;	/* KIND_MAP: without the keys that are a notebook's own */
	const struct kind *other;	/* it may be this just as well; NULL: nothing else */
	const char *other_type;	/* KIND_MAP: it is of the other kind where its key "type" is this; NULL: it needs no type */
};

/* A key that a map may have. */
struct loader_key {
	const char *name;
	const struct kind *kind;	/* NULL for one that may not be there */
	const char *about;	/* one line, for people */
	const char *missing;	/* the key must be there; what is said when it is not: "it says which notebook to run" */
	enum {
		LOADER_PLAIN,	/* expressions in the value are evaluated before it is read */
		LOADER_RAW,	/* the value is given as it is written */
		LOADER_MISPLACED,	/* belongs to a notebook, which is said */
	} way;
	bool elsewhere;	/* somebody else reads it, not loader_map() */
	bool own;	/* of a notebook's keys: "defaults" cannot have it */
	size_t at, size;	/* of the member that the value is stored in; size 0: none */
	/* Takes the value, once it has been found to be of its kind and stored; may be NULL. */
	void (*read)(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value);
};

#define A_KIND(type_, ...) (&(const struct kind){.type = KIND_##type_, __VA_ARGS__})
#define KIND(type_, ...) .kind = A_KIND(type_, __VA_ARGS__)
#define INTO(type_, member_) .at = offsetof(struct type_, member_), .size = sizeof(((struct type_ *)NULL)->member_)

struct loader_keys {
	const struct loader_key *list;
	size_t n;
};

#define LOADER_KEYS(array) {(array), sizeof(array) / sizeof((array)[0])}

/* Those of a workflow file, from which all others are reached. */
extern const struct loader_keys loader_workflow_keys;

/* What names are fit to name files, can be variables, and name variables of the environment, as regular expressions. */
#define PATTERN_FILE_NAME "^[^./\\u0000-\\u001f\\u007f-\\u009f-][^/\\u0000-\\u001f\\u007f-\\u009f]{0,199}$"
#define PATTERN_IDENTIFIER "^[^\\u0000-@\\[-^`{-\\u007f][^\\u0000-/:-@\\[-^`{-\\u007f]*$"
#define PATTERN_VARIABLE "^[^=]+$"

#endif
