#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "report/summary.h"
#include "report/text.h"
#include "made_run.h"

#define DIVISION "{\"kind\": \"notebook\", \"name\": \"ZeroDivisionError\", \"message\": \"division by zero\", " \
	"\"cell\": 3, \"execution_count\": 4, \"traceback\": []}"
#define STOPPED "{\"kind\": \"stopped\", \"name\": null, \"message\": \"'b' failed (fail-fast)\"}"

static struct made made;
static struct buf text;

static void
teardown(void)
{
	made_release(&made);
	buf_release(&text);
}

static void
expect(size_t columns, bool colour, const char *expected)
{
	buf_reset(&text);
	summary_put(&made.run, columns, colour, &text);
	ck_assert_str_eq(buf_str(&text), expected);
}

/* No line is wider than that, but for those that hold the run folder. */
static void
expect_within(size_t columns)
{
	char *copy, *line;

	buf_reset(&text);
	summary_put(&made.run, columns, false, &text);
	line = copy = xstrdup(buf_str(&text));
	for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = '\0';
		ck_assert_msg(text_columns(line) <= columns || strstr(line, made.run.folder) != NULL,
		    "%zu columns are exceeded by: %s", columns, line);
	}
	ck_assert_str_eq(line, "");
	free(copy);
}

static void
make_three(void)
{
	made_init(&made, 3);
	made_set(&made.workflow.tasks[0].name, "load-orders");
	made_set(&made.workflow.tasks[1].name, "load-items");
	made_ran(&made, 0, STATUS_SUCCEEDED, 3.2, NULL);
	made_ran(&made, 1, STATUS_FAILED, 64, DIVISION)->cells_executed = 4;
	made_ended(&made, 2, STATUS_SKIPPED, 0, STOPPED);
	made_over(&made, STATUS_FAILED, 65.4);
	made.run.stop_reason = "'b' failed (fail-fast)";
}

START_TEST(table_without_limit)
{
	make_three();
	expect(0, false,
	    "NOTEBOOK     STATUS      TIME  CELLS\n"
	    "load-orders  succeeded   3.2s    9/9\n"
	    "load-items   failed     1m04s    4/9  ZeroDivisionError: division by zero "
	    "(cell 3, In [4], runs/x/notebooks/load-items.ipynb)\n"
	    "c            skipped        -      -  'b' failed (fail-fast)\n"
	    "stopped: 'b' failed (fail-fast)\n"
	    "3 notebooks: 1 succeeded, 1 failed, 1 skipped in 1m05s; runs/x\n");
}
END_TEST

/* The more room is missing, the more goes below its notebook; nothing is lost. */
START_TEST(table_with_limit)
{
	const char *head =
	    "NOTEBOOK     STATUS      TIME  CELLS\n"
	    "load-orders  succeeded   3.2s    9/9\n"
	    "load-items   failed     1m04s    4/9";
	const char *tail =
	    "\nc            skipped        -      -  'b' failed (fail-fast)\n"
	    "stopped: 'b' failed (fail-fast)\n"
	    "3 notebooks: 1 succeeded, 1 failed, 1 skipped in 1m05s; runs/x\n";
	const char *const middles[] = {
		"  ZeroDivisionError: division by zero (cell 3, In [4], runs/x/notebooks/load-items.ipynb)",
		"  ZeroDivisionError: division by zero\n    cell 3, In [4], runs/x/notebooks/load-items.ipynb",
		"\n    ZeroDivisionError: division by zero\n    cell 3, In [4], runs/x/notebooks/load-items.ipynb",
	};
	const size_t columns[] = {125, 124, 73, 72}, middle[] = {0, 1, 1, 2};

	make_three();
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		char *expected = xasprintf("%s%s%s", head, middles[middle[i]], tail);

		expect(columns[i], false, expected);
		free(expected);
	}
}
END_TEST

START_TEST(every_width)
{
	make_three();
	made_set(&made.workflow.tasks[0].name, "a-name-that-is-rather-long-\xe4\xb8\xad\xe6\x96\x87-\xe4\xb8\xad\xe6\x96\x87");
	for (size_t columns = 44; columns <= 200; columns++)
		expect_within(columns);
	for (size_t columns = 1; columns < 44; columns++)
		summary_put(&made.run, columns, false, &text);
}
END_TEST

