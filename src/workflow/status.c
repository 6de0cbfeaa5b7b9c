#include "workflow/status.h"

#include <stdlib.h>
#include <string.h>

static const char *const status_names[STATUSES] = {"succeeded", "failed", "timed_out", "cancelled", "skipped"};

const char *
status_name(enum status s)
{
	return status_names[s];
}

bool
status_parse(const char *s, enum status *status)
{
	for (int i = 0; i < STATUSES; i++) {
		if (strcmp(s, status_names[i]) == 0) {
			*status = (enum status)i;
			return true;
		}
	}
	return false;
}

const char *
status_verb(enum status s)
{
	static const char *const verbs[] = {
		[STATUS_SUCCEEDED] = "succeeded",
		[STATUS_FAILED] = "failed",
		[STATUS_TIMED_OUT] = "timed out",
		[STATUS_CANCELLED] = "was stopped",
		[STATUS_SKIPPED] = "was skipped",
	};

	return verbs[s];
}

const char *
error_kind_name(enum error_kind k)
{
	static const char *const names[] = {
		[ERROR_NONE] = NULL,
		[ERROR_NOTEBOOK] = "notebook",
		[ERROR_TIMEOUT] = "timeout",
		[ERROR_KERNEL] = "kernel",
		[ERROR_TARGET] = "target",
		[ERROR_WORKER] = "worker",
		[ERROR_DEPENDENCY] = "dependency",
		[ERROR_STOPPED] = "stopped",
	};

	return names[k];
}

void
failure_init(struct failure *f)
{
	*f = (struct failure){.kind = ERROR_NONE, .cell = -1, .execution_count = -1};
}

void
failure_release(struct failure *f)
{
	free(f->name);
	free(f->message);
	free(f->traceback);
	failure_init(f);
}
