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
#include "workflow/foreign.h"
#include "workflow/loader.h"

#define REMOTE_PROCESSES 32	/* by default, of a target that does the work elsewhere */

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
	scope_release(&l->top);
	sources_merge(&l->top_parameters, &l->parameters);
	sources_merge(&l->top_parameters, &l->overrides);
	scope_init(&l->top, &l->top_parameters);
}

static void
read_defaults(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	(void)into;
	(void)key;
	loader_defaults(l, value);
}

static void
read_notebooks(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	(void)into;
	(void)key;
	loader_choose_target(l);	/* of those that have been read before */
	loader_notebooks(l, value);
}

#define MISPLACED(key) {.name = (key), .way = LOADER_MISPLACED}

static const struct loader_key workflow_keys[] = {
	/* First: the others may look them up. */
	{"parameters", .kind = &loader_parameters_kind, .way = LOADER_RAW, .read = read_parameters,
	    .about = "Parameters for every notebook."},
	{"name", KIND(NAME), .read = read_name,
	    .about = "The name of the run folder; by default that of the file without its ending."},
	{"processes", KIND(INTEGER, .min = 1, .max = PROCESSES_MAX), INTO(workflow, processes),
	    .about = "How many notebooks run at a time; by default the number of CPUs, and 32 where the target is a "
	    "Databricks workspace."},
	{"on_error", .kind = &loader_on_error_kind, .read = loader_on_error,
	    .about = "What the failure of a notebook leads to: let-finish (the default), fail-fast or drain; or a "
	    "policy and after how many failures it takes effect."},
	{"timeout_seconds", KIND(SECONDS), INTO(workflow, timeout),
	    .about = "For the whole run; 0, the default, is no limit."},
	{"order", KIND(WORD, .words = order_words), INTO(workflow, order),
	    .about = "Which of the notebooks that could start does so first; as-written by default."},
	{"pools", .kind = &loader_pools_kind, .read = loader_pools,
	    .about = "Named limits: how many of the notebooks in the pool of that name run at a time."},
	{"limits", .kind = &loader_limits_kind, .read = loader_limits,
	    .about = "Nothing new is started while the machine is short of something."},
	{"hooks", .kind = &loader_hooks_kind, .way = LOADER_RAW, .read = loader_hooks,
	    .about = "Commands that are run when the run begins and when it is over."},
	{"schedule", .kind = &loader_schedule_kind, .read = loader_schedule,
	    .about = "When the saved job of the workflow runs (nbfork --deploy)."},
	{"targets", .kind = &loader_targets_kind, .way = LOADER_RAW, .read = loader_targets,
	    .about = "The places where notebooks can run, by name; 'local' is this machine and always there."},
	{"target", KIND(TEXT), .read = read_default_target,
	    .about = "The name of the target where notebooks run; local by default."},
	{"defaults", .kind = &loader_defaults_kind, .way = LOADER_RAW, .read = read_defaults,
	    .about = "Keys of a notebook, for those that do not have them. Parameters and environment variables are "
	    "merged by their names."},
	{"notebooks", .kind = &loader_notebooks_kind, .way = LOADER_RAW, .read = read_notebooks,
	    .missing = "list the notebooks to run",
	    .about = "The notebooks to run: paths, or mappings with a path."},
	MISPLACED("cell_timeout_seconds"),
	MISPLACED("allow_failure"),
	MISPLACED("allow_errors"),
	MISPLACED("kernel"),
	MISPLACED("working_directory"),
	MISPLACED("env"),
	MISPLACED("retries"),
	MISPLACED("retry_delay_seconds"),
	MISPLACED("retry_backoff"),
	MISPLACED("retry_on"),
	MISPLACED("retry_on_timeout"),
	MISPLACED("memory_limit"),
	MISPLACED("threads"),
	MISPLACED("compute"),
	MISPLACED("priority"),
	MISPLACED("depends_on"),
	MISPLACED("run_if"),
};

const struct loader_keys loader_workflow_keys = LOADER_KEYS(workflow_keys);

/* ---- The whole ---- */

