/* What expressions look up while a workflow is loaded, and the values of parameters and variables. */
#include "workflow/loader.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "workflow/expression.h"

void
scope_init(struct scope *s, const struct sources *parameters)
{
	*s = (struct scope){.parameters = parameters, .item = JSON_NOTHING, .matrix = JSON_NOTHING};
	s->values = xcalloc(parameters->n, sizeof(*s->values));
	s->n = parameters->n;
}

static void
free_value(struct scope_value *v)
{
	if (v->secret != NULL && v->json != NULL)
		explicit_bzero(v->json, strlen(v->json));
	free(v->json);
	free(v->secret);
}

void
scope_release(struct scope *s)
{
	for (size_t i = 0; s->values != NULL && i < s->n; i++)
		free_value(&s->values[i]);
	free(s->values);
	s->values = NULL;
}

/* ---- Secrets ---- */

/* What a map {secret: NAME} holds; NULL when the node is none. */
static const struct yaml_node *
secret_of(const struct yaml_node *node)
{
	return node->n == 1 ? yaml_get(node, "secret") : NULL;
}

void
loader_note_secrets(struct loader *l, const struct yaml_node *value)
{
	const struct yaml_node *secret = secret_of(value);

	if (secret != NULL && secret->type == YAML_STRING)
		*table_at(&l->secrets, secret->text, secret->len) = l;
	for (size_t i = 0; i < value->n; i++)
		loader_note_secrets(l, value->items[i]);
}

/* Reads the variable that a secret is in. */
static void
read_secret(struct loader *l, const char *what, const char *of, const struct yaml_node *secret, struct scope_value *v)
{
	struct buf json = BUF_INIT;
	const char *text;

	v->state = SCOPE_FAULT;
	if (secret->type != YAML_STRING || secret->len == 0 || strchr(secret->text, '=') != NULL) {
		loader_problem(l, secret->mark, "'secret' of %s '%.*s' must be the name of an environment variable", what,
		    SHOWN(of));
		return;
	}
	if (expression_in(secret->text, secret->len)) {
		loader_problem(l, secret->mark, "'secret' of %s '%.*s' cannot be an expression: it is the name of an "
		    "environment variable", what, SHOWN(of));
		return;
	}
	text = getenv(secret->text);
	if (text == NULL) {
		loader_problem(l, secret->mark, "environment variable '%.*s' of secret %s '%.*s' is not set",
		    SHOWN(secret->text), what, SHOWN(of));
		return;
	}
	if (utf8_check(text, strlen(text)) != strlen(text)) {
		loader_problem(l, secret->mark, "environment variable '%.*s' of secret %s '%.*s' is not UTF-8",
		    SHOWN(secret->text), what, SHOWN(of));
		return;
	}
	json_put_str(&json, text);
	v->state = SCOPE_KNOWN;
	v->json = buf_steal(&json);
	v->secret = xstrdup(secret->text);
}

bool
loader_secret(struct loader *l, const char *what, const char *of, const struct yaml_node *secret, struct buf *out)
{
	struct scope_value v = {.json = NULL};

	read_secret(l, what, of, secret, &v);
	if (v.state != SCOPE_KNOWN)
		return false;
	buf_adds(out, v.json);
	explicit_bzero(v.json, strlen(v.json));
	free(v.json);
	free(v.secret);
	return true;
}

bool
loader_no_secret_inside(struct loader *l, const struct yaml_node *node)
{
	const struct yaml_node *secret = secret_of(node);
	bool ok = true;

	if (secret != NULL && secret->type == YAML_STRING) {
		loader_problem(l, node->mark, "a secret inside a list or map; it must be a parameter of its own");
		return false;
	}
	for (size_t i = 0; i < node->n; i++)
		ok = loader_no_secret_inside(l, node->items[i]) && ok;
	return ok;
}

/* ---- Looking up ---- */

static void evaluate_parameter(struct loader *l, size_t i);

/* The index of a parameter; as many as there are when there is none of that name. */
static size_t
find_parameter(const struct scope *s, const char *name)
{
	size_t i = 0;

	while (i < s->n && strcmp(s->parameters->list[i].name, name) != 0)
		i++;
	return i;
}

static enum expression_result
fault(char **why, char *message)
{
	*why = message;
	return EXPRESSION_FAULT;
}

