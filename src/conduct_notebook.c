/* The life of one notebook of a run, seen from the parent. */
#include "conductor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "report/progress.h"
#include "report/results.h"
#include "target.h"
#include "values.h"
#include "verdict.h"

size_t
conductor_index(const struct conductor *c, const struct record *r)
{
	return (size_t)(r - c->run.records);
}

struct part *
conductor_part(const struct conductor *c, const struct record *r)
{
	return r->parent != NULL ? &((struct child *)r)->part : &c->parts[conductor_index(c, r)];
}

size_t *
conductor_waiting(struct conductor *c, const struct record *r)
{
	return r->parent != NULL ? &c->run.children.waiting : &c->run.waiting;
}

size_t *
conductor_running(struct conductor *c, const struct record *r)
{
	return r->parent != NULL ? &c->run.children.running : &c->run.running;
}

/* ---- Before it starts ---- */

/* The task as it is to be run: with all values, if they can be had. */
static int
make_values(struct conductor *c, struct record *r, char **why)
{
	struct part *p = conductor_part(c, r);

	if (!values_needed(r->task))
		return 0;
	if (values_make(&p->own, r->task, &c->run, c->run.id, why) == -1)
		return -1;
	p->has_own = true;
	r->task = p->assignment.task = &p->own;
	return 0;
}

/* What it is run on, for this run's journal and for comparing with an earlier one. */
static void
find_inputs(struct conductor *c, const struct record *r, struct inputs *in)
{
	const struct task *t = r->parent != NULL ? r->task : &c->workflow->tasks[conductor_index(c, r)];
	struct task same;
	char *why;

	if (!values_needed(t)) {
		keeper_inputs(&c->keeper, t, &c->run, in);
	} else if (values_make(&same, t, &c->run, "", &why) == 0) {
		keeper_inputs(&c->keeper, &same, &c->run, in);
		values_release(&same);
	} else {
		free(why);
		memset(in, 0, sizeof(*in));
	}
}

static void
note_inputs(struct conductor *c, struct record *r, struct inputs *in)
{
	struct buf text = BUF_INIT;

	find_inputs(c, r, in);
	inputs_put(in, &text);
	free(r->inputs);
	r->inputs = buf_steal(&text);
}

/* Returns whether the policy is to be obeyed. */
static bool
readied(struct conductor *c, struct record *r)
{
	struct inputs in;
	char *why = NULL;

	conductor_part(c, r)->readied = true;
	r->queued_at = clock_run();
	if (make_values(c, r, &why) == -1) {
		verdict_of_dependency(r, why);
		free(why);
		c->run.waiting--;
		return notebook_settle(c, r, SCHEDULE_FAILED);
	}
	note_inputs(c, r, &in);
	if (keeper_keeps(&c->keeper, r, &c->run, &in)) {
		c->run.waiting--;
		notebook_settle(c, r, SCHEDULE_SUCCEEDED);
	}
	return false;
}

bool
notebook_look(struct conductor *c)
{
	enum schedule_end end;
	size_t i;

	/* Settling one may ready or drop others. */
	for (;;) {
		if ((i = schedule_ready(c->schedule)) != SCHEDULE_NONE) {
			/* One that was looked at comes back for another attempt. */
			if (!c->parts[i].readied && readied(c, &c->run.records[i])) {
				pool_fail();
				return false;
			}
		} else if ((i = schedule_dropped(c->schedule, &end)) != SCHEDULE_NONE) {
			verdict_of_dropped(&c->run.records[i], &c->run, end == SCHEDULE_EXCLUDED);
			c->run.waiting--;
			notebook_settle(c, &c->run.records[i], end);
		} else {
			return true;
		}
	}
}

/* Adds the attempt that has ended to those that came before the next one. */
static void
keep_attempt(struct record *r)
{
	const char *before = r->earlier_attempts != NULL ? r->earlier_attempts : "[]";
	struct buf list = BUF_INIT;
	struct json_out o = JSON_OUT(&list, -1, 0);

	buf_add(&list, before, strlen(before) - 1);
	if (list.len > 1)
		buf_adds(&list, ", ");
	results_put_attempt(r, &o);
	buf_addc(&list, ']');
	free(r->earlier_attempts);
	r->earlier_attempts = buf_steal(&list);
}

char *
conductor_run_name(const struct record *r)
{
	return r->remote_run != 0 ? xasprintf("run %lld", (long long)r->remote_run) : xstrdup("the run");
}

/* What an earlier run has left running elsewhere and would not be started so now is not this notebook any more. */
static void
look_at_old(struct conductor *c, struct record *r, const struct inputs *now)
{
	const struct past_notebook *past = past_find(&c->past, r->task->name);
	struct part *p = conductor_part(c, r);
	char *why, *name;

	if (r->submission == 0 || past == NULL || p->obsolete || (why = keeper_outdated(&c->keeper, r, &c->run, now)) == NULL)
		return;
	name = conductor_run_name(r);
	if (strcmp(past->begun.place, now->place) != 0) {
		log_warn("notebook '%s' starts in another workspace; %s in the one before is left alone", r->task->name, name);
		r->submission = 0;
		r->remote_run = 0;
	} else {
		log_warn("notebook '%s' starts anew, because %s; %s, which was started before, is cancelled first", r->task->name,
		    why, name);
		p->obsolete = true;
	}
	free(name);
	free(why);
}

