/* The secrets that dbutils hands out on a target of type local. */
#include "workflow/loader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#define SECRETS_BYTES_MAX ((size_t)4 * 1024 * 1024)

/* The value of a secret: text in a file of secrets, {secret: NAME} anywhere. */
static bool
put_secret(struct loader *l, const struct yaml_key *key, const struct yaml_node *value, bool in_file, struct buf *out)
{
	const struct yaml_node *secret = value->n == 1 ? yaml_get(value, "secret") : NULL;

	if (secret != NULL)
		return loader_secret(l, "key", key->name, secret, out);
	if (in_file && value->type == YAML_STRING) {
		json_put_string(out, value->text, value->len);
		return true;
	}
	if (in_file)
		loader_problem(l, value->mark, "secret '%.*s' must be text, not %s; put it in quotes", SHOWN(key->name),
		    yaml_type_name(value->type));
	else
		loader_problem(l, value->mark, "secret '%.*s' must be {secret: NAME}, to be read from environment variable NAME; "
		    "secrets as such belong into a file of their own, 'secrets: FILE'", SHOWN(key->name));
	return false;
}

static bool
put_scope(struct loader *l, const char *name, const struct yaml_node *scope, bool in_file, struct buf *out)
{
	bool ok = true;

	if (!loader_is_map(l, name, scope))
		return false;
	buf_addc(out, '{');
	for (size_t i = 0; i < scope->n; i++) {
		buf_adds(out, i == 0 ? "" : ", ");
		json_put_str(out, scope->keys[i].name);
		buf_adds(out, ": ");
		ok = put_secret(l, &scope->keys[i], scope->items[i], in_file, out) && ok;
	}
	buf_addc(out, '}');
	return ok;
}

/* Makes the target's secrets what a map of scopes says. */
static void
take_scopes(struct loader *l, const struct yaml_node *scopes, bool in_file, struct target *t)
{
	struct buf json = BUF_INIT;
	bool ok = true;

	buf_addc(&json, '{');
	for (size_t i = 0; i < scopes->n; i++) {
		buf_adds(&json, i == 0 ? "" : ", ");
		json_put_str(&json, scopes->keys[i].name);
		buf_adds(&json, ": ");
		ok = put_scope(l, scopes->keys[i].name, scopes->items[i], in_file, &json) && ok;
	}
	buf_addc(&json, '}');
	if (ok && t->secrets == NULL)
		t->secrets = xstrdup(buf_str(&json));
	buf_wipe(&json);
}

static void
read_file(struct loader *l, struct mark at, char *path, struct target *t)
{
	const char *label = l->label;
	struct buf text = BUF_INIT;
	struct yaml_node *root = NULL;
	struct stat st;

	if (file_read_regular(path, &text, SECRETS_BYTES_MAX) == -1) {
		loader_problem(l, at, "cannot read file of secrets '%.*s': %s", SHOWN(path), strerror(errno));
		return;
	}
	if (stat(path, &st) == 0 && (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		log_warn("other users can use file of secrets '%s'; make it yours alone: chmod 600", path);
	l->label = path;
	root = yaml_parse(buf_str(&text), text.len, path, l->problems);
	if (root != NULL && root->type != YAML_MAP)
		loader_problem(l, root->mark, "a file of secrets must be a map of scopes, each a map of secrets, not %s",
		    yaml_type_name(root->type));
	else if (root != NULL)
		take_scopes(l, root, true, t);
	l->label = label;
	yaml_node_free(root);
	buf_wipe(&text);
}

static const struct kind secret_kind = {.type = KIND_SECRET};
static const struct kind scope_kind = {.type = KIND_NAMED, .items = &secret_kind};
static const struct kind file_kind = {.type = KIND_TEXT, .pattern = "."};
const struct kind loader_secrets_kind = {.type = KIND_NAMED, .items = &scope_kind, .other = &file_kind};

void
loader_secrets(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct target *t = into;

	if (value->type == YAML_STRING && value->len != 0) {
		char *path = file_join(l->folder, value->text);

		read_file(l, value->mark, path, t);
		free(path);
	} else if (value->type == YAML_MAP) {
		take_scopes(l, value, false, t);
	} else {
		loader_wrong_type(l, key->name, value, "the name of a file, or a map of scopes");
	}
}
