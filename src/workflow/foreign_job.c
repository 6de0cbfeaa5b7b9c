/* Databricks' jobs: the document that the Jobs API takes and gives, which is also what a bundle has. */
#include "workflow/foreign_parts.h"

#include <stdlib.h>
#include <string.h>

#include "workflow/expression.h"
#include "workflow/name.h"

/* ---- Parameters ---- */

struct yaml_node *
foreign_parameter(struct foreign *f, const char *name, const struct yaml_node *written, bool repeated)
{
	const struct foreign_place place = {name, repeated, NULL};
	struct yaml_node *value, *text;

	if (foreign_overridden(f, name))
		return yaml_build_plain(YAML_NULL, written->mark, "null");
	value = foreign_value(f, written, &place);
	if (value != NULL && (value->type == YAML_LIST || value->type == YAML_MAP)) {
		foreign_problem(f, written->mark, "parameter '%.100s' is %s; parameters of Databricks are text", name,
		    yaml_type_name(value->type));
		yaml_node_free(value);
		value = NULL;
	}
	if (value == NULL)
		return yaml_build_plain(YAML_NULL, written->mark, "null");
	if (value->type == YAML_STRING)
		return value;
	text = yaml_build_plain(YAML_STRING, value->mark, value->type == YAML_NULL ? "" :
	    value->type != YAML_BOOL ? value->text : value->boolean ? "true" : "false");
	yaml_node_free(value);
	return text;
}

/* The job's own: a list of names and defaults. */
static void
put_job_parameters(struct foreign *f, const struct yaml_node *job)
{
	static const char *const read[] = {"name", "default", NULL};
	const struct yaml_node *list = foreign_get(f, job, "parameters"), *name, *value;
	struct yaml_node *map;

	if (list == NULL)
		return;
	if (list->type != YAML_LIST) {
		foreign_problem(f, list->mark, "'parameters' of a job must be a list of maps with 'name' and 'default', not %s",
		    yaml_type_name(list->type));
		return;
	}
	/* All names first: their values may look at each other. */
	for (size_t i = 0; i < list->n; i++)
		if ((name = foreign_get(f, list->items[i], "name")) != NULL && name->type == YAML_STRING &&
		    yaml_get(list->items[i], "default") != NULL)
			*table_at(&f->parameters, name->text, name->len) = list->items[i];
	map = yaml_build_plain(YAML_MAP, list->mark, NULL);
	for (size_t i = 0; i < list->n; i++) {
		name = foreign_get(f, list->items[i], "name");
		value = yaml_get(list->items[i], "default");
		if (name == NULL || name->type != YAML_STRING || value == NULL) {
			foreign_problem(f, list->items[i]->mark, "a parameter of a job must have 'name', which is text, and 'default'");
			continue;
		}
		foreign_keys(f, list->items[i], read, NULL, NULL);
		foreign_put(map, name->text, name->mark, foreign_parameter(f, name->text, value, false));
	}
	yaml_build_finish(&f->build, map, NULL);
	foreign_put(f->tree, "parameters", foreign_key(job, "parameters")->mark, map);
}

/* ---- The whole ---- */

const struct yaml_node *
foreign_job_of(const struct yaml_node *root)
{
	const struct yaml_node *settings = yaml_get(root, "settings");
	const struct yaml_node *job = settings != NULL && settings->type == YAML_MAP ? settings : root;
	const struct yaml_node *tasks = yaml_get(job, "tasks");

	for (size_t i = 0; tasks != NULL && tasks->type == YAML_LIST && i < tasks->n; i++)
		if (yaml_get(tasks->items[i], "task_key") != NULL)
			return job;
	return NULL;
}

/* What the API has in its documents beside the job itself. */
static void
check_document(struct foreign *f, const struct yaml_node *job)
{
	static const char *const read[] = {"settings", NULL};
	static const char *const passed[] = {"job_id", "creator_user_name", "run_as_user_name", "created_time",
		"effective_budget_policy_id", "effective_usage_policy_id", "has_more", "next_page_token", "trigger_state", NULL};
	const struct yaml_node *more = foreign_get(f, f->root, "next_page_token");

	if (job != f->root && f->form == FOREIGN_JOB)
		foreign_keys(f, f->root, read, NULL, passed);
	if (more != NULL && more->type == YAML_STRING && more->len > 0)
		foreign_problem(f, foreign_key(f->root, "next_page_token")->mark, "this is one page of the job alone "
		    "(next_page_token); put the tasks of all pages into it");
}

