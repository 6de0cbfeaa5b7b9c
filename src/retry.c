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

/* The name without the modules before it. */
static const char *
last_part(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot != NULL ? dot + 1 : name;
}

/* Kernels name an exception with its modules or, as Python's does, without; so may the workflow. */
static bool
is_same_name(const char *a, const char *b)
{
	if (strchr(a, '.') != NULL && strchr(b, '.') != NULL)
		return strcmp(a, b) == 0;
	return strcmp(last_part(a), last_part(b)) == 0;
}

static bool
name_is_wanted(const struct retry_on *on, const char *name)
{
	for (size_t i = 0; name != NULL && i < on->n; i++)
		if (is_same_name(on->names[i], name))
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

	/* No delay stays none, however large the factor: 0 times infinity is no number. */
	if (t->retry_delay <= 0)
		return 0;
	if (delay < (double)RETRY_DELAY_MAX)
		return (int64_t)delay;
	return t->retry_delay > RETRY_DELAY_MAX ? t->retry_delay : RETRY_DELAY_MAX;
}
