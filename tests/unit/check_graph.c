/* Dependencies of notebooks, and what is selected. */
#include "loading.h"

#include <stdbool.h>
#include <time.h>

#include "workflow/model.h"

/* "a <- b c; d" and so on: the tasks with what they depend on, in order. */
static void
check_edges(const struct workflow *w, const char *expected)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < w->ntasks; i++) {
		const struct task *t = &w->tasks[i];

		buf_addf(&b, "%s%s", i > 0 ? "; " : "", t->name);
		for (size_t k = 0; k < t->ndepends_on; k++)
			buf_addf(&b, "%s%s", k > 0 ? " " : " <- ", w->tasks[t->depends_on[k]].name);
	}
	ck_assert_str_eq(buf_str(&b), expected);
	buf_release(&b);
}

/* Notebooks in short: "b: a, c" is one named b that depends on a and c. The caller's to free. */
static char *
workflow_of(const char *const *notebooks, size_t n)
{
	struct buf b = BUF_INIT;

	buf_adds(&b, "notebooks:\n");
	for (size_t i = 0; i < n; i++) {
		const char *colon = strchr(notebooks[i], ':');

		if (colon == NULL)
			buf_addf(&b, "- {path: x.ipynb, name: %s}\n", notebooks[i]);
		else
			buf_addf(&b, "- {path: x.ipynb, name: %.*s, depends_on: [%s]}\n", (int)(colon - notebooks[i]),
			    notebooks[i], colon + 1);
	}
	return buf_steal(&b);
}

#define WORKFLOW(...) workflow_of((const char *const[]){__VA_ARGS__}, \
	sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static void
check_graph(char *text, const char *expected)
{
	struct workflow w;

	load(&w, text);
	check_edges(&w, expected);
	workflow_release(&w);
	free(text);
}

static void
check_graph_wrong(char *text, const char *expected)
{
	check_wrong(text, expected);
	free(text);
}

START_TEST(finds_dependencies)
{
	struct workflow w;

	check_graph(WORKFLOW("a", "b"), "a; b");
	/* Sorted, each once, also on what comes later. */
	check_graph(WORKFLOW("a: c, b, c", "b", "c: b"), "a <- b c; b; c <- b");
	/* A notebook that is waited for in several ways. */
	check_graph(WORKFLOW("a", "b: a", "c: a", "d: c, b, a"), "a; b <- a; c <- a; d <- a b c");
	load(&w, "notebooks: [{path: x.ipynb, name: a}, {path: b.ipynb, depends_on: a}, {path: c.ipynb, depends_on: "
	    "[]}]");
	check_edges(&w, "a; b <- a; c");
	workflow_release(&w);
	/* Of defaults: all that have none of their own. */
	load(&w, "defaults: {depends_on: '[b-z]', run_if: all_done}\nnotebooks:\n- {path: a.ipynb, depends_on: []}\n- "
	    "b.ipynb\n"
	    "- {path: c.ipynb, depends_on: a, run_if: none_failed}\n- {path: 1.ipynb}\n- {path: x.ipynb, name: Q, "
	    "depends_on: '1'}\n");
	check_edges(&w, "a; b <- c; c <- a; 1 <- b c; Q <- 1");
	workflow_release(&w);
}
END_TEST

