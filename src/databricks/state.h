/*
 * What the Jobs API says of a run, and what that means here.
 *
 * A run that was submitted with one task is followed by that task: it has an id and a state of its own, and when it
 * fails the run around it says INTERNAL_ERROR. Newer answers have "status", older ones "state"; status counts where
 * both are there and it is known. Unknown life-cycle states are not final, unknown results are no success. Of several
 * attempts that the platform has made itself, the last one counts; and one that failed is not the end while the run
 * around it goes on. A run that ended although its task never did (skipped, no cluster) speaks for the task.
 */
#ifndef NBFORK_DATABRICKS_STATE_H
#define NBFORK_DATABRICKS_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "workflow/status.h"

enum phase {
	PHASE_QUEUED,	/* QUEUED, BLOCKED, WAITING, WAITING_FOR_RETRY */
	PHASE_PENDING,	/* a cluster is being found, libraries installed */
	PHASE_RUNNING,
	PHASE_TERMINATING,
	PHASE_OVER,
};

const char *phase_name(enum phase p);	/* "queued", "pending", ...: for people */

/* Texts are owned, NULL when there are none. */
struct run_state {
	int64_t task_run_id;	/* 0: there is none yet, or never was */
	enum phase phase;
	enum status status;	/* once over: succeeded, failed, timed_out, cancelled */
	/*
	 * Once over and not succeeded: ERROR_NOTEBOOK for what the notebook raised (RUN_EXECUTION_ERROR, FAILED
	 * without anything else), ERROR_TIMEOUT, ERROR_STOPPED for what somebody has cancelled, ERROR_TARGET for what
	 * the platform caused or refused
	 */
	enum error_kind kind;
	bool user_cancelled;	/* by a person or a token, not by us: decided by the caller */
	char *code;	/* termination code, result or life-cycle state: "RUN_EXECUTION_ERROR", "CANCELED", "SKIPPED" */
	char *message;	/* of the state */
	char *url;	/* of the run's page */
	char *queue_reason;
	int64_t start_time, end_time;	/* milliseconds since 1970; 0: not yet */
	int64_t queue_ms, setup_ms, execution_ms, cleanup_ms;	/* -1: not known */
};

/*
 * Reads an answer of runs/get. Returns 0, or -1 when it is none (nothing is set then). s is to be released in any
 * case.
 */
int run_state_read(struct run_state *s, struct json answer);
void run_state_release(struct run_state *s);

#endif
