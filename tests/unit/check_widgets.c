#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mask.h"
#include "local/widgets.h"

#include "message.h"

#define MIME "application/vnd.jupyter.widget-state+json"

static struct widgets w;
static struct mask mask;
static struct buf sent, sent_header;	/* the last comm_msg */
static size_t nsent, bytes_sent;

static void
on_send(void *data, const char *content, size_t n, const char *parent_header)
{
	struct json v;

	ck_assert_ptr_eq(data, &w);
	ck_assert_int_eq(json_parse(content, n, &v, NULL), 0);
	buf_reset(&sent);
	buf_add(&sent, content, n);
	buf_reset(&sent_header);
	buf_adds(&sent_header, parent_header != NULL ? parent_header : "none");
	nsent++;
	bytes_sent += n;
}

static void
setup(void)
{
	mask = (struct mask)MASK_INIT;
	nsent = bytes_sent = 0;
	widgets_init(&w, &mask, on_send, &w);
	widgets_begin(&w);
}

static void
teardown(void)
{
	widgets_release(&w);
	mask_release(&mask);
	buf_release(&sent);
	buf_release(&sent_header);
}

static void
comm(const char *type, const char *content)
{
	struct message_made made = message_make(type, content);

	widgets_comm(&w, &made.m);
	message_drop(&made);
}

static void
comm_with(const char *content, const void **buffers, size_t *sizes, size_t n)
{
	struct message_made made = message_make("comm_msg", content);

	made.m.buffers = buffers;
	made.m.buffer_sizes = sizes;
	made.m.nbuffers = n;
	widgets_comm(&w, &made.m);
	message_drop(&made);
}

static void
output(const char *type, const char *content)
{
	struct message_made made = message_make(type, content);

	ck_assert(widgets_catch(&w));
	widgets_output(&w, &made.m);
	message_drop(&made);
}

static void
clear(bool wait)
{
	struct message_made made = message_make("clear_output", wait ? "{\"wait\": true}" : "{\"wait\": false}");

	widgets_clear(&w, &made.m, wait);
	message_drop(&made);
}

static void
print(const char *stream, const char *text)
{
	struct buf b = BUF_INIT;

	buf_adds(&b, "{\"name\": ");
	json_put_str(&b, stream);
	buf_adds(&b, ", \"text\": ");
	json_put_str(&b, text);
	buf_addc(&b, '}');
	output("stream", b.data);
	buf_release(&b);
}

/* An Output widget with these outputs (JSON) to begin with. */
static void
open_output(const char *id, const char *outputs)
{
	struct buf b = BUF_INIT;

	buf_addf(&b, "{\"comm_id\": \"%s\", \"target_name\": \"jupyter.widget\", \"data\": {\"state\": {"
	    "\"_model_module\": \"@jupyter-widgets/output\", \"_model_name\": \"OutputModel\", "
	    "\"msg_id\": \"\", \"outputs\": %s}, \"buffer_paths\": []}}", id, outputs);
	comm("comm_open", b.data);
	buf_release(&b);
}

static void
set_msg_id(const char *id, const char *msg_id)
{
	struct buf b = BUF_INIT;

	buf_addf(&b, "{\"comm_id\": \"%s\", \"data\": {\"method\": \"update\", \"state\": {\"msg_id\": %s}}}", id, msg_id);
	comm("comm_msg", b.data);
	buf_release(&b);
}

/* What the kernel was told last must be these outputs of this widget. */
static void
expect_sent(const char *id, const char *outputs)
{
	struct buf b = BUF_INIT;

	buf_addf(&b, "{\"comm_id\": \"%s\", \"data\": {\"method\": \"update\", \"state\": {\"outputs\": %s}, "
	    "\"buffer_paths\": []}}", id, outputs);
	ck_assert_str_eq(buf_str(&sent), b.data);
	buf_release(&b);
}

