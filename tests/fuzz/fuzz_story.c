/*
 * Fuzzes the story of a journal, and all that is made of it. Whatever its bytes are: the documents must be JSON, XML must
 * have none of the characters that it does not know, and a notebook must be found by its name.
 *
 *	make fuzz
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/utf8.h"
#include "html/page.h"
#include "pagecheck.h"
#include "report/compare.h"
#include "report/github.h"
#include "report/junit.h"
#include "report/recall.h"
#include "report/story.h"
#include "report/story_lines.h"
#include "report/story_results.h"
#include "report/summary.h"
#include "report/trace.h"

#define NOW INT64_C(1795335300000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_json(struct buf *b)
{
	struct json v;

	assert(json_parse(buf_str(b), b->len, &v, NULL) == 0 && json_type(v) == JSON_OBJECT);
	buf_reset(b);
}

static void
check_text(struct buf *b)
{
	assert(utf8_check(buf_str(b), b->len) == b->len);
	for (size_t i = 0; i < b->len; i++)
		assert((unsigned char)b->data[i] >= 0x20 || b->data[i] == '\n');
	buf_reset(b);
}

/* The data of a page. */
static void
check_data(struct buf *page)
{
	static const char begin[] = "<script type=\"application/json\" id=\"data\">";
	const char *start = strstr(buf_str(page), begin), *end;
	struct json v;

	assert(start != NULL);
	start += sizeof(begin) - 1;
	end = strstr(start, "</script>");
	assert(end != NULL && json_parse(start, (size_t)(end - start), &v, NULL) == 0 && json_type(v) == JSON_OBJECT);
	buf_reset(page);
}

static void
check_notebooks(const struct story_run *run)
{
	struct story_notebook *n = NULL;
	size_t at;

	assert(run->id != NULL && run->workflow != NULL && run->object != NULL && run->nprocesses > 0);
	while ((n = story_after(run, n, &at)) != NULL) {
		assert(n->name != NULL && story_find(run, n->name) != NULL);
		assert(n->state == STORY_DONE || n->object == NULL);
		for (size_t i = 0; i < n->nattempts; i++) {
			assert(i == 0 || n->attempts[i - 1].number < n->attempts[i].number);
			assert(i + 1 == n->nattempts || n->attempts[i].end != STORY_END_LAST);
		}
		for (size_t i = 0; i < n->ndepends_on; i++)
			assert(n->depends_on[i] < run->n);
	}
}

static void
check_run(const struct story *s, const struct story_run *run)
{
	struct buf b = BUF_INIT;
	struct recalled r;
	struct comparison c;

	check_notebooks(run);
	story_put_results(run, &b);
	check_json(&b);
	trace_put(run, &b);
	check_json(&b);
	junit_put(run, "/nowhere", &b);
	check_text(&b);
	page_put(run, "/nowhere", "../", &b);
	page_check(&b, 2);
	check_data(&b);
	if (run->phase == STORY_OVER) {
		github_put_annotations(run, &b);
		check_text(&b);
		github_put_summary(run, "/nowhere", 4096, &b);
		check_text(&b);
	}
	recall(&r, run, "/nowhere", NOW);
	summary_put(&r.run, 60, false, &b);
	recall_release(&r);
	check_text(&b);
	compare(&c, s->runs[0], run);
	compare_put(&c, "/here", "/there", 60, false, &b);
	check_text(&b);
	compare_put_json(&c, "/here", "/there", &b);
	check_json(&b);
	compare_release(&c);
	buf_release(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct story s = STORY_INIT;
	const char *p = (const char *)data, *end = p + size, *feed;

	for (; p < end && (feed = memchr(p, '\n', (size_t)(end - p))) != NULL; p = feed + 1)
		story_take(&s, p, (size_t)(feed - p));
	for (size_t i = 0; i < s.n; i++)
		check_run(&s, s.runs[i]);
	story_release(&s);
	return 0;
}
