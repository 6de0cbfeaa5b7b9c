/* Workflows as saved jobs: their settings, what they cannot express, and what is different from what is there. */
#include "loading.h"

#include "base/json.h"
#include "databricks/difference.h"
#include "databricks/job.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define TARGET "target: prod\ntargets: {prod: {type: databricks}}\n"

static struct workspace ws = {.upload_to = (char *)"/Users/me/x"};

/* The settings of a workflow, their text the caller's to release. */
static struct json
settings_of(const char *text, struct buf *out, bool creating)
{
	struct problems p = PROBLEMS_INIT;
	struct workflow w;

	load(&w, text);
	job_check(&w, &p);
	if (p.n != 0)
		ck_abort_msg("%.2000s", listed(&p, "w.yaml"));
	job_put(out, &w, &ws, creating);
	workflow_release(&w);
	return json_of(buf_str(out));
}

/* The value at a path such as "tasks.0.run_if", as text; "" when there is none. The caller's to free. */
static char *
at(struct json v, const char *path)
{
	char *copy = xstrdup(path), *rest = copy, *part;
	struct buf out = BUF_INIT;
	struct json_iter it;
	struct json item;

	while ((part = strsep(&rest, "/")) != NULL && v.text != NULL) {
		long n = strtol(part, NULL, 10);

		if (json_type(v) != JSON_ARRAY) {
			v = json_get(v, part);
			continue;
		}
		json_walk(&it, v);
		v = JSON_NOTHING;
		for (long i = 0; json_next(&it, NULL, &item); i++)
			if (i == n)
				v = item;
	}
	if (v.text != NULL)
		json_put(&out, v, &JSON_ONE_LINE);
	free(copy);
	return buf_steal(&out);
}

static void
check_at(struct json v, const char *path, const char *expected)
{
	char *found = at(v, path);

	ck_assert_msg(strcmp(found, expected) == 0, "%s is %s, not %s", path, found, expected);
	free(found);
}

/* ---- Settings ---- */

START_TEST(has_tasks)
{
	static const char text[] = TARGET
	    "name: flow\ntimeout_seconds: 0.5\n"
	    "notebooks:\n"
	    "- {path: a/load.ipynb, for_each: ['x y', z], name: 'load-{{ item }}', timeout_seconds: 1.2, retries: 3,\n"
	    "   retry_delay_seconds: 2.5, retry_on_timeout: true}\n"
	    "- {path: ./b.py, depends_on: 'load-*', run_if: at_least_one_failed, parameters: {s: t, n: 5, l: [1, "
	    "'b'], 'null': ~,\n"
	    "   run: '{{ run.id }}', in: ['{{ run.id }}/{{ parameters.n }}'], again: '{{ parameters.in[0] }}', "
	    "braces: '{{ \"{{\" }}x}}'}}\n"
	    "- {path: /Shared/there, depends_on: b}\n";
	struct buf out = BUF_INIT;
	struct json v = settings_of(text, &out, true);

	check_at(v, "name", "\"flow\"");
	check_at(v, "timeout_seconds", "1");
	check_at(v, "max_concurrent_runs", "1");
	check_at(v, "queue", "{\"enabled\": true}");
	check_at(v, "schedule", "");
	check_at(v, "job_clusters", "");
	check_at(v, "tasks/0/task_key", "\"load-x_y\"");
	check_at(v, "tasks/1/task_key", "\"load-z\"");
	check_at(v, "tasks/0/notebook_task", "{\"notebook_path\": \"/Users/me/x/a/load\", \"source\": \"WORKSPACE\", "
	    "\"base_parameters\": {}}");
	check_at(v, "tasks/0/timeout_seconds", "2");
	check_at(v, "tasks/0/max_retries", "3");
	check_at(v, "tasks/0/min_retry_interval_millis", "2500");
	check_at(v, "tasks/0/retry_on_timeout", "true");
	check_at(v, "tasks/0/depends_on", "");
	check_at(v, "tasks/0/run_if", "");
	check_at(v, "tasks/2/depends_on", "[{\"task_key\": \"load-x_y\"}, {\"task_key\": \"load-z\"}]");
	check_at(v, "tasks/2/run_if", "\"AT_LEAST_ONE_FAILED\"");
	check_at(v, "tasks/2/max_retries", "0");
	check_at(v, "tasks/2/min_retry_interval_millis", "");
	check_at(v, "tasks/2/timeout_seconds", "0");
	check_at(v, "tasks/2/notebook_task/notebook_path", "\"/Users/me/x/b\"");
	check_at(v, "tasks/2/notebook_task/base_parameters", "{\"s\": \"t\", \"n\": \"5\", \"l\": \"[1, \\\"b\\\"]\", "
	    "\"null\": \"null\", \"run\": \"{{job.run_id}}\", \"in\": \"[\\\"{{job.run_id}}/5\\\"]\", \"again\": "
	    "\"{{job.run_id}}/5\", \"braces\": \"{{x}}\"}");
	check_at(v, "tasks/3/notebook_task/notebook_path", "\"/Shared/there\"");
	check_at(v, "tasks/3/description", "");
	check_at(v, "tasks/3/run_if", "\"ALL_SUCCESS\"");
	check_at(v, "tasks/4", "");
	buf_release(&out);
}
END_TEST

