#include <config.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "report/results.h"
#include "made_run.h"

static const struct mark nowhere = {0, 0};

static struct made made;
static struct buf text;
static struct json document;

static void
teardown(void)
{
	made_release(&made);
	buf_release(&text);
}

/* Writes the document and reads it again. */
static void
write_document(void)
{
	struct json_error e = {0};
	int result;

	results_put(&made.run, &text);
	ck_assert(text.len > 0);
	ck_assert_int_eq(text.data[text.len - 1], '\n');
	result = json_parse(text.data, text.len, &document, &e);
	ck_assert_msg(result == 0, "%u:%u: %s", e.line, e.column, e.message);
}

static struct json
notebook(size_t n)
{
	struct json_iter it;
	struct json v = JSON_NOTHING;

	json_walk(&it, json_get(document, "notebooks"));
	for (size_t i = 0; i <= n; i++)
		ck_assert(json_next(&it, NULL, &v));
	return v;
}

static void
expect(struct json object, const char *key, const char *json)
{
	struct json v = json_get(object, key);

	ck_assert_msg(v.text != NULL, "no member '%s'", key);
	ck_assert_msg(v.len == strlen(json) && memcmp(v.text, json, v.len) == 0, "%s is %.*s, not %s", key,
	    (int)v.len, v.text, json);
}

