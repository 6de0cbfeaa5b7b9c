#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mask.h"
#include "notebook/output.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct outputs o = OUTPUTS_INIT;
static struct mask mask = MASK_INIT;
static struct buf text = BUF_INIT;

static void
release(void)
{
	outputs_release(&o);
	mask_release(&mask);
	buf_release(&text);
}

static const char *
put(size_t i)
{
	ck_assert_uint_lt(i, o.n);
	buf_reset(&text);
	output_put(&o.list[i], &mask, &text);
	return buf_str(&text);
}

static void
stream(const char *name, const char *s)
{
	outputs_stream(&o, name, s, strlen(s));
}

static void
display(const char *data, const char *metadata)
{
	outputs_display(&o, OUTPUT_DISPLAY_DATA, json_of(data), json_of(metadata), -1, &mask);
}

/* ---- Lines ---- */

static const struct {
	const char *text, *lines;
} lines[] = {
	{"", "[]"},
	{"a", "[\n \"a\"\n]"},
	{"a\n", "[\n \"a\\n\"\n]"},
	{"a\nb", "[\n \"a\\n\",\n \"b\"\n]"},
	{"\n\n", "[\n \"\\n\",\n \"\\n\"\n]"},
	{"a\r\nb\rc", "[\n \"a\\r\\n\",\n \"b\\r\",\n \"c\"\n]"},
	{"a\r", "[\n \"a\\r\"\n]"},
	{"a\n\rb", "[\n \"a\\n\",\n \"\\r\",\n \"b\"\n]"},
	{"a\vb\fc", "[\n \"a\\u000b\",\n \"b\\f\",\n \"c\"\n]"},
	{"a\x1c" "b\x1d" "c\x1e" "d\x1f" "e", "[\n \"a\\u001c\",\n \"b\\u001d\",\n \"c\\u001e\",\n \"d\\u001fe\"\n]"},
	{"a\xc2\x85" "b\u2028c\u2029d", "[\n \"a\xc2\x85\",\n \"b\u2028\",\n \"c\u2029\",\n \"d\"\n]"},
	{"a\xc2\x84" "b\xc2\x86" "c\u2027d\u202ae\u00e9\t\177", "[\n \"a\xc2\x84" "b\xc2\x86" "c\u2027d\u202ae\u00e9\\t\177\"\n]"},
	{"\xc2\xe2\x80", "[\n \"\ufffd\ufffd\ufffd\"\n]"},
};

START_TEST(cuts_lines)
{
	output_put_lines(&text, lines[_i].text, strlen(lines[_i].text), 0);
	ck_assert_str_eq(buf_str(&text), lines[_i].lines);
}
END_TEST

START_TEST(indents_lines)
{
	output_put_lines(&text, "a\nb", 3, 2);
	ck_assert_str_eq(buf_str(&text), "[\n   \"a\\n\",\n   \"b\"\n  ]");
}
END_TEST

START_TEST(cuts_behind_nul)
{
	output_put_lines(&text, "a\0b\nc", 5, 0);
	ck_assert_str_eq(buf_str(&text), "[\n \"a\\u0000b\\n\",\n \"c\"\n]");
}
END_TEST

/* ---- Streams ---- */

START_TEST(puts_streams)
{
	stream("stdout", "a\nb");
	ck_assert_str_eq(put(0),
	    "{\n     \"name\": \"stdout\",\n     \"output_type\": \"stream\",\n     \"text\": [\n"
	    "      \"a\\n\",\n      \"b\"\n     ]\n    }");
}
END_TEST

START_TEST(merges_neighbours)
{
	stream("stdout", "a");
	stream("stdout", "b\n");
	stream("stderr", "c");
	stream("stdout", "d");
	ck_assert_uint_eq(o.n, 3);
	ck_assert_ptr_nonnull(strstr(put(0), "\"ab\\n\"\n"));
	ck_assert_ptr_nonnull(strstr(put(1), "\"name\": \"stderr\""));
	ck_assert_ptr_nonnull(strstr(put(1), "\"c\"\n"));
	ck_assert_ptr_nonnull(strstr(put(2), "\"d\"\n"));
	display("{}", "{}");
	stream("stdout", "e");
	ck_assert_uint_eq(o.n, 5);
}
END_TEST

