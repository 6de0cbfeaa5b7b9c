#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "notebook/ipynb.h"
#include "notebook/parameters.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct params params;
static struct notebook nb;
static struct problems problems = PROBLEMS_INIT;
static struct buf source = BUF_INIT;
static char *problem;

static void
release(void)
{
	params_release(&params);
	notebook_release(&nb);
	problems_release(&problems);
	buf_release(&source);
	free(problem);
	problem = NULL;
}

static void
set(const char *name, const char *value)
{
	params_set(&params, name, value, NULL, (struct mark){0, 0});
}

static void
set_secret(const char *name, const char *value)
{
	params_set(&params, name, value, "NAME_OF_A_VARIABLE", (struct mark){0, 0});
}

static const struct language *
language(const char *name)
{
	const struct language *l = language_find(NULL, name);

	ck_assert_ptr_nonnull(l);
	return l;
}

/* The literal of a value. */
static const struct {
	const char *language, *value, *line;
} literals[] = {
	{"python", "null", "x = None"},
	{"python", "true", "x = True"},
	{"python", "false", "x = False"},
	{"python", "0", "x = 0"},
	{"python", "-0", "x = 0"},
	{"python", "-7", "x = -7"},
	{"python", "123456789012345678901234567890", "x = 123456789012345678901234567890"},
	{"python", "1.50", "x = 1.5"},
	{"python", "1e5", "x = 100000.0"},
	{"python", "1E16", "x = 1e+16"},
	{"python", "0.00001", "x = 1e-05"},
	{"python", "-0.0", "x = -0.0"},
	{"python", "5e-324", "x = 5e-324"},
	{"python", "NaN", "x = float('nan')"},
	{"python", "Infinity", "x = float('inf')"},
	{"python", "-1e400", "x = float('-inf')"},
	{"python", "\"\"", "x = \"\""},
	{"python", "\"it's $x `y` {z} %d\"", "x = \"it's $x `y` {z} %d\""},
	{"python", "\"a\\\"b\\\\c\"", "x = \"a\\\"b\\\\c\""},
	{"python", "\"\\t\\n\\r\\u0000\\u001b\\u007f\"", "x = \"\\t\\n\\r\\x00\\x1b\\x7f\""},
	{"python", "\"\u00e9\u00ff\\u0080\"", "x = \"\\xe9\\xff\\x80\""},
	{"python", "\"\u4e2d\\ufffe\\ud800\\udc00\\udc00\"", "x = \"\\u4e2d\\ufffe\\U00010000\\udc00\""},
	{"python", "[]", "x = []"},
	{"python", "[1, [\"a\", null], {}]", "x = [1, [\"a\", None], {}]"},
	{"python", "{}", "x = {}"},
	{"python", "{\"k\\\"\": {\"n\": [1.0]}, \"\u00e9\": true}", "x = {\"k\\\"\": {\"n\": [1.0]}, \"\\xe9\": True}"},

	{"R", "null", "x = NULL"},
	{"R", "true", "x = TRUE"},
	{"R", "false", "x = FALSE"},
	{"R", "12345678901234567890", "x = 12345678901234567890"},
	{"R", "NaN", "x = NaN"},
	{"R", "[Infinity, -Infinity]", "x = list(Inf, -Inf)"},
	{"R", "\"a\\u001b\\u007f\\\"\\\\\"", "x = \"a\\x1b\\x7f\\\"\\\\\""},
	{"R", "\"\u00e9\\u001b\u4e2d\\ud83d\\ude00\"", "x = \"\\u00e9\\u001b\\u4e2d\\U0001f600\""},
	{"R", "{\"a\": {}, \"b c\": []}", "x = list(\"a\" = list(), \"b c\" = list())"},
	{"R", "{\"a\": 1, \"\": {\"\": null}}", "x = setNames(list(1, setNames(list(NULL), c(\"\"))), c(\"a\", \"\"))"},

	{"scala", "null", "val x = None"},
	{"scala", "[true, false]", "val x = Seq(true, false)"},
	{"scala", "[2147483647, 2147483648, -2147483648, -2147483649]",
	    "val x = Seq(2147483647, 2147483648L, -2147483648, -2147483649L)"},
	{"scala", "[9223372036854775807, -9223372036854775808, 9223372036854775808]",
	    "val x = Seq(9223372036854775807L, -9223372036854775808L, BigInt(\"9223372036854775808\"))"},
	{"scala", "[NaN, Infinity, -Infinity, 1.0]",
	    "val x = Seq(Double.NaN, Double.PositiveInfinity, Double.NegativeInfinity, 1.0)"},
	{"scala", "\"\\u001b\u00e9\u4e2d\\ud83d\\ude00$\\\"\"", "val x = \"\\u001b\\u00e9\\u4e2d\\ud83d\\ude00$\\\"\""},
	{"scala", "{\"a\": -1, \"b\": {}}", "val x = Map(\"a\" -> -1, \"b\" -> Map())"},

	{"julia", "null", "x = nothing"},
	{"julia", "[true, false, 12345678901234567890]", "x = [true, false, 12345678901234567890]"},
	{"julia", "[NaN, Infinity, -Infinity]", "x = [NaN, Inf, -Inf]"},
	{"julia", "\"$a $(b) \\u001b\u00e9\\ud83d\\ude00\"", "x = \"\\$a \\$(b) \\x1b\\u00e9\\U0001f600\""},
	{"julia", "{\"$\": 1, \"b\": {}}", "x = Dict(\"\\$\" => 1, \"b\" => Dict())"},

	{"matlab", "null", "x = NaN;"},
	{"matlab", "[true, false, NaN, -Infinity]", "x = {true, false, nan, -inf};"},
	{"matlab", "\"it's \\\"q\\\"\"", "x = \"it's \"\"q\"\"\";"},
	{"matlab", "\"C:\\\\dir \u00e9\"", "x = \"C:\\dir \u00e9\";"},
	{"matlab", "\"a\\nb\\u0000\"", "x = \"a\" + char(10) + \"b\" + char(0) + \"\";"},
	{"matlab", "{}", "x = containers.Map({}, {});"},
	{"matlab", "{\"it's\": 1, \"a\\nb\": [\"\\\"\"]}",
	    "x = containers.Map({'it''s', ['a' char(10) 'b']}, {1, {\"\"\"\"}});"},

	{".net-csharp", "null", "object x = null;"},
	{".net-csharp", "true", "var x = true;"},
	{".net-csharp", "2147483648", "var x = 2147483648L;"},
	{".net-csharp", "-9223372036854775809", "var x = System.Numerics.BigInteger.Parse(\"-9223372036854775809\");"},
	{".net-csharp", "[NaN, Infinity, -Infinity]",
	    "var x = new [] { double.NaN, double.PositiveInfinity, double.NegativeInfinity };"},
	{".net-csharp", "\"\\u001b[\\u001bf\\u001bF\\u001b9\\u001bg\u00e9\\u001b\"",
	    "var x = \"\\x1b[\\u001bf\\u001bF\\u001b9\\x1bg\\xe9\\x1b\";"},
	{".net-csharp", "[1, 2147483648, 1.5]", "var x = new [] { 1, 2147483648L, 1.5 };"},
	{".net-csharp", "[\"a\", null, \"b\"]", "var x = new [] { \"a\", null, \"b\" };"},
	{".net-csharp", "[null, [1], [2.5]]", "var x = new object[] { null, new [] { 1 }, new [] { 2.5 } };"},
	{".net-csharp", "[[1], [2], null]", "var x = new [] { new [] { 1 }, new [] { 2 }, null };"},
	{".net-csharp", "[1, null]", "var x = new object[] { 1, null };"},
	{".net-csharp", "[null]", "var x = new object[] { null };"},
	{".net-csharp", "[null, \"a\"]", "var x = new [] { null, \"a\" };"},
	{".net-csharp", "[]", "var x = new object[] {  };"},
	{".net-csharp", "[1, \"a\", true]", "var x = new object[] { 1, \"a\", true };"},
	{".net-csharp", "[[1, \"a\"], []]", "var x = new [] { new object[] { 1, \"a\" }, new object[] {  } };"},
	{".net-csharp", "[1, 9223372036854775808]", "var x = new object[] { 1, System.Numerics.BigInteger.Parse(\"9223372036854775808\") };"},
	{".net-csharp", "{\"a\": {}, \"b\": null}",
	    "var x = new Dictionary<string,Object>{ { \"a\" , new Dictionary<string,Object>{  } }, { \"b\" , null } };"},

	{".net-fsharp", "null", "let x = None"},
	{".net-fsharp", "[NaN, Infinity, -Infinity]", "let x = [ nan; infinity; -infinity ]"},
	{".net-fsharp", "[2147483648]", "let x = [ 2147483648L ]"},
	{".net-fsharp", "9223372036854775808", "let x = 9223372036854775808I"},
	{".net-fsharp", "\"\\u001b\u00e9a\\ud83d\\ude00\"", "let x = \"\\x1b\\xe9a\\U0001f600\""},
	{".net-fsharp", "[]", "let x = [  ]"},
	{".net-fsharp", "[[], [1], []]", "let x = [ [  ]; [ 1 ]; [  ] ]"},
	{".net-fsharp", "[1, 2.5, null, [1, true]]",
	    "let x = [ box (1); box (2.5); null; box ([ box (1); box (true) ]) ]"},
	{".net-fsharp", "[null, null]", "let x = [ None; None ]"},
	{".net-fsharp", "{}", "let x = Map.empty<string, IComparable>"},
	{".net-fsharp", "{\"a\": 1, \"b\": [true]}", "let x = [ (\"a\", 1 :> IComparable); (\"b\", [ true ] :> IComparable) ] |> Map.ofList"},

	{".net-powershell", "null", "$x = $Null"},
	{".net-powershell", "[true, false]", "$x = @($True, $False)"},
	{".net-powershell", "[NaN, Infinity, -Infinity]", "$x = @([double]::NaN, [double]::PositiveInfinity, [double]::NegativeInfinity)"},
	{".net-powershell", "[1234567890123456789012345678, 123456789012345678901234567890]",
	    "$x = @(1234567890123456789012345678, 123456789012345678901234567890n)"},
	{".net-powershell", "\"a 'b' \\\"c\\\" $d `e C:\\\\f\"", "$x = \"a 'b' `\"c`\" `$d ``e C:\\f\""},
	{".net-powershell", "\"\\u0000\\t\\n\\r\\u001b\u00e9\u201c\\ud800\"", "$x = \"`0`t`n`r`u{1b}\u00e9`u{201c}`u{d800}\""},
	{".net-powershell", "[[1, 2]]", "$x = @(, @(1, 2))"},
	{".net-powershell", "[[1], [2]]", "$x = @(@(1), @(2))"},
	{".net-powershell", "[]", "$x = @()"},
	{".net-powershell", "{}", "$x = @{}"},

	{"bash", "null", "x="},
	{"bash", "true", "x=true"},
	{"bash", "12345678901234567890", "x=12345678901234567890"},
	{"bash", "-Infinity", "x=-inf"},
	{"bash", "1e5", "x=100000.0"},
	{"bash", "\"\"", "x=''"},
	{"bash", "\"aZ9_@%+=:,./-\"", "x=aZ9_@%+=:,./-"},
	{"bash", "\"it's $x\\n\u00e9\"", "x='it'\"'\"'s $x\n\u00e9'"},
	{"bash", "\"~\"", "x='~'"},
	{"bash", "[\"a b\", 1, null, false, \"*\"]", "x=('a b' 1 '' false '*')"},
	{"bash", "[]", "x=()"},
};

