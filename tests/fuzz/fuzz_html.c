/*
 * Fuzzes the pages of executed copies. The input is a notebook; and whatever it is, it is what a notebook holds in every
 * place where it can hold text. No page may come of it that does anything (pagecheck.h).
 *
 *	make fuzz
 */
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/problem.h"
#include "html/copy.h"
#include "notebook/ipynb.h"
#include "pagecheck.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Takes the text. */
static void
show(struct buf *text, const char *title)
{
	struct problems problems = PROBLEMS_INIT;
	struct buf page = BUF_INIT;
	struct notebook nb;

	if (notebook_parse(&nb, "input", text, &problems) == 0) {
		copy_put(&nb, title, title, "../report.html", &page);
		page_check(&page, 1);
	}
	notebook_release(&nb);
	problems_release(&problems);
	buf_release(&page);
}

/* "@" stands for the input. */
static const char form[] =
"{\"nbformat\": 4, \"nbformat_minor\": 5, \"metadata\": {\"title\": @}, \"cells\": ["
"{\"cell_type\": \"markdown\", \"id\": \"a\", \"metadata\": {}, \"source\": @, \"attachments\": {@: {\"image/png\": @}, \"a\": {\"image/png\": @}}},"
"{\"cell_type\": \"markdown\", \"id\": \"b\", \"metadata\": {}, \"source\": [\"> * \", @, \"\\n\\n![x](attachment:a)\\n|a|\\n|-|\\n|\", @, \"|\"]},"
"{\"cell_type\": \"markdown\", \"id\": \"c\", \"metadata\": {\"tags\": [\"papermill-error-cell-tag\"]}, \"source\": @},"
"{\"cell_type\": \"raw\", \"id\": \"d\", \"metadata\": {\"tags\": [@]}, \"source\": @},"
"{\"cell_type\": \"code\", \"id\": \"e\", \"metadata\": {\"papermill\": {\"status\": @}}, \"execution_count\": 1, \"source\": @, \"outputs\": ["
"{\"output_type\": \"stream\", \"name\": @, \"text\": @},"
"{\"output_type\": \"error\", \"ename\": @, \"evalue\": @, \"traceback\": [@, @]},"
"{\"output_type\": \"error\", \"ename\": @, \"evalue\": @, \"traceback\": []},"
"{\"output_type\": \"display_data\", \"metadata\": {}, \"data\": {\"text/html\": @}},"
"{\"output_type\": \"display_data\", \"metadata\": {\"image/png\": {\"width\": @}}, \"data\": {\"image/png\": @, \"text/plain\": @}},"
"{\"output_type\": \"display_data\", \"metadata\": {}, \"data\": {\"image/svg+xml\": @}},"
"{\"output_type\": \"display_data\", \"metadata\": {}, \"data\": {\"text/markdown\": @}},"
"{\"output_type\": \"display_data\", \"metadata\": {}, \"data\": {\"text/latex\": @}},"
"{\"output_type\": \"display_data\", \"metadata\": {}, \"data\": {\"application/json\": {@: @}}},"
"{\"output_type\": \"execute_result\", \"execution_count\": 1, \"metadata\": {}, \"data\": {@: @}}"
"]}]}";

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text = BUF_INIT, title = BUF_INIT;

	buf_add(&title, data, size);
	buf_add(&text, data, size);
	show(&text, buf_str(&title));
	buf_reset(&text);
	for (const char *p = form; *p != '\0'; p++) {
		if (*p == '@')
			json_put_string(&text, (const char *)data, size);
		else
			buf_addc(&text, *p);
	}
	show(&text, "title");
	buf_release(&text);
	buf_release(&title);
	return 0;
}
