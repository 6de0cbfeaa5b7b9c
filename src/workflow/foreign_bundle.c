/* Databricks' bundles: which job, and what the target changes in it. */
#include "workflow/foreign_parts.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "workflow/name.h"

#define JOBS_SHOWN 10

/* ---- Which job ---- */

/* Says that the jobs are in other files, and in which. */
static void
say_included(struct foreign *f, const struct yaml_node *include)
{
	struct buf files = BUF_INIT;
	size_t skip, found = 0;
	glob_t matched;
	char *pattern, *start = file_join(f->folder, "");

	skip = strcmp(f->folder, ".") == 0 ? 0 : strlen(start);
	free(start);
	for (size_t i = 0; include->type == YAML_LIST && i < include->n && i < JOBS_SHOWN; i++) {
		if (include->items[i]->type != YAML_STRING || *include->items[i]->text == '/')
			continue;
		pattern = file_join(f->folder, include->items[i]->text);
		if (glob(pattern, 0, NULL, &matched) == 0) {
			for (size_t k = 0; k < matched.gl_pathc; k++)
				if (found++ < JOBS_SHOWN)
					buf_addf(&files, "%s'%.200s'", files.len > 0 ? ", " : "", matched.gl_pathv[k] + skip);
			globfree(&matched);
		}
		free(pattern);
	}
	if (found > JOBS_SHOWN)
		buf_addf(&files, " and %zu more", found - JOBS_SHOWN);
	foreign_problem(f, foreign_key(f->root, "include")->mark, "the jobs of this bundle are in the files that it includes; "
	    "run the one with the job%s%s", found > 0 ? ": " : "", buf_str(&files));
	buf_release(&files);
}

static void
say_several(struct foreign *f, const struct yaml_node *jobs, struct mark at)
{
	struct buf names = BUF_INIT;

	for (size_t i = 0; i < jobs->n && i < JOBS_SHOWN; i++)
		buf_addf(&names, "%s'%.100s'", i > 0 ? ", " : "", jobs->keys[i].name);
	if (jobs->n > JOBS_SHOWN)
		buf_addf(&names, " and %zu more", jobs->n - JOBS_SHOWN);
	foreign_problem(f, at, "there are %zu jobs, and a workflow is one of them: %s; choose one with --job=NAME", jobs->n,
	    buf_str(&names));
	buf_release(&names);
}

/* Says that the environment names a target that there is not; what -t names is looked at by the loader. */
static void
check_target_name(struct foreign *f, const struct yaml_node *target)
{
	const struct yaml_node *targets = foreign_bundle_map(f, "targets");
	const char *wanted = getenv("DATABRICKS_BUNDLE_TARGET");
	struct buf names = BUF_INIT;

	if (yaml_get(f->root, "targets") != NULL && targets == NULL)
		foreign_problem(f, foreign_key(f->root, "targets")->mark, "'targets' must be a map of names to targets");
	if (f->remote || target != NULL || wanted == NULL || *wanted == '\0')
		return;
	for (size_t i = 0; targets != NULL && i < targets->n && i < JOBS_SHOWN; i++)
		buf_addf(&names, "%s%.100s", i > 0 ? ", " : "", targets->keys[i].name);
	problems_add(f->build.problems, NULL, 0, 0, "DATABRICKS_BUNDLE_TARGET is '%.100s', which is no target of the bundle%s%s",
	    wanted, names.len > 0 ? "; there are " : "", buf_str(&names));
	buf_release(&names);
}

/* The jobs of this file as the target has them; NULL for none. */
static struct yaml_node *
jobs_of(struct foreign *f, const struct yaml_node *target)
{
	const struct yaml_node *resources = yaml_get(f->root, "resources"), *jobs = foreign_get(f, resources, "jobs");
	const struct yaml_node *changes = target != NULL ? yaml_get(target, "resources") : NULL, *over;
	struct yaml_node *made, *job, *moved;

	changes = changes != NULL ? yaml_get(changes, "jobs") : NULL;
	if (changes == NULL || changes->type != YAML_MAP || (jobs != NULL && jobs->type != YAML_MAP))
		return jobs != NULL ? yaml_share(jobs) : NULL;
	made = yaml_build_plain(YAML_MAP, jobs != NULL ? jobs->mark : changes->mark, NULL);
	for (size_t i = 0; jobs != NULL && i < jobs->n; i++) {
		over = yaml_get(changes, jobs->keys[i].name);
		moved = over != NULL && foreign_above(f) != NULL ? foreign_moved(f, over, jobs->keys[i].mark) : NULL;
		job = over == NULL ? yaml_share(jobs->items[i]) :
		    foreign_merge(f, jobs->items[i], moved != NULL ? moved : over, true);
		yaml_node_free(moved);
		foreign_put(made, jobs->keys[i].name, jobs->keys[i].mark, job);
	}
	/* Those of the target alone are of the file that it is in. */
	for (size_t i = 0; foreign_above(f) == NULL && i < changes->n; i++)
		if (jobs == NULL || foreign_key(jobs, changes->keys[i].name) == NULL)
			foreign_put(made, changes->keys[i].name, changes->keys[i].mark, yaml_share(changes->items[i]));
	yaml_build_finish(&f->build, made, NULL);
	return made;
}

