#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/utf8.h"
#include "conduct.h"
#include "init_calls.h"
#include "init_write.h"
#include "notebook/databricks.h"
#include "notebook/ipynb.h"
#include "notebook/source.h"
#include "workflow/name.h"

#define HEADER_MAX 256	/* bytes of a source file in which its header is looked for */

/* ---- Looking for notebooks ---- */

static bool
has_header(const char *file)
{
	const char *header = source_header(file, NULL);
	char text[HEADER_MAX];
	ssize_t n;
	int fd;

	fd = header != NULL ? open(file, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;
	if (fd == -1)
		return false;
	n = read(fd, text, sizeof(text));
	close(fd);
	return n > 0 && source_has_header(header, text, (size_t)n);
}

static void
add(struct made *m, const char *file)
{
	m->list = xgrow(m->list, m->n, &m->cap, sizeof(*m->list));
	m->list[m->n++] = (struct entry){.file = xstrdup(file), .defaults = DEFAULT_VALUES_INIT};
}

/* Whether a folder is none to look into: hidden, or one of runs, wherever it is. */
static bool
is_passed_over(const FTSENT *e)
{
	char *journal;
	bool is_run;

	if (e->fts_level == 0)
		return false;
	if (*e->fts_name == '.' || strcmp(e->fts_name, "nbfork-runs") == 0)
		return true;
	journal = file_join(e->fts_path, "events.jsonl");
	is_run = access(journal, F_OK) == 0;
	free(journal);
	return is_run;
}

static int
by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* The path without what the folder "." puts before it. */
static const char *
plain(const char *path)
{
	return strncmp(path, "./", 2) == 0 && path[2] != '\0' ? path + 2 : path;
}

static void
look_at_file(struct made *m, const FTSENT *e)
{
	struct stat st;

	if (*e->fts_name == '.' || name_notebook_ending(e->fts_name) == NULL || stat(e->fts_path, &st) == -1 ||
	    !S_ISREG(st.st_mode))
		return;
	if (!name_ends(e->fts_name, ".ipynb") && !has_header(e->fts_path))
		return;
	if (utf8_check(e->fts_path, strlen(e->fts_path)) != strlen(e->fts_path))
		log_warn("'%s' is left out, because its name is not UTF-8", plain(e->fts_path));
	else
		add(m, plain(e->fts_path));
}

static int
look_in_folder(struct made *m, const char *folder)
{
	char *const roots[] = {(char *)folder, NULL};
	FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_COMFOLLOW, by_name);
	FTSENT *e;

	if (tree == NULL) {
		log_error("cannot read folder '%s': %s", folder, strerror(errno));
		return -1;
	}
	while ((e = fts_read(tree)) != NULL) {
		if (e->fts_info == FTS_D && is_passed_over(e))
			fts_set(tree, e, FTS_SKIP);
		else if (e->fts_info == FTS_F || e->fts_info == FTS_SL)
			look_at_file(m, e);
		else if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR)
			log_warn("cannot read folder '%s': %s", e->fts_path, strerror(e->fts_errno));
	}
	fts_close(tree);
	return 0;
}

static int
look_at(struct made *m, const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1) {
		log_error("cannot open '%s': %s", path, strerror(errno));
		return -1;
	}
	if (S_ISDIR(st.st_mode))
		return look_in_folder(m, path);
	if (name_notebook_ending(path) == NULL || utf8_check(path, strlen(path)) != strlen(path)) {
		log_error("'%s' is no notebook (.ipynb, .py, .sql, .r, .scala) and no folder", path);
		return -1;
	}
	add(m, plain(path));
	return 0;
}

/* ---- What they say ---- */

/* Keeps the code of a notebook that runs others. */
static void
read_calls(const struct notebook *nb, struct entry *e)
{
	static const char call[] = "dbutils.notebook.run";
	struct buf code = BUF_INIT;

	for (size_t i = 0; i < nb->ncells; i++)
		if (nb->cells[i].type == CELL_CODE)
			cell_source(&nb->cells[i], &code);
	if (strstr(buf_str(&code), call) != NULL)
		e->calls = buf_steal(&code);
	buf_release(&code);
}

