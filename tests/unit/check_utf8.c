#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define FFFD "\xef\xbf\xbd"

/* Every code point there and back, and every one that is none refused. */
START_TEST(all_code_points)
{
	struct buf b = BUF_INIT;

	for (uint32_t cp = 0; cp <= 0x10ffff; cp++) {
		uint32_t back = 0xffffffff;
		size_t expected = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;

		buf_reset(&b);
		utf8_put(&b, cp);
		if (b.len != expected)
			ck_abort_msg("U+%04X takes %zu bytes", cp, b.len);
		if (cp >= 0xd800 && cp < 0xe000) {
			if (utf8_decode(b.data, b.len, &back) != 0 || utf8_check(b.data, b.len) != 0)
				ck_abort_msg("U+%04X is taken", cp);
			continue;
		}
		if (utf8_decode(b.data, b.len, &back) != b.len || back != cp || utf8_check(b.data, b.len) != b.len)
			ck_abort_msg("U+%04X reads as U+%04X", cp, back);
		for (size_t n = 1; n < b.len; n++)
			if (utf8_decode(b.data, n, NULL) != 0)
				ck_abort_msg("U+%04X is taken when cut", cp);
	}
	buf_release(&b);
}
END_TEST

/* What one U+FFFD stands for: as bytes.decode(errors="replace") has it. */
static const struct {
	const char *text;
	size_t good;	/* offset of the first bad byte */
	const char *repaired;
} broken[] = {
	{"", 0, ""},
	{"all well \xc3\xa9", 11, "all well \xc3\xa9"},
	{"\xff", 0, FFFD},
	{"\x80\xbf", 0, FFFD FFFD},
	{"12345678\xfe" "9", 8, "12345678" FFFD "9"},
	{"1234567890123\xc3", 13, "1234567890123" FFFD},
	{"\xc0\x80", 0, FFFD FFFD},
	{"\xc1\xbf", 0, FFFD FFFD},
	{"\xc3(", 0, FFFD "("},
	{"\xe0\x80\x80", 0, FFFD FFFD FFFD},
	{"\xe0\x9f\xbf", 0, FFFD FFFD FFFD},
	{"\xe0\xa0", 0, FFFD},
	{"\xe4\xb8!", 0, FFFD "!"},
	{"\xe4\xe4\xb8\xad", 0, FFFD "\xe4\xb8\xad"},
	{"\xed\xa0\x80", 0, FFFD FFFD FFFD},
	{"\xed\x9f\xbf", 3, "\xed\x9f\xbf"},
	{"\xf0\x8f\xbf\xbf", 0, FFFD FFFD FFFD FFFD},
	{"\xf0\x90\x80", 0, FFFD},
	{"\xf0\x9f\x98" "a", 0, FFFD "a"},
	{"\xf0\x9f" "\xc3\xa9", 0, FFFD "\xc3\xa9"},
	{"\xf4\x8f\xbf\xbf", 4, "\xf4\x8f\xbf\xbf"},
	{"\xf4\x90\x80\x80", 0, FFFD FFFD FFFD FFFD},
	{"\xf5\x80\x80\x80", 0, FFFD FFFD FFFD FFFD},
	{"a\xc3\xa9\xc3", 3, "a\xc3\xa9" FFFD},
};

START_TEST(repairs)
{
	struct buf b = BUF_INIT;

	ck_assert_uint_eq(utf8_check(broken[_i].text, strlen(broken[_i].text)), broken[_i].good);
	utf8_put_repaired(&b, broken[_i].text, strlen(broken[_i].text));
	ck_assert_str_eq(buf_str(&b), broken[_i].repaired);
	buf_release(&b);
}
END_TEST

