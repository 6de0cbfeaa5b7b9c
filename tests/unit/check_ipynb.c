#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "notebook/ipynb.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct notebook nb;
static struct problems problems = PROBLEMS_INIT;
static struct buf printed = BUF_INIT;

static void
release(void)
{
	notebook_release(&nb);
	problems_release(&problems);
	buf_release(&printed);
}

static int
parse(const char *text)
{
	struct buf b = BUF_INIT;
	int result;

	release();
	buf_adds(&b, text);
	result = notebook_parse(&nb, "a.ipynb", &b, &problems);
	ck_assert_ptr_null(b.data);
	return result;
}

static void
take(void *arg, const void *p, size_t n)
{
	buf_add(arg, p, n);
}

static const char *
print(void)
{
	struct text_sink to = {take, &printed};

	buf_reset(&printed);
	notebook_print(&nb, &to);
	return buf_str(&printed);
}

/* Reads a notebook that has these cells and this version. */
static void
read_cells(const char *cells, int minor)
{
	char *text = xasprintf("{\"cells\": %s, \"metadata\": {}, \"nbformat\": 4, \"nbformat_minor\": %d}", cells, minor);

	ck_assert_int_eq(parse(text), 0);
	free(text);
}

/* The cells as they are printed after read_cells. */
static const char *
print_cells(void)
{
	const char *from = strchr(print(), '[');
	char *end = strstr(printed.data, ", \"metadata\": {}, \"nbformat\"");

	ck_assert_ptr_nonnull(end);
	*end = '\0';
	return from;
}

/* ---- What is not changed ---- */

#define TAIL "\"metadata\": {}, \"nbformat\": 4, \"nbformat_minor\": 4}"

static const char *const unchanged[] = {
	"{\"cells\": [], " TAIL,
	"{\"cells\":[ ]\n , " TAIL "\n",
	"  \n{\"cells\": [\n\n], " TAIL " \t\r\n\n",
	"\xef\xbb\xbf{\"cells\": [], " TAIL,
	"{\"nbformat\":4,\"nbformat_minor\":5,\"metadata\":{},\"cells\":[]}",
	"{\n \"cells\": [],\n \"metadata\": {},\n \"nbformat\": 4,\n \"nbformat_minor\": 0\n}",
	"{\r\n\t\"cells\": [],\r\n\t\"metadata\": {\"a\": [1e400, -0, 0.10, 1E+2, NaN, -Infinity, 12345678901234567890123]},"
	    "\r\n\t\"nbformat\": 4, \"nbformat_minor\": 2 }\r\n",
	"{\"x\": 1, \"cells\": 5, \"cells\": [], \"nbformat\": 3, " TAIL,
	"{\"c\\u0065lls\": [], \"meta\\u0064ata\": {\"\\u00e9\": \"\\/ \\ud83d\\ude00 \\ud800 \\u001B\"},"
	    " \"nbformat\": 4, \"nbformat_minor\": 1}",
	/* Cells with all they need; unknown members, at every level. */
	"{\"cells\": [ {\"source\": \"\", \"x\": {\"y\": []}, \"cell_type\": \"raw\", \"metadata\": {\"a\":[ ]} } ], \"z\": 0, " TAIL,
	"{\"cells\": [{\"cell_type\": \"markdown\", \"source\": [], \"metadata\": {}, \"attachments\": {\"a\": {}}},\n"
	    "{\"cell_type\":\"code\",\"source\":[\"a\\n\",\"b\"],\"metadata\":{},\"outputs\":[{\"output_type\":\"odd\"}],"
	    "\"execution_count\":7e0}\t,\r\n {\"cell_type\":\"code\",\"metadata\":{\"tags\":[\"x\"]},\"outputs\":[ \n ],"
	    "\"execution_count\":null,\"id\":\"an id from later on\",\"source\":\"\"}], " TAIL,
	/* Ids that can stay. */
	"{\"cells\": [{\"cell_type\": \"raw\", \"source\": \"\", \"metadata\": {}, \"id\": \"a-Z_0\"}, {\"id\": \"\\u0062\","
	    " \"cell_type\": \"raw\", \"source\": \"\", \"metadata\": {}}], \"metadata\": {}, \"nbformat\": 4, \"nbformat_minor\": 5}",
};

START_TEST(changes_nothing)
{
	ck_assert_int_eq(parse(unchanged[_i]), 0);
	ck_assert_str_eq(print(), unchanged[_i]);
	ck_assert_str_eq(print(), unchanged[_i]);
}
END_TEST

START_TEST(changes_nothing_deep_down)
{
	struct buf b = BUF_INIT;

	buf_adds(&b, "{\"cells\": [], \"x\": ");
	buf_fill(&b, '[', 500);
	buf_fill(&b, ']', 500);
	buf_adds(&b, ", " TAIL);
	ck_assert_int_eq(parse(b.data), 0);
	ck_assert_str_eq(print(), b.data);
	buf_release(&b);
}
END_TEST

/* ---- Reading ---- */

