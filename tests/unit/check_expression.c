#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "workflow/expression.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* ---- A scope: the members of a map, some of them not known yet ---- */

struct known {
	struct json all;
	const char *later;	/* first letters of the members that are not known yet; "*" for all */
	unsigned asked;
};

static const char values[] =
    "{\"item\": {\"table\": \"orders\", \"n\": 5, \"empty\": \"\", \"white\": \" \\n\", \"none\": null, \"yes\": true,"
    " \"list\": [1, [\"x\", {\"k y\": -0.50e+01}]], \"big\": 123456789012345678901234567890, \"nan\": NaN,"
    " \"inf\": [-Infinity , Infinity], \"braces\": \"{{ item.n }}\", \"brace\": \"{\", \"dollar\": \"$\","
    " \"two\": \"{{\", \"nested\": {\"s\": [\"{{ x\", \"}}\"], \"{{ key }}\": \" {{\"},"
    " \"surrogate\": \"\\ud800\", \"nul\": \"a\\u0000b\", \"escaped\": \"\\u007b\\u007b\\/\\\"\","
    " \"\": \"nameless\", \"0\": \"zero\", \"it's \\\"\\\\\": \"quotes\", \"caf\xc3\xa9\": \"accent\"},"
    " \"notebooks\": {\"a\": {\"result\": [7]}, \"load-1.v2\": {\"result\": \"text\"}}}";

static enum expression_result
look_up(void *data, const struct expression_path *path, struct buf *value, char **why)
{
	struct known *k = data;
	struct json v;

	k->asked++;
	ck_assert_uint_ge(path->n, 1);
	if (*k->later == '*' || (*path->parts[0] != '\0' && strchr(k->later, *path->parts[0]) != NULL))
		return EXPRESSION_DEFERRED;
	v = expression_descend(k->all, path, 0, why);
	if (v.text == NULL)
		return EXPRESSION_FAULT;
	buf_add(value, v.text, v.len);
	return EXPRESSION_KNOWN;
}

static enum expression_result
evaluate(const char *text, size_t n, const char *later, struct buf *out, struct expression_error *e)
{
	struct known k = {json_of(values), later, 0};
	struct expression_scope scope = {look_up, &k};
	char *copy = xmalloc(n);	/* without a NUL, so that reading on behind it shows */
	enum expression_result r;

	memcpy(copy, text, n);
	*e = (struct expression_error){0, NULL};
	r = expression_text(n != 0 ? copy : NULL, n, &scope, out, e);
	free(copy);
	return r;
}

static void
expect_bytes(const char *text, size_t n, const char *later, enum expression_result result, const char *expected)
{
	struct buf out = BUF_INIT;
	struct expression_error e;
	enum expression_result r;

	buf_adds(&out, "before");
	r = evaluate(text, n, later, &out, &e);
	ck_assert_msg(r == result, "%s: %d: %s", text, (int)r, e.message != NULL ? e.message : "");
	ck_assert_int_eq(memcmp(buf_str(&out), "before", 6), 0);
	ck_assert_msg(strcmp(buf_str(&out) + 6, expected) == 0, "%s: gives %s, not %s", text, buf_str(&out) + 6,
	    expected);
	buf_release(&out);
}

static void
expect(const char *text, const char *expected)
{
	expect_bytes(text, strlen(text), "", EXPRESSION_KNOWN, expected);
}

static void
expect_fault(const char *text, size_t n, size_t offset, const char *message)
{
	struct buf out = BUF_INIT;
	struct expression_error e;

	ck_assert_msg(evaluate(text, n, "", &out, &e) == EXPRESSION_FAULT, "%s: gives %s", text, buf_str(&out));
	ck_assert_uint_eq(out.len, 0);
	ck_assert_msg(strcmp(e.message, message) == 0, "%s\n gives %s\n   not %s", text, e.message, message);
	ck_assert_uint_eq(e.offset, offset);
	free(e.message);
	buf_release(&out);
}

/* ---- Texts ---- */

