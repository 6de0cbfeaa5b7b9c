#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/guard.h"
#include "base/utf8.h"

#define TEXT_MAX 2048
#define PATIENCE 5000	/* milliseconds, with a standard error that takes nothing */

enum log_level log_level = LOG_WARN;

static const char *job_name;
static bool in_child;
static void (*child_sink)(enum log_level, const char *);
static void (*hook_before)(void);
static void (*hook_after)(void);

void
log_child(const char *name, void (*sink)(enum log_level level, const char *text))
{
	job_name = name;
	in_child = true;
	child_sink = sink;
	log_around(NULL, NULL);
}

void
log_around(void (*before)(void), void (*after)(void))
{
	hook_before = before;
	hook_after = after;
}

/*
 * Whether standard error takes a line without waiting: a pipe that does takes PIPE_BUF bytes. A reader who has
 * stopped reading is given some time once, not again for each line.
 */
static bool
is_heard(void)
{
	static bool deaf;
	struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
	int ready;

	do {
		ready = poll(&p, 1, deaf ? 0 : PATIENCE);
	} while (ready == -1 && errno == EINTR);
	deaf = ready == 0;
	return !deaf;
}

/* Adds text to a line with n bytes in it, as far as it is to be filled; returns how many there are then. */
static size_t
put_text(char *line, size_t n, size_t most, const char *text)
{
	size_t used;

	while (*text != '\0' && n < most - UTF8_ESCAPED) {
		/* Nothing for the runner of a CI server to obey. */
		if (guard_wanted() && guard_begins(text)) {
			line[n++] = *text++;
			line[n++] = ' ';
			continue;
		}
		text += utf8_escape(text, line + n, &used);
		n += used;
	}
	return n;
}

/* Takes no memory, because it also says that there is none. */
static void
put_line(enum log_level level, const char *name, const char *text)
{
	static const char *const labels[] = {"error: ", "warning: ", "", "debug: "};
	char line[4096];	/* PIPE_BUF is 4096: up to that a write to a pipe is atomic */
	size_t n = (size_t)snprintf(line, sizeof(line), "nbfork");
	ssize_t ignored;

	if (name != NULL) {
		n = put_text(line, n, 250, "[");
		n = put_text(line, n, 250, name);
		n = put_text(line, n, sizeof(line), "]");
	}
	n = put_text(line, n, sizeof(line), ": ");
	n = put_text(line, n, sizeof(line), labels[level]);
	n = put_text(line, n, sizeof(line), text);
	line[n++] = '\n';
	if (hook_before != NULL)
		hook_before();
	if (is_heard()) {
		ignored = write(STDERR_FILENO, line, n);
		(void)ignored;	/* there is nowhere left to say it */
	}
	if (hook_after != NULL)
		hook_after();
}

static void __attribute__((format(printf, 2, 0)))
say(enum log_level level, const char *fmt, va_list ap)
{
	char text[TEXT_MAX];
	int saved_errno = errno;

	vsnprintf(text, sizeof(text), fmt, ap);
	if (child_sink != NULL)
		child_sink(level, text);
	else
		put_line(level, job_name, text);
	errno = saved_errno;
}

void
log_relay(enum log_level level, const char *name, const char *text)
{
	if (log_level >= level)
		put_line(level, name, text);
}

#define SAY(level)				\
	do {					\
		va_list ap;			\
						\
		if (log_level < (level))	\
			return;			\
		va_start(ap, fmt);		\
		say((level), fmt, ap);		\
		va_end(ap);			\
	} while (0)

void
log_error(const char *fmt, ...)
{
	SAY(LOG_ERROR);
}

void
log_warn(const char *fmt, ...)
{
	SAY(LOG_WARN);
}

void
log_note(const char *fmt, ...)
{
	va_list ap;

	if (log_level < LOG_WARN)
		return;
	va_start(ap, fmt);
	say(LOG_INFO, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	SAY(LOG_INFO);
}

void
log_debug(const char *fmt, ...)
{
	SAY(LOG_DEBUG);
}

void
log_cost(const char *who)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	log_debug("%s: %.1f ms of CPU", who, (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
	    (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3);
}

void
log_fatal(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(LOG_ERROR, fmt, ap);
	va_end(ap);
	if (in_child)
		_exit(EXIT_INTERNAL);
	exit(EXIT_INTERNAL);
}