START_TEST(writes_literals)
{
	char *line;

	set("x", literals[_i].value);
	ck_assert_int_eq(parameters_source(language(literals[_i].language), &params, true, &source, &problem), 0);
	line = strchr(source.data, '\n');
	ck_assert_ptr_nonnull(line);
	ck_assert_int_eq(source.data[source.len - 1], '\n');
	buf_truncate(&source, source.len - 1);
	ck_assert_str_eq(line + 1, literals[_i].line);
}
END_TEST

START_TEST(writes_powershell_maps_on_lines)
{
	set("x", "{\"a\": 1, \"b\": {\"c\": 2}}");
	ck_assert_int_eq(parameters_source(language(".net-powershell"), &params, true, &source, &problem), 0);
	ck_assert_str_eq(source.data, "# Parameters\n$x = @{\"a\" = 1\n \"b\" = @{\"c\" = 2}}\n");
}
END_TEST

static const struct {
	const char *language, *name, *value, *problem;
} refused[] = {
	{"bash", "x", "{}", "parameter 'x': bash has no mappings"},
	{"bash", "x", "[1, [2]]", "parameter 'x': bash has no lists within lists"},
	{"bash", "x", "[{}]", "parameter 'x': bash has no mappings"},
	{"bash", "x", "\"\\u0000\"", "parameter 'x': bash has no strings with a NUL character"},
	{"bash", "x", "\"\\udc00\"", "parameter 'x': bash has no strings with half of a surrogate pair"},
	{"R", "x", "[{\"\\u0000\": 1}]", "parameter 'x': R has no strings with a NUL character"},
	{"R", "x", "{\"a\": \"\\ud800\"}", "parameter 'x': R has no strings with half of a surrogate pair"},
	{"python", "class", "1", "parameter 'class': the name is a word of the language itself"},
	{"python", "yield", "1", "parameter 'yield': the name is a word of the language itself"},
	{"R", "_if", "1", "parameter '_if': the name is a word of the language itself"},
	{"R", "_1", "1", "parameter '_1' cannot be a variable's name"},
	{"python", "a b", "1", "parameter 'a b' cannot be a variable's name"},
	{"python", "a = 1\nb", "1", "parameter 'a = 1\nb' cannot be a variable's name"},
	{"R", "__", "1", "parameter '__': nothing is left of the name without its underscores"},
};

