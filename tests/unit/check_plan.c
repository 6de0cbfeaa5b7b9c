#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "plan.h"
#include "report/text.h"

#define SECRET "hunter2"
#define WIDE "\xe4\xb8\xad\xe6\x96\x87"	/* two characters of two columns each */
#define COMBINED "e\xcc\x81"

static struct target target = {.name = (char *)"local", .type = (char *)"local"};
static struct workflow workflow;
static struct plan plan;
static struct estimate *estimates;
static size_t *sequence;
static const char **notes;
static bool *kept;
static struct buf text;

/* n notebooks "a", "b", ..., "n26", ..., in the order in which they are written, of which nothing is known. */
static void
make(size_t n)
{
	workflow = (struct workflow){
		.name = xstrdup("nightly"), .file = xstrdup("workflow.yaml"), .processes = 2, .target = &target,
		.tasks = xcalloc(n, sizeof(struct task)), .ntasks = n,
	};
	estimates = xcalloc(n, sizeof(*estimates));
	sequence = xcalloc(n, sizeof(*sequence));
	notes = xcalloc(n, sizeof(*notes));
	kept = xcalloc(n, sizeof(*kept));
	for (size_t i = 0; i < n; i++) {
		struct task *t = &workflow.tasks[i];

		t->name = i < 26 ? xasprintf("%c", 'a' + (char)i) : xasprintf("n%zu", i);
		t->path = xasprintf("%s.ipynb", t->name);
		t->pool = NO_POOL;
		t->target = &target;
		estimates[i].seconds = -1;
		sequence[i] = i;
	}
	plan = (struct plan){&workflow, estimates, sequence, notes, kept};
}

static void
teardown(void)
{
	for (size_t i = 0; i < workflow.ntasks; i++) {
		struct task *t = &workflow.tasks[i];

		free(t->name);
		free(t->path);
		free(t->kernel);
		free(t->working_directory);
		free(t->depends_on);
		params_release(&t->parameters);
	}
	for (size_t i = 0; i < workflow.npools; i++)
		free(workflow.pools[i].name);
	free(workflow.pools);
	free(workflow.tasks);
	free(workflow.name);
	free(workflow.file);
	free(estimates);
	free(sequence);
	free(notes);
	free(kept);
	buf_release(&text);
}

/* Replaces a string. */
static void
set(char **member, const char *s)
{
	free(*member);
	*member = xstrdup(s);
}

static void
name(size_t task, const char *s, const char *path)
{
	set(&workflow.tasks[task].name, s);
	set(&workflow.tasks[task].path, path);
}

static void
parameter(size_t task, const char *s, const char *value, const char *secret)
{
	params_set(&workflow.tasks[task].parameters, s, value, secret, (struct mark){0, 0});
}

/* Ascending calls only. */
static void
depend(size_t task, size_t on)
{
	struct task *t = &workflow.tasks[task];

	t->depends_on = xreallocarray(t->depends_on, t->ndepends_on + 1, sizeof(*t->depends_on));
	t->depends_on[t->ndepends_on++] = on;
}

static void
pool(size_t task, const char *s, unsigned most)
{
	if (workflow.npools == 0) {
		workflow.pools = xcalloc(1, sizeof(*workflow.pools));
		workflow.pools[workflow.npools++] = (struct named_limit){.name = xstrdup(s), .most = most};
	}
	workflow.tasks[task].pool = 0;
}

static void
lasts(size_t task, double seconds)
{
	estimates[task] = (struct estimate){ESTIMATE_HISTORY, seconds, 0};
}

static void
make_three(void)
{
	make(3);
	workflow.order = ORDER_LONGEST_FIRST;
	name(0, "load-orders", "load.ipynb");
	name(1, "load-items", "load.ipynb");
	name(2, "report", "report.ipynb");
	parameter(0, "table", "\"orders\"", NULL);
	parameter(0, "file", "\"data/orders.csv\"", NULL);
	parameter(0, "password", "\"" SECRET "\"", "DB_PASSWORD");
	depend(2, 0);
	depend(2, 1);
	workflow.tasks[2].run_if = RUN_IF_ALL_DONE;
	pool(2, "warehouse", 2);
	lasts(0, 12.3);
	estimates[1] = (struct estimate){ESTIMATE_SIZE, -1, 1200000};
}

