#include "init_calls.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/table.h"
#include "workflow/name.h"

/* Notebooks by their places: absolute paths, with the ending and without. */
struct place {
	struct entry *entry;
	struct place *next;	/* another one at the same place: their endings differ, or one is named twice */
};

struct places {
	struct table table;
	struct place *list;	/* two for each notebook */
	size_t n;
	char **folders;	/* one for each notebook, NULL where it has gone meanwhile */
};

/* Where a path leads from a folder that is one without links, by its text alone. The caller's to free. */
static char *
follow(const char *folder, const char *path, size_t n)
{
	struct buf place = BUF_INIT;

	if (strcmp(folder, "/") != 0)
		buf_adds(&place, folder);
	while (n > 0) {
		const char *slash = memchr(path, '/', n);
		size_t length = slash != NULL ? (size_t)(slash - path) : n, step = length + (slash != NULL);

		if (length == 2 && memcmp(path, "..", 2) == 0) {
			const char *last = strrchr(buf_str(&place), '/');

			buf_truncate(&place, last != NULL ? (size_t)(last - buf_str(&place)) : 0);
		} else if (length > 0 && !(length == 1 && *path == '.')) {
			buf_addc(&place, '/');
			buf_add(&place, path, length);
		}
		path += step;
		n -= step;
	}
	return buf_steal(&place);
}

static void
add_place(struct places *p, const char *path, size_t n, struct entry *e)
{
	void **first = table_at(&p->table, path, n);
	struct place *place = &p->list[p->n++];

	*place = (struct place){e, *first};
	*first = place;
}

static void
find_places(struct places *p, struct made *m)
{
	*p = (struct places){TABLE_INIT, xcalloc(2 * m->n, sizeof(*p->list)), 0, xcalloc(m->n, sizeof(*p->folders))};
	for (size_t i = 0; i < m->n; i++) {
		const char *file = m->list[i].file, *slash = strrchr(file, '/'), *name = slash != NULL ? slash + 1 : file;
		const char *ending = name_notebook_ending(name);
		char *folder = file_folder(file), *path;

		p->folders[i] = realpath(folder, NULL);
		free(folder);
		if (p->folders[i] == NULL)
			continue;
		path = follow(p->folders[i], name, strlen(name));
		add_place(p, path, strlen(path), &m->list[i]);
		if (ending != NULL)
			add_place(p, path, strlen(path) - strlen(ending), &m->list[i]);
		free(path);
	}
}

static void
release_places(struct places *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(p->folders[i]);
	free(p->folders);
	free(p->list);
	table_release(&p->table);
}

/* Whether a notebook is run by another one, directly or by way of others. */
static bool
is_run_by(const struct entry *e, const struct entry *other)
{
	while (e != NULL && e != other)
		e = e->run_by;
	return e != NULL;
}

/* Marks what a text of the code leads to. */
static void
mark(const struct places *p, const struct entry *master, const char *folder, const char *text, size_t n)
{
	char *path = follow(folder, text, n);

	for (const struct place *at = table_get(&p->table, path, strlen(path)); at != NULL; at = at->next)
		if (at->entry->run_by == NULL && !is_run_by(master, at->entry))
			at->entry->run_by = master;
	free(path);
}

void
init_find_calls(struct made *m)
{
	struct places p;

	find_places(&p, m);
	for (size_t i = 0; i < m->n; i++) {
		const struct entry *master = &m->list[i];
		const char *code = master->calls, *limit, *end;

		if (code == NULL || p.folders[i] == NULL)
			continue;
		limit = code + strlen(code);
		/* Each quote may begin a text, as far as can be told without a parser of the language. */
		for (code += strcspn(code, "\"'"); *code != '\0'; code += strcspn(code, "\"'")) {
			size_t most = (size_t)(limit - code) - 1;

			end = memchr(code + 1, *code, most < PATH_MAX ? most : PATH_MAX);
			if (end != NULL && end > code + 1 && code[1] != '/')
				mark(&p, master, p.folders[i], code + 1, (size_t)(end - code) - 1);
			code++;
		}
	}
	release_places(&p, m->n);
}