START_TEST(refuses)
{
	set("fine", "1");
	set(refused[_i].name, refused[_i].value);
	ck_assert_int_eq(parameters_source(language(refused[_i].language), &params, true, &source, &problem), -1);
	ck_assert_str_eq(problem, refused[_i].problem);
}
END_TEST

START_TEST(finds_languages)
{
	ck_assert_ptr_eq(language_find("pysparkkernel", "scala"), language("python"));
	ck_assert_ptr_eq(language_find("sparkrkernel", NULL), language("r"));
	ck_assert_ptr_eq(language_find("SparkKernel", "python"), language("Scala"));
	ck_assert_ptr_eq(language_find("python3", "Python"), language("python"));
	ck_assert_ptr_eq(language_find("ir", "R"), language("R"));
	ck_assert_ptr_eq(language_find(".net-csharp", "C#"), language(".NET-CSharp"));
	ck_assert_ptr_ne(language_find(".net-csharp", "C#"), language(".net-fsharp"));
	ck_assert_ptr_null(language_find("ir", "cobol"));
	ck_assert_ptr_null(language_find(NULL, NULL));
	ck_assert_ptr_null(language_find("", ""));
}
END_TEST

START_TEST(takes_names_that_only_look_like_words)
{
	set("classes", "1");
	set("las", "1");
	set("i", "1");
	set("Class", "1");
	ck_assert_int_eq(parameters_source(language("python"), &params, true, &source, &problem), 0);
}
END_TEST

