#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "schedule.h"
#include "workflow/model.h"

#define SECOND INT64_C(1000000000)

/* PCG (O'Neill, 2014), small: the same numbers everywhere. */
static uint32_t
random_of(uint64_t *state)
{
	const uint64_t old = *state;
	const uint32_t x = (uint32_t)(((old >> 18) ^ old) >> 27), by = (uint32_t)(old >> 59);

	*state = old * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return x >> by | x << (-by & 31);
}

static uint32_t
below(uint64_t *state, uint32_t n)
{
	return random_of(state) % n;
}

/* Between 0 and 1, and neither. */
static double
fraction(uint64_t *state)
{
	return (random_of(state) + 0.5) / 4294967296.0;
}

static void
make(struct workflow *w, size_t ntasks, enum order order)
{
	workflow_init(w);
	w->order = order;
	w->tasks = xcalloc(ntasks, sizeof(*w->tasks));
	w->ntasks = ntasks;
	for (size_t i = 0; i < ntasks; i++)
		w->tasks[i].pool = NO_POOL;
}

static void
make_pools(struct workflow *w, size_t n, unsigned most)
{
	w->pools = xcalloc(n, sizeof(*w->pools));
	w->npools = n;
	for (size_t i = 0; i < n; i++)
		w->pools[i].most = most;
}

static void
depend(struct workflow *w, size_t task, size_t on)
{
	struct task *t = &w->tasks[task];

	t->depends_on = xreallocarray(t->depends_on, t->ndepends_on + 1, sizeof(*t->depends_on));
	t->depends_on[t->ndepends_on++] = on;
}

static size_t
next(struct schedule *s, int64_t now)
{
	const bool has = schedule_has_next(s, now);
	int64_t again;
	size_t task = schedule_next(s, now, &again);

	ck_assert(has == (task != SCHEDULE_NONE));
	ck_assert_int_gt(again, now);
	return task;
}

/* Hands everything out that there is, and expects it in that order. */
static void
expect_order(const struct workflow *w, const double *seconds, const bool *first, const size_t *order, size_t n)
{
	struct schedule *s = schedule_new(w, seconds, first);

	for (size_t i = 0; i < n; i++)
		ck_assert_uint_eq(next(s, 0), order[i]);
	ck_assert_uint_eq(next(s, 0), SCHEDULE_NONE);
	schedule_free(s);
}

/*
 * A simulated clock: as many machines as that, each of which takes the next task as soon as it is free. Returns when
 * the last of them is done. Estimates and true durations are the same.
 */
static double
simulate(const struct workflow *w, const double *seconds, size_t machines)
{
	struct schedule *s = schedule_new(w, seconds, NULL);
	size_t *tasks = xcalloc(machines, sizeof(*tasks));
	int64_t *ends = xcalloc(machines, sizeof(*ends));
	size_t n = 0, done = 0;
	int64_t now = 0;

	while (done < w->ntasks) {
		size_t soonest = 0, task;

		while (n < machines && (task = next(s, now)) != SCHEDULE_NONE) {
			tasks[n] = task;
			ends[n++] = now + llround(seconds[task] * (double)SECOND);
		}
		ck_assert_uint_ne(n, 0);
		for (size_t i = 1; i < n; i++) {
			if (ends[i] < ends[soonest])
				soonest = i;
		}
		now = ends[soonest];
		task = tasks[soonest];
		n--;
		tasks[soonest] = tasks[n];
		ends[soonest] = ends[n];
		schedule_finished(s, task, SCHEDULE_SUCCEEDED);
		done++;
	}
	ck_assert(!schedule_has_next(s, INT64_MAX));
	free(ends);
	free(tasks);
	schedule_free(s);
	return (double)now / (double)SECOND;
}

/* What no schedule of tasks without dependencies can be better than. */
static double
lower_bound(const double *seconds, size_t n, size_t machines)
{
	double sum = 0, longest = 0;

	for (size_t i = 0; i < n; i++) {
		sum += seconds[i];
		longest = fmax(longest, seconds[i]);
	}
	return fmax(sum / (double)machines, longest);
}

/* The makespan in the given order, in terms of the lower bound. */
static double
ratio(struct workflow *w, enum order order, const double *seconds, size_t machines)
{
	w->order = order;
	return simulate(w, seconds, machines) / lower_bound(seconds, w->ntasks, machines);
}

START_TEST(test_nothing)
{
	struct workflow w;
	struct schedule *s;
	enum schedule_end end;
	int64_t again = 0;

	make(&w, 0, ORDER_LONGEST_FIRST);
	s = schedule_new(&w, NULL, NULL);
	ck_assert_uint_eq(schedule_next(s, 0, &again), SCHEDULE_NONE);
	ck_assert_int_eq(again, INT64_MAX);
	ck_assert(!schedule_has_next(s, INT64_MAX));
	ck_assert_uint_eq(schedule_ready(s), SCHEDULE_NONE);
	ck_assert_uint_eq(schedule_dropped(s, &end), SCHEDULE_NONE);
	schedule_free(s);
	schedule_free(NULL);
	workflow_release(&w);
}
END_TEST

