/* Which notebook waits for which: dependencies, circles, what is selected. */
#include "workflow/loader.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "workflow/expression.h"

#define CIRCLE_SHOWN 12	/* names of a circle that a message shows */

/* ---- Finding them ---- */

/* The tasks that a pattern stands for; kept, because those of a for_each all have the same ones. */
struct matches {
	size_t *list;
	size_t n, cap;
};

static bool
is_glob(const char *pattern)
{
	return strpbrk(pattern, "*?[") != NULL;
}

static void
match(const struct loader *l, const char *pattern, struct matches *m)
{
	uintptr_t exact = (uintptr_t)table_get(&l->names, pattern, strlen(pattern));
	const size_t plain = strcspn(pattern, "*?[\\");	/* bytes that stand for themselves */

	if (exact == 0 && !is_glob(pattern))
		return;
	/* fnmatch is slow, and each notebook of a for_each may have a pattern of its own. */
	for (size_t i = exact != 0 ? exact - 1 : 0; i < l->w->ntasks; i++) {
		if (exact == 0 && (strncmp(pattern, l->w->tasks[i].name, plain) != 0 ||
		    fnmatch(pattern, l->w->tasks[i].name, 0) != 0))
			continue;
		m->list = xgrow(m->list, m->n, &m->cap, sizeof(*m->list));
		m->list[m->n++] = i;
		if (exact != 0)
			return;
	}
}

static const struct matches *
matches_of(const struct loader *l, struct table *known, const char *pattern)
{
	void **place = table_at(known, pattern, strlen(pattern));

	if (*place == NULL) {
		*place = xcalloc(1, sizeof(struct matches));
		match(l, pattern, *place);
	}
	return *place;
}

static void
no_such_notebook(struct loader *l, const struct wanted *wanted)
{
	struct guess guess = {.word = wanted->pattern};
	size_t n = strlen(wanted->pattern);
	bool repeated = false;
	const char *of_path = NULL;	/* the name of a notebook that was named by its path */
	char *all;

	if (l->reported > PROBLEMS_MAX)
		return;	/* looking for what was meant costs a look at every notebook */
	all = xasprintf("%s-*", wanted->pattern);
	for (size_t i = 0; i < l->w->ntasks; i++) {
		guess_consider(&guess, l->w->tasks[i].name);
		repeated = repeated || strncmp(all, l->w->tasks[i].name, n + 1) == 0;
		if (of_path == NULL && strcmp(wanted->pattern, l->w->tasks[i].path) == 0)
			of_path = l->w->tasks[i].name;
	}
	if (of_path != NULL)
		guess.best = of_path;
	if (is_glob(wanted->pattern))
		loader_problem(l, wanted->mark, "'%.*s' matches the name of no notebook", SHOWN(wanted->pattern));
	else if (repeated)
		loader_problem(l, wanted->mark, "there is no notebook '%.*s'; did you mean '%.*s'?", SHOWN(wanted->pattern),
		    SHOWN(all));
	else if (guess.best != NULL)
		loader_problem(l, wanted->mark, "there is no notebook '%.*s'; did you mean '%.*s'?", SHOWN(wanted->pattern),
		    SHOWN(guess.best));
	else
		loader_problem(l, wanted->mark, "there is no notebook '%.*s'", SHOWN(wanted->pattern));
	free(all);
}

static int
compare(const void *va, const void *vb)
{
	const size_t *a = va, *b = vb;

	return (*a > *b) - (*a < *b);
}