START_TEST(writes_all_of_them)
{
	set("b", "1");
	set("_a", "\"x\"");
	set("b", "2");
	ck_assert_int_eq(parameters_source(language("python"), &params, true, &source, &problem), 0);
	ck_assert_str_eq(source.data, "# Parameters\nb = 2\n_a = \"x\"\n");
	buf_reset(&source);
	ck_assert_int_eq(parameters_source(language("R"), &params, true, &source, &problem), 0);
	ck_assert_str_eq(source.data, "# Parameters\nb = 2\na = \"x\"\n");
	buf_reset(&source);
	ck_assert_int_eq(parameters_source(language(".net-fsharp"), &params, true, &source, &problem), 0);
	ck_assert_str_eq(source.data, "(* Parameters *)\nlet b = 2\nlet _a = \"x\"\n");
}
END_TEST

/* ---- In a notebook ---- */

static void
read_cells(const char *const *tags, size_t n)
{
	struct buf text = BUF_INIT;

	buf_adds(&text, "{\"cells\": [");
	for (size_t i = 0; i < n; i++)
		buf_addf(&text, "%s{\"cell_type\": \"code\", \"source\": \"%zu\", \"metadata\": {\"tags\": [\"%s\"]}}", i > 0 ? "," : "", i, tags[i]);
	buf_adds(&text, "], \"metadata\": {}, \"nbformat\": 4, \"nbformat_minor\": 5}");
	ck_assert_int_eq(notebook_parse(&nb, "a.ipynb", &text, &problems), 0);
}

static const struct {
	const char *tags[4];
	size_t n, index, total;
} where[] = {
	{{"x", "injected-parameters", "parameters", "injected-parameters"}, 4, 1, 4},
	{{"x", "parameters", "parameters", "x"}, 4, 2, 5},
	{{"x", "x", "x", "parameters"}, 4, 4, 5},
	{{"parametersx", "xparameters"}, 2, 0, 3},
	{{NULL}, 0, 0, 1},
};

START_TEST(goes_where_papermill_puts_it)
{
	read_cells(where[_i].tags, where[_i].n);
	set("a", "1");
	ck_assert_int_eq(parameters_inject(&nb, language("python"), &params, &problem), 0);
	ck_assert_uint_eq(nb.ncells, where[_i].total);
	for (size_t i = 0; i < nb.ncells; i++)
		ck_assert((nb.cells[i].json.text == NULL) == (i == where[_i].index));
	ck_assert_int_eq(nb.cells[where[_i].index].type, CELL_CODE);
	ck_assert_str_eq(nb.cells[where[_i].index].added_tag, "injected-parameters");
	ck_assert_str_eq(nb.cells[where[_i].index].added_source, "# Parameters\na = 1\n");
	ck_assert_ptr_null(nb.cells[where[_i].index].added_code);
}
END_TEST

