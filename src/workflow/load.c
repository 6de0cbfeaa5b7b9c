#include "workflow/load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "workflow/loader.h"

/* ---- Targets ---- */

static struct target *
add_target(struct workflow *w, const char *name, struct mark at)
{
	struct target *t = xcalloc(1, sizeof(*t));

	t->name = xstrdup(name);
	t->type = xstrdup("local");
	t->transport = TRANSPORT_AUTO;
	t->startup_timeout = 60 * NSEC_PER_SEC;
	t->shutdown_grace = 500 * NSEC_PER_MSEC;
	t->mark = at;
	w->targets = xreallocarray(w->targets, w->ntargets + 1, sizeof(*w->targets));
	w->targets[w->ntargets++] = t;
	return t;
}

static struct target *
find_target(const struct workflow *w, const char *name)
{
	for (size_t i = 0; i < w->ntargets; i++)
		if (strcmp(w->targets[i]->name, name) == 0)
			return w->targets[i];
	return NULL;
}

const struct target *
loader_target(struct loader *l, struct mark at, const char *subject, const char *name)
{
	const struct target *t = find_target(l->w, name);
	const char **known;

	if (t != NULL)
		return t;
	known = xreallocarray(NULL, l->w->ntargets, sizeof(*known));
	for (size_t i = 0; i < l->w->ntargets; i++)
		known[i] = l->w->targets[i]->name;
	loader_none_of(l, at, subject, name, known, l->w->ntargets);
	free(known);
	return NULL;
}

void
loader_choose_target(struct loader *l)
{
	const struct target *t;

	if (l->options->target == NULL)
		return;
	l->option = "--target";
	t = loader_target(l, NO_MARK, "the target is", l->options->target);
	if (t != NULL)
		l->w->target = t;
	l->option = NULL;
}

static void
read_target_type(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	static const char *const types[] = {"local"};
	size_t type;

	(void)into;
	loader_choice(l, key->name, value, types, 1, &type);
}

static void
read_target_kernel(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct target *t = into;

	t->kernel = loader_text(l, key->name, value);
}

static void
read_transport(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	static const char *const transports[] = {
		[TRANSPORT_AUTO] = "auto",
		[TRANSPORT_IPC] = "ipc",
		[TRANSPORT_TCP] = "tcp",
	};
	struct target *t = into;
	size_t transport;

	if (loader_choice(l, key->name, value, transports, 3, &transport))
		t->transport = (enum transport)transport;
}

static void
read_startup_timeout(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct target *t = into;

	if (!loader_seconds(l, key->name, value, &t->startup_timeout))
		return;
	if (t->startup_timeout == 0)
		loader_problem(l, value->mark, "'%s' must be more than 0: no kernel starts in no time", key->name);
}

static void
read_shutdown_grace(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct target *t = into;

	loader_seconds(l, key->name, value, &t->shutdown_grace);
}

static const struct loader_key target_keys[] = {
	{"type", read_target_type},
	{"kernel", read_target_kernel},
	{"transport", read_transport},
	{"startup_timeout_seconds", read_startup_timeout},
	{"shutdown_seconds", read_shutdown_grace},
	{"preload", NULL},
	{"warm", NULL},
};

static void
read_target(struct loader *l, const struct yaml_key *key, const struct yaml_node *value)
{
	const struct yaml_node *type = yaml_get(value, "type");
	struct target *t;

	if (!loader_no_expression(l, key->mark, key->name) || !loader_name_ok(l, key->mark, "target", key->name, ""))
		return;
	t = find_target(l->w, key->name);
	if (t == NULL)
		t = add_target(l->w, key->name, key->mark);
	t->mark = key->mark;
	if (!loader_is_map(l, key->name, value))
		return;
	if (type != NULL && type->type == YAML_STRING && strcmp(type->text, "databricks") == 0) {
		loader_problem(l, type->mark, "type 'databricks' is not supported yet");
		return;	/* with keys of its own, which are nobody's fault */
	}
	if (type == NULL && strcmp(key->name, "local") != 0)
		loader_problem(l, key->mark, "key 'type' of target '%.*s' is missing; write 'type: local'",
		    SHOWN(key->name));
	loader_map(l, value, target_keys, sizeof(target_keys) / sizeof(target_keys[0]), t);
}

/* ---- The keys of a workflow ---- */

static void
read_name(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct workflow *w = into;
	char *name = loader_text(l, key->name, value);

	if (name == NULL || !loader_name_ok(l, value->mark, "name", name, "")) {
		free(name);
		name = xstrdup("workflow");	/* keeps the file's from being looked at too */
	}
	w->name = name;
}

static void
read_processes(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct workflow *w = into;
	int64_t n;

	if (loader_integer(l, key->name, value, 1, PROCESSES_MAX, &n))
		w->processes = (unsigned)n;
}

static const char *const policies[] = {"fail-fast", "let-finish", "drain"};
#define NPOLICIES (sizeof(policies) / sizeof(policies[0]))

static void
read_on_error(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct workflow *w = into;
	size_t i;

	if (value->type == YAML_MAP)
		loader_problem(l, value->mark,
		    "'on_error' as a map is not supported yet; write one of fail-fast, let-finish, drain");
	else if (loader_choice(l, key->name, value, policies, NPOLICIES, &i))
		policy_parse(policies[i], &w->on_error);
}

static void
read_timeout(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct workflow *w = into;

	loader_seconds(l, key->name, value, &w->timeout);
}

static void
read_targets(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	(void)into;
	if (!loader_is_map(l, key->name, value))
		return;
	if (value->n > TARGETS_MAX)
		loader_problem(l, key->mark, "there are more than %d targets", TARGETS_MAX);
	for (size_t i = 0; i < value->n && i < TARGETS_MAX; i++)
		read_target(l, &value->keys[i], value->items[i]);
}