static const struct {
	const char *text;
	unsigned line, column;
	const char *message;	/* part of it */
} refused[] = {
	{"", 1, 1, "nothing but white space"},
	{"{\n\"a\" 1}", 2, 5, "expected ':'"},
	{"[]", 1, 1, "no JSON object"},
	{"{}", 1, 1, "no 'nbformat'"},
	{" {\"nbformat\": \"4\"}", 1, 15, "no whole number"},
	{"{\"nbformat\": 4.0}", 1, 14, "no whole number"},
	{"{\"worksheets\": [],\n \"nbformat\": 3}", 2, 14, "'jupyter nbconvert --to notebook --nbformat 4 --inplace a.ipynb'"},
	{"{\"nbformat\": 2}", 1, 14, "nbformat 2 is too old"},
	{"{\"nbformat\": 5}", 1, 14, "newer"},
	{"{\"nbformat\": 4, \"nbformat_minor\": null}", 1, 35, "'nbformat_minor'"},
	{"{\"nbformat\": 4, \"nbformat_minor\": -1}", 1, 35, "'nbformat_minor'"},
	{"{\"nbformat\": 4, \"nbformat_minor\": 99999999999}", 1, 35, "'nbformat_minor'"},
	{"{\"nbformat\": 4, \"metadata\": []}", 1, 29, "'metadata'"},
	{"{\"nbformat\": 4}", 1, 1, "no 'cells'"},
	{"{\"nbformat\": 4, \"cells\": {}}", 1, 26, "'cells'"},
	{"{\"nbformat\": 4, \"cells\": [{\"cell_type\": \"raw\"},\n 5]}", 2, 2, "a cell that is no object"},
	{"{\"nbformat\": 4, \"cells\": [{}]}", 1, 27, "'cell_type'"},
	{"{\"nbformat\": 4, \"cells\": [{\"cell_type\": \"heading\"}]}", 1, 41, "neither code nor markdown nor raw"},
	{"{\"nbformat\": 4, \"cells\": [{\"cell_type\": \"raw\", \"source\": [\"\", 1]}]}", 1, 58, "source"},
	{"{\"nbformat\": 4, \"cells\": [{\"cell_type\": \"raw\", \"source\": {}}]}", 1, 58, "source"},
	{"{\"nbformat\": 4, \"cells\": [{\"cell_type\": \"raw\", \"metadata\": null}]}", 1, 60, "metadata"},
	{"{\"nbformat\": 4, \"cells\": [{\"cell_type\": \"code\", \"outputs\": null}]}", 1, 60, "outputs"},
};

START_TEST(refuses)
{
	ck_assert_int_eq(parse(refused[_i].text), -1);
	ck_assert_uint_eq(problems.n, 1);
	ck_assert_str_eq(problems.list[0].file, "a.ipynb");
	ck_assert_uint_eq(problems.list[0].line, refused[_i].line);
	ck_assert_uint_eq(problems.list[0].column, refused[_i].column);
	ck_assert_msg(strstr(problems.list[0].message, refused[_i].message) != NULL, "%s", problems.list[0].message);
}
END_TEST

START_TEST(knows_kernel_and_language)
{
	ck_assert_int_eq(parse("{\"cells\": [], \"metadata\": {\"kernelspec\": {\"name\": \"ir\", \"language\": \"R\"},"
	    " \"language_info\": {\"name\": \"r\\u0021\"}}, \"nbformat\": 4, \"nbformat_minor\": 7}"), 0);
	ck_assert_str_eq(nb.kernel_name, "ir");
	ck_assert_str_eq(nb.language, "r!");
	ck_assert_int_eq(nb.minor, 7);
	ck_assert(nb.one_line);
	ck_assert_int_eq(parse("{\"cells\": [],\n\"metadata\": {\"kernelspec\": {\"name\": 5, \"language\": \"R\"}},"
	    " \"nbformat\": 4, \"nbformat_minor\": 0}"), 0);
	ck_assert_ptr_null(nb.kernel_name);
	ck_assert_str_eq(nb.language, "R");
	ck_assert(!nb.one_line);
	ck_assert_int_eq(parse("{\"cells\": [], " TAIL), 0);
	ck_assert_ptr_null(nb.kernel_name);
	ck_assert_ptr_null(nb.language);
}
END_TEST

static const struct {
	const char *cell;
	enum cell_type type;
	const char *source;
	bool tagged, skipped;
} cells[] = {
	{"{\"cell_type\": \"code\", \"source\": \"a\\nb\"}", CELL_CODE, "a\nb", false, false},
	{"{\"cell_type\": \"code\", \"source\": [\"a\\n\", \"\\u00e9\"]}", CELL_CODE, "a\n\u00e9", false, false},
	{"{\"cell_type\": \"c\\u006fde\", \"so\\u0075rce\": \"x\", \"source\": \"y\"}", CELL_CODE, "y", false, false},
	{"{\"cell_type\": \"markdown\", \"source\": \"a\"}", CELL_MARKDOWN, "a", false, true},
	{"{\"cell_type\": \"raw\", \"source\": \"a\"}", CELL_RAW, "a", false, true},
	{"{\"cell_type\": \"code\"}", CELL_CODE, "", false, true},
	{"{\"cell_type\": \"code\", \"source\": []}", CELL_CODE, "", false, true},
	{"{\"cell_type\": \"code\", \"source\": \" \\t\\n\\r\\u000b\\f\\u001c\\u001f\\u0085\\u00a0\\u1680\\u2000\\u200a\\u2028\\u2029"
	    "\\u202f\\u205f\\u3000\"}", CELL_CODE, " \t\n\r\v\f\x1c\x1f\xc2\x85\u00a0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000",
	    false, true},
	{"{\"cell_type\": \"code\", \"source\": \" \\u200b\"}", CELL_CODE, " \u200b", false, false},
	{"{\"cell_type\": \"code\", \"source\": \"\\u180e\"}", CELL_CODE, "\u180e", false, false},
	{"{\"cell_type\": \"code\", \"source\": \"\\ud800\"}", CELL_CODE, "\xed\xa0\x80", false, false},
	{"{\"cell_type\": \"code\", \"source\": \"a\", \"metadata\": {\"tags\": [\"b\", \"t\\u0061g\"]}}", CELL_CODE, "a", true, false},
	{"{\"cell_type\": \"code\", \"source\": \"a\", \"metadata\": {\"tags\": \"tag\"}}", CELL_CODE, "a", false, false},
	{"{\"cell_type\": \"code\", \"source\": \"a\", \"metadata\": {\"tags\": {\"a\": \"tag\"}}}", CELL_CODE, "a", false, false},
	{"{\"cell_type\": \"code\", \"source\": \"a\", \"metadata\": {\"tags\": [[\"tag\"], 1]}}", CELL_CODE, "a", false, false},
	{"{\"cell_type\": \"code\", \"source\": \"a\", \"metadata\": {\"tags\": [\"skip-execution\", \"tag\"]}}", CELL_CODE, "a", true, true},
};

