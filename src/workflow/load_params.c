/* Parameters and variables of the environment as they are written. */
#include "workflow/loader.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "workflow/expression.h"
#include "workflow/yaml_build.h"

void
sources_release(struct sources *s)
{
	free(s->list);
	*s = (struct sources){NULL, 0, 0};
}

static void
add(struct sources *s, const struct source *new)
{
	s->list = xgrow(s->list, s->n, &s->cap, sizeof(*s->list));
	s->list[s->n++] = *new;
}

void
sources_merge(struct sources *into, const struct sources *from)
{
	struct table places = TABLE_INIT;

	for (size_t i = 0; from->n > 0 && i < into->n; i++)
		*table_at(&places, into->list[i].name, strlen(into->list[i].name)) = (void *)(uintptr_t)(i + 1);
	for (size_t i = 0; i < from->n; i++) {
		const struct source *new = &from->list[i];
		uintptr_t place = (uintptr_t)table_get(&places, new->name, strlen(new->name));

		if (place != 0)
			into->list[place - 1] = *new;
		else
			add(into, new);
	}
	table_release(&places);
}

/* What is wrong with the name of a parameter or variable, or nothing. */
static bool
parameter_name_ok(struct loader *l, const char *name, struct mark at)
{
	if (name_is_identifier(name))
		return true;
	if (expression_in(name, strlen(name)))
		loader_problem(l, at, "parameter '%.*s' has an expression in its name; they stand in values alone", SHOWN(name));
	else
		loader_problem(l, at, "parameter '%.*s' cannot be a variable's name: "
		    "use letters, digits and '_', with no digit first", SHOWN(name));
	return false;
}

static bool
variable_name_ok(struct loader *l, const char *name, struct mark at)
{
	if (expression_in(name, strlen(name)))
		loader_problem(l, at, "variable '%.*s' has an expression in its name; they stand in values alone", SHOWN(name));
	else if (*name == '\0' || strchr(name, '=') != NULL)
		loader_problem(l, at, "environment variable '%.*s' must have a name, without '='", SHOWN(name));
	else
		return true;
	return false;
}

static void
read_map(struct loader *l, const struct yaml_node *map, bool (*name_ok)(struct loader *l, const char *name, struct mark at),
    struct sources *into)
{
	struct sources read = {NULL, 0, 0};

	for (size_t i = 0; i < map->n; i++) {
		const struct source new = {map->keys[i].name, map->items[i], map->keys[i].mark, l->option};

		if (name_ok(l, new.name, new.mark))
			add(&read, &new);
	}
	sources_merge(into, &read);
	sources_release(&read);
}

static const struct kind secret = {.type = KIND_SECRET};
static const struct kind parameter = {.type = KIND_PARAMETER};
static const struct kind variable = {.type = KIND_TEXT, .empty = true, .other = &secret};
const struct kind loader_parameters_kind = {.type = KIND_NAMED, .pattern = PATTERN_IDENTIFIER, .items = &parameter};
const struct kind loader_env_kind = {.type = KIND_NAMED, .pattern = PATTERN_VARIABLE, .items = &variable};

void
loader_parameters(struct loader *l, const struct yaml_node *value, struct sources *into)
{
	if (loader_is_map(l, "parameters", value))
		read_map(l, value, parameter_name_ok, into);
}

void
loader_env(struct loader *l, const struct yaml_node *value, struct sources *into)
{
	if (loader_is_map(l, "env", value))
		read_map(l, value, variable_name_ok, into);
}

/* ---- The command line's ---- */

/* Keeps a text for as long as the loader. */
static const char *
keep_text(struct loader *l, char *text)
{
	l->texts = xreallocarray(l->texts, l->ntexts + 1, sizeof(*l->texts));
	return l->texts[l->ntexts++] = text;
}

/* The text that stands for a value, which is released; a secret is left what it is. */
static struct yaml_node *
made_text(struct yaml_node *value, const char *written)
{
	struct yaml_node *text;

	if (value->type == YAML_STRING || (value->type == YAML_MAP && yaml_get(value, "secret") != NULL))
		return value;
	text = yaml_build_plain(YAML_STRING, value->mark,
	    value->type == YAML_LIST || value->type == YAML_MAP ? written : value->text);
	yaml_node_free(value);
	return text;
}

/* Reads the value of an option -p, a document of its own. */
static void
read_override(struct loader *l, const char *name, const char *text)
{
	struct problems found = PROBLEMS_INIT;
	struct sources one = {NULL, 0, 0};
	struct yaml_node *value;
	struct buf quoted = BUF_INIT;
	const char *hint = "";

	l->option = keep_text(l, xasprintf("-p %.*s=...", SHOWN(name)));	/* not the value: it may be private */
	/* In a file an empty value is null; but "-p x=" is what a shell makes of -p x="$X", so here it is text. */
	if (*text == '\0')
		text = "''";
	/* A person in a shell does not know that *.csv is an alias. */
	if (strchr("*&!%#@`[{|>'\"", *text) != NULL)
		hint = "; for the text as it stands, write NAME='\"...\"'";
	/* What begins like a map in a map is an expression to whoever writes it. */
	if (strncmp(text, "{{", 2) == 0) {
		json_put_str(&quoted, text);
		text = buf_str(&quoted);
	}
	value = yaml_parse(text, strlen(text), NULL, &found);
	if (value != NULL && l->options->as_text)
		value = made_text(value, text);
	buf_release(&quoted);
	for (size_t i = 0; i < found.n; i++)
		loader_problem(l, NO_MARK, "%s%s", found.list[i].message, hint);
	problems_release(&found);
	if (value != NULL)
		loader_note_secrets(l, value);
	if (value != NULL && parameter_name_ok(l, name, NO_MARK)) {
		add(&one, &(struct source){name, value, NO_MARK, l->option});
		sources_merge(&l->overrides, &one);
		sources_release(&one);
	}
	if (value != NULL) {
		l->trees = xreallocarray(l->trees, l->ntrees + 1, sizeof(struct yaml_node *));
		l->trees[l->ntrees++] = value;
	}
	l->option = NULL;
}

void
loader_overrides(struct loader *l)
{
	for (size_t i = 0; i < l->options->nparameters; i++) {
		const char *option = l->options->parameters[i];
		const char *equals = strchr(option, '=');

		if (equals == NULL) {
			problems_add(l->problems, NULL, 0, 0, "option '-p %.*s': must be NAME=VALUE", SHOWN(option));
			continue;
		}
		read_override(l, keep_text(l, xmemdup0(option, (size_t)(equals - option))), equals + 1);
	}
}
