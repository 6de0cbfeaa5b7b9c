#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* A value of a text that must be right. The text is copied without a NUL, so that reading on behind it shows. */
static char *held;

static struct json
parse(const char *text)
{
	struct json v = JSON_NOTHING;
	struct json_error e = {0};
	size_t n = strlen(text);

	free(held);
	held = xmalloc(n);
	memcpy(held, text, n);
	ck_assert_msg(json_parse(held, n, &v, &e) == 0, "%s: %s at %zu", text, e.message, e.offset);
	return v;
}

static void
drop_held(void)
{
	free(held);
	held = NULL;
}

static void
expect_put(const char *text, const struct json_form *form, const char *expected)
{
	struct buf out = BUF_INIT;

	json_put(&out, parse(text), form);
	ck_assert_str_eq(buf_str(&out), expected);
	buf_release(&out);
}

/* ---- Reading ---- */

static const struct {
	const char *text;
	enum json_type type;
	const char *span;
} good[] = {
	{"null", JSON_NULL, "null"},
	{" true ", JSON_TRUE, "true"},
	{"\t\r\nfalse\n", JSON_FALSE, "false"},
	{"0", JSON_NUMBER, "0"},
	{"-0", JSON_NUMBER, "-0"},
	{"-12.50e+007", JSON_NUMBER, "-12.50e+007"},
	{"1E5", JSON_NUMBER, "1E5"},
	{"123456789012345678901234567890", JSON_NUMBER, "123456789012345678901234567890"},
	{"NaN", JSON_NUMBER, "NaN"},
	{"Infinity", JSON_NUMBER, "Infinity"},
	{"-Infinity", JSON_NUMBER, "-Infinity"},
	{"\"\"", JSON_STRING, "\"\""},
	{"\"12345678\\u00e9\\\\\\\"/\\/\\b\\f\\n\\r\\t\" ", JSON_STRING, "\"12345678\\u00e9\\\\\\\"/\\/\\b\\f\\n\\r\\t\""},
	{"\"\\ud800\"", JSON_STRING, "\"\\ud800\""},
	{"\"\x7f\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80\"", JSON_STRING, "\"\x7f\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80\""},
	{"[]", JSON_ARRAY, "[]"},
	{"[ ]", JSON_ARRAY, "[ ]"},
	{" [1 , [ 2,{}] ] ", JSON_ARRAY, "[1 , [ 2,{}] ]"},
	{"{\n}", JSON_OBJECT, "{\n}"},
	{"{\"a\" : 1,\"a\":[{\"b\":\"}\"}]}", JSON_OBJECT, "{\"a\" : 1,\"a\":[{\"b\":\"}\"}]}"},
};

START_TEST(accepts)
{
	struct json v = parse(good[_i].text);

	ck_assert_int_eq(json_type(v), good[_i].type);
	ck_assert_uint_eq(v.len, strlen(good[_i].span));
	ck_assert_mem_eq(v.text, good[_i].span, v.len);
}
END_TEST

