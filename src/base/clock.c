#include "base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>

static _Atomic int64_t own_lost;	/* until clock_share */
static _Atomic int64_t *lost = &own_lost;	/* nanoseconds for which the run was suspended */
static int64_t suspended_at;

static int64_t
now(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);	/* cannot fail for the clocks of this file */
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

int
clock_share(void)
{
	_Atomic int64_t *p;

	p = mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return -1;
	*p = own_lost;
	lost = p;
	return 0;
}

int64_t
clock_run(void)
{
	return now(CLOCK_MONOTONIC) - *lost;
}

void
clock_suspend(void)
{
	suspended_at = now(CLOCK_MONOTONIC);
}

void
clock_resume(void)
{
	*lost += now(CLOCK_MONOTONIC) - suspended_at;
}

int64_t
clock_from_seconds(double seconds)
{
	const double most = 9.0e9;	/* 285 years: the sum with the run clock still fits in 64 bits */

	if (seconds > most || seconds != seconds)
		seconds = most;
	if (seconds < -most)
		seconds = -most;
	return (int64_t)(seconds * 1e9);
}

const struct timespec *
clock_left(int64_t deadline, struct timespec *ts)
{
	int64_t left;

	if (deadline == INT64_MAX)
		return NULL;
	left = deadline - clock_run();
	if (left < 0)
		left = 0;
	ts->tv_sec = left / NSEC_PER_SEC;
	ts->tv_nsec = left % NSEC_PER_SEC;
	return ts;
}

int64_t
clock_wall(void)
{
	return now(CLOCK_REALTIME) / 1000;
}

const char *
clock_text(char text[CLOCK_TEXT], int64_t wall, int digits)
{
	time_t seconds = (time_t)(wall / 1000000);
	int64_t fraction = wall % 1000000;
	struct tm tm;
	size_t n;

	gmtime_r(&seconds, &tm);
	if (digits == 0) {
		strftime(text, CLOCK_TEXT, "%Y%m%dT%H%M%SZ", &tm);
		return text;
	}
	n = strftime(text, CLOCK_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
	if (digits == 3)
		snprintf(text + n, CLOCK_TEXT - n, ".%03dZ", (int)(fraction / 1000));
	else
		snprintf(text + n, CLOCK_TEXT - n, ".%06d%sZ", (int)fraction, digits == 9 ? "000" : "");
	return text;
}
