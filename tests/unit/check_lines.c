#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/lines.h"

#define MOST 300000	/* more than is read at once */

/* Writes each line in brackets, a long one as its length. */
static void
note(void *data, const char *line, size_t n)
{
	struct buf *b = data;

	if (n > 100)
		buf_addf(b, "[%zu]", n);
	else
		buf_addf(b, "[%.*s]", (int)n, line);
}

static void
expect(int fd, off_t *at, const char *text, off_t then)
{
	struct buf b = BUF_INIT;

	ck_assert_int_eq(lines_read(fd, at, MOST, note, &b), 0);
	ck_assert_str_eq(buf_str(&b), text);
	ck_assert_int_eq(*at, then);
	buf_release(&b);
}

static int
file_of(const char *text)
{
	int fd = memfd_create("lines", MFD_CLOEXEC);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	return fd;
}

static void
add(int fd, char c, size_t n)
{
	char *text = malloc(n);

	memset(text, c, n);
	ck_assert_int_eq(write(fd, text, n), (ssize_t)n);
	free(text);
}

START_TEST(goes_on_where_it_stopped)
{
	int fd = file_of("");
	off_t at = 0;

	expect(fd, &at, "", 0);
	add(fd, 'a', 3);
	expect(fd, &at, "", 0);	/* it is not whole yet */
	ck_assert_int_eq(write(fd, "b\n\nc", 4), 4);
	expect(fd, &at, "[aaab][]", 6);
	ck_assert_int_eq(write(fd, "d\n", 2), 2);
	expect(fd, &at, "[cd]", 9);
	expect(fd, &at, "", 9);
	close(fd);
}
END_TEST

START_TEST(passes_over_what_is_too_long)
{
	int fd = file_of("one\n");
	off_t at = 0;

	add(fd, 'x', MOST);
	add(fd, '\n', 1);
	add(fd, 'y', MOST + 1);
	add(fd, '\n', 1);
	add(fd, 'z', 3 * MOST);
	ck_assert_int_eq(write(fd, "\ntwo\n", 5), 5);
	add(fd, 'w', 2 * MOST);	/* no line yet */
	expect(fd, &at, "[one][300000][two]", 4 + MOST + 1 + MOST + 2 + 3 * MOST + 5);
	ck_assert_int_eq(write(fd, "\nthree\n", 7), 7);
	expect(fd, &at, "[three]", 4 + MOST + 1 + MOST + 2 + 3 * MOST + 5 + 2 * MOST + 7);
	close(fd);
}
END_TEST

START_TEST(keeps_errors_apart_from_an_end)
{
	int p[2];
	off_t at = 0;

	ck_assert_int_eq(pipe(p), 0);
	ck_assert_int_eq(lines_read(p[0], &at, MOST, note, NULL), -1);
	ck_assert_int_eq(errno, ESPIPE);
	close(p[0]);
	close(p[1]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("lines");
	TCase *tcase = tcase_create("lines");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, goes_on_where_it_stopped);
	tcase_add_test(tcase, passes_over_what_is_too_long);
	tcase_add_test(tcase, keeps_errors_apart_from_an_end);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
