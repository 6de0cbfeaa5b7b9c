#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "local/collect.h"
#include "local/nesting.h"

#include "message.h"

#define CELLS 3

static struct notebook nb;
static struct cell cells[CELLS];
static struct mask mask;
static struct collector *c;
static struct buf printed, comms;
static bool changed;	/* what collector_message() returned last */

static void
on_printed(void *data, const char *stream, const char *text, size_t n)
{
	ck_assert_ptr_eq(data, &nb);
	buf_addf(&printed, "<%s:", stream);
	buf_add(&printed, text, n);
	buf_addc(&printed, '>');
}

static void
on_comm(void *data, const char *content, size_t n, const char *parent_header)
{
	ck_assert_ptr_eq(data, &nb);
	ck_assert_str_eq(parent_header, REQUEST_HEADER);
	buf_add(&comms, content, n);
	buf_addc(&comms, '\n');
}

static void
setup(void)
{
	const struct collector_calls calls = {.printed = on_printed, .comm = on_comm, .data = &nb};

	memset(cells, 0, sizeof(cells));
	nb = (struct notebook){.cells = cells, .ncells = CELLS};
	mask = (struct mask)MASK_INIT;
	c = collector_new(&nb, &mask, &calls);
	collector_begin(c, 0);
}

static void
teardown(void)
{
	collector_free(c);
	for (size_t i = 0; i < CELLS; i++)
		outputs_release(&cells[i].outputs);
	mask_release(&mask);
	buf_release(&printed);
	buf_release(&comms);
}

static void
take(const char *type, const char *content)
{
	struct message_made made = message_make(type, content);

	changed = collector_message(c, &made.m);
	message_drop(&made);
}

static void
print(const char *text)
{
	struct buf b = BUF_INIT;

	buf_adds(&b, "{\"name\": \"stdout\", \"text\": ");
	json_put_str(&b, text);
	buf_addc(&b, '}');
	take("stream", b.data);
	buf_release(&b);
}

/* type: display_data or update_display_data; id: JSON, or NULL for a content without transient. */
static void
show(const char *type, const char *text, const char *id)
{
	struct buf b = BUF_INIT;

	buf_adds(&b, "{\"data\": {\"text/plain\": ");
	json_put_str(&b, text);
	buf_adds(&b, "}, \"metadata\": {}");
	if (id != NULL)
		buf_addf(&b, ", \"transient\": {\"display_id\": %s}", id);
	buf_addc(&b, '}');
	take(type, b.data);
	buf_release(&b);
}

static void
put_cell(const struct cell *cell, struct buf *b)
{
	struct buf raw = BUF_INIT;
	struct json v;

	buf_addc(&raw, '[');
	for (size_t i = 0; i < cell->outputs.n; i++) {
		if (i != 0)
			buf_addc(&raw, ',');
		output_put(&cell->outputs.list[i], &mask, &raw);
	}
	buf_addc(&raw, ']');
	ck_assert_int_eq(json_parse(raw.data, raw.len, &v, NULL), 0);
	json_put(b, v, &JSON_ONE_LINE);
	buf_release(&raw);
}

static void
expect_outputs(size_t cell, const char *expected)
{
	struct buf b = BUF_INIT;

	collector_settle(c);
	put_cell(&cells[cell], &b);
	ck_assert_str_eq(b.data, expected);
	buf_release(&b);
}

#define STREAM(name, lines) "{\"name\": \"" name "\", \"output_type\": \"stream\", \"text\": [" lines "]}"
#define SHOWN(text) "{\"data\": {\"text/plain\": [\"" text "\"]}, \"metadata\": {}, \"output_type\": \"display_data\"}"

/* ---- Outputs ---- */

