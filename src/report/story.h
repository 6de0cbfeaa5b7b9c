/*
 * The story of a run folder, read from its journal (report/events.h): what reports are made of, whether the run has long
 * been over, was killed, or goes on in another process.
 *
 * A journal may hold several runs, one after the other (--resume); each is a story_run of its own, with the notebooks of
 * its workflow and those that they have run. It grows while it is read: story_read() goes on where it stopped. What is
 * no line of JSON is passed over, and so are lines longer than 64 MiB, events that are not known and what stands before
 * the start of the first run; what comes behind the last line feed is not there yet.
 *
 * Times are the wall clock's, in microseconds since 1970; 0 for never, or not known. Texts are the story's, NULL where
 * there is none. "object" texts are JSON on one line, well-formed: json_of() (base/json.h) reads them. Pointers to runs,
 * notebooks and their texts stay valid until story_release(), arrays of attempts, cells and samples only until the next
 * story_read().
 */
#ifndef NBFORK_REPORT_STORY_H
#define NBFORK_REPORT_STORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/json.h"
#include "base/table.h"
#include "workflow/status.h"

struct story_cell {
	unsigned cell;	/* its index in the notebook as it runs */
	unsigned number;	/* the how many-th of those that run, from 1 */
	int64_t started, ended;	/* ended: 0 while it runs, and where its end was never told */
	double seconds;	/* valid when ended */
	bool failed;
};

/* What the kernel of an attempt has in memory (resident), now and then. */
struct story_sample {
	int64_t at;
	int64_t bytes;
};

enum story_end {
	STORY_END_NONE,	/* it runs; or was torn off */
	STORY_END_RETRY,	/* without success; another attempt follows after the delay */
	STORY_END_REQUEUED,	/* it was stopped to be started again */
	STORY_END_LAST,	/* and so the notebook is over: its object says how */
};

struct story_attempt {
	unsigned number;	/* counted on from earlier runs of the folder */
	int slot;	/* of the pool, from 0: two attempts that run at the same time have two; -1: not known */
	int pid;	/* of its worker; 0: not known */
	char *reason;	/* why it runs although it has succeeded in an earlier run; NULL */
	int64_t queued;	/* when it could have been started, had there been room */
	int64_t started, ended;
	int64_t ready;	/* when its kernel answered */
	bool warm;	/* with ready: the kernel was forked from one that was ready */
	double ready_seconds;	/* with ready */
	int64_t departed;	/* when its place in the pool became free, while its kernel ended */
	char *url;	/* of its run at a target that is elsewhere */
	unsigned total;	/* cells that there are to run; 0: not known yet */
	struct story_cell *cells;	/* in the order in which they were started */
	size_t ncells, cells_cap;
	struct story_sample *memory;
	size_t nmemory, memory_cap;
	enum story_end end;
	enum status status;	/* valid unless end is STORY_END_NONE */
	double retry_in_seconds;	/* of STORY_END_RETRY */
	char *requeue_reason;	/* of STORY_END_REQUEUED */
	char *object;	/* of STORY_END_RETRY, _REQUEUED: as it stands in earlier_attempts (report/results.h) */
};

enum story_state {
	STORY_WAITING,	/* also between two attempts */
	STORY_RUNNING,	/* when the run was torn off: it ran then */
	STORY_DONE,
};

struct story_notebook {
	char *name, *path, *target;
	struct story_notebook *parent;	/* the one that has run it; NULL for one of the workflow */
	unsigned parent_attempt;
	struct story_notebook *children, *last_child;	/* in the order of the calls */
	struct story_notebook *next;	/* the parent's next child */
	size_t *depends_on;	/* indices of the run's notebooks; empty too where the journal does not say */
	size_t ndepends_on;
	bool allow_failure;
	int64_t called;	/* of a child: when its caller asked for it */
	enum story_state state;
	enum status status;	/* valid when done */
	char *kept_from;	/* the id of the earlier run that it was kept from, or whose parent was; it then has no attempts */
	/*
	 * When done: its object of the results document; NULL where the journal has lost it. A child's may lack its own
	 * children.
	 */
	char *object;
	char *cause;	/* of a skipped one: the name of the notebook whose failure it was skipped for; NULL */
	bool fails_run;	/* valid when done: it keeps the run from having succeeded */
	int64_t over;	/* when it was said that it is */
	struct story_attempt *attempts;	/* those of this run */
	size_t nattempts, attempts_cap;
};