START_TEST(reads_cells)
{
	struct buf source = BUF_INIT;
	char *list = xasprintf("[%s]", cells[_i].cell);

	read_cells(list, 4);
	ck_assert_uint_eq(nb.ncells, 1);
	ck_assert_int_eq(nb.cells[0].type, cells[_i].type);
	cell_source(&nb.cells[0], &source);
	ck_assert_str_eq(buf_str(&source), cells[_i].source);
	ck_assert(cell_has_tag(&nb.cells[0], "tag") == cells[_i].tagged);
	ck_assert(cell_is_skipped(&nb.cells[0]) == cells[_i].skipped);
	buf_release(&source);
	free(list);
}
END_TEST

/* ---- What the schema asks for ---- */

static const struct {
	const char *cell, *complete;
} lacking[] = {
	{"{\"cell_type\": \"code\"}",
	    "{\"cell_type\": \"code\", \"execution_count\": null, \"metadata\": {}, \"outputs\": [], \"source\": []}"},
	{"{\"source\": \"a\", \"cell_type\": \"code\"}",
	    "{\"execution_count\": null, \"metadata\": {}, \"outputs\": [], \"source\": \"a\", \"cell_type\": \"code\"}"},
	{"{\n   \"cell_type\": \"code\",\n   \"source\": \"\"\n  }",
	    "{\n   \"cell_type\": \"code\",\n   \"execution_count\": null,\n   \"metadata\": {},\n   \"outputs\": [],\n   \"source\": \"\"\n  }"},
	{"{\r\n  \"a\":1 , \"cell_type\":\"markdown\"}",
	    "{\r\n  \"a\":1 , \"cell_type\":\"markdown\",\n   \"metadata\": {},\n   \"source\": []}"},
	{"{\"cell_type\":\"code\",\"execution_count\":2,\"metadata\":{},\"source\":[]}",
	    "{\"cell_type\":\"code\",\"execution_count\":2,\"metadata\":{},\"outputs\": [], \"source\":[]}"},
	{"{\"cell_type\":\"raw\",\"source\":[], \"outputs\":5}", "{\"cell_type\":\"raw\",\"metadata\": {}, \"source\":[], \"outputs\":5}"},
};

START_TEST(completes_cells)
{
	char *list = xasprintf("[%s]", lacking[_i].cell), *complete = xasprintf("[%s]", lacking[_i].complete);

	read_cells(list, 4);
	ck_assert_str_eq(print_cells(), complete);
	free(complete);
	free(list);
}
END_TEST

START_TEST(completes_notebooks)
{
	ck_assert_int_eq(parse("{\n \"nbformat\": 4,\n \"cells\": []\n}\n"), 0);
	ck_assert_str_eq(print(), "{\n \"metadata\": {},\n \"nbformat\": 4,\n \"cells\": [],\n \"nbformat_minor\": 0\n}\n");
}
END_TEST

/* The id that is printed for a cell. */
static char *
printed_id(size_t index)
{
	struct json_iter it;
	struct json root, cell = JSON_NOTHING;

	ck_assert_int_eq(json_parse(printed.data, printed.len, &root, NULL), 0);
	json_walk(&it, json_get(root, "cells"));
	for (size_t i = 0; i <= index; i++)
		ck_assert(json_next(&it, NULL, &cell));
	return json_strdup(json_get(cell, "id"));
}

START_TEST(completes_ids)
{
	static const char *const ids[] = {
		"\"same\"", NULL, "\"\"", "\"a b\"", "5", "null", "\"same\"", "\"\\u0073ame\"", "\"other\"", "\"n\\n\"",
		"\"0123456789012345678901234567890123456789012345678901234567890123\"",
		"\"01234567890123456789012345678901234567890123456789012345678901234\"",
	};
	struct buf list = BUF_INIT;
	char *got[COUNT(ids)], *again;

	for (size_t i = 0; i < COUNT(ids); i++)
		buf_addf(&list, "%s{%s%s%s\"cell_type\": \"raw\", \"metadata\": {}, \"source\": []}", i == 0 ? "[" : ", ",
		    ids[i] != NULL ? "\"id\": " : "", ids[i] != NULL ? ids[i] : "", ids[i] != NULL ? ", " : "");
	buf_addc(&list, ']');
	read_cells(list.data, 5);
	print();
	for (size_t i = 0; i < COUNT(ids); i++) {
		got[i] = printed_id(i);
		ck_assert_ptr_nonnull(got[i]);
		for (size_t k = 0; k < i; k++)
			ck_assert_str_ne(got[i], got[k]);
		if (i == 0 || i == 8 || i == 10) {
			ck_assert_uint_eq(strlen(got[i]), strlen(ids[i]) - 2);
			ck_assert_int_eq(strncmp(got[i], ids[i] + 1, strlen(got[i])), 0);
		} else {
			ck_assert_uint_eq(strlen(got[i]), 8);
			ck_assert_uint_eq(strspn(got[i], "0123456789abcdef"), 8);
		}
	}
	/* They do not change from one writing to the next. */
	print();
	for (size_t i = 0; i < COUNT(ids); i++) {
		again = printed_id(i);
		ck_assert_str_eq(again, got[i]);
		free(again);
		free(got[i]);
	}
	read_cells(list.data, 4);
	ck_assert_str_eq(print_cells(), list.data);
	buf_release(&list);
}
END_TEST