START_TEST(test_streams)
{
	print("one\n");
	ck_assert(changed);
	print("two");
	take("stream", "{\"name\": \"stderr\", \"text\": \"oops\"}");
	print("three");
	expect_outputs(0, "[" STREAM("stdout", "\"one\\n\", \"two\"") ", " STREAM("stderr", "\"oops\"") ", "
	    STREAM("stdout", "\"three\"") "]");
	ck_assert_str_eq(buf_str(&printed), "<stdout:one\n><stdout:two><stderr:oops><stdout:three>");
}
END_TEST

START_TEST(test_kinds_of_output)
{
	take("display_data", "{\"data\": {\"text/html\": \"<b>\", \"text/plain\": \"b\"}, \"metadata\": {\"k\": 1.0}}");
	ck_assert(changed);
	take("execute_result", "{\"data\": {\"text/plain\": \"42\"}, \"metadata\": {}, \"execution_count\": 5}");
	ck_assert(changed);
	take("error", "{\"ename\": \"E\", \"evalue\": \"v\", \"traceback\": [\"a\\nb\", \"c\"]}");
	ck_assert(changed);
	expect_outputs(0, "[{\"data\": {\"text/html\": [\"<b>\"], \"text/plain\": [\"b\"]}, \"metadata\": {\"k\": 1.0}, "
	    "\"output_type\": \"display_data\"}, "
	    "{\"data\": {\"text/plain\": [\"42\"]}, \"execution_count\": 5, \"metadata\": {}, "
	    "\"output_type\": \"execute_result\"}, "
	    "{\"ename\": \"E\", \"evalue\": \"v\", \"output_type\": \"error\", \"traceback\": [\"a\\nb\", \"c\"]}]");
	ck_assert_str_eq(buf_str(&printed), "");
}
END_TEST

START_TEST(test_execution_count)
{
	cells[0].execution_count = -1;
	take("execute_input", "{\"code\": \"x\", \"execution_count\": 3}");
	ck_assert(!changed);
	ck_assert_int_eq(cells[0].execution_count, 3);
	take("execute_result", "{\"data\": {}, \"metadata\": {}, \"execution_count\": 4}");
	ck_assert_int_eq(cells[0].execution_count, 4);
	print("nothing in here about it");
	ck_assert_int_eq(cells[0].execution_count, 4);
	take("who_knows", "{\"execution_count\": 5}");
	ck_assert_int_eq(cells[0].execution_count, 5);
	take("execute_input", "{\"execution_count\": null}");
	ck_assert_int_eq(cells[0].execution_count, -1);
	take("execute_input", "{\"execution_count\": 9}");
	take("execute_input", "{\"execution_count\": \"9\"}");
	ck_assert_int_eq(cells[0].execution_count, -1);
	take("execute_input", "{\"execution_count\": -7}");
	ck_assert_int_eq(cells[0].execution_count, -1);
}
END_TEST

START_TEST(test_ignored)
{
	print("x");
	take("status", "{\"execution_state\": \"idle\"}");
	ck_assert(!changed);
	take("iopub_welcome", "{\"subscription\": \"\"}");
	ck_assert(!changed);
	take("input_request", "{\"prompt\": \"\", \"password\": false}");
	ck_assert(!changed);
	take("", "{}");
	ck_assert(!changed);
	expect_outputs(0, "[" STREAM("stdout", "\"x\"") "]");
}
END_TEST

