/*
 * Fuzzes reading and rewriting of notebooks. The input is a notebook. Written as it was read it is the same
 * to the byte, unless it lacks something; written after a run, and with cells put in and left out, it can be
 * read, and writing that changes nothing. The input is printed by a cell as well: in pieces it must come to
 * the same as in one go.
 *
 *	make fuzz
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/problem.h"
#include "notebook/ipynb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
take(void *arg, const void *p, size_t n)
{
	buf_add(arg, p, n);
}

static void
print(const struct notebook *nb, struct buf *out)
{
	struct text_sink to = {take, out};

	buf_reset(out);
	notebook_print(nb, &to);
}

static bool
is_same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && memcmp(buf_str(a), buf_str(b), a->len) == 0;
}

/* Whether the notebook lacks something that has to be there in what is written. */
static bool
is_lacking(const struct notebook *nb)
{
	bool lacking = nb->lacks_minor || nb->metadata.text == NULL;

	for (size_t i = 0; i < nb->ncells; i++) {
		const struct cell *c = &nb->cells[i];

		lacking = lacking || c->id[0] != '\0' || c->file.metadata.text == NULL || c->file.source.text == NULL ||
		    (c->type == CELL_CODE && (c->file.outputs.text == NULL || c->file.execution_count.text == NULL));
	}
	return lacking;
}

/* What is written can be read, lacks nothing, and stays as it is. */
static void
check_written(const struct buf *text, size_t ncells)
{
	struct problems problems = PROBLEMS_INIT;
	struct buf copy = BUF_INIT, again = BUF_INIT;
	struct notebook nb;

	buf_add(&copy, buf_str(text), text->len);
	assert(notebook_parse(&nb, "written", &copy, &problems) == 0);
	assert(nb.ncells == ncells && !is_lacking(&nb));
	print(&nb, &again);
	assert(is_same(text, &again));
	notebook_release(&nb);
	problems_release(&problems);
	buf_release(&again);
}

/* v, or nothing when it is so deep that it could not be read as part of an output. */
static struct json
shallow(struct json v)
{
	struct buf b = BUF_INIT;
	struct json same;
	int result;

	buf_adds(&b, "[[[[[[[[");
	buf_add(&b, v.text, v.len);
	buf_adds(&b, "]]]]]]]]");
	result = json_parse(b.data, b.len, &same, NULL);
	buf_release(&b);
	return result == 0 ? v : JSON_NOTHING;
}

static void
run_cells(struct notebook *nb, const char *text, size_t n)
{
	struct buf source = BUF_INIT;

	for (size_t i = 0; i < nb->ncells; i++) {
		struct cell *c = &nb->cells[i];

		buf_reset(&source);
		cell_source(c, &source);
		cell_has_tag(c, "parameters");
		if (cell_is_skipped(c))
			continue;
		c->ran = true;
		c->state = i % 2 == 0 ? CELL_COMPLETED : CELL_FAILED;
		c->execution_count = (int64_t)i - 1;
		c->started_at = (int64_t)i;
		c->ended_at = INT64_C(1795335300123456);
		memcpy(c->timing.busy, "now", 4);
		outputs_stream(&c->outputs, "stdout", text, n);
		outputs_display(&c->outputs, OUTPUT_DISPLAY_DATA, shallow(nb->json), shallow(nb->metadata), -1, NULL);
		outputs_display(&c->outputs, OUTPUT_EXECUTE_RESULT, shallow(c->file.metadata), shallow(c->json), (int64_t)i, NULL);
		outputs_error(&c->outputs, c->file.source, c->file.cell_type, c->file.source, NULL);
		outputs_update_at(&c->outputs, i % 2, shallow(c->json), shallow(nb->metadata), NULL);
	}
	buf_release(&source);
}

static void
rewrite(struct notebook *nb, const char *text, size_t n)
{
	struct buf out = BUF_INIT;

	run_cells(nb, text, n);
	nb->language_info = xstrdup("{\"name\": \"x\"}");
	print(nb, &out);
	check_written(&out, nb->ncells);

	nb->papermill = xstrdup("{\"parameters\": {}}");
	nb->widgets = xstrdup("{}");
	notebook_insert(nb, nb->ncells, CELL_CODE, "injected-parameters", "a\n\"b\"", "c");
	notebook_insert(nb, nb->ncells / 2, CELL_MARKDOWN, "papermill-error-cell-tag", "", NULL);
	notebook_insert(nb, 0, CELL_RAW, "x", "\n", NULL);
	print(nb, &out);
	check_written(&out, nb->ncells);

	for (size_t i = n % 3; i < nb->ncells; i += 2)
		notebook_remove(nb, i);
	notebook_reset(nb);
	print(nb, &out);
	check_written(&out, nb->ncells);

	while (nb->ncells > 0)
		notebook_remove(nb, nb->ncells / 2);
	print(nb, &out);
	check_written(&out, 0);
	buf_release(&out);
}

static void
check_notebook(const char *text, size_t n)
{
	struct problems problems = PROBLEMS_INIT;
	struct buf copy = BUF_INIT, out = BUF_INIT;
	struct notebook nb;

	buf_add(&copy, text, n);
	if (notebook_parse(&nb, "read", &copy, &problems) == 0) {
		print(&nb, &out);
		if (!is_lacking(&nb))
			assert(out.len == n && memcmp(out.data, text, n) == 0);
		check_written(&out, nb.ncells);
		rewrite(&nb, text, n);
	} else {
		assert(problems.n == 1);
	}
	notebook_release(&nb);
	problems_release(&problems);
	buf_release(&out);
}

/* In pieces, of sizes that the text itself says. */
static void
check_terminal(const char *text, size_t n)
{
	struct terminal whole = TERMINAL_INIT, pieces = TERMINAL_INIT;
	struct buf want = BUF_INIT, got = BUF_INIT;

	terminal_put(&whole, text, n);
	terminal_text(&whole, &want);
	for (size_t at = 0; at < n;) {
		size_t piece = 1 + (unsigned char)text[at] % 64u;

		if (piece > n - at)
			piece = n - at;
		terminal_put(&pieces, text + at, piece);
		at += piece;
	}
	terminal_text(&pieces, &got);
	assert(is_same(&want, &got));
	assert(want.len <= 3 * n);	/* a broken byte becomes three */
	terminal_release(&whole);
	terminal_release(&pieces);
	buf_release(&want);
	buf_release(&got);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xmalloc(size);	/* of just that size, so that reading behind it shows */

	if (size > 0)
		memcpy(text, data, size);
	check_notebook(text, size);
	check_terminal(text, size);
	free(text);
	return 0;
}
