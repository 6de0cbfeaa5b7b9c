#include "notebook/defaults.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/utf8.h"

#define WRITTEN_COLUMNS 60
#define ABOUT_COLUMNS 80

static bool
is_letter(char c)
{
	return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80) != 0;
}

/* The end of a name; p itself where there is none. */
static const char *
name_end(const char *p, const char *limit)
{
	const char *q = p;

	while (q < limit && (is_letter(*q) || (q > p && *q >= '0' && *q <= '9')))
		q++;
	return q;
}

static const char *
skip_blanks(const char *p, const char *limit)
{
	while (p < limit && (*p == ' ' || *p == '\t'))
		p++;
	return p;
}

/* Text on one line, without white space around it; NULL when nothing is left of it. */
static char *
one_line(const char *p, const char *end, size_t columns)
{
	struct buf text = BUF_INIT, shown = BUF_INIT;

	for (; p < end; p++)
		if (*p == '\n' || *p == '\r' || *p == '\t' || *p == ' ') {
			if (text.len > 0 && text.data[text.len - 1] != ' ')
				buf_addc(&text, ' ');
		} else {
			buf_addc(&text, *p);
		}
	while (text.len > 0 && text.data[text.len - 1] == ' ')
		buf_truncate(&text, text.len - 1);
	if (text.len > 0)
		utf8_put_visible(&shown, text.data, text.len, columns);
	buf_release(&text);
	return shown.len > 0 ? buf_steal(&shown) : NULL;
}

/* Adds one, unless there is one of that name already; takes what it owns. */
static void
add(struct default_values *d, struct default_value *v)
{
	size_t i = 0;

	while (i < d->n && strcmp(d->list[i].name, v->name) != 0)
		i++;
	if (i == d->n) {
		d->list = xgrow(d->list, d->n, &d->cap, sizeof(*d->list));
		d->list[d->n++] = *v;
		return;
	}
	free(v->name);
	free(v->value);
	free(v->written);
	free(v->type);
	free(v->about);
}

void
defaults_release(struct default_values *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->list[i].name);
		free(d->list[i].value);
		free(d->list[i].written);
		free(d->list[i].type);
		free(d->list[i].about);
	}
	free(d->list);
	*d = (struct default_values)DEFAULT_VALUES_INIT;
}

/* ---- The cell tagged "parameters" ---- */

/* Where a comment begins: p itself, or NULL where there is none. */
static const char *
comment_at(const char *p, const char *limit)
{
	if (p < limit && (*p == '#' || *p == '%'))
		return p + 1;
	return limit - p >= 2 && p[0] == '/' && p[1] == '/' ? p + 2 : NULL;
}

/* "# type: TYPE what it is", of which both parts may be missing. */
static void
read_comment(const char *p, const char *end, struct default_value *v)
{
	const char *word;

	p = skip_blanks(p, end);
	if (end - p > 5 && memcmp(p, "type:", 5) == 0) {
		p = skip_blanks(p + 5, end);
		for (word = p; p < end && *p != ' ' && *p != '\t';)
			p++;
		if (v->type == NULL)
			v->type = one_line(word, p, WRITTEN_COLUMNS);
	}
	v->about = one_line(p, end, ABOUT_COLUMNS);
}

/* ": TYPE" between a name and its '='; returns where that is, or p. */
static const char *
read_annotation(const char *p, const char *end, struct default_value *v)
{
	const char *colon = p;
	int depth = 0;

	if (p == end || *p != ':')
		return p;
	for (p++; p < end && (*p != '=' || depth > 0); p++)
		depth += *p == '[' || *p == '(' ? 1 : *p == ']' || *p == ')' ? -1 : 0;
	v->type = one_line(colon + 1, p, WRITTEN_COLUMNS);
	return p;
}

