#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "estimate.h"

#define TASKS 8
#define RUNS "nbfork-runs"
#define STAMP "20261122T081500Z"
#define NOWHERE ((struct mark){0, 0})

static char folder[] = "/tmp/check-estimate-XXXXXX";
static struct task tasks[TASKS];
static struct workflow workflow;
static struct estimate list[TASKS];

static void
enter(void)
{
	static char name[] = "nightly";

	memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	memset(tasks, 0, sizeof(tasks));
	workflow = (struct workflow){.name = name, .tasks = tasks};
}

static void
leave(void)
{
	for (size_t i = 0; i < TASKS; i++)
		task_release(&tasks[i]);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(file_remove_tree(folder), 0);
}

/* A task in the folder "work", with pairs of a parameter's name and its value, up to NULL. */
static struct task *
add(const char *name, const char *path, ...)
{
	struct task *t = &tasks[workflow.ntasks++];
	const char *parameter;
	va_list ap;

	t->name = xstrdup(name);
	t->path = xstrdup(path);
	t->working_directory = xstrdup("work");
	va_start(ap, path);
	while ((parameter = va_arg(ap, const char *)) != NULL)
		params_set(&t->parameters, parameter, va_arg(ap, const char *), NULL, NOWHERE);
	va_end(ap);
	return t;
}

static void
put(const char *path, const char *text, size_t n)
{
	char *above = file_folder(path);

	ck_assert_int_eq(file_mkdirs(above), 0);
	ck_assert_int_eq(file_replace(path, text, n), 0);
	free(above);
}

/* A file of that many bytes. */
static void
put_file(const char *path, off_t bytes)
{
	put(path, "", 0);
	ck_assert_int_eq(truncate(path, bytes), 0);
}

static void
put_journal(const char *run, const struct buf *text)
{
	char path[300];

	snprintf(path, sizeof(path), RUNS "/%s/events.jsonl", run);
	put(path, buf_str(text), text->len);
}

static void
put_line(struct buf *text, const char *name, const char *path, const char *parameters, const char *status,
    const char *seconds)
{
	buf_addf(text, "{\"time\": \"2026-11-22T08:15:00.123Z\", \"event\": \"notebook_finished\", \"name\": \"%s\", "
	    "\"attempt\": 1, \"notebook\": {\"name\": \"%s\", \"path\": \"%s\", \"target\": \"local\", "
	    "\"status\": \"%s\", \"parameters\": %s, \"result\": null, \"duration_seconds\": %s}}\n",
	    name, name, path, status, parameters, seconds);
}

/* A run with one notebook, which succeeded. */
static void
put_run(const char *run, const char *name, const char *path, const char *parameters, const char *seconds)
{
	struct buf text = BUF_INIT;

	put_line(&text, name, path, parameters, "succeeded", seconds);
	put_journal(run, &text);
	buf_release(&text);
}

static void
estimate(void)
{
	memset(list, 0x5a, sizeof(list));
	estimate_all(&workflow, RUNS, "flow", list);
}

static void
is_history(size_t i, double seconds)
{
	ck_assert_int_eq(list[i].source, ESTIMATE_HISTORY);
	ck_assert_double_eq_tol(list[i].seconds, seconds, 1e-9);
}

static void
is_size(size_t i, int64_t bytes)
{
	ck_assert_int_eq(list[i].source, ESTIMATE_SIZE);
	ck_assert_int_eq(list[i].bytes, bytes);
}

static void
is_unknown(size_t i)
{
	ck_assert_int_eq(list[i].source, ESTIMATE_UNKNOWN);
	ck_assert_double_lt(list[i].seconds, 0);
	ck_assert_int_eq(list[i].bytes, 0);
}

/* ---- Earlier runs ---- */

START_TEST(knows_nothing)
{
	double seconds[TASKS];

	estimate_all(&workflow, RUNS, ".", list);	/* not even a task */
	add("a", "a.ipynb", NULL);
	add("b", "b.ipynb", "n", "1", NULL);
	estimate();
	is_unknown(0);
	is_unknown(1);
	estimate_weights(list, 2, seconds);
	ck_assert_double_lt(seconds[0], 0);
	ck_assert_double_lt(seconds[1], 0);
	put(RUNS, "no folder", 9);
	estimate();
	is_unknown(0);
}
END_TEST