START_TEST(test_orders)
{
	const double seconds[] = {2, -1, 5, NAN, 0, 5, 1};
	const bool first[] = {false, false, false, true, false, false, false};
	struct workflow w;

	make(&w, 7, ORDER_AS_WRITTEN);
	expect_order(&w, seconds, NULL, (const size_t[]){0, 1, 2, 3, 4, 5, 6}, 7);
	w.order = ORDER_SMALLEST_FIRST;
	expect_order(&w, seconds, NULL, (const size_t[]){4, 6, 0, 2, 5, 1, 3}, 7);
	expect_order(&w, seconds, first, (const size_t[]){3, 4, 6, 0, 2, 5, 1}, 7);
	expect_order(&w, NULL, NULL, (const size_t[]){0, 1, 2, 3, 4, 5, 6}, 7);
	w.order = ORDER_LONGEST_FIRST;
	expect_order(&w, seconds, NULL, (const size_t[]){2, 5, 0, 6, 4, 1, 3}, 7);
	expect_order(&w, NULL, NULL, (const size_t[]){0, 1, 2, 3, 4, 5, 6}, 7);
	w.tasks[1].priority = 1;	/* above all, though nothing is known of it */
	w.tasks[5].priority = -1;
	w.tasks[6].priority = 1;
	expect_order(&w, seconds, first, (const size_t[]){6, 1, 3, 2, 0, 4, 5}, 7);
	w.order = ORDER_AS_WRITTEN;
	expect_order(&w, seconds, first, (const size_t[]){1, 6, 3, 0, 2, 4, 5}, 7);
	workflow_release(&w);
}
END_TEST

/* Not the time of a task alone counts, but that of the longest way from it to the end; unknown parts count as 0. */
START_TEST(test_longest_way)
{
	/* 0 -> 1 -> 2, 0 -> 3; 4 -> 5; 6; 7 -> 8 */
	const double seconds[] = {1, -1, 7, 3, -1, 9, 8.5, -1, -1};
	struct workflow w;

	make(&w, 9, ORDER_LONGEST_FIRST);
	depend(&w, 1, 0);
	depend(&w, 2, 1);
	depend(&w, 3, 0);
	depend(&w, 5, 4);
	depend(&w, 8, 7);
	expect_order(&w, seconds, NULL, (const size_t[]){4, 6, 0, 7}, 4);
	w.tasks[7].priority = 1;
	expect_order(&w, seconds, NULL, (const size_t[]){7, 4, 6, 0}, 4);
	workflow_release(&w);
}
END_TEST

/* One long one among many short ones, in the worst place. */
START_TEST(test_one_long)
{
	double seconds[201];
	struct workflow w;

	make(&w, 201, ORDER_AS_WRITTEN);
	for (size_t i = 0; i < 200; i++)
		seconds[i] = 1;
	seconds[200] = 100;
	for (size_t m = 2; m <= 16; m++) {
		ck_assert_double_le(ratio(&w, ORDER_LONGEST_FIRST, seconds, m), 1.05);
		ck_assert_double_gt(ratio(&w, ORDER_AS_WRITTEN, seconds, m), 1.05);
		ck_assert_double_gt(ratio(&w, ORDER_SMALLEST_FIRST, seconds, m), 1.05);
	}
	workflow_release(&w);
}
END_TEST

enum distribution {
	PARETO,
	ZIPF,
	LOGNORMAL,
	NDISTRIBUTIONS,
};

static void
draw(enum distribution d, double *seconds, size_t n, uint64_t *state)
{
	for (size_t i = 0; i < n; i++) {
		const double u = fraction(state), v = fraction(state);

		if (d == PARETO)
			seconds[i] = pow(u, -1 / 1.2);
		else if (d == ZIPF)
			seconds[i] = 600.0 / (double)(i + 1);
		else
			seconds[i] = exp(2 + 1.5 * sqrt(-2 * log(u)) * cos(2 * M_PI * v));
	}
	for (size_t i = n; i-- > 1;) {
		const size_t k = below(state, (uint32_t)i + 1);
		const double swapped = seconds[i];

		seconds[i] = seconds[k];
		seconds[k] = swapped;
	}
}

