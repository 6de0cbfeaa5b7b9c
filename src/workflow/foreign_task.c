/* The tasks of Databricks' jobs as notebooks. */
#include "workflow/foreign_parts.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "workflow/name.h"

#define NOTHING_MAX 1000	/* tasks that are repeated for nothing, between a task and what it really waits for */
#define RETRIES_MOST 1000	/* that nbfork takes */
#define ENDLESS "asks for more retries than there can be; there are 1000"

/* A task, or the one in its for_each_task, on its way to a notebook. */
struct task_parts {
	const char *name;	/* the task's key */
	const struct yaml_node *task;
	struct yaml_node *notebook;
	struct foreign_place place;
};

static bool
is_disabled(struct foreign *f, const struct yaml_node *task)
{
	const struct yaml_node *written = foreign_written(task, "disabled");
	struct yaml_node *value = written != NULL ? foreign_known(f, written) : NULL;
	bool no = value == NULL || value->type == YAML_NULL || (value->type == YAML_BOOL && !value->boolean);

	yaml_node_free(value);
	return !no;
}

static void
put_base_parameters(struct foreign *f, const struct task_parts *t, const struct yaml_node *notebook_task)
{
	const struct yaml_node *from = foreign_get(f, notebook_task, "base_parameters");
	struct yaml_node *map;

	if (from == NULL)
		return;
	if (from->type != YAML_MAP) {
		foreign_problem(f, from->mark, "'base_parameters' must be a map, not %s", yaml_type_name(from->type));
		return;
	}
	map = yaml_build_plain(YAML_MAP, from->mark, NULL);
	for (size_t i = 0; i < from->n; i++) {
		const struct yaml_key *key = &from->keys[i];

		if (table_get(&f->parameters, key->name, strlen(key->name)) != NULL)
			foreign_notice(f, key, "is a parameter of the job too, whose value is taken");
		else
			foreign_put(map, key->name, key->mark, foreign_parameter(f, key->name, from->items[i], t->place.repeated));
	}
	yaml_build_finish(&f->build, map, NULL);
	foreign_put(t->notebook, "parameters", foreign_key(notebook_task, "base_parameters")->mark, map);
}

/* ---- What a task runs ---- */

static void
put_notebook_task(struct foreign *f, const struct task_parts *t, const struct yaml_node *from)
{
	static const char *const read[] = {"notebook_path", "base_parameters", "source", NULL};
	static const char *const placed[] = {"warehouse_id", NULL};
	const struct yaml_node *path = foreign_written(from, "notebook_path"), *source = foreign_get(f, from, "source");

	foreign_keys(f, from, read, placed, NULL);
	if (path != NULL) {
		foreign_path(f, path, t->notebook);
	} else {
		foreign_problem(f, from->mark, "task '%.100s': notebook_task has no notebook_path", t->name);
		f->incomplete = true;
	}
	if (source != NULL && source->type == YAML_STRING && strcasecmp(source->text, "GIT") == 0)
		foreign_problem(f, source->mark, "task '%.100s': notebooks are not fetched from git; check them out and name "
		    "their files", t->name);
	put_base_parameters(f, t, from);
	foreign_compute(f, t->task, from, t->place.repeated, t->notebook);
}

/* Says which of Databricks' other kinds a task is. Returns false when it is none. */
static bool
is_of_other_kind(struct foreign *f, const struct task_parts *t)
{
	for (size_t i = 0; i < t->task->n; i++) {
		const struct yaml_key *key = &t->task->keys[i];

		if (!name_ends(key->name, "_task") || strcmp(key->name, "notebook_task") == 0 ||
		    strcmp(key->name, "for_each_task") == 0 || foreign_get(f, t->task, key->name) == NULL)
			continue;
		foreign_problem(f, key->mark, "task '%.100s': %.100s is not a notebook; nbfork runs notebooks", t->name,
		    key->name);
		return true;
	}
	return false;
}

