/*
 * Fuzzes Databricks' source files. The first byte of the input says which language the file is in, the rest comes
 * behind its header. What can be read has a line for each cell, is a notebook that can be prepared or says why not, and
 * comes out the same when it is written as a source file again.
 *
 *	make fuzz
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/problem.h"
#include "notebook/databricks.h"
#include "notebook/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"/nowhere/a.py", "/nowhere/a.sql", "/nowhere/a.r", "/nowhere/a.scala"};

#define NAMES (sizeof(names) / sizeof(names[0]))

/* Reads a source file. Returns whether it could be read. */
static bool
read_source(struct notebook *nb, const char *name, const struct buf *text, size_t *most)
{
	struct problems problems = PROBLEMS_INIT;
	struct buf json = BUF_INIT;
	unsigned *lines, before = 0;
	bool good = source_convert(name, text, &json, &lines, &problems) == 0;

	*nb = (struct notebook){.path = NULL};
	assert(good == (problems.n == 0));
	if (good) {
		assert(notebook_parse(nb, name, &json, &problems) == 0);
		assert(nb->ncells > 0 && nb->databricks == DATABRICKS_NOTEBOOK);
		for (size_t i = 0; i < nb->ncells; i++) {
			assert(lines[i] > before && lines[i] <= *most + 1);
			before = lines[i];
		}
	}
	free(lines);
	buf_release(&json);
	problems_release(&problems);
	return good;
}

/* Appends a cell as a source file has it, with all lines marked. */
static void
put_cell(struct buf *out, const struct cell *c, const char *comment)
{
	struct buf text = BUF_INIT;
	const char *p, *end;

	if (c->type == CELL_MARKDOWN)
		buf_adds(&text, "%md\n");
	cell_source(c, &text);
	p = buf_str(&text);
	do {
		end = strchr(p, '\n');
		end = end != NULL ? end : p + strlen(p);
		if (text.len > 0)
			buf_addf(out, "%s MAGIC %.*s\r\n", comment, (int)(end - p), p);
		p = end + 1;
	} while (*end != '\0');
	buf_release(&text);
}

static void
check_again(const struct notebook *nb, const char *name)
{
	const char *comment = language_comment(nb->default_language);
	struct buf text = BUF_INIT, before = BUF_INIT, after = BUF_INIT;
	struct notebook again;
	size_t most = SIZE_MAX - 1;

	buf_addf(&text, "%s\n", source_header(name, NULL));
	for (size_t i = 0; i < nb->ncells; i++) {
		if (i > 0)
			buf_addf(&text, "%s COMMAND ----------\n", comment);
		put_cell(&text, &nb->cells[i], comment);
	}
	assert(read_source(&again, name, &text, &most));
	assert(again.ncells == nb->ncells);
	for (size_t i = 0; i < nb->ncells; i++) {
		buf_reset(&before);
		buf_reset(&after);
		cell_source(&nb->cells[i], &before);
		cell_source(&again.cells[i], &after);
		assert(nb->cells[i].type == again.cells[i].type);
		assert(before.len == after.len && memcmp(buf_str(&before), buf_str(&after), before.len) == 0);
	}
	notebook_release(&again);
	buf_release(&text);
	buf_release(&before);
	buf_release(&after);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *name;
	struct problems problems = PROBLEMS_INIT;
	struct buf text = BUF_INIT;
	struct notebook nb;
	size_t lines = 2;

	if (size == 0)
		return 0;
	name = names[data[0] % NAMES];
	buf_addf(&text, "%s\n", source_header(name, NULL));
	buf_add(&text, data + 1, size - 1);
	for (size_t i = 0; i < text.len; i++)
		lines += text.data[i] == '\n';
	if (read_source(&nb, name, &text, &lines)) {
		check_again(&nb, name);
		assert((databricks_prepare(&nb, &problems) == 0) == (problems.n == 0));
		for (size_t i = 0; i < nb.ncells; i++)
			assert(problems.n > 0 || nb.cells[i].npieces > 0 || cell_is_skipped(&nb.cells[i]));
	}
	notebook_release(&nb);
	problems_release(&problems);
	buf_release(&text);
	return 0;
}
