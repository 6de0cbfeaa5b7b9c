/* The places where notebooks run. */
#include "workflow/loader.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

struct target *
loader_add_target(struct workflow *w, const char *name, struct mark at)
{
	struct target *t = xcalloc(1, sizeof(*t));

	t->name = xstrdup(name);
	t->type = xstrdup("local");
	t->transport = TRANSPORT_AUTO;
	t->startup_timeout = 60 * NSEC_PER_SEC;
	t->shutdown_grace = 500 * NSEC_PER_MSEC;
	t->warm = true;
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
	static const char *const types[] = {"local", "databricks"};
	size_t type;

	(void)into;
	loader_choice(l, key->name, value, types, 2, &type);
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

static void
read_warm(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	static const char *const words[] = {"auto", "off"};
	struct target *t = into;
	size_t word;

	if (loader_choice(l, key->name, value, words, 2, &word))
		t->warm = word == 0;
}

/* Whether it is the name of a module, "a.b". */
static bool
is_module(const char *name)
{
	char *copy = xstrdup(name), *part, *rest = copy;
	bool ok = true;

	while (ok && (part = strsep(&rest, ".")) != NULL)
		ok = name_is_identifier(part);
	free(copy);
	return ok;
}

static void
read_preload(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct target *t = into;
	char *name;

	if (value->type != YAML_LIST) {
		loader_wrong_type(l, key->name, value, "a list of names of modules");
		return;
	}
	for (size_t i = 0; i < value->n; i++) {
		if ((name = loader_text(l, key->name, value->items[i])) == NULL)
			continue;
		if (!is_module(name)) {
			loader_problem(l, value->items[i]->mark, "'%s' must have names of modules, such as 'pandas', and '%.*s' is none",
			    key->name, SHOWN(name));
			free(name);
			continue;
		}
		t->preload = xreallocarray(t->preload, t->npreload + 1, sizeof(*t->preload));
		t->preload[t->npreload++] = name;
	}
}

static void
read_dbfs(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct target *t = into;
	char *folder = loader_text(l, key->name, value);

	if (folder == NULL)
		return;
	t->dbfs = file_join(l->folder, folder);
	free(folder);
}

static const struct loader_key target_keys[] = {
	{"type", read_target_type, LOADER_PLAIN},
	{"kernel", read_target_kernel, LOADER_PLAIN},
	{"transport", read_transport, LOADER_PLAIN},
	{"startup_timeout_seconds", read_startup_timeout, LOADER_PLAIN},
	{"shutdown_seconds", read_shutdown_grace, LOADER_PLAIN},
	{"preload", read_preload, LOADER_PLAIN},
	{"warm", read_warm, LOADER_PLAIN},
	{"dbfs", read_dbfs, LOADER_PLAIN},
	{"secrets", loader_secrets, LOADER_RAW},
};

static void
read_target(struct loader *l, const struct yaml_key *key, const struct yaml_node *value)
{
	const struct yaml_node *type = yaml_get(value, "type");
	struct target *t;

	if (!loader_name_ok(l, key->mark, "target", key->name, ""))
		return;
	t = find_target(l->w, key->name);
	if (t == NULL)
		t = loader_add_target(l->w, key->name, key->mark);
	t->mark = key->mark;
	if (!loader_is_map(l, key->name, value))
		return;
	if (type != NULL && type->type == YAML_STRING && strcmp(type->text, "databricks") == 0) {
		if (strcmp(key->name, "local") == 0) {
			loader_problem(l, type->mark, "the target 'local' is this machine; give the workspace another name");
			return;
		}
		free(t->type);
		t->type = xstrdup("databricks");
		loader_databricks(l, value, t);
		return;
	}
	if (type == NULL && strcmp(key->name, "local") != 0)
		loader_problem(l, key->mark, "key 'type' of target '%.*s' is missing; write 'type: databricks' or 'type: local'",
		    SHOWN(key->name));
	loader_map(l, value, NULL, target_keys, sizeof(target_keys) / sizeof(target_keys[0]), t);
}

void
loader_targets(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	(void)into;
	if (!loader_is_map(l, key->name, value))
		return;
	if (value->n > TARGETS_MAX)
		loader_problem(l, key->mark, "there are more than %d targets", TARGETS_MAX);
	for (size_t i = 0; i < value->n && i < TARGETS_MAX; i++)
		read_target(l, &value->keys[i], value->items[i]);
}
