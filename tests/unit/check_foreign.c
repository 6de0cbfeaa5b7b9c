#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "loading.h"
#include "workflow/foreign.h"
#include "workflow/yaml.h"

static char folder[] = "/tmp/check_foreign.XXXXXX";

static void
in_a_folder(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
}

static void
remove_it(void)
{
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(file_remove_tree(folder), 0);
	memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
}

static void
put_file(const char *path, const char *text)
{
	char *above = file_folder(path);

	ck_assert_int_eq(file_mkdirs(above), 0);
	ck_assert_int_eq(file_replace(path, text, strlen(text)), 0);
	free(above);
}

static struct yaml_node *
convert(const char *text, const char *in, const struct overrides *o, struct problems *p)
{
	struct yaml_node *root = yaml_parse(text, strlen(text), "w.yaml", p), *made;
	bool texts;

	ck_assert_ptr_nonnull(root);
	made = foreign_convert(root, "w.yaml", in, o, &texts, p);
	yaml_node_free(root);	/* what is made must live without it */
	return made;
}

/* What a key of the tree has become, as JSON; the whole tree without a key. */
static void
becomes_with(const char *text, const struct overrides *o, const char *key, const char *expected)
{
	struct problems p = PROBLEMS_INIT;
	struct yaml_node *made = convert(text, ".", o, &p);
	char *problems = listed(&p, "w.yaml");
	struct buf json = BUF_INIT;

	ck_assert_str_eq(problems, "");
	ck_assert_ptr_nonnull(made);
	ck_assert(key == NULL || yaml_get(made, key) != NULL);
	yaml_json(key != NULL ? yaml_get(made, key) : made, &json);
	if (strcmp(buf_str(&json), expected) != 0) {
		fprintf(stderr, "%.3000s\nbecomes\n%.3000s\nand not\n%.3000s\n", text, buf_str(&json), expected);
		ck_abort_msg("it becomes something else");
	}
	buf_release(&json);
	free(problems);
	yaml_node_free(made);
	problems_release(&p);
}

static void
becomes(const char *text, const char *key, const char *expected)
{
	becomes_with(text, &no_options, key, expected);
}

/* What is wrong; and that there is still something to be loaded. */
static void
wrong_with(const char *text, const struct overrides *o, const char *expected)
{
	struct problems p = PROBLEMS_INIT;
	struct yaml_node *made = convert(text, ".", o, &p);
	char *found = listed(&p, "w.yaml");

	if (strcmp(found, expected) != 0) {
		fprintf(stderr, "%.3000s\nhas\n%.3000s\nand not\n%.3000s\n", text, found, expected);
		ck_abort_msg("not these problems, but others");
	}
	ck_assert_ptr_nonnull(made);
	ck_assert_uint_ge(yaml_get(made, "notebooks")->n, 1);
	free(found);
	yaml_node_free(made);
	problems_release(&p);
}

static void
wrong(const char *text, const char *expected)
{
	wrong_with(text, &no_options, expected);
}

/* A job with one task, which has these keys. */
#define JOB(keys) "tasks:\n- task_key: x\n  notebook_task: {notebook_path: x.ipynb}\n  " keys "\n"
#define PARAMETERS(parameters) "tasks:\n- task_key: x\n  notebook_task: {notebook_path: x.ipynb, base_parameters: {" \
	parameters "}}\n"
/* One with a task for each of something. */
#define EACH(keys) "tasks:\n- task_key: x\n  for_each_task:\n    task: {task_key: y, notebook_task: " \
	"{notebook_path: x.ipynb, base_parameters: {p: '{{input}}'}}}\n    " keys "\n"

/* ---- Which files are foreign ---- */

START_TEST(knows_the_forms)
{
	bool texts;
	static const char *const own[] = {
		"notebooks: [a.ipynb]", "{}", "a", "[]", "[1]", "[a.ipynb, {path: b.ipynb}]", "tasks: []", "tasks: [{path: a}]",
		"tasks: {task_key: a}", "settings: {tasks: [a]}", "resources: {pipelines: {}}", "resources: jobs",
		"{notebooks: [a.ipynb], tasks: [{task_key: a}]}", "{notebooks: [a.ipynb], bundle: {}}",
	};
	static const char *const foreign[] = {
		"bundle: {name: a}", "resources: {jobs: {}}", "tasks: [{task_key: a}]", "tasks: [1, {task_key: a}]",
		"settings: {tasks: [{task_key: a}]}", "activities: []", "[a]",
	};
	struct problems p = PROBLEMS_INIT;
	struct yaml_node *made;

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		made = convert(own[i], ".", &no_options, &p);
		ck_assert_msg(made == NULL, "%s is foreign", own[i]);
		ck_assert_uint_eq(p.n, 0);
	}
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		made = convert(foreign[i], ".", &no_options, &p);
		ck_assert_msg(made != NULL, "%s is not foreign", foreign[i]);
		yaml_node_free(made);
	}
	ck_assert_ptr_null(foreign_convert(NULL, "w.yaml", ".", &no_options, &texts, &p));
	problems_release(&p);
}
END_TEST

/* ---- Jobs ---- */

START_TEST(a_job_becomes_a_workflow)
{
	becomes("{\"job_id\": 5, \"settings\": {\"name\": \"nightly\", \"timeout_seconds\": 60, \"format\": \"MULTI_TASK\",\n"
	    "  \"parameters\": [{\"name\": \"day\", \"default\": \"monday\"}],\n"
	    "  \"tasks\": [{\"task_key\": \"a\", \"notebook_task\": {\"notebook_path\": \"/Users/me/a.py\", \"source\": "
	    "\"WORKSPACE\"},\n"
	    "    \"max_retries\": 2, \"min_retry_interval_millis\": 1500, \"retry_on_timeout\": true, \"timeout_seconds\": "
	    "30},\n"
	    "   {\"task_key\": \"b\", \"depends_on\": [{\"task_key\": \"a\"}], \"run_if\": \"AT_LEAST_ONE_FAILED\",\n"
	    "    \"notebook_task\": {\"notebook_path\": \"b.py\", \"base_parameters\": {\"n\": \"5\"}},\n"
	    "    \"existing_cluster_id\": \"c\", \"disabled\": false}]}}", NULL,
	    "{\"name\": \"nightly\", \"timeout_seconds\": 60, \"parameters\": {\"day\": \"monday\"}, "
	    "\"defaults\": {\"retry_delay_seconds\": 0, \"retry_backoff\": 1}, \"pools\": {}, \"notebooks\": ["
	    "{\"name\": \"a\", \"path\": \"/Users/me/a.py\", \"retries\": 2, \"retry_delay_seconds\": 1.5, "
	    "\"timeout_seconds\": 30, "
	    "\"retry_on_timeout\": true}, "
	    "{\"name\": \"b\", \"depends_on\": [\"a\"], \"run_if\": \"at_least_one_failed\", \"path\": \"b.py\", "
	    "\"parameters\": {\"n\": \"5\"}}]}");
}
END_TEST