/* The models of the notebook's metadata must be this. */
static void
expect_models(const char *models)
{
	struct buf b = BUF_INIT, expected = BUF_INIT;
	struct json v;

	ck_assert(widgets_put(&w, &b));
	ck_assert_int_eq(json_parse(b.data, b.len, &v, NULL), 0);
	buf_addf(&expected, "{\"" MIME "\": {\"state\": %s, \"version_major\": 2, \"version_minor\": 0}}", models);
	ck_assert_str_eq(b.data, expected.data);
	buf_release(&expected);
	buf_release(&b);
}

/* ---- State ---- */

START_TEST(test_no_widgets)
{
	struct buf b = BUF_INIT;

	ck_assert(!widgets_put(&w, &b));
	comm("comm_open", "{\"comm_id\": \"a\", \"target_name\": \"bokeh\", \"data\": {}}");
	comm("comm_msg", "{\"comm_id\": \"a\", \"data\": {\"method\": \"custom\", \"content\": {}}}");
	comm("comm_close", "{\"comm_id\": \"a\", \"data\": {}}");
	ck_assert(!widgets_put(&w, &b));
	ck_assert_uint_eq(b.len, 0);
}
END_TEST

START_TEST(test_state_is_merged)
{
	comm("comm_open", "{\"comm_id\": \"a\", \"target_name\": \"jupyter.widget\", \"data\": {\"state\": "
	    "{\"_model_name\": \"IntSliderModel\", \"_model_module\": \"@jupyter-widgets/controls\", "
	    "\"_model_module_version\": \"2.0.0\", \"value\": 1, \"max\": 1e400}, \"buffer_paths\": []}}");
	comm("comm_msg", "{\"comm_id\": \"a\", \"data\": {\"method\": \"update\", \"state\": {\"value\": 2}}}");
	comm("comm_msg", "{\"comm_id\": \"a\", \"data\": {\"method\": \"update\", \"state\": { }}}");
	comm("comm_msg", "{\"comm_id\": \"a\", \"data\": {\"method\": \"update\", \"state\": { \"value\" : 3,"
	    "\n\"min\": -0 }}}");
	comm("comm_close", "{\"comm_id\": \"a\", \"data\": {\"state\": {\"closed\": true}}}");
	expect_models("{\"a\": {\"model_name\": \"IntSliderModel\", \"model_module\": \"@jupyter-widgets/controls\", "
	    "\"model_module_version\": \"2.0.0\", \"state\": {\"_model_module\": \"@jupyter-widgets/controls\", "
	    "\"_model_module_version\": \"2.0.0\", \"_model_name\": \"IntSliderModel\", \"closed\": true, "
	    "\"max\": 1e400, \"min\": -0, \"value\": 3}}}");
}
END_TEST

/* nbclient lists models only, but writes the metadata as soon as any comm had a state. */
START_TEST(test_state_without_model)
{
	comm("comm_msg", "{\"comm_id\": \"a\", \"data\": {\"state\": {\"x\": 1}}}");
	expect_models("{}");
	comm("comm_msg", "{\"comm_id\": \"b\", \"data\": {\"state\": {\"_model_name\": \"M\"}}}");
	expect_models("{\"b\": {\"model_name\": \"M\", \"model_module\": null, \"model_module_version\": null, "
	    "\"state\": {\"_model_name\": \"M\"}}}");
	comm("comm_open", "{\"comm_id\": \"c\", \"data\": {\"state\": {}}}");
	comm("comm_msg", "{\"comm_id\": \"a\", \"data\": {\"state\": {\"_model_name\": null}}}");
	expect_models("{\"a\": {\"model_name\": null, \"model_module\": null, \"model_module_version\": null, "
	    "\"state\": {\"_model_name\": null, \"x\": 1}}, "
	    "\"b\": {\"model_name\": \"M\", \"model_module\": null, \"model_module_version\": null, "
	    "\"state\": {\"_model_name\": \"M\"}}}");
}
END_TEST

