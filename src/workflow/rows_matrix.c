/* Every combination of several lists. */
#include "workflow/rows.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/utf8.h"
#include "workflow/name.h"
#include "workflow/rows_canonical.h"

/* Of members of exclude and include with combinations: a second of them, or less. */
#define COMPARISONS_MAX ((size_t)200 * 1000 * 1000)

#define NONE SIZE_MAX

/* A key of the matrix and its list. */
struct axis {
	struct json key, list;
	char *shown;	/* the key, for messages */
	struct json *values;
	size_t *classes;	/* of each value: the index of the first that is equal */
	size_t n;
	struct table class_of;	/* by the canonical text of a value */
	size_t at;	/* the index of its value in the combination that is being made */
};

/* A member of an object of exclude or include. */
struct pair {
	struct json key, value;
	size_t axis;	/* NONE: the matrix has no such key */
	size_t class;	/* of the value, in its axis; NONE: it has no such value */
	size_t extra;	/* where there is no axis: the number of the key among all such keys of include */
};

struct object {
	size_t first, n;	/* of the pairs */
	bool used;	/* it has been added to a combination */
};

struct objects {
	struct object *list;
	size_t n, cap;
};

struct matrix {
	struct rows *rows;
	struct axis *axes;
	size_t n, cap;
	struct table axis_of;	/* by key */
	struct pair *pairs;
	size_t npairs, pairs_cap;
	struct objects exclude, include;
	struct table extra_of;	/* by key */
	const struct pair **extras;	/* by their numbers: what the combination being made has; else NULL */
	size_t *order;	/* the numbers of the nextras that it has, as they came */
	size_t nextras;
	struct buf text;	/* of a key or a value that is looked up; of the row being made */
	size_t made;	/* bytes, against ROWS_TEXT_MAX */
	const char *label;
	struct mark at;
	struct problems *problems;
	size_t before;	/* how many problems there were */
};

static void __attribute__((format(printf, 2, 3)))
complain(struct matrix *m, const char *fmt, ...)
{
	char *message;
	va_list ap;

	if (m->problems->n - m->before >= ROWS_PROBLEMS_MAX)
		return;
	va_start(ap, fmt);
	message = xvasprintf(fmt, ap);
	va_end(ap);
	problems_add(m->problems, m->label, m->at.line, m->at.column, "%s", message);
	free(message);
}

/* A key as messages show it. The caller's to free. */
static char *
shown(struct json key)
{
	struct buf text = BUF_INIT, out = BUF_INIT;

	json_decode(&text, key);
	utf8_put_visible(&out, buf_str(&text), text.len, 60);
	buf_release(&text);
	return buf_steal(&out);
}

/* ---- Reading ---- */

/* The number that a table has for a text. One that is not there gets the next number; with NONE, it has none. */
static size_t
number_of(struct table *t, const struct buf *text, size_t next)
{
	uintptr_t number = (uintptr_t)table_get(t, text->data, text->len);	/* plus 1; 0: none */

	if (number == 0 && next != NONE) {
		number = next + 1;
		*table_at(t, text->data, text->len) = (void *)number;
	}
	return number != 0 ? number - 1 : NONE;
}

static size_t
number_of_key(struct matrix *m, struct table *t, struct json key, size_t next)
{
	buf_reset(&m->text);
	json_decode(&m->text, key);
	return number_of(t, &m->text, next);
}

static size_t
number_of_value(struct matrix *m, struct table *t, struct json value, size_t next)
{
	buf_reset(&m->text);
	rows_put_canonical(&m->text, value);
	return number_of(t, &m->text, next);
}

static void
read_axis(struct matrix *m, struct axis *a)
{
	struct json_iter it;
	struct json value;

	if (json_type(a->list) != JSON_ARRAY) {
		complain(m, "the key '%s' of the matrix must have a list", a->shown);
		return;
	}
	a->n = json_count(a->list);
	if (a->n == 0) {
		complain(m, "the list of '%s' in the matrix is empty; put a value in, or leave the key out", a->shown);
		return;
	}
	if (a->n > ROWS_MAX)
		return;	/* is_feasible() says so */
	a->values = xreallocarray(NULL, a->n, sizeof(*a->values));
	a->classes = xreallocarray(NULL, a->n, sizeof(*a->classes));
	json_walk(&it, a->list);
	for (size_t i = 0; i < a->n && json_next(&it, NULL, &value); i++) {
		a->values[i] = value;
		a->classes[i] = number_of_value(m, &a->class_of, value, i);
	}
}

