#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "databricks/state.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static struct run_state s;

static void
end(void)
{
	run_state_release(&s);
}

/* Reads what has "'" instead of '"'. */
static int
take(const char *text)
{
	char *json = xstrdup(text);
	int result;

	for (char *p = json; *p != '\0'; p++)
		if (*p == '\'')
			*p = '"';
	run_state_release(&s);
	result = run_state_read(&s, json_of(json));
	free(json);	/* nothing points into it */
	return result;
}

static void
check_end(enum status status, enum error_kind kind)
{
	ck_assert_int_eq(s.phase, PHASE_OVER);
	ck_assert_str_eq(status_name(s.status), status_name(status));
	ck_assert_int_eq(s.kind, kind);
}

/* A run of one task: '%s' of the run, then of the task. */
#define RUN "{'run_id': 7000000000000000001, 'run_page_url': 'https://h/run', %s, 'tasks': [" \
	"{'run_id': 7000000000000000002, 'task_key': 'a', 'attempt_number': 0, %s}]}"

static void
take_run(const char *run, const char *task)
{
	struct buf b = BUF_INIT;
	const char *marks[] = {run, task}, *format = RUN;

	for (int i = 0; i < 2; i++) {
		const char *mark = strstr(format, "%s");

		buf_add(&b, format, (size_t)(mark - format));
		buf_adds(&b, marks[i]);
		format = mark + 2;
	}
	buf_adds(&b, format);
	ck_assert_int_eq(take(b.data), 0);
	ck_assert_int_eq(s.task_run_id, 7000000000000000002);
	ck_assert_str_eq(s.url, "https://h/run");
	buf_release(&b);
}

/* ---- Phases ---- */

static const struct {
	const char *word;
	enum phase phase;
} old_phases[] = {
	{"QUEUED", PHASE_QUEUED}, {"BLOCKED", PHASE_QUEUED}, {"WAITING_FOR_RETRY", PHASE_QUEUED}, {"PENDING",
	    PHASE_PENDING},
	{"RUNNING", PHASE_RUNNING}, {"TERMINATING", PHASE_TERMINATING}, {"TERMINATED", PHASE_OVER}, {"SKIPPED",
	    PHASE_OVER},
	{"INTERNAL_ERROR", PHASE_OVER}, {"SOMETHING_NEW", PHASE_RUNNING}, {"", PHASE_RUNNING}, {"terminated",
	    PHASE_RUNNING},
}, new_phases[] = {
	{"QUEUED", PHASE_QUEUED}, {"BLOCKED", PHASE_QUEUED}, {"WAITING", PHASE_QUEUED}, {"PENDING", PHASE_PENDING},
	{"RUNNING", PHASE_RUNNING}, {"TERMINATING", PHASE_TERMINATING}, {"TERMINATED", PHASE_OVER},
	{"SOMETHING_NEW", PHASE_RUNNING},
};

START_TEST(reads_old_phases)
{
	char *text = xasprintf("'state': {'life_cycle_state': '%s'}", old_phases[_i].word);

	take_run(text, text);
	ck_assert_int_eq(s.phase, old_phases[_i].phase);
	free(text);
}
END_TEST

START_TEST(reads_new_phases)
{
	char *text = xasprintf("'status': {'state': '%s'}", new_phases[_i].word);

	take_run(text, text);
	ck_assert_int_eq(s.phase, new_phases[_i].phase);
	free(text);
}
END_TEST

/* Where both are there the new one counts; unless it has a word that nobody knows. */
START_TEST(prefers_the_new_phase)
{
	static const char differ[] = "'status': {'state': 'RUNNING'}, 'state': {'life_cycle_state': 'PENDING'}";
	static const char unknown[] = "'status': {'state': 'NEW'}, 'state': {'life_cycle_state': 'TERMINATED', "
	    "'result_state': 'SUCCESS'}";

	take_run(differ, differ);
	ck_assert_int_eq(s.phase, PHASE_RUNNING);
	take_run(unknown, unknown);
	check_end(STATUS_SUCCEEDED, ERROR_NONE);
}
END_TEST

