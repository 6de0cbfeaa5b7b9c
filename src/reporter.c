#include "reporter.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/share.h"
#include "html/report.h"
#include "pool/pool.h"
#include "pool/signals.h"
#include "rundir.h"

#define FIRST (1 * NSEC_PER_SEC)	/* from the start of the run */
#define LEAST (2 * NSEC_PER_SEC)	/* between two */
#define SHARE 100	/* and so many times what the last one cost: CPU time, */
#define WAITING 20	/* or, where it mostly waited (for the CPU, for a disk), such a part of its time */
#define PATIENCE (20 * NSEC_PER_SEC)	/* with the last one */
#define NICE 10
#define CHILD_FD 3
#define SAID_MAX 4096

/*
 * What the process says: lines of warnings, and at its end, if all went well, a NUL byte and what it has cost, in
 * nanoseconds. Nobody else knows: the pool reaps all children, and how late this one is looked at is chance.
 */
#define DONE '\0'

/* ---- The process ---- */

static void
say(enum log_level level, const char *text)
{
	if (level <= LOG_WARN && (file_write_full(CHILD_FD, text, strlen(text)) == -1 || file_write_full(CHILD_FD, "\n", 1) == -1))
		_exit(EXIT_INTERNAL);
}

/* Nbfork gives the orders, and with it this process dies. */
static void
set_signals(void)
{
	static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE, SIGXFSZ};
	struct sigaction sa = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &sa, NULL);
	sa.sa_handler = SIG_IGN;
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		sigaction(ignored[i], &sa, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int64_t
cost(int64_t start)
{
	int64_t waited = (clock_run() - start) / WAITING, used = 0;
	struct timespec cpu;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0)
		used = cpu.tv_sec * NSEC_PER_SEC + cpu.tv_nsec;
	return used > waited ? used : waited;
}

/* last: nobody else is at work, and nbfork waits for it. */
static void __attribute__((noreturn))
be_child(const struct reporter *r, int fd, pid_t parent, bool last)
{
	int64_t start = clock_run();
	char *what = NULL, done[32];
	int null, n;

	set_signals();
	if (proc_die_with_parent(SIGKILL, parent) == -1)
		_exit(EXIT_INTERNAL);
	if (fd != CHILD_FD && dup2(fd, CHILD_FD) == -1)
		_exit(EXIT_INTERNAL);
	log_child(NULL, say);
	share_close_from(CHILD_FD + 1);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null == -1 || dup2(null, STDIN_FILENO) == -1 || dup2(null, STDOUT_FILENO) == -1)
		_exit(EXIT_INTERNAL);
	if (!last)
		setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + NICE);
	proc_set_name("nbfork:report");
	if (report_write(r->folder, r->also, &what) == -1)
		log_warn("%s: %s", what, strerror(errno));
	else if ((n = snprintf(done, sizeof(done), "%c%lld", DONE, (long long)cost(start))) > 0)
		file_write_full(CHILD_FD, done, (size_t)n);
	_exit(0);
}

static void
warn(struct reporter *r, const char *what)
{
	if (!r->warned)
		log_warn("the report of the run was not written: %s", what);
	r->warned = true;
}

static void
start(struct reporter *r, bool last)
{
	pid_t parent = getpid();
	int p[2] = {-1, -1};

	r->due = clock_run() + LEAST;
	if (pipe2(p, O_CLOEXEC | O_NONBLOCK) == -1) {
		warn(r, strerror(errno));
		return;
	}
	fflush(NULL);	/* or the child writes it again */
	r->pid = fork();
	if (r->pid == 0) {
		fcntl(p[1], F_SETFL, 0);
		be_child(r, p[1], parent, last);
	}
	close(p[1]);
	if (r->pid == -1) {
		warn(r, strerror(errno));
		close(p[0]);
		r->pid = 0;
		return;
	}
	pool_disown(r->pid);
	r->fd = p[0];
	buf_reset(&r->said);
}

/* ---- What came of it ---- */

