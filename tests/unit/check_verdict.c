#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "verdict.h"

#define EXITED(n) ((n) << 8)	/* as waitpid has it */
#define RESULT(status) "{\"status\": \"" status "\", \"error\": {\"kind\": \"notebook\", \"name\": \"E\", \"message\": \"m\", " \
	"\"cell\": 3, \"execution_count\": 2, \"traceback\": [\"t\"]}, \"result\": {\"x\": 1}, " \
	"\"cells\": {\"total\": 5, \"executed\": 2}, \"saved\": true}"
#define SUCCEEDED "{\"status\": \"succeeded\", \"error\": null, \"result\": {\"x\": 1}, \"cells\": {\"total\": 5, \"executed\": 5}}"

/* What a worker did, and what is to be said of it. */
static const struct {
	const char *result;
	int status;
	const char *problem;
	enum job_stop stop;
	bool killed;
	enum status expected;
	const char *kind, *message;	/* NULL: no error; the message's start */
} cases[] = {
	{SUCCEEDED, EXITED(0), NULL, JOB_STOP_NONE, false, STATUS_SUCCEEDED, NULL, NULL},
	{RESULT("failed"), EXITED(1), NULL, JOB_STOP_NONE, false, STATUS_FAILED, "notebook", "m"},
	{RESULT("timed_out"), EXITED(2), NULL, JOB_STOP_NONE, false, STATUS_TIMED_OUT, "notebook", "m"},
	/* No result: the worker's own death is the story. */
	{NULL, SIGKILL, NULL, JOB_STOP_NONE, false, STATUS_FAILED, "worker",
	    "worker was killed by SIGKILL without a result (out of memory, or somebody killed it)"},
	{NULL, SIGSEGV, NULL, JOB_STOP_NONE, false, STATUS_FAILED, "worker", "worker was killed by SIGSEGV without a result"},
	{NULL, EXITED(0), NULL, JOB_STOP_NONE, false, STATUS_FAILED, "worker", "worker exited with status 0 without a result"},
	{NULL, EXITED(3), "ended without a result", JOB_STOP_NONE, false, STATUS_FAILED, "worker",
	    "worker ended without a result, and exited with status 3"},
	{SUCCEEDED, SIGKILL, "sent more after its result", JOB_STOP_PROTOCOL, true, STATUS_FAILED, "worker",
	    "worker sent more after its result"},
	/* A result that is none. */
	{"[]", EXITED(0), NULL, JOB_STOP_NONE, false, STATUS_FAILED, "worker", "worker exited with status 0"},
	{"{\"status\": \"fine\"}", EXITED(0), NULL, JOB_STOP_NONE, false, STATUS_FAILED, "worker", "worker exited"},
	{"{\"status\": \"skipped\"}", EXITED(0), NULL, JOB_STOP_NONE, false, STATUS_FAILED, "worker", "worker exited"},
	{"{\"status\"", EXITED(0), NULL, JOB_STOP_NONE, false, STATUS_FAILED, "worker", "worker exited"},
	/* Told to stop, and it did. */
	{RESULT("cancelled"), EXITED(4), NULL, JOB_STOP_TIMEOUT, false, STATUS_TIMED_OUT, "timeout",
	    "notebook did not finish within 1.5 s"},
	{RESULT("timed_out"), EXITED(2), NULL, JOB_STOP_TIMEOUT, false, STATUS_TIMED_OUT, "timeout", "notebook did not finish"},
	{RESULT("cancelled"), EXITED(4), NULL, JOB_STOP_RUN_TIMEOUT, false, STATUS_CANCELLED, "stopped", "stopped because REASON"},
	{RESULT("cancelled"), EXITED(4), NULL, JOB_STOP_POLICY, false, STATUS_CANCELLED, "stopped", "stopped because REASON"},
	{RESULT("cancelled"), EXITED(4), NULL, JOB_STOP_SIGNAL, false, STATUS_CANCELLED, "stopped", "stopped because REASON"},
	/* Told to stop, but it was over at that moment. */
	{SUCCEEDED, EXITED(0), NULL, JOB_STOP_POLICY, false, STATUS_SUCCEEDED, NULL, NULL},
	{RESULT("failed"), EXITED(1), NULL, JOB_STOP_SIGNAL, false, STATUS_FAILED, "notebook", "m"},
	/* Told to stop, and it did not. */
	{NULL, SIGKILL, NULL, JOB_STOP_TIMEOUT, true, STATUS_TIMED_OUT, "timeout",
	    "notebook did not finish within 1.5 s; it did not stop in time and was killed"},
	{NULL, SIGKILL, NULL, JOB_STOP_SIGNAL, true, STATUS_CANCELLED, "stopped",
	    "stopped because REASON; it did not stop in time and was killed"},
	/* Told by somebody else. */
	{RESULT("cancelled"), EXITED(4), NULL, JOB_STOP_NONE, false, STATUS_CANCELLED, "stopped",
	    "stopped by a signal that was not nbfork's"},
};

