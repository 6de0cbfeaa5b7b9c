#include "notebook/output.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define PIECE 65536	/* bytes of new text that are collected before they go to a sink */

static const char *const type_names[] = {
	[OUTPUT_STREAM] = "stream",
	[OUTPUT_DISPLAY_DATA] = "display_data",
	[OUTPUT_EXECUTE_RESULT] = "execute_result",
	[OUTPUT_ERROR] = "error",
};

static void
output_release(struct output *o)
{
	free(o->stream);
	terminal_release(&o->text);
	buf_release(&o->body);
}

void
outputs_clear(struct outputs *o)
{
	for (size_t i = 0; i < o->n; i++)
		output_release(&o->list[i]);
	o->n = 0;
}

void
outputs_release(struct outputs *o)
{
	outputs_clear(o);
	free(o->list);
	*o = (struct outputs)OUTPUTS_INIT;
}

static struct output *
add(struct outputs *o, enum output_type type)
{
	o->list = xgrow(o->list, o->n, &o->cap, sizeof(*o->list));
	o->list[o->n] = (struct output){.type = type, .text = TERMINAL_INIT, .execution_count = -1, .body = BUF_INIT};
	return &o->list[o->n++];
}

void
outputs_stream(struct outputs *o, const char *stream, const char *text, size_t n)
{
	struct output *last = o->n > 0 ? &o->list[o->n - 1] : NULL;

	if (last == NULL || last->type != OUTPUT_STREAM || strcmp(last->stream, stream) != 0) {
		last = add(o, OUTPUT_STREAM);
		last->stream = xstrdup(stream);
	}
	terminal_put(&last->text, text, n);
}

/* The end of the line that starts at p, as str.splitlines sees it, with what ends it. */
static const char *
line_end(const char *p, const char *end)
{
	for (; p < end; p++) {
		const unsigned char *u = (const unsigned char *)p;

		if (*u > 0x1e && *u < 0x80)
			continue;
		if (*u == '\r')
			return end - p >= 2 && p[1] == '\n' ? p + 2 : p + 1;
		if ((*u >= '\n' && *u <= '\f') || (*u >= 0x1c && *u <= 0x1e))
			return p + 1;
		if (*u == 0xc2 && end - p >= 2 && u[1] == 0x85)	/* U+0085 */
			return p + 2;
		/*
		 * U+2028, U+2029
		 */
		if (*u == 0xe2 && end - p >= 3 && u[1] == 0x80 && (u[2] == 0xa8 || u[2] == 0xa9))
			return p + 3;
	}
	return end;
}

/* Hands on what has been collected, if that is much. to may be NULL: it stays where it is. */
static void
hand_on(struct buf *b, const struct text_sink *to, size_t least)
{
	if (to != NULL && b->len >= least) {
		to->put(to->arg, b->data, b->len);
		buf_reset(b);
	}
}

static void
start_line(struct buf *b, int level)
{
	buf_addc(b, '\n');
	buf_fill(b, ' ', (size_t)level);
}

static void
put_lines(struct buf *b, const char *text, size_t n, int level, const struct text_sink *to)
{
	const char *p = text, *end = text + n, *next;

	buf_addc(b, '[');
	for (; p < end; p = next) {
		next = line_end(p, end);
		if (p > text)
			buf_addc(b, ',');
		start_line(b, level + 1);
		json_put_string(b, p, (size_t)(next - p));
		hand_on(b, to, PIECE);
	}
	if (n > 0)
		start_line(b, level);
	buf_addc(b, ']');
}

void
output_put_lines(struct buf *b, const char *text, size_t n, int level)
{
	put_lines(b, text, n, level, NULL);
}

/* Starts a member of an output. */
static void
put_key(struct buf *b, const char *key)
{
	start_line(b, OUTPUT_LEVEL + 1);
	buf_addf(b, "\"%s\": ", key);
}

static void
put_type(struct buf *b, enum output_type type)
{
	put_key(b, "output_type");
	buf_addf(b, "\"%s\"", type_names[type]);
}

