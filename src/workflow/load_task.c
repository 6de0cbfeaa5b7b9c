/* The notebooks of a workflow: completing a task and adding it, the list, and what is common to them. */
#include "workflow/making.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

bool
loader_path_ok(struct loader *l, struct mark at, const char *path, const struct target *target)
{
	if (name_notebook_ending(path) != NULL)
		return true;
	if (target->databricks != NULL && *path == '/')
		return true;
	loader_problem(l, at, "'%.*s' is no notebook: its name must end in .ipynb, .py, .sql, .r or .scala%s", SHOWN(path),
	    target->databricks != NULL ? "; a notebook of the workspace has an absolute path" : "");
	return false;
}

/* Whether a path names a notebook of the workspace: absolute, and no file of this machine. */
static bool
is_remote(const struct task *t)
{
	return t->target->databricks != NULL && *t->path == '/' && access(t->path, F_OK) == -1;
}

void
loader_task_init(struct loader *l, struct task *t, struct mark at)
{
	(void)l;
	*t = (struct task){
		.retry_delay = NSEC_PER_SEC,
		.retry_backoff = 2,
		.retry_on.kinds = 1u << ERROR_NOTEBOOK | 1u << ERROR_KERNEL | 1u << ERROR_TARGET | 1u << ERROR_WORKER,
		.pool = NO_POOL,
		.mark = at,
		.path_mark = at,
		.working_directory_mark = at,
	};
}

/* Gives a task its name where it has none, and the name to nobody else. */
static bool
settle_name(struct loader *l, struct task *t)
{
	const char *instead = "; give the notebook another by the key 'name'";
	const struct task *first;
	void **place;

	if (t->name == NULL)
		return false;	/* there was one, which cannot be used */
	if (l->label == NULL)
		instead = "; a workflow file can give the notebook another by the key 'name'";
	else if (t->name_mark.line != t->path_mark.line || t->name_mark.column != t->path_mark.column)
		instead = "";
	if (!loader_name_ok(l, t->name_mark, "name", t->name, instead))
		return false;
	place = table_at(&l->names, t->name, strlen(t->name));
	if (*place == NULL) {
		*place = (void *)(uintptr_t)(l->w->ntasks + 1);
		return true;
	}
	first = &l->w->tasks[(uintptr_t)*place - 1];
	if (l->label != NULL && first->mark.line == t->mark.line && first->mark.column == t->mark.column)
		loader_problem(l, t->name_mark, "two of the notebooks that are made here would be named '%.*s'; "
		    "let the name tell them apart, such as by another part of {{ item }} or {{ matrix }}", SHOWN(t->name));
	else if (l->label != NULL)
		loader_problem(l, t->name_mark, "name '%.*s' is that of the notebook at line %u already; "
		    "give one of them another by the key 'name'", SHOWN(t->name), first->name_mark.line);
	else
		loader_problem(l, NO_MARK, "'%.*s' and '%.*s' would both be named '%.*s'; "
		    "write a workflow file that names them", SHOWN(first->path), SHOWN(t->path), SHOWN(t->name));
	return false;
}

static size_t
params_bytes(const struct params *p)
{
	size_t sum = 0;

	for (size_t i = 0; i < p->n; i++)
		sum += sizeof(p->list[i]) + strlen(p->list[i].name) + strlen(p->list[i].value);
	return sum;
}

