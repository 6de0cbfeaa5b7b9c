#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "notebook/papermill.h"

static struct notebook nb;

static void
enter(void)
{
	struct problems p = PROBLEMS_INIT;
	struct buf text = BUF_INIT;

	buf_adds(&text, "{\"cells\": [{\"cell_type\": \"code\", \"id\": \"a\", \"metadata\": {}, \"source\": \"1\", "
	    "\"outputs\": [], \"execution_count\": null}, {\"cell_type\": \"code\", \"id\": \"b\", \"metadata\": {}, "
	    "\"source\": \"2\", \"outputs\": [], \"execution_count\": null}], \"metadata\": {}, \"nbformat\": 4, "
	    "\"nbformat_minor\": 5}");
	ck_assert_int_eq(notebook_parse(&nb, "a.ipynb", &text, &p), 0);
	problems_release(&p);
}

static void
leave(void)
{
	notebook_release(&nb);
}

START_TEST(describes_the_run)
{
	struct params params = {NULL, 0, 0};
	struct papermill run = {
		.input = "in.ipynb", .output = "out.ipynb", .parameters = &params,
		.started_at = INT64_C(1795335300123456), .ended_at = INT64_C(1795335301373456), .exception = "null",
	};
	struct json v;

	params_set(&params, "x", "1", NULL, (struct mark){0, 0});
	params_set(&params, "key", "\"s3cret\"", "KEY", (struct mark){0, 0});
	papermill_metadata(&nb, &run);
	v = json_of(nb.papermill);
	ck_assert(json_is(json_get(v, "start_time"), "2026-11-22T08:15:00.123456+00:00"));
	ck_assert(json_is(json_get(v, "end_time"), "2026-11-22T08:15:01.373456+00:00"));
	ck_assert_int_eq(strncmp(json_get(v, "duration").text, "1.25,", 5), 0);
	ck_assert(json_is(json_get(v, "input_path"), "in.ipynb") && json_is(json_get(v, "output_path"), "out.ipynb"));
	ck_assert(json_type(json_get(v, "exception")) == JSON_NULL);
	ck_assert(json_is(json_get(json_get(v, "parameters"), "key"), "***"));
	ck_assert_int_eq(json_get(json_get(v, "parameters"), "x").text[0], '1');
	/* While it runs. */
	run.ended_at = 0;
	run.exception = NULL;
	papermill_metadata(&nb, &run);
	v = json_of(nb.papermill);
	ck_assert(json_type(json_get(v, "end_time")) == JSON_NULL && json_type(json_get(v, "duration")) == JSON_NULL);
	params_release(&params);
}
END_TEST

START_TEST(marks_the_cell)
{
	struct buf text = BUF_INIT;

	nb.cells[1].execution_count = 2;
	ck_assert_int_eq(papermill_mark_error(&nb, 1), 3);
	ck_assert_uint_eq(nb.ncells, 4);
	for (size_t i = 0; i < 4; i += 2) {
		ck_assert(cell_has_tag(&nb.cells[i], "papermill-error-cell-tag"));
		ck_assert_int_eq(nb.cells[i].type, CELL_MARKDOWN);
	}
	ck_assert_ptr_nonnull(strstr(nb.cells[0].added_source, "<a href=\"#papermill-error-cell\">In [2]</a>"));
	ck_assert_ptr_nonnull(strstr(nb.cells[2].added_source, "id=\"papermill-error-cell\""));
	cell_source(&nb.cells[3], &text);
	ck_assert_str_eq(buf_str(&text), "2");
	buf_release(&text);
}
END_TEST

START_TEST(marks_a_cell_without_a_number)
{
	ck_assert_int_eq(papermill_mark_error(&nb, 0), 2);
	ck_assert_ptr_nonnull(strstr(nb.cells[0].added_source, "In [ ]"));
}
END_TEST

START_TEST(marks_nothing_without_a_cell)
{
	ck_assert_int_eq(papermill_mark_error(&nb, -1), -1);
	ck_assert_uint_eq(nb.ncells, 2);
}
END_TEST

START_TEST(marks_are_gone_after_a_reset)
{
	papermill_mark_error(&nb, 1);
	notebook_reset(&nb);
	ck_assert_uint_eq(nb.ncells, 2);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("papermill");
	TCase *tc = tcase_create("papermill");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, enter, leave);
	tcase_add_test(tc, describes_the_run);
	tcase_add_test(tc, marks_the_cell);
	tcase_add_test(tc, marks_a_cell_without_a_number);
	tcase_add_test(tc, marks_nothing_without_a_cell);
	tcase_add_test(tc, marks_are_gone_after_a_reset);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
