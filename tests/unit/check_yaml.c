#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/mem.h"
#include "workflow/yaml.h"

/* What a text means: as JSON, or the problems with it as "LINE:COLUMN: MESSAGE|...". The caller's to free. */
static char *
meaning_of(const char *text, size_t n)
{
	struct problems p = PROBLEMS_INIT;
	struct yaml_node *root = yaml_parse(text, n, "t.yaml", &p);
	struct buf out = BUF_INIT;

	if (p.n == 0) {
		ck_assert_ptr_nonnull(root);
		yaml_json(root, &out);
	}
	for (size_t i = 0; i < p.n; i++) {
		ck_assert_str_eq(p.list[i].file, "t.yaml");
		buf_addf(&out, "%s%u:%u: %s", i > 0 ? "|" : "", p.list[i].line, p.list[i].column, p.list[i].message);
	}
	ck_assert(root != NULL || p.n > 0);
	yaml_node_free(root);
	problems_release(&p);
	return buf_steal(&out);
}

struct sample {
	const char *text, *meaning;
};

static void
check_sample(const struct sample *s)
{
	char *meaning = meaning_of(s->text, strlen(s->text));

	if (strcmp(meaning, s->meaning) != 0)
		ck_abort_msg("'%s' is\n%s\ninstead of\n%s", s->text, meaning, s->meaning);
	free(meaning);
}

#define CHECK_SAMPLES(samples) \
	for (size_t i_ = 0; i_ < sizeof(samples) / sizeof((samples)[0]); i_++) \
		check_sample(&(samples)[i_])

START_TEST(types_plain_scalars)
{
	static const struct sample samples[] = {
		{"[null, Null, NULL, ~, nULL]", "[null, null, null, null, \"nULL\"]"},
		{"a:\nb: \nc: ''", "{\"a\": null, \"b\": null, \"c\": \"\"}"},
		{"[true, True, TRUE, tRUE, false, False, FALSE]", "[true, true, true, \"tRUE\", false, false, false]"},
		{"[yes, no, on, off, y, n, Yes, NO]", "[\"yes\", \"no\", \"on\", \"off\", \"y\", \"n\", \"Yes\", \"NO\"]"},
		{"[0, -0, +0, 7, 007, +12, -34, -007]", "[0, 0, 0, 7, 7, 12, -34, -7]"},
		{"123456789012345678901234567890", "123456789012345678901234567890"},
		{"[1_000, 0b1, 12:30, 1-2, +, -, 0x, 0o, 0o8, 0xg, -0x1, 1 2]",
		    "[\"1_000\", \"0b1\", \"12:30\", \"1-2\", \"+\", \"-\", \"0x\", \"0o\", \"0o8\", \"0xg\", \"-0x1\", \"1 2\"]"},
		{"[0x0, 0xFf, 0x00ff, 0o17, 0o0]", "[0, 255, 255, 15, 0]"},
		{"[0xffffffffffffffff, 0x10000000000000000, 0o2000000000000000000000]",
		    "[18446744073709551615, 18446744073709551616, 18446744073709551616]"},
		{"0x3635c9adc5dea00000", "1000000000000000000000"},
		{"[1.5, -1.5, +.5, .5, 5., 1.10, 0.1]", "[1.5, -1.5, 0.5, 0.5, 5.0, 1.1, 0.1]"},
		{"[1e3, 1E+3, 1.e-3, .5e1, 01.5, 1e16, 1e400, -1e400]",
		    "[1000.0, 1000.0, 0.001, 5.0, 1.5, 1e+16, Infinity, -Infinity]"},
		{"[., .e1, e1, 1e, 1e+, 1.2.3, ..5, 1.5x]",
		    "[\".\", \".e1\", \"e1\", \"1e\", \"1e+\", \"1.2.3\", \"..5\", \"1.5x\"]"},
		{"[.inf, +.Inf, -.INF, .iNF]", "[Infinity, Infinity, -Infinity, \".iNF\"]"},
		{"[.nan, .NaN, .NAN, -.nan, nan]", "[NaN, NaN, NaN, \"-.nan\", \"nan\"]"},
		{"[2026-11-22, 1.2.3, a b, \xc3\xa9]", "[\"2026-11-22\", \"1.2.3\", \"a b\", \"\xc3\xa9\"]"},
		{"['5', \"5\", 'true', \"\", 'null']", "[\"5\", \"5\", \"true\", \"\", \"null\"]"},
		{"a: |\n  5\nb: >-\n  true", "{\"a\": \"5\\n\", \"b\": \"true\"}"},
		{"a\n  b", "\"a b\""},
		{"---", "null"},
	};

	CHECK_SAMPLES(samples);
}
END_TEST

