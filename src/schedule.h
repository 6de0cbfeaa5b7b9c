/*
 * What runs next: dependencies, order, priorities, named limits, and retries that wait for their time.
 *
 * Knows tasks by their numbers and nothing else of them; starts nothing, waits for nothing, has no clock of its own.
 * Every event costs O(log n), but for the edges of the graph, each of which is looked at once.
 *
 * A task goes: WAITING (for its dependencies) -> READY -> handed out by schedule_next() -> schedule_finished(), or back
 * by schedule_again(). One whose run_if is not met when its last dependency is done is never handed out: it is DROPPED,
 * and schedule_dropped() tells of it.
 */
#ifndef NBFORK_SCHEDULE_H
#define NBFORK_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "workflow/model.h"

/* How a task ended, in the eyes of those that depend on it. */
enum schedule_end {
	SCHEDULE_SUCCEEDED,
	SCHEDULE_FAILED,	/* failed, timed out, was stopped */
	SCHEDULE_UPSTREAM_FAILED,	/* dropped because of a failure above it: counts as failed for those below */
	/*
	 * Dropped because it was there for a failure (at_least_one_failed, all_failed) that did not come, or because
	 * all that it depends on was excluded: counts as neither run nor failed.
	 */
	SCHEDULE_EXCLUDED,
};

#define SCHEDULE_NONE SIZE_MAX

struct schedule;

/*
 * For the tasks of a workflow, of which depends_on, run_if, priority and pool count, and the workflow's pools and
 * order; no task may depend on itself by way of others. seconds: for each task how long it may take, negative or NaN
 * for unknown (may be NULL: all unknown). first: for each task whether it goes before others of the same priority (may
 * be NULL). Nothing of it is kept but the workflow, which must live on. Which of two ready tasks goes first: the higher
 * priority; then one that is first; then by the order:
 *	as-written	the lower number;
 *	smallest-first	the shorter one;
 *	longest-first	the one with the longer way to the end: its own time and that of the longest chain of tasks that
 *			wait for it (so that a short one that holds up long ones is not left for last);
 * unknown ones last, each one's unknown time on a chain counted as 0 (a way of which anything is known is a known
 * one); equal ones by number. Free with schedule_free.
 */
struct schedule *schedule_new(const struct workflow *w, const double *seconds, const bool *first);
void schedule_free(struct schedule *s);

/*
 * Hands out the task to start now, or SCHEDULE_NONE. now and *again are times on one clock, in nanoseconds: *again is
 * when the next retry will be due that is not now (INT64_MAX for none). A task whose pool is full does not keep others
 * from being handed out. One that is handed out counts against its pool until it is finished or comes back.
 */
size_t schedule_next(struct schedule *s, int64_t now, int64_t *again);

/* Whether schedule_next() would hand out a task now, without doing so. */
bool schedule_has_next(const struct schedule *s, int64_t now);

/* A task that was handed out comes back, to be handed out again, but not before the time at. Its pool has its place. */
void schedule_again(struct schedule *s, size_t task, int64_t at);

/*
 * A task is over: one that was handed out, or one that schedule_dropped() has told of, or (kept from an earlier run,
 * say) any that waits or is ready. Once for each task: what comes later for it does nothing. Those that depend on it
 * may become ready or be dropped.
 */
void schedule_finished(struct schedule *s, size_t task, enum schedule_end end);

/*
 * The next task that was dropped and has not been told of yet, in the order in which they were; SCHEDULE_NONE for
 * none. *end is what to give to schedule_finished(), which is the caller's to call, and left alone if there is none.
 */
size_t schedule_dropped(struct schedule *s, enum schedule_end *end);

/*
 * A task that became ready (its dependencies are done, its run_if is met; it may have none), is so still, and has not
 * been told of yet; in the order in which they became so. SCHEDULE_NONE for none. For whoever wants to look at it
 * before it is handed out; nobody has to call this.
 */
size_t schedule_ready(struct schedule *s);

/*
 * How many tasks are ready and only wait for a place in their pool; and how many for the time of a retry. One whose
 * time has come counts among the latter until the next schedule_next().
 */
size_t schedule_waiting_for_pool(const struct schedule *s);
size_t schedule_waiting_for_time(const struct schedule *s);

#endif