static const char *const settings_placed[] = {"existing_cluster_id", "job_cluster_key", "new_cluster",
	"environment_key", "libraries", NULL};
static const char *const settings_passed[] = {"email_notifications", "webhook_notifications", "notification_settings",
	"health", "description", "disable_auto_optimization", "compute", NULL};

static void
put_retries(struct foreign *f, const struct task_parts *t)
{
	const struct yaml_key *key = foreign_key(t->task, "max_retries");
	const struct yaml_node *written = foreign_written(t->task, "max_retries");
	struct yaml_node *value = written != NULL ? foreign_value(f, written, &foreign_nowhere) : NULL;
	double d;

	if (value != NULL && foreign_number(f, key->name, written, value, -1, true, &d)) {
		if (d < 0 || d > RETRIES_MOST)
			foreign_notice(f, key, ENDLESS);
		foreign_put(t->notebook, "retries", key->mark, d < 0 || d > RETRIES_MOST ?
		    yaml_build_plain(YAML_INT, value->mark, "1000") : yaml_share(value));
	}
	yaml_node_free(value);
}

static void
put_retry_delay(struct foreign *f, const struct task_parts *t)
{
	const struct yaml_key *key = foreign_key(t->task, "min_retry_interval_millis");
	const struct yaml_node *written = foreign_written(t->task, "min_retry_interval_millis");
	struct yaml_node *value = written != NULL ? foreign_value(f, written, &foreign_nowhere) : NULL;
	struct buf seconds = BUF_INIT;
	double d;

	if (value != NULL && foreign_number(f, key->name, written, value, 0, true, &d)) {
		json_put_double(&seconds, d / 1000);
		foreign_put(t->notebook, "retry_delay_seconds", key->mark,
		    yaml_build_plain(YAML_FLOAT, value->mark, buf_str(&seconds)));
		buf_release(&seconds);
	}
	yaml_node_free(value);
}

/* Retries and time limits: of the task, or of the one in its for_each_task. */
static void
put_settings(struct foreign *f, const struct task_parts *t)
{
	const struct yaml_node *again = foreign_written(t->task, "retry_on_timeout");

	put_retries(f, t);
	put_retry_delay(f, t);
	foreign_put_number(f, t->task, "timeout_seconds", true, t->notebook, "timeout_seconds");
	if (again != NULL)
		foreign_put(t->notebook, "retry_on_timeout", again->mark, foreign_value(f, again, &foreign_nowhere));
}

/* ---- for_each_task ---- */

static void
put_inputs(struct foreign *f, const struct task_parts *t, const struct yaml_node *each)
{
	const struct yaml_key *key = foreign_key(each, "inputs");
	struct yaml_node *map, *list;

	if (foreign_written(each, "inputs") == NULL) {
		foreign_problem(f, each->mark, "task '%.100s': for_each_task has no inputs", t->name);
		f->incomplete = true;
		return;
	}
	list = foreign_inputs(f, each);
	if (list == NULL) {
		f->incomplete = true;
		return;
	}
	map = yaml_build_plain(YAML_MAP, list->mark, NULL);
	foreign_put(map, "list", key->mark, list);
	foreign_put(map, "allow_empty", key->mark, yaml_build_plain(YAML_BOOL, key->mark, "true"));
	map->items[1]->boolean = true;
	yaml_build_finish(&f->build, map, NULL);
	foreign_put(t->notebook, "for_each", key->mark, map);
}

/* How many of its notebooks run at a time: a pool of that size. */
static void
put_concurrency(struct foreign *f, const struct task_parts *t, const struct yaml_node *each)
{
	const struct yaml_node *written = foreign_written(each, "concurrency");
	const struct mark at = written != NULL ? written->mark : each->mark;
	struct yaml_node *value;
	double d;

	if (foreign_key(f->pools, t->name) != NULL)
		return;	/* two tasks of one name, which the loader says */
	value = written == NULL ? yaml_build_plain(YAML_INT, at, "1") : foreign_value(f, written, &foreign_nowhere);
	if (value != NULL && foreign_number(f, "concurrency", written != NULL ? written : value, value, 1, true, &d)) {
		foreign_put(f->pools, t->name, at, yaml_share(value));
		foreign_put(t->notebook, "pool", at, foreign_text(at, "%s", t->name));
	}
	yaml_node_free(value);
}