START_TEST(globs)
{
	struct workflow w;

	check_graph(WORKFLOW("load-1", "load-2", "loads", "sum: load-*", "all: '*'"),
	    "load-1; load-2; loads; sum <- load-1 load-2; all <- load-1 load-2 loads sum");
	check_graph(WORKFLOW("l1", "l2", "l3", "x: 'l[13]', l?"), "l1; l2; l3; x <- l1 l2 l3");
	/* A glob leaves out the notebook itself, a name does not. */
	check_graph(WORKFLOW("a1", "a2: a*"), "a1; a2 <- a1");
	check_graph_wrong(WORKFLOW("a: a"), "2:28: notebooks that wait for each other would wait for ever: a -> a\n");
	/* A name with a glob's characters is that notebook. */
	check_graph(WORKFLOW("'a[1]'", "a1", "b: 'a[1]'"), "a[1]; a1; b <- a[1]");
	check_graph(WORKFLOW("'a*'", "ab", "b: 'a*'"), "a*; ab; b <- a*");
	check_graph_wrong(WORKFLOW("a", "b: 'c*', a, '[', ''"),
	    "3:42: 'c*' matches the name of no notebook\n3:51: '[' matches the name of no notebook\n"
	    "3:56: 'depends_on' is empty; write text, or leave the key out\n");
	/* Those of a for_each, by their pattern or their names. */
	load(&w, "notebooks:\n- {path: a.ipynb, for_each: [1, 2], name: 'a-{{ item }}'}\n"
	    "- {path: b.ipynb, for_each: [1, 2], name: 'b-{{ item }}', depends_on: 'a-{{ item }}'}\n"
	    "- {path: c.ipynb, depends_on: ['a-*', b-2]}\n");
	check_edges(&w, "a-1; a-2; b-1 <- a-1; b-2 <- a-2; c <- a-1 a-2 b-2");
	workflow_release(&w);
	/* A for_each that may be empty makes a glob that may be. */
	load(&w, "notebooks:\n- {path: a.ipynb, for_each: {list: [], allow_empty: true}}\n- {path: b.ipynb, "
	    "depends_on: 'a-*'}\n");
	check_edges(&w, "b");
	workflow_release(&w);
	check_wrong("notebooks:\n- {path: a.ipynb, for_each: {list: [], allow_empty: true}}\n- {path: b.ipynb, "
	    "depends_on: a-1}\n",
	    "3:31: there is no notebook 'a-1'\n");
}
END_TEST

START_TEST(says_which_name_was_meant)
{
	check_graph_wrong(WORKFLOW("load", "sum: laod", "x: nowhere", "y: Load"),
	    "3:44: there is no notebook 'laod'; did you mean 'load'?\n4:42: there is no notebook 'nowhere'\n"
	    "5:42: there is no notebook 'Load'; did you mean 'load'?\n");
	/* Of a for_each: all of them. */
	check_wrong("notebooks:\n- {path: a.ipynb, for_each: [1, 2]}\n- {path: b.ipynb, depends_on: a}\n",
	    "3:31: there is no notebook 'a'; did you mean 'a-*'?\n");
	check_wrong("notebooks:\n- {path: b.ipynb, depends_on: [[a], {b: c}, ~]}\n- {path: c.ipynb, depends_on: ~}\n",
	    "2:32: 'depends_on' must be text, not a list\n2:37: 'depends_on' must be text, not a map\n"
	    "2:45: 'depends_on' has no value; write text, or leave the key out\n"
	    "3:31: 'depends_on' has no value; write text, or leave the key out\n");
	check_wrong("notebooks:\n- {path: b.ipynb, run_if: all_sucess}\n- {path: c.ipynb, run_if: [all_done]}\n",
	    "2:27: run_if is 'all_sucess', which is none of all_success, all_done, at_least_one_success, none_failed, "
	    "at_least_one_failed, all_failed; did you mean 'all_success'?\n"
	    "3:27: 'run_if' must be text, not a list\n");
}
END_TEST

START_TEST(keeps_names_for_attempts)
{
	struct workflow w;

	check_graph_wrong(WORKFLOW("a", "a.attempt2"), "3:25: name 'a.attempt2' is kept for an earlier attempt at "
	    "notebook 'a'; "
	    "give one of them another by the key 'name'\n");
	check_graph_wrong(WORKFLOW("a.attempt12", "a"), "2:25: name 'a.attempt12' is kept for an earlier attempt at "
	    "notebook 'a'; "
	    "give one of them another by the key 'name'\n");
	load(&w, "notebooks: [a.attempt1.ipynb, b.ipynb, b.attempt.ipynb, b.attempts3.ipynb, b-attempt1.ipynb]");
	workflow_release(&w);
}
END_TEST