static void
read_axes(struct matrix *m, struct json matrix)
{
	struct json_iter it;
	struct json key, value;

	json_walk(&it, matrix);
	while (json_next(&it, &key, &value)) {
		size_t i;

		if (json_is(key, "exclude") || json_is(key, "include"))
			continue;
		i = number_of_key(m, &m->axis_of, key, m->n);
		if (i == m->n) {
			m->axes = xgrow(m->axes, m->n, &m->cap, sizeof(*m->axes));
			m->axes[m->n++] = (struct axis){.key = key, .shown = shown(key)};
		}
		m->axes[i].list = value;	/* of a key that is there twice the last one counts */
	}
	for (size_t i = 0; i < m->n; i++)
		read_axis(m, &m->axes[i]);
}

static void
unknown_key(struct matrix *m, struct json key)
{
	char *text = shown(key);
	struct guess guess = {.word = text};

	for (size_t i = 0; i < m->n; i++)
		guess_consider(&guess, m->axes[i].shown);
	if (guess.best != NULL)
		complain(m, "exclude has '%s', which is no key of the matrix; did you mean '%s'?", text, guess.best);
	else
		complain(m, "exclude has '%s', which is no key of the matrix", text);
	free(text);
}

/* Reads an object of exclude or include into pairs. */
static void
read_object(struct matrix *m, struct json object, struct object *o)
{
	struct table here = TABLE_INIT;
	struct json_iter it;
	struct json key, value;

	*o = (struct object){.first = m->npairs};
	json_walk(&it, object);
	while (json_next(&it, &key, &value)) {
		size_t i = number_of_key(m, &here, key, o->n);

		if (i == o->n) {
			m->pairs = xgrow(m->pairs, m->npairs, &m->pairs_cap, sizeof(*m->pairs));
			m->pairs[m->npairs++] = (struct pair){.key = key, .class = NONE, .extra = NONE};
			o->n++;
		}
		m->pairs[o->first + i].value = value;
	}
	table_release(&here);
	for (size_t i = o->first; i < m->npairs; i++) {
		struct pair *pair = &m->pairs[i];

		pair->axis = number_of_key(m, &m->axis_of, pair->key, NONE);
		if (pair->axis != NONE)
			pair->class = number_of_value(m, &m->axes[pair->axis].class_of, pair->value, NONE);
	}
}

static void
read_objects(struct matrix *m, const char *key, struct json list, struct objects *into)
{
	struct json_iter it;
	struct json object;

	if (json_type(list) == JSON_NONE)
		return;
	if (json_type(list) != JSON_ARRAY) {
		complain(m, "'%s' of the matrix must be a list of maps", key);
		return;
	}
	json_walk(&it, list);
	while (json_next(&it, NULL, &object)) {
		if (json_type(object) != JSON_OBJECT) {
			complain(m, "'%s' of the matrix must be a list of maps; item %zu is none", key, into->n + 1);
			return;
		}
		into->list = xgrow(into->list, into->n, &into->cap, sizeof(*into->list));
		read_object(m, object, &into->list[into->n++]);
	}
}

static void
read_exclude(struct matrix *m, struct json list)
{
	read_objects(m, "exclude", list, &m->exclude);
	for (size_t i = 0; i < m->exclude.n; i++)
		if (m->exclude.list[i].n == 0)
			complain(m, "item %zu of exclude is empty; name the values of what is to be left out", i + 1);
	for (size_t i = 0; i < m->npairs; i++)
		if (m->pairs[i].axis == NONE)
			unknown_key(m, m->pairs[i].key);
}

static void
read_include(struct matrix *m, struct json list)
{
	const size_t first = m->npairs;

	read_objects(m, "include", list, &m->include);
	for (size_t i = first; i < m->npairs; i++)
		if (m->pairs[i].axis == NONE)
			m->pairs[i].extra = number_of_key(m, &m->extra_of, m->pairs[i].key, m->extra_of.n);
	m->extras = xcalloc(m->extra_of.n, sizeof(*m->extras));
	m->order = xcalloc(m->extra_of.n, sizeof(*m->order));
}

/* Whether it can be made at all: how many combinations, and how long that takes. */
static bool
is_feasible(struct matrix *m)
{
	size_t combinations = 1;

	for (size_t i = 0; i < m->n; i++) {
		if (__builtin_mul_overflow(combinations, m->axes[i].n, &combinations) || combinations > ROWS_MAX) {
			complain(m, "the matrix has more than %d combinations before exclude; make its lists shorter",
			    ROWS_MAX);
			return false;
		}
	}
	if (m->npairs + m->exclude.n + m->include.n > COMPARISONS_MAX / combinations) {
		complain(m, "exclude and include have too many values (%zu) for the combinations of the matrix (%zu)",
		    m->npairs, combinations);
		return false;
	}
	return true;
}

/* ---- Making ---- */