START_TEST(whole_document)
{
	static const char expected[] =
		"{\n"
		"  \"schema\": \"nbfork.results/1\",\n"
		"  \"nbfork\": \"" PACKAGE_VERSION "\",\n"
		"  \"run\": {\n"
		"    \"id\": \"nightly-20261122T081500Z\",\n"
		"    \"dir\": \"runs/x\",\n"
		"    \"resumed_from\": null\n"
		"  },\n"
		"  \"workflow\": {\n"
		"    \"name\": \"nightly\",\n"
		"    \"file\": \"workflow.yaml\"\n"
		"  },\n"
		"  \"target\": \"local\",\n"
		"  \"processes\": 4,\n"
		"  \"on_error\": \"fail-fast\",\n"
		"  \"on_error_after\": 1,\n"
		"  \"status\": \"failed\",\n"
		"  \"started_at\": \"2026-11-22T08:15:00.123Z\",\n"
		"  \"finished_at\": \"2026-11-22T08:15:12.468Z\",\n"
		"  \"duration_seconds\": 12.345,\n"
		"  \"counts\": {\n"
		"    \"succeeded\": 0,\n"
		"    \"failed\": 1,\n"
		"    \"timed_out\": 0,\n"
		"    \"cancelled\": 0,\n"
		"    \"skipped\": 1\n"
		"  },\n"
		"  \"hooks\": [],\n"
		"  \"notebooks\": [\n"
		"    {\n"
		"      \"name\": \"a\",\n"
		"      \"path\": \"a.ipynb\",\n"
		"      \"target\": \"local\",\n"
		"      \"status\": \"failed\",\n"
		"      \"attempts\": 1,\n"
		"      \"parameters\": {\n"
		"        \"table\": \"orders\",\n"
		"        \"days\": [\n"
		"          1,\n"
		"          2\n"
		"        ],\n"
		"        \"token\": \"***\"\n"
		"      },\n"
		"      \"result\": {\n"
		"        \"rows\": 12345678901234567890\n"
		"      },\n"
		"      \"values\": {\n"
		"        \"day\": \"***\"\n"
		"      },\n"
		"      \"exit_status\": 1,\n"
		"      \"signal\": null,\n"
		"      \"error\": {\n"
		"        \"kind\": \"notebook\",\n"
		"        \"name\": \"ZeroDivisionError\",\n"
		"        \"message\": \"division by zero\",\n"
		"        \"cell\": 3,\n"
		"        \"execution_count\": 4,\n"
		"        \"traceback\": [\n"
		"          \"line\"\n"
		"        ]\n"
		"      },\n"
		"      \"cells\": {\n"
		"        \"total\": 9,\n"
		"        \"executed\": 4\n"
		"      },\n"
		"      \"start\": null,\n"
		"      \"ready_seconds\": null,\n"
		"      \"queued_seconds\": 0.250,\n"
		"      \"started_at\": \"2026-11-22T08:15:00.373Z\",\n"
		"      \"finished_at\": \"2026-11-22T08:15:03.573Z\",\n"
		"      \"duration_seconds\": 3.200,\n"
		"      \"cpu_seconds\": 2.875,\n"
		"      \"max_rss_bytes\": 104857600,\n"
		"      \"output\": \"notebooks/a.ipynb\",\n"
		"      \"log\": \"logs/a.log\",\n"
		"      \"url\": null,\n"
		"      \"remote\": null,\n"
		"      \"earlier_attempts\": [],\n"
		"      \"resumed_from\": null,\n"
		"      \"children\": []\n"
		"    },\n"
		"    {\n"
		"      \"name\": \"b\",\n"
		"      \"path\": \"b.ipynb\",\n"
		"      \"target\": \"local\",\n"
		"      \"status\": \"skipped\",\n"
		"      \"attempts\": 0,\n"
		"      \"parameters\": {},\n"
		"      \"result\": null,\n"
		"      \"values\": {},\n"
		"      \"exit_status\": null,\n"
		"      \"signal\": null,\n"
		"      \"error\": {\n"
		"        \"kind\": \"stopped\",\n"
		"        \"name\": null,\n"
		"        \"message\": \"'a' failed (fail-fast)\",\n"
		"        \"cell\": null,\n"
		"        \"execution_count\": null,\n"
		"        \"traceback\": []\n"
		"      },\n"
		"      \"cells\": {\n"
		"        \"total\": 0,\n"
		"        \"executed\": 0\n"
		"      },\n"
		"      \"start\": null,\n"
		"      \"ready_seconds\": null,\n"
		"      \"queued_seconds\": null,\n"
		"      \"started_at\": null,\n"
		"      \"finished_at\": null,\n"
		"      \"duration_seconds\": null,\n"
		"      \"cpu_seconds\": null,\n"
		"      \"max_rss_bytes\": null,\n"
		"      \"output\": null,\n"
		"      \"log\": null,\n"
		"      \"url\": null,\n"
		"      \"remote\": null,\n"
		"      \"earlier_attempts\": [],\n"
		"      \"resumed_from\": null,\n"
		"      \"children\": []\n"
		"    }\n"
		"  ]\n"
		"}\n";
	struct params *p;
	struct record *r;

	made_init(&made, 2);
	made.workflow.on_error = POLICY_FAIL_FAST;
	made.workflow.after_failures = 1;
	p = &made.workflow.tasks[0].parameters;
	params_set(p, "table", "\"orders\"", NULL, nowhere);
	params_set(p, "days", "[1, 2]", NULL, nowhere);
	params_set(p, "token", "\"hunter2\"", "TOKEN", nowhere);
	r = made_ran(&made, 0, STATUS_FAILED, 3.2,
	    "{\"kind\": \"notebook\", \"name\": \"ZeroDivisionError\", \"message\": \"division by zero\", "
	    "\"cell\": 3, \"execution_count\": 4, \"traceback\": [\"line\"]}");
	r->cells_executed = 4;
	r->cpu_seconds = 2.875;
	r->max_rss_bytes = 104857600;
	made_set(&r->result, "{\"rows\": 12345678901234567890}");
	made_set(&r->values, "{\"day\": \"***\"}");
	made_ended(&made, 1, STATUS_SKIPPED, 0,
	    "{\"kind\": \"stopped\", \"name\": null, \"message\": \"'a' failed (fail-fast)\", \"cell\": null, "
	    "\"execution_count\": null, \"traceback\": []}");
	made_over(&made, STATUS_FAILED, 12.345);
	results_put(&made.run, &text);
	/* Not ck_assert_str_eq, whose message is too long for Check. */
	if (strcmp(buf_str(&text), expected) != 0) {
		fprintf(stderr, "%s\nand not\n%s", buf_str(&text), expected);
		ck_abort_msg("the document is another");
	}
}
END_TEST

