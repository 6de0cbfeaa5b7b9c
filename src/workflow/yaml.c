#include "workflow/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/utf8.h"
#include "workflow/yaml_build.h"

#define DIRECTIVES_MAX 100	/* libyaml compares each %TAG with all before it */

/* A name for a node. The last one of a name counts, in the order of the text. */
struct anchor {
	struct yaml_node *node;	/* NULL while it is being read */
	size_t serial;	/* tells it from later anchors of the same name */
};

struct reader {
	struct yaml_build build;
	yaml_parser_t parser;
	const char *text;
	size_t n;
	struct table anchors;	/* struct anchor by name */
	size_t nanchors;	/* met so far */
};

/* Takes note of an anchor whose node begins. Returns it, and its serial number; NULL when there is no name. */
static struct anchor *
open_anchor(struct reader *r, const yaml_char_t *name, size_t *serial)
{
	struct anchor *a;
	void **place;

	if (name == NULL)
		return NULL;
	place = table_at(&r->anchors, name, strlen((const char *)name));
	if (*place == NULL)
		*place = xcalloc(1, sizeof(*a));
	a = *place;
	yaml_node_free(a->node);
	a->node = NULL;
	a->serial = *serial = ++r->nanchors;
	return a;
}

/* The node that an anchor names is complete; a is NULL when there is none. */
static void
close_anchor(struct anchor *a, size_t serial, struct yaml_node *node)
{
	/* Within the node the name may have been given again; that one comes later in the text and stays. */
	if (a == NULL || a->serial != serial)
		return;
	node->references++;
	a->node = node;
}

static struct mark
mark_of(yaml_mark_t m)
{
	return (struct mark){(unsigned)m.line + 1, (unsigned)m.column + 1};
}

/* What to do about an error of libyaml's whose message does not say it; "" for others. */
static const char *
hint(const struct reader *r)
{
	const char *problem = r->parser.problem, *p = r->text, *end = r->text + r->n;

	if (strcmp(problem, "mapping values are not allowed in this context") == 0)
		return "; check the indentation, and quote text that holds ': '";
	if (strcmp(problem, "did not find expected alphabetic or numeric character") == 0)
		return "; quote text that begins with '*' or '&'";
	if (strcmp(problem, "found character that cannot start any token") != 0)
		return "";
	/* The mark counts characters. */
	for (size_t i = 0; p < end; p++)
		if (((unsigned char)*p & 0xc0) != 0x80 && i++ == r->parser.problem_mark.index)
			break;
	if (p < end && *p == '\t')
		return "; indent with spaces, not tabs";
	return "; quote text that begins with '@', '`' or '%'";
}

/* Says why libyaml gave up. Returns false. */
static bool
report_parser(struct reader *r)
{
	const yaml_parser_t *y = &r->parser;
	struct mark at = mark_of(y->problem_mark), context = mark_of(y->context_mark);

	if (y->error == YAML_MEMORY_ERROR || y->problem == NULL)
		log_fatal("out of memory");
	if (y->error == YAML_READER_ERROR) {
		/* The marks are those of the parser, which has not come that far. */
		json_position(r->text, y->problem_offset, &at.line, &at.column);
		if (y->problem_value == 0)
			return yaml_fail(&r->build, at, "a NUL character, which is not allowed");
		return yaml_fail(&r->build, at,
		    "character U+%04X is not allowed here; write it as an escape, in double quotes",
		    (unsigned)y->problem_value);
	}
	if (y->context == NULL || (context.line == at.line && context.column == at.column))
		return yaml_fail(&r->build, at, "%s%s", y->problem, hint(r));
	return yaml_fail(&r->build, at, "%s, %s that begins at %u:%u%s", y->problem, y->context, context.line,
	    context.column, hint(r));
}

/* The next event, to be deleted by the caller; false with a problem added at an error. */
static bool
next_event(struct reader *r, yaml_event_t *e)
{
	return yaml_parser_parse(&r->parser, e) != 0 || report_parser(r);
}