START_TEST(test_skewed_sets)
{
	const enum distribution d = (enum distribution)_i;
	static const size_t machines[] = {2, 3, 4, 6, 8, 12, 16};
	uint64_t state = 1000 + (uint64_t)d;
	int sets = 0, written_bad = 0, smallest_bad = 0;
	double worst = 0;

	for (size_t n = 30; n <= 300; n += 15) {
		double seconds[300];
		struct workflow w;

		make(&w, n, ORDER_AS_WRITTEN);
		draw(d, seconds, n, &state);
		for (size_t k = 0; k < sizeof(machines) / sizeof(machines[0]); k++) {
			/* With few tasks for each machine not even the best schedule may come near to the bound. */
			if (n < 5 * machines[k])
				continue;
			sets++;
			worst = fmax(worst, ratio(&w, ORDER_LONGEST_FIRST, seconds, machines[k]));
			if (ratio(&w, ORDER_AS_WRITTEN, seconds, machines[k]) > 1.05)
				written_bad++;
			if (ratio(&w, ORDER_SMALLEST_FIRST, seconds, machines[k]) > 1.05)
				smallest_bad++;
		}
		workflow_release(&w);
	}
	ck_assert_double_le(worst, 1.05);
	ck_assert_int_gt(sets, 100);
	/* The sets are such that the order matters. */
	ck_assert_int_gt(written_bad, sets / 2);
	ck_assert_int_gt(smallest_bad, sets / 2);
}
END_TEST

/* A short task that holds up a long one, the last of all by number and by its own time. */
START_TEST(test_gate)
{
	double seconds[42];
	struct workflow w;

	make(&w, 42, ORDER_AS_WRITTEN);
	for (size_t i = 0; i < 40; i++)
		seconds[i] = 5;
	seconds[40] = 100;
	seconds[41] = 1;
	depend(&w, 40, 41);
	ck_assert_double_le(ratio(&w, ORDER_LONGEST_FIRST, seconds, 3), 1.05);
	ck_assert_double_le(simulate(&w, seconds, 4), 101);	/* more is not possible: 1 and 100 after it */
	ck_assert_double_gt(ratio(&w, ORDER_AS_WRITTEN, seconds, 3), 1.5);
	workflow_release(&w);
}
END_TEST

/* No machine is ever idle while something is ready (Graham, 1969): within sum/m + (1 - 1/m) * the longest way. */
START_TEST(test_graphs)
{
	uint64_t state = 77;

	for (int round = 0; round < 60; round++) {
		const size_t n = 30 + below(&state, 100), m = 2 + below(&state, 15);
		double seconds[130], ways[130], sum = 0, longest = 0;
		struct workflow w;

		make(&w, n, (enum order)(round % 3));
		draw((enum distribution)(round % NDISTRIBUTIONS), seconds, n, &state);
		for (size_t i = 0; i < n; i++) {
			ways[i] = 0;
			for (size_t k = 0; k < i; k++) {
				if (below(&state, (uint32_t)n) < 3) {
					depend(&w, i, k);
					ways[i] = fmax(ways[i], ways[k]);
				}
			}
			ways[i] += seconds[i];
			longest = fmax(longest, ways[i]);
			sum += seconds[i];
		}
		ck_assert_double_le(simulate(&w, seconds, m),
				    sum / (double)m + (1 - 1 / (double)m) * longest + 1e-6);
		workflow_release(&w);
	}
}
END_TEST

/*
 * What becomes of a task whose three dependencies ended so (Success, Failure, Upstream failed, eXcluded, in any order):
 * for each run_if in the order of its type Run, Upstream failed, eXcluded. By the words of Databricks' documentation.
 */
static const struct {
	char ends[4], becomes[7];
} table[] = {
	{"FFF", "URUURR"}, {"FFS", "URRURX"}, {"FFU", "URUURR"}, {"FFX", "URUURR"}, {"FSS", "URRURX"},
	{"FSU", "URRURX"}, {"FSX", "URRURX"}, {"FUU", "URUURR"}, {"FUX", "URUURR"}, {"FXX", "URUURR"},
	{"SSS", "RRRRXX"}, {"SSU", "URRURX"}, {"SSX", "RRRRXX"}, {"SUU", "URRURX"}, {"SUX", "URRURX"},
	{"SXX", "RRRRXX"}, {"UUU", "URUURR"}, {"UUX", "URUURR"}, {"UXX", "URUURR"}, {"XXX", "XXXXXX"},
};

static const char letters[] = "SFUX";	/* enum schedule_end */

static char
by_table(enum run_if run_if, const enum schedule_end ends[3])
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char sought[4] = "";
		size_t at = 0;

		/* The table's letters are in alphabetical order. */
		for (const char *c = "FSUX"; *c != '\0'; c++) {
			for (size_t k = 0; k < 3; k++) {
				if (letters[ends[k]] == *c)
					sought[at++] = *c;
			}
		}
		if (strcmp(sought, table[i].ends) == 0)
			return table[i].becomes[run_if];
	}
	ck_abort_msg("not in the table");
	return 0;
}

