/* Evaluating texts and JSON values. */
#include "workflow/expression.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "workflow/expression_parse.h"

#define VALUE_MAX ((size_t)64 * 1024 * 1024)	/* bytes: twice a parameter that is twice another soon is all memory */

static const struct json_form one_line = {.indent = -1};

bool
expression_in(const char *text, size_t n)
{
	return n != 0 && memmem(text, n, "{{", 2) != NULL;
}

/* ---- Text that is to be evaluated again ---- */

struct again {
	struct buf text;
	size_t expressions;
	bool solid;	/* there is text outside of expressions that is not white */
};

static void
again_plain(struct again *a, const char *p, size_t n)
{
	buf_add(&a->text, p, n);
	if (!expression_is_white(p, n))
		a->solid = true;
}

/* What makes an expression where it meets braces. */
static bool
is_opening(char c)
{
	return c == '{' || c == '$';
}

/* Adds text that must come out as it is. */
static void
again_text(struct again *a, const char *p, size_t n, bool expression_follows)
{
	const char *end = n != 0 ? p + n : p;

	while (p < end) {
		const char *from = p;
		size_t opening;

		while (p < end && !is_opening(*p))
			p++;
		again_plain(a, from, (size_t)(p - from));
		from = p;
		while (p < end && is_opening(*p))
			p++;
		opening = (size_t)(p - from);
		if (expression_in(from, opening) || (opening != 0 && p == end && expression_follows)) {
			buf_adds(&a->text, "{{ \"");
			buf_add(&a->text, from, opening);
			buf_adds(&a->text, "\" }}");
			a->expressions++;
		} else {
			again_plain(a, from, opening);
		}
	}
}

static void
again_expression(struct again *a, const char *p, size_t n)
{
	buf_add(&a->text, p, n);
	a->expressions++;
}

/* Appends the text as a JSON string. */
static void
again_end(struct again *a, struct buf *out)
{
	/* An expression that has become the only one must not be taken for the whole. */
	if (a->expressions == 1 && !a->solid)
		again_expression(a, "{{ \"\" }}", 8);
	json_put_string(out, buf_str(&a->text), a->text.len);
	buf_release(&a->text);
}

/* ---- Texts ---- */

static size_t
depth_of(struct json v)
{
	size_t depth = 0, deepest = 0;
	bool quoted = false;

	for (size_t i = 0; i < v.len; i++) {
		char c = v.text[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '[' || c == '{'))
			deepest = ++depth > deepest ? depth : deepest;
		else if (!quoted && (c == ']' || c == '}'))
			depth--;
	}
	return deepest;
}

/* Gives the value of an expression in a text; *v is then a span of value. depth: of the containers around the text. */
static enum expression_result
value_of(const char *text, const struct expression_piece *p, const struct expression_scope *scope, size_t depth,
    struct buf *value, struct json *v, struct expression_error *e)
{
	enum expression_result r;
	char *why = NULL;

	if (p->type == PIECE_LITERAL) {
		json_put_string(value, buf_str(&p->literal), p->literal.len);
		r = EXPRESSION_KNOWN;
	} else {
		r = scope->look_up(scope->data, &p->path, value, &why);
	}
	if (r == EXPRESSION_KNOWN) {
		*v = json_of(buf_str(value));
		if (depth + depth_of(*v) > JSON_DEPTH_MAX) {
			r = EXPRESSION_FAULT;
			why = xasprintf("with the value put in here, lists and maps would be nested more than %d deep; "
			    "put it in further up, or look up a part of it", JSON_DEPTH_MAX);
		}
	}
	if (r == EXPRESSION_FAULT)
		expression_fault(e, text, p->text, p->len, why != NULL ? why : xstrdup("there is no such value"));
	return r;
}

/* Whether a piece that is no text is all that there is in the text. */
static bool
is_whole(const char *text, size_t n, const struct expression_piece *p)
{
	size_t before = (size_t)(p->text - text);

	return expression_is_white(text, before) && expression_is_white(p->text + p->len, n - before - p->len);
}

