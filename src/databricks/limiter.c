#include "databricks/limiter.h"

#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>

#include "base/clock.h"

#define FULL 1000	/* of a thousand: the speed of an endpoint that nobody has complained about */
#define LEAST 62
#define STEP 125
#define STEP_APART (3 * NSEC_PER_SEC)	/* from one step up to the next, without a 429 */
#define HALVE_APART (2 * NSEC_PER_SEC)	/* what was sent before a halving may still be answered 429 after it */
#define PAUSE_MAX (300 * NSEC_PER_SEC)	/* whatever a workspace says: nobody is kept still for longer */

/* Requests a second, and how many at once after a pause: the sum stays below the published limit. */
static const struct {
	int rate, burst;
} limits[ENDPOINTS] = {
	[ENDPOINT_SUBMIT] = {30, 3},
	[ENDPOINT_GET] = {90, 5},
	[ENDPOINT_OUTPUT] = {30, 5},
	[ENDPOINT_CANCEL] = {90, 10},
	[ENDPOINT_IMPORT] = {25, 3},
	[ENDPOINT_EXPORT] = {30, 10},
	[ENDPOINT_OTHER] = {20, 5},
};

/* Times are of the run clock. Each member is right by itself, so that one who dies between two of them does no harm. */
struct lane {
	_Atomic int64_t next;	/* when the next place is */
	_Atomic int64_t pause;	/* nobody sends before */
	_Atomic int64_t halved;	/* when it was last slowed down; 0: never */
	/*
	 * the speed, of a thousand, in the low 16 bits, and when that last changed, in milliseconds: in one word, so
	 * that of many who see that it is time for a step one alone takes it
	 */
	_Atomic uint64_t pace;
};

struct limiter {
	struct lane lanes[ENDPOINTS];
};

static uint64_t
make_pace(int64_t now, uint64_t speed)
{
	return (uint64_t)(now / NSEC_PER_MSEC) << 16 | speed;
}

static uint64_t
pace_speed(uint64_t pace)
{
	return pace & 0xffff;
}

static int64_t
pace_changed(uint64_t pace)
{
	return (int64_t)(pace >> 16) * NSEC_PER_MSEC;
}

struct limiter *
limiter_new(void)
{
	struct limiter *l = mmap(NULL, sizeof(*l), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (l == MAP_FAILED)
		return NULL;
	for (int e = 0; e < ENDPOINTS; e++)
		atomic_store(&l->lanes[e].pace, make_pace(clock_run(), FULL));
	return l;
}

void
limiter_free(struct limiter *l)
{
	if (l != NULL)
		munmap(l, sizeof(*l));
}

double
limiter_rate(const struct limiter *l, enum endpoint e)
{
	return limits[e].rate * (double)pace_speed(atomic_load(&l->lanes[e].pace)) / FULL;
}

int64_t
limiter_take(struct limiter *l, enum endpoint e)
{
	struct lane *lane = &l->lanes[e];
	int64_t next = atomic_load(&lane->next), place, interval, pause;

	do {
		interval = (int64_t)((double)NSEC_PER_SEC / limiter_rate(l, e));
		/* In the past, as many places as may be taken at once. */
		place = clock_run() - (limits[e].burst - 1) * interval;
		if (place < next)
			place = next;
		pause = atomic_load(&lane->pause);
		if (place < pause)
			place = pause;
	} while (!atomic_compare_exchange_weak(&lane->next, &next, place + interval));
	return place;
}

bool
limiter_holds(const struct limiter *l, enum endpoint e, int64_t taken, int64_t place)
{
	const struct lane *lane = &l->lanes[e];

	return place >= atomic_load(&lane->pause) && taken > atomic_load(&lane->halved);
}

/* Returns false when somebody has done so within the last moments. */
static bool
halve(struct lane *lane, int64_t now)
{
	int64_t before = atomic_load(&lane->halved);
	uint64_t pace, speed;

	do {
		if (before != 0 && now - before < HALVE_APART)
			return false;
	} while (!atomic_compare_exchange_weak(&lane->halved, &before, now));
	pace = atomic_load(&lane->pace);
	do {
		speed = pace_speed(pace) / 2;
		if (speed < LEAST)
			speed = LEAST;
	} while (!atomic_compare_exchange_weak(&lane->pace, &pace, make_pace(now, speed)));
	return true;
}

void
limiter_throttled(struct limiter *l, enum endpoint e, int64_t retry_after)
{
	struct lane *lane = &l->lanes[e];
	int64_t now = clock_run(), end = now, pause = atomic_load(&lane->pause);

	if (retry_after > 0) {
		end = now + (retry_after < PAUSE_MAX ? retry_after : PAUSE_MAX);
		while (pause < end && !atomic_compare_exchange_weak(&lane->pause, &pause, end))
			;
	}
	/*
	 * All places are void then, so the timetable begins anew: without that, those who take theirs again would
	 * stand behind a queue that nobody is in.
	 */
	if (halve(lane, now))
		atomic_store(&lane->next, pause > end ? pause : end);
}

void
limiter_passed(struct limiter *l, enum endpoint e)
{
	struct lane *lane = &l->lanes[e];
	uint64_t pace = atomic_load(&lane->pace), speed;
	int64_t now;

	if (pace_speed(pace) >= FULL)
		return;
	now = clock_run();
	if (now - pace_changed(pace) < STEP_APART || now < atomic_load(&lane->pause))
		return;
	speed = pace_speed(pace) + STEP;
	if (speed > FULL)
		speed = FULL;
	/* One who comes too late for this step finds the next one not due yet. */
	atomic_compare_exchange_strong(&lane->pace, &pace, make_pace(now, speed));
}
