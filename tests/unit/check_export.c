#include "exporttest.h"

#include <check.h>

#include "base/mem.h"
#include "databricks/export.h"
#include "databricks/plain.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static struct exported e;
static struct mask mask;
static struct buf answer, printed;
static struct json nb;	/* in printed */

static void
end(void)
{
	exported_release(&e);
	mask_release(&mask);
	buf_release(&answer);
	buf_release(&printed);
}

static void
put(void *arg, const void *p, size_t n)
{
	buf_add(arg, p, n);
}

/* A copy with '"' for each '`'. */
static char *
quoted(const char *text)
{
	char *copy = xstrdup(text);

	for (char *p = copy; *p != '\0'; p++)
		if (*p == '`')
			*p = '"';
	return copy;
}

static int
take_answer(void)
{
	exported_release(&e);
	return export_read(&e, json_of(answer.data), &mask);
}

static void
print(void)
{
	const struct text_sink sink = {put, &printed};

	buf_reset(&printed);
	notebook_print(&e.notebook, &sink);
	ck_assert_int_eq(json_parse(printed.data, printed.len, &nb, NULL), 0);
	ck_assert_msg(is_notebook(nb), "no notebook: %s", printed.data);
}

/* Reads a model, with '`' for '"'. */
static void
take(const char *model)
{
	char *text = quoted(model);

	buf_reset(&answer);
	put_model_answer(&answer, text, strlen(text));
	ck_assert_int_eq(take_answer(), 0);
	print();
	free(text);
}

/* Reads a notebook of one command that was run, with these members. */
static void
take_command(const char *members)
{
	char *model = xasprintf("{`version`: `NotebookV1`, `name`: `nb`, `language`: `python`, `commands`: ["
	    "{`command`: `f()`, `position`: 1.0, `state`: `finished`, `nuid`: `u1`, %s}]}", members);

	take(model);
	free(model);
}

static struct json
at(struct json list, int index)
{
	struct json_iter it;
	struct json v = JSON_NOTHING;

	json_walk(&it, list);
	for (int i = 0; i <= index; i++)
		ck_assert(json_next(&it, NULL, &v));
	return v;
}

static struct json
cell(int index)
{
	return at(json_get(nb, "cells"), index);
}

static struct json
output(int index)
{
	return at(json_get(cell(0), "outputs"), index);
}

/* A text of nbformat's, its lines joined, is expected ('`' for '"'). */
static void
check_text(struct json v, const char *expected)
{
	struct buf text = BUF_INIT;
	char *wanted = quoted(expected);
	struct json_iter it;
	struct json line;

	ck_assert_int_ne(json_type(v), JSON_NONE);
	json_decode(&text, v);
	json_walk(&it, v);
	while (json_next(&it, NULL, &line))
		json_decode(&text, line);
	ck_assert_str_eq(buf_str(&text), wanted);
	buf_release(&text);
	free(wanted);
}

static void
check_data(int index, const char *mime, const char *expected)
{
	ck_assert(json_is(json_get(output(index), "output_type"), "display_data"));
	check_text(json_get(json_get(output(index), "data"), mime), expected);
}

static void
check_stream(int index, const char *name, const char *expected)
{
	ck_assert(json_is(json_get(output(index), "output_type"), "stream"));
	ck_assert(json_is(json_get(output(index), "name"), name));
	check_text(json_get(output(index), "text"), expected);
}

static void
check_outputs(size_t n)
{
	ck_assert_uint_eq(json_count(json_get(cell(0), "outputs")), n);
}

/* ---- Cells ---- */

