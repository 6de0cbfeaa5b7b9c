#include "values.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "workflow/expression.h"

#define SHOWN_MAX 200	/* bytes of a result in a message */

struct look {
	const struct task *task;
	const struct run *run;
	const char *run_id;
};

static bool
any_deferred(const struct params *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->list[i].deferred)
			return true;
	return false;
}

bool
values_needed(const struct task *t)
{
	return any_deferred(&t->parameters) || any_deferred(&t->env);
}

static enum expression_result
fault(char **why, char *message)
{
	*why = message;
	return EXPRESSION_FAULT;
}

/* "'a' returned {...}", or what became of it instead. */
static void
put_returned(const struct record *r, struct buf *b)
{
	buf_addf(b, "'%s' ", r->task->name);
	if (r->result == NULL && r->status == STATUS_SUCCEEDED)
		buf_adds(b, "returned nothing");
	else if (r->result == NULL)
		buf_addf(b, "%s, and returned nothing", r->status == STATUS_SKIPPED ? "was skipped" : status_name(r->status));
	else if (strlen(r->result) <= SHOWN_MAX)
		buf_addf(b, "returned %s", r->result);
	else
		buf_addf(b, "returned %.*s... (%zu bytes)", SHOWN_MAX, r->result, strlen(r->result));
}

/* The record of a notebook: nearly always of one that is depended on directly. */
static const struct record *
find_record(const struct look *look, const char *name)
{
	const struct task *t = look->task;

	for (size_t i = 0; i < t->ndepends_on; i++)
		if (strcmp(look->run->records[t->depends_on[i]].task->name, name) == 0)
			return &look->run->records[t->depends_on[i]];
	for (size_t i = 0; i < look->run->n; i++)
		if (strcmp(look->run->records[i].task->name, name) == 0)
			return &look->run->records[i];
	return NULL;
}

static enum expression_result
look_up_result(const struct look *look, const struct expression_path *path, struct buf *value, char **why)
{
	const struct record *r;
	struct buf message = BUF_INIT;
	struct json found = JSON_NOTHING;
	char *missing = NULL;

	r = find_record(look, path->parts[1]);
	if (r == NULL)
		return fault(why, xasprintf("there is no notebook '%s'", path->parts[1]));
	if (r->result != NULL)
		found = expression_descend(json_of(r->result), path, 3, &missing);
	if (found.text != NULL) {
		buf_add(value, found.text, found.len);
		return EXPRESSION_KNOWN;
	}
	put_returned(r, &message);
	if (missing != NULL)
		buf_addf(&message, ": %s", missing);
	free(missing);
	return fault(why, buf_steal(&message));
}

static enum expression_result look_up(void *data, const struct expression_path *path, struct buf *value, char **why);

/* Another parameter of the notebook, which looks something up itself. That they make no circle was checked. */
static enum expression_result
look_up_parameter(const struct look *look, const struct expression_path *path, struct buf *value, char **why)
{
	const struct expression_scope scope = {look_up, (void *)look};
	const struct param *p = params_find(&look->task->parameters, path->parts[1]);
	struct expression_error e;
	struct buf json = BUF_INIT;
	struct json found;

	if (p == NULL || p->secret != NULL)
		return fault(why, xasprintf("there is no parameter '%s' that can be shown", path->parts[1]));
	if (!p->deferred) {
		buf_adds(&json, p->value);
	} else if (expression_json(json_of(p->value), &scope, &json, &e) != EXPRESSION_KNOWN) {
		buf_release(&json);
		return fault(why, e.message);
	}
	found = expression_descend(json_of(buf_str(&json)), path, 2, why);
	if (found.text != NULL)
		buf_add(value, found.text, found.len);
	buf_release(&json);
	return found.text != NULL ? EXPRESSION_KNOWN : EXPRESSION_FAULT;
}

static enum expression_result
look_up(void *data, const struct expression_path *path, struct buf *value, char **why)
{
	const struct look *look = data;

	if (strcmp(path->parts[0], "run") == 0) {
		json_put_str(value, look->run_id);
		return EXPRESSION_KNOWN;
	}
	if (strcmp(path->parts[0], "notebooks") == 0 && path->n >= 3)
		return look_up_result(look, path, value, why);
	if (strcmp(path->parts[0], "parameters") == 0 && path->n >= 2)
		return look_up_parameter(look, path, value, why);
	return fault(why, xasprintf("there is no '%s'", path->parts[0]));
}

/* The value of a variable is text. */
static int
make_text(const struct param *p, struct buf *json, char **why)
{
	struct json v = json_of(buf_str(json));
	struct buf text = BUF_INIT;
	enum json_type type = json_type(v);

	if (type == JSON_STRING)
		return 0;
	if (type != JSON_NUMBER && type != JSON_TRUE && type != JSON_FALSE) {
		*why = xasprintf("environment variable '%s' would be %s, which is no text", p->name,
		    type == JSON_NULL ? "null" : type == JSON_ARRAY ? "a list" : "a map");
		return -1;
	}
	json_put_string(&text, v.text, v.len);
	buf_release(json);
	*json = text;
	return 0;
}

static int
make_all(struct params *out, const struct params *from, bool texts, const struct look *look, char **why)
{
	const struct expression_scope scope = {look_up, (void *)look};

	for (size_t i = 0; i < from->n; i++) {
		const struct param *p = &from->list[i];
		struct expression_error e;
		struct buf json = BUF_INIT;
		int r = 0;

		if (!p->deferred) {
			buf_adds(&json, p->value);
		} else if (expression_json(json_of(p->value), &scope, &json, &e) != EXPRESSION_KNOWN) {
			*why = xasprintf("%s '%s': %s", texts ? "environment variable" : "parameter", p->name, e.message);
			free(e.message);
			r = -1;
		} else if (texts) {
			r = make_text(p, &json, why);
		}
		if (r == 0)
			params_add(out, p->name, buf_str(&json), p->secret, p->mark);
		buf_release(&json);
		if (r == -1)
			return -1;
	}
	return 0;
}

int
values_make(struct task *out, const struct task *t, const struct run *run, const char *run_id, char **why)
{
	const struct look look = {t, run, run_id};

	*out = *t;
	out->parameters = out->env = (struct params){NULL, 0, 0};
	if (make_all(&out->parameters, &t->parameters, false, &look, why) == 0 &&
	    make_all(&out->env, &t->env, true, &look, why) == 0)
		return 0;
	values_release(out);
	return -1;
}

void
values_release(struct task *out)
{
	params_release(&out->parameters);
	params_release(&out->env);
}
