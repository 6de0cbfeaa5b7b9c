/* What expressions in a workflow look up, where they may stand, and what a notebook is repeated for. */
#include "loading.h"

#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "workflow/status.h"

static void
setup(void)
{
	setenv("SCOPE_TEXT", "a\"b", 1);
	setenv("SCOPE_EMPTY", "", 1);
	setenv("SCOPE_LATIN", "\xe9", 1);
	setenv("SCOPE_SECRET", "hunter2", 1);
	unsetenv("SCOPE_UNSET");
}

/* ---- Values ---- */

START_TEST(evaluates_parameters)
{
	const char *const options[] = {"table=items", "more=\"{{ parameters.table }}!\""};
	const struct overrides o = {.parameters = (char *const *)options, .nparameters = 2};
	static const char text[] =
	    "parameters: {table: orders, n: 3, list: [1, {k: '{{ parameters.n }}'}], file: 'data/{{ parameters.table "
	    "}}.csv'}\n"
	    "defaults: {parameters: {first: '{{ parameters.list[1].k }}', file: 'x/{{ parameters.table }}'},\n"
	    "  env: {TABLE: '{{ parameters.table }}', N: '{{ parameters.n }}', T: 'x{{ parameters.t }}', V: '{{ "
	    "env.SCOPE_TEXT }}'}}\n"
	    "notebooks:\n"
	    "- {path: a.ipynb, parameters: {t: true, own: '{{ parameters.file }}', brace: '{{ \"{{\" }} }}', empty: "
	    "'{{ env.SCOPE_EMPTY }}',\n"
	    "   whole: ' {{ parameters.list }} ', me: '{{ notebook.name }}', nothing: 'a{{ parameters.null }}b', "
	    "'null': ~}}\n";
	struct workflow w;

	load(&w, text);
	check_params(&w.tasks[0].parameters, "{\"table\": \"orders\", \"n\": 3, \"list\": [1, {\"k\": 3}], "
	    "\"file\": \"x/orders\", \"first\": 3, \"t\": true, \"own\": \"x/orders\", \"brace\": \"{{ }}\", "
	    "\"empty\": \"\", "
	    "\"whole\": [1, {\"k\": 3}], \"me\": \"a\", \"nothing\": \"ab\", \"null\": null}");
	check_params(&w.tasks[0].env, "{\"TABLE\": \"orders\", \"N\": \"3\", \"T\": \"xtrue\", \"V\": \"a\\\"b\"}");
	workflow_release(&w);
	/* What the command line says is looked up in place of the file's. */
	load_with(&w, text, &o);
	ck_assert_str_eq(params_find(&w.tasks[0].parameters, "file")->value, "\"x/items\"");
	ck_assert_str_eq(params_find(&w.tasks[0].parameters, "more")->value, "\"items!\"");
	workflow_release(&w);
}
END_TEST

