#include "workflow/yaml_build.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/table.h"
#include "base/utf8.h"

#define COMPLAINTS_MAX 100	/* then a file is not read on: it is not what it was taken for */

static void add_problem(struct yaml_build *b, struct mark at, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));

static void
add_problem(struct yaml_build *b, struct mark at, const char *fmt, va_list ap)
{
	char *message = xvasprintf(fmt, ap);

	problems_add(b->problems, b->file, at.line, at.column, "%s", message);
	free(message);
}

bool
yaml_fail(struct yaml_build *b, struct mark at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_problem(b, at, fmt, ap);
	va_end(ap);
	return false;
}

bool
yaml_complain(struct yaml_build *b, struct mark at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_problem(b, at, fmt, ap);
	va_end(ap);
	if (++b->complaints < COMPLAINTS_MAX)
		return true;
	return yaml_fail(b, at, "too many problems; the rest is not read");
}

static bool
is_collection(enum yaml_type type)
{
	return type == YAML_LIST || type == YAML_MAP;
}

struct yaml_node *
yaml_build_plain(enum yaml_type type, struct mark mark, const char *text)
{
	struct yaml_node *node = xcalloc(1, sizeof(*node));

	node->type = type;
	node->mark = mark;
	node->references = 1;
	node->nodes = 1;
	if (text == NULL)
		return node;
	node->text = xstrdup(text);
	node->len = strlen(text);
	node->bytes = node->len;
	return node;
}

struct yaml_node *
yaml_build_node(struct yaml_build *b, enum yaml_type type, struct mark mark, unsigned depth)
{
	if (is_collection(type) && depth >= YAML_DEPTH_MAX) {
		yaml_fail(b, mark, "lists and maps are nested more than %d deep", YAML_DEPTH_MAX);
		return NULL;
	}
	if (b->nodes >= YAML_NODES_MAX) {
		yaml_fail(b, mark, "the document has more than %u values", YAML_NODES_MAX);
		return NULL;
	}
	b->nodes++;
	return yaml_build_plain(type, mark, NULL);
}

bool
yaml_build_text(struct yaml_build *b, struct yaml_node *node, const char *text, size_t n)
{
	if (n != 0 && memchr(text, '\0', n) != NULL)
		return yaml_fail(b, node->mark, "text holds a NUL character (\\0), which is not allowed");
	if (utf8_check(text, n) != n)
		return yaml_fail(b, node->mark,
		    "text holds half of a surrogate pair (\\ud800 to \\udfff), which is no character");
	node->text = xmemdup0(text, n);
	node->len = n;
	node->bytes = n;
	return true;
}

struct yaml_node *
yaml_share(const struct yaml_node *node)
{
	struct yaml_node *shared = (struct yaml_node *)node;	/* the count alone is changed */

	shared->references++;
	return shared;
}

struct mark
yaml_place(const struct yaml_node *scalar, size_t offset)
{
	struct mark at = scalar->mark;

	if (!scalar->exact)
		return at;
	at.column += scalar->quote;
	for (size_t i = 0; i < offset && i < scalar->len; i++)
		at.column += ((unsigned char)scalar->text[i] & 0xc0) != 0x80;
	return at;
}

struct yaml_node *
yaml_build_alias(struct yaml_build *b, const char *name, struct yaml_node *node, struct mark at, unsigned depth)
{
	if (depth + node->height > YAML_DEPTH_MAX) {
		yaml_fail(b, at, "alias '*%.100s' nests lists and maps more than %d deep", name, YAML_DEPTH_MAX);
		return NULL;
	}
	if (node->nodes > YAML_NODES_MAX - b->nodes) {
		yaml_fail(b, at, "alias '*%.100s' brings the document to more than %u values", name, YAML_NODES_MAX);
		return NULL;
	}
	if (node->bytes > YAML_REPLAY_MAX - b->replayed) {
		yaml_fail(b, at, "alias '*%.100s' brings the text that aliases repeat to more than %u MiB", name,
		    YAML_REPLAY_MAX / 1024 / 1024);
		return NULL;
	}
	b->nodes += node->nodes;
	b->replayed += node->bytes;
	node->references++;
	return node;
}

void
yaml_build_item(struct yaml_node *list, struct yaml_node *item)
{
	list->items = xgrow(list->items, list->n, &list->cap, sizeof(*list->items));
	list->items[list->n++] = item;
}

void
yaml_build_value(struct yaml_node *map, struct yaml_key key, struct yaml_node *value)
{
	size_t cap = map->cap;

	map->keys = xgrow(map->keys, map->n, &cap, sizeof(*map->keys));
	map->keys[map->n] = key;
	yaml_build_item(map, value);
}

