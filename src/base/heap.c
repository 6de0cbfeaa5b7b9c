#include "base/heap.h"

#include <stdlib.h>

#include "base/mem.h"

void
heap_init(struct heap *h, size_t *at)
{
	*h = (struct heap){.at = at};
}

void
heap_release(struct heap *h)
{
	free(h->list);
	heap_init(h, h->at);
}

bool
heap_has(const struct heap *h, size_t id)
{
	/* What stands in at may be from long ago or of another heap: only the list knows. */
	return h->at[id] < h->n && h->list[h->at[id]].id == id;
}

static bool
before(const struct heap_item *a, const struct heap_item *b)
{
	return a->key != b->key ? a->key < b->key : a->id < b->id;
}

static void
set(struct heap *h, size_t i, struct heap_item item)
{
	h->list[i] = item;
	h->at[item.id] = i;
}

/* Puts an item in place of the one at i, or as near above or below as the order asks for. */
static void
settle(struct heap *h, size_t i, struct heap_item item)
{
	while (i > 0 && before(&item, &h->list[(i - 1) / 2])) {
		set(h, i, h->list[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	for (;;) {
		size_t child = 2 * i + 1;

		if (child + 1 < h->n && before(&h->list[child + 1], &h->list[child]))
			child++;
		if (child >= h->n || !before(&h->list[child], &item))
			break;
		set(h, i, h->list[child]);
		i = child;
	}
	set(h, i, item);
}

void
heap_put(struct heap *h, size_t id, int64_t key)
{
	const struct heap_item item = {.key = key, .id = id};

	if (heap_has(h, id)) {
		settle(h, h->at[id], item);
		return;
	}
	h->list = xgrow(h->list, h->n, &h->cap, sizeof(*h->list));
	h->n++;
	settle(h, h->n - 1, item);
}

void
heap_remove(struct heap *h, size_t id)
{
	size_t i;

	if (!heap_has(h, id))
		return;
	i = h->at[id];
	h->n--;
	if (i < h->n)
		settle(h, i, h->list[h->n]);
}