START_TEST(resolves_as_a_terminal)
{
	stream("stdout", "10%\r");
	ck_assert_ptr_nonnull(strstr(put(0), "\"10%\\r\"\n"));
	stream("stdout", "20%\r\n");
	ck_assert_ptr_nonnull(strstr(put(0), "[\n      \"20%\\r\\n\"\n"));
	stream("stdout", "|\b/\b");
	ck_assert_ptr_nonnull(strstr(put(0), "\"20%\\r\\n\",\n      \"/\"\n"));
}
END_TEST

/* A secret that comes in pieces, or that backspaces put together, is found all the same. */
START_TEST(masks_streams)
{
	mask_add(&mask, "hunter2", 7);
	mask_add(&mask, "two\nlines", 9);
	stream("stdout", "pw hun");
	stream("stdout", "ter2\nhuntex\br2 two\nli");
	stream("stdout", "nes");
	ck_assert_str_eq(strstr(put(0), "["), "[\n      \"pw ***\\n\",\n      \"*** ***\"\n     ]\n    }");
}
END_TEST

struct pieces {
	struct buf text;
	size_t n, largest;
};

static void
take_piece(void *arg, const void *p, size_t n)
{
	struct pieces *pieces = arg;

	buf_add(&pieces->text, p, n);
	pieces->n++;
	if (n > pieces->largest)
		pieces->largest = n;
}

START_TEST(writes_in_pieces)
{
	struct pieces pieces = {.text = BUF_INIT};
	struct text_sink to = {take_piece, &pieces};

	for (int i = 0; i < 100000; i++)
		stream("stdout", "a line of text\n");
	stream("stdout", "end\rE");
	display("{\"text/plain\": \"x\"}", "{}");
	output_write(&o.list[0], &mask, &to);
	ck_assert_uint_gt(pieces.n, 10);
	ck_assert_uint_lt(pieces.largest, 100000);
	ck_assert_str_eq(buf_str(&pieces.text), put(0));
	buf_reset(&pieces.text);
	output_write(&o.list[1], &mask, &to);
	ck_assert_str_eq(buf_str(&pieces.text), put(1));
	buf_release(&pieces.text);
}
END_TEST

/* ---- Displays ---- */

START_TEST(puts_results)
{
	outputs_display(&o, OUTPUT_EXECUTE_RESULT, json_of("{\"text/plain\":\"a\\nb\",\"image/png\":\"QUJD\\nREVG\"}"),
	    json_of("{\"z\":1.50,\"a\":{\"b\":[]}}"), 7, NULL);
	ck_assert_str_eq(put(0),
	    "{\n"
	    "     \"data\": {\n"
	    "      \"image/png\": \"QUJD\\nREVG\",\n"
	    "      \"text/plain\": [\n"
	    "       \"a\\n\",\n"
	    "       \"b\"\n"
	    "      ]\n"
	    "     },\n"
	    "     \"execution_count\": 7,\n"
	    "     \"metadata\": {\n"
	    "      \"a\": {\n"
	    "       \"b\": []\n"
	    "      },\n"
	    "      \"z\": 1.50\n"
	    "     },\n"
	    "     \"output_type\": \"execute_result\"\n"
	    "    }");
}
END_TEST

START_TEST(puts_displays)
{
	display("{}", "{}");
	ck_assert_str_eq(put(0),
	    "{\n     \"data\": {},\n     \"metadata\": {},\n     \"output_type\": \"display_data\"\n    }");
	outputs_display(&o, OUTPUT_EXECUTE_RESULT, JSON_NOTHING, json_of("[]"), -1, NULL);
	ck_assert_str_eq(put(1),
	    "{\n     \"data\": {},\n     \"execution_count\": null,\n     \"metadata\": {},\n"
	    "     \"output_type\": \"execute_result\"\n    }");
}
END_TEST