/* The same for any number of dependencies, one word of the definition after the other. */
static char
by_words(enum run_if run_if, const enum schedule_end *ends, size_t n)
{
	bool all_excluded = true, all_ok = true, one_ok = false, one_failed = false, all_failed = true;

	for (size_t i = 0; i < n; i++) {
		const bool failed = ends[i] == SCHEDULE_FAILED || ends[i] == SCHEDULE_UPSTREAM_FAILED;

		if (ends[i] == SCHEDULE_EXCLUDED)
			continue;
		all_excluded = false;
		one_failed = one_failed || failed;
		all_failed = all_failed && failed;
		one_ok = one_ok || !failed;
		all_ok = all_ok && !failed;
	}
	if (n == 0)	/* all of none; but not one */
		return run_if == RUN_IF_ALL_SUCCESS || run_if == RUN_IF_ALL_DONE || run_if == RUN_IF_NONE_FAILED ? 'R' : 'X';
	if (all_excluded)
		return 'X';
	switch (run_if) {
	case RUN_IF_ALL_SUCCESS:
		return all_ok ? 'R' : 'U';
	case RUN_IF_ALL_DONE:
		return 'R';
	case RUN_IF_AT_LEAST_ONE_SUCCESS:
		return one_ok ? 'R' : 'U';
	case RUN_IF_NONE_FAILED:
		return !one_failed && one_ok ? 'R' : 'U';
	case RUN_IF_AT_LEAST_ONE_FAILED:
		return one_failed ? 'R' : 'X';
	case RUN_IF_ALL_FAILED:
		return all_failed ? 'R' : 'X';
	}
	return 0;
}