START_TEST(finds_path_and_parameters)
{
	struct buf text = BUF_INIT;

	put_line(&text, "x", "load.ipynb", "{\"b\": [1, {\"y\": 2, \"x\": NaN}], \"a\": \"\\u00e9\"}", "succeeded",
	    "1.5");
	put_line(&text, "y", "load.ipynb", "{\"a\": 2}", "succeeded", "2.5");
	put_line(&text, "z", "load.ipynb", "{}", "succeeded", "3.5");
	put_line(&text, "w", "other.ipynb", "{\"a\": 3}", "succeeded", "4.5");
	put_journal("nightly-" STAMP, &text);
	buf_release(&text);
	/* The name counts for nothing, the order of keys neither, how text is written neither. */
	add("1", "load.ipynb", "a", "\"\xc3\xa9\"", "b", "[1, {\"x\": NaN, \"y\": 2}]", NULL);
	add("2", "load.ipynb", "a", "2", NULL);
	add("3", "load.ipynb", NULL);
	add("4", "load.ipynb", "a", "3", NULL);	/* of another notebook */
	add("5", "load.ipynb", "a", "\"2\"", NULL);	/* text */
	add("6", "load.ipynb", "a", "2", "b", "null", NULL);
	add("x", "other.ipynb", NULL);
	add("7", "load.ipynb", "a", "2", NULL);	/* the same as 2 */
	estimate();
	is_history(0, 1.5);
	is_history(1, 2.5);
	is_history(2, 3.5);
	for (size_t i = 3; i < 7; i++)
		is_unknown(i);
	is_history(7, 2.5);
}
END_TEST

START_TEST(finds_by_name_what_is_not_known_yet)
{
	struct buf text = BUF_INIT;
	struct task *t;

	put_line(&text, "report", "report.ipynb", "{\"rows\": 1000}", "succeeded", "1");
	put_line(&text, "upload", "upload.ipynb", "{\"password\": \"***\"}", "succeeded", "2");
	put_line(&text, "third", "upload.ipynb", "{\"password\": \"***\"}", "succeeded", "3");
	put_journal("nightly-" STAMP, &text);
	buf_release(&text);
	add("report", "report.ipynb", "rows", "\"{{ notebooks.x.result }}\"", NULL)->parameters.list[0].deferred = true;
	t = add("upload", "upload.ipynb", NULL);
	params_set(&t->parameters, "password", "\"open sesame\"", "PASSWORD", NOWHERE);
	t = add("fourth", "upload.ipynb", NULL);
	params_set(&t->parameters, "password", "\"open sesame\"", "PASSWORD", NOWHERE);
	t = add("third", "report.ipynb", NULL);
	params_set(&t->parameters, "password", "\"open sesame\"", "PASSWORD", NOWHERE);
	add("report", "report.ipynb", "rows", "1001", NULL);
	add("any", "report.ipynb", "rows", "1000", NULL);
	estimate();
	is_history(0, 1);
	is_history(1, 2);
	is_unknown(2);
	is_unknown(3);
	is_history(4, 1);	/* with other parameters, which is better than nothing */
	is_history(5, 1);
}
END_TEST

