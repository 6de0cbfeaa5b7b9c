#include "schedule.h"

#include <stdlib.h>

#include "base/heap.h"
#include "base/mem.h"

enum state {
	WAITING,	/* for its dependencies */
	READY,	/* in its pool's heap of ready ones */
	LATER,	/* in its pool's heap of those that wait for a time */
	OUT,	/* handed out: it counts against its pool */
	DROPPED,
	OVER,
};

struct node {
	enum state state;
	enum schedule_end drop;	/* how it ended, if it is DROPPED */
	int64_t rank;	/* its place in the order of all */
	size_t pool;	/* index of the schedule's */
	size_t left;	/* dependencies that are not over */
	size_t succeeded, failed;	/* those that are, but for excluded ones */
	size_t *dependents;	/* in the schedule's array of edges */
	size_t ndependents;
};

/* A limit and what counts against it. */
struct pool {
	size_t most, running;
	struct heap ready;	/* tasks by rank */
	struct heap later;	/* tasks by time */
	size_t blocked;	/* of those that are ready: all if there is no room, else none */
};

/* Tasks in the order in which something became of them. */
struct queue {
	size_t *list;	/* with room for all: each comes once */
	size_t n, told;
};

struct schedule {
	const struct workflow *w;
	struct node *nodes;
	size_t *edges;
	struct pool *pools;	/* the workflow's, and one without a limit for those that have none */
	size_t npools;
	struct heap open;	/* pools with room and something ready, by the rank of their first one */
	/*
	 * pools with something that waits for a time, by the time of their first one: [1] those with room, [0] the
	 * others, for which it is of no use that the time has come
	 */
	struct heap timed[2];
	size_t *task_places, *open_places, *timed_places;	/* of the heaps: no task, no pool is in two of a kind */
	size_t nblocked, nlater;
	struct queue ready, dropped;
};

/* What a task is sorted by. */
struct place {
	size_t task;
	int priority;
	bool first;
	bool unknown;	/* it has no key: it goes last */
	double key;	/* smaller ones go first */
};

static int
compare_places(const void *one, const void *two)
{
	const struct place *a = one, *b = two;

	if (a->priority != b->priority)
		return a->priority > b->priority ? -1 : 1;
	if (a->first != b->first)
		return a->first ? -1 : 1;
	if (a->unknown != b->unknown)
		return a->unknown ? 1 : -1;
	if (a->key < b->key)
		return -1;
	if (a->key > b->key)
		return 1;
	return a->task < b->task ? -1 : 1;
}

/*
 * Turns each task's own time into that of the longest way from its start to the end of all that wait for it; negative
 * if nothing on any way from it is known. A task's turn comes after that of all that wait for it, the last ones first:
 * no chain is too long for the stack.
 */
static void
add_ways(const struct schedule *s, double *seconds)
{
	const size_t ntasks = s->w->ntasks;
	size_t *turns = xcalloc(ntasks, sizeof(*turns));
	size_t *left = xcalloc(ntasks, sizeof(*left));	/* those waiting for the task that had no turn yet */
	double *behind = xcalloc(ntasks, sizeof(*behind));	/* the longest way after the task's own end */
	size_t n = 0;

	for (size_t i = 0; i < ntasks; i++) {
		behind[i] = -1;
		left[i] = s->nodes[i].ndependents;
		if (left[i] == 0)
			turns[n++] = i;
	}
	for (size_t i = 0; i < n; i++) {
		const size_t task = turns[i];
		const struct task *t = &s->w->tasks[task];

		if (seconds[task] < 0)
			seconds[task] = behind[task];
		else if (behind[task] > 0)
			seconds[task] += behind[task];
		for (size_t k = 0; k < t->ndepends_on; k++) {
			const size_t d = t->depends_on[k];

			if (behind[d] < seconds[task])
				behind[d] = seconds[task];
			if (--left[d] == 0)
				turns[n++] = d;
		}
	}
	free(behind);
	free(left);
	free(turns);
}

/* Sorts all tasks once, so that from then on a number says which of two goes first. */
static void
rank(struct schedule *s, const double *seconds, const bool *first)
{
	const struct workflow *w = s->w;
	struct place *places = xcalloc(w->ntasks, sizeof(*places));
	double *known = xcalloc(w->ntasks, sizeof(*known));

	/* What is no number is not known either, and comparing it would not be an order. */
	for (size_t i = 0; i < w->ntasks; i++)
		known[i] = seconds != NULL && seconds[i] >= 0 ? seconds[i] : -1;
	if (w->order == ORDER_LONGEST_FIRST)
		add_ways(s, known);
	for (size_t i = 0; i < w->ntasks; i++) {
		struct place *p = &places[i];

		p->task = i;
		p->priority = w->tasks[i].priority;
		p->first = first != NULL && first[i];
		if (w->order == ORDER_AS_WRITTEN)
			continue;
		p->unknown = known[i] < 0;
		p->key = w->order == ORDER_SMALLEST_FIRST ? known[i] : -known[i];
	}
	qsort(places, w->ntasks, sizeof(*places), compare_places);
	for (size_t i = 0; i < w->ntasks; i++)
		s->nodes[places[i].task].rank = (int64_t)i;
	free(known);
	free(places);
}