START_TEST(test_run_if)
{
	static const size_t turns[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	const enum run_if run_if = (enum run_if)_i;
	struct workflow w;

	make(&w, 4, ORDER_AS_WRITTEN);
	w.tasks[3].run_if = run_if;
	for (size_t i = 0; i < 3; i++)
		depend(&w, 3, i);
	for (unsigned c = 0; c < 64 * 6; c++) {
		const enum schedule_end ends[3] = {c % 4, c / 4 % 4, c / 16 % 4};
		const char expected = by_table(run_if, ends);
		struct schedule *s = schedule_new(&w, NULL, NULL);
		enum schedule_end end = SCHEDULE_FAILED;

		ck_assert_int_eq(by_words(run_if, ends, 3), expected);
		for (size_t i = 0; i < 3; i++) {
			ck_assert_uint_eq(schedule_ready(s), i);
			ck_assert_uint_eq(next(s, 0), i);
		}
		for (size_t i = 0; i < 3; i++) {
			/* Nothing is decided before the last one is over, even if it could be. */
			ck_assert_uint_eq(next(s, 0), SCHEDULE_NONE);
			ck_assert_uint_eq(schedule_dropped(s, &end), SCHEDULE_NONE);
			schedule_finished(s, turns[c / 64][i], ends[turns[c / 64][i]]);
		}
		ck_assert_uint_eq(schedule_ready(s), expected == 'R' ? 3 : SCHEDULE_NONE);
		ck_assert_uint_eq(next(s, 0), expected == 'R' ? 3 : SCHEDULE_NONE);
		ck_assert_uint_eq(schedule_dropped(s, &end), expected == 'R' ? SCHEDULE_NONE : 3);
		if (expected != 'R')
			ck_assert_int_eq(letters[end], expected);
		ck_assert_uint_eq(schedule_dropped(s, &end), SCHEDULE_NONE);
		schedule_free(s);
	}
	workflow_release(&w);
}
END_TEST

START_TEST(test_run_if_without_dependencies)
{
	struct workflow w;
	enum schedule_end end;
	struct schedule *s;

	make(&w, 6, ORDER_AS_WRITTEN);
	for (size_t i = 0; i < 6; i++)
		w.tasks[i].run_if = (enum run_if)i;
	s = schedule_new(&w, NULL, NULL);
	/* All of none are done and succeeded; none of none has failed, or succeeded. */
	ck_assert_uint_eq(next(s, 0), RUN_IF_ALL_SUCCESS);
	ck_assert_uint_eq(next(s, 0), RUN_IF_ALL_DONE);
	ck_assert_uint_eq(next(s, 0), RUN_IF_NONE_FAILED);
	ck_assert_uint_eq(next(s, 0), SCHEDULE_NONE);
	for (int i = 0; i < 3; i++) {
		ck_assert_uint_ne(schedule_dropped(s, &end), SCHEDULE_NONE);
		ck_assert_int_eq(end, SCHEDULE_EXCLUDED);
	}
	ck_assert_uint_eq(schedule_dropped(s, &end), SCHEDULE_NONE);
	schedule_free(s);
	workflow_release(&w);
}
END_TEST

/* Ten thousand in a row, of which the first one fails; the last one is there for that. */
START_TEST(test_cascade)
{
	const size_t n = 10000;
	struct workflow w;
	struct schedule *s;
	enum schedule_end end;
	size_t task, dropped = 0;

	make(&w, n, ORDER_LONGEST_FIRST);
	for (size_t i = 1; i < n; i++)
		depend(&w, i, i - 1);
	w.tasks[n - 1].run_if = RUN_IF_ALL_FAILED;
	s = schedule_new(&w, NULL, NULL);
	ck_assert_uint_eq(next(s, 0), 0);
	schedule_finished(s, 0, SCHEDULE_FAILED);
	while ((task = schedule_dropped(s, &end)) != SCHEDULE_NONE) {
		dropped++;
		ck_assert_uint_eq(task, dropped);
		ck_assert_int_eq(end, SCHEDULE_UPSTREAM_FAILED);
		ck_assert(!schedule_has_next(s, 0));
		schedule_finished(s, task, end);
	}
	ck_assert_uint_eq(dropped, n - 2);
	ck_assert_uint_eq(next(s, 0), n - 1);
	schedule_free(s);

	/* Backwards, with times: the way of the first one is the sum of all. */
	workflow_release(&w);
	make(&w, n + 2, ORDER_LONGEST_FIRST);
	double *seconds = xcalloc(n + 2, sizeof(*seconds));
	for (size_t i = 0; i < n; i++) {
		seconds[i] = 1;
		if (i != 0)
			depend(&w, i - 1, i);
	}
	seconds[n] = (double)n + 0.5;
	seconds[n + 1] = (double)n - 0.5;
	expect_order(&w, seconds, NULL, (const size_t[]){n, n - 1, n + 1}, 3);
	free(seconds);
	workflow_release(&w);
}
END_TEST

/* Full pools hold up nobody else, however high the rank of those who wait; a place that is free again is taken. */
START_TEST(test_pools)
{
	struct workflow w;
	struct schedule *s;

	make(&w, 8, ORDER_AS_WRITTEN);
	make_pools(&w, 2, 2);
	w.pools[1].most = 1;
	for (size_t i = 0; i < 4; i++) {
		w.tasks[i].pool = 0;
		w.tasks[i].priority = 9;
	}
	w.tasks[4].pool = 1;
	w.tasks[5].pool = 1;
	s = schedule_new(&w, NULL, NULL);
	ck_assert_uint_eq(schedule_waiting_for_pool(s), 0);
	ck_assert_uint_eq(next(s, 0), 0);
	ck_assert_uint_eq(schedule_waiting_for_pool(s), 0);
	ck_assert_uint_eq(next(s, 0), 1);
	ck_assert_uint_eq(schedule_waiting_for_pool(s), 2);
	ck_assert_uint_eq(next(s, 0), 4);
	ck_assert_uint_eq(schedule_waiting_for_pool(s), 3);
	ck_assert_uint_eq(next(s, 0), 6);
	schedule_finished(s, 1, SCHEDULE_FAILED);
	ck_assert_uint_eq(schedule_waiting_for_pool(s), 1);
	ck_assert_uint_eq(next(s, 0), 2);	/* before 7 */
	ck_assert_uint_eq(next(s, 0), 7);
	ck_assert_uint_eq(next(s, 0), SCHEDULE_NONE);
	/* A place is free from when its task comes back, not from when it is over. */
	schedule_again(s, 4, 10);
	ck_assert_uint_eq(schedule_waiting_for_time(s), 1);
	ck_assert_uint_eq(next(s, 0), 5);
	ck_assert(!schedule_has_next(s, 10));	/* its time has come, but its place is taken */
	ck_assert_uint_eq(next(s, 10), SCHEDULE_NONE);
	ck_assert_uint_eq(schedule_waiting_for_time(s), 0);
	ck_assert_uint_eq(schedule_waiting_for_pool(s), 2);	/* 3 and 4 */
	schedule_finished(s, 5, SCHEDULE_SUCCEEDED);
	ck_assert_uint_eq(next(s, 10), 4);
	schedule_free(s);
	workflow_release(&w);
}
END_TEST

START_TEST(test_retries)
{
	struct workflow w;
	struct schedule *s;
	int64_t again;

	make(&w, 4, ORDER_AS_WRITTEN);
	w.tasks[3].priority = -1;
	depend(&w, 3, 0);
	s = schedule_new(&w, NULL, NULL);
	for (size_t i = 0; i < 3; i++)
		ck_assert_uint_eq(next(s, 0), i);
	schedule_again(s, 0, 300);
	schedule_again(s, 1, 100);
	schedule_again(s, 2, 100);
	ck_assert_uint_eq(schedule_waiting_for_time(s), 3);
	ck_assert(!schedule_has_next(s, 99));
	ck_assert_uint_eq(schedule_next(s, 99, &again), SCHEDULE_NONE);
	ck_assert_int_eq(again, 100);
	ck_assert(schedule_has_next(s, 100));
	ck_assert_uint_eq(schedule_next(s, 100, &again), 1);
	ck_assert_int_eq(again, 300);
	ck_assert_uint_eq(schedule_waiting_for_time(s), 1);
	ck_assert_uint_eq(schedule_ready(s), 2);	/* the others are not ready now */
	ck_assert_uint_eq(schedule_ready(s), SCHEDULE_NONE);
	ck_assert_uint_eq(schedule_next(s, 300, &again), 0);	/* by rank now, not by time */
	ck_assert_int_eq(again, INT64_MAX);
	ck_assert_uint_eq(next(s, 300), 2);
	/* Put back without a wait, as if nothing had been. */
	schedule_again(s, 0, 300);
	schedule_again(s, 2, INT64_MIN);
	ck_assert_uint_eq(next(s, 300), 0);
	ck_assert_uint_eq(next(s, 300), 2);
	/* One that waits for its time is given up. */
	schedule_again(s, 0, 900);
	schedule_finished(s, 0, SCHEDULE_SUCCEEDED);
	ck_assert_uint_eq(schedule_waiting_for_time(s), 0);
	ck_assert_uint_eq(schedule_ready(s), 3);
	ck_assert_uint_eq(schedule_next(s, 900, &again), 3);
	ck_assert_int_eq(again, INT64_MAX);
	ck_assert_uint_eq(next(s, INT64_MAX - 1), SCHEDULE_NONE);
	schedule_free(s);
	workflow_release(&w);
}
END_TEST

/* Tasks that an earlier run has done are over in whatever state they are; each counts once. */
START_TEST(test_kept)
{
	struct workflow w;
	struct schedule *s;
	enum schedule_end end;

	make(&w, 5, ORDER_AS_WRITTEN);
	depend(&w, 1, 0);
	depend(&w, 2, 0);
	depend(&w, 2, 1);
	depend(&w, 4, 3);
	s = schedule_new(&w, NULL, NULL);
	schedule_finished(s, 1, SCHEDULE_SUCCEEDED);	/* waits for 0 */
	schedule_finished(s, 1, SCHEDULE_FAILED);	/* too late */
	ck_assert_uint_eq(schedule_ready(s), 0);
	schedule_finished(s, 3, SCHEDULE_FAILED);	/* was ready, and is not told of any more */
	ck_assert_uint_eq(schedule_ready(s), SCHEDULE_NONE);
	schedule_finished(s, 4, SCHEDULE_SUCCEEDED);	/* was dropped, and is not told of any more */
	ck_assert_uint_eq(schedule_dropped(s, &end), SCHEDULE_NONE);
	ck_assert_uint_eq(next(s, 0), 0);
	ck_assert_uint_eq(next(s, 0), SCHEDULE_NONE);
	schedule_finished(s, 0, SCHEDULE_SUCCEEDED);
	ck_assert_uint_eq(schedule_ready(s), 2);	/* 1 is not */
	ck_assert_uint_eq(next(s, 0), 2);
	ck_assert_uint_eq(next(s, 0), SCHEDULE_NONE);
	schedule_free(s);
	workflow_release(&w);
}
END_TEST

#define FEW 12

/* The same as a schedule, by looking at everything each time. */
struct plain {
	const struct workflow *w;
	const double *seconds;
	const bool *first;
	enum { P_WAITING, P_READY, P_LATER, P_OUT, P_DROPPED, P_OVER } states[FEW];
	enum schedule_end ends[FEW];	/* of those that are over */
	char becomes[FEW];
	int64_t times[FEW];
	size_t ready[FEW], nready;	/* in the order in which they became so, and not told of */
	size_t dropped[FEW], ndropped;
};

static bool
depends_on(const struct workflow *w, size_t task, size_t on)
{
	for (size_t k = 0; k < w->tasks[task].ndepends_on; k++) {
		if (w->tasks[task].depends_on[k] == on)
			return true;
	}
	return false;
}

/* -1 for unknown. */
static double
plain_time(const struct plain *p, size_t task)
{
	const double own = p->seconds[task] >= 0 ? p->seconds[task] : -1;
	double behind = -1;

	if (p->w->order != ORDER_LONGEST_FIRST)
		return own;
	for (size_t i = 0; i < p->w->ntasks; i++) {
		if (depends_on(p->w, i, task))
			behind = fmax(behind, plain_time(p, i));
	}
	return own < 0 ? behind : own + fmax(behind, 0);
}

static bool
plain_before(const struct plain *p, size_t a, size_t b)
{
	const double x = plain_time(p, a), y = plain_time(p, b);

	if (p->w->tasks[a].priority != p->w->tasks[b].priority)
		return p->w->tasks[a].priority > p->w->tasks[b].priority;
	if (p->first[a] != p->first[b])
		return p->first[a];
	if (p->w->order == ORDER_AS_WRITTEN || x == y)
		return a < b;
	if (x < 0 || y < 0)
		return y < 0;
	return p->w->order == ORDER_SMALLEST_FIRST ? x < y : x > y;
}

static bool
plain_room(const struct plain *p, size_t task)
{
	const size_t pool = p->w->tasks[task].pool;
	unsigned running = 0;

	for (size_t i = 0; i < p->w->ntasks; i++)
		running += p->states[i] == P_OUT && p->w->tasks[i].pool == pool;
	return pool == NO_POOL || running < p->w->pools[pool].most;
}

static size_t
plain_best(const struct plain *p, int64_t now)
{
	size_t best = SCHEDULE_NONE;

	for (size_t i = 0; i < p->w->ntasks; i++) {
		if (p->states[i] != P_READY && !(p->states[i] == P_LATER && p->times[i] <= now))
			continue;
		if (plain_room(p, i) && (best == SCHEDULE_NONE || plain_before(p, i, best)))
			best = i;
	}
	return best;
}

/* Whatever has all its dependencies behind it becomes ready or is dropped. */
static void
plain_decide(struct plain *p)
{
	for (size_t i = 0; i < p->w->ntasks; i++) {
		const struct task *t = &p->w->tasks[i];
		enum schedule_end ends[FEW];
		bool all = p->states[i] == P_WAITING;

		for (size_t k = 0; k < t->ndepends_on; k++) {
			all = all && p->states[t->depends_on[k]] == P_OVER;
			ends[k] = p->ends[t->depends_on[k]];
		}
		if (!all)
			continue;
		p->becomes[i] = by_words(t->run_if, ends, t->ndepends_on);
		if (p->becomes[i] == 'R') {
			p->states[i] = P_READY;
			p->ready[p->nready++] = i;
		} else {
			p->states[i] = P_DROPPED;
			p->dropped[p->ndropped++] = i;
		}
	}
}

static void
both_finish(struct schedule *s, struct plain *p, size_t task, enum schedule_end end)
{
	schedule_finished(s, task, end);
	p->states[task] = P_OVER;
	p->ends[task] = end;
	plain_decide(p);
}

static size_t
take(size_t *list, size_t *n)
{
	const size_t task = list[0];

	(*n)--;
	memmove(list, list + 1, *n * sizeof(*list));
	return task;
}

static void
both_next(struct schedule *s, struct plain *p, int64_t now)
{
	const size_t best = plain_best(p, now);
	int64_t again, least = INT64_MAX;

	for (size_t i = 0; i < p->w->ntasks; i++) {
		if (p->states[i] == P_LATER && p->times[i] <= now)
			p->states[i] = P_READY;
		if (p->states[i] == P_LATER && p->times[i] < least)
			least = p->times[i];
	}
	ck_assert_uint_eq(schedule_next(s, now, &again), best);
	ck_assert_int_eq(again, least);
	if (best != SCHEDULE_NONE)
		p->states[best] = P_OUT;
}

static void
both_told(struct schedule *s, struct plain *p)
{
	size_t task = SCHEDULE_NONE;
	enum schedule_end end;

	while (p->nready != 0 && task == SCHEDULE_NONE) {
		task = take(p->ready, &p->nready);
		if (p->states[task] != P_READY)
			task = SCHEDULE_NONE;
	}
	ck_assert_uint_eq(schedule_ready(s), task);
	task = SCHEDULE_NONE;
	while (p->ndropped != 0 && task == SCHEDULE_NONE) {
		task = take(p->dropped, &p->ndropped);
		if (p->states[task] != P_DROPPED)
			task = SCHEDULE_NONE;
	}
	ck_assert_uint_eq(schedule_dropped(s, &end), task);
	if (task == SCHEDULE_NONE)
		return;
	ck_assert_int_eq(letters[end], p->becomes[task]);
	both_finish(s, p, task, end);
}

static void
expect_same(const struct schedule *s, const struct plain *p, int64_t now)
{
	size_t later = 0, blocked = 0;

	for (size_t i = 0; i < p->w->ntasks; i++) {
		later += p->states[i] == P_LATER;
		blocked += p->states[i] == P_READY && !plain_room(p, i);
	}
	ck_assert_uint_eq(schedule_waiting_for_time(s), later);
	ck_assert_uint_eq(schedule_waiting_for_pool(s), blocked);
	ck_assert(schedule_has_next(s, now) == (plain_best(p, now) != SCHEDULE_NONE));
}

/* A small workflow of any shape: each task may depend on those whose turns are smaller. */
static void
make_any(struct workflow *w, double *seconds, bool *first, uint64_t *state)
{
	static const double times[] = {-1, 0, 1, 2, 3, 4, NAN, INFINITY};
	const size_t n = 1 + below(state, FEW);
	const uint32_t density = 1 + below(state, 6);
	uint32_t turns[FEW];

	make(w, n, (enum order)below(state, 3));
	make_pools(w, 2, 1 + below(state, 2));
	for (size_t i = 0; i < n; i++) {
		seconds[i] = times[below(state, 8)];
		first[i] = below(state, 4) == 0;
		w->tasks[i].priority = (int)below(state, 3) - 1;
		w->tasks[i].run_if = (enum run_if)below(state, 6);
		if (below(state, 3) != 0)
			w->tasks[i].pool = below(state, 2);
		turns[i] = below(state, 1000);
	}
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < n; k++) {
			if (turns[k] < turns[i] && below(state, density) == 0)
				depend(w, i, k);
		}
	}
}

