/*
 * Whether, and after how long, a notebook that failed is tried again.
 */
#ifndef NBFORK_RETRY_H
#define NBFORK_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "report/run.h"
#include "workflow/model.h"

#define RETRY_DELAY_MAX (3600 * INT64_C(1000000000))	/* nanoseconds: however often the delay has grown */

/*
 * Whether another attempt follows the one that has just ended, as the record has it: it failed or timed out, there
 * are retries left (record.tries less record.requeued have been made, the first one included), and the failure is
 * one of those that the task has retries for.
 */
bool retry_wanted(const struct record *r);

/*
 * Nanoseconds to wait before retry number n (from 1): the task's delay, grown by its factor with each retry, and up
 * to a quarter more by chance, so that notebooks which failed together do not all come back together. random is
 * from 0 to 1.
 */
int64_t retry_delay(const struct task *t, unsigned n, double random);

#endif