START_TEST(has_compute)
{
	static const char text[] =
	    "target: prod\ntargets:\n  prod: {type: databricks, new_cluster: {spark_version: '15', num_workers: 2}, "
	    "libraries: [{whl: a}],\n"
	    "    tags: {team: x}, run_as: {user_name: u}, access_control_list: [{group_name: g, permission_level: "
	    "CAN_VIEW}],\n"
	    "    email_notifications: {on_failure: [m]}, performance_target: STANDARD, queue: false, warehouse_id: "
	    "w1}\n"
	    "  fast: {type: databricks, existing_cluster_id: c1}\n"
	    "  none: {type: databricks, serverless: true, environment_key: e, environments: [{environment_key: e, "
	    "spec: {}}]}\n"
	    "notebooks: [{path: a.ipynb}]\n";
	struct overrides o = {.target = "fast"};
	struct buf out = BUF_INIT;
	struct json v = settings_of(text, &out, true);
	struct workflow w;

	check_at(v, "job_clusters", "[{\"job_cluster_key\": \"main\", \"new_cluster\": {\"spark_version\": \"15\", "
	    "\"num_workers\": 2}}]");
	check_at(v, "tasks/0/job_cluster_key", "\"main\"");
	check_at(v, "tasks/0/new_cluster", "");
	check_at(v, "tasks/0/disable_auto_optimization", "");
	check_at(v, "tasks/0/libraries", "[{\"whl\": \"a\"}]");
	check_at(v, "tasks/0/notebook_task/warehouse_id", "\"w1\"");
	check_at(v, "tags/team", "\"x\"");
	check_at(v, "run_as", "{\"user_name\": \"u\"}");
	check_at(v, "access_control_list/0/group_name", "\"g\"");
	check_at(v, "email_notifications", "{\"on_failure\": [\"m\"]}");
	check_at(v, "performance_target", "\"STANDARD\"");
	check_at(v, "queue", "{\"enabled\": false}");
	buf_reset(&out);
	v = settings_of(text, &out, false);
	check_at(v, "access_control_list", "");
	check_at(v, "run_as", "{\"user_name\": \"u\"}");
	buf_reset(&out);

	load_with(&w, text, &o);
	ws.login.cluster_id = (char *)"c1";
	job_put(&out, &w, &ws, true);
	ws.login.cluster_id = NULL;
	check_at(json_of(buf_str(&out)), "tasks/0/existing_cluster_id", "\"c1\"");
	check_at(json_of(buf_str(&out)), "tasks/0/disable_auto_optimization", "");
	check_at(json_of(buf_str(&out)), "job_clusters", "");
	workflow_release(&w);
	buf_reset(&out);

	o.target = "none";
	load_with(&w, text, &o);
	job_put(&out, &w, &ws, true);
	check_at(json_of(buf_str(&out)), "tasks/0/existing_cluster_id", "");
	/* Else what has failed is repeated although nobody has asked for it. */
	check_at(json_of(buf_str(&out)), "tasks/0/disable_auto_optimization", "true");
	check_at(json_of(buf_str(&out)), "tasks/0/environment_key", "\"e\"");
	check_at(json_of(buf_str(&out)), "environments/0/environment_key", "\"e\"");
	workflow_release(&w);
	buf_release(&out);
}
END_TEST

