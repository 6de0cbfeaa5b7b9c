#include "notebook/source.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "notebook/output.h"
#include "workflow/name.h"

#define MARK "\xef\xbb\xbf"	/* the byte order mark */
#define MARK_LEN ((size_t)3)
#define SEPARATOR " COMMAND ----------"

/* A cell of the file. */
struct part {
	unsigned line;	/* of its first line of text, from 1 */
	struct buf title;
	bool has_title, shows_title;
	struct buf text;	/* without MAGIC; lines end with '\n' alone, and the last one with nothing */
};

struct conversion {
	enum cell_language language;
	const char *comment;
	struct json_out out;
	unsigned *lines;
	size_t n, cap;	/* of the lines; the cells so far */
};

const char *
source_header(const char *path, enum cell_language *l)
{
	static const struct {
		const char *ending, *header;
		enum cell_language language;
	} kinds[] = {
		{".py", "# Databricks notebook source", LANGUAGE_PYTHON},
		{".sql", "-- Databricks notebook source", LANGUAGE_SQL},
		{".r", "# Databricks notebook source", LANGUAGE_R},
		{".R", "# Databricks notebook source", LANGUAGE_R},
		{".scala", "// Databricks notebook source", LANGUAGE_SCALA},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (name_ends(path, kinds[i].ending)) {
			if (l != NULL)
				*l = kinds[i].language;
			return kinds[i].header;
		}
	}
	return NULL;
}

bool
source_has_header(const char *header, const char *text, size_t n)
{
	size_t k = strlen(header), mark = n >= MARK_LEN && memcmp(text, MARK, MARK_LEN) == 0 ? MARK_LEN : 0;

	text += mark;
	n -= mark;
	return n >= k && memcmp(text, header, k) == 0 && (n == k || text[k] == '\n' || text[k] == '\r');
}

/* Whether the line is the comment with that text behind it; what follows begins at *rest. */
static bool
is_marked(const struct conversion *c, const char *p, const char *end, const char *text, const char **rest)
{
	size_t n = strlen(c->comment), k = strlen(text);

	if ((size_t)(end - p) < n + k || memcmp(p, c->comment, n) != 0 || memcmp(p + n, text, k) != 0)
		return false;
	*rest = p + n + k;
	return true;
}

static bool
is_separator(const struct conversion *c, const char *p, const char *end)
{
	const char *rest;

	if (!is_marked(c, p, end, SEPARATOR, &rest))
		return false;
	while (rest < end && *rest == '-')
		rest++;
	return line_is_blank(rest, end);
}

/* "# DBTITLE 1,text", or 0 for a title that is not shown. */
static bool
read_title(const struct conversion *c, const char *p, const char *end, struct part *part)
{
	const char *rest;

	if (!is_marked(c, p, end, " DBTITLE ", &rest) || end - rest < 2 || (*rest != '0' && *rest != '1') || rest[1] != ',')
		return false;
	part->has_title = true;
	part->shows_title = *rest == '1';
	buf_add(&part->title, rest + 2, (size_t)(end - rest) - 2);
	return true;
}

/* Takes a line of a cell; blanks that come at its end are held back until something follows. */
static void
add_line(const struct conversion *c, struct part *part, const char *p, const char *end, size_t *blanks)
{
	const char *rest;

	if (is_marked(c, p, end, " MAGIC", &rest) && (rest == end || *rest == ' ' || *rest == '\t')) {
		p = rest < end ? rest + 1 : rest;
	} else if (line_is_blank(p, end)) {
		(*blanks)++;
		return;
	}
	buf_fill(&part->text, '\n', *blanks);
	*blanks = 1;
	buf_add(&part->text, p, (size_t)(end - p));
}

/* Reads the cell that begins at p, on that line. Returns where its separator's line ends; NULL when it is the last. */
static const char *
read_part(const struct conversion *c, const char *p, const char *limit, unsigned *line, struct part *part)
{
	size_t blanks = 0;
	bool begun = false;

	*part = (struct part){.line = *line, .title = BUF_INIT, .text = BUF_INIT};
	while (p < limit) {
		const char *end, *next = line_next(p, limit, &end);

		(*line)++;
		if (is_separator(c, p, end))
			return next;
		if (!begun && !line_is_blank(p, end)) {
			part->line = *line - 1;
			begun = part->has_title || !read_title(c, p, end, part);
		}
		if (begun)
			add_line(c, part, p, end, &blanks);
		p = next;
	}
	return NULL;
}

static void
put_source(struct json_out *o, const char *text, size_t n)
{
	struct buf lines = BUF_INIT;

	output_put_lines(&lines, text, n, 0);
	json_out_key(o, "source");
	json_out_value(o, json_of(buf_str(&lines)));
	buf_release(&lines);
}

