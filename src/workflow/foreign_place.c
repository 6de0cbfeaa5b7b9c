/* Where the tasks of Databricks' files run when a target is chosen for them: a workspace, and what is there. */
#include "workflow/foreign_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "workflow/name.h"

#define ONLY_TARGET "databricks"	/* the name of the one that files without targets of their own have */

/* ---- Values that the workspace takes as they are ---- */

/* Text that expressions are found in, written so that it comes out as it is. */
static struct yaml_node *
literal_text(const struct yaml_node *text)
{
	const char *at = text->text, *open;
	struct buf out = BUF_INIT;
	struct yaml_node *made;

	if (strstr(at, "{{") == NULL)
		return yaml_share(text);
	while ((open = strstr(at, "{{")) != NULL) {
		bool dollar = open > at && open[-1] == '$';

		buf_add(&out, at, (size_t)(open - at) - dollar);
		buf_adds(&out, dollar ? "{{ \"$\" }}{{ \"{{\" }}" : "{{ \"{{\" }}");
		at = open + 2;
	}
	buf_adds(&out, at);
	made = yaml_build_plain(YAML_STRING, text->mark, buf_str(&out));
	buf_release(&out);
	return made;
}

struct yaml_node *
foreign_literal(struct foreign *f, const struct yaml_node *value)
{
	struct yaml_node *known = foreign_known(f, value), *made, *item;
	bool ok = true;

	if (known == NULL)
		return NULL;
	if (known->type != YAML_LIST && known->type != YAML_MAP) {
		made = known->type == YAML_STRING ? literal_text(known) : yaml_share(known);
		yaml_node_free(known);
		return made;
	}
	made = yaml_build_plain(known->type, known->mark, NULL);
	for (size_t i = 0; i < known->n; i++) {
		item = foreign_literal(f, known->items[i]);
		if (item == NULL)
			ok = false;
		else if (known->type == YAML_MAP)
			foreign_put(made, known->keys[i].name, known->keys[i].mark, item);
		else
			yaml_build_item(made, item);
	}
	yaml_build_finish(&f->build, made, NULL);
	yaml_node_free(known);
	if (ok)
		return made;
	yaml_node_free(made);
	return NULL;
}

/* Puts the value of a key of a map, if it is there, under another name. */
static void
put_literal(struct foreign *f, const struct yaml_node *from, const char *key, struct yaml_node *into, const char *name)
{
	const struct yaml_key *at = foreign_key(from, key);
	const struct yaml_node *value = at != NULL ? yaml_get(from, key) : NULL;

	if (value != NULL && value->type != YAML_NULL)
		foreign_put(into, name, at->mark, foreign_literal(f, value));
}

/* ---- Tasks ---- */

/* The new_cluster of a job cluster. */
static void
put_job_cluster(struct foreign *f, const struct yaml_node *job, const struct yaml_node *task, struct yaml_node *compute,
    bool repeated)
{
	const struct yaml_node *list = foreign_get(f, job, "job_clusters"), *written = yaml_get(task, "job_cluster_key");
	struct yaml_node *key = foreign_value_text(f, "job_cluster_key", written);
	bool found = false;
	void **used;

	if (key == NULL)
		return;
	for (size_t i = 0; !found && list != NULL && list->type == YAML_LIST && i < list->n; i++) {
		const struct yaml_node *name = foreign_get(f, list->items[i], "job_cluster_key");

		found = name != NULL && name->text != NULL && strcmp(name->text, key->text) == 0;
		if (found)
			put_literal(f, list->items[i], "new_cluster", compute, "new_cluster");
	}
	if (!found)
		foreign_problem(f, written->mark, "the job has no job cluster '%.100s'; write it under 'job_clusters'", key->text);
	used = table_at(&f->clusters, key->text, key->len);
	if (found && *used != f && (repeated || *used != NULL)) {
		log_warn("%s:%u:%u: job cluster '%.100s' is for several notebooks, and each of them starts one of its own; with "
		    "existing_cluster_id they share one", f->build.file, written->mark.line, written->mark.column, key->text);
		*used = f;	/* it has been said */
	} else if (*used == NULL) {
		*used = &f->clusters;	/* it has been used */
	}
	yaml_node_free(key);
}

