/* The value of a parameter in a saved job. */
#include "databricks/job.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "workflow/expression.h"

static enum expression_result look_up(void *data, const struct expression_path *path, struct buf *value, char **why);

/* Appends the value as JSON. That parameters make no circle has been checked when they were loaded. */
static int
put_json(const struct task *t, const struct param *p, struct buf *json, char **why)
{
	const struct expression_scope scope = {look_up, (void *)t};
	struct expression_error e;

	if (!p->deferred) {
		buf_adds(json, p->value);
		return 0;
	}
	if (expression_json(json_of(p->value), &scope, json, &e) == EXPRESSION_KNOWN)
		return 0;
	*why = e.message;
	return -1;
}

static enum expression_result
fault(char **why, const char *message)
{
	*why = xstrdup(message);
	return EXPRESSION_FAULT;
}

static enum expression_result
look_up_parameter(const struct task *t, const struct expression_path *path, struct buf *value, char **why)
{
	const struct param *p = path->n >= 2 ? params_find(&t->parameters, path->parts[1]) : NULL;
	struct buf json = BUF_INIT;
	struct json found = JSON_NOTHING;

	if (p == NULL || p->secret != NULL)
		return fault(why, "there is no such parameter that can be shown");
	if (put_json(t, p, &json, why) == 0)
		found = expression_descend(json_of(buf_str(&json)), path, 2, why);
	if (found.text != NULL)
		buf_add(value, found.text, found.len);
	buf_release(&json);
	return found.text != NULL ? EXPRESSION_KNOWN : EXPRESSION_FAULT;
}

static enum expression_result
look_up(void *data, const struct expression_path *path, struct buf *value, char **why)
{
	const struct task *t = data;

	if (strcmp(path->parts[0], "run") == 0) {
		json_put_str(value, "{{job.run_id}}");
		return EXPRESSION_KNOWN;
	}
	if (strcmp(path->parts[0], "parameters") == 0)
		return look_up_parameter(t, path, value, why);
	return fault(why, "a saved job does not hand the result of a notebook to another; write it to a table, or let "
	    "the notebooks use dbutils.jobs.taskValues");
}

int
job_value(const struct task *t, const struct param *p, struct buf *text, char **why)
{
	struct buf json = BUF_INIT;
	int r = put_json(t, p, &json, why);

	if (r == 0 && json_type(json_of(buf_str(&json))) == JSON_STRING)
		json_decode(text, json_of(buf_str(&json)));
	else if (r == 0)
		json_put(text, json_of(buf_str(&json)), &JSON_ONE_LINE);
	buf_release(&json);
	return r;
}