/* Sets the dependencies of one task. Returns false when there are too many in all. */
static bool
find(struct loader *l, size_t index, struct table *known)
{
	const struct draft *d = &l->drafts[index];
	struct task *t = &l->w->tasks[index];
	struct matches sum = {NULL, 0, 0};

	for (size_t k = 0; k < d->nwanted; k++) {
		const struct matches *m = matches_of(l, known, d->wanted[k].pattern);

		if (m->n == 0 && !(l->some_are_empty && is_glob(d->wanted[k].pattern)))
			no_such_notebook(l, &d->wanted[k]);
		/* The limit counts what is written several times, too: that takes room as well. */
		for (size_t i = 0; i < m->n && l->nedges <= EDGES_MAX; i++) {
			/* A glob is not meant for the notebook that has it; a name would be. */
			if (m->list[i] == index && is_glob(d->wanted[k].pattern))
				continue;
			sum.list = xgrow(sum.list, sum.n, &sum.cap, sizeof(*sum.list));
			sum.list[sum.n++] = m->list[i];
			l->nedges++;
		}
	}
	if (sum.n > 1)
		qsort(sum.list, sum.n, sizeof(*sum.list), compare);
	t->depends_on = sum.list;
	for (size_t i = 0; i < sum.n; i++)
		if (i == 0 || sum.list[i] != sum.list[i - 1])
			t->depends_on[t->ndepends_on++] = sum.list[i];
	if (l->nedges <= EDGES_MAX)
		return true;
	loader_problem(l, d->wanted_mark, "the notebooks up to this one have more than %zu dependencies; "
	    "let one notebook between wait for all of them, and the others for that one", EDGES_MAX);
	return false;
}

static bool
find_all(struct loader *l)
{
	struct table known = TABLE_INIT;
	bool ok = true;

	for (size_t i = 0; ok && i < l->w->ntasks; i++)
		ok = find(l, i, &known);
	for (size_t i = 0; i < known.n; i++) {
		free(((struct matches *)known.entries[i].value)->list);
		free(known.entries[i].value);
	}
	table_release(&known);
	return ok;
}

/* ---- Circles ---- */

enum colour {
	WHITE,	/* not looked at */
	GREY,	/* on the way from where the search began to here */
	BLACK,	/* done: no way leads from here back */
};

/* A place on the way: a task, and how many of its dependencies have been looked at. */
struct step {
	size_t task, next;
};

static void
say_circle(struct loader *l, const struct step *way, size_t n, size_t back)
{
	struct buf names = BUF_INIT;
	size_t start = 0, length;

	if (l->reported > PROBLEMS_MAX)
		return;
	while (way[start].task != back)
		start++;
	length = n - start;
	for (size_t i = start; i < n; i++) {
		if (length > CIRCLE_SHOWN && i == start + CIRCLE_SHOWN / 2)
			buf_addf(&names, "... (%zu more) -> ", length - CIRCLE_SHOWN);
		if (length > CIRCLE_SHOWN && i >= start + CIRCLE_SHOWN / 2 && i < n - CIRCLE_SHOWN / 2)
			continue;
		buf_addf(&names, "%s -> ", l->w->tasks[way[i].task].name);
	}
	buf_adds(&names, l->w->tasks[back].name);
	loader_problem(l, l->drafts[back].wanted_mark, "notebooks that wait for each other would wait for ever: %s",
	    buf_str(&names));
	buf_release(&names);
}

/* Looks for circles on all ways from a task: a search in depth, with a stack of its own. */
static void
search(struct loader *l, size_t from, unsigned char *colours, struct step *way)
{
	size_t n = 0;

	way[n++] = (struct step){from, 0};
	colours[from] = GREY;
	while (n > 0) {
		struct step *here = &way[n - 1];
		const struct task *t = &l->w->tasks[here->task];
		size_t next;

		if (here->next == t->ndepends_on) {
			colours[here->task] = BLACK;
			n--;
			continue;
		}
		next = t->depends_on[here->next++];
		if (colours[next] == GREY) {
			say_circle(l, way, n, next);
		} else if (colours[next] == WHITE) {
			colours[next] = GREY;
			way[n++] = (struct step){next, 0};
		}
	}
}

