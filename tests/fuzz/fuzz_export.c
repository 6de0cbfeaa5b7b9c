/*
 * Fuzzes what runs/export gives. The input is a notebook's model, which is put into a page; or, when it begins with
 * '<', a page as it is. Whatever it is, what comes of it must be a notebook of nbformat's without the secret, or
 * nothing.
 *
 *	make fuzz
 */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "databricks/export.h"
#include "notebook/papermill.h"
#include "../unit/exporttest.h"

#define SECRET "hunter2"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
put(void *arg, const void *p, size_t n)
{
	buf_add(arg, p, n);
}

/* MIME types are words of the format: they are not masked. */
static bool
names_secret(struct json v)
{
	struct buf name = BUF_INIT;
	struct json_iter it;
	struct json key, item;
	bool found = false;

	json_walk(&it, v);
	while (!found && json_next(&it, &key, &item)) {
		buf_reset(&name);
		json_decode(&name, key);
		found = memmem(buf_str(&name), name.len, SECRET, strlen(SECRET)) != NULL || names_secret(item);
	}
	buf_release(&name);
	return found;
}

static bool
holds_secret(const struct buf *b)
{
	return memmem(buf_str(b), b->len, SECRET, strlen(SECRET)) != NULL;
}

static void
check_notebook(struct exported *e, const struct params *parameters)
{
	const struct papermill run = {.input = "in", .parameters = parameters, .started_at = 1, .ended_at = 2,
	    .exception = "true"};
	struct buf text = BUF_INIT;
	const struct text_sink sink = {put, &text};
	struct json v;

	assert(e->executed <= e->cells && e->cells <= e->notebook.ncells);
	assert(e->error_cell >= -1 && e->error_cell < (int64_t)e->notebook.ncells);
	assert((e->error_cell == -1) == (e->error_message == NULL));
	for (int i = 0; i < 2; i++) {
		buf_reset(&text);
		notebook_print(&e->notebook, &sink);
		assert(json_parse(text.data, text.len, &v, NULL) == 0);
		assert(is_notebook(v));
		assert(!holds_secret(&text));
		papermill_metadata(&e->notebook, &run);
		if (i == 0)
			papermill_mark_error(&e->notebook, e->error_cell);
	}
	assert(!holds_secret(&e->log));
	assert(e->error_name == NULL || strstr(e->error_name, SECRET) == NULL);
	assert(e->error_message == NULL || strstr(e->error_message, SECRET) == NULL);
	buf_release(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct buf answer = BUF_INIT;
	struct mask mask = MASK_INIT;
	struct params parameters = {NULL, 0, 0};
	struct exported e;
	struct json v, model;
	bool page = size > 0 && *text == '<';

	if (!page && json_parse(text, size, &model, NULL) == 0 && names_secret(model))
		return 0;
	mask_add(&mask, SECRET, strlen(SECRET));
	if (page)
		put_answer(&answer, text, size);
	else
		put_model_answer(&answer, text, size);
	/* What is no UTF-8 has been repaired; a page cannot hold it. */
	assert(json_parse(answer.data, answer.len, &v, NULL) == 0);
	if (export_read(&e, v, &mask) == 0)
		check_notebook(&e, &parameters);
	exported_release(&e);
	mask_release(&mask);
	buf_release(&answer);
	return 0;
}