START_TEST(names_a_job_where_files_can_be_named_so)
{
	becomes("name: '[dev] a/b'\n" JOB(""), NULL, "{\"defaults\": {\"retry_delay_seconds\": 0, \"retry_backoff\": 1}, "
	    "\"pools\": {}, \"notebooks\": [{\"name\": \"x\", \"path\": \"x.ipynb\"}]}");
	becomes("run_name: once\n" JOB(""), "name", "\"once\"");
	becomes("resources: {jobs: {the_key: {name: '${bundle.target} x', tasks: [{task_key: x, notebook_task: "
	    "{notebook_path: x.ipynb}}]}}}", "name", "\"the_key\"");
}
END_TEST

START_TEST(parameters_are_text)
{
	becomes(PARAMETERS("a: 1.10, b: True, c: ~, d: 'x', e: 0x10"), "notebooks", "[{\"name\": \"x\", \"path\": "
	    "\"x.ipynb\", "
	    "\"parameters\": {\"a\": \"1.10\", \"b\": \"true\", \"c\": \"\", \"d\": \"x\", \"e\": \"0x10\"}}]");
	wrong(PARAMETERS("a: [1]"), "3:64: parameter 'a' is a list; parameters of Databricks are text\n");
}
END_TEST

START_TEST(those_of_the_job_win)
{
	becomes("parameters: [{name: day, default: 1}]\n" PARAMETERS("day: '{{job.parameters.day}}', k: "
	    "'{{job.parameters.day}}'"),
	    "notebooks", "[{\"name\": \"x\", \"path\": \"x.ipynb\", \"parameters\": {\"k\": \"{{ parameters.day }}\"}}]");
	wrong("parameters: {day: 1}\n" JOB(""), "1:13: 'parameters' of a job must be a list of maps with 'name' and "
	    "'default', "
	    "not a map\n");
	wrong("parameters: [{name: day}, {name: a, default: 1}, {name: a, default: 2}]\n" JOB(""),
	    "1:14: a parameter of a job must have 'name', which is text, and 'default'\n"
	    "1:57: duplicate key 'a'; it is first at line 1\n");
}
END_TEST

START_TEST(references_become_expressions)
{
	becomes("parameters: [{name: a-b, default: 1}, {name: 'c d', default: 1}]\n"
	    PARAMETERS("p: '{{ job.parameters.a-b }}', q: 'x{{job.parameters.c d}}y', r: '{{job.run_id}}/{{task.name}}', "
	    "s: '${{job.run_id}}'"), "notebooks", "[{\"name\": \"x\", \"path\": \"x.ipynb\", \"parameters\": {"
	    "\"p\": \"{{ parameters.a-b }}\", \"q\": \"x{{ parameters[\\\"c d\\\"] }}y\", "
	    "\"r\": \"{{ run.id }}/{{ notebook.name }}\", \"s\": \"{{ \\\"$\\\" }}{{ run.id }}\"}}]");
}
END_TEST

/* On a workspace every notebook is a run of its own; and parameters are text. */
START_TEST(task_values_are_looked_up_on_this_machine)
{
	becomes(PARAMETERS("p: '{{tasks.a.values.k}}', q: 'x {{ tasks.b c.values.d.e }}'"), "notebooks", "[{\"name\": \"x\", "
	    "\"path\": \"x.ipynb\", \"parameters\": {\"p\": \"{{ notebooks.a.values.k }}{{ \\\"\\\" }}\", "
	    "\"q\": \"x {{ notebooks[\\\"b c\\\"].values[\\\"d.e\\\"] }}{{ \\\"\\\" }}\"}}]");
	wrong(PARAMETERS("p: '{{tasks.values.k}}'"), "3:65: {{tasks.values.k}}: of another task there is "
	    "{{tasks.NAME.values.KEY}} alone, in parameters and on this machine; a workflow of nbfork's own has "
	    "{{ notebooks.NAME.result }}\n");
}
END_TEST

START_TEST(other_references_are_refused_where_they_stand)
{
	wrong(PARAMETERS("p: 'é {{job.start_time.iso_date}}'"), "3:67: {{job.start_time.iso_date}} is known on Databricks "
	    "alone; "
	    "give the parameter a value with -p p=VALUE\n");
	wrong(PARAMETERS("p: '{{tasks.a.result_state}}'"), "3:65: {{tasks.a.result_state}}: of another task there is "
	    "{{tasks.NAME.values.KEY}} alone, in parameters and on this machine; a workflow of nbfork's own has "
	    "{{ notebooks.NAME.result }}\n");
	wrong(PARAMETERS("p: '{{item}} {{ \"{{\" }} {{x'"), "3:65: {{item}} is no reference that is known; there are "
	    "{{job.parameters.NAME}}, {{job.run_id}}, {{task.name}}, and {{input}} in a for_each_task\n"
	    "3:74: {{\"{{\"}} is no reference that is known; there are "
	    "{{job.parameters.NAME}}, {{job.run_id}}, {{task.name}}, and {{input}} in a for_each_task\n"
	    "3:85: '{{' without '}}'\n");
	wrong(PARAMETERS("p: '{{input}}'"), "3:65: {{input}} stands outside of a for_each_task\n");
	wrong(PARAMETERS("p: '{{job.parameters.q}}'"), "3:65: {{job.parameters.q}}: the job has no parameter 'q'\n");
	wrong("tasks: [{task_key: '{{a}}'}, {task_key: b, notebook_task: {notebook_path: '{{task.run_id}}/b'}}]",
	    "1:21: {{a}} is no reference that is known; there are {{job.parameters.NAME}}, {{job.run_id}}, {{task.name}}, and "
	    "{{input}} in a for_each_task\n"
	    "1:76: {{task.run_id}} is known on Databricks alone; write the value itself\n");
}
END_TEST

START_TEST(what_the_command_line_sets_is_not_looked_at)
{
	char *parameters[] = {(char *)"day=1", (char *)"p=2"};
	const struct overrides o = {.parameters = parameters, .nparameters = 2};

	becomes_with("parameters: [{name: day, default: '{{job.start_time.iso_date}}'}]\n"
	    PARAMETERS("p: '{{tasks.a.result_state}}', d: 'x{{job.parameters.day}}'"), &o, NULL,
	    "{\"parameters\": {\"day\": null}, \"defaults\": {\"retry_delay_seconds\": 0, \"retry_backoff\": 1}, \"pools\": "
	    "{}, "
	    "\"notebooks\": [{\"name\": \"x\", \"path\": \"x.ipynb\", \"parameters\": {\"p\": null, "
	    "\"d\": \"x{{ parameters.day }}\"}}]}");
	wrong_with(PARAMETERS("pp: '{{tasks.a.result_state}}'"), &o, "3:66: {{tasks.a.result_state}}: of another task there is "
	    "{{tasks.NAME.values.KEY}} alone, in parameters and on this machine; a workflow of nbfork's own has "
	    "{{ notebooks.NAME.result }}\n");
}
END_TEST

