#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

START_TEST(starts_empty)
{
	struct buf b = BUF_INIT;
	char *s;

	ck_assert_ptr_null(b.data);
	ck_assert_str_eq(buf_str(&b), "");
	buf_add(&b, NULL, 0);
	buf_fill(&b, 'x', 0);
	buf_truncate(&b, 0);
	buf_truncate(&b, 5);
	buf_drop(&b, 5);
	buf_reset(&b);
	ck_assert_uint_eq(b.len, 0);
	ck_assert_str_eq(buf_str(&b), "");
	s = buf_steal(&b);
	ck_assert_str_eq(s, "");
	free(s);
	buf_release(&b);
	buf_release(&b);
}
END_TEST

START_TEST(adds)
{
	struct buf b = BUF_INIT;

	buf_adds(&b, "one");
	buf_addc(&b, ' ');
	buf_add(&b, "two!", 3);
	buf_fill(&b, '-', 3);
	buf_addf(&b, "%d%s", 42, "");
	buf_adds(&b, "");
	ck_assert_str_eq(buf_str(&b), "one two---42");
	ck_assert_uint_eq(b.len, 12);

	/* NUL bytes are bytes; the one at the end is not counted. */
	buf_reset(&b);
	buf_add(&b, "a\0b", 3);
	buf_addc(&b, '\0');
	ck_assert_uint_eq(b.len, 4);
	ck_assert_mem_eq(b.data, "a\0b\0\0", 5);
	buf_release(&b);
	ck_assert_ptr_null(b.data);
	ck_assert_uint_eq(b.cap, 0);
}
END_TEST

/* Every length up to well over the first sizes, by every way of adding: nothing lost, always ended. */
START_TEST(grows)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < 5000; i++) {
		const char *digit = &"0123456789"[i % 10];

		switch (i % 4) {
		case 0:
			buf_addc(&b, *digit);
			break;
		case 1:
			buf_add(&b, digit, 1);
			break;
		case 2:
			buf_addf(&b, "%c", *digit);
			break;
		case 3:
			buf_fill(&b, *digit, 1);
			break;
		}
		ck_assert_uint_eq(b.len, i + 1);
		ck_assert_uint_gt(b.cap, b.len);
		ck_assert_int_eq(b.data[b.len], '\0');
	}
	for (size_t i = 0; i < 5000; i++)
		ck_assert_int_eq(b.data[i], "0123456789"[i % 10]);
	ck_assert_uint_le(b.cap, 2 * b.len);
	buf_release(&b);
}
END_TEST

START_TEST(formats_long_text)
{
	struct buf b = BUF_INIT;

	buf_adds(&b, "<");
	buf_addf(&b, "%*d|%s", 3000, 7, "end");
	ck_assert_uint_eq(b.len, 1 + 3000 + 4);
	ck_assert_str_eq(b.data + 1 + 2999, "7|end");
	ck_assert_uint_eq(strspn(b.data + 1, " "), 2999);
	buf_release(&b);
}
END_TEST

START_TEST(room)
{
	struct buf b = BUF_INIT;
	char *p;

	buf_room(&b, 0);
	ck_assert_str_eq(buf_str(&b), "");
	buf_adds(&b, "ab");
	p = buf_room(&b, 1000);
	ck_assert_ptr_eq(p, b.data + 2);
	ck_assert_uint_gt(b.cap, 1002);
	ck_assert_str_eq(b.data, "ab");
	memset(p, 'c', 1000);
	b.len += 1000;
	buf_adds(&b, "d");
	ck_assert_uint_eq(b.len, 1003);
	ck_assert_int_eq(b.data[1001], 'c');
	ck_assert_int_eq(b.data[1002], 'd');

	/* Just what is asked for, where that is more than growth would give. */
	buf_release(&b);
	buf_room(&b, 100000);
	ck_assert_uint_eq(b.cap, 100001);
	buf_release(&b);
}
END_TEST

START_TEST(too_much_room)
{
	struct buf b = BUF_INIT;

	buf_adds(&b, "x");
	buf_room(&b, SIZE_MAX - 1);
}
END_TEST

START_TEST(cuts)
{
	struct buf b = BUF_INIT;
	size_t cap;

	buf_adds(&b, "0123456789");
	cap = b.cap;
	buf_truncate(&b, 20);
	ck_assert_uint_eq(b.len, 10);
	buf_truncate(&b, 8);
	ck_assert_str_eq(b.data, "01234567");
	buf_drop(&b, 0);
	buf_drop(&b, 3);
	ck_assert_str_eq(b.data, "34567");
	ck_assert_uint_eq(b.len, 5);
	buf_adds(&b, "x");
	ck_assert_str_eq(b.data, "34567x");
	buf_drop(&b, 100);
	ck_assert_uint_eq(b.len, 0);
	ck_assert_str_eq(b.data, "");
	buf_adds(&b, "y");
	buf_reset(&b);
	ck_assert_str_eq(b.data, "");
	ck_assert_uint_eq(b.cap, cap);
	buf_release(&b);
}
END_TEST

START_TEST(steals)
{
	struct buf b = BUF_INIT;
	char *s;

	buf_adds(&b, "mine");
	s = buf_steal(&b);
	ck_assert_str_eq(s, "mine");
	ck_assert_ptr_null(b.data);
	ck_assert_uint_eq(b.len, 0);
	buf_adds(&b, "other");
	ck_assert_str_eq(s, "mine");
	free(s);
	buf_release(&b);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("buf");
	TCase *tcase = tcase_create("buf");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, starts_empty);
	tcase_add_test(tcase, adds);
	tcase_add_test(tcase, grows);
	tcase_add_test(tcase, formats_long_text);
	tcase_add_test(tcase, room);
	tcase_add_exit_test(tcase, too_much_room, 3);
	tcase_add_test(tcase, cuts);
	tcase_add_test(tcase, steals);
	suite_add_tcase(suite, tcase);

	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
