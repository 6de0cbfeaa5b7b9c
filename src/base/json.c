#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#include "base/json_plain.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"

/* A text being checked. The functions return 0, or -1 with message set and at on what is wrong. */
struct scan {
	const char *at, *end;
	const char *message;
};

static int
fail(struct scan *s, const char *at, const char *message)
{
	s->at = at;
	s->message = at < s->end ? message : "unexpected end of the text";
	return -1;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *
skip_space(const char *p, const char *end)
{
	while (p < end && is_space(*p))
		p++;
	return p;
}

/* Whether the next character is c. */
static bool
sees(const struct scan *s, char c)
{
	return s->at < s->end && *s->at == c;
}

/* The value of a hexadecimal digit; -1 for anything else. */
static int
hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static int
scan_escape(struct scan *s)
{
	const char *p = s->at + 1;

	if (p < s->end && *p == 'u') {
		p++;
		for (int i = 0; i < 4; i++, p++)
			if (p == s->end || hex_digit(*p) == -1)
				return fail(s, p, "expected four hexadecimal digits after '\\u'");
	} else {
		if (p == s->end || *p == '\0' || strchr("\"\\/bfnrt", *p) == NULL)
			return fail(s, p, "invalid escape in a string");
		p++;
	}
	s->at = p;
	return 0;
}

static int
scan_string(struct scan *s)
{
	const char *quote = s->at++;

	for (;;) {
		s->at = json_plain(s->at, s->end);
		if (s->at == s->end) {
			return fail(s, quote, "unterminated string");
		} else if (*s->at == '"') {
			s->at++;
			return 0;
		} else if (*s->at == '\\') {
			if (scan_escape(s) == -1)
				return s->at < s->end ? -1 : fail(s, quote, "unterminated string");
		} else if ((unsigned char)*s->at < 0x20) {
			return fail(s, s->at, "unescaped control character in a string");
		} else {
			size_t n = utf8_run(s->at, (size_t)(s->end - s->at));

			if (n == 0)
				return fail(s, s->at, "invalid UTF-8");
			s->at += n;
		}
	}
}

static int
scan_digits(struct scan *s)
{
	if (s->at == s->end || !is_digit(*s->at))
		return fail(s, s->at, "expected a digit");
	while (s->at < s->end && is_digit(*s->at))
		s->at++;
	return 0;
}

static int
scan_number(struct scan *s)
{
	const char *first;

	if (sees(s, '-'))
		s->at++;
	first = s->at;
	if (scan_digits(s) == -1)
		return -1;
	if (*first == '0' && s->at - first > 1)
		return fail(s, first, "a number with a leading zero");
	if (sees(s, '.')) {
		s->at++;
		if (scan_digits(s) == -1)
			return -1;
	}
	if (sees(s, 'e') || sees(s, 'E')) {
		s->at++;
		if (sees(s, '+') || sees(s, '-'))
			s->at++;
		if (scan_digits(s) == -1)
			return -1;
	}
	return 0;
}

/* A value that is no container. */
static int
scan_scalar(struct scan *s)
{
	static const struct {
		const char *text;
		size_t len;
	} words[] = {{"null", 4}, {"true", 4}, {"false", 5}, {"NaN", 3}, {"Infinity", 8}, {"-Infinity", 9}};

	if (sees(s, '"'))
		return scan_string(s);
	if (s->at < s->end && is_digit(*s->at))
		return scan_number(s);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if ((size_t)(s->end - s->at) >= words[i].len && memcmp(s->at, words[i].text, words[i].len) == 0) {
			s->at += words[i].len;
			return 0;
		}
	}
	if (sees(s, '-'))
		return scan_number(s);
	return fail(s, s->at, "expected a value");
}

/* A key and its colon, with white space around both. */
static int
scan_key(struct scan *s)
{
	s->at = skip_space(s->at, s->end);
	if (!sees(s, '"'))
		return fail(s, s->at, "expected a key in double quotes");
	if (scan_string(s) == -1)
		return -1;
	s->at = skip_space(s->at, s->end);
	if (!sees(s, ':'))
		return fail(s, s->at, "expected ':'");
	s->at++;
	return 0;
}

/* A value with all that is in it. */
static int
scan_value(struct scan *s)
{
	char closing[JSON_DEPTH_MAX];	/* of the containers around the current place, outermost first */
	size_t depth = 0;

	for (;;) {
		bool ended = true;	/* whether a value has just ended, or one is to come */

		s->at = skip_space(s->at, s->end);
		if (sees(s, '{') || sees(s, '[')) {
			if (depth == JSON_DEPTH_MAX)
				return fail(s, s->at, "nested too deeply");
			closing[depth++] = *s->at++ == '{' ? '}' : ']';
			s->at = skip_space(s->at, s->end);
			if (sees(s, closing[depth - 1])) {
				s->at++;
				depth--;
			} else {
				ended = false;
				if (closing[depth - 1] == '}' && scan_key(s) == -1)
					return -1;
			}
		} else if (scan_scalar(s) == -1) {
			return -1;
		}
		while (ended) {
			if (depth == 0)
				return 0;
			s->at = skip_space(s->at, s->end);
			if (sees(s, ',')) {
				ended = false;
				s->at++;
				if (closing[depth - 1] == '}' && scan_key(s) == -1)
					return -1;
			} else if (sees(s, closing[depth - 1])) {
				s->at++;
				depth--;
			} else {
				return fail(s, s->at, closing[depth - 1] == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
			}
		}
	}
}

int
json_parse(const char *text, size_t n, struct json *value, struct json_error *e)
{
	struct scan s = {text, n != 0 ? text + n : text, NULL};

	*value = JSON_NOTHING;
	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		fail(&s, text, "starts with a byte order mark");
	} else if ((s.at = skip_space(text, s.end)) == s.end) {
		s.message = "nothing but white space";
	} else {
		const char *first = s.at;

		if (scan_value(&s) == 0) {
			struct json v = {first, (size_t)(s.at - first)};

			s.at = skip_space(s.at, s.end);
			if (s.at == s.end) {
				*value = v;
				return 0;
			}
			fail(&s, s.at, "text after the end of the value");
		}
	}
	if (e != NULL) {
		e->offset = (size_t)(s.at - text);
		e->message = s.message;
		json_position(text, e->offset, &e->line, &e->column);
	}
	return -1;
}

struct json
json_of(const char *text)
{
	struct json v;
	struct json_error e;

	if (json_parse(text, strlen(text), &v, &e) == -1)
		log_fatal("broken JSON of the program's own, at byte %zu: %s", e.offset, e.message);
	return v;
}

void
json_position(const char *text, size_t offset, unsigned *line, unsigned *column)
{
	const char *p = text, *end = offset != 0 ? text + offset : text, *newline;

	*line = 1;
	while (p < end && (newline = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		(*line)++;
		p = newline + 1;
	}
	*column = 1;
	for (; p < end; p++)
		if (((unsigned char)*p & 0xc0) != 0x80)
			(*column)++;
}

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

	p = skip_space(it->at, it->end);
	if (p < it->end && *p == ',')
		p = skip_space(p + 1, it->end);
	if (p == it->end)
		return false;
	if (it->object) {
		k.text = p;
		p = skip_string(p, it->end);
		k.len = (size_t)(p - k.text);
		p = skip_space(p, it->end) + 1;	/* the colon */
		p = skip_space(p, it->end);
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
		n = n << 4 | (uint32_t)hex_digit(p[i]);
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

		if (!is_digit(v.text[i]) || __builtin_mul_overflow(sum, 10, &sum) ||
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