/* Expressions in the values of keys, of every type. */
START_TEST(evaluates_keys)
{
	static const char text[] =
	    "name: 'flow-{{ parameters.day }}'\nparameters: {day: 22, n: 2, yes: true, size: 1G}\nprocesses: '{{ "
	    "parameters.n }}'\n"
	    "on_error: {policy: '{{ parameters.policy }}', after: '{{ parameters.n }}0%'}\ntimeout_seconds: '{{ "
	    "parameters.day }}'\n"
	    "limits: {min_free_memory: '{{ parameters.size }}', max_load: '{{ parameters.n }}'}\n"
	    "pools: {db: '{{ parameters.n }}'}\ntargets: {local: {kernel: 'py{{ parameters.n }}'}}\n"
	    "defaults: {working_directory: 'work/{{ notebook.name }}', pool: '{{ matrix.pool }}', allow_failure: '{{ "
	    "parameters.yes }}',\n"
	    "  retries: '{{ parameters.n }}', retry_on: ['{{ matrix.on }}', E], memory_limit: '{{ parameters.size "
	    "}}'}\n"
	    "notebooks:\n- {path: '{{ matrix.pool }}/x.ipynb', matrix: {pool: [db], on: [kernel, timeout]}, name: '{{ "
	    "matrix.on }}-n',\n"
	    "  depends_on: [], parameters: {policy: 1}}\n";
	const char *const options[] = {"policy=drain"};
	const struct overrides o = {.parameters = (char *const *)options, .nparameters = 1};
	const struct task *t;
	struct workflow w;

	load_with(&w, text, &o);
	ck_assert_str_eq(w.name, "flow-22");
	ck_assert_uint_eq(w.processes, 2);
	ck_assert_int_eq(w.on_error, POLICY_DRAIN);
	ck_assert_double_eq(w.after_percent, 20);
	ck_assert_int_eq(w.timeout, 22 * NSEC_PER_SEC);
	ck_assert_int_eq(w.min_free_memory, 1 << 30);
	ck_assert_double_eq(w.max_load, 2);
	ck_assert_uint_eq(w.pools[0].most, 2);
	ck_assert_str_eq(w.targets[0]->kernel, "py2");
	ck_assert_uint_eq(w.ntasks, 2);
	t = &w.tasks[1];
	ck_assert_str_eq(t->name, "timeout-n");
	ck_assert_str_eq(t->file, "d/db/x.ipynb");
	ck_assert_str_eq(t->working_directory, "d/work/timeout-n");
	ck_assert_uint_eq(t->pool, 0);
	ck_assert(t->allow_failure);
	ck_assert_uint_eq(t->retries, 2);
	ck_assert_uint_eq(t->retry_on.kinds, 1u << ERROR_TIMEOUT);
	ck_assert_int_eq(t->memory_limit, 1 << 30);
	workflow_release(&w);

	/* A value of the wrong type is at the expression. */
	check_wrong("parameters: {n: many, l: [1]}\nprocesses: '{{ parameters.n }}'\nname: '{{ parameters.l "
	    "}}'\nnotebooks: [a.ipynb]\n",
	    "2:12: 'processes' must be a whole number from 1 to 10000, not the text 'many'\n"
	    "3:7: 'name' must be text, not a list\n");
}
END_TEST

/* ---- Faults, and where they are said to be ---- */

static const struct {
	const char *expression, *why;
} faults[] = {
	{"parameters", "write which one: parameters.NAME"},
	{"parameters.nn", "there is no parameter 'nn'"},
	{"parameters.tabel", "there is no parameter 'tabel'; did you mean 'table'?"},
	{"parameters.self", "parameter 'self' is made of itself"},
	{"parameters.secret", "parameter 'secret' is a secret, which can be no part of anything else; write {secret: "
	    "SCOPE_SECRET}"},
	{"parameters.table.x", "'table' is the text 'orders', which has no member 'x'"},
	{"parameters.list[7]", "'list' is a list of 2, it has no element 7"},
	{"item", "there is no 'item': the notebook has no 'for_each'"},
	{"matrix.a", "there is no 'matrix': the notebook has no 'matrix'"},
	{"env", "write which one: env.NAME"},
	{"env.A.B", "write which one: env.NAME"},
	{"env.SCOPE_UNSET", "environment variable 'SCOPE_UNSET' is not set"},
	{"env.SCOPE_LATIN", "environment variable 'SCOPE_LATIN' is not UTF-8"},
	{"run", "of the run there is only run.id"},
	{"run.folder", "of the run there is only run.id"},
	{"run.id.x", "of the run there is only run.id"},
	{"notebook", "of the notebook itself there is only notebook.name"},
	{"notebook.path", "of the notebook itself there is only notebook.name"},
	{"notebooks.x", "write notebooks.NAME.result or notebooks.NAME.values.KEY; notebooks[\"NAME\"] where the name has other "
	    "characters than "
	    "letters, digits, '-' and '_'"},
	{"notebooks.x.status", "write notebooks.NAME.result or notebooks.NAME.values.KEY; notebooks[\"NAME\"] where the name has other "
	    "characters than "
	    "letters, digits, '-' and '_'"},
	{"paramters.x", "there is no 'paramters'; did you mean 'parameters'?"},
	{"blue", "there is no 'blue'; expressions know parameters, item, matrix, env, run.id, notebook.name and "
	    "notebooks"},
};