START_TEST(names_phases)
{
	ck_assert_str_eq(phase_name(PHASE_QUEUED), "queued");
	ck_assert_str_eq(phase_name(PHASE_PENDING), "pending");
	ck_assert_str_eq(phase_name(PHASE_RUNNING), "running");
	ck_assert_str_eq(phase_name(PHASE_TERMINATING), "terminating");
	ck_assert_str_eq(phase_name(PHASE_OVER), "over");
}
END_TEST

/* ---- Ends ---- */

static const struct {
	const char *word;
	enum status status;
	enum error_kind kind;
} results[] = {
	{"SUCCESS", STATUS_SUCCEEDED, ERROR_NONE},
	{"FAILED", STATUS_FAILED, ERROR_NOTEBOOK},
	{"TIMEDOUT", STATUS_TIMED_OUT, ERROR_TIMEOUT},
	{"CANCELED", STATUS_CANCELLED, ERROR_STOPPED},
	{"DISABLED", STATUS_FAILED, ERROR_TARGET},
	{"EXCLUDED", STATUS_FAILED, ERROR_TARGET},
	{"MAXIMUM_CONCURRENT_RUNS_REACHED", STATUS_FAILED, ERROR_TARGET},
	{"SUCCESS_WITH_FAILURES", STATUS_FAILED, ERROR_TARGET},
	{"UPSTREAM_FAILED", STATUS_FAILED, ERROR_TARGET},
	{"UPSTREAM_CANCELED", STATUS_FAILED, ERROR_TARGET},
	{"SOMETHING_NEW", STATUS_FAILED, ERROR_TARGET},
	{"success", STATUS_FAILED, ERROR_TARGET},
}, codes[] = {
	{"SUCCESS", STATUS_SUCCEEDED, ERROR_NONE},
	{"RUN_EXECUTION_ERROR", STATUS_FAILED, ERROR_NOTEBOOK},
	{"USER_CANCELED", STATUS_CANCELLED, ERROR_STOPPED},
	{"CANCELED", STATUS_CANCELLED, ERROR_STOPPED},
	{"SUCCESS_WITH_FAILURES", STATUS_FAILED, ERROR_TARGET},
	{"SKIPPED", STATUS_FAILED, ERROR_TARGET},
	{"INTERNAL_ERROR", STATUS_FAILED, ERROR_TARGET},
	{"DRIVER_ERROR", STATUS_FAILED, ERROR_TARGET},
	{"CLUSTER_ERROR", STATUS_FAILED, ERROR_TARGET},
	{"REPOSITORY_CHECKOUT_FAILED", STATUS_FAILED, ERROR_TARGET},
	{"INVALID_CLUSTER_REQUEST", STATUS_FAILED, ERROR_TARGET},
	{"WORKSPACE_RUN_LIMIT_EXCEEDED", STATUS_FAILED, ERROR_TARGET},
	{"FEATURE_DISABLED", STATUS_FAILED, ERROR_TARGET},
	{"CLUSTER_REQUEST_LIMIT_EXCEEDED", STATUS_FAILED, ERROR_TARGET},
	{"STORAGE_ACCESS_ERROR", STATUS_FAILED, ERROR_TARGET},
	{"UNAUTHORIZED_ERROR", STATUS_FAILED, ERROR_TARGET},
	{"LIBRARY_INSTALLATION_ERROR", STATUS_FAILED, ERROR_TARGET},
	{"MAX_CONCURRENT_RUNS_EXCEEDED", STATUS_FAILED, ERROR_TARGET},
	{"MAX_SPARK_CONTEXTS_EXCEEDED", STATUS_FAILED, ERROR_TARGET},
	{"RESOURCE_NOT_FOUND", STATUS_FAILED, ERROR_TARGET},
	{"INVALID_RUN_CONFIGURATION", STATUS_FAILED, ERROR_TARGET},
	{"CLOUD_FAILURE", STATUS_FAILED, ERROR_TARGET},
	{"MAX_JOB_QUEUE_SIZE_EXCEEDED", STATUS_FAILED, ERROR_TARGET},
	{"DISABLED", STATUS_FAILED, ERROR_TARGET},
	{"BREAKING_CHANGE", STATUS_FAILED, ERROR_TARGET},
	{"CLUSTER_TERMINATED_BY_USER", STATUS_FAILED, ERROR_TARGET},
	{"BUDGET_POLICY_LIMIT_EXCEEDED", STATUS_FAILED, ERROR_TARGET},
	{"SOMETHING_NEW", STATUS_FAILED, ERROR_TARGET},
	{"", STATUS_FAILED, ERROR_TARGET},
};

