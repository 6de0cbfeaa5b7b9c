#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "local/handback.h"
#include "local/nesting.h"

#define RESULT "application/vnd.nbfork.result+json"
#define SCRAP(encoder, name, data) \
	"{\"application/scrapbook.scrap." encoder "+json\": {\"name\": " name ", \"data\": " data ", " \
	"\"encoder\": \"" encoder "\", \"version\": 1}}"

static struct handback h;
static struct mask mask;

static void
setup(void)
{
	mask = (struct mask)MASK_INIT;
	handback_init(&h, &mask);
}

static void
teardown(void)
{
	handback_release(&h);
	mask_release(&mask);
}

static void
take(const char *data)
{
	handback_take(&h, json_of(data));
}

START_TEST(test_nothing)
{
	static const char *const others[] = {
		"{}", "null", "[]", "\"" RESULT "\"", "{\"text/plain\": \"x\"}", "[\"" RESULT "\"]",
		"{\"application/vnd.nbfork.result\": 1}", "{\"application/json\": {\"" RESULT "\": 1}}",
		"{\"application/scrapbook.scrap.+json\": {\"name\": \"n\", \"data\": 1}}",
		"{\"application/scrapbook.scrap.json\": {\"name\": \"n\", \"data\": 1}}",
		"{\"application/scrapbook.scrap.json+json\": null}",
		"{\"application/scrapbook.scrap.json+json\": {\"name\": 1, \"data\": 1}}",
		"{\"application/scrapbook.scrap.json+json\": {\"data\": 1}}",
		"{\"application/scrapbook.scrap.json+json\": {\"name\": \"n\"}}",
	};

	handback_take(&h, JSON_NOTHING);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		take(others[i]);
		ck_assert_msg(handback_json(&h) == NULL, "%s", others[i]);
	}
}
END_TEST

static const struct {
	const char *shown, *result;
} results[] = {
	{"1", "1"}, {"null", "null"}, {"\"\"", "\"\""}, {"1.50e3", "1.50e3"}, {"NaN", "\"NaN\""},
	{"{ \"b\":1,\n\"a\" :[ ] }", "{\"b\": 1, \"a\": []}"},
	{"\"text\"", "\"text\""}, {"\"{\\\"a\\\": [1]}\"", "{\"a\": [1]}"}, {"\" [1,2] \"", "[1, 2]"},
	{"\"[1,2\"", "\"[1,2\""}, {"\"5\"", "\"5\""}, {"\"null\"", "\"null\""}, {"\"\\\"a\\\"\"", "\"\\\"a\\\"\""},
};

START_TEST(test_result)
{
	struct buf b = BUF_INIT;

	take("{\"" RESULT "\": \"before\", \"text/plain\": \"x\"}");
	buf_addf(&b, "{\"text/plain\": \"x\", \"" RESULT "\": %s}", results[_i].shown);
	take(b.data);
	take("{\"text/plain\": \"after\"}");
	take(SCRAP("text", "\"n\"", "\"not looked at\""));
	ck_assert_str_eq(handback_json(&h), results[_i].result);
	buf_release(&b);
}
END_TEST

START_TEST(test_scraps)
{
	take(SCRAP("text", "\"b\"", "\"one\""));
	ck_assert_str_eq(handback_json(&h), "{\"b\": \"one\"}");
	take(SCRAP("json", "\"a\"", "{\"x\": [1.0]}"));
	take(SCRAP("pandas", "\"c\"", "\"UEFSMQ==\""));
	take(SCRAP("json", "\"b\"", "null"));
	ck_assert_str_eq(handback_json(&h), "{\"b\": null, \"a\": {\"x\": [1.0]}, \"c\": \"UEFSMQ==\"}");
	ck_assert_str_eq(handback_json(&h), "{\"b\": null, \"a\": {\"x\": [1.0]}, \"c\": \"UEFSMQ==\"}");
	/* JSON that was encoded twice is decoded, text is not. */
	take(SCRAP("json", "\"a\"", "\"[1]\""));
	take(SCRAP("text", "\"b\"", "\"[1]\""));
	take("{\"application\\/scrapbook.scrap.text+json\": {\"data\": 1, \"name\": \"\"}}");
	ck_assert_str_eq(handback_json(&h), "{\"b\": \"[1]\", \"a\": [1], \"c\": \"UEFSMQ==\", \"\": 1}");
	take("{\"" RESULT "\": 0}");
	ck_assert_str_eq(handback_json(&h), "0");
}
END_TEST

START_TEST(test_secrets)
{
	mask_add(&mask, "hunter2", 7);
	take(SCRAP("json", "\"hunter2\"", "\"{\\\"k\\\": \\\"hunt\\\\u0065r2\\\"}\""));
	take(SCRAP("text", "\"***\"", "\"a hunter2\""));
	ck_assert_str_eq(handback_json(&h), "{\"***\": \"a ***\"}");
	take("{\"" RESULT "\": {\"hunter2\": [\"hunter2hunter2\"]}}");
	ck_assert_str_eq(handback_json(&h), "{\"***\": [\"******\"]}");
}
END_TEST