/* Reads the assignment that a statement is, if it is one. */
static void
read_statement(const char *p, const char *end, struct default_values *d)
{
	static const char *const words[] = {"val ", "var ", "let ", "const ", "$"};
	struct default_value v = {.name = NULL};
	const char *name = p, *value, *after;
	struct buf json = BUF_INIT;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if ((size_t)(end - name) > strlen(words[i]) && strncmp(name, words[i], strlen(words[i])) == 0)
			name = skip_blanks(name + strlen(words[i]), end);
	p = name_end(name, end);
	if (p == name)
		return;
	v.name = xmemdup0(name, (size_t)(p - name));
	p = read_annotation(skip_blanks(p, end), end, &v);
	if (end - p > 1 && p[0] == '<' && p[1] == '-')
		p += 2;
	else if (end - p > 1 && p[0] == '=' && p[1] != '=')
		p++;
	else
		goto not_one;
	value = skip_blanks(p, end);
	after = python_literal(value, end, &json);
	if (after != NULL) {
		after = skip_blanks(after, end);
		after = skip_blanks(after < end && *after == ';' ? after + 1 : after, end);
		if (after < end && *after == '\r')
			after++;
	}
	if (after != NULL && (after == end || comment_at(after, end) != NULL)) {
		v.value = buf_steal(&json);
		v.written = one_line(value, after, WRITTEN_COLUMNS);
		if (after < end)
			read_comment(comment_at(after, end), end, &v);
	} else {
		v.written = one_line(value, end, WRITTEN_COLUMNS);
	}
	buf_release(&json);
	add(d, &v);
	return;
not_one:
	free(v.name);
	free(v.type);
}

static void
read_parameters_cell(const struct cell *c, struct default_values *d)
{
	struct buf source = BUF_INIT;
	const char *p, *limit, *end;

	cell_source(c, &source);
	p = buf_str(&source);
	for (limit = p + source.len; p < limit; p = end + 1) {
		end = python_statement_end(p, limit);
		read_statement(p, end, d);
	}
	buf_release(&source);
}

/* ---- Widgets ---- */

/* Whether a comment begins on the line of p before it. */
static bool
is_commented(const char *text, const char *p)
{
	const char *line = p;

	while (line > text && line[-1] != '\n')
		line--;
	line = skip_blanks(line, p);
	return line < p && (*line == '#' || strncmp(line, "//", 2) == 0 || strncmp(line, "--", 2) == 0);
}

/* An argument that is text: its JSON, or NULL. "name = " before it is passed over. *p is then behind it. */
static char *
read_argument(const char **p, const char *limit)
{
	struct buf json = BUF_INIT;
	const char *word, *end;

	while (*p < limit && strchr(" \t\r\n", **p) != NULL && **p != '\0')
		++*p;
	word = skip_blanks(name_end(*p, limit), limit);
	if (word > *p && limit - word > 1 && *word == '=' && word[1] != '=')
		*p = skip_blanks(word + 1, limit);
	end = python_literal(*p, limit, &json);
	if (end == NULL || *buf_str(&json) != '"') {
		buf_release(&json);
		return NULL;
	}
	for (*p = end; *p < limit && strchr(" \t\r\n", **p) != NULL && **p != '\0';)
		++*p;
	return buf_steal(&json);
}

/* dbutils.widgets.text(NAME, DEFAULT, ...), of Python, Scala and R. */
static void
read_call(const char *p, const char *limit, struct default_values *d)
{
	static const char *const kinds[] = {"text", "dropdown", "combobox", "multiselect"};
	struct default_value v = {.name = NULL};
	const char *end = name_end(p, limit);
	char *name = NULL;
	bool known = false;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		known = known || (strlen(kinds[i]) == (size_t)(end - p) && memcmp(kinds[i], p, strlen(kinds[i])) == 0);
	p = skip_blanks(end, limit);
	if (!known || p == limit || *p != '(')
		return;
	p++;
	name = read_argument(&p, limit);
	if (name == NULL)
		return;
	v.name = json_strdup(json_of(name));
	free(name);
	if (p < limit && *p == ',') {
		p++;
		v.value = read_argument(&p, limit);
	}
	if (v.name != NULL && *v.name != '\0')
		add(d, &v);
	else
		free(v.value), free(v.name);
}