static const char *
table(size_t columns)
{
	buf_reset(&text);
	plan_put_table(&plan, columns, false, &text);
	return buf_str(&text);
}

static void
expect_has(const char *s)
{
	ck_assert_msg(strstr(buf_str(&text), s) != NULL, "'%s' is missing in:\n%.2000s", s, buf_str(&text));
}

/* ---- The table ---- */

START_TEST(table_without_limit)
{
	make_three();
	ck_assert_str_eq(table(0),
	    "#  NOTEBOOK     PATH          ESTIMATE             WAITS FOR\n"
	    "1  load-orders  load.ipynb    12.3s (earlier run)  -\n"
	    "     parameters: table: \"orders\", file: \"data/orders.csv\", password: ***\n"
	    "2  load-items   load.ipynb    1.2 MB               -\n"
	    "3  report       report.ipynb  unknown              load-orders, load-items (all_done); pool warehouse\n"
	    "3 notebooks, 2 processes, let-finish, longest-first\n");
	/* Nothing is cut where it just fits. */
	table(101);
	expect_has("; pool warehouse\n");
	table(100);
	expect_has("; pool wareh...\n");
}
END_TEST

/* The numbers are those of the sequence; what is kept has none. */
START_TEST(table_of_a_resumed_run)
{
	make(4);
	for (size_t i = 0; i < 4; i++)
		sequence[i] = 3 - i;
	kept[1] = kept[3] = true;
	notes[3] = "kept: succeeded in run x";
	notes[0] = "runs again: its parameters have changed";
	parameter(0, "p", "1", NULL);
	depend(1, 0);
	lasts(0, 2);
	lasts(1, 100);
	lasts(2, 100);
	ck_assert_str_eq(table(0),
	    "#  NOTEBOOK  PATH     ESTIMATE             WAITS FOR\n"
	    "-  d         d.ipynb  -                    -\n"
	    "     kept: succeeded in run x\n"
	    "1  c         c.ipynb  1m40s (earlier run)  -\n"
	    "-  b         b.ipynb  -                    kept\n"
	    "2  a         a.ipynb  2.0s (earlier run)   -\n"
	    "     runs again: its parameters have changed\n"
	    "     parameters: p: 1\n"
	    "4 notebooks (2 kept), 2 processes, let-finish, as-written; about 1m40s\n");
}
END_TEST

START_TEST(colours)
{
	make(2);
	kept[0] = true;
	notes[0] = "kept: x";
	notes[1] = "runs again";
	parameter(1, "p", "1", NULL);
	plan_put_table(&plan, 0, true, &text);
	ck_assert_str_eq(buf_str(&text),
	    "\033[1m#  NOTEBOOK  PATH     ESTIMATE  WAITS FOR\033[m\n"
	    "\033[2m-  a         a.ipynb  -         -\033[m\n"
	    "\033[2m     kept: x\033[m\n"
	    "1  b         b.ipynb  unknown   -\n"
	    "\033[33m     runs again\033[m\n"
	    "\033[2m     parameters: p: 1\033[m\n"
	    "2 notebooks (1 kept), 2 processes, let-finish, as-written\n");
}
END_TEST

/* The lists may be missing, and so may the notebooks. */
START_TEST(less_is_there)
{
	make(1);
	plan.notes = NULL;
	plan.kept = NULL;
	workflow.processes = 1;
	table(0);
	expect_has("1  a         a.ipynb  unknown   -\n1 notebook, 1 process, let-finish, as-written\n");
	plan_put_json(&plan, &text);
	plan_put_graph(&plan, &text);
	expect_has("\"kept\": false,\n      \"note\": null");
	free(workflow.tasks[0].name);
	free(workflow.tasks[0].path);
	workflow.ntasks = 0;
	ck_assert_str_eq(table(0),
	    "#  NOTEBOOK  PATH  ESTIMATE  WAITS FOR\n0 notebooks, 1 process, let-finish, as-written\n");
}
END_TEST

