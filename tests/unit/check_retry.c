#include <check.h>
#include <stdlib.h>

#include "base/clock.h"
#include "retry.h"
#include "workflow/status.h"

#define ALL (1u << ERROR_NOTEBOOK | 1u << ERROR_KERNEL | 1u << ERROR_TARGET | 1u << ERROR_WORKER)

/* How an attempt ended, what there are retries for, and whether there is one. */
static const struct {
	enum status status;
	const char *error;	/* JSON, or NULL */
	unsigned kinds;
	const char *name;	/* of an exception, or NULL */
	bool wanted;
} cases[] = {
	{STATUS_FAILED, "{\"kind\": \"notebook\", \"name\": \"ValueError\"}", ALL, NULL, true},
	{STATUS_FAILED, "{\"kind\": \"kernel\"}", ALL, NULL, true},
	{STATUS_FAILED, "{\"kind\": \"target\"}", ALL, NULL, true},
	{STATUS_FAILED, "{\"kind\": \"worker\"}", ALL, NULL, true},
	{STATUS_TIMED_OUT, "{\"kind\": \"timeout\"}", ALL, NULL, false},
	{STATUS_TIMED_OUT, "{\"kind\": \"timeout\"}", ALL | 1u << ERROR_TIMEOUT, NULL, true},
	{STATUS_FAILED, "{\"kind\": \"dependency\"}", ALL | 1u << ERROR_TIMEOUT, NULL, false},
	{STATUS_FAILED, "{\"kind\": \"notebook\", \"name\": \"ValueError\"}", 1u << ERROR_KERNEL, NULL, false},
	{STATUS_FAILED, "{\"kind\": \"kernel\"}", 1u << ERROR_KERNEL, NULL, true},
	{STATUS_FAILED, "{\"kind\": \"kernel\"}", 0, NULL, false},
	/* Names of exceptions, with their modules or without. */
	{STATUS_FAILED, "{\"kind\": \"notebook\", \"name\": \"ValueError\"}", 0, "ValueError", true},
	{STATUS_FAILED, "{\"kind\": \"notebook\", \"name\": \"ValueError\"}", 1u << ERROR_KERNEL, "ValueError", true},
	{STATUS_FAILED, "{\"kind\": \"notebook\", \"name\": \"ValueErrors\"}", 0, "ValueError", false},
	{STATUS_FAILED, "{\"kind\": \"notebook\", \"name\": \"valueError\"}", 0, "ValueError", false},
	{STATUS_FAILED, "{\"kind\": \"notebook\", \"name\": \"requests.exceptions.Timeout\"}", 0, "Timeout", true},
	{STATUS_FAILED, "{\"kind\": \"notebook\", \"name\": \"requests.exceptions.Timeout\"}", 0,
	    "requests.exceptions.Timeout", true},
	{STATUS_FAILED, "{\"kind\": \"notebook\", \"name\": \"requests.exceptions.Timeout\"}", 0, "other.Timeout",
	    false},
	{STATUS_FAILED, "{\"kind\": \"notebook\", \"name\": \"Timeout\"}", 0, "requests.exceptions.Timeout", true},
	{STATUS_FAILED, "{\"kind\": \"notebook\", \"name\": \"aTimeout\"}", 0, "Timeout", false},
	{STATUS_FAILED, "{\"kind\": \"notebook\", \"name\": null}", 0, "Timeout", false},
	{STATUS_TIMED_OUT, "{\"kind\": \"timeout\", \"name\": \"CellTimeout\"}", 0, "CellTimeout", true},
	/* What did not fail, or not by itself. */
	{STATUS_SUCCEEDED, NULL, ~0u, NULL, false},
	{STATUS_CANCELLED, "{\"kind\": \"stopped\"}", ~0u, NULL, false},
	{STATUS_SKIPPED, "{\"kind\": \"stopped\"}", ~0u, NULL, false},
	/* An error that says nothing. */
	{STATUS_FAILED, NULL, ~0u, "x", false},
	{STATUS_FAILED, "{\"kind\": \"unheard-of\"}", ~0u, "x", false},
	{STATUS_FAILED, "{", ~0u, "x", false},
};

START_TEST(wanted)
{
	char *names[] = {(char *)"Other", (char *)cases[_i].name};
	const struct task t = {.retries = 1, .retry_on = {cases[_i].kinds, names, cases[_i].name != NULL ? 2 : 0}};
	const struct record r = {.task = &t, .status = cases[_i].status, .error = (char *)cases[_i].error, .tries = 1};

	ck_assert(retry_wanted(&r) == cases[_i].wanted);
}
END_TEST