static const struct {
	const char *text, *expected;
} texts[] = {
	{"", "\"\""},
	{"plain", "\"plain\""},
	{" \n", "\" \\n\""},
	{"a } }} { b {", "\"a } }} { b {\""},
	{"100 $ {", "\"100 $ {\""},
	/* the whole: the value itself */
	{"{{ item.table }}", "\"orders\""},
	{"{{item.n}}", "5"},
	{"{{\t\r\n item.n\n}}", "5"},
	{" \t\n{{ item.n }}\r\n ", "5"},
	{"{{ item.none }}", "null"},
	{"{{ item.yes }}", "true"},
	{"{{ item.big }}", "123456789012345678901234567890"},
	{"{{ item.nan }}", "NaN"},
	{"{{ item.inf }}", "[-Infinity, Infinity]"},
	{"{{ item.list }}", "[1, [\"x\", {\"k y\": -0.50e+01}]]"},
	{"{{ item.braces }}", "\"{{ item.n }}\""},
	{"{{ item.surrogate }}", "\"\\ud800\""},
	{"{{ item.nul }}", "\"a\\u0000b\""},
	{"{{ item.escaped }}", "\"{{/\\\"\""},
	/* in longer text */
	{"load-{{ item.table }}", "\"load-orders\""},
	{"{{ item.table }}.csv", "\"orders.csv\""},
	{"{{ item.n }}{{ item.n }}", "\"55\""},
	{"{{ item.n }} {{ item.n }}", "\"5 5\""},
	{"{{ item.n }}{{ item.empty }}", "\"5\""},
	{"{{ item.none }}{{ item.none }}", "\"\""},
	{"[{{ item.none }}|{{ item.yes }}|{{ item.nan }}|{{ item.big }}]",
	    "\"[|true|NaN|123456789012345678901234567890]\""},
	{"x{{ item.list }}", "\"x[1, [\\\"x\\\", {\\\"k y\\\": -0.50e+01}]]\""},
	{"x{{ item.braces }}", "\"x{{ item.n }}\""},
	{"x{{ item.surrogate }}", "\"x\\ud800\""},
	{"{{ item.n }}}", "\"5}\""},
	{"{ {{ item.n }} }", "\"{ 5 }\""},
	{"}}{{ item.n }}", "\"}}5\""},
	{"\xe2\x82\xac{{ item.n }}\xe2\x82\xac", "\"\xe2\x82\xac" "5\xe2\x82\xac\""},
	/* literals */
	{"{{ \"{{\" }}", "\"{{\""},
	{"{{'{{'}} item.n }}", "\"{{ item.n }}\""},
	{"{{ \"\" }}", "\"\""},
	{"{{ \"a}}b\" }}", "\"a}}b\""},
	{"{{ 'it\\'s \\\"\\\\' }}", "\"it's \\\"\\\\\""},
	{"{{ \"it's\" }}", "\"it's\""},
	{"{{ \"$\" }}{{ item.n }}", "\"$5\""},
	{"$ {{ item.n }}", "\"$ 5\""},
	{"{{ item.dollar }}{{ item.n }}", "\"$5\""},
	/* paths */
	{"{{ item.list[0] }}", "1"},
	{"{{ item.list.0 }}", "1"},
	{"{{ item.list[1][1]['k y'] }}", "-0.50e+01"},
	{"{{ item['list'].1[\"1\"][\"k y\"] }}", "-0.50e+01"},
	{"{{ item[\"\"] }}", "\"nameless\""},
	{"{{ item[0] }}", "\"zero\""},
	{"{{ item['it\\'s \\\"\\\\'] }}", "\"quotes\""},
	{"{{ item.caf\xc3\xa9 }}", "\"accent\""},
	{"{{ notebooks['load-1.v2'].result }}", "\"text\""},
	{"{{ item[\"nested\"][\"{{ key }}\"] }}", "\" {{\""},
};

START_TEST(test_texts)
{
	expect(texts[_i].text, texts[_i].expected);
}
END_TEST

START_TEST(test_texts_are_bytes)
{
	expect_bytes("a\0{{ item.n }}", 14, "", EXPRESSION_KNOWN, "\"a\\u00005\"");
	expect_bytes("{{ 'a\0b' }}", 11, "", EXPRESSION_KNOWN, "\"a\\u0000b\"");
	expect_bytes("a\xed\xa0\x80{{ item.n }}", 16, "", EXPRESSION_KNOWN, "\"a\\ud8005\"");
	expect_bytes("", 0, "", EXPRESSION_KNOWN, "\"\"");
}
END_TEST

/* What is deferred, and that it gives in the end what it should. */
static const struct {
	const char *text, *later, *deferred;
} deferred[] = {
	{"{{ notebooks.a.result }}", "n", "{{ notebooks.a.result }}"},
	{" {{notebooks.a.result}}\n", "n", " {{notebooks.a.result}}\n"},
	{"{{ item.n }}-{{ notebooks.a.result }}-{{ item.yes }}", "n", "5-{{ notebooks.a.result }}-true"},
	{"{{ item.n }}-{{ notebooks.a.result }}", "in", "{{ item.n }}-{{ notebooks.a.result }}"},
	/* text stays text */
	{"{{ item.empty }}{{ notebooks.a.result }}", "n", "{{ notebooks.a.result }}{{ \"\" }}"},
	{"{{ notebooks.a.result }}{{ item.none }}", "n", "{{ notebooks.a.result }}{{ \"\" }}"},
	{"{{ notebooks.a.result }}{{ item.white }}", "n", "{{ notebooks.a.result }} \n{{ \"\" }}"},
	{"{{ notebooks.a.result }}{{ \"\" }}", "n", "{{ notebooks.a.result }}{{ \"\" }}"},
	{"{{ item.empty }}{{ notebooks.a.result }}{{ notebooks.a.result }}", "n",
	    "{{ notebooks.a.result }}{{ notebooks.a.result }}"},
	/* what was put in is no expression */
	{"{{ item.braces }}{{ notebooks.a.result }}", "n", "{{ \"{{\" }} item.n }}{{ notebooks.a.result }}"},
	{"{{ notebooks.a.result }}{{ item.braces }}", "n", "{{ notebooks.a.result }}{{ \"{{\" }} item.n }}"},
	{"{{ item.brace }}{{ notebooks.a.result }}", "n", "{{ \"{\" }}{{ notebooks.a.result }}"},
	{"{{ notebooks.a.result }}{{ item.brace }}", "n", "{{ notebooks.a.result }}{"},
	{"{{ notebooks.a.result }}{{ item.brace }}{{ item.brace }}", "n", "{{ notebooks.a.result }}{{ \"{{\" }}"},
	{"{{ notebooks.a.result }}{ {{ item.brace }}{{ item.two }}", "n", "{{ notebooks.a.result }}{ {{ \"{{{\" }}"},
	{"{{ item.dollar }}{{ notebooks.a.result }}", "n", "{{ \"$\" }}{{ notebooks.a.result }}"},
	{"{{ notebooks.a.result }}$", "n", "{{ notebooks.a.result }}$"},
	{"{{ notebooks.a.result }}{{ item.dollar }}{{ item.two }}", "n", "{{ notebooks.a.result }}{{ \"${{\" }}"},
	{"{{ \"{{\" }}{{ notebooks.a.result }}", "n", "{{ \"{{\" }}{{ notebooks.a.result }}"},
	{"{{ notebooks.a.result }}{{ item.nul }}{{ item.surrogate }}", "n",
	    "{{ notebooks.a.result }}a\\u0000b\\ud800"},
	{"{{ notebooks['a'].result }}}}{{ notebooks[\"load-1.v2\"].result }}", "n",
	    "{{ notebooks['a'].result }}}}{{ notebooks[\\\"load-1.v2\\\"].result }}"},
};