START_TEST(retries_have_their_limits)
{
	becomes(JOB("max_retries: -1"), "notebooks", "[{\"name\": \"x\", \"path\": \"x.ipynb\", \"retries\": 1000}]");
	becomes(JOB("max_retries: 1001"), "notebooks", "[{\"name\": \"x\", \"path\": \"x.ipynb\", \"retries\": 1000}]");
	becomes(JOB("max_retries: 0"), "notebooks", "[{\"name\": \"x\", \"path\": \"x.ipynb\", \"retries\": 0}]");
	wrong(JOB("max_retries: -2"), "4:16: 'max_retries' must be a whole number of at least -1, not -2\n");
	wrong(JOB("max_retries: 1.5"), "4:16: 'max_retries' must be a whole number of at least -1, not 1.5\n");
	wrong(JOB("min_retry_interval_millis: soon"), "4:30: 'min_retry_interval_millis' must be a whole number of at least "
	    "0, "
	    "not the text 'soon'\n");
	wrong(JOB("timeout_seconds: -1"), "4:20: 'timeout_seconds' must be a whole number of at least 0, not -1\n");
	becomes(JOB("timeout_seconds:"), "notebooks", "[{\"name\": \"x\", \"path\": \"x.ipynb\"}]");
}
END_TEST

START_TEST(says_what_is_no_notebook)
{
	wrong("tasks: [{task_key: x, spark_jar_task: {}}, {task_key: y, condition_task: {op: EQUAL_TO}}, {task_key: z}, {a: "
	    "b},\n"
	    "  {task_key: d, disabled: true, notebook_task: {}}, text]",
	    "1:23: task 'x': spark_jar_task is not a notebook; nbfork runs notebooks\n"
	    "1:58: task 'y': condition_task is not a notebook; nbfork runs notebooks\n"
	    "1:91: task 'z' has no notebook_task; nbfork runs notebooks\n"
	    "1:106: key 'task_key' is missing\n"
	    "2:17: task 'd' is disabled; leave it out, or enable it\n"
	    "2:48: task 'd': notebook_task has no notebook_path\n"
	    "2:53: a task must be a map with 'task_key'\n");
	wrong("git_source: {git_url: u}\n" JOB(""),
	    "1:1: notebooks are not fetched from git (git_source); check them out and leave it out\n");
	wrong("tasks: [{task_key: x, notebook_task: {notebook_path: x.ipynb, source: GIT}}]",
	    "1:71: task 'x': notebooks are not fetched from git; check them out and name their files\n");
	wrong("next_page_token: abc\n" JOB(""),
	    "1:1: this is one page of the job alone (next_page_token); put the tasks of all pages into it\n");
	becomes("next_page_token: ''\n" JOB(""), "pools", "{}");
}
END_TEST

START_TEST(misspelt_keys_are_problems)
{
	wrong(JOB("depend_on: []\n  max_runs: 1"), "4:3: unknown key 'depend_on'; did you mean 'depends_on'?\n");
	wrong("parameter: []\n" JOB(""), "1:1: unknown key 'parameter'; did you mean 'parameters'?\n");
	becomes(JOB("something_new: 5"), "notebooks", "[{\"name\": \"x\", \"path\": \"x.ipynb\"}]");
}
END_TEST

START_TEST(dependencies_and_their_faults)
{
	becomes(JOB("depends_on:"), "notebooks", "[{\"name\": \"x\", \"path\": \"x.ipynb\"}]");
	wrong(JOB("depends_on: y"), "4:15: 'depends_on' must be a list of maps with 'task_key', not text\n");
	wrong(JOB("depends_on: [y, {task_key: z, outcome: 'true'}]"),
	    "4:16: each of 'depends_on' must be a map with 'task_key'\n"
	    "4:42: 'outcome' is that of a condition_task, which is not a notebook\n");
	wrong(JOB("run_if: SOMETIMES"), "4:11: run_if is the text 'SOMETIMES', which is none of ALL_SUCCESS, ALL_DONE, NONE_FAILED, "
	    "AT_LEAST_ONE_SUCCESS, AT_LEAST_ONE_FAILED, ALL_FAILED\n");
}
END_TEST

START_TEST(every_run_if_is_known)
{
	static const char *const words[][2] = {
		{"ALL_SUCCESS", "all_success"}, {"ALL_DONE", "all_done"}, {"NONE_FAILED", "none_failed"},
		{"AT_LEAST_ONE_SUCCESS", "at_least_one_success"}, {"AT_LEAST_ONE_FAILED", "at_least_one_failed"},
		{"ALL_FAILED", "all_failed"},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		char *text = xasprintf(JOB("run_if: %s"), words[i][0]);
		char *json = xasprintf("[{\"name\": \"x\", \"run_if\": \"%s\", \"path\": \"x.ipynb\"}]", words[i][1]);

		becomes(text, "notebooks", json);
		free(text);
		free(json);
	}
}
END_TEST

/* ---- for_each_task ---- */

START_TEST(goes_over_inputs)
{
	static const char *const inputs[][2] = {
		{"'[\"a\", 1, {\"k\": [null]}]'", "[\"a\", 1, {\"k\": [null]}]"},
		{"[a, 1]", "[\"a\", 1]"},
		{"'[]'", "[]"},
		{"'{{job.parameters.l}}'", "[7, {\"k\": null}]"},
		{"'[\"{{job.parameters.l}}\"]'", "[\"{{ parameters.l }}\"]"},
	};

	for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
		char *text = xasprintf("parameters: [{name: l, default: '[7, {\"k\": null}]'}]\n" EACH("inputs: %s"), inputs[i][0]);
		char *json = xasprintf("[{\"name\": \"x\", \"for_each\": {\"list\": %s, \"allow_empty\": true}, \"pool\": \"x\", "
		    "\"path\": \"x.ipynb\", \"parameters\": {\"p\": \"{{ item }}{{ \\\"\\\" }}\"}}]", inputs[i][1]);

		becomes(text, "notebooks", json);
		free(text);
		free(json);
	}
	wrong(EACH("inputs: '{\"a\": 1}'"), "5:13: 'inputs' must be a list, or text that is one in JSON, not the text '{\"a\": 1}'\n");
	wrong(EACH("inputs: 5"), "5:13: 'inputs' must be a list, or text that is one in JSON, not 5\n");
	wrong(EACH("inputs: '[\"{{x}}\"]'"), "5:13: {{x}} is no reference that is known; there are {{job.parameters.NAME}}, "
	    "{{job.run_id}}, {{task.name}}, and {{input}} in a for_each_task\n");
	wrong(EACH("concurrency: 2"), "4:5: task 'x': for_each_task has no inputs\n");
}
END_TEST