/* The problem with the expression that is put for "%s" in a workflow. */
static void
check_fault(const char *form, unsigned line, unsigned column, size_t i)
{
	char *text = xasprintf("parameters: {table: orders, list: [1, 2], secret: {secret: SCOPE_SECRET}}\n%s", form);
	char *where = strstr(text, "%s"), *whole, *expected;

	whole = xasprintf("%.*s%s%s", (int)(where - text), text, faults[i].expression, where + 2);
	expected = xasprintf("%u:%u: {{ %s }}: %s\n", line, column, faults[i].expression, faults[i].why);
	check_wrong(whole, expected);
	free(whole);
	free(expected);
	free(text);
}

START_TEST(places_of_faults)
{
	size_t i = (size_t)_i;

	/* In a quoted scalar, in a plain one, in one of several lines, inside of other things. */
	check_fault("notebooks: [{path: a.ipynb, parameters: {self: '{{ %s }}'}}]\n", 2, 49, i);
	check_fault("notebooks: [{path: a.ipynb, parameters: {self: \"{{ 'x' }}{{ %s }}\"}}]\n", 2, 58, i);
	check_fault("notebooks:\n- path: a.ipynb\n  parameters:\n    self: x {{ %s }}\n", 5, 13, i);
	check_fault("notebooks:\n- path: a.ipynb\n  parameters:\n    self: [a, {k: 'x{{ %s }}'}]\n", 5, 21, i);
	check_fault("notebooks:\n- path: a.ipynb\n  parameters:\n    self: |\n      x\n      {{ %s }}\n", 5, 11, i);
	check_fault("notebooks:\n- path: a.ipynb\n  parameters:\n    self: >-\n      \xc3\xa9 {{ %s }}\n", 5, 11, i);
	check_fault("notebooks:\n- path: a.ipynb\n  parameters:\n    self: '\xc3\xa9\xc3\xa9 {{ %s }}'\n", 5, 15, i);
	check_fault("notebooks:\n- path: a.ipynb\n  parameters:\n    self: \"\\u00e9 {{ %s }}\"\n", 5, 11, i);
	if (strcmp(faults[i].expression, "parameters.self") != 0)
		check_fault("notebooks:\n- path: a.ipynb\n  env:\n    A: 'x{{ %s }}'\n", 5, 10, i);
}
END_TEST

