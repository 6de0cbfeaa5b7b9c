#include "html/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "html/copy.h"
#include "html/page.h"
#include "report/story.h"

/* ---- Executed copies ---- */

/* Of "notebooks/NAME.ipynb". What is no notebook, or not there (any more), has no page. */
static void
render(const char *folder, const char *output)
{
	static const char inside[] = "notebooks/";
	size_t len = output != NULL ? strlen(output) : 0;
	char *name, *notebooks;

	if (len < sizeof(inside) + 5 || strncmp(output, inside, sizeof(inside) - 1) != 0 ||
	    strchr(output + sizeof(inside) - 1, '/') != NULL)
		return;
	name = xmemdup0(output + sizeof(inside) - 1, len - (sizeof(inside) - 1) - 6);
	notebooks = file_join(folder, "notebooks");
	if (copy_render(notebooks, name, "../" REPORT_FILE) == -1 && errno != ENOENT)
		log_debug("cannot render '%s': %s", output, strerror(errno));
	free(notebooks);
	free(name);
}

static void
render_output(const char *folder, struct json object)
{
	char *output = json_strdup(json_get(object, "output"));

	render(folder, output);
	free(output);
}

static void
render_notebook(const char *folder, const struct story_notebook *n)
{
	struct json_iter it;
	struct json v;

	if (n->state == STORY_DONE && n->object != NULL) {
		struct json object = json_of(n->object);

		render_output(folder, object);
		json_walk(&it, json_get(object, "earlier_attempts"));
		while (!it.object && json_next(&it, NULL, &v))
			render_output(folder, v);
		return;
	}
	for (size_t i = 0; i < n->nattempts; i++)
		if (n->attempts[i].object != NULL)
			render_output(folder, json_of(n->attempts[i].object));
	if (n->nattempts > 0) {
		char *output = xasprintf("notebooks/%s.ipynb", n->name);

		render(folder, output);
		free(output);
	}
}

/* ---- Where things are, as seen from the page ---- */

/* The way from one folder to another, both absolute and without links: "../x/"; "" to itself. The caller's to free. */
static char *
way(const char *from, const char *to)
{
	struct buf b = BUF_INIT;
	size_t same = 0, i;

	for (i = 0; from[i] != '\0' && from[i] == to[i]; i++)
		if (from[i] == '/')
			same = i + 1;
	if ((from[i] == '\0' || from[i] == '/') && (to[i] == '\0' || to[i] == '/'))
		same = i;	/* one is in the other */
	for (const char *p = from + same + strspn(from + same, "/"); *p != '\0'; p += strcspn(p, "/"), p += strspn(p, "/"))
		buf_adds(&b, "../");
	for (const char *p = to + same + strspn(to + same, "/"); *p != '\0'; p += strcspn(p, "/"), p += strspn(p, "/")) {
		buf_add(&b, p, strcspn(p, "/"));
		buf_addc(&b, '/');
	}
	return buf_steal(&b);
}

/* The run folder as seen from the file; the caller's to free; NULL with errno when there is no such place. */
static char *
base_for(const char *file, const char *folder)
{
	char *place = file_folder(file), *from = realpath(place, NULL), *to = from != NULL ? realpath(folder, NULL) : NULL;
	char *base = NULL;
	int error = errno;

	if (to != NULL)
		base = way(from, to);
	free(place);
	free(from);
	free(to);
	errno = error;
	return base;
}

/* ---- Files ---- */

void
report_copies(const struct story_run *run, const char *folder)
{
	struct story_notebook *n = NULL;
	size_t i;

	while ((n = story_after(run, n, &i)) != NULL)
		render_notebook(folder, n);
}

/* begin: how the file is begun. Returns 0 or -1 with errno. */
static int
write_page(const struct story_run *run, const char *folder, const char *file, int (*begin)(struct file_writer *w, const char *path))
{
	char *base = base_for(file, folder);
	struct buf page = BUF_INIT;
	struct file_writer w;
	int result;

	if (base == NULL)
		return -1;
	if (begin(&w, file) == -1) {
		result = -1;
	} else {
		page_put(run, folder, base, &page);
		file_put(&w, page.data, page.len);
		result = file_commit(&w);
	}
	{
		int error = errno;

		buf_release(&page);
		free(base);
		errno = error;
	}
	return result;
}

int
report_page(const struct story_run *run, const char *folder, const char *file)
{
	return write_page(run, folder, file, file_begin_quick);
}

static int
fail(char **what, const char *file)
{
	int error = errno;

	*what = xasprintf("cannot write '%s'", file);
	errno = error;
	return -1;
}

int
report_write(const char *folder, const char *also, char **what)
{
	char *file = file_join(folder, REPORT_FILE);
	const struct story_run *run;
	struct story story;
	int result = 0, error = 0;

	*what = NULL;
	if (story_open(&story, folder) == -1) {
		error = errno;
		*what = xasprintf("cannot read '%s/events.jsonl'", folder);
		free(file);
		errno = error;
		return -1;
	}
	run = story_last(&story);
	report_copies(run, folder);
	/* That one cannot be written is no reason not to write the other. */
	if (write_page(run, folder, file, file_begin_own) == -1) {
		result = fail(what, file);
		error = errno;
	}
	if (also != NULL && report_page(run, folder, also) == -1 && result == 0) {
		result = fail(what, also);
		error = errno;
	}
	free(file);
	story_release(&story);
	errno = error;
	return result;
}
