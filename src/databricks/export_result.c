#include "databricks/export_result.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "databricks/export_model.h"
#include "databricks/plain.h"

#define TABLE_ROWS_MAX 1000	/* of a table; the others are counted */
#define LISTS_MAX 4	/* lists of results within lists */
/*
 * A bundle stands deeper in the notebook than in the model; with this much around it, it can still be read again
 */
#define OUTER "[[[[[[[["
#define OUTER_END "]]]]]]]]"

#define ANSIOUT "<div class=\"ansiout\">"	/* printed text, in older pages */

/* ---- Displays ---- */

static void
add_data(struct buf *data, const char *mime, const struct buf *text)
{
	buf_addc(data, data->len == 0 ? '{' : ',');
	json_put_str(data, mime);
	buf_addc(data, ':');
	json_put_string(data, buf_str(text), text->len);
}

/* Adds a display of the data that add_data() has collected. */
static void
put_display(const struct results *r, struct buf *data)
{
	buf_addc(data, '}');
	outputs_display(r->outputs, OUTPUT_DISPLAY_DATA, json_of(buf_str(data)), JSON_NOTHING, -1, r->mask);
	buf_release(data);
}

static void
put_shown(const struct results *r, const char *mime, const struct buf *text)
{
	struct buf data = BUF_INIT;

	add_data(&data, mime, text);
	put_display(r, &data);
}

static void
put_printed(const struct results *r, const char *stream, const struct buf *text)
{
	if (text->len == 0)
		return;
	outputs_stream(r->outputs, stream, text->data, text->len);
	buf_add(r->printed, text->data, text->len);
}

static bool
begins(const struct buf *text, const char *s)
{
	return text->len >= strlen(s) && strncasecmp(text->data, s, strlen(s)) == 0;
}

/* Older pages have printed text as HTML of a certain class. */
static void
put_html(const struct results *r, const struct buf *html)
{
	struct buf text = BUF_INIT;

	if (begins(html, ANSIOUT)) {
		plain_put_html(&text, html->data, html->len);
		put_printed(r, "stdout", &text);
	} else if (html->len > 0) {
		put_shown(r, "text/html", html);
	}
	buf_release(&text);
}

/* ---- Tables ---- */

static void
put_escaped(struct buf *out, const char *s, size_t n)
{
	for (const char *p = s; p < s + n; p++) {
		switch (*p) {
		case '<':
			buf_adds(out, "&lt;");
			break;
		case '>':
			buf_adds(out, "&gt;");
			break;
		case '&':
			buf_adds(out, "&amp;");
			break;
		default:
			buf_addc(out, *p);
		}
	}
}

/* Appends a field of a table as text, masked: as HTML a secret may be spelled differently. */
static void
put_field(struct buf *out, struct json v, const struct mask *mask)
{
	const struct json_form form = {.indent = -1};
	struct buf text = BUF_INIT;

	if (json_type(v) == JSON_STRING)
		json_decode(&text, v);
	else
		json_put(&text, v, &form);
	mask_put(mask, out, buf_str(&text), text.len);
	buf_release(&text);
}

struct table_text {
	struct buf html, plain;
	const struct mask *mask;
};

static void
put_row(struct table_text *t, struct json row, const char *tag)
{
	struct buf field = BUF_INIT;
	struct json_iter it;
	struct json v;
	bool names = strcmp(tag, "th") == 0;
	const char *gap = "";

	buf_adds(&t->html, "<tr>");
	json_walk(&it, row);
	while (json_next(&it, NULL, &v)) {
		buf_reset(&field);
		put_field(&field, names && json_type(v) == JSON_OBJECT ? json_get(v, "name") : v, t->mask);
		buf_addf(&t->html, "<%s>", tag);
		put_escaped(&t->html, buf_str(&field), field.len);
		buf_addf(&t->html, "</%s>", tag);
		buf_adds(&t->plain, gap);
		buf_add(&t->plain, buf_str(&field), field.len);
		gap = "\t";
	}
	buf_adds(&t->html, "</tr>\n");
	buf_addc(&t->plain, '\n');
	buf_release(&field);
}

static void
put_table(const struct results *r, struct json result)
{
	struct table_text t = {.mask = r->mask};
	struct json schema = json_get(result, "schema"), row;
	struct buf data = BUF_INIT, note = BUF_INIT;
	struct json_iter it;
	size_t n = 0;

	buf_adds(&t.html, "<table>\n");
	if (json_count(schema) > 0)
		put_row(&t, schema, "th");
	json_walk(&it, json_get(result, "data"));
	while (json_next(&it, NULL, &row))
		if (n++ < TABLE_ROWS_MAX)
			put_row(&t, row, "td");
	buf_adds(&t.html, "</table>");
	if (n > TABLE_ROWS_MAX)
		buf_addf(&note, "%zu more rows are not shown", n - TABLE_ROWS_MAX);
	if (json_type(json_get(result, "overflow")) == JSON_TRUE)
		buf_addf(&note, "%sthe workspace has cut the table", note.len > 0 ? "; " : "");
	if (note.len > 0) {
		buf_addf(&t.html, "\n<p>(%s)</p>", note.data);
		buf_addf(&t.plain, "(%s)\n", note.data);
	}
	add_data(&data, "text/html", &t.html);
	add_data(&data, "text/plain", &t.plain);
	put_display(r, &data);
	buf_release(&note);
	buf_release(&t.plain);
	buf_release(&t.html);
}

/* ---- Images and bundles ---- */

static bool
is_base64(const char *s)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\r\n";

	return *s != '\0' && s[strspn(s, alphabet)] == '\0';
}