/* As a workspace gives it, with all that is around what matters. */
START_TEST(reads_a_notebook)
{
	struct json m;

	take("{`version`: `NotebookV1`, `origId`: 7000000000000000001, `name`: `etl \xc3\xa4`, `language`: `python`, "
	    "`commands`: ["
	    "{`version`: `CommandV1`, `guid`: `g3`, `subtype`: `command`, `position`: 3.0, `command`: `print(2)`, "
	    "`state`: `input`, `results`: null, `errorSummary`: null, `error`: null, `startTime`: 0, `nuid`: `u3`},"
	    "{`version`: `CommandV1`, `guid`: `g1`, `position`: 1.0, `command`: `%md\\n# Title\\ntext`, `state`: "
	    "`finished`, "
	    "`results`: {`type`: `html`, `data`: `<h1>Title</h1>`}, `nuid`: `u1`},"
	    "{`version`: `CommandV1`, `guid`: `g2`, `position`: 2.0, `command`: `print(1)\\nx = `, `state`: "
	    "`finished`, "
	    "`startTime`: 1764058500123, `finishTime`: 1764058501500, `commandTitle`: `One`, `showCommandTitle`: true, "
	    "`results`: {`type`: `listResults`, `data`: [{`type`: `ansi`, `data`: `1\\n`, `name`: `stdout`}]}, "
	    "`nuid`: `u2`},"
	    "{`position`: 4.0, `command`: `%sql select 1`, `state`: `skipped`, `nuid`: `u4`},"
	    "{`position`: 5.0, `command`: ` \\n`, `state`: `finished`, `nuid`: `u5`}"
	    "], `dashboards`: [], `globalVars`: {}, `iPythonMetadata`: null, `inputWidgets`: {}}");
	ck_assert_uint_eq(json_count(json_get(nb, "cells")), 5);
	ck_assert_uint_eq(e.cells, 3);
	ck_assert_uint_eq(e.executed, 1);
	ck_assert_int_eq(e.error_cell, -1);
	ck_assert_ptr_null(e.error_name);
	ck_assert_str_eq(buf_str(&e.log), "1\n");
	ck_assert(json_is(json_get(cell(0), "cell_type"), "markdown"));
	check_text(json_get(cell(0), "source"), "# Title\ntext");
	ck_assert(json_is(json_get(cell(1), "cell_type"), "code"));
	check_text(json_get(cell(1), "source"), "print(1)\nx = ");
	ck_assert_uint_eq(json_count(json_get(cell(1), "source")), 2);
	ck_assert_int_eq(*json_get(cell(1), "execution_count").text, '1');
	ck_assert(json_is(json_get(cell(1), "id"), "u2"));
	m = json_get(json_get(cell(1), "metadata"), "application/vnd.databricks.v1+cell");
	ck_assert(json_is(json_get(m, "title"), "One"));
	ck_assert(json_is(json_get(m, "nuid"), "u2"));
	ck_assert_int_eq(json_type(json_get(m, "showTitle")), JSON_TRUE);
	check_text(json_get(at(json_get(cell(1), "outputs"), 0), "text"), "1\n");
	check_text(json_get(cell(2), "source"), "print(2)");
	ck_assert_int_eq(json_type(json_get(cell(2), "execution_count")), JSON_NULL);
	check_text(json_get(cell(3), "source"), "%sql select 1");
	ck_assert_int_eq(json_type(json_get(cell(4), "execution_count")), JSON_NULL);
	m = json_get(json_get(nb, "metadata"), "application/vnd.databricks.v1+notebook");
	ck_assert(json_is(json_get(m, "notebookName"), "etl \xc3\xa4"));
	ck_assert(json_is(json_get(m, "language"), "python"));
	ck_assert_int_eq(e.notebook.cells[1].started_at, 1764058500123000);
	ck_assert_int_eq(e.notebook.cells[1].ended_at, 1764058501500000);
	ck_assert_int_eq(e.notebook.cells[1].state, CELL_COMPLETED);
	ck_assert_int_eq(e.notebook.cells[2].state, CELL_PENDING);
}
END_TEST

static const struct {
	const char *command, *type, *source;
} sources[] = {
	{"%md # A", "markdown", "# A"},
	{" \\n%md\\n\\n# A\\n", "markdown", "# A\n"},
	{"%md", "markdown", ""},
	{"%md-sandbox\\n<b>x</b>", "markdown", "<b>x</b>"},
	{"%mdx", "code", "%mdx"},
	{"x %md", "code", "x %md"},
	{"%sql\\nselect 1", "code", "%sql\nselect 1"},
	{"%run ./other", "code", "%run ./other"},
	{"", "code", ""},
	{"\\u0000%md", "code", NULL},	/* a character that ends no text */
};

