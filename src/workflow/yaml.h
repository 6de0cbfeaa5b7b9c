/*
 * YAML as a tree with positions: libyaml's events, made into nodes under limits of our own.
 *
 * Plain scalars are typed by YAML 1.2's core schema: "no", "on" and "1:30" are strings. Aliases are
 * replayed and merge keys (<<) resolved within a budget, so that a small file cannot become a large tree.
 * A text that is JSON is read as such: libyaml refuses some of it (surrogate pairs, a key of over 1024
 * characters). Then NaN and the infinities, which Python writes as bare words, are numbers.
 * Errors: bad UTF-8, more than one document, an empty file, an unknown alias or one inside itself,
 * duplicate keys (with the line of the first), keys that are not scalars, tags other than the core
 * schema's, NUL characters, nesting, size and budget limits.
 */
#ifndef NBFORK_WORKFLOW_YAML_H
#define NBFORK_WORKFLOW_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/problem.h"
#include "workflow/model.h"

#define YAML_BYTES_MAX (16u * 1024 * 1024)	/* of a file */
#define YAML_DEPTH_MAX 64	/* collections within collections */
#define YAML_NODES_MAX (2u * 1024 * 1024)	/* of a document, with aliases replayed */
#define YAML_REPLAY_MAX YAML_BYTES_MAX	/* of text that aliases stand for */
#define YAML_DIGITS_MAX 1024	/* of a number written with 0x or 0o */

enum yaml_type {
	YAML_NULL,
	YAML_BOOL,
	YAML_INT,
	YAML_FLOAT,
	YAML_STRING,
	YAML_LIST,
	YAML_MAP,
};

/* Nodes are not changed once they are made, so an alias is one more reference to what its anchor named. */
struct yaml_node {
	enum yaml_type type;
	struct mark mark;	/* of an alias: where its anchor stands */
	char *text;	/* scalars: as written, without quotes */
	size_t len;
	bool boolean;	/* YAML_BOOL */
	bool exact;	/* its characters stand in the file as they are, from mark on and quote columns after it */
	unsigned quote;	/* 1 where a quote comes before them */
	struct yaml_node **items;	/* YAML_LIST: the items; YAML_MAP: the values */
	struct yaml_key *keys;	/* YAML_MAP: as many */
	size_t n, cap;
	unsigned references;
	unsigned height;	/* levels of collections: 0 for a scalar */
	size_t nodes, bytes;	/* this and all below, as if written out: nodes, and bytes of text and keys */
};

struct yaml_key {
	char *name;
	struct mark mark;
};

/*
 * Reads one document. file is its name for messages. Returns the root, the caller's to free with
 * yaml_node_free, or NULL with at least one problem added. What leaves the tree whole (a duplicate key, of
 * which the first counts; a wrong tag; a merge key without a map) is added as a problem and reading goes
 * on: all is well only when nothing was added.
 */
struct yaml_node *yaml_parse(const char *text, size_t n, const char *file, struct problems *p);

/*
 * The tree of a JSON value that json_parse() has accepted, every node at the same place. As yaml_parse.
 */
struct yaml_node *yaml_of_json(struct json value, struct mark at, const char *file, struct problems *p);

/* One more reference to a node: to be freed once more. */
struct yaml_node *yaml_share(const struct yaml_node *node);

/*
 * Where the character at an offset (in bytes) of a scalar's text stands; the scalar's own place where that cannot
 * be told.
 */
struct mark yaml_place(const struct yaml_node *scalar, size_t offset);

/*
 * Not yaml_free: libyaml exports a function of that name, and a program's own would take its place. NULL is
 * allowed.
 */
void yaml_node_free(struct yaml_node *node);

/* The value of a key, NULL when it is not there or node is no map. */
const struct yaml_node *yaml_get(const struct yaml_node *node, const char *key);

/* "a list", "text", "a whole number", ...: for messages. */
const char *yaml_type_name(enum yaml_type t);

/* Whether the node is a number; then *d is the nearest double (perhaps infinite, or not a number). */
bool yaml_number(const struct yaml_node *node, double *d);

/*
 * Appends the node as JSON on one line: integers in decimal (0x and 0o forms converted; any number of
 * digits), floats as Python's repr would, .nan and .inf as NaN, Infinity, -Infinity, everything else as it is.
 */
void yaml_json(const struct yaml_node *node, struct buf *out);

#endif