START_TEST(test_not_as_the_protocol_says)
{
	static const char *const contents[] = {
		"null", "[]", "\"comm_id\"", "{}", "{\"comm_id\": \"a\"}", "{\"data\": {\"state\": {\"a\": 1}}}",
		"{\"comm_id\": 1, \"data\": {\"state\": {\"a\": 1}}}",
		"{\"comm_id\": null, \"data\": {\"state\": {\"a\": 1}}}",
		"{\"comm_id\": \"a\", \"data\": null}", "{\"comm_id\": \"a\", \"data\": []}",
		"{\"comm_id\": \"a\", \"data\": {}}", "{\"comm_id\": \"a\", \"data\": {\"state\": null}}",
		"{\"comm_id\": \"a\", \"data\": {\"state\": [1]}}", "{\"comm_id\": \"a\", \"data\": {\"state\": \"{}\"}}",
		"{\"comm_id\": \"a\", \"target_name\": \"jupyter.widget\", \"data\": {\"state\": null}}",
	};
	static const char *const types[] = {"comm_open", "comm_msg", "comm_close"};
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++)
		for (size_t k = 0; k < 3; k++)
			comm(types[k], contents[i]);
	ck_assert(!widgets_put(&w, &b));
}
END_TEST

START_TEST(test_many_updates)
{
	struct buf b = BUF_INIT;

	comm("comm_open", "{\"comm_id\": \"a\", \"data\": {\"state\": {\"_model_name\": \"M\"}}}");
	for (int i = 0; i < 20000; i++) {
		buf_reset(&b);
		buf_addf(&b, "{\"comm_id\": \"a\", \"data\": {\"state\": {\"value\": %d, \"k%d\": 0}}}", i, i % 3);
		comm("comm_msg", b.data);
	}
	buf_release(&b);
	expect_models("{\"a\": {\"model_name\": \"M\", \"model_module\": null, \"model_module_version\": null, "
	    "\"state\": {\"_model_name\": \"M\", \"k0\": 0, \"k1\": 0, \"k2\": 0, \"value\": 19999}}}");
}
END_TEST

START_TEST(test_comm_ids_of_any_kind)
{
	comm("comm_msg", "{\"comm_id\": \"\", \"data\": {\"state\": {\"_model_name\": 1}}}");
	comm("comm_msg", "{\"comm_id\": \"a\\u0000\\\"\\u00e9\", \"data\": {\"state\": {\"_model_name\": 2}}}");
	comm("comm_msg", "{\"comm_id\": \"a\\u0000\\\"é\", \"data\": {\"state\": {\"_model_name\": 3}}}");
	expect_models("{\"\": {\"model_name\": 1, \"model_module\": null, \"model_module_version\": null, "
	    "\"state\": {\"_model_name\": 1}}, "
	    "\"a\\u0000\\\"é\": {\"model_name\": 3, \"model_module\": null, \"model_module_version\": null, "
	    "\"state\": {\"_model_name\": 3}}}");
}
END_TEST

START_TEST(test_buffers)
{
	const void *two[] = {"abc", "\0\xff"}, *one[] = {"xyz4"};
	size_t two_sizes[] = {3, 2}, one_size[] = {4};

	comm_with("{\"comm_id\": \"a\", \"data\": {\"state\": {\"_model_name\": \"M\"}, "
	    "\"buffer_paths\": [[\"value\"], [\"data\", 0, \"x\"]]}}", two, two_sizes, 2);
	/* Without a state nothing is looked at; a buffer of a known path takes its place, and its place in the list. */
	comm_with("{\"comm_id\": \"a\", \"data\": {\"buffer_paths\": [[\"data\", 0, \"x\"]]}}", one, one_size, 1);
	comm_with("{\"comm_id\": \"a\", \"data\": {\"state\": {}, \"buffer_paths\": [[ \"val\\u0075e\" ]]}}",
	    one, one_size, 1);
	expect_models("{\"a\": {\"model_name\": \"M\", \"model_module\": null, \"model_module_version\": null, "
	    "\"state\": {\"_model_name\": \"M\"}, \"buffers\": ["
	    "{\"data\": \"eHl6NA==\", \"encoding\": \"base64\", \"path\": [\"value\"]}, "
	    "{\"data\": \"AP8=\", \"encoding\": \"base64\", \"path\": [\"data\", 0, \"x\"]}]}}");
}
END_TEST