START_TEST(honours_tags)
{
	static const struct sample samples[] = {
		{"[!!str 5, !!str, !!str true, ! 5, !!int '7', !!int 0x10]", "[\"5\", \"\", \"true\", \"5\", 7, 16]"},
		{"[!!float 3, !!float 0x10, !!float '1.50', !!bool 'true', !!null '']", "[3.0, 16.0, 1.5, true, null]"},
		{"!!map {a: !!seq [1]}", "{\"a\": [1]}"},
		{"!<tag:yaml.org,2002:str> 5", "\"5\""},
		{"%TAG !e! tag:yaml.org,2002:\n---\n!e!str 5", "\"5\""},
		{"!!str 5: x", "{\"5\": \"x\"}"},
		{"[!!int x, !!int 1.5]", "1:2: 'x' is not a whole number, which its tag says it is|"
		    "1:11: '1.5' is not a whole number, which its tag says it is"},
		{"[!!bool 1, !!null x, !!float x]", "1:2: '1' is not true or false, which its tag says it is|"
		    "1:12: 'x' is not nothing (null), which its tag says it is|1:22: 'x' is not a number, which its tag says it is"},
		{"!foo x", "1:1: tag '!foo' is not supported here; !!str, !!int, !!float, !!bool and !!null are"},
		{"!!binary aGk=", "1:1: tag 'tag:yaml.org,2002:binary' is not supported here; "
		    "!!str, !!int, !!float, !!bool and !!null are"},
		{"a: !!map [1]", "1:4: tag 'tag:yaml.org,2002:map' is not supported here; !!seq for a list and !!map for a map are"},
		{"a: !!set {b}", "1:4: tag 'tag:yaml.org,2002:set' is not supported here; !!seq for a list and !!map for a map are"},
	};

	CHECK_SAMPLES(samples);
}
END_TEST

START_TEST(replays_aliases)
{
	static const struct sample samples[] = {
		{"a: &x [1, {b: c}]\nd: *x\ne: [*x, *x]",
		    "{\"a\": [1, {\"b\": \"c\"}], \"d\": [1, {\"b\": \"c\"}], \"e\": [[1, {\"b\": \"c\"}], [1, {\"b\": \"c\"}]]}"},
		{"&k a: 1\nb: *k", "{\"a\": 1, \"b\": \"a\"}"},
		{"[&k a, {*k : 1}]", "[\"a\", {\"a\": 1}]"},
		{"[&a 1, *a, &a 2, *a]", "[1, 1, 2, 2]"},
		/* Within a node its name may go to another, which is then the last of that name. */
		{"[&a [&a 1, *a], *a]", "[[1, 1], 1]"},
		{"[&a , *a]", "[null, null]"},
		{"a: *b", "1:4: alias '*b' stands for nothing: there is no anchor '&b' before it"},
		{"a: &b [1, *b]", "1:11: alias '*b' stands inside what it stands for"},
		{"a: &b {c: {d: *b}}", "1:15: alias '*b' stands inside what it stands for"},
		{"[*a, &a 1]", "1:2: alias '*a' stands for nothing: there is no anchor '&a' before it"},
	};

	CHECK_SAMPLES(samples);
}
END_TEST

