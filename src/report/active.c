#include "report/active.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static size_t
find(const struct active *a, const struct record *r)
{
	size_t i = 0;

	while (i < a->n && a->list[i] != r)
		i++;
	return i;
}

static bool
is_below(const struct record *r, const struct record *above)
{
	for (r = r->parent; r != NULL; r = r->parent)
		if (r == above)
			return true;
	return false;
}

void
active_add(struct active *a, const struct record *r)
{
	size_t i;

	/* What the workflow has is never called, and so it is not there before it starts. */
	if (r->parent != NULL && find(a, r) < a->n)
		return;
	i = r->parent != NULL ? find(a, r->parent) : a->n;
	if (i < a->n)
		for (i++; i < a->n && is_below(a->list[i], r->parent); i++)
			;
	a->list = xgrow(a->list, a->n, &a->cap, sizeof(*a->list));
	memmove(a->list + i + 1, a->list + i, (a->n - i) * sizeof(*a->list));
	a->list[i] = r;
	a->n++;
}

void
active_remove(struct active *a, const struct record *r)
{
	size_t i = find(a, r);

	if (i == a->n)
		return;
	a->n--;
	memmove(a->list + i, a->list + i + 1, (a->n - i) * sizeof(*a->list));
}

void
active_release(struct active *a)
{
	free(a->list);
	*a = (struct active)ACTIVE_INIT;
}
