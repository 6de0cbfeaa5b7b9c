#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

static void
nap(int64_t ms)
{
	const struct timespec ts = {ms / 1000, (ms % 1000) * NSEC_PER_MSEC};

	nanosleep(&ts, NULL);
}

START_TEST(runs)
{
	int64_t start = clock_run(), later;

	nap(20);
	later = clock_run();
	ck_assert_int_ge(later - start, 20 * NSEC_PER_MSEC);
	ck_assert_int_lt(later - start, 20 * NSEC_PER_SEC);
}
END_TEST

/* What is between suspend and resume does not count; what is outside does. */
START_TEST(suspends)
{
	struct timespec a, b;
	int64_t start, lost, passed;

	if (_i == 1)
		ck_assert_int_eq(clock_share(), 0);
	for (int round = 1; round <= 2; round++) {
		clock_gettime(CLOCK_MONOTONIC, &a);
		start = clock_run();
		clock_suspend();
		nap(100);
		clock_resume();
		passed = clock_run() - start;
		clock_gettime(CLOCK_MONOTONIC, &b);
		lost = (b.tv_sec - a.tv_sec) * NSEC_PER_SEC + b.tv_nsec - a.tv_nsec - passed;
		ck_assert_int_ge(passed, 0);
		ck_assert_int_ge(lost, 100 * NSEC_PER_MSEC);
	}
}
END_TEST

/* A suspension before the clock is shared is kept, and one after it shows in a child that was there before. */
START_TEST(is_shared)
{
	struct timespec ts;
	int64_t lost_here, lost_there = 0;
	int to_child[2], to_parent[2], status;
	char c = 0;
	pid_t child;

	clock_suspend();
	nap(30);
	clock_resume();
	ck_assert_int_eq(clock_share(), 0);
	ck_assert_int_eq(pipe(to_child), 0);
	ck_assert_int_eq(pipe(to_parent), 0);
	child = fork();
	ck_assert_int_ne(child, -1);
	if (child == 0) {
		if (read(to_child[0], &c, 1) != 1)
			_exit(1);
		clock_gettime(CLOCK_MONOTONIC, &ts);
		lost_there = ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec - clock_run();
		_exit(write(to_parent[1], &lost_there, sizeof(lost_there)) != sizeof(lost_there));
	}
	clock_suspend();
	nap(50);
	clock_resume();
	ck_assert_int_eq(write(to_child[1], &c, 1), 1);
	ck_assert_int_eq(read(to_parent[0], &lost_there, sizeof(lost_there)), sizeof(lost_there));
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	clock_gettime(CLOCK_MONOTONIC, &ts);
	lost_here = ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec - clock_run();
	ck_assert_int_ge(lost_here, 79 * NSEC_PER_MSEC);
	/* Each is too small by the time between its two readings, no more. */
	ck_assert_int_ge(lost_there, 79 * NSEC_PER_MSEC);
}
END_TEST

START_TEST(from_seconds)
{
	ck_assert_int_eq(clock_from_seconds(0), 0);
	ck_assert_int_eq(clock_from_seconds(1.5), 1500 * NSEC_PER_MSEC);
	ck_assert_int_eq(clock_from_seconds(-0.25), -250 * NSEC_PER_MSEC);
	ck_assert_int_eq(clock_from_seconds(1e-9), 1);
	/* What does not fit is cut, and leaves room for a deadline in the future that still is one. */
	ck_assert_int_gt(clock_from_seconds(1e300), 8 * INT64_C(1000000000) * NSEC_PER_SEC);
	ck_assert_int_eq(clock_from_seconds(INFINITY), clock_from_seconds(1e300));
	ck_assert_int_eq(clock_from_seconds(-INFINITY), -clock_from_seconds(1e300));
	ck_assert_int_lt(clock_from_seconds(INFINITY), INT64_MAX - clock_run());
}
END_TEST

START_TEST(left)
{
	struct timespec ts = {7, 7};
	const struct timespec *t;

	ck_assert_ptr_null(clock_left(INT64_MAX, &ts));
	t = clock_left(clock_run() + 3600 * NSEC_PER_SEC + NSEC_PER_SEC / 2, &ts);
	ck_assert_ptr_eq(t, &ts);
	ck_assert_int_ge(ts.tv_sec, 3590);
	ck_assert_int_le(ts.tv_sec, 3600);
	ck_assert_int_ge(ts.tv_nsec, 0);
	ck_assert_int_lt(ts.tv_nsec, NSEC_PER_SEC);
	t = clock_left(clock_run() - 1, &ts);
	ck_assert_int_eq(t->tv_sec, 0);
	ck_assert_int_eq(t->tv_nsec, 0);
	t = clock_left(INT64_MIN / 2, &ts);
	ck_assert_int_eq(t->tv_sec, 0);
	ck_assert_int_eq(t->tv_nsec, 0);
}
END_TEST

START_TEST(wall)
{
	time_t before = time(NULL);
	int64_t now = clock_wall();
	time_t after = time(NULL);

	/* time() may lag by a tick. */
	ck_assert_int_ge(now / 1000000 + 1, before);
	ck_assert_int_le(now / 1000000, after + 1);
}
END_TEST

static const struct {
	int64_t wall;
	int digits;
	const char *text;
} texts[] = {
	{INT64_C(0), 3, "1970-01-01T00:00:00.000Z"},
	{INT64_C(1795335300123456), 3, "2026-11-22T08:15:00.123Z"},
	{INT64_C(1795335300123456), 6, "2026-11-22T08:15:00.123456Z"},
	{INT64_C(1795335300123456), 0, "20261122T081500Z"},
	{INT64_C(1795335300000999), 3, "2026-11-22T08:15:00.000Z"},
	{INT64_C(1795335300001000), 3, "2026-11-22T08:15:00.001Z"},
	{INT64_C(1795335300000999), 6, "2026-11-22T08:15:00.000999Z"},
	{INT64_C(1795335300000999), 9, "2026-11-22T08:15:00.000999000Z"},
	{INT64_C(1709164799999999), 3, "2024-02-28T23:59:59.999Z"},
	{INT64_C(1709164800000000), 0, "20240229T000000Z"},
	{INT64_C(253402300799999999), 6, "9999-12-31T23:59:59.999999Z"},
};

/* The time zone has no part in it. */
START_TEST(text)
{
	char space[CLOCK_TEXT];

	setenv("TZ", "Asia/Kolkata", 1);
	tzset();
	ck_assert_ptr_eq(clock_text(space, texts[_i].wall, texts[_i].digits), space);
	ck_assert_str_eq(space, texts[_i].text);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("clock");
	TCase *tcase = tcase_create("clock");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, runs);
	tcase_add_loop_test(tcase, suspends, 0, 2);
	tcase_add_test(tcase, is_shared);
	tcase_add_test(tcase, from_seconds);
	tcase_add_test(tcase, left);
	tcase_add_test(tcase, wall);
	tcase_add_loop_test(tcase, text, 0, (int)(sizeof(texts) / sizeof(texts[0])));
	suite_add_tcase(suite, tcase);

	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
