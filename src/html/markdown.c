#include "html/markdown.h"

#include <cmark-gfm-core-extensions.h>
#include <cmark-gfm.h>
#include <ctype.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "html/allowance.h"
#include "html/frame.h"
#include "html/text.h"

#define OPTIONS (CMARK_OPT_DEFAULT | CMARK_OPT_VALIDATE_UTF8)
#define TREE_MOST ((size_t)64 * 1024 * 1024)	/* bytes of memory */
#define HTML_MOST ((size_t)64 * 1024 * 1024)	/* the same, while it grows; there is about a half of it in the end */
#define ID_MOST 300	/* bytes of a heading that can be led to */
#define ATTACHED_MOST ((size_t)16 * 1024 * 1024)	/* bytes of all pictures of a text: one may be there many times */

/* ---- Formulas ---- */

/* Where the formula that begins at p ('$') ends, behind its last '$'; 0 when it is none. */
static size_t
formula(const char *p, size_t n)
{
	size_t open = n > 1 && p[1] == '$' ? 2 : 1;

	if (n <= open || (open == 1 && isspace((unsigned char)p[1])))
		return 0;
	for (size_t i = open; i < n; i++) {
		if (p[i] == '\\')
			i++;
		else if (p[i] == '\n' && i + 1 < n && p[i + 1] == '\n')
			return 0;
		else if (p[i] == '$' && open == 2 && i + 1 < n && p[i + 1] == '$')
			return i + 2;
		else if (p[i] == '$' && open == 1)
			return isspace((unsigned char)p[i - 1]) || (i + 1 < n && isdigit((unsigned char)p[i + 1])) ? 0 : i + 1;
	}
	return 0;
}

/* How many of the same character there are at p. */
static size_t
run_of(const char *p, size_t n)
{
	size_t i = 1;

	while (i < n && p[i] == *p)
		i++;
	return i;
}

#define RUN_MOST 256	/* longer ones are few */

/*
 * Code that begins at p with backquotes: where it ends; where nothing ends it, only the backquotes. alone: the lengths of
 * those that nothing behind them ends, which are not looked for again.
 */
static size_t
code(const char *p, size_t n, bool alone[RUN_MOST])
{
	size_t open = run_of(p, n);

	if (open < RUN_MOST && alone[open])
		return open;
	for (size_t i = open; i < n;) {
		size_t len = p[i] == '`' ? run_of(p + i, n - i) : 1;

		if (p[i] == '`' && len == open)
			return i + len;
		i += len;
	}
	if (open < RUN_MOST)
		alone[open] = true;
	return open;
}

/* The text with a backslash before each punctuation mark of its formulas, which makes them mere characters. */
static void
protect_formulas(struct buf *out, const char *p, size_t n)
{
	bool alone[RUN_MOST] = {false};

	while (n > 0) {
		size_t len = 1;

		if (*p == '$' && (len = formula(p, n)) != 0) {
			for (size_t i = 0; i < len; i++) {
				if (ispunct((unsigned char)p[i]))
					buf_addc(out, '\\');
				buf_addc(out, p[i]);
			}
		} else {
			if (*p == '`')
				len = code(p, n, alone);
			else
				len = *p == '\\' && n > 1 ? 2 : 1;
			buf_add(out, p, len);
		}
		p += len;
		n -= len;
	}
}

/* ---- The tree ---- */

/* A notebook's attachments to a text, and how many bytes of them may still be put into it. */
struct attachments {
	struct json all;
	size_t left;
};

/* "attachment:NAME" as the picture itself, if it is there. */
static void
attach(cmark_node *image, const char *name, struct attachments *attachments)
{
	struct json type, data, attached = json_get(attachments->all, name);
	struct json_iter it;
	struct buf url = BUF_INIT;
	bool found = false;

	json_walk(&it, attached);
	while (!found && it.object && json_next(&it, &type, &data)) {
		if (data.len > attachments->left)
			continue;
		if (!json_is(type, "image/png") && !json_is(type, "image/jpeg") && !json_is(type, "image/gif") &&
		    !json_is(type, "image/webp"))
			continue;
		buf_adds(&url, "data:");
		json_decode(&url, type);
		buf_adds(&url, ";base64,");
		json_decode(&url, data);
		attachments->left -= data.len;
		found = strlen(url.data) == url.len && cmark_node_set_url(image, url.data) != 0;
		buf_reset(&url);
	}
	buf_release(&url);
}

