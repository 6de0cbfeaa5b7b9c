#include "workflow/model.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mask.h"
#include "base/mem.h"
#include "base/table.h"

/* ---- Named values ---- */

/* Frees a value and the name of its secret; what was secret does not stay in memory. */
static void
release_value(struct param *p)
{
	if (p->secret != NULL)
		explicit_bzero(p->value, strlen(p->value));
	free(p->value);
	free(p->secret);
}

void
params_release(struct params *p)
{
	for (size_t i = 0; i < p->n; i++) {
		release_value(&p->list[i]);
		free(p->list[i].name);
	}
	free(p->list);
	*p = (struct params){NULL, 0, 0};
}

struct param *
params_add(struct params *p, const char *name, const char *value, const char *secret, struct mark mark)
{
	p->list = xgrow(p->list, p->n, &p->cap, sizeof(*p->list));
	p->list[p->n++] = (struct param){
		.name = xstrdup(name),
		.value = xstrdup(value),
		.secret = secret != NULL ? xstrdup(secret) : NULL,
		.mark = mark,
	};
	return &p->list[p->n - 1];
}

static void
replace(struct param *old, const char *value, const char *secret, struct mark mark)
{
	struct param new = {
		.name = old->name,
		.value = xstrdup(value),
		.secret = secret != NULL ? xstrdup(secret) : NULL,
		.mark = mark,
	};

	release_value(old);
	*old = new;
}

void
params_set(struct params *p, const char *name, const char *value, const char *secret, struct mark mark)
{
	struct param *old = (struct param *)params_find(p, name);

	if (old != NULL)
		replace(old, value, secret, mark);
	else
		params_add(p, name, value, secret, mark);
}

void
params_merge(struct params *p, const struct params *from)
{
	struct table places = TABLE_INIT;
	size_t nold = p->n;

	/* The names of from are all different, so only those that are there now can be met again. */
	for (size_t i = 0; from->n > 0 && i < nold; i++)
		*table_at(&places, p->list[i].name, strlen(p->list[i].name)) = &p->list[i];
	for (size_t i = 0; i < from->n; i++) {
		const struct param *new = &from->list[i];
		struct param *old = table_get(&places, new->name, strlen(new->name));

		if (old != NULL)
			replace(old, new->value, new->secret, new->mark);
	}
	/* Only now, because adding moves the list. */
	for (size_t i = 0; i < from->n; i++) {
		const struct param *new = &from->list[i];

		if (table_get(&places, new->name, strlen(new->name)) == NULL)
			params_add(p, new->name, new->value, new->secret, new->mark);
	}
	table_release(&places);
}

const struct param *
params_find(const struct params *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->list[i].name, name) == 0)
			return &p->list[i];
	return NULL;
}

void
params_json(const struct params *p, struct buf *out)
{
	struct json_out o = JSON_OUT(out, -1, 0);

	json_out_open(&o, '{');
	for (size_t i = 0; i < p->n; i++) {
		json_out_key(&o, p->list[i].name);
		if (p->list[i].secret != NULL)
			json_out_str(&o, MASK_TEXT);
		else
			json_out_value(&o, json_of(p->list[i].value));
	}
	json_out_close(&o, '}');
}

/* ---- Words ---- */

const char *const policy_words[] = {
	[POLICY_LET_FINISH] = "let-finish",
	[POLICY_FAIL_FAST] = "fail-fast",
	[POLICY_DRAIN] = "drain",
	NULL
};

const char *const order_words[] = {
	[ORDER_AS_WRITTEN] = "as-written",
	[ORDER_SMALLEST_FIRST] = "smallest-first",
	[ORDER_LONGEST_FIRST] = "longest-first",
	NULL
};

