/*
 * Pages as runs/export gives them, and a look at whether a notebook is one of nbformat 4.5: for tests.
 */
#ifndef NBFORK_TESTS_EXPORTTEST_H
#define NBFORK_TESTS_EXPORTTEST_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/table.h"

/* Appends n bytes of a model as the page has them: URL-encoded, and that in base64. */
static void
put_model(struct buf *out, const char *model, size_t n)
{
	struct buf quoted = BUF_INIT;
	int got;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)model[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
			buf_addc(&quoted, (char)c);
		else
			buf_addf(&quoted, "%%%02X", c);
	}
	got = EVP_EncodeBlock((unsigned char *)buf_room(out, quoted.len * 4 / 3 + 8),
	    (const unsigned char *)buf_str(&quoted), (int)quoted.len);
	out->len += (size_t)got;
	buf_release(&quoted);
}

/* Appends an answer with one page. */
static void
put_answer(struct buf *out, const char *page, size_t n)
{
	buf_adds(out, "{\"views\": [{\"name\": \"nb\", \"type\": \"NOTEBOOK\", \"content\": ");
	json_put_string(out, page, n);
	buf_adds(out, "}]}");
}

/* Appends an answer with a page that has a model. */
static void
put_model_answer(struct buf *out, const char *model, size_t n)
{
	struct buf page = BUF_INIT;

	buf_adds(&page, "<!DOCTYPE html>\n<html>\n<head>\n<script>window.settings = {\"isStaticNotebook\": "
	    "true};</script>\n"
	    "<script>var __DATABRICKS_NOTEBOOK_MODEL = '");
	put_model(&page, model, n);
	buf_adds(&page, "';</script>\n</head>\n<body></body>\n</html>\n");
	put_answer(out, page.data, page.len);
	buf_release(&page);
}

static bool
is_lines(struct json v)
{
	struct json_iter it;
	struct json item;

	if (json_type(v) != JSON_ARRAY)
		return false;
	json_walk(&it, v);
	while (json_next(&it, NULL, &item))
		if (json_type(item) != JSON_STRING)
			return false;
	return true;
}

static bool
is_text(struct json v)
{
	return json_type(v) == JSON_STRING || is_lines(v);
}

/* Whether an object has these members and no others; count of them, or fewer where the last one may be missing. */
static bool
has_members(struct json v, size_t least, size_t most)
{
	return json_type(v) == JSON_OBJECT && json_count(v) >= least && json_count(v) <= most;
}

static bool
is_data(struct json data)
{
	struct json_iter it;
	struct json key, value;

	if (json_type(data) != JSON_OBJECT)
		return false;
	json_walk(&it, data);
	while (json_next(&it, &key, &value)) {
		struct buf mime = BUF_INIT;
		bool json;

		json_decode(&mime, key);
		json = mime.len >= 4 && strcmp(mime.data + mime.len - 4, "json") == 0;
		buf_release(&mime);
		if (!json && !is_text(value))
			return false;
	}
	return true;
}

static bool
is_output(struct json v)
{
	struct json type = json_get(v, "output_type"), name = json_get(v, "name");

	if (json_is(type, "stream"))
		return has_members(v, 3, 3) && (json_is(name, "stdout") || json_is(name, "stderr")) &&
		    is_text(json_get(v, "text"));
	if (json_is(type, "display_data"))
		return has_members(v, 3, 3) && is_data(json_get(v, "data")) &&
		    json_type(json_get(v, "metadata")) == JSON_OBJECT;
	return json_is(type, "error") && has_members(v, 4, 4) && json_type(json_get(v, "ename")) == JSON_STRING &&
	    json_type(json_get(v, "evalue")) == JSON_STRING && is_lines(json_get(v, "traceback"));
}

static bool
is_id(struct json v, struct table *ids)
{
	static char taken[] = "taken";
	char *id = json_strdup(v);
	size_t n = id != NULL ? strlen(id) : 0;
	bool is = false;
	void **place;

	if (n >= 1 && n <= 64 &&
	    strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == n) {
		place = table_at(ids, id, n);
		is = *place == NULL;
		*place = taken;
	}
	free(id);
	return is;
}

static bool
is_cell(struct json v, struct table *ids)
{
	struct json type = json_get(v, "cell_type"), count = json_get(v, "execution_count"), output;
	struct json_iter it;
	int64_t n;

	if (!is_id(json_get(v, "id"), ids) || json_type(json_get(v, "metadata")) != JSON_OBJECT ||
	    !is_text(json_get(v, "source")))
		return false;
	if (json_is(type, "markdown"))
		return has_members(v, 4, 4);
	if (!json_is(type, "code") || !has_members(v, 6, 6) || json_type(json_get(v, "outputs")) != JSON_ARRAY)
		return false;
	if (json_type(count) != JSON_NULL && (!json_int(count, &n) || n < 1))
		return false;
	json_walk(&it, json_get(v, "outputs"));
	while (json_next(&it, NULL, &output))
		if (!is_output(output))
			return false;
	return true;
}

/* Whether it is what nbformat's schema of 4.5 asks for. */
static bool
is_notebook(struct json nb)
{
	struct table ids = TABLE_INIT;
	struct json cell, language = json_get(json_get(nb, "metadata"), "language_info");
	struct json_iter it;
	int64_t major, minor;
	bool is = has_members(nb, 4, 4) && json_int(json_get(nb, "nbformat"), &major) && major == 4 &&
	    json_int(json_get(nb, "nbformat_minor"), &minor) && minor == 5 &&
	    json_type(json_get(language, "name")) == JSON_STRING && json_type(json_get(nb, "cells")) == JSON_ARRAY;

	json_walk(&it, json_get(nb, "cells"));
	while (is && json_next(&it, NULL, &cell))
		is = is_cell(cell, &ids);
	table_release(&ids);
	return is;
}

#endif