START_TEST(test_not_as_the_protocol_says)
{
	static const char *const types[] = {
		"stream", "display_data", "execute_result", "update_display_data", "error", "clear_output", "comm_open",
		"comm_msg", "comm_close", "status", "execute_input", "iopub_welcome", "shutdown_reply",
	};
	static const char *const contents[] = {
		"null", "1", "\"x\"", "[]", "[{\"data\": 1}]", "{}", "{\"transient\": null}", "{\"transient\": []}",
		"{\"transient\": {\"display_id\": null}, \"data\": null}", "{\"transient\": {\"display_id\": \"\"}}",
		"{\"transient\": {\"display_id\": {}}, \"metadata\": []}", "{\"transient\": {\"display_id\": [1]}}",
		"{\"transient\": {\"display_id\": 0}}", "{\"transient\": {\"display_id\": false}}",
		"{\"transient\": {\"display_id\": \"a\\u0000b\"}, \"data\": {\"text/plain\": [1]}}",
		"{\"data\": {\"state\": null}, \"comm_id\": null}", "{\"name\": null, \"text\": null}",
		"{\"name\": \"a\\u0000b\", \"text\": \"\\ud800\\u0000\"}", "{\"wait\": {}}", "{\"wait\": \"\"}",
		"{\"ename\": [], \"evalue\": {}, \"traceback\": [1, null, {}]}",
		"{\"execution_state\": 1, \"execution_count\": 1e999}", "{\"execution_count\": 99999999999999999999}",
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		for (size_t k = 0; k < sizeof(contents) / sizeof(contents[0]); k++) {
			take(types[i], contents[k]);
			expect_outputs(1, "[]");
		}
	}
	/* And it goes on as if nothing had been. */
	collector_begin(c, 1);
	print("x");
	expect_outputs(1, "[" STREAM("stdout", "\"x\"") "]");
}
END_TEST

START_TEST(test_too_deep)
{
	struct buf b = BUF_INIT;

	/* Four levels are the list's own, or of what it stands in. */
	buf_adds(&b, "{\"data\": {\"application/json\": ");
	buf_fill(&b, '[', NESTING_MAX - 2);
	buf_fill(&b, ']', NESTING_MAX - 2);
	buf_adds(&b, "}, \"metadata\": {}}");
	take("display_data", b.data);
	ck_assert(changed);
	ck_assert_uint_eq(cells[0].outputs.n, 1);
	buf_reset(&b);
	buf_adds(&b, "{\"data\": {\"application/json\": ");
	buf_fill(&b, '[', NESTING_MAX - 1);
	buf_fill(&b, ']', NESTING_MAX - 1);
	buf_adds(&b, "}, \"metadata\": {}}");
	take("display_data", b.data);
	ck_assert(!changed);
	ck_assert_uint_eq(cells[0].outputs.n, 1);
	buf_release(&b);
}
END_TEST

START_TEST(test_begin)
{
	print("old");
	take("clear_output", "{\"wait\": true}");
	collector_begin(c, 0);
	expect_outputs(0, "[]");
	print("new");
	print("er");
	expect_outputs(0, "[" STREAM("stdout", "\"newer\"") "]");
}
END_TEST

START_TEST(test_before_the_first_cell)
{
	const struct collector_calls calls = {.printed = on_printed, .comm = on_comm, .data = &nb};
	struct collector *fresh = collector_new(&nb, NULL, &calls);
	struct message_made made = message_make("stream", "{\"name\": \"stdout\", \"text\": \"x\"}");

	ck_assert(!collector_message(fresh, &made.m));
	collector_settle(fresh);
	ck_assert_ptr_null(collector_result(fresh));
	ck_assert_ptr_null(collector_widgets(fresh));
	message_drop(&made);
	collector_free(fresh);
	collector_free(NULL);
}
END_TEST

START_TEST(test_secrets)
{
	mask_add(&mask, "hunter2", 7);
	print("hun");
	print("ter2");
	take("display_data", "{\"data\": {\"text/plain\": \"a hunter2\"}, \"metadata\": {\"hunter2\": 1}, "
	    "\"transient\": {\"display_id\": \"d\"}}");
	take("error", "{\"ename\": \"hunter2\", \"evalue\": \"v\", \"traceback\": [\"hunter2\"]}");
	take("stream", "{\"name\": \"hunter2\", \"text\": \"x\"}");
	expect_outputs(0, "[" STREAM("stdout", "\"***\"") ", "
	    "{\"data\": {\"text/plain\": [\"a ***\"]}, \"metadata\": {\"***\": 1}, \"output_type\": \"display_data\"}, "
	    "{\"ename\": \"***\", \"evalue\": \"v\", \"output_type\": \"error\", \"traceback\": [\"***\"]}, "
	    STREAM("***", "\"x\"") "]");
	ck_assert_str_eq(buf_str(&printed), "<stdout:hun><stdout:ter2><***:x>");
	show("update_display_data", "again hunter2", "\"d\"");
	collector_begin(c, 1);
	ck_assert_ptr_null(strstr(buf_str(&cells[0].outputs.list[1].body), "hunter2"));
}
END_TEST