START_TEST(takes_the_newest_success)
{
	struct buf text = BUF_INIT;

	add("a", "a.ipynb", NULL);
	add("b", "b.ipynb", NULL);
	put_run("nightly-20251231T235959Z", "b", "b.ipynb", "{}", "7");
	for (int i = 2; i <= 16; i++) {
		char name[100], seconds[20];

		snprintf(name, sizeof(name), "nightly-20261122T081500Z-%d", i);
		snprintf(seconds, sizeof(seconds), "%d", i);
		put_run(name, "a", "a.ipynb", "{}", seconds);
	}
	put_run("nightly-20261122T081500Z", "a", "a.ipynb", "{}", "1");
	put_run("nightly-20261122T081459Z", "a", "a.ipynb", "{}", "59");
	estimate();
	is_history(0, 16);
	is_history(1, 7);
	/* Nothing but a success counts; of a run that was gone on with, the last one. */
	put_line(&text, "b", "b.ipynb", "{}", "succeeded", "8");
	put_line(&text, "b", "b.ipynb", "{}", "succeeded", "9");
	put_line(&text, "b", "b.ipynb", "{}", "failed", "99");
	put_line(&text, "a", "a.ipynb", "{}", "timed_out", "99");
	put_line(&text, "a", "a.ipynb", "{}", "cancelled", "99");
	put_line(&text, "a", "a.ipynb", "{}", "skipped", "null");
	put_line(&text, "a", "a.ipynb", "{}", "succeeded", "null");
	put_line(&text, "a", "a.ipynb", "{}", "succeeded", "-1");
	put_line(&text, "a", "a.ipynb", "{}", "succeeded", "NaN");
	put_line(&text, "a", "a.ipynb", "{}", "succeeded", "Infinity");
	put_line(&text, "a", "a.ipynb", "{}", "succeeded", "\"99\"");
	put_journal("nightly-20261123T000000Z", &text);
	buf_release(&text);
	estimate();
	is_history(0, 16);
	is_history(1, 9);
}
END_TEST

START_TEST(leaves_other_folders_alone)
{
	static const char *const others[] = {
		"nightly-x-" STAMP, "nightly", "nightly-", "nightly-2026", "nightly-" STAMP "-", "nightly-" STAMP "-x",
		"nightly-" STAMP "-2-3", "nightly-" STAMP "x", "nightly-" STAMP "-1234567890", "nightl-" STAMP,
		"nightlyx" STAMP, "xnightly-" STAMP, "nightly-20261122t081500z", "nightly-" STAMP "-" STAMP,
		"nightly-2026112xT081500Z", "nightly-first",
	};

	add("a", "a.ipynb", NULL);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		put_run(others[i], "a", "a.ipynb", "{}", "1");
	ck_assert_int_eq(symlink("nightly-first", RUNS "/nightly-latest"), 0);
	estimate();
	is_unknown(0);
	put_run("nightly-20000101T000000Z-2", "a", "a.ipynb", "{}", "1");
	estimate();
	is_history(0, 1);
}
END_TEST

START_TEST(passes_over_what_is_no_journal)
{
	struct buf text = BUF_INIT;

	add("a", "a.ipynb", NULL);
	put_run("nightly-20200101T000000Z", "a", "a.ipynb", "{}", "1");
	put(RUNS "/nightly-20260101T000000Z", "", 0);	/* no folder */
	ck_assert_int_eq(file_mkdirs(RUNS "/nightly-20260102T000000Z/events.jsonl"), 0);
	ck_assert_int_eq(file_mkdirs(RUNS "/nightly-20260103T000000Z"), 0);
	ck_assert_int_eq(mkfifo(RUNS "/nightly-20260103T000000Z/events.jsonl", 0600), 0);
	/* Folders without a journal are no runs: they do not use up the number of those that are looked at. */
	for (int i = 0; i < 2 * ESTIMATE_RUNS_MAX; i++) {
		char name[100];

		snprintf(name, sizeof(name), RUNS "/nightly-202602%02dT000000Z%s", i, i % 2 ? "/events.jsonl" : "");
		ck_assert_int_eq(file_mkdirs(name), 0);
	}
	estimate();
	is_history(0, 1);
	/* Lines that are none, and one that was cut off, though what is there is whole. */
	buf_adds(&text, "\n\n[]\n\"notebook_finished\"\n{\"event\": \"notebook_finished\"}\n"
	    "{\"event\": \"notebook_finished\", \"notebook\": 5}\n"
	    "{\"event\": \"notebook_finished\", \"notebook\": {\"path\": 5, \"status\": \"succeeded\"}}\n");
	put_line(&text, "a", "a.ipynb", "{", "succeeded", "99");
	put_line(&text, "a", "a.ipynb", "[]", "succeeded", "99");
	put_line(&text, "a", "a.ipynb", "null", "succeeded", "99");
	buf_adds(&text, "{\"event\": \"run_started\", \"x\": \"notebook_finished\", \"notebook\": {\"name\": \"a\", "
	    "\"path\": \"a.ipynb\", \"status\": \"succeeded\", \"parameters\": {}, \"duration_seconds\": 99}}\n");
	buf_add(&text, "\0\0\0\n", 4);
	put_line(&text, "a", "a.ipynb", "{}", "succeeded", "99");
	text.len--;
	put_journal("nightly-20261122T081500Z", &text);
	estimate();
	is_history(0, 1);
	/* What is before and behind them counts. */
	text.len = 0;
	buf_adds(&text, "{\"event\n");
	put_line(&text, "a", "a.ipynb", "{}", "succeeded", "2");
	buf_adds(&text, "{\"event");
	put_journal("nightly-20261122T081500Z", &text);
	estimate();
	is_history(0, 2);
	buf_release(&text);
}
END_TEST

