#include "workflow/rows_canonical.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The exponent that a number's text has from p on; false when it is out of all proportion. */
static bool
read_exponent(const char *p, const char *end, int64_t *exponent)
{
	bool negative = false;

	*exponent = 0;
	if (p == end)
		return true;
	p++;	/* the letter */
	if (*p == '+' || *p == '-')
		negative = *p++ == '-';
	for (; p < end; p++) {
		*exponent = *exponent * 10 + (*p - '0');
		if (*exponent > INT64_C(999999999999999))
			return false;
	}
	if (negative)
		*exponent = -*exponent;
	return true;
}

/* Appends a number as its digits without zeros around them, and the power of ten they are to be multiplied with. */
static void
put_number(struct buf *out, const char *text, size_t n)
{
	const char *p = text, *end = text + n;
	const size_t start = out->len;
	size_t digits, fraction = 0;
	bool point = false;
	int64_t exponent;

	if (*p == '-')
		buf_addc(out, *p++);
	digits = out->len;
	for (; p < end && (is_digit(*p) || *p == '.'); p++) {
		if (*p == '.') {
			point = true;
			continue;
		}
		fraction += point;
		if (*p != '0' || out->len > digits)
			buf_addc(out, *p);
	}
	if (out->len == digits) {	/* 0, and -0, and 0e5 */
		buf_truncate(out, start);
		buf_addc(out, '0');
		return;
	}
	if (!read_exponent(p, end, &exponent)) {
		buf_truncate(out, start);
		buf_add(out, text, n);
		return;
	}
	exponent -= (int64_t)fraction;
	for (; out->data[out->len - 1] == '0'; exponent++)
		buf_truncate(out, out->len - 1);
	buf_addf(out, "e%lld", (long long)exponent);
}

/* Behind the string whose first quote is at p. */
static const char *
string_end(const char *p, const char *end)
{
	for (p++; p < end && *p != '"'; p++)
		if (*p == '\\')
			p++;
	return p + 1;
}

void
rows_put_canonical(struct buf *out, struct json value)
{
	const struct json_form form = {.indent = -1, .sort = true};
	struct buf sorted = BUF_INIT;
	const char *p, *end, *from;

	json_put(&sorted, value, &form);
	p = buf_str(&sorted);
	end = p + sorted.len;
	/* All that is left to do is numbers, which begin as nothing else outside of strings does. */
	while (p < end) {
		from = p;
		if (*p == '"') {
			p = string_end(p, end);
			buf_add(out, from, (size_t)(p - from));
		} else if (is_digit(*p) || (*p == '-' && end - p > 1 && is_digit(p[1]))) {
			while (p < end && (is_digit(*p) || strchr("+-.eE", *p) != NULL))
				p++;
			put_number(out, from, (size_t)(p - from));
		} else {
			buf_addc(out, *p++);
		}
	}
	buf_release(&sorted);
}
