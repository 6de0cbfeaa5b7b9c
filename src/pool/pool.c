#include "pool/pool.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "pool/orphans.h"
#include "pool/signals.h"

#define START_PATIENCE (5 * NSEC_PER_SEC)	/* for the system to let us fork, while nothing runs */
#define START_STEP (1 * NSEC_PER_SEC)	/* between two tries, while something runs */
#define START_STEP_ALONE (NSEC_PER_SEC / 5)
#define KILL_STEP (5 * NSEC_PER_MSEC)	/* between two rounds of killing orphans, if no SIGCHLD comes first */
#define ECHO (100 * NSEC_PER_MSEC)	/* a second signal within that time of the first is not meant as one */
/*
 * children reaped in one turn: processes that fork and die without end must not hold up the rest
 */
#define REAP_MAX 256

struct pool {
	const struct pool_config *config;
	const struct pool_calls *calls;
	struct pool_end end;
	struct job **jobs;	/* those that run, in the order of their start */
	size_t n;
	bool *slots;	/* whether it is taken, for each of config->processes */
	struct pollfd *polled;	/* for each of jobs */
	struct orphans orphans;
	bool reap_again;	/* there may be dead children left */
	bool kill_again;	/* there were orphans that a job is waiting for */
	struct job *held;	/* next() has handed it out, but no process could be started for it */
	int start_error;	/* errno of the last try that failed; 0 for none */
	int64_t retry_at;	/* when to try again */
	int64_t alone_since;	/* when the first try failed while nothing ran; 0 for never */
	int64_t deadline;	/* of the run */
	int64_t tick_at;
	int stops;	/* orders to stop that have been obeyed */
	int64_t stopped_at;	/* when the first of them was */
	int give_up;	/* errno from pool_give_up, until it has been obeyed */
};

static struct pool *current;	/* for pool_give_up */

void
pool_give_up(int error)
{
	if (current != NULL && current->give_up == 0)
		current->give_up = error;
}

static void
stop_starting(struct pool *p, enum pool_stop why, int sig)
{
	if (p->end.why != POOL_GOES_ON)
		return;
	p->end.why = why;
	p->held = NULL;
	p->calls->stopping(p->config->data, why, sig);
}

static void
stop_running(struct pool *p, enum job_stop why)
{
	for (size_t i = 0; i < p->n; i++)
		job_stop(p->jobs[i], why, p->config->grace);
}

static void
kill_running(struct pool *p)
{
	for (size_t i = 0; i < p->n; i++)
		job_kill(p->jobs[i], JOB_STOP_SIGNAL);
}

static void
take_dead(struct pool *p, pid_t pid, int status, const struct rusage *usage)
{
	struct job *eldest = NULL;

	for (size_t i = 0; i < p->n; i++) {
		if (p->jobs[i]->pid == pid) {
			job_died(p->jobs[i], status, usage);
			return;
		}
		if (p->jobs[i]->state == JOB_EMPTYING && eldest == NULL)
			eldest = p->jobs[i];
	}
	/* An orphan. Whose it was cannot be told when several trees are being emptied at once. */
	if (eldest != NULL)
		proc_add_usage(&eldest->usage, usage);
}

static void
reap(struct pool *p)
{
	struct rusage usage;
	int status, n = 0;
	pid_t pid;

	while (n < REAP_MAX && (pid = orphans_reap(&p->orphans, &status, &usage)) != 0) {
		take_dead(p, pid, status, &usage);
		n++;
	}
	p->reap_again = n == REAP_MAX;
}

/* One round of emptying the trees of those jobs whose process is dead. */
static void
empty_trees(struct pool *p)
{
	size_t waiting = 0, orphans;

	for (size_t i = 0; i < p->n; i++)
		waiting += p->jobs[i]->state == JOB_EMPTYING;
	p->kill_again = false;
	/* Survivors may die in the end and leave orphans of their own. */
	if (waiting == 0 && p->orphans.survivors.n == 0)
		return;
	orphans = orphans_kill(&p->orphans, p->jobs, p->n);
	p->kill_again = orphans > 0 && waiting > 0;
	for (size_t i = 0; i < p->n; i++) {
		struct job *j = p->jobs[i];

		if (j->state != JOB_EMPTYING)
			continue;
		if (orphans > 0 && clock_run() < j->deadline)
			continue;
		if (orphans > 0) {
			j->survivors = orphans_give_up(&p->orphans);
			log_warn("cannot kill %zu processes that '%s' has started", j->survivors, j->name);
			orphans = 0;
		}
		job_tree_gone(j);
	}
}

static void
finish_job(struct pool *p, size_t i)
{
	struct job *j = p->jobs[i];

	p->n--;
	memmove(p->jobs + i, p->jobs + i + 1, (p->n - i) * sizeof(*p->jobs));
	p->slots[j->slot] = false;
	p->retry_at = 0;
	j->state = JOB_OVER;
	j->deadline = INT64_MAX;
	j->ended_at = clock_run();
	if (p->calls->finished(p->config->data, j) && p->config->policy != POOL_LET_FINISH) {
		stop_starting(p, POOL_STOP_FAILURE, 0);
		if (p->config->policy == POOL_FAIL_FAST)
			stop_running(p, JOB_STOP_POLICY);
	}
}

static void
finish_jobs(struct pool *p)
{
	for (size_t i = 0; i < p->n; ) {
		if (p->jobs[i]->state == JOB_DRAINING && p->jobs[i]->fd == -1)
			finish_job(p, i);
		else
			i++;
	}
}