START_TEST(test_any_events)
{
	uint64_t state = 4242 + (uint64_t)_i;

	for (int round = 0; round < 200; round++) {
		double seconds[FEW];
		bool first[FEW];
		struct workflow w;
		struct schedule *s;
		struct plain p = {.w = &w, .seconds = seconds, .first = first};
		int64_t now = 0;

		make_any(&w, seconds, first, &state);
		s = schedule_new(&w, seconds, first);
		plain_decide(&p);
		for (int step = 0; step < 120; step++) {
			const size_t task = below(&state, (uint32_t)w.ntasks);

			expect_same(s, &p, now);
			switch (below(&state, 6)) {
			case 0:
			case 1:
				both_next(s, &p, now);
				break;
			case 2:
				if (p.states[task] == P_OUT || (p.states[task] != P_OVER && below(&state, 20) == 0))
					both_finish(s, &p, task, (enum schedule_end)below(&state, 2));
				break;
			case 3:
				if (p.states[task] != P_OUT)
					break;
				p.states[task] = P_LATER;
				p.times[task] = now - 1 + (int64_t)below(&state, 20);
				schedule_again(s, task, p.times[task]);
				break;
			case 4:
				now += (int64_t)below(&state, 5);
				break;
			default:
				both_told(s, &p);
			}
		}
		schedule_free(s);
		workflow_release(&w);
	}
}
END_TEST