START_TEST(test_buffers_that_do_not_match)
{
	const void *one[] = {""};
	size_t sizes[] = {0};

	comm_with("{\"comm_id\": \"a\", \"data\": {\"state\": {\"_model_name\": \"M\"}, "
	    "\"buffer_paths\": [[\"first\"], [\"second\"]]}}", one, sizes, 1);
	comm_with("{\"comm_id\": \"b\", \"data\": {\"state\": {}, \"buffer_paths\": {\"a\": [\"x\"]}}}", one, sizes, 1);
	comm_with("{\"comm_id\": \"b\", \"data\": {\"state\": {}, \"buffer_paths\": [1]}}", one, sizes, 1);
	comm_with("{\"comm_id\": \"b\", \"data\": {\"state\": {}, \"buffer_paths\": null}}", one, sizes, 1);
	comm_with("{\"comm_id\": \"b\", \"data\": {\"state\": {\"_model_name\": 0}, \"buffer_paths\": []}}", one, sizes, 1);
	comm_with("{\"comm_id\": \"b\", \"data\": {\"state\": {}, \"buffer_paths\": [[\"x\"]]}}", NULL, NULL, 0);
	expect_models("{\"a\": {\"model_name\": \"M\", \"model_module\": null, \"model_module_version\": null, "
	    "\"state\": {\"_model_name\": \"M\"}, \"buffers\": ["
	    "{\"data\": \"\", \"encoding\": \"base64\", \"path\": [\"first\"]}]}, "
	    "\"b\": {\"model_name\": 0, \"model_module\": null, \"model_module_version\": null, "
	    "\"state\": {\"_model_name\": 0}}}");
}
END_TEST

/* Base64 is written in pieces: what comes out must be one whole. */
START_TEST(test_long_buffer)
{
	const size_t n = 100000;
	char *bytes = malloc(n);
	const void *buffers[] = {bytes};
	size_t sizes[] = {n};
	struct buf b = BUF_INIT;
	struct json v, data;

	memset(bytes, 'M', n);	/* "TU1N" in base64 */
	comm_with("{\"comm_id\": \"a\", \"data\": {\"state\": {\"_model_name\": \"M\"}, \"buffer_paths\": [[]]}}",
	    buffers, sizes, 1);
	ck_assert(widgets_put(&w, &b));
	ck_assert_int_eq(json_parse(b.data, b.len, &v, NULL), 0);
	v = json_get(json_get(json_get(v, MIME), "state"), "a");
	data = json_get((struct json){json_get(v, "buffers").text + 1, json_get(v, "buffers").len - 2}, "data");
	ck_assert_uint_eq(data.len, 2 + (n + 2) / 3 * 4);
	for (size_t i = 1; i + 5 < data.len; i += 4)
		ck_assert_int_eq(memcmp(data.text + i, "TU1N", 4), 0);
	ck_assert_int_eq(memcmp(data.text + data.len - 5, "TQ==", 4), 0);
	buf_release(&b);
	free(bytes);
}
END_TEST

START_TEST(test_secrets)
{
	const void *buffers[] = {"a hunter2"};
	size_t sizes[] = {9};

	mask_add(&mask, "hunter2", 7);
	comm_with("{\"comm_id\": \"id-hunter2\", \"data\": {\"state\": {\"_model_name\": \"M\", "
	    "\"value\": \"is hunt\\u0065r2\", \"hunter2\": 1}, \"buffer_paths\": [[\"hunter2\"]]}}", buffers, sizes, 1);
	expect_models("{\"id-***\": {\"model_name\": \"M\", \"model_module\": null, \"model_module_version\": null, "
	    "\"state\": {\"_model_name\": \"M\", \"***\": 1, \"value\": \"is ***\"}, \"buffers\": ["
	    "{\"data\": \"YSAqKio=\", \"encoding\": \"base64\", \"path\": [\"***\"]}]}}");
}
END_TEST

/* ---- Output widgets ---- */

