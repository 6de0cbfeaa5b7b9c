/* Reading single values and maps by tables of keys. */
#include "workflow/loader.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

int
shown_bytes(const char *s)
{
	size_t n = strnlen(s, 100);

	/* Not half a character. */
	if (n == 100)
		while (n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80)
			n--;
	return (int)n;
}

void
loader_problem(struct loader *l, struct mark at, const char *fmt, ...)
{
	char *message;
	va_list ap;

	if (l->reported++ >= PROBLEMS_MAX) {
		if (l->reported == PROBLEMS_MAX + 1)
			problems_add(l->problems, l->label, 0, 0, "more than %d problems; these are the first",
			    PROBLEMS_MAX);
		return;
	}
	va_start(ap, fmt);
	message = xvasprintf(fmt, ap);
	va_end(ap);
	if (l->option != NULL)
		problems_add(l->problems, NULL, 0, 0, "option '%s': %s", l->option, message);
	else
		problems_add(l->problems, l->label, at.line, at.column, "%s", message);
	free(message);
}

/* ---- Maps ---- */

static void
unknown_key(struct loader *l, const struct yaml_key *key, const struct loader_key *keys, size_t n)
{
	struct guess guess = {.word = key->name};

	for (size_t i = 0; i < n; i++)
		guess_consider(&guess, keys[i].name);
	if (guess.best != NULL)
		loader_problem(l, key->mark, "unknown key '%.*s'; did you mean '%s'?", SHOWN(key->name), guess.best);
	else
		loader_problem(l, key->mark, "unknown key '%.*s'; a key of your own begins with x-", SHOWN(key->name));
}

void
loader_map(struct loader *l, const struct yaml_node *map, const struct loader_key *keys, size_t n, void *into)
{
	for (size_t i = 0; i < map->n; i++) {
		const struct yaml_key *key = &map->keys[i];
		size_t k = 0;

		while (k < n && strcmp(keys[k].name, key->name) != 0)
			k++;
		if (k == n) {
			if (strncmp(key->name, "x-", 2) != 0)
				unknown_key(l, key, keys, n);
		} else if (keys[k].read == NULL) {
			loader_problem(l, key->mark, "key '%s' is not supported yet", key->name);
		}
	}
	for (size_t k = 0; k < n; k++) {
		size_t i = 0;

		if (keys[k].read == NULL)
			continue;
		while (i < map->n && strcmp(map->keys[i].name, keys[k].name) != 0)
			i++;
		if (i < map->n)
			keys[k].read(l, into, &map->keys[i], map->items[i]);
	}
}

/* ---- Single values ---- */

bool
loader_no_expression(struct loader *l, struct mark at, const char *text)
{
	if (strstr(text, "{{") == NULL)
		return true;
	loader_problem(l, at, "expressions ({{ ... }}) are not supported yet");
	return false;
}

/* Says that a value is not of the kind that is wanted. */
static void
wrong_type(struct loader *l, const char *key, const struct yaml_node *value, const char *wanted)
{
	if (value->type == YAML_STRING && !loader_no_expression(l, value->mark, value->text))
		return;
	if (value->type == YAML_NULL)
		loader_problem(l, value->mark, "'%s' has no value; write %s, or leave the key out", key, wanted);
	else if (value->type == YAML_STRING)
		loader_problem(l, value->mark, "'%s' must be %s, not the text '%.*s'", key, wanted, SHOWN(value->text));
	else
		loader_problem(l, value->mark, "'%s' must be %s, not %s", key, wanted, yaml_type_name(value->type));
}

bool
loader_is_map(struct loader *l, const char *key, const struct yaml_node *value)
{
	if (value->type == YAML_MAP)
		return true;
	wrong_type(l, key, value, "a map");
	return false;
}