START_TEST(changes_nothing_without_parameters)
{
	static const char *const tags[] = {"injected-parameters", "parameters"};

	read_cells(tags, 2);
	ck_assert_int_eq(parameters_inject(&nb, language("python"), &params, &problem), 0);
	ck_assert_uint_eq(nb.ncells, 2);
	ck_assert_ptr_nonnull(nb.cells[0].json.text);
}
END_TEST

START_TEST(changes_nothing_on_a_problem)
{
	static const char *const tags[] = {"injected-parameters"};

	read_cells(tags, 1);
	set("a", "{}");
	ck_assert_int_eq(parameters_inject(&nb, language("bash"), &params, &problem), -1);
	ck_assert_str_eq(problem, "parameter 'a': bash has no mappings");
	ck_assert_uint_eq(nb.ncells, 1);
	ck_assert_ptr_nonnull(nb.cells[0].json.text);
}
END_TEST

/* ---- Secrets ---- */

START_TEST(shows_no_secret)
{
	struct buf code = BUF_INIT;

	read_cells(NULL, 0);
	set("a", "1");
	set_secret("password", "\"hunt\\\"er2\"");
	ck_assert_int_eq(parameters_inject(&nb, language(".net-csharp"), &params, &problem), 0);
	ck_assert_str_eq(nb.cells[0].added_source, "// Parameters\nvar a = 1;\nvar password = \"***\";\n");
	cell_code(&nb.cells[0], &code);
	ck_assert_str_eq(code.data, "// Parameters\nvar a = 1;\nvar password = \"hunt\\\"er2\";\n");
	buf_release(&code);

	ck_assert_int_eq(parameters_source(language("bash"), &params, false, &source, &problem), 0);
	ck_assert_str_eq(source.data, "# Parameters\na=1\npassword='***'\n");
}
END_TEST

START_TEST(masks_secrets_in_both_spellings)
{
	struct mask mask = MASK_INIT;

	set("plain", "\"a\\\"b\"");
	set_secret("one", "\"hunt\\\"er2\\u00e9\"");
	set_secret("two", "\"simple\"");
	parameters_mask(language("python"), &params, &mask);
	ck_assert_uint_eq(mask.n, 3);
	ck_assert(mask_hits(&mask, "xhunt\"er2\u00e9x", 12));
	ck_assert(mask_hits(&mask, "x = \"hunt\\\"er2\\xe9\"", 19));
	ck_assert(mask_hits(&mask, "'simple'", 8));
	ck_assert(!mask_hits(&mask, "a\"b hunt", 8));
	mask_release(&mask);

	/* A word of bash has no quotes that could be taken off; without a language there is just the text. */
	parameters_mask(language("bash"), &params, &mask);
	ck_assert(mask_hits(&mask, "simple", 6));
	ck_assert(!mask_hits(&mask, "impl", 4));
	mask_release(&mask);
	parameters_mask(NULL, &params, &mask);
	ck_assert_uint_eq(mask.n, 2);
	mask_release(&mask);

	/* One that the language cannot hold is masked nevertheless. */
	params_release(&params);
	set_secret("nul", "\"a\\u0000b\"");
	parameters_mask(language("R"), &params, &mask);
	ck_assert_uint_eq(mask.n, 1);
	ck_assert(mask_hits(&mask, "a\0b", 3));
	mask_release(&mask);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("parameters");
	TCase *tcase = tcase_create("parameters");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, NULL, release);
	tcase_add_loop_test(tcase, writes_literals, 0, COUNT(literals));
	tcase_add_test(tcase, writes_powershell_maps_on_lines);
	tcase_add_loop_test(tcase, refuses, 0, COUNT(refused));
	tcase_add_test(tcase, finds_languages);
	tcase_add_test(tcase, takes_names_that_only_look_like_words);
	tcase_add_test(tcase, writes_all_of_them);
	tcase_add_loop_test(tcase, goes_where_papermill_puts_it, 0, COUNT(where));
	tcase_add_test(tcase, changes_nothing_without_parameters);
	tcase_add_test(tcase, changes_nothing_on_a_problem);
	tcase_add_test(tcase, shows_no_secret);
	tcase_add_test(tcase, masks_secrets_in_both_spellings);
	suite_add_tcase(suite, tcase);

	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