START_TEST(test_catching)
{
	open_output("o", "[]");
	ck_assert(!widgets_catch(&w));
	set_msg_id("o", "\"" REQUEST "\"");
	ck_assert(widgets_catch(&w));
	print("stdout", "one\n");
	expect_sent("o", "[{\"output_type\": \"stream\", \"name\": \"stdout\", \"text\": \"one\\n\"}]");
	ck_assert_str_eq(buf_str(&sent_header), REQUEST_HEADER);
	print("stdout", "\"two\"");
	expect_sent("o", "[{\"output_type\": \"stream\", \"name\": \"stdout\", \"text\": \"one\\n\\\"two\\\"\"}]");
	print("stderr", "three");
	output("display_data", "{\"data\": {\"text/plain\": \"x\"}, \"metadata\": {\"a\": 1}, \"transient\": {}}");
	output("execute_result", "{\"data\": {\"text/plain\": \"y\"}, \"metadata\": {}, \"execution_count\": 7}");
	output("error", "{\"ename\": \"E\", \"evalue\": \"v\", \"traceback\": [\"t\", \"u\"]}");
	print("stderr", "");
	expect_sent("o", "[{\"output_type\": \"stream\", \"name\": \"stdout\", \"text\": \"one\\n\\\"two\\\"\"}, "
	    "{\"output_type\": \"stream\", \"name\": \"stderr\", \"text\": \"three\"}, "
	    "{\"output_type\": \"display_data\", \"metadata\": {\"a\": 1}, \"data\": {\"text/plain\": \"x\"}}, "
	    "{\"output_type\": \"execute_result\", \"metadata\": {}, \"data\": {\"text/plain\": \"y\"}, "
	    "\"execution_count\": 7}, "
	    "{\"output_type\": \"error\", \"ename\": \"E\", \"evalue\": \"v\", \"traceback\": [\"t\", \"u\"]}, "
	    "{\"output_type\": \"stream\", \"name\": \"stderr\", \"text\": \"\"}]");
	ck_assert_uint_eq(nsent, 7);
	set_msg_id("o", "\"\"");
	ck_assert(!widgets_catch(&w));
	ck_assert_uint_eq(nsent, 7);
}
END_TEST

START_TEST(test_caught_is_state)
{
	open_output("o", "[]");
	set_msg_id("o", "\"" REQUEST "\"");
	print("stdout", "x");
	expect_models("{\"o\": {\"model_name\": \"OutputModel\", \"model_module\": \"@jupyter-widgets/output\", "
	    "\"model_module_version\": null, \"state\": {\"_model_module\": \"@jupyter-widgets/output\", "
	    "\"_model_name\": \"OutputModel\", \"msg_id\": \"" REQUEST "\", "
	    "\"outputs\": [{\"name\": \"stdout\", \"output_type\": \"stream\", \"text\": \"x\"}]}}}");
	/* The kernel's word counts, until something is caught again; and what has been caught stays. */
	print("stdout", "w");
	comm("comm_msg", "{\"comm_id\": \"o\", \"data\": {\"state\": {\"outputs\": [], \"msg_id\": \"" REQUEST "\"}}}");
	expect_models("{\"o\": {\"model_name\": \"OutputModel\", \"model_module\": \"@jupyter-widgets/output\", "
	    "\"model_module_version\": null, \"state\": {\"_model_module\": \"@jupyter-widgets/output\", "
	    "\"_model_name\": \"OutputModel\", \"msg_id\": \"" REQUEST "\", \"outputs\": []}}}");
	print("stdout", "y");
	expect_models("{\"o\": {\"model_name\": \"OutputModel\", \"model_module\": \"@jupyter-widgets/output\", "
	    "\"model_module_version\": null, \"state\": {\"_model_module\": \"@jupyter-widgets/output\", "
	    "\"_model_name\": \"OutputModel\", \"msg_id\": \"" REQUEST "\", "
	    "\"outputs\": [{\"name\": \"stdout\", \"output_type\": \"stream\", \"text\": \"xwy\"}]}}}");
}
END_TEST

