/* Literals of Python as JSON, and where statements end. */
#include "notebook/defaults.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"

#define DEPTH_MAX 32

static const char *put_value(const char *p, const char *limit, struct buf *json, int depth);

static bool
is_word(char c)
{
	return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80) != 0;
}

static const char *
skip_space(const char *p, const char *limit)
{
	while (p < limit && strchr(" \t\r\n\f", *p) != NULL && *p != '\0')
		p++;
	return p;
}

/* Within brackets lines may end anywhere, and comments too. */
static const char *
skip_between(const char *p, const char *limit)
{
	for (;;) {
		p = skip_space(p, limit);
		if (p == limit || *p != '#')
			return p;
		while (p < limit && *p != '\n')
			p++;
	}
}

/* ---- Strings ---- */

/* The quotes that a string begins with: 1 or 3 of them. */
static size_t
count_quotes(const char *p, const char *limit)
{
	return limit - p >= 3 && p[1] == *p && p[2] == *p ? 3 : 1;
}

/* The end of a string whose quotes begin at p; NULL when it has none. */
static const char *
string_end(const char *p, const char *limit)
{
	size_t quotes = count_quotes(p, limit);
	char quote = *p;

	for (p += quotes; p < limit; p++) {
		if (*p == '\\' && p + 1 < limit)
			p++;
		else if (*p == '\n' && quotes == 1)
			return NULL;
		else if (*p == quote && (quotes == 1 || (limit - p >= 3 && p[1] == quote && p[2] == quote)))
			return p + quotes;
	}
	return NULL;
}

/* A number of so many digits, at most; NULL when there are fewer than least. */
static const char *
read_digits(const char *p, const char *limit, int base, int least, int most, uint32_t *n)
{
	int count = 0;

	for (*n = 0; p < limit && count < most; p++, count++) {
		int digit = *p >= '0' && *p <= '9' ? *p - '0' : *p >= 'a' && *p <= 'f' ? *p - 'a' + 10 :
		    *p >= 'A' && *p <= 'F' ? *p - 'A' + 10 : 99;

		if (digit >= base)
			break;
		*n = *n * (uint32_t)base + (uint32_t)digit;
	}
	return count >= least ? p : NULL;
}

/* Appends what the escape at p, behind its backslash, stands for; NULL for one that is not known here. */
static const char *
put_escape(const char *p, const char *limit, struct buf *text)
{
	static const char letters[] = "abfnrtv\\'\"", meanings[] = "\a\b\f\n\r\t\v\\'\"";
	const char *letter = strchr(letters, *p);
	uint32_t cp;

	if (*p == '\n')
		return p + 1;
	if (letter != NULL && *p != '\0') {
		buf_addc(text, meanings[letter - letters]);
		return p + 1;
	}
	if (*p >= '0' && *p <= '7')
		p = read_digits(p, limit, 8, 1, 3, &cp);
	else if (*p == 'x')
		p = read_digits(p + 1, limit, 16, 2, 2, &cp);
	else if (*p == 'u')
		p = read_digits(p + 1, limit, 16, 4, 4, &cp);
	else if (*p == 'U')
		p = read_digits(p + 1, limit, 16, 8, 8, &cp);
	else if (*p == 'N')
		return NULL;	/* by its name */
	else {
		buf_addc(text, '\\');	/* means nothing: both stay */
		return p;
	}
	if (p == NULL || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
		return NULL;
	utf8_put(text, cp);
	return p;
}

static const char *
put_string(const char *p, const char *limit, bool raw, struct buf *text)
{
	const char *end = string_end(p, limit);
	size_t quotes = count_quotes(p, limit);

	if (end == NULL)
		return NULL;
	limit = end - quotes;
	for (p += quotes; p < limit;) {
		if (*p != '\\' || raw) {
			buf_addc(text, *p++);
			continue;
		}
		if (p + 1 == limit || (p = put_escape(p + 1, limit, text)) == NULL)
			return NULL;
	}
	return end;
}

/* How long a prefix of a string that is text is: "", r, u; and whether it is raw. */
static size_t
string_prefix(const char *p, const char *limit, bool *raw)
{
	size_t n = p < limit && strchr("rRuU", *p) != NULL && *p != '\0' ? 1 : 0;

	*raw = n == 1 && (*p == 'r' || *p == 'R');
	return p + n < limit && (p[n] == '"' || p[n] == '\'') ? n : SIZE_MAX;
}

/* One string, or several that stand behind each other. */
static const char *
put_strings(const char *p, const char *limit, struct buf *json, bool between)
{
	struct buf text = BUF_INIT;
	const char *next;
	size_t prefix;
	bool raw;

	for (next = p; (prefix = string_prefix(next, limit, &raw)) != SIZE_MAX;) {
		p = put_string(next + prefix, limit, raw, &text);
		if (p == NULL)
			break;
		next = p;
		if (between)
			next = skip_between(p, limit);
		else
			while (next < limit && (*next == ' ' || *next == '\t'))
				next++;
	}
	if (p != NULL)
		json_put_string(json, buf_str(&text), text.len);
	buf_release(&text);
	return p;
}

/* ---- Numbers and words ---- */

static const char *
put_number(const char *p, const char *limit, struct buf *json)
{
	struct buf text = BUF_INIT;
	struct json number;
	char *end = NULL;
	bool minus = false;

	for (; p < limit && (*p == '-' || *p == '+'); p++)
		minus = minus != (*p == '-');
	while (p < limit && (is_word(*p) || *p == '.' || ((*p == '-' || *p == '+') && text.len > 0 &&
	    (p[-1] == 'e' || p[-1] == 'E') && text.data[0] != '0'))) {
		if (*p != '_')
			buf_addc(&text, *p);
		p++;
	}
	if (minus)
		buf_addc(json, '-');
	/* What JSON has no form for: 0x1f, 1., .5 */
	if (json_parse(buf_str(&text), text.len, &number, NULL) == 0 && json_type(number) == JSON_NUMBER) {
		buf_add(json, text.data, text.len);
	} else if (text.len > 2 && text.len < 17 && (strncmp(text.data, "0x", 2) == 0 || strncmp(text.data, "0X", 2) == 0)) {
		unsigned long long n = strtoull(buf_str(&text), &end, 16);

		buf_addf(json, "%llu", n);
	} else if (text.len > 1 && text.len < 300 && strspn(buf_str(&text), "0123456789.eE+-") == text.len &&
	    memchr(text.data, '.', text.len) != NULL) {
		json_put_double(json, strtod(buf_str(&text), &end));
	} else {
		p = NULL;
	}
	if (end != NULL && *end != '\0')
		p = NULL;
	buf_release(&text);
	return p;
}

static const char *
put_word(const char *p, const char *limit, struct buf *json)
{
	static const struct {
		const char *word, *json;
	} words[] = {
		{"True", "true"}, {"False", "false"}, {"None", "null"},	/* Python */
		{"true", "true"}, {"false", "false"}, {"null", "null"}, {"nothing", "null"},
		{"TRUE", "true"}, {"FALSE", "false"}, {"NULL", "null"},	/* R */
	};
	size_t n = 0;

	while (p + n < limit && is_word(p[n]))
		n++;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strlen(words[i].word) == n && memcmp(p, words[i].word, n) == 0) {
			buf_adds(json, words[i].json);
			return p + n;
		}
	}
	return NULL;
}