static void
expect_within(size_t columns)
{
	char *copy = xstrdup(table(columns)), *line = copy;

	for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = '\0';
		ck_assert_msg(text_columns(line) <= columns, "%zu columns are exceeded by: %s", columns, line);
	}
	ck_assert_str_eq(line, "");
	free(copy);
}

START_TEST(every_width)
{
	make_three();
	name(1, "a-name-that-is-rather-long-" WIDE "-" WIDE COMBINED, "a/path/that/is/longer/than/that.ipynb");
	parameter(1, WIDE, "\"" WIDE WIDE WIDE WIDE WIDE WIDE WIDE WIDE WIDE WIDE WIDE WIDE WIDE WIDE WIDE WIDE "\"",
	    NULL);
	parameter(1, "n", "[1, 2, 3]", NULL);
	notes[1] = "runs again: the notebook has changed";
	for (size_t columns = 1; columns <= 200; columns++)
		expect_within(columns);
}
END_TEST

START_TEST(narrow)
{
	make_three();
	ck_assert_str_eq(table(60),
	    "#  NOTEBOOK     PATH         ESTIMATE             WAITS FOR\n"
	    "1  load-orders  load.ipynb   12.3s (earlier run)  -\n"
	    "     parameters: table: \"orders\", file: \"data/orders.csv\",\n"
	    "                 password: ***\n"
	    "2  load-items   load.ipynb   1.2 MB               -\n"
	    "3  report       report.i...  unknown              load-or...\n"
	    "3 notebooks, 2 processes, let-finish, longest-first\n");
}
END_TEST

/* Every parameter is on some line, whole, as long as the width allows for it. */
START_TEST(many_parameters)
{
	make(1);
	for (int i = 0; i < 50; i++) {
		char *s = xasprintf("p%d", i), *value = xasprintf("%d", 1000 + i);

		parameter(0, s, value, NULL);
		free(s);
		free(value);
	}
	for (size_t columns = 30; columns <= 90; columns++) {
		expect_within(columns);
		for (int i = 0; i < 50; i++) {
			char *s = xasprintf(" p%d: %d%s", i, 1000 + i, i < 49 ? "," : "\n");

			expect_has(s);
			free(s);
		}
	}
	table(0);
	expect_has("     parameters: p0: 1000, p1: 1001, ");
	expect_has("p48: 1048, p49: 1049\n");
}
END_TEST

START_TEST(values)
{
	struct buf big = BUF_INIT;

	make(1);
	parameter(0, "n", "null", NULL);
	parameter(0, "list", "[1,  2.50, {\"a\": \"b\\nc\\u001b\\u0041\"}]", NULL);
	parameter(0, "nan", "NaN", NULL);
	parameter(0, "later", "\"{{ notebooks.load.result.rows }}\"", NULL);
	workflow.tasks[0].parameters.list[3].deferred = true;
	parameter(0, "c1", "\"\xc2\x9b\x7f\"", NULL);
	buf_addc(&big, '"');
	buf_fill(&big, 'v', 1000 * 1000);
	buf_addc(&big, '"');
	parameter(0, "big", buf_str(&big), NULL);
	parameter(0, "end", "true", NULL);
	table(0);
	expect_has("parameters: n: null, list: [1, 2.50, {\"a\": \"b\\nc\\u001bA\"}], nan: \"NaN\", "
	    "later: \"{{ notebooks.load.result.rows }}\", c1: \"\\x9b\\x7f\", big: \"vvv");
	expect_has("vvv..., end: true\n");
	ck_assert_uint_lt(text.len, 500);
	buf_release(&big);
}
END_TEST