START_TEST(looks_at_so_many_runs)
{
	struct buf none = BUF_INIT;

	add("a", "a.ipynb", NULL);
	put_run("nightly-20200101T000000Z", "a", "a.ipynb", "{}", "1");
	for (int i = 0; i < ESTIMATE_RUNS_MAX; i++) {
		char name[100];

		estimate();
		is_history(0, 1);
		snprintf(name, sizeof(name), "nightly-202602%02dT000000Z", i);
		put_journal(name, &none);
	}
	estimate();
	is_unknown(0);
}
END_TEST

START_TEST(reads_so_many_bytes)
{
	add("a", "a.ipynb", NULL);
	put_run("nightly-20200101T000000Z", "a", "a.ipynb", "{}", "1");
	put_file(RUNS "/nightly-20260101T000000Z/events.jsonl", (off_t)ESTIMATE_BYTES_MAX - 1024);
	estimate();
	is_history(0, 1);
	put_file(RUNS "/nightly-20260101T000000Z/events.jsonl", (off_t)ESTIMATE_BYTES_MAX - 16);
	estimate();
	is_unknown(0);
}
END_TEST

/* Lines of every length about the size of what is read at once and of the longest that is taken. */
START_TEST(takes_lines_of_megabytes)
{
	const size_t most = (size_t)16 * 1024 * 1024;
	struct buf text = BUF_INIT, line = BUF_INIT;

	add("a", "a.ipynb", NULL);
	add("b", "b.ipynb", NULL);
	put_line(&line, "a", "a.ipynb", "{}", "succeeded", "1");
	for (int more = 0; more < 2; more++) {
		text.len = 0;
		buf_add(&text, line.data, line.len - 1);	/* without its line feed, filled up with spaces */
		buf_fill(&text, ' ', most + (size_t)more - text.len);
		buf_addc(&text, '\n');
		put_line(&text, "b", "b.ipynb", "{}", "succeeded", "2");
		put_journal("nightly-" STAMP, &text);
		estimate();
		if (more == 0)
			is_history(0, 1);
		else
			is_unknown(0);
		is_history(1, 2);
	}
	/* The end of a long line is no line. */
	text.len = 0;
	buf_fill(&text, ' ', most + 1000000);
	buf_add(&text, line.data, line.len);
	put_line(&text, "b", "b.ipynb", "{}", "succeeded", "2");
	put_journal("nightly-" STAMP, &text);
	estimate();
	is_unknown(0);
	is_history(1, 2);
	buf_release(&text);
	buf_release(&line);
}
END_TEST

START_TEST(puts_pieces_together)
{
	struct buf text = BUF_INIT;
	const size_t piece = (size_t)256 * 1024;

	add("a", "a.ipynb", NULL);
	for (size_t before = piece - 300; before <= piece; before += 20) {
		text.len = 0;
		buf_fill(&text, ' ', before - 1);
		buf_addc(&text, '\n');
		put_line(&text, "a", "a.ipynb", "{}", "succeeded", "1");
		put_journal("nightly-" STAMP, &text);
		estimate();
		is_history(0, 1);
	}
	buf_release(&text);
}
END_TEST

