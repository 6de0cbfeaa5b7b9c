#include <config.h>

#include "html/page.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "html/asset.h"
#include "html/data.h"
#include "html/text.h"

#define MESSAGE_MAX 300	/* bytes of what is said of a failure in the table */

static void
put_head(const struct story_run *run, struct buf *b)
{
	char script[ASSET_POLICY], style[ASSET_POLICY];

	buf_adds(b, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
	buf_addf(b, "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src %s; style-src %s; "
	    "img-src data:; base-uri 'none'; form-action 'none'\">\n", asset_policy(ASSET_PAGE_JS, script),
	    asset_policy(ASSET_PAGE_CSS, style));
	buf_adds(b, "<meta name=\"referrer\" content=\"no-referrer\">\n"
	    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	    "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
	html_puts(b, run->workflow);
	buf_addf(b, ": %s</title>\n<style>", run->phase == STORY_OVER ? status_name(run->status) : "running");
	asset_put(b, ASSET_PAGE_CSS);
	buf_adds(b, "</style>\n</head>\n<body>\n");
}

/* "4 notebooks: 3 succeeded, 1 failed", and so on. */
static void
put_counts(const struct story_run *run, struct buf *b)
{
	size_t counts[STATUSES], done = 0;

	story_counts(run, counts);
	buf_addf(b, "%zu notebook%s", run->n, run->n == 1 ? "" : "s");
	for (int i = 0; i < STATUSES; i++) {
		if (counts[i] > 0)
			buf_addf(b, "%s%zu %s", done == 0 ? ": " : ", ", counts[i], status_name((enum status)i));
		done += counts[i];
	}
	if (done < run->n)
		buf_addf(b, "%s%zu not over", done == 0 ? ": " : ", ", run->n - done);
}

static void
put_header(const struct story_run *run, struct buf *b)
{
	char text[CLOCK_TEXT];

	buf_adds(b, "<header id=\"header\">\n<h1>");
	html_puts(b, run->workflow);
	buf_adds(b, "</h1>\n<p id=\"verdict\">");
	if (run->phase == STORY_OVER)
		buf_adds(b, status_name(run->status));
	else
		buf_adds(b, run->phase == STORY_GOES_ON ? "running" : "killed: nbfork has not come to its end");
	buf_adds(b, "</p>\n<p id=\"counts\">");
	put_counts(run, b);
	buf_addf(b, "; started %s", clock_text(text, run->started, 0));
	if (run->phase == STORY_OVER)
		buf_addf(b, ", %.1f s", run->duration_seconds);
	if (run->stop_reason != NULL) {
		buf_adds(b, "; stopped: ");
		html_puts(b, run->stop_reason);
	}
	buf_adds(b, "</p>\n</header>\n<main id=\"main\">\n");
}

/* ---- The table ---- */

static void
put_number(struct buf *b, struct json v, double divisor, const char *unit)
{
	double d;

	buf_adds(b, "<td class=\"n\">");
	if (json_double(v, &d))
		buf_addf(b, "%.*f%s", d / divisor < 100 ? 1 : 0, d / divisor, unit);
	buf_adds(b, "</td>");
}

static const char *
state_name(const struct story_run *run, const struct story_notebook *n)
{
	if (n->state == STORY_DONE)
		return status_name(n->status);
	if (n->state == STORY_WAITING)
		return "waiting";
	return run->phase == STORY_TORN_OFF ? "killed" : "running";
}

/* What went wrong, on a line. */
static void
put_reason(struct buf *b, const struct story_notebook *n, struct json object)
{
	struct json error = json_get(object, "error"), name = json_get(error, "name");
	struct buf text = BUF_INIT;
	const char *newline;

	if (n->kept_from != NULL)
		buf_adds(&text, "in an earlier run");
	if (json_type(name) == JSON_STRING) {
		json_decode(&text, name);
		buf_adds(&text, ": ");
	}
	json_decode(&text, json_get(error, "message"));
	newline = text.len > 0 ? memchr(text.data, '\n', text.len) : NULL;
	if (newline != NULL)
		buf_truncate(&text, (size_t)(newline - text.data));
	html_put_bounded(b, buf_str(&text), text.len < MESSAGE_MAX ? text.len : MESSAGE_MAX, MESSAGE_MAX, NULL);
	buf_release(&text);
}

static void
put_cells(struct buf *b, const struct story_notebook *n, struct json object)
{
	struct json cells = json_get(object, "cells");
	const struct story_attempt *last = n->nattempts > 0 ? &n->attempts[n->nattempts - 1] : NULL;

	buf_adds(b, "<td class=\"n\">");
	if (n->state == STORY_DONE && n->status != STATUS_SKIPPED && json_type(cells) == JSON_OBJECT)
		buf_addf(b, "%u/%u", json_count_of(cells, "executed"), json_count_of(cells, "total"));
	else if (n->state == STORY_RUNNING && last != NULL && last->total > 0)
		buf_addf(b, "%zu/%u", last->ncells, last->total);
	buf_adds(b, "</td>");
}

static void
put_name(struct buf *b, const struct story_notebook *n, struct json object, const char *folder, const char *base)
{
	char *output = json_strdup(json_get(object, "output")), *page = data_page(folder, output);
	unsigned depth = story_depth(n);

	buf_addf(b, "<th scope=\"row\" class=\"d%u\">", depth < 6 ? depth : 6);
	if (page != NULL) {
		char *path = xasprintf("%s%s", base, page);

		buf_adds(b, "<a href=\"");
		html_put_path(b, path);
		buf_adds(b, "\">");
		free(path);
	}
	html_puts(b, n->name);
	buf_adds(b, page != NULL ? "</a></th>" : "</th>");
	free(page);
	free(output);
}

static void
put_row(struct buf *b, const struct story_run *run, const struct story_notebook *n, const char *folder, const char *base)
{
	struct json object = n->object != NULL ? json_of(n->object) : JSON_NOTHING;
	const char *state = state_name(run, n);
	int64_t attempts;

	buf_adds(b, "<tr>");
	put_name(b, n, object, folder, base);
	buf_addf(b, "<td class=\"s %s\">%s</td>", state, state);
	put_number(b, json_get(object, "duration_seconds"), 1, " s");
	put_number(b, json_get(object, "queued_seconds"), 1, " s");
	put_cells(b, n, object);
	put_number(b, json_get(object, "cpu_seconds"), 1, " s");
	put_number(b, json_get(object, "max_rss_bytes"), 1024 * 1024, " MiB");
	buf_adds(b, "<td class=\"n\">");
	if (!json_int(json_get(object, "attempts"), &attempts))
		attempts = (int64_t)n->nattempts;
	buf_addf(b, "%lld", (long long)attempts);
	buf_adds(b, "</td><td class=\"r\">");
	put_reason(b, n, object);
	buf_adds(b, "</td></tr>\n");
}

static void
put_table(const struct story_run *run, const char *folder, const char *base, struct buf *b)
{
	static const char *const columns[] = {"notebook", "status", "time", "queued", "cells", "CPU", "memory", "attempts", "what happened"};
	struct story_notebook *n = NULL;
	size_t i;

	buf_adds(b, "<section id=\"notebooks\" aria-labelledby=\"notebooks-title\">\n<h2 id=\"notebooks-title\">Notebooks</h2>\n"
	    "<div class=\"wide\"><table id=\"table\">\n<thead><tr>");
	for (size_t c = 0; c < sizeof(columns) / sizeof(columns[0]); c++)
		buf_addf(b, "<th scope=\"col\"%s>%s</th>", c >= 2 && c <= 7 ? " class=\"n\"" : "", columns[c]);
	buf_adds(b, "</tr></thead>\n<tbody id=\"rows\">\n");
	while ((n = story_after(run, n, &i)) != NULL)
		put_row(b, run, n, folder, base);
	buf_adds(b, "</tbody></table></div>\n</section>\n");
}

/* ---- The data ---- */

/* JSON as the content of a script element, which ends at the first "</script" and knows comments: no '<' in it. */
static void
put_data(const struct story_run *run, const char *folder, const char *base, struct buf *b)
{
	struct buf json = BUF_INIT;
	const char *p, *end, *angle;

	data_put(run, folder, base, &json);
	buf_adds(b, "<script type=\"application/json\" id=\"data\">");
	for (p = json.data, end = p + json.len; (angle = memchr(p, '<', (size_t)(end - p))) != NULL; p = angle + 1) {
		buf_add(b, p, (size_t)(angle - p));
		buf_adds(b, "\\u003c");
	}
	buf_add(b, p, (size_t)(end - p));
	buf_adds(b, "</script>\n");
	buf_release(&json);
}

void
page_put(const struct story_run *run, const char *folder, const char *base, struct buf *b)
{
	char text[CLOCK_TEXT];

	put_head(run, b);
	put_header(run, b);
	put_table(run, folder, base, b);
	buf_adds(b, "</main>\n<footer id=\"footer\"><p>");
	if (run->phase == STORY_GOES_ON)
		buf_adds(b, "The run goes on; reload to see how far it has come. ");
	buf_addf(b, "Written by nbfork %s at %s.</p></footer>\n", PACKAGE_VERSION, clock_text(text, clock_wall(), 0));
	put_data(run, folder, base, b);
	buf_adds(b, "<script>");
	asset_put(b, ASSET_PAGE_JS);
	buf_adds(b, "</script>\n</body>\n</html>\n");
}
