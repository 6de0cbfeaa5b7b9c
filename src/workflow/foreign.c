/* Which form a file has, and what its forms have in common. */
#include "workflow/foreign_parts.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "workflow/expression.h"
#include "workflow/name.h"

#define PROBLEMS_SAID 100	/* a foreign file with more is not what it was taken for */

const struct foreign_place foreign_nowhere = {NULL, false, NULL};

/* ---- What is said ---- */

void
foreign_problem(struct foreign *f, struct mark at, const char *fmt, ...)
{
	char *message;
	va_list ap;

	if (f->build.complaints >= PROBLEMS_SAID)
		return;
	va_start(ap, fmt);
	message = xvasprintf(fmt, ap);
	va_end(ap);
	yaml_complain(&f->build, at, "%s", message);
	free(message);
}

void
foreign_notice(struct foreign *f, const struct yaml_key *key, const char *what)
{
	void **place = table_at(&f->passed, key->name, strlen(key->name));

	if (*place == NULL)
		log_info("%s:%u:%u: key '%.100s' %s", f->build.file, key->mark.line, key->mark.column, key->name, what);
	*place = f;	/* anything but NULL */
}

static bool
is_among(const char *word, const char *const *list)
{
	for (; list != NULL && *list != NULL; list++)
		if (strcmp(*list, word) == 0)
			return true;
	return false;
}

void
foreign_keys(struct foreign *f, const struct yaml_node *map, const char *const *read, const char *const *placed,
    const char *const *passed)
{
	for (size_t i = 0; i < map->n; i++) {
		const struct yaml_key *key = &map->keys[i];
		struct guess guess = {.word = key->name};
		void **place;

		if (is_among(key->name, read))
			continue;
		if (is_among(key->name, placed)) {
			if (!f->remote)
				foreign_notice(f, key, "has no meaning on this machine and is passed over");
			continue;
		}
		if (is_among(key->name, passed)) {
			foreign_notice(f, key, "has no meaning here and is passed over");
			continue;
		}
		for (const char *const *known = read; *known != NULL; known++)
			guess_consider(&guess, *known);
		if (guess.best != NULL) {
			foreign_problem(f, key->mark, "unknown key '%.100s'; did you mean '%s'?", key->name, guess.best);
			continue;
		}
		place = table_at(&f->passed, key->name, strlen(key->name));
		if (*place == NULL)
			log_warn("%s:%u:%u: key '%.100s' is not known and is passed over", f->build.file, key->mark.line,
			    key->mark.column, key->name);
		*place = f;
	}
}

/* ---- Reading and making ---- */

const struct yaml_key *
foreign_key(const struct yaml_node *map, const char *name)
{
	for (size_t i = 0; map->type == YAML_MAP && i < map->n; i++)
		if (strcmp(map->keys[i].name, name) == 0)
			return &map->keys[i];
	return NULL;
}

const struct yaml_node *
foreign_written(const struct yaml_node *map, const char *key)
{
	const struct yaml_node *value = map != NULL ? yaml_get(map, key) : NULL;

	return value != NULL && value->type != YAML_NULL ? value : NULL;
}

const struct yaml_node *
foreign_get(struct foreign *f, const struct yaml_node *map, const char *key)
{
	const struct yaml_node *value = foreign_written(map, key);
	struct yaml_node *made;
	void **place;

	if (value == NULL)
		return NULL;
	if (f->form != FOREIGN_BUNDLE || value->type != YAML_STRING || strstr(value->text, "${") == NULL)
		return value;
	place = table_at(&f->resolved, &value, sizeof(value));
	if (*place == NULL) {
		made = foreign_substitute(f, value);
		/* What was a problem is one once. */
		*place = made != NULL ? made : yaml_build_plain(YAML_NULL, value->mark, "null");
	}
	made = *place;
	return made->type != YAML_NULL ? made : NULL;
}

void
foreign_put(struct yaml_node *map, const char *name, struct mark at, struct yaml_node *value)
{
	if (value != NULL)
		yaml_build_value(map, (struct yaml_key){xstrdup(name), at}, value);
}

struct yaml_node *
foreign_text(struct mark at, const char *fmt, ...)
{
	struct yaml_node *node;
	char *text;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	node = yaml_build_plain(YAML_STRING, at, text);
	free(text);
	return node;
}

const char *
foreign_shown(struct foreign *f, const struct yaml_node *written, const struct yaml_node *value)
{
	bool text = value->type == YAML_STRING, own = written->type != YAML_STRING ||
	    (strstr(written->text, "${") == NULL && strstr(written->text, "{{") == NULL);

	if (value->text == NULL || value->type == YAML_NULL)
		return yaml_type_name(value->type);
	if (!own)
		return text ? "the text that stands for it" : "the value that stands for it";
	snprintf(f->shown, sizeof(f->shown), "%s%.100s%s", text ? "the text '" : "", value->text, text ? "'" : "");
	return f->shown;
}