/* Notebooks that were tried more than once, and what an attempt that is over says. */
START_TEST(earlier_attempts)
{
	struct json_out o;
	struct record *r;

	made_init(&made, 2);
	made.run.resumed_from = "nightly-1";
	r = made_started(&made, 0);
	r->attempts = 3;
	made_ended(&made, 0, STATUS_TIMED_OUT, 1.5, "{\"kind\": \"timeout\", \"cell\": 2}");
	r->cpu_seconds = 0.25;
	r->max_rss_bytes = 4096;
	o = (struct json_out)JSON_OUT(&text, -1, 0);
	results_put_attempt(r, &o);
	ck_assert_str_eq(buf_str(&text), "{\"attempt\": 3, \"status\": \"timed_out\", \"exit_status\": 1, \"signal\": "
	    "null, "
	    "\"error\": {\"kind\": \"timeout\", \"cell\": 2}, \"started_at\": \"2026-11-22T08:15:00.373Z\", "
	    "\"finished_at\": \"2026-11-22T08:15:01.873Z\", \"duration_seconds\": 1.500, \"cpu_seconds\": 0.250, "
	    "\"max_rss_bytes\": 4096, \"output\": \"notebooks/a.attempt3.ipynb\", \"log\": \"logs/a.attempt3.log\", "
	    "\"url\": null, \"remote\": null}");
	made_set(&r->earlier_attempts, buf_str(&text));
	buf_reset(&text);

	/* Without files, killed, and with an error that is no JSON. */
	r->has_output = r->has_log = r->has_exit_status = false;
	r->signal = 9;
	made_set(&r->error, "{");
	o = (struct json_out)JSON_OUT(&text, -1, 0);
	results_put_attempt(r, &o);
	ck_assert_ptr_nonnull(strstr(text.data, "\"exit_status\": null, \"signal\": 9, \"error\": null, "));
	ck_assert_ptr_nonnull(strstr(text.data, "\"output\": null, \"log\": null, \"url\": null, \"remote\": null}"));
	buf_reset(&text);

	made_set(&r->earlier_attempts, "[{\"attempt\": 1}, {\"attempt\": 2}]");
	r = made_ran(&made, 1, STATUS_SUCCEEDED, 1, NULL);
	made_set(&r->earlier_attempts, "[");
	made_over(&made, STATUS_FAILED, 2);
	write_document();
	expect(json_get(document, "run"), "resumed_from", "\"nightly-1\"");
	ck_assert_uint_eq(json_count(json_get(notebook(0), "earlier_attempts")), 2);
	expect(notebook(0), "attempts", "3");
	ck_assert_int_ne(json_type(json_get(notebook(1), "earlier_attempts")), JSON_OBJECT);
}
END_TEST

/* One that was kept from an earlier run stands as it stood there, with what nobody knows of yet too. */
START_TEST(kept)
{
	struct record *r;

	made_init(&made, 3);
	for (size_t i = 0; i < 3; i++) {
		r = made_ended(&made, i, STATUS_SUCCEEDED, 0, NULL);
		made_set(&r->kept_from, "nightly-0");
	}
	made_set(&made.run.records[0].kept, "{\"name\": \"a\", \"attempts\": 7, \"new\": [1.50, \"\\u00e9\"], "
	    "\"resumed_from\": null, \"earlier_attempts\": [{}]}");
	made_set(&made.run.records[1].kept, "{\"resumed_from\": \"older\", \"name\": \"b\"}");
	made_set(&made.run.records[2].kept, "{\"cut");
	made_over(&made, STATUS_SUCCEEDED, 2);
	write_document();
	expect(notebook(0), "attempts", "7");
	ck_assert_uint_eq(json_count(json_get(notebook(0), "new")), 2);
	expect(notebook(0), "resumed_from", "\"nightly-0\"");
	ck_assert_uint_eq(json_count(notebook(0)), 5);
	expect(notebook(1), "resumed_from", "\"nightly-0\"");
	ck_assert_uint_eq(json_count(notebook(1)), 2);
	expect(notebook(2), "resumed_from", "\"nightly-0\"");
	expect(json_get(document, "counts"), "succeeded", "3");
}
END_TEST