/* ---- clear_output ---- */

START_TEST(test_clear_now)
{
	print("x");
	take("clear_output", "{\"wait\": false}");
	ck_assert(changed);
	expect_outputs(0, "[]");
	print("y");
	take("clear_output", "{}");
	print("z");
	expect_outputs(0, "[" STREAM("stdout", "\"z\"") "]");
	take("clear_output", "{\"wait\": -0.0}");
	expect_outputs(0, "[]");
}
END_TEST

START_TEST(test_clear_later)
{
	print("x");
	take("clear_output", "{\"wait\": true}");
	ck_assert(!changed);
	take("status", "{\"execution_state\": \"busy\"}");
	show("update_display_data", "unknown", "\"u\"");
	take("comm_msg", "{\"comm_id\": \"a\", \"data\": {}}");
	expect_outputs(0, "[" STREAM("stdout", "\"x\"") "]");
	show("display_data", "y", NULL);
	print("z");
	expect_outputs(0, "[" SHOWN("y") ", " STREAM("stdout", "\"z\"") "]");
	/* With nothing behind it, it has no effect. */
	take("clear_output", "{\"wait\": 1}");
	expect_outputs(0, "[" SHOWN("y") ", " STREAM("stdout", "\"z\"") "]");
	take("error", "{\"ename\": \"E\", \"evalue\": \"\", \"traceback\": []}");
	expect_outputs(0, "[{\"ename\": \"E\", \"evalue\": \"\", \"output_type\": \"error\", \"traceback\": []}]");
}
END_TEST

/* ---- Display ids ---- */

START_TEST(test_updates)
{
	show("display_data", "a", "\"id\"");
	show("display_data", "other", "\"id2\"");
	show("display_data", "none", NULL);
	show("update_display_data", "b", "\"id\"");
	ck_assert(changed);
	expect_outputs(0, "[" SHOWN("b") ", " SHOWN("other") ", " SHOWN("none") "]");
	show("update_display_data", "c", "\"unknown\"");
	ck_assert(!changed);
	show("update_display_data", "c", NULL);
	ck_assert(!changed);
	/* Shown again, it changes what is there, too. */
	show("display_data", "d", "\"id\"");
	expect_outputs(0, "[" SHOWN("d") ", " SHOWN("other") ", " SHOWN("none") ", " SHOWN("d") "]");
	take("execute_result", "{\"data\": {\"text/plain\": \"e\"}, \"metadata\": {\"m\": 1}, \"execution_count\": 2, "
	    "\"transient\": {\"display_id\": \"id2\"}}");
	expect_outputs(0, "[" SHOWN("d") ", {\"data\": {\"text/plain\": [\"e\"]}, \"metadata\": {\"m\": 1}, "
	    "\"output_type\": \"display_data\"}, " SHOWN("none") ", " SHOWN("d") ", "
	    "{\"data\": {\"text/plain\": [\"e\"]}, \"execution_count\": 2, \"metadata\": {\"m\": 1}, "
	    "\"output_type\": \"execute_result\"}]");
	take("update_display_data", "{\"data\": {\"text/plain\": \"f\"}, \"transient\": {\"display_id\": \"id2\"}}");
	expect_outputs(0, "[" SHOWN("d") ", " SHOWN("f") ", " SHOWN("none") ", " SHOWN("d") ", "
	    "{\"data\": {\"text/plain\": [\"f\"]}, \"execution_count\": 2, \"metadata\": {}, "
	    "\"output_type\": \"execute_result\"}]");
}
END_TEST