START_TEST(as_many_at_a_time_as_it_says)
{
	becomes(EACH("inputs: [1]"), "pools", "{\"x\": 1}");
	becomes(EACH("inputs: [1]\n    concurrency: 20"), "pools", "{\"x\": 20}");
	wrong(EACH("inputs: [1]\n    concurrency: 0"), "6:18: 'concurrency' must be a whole number of at least 1, not 0\n");
}
END_TEST

START_TEST(its_parts_and_their_faults)
{
	becomes("tasks: [{task_key: x, timeout_seconds: 0, for_each_task: {inputs: [1], task: {task_key: y, max_retries: 3, "
	    "timeout_seconds: 9, notebook_task: {notebook_path: 'x.ipynb', base_parameters: {a: '{{input.k.l}}-{{input.a "
	    "b}}'}}}}}]",
	    "notebooks", "[{\"name\": \"x\", \"for_each\": {\"list\": [1], \"allow_empty\": true}, \"pool\": \"x\", "
	    "\"path\": \"x.ipynb\", \"parameters\": {\"a\": \"{{ item.k.l }}-{{ item[\\\"a b\\\"] }}{{ \\\"\\\" }}\"}, "
	    "\"retries\": 3, \"timeout_seconds\": 9}]");
	wrong("tasks: [{task_key: x, max_retries: 2, for_each_task: {inputs: [1], task: {task_key: y, for_each_task: {}}}},\n"
	    "  {task_key: z, for_each_task: {inputs: [1], task: {task_key: y, sql_task: {}}}},\n"
	    "  {task_key: v, for_each_task: {inputs: [1]}}, {task_key: w, for_each_task: {inputs: [1], task: {task_key: y}}}]",
	    "1:23: task 'x': max_retries is for each of its notebooks; move it to the task in for_each_task\n"
	    "1:88: task 'x': a for_each_task in another\n"
	    "2:66: task 'z': sql_task is not a notebook; nbfork runs notebooks\n"
	    "3:32: task 'v': for_each_task has no task\n"
	    "3:97: task 'w': its for_each_task has no notebook_task\n");
}
END_TEST

START_TEST(others_wait_for_all_of_them)
{
	becomes(EACH("inputs: [1]") "- {task_key: z, depends_on: [{task_key: x}], run_if: ALL_DONE, "
	    "notebook_task: {notebook_path: z.ipynb}}", "notebooks",
	    "[{\"name\": \"x\", \"for_each\": {\"list\": [1], \"allow_empty\": true}, \"pool\": \"x\", \"path\": \"x.ipynb\", "
	    "\"parameters\": {\"p\": \"{{ item }}{{ \\\"\\\" }}\"}}, {\"name\": \"z\", \"depends_on\": [\"x-[0-9]*\"], "
	    "\"run_if\": \"all_done\", \"path\": \"z.ipynb\"}]");
	wrong(EACH("inputs: [1]") "- {task_key: z, depends_on: [{task_key: x}], run_if: ALL_FAILED, "
	    "notebook_task: {notebook_path: z.ipynb}}", "6:54: run_if ALL_FAILED after a for_each_task: here it would be "
	    "for each "
	    "of its notebooks, and there it is for all of them together\n");
	wrong(EACH("inputs: [1]") "- {task_key: x-2nd, notebook_task: {notebook_path: z.ipynb}}",
	    "6:14: task 'x-2nd' would be taken for one of the notebooks of 'x', which has a for_each_task; give one of them "
	    "another task_key\n");
	becomes(EACH("inputs: []") "- {task_key: x-y2, notebook_task: {notebook_path: z.ipynb}}", "pools", "{\"x\": 1}");
}
END_TEST

/* ---- Bundles ---- */

/* A bundle with one notebook, which has these keys. */
#define BUNDLE(variables, keys) "bundle: {name: demo}\nvariables: {" variables "}\nresources: {jobs: {j: {tasks: [\n" \
	"{task_key: x, notebook_task: {notebook_path: x.ipynb, base_parameters: {p: p}}, " keys "}]}}}\n"
#define PUT_IN(variables, text) "bundle: {name: demo}\nvariables: {" variables "}\nresources: {jobs: {j: {tasks: [\n" \
	"{task_key: x, notebook_task: {notebook_path: x.ipynb, base_parameters: {p: \"" text "\"}}}]}}}\n"
#define IS(value) "[{\"name\": \"x\", \"path\": \"x.ipynb\", \"parameters\": {\"p\": " value "}}]"

START_TEST(variables_are_put_in)
{
	becomes(PUT_IN("a: {default: 1}", "${var.a}"), "notebooks", IS("\"1\""));
	becomes(PUT_IN("a: {default: 1}, b-c: {default: 'x${var.a}'}", "<${var.b-c}|${var.a}|${bundle.name}>"), "notebooks",
	    IS("\"<x1|1|demo>\""));
	becomes(PUT_IN("", "$ ${ ${} ${x ${1} $${} }"), "notebooks", IS("\"$ ${ ${} ${x ${1} $${} }\""));
	becomes(PUT_IN("a: {default: '{{job.run_id}}'}", "${var.a}"), "notebooks", IS("\"{{ run.id }}\""));
	becomes(BUNDLE("a: {default: 7}", "max_retries: '${var.a}', timeout_seconds: '${var.a}'"), "notebooks",
	    "[{\"name\": \"x\", \"path\": \"x.ipynb\", \"parameters\": {\"p\": \"p\"}, \"retries\": 7, \"timeout_seconds\": "
	    "7}]");
	becomes("bundle: {name: b}\nvariables: {l: {type: complex, default: [1, '${var.a}']}, a: {default: z}}\nresources: "
	    "{jobs: "
	    "{j: {tasks: [{task_key: x, for_each_task: {inputs: '${var.l}', task: {task_key: y, notebook_task: "
	    "{notebook_path: x.ipynb}}}}]}}}", "notebooks", "[{\"name\": \"x\", \"for_each\": {\"list\": [1, \"z\"], "
	    "\"allow_empty\": true}, \"pool\": \"x\", \"path\": \"x.ipynb\"}]");
}
END_TEST

START_TEST(variables_of_the_environment_come_first)
{
	setenv("BUNDLE_VAR_a", "from outside", 1);
	setenv("BUNDLE_VAR_n", "12", 1);
	becomes(PUT_IN("a: {default: 1}", "${var.a}"), "notebooks", IS("\"from outside\""));
	becomes(BUNDLE("n: {description: d}", "max_retries: '${var.n}'"), "notebooks",
	    "[{\"name\": \"x\", \"path\": \"x.ipynb\", \"parameters\": {\"p\": \"p\"}, \"retries\": 12}]");
	unsetenv("BUNDLE_VAR_a");
	unsetenv("BUNDLE_VAR_n");
}
END_TEST