START_TEST(completes_many_ids)
{
	struct buf list = BUF_INIT;

	for (int i = 0; i < 50000; i++)
		buf_addf(&list, "%s{\"cell_type\": \"raw\", \"metadata\": {}, \"source\": [], \"id\": \"%s\"}",
		    i == 0 ? "[" : ", ", i % 2 == 0 ? "a" : "");
	buf_addc(&list, ']');
	read_cells(list.data, 5);
	buf_release(&list);
	for (int i = 1; i < 50000; i++)
		ck_assert_uint_eq(strlen(nb.cells[i].id), 8);
	print();
}
END_TEST

/* ---- What a run brings ---- */

static void
run_cell(size_t i)
{
	struct cell *c = &nb.cells[i];

	c->ran = true;
	c->execution_count = 3;
	c->state = CELL_COMPLETED;
	c->started_at = INT64_C(1795335300123456);
	c->ended_at = c->started_at + 1500000;
	snprintf(c->timing.busy, sizeof(c->timing.busy), "2026-11-22T08:15:00.123456Z");
	snprintf(c->timing.idle, sizeof(c->timing.idle), "2026-11-22T08:15:01.623456Z");
	outputs_stream(&c->outputs, "stdout", "a\nb", 3);
	outputs_display(&c->outputs, OUTPUT_EXECUTE_RESULT, json_of("{\"text/plain\":\"1\"}"), json_of("{}"), 3, NULL);
}

/* As nbformat writes it. */
static const char form[] =
    "{\n"
    " \"cells\": [\n"
    "  {\n"
    "   \"cell_type\": \"code\",\n"
    "   \"execution_count\": 99,\n"
    "   \"metadata\": {\n"
    "    \"tags\": [\n"
    "     \"x\"\n"
    "    ]\n"
    "   },\n"
    "   \"outputs\": [],\n"
    "   \"source\": [\n"
    "    \"1\"\n"
    "   ]\n"
    "  }\n"
    " ],\n"
    " \"metadata\": {\n"
    "  \"kernelspec\": {},\n"
    "  \"language_info\": {\n"
    "   \"name\": \"old\"\n"
    "  }\n"
    " },\n"
    " \"nbformat\": 4,\n"
    " \"nbformat_minor\": 4\n"
    "}";

/* The same after run_cell() and with new metadata. */
static const char form_after[] =
    "{\n"
    " \"cells\": [\n"
    "  {\n"
    "   \"cell_type\": \"code\",\n"
    "   \"execution_count\": 3,\n"
    "   \"metadata\": {\n"
    "    \"execution\": {\n"
    "     \"iopub.status.busy\": \"2026-11-22T08:15:00.123456Z\",\n"
    "     \"iopub.status.idle\": \"2026-11-22T08:15:01.623456Z\"\n"
    "    },\n"
    "    \"papermill\": {\n"
    "     \"duration\": 1.5,\n"
    "     \"end_time\": \"2026-11-22T08:15:01.623456+00:00\",\n"
    "     \"exception\": false,\n"
    "     \"start_time\": \"2026-11-22T08:15:00.123456+00:00\",\n"
    "     \"status\": \"completed\"\n"
    "    },\n"
    "    \"tags\": [\n"
    "     \"x\"\n"
    "    ]\n"
    "   },\n"
    "   \"outputs\": [\n"
    "    {\n"
    "     \"name\": \"stdout\",\n"
    "     \"output_type\": \"stream\",\n"
    "     \"text\": [\n"
    "      \"a\\n\",\n"
    "      \"b\"\n"
    "     ]\n"
    "    },\n"
    "    {\n"
    "     \"data\": {\n"
    "      \"text/plain\": [\n"
    "       \"1\"\n"
    "      ]\n"
    "     },\n"
    "     \"execution_count\": 3,\n"
    "     \"metadata\": {},\n"
    "     \"output_type\": \"execute_result\"\n"
    "    }\n"
    "   ],\n"
    "   \"source\": [\n"
    "    \"1\"\n"
    "   ]\n"
    "  }\n"
    " ],\n"
    " \"metadata\": {\n"
    "  \"kernelspec\": {},\n"
    "  \"language_info\": {\n"
    "   \"a\": [],\n"
    "   \"name\": \"new\"\n"
    "  },\n"
    "  \"papermill\": {\n"
    "   \"nan\": \"NaN\"\n"
    "  },\n"
    "  \"widgets\": 1\n"
    " },\n"
    " \"nbformat\": 4,\n"
    " \"nbformat_minor\": 4\n"
    "}";

START_TEST(writes_in_nbformats_form)
{
	ck_assert_int_eq(parse(form), 0);
	run_cell(0);
	nb.language_info = xstrdup("{\"name\":\"new\",\"a\":[]}");
	nb.papermill = xstrdup("{\"nan\":NaN}");
	nb.widgets = xstrdup("1");
	ck_assert_str_eq(print(), form_after);
	/* Nothing of it changes when it is read and written again. */
	ck_assert_int_eq(parse(form_after), 0);
	ck_assert_str_eq(print(), form_after);
}
END_TEST