/* It has closed its end: what it has said is all. The pool reaps it, and at the end await(). */
static void
conclude(struct reporter *r)
{
	const char *done = r->said.len > 0 ? memchr(r->said.data, DONE, r->said.len) : NULL;
	int64_t wait = LEAST;

	close(r->fd);
	r->fd = -1;
	r->pid = 0;
	if (done == NULL) {
		char *newline = r->said.len > 0 ? strchr(r->said.data, '\n') : NULL;

		if (newline != NULL)
			*newline = '\0';
		warn(r, newline != NULL ? r->said.data : "its process died");
		r->unclean = true;	/* it may have been killed while it wrote */
	} else {
		int64_t spent = strtoll(done + 1, NULL, 10);

		log_debug("the report has cost %.3f s", (double)spent / 1e9);
		if (spent > LEAST / SHARE)
			wait = spent < INT64_MAX / SHARE / 2 ? spent * SHARE : INT64_MAX / 2;
	}
	r->due = clock_run() + wait;
}

/* Takes what it has said so far. Returns whether that is all. */
static bool
hear(struct reporter *r)
{
	for (;;) {
		ssize_t n = read(r->fd, buf_room(&r->said, SAID_MAX), SAID_MAX);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return errno != EAGAIN;
		if (n == 0)
			return true;
		r->said.len += (size_t)n;
		r->said.data[r->said.len] = '\0';
		if (r->said.len > SAID_MAX && memchr(r->said.data, DONE, r->said.len) == NULL)
			buf_truncate(&r->said, SAID_MAX);
	}
}

/* ---- While the run goes on ---- */

void
reporter_start(struct reporter *r, const char *folder, const char *also)
{
	*r = (struct reporter)REPORTER_INIT;
	r->folder = folder;
	r->also = also;
	r->due = clock_run() + FIRST;
}

int64_t
reporter_tick(struct reporter *r)
{
	if (r->folder == NULL)
		return INT64_MAX;
	if (clock_run() < r->due)
		return r->due;
	if (r->pid == 0)
		start(r, false);
	else if (hear(r))
		conclude(r);
	else
		r->due = clock_run() + LEAST;
	return r->due;
}

/*
 * The pool turns no more: nobody else reaps the process, which has closed its pipe by ending, or was killed. One that hangs
 * in the kernel all the same is left to the system.
 */
static void
reap(pid_t pid)
{
	const struct timespec step = {.tv_nsec = NSEC_PER_MSEC};

	for (int64_t until = clock_run() + NSEC_PER_SEC; waitpid(pid, NULL, WNOHANG) == 0 && clock_run() < until;)
		nanosleep(&step, NULL);
}

/* Waits for the process, which is killed when it takes too long, or when nbfork is told to stop meanwhile. */
static void
await(struct reporter *r, int64_t deadline)
{
	pid_t pid = r->pid;
	int sig, stops = signals_stops(&sig);

	while (!hear(r)) {
		struct pollfd p = {.fd = r->fd, .events = POLLIN};
		struct timespec left;
		int ready = ppoll(&p, 1, clock_left(deadline, &left), signals_mask());
		bool told = signals_stops(&sig) > stops;

		if (told || ready == 0 || (ready == -1 && errno != EINTR)) {
			kill(r->pid, SIGKILL);
			buf_reset(&r->said);
			buf_adds(&r->said, told ? "nbfork was told to stop\n" : "it took too long\n");
			break;
		}
	}
	conclude(r);
	reap(pid);
}

/* Removes what those of its processes that were killed had begun to write. Not before: notebooks that run write there, too. */
static void
clean(const struct reporter *r)
{
	char *also = r->also != NULL ? realpath(r->also, NULL) : NULL;

	rundir_clean(r->folder);
	if (r->also != NULL)
		file_remove_temporaries(also != NULL ? also : r->also);
	free(also);
}

void
reporter_end(struct reporter *r)
{
	int64_t deadline = clock_run() + PATIENCE;
	int sig, stops = signals_stops(&sig);

	if (r->folder == NULL)
		return;
	if (r->pid != 0)
		await(r, deadline);
	if (signals_stops(&sig) == stops)
		start(r, true);
	if (r->pid != 0)
		await(r, deadline);
	if (r->unclean)
		clean(r);
	buf_release(&r->said);
	r->folder = NULL;
}