static const struct {
	const char *text;
	size_t offset;
	unsigned line, column;
	const char *message;
} bad[] = {
	{"", 0, 1, 1, "nothing but white space"},
	{" \n\t ", 4, 2, 3, "nothing but white space"},
	{"\xef\xbb\xbf{}", 0, 1, 1, "starts with a byte order mark"},
	{"nul", 0, 1, 1, "expected a value"},
	{"True", 0, 1, 1, "expected a value"},
	{"'a'", 0, 1, 1, "expected a value"},
	{"+1", 0, 1, 1, "expected a value"},
	{".5", 0, 1, 1, "expected a value"},
	{"Infinit", 0, 1, 1, "expected a value"},
	{"nullx", 4, 1, 5, "text after the end of the value"},
	{"{} {}", 3, 1, 4, "text after the end of the value"},
	{"1 2", 2, 1, 3, "text after the end of the value"},
	{"-", 1, 1, 2, "unexpected end of the text"},
	{"-x", 1, 1, 2, "expected a digit"},
	{"[1.]", 3, 1, 4, "expected a digit"},
	{"[1.e5]", 3, 1, 4, "expected a digit"},
	{"[1e]", 3, 1, 4, "expected a digit"},
	{"[1e+]", 4, 1, 5, "expected a digit"},
	{"[01]", 1, 1, 2, "a number with a leading zero"},
	{"[-00]", 2, 1, 3, "a number with a leading zero"},
	{"[0x10]", 2, 1, 3, "expected ',' or ']'"},
	{"[1", 2, 1, 3, "unexpected end of the text"},
	{"[1 2]", 3, 1, 4, "expected ',' or ']'"},
	{"[1}", 2, 1, 3, "expected ',' or ']'"},
	{"[1,]", 3, 1, 4, "expected a value"},
	{"[,1]", 1, 1, 2, "expected a value"},
	{"[", 1, 1, 2, "unexpected end of the text"},
	{"]", 0, 1, 1, "expected a value"},
	{"{\"a\":1", 6, 1, 7, "unexpected end of the text"},
	{"{\"a\":1]", 6, 1, 7, "expected ',' or '}'"},
	{"{\"a\":1 \"b\":2}", 7, 1, 8, "expected ',' or '}'"},
	{"{\"a\":1,}", 7, 1, 8, "expected a key in double quotes"},
	{"{a:1}", 1, 1, 2, "expected a key in double quotes"},
	{"{\"a\" 1}", 5, 1, 6, "expected ':'"},
	{"{\"a\"", 4, 1, 5, "unexpected end of the text"},
	{"{\"a\":}", 5, 1, 6, "expected a value"},
	{"{\"a\":1}}", 7, 1, 8, "text after the end of the value"},
	{"[\n \"abc", 3, 2, 2, "unterminated string"},
	{"[\"abc\\", 1, 1, 2, "unterminated string"},
	{"[\"abc\\u12", 1, 1, 2, "unterminated string"},
	{"[\"\\\"]", 1, 1, 2, "unterminated string"},
	{"\"a\\x\"", 3, 1, 4, "invalid escape in a string"},
	{"\"\\u12g4\"", 5, 1, 6, "expected four hexadecimal digits after '\\u'"},
	{"\"a\nb\"", 2, 1, 3, "unescaped control character in a string"},
	{"\"12345678\x1f\"", 9, 1, 10, "unescaped control character in a string"},
	{"\"12345678\xff\"", 9, 1, 10, "invalid UTF-8"},
	{"\"\xc3\xa9\xe4\xb8\"", 3, 1, 3, "invalid UTF-8"},
	{"\"\xc0\x80\"", 1, 1, 2, "invalid UTF-8"},
	{"\"\xed\xa0\x80\"", 1, 1, 2, "invalid UTF-8"},
	{"\"\xf4\x90\x80\x80\"", 1, 1, 2, "invalid UTF-8"},
	{"\"\xe4\xb8", 1, 1, 2, "invalid UTF-8"},
	{"{\n \"k\xc3\xa9y\": [\n  1,\n  \"\xe4\xb8\xad\", x]}", 27, 4, 8, "expected a value"},
};

START_TEST(refuses)
{
	struct json v = {"x", 1};
	struct json_error e = {0};
	size_t n = strlen(bad[_i].text);
	char *text = xmalloc(n);

	memcpy(text, bad[_i].text, n);
	ck_assert_int_eq(json_parse(text, n, &v, &e), -1);
	ck_assert_str_eq(e.message, bad[_i].message);
	ck_assert_uint_eq(e.offset, bad[_i].offset);
	ck_assert_uint_eq(e.line, bad[_i].line);
	ck_assert_uint_eq(e.column, bad[_i].column);
	ck_assert_ptr_null(v.text);
	ck_assert_int_eq(json_parse(text, n, &v, NULL), -1);
	free(text);
}
END_TEST

START_TEST(refuses_no_text_and_nul)
{
	struct json v;
	struct json_error e;

	ck_assert_int_eq(json_parse(NULL, 0, &v, &e), -1);
	ck_assert_str_eq(e.message, "nothing but white space");
	ck_assert_int_eq(json_parse("\0", 1, &v, &e), -1);
	ck_assert_str_eq(e.message, "expected a value");
	ck_assert_int_eq(json_parse("\"\\\0\"", 4, &v, &e), -1);
	ck_assert_str_eq(e.message, "invalid escape in a string");
	ck_assert_int_eq(json_parse("1\0", 2, &v, &e), -1);
	ck_assert_uint_eq(e.offset, 1);
}
END_TEST

/* Every byte that needs a look, at every place of the eight that are looked at together, with every other beside it. */
START_TEST(finds_every_odd_byte)
{
	char text[24];

	for (size_t at = 1; at <= 18; at++) {
		for (int c = 0; c < 256; c++) {
			struct json v;
			struct json_error e;
			bool right = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';

			memset(text, 'a', sizeof(text));
			text[0] = text[20] = '"';
			text[at] = (char)c;
			if (right) {
				ck_assert_int_eq(json_parse(text, 21, &v, NULL), 0);
				continue;
			}
			text[at + 1] = (char)(c ^ 1);
			ck_assert_msg(json_parse(text, 21, &v, &e) == -1, "byte %02x at %zu", c, at);
			ck_assert_uint_eq(e.offset, c == '"' ? at + 1 : c == '\\' ? at + 1 : at);
		}
	}
}
END_TEST