START_TEST(has_a_schedule)
{
	struct buf out = BUF_INIT;
	struct json v = settings_of(TARGET "schedule: {cron: '0 0 6 * * ?', timezone: Europe/Berlin}\nnotebooks: "
	    "[a.ipynb]\n", &out, true);

	check_at(v, "schedule", "{\"quartz_cron_expression\": \"0 0 6 * * ?\", \"timezone_id\": \"Europe/Berlin\", "
	    "\"pause_status\": \"UNPAUSED\"}");
	buf_reset(&out);
	v = settings_of(TARGET "schedule: {cron: '0 0 6 ? * MON-FRI', paused: true}\nnotebooks: [a.ipynb]\n", &out,
	    true);
	check_at(v, "schedule", "{\"quartz_cron_expression\": \"0 0 6 ? * MON-FRI\", \"timezone_id\": \"UTC\", "
	    "\"pause_status\": \"PAUSED\"}");
	buf_release(&out);
}
END_TEST

/* The tag is that of the name and the folder, whatever else there is; the description that of everything. */
START_TEST(is_known_again)
{
	struct buf a = BUF_INIT, b = BUF_INIT;
	struct workflow w, other;
	char mark[JOB_MARK], again[JOB_MARK];
	struct json v, u;
	char *x, *y;

	load(&w, TARGET "name: flow\nnotebooks: [a.ipynb]\n");
	load(&other, TARGET "name: flow\nnotebooks: [b.ipynb, c.ipynb]\n");
	job_mark(mark, &w, &ws);
	ck_assert_uint_eq(strlen(mark), JOB_MARK - 1);
	job_mark(again, &other, &ws);
	ck_assert_str_eq(mark, again);
	ws.upload_to = (char *)"/Users/you/x";
	job_mark(again, &w, &ws);
	ws.upload_to = (char *)"/Users/me/x";
	ck_assert_str_ne(mark, again);
	workflow_release(&other);
	load(&other, TARGET "name: flow2\nnotebooks: [a.ipynb]\n");
	job_mark(again, &other, &ws);
	ck_assert_str_ne(mark, again);
	workflow_release(&other);
	workflow_release(&w);

	v = settings_of(TARGET "name: flow\nnotebooks: [a.ipynb]\n", &a, true);
	x = at(v, "tags/nbfork");
	ck_assert_uint_eq(strlen(x), strlen(mark) + 2);
	ck_assert_int_eq(strncmp(x + 1, mark, strlen(mark)), 0);
	free(x);
	x = at(v, "description");
	u = settings_of(TARGET "name: flow\nnotebooks: [a.ipynb]\n", &b, false);
	y = at(u, "description");
	ck_assert_str_eq(x, y);
	free(y);
	buf_reset(&b);
	u = settings_of(TARGET "name: flow\nnotebooks: [{path: a.ipynb, timeout_seconds: 1}]\n", &b, true);
	y = at(u, "description");
	ck_assert_str_ne(x, y);
	free(x);
	free(y);
	buf_release(&a);
	buf_release(&b);
}
END_TEST

/* ---- What is refused ---- */

static const struct {
	const char *text, *problems;
} refused[] = {
	{"notebooks: [a.ipynb]\n",
	    "-: --deploy saves a job in a Databricks workspace, and the target 'local' is none; choose another by "
	    "--target\n"},
	{TARGET "notebooks: [{path: a.ipynb, allow_failure: true}]\n",
	    "3:13: notebook 'a': a saved job fails with it, so it cannot have 'allow_failure'\n"},
	{TARGET "on_error: drain\nnotebooks: [a.ipynb]\n",
	    "w.yaml: a saved job cannot be stopped by a failure, as 'on_error: drain' would have it; deploy it with "
	    "--on-error=let-finish\n"},
	{TARGET "notebooks:\n- a.ipynb\n- {path: b.ipynb, depends_on: a, parameters:\n   {n: 'x {{ "
	    "notebooks.a.result.n }}'}}\n",
	    "6:11: notebook 'b': parameter 'n': {{ notebooks.a.result.n }}: a saved job does not hand the result of a "
	    "notebook to another; write it to a table, or let the notebooks use dbutils.jobs.taskValues\n"},
	{TARGET "notebooks:\n- {path: b.ipynb, parameters: {k: {secret: HOME}}}\n",
	    "4:35: notebook 'b': parameter 'k' is a secret, which a saved job would show to everybody who may see it; "
	    "let the notebook ask for it by dbutils.secrets.get\n"},
	{TARGET "notebooks:\n- {path: b.ipynb, retries: 1, retry_on: [target, ValueError]}\n",
	    "4:3: notebook 'b': a saved job cannot choose by 'retry_on' which failures are worth another attempt: it "
	    "repeats both what a notebook and what the platform has caused; leave it out, or set 'retries: 0'\n"},
	{TARGET "notebooks:\n- {path: b.ipynb, name: 'a b'}\n- {path: c.ipynb, name: 'a.b'}\n",
	    "5:25: notebook 'a.b' would be the task 'a_b' of the job, as notebook 'a b' is; give one of them another "
	    "name\n"},
	{TARGET "notebooks:\n- b.ipynb\n- {path: c.ipynb, target: local}\n",
	    "5:19: notebook 'c': its target is 'local', and all notebooks of a saved job are those of one target, "
	    "here 'prod'\n"},
	{"target: prod\ntargets: {prod: {type: databricks, tags: {nbfork: x}}}\nnotebooks: [a.ipynb]\n",
	    "2:11: target 'prod': the tag 'nbfork' is the one by which nbfork finds the job again; give yours another "
	    "name\n"},
	{TARGET "notebooks: [{path: a.ipynb, name: 'a-{{ item }}', for_each: {file: many.json}}]\n",
	    "w.yaml: a saved job has at most 1000 tasks, and the workflow has 1001 notebooks\n"},
};

