/* What Microsoft Fabric's notebookutils.notebook.runMultiple takes. */
#include "workflow/foreign_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "workflow/expression.h"

/* Its defaults, in seconds. */
#define CELL_SECONDS "90"
#define ALL_SECONDS "43200"

/* ---- Values ---- */

/* The name in @activity('NAME').exitValue(), the caller's to free; NULL when a text is not that. */
static char *
activity_of(const char *text)
{
	static const char begin[] = "@activity(", finish[] = ").exitValue()";
	const char *from, *to, *end;

	text += strspn(text, " ");
	if (strncmp(text, begin, sizeof(begin) - 1) != 0)
		return NULL;
	from = text + sizeof(begin) - 1;
	from += strspn(from, " ");
	to = *from == '\'' || *from == '"' ? strchr(from + 1, *from) : NULL;
	if (to == NULL)
		return NULL;
	end = to + 1 + strspn(to + 1, " ");
	if (strncmp(end, finish, sizeof(finish) - 1) != 0)
		return NULL;
	end += sizeof(finish) - 1;
	if (end[strspn(end, " ")] != '\0')
		return NULL;
	return xmemdup0(from + 1, (size_t)(to - from - 1));
}

struct yaml_node *
foreign_fabric_text(struct foreign *f, const struct yaml_node *text, const struct foreign_place *place)
{
	const char *braces = strstr(text->text, "{{"), *at = strstr(text->text, "@activity(");
	struct buf out = BUF_INIT;
	struct yaml_node *made;
	char *name;

	if (at == NULL && braces == NULL)
		return yaml_share(text);
	name = place->waits != NULL && braces == NULL ? activity_of(text->text) : NULL;
	if (name == NULL) {
		if (braces != NULL)
			foreign_problem(f, yaml_place(text, (size_t)(braces - text->text)), "'{{' in a file of Fabric's form: there "
			    "are no such expressions in it, and as text it would be taken for one");
		else
			foreign_problem(f, yaml_place(text, (size_t)(at - text->text)), "the exit value of an activity must be all of "
			    "a text in 'args': @activity('NAME').exitValue()");
		return NULL;
	}
	buf_adds(&out, "{{ notebooks");
	foreign_put_part(&out, name, strlen(name));
	buf_adds(&out, ".result }}");
	made = yaml_build_plain(YAML_STRING, text->mark, buf_str(&out));
	yaml_build_item(place->waits, foreign_name(text->mark, name));
	buf_release(&out);
	free(name);
	return made;
}

static void
put_args(struct foreign *f, const struct yaml_node *activity, struct yaml_node *notebook, struct yaml_node *waits)
{
	const struct yaml_node *args = yaml_get(activity, "args");
	struct yaml_node *map, *value;

	if (args == NULL || args->type == YAML_NULL)
		return;
	if (args->type != YAML_MAP) {
		foreign_problem(f, args->mark, "'args' must be a map, not %s", yaml_type_name(args->type));
		return;
	}
	map = yaml_build_plain(YAML_MAP, args->mark, NULL);
	for (size_t i = 0; i < args->n; i++) {
		const struct yaml_key *key = &args->keys[i];
		const struct yaml_node *item = args->items[i];
		const struct foreign_place place = {key->name, false, waits};

		if (strcmp(key->name, "useRootDefaultLakehouse") == 0) {
			foreign_notice(f, key, "has no meaning here and is passed over");
			continue;
		}
		value = NULL;
		if (item->type == YAML_MAP && item->n == 1 && strcmp(item->keys[0].name, "secret") == 0)
			foreign_problem(f, item->mark, "a map that has the key 'secret' alone would be taken for a secret of nbfork's");
		else if (!foreign_overridden(f, key->name))
			value = foreign_value(f, item, &place);
		foreign_put(map, key->name, key->mark, value != NULL ? value : yaml_build_plain(YAML_NULL, item->mark, "null"));
	}
	yaml_build_finish(&f->build, map, NULL);
	foreign_put(notebook, "parameters", foreign_key(activity, "args")->mark, map);
}

/* ---- Activities ---- */

static void
put_dependencies(struct foreign *f, const struct yaml_node *activity, struct yaml_node *waits)
{
	const struct yaml_node *list = yaml_get(activity, "dependencies");
	struct yaml_node *name;

	if (list == NULL || list->type == YAML_NULL)
		return;
	if (list->type != YAML_LIST) {
		foreign_problem(f, list->mark, "'dependencies' must be a list of names, not %s", yaml_type_name(list->type));
		return;
	}
	for (size_t i = 0; i < list->n; i++)
		if ((name = foreign_value_text(f, "the name of an activity", list->items[i])) != NULL) {
			yaml_build_item(waits, foreign_name(name->mark, name->text));
			yaml_node_free(name);
		}
}

