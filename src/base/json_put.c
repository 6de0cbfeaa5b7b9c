#include "base/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_plain.h"
#include "base/mem.h"
#include "base/utf8.h"

/* Whether a surrogate in its three-byte form stands at p. */
static bool
is_surrogate(const char *p, const char *end)
{
	const unsigned char *u = (const unsigned char *)p;

	return end - p >= 3 && u[0] == 0xed && u[1] >= 0xa0 && u[1] < 0xc0 && u[2] >= 0x80 && u[2] < 0xc0;
}

static void
put_escape(struct buf *b, unsigned char c)
{
	static const char short_forms[][3] = {
		['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n", ['\f'] = "\\f", ['\r'] = "\\r",
		['"'] = "\\\"", ['\\'] = "\\\\",
	};

	if (short_forms[c][0] != '\0')
		buf_add(b, short_forms[c], 2);
	else
		buf_addf(b, "\\u%04x", c);
}

/* strict: lone surrogates become U+FFFD, because readers of strict JSON refuse or mangle their escapes. */
static void
put_string(struct buf *b, const char *s, size_t n, bool strict)
{
	const char *p, *end, *from;	/* from: the first byte not yet written */

	p = from = s;
	end = n != 0 ? s + n : s;
	buf_room(b, n + 2);
	buf_addc(b, '"');
	while ((p = json_plain(p, end)) < end) {
		size_t len;

		if ((unsigned char)*p < 0x80) {
			buf_add(b, from, (size_t)(p - from));
			put_escape(b, (unsigned char)*p);
			from = ++p;
		} else if ((len = utf8_run(p, (size_t)(end - p))) != 0) {
			p += len;
		} else if (is_surrogate(p, end)) {
			buf_add(b, from, (size_t)(p - from));
			if (strict)
				utf8_put(b, 0xfffd);
			else
				buf_addf(b, "\\ud%03x", (unsigned)((p[1] & 0x3f) << 6 | (p[2] & 0x3f)));
			from = p += 3;
		} else {
			buf_add(b, from, (size_t)(p - from));
			utf8_put(b, 0xfffd);
			from = ++p;
		}
	}
	buf_add(b, from, (size_t)(end - from));
	buf_addc(b, '"');
}

void
json_put_string(struct buf *b, const char *s, size_t n)
{
	put_string(b, s, n, false);
}

void
json_put_str(struct buf *b, const char *s)
{
	if (s != NULL)
		json_put_string(b, s, strlen(s));
	else
		buf_adds(b, "null");
}

#define SHORTEST_MAX 32	/* 17 digits, their sign, point and exponent are 25 characters */

/* Stores the shortest text in e-notation that reads back as d, which is finite. */
static void
shortest(double d, char text[SHORTEST_MAX])
{
	for (int precision = 0; precision < 17; precision++) {
		char *last;

		snprintf(text, SHORTEST_MAX, "%.*e", precision, d);
		if (strtod(text, NULL) == d)
			return;
		/*
		 * The doubles above a power of two are twice as far apart as those below: where the nearest
		 * text lies too far below, the next one may not lie too far above. (If that one ended in a
		 * zero, it would have been found with a digit less.)
		 */
		last = strchr(text, 'e') - 1;
		if (*last < '9') {
			++*last;
			if (strtod(text, NULL) == d)
				return;
		}
	}
}

void
json_put_double(struct buf *b, double d)
{
	char text[SHORTEST_MAX], digits[SHORTEST_MAX], *e;
	int exponent, count = 0;

	if (isnan(d)) {
		buf_adds(b, "NaN");
		return;
	}
	if (isinf(d)) {
		buf_adds(b, d < 0 ? "-Infinity" : "Infinity");
		return;
	}
	shortest(d, text);
	e = strchr(text, 'e');
	exponent = (int)strtol(e + 1, NULL, 10);
	if (exponent < -4 || exponent >= 16) {
		buf_adds(b, text);	/* C writes at least two digits of the exponent, and its sign, as Python does */
		return;
	}
	for (char *p = text; p < e; p++)
		if (*p >= '0' && *p <= '9')
			digits[count++] = *p;
	if (signbit(d))
		buf_addc(b, '-');
	if (exponent < 0) {
		buf_adds(b, "0.");
		buf_fill(b, '0', (size_t)(-exponent - 1));
		buf_add(b, digits, (size_t)count);
	} else if (count <= exponent + 1) {
		buf_add(b, digits, (size_t)count);
		buf_fill(b, '0', (size_t)(exponent + 1 - count));
		buf_adds(b, ".0");
	} else {
		buf_add(b, digits, (size_t)exponent + 1);
		buf_addc(b, '.');
		buf_add(b, digits + exponent + 1, (size_t)(count - exponent - 1));
	}
}

/* A member of an object that is about to be sorted. */
struct member {
	const char *key;	/* decoded */
	size_t len;
	char *own;	/* the memory of key, where the text could not be used as it stands */
	size_t order;	/* its place in the text */
	struct json name, value;
};

struct writer {
	struct buf *out;
	const struct json_form *form;
	const struct mask *mask;	/* NULL when there is nothing to hide */
	struct buf decoded, masked;
	/* The members of all objects that are being written, the innermost last. */
	struct member *members;
	size_t n, cap;
};

static void put_value(struct writer *w, struct json v, int level);

/* Starts a line for an item of a container; level is the item's. */
static void
put_line(struct buf *out, int indent, int level)
{
	if (indent >= 0) {
		buf_addc(out, '\n');
		buf_fill(out, ' ', (size_t)indent * (size_t)level);
	}
}

static void
put_comma(struct buf *out, int indent)
{
	buf_adds(out, indent >= 0 ? "," : ", ");
}

static void
put_text(struct writer *w, struct json v, const struct mask *mask)
{
	const struct buf *text = &w->decoded;
	bool escapes = memchr(v.text, '\\', v.len) != NULL;

	/* Without escapes the text is already what json_put_string would write. */
	if (!escapes && !mask_hits(mask, v.text + 1, v.len - 2)) {
		buf_add(w->out, v.text, v.len);
		return;
	}
	buf_reset(&w->decoded);
	json_decode(&w->decoded, v);
	if (mask_hits(mask, buf_str(text), text->len)) {
		buf_reset(&w->masked);
		mask_put(mask, &w->masked, buf_str(text), text->len);
		text = &w->masked;
	}
	put_string(w->out, buf_str(text), text->len, w->form->strict);
}

static void
put_array(struct writer *w, struct json v, int level)
{
	struct json_iter it;
	struct json item;
	bool first = true;

	buf_addc(w->out, '[');
	json_walk(&it, v);
	while (json_next(&it, NULL, &item)) {
		if (!first)
			put_comma(w->out, w->form->indent);
		first = false;
		put_line(w->out, w->form->indent, level + 1);
		put_value(w, item, level + 1);
	}
	if (!first)
		put_line(w->out, w->form->indent, level);
	buf_addc(w->out, ']');
}

static void
put_member(struct writer *w, struct json key, struct json value, int level, bool first)
{
	if (!first)
		put_comma(w->out, w->form->indent);
	put_line(w->out, w->form->indent, level);
	put_text(w, key, level > w->form->level + w->form->plain_keys ? w->mask : NULL);
	buf_adds(w->out, ": ");
	put_value(w, value, level);
}

static int
compare_keys(const struct member *a, const struct member *b)
{
	int order = memcmp(a->key, b->key, a->len < b->len ? a->len : b->len);

	if (order != 0)
		return order;
	return (a->len > b->len) - (a->len < b->len);
}

/* For qsort, which need not be stable: equal keys stay in the order of the text. */
static int
compare_members(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	int order = compare_keys(x, y);

	return order != 0 ? order : (x->order > y->order) - (x->order < y->order);
}

static void
add_member(struct writer *w, struct json key, struct json value)
{
	struct member *m;

	w->members = xgrow(w->members, w->n, &w->cap, sizeof(*w->members));
	m = &w->members[w->n];
	*m = (struct member){.key = key.text + 1, .len = key.len - 2, .order = w->n, .name = key, .value = value};
	if (memchr(m->key, '\\', m->len) != NULL) {
		struct buf text = BUF_INIT;

		json_decode(&text, key);
		m->len = text.len;
		m->key = m->own = buf_steal(&text);
	}
	w->n++;
}

/* Collects and sorts the members of an object behind those in use; returns where they start. */
static size_t
sort_members(struct writer *w, struct json v)
{
	size_t base = w->n;
	bool sorted = true;	/* as most are, since this is how they are written */
	struct json_iter it;
	struct json key, value;

	json_walk(&it, v);
	while (json_next(&it, &key, &value)) {
		add_member(w, key, value);
		if (w->n - base >= 2 && compare_keys(&w->members[w->n - 2], &w->members[w->n - 1]) > 0)
			sorted = false;
	}
	if (!sorted)
		qsort(w->members + base, w->n - base, sizeof(*w->members), compare_members);
	return base;
}

static void
put_sorted(struct writer *w, struct json v, int level)
{
	size_t base = sort_members(w, v), end = w->n;
	bool first = true;

	/* By index: the members move when those of an inner object are added. */
	for (size_t i = base; i < end; i++) {
		if (i + 1 < end && compare_keys(&w->members[i], &w->members[i + 1]) == 0)
			continue;	/* the last one counts */
		put_member(w, w->members[i].name, w->members[i].value, level + 1, first);
		first = false;
	}
	for (size_t i = base; i < end; i++)
		free(w->members[i].own);
	w->n = base;
}

static void
put_unsorted(struct writer *w, struct json v, int level)
{
	struct json_iter it;
	struct json key, value;
	bool first = true;

	json_walk(&it, v);
	while (json_next(&it, &key, &value)) {
		put_member(w, key, value, level + 1, first);
		first = false;
	}
}

static void
put_object(struct writer *w, struct json v, int level)
{
	size_t start;

	buf_addc(w->out, '{');
	start = w->out->len;
	if (w->form->sort)
		put_sorted(w, v, level);
	else
		put_unsorted(w, v, level);
	if (w->out->len > start)
		put_line(w->out, w->form->indent, level);
	buf_addc(w->out, '}');
}

static void
put_number(struct writer *w, struct json v)
{
	char last = v.text[v.len - 1];
	bool quote = w->form->strict && (last == 'N' || last == 'y');	/* NaN, Infinity, -Infinity */

	if (quote)
		buf_addc(w->out, '"');
	buf_add(w->out, v.text, v.len);
	if (quote)
		buf_addc(w->out, '"');
}

/* Calls itself for what is inside, as deep as JSON_DEPTH_MAX. */
static void
put_value(struct writer *w, struct json v, int level)
{
	switch (json_type(v)) {
	case JSON_NONE:
		buf_adds(w->out, "null");
		break;
	case JSON_NULL:
	case JSON_FALSE:
	case JSON_TRUE:
		buf_add(w->out, v.text, v.len);
		break;
	case JSON_NUMBER:
		put_number(w, v);
		break;
	case JSON_STRING:
		put_text(w, v, w->mask);
		break;
	case JSON_ARRAY:
		put_array(w, v, level);
		break;
	case JSON_OBJECT:
		put_object(w, v, level);
		break;
	}
}

void
json_put(struct buf *b, struct json v, const struct json_form *form)
{
	struct writer w = {.out = b, .form = form, .mask = form->mask};

	put_value(&w, v, form->level);
	free(w.members);
	buf_release(&w.masked);
	buf_release(&w.decoded);
}

/* What comes before a value or a key: nothing behind a key and at the very start. */
static void
out_item(struct json_out *o)
{
	if (o->after_key) {
		o->after_key = false;
		return;
	}
	if (!o->first)
		put_comma(o->buf, o->indent);
	put_line(o->buf, o->indent, o->level);
	o->first = false;
}

void
json_out_open(struct json_out *o, char bracket)
{
	out_item(o);
	buf_addc(o->buf, bracket);
	o->level++;
	o->first = true;
}

void
json_out_close(struct json_out *o, char bracket)
{
	o->level--;
	if (!o->first)
		put_line(o->buf, o->indent, o->level);
	buf_addc(o->buf, bracket);
	o->first = false;
}

void
json_out_key(struct json_out *o, const char *key)
{
	out_item(o);
	json_put_str(o->buf, key);
	buf_adds(o->buf, ": ");
	o->after_key = true;
}

void
json_out_str(struct json_out *o, const char *s)
{
	struct buf masked = BUF_INIT;

	out_item(o);
	if (s != NULL && mask_hits(o->mask, s, strlen(s))) {
		mask_put(o->mask, &masked, s, strlen(s));
		put_string(o->buf, buf_str(&masked), masked.len, true);
		buf_release(&masked);
	} else if (s != NULL) {
		put_string(o->buf, s, strlen(s), true);
	} else {
		json_put_str(o->buf, NULL);
	}
}

void
json_out_int(struct json_out *o, int64_t n)
{
	out_item(o);
	buf_addf(o->buf, "%" PRId64, n);
}

void
json_out_fixed(struct json_out *o, double d, int digits)
{
	out_item(o);
	if (isfinite(d))
		buf_addf(o->buf, "%.*f", digits, d);
	else
		buf_adds(o->buf, "null");
}

void
json_out_double(struct json_out *o, double d)
{
	out_item(o);
	if (isfinite(d))
		json_put_double(o->buf, d);
	else
		buf_adds(o->buf, "null");
}

void
json_out_id(struct json_out *o, int64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)n);
	json_out_str(o, text);
}

void
json_out_bool(struct json_out *o, bool b)
{
	out_item(o);
	buf_adds(o->buf, b ? "true" : "false");
}

void
json_out_value(struct json_out *o, struct json v)
{
	struct json_form form = {.indent = o->indent, .level = o->level, .strict = true, .mask = o->mask};

	out_item(o);
	json_put(o->buf, v, &form);
}