static void
find_circles(struct loader *l)
{
	size_t n = l->w->ntasks;
	unsigned char *colours = xcalloc(n, sizeof(*colours));
	struct step *way = xcalloc(n + 1, sizeof(*way));

	for (size_t i = 0; i < n; i++)
		if (colours[i] == WHITE)
			search(l, i, colours, way);
	free(colours);
	free(way);
}

/* ---- What expressions look at ---- */

/* Marks a task and all that it depends on, at any distance. */
static void
mark_closure(const struct workflow *w, size_t from, bool *marked, size_t *stack)
{
	size_t n = 0;

	if (marked[from])
		return;
	marked[from] = true;
	stack[n++] = from;
	while (n > 0) {
		const struct task *t = &w->tasks[stack[--n]];

		for (size_t i = 0; i < t->ndepends_on; i++) {
			if (!marked[t->depends_on[i]]) {
				marked[t->depends_on[i]] = true;
				stack[n++] = t->depends_on[i];
			}
		}
	}
}

struct look {
	struct loader *l;
	size_t task;
	struct mark at;
	bool *above;	/* the task and all above it; NULL until somebody asks */
};

static bool
depends_directly(const struct task *t, size_t on)
{
	return t->ndepends_on > 0 && bsearch(&on, t->depends_on, t->ndepends_on, sizeof(on), compare) != NULL;
}

static bool
is_above(struct look *look, size_t other)
{
	const struct workflow *w = look->l->w;
	size_t *stack;

	if (depends_directly(&w->tasks[look->task], other))
		return true;
	if (look->above == NULL) {
		look->above = xcalloc(w->ntasks, sizeof(*look->above));
		stack = xcalloc(w->ntasks, sizeof(*stack));
		mark_closure(w, look->task, look->above, stack);
		free(stack);
	}
	return look->above[other] && other != look->task;
}

static bool
check_path(void *data, const struct expression_path *path)
{
	struct look *look = data;
	struct loader *l = look->l;
	const char *name, *self = l->w->tasks[look->task].name;
	struct guess guess;
	uintptr_t other;

	if (strcmp(path->parts[0], "notebooks") != 0 || l->reported > PROBLEMS_MAX)
		return true;
	name = path->parts[1];
	other = (uintptr_t)table_get(&l->names, name, strlen(name));
	if (other == 0) {
		guess = (struct guess){.word = name};
		for (size_t i = 0; i < l->w->ntasks; i++)
			guess_consider(&guess, l->w->tasks[i].name);
		if (guess.best != NULL)
			loader_problem(l, look->at, "{{ %.*s }}: there is no notebook '%.*s'; did you mean '%.*s'?",
			    (int)path->len, path->text, SHOWN(name), SHOWN(guess.best));
		else
			loader_problem(l, look->at, "{{ %.*s }}: there is no notebook '%.*s'%s", (int)path->len, path->text,
			    SHOWN(name), path->n > 3 ? "; a name with other characters than letters, digits, '-' and '_' is "
			    "written notebooks[\"NAME\"]" : "");
	} else if (!is_above(look, other - 1)) {
		loader_problem(l, look->at, "{{ %.*s }}: '%.*s' is no dependency of '%.*s'; add it to 'depends_on'",
		    (int)path->len, path->text, SHOWN(name), SHOWN(self));
	}
	return true;
}

/* Every string in a value that is evaluated later. */
static void
check_value(struct look *look, struct json v)
{
	struct buf text = BUF_INIT;
	struct json_iter it;
	struct json item;

	if (json_type(v) == JSON_STRING) {
		json_decode(&text, v);
		expression_paths(buf_str(&text), text.len, check_path, look, NULL);
		buf_release(&text);
		return;
	}
	json_walk(&it, v);
	while (json_next(&it, NULL, &item))
		check_value(look, item);
}