START_TEST(variables_and_their_faults)
{
	wrong(PUT_IN("a: {description: d}", "x ${var.a} ${var.b}"),
	    "4:79: ${var.a}: the variable has no default; set BUNDLE_VAR_a in the environment\n");
	wrong(PUT_IN("", "${var.b}"), "4:77: ${var.b}: there is no variable 'b' in this file or the bundle's; if another one has it, set "
	    "BUNDLE_VAR_b in the environment\n");
	wrong(PUT_IN("", "${bundle.target}"), "4:77: ${bundle.target} is known only when the bundle is deployed; write the "
	    "value "
	    "itself, or a variable with a default\n");
	wrong(PUT_IN("", "${workspace.current_user.userName}"), "4:77: ${workspace.current_user.userName} is known only "
	    "when the "
	    "bundle is deployed; write the value itself, or a variable with a default\n");
	wrong(PUT_IN("a: {default: '${var.b}'}, b: {default: '${var.a}'}", "${var.a}"),
	    "4:77: variables stand within each other more than 16 deep\n");
	wrong(PUT_IN("l: {default: [1]}", "x${var.l}"), "4:78: ${var.l} is a list, which cannot be put into a text\n");
	wrong(PUT_IN("l: {default: [1]}", "${var.l}"), "4:76: parameter 'p' is a list; parameters of Databricks are text\n");
	wrong(PUT_IN("a: {default: '{{x}}'}", "  ${var.a}"), "4:76: {{x}} is no reference that is known; there are "
	    "{{job.parameters.NAME}}, {{job.run_id}}, {{task.name}}, and {{input}} in a for_each_task\n");
}
END_TEST

/* Ten variables, each ten times the next one, and each of them a list of ten. */
START_TEST(small_files_do_not_become_large)
{
	struct problems p = PROBLEMS_INIT;
	struct buf text = BUF_INIT;
	struct yaml_node *made;

	for (int list = 0; list < 2; list++) {
		buf_adds(&text, "bundle: {name: b}\nvariables:\n");
		for (int i = 0; i < 10; i++) {
			buf_addf(&text, "  v%d:\n    default: %s", i, list ? "[" : "\"");
			for (int k = 0; k < 10; k++)
				buf_addf(&text, list ? "'${var.v%d}', " : "${var.v%d}", i + 1);
			buf_adds(&text, list ? "x]\n" : "\"\n");
		}
		buf_adds(&text, "  v10: {default: ''}\nresources: {jobs: {j: {tasks: [{task_key: '${var.v0}'}]}}}\n");
		made = convert(buf_str(&text), ".", &no_options, &p);
		ck_assert_ptr_nonnull(made);
		ck_assert_uint_eq(p.n, 1);
		ck_assert_str_eq(p.list[0].message, "variables are put in more than 100000 times; write large values out");
		yaml_node_free(made);
		problems_release(&p);
		p = (struct problems)PROBLEMS_INIT;
		buf_reset(&text);
	}
	buf_release(&text);
}
END_TEST

#define VARYING(base, over) "bundle: {name: b, cluster_id: of-all}\nresources: {jobs: {j: " base "}}\ntargets:\n" \
	"  t: {resources: {jobs: {j: " over "}}}\n  local: {cluster_id: c}\n"
#define TASKS "tasks: [{task_key: x, existing_cluster_id: own, notebook_task: {notebook_path: x.ipynb, base_parameters: {p: 1, q: 2}}}]"

/* Maps are joined, so are items of one name; of all else that of the target counts, where it is not null. */
START_TEST(what_the_target_changes_is_joined)
{
	static const struct overrides of_t = {.target = "t"}, of_local = {.target = "local"};

	becomes_with(VARYING("{" TASKS ", tags: {a: 1, b: 2}, run_as: {user_name: u}}",
	    "{tasks: [{task_key: y, notebook_task: {notebook_path: y.ipynb}}, {task_key: x, max_retries: 3, notebook_task: "
	    "{base_parameters: {q: 3, r: 4}, notebook_path: null}}], tags: {b: 3}, parameters: [{name: n, default: d}], "
	    "queue: {enabled: false}}"), &of_t, NULL,
	    "{\"name\": \"j\", \"parameters\": {\"n\": \"d\"}, \"targets\": {\"t\": {\"type\": \"databricks\", "
	    "\"run_as\": {\"user_name\": \"u\"}, \"tags\": {\"a\": 1, \"b\": 3}, \"queue\": false}}, "
	    "\"defaults\": {\"retry_delay_seconds\": 0, \"retry_backoff\": 1}, \"pools\": {}, \"notebooks\": ["
	    "{\"name\": \"x\", \"path\": \"x.ipynb\", \"parameters\": {\"p\": \"1\", \"q\": \"3\", \"r\": \"4\"}, "
	    "\"compute\": {\"existing_cluster_id\": \"of-all\"}, \"retries\": 3}, "
	    "{\"name\": \"y\", \"path\": \"y.ipynb\", \"compute\": {\"serverless\": true}}]}");
	/* Here it is the default target, which there is none of, and nothing runs elsewhere. */
	becomes_with(VARYING("{" TASKS "}", "{max_concurrent_runs: 3}"), &of_local, "notebooks",
	    "[{\"name\": \"x\", \"path\": \"x.ipynb\", \"parameters\": {\"p\": \"1\", \"q\": \"2\"}}]");
	/* Lists without names are put behind each other. */
	becomes_with("bundle: {name: b}\nresources: {jobs: {j: {tasks: [{task_key: x, libraries: [{whl: a}], notebook_task: "
	    "{notebook_path: x.ipynb}}]}}}\ntargets: {t: {resources: {jobs: {j: {tasks: [{task_key: x, libraries: "
	    "[{whl: b}]}]}}}}}\n", &of_t, "notebooks", "[{\"name\": \"x\", \"path\": \"x.ipynb\", \"compute\": "
	    "{\"serverless\": true, \"libraries\": [{\"whl\": \"a\"}, {\"whl\": \"b\"}]}}]");
}
END_TEST

/* What a workspace takes as it is comes out of the expressions as it is. */
START_TEST(braces_of_a_cluster_are_its_own)
{
	static const struct overrides o = {.target = "databricks"};

	becomes_with("tasks: [{task_key: x, new_cluster: {a: ['{{secrets/s/k}} $${{x}}', {b: '{{'}], n: 1.50, t: true}, "
	    "notebook_task: {notebook_path: /x, base_parameters: {p: 'on {{workspace.id}}'}}}]", &o, "notebooks",
	    "[{\"name\": \"x\", \"path\": \"/x\", \"parameters\": {\"p\": \"on {{ \\\"{{\\\" }}workspace.id}}\"}, "
	    "\"compute\": {\"new_cluster\": {\"a\": [\"{{ \\\"{{\\\" }}secrets/s/k}} ${{ \\\"$\\\" }}{{ \\\"{{\\\" "
	    "}}x}}\", {\"b\": \"{{ \\\"{{\\\" }}\"}], \"n\": 1.5, \"t\": true}}}]");
}
END_TEST