/* What keeps a run from having succeeded. */
START_TEST(fails_the_run)
{
	static const struct {
		enum status status;
		bool allowed, excluded, fails;
	} samples[] = {
		{STATUS_SUCCEEDED, false, false, false}, {STATUS_SUCCEEDED, true, false, false},
		{STATUS_FAILED, false, false, true}, {STATUS_FAILED, true, false, false},
		{STATUS_TIMED_OUT, false, false, true}, {STATUS_TIMED_OUT, true, false, false},
		{STATUS_CANCELLED, false, false, true}, {STATUS_CANCELLED, true, false, true},
		{STATUS_SKIPPED, false, false, true},
		{STATUS_SKIPPED, false, true, false}, {STATUS_SKIPPED, true, true, false},
	};

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const struct task t = {.allow_failure = samples[i].allowed};
		const struct record r = {.task = &t, .status = samples[i].status, .excluded = samples[i].excluded};

		ck_assert_msg(record_fails_the_run(&r) == samples[i].fails, "sample %zu", i);
	}
}
END_TEST

START_TEST(killed_and_without_files)
{
	struct record *r;

	made_init(&made, 1);
	r = made_ran(&made, 0, STATUS_FAILED, 0.5, NULL);
	r->has_exit_status = r->has_output = r->has_log = false;
	r->exit_status = 7;	/* not valid */
	r->signal = 9;
	made_set(&made.workflow.file, NULL);
	made_over(&made, STATUS_FAILED, 1);
	write_document();
	expect(notebook(0), "exit_status", "null");
	expect(notebook(0), "signal", "9");
	expect(notebook(0), "error", "null");
	expect(notebook(0), "output", "null");
	expect(notebook(0), "log", "null");
	expect(json_get(document, "workflow"), "file", "null");
}
END_TEST

/* An exit status of 0 is not the same as none. */
START_TEST(exit_status_of_zero)
{
	made_init(&made, 1);
	made_ran(&made, 0, STATUS_SUCCEEDED, 0.5, NULL);
	made_over(&made, STATUS_SUCCEEDED, 1);
	write_document();
	expect(notebook(0), "exit_status", "0");
	expect(notebook(0), "signal", "null");
	expect(document, "status", "\"succeeded\"");
}
END_TEST

START_TEST(hostile_strings)
{
	static const char name[] = "a\"b\\c\n\x01\x1b[31m\xff\xc3(\xed\xa0\x80\xf0\x9f\x98\x80";
	struct task *t;
	char *message;

	made_init(&made, 1);
	t = &made.workflow.tasks[0];
	made_set(&t->name, name);
	made_set(&t->path, "\xff/\xfe.ipynb");
	made_set(&made.run.folder, "runs/\xe4");
	made_set(&made.workflow.file, "\x80.yaml");
	params_set(&t->parameters, "quo\"te\xff", "\"\\u0000\\ud83d\\ude00\"", NULL, nowhere);
	made_ran(&made, 0, STATUS_FAILED, 1, "{\"message\": \"\\u0000\\ud800\\u001b\"}");
	made_over(&made, STATUS_FAILED, 1);
	write_document();
	ck_assert(utf8_check(text.data, text.len) == text.len);
	/* Everything below 0x20 but the line ends of the form is escaped. */
	for (size_t i = 0; i < text.len; i++)
		ck_assert((unsigned char)text.data[i] >= 0x20 || text.data[i] == '\n');
	message = json_strdup(json_get(notebook(0), "path"));
	ck_assert_str_eq(message, "\xef\xbf\xbd/\xef\xbf\xbd.ipynb");
	free(message);
	message = json_strdup(json_get(json_get(document, "run"), "dir"));
	ck_assert_str_eq(message, "runs/\xef\xbf\xbd");
	free(message);
	message = json_strdup(json_get(notebook(0), "output"));
	ck_assert_str_eq(message, "notebooks/a\"b\\c\n\x01\x1b[31m\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xf0\x9f\x98\x80.ipynb");
	free(message);
}
END_TEST

