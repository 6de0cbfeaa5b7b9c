/* Texts of foreign files: Databricks' references as expressions. */
#include "workflow/foreign_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "workflow/expression.h"

/* A text in the making. */
struct making_text {
	struct foreign *f;
	const struct foreign_place *place;
	struct mark at;	/* of the reference that is being read */
	struct buf out;
	bool of_value;	/* there is a reference to the item, or to what another task has set: of whatever type */
};

void
foreign_put_part(struct buf *out, const char *name, size_t n)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
	size_t i = 0;

	while (i < n && strchr(plain, name[i]) != NULL)
		i++;
	if (i == n && n > 0) {
		buf_addc(out, '.');
		buf_add(out, name, n);
		return;
	}
	buf_adds(out, "[\"");
	for (i = 0; i < n; i++) {
		if (name[i] == '"' || name[i] == '\\')
			buf_addc(out, '\\');
		buf_addc(out, name[i]);
	}
	buf_adds(out, "\"]");
}

/* What comes behind a beginning; NULL when the text does not begin so. */
static const char *
after(const char *text, const char *beginning)
{
	size_t n = strlen(beginning);

	return strncmp(text, beginning, n) == 0 ? text + n : NULL;
}

/* Starts an expression: a dollar sign before it would make it another program's. */
static void
open_expression(struct making_text *m)
{
	if (m->out.len > 0 && m->out.data[m->out.len - 1] == '$') {
		buf_truncate(&m->out, m->out.len - 1);
		buf_adds(&m->out, "{{ \"$\" }}");
	}
	buf_adds(&m->out, "{{ ");
}

static void
put_job_parameter(struct making_text *m, const char *name)
{
	if (table_get(&m->f->parameters, name, strlen(name)) == NULL && !foreign_overridden(m->f, name))
		foreign_problem(m->f, m->at, "{{job.parameters.%.100s}}: the job has no parameter '%.100s'", name, name);
	open_expression(m);
	buf_adds(&m->out, "parameters");
	foreign_put_part(&m->out, name, strlen(name));
	buf_adds(&m->out, " }}");
}

/* The item, or, behind a dot, what is inside of it. */
static void
put_item(struct making_text *m, const char *inside)
{
	if (!m->place->repeated)
		foreign_problem(m->f, m->at, "{{input}} stands outside of a for_each_task");
	open_expression(m);
	buf_adds(&m->out, "item");
	while (*inside == '.') {
		size_t n = strcspn(inside + 1, ".");

		foreign_put_part(&m->out, inside + 1, n);
		inside += n + 1;
	}
	buf_adds(&m->out, " }}");
	m->of_value = true;
}

/* What another task has set for others. Returns false where that cannot be known. */
static bool
put_task_value(struct making_text *m, const char *task)
{
	static const char values[] = ".values.";
	const char *key = strstr(task, values);

	/* On a workspace each notebook is a run of its own. */
	if (key == NULL || key == task || key[sizeof(values) - 1] == '\0' || m->f->remote || m->place->parameter == NULL)
		return false;
	open_expression(m);
	buf_adds(&m->out, "notebooks");
	foreign_put_part(&m->out, task, (size_t)(key - task));
	buf_adds(&m->out, ".values");
	key += sizeof(values) - 1;
	foreign_put_part(&m->out, key, strlen(key));
	buf_adds(&m->out, " }}");
	m->of_value = true;
	return true;
}

/* Leaves a reference to the workspace, which puts in what the run of the notebook has. */
static void
pass_on(struct making_text *m, const char *name)
{
	void **said = table_at(&m->f->passed, name, strlen(name));

	if (*said == NULL)
		log_info("%s:%u:%u: {{%.100s}} is that of the run of each notebook", m->f->build.file, m->at.line, m->at.column,
		    name);
	*said = m;	/* anything but NULL */
	open_expression(m);
	buf_addf(&m->out, "\"{{\" }}%s}}", name);
}

