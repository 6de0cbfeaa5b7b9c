/*
 * The kernels of one notebook: the one that it starts with, and one for each other language that its cells are in, which
 * is started when it is first needed.
 */
#ifndef NBFORK_LOCAL_CREW_H
#define NBFORK_LOCAL_CREW_H

#include <stdbool.h>

#include "local/kernelspec.h"
#include "local/session.h"
#include "target.h"

struct crew_member {
	struct kernelspec spec;
	struct session session;
	bool used;
};

struct crew {
	struct attempt *attempt;
	const struct kernelspec *spec;	/* of the first; not owned */
	struct session first;
	enum cell_language language;	/* that the first one knows */
	struct crew_member others[LANGUAGES];
	struct session *last;	/* which has executed something last; NULL before that */
};

/* The attempt, its mask and the spec must outlive the crew. */
void crew_init(struct crew *c, struct attempt *a, const struct kernelspec *spec);

/* Starts the first kernel and makes it ready for the notebook. Returns as session_start. */
enum verdict crew_start(struct crew *c);

/*
 * Runs a cell with all its pieces, until one of them does not end well. Returns as session_execute; what has failed is
 * in c->last->failure.
 */
enum verdict crew_execute(struct crew *c, size_t cell, int64_t number);

/* What the notebook has handed back, as collector_result: of the kernel that ran last, of those that have something. */
const char *crew_result(struct crew *c);

/* A result that comes in another way, as collector_give. */
void crew_give(struct crew *c, struct json result);

/* The text that the notebook ended itself with, and the values that it has set: as collector_exit and collector_values. */
const char *crew_exit(struct crew *c);
const char *crew_values(struct crew *c);

/* Brings the outputs of all cells up to date, as collector_settle. */
void crew_settle(struct crew *c);

/* As session_end, for all; and adds up what they have cost, in the attempt. */
void crew_end(struct crew *c, bool hurry);
void crew_release(struct crew *c);

/*
 * Whether there is a kernel for every language that the cells of a notebook are in, which has been prepared
 * (notebook/databricks.h). Adds a problem for each language that has none, at the first of its cells.
 */
void crew_check(const struct task *t, const struct notebook *nb, struct problems *p);

#endif