static bool
names_compute(const struct yaml_node *task)
{
	static const char *const keys[] = {"existing_cluster_id", "new_cluster", "job_cluster_key", "environment_key"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (foreign_written(task, keys[i]) != NULL)
			return true;
	return false;
}

void
foreign_compute(struct foreign *f, const struct yaml_node *task, const struct yaml_node *notebook_task, bool repeated,
    struct yaml_node *notebook)
{
	static const char *const computes[] = {"existing_cluster_id", "new_cluster", "environment_key"};
	const struct yaml_node *job_cluster = yaml_get(task, "job_cluster_key");
	struct yaml_node *compute, *yes;

	if (!f->remote)
		return;
	compute = yaml_build_plain(YAML_MAP, task->mark, NULL);
	if (f->cluster != NULL && names_compute(task)) {
		foreign_put(compute, "existing_cluster_id", task->mark, foreign_literal(f, f->cluster));
	} else {
		for (size_t i = 0; i < sizeof(computes) / sizeof(computes[0]); i++)
			put_literal(f, task, computes[i], compute, computes[i]);
		if (job_cluster != NULL && job_cluster->type != YAML_NULL)
			put_job_cluster(f, f->job, task, compute, repeated);
		/* The default cluster of a profile is not that of a job: without any it is serverless. */
		if (compute->n == 0) {
			yes = yaml_build_plain(YAML_BOOL, task->mark, "true");
			yes->boolean = true;
			foreign_put(compute, "serverless", task->mark, yes);
		}
	}
	put_literal(f, task, "libraries", compute, "libraries");
	put_literal(f, notebook_task, "warehouse_id", compute, "warehouse_id");
	yaml_build_finish(&f->build, compute, NULL);
	foreign_put(notebook, "compute", task->mark, compute);
}

/* ---- Targets ---- */

/* A map of the bundle as its target has it; NULL for none, else to be freed. */
static struct yaml_node *
bundle_map(struct foreign *f, const struct yaml_node *target, const char *key)
{
	const struct yaml_node *base = foreign_bundle_map(f, key), *over = target != NULL ? yaml_get(target, key) : NULL;

	struct yaml_node *made = NULL, *moved;

	if (base != NULL && over != NULL)
		made = foreign_merge(f, base, over, false);
	else if (base != NULL || over != NULL)
		made = yaml_share(base != NULL ? base : over);
	if (made == NULL || foreign_above(f) == NULL)
		return made;
	moved = foreign_moved(f, made, f->root->mark);
	yaml_node_free(made);
	return moved;
}

static void
put_workspace(struct foreign *f, struct yaml_node *made)
{
	static const char *const read[] = {"host", "profile", NULL};
	static const char *const passed[] = {"root_path", "file_path", "artifact_path", "state_path", "resource_path",
		"current_user", NULL};
	const char *name;
	const struct yaml_node *target = foreign_bundle_target(f, &name);
	struct yaml_node *workspace = bundle_map(f, target, "workspace"), *run_as = bundle_map(f, target, "run_as");

	if (workspace != NULL && workspace->type == YAML_MAP) {
		foreign_keys(f, workspace, read, NULL, passed);
		for (size_t i = 0; read[i] != NULL; i++)
			put_literal(f, workspace, read[i], made, read[i]);
	}
	if (run_as != NULL && (f->job == NULL || foreign_get(f, f->job, "run_as") == NULL))
		foreign_put(made, "run_as", run_as->mark, foreign_literal(f, run_as));
	yaml_node_free(workspace);
	yaml_node_free(run_as);
}

/* What the job says of the runs in a workspace. */
static void
put_job(struct foreign *f, struct yaml_node *made)
{
	static const char *const keys[] = {"run_as", "tags", "environments", "performance_target"};
	const struct yaml_node *queue = foreign_get(f, f->job, "queue");

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		put_literal(f, f->job, keys[i], made, keys[i]);
	if (queue != NULL && queue->type == YAML_MAP)
		put_literal(f, queue, "enabled", made, "queue");
}

static void
put_target(struct foreign *f, struct yaml_node *targets, const char *name, struct mark at)
{
	struct yaml_node *made = yaml_build_plain(YAML_MAP, at, NULL);

	foreign_put(made, "type", at, foreign_text(at, "databricks"));
	if (f->remote && strcmp(f->options->target, name) == 0) {
		if (f->form == FOREIGN_BUNDLE)
			put_workspace(f, made);
		if (f->job != NULL)
			put_job(f, made);
	}
	yaml_build_finish(&f->build, made, NULL);
	foreign_put(targets, name, at, made);
}

void
foreign_targets(struct foreign *f)
{
	const struct yaml_node *named = f->form == FOREIGN_BUNDLE ? foreign_bundle_map(f, "targets") : NULL;
	struct yaml_node *targets = yaml_build_plain(YAML_MAP, f->root->mark, NULL);

	if (named == NULL || named->n == 0)
		put_target(f, targets, ONLY_TARGET, f->root->mark);
	for (size_t i = 0; named != NULL && i < named->n; i++) {
		const struct yaml_key *key = &named->keys[i];
		const struct mark at = yaml_get(f->root, "targets") == named ? key->mark : f->root->mark;

		/* The target 'local' is this machine. */
		if (name_fault(key->name) == NULL && strcmp(key->name, "local") != 0)
			put_target(f, targets, key->name, at);
	}
	yaml_build_finish(&f->build, targets, NULL);
	foreign_put(f->tree, "targets", f->root->mark, targets);
}