/* A result stands some levels down in documents that must be readable themselves. */
START_TEST(test_nesting)
{
	struct buf b = BUF_INIT, deep = BUF_INIT;

	buf_fill(&deep, '[', NESTING_MAX);
	buf_fill(&deep, ']', NESTING_MAX);
	ck_assert(nesting_is_fine(json_of(deep.data)));
	buf_addf(&b, "{\"" RESULT "\": \"%s\"}", deep.data);
	take(b.data);
	ck_assert_str_eq(handback_json(&h), deep.data);
	buf_reset(&b);
	buf_addf(&b, "[\"\\\"]\", %s]", deep.data);
	ck_assert(!nesting_is_fine(json_of(b.data)));
	buf_reset(&b);
	buf_addf(&b, "{\"" RESULT "\": \"[%s]\"}", deep.data);
	take(b.data);
	ck_assert_int_eq(handback_json(&h)[0], '"');
	buf_release(&b);
	buf_release(&deep);
	ck_assert(nesting_is_fine(JSON_NOTHING));
}
END_TEST

/* Containers side by side are not nested, and brackets in strings are no containers. */
START_TEST(test_breadth)
{
	struct buf b = BUF_INIT;

	buf_addc(&b, '[');
	for (int i = 0; i < 2 * NESTING_MAX; i++)
		buf_adds(&b, "[{\"[\\\"{\\\\\": []}], ");
	buf_adds(&b, "\"");
	buf_fill(&b, '[', 2 * NESTING_MAX);
	buf_adds(&b, "\"]");
	ck_assert(nesting_is_fine(json_of(b.data)));
	buf_release(&b);
}
END_TEST

#define EXIT "application/vnd.nbfork.exit+json"
#define VALUES "application/vnd.nbfork.values+json"
#define CELL_END "application/vnd.nbfork.cell-end+json"

START_TEST(test_exit)
{
	ck_assert(!h.exited);
	take("{\"" RESULT "\": 1}");
	ck_assert(handback_take(&h, json_of("{\"" EXIT "\": \"{\\\"rows\\\": 3.0}\", \"text/plain\": \"Notebook exited\"}")));
	ck_assert(h.exited);
	ck_assert_str_eq(h.exit.data, "\"{\\\"rows\\\": 3.0}\"");
	ck_assert_str_eq(handback_json(&h), "{\"rows\": 3.0}");
	/* None, and what is no text, are the end too, but no result. */
	take("{\"" EXIT "\": null}");
	ck_assert_uint_eq(h.exit.len, 0);
	ck_assert_str_eq(handback_json(&h), "{\"rows\": 3.0}");
	mask_add(&mask, "hunter2", 7);
	take("{\"" EXIT "\": \"a hunter2\"}");
	ck_assert_str_eq(h.exit.data, "\"a ***\"");
	ck_assert_str_eq(handback_json(&h), "\"a ***\"");
}
END_TEST

START_TEST(test_values)
{
	ck_assert_ptr_null(handback_values(&h));
	ck_assert(!handback_take(&h, json_of("{\"" VALUES "\": {\"b\": \"[1]\", \"a\": 1}}")));
	ck_assert(!handback_take(&h, json_of("{\"" VALUES "\": {\"b\": [1.50, null]}}")));
	ck_assert(!handback_take(&h, json_of("{\"" VALUES "\": 5}")));
	ck_assert_str_eq(handback_values(&h), "{\"b\": [1.50, null], \"a\": 1}");
	ck_assert_ptr_null(handback_json(&h));
	take(SCRAP("json", "\"s\"", "2"));
	ck_assert_str_eq(handback_json(&h), "{\"s\": 2}");
	ck_assert_str_eq(handback_values(&h), "{\"b\": [1.50, null], \"a\": 1}");
	mask_add(&mask, "hunter2", 7);
	take("{\"" VALUES "\": {\"hunter2\": \"hunter2\"}}");
	ck_assert_str_eq(handback_values(&h), "{\"b\": [1.50, null], \"a\": 1, \"***\": \"***\"}");
}
END_TEST

START_TEST(test_what_is_shown)
{
	ck_assert(!handback_take(&h, json_of("{\"" CELL_END "\": true}")));
	ck_assert(h.cell_ended && !h.exited);
	ck_assert(handback_take(&h, json_of("{\"" CELL_END "\": true, \"text/plain\": \"x\"}")));
	ck_assert(handback_take(&h, json_of("{\"" RESULT "\": true}")));
	ck_assert(handback_take(&h, json_of("{}")));
	ck_assert(handback_take(&h, JSON_NOTHING));
}
END_TEST

/* What comes in another way goes behind what is shown, and before scraps. */
START_TEST(test_give)
{
	take(SCRAP("json", "\"s\"", "2"));
	handback_give(&h, json_of("\"{\\\"a\\\": 1}\""));
	ck_assert_str_eq(handback_json(&h), "{\"a\": 1}");
	take("{\"" RESULT "\": 5}");
	handback_give(&h, json_of("6"));
	ck_assert_str_eq(handback_json(&h), "5");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("handback");
	TCase *tc = tcase_create("handback");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_nothing);
	tcase_add_loop_test(tc, test_result, 0, (int)(sizeof(results) / sizeof(results[0])));
	tcase_add_test(tc, test_scraps);
	tcase_add_test(tc, test_secrets);
	tcase_add_test(tc, test_nesting);
	tcase_add_test(tc, test_breadth);
	tcase_add_test(tc, test_exit);
	tcase_add_test(tc, test_values);
	tcase_add_test(tc, test_what_is_shown);
	tcase_add_test(tc, test_give);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
