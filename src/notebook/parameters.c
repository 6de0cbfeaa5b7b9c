#include "notebook/parameters.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "notebook/literal.h"
#include "workflow/name.h"

static bool
is_reserved(const struct language *g, const char *name)
{
	size_t n = strlen(name);

	if (g->reserved == NULL || n == 0)
		return false;
	for (const char *p = g->reserved; (p = strstr(p, name)) != NULL; p++)
		if (p[-1] == ' ' && p[n] == ' ')
			return true;
	return false;
}

/* Appends one assignment and the end of its line. */
static int
put_assignment(const struct language *g, const struct param *p, bool reveal, struct buf *b, char **problem)
{
	struct json value = json_of(p->secret == NULL || reveal ? p->value : "\"" MASK_TEXT "\"");
	struct literal l = {.language = g, .out = b};
	const char *name = p->name;

	if (g->strips_underscores)
		name += strspn(name, "_");
	if (is_reserved(g, name)) {
		*problem = xasprintf("parameter '%s': the name is a word of the language itself", p->name);
		return -1;
	}
	if (*name == '\0') {
		*problem = xasprintf("parameter '%s': nothing is left of the name without its underscores", p->name);
		return -1;
	}
	/* A workflow's are looked at when it is loaded; those of a call may be anything. */
	if (!name_is_identifier(name)) {
		*problem = xasprintf("parameter '%s' cannot be a variable's name", p->name);
		return -1;
	}
	buf_adds(b, json_type(value) == JSON_NULL && g->none_type != NULL ? g->none_type : g->assign[0]);
	buf_adds(b, name);
	buf_adds(b, g->assign[1]);
	if (literal_put(&l, value) == -1) {
		*problem = xasprintf("parameter '%s': %s", p->name, l.fault);
		return -1;
	}
	buf_adds(b, g->assign[2]);
	buf_addc(b, '\n');
	return 0;
}

int
parameters_source(const struct language *l, const struct params *params, bool reveal, struct buf *b, char **problem)
{
	buf_adds(b, l->comment);
	buf_addc(b, '\n');
	for (size_t i = 0; i < params->n; i++)
		if (put_assignment(l, &params->list[i], reveal, b, problem) == -1)
			return -1;
	return 0;
}

static bool
has_secret(const struct params *params)
{
	for (size_t i = 0; i < params->n; i++)
		if (params->list[i].secret != NULL)
			return true;
	return false;
}

/* The index of the first cell with that tag; the number of cells when there is none. */
static size_t
find_tag(const struct notebook *nb, const char *tag)
{
	size_t i = 0;

	while (i < nb->ncells && !cell_has_tag(&nb->cells[i], tag))
		i++;
	return i;
}

int
parameters_inject(struct notebook *nb, const struct language *l, const struct params *params, char **problem)
{
	struct buf shown = BUF_INIT, code = BUF_INIT;
	size_t index;
	int result = -1;

	if (params->n == 0)
		return 0;
	if (parameters_source(l, params, false, &shown, problem) == -1 ||
	    parameters_source(l, params, true, &code, problem) == -1)
		goto out;
	if ((index = find_tag(nb, "injected-parameters")) < nb->ncells)
		notebook_remove(nb, index);
	else if ((index = find_tag(nb, "parameters")) < nb->ncells)
		index++;
	else
		index = 0;
	notebook_insert(nb, index, CELL_CODE, "injected-parameters", buf_str(&shown),
	    has_secret(params) ? buf_str(&code) : NULL);
	result = 0;
out:
	buf_release(&code);
	buf_release(&shown);
	return result;
}

/* Adds what stands between the quotes of a literal. */
static void
mask_literal(const struct language *g, struct json value, struct mask *mask)
{
	struct buf text = BUF_INIT;
	struct literal l = {.language = g, .out = &text};

	/* bash has words without quotes. */
	if (literal_put_string(&l, value) == 0 && text.len >= 2 && (text.data[0] == '"' || text.data[0] == '\''))
		mask_add(mask, text.data + 1, text.len - 2);
	buf_release(&text);
}

void
parameters_mask(const struct language *l, const struct params *params, struct mask *mask)
{
	struct buf text = BUF_INIT;

	for (size_t i = 0; i < params->n; i++) {
		struct json value;

		if (params->list[i].secret == NULL)
			continue;
		value = json_of(params->list[i].value);
		buf_reset(&text);
		json_decode(&text, value);
		mask_add(mask, buf_str(&text), text.len);
		if (l != NULL)
			mask_literal(l, value, mask);
	}
	buf_release(&text);
}