/* The option -p that gives a parameter, for messages; NULL when it stands in the file. */
static const char *
option_of(const struct loader *l, const struct param *p)
{
	for (size_t i = 0; p->value_mark.line == 0 && i < l->overrides.n; i++)
		if (strcmp(l->overrides.list[i].name, p->name) == 0)
			return l->overrides.list[i].option;
	return NULL;
}

static void
check_expressions(struct loader *l)
{
	for (size_t i = 0; i < l->w->ntasks; i++) {
		const struct task *t = &l->w->tasks[i];
		const struct params *const lists[] = {&t->parameters, &t->env};
		struct look look = {.l = l, .task = i};

		for (int k = 0; k < 2; k++) {
			for (size_t m = 0; m < lists[k]->n; m++) {
				const struct param *p = &lists[k]->list[m];

				if (!p->deferred)
					continue;
				look.at = p->value_mark;
				l->option = option_of(l, p);
				check_value(&look, json_of(p->value));
				l->option = NULL;
			}
		}
		free(look.above);
	}
}

/* ---- What is selected ---- */

/* Keeps the marked tasks alone. */
static void
keep(struct loader *l, const bool *marked)
{
	struct workflow *w = l->w;
	size_t *places = xcalloc(w->ntasks, sizeof(*places)), n = 0;

	for (size_t i = 0; i < w->ntasks; i++) {
		if (!marked[i]) {
			task_release(&w->tasks[i]);
			draft_release(&l->drafts[i]);
			continue;
		}
		places[i] = n;
		w->tasks[n] = w->tasks[i];
		l->drafts[n++] = l->drafts[i];
	}
	w->ntasks = n;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < w->tasks[i].ndepends_on; k++)
			w->tasks[i].depends_on[k] = places[w->tasks[i].depends_on[k]];
	free(places);
}

static void
select_tasks(struct loader *l)
{
	struct workflow *w = l->w;
	bool *marked = xcalloc(w->ntasks, sizeof(*marked));
	size_t *stack = xcalloc(w->ntasks, sizeof(*stack));

	for (size_t k = 0; k < l->options->nselected; k++) {
		const char *pattern = l->options->selected[k];
		size_t found = 0;

		for (size_t i = 0; i < w->ntasks; i++) {
			if (strcmp(pattern, w->tasks[i].name) == 0 || fnmatch(pattern, w->tasks[i].name, 0) == 0) {
				mark_closure(w, i, marked, stack);
				found++;
			}
		}
		if (found == 0) {
			l->option = "--select";
			no_such_notebook(l, &(struct wanted){(char *)pattern, NO_MARK});
			l->option = NULL;
		}
	}
	keep(l, marked);
	free(marked);
	free(stack);
}

/* Where earlier attempts at a notebook go, no other notebook may be: NAME.attemptN. */
static void
check_attempt_names(struct loader *l)
{
	static const char word[] = ".attempt";

	for (size_t i = 0; i < l->w->ntasks; i++) {
		const struct task *t = &l->w->tasks[i];
		size_t n = strlen(t->name), digits = 0, k = sizeof(word) - 1;

		while (digits < n && strchr("0123456789", t->name[n - digits - 1]) != NULL)
			digits++;
		if (digits == 0 || n <= digits + k || strncmp(t->name + n - digits - k, word, k) != 0)
			continue;
		if (table_get(&l->names, t->name, n - digits - k) != NULL)
			loader_problem(l, t->name_mark, "name '%.*s' is kept for an earlier attempt at notebook '%.*s'; "
			    "give one of them another by the key 'name'", SHOWN(t->name), (int)(n - digits - k), t->name);
	}
}

void
loader_graph(struct loader *l)
{
	size_t before = l->reported;

	if (!find_all(l))
		return;
	check_attempt_names(l);
	find_circles(l);
	check_expressions(l);
	/* Where something is wrong, nothing is dropped: all of it is to be said. */
	if (l->options->nselected > 0 && l->w->ntasks > 0 && l->reported == before)
		select_tasks(l);
}
