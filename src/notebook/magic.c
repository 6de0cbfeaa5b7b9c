#include "notebook/magic.h"

#include <string.h>
#include <strings.h>

static const char *const names[] = {
	[LANGUAGE_PYTHON] = "python",
	[LANGUAGE_SQL] = "sql",
	[LANGUAGE_R] = "r",
	[LANGUAGE_SCALA] = "scala",
	[LANGUAGE_SH] = "sh",
	[LANGUAGE_FS] = "fs",
	[LANGUAGE_PIP] = "pip",
	[LANGUAGE_RUN] = "run",
	[LANGUAGE_MD] = "md",
	[LANGUAGE_SKIP] = "skip",
};

#define NAMES (sizeof(names) / sizeof(names[0]))
#define SANDBOX "md-sandbox"	/* Markdown too: its HTML is shown in a frame */

const char *
language_name(enum cell_language l)
{
	return names[l];
}

bool
language_parse(const char *name, enum cell_language *l)
{
	for (size_t i = 0; name != NULL && i < LANGUAGES; i++) {
		if (strcasecmp(name, names[i]) == 0) {
			*l = (enum cell_language)i;
			return true;
		}
	}
	return false;
}

const char *
language_comment(enum cell_language l)
{
	switch (l) {
	case LANGUAGE_SQL:
		return "--";
	case LANGUAGE_SCALA:
		return "//";
	default:
		return "#";
	}
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}

const char *
line_next(const char *p, const char *limit, const char **end)
{
	const char *stop = memchr(p, '\n', (size_t)(limit - p));
	const char *last = stop != NULL ? stop : limit;

	*end = last > p && last[-1] == '\r' ? last - 1 : last;
	return stop != NULL ? stop + 1 : limit;
}

bool
line_is_blank(const char *p, const char *end)
{
	while (p < end && is_space(*p))
		p++;
	return p == end;
}

bool
line_is_comment(const char *p, const char *end, const char *comment)
{
	size_t n = strlen(comment);

	while (p < end && is_space(*p))
		p++;
	return (size_t)(end - p) >= n && memcmp(p, comment, n) == 0;
}

/* Which magic the line begins with, and where the rest of it begins; false for none. */
static bool
read_magic(const char *p, const char *end, enum cell_language *l, const char **rest)
{
	const char *word = p;
	size_t n;

	if (p == end || *p != '%')
		return false;
	for (word = ++p; p < end && !is_space(*p); p++)
		;
	n = (size_t)(p - word);
	*rest = p;
	if (n == strlen(SANDBOX) && memcmp(word, SANDBOX, n) == 0) {
		*l = LANGUAGE_MD;
		return true;
	}
	for (size_t i = 0; i < NAMES; i++) {
		if (n == strlen(names[i]) && memcmp(word, names[i], n) == 0) {
			*l = (enum cell_language)i;
			return true;
		}
	}
	return false;
}

/*
 * Whether a cell is made of commands of pip alone, with their continuation lines, comments and blank lines. One that
 * goes on with other code is code, in which %pip is a magic of IPython's.
 */
static bool
is_all_pip(const char *p, const char *limit)
{
	bool continued = false;

	while (p < limit) {
		const char *end, *rest, *next = line_next(p, limit, &end);
		enum cell_language l;

		if (!continued) {
			while (p < end && is_space(*p))
				p++;
			if (p < end && *p != '#' && (!read_magic(p, end, &l, &rest) || l != LANGUAGE_PIP))
				return false;
		}
		continued = end > p && end[-1] == '\\';
		p = next;
	}
	return true;
}

void
magic_find(struct magic *m, const char *text, size_t n, enum cell_language notebook)
{
	const char *p = text, *limit = text + n, *end, *rest;
	const char *comment = language_comment(notebook);

	*m = (struct magic){.language = notebook, .at = n};
	while (p < limit) {
		const char *next = line_next(p, limit, &end);

		if (!line_is_blank(p, end) && !line_is_comment(p, end, comment))
			break;
		p = next;
	}
	if (p == limit)
		return;
	line_next(p, limit, &end);
	while (is_space(*p))
		p++;
	if (!read_magic(p, end, &m->language, &rest))
		return;
	if (m->language == LANGUAGE_PIP && !is_all_pip(p, limit)) {
		m->language = LANGUAGE_PYTHON;
		return;
	}
	m->written = true;
	m->at = (size_t)(p - text);
	while (rest < end && is_space(*rest))
		rest++;
	m->body = (size_t)(rest - text);
}

void
magic_body(const struct magic *m, const char *text, size_t n, struct buf *out)
{
	size_t from = m->body;

	if (!m->written || m->language == LANGUAGE_PIP) {
		buf_add(out, text, n);
		return;
	}
	if (m->language == LANGUAGE_PYTHON || m->language == LANGUAGE_R || m->language == LANGUAGE_SCALA) {
		/* The lines keep their numbers, for messages. Comments before it are those of another language. */
		for (size_t i = 0; i < m->at; i++)
			if (text[i] == '\n')
				buf_addc(out, '\n');
	} else {
		if (from < n && text[from] == '\r')
			from++;
		if (from < n && text[from] == '\n')
			from++;
	}
	buf_add(out, text + from, n - from);
}