/* As it stands in a longer text. */
static void
put_in_text(struct buf *b, struct json v)
{
	switch (json_type(v)) {
	case JSON_STRING:
		json_decode(b, v);
		break;
	case JSON_NULL:
		break;
	default:
		json_put(b, v, &one_line);
		break;
	}
}

/* A text being evaluated. */
struct joint {
	const char *text;
	size_t n;
	const struct expression_scope *scope;
	size_t depth;
	struct buf known;	/* since the last expression that is deferred */
	struct again again;	/* up to and with that one */
	bool deferred;
	struct buf *out;
};

/* Adds an expression of a text. One that is the whole goes to j->out, and *whole is set. */
static enum expression_result
join(struct joint *j, const struct expression_piece *p, bool *whole, struct expression_error *e)
{
	struct buf value = BUF_INIT;
	struct json v = JSON_NOTHING;
	enum expression_result r = value_of(j->text, p, j->scope, j->depth, &value, &v, e);

	if (r != EXPRESSION_FAULT && is_whole(j->text, j->n, p)) {
		*whole = true;
		if (r == EXPRESSION_KNOWN)
			json_put(j->out, v, &one_line);
		else
			json_put_string(j->out, j->text, j->n);
	} else if (r == EXPRESSION_KNOWN) {
		put_in_text(&j->known, v);
	} else if (r == EXPRESSION_DEFERRED) {
		again_text(&j->again, buf_str(&j->known), j->known.len, true);
		again_expression(&j->again, p->text, p->len);
		buf_reset(&j->known);
		j->deferred = true;
	}
	buf_release(&value);
	return r;
}

/* expression_text within that many containers. */
static enum expression_result
evaluate(const char *text, size_t n, const struct expression_scope *scope, size_t depth, struct buf *out,
    struct expression_error *e)
{
	struct joint j = {.text = text, .n = n, .scope = scope, .depth = depth, .out = out};
	enum expression_result r = EXPRESSION_KNOWN;
	struct expression_reader reader;
	struct expression_piece p;
	bool whole = false;
	int found;

	expression_read(&reader, text, n);
	while (!whole && r != EXPRESSION_FAULT && (found = expression_next(&reader, &p, e)) != 0) {
		if (found == -1) {
			r = EXPRESSION_FAULT;
			break;
		}
		if (p.type == PIECE_TEXT)
			buf_add(&j.known, p.text, p.len);
		else
			r = join(&j, &p, &whole, e);
		if (r != EXPRESSION_FAULT && j.known.len + j.again.text.len + out->len > VALUE_MAX) {
			expression_fault(e, text, p.text, p.len, xasprintf("with the value put in here, it is larger than "
			    "%zu MiB; put large data into files", VALUE_MAX / 1024 / 1024));
			r = EXPRESSION_FAULT;
		}
		expression_piece_release(&p);
	}
	if (!whole && r != EXPRESSION_FAULT) {
		if (j.deferred) {
			again_text(&j.again, buf_str(&j.known), j.known.len, false);
			again_end(&j.again, out);
			r = EXPRESSION_DEFERRED;
		} else {
			json_put_string(out, buf_str(&j.known), j.known.len);
			r = EXPRESSION_KNOWN;
		}
	}
	buf_release(&j.known);
	buf_release(&j.again.text);
	return r;
}

enum expression_result
expression_text(const char *text, size_t n, const struct expression_scope *scope, struct buf *out,
    struct expression_error *e)
{
	return evaluate(text, n, scope, 0, out, e);
}

/* ---- JSON values ---- */

/*
 * Whether known strings must be written for another evaluation shows only when all strings have been evaluated: then
 * what was written is gone through again, past the strings that are deferred.
 */
struct walk {
	struct buf out;
	const struct expression_scope *scope;	/* NULL: the second time through */
	size_t *deferred;	/* where in the first time's out they start, ascending */
	size_t ndeferred, cap;
	const char *first;	/* the first time's out */
	size_t passed;	/* of the deferred ones */
	struct buf decoded;
	struct expression_error *e;
};