bool
loader_task_add(struct loader *l, struct task *t, struct draft *d)
{
	struct workflow *w = l->w;

	if (w->ntasks >= TASKS_MAX) {
		loader_problem(l, t->mark, "there are more than %d notebooks", TASKS_MAX);
		task_release(t);
		draft_release(d);
		return false;
	}
	if (t->target == NULL)
		t->target = w->target;
	if (t->path == NULL || !loader_path_ok(l, t->path_mark, t->path, t->target) || !settle_name(l, t)) {
		task_release(t);
		draft_release(d);
		return true;
	}
	t->remote = is_remote(t);
	t->file = t->remote ? xstrdup(t->path) : file_join(l->folder, t->path);
	if (t->working_directory == NULL)
		t->working_directory = file_folder(t->remote ? l->folder : t->file);
	if (t->kernel == NULL)
		t->kernel_mark = t->path_mark;

	l->copied += params_bytes(&t->parameters) + params_bytes(&t->env);
	w->tasks = xgrow(w->tasks, w->ntasks, &l->tasks_cap, sizeof(*w->tasks));
	l->drafts = xgrow(l->drafts, w->ntasks, &l->drafts_cap, sizeof(*l->drafts));
	l->drafts[w->ntasks] = *d;
	w->tasks[w->ntasks++] = *t;
	if (l->copied <= COPIES_BYTES_MAX)
		return true;
	loader_problem(l, t->mark, "the parameters of all notebooks up to this one take more than %u MiB; "
	    "put large data into files", COPIES_BYTES_MAX / 1024 / 1024);
	return false;
}

/* ---- What is common to them ---- */

const struct kind loader_defaults_kind = {.type = KIND_MAP, .keys = &loader_task_keys, .common = true};

static void
refuse_default(struct loader *l, const struct yaml_key *key)
{
	for (size_t i = 0; i < loader_task_keys.n; i++)
		if (loader_task_keys.list[i].own && strcmp(key->name, loader_task_keys.list[i].name) == 0)
			loader_problem(l, key->mark, "'%s' cannot have a default; every notebook has its own", key->name);
}

void
loader_defaults(struct loader *l, const struct yaml_node *value)
{
	const struct yaml_node *node;

	if (!loader_is_map(l, "defaults", value))
		return;
	loader_check_keys(l, value, &loader_task_keys);
	for (size_t i = 0; i < value->n; i++)
		refuse_default(l, &value->keys[i]);
	l->defaults = value;
	if ((node = yaml_get(value, "parameters")) != NULL)
		loader_parameters(l, node, &l->default_parameters);
	if ((node = yaml_get(value, "env")) != NULL)
		loader_env(l, node, &l->default_env);
}

/* ---- The list ---- */

/* What the notebooks of one entry have in common. */
struct entry {
	const struct yaml_node *node;
	const struct yaml_node *map;	/* node, when it is one, else an empty one */
	const struct yaml_node *path, *name;	/* as written; name may be NULL */
	struct sources parameters, env;
	enum loader_each each;
	struct rows rows;
};

static void
set_path(struct loader *l, struct task *t, const struct yaml_node *written)
{
	struct yaml_node *value = loader_evaluate(l, written);
	char *path = value != NULL ? loader_text(l, "path", value) : NULL;

	t->path_mark = written->mark;
	t->path = path;
	yaml_node_free(value);
}

/* Sets the name of the notebook that is made for row number i. */
static void
set_name(struct loader *l, struct task *t, const struct entry *e, size_t i)
{
	struct yaml_node *value = NULL;
	bool own = false;
	char *name;

	if (e->name != NULL) {
		t->name_mark = e->name->mark;
		l->scope->naming = true;
		value = loader_evaluate(l, e->name);
		l->scope->naming = false;
		t->name = value != NULL ? loader_text(l, "name", value) : NULL;
		own = loader_has_expression(e->name);
		yaml_node_free(value);
	} else if (t->path != NULL) {
		t->name = name_of_path(t->path);
		t->name_mark = t->path_mark;
		own = loader_has_expression(e->path);
	}
	if (t->name != NULL && e->each != EACH_ONCE && !own) {
		name = xasprintf("%s-%zu", t->name, i + 1);
		free(t->name);
		t->name = name;
	}
}

