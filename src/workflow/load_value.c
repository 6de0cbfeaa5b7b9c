/* Reading single values, and maps by tables of keys (keys.h). */
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

/* Whether this was said before; notes that it is now. */
static bool
said_before(struct loader *l, struct mark at, const char *message)
{
	char *key = xasprintf("%u:%u:%s:%s", at.line, at.column, l->option != NULL ? l->option : "", message);
	void **place = table_at(&l->said, key, strlen(key));
	bool before = *place != NULL;

	*place = l;	/* anything but NULL */
	free(key);
	return before;
}

void
loader_problem(struct loader *l, struct mark at, const char *fmt, ...)
{
	char *message;
	va_list ap;

	va_start(ap, fmt);
	message = xvasprintf(fmt, ap);
	va_end(ap);
	if (l->reported > PROBLEMS_MAX || said_before(l, at, message)) {
		free(message);
		return;
	}
	if (l->reported++ == PROBLEMS_MAX)
		problems_add(l->problems, l->label, 0, 0, "more than %d problems; these are the first", PROBLEMS_MAX);
	else if (l->option != NULL)
		problems_add(l->problems, NULL, 0, 0, "option '%s': %s", l->option, message);
	else
		problems_add(l->problems, l->label, at.line, at.column, "%s", message);
	free(message);
}

/* ---- Maps ---- */

static void
unknown_key(struct loader *l, const struct yaml_key *key, const struct loader_keys *keys)
{
	struct guess guess = {.word = key->name};

	for (size_t i = 0; i < keys->n; i++)
		guess_consider(&guess, keys->list[i].name);
	if (guess.best != NULL)
		loader_problem(l, key->mark, "unknown key '%.*s'; did you mean '%s'?", SHOWN(key->name), guess.best);
	else
		loader_problem(l, key->mark, "unknown key '%.*s'; a key of your own begins with x-", SHOWN(key->name));
}

/* The index of a key; map->n when it is not there, or there is no map. */
static size_t
find_key(const struct yaml_node *map, const char *name)
{
	size_t i = 0;

	while (i < map->n && strcmp(map->keys[i].name, name) != 0)
		i++;
	return i;
}

void
loader_check_keys(struct loader *l, const struct yaml_node *map, const struct loader_keys *keys)
{
	for (size_t i = 0; i < map->n; i++) {
		const struct yaml_key *key = &map->keys[i];
		size_t k = 0;

		while (k < keys->n && strcmp(keys->list[k].name, key->name) != 0)
			k++;
		if (k == keys->n) {
			if (strncmp(key->name, "x-", 2) != 0)
				unknown_key(l, key, keys);
		} else if (keys->list[k].way == LOADER_MISPLACED) {
			loader_problem(l, key->mark, "key '%s' belongs to a notebook; to set it for all of them, write it under "
			    "'defaults'", key->name);
		}
	}
}

void
loader_missing(struct loader *l, const struct yaml_node *map, const struct loader_key *k)
{
	loader_problem(l, map->mark, "key '%s' is missing; %s", k->name, k->missing);
}

/* Reads the value of a key as it is written, or stands in defaults. */
static void
read_key(struct loader *l, const struct loader_key *k, const struct yaml_key *key, const struct yaml_node *written,
    void *into)
{
	struct yaml_node *value = k->way == LOADER_RAW ? yaml_share(written) : loader_evaluate(l, written);

	if (value != NULL && loader_store(l, k, key->name, value, into) && k->read != NULL)
		k->read(l, into, key, value);
	yaml_node_free(value);
}

void
loader_map(struct loader *l, const struct yaml_node *map, const struct yaml_node *defaults,
    const struct loader_keys *keys, void *into)
{
	loader_check_keys(l, map, keys);
	for (size_t n = 0; n < keys->n; n++) {
		const struct loader_key *k = &keys->list[n];
		size_t i = find_key(map, k->name), other = defaults != NULL ? find_key(defaults, k->name) : 0;
		bool is_default = defaults != NULL && other < defaults->n;

		if (k->elsewhere || k->kind == NULL)
			continue;
		if (i == map->n && is_default)
			read_key(l, k, &defaults->keys[other], defaults->items[other], into);
		else if (i < map->n && !(map->items[i]->type == YAML_NULL && is_default))	/* "pool: ~": not the default one */
			read_key(l, k, &map->keys[i], map->items[i], into);
		else if (i == map->n && k->missing != NULL)
			loader_missing(l, map, k);
	}
}

/* ---- Single values ---- */

void
loader_wrong_type(struct loader *l, const char *key, const struct yaml_node *value, const char *wanted)
{
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
	loader_wrong_type(l, key, value, "a map");
	return false;
}

char *
loader_text(struct loader *l, const char *key, const struct yaml_node *value)
{
	/* An unquoted number or bool is taken as it was written: the name 1.10 is not 1.1. */
	if (value->type == YAML_NULL || value->type == YAML_LIST || value->type == YAML_MAP) {
		loader_wrong_type(l, key, value, "text");
		return NULL;
	}
	if (value->len == 0) {
		loader_problem(l, value->mark, "'%s' is empty; write text, or leave the key out", key);
		return NULL;
	}
	return xstrdup(value->text);
}

static bool
read_bool(struct loader *l, const char *key, const struct yaml_node *value, bool *b)
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
	loader_wrong_type(l, key, value, "true or false");
	return false;
}

static bool
read_integer(struct loader *l, const char *key, const struct yaml_node *value, int64_t min, int64_t max,
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
		loader_wrong_type(l, key, value, wanted);
	return false;
}

