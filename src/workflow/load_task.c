/* Reading the notebooks of a workflow, and what is common to them. */
#include "workflow/loader.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

/* ---- The keys of a notebook ---- */

static void
set_path(struct loader *l, struct task *t, const char *key, const struct yaml_node *value)
{
	char *path = loader_text(l, key, value);

	if (path != NULL && loader_path_ok(l, value->mark, path)) {
		t->path = path;
		t->path_mark = value->mark;
	} else {
		free(path);
	}
}

static void
read_path(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	set_path(l, into, key->name, value);
}

static void
read_name(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct task *t = into;
	char *name = loader_text(l, key->name, value);

	t->name_mark = value->mark;
	if (name != NULL && loader_name_ok(l, value->mark, "name", name, ""))
		t->name = name;
	else
		free(name);
}

static void
read_parameters(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct task *t = into;

	(void)key;
	loader_parameters(l, value, &t->parameters);
}

static void
read_env(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct task *t = into;

	(void)key;
	loader_env(l, value, &t->env);
}

static void
read_timeout(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct task *t = into;

	loader_seconds(l, key->name, value, &t->timeout);
}

static void
read_cell_timeout(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct task *t = into;

	loader_seconds(l, key->name, value, &t->cell_timeout);
}

static void
read_allow_failure(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct task *t = into;

	loader_bool(l, key->name, value, &t->allow_failure);
}

static void
read_allow_errors(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct task *t = into;

	loader_bool(l, key->name, value, &t->allow_errors);
}

static void
read_kernel(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct task *t = into;
	char *kernel = loader_text(l, key->name, value);

	if (kernel == NULL)
		return;
	free(t->kernel);
	t->kernel = kernel;
	t->kernel_mark = value->mark;
}

static void
read_working_directory(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct task *t = into;
	char *directory = loader_text(l, key->name, value);

	if (directory == NULL)
		return;
	free(t->working_directory);
	t->working_directory = file_join(l->folder, directory);
	t->working_directory_mark = value->mark;
	free(directory);
}

static void
read_target(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct task *t = into;
	char *name = loader_text(l, key->name, value);
	const struct target *target;

	if (name == NULL)
		return;
	target = loader_target(l, value->mark, "target is", name);
	if (target != NULL)
		t->target = target;
	free(name);
}

static void
refuse_default(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	(void)into;
	(void)value;
	loader_problem(l, key->mark, "'%s' cannot have a default; every notebook has its own", key->name);
}

#define COMMON_KEYS \
	{"parameters", read_parameters}, \
	{"timeout_seconds", read_timeout}, \
	{"cell_timeout_seconds", read_cell_timeout}, \
	{"allow_failure", read_allow_failure}, \
	{"allow_errors", read_allow_errors}, \
	{"kernel", read_kernel}, \
	{"working_directory", read_working_directory}, \
	{"env", read_env}, \
	{"target", read_target}, \
	{"for_each", NULL}, \
	{"matrix", NULL}, \
	{"depends_on", NULL}, \
	{"run_if", NULL}, \
	{"retries", NULL}, \
	{"retry_delay_seconds", NULL}, \
	{"retry_backoff", NULL}, \
	{"retry_on_timeout", NULL}, \
	{"priority", NULL}, \
	{"pool", NULL}, \
	{"memory_limit", NULL}, \
	{"threads", NULL}

static const struct loader_key task_keys[] = {
	{"path", read_path},
	{"name", read_name},
	COMMON_KEYS
};

static const struct loader_key default_keys[] = {
	{"path", refuse_default},
	{"name", refuse_default},
	COMMON_KEYS
};

/* ---- Notebooks ---- */

bool
loader_path_ok(struct loader *l, struct mark at, const char *path)
{
	static const char *const sources[] = {".py", ".sql", ".r", ".R", ".scala"};

	if (name_ends(path, ".ipynb"))
		return true;
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		if (name_ends(path, sources[i])) {
			loader_problem(l, at, "'%.*s': source notebooks (%s) are not supported yet; use an .ipynb file",
			    SHOWN(path), sources[i]);
			return false;
		}
	}
	loader_problem(l, at, "'%.*s' is no notebook: its name must end in .ipynb", SHOWN(path));
	return false;
}

