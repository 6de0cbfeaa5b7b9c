/*
 * How long a run may still take.
 */
#ifndef NBFORK_REPORT_ETA_H
#define NBFORK_REPORT_ETA_H

#include "report/run.h"

/*
 * Seconds until the run is over, from the estimates of its notebooks: the work that is left, spread over the
 * processes, and no less than the longest chain of notebooks that wait for each other, with the time for which they wait
 * for another attempt. A notebook without an estimate is taken to last as long as those of this run that are over did on
 * the average. Negative when there is nothing to go by. Costs a look at every record, and at every dependency.
 */
double eta_seconds(const struct run *run, int64_t now);

#endif
