/* How a notebook of a run ends: with another attempt, or for good. */
#include "conductor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "report/progress.h"
#include "report/said.h"
#include "report/text.h"
#include "retry.h"
#include "target.h"
#include "verdict.h"

#define REASON_MAX 300	/* columns of why a notebook did not succeed */

bool
notebook_failures_suffice(const struct conductor *c)
{
	const struct workflow *w = c->workflow;

	if (w->after_failures > 0)
		return c->failures >= w->after_failures;
	return (double)c->failures * 100 >= w->after_percent * (double)c->run.n;
}

static void
say_failure(const struct conductor *c, const struct record *r)
{
	struct buf reason = BUF_INIT, cell = BUF_INIT, place = BUF_INIT;
	struct record_error e;

	record_error(r, &e);
	text_put_reason(&reason, &e, REASON_MAX);
	text_put_cell(&cell, &e);
	if (!said_place(&place, &c->run, r))
		buf_adds(&place, c->run.folder);
	log_error("notebook '%s' %s: %s%s%s%s; see %s", r->task->name, status_name(r->status), buf_str(&reason),
	    cell.len > 0 ? " (" : "", buf_str(&cell), cell.len > 0 ? ")" : "", buf_str(&place));
	buf_release(&place);
	buf_release(&cell);
	buf_release(&reason);
	record_error_release(&e);
}

bool
notebook_settle(struct conductor *c, struct record *r, enum schedule_end end)
{
	bool counts = r->status != STATUS_SKIPPED && record_fails_the_run(r);

	/* What another notebook has run is that one's affair. */
	if (r->parent != NULL)
		return child_over(c, r);
	r->state = RECORD_DONE;
	r->retry_at = 0;
	c->run.counts[r->status]++;
	conductor_journal(c, r->kept != NULL ? events_notebook_kept(&c->events, r) :
	    events_notebook_finished(&c->events, r));
	progress_notebook_finished(r);
	if (c->quiet && counts)
		say_failure(c, r);
	if (counts) {
		c->failures++;
		c->culprit = r;
	}
	keeper_settled(&c->keeper, r, &c->run);
	if (c->schedule != NULL)
		schedule_finished(c->schedule, conductor_index(c, r), end);
	return counts && notebook_failures_suffice(c);
}

void
notebook_left(struct conductor *c, struct record *r)
{
	/* The pool took it and stopped before it could start it. */
	if (conductor_part(c, r)->prepared && r->attempts > 0 && rundir_put_back(c->run.folder, r->task->name, r->attempts) == -1)
		log_warn("cannot put the files of attempt %u of '%s' back: %s", r->attempts, r->task->name, strerror(errno));
	/* One that only waited for another attempt ended as its last one did. */
	if (r->tries == 0)
		verdict_of_skipped(r, c->run.stop_reason);
	c->run.waiting--;
	notebook_settle(c, r, SCHEDULE_FAILED);
}

/* ---- When its job is over ---- */

/* From 0 to 1. */
static double
random_share(void)
{
	uint32_t n = 0;

	/* Without chance it is a poorer spread, and nothing worse. */
	if (getrandom(&n, sizeof(n), GRND_NONBLOCK) != sizeof(n))
		return 0.5;
	return (double)n / UINT32_MAX;
}

/* It waits again, for the time at. */
static void
wait_until(struct conductor *c, struct record *r, int64_t at)
{
	r->state = RECORD_WAITING;
	r->retry_at = at;
	++*conductor_waiting(c, r);
	schedule_again(c->schedule, conductor_index(c, r), at);
}

static void
try_again(struct conductor *c, struct record *r)
{
	int64_t delay = retry_delay(r->task, r->tries - r->requeued, random_share());

	conductor_journal(c, events_attempt_failed(&c->events, r, (double)delay / (double)NSEC_PER_SEC));
	wait_until(c, r, clock_run() + delay);
	progress_notebook_retries(r, delay);
}

static const char no_memory[] = "less than half of min_free_memory was free";
static const char was_over[] = "the run of it that was left in the workspace had been cancelled";

static void
queue_again(struct conductor *c, struct record *r, const char *why)
{
	r->requeued++;
	conductor_journal(c, events_requeued(&c->events, r, why));
	wait_until(c, r, clock_run());
	progress_notebook_requeued(r, why);
}

/* What nobody saw the end of may still run elsewhere, for the next attempt to follow. */
static void
close_remote(struct conductor *c, struct record *r)
{
	if (!verdict_saw_end(r->signal != 0, r->error != NULL ? json_of(r->error) : JSON_NOTHING,
	    r->remote != NULL ? json_of(r->remote) : JSON_NOTHING))
		return;
	r->submission = 0;
	r->remote_run = 0;
	conductor_part(c, r)->obsolete = false;
}