static void
read_entry(struct entry *e)
{
	struct problems found = PROBLEMS_INIT;
	struct notebook nb;

	if (notebook_read(&nb, e->file, &found) == 0) {
		defaults_find(&nb, &e->defaults);
		e->is_databricks = nb.databricks == DATABRICKS_NOTEBOOK;
		if (nb.databricks != DATABRICKS_NONE)
			read_calls(&nb, e);
	} else if (found.n > 0) {
		e->fault = xstrdup(found.list[0].message);
		log_warn("'%s' is left out: %s", e->file, e->fault);
	}
	notebook_release(&nb);
	problems_release(&found);
}

/* Marks those that others take in by %run: they run there. */
static void
find_parts(struct made *m)
{
	struct table places = TABLE_INIT;
	char *real, **files;

	for (size_t i = 0; i < m->n; i++) {
		if ((real = realpath(m->list[i].file, NULL)) != NULL)
			*table_at(&places, real, strlen(real)) = &m->list[i];
		free(real);
	}
	for (size_t i = 0; i < m->n; i++) {
		if (!m->list[i].is_databricks || (files = databricks_files(m->list[i].file, NULL)) == NULL)
			continue;
		for (size_t k = 0; files[k] != NULL; k++) {
			struct entry *part = NULL;

			if ((real = realpath(files[k], NULL)) != NULL)
				part = table_get(&places, real, strlen(real));
			if (part != NULL && part != &m->list[i] && part->taken_in_by == NULL)
				part->taken_in_by = &m->list[i];
			free(real);
			free(files[k]);
		}
		free(files);
	}
	table_release(&places);
}

/* ---- Paths and names ---- */

/* Where a file is, seen from a folder; both exist. The caller's to free. */
static char *
seen_from(const char *folder, const char *file)
{
	char *base = realpath(folder, NULL), *above = file_folder(file), *real = realpath(above, NULL);
	const char *slash = strrchr(file, '/'), *name = slash != NULL ? slash + 1 : file;
	struct buf path = BUF_INIT;
	size_t same = 0;

	free(above);
	if (base == NULL || real == NULL) {
		buf_adds(&path, file);	/* has gone meanwhile */
		goto out;
	}
	/* Up to the last slash, or end, that both have in common. */
	for (size_t i = 0; base[i] == real[i] || base[i] == '\0' || real[i] == '\0'; i++) {
		if ((base[i] == '\0' || base[i] == '/') && (real[i] == '\0' || real[i] == '/'))
			same = i;
		if (base[i] == '\0' || real[i] == '\0')
			break;
	}
	for (const char *p = base + same; *p != '\0'; p++)
		if (*p == '/' && p[1] != '\0')
			buf_adds(&path, "../");
	if (real[same] != '\0' && real[same + 1] != '\0')
		buf_addf(&path, "%s/", real + same + 1);
	buf_adds(&path, name);
out:
	free(base);
	free(real);
	return buf_steal(&path);
}

/* A name that is fit for files, made of all of a path. */
static char *
name_of_all(const char *path)
{
	const char *ending = name_notebook_ending(path);
	size_t n = strlen(path) - (ending != NULL ? strlen(ending) : 0);
	struct buf name = BUF_INIT;
	uint32_t cp;

	for (size_t i = 0, length; i < n; i += length) {
		length = utf8_decode(path + i, n - i, &cp);
		if (name.len == 0 && (cp == '.' || cp == '/' || cp == '-'))
			continue;
		if (name.len + length > NAME_BYTES_MAX - 20)
			break;	/* leaves room for a number */
		if (cp == '/')
			buf_addc(&name, '-');
		else if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0))
			buf_addc(&name, '_');
		else
			buf_add(&name, path + i, length);
	}
	if (name.len == 0)
		buf_adds(&name, "notebook");
	return buf_steal(&name);
}

/* Whether it is like those of the files of earlier attempts. */
static bool
is_attempt(const char *name)
{
	const char *at = strstr(name, ".attempt");

	return at != NULL && at[strlen(".attempt")] >= '0' && at[strlen(".attempt")] <= '9';
}

