#include "pool/pool.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "pool/running.h"
#include "pool/signals.h"

#define START_PATIENCE (5 * NSEC_PER_SEC)	/* for the system to let us fork, while nothing runs */
#define START_STEP (1 * NSEC_PER_SEC)	/* between two tries, while something runs */
#define START_STEP_ALONE (NSEC_PER_SEC / 5)
#define AGAIN_STEP (1 * NSEC_PER_MSEC)	/* between two questions for a job to start, if nothing happens */
#define KILL_STEP (5 * NSEC_PER_MSEC)	/* between two rounds of killing orphans, if no SIGCHLD comes first */
#define HEAR_TIME (20 * NSEC_PER_MSEC)	/* for what one job says, in one turn: what it asks for may take its time */
#define ECHO (100 * NSEC_PER_MSEC)	/* a second signal within that time of the first is not meant as one */

struct pool {
	const struct pool_config *config;
	const struct pool_calls *calls;
	struct pool_end end;
	struct running running;
	unsigned processes, processes_max;	/* how many may run, now and ever */
	struct pollfd *polled;	/* for each of those that run */
	size_t polled_cap;
	struct job *held;	/* next() has handed it out, but it has not been started */
	int start_error;	/* errno of the last try that failed; 0 for none */
	int64_t retry_at;	/* when to try again; 0 for at once */
	int64_t start_at;	/* when to start something, or ask for it, though nothing has happened until then */
	int64_t alone_since;	/* when the first try failed while nothing ran; 0 for never */
	int64_t deadline;	/* of the run */
	int64_t tick_at;
	int stops;	/* orders to stop that have been obeyed */
	int64_t stopped_at;	/* when the first of them was */
	bool stopping;	/* what runs has been told to stop, and not only what does not run yet */
	bool hurried;	/* nothing is started any more: whoever gives the orders does not want to wait */
	bool unclean;	/* nothing is started any more to clean up: it could not be */
	struct job *beside;	/* the one that runs beside the others; NULL for none */
	bool over;	/* nothing else is left */
	int give_up;	/* errno from pool_give_up, until it has been obeyed */
	bool failed;	/* there was a failure, until it has been obeyed */
};

static struct pool *current;	/* for what callbacks call */

void
pool_give_up(int error)
{
	if (current != NULL && current->give_up == 0)
		current->give_up = error;
}

void
pool_fail(void)
{
	if (current != NULL)
		current->failed = true;
}

static size_t
working(const struct pool *p)
{
	return p->running.n - p->running.lending;
}

void
pool_lend(struct job *j, bool yes)
{
	/* One that has not been started, or is over, has no place. */
	if (current != NULL && j->state != JOB_NEW && j->state != JOB_OVER)
		running_lend(&current->running, j, yes);
}

size_t
pool_working(void)
{
	return current != NULL ? working(current) : 0;
}

void
pool_withdraw(const struct job *j)
{
	if (current == NULL || current->held != j)
		return;
	current->held = NULL;
	current->alone_since = 0;
}

void
pool_lift_timeout(struct job *j)
{
	if (j->state == JOB_RUNNING)
		j->deadline = INT64_MAX;
}

void
pool_stop_job(struct job *j)
{
	if (current != NULL)
		job_stop(j, JOB_STOP_CALLER, current->config->grace);
}

void
pool_disown(pid_t pid)
{
	if (current != NULL)
		orphans_disown(&current->running.orphans, pid);
}

/* Whether a callback has ordered something that has not been obeyed. */
static bool
has_order(const struct pool *p)
{
	return p->give_up != 0 || p->failed;
}

static void
stop_starting(struct pool *p, enum pool_stop why, int sig)
{
	if (p->end.why != POOL_GOES_ON || p->over)
		return;
	p->end.why = why;
	p->held = NULL;
	p->calls->stopping(p->config->data, why, sig);
}

static void
stop_running(struct pool *p, enum job_stop why)
{
	p->stopping = true;
	running_stop(&p->running, why, p->config->grace);
}

/* What runs beside the others has outlived them, and is to stop too. */
static void
stop_beside(struct pool *p)
{
	p->hurried = true;
	if (p->beside != NULL)
		job_stop(p->beside, JOB_STOP_SIGNAL, p->config->grace);
}

static void
obey_failure(struct pool *p)
{
	if (!p->failed)
		return;
	p->failed = false;
	if (p->config->policy == POOL_LET_FINISH)
		return;
	stop_starting(p, POOL_STOP_FAILURE, 0);
	if (p->config->policy == POOL_FAIL_FAST)
		stop_running(p, JOB_STOP_POLICY);
}