START_TEST(test_updates_across_cells)
{
	show("display_data", "a", "\"id\"");
	collector_begin(c, 1);
	print("x");
	show("display_data", "b", "\"id\"");
	ck_assert(changed);
	collector_begin(c, 2);
	expect_outputs(0, "[" SHOWN("b") "]");
	show("update_display_data", "c", "\"id\"");
	ck_assert(changed);
	expect_outputs(0, "[" SHOWN("c") "]");
	expect_outputs(1, "[" STREAM("stdout", "\"x\"") ", " SHOWN("c") "]");
	expect_outputs(2, "[]");
	/* The next cell starts with everything in place, asked for or not. */
	show("update_display_data", "d", "\"id\"");
	collector_begin(c, 2);
	ck_assert_ptr_nonnull(strstr(buf_str(&cells[0].outputs.list[0].body), "\"d\""));
}
END_TEST

/* What comes where a cleared output stood is not taken for it. */
START_TEST(test_updates_after_clear)
{
	show("display_data", "a", "\"id\"");
	collector_begin(c, 1);
	show("display_data", "b", "\"id\"");
	take("clear_output", "{\"wait\": false}");
	show("display_data", "other", "\"id2\"");
	show("update_display_data", "c", "\"id\"");
	expect_outputs(0, "[" SHOWN("c") "]");
	expect_outputs(1, "[" SHOWN("other") "]");
	take("clear_output", "{\"wait\": true}");
	show("display_data", "d", "\"id2\"");
	show("display_data", "new", NULL);
	show("update_display_data", "e", "\"id2\"");
	expect_outputs(1, "[" SHOWN("e") ", " SHOWN("new") "]");
	collector_begin(c, 1);
	show("display_data", "f", NULL);
	show("update_display_data", "g", "\"id2\"");
	expect_outputs(1, "[" SHOWN("f") "]");
}
END_TEST

START_TEST(test_update_then_clear)
{
	show("display_data", "a", "\"id\"");
	show("update_display_data", "b", "\"id\"");
	take("clear_output", "{\"wait\": false}");
	show("display_data", "other", NULL);
	expect_outputs(0, "[" SHOWN("other") "]");
}
END_TEST

START_TEST(test_odd_display_ids)
{
	show("display_data", "a", "5");
	show("update_display_data", "b", "5");
	show("display_data", "c", "\"\"");
	show("update_display_data", "d", "\"\"");
	show("display_data", "e", "\"\\u00e9\\u0000\"");
	show("update_display_data", "f", "\"é\\u0000\"");
	show("update_display_data", "g", "\"é\"");
	expect_outputs(0, "[" SHOWN("b") ", " SHOWN("c") ", " SHOWN("f") "]");
}
END_TEST

START_TEST(test_many_display_ids)
{
	const int n = 20000;
	char id[32], text[32];

	for (int i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "\"id-%d\"", i);
		show("display_data", "first", id);
	}
	for (int i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "\"id-%d\"", i);
		snprintf(text, sizeof(text), "text %d", i);
		show("update_display_data", text, id);
	}
	collector_settle(c);
	ck_assert_uint_eq(cells[0].outputs.n, (size_t)n);
	for (int i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "\"text %d\"", i);
		ck_assert_ptr_nonnull(strstr(buf_str(&cells[0].outputs.list[i].body), text));
	}
}
END_TEST

START_TEST(test_many_updates)
{
	char text[32];

	show("display_data", "first", "\"id\"");
	for (int i = 0; i < 20000; i++) {
		snprintf(text, sizeof(text), "text %d", i);
		show("update_display_data", text, "\"id\"");
	}
	expect_outputs(0, "[" SHOWN("text 19999") "]");
}
END_TEST

