/*
 * Building the trees of workflow/yaml.h, within its limits; for workflow/yaml*.c and foreign*.c alone.
 */
#ifndef NBFORK_WORKFLOW_YAML_BUILD_H
#define NBFORK_WORKFLOW_YAML_BUILD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"
#include "workflow/yaml.h"

/* A tree in the making. */
struct yaml_build {
	const char *file;
	struct problems *problems;
	size_t nodes;	/* so far, aliases counted with all they stand for */
	size_t replayed;	/* bytes of text that aliases stand for */
	unsigned complaints;	/* problems after which reading went on */
};

/* Adds a problem that ends the reading. Returns false. */
bool yaml_fail(struct yaml_build *b, struct mark at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Adds one after which reading goes on. Returns false when there have been too many. */
bool yaml_complain(struct yaml_build *b, struct mark at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* A node below depth collections, NULL with a problem added when a limit is passed. */
struct yaml_node *yaml_build_node(struct yaml_build *b, enum yaml_type type, struct mark mark, unsigned depth);

/*
 * A node that counts against no limit: for trees that are made from others. text: of a scalar (UTF-8, no NUL), else
 * NULL.
 */
struct yaml_node *yaml_build_plain(enum yaml_type type, struct mark mark, const char *text);

/* Sets a scalar's text; false with a problem added when it holds a NUL character or is not UTF-8. */
bool yaml_build_text(struct yaml_build *b, struct yaml_node *node, const char *text, size_t n);

/*
 * One more reference to a node, as the value of the alias at a place below depth collections. NULL with a
 * problem added when a limit is passed.
 */
struct yaml_node *yaml_build_alias(struct yaml_build *b, const char *name, struct yaml_node *node, struct mark at,
    unsigned depth);

/* Adds an item to a list, or a value and its key to a map. Takes over item and the key's name. */
void yaml_build_item(struct yaml_node *list, struct yaml_node *item);
void yaml_build_value(struct yaml_node *map, struct yaml_key key, struct yaml_node *value);

/*
 * Completes a collection: looks for duplicate keys and adds what its merge key names (a map or a list of
 * maps; NULL for none). Returns false with a problem added when reading cannot go on.
 */
bool yaml_build_finish(struct yaml_build *b, struct yaml_node *node, const struct yaml_node *merge);

/* The type of a plain scalar by the core schema. */
enum yaml_type yaml_scalar_type(const char *text, size_t n);

/* Whether the text of a scalar is fit for a type that its tag gives; sets the node's type. */
bool yaml_scalar_retype(struct yaml_node *node, enum yaml_type type);

/* Sets the type of a plain scalar without a tag. */
void yaml_scalar_resolve(struct yaml_node *node);

/* The tree of a JSON value in a text that json_parse() has accepted. As yaml_parse. */
struct yaml_node *yaml_from_json(struct yaml_build *b, const char *text, struct json value);

#endif