/* Whether the combination has the values that an object has for keys of the matrix. */
static bool
agrees(const struct matrix *m, const struct object *o)
{
	for (size_t i = o->first; i < o->first + o->n; i++) {
		const struct pair *pair = &m->pairs[i];
		const struct axis *a;

		if (pair->axis == NONE)
			continue;
		a = &m->axes[pair->axis];
		if (pair->class != a->classes[a->at])
			return false;
	}
	return true;
}

static bool
is_excluded(const struct matrix *m)
{
	for (size_t i = 0; i < m->exclude.n; i++)
		if (agrees(m, &m->exclude.list[i]))
			return true;
	return false;
}

/* Sets the extras of the combination. */
static void
apply_include(struct matrix *m)
{
	while (m->nextras > 0)
		m->extras[m->order[--m->nextras]] = NULL;
	for (size_t i = 0; i < m->include.n; i++) {
		struct object *o = &m->include.list[i];

		if (!agrees(m, o))
			continue;
		o->used = true;
		for (size_t k = o->first; k < o->first + o->n; k++) {
			const struct pair *pair = &m->pairs[k];

			if (pair->extra == NONE)
				continue;
			if (m->extras[pair->extra] == NULL)
				m->order[m->nextras++] = pair->extra;
			m->extras[pair->extra] = pair;
		}
	}
}

static void
put_member(struct buf *row, struct json key, struct json value)
{
	if (row->len > 1)
		buf_adds(row, ", ");
	buf_add(row, key.text, key.len);
	buf_adds(row, ": ");
	buf_add(row, value.text, value.len);
}

/* Adds the row that has been begun. Returns -1 when there are to be no more. */
static int
end_row(struct matrix *m)
{
	buf_addc(&m->text, '}');
	m->made += m->text.len;
	if (m->made > ROWS_TEXT_MAX) {
		complain(m, "the combinations of the matrix take more than 256 MiB; make its values smaller, or fewer");
		return -1;
	}
	return rows_add(m->rows, (struct json){m->text.data, m->text.len}, m->label, m->at, m->problems);
}

static int
add_combination(struct matrix *m)
{
	apply_include(m);
	buf_reset(&m->text);
	buf_addc(&m->text, '{');
	for (size_t i = 0; i < m->n; i++)
		put_member(&m->text, m->axes[i].key, m->axes[i].values[m->axes[i].at]);
	for (size_t i = 0; i < m->nextras; i++)
		put_member(&m->text, m->extras[m->order[i]]->key, m->extras[m->order[i]]->value);
	return end_row(m);
}

static int
add_included(struct matrix *m, const struct object *o)
{
	buf_reset(&m->text);
	buf_addc(&m->text, '{');
	for (size_t i = o->first; i < o->first + o->n; i++)
		put_member(&m->text, m->pairs[i].key, m->pairs[i].value);
	return end_row(m);
}

/* Goes on to the next combination, the last key changing fastest. */
static bool
advance(struct matrix *m)
{
	for (size_t i = m->n; i-- > 0;) {
		if (++m->axes[i].at < m->axes[i].n)
			return true;
		m->axes[i].at = 0;
	}
	return false;
}

static void
make(struct matrix *m)
{
	const size_t had = m->rows->n;

	/* Without keys there is no combination, not one of nothing. */
	for (bool more = m->n > 0; more; more = advance(m))
		if (!is_excluded(m) && add_combination(m) == -1)
			return;
	for (size_t i = 0; i < m->include.n; i++)
		if (!m->include.list[i].used && add_included(m, &m->include.list[i]) == -1)
			return;
	if (m->rows->n == had)
		complain(m, m->n > 0 ? "exclude leaves nothing of the matrix" :
		    "the matrix is empty; give it keys with lists");
}

int
rows_matrix(struct rows *r, struct json matrix, const char *label, struct mark at, struct problems *p)
{
	struct matrix m = {.rows = r, .label = label, .at = at, .problems = p, .before = p->n};

	if (json_type(matrix) != JSON_OBJECT) {
		complain(&m, "the matrix must be a map of lists");
		return -1;
	}
	read_axes(&m, matrix);
	read_exclude(&m, json_get(matrix, "exclude"));
	read_include(&m, json_get(matrix, "include"));
	if (p->n == m.before && is_feasible(&m))
		make(&m);
	for (size_t i = 0; i < m.n; i++) {
		free(m.axes[i].shown);
		free(m.axes[i].values);
		free(m.axes[i].classes);
		table_release(&m.axes[i].class_of);
	}
	free(m.axes);
	free(m.pairs);
	free(m.exclude.list);
	free(m.include.list);
	free(m.extras);
	free(m.order);
	table_release(&m.axis_of);
	table_release(&m.extra_of);
	buf_release(&m.text);
	return p->n == m.before ? 0 : -1;
}