/* Gives all that are to run a name: that of the file where it is fit and nobody else's, else one of the whole path. */
static void
give_names(struct made *m)
{
	struct table counts = TABLE_INIT, used = TABLE_INIT;
	char *name, *tried;

	for (size_t i = 0; i < m->n; i++) {
		struct entry *e = &m->list[i];
		void **count;

		e->name = name_of_path(e->path);
		count = table_at(&counts, e->name, strlen(e->name));
		*count = (void *)((uintptr_t)*count + 1);
		e->named = name_fault(e->name) != NULL || is_attempt(e->name);
	}
	for (size_t i = 0; i < m->n; i++) {
		struct entry *e = &m->list[i];

		e->named = e->named || (uintptr_t)table_get(&counts, e->name, strlen(e->name)) > 1;
		if (!e->named)
			*table_at(&used, e->name, strlen(e->name)) = e;
	}
	for (size_t i = 0; i < m->n; i++) {
		struct entry *e = &m->list[i];

		if (!e->named)
			continue;
		name = name_of_all(e->path);
		for (char *at; is_attempt(name) && (at = strstr(name, ".attempt")) != NULL;)
			*at = '-';
		tried = xstrdup(name);
		for (unsigned k = 2; table_get(&used, tried, strlen(tried)) != NULL; k++) {
			free(tried);
			tried = xasprintf("%s-%u", name, k);
		}
		*table_at(&used, tried, strlen(tried)) = e;
		free(name);
		free(e->name);
		e->name = tried;
	}
	table_release(&counts);
	table_release(&used);
}

/* ---- The whole ---- */

static void
made_release(struct made *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->list[i].file);
		free(m->list[i].path);
		free(m->list[i].name);
		free(m->list[i].fault);
		free(m->list[i].calls);
		defaults_release(&m->list[i].defaults);
	}
	free(m->list);
}

static bool
is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* How many of them run when nothing is changed. */
static size_t
count_runs(const struct made *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n; i++)
		n += init_runs(&m->list[i]);
	return n;
}

static int
write_made(const struct made *m, const char *output, const struct init_options *o)
{
	struct buf text = BUF_INIT;
	size_t runs = count_runs(m);
	int status = EXIT_SUCCESS;

	init_write(m, output, &text);
	if (strcmp(output, "-") == 0) {
		if (fputs(buf_str(&text), stdout) == EOF || fflush(stdout) == EOF) {
			log_error("cannot write to standard output: %s", strerror(errno));
			status = EXIT_BROKEN;
		}
	} else if (file_create(output, text.data, text.len) == -1) {
		if (errno == EEXIST)
			log_error("'%s' is there already, and is left as it is; name another file by -o, or - for standard output",
			    output);
		else
			log_error("cannot write '%s': %s", output, strerror(errno));
		status = errno == EEXIST ? EXIT_USAGE : EXIT_BROKEN;
	} else if (!o->quiet && (printf("%s: %zu notebook%s\n", output, runs, runs == 1 ? "" : "s") < 0 ||
	    fflush(stdout) == EOF)) {
		log_error("cannot write to standard output: %s", strerror(errno));
		status = EXIT_BROKEN;
	}
	buf_release(&text);
	return status;
}

int
init(char *const *paths, size_t n, const struct init_options *o)
{
	static char here_name[] = ".", *const here[] = {here_name};
	struct made m = {NULL, 0, 0};
	char *output, *folder;
	int status = EXIT_USAGE;

	if (n == 0) {
		paths = here;
		n = 1;
	}
	if (o->output != NULL)
		output = xstrdup(o->output);
	else
		output = file_join(n == 1 && is_folder(paths[0]) ? paths[0] : ".", "workflow.yaml");
	folder = file_folder(output);
	for (size_t i = 0; i < n; i++)
		if (look_at(&m, paths[i]) == -1)
			goto out;
	for (size_t i = 0; i < m.n; i++) {
		read_entry(&m.list[i]);
		m.list[i].path = seen_from(folder, m.list[i].file);
	}
	find_parts(&m);
	init_find_calls(&m);
	give_names(&m);
	if (count_runs(&m) == 0)
		log_error("there is no notebook to run in '%s'", n == 1 ? paths[0] : "these folders");
	else
		status = write_made(&m, output, o);
out:
	made_release(&m);
	free(folder);
	free(output);
	return status;
}
