/*
 * A session: one kernel, and the conversation with it from its start to its end. A notebook has one, and where its
 * cells are in several languages, others beside that; a cell is executed on one of them at a time.
 *
 * Every wait in here is one ppoll over the kernel's sockets, its output, and signals, with a deadline; the
 * order to stop, the end of the kernel and the end of the notebook's time are noticed in each of them.
 */
#ifndef NBFORK_LOCAL_SESSION_H
#define NBFORK_LOCAL_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "local/collect.h"
#include "local/console.h"
#include "local/kernel.h"
#include "local/memory.h"
#include "local/wire.h"
#include "target.h"

/* How a step of the conversation went. */
enum verdict {
	VERDICT_OK,
	VERDICT_RAISED,	/* the cell raised: session->failure */
	VERDICT_EXIT,	/* the notebook ended itself as a success: sys.exit(0), exit() */
	VERDICT_CELL_TIMEOUT,
	VERDICT_STOPPED,	/* SIGTERM: the pool says why */
	VERDICT_KERNEL,	/* the kernel died, or would not start: session->failure */
};

struct session {
	struct session *first;	/* the one that the notebook has started with; itself for that */
	struct session *next;	/* the others, from the first one on */
	struct attempt *attempt;
	const struct kernelspec *spec;
	char *folder;	/* private, of its own */
	struct kernel kernel;
	struct memory memory;	/* the limit of all kernels together; the first one's */
	bool started;	/* there is or was a kernel process */
	struct wire *wire;	/* NULL until the endpoints are there */
	struct collector *collector;
	struct console console;
	struct failure failure;	/* with VERDICT_RAISED and VERDICT_KERNEL */

	/* The request under way. */
	char request[WIRE_ID];
	struct cell *cell;	/* NULL while no cell runs */
	bool begun, replied, idle;
	int64_t heard_at;	/* when the last message on iopub that belongs to it came (run clock) */
	bool raised, aborted, ask_exit;	/* what the reply said */
	int64_t asked_at;	/* when the kernel was asked to shut down (run clock); 0: not yet */
	bool kernel_info, iopub_seen;	/* while the kernel gets ready */
	bool changed;	/* outputs have changed since the last tick */
};

/*
 * The attempt, its mask and the spec must outlive the session. first is the session that the notebook has started with;
 * NULL for that one, which must outlive the others.
 */
void session_init(struct session *s, struct attempt *a, const struct kernelspec *spec, struct session *first);

/* Starts the kernel and waits until it answers on shell and iopub. Returns VERDICT_OK, _STOPPED or _KERNEL. */
enum verdict session_start(struct session *s);

/* What is executed of a cell: all of it, or one of several pieces, on the session that knows its language. */
struct step {
	const char *code;
	size_t n;
	bool first, last;	/* of the cell's */
	int64_t deadline;	/* of the cell (run clock); INT64_MAX for none */
};

/*
 * Executes a step of a cell of the notebook and adds to the cell's outputs, times and execution count (number: how many
 * cells were run before it, plus one, as nbclient counts). The notebook's cells must stay where they are.
 */
enum verdict session_execute(struct session *s, size_t cell, int64_t number, const struct step *step);

/*
 * Has the kernel execute code (UTF-8) that is no cell: silently, without a trace in its history and its counts. what is
 * what that is for, in messages. Returns VERDICT_OK, _STOPPED or _KERNEL.
 */
enum verdict session_prepare(struct session *s, const char *what, const char *code, size_t n);

/*
 * Asks the kernels of the first session and all others to shut down. What they do about that is seen in session_end();
 * in between there is time for something else.
 */
void session_ask_to_end(struct session *first);

/*
 * Ends these kernels: when they were asked to shut down gives them a short while, then SIGTERM, then SIGKILL; then
 * empties the tree of processes below this one. With hurry everything is killed at once. The collectors stay
 * readable.
 */
void session_end(struct session *first, bool hurry);
void session_release(struct session *s);	/* the first one last */

#endif
