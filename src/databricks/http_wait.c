#include <poll.h>

#include "base/clock.h"
#include "databricks/http_try.h"

/*
 * A longer wait is not worth an open connection, a shorter one is: the certificates that a new one needs are read for
 * longer (about 20 ms) than all else takes together.
 */
#define KEEP (15 * NSEC_PER_SEC)
#define STEP (100 * NSEC_PER_MSEC)	/* of a wait into which no signal is let in by a mask */

void
http_ignore_stop(struct http *h, bool yes)
{
	h->ignore_stop = yes;
}

void
http_end_by(struct http *h, int64_t time)
{
	h->end_by = time;
}

bool
http_stopping(const struct http *h)
{
	if (h->end_by != 0 && clock_run() >= h->end_by)
		return true;
	return !h->ignore_stop && h->config.stop != NULL && *h->config.stop;
}

bool
http_sleep(struct http *h, int64_t until)
{
	struct timespec ts;
	int64_t next;

	if (until - clock_run() > KEEP)
		http_drop(h);
	for (;;) {
		if (http_stopping(h))
			return false;
		if (clock_run() >= until)
			return true;
		next = until;
		if (h->config.wait_mask == NULL && next > clock_run() + STEP)
			next = clock_run() + STEP;
		if (h->end_by != 0 && next > h->end_by)
			next = h->end_by;
		ppoll(NULL, 0, clock_left(next, &ts), h->config.wait_mask);
	}
}