START_TEST(nothing_and_nul)
{
	struct buf b = BUF_INIT;

	ck_assert_uint_eq(utf8_check(NULL, 0), 0);
	ck_assert_uint_eq(utf8_run(NULL, 0), 0);
	utf8_put_repaired(&b, NULL, 0);
	ck_assert_uint_eq(utf8_put_visible(&b, NULL, 0, 10), 0);
	ck_assert_uint_eq(b.len, 0);
	utf8_put_repaired(&b, "a\0\xff", 3);
	ck_assert_uint_eq(b.len, 5);
	ck_assert_mem_eq(b.data, "a\0" FFFD, 5);
	buf_release(&b);
}
END_TEST

START_TEST(runs)
{
	ck_assert_uint_eq(utf8_run("a\xc3\xa9", 3), 0);
	ck_assert_uint_eq(utf8_run("\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80" "a\xc3\xa9", 12), 9);
	ck_assert_uint_eq(utf8_run("\xc3\xa9\xc3", 3), 2);
	ck_assert_uint_eq(utf8_run("\xc3\xa9\xed\xa0\x80", 5), 2);
	ck_assert_uint_eq(utf8_run("\xff", 1), 0);
}
END_TEST

static const struct {
	uint32_t cp;
	int columns;
} widths[] = {
	{0, 0}, {'\n', 0}, {0x1b, 0}, {0x7f, 0}, {0x9b, 0},
	{' ', 1}, {'~', 1}, {0xa0, 1}, {0xad, 1}, {0xe9, 1}, {0x2500, 1}, {0x2588, 1}, {0xfffd, 1},
	{0x300, 0}, {0x36f, 0}, {0x370, 1}, {0x5bf, 0}, {0x200b, 0}, {0x200d, 0}, {0xfe0f, 0}, {0xfeff, 0}, {0x1160, 0},
	{0xe0100, 0}, {0x20d0, 0},
	{0x1100, 2}, {0x3000, 2}, {0x3042, 2}, {0x4e2d, 2}, {0x9fff, 2}, {0xac00, 2}, {0xd7a3, 2}, {0xff01, 2}, {0xff71, 1},
	{0x1f600, 2}, {0x1f680, 2}, {0x20000, 2}, {0x3fffd, 2}, {0x231a, 2}, {0x2713, 1}, {0x1f1e6, 1}, {0x10ffff, 1},
};

START_TEST(columns)
{
	ck_assert_msg(utf8_columns(widths[_i].cp) == widths[_i].columns, "U+%04X: %d", widths[_i].cp,
	    utf8_columns(widths[_i].cp));
}
END_TEST

static const struct {
	const char *text;
	size_t columns, used;
	const char *shown;
} shows[] = {
	{"plain", 80, 5, "plain"},
	{"plain", 5, 5, "plain"},
	{"plain", 3, 3, "pla"},
	{"plain", 0, 0, ""},
	{"a\tb", 9, 3, "a b"},
	{"a\r\nb\x01\x7f\b", 9, 2, "ab"},
	{"\xc2\x9b" "31m\xc2\x85", 9, 3, "31m"},
	{"\x9b" "31m", 9, 4, FFFD "31m"},
	{"\033[1;31mred\033[0m!", 9, 4, "red!"},
	{"\033[?25l\033[2 qx\033[38:2::1:2:3my", 9, 2, "xy"},
	{"\033[31\xc3\xa9", 9, 1, "\xc3\xa9"},
	{"\033[31\nx", 9, 1, "x"},
	{"\033[31", 9, 0, ""},
	{"a\033", 9, 1, "a"},
	{"\033]0;title\ax", 9, 1, "x"},
	{"\033]8;;http://h/\033\\link\033]8;;\033\\", 9, 4, "link"},
	{"\033]0;never ended\nx", 9, 1, "x"},
	{"\033]0;never ended", 9, 0, ""},
	{"\033]0;cut\033[1mx", 9, 1, "x"},
	{"\033Pq#0\033\\x", 9, 1, "x"},
	{"\033_app\033\\\033^pm\033\\\033Xsos\033\\x", 9, 1, "x"},
	{"\033(B\0337\033Mx\033cy", 9, 2, "xy"},
	{"\033\033[1mx", 9, 1, "x"},
	{"\033\xc3\xa9", 9, 1, "\xc3\xa9"},
	{"a\xe2\x80\xae" "b\xe2\x81\xa6" "c\xe2\x81\xa9\xe2\x80\xac", 9, 3, "abc"},
	{"\xe4\xb8\xad\xe6\x96\x87", 4, 4, "\xe4\xb8\xad\xe6\x96\x87"},
	{"\xe4\xb8\xad\xe6\x96\x87", 3, 2, "\xe4\xb8\xad"},
	{"\xe4\xb8\xad" "a", 1, 0, ""},
	{"e\xcc\x81z", 1, 1, "e\xcc\x81"},	/* the accent belongs to the last column */
	{"ab\033[0mc", 2, 2, "ab"},
	{"\xff\xe4\xb8z", 9, 3, FFFD FFFD "z"},
	{"\xff\xff", 1, 1, FFFD},
};

