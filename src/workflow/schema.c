#include "workflow/schema.h"

#include <string.h>

#include "base/json.h"
#include "workflow/keys.h"

/* Text that is one whole expression; text with one somewhere in it; a number of bytes. */
#define WHOLE "^\\s*\\{\\{[\\s\\S]*\\}\\}\\s*$"
#define SOMEWHERE "\\{\\{[\\s\\S]*\\}\\}"
#define BYTES "^\\s*[+]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)? *([kKMGTP]?B|[kKMGTP]i?B?)?$"

/* What a value may be beside what its kind says. */
enum beside {
	EXPRESSION = 1,	/* an expression, also somewhere inside */
	NOTHING = 2,	/* null: the key takes the default back */
};

static void put_kind(struct json_out *o, const struct kind *k, unsigned beside);

static void
put_pair(struct json_out *o, const char *key, const char *value)
{
	json_out_key(o, key);
	json_out_str(o, value);
}

/* ---- Types ---- */

/* The types of a value, at most four, the last one NULL, and those that it may have beside them. */
static void
put_types(struct json_out *o, const char *const *types, unsigned beside)
{
	const char *all[6];
	bool has_string = false;
	size_t n = 0;

	for (; types[n] != NULL; n++) {
		all[n] = types[n];
		has_string = has_string || strcmp(types[n], "string") == 0;
	}
	if ((beside & EXPRESSION) != 0 && !has_string)
		all[n++] = "string";
	if ((beside & NOTHING) != 0)
		all[n++] = "null";
	json_out_key(o, "type");
	if (n > 1)
		json_out_open(o, '[');
	for (size_t i = 0; i < n; i++)
		json_out_str(o, all[i]);
	if (n > 1)
		json_out_close(o, ']');
}

/* One that is no text of its own accord: text is then an expression. */
static void
put_type(struct json_out *o, const char *type, unsigned beside)
{
	put_types(o, (const char *const[]){type, NULL}, beside);
	if ((beside & EXPRESSION) != 0)
		put_pair(o, "pattern", WHOLE);
}

/* Of text: what it matches, or an expression. NULL: anything. */
static void
put_pattern(struct json_out *o, const char *pattern, unsigned beside)
{
	struct buf text = BUF_INIT;

	if (pattern == NULL)
		return;
	if ((beside & EXPRESSION) != 0)
		buf_addf(&text, "%s|", SOMEWHERE);
	buf_adds(&text, pattern);
	put_pair(o, "pattern", buf_str(&text));
	buf_release(&text);
}

static void
put_text(struct json_out *o, const struct kind *k, unsigned beside)
{
	static const char *const plain[] = {"string", "number", "boolean", NULL}, *const strings[] = {"string", NULL};

	put_types(o, k->pattern == NULL ? plain : strings, beside);
	if (!k->empty) {
		json_out_key(o, "minLength");
		json_out_int(o, 1);
	}
	put_pattern(o, k->pattern, beside);
}

static void
put_limits(struct json_out *o, const struct kind *k)
{
	json_out_key(o, "minimum");
	json_out_int(o, k->min);
	if (k->type == KIND_INTEGER) {
		json_out_key(o, "maximum");
		json_out_int(o, k->max);
	}
}

/* ---- Lists and maps ---- */

static void
put_list(struct json_out *o, const struct kind *k, unsigned beside)
{
	put_type(o, "array", beside);
	if (k->some) {
		json_out_key(o, "minItems");
		json_out_int(o, 1);
	}
	if (k->items != NULL) {
		json_out_key(o, "items");
		json_out_open(o, '{');
		put_kind(o, k->items, beside & EXPRESSION);
		json_out_close(o, '}');
	}
}

/* Whether a map of this kind may have the key. */
static bool
has_key(const struct kind *k, const struct loader_key *key)
{
	return key->kind != NULL && !(k->common && key->own);
}

/* within: what may stand beside values because the map has been evaluated as a whole. */
static void
put_keys(struct json_out *o, const struct kind *k, unsigned within)
{
	bool of_notebook = false;

	for (size_t i = 0; i < k->keys->n; i++)
		of_notebook = of_notebook || k->keys->list[i].own;
	json_out_key(o, "properties");
	json_out_open(o, '{');
	for (size_t i = 0; i < k->keys->n; i++) {
		const struct loader_key *key = &k->keys->list[i];
		unsigned beside = within | (key->way == LOADER_PLAIN ? EXPRESSION : 0);

		if (!has_key(k, key))
			continue;
		if (of_notebook && !k->common && !key->own)
			beside |= NOTHING;
		json_out_key(o, key->name);
		json_out_open(o, '{');
		put_pair(o, "description", key->about);
		put_kind(o, key->kind, beside);
		json_out_close(o, '}');
	}
	json_out_close(o, '}');
}