START_TEST(test_deferred)
{
	const char *text = deferred[_i].text;
	struct buf first = BUF_INIT, again = BUF_INIT, last = BUF_INIT, once = BUF_INIT, quoted = BUF_INIT;
	struct expression_error e;

	ck_assert_int_eq(evaluate(text, strlen(text), deferred[_i].later, &first, &e), EXPRESSION_DEFERRED);
	/* The expectations are easier to read without JSON's escapes of quotes. */
	for (const char *p = deferred[_i].deferred; *p != '\0'; p++) {
		if (*p == '"' && (p == deferred[_i].deferred || p[-1] != '\\'))
			buf_addc(&quoted, '\\');
		if (*p == '\n')
			buf_adds(&quoted, "\\n");
		else
			buf_addc(&quoted, *p);
	}
	ck_assert_uint_ge(first.len, 2);
	first.data[--first.len] = '\0';
	ck_assert_str_eq(first.data + 1, buf_str(&quoted));
	buf_addc(&first, '"');
	json_decode(&again, json_of(first.data));
	ck_assert_int_eq(evaluate(buf_str(&again), again.len, "", &last, &e), EXPRESSION_KNOWN);
	ck_assert_int_eq(evaluate(text, strlen(text), "", &once, &e), EXPRESSION_KNOWN);
	ck_assert_str_eq(buf_str(&last), buf_str(&once));
	buf_release(&first);
	buf_release(&again);
	buf_release(&last);
	buf_release(&once);
	buf_release(&quoted);
}
END_TEST

START_TEST(test_expression_in)
{
	ck_assert(!expression_in(NULL, 0));
	ck_assert(!expression_in("{", 1));
	ck_assert(!expression_in("{{", 1));
	ck_assert(!expression_in("{ { }}", 6));
	ck_assert(expression_in("{{", 2));
	ck_assert(expression_in("a\0{{", 4));
	ck_assert(expression_in("${{ x }}", 8));
}
END_TEST

/* ---- What is wrong ---- */

#define SUCH "look-ups such as {{ item.table }}"
#define BRACES "braces that are meant as text are written {{ \"{{\" }}"
#define ONE "an expression is one look-up such as {{ item.table }} and nothing more"
#define NOTEBOOK "only " SUCH "; compute the value in the notebook"
#define NAMES "a name with other characters than letters, digits, '-' and '_' is written [\"...\"]"
#define INDEX "write [0] for the first element of a list, [\"name\"] for a member"

