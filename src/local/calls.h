/*
 * Calls: a notebook runs other notebooks (dbutils.notebook.run), and asks its worker to have it done.
 *
 * The worker listens on a Unix stream socket, "call" in its private folder, whose path the kernel has in its environment
 * as NBFORK_CALL. One connection is one call. The client sends one line of JSON (CALL_BYTES_MAX at most),
 *	{"path": TEXT, "timeout_seconds": NUMBER, "arguments": {NAME: TEXT}, "caller": TEXT}
 * where all but path may be left out: no limit, no arguments, and the file of the notebook itself, from which relative
 * paths are seen. When what it has called is over it reads one line of JSON:
 *	{"status": "succeeded", "exit": TEXT or null, "result": VALUE, "name": TEXT, "output": PATH or null}
 *	{"status": "failed"|"timed_out"|"cancelled"|"skipped", "error": {"kind", "name", "message", ...}, "name": TEXT,
 *	 "output": PATH or null}
 *	{"status": "refused", "message": TEXT}	it could not be started
 * A client that closes its connection before that gives up: what it has called is stopped. One that only stops sending
 * (shutdown(SHUT_WR)) does not.
 *
 * The worker tells nbfork of calls by PROGRESS frames (worker.h). The answer is the file answer-ID in the private folder,
 * which nbfork writes under another name and renames, and then sends SIGURG.
 */
#ifndef NBFORK_LOCAL_CALLS_H
#define NBFORK_LOCAL_CALLS_H

#include <stddef.h>
#include <stdint.h>

#include "target.h"

#define CALL_BYTES_MAX ((size_t)512 * 1024)

#define CALLS_VARIABLE "NBFORK_CALL"

struct calls;

/*
 * Starts to listen. The attempt must outlive it. Returns NULL with *why, the caller's to free, when that is not possible.
 * One a process: SIGURG is blocked from here on, but in the attempt's wait_mask.
 */
struct calls *calls_open(struct attempt *a, char **why);

/* Gives up all calls that are not over, and frees; NULL is allowed. */
void calls_close(struct calls *c);

/* The socket's path. */
const char *calls_path(const struct calls *c);

/* To be polled for input: then there is something to do in calls_turn(). -1 for NULL, which poll() passes over. */
int calls_fd(const struct calls *c);

/*
 * Takes what clients have sent, hands answers over. Never waits. To be called in each turn of a loop, also after a signal
 * and when the attempt is told to stop, with which all calls are given up. Returns the run clock time of the next call at
 * the latest; INT64_MAX for never. c may be NULL.
 */
int64_t calls_turn(struct calls *c);

#endif
