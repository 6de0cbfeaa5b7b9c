/* The keys of a notebook. */
#include "workflow/making.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/mem.h"

/* ---- What runs ---- */

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
check_run_if(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	const struct making *m = into;
	const struct draft *d = &m->draft;

	(void)key;
	if (d->wanted_mark.line == 0 && (m->task.run_if == RUN_IF_AT_LEAST_ONE_SUCCESS ||
	    m->task.run_if == RUN_IF_AT_LEAST_ONE_FAILED || m->task.run_if == RUN_IF_ALL_FAILED))
		loader_problem(l, value->mark, "'run_if: %s' says how those must have ended that the notebook '%.*s' depends on, "
		    "and it depends on none; add 'depends_on'", run_if_name(m->task.run_if), SHOWN(l->scope->name));
}

/* ---- When it runs again ---- */

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

	(void)l;
	(void)key;
	if (value->boolean)
		t->retry_on.kinds |= 1u << ERROR_TIMEOUT;
}

static void
note_threads(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct task *t = &((struct making *)into)->task;

	(void)l;
	(void)key;
	(void)value;
	t->has_threads = true;
}

/* ---- The table ---- */

#define EXCEPTION "^(?!(stopped|dependency)$)[A-Za-z_.:][A-Za-z0-9_.:]*$"

static const char *const retry_words[] = {"notebook", "kernel", "target", "worker", "timeout", NULL};

/* "path" comes first. Those that are "elsewhere" are merged from several places, or read before others: load_task.c. */
static const struct loader_key task_keys[] = {
	{"path", KIND(TEXT), .elsewhere = true, .own = true, .missing = "it says which notebook to run",
	    .about = "The notebook: a file that ends in .ipynb, or in .py, .sql, .r or .scala as source files of "
	    "Databricks do, relative to the workflow file; on a workspace also an absolute path there."},
	{"name", KIND(NAME), .elsewhere = true, .own = true,
	    .about = "Its name in files, messages and results, unique in the workflow; by default that of the file "
	    "without its ending."},
	{"for_each", .kind = &loader_for_each_kind, .elsewhere = true, .own = true,
	    .about = "A notebook for each item of a list, each file that matches a pattern, or each row of a file: {{ "
	    "item }}."},
	{"matrix", .kind = &loader_matrix_kind, .elsewhere = true, .own = true,
	    .about = "A notebook for every combination of the elements of these lists: {{ matrix.NAME }}."},
	{"parameters", .kind = &loader_parameters_kind, .way = LOADER_RAW, .elsewhere = true,
	    .about = "Parameters of the notebook, over those of defaults and of the workflow; {secret: NAME} is read "
	    "from an environment variable."},
	{"env", .kind = &loader_env_kind, .way = LOADER_RAW, .elsewhere = true,
	    .about = "Environment variables for the kernel; {secret: NAME} is read from nbfork's own."},
	{"timeout_seconds", KIND(SECONDS), INTO(making, task.timeout),
	    .about = "For the notebook, from the start of its worker; 0, the default, is no limit."},
	{"cell_timeout_seconds", KIND(SECONDS), INTO(making, task.cell_timeout),
	    .about = "For each of its cells; 0, the default, is no limit."},
	{"allow_failure", KIND(BOOL), INTO(making, task.allow_failure),
	    .about = "Whether its failure neither fails the run nor trips on_error."},
	{"allow_errors", KIND(BOOL), INTO(making, task.allow_errors),
	    .about = "Whether the notebook goes on after a cell that raises."},
	{"kernel", KIND(TEXT), .read = read_kernel,
	    .about = "The kernel to use instead of the notebook's own."},
	{"working_directory", KIND(TEXT), .read = read_working_directory,
	    .about = "The folder the kernel starts in, relative to the workflow file; by default that of the notebook."},
	{"target", KIND(TEXT), .read = read_target,
	    .about = "The name of the target for this notebook."},
	{"compute", .kind = &loader_compute_kind, .read = read_compute,
	    .about = "What it runs on where its target is a Databricks workspace."},
	{"depends_on", KIND(LIST_OR_ONE, .items = A_KIND(TEXT)), .read = read_depends_on,
	    .about = "The notebooks that must be over before this one starts: a name, a pattern such as load-*, or a "
	    "list of them."},
	{"run_if", KIND(WORD, .words = run_if_words), INTO(making, task.run_if), .read = check_run_if,
	    .about = "How those that it depends on must have ended; all_success by default."},
	{"retries", KIND(INTEGER, .min = 0, .max = RETRIES_MAX), INTO(making, task.retries),
	    .about = "How many attempts may follow the first one; 0 by default."},
	{"retry_delay_seconds", KIND(SECONDS), INTO(making, task.retry_delay),
	    .about = "How long to wait before the second attempt; 1 by default."},
	{"retry_backoff", KIND(NUMBER, .min = 1, .wanted = "a factor of at least 1, such as 2"), INTO(making, task.retry_backoff),
	    .about = "By what factor the delay grows from one attempt to the next; 2 by default."},
	{"retry_on", KIND(LIST_OR_ONE, .items = A_KIND(TEXT, .words = retry_words, .pattern = EXCEPTION)), .read = read_retry_on,
	    .about = "Which failures are worth another attempt: kinds of errors, and names of exceptions; by default "
	    "all kinds but timeout."},
	{"retry_on_timeout", KIND(BOOL), .read = read_retry_on_timeout,	/* after retry_on, to which it adds */
	    .about = "Whether timeouts are worth another attempt, too."},
	{"priority", KIND(INTEGER, .min = -PRIORITY_MAX, .max = PRIORITY_MAX), INTO(making, task.priority),
	    .about = "Of the notebooks that could start those with the highest go first; 0 by default."},
	{"pool", KIND(TEXT), .read = read_pool,
	    .about = "The pool that the notebook counts against, one of the workflow's pools."},
	{"memory_limit", KIND(BYTES), INTO(making, task.memory_limit),
	    .about = "How many bytes of memory its kernel may take, such as 2G; 0, the default, is no limit."},
	{"threads", KIND(INTEGER, .min = 0, .max = THREADS_MAX), INTO(making, task.threads), .read = note_threads,
	    .about = "How many threads numerical libraries are to use; by default the CPUs divided by processes; 0 "
	    "leaves it to them."},
};

const struct loader_keys loader_task_keys = LOADER_KEYS(task_keys);