static void
finish_job(struct pool *p, size_t i)
{
	struct job *j = p->running.jobs[i];

	running_remove(&p->running, i);
	if (j == p->beside)
		p->beside = NULL;
	p->retry_at = 0;
	j->state = JOB_OVER;
	j->deadline = INT64_MAX;
	j->ended_at = clock_run();
	if (p->calls->finished(p->config->data, j))
		p->failed = true;
	obey_failure(p);	/* before the next one is finished, which may be the next failure */
}

static void
finish_jobs(struct pool *p)
{
	for (size_t i = 0; i < p->running.n; ) {
		if (p->running.jobs[i]->state == JOB_DRAINING && p->running.jobs[i]->fd == -1)
			finish_job(p, i);
		else
			i++;
	}
}

static void
suspend(struct pool *p)
{
	const pid_t self = getpid();

	proc_signal_below(self, SIGSTOP, &p->running.orphans.strangers);
	if (p->calls->suspended != NULL)
		p->calls->suspended(p->config->data, true);
	clock_suspend();
	signals_stop_self();
	clock_resume();	/* before anybody else can look at the clock again */
	proc_signal_below(self, SIGCONT, &p->running.orphans.strangers);
	if (p->calls->suspended != NULL)
		p->calls->suspended(p->config->data, false);
}

/* Does what signals, the clock and the callbacks have ordered. */
static void
obey(struct pool *p)
{
	int64_t now;
	int first, stops;

	if (signals_suspend())
		suspend(p);
	now = clock_run();
	stops = signals_stops(&first);
	if (stops > 0 && p->stops == 0) {
		p->end.sig = first;
		p->stopped_at = now;
		stop_starting(p, POOL_STOP_SIGNAL, first);
		stop_running(p, JOB_STOP_SIGNAL);
		if (p->over)
			stop_beside(p);
	} else if (stops > p->stops && now - p->stopped_at >= ECHO) {
		running_kill(&p->running, JOB_STOP_SIGNAL);
		p->hurried = true;
	}
	p->stops = stops;
	if (now >= p->deadline) {
		p->deadline = INT64_MAX;
		stop_starting(p, POOL_STOP_TIMEOUT, 0);
		stop_running(p, JOB_STOP_RUN_TIMEOUT);
	}
	obey_failure(p);
	if (p->give_up != 0) {
		if (p->end.error == 0)
			p->end.error = p->give_up;
		p->give_up = 0;
		stop_starting(p, POOL_STOP_BROKEN, 0);
		stop_running(p, JOB_STOP_POLICY);
	}
}

static void
resize(struct pool *p)
{
	int64_t processes = (int64_t)p->processes + signals_resize();

	if (processes < 1)
		processes = 1;
	if (processes > p->processes_max)
		processes = p->processes_max;
	if (processes == p->processes || p->end.why != POOL_GOES_ON || p->over)
		return;
	p->processes = (unsigned)processes;
	if (p->calls->resized != NULL)
		p->calls->resized(p->config->data, p->processes);
}

/* No process could be started for the job that is held: it waits. */
static void
hold(struct pool *p, int error)
{
	int64_t now = clock_run();

	/* Said once: where the limit is lower than the number of slots, it comes with every job. */
	if (p->start_error != error)
		log_warn("cannot start a process for '%s': %s (will try again)", p->held->name, strerror(error));
	p->start_error = error;
	if (working(p) > 0) {
		p->alone_since = 0;
		p->retry_at = now + START_STEP;
		return;
	}
	if (p->alone_since == 0)
		p->alone_since = now;
	p->retry_at = now + START_STEP_ALONE;
	if (now - p->alone_since >= START_PATIENCE) {
		p->end.error = error;
		stop_starting(p, POOL_STOP_BROKEN, 0);
		stop_running(p, JOB_STOP_POLICY);	/* those that wait for what cannot be started */
	}
}

/* Asks for a job to start, and holds it. Returns whether there is one. */
static bool
ask(struct pool *p)
{
	int64_t again = INT64_MAX, other, soonest;

	if (p->calls->wanted != NULL)
		p->held = p->calls->wanted(p->config->data, &again);
	if (p->held == NULL && p->end.why == POOL_GOES_ON && !has_order(p)) {
		other = again;
		again = INT64_MAX;
		p->held = p->calls->next(p->config->data, &again);
		if (other < again)
			again = other;
	}
	if (p->held == NULL && again != INT64_MAX) {
		soonest = clock_run() + AGAIN_STEP;
		p->start_at = again > soonest ? again : soonest;
	}
	return p->held != NULL;
}

