/* What the cells of Databricks' notebooks come to. */
#include "notebook/databricks.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "notebook/literal.h"
#include "notebook/lookup.h"
#include "notebook/run_magic.h"
#include "workflow/name.h"

/* A notebook that is being read, and those that it is part of. */
struct reading {
	const struct reading *above;
	unsigned depth;	/* how many those are */
	struct notebook *nb;
	char *real;	/* its path without links; NULL when that cannot be told */
	const char *at;	/* in the file's text: the source of the cell that is looked at; NULL before the first one */
	unsigned line, column;	/* of that, as cell_position() says */
};

/* What a cell of the notebook at the top comes to. */
struct making {
	struct cell *cell;
	size_t cap;
	size_t total, bytes, read;	/* what %run has taken in so far: notebooks and pieces, their code, the files */
	const char *workspace;
	struct problems *problems;
	int result;	/* -1: something was wrong */
};

/* Goes on to a cell. Where it stands is counted from the one before: there may be many, and all of them be asked for. */
static void
go_on(struct reading *r, const struct cell *c)
{
	const char *at = c->file.source.text != NULL ? c->file.source.text : c->json.text;
	unsigned line, column;

	if (c->line != 0 || r->at == NULL) {
		cell_position(r->nb, c, &r->line, &r->column);
	} else {
		json_position(r->at, (size_t)(at - r->at), &line, &column);
		r->column = line == 1 ? r->column + column - 1 : column;
		r->line += line - 1;
	}
	r->at = at;
}

/* Adds a piece that is, or comes of, the cell that r is at. */
static void
add_piece(struct making *m, const struct reading *r, enum cell_language l, struct buf *code)
{
	struct cell *c = m->cell;
	char *origin = NULL;

	if (r->above != NULL) {
		origin = xasprintf("%s:%u", r->nb->path, r->line);
		m->total++;
		m->bytes += code->len;
	}
	c->pieces = xgrow(c->pieces, c->npieces, &m->cap, sizeof(*c->pieces));
	c->pieces[c->npieces] = (struct piece){.language = l, .n = code->len, .origin = origin};
	c->pieces[c->npieces++].code = buf_steal(code);
}

static bool
is_too_much(const struct making *m)
{
	return m->total > DATABRICKS_PIECES_MAX || m->bytes > DATABRICKS_CODE_MAX || m->read > DATABRICKS_READ_MAX;
}

/* ---- Calls of the runtime ---- */

static void
put_text(struct buf *out, const char *s, size_t n)
{
	struct literal l = {.out = out};

	literal_python_string(&l, s, n);
}

/* The words in front of a script that begin with '-': options of the shell. */
static size_t
options_length(const char *s)
{
	size_t n = 0, at = 0;

	while (s[at] == '-') {
		at += strcspn(s + at, " \t\r\n");
		n = at;
		at += strspn(s + at, " \t");
	}
	return n;
}

static void
add_call(struct making *m, const struct reading *r, enum cell_language l, const struct buf *body)
{
	const char *text = buf_str(body);
	size_t n = body->len, options = l == LANGUAGE_SH ? options_length(text) : 0, skipped = options;
	struct buf code = BUF_INIT;

	skipped += strspn(text + skipped, " \t\r");
	if (skipped > 0 && text[skipped] == '\n')
		skipped++;
	buf_addf(&code, DATABRICKS_RUNTIME ".%s(", language_name(l));
	put_text(&code, text + skipped, n - skipped);
	if (l == LANGUAGE_SH) {
		buf_adds(&code, ", ");
		put_text(&code, text, options);
	}
	buf_addc(&code, ')');
	add_piece(m, r, LANGUAGE_PYTHON, &code);
}

/* The values that the widgets of a notebook are to have. */
static void
add_arguments(struct making *m, const struct reading *r, const char *file, const struct buf *arguments)
{
	struct buf code = BUF_INIT, text = BUF_INIT;
	struct json_iter it;
	struct json key, value;
	const char *between = "";

	buf_adds(&code, DATABRICKS_RUNTIME ".run(");
	put_text(&code, file, strlen(file));
	buf_adds(&code, ", [], {");
	json_walk(&it, json_of(buf_str(arguments)));
	for (; json_next(&it, &key, &value); between = ", ") {
		buf_adds(&code, between);
		buf_reset(&text);
		json_decode(&text, key);
		put_text(&code, buf_str(&text), text.len);
		buf_adds(&code, ": ");
		buf_reset(&text);
		json_decode(&text, value);
		put_text(&code, buf_str(&text), text.len);
	}
	buf_adds(&code, "})");
	buf_release(&text);
	add_piece(m, r, LANGUAGE_PYTHON, &code);
}