void
loader_task_init(struct loader *l, struct task *t, struct mark at)
{
	const struct task *d = &l->defaults;

	*t = (struct task){
		.working_directory = d->working_directory != NULL ? xstrdup(d->working_directory) : NULL,
		.kernel = d->kernel != NULL ? xstrdup(d->kernel) : NULL,
		.timeout = d->timeout,
		.cell_timeout = d->cell_timeout,
		.allow_failure = d->allow_failure,
		.allow_errors = d->allow_errors,
		.target = d->target,
		.mark = at,
		.path_mark = at,
		.kernel_mark = d->kernel_mark,
		.working_directory_mark = d->working_directory != NULL ? d->working_directory_mark : at,
	};
	params_merge(&t->parameters, &l->parameters);
	params_merge(&t->env, &d->env);
}

/* Gives a task its name where it has none, and the name to nobody else. */
static bool
settle_name(struct loader *l, struct task *t)
{
	const char *instead = "; give the notebook another by the key 'name'";
	const struct task *first;
	void **place;

	if (t->name == NULL && t->name_mark.line != 0)
		return false;	/* there was one, which cannot be used */
	if (t->name == NULL) {
		t->name = name_of_path(t->path);
		t->name_mark = t->path_mark;
		if (l->label == NULL)
			instead = "; a workflow file can give the notebook another by the key 'name'";
		if (!loader_name_ok(l, t->path_mark, "name", t->name, instead))
			return false;
	}
	place = table_at(&l->names, t->name, strlen(t->name));
	if (*place == NULL) {
		*place = (void *)(uintptr_t)(l->w->ntasks + 1);
		return true;
	}
	first = &l->w->tasks[(uintptr_t)*place - 1];
	if (l->label != NULL)
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
loader_task_add(struct loader *l, struct task *t)
{
	struct workflow *w = l->w;

	if (t->path == NULL || !settle_name(l, t)) {
		task_release(t);
		return true;
	}
	params_merge(&t->parameters, &l->overrides);
	t->file = file_join(l->folder, t->path);
	if (t->working_directory == NULL)
		t->working_directory = file_folder(t->file);
	if (t->kernel == NULL)
		t->kernel_mark = t->path_mark;
	if (t->target == NULL)
		t->target = w->target;

	l->copied += params_bytes(&t->parameters) + params_bytes(&t->env);
	w->tasks = xgrow(w->tasks, w->ntasks, &l->tasks_cap, sizeof(*w->tasks));
	w->tasks[w->ntasks++] = *t;
	if (l->copied <= COPIES_BYTES_MAX)
		return true;
	loader_problem(l, t->mark, "the parameters of all notebooks up to this one take more than %u MiB; "
	    "put large data into files", COPIES_BYTES_MAX / 1024 / 1024);
	return false;
}

void
loader_defaults(struct loader *l, const struct yaml_node *value)
{
	size_t n = sizeof(default_keys) / sizeof(default_keys[0]);

	if (loader_is_map(l, "defaults", value))
		loader_map(l, value, default_keys, n, &l->defaults);
	params_merge(&l->parameters, &l->defaults.parameters);
}

void
loader_notebooks(struct loader *l, const struct yaml_node *value)
{
	struct task t;

	if (value->type != YAML_LIST) {
		loader_problem(l, value->mark, "'notebooks' must be a list of notebooks, not %s",
		    yaml_type_name(value->type));
		return;
	}
	if (value->n == 0)
		loader_problem(l, value->mark, "'notebooks' is empty; list the notebooks to run");
	for (size_t i = 0; i < value->n; i++) {
		const struct yaml_node *entry = value->items[i];

		if (entry->type == YAML_LIST || entry->type == YAML_NULL) {
			loader_problem(l, entry->mark, "a notebook must be a path or a map with the key 'path', not %s",
			    yaml_type_name(entry->type));
			continue;
		}
		loader_task_init(l, &t, entry->mark);
		if (entry->type != YAML_MAP)
			set_path(l, &t, "path", entry);
		else if (yaml_get(entry, "path") == NULL)
			loader_problem(l, entry->mark, "key 'path' is missing; it says which notebook to run");
		if (entry->type == YAML_MAP)
			loader_map(l, entry, task_keys, sizeof(task_keys) / sizeof(task_keys[0]), &t);
		if (!loader_task_add(l, &t))
			return;
	}
}
