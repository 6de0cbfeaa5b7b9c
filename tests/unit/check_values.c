#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "made_run.h"
#include "values.h"

static const struct mark nowhere = {0, 0};

static struct made made;
static struct task made_up;	/* with its values */

/* c depends on a and b; d, on which it does not depend, on c. */
static void
setup(void)
{
	made_init(&made, 4);
	made_depends(&made, 2, 0);
	made_depends(&made, 2, 1);
	made_depends(&made, 3, 2);
	made_set(&made_ran(&made, 0, STATUS_SUCCEEDED, 1, NULL)->result,
	    "{\"n\": 1.50, \"text\": \"{{ x }} \\u00e9\", \"list\": [1, {\"k\": null}], \"a b\": true}");
	made_set(&made.run.records[0].values, "{\"rows\": [7, \"x\"]}");
	made_set(&made.workflow.tasks[1].name, "b c");
	made_ran(&made, 1, STATUS_SUCCEEDED, 1, NULL);
}

static void
teardown(void)
{
	made_release(&made);
}

static struct task *
c(void)
{
	return &made.workflow.tasks[2];
}

static void
defer(struct params *p, const char *name, const char *value)
{
	params_add(p, name, value, NULL, nowhere)->deferred = true;
}

static void
make(void)
{
	char *why = NULL;

	ck_assert_msg(values_make(&made_up, c(), &made.run, "run-7", &why) == 0, "%s", why);
}

static void
expect(const struct params *p, const char *expected)
{
	struct buf json = BUF_INIT;

	params_json(p, &json);
	ck_assert_str_eq(buf_str(&json), expected);
	buf_release(&json);
}

START_TEST(needed)
{
	struct task t = {.name = NULL};

	ck_assert(!values_needed(&t));
	params_add(&t.parameters, "a", "\"{{ no expression }}\"", NULL, nowhere);
	params_add(&t.env, "A", "\"x\"", NULL, nowhere);
	ck_assert(!values_needed(&t));
	defer(&t.env, "B", "\"{{ run.id }}\"");
	ck_assert(values_needed(&t));
	params_release(&t.env);
	defer(&t.parameters, "b", "\"{{ run.id }}\"");
	ck_assert(values_needed(&t));
	params_release(&t.parameters);
}
END_TEST

START_TEST(all_kinds)
{
	struct params *p = &c()->parameters, *env = &c()->env;

	params_add(p, "plain", "\"{{ stays }}\"", NULL, (struct mark){3, 4});
	params_add(p, "secret", "\"hunter2\"", "S", nowhere);
	defer(p, "id", "\"{{ run.id }}\"");
	defer(p, "in_text", "\"run {{ run.id }}: {{ notebooks.a.result.n }} {{ notebooks.a.result.list }}\"");
	defer(p, "number", "\" {{ notebooks.a.result.n }} \"");
	defer(p, "deep", "[1, {\"k\": \"{{ notebooks.a.result.list[1].k }}\", \"l\": \"{{ \\\"{{\\\" }} }}\"}]");
	/* What another notebook returned is no expression. */
	defer(p, "text", "\"{{ notebooks['a'].result.text }}\"");
	defer(p, "other", "\"{{ notebooks.a.result[\\\"a b\\\"] }}\"");
	defer(p, "set", "\"{{ notebooks.a.values.rows[1] }}\"");
	defer(p, "twice", "\"{{ parameters.deep[1].l }}{{ parameters.number }}{{ parameters.plain }}\"");
	defer(p, "thrice", "\"{{ parameters.twice }}!\"");
	params_add(env, "PLAIN", "\"1.10\"", NULL, nowhere);
	defer(env, "NUMBER", "\"{{ notebooks.a.result.n }}\"");
	defer(env, "TRUE", "\"{{ parameters.other }}\"");
	defer(env, "TEXT", "\"{{ run.id }}\"");
	make();
	expect(&made_up.parameters, "{\"plain\": \"{{ stays }}\", \"secret\": \"***\", \"id\": \"run-7\", "
	    "\"in_text\": \"run run-7: 1.50 [1, {\\\"k\\\": null}]\", \"number\": 1.50, "
	    "\"deep\": [1, {\"k\": null, \"l\": \"{{ }}\"}], \"text\": \"{{ x }} \xc3\xa9\", \"other\": true, "
	    "\"set\": \"x\", "
	    "\"twice\": \"{{ }}1.50{{ stays }}\", \"thrice\": \"{{ }}1.50{{ stays }}!\"}");
	expect(&made_up.env, "{\"PLAIN\": \"1.10\", \"NUMBER\": \"1.50\", \"TRUE\": \"true\", \"TEXT\": \"run-7\"}");
	ck_assert(!values_needed(&made_up));
	ck_assert_str_eq(params_find(&made_up.parameters, "secret")->value, "\"hunter2\"");
	ck_assert_str_eq(params_find(&made_up.parameters, "secret")->secret, "S");
	ck_assert_uint_eq(params_find(&made_up.parameters, "plain")->mark.line, 3);
	/* All else is the task's own. */
	ck_assert_ptr_eq(made_up.name, c()->name);
	ck_assert_ptr_eq(made_up.depends_on, c()->depends_on);
	ck_assert(values_needed(c()));
	values_release(&made_up);
	ck_assert_uint_eq(made_up.parameters.n, 0);
}
END_TEST