START_TEST(is_fast)
{
	const size_t n = 10000;
	struct workflow big = {.name = workflow.name, .ntasks = n, .tasks = xcalloc(n, sizeof(struct task))};
	struct estimate *all = xcalloc(n, sizeof(*all));
	struct buf text = BUF_INIT;
	clock_t start;
	char name[100];

	for (size_t i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%zu", i);
		big.tasks[i].name = xstrdup(name);
		big.tasks[i].path = xstrdup("load.ipynb");
		big.tasks[i].working_directory = xstrdup(".");
		params_set(&big.tasks[i].parameters, "number", name, NULL, NOWHERE);
		/* One is never found, so that all is read. */
		snprintf(name, sizeof(name), "{\"number\": %zu}", i);
		put_line(&text, "x", "load.ipynb", name, i > 0 ? "succeeded" : "failed", "1.25");
	}
	for (int i = 1; i <= ESTIMATE_RUNS_MAX; i++) {
		snprintf(name, sizeof(name), "nightly-202602%02dT000000Z", i);
		put_journal(name, &text);
	}
	start = clock();
	estimate_all(&big, RUNS, ".", all);
	ck_assert_double_lt((double)(clock() - start) / CLOCKS_PER_SEC, 20);	/* of one second or so */
	ck_assert_int_eq(all[0].source, ESTIMATE_UNKNOWN);
	for (size_t i = 1; i < n; i++)
		ck_assert_double_eq(all[i].seconds, 1.25);
	for (size_t i = 0; i < n; i++)
		task_release(&big.tasks[i]);
	free(big.tasks);
	free(all);
	buf_release(&text);
}
END_TEST

/* ---- Sizes ---- */

START_TEST(adds_up_files)
{
	char here[300];
	struct task *t;

	put_file("work/a.csv", 100);
	put_file("work/sub/b.csv", 20);
	put_file("flow/c.csv", 3);
	put_file("flow/a.csv", 5000);	/* is behind that of the working directory */
	put_file("d.csv", 7000);	/* of the current folder: neither */
	put_file("work/\xc3\xa4 \"x\".csv", 40000);
	snprintf(here, sizeof(here), "\"%s/d.csv\"", folder);
	ck_assert_int_eq(symlink("a.csv", "work/link.csv"), 0);
	ck_assert_int_eq(mkfifo("work/pipe", 0600), 0);
	add("0", "x", "file", "\"a.csv\"", NULL);
	add("1", "x", "file", "\"sub/b.csv\"", "files", "[\"c.csv\", 5, null, \"a.csv\", \"none.csv\"]", NULL);
	add("2", "x", "a", "\"a.csv\"", "b", "\"./a.csv\"", "c", "\"link.csv\"", "d", "[\"sub/../a.csv\"]", NULL);
	add("3", "x", "absolute", here, NULL);
	add("4", "x", "odd", "\"\\u00e4 \\\"x\\\".csv\"", NULL);
	add("5", "x", "none", "\"d.csv\"", "empty", "\"\"", "folder", "\"sub\"", "pipe", "\"pipe\"", "device",
	    "\"/dev/zero\"", "deep", "[[\"a.csv\"]]", "map", "{\"file\": \"a.csv\"}", "number", "5", "list", "[]",
	    "nul", "\"a.csv\\u0000\"", "below", "\"a.csv/x\"", NULL);
	t = add("6", "x", "later", "\"a.csv\"", "file", "\"sub/b.csv\"", NULL);
	t->parameters.list[0].deferred = true;
	params_set(&t->parameters, "secret", "\"c.csv\"", "FILE", NOWHERE);
	estimate();
	is_size(0, 100);
	is_size(1, 123);
	is_size(2, 100);
	is_size(3, 7000);
	is_size(4, 40000);
	is_unknown(5);
	is_size(6, 20);
	ck_assert_double_lt(list[0].seconds, 0);
}
END_TEST