static enum expression_result
look_up_parameter(struct loader *l, const struct expression_path *path, struct buf *value, char **why)
{
	struct scope *s = l->scope;
	struct guess guess = {.word = path->n > 1 ? path->parts[1] : ""};
	struct json found;
	size_t i;

	if (path->n < 2)
		return fault(why, xstrdup("write which one: parameters.NAME"));
	i = find_parameter(s, path->parts[1]);
	if (i == s->n) {
		for (size_t k = 0; k < s->n; k++)
			guess_consider(&guess, s->parameters->list[k].name);
		if (guess.best != NULL)
			return fault(why, xasprintf("there is no parameter '%.*s'; did you mean '%s'?", SHOWN(path->parts[1]),
			    guess.best));
		return fault(why, xasprintf("there is no parameter '%.*s'", SHOWN(path->parts[1])));
	}
	evaluate_parameter(l, i);
	switch (s->values[i].state) {
	case SCOPE_BUSY:
		return fault(why, xasprintf("parameter '%.*s' is made of itself", SHOWN(path->parts[1])));
	case SCOPE_DEFERRED:
		return EXPRESSION_DEFERRED;
	case SCOPE_KNOWN:
		break;
	case SCOPE_NEW:
	case SCOPE_FAULT:
		s->quiet = true;
		return fault(why, xasprintf("parameter '%.*s' has no value", SHOWN(path->parts[1])));
	}
	if (s->values[i].secret != NULL)
		return fault(why, xasprintf("parameter '%.*s' is a secret, which can be no part of anything else; "
		    "write {secret: %s}", SHOWN(path->parts[1]), s->values[i].secret));
	found = expression_descend(json_of(s->values[i].json), path, 2, why);
	if (found.text == NULL)
		return EXPRESSION_FAULT;
	buf_add(value, found.text, found.len);
	return EXPRESSION_KNOWN;
}

/* What a path's last part, its ending aside or its folder, is: item.name, item.stem, item.folder of a text. */
static bool
put_part_of_path(struct json item, const char *part, struct buf *value)
{
	char *text = json_strdup(item), *made = NULL;
	const char *slash;

	if (text == NULL)
		return false;
	slash = strrchr(text, '/');
	if (strcmp(part, "name") == 0)
		made = xstrdup(slash != NULL ? slash + 1 : text);
	else if (strcmp(part, "stem") == 0)
		made = name_of_path(text);
	else if (strcmp(part, "folder") == 0)
		made = slash != NULL ? xmemdup0(text, slash == text ? 1 : (size_t)(slash - text)) : xstrdup(".");
	if (made != NULL)
		json_put_str(value, made);
	free(made);
	free(text);
	return made != NULL;
}

static enum expression_result
look_up_row(struct loader *l, const struct expression_path *path, struct buf *value, char **why)
{
	bool is_item = strcmp(path->parts[0], "item") == 0;
	struct json row = is_item ? l->scope->item : l->scope->matrix, found;

	if (row.text == NULL && !l->scope->is_notebook)
		return fault(why, xasprintf("'%s' is known in notebooks alone", path->parts[0]));
	if (row.text == NULL)
		return fault(why, xasprintf("there is no '%s': the notebook has no '%s'", path->parts[0],
		    is_item ? "for_each" : "matrix"));
	if (is_item && path->n == 2 && put_part_of_path(row, path->parts[1], value))
		return EXPRESSION_KNOWN;
	found = expression_descend(row, path, 1, why);
	if (found.text == NULL)
		return EXPRESSION_FAULT;
	buf_add(value, found.text, found.len);
	return EXPRESSION_KNOWN;
}

static enum expression_result
look_up_variable(const struct loader *l, const struct expression_path *path, struct buf *value, char **why)
{
	const char *text;

	if (path->n != 2)
		return fault(why, xstrdup("write which one: env.NAME"));
	if (table_get(&l->secrets, path->parts[1], strlen(path->parts[1])) != NULL)
		return fault(why, xasprintf("environment variable '%.*s' is a secret of this workflow, which can be no part of "
		    "anything else; write {secret: %s}", SHOWN(path->parts[1]), path->parts[1]));
	text = getenv(path->parts[1]);
	if (text == NULL)
		return fault(why, xasprintf("environment variable '%.*s' is not set", SHOWN(path->parts[1])));
	if (utf8_check(text, strlen(text)) != strlen(text))
		return fault(why, xasprintf("environment variable '%.*s' is not UTF-8", SHOWN(path->parts[1])));
	json_put_str(value, text);
	return EXPRESSION_KNOWN;
}

static enum expression_result
look_up_notebook(const struct scope *s, const struct expression_path *path, struct buf *value, char **why)
{
	if (path->n != 2 || strcmp(path->parts[1], "name") != 0)
		return fault(why, xstrdup("of the notebook itself there is only notebook.name"));
	if (!s->is_notebook)
		return fault(why, xstrdup("'notebook' is known in notebooks alone"));
	if (s->naming)
		return fault(why, xstrdup("the name is made of itself"));
	if (s->name == NULL)
		return fault(why, xstrdup("the name is not known here"));
	json_put_str(value, s->name);
	return EXPRESSION_KNOWN;
}