START_TEST(refuses_expressions)
{
	/* What is ill-formed is at its braces. */
	check_wrong("notebooks:\n- {path: a.ipynb, parameters: {a: 'x {{ }}', b: '{{ a', c: '${{ a.b }}', d: 'y{{ a..b "
	    "}}'}}\n",
	    "2:38: {{ }}: the expression is empty; there are look-ups such as {{ item.table }}, and braces that are "
	    "meant as text "
	    "are written {{ \"{{\" }}\n"
	    "2:50: {{ a: there is no '}}' that ends the expression; braces that are meant as text are written {{ "
	    "\"{{\" }}\n"
	    "2:62: ${{ a.b }}: an expression begins with '{{', not with '${{': leave out the '$'; where a dollar sign "
	    "is meant to "
	    "stand before the value, write {{ \"$\" }} for it\n"
	    "2:79: {{ a..b }}: expected a name after '.', not '.'; a name with other characters than letters, digits, "
	    "'-' and '_' "
	    "is written [\"...\"]\n");
	/* Where nothing of the run is known yet. */
	check_wrong("name: '{{ run.id }}'\nnotebooks:\n- {path: 'x{{ run.id }}.ipynb', name: a}\n"
	    "- {path: b.ipynb, timeout_seconds: '{{ notebooks.a.result }}', depends_on: ['{{ run.id }}'],\n"
	    "   parameters: {later: '{{ run.id }}', l: ['{{ parameters.later }}']}, pool: '{{ parameters.later }}'}\n"
	    "- {path: c.ipynb, for_each: '{{ notebooks.a.result }}'}\n",
	    "1:7: the value is not known before the run; run.id, notebooks.NAME.result and its values can stand in the parameters "
	    "and variables "
	    "of notebooks alone\n"
	    "3:10: the value is not known before the run; run.id, notebooks.NAME.result and its values can stand in the parameters "
	    "and variables "
	    "of notebooks alone\n"
	    "4:36: the value is not known before the run; run.id, notebooks.NAME.result and its values can stand in the parameters "
	    "and variables "
	    "of notebooks alone\n"
	    "4:76: the value is not known before the run; run.id, notebooks.NAME.result and its values can stand in the parameters "
	    "and variables "
	    "of notebooks alone\n"
	    "5:78: the value is not known before the run; run.id, notebooks.NAME.result and its values can stand in the parameters "
	    "and variables "
	    "of notebooks alone\n"
	    "6:30: {{ notebooks.a.result }}: 'notebooks' is known in the parameters and variables of notebooks "
	    "alone\n");
	/* What is a notebook's cannot be looked up by the workflow, nor a name by itself. */
	check_wrong("name: '{{ notebook.name }}'\nprocesses: '{{ item }}'\nnotebooks:\n- {path: a.ipynb, name: '{{ "
	    "notebook.name }}'}\n"
	    "- {path: '{{ notebook.name }}.ipynb'}\n",
	    "1:8: {{ notebook.name }}: 'notebook' is known in notebooks alone\n"
	    "2:13: {{ item }}: 'item' is known in notebooks alone\n"
	    "4:26: {{ notebook.name }}: the name is made of itself\n"
	    "5:11: {{ notebook.name }}: the name is not known here\n");
	/* Names are no values. */
	check_wrong("notebooks: [{path: a.ipynb, parameters: {'{{ x }}': 1}, env: {'{{ y }}': 1}}]\n",
	    "1:42: parameter '{{ x }}' has an expression in its name; they stand in values alone\n"
	    "1:63: variable '{{ y }}' has an expression in its name; they stand in values alone\n");
	check_wrong("notebooks: [a.ipynb]\nparameters: {a: {{ x }}}\n",
	    "2:18: a key must be text, not a map; quote text that begins with '{', and expressions: "
	    "\"{{ ... }}\"\n");
	check_wrong("notebooks: [a.ipynb]\nparameters: {s: {secret: '{{ env.X }}'}}\n",
	    "2:26: 'secret' of parameter 's' cannot be an expression: it is the name of an environment variable\n");
	/* Longer circles; what has no value for a reason that was said is not said again. */
	check_wrong("notebooks: [a.ipynb, b.ipynb]\nparameters:\n  a: '{{ parameters.b }}'\n  b: 'x{{ parameters.c "
	    "}}'\n"
	    "  c: ['{{ parameters.a }}']\n  d: '{{ parameters.a }}'\n  e: '{{ nothing }}'\n  f: '{{ parameters.e }}'\n",
	    "5:8: {{ parameters.a }}: parameter 'a' is made of itself\n"
	    "7:7: {{ nothing }}: there is no 'nothing'; expressions know parameters, item, matrix, env, run.id, "
	    "notebook.name and "
	    "notebooks\n");
}
END_TEST