/*
 * "data:image/png;base64,..." or the base64 alone. Anything else, such as a path in the workspace, cannot be shown
 * here.
 */
static void
put_image(const struct results *r, const struct buf *image)
{
	const char *s = buf_str(image), *payload = s;
	struct buf text = BUF_INIT;
	char *mime = NULL;

	if (strncmp(s, "data:image/", 11) == 0 && (payload = strstr(s, ";base64,")) != NULL) {
		mime = xmemdup0(s + 5, (size_t)(payload - s - 5));
		payload += 8;
	}
	if (payload == NULL || !is_base64(payload) || strlen(s) != image->len ||
	    (mime != NULL && mime[strspn(mime, "abcdefghijklmnopqrstuvwxyz0123456789/+.-")] != '\0')) {
		buf_addf(&text, "(image that is not in the page: %.200s)", s);
		put_shown(r, "text/plain", &text);
	} else if (mime != NULL && strcmp(mime, "image/svg+xml") == 0) {
		if (model_put_base64(&text, payload, strlen(payload)))
			put_shown(r, mime, &text);
	} else {
		buf_adds(&text, payload);
		put_shown(r, mime != NULL ? mime : "image/png", &text);
	}
	free(mime);
	buf_release(&text);
}

static bool
is_too_deep(struct json v)
{
	struct buf text = BUF_INIT;
	struct json parsed;
	bool deep;

	if (v.len < JSON_DEPTH_MAX)
		return false;	/* each container takes two characters */
	buf_adds(&text, OUTER);
	buf_add(&text, v.text, v.len);
	buf_adds(&text, OUTER_END);
	deep = json_parse(text.data, text.len, &parsed, NULL) == -1;
	buf_release(&text);
	return deep;
}

/* ---- Any of them ---- */

static void
put_one(const struct results *r, struct json result, unsigned depth)
{
	struct json type = json_get(result, "type"), data = json_get(result, "data"), item;
	struct buf text = BUF_INIT;
	struct json_iter it;

	json_decode(&text, data);
	if (json_is(type, "listResults")) {
		json_walk(&it, data);
		while (depth < LISTS_MAX && json_next(&it, NULL, &item))
			put_one(r, item, depth + 1);
	} else if (json_is(type, "table")) {
		put_table(r, result);
	} else if (json_is(type, "mimeBundle")) {
		if (json_type(data) == JSON_OBJECT && !is_too_deep(data))
			outputs_display(r->outputs, OUTPUT_DISPLAY_DATA, data, JSON_NOTHING, -1, r->mask);
	} else if (json_type(data) != JSON_STRING) {
		;	/* of a kind that is not known */
	} else if (json_is(type, "image")) {
		put_image(r, &text);
	} else if (json_is(type, "htmlSandbox")) {
		put_shown(r, "text/html", &text);
	} else if (json_is(type, "html")) {
		put_html(r, &text);
	} else {
		put_printed(r, json_is(json_get(result, "name"), "stderr") ? "stderr" : "stdout", &text);
	}
	buf_release(&text);
}

void
results_put_value(const struct results *r, struct json result)
{
	put_one(r, result, 0);
}

/* ---- Errors ---- */

/* Appends a JSON list of the lines of a text, masked. */
static void
put_lines(struct buf *out, const struct buf *text, const struct mask *mask)
{
	struct buf masked = BUF_INIT;
	const char *p, *end, *newline;
	char comma = '[';

	mask_put(mask, &masked, buf_str(text), text->len);
	p = buf_str(&masked);
	end = p + masked.len;
	while (p < end) {
		newline = memchr(p, '\n', (size_t)(end - p));
		buf_addc(out, comma);
		json_put_string(out, p, (size_t)((newline != NULL ? newline : end) - p));
		comma = ',';
		p = newline != NULL ? newline + 1 : end;
	}
	buf_adds(out, comma == '[' ? "[]" : "]");
	buf_release(&masked);
}

bool
results_put_error(const struct results *r, struct json command, char **name, char **message)
{
	struct buf summary = BUF_INIT, trace = BUF_INIT, plain = BUF_INIT, json = BUF_INIT;
	size_t ends[2];

	json_decode(&summary, json_get(command, "errorSummary"));
	json_decode(&trace, json_get(command, "error"));
	if (summary.len == 0 && trace.len == 0) {
		buf_release(&trace);
		buf_release(&summary);
		return false;
	}
	plain_exception(buf_str(&summary), name, message);
	if (trace.len == 0) {
		buf_addf(&plain, "%s%s%s", *name != NULL ? *name : "", *name != NULL ? ": " : "", *message);
	} else if (json_is(json_get(command, "errorTraceType"), "html") || plain_is_html(trace.data, trace.len)) {
		plain_put_html(&plain, trace.data, trace.len);
	} else {
		buf_add(&plain, trace.data, trace.len);
	}
	json_put_str(&json, *name != NULL ? *name : "Error");
	ends[0] = json.len;
	json_put_str(&json, *message);
	ends[1] = json.len;
	put_lines(&json, &plain, r->mask);
	outputs_error(r->outputs, (struct json){json.data, ends[0]},
	    (struct json){json.data + ends[0], ends[1] - ends[0]},
	    (struct json){json.data + ends[1], json.len - ends[1]}, r->mask);
	if (r->printed->len > 0 && r->printed->data[r->printed->len - 1] != '\n')
		buf_addc(r->printed, '\n');
	buf_add(r->printed, buf_str(&plain), plain.len);
	if (plain.len > 0 && plain.data[plain.len - 1] != '\n')
		buf_addc(r->printed, '\n');
	buf_release(&json);
	buf_release(&plain);
	buf_release(&trace);
	buf_release(&summary);
	return true;
}
