/*
 * Notebooks that notebooks run. A call makes a record, beneath that of the caller, and a place in a queue; while calls are
 * open the caller lends its place in the pool. It is over itself only when all that it has run is.
 */
#include "conductor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "children.h"
#include "report/progress.h"
#include "validate.h"
#include "verdict.h"

/* ---- What the caller is told ---- */

/* Writes the answer where the caller's worker looks for it. Returns 0, or -1 with errno. */
static int
write_answer(const char *folder, int64_t call, const struct buf *answer)
{
	char *path = xasprintf("%s/answer-%lld", folder, (long long)call), *temporary = xasprintf("%s.new", path);
	int fd, r = -1, error;

	/* The notebook can write there: a link would lead elsewhere, and a FIFO would be waited for. */
	unlink(temporary);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd != -1) {
		r = file_write_full(fd, answer->data, answer->len);
		error = errno;
		close(fd);
		if (r == 0 && (r = rename(temporary, path)) == -1)
			error = errno;
		if (r == -1)
			unlink(temporary);
		errno = error;
	}
	error = errno;
	free(temporary);
	free(path);
	errno = error;
	return r;
}

/* A caller that cannot be told would wait for ever. */
static void
hand_over(struct conductor *c, struct record *caller, int64_t call, struct buf *answer)
{
	struct part *p = conductor_part(c, caller);
	char *folder = worker_folder(c->dirs.private_folder, p->job.slot);
	int error;

	buf_addc(answer, '\n');
	error = write_answer(folder, call, answer) == -1 ? errno : 0;
	if (error == 0) {
		job_tell(&p->job);
	} else if (p->job.state == JOB_RUNNING && access(folder, F_OK) == 0) {
		free(p->stop_reason);
		p->stop_reason = xasprintf("nbfork could not tell it what a notebook that it has run came to: %s", strerror(error));
		log_warn("notebook '%s' is stopped, because %s", caller->task->name, p->stop_reason);
		pool_stop_job(&p->job);
	}
	free(folder);
	buf_release(answer);
}

static void
refuse(struct conductor *c, struct record *caller, int64_t call, const char *why)
{
	struct buf answer = BUF_INIT;
	struct json_out o = JSON_OUT(&answer, -1, 0);

	json_out_open(&o, '{');
	json_out_key(&o, "status");
	json_out_str(&o, "refused");
	json_out_key(&o, "message");
	json_out_str(&o, why);
	json_out_close(&o, '}');
	hand_over(c, caller, call, &answer);
}

static void
put_value(struct json_out *o, const char *key, const char *json)
{
	json_out_key(o, key);
	json_out_value(o, json != NULL ? json_of(json) : JSON_NOTHING);
}

/* Tells the caller what its call came to. */
static void
answer(struct conductor *c, struct child *child)
{
	const struct record *r = &child->record;
	const struct job *j = &child->part.job;
	char *output = r->has_output ? realpath(child->part.assignment.output, NULL) : NULL;
	struct buf text = BUF_INIT;
	struct json_out o = JSON_OUT(&text, -1, 0);
	struct json result = JSON_NOTHING;

	json_out_open(&o, '{');
	json_out_key(&o, "status");
	json_out_str(&o, status_name(r->status));
	if (r->status == STATUS_SUCCEEDED) {
		json_parse(j->result, j->result_len, &result, NULL);
		json_out_key(&o, "exit");
		json_out_value(&o, json_get(result, "exit"));
		put_value(&o, "result", r->result);
	} else {
		put_value(&o, "error", r->error);
	}
	json_out_key(&o, "name");
	json_out_str(&o, r->task->name);
	json_out_key(&o, "output");
	json_out_str(&o, output);
	json_out_close(&o, '}');
	hand_over(c, r->parent, child->call, &text);
	free(output);
}

/* The caller does not wait for it any more; and has its place back, if it waits for nothing else. */
static void
forget_call(struct conductor *c, struct child *child)
{
	struct part *p = conductor_part(c, child->record.parent);
	struct child **at = &p->calls;

	while (*at != child)
		at = &(*at)->next_call;
	*at = child->next_call;
	child->call = 0;
	if (p->calls == NULL && !p->departs)
		pool_lend(&p->job, false);
}

