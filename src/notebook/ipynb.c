#include "notebook/ipynb.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "notebook/cell.h"
#include "notebook/databricks.h"
#include "notebook/source.h"

/* Adds a problem with a place in the text. Returns -1. */
static int
fault(const struct notebook *nb, const char *at, struct problems *p, const char *message)
{
	unsigned line, column;

	json_position(nb->text.data, (size_t)(at - nb->text.data), &line, &column);
	problems_add(p, nb->path, line, column, "not a notebook: %s", message);
	return -1;
}

/* The members of a notebook that mean something. */
struct members {
	struct json nbformat, nbformat_minor, metadata, cells;
};

static struct members
find_members(struct json notebook)
{
	struct members m = {.nbformat = JSON_NOTHING};
	struct json_iter it;
	struct json key, value;

	json_walk(&it, notebook);
	while (json_next(&it, &key, &value)) {
		if (json_is(key, "nbformat"))
			m.nbformat = value;
		else if (json_is(key, "nbformat_minor"))
			m.nbformat_minor = value;
		else if (json_is(key, "metadata"))
			m.metadata = value;
		else if (json_is(key, "cells"))
			m.cells = value;
	}
	return m;
}

/* The version of nbformat. */
static int
read_version(struct notebook *nb, struct json major, struct json minor, struct problems *p)
{
	unsigned line, column;
	int64_t n;

	if (major.text == NULL)
		return fault(nb, nb->json.text, p, "it has no 'nbformat'");
	if (!json_int(major, &n))
		return fault(nb, major.text, p, "'nbformat' is no whole number");
	json_position(nb->text.data, (size_t)(major.text - nb->text.data), &line, &column);
	if (n < 4) {
		problems_add(p, nb->path, line, column,
		    "nbformat %lld is too old; 'jupyter nbconvert --to notebook --nbformat 4 --inplace %s' upgrades it",
		    (long long)n, nb->path);
		return -1;
	}
	if (n > 4) {
		problems_add(p, nb->path, line, column, "nbformat %lld is newer than the newest that is known, 4",
		    (long long)n);
		return -1;
	}
	nb->lacks_minor = minor.text == NULL;
	if (nb->lacks_minor)
		return 0;
	if (!json_int(minor, &n) || n < 0 || n > INT_MAX)
		return fault(nb, minor.text, p, "'nbformat_minor' is no version");
	nb->minor = (int)n;
	return 0;
}

/* Whether v is missing or of that type. */
static bool
may_be(struct json v, enum json_type type)
{
	return v.text == NULL || json_type(v) == type;
}

static bool
is_source(struct json v)
{
	struct json_iter it;
	struct json line;

	if (may_be(v, JSON_STRING))
		return true;
	json_walk(&it, v);
	while (!it.object && json_next(&it, NULL, &line))
		if (json_type(line) != JSON_STRING)
			return false;
	return json_type(v) == JSON_ARRAY;
}

/* Adds a cell of the file to the list. */
static int
read_cell(struct notebook *nb, struct json cell, struct problems *p)
{
	const struct cell_members *m;
	struct cell *c;

	if (json_type(cell) != JSON_OBJECT)
		return fault(nb, cell.text, p, "a cell that is no object");
	nb->cells = xgrow(nb->cells, nb->ncells, &nb->cap, sizeof(*nb->cells));
	c = &nb->cells[nb->ncells++];
	*c = (struct cell){.json = cell, .file = cell_members(cell), .outputs = OUTPUTS_INIT, .execution_count = -1};
	m = &c->file;
	if (m->cell_type.text == NULL)
		return fault(nb, cell.text, p, "a cell without 'cell_type'");
	if (!cell_type_parse(m->cell_type, &c->type))
		return fault(nb, m->cell_type.text, p, "a cell that is neither code nor markdown nor raw");
	if (!is_source(m->source))
		return fault(nb, m->source.text, p, "the source of a cell is neither a string nor a list of strings");
	if (!may_be(m->metadata, JSON_OBJECT))
		return fault(nb, m->metadata.text, p, "the metadata of a cell are no object");
	if (c->type == CELL_CODE && !may_be(m->outputs, JSON_ARRAY))
		return fault(nb, m->outputs.text, p, "the outputs of a cell are no list");
	return 0;
}

static int
read_cells(struct notebook *nb, struct json cells, struct problems *p)
{
	struct json_iter it;
	struct json cell;

	if (cells.text == NULL)
		return fault(nb, nb->json.text, p, "it has no 'cells'");
	if (json_type(cells) != JSON_ARRAY)
		return fault(nb, cells.text, p, "'cells' is no list");
	json_walk(&it, cells);
	while (json_next(&it, NULL, &cell))
		if (read_cell(nb, cell, p) == -1)
			return -1;
	return 0;
}

static int
read_metadata(struct notebook *nb, struct json metadata, struct problems *p)
{
	struct json kernelspec = json_get(metadata, "kernelspec");

	if (!may_be(metadata, JSON_OBJECT))
		return fault(nb, metadata.text, p, "'metadata' is no object");
	nb->metadata = metadata;
	nb->kernel_name = json_strdup(json_get(kernelspec, "name"));
	nb->language = json_strdup(json_get(json_get(metadata, "language_info"), "name"));
	if (nb->language == NULL)
		nb->language = json_strdup(json_get(kernelspec, "language"));
	return 0;
}