/* What a worker is given: of those that the notebook depends on itself, also of such that set nothing. */
START_TEST(values_of_all)
{
	struct buf b = BUF_INIT;

	values_put_all(c(), &made.run, &b);
	ck_assert_str_eq(buf_str(&b), "{\"a\": {\"rows\": [7, \"x\"]}, \"b c\": {}}");
	buf_reset(&b);
	values_put_all(&made.workflow.tasks[3], &made.run, &b);
	ck_assert_str_eq(buf_str(&b), "{\"c\": {}}");
	buf_reset(&b);
	values_put_all(&made.workflow.tasks[0], &made.run, &b);
	ck_assert_str_eq(buf_str(&b), "{}");
	buf_release(&b);
}
END_TEST

/* Of one that is depended on by way of others. */
START_TEST(results_from_above)
{
	struct task *d = &made.workflow.tasks[3];
	char *why = NULL;

	made_ran(&made, 2, STATUS_SUCCEEDED, 1, NULL);
	defer(&d->parameters, "p", "\"{{ notebooks.a.result.list[0] }}\"");
	ck_assert_int_eq(values_make(&made_up, d, &made.run, "", &why), 0);
	expect(&made_up.parameters, "{\"p\": 1}");
	values_release(&made_up);
}
END_TEST

START_TEST(empty_run_id)
{
	char *why = NULL;

	defer(&c()->parameters, "p", "\"x{{ run.id }}y\"");
	ck_assert_int_eq(values_make(&made_up, c(), &made.run, "", &why), 0);
	expect(&made_up.parameters, "{\"p\": \"xy\"}");
	values_release(&made_up);
}
END_TEST

/* What is not there, and what is said of it. */
static const struct {
	const char *value, *why;
	bool env;
} missing[] = {
	{"\"{{ notebooks.a.result.rows }}\"", "parameter 'p': {{ notebooks.a.result.rows }}: 'a' returned {\"n\": "
	    "1.50, "
	    "\"text\": \"{{ x }} \\u00e9\", \"list\": [1, {\"k\": null}], \"a b\": true}: 'result' has no member "
	    "'rows'; "
	    "it has 'n', 'text', 'list', 'a b'", false},
	{"[\"{{ run.id }}\", \"y {{ notebooks.a.result.list[2] }}\"]",
	    "parameter 'p': {{ notebooks.a.result.list[2] }}: "
	    "'a' returned {\"n\": 1.50, \"text\": \"{{ x }} \\u00e9\", \"list\": [1, {\"k\": null}], \"a b\": true}: "
	    "'result.list' is a list of 2, it has no element 2", false},
	{"\"{{ notebooks[\\\"b c\\\"].result }}\"", "parameter 'p': {{ notebooks[\"b c\"].result }}: 'b c' returned "
	    "nothing", false},
	{"\"{{ parameters.q.x }}\"", "parameter 'p': {{ parameters.q.x }}: 'q' is the number 1, which has no member "
	    "'x'", false},
	{"\"{{ parameters.later }}\"", "parameter 'p': {{ parameters.later }}: {{ notebooks[\"b c\"].result }}: "
	    "'b c' returned nothing", false},
	{"\"{{ parameters.secret }}\"", "parameter 'p': {{ parameters.secret }}: there is no parameter 'secret' that "
	    "can be shown",
	    false},
	{"\"{{ parameters.none }}\"", "parameter 'p': {{ parameters.none }}: there is no parameter 'none' that can be "
	    "shown", false},
	{"\"{{ notebooks.none.result }}\"", "parameter 'p': {{ notebooks.none.result }}: there is no notebook 'none'",
	    false},
	{"\"{{ notebooks.a.values.k }}\"", "parameter 'p': {{ notebooks.a.values.k }}: 'a' set other values: 'values' has no "
	    "member 'k'; it has 'rows'", false},
	{"\"{{ notebooks[\\\"b c\\\"].values.rows }}\"", "parameter 'p': {{ notebooks[\"b c\"].values.rows }}: 'b c' set no "
	    "values", false},
	{"\"{{ notebooks.a.result.list }}\"", "environment variable 'p' would be a list, which is no text", true},
	{"\"{{ notebooks.a.result }}\"", "environment variable 'p' would be a map, which is no text", true},
	{"\"{{ notebooks.a.result.list[1].k }}\"", "environment variable 'p' would be null, which is no text", true},
	{"\"{{ notebooks['b c'].result.x }}\"", "environment variable 'p': {{ notebooks['b c'].result.x }}: 'b c' "
	    "returned nothing",
	    true},
};