/* What the task in a for_each_task may have and has no use for, as long as it changes nothing. */
static void
check_inner(struct foreign *f, const struct task_parts *t, const struct yaml_node *task)
{
	const struct yaml_node *run_if = foreign_get(f, task, "run_if"), *on = foreign_get(f, task, "depends_on");

	if (is_disabled(f, task))
		foreign_problem(f, foreign_key(task, "disabled")->mark, "task '%.100s' is disabled; leave it out, or enable it",
		    t->name);
	if (run_if != NULL && strcmp(run_if->text != NULL ? run_if->text : "", "ALL_SUCCESS") != 0)
		foreign_problem(f, run_if->mark, "task '%.100s': run_if is for the whole of a for_each_task; move it there", t->name);
	if (on != NULL && on->n > 0)
		foreign_problem(f, on->mark, "task '%.100s': depends_on is for the whole of a for_each_task; move it there", t->name);
}

static void
put_for_each(struct foreign *f, struct task_parts *t, const struct yaml_node *each)
{
	static const char *const read[] = {"inputs", "concurrency", "task", NULL};
	static const char *const inner[] = {"task_key", "notebook_task", "for_each_task", "timeout_seconds", "max_retries",
		"min_retry_interval_millis", "retry_on_timeout", "disabled", "run_if", "depends_on", NULL};
	static const char *const once[] = {"max_retries", "min_retry_interval_millis", "retry_on_timeout", "timeout_seconds"};
	const struct yaml_node *task = foreign_get(f, each, "task"), *notebook, *value;
	double d;

	for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++) {
		value = foreign_get(f, t->task, once[i]);
		if (value == NULL || (yaml_number(value, &d) && d == 0) || (value->type == YAML_BOOL && !value->boolean))
			continue;
		foreign_problem(f, foreign_key(t->task, once[i])->mark, "task '%.100s': %s is for each of its notebooks; move it "
		    "to the task in for_each_task", t->name, once[i]);
	}
	if (each->type != YAML_MAP) {
		foreign_problem(f, each->mark, "task '%.100s': for_each_task must be a map with 'inputs' and 'task', not %s",
		    t->name, yaml_type_name(each->type));
		f->incomplete = true;
		return;
	}
	foreign_keys(f, each, read, NULL, NULL);
	put_inputs(f, t, each);
	put_concurrency(f, t, each);
	if (task == NULL || task->type != YAML_MAP) {
		foreign_problem(f, each->mark, "task '%.100s': for_each_task has no task", t->name);
		f->incomplete = true;
		return;
	}
	check_inner(f, t, task);
	t->task = task;
	t->place.repeated = true;
	notebook = foreign_get(f, task, "notebook_task");
	if (notebook != NULL && notebook->type == YAML_MAP) {
		foreign_keys(f, task, inner, settings_placed, settings_passed);
		put_notebook_task(f, t, notebook);
	} else {
		if (foreign_get(f, task, "for_each_task") != NULL)
			foreign_problem(f, foreign_key(task, "for_each_task")->mark, "task '%.100s': a for_each_task in another",
			    t->name);
		else if (!is_of_other_kind(f, t))
			foreign_problem(f, task->mark, "task '%.100s': its for_each_task has no notebook_task", t->name);
		f->incomplete = true;
	}
	put_settings(f, t);
}

/* ---- What it waits for ---- */

/* What a notebook waits for, in the making. */
struct waiting {
	struct yaml_node *names;
	bool on_repeated;	/* on a task with a for_each_task */
	struct table nothing;	/* those that are repeated for nothing and have been seen: they may wait for each other */
	size_t nnothing;
};

