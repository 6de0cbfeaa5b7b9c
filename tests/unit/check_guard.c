#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/guard.h"
#include "base/json.h"

/* Each in a process of its own: the environment is looked at once. */
static void
check_lines(const char *text, enum guard_form form, const char *expected)
{
	struct buf b = BUF_INIT;

	buf_adds(&b, text);
	guard_lines(&b, form);
	ck_assert_str_eq(buf_str(&b), expected);
	buf_release(&b);
}

START_TEST(text)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{"", ""},
		{"plain # ## [x] a::b\n", "plain # ## [x] a::b\n"},
		{"a ##[error]x", "a # #[error]x"},
		{"###[x]", "## #[x]"},
		{"##vso[task.setvariable]", "# #vso[task.setvariable]"},
		{"##[a]##[b]", "# #[a]# #[b]"},
		{"::error::x\n", "\\::error::x\n"},
		{"a\n \t::add-mask::x", "a\n \t\\::add-mask::x"},
		{"a\r::x", "a\r\\::x"},
		{"\xc2\xa0\xe3\x80\x80::x", "\xc2\xa0\xe3\x80\x80\\::x"},
		{"\xff::x", "\xff::x"},
		{":a::", ":a::"},
	};

	setenv("GITHUB_ACTIONS", "true", 1);
	ck_assert(guard_wanted());
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_lines(cases[i].text, GUARD_TEXT, cases[i].expected);
}
END_TEST

START_TEST(documents)
{
	struct buf b = BUF_INIT;
	struct json v;

	setenv("TF_BUILD", "True", 1);
	check_lines("<a>##[x]\n::y</a>", GUARD_XML, "<a>&#35;#[x]\n&#58;:y</a>");
	buf_adds(&b, "{\"a\": \"##[error]::x\"}\n");
	guard_lines(&b, GUARD_JSON);
	ck_assert_ptr_null(strstr(b.data, "##["));
	ck_assert_int_eq(json_parse(b.data, b.len, &v, NULL), 0);
	ck_assert(json_is(json_get(v, "a"), "##[error]::x"));
	buf_release(&b);
}
END_TEST

START_TEST(not_wanted)
{
	unsetenv("TF_BUILD");
	unsetenv("TEAMCITY_VERSION");
	setenv("GITHUB_ACTIONS", "false", 1);
	ck_assert(!guard_wanted());
	check_lines("##[x]\n::y", GUARD_TEXT, "##[x]\n::y");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("guard");
	TCase *t = tcase_create("guard");
	SRunner *r = srunner_create(s);
	int failed;

	srunner_set_fork_status(r, CK_FORK);
	tcase_add_test(t, text);
	tcase_add_test(t, documents);
	tcase_add_test(t, not_wanted);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