static void
put_part(struct conversion *c, struct part *part)
{
	struct json_out *o = &c->out;
	struct buf body = BUF_INIT;
	struct magic m;
	char *id;

	magic_find(&m, buf_str(&part->text), part->text.len, c->language);
	json_out_open(o, '{');
	json_out_key(o, "cell_type");
	json_out_str(o, m.language == LANGUAGE_MD ? "markdown" : "code");
	if (m.language != LANGUAGE_MD) {
		json_out_key(o, "execution_count");
		json_out_value(o, JSON_NOTHING);
	}
	id = xasprintf("cell-%zu", c->n);
	json_out_key(o, "id");
	json_out_str(o, id);
	free(id);
	json_out_key(o, "metadata");
	json_out_open(o, '{');
	if (part->has_title) {
		json_out_key(o, "application/vnd.databricks.v1+cell");
		json_out_open(o, '{');
		json_out_key(o, "showTitle");
		json_out_bool(o, part->shows_title);
		json_out_key(o, "title");
		json_out_str(o, buf_str(&part->title));
		json_out_close(o, '}');
	}
	json_out_close(o, '}');
	if (m.language == LANGUAGE_MD) {
		magic_body(&m, buf_str(&part->text), part->text.len, &body);
		put_source(o, buf_str(&body), body.len);
	} else {
		json_out_key(o, "outputs");
		json_out_open(o, '[');
		json_out_close(o, ']');
		put_source(o, buf_str(&part->text), part->text.len);
	}
	json_out_close(o, '}');
	buf_release(&body);
	c->lines = xgrow(c->lines, c->n, &c->cap, sizeof(*c->lines));
	c->lines[c->n++] = part->line;
}

/* Passes the description of an environment over, when there is one. */
static const char *
skip_environment(const struct conversion *c, const char *p, const char *limit, unsigned *line)
{
	const char *at = p, *rest, *end, *next;
	unsigned passed = 0;

	while (at < limit) {
		next = line_next(at, limit, &end);
		if (passed == 0 ? !is_marked(c, at, end, " /// script", &rest) || !line_is_blank(rest, end) :
		    !is_marked(c, at, end, "", &rest))
			return p;	/* it does not begin, or does not end */
		if (passed > 0 && is_marked(c, at, end, " ///", &rest) && line_is_blank(rest, end)) {
			*line += passed + 1;
			return next;
		}
		passed++;
		at = next;
	}
	return p;
}

static void
put_metadata(struct conversion *c, const char *path)
{
	struct json_out *o = &c->out;
	char *name = name_of_path(path);

	json_out_key(o, "metadata");
	json_out_open(o, '{');
	json_out_key(o, "application/vnd.databricks.v1+notebook");
	json_out_open(o, '{');
	json_out_key(o, "language");
	json_out_str(o, language_name(c->language));
	json_out_key(o, "notebookName");
	json_out_str(o, name);
	json_out_key(o, "widgets");
	json_out_open(o, '{');
	json_out_close(o, '}');
	json_out_close(o, '}');
	json_out_key(o, "language_info");
	json_out_open(o, '{');
	json_out_key(o, "name");
	json_out_str(o, language_name(c->language));
	json_out_close(o, '}');
	json_out_close(o, '}');
	json_out_key(o, "nbformat");
	json_out_int(o, 4);
	json_out_key(o, "nbformat_minor");
	json_out_int(o, 5);
	free(name);
}

/* Whether all of it is text that a cell can hold; else says where it is not. */
static int
check_text(const char *path, const struct buf *text, struct problems *p)
{
	size_t at = utf8_check(buf_str(text), text->len);
	const char *nul = memchr(buf_str(text), '\0', text->len);
	unsigned line, column;

	if (nul != NULL && (size_t)(nul - text->data) < at)
		at = (size_t)(nul - text->data);
	if (at == text->len)
		return 0;
	json_position(text->data, at, &line, &column);
	problems_add(p, path, line, column, "not a notebook: %s", text->data[at] == '\0' ? "a NUL character" :
	    "text that is not UTF-8");
	return -1;
}

int
source_convert(const char *path, const struct buf *text, struct buf *json, unsigned **lines, struct problems *p)
{
	const char *at = buf_str(text), *limit = at + text->len, *end, *header;
	struct conversion c = {.out = JSON_OUT(json, 1, 0)};
	struct part part;
	unsigned line = 2;

	*lines = NULL;
	header = source_header(path, &c.language);
	c.comment = language_comment(c.language);
	if (check_text(path, text, p) == -1)
		return -1;
	if (header == NULL || !source_has_header(header, at, (size_t)(limit - at))) {
		problems_add(p, path, 1, 1, "not a notebook: its first line must be '%s'",
		    header != NULL ? header : "");
		return -1;
	}
	json_out_open(&c.out, '{');
	json_out_key(&c.out, "cells");
	json_out_open(&c.out, '[');
	at = skip_environment(&c, line_next(at, limit, &end), limit, &line);
	while (at != NULL) {
		at = read_part(&c, at, limit, &line, &part);
		put_part(&c, &part);
		buf_release(&part.title);
		buf_release(&part.text);
	}
	json_out_close(&c.out, ']');
	put_metadata(&c, path);
	json_out_close(&c.out, '}');
	buf_addc(json, '\n');
	*lines = c.lines;
	return 0;
}