START_TEST(keeps_within_what_can_be_counted)
{
	struct buf text = BUF_INIT;
	struct task *t = add("0", "x", NULL);

	put_file("work/a", 10);
	put_file("work/b", 200);
	/* So many strings are looked at, the long ones not closely. */
	buf_addc(&text, '[');
	for (int i = 0; i < 999; i++)
		buf_addf(&text, "\"none-%d\", ", i);
	buf_adds(&text, "\"a\", \"b\"]");
	params_set(&t->parameters, "list", buf_str(&text), NULL, NOWHERE);
	params_set(&t->parameters, "more", "\"b\"", NULL, NOWHERE);
	text.len = 0;
	buf_addc(&text, '"');
	for (int i = 0; i < 3000; i++)
		buf_adds(&text, "./");
	buf_adds(&text, "b\"");
	t = add("1", "x", "file", "\"a\"", NULL);
	params_set(&t->parameters, "long", buf_str(&text), NULL, NOWHERE);
	estimate();
	is_size(0, 10);
	is_size(1, 10);
	buf_release(&text);
}
END_TEST

START_TEST(makes_sizes_durations)
{
	struct buf text = BUF_INIT;
	double seconds[TASKS];

	put_file("work/10", 10);
	put_file("work/20", 20);
	put_file("work/30", 30);
	put_line(&text, "", "a", "{\"f\": \"10\"}", "succeeded", "10");
	put_line(&text, "", "a", "{\"f\": \"30\"}", "succeeded", "50");
	put_line(&text, "", "b", "{\"f\": \"10\"}", "succeeded", "15");
	put_line(&text, "", "c", "{}", "succeeded", "1000");
	put_journal("nightly-" STAMP, &text);
	add("0", "a", "f", "\"10\"", NULL);
	add("1", "a", "f", "\"30\"", NULL);
	add("2", "b", "f", "\"10\"", NULL);
	add("3", "c", NULL);
	add("4", "a", "f", "\"20\"", NULL);	/* 60 s for 40 bytes of its own */
	add("5", "c", "f", "\"20\"", NULL);	/* there 75 s for 50 bytes of all */
	add("6", "d", NULL);
	estimate();
	is_history(0, 10);
	ck_assert_int_eq(list[0].bytes, 10);
	is_history(1, 50);
	is_history(2, 15);
	is_history(3, 1000);
	is_size(4, 20);
	ck_assert_double_eq_tol(list[4].seconds, 30, 1e-9);
	is_size(5, 20);
	ck_assert_double_eq_tol(list[5].seconds, 30, 1e-9);
	is_unknown(6);
	estimate_weights(list, 7, seconds);
	for (size_t i = 0; i < 6; i++)
		ck_assert_double_eq(seconds[i], list[i].seconds);
	ck_assert_double_lt(seconds[6], 0);
	/* Of its own path alone. */
	text.len = 0;
	put_line(&text, "", "a", "{\"f\": \"10\"}", "succeeded", "10");
	put_line(&text, "", "b", "{\"f\": \"10\"}", "succeeded", "500");
	put_journal("nightly-" STAMP, &text);
	estimate();
	ck_assert_double_eq_tol(list[4].seconds, 20, 1e-9);
	ck_assert_double_eq_tol(list[5].seconds, 20 * 510.0 / 20, 1e-9);
	buf_release(&text);
}
END_TEST

START_TEST(does_not_look_at_files_when_all_is_known)
{
	put_file("work/10", 10);
	add("0", "a", "f", "\"10\"", NULL);
	put_run("nightly-" STAMP, "x", "a", "{\"f\": \"10\"}", "3");
	estimate();
	is_history(0, 3);
	ck_assert_int_eq(list[0].bytes, 0);
}
END_TEST

/* ---- Weights ---- */

START_TEST(weighs_by_bytes)
{
	const struct estimate e[] = {
		{ESTIMATE_SIZE, -1, 500}, {ESTIMATE_UNKNOWN, -1, 0}, {ESTIMATE_SIZE, -1, 100},
		{ESTIMATE_SIZE, -1, INT64_MAX},
	};
	double seconds[4];

	estimate_weights(e, 0, NULL);
	estimate_weights(e, 4, seconds);
	ck_assert_double_eq(seconds[0], 500);
	ck_assert_double_lt(seconds[1], 0);
	ck_assert_double_eq(seconds[2], 100);
	ck_assert_double_gt(seconds[3], 9e18);
}
END_TEST