/* Four names are shown; of more, three and how many others there are. */
START_TEST(dependencies)
{
	make(8);
	for (size_t i = 0; i < 4; i++)
		depend(6, i);
	for (size_t i = 0; i < 5; i++)
		depend(7, i);
	workflow.tasks[7].run_if = RUN_IF_AT_LEAST_ONE_FAILED;
	workflow.tasks[5].run_if = RUN_IF_ALL_DONE;	/* of nothing: not worth a word */
	pool(4, "w\np", 2);
	table(0);
	expect_has("5  e         e.ipynb  unknown   pool w\\x0ap\n");
	expect_has("6  f         f.ipynb  unknown   -\n");
	expect_has("7  g         g.ipynb  unknown   a, b, c, d\n");
	expect_has("8  h         h.ipynb  unknown   a, b, c and 2 more (at_least_one_failed)\n");
}
END_TEST

static void
make_hostile(void)
{
	make(5);
	set(&workflow.name, "w\"\\\n{}");
	name(0, "a\nb\x1b[2Jc", "x\x1b]0;t\x07y.ipynb");
	name(1, "a\\x0ab\\", "q\"\\\".ipynb");
	name(2, WIDE COMBINED "\xe2\x80\xae" "\xff" "\tz", "</table>&lt;.ipynb");
	name(3, "\\N", "\\N\\G.ipynb");
	name(4, "a\\x0ab\\\"]; evil -> node [", "-");
	parameter(0, "p\n\x1b[1m", "\"\\u001b[2J\"", NULL);
	notes[0] = "runs\n\x1b[5magain";
	depend(1, 0);
	depend(2, 1);
	depend(4, 3);
	workflow.tasks[4].run_if = RUN_IF_NONE_FAILED;
}

START_TEST(hostile_table)
{
	make_hostile();
	ck_assert_str_eq(table(0),
	    "#  NOTEBOOK                   PATH                  ESTIMATE  WAITS FOR\n"
	    "1  a\\x0ab\\x1b[2Jc             x\\x1b]0;t\\x07y.ipynb  unknown   -\n"
	    "     runs\\x0a\\x1b[5magain\n"
	    "     parameters: p\\x0a\\x1b[1m: \"\\u001b[2J\"\n"
	    "2  a\\x0ab\\                    q\"\\\".ipynb            unknown   a\\x0ab\\x1b[2Jc\n"
	    "3  " WIDE COMBINED "\\u202e\xef\xbf\xbd\\x09z          </table>&lt;.ipynb    unknown   a\\x0ab\\\n"
	    "4  \\N                         \\N\\G.ipynb            unknown   -\n"
	    "5  a\\x0ab\\\"]; evil -> node [  -                     unknown   \\N (none_failed)\n"
	    "5 notebooks, 2 processes, let-finish, as-written\n");
	for (size_t columns = 1; columns <= 120; columns++)
		expect_within(columns);
}
END_TEST

/* ---- The estimate of the whole ---- */

static void
expect_whole(const char *expected)
{
	const char *at;

	table(0);
	at = strrchr(buf_str(&text), ';');
	ck_assert_str_eq(at != NULL ? at : "", expected);
}

START_TEST(whole_in_parallel)
{
	const double seconds[] = {3, 3, 2, 2, 2};

	make(5);
	for (size_t i = 0; i < 5; i++)
		lasts(i, seconds[i]);
	expect_whole("; about 7.0s\n");	/* 3+2+2 beside 3+2: lists are not always the best */
	workflow.processes = 1;
	expect_whole("; about 12s\n");
	workflow.processes = 100;
	expect_whole("; about 3.0s\n");
	pool(0, "p", 1);
	pool(1, "p", 1);
	expect_whole("; about 6.0s\n");
	estimates[4] = (struct estimate){ESTIMATE_SIZE, 59.7, 100};
	expect_whole("; about 1m00s\n");
	lasts(4, 3661);
	expect_whole("; about 1h01m\n");
}
END_TEST