/* JSON_DEPTH_MAX containers are read, written and walked; one more is an error at its bracket. */
START_TEST(depth)
{
	struct json_form form = JSON_ONE_LINE;
	struct buf text = BUF_INIT, out = BUF_INIT;
	struct json v;
	struct json_error e;

	buf_fill(&text, '[', JSON_DEPTH_MAX);
	buf_fill(&text, ']', JSON_DEPTH_MAX);
	ck_assert_int_eq(json_parse(text.data, text.len, &v, NULL), 0);
	json_put(&out, v, &form);
	ck_assert_str_eq(buf_str(&out), buf_str(&text));

	buf_reset(&text);
	buf_fill(&text, '[', JSON_DEPTH_MAX + 1);
	ck_assert_int_eq(json_parse(text.data, text.len, &v, &e), -1);
	ck_assert_str_eq(e.message, "nested too deeply");
	ck_assert_uint_eq(e.offset, JSON_DEPTH_MAX);

	buf_reset(&text);
	for (int i = 0; i < JSON_DEPTH_MAX; i++)
		buf_adds(&text, "{\"\":");
	ck_assert_int_eq(json_parse(text.data, text.len, &v, &e), -1);
	ck_assert_str_eq(e.message, "unexpected end of the text");
	buf_adds(&text, "{\"\":");
	ck_assert_int_eq(json_parse(text.data, text.len, &v, &e), -1);
	ck_assert_str_eq(e.message, "nested too deeply");

	/* Depth, not number. */
	buf_reset(&text);
	buf_addc(&text, '[');
	for (int i = 0; i < 2 * JSON_DEPTH_MAX; i++)
		buf_adds(&text, "[],{},");
	buf_adds(&text, "0]");
	ck_assert_int_eq(json_parse(text.data, text.len, &v, NULL), 0);
	ck_assert_uint_eq(json_count(v), 4 * JSON_DEPTH_MAX + 1);
	buf_release(&text);
	buf_release(&out);
}
END_TEST

START_TEST(position)
{
	const char *text = "a\r\nb\xc3\xa9" "c\n\nd";
	unsigned line, column;

	json_position(text, 0, &line, &column);
	ck_assert_uint_eq(line, 1);
	ck_assert_uint_eq(column, 1);
	json_position(text, 6, &line, &column);
	ck_assert_uint_eq(line, 2);
	ck_assert_uint_eq(column, 3);
	json_position(text, 8, &line, &column);
	ck_assert_uint_eq(line, 3);
	ck_assert_uint_eq(column, 1);
	json_position(text, 10, &line, &column);
	ck_assert_uint_eq(line, 4);
	ck_assert_uint_eq(column, 2);
}
END_TEST

/* ---- Walking ---- */

START_TEST(walks_objects)
{
	static const struct {
		const char *key, *value;
	} expected[] = {
		{"\"a]}\"", "[ 1, {\"x\": \"]\\\"\"} ]"}, {"\"\"", "-1e5"}, {"\"q\\\\\"", "\"\\\\\""}, {"\"b\"", "{}"}, {"\"z\"", "null"},
	};
	struct json_iter it;
	struct json key, value, again;
	int n = 0;

	json_walk(&it, parse(" { \"a]}\":[ 1, {\"x\": \"]\\\"\"} ]\n,\"\" :\t-1e5\t,\"q\\\\\":\"\\\\\",\"b\":{},\"z\":null}"));
	while (json_next(&it, &key, &value)) {
		ck_assert_int_lt(n, COUNT(expected));
		ck_assert_uint_eq(key.len, strlen(expected[n].key));
		ck_assert_mem_eq(key.text, expected[n].key, key.len);
		ck_assert_uint_eq(value.len, strlen(expected[n].value));
		ck_assert_mem_eq(value.text, expected[n].value, value.len);
		ck_assert_int_eq(json_parse(value.text, value.len, &again, NULL), 0);
		n++;
	}
	ck_assert_int_eq(n, COUNT(expected));
	ck_assert(!json_next(&it, NULL, &value));
}
END_TEST