/* Values that become too large, or too deep, where they are put. */
START_TEST(limits_values)
{
	struct problems p = PROBLEMS_INIT;
	struct buf b = BUF_INIT;
	struct workflow w;

	buf_adds(&b, "notebooks: [a.ipynb]\nparameters:\n  a: ");
	buf_fill(&b, 'x', 1024 * 1024);
	buf_adds(&b, "\n  b: x");
	for (int i = 0; i < 65; i++)
		buf_adds(&b, "{{ parameters.a }}");
	buf_adds(&b, "\n");
	ck_assert_int_eq(workflow_parse(&w, b.data, b.len, "w", ".", &no_options, &p), -1);
	ck_assert_uint_eq(p.n, 1);
	ck_assert_str_eq(p.list[0].message, "{{ parameters.a }}: with the value put in here, it is larger than 64 MiB; "
	    "put large data into files");
	ck_assert_uint_eq(p.list[0].line, 4);
	problems_release(&p);
	workflow_release(&w);

	/* 60 levels as an item of 60 others fit where JSON is read, but not into a key. */
	buf_reset(&b);
	buf_adds(&b, "parameters:\n  l: ");
	buf_fill(&b, '[', 60);
	buf_fill(&b, ']', 60);
	buf_adds(&b, "\nnotebooks: [{path: a.ipynb, for_each: ");
	buf_fill(&b, '[', 55);
	buf_adds(&b, "'{{ parameters.l }}'");
	buf_fill(&b, ']', 55);
	buf_adds(&b, "}]\n");
	ck_assert_int_eq(workflow_parse(&w, b.data, b.len, "w", ".", &no_options, &p), -1);
	ck_assert_uint_eq(p.n, 1);
	ck_assert_uint_eq(p.list[0].line, 3);
	ck_assert_ptr_nonnull(strstr(p.list[0].message, "64"));
	problems_release(&p);
	workflow_release(&w);
	buf_release(&b);
}
END_TEST

/* Variables are text, whatever makes them. */
START_TEST(variables)
{
	struct workflow w;

	load(&w, "parameters: {n: 1.50, t: true, s: x}\nnotebooks:\n- {path: a.ipynb, env: {A: '{{ parameters.n }}', "
	    "B: '{{ parameters.t }}', C: 1.10, D: '{{ parameters.s }}{{ parameters.n }}', E: yes}}\n");
	check_params(&w.tasks[0].env, "{\"A\": \"1.5\", \"B\": \"true\", \"C\": \"1.10\", \"D\": \"x1.5\", \"E\": "
	    "\"yes\"}");
	workflow_release(&w);
	check_wrong("parameters: {n: ~, l: [1], m: {}}\nnotebooks:\n- {path: a.ipynb, env: {A: '{{ parameters.n }}', "
	    "B: '{{ parameters.l }}', C: '{{ parameters.m }}'}}\n",
	    "3:28: environment variable 'A' must be text, not nothing (null); write '' for an empty one\n"
	    "3:53: environment variable 'B' must be text, not a list\n"
	    "3:78: environment variable 'C' must be text, not a map\n");
}
END_TEST

/* ---- for_each and matrix ---- */

/* The names of all notebooks, and of each its parameter p. */
static void
check_each(const char *text, const char *expected)
{
	struct buf b = BUF_INIT;
	struct workflow w;

	load(&w, text);
	for (size_t i = 0; i < w.ntasks; i++) {
		const struct param *p = params_find(&w.tasks[i].parameters, "p");

		buf_addf(&b, "%s%s%s%s", i > 0 ? "; " : "", w.tasks[i].name, p != NULL ? ": " : "",
		    p != NULL ? p->value : "");
	}
	ck_assert_str_eq(buf_str(&b), expected);
	buf_release(&b);
	workflow_release(&w);
}

