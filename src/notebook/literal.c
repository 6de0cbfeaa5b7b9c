#include "notebook/literal.h"

#include <math.h>
#include <string.h>

int
literal_fault(struct literal *l, const char *what)
{
	l->fault = what;
	return -1;
}

int
literal_put_string(struct literal *l, struct json string)
{
	struct buf text = BUF_INIT;
	int result;

	json_decode(&text, string);
	result = l->language->put_string(l, buf_str(&text), text.len);
	buf_release(&text);
	return result;
}

/* Whether Python's json module makes an int of the number. */
static bool
is_int(struct json number)
{
	for (size_t i = 0; i < number.len; i++)
		if ((number.text[i] < '0' || number.text[i] > '9') && number.text[i] != '-')
			return false;
	return true;
}

static void
put_number(struct literal *l, struct json number)
{
	const struct language *g = l->language;
	double d;

	if (is_int(number)) {
		if (number.len == 2 && memcmp(number.text, "-0", 2) == 0)
			buf_addc(l->out, '0');
		else if (g->put_int != NULL)
			g->put_int(l->out, number);
		else
			buf_add(l->out, number.text, number.len);
		return;
	}
	json_double(number, &d);
	if (isnan(d))
		buf_adds(l->out, g->nan);
	else if (isinf(d))
		buf_adds(l->out, d > 0 ? g->inf : g->minus_inf);
	else
		json_put_double(l->out, d);
}

int
literal_put_items(struct literal *l, struct json container, const char *between)
{
	struct json_iter it;
	struct json item;
	bool first = true;

	json_walk(&it, container);
	while (json_next(&it, NULL, &item)) {
		if (!first)
			buf_adds(l->out, between);
		first = false;
		if (literal_put(l, item) == -1)
			return -1;
	}
	return 0;
}

int
literal_put_list(struct literal *l, struct json list)
{
	const char *const *form = l->language->list;

	buf_adds(l->out, form[0]);
	if (literal_put_items(l, list, form[1]) == -1)
		return -1;
	buf_adds(l->out, form[2]);
	return 0;
}

int
literal_put_map(struct literal *l, struct json map)
{
	const struct language *g = l->language;
	struct json_iter it;
	struct json key, value;
	bool first = true;

	buf_adds(l->out, g->map[0]);
	json_walk(&it, map);
	while (json_next(&it, &key, &value)) {
		if (!first)
			buf_adds(l->out, g->map[1]);
		first = false;
		buf_adds(l->out, g->pair[0]);
		if (literal_put_string(l, key) == -1)
			return -1;
		buf_adds(l->out, g->pair[1]);
		if (literal_put(l, value) == -1)
			return -1;
		buf_adds(l->out, g->pair[2]);
	}
	buf_adds(l->out, g->map[2]);
	return 0;
}

/* Calls itself for what is inside, as deep as JSON_DEPTH_MAX. */
int
literal_put(struct literal *l, struct json v)
{
	const struct language *g = l->language;

	switch (json_type(v)) {
	case JSON_NONE:
	case JSON_NULL:
		buf_adds(l->out, g->none);
		break;
	case JSON_FALSE:
		buf_adds(l->out, g->no);
		break;
	case JSON_TRUE:
		buf_adds(l->out, g->yes);
		break;
	case JSON_NUMBER:
		put_number(l, v);
		break;
	case JSON_STRING:
		return literal_put_string(l, v);
	case JSON_ARRAY:
		return g->put_list != NULL ? g->put_list(l, v) : literal_put_list(l, v);
	case JSON_OBJECT:
		return g->put_map != NULL ? g->put_map(l, v) : literal_put_map(l, v);
	}
	return 0;
}