/* A variable may stand for more than a text. */
START_TEST(variables_stand_for_parts_of_a_task)
{
	becomes("bundle: {name: b}\nvariables:\n  task: {default: {notebook_path: x.ipynb, base_parameters: '${var.p}'}}\n"
	    "  p: {default: {a: '${var.v}'}}\n  v: {default: 1}\n  on: {default: [{task_key: first}]}\n  all: {default: null}\n"
	    "resources: {jobs: {j: {tasks: [{task_key: first, notebook_task: {notebook_path: x.ipynb}},\n"
	    "  {task_key: x, notebook_task: '${var.task}', depends_on: '${var.on}', max_retries: '${var.v}'}]}}}\n",
	    "notebooks", "[{\"name\": \"first\", \"path\": \"x.ipynb\"}, {\"name\": \"x\", \"depends_on\": [\"first\"], "
	    "\"path\": \"x.ipynb\", \"parameters\": {\"a\": \"1\"}, \"retries\": 1}]");
	wrong("bundle: {name: b}\nresources: {jobs: {j: {tasks: [{task_key: x, notebook_task: '${var.task}'}]}}}\n",
	    "2:32: task 'x' has no notebook_task; nbfork runs notebooks\n2:62: ${var.task}: there is no variable 'task' in "
	    "this file or the bundle's; if another one has it, set BUNDLE_VAR_task in the environment\n");
}
END_TEST

/* Also where what it is repeated for is a variable, and however many wait for it. */
START_TEST(what_is_repeated_may_be_a_variable)
{
	struct buf text = BUF_INIT;

	becomes("bundle: {name: b}\nvariables:\n  e: {default: {inputs: [], task: {task_key: i, notebook_task: {notebook_path: "
	    "x.ipynb}}}}\n  r: {default: ALL_SUCCESS}\nresources: {jobs: {j: {tasks: [\n"
	    "{task_key: first, notebook_task: {notebook_path: x.ipynb}},\n"
	    "{task_key: fan, for_each_task: '${var.e}', depends_on: [{task_key: first, outcome: null}], run_if: '${var.r}'},\n"
	    "{task_key: last, depends_on: [{task_key: fan}], notebook_task: {notebook_path: x.ipynb}}]}}}\n", "notebooks",
	    "[{\"name\": \"first\", \"path\": \"x.ipynb\"}, {\"name\": \"fan\", \"depends_on\": [\"first\"], \"run_if\": "
	    "\"all_success\", \"for_each\": {\"list\": [], \"allow_empty\": true}, \"pool\": \"fan\", \"path\": "
	    "\"x.ipynb\"}, {\"name\": \"last\", \"depends_on\": [\"fan-[0-9]*\", \"first\"], \"path\": \"x.ipynb\"}]");
	buf_adds(&text, "bundle: {name: b}\nvariables: {l: {default: [0");
	for (int i = 1; i < 900; i++)
		buf_addf(&text, ", %d", i);
	buf_adds(&text, "]}}\nresources: {jobs: {j: {tasks: [\n{task_key: fan, for_each_task: {inputs: '${var.l}', task: "
	    "{task_key: i, notebook_task: {notebook_path: x.ipynb}}}}");
	for (int i = 0; i < 300; i++)
		buf_addf(&text, ",\n{task_key: t%d, depends_on: [{task_key: fan}], notebook_task: {notebook_path: x.ipynb}}", i);
	buf_adds(&text, "]}}}\n");
	wrong(buf_str(&text), "");
	buf_release(&text);
}
END_TEST

/* What comes from the command line or the environment may be nobody's to see. */
START_TEST(what_comes_from_elsewhere_is_not_shown)
{
	static char secret[] = "x=hunter2", *given[] = {secret};
	const struct overrides o = {.parameters = given, .nparameters = 1};
	static const char each[] = "bundle: {name: b}\nvariables: {p: {default: '{{job.parameters.x}}'}, q: {}}\nresources: "
	    "{jobs: {j: {parameters: [{name: x, default: d}], tasks: [\n{task_key: a, for_each_task: {inputs: '${var.%s}', "
	    "task: {task_key: i, notebook_task: {notebook_path: x.ipynb}}}, run_if: '${var.q}'}]}}}\n";
	char *text = xasprintf(each, "p");

	setenv("BUNDLE_VAR_q", "s3cret", 1);
	wrong_with(text, &o, "4:39: 'inputs' must be a list, or text that is one in JSON, not the text that stands for it\n"
	    "4:122: run_if is the text that stands for it, which is none of ALL_SUCCESS, ALL_DONE, NONE_FAILED, "
	    "AT_LEAST_ONE_SUCCESS, AT_LEAST_ONE_FAILED, ALL_FAILED\n");
	free(text);
	text = xasprintf(each, "q");
	wrong_with(text, &o, "4:39: 'inputs' must be a list, or text that is one in JSON, not the text that stands for it\n"
	    "4:122: run_if is the text that stands for it, which is none of ALL_SUCCESS, ALL_DONE, NONE_FAILED, "
	    "AT_LEAST_ONE_SUCCESS, AT_LEAST_ONE_FAILED, ALL_FAILED\n");
	free(text);
	wrong(BUNDLE("", "max_retries: '${var.q}'"), "4:94: 'max_retries' must be a whole number of at least -1, not the text that stands for it\n");
	unsetenv("BUNDLE_VAR_q");
}
END_TEST

START_TEST(a_target_that_the_environment_misspells)
{
	setenv("DATABRICKS_BUNDLE_TARGET", "prodd", 1);
	wrong("bundle: {name: b}\nresources: {jobs: {j: {tasks: [{task_key: x, notebook_task: {notebook_path: x.ipynb}}]}}}\n"
	    "targets: {dev: {default: true}, prod: {}}\n",
	    "-: DATABRICKS_BUNDLE_TARGET is 'prodd', which is no target of the bundle; there are dev, prod\n");
	unsetenv("DATABRICKS_BUNDLE_TARGET");
	wrong("bundle: {name: b}\nresources: {jobs: {j: {tasks: [{task_key: x, notebook_task: {notebook_path: x.ipynb}}]}}}\n"
	    "targets: [dev]\n", "3:1: 'targets' must be a map of names to targets\n");
}
END_TEST

