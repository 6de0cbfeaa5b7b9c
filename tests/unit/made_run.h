/*
 * A run made by hand, for the tests of the reports: started at 1 000 000 s of the run clock, on 22 November
 * 2026, its notebooks waiting until a test says how they ended.
 */
#ifndef NBFORK_TESTS_UNIT_MADE_RUN_H
#define NBFORK_TESTS_UNIT_MADE_RUN_H

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "report/run.h"

#define MADE_START (1000000 * NSEC_PER_SEC)
#define MADE_WALL INT64_C(1795335300123456)	/* 2026-11-22T08:15:00.123456Z */

struct made {
	struct target target;
	struct workflow workflow;
	struct run run;
};

/* n notebooks "a", "b", ..., "z", "n26", ...; their structs may be changed, their strings by made_set. */
static inline void
made_init(struct made *m, size_t n)
{
	*m = (struct made){
		.target = {.name = xstrdup("local"), .type = xstrdup("local")},
		.workflow = {
			.name = xstrdup("nightly"), .file = xstrdup("workflow.yaml"), .processes = 4, .ntasks = n,
			.tasks = xcalloc(n, sizeof(struct task)),
		},
		.run = {
			.id = xstrdup("nightly-20261122T081500Z"), .folder = xstrdup("runs/x"), .n = n, .waiting = n,
			.processes = 4, .records = xcalloc(n, sizeof(struct record)),
			.started_at = MADE_START, .started_wall = MADE_WALL,
		},
	};
	m->workflow.target = &m->target;
	m->run.workflow = &m->workflow;
	for (size_t i = 0; i < n; i++) {
		struct task *t = &m->workflow.tasks[i];

		t->name = i < 26 ? xasprintf("%c", 'a' + (char)i) : xasprintf("n%zu", i);
		t->path = xasprintf("%s.ipynb", t->name);
		t->target = &m->target;
		m->run.records[i].task = t;
		m->run.records[i].queued_at = MADE_START;
		m->run.records[i].estimate = -1;
	}
}

/* A notebook that a record's has run, and how it ended after a second; freed by made_release(). */
static inline struct record *
made_child(struct made *m, struct record *parent, unsigned attempt, enum status status)
{
	struct record *r = xcalloc(1, sizeof(*r));
	struct task *t = xcalloc(1, sizeof(*t));

	t->name = xasprintf("%s.child", parent->task->name);
	t->path = xstrdup("child.ipynb");
	t->target = &m->target;
	*r = (struct record){
		.task = t, .parent = parent, .parent_attempt = attempt, .state = RECORD_DONE, .status = status,
		.attempts = 1, .tries = 1, .started_at = MADE_START, .started_wall = MADE_WALL,
		.ended_at = MADE_START + NSEC_PER_SEC, .ended_wall = MADE_WALL + 1000000, .cells_total = 2, .cells_executed = 2,
		.estimate = -1,
	};
	if (parent->last_child != NULL)
		parent->last_child->next = r;
	else
		parent->children = r;
	parent->last_child = r;
	m->run.children.counts[status]++;
	return r;
}

static inline void
made_release_children(struct record *r)
{
	struct record *next;

	for (struct record *child = r->children; child != NULL; child = next) {
		struct task *t = (struct task *)child->task;

		next = child->next;
		made_release_children(child);
		record_release(child);
		free(child);
		free(t->name);
		free(t->path);
		free(t);
	}
}

static inline void
made_release(struct made *m)
{
	for (size_t i = 0; i < m->run.n; i++) {
		struct task *t = &m->workflow.tasks[i];

		free(t->name);
		free(t->path);
		free(t->depends_on);
		params_release(&t->parameters);
		params_release(&t->env);
		made_release_children(&m->run.records[i]);
		record_release(&m->run.records[i]);
	}
	free(m->workflow.tasks);
	free(m->workflow.name);
	free(m->workflow.file);
	free(m->run.records);
	free(m->run.id);
	free(m->run.folder);
	free(m->target.name);
	free(m->target.type);
}

/* Notebook i depends on another, which is behind all those that it depends on already. */
static inline void
made_depends(struct made *m, size_t i, size_t on)
{
	struct task *t = &m->workflow.tasks[i];

	t->depends_on = xreallocarray(t->depends_on, t->ndepends_on + 1, sizeof(*t->depends_on));
	t->depends_on[t->ndepends_on++] = on;
}

/* Replaces a string; s may be NULL. */
static inline void
made_set(char **member, const char *s)
{
	free(*member);
	*member = s != NULL ? xstrdup(s) : NULL;
}

/* A notebook starts 0.25 s after it could have been. */
static inline struct record *
made_started(struct made *m, size_t i)
{
	struct record *r = &m->run.records[i];

	r->state = RECORD_RUNNING;
	r->attempts++;
	r->tries++;
	r->started_at = r->queued_at + NSEC_PER_SEC / 4;
	r->started_wall = MADE_WALL + 250000;
	r->pid = 100 + (int)i;
	m->run.waiting--;
	m->run.running++;
	return r;
}

/* A notebook ends, after so many seconds when it was running; error is JSON, or NULL. */
static inline struct record *
made_ended(struct made *m, size_t i, enum status status, double seconds, const char *error)
{
	struct record *r = &m->run.records[i];

	if (r->state == RECORD_RUNNING) {
		m->run.running--;
		r->ended_at = r->started_at + clock_from_seconds(seconds);
		r->ended_wall = r->started_wall + (int64_t)(seconds * 1e6);
		r->has_exit_status = r->has_output = r->has_log = true;
		r->exit_status = status == STATUS_SUCCEEDED ? 0 : 1;
		r->cells_total = r->cells_executed = 9;
	} else {
		m->run.waiting--;
	}
	r->state = RECORD_DONE;
	r->status = status;
	made_set(&r->error, error);
	m->run.counts[status]++;
	return r;
}

static inline struct record *
made_ran(struct made *m, size_t i, enum status status, double seconds, const char *error)
{
	made_started(m, i);
	return made_ended(m, i, status, seconds, error);
}

/* The run is over after so many seconds. */
static inline void
made_over(struct made *m, enum status status, double seconds)
{
	m->run.over = true;
	m->run.status = status;
	m->run.ended_at = m->run.started_at + clock_from_seconds(seconds);
	m->run.ended_wall = m->run.started_wall + (int64_t)(seconds * 1e6);
}

#endif