/* Makes the notebook of row number i. Returns false when no more are to be made. */
static bool
make(struct loader *l, const struct entry *e, size_t i)
{
	struct making m = {.draft = {NULL, 0, NO_MARK}};
	struct scope scope;
	bool go_on;

	scope_init(&scope, &e->parameters);
	scope.is_notebook = true;
	if (e->each == EACH_ITEM)
		scope.item = json_of(e->rows.list[i]);
	else if (e->each == EACH_COMBINATION)
		scope.matrix = json_of(e->rows.list[i]);
	l->scope = &scope;
	loader_task_init(l, &m.task, e->node->mark);
	set_path(l, &m.task, e->path);
	set_name(l, &m.task, e, i);
	scope.name = m.task.name != NULL ? m.task.name : "?";	/* what is wrong with it has been said */
	loader_map(l, e->map, l->defaults, &loader_task_keys, &m);
	/* The target of defaults is that of the workflow in another place, and -t replaces both. */
	if (l->options->target != NULL && yaml_get(e->map, "target") == NULL)
		m.task.target = NULL;
	loader_put_parameters(l, &scope, &m.task.parameters);
	loader_put_env(l, &e->env, &m.task.env);
	go_on = loader_task_add(l, &m.task, &m.draft);
	scope_release(&scope);
	l->scope = &l->top;
	return go_on;
}

/* Reads what the entry is repeated for, which may look up its parameters. */
static bool
read_rows(struct loader *l, struct entry *e)
{
	struct scope scope;
	bool ok;

	scope_init(&scope, &e->parameters);
	l->scope = &scope;
	ok = loader_each(l, e->map, &e->each, &e->rows);
	l->scope = &l->top;
	scope_release(&scope);
	return ok;
}

/* Reads an entry of the list. Returns false when no more are to be read. */
static bool
read_entry(struct loader *l, const struct yaml_node *node)
{
	static const struct yaml_node empty = {.type = YAML_MAP};
	struct entry e = {.node = node, .map = node->type == YAML_MAP ? node : &empty, .rows = ROWS_INIT};
	const struct yaml_node *value;
	bool go_on = true;

	e.path = node->type == YAML_MAP ? yaml_get(node, "path") : node;
	e.name = yaml_get(e.map, "name");
	if (e.path == NULL) {
		loader_check_keys(l, node, &loader_task_keys);
		loader_missing(l, node, &loader_task_keys.list[0]);
		return true;
	}
	sources_merge(&e.parameters, &l->parameters);
	sources_merge(&e.parameters, &l->default_parameters);
	if ((value = yaml_get(e.map, "parameters")) != NULL)
		loader_parameters(l, value, &e.parameters);
	sources_merge(&e.parameters, &l->overrides);
	sources_merge(&e.env, &l->default_env);
	if ((value = yaml_get(e.map, "env")) != NULL)
		loader_env(l, value, &e.env);
	if (read_rows(l, &e))
		for (size_t i = 0; go_on && i < (e.each == EACH_ONCE ? 1 : e.rows.n); i++)
			go_on = make(l, &e, i);
	rows_release(&e.rows);
	sources_release(&e.parameters);
	sources_release(&e.env);
	return go_on;
}

static const struct kind notebook_path = {.type = KIND_TEXT};
static const struct kind notebook_or_path = {.type = KIND_MAP, .keys = &loader_task_keys, .other = &notebook_path};
const struct kind loader_notebooks_kind = {.type = KIND_LIST, .items = &notebook_or_path, .some = true};

void
loader_notebooks(struct loader *l, const struct yaml_node *value)
{
	if (value->type != YAML_LIST) {
		loader_problem(l, value->mark, "'notebooks' must be a list of notebooks, not %s",
		    yaml_type_name(value->type));
		return;
	}
	if (value->n == 0)
		loader_problem(l, value->mark, "'notebooks' is empty; list the notebooks to run");
	for (size_t i = 0; i < value->n; i++) {
		const struct yaml_node *node = value->items[i];

		if (node->type == YAML_LIST || node->type == YAML_NULL)
			loader_problem(l, node->mark, "a notebook must be a path or a map with the key 'path', not %s",
			    yaml_type_name(node->type));
		else if (!read_entry(l, node))
			return;
	}
}