static void
put_required(struct json_out *o, const struct kind *k)
{
	bool some = k->other_type != NULL;

	for (size_t i = 0; i < k->keys->n; i++)
		some = some || (has_key(k, &k->keys->list[i]) && k->keys->list[i].missing != NULL);
	if (some) {
		json_out_key(o, "required");
		json_out_open(o, '[');
		for (size_t i = 0; i < k->keys->n; i++)
			if (has_key(k, &k->keys->list[i]) && k->keys->list[i].missing != NULL)
				json_out_str(o, k->keys->list[i].name);
		if (k->other_type != NULL)
			json_out_str(o, "type");
		json_out_close(o, ']');
	}
	if (k->one_of > 0) {
		json_out_key(o, "oneOf");
		json_out_open(o, '[');
		for (unsigned i = 0; i < k->one_of; i++) {
			json_out_open(o, '{');
			json_out_key(o, "required");
			json_out_open(o, '[');
			json_out_str(o, k->keys->list[i].name);
			json_out_close(o, ']');
			json_out_close(o, '}');
		}
		json_out_close(o, ']');
	}
}

static void
put_map(struct json_out *o, const struct kind *k, unsigned beside)
{
	put_type(o, "object", beside);
	put_keys(o, k, beside & EXPRESSION);
	/* Keys of one's own; and merge keys, where a validator leaves them as they are. */
	json_out_key(o, "patternProperties");
	json_out_open(o, '{');
	json_out_key(o, "^x-");
	json_out_open(o, '{');
	json_out_close(o, '}');
	json_out_key(o, "^<<$");
	json_out_open(o, '{');
	json_out_close(o, '}');
	json_out_close(o, '}');
	json_out_key(o, "additionalProperties");
	json_out_bool(o, false);
	put_required(o, k);
}

/* A map of one kind, or another where its type says so. */
static void
put_typed(struct json_out *o, const struct kind *k, unsigned beside)
{
	json_out_key(o, "if");
	json_out_open(o, '{');
	json_out_key(o, "properties");
	json_out_open(o, '{');
	json_out_key(o, "type");
	json_out_open(o, '{');
	put_pair(o, "const", k->other_type);
	json_out_close(o, '}');
	json_out_close(o, '}');
	json_out_key(o, "required");
	json_out_open(o, '[');
	json_out_str(o, "type");
	json_out_close(o, ']');
	json_out_close(o, '}');
	json_out_key(o, "then");
	json_out_open(o, '{');
	put_map(o, k->other, beside);
	json_out_close(o, '}');
	json_out_key(o, "else");
	json_out_open(o, '{');
	put_map(o, k, beside);
	json_out_close(o, '}');
}

static void
put_named(struct json_out *o, const struct kind *k, unsigned beside)
{
	struct buf names = BUF_INIT;

	put_type(o, "object", beside);
	if (k->some) {
		json_out_key(o, "minProperties");
		json_out_int(o, 1);
	}
	if (k->pattern != NULL) {
		buf_addf(&names, "^<<$|%s", k->pattern);
		json_out_key(o, "propertyNames");
		json_out_open(o, '{');
		put_pair(o, "pattern", buf_str(&names));
		json_out_close(o, '}');
		buf_release(&names);
	}
	if (k->keys != NULL)
		put_keys(o, k, beside & EXPRESSION);
	if (k->items != NULL) {
		json_out_key(o, "additionalProperties");
		json_out_open(o, '{');
		put_kind(o, k->items, beside & EXPRESSION);
		json_out_close(o, '}');
	}
}

static void
put_secret(struct json_out *o)
{
	put_type(o, "object", 0);
	json_out_key(o, "properties");
	json_out_open(o, '{');
	json_out_key(o, "secret");
	json_out_open(o, '{');
	put_pair(o, "description", "The environment variable that the value is read from.");
	put_pair(o, "type", "string");
	put_pair(o, "pattern", PATTERN_VARIABLE);
	json_out_close(o, '}');
	json_out_close(o, '}');
	json_out_key(o, "required");
	json_out_open(o, '[');
	json_out_str(o, "secret");
	json_out_close(o, ']');
	json_out_key(o, "additionalProperties");
	json_out_bool(o, false);
}

