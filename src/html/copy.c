#include "html/copy.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/problem.h"
#include "html/asset.h"
#include "html/markdown.h"
#include "html/output.h"
#include "html/text.h"

#define SOURCE_MAX ((size_t)256 * 1024)	/* of one cell */

/* ---- Cells ---- */

/*
 * The marks that papermill's readers know: above all, a link to the cell that raised; before that cell, where the link
 * leads. Their HTML is always the same, and only its text counts here.
 */
static void
put_mark(struct buf *b, const struct buf *source)
{
	bool here = memmem(buf_str(source), source->len, "id=\"papermill-error-cell\"", 25) != NULL;
	struct buf text = BUF_INIT;
	bool tag = false;

	for (size_t i = 0; i < source->len; i++) {
		if (source->data[i] == '<')
			tag = true;
		if (!tag)
			buf_addc(&text, source->data[i]);
		if (source->data[i] == '>')
			tag = false;
	}
	buf_adds(b, here ? "<p class=\"mark\" id=\"papermill-error-cell\">" : "<p class=\"mark\"><a href=\"#papermill-error-cell\">");
	html_put(b, buf_str(&text), text.len);
	buf_adds(b, here ? "</p>\n" : "</a></p>\n");
	buf_release(&text);
}

/* "In [3]:", and how long it took. */
static void
put_prompt(struct buf *b, const struct cell *c, size_t index)
{
	struct json papermill = json_get(c->file.metadata, "papermill");
	int64_t count;
	double seconds;

	buf_addf(b, "<div class=\"prompt\"><a href=\"#cell-%zu\">", index);
	if (json_int(c->file.execution_count, &count))
		buf_addf(b, "In&nbsp;[%lld]", (long long)count);
	else
		buf_adds(b, "In&nbsp;[&nbsp;]");
	buf_adds(b, "</a>");
	if (json_double(json_get(papermill, "duration"), &seconds) && seconds >= 0 && seconds < 1e9)
		buf_addf(b, "<small>%.*f&nbsp;s</small>", seconds < 10 ? 2 : 0, seconds);
	buf_adds(b, "</div>");
}

static bool
failed(const struct cell *c)
{
	return json_is(json_get(json_get(c->file.metadata, "papermill"), "status"), "failed");
}

static void
put_code(struct buf *b, const struct cell *c, size_t index, const struct buf *text, const char *source)
{
	bool hidden = json_type(json_get(json_get(c->file.metadata, "jupyter"), "source_hidden")) == JSON_TRUE;

	buf_addf(b, "<section class=\"code%s\" id=\"cell-%zu\">", failed(c) ? " failed" : "", index);
	put_prompt(b, c, index);
	buf_adds(b, "<div class=\"body\">");
	if (hidden)
		buf_adds(b, "<details><summary>hidden code</summary>");
	if (cell_has_tag(c, "injected-parameters"))
		buf_adds(b, "<p class=\"tag\">parameters of this run</p>");
	buf_adds(b, "<pre class=\"source\">");
	html_put_bounded(b, buf_str(text), text->len, SOURCE_MAX, source);
	buf_adds(b, hidden ? "</pre></details>\n" : "</pre>\n");
	outputs_put_html(b, c->file.outputs, source);
	buf_adds(b, "</div></section>\n");
}

static void
put_cell(struct buf *b, const struct cell *c, size_t index, const char *source)
{
	struct buf text = BUF_INIT;

	cell_source(c, &text);
	if (c->type == CELL_CODE) {
		put_code(b, c, index, &text, source);
	} else if (c->type == CELL_MARKDOWN && cell_has_tag(c, NOTEBOOK_ERROR_TAG)) {
		put_mark(b, &text);
	} else if (c->type == CELL_MARKDOWN) {
		buf_addf(b, "<section class=\"markdown\" id=\"cell-%zu\">\n", index);
		markdown_put(b, buf_str(&text), text.len, json_get(c->json, "attachments"));
		buf_adds(b, "</section>\n");
	} else {
		buf_addf(b, "<section class=\"raw\" id=\"cell-%zu\"><pre>", index);
		html_put_bounded(b, buf_str(&text), text.len, SOURCE_MAX, source);
		buf_adds(b, "</pre></section>\n");
	}
	buf_release(&text);
}

/* ---- The page ---- */