static void
add_activity(struct foreign *f, const struct yaml_node *activity)
{
	static const char *const read[] = {"name", "path", "timeoutPerCellInSeconds", "args", "retry",
		"retryIntervalInSeconds", "dependencies", "workspace", NULL};
	const struct yaml_node *name = yaml_get(activity, "name"), *path = yaml_get(activity, "path");
	const struct yaml_key *elsewhere = foreign_key(activity, "workspace"), *on = foreign_key(activity, "dependencies");
	struct yaml_node *notebook, *waits, *text;

	if (name == NULL) {
		foreign_problem(f, activity->mark, "%s", activity->type == YAML_MAP ? "key 'name' is missing" :
		    "an activity must be a map with 'name' and 'path'");
		f->incomplete = true;
		return;
	}
	foreign_keys(f, activity, read, NULL, NULL);
	notebook = foreign_notebook(f, activity->mark);
	text = foreign_value_text(f, "'name'", name);
	f->incomplete = f->incomplete || text == NULL;
	foreign_put(notebook, "name", foreign_key(activity, "name")->mark, text);
	if (path != NULL) {
		foreign_path(f, path, notebook);
	} else {
		foreign_problem(f, activity->mark, "key 'path' is missing; it says which notebook to run");
		f->incomplete = true;
	}
	if (elsewhere != NULL && yaml_get(activity, "workspace")->type != YAML_NULL &&
	    yaml_get(activity, "workspace")->len > 0)
		foreign_problem(f, elsewhere->mark, "'workspace': notebooks of other workspaces cannot be run; get the file, "
		    "and name it as 'path'");
	foreign_put_number(f, activity, "timeoutPerCellInSeconds", false, notebook, "cell_timeout_seconds");
	foreign_put_number(f, activity, "retry", true, notebook, "retries");
	foreign_put_number(f, activity, "retryIntervalInSeconds", false, notebook, "retry_delay_seconds");
	waits = yaml_build_plain(YAML_LIST, on != NULL ? on->mark : activity->mark, NULL);
	put_dependencies(f, activity, waits);
	put_args(f, activity, notebook, waits);
	yaml_build_finish(&f->build, waits, NULL);
	foreign_put(notebook, "depends_on", waits->mark, waits);
}

static void
put_concurrency(struct foreign *f, size_t activities)
{
	const struct yaml_key *key = foreign_key(f->root, "concurrency");
	const struct yaml_node *value = yaml_get(f->root, "concurrency");
	struct yaml_node *processes;
	double d;

	if (key == NULL || !foreign_number(f, key->name, value, value, 0, true, &d))
		return;
	if (d == 0 || d > PROCESSES_MAX)
		d = activities < 1 ? 1 : activities < PROCESSES_MAX ? (double)activities : PROCESSES_MAX;
	processes = foreign_text(value->mark, "%.0f", d);
	processes->type = YAML_INT;
	foreign_put(f->tree, "processes", key->mark, processes);
}

void
foreign_fabric(struct foreign *f)
{
	static const char *const read[] = {"activities", "timeoutInSeconds", "concurrency", NULL};
	static const char *const passed[] = {"refreshInterval", "displayDAGViaGraphviz", "DAGLayout", "showArgs", "showTime",
		NULL};
	const struct mark at = f->root->mark;
	const struct yaml_node *list = f->root->type == YAML_LIST ? f->root : yaml_get(f->root, "activities");

	foreign_put(f->defaults, "cell_timeout_seconds", at, yaml_build_plain(YAML_INT, at, CELL_SECONDS));
	foreign_put(f->defaults, "retry_delay_seconds", at, yaml_build_plain(YAML_INT, at, "0"));
	foreign_put(f->defaults, "retry_backoff", at, yaml_build_plain(YAML_INT, at, "1"));
	/* It tries again whatever it was, and the time limit of a cell is one thing that it may be. */
	foreign_put(f->defaults, "retry_on_timeout", at, yaml_build_plain(YAML_BOOL, at, "true"));
	f->defaults->items[f->defaults->n - 1]->boolean = true;
	if (f->root->type == YAML_MAP) {
		foreign_keys(f, f->root, read, NULL, passed);
		foreign_put_number(f, f->root, "timeoutInSeconds", false, f->tree, "timeout_seconds");
		put_concurrency(f, list->n);
	}
	if (foreign_key(f->root, "timeoutInSeconds") == NULL)
		foreign_put(f->tree, "timeout_seconds", at, yaml_build_plain(YAML_INT, at, ALL_SECONDS));
	if (list->type != YAML_LIST || list->n == 0) {
		foreign_problem(f, list->mark, "'activities' must be a list of notebooks to run");
		return;
	}
	for (size_t i = 0; i < list->n; i++) {
		if (f->root->type == YAML_LIST)
			foreign_path(f, list->items[i], foreign_notebook(f, list->items[i]->mark));
		else
			add_activity(f, list->items[i]);
	}
}
