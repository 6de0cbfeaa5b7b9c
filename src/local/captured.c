#include "local/captured.h"

#include <string.h>

void
captured_release(struct captured *c)
{
	buf_release(&c->stream);
	buf_release(&c->list);
	c->joins = false;
}

static void
put(struct buf *b, struct json v)
{
	buf_add(b, v.text, v.len);
}

/* A member of an object that has others before it. */
static void
put_member(struct buf *b, const char *key, struct json v)
{
	buf_addf(b, ", \"%s\": ", key);
	put(b, v);
}

static struct json
or_else(struct json v, enum json_type type, const char *instead)
{
	return json_type(v) == type ? v : json_of(instead);
}

/* Makes room behind the last element; returns the buffer, to which captured_end() adds the bracket. */
static struct buf *
open_list(struct captured *c)
{
	buf_truncate(&c->list, c->list.len - 1);
	if (c->list.len > 1)
		buf_adds(&c->list, ", ");
	return &c->list;
}

static bool
is_same_stream(const struct captured *c, struct json name)
{
	return c->joins && c->stream.len == name.len && memcmp(c->stream.data, name.text, name.len) == 0;
}

/* name and text are strings. */
static void
add_stream(struct captured *c, struct json name, struct json text)
{
	static const char closing[] = "\"}]";	/* the ends of the text, the output, and the list */

	if (is_same_stream(c, name)) {
		buf_truncate(&c->list, c->list.len - strlen(closing));
	} else {
		struct buf *b = open_list(c);

		buf_adds(b, "{\"output_type\": \"stream\"");
		put_member(b, "name", name);
		buf_adds(b, ", \"text\": \"");
		buf_reset(&c->stream);
		put(&c->stream, name);
		c->joins = true;
	}
	buf_add(&c->list, text.text + 1, text.len - 2);
	buf_adds(&c->list, closing);
}

static void
add_other(struct captured *c, struct json output)
{
	put(open_list(c), output);
	buf_addc(&c->list, ']');
	c->joins = false;
}

void
captured_set(struct captured *c, struct json list)
{
	struct json_iter it;
	struct json output;

	buf_reset(&c->list);
	buf_adds(&c->list, "[]");
	c->joins = false;
	if (json_type(list) != JSON_ARRAY)
		return;
	json_walk(&it, list);
	while (json_next(&it, NULL, &output)) {
		struct json name = json_get(output, "name"), text = json_get(output, "text");

		if (json_is(json_get(output, "output_type"), "stream") && json_type(name) == JSON_STRING &&
		    json_type(text) == JSON_STRING) {
			c->joins = false;	/* what stands apart here stays apart */
			add_stream(c, name, text);
		} else {
			add_other(c, output);
		}
	}
}

static void
add_display(struct captured *c, const char *type, struct json content)
{
	struct buf *b = open_list(c);
	int64_t count;

	buf_addf(b, "{\"output_type\": \"%s\"", type);
	put_member(b, "metadata", or_else(json_get(content, "metadata"), JSON_OBJECT, "{}"));
	put_member(b, "data", or_else(json_get(content, "data"), JSON_OBJECT, "{}"));
	if (strcmp(type, "execute_result") == 0) {
		struct json number = json_get(content, "execution_count");

		put_member(b, "execution_count", json_int(number, &count) ? number : json_of("null"));
	}
	buf_adds(b, "}]");
	c->joins = false;
}

static void
add_error(struct captured *c, struct json content)
{
	struct buf *b = open_list(c);

	buf_adds(b, "{\"output_type\": \"error\"");
	put_member(b, "ename", or_else(json_get(content, "ename"), JSON_STRING, "\"\""));
	put_member(b, "evalue", or_else(json_get(content, "evalue"), JSON_STRING, "\"\""));
	put_member(b, "traceback", or_else(json_get(content, "traceback"), JSON_ARRAY, "[]"));
	buf_adds(b, "}]");
	c->joins = false;
}

void
captured_add(struct captured *c, const char *type, struct json content)
{
	if (strcmp(type, "stream") == 0) {
		add_stream(c, or_else(json_get(content, "name"), JSON_STRING, "\"stdout\""),
		    or_else(json_get(content, "text"), JSON_STRING, "\"\""));
	} else if (strcmp(type, "error") == 0) {
		add_error(c, content);
	} else {
		add_display(c, type, content);
	}
}