/* Starts the job that is held, or holds it on. */
static void
start(struct pool *p)
{
	struct job *j = p->held;

	/* Before the fork: the child wants to know it too. */
	j->slot = running_slot(&p->running);
	j->keep_fd = p->config->keep_fd;
	if (job_start(j, signals_mask()) == -1) {
		hold(p, errno);
		return;
	}
	p->held = NULL;
	p->alone_since = p->retry_at = 0;
	running_add(&p->running, j);
	log_debug("'%s' is process %d", j->name, (int)j->pid);
	p->calls->started(p->config->data, j);
}

/* Whether something may be started: at least what those that run wait for, as long as they may finish. */
static bool
may_start(const struct pool *p)
{
	return p->end.why == POOL_GOES_ON || (p->end.why == POOL_STOP_FAILURE && !p->stopping);
}

/* Whether there is room for one more job, and nothing against it. */
static bool
has_room(const struct pool *p)
{
	return working(p) < p->processes && may_start(p) && !has_order(p);
}

/* Starts what cleans up. */
static void
start_last(struct pool *p)
{
	struct job *j;

	if (!p->stopping || p->hurried || p->end.why == POOL_STOP_BROKEN || p->calls->last == NULL)
		return;
	while (!p->unclean && p->running.n - (p->beside != NULL) < p->processes &&
	    (j = p->calls->last(p->config->data)) != NULL) {
		j->slot = running_slot(&p->running);
		j->keep_fd = p->config->keep_fd;
		if (job_start(j, signals_mask()) == -1) {
			log_warn("cannot start a process for '%s': %s", j->name, strerror(errno));
			p->unclean = true;
			break;
		}
		running_add(&p->running, j);
	}
}

/* Starts what is to run beside the others. */
static void
start_beside(struct pool *p)
{
	struct job *j;

	while (p->beside == NULL && !p->hurried && p->calls->beside != NULL && (j = p->calls->beside(p->config->data)) != NULL) {
		j->slot = running_slot(&p->running);
		j->keep_fd = p->config->keep_fd;
		if (job_start(j, signals_mask()) == -1) {
			j->problem = strerror(errno);
			p->calls->finished(p->config->data, j);
			continue;
		}
		p->beside = j;
		running_add(&p->running, j);
		running_lend(&p->running, j, true);	/* it takes no place */
		p->calls->started(p->config->data, j);
	}
}

/* When there is nothing else left to run or to wait for, that is said, once. */
static void
end_others(struct pool *p)
{
	if (p->over || p->running.n > (p->beside != NULL) || p->start_at != INT64_MAX || has_order(p))
		return;
	p->over = true;
	p->deadline = INT64_MAX;
	if (p->calls->over != NULL)
		p->calls->over(p->config->data, &p->end);
	start_beside(p);
}

static void
fill_slots(struct pool *p)
{
	p->start_at = INT64_MAX;
	if (p->over)
		return;
	if (p->end.why != POOL_GOES_ON)
		start_last(p);
	while (has_room(p)) {
		if (p->held == NULL && !ask(p))
			return;
		if (clock_run() < p->retry_at) {
			p->start_at = p->retry_at;
			return;
		}
		/* What has handed it out may have ordered something, too. */
		if (has_room(p))
			start(p);
	}
}

static void
take_frame(struct pool *p, struct job *j, const struct frame *f)
{
	unsigned level;

	switch (f->type) {
	case FRAME_PROGRESS:
		p->calls->progress(p->config->data, j, f->payload, f->n);
		break;
	case FRAME_RESULT:
		j->result = xmemdup0(f->payload, f->n);
		j->result_len = f->n;
		break;
	case FRAME_LOG:
		level = (unsigned char)f->payload[0];
		log_relay(level < LOG_DEBUG ? (enum log_level)level : LOG_DEBUG, j->name, f->payload + 1);
		break;
	}
}

/*
 * Reads once from a job's pipe, when all is heard that was read before: a job that never stops talking gets its turn and
 * no more.
 */
