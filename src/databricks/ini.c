#include "databricks/ini.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

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

static void
read_value(struct ini *i, const char *section, const char *line, size_t n)
{
	size_t k = 0, key_len, value_len;
	const char *key, *value;
	char *name;

	while (k < n && line[k] != '=' && line[k] != ':')
		k++;
	if (k == n)
		return;
	key_len = k;
	key = trim(line, &key_len);
	value = line + k + 1;
	value_len = n - k - 1;
	for (size_t c = 0; c < value_len; c++) {
		if ((value[c] == '#' || value[c] == ';') && (c == 0 || is_blank(value[c - 1]))) {
			value_len = c;
			break;
		}
	}
	value = trim(value, &value_len);
	if (value_len >= 2 && (*value == '"' || *value == '\'') && value[value_len - 1] == *value) {
		value++;
		value_len -= 2;
	}
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
	char *section = xstrdup("DEFAULT");

	for (const char *p = text; p < end;) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t len = newline != NULL ? (size_t)(newline - p) : (size_t)(end - p), name_len;
		const char *line = trim(p, &len), *close, *name;

		p = newline != NULL ? newline + 1 : end;
		if (len == 0 || *line == '#' || *line == ';')
			continue;
		close = *line == '[' ? memchr(line, ']', len) : NULL;
		if (close != NULL) {
			name_len = (size_t)(close - line - 1);
			name = trim(line + 1, &name_len);
			free(section);
			section = xmemdup0(name, name_len);
			add(i, section, NULL, NULL);
		} else if (*line != '[') {
			read_value(i, section, line, len);
		}
	}
	free(section);
}

const char *
ini_get(const struct ini *i, const char *section, const char *key)
{
	const char *found = NULL;

	for (size_t k = 0; k < i->n; k++)
		if (i->list[k].key != NULL && strcmp(i->list[k].section, section) == 0 && strcmp(i->list[k].key, key) == 0)
			found = i->list[k].value;
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