/* The cluster that a target, or the bundle, has instead of those that tasks name: for development. */
static struct yaml_node *
cluster_of(struct foreign *f, const struct yaml_node *target)
{
	static const char *const keys[] = {"cluster_id", "compute_id"};
	const struct yaml_node *places[] = {target, foreign_bundle_map(f, "bundle")}, *value;

	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; places[i] != NULL && k < 2; k++)
			if ((value = yaml_get(places[i], keys[k])) != NULL && value->type != YAML_NULL)
				return foreign_above(f) != NULL ? foreign_moved(f, value, f->root->mark) : yaml_share(value);
	return NULL;
}

/* Chooses one of the jobs; NULL with a problem added when that cannot be done. */
static const struct yaml_key *
choose(struct foreign *f, const struct yaml_node *jobs, struct mark at)
{
	const char *wanted = f->options->job;
	struct guess guess = {.word = wanted};
	const struct yaml_key *key;

	if (wanted == NULL && jobs->n == 1)
		return &jobs->keys[0];
	if (wanted == NULL) {
		say_several(f, jobs, at);
		return NULL;
	}
	if ((key = foreign_key(jobs, wanted)) != NULL)
		return key;
	for (size_t i = 0; i < jobs->n; i++)
		guess_consider(&guess, jobs->keys[i].name);
	problems_add(f->build.problems, NULL, 0, 0, "option '--job': the file has no job '%.100s'%s%.100s%s", wanted,
	    guess.best != NULL ? "; did you mean '" : "", guess.best != NULL ? guess.best : "",
	    guess.best != NULL ? "'?" : "");
	return NULL;
}

void
foreign_bundle(struct foreign *f)
{
	static const char *const read[] = {"bundle", "resources", "variables", "include", "targets", NULL};
	static const char *const placed[] = {"workspace", "run_as", NULL};
	static const char *const passed[] = {"environments", "artifacts", "sync", "permissions", "experimental", "presets",
		"python", "scripts", NULL};
	static const char *const jobs_alone[] = {"jobs", NULL};
	static const char *const resources_passed[] = {"alerts", "apps", "catalogs", "clusters", "dashboards",
		"database_catalogs", "database_instances", "experiments", "model_serving_endpoints", "models", "permissions",
		"pipelines", "quality_monitors", "registered_models", "schemas", "secret_scopes", "sql_warehouses",
		"synced_database_tables", "volumes", NULL};
	const struct yaml_node *resources = yaml_get(f->root, "resources"), *include = yaml_get(f->root, "include"), *target;
	const struct yaml_key *at, *job;
	unsigned complaints;
	const char *name;

	foreign_keys(f, f->root, read, placed, passed);
	if (resources != NULL && resources->type == YAML_MAP)
		foreign_keys(f, resources, jobs_alone, NULL, resources_passed);
	target = foreign_bundle_target(f, &name);
	check_target_name(f, target);
	complaints = f->build.complaints;
	f->jobs = jobs_of(f, target);
	f->cluster = cluster_of(f, target);
	at = resources != NULL ? foreign_key(resources, "jobs") : NULL;
	at = at != NULL ? at : foreign_key(f->root, "resources");
	if (f->jobs == NULL || f->jobs->type != YAML_MAP || f->jobs->n == 0) {
		if (include != NULL)
			say_included(f, include);
		else if (f->build.complaints == complaints)
			foreign_problem(f, at != NULL ? at->mark : f->root->mark, "the bundle has no job; there is nothing to run");
		return;
	}
	if (include != NULL)
		foreign_notice(f, foreign_key(f->root, "include"), "is passed over, because there is a job in the file itself");
	job = choose(f, f->jobs, at != NULL ? at->mark : f->jobs->mark);
	if (job != NULL)
		foreign_job(f, foreign_get(f, f->jobs, job->name), job);
}