START_TEST(writes_on_one_line)
{
	read_cells("[{\"source\":\"\",\"outputs\":[5],\"metadata\":{},\"execution_count\":null,\"cell_type\":\"code\"}]", 2);
	run_cell(0);
	outputs_display(&nb.cells[0].outputs, OUTPUT_DISPLAY_DATA, json_of("{\"application/json\":[NaN,1.0]}"), json_of("{}"),
	    -1, NULL);
	nb.papermill = xstrdup("{}");
	print();
	ck_assert_str_eq(printed.data,
	    "{\"cells\": [{\"source\":\"\",\"outputs\":[{\"name\": \"stdout\", \"output_type\": \"stream\", \"text\": [\"a\\n\", \"b\"]}, "
	    "{\"data\": {\"text/plain\": [\"1\"]}, \"execution_count\": 3, \"metadata\": {}, \"output_type\": \"execute_result\"}, "
	    "{\"data\": {\"application/json\": [NaN, 1.0]}, \"metadata\": {}, \"output_type\": \"display_data\"}],"
	    "\"metadata\":{\"execution\": {\"iopub.status.busy\": \"2026-11-22T08:15:00.123456Z\", "
	    "\"iopub.status.idle\": \"2026-11-22T08:15:01.623456Z\"}, \"papermill\": {\"duration\": 1.5, "
	    "\"end_time\": \"2026-11-22T08:15:01.623456+00:00\", \"exception\": false, "
	    "\"start_time\": \"2026-11-22T08:15:00.123456+00:00\", \"status\": \"completed\"}, \"tags\": []},"
	    "\"execution_count\":3,\"cell_type\":\"code\"}], \"metadata\": {\"papermill\": {}}, \"nbformat\": 4, \"nbformat_minor\": 2}");
}
END_TEST

/* A cell that brought nothing, where the file says just that already. */
START_TEST(leaves_empty_outputs_alone)
{
	const char *list = "[{\"cell_type\":\"code\",\"outputs\":[ \n],\"execution_count\": null ,\"source\":[], \"metadata\":{}}]";

	read_cells(list, 4);
	nb.cells[0].ran = true;
	ck_assert_str_eq(print_cells(), list);
	nb.cells[0].execution_count = 0;
	ck_assert_ptr_nonnull(strstr(print_cells(), "\"execution_count\": 0 ,"));
	/* One that was run, but of which no times are known, has none of an earlier run either. */
	nb.cells[0].state = CELL_FAILED;
	ck_assert_ptr_nonnull(strstr(print_cells(), "\"metadata\":{\"execution\": {}}"));
}
END_TEST

START_TEST(tells_how_far_cells_have_come)
{
	static const struct {
		enum cell_state state;
		int64_t start, end;
		bool exception;
		const char *text;
	} states[] = {
		{CELL_PENDING, 0, 0, false,
		    "{\"duration\": null, \"end_time\": null, \"exception\": null, \"start_time\": null, \"status\": \"pending\"}"},
		{CELL_RUNNING, 1, 0, false, "{\"duration\": null, \"end_time\": null, \"exception\": false, "
		    "\"start_time\": \"1970-01-01T00:00:00.000001+00:00\", \"status\": \"running\"}"},
		{CELL_FAILED, 1000000, 1250000, true, "{\"duration\": 0.25, \"end_time\": \"1970-01-01T00:00:01.250000+00:00\", "
		    "\"exception\": true, \"start_time\": \"1970-01-01T00:00:01.000000+00:00\", \"status\": \"failed\"}"},
	};
	char *want;

	/* Cells that are not code have it too. */
	read_cells("[{\"cell_type\": \"markdown\", \"source\": \"\", \"metadata\": {\"papermill\": [\"old\"]}}]", 4);
	nb.papermill = xstrdup("{}");
	for (size_t i = 0; i < COUNT(states); i++) {
		nb.cells[0].state = states[i].state;
		nb.cells[0].started_at = states[i].start;
		nb.cells[0].ended_at = states[i].end;
		nb.cells[0].exception = states[i].exception;
		want = xasprintf("{\"papermill\": %s, \"tags\": []}", states[i].text);
		ck_assert_ptr_nonnull(strstr(print(), want));
		free(want);
	}
}
END_TEST

