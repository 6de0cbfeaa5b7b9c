#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "databricks/compute.h"
#include "databricks/submit.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static struct databricks d;
static struct target target;
static struct task t;
static struct buf body;

static void
begin(void)
{
	d = (struct databricks){.queue = true};
	target = (struct target){.databricks = &d};
	t = (struct task){.name = (char *)"nb", .target = &target};
}

static void
end(void)
{
	params_release(&t.parameters);
	buf_release(&body);
}

/* The request, parsed. */
static struct json
put(const char *cluster_id)
{
	struct json v;

	buf_reset(&body);
	submit_put(&body, &t, NULL, "/Users/me/nb", cluster_id, "token");
	ck_assert_int_eq(json_parse(body.data, body.len, &v, NULL), 0);
	return v;
}

static struct json
task_of(struct json request)
{
	struct json_iter it;
	struct json v;

	ck_assert_uint_eq(json_count(json_get(request, "tasks")), 1);
	json_walk(&it, json_get(request, "tasks"));
	ck_assert(json_next(&it, NULL, &v));
	return v;
}

static void
add(const char *name, const char *value, const char *secret)
{
	params_set(&t.parameters, name, value, secret, (struct mark){0, 0});
}

START_TEST(puts_the_least)
{
	put(NULL);
	ck_assert_str_eq(body.data, "{\"run_name\": \"nb\", \"idempotency_token\": \"token\", \"tasks\": "
	    "[{\"task_key\": \"nb\", "
	    "\"notebook_task\": {\"notebook_path\": \"/Users/me/nb\", \"source\": \"WORKSPACE\", "
	    "\"base_parameters\": {}}}], "
	    "\"queue\": {\"enabled\": true}}");
}
END_TEST

START_TEST(puts_everything)
{
	static const char expected[] = "{\"run_name\": \"flow: nb\", \"idempotency_token\": \"tok\", \"tasks\": ["
	    "{\"task_key\": \"nb\", \"notebook_task\": {\"notebook_path\": \"/a/nb\", \"source\": \"WORKSPACE\", "
	    "\"base_parameters\": {\"x\": \"1\"}, \"warehouse_id\": \"w\"}, \"new_cluster\": {\"num_workers\": 1}, "
	    "\"environment_key\": \"env\", \"libraries\": [{\"whl\": \"/x.whl\"}], "
	    "\"email_notifications\": {\"on_failure\": [\"a@b.c\"]}, \"webhook_notifications\": {\"on_start\": "
	    "[{\"id\": \"1\"}]}, "
	    "\"notification_settings\": {\"no_alert_for_skipped_runs\": true}}], \"timeout_seconds\": 90, "
	    "\"queue\": {\"enabled\": false}, \"environments\": [{\"environment_key\": \"env\"}], "
	    "\"run_as\": {\"user_name\": \"me\"}, \"tags\": {\"team\": \"a\"}, "
	    "\"access_control_list\": [{\"group_name\": \"g\"}], \"performance_target\": \"STANDARD\"}";

	d = (struct databricks){
		.profile = (char *)"p", .host = (char *)"h", .upload_to = (char *)"/u", .queue = false,
		.compute.new_cluster = (char *)"{\"num_workers\": 1}", .compute.environment_key = (char *)"env",
		.environments = (char *)"[{\"environment_key\": \"env\"}]", .compute.warehouse_id = (char *)"w",
		.compute.libraries = (char *)"[{\"whl\": \"/x.whl\"}]", .run_as = (char *)"{\"user_name\": \"me\"}",
		.tags = (char *)"{\"team\": \"a\"}", .access_control_list = (char *)"[{\"group_name\": \"g\"}]",
		.email_notifications = (char *)"{\"on_failure\": [\"a@b.c\"]}",
		.webhook_notifications = (char *)"{\"on_start\": [{\"id\": \"1\"}]}",
		.notification_settings = (char *)"{\"no_alert_for_skipped_runs\": true}",
		.performance_target = (char *)"STANDARD",
	};
	t.timeout = 90 * NSEC_PER_SEC;
	add("x", "1", NULL);
	submit_put(&body, &t, "flow", "/a/nb", NULL, "tok");
	ck_assert_str_eq(body.data, expected);
}
END_TEST