START_TEST(whole_with_dependencies)
{
	make(4);
	for (size_t i = 0; i < 4; i++)
		lasts(i, 10);
	depend(1, 0);
	depend(2, 1);
	expect_whole("; about 30s\n");
	kept[1] = kept[0] = true;	/* it is waited for no longer */
	expect_whole("; about 10s\n");
	estimates[1].seconds = -1;	/* and nobody asks how long it would have taken */
	expect_whole("; about 10s\n");
	kept[2] = kept[3] = true;
	expect_whole("");
}
END_TEST

START_TEST(whole_where_something_is_unknown)
{
	make(3);
	lasts(0, 1);
	lasts(1, 1);
	depend(2, 0);
	expect_whole("");
	/* One that is there for failures does not run when all goes well. */
	workflow.tasks[2].run_if = RUN_IF_ALL_FAILED;
	expect_whole("; about 1.0s\n");
	estimates[1].seconds = NAN;
	expect_whole("");
}
END_TEST

/* What does not run is over for those that wait for it. */
START_TEST(whole_without_what_is_dropped)
{
	make(3);
	lasts(0, 1);
	lasts(2, 4);
	depend(1, 0);
	workflow.tasks[1].run_if = RUN_IF_AT_LEAST_ONE_FAILED;
	depend(2, 0);
	depend(2, 1);
	workflow.tasks[2].run_if = RUN_IF_NONE_FAILED;
	expect_whole("; about 5.0s\n");
}
END_TEST

START_TEST(whole_of_nonsense)
{
	make(2);
	workflow.processes = 1;
	lasts(0, 1e300);
	lasts(1, INFINITY);
	expect_whole("; about 2562047h47m\n");	/* what a 64 bit number of nanoseconds holds */
}
END_TEST

/* ---- The document ---- */

static struct json
document(void)
{
	struct json v;
	struct json_error e;

	buf_reset(&text);
	plan_put_json(&plan, &text);
	ck_assert_uint_eq(utf8_check(text.data, text.len), text.len);
	if (json_parse(text.data, text.len, &v, &e) == -1)
		ck_abort_msg("%u:%u: %s\n%s", e.line, e.column, e.message, text.data);
	return v;
}

