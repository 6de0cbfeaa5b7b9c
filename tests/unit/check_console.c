#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "local/console.h"

#define INTERVAL (100 * NSEC_PER_MSEC)

static FILE *file;
static struct console console;
static struct mask mask;

static void
enter(void)
{
	file = tmpfile();
	ck_assert_ptr_nonnull(file);
	mask = (struct mask)MASK_INIT;
	console_init(&console, fileno(file), &mask, INTERVAL);
}

static void
leave(void)
{
	console_release(&console);
	mask_release(&mask);
	fclose(file);
}

static void
put(enum console_source source, const char *text)
{
	console_put(&console, source, text, strlen(text));
}

static void
check_log(const char *expected)
{
	char text[4096];
	ssize_t n = pread(fileno(file), text, sizeof(text) - 1, 0);

	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	ck_assert_str_eq(text, expected);
}

/* The line that the display is shown after all this, whenever it is due. */
static void
check_line(const char *expected)
{
	struct buf line = BUF_INIT;

	ck_assert(console_line(&console, console_due(&console), &line));
	ck_assert_str_eq(buf_str(&line), expected);
	buf_release(&line);
}

START_TEST(logs_everything_in_order)
{
	put(CONSOLE_STDOUT, "one\n");
	put(CONSOLE_STDERR, "two");
	put(CONSOLE_KERNEL, "three\n");
	check_log("one\ntwothree\n");
}
END_TEST

static const struct {
	const char *pieces[4];
	const char *line;
} lines[] = {
	{{"a\n"}, "a"},
	{{"a"}, "a"},
	{{"a", "b\n"}, "ab"},
	{{"a\n", "b"}, "b"},
	{{"a\nb\n\n"}, "b"},
	{{"a\n", "\n", "\n"}, "a"},
	{{"10%\r20%"}, "20%"},
	{{"10%\r", "20%\r"}, "20%"},
	{{"a", "\n", "b"}, "b"},
	{{"\033[31mred\033[0m\tx\n"}, "red x"},
};

START_TEST(remembers_the_last_line)
{
	for (int i = 0; i < 4 && lines[_i].pieces[i] != NULL; i++)
		put(CONSOLE_STDOUT, lines[_i].pieces[i]);
	check_line(lines[_i].line);
}
END_TEST

START_TEST(shows_a_line_once_and_not_too_often)
{
	struct buf line = BUF_INIT;
	int64_t now;

	ck_assert_int_eq(console_due(&console), INT64_MAX);
	put(CONSOLE_STDOUT, "a\n");
	now = clock_run();
	ck_assert(console_line(&console, now, &line));
	ck_assert_int_eq(console_due(&console), INT64_MAX);
	ck_assert(!console_line(&console, now + INTERVAL, &line));
	put(CONSOLE_STDOUT, "b\n");
	ck_assert_int_eq(console_due(&console), now + INTERVAL);
	ck_assert(!console_line(&console, now + INTERVAL - 1, &line));
	ck_assert(console_line(&console, now + INTERVAL, &line));
	ck_assert_str_eq(buf_str(&line), "ab");
	buf_release(&line);
}
END_TEST

START_TEST(masks_secrets_in_pieces)
{
	mask_add(&mask, "s3cret", 6);
	put(CONSOLE_STDOUT, "it is s3");
	console.raw = CONSOLE_RAW_SHOW;
	put(CONSOLE_KERNEL, "s3cret too\n");
	put(CONSOLE_STDOUT, "cret, s3");
	check_log("it is *** too\n***, ");
	console_flush(&console);
	check_log("it is *** too\n***, s3");
	check_line("***, s3");
}
END_TEST

START_TEST(keeps_little_of_a_long_line)
{
	for (int i = 0; i < 100000; i++)
		put(CONSOLE_STDOUT, "0123456789");
	ck_assert_uint_lt(console.lines.len, 2000);
	ck_assert_int_eq(lseek(fileno(file), 0, SEEK_END), 1000000);
}
END_TEST

START_TEST(shows_no_half_of_a_character)
{
	struct buf line = BUF_INIT;

	put(CONSOLE_STDOUT, "x\xf0\x9f\x98");
	check_line("x");
	put(CONSOLE_STDOUT, "\x80\xe3\x81");
	check_line("x\U0001f600");
	put(CONSOLE_STDOUT, "\x82");
	check_line("x\U0001f600\u3042");
	put(CONSOLE_STDOUT, "\nfe");
	for (int i = 0; i < 1000; i++)
		put(CONSOLE_STDOUT, "\u0301");
	ck_assert(console_line(&console, console_due(&console), &line));
	ck_assert_ptr_null(strstr(buf_str(&line), "\ufffd"));
	buf_release(&line);
	put(CONSOLE_STDOUT, "\n\x80\xff.");	/* what is no character is seen to be none */
	check_line("\ufffd\ufffd.");
}
END_TEST