/* What becomes of a value under a MIME type; the value is that of the only member of data. */
static const struct {
	const char *data, *value;
} mimes[] = {
	{"{\"text/plain\":\"\"}", "[]"},
	{"{\"text/html\":\"a\\u2028b\"}", "[\"a\u2028\", \"b\"]"},
	{"{\"text/plain\":[\"a\\n\",\"b\\nc\"]}", "[\"a\\n\", \"b\\n\", \"c\"]"},
	{"{\"te\\u0078t/x\":\"a\\nb\"}", "[\"a\\n\", \"b\"]"},
	{"{\"application/javascript\":\"a\\nb\"}", "[\"a\\n\", \"b\"]"},
	{"{\"image/svg+xml\":\"a\\nb\"}", "[\"a\\n\", \"b\"]"},
	{"{\"text/plain\":\"a\",\"text/plain\":\"b\"}", "[\"b\"]"},
	{"{\"image/png\":\"a\\nb\"}", "\"a\\nb\""},
	{"{\"image/png\":[\"a\\nb\",\"c\"]}", "[\"a\\nb\", \"c\"]"},
	{"{\"application/pdf\":\"a\\nb\"}", "\"a\\nb\""},
	{"{\"application/javascript;x\":\"a\\nb\"}", "\"a\\nb\""},
	{"{\"application/json\":\"a\\nb\"}", "\"a\\nb\""},
	{"{\"application/json\":{\"b\":1.0,\"a\":[12345678901234567890123, 1e5, null]}}",
	    "{\"a\": [12345678901234567890123, 1e5, null], \"b\": 1.0}"},
	{"{\"application/vnd.x+json\":[{}]}", "[{}]"},
	/* The schema has strings for all that is not JSON. */
	{"{\"text/plain\":5}", "\"5\""},
	{"{\"text/plain\":null}", "\"null\""},
	{"{\"text/plain\":[\"a\",1]}", "\"[\\\"a\\\", 1]\""},
	{"{\"image/png\":{\"a\":1}}", "\"{\\\"a\\\": 1}\""},
	{"{\"application/json\\u0000\":[1]}", "\"[1]\""},
	{"{\"text/plain\":\"\\ud800\"}", "[\"\\ud800\"]"},
};

START_TEST(keeps_the_schema)
{
	struct json_iter it;
	struct json v, key, value;
	struct json_form form = {.indent = -1};
	struct buf got = BUF_INIT;

	display(mimes[_i].data, "{}");
	put(0);
	ck_assert_int_eq(json_parse(text.data, text.len, &v, NULL), 0);
	json_walk(&it, json_get(v, "data"));
	ck_assert(json_next(&it, &key, &value));
	json_put(&got, value, &form);
	ck_assert_str_eq(buf_str(&got), mimes[_i].value);
	ck_assert(!json_next(&it, &key, &value));
	buf_release(&got);
}
END_TEST

START_TEST(masks_displays)
{
	mask_add(&mask, "hunter2", 7);
	mask_add(&mask, "two\nlines", 9);
	display("{\"text/plain\":\"hunt\\u0065r2 two\\nlines\",\"application/json\":{\"hunter2\":[\"xhunter2x\"]}}",
	    "{\"a\":\"hunter2\"}");
	put(0);
	ck_assert_ptr_null(strstr(text.data, "hunter2"));
	ck_assert_ptr_null(strstr(text.data, "lines"));
	ck_assert_ptr_nonnull(strstr(text.data, "\"*** ***\""));
	ck_assert_ptr_nonnull(strstr(text.data, "\"***\": [\n        \"x***x\"\n"));
	ck_assert_ptr_nonnull(strstr(text.data, "\"a\": \"***\""));
}
END_TEST