static void put_dependency(struct foreign *f, const struct yaml_node *entry, struct waiting *w);

/* A task that is repeated for nothing has succeeded when what it depends on has: that is what there is to wait for. */
static void
put_dependencies_of(struct foreign *f, const struct yaml_node *task, const char *name, struct waiting *w)
{
	const struct yaml_node *list = foreign_get(f, task, "depends_on"), *run_if = foreign_get(f, task, "run_if");
	void **seen = table_at(&w->nothing, name, strlen(name));

	if (*seen != NULL || list == NULL || list->type != YAML_LIST || list->n == 0)
		return;
	*seen = f;	/* anything but NULL */
	if (++w->nnothing > NOTHING_MAX) {
		if (w->nnothing == NOTHING_MAX + 1)
			foreign_problem(f, list->mark, "more than %d tasks that are repeated for nothing wait for each other; "
			    "leave them out", NOTHING_MAX);
		return;
	}
	if (run_if != NULL && run_if->type == YAML_STRING && strcmp(run_if->text, "ALL_SUCCESS") != 0 &&
	    strcmp(run_if->text, "NONE_FAILED") != 0)
		foreign_problem(f, foreign_key(task, "for_each_task")->mark, "there is nothing that this for_each_task is "
		    "repeated for, so that what comes after it cannot wait for it by the run_if that it has; leave it out");
	for (size_t i = 0; i < list->n; i++)
		put_dependency(f, list->items[i], w);
}

static void
put_dependency(struct foreign *f, const struct yaml_node *entry, struct waiting *w)
{
	static const char *const read[] = {"task_key", "outcome", NULL};
	const struct yaml_node *key = foreign_written(entry, "task_key");
	const struct yaml_node *outcome = foreign_written(entry, "outcome");
	struct yaml_node *name = key != NULL ? foreign_value_text(f, "task_key", key) : NULL;
	const struct yaml_node *repeated;

	if (key == NULL)
		foreign_problem(f, entry->mark, "each of 'depends_on' must be a map with 'task_key'");
	else
		foreign_keys(f, entry, read, NULL, NULL);
	if (outcome != NULL)
		foreign_problem(f, outcome->mark, "'outcome' is that of a condition_task, which is not a notebook");
	if (name != NULL && (repeated = table_get(&f->repeated, name->text, name->len)) != NULL) {
		w->on_repeated = true;
		yaml_build_item(w->names, foreign_text(name->mark, "%s-[0-9]*", name->text));
		if (foreign_goes_over_nothing(f, repeated))
			put_dependencies_of(f, repeated, name->text, w);
	} else if (name != NULL) {
		yaml_build_item(w->names, foreign_name(name->mark, name->text));
	}
	yaml_node_free(name);
}

