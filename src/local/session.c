#include "local/session.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "local/calls.h"
#include "local/session_turn.h"

#define SHUTDOWN_MOST (5 * NSEC_PER_SEC)	/* for a kernel that is busy ending, as jupyter_client gives it */
/*
 * for the same when the notebook was stopped: the pool waits for its worker
 */
#define SHUTDOWN_STOPPED (1 * NSEC_PER_SEC)
#define ACTIVITY_STEP (50 * NSEC_PER_MSEC)	/* between two looks at what it does */
#define TERM_GRACE (500 * NSEC_PER_MSEC)	/* from SIGTERM to SIGKILL */
/*
 * for what a dead kernel sent and the I/O thread has not delivered yet
 */
#define DRAIN_GRACE (50 * NSEC_PER_MSEC)
#define EMPTY_GRACE (5 * NSEC_PER_SEC)
/*
 * For what a kernel leaves behind to end by itself: Python's resource tracker removes memory and semaphores that the
 * notebook has shared and forgotten. A keeper gives as much.
 */
#define LEFT_GRACE (250 * NSEC_PER_MSEC)
/*
 * reads of up to 64 KiB: a pipe holds that much as a rule, and 1 MiB at most without privileges
 */
#define PIPE_TURNS 64
#define LINES_A_TURN 1000	/* told to the worker */
#define MESSAGES_A_TURN 256	/* then signals and deadlines are looked at again */

static volatile sig_atomic_t got_sigchld;

static void
on_sigchld(int sig)
{
	(void)sig;
	got_sigchld = 1;
}

static void
on_printed(void *data, const char *stream, const char *text, size_t n)
{
	struct session *s = data;

	console_put(&s->console, strcmp(stream, "stderr") == 0 ? CONSOLE_STDERR : CONSOLE_STDOUT, text, n);
}

static void
on_comm(void *data, const char *content, size_t n, const char *parent_header)
{
	struct session *s = data;
	char id[WIRE_ID];

	if (s->wire != NULL && wire_send(s->wire, CHANNEL_SHELL, "comm_msg", content, n, parent_header, id) == -1)
		log_debug("cannot send a comm_msg: %s", strerror(errno));
}

void
session_init(struct session *s, struct attempt *a, const struct kernelspec *spec, struct session *first)
{
	struct sigaction sa = {.sa_handler = on_sigchld, .sa_flags = SA_NOCLDSTOP};
	const struct collector_calls calls = {.printed = on_printed, .comm = on_comm, .data = s};

	struct session *last;
	unsigned n = 1;

	*s = (struct session){.first = first != NULL ? first : s, .attempt = a, .spec = spec};
	for (last = s->first; last != s && last->next != NULL; last = last->next)
		n++;
	if (last != s)
		last->next = s;
	/* A short name: there will be sockets in it. */
	s->folder = first == NULL ? xstrdup(a->folder) : xasprintf("%s/%u", a->folder, n);
	s->kernel = (struct kernel)KERNEL_INIT;
	s->memory = (struct memory)MEMORY_INIT;
	failure_init(&s->failure);
	console_init(&s->console, a->log, a->mask, a->line_interval);
	s->collector = collector_new(a->notebook, a->mask, &calls);
	sigemptyset(&sa.sa_mask);
	sigaction(SIGCHLD, &sa, NULL);
}

void
session_release(struct session *s)
{
	session_end(s->first, true);
	kernel_release(&s->kernel);
	memory_release(&s->memory);
	collector_free(s->collector);
	console_release(&s->console);
	failure_release(&s->failure);
	free(s->folder);
}

bool
session_stopping(const struct session *s)
{
	return *s->attempt->stop != 0;
}

/* Reaps the kernels, and the orphans of their trees that this process has adopted. Returns whether anybody was dead. */
static bool
reap(struct session *first)
{
	struct session *s;
	bool reaped = false;
	siginfo_t info;

	got_sigchld = 0;	/* before reaping: what ends from here on raises it again */
	for (;;) {
		info.si_pid = 0;
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == -1 || info.si_pid == 0)
			return reaped;
		reaped = true;
		for (s = first; s != NULL && s->kernel.pid != info.si_pid; s = s->next)
			;
		if (s != NULL)
			kernel_reap(&s->kernel);
		else
			waitpid(info.si_pid, NULL, WNOHANG);
	}
}

