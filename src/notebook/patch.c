#include "notebook/patch.h"

#include <string.h>

void
patch_text(struct patch *p, const char *text, size_t n)
{
	if (n > 0)
		p->to.put(p->to.arg, text, n);
}

/* Hands on what has been put together. */
static void
flush(struct patch *p)
{
	patch_text(p, buf_str(&p->text), p->text.len);
	buf_reset(&p->text);
}

void
patch_line(struct patch *p, struct place at)
{
	if (at.one_line)
		return;
	buf_addc(&p->text, '\n');
	buf_fill(&p->text, ' ', (size_t)at.level);
	flush(p);
}

void
patch_comma(struct patch *p, struct place at)
{
	if (at.one_line)
		patch_text(p, ", ", 2);
	else
		patch_text(p, ",", 1);
}

static void
put_form(struct patch *p, struct json value, struct json_form form, struct place at)
{
	form.indent = at.one_line ? -1 : 1;
	form.level = at.level;
	json_put(&p->text, value, &form);
	flush(p);
}

void
patch_value(struct patch *p, struct json value, struct place at)
{
	put_form(p, value, (struct json_form){.sort = false}, at);
}

static void
put_new(struct patch *p, const struct edit *e, struct place at)
{
	if (e->write != NULL)
		e->write(p, e->arg, e->old, at);
	else if (e->members != NULL)
		patch_object(p, e->old.text != NULL ? e->old : json_of("{}"), at, e->members, e->nmembers);
	else
		put_form(p, e->value, (struct json_form){.sort = true, .strict = true}, at);
}

static void
put_member(struct patch *p, const struct edit *e, struct place at)
{
	json_put_str(&p->text, e->key);
	buf_adds(&p->text, ": ");
	flush(p);
	put_new(p, e, at);
}

/* The order of keys: by code point, which is the order of their bytes. */
static int
compare(const struct buf *key, const char *s)
{
	size_t n = strlen(s);
	int order = memcmp(buf_str(key), s, key->len < n ? key->len : n);

	return order != 0 ? order : (key->len > n) - (key->len < n);
}

static bool
has_newline(const char *from, const char *to)
{
	return memchr(from, '\n', (size_t)(to - from)) != NULL;
}

/* What an object looks like. */
struct shape {
	bool one_line;	/* its members are not spread over lines, whatever is in them */
	const char *last;	/* the end of the last member; NULL when there is none */
};

/* Finds out where in the object each edit takes place. */
static void
locate(struct json object, struct edit *edits, size_t n, struct shape *shape)
{
	const char *gap;	/* behind the member before, or the opening brace */
	struct buf name = BUF_INIT;
	struct json_iter it;
	struct json key, value;

	for (size_t i = 0; i < n; i++) {
		edits[i].old = JSON_NOTHING;
		edits[i].at = NULL;
	}
	*shape = (struct shape){.one_line = true};
	json_walk(&it, object);
	gap = object.text + 1;
	while (json_next(&it, &key, &value)) {
		const char *at = gap;	/* behind the comma */

		if (shape->last != NULL)
			at = (const char *)memchr(gap, ',', (size_t)(key.text - gap)) + 1;
		if (has_newline(gap, key.text))
			shape->one_line = false;
		buf_reset(&name);
		json_decode(&name, key);
		for (size_t i = 0; i < n; i++) {
			int order = compare(&name, edits[i].key);

			if (order == 0)
				edits[i].old = value;	/* the last one, if there are several */
			else if (order > 0 && edits[i].at == NULL)
				edits[i].at = at;
		}
		gap = shape->last = it.at;
	}
	if (has_newline(gap, object.text + object.len))
		shape->one_line = false;
	buf_release(&name);
}

/* Brings the edits into the order of the text; those at one place stay in the order of their keys. */
static void
arrange(struct edit *edits, size_t n, const struct shape *shape)
{
	for (size_t i = 0; i < n; i++) {
		struct edit e = edits[i];
		size_t k = i;

		if (e.old.text != NULL)
			e.at = e.old.text;
		else if (e.at == NULL)
			e.at = shape->last;
		else if (shape->one_line)
			e.at += strspn(e.at, " \t\r\n");	/* the text ends in a brace at least */
		for (; k > 0 && edits[k - 1].at > e.at; k--)
			edits[k] = edits[k - 1];
		edits[k] = e;
	}
}

/* Writes what was an object without members. */
static void
put_filled(struct patch *p, struct place at, const struct edit *edits, size_t n)
{
	struct place inside = {at.level + 1, at.one_line};

	patch_text(p, "{", 1);
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			patch_comma(p, at);
		patch_line(p, inside);
		put_member(p, &edits[i], inside);
	}
	patch_line(p, at);
	patch_text(p, "}", 1);
}

void
patch_object(struct patch *p, struct json object, struct place at, struct edit *edits, size_t n)
{
	const char *from = object.text;	/* what is not yet copied */
	struct place inside = {at.level + 1, at.one_line};
	struct shape shape;

	if (n == 0) {
		patch_text(p, object.text, object.len);
		return;
	}
	locate(object, edits, n, &shape);
	if (shape.last == NULL) {
		put_filled(p, at, edits, n);
		return;
	}
	inside.one_line = shape.one_line;
	arrange(edits, n, &shape);
	for (size_t i = 0; i < n; i++) {
		const struct edit *e = &edits[i];

		patch_text(p, from, (size_t)(e->at - from));
		from = e->at;
		if (e->old.text != NULL) {
			put_new(p, e, inside);
			from += e->old.len;
		} else if (e->at == shape.last) {
			patch_comma(p, inside);
			patch_line(p, inside);
			put_member(p, e, inside);
		} else {
			patch_line(p, inside);
			put_member(p, e, inside);
			patch_comma(p, inside);
		}
	}
	patch_text(p, from, (size_t)(object.text + object.len - from));
}
