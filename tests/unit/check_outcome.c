#include "exporttest.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "databricks/outcome.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define MODEL "{\"commands\": [{\"command\": \"%%md x\"}, {\"command\": \"print(1)\", \"state\": \"finished\", " \
	"\"results\": {\"type\": \"ansi\", \"data\": \"hunter2\\n\"}}%s]}"
#define RAISED ", {\"command\": \"1/0\", \"state\": \"error\", \"errorSummary\": \"<b>KeyError</b>: hunter2\", " \
	"\"error\": \"trace\"}, {\"command\": \"never\"}"

/* ---- The workspace: answers of our own ---- */

static const char *output;	/* of runs/get-output; NULL: refused */
static const char *export;	/* of runs/export; the same */
static bool stop_first;	/* the first call is ended by a stop */
static bool ignored;	/* the stop flag is ignored */
static int calls, exports;
static int64_t patience;	/* of the last call */
static volatile sig_atomic_t stop;

void
http_ignore_stop(struct http *h, bool yes)
{
	(void)h;
	ignored = yes;
}

void
http_query(struct buf *query, const char *name, const char *value)
{
	buf_addf(query, "%s%s=%s", query->len > 0 ? "&" : "", name, value);
}

void
http_query_int(struct buf *query, const char *name, int64_t value)
{
	buf_addf(query, "%s%s=%lld", query->len > 0 ? "&" : "", name, (long long)value);
}

void
http_answer_release(struct http_answer *a)
{
	buf_release(&a->body);
	free(a->message);
	*a = (struct http_answer){.result = HTTP_REFUSED};
}

void
http_call(struct http *h, const struct http_request *r, struct http_answer *a)
{
	bool is_export = strcmp(r->path, "/api/2.2/jobs/runs/export") == 0;
	const char *text = is_export ? export : output;

	(void)h;
	*a = (struct http_answer){.result = HTTP_REFUSED};
	calls++;
	exports += is_export;
	patience = r->patience;
	ck_assert_str_eq(r->method, "GET");
	ck_assert(r->repeatable);
	if (is_export)
		ck_assert_str_eq(r->query, "run_id=7000000000000000002&views_to_export=CODE");
	else
		ck_assert_str_eq(r->path, "/api/2.2/jobs/runs/get-output");
	if (!is_export)
		ck_assert_str_eq(r->query, "run_id=7000000000000000002");
	if (stop_first && !ignored) {
		stop = 1;
		a->result = HTTP_STOPPED;
	} else if (text == NULL) {
		a->message = xstrdup("it is gone");
	} else {
		a->result = HTTP_OK;
		buf_adds(&a->body, text);
		a->json = json_of(a->body.data);
	}
}

/* ---- The attempt ---- */

static struct target target;
static struct task task = {.name = (char *)"nb", .file = (char *)"dir/nb.ipynb", .target = &target};
static struct attempt a;
static struct run_state s;
static struct mask mask;
static struct buf copy, page;
static FILE *log_file;

static int
write_copy(struct attempt *attempt, const char *text, size_t n)
{
	ck_assert_ptr_eq(attempt, &a);
	buf_reset(&copy);
	buf_add(&copy, text, n);
	return 0;
}

static void
begin(void)
{
	mask_add(&mask, "hunter2", 7);
	log_file = tmpfile();
	ck_assert_ptr_nonnull(log_file);
	a = (struct attempt){.task = &task, .mask = &mask, .log = fileno(log_file), .stop = &stop, .write = write_copy};
	failure_init(&a.failure);
	s = (struct run_state){.task_run_id = 7000000000000000002, .phase = PHASE_OVER, .start_time = 1764058500123,
		.end_time = 1764058501000, .queue_ms = 1500, .setup_ms = -1, .execution_ms = 0};
}

static void
end(void)
{
	fclose(log_file);
	failure_release(&a.failure);
	free(a.result);
	free(a.remote);
	mask_release(&mask);
	buf_release(&copy);
	buf_release(&page);
}

static void
set_page(const char *more)
{
	char *model = xasprintf(MODEL, more);

	put_model_answer(&page, model, strlen(model));
	export = page.data;
	free(model);
}

