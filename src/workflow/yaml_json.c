/* JSON as a YAML tree: exact where libyaml is not. */
#include "workflow/yaml_build.h"

#include <string.h>

#include "base/buf.h"

/* Where the reading has come to, so that positions cost one pass over the text. */
struct cursor {
	const char *at;	/* NULL: everything is at the mark */
	struct mark mark;
};

static struct mark
move_to(struct cursor *c, const char *to)
{
	for (; c->at != NULL && c->at < to; c->at++) {
		if (*c->at == '\n')
			c->mark = (struct mark){c->mark.line + 1, 1};
		else if (((unsigned char)*c->at & 0xc0) != 0x80)
			c->mark.column++;
	}
	return c->mark;
}

static enum yaml_type
type_of(struct json v)
{
	switch (json_type(v)) {
	case JSON_FALSE:
	case JSON_TRUE:
		return YAML_BOOL;
	case JSON_NUMBER:
		/* What has none of these is digits and perhaps a minus sign; N and I begin NaN and Infinity. */
		for (size_t i = 0; i < v.len; i++)
			if (strchr(".eENI", v.text[i]) != NULL)
				return YAML_FLOAT;
		return YAML_INT;
	case JSON_STRING:
		return YAML_STRING;
	case JSON_ARRAY:
		return YAML_LIST;
	case JSON_OBJECT:
		return YAML_MAP;
	case JSON_NULL:
	case JSON_NONE:
		break;
	}
	return YAML_NULL;
}

static struct yaml_node *convert(struct yaml_build *b, struct cursor *c, struct json v, unsigned depth);

static bool
convert_text(struct yaml_build *b, struct yaml_node *node, struct json v)
{
	struct buf text = BUF_INIT;
	bool ok;

	if (json_type(v) == JSON_STRING)
		json_decode(&text, v);
	else
		buf_add(&text, v.text, v.len);
	ok = yaml_build_text(b, node, buf_str(&text), text.len);
	node->boolean = json_type(v) == JSON_TRUE;
	node->quote = json_type(v) == JSON_STRING;
	node->exact = v.len == text.len + 2 * node->quote;	/* no escapes */
	buf_release(&text);
	return ok;
}

static bool
convert_items(struct yaml_build *b, struct cursor *c, struct yaml_node *node, struct json v, unsigned depth)
{
	struct json key, value;
	struct json_iter it;

	json_walk(&it, v);
	while (json_next(&it, &key, &value)) {
		struct yaml_node *name = NULL, *item;

		if (node->type == YAML_MAP && (name = convert(b, c, key, depth)) == NULL)
			return false;
		item = convert(b, c, value, depth);
		if (item != NULL && name != NULL) {
			yaml_build_value(node, (struct yaml_key){name->text, name->mark}, item);
			name->text = NULL;
		} else if (item != NULL) {
			yaml_build_item(node, item);
		}
		yaml_node_free(name);
		if (item == NULL)
			return false;
	}
	return yaml_build_finish(b, node, NULL);
}

static struct yaml_node *
convert(struct yaml_build *b, struct cursor *c, struct json v, unsigned depth)
{
	enum yaml_type type = type_of(v);
	struct yaml_node *node = yaml_build_node(b, type, move_to(c, v.text), depth);
	bool ok;

	if (node == NULL)
		return NULL;
	if (type == YAML_LIST || type == YAML_MAP)
		ok = convert_items(b, c, node, v, depth + 1);
	else
		ok = convert_text(b, node, v);
	if (c->at == NULL)
		node->exact = false;
	if (ok)
		return node;
	yaml_node_free(node);
	return NULL;
}

struct yaml_node *
yaml_from_json(struct yaml_build *b, const char *text, struct json value)
{
	struct cursor c = {text, {1, 1}};

	return convert(b, &c, value, 0);
}

struct yaml_node *
yaml_of_json(struct json value, struct mark at, const char *file, struct problems *p)
{
	struct yaml_build b = {.file = file, .problems = p};
	struct cursor c = {NULL, at};

	return convert(&b, &c, value, 0);
}