static enum expression_result
look_up(void *data, const struct expression_path *path, struct buf *value, char **why)
{
	static const char *const roots[] = {"parameters", "item", "matrix", "env", "run", "notebook", "notebooks"};
	struct loader *l = data;
	const char *root = path->parts[0];
	struct guess guess = {.word = root};

	if (strcmp(root, "parameters") == 0)
		return look_up_parameter(l, path, value, why);
	if (strcmp(root, "item") == 0 || strcmp(root, "matrix") == 0)
		return look_up_row(l, path, value, why);
	if (strcmp(root, "env") == 0)
		return look_up_variable(l, path, value, why);
	if (strcmp(root, "notebook") == 0)
		return look_up_notebook(l->scope, path, value, why);
	if (strcmp(root, "run") == 0) {
		if (path->n == 2 && strcmp(path->parts[1], "id") == 0)
			return EXPRESSION_DEFERRED;
		return fault(why, xstrdup("of the run there is only run.id"));
	}
	if (strcmp(root, "notebooks") == 0) {
		if (path->n < 3 || (strcmp(path->parts[2], "result") != 0 && strcmp(path->parts[2], "values") != 0))
			return fault(why, xstrdup("write notebooks.NAME.result or notebooks.NAME.values.KEY; notebooks[\"NAME\"] where "
			    "the name has other characters than letters, digits, '-' and '_'"));
		if (path->n == 3 && strcmp(path->parts[2], "values") == 0)
			return fault(why, xstrdup("write which one: notebooks.NAME.values.KEY"));
		if (!l->scope->is_notebook)
			return fault(why, xstrdup("'notebooks' is known in the parameters and variables of notebooks alone"));
		return EXPRESSION_DEFERRED;
	}
	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++)
		guess_consider(&guess, roots[i]);
	if (guess.best != NULL)
		return fault(why, xasprintf("there is no '%.*s'; did you mean '%s'?", SHOWN(root), guess.best));
	return fault(why, xasprintf("there is no '%.*s'; expressions know parameters, item, matrix, env, run.id, "
	    "notebook.name and notebooks", SHOWN(root)));
}

/* ---- Evaluating ---- */

bool
loader_has_expression(const struct yaml_node *value)
{
	if (value->type == YAML_STRING)
		return expression_in(value->text, value->len);
	for (size_t i = 0; i < value->n; i++)
		if (loader_has_expression(value->items[i]))
			return true;
	return false;
}

/* Says what is wrong with the first string in a value that cannot be evaluated, where it stands. */
static bool
say_fault(struct loader *l, const struct yaml_node *value)
{
	const struct expression_scope scope = {look_up, l};
	struct expression_error e;
	struct buf out = BUF_INIT;
	bool faulty = false;

	if (value->type == YAML_STRING && expression_text(value->text, value->len, &scope, &out, &e) == EXPRESSION_FAULT) {
		if (!l->scope->quiet)
			loader_problem(l, yaml_place(value, e.offset), "%s", e.message);
		free(e.message);
		faulty = true;
	}
	for (size_t i = 0; i < value->n && !faulty; i++)
		faulty = say_fault(l, value->items[i]);
	buf_release(&out);
	return faulty;
}

/* Appends a value as JSON, its expressions put in as far as they are known. A fault is said. */
static enum expression_result
evaluate(struct loader *l, const struct yaml_node *value, struct buf *out)
{
	const struct expression_scope scope = {look_up, l};
	struct expression_error e;
	struct buf json = BUF_INIT;
	enum expression_result result;

	yaml_json(value, &json);
	result = expression_json(json_of(buf_str(&json)), &scope, out, &e);
	buf_release(&json);
	if (result == EXPRESSION_FAULT) {
		l->scope->quiet = false;
		if (!say_fault(l, value))
			loader_problem(l, value->mark, "%s", e.message);
		l->scope->quiet = false;
		free(e.message);
	}
	return result;
}

struct yaml_node *
loader_evaluate(struct loader *l, const struct yaml_node *value)
{
	struct yaml_node *evaluated = NULL;
	struct buf json = BUF_INIT;

	if (!loader_has_expression(value))
		return yaml_share(value);
	switch (evaluate(l, value, &json)) {
	case EXPRESSION_KNOWN:
		evaluated = yaml_of_json(json_of(buf_str(&json)), value->mark, l->label, l->problems);
		break;
	case EXPRESSION_DEFERRED:
		loader_problem(l, value->mark, "the value is not known before the run; "
		    "run.id, notebooks.NAME.result and its values can stand in the parameters and variables of notebooks alone");
		break;
	case EXPRESSION_FAULT:
		break;
	}
	buf_release(&json);
	return evaluated;
}