/* Where members go: metadata of a notebook that get "language_info" and "papermill". */
static const struct {
	const char *before, *after;
} places[] = {
	{"{}", "{\"language_info\": 1, \"papermill\": {\"a\": 2}}"},
	{"{ \n}", "{\"language_info\": 1, \"papermill\": {\"a\": 2}}"},
	{"{\"a\":0}", "{\"a\":0, \"language_info\": 1, \"papermill\": {\"a\": 2}}"},
	{"{ \"z\" : 0 }", "{ \"language_info\": 1, \"papermill\": {\"a\": 2}, \"z\" : 0 }"},
	{"{\"a\": 0,\"m\":0 ,\"z\": 0}", "{\"a\": 0,\"language_info\": 1, \"m\":0 ,\"papermill\": {\"a\": 2}, \"z\": 0}"},
	{"{\"z\": 0, \"a\": 0}", "{\"language_info\": 1, \"papermill\": {\"a\": 2}, \"z\": 0, \"a\": 0}"},
	{"{\"papermill\": [ 5\n], \"language_info\":null}", "{\"papermill\": {\"a\": 2}, \"language_info\":1}"},
	{"{\"language_info\": 5, \"language_info\": 6, \"papermill\": 7}",
	    "{\"language_info\": 5, \"language_info\": 1, \"papermill\": {\"a\": 2}}"},
	{"{\"language\\u005finfo\": 5}", "{\"language\\u005finfo\": 1, \"papermill\": {\"a\": 2}}"},
	{"{\"l\": 0, \"language_infos\": 0, \"\\u006d\": 0}",
	    "{\"l\": 0, \"language_info\": 1, \"language_infos\": 0, \"\\u006d\": 0, \"papermill\": {\"a\": 2}}"},
	{"{\"\\ud83d\\ude00\": 0, \"\\uffff\": {\"papermill\": 0}}",
	    "{\"language_info\": 1, \"papermill\": {\"a\": 2}, \"\\ud83d\\ude00\": 0, \"\\uffff\": {\"papermill\": 0}}"},
	{"{\n    \"m\": 0\n}", "{\n  \"language_info\": 1,\n    \"m\": 0,\n  \"papermill\": {\n   \"a\": 2\n  }\n}"},
	{"{\r\n\t\"a\": {},\r\n\t\"z\": {}\r\n}",
	    "{\r\n\t\"a\": {},\n  \"language_info\": 1,\n  \"papermill\": {\n   \"a\": 2\n  },\r\n\t\"z\": {}\r\n}"},
	{"{\"a\": [\n], \"z\": \"\\n\"}", "{\"a\": [\n], \"language_info\": 1, \"papermill\": {\"a\": 2}, \"z\": \"\\n\"}"},
	{"{\"a\": 0,\n \"z\": 0}", "{\"a\": 0,\n  \"language_info\": 1,\n  \"papermill\": {\n   \"a\": 2\n  },\n \"z\": 0}"},
	{"{\"a\": 0\n}", "{\"a\": 0,\n  \"language_info\": 1,\n  \"papermill\": {\n   \"a\": 2\n  }\n}"},
	{"{\"a\": \"]}, \\\"language_info\\\": 0\"}", "{\"a\": \"]}, \\\"language_info\\\": 0\", \"language_info\": 1, \"papermill\": {\"a\": 2}}"},
};

START_TEST(puts_members_in_their_place)
{
	char *before = xasprintf("{\"cells\": [], \"metadata\": %s, \"nbformat\": 4, \"nbformat_minor\": 4}", places[_i].before);
	char *after = xasprintf("{\"cells\": [], \"metadata\": %s, \"nbformat\": 4, \"nbformat_minor\": 4}", places[_i].after);

	ck_assert_int_eq(parse(before), 0);
	nb.language_info = xstrdup("1");
	nb.papermill = xstrdup("{\"a\":2}");
	ck_assert_str_eq(print(), after);
	free(after);
	free(before);
}
END_TEST

START_TEST(masks_what_is_new)
{
	struct mask mask = MASK_INIT;

	mask_add(&mask, "hunter2", 7);
	read_cells("[{\"cell_type\": \"code\", \"source\": \"hunter2\", \"metadata\": {}, \"outputs\": [], \"execution_count\": 1}]", 4);
	nb.mask = &mask;
	nb.cells[0].ran = true;
	outputs_stream(&nb.cells[0].outputs, "stdout", "hunter2", 7);
	notebook_insert(&nb, 0, CELL_CODE, "t", "x = 'hunter2'", NULL);
	print();
	ck_assert_ptr_nonnull(strstr(printed.data, "\"source\": \"hunter2\""));	/* the file's own */
	ck_assert_ptr_nonnull(strstr(printed.data, "[\"x = '***'\"]"));
	ck_assert_ptr_nonnull(strstr(printed.data, "\"text\": [\"***\"]"));
	mask_release(&mask);
}
END_TEST

/* ---- Cells put in and left out ---- */

#define A "{\"cell_type\":\"raw\",\"metadata\":{},\"source\":\"a\"}"
#define B "{\"cell_type\":\"raw\",\"metadata\":{},\"source\":\"b\"}"
#define C "{\"cell_type\":\"raw\",\"metadata\":{},\"source\":\"c\"}"
#define NEW_LINE "{\"cell_type\": \"raw\", \"metadata\": {\"tags\": [\"t\"]}, \"source\": [\"n\"]}"
#define NEW_LINES \
	"{\n   \"cell_type\": \"raw\",\n   \"metadata\": {\n    \"tags\": [\n     \"t\"\n    ]\n   },\n   \"source\": [\n    \"n\"\n   ]\n  }"

