/*
 * How fast a workspace is asked: one timetable for each endpoint, for all workers of a run, in memory that they share.
 *
 * Made in the parent before the first fork (mmap, MAP_SHARED | MAP_ANONYMOUS); used by the workers without a lock
 * that a killed one could keep: all state is in atomics, and a worker that is killed at any instruction leaves it
 * usable. Rates are per workspace and second, and below the published limits (reference: API rate limits of the Jobs
 * API: runs/submit 35, runs/get 100, workspace import 30, export 60): other users of the workspace want some, too. An
 * answer 429 slows its endpoint down for all (to half, for a while); it recovers step by step.
 */
#ifndef NBFORK_DATABRICKS_LIMITER_H
#define NBFORK_DATABRICKS_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

enum endpoint {
	ENDPOINT_SUBMIT,	/* 30 a second */
	ENDPOINT_GET,	/* runs/get: 90 */
	ENDPOINT_OUTPUT,	/* runs/get-output: 30 */
	ENDPOINT_CANCEL,	/* 90: a thousand are to be cancelled within the grace; no limit is published */
	ENDPOINT_IMPORT,	/* 25 */
	ENDPOINT_EXPORT,	/* runs/export, workspace/export: 30 */
	ENDPOINT_OTHER,	/* 20 */
	ENDPOINTS,
};

struct limiter;

/* NULL with errno when there is no memory to share. Belongs to all processes forked afterwards; freed by their end. */
struct limiter *limiter_new(void);
void limiter_free(struct limiter *l);	/* in the parent, at the end */

/*
 * Takes a place for one request, and returns the nanoseconds (run clock, base/clock.h) at which it may be sent: now
 * or earlier for at once. Places are handed out in the order in which they are asked for. After a pause a few at
 * once: as many as keep what is sent within any second below the published limit. A place cannot be given back.
 */
int64_t limiter_take(struct limiter *l, enum endpoint e);

/*
 * To be asked when the time of a place has come: whether it is still good. taken is the run clock before it was taken.
 * False when the endpoint was slowed down meanwhile: then another place is to be taken.
 */
bool limiter_holds(const struct limiter *l, enum endpoint e, int64_t taken, int64_t place);

/*
 * The workspace said that it was too much: for retry_after nanoseconds (0: not said; five minutes at the most) nobody
 * sends, then at half the speed. Several such answers within two seconds halve it once. Places that were taken before
 * are void.
 */
void limiter_throttled(struct limiter *l, enum endpoint e, int64_t retry_after);

/* A request went through: with each three seconds without a 429 the speed grows by an eighth of the full one. */
void limiter_passed(struct limiter *l, enum endpoint e);

/* The present rate, requests a second, for messages and tests. */
double limiter_rate(const struct limiter *l, enum endpoint e);

#endif
