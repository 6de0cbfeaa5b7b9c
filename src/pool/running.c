#include "pool/running.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"

#define REAP_MAX 256	/* children in one turn: processes that fork and die without end must not hold up the rest */

void
running_init(struct running *r)
{
	*r = (struct running){.jobs = NULL};
	orphans_init(&r->orphans);
}

void
running_release(struct running *r)
{
	free(r->jobs);
	free(r->slots);
	orphans_release(&r->orphans);
}

int
running_slot(const struct running *r)
{
	int slot = 0;

	while ((size_t)slot < r->nslots && r->slots[slot])
		slot++;
	return slot;
}

void
running_add(struct running *r, struct job *j)
{
	size_t slots = r->nslots;

	while ((size_t)j->slot >= r->nslots) {
		r->slots = xgrow(r->slots, r->nslots, &slots, sizeof(*r->slots));
		memset(r->slots + r->nslots, 0, (slots - r->nslots) * sizeof(*r->slots));
		r->nslots = slots;
	}
	r->slots[j->slot] = true;
	r->jobs = xgrow(r->jobs, r->n, &r->cap, sizeof(struct job *));
	r->jobs[r->n++] = j;
}

void
running_lend(struct running *r, struct job *j, bool yes)
{
	if (j->lends == yes)
		return;
	j->lends = yes;
	if (yes)
		r->lending++;
	else
		r->lending--;
}

void
running_remove(struct running *r, size_t i)
{
	running_lend(r, r->jobs[i], false);
	r->slots[r->jobs[i]->slot] = false;
	r->n--;
	memmove(r->jobs + i, r->jobs + i + 1, (r->n - i) * sizeof(*r->jobs));
}

void
running_stop(struct running *r, enum job_stop why, int64_t grace)
{
	for (size_t i = 0; i < r->n; i++)
		if (!r->jobs[i]->beside)
			job_stop(r->jobs[i], why, grace);
}

void
running_kill(struct running *r, enum job_stop why)
{
	for (size_t i = 0; i < r->n; i++)
		job_kill(r->jobs[i], why);
}

static void
take_dead(struct running *r, pid_t pid, int status, const struct rusage *usage)
{
	struct job *eldest = NULL;

	for (size_t i = 0; i < r->n; i++) {
		if (r->jobs[i]->pid == pid) {
			job_died(r->jobs[i], status, usage);
			return;
		}
		if (r->jobs[i]->state == JOB_EMPTYING && eldest == NULL)
			eldest = r->jobs[i];
	}
	/* An orphan. Whose it was cannot be told when several trees are being emptied at once. */
	if (eldest != NULL)
		proc_add_usage(&eldest->usage, usage);
}

void
running_reap(struct running *r)
{
	struct rusage usage;
	int status, n = 0;
	pid_t pid;

	while (n < REAP_MAX && (pid = orphans_reap(&r->orphans, &status, &usage)) != 0) {
		take_dead(r, pid, status, &usage);
		n++;
	}
	r->reap_again = n == REAP_MAX;
}

void
running_empty_trees(struct running *r)
{
	size_t waiting = 0, orphans;

	for (size_t i = 0; i < r->n; i++)
		waiting += r->jobs[i]->state == JOB_EMPTYING;
	r->kill_again = false;
	/* Survivors may die in the end and leave orphans of their own. */
	if (waiting == 0 && r->orphans.survivors.n == 0)
		return;
	orphans = orphans_kill(&r->orphans, r->jobs, r->n);
	r->kill_again = orphans > 0 && waiting > 0;
	for (size_t i = 0; i < r->n; i++) {
		struct job *j = r->jobs[i];

		if (j->state != JOB_EMPTYING)
			continue;
		if (orphans > 0 && clock_run() < j->deadline)
			continue;
		if (orphans > 0) {
			j->survivors = orphans_give_up(&r->orphans);
			log_warn("cannot kill %zu processes that '%s' has started", j->survivors, j->name);
			orphans = 0;
		}
		job_tree_gone(j);
	}
}

void
running_abandon(struct running *r, struct job *j)
{
	log_warn("cannot kill process %d of '%s'", (int)j->pid, j->name);
	proc_signal_below(j->pid, SIGKILL, NULL);
	pids_add(&r->orphans.survivors, j->pid);
	j->survivors = 1;
	j->pid = 0;
	job_hang_up(j);
	job_tree_gone(j);
}
