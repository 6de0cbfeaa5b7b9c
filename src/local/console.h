/*
 * What a notebook prints, on its way to the log file and to the progress display: streams of the cells and
 * whatever the kernel's processes write to their standard output and error.
 *
 * Secrets are masked before anything is written, also where they arrive in pieces: the part of a stream
 * that could be the start of a secret is held back until more has come or console_flush() is called.
 */
#ifndef NBFORK_LOCAL_CONSOLE_H
#define NBFORK_LOCAL_CONSOLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/mask.h"

enum console_source {
	CONSOLE_STDOUT,
	CONSOLE_STDERR,
	CONSOLE_KERNEL,	/* not through the protocol */
	CONSOLE_SOURCES,
};

struct console {
	int log;	/* descriptor of the log file; not owned */
	const struct mask *mask;
	bool failed;	/* the log could not be written; said once */
	struct buf held[CONSOLE_SOURCES];
	struct buf line;	/* the last line, as far as it goes; masked */
	bool ended;	/* line has its end: what comes next starts a new one */
	bool fresh;	/* line has not been shown yet */
	int64_t shown_at;	/* run clock */
};

/* The display is told of a new line at most this often. */
#define CONSOLE_INTERVAL (100 * NSEC_PER_MSEC)

void console_init(struct console *c, int log, const struct mask *mask);
void console_release(struct console *c);

/* Something was printed. */
void console_put(struct console *c, enum console_source source, const char *text, size_t n);

/* A cell is over: nothing that was held back will be completed. */
void console_flush(struct console *c);

/* When console_line() will have something to show (run clock); INT64_MAX when there is nothing new. */
int64_t console_due(const struct console *c);

/* Appends the last line printed, safe to show and cut to 200 columns, if it is due at the time now. Returns whether it was. */
bool console_line(struct console *c, int64_t now, struct buf *out);

#endif
