/* The keys of a notebook. */
#include "workflow/making.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/mem.h"

/* ---- What runs ---- */

static void
read_timeout(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct task *t = &((struct making *)into)->task;

	loader_seconds(l, key->name, value, &t->timeout);
}

static void
read_cell_timeout(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct task *t = &((struct making *)into)->task;

	loader_seconds(l, key->name, value, &t->cell_timeout);
}

static void
read_allow_failure(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct task *t = &((struct making *)into)->task;

	loader_bool(l, key->name, value, &t->allow_failure);
}

static void
read_allow_errors(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct task *t = &((struct making *)into)->task;

	loader_bool(l, key->name, value, &t->allow_errors);
}

static void
read_kernel(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct task *t = &((struct making *)into)->task;
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
	struct task *t = &((struct making *)into)->task;
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
	struct task *t = &((struct making *)into)->task;
	char *name = loader_text(l, key->name, value);
	const struct target *target;

	if (name == NULL)
		return;
	target = loader_target(l, value->mark, "target is", name);
	if (target != NULL)
		t->target = target;
	t->target_mark = key->mark;
	free(name);
}

static void
read_compute(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct task *t = &((struct making *)into)->task;

	t->compute = loader_compute(l, key, value);
}

/* ---- When it runs ---- */

static void
read_priority(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct task *t = &((struct making *)into)->task;
	int64_t n;

	if (loader_integer(l, key->name, value, -PRIORITY_MAX, PRIORITY_MAX, &n))
		t->priority = (int)n;
}

static void
read_pool(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct task *t = &((struct making *)into)->task;
	char *name = loader_text(l, key->name, value);
	const struct workflow *w = l->w;
	const char **known;
	size_t i = 0;

	if (name == NULL)
		return;
	while (i < w->npools && strcmp(w->pools[i].name, name) != 0)
		i++;
	if (i < w->npools) {
		t->pool = i;
	} else if (w->npools == 0) {
		loader_problem(l, value->mark, "there is no pool '%.*s'; give it a number under the workflow's key 'pools'",
		    SHOWN(name));
	} else {
		known = xreallocarray(NULL, w->npools, sizeof(*known));
		for (i = 0; i < w->npools; i++)
			known[i] = w->pools[i].name;
		loader_none_of(l, value->mark, "pool is", name, known, w->npools);
		free(known);
	}
	free(name);
}

static void
want(struct loader *l, struct draft *d, const char *key, const struct yaml_node *value)
{
	char *pattern = loader_text(l, key, value);

	if (pattern == NULL)
		return;
	d->wanted = xreallocarray(d->wanted, d->nwanted + 1, sizeof(*d->wanted));
	d->wanted[d->nwanted++] = (struct wanted){pattern, value->mark};
}

static void
read_depends_on(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct draft *d = &((struct making *)into)->draft;

	d->wanted_mark = key->mark;
	if (value->type == YAML_MAP) {
		loader_wrong_type(l, key->name, value, "a name, or a list of names");
		return;
	}
	if (value->type != YAML_LIST) {
		want(l, d, key->name, value);
		return;
	}
	for (size_t i = 0; i < value->n; i++)
		want(l, d, key->name, value->items[i]);
}

static void
read_run_if(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	static const char *const words[] = {
		"all_success", "all_done", "at_least_one_success", "none_failed", "at_least_one_failed", "all_failed",
	};
	struct making *m = into;
	const struct draft *d = &m->draft;
	size_t i;

	if (!loader_choice(l, key->name, value, words, sizeof(words) / sizeof(words[0]), &i))
		return;
	run_if_parse(words[i], &m->task.run_if);
	if (d->wanted_mark.line == 0 && (m->task.run_if == RUN_IF_AT_LEAST_ONE_SUCCESS ||
	    m->task.run_if == RUN_IF_AT_LEAST_ONE_FAILED || m->task.run_if == RUN_IF_ALL_FAILED))
		loader_problem(l, value->mark, "'run_if: %s' says how those must have ended that the notebook '%.*s' depends on, "
		    "and it depends on none; add 'depends_on'", words[i], SHOWN(l->scope->name));
}

/* ---- When it runs again ---- */

static void
read_retries(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct task *t = &((struct making *)into)->task;
	int64_t n;

	if (loader_integer(l, key->name, value, 0, RETRIES_MAX, &n))
		t->retries = (unsigned)n;
}

static void
read_retry_delay(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct task *t = &((struct making *)into)->task;

	loader_seconds(l, key->name, value, &t->retry_delay);
}

static void
read_retry_backoff(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct task *t = &((struct making *)into)->task;

	loader_number(l, key->name, value, 1, "a factor of at least 1, such as 2", &t->retry_backoff);
}