START_TEST(reads_results)
{
	char *text = xasprintf("'state': {'life_cycle_state': 'TERMINATED', 'result_state': '%s', 'state_message': "
	    "'why'}",
	    results[_i].word);

	take_run(text, text);
	check_end(results[_i].status, results[_i].kind);
	ck_assert_str_eq(s.code, results[_i].word);
	ck_assert_str_eq(s.message, "why");
	free(text);
}
END_TEST

START_TEST(reads_codes)
{
	char *text = xasprintf("'status': {'state': 'TERMINATED', 'termination_details': {'code': '%s', "
	    "'type': 'CLIENT_ERROR', 'message': 'why'}}", codes[_i].word);

	take_run(text, text);
	check_end(codes[_i].status, codes[_i].kind);
	if (*codes[_i].word != '\0')
		ck_assert_str_eq(s.code, codes[_i].word);
	ck_assert_str_eq(s.message, "why");
	ck_assert_int_eq(s.user_cancelled, strcmp(codes[_i].word, "USER_CANCELED") == 0);
	free(text);
}
END_TEST

/* In both forms, as answers have them: what the code cannot say, and what it says better. */
static const struct {
	const char *state, *details;
	enum status status;
	enum error_kind kind;
} both[] = {
	{"'life_cycle_state': 'TERMINATED', 'result_state': 'SUCCESS'", "'code': 'SUCCESS', 'type': 'SUCCESS'",
	    STATUS_SUCCEEDED, ERROR_NONE},
	{"'life_cycle_state': 'TERMINATED', 'result_state': 'FAILED'", "'code': 'RUN_EXECUTION_ERROR'",
	    STATUS_FAILED, ERROR_NOTEBOOK},
	{"'life_cycle_state': 'INTERNAL_ERROR', 'result_state': 'FAILED'", "'code': 'RUN_EXECUTION_ERROR'",
	    STATUS_FAILED, ERROR_NOTEBOOK},
	{"'life_cycle_state': 'INTERNAL_ERROR', 'result_state': 'FAILED'", "'code': 'CLUSTER_ERROR'",
	    STATUS_FAILED, ERROR_TARGET},
	{"'life_cycle_state': 'TERMINATED', 'result_state': 'FAILED'", "'code': 'LIBRARY_INSTALLATION_ERROR'",
	    STATUS_FAILED, ERROR_TARGET},
	{"'life_cycle_state': 'TERMINATED', 'result_state': 'TIMEDOUT'", "'code': 'RUN_EXECUTION_ERROR'",
	    STATUS_TIMED_OUT, ERROR_TIMEOUT},
	{"'life_cycle_state': 'TERMINATED', 'result_state': 'TIMEDOUT'", "'code': 'CANCELED'",
	    STATUS_TIMED_OUT, ERROR_TIMEOUT},
	{"'life_cycle_state': 'TERMINATED', 'result_state': 'TIMEDOUT'", "'code': 'INTERNAL_ERROR'",
	    STATUS_TIMED_OUT, ERROR_TIMEOUT},
	{"'life_cycle_state': 'TERMINATED', 'result_state': 'CANCELED'", "'code': 'USER_CANCELED'",
	    STATUS_CANCELLED, ERROR_STOPPED},
	{"'life_cycle_state': 'TERMINATED', 'result_state': 'CANCELED'", "'code': 'NEW_CODE'",
	    STATUS_CANCELLED, ERROR_STOPPED},
	{"'life_cycle_state': 'TERMINATED', 'result_state': 'SUCCESS'", "'type': 'SUCCESS'", STATUS_SUCCEEDED,
	    ERROR_NONE},
	{"'life_cycle_state': 'TERMINATED', 'result_state': 'FAILED'", "'type': 'CLIENT_ERROR'",
	    STATUS_FAILED, ERROR_NOTEBOOK},
	{"'life_cycle_state': 'TERMINATED', 'result_state': 'FAILED'", "'type': 'SUCCESS'", STATUS_FAILED,
	    ERROR_NOTEBOOK},
	{"'life_cycle_state': 'TERMINATED'", "'type': 'SUCCESS'", STATUS_SUCCEEDED, ERROR_NONE},
	{"'life_cycle_state': 'TERMINATED'", "'type': 'INTERNAL_ERROR'", STATUS_FAILED, ERROR_TARGET},
	{"'life_cycle_state': 'TERMINATED', 'result_state': 'SUCCESS'", "'code': 'NEW_CODE'", STATUS_FAILED,
	    ERROR_TARGET},
};