/* Sets the type of a scalar whose text is there already. */
static bool
type_scalar(struct reader *r, struct yaml_node *node, const char *tag, bool plain)
{
	static const struct {
		const char *name;
		enum yaml_type type;
	} tags[] = {
		{YAML_NULL_TAG, YAML_NULL}, {YAML_BOOL_TAG, YAML_BOOL}, {YAML_INT_TAG, YAML_INT},
		{YAML_FLOAT_TAG, YAML_FLOAT}, {YAML_STR_TAG, YAML_STRING},
		{"!", YAML_STRING},	/* says: not by its looks */
	};
	size_t i = 0;

	if (tag == NULL) {
		if (plain)
			yaml_scalar_resolve(node);
	} else {
		while (i < sizeof(tags) / sizeof(tags[0]) && strcmp(tags[i].name, tag) != 0)
			i++;
		if (i == sizeof(tags) / sizeof(tags[0]))
			return yaml_complain(&r->build, node->mark,
			    "tag '%.100s' is not supported here; !!str, !!int, !!float, !!bool and !!null are", tag);
		if (!yaml_scalar_retype(node, tags[i].type))
			return yaml_complain(&r->build, node->mark, "'%.100s' is not %s, which its tag says it is",
			    node->text, yaml_type_name(tags[i].type));
	}
	if ((node->type == YAML_INT || node->type == YAML_FLOAT) && node->len > YAML_DIGITS_MAX &&
	    (node->text[1] == 'x' || node->text[1] == 'o'))
		return yaml_fail(&r->build, node->mark, "a number with more than %d digits after 0x or 0o",
		    YAML_DIGITS_MAX);
	return true;
}

/* Checks the tag of a collection. */
static bool
check_tag(struct reader *r, struct mark at, const yaml_char_t *tag, const char *own)
{
	if (tag == NULL || strcmp((const char *)tag, own) == 0 || strcmp((const char *)tag, "!") == 0)
		return true;
	return yaml_complain(&r->build, at,
	    "tag '%.100s' is not supported here; !!seq for a list and !!map for a map are", (const char *)tag);
}

static struct yaml_node *read_node(struct reader *r, yaml_event_t *e, unsigned depth);

static struct yaml_node *
read_alias(struct reader *r, const yaml_event_t *e, unsigned depth)
{
	const char *name = (const char *)e->data.alias.anchor;
	const struct anchor *a = table_get(&r->anchors, name, strlen(name));
	struct mark at = mark_of(e->start_mark);

	if (a == NULL) {
		yaml_fail(&r->build, at, "alias '*%.100s' stands for nothing: there is no anchor '&%.100s' before it",
		    name, name);
		return NULL;
	}
	if (a->node == NULL) {
		yaml_fail(&r->build, at, "alias '*%.100s' stands inside what it stands for", name);
		return NULL;
	}
	return yaml_build_alias(&r->build, name, a->node, at, depth);
}

/* Whether a scalar stands in the file as it is: on one line, without escapes, tag and anchor. */
static bool
is_exact(const struct yaml_node *node, const yaml_event_t *e)
{
	size_t characters = 0;

	for (size_t i = 0; i < node->len; i++)
		characters += ((unsigned char)node->text[i] & 0xc0) != 0x80;
	return e->start_mark.line == e->end_mark.line &&
	    e->end_mark.index - e->start_mark.index == characters + 2 * node->quote;
}

static struct yaml_node *
read_scalar(struct reader *r, const yaml_event_t *e, unsigned depth)
{
	bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	struct yaml_node *node;
	struct anchor *anchor;
	size_t serial = 0;

	node = yaml_build_node(&r->build, YAML_STRING, mark_of(e->start_mark), depth);
	if (node == NULL)
		return NULL;
	if (!yaml_build_text(&r->build, node, (const char *)e->data.scalar.value, e->data.scalar.length) ||
	    !type_scalar(r, node, (const char *)e->data.scalar.tag, plain)) {
		yaml_node_free(node);
		return NULL;
	}
	node->quote = !plain;
	node->exact = is_exact(node, e);
	anchor = open_anchor(r, e->data.scalar.anchor, &serial);
	close_anchor(anchor, serial, node);
	return node;
}