static const struct {
	const char *text;
	size_t offset;
	const char *message;
} faults[] = {
	{"{{", 0, "{{: there is no '}}' that ends the expression; " BRACES},
	{"ab {{ item.n", 3, "{{ item.n: there is no '}}' that ends the expression; " BRACES},
	{"{{ item.n ", 0, "{{ item.n : there is no '}}' that ends the expression; " BRACES},
	{"\xe2\x82\xac{{ item.n }}{{ item.", 15, "{{ item.: there is no '}}' that ends the expression; " BRACES},
	{"{{ item[", 0, "{{ item[: there is no '}}' that ends the expression; " BRACES},
	{"{{ item[0", 0, "{{ item[0: there is no '}}' that ends the expression; " BRACES},
	{"{{}}", 0, "{{}}: the expression is empty; there are " SUCH ", and " BRACES},
	{"a {{ \t }} b", 2, "{{   }}: the expression is empty; there are " SUCH ", and " BRACES},
	{"{{ item.n }", 0, "{{ item.n }: it ends with a single '}'; write '}}'"},
	{"{{ item.n } }}", 0, "{{ item.n } }}: it ends with a single '}'; write '}}'"},
	{"{{{ item.n }}}", 0, "{{{ item.n }}: there is a brace too many; write two, as in " SUCH "; " BRACES},
	{"{{ item.table | upper }}", 0, "{{ item.table | upper }}: there are no filters ('|'), only " SUCH
	    "; change the value in the notebook"},
	{"{{item.n()}}", 0, "{{item.n()}}: there are no calls ('('), " NOTEBOOK},
	{"x{{ a + b }}y", 1, "{{ a + b }}: there are no operators ('+'), only " SUCH "; to join texts write "
	    "expressions side by side, {{ item.a }}{{ item.b }}, and compute other values in the notebook"},
	{"{{ a - b }}", 0, "{{ a - b }}: there are no operators ('-'), " NOTEBOOK},
	{"{{ a == 'b' }}", 0, "{{ a == 'b' }}: there are no operators ('='), " NOTEBOOK},
	{"{{ 'a' + b }}", 0, "{{ 'a' + b }}: there are no operators ('+'), only " SUCH "; to join texts write "
	    "expressions side by side, {{ item.a }}{{ item.b }}, and compute other values in the notebook"},
	{"{{ a or b }}", 0, "{{ a or b }}: expected '}}', not 'o'; " ONE},
	{"{{ a, b }}", 0, "{{ a, b }}: expected '}}', not ','; " ONE},
	{"{{ a \x01}}", 0, "{{ a }}: expected '}}', not '\\x01'; " ONE},
	{"{{ a\xc2\xa0}}", 0,
	    "{{ a\xc2\xa0}}: there is a no-break space (U+00A0) in it; put an ordinary space in its place"},
	{"{{\xc2\xa0" "a }}", 0,
	    "{{\xc2\xa0" "a }}: there is a no-break space (U+00A0) in it; put an ordinary space in its place"},
	{"${{ item.n }}", 1, "${{ item.n }}: an expression begins with '{{', not with '${{': leave out the '$'; where "
	    "a dollar sign is meant to stand before the value, write {{ \"$\" }} for it"},
	{"{{ $x }}", 0, "{{ $x }}: expected a name or a text in quotes, not '$'; there are only " SUCH "; " BRACES},
	{"{{ .x }}", 0, "{{ .x }}: expected a name or a text in quotes, not '.'; there are only " SUCH "; " BRACES},
	{"{{ [1] }}", 0, "{{ [1] }}: expected a name or a text in quotes, not '['; there are only " SUCH "; " BRACES},
	{"{{ item. }}", 0, "{{ item. }}: expected a name after '.', not ' '; " NAMES},
	{"{{ item..n }}", 0, "{{ item..n }}: expected a name after '.', not '.'; " NAMES},
	{"{{ item . n }}", 0, "{{ item . n }}: there is white space before '.'; leave it out, as in " SUCH},
	{"{{ item [0] }}", 0, "{{ item [0] }}: there is white space before '['; leave it out, as in " SUCH},
	{"{{ item[x] }}", 0, "{{ item[x] }}: expected a number or a text in quotes after '[', not 'x'; " INDEX},
	{"{{ item[-1] }}", 0, "{{ item[-1] }}: expected a number or a text in quotes after '[', not '-'; " INDEX},
	{"{{ item[] }}", 0, "{{ item[] }}: expected a number or a text in quotes after '[', not ']'; " INDEX},
	{"{{ item[\xe2\x80\x9cx\xe2\x80\x9d] }}", 0,
	    "{{ item[\xe2\x80\x9cx\xe2\x80\x9d] }}: expected a number or a text "
	    "in quotes after '[', not '\xe2\x80\x9c'; " INDEX},
	{"{{ item.list[0:1] }}", 0, "{{ item.list[0:1] }}: expected ']', not ':'; there are only " SUCH
	    " and {{ item[\"table\"] }}"},
	{"{{ \"a\".b }}", 0, "{{ \"a\".b }}: nothing can be looked up in a text in quotes ('.' after it); write a name "
	    "without quotes, as in " SUCH},
	{"{{ \"a }} b", 0, "{{ \"a }}: the text in quotes does not end; close it with \""},
	{"{{ 'a\\", 0, "{{ 'a\\: the text in quotes does not end; close it with '"},
	{"{{ item['a }}", 0, "{{ item['a }}: the text in quotes does not end; close it with '"},
	{"{{ \"C:\\dir\" }}", 0, "{{ \"C:\\dir\" }}: there is a '\\' in the quotes that stands before neither a quote "
	    "nor a '\\'; write '\\\\'"},
	{"{{ \"a}}b\" | x }} c }}", 0, "{{ \"a}}b\" | x }}: there are no filters ('|'), only " SUCH
	    "; change the value in the notebook"},
	/* what the scope says */
	{"a{{ item.x }}", 1, "{{ item.x }}: 'item' has no member 'x'; it has 'table', 'n', 'empty', 'white', 'none', "
	    "'yes', 'list', 'big' and 14 more"},
	{"{{ nn }}", 0, "{{ nn }}: the value has no member 'nn'; it has 'item', 'notebooks'"},
	/* the first one counts */
	{"{{ item.n }} {{ nn }} {{", 13, "{{ nn }}: the value has no member 'nn'; it has 'item', 'notebooks'"},
	{"{{ item.n }} {{ {{ nn }}", 13, "{{ {{ nn }}: there is a brace too many; write two, as in " SUCH "; " BRACES},
};

START_TEST(test_faults)
{
	expect_fault(faults[_i].text, strlen(faults[_i].text), faults[_i].offset, faults[_i].message);
}
END_TEST

START_TEST(test_faults_with_nul)
{
	expect_fault("{{ item['a\0'] }}", 16, 0,
	    "{{ item['a'] }}: there is a NUL character in a name; no name has one");
	expect_fault("{{ item\0 }}", 11, 0, "{{ item }}: expected '}}', not '\\x00'; " ONE);
	/* outside of the bytes that are given */
	expect_fault("{{ item.n }}", 11, 0, "{{ item.n }: it ends with a single '}'; write '}}'");
}
END_TEST

/* A fault behind what is deferred is found at once. */
START_TEST(test_fault_after_deferred)
{
	struct buf out = BUF_INIT;
	struct expression_error e;

	ck_assert_int_eq(evaluate("{{ notebooks.a }} {{ }}", 23, "n", &out, &e), EXPRESSION_FAULT);
	ck_assert_uint_eq(e.offset, 18);
	ck_assert_uint_eq(out.len, 0);
	free(e.message);
	buf_release(&out);
}
END_TEST

START_TEST(test_long_faults_are_cut)
{
	struct buf text = BUF_INIT, out = BUF_INIT;
	struct expression_error e;

	buf_adds(&text, "{{ ");
	for (int i = 0; i < 100000; i++)
		buf_adds(&text, "\xe3\x81\x82");	/* two columns each */
	buf_adds(&text, " + }}");
	ck_assert_int_eq(evaluate(text.data, text.len, "", &out, &e), EXPRESSION_FAULT);
	ck_assert_uint_eq(strcspn(e.message, ":"), 3 + 28 * 3 + 3);
	ck_assert_int_eq(memcmp(e.message + 3 + 28 * 3, "...: there", 10), 0);
	free(e.message);
	buf_reset(&text);
	buf_adds(&text, "{{ a");
	for (int i = 0; i < 100000; i++)
		buf_adds(&text, "\xcc\x81");	/* none */
	buf_adds(&text, " + }}");
	ck_assert_int_eq(evaluate(text.data, text.len, "", &out, &e), EXPRESSION_FAULT);
	ck_assert_uint_lt(strlen(e.message), 1000);
	free(e.message);
	buf_release(&text);
	buf_release(&out);
}
END_TEST