START_TEST(colours)
{
	make_three();
	made.run.stop_reason = NULL;
	expect(0, true,
	    "\033[1mNOTEBOOK     STATUS      TIME  CELLS\033[m\n"
	    "load-orders  \033[32msucceeded\033[m   3.2s    9/9\n"
	    "load-items   \033[31mfailed\033[m     1m04s    4/9  ZeroDivisionError: division by zero "
	    "(cell 3, In [4], runs/x/notebooks/load-items.ipynb)\n"
	    "c            \033[33mskipped\033[m        -      -  'b' failed (fail-fast)\n"
	    "3 notebooks: 1 \033[32msucceeded\033[m, 1 \033[31mfailed\033[m, 1 \033[33mskipped\033[m in 1m05s; runs/x\n");
}
END_TEST

START_TEST(one_notebook)
{
	made_init(&made, 1);
	made_ran(&made, 0, STATUS_SUCCEEDED, 0.04, NULL);
	made_over(&made, STATUS_SUCCEEDED, 0.31);
	expect(80, false,
	    "NOTEBOOK  STATUS     TIME  CELLS\n"
	    "a         succeeded  0.0s    9/9\n"
	    "1 notebook: 1 succeeded in 0.3s; runs/x\n");
}
END_TEST

/* All that can be missing of an error. */
START_TEST(less_is_known)
{
	struct record *r;

	made_init(&made, 6);
	r = made_ran(&made, 0, STATUS_FAILED, 1, NULL);
	r = made_ran(&made, 1, STATUS_FAILED, 1, "{\"kind\": \"kernel\", \"message\": \"the kernel died\"}");
	r->has_output = false;
	r = made_ran(&made, 2, STATUS_FAILED, 1, "{\"kind\": \"worker\", \"message\": \"killed by SIGKILL\"}");
	r->has_output = r->has_log = false;
	r = made_ran(&made, 3, STATUS_TIMED_OUT, 1, "{\"kind\": \"timeout\", \"name\": \"KeyError\", \"message\": \"\", \"cell\": 0}");
	r->has_output = r->has_log = false;
	made.workflow.tasks[4].allow_failure = true;
	r = made_ran(&made, 4, STATUS_FAILED, 1, "{\"kind\": \"notebook\", \"message\": \"oh\"}");
	r->has_output = r->has_log = false;
	r = made_ran(&made, 5, STATUS_CANCELLED, 1, NULL);
	r->has_output = r->has_log = false;
	made_over(&made, STATUS_FAILED, 1);
	expect(0, false,
	    "NOTEBOOK  STATUS     TIME  CELLS\n"
	    "a         failed     1.0s    9/9  runs/x/notebooks/a.ipynb\n"
	    "b         failed     1.0s    9/9  the kernel died (runs/x/logs/b.log)\n"
	    "c         failed     1.0s    9/9  killed by SIGKILL\n"
	    "d         timed_out  1.0s    9/9  KeyError (cell 0)\n"
	    "e         failed     1.0s    9/9  allowed: oh\n"
	    "f         cancelled  1.0s    9/9\n"
	    "6 notebooks: 4 failed, 1 timed_out, 1 cancelled in 1.0s; runs/x\n");
}
END_TEST

/* What an earlier run did, what took several attempts, and what was not needed. */
START_TEST(kept_and_excluded)
{
	static const char head[] = "NOTEBOOK  STATUS     TIME  CELLS\n";
	static const char totals[] = "3 notebooks: 2 succeeded, 1 skipped in 1.0s; runs/x\n";
	struct record *r;
	char *expected;

	made_init(&made, 3);
	r = made_ended(&made, 0, STATUS_SUCCEEDED, 0, NULL);
	made_set(&r->kept, "{\"name\": \"a\"}");
	r->cells_total = r->cells_executed = 4;
	r = made_ran(&made, 1, STATUS_SUCCEEDED, 1, NULL);
	r->attempts = 3;
	r = made_ended(&made, 2, STATUS_SKIPPED, 0, "{\"kind\": \"dependency\", \"message\": \"not needed: b\"}");
	r->excluded = true;
	made_over(&made, STATUS_SUCCEEDED, 1);
	expected = xasprintf("%sa         succeeded     -    4/4  in an earlier run\n"
	    "b         succeeded  1.0s    9/9  attempt 3\nc         skipped       -      -  not needed: b\n%s", head, totals);
	expect(0, false, expected);
	expect(51, false, expected);
	free(expected);
	expected = xasprintf("%sa         succeeded     -    4/4\n    in an earlier run\n"
	    "b         succeeded  1.0s    9/9  attempt 3\nc         skipped       -      -  not needed: b\n%s", head, totals);
	expect(50, false, expected);
	free(expected);
	for (size_t columns = 40; columns < 60; columns++)
		expect_within(columns);
}
END_TEST