START_TEST(goes_over_lists)
{
	check_each("notebooks: [{path: a.ipynb, for_each: [x, 2, ~, {k: v}], parameters: {p: '{{ item }}'}}]",
	    "a-1: \"x\"; a-2: 2; a-3: null; a-4: {\"k\": \"v\"}");
	check_each("notebooks: [{path: a.ipynb, for_each: {list: [x]}, name: n, parameters: {p: '{{ item }}'}}]",
	    "n-1: \"x\"");
	check_each("notebooks: [{path: a.ipynb, for_each: [x, y], name: 'n {{ item }}'}]", "n x; n y");
	check_each("notebooks: [{path: '{{ item }}.ipynb', for_each: [x, sub/y]}]", "x; y");
	check_each("notebooks: [{path: '{{ item }}.ipynb', for_each: [x, sub/y], name: z}]", "z-1; z-2");
	/* Parameters name what is gone over; items look up nothing of themselves. */
	check_each("parameters: {l: [1, 2], k: 3}\nnotebooks: [{path: a.ipynb, for_each: '{{ parameters.l }}', "
	    "parameters: {p: 'i{{ item }}'}}, {path: b.ipynb, for_each: ['{{ parameters.k }}', '{{ \"{{\" }}x'], "
	    "parameters: {p: '{{ item }}'}}]",
	    "a-1: \"i1\"; a-2: \"i2\"; b-1: 3; b-2: \"{{x\"");
	/* Parts of paths. */
	check_each("notebooks: [{path: a.ipynb, for_each: [d/e/f.tar.gz, g, /h, .i, 'd/', {name: own}], "
	    "parameters: {p: '{{ item.name }}'}}]",
	    "a-1: \"f.tar.gz\"; a-2: \"g\"; a-3: \"h\"; a-4: \".i\"; a-5: \"\"; a-6: \"own\"");
	check_each("notebooks: [{path: a.ipynb, for_each: [d/e/f.tar.gz, g, /h, .i], parameters: "
	    "{p: '{{ item.stem }}|{{ item.folder }}'}}]",
	    "a-1: \"f.tar|d/e\"; a-2: \"g|.\"; a-3: \"h|/\"; a-4: \".i|.\"");
	check_each("notebooks: [a.ipynb, {path: b.ipynb, for_each: {list: [], allow_empty: true}}]", "a");
	check_each("notebooks: [{path: b.ipynb, for_each: {list: [], allow_empty: true}}]", "");
}
END_TEST

START_TEST(goes_over_matrices)
{
	check_each("notebooks: [{path: a.ipynb, matrix: {x: [1, 2], y: [u, v], exclude: [{x: 1, y: v}]}, "
	    "parameters: {p: '{{ matrix }}'}}]",
	    "a-1: {\"x\": 1, \"y\": \"u\"}; a-2: {\"x\": 2, \"y\": \"u\"}; a-3: {\"x\": 2, \"y\": \"v\"}");
	check_each("parameters: {l: [1, 2]}\nnotebooks: [{path: a.ipynb, matrix: {x: '{{ parameters.l }}'}, name: 'm{{ "
	    "matrix.x }}', "
	    "parameters: {p: '{{ matrix.x }}'}}]", "m1: 1; m2: 2");
	check_wrong("notebooks:\n- {path: a.ipynb, matrix: {x: [1], exclude: [{x: 1}]}}\n- {path: b.ipynb, matrix: "
	    "[1]}\n"
	    "- {path: c.ipynb, matrix: {x: 1}, for_each: [1]}\n- {path: d.ipynb, matrix: {x: [1]}, parameters: {p: '{{ "
	    "item }}'}}\n",
	    "2:27: exclude leaves nothing of the matrix\n"
	    "3:27: 'matrix' must be a map, not a list\n"
	    "4:27: 'for_each' and 'matrix' at once; a matrix of two lists goes over both\n"
	    "5:54: {{ item }}: there is no 'item': the notebook has no 'for_each'\n");
}
END_TEST

