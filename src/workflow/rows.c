#include "workflow/rows.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"

void
rows_release(struct rows *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->list[i]);
	free(r->list);
	*r = (struct rows)ROWS_INIT;
}

/* How many containers stand within each other. A value that has passed json_parse is taken for granted. */
static size_t
depth_of(struct json value)
{
	const char *end = value.text != NULL ? value.text + value.len : NULL;
	size_t depth = 0, deepest = 0;
	bool quoted = false;

	for (const char *p = value.text; p < end; p++) {
		if (quoted && *p == '\\')
			p++;
		else if (*p == '"')
			quoted = !quoted;
		else if (!quoted && (*p == '[' || *p == '{') && ++depth > deepest)
			deepest = depth;
		else if (!quoted && (*p == ']' || *p == '}'))
			depth--;
	}
	return deepest;
}

int
rows_add(struct rows *r, struct json value, const char *label, struct mark at, struct problems *p)
{
	/* NaN and the like stay as they are: a row is read by this program alone. */
	const struct json_form form = {.indent = -1};
	struct buf text = BUF_INIT;

	if (r->n >= ROWS_MAX) {
		problems_add(p, label, at.line, at.column, "more than %d rows; split them up", ROWS_MAX);
		return -1;
	}
	if (depth_of(value) > ROWS_DEPTH_MAX) {
		problems_add(p, label, at.line, at.column, "the row is nested more than %d deep", ROWS_DEPTH_MAX);
		return -1;
	}
	json_put(&text, value, &form);
	r->list = xgrow(r->list, r->n, &r->cap, sizeof(*r->list));
	/* A buffer has room to spare, which would add up. */
	r->list[r->n++] = xmemdup0(text.data, text.len);
	buf_release(&text);
	return 0;
}
