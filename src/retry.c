#include "retry.h"

#include <math.h>
#include <string.h>

static bool
kind_is_wanted(const struct retry_on *on, const struct record_error *e)
{
	for (int kind = ERROR_NOTEBOOK; kind <= ERROR_STOPPED; kind++)
		if (e->kind != NULL && (on->kinds & 1u << kind) != 0 && strcmp(error_kind_name((enum error_kind)kind), e->kind) == 0)
			return true;
	return false;
}

/* "requests.exceptions.ConnectionError" is meant by its last part, too. */
static bool
name_is_wanted(const struct retry_on *on, const char *name)
{
	const char *last = name != NULL ? strrchr(name, '.') : NULL;

	for (size_t i = 0; name != NULL && i < on->n; i++)
		if (strcmp(on->names[i], name) == 0 || (last != NULL && strcmp(on->names[i], last + 1) == 0))
			return true;
	return false;
}

bool
retry_wanted(const struct record *r)
{
	struct record_error e;
	bool wanted;

	if (r->status != STATUS_FAILED && r->status != STATUS_TIMED_OUT)
		return false;
	if (r->tries - r->requeued > r->task->retries)
		return false;
	record_error(r, &e);
	wanted = kind_is_wanted(&r->task->retry_on, &e) || name_is_wanted(&r->task->retry_on, e.name);
	record_error_release(&e);
	return wanted;
}

int64_t
retry_delay(const struct task *t, unsigned n, double random)
{
	double delay = (double)t->retry_delay * pow(t->retry_backoff, n - 1) * (1 + random / 4);

	return delay < (double)RETRY_DELAY_MAX ? (int64_t)delay : t->retry_delay > RETRY_DELAY_MAX ? t->retry_delay : RETRY_DELAY_MAX;
}