START_TEST(merges)
{
	static const struct sample samples[] = {
		{"[&a {x: 1, y: 2}, {<<: *a}]", "[{\"x\": 1, \"y\": 2}, {\"x\": 1, \"y\": 2}]"},
		/* The map's own keys win, before or after; the others come first. */
		{"[&a {x: 1, y: 2}, {y: 3, <<: *a, z: 4}]", "[{\"x\": 1, \"y\": 2}, {\"x\": 1, \"y\": 3, \"z\": 4}]"},
		{"[&a {x: 1}, &b {x: 2, y: 2}, {<<: [*a, *b]}, {<<: [*b, *a]}]",
		    "[{\"x\": 1}, {\"x\": 2, \"y\": 2}, {\"x\": 1, \"y\": 2}, {\"x\": 2, \"y\": 2}]"},
		{"{<<: {a: 1}, <<<: 2}", "{\"a\": 1, \"<<<\": 2}"},
		{"[&a {x: 1}, &b {<<: *a, y: 2}, {<<: *b, z: 3}]",
		    "[{\"x\": 1}, {\"x\": 1, \"y\": 2}, {\"x\": 1, \"y\": 2, \"z\": 3}]"},
		{"{<<: []}", "{}"},
		{"{'<<': 1}", "{\"<<\": 1}"},
		{"{a: <<}", "{\"a\": \"<<\"}"},
		{"{<<: 1}", "1:6: the merge key '<<' takes a map or a list of maps, not a whole number"},
		{"{<<: [{a: 1}, b]}", "1:15: the merge key '<<' takes a map or a list of maps, not a list with text in it"},
		{"<<: {a: 1}\n<<: {b: 1}", "2:1: duplicate key '<<'; merge several maps by '<<: [*a, *b]'"},
		{"{<<: {a: 1}, b: 1, b: 2}", "1:20: duplicate key 'b'; it is first at line 1"},
	};

	CHECK_SAMPLES(samples);
}
END_TEST

START_TEST(refuses)
{
	static const struct sample samples[] = {
		{"a: 1\nb: 2\na: 3\n\"a\": 4", "3:1: duplicate key 'a'; it is first at line 1|4:1: duplicate key 'a'; it is first at line 1"},
		{"[{a: 1, a: 1}, {b: 1, b: 1}]", "1:9: duplicate key 'a'; it is first at line 1|1:23: duplicate key 'b'; it is first at line 1"},
		{"{1: a, '1': b}", "1:8: duplicate key '1'; it is first at line 1"},
		{"", "1:1: there is nothing here but white space or comments"},
		{" \n# x\n", "1:1: there is nothing here but white space or comments"},
		{"--- a\n--- b", "2:1: another document begins here; only one is allowed"},
		{"a: 1\n...\nb: 1", "3:1: did not find expected <document start>"},
		{"? [a]\n: b", "1:3: a key must be text, not a list"},
		{"a: {{ x }}", "1:5: a key must be text, not a map; quote text that begins with '{', and expressions: \"{{ ... }}\""},
		{"\xc3\xa9: \xff", "1:4: byte 0xff is not UTF-8, which is what a workflow is written in"},
		{"a\n\xed\xa0\x80", "2:1: byte 0xed is not UTF-8, which is what a workflow is written in"},
		{"\xff\xfe" "a", "1:1: byte 0xff is not UTF-8, which is what a workflow is written in"},
		{"a: \"\\0\"", "1:4: text holds a NUL character (\\0), which is not allowed"},
		{"\"a\\0b\": 1", "1:1: text holds a NUL character (\\0), which is not allowed"},
		{"\xc3\xa9: 1\nb: x\x01y", "2:5: character U+0001 is not allowed here; write it as an escape, in double quotes"},
		{"a: b: c", "1:5: mapping values are not allowed in this context; check the indentation, and quote text that holds ': '"},
		{"\xc3\xa9: x\n\tb: 1", "2:1: found a tab character that violates indentation, "
		    "while scanning a plain scalar that begins at 1:4"},
		{"\xc3\xa9:\n\tb: 1", "2:1: found character that cannot start any token; indent with spaces, not tabs"},
		{"a: @x", "1:4: found character that cannot start any token; quote text that begins with '@', '`' or '%'"},
		{"a: [1, 2\nb: 3", "2:2: did not find expected ',' or ']', while parsing a flow sequence that begins at 1:4"},
		{"a: \"x", "1:6: found unexpected end of stream, while scanning a quoted scalar that begins at 1:4"},
	};

	CHECK_SAMPLES(samples);
}
END_TEST

START_TEST(refuses_nul)
{
	char *meaning = meaning_of("a: b\0c", 6);

	ck_assert_str_eq(meaning, "1:5: a NUL character, which is not allowed");
	free(meaning);
}
END_TEST