static bool
count_parts(void *data, const struct expression_path *path)
{
	*(size_t *)data += path->n;
	return true;
}

START_TEST(test_most_parts)
{
	struct buf text = BUF_INIT;
	struct expression_error e;
	size_t parts = 0;

	buf_adds(&text, "{{ a");
	for (int i = 1; i < EXPRESSION_PARTS_MAX; i++)
		buf_adds(&text, i % 2 == 0 ? ".b" : "[0]");
	buf_adds(&text, " }}");
	ck_assert_int_eq(expression_paths(text.data, text.len, count_parts, &parts, &e), 0);
	ck_assert_uint_eq(parts, EXPRESSION_PARTS_MAX);
	buf_truncate(&text, text.len - 3);
	buf_adds(&text, ".c }}");
	ck_assert_int_eq(expression_paths(text.data, text.len, count_parts, &parts, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.message, "...: it has more than 64 parts; "));
	free(e.message);
	buf_release(&text);
}
END_TEST

/* ---- Paths ---- */

struct seen {
	struct buf list;
	size_t n, most;
};

static bool
see(void *data, const struct expression_path *path)
{
	struct seen *s = data;

	buf_addf(&s->list, "<%.*s>", (int)path->len, path->text);
	for (size_t i = 0; i < path->n; i++)
		buf_addf(&s->list, "(%s)", path->parts[i]);
	return ++s->n < s->most;
}

START_TEST(test_paths)
{
	static const char text[] = "a {{ notebooks[\"a \\\"b\"].result[0] }}{{ \"{{ no }}\" }} {{x.1.y-z}}{{ 7['']}}";
	struct seen s = {BUF_INIT, 0, 100};
	struct expression_error e;

	ck_assert_int_eq(expression_paths(text, strlen(text), see, &s, &e), 0);
	ck_assert_str_eq(buf_str(&s.list), "<notebooks[\"a \\\"b\"].result[0]>(notebooks)(a \"b)(result)(0)"
	    "<x.1.y-z>(x)(1)(y-z)<7['']>(7)()");
	buf_release(&s.list);
}
END_TEST

START_TEST(test_paths_stop)
{
	struct seen s = {BUF_INIT, 0, 2};
	struct expression_error e = {0, NULL};

	ck_assert_int_eq(expression_paths("{{ a }}{{ b }}{{ c }}{{", 23, see, &s, &e), 0);
	ck_assert_str_eq(buf_str(&s.list), "<a>(a)<b>(b)");
	ck_assert_ptr_null(e.message);
	s.n = 0;
	s.most = 100;
	buf_reset(&s.list);
	ck_assert_int_eq(expression_paths("{{ a }}{{ b }}{{ c }}{{", 23, see, &s, &e), -1);
	ck_assert_str_eq(buf_str(&s.list), "<a>(a)<b>(b)<c>(c)");
	ck_assert_uint_eq(e.offset, 21);
	free(e.message);
	ck_assert_int_eq(expression_paths(NULL, 0, see, &s, &e), 0);
	buf_release(&s.list);
}
END_TEST

/* ---- Descending ---- */

static const struct {
	const char *text, *value;
	size_t first;
	const char *found, *why;
} descents[] = {
	{"a.b", "{\"b\": [1, 2]}", 1, "[1, 2]", NULL},
	{"a.b", "{\"b\": 1, \"b\": 2}", 1, "2", NULL},
	{"a.b", "7", 2, "7", NULL},
	{"result[007]", "[0, 1, 2, 3, 4, 5, 6, \"x\"]", 1, "\"x\"", NULL},
	{"result[7]", "[1, 2, 3]", 1, NULL, "'result' is a list of 3, it has no element 7"},
	{"result[3]", "[1, 2, 3]", 1, NULL, "'result' is a list of 3, it has no element 3"},
	{"result[99999999999999999999999]", "[1]", 1, NULL,
	    "'result' is a list of 1, it has no element 99999999999999999999999"},
	{"result[0]", "[]", 1, NULL, "'result' is an empty list, it has no element 0"},
	{"n.a.result.rows", "[1, 2]", 3, NULL,
	    "'result' is a list of 2, it has no member 'rows'; name an element by its number, from 0 to 1"},
	{"result.rows", "5", 1, NULL, "'result' is the number 5, which has no member 'rows'"},
	{"result[0]", "5", 1, NULL, "'result' is the number 5, which has no element 0"},
	{"result.rows", "NaN", 1, NULL, "'result' is the number NaN, which has no member 'rows'"},
	{"result.rows", "null", 1, NULL, "'result' is null, which has no member 'rows'"},
	{"result.rows", "false", 1, NULL, "'result' is false, which has no member 'rows'"},
	{"result.rows", "\"a\\nb\"", 1, NULL, "'result' is the text 'ab', which has no member 'rows'"},
	{"result.rows", "\"0123456789012345678901234567890123456789012345678901234567890\"", 1, NULL,
	    "'result' is the text '012345678901234567890123456789012345678901234567890123456789...', which has no "
	    "member 'rows'"},
	{"result.rows[1]['a b'].c-d.x", "{\"rows\": [0, {\"a b\": {\"c-d\": 1}}]}", 1, NULL,
	    "'result.rows[1][\"a b\"].c-d' is the number 1, which has no member 'x'"},
	{"item.x", "{\"table\": 1, \"file\": 2}", 1, NULL, "'item' has no member 'x'; it has 'table', 'file'"},
	{"item[3]", "{\"table\": 1}", 1, NULL, "'item' has no member '3'; it has 'table'"},
	{"item.x", "{}", 1, NULL, "'item' has no member 'x'; it is empty"},
	{"item.tabel", "{\"table\": 1, \"file\": 2}", 1, NULL,
	    "'item' has no member 'tabel'; it has 'table', 'file'; did you mean 'table'?"},
	{"item.tabel", "{\"1\":1,\"2\":1,\"3\":1,\"4\":1,\"5\":1,\"6\":1,\"7\":1,\"8\":1,\"table\":1}", 1, NULL,
	    "'item' has no member 'tabel'; it has '1', '2', '3', '4', '5', '6', '7', '8' and 1 more; did you mean "
	    "'table'?"},
	{"item.x", "{\"a\\u0000\": 1, \"\\u001b[1mb\": 2}", 1, NULL, "'item' has no member 'x'; it has 'b' and 1 more"},
	{"item.x", "{\"a\\u0000\": 1}", 1, NULL,
	    "'item' has no member 'x'; none of those it has can be written in an expression"},
	{"x", "[]", 0, NULL, "the value is an empty list, it has no member 'x'"},
};