START_TEST(reads_sources)
{
	char *model = xasprintf("{`commands`: [{`command`: `%s`}]}", sources[_i].command);

	take(model);
	ck_assert(json_is(json_get(cell(0), "cell_type"), sources[_i].type));
	if (sources[_i].source != NULL)
		check_text(json_get(cell(0), "source"), sources[_i].source);
	free(model);
}
END_TEST

/* An id that is not fit, or there twice, becomes another one; is_notebook() sees to it. */
START_TEST(makes_ids)
{
	take("{`commands`: [{`command`: `a`, `nuid`: `same`}, {`command`: `b`, `nuid`: `same`}, {`command`: `c`}, "
	    "{`command`: `d`, `nuid`: 5}, {`command`: `e`, `nuid`: `not fit`}, {`command`: `f`, `nuid`: ``}]}");
	ck_assert(json_is(json_get(cell(0), "id"), "same"));
	ck_assert_uint_eq(json_count(json_get(nb, "cells")), 6);
}
END_TEST

/* ---- Results ---- */

#define LIST(items) "`results`: {`type`: `listResults`, `data`: [" items "]}"

START_TEST(reads_text)
{
	take_command(LIST("{`type`: `ansi`, `data`: `a\\n`, `name`: `stdout`}, {`type`: `ansi`, `data`: `b\\n`, "
	    "`name`: null}, "
	    "{`type`: `ansi`, `data`: `\\u001b[31merr\\u001b[0m\\n`, `name`: `stderr`}, {`type`: `raw`, `data`: `c`}, "
	    "{`type`: `exit`, `data`: ``}"));
	check_outputs(3);
	check_stream(0, "stdout", "a\nb\n");
	check_stream(1, "stderr", "\033[31merr\033[0m\n");
	check_stream(2, "stdout", "c");
	ck_assert_str_eq(e.log.data, "a\nb\n\033[31merr\033[0m\nc");
	take_command("`results`: {`type`: `ansi`, `data`: `50%\\r100%\\n`}");
	check_stream(0, "stdout", "100%\n");
	ck_assert_str_eq(e.log.data, "50%\r100%\n");
}
END_TEST

/* Older pages: what was printed is HTML of a class, anything else is HTML that was shown. */
START_TEST(reads_html)
{
	take_command("`results`: {`type`: `html`, `data`: `<div class=\\`ansiout\\`>1 &lt; 2 &amp;&amp; "
	    "&#39;x&#x27;&#8364; "
	    "&quot;<span class=\\`ansi-red-fg\\`>red</span>&quot;\\n&nbsp;&unknown; a < b<br/>c</div>`, `arguments`: "
	    "{}}");
	check_outputs(1);
	check_stream(0, "stdout", "1 < 2 && 'x'\xe2\x82\xac `red`\n &unknown; a < b\nc");
	take_command("`results`: {`type`: `html`, `data`: `<b>x</b>\\n<script>f()</script>`}");
	check_outputs(1);
	check_data(0, "text/html", "<b>x</b>\n<script>f()</script>");
	ck_assert_uint_eq(e.log.len, 0);
	take_command("`results`: {`type`: `htmlSandbox`, `data`: `<div class=\\`ansiout\\`>x</div>`, `textData`: "
	    "null}");
	check_data(0, "text/html", "<div class=`ansiout`>x</div>");
	take_command("`results`: {`type`: `html`, `data`: ``}");
	check_outputs(0);
}
END_TEST

START_TEST(reads_tables)
{
	take_command(LIST("{`type`: `table`, `schema`: [{`name`: `id`, `type`: `\\`long\\``}, {`name`: `<n>`}, `odd`], "
	    "`data`: [[1, `a&b`, null], [12345678901234567890, `<script>`, [1, {`x`: true}]], []], `overflow`: "
	    "false}"));
	check_outputs(1);
	check_data(0, "text/html", "<table>\n<tr><th>id</th><th>&lt;n&gt;</th><th>odd</th></tr>\n"
	    "<tr><td>1</td><td>a&amp;b</td><td>null</td></tr>\n"
	    "<tr><td>12345678901234567890</td><td>&lt;script&gt;</td><td>[1, {`x`: "
	    "true}]</td></tr>\n<tr></tr>\n</table>");
	check_data(0, "text/plain", "id\t<n>\todd\n1\ta&b\tnull\n12345678901234567890\t<script>\t[1, {`x`: true}]\n\n");
	take_command(LIST("{`type`: `table`, `data`: [[1]], `overflow`: true}"));
	check_data(0, "text/plain", "1\n(the workspace has cut the table)\n");
	take_command(LIST("{`type`: `table`, `schema`: 5, `data`: `x`}"));
	check_data(0, "text/plain", "");
}
END_TEST