void
loader_init(struct loader *l, struct workflow *w, const char *folder, const struct overrides *o, struct problems *p)
{
	*l = (struct loader){.w = w, .folder = folder, .options = o, .problems = p, .said = TABLE_INIT, .secrets = TABLE_INIT,
	    .names = TABLE_INIT};
	w->target = loader_add_target(w, "local", NO_MARK);
	loader_overrides(l);
	sources_merge(&l->top_parameters, &l->overrides);
	scope_init(&l->top, &l->top_parameters);
	l->scope = &l->top;
}

void
draft_release(struct draft *d)
{
	for (size_t i = 0; i < d->nwanted; i++)
		free(d->wanted[i].pattern);
	free(d->wanted);
	*d = (struct draft){NULL, 0, NO_MARK};
}

void
loader_release(struct loader *l)
{
	for (size_t i = 0; i < l->w->ntasks; i++)
		draft_release(&l->drafts[i]);
	free(l->drafts);
	scope_release(&l->top);
	sources_release(&l->overrides);
	sources_release(&l->parameters);
	sources_release(&l->top_parameters);
	sources_release(&l->default_parameters);
	sources_release(&l->default_env);
	for (size_t i = 0; i < l->ntrees; i++)
		yaml_node_free(l->trees[i]);
	free(l->trees);
	for (size_t i = 0; i < l->ntexts; i++)
		free(l->texts[i]);
	free(l->texts);
	table_release(&l->said);
	table_release(&l->secrets);
	table_release(&l->names);
}

/* Applies what the command line says about the policy. */
static void
override_policy(struct loader *l)
{
	struct workflow *w = l->w;

	if (l->options->on_error == NULL)
		return;
	if (policy_parse(l->options->on_error, &w->on_error)) {
		w->after_failures = 1;
		w->after_percent = 0;
		return;
	}
	l->option = "--on-error";
	loader_none_of(l, NO_MARK, "the policy is", l->options->on_error, policy_words, POLICIES);
	l->option = NULL;
}

/* As many notebooks as run at a time share the CPUs: libraries would take all of them for each. */
static void
settle_threads(struct workflow *w)
{
	unsigned share = proc_cpus() / w->processes;

	for (size_t i = 0; i < w->ntasks; i++)
		if (!w->tasks[i].has_threads)
			w->tasks[i].threads = share > 0 ? share : 1;
}

void
loader_finish(struct loader *l)
{
	const struct overrides *o = l->options;
	struct workflow *w = l->w;

	override_policy(l);
	if (o->processes > PROCESSES_MAX) {
		l->option = "--processes";
		loader_problem(l, NO_MARK, "must be a whole number from 1 to %d, not %u", PROCESSES_MAX, o->processes);
		l->option = NULL;
	}
	if (o->processes != 0)
		w->processes = o->processes;
	else if (w->processes == 0)
		w->processes = w->target->databricks != NULL ? REMOTE_PROCESSES : proc_cpus();
	settle_threads(w);
	for (size_t i = 0; i < w->ntargets; i++) {
		if (w->targets[i]->dbfs == NULL)
			w->targets[i]->dbfs = file_join(l->folder, "dbfs");
		if (w->targets[i]->workspace == NULL)
			w->targets[i]->workspace = file_join(l->folder, "workspace");
	}
	loader_graph(l);
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
	loader_note_secrets(l, root);
	loader_map(l, root, NULL, &loader_workflow_keys, l->w);
	if (l->w->name == NULL)
		default_name(l);
}

int
workflow_parse(struct workflow *w, const char *text, size_t n, const char *file, const char *folder,
    const struct overrides *o, struct problems *p)
{
	struct overrides options = *o;
	size_t before = p->n;
	struct yaml_node *root, *made;
	struct loader l;

	workflow_init(w);
	w->file = xstrdup(file);
	w->text = xmemdup0(text, n);
	w->text_len = n;
	root = yaml_parse(text, n, workflow_label(w), p);
	made = foreign_convert(root, workflow_label(w), folder, o, &options.as_text, p);
	loader_init(&l, w, folder, &options, p);
	l.label = workflow_label(w);
	if (root != NULL)
		read_workflow(&l, made != NULL ? made : root);
	loader_finish(&l);
	loader_release(&l);
	yaml_node_free(made);
	yaml_node_free(root);
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