/* The same, but with one of a list that is too long. */
static void
check_refused(const char *text, const char *expected)
{
	struct problems p = PROBLEMS_INIT;
	struct buf many = BUF_INIT;
	const char *file = strstr(text, "{file: many.json}");
	struct workflow w;
	char *found;

	if (file != NULL) {
		buf_add(&many, text, (size_t)(file - text));
		buf_addc(&many, '[');
		for (int i = 0; i < 1001; i++)
			buf_addf(&many, "%s%d", i > 0 ? ", " : "", i);
		buf_addf(&many, "]%s", file + strlen("{file: many.json}"));
		text = buf_str(&many);
	}
	load(&w, text);
	job_check(&w, &p);
	found = listed(&p, "w.yaml");
	/* A problem with the file as a whole has no position. */
	if (strncmp(expected, "w.yaml: ", 8) == 0 && *found == ' ')
		ck_assert_str_eq(found + 1, expected + 8);
	else
		ck_assert_str_eq(found, expected);
	free(found);
	problems_release(&p);
	workflow_release(&w);
	buf_release(&many);
}

START_TEST(refuses)
{
	check_refused(refused[_i].text, refused[_i].problems);
}
END_TEST

/* Retries of both kinds, whatever else; names that are among them; what can be expressed. */
START_TEST(takes)
{
	struct buf out = BUF_INIT;
	struct json v = settings_of(TARGET "on_error: let-finish\nnotebooks:\n"
	    "- {path: a.ipynb, retries: 1, retry_on: [notebook, target, ValueError]}\n"
	    "- {path: b.ipynb, retries: 0, retry_on: [target]}\n", &out, true);

	check_at(v, "tasks/0/max_retries", "1");
	check_at(v, "tasks/0/retry_on_timeout", "false");
	buf_release(&out);
}
END_TEST

/* ---- Differences ---- */

#define WANTED \
    "{\"name\": \"n\", \"description\": \"d\", \"tags\": {\"nbfork\": \"1\"}, \"timeout_seconds\": 0, " \
    "\"max_concurrent_runs\": 1, \"queue\": {\"enabled\": true}, \"tasks\": [" \
    "{\"task_key\": \"a\", \"description\": \"x\", \"notebook_task\": {\"notebook_path\": \"/a\", " \
    "\"source\": \"WORKSPACE\", \"base_parameters\": {\"n\": \"1\", \"e\": \"\"}}, \"timeout_seconds\": 600, " \
    "\"max_retries\": 0}, " \
    "{\"task_key\": \"b\", \"notebook_task\": {\"notebook_path\": \"/b\", \"source\": \"WORKSPACE\", " \
    "\"base_parameters\": {}}, \"depends_on\": [{\"task_key\": \"a\"}, {\"task_key\": \"c\"}], " \
    "\"run_if\": \"ALL_SUCCESS\", \"timeout_seconds\": 0}]%s}"