/* Ten thousand tasks in a hundred pools, each of which comes back nine times: it is over in a moment or never. */
START_TEST(test_many)
{
	const size_t n = 10000, npools = 100, tries = 10;
	uint64_t state = 5;
	struct workflow w;
	struct schedule *s;
	double *seconds = xcalloc(n, sizeof(*seconds));
	size_t *tried = xcalloc(n, sizeof(*tried)), *out = xcalloc(n, sizeof(*out));
	size_t running[100] = {0}, nout = 0, over = 0, events = 0;
	int64_t now = 0;

	make(&w, n, ORDER_LONGEST_FIRST);
	make_pools(&w, npools, 3);
	for (size_t i = 0; i < n; i++) {
		seconds[i] = (double)below(&state, 1000);
		w.tasks[i].pool = below(&state, (uint32_t)npools);
		for (size_t k = 0; k < 3 && i > 1000; k++)
			depend(&w, i, i - 1000 + 300 * k + below(&state, 300));
	}
	s = schedule_new(&w, seconds, NULL);
	while (over < n) {
		int64_t again;
		size_t task;

		while ((task = schedule_next(s, now, &again)) != SCHEDULE_NONE) {
			ck_assert_uint_le(++running[w.tasks[task].pool], 3);
			ck_assert_uint_lt(tried[task], tries);
			tried[task]++;
			out[nout++] = task;
			events++;
		}
		ck_assert(nout != 0 || again != INT64_MAX);
		if (nout == 0) {
			now = again;
			continue;
		}
		now++;
		for (size_t i = 1 + nout / 2; i > 0; i--) {
			const size_t k = below(&state, (uint32_t)nout);

			task = out[k];
			out[k] = out[--nout];
			running[w.tasks[task].pool]--;
			events++;
			if (tried[task] < tries) {
				schedule_again(s, task, now + (int64_t)below(&state, 50));
			} else {
				schedule_finished(s, task, SCHEDULE_SUCCEEDED);
				over++;
			}
		}
	}
	ck_assert_uint_eq(events, 2 * n * tries);
	ck_assert_uint_eq(schedule_waiting_for_pool(s), 0);
	ck_assert_uint_eq(schedule_waiting_for_time(s), 0);
	schedule_free(s);
	free(out);
	free(tried);
	free(seconds);
	workflow_release(&w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("schedule");
	TCase *tc = tcase_create("schedule");
	SRunner *sr;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_nothing);
	tcase_add_test(tc, test_orders);
	tcase_add_test(tc, test_longest_way);
	tcase_add_test(tc, test_one_long);
	tcase_add_loop_test(tc, test_skewed_sets, 0, NDISTRIBUTIONS);
	tcase_add_test(tc, test_gate);
	tcase_add_test(tc, test_graphs);
	tcase_add_loop_test(tc, test_run_if, 0, 6);
	tcase_add_test(tc, test_run_if_without_dependencies);
	tcase_add_test(tc, test_cascade);
	tcase_add_test(tc, test_pools);
	tcase_add_test(tc, test_retries);
	tcase_add_test(tc, test_kept);
	tcase_add_loop_test(tc, test_any_events, 0, 4);
	tcase_add_test(tc, test_many);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
