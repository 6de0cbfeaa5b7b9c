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

/* The type that holds both; one of base BASE_OBJECT when there is no other. */
typedef struct type unify(struct type a, struct type b);

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
type_of_items(struct json list, unify *common)
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
			type = type_of_items(item, common);
			type.lists++;
			break;
		case JSON_OBJECT:
			type.base = BASE_MAP;
			break;
		}
		all = common(all, type);
		if (is_same(all, object))
			break;
	}
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
	static const struct type null = {BASE_NULL, 0}, any = {BASE_ANY, 0};

	if (is_same(a, any) || is_same(a, b) || (is_same(b, null) && is_reference(a)))
		return b.base == BASE_NULL && a.base != BASE_ANY ? a : b;
	if (is_same(a, null) && is_reference(b))
		return b;
	if (is_machine_number(a) && is_machine_number(b))
		return a.base > b.base ? a : b;
	return object;
}

int
literal_csharp_list(struct literal *l, struct json list)
{
	struct type items = type_of_items(list, csharp_common);

	/* Neither nulls nor nothing at all have a type. */
	if (items.lists == 0 && (items.base == BASE_ANY || items.base == BASE_NULL || items.base == BASE_OBJECT))
		buf_adds(l->out, "new object[] { ");
	else
		buf_adds(l->out, "new [] { ");
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
	struct json_iter it;
	struct json item;
	const char *between = "";

	if (!is_same(type_of_items(list, fsharp_common), object))
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