/* RFC 8259 has neither NaN nor the infinities. */
START_TEST(strict_numbers)
{
	struct record *r;

	made_init(&made, 1);
	params_set(&made.workflow.tasks[0].parameters, "x", "[NaN, -Infinity, 1e999]", NULL, nowhere);
	r = made_ran(&made, 0, STATUS_SUCCEEDED, 1, NULL);
	made_set(&r->result, "Infinity");
	r->cpu_seconds = 0.0 / 0.0;
	made_over(&made, STATUS_SUCCEEDED, 1);
	write_document();
	expect(notebook(0), "result", "\"Infinity\"");
	expect(notebook(0), "cpu_seconds", "null");
	ck_assert(strstr(text.data, "\"NaN\",") != NULL);
	ck_assert(strstr(text.data, "\"-Infinity\",") != NULL);
	ck_assert(strstr(text.data, " 1e999\n") != NULL);
}
END_TEST

/* What does not hold JSON must not spoil the document. */
START_TEST(broken_values)
{
	static const char *const broken[] = {"", "{", "\"", "1 2", "{\"a\": \"\n\"}", "\"\xff\"", "nul"};

	made_init(&made, sizeof(broken) / sizeof(broken[0]));
	for (size_t i = 0; i < made.run.n; i++)
		made_set(&made_ran(&made, i, STATUS_FAILED, 1, broken[i])->result, broken[i]);
	made_over(&made, STATUS_FAILED, 1);
	write_document();
	for (size_t i = 0; i < made.run.n; i++) {
		expect(notebook(i), "result", "null");
		expect(notebook(i), "error", "null");
	}
}
END_TEST

/* depth arrays in one another, with brackets in a string that do not count. */
static char *
nested(size_t depth)
{
	struct buf b = BUF_INIT;

	buf_fill(&b, '[', depth);
	buf_adds(&b, "\"[[{{\\\"[[\", {}");
	buf_fill(&b, ']', depth);
	return buf_steal(&b);
}

START_TEST(deep_values)
{
	char *fits = nested(RESULTS_DEPTH_MAX - 1), *deep = nested(RESULTS_DEPTH_MAX), *s;

	made_init(&made, 2);
	made_set(&made_ran(&made, 0, STATUS_SUCCEEDED, 1, NULL)->result, fits);
	made_set(&made_ran(&made, 1, STATUS_SUCCEEDED, 1, NULL)->result, deep);
	made_over(&made, STATUS_SUCCEEDED, 1);
	write_document();
	ck_assert_int_eq(json_type(json_get(notebook(0), "result")), JSON_ARRAY);
	s = json_strdup(json_get(notebook(1), "result"));
	ck_assert_str_eq(s, deep);
	free(s);
	free(fits);
	free(deep);
}
END_TEST

static char *words[] = {(char[]){"./tell"}, (char[]){"--all"}, NULL};

