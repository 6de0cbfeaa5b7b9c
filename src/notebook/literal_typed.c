/*
 * Lists of C# and F#, whose items have one type. Where the values have one, the compiler finds it, and the
 * list is as papermill writes it. Where they have not, it becomes a list of objects, which the compiler is told.
 */
#include "notebook/literal.h"

#include <string.h>

enum base {
	BASE_ANY,	/* there is nothing to tell it from */
	BASE_NULL,
	BASE_BOOL,
	BASE_INT,
	BASE_LONG,
	BASE_DOUBLE,
	BASE_BIG,
	BASE_STRING,
	BASE_MAP,
	BASE_OBJECT,
};

/* A type: base, or lists of lists ... of base. */
struct type {
	enum base base;
	unsigned lists;
};

/* How a language finds the type of a list. */
struct rules {
	/*
	 * the type that holds both; object when there is no other
	 */
	struct type (*common)(struct type a, struct type b);
	bool needs_type;	/* a list of nulls, or of nothing at all, has to be one of objects */
};

static const struct type object = {BASE_OBJECT, 0};

static bool
is_same(struct type a, struct type b)
{
	return a.base == b.base && a.lists == b.lists;
}

static enum base
base_of_number(struct json v)
{
	int64_t n;

	if (json_int(v, &n))
		return n >= INT32_MIN && n <= INT32_MAX ? BASE_INT : BASE_LONG;
	for (size_t i = 0; i < v.len; i++)
		if ((v.text[i] < '0' || v.text[i] > '9') && v.text[i] != '-')
			return BASE_DOUBLE;
	return BASE_BIG;
}

/* The type that the items of a list have in common, and by way of that the type of any value. */
static struct type
type_of_items(struct json list, const struct rules *rules)
{
	struct type all = {BASE_ANY, 0};
	struct json_iter it;
	struct json item;

	json_walk(&it, list);
	while (json_next(&it, NULL, &item)) {
		struct type type = {BASE_NULL, 0};

		switch (json_type(item)) {
		case JSON_NONE:
		case JSON_NULL:
			break;
		case JSON_FALSE:
		case JSON_TRUE:
			type.base = BASE_BOOL;
			break;
		case JSON_NUMBER:
			type.base = base_of_number(item);
			break;
		case JSON_STRING:
			type.base = BASE_STRING;
			break;
		case JSON_ARRAY:
			type = type_of_items(item, rules);
			type.lists++;
			break;
		case JSON_OBJECT:
			type.base = BASE_MAP;
			break;
		}
		all = rules->common(all, type);
		if (is_same(all, object))
			break;
	}
	if (rules->needs_type && all.lists == 0 && (all.base == BASE_ANY || all.base == BASE_NULL))
		return object;
	return all;
}

static bool
is_reference(struct type t)
{
	return t.lists > 0 || t.base == BASE_STRING || t.base == BASE_MAP;
}

static bool
is_machine_number(struct type t)
{
	return t.lists == 0 && (t.base == BASE_INT || t.base == BASE_LONG || t.base == BASE_DOUBLE);
}

/* C#'s best common type, as far as its conversions concern us. */
static struct type
csharp_common(struct type a, struct type b)
{
	static const struct type null = {BASE_NULL, 0};

	if (a.base == BASE_ANY || is_same(a, b) || (is_same(a, null) && is_reference(b)))
		return b;
	if (is_same(b, null) && is_reference(a))
		return a;
	if (is_machine_number(a) && is_machine_number(b))
		return a.base > b.base ? a : b;
	return object;
}

int
literal_csharp_list(struct literal *l, struct json list)
{
	static const struct rules rules = {.common = csharp_common, .needs_type = true};

	buf_adds(l->out, is_same(type_of_items(list, &rules), object) ? "new object[] { " : "new [] { ");
	if (literal_put_items(l, list, ", ") == -1)
		return -1;
	buf_adds(l->out, " }");
	return 0;
}

/* F# converts nothing, but an empty list is one of any type. */
static struct type
fsharp_common(struct type a, struct type b)
{
	if (a.base == BASE_ANY && a.lists <= b.lists)
		return b;
	if (b.base == BASE_ANY && b.lists <= a.lists)
		return a;
	return is_same(a, b) ? a : object;
}

int
literal_fsharp_list(struct literal *l, struct json list)
{
	static const struct rules rules = {.common = fsharp_common};
	struct json_iter it;
	struct json item;
	const char *between = "";

	if (!is_same(type_of_items(list, &rules), object))
		return literal_put_list(l, list);
	buf_adds(l->out, "[ ");
	json_walk(&it, list);
	for (; json_next(&it, NULL, &item); between = "; ") {
		buf_adds(l->out, between);
		if (json_type(item) == JSON_NULL) {
			buf_adds(l->out, "null");
			continue;
		}
		buf_adds(l->out, "box (");
		if (literal_put(l, item) == -1)
			return -1;
		buf_addc(l->out, ')');
	}
	buf_adds(l->out, " ]");
	return 0;
}