START_TEST(finds_circles)
{
	check_graph_wrong(WORKFLOW("a: b", "b: a"),
	    "2:28: notebooks that wait for each other would wait for ever: a -> b -> a\n");
	/* The circle alone, not the way to it; every one. */
	check_graph_wrong(WORKFLOW("x: a", "a: b", "b: c", "c: a", "d: e", "e: d, x"),
	    "3:28: notebooks that wait for each other would wait for ever: a -> b -> c -> a\n"
	    "6:28: notebooks that wait for each other would wait for ever: d -> e -> d\n");
	check_graph_wrong(WORKFLOW("a: b, c", "b: a", "c: a"),
	    "2:28: notebooks that wait for each other would wait for ever: a -> b -> a\n"
	    "2:28: notebooks that wait for each other would wait for ever: a -> c -> a\n");
	check_graph_wrong(WORKFLOW("a1: '*'", "a2: '*'"),
	    "2:29: notebooks that wait for each other would wait for ever: a1 -> a2 -> a1\n");
	/* That many ways lead to one is none. */
	check_graph(WORKFLOW("a: b, c", "b: d", "c: d", "d"), "a <- b c; b <- d; c <- d; d");
}
END_TEST

/* n notebooks, each waiting for the next, the last one for that of the number back; with n for none. */
static char *
chain(size_t n, size_t back)
{
	struct buf b = BUF_INIT;

	buf_adds(&b, "notebooks:\n");
	for (size_t i = 0; i < n; i++) {
		size_t on = i + 1 < n ? i + 1 : back;

		buf_addf(&b, "- {path: x.ipynb, name: n%zu", i);
		if (on < n)
			buf_addf(&b, ", depends_on: n%zu", on);
		buf_adds(&b, "}\n");
	}
	return buf_steal(&b);
}

START_TEST(long_circles)
{
	check_graph_wrong(chain(12, 0), "2:29: notebooks that wait for each other would wait for ever: "
	    "n0 -> n1 -> n2 -> n3 -> n4 -> n5 -> n6 -> n7 -> n8 -> n9 -> n10 -> n11 -> n0\n");
	check_graph_wrong(chain(13, 0), "2:29: notebooks that wait for each other would wait for ever: "
	    "n0 -> n1 -> n2 -> n3 -> n4 -> n5 -> ... (1 more) -> n7 -> n8 -> n9 -> n10 -> n11 -> n12 -> n0\n");
	check_graph_wrong(chain(10000, 9), "11:29: notebooks that wait for each other would wait for ever: "
	    "n9 -> n10 -> n11 -> n12 -> n13 -> n14 -> ... (9979 more) -> "
	    "n9994 -> n9995 -> n9996 -> n9997 -> n9998 -> n9999 -> n9\n");
}
END_TEST

/* The seconds of CPU for a chain of n notebooks, of which the first one looks at the last one's result. */
static double
time_chain(size_t n)
{
	char *text = chain(n, n), *with = xasprintf("%s- {path: x.ipynb, name: last, depends_on: n0, "
	    "parameters: {p: '{{ notebooks.n%zu.result }}'}}\n", text, n - 1);
	struct workflow w;
	clock_t start = clock();
	double seconds;

	load(&w, with);
	seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
	ck_assert_uint_eq(w.ntasks, n + 1);
	ck_assert_uint_eq(w.tasks[0].depends_on[0], 1);
	ck_assert_uint_eq(w.tasks[n - 1].ndepends_on, 0);
	workflow_release(&w);
	free(text);
	free(with);
	return seconds;
}

START_TEST(long_chains)
{
	ck_assert_double_lt(time_chain(10000), 30 * time_chain(1000) + 0.1);
}
END_TEST