START_TEST(refuses_lists)
{
	check_wrong("notebooks:\n- {path: a.ipynb, for_each: []}\n- {path: b.ipynb, for_each: x}\n- {path: c.ipynb, "
	    "for_each: ~}\n"
	    "- {path: d.ipynb, for_each: {}}\n- {path: e.ipynb, for_each: {list: [1], glob: '*'}}\n"
	    "- {path: f.ipynb, for_each: {lst: [1]}}\n- {path: g.ipynb, for_each: {list: 1}}\n"
	    "- {path: h.ipynb, for_each: {list: []}}\n- {path: i.ipynb, for_each: {glob: ''}}\n"
	    "- {path: j.ipynb, for_each: {list: [1], allow_empty: yes}}\n",
	    "2:29: 'for_each' is empty; write 'for_each: {list: ..., allow_empty: true}' if there may be nothing to "
	    "run\n"
	    "3:29: 'for_each' must be a list, or a map with one of the keys list, glob and file, not the text 'x'\n"
	    "4:29: 'for_each' has no value; write a list, or a map with one of the keys list, glob and file, or leave "
	    "the key out\n"
	    "5:29: 'for_each' must be a list, or a map with one of the keys list, glob and file\n"
	    "6:29: 'for_each' has more than one of the keys list, glob and file\n"
	    "7:29: 'for_each' must be a list, or a map with one of the keys list, glob and file\n"
	    "7:30: unknown key 'lst'; did you mean 'list'?\n"
	    "8:36: 'list' must be a list, not a whole number\n"
	    "9:30: the list is empty; write 'allow_empty: true' if there may be nothing to run\n"
	    "10:36: 'glob' is empty; write text, or leave the key out\n"
	    "11:54: 'allow_empty' is the text 'yes'; write true or false, without quotes\n");
	/* A fault in what all of them have is said once. */
	check_wrong("notebooks:\n- {path: a.ipynb, for_each: [1, 2, 3], parameters: {p: '{{ item.x }}', q: '{{ blue "
	    "}}'}}\n",
	    "2:57: {{ item.x }}: 'item' is the number 1, which has no member 'x'\n"
	    "2:57: {{ item.x }}: 'item' is the number 2, which has no member 'x'\n"
	    "2:57: {{ item.x }}: 'item' is the number 3, which has no member 'x'\n"
	    "2:76: {{ blue }}: there is no 'blue'; expressions know parameters, item, matrix, env, run.id, "
	    "notebook.name and "
	    "notebooks\n");
	/* Names that are the same, or unfit. */
	check_wrong("notebooks:\n- {path: a.ipynb, for_each: [x, a/b, x, ''], name: '{{ item }}'}\n",
	    "2:52: name 'a/b' holds a '/'; files are named by it\n"
	    "2:52: two of the notebooks that are made here would be named 'x'; let the name tell them apart, such as "
	    "by another part of {{ item }} or {{ matrix }}\n"
	    "2:52: 'name' is empty; write text, or leave the key out\n");
	check_wrong("notebooks:\n- {path: '{{ item }}', for_each: [x.ipynb, y.txt, 1]}\n",
	    "2:10: 'y.txt' is no notebook: its name must end in .ipynb, .py, .sql, .r or .scala\n"
	    "2:10: '1' is no notebook: its name must end in .ipynb, .py, .sql, .r or .scala\n");
}
END_TEST