static bool
is_in_link(cmark_node *node)
{
	while ((node = cmark_node_parent(node)) != NULL)
		if (cmark_node_get_type(node) == CMARK_NODE_LINK)
			return true;
	return false;
}

/* A picture that is elsewhere becomes a link to it; what is in a link already, only the words for it. */
static void
link_instead(cmark_node *image)
{
	cmark_node *link, *child;

	if (is_in_link(image)) {
		while ((child = cmark_node_first_child(image)) != NULL)
			cmark_node_insert_before(image, child);
		cmark_node_unlink(image);
		cmark_node_free(image);
		return;
	}
	link = cmark_node_new_with_mem(CMARK_NODE_LINK, allowance_mem());
	cmark_node_set_url(link, cmark_node_get_url(image));
	if (cmark_node_first_child(image) == NULL) {
		child = cmark_node_new_with_mem(CMARK_NODE_TEXT, allowance_mem());
		cmark_node_set_literal(child, cmark_node_get_url(image));
		cmark_node_append_child(link, child);
	}
	while ((child = cmark_node_first_child(image)) != NULL)
		cmark_node_append_child(link, child);
	cmark_node_insert_before(image, link);
	cmark_node_unlink(image);
	cmark_node_free(image);
}

static void
change_image(cmark_node *image, struct attachments *attachments)
{
	const char *url = cmark_node_get_url(image);

	if (url == NULL || strncasecmp(url, "data:", 5) == 0)
		return;
	if (strncasecmp(url, "attachment:", 11) == 0)
		attach(image, url + 11, attachments);
	else
		link_instead(image);
}

static void
change_html(cmark_node *node, bool block)
{
	const char *html = cmark_node_get_literal(node);
	cmark_node *other = NULL;

	if (html == NULL)
		html = "";
	if (block && strncmp(html, "<!--", 4) != 0) {
		struct buf frame = BUF_INIT;

		frame_put(&frame, html, strlen(html), "HTML of the notebook");
		other = cmark_node_new_with_mem(CMARK_NODE_CUSTOM_BLOCK, allowance_mem());
		cmark_node_set_on_enter(other, frame.data);
		buf_release(&frame);
	} else if (!block && strncasecmp(html, "<br", 3) == 0) {
		other = cmark_node_new_with_mem(CMARK_NODE_LINEBREAK, allowance_mem());
	}
	if (other != NULL && cmark_node_insert_before(node, other) == 0)
		cmark_node_free(other);
	cmark_node_unlink(node);
	cmark_node_free(node);
}

/*
 * Tables of contents lead to a heading by its text with dashes for spaces, as Jupyter has it. Ids that begin with "cell-"
 * are those of cells.
 */
static void
anchor(cmark_node *heading)
{
	cmark_iter *it = cmark_iter_new(heading);
	struct buf id = BUF_INIT, html = BUF_INIT;
	cmark_event_type event;
	cmark_node *anchor;

	while ((event = cmark_iter_next(it)) != CMARK_EVENT_DONE) {
		cmark_node *node = cmark_iter_get_node(it);
		cmark_node_type type = cmark_node_get_type(node);

		if (event == CMARK_EVENT_ENTER && (type == CMARK_NODE_TEXT || type == CMARK_NODE_CODE))
			buf_adds(&id, cmark_node_get_literal(node));
	}
	cmark_iter_free(it);
	for (size_t i = 0; i < id.len; i++)
		if (id.data[i] == ' ')
			id.data[i] = '-';
	if (id.len > 0 && id.len <= ID_MOST && strncmp(id.data, "cell-", 5) != 0) {
		buf_adds(&html, "<a id=\"");
		html_puts(&html, buf_str(&id));
		buf_adds(&html, "\"></a>");
		anchor = cmark_node_new_with_mem(CMARK_NODE_CUSTOM_INLINE, allowance_mem());
		cmark_node_set_on_enter(anchor, buf_str(&html));
		if (cmark_node_prepend_child(heading, anchor) == 0)
			cmark_node_free(anchor);
	}
	buf_release(&html);
	buf_release(&id);
}

