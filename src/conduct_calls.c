/* What the pool calls while a run goes on. */
#include "conductor.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/proc.h"
#include "headroom.h"
#include "report/progress.h"
#include "target.h"

static struct record *
record_of(const struct job *j)
{
	return ((const struct part *)j)->record;
}

/* ---- Starting ---- */

/*
 * Why nothing more is to be started although there is something, NULL for no reason; said when there is one or none
 * now.
 */
static void
hold(struct conductor *c, const char *why)
{
	bool changed = (why == NULL) != (c->held == NULL);

	free(c->held);
	c->run.held = c->held = why != NULL ? xstrdup(why) : NULL;
	if (changed)
		progress_held();
}

/* Whether there is something to start, and the machine has no room for it. */
static bool
is_held(struct conductor *c, int64_t now)
{
	const struct workflow *w = c->workflow;

	/*
	 * What runs alone is never held: nothing would ever end that. Those that wait for it are no company; one whose kernel is
	 * ending is.
	 */
	if (pool_working() + c->departing == 0 || (w->max_load <= 0 && w->min_free_memory <= 0) ||
	    (!child_waits(c) && !schedule_has_next(c->schedule, now))) {
		hold(c, NULL);
	} else if (c->held == NULL || now >= c->held_until) {
		/* Not with every line that a notebook prints: it costs several files of the kernel's. */
		hold(c, headroom_hold(w->max_load, w->min_free_memory, NULL));
		c->held_until = now + HEADROOM_STEP;
	}
	return c->held != NULL;
}

static struct job *
on_wanted(void *data, int64_t *again)
{
	struct conductor *c = data;
	struct record *r;

	if (!child_waits(c))
		return NULL;
	if (is_held(c, clock_run())) {
		*again = c->held_until;
		return NULL;
	}
	r = child_next(c);
	notebook_prepare(c, r);
	return &conductor_part(c, r)->job;
}

static struct job *
on_next(void *data, int64_t *again)
{
	struct conductor *c = data;
	int64_t now;
	size_t i;

	if (!notebook_look(c))
		return NULL;
	now = clock_run();
	if (is_held(c, now)) {
		*again = c->held_until;
		return NULL;
	}
	i = schedule_next(c->schedule, now, again);
	if (i == SCHEDULE_NONE)
		return NULL;
	/* It goes by what others have done: that must not be forgotten when it is not. */
	if (c->workflow->tasks[i].ndepends_on > 0)
		conductor_sync(c);
	notebook_prepare(c, &c->run.records[i]);
	return &c->parts[i].job;
}

static void
on_started(void *data, struct job *j)
{
	struct conductor *c = data;

	if (j == &c->hooks.job) {
		hooks_started(&c->hooks);
		conductor_journal(c, events_hook_started(&c->events, hooks_command(&c->hooks), j->pid));
		return;
	}
	c->handed_over = NULL;
	notebook_started(c, record_of(j));
}

static void
on_progress(void *data, struct job *j, const char *text, size_t n)
{
	struct conductor *c = data;

	if (j != &c->hooks.job)
		notebook_heard(c, record_of(j), text, n);
}

static bool
on_finished(void *data, struct job *j)
{
	struct conductor *c = data;

	if (j == &c->hooks.job) {
		conductor_journal(c, events_hook_finished(&c->events, hooks_ended(&c->hooks)));
		return false;
	}
	return notebook_ended(c, record_of(j));
}

/* ---- Stopping ---- */

static char *
failure_reason(const struct conductor *c)
{
	const struct workflow *w = c->workflow;
	const char *how = status_verb(c->culprit->status);

	if (w->after_failures == 1)
		return xasprintf("notebook '%s' %s (on_error: %s)", c->culprit->task->name, how, policy_name(w->on_error));
	if (w->after_failures > 0)
		return xasprintf("%zu notebooks failed, '%s' the last of them (on_error: %s after %u)", c->failures,
		    c->culprit->task->name, policy_name(w->on_error), w->after_failures);
	return xasprintf("%zu of %zu notebooks failed, '%s' the last of them (on_error: %s after %g%%)", c->failures, c->run.n,
	    c->culprit->task->name, policy_name(w->on_error), w->after_percent);
}