/* One that all of many wait for, and that waits for many. */
START_TEST(many_edges)
{
	struct buf b = BUF_INIT;
	struct workflow w;
	struct problems p = PROBLEMS_INIT;

	buf_adds(&b, "notebooks:\n- {path: a.ipynb, for_each: [0");
	for (int i = 1; i < 2000; i++)
		buf_addf(&b, ", %d", i);
	buf_adds(&b, "]}\n- {path: b.ipynb, depends_on: 'a-*'}\n- {path: c.ipynb, for_each: [1, 2, 3], depends_on: [b, "
	    "'a-*']}\n");
	load(&w, buf_str(&b));
	ck_assert_uint_eq(w.ntasks, 2004);
	ck_assert_uint_eq(w.tasks[2000].ndepends_on, 2000);
	ck_assert_uint_eq(w.tasks[2003].ndepends_on, 2001);
	workflow_release(&w);

	/* More than anybody can mean: 3000 times 2000. */
	buf_adds(&b, "- path: d.ipynb\n  depends_on: 'a-*'\n  for_each: [0");
	for (int i = 1; i < 3000; i++)
		buf_addf(&b, ", %d", i);
	buf_adds(&b, "]\n");
	ck_assert_int_eq(workflow_parse(&w, b.data, b.len, "w", ".", &no_options, &p), -1);
	ck_assert_uint_eq(p.n, 1);
	ck_assert_str_eq(p.list[0].message, "the notebooks up to this one have more than 4194304 dependencies; "
	    "let one notebook between wait for all of them, and the others for that one");
	ck_assert_uint_eq(p.list[0].line, 6);
	problems_release(&p);
	workflow_release(&w);
	buf_release(&b);
}
END_TEST

/* ---- Selection ---- */

static void
check_selected(const char *text, const char *const *selected, size_t n, const char *expected)
{
	const struct overrides o = {.selected = (char *const *)selected, .nselected = n};
	struct workflow w;

	load_with(&w, text, &o);
	check_edges(&w, expected);
	workflow_release(&w);
}

#define SELECTED(text, expected, ...) check_selected(text, (const char *const[]){__VA_ARGS__}, \
	sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *), expected)

START_TEST(selects)
{
	char *text = WORKFLOW("load-1", "load-2", "spare", "sum: load-*", "'x*': load-2", "report: sum, spare",
	    "end: report");
	const char *const wrong[] = {"sparee", "q*", "load"};
	const struct overrides o = {.selected = (char *const *)wrong, .nselected = 3};
	struct overrides circle = {.selected = (char *const *)wrong, .nselected = 1};

	SELECTED(text, "spare", "spare");
	/* With all that it depends on, at any distance, in the order of the file. */
	SELECTED(text, "load-1; load-2; sum <- load-1 load-2", "sum");
	SELECTED(text, "load-1; load-2; spare; sum <- load-1 load-2; report <- spare sum", "report");
	SELECTED(text, "load-1; load-2", "load-?");
	SELECTED(text, "load-2; spare; x* <- load-2", "x*", "sp*", "spare");
	SELECTED(text, "load-1; load-2; spare; sum <- load-1 load-2; x* <- load-2; report <- spare sum; end <- report",
	    "*");
	check_wrong_with(text, &o, "-: option '--select': there is no notebook 'sparee'; did you mean 'spare'?\n"
	    "-: option '--select': 'q*' matches the name of no notebook\n"
	    "-: option '--select': there is no notebook 'load'; did you mean 'load-*'?\n");
	free(text);
	/* What is wrong with the others is wrong all the same, and nothing else is said then. */
	text = WORKFLOW("a", "b: b", "c: d");
	check_wrong_with(text, &circle, "3:28: notebooks that wait for each other would wait for ever: b -> b\n"
	    "4:42: there is no notebook 'd'\n");
	free(text);
}
END_TEST

/* The parts of the tasks that are not selected are freed, those that are stay whole: with the sanitizers. */
START_TEST(selects_of_many)
{
	struct buf b = BUF_INIT;

	buf_adds(&b, "notebooks:\n");
	for (int i = 0; i < 300; i++)
		buf_addf(&b, "- {path: x.ipynb, name: n%d, parameters: {p: '{{ run.id }}'}, env: {A: b}, retry_on: E, "
		    "depends_on: [%s%d]}\n", i, i >= 2 ? "n" : "", i >= 2 ? i - 2 : 0);
	/* The first two depend on nothing: "0" is not there. */
	b.data[b.len] = '\0';
	for (char *p = b.data; (p = strstr(p, "[0]")) != NULL;)
		p[1] = ' ';
	SELECTED(buf_str(&b), "n0; n2 <- n0; n4 <- n2; n6 <- n4", "n6");
	SELECTED(buf_str(&b), "n0; n1; n2 <- n0; n3 <- n1", "n3", "n2");
	buf_release(&b);
}
END_TEST

/* ---- What expressions look at ---- */