static void
set_end(enum status status, enum error_kind kind, const char *code, const char *message)
{
	s.status = status;
	s.kind = kind;
	s.code = (char *)code;
	s.message = (char *)message;
}

/* What stands in the log file. */
static void
check_log(const char *expected)
{
	struct buf b = BUF_INIT;

	ck_assert_int_eq(lseek(a.log, 0, SEEK_SET), 0);
	ck_assert_int_eq(file_read_fd(a.log, &b, 1 << 20), 0);
	ck_assert_str_eq(buf_str(&b), expected);
	buf_release(&b);
}

static struct json
read_copy(void)
{
	struct json nb;

	ck_assert_int_eq(json_parse(buf_str(&copy), copy.len, &nb, NULL), 0);
	ck_assert(is_notebook(nb));
	return nb;
}

START_TEST(takes_a_success)
{
	struct json nb;

	set_end(STATUS_SUCCEEDED, ERROR_NONE, "SUCCESS", NULL);
	output = "{\"notebook_output\": {\"result\": \"done hunter2\", \"truncated\": false}}";
	set_page("");
	outcome_take(&a, NULL, &s);
	ck_assert_int_eq(a.status, STATUS_SUCCEEDED);
	ck_assert_int_eq(a.failure.kind, ERROR_NONE);
	ck_assert_str_eq(a.result, "\"done ***\"");
	ck_assert(!a.truncated);
	ck_assert_uint_eq(a.cells_total, 1);
	ck_assert_uint_eq(a.cells_executed, 1);
	check_log("***\n");
	nb = read_copy();
	ck_assert_uint_eq(json_count(json_get(nb, "cells")), 2);
	nb = json_get(json_get(nb, "metadata"), "papermill");
	ck_assert(json_is(json_get(nb, "input_path"), "dir/nb.ipynb"));
	ck_assert(json_is(json_get(nb, "start_time"), "2025-11-25T08:15:00.123000+00:00"));
	ck_assert_ptr_null(strstr(copy.data, "hunter2"));
	ck_assert_int_eq(patience, 600 * NSEC_PER_SEC);
}
END_TEST

static const struct {
	const char *answer, *result;
	bool truncated;
} results[] = {
	{"{}", NULL, false},
	{"{\"notebook_output\": {}}", NULL, false},
	{"{\"notebook_output\": {\"result\": \"\"}}", NULL, false},
	{"{\"notebook_output\": {\"result\": 5}}", NULL, false},
	{"{\"notebook_output\": {\"result\": \"5\"}}", "\"5\"", false},
	{"{\"notebook_output\": {\"result\": \"{\\\"a\\\": [1, NaN, \\\"hunter2\\\"]}\"}}", "{\"a\": [1, \"NaN\", "
	    "\"***\"]}", false},
	{"{\"notebook_output\": {\"result\": \" [1,2] \"}}", "[1, 2]", false},
	{"{\"notebook_output\": {\"result\": \"[1,2\", \"truncated\": true}}", "\"[1,2\"", true},
	{"{\"notebook_output\": {\"result\": \"a\\u0000b\"}}", "\"a\\u0000b\"", false},
};

START_TEST(takes_results)
{
	set_end(STATUS_SUCCEEDED, ERROR_NONE, NULL, NULL);
	output = results[_i].answer;
	set_page("");
	outcome_take(&a, NULL, &s);
	ck_assert_int_eq(a.status, STATUS_SUCCEEDED);
	ck_assert_pstr_eq(a.result, results[_i].result);
	ck_assert_int_eq(a.truncated, results[_i].truncated);
}
END_TEST

/* What is nested too deeply for a results document stays text. */
START_TEST(bears_deep_results)
{
	struct buf answer = BUF_INIT;

	set_end(STATUS_SUCCEEDED, ERROR_NONE, NULL, NULL);
	set_page("");
	for (int depth = 500; depth <= 501; depth++) {
		buf_reset(&answer);
		buf_adds(&answer, "{\"notebook_output\": {\"result\": \"");
		buf_fill(&answer, '[', (size_t)depth);
		buf_fill(&answer, ']', (size_t)depth);
		buf_adds(&answer, "\"}}");
		output = answer.data;
		outcome_take(&a, NULL, &s);
		ck_assert_int_eq(a.result[0], depth == 500 ? '[' : '"');
	}
	buf_release(&answer);
}
END_TEST