struct descent {
	struct json v;
	size_t first;
	struct json found;
	char *why;
};

static bool
descend(void *data, const struct expression_path *path)
{
	struct descent *d = data;

	d->found = expression_descend(d->v, path, d->first, &d->why);
	return true;
}

START_TEST(test_descend)
{
	char *text = xasprintf("{{ %s }}", descents[_i].text);
	struct descent d = {.v = json_of(descents[_i].value), .first = descents[_i].first};
	struct expression_error e;

	ck_assert_int_eq(expression_paths(text, strlen(text), descend, &d, &e), 0);
	if (descents[_i].found != NULL) {
		ck_assert_ptr_nonnull(d.found.text);
		ck_assert_uint_eq(d.found.len, strlen(descents[_i].found));
		ck_assert_int_eq(memcmp(d.found.text, descents[_i].found, d.found.len), 0);
		ck_assert_ptr_null(d.why);
	} else {
		ck_assert_ptr_null(d.found.text);
		ck_assert_str_eq(d.why, descents[_i].why);
	}
	free(d.why);
	free(text);
}
END_TEST

/* ---- JSON values ---- */

static enum expression_result
evaluate_json(const char *v, const char *later, struct buf *out, struct expression_error *e)
{
	struct known k = {json_of(values), later, 0};
	struct expression_scope scope = {look_up, &k};

	*e = (struct expression_error){0, NULL};
	return expression_json(json_of(v), &scope, out, e);
}

static const struct {
	const char *value, *later;
	enum expression_result result;
	const char *expected;
} trees[] = {
	/* what holds no expression */
	{"null", "", EXPRESSION_KNOWN, "null"},
	{" [ 1.50 ,\n-0, 123456789012345678901234567890,NaN, -Infinity, true ] ", "", EXPRESSION_KNOWN,
	    "[1.50, -0, 123456789012345678901234567890, NaN, -Infinity, true]"},
	{"{\"b\":[],\"a\":{}, \"b\":\"x\"}", "", EXPRESSION_KNOWN, "{\"b\": [], \"a\": {}, \"b\": \"x\"}"},
	{"[\"\\u0000\", \"\\ud800\", \"x\\udfff\\u0000\", \"\\ud83d\\ude00\", \"{ {\"]", "", EXPRESSION_KNOWN,
	    "[\"\\u0000\", \"\\ud800\", \"x\\udfff\\u0000\", \"\xf0\x9f\x98\x80\", \"{ {\"]"},
	/* types and shapes */
	{"\"{{ item.n }}\"", "", EXPRESSION_KNOWN, "5"},
	{"{\"a\": [\"{{ item.n }}\", {\"b\": \"x{{ item.n }}\"}], \"{{ item.n }}\": \"{{ item.list }}\"}", "",
	    EXPRESSION_KNOWN,
	    "{\"a\": [5, {\"b\": \"x5\"}], \"{{ item.n }}\": [1, [\"x\", {\"k y\": -0.50e+01}]]}"},
	{"[\"\\u007b{ item.n }}\", \"\\u0000{{ item.surrogate }}\\ud801\"]", "", EXPRESSION_KNOWN,
	    "[5, \"\\u0000\\ud800\\ud801\"]"},
	{"[\"{{ item.braces }}\", \"{{ item.nested }}\"]", "", EXPRESSION_KNOWN,
	    "[\"{{ item.n }}\", {\"s\": [\"{{ x\", \"}}\"], \"{{ key }}\": \" {{\"}]"},
	/* deferred: what is known must survive */
	{"[\"{{ item.n }}\", \"{{ notebooks.a.result }}\", \"x\", 1e5]", "n", EXPRESSION_DEFERRED,
	    "[5, \"{{ notebooks.a.result }}\", \"x\", 1e5]"},
	{"[\"{{ notebooks.a.result }}\", \"{{ item.braces }}\"]", "n", EXPRESSION_DEFERRED,
	    "[\"{{ notebooks.a.result }}\", \"{{ \\\"{{\\\" }} item.n }}\"]"},
	{"[\"{{ item.two }}\", \"{{ '{{' }}\", \"{{ notebooks.a.result }}\"]", "n", EXPRESSION_DEFERRED,
	    "[\"{{ \\\"{{\\\" }}{{ \\\"\\\" }}\", \"{{ \\\"{{\\\" }}{{ \\\"\\\" }}\", \"{{ notebooks.a.result }}\"]"},
	{"{\"a\": \"{{ item.nested }}\", \"{{ b\": \"{{ notebooks.a.result }}\"}", "n", EXPRESSION_DEFERRED,
	    "{\"a\": {\"s\": [\"{{ \\\"{{\\\" }} x\", \"}}\"], \"{{ key }}\": \" {{ \\\"{{\\\" }}{{ \\\"\\\" }}\"}, "
	    "\"{{ b\": \"{{ notebooks.a.result }}\"}"},
};