static void
read_default_target(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct workflow *w = into;
	char *name = loader_text(l, key->name, value);
	const struct target *t = name != NULL ? loader_target(l, value->mark, "target is", name) : NULL;

	if (t != NULL && l->options->target == NULL)
		w->target = t;
	free(name);
}

static void
read_parameters(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	(void)into;
	(void)key;
	loader_parameters(l, value, &l->parameters);
}

static void
read_defaults(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	(void)into;
	(void)key;
	loader_defaults(l, value);
	/* The target of defaults is that of the workflow in another place, and -t replaces both. */
	if (l->options->target != NULL)
		l->defaults.target = NULL;
}

static void
read_notebooks(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	(void)into;
	(void)key;
	loader_choose_target(l);	/* of those that have been read before */
	loader_notebooks(l, value);
}

static void
misplaced(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	(void)into;
	(void)value;
	loader_problem(l, key->mark,
	    "key '%s' belongs to a notebook; to set it for all of them, write it under 'defaults'", key->name);
}

static const struct loader_key workflow_keys[] = {
	{"name", read_name},
	{"processes", read_processes},
	{"on_error", read_on_error},
	{"timeout_seconds", read_timeout},
	{"targets", read_targets},
	{"target", read_default_target},
	{"parameters", read_parameters},
	{"defaults", read_defaults},
	{"notebooks", read_notebooks},
	{"cell_timeout_seconds", misplaced},
	{"allow_failure", misplaced},
	{"allow_errors", misplaced},
	{"kernel", misplaced},
	{"working_directory", misplaced},
	{"env", misplaced},
	{"order", NULL},
	{"pools", NULL},
	{"limits", NULL},
	{"hooks", NULL},
};

/* ---- The whole ---- */

void
loader_init(struct loader *l, struct workflow *w, const char *folder, const struct overrides *o, struct problems *p)
{
	*l = (struct loader){.w = w, .folder = folder, .options = o, .problems = p, .names = TABLE_INIT};
	w->target = add_target(w, "local", NO_MARK);
	loader_overrides(l);
}

void
loader_release(struct loader *l)
{
	params_release(&l->overrides);
	params_release(&l->parameters);
	task_release(&l->defaults);
	table_release(&l->names);
}

void
loader_finish(struct loader *l)
{
	const struct overrides *o = l->options;
	struct workflow *w = l->w;

	if (o->on_error != NULL && !policy_parse(o->on_error, &w->on_error)) {
		l->option = "--on-error";
		loader_none_of(l, NO_MARK, "the policy is", o->on_error, policies, NPOLICIES);
		l->option = NULL;
	}
	if (o->processes > PROCESSES_MAX) {
		l->option = "--processes";
		loader_problem(l, NO_MARK, "must be a whole number from 1 to %d, not %u", PROCESSES_MAX, o->processes);
		l->option = NULL;
	}
	if (o->processes != 0)
		w->processes = o->processes;
	else if (w->processes == 0)
		w->processes = proc_cpus();
}

static void
default_name(struct loader *l)
{
	struct workflow *w = l->w;

	w->name = strcmp(w->file, "-") == 0 ? xstrdup("workflow") : name_of_path(w->file);
	loader_name_ok(l, NO_MARK, "name", w->name, "; give the workflow another by the key 'name'");
}

static void
read_workflow(struct loader *l, const struct yaml_node *root)
{
	if (root->type != YAML_MAP) {
		loader_problem(l, root->mark, "a workflow must be a map of keys such as 'notebooks', not %s",
		    yaml_type_name(root->type));
		return;
	}
	loader_map(l, root, workflow_keys, sizeof(workflow_keys) / sizeof(workflow_keys[0]), l->w);
	if (l->w->name == NULL)
		default_name(l);
	if (yaml_get(root, "notebooks") == NULL)
		loader_problem(l, root->mark, "key 'notebooks' is missing; list the notebooks to run");
}

int
workflow_parse(struct workflow *w, const char *text, size_t n, const char *file, const char *folder,
    const struct overrides *o, struct problems *p)
{
	size_t before = p->n;
	struct yaml_node *root;
	struct loader l;

	workflow_init(w);
	w->file = xstrdup(file);
	w->text = xmemdup0(text, n);
	w->text_len = n;
	loader_init(&l, w, folder, o, p);
	l.label = workflow_label(w);
	root = yaml_parse(text, n, l.label, p);
	if (root != NULL)
		read_workflow(&l, root);
	yaml_node_free(root);
	loader_finish(&l);
	loader_release(&l);
	return p->n == before ? 0 : -1;
}

int
workflow_load(struct workflow *w, const char *path, const struct overrides *o, struct problems *p)
{
	bool standard_input = strcmp(path, "-") == 0;
	const char *label = standard_input ? "<stdin>" : path;
	struct buf text = BUF_INIT;
	int result;
	char *folder;

	workflow_init(w);
	if (standard_input)
		result = file_read_fd(STDIN_FILENO, &text, YAML_BYTES_MAX);
	else
		result = file_read(path, &text, YAML_BYTES_MAX);
	if (result == 0) {
		folder = file_folder(path);	/* the current one, for "-" too */
		result = workflow_parse(w, buf_str(&text), text.len, path, folder, o, p);
		free(folder);
	} else if (errno == EFBIG) {
		problems_add(p, label, 0, 0, "larger than %u MiB", YAML_BYTES_MAX / 1024 / 1024);
	} else {
		problems_add(p, label, 0, 0, "cannot read the workflow: %s", strerror(errno));
	}
	buf_release(&text);
	return result;
}