START_TEST(test_clearing)
{
	open_output("o", "[]");
	set_msg_id("o", "\"" REQUEST "\"");
	print("stdout", "x");
	clear(true);
	ck_assert_uint_eq(nsent, 1);
	print("stdout", "y");
	expect_sent("o", "[{\"output_type\": \"stream\", \"name\": \"stdout\", \"text\": \"y\"}]");
	print("stdout", "z");
	expect_sent("o", "[{\"output_type\": \"stream\", \"name\": \"stdout\", \"text\": \"yz\"}]");
	clear(false);
	expect_sent("o", "[]");
	ck_assert_uint_eq(nsent, 4);
	print("stdout", "a");
	expect_sent("o", "[{\"output_type\": \"stream\", \"name\": \"stdout\", \"text\": \"a\"}]");
}
END_TEST

START_TEST(test_outputs_to_begin_with)
{
	open_output("o", "[{\"output_type\": \"stream\", \"name\": \"stdout\", \"text\": \"a\"}, "
	    "{\"output_type\": \"stream\", \"name\": \"stdout\", \"text\": \"b\"}]");
	set_msg_id("o", "\"" REQUEST "\"");
	print("stdout", "c");
	expect_sent("o", "[{\"output_type\": \"stream\", \"name\": \"stdout\", \"text\": \"a\"}, "
	    "{\"output_type\": \"stream\", \"name\": \"stdout\", \"text\": \"bc\"}]");
	open_output("o", "[1, {\"output_type\": \"stream\", \"name\": \"stdout\", \"text\": [\"a\"]}]");
	print("stdout", "c");
	expect_sent("o", "[1, {\"output_type\": \"stream\", \"name\": \"stdout\", \"text\": [\"a\"]}, "
	    "{\"output_type\": \"stream\", \"name\": \"stdout\", \"text\": \"c\"}]");
	open_output("o", "null");
	print("stdout", "c");
	expect_sent("o", "[{\"output_type\": \"stream\", \"name\": \"stdout\", \"text\": \"c\"}]");
}
END_TEST

START_TEST(test_nested)
{
	open_output("outer", "[]");
	open_output("inner", "[]");
	set_msg_id("outer", "\"" REQUEST "\"");
	print("stdout", "1");
	set_msg_id("inner", "\"" REQUEST "\"");
	print("stdout", "2");
	expect_sent("inner", "[{\"output_type\": \"stream\", \"name\": \"stdout\", \"text\": \"2\"}]");
	set_msg_id("inner", "\"\"");
	print("stdout", "3");
	expect_sent("outer", "[{\"output_type\": \"stream\", \"name\": \"stdout\", \"text\": \"13\"}]");
	/* Not in the order of a stack. */
	set_msg_id("inner", "\"" REQUEST "\"");
	set_msg_id("outer", "null");
	ck_assert(widgets_catch(&w));
	print("stdout", "4");
	expect_sent("inner", "[{\"output_type\": \"stream\", \"name\": \"stdout\", \"text\": \"24\"}]");
	set_msg_id("inner", "\"\"");
	ck_assert(!widgets_catch(&w));
}
END_TEST

START_TEST(test_other_requests)
{
	open_output("o", "[]");
	set_msg_id("o", "\"\"");
	set_msg_id("o", "\"another\"");
	ck_assert(!widgets_catch(&w));
	set_msg_id("o", "\"" REQUEST "\"");
	/* As in nbclient, which keeps a stack for each request: this one's is not touched. */
	set_msg_id("o", "\"another\"");
	set_msg_id("o", "\"\"");
	ck_assert(widgets_catch(&w));
	widgets_begin(&w);
	ck_assert(!widgets_catch(&w));
	set_msg_id("o", "\"\"");
	ck_assert(!widgets_catch(&w));
}
END_TEST