/* Takes what has been written to the kernel's standard output and error. Returns whether there was something. */
static bool
read_output(struct session *s)
{
	char bytes[65536];
	ssize_t n;

	if (s->kernel.output == -1)
		return false;
	n = read(s->kernel.output, bytes, sizeof(bytes));
	if (n > 0) {
		console_put(&s->console, CONSOLE_KERNEL, bytes, (size_t)n);
		return true;
	}
	if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		close(s->kernel.output);
		s->kernel.output = -1;
	}
	return false;
}

/* Takes what is in the pipe, but not for ever what somebody still writes: a process that the kernel has started. */
static void
read_rest(struct session *s)
{
	for (int i = 0; i < PIPE_TURNS && read_output(s); i++)
		;
}

static bool
read_messages(struct session *s)
{
	struct message m;
	int taken = 0;

	while (s->wire != NULL && taken < MESSAGES_A_TURN && wire_receive(s->wire, &m) == 1) {
		session_message(s, &m);
		message_release(&m);
		taken++;
	}
	return taken != 0;
}

/* Tells the worker what is new. Returns when to come back (run clock). */
static int64_t
tell(struct session *s)
{
	struct attempt *a = s->attempt;
	struct buf line = BUF_INIT, json = BUF_INIT;
	int64_t again;

	for (int i = 0; i < LINES_A_TURN && console_line(&s->console, clock_run(), &line); i++) {
		struct json_out o = JSON_OUT(&json, -1, 0);

		buf_reset(&json);
		json_out_open(&o, '{');
		json_out_key(&o, "kind");
		json_out_str(&o, "line");
		json_out_key(&o, "text");
		json_out_str(&o, buf_str(&line));
		json_out_close(&o, '}');
		a->progress(a, json.data, json.len);
		buf_reset(&line);
	}
	buf_release(&line);
	buf_release(&json);
	if (s->changed)
		collector_settle(s->collector);
	again = a->tick(a, s->changed);
	s->changed = false;
	return again < console_due(&s->console) ? again : console_due(&s->console);
}

void
session_turn(struct session *s, int64_t deadline)
{
	struct pollfd fds[WIRE_FDS + 4];
	int wire_fd[WIRE_FDS];
	nfds_t n = 0;
	struct timespec ts;
	int64_t again, calls_again;
	bool busy;

	busy = got_sigchld && reap(s->first);
	busy = kernel_hear(&s->kernel) || busy;
	busy = read_messages(s) || busy;
	busy = read_output(s) || busy;
	again = tell(s);
	calls_again = calls_turn(s->attempt->calls);
	if (calls_again < again)
		again = calls_again;
	if (busy)
		return;	/* something has changed, and there may be more: the caller looks at it and comes back */
	if (s->wire != NULL) {
		wire_fds(s->wire, wire_fd);
		for (int i = 0; i < WIRE_FDS; i++)
			fds[n++] = (struct pollfd){.fd = wire_fd[i], .events = POLLIN};
	}
	fds[n++] = (struct pollfd){.fd = s->kernel.output, .events = POLLIN};
	fds[n++] = (struct pollfd){.fd = s->kernel.watch, .events = POLLIN};
	fds[n++] = (struct pollfd){.fd = s->kernel.leash, .events = POLLIN};
	fds[n++] = (struct pollfd){.fd = calls_fd(s->attempt->calls), .events = POLLIN};
	ppoll(fds, n, clock_left(again < deadline ? again : deadline, &ts), s->attempt->wait_mask);
}

void
session_interrupt(struct session *s)
{
	char id[WIRE_ID];

	if (!s->kernel.interrupt_by_message)
		kernel_signal(&s->kernel, SIGINT);
	else if (s->wire != NULL && wire_send(s->wire, CHANNEL_CONTROL, "interrupt_request", "{}", 2, NULL, id) == -1)
		log_warn("cannot ask the kernel to interrupt: %s", strerror(errno));
}

