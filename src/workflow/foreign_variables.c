/* What stands in ${...} of Databricks' bundles: variables, and the targets that set them. */
#include "workflow/foreign_parts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"

#define SUBSTITUTIONS_MAX 100000	/* nodes and references, in all */
#define SUBSTITUTION_DEPTH_MAX 16	/* variables within variables */
#define SUBSTITUTED_BYTES_MAX ((size_t)1024 * 1024)	/* of one text */
#define FOLDERS_ABOVE_MAX 16

static struct yaml_node *substitute(struct foreign *f, const struct yaml_node *value, struct mark at, unsigned depth);

/* ---- Variables ---- */

/* The length of a reference at p, "${a.b}"; 0 when there is none. */
static size_t
reference_length(const char *p, const char *end)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static const char rest[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.[]";
	size_t n = 2;

	if (end - p < 4 || p[0] != '$' || p[1] != '{' || p[2] == '\0' || strchr(first, p[2]) == NULL)
		return 0;
	while (p + n < end && p[n] != '\0' && strchr(rest, p[n]) != NULL)
		n++;
	return p + n < end && p[n] == '}' ? n + 1 : 0;
}

/* Looks for the file of the bundle that this one belongs to. */
static void
look_above(struct foreign *f)
{
	static const char *const names[] = {"databricks.yml", "databricks.yaml", "bundle.yml", "bundle.yaml"};
	struct buf text = BUF_INIT;
	char *folder = xstrdup(f->folder), *path, *up;
	bool found = false;

	f->looked_above = true;
	for (int i = 0; !found && i < FOLDERS_ABOVE_MAX; i++) {
		for (size_t k = 0; !found && k < sizeof(names) / sizeof(names[0]); k++) {
			path = file_join(folder, names[k]);
			if (strcmp(path, f->build.file) != 0 && file_read_regular(path, &text, YAML_BYTES_MAX) == 0) {
				found = true;
				log_info("the variables of '%s' are those of '%s'", f->build.file, path);
				f->above = yaml_parse(buf_str(&text), text.len, path, f->build.problems);
			}
			free(path);
		}
		up = file_join(folder, "..");
		free(folder);
		folder = up;
	}
	free(folder);
	buf_release(&text);
}

const struct yaml_node *
foreign_above(struct foreign *f)
{
	if (yaml_get(f->root, "bundle") != NULL)
		return NULL;
	if (!f->looked_above)
		look_above(f);
	return f->above;
}

/* What two keys, one within the other, lead to: in this file, else in the one that includes it. */
static const struct yaml_node *
find(struct foreign *f, const char *outer, const char *key)
{
	const struct yaml_node *map = yaml_get(f->root, outer), *value = map != NULL ? yaml_get(map, key) : NULL;

	if (value != NULL)
		return value;
	map = foreign_above(f) != NULL ? yaml_get(f->above, outer) : NULL;
	return map != NULL ? yaml_get(map, key) : NULL;
}

const struct yaml_node *
foreign_bundle_map(struct foreign *f, const char *key)
{
	const struct yaml_node *map = yaml_get(f->root, key);

	if (map == NULL && foreign_above(f) != NULL)
		map = yaml_get(f->above, key);
	return map != NULL && map->type == YAML_MAP ? map : NULL;
}

const struct yaml_node *
foreign_bundle_target(struct foreign *f, const char **name)
{
	const char *wanted = f->remote ? f->options->target : getenv("DATABRICKS_BUNDLE_TARGET");
	const struct yaml_node *targets, *marked;

	*name = NULL;
	targets = foreign_bundle_map(f, "targets");
	if (targets == NULL)
		return NULL;
	for (size_t i = 0; i < targets->n; i++) {
		marked = yaml_get(targets->items[i], "default");
		if (wanted != NULL && *wanted != '\0' ? strcmp(targets->keys[i].name, wanted) != 0 :
		    targets->n > 1 && (marked == NULL || marked->type != YAML_BOOL || !marked->boolean))
			continue;
		*name = targets->keys[i].name;
		return targets->items[i];
	}
	return NULL;
}