/* Says why there is nothing that can be looked up instead of a reference. */
static void
refuse(struct making_text *m, const char *name)
{
	static const char *const elsewhere[] = {"job.", "task.", "workspace.", "job_id", "run_id", "parent_run_id",
		"start_date", "start_time", "task_key", "task_retry_count", "job_parameters."};
	const char *parameter = m->place->parameter;

	if (after(name, "tasks.") != NULL) {
		foreign_problem(m->f, m->at, "{{%.100s}}: of another task there is {{tasks.NAME.values.KEY}} alone, in parameters "
		    "and on this machine; a workflow of nbfork's own has {{ notebooks.NAME.result }}", name);
		return;
	}
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
		if (after(name, elsewhere[i]) == NULL)
			continue;
		if (m->f->remote && parameter != NULL) {
			pass_on(m, name);
			return;
		}
		if (parameter != NULL)
			foreign_problem(m->f, m->at, "{{%.100s}} is known on Databricks alone; give the parameter a value "
			    "with -p %.100s=VALUE", name, parameter);
		else
			foreign_problem(m->f, m->at, "{{%.100s}} is known on Databricks alone; write the value itself", name);
		return;
	}
	foreign_problem(m->f, m->at, "{{%.100s}} is no reference that is known; there are {{job.parameters.NAME}}, "
	    "{{job.run_id}}, {{task.name}}, and {{input}} in a for_each_task", name);
}

static void
put_reference(struct making_text *m, const char *name)
{
	const char *rest;

	if ((rest = after(name, "job.parameters.")) != NULL && *rest != '\0') {
		put_job_parameter(m, rest);
	} else if ((rest = after(name, "input")) != NULL && (*rest == '\0' || *rest == '.')) {
		put_item(m, rest);
	} else if ((rest = after(name, "tasks.")) != NULL && put_task_value(m, rest)) {
		return;
	} else if (strcmp(name, "job.run_id") == 0) {
		open_expression(m);
		buf_adds(&m->out, "run.id }}");
	} else if (strcmp(name, "task.name") == 0) {
		open_expression(m);
		buf_adds(&m->out, "notebook.name }}");
	} else {
		refuse(m, name);
	}
}

/* What stands between braces, without white space around it. The caller's to free. */
static char *
between(const char *from, const char *to)
{
	while (from < to && strchr(" \t\n\r", *from) != NULL)
		from++;
	while (to > from && strchr(" \t\n\r", to[-1]) != NULL)
		to--;
	return xmemdup0(from, (size_t)(to - from));
}

static struct yaml_node *
with_expressions(struct foreign *f, const struct yaml_node *text, const struct foreign_place *place)
{
	const char *at = text->text, *end = text->text + text->len, *open, *close;
	struct making_text m = {.f = f, .place = place, .out = BUF_INIT};
	unsigned before = f->build.complaints;
	struct yaml_node *made = NULL;
	char *name;

	while ((open = memmem(at, (size_t)(end - at), "{{", 2)) != NULL) {
		m.at = yaml_place(text, (size_t)(open - text->text));
		close = memmem(open + 2, (size_t)(end - open - 2), "}}", 2);
		if (close == NULL) {
			foreign_problem(f, m.at, "'{{' without '}}'");
			break;
		}
		buf_add(&m.out, at, (size_t)(open - at));
		name = between(open + 2, close);
		put_reference(&m, name);
		free(name);
		at = close + 2;
	}
	buf_add(&m.out, at, (size_t)(end - at));
	/* Parameters are text there, so a value that is none becomes text: an expression alone would keep its type. */
	if (m.of_value && place->parameter != NULL)
		buf_adds(&m.out, "{{ \"\" }}");
	if (f->build.complaints == before)
		made = yaml_build_plain(YAML_STRING, text->mark, buf_str(&m.out));
	buf_release(&m.out);
	return made;
}

static struct yaml_node *
inside(struct foreign *f, const struct yaml_node *value, const struct foreign_place *place)
{
	struct yaml_node *made = yaml_build_plain(value->type, value->mark, NULL), *item;
	bool ok = true;

	for (size_t i = 0; i < value->n; i++) {
		item = foreign_value(f, value->items[i], place);
		if (item == NULL)
			ok = false;
		else if (value->type == YAML_MAP)
			foreign_put(made, value->keys[i].name, value->keys[i].mark, item);
		else
			yaml_build_item(made, item);
	}
	yaml_build_finish(&f->build, made, NULL);
	if (ok)
		return made;
	yaml_node_free(made);
	return NULL;
}

struct yaml_node *
foreign_value(struct foreign *f, const struct yaml_node *value, const struct foreign_place *place)
{
	struct yaml_node *known = foreign_known(f, value);
	struct yaml_node *made = NULL;

	if (known == NULL)
		return NULL;
	if (known->type == YAML_LIST || known->type == YAML_MAP)
		made = inside(f, known, place);
	else if (known->type == YAML_STRING && f->form == FOREIGN_FABRIC)
		made = foreign_fabric_text(f, known, place);
	else if (known->type == YAML_STRING && expression_in(known->text, known->len))
		made = with_expressions(f, known, place);
	else
		made = yaml_share(known);
	yaml_node_free(known);
	return made;
}
