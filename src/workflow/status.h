/*
 * How a notebook ended, in the words of the results document.
 */
#ifndef NBFORK_WORKFLOW_STATUS_H
#define NBFORK_WORKFLOW_STATUS_H

#include <stdbool.h>
#include <stdint.h>

enum status {
	STATUS_SUCCEEDED,
	STATUS_FAILED,
	STATUS_TIMED_OUT,
	STATUS_CANCELLED,	/* it was running and was stopped */
	STATUS_SKIPPED,	/* it never started */
	STATUSES,
};

enum error_kind {
	ERROR_NONE,
	ERROR_NOTEBOOK,	/* a cell raised */
	ERROR_TIMEOUT,
	ERROR_KERNEL,	/* the kernel died or would not start */
	ERROR_TARGET,	/* the workspace refused or could not be reached */
	ERROR_WORKER,	/* the child died without a result */
	ERROR_DEPENDENCY,
	ERROR_STOPPED,	/* the run was stopped: by a signal, the policy, the run's time or an error of nbfork's own */
};

const char *status_name(enum status s);	/* "succeeded", ... */
bool status_parse(const char *s, enum status *status);

/* For messages that begin with a notebook: "failed", "timed out", "was stopped", "was skipped", "succeeded". Static. */
const char *status_verb(enum status s);
const char *error_kind_name(enum error_kind k);	/* "notebook", ...; NULL for none */

/* Why a notebook did not succeed. All members are owned by whoever owns the struct. */
struct failure {
	enum error_kind kind;
	char *name;	/* the exception's name; NULL when there is none */
	char *message;
	int64_t cell;	/* index in the executed copy's cells; -1 for none */
	int64_t execution_count;	/* what a person sees as In [n]; -1 for none */
	char *traceback;	/* JSON list of strings; NULL is an empty one */
};

void failure_init(struct failure *f);
void failure_release(struct failure *f);

#endif