/* A value within a variable's: path is empty, or begins with '.' or '['. NULL when there is none. */
static const struct yaml_node *
within(const struct yaml_node *value, const char *path)
{
	char *name, *end;
	unsigned long i;
	size_t n;

	while (value != NULL && *path != '\0') {
		if (*path == '[') {
			i = strtoul(path + 1, &end, 10);
			if (end == path + 1 || *end != ']' || value->type != YAML_LIST || i >= value->n)
				return NULL;
			value = value->items[i];
			path = end + 1;
			continue;
		}
		n = strcspn(path + 1, ".[");
		name = xmemdup0(path + 1, n);
		value = value->type == YAML_MAP ? yaml_get(value, name) : NULL;
		free(name);
		path += n + 1;
	}
	return value;
}

/* What the file has for a variable: in the target, else its default. *known: whether there is such a variable. */
static const struct yaml_node *
value_of(struct foreign *f, const char *name, bool *known)
{
	const struct yaml_node *variable = find(f, "variables", name), *value, *target, *all;
	const char *target_name;

	*known = variable != NULL;
	target = foreign_bundle_target(f, &target_name);
	all = target != NULL ? yaml_get(target, "variables") : NULL;
	value = all != NULL ? yaml_get(all, name) : NULL;
	/* There it is the value itself, or a map like that of the variable. */
	if (value != NULL && value->type == YAML_MAP && yaml_get(value, "default") != NULL)
		value = yaml_get(value, "default");
	if (value != NULL && (value->type != YAML_MAP || yaml_get(value, "lookup") == NULL)) {
		*known = true;
		return value;
	}
	return variable != NULL ? yaml_get(variable, "default") : NULL;
}

static struct yaml_node *
variable(struct foreign *f, const char *reference, struct mark at, unsigned depth)
{
	const size_t n = strcspn(reference, ".[");
	const struct yaml_node *value;
	struct yaml_node *given;
	bool known;
	char *name = xmemdup0(reference, n), *env = xasprintf("BUNDLE_VAR_%s", name);
	const char *text = getenv(env);

	free(env);
	if (reference[n] == '\0' && text != NULL && utf8_check(text, strlen(text)) == strlen(text)) {
		free(name);
		given = yaml_build_plain(YAML_STRING, at, text);
		/* It may be for a number, or a switch; but what is null in YAML is text here. */
		yaml_scalar_resolve(given);
		if (given->type == YAML_NULL || (given->type == YAML_BOOL && strcmp(text, "true") != 0 &&
		    strcmp(text, "false") != 0)) {
			yaml_node_free(given);
			given = yaml_build_plain(YAML_STRING, at, text);
		}
		return given;
	}
	value = value_of(f, name, &known);
	if (value == NULL && known)
		foreign_problem(f, at, "${var.%.100s}: the variable has no default; set BUNDLE_VAR_%.100s in the environment",
		    reference, name);
	else if (value == NULL)
		foreign_problem(f, at, "${var.%.100s}: there is no variable '%.100s' in this file or the bundle's; if another "
		    "one has it, set BUNDLE_VAR_%.100s in the environment", reference, name, name);
	free(name);
	if (value == NULL)
		return NULL;
	value = within(value, reference + n);
	if (value != NULL)
		return substitute(f, value, at, depth + 1);
	foreign_problem(f, at, "${var.%.100s}: there is nothing of that name in the variable", reference);
	return NULL;
}

/* What a reference stands for; name is what is between its braces. */
static struct yaml_node *
look_up(struct foreign *f, const char *name, struct mark at, unsigned depth)
{
	const struct yaml_node *value = NULL;
	const char *target;

	if (strncmp(name, "var.", 4) == 0)
		return variable(f, name + 4, at, depth);
	if (strcmp(name, "bundle.name") == 0)
		value = find(f, "bundle", "name");
	if (value != NULL && value->type != YAML_LIST && value->type != YAML_MAP)
		return substitute(f, value, at, depth + 1);
	if (strcmp(name, "bundle.target") == 0) {
		foreign_bundle_target(f, &target);
		if (target != NULL)
			return yaml_build_plain(YAML_STRING, at, target);
	}
	foreign_problem(f, at, "${%.100s} is known only when the bundle is deployed; write the value itself, or a variable "
	    "with a default", name);
	return NULL;
}

