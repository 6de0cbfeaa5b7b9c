#include "report/waiting.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "report/text.h"

#define REASON_MAX 300	/* columns of why the attempt before failed */

static bool
is_over(const struct waiting *w, size_t task)
{
	return w->run->records[task].state == RECORD_DONE;
}

/* Whether something that it depends on is not over. Most often that is the first one that is looked at. */
static bool
depends(const struct waiting *w, const struct task *t)
{
	for (size_t i = t->ndepends_on; i > 0; i--)
		if (!is_over(w, t->depends_on[i - 1]))
			return true;
	return false;
}

static enum waiting_for
kind_of(const struct waiting *w, const struct record *r)
{
	const struct workflow *workflow = w->run->workflow;
	const struct task *t = r->task;

	if (r->retry_at > w->now)
		return WAITING_TIME;
	if (depends(w, t))
		return WAITING_NOTEBOOKS;
	if (t->pool < workflow->npools && w->taken[t->pool] >= workflow->pools[t->pool].most)
		return WAITING_POOL;
	return w->run->held != NULL ? WAITING_ROOM : WAITING_PROCESS;
}

void
waiting_look(struct waiting *w, const struct run *run, const struct record *const *running, size_t n, int64_t now,
    size_t most)
{
	const size_t npools = run->workflow->npools;

	w->run = run;
	w->now = now;
	for (int i = 0; i < WAITING_KINDS; i++)
		w->kinds[i].n = w->kinds[i].nfirst = 0;
	if (run->stopping || run->waiting == 0)
		return;
	free(w->taken);
	w->taken = xcalloc(npools + 1, sizeof(*w->taken));
	for (size_t i = 0; i < n; i++)
		if (running[i]->parent == NULL && running[i]->task->pool < npools)
			w->taken[running[i]->task->pool]++;
	for (size_t i = 0; i < run->n; i++) {
		const struct record *r = &run->records[i];
		struct waiting_kind *k;

		if (r->state != RECORD_WAITING)
			continue;
		k = &w->kinds[kind_of(w, r)];
		k->n++;
		if (k->nfirst < most) {
			k->first = xgrow(k->first, k->nfirst, &k->cap, sizeof(*k->first));
			k->first[k->nfirst++] = r;
		}
	}
}

void
waiting_release(struct waiting *w)
{
	for (int i = 0; i < WAITING_KINDS; i++)
		free(w->kinds[i].first);
	free(w->taken);
	*w = (struct waiting)WAITING_INIT;
}

/* When it is tried again, and why. */
static void
put_time(const struct waiting *w, const struct record *r, struct buf *b)
{
	char left[TEXT_ELAPSED];
	struct record_error e;
	size_t start;

	/* Up to the next whole second: "in 0s" would be now. */
	text_elapsed(left, r->retry_at - w->now + NSEC_PER_SEC - 1);
	buf_addf(b, "attempt %u in %s: ", r->attempts + 1, left);
	record_error(r, &e);
	start = b->len;
	text_put_reason(b, &e, REASON_MAX);
	if (b->len == start)
		buf_truncate(b, start - 2);
	record_error_release(&e);
}

/* Names one of the notebooks that it waits for, one that runs if there is one, and counts the others. */
static void
put_notebooks(const struct waiting *w, const struct task *t, struct buf *b)
{
	const struct record *named = NULL;
	size_t n = 0;

	for (size_t i = 0; i < t->ndepends_on; i++) {
		const struct record *d = &w->run->records[t->depends_on[i]];

		if (d->state == RECORD_DONE)
			continue;
		n++;
		if (named == NULL || (named->state != RECORD_RUNNING && d->state == RECORD_RUNNING))
			named = d;
	}
	if (named == NULL)
		return;
	utf8_put_visible(b, named->task->name, strlen(named->task->name), SIZE_MAX);
	if (n > 1)
		buf_addf(b, " and %zu more", n - 1);
}

void
waiting_put(const struct waiting *w, enum waiting_for kind, const struct record *r, struct buf *b)
{
	const struct named_limit *pool;

	switch (kind) {
	case WAITING_TIME:
		put_time(w, r, b);
		break;
	case WAITING_POOL:
		pool = &w->run->workflow->pools[r->task->pool];
		buf_adds(b, "waits for pool ");
		utf8_put_visible(b, pool->name, strlen(pool->name), SIZE_MAX);
		buf_addf(b, " (%u of %u taken)", w->taken[r->task->pool], pool->most);
		break;
	case WAITING_NOTEBOOKS:
		buf_adds(b, "waits for ");
		put_notebooks(w, r->task, b);
		break;
	case WAITING_ROOM:
	case WAITING_PROCESS:
	case WAITING_KINDS:
		buf_adds(b, "waits for ");
		waiting_put_kind(w, kind, b);
	}
}

void
waiting_put_kind(const struct waiting *w, enum waiting_for kind, struct buf *b)
{
	static const char *const names[WAITING_KINDS] = {
		[WAITING_TIME] = "another attempt",
		[WAITING_POOL] = "their pools",
		[WAITING_ROOM] = "room on this machine",
		[WAITING_PROCESS] = "a process",
		[WAITING_NOTEBOOKS] = "other notebooks",
	};
	const struct workflow *workflow = w->run->workflow;

	if (kind == WAITING_POOL && workflow->npools == 1) {
		buf_adds(b, "pool ");
		utf8_put_visible(b, workflow->pools[0].name, strlen(workflow->pools[0].name), SIZE_MAX);
	} else if (kind < WAITING_KINDS) {
		buf_adds(b, names[kind]);
	}
}
