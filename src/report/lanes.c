#include "report/lanes.h"

#include <stdlib.h>

#include "base/mem.h"

static int
by_start(const void *a, const void *b)
{
	const struct stretch *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	/* What took no time at all comes before what began when it ended. */
	if (x->end != y->end)
		return x->end < y->end ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

static void
collect(struct lanes *l, const struct story_run *run)
{
	struct story_notebook *n = NULL;
	size_t at;

	while ((n = story_after(run, n, &at)) != NULL) {
		for (size_t i = 0; i < n->nattempts; i++) {
			const struct story_attempt *a = &n->attempts[i];
			int64_t end = a->ended != 0 ? a->ended : run->last;

			l->list = xgrow(l->list, l->n, &l->cap, sizeof(*l->list));
			l->list[l->n] = (struct stretch){
				.notebook = n, .attempt = a, .order = l->n, .start = a->started,
				.end = end > a->started ? end : a->started,
			};
			l->n++;
			if (a->slot >= 0 && (size_t)a->slot + 1 > l->count)
				l->count = (size_t)a->slot + 1;
		}
	}
	if (l->n > 0)
		qsort(l->list, l->n, sizeof(*l->list), by_start);
}

/*
 * Gives each stretch its lane. A slot is free before it is taken again, but the wall clock may have been set back
 * meanwhile; and where the journal does not tell the slot, there is the first lane that is free.
 */
static void
arrange(struct lanes *l)
{
	size_t named = l->count, cap = named;
	struct stretch **last = xcalloc(named, sizeof(*last));	/* of each lane */

	for (size_t i = 0; i < l->n; i++) {
		struct stretch *s = &l->list[i];

		s->lane = s->attempt->slot >= 0 ? (size_t)s->attempt->slot : named;
		while (s->attempt->slot < 0 && s->lane < l->count && last[s->lane]->end > s->start)
			s->lane++;
		if (s->lane == l->count) {
			last = xgrow(last, l->count, &cap, sizeof(*last));
			last[l->count++] = NULL;
		}
		if (last[s->lane] != NULL && last[s->lane]->end > s->start)
			last[s->lane]->end = s->start;
		last[s->lane] = s;
	}
	free(last);
}

void
lanes_make(struct lanes *l, const struct story_run *run)
{
	*l = (struct lanes){0};
	collect(l, run);
	arrange(l);
}

void
lanes_release(struct lanes *l)
{
	free(l->list);
	*l = (struct lanes){0};
}

const struct stretch *
lanes_find(const struct lanes *l, const struct story_notebook *n, unsigned number)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->list[i].notebook == n && (number == 0 || l->list[i].attempt->number == number))
			return &l->list[i];
	return NULL;
}