/* What the target names, else what the environment does, else nothing. */
START_TEST(chooses_the_cluster)
{
	ck_assert(json_is(json_get(task_of(put("c1")), "existing_cluster_id"), "c1"));
	ck_assert_ptr_null(json_get(task_of(put(NULL)), "existing_cluster_id").text);
	d.compute.existing_cluster_id = (char *)"c2";
	ck_assert(json_is(json_get(task_of(put("c1")), "existing_cluster_id"), "c2"));
	ck_assert(json_is(json_get(task_of(put(NULL)), "existing_cluster_id"), "c2"));
	d.compute.existing_cluster_id = NULL;
	d.compute.serverless = true;
	ck_assert_ptr_null(json_get(task_of(put("c1")), "existing_cluster_id").text);
	d.compute.serverless = false;
	d.compute.environment_key = (char *)"env";
	ck_assert_ptr_null(json_get(task_of(put("c1")), "existing_cluster_id").text);
	d.compute.environment_key = NULL;
	d.compute.new_cluster = (char *)"{}";
	ck_assert_ptr_null(json_get(task_of(put("c1")), "existing_cluster_id").text);
}
END_TEST

/* What the notebook says goes before, about the compute as a whole, and about the rest one by one. */
START_TEST(a_notebook_may_have_its_own)
{
	struct compute own = {.libraries = (char *)"[{\"whl\": \"/own.whl\"}]"};
	struct json task;

	d.compute.existing_cluster_id = (char *)"c2";
	d.compute.warehouse_id = (char *)"w";
	t.compute = &own;
	task = task_of(put("c1"));
	ck_assert(json_is(json_get(task, "existing_cluster_id"), "c2"));
	ck_assert_ptr_nonnull(strstr(json_get(task, "libraries").text, "/own.whl"));
	ck_assert(json_is(json_get(json_get(task, "notebook_task"), "warehouse_id"), "w"));
	own.new_cluster = (char *)"{}";
	task = task_of(put("c1"));
	ck_assert_ptr_null(json_get(task, "existing_cluster_id").text);
	ck_assert_ptr_nonnull(json_get(task, "new_cluster").text);
	own.new_cluster = NULL;
	own.serverless = true;
	task = task_of(put("c1"));
	ck_assert_ptr_null(json_get(task, "existing_cluster_id").text);
	ck_assert_ptr_null(json_get(task, "new_cluster").text);
	t.compute = NULL;
}
END_TEST

/* A list of environments is for those that use one. */
START_TEST(leaves_out_environments_that_are_not_used)
{
	d.environments = (char *)"[{\"environment_key\": \"env\"}]";
	d.compute.existing_cluster_id = (char *)"c2";
	ck_assert_ptr_null(json_get(put(NULL), "environments").text);
	d.compute.existing_cluster_id = NULL;
	d.compute.environment_key = (char *)"env";
	ck_assert_ptr_nonnull(json_get(put(NULL), "environments").text);
	ck_assert(compute_has_environment(&d, "env"));
	ck_assert(!compute_has_environment(&d, "other"));
	d.environments = NULL;
	ck_assert(!compute_has_environment(&d, "env"));
}
END_TEST

static const struct {
	const char *value, *sent;
} parameters[] = {
	{"\"text\"", "text"},
	{"\"\"", ""},
	{"\"a \\\"b\\\" \\\\ \\n \\u00e4 \\ud83d\\ude00\"", "a \"b\" \\ \n \xc3\xa4 \xf0\x9f\x98\x80"},
	{"1", "1"},
	{"-0", "-0"},
	{"1e5", "1e5"},
	{"123456789012345678901234567890", "123456789012345678901234567890"},
	{"0.1", "0.1"},
	{"NaN", "NaN"},
	{"-Infinity", "-Infinity"},
	{"true", "true"},
	{"false", "false"},
	{"null", "null"},
	{"[]", "[]"},
	{"[1,2 , \"x\\\"y\",null]", "[1, 2, \"x\\\"y\", null]"},
	{"{\"b\":{\"c\":[true]},\"a\":NaN}", "{\"b\": {\"c\": [true]}, \"a\": NaN}"},
};

/* All are strings there. */
START_TEST(puts_parameters)
{
	struct json v;
	char *sent;

	add("before", "1", NULL);
	add("odd \"name\"\n\xc3\xa4", parameters[_i].value, NULL);
	v = json_get(json_get(json_get(task_of(put(NULL)), "notebook_task"), "base_parameters"), "odd "
	    "\"name\"\n\xc3\xa4");
	sent = json_strdup(v);
	ck_assert_ptr_nonnull(sent);
	ck_assert_str_eq(sent, parameters[_i].sent);
	free(sent);
}
END_TEST

/* The notebook is to have them. */
START_TEST(puts_secrets)
{
	struct json v;

	add("password", "\"hunter2\"", "PASSWORD");
	v = json_get(json_get(task_of(put(NULL)), "notebook_task"), "base_parameters");
	ck_assert(json_is(json_get(v, "password"), "hunter2"));
}
END_TEST

#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static const struct {
	const char *name, *key;
} keys[] = {
	{"nb", "nb"},
	{"A-z_09", "A-z_09"},
	{"a b/c.ipynb", "a_b_c_ipynb"},
	{"\xc3\xa4", "__"},
	{"{{x}}", "__x__"},
	{"\"'\\\n", "____"},
	{HUNDRED, HUNDRED},
	{HUNDRED "x", HUNDRED},
};

