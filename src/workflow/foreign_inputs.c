/* What a for_each_task goes over. */
#include "workflow/foreign_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

/* The text of the job's parameter that a reference to one, and nothing else, is; NULL. */
static struct yaml_node *
parameter_text(struct foreign *f, const struct yaml_node *reference)
{
	static const char begin[] = "job.parameters.";
	const char *p = reference->text, *value;
	const struct yaml_node *parameter;
	struct yaml_node *found = NULL;
	char *name;
	size_t n;

	if (reference->type != YAML_STRING || strncmp(p, "{{", 2) != 0)
		return NULL;
	p += 2 + strspn(p + 2, " ");
	if (strncmp(p, begin, sizeof(begin) - 1) != 0)
		return NULL;
	p += sizeof(begin) - 1;
	n = strcspn(p, " }");
	if (strcmp(p + n + strspn(p + n, " "), "}}") != 0)
		return NULL;
	name = xmemdup0(p, n);
	value = foreign_overridden(f, name);
	parameter = table_get(&f->parameters, p, n);
	if (value != NULL)
		found = yaml_build_plain(YAML_STRING, reference->mark, value);
	else if (parameter != NULL)
		found = foreign_known(f, yaml_get(parameter, "default"));
	free(name);
	return found;
}

/*
 * What it goes over, with what is known of it put in: it must turn out to be a list, or JSON text of one. NULL with a
 * problem added.
 */
static struct yaml_node *
known_inputs(struct foreign *f, const struct yaml_node *each)
{
	const struct yaml_node *known = foreign_get(f, each, "inputs");
	struct yaml_node *text = known != NULL ? parameter_text(f, known) : NULL;

	return text != NULL || known == NULL ? text : yaml_share(known);
}

bool
foreign_goes_over_nothing(struct foreign *f, const struct yaml_node *task)
{
	const struct yaml_node *each = foreign_get(f, task, "for_each_task");
	struct yaml_node *known = each != NULL ? known_inputs(f, each) : NULL;
	const char *p = known != NULL && known->type == YAML_STRING ? known->text : "";
	bool nothing = known != NULL && known->type == YAML_LIST && known->n == 0;

	p += strspn(p, " \t\r\n");
	if (*p == '[')
		nothing = p[1 + strspn(p + 1, " \t\r\n")] == ']';
	yaml_node_free(known);
	return nothing;
}

struct yaml_node *
foreign_inputs(struct foreign *f, const struct yaml_node *each)
{
	const struct yaml_node *written = foreign_written(each, "inputs");
	struct yaml_node *known = known_inputs(f, each), *list = NULL, *made = NULL;
	struct json_error e;
	struct json value;

	if (known == NULL)
		return NULL;
	if (known->type == YAML_LIST) {
		made = foreign_value(f, known, &foreign_nowhere);
	} else if (known->type == YAML_STRING && json_parse(known->text, known->len, &value, &e) == 0 &&
	    json_type(value) == JSON_ARRAY) {
		list = yaml_of_json(value, written->mark, f->build.file, f->build.problems);
		made = list != NULL ? foreign_value(f, list, &foreign_nowhere) : NULL;
	} else if (known->type == YAML_STRING && strncmp(known->text, "{{", 2) == 0) {
		made = foreign_value(f, known, &foreign_nowhere);
	} else {
		foreign_problem(f, written->mark, "'inputs' must be a list, or text that is one in JSON, not %s",
		    foreign_shown(f, written, known));
	}
	yaml_node_free(list);
	yaml_node_free(known);
	return made;
}