bool
foreign_number(struct foreign *f, const char *key, const struct yaml_node *written, const struct yaml_node *value,
    double min, bool whole, double *d)
{
	if (yaml_number(value, d) && isfinite(*d) && *d >= min && (!whole || value->type == YAML_INT))
		return true;
	foreign_problem(f, value->mark, "'%s' must be a %snumber of at least %g, not %s", key, whole ? "whole " : "", min,
	    foreign_shown(f, written, value));
	return false;
}

void
foreign_put_number(struct foreign *f, const struct yaml_node *from, const char *key, bool whole, struct yaml_node *into,
    const char *name)
{
	const struct yaml_key *at = foreign_key(from, key);
	struct yaml_node *value;
	double d;

	if (at == NULL || foreign_written(from, key) == NULL)
		return;
	value = foreign_value(f, yaml_get(from, key), &foreign_nowhere);
	if (value != NULL && foreign_number(f, key, yaml_get(from, key), value, 0, whole, &d))
		foreign_put(into, name, at->mark, yaml_share(value));
	yaml_node_free(value);
}

const char *
foreign_overridden(const struct foreign *f, const char *parameter)
{
	size_t n = strlen(parameter);

	/* The last one counts. */
	for (size_t i = f->options->nparameters; i-- > 0;)
		if (strncmp(f->options->parameters[i], parameter, n) == 0 && f->options->parameters[i][n] == '=')
			return f->options->parameters[i] + n + 1;
	return NULL;
}

struct yaml_node *
foreign_name(struct mark at, const char *name)
{
	struct buf literal = BUF_INIT;
	struct yaml_node *made;

	/* Without these it is no pattern, and a backslash is itself. */
	if (strpbrk(name, "*?[") == NULL)
		return yaml_build_plain(YAML_STRING, at, name);
	for (const char *p = name; *p != '\0'; p++) {
		if (strchr("*?[\\", *p) != NULL)
			buf_addc(&literal, '\\');
		buf_addc(&literal, *p);
	}
	made = yaml_build_plain(YAML_STRING, at, buf_str(&literal));
	buf_release(&literal);
	return made;
}

struct yaml_node *
foreign_value_text(struct foreign *f, const char *what, const struct yaml_node *value)
{
	struct yaml_node *made = foreign_value(f, value, &foreign_nowhere);

	if (made == NULL)
		return NULL;
	if (made->type != YAML_LIST && made->type != YAML_MAP && made->type != YAML_NULL && made->len > 0)
		return made;
	if (made->type == YAML_STRING)
		foreign_problem(f, value->mark, "%s is empty", what);
	else
		foreign_problem(f, value->mark, "%s must be text, not %s", what, yaml_type_name(made->type));
	yaml_node_free(made);
	return NULL;
}

/* ---- Notebooks ---- */

struct yaml_node *
foreign_notebook(struct foreign *f, struct mark at)
{
	struct yaml_node *notebook = yaml_build_plain(YAML_MAP, at, NULL);

	yaml_build_item(f->notebooks, notebook);
	return notebook;
}

static bool
is_there(const struct foreign *f, const char *path)
{
	char *file = file_join(f->folder, path);
	bool there = access(file, F_OK) == 0;

	free(file);
	return there;
}

void
foreign_path(struct foreign *f, const struct yaml_node *path, struct yaml_node *notebook)
{
	struct yaml_node *value = foreign_value_text(f, "the path of a notebook", path), *found = NULL;
	bool settled;

	if (value == NULL) {
		f->incomplete = true;
		return;
	}
	settled = name_notebook_ending(value->text) != NULL || expression_in(value->text, value->len);
	/* Anything that begins with '/' and has no ending is of a workspace. */
	if (*value->text == '/' && !f->remote && !settled) {
		foreign_problem(f, path->mark, "'%.200s' is a notebook of the workspace; choose a target with -t, or export it "
		    "and name the file", value->text);
		f->incomplete = true;
	}
	if (f->incomplete || *value->text == '/' || settled)
		found = yaml_share(value);
	for (size_t i = 0; found == NULL && name_notebook_endings[i] != NULL; i++) {
		found = foreign_text(path->mark, "%s%s", value->text, name_notebook_endings[i]);
		if (!is_there(f, found->text)) {
			yaml_node_free(found);
			found = NULL;
		}
	}
	/* Where there is none of them, whoever opens it will say so. */
	if (found == NULL)
		found = foreign_text(path->mark, "%s%s", value->text, name_notebook_endings[0]);
	foreign_put(notebook, "path", path->mark, found);
	yaml_node_free(value);
}

/* ---- The whole ---- */

static bool
is_list_of_names(const struct yaml_node *root)
{
	for (size_t i = 0; i < root->n; i++)
		if (root->items[i]->type != YAML_STRING)
			return false;
	return root->type == YAML_LIST && root->n > 0;
}