int
notebook_parse(struct notebook *nb, const char *path, struct buf *text, struct problems *p)
{
	struct json_error e;
	struct members m;
	size_t mark;

	*nb = (struct notebook){.path = xstrdup(path), .text = *text};
	buf_init(text);
	/* Some editors put a byte order mark there; it is no part of the JSON, and stays. */
	mark = nb->text.len >= 3 && memcmp(nb->text.data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	if (json_parse(buf_str(&nb->text) + mark, nb->text.len - mark, &nb->json, &e) == -1) {
		problems_add(p, path, e.line, e.column, "not a notebook: %s", e.message);
		return -1;
	}
	if (json_type(nb->json) != JSON_OBJECT)
		return fault(nb, nb->json.text, p, "no JSON object");
	nb->one_line = memchr(nb->json.text, '\n', nb->json.len) == NULL;
	m = find_members(nb->json);
	if (read_version(nb, m.nbformat, m.nbformat_minor, p) == -1 || read_metadata(nb, m.metadata, p) == -1 ||
	    read_cells(nb, m.cells, p) == -1)
		return -1;
	if (nb->minor >= 5)
		cells_complete_ids(nb->cells, nb->ncells);
	databricks_recognize(nb);
	return 0;
}

/* The same for a source file. */
static int
parse_source(struct notebook *nb, const char *path, struct buf *text, struct problems *p)
{
	struct buf json = BUF_INIT;
	unsigned *lines;
	int result = source_convert(path, text, &json, &lines, p);

	buf_release(text);
	if (result == 0) {
		result = notebook_parse(nb, path, &json, p);
		nb->is_source = true;
		for (size_t i = 0; i < nb->ncells; i++)
			nb->cells[i].line = lines[i];
	} else {
		*nb = (struct notebook){.path = xstrdup(path)};
	}
	free(lines);
	buf_release(&json);
	return result;
}

int
notebook_read(struct notebook *nb, const char *path, struct problems *p)
{
	struct buf text = BUF_INIT;

	if (file_read_regular(path, &text, NOTEBOOK_BYTES_MAX) == -1) {
		*nb = (struct notebook){.path = xstrdup(path)};
		problems_add(p, path, 0, 0, "cannot read the notebook: %s", strerror(errno));
		buf_release(&text);
		return -1;
	}
	return source_header(path, NULL) != NULL ? parse_source(nb, path, &text, p) : notebook_parse(nb, path, &text, p);
}

static void
cell_release(struct cell *c)
{
	free(c->added_source);
	free(c->added_code);
	free(c->added_tag);
	for (size_t i = 0; i < c->npieces; i++) {
		free(c->pieces[i].code);
		free(c->pieces[i].origin);
	}
	free(c->pieces);
	outputs_release(&c->outputs);
}

void
notebook_release(struct notebook *nb)
{
	for (size_t i = 0; i < nb->ncells; i++)
		cell_release(&nb->cells[i]);
	free(nb->cells);
	free(nb->widgets);
	free(nb->papermill);
	free(nb->language_info);
	free(nb->language);
	free(nb->kernel_name);
	buf_release(&nb->text);
	free(nb->path);
	*nb = (struct notebook){.path = NULL};
}

struct cell *
notebook_insert(struct notebook *nb, size_t index, enum cell_type type, const char *tag, const char *source,
    const char *code)
{
	struct cell c = {
		.type = type, .json = JSON_NOTHING, .outputs = OUTPUTS_INIT, .execution_count = -1,
		.added_source = xstrdup(source), .added_code = code != NULL ? xstrdup(code) : NULL,
		.added_tag = xstrdup(tag),
	};

	if (nb->minor >= 5)
		cell_new_id(&c, nb->cells, nb->ncells);
	nb->cells = xgrow(nb->cells, nb->ncells, &nb->cap, sizeof(*nb->cells));
	memmove(nb->cells + index + 1, nb->cells + index, (nb->ncells - index) * sizeof(*nb->cells));
	nb->cells[index] = c;
	nb->ncells++;
	return &nb->cells[index];
}

void
notebook_remove(struct notebook *nb, size_t index)
{
	cell_release(&nb->cells[index]);
	nb->ncells--;
	memmove(nb->cells + index, nb->cells + index + 1, (nb->ncells - index) * sizeof(*nb->cells));
}

void
notebook_reset(struct notebook *nb)
{
	size_t kept = 0;

	for (size_t i = 0; i < nb->ncells; i++) {
		struct cell *c = &nb->cells[i];

		if (cell_has_tag(c, NOTEBOOK_ERROR_TAG)) {
			cell_release(c);
			continue;
		}
		if (c->type == CELL_CODE) {
			c->ran = true;
			outputs_clear(&c->outputs);
			c->execution_count = -1;
			c->timing = (struct cell_timing){.busy = ""};
			c->state = CELL_PENDING;
		}
		nb->cells[kept++] = *c;
	}
	nb->ncells = kept;
}