START_TEST(shows_safely)
{
	struct buf b = BUF_INIT;

	buf_adds(&b, "<");
	ck_assert_uint_eq(utf8_put_visible(&b, shows[_i].text, strlen(shows[_i].text), shows[_i].columns), shows[_i].used);
	ck_assert_str_eq(buf_str(&b) + 1, shows[_i].shown);
	buf_release(&b);
}
END_TEST

/* Nothing that comes out can do more to a terminal than show characters. */
START_TEST(shows_no_control_characters)
{
	struct buf b = BUF_INIT;
	char text[6];
	unsigned seed = 1;

	for (int i = 0; i < 200000; i++) {
		static const char bytes[] = "\033\033[]P\\;1m\a\n\xc2\x9b\x85\xe2\x80\xae" "a";
		size_t n = sizeof(text);

		for (size_t k = 0; k < n; k++) {
			seed = seed * 1103515245 + 12345;
			text[k] = bytes[(seed >> 16) % (sizeof(bytes) - 1)];
		}
		buf_reset(&b);
		utf8_put_visible(&b, text, n, 80);
		if (utf8_check(b.data, b.len) != b.len)
			ck_abort_msg("ill-formed");
		for (size_t k = 0; k < b.len; k++) {
			unsigned char c = (unsigned char)b.data[k], next = (unsigned char)b.data[k + 1];

			if (c < 0x20 || c == 0x7f || (c == 0xc2 && next >= 0x80 && next < 0xa0))
				ck_abort_msg("control character");
		}
	}
	buf_release(&b);
}
END_TEST

START_TEST(escapes)
{
	static const struct {
		const char *text, *escaped;
	} texts[] = {
		{"a\033[31m\x7f\tb", "a\\x1b[31m\\x7f\\x09b"},
		{"\xc2\x9b\u00a0", "\\x9b\u00a0"},
		{"x\u202ey\u2028\u2066", "x\\u202ey\\u2028\\u2066"},
		{"\u2010\u202f\u2065\u3042", "\u2010\u202f\u2065\u3042"},
		{"\xe2\x80", "\xe2\x80"},
		{"\xe2", "\xe2"},
	};

	for (size_t i = 0; i < COUNT(texts); i++) {
		char shown[64], *out = shown;
		size_t n;

		for (const char *s = texts[i].text; *s != '\0'; out += n)
			s += utf8_escape(s, out, &n);
		*out = '\0';
		ck_assert_str_eq(shown, texts[i].escaped);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("utf8");
	TCase *tcase = tcase_create("utf8");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, all_code_points);
	tcase_add_loop_test(tcase, repairs, 0, COUNT(broken));
	tcase_add_test(tcase, nothing_and_nul);
	tcase_add_test(tcase, runs);
	tcase_add_loop_test(tcase, columns, 0, COUNT(widths));
	tcase_add_loop_test(tcase, shows_safely, 0, COUNT(shows));
	tcase_add_test(tcase, shows_no_control_characters);
	tcase_add_test(tcase, escapes);
	suite_add_tcase(suite, tcase);

	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
