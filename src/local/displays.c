#include "local/displays.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "notebook/output.h"

/* How much of what is no more may be kept before it is swept out. */
#define SLACK 1024

/* An output that shows the id. */
struct place {
	size_t cell, index;
	size_t emptied;	/* as the cell's count was: when that has changed, the output is gone */
};

struct display {
	struct place *places;
	size_t n, cap;
	size_t prune_at;	/* with that many places, look which of them are no more */
	bool due;	/* data and metadata are newer than what the outputs show */
	struct buf data, metadata;	/* JSON text; empty when there was none */
};

void
displays_init(struct displays *d, struct notebook *nb, const struct mask *mask)
{
	*d = (struct displays){.nb = nb, .mask = mask, .ids = TABLE_INIT, .ncells = nb->ncells};
	d->emptied = xcalloc(nb->ncells, sizeof(*d->emptied));
	d->shown = xcalloc(nb->ncells, sizeof(*d->shown));
}

static void
display_free(struct display *e)
{
	buf_release(&e->metadata);
	buf_release(&e->data);
	free(e->places);
	free(e);
}

void
displays_release(struct displays *d)
{
	for (size_t i = 0; i < d->ids.n; i++)
		display_free(d->ids.entries[i].value);
	table_release(&d->ids);
	free(d->due);
	free(d->shown);
	free(d->emptied);
	*d = (struct displays){0};
}

/* Drops the places of an id whose outputs are gone. */
static void
prune(struct displays *d, struct display *e)
{
	size_t kept = 0;

	for (size_t i = 0; i < e->n; i++)
		if (e->places[i].emptied == d->emptied[e->places[i].cell])
			e->places[kept++] = e->places[i];
	d->places -= e->n - kept;
	e->n = kept;
}

void
displays_add(struct displays *d, const char *id, size_t n, size_t cell, size_t index)
{
	struct display *e;
	void **value;

	if (cell >= d->ncells)
		return;
	value = table_at(&d->ids, id, n);
	if (*value == NULL)
		*value = xcalloc(1, sizeof(*e));
	e = *value;
	if (e->n >= e->prune_at) {
		prune(d, e);
		e->prune_at = 2 * e->n + 8;
	}
	e->places = xgrow(e->places, e->n, &e->cap, sizeof(*e->places));
	e->places[e->n++] = (struct place){.cell = cell, .index = index, .emptied = d->emptied[cell]};
	d->places++;
	d->shown[cell]++;
	d->current++;
}

static void
remember(struct buf *b, struct json v)
{
	buf_reset(b);
	buf_add(b, v.text, v.len);
}

bool
displays_update(struct displays *d, const char *id, size_t n, struct json data, struct json metadata)
{
	struct display *e = table_get(&d->ids, id, n);

	if (e == NULL)
		return false;
	remember(&e->data, data);
	remember(&e->metadata, metadata);
	if (!e->due) {
		e->due = true;
		d->due = xgrow(d->due, d->ndue, &d->due_cap, sizeof(*d->due));
		d->due[d->ndue++] = e;
	}
	return true;
}

/* Rebuilds the table without the ids that no output shows. Nothing may be due. */
static void
sweep(struct displays *d)
{
	struct table old = d->ids;

	d->ids = (struct table)TABLE_INIT;
	for (size_t i = 0; i < old.n; i++) {
		struct display *e = old.entries[i].value;

		prune(d, e);
		if (e->n != 0)
			*table_at(&d->ids, old.entries[i].key, old.entries[i].len) = e;
		else
			display_free(e);
	}
	table_release(&old);
}

void
displays_forget(struct displays *d, size_t cell)
{
	if (cell >= d->ncells)
		return;
	d->emptied[cell]++;
	d->current -= d->shown[cell];
	d->shown[cell] = 0;
	/* A cell that shows and empties in a loop, each time with a new id, must not fill the memory. */
	if (d->places + d->ids.n > 4 * d->current + SLACK) {
		displays_settle(d);
		sweep(d);
	}
}

static struct json
remembered(const struct buf *b)
{
	return b->len != 0 ? (struct json){b->data, b->len} : JSON_NOTHING;
}

bool
displays_settle(struct displays *d)
{
	bool any = d->ndue != 0;

	for (size_t i = 0; i < d->ndue; i++) {
		struct display *e = d->due[i];

		prune(d, e);
		for (size_t k = 0; k < e->n; k++) {
			outputs_update_at(&d->nb->cells[e->places[k].cell].outputs, e->places[k].index,
			    remembered(&e->data), remembered(&e->metadata), d->mask);
		}
		e->due = false;
		buf_release(&e->data);
		buf_release(&e->metadata);
	}
	d->ndue = 0;
	return any;
}