START_TEST(document_of_one)
{
	struct task *t;

	make_three();
	t = &workflow.tasks[2];
	workflow.on_error = POLICY_DRAIN;
	sequence[0] = 2;
	sequence[1] = 0;
	sequence[2] = 1;
	kept[0] = true;
	notes[2] = "runs again";
	t->kernel = xstrdup("ir");
	t->working_directory = xstrdup("work");
	t->priority = -3;
	t->retries = 2;
	t->timeout = 600 * NSEC_PER_SEC;
	t->cell_timeout = NSEC_PER_SEC / 2000;
	estimates[2] = (struct estimate){ESTIMATE_SIZE, 1.23456, 777};
	parameter(2, "n", "[1, NaN]", NULL);
	document();
	expect_has(
	    "{\n"
	    "  \"schema\": \"nbfork.plan/1\",\n"
	    "  \"workflow\": {\n"
	    "    \"name\": \"nightly\",\n"
	    "    \"file\": \"workflow.yaml\"\n"
	    "  },\n"
	    "  \"target\": \"local\",\n"
	    "  \"processes\": 2,\n"
	    "  \"on_error\": \"drain\",\n"
	    "  \"order\": \"longest-first\",\n"
	    "  \"notebooks\": [\n"
	    "    {\n"
	    "      \"position\": null,\n"
	    "      \"name\": \"load-orders\",\n"
	    "      \"path\": \"load.ipynb\",\n"
	    "      \"target\": \"local\",\n"
	    "      \"kernel\": null,\n"
	    "      \"parameters\": {\n"
	    "        \"table\": \"orders\",\n"
	    "        \"file\": \"data/orders.csv\",\n"
	    "        \"password\": \"***\"\n"
	    "      },\n"
	    "      \"depends_on\": [],\n"
	    "      \"run_if\": \"all_success\",\n"
	    "      \"pool\": null,\n"
	    "      \"priority\": 0,\n"
	    "      \"retries\": 0,\n"
	    "      \"timeout_seconds\": null,\n"
	    "      \"cell_timeout_seconds\": null,\n"
	    "      \"working_directory\": null,\n"
	    "      \"estimate\": {\n"
	    "        \"source\": \"history\",\n"
	    "        \"seconds\": 12.300,\n"
	    "        \"bytes\": null\n"
	    "      },\n"
	    "      \"kept\": true,\n"
	    "      \"note\": null\n"
	    "    },\n"
	    "    {\n"
	    "      \"position\": 2,\n");
	expect_has(
	    "        \"source\": \"size\",\n"
	    "        \"seconds\": null,\n"
	    "        \"bytes\": 1200000\n");
	expect_has(
	    "    {\n"
	    "      \"position\": 1,\n"
	    "      \"name\": \"report\",\n"
	    "      \"path\": \"report.ipynb\",\n"
	    "      \"target\": \"local\",\n"
	    "      \"kernel\": \"ir\",\n"
	    "      \"parameters\": {\n"
	    "        \"n\": [\n"
	    "          1,\n"
	    "          \"NaN\"\n"
	    "        ]\n"
	    "      },\n"
	    "      \"depends_on\": [\n"
	    "        \"load-orders\",\n"
	    "        \"load-items\"\n"
	    "      ],\n"
	    "      \"run_if\": \"all_done\",\n"
	    "      \"pool\": \"warehouse\",\n"
	    "      \"priority\": -3,\n"
	    "      \"retries\": 2,\n"
	    "      \"timeout_seconds\": 600.0,\n"
	    "      \"cell_timeout_seconds\": 0.0005,\n"
	    "      \"working_directory\": \"work\",\n"
	    "      \"estimate\": {\n"
	    "        \"source\": \"size\",\n"
	    "        \"seconds\": 1.235,\n"
	    "        \"bytes\": 777\n"
	    "      },\n"
	    "      \"kept\": false,\n"
	    "      \"note\": \"runs again\"\n"
	    "    }\n"
	    "  ]\n"
	    "}\n");
}
END_TEST

START_TEST(hostile_document)
{
	struct json_iter it;
	struct json notebook;
	char *s;

	make_hostile();
	lasts(1, INFINITY);
	lasts(2, NAN);
	parameter(3, "x", "{\"\\ud800\": [Infinity, \"\\udfff\", -Infinity]}", NULL);
	set(&workflow.file, "\xff\x01");
	json_walk(&it, json_get(document(), "notebooks"));
	for (size_t i = 0; json_next(&it, NULL, &notebook); i++) {
		s = json_strdup(json_get(notebook, "name"));
		if (i != 2)	/* which holds an ill-formed byte */
			ck_assert_str_eq(s, workflow.tasks[i].name);
		free(s);
		if (i == 1 || i == 2)
			ck_assert_int_eq(json_type(json_get(json_get(notebook, "estimate"), "seconds")), JSON_NULL);
	}
	expect_has("[\n            \"Infinity\",\n            \"\xef\xbf\xbd\",\n            \"-Infinity\"\n");
	expect_has("\"file\": \"\xef\xbf\xbd\\u0001\"");
	ck_assert_ptr_null(strstr(text.data, "\\ud"));
}
END_TEST

START_TEST(secrets)
{
	make_three();
	parameter(1, "token", "\"" SECRET "\"", "TOKEN");
	params_set(&workflow.tasks[1].env, "KEY", "\"" SECRET "\"", "KEY", (struct mark){0, 0});
	table(0);
	plan_put_table(&plan, 40, true, &text);
	plan_put_json(&plan, &text);
	plan_put_graph(&plan, &text);
	ck_assert_ptr_null(strstr(text.data, SECRET));
	expect_has("token: ***");
	expect_has("\"token\": \"***\"");
	params_release(&workflow.tasks[1].env);
}
END_TEST

/* ---- The graph ---- */