static void
put_head(struct buf *b, const char *title)
{
	char policy[ASSET_POLICY];

	buf_adds(b, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
	/* Frames inherit this, and what is in them needs its own style: hence no hash for styles. */
	buf_addf(b, "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src %s; style-src 'unsafe-inline'; "
	    "img-src data:; font-src data:; base-uri 'none'; form-action 'none'\">\n", asset_policy(ASSET_COPY_JS, policy));
	buf_adds(b, "<meta http-equiv=\"x-dns-prefetch-control\" content=\"off\">\n<meta name=\"referrer\" content=\"no-referrer\">\n"
	    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n"
	    "<title>");
	html_puts(b, title);
	buf_adds(b, "</title>\n<style>");
	asset_put(b, ASSET_COPY_CSS);
	buf_adds(b, "</style>\n</head>\n<body>\n");
}

static void
put_header(struct buf *b, const char *title, const char *source, const char *home)
{
	buf_adds(b, "<header><h1>");
	html_puts(b, title);
	buf_adds(b, "</h1><nav>");
	if (home != NULL) {
		buf_adds(b, "<a href=\"");
		html_put_path(b, home);
		buf_adds(b, "\">report of the run</a> ");
	}
	buf_adds(b, "<a href=\"");
	html_put_path(b, source);
	buf_adds(b, "\">");
	html_puts(b, source);
	buf_adds(b, "</a></nav></header>\n<main>\n");
}

static void
put_foot(struct buf *b)
{
	buf_adds(b, "</main>\n<script>");
	asset_put(b, ASSET_COPY_JS);
	buf_adds(b, "</script>\n</body>\n</html>\n");
}

void
copy_put(const struct notebook *nb, const char *title, const char *source, const char *home, struct buf *b)
{
	size_t start = b->len;

	put_head(b, title);
	put_header(b, title, source, home);
	for (size_t i = 0; i < nb->ncells; i++) {
		if (b->len - start > COPY_PAGE_MAX) {
			buf_addf(b, "<p class=\"cut\">[%zu more cells are in ", nb->ncells - i);
			html_puts(b, source);
			buf_adds(b, "]</p>\n");
			break;
		}
		put_cell(b, &nb->cells[i], i, source);
	}
	put_foot(b);
}

/* ---- The file ---- */

/* Of a file that is too large: that it is. */
static void
put_large(const char *title, const char *source, const char *home, struct buf *b)
{
	put_head(b, title);
	put_header(b, title, source, home);
	buf_adds(b, "<p class=\"cut\">[this notebook is too large to be shown here]</p>\n");
	put_foot(b);
}

/* Returns 0 or -1 with errno. */
static int
write_page(const char *path, const struct buf *page, struct timespec modified)
{
	struct file_writer w;

	if (file_begin_own(&w, path) == -1)
		return -1;
	file_put(&w, page->data, page->len);
	file_set_modified(&w, modified);
	return file_commit(&w);
}

/* Whether the page is there and was made of a file of that time. */
static bool
is_current(const char *page, struct timespec modified)
{
	struct stat st;

	return lstat(page, &st) == 0 && S_ISREG(st.st_mode) && st.st_mtim.tv_sec == modified.tv_sec && st.st_mtim.tv_nsec == modified.tv_nsec;
}

int
copy_render(const char *folder, const char *name, const char *home)
{
	char *source = xasprintf("%s.ipynb", name), *path = file_join(folder, source);
	char *page = xasprintf("%s/%s.html", folder, name);
	struct problems problems = PROBLEMS_INIT;
	struct buf b = BUF_INIT;
	struct notebook nb;
	struct stat st;
	int result = -1;

	if (stat(path, &st) == -1)
		goto out;
	if (is_current(page, st.st_mtim)) {
		result = 0;
		goto out;
	}
	if (st.st_size > COPY_BYTES_MAX) {
		put_large(name, source, home, &b);
	} else {
		result = notebook_read(&nb, path, &problems);
		if (result == 0)
			copy_put(&nb, name, source, home, &b);
		notebook_release(&nb);
		if (result == -1) {
			errno = EILSEQ;
			goto out;
		}
	}
	result = write_page(page, &b, st.st_mtim) == 0 ? 1 : -1;
out:
	{
		int error = errno;

		problems_release(&problems);
		buf_release(&b);
		free(source);
		free(path);
		free(page);
		errno = error;
	}
	return result;
}
