#include "report/eta.h"

#include "base/clock.h"

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

double
eta_seconds(const struct run *run, int64_t now)
{
	double usual = average(run), work = 0, longest = 0;

	for (size_t i = 0; i < run->n; i++) {
		const struct record *r = &run->records[i];
		double left;

		if (r->state == RECORD_DONE)
			continue;
		left = r->estimate >= 0 ? r->estimate : usual;
		if (left < 0)
			return -1;
		if (r->state == RECORD_RUNNING)
			left -= (double)(now - r->started_at) / (double)NSEC_PER_SEC;
		/* One that takes longer than it was thought to ends some time, and nobody knows when. */
		if (left < 0)
			left = 0;
		work += left;
		if (r->state == RECORD_WAITING && r->retry_at > now)
			left += (double)(r->retry_at - now) / (double)NSEC_PER_SEC;
		if (left > longest)
			longest = left;
	}
	work /= run->processes;
	return work > longest ? work : longest;
}