/* Appends the text of a string of SQL as JSON, whose quotes are doubled inside; NULL when it is none. */
static const char *
read_sql_string(const char *p, const char *limit, char **json)
{
	struct buf text = BUF_INIT, out = BUF_INIT;
	char quote;

	if (p == limit || (*p != '\'' && *p != '"'))
		return NULL;
	for (quote = *p++; p < limit; p++) {
		if (*p == quote && (p + 1 == limit || p[1] != quote))
			break;
		if (*p == quote || (*p == '\\' && p + 1 < limit))
			p++;
		buf_addc(&text, *p);
	}
	if (p < limit) {
		json_put_string(&out, buf_str(&text), text.len);
		*json = buf_steal(&out);
	}
	buf_release(&text);
	return p < limit ? p + 1 : NULL;
}

/* A word of SQL, in any case; returns what comes behind it and white space, or NULL. */
static const char *
read_sql_word(const char *p, const char *limit, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(limit - p) < n || strncasecmp(p, word, n) != 0 || (p + n < limit && is_letter(p[n])))
		return NULL;
	for (p += n; p < limit && strchr(" \t\r\n", *p) != NULL && *p != '\0';)
		p++;
	return p;
}

/* What follows CREATE WIDGET: TEXT name DEFAULT 'value'. */
static void
read_sql_widget(const char *p, const char *limit, struct default_values *d)
{
	static const char *const kinds[] = {"TEXT", "DROPDOWN", "COMBOBOX", "MULTISELECT"};
	struct default_value v = {.name = NULL};
	const char *after = NULL, *end;

	for (size_t i = 0; after == NULL && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		after = read_sql_word(p, limit, kinds[i]);
	if (after == NULL)
		return;
	p = after;
	if (p < limit && *p == '`') {
		end = memchr(p + 1, '`', (size_t)(limit - p) - 1);
		if (end == NULL)
			return;
		v.name = xmemdup0(p + 1, (size_t)(end - p) - 1);
		p = end + 1;
	} else {
		end = name_end(p, limit);
		v.name = xmemdup0(p, (size_t)(end - p));
		p = end;
	}
	while (p < limit && strchr(" \t\r\n", *p) != NULL && *p != '\0')
		p++;
	if ((p = read_sql_word(p, limit, "DEFAULT")) != NULL)
		read_sql_string(p, limit, &v.value);
	if (*v.name != '\0')
		add(d, &v);
	else
		free(v.value), free(v.name);
}

static void
read_widgets(const struct cell *c, struct default_values *d)
{
	static const char call[] = "dbutils.widgets.";
	struct buf source = BUF_INIT;
	const char *text, *limit, *after;

	cell_source(c, &source);
	text = buf_str(&source);
	limit = text + source.len;
	for (const char *p = text; (p = memmem(p, (size_t)(limit - p), call, strlen(call))) != NULL; p++)
		if (!is_commented(text, p))
			read_call(p + strlen(call), limit, d);
	for (const char *p = text; p < limit; p++) {
		if ((*p != 'C' && *p != 'c') || (p > text && is_letter(p[-1])) || (after = read_sql_word(p, limit, "CREATE")) == NULL ||
		    (after = read_sql_word(after, limit, "WIDGET")) == NULL || is_commented(text, p))
			continue;
		read_sql_widget(after, limit, d);
	}
	buf_release(&source);
}

void
defaults_find(const struct notebook *nb, struct default_values *d)
{
	bool found = false;

	for (size_t i = 0; i < nb->ncells; i++) {
		const struct cell *c = &nb->cells[i];

		if (c->type != CELL_CODE)
			continue;
		if (!found && cell_has_tag(c, "parameters")) {
			found = true;
			read_parameters_cell(c, d);
		}
		if (nb->databricks != DATABRICKS_NONE || nb->default_language == LANGUAGE_SQL)
			read_widgets(c, d);
	}
}
