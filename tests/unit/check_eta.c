#include <check.h>

#include "report/eta.h"
#include "made_run.h"

static struct made made;

static void
teardown(void)
{
	made_release(&made);
}

/* n notebooks, as many at a time as that, all of which are thought to take as many seconds. */
static void
make(size_t n, unsigned processes, double estimate)
{
	made_init(&made, n);
	made.run.processes = processes;
	for (size_t i = 0; i < n; i++)
		made.run.records[i].estimate = estimate;
}

/* So many seconds after the first notebooks were started. */
static void
expect(double now, double seconds)
{
	double eta = eta_seconds(&made.run, MADE_START + NSEC_PER_SEC / 4 + clock_from_seconds(now));

	ck_assert_double_eq_tol(eta, seconds, 1e-6);
}

START_TEST(spread_over_processes)
{
	make(8, 4, 10);
	expect(0, 20);
	made.run.processes = 8;
	expect(0, 10);
	/* One notebook does not become shorter by more processes. */
	made.run.processes = 100;
	expect(0, 10);
	made.run.records[3].estimate = 70;
	expect(0, 70);
	made.run.processes = 2;
	expect(0, 70);
	made.run.processes = 1;
	expect(0, 140);
}
END_TEST

START_TEST(what_runs_has_run_already)
{
	make(3, 1, 10);
	made_started(&made, 0);
	expect(0, 30);
	expect(4, 26);
	/* What takes longer than it was thought to ends some time; it does not take from the others. */
	expect(10, 20);
	expect(1000, 20);
	made_ended(&made, 0, STATUS_SUCCEEDED, 50, NULL);
	expect(50, 20);
	made_ended(&made, 1, STATUS_SKIPPED, 0, NULL);
	expect(50, 10);
	made_ran(&made, 2, STATUS_FAILED, 1, NULL);
	expect(50, 0);
}
END_TEST

/* Without an estimate, those of this run that succeeded are what there is to go by. */
START_TEST(unknown)
{
	make(6, 1, -1);
	expect(0, -1);
	made_ran(&made, 0, STATUS_FAILED, 100, NULL);	/* says little of how long one takes that does not */
	expect(0, -1);
	made_ran(&made, 1, STATUS_SUCCEEDED, 4, NULL);
	expect(0, 16);
	made_ran(&made, 2, STATUS_SUCCEEDED, 8, NULL);
	expect(0, 18);
	made.run.records[3].estimate = 1;
	expect(0, 13);
	made.run.records[3].estimate = 0;	/* is one too */
	expect(0, 12);
	made_started(&made, 4);
	expect(2, 10);
	/* One that was kept was not run. */
	made_set(&made.run.records[1].kept, "{}");
	expect(0, 16);
	made_set(&made.run.records[2].kept, "{}");
	expect(0, -1);
	/* But for nothing there need be nothing to go by. */
	for (size_t i = 3; i < 6; i++)
		made.run.records[i].state = RECORD_DONE;
	expect(0, 0);
}
END_TEST

/* However many processes there are, what waits for others comes after them; and after the time of its next attempt. */
START_TEST(chains)
{
	make(6, 6, 10);
	made_depends(&made, 0, 2);
	made_depends(&made, 2, 5);
	made_depends(&made, 3, 5);
	made_depends(&made, 0, 3);
	expect(0, 30);
	made.run.records[3].estimate = 15;
	expect(0, 35);
	made_started(&made, 5);
	expect(4, 31);
	made_ended(&made, 5, STATUS_SUCCEEDED, 5, NULL);
	expect(5, 25);
	made.run.records[1].retry_at = MADE_START + NSEC_PER_SEC / 4 + 55 * NSEC_PER_SEC;
	expect(5, 60);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("eta");
	TCase *tc = tcase_create("eta");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_test(tc, spread_over_processes);
	tcase_add_test(tc, what_runs_has_run_already);
	tcase_add_test(tc, unknown);
	tcase_add_test(tc, chains);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