static bool
read_items(struct reader *r, struct yaml_node *list, unsigned depth)
{
	struct yaml_node *item;
	yaml_event_t e;

	for (;;) {
		if (!next_event(r, &e))
			return false;
		if (e.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&e);
			return yaml_build_finish(&r->build, list, NULL);
		}
		if ((item = read_node(r, &e, depth)) == NULL)
			return false;
		yaml_build_item(list, item);
	}
}

static bool
is_merge_key(const yaml_event_t *e)
{
	return e->type == YAML_SCALAR_EVENT && e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	    e->data.scalar.tag == NULL && strcmp((const char *)e->data.scalar.value, "<<") == 0;
}

/* Takes over key and value. */
static bool
add_value(struct reader *r, struct yaml_node *map, struct yaml_node *key, struct yaml_node *value)
{
	bool ok = true;

	if (key->type == YAML_LIST || key->type == YAML_MAP) {
		ok = yaml_complain(&r->build, key->mark, "a key must be text, not %s%s", yaml_type_name(key->type),
		    key->type == YAML_MAP ? "; quote text that begins with '{', and expressions: \"{{ ... }}\"" : "");
		yaml_node_free(value);
	} else {
		yaml_build_value(map, (struct yaml_key){xstrdup(key->text), key->mark}, value);
	}
	yaml_node_free(key);
	return ok;
}

static bool
read_values(struct reader *r, struct yaml_node *map, unsigned depth)
{
	struct yaml_node *key, *value, *merge = NULL;
	bool merges, ok = false;
	yaml_event_t e;

	for (;;) {
		if (!next_event(r, &e))
			break;
		if (e.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&e);
			ok = yaml_build_finish(&r->build, map, merge);
			break;
		}
		merges = is_merge_key(&e);
		if ((key = read_node(r, &e, depth)) == NULL)
			break;
		if (!next_event(r, &e) || (value = read_node(r, &e, depth)) == NULL) {
			yaml_node_free(key);
			break;
		}
		if (merges && merge == NULL) {
			merge = value;
			yaml_node_free(key);
		} else if (merges) {
			ok = yaml_complain(&r->build, key->mark,
			    "duplicate key '<<'; merge several maps by '<<: [*a, *b]'");
			yaml_node_free(value);
			yaml_node_free(key);
			if (!ok)
				break;
			ok = false;
		} else if (!add_value(r, map, key, value)) {
			break;
		}
	}
	yaml_node_free(merge);
	return ok;
}

static struct yaml_node *
read_collection(struct reader *r, const yaml_event_t *e, unsigned depth)
{
	bool list = e->type == YAML_SEQUENCE_START_EVENT, ok;
	struct mark at = mark_of(e->start_mark);
	struct yaml_node *node;
	struct anchor *anchor;
	size_t serial = 0;

	node = yaml_build_node(&r->build, list ? YAML_LIST : YAML_MAP, at, depth);
	if (node == NULL)
		return NULL;
	if (list) {
		ok = check_tag(r, at, e->data.sequence_start.tag, YAML_SEQ_TAG);
		anchor = open_anchor(r, e->data.sequence_start.anchor, &serial);
		ok = ok && read_items(r, node, depth + 1);
	} else {
		ok = check_tag(r, at, e->data.mapping_start.tag, YAML_MAP_TAG);
		anchor = open_anchor(r, e->data.mapping_start.anchor, &serial);
		ok = ok && read_values(r, node, depth + 1);
	}
	if (!ok) {
		yaml_node_free(node);
		return NULL;
	}
	close_anchor(anchor, serial, node);
	return node;
}

