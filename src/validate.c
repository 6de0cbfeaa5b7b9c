#include "validate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "notebook/ipynb.h"
#include "target.h"
#include "workflow/name.h"

static void
check_folder(const struct workflow *w, const struct task *t, struct problems *p)
{
	const struct mark *at = &t->working_directory_mark;
	struct stat st;

	if (stat(t->working_directory, &st) == -1)
		problems_add(p, workflow_label(w), at->line, at->column, "cannot use working directory '%s': %s",
		    t->working_directory, strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		problems_add(p, workflow_label(w), at->line, at->column, "working directory '%s' is not a folder",
		    t->working_directory);
}

/* The same notebook many times over is the usual case: each file is read once. */
struct file {
	const char *path;
	const struct task *task;
	size_t index;
};

static int
compare(const void *va, const void *vb)
{
	const struct file *a = va, *b = vb;
	int r = strcmp(a->path, b->path);

	return r != 0 ? r : (a->index > b->index) - (a->index < b->index);
}

/* Whether the notebook is to be read here: a source file only where it is run. */
static bool
is_read(const struct file *files, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!target_ops(files[i].task->target)->elsewhere)
			return true;
	return name_ends(files[0].path, ".ipynb");
}

static void
check_file(const struct workflow *w, const struct file *files, size_t n, struct problems *p)
{
	struct notebook nb = {.path = NULL};
	const struct task *first = files[0].task;
	struct stat st;
	const char *why = NULL;
	bool good;

	if (first->remote) {
		for (size_t i = 0; i < n; i++)
			target_ops(files[i].task->target)->check(w, files[i].task, NULL, p);
		return;
	}
	if (stat(first->file, &st) == -1 || access(first->file, R_OK) == -1)
		why = strerror(errno);
	else if (S_ISDIR(st.st_mode))
		why = strerror(EISDIR);
	else if (!S_ISREG(st.st_mode))
		why = "it is no regular file";	/* a pipe would be empty, or hang, when the worker reads it again */
	if (why != NULL) {
		/* The line of the workflow that names it is where the mistake is. */
		for (size_t i = 0; i < n; i++) {
			const struct task *t = files[i].task;

			problems_add(p, workflow_label(w), t->path_mark.line, t->path_mark.column,
			    "cannot open notebook '%s': %s", t->file, why);
		}
		return;
	}
	good = is_read(files, n) && notebook_read(&nb, first->file, p) == 0;
	for (size_t i = 0; i < n; i++) {
		if (!target_ops(files[i].task->target)->elsewhere)
			check_folder(w, files[i].task, p);
		target_ops(files[i].task->target)->check(w, files[i].task, good ? &nb : NULL, p);
	}
	notebook_release(&nb);
}

void
validate_notebook(const struct workflow *w, const struct task *t, struct problems *p)
{
	const struct file file = {t->file, t, 0};

	check_file(w, &file, 1, p);
}

static bool
is_used(const struct workflow *w, const struct target *t)
{
	for (size_t i = 0; i < w->ntasks; i++)
		if (w->tasks[i].target == t)
			return true;
	return false;
}

void
validate_workflow(const struct workflow *w, bool go, struct problems *p)
{
	struct file *files = xcalloc(w->ntasks, sizeof(*files));

	for (size_t i = 0; i < w->ntasks; i++)
		files[i] = (struct file){w->tasks[i].file, &w->tasks[i], i};
	qsort(files, w->ntasks, sizeof(*files), compare);
	for (size_t i = 0, n; i < w->ntasks; i += n) {
		for (n = 1; i + n < w->ntasks && strcmp(files[i].path, files[i + n].path) == 0; n++)
			;
		check_file(w, files + i, n, p);
	}
	free(files);
	for (size_t i = 0; i < w->ntargets && p->n == 0; i++)
		if (target_ops(w->targets[i])->connect != NULL && is_used(w, w->targets[i]))
			target_ops(w->targets[i])->connect(w, w->targets[i], go, p);
}

void
validate_release(const struct workflow *w)
{
	for (size_t i = 0; i < w->ntargets; i++)
		if (target_ops(w->targets[i])->disconnect != NULL)
			target_ops(w->targets[i])->disconnect(w->targets[i]);
}