static const struct {
	const char *more;	/* of what is wanted */
	const char *old, *new;	/* what is replaced in it to get what is there */
	const char *lines;
} differences[] = {
	{"", "", "", ""},
	/* What the workspace adds, and how it writes. */
	{"", "\"timeout_seconds\": 600", "\"timeout_seconds\": \"600\", \"run_if\": \"ALL_SUCCESS\", "
	    "\"email_notifications\": {}, \"webhook_notifications\": {\"on_start\": []}, \"notification_settings\": "
	    "{\"no_alert_for_skipped_runs\": false}, \"something_new\": {\"of\": 1}", ""},
	{"", "\"description\": \"d\"", "\"description\": \"d\", \"format\": \"MULTI_TASK\", \"run_as\": "
	    "{\"user_name\": \"u\"}, \"edit_mode\": \"EDITABLE\", \"email_notifications\": "
	    "{\"no_alert_for_skipped_runs\": false}", ""},
	{"", ", \"timeout_seconds\": 0}]", "}]", ""},
	{"", ", \"base_parameters\": {}", "", ""},
	{"", "[{\"task_key\": \"a\"}, {\"task_key\": \"c\"}]", "[{\"task_key\": \"c\"}, {\"task_key\": \"a\"}]", ""},
	{"", "\"description\": \"x\", ", "\"description\": \"other\", ", ""},
	{", \"job_clusters\": [{\"new_cluster\": {\"num_workers\": 1, \"spark_conf\": {\"s\": true}}}]",
	    "{\"num_workers\": 1, \"spark_conf\": {\"s\": true}}",
	    "{\"num_workers\": 1, \"spark_conf\": {\"s\": \"true\"}, \"aws_attributes\": {\"zone_id\": \"auto\"}}", ""},
	{", \"run_as\": {\"service_principal_name\": \"s\"}", "\"run_as\": {\"service_principal_name\": \"s\"}",
	    "\"run_as\": {\"user_name\": \"s\", \"service_principal_name\": \"s\"}", ""},
	/* What is different. */
	{"", "600", "900", "task a: timeout_seconds 900 -> 600\n"},
	{"", "\"task_key\": \"c\"", "\"task_key\": \"d\"",
	    "task b: depends_on [{\"task_key\": \"a\"}, {\"task_key\": \"d\"}] -> [{\"task_key\": \"a\"}, "
	    "{\"task_key\": \"c\"}]\n"},
	{"", "\"n\": \"1\"", "\"n\": \"2\", \"m\": \"\"", "task a: notebook_task.base_parameters.n 2 -> 1\n"
	    "task a: - notebook_task.base_parameters.m ''\n"},
	{"", ", \"e\": \"\"", "", "task a: + notebook_task.base_parameters.e ''\n"},
	{"", "\"source\": \"WORKSPACE\", \"base_parameters\": {\"n", "\"warehouse_id\": \"w\", \"source\": "
	    "\"WORKSPACE\", \"base_parameters\": {\"n", "task a: - notebook_task.warehouse_id w\n"},
	{"", "\"task_key\": \"b\"", "\"task_key\": \"c\"", "+ task b\n- task c\n"},
	{"", "\"max_retries\": 0", "\"max_retries\": 0, \"disabled\": true, \"existing_cluster_id\": \"c\"",
	    "task a: - existing_cluster_id c\ntask a: - disabled true\n"},
	{"", "\"enabled\": true", "\"enabled\": false", "queue.enabled false -> true\n"},
	{"", "{\"nbfork\": \"1\"}", "{\"nbfork\": \"1\", \"by\": \"hand\"}", "- tags.by hand\n"},
	{"", "\"max_concurrent_runs\": 1", "\"max_concurrent_runs\": 1, \"schedule\": {\"pause_status\": \"PAUSED\"}, "
	    "\"trigger\": {\"x\": 1}",
	    "- schedule {\"pause_status\": \"PAUSED\"}\n- trigger {\"x\": 1}\n"},
	{", \"schedule\": {\"pause_status\": \"PAUSED\"}", ", \"schedule\": {\"pause_status\": \"PAUSED\"}", "",
	    "+ schedule {\"pause_status\": \"PAUSED\"}\n"},
	{", \"schedule\": {\"pause_status\": \"PAUSED\"}", "PAUSED", "UNPAUSED", "schedule.pause_status UNPAUSED -> "
	    "PAUSED\n"},
	{", \"libraries\": [1, 1, 2]", "[1, 1, 2]", "[1, 2, 2]", "libraries [1, 2, 2] -> [1, 1, 2]\n"},
	/* The digest tells of what cannot be seen; beside others it is nothing of its own. */
	{"", "\"description\": \"d\"", "\"description\": \"e\"", "settings changed in what the workspace adds to\n"},
	{"", "\"description\": \"d\", \"tags\": {\"nbfork\": \"1\"}, \"timeout_seconds\": 0",
	    "\"description\": \"e\", \"tags\": {\"nbfork\": \"1\"}, \"timeout_seconds\": 7", "timeout_seconds 7 -> "
	    "0\n"},
	/* Escapes of a terminal are no text. */
	{"", "\"n\": \"1\"", "\"n\": \"\\u001b[31m2\"", "task a: notebook_task.base_parameters.n 2... -> 1\n"},
};

