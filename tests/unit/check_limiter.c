#include <check.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "databricks/limiter.h"

#define PLACES 4096

/* What all processes of a test write down. */
static struct {
	atomic_size_t n;
	int64_t places[PLACES];
} *shared;

static struct limiter *l;

static void
setup(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(shared, MAP_FAILED);
	l = limiter_new();
	ck_assert_ptr_nonnull(l);
}

static void
teardown(void)
{
	limiter_free(l);
	munmap(shared, sizeof(*shared));
}

static void
sleep_until(int64_t until)
{
	struct timespec ts;

	while (clock_run() < until)
		nanosleep(clock_left(until, &ts), NULL);
}

static void
write_down(int64_t place)
{
	size_t i = atomic_fetch_add(&shared->n, 1);

	ck_assert_uint_lt(i, PLACES);
	shared->places[i] = place;
}

static int
by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* The most places that lie within any second. */
static size_t
busiest_second(void)
{
	size_t most = 0, from = 0;

	qsort(shared->places, shared->n, sizeof(shared->places[0]), by_time);
	for (size_t i = 0; i < shared->n; i++) {
		while (shared->places[i] - shared->places[from] >= NSEC_PER_SEC)
			from++;
		if (i - from + 1 > most)
			most = i - from + 1;
	}
	return most;
}

/* Forks processes that take places and go by them until the time. */
static void
take_in_processes(int processes, enum endpoint e, int64_t until, pid_t *pids)
{
	for (int i = 0; i < processes; i++) {
		pids[i] = fork();
		ck_assert_int_ne(pids[i], -1);
		if (pids[i] != 0)
			continue;
		for (;;) {
			int64_t place = limiter_take(l, e), now = clock_run();

			if (place >= until || now >= until)
				_exit(0);
			sleep_until(place);
			/* One that is in the past is sent now. */
			write_down(place > now ? place : now);
		}
	}
}