START_TEST(goes_on_without_a_log)
{
	console_release(&console);
	console_init(&console, -1, NULL, INTERVAL);
	put(CONSOLE_STDOUT, "a\n");
	check_line("a");
}
END_TEST

START_TEST(shows_all_lines_when_asked_to)
{
	struct buf line = BUF_INIT;

	console.all = true;
	put(CONSOLE_STDOUT, "a\nb\n10%\r20%\n\nc");
	for (const char *const *expected = (const char *const[]){"a", "b", "20%", "", NULL}; *expected != NULL; expected++) {
		ck_assert(console_line(&console, clock_run(), &line));
		ck_assert_str_eq(buf_str(&line), *expected);
		buf_reset(&line);
	}
	ck_assert(!console_line(&console, clock_run(), &line));
	console_flush(&console);
	ck_assert(console_line(&console, clock_run(), &line));
	ck_assert_str_eq(buf_str(&line), "c");
	ck_assert_int_eq(console_due(&console), INT64_MAX);
	buf_release(&line);
}
END_TEST

/* A message of very many lines: it takes neither the memory nor the time that its size would suggest. */
START_TEST(all_lines_of_a_flood)
{
	const size_t size = 8 * 1024 * 1024;
	char *flood = xmalloc(size);
	int64_t began = clock_run();
	struct console c;
	struct buf line = BUF_INIT;
	size_t shown = 0, right = 0;

	memset(flood, '\n', size);
	for (size_t i = 0; i < size; i += 2)
		flood[i] = (char)('a' + i / 2 % 26);
	console_init(&c, -1, NULL, 0);
	console_put(&c, CONSOLE_STDOUT, flood, size);
	ck_assert_uint_le(c.lines.len, 1024 * 1024);
	while (console_line(&c, 0, &line)) {
		right += line.len == 1 && line.data[0] == (char)('a' + shown % 26);
		buf_reset(&line);
		shown++;
	}
	ck_assert_uint_eq(right, shown);
	ck_assert_uint_eq(shown, 512 * 1024);
	ck_assert_int_lt(clock_run() - began, 20 * NSEC_PER_SEC);
	/* There is room again. */
	console_put(&c, CONSOLE_STDOUT, "one\nt", 5);
	console_put(&c, CONSOLE_STDOUT, "wo\n", 3);
	ck_assert(console_line(&c, 0, &line));
	ck_assert_str_eq(buf_str(&line), "one");
	buf_reset(&line);
	ck_assert(console_line(&c, 0, &line));
	ck_assert_str_eq(buf_str(&line), "two");
	ck_assert(!console_line(&c, 0, &line));
	console_flush(&c);
	ck_assert(!console_line(&c, 0, &line));
	ck_assert_int_eq(console_due(&c), INT64_MAX);
	buf_release(&line);
	console_release(&c);
	free(flood);
}
END_TEST

START_TEST(an_echo_is_not_logged_twice)
{
	struct buf words = BUF_INIT;

	put(CONSOLE_KERNEL, "starting\n");
	ck_assert_int_eq(console_due(&console), INT64_MAX);
	console_log_words(&console);
	console.raw = CONSOLE_RAW_ECHO;
	put(CONSOLE_STDOUT, "x\n");
	put(CONSOLE_KERNEL, "x\nFatal error\n");
	check_log("starting\nx\n");
	check_line("x");
	console_last_words(&console, &words);
	ck_assert_str_eq(buf_str(&words), "Fatal error");
	buf_reset(&words);
	console_log_words(&console);
	check_log("starting\nx\nx\nFatal error\n");
	console_last_words(&console, &words);
	ck_assert_str_eq(buf_str(&words), "");
	console.raw = CONSOLE_RAW_SHOW;
	put(CONSOLE_KERNEL, "shown\n");
	check_line("shown");
	buf_release(&words);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("console");
	TCase *tc = tcase_create("console");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, enter, leave);
	tcase_add_test(tc, logs_everything_in_order);
	tcase_add_loop_test(tc, remembers_the_last_line, 0, (int)(sizeof(lines) / sizeof(lines[0])));
	tcase_add_test(tc, shows_a_line_once_and_not_too_often);
	tcase_add_test(tc, masks_secrets_in_pieces);
	tcase_add_test(tc, keeps_little_of_a_long_line);
	tcase_add_test(tc, shows_no_half_of_a_character);
	tcase_add_test(tc, goes_on_without_a_log);
	tcase_add_test(tc, shows_all_lines_when_asked_to);
	tcase_add_test(tc, all_lines_of_a_flood);
	tcase_add_test(tc, an_echo_is_not_logged_twice);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