START_TEST(takes_an_exception)
{
	struct json nb, list, v;
	struct json_iter it;

	set_end(STATUS_FAILED, ERROR_NOTEBOOK, "RUN_EXECUTION_ERROR", "Workload failed, see run output for details.");
	output = "{\"error\": \"ValueError: no: more\", \"error_trace\": \"\\u001b[31mline 1\\u001b[0m\\nline 2\\n\"}";
	set_page(RAISED);
	outcome_take(&a, NULL, &s);
	ck_assert_int_eq(a.status, STATUS_FAILED);
	ck_assert_int_eq(a.failure.kind, ERROR_NOTEBOOK);
	ck_assert_str_eq(a.failure.name, "ValueError");
	ck_assert_str_eq(a.failure.message, "no: more");
	ck_assert_str_eq(a.failure.traceback, "[\"line 1\", \"line 2\"]");
	ck_assert_int_eq(a.failure.execution_count, 2);
	ck_assert_uint_eq(a.cells_total, 3);
	ck_assert_uint_eq(a.cells_executed, 2);
	check_log("***\ntrace\n");
	/* The two cells that lead to the error are in the copy, and counted. */
	nb = read_copy();
	list = json_get(nb, "cells");
	ck_assert_uint_eq(json_count(list), 6);
	ck_assert_int_eq(a.failure.cell, 4);
	json_walk(&it, list);
	for (int i = 0; i <= 4; i++)
		ck_assert(json_next(&it, NULL, &v));
	ck_assert_ptr_nonnull(memmem(v.text, v.len, "1/0", 3));
}
END_TEST

/* Without get-output the page is asked for the exception; without both there is what the state says. */
START_TEST(takes_an_exception_from_the_page)
{
	set_end(STATUS_FAILED, ERROR_NOTEBOOK, "RUN_EXECUTION_ERROR", "why");
	set_page(RAISED);
	outcome_take(&a, NULL, &s);
	ck_assert_str_eq(a.failure.name, "KeyError");
	ck_assert_str_eq(a.failure.message, "***");
	export = NULL;
	outcome_take(&a, NULL, &s);
	ck_assert_ptr_null(a.failure.name);
	ck_assert_str_eq(a.failure.message, "the run failed in the workspace: why");
	ck_assert_int_eq(a.failure.cell, -1);
}
END_TEST

static const struct {
	enum status status;
	enum error_kind kind;
	const char *code, *said, *message;
} ends[] = {
	{STATUS_FAILED, ERROR_TARGET, "CLUSTER_ERROR", "no nodes", "the run failed in the workspace: no nodes "
	    "(CLUSTER_ERROR)"},
	{STATUS_FAILED, ERROR_TARGET, NULL, NULL, "the run failed in the workspace: E: m"},
	{STATUS_TIMED_OUT, ERROR_TIMEOUT, "TIMEDOUT", NULL, "the workspace ended the run, whose time was over: E: m"},
	{STATUS_CANCELLED, ERROR_STOPPED, "USER_CANCELED", "by me", "the run was cancelled in the workspace: by me"},
};

START_TEST(takes_other_ends)
{
	set_end(ends[_i].status, ends[_i].kind, ends[_i].code, ends[_i].said);
	output = "{\"error\": \"E: m\"}";
	set_page("");
	outcome_take(&a, NULL, &s);
	ck_assert_int_eq(a.status, ends[_i].status);
	ck_assert_int_eq(a.failure.kind, ends[_i].kind);
	ck_assert_ptr_null(a.failure.name);
	ck_assert_str_eq(a.failure.message, ends[_i].message);
	ck_assert_int_eq(a.failure.cell, -1);
	ck_assert_ptr_null(a.result);
}
END_TEST