static void
wait_for_all(int processes, const pid_t *pids)
{
	int status;

	for (int i = 0; i < processes; i++) {
		ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
		ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
}

/* The published limits; all endpoints have a rate and stay below. */
START_TEST(test_rates)
{
	static const double published[ENDPOINTS] = {
		[ENDPOINT_SUBMIT] = 35, [ENDPOINT_GET] = 100, [ENDPOINT_OUTPUT] = 100, [ENDPOINT_CANCEL] = 100,
		[ENDPOINT_IMPORT] = 30, [ENDPOINT_EXPORT] = 60, [ENDPOINT_OTHER] = 100,
	};

	for (int e = 0; e < ENDPOINTS; e++) {
		ck_assert_double_gt(limiter_rate(l, e), 1);
		ck_assert_double_lt(limiter_rate(l, e), published[e]);
	}
	ck_assert_double_eq(limiter_rate(l, ENDPOINT_SUBMIT), 30);
	ck_assert_double_eq(limiter_rate(l, ENDPOINT_GET), 90);
}
END_TEST

START_TEST(test_several_processes)
{
	pid_t pids[8];
	const int64_t began = clock_run();

	take_in_processes(8, ENDPOINT_GET, began + 3 * NSEC_PER_SEC, pids);
	wait_for_all(8, pids);
	ck_assert_uint_le(busiest_second(), 100);
	/* 3 s of 90, and what may be sent at once; and the speed is made use of. */
	ck_assert_uint_le(shared->n, 3 * 90 + 10);
	ck_assert_uint_ge(shared->n, 3 * 90 - 30);
}
END_TEST

/* After a pause, and without one. */
START_TEST(test_burst_is_below_the_limit)
{
	for (int e = 0; e < ENDPOINTS; e++) {
		int64_t now = clock_run();
		size_t at_once = 0, within = 0;

		for (int i = 0; i < 300; i++) {
			int64_t place = limiter_take(l, e);

			at_once += place <= now;
			within += place < now + NSEC_PER_SEC;
		}
		ck_assert_uint_ge(at_once, 1);
		ck_assert_uint_le(at_once, 11);
		/* The clock has gone on a little. */
		ck_assert_uint_le(within, (size_t)limiter_rate(l, e) + at_once + 1);
	}
}
END_TEST

START_TEST(test_order)
{
	int64_t last = limiter_take(l, ENDPOINT_SUBMIT), place;

	for (int i = 0; i < 1000; i++) {
		place = limiter_take(l, ENDPOINT_SUBMIT);
		ck_assert_int_gt(place, last);
		last = place;
	}
	/* A thousand and one of them at 30 a second, a few of which at once. */
	ck_assert_int_gt(last - clock_run(), 31 * NSEC_PER_SEC);
	ck_assert_int_lt(last - clock_run(), 34 * NSEC_PER_SEC);
}
END_TEST

/* Two endpoints do not wait for each other. */
START_TEST(test_endpoints_are_apart)
{
	for (int i = 0; i < 1000; i++)
		limiter_take(l, ENDPOINT_SUBMIT);
	ck_assert_int_le(limiter_take(l, ENDPOINT_GET), clock_run());
	limiter_throttled(l, ENDPOINT_SUBMIT, 0);
	ck_assert_double_eq(limiter_rate(l, ENDPOINT_GET), 90);
}
END_TEST

START_TEST(test_throttled_halves_once_for_many)
{
	int64_t taken, place, next;

	for (int i = 0; i < 50; i++)
		limiter_throttled(l, ENDPOINT_SUBMIT, 0);
	ck_assert_double_eq(limiter_rate(l, ENDPOINT_SUBMIT), 15);
	taken = clock_run();
	place = limiter_take(l, ENDPOINT_SUBMIT);
	next = limiter_take(l, ENDPOINT_SUBMIT);
	ck_assert_int_ge(next - place, NSEC_PER_SEC / 15 - 1000);
	ck_assert(limiter_holds(l, ENDPOINT_SUBMIT, taken, place));
}
END_TEST

/* What was promised before is void, and who takes another place does not stand behind those who have left. */
START_TEST(test_throttled_voids_places)
{
	int64_t taken = clock_run() - 1, place = 0, other;

	for (int i = 0; i < 600; i++)
		place = limiter_take(l, ENDPOINT_SUBMIT);
	ck_assert_int_gt(place - taken, 15 * NSEC_PER_SEC);
	ck_assert(limiter_holds(l, ENDPOINT_SUBMIT, taken, place));
	limiter_throttled(l, ENDPOINT_SUBMIT, 0);
	ck_assert(!limiter_holds(l, ENDPOINT_SUBMIT, taken, place));
	usleep(1000);
	taken = clock_run();
	other = limiter_take(l, ENDPOINT_SUBMIT);
	ck_assert_int_lt(other, clock_run() + NSEC_PER_SEC);
	ck_assert(limiter_holds(l, ENDPOINT_SUBMIT, taken, other));
}
END_TEST

START_TEST(test_retry_after_is_a_pause_for_all)
{
	int64_t taken = clock_run() - 1, place, now;

	place = limiter_take(l, ENDPOINT_GET);
	now = clock_run();
	limiter_throttled(l, ENDPOINT_GET, 7 * NSEC_PER_SEC);
	ck_assert(!limiter_holds(l, ENDPOINT_GET, taken, place));
	for (int i = 0; i < 20; i++)
		ck_assert_int_ge(limiter_take(l, ENDPOINT_GET), now + 7 * NSEC_PER_SEC);
	/* A shorter one does not make it shorter, a longer one makes it longer; no more than five minutes. */
	limiter_throttled(l, ENDPOINT_GET, NSEC_PER_SEC);
	ck_assert_int_ge(limiter_take(l, ENDPOINT_GET), now + 7 * NSEC_PER_SEC);
	limiter_throttled(l, ENDPOINT_GET, 10000 * NSEC_PER_SEC);
	place = limiter_take(l, ENDPOINT_GET);
	ck_assert_int_ge(place, now + 300 * NSEC_PER_SEC);
	ck_assert_int_le(place, clock_run() + 301 * NSEC_PER_SEC);
}
END_TEST

START_TEST(test_recovers_step_by_step)
{
	double half;

	limiter_throttled(l, ENDPOINT_SUBMIT, 0);
	half = limiter_rate(l, ENDPOINT_SUBMIT);
	for (int i = 0; i < 100; i++)
		limiter_passed(l, ENDPOINT_SUBMIT);
	ck_assert_double_eq(limiter_rate(l, ENDPOINT_SUBMIT), half);
	sleep_until(clock_run() + 3100 * NSEC_PER_MSEC);
	for (int i = 0; i < 100; i++)
		limiter_passed(l, ENDPOINT_SUBMIT);
	ck_assert_double_gt(limiter_rate(l, ENDPOINT_SUBMIT), half);
	ck_assert_double_lt(limiter_rate(l, ENDPOINT_SUBMIT), 30);
	/* And a 429 later than two seconds after the first one halves again. */
	half = limiter_rate(l, ENDPOINT_SUBMIT);
	limiter_throttled(l, ENDPOINT_SUBMIT, 0);
	ck_assert_double_lt(limiter_rate(l, ENDPOINT_SUBMIT), half * 0.6);
}
END_TEST

/* However much is killed at whatever instant, those who come later are served at the right speed. */
START_TEST(test_kills)
{
	pid_t pids[1], all[4];
	size_t before;

	srand(1);
	for (int i = 0; i < 300; i++) {
		pids[0] = fork();
		ck_assert_int_ne(pids[0], -1);
		if (pids[0] == 0)
			for (;;) {
				limiter_take(l, ENDPOINT_OTHER);
				limiter_throttled(l, ENDPOINT_CANCEL, 1);
				limiter_passed(l, ENDPOINT_CANCEL);
			}
		usleep((useconds_t)(rand() % 1000));
		kill(pids[0], SIGKILL);
		ck_assert_int_eq(waitpid(pids[0], NULL, 0), pids[0]);
	}
	ck_assert_double_ge(limiter_rate(l, ENDPOINT_CANCEL), 90.0 / 17);
	ck_assert_double_le(limiter_rate(l, ENDPOINT_CANCEL), 90);
	/* The killed ones have taken the places of hours to come. A 429 begins the timetable anew. */
	limiter_throttled(l, ENDPOINT_OTHER, 0);
	before = shared->n;
	take_in_processes(4, ENDPOINT_OTHER, clock_run() + 2 * NSEC_PER_SEC, all);
	wait_for_all(4, all);
	ck_assert_uint_ge(shared->n - before, 15);
	ck_assert_uint_le(shared->n - before, 21 + 5);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("limiter");
	TCase *tc = tcase_create("limiter");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_rates);
	tcase_add_test(tc, test_several_processes);
	tcase_add_test(tc, test_burst_is_below_the_limit);
	tcase_add_test(tc, test_order);
	tcase_add_test(tc, test_endpoints_are_apart);
	tcase_add_test(tc, test_throttled_halves_once_for_many);
	tcase_add_test(tc, test_throttled_voids_places);
	tcase_add_test(tc, test_retry_after_is_a_pause_for_all);
	tcase_add_test(tc, test_recovers_step_by_step);
	tcase_add_test(tc, test_kills);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
