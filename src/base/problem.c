#include "base/problem.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

void
problems_release(struct problems *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->list[i].file);
		free(p->list[i].message);
	}
	free(p->list);
	*p = (struct problems)PROBLEMS_INIT;
}

void
problems_add(struct problems *p, const char *file, unsigned line, unsigned column, const char *fmt, ...)
{
	struct problem *new;
	va_list ap;

	p->list = xgrow(p->list, p->n, &p->cap, sizeof(*p->list));
	new = &p->list[p->n++];
	new->file = file != NULL ? xstrdup(file) : NULL;
	new->line = line;
	new->column = column;
	va_start(ap, fmt);
	new->message = xvasprintf(fmt, ap);
	va_end(ap);
}

/* A problem and when its file was first heard of. */
struct entry {
	const struct problem *problem;
	size_t file, index;
};

static int
compare(const void *va, const void *vb)
{
	const struct entry *a = va, *b = vb;

	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	if (a->problem->line != b->problem->line)
		return a->problem->line < b->problem->line ? -1 : 1;
	if (a->problem->column != b->problem->column)
		return a->problem->column < b->problem->column ? -1 : 1;
	return a->index < b->index ? -1 : a->index > b->index;
}

static int
same_file(const struct problem *a, const struct problem *b)
{
	if (a->file == NULL || b->file == NULL)
		return a->file == b->file;
	return strcmp(a->file, b->file) == 0;
}

static void
put_visible(FILE *to, const char *s)
{
	char escaped[UTF8_ESCAPED];
	size_t n;

	while (*s != '\0') {
		s += utf8_escape(s, escaped, &n);
		fwrite(escaped, 1, n, to);
	}
}

/* Whether one of those at the same place before the entry of an index has its message. */
static int
said_before(const struct entry *order, size_t i)
{
	const struct problem *q = order[i].problem;

	for (size_t k = i; k-- > 0 && order[k].file == order[i].file && order[k].problem->line == q->line &&
	    order[k].problem->column == q->column;)
		if (strcmp(order[k].problem->message, q->message) == 0)
			return 1;
	return 0;
}

void
problems_print(const struct problems *p, FILE *to)
{
	struct entry *order = xcalloc(p->n, sizeof(*order));

	for (size_t i = 0; i < p->n; i++) {
		order[i] = (struct entry){&p->list[i], i, i};
		/* Neighbours mostly share a file, so this looks back one step as a rule. */
		for (size_t k = i; k-- > 0;) {
			if (same_file(&p->list[k], &p->list[i])) {
				order[i].file = order[k].file;
				break;
			}
		}
	}
	qsort(order, p->n, sizeof(*order), compare);
	for (size_t i = 0; i < p->n; i++) {
		const struct problem *q = order[i].problem;

		if (said_before(order, i))
			continue;
		if (q->file == NULL) {
			fputs("nbfork: error: ", to);
		} else {
			put_visible(to, q->file);
			if (q->line != 0)
				fprintf(to, ":%u:%u", q->line, q->column);
			fputs(": ", to);
		}
		put_visible(to, q->message);
		putc('\n', to);
	}
	free(order);
}