/* Rows over the most are counted. */
START_TEST(cuts_tables)
{
	struct buf members = BUF_INIT;
	char *text;

	buf_adds(&members, "`results`: {`type`: `table`, `schema`: [{`name`: `n`}], `data`: [[0]");
	for (int i = 1; i < 1003; i++)
		buf_addf(&members, ", [%d]", i);
	buf_adds(&members, "]}");
	take_command(members.data);
	text = json_strdup(at(json_get(json_get(output(0), "data"), "text/plain"), 1000));
	ck_assert_str_eq(text, "999\n");
	free(text);
	text = json_strdup(at(json_get(json_get(output(0), "data"), "text/plain"), 1001));
	ck_assert_str_eq(text, "(3 more rows are not shown)\n");
	free(text);
	buf_release(&members);
}
END_TEST

static const struct {
	const char *data, *mime, *text;	/* mime NULL: nothing is shown */
} images[] = {
	{"iVBORw0KGgo=", "image/png", "iVBORw0KGgo="},
	{"data:image/png;base64,iVBORw0KGgo=", "image/png", "iVBORw0KGgo="},
	{"data:image/jpeg;base64,/9j/", "image/jpeg", "/9j/"},
	{"data:image/svg+xml;base64,PHN2Zy8+", "image/svg+xml", "<svg/>"},
	{"data:image/svg+xml;base64,PHN2Z", NULL, NULL},
	{"/plots/1.png?x=1", "text/plain", "(image that is not in the page: /plots/1.png?x=1)"},
	{"data:text/html;base64,PHN2Zy8+", "text/plain", "(image that is not in the page: "
	    "data:text/html;base64,PHN2Zy8+)"},
	{"data:image/p<g;base64,AAAA", "text/plain", "(image that is not in the page: data:image/p<g;base64,AAAA)"},
	{"data:image/png,AAAA", "text/plain", "(image that is not in the page: data:image/png,AAAA)"},
	{"", "text/plain", "(image that is not in the page: )"},
};

START_TEST(reads_images)
{
	char *members = xasprintf(LIST("{`type`: `image`, `data`: `%s`}"), images[_i].data);

	take_command(members);
	if (images[_i].mime != NULL)
		check_data(0, images[_i].mime, images[_i].text);
	else
		check_outputs(0);
	free(members);
}
END_TEST

START_TEST(reads_bundles)
{
	struct json data;

	take_command(LIST("{`type`: `mimeBundle`, `data`: {`text/plain`: `<Figure>\\nx`, `image/png`: `iVBORw0KGgo=`, "
	    "`application/json`: {`a`: [1]}, `text/html`: 5}}"));
	check_outputs(1);
	check_data(0, "text/plain", "<Figure>\nx");
	check_data(0, "image/png", "iVBORw0KGgo=");
	check_data(0, "text/html", "5");
	data = json_get(json_get(output(0), "data"), "application/json");
	ck_assert_int_eq(json_type(json_get(data, "a")), JSON_ARRAY);
}
END_TEST

static const char *const unknown[] = {
	"`results`: null", "`results`: 5", "`results`: []", "`results`: {}", "`results`: {`type`: `ansi`}",
	"`results`: {`type`: `ansi`, `data`: 5}", "`results`: {`type`: `chart`, `data`: {`x`: 1}}",
	"`results`: {`type`: `listResults`, `data`: `x`}", "`results`: {`type`: `mimeBundle`, `data`: `x`}",
	"`results`: {`type`: `image`, `data`: null}", "`results`: {`type`: `html`, `data`: [`x`]}",
	LIST("null, 1, [], {}, `x`"), "`errorSummary`: 5, `error`: []", "`errorSummary`: null, `error`: null",
	/* lists in lists, without end */
	LIST("{`type`: `listResults`, `data`: [{`type`: `listResults`, `data`: [{`type`: `listResults`, `data`: ["
	    "{`type`: `listResults`, `data`: [{`type`: `ansi`, `data`: `x`}]}]}]}]}"),
};