/* Turns until the kernel has ended or the deadline is there. */
static void
await_end(struct session *s, int64_t deadline)
{
	while (!s->kernel.ended && clock_run() < deadline && !s->attempt->orphaned())
		session_turn(s, deadline);
}

void
session_drain(struct session *s)
{
	int64_t deadline = clock_run() + DRAIN_GRACE;

	/* What it sent last may still be on its way through the I/O thread. */
	while (clock_run() < deadline)
		session_turn(s, deadline);
	read_rest(s);
	console_flush(&s->console);
}

enum verdict
session_dead(struct session *s, const char *when)
{
	struct buf words = BUF_INIT;
	char *how, *hint;

	session_drain(s);
	how = memory_exceeded(&s->first->memory) ? xstrdup("kernel was killed") : kernel_describe_end(&s->kernel);
	hint = s->cell == NULL ? memory_hint_start(&s->first->memory) : memory_hint_end(&s->first->memory, s->kernel.status);
	failure_release(&s->failure);
	s->failure.kind = ERROR_KERNEL;
	s->failure.name = xstrdup("DeadKernelError");
	/* It could not say why by a message, so what it wrote last is the best there is. */
	if (!s->kernel_info)
		console_last_words(&s->console, &words);
	s->failure.message = xasprintf("%s %s%s%s%s", how, when, hint, words.len != 0 ? ": " : "", buf_str(&words));
	console_log_words(&s->console);
	buf_release(&words);
	free(hint);
	free(how);
	return VERDICT_KERNEL;
}

void
session_ask_to_end(struct session *first)
{
	for (struct session *s = first; s != NULL; s = s->next) {
		if (!s->started || s->wire == NULL || !s->kernel_info || s->kernel.ended)
			continue;
		if (wire_send(s->wire, CHANNEL_CONTROL, "shutdown_request", "{\"restart\": false}", 18, NULL, s->request) == 0)
			s->asked_at = clock_run();
		s->console.raw = CONSOLE_RAW_LOG;
	}
}

/*
 * Waits for a kernel that was asked to end. ipykernel is known to answer and then hang in its own clean-up now and
 * then; on a busy machine it may as well take its time. What tells them apart is that one that hangs does nothing.
 */
static void
await_exit(struct session *s)
{
	const int64_t grace = s->attempt->task->target->shutdown_grace;
	int64_t now = clock_run(), quiet_since = now, deadline;
	unsigned long long ticks, before = 0;
	bool running;

	deadline = s->asked_at + (session_stopping(s) ? SHUTDOWN_STOPPED : SHUTDOWN_MOST);
	while (now < deadline && now - quiet_since < grace && !s->kernel.ended && !s->attempt->orphaned()) {
		if (proc_activity(s->kernel.pid, &ticks, &running) == 0 && (running || ticks != before)) {
			before = ticks;
			quiet_since = now;
		}
		session_turn(s, now + ACTIVITY_STEP);
		now = clock_run();
	}
	if (!s->kernel.ended) {
		log_info("the kernel did not end when asked to; it is told to by SIGTERM");
		kernel_signal(&s->kernel, SIGTERM);
		await_end(s, clock_run() + TERM_GRACE);
	}
}

/* After the kernel's end: what it has left behind. */
static void
settle(struct session *s)
{
	kernel_reap(&s->kernel);
	read_rest(s);
	console_flush(&s->console);
	wire_close(s->wire);
	s->wire = NULL;
}

void
session_end(struct session *first, bool hurry)
{
	struct session *s;
	bool started = false;
	size_t left;

	for (s = first; s != NULL; s = s->next) {
		started = started || s->started;
		if (s->started && !hurry && s->asked_at != 0)
			await_exit(s);
	}
	if (!started)
		return;
	for (s = first; s != NULL; s = s->next)
		kernel_kill(&s->kernel);
	left = proc_empty_tree(NULL, LEFT_GRACE, EMPTY_GRACE, NULL);
	for (s = first; s != NULL; s = s->next) {
		if (s->started) {
			s->started = false;
			left += !kernel_empty(&s->kernel);
			settle(s);
		}
	}
	if (left != 0)
		log_warn("%zu processes of the notebook could not be killed", left);
}