static char *
lines_of(struct json changes)
{
	struct buf out = BUF_INIT;
	struct json_iter it;
	struct json change;

	json_walk(&it, changes);
	while (json_next(&it, NULL, &change))
		difference_line(&out, change);
	return buf_steal(&out);
}

START_TEST(compares)
{
	char *wanted, *place, *lines;
	struct buf found = BUF_INIT, changes = BUF_INIT;
	struct json_out o = JSON_OUT(&changes, -1, 0);
	size_t n;

	wanted = xasprintf(WANTED, differences[_i].more);
	place = strstr(wanted, differences[_i].old);
	ck_assert_ptr_nonnull(place);
	buf_add(&found, wanted, (size_t)(place - wanted));
	buf_adds(&found, differences[_i].new);
	buf_adds(&found, place + strlen(differences[_i].old));
	json_out_open(&o, '[');
	n = difference_put(&o, json_of(wanted), json_of(buf_str(&found)), false);
	json_out_close(&o, ']');
	lines = lines_of(json_of(buf_str(&changes)));
	ck_assert_str_eq(lines, differences[_i].lines);
	ck_assert_uint_eq(n, json_count(json_of(buf_str(&changes))));
	free(lines);
	free(wanted);
	buf_release(&found);
	buf_release(&changes);
}
END_TEST

START_TEST(others_tell_of_the_digest)
{
	struct buf changes = BUF_INIT;
	struct json_out o = JSON_OUT(&changes, -1, 0);

	json_out_open(&o, '[');
	ck_assert_uint_eq(difference_put(&o, json_of("{\"description\": \"a\"}"), json_of("{\"description\": \"b\"}"),
	    true), 0);
	json_out_close(&o, ']');
	ck_assert_str_eq(buf_str(&changes), "[]");
	buf_release(&changes);
}
END_TEST

START_TEST(writes_lines)
{
	struct buf changes = BUF_INIT;
	struct json_out o = JSON_OUT(&changes, -1, 0);
	char *lines;

	json_out_open(&o, '[');
	difference_add_job(&o, "daily");
	difference_add(&o, "added", "a", NULL);
	difference_add(&o, "removed", "b", NULL);
	difference_add(&o, "added", NULL, "/n");
	difference_add(&o, "changed", NULL, "/m");
	json_out_close(&o, ']');
	lines = lines_of(json_of(buf_str(&changes)));
	ck_assert_str_eq(lines, "+ job daily\n+ task a\n- task b\n+ notebook /n\nnotebook /m: changed\n");
	free(lines);
	buf_release(&changes);
}
END_TEST

/* ---- The key "schedule" ---- */

static const char *const crons[] = {
	"0 0 6 * * ?", "0 0/15 8-18 ? * MON-FRI", "0 0 6 L * ?", "0 0 6 LW * ? 2026", "0 0 6 15W JAN,JUL ?", "0 0 6 ? * 6#3",
	"59 59 23 31 12 ?", "*/5 * * * * ? 2026-2030", "0 0 6 ? * WED", "0 0 6 ? * 6L", "0  0 6 L-3 * ?", "0 0 6 ? jul sun",
};

START_TEST(takes_crons)
{
	struct workflow w;
	char *text = xasprintf("schedule: {cron: '%s'}\nnotebooks: [a.ipynb]\n", crons[_i]);

	load(&w, text);
	ck_assert_ptr_nonnull(w.schedule);
	ck_assert_str_eq(w.schedule->expression, crons[_i]);
	ck_assert_str_eq(w.schedule->timezone, "UTC");
	ck_assert(!w.schedule->paused);
	workflow_release(&w);
	free(text);
}
END_TEST