/* ---- The queues ---- */

static void
enqueue(struct conductor *c, struct child *child, bool first)
{
	struct calls_queue *q = &c->queues[record_depth(&child->record)];

	child->queued = true;
	child->next_queued = first ? q->first : NULL;
	if (q->first == NULL || !first) {
		if (q->first != NULL)
			q->last->next_queued = child;
		q->last = child;
	}
	if (q->first == NULL || first)
		q->first = child;
}

static void
dequeue(struct conductor *c, struct child *child)
{
	struct calls_queue *q = &c->queues[record_depth(&child->record)];
	struct child *before = NULL;

	for (struct child *at = q->first; at != child; at = at->next_queued)
		before = at;
	if (before != NULL)
		before->next_queued = child->next_queued;
	else
		q->first = child->next_queued;
	if (q->last == child)
		q->last = before;
	child->queued = false;
}

static struct child *
first_of(const struct conductor *c)
{
	for (size_t depth = CHILDREN_DEEP; depth > 0; depth--)
		if (c->queues[depth].first != NULL)
			return c->queues[depth].first;
	return NULL;
}

bool
child_waits(const struct conductor *c)
{
	return first_of(c) != NULL;
}

struct record *
child_next(struct conductor *c)
{
	c->handed_over = first_of(c);
	dequeue(c, c->handed_over);
	return &c->handed_over->record;
}

void
child_back(struct conductor *c)
{
	if (c->handed_over != NULL)
		enqueue(c, c->handed_over, true);
	c->handed_over = NULL;
}

/* ---- Stopping ---- */

/* One that waits to be started never will be. */
static void
skip(struct conductor *c, struct child *child, const char *reason)
{
	if (child->queued) {
		dequeue(c, child);
	} else {
		pool_withdraw(&child->part.job);
		c->handed_over = NULL;
	}
	verdict_of_skipped(&child->record, reason);
	c->run.children.waiting--;
	child_over(c, &child->record);
}

static void
stop(struct conductor *c, struct child *child, const char *reason)
{
	struct part *p = &child->part;

	if (child->record.state == RECORD_WAITING) {
		skip(c, child, reason);
	} else if (child->record.state == RECORD_RUNNING && p->job.stop == JOB_STOP_NONE) {
		free(p->stop_reason);
		p->stop_reason = xstrdup(reason);
		pool_stop_job(&p->job);
	}
}

void
child_skip_all(struct conductor *c, const char *reason)
{
	struct child *child;

	while ((child = first_of(c)) != NULL)
		skip(c, child, reason);
}

bool
child_stop_all(struct conductor *c, struct record *caller)
{
	struct part *p = conductor_part(c, caller);
	char *reason;

	while (p->calls != NULL)
		forget_call(c, p->calls);
	if (p->alive == 0)
		return false;
	reason = xasprintf("notebook '%s', which ran it, has ended", caller->task->name);
	for (struct record *r = caller->children; r != NULL; r = r->next)
		stop(c, (struct child *)r, reason);
	free(reason);
	return p->alive > 0;
}

void
child_uncalled(struct conductor *c, struct record *caller, struct json v)
{
	struct part *p = conductor_part(c, caller);
	struct child *child = p->calls;
	int64_t call;
	char *reason;

	if (!json_int(json_get(v, "id"), &call))
		return;
	while (child != NULL && child->call != call)
		child = child->next_call;
	if (child == NULL)
		return;	/* it was over already, or never was */
	forget_call(c, child);
	reason = xasprintf("notebook '%s' does not wait for it any more", caller->task->name);
	stop(c, child, reason);
	free(reason);
}

/* ---- From the call to the end ---- */

/* What is wrong with a notebook, as --check would say; NULL for nothing. The caller's to free. */
static char *
fault_of(const struct conductor *c, const struct task *t)
{
	struct problems problems = PROBLEMS_INIT;
	const struct problem *first;
	char *fault = NULL;

	validate_notebook(c->workflow, t, &problems);
	if (problems.n > 0) {
		first = &problems.list[0];
		if (first->file != NULL && first->line > 0)
			fault = xasprintf("%s:%u:%u: %s", first->file, first->line, first->column, first->message);
		else
			fault = xstrdup(first->message);
	}
	problems_release(&problems);
	return fault;
}

