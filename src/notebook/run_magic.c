#include "notebook/run_magic.h"

#include <stdbool.h>
#include <string.h>

#include "base/json.h"
#include "notebook/magic.h"

void
run_magic_release(struct run_magic *r)
{
	buf_release(&r->path);
	buf_release(&r->arguments);
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Whether a comment begins at p. */
static bool
is_comment(const char *p, const char *end, const char *comment)
{
	return !is_space(*p) && line_is_comment(p, end, comment);
}

/* Passes white space and comments over. */
static const char *
skip(const char *p, const char *end, const char *comment)
{
	while (p < end && (is_space(*p) || is_comment(p, end, comment))) {
		if (!is_space(*p))
			while (p < end && *p != '\n')
				p++;
		else
			p++;
	}
	return p;
}

/* Appends what stands in quotes at p, where there are some. Returns where it ends; NULL when it does not. */
static const char *
read_quoted(const char *p, const char *end, struct buf *out)
{
	const char *close = memchr(p + 1, *p, (size_t)(end - p - 1));

	if (close == NULL)
		return NULL;
	buf_add(out, p + 1, (size_t)(close - p - 1));
	return close + 1;
}

/* Without quotes a path goes on to the end of its line, a comment, or the first value: it may hold spaces. */
static const char *
read_path(const char *p, const char *end, const char *comment, struct buf *out)
{
	const char *stop = p;

	if (*p == '"' || *p == '\'')
		return read_quoted(p, end, out);
	for (; stop < end && *stop != '\n'; stop++)
		if (stop > p && is_space(stop[-1]) && (*stop == '$' || is_comment(stop, end, comment)))
			break;
	end = stop;
	while (end > p && is_space(end[-1]))
		end--;
	buf_add(out, p, (size_t)(end - p));
	return stop;
}

/* $name="value", $name='value', $name=value. Returns where it ends; NULL when it is none. */
static const char *
read_argument(const char *p, const char *end, const char *comment, struct json_out *o)
{
	struct buf name = BUF_INIT, value = BUF_INIT;
	const char *from = ++p;

	while (p < end && !is_space(*p) && *p != '=')
		p++;
	buf_add(&name, from, (size_t)(p - from));
	p = skip(p, end, comment);
	if (name.len == 0 || p == end || *p != '=') {
		p = NULL;
		goto out;
	}
	p = skip(p + 1, end, comment);
	if (p < end && (*p == '"' || *p == '\'')) {
		p = read_quoted(p, end, &value);
		if (p == NULL)
			goto out;
	} else {
		for (from = p; p < end && !is_space(*p); p++)
			;
		buf_add(&value, from, (size_t)(p - from));
	}
	json_out_key(o, buf_str(&name));
	json_out_str(o, buf_str(&value));
out:
	buf_release(&name);
	buf_release(&value);
	return p;
}

const char *
run_magic_read(struct run_magic *r, const char *text, size_t n, const char *comment)
{
	const char *end = text + n, *p = skip(text, end, comment);
	struct json_out o = JSON_OUT(&r->arguments, -1, 0);

	if (p == end || *p == '$')
		return "%run needs the path of a notebook";
	p = read_path(p, end, comment, &r->path);
	if (p == NULL)
		return "the path behind %run has no closing quote";
	p = skip(p, end, comment);
	if (p == end)
		return NULL;
	json_out_open(&o, '{');
	for (; p < end; p = skip(p, end, comment)) {
		if (*p != '$')
			return "%run must be alone in its cell";
		p = read_argument(p, end, comment, &o);
		if (p == NULL)
			return "behind the path of %run there must be values of the form $name=\"value\"";
	}
	json_out_close(&o, '}');
	return NULL;
}