START_TEST(tells_the_truth)
{
	struct record r = {.cell = 1, .cells = 5};
	struct job j;
	struct record_error e;

	job_init(&j, "name", NULL, NULL);
	j.result = cases[_i].result != NULL ? strdup(cases[_i].result) : NULL;
	j.result_len = cases[_i].result != NULL ? strlen(cases[_i].result) : 0;
	j.status = cases[_i].status;
	j.problem = cases[_i].problem;
	j.stop = cases[_i].stop;
	j.killed = cases[_i].killed;
	j.timeout = 1500 * NSEC_PER_MSEC;
	j.usage.ru_utime.tv_sec = 1;
	j.usage.ru_stime.tv_usec = 500000;
	j.usage.ru_maxrss = 10;
	verdict_of_job(&r, &j, "REASON");
	ck_assert_int_eq(r.status, cases[_i].expected);
	record_error(&r, &e);
	if (cases[_i].kind == NULL) {
		ck_assert_ptr_null(r.error);
	} else {
		ck_assert_str_eq(e.kind, cases[_i].kind);
		ck_assert_msg(strncmp(e.message, cases[_i].message, strlen(cases[_i].message)) == 0, "%s", e.message);
	}
	ck_assert_int_eq(r.has_exit_status, !WIFSIGNALED(cases[_i].status));
	ck_assert_int_eq(r.signal, WIFSIGNALED(cases[_i].status) ? WTERMSIG(cases[_i].status) : 0);
	ck_assert(r.cpu_seconds > 1.49 && r.cpu_seconds < 1.51);
	ck_assert_int_eq(r.max_rss_bytes, 10240);
	ck_assert_uint_eq(r.cells_total, 5);
	record_error_release(&e);
	free(r.error);
	free(r.result);
	job_release(&j);
}
END_TEST

START_TEST(keeps_where_it_stopped)
{
	struct record r = {.cell = 0};
	struct job j;
	struct record_error e;

	job_init(&j, "name", NULL, NULL);
	j.result = strdup(RESULT("cancelled"));
	j.result_len = strlen(j.result);
	j.stop = JOB_STOP_POLICY;
	verdict_of_job(&r, &j, "REASON");
	record_error(&r, &e);
	ck_assert_int_eq(e.cell, 3);
	ck_assert_int_eq(e.execution_count, 2);
	ck_assert_str_eq(r.result, "{\"x\": 1}");
	record_error_release(&e);
	free(r.error);
	free(r.result);
	job_release(&j);
}
END_TEST

START_TEST(says_why_one_was_skipped)
{
	struct record r = {.cell = 0};
	struct record_error e;

	verdict_of_skipped(&r, "REASON");
	record_error(&r, &e);
	ck_assert_int_eq(r.status, STATUS_SKIPPED);
	ck_assert_str_eq(e.kind, "stopped");
	ck_assert_str_eq(e.message, "not started because REASON");
	ck_assert_int_eq(e.cell, -1);
	record_error_release(&e);
	free(r.error);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("verdict");
	TCase *tc = tcase_create("verdict");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, tells_the_truth, 0, (int)(sizeof(cases) / sizeof(cases[0])));
	tcase_add_test(tc, keeps_where_it_stopped);
	tcase_add_test(tc, says_why_one_was_skipped);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
