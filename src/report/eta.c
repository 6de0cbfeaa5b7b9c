#include "report/eta.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

/* What notebooks that were run to their end in this run took on the average; negative when there is none. */
static double
average(const struct run *run)
{
	double sum = 0;
	size_t n = 0;

	for (size_t i = 0; i < run->n; i++) {
		const struct record *r = &run->records[i];

		if (r->state == RECORD_DONE && r->status == STATUS_SUCCEEDED && r->kept == NULL) {
			sum += (double)(r->ended_at - r->started_at) / (double)NSEC_PER_SEC;
			n++;
		}
	}
	return n > 0 ? sum / (double)n : -1;
}

/* Seconds that a notebook which is not over still takes; negative: unknown. */
static double
left_of(const struct record *r, double usual, int64_t now)
{
	double left = r->estimate >= 0 ? r->estimate : usual;

	if (left < 0)
		return -1;
	if (r->state == RECORD_RUNNING)
		left -= (double)(now - r->started_at) / (double)NSEC_PER_SEC;
	/* One that takes longer than it was thought to ends some time, and nobody knows when. */
	return left > 0 ? left : 0;
}

/*
 * The longest that is left of a chain of notebooks that wait for each other, when each takes so many seconds. A notebook's
 * turn comes after that of all that wait for it.
 */
static double
longest_chain(const struct run *run, const double *seconds)
{
	const struct task *tasks = run->workflow->tasks;
	size_t *turns = xcalloc(run->n, sizeof(*turns));
	size_t *waiting = xcalloc(run->n, sizeof(*waiting));	/* for it, that had no turn yet */
	double *behind = xcalloc(run->n, sizeof(*behind));	/* the longest chain of those that wait for it */
	double longest = 0;
	size_t n = 0;

	for (size_t i = 0; i < run->n; i++)
		for (size_t k = 0; k < tasks[i].ndepends_on; k++)
			waiting[tasks[i].depends_on[k]]++;
	for (size_t i = 0; i < run->n; i++)
		if (waiting[i] == 0)
			turns[n++] = i;
	for (size_t i = 0; i < n; i++) {
		const struct task *t = &tasks[turns[i]];
		const double way = seconds[turns[i]] + behind[turns[i]];

		if (longest < way)
			longest = way;
		for (size_t k = 0; k < t->ndepends_on; k++) {
			const size_t d = t->depends_on[k];

			if (behind[d] < way)
				behind[d] = way;
			if (--waiting[d] == 0)
				turns[n++] = d;
		}
	}
	free(behind);
	free(waiting);
	free(turns);
	return longest;
}

double
eta_seconds(const struct run *run, int64_t now)
{
	double usual = average(run), work = 0, longest;
	double *seconds = xcalloc(run->n, sizeof(*seconds));

	for (size_t i = 0; i < run->n; i++) {
		const struct record *r = &run->records[i];

		if (r->state == RECORD_DONE)
			continue;
		seconds[i] = left_of(r, usual, now);
		if (seconds[i] < 0) {
			free(seconds);
			return -1;
		}
		work += seconds[i];
		if (r->state == RECORD_WAITING && r->retry_at > now)
			seconds[i] += (double)(r->retry_at - now) / (double)NSEC_PER_SEC;
	}
	longest = longest_chain(run, seconds);
	free(seconds);
	work /= run->processes;
	return work > longest ? work : longest;
}