static void
change(cmark_node *root, struct attachments *attachments)
{
	cmark_iter *it = cmark_iter_new(root);
	cmark_event_type event;
	cmark_node **found = NULL;
	size_t n = 0, cap = 0;

	/* Found first and changed later, inner ones before outer ones: the iterator does not like it otherwise. */
	while ((event = cmark_iter_next(it)) != CMARK_EVENT_DONE) {
		cmark_node *node = cmark_iter_get_node(it);
		cmark_node_type type = cmark_node_get_type(node);

		if (((type == CMARK_NODE_IMAGE || type == CMARK_NODE_HEADING) && event == CMARK_EVENT_EXIT) ||
		    ((type == CMARK_NODE_HTML_BLOCK || type == CMARK_NODE_HTML_INLINE) && event == CMARK_EVENT_ENTER)) {
			found = xgrow(found, n, &cap, sizeof(*found));
			found[n++] = node;
		}
	}
	cmark_iter_free(it);
	for (size_t i = 0; i < n; i++) {
		cmark_node_type type = cmark_node_get_type(found[i]);

		if (type == CMARK_NODE_IMAGE)
			change_image(found[i], attachments);
		else if (type == CMARK_NODE_HEADING)
			anchor(found[i]);
		else
			change_html(found[i], type == CMARK_NODE_HTML_BLOCK);
	}
	free(found);
}

static void
add_extension(cmark_parser *parser, const char *name)
{
	cmark_syntax_extension *extension = cmark_find_syntax_extension(name);

	if (extension != NULL)
		cmark_parser_attach_syntax_extension(parser, extension);
}

/* Returns 0, or -1 when it took too much memory: nothing has been put then. */
static int
put_document(struct buf *b, const struct buf *source, struct json attachments)
{
	struct attachments attached = {attachments, ATTACHED_MOST};
	cmark_parser *parser;
	cmark_node *root;
	char *html;

	if (setjmp(*allowance_over()) != 0) {
		allowance_release();
		return -1;
	}
	allowance_set(TREE_MOST);
	parser = cmark_parser_new_with_mem(OPTIONS, allowance_mem());
	add_extension(parser, "table");
	add_extension(parser, "strikethrough");
	add_extension(parser, "autolink");
	add_extension(parser, "tasklist");
	cmark_parser_feed(parser, buf_str(source), source->len);
	root = cmark_parser_finish(parser);
	/* This takes no more than a few times as much again, and what it takes itself would not be freed. */
	allowance_set(SIZE_MAX / 2);
	change(root, &attached);
	allowance_set(HTML_MOST);
	html = cmark_render_html_with_mem(root, OPTIONS, cmark_parser_get_syntax_extensions(parser), allowance_mem());
	html_put_markup(b, html, strlen(html));
	allowance_release();
	return 0;
}

void
markdown_put(struct buf *b, const char *text, size_t n, struct json attachments)
{
	struct buf source = BUF_INIT;
	bool plain = n > MARKDOWN_BYTES_MAX;

	if (!plain) {
		cmark_gfm_core_extensions_ensure_registered();
		protect_formulas(&source, text, n);
		plain = put_document(b, &source, attachments) == -1;
		buf_release(&source);
	}
	if (plain) {
		buf_adds(b, "<pre>");
		html_put_bounded(b, text, n, MARKDOWN_BYTES_MAX, NULL);
		buf_adds(b, "</pre>\n");
	}
}
