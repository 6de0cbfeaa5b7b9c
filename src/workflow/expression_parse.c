/* From text to its pieces, and what to say to those who write expressions as other programs have them. */
#include "workflow/expression_parse.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

#define COLUMNS_SHOWN 60
#define BYTES_SHOWN 400	/* not every character takes a column */

#define SUCH "look-ups such as {{ item.table }}"
#define BRACES "braces that are meant as text are written {{ \"{{\" }}"

/* An expression being read. The functions return 0, or -1 with why set and at on what is wrong. */
struct parse {
	const char *at, *end;
	char *why;
};

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool
expression_is_white(const char *p, size_t n)
{
	while (n > 0 && is_space(p[n - 1]))
		n--;
	return n == 0;
}

bool
expression_is_number(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!is_digit(p[i]))
			return false;
	return n > 0;
}

/* Editors put it in unasked, and it looks like a space. */
static bool
is_no_break_space(const char *p, const char *end)
{
	return end - p >= 2 && p[0] == '\xc2' && p[1] == '\xa0';
}

size_t
expression_name_length(const char *p, const char *end)
{
	const char *from = p;

	for (; p < end; p++) {
		bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		    ((unsigned char)*p >= 0x80 && !is_no_break_space(p, end));

		if (!letter && !is_digit(*p) && *p != '-' && *p != '_')
			break;
	}
	return (size_t)(p - from);
}

void
expression_put_shown(struct buf *b, const char *p, size_t n)
{
	size_t before = b->len;
	bool cut = n > BYTES_SHOWN;

	if (cut)
		for (n = BYTES_SHOWN; n > 0 && ((unsigned char)p[n] & 0xc0) == 0x80;)
			n--;
	/* Two columns more than are shown: a wide character that does not fit leaves one of them free. */
	if (utf8_put_visible(b, p, n, COLUMNS_SHOWN + 2) > COLUMNS_SHOWN) {
		buf_truncate(b, before);
		utf8_put_visible(b, p, n, COLUMNS_SHOWN);
		cut = true;
	}
	if (cut)
		buf_adds(b, "...");
}

void
expression_fault(struct expression_error *e, const char *text, const char *p, size_t n, char *why)
{
	struct buf message = BUF_INIT;
	size_t dollar = p > text && p[-1] == '$';

	expression_put_shown(&message, p - dollar, n + dollar);
	buf_addf(&message, ": %s", why);
	free(why);
	e->offset = (size_t)(p - text);
	e->message = buf_steal(&message);
}

static bool
sees(const struct parse *s, char c)
{
	return s->at < s->end && *s->at == c;
}

static bool
sees_end(const struct parse *s)
{
	return s->end - s->at >= 2 && s->at[0] == '}' && s->at[1] == '}';
}

static void
skip_space(struct parse *s)
{
	while (s->at < s->end && is_space(*s->at))
		s->at++;
}

static int
refuse(struct parse *s, char *why)
{
	s->why = why;
	return -1;
}

/* Refuses what stands there: says what was expected instead, and what to do. */
static int
refuse_here(struct parse *s, const char *expected, const char *advice)
{
	struct buf found = BUF_INIT;

	if (s->at == s->end)
		return refuse(s, xstrdup("there is no '}}' that ends the expression; " BRACES));
	if (is_no_break_space(s->at, s->end))
		return refuse(s, xstrdup("there is a no-break space (U+00A0) in it; put an ordinary space in its "
		    "place"));
	if ((unsigned char)*s->at < 0x20 || *s->at == 0x7f) {
		buf_addf(&found, "\\x%02x", (unsigned char)*s->at);
	} else {
		size_t n = utf8_decode(s->at, (size_t)(s->end - s->at), NULL);

		utf8_put_visible(&found, s->at, n != 0 ? n : 1, 2);
	}
	s->why = xasprintf("expected %s, not '%s'; %s", expected, buf_str(&found), advice);
	buf_release(&found);
	return -1;
}