static struct yaml_node *
substitute_text(struct foreign *f, const struct yaml_node *text, struct mark at, bool own, unsigned depth)
{
	const char *p = text->text, *end = p + text->len;
	struct yaml_node *value = NULL;
	struct buf out = BUF_INIT;
	bool ok = true;

	while (ok && p < end) {
		size_t n = reference_length(p, end);
		struct mark place = own ? yaml_place(text, (size_t)(p - text->text)) : at;
		char *name;

		if (n == 0) {
			buf_addc(&out, *p++);
			continue;
		}
		name = xmemdup0(p + 2, n - 3);
		value = look_up(f, name, place, depth);
		if (value != NULL && n == text->len) {
			free(name);
			buf_release(&out);
			value->mark = at;	/* of the value, not of what is in its quotes */
			return value;
		}
		if (value != NULL && (value->type == YAML_LIST || value->type == YAML_MAP))
			foreign_problem(f, place, "${%.100s} is %s, which cannot be put into a text", name,
			    yaml_type_name(value->type));
		else if (value != NULL && out.len + value->len + text->len > SUBSTITUTED_BYTES_MAX)
			foreign_problem(f, place, "${%.100s} makes the text too long", name);
		else if (value != NULL)
			buf_adds(&out, value->type == YAML_NULL ? "" : value->text);
		ok = value != NULL && value->type != YAML_LIST && value->type != YAML_MAP &&
		    out.len + text->len <= SUBSTITUTED_BYTES_MAX;
		yaml_node_free(value);
		free(name);
		p += n;
	}
	value = ok ? yaml_build_plain(YAML_STRING, at, buf_str(&out)) : NULL;
	buf_release(&out);
	return value;
}

/* A copy of a variable's value, as if it stood where it is used. */
static struct yaml_node *
substitute(struct foreign *f, const struct yaml_node *value, struct mark at, unsigned depth)
{
	struct yaml_node *made, *item;

	if (depth > SUBSTITUTION_DEPTH_MAX) {
		foreign_problem(f, at, "variables stand within each other more than %d deep", SUBSTITUTION_DEPTH_MAX);
		return NULL;
	}
	if (++f->substitutions > SUBSTITUTIONS_MAX) {
		if (f->substitutions == SUBSTITUTIONS_MAX + 1)
			foreign_problem(f, at, "variables are put in more than %d times; write large values out", SUBSTITUTIONS_MAX);
		return NULL;
	}
	if (value->type == YAML_STRING)
		return substitute_text(f, value, at, false, depth);
	made = yaml_build_plain(value->type, at, value->text);
	made->boolean = value->boolean;
	for (size_t i = 0; i < value->n; i++) {
		item = substitute(f, value->items[i], at, depth);
		if (item == NULL) {
			yaml_node_free(made);
			return NULL;
		}
		if (value->type == YAML_MAP)
			foreign_put(made, value->keys[i].name, at, item);
		else
			yaml_build_item(made, item);
	}
	if (value->type == YAML_MAP || value->type == YAML_LIST)
		yaml_build_finish(&f->build, made, NULL);
	return made;
}

struct yaml_node *
foreign_known(struct foreign *f, const struct yaml_node *value)
{
	return f->form == FOREIGN_BUNDLE ? foreign_substitute(f, value) : yaml_share(value);
}

struct yaml_node *
foreign_substitute(struct foreign *f, const struct yaml_node *value)
{
	const char *p = value->text;

	if (value->type != YAML_STRING)
		return yaml_share(value);
	while ((p = strstr(p, "${")) != NULL && reference_length(p, value->text + value->len) == 0)
		p++;
	return p == NULL ? yaml_share(value) : substitute_text(f, value, value->mark, true, 0);
}