START_TEST(hooks_have_objects)
{
	static const char expected[] = "[{\"hook\": \"on_start\", \"command\": \"./tell\", \"status\": \"timed_out\", "
	    "\"exit_status\": null, \"signal\": 15, \"message\": \"did not finish within 1 s\", "
	    "\"started_at\": \"2026-11-22T08:15:00.123Z\", \"finished_at\": \"2026-11-22T08:15:01.623Z\", "
	    "\"duration_seconds\": 1.500, \"log\": \"logs/hooks/on_start.log\"}, "
	    "{\"hook\": \"on_finish\", \"command\": \"./tell\", \"status\": \"skipped\", \"exit_status\": null, "
	    "\"signal\": null, \"message\": null, \"started_at\": null, \"finished_at\": null, "
	    "\"duration_seconds\": null, \"log\": null}]";
	const struct command commands[] = {{.hook = HOOK_ON_START, .argv = words}, {.hook = HOOK_ON_FINISH, .argv = words}};
	struct hook_run hooks[] = {
		{.command = &commands[0], .status = STATUS_TIMED_OUT, .signal = 15,
		    .message = (char[]){"did not finish within 1 s"}, .started_at = NSEC_PER_SEC, .ended_at = NSEC_PER_SEC / 2 * 5,
		    .started_wall = 1795335300123000, .ended_wall = 1795335301623000, .has_log = true},
		{.command = &commands[1], .status = STATUS_SKIPPED},
	};
	struct buf line = BUF_INIT;

	made_init(&made, 1);
	made.run.hooks = hooks;
	made.run.nhooks = 2;
	write_document();
	made.run.hooks = NULL;
	made.run.nhooks = 0;
	json_put(&line, json_get(document, "hooks"), &JSON_ONE_LINE);
	ck_assert_str_eq(buf_str(&line), expected);
	buf_release(&line);
}
END_TEST

/* What a hook is told when a run begins. */
START_TEST(a_run_that_goes_on_has_no_end)
{
	made_init(&made, 2);
	made.run.records[0].state = RECORD_RUNNING;
	made.run.records[1].state = RECORD_WAITING;
	made.run.over = false;
	write_document();
	expect(document, "status", "\"running\"");
	expect(document, "finished_at", "null");
	expect(document, "duration_seconds", "null");
	for (size_t i = 0; i < 2; i++)
		expect(notebook(i), "status", "null");
}
END_TEST

/* Notebooks that notebooks have run stand in their objects, with theirs; in the line of an event without. */
START_TEST(children)
{
	struct record *r, *child, *last, *order[6];
	struct json list;
	struct json_out o;
	size_t n = 0;

	made_init(&made, 2);
	r = made_ran(&made, 0, STATUS_SUCCEEDED, 1, NULL);
	made_ran(&made, 1, STATUS_SUCCEEDED, 1, NULL);
	child = made_child(&made, r, 1, STATUS_FAILED);
	made_child(&made, child, 1, STATUS_SUCCEEDED);
	last = made_child(&made, r, 2, STATUS_SUCCEEDED);
	for (r = record_after(&made.run, NULL); r != NULL && n < 6; r = record_after(&made.run, r))
		order[n++] = r;
	ck_assert_uint_eq(n, 5);
	ck_assert_ptr_eq(order[0], &made.run.records[0]);
	ck_assert_ptr_eq(order[1], child);
	ck_assert_ptr_eq(order[2], child->children);
	ck_assert_ptr_eq(order[3], last);
	ck_assert_ptr_eq(order[4], &made.run.records[1]);
	ck_assert_uint_eq(record_depth(order[0]), 0);
	ck_assert_uint_eq(record_depth(order[2]), 2);
	made_over(&made, STATUS_SUCCEEDED, 1);
	write_document();
	expect(notebook(1), "children", "[]");
	list = json_get(notebook(0), "children");
	ck_assert_uint_eq(json_count(list), 2);
	ck_assert_ptr_nonnull(memmem(list.text, list.len, "\"parent_attempt\": 2", 19));
	expect(json_get(document, "counts"), "succeeded", "2");
	expect(json_get(document, "counts"), "failed", "0");
	o = (struct json_out)JSON_OUT(&text, -1, 0);
	buf_reset(&text);
	results_put_notebook(child, &o);
	ck_assert_ptr_nonnull(strstr(text.data, "\"parent_attempt\": 1}"));
	ck_assert_ptr_null(strstr(text.data, "children"));
}
END_TEST