static enum expression_result
walk_string(struct walk *w, struct json v, size_t depth)
{
	size_t start = w->out.len;
	enum expression_result r;

	buf_reset(&w->decoded);
	json_decode(&w->decoded, v);
	if (!expression_in(buf_str(&w->decoded), w->decoded.len)) {
		json_put(&w->out, v, &one_line);
		return EXPRESSION_KNOWN;
	}
	if (w->scope != NULL) {
		r = evaluate(buf_str(&w->decoded), w->decoded.len, w->scope, depth, &w->out, w->e);
		if (r == EXPRESSION_DEFERRED) {
			w->deferred = xgrow(w->deferred, w->ndeferred, &w->cap, sizeof(*w->deferred));
			w->deferred[w->ndeferred++] = start;
		}
		return r;
	}
	if (w->passed < w->ndeferred && (size_t)(v.text - w->first) == w->deferred[w->passed]) {
		w->passed++;
		buf_add(&w->out, v.text, v.len);
	} else {
		struct again again = {.text = BUF_INIT};

		again_text(&again, buf_str(&w->decoded), w->decoded.len, false);
		again_end(&again, &w->out);
	}
	return EXPRESSION_KNOWN;
}

/* Calls itself for what is inside, as deep as JSON_DEPTH_MAX. */
static enum expression_result
walk_value(struct walk *w, struct json v, size_t depth)
{
	enum json_type type = json_type(v);
	struct json_iter it;
	struct json key, item;
	bool first = true;

	if (type == JSON_STRING)
		return walk_string(w, v, depth);
	if (type != JSON_ARRAY && type != JSON_OBJECT) {
		json_put(&w->out, v, &one_line);
		return EXPRESSION_KNOWN;
	}
	buf_addc(&w->out, type == JSON_ARRAY ? '[' : '{');
	json_walk(&it, v);
	while (json_next(&it, &key, &item)) {
		if (!first)
			buf_adds(&w->out, ", ");
		first = false;
		if (type == JSON_OBJECT) {
			json_put(&w->out, key, &one_line);
			buf_adds(&w->out, ": ");
		}
		if (walk_value(w, item, depth + 1) == EXPRESSION_FAULT)
			return EXPRESSION_FAULT;
	}
	buf_addc(&w->out, type == JSON_ARRAY ? ']' : '}');
	return EXPRESSION_KNOWN;
}

enum expression_result
expression_json(struct json v, const struct expression_scope *scope, struct buf *out, struct expression_error *e)
{
	struct walk w = {.scope = scope, .e = e};
	struct buf first = BUF_INIT;
	enum expression_result r;

	r = walk_value(&w, v, 0);
	if (r != EXPRESSION_FAULT && w.ndeferred != 0) {
		first = w.out;
		w.out = (struct buf)BUF_INIT;
		w.scope = NULL;
		w.first = first.data;
		walk_value(&w, (struct json){first.data, first.len}, 0);
		r = EXPRESSION_DEFERRED;
	}
	if (r != EXPRESSION_FAULT)
		buf_add(out, buf_str(&w.out), w.out.len);
	buf_release(&first);
	buf_release(&w.out);
	buf_release(&w.decoded);
	free(w.deferred);
	return r;
}

void
expression_put_text(struct buf *out, const char *s, size_t n, char quote)
{
	for (size_t i = 0; i < n; i++) {
		bool dollar = s[i] == '$' && n - i > 2 && s[i + 1] == '{' && s[i + 2] == '{';

		if (dollar) {
			buf_addf(out, "{{ %c$%c }}", quote, quote);
		} else if (s[i] == '{' && n - i > 1 && s[i + 1] == '{') {
			buf_addf(out, "{{ %c{{%c }}", quote, quote);
			i++;
		} else {
			buf_addc(out, s[i]);
		}
	}
}