/* Attempts of earlier runs count in record.attempts, not here; those that were queued again cost nothing. */
START_TEST(limits)
{
	static const struct {
		unsigned retries, tries, requeued;
		bool wanted;
	} samples[] = {
		{0, 1, 0, false}, {1, 1, 0, true}, {1, 2, 0, false}, {3, 3, 0, true}, {3, 4, 0, false}, {3, 5, 0,
		    false},
		{0, 3, 2, false}, {1, 3, 2, true}, {1, 4, 2, false}, {1000, 1000, 0, true}, {1000, 1001, 0, false},
	};

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const struct task t = {.retries = samples[i].retries, .retry_on = {.kinds = 1u << ERROR_KERNEL}};
		const struct record r = {.task = &t, .status = STATUS_FAILED, .error = (char *)"{\"kind\": \"kernel\"}",
		    .attempts = 70, .tries = samples[i].tries, .requeued = samples[i].requeued};

		ck_assert_msg(retry_wanted(&r) == samples[i].wanted, "sample %zu", i);
	}
}
END_TEST

START_TEST(growth)
{
	struct task t = {.retry_delay = NSEC_PER_SEC, .retry_backoff = 2};

	for (unsigned n = 1; n <= 11; n++)
		ck_assert_int_eq(retry_delay(&t, n, 0), NSEC_PER_SEC << (n - 1));
	/* The 12th would be 2048 s, the 13th more than an hour. */
	ck_assert_int_eq(retry_delay(&t, 12, 0), 2048 * NSEC_PER_SEC);
	ck_assert_int_eq(retry_delay(&t, 13, 0), RETRY_DELAY_MAX);
	ck_assert_int_eq(retry_delay(&t, 1000, 0), RETRY_DELAY_MAX);
	ck_assert_int_eq(retry_delay(&t, 1000, 1), RETRY_DELAY_MAX);
	t.retry_backoff = 1;
	ck_assert_int_eq(retry_delay(&t, 1000, 0), NSEC_PER_SEC);
	t.retry_backoff = 1.5;
	ck_assert_int_eq(retry_delay(&t, 3, 0), 2250 * NSEC_PER_MSEC);
	t.retry_backoff = 1e300;	/* grows beyond all numbers */
	ck_assert_int_eq(retry_delay(&t, 1, 0), NSEC_PER_SEC);
	ck_assert_int_eq(retry_delay(&t, 5, 0), RETRY_DELAY_MAX);
	/* Nothing does not grow. */
	t.retry_delay = 0;
	for (unsigned n = 1; n <= 1000; n++)
		ck_assert_int_eq(retry_delay(&t, n, 1), 0);
	/* Who wants to wait for longer does, and no longer than that. */
	t = (struct task){.retry_delay = 2 * RETRY_DELAY_MAX, .retry_backoff = 2};
	ck_assert_int_eq(retry_delay(&t, 1, 0), 2 * RETRY_DELAY_MAX);
	ck_assert_int_eq(retry_delay(&t, 9, 1), 2 * RETRY_DELAY_MAX);
}
END_TEST

START_TEST(jitter)
{
	const struct task t = {.retry_delay = 4 * NSEC_PER_SEC, .retry_backoff = 3};
	int64_t last = 0;

	ck_assert_int_eq(retry_delay(&t, 1, 1), 5 * NSEC_PER_SEC);
	ck_assert_int_eq(retry_delay(&t, 2, 1), 15 * NSEC_PER_SEC);
	ck_assert_int_eq(retry_delay(&t, 2, 0.5), 13500 * NSEC_PER_MSEC);
	for (int i = 0; i <= 100; i++) {
		int64_t delay = retry_delay(&t, 1, i / 100.0);

		ck_assert_int_gt(delay, last);
		ck_assert_int_ge(delay, 4 * NSEC_PER_SEC);
		ck_assert_int_le(delay, 5 * NSEC_PER_SEC);
		last = delay;
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("retry");
	TCase *tc = tcase_create("retry");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, wanted, 0, (int)(sizeof(cases) / sizeof(cases[0])));
	tcase_add_test(tc, limits);
	tcase_add_test(tc, growth);
	tcase_add_test(tc, jitter);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