char *
loader_text(struct loader *l, const char *key, const struct yaml_node *value)
{
	/* An unquoted number or bool is taken as it was written: the name 1.10 is not 1.1. */
	if (value->type == YAML_NULL || value->type == YAML_LIST || value->type == YAML_MAP) {
		wrong_type(l, key, value, "text");
		return NULL;
	}
	if (value->len == 0) {
		loader_problem(l, value->mark, "'%s' is empty; write text, or leave the key out", key);
		return NULL;
	}
	if (!loader_no_expression(l, value->mark, value->text))
		return NULL;
	return xstrdup(value->text);
}

bool
loader_bool(struct loader *l, const char *key, const struct yaml_node *value, bool *b)
{
	static const char *const words[] = {"yes", "no", "on", "off", "y", "n", "true", "false"};

	if (value->type == YAML_BOOL) {
		*b = value->boolean;
		return true;
	}
	for (size_t i = 0; value->type == YAML_STRING && i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(value->text, words[i]) == 0) {
			loader_problem(l, value->mark, "'%s' is the text '%s'; write true or false, without quotes", key,
			    value->text);
			return false;
		}
	}
	wrong_type(l, key, value, "true or false");
	return false;
}

bool
loader_integer(struct loader *l, const char *key, const struct yaml_node *value, int64_t min, int64_t max,
    int64_t *n)
{
	char wanted[80];
	double d;

	/* The bounds are small, so a double is exact where it matters. */
	if (value->type == YAML_INT && yaml_number(value, &d) && d >= (double)min && d <= (double)max) {
		*n = (int64_t)d;
		return true;
	}
	snprintf(wanted, sizeof(wanted), "a whole number from %lld to %lld", (long long)min, (long long)max);
	if (value->type == YAML_INT || value->type == YAML_FLOAT)
		loader_problem(l, value->mark, "'%s' must be %s, not %.*s", key, wanted, SHOWN(value->text));
	else
		wrong_type(l, key, value, wanted);
	return false;
}

bool
loader_seconds(struct loader *l, const char *key, const struct yaml_node *value, int64_t *nanoseconds)
{
	static const char wanted[] = "a number of seconds, such as 600";
	double d;

	if (!yaml_number(value, &d)) {
		wrong_type(l, key, value, wanted);
		return false;
	}
	if (!isfinite(d) || d < 0) {
		loader_problem(l, value->mark, "'%s' must be %s, not %.*s", key, wanted, SHOWN(value->text));
		return false;
	}
	*nanoseconds = clock_from_seconds(d);
	/* What is less than a nanosecond must not become 0, which is no limit at all. */
	if (*nanoseconds == 0 && d > 0)
		*nanoseconds = 1;
	return true;
}

void
loader_none_of(struct loader *l, struct mark at, const char *subject, const char *text, const char *const *choices,
    size_t nchoices)
{
	struct guess guess = {.word = text};
	struct buf list = BUF_INIT;

	for (size_t i = 0; i < nchoices; i++) {
		guess_consider(&guess, choices[i]);
		buf_addf(&list, "%s%.*s", i > 0 ? ", " : "", SHOWN(choices[i]));
	}
	if (guess.best != NULL)
		buf_addf(&list, "; did you mean '%s'?", guess.best);
	loader_problem(l, at, "%s '%.*s', which is none of %s", subject, SHOWN(text), buf_str(&list));
	buf_release(&list);
}

bool
loader_choice(struct loader *l, const char *key, const struct yaml_node *value, const char *const *choices,
    size_t nchoices, size_t *chosen)
{
	char *text = loader_text(l, key, value), *subject;
	size_t i = 0;

	if (text == NULL)
		return false;
	while (i < nchoices && strcmp(choices[i], text) != 0)
		i++;
	if (i == nchoices) {
		subject = xasprintf("%s is", key);
		loader_none_of(l, value->mark, subject, text, choices, nchoices);
		free(subject);
	} else {
		*chosen = i;
	}
	free(text);
	return i < nchoices;
}

bool
loader_name_ok(struct loader *l, struct mark at, const char *what, const char *text, const char *instead)
{
	const char *fault = name_fault(text);

	if (fault == NULL)
		return true;
	loader_problem(l, at, "%s '%.*s' %s; files are named by it%s", what, SHOWN(text), fault, instead);
	return false;
}