static enum foreign_form
form_of(const struct yaml_node *root)
{
	const struct yaml_node *resources = yaml_get(root, "resources");

	if (is_list_of_names(root))
		return FOREIGN_FABRIC;
	if (root->type != YAML_MAP || yaml_get(root, "notebooks") != NULL)
		return FOREIGN_NONE;
	if (yaml_get(root, "bundle") != NULL || (resources != NULL && yaml_get(resources, "jobs") != NULL))
		return FOREIGN_BUNDLE;
	if (foreign_job_of(root) != NULL)
		return FOREIGN_JOB;
	return yaml_get(root, "activities") != NULL ? FOREIGN_FABRIC : FOREIGN_NONE;
}

/* Makes the tree one that is right and has no notebooks: with some of them missing, others would be wrong too. */
static void
leave_out_notebooks(struct foreign *f)
{
	const struct mark at = f->root->mark;
	struct yaml_node *list = yaml_build_plain(YAML_LIST, at, NULL), *map = yaml_build_plain(YAML_MAP, at, NULL);
	struct yaml_node *notebook, *yes = yaml_build_plain(YAML_BOOL, at, "true");

	yaml_node_free(f->notebooks);
	f->notebooks = yaml_build_plain(YAML_LIST, at, NULL);
	yes->boolean = true;
	yaml_build_finish(&f->build, list, NULL);
	foreign_put(map, "list", at, list);
	foreign_put(map, "allow_empty", at, yes);
	yaml_build_finish(&f->build, map, NULL);
	notebook = foreign_notebook(f, at);
	foreign_put(notebook, "path", at, foreign_text(at, "none.ipynb"));
	foreign_put(notebook, "for_each", at, map);
}

/* Completes what is inside before what it is inside of; what is shared with the foreign tree is complete. */
static void
finish(struct foreign *f)
{
	for (size_t i = 0; i < f->notebooks->n; i++)
		yaml_build_finish(&f->build, f->notebooks->items[i], NULL);
	yaml_build_finish(&f->build, f->notebooks, NULL);
	yaml_build_finish(&f->build, f->defaults, NULL);
	yaml_build_finish(&f->build, f->pools, NULL);
	foreign_put(f->tree, "defaults", f->root->mark, f->defaults);
	foreign_put(f->tree, "pools", f->root->mark, f->pools);
	foreign_put(f->tree, "notebooks", f->root->mark, f->notebooks);
	yaml_build_finish(&f->build, f->tree, NULL);
}

struct yaml_node *
foreign_convert(const struct yaml_node *root, const char *file, const char *folder, const struct overrides *o,
    bool *texts, struct problems *p)
{
	struct foreign f = {
		.form = root != NULL ? form_of(root) : FOREIGN_NONE,
		.root = root,
		.build = {.file = file, .problems = p},
		.folder = folder,
		.options = o,
		.passed = TABLE_INIT,
		.parameters = TABLE_INIT,
		.repeated = TABLE_INIT,
		.clusters = TABLE_INIT,
		.resolved = TABLE_INIT,
	};

	*texts = f.form == FOREIGN_BUNDLE || f.form == FOREIGN_JOB;
	if (o->job != NULL && f.form != FOREIGN_BUNDLE)
		problems_add(p, NULL, 0, 0, "option '--job': '%s' is no bundle; only those have several jobs to choose from", file);
	if (f.form == FOREIGN_NONE)
		return NULL;
	f.remote = *texts && o->target != NULL && strcmp(o->target, "local") != 0;
	f.tree = yaml_build_plain(YAML_MAP, root->mark, NULL);
	f.defaults = yaml_build_plain(YAML_MAP, root->mark, NULL);
	f.pools = yaml_build_plain(YAML_MAP, root->mark, NULL);
	f.notebooks = yaml_build_plain(YAML_LIST, root->mark, NULL);
	if (f.form == FOREIGN_BUNDLE)
		foreign_bundle(&f);
	else if (f.form == FOREIGN_JOB)
		foreign_job(&f, foreign_job_of(root), NULL);
	else
		foreign_fabric(&f);
	if (f.form != FOREIGN_FABRIC && o->target != NULL)
		foreign_targets(&f);
	if (f.incomplete || f.notebooks->n == 0)
		leave_out_notebooks(&f);
	finish(&f);
	for (size_t i = 0; i < f.resolved.n; i++)
		yaml_node_free(f.resolved.entries[i].value);
	yaml_node_free(f.above);
	yaml_node_free(f.jobs);
	yaml_node_free(f.cluster);
	table_release(&f.passed);
	table_release(&f.parameters);
	table_release(&f.repeated);
	table_release(&f.clusters);
	table_release(&f.resolved);
	return f.tree;
}