START_TEST(puts_task_keys)
{
	struct json v;
	char *key = submit_task_key(keys[_i].name);

	t.name = (char *)keys[_i].name;
	v = put(NULL);
	ck_assert_str_eq(key, keys[_i].key);
	ck_assert(json_is(json_get(task_of(v), "task_key"), keys[_i].key));
	ck_assert(json_is(json_get(v, "run_name"), keys[_i].name));
	free(key);
}
END_TEST

/* The run's name is cut to 4096 bytes, at a whole character. */
START_TEST(cuts_run_names)
{
	struct buf name = BUF_INIT;
	char *sent;

	for (int i = 0; i < 4094; i++)
		buf_addc(&name, 'x');
	buf_adds(&name, "\xe2\x82\xac");
	t.name = name.data;
	sent = json_strdup(json_get(put(NULL), "run_name"));
	ck_assert_uint_eq(strlen(sent), 4094);
	free(sent);
	buf_truncate(&name, 4094);
	buf_adds(&name, "\xc3\xa4");
	t.name = name.data;
	sent = json_strdup(json_get(put(NULL), "run_name"));
	ck_assert_uint_eq(strlen(sent), 4096);
	free(sent);
	buf_reset(&body);
	submit_put(&body, &t, "flow", "/a", NULL, "t");
	sent = json_strdup(json_get(json_of(body.data), "run_name"));
	ck_assert_uint_eq(strlen(sent), 4096);
	ck_assert_int_eq(strncmp(sent, "flow: xxx", 9), 0);
	free(sent);
	buf_release(&name);
}
END_TEST

static const struct {
	int64_t nanoseconds, seconds;	/* 0: no limit */
} timeouts[] = {
	{0, 0}, {1, 1}, {NSEC_PER_SEC - 1, 1}, {NSEC_PER_SEC, 1}, {NSEC_PER_SEC + 1, 2}, {90 * NSEC_PER_SEC, 90},
	{7200 * NSEC_PER_SEC - 1, 7200}, {INT64_MAX, INT32_MAX}, {INT32_MAX * NSEC_PER_SEC - 1, INT32_MAX},
};

START_TEST(puts_timeouts)
{
	struct json v;
	int64_t n;

	t.timeout = timeouts[_i].nanoseconds;
	v = json_get(put(NULL), "timeout_seconds");
	if (timeouts[_i].seconds == 0) {
		ck_assert_ptr_null(v.text);
	} else {
		ck_assert(json_int(v, &n));
		ck_assert_int_eq(n, timeouts[_i].seconds);
	}
}
END_TEST

/* The same for the same attempt, always; another one for any other. */
START_TEST(makes_tokens)
{
	static const struct {
		const char *run, *name;
		unsigned attempt;
	} others[] = {
		{"run-2", "nb", 1}, {"run-1", "nc", 1}, {"run-1", "nb", 2}, {"run-1", "nb", 11}, {"run-1n", "b", 1},
		    {"", "", 0},
	};
	char token[SUBMIT_TOKEN], again[SUBMIT_TOKEN];

	submit_token(token, "run-1", "nb", 1);
	ck_assert_uint_eq(strlen(token), 64);
	ck_assert_uint_eq(strspn(token, "0123456789abcdef"), 64);
	submit_token(again, "run-1", "nb", 1);
	ck_assert_str_eq(token, again);
	/* A later nbfork, of another version, must make the same one. */
	ck_assert_str_eq(token, "681b56956be08f9e3d65577eac31276168e041b6b3e92e5815fa1c9e424482b7");
	for (int i = 0; i < COUNT(others); i++) {
		submit_token(again, others[i].run, others[i].name, others[i].attempt);
		ck_assert_uint_eq(strlen(again), 64);
		ck_assert_str_ne(token, again);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("submit");
	TCase *c = tcase_create("submit");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(c, begin, end);
	tcase_add_test(c, puts_the_least);
	tcase_add_test(c, puts_everything);
	tcase_add_test(c, chooses_the_cluster);
	tcase_add_test(c, a_notebook_may_have_its_own);
	tcase_add_test(c, leaves_out_environments_that_are_not_used);
	tcase_add_loop_test(c, puts_parameters, 0, COUNT(parameters));
	tcase_add_test(c, puts_secrets);
	tcase_add_loop_test(c, puts_task_keys, 0, COUNT(keys));
	tcase_add_test(c, cuts_run_names);
	tcase_add_loop_test(c, puts_timeouts, 0, COUNT(timeouts));
	tcase_add_test(c, makes_tokens);
	suite_add_tcase(s, c);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