/* Results of a notebook that was called over many others are in the same document: its depth is bounded as a whole. */
START_TEST(deep_children)
{
	char *fits = nested(RESULTS_DEPTH_MAX - 1 - 2 * 30), *deep = nested(RESULTS_DEPTH_MAX - 2 * 30);
	struct record *r;

	made_init(&made, 1);
	r = made_ran(&made, 0, STATUS_SUCCEEDED, 1, NULL);
	for (int i = 0; i < 30; i++)
		r = made_child(&made, r, 1, STATUS_SUCCEEDED);
	made_set(&r->result, fits);
	made_set(&r->values, deep);
	made_over(&made, STATUS_SUCCEEDED, 1);
	write_document();
	ck_assert_ptr_nonnull(strstr(text.data, "\"result\": [\n"));
	ck_assert_ptr_nonnull(strstr(text.data, "\"values\": \"[["));
	free(fits);
	free(deep);
}
END_TEST

/* Ten thousand notebooks are nothing: a second is a hundred times what it takes, under valgrind too. */
START_TEST(many)
{
	char *name;

	made_init(&made, 10000);
	for (size_t i = 0; i < made.run.n; i++) {
		params_set(&made.workflow.tasks[i].parameters, "file", "\"data/orders.csv\"", NULL, nowhere);
		made_ran(&made, i, STATUS_SUCCEEDED, 1, NULL);
	}
	made_over(&made, STATUS_SUCCEEDED, 1);
	write_document();
	ck_assert_uint_eq(json_count(json_get(document, "notebooks")), 10000);
	expect(json_get(document, "counts"), "succeeded", "10000");
	name = json_strdup(json_get(notebook(9999), "name"));
	ck_assert_str_eq(name, "n9999");
	free(name);
}
END_TEST

START_TEST(errors_decoded)
{
	struct record r = {.error = NULL};
	struct record_error e;

	record_error(&r, &e);
	ck_assert_ptr_null(e.kind);
	ck_assert_ptr_null(e.name);
	ck_assert_ptr_null(e.message);
	ck_assert_int_eq(e.cell, -1);
	ck_assert_int_eq(e.execution_count, -1);
	record_error_release(&e);

	r.error = xstrdup("{\"kind\": \"notebook\", \"name\": null, \"message\": \"a\\u0000b\\nc\\u00e9\", \"cell\": 0, "
	    "\"execution_count\": 12345678901}");
	record_error(&r, &e);
	ck_assert_str_eq(e.kind, "notebook");
	ck_assert_ptr_null(e.name);
	ck_assert_str_eq(e.message, "ab\nc\xc3\xa9");
	ck_assert_int_eq(e.cell, 0);
	ck_assert_int_eq(e.execution_count, 12345678901);
	record_error_release(&e);
	ck_assert_ptr_null(e.message);

	made_set(&r.error, "{\"kind\": 1, \"name\": \"\", \"cell\": -2, \"execution_count\": null}");
	record_error(&r, &e);
	ck_assert_ptr_null(e.kind);
	ck_assert_str_eq(e.name, "");
	ck_assert_ptr_null(e.message);
	ck_assert_int_eq(e.cell, -1);
	ck_assert_int_eq(e.execution_count, -1);
	record_error_release(&e);

	made_set(&r.error, "[\"no object\"");
	record_error(&r, &e);
	ck_assert_ptr_null(e.kind);
	record_error_release(&e);
	free(r.error);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("results");
	TCase *t = tcase_create("document");

	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, whole_document);
	tcase_add_test(t, hooks_have_objects);
	tcase_add_test(t, a_run_that_goes_on_has_no_end);
	tcase_add_test(t, earlier_attempts);
	tcase_add_test(t, kept);
	tcase_add_test(t, killed_and_without_files);
	tcase_add_test(t, exit_status_of_zero);
	tcase_add_test(t, hostile_strings);
	tcase_add_test(t, strict_numbers);
	tcase_add_test(t, broken_values);
	tcase_add_test(t, deep_values);
	tcase_add_test(t, children);
	tcase_add_test(t, deep_children);
	tcase_add_test(t, many);
	suite_add_tcase(s, t);
	t = tcase_create("error");
	tcase_add_test(t, errors_decoded);
	suite_add_tcase(s, t);
	t = tcase_create("run");
	tcase_add_test(t, fails_the_run);
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
