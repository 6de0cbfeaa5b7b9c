/* What a saved job cannot express. */
#include "databricks/job.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "databricks/submit.h"
#include "workflow/status.h"

#define PROCESSES_USUAL 32	/* of a target that is elsewhere: fewer have been asked for */
#define BACKOFF_USUAL 2.0

/* ---- Refused ---- */

static void __attribute__((format(printf, 4, 5)))
refuse(const struct workflow *w, struct problems *p, struct mark at, const char *fmt, ...)
{
	va_list ap;
	char *message;

	va_start(ap, fmt);
	message = xvasprintf(fmt, ap);
	va_end(ap);
	problems_add(p, at.line != 0 ? workflow_label(w) : NULL, at.line, at.column, "%s", message);
	free(message);
}

static void
check_target(const struct workflow *w, struct problems *p)
{
	const struct target *t = w->target;

	if (t->databricks == NULL) {
		refuse(w, p, (struct mark){0, 0}, "--deploy saves a job in a Databricks workspace, and the target "
		    "'%s' is none; choose another by --target", t->name);
		return;
	}
	if (t->databricks->tags != NULL && json_get(json_of(t->databricks->tags), JOB_TAG).text != NULL)
		refuse(w, p, t->mark, "target '%s': the tag '%s' is the one by which nbfork finds the job again; give "
		    "yours another name", t->name, JOB_TAG);
	for (size_t i = 0; i < w->ntasks; i++) {
		const struct task *task = &w->tasks[i];

		if (task->target != t)
			refuse(w, p, task->target_mark.line != 0 ? task->target_mark : task->mark, "notebook '%s': "
			    "its target is '%s', and all notebooks of a saved job are those of one target, here '%s'",
			    task->name, task->target->name, t->name);
	}
}

static void
check_retries(const struct workflow *w, const struct task *t, struct problems *p)
{
	const unsigned wanted = 1u << ERROR_NOTEBOOK | 1u << ERROR_TARGET;

	if (t->retries == 0 || (t->retry_on.kinds & wanted) == wanted)
		return;
	refuse(w, p, t->mark, "notebook '%s': a saved job cannot choose by 'retry_on' which failures are worth "
	    "another attempt: it repeats both what a notebook and what the platform has caused; leave it out, or set "
	    "'retries: 0'", t->name);
}

static void
check_parameters(const struct workflow *w, const struct task *t, struct problems *p)
{
	for (size_t i = 0; i < t->parameters.n; i++) {
		const struct param *param = &t->parameters.list[i];
		struct buf text = BUF_INIT;
		char *why = NULL;

		if (param->secret != NULL) {
			refuse(w, p, param->value_mark, "notebook '%s': parameter '%s' is a secret, which a saved job "
			    "would show to everybody who may see it; let the notebook ask for it by "
			    "dbutils.secrets.get", t->name,
			    param->name);
		} else if (param->deferred && job_value(t, param, &text, &why) == -1) {
			refuse(w, p, param->value_mark, "notebook '%s': parameter '%s': %s", t->name, param->name, why);
			free(why);
		}
		buf_release(&text);
	}
}

/* The names must still be different when they are task keys. */
static void
check_keys(const struct workflow *w, struct problems *p)
{
	struct table keys = TABLE_INIT;

	for (size_t i = 0; i < w->ntasks; i++) {
		const struct task *t = &w->tasks[i], *first;
		char *key = submit_task_key(t->name);
		void **place = table_at(&keys, key, strlen(key));

		first = *place;
		if (first != NULL)
			refuse(w, p, t->name_mark, "notebook '%s' would be the task '%s' of the job, as notebook '%s' "
			    "is; give one of them another name", t->name, key, first->name);
		else
			*place = (void *)t;
		free(key);
	}
	table_release(&keys);
}

void
job_check(const struct workflow *w, struct problems *p)
{
	check_target(w, p);
	if (w->ntasks > JOB_TASKS_MAX)
		problems_add(p, workflow_label(w), 0, 0, "a saved job has at most %d tasks, and the workflow has %zu "
		    "notebooks",
		    JOB_TASKS_MAX, w->ntasks);
	if (w->on_error != POLICY_LET_FINISH)
		problems_add(p, workflow_label(w), 0, 0, "a saved job cannot be stopped by a failure, as 'on_error: "
		    "%s' would have it; deploy it with --on-error=let-finish", policy_name(w->on_error));
	check_keys(w, p);
	for (size_t i = 0; i < w->ntasks; i++) {
		const struct task *t = &w->tasks[i];

		if (t->allow_failure)
			refuse(w, p, t->mark, "notebook '%s': a saved job fails with it, so it cannot have "
			    "'allow_failure'", t->name);
		check_retries(w, t, p);
		check_parameters(w, t, p);
	}
}

/* ---- Passed over ---- */

static void
add(struct buf *list, bool there, const char *name)
{
	if (there)
		buf_addf(list, "%s'%s'", list->len > 0 ? ", " : "", name);
}

void
job_notices(const struct workflow *w)
{
	bool priority = false, backoff = false, usual = false;
	struct buf list = BUF_INIT;

	for (size_t i = 0; i < w->ntasks; i++) {
		const struct task *t = &w->tasks[i];

		priority = priority || t->priority != 0;
		if (t->retries > 1 && t->retry_backoff > 1) {
			usual = usual || t->retry_backoff <= BACKOFF_USUAL;
			backoff = backoff || t->retry_backoff < BACKOFF_USUAL || t->retry_backoff > BACKOFF_USUAL;
		}
	}
	add(&list, w->npools > 0, "pools");
	add(&list, w->order != ORDER_AS_WRITTEN, "order");
	add(&list, priority, "priority");
	add(&list, w->max_load > 0 || w->min_free_memory > 0, "limits");
	add(&list, w->processes < PROCESSES_USUAL && w->processes < w->ntasks, "processes");
	if (list.len > 0)
		log_warn("a saved job starts every task as soon as those before it have ended; it passes over %s",
		    buf_str(&list));
	if (w->ncommands > 0)
		log_warn("a saved job has no commands to run on this machine; it passes over 'hooks'");
	if (backoff)
		log_warn("a saved job waits equally long before every retry; it passes over 'retry_backoff'");
	else if (usual)
		log_info("a saved job waits equally long before every retry, whatever 'retry_backoff' is");
	buf_release(&list);
}