START_TEST(hostile)
{
	made_init(&made, 2);
	made_set(&made.workflow.tasks[0].name, "a\x1b[2Jb\r\n\xff\xe4\xb8\xad\x07");
	made_set(&made.workflow.tasks[1].name, "e\xcc\x81");
	made_set(&made.run.folder, "x\x1b]0;title\x07y");
	made.run.stop_reason = "\x1b[5mblink";
	made_ran(&made, 0, STATUS_FAILED, 1,
	    "{\"name\": \"E\\u001b[31m\", \"message\": \"\\n  \\nfirst\\u202e\\rsecond\\nthird\"}");
	made_ran(&made, 1, STATUS_SUCCEEDED, 1, NULL);
	made_over(&made, STATUS_FAILED, 1);
	expect(0, false,
	    "NOTEBOOK  STATUS     TIME  CELLS\n"
	    "ab\xef\xbf\xbd\xe4\xb8\xad     failed     1.0s    9/9  E: first ... (xy/notebooks/ab\xef\xbf\xbd\xe4\xb8\xad.ipynb)\n"
	    "e\xcc\x81         succeeded  1.0s    9/9\n"
	    "stopped: blink\n"
	    "2 notebooks: 1 succeeded, 1 failed in 1.0s; xy\n");
	for (size_t columns = 44; columns < 100; columns++) {
		made_set(&made.run.folder, "runs");
		expect_within(columns);
	}
}
END_TEST

START_TEST(java_messages)
{
	static const struct {
		const char *message, *shown;
	} cases[] = {
		{"An error occurred while calling o50.load.\\n: java.io.IOException: no\\n\\tat x", "E: java.io.IOException: no ..."},
		{"An error occurred while calling o1.ls.\\r\\n: gone", "E: gone"},
		{"An error occurred while calling o1.ls.\\n", "E: An error occurred while calling o1.ls."},
		{"An error occurred while calling o1.ls. Trace:\\npy4j", "E: An error occurred while calling o1.ls. Trace: ..."},
		{"An error\\n: x", "E: An error ..."},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *error = xasprintf("{\"name\": \"E\", \"message\": \"%s\"}", cases[i].message);
		char *shown = xasprintf("9/9  %s (runs/", cases[i].shown);

		made_init(&made, 1);
		made_ran(&made, 0, STATUS_FAILED, 1, error);
		made_over(&made, STATUS_FAILED, 1);
		buf_reset(&text);
		summary_put(&made.run, 0, false, &text);
		ck_assert_msg(strstr(text.data, shown) != NULL, "'%s' is not in:\n%s", shown, text.data);
		made_release(&made);
		free(shown);
		free(error);
	}
	made_init(&made, 1);
}
END_TEST

START_TEST(long_message)
{
	struct buf error = BUF_INIT;
	const char *end;

	made_init(&made, 1);
	buf_adds(&error, "{\"name\": \"E\", \"message\": \"");
	buf_fill(&error, 'm', 1000 * 1000);
	buf_adds(&error, "\"}");
	made_ran(&made, 0, STATUS_FAILED, 1, error.data);
	made_over(&made, STATUS_FAILED, 1);
	summary_put(&made.run, 0, false, &text);
	end = strstr(text.data, "mmm... (runs/x/notebooks/a.ipynb)\n");
	ck_assert_ptr_nonnull(end);
	ck_assert_int_eq(end + 6 - strstr(text.data, "E: m"), 500);
	expect_within(80);
	ck_assert_ptr_nonnull(strstr(text.data, "mmm...\n    runs/x/notebooks/a.ipynb\n"));
	buf_release(&error);
}
END_TEST

static size_t
lines(void)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n += text.data[i] == '\n';
	return n;
}

START_TEST(two_hundred_are_listed)
{
	made_init(&made, 200);
	for (size_t i = 0; i < made.run.n; i++)
		made_ran(&made, i, STATUS_SUCCEEDED, 1, NULL);
	made_over(&made, STATUS_SUCCEEDED, 1);
	summary_put(&made.run, 0, false, &text);
	ck_assert_uint_eq(lines(), 202);
	ck_assert_ptr_null(strstr(text.data, "not listed"));
}
END_TEST

