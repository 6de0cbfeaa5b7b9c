/* Going down in a value along a path. */
#include "workflow/expression.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "workflow/expression_parse.h"
#include "workflow/name.h"

#define MEMBERS_SHOWN 8

static void
put_quoted(struct buf *b, const char *s)
{
	buf_addc(b, '\'');
	expression_put_shown(b, s, strlen(s));
	buf_addc(b, '\'');
}

/* The parts of a path from index first up to index end: 'result.rows[0]'. */
static void
put_place(struct buf *b, const struct expression_path *path, size_t first, size_t end)
{
	struct buf place = BUF_INIT;

	if (first == end) {
		buf_adds(b, "the value");
		return;
	}
	buf_adds(&place, path->parts[first]);
	for (size_t i = first + 1; i < end; i++) {
		const char *part = path->parts[i];
		size_t n = strlen(part);

		if (expression_is_number(part, n))
			buf_addf(&place, "[%s]", part);
		else if (n != 0 && expression_name_length(part, part + n) == n)
			buf_addf(&place, ".%s", part);
		else
			buf_addf(&place, "[\"%s\"]", part);
	}
	put_quoted(b, buf_str(&place));
	buf_release(&place);
}

/* The members there are, and which may have been meant. */
static void
put_members(struct buf *b, struct json v, const char *wanted)
{
	struct guess guess = {.word = wanted};
	struct json_iter it;
	struct json key, value;
	char *best = NULL;
	size_t n = 0, shown = 0;

	json_walk(&it, v);
	for (; json_next(&it, &key, &value); n++) {
		char *name = json_strdup(key);

		if (name == NULL)
			continue;	/* it holds a NUL, so no path can name it */
		if (shown < MEMBERS_SHOWN) {
			buf_adds(b, shown++ == 0 ? "; it has " : ", ");
			put_quoted(b, name);
		}
		guess_consider(&guess, name);
		if (guess.best == name) {
			free(best);
			best = name;
		} else {
			free(name);
		}
	}
	if (n == 0)
		buf_adds(b, "; it is empty");
	else if (shown == 0)
		buf_adds(b, "; none of those it has can be written in an expression");
	else if (n > shown)
		buf_addf(b, " and %zu more", n - shown);
	if (best != NULL) {
		buf_adds(b, "; did you mean ");
		put_quoted(b, best);
		buf_adds(b, "?");
	}
	free(best);
}

/* What a value is that has nothing in it. */
static void
put_scalar(struct buf *b, struct json v)
{
	struct buf text = BUF_INIT;

	if (json_type(v) == JSON_STRING) {
		json_decode(&text, v);
		buf_adds(b, "the text '");
		expression_put_shown(b, buf_str(&text), text.len);
		buf_adds(b, "'");
		buf_release(&text);
		return;
	}
	if (json_type(v) == JSON_NUMBER)
		buf_adds(b, "the number ");
	expression_put_shown(b, v.text, v.len);
}

/* Why there is no part of that index in v. */
static char *
nothing_there(struct json v, const struct expression_path *path, size_t first, size_t index)
{
	const char *part = path->parts[index];
	bool number = expression_is_number(part, strlen(part));
	const char *asked = number && json_type(v) != JSON_OBJECT ? "element " : "member ";
	size_t n = json_count(v);
	struct buf b = BUF_INIT;

	put_place(&b, path, first > 0 ? first - 1 : 0, index);
	switch (json_type(v)) {
	case JSON_OBJECT:
		buf_adds(&b, " has no ");
		break;
	case JSON_ARRAY:
		if (n == 0)
			buf_adds(&b, " is an empty list, it has no ");
		else
			buf_addf(&b, " is a list of %zu, it has no ", n);
		break;
	default:
		buf_adds(&b, " is ");
		put_scalar(&b, v);
		buf_adds(&b, ", which has no ");
		break;
	}
	buf_adds(&b, asked);
	if (*asked == 'e')
		expression_put_shown(&b, part, strlen(part));
	else
		put_quoted(&b, part);
	if (json_type(v) == JSON_OBJECT)
		put_members(&b, v, part);
	else if (json_type(v) == JSON_ARRAY && n > 0 && !number)
		buf_addf(&b, "; name an element by its number, from 0 to %zu", n - 1);
	return buf_steal(&b);
}

/* The element of a list whose number the digits are; JSON_NOTHING when there are not so many. */
static struct json
element(struct json list, const char *digits)
{
	struct json_iter it;
	struct json item;
	size_t left = 0;

	for (; *digits != '\0'; digits++)
		if (__builtin_mul_overflow(left, 10, &left) ||
		    __builtin_add_overflow(left, (size_t)(*digits - '0'), &left))
			return JSON_NOTHING;
	json_walk(&it, list);
	while (json_next(&it, NULL, &item))
		if (left-- == 0)
			return item;
	return JSON_NOTHING;
}

struct json
expression_descend(struct json v, const struct expression_path *path, size_t first, char **why)
{
	for (size_t i = first; i < path->n; i++) {
		const char *part = path->parts[i];
		struct json next = JSON_NOTHING;

		if (json_type(v) == JSON_OBJECT)
			next = json_get(v, part);
		else if (json_type(v) == JSON_ARRAY && expression_is_number(part, strlen(part)))
			next = element(v, part);
		if (next.text == NULL) {
			*why = nothing_there(v, path, first, i);
			return JSON_NOTHING;
		}
		v = next;
	}
	return v;
}