/* Files are seen from the workflow's folder. */
START_TEST(goes_over_files)
{
	static const char csv[] = "table,n\norders,1\n\"a,b\",2\n";
	static const char text[] = "notebooks:\n"
	    "- {path: a.ipynb, for_each: {file: rows.csv}, parameters: {p: '{{ item }}'}}\n"
	    "- {path: b.ipynb, for_each: {file: '{{ env.SCOPE_FILE }}'}, parameters: {p: '{{ item.table }}{{ item.n "
	    "}}'}}\n"
	    "- {path: c.ipynb, for_each: {glob: '*.csv'}, parameters: {p: '{{ item }} {{ item.stem }}'}}\n"
	    "- {path: d.ipynb, for_each: {glob: '**/*.xls', allow_empty: true}}\n"
	    "- {path: '{{ item }}', for_each: {glob: 'nb/*.ipynb'}}\n";
	static const char wrong[] = "notebooks:\n- {path: a.ipynb, for_each: {file: empty.csv}}\n"
	    "- {path: b.ipynb, for_each: {glob: '*.xls'}}\n- {path: c.ipynb, for_each: {file: none.csv}}\n"
	    "- {path: d.ipynb, for_each: {file: [1]}}\n";
	char folder[] = "/tmp/check_scope.XXXXXX", *path, *found;
	struct problems p = PROBLEMS_INIT;
	struct workflow w;
	int result;

	setenv("SCOPE_FILE", "rows.jsonl", 1);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	path = file_join(folder, "rows.csv");
	ck_assert_int_eq(file_replace(path, csv, strlen(csv)), 0);
	free(path);
	path = file_join(folder, "rows.jsonl");
	ck_assert_int_eq(file_replace(path, "{\"table\": \"t\", \"n\": 5}\n\n", 24), 0);
	free(path);
	path = file_join(folder, "nb");
	ck_assert_int_eq(file_mkdirs(path), 0);
	free(path);
	path = file_join(folder, "nb/one.ipynb");
	ck_assert_int_eq(file_replace(path, "", 0), 0);
	free(path);

	result = workflow_parse(&w, text, strlen(text), "w.yaml", folder, &no_options, &p);
	found = listed(&p, "w.yaml");
	ck_assert_msg(result == 0, "%s", found);
	free(found);
	ck_assert_uint_eq(w.ntasks, 5);
	check_params(&w.tasks[1].parameters, "{\"p\": {\"table\": \"a,b\", \"n\": \"2\"}}");
	check_params(&w.tasks[2].parameters, "{\"p\": \"t5\"}");
	check_params(&w.tasks[3].parameters, "{\"p\": \"rows.csv rows\"}");
	ck_assert_str_eq(w.tasks[4].name, "one");
	ck_assert_str_eq(w.tasks[4].path, "nb/one.ipynb");
	workflow_release(&w);

	path = file_join(folder, "empty.csv");
	ck_assert_int_eq(file_replace(path, "a,b\n", 4), 0);
	free(path);
	ck_assert_int_eq(workflow_parse(&w, wrong, strlen(wrong), "w.yaml", folder, &no_options, &p), -1);
	ck_assert_uint_eq(p.n, 4);
	ck_assert_str_eq(p.list[0].message, "the file has no rows; write 'allow_empty: true' if there may be nothing "
	    "to run");
	ck_assert_uint_eq(p.list[0].line, 2);
	ck_assert_uint_eq(p.list[0].column, 36);
	ck_assert_str_eq(p.list[1].message, "no file matches the pattern; write 'allow_empty: true' if there may be "
	    "nothing to run");
	ck_assert_uint_eq(p.list[1].line, 3);
	ck_assert_uint_eq(p.list[2].line, 4);
	ck_assert_ptr_nonnull(strstr(p.list[2].message, "No such file or directory"));
	ck_assert_str_eq(p.list[3].message, "'file' must be text, not a list");
	problems_release(&p);
	workflow_release(&w);
	ck_assert_int_eq(file_remove_tree(folder), 0);
}
END_TEST

/* The seconds of CPU for a for_each of n items that use every kind of value. */
static double
time_items(int n)
{
	struct buf b = BUF_INIT;
	struct workflow w;
	clock_t start;
	double seconds;

	buf_adds(&b, "parameters: {a: 1, b: '{{ parameters.a }}'}\nnotebooks:\n- path: a.ipynb\n  name: n{{ item }}\n"
	    "  parameters: {p: '{{ item }}-{{ parameters.b }}', run: '{{ run.id }}'}\n  env: {A: 'x{{ item }}'}\n  "
	    "for_each: [0");
	for (int i = 1; i < n; i++)
		buf_addf(&b, ", %d", i);
	buf_adds(&b, "]\n");
	start = clock();
	load(&w, buf_str(&b));
	seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
	ck_assert_uint_eq(w.ntasks, (size_t)n);
	check_params(&w.tasks[9].parameters, "{\"a\": 1, \"b\": 1, \"p\": \"9-1\", \"run\": \"{{ run.id }}\"}");
	workflow_release(&w);
	buf_release(&b);
	return seconds;
}

START_TEST(many_items)
{
	ck_assert_double_lt(time_items(10000), 30 * time_items(1000) + 0.1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("scope");
	TCase *tc = tcase_create("scope");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, evaluates_parameters);
	tcase_add_test(tc, evaluates_keys);
	tcase_add_loop_test(tc, places_of_faults, 0, (int)(sizeof(faults) / sizeof(faults[0])));
	tcase_add_test(tc, refuses_expressions);
	tcase_add_test(tc, limits_values);
	tcase_add_test(tc, variables);
	tcase_add_test(tc, goes_over_lists);
	tcase_add_test(tc, goes_over_matrices);
	tcase_add_test(tc, refuses_lists);
	tcase_add_test(tc, goes_over_files);
	tcase_add_test(tc, many_items);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