/* Sizes that say nothing of durations keep their order, before what is unknown, among the others. */
START_TEST(weighs_what_cannot_be_compared)
{
	struct estimate e[] = {
		{ESTIMATE_HISTORY, 10, 0}, {ESTIMATE_SIZE, -1, 300}, {ESTIMATE_SIZE, -1, 100},
		{ESTIMATE_UNKNOWN, -1, 0}, {ESTIMATE_HISTORY, 30, 0},
	};
	double seconds[5];

	estimate_weights(e, 5, seconds);
	ck_assert_double_eq(seconds[0], 10);
	ck_assert_double_eq_tol(seconds[1], 30, 1e-9);
	ck_assert_double_eq_tol(seconds[2], 10, 1e-9);
	ck_assert_double_lt(seconds[3], 0);
	ck_assert_double_eq(seconds[4], 30);
	e[0].seconds = e[4].seconds = 0;
	estimate_weights(e, 5, seconds);
	ck_assert_double_gt(seconds[1], seconds[2]);
	ck_assert_double_gt(seconds[2], 0);
	ck_assert_double_lt(seconds[3], 0);
}
END_TEST

/* ---- Text ---- */

static const struct {
	int64_t bytes;
	const char *text;
} sizes[] = {
	{0, "0 B"}, {-5, "0 B"}, {1, "1 B"}, {512, "512 B"}, {999, "999 B"}, {1000, "1.0 kB"}, {1049, "1.0 kB"},
	{999949, "999.9 kB"}, {999950, "1.0 MB"}, {999999, "1.0 MB"}, {1000000, "1.0 MB"}, {1200000, "1.2 MB"},
	{INT64_C(3400000000), "3.4 GB"}, {INT64_C(999999999999), "1.0 TB"}, {INT64_C(5000000000000000), "5.0 PB"},
	{INT64_MAX, "9.2 EB"},
};

START_TEST(writes_bytes)
{
	char b[ESTIMATE_TEXT];

	ck_assert_str_eq(estimate_bytes_text(sizes[_i].bytes, b), sizes[_i].text);
}
END_TEST

static const struct {
	struct estimate e;
	const char *text;
} texts[] = {
	{{ESTIMATE_HISTORY, 12.34, 0}, "12.3s (earlier run)"},
	{{ESTIMATE_HISTORY, 12.34, 500}, "12.3s (earlier run)"},
	{{ESTIMATE_HISTORY, 0, 0}, "0.0s (earlier run)"},
	{{ESTIMATE_HISTORY, 245, 0}, "4m05s (earlier run)"},
	{{ESTIMATE_SIZE, -1, 1200000}, "1.2 MB"},
	{{ESTIMATE_SIZE, 4, 1200000}, "about 4.0s (1.2 MB)"},
	{{ESTIMATE_UNKNOWN, -1, 0}, "unknown"},
};

START_TEST(writes_estimates)
{
	char b[ESTIMATE_TEXT];

	ck_assert_str_eq(estimate_text(&texts[_i].e, b), texts[_i].text);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

int
main(void)
{
	Suite *suite = suite_create("estimate");
	TCase *tc = tcase_create("estimate");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, enter, leave);
	tcase_add_test(tc, knows_nothing);
	tcase_add_test(tc, finds_path_and_parameters);
	tcase_add_test(tc, finds_by_name_what_is_not_known_yet);
	tcase_add_test(tc, takes_the_newest_success);
	tcase_add_test(tc, leaves_other_folders_alone);
	tcase_add_test(tc, passes_over_what_is_no_journal);
	tcase_add_test(tc, looks_at_so_many_runs);
	tcase_add_test(tc, reads_so_many_bytes);
	tcase_add_test(tc, takes_lines_of_megabytes);
	tcase_add_test(tc, puts_pieces_together);
	tcase_add_test(tc, is_fast);
	tcase_add_test(tc, adds_up_files);
	tcase_add_test(tc, keeps_within_what_can_be_counted);
	tcase_add_test(tc, makes_sizes_durations);
	tcase_add_test(tc, does_not_look_at_files_when_all_is_known);
	tcase_add_test(tc, weighs_by_bytes);
	tcase_add_test(tc, weighs_what_cannot_be_compared);
	tcase_add_loop_test(tc, writes_bytes, 0, COUNT(sizes));
	tcase_add_loop_test(tc, writes_estimates, 0, COUNT(texts));
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