START_TEST(results_of_others)
{
	const char *const options[] = {"p='{{ notebooks.a.result }}'"};
	const struct overrides with = {.parameters = (char *const *)options, .nparameters = 1};
	struct workflow w;
	const struct param *p;

	load(&w, "notebooks:\n- a.ipynb\n- {path: b.ipynb, depends_on: a}\n"
	    "- {path: c.ipynb, depends_on: b, parameters: {x: '{{ notebooks.a.result.n }}', y: ['{{ "
	    "notebooks[\"b\"].result }}'], "
	    "z: '{{ parameters.x }}'}, env: {E: '{{ notebooks.b.result }}', F: '{{ run.id }}'}}\n");
	p = params_find(&w.tasks[2].parameters, "x");
	ck_assert(p->deferred);
	ck_assert_str_eq(p->value, "\"{{ notebooks.a.result.n }}\"");
	ck_assert_uint_eq(p->value_mark.line, 4);
	ck_assert_uint_eq(p->value_mark.column, 51);
	ck_assert(params_find(&w.tasks[2].parameters, "y")->deferred && params_find(&w.tasks[2].parameters,
	    "z")->deferred);
	ck_assert(params_find(&w.tasks[2].env, "E")->deferred && params_find(&w.tasks[2].env, "F")->deferred);
	workflow_release(&w);

	check_wrong("notebooks:\n- {path: a.ipynb, name: load}\n- b c.ipynb\n"
	    "- path: c.ipynb\n  depends_on: load\n  parameters:\n"
	    "    x: '{{ notebooks.b.result }}'\n"
	    "    y: \"{{ notebooks.laod.result }}\"\n"
	    "    z: {k: ['{{ notebooks[\"b c\"].result }}']}\n"
	    "    s: '{{ notebooks.c.result }}'\n"
	    "  env:\n    E: '{{ notebooks.d.result.e }} {{ notebooks.q.result }}'\n",
	    "7:9: {{ notebooks.b.result }}: there is no notebook 'b'\n"
	    "8:9: {{ notebooks.laod.result }}: there is no notebook 'laod'; did you mean 'load'?\n"
	    "9:14: {{ notebooks[\"b c\"].result }}: 'b c' is no dependency of 'c'; add it to 'depends_on'\n"
	    "10:9: {{ notebooks.c.result }}: 'c' is no dependency of 'c'; add it to 'depends_on'\n"
	    "12:9: {{ notebooks.d.result.e }}: there is no notebook 'd'; a name with other characters than letters, "
	    "digits, "
	    "'-' and '_' is written notebooks[\"NAME\"]\n"
	    "12:9: {{ notebooks.q.result }}: there is no notebook 'q'\n");

	/* At the first look-up of a result, in whatever stands before it. */
	check_wrong("notebooks:\n- path: c.ipynb\n  parameters:\n    a: x {{ run.id }} {{ notebooks.q.result }}\n"
	    "    b: |\n      x\n      {{ '{' }} {{ notebooks.q.result }}\n    c: [a, '{{ parameters.a }}', {k: "
	    "\"{{notebooks.q.result}}\"}]\n",
	    "4:23: {{ notebooks.q.result }}: there is no notebook 'q'\n"
	    "5:8: {{ notebooks.q.result }}: there is no notebook 'q'\n"
	    "8:39: {{ notebooks.q.result }}: there is no notebook 'q'\n");
	check_wrong_with("notebooks: [a.ipynb, {path: b.ipynb, depends_on: a}]\n", &with,
	    "-: option '-p p=...': {{ notebooks.a.result }}: 'a' is no dependency of 'a'; add it to 'depends_on'\n");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("graph");
	TCase *tc = tcase_create("graph");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, finds_dependencies);
	tcase_add_test(tc, globs);
	tcase_add_test(tc, says_which_name_was_meant);
	tcase_add_test(tc, keeps_names_for_attempts);
	tcase_add_test(tc, finds_circles);
	tcase_add_test(tc, long_circles);
	tcase_add_test(tc, long_chains);
	tcase_add_test(tc, many_edges);
	tcase_add_test(tc, selects);
	tcase_add_test(tc, selects_of_many);
	tcase_add_test(tc, results_of_others);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