/* ---- %run ---- */

static bool add_cell(struct making *m, struct reading *r, const struct cell *c);

/* Says what is wrong with the cell that r is at, where line is that of its text, from 0. */
static void
complain(struct making *m, const struct reading *r, unsigned line, const char *what)
{
	problems_add(m->problems, r->nb->path, r->line + (r->nb->is_source ? line : 0), r->column, "%s", what);
	m->result = -1;
}

static bool
is_part_of(const struct reading *r, const char *real)
{
	for (; r != NULL; r = r->above)
		if (r->real != NULL && strcmp(r->real, real) == 0)
			return true;
	return false;
}

/* Adds all that the cells of the notebook in the file come to. */
static void
add_notebook(struct making *m, const struct reading *above, const char *file)
{
	struct notebook nb;
	struct reading r = {.above = above, .depth = above->depth + 1, .nb = &nb, .real = realpath(file, NULL)};

	m->total++;
	if (notebook_read(&nb, file, m->problems) == -1) {
		m->result = -1;
	} else {
		m->read += nb.text.len;
		/* In the workspace it would be one, whoever has written the file. */
		databricks_adopt(&nb);
		for (size_t i = 0; i < nb.ncells && !is_too_much(m); i++)
			if (!cell_is_skipped(&nb.cells[i]))
				add_cell(m, &r, &nb.cells[i]);
	}
	notebook_release(&nb);
	free(r.real);
}

static void
add_run(struct making *m, const struct reading *r, const struct buf *body, unsigned line)
{
	struct run_magic run = RUN_MAGIC_INIT;
	const char *fault = run_magic_read(&run, buf_str(body), body->len, language_comment(r->nb->default_language));
	char *folder = file_folder(r->nb->path), *file = NULL, *why = NULL, *real = NULL, *message;

	if (fault != NULL) {
		complain(m, r, line, fault);
	} else if (lookup_notebook(folder, m->workspace, buf_str(&run.path), &file, &why) == -1) {
		message = xasprintf("%%run: %s", why);
		complain(m, r, line, message);
		free(message);
	} else if ((real = realpath(file, NULL)) != NULL && is_part_of(r, real)) {
		message = xasprintf("%%run of '%s', which this notebook is itself or is run by", file);
		complain(m, r, line, message);
		free(message);
	} else if (r->depth >= DATABRICKS_DEPTH_MAX) {
		complain(m, r, line, "notebooks run each other too deeply by %run");
	} else {
		if (run.arguments.len != 0)
			add_arguments(m, r, file, &run.arguments);
		add_notebook(m, r, file);
	}
	free(real);
	free(why);
	free(file);
	free(folder);
	run_magic_release(&run);
}

/* The line of a text on which the byte at is, from 0. */
static unsigned
line_of(const char *text, size_t at)
{
	unsigned n = 0;

	for (size_t i = 0; i < at; i++)
		n += text[i] == '\n';
	return n;
}

/*
 * In the middle of code IPython's own %run is meant, which runs programs. One that names a notebook would not find it,
 * here and there.
 */
static void
check_code(struct making *m, const struct reading *r, const struct buf *text)
{
	const char *p = buf_str(text), *limit = p + text->len, *end, *next;
	char *folder = file_folder(r->nb->path);
	unsigned quotes = 0;	/* of three, so far */

	for (unsigned line = 0; p < limit; p = next, line++) {
		next = line_next(p, limit, &end);
		if (quotes % 2 == 0 && end - p > 5 && memcmp(p, "%run", 4) == 0 && (p[4] == ' ' || p[4] == '\t')) {
			struct run_magic run = RUN_MAGIC_INIT;
			char *file = NULL, *why = NULL;

			if (run_magic_read(&run, p + 4, (size_t)(end - p) - 4, "#") == NULL &&
			    lookup_notebook(folder, m->workspace, buf_str(&run.path), &file, &why) == 0 &&
			    name_notebook_ending(buf_str(&run.path)) == NULL)
				complain(m, r, line, "%run must be alone in its cell");
			free(file);
			free(why);
			run_magic_release(&run);
		}
		for (const char *q = p; q + 3 <= end; q++) {
			if (memcmp(q, "\"\"\"", 3) == 0 || memcmp(q, "'''", 3) == 0) {
				quotes++;
				q += 2;
			}
		}
	}
	free(folder);
}

