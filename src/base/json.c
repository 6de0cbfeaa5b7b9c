#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#include "base/json_plain.h"
#include "base/mem.h"
#include "base/utf8.h"

enum json_type
json_type(struct json v)
{
	if (v.text == NULL)
		return JSON_NONE;
	switch (*v.text) {
	case 'n':
		return JSON_NULL;
	case 'f':
		return JSON_FALSE;
	case 't':
		return JSON_TRUE;
	case '"':
		return JSON_STRING;
	case '[':
		return JSON_ARRAY;
	case '{':
		return JSON_OBJECT;
	default:
		return JSON_NUMBER;
	}
}

/* Behind the string that starts at p. A quote ends it unless an odd number of backslashes stands before. */
static const char *
skip_string(const char *p, const char *end)
{
	for (;;) {
		const char *quote = memchr(p + 1, '"', (size_t)(end - p - 1)), *b;

		if (quote == NULL)
			return end;	/* not in a checked text */
		for (b = quote; b[-1] == '\\'; b--)
			;
		if ((quote - b) % 2 == 0)
			return quote + 1;
		p = quote;
	}
}

/* What ends a number or a word, and what counts in a container. */
enum { PLAIN, QUOTE, OPEN, CLOSE, BETWEEN };

static const unsigned char kinds[256] = {
	['"'] = QUOTE, ['['] = OPEN, ['{'] = OPEN, [']'] = CLOSE, ['}'] = CLOSE,
	[','] = BETWEEN, [' '] = BETWEEN, ['\t'] = BETWEEN, ['\n'] = BETWEEN, ['\r'] = BETWEEN,
};

/* Behind the value that starts at p; end bounds the text it stands in. */
static const char *
skip_value(const char *p, const char *end)
{
	size_t depth = 0;

	if (kinds[(unsigned char)*p] == PLAIN) {
		while (p < end && kinds[(unsigned char)*p] == PLAIN)
			p++;
		return p;
	}
	do {
		switch (kinds[(unsigned char)*p]) {
		case QUOTE:
			p = skip_string(p, end);
			break;
		case OPEN:
			depth++;
			p++;
			break;
		case CLOSE:
			depth--;
			p++;
			break;
		default:
			p++;
			break;
		}
	} while (depth > 0 && p < end);
	return p;
}

void
json_walk(struct json_iter *it, struct json container)
{
	enum json_type type = json_type(container);

	*it = (struct json_iter){NULL, NULL, type == JSON_OBJECT};
	if (type == JSON_ARRAY || type == JSON_OBJECT) {
		it->at = container.text + 1;
		it->end = container.text + container.len - 1;
	}
}

bool
json_next(struct json_iter *it, struct json *key, struct json *value)
{
	struct json k = JSON_NOTHING;
	const char *p;

	p = json_skip_space(it->at, it->end);
	if (p < it->end && *p == ',')
		p = json_skip_space(p + 1, it->end);
	if (p == it->end)
		return false;
	if (it->object) {
		k.text = p;
		p = skip_string(p, it->end);
		k.len = (size_t)(p - k.text);
		p = json_skip_space(p, it->end) + 1;	/* the colon */
		p = json_skip_space(p, it->end);
	}
	if (key != NULL)
		*key = k;
	value->text = p;
	it->at = skip_value(p, it->end);
	value->len = (size_t)(it->at - p);
	return true;
}

struct json
json_get(struct json v, const char *key)
{
	struct json found = JSON_NOTHING, k, value;
	struct json_iter it;

	json_walk(&it, v);
	if (!it.object)
		return found;
	while (json_next(&it, &k, &value))
		if (json_is(k, key))
			found = value;
	return found;
}

size_t
json_count(struct json v)
{
	struct json_iter it;
	struct json value;
	size_t n = 0;

	json_walk(&it, v);
	while (json_next(&it, NULL, &value))
		n++;
	return n;
}

bool
json_is(struct json v, const char *s)
{
	size_t n = strlen(s);
	struct buf text = BUF_INIT;
	bool same;

	/* An escape is longer than what it stands for. */
	if (json_type(v) != JSON_STRING || v.len - 2 < n)
		return false;
	if (memchr(v.text, '\\', v.len) == NULL)
		return v.len - 2 == n && memcmp(v.text + 1, s, n) == 0;
	json_decode(&text, v);
	same = text.len == n && memcmp(buf_str(&text), s, n) == 0;
	buf_release(&text);
	return same;
}

static uint32_t
hex4(const char *p)
{
	uint32_t n = 0;

	for (int i = 0; i < 4; i++)
		n = n << 4 | (uint32_t)json_hex_digit(p[i]);
	return n;
}

/* Appends what the escape at p stands for; returns the place behind it. */
static const char *
decode_escape(struct buf *out, const char *p, const char *end)
{
	uint32_t cp;

	if (p[1] != 'u') {
		static const char letters[] = "bfnrt", meanings[] = "\b\f\n\r\t";
		const char *letter = strchr(letters, p[1]);

		buf_addc(out, *(letter != NULL ? meanings + (letter - letters) : p + 1));
		return p + 2;
	}
	cp = hex4(p + 2);
	p += 6;
	if (cp >= 0xd800 && cp < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
		uint32_t low = hex4(p + 2);

		if (low >= 0xdc00 && low < 0xe000) {
			cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
			p += 6;
		}
	}
	utf8_put(out, cp);
	return p;
}

void
json_decode(struct buf *out, struct json v)
{
	const char *p, *end, *escape;

	if (json_type(v) != JSON_STRING)
		return;
	p = v.text + 1;
	end = v.text + v.len - 1;
	buf_room(out, (size_t)(end - p));
	while ((escape = memchr(p, '\\', (size_t)(end - p))) != NULL) {
		buf_add(out, p, (size_t)(escape - p));
		p = decode_escape(out, escape, end);
	}
	buf_add(out, p, (size_t)(end - p));
}

char *
json_strdup(struct json v)
{
	struct buf text = BUF_INIT;

	if (json_type(v) != JSON_STRING)
		return NULL;
	json_decode(&text, v);
	if (text.len != 0 && memchr(text.data, '\0', text.len) != NULL) {
		buf_release(&text);
		return NULL;
	}
	return buf_steal(&text);
}

bool
json_int(struct json v, int64_t *n)
{
	bool negative;
	int64_t sum = 0;
	size_t i;

	if (json_type(v) != JSON_NUMBER)
		return false;
	negative = *v.text == '-';
	for (i = negative; i < v.len; i++) {
		/* Built up with the sign on: INT64_MIN has no positive counterpart. */
		int digit = negative ? '0' - v.text[i] : v.text[i] - '0';

		if (!json_is_digit(v.text[i]) || __builtin_mul_overflow(sum, 10, &sum) ||
		    __builtin_add_overflow(sum, digit, &sum))
			return false;
	}
	*n = sum;
	return true;
}

unsigned
json_count_of(struct json v, const char *key)
{
	int64_t n;

	return json_int(json_get(v, key), &n) && n >= 0 && n <= INT32_MAX ? (unsigned)n : 0;
}

bool
json_double(struct json v, double *d)
{
	char text[64], *copy;

	if (json_type(v) != JSON_NUMBER)
		return false;
	/* strtod needs an end; it reads NaN and Infinity too. The program keeps to the C locale's point. */
	if (v.len < sizeof(text)) {
		memcpy(text, v.text, v.len);
		text[v.len] = '\0';
		*d = strtod(text, NULL);
		return true;
	}
	copy = xmemdup0(v.text, v.len);
	*d = strtod(copy, NULL);
	free(copy);
	return true;
}