/* The edges of the graph the other way round: who waits for whom. */
static void
link_dependents(struct schedule *s)
{
	const struct workflow *w = s->w;
	size_t nedges = 0, used = 0;

	for (size_t i = 0; i < w->ntasks; i++) {
		const struct task *t = &w->tasks[i];

		s->nodes[i].left = t->ndepends_on;
		nedges += t->ndepends_on;
		for (size_t k = 0; k < t->ndepends_on; k++)
			s->nodes[t->depends_on[k]].ndependents++;
	}
	s->edges = xcalloc(nedges, sizeof(*s->edges));
	for (size_t i = 0; i < w->ntasks; i++) {
		s->nodes[i].dependents = s->edges + used;
		used += s->nodes[i].ndependents;
		s->nodes[i].ndependents = 0;
	}
	for (size_t i = 0; i < w->ntasks; i++) {
		const struct task *t = &w->tasks[i];

		for (size_t k = 0; k < t->ndepends_on; k++) {
			struct node *d = &s->nodes[t->depends_on[k]];

			d->dependents[d->ndependents++] = i;
		}
	}
}

/* Brings what is known of a pool as a whole up to date, after anything in it has changed. */
static void
update_pool(struct schedule *s, struct pool *p)
{
	const size_t id = (size_t)(p - s->pools);
	const bool room = p->running < p->most;
	const size_t blocked = room ? 0 : p->ready.n;

	if (room && p->ready.n != 0)
		heap_put(&s->open, id, p->ready.list[0].key);
	else
		heap_remove(&s->open, id);
	heap_remove(&s->timed[!room], id);
	if (p->later.n != 0)
		heap_put(&s->timed[room], id, p->later.list[0].key);
	else
		heap_remove(&s->timed[room], id);
	s->nblocked = s->nblocked - p->blocked + blocked;
	p->blocked = blocked;
}

static void
make_ready(struct schedule *s, size_t task)
{
	struct node *node = &s->nodes[task];
	struct pool *p = &s->pools[node->pool];

	node->state = READY;
	heap_put(&p->ready, task, node->rank);
	update_pool(s, p);
}

/* Whether a task runs whose dependencies are all over; if not, *drop is how it ends. */
static bool
runs(const struct workflow *w, size_t task, const struct node *node, enum schedule_end *drop)
{
	const struct task *t = &w->tasks[task];

	/* All of none are done, and succeeded; but none of them failed. */
	if (t->ndepends_on == 0 && t->run_if != RUN_IF_AT_LEAST_ONE_FAILED && t->run_if != RUN_IF_ALL_FAILED &&
	    t->run_if != RUN_IF_AT_LEAST_ONE_SUCCESS)
		return true;
	*drop = SCHEDULE_EXCLUDED;
	if (node->succeeded + node->failed == 0)
		return false;
	switch (t->run_if) {
	case RUN_IF_ALL_DONE:
		return true;
	case RUN_IF_AT_LEAST_ONE_FAILED:
		return node->failed != 0;
	case RUN_IF_ALL_FAILED:
		return node->succeeded == 0;
	case RUN_IF_AT_LEAST_ONE_SUCCESS:
		*drop = SCHEDULE_UPSTREAM_FAILED;
		return node->succeeded != 0;
	case RUN_IF_ALL_SUCCESS:
	case RUN_IF_NONE_FAILED:
		break;
	}
	*drop = SCHEDULE_UPSTREAM_FAILED;
	return node->failed == 0;
}

/* A task's last dependency is over, or it has none. */
static void
decide(struct schedule *s, size_t task)
{
	struct node *node = &s->nodes[task];

	if (runs(s->w, task, node, &node->drop)) {
		make_ready(s, task);
		s->ready.list[s->ready.n++] = task;
	} else {
		node->state = DROPPED;
		s->dropped.list[s->dropped.n++] = task;
	}
}

static void
make_pools(struct schedule *s)
{
	const struct workflow *w = s->w;

	s->npools = w->npools + 1;
	s->pools = xcalloc(s->npools, sizeof(*s->pools));
	s->task_places = xcalloc(w->ntasks, sizeof(*s->task_places));
	s->open_places = xcalloc(s->npools, sizeof(*s->open_places));
	s->timed_places = xcalloc(s->npools, sizeof(*s->timed_places));
	for (size_t i = 0; i < s->npools; i++) {
		s->pools[i].most = i < w->npools ? w->pools[i].most : SIZE_MAX;
		heap_init(&s->pools[i].ready, s->task_places);
		heap_init(&s->pools[i].later, s->task_places);
	}
	heap_init(&s->open, s->open_places);
	heap_init(&s->timed[0], s->timed_places);
	heap_init(&s->timed[1], s->timed_places);
	for (size_t i = 0; i < w->ntasks; i++)
		s->nodes[i].pool = w->tasks[i].pool != NO_POOL ? w->tasks[i].pool : w->npools;
}