/* Any value; but a map of the key "secret" alone is a secret. */
static void
put_parameter(struct json_out *o)
{
	json_out_key(o, "if");
	json_out_open(o, '{');
	put_type(o, "object", 0);
	json_out_key(o, "required");
	json_out_open(o, '[');
	json_out_str(o, "secret");
	json_out_close(o, ']');
	json_out_key(o, "maxProperties");
	json_out_int(o, 1);
	json_out_close(o, '}');
	json_out_key(o, "then");
	json_out_open(o, '{');
	put_secret(o);
	json_out_close(o, '}');
}

/* ---- Choices ---- */

static void
put_words(struct json_out *o, const char *const *words, unsigned beside)
{
	json_out_key(o, "enum");
	json_out_open(o, '[');
	for (size_t i = 0; words[i] != NULL; i++)
		json_out_str(o, words[i]);
	if ((beside & NOTHING) != 0)
		json_out_value(o, JSON_NOTHING);
	json_out_close(o, ']');
}

/* A kind for itself, its words and the other kind aside. */
static void
put_simple(struct json_out *o, const struct kind *k, unsigned beside)
{
	static const char *const numbers[] = {"number", "string", NULL};

	switch (k->type) {
	case KIND_BOOL:
		put_type(o, "boolean", beside);
		break;
	case KIND_INTEGER:
		put_type(o, "integer", beside);
		put_limits(o, k);
		break;
	case KIND_NUMBER:
	case KIND_SECONDS:
		put_type(o, "number", beside);
		put_limits(o, k);
		break;
	case KIND_BYTES:
		put_types(o, numbers, beside);
		put_limits(o, k);
		put_pattern(o, BYTES, beside);
		break;
	case KIND_WORD:
		put_words(o, k->words, beside);
		break;
	case KIND_TEXT:
		put_text(o, k, beside);
		break;
	case KIND_NAME:
		put_types(o, (const char *const[]){"string", "number", "boolean", NULL}, beside);
		put_pattern(o, PATTERN_FILE_NAME, beside);
		break;
	case KIND_LIST:
	case KIND_LIST_OR_ONE:
		put_list(o, k, beside);
		break;
	case KIND_MAP:
		put_map(o, k, beside);
		break;
	case KIND_NAMED:
		put_named(o, k, beside);
		break;
	case KIND_SECRET:
		put_secret(o);
		break;
	case KIND_PARAMETER:
		put_parameter(o);
		break;
	}
}

static void
put_choice(struct json_out *o, const struct kind *k, unsigned beside)
{
	json_out_open(o, '{');
	put_kind(o, k, beside);
	json_out_close(o, '}');
}

/* What a value of the kind is: members of an object that is open. */
static void
put_kind(struct json_out *o, const struct kind *k, unsigned beside)
{
	const struct kind words = {.type = KIND_WORD, .words = k->words}, whole = {.type = KIND_TEXT, .pattern = WHOLE};
	struct kind rest = *k;
	bool choice = k->other != NULL || k->type == KIND_LIST_OR_ONE || (k->words != NULL &&
	    (k->type == KIND_TEXT || (beside & EXPRESSION) != 0));

	if (k->other_type != NULL) {
		put_typed(o, k, beside);
		return;
	}
	if (!choice) {
		put_simple(o, k, beside);
		return;
	}
	json_out_key(o, "anyOf");
	json_out_open(o, '[');
	if (k->words != NULL)
		put_choice(o, &words, beside & NOTHING);
	rest.other = NULL;
	rest.words = NULL;
	if (k->type == KIND_LIST_OR_ONE) {
		put_choice(o, k->items, beside);
		rest.type = KIND_LIST;
	}
	if (k->type != KIND_WORD)
		put_choice(o, &rest, beside);
	else if ((beside & EXPRESSION) != 0)
		put_choice(o, &whole, 0);
	if (k->other != NULL)
		put_choice(o, k->other, beside & EXPRESSION);
	json_out_close(o, ']');
}

void
schema_put(struct buf *out)
{
	const struct kind workflow = {.type = KIND_MAP, .keys = &loader_workflow_keys};
	struct json_out o = JSON_OUT(out, 1, 0);

	json_out_open(&o, '{');
	put_pair(&o, "$schema", "http://json-schema.org/draft-07/schema#");
	put_pair(&o, "title", "Workflow of nbfork");
	put_pair(&o, "description", "Which notebooks nbfork runs, and how; see nbfork-workflow(5).");
	put_kind(&o, &workflow, 0);
	json_out_close(&o, '}');
	buf_addc(out, '\n');
}