START_TEST(test_json)
{
	struct buf out = BUF_INIT, last = BUF_INIT, once = BUF_INIT;
	struct expression_error e;

	ck_assert_int_eq(evaluate_json(trees[_i].value, trees[_i].later, &out, &e), trees[_i].result);
	ck_assert_str_eq(buf_str(&out), trees[_i].expected);
	if (trees[_i].result == EXPRESSION_DEFERRED) {
		ck_assert_int_eq(evaluate_json(buf_str(&out), "", &last, &e), EXPRESSION_KNOWN);
		ck_assert_int_eq(evaluate_json(trees[_i].value, "", &once, &e), EXPRESSION_KNOWN);
		ck_assert_str_eq(buf_str(&last), buf_str(&once));
	}
	buf_release(&out);
	buf_release(&last);
	buf_release(&once);
}
END_TEST

START_TEST(test_json_fault)
{
	struct buf out = BUF_INIT;
	struct expression_error e;

	buf_adds(&out, "before");
	ck_assert_int_eq(evaluate_json("[\"{{ notebooks.a }}\", {\"k\": [\"\\u20ac\\n{{ xx }}\", \"{{\"]}]", "n", &out,
	    &e), EXPRESSION_FAULT);
	ck_assert_uint_eq(e.offset, 4);
	ck_assert_str_eq(buf_str(&out), "before");
	free(e.message);
	buf_release(&out);
}
END_TEST

/* Every path is looked up once, and keys are left alone. */
START_TEST(test_json_asks_once)
{
	static const char text[] = "{\"{{ item.n }}\": [\"{{ item.n }}\", \"{{ notebooks.a }}{{ item.n }}\"]}";
	struct known k = {json_of(values), "n", 0};
	struct expression_scope scope = {look_up, &k};
	struct buf out = BUF_INIT;
	struct expression_error e;

	ck_assert_int_eq(expression_json(json_of(text), &scope, &out, &e), EXPRESSION_DEFERRED);
	ck_assert_uint_eq(k.asked, 3);
	buf_release(&out);
}
END_TEST

static char *
nested(const char *inner, size_t depth)
{
	struct buf b = BUF_INIT;

	buf_fill(&b, '[', depth);
	buf_adds(&b, inner);
	buf_fill(&b, ']', depth);
	return buf_steal(&b);
}

/* item.list has a depth of 3. */
START_TEST(test_json_depth)
{
	char *fits = nested("\"{{ item.list }}\"", JSON_DEPTH_MAX - 3);
	char *deep = nested("\"{{ item.list }}\"", JSON_DEPTH_MAX - 2);
	char *text = nested("\"{{ item.table }}\"", JSON_DEPTH_MAX);
	struct buf out = BUF_INIT;
	struct expression_error e;

	ck_assert_int_eq(evaluate_json(fits, "", &out, &e), EXPRESSION_KNOWN);
	json_of(buf_str(&out));
	ck_assert_int_eq(evaluate_json(deep, "", &out, &e), EXPRESSION_FAULT);
	ck_assert_str_eq(e.message, "{{ item.list }}: with the value put in here, lists and maps would be nested more "
	    "than 512 deep; put it in further up, or look up a part of it");
	free(e.message);
	buf_reset(&out);
	ck_assert_int_eq(evaluate_json(text, "", &out, &e), EXPRESSION_KNOWN);
	json_of(buf_str(&out));
	buf_release(&out);
	free(fits);
	free(deep);
	free(text);
}
END_TEST

/* ---- In as many goes as one likes ---- */

static uint64_t
next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static size_t
choose(uint64_t *state, size_t n)
{
	return (size_t)(next_random(state) >> 16) % n;
}

/* Values of members a to f. As JSON, and such that a surrogate does not meet its other half. */
static const char *const scalars[] = {
	"\"\"", "\" \"", "\"\\n\\t\"", "null", "5", "-0.0e1", "NaN", "true", "\"x\"", "\"{\"", "\"{{\"",
	"\"{{{\"", "\"$\"", "\"${\"", "\"}}\"", "\"{{ a }}\"", "\"{{ \\\"{{\\\" }}\"", "\" {{\"", "\"\\\"\"",
	"\"\\\\\"", "\"\\u0000\"", "\"\\ud800\"", "\"'\"", "[]", "{\"{{\": \"{{\"}", "[\"{{ b }}\", \" {{\", [null]]",
	"\"\xf0\x9f\x98\x80\"", "\"\\u007b\"",
};

static const char *const bits[] = {
	"{{ a }}", "{{b}}", "{{ c }}", "{{\td\n}}", "{{ e }}", "{{ f }}", "{{ a }}", "{{ f }}", " ", "\n", "x",
	"{ ", "}", "}}", "$ ", "{{ \"\" }}", "{{ \"{{\" }}", "{{ '${{\"' }}", "{{ \"}}\" }}", "{{ \" \" }}",
	"{{ \"{\" }}", "\\", "\"", "'", "\xc3\xa9", "{{ '\\\\\\'' }}",
};

static void
make_values(uint64_t *state, struct buf *b)
{
	buf_addc(b, '{');
	for (char c = 'a'; c <= 'f'; c++)
		buf_addf(b, "%s\"%c\": %s", c > 'a' ? ", " : "", c, scalars[choose(state, (size_t)COUNT(scalars))]);
	buf_addc(b, '}');
}

static void
make_text(uint64_t *state, struct buf *b)
{
	struct buf text = BUF_INIT;

	for (size_t n = choose(state, 6); n > 0; n--)
		buf_adds(&text, bits[choose(state, (size_t)COUNT(bits))]);
	json_put_string(b, buf_str(&text), text.len);
	buf_release(&text);
}