/* Only what is an Output widget catches. */
START_TEST(test_other_widgets)
{
	comm("comm_open", "{\"comm_id\": \"a\", \"target_name\": \"other\", \"data\": {\"state\": {"
	    "\"_model_module\": \"@jupyter-widgets/output\", \"_model_name\": \"OutputModel\"}}}");
	comm("comm_open", "{\"comm_id\": \"b\", \"target_name\": \"jupyter.widget\", \"data\": {\"state\": {"
	    "\"_model_module\": \"@jupyter-widgets/base\", \"_model_name\": \"OutputModel\"}}}");
	comm("comm_open", "{\"comm_id\": \"c\", \"target_name\": \"jupyter.widget\", \"data\": {\"state\": {"
	    "\"_model_module\": \"@jupyter-widgets/output\", \"_model_name\": \"LayoutModel\"}}}");
	comm("comm_msg", "{\"comm_id\": \"d\", \"target_name\": \"jupyter.widget\", \"data\": {\"state\": {"
	    "\"_model_module\": \"@jupyter-widgets/output\", \"_model_name\": \"OutputModel\"}}}");
	for (const char *id = "a\0b\0c\0d\0"; *id != '\0'; id += 2)
		set_msg_id(id, "\"" REQUEST "\"");
	ck_assert(!widgets_catch(&w));
	/* One that is opened without outputs does. */
	comm("comm_open", "{\"comm_id\": \"e\", \"target_name\": \"jupyter.widget\", \"data\": {\"state\": {"
	    "\"_model_module\": \"@jupyter-widgets/output\", \"_model_name\": \"OutputModel\"}}}");
	set_msg_id("e", "\"" REQUEST "\"");
	print("stdout", "x");
	expect_sent("e", "[{\"output_type\": \"stream\", \"name\": \"stdout\", \"text\": \"x\"}]");
}
END_TEST

START_TEST(test_outputs_not_as_the_protocol_says)
{
	open_output("o", "[]");
	set_msg_id("o", "\"" REQUEST "\"");
	output("stream", "null");
	output("stream", "{\"name\": 1, \"text\": [\"x\"]}");
	output("stream", "{\"text\": \"x\"}");
	output("display_data", "[]");
	output("stream", "{\"text\": \"y\"}");
	output("execute_result", "{\"data\": \"x\", \"metadata\": null, \"execution_count\": 1.5}");
	output("error", "{\"ename\": null, \"traceback\": \"x\"}");
	expect_sent("o", "[{\"output_type\": \"stream\", \"name\": \"stdout\", \"text\": \"x\"}, "
	    "{\"output_type\": \"display_data\", \"metadata\": {}, \"data\": {}}, "
	    "{\"output_type\": \"stream\", \"name\": \"stdout\", \"text\": \"y\"}, "
	    "{\"output_type\": \"execute_result\", \"metadata\": {}, \"data\": {}, \"execution_count\": null}, "
	    "{\"output_type\": \"error\", \"ename\": \"\", \"evalue\": \"\", \"traceback\": []}]");
}
END_TEST

START_TEST(test_no_parent_header)
{
	struct message_made made = message_make("stream", "{\"name\": \"stdout\", \"text\": \"x\"}");

	open_output("o", "[]");
	set_msg_id("o", "\"" REQUEST "\"");
	made.m.parent_header = JSON_NOTHING;
	widgets_output(&w, &made.m);
	ck_assert_str_eq(buf_str(&sent_header), "none");
	message_drop(&made);
}
END_TEST

/* A comm_msg holds the whole list, so one for each of many outputs would be more than anybody can take. */
START_TEST(test_flood)
{
	const int n = 20000;
	struct json v;

	open_output("o", "[]");
	set_msg_id("o", "\"" REQUEST "\"");
	for (int i = 0; i < n; i++)
		output("display_data", "{\"data\": {\"text/plain\": \"0123456789\"}, \"metadata\": {}}");
	ck_assert_uint_lt(nsent, 100);
	ck_assert_uint_lt(bytes_sent, 8 * (size_t)n * 100);
	/* But the kernel is never told of less than two thirds. */
	ck_assert_int_eq(json_parse(sent.data, sent.len, &v, NULL), 0);
	v = json_get(json_get(json_get(v, "data"), "state"), "outputs");
	ck_assert_uint_ge(json_count(v), (size_t)n * 2 / 3);
	nsent = 0;
	widgets_begin(&w);
	ck_assert_uint_eq(nsent, 1);
	ck_assert_int_eq(json_parse(sent.data, sent.len, &v, NULL), 0);
	v = json_get(json_get(json_get(v, "data"), "state"), "outputs");
	ck_assert_uint_eq(json_count(v), (size_t)n);
	/* Nothing is left, and the next cell starts afresh, also with having to wait. */
	widgets_begin(&w);
	ck_assert_uint_eq(nsent, 1);
	set_msg_id("o", "\"" REQUEST "\"");
	print("stdout", "x");
	ck_assert_uint_eq(nsent, 2);
	print("stdout", "y");
	ck_assert_uint_eq(nsent, 2);
	widgets_begin(&w);
	ck_assert_uint_eq(nsent, 3);
	ck_assert_ptr_nonnull(strstr(sent.data, "\"xy\""));
}
END_TEST

