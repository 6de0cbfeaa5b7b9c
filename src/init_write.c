/*
 * The text of a first workflow. As in many a configuration file, a key that is commented out has no space behind its '#',
 * and what is said has one.
 */
#include "init_write.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/problem.h"
#include "base/utf8.h"
#include "workflow/expression.h"
#include "workflow/name.h"
#include "workflow/yaml.h"
#include "workflow/yaml_write.h"

#define SCHEMA PKGDATADIR "/nbfork-workflow.schema.json"
#define VALUE_BYTES_MAX 1000	/* of a default that is shown */
#define SHOWN_COLUMNS 200

/* Text that is to be taken as it is, also where it looks like an expression. */
static void
put_text(struct buf *out, const char *s)
{
	struct buf text = BUF_INIT;

	expression_put_text(&text, s, strlen(s), '"');
	yaml_put_text(out, buf_str(&text), text.len);
	buf_release(&text);
}

/* A value with its texts as they are, at any depth of it; names of keys hold no expressions. */
static void
put_inside(struct buf *out, struct json v)
{
	bool map = json_type(v) == JSON_OBJECT;
	struct json key, item;
	struct json_iter it;
	const char *between = "";
	char *s;

	if (json_type(v) == JSON_STRING && (s = json_strdup(v)) != NULL) {
		struct buf text = BUF_INIT;

		expression_put_text(&text, s, strlen(s), '\'');
		json_put_string(out, buf_str(&text), text.len);
		buf_release(&text);
		free(s);
		return;
	}
	if (!map && json_type(v) != JSON_ARRAY) {
		buf_add(out, v.text, v.len);
		return;
	}
	buf_addc(out, map ? '{' : '[');
	json_walk(&it, v);
	for (; json_next(&it, &key, &item); between = ", ") {
		buf_adds(out, between);
		if (map) {
			buf_add(out, key.text, key.len);
			buf_adds(out, ": ");
		}
		put_inside(out, item);
	}
	buf_addc(out, map ? '}' : ']');
}

static void
put_value(struct buf *out, const char *json)
{
	struct json v = json_of(json);
	struct buf text = BUF_INIT;
	char *s;

	if (json_type(v) == JSON_STRING && (s = json_strdup(v)) != NULL) {
		put_text(out, s);
		free(s);
		return;
	}
	put_inside(&text, v);
	yaml_put_value(out, json_of(buf_str(&text)));
	buf_release(&text);
}

static void
put_shown(struct buf *out, const char *s)
{
	utf8_put_visible(out, s, strlen(s), SHOWN_COLUMNS);
}

/* ---- Parameters ---- */

/* Whether the value may be one that is nobody's business: it is not copied into another file. */
static bool
is_private(const char *name)
{
	static const char *const words[] = {"password", "passwd", "passphrase", "secret", "token", "apikey", "api_key",
		"credential", "access_key", "private_key"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasestr(name, words[i]) != NULL)
			return true;
	return false;
}

/* Whether a workflow can give the parameter what the notebook does. YAML has no NUL, for one, and no key twice. */
static bool
is_usable(const struct default_value *v)
{
	struct problems found = PROBLEMS_INIT;
	struct yaml_node *value;
	bool usable;

	if (!name_is_identifier(v->name) || v->value == NULL || strlen(v->value) > VALUE_BYTES_MAX)
		return false;
	value = yaml_parse(v->value, strlen(v->value), NULL, &found);
	usable = value != NULL && found.n == 0;
	yaml_node_free(value);
	problems_release(&found);
	return usable;
}

static void
put_secret(struct buf *out, const char *name)
{
	buf_adds(out, "{secret: ");
	for (const char *p = name; *p != '\0'; p++)
		buf_addc(out, (*p & 0x80) != 0 ? '_' : (char)toupper((unsigned char)*p));
	buf_adds(out, "}  # from the environment");
}

static void
put_usable(struct buf *out, const struct default_value *v)
{
	buf_adds(out, "    #  ");
	yaml_put_text(out, v->name, strlen(v->name));
	buf_adds(out, ": ");
	if (is_private(v->name) && json_type(json_of(v->value)) == JSON_STRING) {
		put_secret(out, v->name);
	} else {
		put_value(out, v->value);
		if (v->type != NULL || v->about != NULL)
			buf_adds(out, "  # ");
		if (v->type != NULL)
			put_shown(out, v->type);
		if (v->type != NULL && v->about != NULL)
			buf_adds(out, ": ");
		if (v->about != NULL)
			put_shown(out, v->about);
	}
	buf_addc(out, '\n');
}