/* Whether a call can be had at all; if not, why, which is the caller's to free. */
static char *
objection(const struct conductor *c, const struct record *caller)
{
	const struct job *j = &conductor_part(c, caller)->job;

	if (j->stop != JOB_STOP_NONE || j->state != JOB_RUNNING || c->journal_failed)
		return xstrdup("the notebook is being stopped");
	if (record_depth(caller) >= CHILDREN_DEEP)
		return xasprintf("notebooks that run each other are nested more than %d deep", CHILDREN_DEEP);
	if (c->nchildren >= CHILDREN_MOST)
		return xasprintf("notebooks have run %d others in this run, which is as many as they may", CHILDREN_MOST);
	return NULL;
}

static void
add_child(struct conductor *c, struct child *child, struct record *caller, int64_t call)
{
	struct part *p = conductor_part(c, caller);
	struct record *r = &child->record;

	free(child->task.name);
	child->task.name = children_name(&c->names, caller->task->name, child->task.file, c->resumes ? c->run.folder : NULL);
	r->task = &child->task;
	r->parent = caller;
	r->parent_attempt = caller->attempts;
	r->estimate = -1;
	r->queued_at = clock_run();
	if (caller->last_child != NULL)
		caller->last_child->next = r;
	else
		caller->children = r;
	caller->last_child = r;
	conductor_equip(c, &child->part, r);
	child->part.assignment.caller = &p->assignment;
	child->call = call;
	child->next_call = p->calls;
	p->calls = child;
	p->alive++;
	c->nchildren++;
	c->run.children.waiting++;
	conductor_journal(c, events_notebook_called(&c->events, r));
	enqueue(c, child, false);
	progress_notebook_called(r);
	pool_lend(&p->job, true);
}

void
child_called(struct conductor *c, struct record *caller, struct json v)
{
	struct child *child;
	int64_t call;
	char *why;

	if (!json_int(json_get(v, "id"), &call) || call <= 0)
		return;
	why = objection(c, caller);
	if (why != NULL) {
		refuse(c, caller, call, why);
		free(why);
		return;
	}
	child = xcalloc(1, sizeof(*child));
	if (children_task(&child->task, caller->task, v, &why) == 0) {
		why = fault_of(c, &child->task);
		if (why == NULL) {
			add_child(c, child, caller, call);
			return;
		}
	}
	refuse(c, caller, call, why);
	free(why);
	children_release(&child->task);
	free(child);
}

/* What is kept until the end of the run is bounded: of the rest there are names and verdicts; the journal has it all. */
static void
keep_little(struct conductor *c, struct child *child)
{
	struct record *r = &child->record;
	size_t n = children_bytes(&child->task) + (r->result != NULL ? strlen(r->result) : 0) +
	    (r->values != NULL ? strlen(r->values) : 0) + (r->error != NULL ? strlen(r->error) : 0);

	free(r->line);
	r->line = NULL;
	if (c->children_bytes + n <= CHILDREN_BYTES_MOST) {
		c->children_bytes += n;
		return;
	}
	params_release(&child->task.parameters);
	free(r->result);
	free(r->values);
	r->result = r->values = NULL;
	verdict_shorten(r);
}

bool
child_over(struct conductor *c, struct record *r)
{
	struct child *child = (struct child *)r;
	struct record *caller = r->parent;
	struct part *p = conductor_part(c, caller);

	r->state = RECORD_DONE;
	r->retry_at = 0;
	c->run.children.counts[r->status]++;
	conductor_journal(c, events_notebook_finished(&c->events, r));
	progress_notebook_finished(r);
	if (child->call != 0) {
		answer(c, child);
		forget_call(c, child);
	}
	keep_little(c, child);
	p->alive--;
	return p->awaits && p->alive == 0 ? notebook_goes_on(c, caller) : false;
}

void
child_release_all(struct record *r)
{
	struct record *next;

	for (struct record *at = r->children; at != NULL; at = next) {
		struct child *child = (struct child *)at;

		next = at->next;
		child_release_all(at);
		conductor_strip(&child->part);
		record_release(at);
		children_release(&child->task);
		free(child);
	}
}