static const struct {
	const char *schedule, *problems;
} wrong[] = {
	{"{cron: '0 6 * * *'}", "1:18: 'cron' has 5 fields, '0 6 * * *', and Quartz's have seconds in front of them "
	    "and a '?' for the day that does not count: every day at six is '0 0 6 * * ?'\n"},
	{"{cron: '6'}", "1:18: 'cron' must have 6 or 7 fields, as '0 0 6 * * ?' has (every day at six), not '6'\n"},
	{"{cron: '0 0 6 * * ? 2026 1'}",
	    "1:18: 'cron' must have 6 or 7 fields, as '0 0 6 * * ?' has (every day at six), not '0 0 6 * * ? 2026 "
	    "1'\n"},
	{"{cron: '0 0 6 * * *'}", "1:18: 'cron' must have a '?' for one of the day of the month and the day of the "
	    "week, as '0 0 6 * * ?' has, not '0 0 6 * * *'\n"},
	{"{cron: '0 0 6 ? * ?'}", "1:18: 'cron' must have a '?' for one of the day of the month and the day of the "
	    "week, as '0 0 6 * * ?' has, not '0 0 6 ? * ?'\n"},
	{"{cron: '60 0 6 * * ?'}", "1:18: 'cron' has '60' for seconds, which Quartz does not take\n"},
	{"{cron: '0 0 24 * * ?'}", "1:18: 'cron' has '24' for hours, which Quartz does not take\n"},
	{"{cron: '0 0 6 ? * 0'}", "1:18: 'cron' has '0' for the day of the week, which Quartz does not take\n"},
	{"{cron: '0 0 6 ? * MOND'}", "1:18: 'cron' has 'MOND' for the day of the week, which Quartz does not take\n"},
	{"{cron: '0 1, 6 * * ?'}", "1:18: 'cron' has '1,' for minutes, which Quartz does not take\n"},
	{"{cron: '0 1/ 6 * * ?'}", "1:18: 'cron' has '1/' for minutes, which Quartz does not take\n"},
	{"{cron: '0 1/0 6 * * ?'}", "1:18: 'cron' has '1/0' for minutes, which Quartz does not take\n"},
	{"{cron: '? 0 6 * * ?'}", "1:18: 'cron' has '?' for seconds, which Quartz does not take\n"},
	{"{cron: '0 0 6 L * x'}", "1:18: 'cron' has 'x' for the day of the week, which Quartz does not take\n"},
	{"{cron: [6]}", "1:18: 'cron' must be text, not a list\n"},
	{"{timezone: UTC}", "1:11: key 'cron' is missing; it says when the job runs, such as '0 0 6 * * ?', every day "
	    "at six\n"},
	{"{cron: '0 0 6 * * ?', timezone: 'Central European Time'}",
	    "1:43: 'timezone' must be the name of a time zone, such as Europe/Berlin, not 'Central European Time'\n"},
	{"{cron: '0 0 6 * * ?', pause: true}", "1:33: unknown key 'pause'; did you mean 'paused'?\n"},
	{"daily", "1:11: 'schedule' must be a map, not the text 'daily'\n"},
};

START_TEST(refuses_schedules)
{
	char *text = xasprintf("schedule: %s\nnotebooks: [a.ipynb]\n", wrong[_i].schedule);

	check_wrong(text, wrong[_i].problems);
	free(text);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("jobsettings");
	TCase *settings = tcase_create("settings"), *diff = tcase_create("difference"),
	    *schedule = tcase_create("schedule");
	SRunner *runner;
	int failed;

	tcase_add_test(settings, has_tasks);
	tcase_add_test(settings, has_compute);
	tcase_add_test(settings, has_a_schedule);
	tcase_add_test(settings, is_known_again);
	tcase_add_loop_test(settings, refuses, 0, COUNT(refused));
	tcase_add_test(settings, takes);
	suite_add_tcase(suite, settings);
	tcase_add_loop_test(diff, compares, 0, COUNT(differences));
	tcase_add_test(diff, others_tell_of_the_digest);
	tcase_add_test(diff, writes_lines);
	suite_add_tcase(suite, diff);
	tcase_add_loop_test(schedule, takes_crons, 0, COUNT(crons));
	tcase_add_loop_test(schedule, refuses_schedules, 0, COUNT(wrong));
	suite_add_tcase(suite, schedule);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