static void
make_tree(uint64_t *state, struct buf *b, int depth)
{
	size_t kind = depth == 0 ? 2 : choose(state, 4), n = choose(state, 4);

	if (kind > 1) {
		make_text(state, b);
		return;
	}
	buf_addc(b, kind == 0 ? '[' : '{');
	for (size_t i = 0; i < n; i++) {
		buf_adds(b, i > 0 ? "," : "");
		if (kind == 1) {
			make_text(state, b);
			buf_addc(b, ':');
		}
		make_tree(state, b, depth - 1);
	}
	buf_addc(b, kind == 0 ? ']' : '}');
}

/* Evaluates, as text when as_text is set and v is a string, else as a value. */
static enum expression_result
go(const char *json, const struct expression_scope *scope, bool as_text, struct buf *out)
{
	struct json v = json_of(json);
	struct expression_error e = {0, NULL};
	struct buf text = BUF_INIT;
	enum expression_result r;

	if (as_text && json_type(v) == JSON_STRING) {
		json_decode(&text, v);
		r = expression_text(buf_str(&text), text.len, scope, out, &e);
	} else {
		r = expression_json(v, scope, out, &e);
	}
	ck_assert_msg(r != EXPRESSION_FAULT, "%s: %s", json, e.message);
	buf_release(&text);
	return r;
}

START_TEST(test_goes)
{
	static const char *const orders[][4] = {
		{"abc", "", NULL}, {"abcdef", "", NULL}, {"*", "bdf", "b", ""}, {"f", "", NULL},
		{"acdef", "ce", "", NULL},
	};
	uint64_t state = UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)_i;
	unsigned seen_deferred = 0;

	for (int round = 0; round < 3000; round++) {
		struct buf all = BUF_INIT, tree = BUF_INIT, once = BUF_INIT;
		bool as_text = choose(&state, 2) == 0;
		struct known k = {.later = ""};
		struct expression_scope scope = {look_up, &k};

		make_values(&state, &all);
		make_tree(&state, &tree, as_text ? 0 : 3);
		k.all = json_of(buf_str(&all));
		ck_assert_int_eq(go(buf_str(&tree), &scope, as_text, &once), EXPRESSION_KNOWN);
		for (int i = 0; i < COUNT(orders); i++) {
			struct buf now = BUF_INIT, next = BUF_INIT;
			enum expression_result r = EXPRESSION_DEFERRED;

			buf_add(&now, tree.data, tree.len);
			for (int pass = 0; pass < 4 && r == EXPRESSION_DEFERRED; pass++) {
				k.later = orders[i][pass];
				r = go(buf_str(&now), &scope, as_text, &next);
				buf_release(&now);
				now = next;
				next = (struct buf)BUF_INIT;
				seen_deferred += r == EXPRESSION_DEFERRED;
			}
			ck_assert_int_eq(r, EXPRESSION_KNOWN);
			ck_assert_msg(strcmp(buf_str(&now), buf_str(&once)) == 0, "%s with %s:\n%s\n%s", buf_str(&tree),
			    buf_str(&all), buf_str(&now), buf_str(&once));
			buf_release(&now);
		}
		buf_release(&all);
		buf_release(&tree);
		buf_release(&once);
	}
	ck_assert_uint_gt(seen_deferred, 1000);
}
END_TEST

/* Anything at all is either evaluated or refused at a "{{". */
START_TEST(test_noise)
{
	static const char letters[] = "{{{{}}}}ab0 .[]\"'\\$-|\xc3\xa9\xc2\xa0";
	struct known k = {json_of("{\"a\": \"x\", \"b\": [{\"a\": 1}]}"), "", 0};
	struct expression_scope scope = {look_up, &k};
	uint64_t state = UINT64_C(0x2545f4914f6cdd1d);
	unsigned refused = 0;

	for (int round = 0; round < 20000; round++) {
		size_t n = choose(&state, 24);
		char *text = xmalloc(n);
		struct expression_error e = {0, NULL};
		struct buf out = BUF_INIT;
		struct json v;

		for (size_t i = 0; i < n; i++)
			text[i] = letters[choose(&state, sizeof(letters))];
		if (expression_text(text, n, &scope, &out, &e) == EXPRESSION_FAULT) {
			refused++;
			ck_assert_uint_le(e.offset + 2, n);
			ck_assert_int_eq(memcmp(text + e.offset, "{{", 2), 0);
			ck_assert_uint_eq(out.len, 0);
			free(e.message);
		} else {
			ck_assert_int_eq(json_parse(out.data, out.len, &v, NULL), 0);
		}
		buf_release(&out);
		free(text);
	}
	ck_assert_uint_gt(refused, 1000);
	ck_assert_uint_lt(refused, 19000);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("expression");
	TCase *tc = tcase_create("expression");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(tc, test_texts, 0, COUNT(texts));
	tcase_add_test(tc, test_texts_are_bytes);
	tcase_add_loop_test(tc, test_deferred, 0, COUNT(deferred));
	tcase_add_test(tc, test_expression_in);
	tcase_add_loop_test(tc, test_faults, 0, COUNT(faults));
	tcase_add_test(tc, test_faults_with_nul);
	tcase_add_test(tc, test_fault_after_deferred);
	tcase_add_test(tc, test_long_faults_are_cut);
	tcase_add_test(tc, test_most_parts);
	tcase_add_test(tc, test_paths);
	tcase_add_test(tc, test_paths_stop);
	tcase_add_loop_test(tc, test_descend, 0, COUNT(descents));
	tcase_add_loop_test(tc, test_json, 0, COUNT(trees));
	tcase_add_test(tc, test_json_fault);
	tcase_add_test(tc, test_json_asks_once);
	tcase_add_test(tc, test_json_depth);
	tcase_add_loop_test(tc, test_goes, 0, 4);
	tcase_add_test(tc, test_noise);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