/* Refuses what stands where a path or a literal should begin. */
static int
refuse_beginning(struct parse *s)
{
	if (sees_end(s))
		return refuse(s, xstrdup("the expression is empty; there are " SUCH ", and " BRACES));
	if (sees(s, '{'))
		return refuse(s, xstrdup("there is a brace too many; write two, as in " SUCH "; " BRACES));
	return refuse_here(s, "a name or a text in quotes", "there are only " SUCH "; " BRACES);
}

/* Refuses what stands behind a path or a literal, and the white space there, where "}}" should. */
static int
refuse_ending(struct parse *s, bool literal)
{
	char c = s->at < s->end ? *s->at : '\0';

	switch (c) {
	case '|':
		return refuse(s, xstrdup("there are no filters ('|'), only " SUCH "; change the value in the "
		    "notebook"));
	case '(':
		return refuse(s, xstrdup("there are no calls ('('), only " SUCH "; compute the value in the "
		    "notebook"));
	case '+':
	case '~':
		return refuse(s, xasprintf("there are no operators ('%c'), only " SUCH "; to join texts write "
		    "expressions side by side, {{ item.a }}{{ item.b }}, and compute other values in the notebook", c));
	case '-':
	case '*':
	case '/':
	case '%':
	case '<':
	case '>':
	case '=':
	case '!':
	case '&':
	case '?':
	case '^':
		return refuse(s, xasprintf("there are no operators ('%c'), only " SUCH "; compute the value in the "
		    "notebook", c));
	case '.':
	case '[':
		if (literal)
			return refuse(s, xasprintf("nothing can be looked up in a text in quotes ('%c' after it); "
			    "write a name without quotes, as in " SUCH, c));
		return refuse(s, xasprintf("there is white space before '%c'; leave it out, as in " SUCH, c));
	case '}':
		return refuse(s, xstrdup("it ends with a single '}'; write '}}'"));
	default:
		break;
	}
	return refuse_here(s, "'}}'", "an expression is one look-up such as {{ item.table }} and nothing more");
}

/* Reads a literal at its quote, and appends what it stands for. */
static int
parse_literal(struct parse *s, struct buf *out)
{
	char quote = *s->at++;

	for (; s->at < s->end && *s->at != quote; s->at++) {
		if (*s->at == '\\') {
			s->at++;
			if (s->at == s->end)
				break;
			if (*s->at != '"' && *s->at != '\'' && *s->at != '\\')
				return refuse(s, xstrdup("there is a '\\' in the quotes that stands before neither a "
				    "quote nor a '\\'; write '\\\\'"));
		}
		buf_addc(out, *s->at);
	}
	if (s->at == s->end)
		return refuse(s, xasprintf("the text in quotes does not end; close it with %c", quote));
	s->at++;
	return 0;
}

static int
add_part(struct parse *s, struct expression_path *path, const char *p, size_t n)
{
	if (path->n == EXPRESSION_PARTS_MAX)
		return refuse(s, xasprintf("it has more than %d parts; nothing lies that deep", EXPRESSION_PARTS_MAX));
	if (n > 0 && memchr(p, '\0', n) != NULL)
		return refuse(s, xstrdup("there is a NUL character in a name; no name has one"));
	path->parts[path->n++] = xmemdup0(p, n);
	return 0;
}

/* Reads a name into a path: the first one, which is there, or one behind a '.'. */
static int
parse_name(struct parse *s, struct expression_path *path)
{
	size_t n = expression_name_length(s->at, s->end);

	if (n == 0)
		return refuse_here(s, "a name after '.'",
		    "a name with other characters than letters, digits, '-' and '_' is written [\"...\"]");
	s->at += n;
	return add_part(s, path, s->at - n, n);
}

