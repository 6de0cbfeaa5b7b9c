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

static const char *const types[] = {"local", "databricks", NULL};

static const char *const transports[] = {
	[TRANSPORT_AUTO] = "auto",
	[TRANSPORT_IPC] = "ipc",
	[TRANSPORT_TCP] = "tcp",
	NULL
};

static const char *const warm_words[] = {"auto", "off", NULL};

static void
check_startup_timeout(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	const struct target *t = into;

	if (t->startup_timeout == 0)
		loader_problem(l, value->mark, "'%s' must be more than 0: no kernel starts in no time", key->name);
}

static void
read_warm(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct target *t = into;

	(void)l;
	(void)key;
	t->warm = strcmp(value->text, "auto") == 0;
}

#define MODULE "^[^\\u0000-@\\[-^`{-\\u007f][^\\u0000-,\\-/:-@\\[-^`{-\\u007f]*$"

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

/* A folder, which need not be there. */
static void
read_folder(struct loader *l, char **into, const struct yaml_key *key, const struct yaml_node *value)
{
	char *folder = loader_text(l, key->name, value);

	if (folder == NULL)
		return;
	*into = file_join(l->folder, folder);
	free(folder);
}

static void
read_dbfs(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	read_folder(l, &((struct target *)into)->dbfs, key, value);
}

static void
read_workspace(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	read_folder(l, &((struct target *)into)->workspace, key, value);
}

static const struct loader_key target_keys[] = {
	{"type", KIND(WORD, .words = types),
	    .about = "local: kernels of this machine; databricks: a workspace."},
	{"kernel", KIND(TEXT), INTO(target, kernel),
	    .about = "The kernel for notebooks that name none; python3 by default."},
	{"transport", KIND(WORD, .words = transports), INTO(target, transport),
	    .about = "How nbfork talks to kernels: auto, the default, takes ipc, Unix sockets, where the kernel is "
	    "known to know them, else tcp."},
	{"startup_timeout_seconds", KIND(SECONDS), INTO(target, startup_timeout), .read = check_startup_timeout,
	    .about = "How long a kernel may take until it answers; 60 by default."},
	{"shutdown_seconds", KIND(SECONDS), INTO(target, shutdown_grace),
	    .about = "How long a kernel that has been asked to end may sit idle before it is killed; 0.5 by default."},
	{"preload", KIND(LIST, .items = A_KIND(TEXT, .pattern = MODULE)), .read = read_preload,
	    .about = "Modules that a warm Python kernel has imported already, such as [pandas]."},
	{"warm", KIND(WORD, .words = warm_words), .read = read_warm,
	    .about = "auto, the default, forks kernels from one that is ready, where that can be done; off starts each"
	    " afresh."},
	{"dbfs", KIND(TEXT), .read = read_dbfs,
	    .about = "The folder that is dbfs:/ to dbutils, relative to the workflow file; dbfs by default."},
	{"workspace", KIND(TEXT), .read = read_workspace,
	    .about = "The folder for notebooks that are named by absolute paths of a workspace, relative to the workflow file; "
	    "workspace by default."},
	{"secrets", .kind = &loader_secrets_kind, .way = LOADER_RAW, .read = loader_secrets,
	    .about = "What dbutils.secrets hands out: the name of a file, or scopes of secrets {secret: NAME}."},
};

static const struct loader_keys local_keys = LOADER_KEYS(target_keys);

/* A target is of the one type or the other; the one named "local" need not say so. */
static const struct kind target_kind = {.type = KIND_MAP, .keys = &local_keys, .other_type = "databricks",
	.other = &loader_databricks_kind};
static const struct loader_key local_target[] = {
	{"local", KIND(MAP, .keys = &local_keys), .about = "This machine."},
};
static const struct loader_keys known_targets = LOADER_KEYS(local_target);
const struct kind loader_targets_kind = {.type = KIND_NAMED, .keys = &known_targets, .items = &target_kind,
	.pattern = PATTERN_FILE_NAME};

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
	loader_map(l, value, NULL, &local_keys, t);
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