static void
put_stream(const struct output *o, const struct mask *mask, struct buf *b, const struct text_sink *to)
{
	const struct buf *text = &o->text.text;
	struct buf shown = BUF_INIT, masked = BUF_INIT;

	if (o->text.held.len > 0) {
		terminal_text(&o->text, &shown);
		text = &shown;
	}
	if (mask_hits(mask, buf_str(text), text->len)) {
		mask_put(mask, &masked, buf_str(text), text->len);
		text = &masked;
	}
	buf_addc(b, '{');
	put_key(b, "name");
	json_put_str(b, o->stream);
	buf_addc(b, ',');
	put_type(b, o->type);
	buf_addc(b, ',');
	put_key(b, "text");
	put_lines(b, buf_str(text), text->len, OUTPUT_LEVEL + 1, to);
	start_line(b, OUTPUT_LEVEL);
	buf_addc(b, '}');
	buf_release(&masked);
	buf_release(&shown);
}

void
output_put(const struct output *o, const struct mask *mask, struct buf *b)
{
	if (o->type == OUTPUT_STREAM)
		put_stream(o, mask, b, NULL);
	else
		buf_add(b, buf_str(&o->body), o->body.len);
}

void
output_write(const struct output *o, const struct mask *mask, const struct text_sink *to)
{
	struct buf b = BUF_INIT;

	if (o->type != OUTPUT_STREAM) {
		to->put(to->arg, buf_str(&o->body), o->body.len);
		return;
	}
	put_stream(o, mask, &b, to);
	hand_on(&b, to, 0);
	buf_release(&b);
}

static bool
begins(const struct buf *b, const char *s)
{
	return b->len >= strlen(s) && memcmp(b->data, s, strlen(s)) == 0;
}

static bool
ends(const struct buf *b, const char *s)
{
	return b->len >= strlen(s) && memcmp(b->data + b->len - strlen(s), s, strlen(s)) == 0;
}

static bool
is(const struct buf *b, const char *s)
{
	return b->len == strlen(s) && begins(b, s);
}

static bool
is_string_list(struct json v)
{
	struct json_iter it;
	struct json item;

	if (json_type(v) != JSON_ARRAY)
		return false;
	json_walk(&it, v);
	while (json_next(&it, NULL, &item))
		if (json_type(item) != JSON_STRING)
			return false;
	return true;
}

/* Appends text that nbformat stores as a list of lines. The mask comes first: a secret may have more than one. */
static void
put_split(struct buf *b, struct json v, const struct mask *mask)
{
	struct buf text = BUF_INIT, masked = BUF_INIT;
	struct json_iter it;
	struct json item;

	json_decode(&text, v);
	json_walk(&it, v);
	while (json_next(&it, NULL, &item))
		json_decode(&text, item);
	mask_put(mask, &masked, buf_str(&text), text.len);
	output_put_lines(b, buf_str(&masked), masked.len, 0);
	buf_release(&masked);
	buf_release(&text);
}

/* Appends what nbformat makes of the value of a MIME type (rwbase.py, split_lines), as JSON in no particular form. */
static void
put_mime(struct buf *b, const struct buf *mime, struct json v, const struct mask *mask)
{
	struct buf text = BUF_INIT;
	bool text_mime = begins(mime, "text/") || is(mime, "application/javascript") || is(mime, "image/svg+xml");
	bool json_mime = is(mime, "application/json") || (begins(mime, "application/") && ends(mime, "+json"));
	bool is_text = json_type(v) == JSON_STRING || is_string_list(v);

	if (json_mime || (is_text && !text_mime)) {
		buf_add(b, v.text, v.len);
	} else if (is_text) {
		put_split(b, v, mask);
	} else {
		json_put(&text, v, &JSON_ONE_LINE);
		json_put_string(b, buf_str(&text), text.len);
		buf_release(&text);
	}
}