START_TEST(updates)
{
	display("{\"text/plain\":\"1\"}", "{}");
	display("{\"text/plain\":\"2\"}", "{}");
	outputs_display(&o, OUTPUT_EXECUTE_RESULT, json_of("{\"text/plain\":\"3\"}"), json_of("{}"), 4, NULL);
	display("{\"text/plain\":\"4\"}", "{}");
	stream("stdout", "5");
	for (size_t i = 0; i <= 2; i += 2)
		outputs_update_at(&o, i, json_of("{\"text/plain\":\"new\"}"), json_of("{\"m\":1}"), NULL);
	ck_assert_ptr_nonnull(strstr(put(0), "\"new\""));
	ck_assert_ptr_nonnull(strstr(put(0), "\"m\": 1"));
	ck_assert_ptr_nonnull(strstr(put(1), "\"2\""));
	ck_assert_ptr_nonnull(strstr(put(2), "\"new\""));
	ck_assert_ptr_nonnull(strstr(put(2), "\"execution_count\": 4"));
	ck_assert_ptr_nonnull(strstr(put(3), "\"4\""));
	outputs_update_at(&o, 3, json_of("{\"text/plain\":\"one\"}"), json_of("{}"), NULL);
	ck_assert_ptr_nonnull(strstr(put(3), "\"one\""));
	outputs_update_at(&o, 4, json_of("{}"), json_of("{}"), NULL);
	ck_assert_ptr_nonnull(strstr(put(4), "\"5\""));
}
END_TEST

/* ---- Errors ---- */

START_TEST(puts_errors)
{
	outputs_error(&o, json_of("\"E\""), json_of("\"a\\nb\""), json_of("[\"one\\ntwo\",\"\\u001b[31mx\"]"), NULL);
	ck_assert_str_eq(put(0),
	    "{\n     \"ename\": \"E\",\n     \"evalue\": \"a\\nb\",\n     \"output_type\": \"error\",\n"
	    "     \"traceback\": [\n      \"one\\ntwo\",\n      \"\\u001b[31mx\"\n     ]\n    }");
	outputs_error(&o, JSON_NOTHING, json_of("5"), json_of("[1]"), NULL);
	ck_assert_str_eq(put(1),
	    "{\n     \"ename\": \"\",\n     \"evalue\": \"\",\n     \"output_type\": \"error\",\n     \"traceback\": []\n    }");
}
END_TEST

START_TEST(masks_errors)
{
	mask_add(&mask, "hunter2", 7);
	outputs_error(&o, json_of("\"hunter2\""), json_of("\"x hunter2\""), json_of("[\"hunter2\"]"), &mask);
	ck_assert_ptr_null(strstr(put(0), "hunter2"));
	ck_assert_ptr_nonnull(strstr(put(0), "\"x ***\""));
}
END_TEST

START_TEST(clears)
{
	stream("stdout", "a");
	display("{}", "{}");
	outputs_clear(&o);
	ck_assert_uint_eq(o.n, 0);
	stream("stdout", "b");
	ck_assert_uint_eq(o.n, 1);
	ck_assert_ptr_nonnull(strstr(put(0), "\"b\""));
	outputs_release(&o);
	ck_assert_uint_eq(o.n, 0);
	outputs_release(&o);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("output");
	TCase *tcase = tcase_create("output");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, NULL, release);
	tcase_add_loop_test(tcase, cuts_lines, 0, COUNT(lines));
	tcase_add_test(tcase, indents_lines);
	tcase_add_test(tcase, cuts_behind_nul);
	tcase_add_test(tcase, puts_streams);
	tcase_add_test(tcase, merges_neighbours);
	tcase_add_test(tcase, resolves_as_a_terminal);
	tcase_add_test(tcase, masks_streams);
	tcase_add_test(tcase, writes_in_pieces);
	tcase_add_test(tcase, puts_results);
	tcase_add_test(tcase, puts_displays);
	tcase_add_loop_test(tcase, keeps_the_schema, 0, COUNT(mimes));
	tcase_add_test(tcase, masks_displays);
	tcase_add_test(tcase, updates);
	tcase_add_test(tcase, puts_errors);
	tcase_add_test(tcase, masks_errors);
	tcase_add_test(tcase, clears);
	suite_add_tcase(suite, tcase);

	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