START_TEST(passes_over_unknown_results)
{
	take_command(unknown[_i]);
	check_outputs(0);
	ck_assert_int_eq(e.error_cell, -1);
}
END_TEST

/* What is nested as deeply as can be read would be too deep in the notebook. */
START_TEST(bears_deep_bundles)
{
	for (int depth = 480; depth <= 506; depth++) {
		struct buf members = BUF_INIT;

		buf_adds(&members, "`results`: {`type`: `mimeBundle`, `data`: {`application/json`: ");
		buf_fill(&members, '[', (size_t)depth);
		buf_fill(&members, ']', (size_t)depth);
		buf_adds(&members, "}}");
		take_command(members.data);
		check_outputs(depth <= 503);
		buf_release(&members);
	}
}
END_TEST

/* ---- Errors ---- */

static const struct {
	const char *members, *name, *message, *log;
} errors[] = {
	{"`errorSummary`: `<span class='ansi-red-fg'>ZeroDivisionError</span>: division by zero`, `errorTraceType`: "
	    "`ansi`, "
	    "`error`: `\\u001b[0;31mZeroDivisionError\\u001b[0m: division by zero`", "ZeroDivisionError", "division "
	    "by zero",
	    "\033[0;31mZeroDivisionError\033[0m: division by zero\n"},
	{"`errorSummary`: `<span class=\\`ansired\\`>ValueError</span>: a &lt; b &amp; c`, `errorTraceType`: `html`, "
	    "`error`: `<div class=\\`ansiout\\`><span>ValueError</span>\\nx &lt; y\\n</div>`", "ValueError", "a < b "
	    "& c",
	    "ValueError\nx < y\n"},
	{"`errorSummary`: `KeyError: 1`, `error`: `<div class=\\`ansiout\\`>trace</div>`", "KeyError", "1", "trace\n"},
	{"`errorSummary`: `AssertionError`, `error`: `trace\\n`", "AssertionError", "", "trace\n"},
	{"`errorSummary`: `Error in SQL statement: ParseException: x`, `error`: null", NULL,
	    "Error in SQL statement: ParseException: x", "Error in SQL statement: ParseException: x\n"},
	{"`errorSummary`: `org.apache.spark.SparkException: Job aborted`", "org.apache.spark.SparkException", "Job "
	    "aborted",
	    "org.apache.spark.SparkException: Job aborted\n"},
	{"`errorSummary`: null, `error`: `trace`", NULL, "", "trace\n"},
	{"`errorSummary`: `Cancelled`", "Cancelled", "", "Cancelled: \n"},
};

START_TEST(reads_errors)
{
	struct json error;
	char *name;

	take_command(errors[_i].members);
	ck_assert_int_eq(e.error_cell, 0);
	ck_assert_pstr_eq(e.error_name, errors[_i].name);
	ck_assert_str_eq(e.error_message, errors[_i].message);
	ck_assert_str_eq(e.log.data, errors[_i].log);
	ck_assert(e.notebook.cells[0].exception);
	ck_assert_int_eq(e.notebook.cells[0].state, CELL_FAILED);
	error = output(0);
	ck_assert(json_is(json_get(error, "output_type"), "error"));
	name = json_strdup(json_get(error, "ename"));
	ck_assert_str_eq(name, errors[_i].name != NULL ? errors[_i].name : "Error");
	free(name);
	check_text(json_get(error, "evalue"), errors[_i].message);
	ck_assert_uint_ge(json_count(json_get(error, "traceback")), 1);
}
END_TEST

/* The first one counts; what it printed comes before. */
START_TEST(takes_the_first_error)
{
	take("{`commands`: [{`command`: `%md x`}, {`command`: `a`, `state`: `finished`}, {`command`: `b`, `state`: "
	    "`error`, "
	    "`results`: {`type`: `ansi`, `data`: `before`}, `errorSummary`: `E1: m1`, `error`: `l1\\nl2`}, "
	    "{`command`: `c`, `state`: `error`, `errorSummary`: `E2: m2`}]}");
	ck_assert_int_eq(e.error_cell, 2);
	ck_assert_str_eq(e.error_name, "E1");
	ck_assert_str_eq(e.error_message, "m1");
	ck_assert_str_eq(e.log.data, "before\nl1\nl2\nE2: m2\n");
	ck_assert_uint_eq(json_count(json_get(cell(2), "outputs")), 2);
	ck_assert_uint_eq(json_count(json_get(at(json_get(cell(2), "outputs"), 1), "traceback")), 2);
	ck_assert_int_eq(*json_get(cell(2), "execution_count").text, '2');
}
END_TEST