START_TEST(a_bundle_has_one_job)
{
	wrong("bundle: {name: b}\nresources:\n  jobs: {a: {tasks: []}, b: {}}",
	    "3:3: there are 2 jobs, and a workflow is one of them: 'a', 'b'; choose one with --job=NAME\n");
	wrong("bundle: {name: b}", "1:1: the bundle has no job; there is nothing to run\n");
	wrong("bundle: {name: b}\nresources: {jobs: {}}", "2:13: the bundle has no job; there is nothing to run\n");
	wrong("resources: {jobs: {a: {}}}", "1:23: the job has no list of 'tasks'; there is nothing to run\n");
	wrong("resources: {jobs: {a: 5}}", "1:23: a job must be a map with 'tasks', not a whole number\n");
	wrong("bundle: {}\nresource: {}", "1:1: the bundle has no job; there is nothing to run\n"
	    "2:1: unknown key 'resource'; did you mean 'resources'?\n");
}
END_TEST

START_TEST(jobs_of_included_files)
{
	struct problems p = PROBLEMS_INIT;
	struct yaml_node *made;
	struct buf json = BUF_INIT;

	put_file("databricks.yml", "bundle: {name: above}\nvariables: {a: {default: 5}}\ninclude: [resources/*.yml]\n");
	put_file("resources/one.yml", "");
	put_file("resources/two.yml", "");
	wrong("bundle: {name: b}\ninclude: [resources/*.yml, x/*.yml]", "2:1: the jobs of this bundle are in the files that "
	    "it "
	    "includes; run the one with the job: 'resources/one.yml', 'resources/two.yml'\n");
	wrong("bundle: {name: b}\ninclude: [x/*.yml]", "2:1: the jobs of this bundle are in the files that it includes; run "
	    "the one "
	    "with the job\n");

	made = convert("resources: {jobs: {j: {tasks: [{task_key: x, notebook_task: {notebook_path: x.ipynb, base_parameters: "
	    "{p: '${var.a}${bundle.name}'}}}]}}}", "resources", &no_options, &p);
	ck_assert_uint_eq(p.n, 0);
	yaml_json(yaml_get(made, "notebooks"), &json);
	ck_assert_str_eq(buf_str(&json), IS("\"5above\""));
	buf_release(&json);
	yaml_node_free(made);
	problems_release(&p);
}
END_TEST

/* ---- Fabric ---- */

START_TEST(activities_become_notebooks)
{
	becomes("{\"activities\": [\n"
	    "  {\"name\": \"a\", \"path\": \"a.ipynb\", \"timeoutPerCellInSeconds\": 30, \"retry\": 1, "
	    "\"retryIntervalInSeconds\": 10,\n"
	    "   \"args\": {\"n\": 5, \"l\": [true, {\"k\": 1.5}], \"useRootDefaultLakehouse\": true}},\n"
	    "  {\"name\": \"b c\", \"path\": \"b.ipynb\", \"dependencies\": [\"a\"],\n"
	    "   \"args\": {\"r\": \"@activity('a').exitValue()\", \"s\": [\" @activity( \\\"a \\\\ b\\\" ).exitValue() "
	    "\"]}}],\n"
	    " \"timeoutInSeconds\": 100, \"concurrency\": 0, \"refreshInterval\": 3}", NULL,
	    "{\"timeout_seconds\": 100, \"processes\": 2, \"defaults\": {\"cell_timeout_seconds\": 90, "
	    "\"retry_delay_seconds\": 0, "
	    "\"retry_backoff\": 1, \"retry_on_timeout\": true}, \"pools\": {}, \"notebooks\": [{\"name\": \"a\", \"path\": "
	    "\"a.ipynb\", \"cell_timeout_seconds\": 30, \"retries\": 1, \"retry_delay_seconds\": 10, \"parameters\": "
	    "{\"n\": 5, "
	    "\"l\": [true, {\"k\": 1.5}]}, \"depends_on\": []}, {\"name\": \"b c\", \"path\": \"b.ipynb\", \"parameters\": "
	    "{\"r\": \"{{ notebooks.a.result }}\", \"s\": [\"{{ notebooks[\\\"a \\\\\\\\ b\\\"].result }}\"]}, "
	    "\"depends_on\": [\"a\", \"a\", \"a \\\\ b\"]}]}");
	becomes("{activities: [{name: a, path: a.ipynb}], concurrency: 7}", "processes", "7");
	becomes("{activities: [{name: a, path: a.ipynb}]}", "timeout_seconds", "43200");
	becomes("{activities: [{name: a, path: a.ipynb}], concurrency: 0}", "processes", "1");
}
END_TEST

START_TEST(a_list_of_names_is_one)
{
	put_file("c d.ipynb", "");
	put_file("e.py", "");
	becomes("[a.ipynb, c d, e, f]", "notebooks", "[{\"path\": \"a.ipynb\"}, {\"path\": \"c d.ipynb\"}, "
	    "{\"path\": \"e.py\"}, {\"path\": \"f.ipynb\"}]");
	becomes("[a.ipynb]", "defaults", "{\"cell_timeout_seconds\": 90, \"retry_delay_seconds\": 0, \"retry_backoff\": 1, "
	    "\"retry_on_timeout\": true}");
}
END_TEST

START_TEST(activities_and_their_faults)
{
	wrong("activities: {}", "1:13: 'activities' must be a list of notebooks to run\n");
	wrong("{activities: [a, {path: a.ipynb}, {name: b}, {name: c, path: c.ipynb, args: [], dependencies: c}],\n"
	    "timeoutInSeconds: x, concurrency: -1}",
	    "1:15: an activity must be a map with 'name' and 'path'\n"
	    "1:18: key 'name' is missing\n"
	    "1:35: key 'path' is missing; it says which notebook to run\n"
	    "1:77: 'args' must be a map, not a list\n"
	    "1:95: 'dependencies' must be a list of names, not text\n"
	    "2:19: 'timeoutInSeconds' must be a number of at least 0, not the text 'x'\n"
	    "2:35: 'concurrency' must be a whole number of at least 0, not -1\n");
	wrong("activities:\n- name: a\n  path: a.ipynb\n  workspace: other\n  args:\n    b: \"x {{ parameters.a }}\"\n"
	    "    c: \"x @activity('a').exitValue()\"\n    d: {secret: HOME}\n  depndencies: []\n",
	    "4:3: 'workspace': notebooks of other workspaces cannot be run; get the file, and name it as 'path'\n"
	    "6:11: '{{' in a file of Fabric's form: there are no such expressions in it, and as text it would be taken for "
	    "one\n"
	    "7:11: the exit value of an activity must be all of a text in 'args': @activity('NAME').exitValue()\n"
	    "8:8: a map that has the key 'secret' alone would be taken for a secret of nbfork's\n"
	    "9:3: unknown key 'depndencies'; did you mean 'dependencies'?\n");
	becomes("{activities: [{name: a, path: a.ipynb, workspace: ''}]}", "pools", "{}");
}
END_TEST