const char *const run_if_words[] = {
	[RUN_IF_ALL_SUCCESS] = "all_success",
	[RUN_IF_ALL_DONE] = "all_done",
	[RUN_IF_AT_LEAST_ONE_SUCCESS] = "at_least_one_success",
	[RUN_IF_NONE_FAILED] = "none_failed",
	[RUN_IF_AT_LEAST_ONE_FAILED] = "at_least_one_failed",
	[RUN_IF_ALL_FAILED] = "all_failed",
	NULL
};

/* Finds a word; returns whether it is one of them. */
static bool
index_of(const char *const *words, const char *s, size_t *i)
{
	for (*i = 0; words[*i] != NULL; ++*i)
		if (strcmp(words[*i], s) == 0)
			return true;
	return false;
}

const char *
policy_name(enum policy p)
{
	return policy_words[p];
}

bool
policy_parse(const char *s, enum policy *p)
{
	size_t i;

	if (!index_of(policy_words, s, &i))
		return false;
	*p = (enum policy)i;
	return true;
}

const char *
order_name(enum order o)
{
	return order_words[o];
}

bool
order_parse(const char *s, enum order *o)
{
	size_t i;

	if (!index_of(order_words, s, &i))
		return false;
	*o = (enum order)i;
	return true;
}

const char *
run_if_name(enum run_if r)
{
	return run_if_words[r];
}

bool
run_if_parse(const char *s, enum run_if *r)
{
	size_t i;

	if (!index_of(run_if_words, s, &i))
		return false;
	*r = (enum run_if)i;
	return true;
}

/* ---- The workflow ---- */

void
task_release(struct task *t)
{
	free(t->name);
	free(t->path);
	free(t->file);
	free(t->working_directory);
	free(t->kernel);
	if (t->compute != NULL)
		compute_release(t->compute);
	free(t->compute);
	for (size_t i = 0; i < t->retry_on.n; i++)
		free(t->retry_on.names[i]);
	free(t->retry_on.names);
	free(t->depends_on);
	params_release(&t->parameters);
	params_release(&t->env);
}

static void
target_free(struct target *t)
{
	free(t->name);
	free(t->type);
	free(t->kernel);
	for (size_t i = 0; i < t->npreload; i++)
		free(t->preload[i]);
	free(t->preload);
	free(t->workspace);
	free(t->dbfs);
	if (t->secrets != NULL)
		explicit_bzero(t->secrets, strlen(t->secrets));
	free(t->secrets);
	databricks_free(t->databricks);
	free(t);
}

const char *
hook_name(enum hook h)
{
	static const char *const names[HOOKS] = {
		[HOOK_ON_START] = "on_start",
		[HOOK_ON_SUCCESS] = "on_success",
		[HOOK_ON_FAILURE] = "on_failure",
		[HOOK_ON_FINISH] = "on_finish",
	};

	return names[h];
}

static void
command_release(struct command *c)
{
	for (size_t i = 0; c->argv[i] != NULL; i++)
		free(c->argv[i]);
	free(c->argv);
}

void
workflow_init(struct workflow *w)
{
	*w = (struct workflow){.on_error = POLICY_LET_FINISH, .after_failures = 1, .hook_timeout = HOOK_TIMEOUT};
}

void
workflow_release(struct workflow *w)
{
	for (size_t i = 0; i < w->ntasks; i++)
		task_release(&w->tasks[i]);
	free(w->tasks);
	for (size_t i = 0; i < w->ntargets; i++)
		target_free(w->targets[i]);
	free(w->targets);
	for (size_t i = 0; i < w->npools; i++)
		free(w->pools[i].name);
	free(w->pools);
	for (size_t i = 0; i < w->ncommands; i++)
		command_release(&w->commands[i]);
	free(w->commands);
	if (w->schedule != NULL) {
		free(w->schedule->expression);
		free(w->schedule->timezone);
		free(w->schedule);
	}
	free(w->name);
	free(w->file);
	free(w->text);
	workflow_init(w);
}

const char *
workflow_label(const struct workflow *w)
{
	return w->file != NULL && strcmp(w->file, "-") == 0 ? "<stdin>" : w->file;
}
