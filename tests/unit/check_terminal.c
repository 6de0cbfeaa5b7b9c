#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "notebook/terminal.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct pair {
	const char *text, *shown;
};

static struct terminal t = TERMINAL_INIT;
static struct buf shown = BUF_INIT;

static void
release(void)
{
	terminal_release(&t);
	buf_release(&shown);
}

static void
put(const char *s)
{
	terminal_put(&t, s, strlen(s));
}

static const char *
show(void)
{
	buf_reset(&shown);
	terminal_text(&t, &shown);
	return buf_str(&shown);
}

static const struct pair pairs[] = {
	/* What moves nothing stays to the byte. */
	{"", ""},
	{"plain", "plain"},
	{"a\nb\n", "a\nb\n"},
	{"\n\n", "\n\n"},
	{"a\r\nb\r\n", "a\r\nb\r\n"},
	{"a\r", "a\r"},
	{"\r", "\r"},
	{"a\nb\r", "a\nb\r"},
	{"a\tb\a\v\f\033[1mc\033[", "a\tb\a\v\f\033[1mc\033["},
	{"\xe2\x82", "\xe2\x82"},
	{"\xff\r\n", "\xff\r\n"},
	{"\xcc\x81x\r", "\xcc\x81x\r"},
	/* Carriage returns. */
	{"abc\rX", "Xbc"},
	{"abc\rXY\n", "XYc\n"},
	{"10%\r20%\r100%\n", "100%\n"},
	{"abc\r\rX", "Xbc"},
	{"abc\r\r\n", "abc\r\n"},
	{"abc\rX\r\n", "Xbc\r\n"},
	{"abc\rX\r", "Xbc\r"},
	{"one\ntwo\rT\nthree\r", "one\nTwo\nthree\r"},
	{"\rabc", "abc"},
	{"a\rb\rc\nd\re\nf", "c\ne\nf"},
	{"longer line\rshort\n", "shortr line\n"},
	/* Backspaces. */
	{"abc\bX", "abX"},
	{"abc\b\b\bXYZW", "XYZW"},
	{"\b\b\bX", "X"},
	{"a\n\bX", "a\nX"},
	{"abc\b", "abc"},
	{"abc\b\n", "abc\n"},
	{"abc\b\r\n", "abc\r\n"},
	{"|\b/\b-\b\\\bx", "x"},
	{"abc\rX\bY", "Ybc"},
	/* Tabs take a column. */
	{"a\tb\rxyz", "xyz"},
	{"abc\r\tX", "\tXc"},
	/* Wide characters: 世 is two columns. */
	{"世界\rab", "ab界"},
	{"世界\ra", "a 界"},
	{"世界\b\bab", "世ab"},
	{"世界\ba", "世 a"},
	{"世界\b\b\ba", " a界"},
	{"abcd\r世", "世cd"},
	{"a世\r界", "界 "},
	{"世世\b\b\b界", " 界 "},
	{"a\b世", "世"},
	/* Combining characters join what is before the cursor. */
	{"e\xcc\x81\rx", "x"},
	{"abc\rx\xcc\x81", "x\xcc\x81" "bc"},
	{"ab\b\xcc\x81", "a\xcc\x81" "b"},
	{"世\b\b界\xcc\x81", "界\xcc\x81"},
	{"ab\r\xcc\x81x", "xb"},
	{"a\033[0m\xcc\x81\rx\n", "x\n"},
	/* Escape sequences take no column and go with the character behind them. */
	{"\033[31mred\033[0m\rX", "\033[0mXed"},
	{"abc\r\033[32mX\033[0m\n", "\033[32mXbc\033[0m\n"},
	{"\033[32m50%\033[0m\r\033[32m60%\033[0m", "\033[0m\033[32m60%\033[0m"},
	{"ab\033[1mc\rxy", "xy\033[1mc"},
	{"ab\033]0;title\ac\rxy", "xy\033]0;title\ac"},
	{"ab\033]8;;http://x\033\\c\rxy", "xy\033]8;;http://x\033\\c"},
	{"ab\033Mc\rxy", "xy\033Mc"},
	{"ab\033(Bc\rxy", "xy\033(Bc"},
	{"ab\033[?25lc\rxy", "xy\033[?25lc"},
	{"ab\ac\rxy", "xy\ac"},
	{"ab\177c\rxy", "xy\177c"},
	{"abcdef\b\033[1mX", "abcde\033[1mX"},
	/* A sequence that something else cuts off means nothing. */
	{"ab\033[3\rxyz", "xyz"},
	{"ab\033[3\b1m", "a1m"},
	{"ab\033]0;title\rx\n", "xb\n"},
	/* What is no UTF-8. */
	{"a\xffz\rx", "x\xef\xbf\xbdz"},
	{"a\xe2\x82z\rx", "x\xef\xbf\xbd\xef\xbf\xbdz"},
	{"a\xed\xa0\x80z\rx", "x\xed\xa0\x80z"},
	{"ab\rx\xe2\x82", "xb\xe2\x82"},
};

START_TEST(shows)
{
	put(pairs[_i].text);
	ck_assert_str_eq(show(), pairs[_i].shown);
}
END_TEST

/* Cut in two at every place, and in single bytes; what is shown in between does not matter. */
START_TEST(shows_the_same_in_pieces)
{
	const char *text = pairs[_i].text;
	size_t n = strlen(text);

	for (size_t cut = 0; cut <= n; cut++) {
		terminal_put(&t, text, cut);
		show();
		terminal_put(&t, text + cut, n - cut);
		ck_assert_str_eq(show(), pairs[_i].shown);
		terminal_release(&t);
	}
	for (size_t i = 0; i < n; i++) {
		terminal_put(&t, text + i, 1);
		show();
	}
	ck_assert_str_eq(show(), pairs[_i].shown);
}
END_TEST