START_TEST(reads_both_forms)
{
	char *text = xasprintf("'state': {%s}, 'status': {'state': 'TERMINATED', 'termination_details': {%s}}",
	    both[_i].state, both[_i].details);

	take_run(text, text);
	check_end(both[_i].status, both[_i].kind);
	free(text);
}
END_TEST

/* Without a result: the old form alone has these. */
START_TEST(reads_ends_without_result)
{
	static const char *const words[] = {"SKIPPED", "INTERNAL_ERROR", "TERMINATED"};

	for (int i = 0; i < COUNT(words); i++) {
		char *text = xasprintf("'state': {'life_cycle_state': '%s'}", words[i]);

		take_run(text, text);
		check_end(STATUS_FAILED, ERROR_TARGET);
		ck_assert_str_eq(s.code, words[i]);
		ck_assert_ptr_null(s.message);
		free(text);
	}
}
END_TEST

/* ---- The task and the run around it ---- */

#define FAILED_TASK "'state': {'life_cycle_state': 'TERMINATED', 'result_state': 'FAILED', 'state_message': 'of the " \
	"task'}"
#define NEW_FAILED_TASK "'status': {'state': 'TERMINATED', 'termination_details': {'code': 'RUN_EXECUTION_ERROR'}}"
#define CANCELLED "'state': {'life_cycle_state': 'TERMINATED', 'result_state': 'CANCELED', " \
	"'user_cancelled_or_timedout': true}"
#define SUCCESS "'state': {'life_cycle_state': 'TERMINATED', 'result_state': 'SUCCESS'}"
#define OLD(word) "'state': {'life_cycle_state': '" word "', 'state_message': 'of the run'}"

static const struct {
	const char *run, *task;
	enum phase phase;
	enum status status;
	enum error_kind kind;
	const char *message;
} pairs[] = {
	/* The run around a task that failed says this. */
	{"'state': {'life_cycle_state': 'INTERNAL_ERROR', 'result_state': 'FAILED', 'state_message': 'of the run'}",
	    FAILED_TASK, PHASE_OVER, STATUS_FAILED, ERROR_NOTEBOOK, "of the task"},
	{"'state': {'life_cycle_state': 'INTERNAL_ERROR', 'result_state': 'FAILED'}", NEW_FAILED_TASK,
	    PHASE_OVER, STATUS_FAILED, ERROR_NOTEBOOK, NULL},
	/* A success is one before the run around it knows. */
	{OLD("RUNNING"), SUCCESS, PHASE_OVER, STATUS_SUCCEEDED, ERROR_NONE, NULL},
	/* A failure may be tried again by the platform. */
	{OLD("RUNNING"), FAILED_TASK, PHASE_RUNNING, 0, 0, "of the task"},
	{OLD("WAITING_FOR_RETRY"), NEW_FAILED_TASK, PHASE_QUEUED, 0, 0, NULL},
	{OLD("TERMINATING"), CANCELLED, PHASE_OVER, STATUS_CANCELLED, ERROR_STOPPED, NULL},
	/* It ended, and the task never did. */
	{OLD("SKIPPED"), OLD("BLOCKED"), PHASE_OVER, STATUS_FAILED, ERROR_TARGET, "of the run"},
	{OLD("INTERNAL_ERROR"), OLD("PENDING"), PHASE_OVER, STATUS_FAILED, ERROR_TARGET, "of the run"},
	{CANCELLED, OLD("PENDING"), PHASE_OVER, STATUS_CANCELLED, ERROR_STOPPED, NULL},
	/* Its time was over, and so the task was cancelled. */
	{"'state': {'life_cycle_state': 'TERMINATED', 'result_state': 'TIMEDOUT'}", CANCELLED,
	    PHASE_OVER, STATUS_TIMED_OUT, ERROR_TIMEOUT, NULL},
	/* One of them has nothing to say. */
	{"'run_name': 'x'", FAILED_TASK, PHASE_OVER, STATUS_FAILED, ERROR_NOTEBOOK, "of the task"},
	{OLD("PENDING"), "'notebook_task': {}", PHASE_PENDING, 0, 0, "of the run"},
	{OLD("QUEUED"), OLD("BLOCKED"), PHASE_QUEUED, 0, 0, "of the run"},
};