static void
suspend(struct pool *p)
{
	const pid_t self = getpid();

	proc_signal_below(self, SIGSTOP, &p->orphans.strangers);
	if (p->calls->suspended != NULL)
		p->calls->suspended(p->config->data, true);
	clock_suspend();
	signals_stop_self();
	clock_resume();	/* before anybody else can look at the clock again */
	proc_signal_below(self, SIGCONT, &p->orphans.strangers);
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
	} else if (stops > p->stops && now - p->stopped_at >= ECHO) {
		kill_running(p);
	}
	p->stops = stops;
	if (now >= p->deadline) {
		p->deadline = INT64_MAX;
		stop_starting(p, POOL_STOP_TIMEOUT, 0);
		stop_running(p, JOB_STOP_RUN_TIMEOUT);
	}
	if (p->give_up != 0) {
		if (p->end.error == 0)
			p->end.error = p->give_up;
		p->give_up = 0;
		stop_starting(p, POOL_STOP_BROKEN, 0);
		stop_running(p, JOB_STOP_POLICY);
	}
}

/* No process could be started for this job. */
static void
hold(struct pool *p, struct job *j, int error)
{
	int64_t now = clock_run();

	/* Said once: where the limit is lower than the number of slots, it comes with every job. */
	if (p->start_error != error)
		log_warn("cannot start a process for '%s': %s (will try again)", j->name, strerror(error));
	p->start_error = error;
	p->held = j;
	if (p->n > 0) {
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
	}
}

static void
fill_slots(struct pool *p)
{
	while (p->n < p->config->processes && p->end.why == POOL_GOES_ON && p->give_up == 0) {
		struct job *j = p->held;
		int slot = 0;

		if (j != NULL && clock_run() < p->retry_at)
			return;
		if (j == NULL)
			j = p->calls->next(p->config->data);
		if (j == NULL)
			return;
		while (p->slots[slot])
			slot++;
		j->slot = slot;	/* before the fork: the child wants to know it too */
		if (job_start(j, signals_mask()) == -1) {
			hold(p, j, errno);
			return;
		}
		p->held = NULL;
		p->alone_since = 0;
		p->slots[slot] = true;
		p->jobs[p->n++] = j;
		log_debug("'%s' is process %d", j->name, (int)j->pid);
		p->calls->started(p->config->data, j);
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

/* Reads once from a job's pipe: a job that never stops talking gets its turn and no more. */
static void
hear(struct pool *p, struct job *j)
{
	struct frame f;
	int filled, next;

	filled = frame_fill(&j->frames, j->fd);
	while ((next = frame_next(&j->frames, &f)) == 1)
		take_frame(p, j, &f);
	if (next == 0 && filled != -1)
		return;
	job_hang_up(j);
	if (next == -1)
		job_stop(j, JOB_STOP_PROTOCOL, p->config->grace);
}

static void
wait_and_hear(struct pool *p)
{
	int64_t deadline = p->deadline < p->tick_at ? p->deadline : p->tick_at;
	struct timespec left;
	int ready;

	for (size_t i = 0; i < p->n; i++) {
		p->polled[i] = (struct pollfd){.fd = p->jobs[i]->fd, .events = POLLIN};
		if (p->jobs[i]->deadline < deadline)
			deadline = p->jobs[i]->deadline;
	}
	if (p->held != NULL && p->retry_at < deadline)
		deadline = p->retry_at;
	if (p->kill_again && clock_run() + KILL_STEP < deadline)
		deadline = clock_run() + KILL_STEP;
	if (p->reap_again || p->give_up != 0)
		deadline = 0;
	ready = ppoll(p->polled, p->n, clock_left(deadline, &left), signals_mask());
	if (ready == -1 && errno != EINTR)
		log_fatal("cannot wait for processes: %s", strerror(errno));
	signals_let_in();
	for (size_t i = 0; ready > 0 && i < p->n; i++)
		if (p->polled[i].revents != 0)
			hear(p, p->jobs[i]);
}

/* The process does not die of SIGKILL: the kernel keeps it, in a call that never returns. */
static void
abandon_job(struct pool *p, struct job *j)
{
	log_warn("cannot kill process %d of '%s'", (int)j->pid, j->name);
	proc_signal_below(j->pid, SIGKILL, NULL);
	pids_add(&p->orphans.survivors, j->pid);
	j->survivors = 1;
	j->pid = 0;
	job_hang_up(j);
	job_tree_gone(j);
}

static void
check_deadlines(struct pool *p)
{
	int64_t now = clock_run();

	for (size_t i = 0; i < p->n; i++) {
		struct job *j = p->jobs[i];

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
			abandon_job(p, j);
			break;
		case JOB_DRAINING:
			job_hang_up(j);
			break;
		case JOB_NEW:
		case JOB_EMPTYING:	/* see empty_trees */
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
	if (signals_child() || p->reap_again)
		reap(p);
	empty_trees(p);
	finish_jobs(p);
	obey(p);
	fill_slots(p);
	return p->n > 0 || p->held != NULL || p->give_up != 0;
}

void
pool_run(const struct pool_config *config, struct pool_end *end)
{
	struct pool p = {.config = config, .calls = config->calls, .end = {.why = POOL_GOES_ON}};

	p.jobs = xcalloc(config->processes, sizeof(*p.jobs));
	p.slots = xcalloc(config->processes, sizeof(*p.slots));
	p.polled = xcalloc(config->processes, sizeof(*p.polled));
	p.deadline = config->timeout > 0 ? clock_run() + config->timeout : INT64_MAX;
	current = &p;
	signals_take();
	orphans_init(&p.orphans);
	while (turn(&p)) {
		wait_and_hear(&p);
		check_deadlines(&p);
	}
	/* A signal that has come in the last turn must not meet the disposition of before. */
	signals_let_in();
	obey(&p);
	signals_give_back();
	orphans_release(&p.orphans);
	current = NULL;
	free(p.polled);
	free(p.slots);
	free(p.jobs);
	*end = p.end;
}