START_TEST(takes_nothing)
{
	terminal_put(&t, NULL, 0);
	ck_assert_str_eq(show(), "");
	put("a\r");
	terminal_put(&t, "", 0);
	ck_assert_str_eq(show(), "a\r");
	terminal_release(&t);
	terminal_release(&t);
	ck_assert_str_eq(show(), "");
}
END_TEST

START_TEST(takes_nul)
{
	terminal_put(&t, "a\0b\rx", 5);
	buf_reset(&shown);
	terminal_text(&t, &shown);
	ck_assert_uint_eq(shown.len, 3);
	ck_assert_mem_eq(shown.data, "x\0b", 3);
}
END_TEST

START_TEST(shows_as_it_goes)
{
	put("10%");
	ck_assert_str_eq(show(), "10%");
	put("\r");
	ck_assert_str_eq(show(), "10%\r");
	put("2");
	ck_assert_str_eq(show(), "20%");
	put("0%\b");
	ck_assert_str_eq(show(), "20%");
	put(" ");
	ck_assert_str_eq(show(), "20 ");
	put("\n");
	ck_assert_str_eq(show(), "20 \n");
	put("\r");
	ck_assert_str_eq(show(), "20 \n\r");
	put("\n");
	ck_assert_str_eq(show(), "20 \n\r\n");
}
END_TEST

/* What is held is applied now and then; wherever the cursor is at that moment, nothing changes. */
START_TEST(applies_what_is_held)
{
	static const char *const turns[] = {
		"\rprogress", "\rprogress\033[0m", "abc\b\b", "\r\033[31m世界\b", "x\r", "\r\314\201ab\033[", "\r\b\t\b",
		"\rab\xe2", "\x82\xac",
	};
	struct buf all = BUF_INIT;
	struct terminal once = TERMINAL_INIT;
	struct buf want = BUF_INIT;
	unsigned seed = (unsigned)_i;

	for (int i = 0; i < 6000; i++) {
		const char *turn;

		seed = seed * 1103515245 + 12345;
		turn = turns[(seed >> 16) % COUNT(turns)];
		buf_adds(&all, turn);
		put(turn);
	}
	terminal_put(&once, all.data, all.len);
	terminal_text(&once, &want);
	ck_assert_str_eq(show(), buf_str(&want));
	put("\n");
	terminal_put(&once, "\n", 1);
	buf_reset(&want);
	terminal_text(&once, &want);
	ck_assert_str_eq(show(), buf_str(&want));
	ck_assert_uint_lt(t.text.len, 100);
	buf_release(&want);
	buf_release(&all);
	terminal_release(&once);
}
END_TEST

START_TEST(holds_little)
{
	char turn[64];

	for (int i = 0; i < 100000; i++) {
		snprintf(turn, sizeof(turn), "\rprogress %d of 100000", i);
		put(turn);
		ck_assert_uint_lt(t.held.len, 16384);
		ck_assert_uint_lt(t.text.len, 1024);
	}
	ck_assert_str_eq(show(), "progress 99999 of 100000");
}
END_TEST

static double
seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Each of these would take minutes if a turn cost as much as all that is there. */
START_TEST(is_not_quadratic)
{
	static const struct {
		size_t line;	/* bytes of the last line before the turns */
		const char *turn;
		int turns, per_put;
		const char *end;	/* of what is shown */
	} heavy[] = {
		{4000000, "\rab", 50000, 1, "yyy"},
		{4000000, "\bz", 50000, 1, "yyz"},
		{10, "a\rb\n", 500000, 500000, "b\n"},
		{10, "\r\n", 500000, 1000, "\r\n"},
		{10, "|\b/\b", 200000, 1, "/"},
		{3, "\r\033[0m", 300000, 1, "\033[0m"},
		{3, "\b\xcc\x81x", 300000, 10, "x"},
	};
	struct buf turns = BUF_INIT;
	double start = seconds();

	buf_fill(&turns, 'y', heavy[_i].line);
	terminal_put(&t, turns.data, turns.len);
	buf_reset(&turns);
	for (int i = 0; i < heavy[_i].per_put; i++)
		buf_adds(&turns, heavy[_i].turn);
	for (int i = 0; i < heavy[_i].turns; i += heavy[_i].per_put)
		terminal_put(&t, turns.data, turns.len);
	show();
	ck_assert_uint_gt(shown.len, strlen(heavy[_i].end));
	ck_assert_str_eq(shown.data + shown.len - strlen(heavy[_i].end), heavy[_i].end);
	ck_assert_msg(seconds() - start < 20, "took %g seconds", seconds() - start);
	buf_release(&turns);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("terminal");
	TCase *tcase = tcase_create("terminal");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, NULL, release);
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, shows, 0, COUNT(pairs));
	tcase_add_loop_test(tcase, shows_the_same_in_pieces, 0, COUNT(pairs));
	tcase_add_test(tcase, takes_nothing);
	tcase_add_test(tcase, takes_nul);
	tcase_add_test(tcase, shows_as_it_goes);
	tcase_add_loop_test(tcase, applies_what_is_held, 0, 8);
	tcase_add_test(tcase, holds_little);
	tcase_add_loop_test(tcase, is_not_quadratic, 0, 7);
	suite_add_tcase(suite, tcase);

	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
