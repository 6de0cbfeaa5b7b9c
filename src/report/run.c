#include "report/run.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

/* The characters of a string without NUL, which a C string cannot hold; NULL for anything else. */
static char *
decoded(struct json v)
{
	struct buf b = BUF_INIT;
	size_t n = 0;

	if (json_type(v) != JSON_STRING)
		return NULL;
	json_decode(&b, v);
	for (size_t i = 0; i < b.len; i++)
		if (b.data[i] != '\0')
			b.data[n++] = b.data[i];
	buf_truncate(&b, n);
	return buf_steal(&b);
}

struct record *
record_after(const struct run *run, const struct record *r)
{
	size_t i;

	if (r == NULL)
		return run->n > 0 ? run->records : NULL;
	if (r->children != NULL)
		return r->children;
	for (; r->parent != NULL; r = r->parent)
		if (r->next != NULL)
			return r->next;
	i = (size_t)(r - run->records) + 1;
	return i < run->n ? &run->records[i] : NULL;
}

unsigned
record_depth(const struct record *r)
{
	unsigned depth = 0;

	for (; r->parent != NULL; r = r->parent)
		depth++;
	return depth;
}

bool
record_fails_the_run(const struct record *r)
{
	if (r->excluded)
		return false;
	if (r->task->allow_failure && (r->status == STATUS_FAILED || r->status == STATUS_TIMED_OUT))
		return false;
	return r->status != STATUS_SUCCEEDED;
}

void
run_release_hooks(struct run *run)
{
	for (size_t i = 0; i < run->nhooks; i++)
		free(run->hooks[i].message);
	free(run->hooks);
	run->hooks = NULL;
	run->nhooks = 0;
}

void
record_release(struct record *r)
{
	free(r->again_because);
	free(r->line);
	free(r->kept);
	free(r->kept_from);
	free(r->error);
	free(r->result);
	free(r->values);
	free(r->url);
	free(r->remote);
	free(r->inputs);
	free(r->earlier_attempts);
}

static int64_t
count(struct json v)
{
	int64_t n;

	return json_int(v, &n) && n >= 0 ? n : -1;
}

void
record_error(const struct record *r, struct record_error *e)
{
	struct json v = JSON_NOTHING;

	if (r->error != NULL && json_parse(r->error, strlen(r->error), &v, NULL) == -1)
		v = JSON_NOTHING;
	record_error_of(v, e);
}

void
record_error_of(struct json v, struct record_error *e)
{
	*e = (struct record_error){.cell = -1, .execution_count = -1};
	e->kind = decoded(json_get(v, "kind"));
	e->name = decoded(json_get(v, "name"));
	e->message = decoded(json_get(v, "message"));
	e->cell = count(json_get(v, "cell"));
	e->execution_count = count(json_get(v, "execution_count"));
}

void
record_error_release(struct record_error *e)
{
	free(e->kind);
	free(e->name);
	free(e->message);
	*e = (struct record_error){.cell = -1, .execution_count = -1};
}