static bool
read_seconds(struct loader *l, const char *key, const struct yaml_node *value, int64_t *nanoseconds)
{
	static const char wanted[] = "a number of seconds, such as 600";
	double d;

	if (!yaml_number(value, &d)) {
		loader_wrong_type(l, key, value, wanted);
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

static bool
read_number(struct loader *l, const char *key, const struct yaml_node *value, double min, const char *wanted,
    double *d)
{
	double found;

	if (!yaml_number(value, &found)) {
		loader_wrong_type(l, key, value, wanted);
		return false;
	}
	if (!isfinite(found) || found < min) {
		loader_problem(l, value->mark, "'%s' must be %s, not %.*s", key, wanted, SHOWN(value->text));
		return false;
	}
	*d = found;
	return true;
}

/* What a number of bytes is multiplied with for the letters behind it; 0 for letters that mean nothing. */
static double
unit_of(const char *letters)
{
	static const char prefixes[] = "KMGTP";
	double unit = 1;
	const char *p;

	if (*letters == '\0' || strcmp(letters, "B") == 0)
		return 1;
	p = strchr(prefixes, *letters == 'k' ? 'K' : *letters);
	if (p == NULL)
		return 0;
	letters++;
	if (*letters != '\0' && strcmp(letters, "B") != 0 && strcmp(letters, "i") != 0 && strcmp(letters, "iB") != 0)
		return 0;
	for (const char *q = prefixes; q <= p; q++)
		unit *= *letters == 'B' ? 1000 : 1024;
	return unit;
}

static bool
read_bytes(struct loader *l, const char *key, const struct yaml_node *value, int64_t *bytes)
{
	static const char wanted[] = "a number of bytes, such as 2G or 500M";
	char *end;
	double d, unit;

	if (value->type != YAML_STRING && value->type != YAML_INT && value->type != YAML_FLOAT) {
		loader_wrong_type(l, key, value, wanted);
		return false;
	}
	d = strtod(value->text, &end);
	unit = unit_of(end + strspn(end, " "));
	if (end == value->text || unit == 0 || !isfinite(d) || d < 0 || (d > 0 && d * unit < 1) || d * unit > 9e18) {
		loader_problem(l, value->mark, "'%s' must be %s, not '%.*s'", key, wanted, SHOWN(value->text));
		return false;
	}
	*bytes = (int64_t)(d * unit);
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

static bool
read_word(struct loader *l, const char *key, const struct yaml_node *value, const char *const *words, size_t *word)
{
	char *text = loader_text(l, key, value), *subject;
	size_t n = 0;

	if (text == NULL)
		return false;
	for (*word = SIZE_MAX; words[n] != NULL; n++)
		if (strcmp(words[n], text) == 0)
			*word = n;
	if (*word == SIZE_MAX) {
		subject = xasprintf("%s is", key);
		loader_none_of(l, value->mark, subject, text, words, n);
		free(subject);
	}
	free(text);
	return *word != SIZE_MAX;
}

bool
loader_value(struct loader *l, const char *key, const struct yaml_node *value, const struct kind *kind,
    union loader_value *v)
{
	switch (kind->type) {
	case KIND_BOOL:
		return read_bool(l, key, value, &v->boolean);
	case KIND_INTEGER:
		return read_integer(l, key, value, kind->min, kind->max, &v->number);
	case KIND_NUMBER:
		return read_number(l, key, value, (double)kind->min, kind->wanted, &v->real);
	case KIND_SECONDS:
		return read_seconds(l, key, value, &v->number);
	case KIND_BYTES:
		return read_bytes(l, key, value, &v->number);
	case KIND_WORD:
		return read_word(l, key, value, kind->words, &v->word);
	default:
		abort();	/* the others have readers of their own */
	}
}

/* ---- Storing them ---- */

static void
store(const struct loader_key *k, const union loader_value *v, void *into)
{
	void *member = (char *)into + k->at;
	int narrow;

	switch (k->kind->type) {
	case KIND_BOOL:
		memcpy(member, &v->boolean, sizeof(v->boolean));
		break;
	case KIND_NUMBER:
		memcpy(member, &v->real, sizeof(v->real));
		break;
	default:
		narrow = k->kind->type == KIND_WORD ? (int)v->word : (int)v->number;
		memcpy(member, k->size == sizeof(narrow) ? (const void *)&narrow : &v->number, k->size);
	}
}

/* Stores text, or the JSON of a list or a map, in the place of what is there. */
static bool
store_text(struct loader *l, const struct loader_key *k, const char *key, const struct yaml_node *value, void *into)
{
	enum yaml_type wanted = k->kind->type == KIND_LIST ? YAML_LIST : YAML_MAP;
	char **member = (char **)(void *)((char *)into + k->at), *text;
	struct buf json = BUF_INIT;

	if (k->kind->type == KIND_TEXT) {
		if ((text = loader_text(l, key, value)) == NULL)
			return false;
	} else if (value->type != wanted) {
		loader_wrong_type(l, key, value, wanted == YAML_LIST ? "a list" : "a map");
		return false;
	} else {
		yaml_json(value, &json);
		text = buf_steal(&json);
	}
	free(*member);
	*member = text;
	return true;
}

bool
loader_store(struct loader *l, const struct loader_key *k, const char *key, const struct yaml_node *value, void *into)
{
	union loader_value v;

	if (k->kind->type > KIND_WORD || k->kind->other != NULL)
		return k->size == 0 || store_text(l, k, key, value, into);
	if (!loader_value(l, key, value, k->kind, &v))
		return false;
	if (k->size != 0)
		store(k, &v, into);
	return true;
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
