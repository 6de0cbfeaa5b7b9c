/*
 * Two clocks.
 *
 * The run clock counts nanoseconds for deadlines and durations. It is CLOCK_MONOTONIC less the time for
 * which the run was suspended (Ctrl-Z ... fg), so that a suspended run does not time out. What is taken
 * off is kept in memory that is shared with the children forked after clock_share(): the parent alone
 * changes it, all read it, and so all agree on how late it is.
 *
 * The wall clock is for people and documents only; it may jump.
 */
#ifndef NBFORK_BASE_CLOCK_H
#define NBFORK_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define NSEC_PER_SEC INT64_C(1000000000)
#define NSEC_PER_MSEC INT64_C(1000000)

/*
 * Moves the run clock's correction into shared memory. Called once, before the first fork. Returns 0, or -1 with
 * errno.
 */
int clock_share(void);

/* The run clock, in nanoseconds from an arbitrary origin. */
int64_t clock_run(void);

/* Stops the run clock and lets it go on. Called by the parent around its own SIGSTOP. */
void clock_suspend(void);
void clock_resume(void);

/*
 * Seconds, possibly with a fraction and possibly negative, as nanoseconds; too large a value, and NaN, is cut to
 * what fits.
 */
int64_t clock_from_seconds(double seconds);

/*
 * The time from now to a deadline on the run clock, for ppoll: 0 when it has passed, NULL for no deadline
 * (INT64_MAX). ts is the caller's; the result points to it.
 */
const struct timespec *clock_left(int64_t deadline, struct timespec *ts);

/* The wall clock, in microseconds since 1970. */
int64_t clock_wall(void);

/*
 * A wall clock time in UTC: "2026-11-22T08:15:00.123Z" with 3 digits, 6 for microseconds, 9 for nanoseconds (that are
 * whole microseconds); "20261122T081500Z" with none.
 */
#define CLOCK_TEXT 32
const char *clock_text(char text[CLOCK_TEXT], int64_t wall, int digits);

#endif