/* A progress text that is cleared and printed anew all the time. */
START_TEST(test_flood_of_clears)
{
	open_output("o", "[]");
	for (int i = 0; i < 5000; i++) {
		set_msg_id("o", "\"" REQUEST "\"");
		clear(i % 2 == 0);
		print("stdout", "at work\n");
		set_msg_id("o", "\"\"");
	}
	ck_assert_uint_lt(nsent, 100);
	nsent = 0;
	widgets_begin(&w);
	ck_assert_uint_eq(nsent, 1);
	expect_sent("o", "[{\"output_type\": \"stream\", \"name\": \"stdout\", \"text\": \"at work\\n\"}]");
}
END_TEST

START_TEST(test_secrets_that_are_caught)
{
	mask_add(&mask, "hunter2", 7);
	open_output("o", "[]");
	set_msg_id("o", "\"" REQUEST "\"");
	print("stdout", "hun");
	print("stdout", "ter2");
	/* The kernel knows it. */
	expect_sent("o", "[{\"output_type\": \"stream\", \"name\": \"stdout\", \"text\": \"hunter2\"}]");
	expect_models("{\"o\": {\"model_name\": \"OutputModel\", \"model_module\": \"@jupyter-widgets/output\", "
	    "\"model_module_version\": null, \"state\": {\"_model_module\": \"@jupyter-widgets/output\", "
	    "\"_model_name\": \"OutputModel\", \"msg_id\": \"" REQUEST "\", "
	    "\"outputs\": [{\"name\": \"stdout\", \"output_type\": \"stream\", \"text\": \"***\"}]}}}");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("widgets");
	TCase *state = tcase_create("state"), *outputs = tcase_create("output widgets");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(state, setup, teardown);
	tcase_set_timeout(state, 60);
	tcase_add_test(state, test_no_widgets);
	tcase_add_test(state, test_state_is_merged);
	tcase_add_test(state, test_state_without_model);
	tcase_add_test(state, test_not_as_the_protocol_says);
	tcase_add_test(state, test_many_updates);
	tcase_add_test(state, test_comm_ids_of_any_kind);
	tcase_add_test(state, test_buffers);
	tcase_add_test(state, test_buffers_that_do_not_match);
	tcase_add_test(state, test_long_buffer);
	tcase_add_test(state, test_secrets);
	suite_add_tcase(s, state);
	tcase_add_checked_fixture(outputs, setup, teardown);
	tcase_set_timeout(outputs, 60);
	tcase_add_test(outputs, test_catching);
	tcase_add_test(outputs, test_caught_is_state);
	tcase_add_test(outputs, test_clearing);
	tcase_add_test(outputs, test_outputs_to_begin_with);
	tcase_add_test(outputs, test_nested);
	tcase_add_test(outputs, test_other_requests);
	tcase_add_test(outputs, test_other_widgets);
	tcase_add_test(outputs, test_outputs_not_as_the_protocol_says);
	tcase_add_test(outputs, test_no_parent_header);
	tcase_add_test(outputs, test_flood);
	tcase_add_test(outputs, test_flood_of_clears);
	tcase_add_test(outputs, test_secrets_that_are_caught);
	suite_add_tcase(s, outputs);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