START_TEST(of_more_only_the_others_are)
{
	made_init(&made, 201);
	for (size_t i = 0; i < made.run.n; i++)
		if (i != 77 && i != 99)
			made_ran(&made, i, STATUS_SUCCEEDED, 1, NULL);
	made_ran(&made, 77, STATUS_FAILED, 1, DIVISION);
	made_ended(&made, 99, STATUS_SKIPPED, 0, STOPPED);
	made_over(&made, STATUS_FAILED, 1);
	expect(0, false,
	    "NOTEBOOK  STATUS   TIME  CELLS\n"
	    "n77       failed   1.0s    9/9  ZeroDivisionError: division by zero "
	    "(cell 3, In [4], runs/x/notebooks/n77.ipynb)\n"
	    "n99       skipped     -      -  'b' failed (fail-fast)\n"
	    "not listed: 199 succeeded\n"
	    "201 notebooks: 199 succeeded, 1 failed, 1 skipped in 1.0s; runs/x\n");
}
END_TEST

START_TEST(many_skipped)
{
	made_init(&made, 10000);
	made_ran(&made, 0, STATUS_SUCCEEDED, 1, NULL);
	made_ran(&made, 1, STATUS_FAILED, 1, DIVISION);
	for (size_t i = 2; i < made.run.n; i++)
		made_ended(&made, i, STATUS_SKIPPED, 0, STOPPED);
	made_over(&made, STATUS_FAILED, 1);
	expect(0, false,
	    "NOTEBOOK  STATUS  TIME  CELLS\n"
	    "b         failed  1.0s    9/9  ZeroDivisionError: division by zero "
	    "(cell 3, In [4], runs/x/notebooks/b.ipynb)\n"
	    "not listed: 1 succeeded, 9998 skipped\n"
	    "10000 notebooks: 1 succeeded, 1 failed, 9998 skipped in 1.0s; runs/x\n");
}
END_TEST

START_TEST(many_succeeded)
{
	made_init(&made, 300);
	for (size_t i = 0; i < made.run.n; i++)
		made_ran(&made, i, STATUS_SUCCEEDED, 1, NULL);
	made_over(&made, STATUS_SUCCEEDED, 1);
	expect(0, false, "not listed: 300 succeeded\n300 notebooks: 300 succeeded in 1.0s; runs/x\n");
}
END_TEST

static const struct {
	double seconds;
	const char *text;
} durations[] = {
	{0, "0.0s"}, {-0.0, "0.0s"}, {-1, "0.0s"}, {NAN, "0.0s"}, {0.04, "0.0s"}, {0.06, "0.1s"}, {0.4, "0.4s"},
	{12.3, "12.3s"}, {59.94, "59.9s"}, {59.95, "1m00s"}, {60, "1m00s"}, {60.49, "1m00s"}, {245, "4m05s"},
	{3599.4, "59m59s"}, {3599.5, "1h00m"}, {7380, "2h03m"}, {7439.6, "2h04m"}, {86399.6, "24h00m"},
	{360000, "100h00m"}, {1e300, "277777777h46m"}, {INFINITY, "277777777h46m"},
};

START_TEST(duration)
{
	char t[DURATION_TEXT];

	ck_assert_str_eq(duration_text(t, durations[_i].seconds), durations[_i].text);
}
END_TEST

static const struct {
	const char *text;
	size_t columns;
	const char *shown;
} cuts[] = {
	{"", 0, ""}, {"", 5, ""}, {"abc", 0, ""}, {"abc", 2, "ab"}, {"abc", 3, "abc"}, {"abcd", 3, "..."},
	{"abcde", 4, "a..."}, {"abcde", 5, "abcde"}, {"abcdef", 5, "ab..."}, {"abcde\xcc\x81", 5, "abcde\xcc\x81"},
	{"\xe4\xb8\xad\xe6\x96\x87", 4, "\xe4\xb8\xad\xe6\x96\x87"},
	{"a\xe4\xb8\xad\xe6\x96\x87", 4, "a..."},
	{"\xe4\xb8\xad\xe6\x96\x87", 3, "..."},
	{"\xe4\xb8\xad\xe6\x96\x87", 2, "\xe4\xb8\xad"},
	{"\xe4\xb8\xad", 1, ""},
	{"aaa\xe4\xb8\xad", 4, "a..."},
	{"\x1b[31mabc\x1b[0m", 3, "abc"},
	{"\x1b[31ma\x1b[0m\n\tb", 3, "a b"},
};

START_TEST(cut)
{
	size_t used = text_put_cut(&text, cuts[_i].text, cuts[_i].columns);

	ck_assert_str_eq(buf_str(&text), cuts[_i].shown);
	ck_assert_uint_eq(used, text_columns(cuts[_i].shown));
	ck_assert_uint_le(used, cuts[_i].columns);
}
END_TEST