static const char *
graph(void)
{
	buf_reset(&text);
	plan_put_graph(&plan, &text);
	return buf_str(&text);
}

START_TEST(graph_of_three)
{
	make_three();
	set(&workflow.tasks[2].path, "some/where/report.ipynb");
	kept[1] = true;
	ck_assert_str_eq(graph(),
	    "digraph \"nightly\" {\n"
	    "\trankdir=LR;\n"
	    "\tnode [shape=box];\n"
	    "\t\"load-orders\" [label=\"load-orders\\nload.ipynb\"];\n"
	    "\t\"load-items\" [label=\"load-items\\nload.ipynb\", color=gray, fontcolor=gray];\n"
	    "\t\"report\" [label=\"report\"];\n"
	    "\t\"load-orders\" -> \"report\" [style=dashed, label=\"all_done\"];\n"
	    "\t\"load-items\" -> \"report\" [style=dashed, label=\"all_done\"];\n"
	    "}\n");
	workflow.tasks[2].run_if = RUN_IF_ALL_SUCCESS;
	graph();
	expect_has("\t\"load-items\" -> \"report\";\n");
}
END_TEST

START_TEST(hostile_graph)
{
	make_hostile();
	ck_assert_str_eq(graph(),
	    "digraph \"w\\\"\\\\\\x0a{}\" {\n"
	    "\trankdir=LR;\n"
	    "\tnode [shape=box];\n"
	    "\t\"a\\x0ab\\x1b[2Jc\" [label=\"a\\\\x0ab\\\\x1b[2Jc\\nx\\\\x1b]0;t\\\\x07y.ipynb\"];\n"
	    "\t\"a\\\\x0ab\\\\\" [label=\"a\\\\x0ab\\\\\\nq\\\"\\\\\\\".ipynb\"];\n"
	    "\t\"" WIDE COMBINED "\\xe2\\x80\\xae\\xff\\x09z\" "
	    "[label=\"" WIDE COMBINED "\\\\xe2\\\\x80\\\\xae\\\\xff\\\\x09z\\n</table>&amp;lt;.ipynb\"];\n"
	    "\t\"\\\\N\" [label=\"\\\\N\\n\\\\N\\\\G.ipynb\"];\n"
	    "\t\"a\\\\x0ab\\\\\\\"]; evil -> node [\" [label=\"a\\\\x0ab\\\\\\\"]; evil -> node [\\n-\"];\n"
	    "\t\"a\\x0ab\\x1b[2Jc\" -> \"a\\\\x0ab\\\\\";\n"
	    "\t\"a\\\\x0ab\\\\\" -> \"" WIDE COMBINED "\\xe2\\x80\\xae\\xff\\x09z\";\n"
	    "\t\"\\\\N\" -> \"a\\\\x0ab\\\\\\\"]; evil -> node [\" [style=dashed, label=\"none_failed\"];\n"
	    "}\n");
}
END_TEST

static size_t
count(const char *in, const char *s)
{
	size_t n = 0;

	for (; (in = strstr(in, s)) != NULL; in += strlen(s))
		n++;
	return n;
}

#define NO_DOT 127

/* Gives text to dot and keeps what it answers in its place; returns its exit status, NO_DOT where there is none. */
static int
dot(const char *form)
{
	FILE *in = tmpfile(), *out = tmpfile();
	char piece[4096];
	size_t n;
	int status;
	pid_t pid;

	ck_assert_ptr_nonnull(in);
	ck_assert_ptr_nonnull(out);
	ck_assert_uint_eq(fwrite(text.data, 1, text.len, in), text.len);
	ck_assert_int_eq(fflush(in), 0);
	rewind(in);
	pid = fork();
	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		dup2(fileno(in), STDIN_FILENO);
		dup2(fileno(out), STDOUT_FILENO);
		dup2(fileno(out), STDERR_FILENO);	/* a warning is an answer, too */
		execlp("dot", "dot", form, (char *)NULL);
		_exit(NO_DOT);
	}
	while (waitpid(pid, &status, 0) == -1)
		ck_assert_int_eq(errno, EINTR);
	ck_assert(WIFEXITED(status));
	buf_reset(&text);
	rewind(out);
	while ((n = fread(piece, 1, sizeof(piece), out)) > 0)
		buf_add(&text, piece, n);
	fclose(in);
	fclose(out);
	return WEXITSTATUS(status);
}

