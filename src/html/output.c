#include "html/output.h"

#include <stdbool.h>
#include <string.h>

#include "html/frame.h"
#include "html/markdown.h"
#include "html/text.h"

void
output_text(struct buf *b, struct json lines)
{
	struct json_iter it;
	struct json line;

	json_decode(b, lines);
	if (json_type(lines) != JSON_ARRAY)
		return;
	json_walk(&it, lines);
	while (json_next(&it, NULL, &line))
		json_decode(b, line);
}

static void
put_text(struct buf *b, const char *class, const struct buf *text, const char *source)
{
	buf_addf(b, "<pre class=\"%s\">", class);
	html_put_bounded(b, buf_str(text), text->len, OUTPUT_TEXT_MAX, source);
	buf_adds(b, "</pre>\n");
}

/* What is not shown, and why. */
static void
put_note(struct buf *b, const char *what, const char *why, const char *source)
{
	buf_addf(b, "<p class=\"cut\">[%s%s", what, why);
	html_puts(b, source);
	buf_adds(b, "]</p>\n");
}

/* ---- Pictures ---- */

/* Appends the base64 text without its line ends. Returns whether it is such text. */
static bool
put_clean_base64(struct buf *b, const struct buf *text)
{
	for (size_t i = 0; i < text->len; i++) {
		char c = text->data[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '=')
			buf_addc(b, c);
		else if (c != '\n' && c != '\r' && c != ' ')
			return false;
	}
	return true;
}

/* width and height that the notebook asks for. */
static void
put_size(struct buf *b, struct json metadata, const char *type)
{
	static const char *const names[] = {"width", "height"};

	for (int i = 0; i < 2; i++) {
		unsigned n = json_count_of(json_get(metadata, type), names[i]);

		if (n > 0 && n <= 10000)
			buf_addf(b, " %s=\"%u\"", names[i], n);
	}
}

/* alt: what the kernel has sent as text beside it. */
static void
put_alt(struct buf *b, struct json data)
{
	struct buf alt = BUF_INIT;

	output_text(&alt, json_get(data, "text/plain"));
	buf_adds(b, " alt=\"");
	if (alt.len > 0)
		html_put(b, alt.data, alt.len < 300 ? alt.len : 300);
	else
		buf_adds(b, "picture");
	buf_adds(b, "\"");
	buf_release(&alt);
}

static void
put_image(struct buf *b, struct json data, struct json metadata, const char *type, const char *source)
{
	struct buf text = BUF_INIT;
	size_t start = b->len;
	bool good = true;

	output_text(&text, json_get(data, type));
	if (text.len > OUTPUT_IMAGE_MAX) {
		put_note(b, "a large picture", ": it is in ", source);
		buf_release(&text);
		return;
	}
	buf_adds(b, "<img");
	put_alt(b, data);
	put_size(b, metadata, type);
	buf_addf(b, " src=\"data:%s;base64,", type);
	if (strcmp(type, "image/svg+xml") == 0)
		html_put_base64(b, buf_str(&text), text.len);
	else
		good = put_clean_base64(b, &text);
	buf_adds(b, "\">\n");
	if (!good) {
		buf_truncate(b, start);
		put_note(b, "a picture that is none", ": what was sent is in ", source);
	}
	buf_release(&text);
}

/* ---- Data of several types ---- */

static bool
has(struct json data, const char *type)
{
	return json_type(json_get(data, type)) != JSON_NONE;
}

static void
put_html(struct buf *b, struct json data, struct json metadata, const char *type, const char *source)
{
	struct buf html = BUF_INIT;

	(void)metadata;
	output_text(&html, json_get(data, type));
	if (html.len > OUTPUT_HTML_MAX)
		put_note(b, "a large piece of HTML", ": it is in ", source);
	else
		frame_put(b, buf_str(&html), html.len, "output of the cell above");
	if (memmem(buf_str(&html), html.len, "<script", 7) != NULL)
		put_note(b, "scripts are not run here", ": open ", source);
	buf_release(&html);
}

static void
put_markdown(struct buf *b, struct json data, struct json metadata, const char *type, const char *source)
{
	struct buf text = BUF_INIT;

	(void)metadata, (void)source;
	output_text(&text, json_get(data, type));
	buf_adds(b, "<div class=\"markdown\">\n");
	markdown_put(b, buf_str(&text), text.len, JSON_NOTHING);
	buf_adds(b, "</div>\n");
	buf_release(&text);
}