START_TEST(walks_arrays_and_the_rest)
{
	struct json_iter it;
	struct json key = {"x", 1}, value;

	json_walk(&it, parse("[\"a\"\n,2 ]"));
	ck_assert(json_next(&it, &key, &value));
	ck_assert_ptr_null(key.text);
	ck_assert(json_is(value, "a"));
	ck_assert(json_next(&it, NULL, &value));
	ck_assert_uint_eq(value.len, 1);
	ck_assert_int_eq(*value.text, '2');
	ck_assert(!json_next(&it, NULL, &value));

	/* Any number of backslashes before a quote. */
	json_walk(&it, parse("[\"\\\\\\\",\",\"\\\\\\\\\",3]"));
	ck_assert(json_next(&it, NULL, &value));
	ck_assert(json_is(value, "\\\","));
	ck_assert(json_next(&it, NULL, &value));
	ck_assert(json_is(value, "\\\\"));
	ck_assert(json_next(&it, NULL, &value));
	ck_assert_uint_eq(value.len, 1);

	ck_assert_uint_eq(json_count(parse("[ ]")), 0);
	ck_assert_uint_eq(json_count(parse("[1,[2,3],{\"a\":1,\"b\":2}]")), 3);
	ck_assert_uint_eq(json_count(parse("{\"a\":[1,2],\"a\":3}")), 2);
	ck_assert_uint_eq(json_count(parse("\"[1,2]\"")), 0);
	ck_assert_uint_eq(json_count(parse("12")), 0);
	ck_assert_uint_eq(json_count(JSON_NOTHING), 0);
	ck_assert_int_eq(json_type(JSON_NOTHING), JSON_NONE);
}
END_TEST

START_TEST(gets)
{
	struct json v = parse("{\"a\":1,\"\\u0061b\":2,\"a\":3,\"n\":{\"a\":4},\"\":5,\"a \":6}");
	int64_t n;

	ck_assert(json_int(json_get(v, "a"), &n));
	ck_assert_int_eq(n, 3);
	ck_assert(json_int(json_get(v, "ab"), &n));
	ck_assert_int_eq(n, 2);
	ck_assert(json_int(json_get(v, ""), &n));
	ck_assert_int_eq(n, 5);
	ck_assert_int_eq(json_type(json_get(v, "b")), JSON_NONE);
	ck_assert_int_eq(json_type(json_get(v, "A")), JSON_NONE);
	ck_assert_int_eq(json_type(json_get(json_get(json_get(v, "n"), "a"), "a")), JSON_NONE);
	ck_assert_int_eq(json_type(json_get(parse("[\"a\"]"), "a")), JSON_NONE);
	ck_assert_int_eq(json_type(json_get(parse("\"a\""), "a")), JSON_NONE);
	ck_assert_int_eq(json_type(json_get(JSON_NOTHING, "a")), JSON_NONE);
}
END_TEST

/* ---- Decoding ---- */