/* What is done: '0' to '9' puts one in there, 'a' to 'c' leaves one out by its index. */
static const struct {
	const char *before, *steps, *after;
} changes[] = {
	{"[]", "0", "[" NEW_LINE "]"},
	{"[ ]", "00", "[" NEW_LINE ", " NEW_LINE "]"},
	{"[" A "]", "0", "[" NEW_LINE ", " A "]"},
	{"[" A "]", "1", "[" A ", " NEW_LINE "]"},
	{"[ " A " ]", "02", "[ " NEW_LINE ", " A ", " NEW_LINE " ]"},
	{"[" A "," B "]", "1", "[" A ", " NEW_LINE "," B "]"},
	{"[" A ", " B "]", "1", "[" A ", " NEW_LINE ", " B "]"},
	{"[\n  " A "\n ]", "0", "[\n  " NEW_LINES ",\n  " A "\n ]"},
	{"[\n  " A ",\n  " B "\n ]", "132", "[\n  " A ",\n  " NEW_LINES ",\n  " NEW_LINES ",\n  " B ",\n  " NEW_LINES "\n ]"},
	{"[\r\n\t" A " ,\r\n\t" B "]", "1", "[\r\n\t" A ",\n  " NEW_LINES ",\r\n\t" B "]"},
	{"[" A ",\n" B "]", "02", "[\n  " NEW_LINES ",\n  " A ",\n  " NEW_LINES ",\n" B "]"},
	{"[" A "]", "a", "[]"},
	{"[ \n" A "\n ]", "a", "[]"},
	{"[\n  " A ",\n  " B ",\n  " C "\n ]", "a", "[\n  " B ",\n  " C "\n ]"},
	{"[\n  " A " ,\n  " B ",\n  " C "\n ]", "b", "[\n  " A ",\n  " C "\n ]"},
	{"[\n  " A ",\n  " B "\t,\n  " C "\n ]", "c", "[\n  " A ",\n  " B "\n ]"},
	{"[" A "," B "," C "]", "b", "[" A "," C "]"},
	{"[ " A "," B "," C "]", "aa", "[ " C "]"},
	{"[" A "," B "," C "]", "b1", "[" A ", " NEW_LINE "," C "]"},
	{"[" A "," B "]", "aa0", "[" NEW_LINE "]"},
	{"[" A "," B "]", "0a", "[" A "," B "]"},
	{"[" A " , " B "]", "1b", "[" A " , " B "]"},
};

static void
change(const char *steps)
{
	for (; *steps != '\0'; steps++) {
		if (*steps >= 'a')
			notebook_remove(&nb, (size_t)(*steps - 'a'));
		else
			ck_assert_ptr_eq(notebook_insert(&nb, (size_t)(*steps - '0'), CELL_RAW, "t", "n", NULL),
			    &nb.cells[*steps - '0']);
	}
}

START_TEST(changes_cells)
{
	read_cells(changes[_i].before, 4);
	change(changes[_i].steps);
	ck_assert_str_eq(print_cells(), changes[_i].after);
}
END_TEST

/* An empty list tells nothing; then it is the notebook that counts. */
START_TEST(fills_an_empty_list)
{
	ck_assert_int_eq(parse("{\n \"cells\": [],\n \"metadata\": {},\n \"nbformat\": 4,\n \"nbformat_minor\": 4\n}"), 0);
	change("0");
	ck_assert_str_eq(print(), "{\n \"cells\": [\n  " NEW_LINES "\n ],\n \"metadata\": {},\n \"nbformat\": 4,\n \"nbformat_minor\": 4\n}");
}
END_TEST

START_TEST(puts_code_in)
{
	struct buf source = BUF_INIT;
	struct cell *c;

	read_cells("[]", 5);
	nb.papermill = xstrdup("{}");
	c = notebook_insert(&nb, 0, CELL_CODE, "injected-parameters", "x = '***'\n", "x = 'hunter2'\n");
	ck_assert_uint_eq(strlen(c->id), 8);
	ck_assert(cell_has_tag(c, "injected-parameters"));
	ck_assert(!cell_has_tag(c, "other"));
	ck_assert(!cell_is_skipped(c));
	cell_code(c, &source);
	ck_assert_str_eq(buf_str(&source), "x = 'hunter2'\n");
	buf_release(&source);
	run_cell(0);
	print();
	ck_assert_ptr_null(strstr(printed.data, "hunter2"));
	ck_assert_ptr_nonnull(strstr(printed.data, "[{\"cell_type\": \"code\", \"execution_count\": 3, \"id\": \""));
	ck_assert_ptr_nonnull(strstr(printed.data, "\", \"metadata\": {\"execution\": {\"iopub"));
	ck_assert_ptr_nonnull(strstr(printed.data, "\"papermill\": {\"duration\": 1.5"));
	ck_assert_ptr_nonnull(strstr(printed.data, "\"tags\": [\"injected-parameters\"]}, \"outputs\": [{\"name\""));
	ck_assert_ptr_nonnull(strstr(printed.data, "], \"source\": [\"x = '***'\\n\"]}]"));

	/* Error markers carry nothing but their tag; below 4.5 there are no ids; nothing but white space is skipped. */
	read_cells("[]", 4);
	nb.papermill = xstrdup("{}");
	notebook_insert(&nb, 0, CELL_MARKDOWN, "papermill-error-cell-tag", "", NULL);
	ck_assert_str_eq(nb.cells[0].id, "");
	print();
	ck_assert_ptr_nonnull(strstr(printed.data,
	    "[{\"cell_type\": \"markdown\", \"metadata\": {\"tags\": [\"papermill-error-cell-tag\"]}, \"source\": []}]"));
	ck_assert(cell_is_skipped(notebook_insert(&nb, 0, CELL_CODE, "t", " \n", NULL)));
}
END_TEST