struct schedule *
schedule_new(const struct workflow *w, const double *seconds, const bool *first)
{
	struct schedule *s = xcalloc(1, sizeof(*s));

	s->w = w;
	s->nodes = xcalloc(w->ntasks, sizeof(*s->nodes));
	s->ready.list = xcalloc(w->ntasks, sizeof(*s->ready.list));
	s->dropped.list = xcalloc(w->ntasks, sizeof(*s->dropped.list));
	make_pools(s);
	link_dependents(s);
	rank(s, seconds, first);
	for (size_t i = 0; i < w->ntasks; i++) {
		if (s->nodes[i].left == 0)
			decide(s, i);
	}
	return s;
}

void
schedule_free(struct schedule *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->npools; i++) {
		heap_release(&s->pools[i].ready);
		heap_release(&s->pools[i].later);
	}
	heap_release(&s->open);
	heap_release(&s->timed[0]);
	heap_release(&s->timed[1]);
	free(s->pools);
	free(s->task_places);
	free(s->open_places);
	free(s->timed_places);
	free(s->ready.list);
	free(s->dropped.list);
	free(s->edges);
	free(s->nodes);
	free(s);
}

/* Those whose time has come are ready again, in all pools: which of them goes first is a matter of rank alone. */
static void
end_waits(struct schedule *s, int64_t now)
{
	for (int room = 0; room < 2; room++) {
		const struct heap *timed = &s->timed[room];

		while (timed->n != 0 && timed->list[0].key <= now) {
			struct pool *p = &s->pools[timed->list[0].id];
			const size_t task = p->later.list[0].id;

			heap_remove(&p->later, task);
			s->nlater--;
			make_ready(s, task);
		}
	}
}

size_t
schedule_next(struct schedule *s, int64_t now, int64_t *again)
{
	struct pool *p;
	size_t task;

	end_waits(s, now);
	*again = INT64_MAX;
	for (int room = 0; room < 2; room++) {
		if (s->timed[room].n != 0 && s->timed[room].list[0].key < *again)
			*again = s->timed[room].list[0].key;
	}
	if (s->open.n == 0)
		return SCHEDULE_NONE;
	p = &s->pools[s->open.list[0].id];
	task = p->ready.list[0].id;
	heap_remove(&p->ready, task);
	s->nodes[task].state = OUT;
	p->running++;
	update_pool(s, p);
	return task;
}

bool
schedule_has_next(const struct schedule *s, int64_t now)
{
	return s->open.n != 0 || (s->timed[1].n != 0 && s->timed[1].list[0].key <= now);
}

void
schedule_again(struct schedule *s, size_t task, int64_t at)
{
	struct node *node = &s->nodes[task];
	struct pool *p = &s->pools[node->pool];

	if (node->state != OUT)
		return;
	node->state = LATER;
	p->running--;
	heap_put(&p->later, task, at);
	s->nlater++;
	update_pool(s, p);
}

void
schedule_finished(struct schedule *s, size_t task, enum schedule_end end)
{
	struct node *node = &s->nodes[task];
	struct pool *p = &s->pools[node->pool];

	if (node->state == OVER)
		return;
	if (node->state == OUT)
		p->running--;
	if (node->state == LATER)
		s->nlater--;
	heap_remove(&p->ready, task);
	heap_remove(&p->later, task);
	node->state = OVER;
	update_pool(s, p);
	for (size_t i = 0; i < node->ndependents; i++) {
		struct node *d = &s->nodes[node->dependents[i]];

		d->left--;
		if (end == SCHEDULE_SUCCEEDED)
			d->succeeded++;
		else if (end != SCHEDULE_EXCLUDED)
			d->failed++;
		if (d->left == 0 && d->state == WAITING)
			decide(s, node->dependents[i]);
	}
}

/* The next of a queue of which that is still true. */
static size_t
tell(const struct schedule *s, struct queue *q, enum state state)
{
	while (q->told < q->n) {
		const size_t task = q->list[q->told++];

		if (s->nodes[task].state == state)
			return task;
	}
	return SCHEDULE_NONE;
}

size_t
schedule_dropped(struct schedule *s, enum schedule_end *end)
{
	const size_t task = tell(s, &s->dropped, DROPPED);

	if (task != SCHEDULE_NONE)
		*end = s->nodes[task].drop;
	return task;
}

size_t
schedule_ready(struct schedule *s)
{
	return tell(s, &s->ready, READY);
}

size_t
schedule_waiting_for_pool(const struct schedule *s)
{
	return s->nblocked;
}

size_t
schedule_waiting_for_time(const struct schedule *s)
{
	return s->nlater;
}
