/*
 * Bytes for somebody who may not be reading: a pipe to a pager, a terminal after Ctrl-S, a lost connection.
 *
 * Writing never waits. What the descriptor does not take now is kept, in order, and offered again with the
 * next bytes. A pipe or a terminal is opened once more for this, because O_NONBLOCK on a descriptor that
 * was inherited would also hold for the shell and everybody else who has it.
 *
 * SIGPIPE must be ignored.
 */
#ifndef NBFORK_REPORT_SINK_H
#define NBFORK_REPORT_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum sink_way {
	SINK_DIRECT,	/* a file, or the descriptor is non-blocking */
	SINK_SOCKET,
	SINK_POLLED,	/* blocking: little by little, each time that poll says so */
};

struct sink {
	int fd;	/* -1 when closed */
	bool own;	/* fd was opened here */
	enum sink_way way;
	size_t most;	/* bytes that are kept at most */
	struct buf waiting;
};

#define SINK_INIT {-1, false, SINK_DIRECT, 0, BUF_INIT}

/* Starts writing to a descriptor, which stays the caller's and open as long as the sink. */
void sink_open(struct sink *s, int fd, size_t most);

/*
 * Adds n bytes; with one write(2) where nothing is waiting and the descriptor takes them. Returns 0, or -1
 * with errno: ENOBUFS when more than the most would be waiting (nothing of p is then added), otherwise
 * write's own, after which the sink is of no more use.
 */
int sink_put(struct sink *s, const void *p, size_t n);

/*
 * Writes what is waiting. Goes on as long as the descriptor takes something at least every so many
 * nanoseconds. Returns 0 when nothing is waiting any more, or -1 with errno, EAGAIN when something is.
 */
int sink_flush(struct sink *s, int64_t patience);

/* Forgets what is waiting. */
void sink_close(struct sink *s);

#endif
