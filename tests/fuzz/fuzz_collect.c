/*
 * Fuzzes what a kernel publishes. The input is a JSON list of messages, {"type", "content", "metadata",
 * "parent", "buffers"}; anything in it that is no object starts the next cell. Whatever they are, all
 * that comes of them must be JSON, not too deep to be read again, and without the secret.
 *
 *	make fuzz
 */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "local/collect.h"

#define CELLS 3
#define SECRET "hunter2"
#define BUFFERS_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
on_printed(void *data, const char *stream, const char *text, size_t n)
{
	(void)data;
	assert(stream != NULL && n > 0 && text[n] == '\0');
}

static void
on_comm(void *data, const char *content, size_t n, const char *parent_header)
{
	struct json v;

	(void)data;
	assert(json_parse(content, n, &v, NULL) == 0 && json_type(v) == JSON_OBJECT);
	assert(json_type(json_get(json_get(json_get(v, "data"), "state"), "outputs")) == JSON_ARRAY);
	if (parent_header != NULL)
		assert(json_parse(parent_header, strlen(parent_header), &v, NULL) == 0 && json_type(v) == JSON_OBJECT);
}

/* As part of a document: some levels further down. */
static void
check_text(const char *text, size_t n, int levels)
{
	struct buf b = BUF_INIT;
	struct json v;

	buf_fill(&b, '[', (size_t)levels);
	buf_add(&b, text, n);
	buf_fill(&b, ']', (size_t)levels);
	assert(json_parse(b.data, b.len, &v, NULL) == 0);
	assert(memmem(text, n, SECRET, strlen(SECRET)) == NULL);
	buf_release(&b);
}

/* MIME types are words of the format: they are not masked. */
static bool
names_secret(struct json data)
{
	struct buf name = BUF_INIT;
	struct json_iter it;
	struct json key, value;
	bool found = false;

	json_walk(&it, data);
	while (it.object && json_next(&it, &key, &value)) {
		buf_reset(&name);
		json_decode(&name, key);
		if (memmem(buf_str(&name), name.len, SECRET, strlen(SECRET)) != NULL)
			found = true;
	}
	buf_release(&name);
	return found;
}

static void
take(struct collector *c, struct json v)
{
	struct message m = {.channel = CHANNEL_IOPUB};
	const void *buffers[BUFFERS_MAX];
	size_t sizes[BUFFERS_MAX];
	char *parent = json_strdup(json_get(v, "parent"));
	struct json_iter it;
	struct json item;

	m.type = json_strdup(json_get(v, "type"));
	snprintf(m.parent, sizeof(m.parent), "%s", parent != NULL ? parent : "");
	m.parent_header = json_get(v, "parent_header");
	m.metadata = json_get(v, "metadata");
	m.content = json_get(v, "content");
	m.buffers = buffers;
	m.buffer_sizes = sizes;
	json_walk(&it, json_get(v, "buffers"));
	while (m.nbuffers < BUFFERS_MAX && json_next(&it, NULL, &item)) {
		buffers[m.nbuffers] = item.text;
		sizes[m.nbuffers++] = item.len;
	}
	if (!names_secret(json_get(m.content, "data")))
		collector_message(c, &m);
	free(m.type);
	free(parent);
}

static void
check_outputs(const struct notebook *nb, const struct mask *mask)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < CELLS; i++) {
		assert(nb->cells[i].execution_count >= -1);
		for (size_t k = 0; k < nb->cells[i].outputs.n; k++) {
			buf_reset(&b);
			output_put(&nb->cells[i].outputs.list[k], mask, &b);
			check_text(b.data, b.len, 4);
		}
	}
	buf_release(&b);
}

static void
run(struct json messages, const struct mask *mask)
{
	const struct collector_calls calls = {.printed = on_printed, .comm = on_comm};
	struct cell cells[CELLS] = {0};
	struct notebook nb = {.cells = cells, .ncells = CELLS};
	struct collector *c = collector_new(&nb, mask, &calls);
	size_t cell = 0;
	struct json_iter it;
	struct json v;
	const char *result;
	char *widgets;

	collector_begin(c, cell);
	json_walk(&it, messages);
	while (json_next(&it, NULL, &v)) {
		if (json_type(v) == JSON_OBJECT)
			take(c, v);
		else if (cell + 1 < CELLS)
			collector_begin(c, ++cell);
	}
	collector_settle(c);
	check_outputs(&nb, mask);
	result = collector_result(c);
	if (result != NULL)
		check_text(result, strlen(result), 6);
	for (int i = 0; i < 2; i++) {
		widgets = collector_widgets(c);
		if (widgets != NULL)
			check_text(widgets, strlen(widgets), 2);
		free(widgets);
	}
	collector_free(c);
	for (size_t i = 0; i < CELLS; i++)
		outputs_release(&cells[i].outputs);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xmalloc(size);	/* of just that size, so that reading behind it shows */
	struct mask mask = MASK_INIT;
	struct json messages;

	mask_add(&mask, SECRET, strlen(SECRET));
	if (size > 0)
		memcpy(text, data, size);
	if (json_parse(text, size, &messages, NULL) == 0)
		run(messages, &mask);
	mask_release(&mask);
	free(text);
	return 0;
}