/* ---- Secrets ---- */

START_TEST(masks)
{
	static const char *const secrets[] = {"hunter2", "a<b&c", "two\nlines"};

	for (int i = 0; i < COUNT(secrets); i++)
		mask_add(&mask, secrets[i], strlen(secrets[i]));
	take("{`name`: `hunter2`, `language`: `hunter2`, `commands`: [{`command`: `x = 'hunter2'\\ny = `, `nuid`: "
	    "`hunter2`, "
	    "`commandTitle`: `hunter2`, `state`: `error`, `errorSummary`: `hunter2: hunter2`, "
	    "`error`: `hunt\\u0065r2 two\\nlines`, `results`: {`type`: `listResults`, `data`: ["
	    "{`type`: `ansi`, `data`: `hunter2 hun`}, {`type`: `ansi`, `data`: `ter2\\n`}, "
	    "{`type`: `table`, `schema`: [{`name`: `hunter2`}], `data`: [[`a<b&c`], [[`hunter2`]]]}, "
	    "{`type`: `html`, `data`: `<div class=\\`ansiout\\`>a&lt;b&amp;c</div>`}, "
	    "{`type`: `htmlSandbox`, `data`: `<b>hunter2</b> two\\nlines`}, "
	    "{`type`: `image`, `data`: `/hunter2`}, "
	    "{`type`: `mimeBundle`, `data`: {`text/plain`: `hunter2`, `application/json`: {`hunter2`: `hunter2`}}}"
	    "]}}, {`command`: `%md hunter2`}]}");
	ck_assert_ptr_null(strstr(printed.data, "hunter2"));
	ck_assert_ptr_null(strstr(printed.data, "a<b"));
	ck_assert_ptr_null(strstr(printed.data, "a&lt;b"));
	ck_assert_ptr_null(strstr(printed.data, "lines"));
	ck_assert_str_eq(e.log.data, "*** ***\n***\n*** ***\n");
	ck_assert_str_eq(e.error_name, "***");
	ck_assert_str_eq(e.error_message, "***");
	check_stream(0, "stdout", "*** ***\n");
	check_text(json_get(cell(1), "source"), "***");
}
END_TEST

/* ---- Pages ---- */

static const char *const refused[] = {
	"", "<html></html>", "__DATABRICKS_NOTEBOOK_MODEL", "var __DATABRICKS_NOTEBOOK_MODEL = ",
	"var __DATABRICKS_NOTEBOOK_MODEL = '", "var __DATABRICKS_NOTEBOOK_MODEL = ''",
	"var __DATABRICKS_NOTEBOOK_MODEL = {};", "var __DATABRICKS_NOTEBOOK_MODEL 'e30='",
	"var __DATABRICKS_NOTEBOOK_MODEL = 'e30", "var __DATABRICKS_NOTEBOOK_MODEL = 'e30'",
	"var __DATABRICKS_NOTEBOOK_MODEL = 'e3 0='", "var __DATABRICKS_NOTEBOOK_MODEL = 'e30=\"",
	"var __DATABRICKS_NOTEBOOK_MODEL = '===='", "var __DATABRICKS_NOTEBOOK_MODEL = 'W10='",	/* [] */
	"var __DATABRICKS_NOTEBOOK_MODEL = 'bnVsbA=='", "var __DATABRICKS_NOTEBOOK_MODEL = '/////w=='",
	"var __DATABRICKS_NOTEBOOK_MODEL = 'eyI='",	/* {" */
};

START_TEST(refuses_pages)
{
	put_answer(&answer, refused[_i], strlen(refused[_i]));
	ck_assert_int_eq(take_answer(), -1);
}
END_TEST

