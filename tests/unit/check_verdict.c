#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "made_run.h"
#include "verdict.h"

#define EXITED(n) ((n) << 8)	/* as waitpid has it */
#define RESULT(status) "{\"status\": \"" status "\", \"error\": {\"kind\": \"notebook\", \"name\": \"E\", \"message\": \"m\", " \
	"\"cell\": 3, \"execution_count\": 2, \"traceback\": [\"t\"]}, \"result\": {\"x\": 1}, " \
	"\"cells\": {\"total\": 5, \"executed\": 2}, \"saved\": true}"
#define SUCCEEDED "{\"status\": \"succeeded\", \"error\": null, \"result\": {\"x\": 1}, \"values\": {\"k\": 2}, \"cells\": {\"total\": 5, \"executed\": 5}}"

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
		ck_assert_str_eq(r.values, "{\"k\": 2}");
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
	free(r.values);
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

/* ---- Those that others keep from running ---- */

static struct made made;

/* How the notebooks ended that c depends on, and what is said of it. */
static const struct {
	enum status a, b;
	bool a_excluded, b_excluded;
	enum run_if run_if;
	bool excluded;	/* c */
	const char *message;
	int cause;	/* index, -1 for none */
} dropped[] = {
	{STATUS_SUCCEEDED, STATUS_FAILED, false, false, RUN_IF_ALL_SUCCESS, false,
	    "not started because notebook 'b' failed", 1},
	{STATUS_FAILED, STATUS_FAILED, false, false, RUN_IF_ALL_SUCCESS, false,
	    "not started because notebook 'a' failed", 0},
	{STATUS_TIMED_OUT, STATUS_SUCCEEDED, false, false, RUN_IF_ALL_SUCCESS, false,
	    "not started because notebook 'a' timed out", 0},
	{STATUS_CANCELLED, STATUS_SUCCEEDED, false, false, RUN_IF_NONE_FAILED, false,
	    "not started because notebook 'a' was stopped", 0},
	{STATUS_SKIPPED, STATUS_SUCCEEDED, false, false, RUN_IF_ALL_SUCCESS, false,
	    "not started because notebook 'a' was skipped", 0},
	/* What was not needed is no failure. */
	{STATUS_SKIPPED, STATUS_FAILED, true, false, RUN_IF_ALL_SUCCESS, false,
	    "not started because notebook 'b' failed", 1},
	{STATUS_SKIPPED, STATUS_SKIPPED, true, true, RUN_IF_ALL_SUCCESS, true,
	    "not needed: nothing that it depends on was", -1},
	{STATUS_SKIPPED, STATUS_SKIPPED, true, true, RUN_IF_AT_LEAST_ONE_SUCCESS, false,
	    "not started because nothing that it depends on was run (run_if: at_least_one_success)", -1},
	{STATUS_SUCCEEDED, STATUS_SUCCEEDED, false, false, RUN_IF_AT_LEAST_ONE_FAILED, true,
	    "not needed: nothing that it depends on failed (run_if: at_least_one_failed)", -1},
	{STATUS_SUCCEEDED, STATUS_FAILED, false, false, RUN_IF_ALL_FAILED, true,
	    "not needed: not everything that it depends on failed (run_if: all_failed)", -1},
};

START_TEST(says_why_one_was_dropped)
{
	struct record *r, *records;
	struct record_error e;

	made_init(&made, 3);
	made_depends(&made, 2, 0);
	made_depends(&made, 2, 1);
	records = made.run.records;
	records[0].status = dropped[_i].a;
	records[0].excluded = dropped[_i].a_excluded;
	records[1].status = dropped[_i].b;
	records[1].excluded = dropped[_i].b_excluded;
	made.workflow.tasks[2].run_if = dropped[_i].run_if;
	r = &records[2];
	verdict_of_dropped(r, &made.run, dropped[_i].excluded);
	record_error(r, &e);
	ck_assert_int_eq(r->status, STATUS_SKIPPED);
	ck_assert(r->excluded == dropped[_i].excluded);
	ck_assert_str_eq(e.kind, "dependency");
	ck_assert_str_eq(e.message, dropped[_i].message);
	ck_assert_ptr_eq(r->cause, dropped[_i].cause == -1 ? NULL : &records[dropped[_i].cause]);
	ck_assert(record_fails_the_run(r) != dropped[_i].excluded);
	record_error_release(&e);
	made_release(&made);
}
END_TEST

/* However far away it is: whose failure it was, in the end. */
START_TEST(names_the_cause)
{
	struct record_error e;

	made_init(&made, 4);
	for (size_t i = 1; i < 4; i++)
		made_depends(&made, i, i - 1);
	made.run.records[0].status = STATUS_TIMED_OUT;
	for (size_t i = 1; i < 4; i++)
		verdict_of_dropped(&made.run.records[i], &made.run, false);
	for (size_t i = 1; i < 4; i++)
		ck_assert_ptr_eq(made.run.records[i].cause, &made.run.records[0]);
	record_error(&made.run.records[3], &e);
	ck_assert_str_eq(e.message, "not started because notebook 'c' was skipped, as 'a' timed out");
	record_error_release(&e);
	made_release(&made);
}
END_TEST

/* Whether what runs elsewhere was seen to end. */
static const struct {
	bool killed;
	const char *error, *remote;
	bool saw;
} ends[] = {
	{false, "null", "{\"over\": true}", true},
	{false, "{\"kind\": \"notebook\"}", "{\"over\": true}", true},
	{true, "{\"kind\": \"notebook\"}", "{\"over\": true}", true},	/* after it had told that */
	{false, "{\"kind\": \"target\"}", "{\"over\": false}", false},	/* an answer that was lost, or a right to look */
	{false, "{\"kind\": \"target\"}", "null", true},	/* refused */
	{false, "{\"kind\": \"worker\"}", "null", false},
	{true, "{\"kind\": \"worker\"}", "null", false},
	{true, "{\"kind\": \"stopped\"}", "null", false},
	{true, "{\"kind\": \"timeout\"}", "null", false},
	{false, "{\"kind\": \"stopped\"}", "null", true},	/* before it was submitted */
	{false, "{\"kind\": \"stopped\"}", "{\"over\": true}", true},
	{false, "{\"kind\": \"stopped\"}", "{\"over\": false}", false},
	{false, "{\"kind\": \"timeout\"}", "{\"over\": false}", false},
	{false, "null", "{}", false},
};

START_TEST(knows_what_was_seen_to_end)
{
	ck_assert_int_eq(verdict_saw_end(ends[_i].killed, json_of(ends[_i].error), json_of(ends[_i].remote)), ends[_i].saw);
}
END_TEST

START_TEST(says_which_value_was_missing)
{
	struct record r = {.cell = 0};
	struct record_error e;

	verdict_of_dependency(&r, "parameter 'x': \"y\"");
	record_error(&r, &e);
	ck_assert_int_eq(r.status, STATUS_FAILED);
	ck_assert_str_eq(e.kind, "dependency");
	ck_assert_ptr_null(e.name);
	ck_assert_str_eq(e.message, "parameter 'x': \"y\"");
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
	tcase_add_loop_test(tc, says_why_one_was_dropped, 0, (int)(sizeof(dropped) / sizeof(dropped[0])));
	tcase_add_test(tc, names_the_cause);
	tcase_add_loop_test(tc, knows_what_was_seen_to_end, 0, (int)(sizeof(ends) / sizeof(ends[0])));
	tcase_add_test(tc, says_which_value_was_missing);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