/* Each one also changes all before it. */
START_TEST(test_one_id_many_times)
{
	const size_t n = 20000;
	char text[32];

	for (size_t i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "text %zu", i);
		show("display_data", text, "\"id\"");
	}
	collector_settle(c);
	ck_assert_uint_eq(cells[0].outputs.n, n);
	for (size_t i = 0; i < n; i++)
		ck_assert_ptr_nonnull(strstr(buf_str(&cells[0].outputs.list[i].body), "\"text 19999\""));
}
END_TEST

START_TEST(test_many_clears)
{
	char id[32];

	show("display_data", "kept", "\"kept\"");
	collector_begin(c, 1);
	for (int i = 0; i < 20000; i++) {
		snprintf(id, sizeof(id), "\"id-%d\"", i);
		take("clear_output", "{\"wait\": true}");
		show("display_data", "at work", id);
		if (i % 3 == 0)
			show("update_display_data", "still at work", id);
		if (i % 8 == 0)
			show("display_data", "still", "\"kept\"");
	}
	show("update_display_data", "done", id);
	show("update_display_data", "end", "\"kept\"");
	expect_outputs(0, "[" SHOWN("end") "]");
	expect_outputs(1, "[" SHOWN("done") "]");
}
END_TEST

/* ---- Widgets ---- */

#define OPEN_OUTPUT "{\"comm_id\": \"o\", \"target_name\": \"jupyter.widget\", \"data\": {\"state\": {" \
	"\"_model_module\": \"@jupyter-widgets/output\", \"_model_name\": \"OutputModel\", \"outputs\": []}}}"
#define HOOK "{\"comm_id\": \"o\", \"data\": {\"state\": {\"msg_id\": \"" REQUEST "\"}}}"
#define UNHOOK "{\"comm_id\": \"o\", \"data\": {\"state\": {\"msg_id\": \"\"}}}"
#define UPDATE(outputs) "{\"comm_id\": \"o\", \"data\": {\"method\": \"update\", \"state\": {\"outputs\": [" outputs \
	"]}, \"buffer_paths\": []}}\n"
#define CAUGHT(text) "{\"output_type\": \"stream\", \"name\": \"stdout\", \"text\": \"" text "\"}"

START_TEST(test_catching)
{
	take("comm_open", OPEN_OUTPUT);
	ck_assert(!changed);
	print("outside");
	take("clear_output", "{\"wait\": true}");
	take("comm_msg", HOOK);
	print("inside");
	ck_assert(!changed);
	take("error", "{\"ename\": \"E\", \"evalue\": \"v\", \"traceback\": []}");
	ck_assert(!changed);
	take("clear_output", "{\"wait\": false}");
	ck_assert(!changed);
	take("clear_output", "{\"wait\": true}");
	take("comm_msg", UNHOOK);
	expect_outputs(0, "[" STREAM("stdout", "\"outside\"") "]");
	print("again");
	expect_outputs(0, "[" STREAM("stdout", "\"again\"") "]");
	ck_assert_str_eq(buf_str(&comms), UPDATE(CAUGHT("inside")) UPDATE(CAUGHT("inside") ", "
	    "{\"output_type\": \"error\", \"ename\": \"E\", \"evalue\": \"v\", \"traceback\": []}") UPDATE(""));
	ck_assert_str_eq(buf_str(&printed), "<stdout:outside><stdout:inside><stdout:again>");
	buf_reset(&comms);
	take("comm_msg", HOOK);
	print("x");
	ck_assert_str_eq(buf_str(&comms), UPDATE(CAUGHT("x")));
	/* The next cell is not caught by what a cell has left open. */
	collector_begin(c, 1);
	print("free");
	expect_outputs(1, "[" STREAM("stdout", "\"free\"") "]");
}
END_TEST