enum story_phase {
	STORY_GOES_ON,	/* a living nbfork holds its journal */
	STORY_OVER,	/* it came to its end, however it ended */
	STORY_TORN_OFF,	/* it said no end, and nobody is at work: nbfork was killed */
};

/* From a moment on, so many may run at a time. */
struct story_processes {
	int64_t at;
	unsigned processes;
};

struct story_run {
	char *id, *resumed_from;
	char *folder;	/* as the run itself named it */
	char *workflow;	/* its name */
	char *file;	/* NULL when notebooks were named */
	char *target, *on_error;
	char *object;	/* its run_started event: "workflow", "on_error_after" and so on as in the results document */
	int pid;	/* of nbfork */
	int64_t started, ended;	/* ended: 0 unless over */
	int64_t last;	/* of its last event: how far it is known */
	double duration_seconds;	/* valid when over */
	enum story_phase phase;
	enum status status;	/* valid when over */
	char *stop_reason;	/* why it was stopped; NULL */
	int64_t stopping;	/* since when; 0 */
	struct story_processes *processes;	/* at least the one that it began with */
	size_t nprocesses, processes_cap;
	struct story_sample *memory;	/* of the machine: what can be had without swapping */
	size_t nmemory, memory_cap;
	char **hooks;	/* an object of the results document each, in the order in which they ended; owned */
	size_t nhooks, hooks_cap;
	/*
	 * Of the workflow, in its order; owned. In a journal of a version that did not say: those that were heard of so far,
	 * in that order. expected is how many there are.
	 */
	struct story_notebook **notebooks;
	size_t n, cap, expected;
	struct table names;	/* struct story_notebook by name, children too */
};

struct story {
	int fd;	/* events.jsonl; -1 when closed */
	off_t size;	/* of what has been read, in whole lines */
	struct story_run **runs;	/* oldest first; owned */
	size_t n, cap;
};

#define STORY_INIT {-1, 0, NULL, 0, 0}

/*
 * Opens the journal of a run folder and reads what is there. Returns 0; or -1 with errno, ENODATA when there is not even
 * the start of a run; then there is nothing to undo.
 */
int story_open(struct story *s, const char *folder);

/* Reads what has been added since. Returns 1 when that was something, or a phase has changed; 0; or -1 with errno. */
int story_read(struct story *s);

/*
 * Closes the journal and frees what tells of notebooks more than how many there are of which status: of many stories that is
 * all that there is room for.
 */
void story_shed(struct story *s);

void story_release(struct story *s);

/* The last run. */
struct story_run *story_last(const struct story *s);

/* A notebook of a run, or a child, by its name; NULL. */
struct story_notebook *story_find(const struct story_run *run, const char *name);

/* Walks them all, as record_after() does (report/run.h): NULL gives the first; NULL comes after the last. The index of a
 * notebook of the workflow is kept in *i, which the first call sets. */
struct story_notebook *story_after(const struct story_run *run, struct story_notebook *n, size_t *i);

/* How many notebooks called each other for it to be run. */
unsigned story_depth(const struct story_notebook *n);

/* How many notebooks of the workflow are done, by status. */
void story_counts(const struct story_run *run, size_t counts[STATUSES]);

/* "2026-11-22T08:15:00.123Z" as microseconds since 1970; 0 for anything else. */
int64_t story_time(struct json v);

#endif