/* Appends a display's data, as nbformat writes them. */
static void
put_data(struct buf *b, struct json data, const struct json_form *form)
{
	struct buf prepared = BUF_INIT, mime = BUF_INIT;
	struct json_iter it;
	struct json key, value;

	buf_addc(&prepared, '{');
	json_walk(&it, data);
	while (json_next(&it, &key, &value)) {
		if (prepared.len > 1)
			buf_addc(&prepared, ',');
		buf_reset(&mime);
		json_decode(&mime, key);
		buf_add(&prepared, key.text, key.len);
		buf_addc(&prepared, ':');
		put_mime(&prepared, &mime, value, form->mask);
	}
	buf_addc(&prepared, '}');
	json_put(b, (struct json){prepared.data, prepared.len}, form);
	buf_release(&mime);
	buf_release(&prepared);
}

static struct json
object_or_empty(struct json v)
{
	return json_type(v) == JSON_OBJECT ? v : json_of("{}");
}

/* Writes o's body anew. */
static void
set_display(struct output *o, struct json data, struct json metadata, const struct mask *mask)
{
	struct json_form form = JSON_NBFORMAT(OUTPUT_LEVEL + 1);
	struct buf b = BUF_INIT;

	form.mask = mask;
	form.plain_keys = 1;	/* MIME types */
	buf_addc(&b, '{');
	put_key(&b, "data");
	put_data(&b, object_or_empty(data), &form);
	buf_addc(&b, ',');
	if (o->type == OUTPUT_EXECUTE_RESULT) {
		put_key(&b, "execution_count");
		if (o->execution_count >= 0)
			buf_addf(&b, "%lld", (long long)o->execution_count);
		else
			buf_adds(&b, "null");
		buf_addc(&b, ',');
	}
	put_key(&b, "metadata");
	form.plain_keys = 0;
	json_put(&b, object_or_empty(metadata), &form);
	buf_addc(&b, ',');
	put_type(&b, o->type);
	start_line(&b, OUTPUT_LEVEL);
	buf_addc(&b, '}');
	/* A copy takes just the room it needs: there may be very many of these. */
	buf_release(&o->body);
	buf_add(&o->body, b.data, b.len);
	buf_release(&b);
}

void
outputs_display(struct outputs *o, enum output_type type, struct json data, struct json metadata,
    int64_t execution_count, const struct mask *mask)
{
	struct output *new = add(o, type);

	new->execution_count = execution_count;
	set_display(new, data, metadata, mask);
}

/* Appends v, or when it is not of that type, the value that stands for nothing. */
static void
put_typed(struct buf *b, struct json v, enum json_type type, const char *nothing, const struct json_form *form)
{
	json_put(b, json_type(v) == type ? v : json_of(nothing), form);
}

void
outputs_error(struct outputs *o, struct json ename, struct json evalue, struct json traceback,
    const struct mask *mask)
{
	struct output *new = add(o, OUTPUT_ERROR);
	struct json_form form = JSON_NBFORMAT(OUTPUT_LEVEL + 1);
	struct buf *b = &new->body;

	form.mask = mask;
	buf_addc(b, '{');
	put_key(b, "ename");
	put_typed(b, ename, JSON_STRING, "\"\"", &form);
	buf_addc(b, ',');
	put_key(b, "evalue");
	put_typed(b, evalue, JSON_STRING, "\"\"", &form);
	buf_addc(b, ',');
	put_type(b, new->type);
	buf_addc(b, ',');
	put_key(b, "traceback");
	json_put(b, is_string_list(traceback) ? traceback : json_of("[]"), &form);
	start_line(b, OUTPUT_LEVEL);
	buf_addc(b, '}');
}

void
outputs_update_at(struct outputs *o, size_t index, struct json data, struct json metadata, const struct mask *mask)
{
	struct output *old;

	if (index >= o->n)
		return;	/* another kernel has emptied the cell, which knows nothing of it */
	old = &o->list[index];
	if (old->type == OUTPUT_DISPLAY_DATA || old->type == OUTPUT_EXECUTE_RESULT)
		set_display(old, data, metadata, mask);
}