/* Display ids know cells only; but what is shown in a widget updates what is shown in cells. */
START_TEST(test_display_ids_while_catching)
{
	show("display_data", "a", "\"id\"");
	take("comm_open", OPEN_OUTPUT);
	take("comm_msg", HOOK);
	show("display_data", "b", "\"id\"");
	ck_assert(changed);
	show("display_data", "b", "\"id2\"");
	ck_assert(!changed);
	show("update_display_data", "c", "\"id2\"");
	ck_assert(!changed);
	expect_outputs(0, "[" SHOWN("b") "]");
	show("update_display_data", "d", "\"id\"");
	ck_assert(changed);
	expect_outputs(0, "[" SHOWN("d") "]");
	ck_assert_ptr_null(strstr(buf_str(&comms), "\"d\""));
}
END_TEST

START_TEST(test_widgets)
{
	char *text;

	ck_assert_ptr_null(collector_widgets(c));
	take("comm_open", "{\"comm_id\": \"a\", \"data\": {\"state\": {\"_model_name\": \"M\"}}}");
	text = collector_widgets(c);
	ck_assert_str_eq(text, "{\"application/vnd.jupyter.widget-state+json\": {\"state\": {\"a\": "
	    "{\"model_name\": \"M\", \"model_module\": null, \"model_module_version\": null, "
	    "\"state\": {\"_model_name\": \"M\"}}}, \"version_major\": 2, \"version_minor\": 0}}");
	free(text);
}
END_TEST

/* ---- What is handed back ---- */

#define RESULT(value) "{\"data\": {\"application/vnd.nbfork.result+json\": " value "}, \"metadata\": {}, " \
	"\"transient\": {\"display_id\": \"r\"}}"

START_TEST(test_result)
{
	ck_assert_ptr_null(collector_result(c));
	take("update_display_data", RESULT("0"));
	ck_assert_ptr_null(collector_result(c));
	take("display_data", RESULT("1"));
	ck_assert_str_eq(collector_result(c), "1");
	take("update_display_data", RESULT("2"));
	ck_assert_str_eq(collector_result(c), "2");
	take("execute_result", RESULT("\"{\\\"rows\\\": 3}\""));
	ck_assert_str_eq(collector_result(c), "{\"rows\": 3}");
	take("comm_open", OPEN_OUTPUT);
	take("comm_msg", HOOK);
	take("display_data", RESULT("4"));
	ck_assert_str_eq(collector_result(c), "4");
	take("clear_output", "{\"wait\": false}");
	ck_assert_str_eq(collector_result(c), "4");
}
END_TEST

START_TEST(test_scraps)
{
	take("display_data", "{\"data\": {\"application/scrapbook.scrap.json+json\": {\"name\": \"rows\", \"data\": 3, "
	    "\"encoder\": \"json\", \"version\": 1}}, \"metadata\": {\"scrapbook\": {\"name\": \"rows\"}}}");
	ck_assert_str_eq(collector_result(c), "{\"rows\": 3}");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("collect");
	TCase *tc = tcase_create("collect");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_streams);
	tcase_add_test(tc, test_kinds_of_output);
	tcase_add_test(tc, test_execution_count);
	tcase_add_test(tc, test_ignored);
	tcase_add_test(tc, test_not_as_the_protocol_says);
	tcase_add_test(tc, test_too_deep);
	tcase_add_test(tc, test_begin);
	tcase_add_test(tc, test_before_the_first_cell);
	tcase_add_test(tc, test_secrets);
	tcase_add_test(tc, test_clear_now);
	tcase_add_test(tc, test_clear_later);
	tcase_add_test(tc, test_updates);
	tcase_add_test(tc, test_updates_across_cells);
	tcase_add_test(tc, test_updates_after_clear);
	tcase_add_test(tc, test_update_then_clear);
	tcase_add_test(tc, test_odd_display_ids);
	tcase_add_test(tc, test_many_display_ids);
	tcase_add_test(tc, test_many_updates);
	tcase_add_test(tc, test_one_id_many_times);
	tcase_add_test(tc, test_many_clears);
	tcase_add_test(tc, test_catching);
	tcase_add_test(tc, test_display_ids_while_catching);
	tcase_add_test(tc, test_widgets);
	tcase_add_test(tc, test_result);
	tcase_add_test(tc, test_scraps);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