START_TEST(decides)
{
	take_run(pairs[_i].run, pairs[_i].task);
	ck_assert_int_eq(s.phase, pairs[_i].phase);
	if (s.phase == PHASE_OVER)
		check_end(pairs[_i].status, pairs[_i].kind);
	if (pairs[_i].message != NULL)
		ck_assert_pstr_eq(s.message, pairs[_i].message);
	else
		ck_assert_ptr_null(s.message);
}
END_TEST

START_TEST(takes_the_last_attempt)
{
	ck_assert_int_eq(take("{'run_id': 1, " OLD("RUNNING") ", 'tasks': ["
	    "{'run_id': 11, 'attempt_number': 0, " FAILED_TASK "},"
	    "{'run_id': 13, 'attempt_number': 2, " OLD("PENDING") "},"
	    "{'run_id': 12, 'attempt_number': 1, " FAILED_TASK "}]}"), 0);
	ck_assert_int_eq(s.task_run_id, 13);
	ck_assert_int_eq(s.phase, PHASE_PENDING);
	ck_assert_int_eq(take("{'run_id': 1, " SUCCESS ", 'tasks': ["
	    "{'run_id': 11, 'attempt_number': 0, " FAILED_TASK "}, 5, null,"
	    "{'run_id': 12, 'attempt_number': 1, " SUCCESS "}]}"), 0);
	ck_assert_int_eq(s.task_run_id, 12);
	check_end(STATUS_SUCCEEDED, ERROR_NONE);
	/* Without numbers, the last one that is written. */
	ck_assert_int_eq(take("{'run_id': 1, " SUCCESS ", 'tasks': ["
	    "{'run_id': 11, " FAILED_TASK "}, {'run_id': 12, " SUCCESS "}]}"), 0);
	ck_assert_int_eq(s.task_run_id, 12);
}
END_TEST

/* Skipped before there was any task, and older answers that know none. */
START_TEST(reads_runs_without_tasks)
{
	ck_assert_int_eq(take("{'run_id': 1, 'tasks': [], " OLD("SKIPPED") "}"), 0);
	check_end(STATUS_FAILED, ERROR_TARGET);
	ck_assert_int_eq(s.task_run_id, 0);
	ck_assert_str_eq(s.message, "of the run");
	ck_assert_int_eq(take("{'run_id': 1, 'tasks': [], " OLD("QUEUED") "}"), 0);
	ck_assert_int_eq(s.phase, PHASE_QUEUED);
	ck_assert_int_eq(take("{'run_id': 9007199254740993, " SUCCESS "}"), 0);
	check_end(STATUS_SUCCEEDED, ERROR_NONE);
	ck_assert_int_eq(s.task_run_id, 9007199254740993);
}
END_TEST

/* ---- What else is read ---- */

START_TEST(reads_the_rest)
{
	take_run("'state': {'life_cycle_state': 'RUNNING'}, 'queue_duration': 5, 'start_time': 100, "
	    "'setup_duration': 0",
	    "'state': {'life_cycle_state': 'RUNNING', 'user_cancelled_or_timedout': false}, 'start_time': "
	    "1764000000123, "
	    "'end_time': 0, 'setup_duration': 2000, 'execution_duration': 3000, 'cleanup_duration': 4000, "
	    "'run_page_url': 'https://h/task'");
	ck_assert_int_eq(s.start_time, 1764000000123);
	ck_assert_int_eq(s.end_time, 0);
	ck_assert_int_eq(s.queue_ms, 5);
	ck_assert_int_eq(s.setup_ms, 2000);
	ck_assert_int_eq(s.execution_ms, 3000);
	ck_assert_int_eq(s.cleanup_ms, 4000);
	ck_assert(!s.user_cancelled);
	take_run(CANCELLED, CANCELLED);
	ck_assert(s.user_cancelled);
	ck_assert_int_eq(s.queue_ms, -1);
	ck_assert_int_eq(s.setup_ms, -1);
	ck_assert_int_eq(s.execution_ms, -1);
	ck_assert_int_eq(s.cleanup_ms, -1);
	ck_assert_int_eq(s.start_time, 0);
	ck_assert_int_eq(take("{'run_id': 1, " OLD("RUNNING") ", 'tasks': [{'run_id': 2, 'run_page_url': "
	    "'https://h/task', "
	    OLD("RUNNING") "}]}"), 0);
	ck_assert_str_eq(s.url, "https://h/task");
}
END_TEST

