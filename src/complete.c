#include "complete.h"

#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "workflow/yaml.h"

static void
put(struct buf *out, const char *name)
{
	for (const unsigned char *p = (const unsigned char *)name; *p != '\0'; p++)
		if (*p < 0x20 || *p == 0x7f)
			return;
	buf_addf(out, "%s\n", name);
}

static void
put_keys(struct buf *out, const struct yaml_node *map)
{
	for (size_t i = 0; map != NULL && map->type == YAML_MAP && i < map->n; i++)
		put(out, map->keys[i].name);
}

static void
put_notebooks(const char *file, const struct overrides *o, struct buf *out)
{
	struct problems found = PROBLEMS_INIT;
	struct workflow w;

	workflow_load(&w, file, o, &found);
	for (size_t i = 0; i < w.ntasks; i++)
		put(out, w.tasks[i].name);
	workflow_release(&w);
	problems_release(&found);
}

/* The jobs of a bundle; those that a target has alone come behind them. */
static void
put_jobs(const struct yaml_node *root, struct buf *out)
{
	const struct yaml_node *targets = yaml_get(root, "targets"), *resources = yaml_get(root, "resources");
	const struct yaml_node *jobs = resources != NULL ? yaml_get(resources, "jobs") : NULL, *more;

	put_keys(out, jobs);
	for (size_t i = 0; targets != NULL && targets->type == YAML_MAP && i < targets->n; i++) {
		resources = yaml_get(targets->items[i], "resources");
		more = resources != NULL ? yaml_get(resources, "jobs") : NULL;
		for (size_t k = 0; more != NULL && more->type == YAML_MAP && k < more->n; k++)
			if (jobs == NULL || yaml_get(jobs, more->keys[k].name) == NULL)
				put(out, more->keys[k].name);
	}
}

static void
put_targets(const struct yaml_node *root, struct buf *out)
{
	const struct yaml_node *targets = yaml_get(root, "targets");

	if (targets == NULL || yaml_get(targets, "local") == NULL)
		put(out, "local");
	put_keys(out, targets);
}

bool
complete_names(const char *what, const char *file, const struct overrides *o, struct buf *out)
{
	bool notebooks = strcmp(what, "notebooks") == 0, jobs = strcmp(what, "jobs") == 0;
	struct problems found = PROBLEMS_INIT;
	struct buf text = BUF_INIT;
	struct yaml_node *root;

	if (!notebooks && !jobs && strcmp(what, "targets") != 0)
		return false;
	if (file_read_regular(file, &text, YAML_BYTES_MAX) == 0) {
		root = yaml_parse(buf_str(&text), text.len, file, &found);
		if (notebooks)
			put_notebooks(file, o, out);
		else if (jobs && root != NULL)
			put_jobs(root, out);
		else if (!jobs && root != NULL)
			put_targets(root, out);
		yaml_node_free(root);
	}
	buf_release(&text);
	problems_release(&found);
	return true;
}