static void
put_run_if(struct foreign *f, const struct yaml_node *task, struct yaml_node *notebook, bool on_repeated)
{
	const struct yaml_node *written = foreign_written(task, "run_if");
	struct yaml_node *value = written != NULL ? foreign_value_text(f, "run_if", written) : NULL;
	enum run_if r;
	char *word;

	if (value == NULL)
		return;
	word = xstrdup(value->text);
	for (char *p = word; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	if (!run_if_parse(word, &r))
		foreign_problem(f, value->mark, "run_if is %s, which is none of ALL_SUCCESS, ALL_DONE, NONE_FAILED, "
		    "AT_LEAST_ONE_SUCCESS, AT_LEAST_ONE_FAILED, ALL_FAILED", foreign_shown(f, written, value));
	/* There a for_each_task has failed as soon as one of its notebooks has. */
	else if (on_repeated && (r == RUN_IF_AT_LEAST_ONE_SUCCESS || r == RUN_IF_ALL_FAILED))
		foreign_problem(f, value->mark, "run_if %.100s after a for_each_task: here it would be for each of its notebooks, "
		    "and there it is for all of them together", value->text);
	else
		foreign_put(notebook, "run_if", written->mark, foreign_text(value->mark, "%s", word));
	free(word);
	yaml_node_free(value);
}

static void
put_dependencies(struct foreign *f, const struct yaml_node *task, struct yaml_node *notebook)
{
	const struct yaml_key *key = foreign_key(task, "depends_on");
	const struct yaml_node *list = foreign_get(f, task, "depends_on");
	struct waiting w = {.nothing = TABLE_INIT};

	if (list != NULL && list->type != YAML_LIST) {
		foreign_problem(f, list->mark, "'depends_on' must be a list of maps with 'task_key', not %s",
		    yaml_type_name(list->type));
	} else if (list != NULL && list->n > 0) {
		w.names = yaml_build_plain(YAML_LIST, list->mark, NULL);
		for (size_t i = 0; i < list->n; i++)
			put_dependency(f, list->items[i], &w);
		yaml_build_finish(&f->build, w.names, NULL);
		foreign_put(notebook, "depends_on", key->mark, w.names);
	}
	table_release(&w.nothing);
	put_run_if(f, task, notebook, w.on_repeated);
}

/* ---- The whole ---- */

/* Says that a task would be taken for one of those that a for_each_task makes: FAN-1, FAN-2, ... */
static void
check_name(struct foreign *f, const struct yaml_node *name)
{
	for (size_t i = 0; i + 1 < name->len && name->len <= NAME_BYTES_MAX; i++) {
		if (name->text[i] != '-' || name->text[i + 1] < '0' || name->text[i + 1] > '9' ||
		    table_get(&f->repeated, name->text, i) == NULL)
			continue;
		foreign_problem(f, name->mark, "task '%.200s' would be taken for one of the notebooks of '%.*s', which has a "
		    "for_each_task; give one of them another task_key", name->text, (int)i, name->text);
		return;
	}
}

void
foreign_task(struct foreign *f, const struct yaml_node *task)
{
	static const char *const read[] = {"task_key", "notebook_task", "for_each_task", "depends_on", "run_if",
		"timeout_seconds", "max_retries", "min_retry_interval_millis", "retry_on_timeout", "disabled", NULL};
	const struct yaml_node *key = foreign_written(task, "task_key"), *notebook = foreign_get(f, task, "notebook_task");
	const struct yaml_node *each = foreign_get(f, task, "for_each_task");
	struct yaml_node *name = key != NULL ? foreign_value_text(f, "task_key", key) : NULL;
	struct task_parts t = {.name = name != NULL ? name->text : "?", .task = task};

	if (key == NULL)
		foreign_problem(f, task->mark, "%s", task->type == YAML_MAP ? "key 'task_key' is missing" :
		    "a task must be a map with 'task_key'");
	if (name == NULL) {
		f->incomplete = true;
		return;
	}
	t.notebook = foreign_notebook(f, task->mark);
	foreign_put(t.notebook, "name", foreign_key(task, "task_key")->mark, yaml_share(name));
	check_name(f, name);
	if (is_disabled(f, task))
		foreign_problem(f, foreign_key(task, "disabled")->mark, "task '%.100s' is disabled; leave it out, or enable it",
		    t.name);
	put_dependencies(f, task, t.notebook);
	if (is_of_other_kind(f, &t)) {
		f->incomplete = true;
	} else if (each != NULL) {
		foreign_keys(f, task, read, settings_placed, settings_passed);
		if (notebook != NULL)
			foreign_problem(f, foreign_key(task, "notebook_task")->mark, "task '%.100s' has a notebook_task and a "
			    "for_each_task; leave one of them out", t.name);
		put_for_each(f, &t, each);
	} else {
		foreign_keys(f, task, read, settings_placed, settings_passed);
		if (notebook != NULL && notebook->type == YAML_MAP) {
			put_notebook_task(f, &t, notebook);
		} else {
			foreign_problem(f, task->mark, "task '%.100s' has no notebook_task; nbfork runs notebooks", t.name);
			f->incomplete = true;
		}
		put_settings(f, &t);
	}
	yaml_node_free(name);
}