/* The node that begins with an event; deletes the event. NULL with a problem added when reading cannot go on. */
static struct yaml_node *
read_node(struct reader *r, yaml_event_t *e, unsigned depth)
{
	struct yaml_node *node = NULL;

	if (e->type == YAML_ALIAS_EVENT)
		node = read_alias(r, e, depth);
	else if (e->type == YAML_SCALAR_EVENT)
		node = read_scalar(r, e, depth);
	else
		node = read_collection(r, e, depth);
	yaml_event_delete(e);
	return node;
}

/* Passes over an event that is to come next. */
static bool
skip_event(struct reader *r, yaml_event_type_t *type, struct mark *at)
{
	yaml_event_t e;

	if (!next_event(r, &e))
		return false;
	*type = e.type;
	*at = mark_of(e.start_mark);
	yaml_event_delete(&e);
	return true;
}

static struct yaml_node *
read_document(struct reader *r)
{
	struct yaml_node *root;
	yaml_event_type_t type;
	yaml_event_t e;
	struct mark at;

	if (!skip_event(r, &type, &at) || !skip_event(r, &type, &at))	/* the stream, the document */
		return NULL;
	if (type == YAML_STREAM_END_EVENT) {
		yaml_fail(&r->build, (struct mark){1, 1}, "there is nothing here but white space or comments");
		return NULL;
	}
	if (!next_event(r, &e) || (root = read_node(r, &e, 0)) == NULL)
		return NULL;
	if (skip_event(r, &type, &at) && skip_event(r, &type, &at)) {	/* the document's end, the stream's */
		if (type == YAML_STREAM_END_EVENT)
			return root;
		yaml_fail(&r->build, at, "another document begins here; only one is allowed");
	}
	yaml_node_free(root);
	return NULL;
}

/* Whether libyaml can be trusted with the text; adds a problem when not. */
static bool
check_text(struct yaml_build *b, const char *text, size_t n)
{
	const char *p = text, *end = text + n;
	unsigned directives = 0, line = 1;
	struct mark at;
	size_t bad;

	if (n > YAML_BYTES_MAX)
		return yaml_fail(b, (struct mark){0, 0}, "larger than %u MiB", YAML_BYTES_MAX / 1024 / 1024);
	bad = utf8_check(text, n);
	if (bad != n) {
		json_position(text, bad, &at.line, &at.column);
		return yaml_fail(b, at, "byte 0x%02x is not UTF-8, which is what a workflow is written in",
		    (unsigned char)text[bad]);
	}
	for (; p < end; p++, line++) {
		if (end - p >= 4 && memcmp(p, "%TAG", 4) == 0 && ++directives > DIRECTIVES_MAX)
			return yaml_fail(b, (struct mark){line, 1}, "more than %d %%TAG directives", DIRECTIVES_MAX);
		if ((p = memchr(p, '\n', (size_t)(end - p))) == NULL)
			break;
	}
	return true;
}

struct yaml_node *
yaml_parse(const char *text, size_t n, const char *file, struct problems *p)
{
	struct reader r = {.build = {.file = file, .problems = p}, .anchors = TABLE_INIT};
	struct yaml_node *root;
	struct json value;
	size_t start = 0;

	/* libyaml would count a byte order mark as a column, when it is told the encoding. */
	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		start = 3;
	r.text = text + start;
	r.n = n - start;
	if (!check_text(&r.build, r.text, r.n))
		return NULL;
	start = 0;
	while (start < r.n && strchr(" \t\r\n", r.text[start]) != NULL && r.text[start] != '\0')
		start++;
	if (start < r.n && strchr("{[\"", r.text[start]) != NULL && json_parse(r.text, r.n, &value, NULL) == 0)
		return yaml_from_json(&r.build, r.text, value);

	if (yaml_parser_initialize(&r.parser) == 0)
		log_fatal("out of memory");
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)r.text, r.n);
	root = read_document(&r);
	yaml_parser_delete(&r.parser);
	for (size_t i = 0; i < r.anchors.n; i++) {
		struct anchor *a = r.anchors.entries[i].value;

		yaml_node_free(a->node);
		free(a);
	}
	table_release(&r.anchors);
	return root;
}
