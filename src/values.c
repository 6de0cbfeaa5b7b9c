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
	char **made;	/* the values of its parameters, JSON; NULL: not made yet */
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

/* How many bytes of a long result are shown: not half a character. */
static int
start_of(const char *result)
{
	int n = SHOWN_MAX;

	while (n > 0 && ((unsigned char)result[n] & 0xc0) == 0x80)
		n--;
	return n;
}

/* "'a' returned {...}", or what became of it instead. */
static void
put_returned(const struct record *r, struct buf *b)
{
	buf_addf(b, "'%s' ", r->task->name);
	if (r->result == NULL && r->status == STATUS_SUCCEEDED)
		buf_adds(b, "returned nothing");
	else if (r->result == NULL)
		buf_addf(b, "%s, and returned nothing", status_verb(r->status));
	else if (strlen(r->result) <= SHOWN_MAX)
		buf_addf(b, "returned %s", r->result);
	else
		buf_addf(b, "returned %.*s... (%zu bytes)", start_of(r->result), r->result, strlen(r->result));
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

/* The same of what it has set for others. */
static void
put_set(const struct record *r, struct buf *b)
{
	buf_addf(b, "'%s' %s", r->task->name, r->values == NULL ? "set no values" : "set other values");
}

/* notebooks.NAME.result or .values, and what is in it. */
static enum expression_result
look_up_result(const struct look *look, const struct expression_path *path, struct buf *value, char **why)
{
	const bool set = strcmp(path->parts[2], "values") == 0;
	const struct record *r;
	const char *text;
	struct buf message = BUF_INIT;
	struct json found = JSON_NOTHING;
	char *missing = NULL;

	r = find_record(look, path->parts[1]);
	if (r == NULL)
		return fault(why, xasprintf("there is no notebook '%s'", path->parts[1]));
	text = set ? r->values : r->result;
	if (text != NULL)
		found = expression_descend(json_of(text), path, 3, &missing);
	if (found.text != NULL) {
		buf_add(value, found.text, found.len);
		return EXPRESSION_KNOWN;
	}
	if (set)
		put_set(r, &message);
	else
		put_returned(r, &message);
	if (missing != NULL)
		buf_addf(&message, ": %s", missing);
	free(missing);
	return fault(why, buf_steal(&message));
}

static enum expression_result look_up(void *data, const struct expression_path *path, struct buf *value, char **why);

/* Makes the value of a parameter or variable that is deferred. Returns 0, or -1 with *why. */
static int
make_value(const struct look *look, const struct param *p, struct buf *json, char **why)
{
	const struct expression_scope scope = {look_up, (void *)look};
	struct expression_error e;

	if (expression_json(json_of(p->value), &scope, json, &e) == EXPRESSION_KNOWN)
		return 0;
	*why = e.message;
	return -1;
}

/* The value of a parameter, made once: others may look it up often. NULL with *why. */
static const char *
parameter(const struct look *look, const struct param *p, char **why)
{
	char **made = &look->made[p - look->task->parameters.list];
	struct buf json = BUF_INIT;

	if (!p->deferred)
		return p->value;
	if (*made != NULL)
		return *made;
	if (make_value(look, p, &json, why) == 0)
		*made = xstrdup(buf_str(&json));
	buf_release(&json);
	return *made;
}

/* Another parameter of the notebook, which looks something up itself. That they make no circle was checked. */
static enum expression_result
look_up_parameter(const struct look *look, const struct expression_path *path, struct buf *value, char **why)
{
	const struct param *p = params_find(&look->task->parameters, path->parts[1]);
	const char *json;
	struct json found;

	if (p == NULL || p->secret != NULL)
		return fault(why, xasprintf("there is no parameter '%s' that can be shown", path->parts[1]));
	json = parameter(look, p, why);
	if (json == NULL)
		return EXPRESSION_FAULT;
	found = expression_descend(json_of(json), path, 2, why);
	if (found.text == NULL)
		return EXPRESSION_FAULT;
	buf_add(value, found.text, found.len);
	return EXPRESSION_KNOWN;
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

static char *
about(const char *what, const struct param *p, char *why)
{
	char *message = xasprintf("%s '%s': %s", what, p->name, why);

	free(why);
	return message;
}

static int
make_parameters(struct params *out, const struct look *look, char **why)
{
	const struct params *from = &look->task->parameters;

	for (size_t i = 0; i < from->n; i++) {
		const struct param *p = &from->list[i];
		const char *json = parameter(look, p, why);

		if (json == NULL) {
			*why = about("parameter", p, *why);
			return -1;
		}
		params_add(out, p->name, json, p->secret, p->mark);
	}
	return 0;
}

static int
make_env(struct params *out, const struct look *look, char **why)
{
	const struct params *from = &look->task->env;

	for (size_t i = 0; i < from->n; i++) {
		const struct param *p = &from->list[i];
		struct buf json = BUF_INIT;
		int r = 0;

		if (p->deferred && (r = make_value(look, p, &json, why)) == -1)
			*why = about("environment variable", p, *why);
		else if (p->deferred)
			r = make_text(p, &json, why);
		if (r == 0)
			params_add(out, p->name, p->deferred ? buf_str(&json) : p->value, p->secret, p->mark);
		buf_release(&json);
		if (r == -1)
			return -1;
	}
	return 0;
}

int
values_make(struct task *out, const struct task *t, const struct run *run, const char *run_id, char **why)
{
	const struct look look = {t, run, run_id, xcalloc(t->parameters.n, sizeof(*look.made))};
	int r;

	*out = *t;
	out->parameters = out->env = (struct params){NULL, 0, 0};
	r = make_parameters(&out->parameters, &look, why) == 0 && make_env(&out->env, &look, why) == 0 ? 0 : -1;
	for (size_t i = 0; i < t->parameters.n; i++)
		free(look.made[i]);
	free(look.made);
	if (r == -1)
		values_release(out);
	return r;
}

void
values_release(struct task *out)
{
	params_release(&out->parameters);
	params_release(&out->env);
}

void
values_put_all(const struct task *t, const struct run *run, struct buf *out)
{
	struct json_out o = JSON_OUT(out, -1, 0);

	json_out_open(&o, '{');
	for (size_t i = 0; i < t->ndepends_on; i++) {
		const struct record *r = &run->records[t->depends_on[i]];

		json_out_key(&o, r->task->name);
		json_out_value(&o, json_of(r->values != NULL ? r->values : "{}"));
	}
	json_out_close(&o, '}');
}
