/*
 * A notebook in the making: for load_keys.c, which reads its keys, and load_task.c, which makes the rest.
 */
#ifndef NBFORK_WORKFLOW_MAKING_H
#define NBFORK_WORKFLOW_MAKING_H

#include "workflow/loader.h"
#include "workflow/status.h"

#define RETRIES_MAX 1000
#define THREADS_MAX 65536
#define PRIORITY_MAX 1000000

struct making {
	struct task task;
	struct draft draft;
};

/* The keys; what reads them takes a struct making. */
extern const struct loader_keys loader_task_keys;

#endif