/* The job's name, where files can be named by it; else the file's own does. */
static void
put_name(struct foreign *f, const struct yaml_node *job, const struct yaml_key *key)
{
	const struct yaml_node *name = yaml_get(job, "name") != NULL ? yaml_get(job, "name") : yaml_get(job, "run_name");
	const char *text = key != NULL ? key->name : name != NULL && name->type == YAML_STRING ? name->text : NULL;
	const struct mark at = key != NULL ? key->mark : name != NULL ? name->mark : f->root->mark;

	if (text != NULL && name_fault(text) == NULL && !expression_in(text, strlen(text)))
		foreign_put(f->tree, "name", at, foreign_text(at, "%s", text));
}

void
foreign_job(struct foreign *f, const struct yaml_node *job, const struct yaml_key *name)
{
	static const char *const read[] = {"name", "run_name", "parameters", "tasks", "timeout_seconds", "git_source", NULL};
	static const char *const placed[] = {"queue", "job_clusters", "environments", "tags", "run_as", "performance_target",
		NULL};
	static const char *const passed[] = {"description", "max_concurrent_runs", "email_notifications",
		"notification_settings", "webhook_notifications", "health", "schedule", "permissions", "access_control_list",
		"continuous", "trigger", "triggers", "lifecycle", "parent_path", "budget_policy_id", "usage_policy_id",
		"edit_mode", "format", "deployment", "idempotency_token",
		"environment_variables", "job_id", "creator_user_name", "run_as_user_name", "created_time", "has_more",
		"next_page_token", "effective_budget_policy_id", "effective_usage_policy_id", "trigger_state", NULL};
	const struct yaml_node *tasks;

	if (job == NULL || job->type != YAML_MAP) {
		foreign_problem(f, job != NULL ? job->mark : name->mark, "a job must be a map with 'tasks', not %s",
		    yaml_type_name(job != NULL ? job->type : YAML_NULL));
		return;
	}
	f->job = job;
	check_document(f, job);
	foreign_keys(f, job, read, placed, passed);
	put_name(f, job, name);
	if (foreign_get(f, job, "git_source") != NULL)
		foreign_problem(f, foreign_key(job, "git_source")->mark, "notebooks are not fetched from git (git_source); check "
		    "them out and leave it out");
	foreign_put_number(f, job, "timeout_seconds", true, f->tree, "timeout_seconds");
	put_job_parameters(f, job);

	/* Databricks tries again at once, and after the same time each time. */
	foreign_put(f->defaults, "retry_delay_seconds", job->mark, yaml_build_plain(YAML_INT, job->mark, "0"));
	foreign_put(f->defaults, "retry_backoff", job->mark, yaml_build_plain(YAML_INT, job->mark, "1"));
	tasks = foreign_get(f, job, "tasks");
	if (tasks == NULL || tasks->type != YAML_LIST || tasks->n == 0) {
		foreign_problem(f, tasks != NULL ? tasks->mark : job->mark, "the job has no list of 'tasks'; there is nothing to "
		    "run");
		return;
	}
	for (size_t i = 0; i < tasks->n; i++) {
		const struct yaml_node *key = foreign_written(tasks->items[i], "task_key");
		struct yaml_node *text;

		if (key == NULL || foreign_get(f, tasks->items[i], "for_each_task") == NULL)
			continue;
		text = foreign_known(f, key);
		if (text != NULL && text->type != YAML_LIST && text->type != YAML_MAP && text->len > 0)
			*table_at(&f->repeated, text->text, text->len) = tasks->items[i];
		yaml_node_free(text);
	}
	for (size_t i = 0; i < tasks->n; i++)
		foreign_task(f, tasks->items[i]);
}