/* A million combining characters in one column. */
START_TEST(cut_nonsense)
{
	struct buf b = BUF_INIT;

	for (int i = 0; i < 1000 * 1000; i++)
		buf_adds(&b, i == 0 ? "a" : "\xcc\x81");
	ck_assert_uint_eq(text_put_cut(&text, b.data, 10), 5);
	ck_assert_uint_lt(text.len, 1000);
	ck_assert_uint_eq(utf8_check(text.data, text.len), text.len);
	ck_assert_str_eq(text.data + text.len - 4, " ...");
	buf_release(&b);
}
END_TEST

START_TEST(padded)
{
	text_put_left(&text, "\xe4\xb8\xad", 4);
	buf_addc(&text, '|');
	text_put_right(&text, "\xe4\xb8\xad", 4);
	buf_addc(&text, '|');
	text_put_right(&text, "abcdef", 4);
	ck_assert_str_eq(buf_str(&text), "\xe4\xb8\xad  |  \xe4\xb8\xad|a...");
}
END_TEST

/* What notebooks have run stands below them. */
START_TEST(children)
{
	struct record *r, *child;

	made_init(&made, 2);
	r = made_ran(&made, 0, STATUS_SUCCEEDED, 3.2, NULL);
	made_ran(&made, 1, STATUS_SUCCEEDED, 1, NULL);
	child = made_child(&made, r, 1, STATUS_SUCCEEDED);
	made_set(&made_child(&made, child, 1, STATUS_FAILED)->error, DIVISION);
	made_child(&made, r, 1, STATUS_SUCCEEDED);
	made_over(&made, STATUS_SUCCEEDED, 65.4);
	expect(0, false,
	    "NOTEBOOK           STATUS     TIME  CELLS\n"
	    "a                  succeeded  3.2s    9/9\n"
	    "  a.child          succeeded  1.0s    2/2\n"
	    "    a.child.child  failed     1.0s    2/2  ZeroDivisionError: division by zero (cell 3, In [4])\n"
	    "  a.child          succeeded  1.0s    2/2\n"
	    "b                  succeeded  1.0s    9/9\n"
	    "3 run by notebooks: 2 succeeded, 1 failed\n"
	    "2 notebooks: 2 succeeded in 1m05s; runs/x\n");
	for (size_t columns = 44; columns <= 100; columns++)
		expect_within(columns);
	/* Deeper than the table is wide. */
	for (int i = 0; i < 30; i++)
		child = made_child(&made, child, 1, STATUS_SUCCEEDED);
	for (size_t columns = 44; columns <= 100; columns++)
		expect_within(columns);
}
END_TEST

/* A loop may run thousands, and all of them may fail. */
START_TEST(very_many_children)
{
	struct record *r;

	made_init(&made, 1);
	r = made_ran(&made, 0, STATUS_SUCCEEDED, 1, NULL);
	for (int i = 0; i < 1000; i++)
		made_child(&made, r, 1, i < 700 ? STATUS_SUCCEEDED : i < 999 ? STATUS_FAILED : STATUS_TIMED_OUT);
	made_over(&made, STATUS_SUCCEEDED, 1);
	expect(0, false,
	    "NOTEBOOK   STATUS     TIME  CELLS\n"
	    "a          succeeded  1.0s    9/9\n"
	    "  a.child  timed_out  1.0s    2/2\n"
	    "not listed: run by notebooks: 700 succeeded, 299 failed\n"
	    "1000 run by notebooks: 700 succeeded, 299 failed, 1 timed_out\n"
	    "1 notebook: 1 succeeded in 1.0s; runs/x\n");
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("summary");
	TCase *t = tcase_create("summary");

	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, table_without_limit);
	tcase_add_test(t, table_with_limit);
	tcase_add_test(t, every_width);
	tcase_add_test(t, colours);
	tcase_add_test(t, one_notebook);
	tcase_add_test(t, less_is_known);
	tcase_add_test(t, kept_and_excluded);
	tcase_add_test(t, hostile);
	tcase_add_test(t, java_messages);
	tcase_add_test(t, long_message);
	tcase_add_test(t, two_hundred_are_listed);
	tcase_add_test(t, of_more_only_the_others_are);
	tcase_add_test(t, many_skipped);
	tcase_add_test(t, many_succeeded);
	tcase_add_test(t, children);
	tcase_add_test(t, very_many_children);
	suite_add_tcase(s, t);
	t = tcase_create("text");
	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_add_loop_test(t, duration, 0, sizeof(durations) / sizeof(durations[0]));
	tcase_add_loop_test(t, cut, 0, sizeof(cuts) / sizeof(cuts[0]));
	tcase_add_test(t, cut_nonsense);
	tcase_add_test(t, padded);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	SRunner *r = srunner_create(suite());
	int failed;

	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