START_TEST(misses_a_result)
{
	set_end(STATUS_SUCCEEDED, ERROR_NONE, "SUCCESS", NULL);
	set_page("");
	outcome_take(&a, NULL, &s);
	ck_assert_int_eq(a.status, STATUS_FAILED);
	ck_assert_int_eq(a.failure.kind, ERROR_TARGET);
	ck_assert_str_eq(a.failure.message, "the run succeeded, but its result cannot be fetched: it is gone");
	ck_assert_uint_gt(copy.len, 0);
}
END_TEST

/* That there is no copy fails nothing. */
START_TEST(misses_a_copy)
{
	static const char *const pages[] = {NULL, "{}", "{\"views\": [{\"content\": \"<html>\"}]}"};

	set_end(STATUS_SUCCEEDED, ERROR_NONE, NULL, NULL);
	output = "{}";
	for (int i = 0; i < COUNT(pages); i++) {
		export = pages[i];
		outcome_take(&a, NULL, &s);
		ck_assert_int_eq(a.status, STATUS_SUCCEEDED);
		ck_assert_uint_eq(copy.len, 0);
	}
	ck_assert_int_eq(exports, COUNT(pages));
}
END_TEST

START_TEST(asks_for_nothing_without_a_task)
{
	s.task_run_id = 0;
	set_end(STATUS_FAILED, ERROR_TARGET, "SKIPPED", "full");
	outcome_take(&a, NULL, &s);
	ck_assert_int_eq(calls, 0);
	ck_assert_int_eq(a.status, STATUS_FAILED);
	ck_assert_str_eq(a.failure.message, "the run failed in the workspace: full (SKIPPED)");
}
END_TEST

/* A stop while it is fetched: it is there, and fetched within the grace. */
START_TEST(fetches_after_a_stop)
{
	stop_first = true;
	set_end(STATUS_SUCCEEDED, ERROR_NONE, NULL, NULL);
	output = "{\"notebook_output\": {\"result\": \"x\"}}";
	set_page("");
	outcome_take(&a, NULL, &s);
	ck_assert_int_eq(a.status, STATUS_SUCCEEDED);
	ck_assert_str_eq(a.result, "\"x\"");
	ck_assert_int_eq(calls, 3);
	ck_assert_int_le(patience, 5 * NSEC_PER_SEC);
	ck_assert_uint_gt(copy.len, 0);
}
END_TEST

START_TEST(puts_remote)
{
	s.code = (char *)"X";
	s.message = (char *)"is hunter2";
	a.truncated = true;
	outcome_put_remote(&a, 7000000000000000001, &s, true);
	ck_assert_str_eq(a.remote, "{\"run_id\": \"7000000000000000001\", \"task_run_id\": \"7000000000000000002\", "
	    "\"over\": true, \"code\": \"X\", "
	    "\"message\": \"is ***\", \"queue_seconds\": 1.500, \"setup_seconds\": null, \"execution_seconds\": 0.000, "
	    "\"result_truncated\": true}");
	s.code = s.message = NULL;
	a.truncated = false;
	outcome_put_remote(&a, 0, &s, false);
	ck_assert_ptr_nonnull(strstr(a.remote, "\"run_id\": null"));
	ck_assert_ptr_nonnull(strstr(a.remote, "\"over\": false, \"code\": null, \"message\": null"));
	ck_assert_ptr_nonnull(strstr(a.remote, "\"result_truncated\": false"));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("outcome");
	TCase *t = tcase_create("outcome");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, begin, end);
	tcase_add_test(t, takes_a_success);
	tcase_add_loop_test(t, takes_results, 0, COUNT(results));
	tcase_add_test(t, bears_deep_results);
	tcase_add_test(t, takes_an_exception);
	tcase_add_test(t, takes_an_exception_from_the_page);
	tcase_add_loop_test(t, takes_other_ends, 0, COUNT(ends));
	tcase_add_test(t, misses_a_result);
	tcase_add_test(t, misses_a_copy);
	tcase_add_test(t, asks_for_nothing_without_a_task);
	tcase_add_test(t, fetches_after_a_stop);
	tcase_add_test(t, puts_remote);
	suite_add_tcase(suite, t);
	r = srunner_create(suite);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
