/*
 * What the program says about itself, on standard error: one write(2) a line, so that the lines of several
 * processes do not mix. Format strings follow the house rule: lower case, no full stop, what failed first,
 * the subject in single quotes. Control characters in the arguments are shown escaped.
 *
 * Lines look like "nbfork: error: cannot open 'x': No such file or directory"; in a worker the name of its
 * job is put behind the program's: "nbfork[load-orders]: ...". A line that nobody takes within some seconds is
 * lost, and so is all that follows until somebody reads again: the program must not hang for want of a reader.
 */
#ifndef NBFORK_BASE_LOG_H
#define NBFORK_BASE_LOG_H

enum log_level {
	LOG_ERROR,	/* also with --quiet */
	LOG_WARN,
	LOG_INFO,	/* -v */
	LOG_DEBUG,	/* -vv */
};

extern enum log_level log_level;	/* what is shown; LOG_WARN until set */

/*
 * In a child, right after fork: whose lines these are, and fatal ends by _exit instead of exit. With a sink
 * the finished text (without program name and label) goes there instead of to standard error; the sink
 * must not log. name must live on; NULL: nobody in particular.
 */
void log_child(const char *name, void (*sink)(enum log_level level, const char *text));

/* Says what a child's sink was given. */
void log_relay(enum log_level level, const char *name, const char *text);

/* Run before and after every line, so that a live display can get out of the way. Dropped in a child. */
void log_around(void (*before)(void), void (*after)(void));

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));	/* shown as warnings are, but none */
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Says, for debugging, how much CPU time this process has used itself. */
void log_cost(const char *who);

/* Says so as an error and ends the process with EXIT_INTERNAL: no memory, or a broken invariant. */
#define EXIT_INTERNAL 3
void log_fatal(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