static void
evaluate_source(struct loader *l, const char *what, const struct source *source, struct scope_value *v)
{
	const struct yaml_node *secret = secret_of(source->value);
	const char *option = l->option;
	struct buf json = BUF_INIT;

	v->state = SCOPE_BUSY;
	l->option = source->option;
	if (secret != NULL) {
		read_secret(l, what, source->name, secret, v);
	} else if (!loader_no_secret_inside(l, source->value)) {
		v->state = SCOPE_FAULT;
	} else {
		switch (evaluate(l, source->value, &json)) {
		case EXPRESSION_KNOWN:
			v->state = SCOPE_KNOWN;
			break;
		case EXPRESSION_DEFERRED:
			v->state = SCOPE_DEFERRED;
			break;
		case EXPRESSION_FAULT:
			v->state = SCOPE_FAULT;
			break;
		}
		if (v->state != SCOPE_FAULT)
			v->json = buf_steal(&json);
	}
	l->option = option;
	buf_release(&json);
}

static void
evaluate_parameter(struct loader *l, size_t i)
{
	if (l->scope->values[i].state == SCOPE_NEW)
		evaluate_source(l, "parameter", &l->scope->parameters->list[i], &l->scope->values[i]);
}

/* Where a look-up of a result begins. */
struct found {
	const struct yaml_node *in;
	struct mark at;
};

static bool
find_result(void *data, const struct expression_path *path)
{
	struct found *f = data;
	size_t offset = (size_t)(path->text - f->in->text);

	if (strcmp(path->parts[0], "notebooks") != 0)
		return true;
	while (offset > 0 && f->in->text[offset] != '{')
		offset--;
	f->at = yaml_place(f->in, offset > 0 ? offset - 1 : 0);
	return false;
}

/* Finds the first look-up of a result in a value, for what will be said about it. */
static bool
find_first_result(const struct yaml_node *value, struct found *f)
{
	f->in = value;
	if (value->type == YAML_STRING)
		expression_paths(value->text, value->len, find_result, f, NULL);
	for (size_t i = 0; i < value->n && f->at.line == 0; i++)
		find_first_result(value->items[i], f);
	return f->at.line != 0;
}

static void
put(struct params *into, const struct source *source, const struct scope_value *v, const char *json)
{
	struct param *p = params_add(into, source->name, json, v->secret, source->mark);
	struct found f = {NULL, NO_MARK};

	p->deferred = v->state == SCOPE_DEFERRED;
	if (source->option == NULL)
		p->value_mark = p->deferred && find_first_result(source->value, &f) ? f.at : source->value->mark;
}

void
loader_put_parameters(struct loader *l, struct scope *s, struct params *into)
{
	for (size_t i = 0; i < s->n; i++) {
		evaluate_parameter(l, i);
		if (s->values[i].state == SCOPE_KNOWN || s->values[i].state == SCOPE_DEFERRED)
			put(into, &s->parameters->list[i], &s->values[i], s->values[i].json);
	}
}

/* Sets the text of a variable, as a JSON string, from any value that has one. */
static bool
variable_text(struct loader *l, const struct source *source, struct json v, struct buf *text)
{
	const char *type = json_type(v) == JSON_ARRAY ? "a list" : json_type(v) == JSON_OBJECT ? "a map" : "nothing (null)";

	switch (json_type(v)) {
	case JSON_STRING:
		buf_add(text, v.text, v.len);
		return true;
	case JSON_NUMBER:
	case JSON_TRUE:
	case JSON_FALSE:
		json_put_string(text, v.text, v.len);
		return true;
	default:
		loader_problem(l, source->value->mark, "environment variable '%.*s' must be text, not %s%s",
		    SHOWN(source->name), type, json_type(v) == JSON_NULL ? "; write '' for an empty one" : "");
		return false;
	}
}

void
loader_put_env(struct loader *l, const struct sources *env, struct params *into)
{
	for (size_t i = 0; i < env->n; i++) {
		const struct source *source = &env->list[i];
		const struct yaml_node *value = source->value;
		struct scope_value v = {.state = SCOPE_NEW};
		struct buf text = BUF_INIT;

		/* An unquoted number is taken as it was written. */
		if (value->type == YAML_BOOL || value->type == YAML_INT || value->type == YAML_FLOAT) {
			v.state = SCOPE_KNOWN;
			json_put_string(&text, value->text, value->len);
			put(into, source, &v, buf_str(&text));
		} else {
			evaluate_source(l, "variable", source, &v);
			if (v.state == SCOPE_DEFERRED || v.secret != NULL)
				put(into, source, &v, v.json);
			else if (v.state == SCOPE_KNOWN && variable_text(l, source, json_of(v.json), &text))
				put(into, source, &v, buf_str(&text));
		}
		free_value(&v);
		buf_release(&text);
	}
}
