#include "databricks/ini.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/mem.h"

#define NAMES_MOST 200	/* bytes of sections' names that are enough for a message */

static void
free_value(struct ini_value *v)
{
	free(v->section);
	free(v->key);
	if (v->value != NULL)
		explicit_bzero(v->value, strlen(v->value));
	free(v->value);
}

void
ini_release(struct ini *i)
{
	for (size_t k = 0; k < i->n; k++)
		free_value(&i->list[k]);
	free(i->list);
	*i = (struct ini)INI_INIT;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

/* Takes the white space off both ends of a text of *n bytes. */
static const char *
trim(const char *s, size_t *n)
{
	while (*n > 0 && is_blank(*s)) {
		s++;
		(*n)--;
	}
	while (*n > 0 && is_blank(s[*n - 1]))
		(*n)--;
	return s;
}

/* A section is there even without keys: then with one whose key is NULL. */
static void
add(struct ini *i, const char *section, char *key, char *value)
{
	i->list = xgrow(i->list, i->n, &i->cap, sizeof(*i->list));
	i->list[i->n++] = (struct ini_value){xstrdup(section), key, value};
}

/*
 * What is between quotes, when a value of *n bytes is that and perhaps a comment; else the value without its comment.
 */
static const char *
unquote(const char *value, size_t *n)
{
	const char *close = *n >= 2 && (*value == '"' || *value == '\'') ? memchr(value + 1, *value, *n - 1) : NULL;

	if (close != NULL) {
		const char *rest = close + 1;
		size_t left = *n - (size_t)(rest - value);

		if (left == 0 || (is_blank(*rest) && (rest = trim(rest, &left), *rest == '#' || *rest == ';'))) {
			*n = (size_t)(close - value - 1);
			return value + 1;
		}
	}
	for (size_t c = 1; c < *n; c++) {
		if ((value[c] == '#' || value[c] == ';') && is_blank(value[c - 1])) {
			*n = c;
			break;
		}
	}
	return trim(value, n);
}

static void
read_value(struct ini *i, const char *section, const char *line, size_t n)
{
	size_t k = 0, key_len, value_len;
	const char *key, *value;
	char *name;

	while (k < n && line[k] != '=' && line[k] != ':')
		k++;
	key_len = k;
	key = trim(line, &key_len);
	if (k == n || key_len == 0)
		return;
	value_len = n - k - 1;
	value = trim(line + k + 1, &value_len);
	value = unquote(value, &value_len);
	name = xmemdup0(key, key_len);
	for (char *c = name; *c != '\0'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c += 'a' - 'A';
	add(i, section, name, xmemdup0(value, value_len));
}

void
ini_read(struct ini *i, const char *text, size_t n)
{
	const char *end = text + n;
	const char *start = n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? text + 3 : text;	/* some editors' mark */
	char *section = xstrdup("DEFAULT");

	for (const char *p = start; p < end;) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t len = newline != NULL ? (size_t)(newline - p) : (size_t)(end - p), name_len;
		const char *line = trim(p, &len), *close, *name;

		p = newline != NULL ? newline + 1 : end;
		if (len == 0 || *line == '#' || *line == ';')
			continue;
		if (*line != '[') {
			read_value(i, section, line, len);
			continue;
		}
		close = memchr(line, ']', len);
		name_len = (size_t)((close != NULL ? close : line + len) - line - 1);
		name = trim(line + 1, &name_len);
		free(section);
		section = xmemdup0(name, name_len);
		add(i, section, NULL, NULL);
	}
	free(section);
}

const char *
ini_get(const struct ini *i, const char *section, const char *key)
{
	const char *found = NULL;

	for (size_t k = 0; k < i->n; k++) {
		const struct ini_value *v = &i->list[k];

		if (v->key != NULL && strcmp(v->section, section) == 0 && strcmp(v->key, key) == 0)
			found = v->value;
	}
	return found != NULL && *found != '\0' ? found : NULL;
}

bool
ini_has_section(const struct ini *i, const char *section)
{
	for (size_t k = 0; k < i->n; k++)
		if (strcmp(i->list[k].section, section) == 0)
			return true;
	return false;
}

char *
ini_sections(const struct ini *i)
{
	struct buf names = BUF_INIT;

	for (size_t k = 0; k < i->n; k++) {
		bool seen = false;

		for (size_t before = 0; before < k && !seen; before++)
			seen = strcmp(i->list[before].section, i->list[k].section) == 0;
		if (seen || strncmp(i->list[k].section, "__", 2) == 0)
			continue;
		buf_adds(&names, names.len > 0 ? ", " : "");
		if (names.len > NAMES_MOST) {
			buf_adds(&names, "...");
			break;
		}
		buf_adds(&names, i->list[k].section);
	}
	return buf_steal(&names);
}
