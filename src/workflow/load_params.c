/* Parameters, variables of the environment, and secrets. */
#include "workflow/loader.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"

/* What a map {secret: NAME} holds; NULL when the node is none. */
static const struct yaml_node *
secret_of(const struct yaml_node *node)
{
	return node->n == 1 ? yaml_get(node, "secret") : NULL;
}

/*
 * Reads the variable that a secret is in: sets *name, and *value to its text as a JSON string, the caller's
 * to free. A secret that is not there and not needed is an empty string.
 */
static bool
read_secret(struct loader *l, const char *what, const char *of, const struct yaml_node *secret, bool needed,
    char **name, char **value)
{
	struct buf json = BUF_INIT;
	const char *text;

	if (secret->type != YAML_STRING || secret->len == 0 || strchr(secret->text, '=') != NULL) {
		loader_problem(l, secret->mark, "'secret' of %s '%.*s' must be the name of an environment variable", what,
		    SHOWN(of));
		return false;
	}
	if (!loader_no_expression(l, secret->mark, secret->text))
		return false;
	text = getenv(secret->text);
	if (text == NULL && needed) {
		loader_problem(l, secret->mark, "environment variable '%.*s' of secret %s '%.*s' is not set",
		    SHOWN(secret->text), what, SHOWN(of));
		return false;
	}
	if (text == NULL)
		text = "";
	if (utf8_check(text, strlen(text)) != strlen(text)) {
		loader_problem(l, secret->mark, "environment variable '%.*s' of secret %s '%.*s' is not UTF-8",
		    SHOWN(secret->text), what, SHOWN(of));
		return false;
	}
	json_put_str(&json, text);
	*name = xstrdup(secret->text);
	*value = buf_steal(&json);
	return true;
}

static void
free_secret(char *name, char *value)
{
	explicit_bzero(value, strlen(value));
	free(value);
	free(name);
}

/* Whether there is nothing in a parameter's value that cannot be there. */
static bool
check_value(struct loader *l, const struct yaml_node *node)
{
	const struct yaml_node *secret = secret_of(node);
	bool ok = true;

	if (node->type == YAML_STRING)
		return loader_no_expression(l, node->mark, node->text);
	if (secret != NULL && secret->type == YAML_STRING) {
		loader_problem(l, node->mark, "a secret inside a list or map; it must be a parameter of its own");
		return false;
	}
	for (size_t i = 0; i < node->n; i++)
		ok = check_value(l, node->items[i]) && ok;
	return ok;
}

static void
read_parameter(struct loader *l, const char *name, struct mark at, const struct yaml_node *value, struct params *into)
{
	const struct yaml_node *secret = secret_of(value);
	struct buf json = BUF_INIT;
	char *variable, *hidden;

	if (!name_is_identifier(name)) {
		if (loader_no_expression(l, at, name))
			loader_problem(l, at, "parameter '%.*s' cannot be a variable's name: "
			    "use letters, digits and '_', with no digit first", SHOWN(name));
		return;
	}
	if (secret != NULL) {
		/* What a -p replaces need not be there: so a workflow can be tried without its secrets. */
		bool needed = l->option != NULL || params_find(&l->overrides, name) == NULL;

		if (read_secret(l, "parameter", name, secret, needed, &variable, &hidden)) {
			params_add(into, name, hidden, variable, at);
			free_secret(variable, hidden);
		}
	} else if (check_value(l, value)) {
		yaml_json(value, &json);
		params_add(into, name, buf_str(&json), NULL, at);
	}
	buf_release(&json);
}

static void
read_variable(struct loader *l, const char *name, struct mark at, const struct yaml_node *value, struct params *into)
{
	const struct yaml_node *secret = secret_of(value);
	struct buf json = BUF_INIT;
	char *variable, *hidden;

	if (!loader_no_expression(l, at, name))
		return;
	if (*name == '\0' || strchr(name, '=') != NULL) {
		loader_problem(l, at, "environment variable '%.*s' must have a name, without '='", SHOWN(name));
		return;
	}
	if (secret != NULL) {
		if (read_secret(l, "variable", name, secret, true, &variable, &hidden)) {
			params_add(into, name, hidden, variable, at);
			free_secret(variable, hidden);
		}
	} else if (value->type == YAML_LIST || value->type == YAML_MAP || value->type == YAML_NULL) {
		loader_problem(l, value->mark, "environment variable '%.*s' must be text, not %s%s", SHOWN(name),
		    yaml_type_name(value->type), value->type == YAML_NULL ? "; write '' for an empty one" : "");
	} else if (loader_no_expression(l, value->mark, value->text)) {
		json_put_string(&json, value->text, value->len);
		params_add(into, name, buf_str(&json), NULL, at);
	}
	buf_release(&json);
}

void
loader_parameters(struct loader *l, const struct yaml_node *value, struct params *into)
{
	struct params read = {NULL, 0, 0};

	if (!loader_is_map(l, "parameters", value))
		return;
	for (size_t i = 0; i < value->n; i++)
		read_parameter(l, value->keys[i].name, value->keys[i].mark, value->items[i], &read);
	params_merge(into, &read);
	params_release(&read);
}

void
loader_env(struct loader *l, const struct yaml_node *value, struct params *into)
{
	struct params read = {NULL, 0, 0};

	if (!loader_is_map(l, "env", value))
		return;
	for (size_t i = 0; i < value->n; i++)
		read_variable(l, value->keys[i].name, value->keys[i].mark, value->items[i], &read);
	params_merge(into, &read);
	params_release(&read);
}

/* Reads the value of an option -p, a document of its own. */
static void
read_override(struct loader *l, const char *name, const char *text)
{
	struct problems found = PROBLEMS_INIT;
	struct params read = {NULL, 0, 0};
	struct yaml_node *value;
	const char *hint = "";
	char *option;

	option = xasprintf("-p %.*s=...", SHOWN(name));	/* not the value: it may be private */
	l->option = option;
	/* In a file an empty value is null; but "-p x=" is what a shell makes of -p x="$X", so here it is text. */
	if (*text == '\0')
		text = "''";
	/* A person in a shell does not know that *.csv is an alias. */
	if (strchr("*&!%#@`[{|>'\"", *text) != NULL)
		hint = "; for the text as it stands, write NAME='\"...\"'";
	value = yaml_parse(text, strlen(text), NULL, &found);
	for (size_t i = 0; i < found.n; i++)
		loader_problem(l, NO_MARK, "%s%s", found.list[i].message, hint);
	problems_release(&found);
	if (value != NULL)
		read_parameter(l, name, NO_MARK, value, &read);
	params_merge(&l->overrides, &read);
	params_release(&read);
	yaml_node_free(value);
	l->option = NULL;
	free(option);
}

void
loader_overrides(struct loader *l)
{
	for (size_t i = 0; i < l->options->nparameters; i++) {
		const char *option = l->options->parameters[i];
		const char *equals = strchr(option, '=');
		char *name;

		if (equals == NULL) {
			problems_add(l->problems, NULL, 0, 0, "option '-p %.*s': must be NAME=VALUE", SHOWN(option));
			continue;
		}
		name = xmemdup0(option, (size_t)(equals - option));
		read_override(l, name, equals + 1);
		free(name);
	}
}