/* A key and its value, in or on their way into a map. */
struct entry {
	struct yaml_key key;
	struct yaml_node *value;
	bool dropped;
};

struct entries {
	struct entry *list;
	size_t n, cap;
};

static void
add_entry(struct entries *e, struct yaml_key key, struct yaml_node *value)
{
	e->list = xgrow(e->list, e->n, &e->cap, sizeof(*e->list));
	e->list[e->n++] = (struct entry){key, value, false};
}

/* Adds what a merge key names, with references and names of its own. */
static bool
add_merged(struct yaml_build *b, struct entries *e, const struct yaml_node *merge)
{
	struct yaml_node *const *maps = merge->items;
	size_t n = merge->n;

	if (merge->type == YAML_MAP) {
		maps = (struct yaml_node *const *)&merge;
		n = 1;
	} else if (merge->type != YAML_LIST) {
		return yaml_complain(b, merge->mark, "the merge key '<<' takes a map or a list of maps, not %s",
		    yaml_type_name(merge->type));
	}
	for (size_t i = 0; i < n; i++) {
		if (maps[i]->type != YAML_MAP) {
			if (!yaml_complain(b, maps[i]->mark,
			    "the merge key '<<' takes a map or a list of maps, not a list with %s in it",
			    yaml_type_name(maps[i]->type)))
				return false;
			continue;
		}
		for (size_t k = 0; k < maps[i]->n; k++) {
			struct yaml_key key = {xstrdup(maps[i]->keys[k].name), maps[i]->keys[k].mark};

			maps[i]->items[k]->references++;
			add_entry(e, key, maps[i]->items[k]);
		}
	}
	return true;
}

/*
 * Marks all entries of a name but the first: the map's own stand before those that are merged in. A name
 * that the map itself (its first n entries) has twice is a problem.
 */
static bool
drop_doubles(struct yaml_build *b, struct entries *e, size_t own)
{
	struct table seen = TABLE_INIT;
	bool ok = true;

	for (size_t i = 0; ok && i < e->n; i++) {
		struct entry *entry = &e->list[i];
		const struct entry *first;
		void **place = table_at(&seen, entry->key.name, strlen(entry->key.name));

		if (*place == NULL) {
			*place = entry;
			continue;
		}
		first = *place;
		entry->dropped = true;
		if (i < own)
			ok = yaml_complain(b, entry->key.mark, "duplicate key '%.100s'; it is first at line %u",
			    first->key.name, first->key.mark.line);
	}
	table_release(&seen);
	return ok;
}

static bool
finish_map(struct yaml_build *b, struct yaml_node *map, const struct yaml_node *merge)
{
	struct entries e = {NULL, 0, 0};
	size_t own = map->n;
	bool ok = true;

	if (map->n < 2 && merge == NULL)
		return true;
	for (size_t i = 0; i < map->n; i++)
		add_entry(&e, map->keys[i], map->items[i]);
	map->n = 0;
	if (merge != NULL)
		ok = add_merged(b, &e, merge);
	ok = ok && drop_doubles(b, &e, own);

	/* What is merged in comes first, as if the map had been written to change it. */
	for (size_t k = 0; k < e.n; k++) {
		struct entry *entry = &e.list[(k + own) % e.n];

		if (entry->dropped) {
			free(entry->key.name);
			yaml_node_free(entry->value);
		} else {
			yaml_build_value(map, entry->key, entry->value);
		}
	}
	free(e.list);
	return ok;
}

bool
yaml_build_finish(struct yaml_build *b, struct yaml_node *node, const struct yaml_node *merge)
{
	bool ok = node->type != YAML_MAP || finish_map(b, node, merge);

	node->height = 1;
	for (size_t i = 0; i < node->n; i++) {
		const struct yaml_node *item = node->items[i];

		node->nodes += item->nodes;
		node->bytes += item->bytes;
		if (node->keys != NULL)
			node->bytes += strlen(node->keys[i].name);
		if (node->height < item->height + 1)
			node->height = item->height + 1;
	}
	return ok;
}

void
yaml_node_free(struct yaml_node *node)
{
	if (node == NULL || --node->references > 0)
		return;
	for (size_t i = 0; i < node->n; i++) {
		yaml_node_free(node->items[i]);
		if (node->keys != NULL)
			free(node->keys[i].name);
	}
	free(node->items);
	free(node->keys);
	free(node->text);
	free(node);
}

const struct yaml_node *
yaml_get(const struct yaml_node *node, const char *key)
{
	if (node->type != YAML_MAP)
		return NULL;
	for (size_t i = 0; i < node->n; i++)
		if (strcmp(node->keys[i].name, key) == 0)
			return node->items[i];
	return NULL;
}