struct record *
notebook_to_cancel(struct conductor *c)
{
	for (; c->looked_at < c->run.n; c->looked_at++) {
		struct record *r = &c->run.records[c->looked_at];
		struct part *p = conductor_part(c, r);
		struct job *j = &p->job;

		/* Of those that run the workers see to it. The values of one that was not ready are not known. */
		if (r->submission == 0 || r->state == RECORD_RUNNING || p->cancelled || (r->remote_run == 0 && !p->readied) ||
		    target_ops(r->task->target)->cancel == NULL)
			continue;
		p->cancels = p->cancelled = true;
		p->assignment.number = r->submission;
		p->assignment.remote_run = r->remote_run;
		job_release(j);
		job_init(j, r->task->name, worker_cancel, &p->assignment);
		j->timeout = POOL_GRACE;
		j->takes_term = true;
		return r;
	}
	return NULL;
}

/* The end of what was left running elsewhere has been seen, or has not. */
static void
cancel_ended(struct conductor *c, struct record *r)
{
	struct job *j = &conductor_part(c, r)->job;
	bool over = WIFEXITED(j->status) && WEXITSTATUS(j->status) == WORKER_CANCELLED;
	char *name = conductor_run_name(r);

	conductor_part(c, r)->cancels = false;
	if (over) {
		log_info("%s of notebook '%s', which nobody followed, was cancelled", name, r->task->name);
		/* What is over has been written to the journal as it was then. */
		if (r->state == RECORD_WAITING)
			verdict_of_cancelled(r);
	} else {
		log_warn("cannot confirm that %s of notebook '%s' has ended%s%s", name, r->task->name,
		    r->url != NULL ? ": " : "", r->url != NULL ? r->url : "");
	}
	free(name);
	job_release(j);
}

bool
notebook_ended(struct conductor *c, struct record *r)
{
	struct part *p = conductor_part(c, r);
	struct job *j = &p->job;
	const char *reason = c->run.stop_reason;
	char *folder;

	if (p->cancels) {
		cancel_ended(c, r);
		return false;
	}
	c->departing -= p->departs;
	p->departs = false;
	folder = worker_folder(c->dirs.private_folder, j->slot);
	r->ended_at = j->ended_at;
	r->ended_wall = clock_wall();
	if (j->stop == JOB_STOP_CALLER)
		reason = p->requeue ? no_memory : p->stop_reason;
	verdict_of_job(r, j, reason);
	r->has_output = access(p->assignment.output, F_OK) == 0;
	r->has_log = access(p->assignment.log, F_OK) == 0;
	/* A worker that died could not do it itself. */
	if (j->result == NULL)
		file_remove_temporaries(p->assignment.output);
	if (file_remove_tree(folder) == -1)
		log_warn("cannot remove '%s': %s", folder, strerror(errno));
	free(folder);
	--*conductor_running(c, r);
	if (c->leaving == r)
		c->leaving = NULL;
	close_remote(c, r);
	p->awaits = child_stop_all(c, r);
	return p->awaits ? false : notebook_goes_on(c, r);
}

bool
notebook_goes_on(struct conductor *c, struct record *r)
{
	struct part *p = conductor_part(c, r);
	struct job *j = &p->job;
	bool found_over, requeue = p->requeue && j->stop == JOB_STOP_CALLER, obey = false, timed_out = p->timed_out;

	p->awaits = false;
	/* The worker has tried what can be done within the grace, unless it died of something else. */
	p->cancelled = j->stop != JOB_STOP_NONE && (j->result != NULL || j->killed);
	if (!p->cancelled && r->parent == NULL && conductor_index(c, r) < c->looked_at)
		c->looked_at = conductor_index(c, r);
	p->requeue = false;
	p->timed_out = r->status == STATUS_TIMED_OUT;
	/* What ended a run that was left is no word on this attempt, unless nobody has heard of it. */
	found_over = p->found_over && j->stop == JOB_STOP_NONE && (r->status == STATUS_CANCELLED ||
	    (r->status == STATUS_TIMED_OUT && timed_out));
	if (requeue && r->status == STATUS_CANCELLED && !c->run.stopping)
		queue_again(c, r, no_memory);
	else if (found_over && !c->run.stopping)
		queue_again(c, r, was_over);
	else if (!c->run.stopping && retry_wanted(r))
		try_again(c, r);
	else
		obey = notebook_settle(c, r, r->status == STATUS_SUCCEEDED ? SCHEDULE_SUCCEEDED : SCHEDULE_FAILED);
	job_release(j);
	return obey;
}
