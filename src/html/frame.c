/*
 * Three things keep it in: sandbox without allow-scripts (allow-same-origin only lets the page look at its height), a
 * policy of its own beside the page's, which it inherits, and the loss of those elements that have a browser act before
 * any policy is asked (a link can resolve names and open connections).
 */
#include "html/frame.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "html/text.h"

static const char head[] =
"<!DOCTYPE html><meta charset=\"utf-8\">"
"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:\">"
"<meta http-equiv=\"x-dns-prefetch-control\" content=\"off\"><meta name=\"referrer\" content=\"no-referrer\">"
"<style>"
":root{color-scheme:%s}"
"html,body{margin:0;padding:0;background:transparent}"
"body{font:14px/1.45 system-ui,sans-serif;overflow-y:hidden}"
"table{border-collapse:collapse;border:0;font-size:13px}"
"table.dataframe td,table.dataframe th{border:0;padding:3px 10px;text-align:right;vertical-align:top}"
"table.dataframe thead{border-bottom:1px solid #8888}"
"table.dataframe tbody tr:nth-child(even){background:#8881}"
"img{max-width:100%%}"
"</style>";

/* Where one of the elements begins that do not belong into a frame. */
static bool
is_unwanted(const char *p, size_t n)
{
	static const char *const names[] = {"link", "meta", "base", "iframe", "frame", "object", "embed", "portal"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t len = strlen(names[i]);

		if (n > len && strncasecmp(p, names[i], len) == 0)
			return true;
	}
	return false;
}

/* Puts the HTML with those elements made unknown ones; of a line's end, as a browser does, a line feed alone. */
static void
put_tamed(struct buf *b, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] != '\r')
			buf_addc(b, p[i]);
		else if (i + 1 == n || p[i + 1] != '\n')
			buf_addc(b, '\n');
		if (p[i] == '<' && is_unwanted(p + i + 1, n - i - 1))
			buf_adds(b, "x-");
	}
}

/* What brings colours of its own is made for white paper. */
static bool
has_colours(const char *html, size_t n)
{
	return memmem(html, n, "color", 5) != NULL || memmem(html, n, "background", 10) != NULL || memmem(html, n, "<svg", 4) != NULL;
}

void
frame_put(struct buf *b, const char *html, size_t n, const char *title)
{
	bool white = has_colours(html, n);
	struct buf page = BUF_INIT;

	buf_addf(&page, head, white ? "light" : "light dark");
	put_tamed(&page, html, n);
	buf_addf(b, "<iframe%s sandbox=\"allow-same-origin\" title=\"", white ? " class=\"white\"" : "");
	html_puts(b, title);
	buf_adds(b, "\" srcdoc=\"");
	html_put(b, page.data, page.len);
	buf_adds(b, "\"></iframe>\n");
	buf_release(&page);
}