START_TEST(refuses_answers)
{
	static const char *const answers[] = {"{}", "null", "[]", "{\"views\": null}", "{\"views\": []}",
	    "{\"views\": [1]}",
		"{\"views\": [{\"content\": 5}]}", "{\"views\": {\"content\": \"x\"}}"};

	for (int i = 0; i < COUNT(answers); i++) {
		buf_reset(&answer);
		buf_adds(&answer, answers[i]);
		ck_assert_int_eq(take_answer(), -1);
	}
}
END_TEST

static const char *const accepted[] = {
	"var __DATABRICKS_NOTEBOOK_MODEL = 'e30='", "__DATABRICKS_NOTEBOOK_MODEL='e30='",
	"__DATABRICKS_NOTEBOOK_MODEL \n=\t\"e30=\"",
	"// __DATABRICKS_NOTEBOOK_MODEL is set in __DATABRICKS_NOTEBOOK_MODEL = 'e30='",
	"\\u0000 __DATABRICKS_NOTEBOOK_MODEL = 'e30='", "__DATABRICKS_NOTEBOOK_MODEL = 'JTdCJTdE'",	/* %7B%7D */
};

START_TEST(finds_models)
{
	put_answer(&answer, accepted[_i], strlen(accepted[_i]));
	ck_assert_int_eq(take_answer(), 0);
	print();
	ck_assert_uint_eq(json_count(json_get(nb, "cells")), 0);
}
END_TEST

/* The first view with a model. */
START_TEST(finds_the_view)
{
	buf_adds(&answer, "{\"views\": [{\"content\": \"<html>\"}, {\"content\": \"\\u0000 "
	    "__DATABRICKS_NOTEBOOK_MODEL = 'e30='\"}, "
	    "{\"content\": \"__DATABRICKS_NOTEBOOK_MODEL = '!'\"}]}");
	ck_assert_int_eq(take_answer(), 0);
}
END_TEST

/* Cut at every place it is refused, without a look behind the end. */
START_TEST(refuses_cut_models)
{
	static const char model[] = "{\"commands\": [{\"command\": \"x\"}]}";
	struct buf text = BUF_INIT;

	put_model(&text, model, strlen(model));
	for (size_t n = 0; n < text.len; n++) {
		char *page = xasprintf("__DATABRICKS_NOTEBOOK_MODEL = '%.*s'", (int)n, text.data);

		buf_reset(&answer);
		put_answer(&answer, page, strlen(page));
		ck_assert_int_eq(take_answer(), -1);
		free(page);
	}
	buf_release(&text);
}
END_TEST

static const char *const odd[] = {
	"{`commands`: null}", "{`commands`: {`command`: `x`}}", "{`commands`: [null, 1, `x`, [], {}]}",
	"{`commands`: [{`command`: 5}, {`command`: null}]}", "{`name`: {}, `language`: [], `commands`: []}",
	"{`commands`: [{`command`: `x`, `position`: NaN}, {`command`: `y`, `position`: -Infinity}, "
	    "{`command`: `z`, `position`: NaN}, {`command`: `w`, `position`: `1`}]}",
	"{`commands`: [{`command`: `x`, `startTime`: 9223372036854775807, `finishTime`: -9223372036854775808}]}",
	"{`commands`: [{`command`: `x`, `state`: {}, `commandTitle`: {}, `showCommandTitle`: `yes`, `startTime`: "
	    "1e400}]}",
	"{`commands`: [{`command`: `\\ud800`, `commandTitle`: `\\udfff`, `errorSummary`: `\\ud800`, `error`: "
	    "`\\u0000x`, "
	    "`results`: {`type`: `ansi`, `data`: `\\u0000\\ud800`}}]}",
};

START_TEST(bears_odd_models)
{
	take(odd[_i]);
}
END_TEST

/* ---- Plain text ---- */

static const struct {
	const char *text, *plain;
} terminal[] = {
	{"", ""}, {"a\nb", "a\nb"}, {"\033[31ma\033[0m", "a"}, {"\033[38;5;196mb\033[m", "b"}, {"a\033", "a"},
	    {"a\033[", "a"},
	{"a\033[31", "a"}, {"\033(Bx", "Bx"}, {"\033]8;;http://h\a" "link", "link"}, {"\033]0;t\033\\x", "x"},
	    {"\033]0;t", ""},
	{"\033[31\nx", "\nx"}, {"\033[\033[1mx", "x"},
};