/* Reads what stands in brackets, behind the '['. */
static int
parse_index(struct parse *s, struct expression_path *path)
{
	struct buf text = BUF_INIT;
	int r = -1;

	if (sees(s, '"') || sees(s, '\'')) {
		if (parse_literal(s, &text) == -1)
			goto out;
	} else {
		for (; s->at < s->end && is_digit(*s->at); s->at++)
			buf_addc(&text, *s->at);
		if (text.len == 0) {
			refuse_here(s, "a number or a text in quotes after '['",
			    "write [0] for the first element of a list, [\"name\"] for a member");
			goto out;
		}
	}
	if (!sees(s, ']')) {
		refuse_here(s, "']'", "there are only " SUCH " and {{ item[\"table\"] }}");
		goto out;
	}
	s->at++;
	r = add_part(s, path, buf_str(&text), text.len);
out:
	buf_release(&text);
	return r;
}

static int
parse_path(struct parse *s, struct expression_path *path)
{
	path->text = s->at;
	if (parse_name(s, path) == -1)
		return -1;
	while (sees(s, '.') || sees(s, '[')) {
		int r = *s->at++ == '.' ? parse_name(s, path) : parse_index(s, path);

		if (r == -1)
			return -1;
	}
	path->len = (size_t)(s->at - path->text);
	return 0;
}

/* Reads an expression from behind its "{{" to behind its "}}". */
static int
parse_expression(struct parse *s, struct expression_piece *p)
{
	skip_space(s);
	if (sees(s, '"') || sees(s, '\'')) {
		p->type = PIECE_LITERAL;
		if (parse_literal(s, &p->literal) == -1)
			return -1;
	} else {
		p->type = PIECE_PATH;
		if (expression_name_length(s->at, s->end) == 0)
			return refuse_beginning(s);
		if (parse_path(s, &p->path) == -1)
			return -1;
	}
	skip_space(s);
	if (!sees_end(s))
		return refuse_ending(s, p->type == PIECE_LITERAL);
	s->at += 2;
	return 0;
}

void
expression_read(struct expression_reader *r, const char *text, size_t n)
{
	*r = (struct expression_reader){text, text, n != 0 ? text + n : text};
}

void
expression_piece_release(struct expression_piece *p)
{
	buf_release(&p->literal);
	for (size_t i = 0; i < p->path.n; i++)
		free(p->path.parts[i]);
	p->path.n = 0;
}

/* Where "{{" or "}}" stands; end when it does not. */
static const char *
find(const char *p, const char *end, const char *braces)
{
	const char *found = p < end ? memmem(p, (size_t)(end - p), braces, 2) : NULL;

	return found != NULL ? found : end;
}

int
expression_next(struct expression_reader *r, struct expression_piece *p, struct expression_error *e)
{
	struct parse s = {.end = r->end};

	if (r->at == r->end)
		return 0;
	*p = (struct expression_piece){.type = PIECE_TEXT, .text = r->at, .literal = BUF_INIT};
	s.at = find(r->at, r->end, "{{");
	if (s.at > r->at) {
		p->len = (size_t)(s.at - r->at);
		r->at = s.at;
		return 1;
	}
	s.at += 2;
	if (p->text > r->text && p->text[-1] == '$') {
		s.why = xstrdup("an expression begins with '{{', not with '${{': leave out the '$'; where a dollar "
		    "sign is meant to stand before the value, write {{ \"$\" }} for it");
	} else if (parse_expression(&s, p) == 0) {
		p->len = (size_t)(s.at - p->text);
		r->at = s.at;
		return 1;
	}
	/* Quotes that do not end have taken the "}}" in. */
	s.at = find(s.at < s.end ? s.at : p->text, s.end, "}}");
	if (s.at < s.end)
		s.at += 2;
	expression_fault(e, r->text, p->text, (size_t)(s.at - p->text), s.why);
	expression_piece_release(p);
	return -1;
}

int
expression_paths(const char *text, size_t n, bool (*each)(void *data, const struct expression_path *path), void *data,
    struct expression_error *e)
{
	struct expression_reader r;
	struct expression_piece p;
	bool go_on = true;
	int found = 0;

	expression_read(&r, text, n);
	while (go_on && (found = expression_next(&r, &p, e)) == 1) {
		if (p.type == PIECE_PATH)
			go_on = each(data, &p.path);
		expression_piece_release(&p);
	}
	return found == -1 ? -1 : 0;
}