void
notebook_prepare(struct conductor *c, struct record *r)
{
	struct part *p = conductor_part(c, r);
	struct job *j = &p->job;
	struct buf values = BUF_INIT;
	struct inputs in;

	p->prepared = true;
	note_inputs(c, r, &in);	/* the notebook may have been edited while it waited */
	values_put_all(r->task, &c->run, &values);
	free(p->assignment.task_values);
	p->assignment.task_values = buf_steal(&values);
	if (target_ops(r->task->target)->elsewhere) {
		if (r->tries == 0)
			look_at_old(c, r, &in);
		p->found_over = false;
		p->assignment.obsolete = p->obsolete;
		/* What an earlier attempt has left running there is followed, not started again. */
		p->assignment.again = r->submission != 0;
		if (r->submission == 0)
			r->submission = r->attempts + 1;
		p->assignment.number = r->submission;
		p->assignment.remote_run = r->remote_run;
	}
	if (r->attempts > 0 && rundir_put_aside(c->run.folder, r->task->name, r->attempts) == -1)
		log_warn("cannot put the files of attempt %u of '%s' aside: %s", r->attempts, r->task->name,
		    strerror(errno));
	p->assignment.line_interval = progress_line_interval();
	job_release(j);
	job_init(j, r->task->name, worker_main, &p->assignment);
	j->timeout = r->task->timeout;
	j->takes_term = true;	/* what runs elsewhere already does not end with its worker */
}

void
notebook_started(struct conductor *c, struct record *r)
{
	struct part *p = conductor_part(c, r);
	const struct job *j = &p->job;

	p->prepared = false;
	free(p->stop_reason);
	p->stop_reason = NULL;
	if (r->tries > 0)
		keep_attempt(r);
	r->has_output = r->has_log = false;
	free(r->error);
	free(r->result);
	free(r->values);
	free(r->line);
	free(r->remote);
	r->error = r->result = r->values = r->line = r->remote = NULL;
	if (r->remote_run == 0) {
		free(r->url);
		r->url = NULL;
	}
	r->state = RECORD_RUNNING;
	r->attempts++;
	r->tries++;
	if (r->retry_at != 0)
		r->queued_at = r->retry_at;
	r->retry_at = 0;
	r->started_at = j->started_at;
	r->started_wall = clock_wall();
	r->slot = j->slot;
	r->pid = j->pid;
	r->kernel_pid = 0;
	r->kernel_ready = r->warm = r->ending = false;
	r->cell = r->cells = 0;
	--*conductor_waiting(c, r);
	++*conductor_running(c, r);
	conductor_journal(c, events_notebook_started(&c->events, r));
	progress_notebook_started(r);
}

/* ---- While it runs ---- */

/* It has been started elsewhere: that is to be known before anything else can happen. */
static void
take_submitted(struct conductor *c, struct record *r, struct json v)
{
	char *url = json_strdup(json_get(v, "url"));
	bool news = r->remote_run == 0 || (url != NULL && r->url == NULL);

	json_int(json_get(v, "run_id"), &r->remote_run);
	if (url != NULL) {
		free(r->url);
		r->url = url;
	}
	if (news)
		conductor_journal(c, events_notebook_submitted(&c->events, r));
}

/*
 * All of its cells have run: what its kernel still does to end is nothing to wait for, and another one may begin. As many
 * may depart as may run; and where one is to run at a time it is alone until its very end.
 */
static void
depart(struct conductor *c, struct record *r)
{
	struct part *p = conductor_part(c, r);

	r->ending = true;
	if (p->departs || c->run.processes < 2 || c->departing >= c->run.processes)
		return;
	p->departs = true;
	c->departing++;
	conductor_journal(c, events_notebook_departs(&c->events, r));
	pool_lend(&p->job, true);
}

void
notebook_heard(struct conductor *c, struct record *r, const char *text, size_t n)
{
	struct json v, kind;
	double seconds = 0;

	if (json_parse(text, n, &v, NULL) == -1) {
		log_warn("notebook '%s': worker sent progress that is no JSON", r->task->name);
		return;
	}
	kind = json_get(v, "kind");
	json_double(json_get(v, "seconds"), &seconds);
	if (json_is(kind, "line")) {
		free(r->line);
		r->line = json_strdup(json_get(v, "text"));
		progress_line(r);
	} else if (json_is(kind, "found_ending")) {
		pool_lift_timeout(&conductor_part(c, r)->job);
	} else if (json_is(kind, "found_over")) {
		conductor_part(c, r)->found_over = true;
	} else if (json_is(kind, "departs")) {
		depart(c, r);
	} else if (json_is(kind, "call")) {
		child_called(c, r, v);
	} else if (json_is(kind, "uncall")) {
		child_uncalled(c, r, v);
	} else if (json_is(kind, "submitted")) {
		take_submitted(c, r, v);
	} else if (json_is(kind, "kernel")) {
		r->kernel_ready = true;
		r->warm = json_is(json_get(v, "start"), "warm");
		r->ready_seconds = seconds;
		r->kernel_pid = (int)json_count_of(v, "pid");
		conductor_journal(c, events_kernel_ready(&c->events, r, r->kernel_pid, seconds));
		progress_cell(r);
	} else if (json_is(kind, "cell_started") || json_is(kind, "cell_finished")) {
		bool started = json_is(kind, "cell_started");

		r->cell = json_count_of(v, "number");
		r->cells = json_count_of(v, "total");
		if (started)
			r->cell_started_at = clock_run();
		conductor_journal(c, events_cell(&c->events, r, started, json_count_of(v, "cell"), r->cell, r->cells, seconds,
		    json_type(json_get(v, "failed")) == JSON_TRUE));
		if (started)
			progress_cell(r);
	}
}