START_TEST(takes_escapes_out)
{
	struct buf b = BUF_INIT;

	plain_put_terminal(&b, terminal[_i].text, strlen(terminal[_i].text));
	ck_assert_str_eq(buf_str(&b), terminal[_i].plain);
	buf_release(&b);
}
END_TEST

static const struct {
	const char *html, *plain;
} html[] = {
	{"", ""}, {"a<b>c</b>d", "acd"}, {"a < b > c", "a < b > c"}, {"a<br>b<BR />c<brx>d", "a\nb\ncd"}, {"a<!-- x "
	    "-->b", "ab"},
	{"a<b", "a"}, {"a<", "a<"}, {"&", "&"}, {"&lt", "&lt"}, {"&lt;&gt;&amp;&quot;&apos;", "<>&\"'"},
	{"&#65;&#x42;&#X43;", "ABC"}, {"&#0;&#x110000;&#xd800;&#;&#x;&#1x;", "&#0;&#x110000;&#xd800;&#;&#x;&#1x;"},
	{"&verylongentity;", "&verylongentity;"}, {"&#99999999999999999999;", "&#99999999999999999999;"}, {"&&lt;",
	    "&<"},
};

START_TEST(takes_tags_out)
{
	struct buf b = BUF_INIT;

	plain_put_html(&b, html[_i].html, strlen(html[_i].html));
	ck_assert_str_eq(buf_str(&b), html[_i].plain);
	buf_release(&b);
}
END_TEST

static const struct {
	const char *line, *name, *message;
} exceptions[] = {
	{"ValueError: x: y", "ValueError", "x: y"}, {"a.b.C$D: x", "a.b.C$D", "x"}, {"KeyError:", "KeyError", ""},
	{"KeyboardInterrupt\n", "KeyboardInterrupt", ""}, {"two words: x", NULL, "two words: x"}, {"", NULL, ""},
	{": x", NULL, ": x"}, {"1Error: x", NULL, "1Error: x"}, {"http://host", NULL, "http://host"}, {"_E: x",
	    "_E", "x"},
	{"\033[31mE\033[0m: x", "E", "x"}, {"<span>E</span>: a &lt; b", "E", "a < b"}, {"E: a\nb", "E", "a\nb"},
	{"\xc3\x84rger: x", "\xc3\x84rger", "x"}, {"E: List<String>", "E", "List<String>"},
};

START_TEST(splits_exceptions)
{
	char *name, *message;

	plain_exception(exceptions[_i].line, &name, &message);
	ck_assert_pstr_eq(name, exceptions[_i].name);
	ck_assert_str_eq(message, exceptions[_i].message);
	free(name);
	free(message);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("export");
	TCase *t = tcase_create("export");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, NULL, end);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, reads_a_notebook);
	tcase_add_loop_test(t, reads_sources, 0, COUNT(sources));
	tcase_add_test(t, makes_ids);
	tcase_add_test(t, reads_text);
	tcase_add_test(t, reads_html);
	tcase_add_test(t, reads_tables);
	tcase_add_test(t, cuts_tables);
	tcase_add_loop_test(t, reads_images, 0, COUNT(images));
	tcase_add_test(t, reads_bundles);
	tcase_add_loop_test(t, passes_over_unknown_results, 0, COUNT(unknown));
	tcase_add_test(t, bears_deep_bundles);
	tcase_add_loop_test(t, reads_errors, 0, COUNT(errors));
	tcase_add_test(t, takes_the_first_error);
	tcase_add_test(t, masks);
	tcase_add_loop_test(t, refuses_pages, 0, COUNT(refused));
	tcase_add_test(t, refuses_answers);
	tcase_add_loop_test(t, finds_models, 0, COUNT(accepted));
	tcase_add_test(t, finds_the_view);
	tcase_add_test(t, refuses_cut_models);
	tcase_add_loop_test(t, bears_odd_models, 0, COUNT(odd));
	tcase_add_loop_test(t, takes_escapes_out, 0, COUNT(terminal));
	tcase_add_loop_test(t, takes_tags_out, 0, COUNT(html));
	tcase_add_loop_test(t, splits_exceptions, 0, COUNT(exceptions));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