/* ---- Lists and maps ---- */

/* A list, a tuple (which has a comma) or a dictionary, whose keys are strings. */
static const char *
put_collection(const char *p, const char *limit, struct buf *json, int depth)
{
	char close = *p == '[' ? ']' : *p == '(' ? ')' : '}';
	bool map = close == '}', comma = false;
	size_t n = 0;

	buf_addc(json, map ? '{' : '[');
	for (p = skip_between(p + 1, limit); p < limit && *p != close; n++) {
		if (n > 0)
			buf_adds(json, ", ");
		if (map) {
			bool raw;

			if (string_prefix(p, limit, &raw) == SIZE_MAX || (p = put_strings(p, limit, json, true)) == NULL)
				return NULL;
			p = skip_between(p, limit);
			if (p == limit || *p != ':')
				return NULL;
			buf_adds(json, ": ");
			p++;
		}
		if ((p = put_value(skip_between(p, limit), limit, json, depth + 1)) == NULL)
			return NULL;
		p = skip_between(p, limit);
		if (p < limit && *p == ',') {
			comma = true;
			p = skip_between(p + 1, limit);
		} else if (p == limit || *p != close) {
			return NULL;
		}
	}
	if (p == limit || (close == ')' && n > 0 && !comma))
		return NULL;
	buf_addc(json, map ? '}' : ']');
	return p + 1;
}

static const char *
put_value(const char *p, const char *limit, struct buf *json, int depth)
{
	bool raw;

	if (p == limit || depth > DEPTH_MAX)
		return NULL;
	if (string_prefix(p, limit, &raw) != SIZE_MAX)
		return put_strings(p, limit, json, depth > 0);
	if (*p == '[' || *p == '(' || *p == '{')
		return put_collection(p, limit, json, depth);
	if ((*p >= '0' && *p <= '9') || *p == '-' || *p == '+' || *p == '.')
		return put_number(p, limit, json);
	return put_word(p, limit, json);
}

const char *
python_literal(const char *p, const char *limit, struct buf *json)
{
	while (p < limit && (*p == ' ' || *p == '\t'))
		p++;
	return put_value(p, limit, json, 0);
}

const char *
python_statement_end(const char *p, const char *limit)
{
	const char *end;
	int depth = 0;

	while (p < limit) {
		if (*p == '\'' || *p == '"') {
			end = string_end(p, limit);
			p = end != NULL ? end : p + 1;
			continue;
		}
		if (*p == '#') {
			while (p < limit && *p != '\n')
				p++;
			continue;
		}
		if (*p == '\n' && depth == 0)
			return p;
		if (strchr("([{", *p) != NULL && *p != '\0')
			depth++;
		else if (strchr(")]}", *p) != NULL && *p != '\0' && depth > 0)
			depth--;
		else if (*p == '\\' && p + 1 < limit)
			p++;
		p++;
	}
	return limit;
}