static void
put_json(struct buf *b, struct json data, struct json metadata, const char *type, const char *source)
{
	const struct json_form form = {.indent = 2, .strict = true};
	struct buf text = BUF_INIT;

	(void)metadata;
	json_put(&text, json_get(data, type), &form);
	put_text(b, "text", &text, source);
	buf_release(&text);
}

static void
put_plain(struct buf *b, struct json data, struct json metadata, const char *type, const char *source)
{
	struct buf text = BUF_INIT;

	(void)metadata;
	output_text(&text, json_get(data, type));
	put_text(b, "text", &text, source);
	buf_release(&text);
}

/* The richest first. */
static const struct {
	const char *type;
	void (*put)(struct buf *b, struct json data, struct json metadata, const char *type, const char *source);
} shown[] = {
	{"text/html", put_html},
	{"text/markdown", put_markdown},
	{"image/svg+xml", put_image},
	{"image/png", put_image},
	{"image/jpeg", put_image},
	{"image/gif", put_image},
	{"image/webp", put_image},
	{"text/latex", put_plain},
	{"application/json", put_json},
	{"application/vnd.nbfork.result+json", put_json},
	{"text/plain", put_plain},
};

/* HTML that only a script would fill, where there is a picture or text of the same. */
static bool
is_hollow(struct json data)
{
	struct buf html = BUF_INIT;
	bool hollow;

	if (!has(data, "image/png") && !has(data, "image/svg+xml") && !has(data, "image/jpeg") && !has(data, "text/plain"))
		return false;
	output_text(&html, json_get(data, "text/html"));
	hollow = memmem(buf_str(&html), html.len, "<script", 7) != NULL && memmem(buf_str(&html), html.len, "<table", 6) == NULL;
	buf_release(&html);
	return hollow;
}

static void
put_data(struct buf *b, struct json data, struct json metadata, const char *source)
{
	bool hollow = has(data, "text/html") && is_hollow(data);
	struct json_iter it;
	struct json type, value;

	for (size_t i = hollow ? 1 : 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		if (has(data, shown[i].type)) {
			shown[i].put(b, data, metadata, shown[i].type, source);
			if (hollow)
				put_note(b, "scripts are not run here", ": open ", source);
			return;
		}
	}
	json_walk(&it, data);
	if (it.object && json_next(&it, &type, &value)) {
		struct buf name = BUF_INIT, what = BUF_INIT;

		json_decode(&name, type);
		buf_adds(&what, "output of type ");
		html_put(&what, buf_str(&name), name.len < 100 ? name.len : 100);
		put_note(b, buf_str(&what), " cannot be shown here: it is in ", source);
		buf_release(&name);
		buf_release(&what);
	}
}

/* ---- Outputs ---- */

static void
put_error(struct buf *b, struct json output, const char *source)
{
	struct buf text = BUF_INIT;
	struct json_iter it;
	struct json line;

	json_walk(&it, json_get(output, "traceback"));
	while (!it.object && json_next(&it, NULL, &line)) {
		json_decode(&text, line);
		buf_addc(&text, '\n');
	}
	if (text.len == 0) {
		json_decode(&text, json_get(output, "ename"));
		buf_adds(&text, ": ");
		json_decode(&text, json_get(output, "evalue"));
	}
	put_text(b, "error", &text, source);
	buf_release(&text);
}

static void
put_stream(struct buf *b, struct json output, const char *source)
{
	struct buf text = BUF_INIT;

	output_text(&text, json_get(output, "text"));
	put_text(b, json_is(json_get(output, "name"), "stderr") ? "stream stderr" : "stream", &text, source);
	buf_release(&text);
}

void
outputs_put_html(struct buf *b, struct json outputs, const char *source)
{
	struct json_iter it;
	struct json output;
	size_t n = 0, start = b->len;

	json_walk(&it, outputs);
	while (!it.object && json_next(&it, NULL, &output)) {
		struct json type = json_get(output, "output_type");

		if (++n > OUTPUTS_MAX || b->len - start > OUTPUTS_BYTES_MAX) {
			put_note(b, "there are more outputs", ": they are in ", source);
			return;
		}
		if (json_is(type, "stream"))
			put_stream(b, output, source);
		else if (json_is(type, "error"))
			put_error(b, output, source);
		else
			put_data(b, json_get(output, "data"), json_get(output, "metadata"), source);
	}
}