/* ---- Cells ---- */

/* Adds what a cell comes to. Returns whether that is anything. */
static bool
add_cell(struct making *m, struct reading *r, const struct cell *c)
{
	struct buf text = BUF_INIT, body = BUF_INIT;
	struct magic magic;
	size_t before = m->cell->npieces;

	go_on(r, c);
	cell_source(c, &text);
	magic_find(&magic, buf_str(&text), text.len, r->nb->default_language);
	magic_body(&magic, buf_str(&text), text.len, &body);
	switch (magic.language) {
	case LANGUAGE_MD:
	case LANGUAGE_SKIP:
		break;
	case LANGUAGE_RUN:
		add_run(m, r, &body, line_of(buf_str(&text), magic.at));
		break;
	case LANGUAGE_PYTHON:
		check_code(m, r, &text);
		/* fall through */
	case LANGUAGE_R:
	case LANGUAGE_SCALA:
		if (!line_is_blank(buf_str(&body), buf_str(&body) + body.len))
			add_piece(m, r, magic.language, &body);
		break;
	default:
		if (!line_is_blank(buf_str(&body), buf_str(&body) + body.len))
			add_call(m, r, magic.language, &body);
		break;
	}
	buf_release(&body);
	buf_release(&text);
	return m->cell->npieces != before;
}

int
databricks_prepare(struct notebook *nb, const char *workspace, struct problems *p)
{
	struct making m = {.workspace = workspace, .problems = p};
	struct reading r = {.nb = nb};

	if (nb->databricks != DATABRICKS_NOTEBOOK || nb->prepared)
		return 0;
	r.real = realpath(nb->path, NULL);
	for (size_t i = 0; i < nb->ncells; i++) {
		if (cell_is_skipped(&nb->cells[i]))
			continue;
		m.cell = &nb->cells[i];
		m.cap = 0;
		m.cell->passed_over = !add_cell(&m, &r, m.cell);
		if (is_too_much(&m)) {
			complain(&m, &r, 0, "too much is run by %run: notebooks run each other over and over");
			break;
		}
	}
	nb->prepared = true;
	free(r.real);
	return m.result;
}

/* ---- Which files are taken in ---- */

/* Adds the file of a cell that runs a notebook, if it is one. */
static void
add_file(char ***files, size_t *n, const struct notebook *nb, const char *workspace, const struct cell *c)
{
	struct buf text = BUF_INIT, body = BUF_INIT;
	struct run_magic run = RUN_MAGIC_INIT;
	struct magic magic;
	char *folder = file_folder(nb->path), *file = NULL, *why = NULL;

	cell_source(c, &text);
	magic_find(&magic, buf_str(&text), text.len, nb->default_language);
	magic_body(&magic, buf_str(&text), text.len, &body);
	if (magic.language == LANGUAGE_RUN &&
	    run_magic_read(&run, buf_str(&body), body.len, language_comment(nb->default_language)) == NULL &&
	    lookup_notebook(folder, workspace, buf_str(&run.path), &file, &why) == 0) {
		*files = xreallocarray(*files, *n + 2, sizeof(**files));
		(*files)[(*n)++] = file;
		(*files)[*n] = NULL;
	}
	free(why);
	free(folder);
	run_magic_release(&run);
	buf_release(&body);
	buf_release(&text);
}

/* Whether a notebook could have such cells: most have none, and need not be taken apart. */
static bool
may_run(const char *path)
{
	struct buf text = BUF_INIT;
	bool may;

	file_read_regular(path, &text, NOTEBOOK_BYTES_MAX);
	may = memmem(buf_str(&text), text.len, "%run", 4) != NULL;
	buf_release(&text);
	return may;
}

char **
databricks_files(const char *path, const char *workspace)
{
	struct problems problems = PROBLEMS_INIT;
	struct notebook nb = {.path = NULL};
	char **files = NULL;
	size_t n = 0;

	if (may_run(path) && notebook_read(&nb, path, &problems) == 0)
		for (size_t i = 0; i < nb.ncells; i++)
			if (!cell_is_skipped(&nb.cells[i]))
				add_file(&files, &n, &nb, workspace, &nb.cells[i]);
	notebook_release(&nb);
	problems_release(&problems);
	return files;
}