static void
hear(struct pool *p, struct job *j)
{
	const int64_t until = clock_run() + HEAR_TIME;
	struct frame f;
	int filled, next;

	filled = j->unheard ? 0 : frame_fill(&j->frames, j->fd);
	j->unheard = false;
	while ((next = frame_next(&j->frames, &f)) == 1) {
		take_frame(p, j, &f);
		if (clock_run() >= until) {
			j->unheard = true;	/* the end of the file too, which is seen again */
			return;
		}
	}
	if (next == 0 && filled != -1)
		return;
	job_hang_up(j);
	if (next == -1)
		job_stop(j, JOB_STOP_PROTOCOL, p->config->grace);
}

static void
wait_and_hear(struct pool *p)
{
	struct running *r = &p->running;
	int64_t deadline = p->deadline < p->tick_at ? p->deadline : p->tick_at;
	struct timespec left;
	bool unheard = false;
	int ready;

	if (p->polled_cap < r->n) {
		p->polled = xreallocarray(p->polled, r->cap, sizeof(*p->polled));
		p->polled_cap = r->cap;
	}
	for (size_t i = 0; i < r->n; i++) {
		p->polled[i] = (struct pollfd){.fd = r->jobs[i]->fd, .events = POLLIN};
		if (r->jobs[i]->deadline < deadline)
			deadline = r->jobs[i]->deadline;
		unheard = unheard || r->jobs[i]->unheard;
	}
	if (p->start_at < deadline)
		deadline = p->start_at;
	if (r->kill_again && clock_run() + KILL_STEP < deadline)
		deadline = clock_run() + KILL_STEP;
	if (unheard || signals_shut() || r->reap_again || has_order(p))
		deadline = 0;
	ready = ppoll(p->polled, r->n, clock_left(deadline, &left), signals_mask());
	if (ready == -1 && errno != EINTR)
		log_fatal("cannot wait for processes: %s", strerror(errno));
	signals_let_in();
	for (size_t i = 0; i < r->n; i++)
		if ((ready > 0 && p->polled[i].revents != 0) || r->jobs[i]->unheard)
			hear(p, r->jobs[i]);
}

static void
check_deadlines(struct pool *p)
{
	int64_t now = clock_run();

	for (size_t i = 0; i < p->running.n; i++) {
		struct job *j = p->running.jobs[i];

		if (now < j->deadline)
			continue;
		switch (j->state) {
		case JOB_RUNNING:
			job_stop(j, JOB_STOP_TIMEOUT, p->config->grace);
			break;
		case JOB_CLOSED:
			j->problem = "closed its pipe and lived on";
			job_stop(j, JOB_STOP_PROTOCOL, p->config->grace);
			break;
		case JOB_STOPPING:
			job_kill(j, j->stop);
			break;
		case JOB_KILLED:
			running_abandon(&p->running, j);
			break;
		case JOB_DRAINING:
			if (!j->unheard)
				job_hang_up(j);
			break;
		case JOB_NEW:
		case JOB_EMPTYING:	/* see running_empty_trees */
		case JOB_OVER:
			break;
		}
	}
}

/* One turn of the loop, but for the wait. Returns whether there is anything to wait for. */
static bool
turn(struct pool *p)
{
	p->tick_at = p->calls->tick != NULL ? p->calls->tick(p->config->data) : INT64_MAX;
	if (signals_child() || p->running.reap_again)
		running_reap(&p->running);
	running_empty_trees(&p->running);
	finish_jobs(p);
	obey(p);
	resize(p);
	start_beside(p);
	fill_slots(p);
	end_others(p);
	return p->running.n > 0 || p->start_at != INT64_MAX || has_order(p);
}

void
pool_run(const struct pool_config *config, struct pool_end *end)
{
	struct pool p = {.config = config, .calls = config->calls, .end = {.why = POOL_GOES_ON}};

	p.processes = config->processes;
	p.processes_max = config->processes_max > config->processes ? config->processes_max : config->processes;
	p.deadline = config->timeout > 0 ? clock_run() + config->timeout : INT64_MAX;
	current = &p;
	signals_take();
	running_init(&p.running);
	while (turn(&p)) {
		wait_and_hear(&p);
		check_deadlines(&p);
	}
	/* A signal that has come in the last turn must not meet the disposition of before. */
	signals_let_in();
	obey(&p);
	if (!config->keep_signals)
		signals_give_back();
	running_release(&p.running);
	current = NULL;
	free(p.polled);
	*end = p.end;
}

void
pool_release_signals(struct pool_end *end)
{
	int first;

	signals_let_in();
	if (signals_stops(&first) > 0 && end->sig == 0)
		end->sig = first;
	signals_give_back();
}