START_TEST(resets)
{
	static const char list[] =
	    "[{\"cell_type\":\"code\",\"execution_count\":5,\"metadata\":{\"execution\":1},\"outputs\":[{}],\"source\":\"\"},\n"
	    "{\"cell_type\":\"markdown\",\"metadata\":{\"tags\":[\"papermill-error-cell-tag\"]},\"source\":\"\"},\n"
	    "{\"cell_type\":\"code\",\"execution_count\": null,\"metadata\":{},\"outputs\":[ ],\"source\":\"\"},\n"
	    "{\"cell_type\":\"markdown\",\"execution_count\":7,\"metadata\":{\"tags\":[\"papermill-error-cell-tag\"]},\"source\":\"\"},\n"
	    "{\"cell_type\":\"markdown\",\"execution_count\":7,\"metadata\":{},\"outputs\":[{}],\"source\":\"\"}]";

	read_cells(list, 4);
	notebook_reset(&nb);
	ck_assert_uint_eq(nb.ncells, 3);
	ck_assert_str_eq(print_cells(),
	    "[{\"cell_type\":\"code\",\"execution_count\":null,\"metadata\":{\"execution\":1},\"outputs\":[],\"source\":\"\"},\n"
	    "{\"cell_type\":\"code\",\"execution_count\": null,\"metadata\":{},\"outputs\":[ ],\"source\":\"\"},\n"
	    "{\"cell_type\":\"markdown\",\"execution_count\":7,\"metadata\":{},\"outputs\":[{}],\"source\":\"\"}]");
	/* Also what a run in this process has brought. */
	run_cell(0);
	notebook_insert(&nb, 1, CELL_MARKDOWN, "papermill-error-cell-tag", "x", NULL);
	notebook_reset(&nb);
	ck_assert_uint_eq(nb.ncells, 3);
	ck_assert_uint_eq(nb.cells[0].outputs.n, 0);
	ck_assert_ptr_nonnull(strstr(print(), "\"execution_count\":null,\"metadata\":{\"execution\":1},\"outputs\":[],"));
}
END_TEST

/* ---- Files ---- */

static char folder[512];

static void
make_folder(void)
{
	const char *above = getenv("TMPDIR");

	snprintf(folder, sizeof(folder), "%s/check_ipynb.XXXXXX", above != NULL ? above : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void
remove_folder(void)
{
	file_remove_tree(folder);
	release();
}

START_TEST(reads_and_writes_files)
{
	char *from = file_join(folder, "a.ipynb"), *to = file_join(folder, "b.ipynb");
	struct buf got = BUF_INIT;

	ck_assert_int_eq(file_replace(from, form, strlen(form)), 0);
	ck_assert_int_eq(notebook_read(&nb, from, &problems), 0);
	ck_assert_str_eq(nb.path, from);
	ck_assert_int_eq(notebook_write(&nb, to), 0);
	ck_assert_int_eq(file_read(to, &got, 1 << 20), 0);
	ck_assert_str_eq(got.data, form);
	/* Over and over, and over itself: the text is in memory. */
	run_cell(0);
	nb.language_info = xstrdup("{\"a\":[],\"name\":\"new\"}");
	nb.papermill = xstrdup("{\"nan\": NaN}");
	nb.widgets = xstrdup("1");
	ck_assert_int_eq(notebook_write(&nb, from), 0);
	ck_assert_int_eq(notebook_write(&nb, from), 0);
	buf_reset(&got);
	ck_assert_int_eq(file_read(from, &got, 1 << 20), 0);
	ck_assert_str_eq(got.data, form_after);
	buf_release(&got);
	free(to);
	free(from);
}
END_TEST

START_TEST(tells_what_cannot_be_read_or_written)
{
	char *missing = file_join(folder, "none/a.ipynb");

	ck_assert_int_eq(notebook_read(&nb, missing, &problems), -1);
	ck_assert_uint_eq(problems.n, 1);
	ck_assert_str_eq(problems.list[0].file, missing);
	ck_assert_uint_eq(problems.list[0].line, 0);
	ck_assert_ptr_nonnull(strstr(problems.list[0].message, strerror(ENOENT)));
	release();
	ck_assert_int_eq(notebook_read(&nb, folder, &problems), -1);
	ck_assert_ptr_nonnull(strstr(problems.list[0].message, strerror(EISDIR)));
	read_cells("[]", 4);
	errno = 0;
	ck_assert_int_eq(notebook_write(&nb, missing), -1);
	ck_assert_int_eq(errno, ENOENT);
	free(missing);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("ipynb");
	TCase *reading = tcase_create("reading"), *writing = tcase_create("writing"), *files = tcase_create("files");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(reading, NULL, release);
	tcase_add_loop_test(reading, refuses, 0, COUNT(refused));
	tcase_add_test(reading, knows_kernel_and_language);
	tcase_add_loop_test(reading, reads_cells, 0, COUNT(cells));
	suite_add_tcase(suite, reading);

	tcase_add_checked_fixture(writing, NULL, release);
	tcase_set_timeout(writing, 60);
	tcase_add_loop_test(writing, changes_nothing, 0, COUNT(unchanged));
	tcase_add_test(writing, changes_nothing_deep_down);
	tcase_add_loop_test(writing, completes_cells, 0, COUNT(lacking));
	tcase_add_test(writing, completes_notebooks);
	tcase_add_test(writing, completes_ids);
	tcase_add_test(writing, completes_many_ids);
	tcase_add_test(writing, writes_in_nbformats_form);
	tcase_add_test(writing, writes_on_one_line);
	tcase_add_test(writing, leaves_empty_outputs_alone);
	tcase_add_test(writing, tells_how_far_cells_have_come);
	tcase_add_loop_test(writing, puts_members_in_their_place, 0, COUNT(places));
	tcase_add_test(writing, masks_what_is_new);
	tcase_add_loop_test(writing, changes_cells, 0, COUNT(changes));
	tcase_add_test(writing, fills_an_empty_list);
	tcase_add_test(writing, puts_code_in);
	tcase_add_test(writing, resets);
	suite_add_tcase(suite, writing);

	tcase_add_checked_fixture(files, make_folder, remove_folder);
	tcase_add_test(files, reads_and_writes_files);
	tcase_add_test(files, tells_what_cannot_be_read_or_written);
	suite_add_tcase(suite, files);

	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