START_TEST(reads_queue_reasons)
{
	take_run("'status': {'state': 'QUEUED', 'queue_details': {'code': 'ACTIVE_RUNS_LIMIT_REACHED', 'message': "
	    "'full'}}",
	    "'status': {'state': 'BLOCKED'}");
	ck_assert_int_eq(s.phase, PHASE_QUEUED);
	ck_assert_str_eq(s.queue_reason, "full");
	take_run(OLD("QUEUED"), "'state': {'life_cycle_state': 'QUEUED', 'queue_reason': 'busy'}");
	ck_assert_str_eq(s.queue_reason, "busy");
	take_run("'state': {'life_cycle_state': 'QUEUED', 'queue_reason': 'busy'}", OLD("RUNNING"));
	ck_assert_ptr_null(s.queue_reason);
}
END_TEST

static const char *const nothing[] = {
	"{}", "[]", "null", "1", "'text'", "{'run_id': 1}", "{" SUCCESS "}", "{'run_id': 0, " SUCCESS "}",
	"{'run_id': -1, " SUCCESS "}", "{'run_id': 1.5, " SUCCESS "}", "{'run_id': '1', " SUCCESS "}",
	"{'run_id': 99999999999999999999, " SUCCESS "}", "{'run_id': 1, 'state': 'TERMINATED'}",
	"{'run_id': 1, 'status': null, 'state': null, 'tasks': [{}]}", "{'error_code': 'X', 'message': 'y'}",
};

START_TEST(refuses_what_is_none)
{
	ck_assert_int_eq(take(nothing[_i]), -1);
	ck_assert_int_eq(s.phase, PHASE_PENDING);
	ck_assert_int_eq(s.task_run_id, 0);
	ck_assert_ptr_null(s.code);
	ck_assert_ptr_null(s.message);
	ck_assert_ptr_null(s.url);
}
END_TEST

/* Members of other types than they should be are not there. */
START_TEST(bears_odd_members)
{
	take_run("'state': {'life_cycle_state': 5}, 'status': []",
	    "'state': {'life_cycle_state': [], 'result_state': {}, 'state_message': 1}, 'status': {'state': {}, "
	    "'termination_details': 'x'}, 'start_time': 'x', 'setup_duration': 1e400, 'attempt_number': null");
	ck_assert_int_eq(s.phase, PHASE_RUNNING);
	ck_assert_ptr_null(s.code);
	ck_assert_ptr_null(s.message);
	ck_assert_int_eq(s.start_time, 0);
	ck_assert_int_eq(s.setup_ms, -1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("state");
	TCase *t = tcase_create("state");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, NULL, end);
	tcase_add_loop_test(t, reads_old_phases, 0, COUNT(old_phases));
	tcase_add_loop_test(t, reads_new_phases, 0, COUNT(new_phases));
	tcase_add_test(t, prefers_the_new_phase);
	tcase_add_test(t, names_phases);
	tcase_add_loop_test(t, reads_results, 0, COUNT(results));
	tcase_add_loop_test(t, reads_codes, 0, COUNT(codes));
	tcase_add_loop_test(t, reads_both_forms, 0, COUNT(both));
	tcase_add_test(t, reads_ends_without_result);
	tcase_add_loop_test(t, decides, 0, COUNT(pairs));
	tcase_add_test(t, takes_the_last_attempt);
	tcase_add_test(t, reads_runs_without_tasks);
	tcase_add_test(t, reads_the_rest);
	tcase_add_test(t, reads_queue_reasons);
	tcase_add_loop_test(t, refuses_what_is_none, 0, COUNT(nothing));
	tcase_add_test(t, bears_odd_members);
	suite_add_tcase(suite, t);
	r = srunner_create(suite);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
