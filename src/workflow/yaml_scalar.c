/* What the text of a scalar means, and trees as JSON. */
#include "workflow/yaml_build.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static bool
is_one_of(const char *text, size_t n, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strlen(*words) == n && memcmp(*words, text, n) == 0)
			return true;
	return false;
}

/* How many of the n bytes from p on are among the given characters. */
static size_t
span(const char *p, size_t n, const char *characters)
{
	size_t i = 0;

	while (i < n && p[i] != '\0' && strchr(characters, p[i]) != NULL)
		i++;
	return i;
}

static const char decimal_digits[] = "0123456789";

/* The length of a sign at p. */
static size_t
sign(const char *p, size_t n)
{
	return n > 0 && (*p == '-' || *p == '+') ? 1 : 0;
}

static bool
is_based(const char *text, size_t n)
{
	if (n < 3 || text[0] != '0')
		return false;
	return (text[1] == 'x' && span(text + 2, n - 2, "0123456789abcdefABCDEF") == n - 2) ||
	    (text[1] == 'o' && span(text + 2, n - 2, "01234567") == n - 2);
}

static bool
is_int(const char *text, size_t n)
{
	size_t start = sign(text, n);

	return is_based(text, n) || (n > start && span(text + start, n - start, decimal_digits) == n - start);
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool
is_decimal_float(const char *text, size_t n)
{
	size_t i = sign(text, n), whole, fraction = 0;

	whole = span(text + i, n - i, decimal_digits);
	i += whole;
	if (i < n && text[i] == '.') {
		i++;
		fraction = span(text + i, n - i, decimal_digits);
		i += fraction;
	}
	if (whole + fraction == 0)
		return false;
	if (i < n && (text[i] == 'e' || text[i] == 'E')) {
		size_t digits;

		i++;
		i += sign(text + i, n - i);
		digits = span(text + i, n - i, decimal_digits);
		if (digits == 0)
			return false;
		i += digits;
	}
	return i == n;
}

static const char *const infinities[] = {".inf", ".Inf", ".INF", NULL};
static const char *const nans[] = {".nan", ".NaN", ".NAN", NULL};

static bool
is_special_float(const char *text, size_t n)
{
	size_t start = sign(text, n);

	return is_one_of(text, n, nans) || is_one_of(text + start, n - start, infinities);
}

static bool
is_null(const char *text, size_t n)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};

	return is_one_of(text, n, nulls);
}

static bool
is_bool(const char *text, size_t n)
{
	static const char *const bools[] = {"true", "True", "TRUE", "false", "False", "FALSE", NULL};

	return is_one_of(text, n, bools);
}

enum yaml_type
yaml_scalar_type(const char *text, size_t n)
{
	if (is_null(text, n))
		return YAML_NULL;
	if (is_bool(text, n))
		return YAML_BOOL;
	if (is_int(text, n))
		return YAML_INT;
	if (is_decimal_float(text, n) || is_special_float(text, n))
		return YAML_FLOAT;
	return YAML_STRING;
}

void
yaml_scalar_resolve(struct yaml_node *node)
{
	node->type = yaml_scalar_type(node->text, node->len);
	node->boolean = node->type == YAML_BOOL && (*node->text == 't' || *node->text == 'T');
}

bool
yaml_scalar_retype(struct yaml_node *node, enum yaml_type type)
{
	enum yaml_type plain = yaml_scalar_type(node->text, node->len);

	/* A whole number is a number too; and any text is text. */
	if (plain != type && type != YAML_STRING && !(type == YAML_FLOAT && plain == YAML_INT))
		return false;
	yaml_scalar_resolve(node);
	node->type = type;
	return true;
}

const char *
yaml_type_name(enum yaml_type t)
{
	switch (t) {
	case YAML_NULL:
		return "nothing (null)";
	case YAML_BOOL:
		return "true or false";
	case YAML_INT:
		return "a whole number";
	case YAML_FLOAT:
		return "a number";
	case YAML_STRING:
		return "text";
	case YAML_LIST:
		return "a list";
	case YAML_MAP:
		return "a map";
	}
	return "something else";
}

/* Appends hexadecimal or octal digits as a decimal number. Quadratic, which YAML_DIGITS_MAX keeps harmless. */
static void
put_based(struct buf *out, const char *digits, size_t n, unsigned base)
{
	const uint32_t billion = 1000000000;
	size_t used = 1;
	uint32_t *limbs = xcalloc(n / 7 + 2, sizeof(*limbs));	/* lowest first; 7 digits are less than a billion */

	for (size_t i = 0; i < n;) {
		uint64_t carry = 0, factor = 1;

		/* Seven digits at a time: the product below still fits. */
		for (int k = 0; k < 7 && i < n; k++, i++) {
			unsigned c = (unsigned char)digits[i];

			carry = carry * base + (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
			factor *= base;
		}
		for (size_t k = 0; k < used; k++) {
			carry += limbs[k] * factor;
			limbs[k] = (uint32_t)(carry % billion);
			carry /= billion;
		}
		if (carry != 0)
			limbs[used++] = (uint32_t)carry;
	}
	buf_addf(out, "%u", (unsigned)limbs[--used]);
	while (used > 0)
		buf_addf(out, "%09u", (unsigned)limbs[--used]);
	free(limbs);
}

/* Appends a whole number as JSON has it: no plus sign, no zeros in front. */
static void
put_int(struct buf *out, const char *text, size_t n)
{
	bool negative = *text == '-';
	size_t start;

	if (is_based(text, n)) {
		put_based(out, text + 2, n - 2, text[1] == 'x' ? 16 : 8);
		return;
	}
	start = sign(text, n);
	start += span(text + start, n - start, "0");
	if (start == n) {
		buf_addc(out, '0');
		return;
	}
	if (negative)
		buf_addc(out, '-');
	buf_add(out, text + start, n - start);
}

bool
yaml_number(const struct yaml_node *node, double *d)
{
	const char *text = node->text;
	struct buf decimal = BUF_INIT;

	if (node->type != YAML_INT && node->type != YAML_FLOAT)
		return false;
	if (is_one_of(text, node->len, nans)) {
		*d = NAN;
		return true;
	}
	if (is_special_float(text, node->len)) {
		*d = *text == '-' ? -INFINITY : INFINITY;
		return true;
	}
	/* strtod knows the other forms, those of JSON too, but not 0o. */
	if (is_based(text, node->len)) {
		put_int(&decimal, text, node->len);
		text = buf_str(&decimal);
	}
	*d = strtod(text, NULL);
	buf_release(&decimal);
	return true;
}

void
yaml_json(const struct yaml_node *node, struct buf *out)
{
	bool map = node->type == YAML_MAP;
	double d;

	switch (node->type) {
	case YAML_NULL:
		buf_adds(out, "null");
		return;
	case YAML_BOOL:
		buf_adds(out, node->boolean ? "true" : "false");
		return;
	case YAML_INT:
		put_int(out, node->text, node->len);
		return;
	case YAML_FLOAT:
		if (yaml_number(node, &d))
			json_put_double(out, d);
		return;
	case YAML_STRING:
		json_put_string(out, node->text, node->len);
		return;
	case YAML_LIST:
	case YAML_MAP:
		break;
	}
	buf_addc(out, map ? '{' : '[');
	for (size_t i = 0; i < node->n; i++) {
		if (i > 0)
			buf_adds(out, ", ");
		if (map) {
			json_put_str(out, node->keys[i].name);
			buf_adds(out, ": ");
		}
		yaml_json(node->items[i], out);
	}
	buf_addc(out, map ? '}' : ']');
}
