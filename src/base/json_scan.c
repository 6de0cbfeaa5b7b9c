#include "base/json.h"

#include <string.h>

#include "base/json_plain.h"
#include "base/log.h"
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

/* Whether the next character is c. */
static bool
sees(const struct scan *s, char c)
{
	return s->at < s->end && *s->at == c;
}

static int
scan_escape(struct scan *s)
{
	const char *p = s->at + 1;

	if (p < s->end && *p == 'u') {
		p++;
		for (int i = 0; i < 4; i++, p++)
			if (p == s->end || json_hex_digit(*p) == -1)
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
	if (s->at == s->end || !json_is_digit(*s->at))
		return fail(s, s->at, "expected a digit");
	while (s->at < s->end && json_is_digit(*s->at))
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
	if (s->at < s->end && json_is_digit(*s->at))
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
	s->at = json_skip_space(s->at, s->end);
	if (!sees(s, '"'))
		return fail(s, s->at, "expected a key in double quotes");
	if (scan_string(s) == -1)
		return -1;
	s->at = json_skip_space(s->at, s->end);
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

		s->at = json_skip_space(s->at, s->end);
		if (sees(s, '{') || sees(s, '[')) {
			if (depth == JSON_DEPTH_MAX)
				return fail(s, s->at, "nested too deeply");
			closing[depth++] = *s->at++ == '{' ? '}' : ']';
			s->at = json_skip_space(s->at, s->end);
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
			s->at = json_skip_space(s->at, s->end);
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
	} else if ((s.at = json_skip_space(text, s.end)) == s.end) {
		s.message = "nothing but white space";
	} else {
		const char *first = s.at;

		if (scan_value(&s) == 0) {
			struct json v = {first, (size_t)(s.at - first)};

			s.at = json_skip_space(s.at, s.end);
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