static void
on_stopping(void *data, enum pool_stop why, int sig)
{
	struct conductor *c = data;

	switch (why) {
	case POOL_STOP_FAILURE:
		c->stop_reason = failure_reason(c);
		break;
	case POOL_STOP_TIMEOUT:
		c->stop_reason = xasprintf("the run did not finish within %g s", (double)c->workflow->timeout / 1e9);
		break;
	case POOL_STOP_SIGNAL:
		c->stop_reason = xasprintf("nbfork was stopped by %s", proc_signal_name(sig));
		break;
	case POOL_STOP_BROKEN:
	case POOL_GOES_ON:
		c->stop_reason = xstrdup("nbfork could not go on");
		break;
	}
	c->run.stopping = true;
	c->run.stop_reason = c->stop_reason;
	conductor_journal(c, events_run_stopping(&c->events, c->stop_reason));
	progress_stopping();
	child_back(c);
	/* What may finish may also have done what it waits for. */
	if (why != POOL_STOP_FAILURE || c->workflow->on_error != POLICY_DRAIN)
		child_skip_all(c, c->stop_reason);
}

static struct job *
on_last(void *data)
{
	struct conductor *c = data;
	struct record *r = notebook_to_cancel(c);

	return r != NULL ? &conductor_part(c, r)->job : NULL;
}

/* ---- Hooks ---- */

static struct job *
on_beside(void *data)
{
	struct conductor *c = data;

	return hooks_next(&c->hooks);
}

static void
on_over(void *data, const struct pool_end *end)
{
	conductor_over(data, end);
}

/* ---- Time ---- */

/*
 * The one that was started last, and has not been told to stop: of those whose memory is this machine's. What a notebook
 * has run is its affair, and one that waits for others has them to lose.
 */
static struct record *
youngest(const struct conductor *c)
{
	struct record *found = NULL;

	for (size_t i = 0; i < c->run.n; i++) {
		struct record *r = &c->run.records[i];

		if (r->state == RECORD_RUNNING && c->parts[i].job.state == JOB_RUNNING && !c->parts[i].job.lends &&
		    !target_ops(r->task->target)->elsewhere && (found == NULL || r->started_at > found->started_at))
			found = r;
	}
	return found;
}

/* Where memory is short, the youngest notebook goes back into the queue. Returns when to look again. */
static int64_t
look_at_memory(struct conductor *c)
{
	const struct workflow *w = c->workflow;
	int64_t now = clock_run();

	if (!w->requeue_youngest || pool_working() < 2 || c->run.stopping)
		return INT64_MAX;
	if (now < c->memory_at)
		return c->memory_at;
	c->memory_at = now + HEADROOM_STEP;
	/* One at a time: what the last one gives back is to be seen first. */
	if (c->leaving == NULL && headroom_memory_is_short(w->min_free_memory, NULL)) {
		c->leaving = youngest(c);
		if (c->leaving != NULL) {
			struct part *p = conductor_part(c, c->leaving);

			p->requeue = true;
			pool_stop_job(&p->job);
		}
	}
	return c->memory_at;
}

static bool
shows_progress(const struct conductor *c)
{
	return !c->quiet && c->options->progress != PROGRESS_NONE;
}

static int64_t
on_tick(void *data)
{
	struct conductor *c = data;
	int64_t times[6];

	if (events_sync_is_due(&c->events))
		conductor_sync(c);
	times[0] = progress_tick();
	times[1] = events_tick(&c->events);
	times[2] = look_at_memory(c);
	times[3] = conductor_sample(c);
	times[4] = reporter_tick(&c->reporter);
	times[5] = shows_progress(c) ? hooks_tick(&c->hooks, clock_run()) : INT64_MAX;
	for (int i = 1; i < 6; i++)
		if (times[i] < times[0])
			times[0] = times[i];
	return times[0];
}

static void
on_suspended(void *data, bool yes)
{
	const struct conductor *c = data;

	for (size_t i = 0; i < c->workflow->ntargets; i++) {
		const struct target_ops *ops = target_ops(c->workflow->targets[i]);

		if (ops->signal != NULL)
			ops->signal(yes ? SIGSTOP : SIGCONT);
	}
	progress_suspended(yes);
}

static void
on_resized(void *data, unsigned processes)
{
	struct conductor *c = data;

	c->run.processes = processes;
	conductor_journal(c, events_processes_changed(&c->events, processes));
	progress_resized();
}

const struct pool_calls conductor_calls = {
	.next = on_next,
	.wanted = on_wanted,
	.started = on_started,
	.progress = on_progress,
	.finished = on_finished,
	.stopping = on_stopping,
	.last = on_last,
	.beside = on_beside,
	.over = on_over,
	.tick = on_tick,
	.suspended = on_suspended,
	.resized = on_resized,
};
