#include <check.h>
#include <string.h>

#include "base/buf.h"
#include "report/xml.h"

static struct buf b;

static void
enter(void)
{
	buf_init(&b);
}

static void
leave(void)
{
	buf_release(&b);
}

static void
check_text(const char *text, size_t n, const char *expected)
{
	buf_reset(&b);
	xml_put(&b, text, n);
	ck_assert_str_eq(buf_str(&b), expected);
}

START_TEST(text)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{"", ""},
		{"plain", "plain"},
		{"a<b>c&d\"e'", "a&lt;b&gt;c&amp;d&quot;e'"},
		{"]]>", "]]&gt;"},
		{"one\ntwo\n", "one\ntwo\n"},
		{"one\r\ntwo", "one\ntwo"},
		{"10%\r20%\r30%\ndone", "30%\ndone"},
		{"30%\r\r\n", "30%\n"},
		{"a\001b\033[31mc\033[md\177e", "abcde"},
		{"\xff\xfe" "x", "\xef\xbf\xbd\xef\xbf\xbdx"},
		{"a\xef\xbf\xbe\xef\xbf\xbf" "b", "ab"},
		{"a\xef\xbf\xbd", "a\xef\xbf\xbd"},
		{"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"caf\xc3\xa9 \xf0\x9f\x98\x80", "caf\xc3\xa9 \xf0\x9f\x98\x80"},
		{"\n\n", "\n\n"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_text(cases[i].text, strlen(cases[i].text), cases[i].expected);
	check_text("a\0b", 3, "ab");
}
END_TEST

START_TEST(attributes)
{
	xml_attribute(&b, "message", "a \"b\"\nc");
	ck_assert_str_eq(buf_str(&b), " message=\"a &quot;b&quot;&#10;c\"");
	buf_reset(&b);
	xml_attribute(&b, "x", NULL);
	ck_assert_str_eq(buf_str(&b), " x=\"\"");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("xml");
	TCase *t = tcase_create("xml");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, enter, leave);
	tcase_add_test(t, text);
	tcase_add_test(t, attributes);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