START_TEST(says_what_is_missing)
{
	char *why = NULL;

	defer(missing[_i].env ? &c()->env : &c()->parameters, "p", missing[_i].value);
	params_add(&c()->parameters, "q", "1", NULL, nowhere);
	params_add(&c()->parameters, "secret", "\"x\"", "X", nowhere);
	if (strstr(missing[_i].value, "later") != NULL)
		defer(&c()->parameters, "later", "\"{{ notebooks[\\\"b c\\\"].result }}\"");
	ck_assert_int_eq(values_make(&made_up, c(), &made.run, "r", &why), -1);
	ck_assert_str_eq(why, missing[_i].why);
	ck_assert_uint_eq(made_up.parameters.n, 0);
	free(why);
}
END_TEST

START_TEST(says_how_it_ended)
{
	static const struct {
		enum status status;
		const char *result, *why;
	} samples[] = {
		{STATUS_FAILED, NULL, "'b c' failed, and returned nothing"},
		{STATUS_SKIPPED, NULL, "'b c' was skipped, and returned nothing"},
		{STATUS_TIMED_OUT, NULL, "'b c' timed out, and returned nothing"},
		{STATUS_CANCELLED, NULL, "'b c' was stopped, and returned nothing"},
		{STATUS_SUCCEEDED, "null", "'b c' returned null: 'result' is null, which has no member 'x'"},
		{STATUS_FAILED, "[]", "'b c' returned []: 'result' is an empty list, it has no member 'x'"},
	};
	char *why;

	defer(&c()->parameters, "p", "\"{{ notebooks['b c'].result.x }}\"");
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		made.run.records[1].status = samples[i].status;
		made_set(&made.run.records[1].result, samples[i].result);
		why = NULL;
		ck_assert_int_eq(values_make(&made_up, c(), &made.run, "r", &why), -1);
		ck_assert_ptr_nonnull(strstr(why, "result.x }}: "));
		ck_assert_str_eq(strstr(why, "result.x }}: ") + 13, samples[i].why);
		free(why);
	}
}
END_TEST

/* Long results are cut, not in the middle of a character. */
START_TEST(long_results)
{
	struct buf b = BUF_INIT;
	char *why = NULL, *cut;

	buf_adds(&b, "[\"x");
	for (int i = 0; i < 300; i++)
		buf_adds(&b, "\xc3\xa9");
	buf_adds(&b, "\"]");
	made_set(&made.run.records[1].result, buf_str(&b));
	defer(&c()->parameters, "p", "\"{{ notebooks['b c'].result.x }}\"");
	ck_assert_int_eq(values_make(&made_up, c(), &made.run, "r", &why), -1);
	cut = strstr(why, "returned [\"");
	ck_assert_ptr_nonnull(cut);
	cut = strchr(cut, '.');
	ck_assert_int_eq(strncmp(cut, "... (605 bytes): ", 17), 0);
	ck_assert_int_eq(strncmp(cut - 2, "\xc3\xa9", 2), 0);
	free(why);
	/* One of 200 bytes is whole. */
	buf_reset(&b);
	buf_addc(&b, '"');
	buf_fill(&b, 'x', 198);
	buf_addc(&b, '"');
	made_set(&made.run.records[1].result, buf_str(&b));
	ck_assert_int_eq(values_make(&made_up, c(), &made.run, "r", &why), -1);
	ck_assert_ptr_nonnull(strstr(why, buf_str(&b)));
	free(why);
	buf_release(&b);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("values");
	TCase *tc = tcase_create("values");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, needed);
	tcase_add_test(tc, all_kinds);
	tcase_add_test(tc, values_of_all);
	tcase_add_test(tc, results_from_above);
	tcase_add_test(tc, empty_run_id);
	tcase_add_loop_test(tc, says_what_is_missing, 0, (int)(sizeof(missing) / sizeof(missing[0])));
	tcase_add_test(tc, says_how_it_ended);
	tcase_add_test(tc, long_results);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