static void
retry_for(struct loader *l, struct retry_on *r, const char *key, const struct yaml_node *value)
{
	static const enum error_kind kinds[] = {ERROR_NOTEBOOK, ERROR_KERNEL, ERROR_TARGET, ERROR_WORKER, ERROR_TIMEOUT};
	char *word = loader_text(l, key, value);
	struct guess guess = {.word = word};

	if (word == NULL)
		return;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const char *name = error_kind_name(kinds[i]);

		if (strcasecmp(word, name) == 0 && strcmp(word, name) != 0 && kinds[i] != ERROR_TIMEOUT) {
			guess.best = name;
			break;
		}
		if (strcmp(word, name) == 0) {
			r->kinds |= 1u << kinds[i];
			free(word);
			return;
		}
		guess_consider(&guess, name);
	}
	if (strcmp(word, "stopped") == 0 || strcmp(word, "dependency") == 0 ||
	    strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:") != strlen(word) ||
	    strchr("0123456789", *word) != NULL) {
		loader_problem(l, value->mark, "'%s' has '%.*s', for which there are no retries; it takes notebook, kernel, target, "
		    "worker, timeout, and names of exceptions", key, SHOWN(word));
		free(word);
		return;
	}
	/* Timeout is an exception: they have capital letters, and nothing else does. */
	if (guess.best != NULL && (strcasecmp(guess.best, word) == 0 || *word < 'A' || *word > 'Z') &&
	    strcmp(word, "Timeout") != 0) {
		loader_problem(l, value->mark, "'%s' has '%.*s'; did you mean '%s'? It takes notebook, kernel, target, worker, "
		    "timeout, and names of exceptions", key, SHOWN(word), guess.best);
		free(word);
		return;
	}
	r->names = xreallocarray(r->names, r->n + 1, sizeof(*r->names));
	r->names[r->n++] = word;
}

static void
read_retry_on(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct task *t = &((struct making *)into)->task;

	t->retry_on.kinds = 0;
	if (value->type != YAML_LIST)
		retry_for(l, &t->retry_on, key->name, value);
	for (size_t i = 0; value->type == YAML_LIST && i < value->n; i++)
		retry_for(l, &t->retry_on, key->name, value->items[i]);
}

static void
read_retry_on_timeout(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct task *t = &((struct making *)into)->task;
	bool yes;

	if (loader_bool(l, key->name, value, &yes) && yes)
		t->retry_on.kinds |= 1u << ERROR_TIMEOUT;
}

static void
read_memory_limit(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct task *t = &((struct making *)into)->task;

	loader_bytes(l, key->name, value, &t->memory_limit);
}

static void
read_threads(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct task *t = &((struct making *)into)->task;
	int64_t n;

	t->has_threads = loader_integer(l, key->name, value, 0, THREADS_MAX, &n);
	if (t->has_threads)
		t->threads = (unsigned)n;
}

/* ---- The table ---- */

/* "parameters" and "env" are merged from several places, see load_task.c. */
const struct loader_key loader_task_keys[] = {
	{"path", NULL, LOADER_UNREAD},
	{"name", NULL, LOADER_UNREAD},
	{"for_each", NULL, LOADER_UNREAD},
	{"matrix", NULL, LOADER_UNREAD},
	{"parameters", NULL, LOADER_UNREAD},
	{"env", NULL, LOADER_UNREAD},
	{"timeout_seconds", read_timeout, LOADER_PLAIN},
	{"cell_timeout_seconds", read_cell_timeout, LOADER_PLAIN},
	{"allow_failure", read_allow_failure, LOADER_PLAIN},
	{"allow_errors", read_allow_errors, LOADER_PLAIN},
	{"kernel", read_kernel, LOADER_PLAIN},
	{"working_directory", read_working_directory, LOADER_PLAIN},
	{"target", read_target, LOADER_PLAIN},
	{"compute", read_compute, LOADER_PLAIN},
	{"depends_on", read_depends_on, LOADER_PLAIN},
	{"run_if", read_run_if, LOADER_PLAIN},
	{"retries", read_retries, LOADER_PLAIN},
	{"retry_delay_seconds", read_retry_delay, LOADER_PLAIN},
	{"retry_backoff", read_retry_backoff, LOADER_PLAIN},
	{"retry_on", read_retry_on, LOADER_PLAIN},
	{"retry_on_timeout", read_retry_on_timeout, LOADER_PLAIN},	/* after retry_on, to which it adds */
	{"priority", read_priority, LOADER_PLAIN},
	{"pool", read_pool, LOADER_PLAIN},
	{"memory_limit", read_memory_limit, LOADER_PLAIN},
	{"threads", read_threads, LOADER_PLAIN},
};

const size_t loader_ntask_keys = sizeof(loader_task_keys) / sizeof(loader_task_keys[0]);