static const struct {
	const char *text, *plain;
	size_t len;
} strings[] = {
	{"\"\"", "", 0},
	{"\"plain\"", "plain", 5},
	{"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8},
	{"\"x\\u0041\\u00e9\\u4E2d\"", "xA\xc3\xa9\xe4\xb8\xad", 7},
	{"\"\\ud83d\\ude00!\"", "\xf0\x9f\x98\x80!", 5},
	{"\"\\udbff\\udfff\"", "\xf4\x8f\xbf\xbf", 4},
	{"\"\\ud83d\"", "\xed\xa0\xbd", 3},
	{"\"\\ude00\\ud83d\"", "\xed\xb8\x80\xed\xa0\xbd", 6},
	{"\"\\ud83d\\ud83d\\ude00\"", "\xed\xa0\xbd\xf0\x9f\x98\x80", 7},
	{"\"\\ud83d\\ue000\"", "\xed\xa0\xbd\xee\x80\x80", 6},
	{"\"\\udc00\\udc01\"", "\xed\xb0\x80\xed\xb0\x81", 6},
	{"\"\\ud83d\\n\"", "\xed\xa0\xbd\n", 4},
	{"\"\\ud83dude00\"", "\xed\xa0\xbdude00", 8},
	{"\"a\\u0000b\"", "a\0b", 3},
	{"\"\\\\u0041\"", "\\u0041", 6},
};

START_TEST(decodes)
{
	struct json v = parse(strings[_i].text);
	struct buf out = BUF_INIT;
	bool nul = memchr(strings[_i].plain, '\0', strings[_i].len) != NULL;
	char *copy;

	buf_adds(&out, "<");
	json_decode(&out, v);
	ck_assert_uint_eq(out.len, strings[_i].len + 1);
	ck_assert_mem_eq(out.data + 1, strings[_i].plain, strings[_i].len);
	buf_release(&out);

	copy = json_strdup(v);
	if (nul) {
		ck_assert_ptr_null(copy);
		ck_assert(!json_is(v, strings[_i].plain));
	} else {
		ck_assert_str_eq(copy, strings[_i].plain);
		ck_assert(json_is(v, strings[_i].plain));
	}
	ck_assert(!json_is(v, "other"));
	free(copy);
}
END_TEST

START_TEST(decodes_strings_only)
{
	struct buf out = BUF_INIT;

	json_decode(&out, parse("[\"a\"]"));
	json_decode(&out, parse("12"));
	json_decode(&out, JSON_NOTHING);
	ck_assert_uint_eq(out.len, 0);
	ck_assert_ptr_null(json_strdup(parse("null")));
	ck_assert_ptr_null(json_strdup(JSON_NOTHING));
	ck_assert(!json_is(parse("12"), "12"));
	ck_assert(!json_is(JSON_NOTHING, ""));
	ck_assert(!json_is(parse("\"ab\""), "a"));
	ck_assert(!json_is(parse("\"a\""), "ab"));
	ck_assert(!json_is(parse("\"\\u0061\""), "ab"));
	buf_release(&out);
}
END_TEST

static const struct {
	const char *text;
	bool is;
	int64_t n;
} integers[] = {
	{"0", true, 0},
	{"-0", true, 0},
	{"12", true, 12},
	{"9223372036854775807", true, INT64_MAX},
	{"-9223372036854775808", true, INT64_MIN},
	{"9223372036854775808", false, 0},
	{"-9223372036854775809", false, 0},
	{"92233720368547758070", false, 0},
	{"1.0", false, 0},
	{"1e3", false, 0},
	{"NaN", false, 0},
	{"-Infinity", false, 0},
	{"\"1\"", false, 0},
	{"true", false, 0},
	{"null", false, 0},
};

START_TEST(reads_integers)
{
	int64_t n = 77;

	ck_assert_int_eq(json_int(parse(integers[_i].text), &n), integers[_i].is);
	ck_assert_int_eq(n, integers[_i].is ? integers[_i].n : 77);
}
END_TEST

START_TEST(reads_doubles)
{
	struct buf text = BUF_INIT;
	double d = 0;

	ck_assert(json_double(parse("-12.5e-1"), &d));
	ck_assert_double_eq(d, -1.25);
	ck_assert(json_double(parse("[7]"), &d) == false);
	ck_assert(json_double(parse("\"7\""), &d) == false);
	ck_assert(json_double(JSON_NOTHING, &d) == false);
	ck_assert_double_eq(d, -1.25);
	ck_assert(json_double(parse("NaN"), &d) && isnan(d));
	ck_assert(json_double(parse("Infinity"), &d) && isinf(d) && d > 0);
	ck_assert(json_double(parse("-Infinity"), &d) && isinf(d) && d < 0);
	ck_assert(json_double(parse("-0.0"), &d) && d == 0 && signbit(d));
	ck_assert(json_double(parse("1e999"), &d) && isinf(d));
	ck_assert(json_double(parse("5e-324"), &d) && d > 0);

	/* The text behind a number is not part of it. */
	ck_assert(json_double((struct json){"123", 2}, &d));
	ck_assert_double_eq(d, 12);

	/* Longer than any buffer of fixed size: 1, 500 zeros, e-500. */
	buf_addc(&text, '1');
	buf_fill(&text, '0', 500);
	buf_adds(&text, "e-500");
	ck_assert(json_double(parse(buf_str(&text)), &d));
	ck_assert_double_eq(d, 1);
	buf_release(&text);
}
END_TEST

START_TEST(own_text)
{
	ck_assert_int_eq(json_type(json_of("{\"a\": []}")), JSON_OBJECT);
}
END_TEST

START_TEST(own_text_broken)
{
	json_of("{\"a\": ]");
}
END_TEST

/* ---- Writing ---- */

START_TEST(puts_strings)
{
	static const char all[] = "\x01\b\t\n\v\f\r\x1f \"\\/\x7f\xc3\xa9\xf0\x9f\x98\x80";
	struct buf out = BUF_INIT;

	json_put_str(&out, all);
	ck_assert_str_eq(buf_str(&out), "\"\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f \\\"\\\\/\x7f\xc3\xa9\xf0\x9f\x98\x80\"");
	buf_reset(&out);
	json_put_string(&out, "a\0b", 3);
	json_put_string(&out, NULL, 0);
	json_put_str(&out, NULL);
	ck_assert_str_eq(buf_str(&out), "\"a\\u0000b\"\"\"null");
	buf_reset(&out);
	json_put_str(&out, "\xed\xa0\x80-\xed\xbf\xbf");
	ck_assert_str_eq(buf_str(&out), "\"\\ud800-\\udfff\"");
	buf_reset(&out);
	json_put_str(&out, "a\xff\xc3(\xe4\xb8");
	ck_assert_str_eq(buf_str(&out), "\"a\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\"");
	buf_release(&out);
}
END_TEST

static const struct {
	double d;
	const char *text;
} doubles[] = {
	{0.0, "0.0"},
	{-0.0, "-0.0"},
	{1, "1.0"},
	{-1.5, "-1.5"},
	{0.1, "0.1"},
	{0.1 + 0.2, "0.30000000000000004"},
	{1.0 / 3, "0.3333333333333333"},
	{100, "100.0"},
	{123456.789, "123456.789"},
	{1e15, "1000000000000000.0"},
	{9999999999999998.0, "9999999999999998.0"},
	{1e16, "1e+16"},
	{12345678901234567890.0, "1.2345678901234567e+19"},
	{1e22, "1e+22"},
	{1e23, "1e+23"},
	{0.0001, "0.0001"},
	{0.00012345, "0.00012345"},
	{0.00001, "1e-05"},
	{-1.5e-7, "-1.5e-07"},
	{1e100, "1e+100"},
	{5e-324, "5e-324"},
	{2.2250738585072014e-308, "2.2250738585072014e-308"},
	{1.7976931348623157e308, "1.7976931348623157e+308"},
	{0x1p-1017, "7.120236347223045e-307"},	/* a power of two: the nearest of 16 digits is another double */
	{0x1p-44, "5.684341886080802e-14"},
	{NAN, "NaN"},
	{INFINITY, "Infinity"},
	{-INFINITY, "-Infinity"},
};

START_TEST(puts_doubles)
{
	struct buf out = BUF_INIT;

	json_put_double(&out, doubles[_i].d);
	ck_assert_str_eq(buf_str(&out), doubles[_i].text);
	buf_release(&out);
}
END_TEST

static const char document[] = "{\"b\" : [1,[],{ },[[\"x\"]]], \"a\":{\"z\":1.50,\"\\u0061\":\"\\u00e9\\/\\n\"},\"b\":NaN , \"\xc3\xa9\":null,\"B\":-0,\"\":true}";

START_TEST(puts_like_nbformat)
{
	struct json_form form = JSON_NBFORMAT(0);

	expect_put(document, &form,
	    "{\n \"\": true,\n \"B\": -0,\n \"a\": {\n  \"a\": \"\xc3\xa9/\\n\",\n  \"z\": 1.50\n },\n \"b\": NaN,\n \"\xc3\xa9\": null\n}");
	expect_put("[]", &form, "[]");
	expect_put(" { } ", &form, "{}");
	expect_put("[1,2]", &form, "[\n 1,\n 2\n]");
	expect_put("\"a\"", &form, "\"a\"");
	form.level = 2;
	expect_put("{\"a\":[[]]}", &form, "{\n   \"a\": [\n    []\n   ]\n  }");
	form.level = 0;
	form.indent = 4;
	expect_put("[[1]]", &form, "[\n    [\n        1\n    ]\n]");
	form.indent = 0;
	expect_put("[[1]]", &form, "[\n[\n1\n]\n]");
}
END_TEST

START_TEST(puts_on_one_line)
{
	struct json_form form = JSON_ONE_LINE;

	expect_put(document, &form,
	    "{\"b\": [1, [], {}, [[\"x\"]]], \"a\": {\"z\": 1.50, \"a\": \"\xc3\xa9/\\n\"}, \"b\": \"NaN\", \"\xc3\xa9\": null, \"B\": -0, \"\": true}");
	expect_put("[NaN,Infinity,-Infinity,123456789012345678901234567890,1E400]", &form,
	    "[\"NaN\", \"Infinity\", \"-Infinity\", 123456789012345678901234567890, 1E400]");
	form.strict = false;
	expect_put("[NaN,Infinity,-Infinity]", &form, "[NaN, Infinity, -Infinity]");
}
END_TEST

START_TEST(puts_nothing_as_null)
{
	struct json_form form = JSON_ONE_LINE;
	struct buf out = BUF_INIT;

	json_put(&out, JSON_NOTHING, &form);
	ck_assert_str_eq(buf_str(&out), "null");
	buf_release(&out);
}
END_TEST

START_TEST(sorts_by_decoded_key)
{
	struct json_form form = {.indent = -1, .sort = true};

	expect_put("{\"b\":1,\"\\u0061\":2,\"aa\":3,\"A\":4}", &form, "{\"A\": 4, \"a\": 2, \"aa\": 3, \"b\": 1}");
	/* The last of equal keys, however they are written, with nothing of the others. */
	expect_put("{\"a\":1,\"b\":{\"x\":1},\"\\u0061\":2,\"b\":{\"y\":1},\"a\":3}", &form, "{\"a\": 3, \"b\": {\"y\": 1}}");
	expect_put("{\"a\":1,\"a\":2}", &form, "{\"a\": 2}");
	/* By code point, which is not the order of UTF-16. */
	expect_put("{\"\\ud83d\\ude00\":1,\"\xef\xbf\xbd\":2,\"\\u007f\":3}", &form,
	    "{\"\x7f\": 3, \"\xef\xbf\xbd\": 2, \"\xf0\x9f\x98\x80\": 1}");
	expect_put("{\"a\\u0000b\":1,\"a\":2,\"a\\u0000a\":3}", &form, "{\"a\": 2, \"a\\u0000a\": 3, \"a\\u0000b\": 1}");
	/* Inner objects are sorted while the outer ones wait with theirs. */
	expect_put("{\"c\":{\"b\":{\"z\":1,\"y\":2},\"a\":0},\"b\":[{\"n\":1,\"m\":2}],\"a\":{\"\\u0062\":1,\"\\u0061\":2}}", &form,
	    "{\"a\": {\"a\": 2, \"b\": 1}, \"b\": [{\"m\": 2, \"n\": 1}], \"c\": {\"a\": 0, \"b\": {\"y\": 2, \"z\": 1}}}");
}
END_TEST

START_TEST(sorts_many)
{
	struct json_form form = {.indent = -1, .sort = true};
	struct buf text = BUF_INIT, out = BUF_INIT, expected = BUF_INIT;
	struct json v;

	/* 5000 keys backwards, each four times; the last value counts. */
	for (int round = 0; round < 4; round++)
		for (int i = 4999; i >= 0; i--)
			buf_addf(&text, "%c\"k%04d\":%d", text.len == 0 ? '{' : ',', i, 10 * i + round);
	buf_addc(&text, '}');
	for (int i = 0; i < 5000; i++)
		buf_addf(&expected, "%s\"k%04d\": %d", i == 0 ? "{" : ", ", i, 10 * i + 3);
	buf_addc(&expected, '}');
	ck_assert_int_eq(json_parse(text.data, text.len, &v, NULL), 0);
	json_put(&out, v, &form);
	ck_assert_str_eq(buf_str(&out), buf_str(&expected));
	buf_release(&expected);
	buf_release(&out);
	buf_release(&text);
}
END_TEST

START_TEST(masks)
{
	struct mask mask = MASK_INIT;
	struct json_form form = {.indent = -1, .sort = true, .mask = &mask};

	mask_add(&mask, "se\ncret", 7);
	mask_add(&mask, "77", 2);
	/* A secret is found behind escapes, in keys too; what is no string is left alone. */
	expect_put("{\"b\":\"my se\\ncret\",\"a\":[\"s\\u0065\\u000acret\",\"cret\"],\"x77\":77,\"se\\\\ncret\":1}", &form,
	    "{\"a\": [\"***\", \"cret\"], \"b\": \"my ***\", \"se\\\\ncret\": 1, \"x***\": 77}");
	/* Nor in the escapes as such. */
	expect_put("\"\\u0377\"", &form, "\"\xcd\xb7\"");
	mask_release(&mask);
}
END_TEST

START_TEST(writes_its_own_words)
{
	struct json_form form = JSON_NBFORMAT(0);
	struct buf first = BUF_INIT, second = BUF_INIT;
	struct json v;

	json_put(&first, parse(document), &form);
	ck_assert_int_eq(json_parse(first.data, first.len, &v, NULL), 0);
	json_put(&second, v, &form);
	ck_assert_str_eq(buf_str(&first), buf_str(&second));
	buf_release(&second);
	buf_release(&first);
}
END_TEST

/* ---- Building ---- */

static void
build(struct json_out *o)
{
	json_out_open(o, '{');
	json_out_key(o, "a\"b");
	json_out_str(o, "x\ny");
	json_out_key(o, "none");
	json_out_str(o, NULL);
	json_out_key(o, "list");
	json_out_open(o, '[');
	json_out_int(o, INT64_MIN);
	json_out_fixed(o, 1.2345, 3);
	json_out_fixed(o, NAN, 3);
	json_out_bool(o, true);
	json_out_open(o, '[');
	json_out_close(o, ']');
	json_out_open(o, '{');
	json_out_close(o, '}');
	json_out_bool(o, false);
	json_out_close(o, ']');
	json_out_key(o, "value");
	json_out_value(o, parse("{\"b\":[NaN],\"a\":{}}"));
	json_out_key(o, "nothing");
	json_out_value(o, JSON_NOTHING);
	json_out_close(o, '}');
}

START_TEST(builds)
{
	struct buf out = BUF_INIT;
	struct json_out line = JSON_OUT(&out, -1, 0);
	struct json_out lines = JSON_OUT(&out, 1, 0);
	struct json v;

	build(&line);
	ck_assert_str_eq(buf_str(&out),
	    "{\"a\\\"b\": \"x\\ny\", \"none\": null, \"list\": [-9223372036854775808, 1.234, null, true, [], {}, false], "
	    "\"value\": {\"b\": [\"NaN\"], \"a\": {}}, \"nothing\": null}");
	ck_assert_int_eq(json_parse(out.data, out.len, &v, NULL), 0);
	buf_reset(&out);

	build(&lines);
	ck_assert_str_eq(buf_str(&out),
	    "{\n \"a\\\"b\": \"x\\ny\",\n \"none\": null,\n \"list\": [\n  -9223372036854775808,\n  1.234,\n  null,\n  true,\n"
	    "  [],\n  {},\n  false\n ],\n \"value\": {\n  \"b\": [\n   \"NaN\"\n  ],\n  \"a\": {}\n },\n \"nothing\": null\n}");
	ck_assert_int_eq(lines.level, 0);
	buf_release(&out);
}
END_TEST

/* At a level, behind other text, and with the buffer emptied on the way. */
START_TEST(builds_in_pieces)
{
	struct mask mask = MASK_INIT;
	struct buf out = BUF_INIT;
	struct json_out o = JSON_OUT(&out, 2, 1);

	mask_add(&mask, "secret", 6);
	o.mask = &mask;
	buf_adds(&out, "[");
	json_out_open(&o, '[');
	ck_assert_str_eq(buf_str(&out), "[[");
	buf_reset(&out);
	json_out_str(&o, "a secret");
	ck_assert_str_eq(buf_str(&out), "\n    \"a ***\"");
	buf_reset(&out);
	json_out_value(&o, parse("[\"secret\"]"));
	ck_assert_str_eq(buf_str(&out), ",\n    [\n      \"***\"\n    ]");
	buf_reset(&out);
	json_out_close(&o, ']');
	ck_assert_str_eq(buf_str(&out), "\n  ]");
	mask_release(&mask);
	buf_release(&out);
}
END_TEST

START_TEST(builds_a_single_value)
{
	struct buf out = BUF_INIT;
	struct json_out o = JSON_OUT(&out, 1, 3);

	json_out_int(&o, 7);
	ck_assert_str_eq(buf_str(&out), "7");
	buf_release(&out);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("json");
	TCase *reading = tcase_create("reading"), *writing = tcase_create("writing");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(reading, NULL, drop_held);
	tcase_add_loop_test(reading, accepts, 0, COUNT(good));
	tcase_add_loop_test(reading, refuses, 0, COUNT(bad));
	tcase_add_test(reading, refuses_no_text_and_nul);
	tcase_add_test(reading, finds_every_odd_byte);
	tcase_add_test(reading, depth);
	tcase_add_test(reading, position);
	tcase_add_test(reading, walks_objects);
	tcase_add_test(reading, walks_arrays_and_the_rest);
	tcase_add_test(reading, gets);
	tcase_add_loop_test(reading, decodes, 0, COUNT(strings));
	tcase_add_test(reading, decodes_strings_only);
	tcase_add_loop_test(reading, reads_integers, 0, COUNT(integers));
	tcase_add_test(reading, reads_doubles);
	tcase_add_test(reading, own_text);
	tcase_add_exit_test(reading, own_text_broken, 3);
	suite_add_tcase(suite, reading);

	tcase_add_checked_fixture(writing, NULL, drop_held);
	tcase_add_test(writing, puts_strings);
	tcase_add_loop_test(writing, puts_doubles, 0, COUNT(doubles));
	tcase_add_test(writing, puts_like_nbformat);
	tcase_add_test(writing, puts_on_one_line);
	tcase_add_test(writing, puts_nothing_as_null);
	tcase_add_test(writing, sorts_by_decoded_key);
	tcase_add_test(writing, sorts_many);
	tcase_add_test(writing, masks);
	tcase_add_test(writing, writes_its_own_words);
	tcase_add_test(writing, builds);
	tcase_add_test(writing, builds_in_pieces);
	tcase_add_test(writing, builds_a_single_value);
	suite_add_tcase(suite, writing);

	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