/* ---- Paths, and where things stand ---- */

START_TEST(finds_the_ending_of_a_path)
{
	put_file("src/a.ipynb", "");
	put_file("src/a.py", "");
	put_file("src/b.py", "");
	becomes("tasks: [{task_key: x, notebook_task: {notebook_path: src/a}}, {task_key: y, notebook_task: {notebook_path: "
	    "./src/b}}, "
	    "{task_key: z, notebook_task: {notebook_path: q.sql}}, {task_key: v, notebook_task: {notebook_path: /Shared/w.py}}]",
	    "notebooks", "[{\"name\": \"x\", \"path\": \"src/a.ipynb\"}, {\"name\": \"y\", \"path\": \"./src/b.py\"}, "
	    "{\"name\": \"z\", \"path\": \"q.sql\"}, {\"name\": \"v\", \"path\": \"/Shared/w.py\"}]");
	becomes("tasks: [{task_key: x, notebook_task: {notebook_path: src/c.v2}}]", "notebooks",
	    "[{\"name\": \"x\", \"path\": \"src/c.v2.ipynb\"}]");
	wrong("tasks: [{task_key: y, notebook_task: {notebook_path: /Shared/w}}]",
	    "1:54: '/Shared/w' is a notebook of the workspace; choose a target with -t, or export it and name the file\n");
	wrong("tasks: [{task_key: y, notebook_task: {notebook_path: ''}}]", "1:54: the path of a notebook is empty\n");
}
END_TEST

START_TEST(values_stand_where_they_stood)
{
	struct problems p = PROBLEMS_INIT;
	struct yaml_node *made = convert("tasks:\n- notebook_task: {notebook_path: é.ipynb, base_parameters: {a: 5, b: "
	    "'{{job.run_id}}'}}\n"
	    "  max_retries: -1\n  task_key: x\n  min_retry_interval_millis: 5\n", ".", &no_options, &p);
	const struct yaml_node *x = yaml_get(made, "notebooks")->items[0], *parameters = yaml_get(x, "parameters");
	static const struct {
		const char *key;
		unsigned line, column, key_line, key_column;
	} marks[] = {
		{"name", 4, 13, 4, 3}, {"path", 2, 34, 2, 34}, {"retries", 3, 16, 3, 3}, {"retry_delay_seconds", 5, 30, 5, 3},
		{"parameters", 2, 60, 2, 43},
	};

	ck_assert_uint_eq(p.n, 0);
	ck_assert_uint_eq(x->mark.line, 2);
	ck_assert_uint_eq(x->mark.column, 3);
	ck_assert_uint_eq(x->n, 5);
	for (size_t i = 0; i < x->n; i++) {
		size_t k = 0;

		while (strcmp(x->keys[k].name, marks[i].key) != 0)
			ck_assert_uint_lt(++k, x->n);
		ck_assert_uint_eq(x->items[k]->mark.line, marks[i].line);
		ck_assert_uint_eq(x->items[k]->mark.column, marks[i].column);
		ck_assert_uint_eq(x->keys[k].mark.line, marks[i].key_line);
		ck_assert_uint_eq(x->keys[k].mark.column, marks[i].key_column);
	}
	ck_assert_uint_eq(parameters->keys[1].mark.column, 67);
	ck_assert_uint_eq(parameters->items[1]->mark.column, 70);
	ck_assert_uint_eq(yaml_get(made, "notebooks")->height, 3);
	yaml_node_free(made);
	problems_release(&p);
}
END_TEST

START_TEST(a_hundred_problems_are_enough)
{
	struct problems p = PROBLEMS_INIT;
	struct buf text = BUF_INIT;
	struct yaml_node *made;

	buf_adds(&text, "tasks:\n");
	for (int i = 0; i < 1000; i++)
		buf_addf(&text, "- {task_key: x%d, sql_task: {}}\n", i);
	made = convert(buf_str(&text), ".", &no_options, &p);
	ck_assert_uint_eq(p.n, 101);
	ck_assert_str_eq(p.list[100].message, "too many problems; the rest is not read");
	ck_assert_uint_eq(yaml_get(made, "notebooks")->n, 1);
	yaml_node_free(made);
	problems_release(&p);
	buf_release(&text);
}
END_TEST

static Suite *
foreign_suite(void)
{
	Suite *s = suite_create("foreign");
	TCase *t = tcase_create("foreign");

	tcase_add_checked_fixture(t, in_a_folder, remove_it);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, knows_the_forms);
	tcase_add_test(t, a_job_becomes_a_workflow);
	tcase_add_test(t, names_a_job_where_files_can_be_named_so);
	tcase_add_test(t, parameters_are_text);
	tcase_add_test(t, those_of_the_job_win);
	tcase_add_test(t, references_become_expressions);
	tcase_add_test(t, task_values_are_looked_up_on_this_machine);
	tcase_add_test(t, other_references_are_refused_where_they_stand);
	tcase_add_test(t, what_the_command_line_sets_is_not_looked_at);
	tcase_add_test(t, retries_have_their_limits);
	tcase_add_test(t, says_what_is_no_notebook);
	tcase_add_test(t, misspelt_keys_are_problems);
	tcase_add_test(t, dependencies_and_their_faults);
	tcase_add_test(t, every_run_if_is_known);
	tcase_add_test(t, goes_over_inputs);
	tcase_add_test(t, as_many_at_a_time_as_it_says);
	tcase_add_test(t, its_parts_and_their_faults);
	tcase_add_test(t, others_wait_for_all_of_them);
	tcase_add_test(t, variables_are_put_in);
	tcase_add_test(t, variables_of_the_environment_come_first);
	tcase_add_test(t, variables_and_their_faults);
	tcase_add_test(t, small_files_do_not_become_large);
	tcase_add_test(t, what_the_target_changes_is_joined);
	tcase_add_test(t, braces_of_a_cluster_are_its_own);
	tcase_add_test(t, variables_stand_for_parts_of_a_task);
	tcase_add_test(t, what_is_repeated_may_be_a_variable);
	tcase_add_test(t, what_comes_from_elsewhere_is_not_shown);
	tcase_add_test(t, a_target_that_the_environment_misspells);
	tcase_add_test(t, a_bundle_has_one_job);
	tcase_add_test(t, jobs_of_included_files);
	tcase_add_test(t, activities_become_notebooks);
	tcase_add_test(t, a_list_of_names_is_one);
	tcase_add_test(t, activities_and_their_faults);
	tcase_add_test(t, finds_the_ending_of_a_path);
	tcase_add_test(t, values_stand_where_they_stood);
	tcase_add_test(t, a_hundred_problems_are_enough);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	SRunner *sr = srunner_create(foreign_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