static void
put_parameters(struct buf *out, const struct default_values *d)
{
	bool some = false;

	for (size_t i = 0; i < d->n; i++) {
		const struct default_value *v = &d->list[i];

		if (is_usable(v)) {
			some = true;
			continue;
		}
		buf_adds(out, "    # parameter ");
		put_shown(out, v->name);
		if (!name_is_identifier(v->name))
			buf_adds(out, ": its name is none of a variable, and nbfork cannot give it a value");
		else if (v->written != NULL && v->value == NULL && !is_private(v->name)) {
			buf_adds(out, ": the notebook has ");
			put_shown(out, v->written);
		} else
			buf_adds(out, ": the notebook works it out");
		buf_addc(out, '\n');
	}
	if (!some)
		return;
	buf_adds(out, "    #parameters:  # as the notebook has them by itself\n");
	for (size_t i = 0; i < d->n; i++)
		if (is_usable(&d->list[i]))
			put_usable(out, &d->list[i]);
}

/* ---- Notebooks ---- */

bool
init_runs(const struct entry *e)
{
	return e->fault == NULL && e->taken_in_by == NULL && e->run_by == NULL;
}

static void
put_entry(struct buf *out, const struct entry *e, bool first, bool last)
{
	if (e->fault != NULL) {
		buf_adds(out, "  # left out: ");
		put_shown(out, e->path);
		buf_adds(out, ": ");
		put_shown(out, e->fault);
		buf_addc(out, '\n');
		return;
	}
	buf_adds(out, init_runs(e) ? "  - path: " : "  #- path: ");
	put_text(out, e->path);
	if (e->taken_in_by != NULL) {
		buf_adds(out, "  # a part of ");
		put_shown(out, e->taken_in_by->path);
		buf_adds(out, ", which takes it in by %run");
	} else if (e->run_by != NULL) {
		buf_adds(out, "  # ");
		put_shown(out, e->run_by->path);
		buf_adds(out, " runs it itself, by dbutils.notebook.run");
	}
	buf_addc(out, '\n');
	if (e->named) {
		buf_adds(out, init_runs(e) ? "    name: " : "  #  name: ");
		put_text(out, e->name);
		buf_addc(out, '\n');
	}
	if (!init_runs(e))
		return;
	put_parameters(out, &e->defaults);
	if (first)
		buf_adds(out, "    #for_each: [north, south]  # once for each, as {{ item }}; or {glob: data/*.csv}, {file: rows.csv}\n"
		    "    #timeout_seconds: 600\n"
		    "    #retries: 2  # how many attempts may follow one that fails\n");
	if (last && !first)
		buf_adds(out, "    #depends_on: '*'  # starts when all others are over; or names and patterns: [extract, load-*]\n");
}

void
init_write(const struct made *m, const char *output, struct buf *out)
{
	struct buf shown = BUF_INIT;
	const struct entry *first = NULL, *last = NULL;

	yaml_put_text(&shown, strcmp(output, "-") == 0 ? "workflow.yaml" : output,
	    strlen(strcmp(output, "-") == 0 ? "workflow.yaml" : output));
	for (size_t i = 0; i < m->n; i++) {
		if (init_runs(&m->list[i])) {
			first = first != NULL ? first : &m->list[i];
			last = &m->list[i];
		}
	}
	buf_addf(out, "# yaml-language-server: $schema=%s\n#\n", SCHEMA);
	buf_adds(out, "# A workflow of nbfork, whose keys nbfork-workflow(5) explains. Those that are commented out are proposals.\n#\n");
	buf_addf(out, "#   nbfork --check %s    says whether all is right\n", buf_str(&shown));
	buf_addf(out, "#   nbfork --dry-run %s  shows what would run, and when\n", buf_str(&shown));
	buf_addf(out, "#   nbfork %s            runs it\n\n", buf_str(&shown));
	buf_adds(out, "#processes: 4  # how many run at a time; by default one for each CPU\n"
	    "#on_error: fail-fast  # one that fails stops all others; drain: starts no more; let-finish: the default\n"
	    "#defaults:  # of all notebooks\n"
	    "#  timeout_seconds: 3600\n"
	    "#  retries: 1\n\n"
	    "notebooks:\n");
	for (size_t i = 0; i < m->n; i++)
		put_entry(out, &m->list[i], &m->list[i] == first, &m->list[i] == last);
	buf_release(&shown);
}
