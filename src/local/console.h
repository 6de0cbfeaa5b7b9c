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

/* What is made of CONSOLE_KERNEL. The end of it is kept in any case, for console_last_words(). */
enum console_raw {
	/*
	 * it goes into the log: a kernel that starts or ends has much to say, but not to the display
	 */
	CONSOLE_RAW_LOG,
	CONSOLE_RAW_SHOW,	/* it is shown as well, like the streams */
	CONSOLE_RAW_ECHO,	/* nothing: the kernel publishes it too, and it is in the log then */
};

struct console {
	int log;	/* descriptor of the log file; not owned */
	const struct mask *mask;
	enum console_raw raw;
	int64_t interval;	/* nanoseconds after which the display is told of a last line again, at the earliest */
	bool all;	/* all lines are for the display: the interval is 0 */
	bool failed;	/* the log could not be written; said once */
	struct buf held[CONSOLE_SOURCES];
	struct buf lines;	/* what has not been shown: the last line as far as it goes, or all of them; masked */
	size_t taken;	/* bytes at its front that have been, with all of them */
	bool ended;	/* the last line has its end: what comes next starts a new one */
	bool fresh;	/* there is something that has not been shown yet */
	int64_t shown_at;	/* run clock */
	struct buf words;	/* the end of CONSOLE_KERNEL */
};

/* interval: between two lines for the display, nanoseconds: 0 for every line, INT64_MAX for none. */
void console_init(struct console *c, int log, const struct mask *mask, int64_t interval);
void console_release(struct console *c);

/* Something was printed. */
void console_put(struct console *c, enum console_source source, const char *text, size_t n);

/* A cell is over: nothing that was held back will be completed. */
void console_flush(struct console *c);

/* When console_line() will have something to show (run clock); INT64_MAX when there is nothing new. */
int64_t console_due(const struct console *c);

/*
 * Appends a line for the display, safe to show and cut to 200 columns, if one is due at the time now: the last one
 * printed,
 * or with all of them the next one. Returns whether there was one; then there may be another.
 */
bool console_line(struct console *c, int64_t now, struct buf *out);

/* Appends the last line that the kernel wrote by itself, made safe to show. Nothing when there was none. */
void console_last_words(const struct console *c, struct buf *out);

/*
 * Writes into the log what the kernel wrote last, if that was taken for an echo: it died and could not publish it.
 * Forgets the last words in any case.
 */
void console_log_words(struct console *c);

#endif