/* What JSON writers emit and libyaml refuses, and what looks like JSON but is only YAML. */
START_TEST(reads_json)
{
	static const struct sample samples[] = {
		{"{\"a\":1,\"b\":[true,false,null,\"x\"],\"c\":{}}", "{\"a\": 1, \"b\": [true, false, null, \"x\"], \"c\": {}}"},
		{"\t{\n\t\"a\"\t:\t\"\\/\\ud83d\\ude00\\u00e9\"\n}\n", "{\"a\": \"/\xf0\x9f\x98\x80\xc3\xa9\"}"},
		{"{\"a\"\n:1}", "{\"a\": 1}"},
		{"{\"x\": NaN, \"y\": [Infinity, -Infinity, -0, 1.0, 1E400, 12345678901234567890]}",
		    "{\"x\": NaN, \"y\": [Infinity, -Infinity, 0, 1.0, Infinity, 12345678901234567890]}"},
		{"{\"<<\": {\"a\": 1}}", "{\"<<\": {\"a\": 1}}"},
		{"[\"\x7f\xc2\x85\xe2\x80\xa8\"]", "[\"\x7f\xc2\x85\xe2\x80\xa8\"]"},
		{"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""},
		{"{\"a\": 1, \"b\": 2,}", "{\"a\": 1, \"b\": 2}"},
		{"{\"a\": 1} # note", "{\"a\": 1}"},
		{"{\"a\": 1,\n \"\xc3\xa9\": 2, \"a\": 3}", "2:10: duplicate key 'a'; it is first at line 1"},
		{"{\"a\": [\"\\ud800\"]}", "1:8: text holds half of a surrogate pair (\\ud800 to \\udfff), which is no character"},
		{"{\"a\": \"\\u0000\"}", "1:7: text holds a NUL character (\\0), which is not allowed"},
	};
	struct buf text = BUF_INIT;
	char *meaning;

	CHECK_SAMPLES(samples);

	/* A key that libyaml would find too long to be one. */
	buf_adds(&text, "{\"");
	buf_fill(&text, 'k', 5000);
	buf_adds(&text, "\": 1}");
	meaning = meaning_of(text.data, text.len);
	ck_assert_str_eq(meaning, text.data);
	free(meaning);
	buf_release(&text);
}
END_TEST

START_TEST(tells_positions)
{
	static const char yaml[] = "\xef\xbb\xbf\xc3\xa9: {\xc3\xa9\xc3\xa9: x, b: [1,  2]}\nc: &a\n  - d\ne: *a\n";
	static const char json[] = "{\"\xc3\xa9\":\t{\"\xc3\xa9\xc3\xa9\": \"x\",\n  \"b\": [1,  2]}}\n";
	struct problems p = PROBLEMS_INIT;
	struct yaml_node *root = yaml_parse(yaml, strlen(yaml), "t", &p);
	const struct yaml_node *map, *list;

	ck_assert_ptr_nonnull(root);
	ck_assert_uint_eq(root->mark.line, 1);
	ck_assert_uint_eq(root->mark.column, 1);
	ck_assert_uint_eq(root->keys[1].mark.line, 2);
	map = yaml_get(root, "\xc3\xa9");
	ck_assert_uint_eq(map->mark.column, 4);
	ck_assert_uint_eq(map->keys[1].mark.column, 12);
	list = yaml_get(map, "b");
	ck_assert_uint_eq(list->items[1]->mark.column, 20);
	/* An alias stands where its anchor does. */
	ck_assert_ptr_eq(yaml_get(root, "e"), yaml_get(root, "c"));
	ck_assert_uint_eq(yaml_get(root, "e")->mark.line, 2);
	ck_assert_uint_eq(yaml_get(root, "e")->items[0]->mark.line, 3);
	yaml_node_free(root);

	root = yaml_parse(json, strlen(json), "t", &p);
	ck_assert_ptr_nonnull(root);
	ck_assert_uint_eq(root->mark.column, 1);
	ck_assert_uint_eq(root->keys[0].mark.column, 2);
	map = root->items[0];
	ck_assert_uint_eq(map->mark.column, 7);
	ck_assert_uint_eq(map->items[0]->mark.column, 14);
	ck_assert_uint_eq(map->keys[1].mark.line, 2);
	ck_assert_uint_eq(map->keys[1].mark.column, 3);
	ck_assert_uint_eq(map->items[1]->items[1]->mark.column, 13);
	yaml_node_free(root);
	ck_assert_uint_eq(p.n, 0);
	problems_release(&p);
}
END_TEST

START_TEST(gets_and_counts)
{
	static const char text[] = "{a: 0x10, b: 1.5, c: .nan, d: -.inf, e: '1', f: !!float 2, g: 1e400, h: {a: 1}, i: ~}";
	struct problems p = PROBLEMS_INIT;
	struct yaml_node *root = yaml_parse(text, strlen(text), "t", &p);
	double d = 42;

	ck_assert_ptr_nonnull(root);
	ck_assert_ptr_null(yaml_get(root, "x"));
	ck_assert_ptr_null(yaml_get(yaml_get(root, "a"), "a"));
	ck_assert(!yaml_number(yaml_get(root, "e"), &d));
	ck_assert(!yaml_number(yaml_get(root, "h"), &d));
	ck_assert(!yaml_number(yaml_get(root, "i"), &d));
	ck_assert_double_eq(d, 42);
	ck_assert(yaml_number(yaml_get(root, "a"), &d) && d == 16);
	ck_assert(yaml_number(yaml_get(root, "b"), &d) && d == 1.5);
	ck_assert(yaml_number(yaml_get(root, "c"), &d) && isnan(d));
	ck_assert(yaml_number(yaml_get(root, "d"), &d) && isinf(d) && d < 0);
	ck_assert(yaml_number(yaml_get(root, "f"), &d) && d == 2);
	ck_assert(yaml_number(yaml_get(root, "g"), &d) && isinf(d) && d > 0);
	ck_assert_str_eq(yaml_get(root, "b")->text, "1.5");
	ck_assert_str_eq(yaml_type_name(yaml_get(root, "h")->type), "a map");
	yaml_node_free(root);
	yaml_node_free(NULL);
	problems_release(&p);
}
END_TEST

/* Appends text n times. */
static void
repeat(struct buf *b, const char *text, size_t n)
{
	while (n-- > 0)
		buf_adds(b, text);
}

static void
check_buf(struct buf *text, const char *meaning)
{
	char *found = meaning_of(buf_str(text), text->len);

	ck_assert_str_eq(found, meaning);
	free(found);
	buf_reset(text);
}

START_TEST(limits_depth)
{
	struct buf text = BUF_INIT;
	char *found;

	repeat(&text, "[", 64);
	repeat(&text, "]", 64);
	found = meaning_of(text.data, text.len);
	ck_assert_str_eq(found, text.data);
	free(found);
	buf_reset(&text);

	/* One too many: as JSON, as YAML, in the block style. */
	repeat(&text, "[", 65);
	repeat(&text, "]", 65);
	check_buf(&text, "1:65: lists and maps are nested more than 64 deep");
	repeat(&text, "[", 100000);
	check_buf(&text, "1:65: lists and maps are nested more than 64 deep");
	repeat(&text, "{a: ", 100000);
	check_buf(&text, "1:257: lists and maps are nested more than 64 deep");
	repeat(&text, "- ", 100000);
	check_buf(&text, "1:129: lists and maps are nested more than 64 deep");

	/* Aliases do not get around it. */
	buf_adds(&text, "a0: &a0 [1]\n");
	for (int i = 1; i < 100; i++)
		buf_addf(&text, "a%d: &a%d [*a%d]\n", i, i, i - 1);
	check_buf(&text, "64:12: alias '*a62' nests lists and maps more than 64 deep");
	buf_release(&text);
}
END_TEST

START_TEST(limits_aliases)
{
	struct buf text = BUF_INIT;
	clock_t start = clock();

	buf_adds(&text, "a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
	for (int i = 1; i < 10; i++) {
		buf_addf(&text, "a%d: &a%d [*a%d", i, i, i - 1);
		for (int k = 1; k < 9; k++)
			buf_addf(&text, ",*a%d", i - 1);
		buf_adds(&text, "]\n");
	}
	check_buf(&text, "7:18: alias '*a5' brings the document to more than 2097152 values");

	/* By merge keys. */
	buf_adds(&text, "a0: &a0 {x: 1}\n");
	for (int i = 1; i < 40; i++)
		buf_addf(&text, "a%d: &a%d {p: *a%d, q: *a%d, <<: *a%d}\n", i, i, i - 1, i - 1, i - 1);
	check_buf(&text, "19:24: alias '*a17' brings the document to more than 2097152 values");

	/* By text. */
	buf_adds(&text, "a: &a \"");
	buf_fill(&text, 'x', 1 << 20);
	buf_adds(&text, "\"\nb: [");
	repeat(&text, "*a,", 17);
	buf_adds(&text, "]\n");
	check_buf(&text, "2:53: alias '*a' brings the text that aliases repeat to more than 16 MiB");
	buf_release(&text);
	ck_assert_double_lt((double)(clock() - start) / CLOCKS_PER_SEC, 10);
}
END_TEST

START_TEST(limits_size)
{
	struct buf text = BUF_INIT;
	struct problems p = PROBLEMS_INIT;

	buf_fill(&text, '#', YAML_BYTES_MAX + 1);
	ck_assert_ptr_null(yaml_parse(text.data, text.len, "t.yaml", &p));
	ck_assert_uint_eq(p.n, 1);
	ck_assert_uint_eq(p.list[0].line, 0);
	ck_assert_str_eq(p.list[0].message, "larger than 16 MiB");
	problems_release(&p);
	buf_reset(&text);

	buf_adds(&text, "[");
	repeat(&text, "1,", YAML_NODES_MAX);
	check_buf(&text, "1:4194304: the document has more than 2097152 values");

	repeat(&text, "%TAG !a! b\n", 101);
	check_buf(&text, "101:1: more than 100 %TAG directives");

	buf_adds(&text, "0x");
	repeat(&text, "f", YAML_DIGITS_MAX);
	check_buf(&text, "1:1: a number with more than 1024 digits after 0x or 0o");
	buf_release(&text);
}
END_TEST

/* The seconds of CPU that a map of n keys takes. */
static double
time_keys(int n)
{
	struct buf text = BUF_INIT;
	struct problems p = PROBLEMS_INIT;
	struct yaml_node *root;
	clock_t start;
	double seconds;

	for (int i = 0; i < n; i++)
		buf_addf(&text, "key%d: %d\n", i, i);
	start = clock();
	root = yaml_parse(text.data, text.len, "t", &p);
	seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
	ck_assert_ptr_nonnull(root);
	ck_assert_uint_eq(p.n, 0);
	ck_assert_uint_eq(root->n, (size_t)n);
	ck_assert_str_eq(root->items[n - 1]->text, root->keys[n - 1].name + 3);
	yaml_node_free(root);
	buf_release(&text);
	return seconds;
}

START_TEST(takes_many_keys)
{
	/* Ten times the keys may take ten times the time, but not a hundred times. */
	ck_assert_double_lt(time_keys(100000), 30 * time_keys(10000) + 0.1);
}
END_TEST

START_TEST(goes_on_after_doubles)
{
	struct problems p = PROBLEMS_INIT;
	struct buf text = BUF_INIT;
	struct yaml_node *root;

	buf_adds(&text, "a: 1\nb: 2\na: x\n");
	root = yaml_parse(text.data, text.len, "t", &p);
	ck_assert_uint_eq(p.n, 1);
	ck_assert_uint_eq(p.list[0].line, 3);
	ck_assert_uint_eq(root->n, 2);
	ck_assert_str_eq(yaml_get(root, "a")->text, "1");
	yaml_node_free(root);
	problems_release(&p);

	/* But nothing but doubles is not listed to the end. */
	buf_reset(&text);
	repeat(&text, "a: 1\n", 1000);
	ck_assert_ptr_null(yaml_parse(text.data, text.len, "t", &p));
	ck_assert_uint_eq(p.n, 101);
	ck_assert_str_eq(p.list[100].message, "too many problems; the rest is not read");
	problems_release(&p);
	buf_release(&text);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("yaml");
	TCase *tc = tcase_create("yaml");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, types_plain_scalars);
	tcase_add_test(tc, honours_tags);
	tcase_add_test(tc, replays_aliases);
	tcase_add_test(tc, merges);
	tcase_add_test(tc, refuses);
	tcase_add_test(tc, refuses_nul);
	tcase_add_test(tc, reads_json);
	tcase_add_test(tc, tells_positions);
	tcase_add_test(tc, gets_and_counts);
	tcase_add_test(tc, limits_depth);
	tcase_add_test(tc, limits_aliases);
	tcase_add_test(tc, limits_size);
	tcase_add_test(tc, takes_many_keys);
	tcase_add_test(tc, goes_on_after_doubles);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