/* As many nodes and edges as there should be, and nothing to complain about. */
START_TEST(graphviz)
{
	int status;

	if (_i == 0)
		make_three();
	else
		make_hostile();
	graph();
	status = dot("-Tcanon");
	if (status == NO_DOT)
		return;	/* not installed here */
	ck_assert_int_eq(status, 0);
	ck_assert_ptr_null(strstr(text.data, "Warning"));
	ck_assert_ptr_null(strstr(text.data, "Error"));
	graph();
	ck_assert_int_eq(dot("-Tplain"), 0);
	ck_assert_uint_eq(count(text.data, "\nnode "), workflow.ntasks);
	ck_assert_uint_eq(count(text.data, "\nedge "), _i == 0 ? 2 : 3);
	if (_i == 0)
		return;
	/* What is read on the picture: names as they are, not what they could be taken for. */
	graph();
	ck_assert_int_eq(dot("-Tsvg"), 0);
	expect_has(">a\\x0ab\\x1b[2Jc</text>");
	expect_has(">a\\x0ab\\</text>");
	expect_has(">\\N\\G.ipynb</text>");
	expect_has("&lt;/table&gt;&amp;lt;.ipynb</text>");
	expect_has(WIDE COMBINED "\\xe2\\x80\\xae\\xff\\x09z</text>");
}
END_TEST

/* ---- Large ones ---- */

/* A chain, and one that waits for all the others. */
START_TEST(ten_thousand)
{
	const size_t n = 10000;
	clock_t start;

	make(n);
	for (size_t i = 0; i < n; i++) {
		lasts(i, 1);
		if (i < n - 1)
			depend(n - 1, i);
		if (i > 0 && i < n - 1)
			depend(i, i - 1);
		parameter(i, "table", "\"orders\"", NULL);
	}
	start = clock();
	table(80);
	ck_assert_uint_lt(text.len, n * 160);
	expect_has("10000  n9999");
	expect_has("; about 2h46m\n");
	graph();
	ck_assert_uint_lt(text.len, n * 160);
	ck_assert_uint_eq(count(text.data, " -> "), 2 * n - 3);
	document();
	ck_assert_uint_lt(text.len, n * 1024);
	ck_assert_double_lt((double)(clock() - start) / CLOCKS_PER_SEC, 20);	/* of half a second or so */
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("plan");
	TCase *t = tcase_create("table");

	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_add_test(t, table_without_limit);
	tcase_add_test(t, table_of_a_resumed_run);
	tcase_add_test(t, colours);
	tcase_add_test(t, less_is_there);
	tcase_add_test(t, every_width);
	tcase_add_test(t, narrow);
	tcase_add_test(t, many_parameters);
	tcase_add_test(t, values);
	tcase_add_test(t, dependencies);
	tcase_add_test(t, hostile_table);
	suite_add_tcase(s, t);
	t = tcase_create("whole");
	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_add_test(t, whole_in_parallel);
	tcase_add_test(t, whole_with_dependencies);
	tcase_add_test(t, whole_where_something_is_unknown);
	tcase_add_test(t, whole_without_what_is_dropped);
	tcase_add_test(t, whole_of_nonsense);
	suite_add_tcase(s, t);
	t = tcase_create("document");
	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, document_of_one);
	tcase_add_test(t, hostile_document);
	tcase_add_test(t, secrets);
	tcase_add_test(t, graph_of_three);
	tcase_add_test(t, hostile_graph);
	tcase_add_loop_test(t, graphviz, 0, 2);
	tcase_add_test(t, ten_thousand);
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
