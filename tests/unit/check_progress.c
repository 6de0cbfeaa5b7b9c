#include <config.h>

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/log.h"
#include "report/progress.h"
#include "made_run.h"
#include "screen.h"

#define DIVISION "{\"kind\": \"notebook\", \"name\": \"ZeroDivisionError\", \"message\": \"division by zero\", " \
	"\"cell\": 3, \"execution_count\": 4, \"traceback\": []}"
#define STOPPED "{\"kind\": \"stopped\", \"name\": null, \"message\": \"'b' failed (fail-fast)\"}"

static struct made made;
static struct screen screen;
static int master = -1;	/* the terminal's end of the terminal, or the reading end of the pipe */
static int standard_error;	/* as it was */
static struct buf shown;

#define HOUR 3605.0

/* ---- A run of these days, on a terminal or a pipe ---- */

static void
make(size_t n)
{
	made_init(&made, n);
	made.run.started_at = clock_run() - clock_from_seconds(7205);
}

/* Started so many seconds ago: 5 s after a full hour leave time for a slow machine before "1h00m" changes. */
static struct record *
start(size_t i, double seconds)
{
	struct record *r = made_started(&made, i);

	r->started_at = clock_run() - clock_from_seconds(seconds);
	progress_notebook_started(r);
	return r;
}

static void
at_cell(struct record *r, unsigned cell, unsigned cells)
{
	r->kernel_ready = true;
	r->cell = cell;
	r->cells = cells;
	progress_cell(r);
}

static void
prints(struct record *r, const char *line)
{
	made_set(&r->line, line);
	progress_line(r);
}

static void
finish(size_t i, enum status status, double seconds, const char *error)
{
	progress_notebook_finished(made_ended(&made, i, status, seconds, error));
}

static void
setup(void)
{
	standard_error = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	setenv("TERM", "xterm-256color", 1);
	unsetenv("NO_COLOR");
	setenv("LC_ALL", "C", 1);
	unsetenv("TMUX");
	unsetenv("STY");
	unsetenv("XTERM_VERSION");
	log_level = LOG_WARN;
	signal(SIGPIPE, SIG_IGN);
}

static void
teardown(void)
{
	progress_end();
	dup2(standard_error, STDERR_FILENO);
	close(standard_error);
	if (master != -1)
		close(master);
	master = -1;
	if (screen.rows != NULL)
		screen_release(&screen);
	screen.rows = NULL;
	made_release(&made);
	buf_release(&shown);
}

static void
set_size(size_t rows, size_t columns)
{
	struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};

	ck_assert_int_eq(ioctl(master, TIOCSWINSZ, &size), 0);
}

static void
open_terminal(size_t rows, size_t columns)
{
	int slave;

	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert_int_ne(master, -1);
	ck_assert_int_eq(grantpt(master), 0);
	ck_assert_int_eq(unlockpt(master), 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert_int_ne(slave, -1);
	ck_assert_int_ne(dup2(slave, STDERR_FILENO), -1);
	close(slave);
	fcntl(master, F_SETFL, O_NONBLOCK);
	set_size(rows, columns);
	screen_init(&screen, rows, columns);
}

static void
open_pipe(void)
{
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	master = ends[0];
	fcntl(master, F_SETFL, O_NONBLOCK);
}

/* What is there to be read, at most so much; returns how many bytes. */
static size_t
receive_some(struct buf *b)
{
	ssize_t n = read(master, buf_room(b, 65536), 65536);

	if (n <= 0)
		return 0;
	b->len += (size_t)n;
	b->data[b->len] = '\0';
	return (size_t)n;
}

/* Everything that was written, until nothing comes for a while. Returns how many bytes. */
static size_t
receive(struct buf *b)
{
	struct pollfd p = {.fd = master, .events = POLLIN};
	size_t all = 0, n;

	while (poll(&p, 1, 50) == 1 && (n = receive_some(b)) > 0)
		all += n;
	return all;
}

/*
 * The terminal shows what was written to it, and is left in order. Returns how many bytes that was. What was
 * written can take its time to arrive, so a character of the test's own is waited for, which comes last.
 */
static size_t
show(void)
{
	struct pollfd p = {.fd = master, .events = POLLIN};
	struct buf b = BUF_INIT;
	size_t n;

	ck_assert_int_eq(write(STDERR_FILENO, "\005", 1), 1);
	while (b.len == 0 || b.data[b.len - 1] != '\005') {
		ck_assert_int_eq(poll(&p, 1, 20000), 1);
		ck_assert_uint_gt(receive_some(&b), 0);
	}
	n = b.len - 1;
	screen_write(&screen, buf_str(&b), n);
	buf_release(&b);
	ck_assert(screen.wraps);
	ck_assert(!screen.held);
	ck_assert_uint_eq(screen.unread.len, 0);
	return n;
}

/* Waits until a frame is due again, and shows it. */
static size_t
frame(void)
{
	usleep(110 * 1000);
	progress_tick();
	return show();
}

static void
expect_screen(const char *expected)
{
	buf_reset(&shown);
	screen_text(&screen, 0, false, &shown);
	ck_assert_str_eq(buf_str(&shown), expected);
	ck_assert_uint_eq(screen.x, 0);
}

static void
expect_text(const char *expected)
{
	buf_reset(&shown);
	receive(&shown);
	ck_assert_str_eq(buf_str(&shown), expected);
}

/* ---- The live region ---- */

START_TEST(region)
{
	struct record *a, *b;

	open_terminal(24, 80);
	make(4);
	made_set(&made.workflow.tasks[1].name, "load-items");
	progress_start(&made.run, PROGRESS_AUTO);
	a = start(0, 10 * HOUR);
	b = start(1, HOUR);
	at_cell(a, 3, 9);
	prints(a, "loading rows");
	frame();
	expect_screen(
	    "nightly on local  -------------------- 0/4  2h00m  2 running, 2 waiting\n"
	    "  a           ##-------- 3/9  10h00m  loading rows\n"
	    "  load-items  starting         1h00m\n"
	    "  c           waits for a process\n"
	    "  d           waits for a process\n");
	finish(0, STATUS_SUCCEEDED, 6.04, NULL);
	at_cell(b, 11, 20);
	frame();
	expect_screen(
	    "[1/4] a: succeeded in 6.0s\n"
	    "nightly on local  ##-------- 1/4  2h00m  1 succeeded, 1 running, 2 waiting\n"
	    "  load-items  #####----- 11/20   1h00m\n"
	    "  c           waits for a process\n"
	    "  d           waits for a process\n");
	made.run.stopping = true;
	made.run.stop_reason = "SIGINT";
	progress_stopping();
	finish(1, STATUS_CANCELLED, 0.5, "{\"message\": \"stopped by SIGINT\", \"cell\": 2}");
	finish(2, STATUS_SKIPPED, 0, STOPPED);
	frame();
	expect_screen(
	    "[1/4] a: succeeded in 6.0s\n"
	    "[1/4] stopping: SIGINT\n"
	    "[2/4] load-items: cancelled after 0.5s: stopped by SIGINT (cell 2)\n"
	    "nightly on local  3/4  2h00m  1 cancelled, 1 skipped, 1 succeeded, 1 waiting\n"
	    "  stopping: SIGINT\n");
	finish(3, STATUS_FAILED, 0.5, DIVISION);
	progress_end();
	show();
	expect_screen(
	    "[1/4] a: succeeded in 6.0s\n"
	    "[1/4] stopping: SIGINT\n"
	    "[2/4] load-items: cancelled after 0.5s: stopped by SIGINT (cell 2)\n"
	    "[4/4] d: failed: ZeroDivisionError: division by zero (cell 3, In [4])\n");
}
END_TEST

/* What notebooks run stands below them, whoever started first. */
START_TEST(children)
{
	struct record *a, *one, *two, *three;

	open_terminal(24, 100);
	make(3);
	progress_start(&made.run, PROGRESS_TTY);
	a = start(0, HOUR);
	start(1, HOUR);
	one = made_child(&made, a, 1, STATUS_SUCCEEDED);
	one->state = RECORD_RUNNING;
	progress_notebook_started(one);
	two = made_child(&made, a, 1, STATUS_SUCCEEDED);
	two->state = RECORD_WAITING;
	progress_notebook_called(two);
	three = made_child(&made, one, 1, STATUS_FAILED);
	three->state = RECORD_WAITING;
	progress_notebook_called(three);
	three->state = RECORD_RUNNING;
	progress_notebook_started(three);
	made.run.children.running = 3;
	made.run.children.waiting = 7;
	frame();
	screen_text(&screen, 0, false, &shown);
	ck_assert_ptr_nonnull(strstr(shown.data, "2 running, 1 waiting; children: 3 running, 7 waiting\n"
	    "  a                  starting"));
	ck_assert_ptr_nonnull(strstr(shown.data, "\n    a.child          starting"));
	ck_assert_ptr_nonnull(strstr(shown.data, "\n      a.child.child  starting"));
	ck_assert_ptr_nonnull(strstr(shown.data, "\n    a.child          waits for a process\n  b  "));
	progress_notebook_finished(three);
	made.run.children.running = 2;
	made.run.children.waiting = 0;
	frame();
	buf_reset(&shown);
	screen_text(&screen, 0, false, &shown);
	ck_assert_ptr_nonnull(strstr(shown.data, "a.child.child: failed after 1.0s"));
	ck_assert_ptr_nonnull(strstr(shown.data, "2 running, 1 waiting; children: 2 running\n"));
	progress_notebook_finished(two);
	progress_notebook_finished(one);
}
END_TEST

/* What is said of a run as a whole: how long it may take, and that nothing is started now. */
START_TEST(totals)
{
	struct record *r;

	open_terminal(24, 120);
	make(4);
	made.run.processes = 2;
	for (size_t i = 0; i < 4; i++)
		made.run.records[i].estimate = 2 * HOUR;
	progress_start(&made.run, PROGRESS_TTY);
	r = start(0, HOUR);
	made_set(&r->again_because, "its notebook changed");
	frame();
	/* 1 h of this one and 6 h of the others, on two processes. */
	expect_screen(
	    "nightly on local  -------------------- 0/4  2h00m, about 3h30m left  1 running, 3 waiting\n"
	    "  a  starting  1h00m\n"
	    "  b  waits for a process\n"
	    "  c  waits for a process\n"
	    "  d  waits for a process\n");
	made.run.held = "the load is 9.1";
	progress_held();
	frame();
	expect_screen(
	    "nightly on local  -------------------- 0/4  2h00m, about 3h30m left  1 running, 3 waiting\n"
	    "  nothing new is started: the load is 9.1\n"
	    "  a  starting  1h00m\n"
	    "  b  waits for room on this machine\n"
	    "  c  waits for room on this machine\n"
	    "  d  waits for room on this machine\n");
	made.run.held = NULL;
	made.run.processes = 3;
	progress_held();
	progress_resized();
	frame();
	made.run.stopping = true;
	made.run.stop_reason = "SIGINT";
	progress_stopping();
	progress_notebook_retries(r, NSEC_PER_SEC);
	frame();
	buf_reset(&shown);
	screen_text(&screen, 0, false, &shown);
	ck_assert_ptr_nonnull(strstr(shown.data, "3 notebooks at a time from now on\n"));
	ck_assert_ptr_nonnull(strstr(shown.data, "attempt 2 in 1.0s\n"));
	ck_assert_ptr_null(strstr(shown.data, "left"));
	ck_assert_ptr_null(strstr(shown.data, "waits"));
	ck_assert_ptr_nonnull(strstr(shown.data, "\n  stopping: SIGINT\n"));
}
END_TEST

/* On a terminal that a notebook has started is to be seen; why it runs again is not, and scrolls by. */
START_TEST(again)
{
	struct record *r;

	open_terminal(24, 80);
	make(1);
	progress_start(&made.run, PROGRESS_TTY);
	made_set(&made.run.records[0].again_because, "its kernel changed");
	r = start(0, HOUR);
	frame();
	expect_screen(
	    "[0/1] a: started: runs again, because its kernel changed\n"
	    "nightly on local  -------------------- 0/1  2h00m  1 running\n"
	    "  a  starting  1h00m\n");
	r->state = RECORD_WAITING;
	made.run.running--;
	made.run.waiting++;
	progress_notebook_requeued(r, "little memory");
	frame();
	expect_screen(
	    "[0/1] a: started: runs again, because its kernel changed\n"
	    "[0/1] a: stopped, to run again later: little memory\n"
	    "nightly on local  -------------------- 0/1  2h00m  1 waiting\n"
	    "  a  waits for a process\n");
	/* The time goes on while it waits. */
	ck_assert_int_lt(progress_tick(), clock_run() + 2 * NSEC_PER_SEC);
	start(0, HOUR);
	frame();
	expect_screen(
	    "[0/1] a: started: runs again, because its kernel changed\n"
	    "[0/1] a: stopped, to run again later: little memory\n"
	    "nightly on local  -------------------- 0/1  2h00m  1 running\n"
	    "  a  starting  1h00m  attempt 2\n");
}
END_TEST

/* However often something changes: ten frames a second, and one when nothing does. */
START_TEST(rate)
{
	int64_t begin, next;
	struct record *r;
	unsigned before, elapsed;
	size_t n = 0;

	open_terminal(24, 80);
	make(1);
	progress_start(&made.run, PROGRESS_TTY);
	r = start(0, 5.1);
	frame();
	screen_text(&screen, 1, false, &shown);
	ck_assert_int_eq(sscanf(shown.data, "  a  starting  %us\n", &elapsed), 1);
	ck_assert_uint_ge(elapsed, 5);
	ck_assert_uint_lt(elapsed, 60);
	before = screen.frames;
	begin = clock_run();
	while (clock_run() - begin < NSEC_PER_SEC) {
		char line[32];

		snprintf(line, sizeof(line), "line %zu", n++);
		prints(r, line);
		progress_tick();
		usleep(1000);
	}
	show();
	ck_assert_uint_ge(screen.frames - before, 2);
	ck_assert_uint_le(screen.frames - before, 11);
	begin = clock_run();
	frame();
	next = progress_tick();
	ck_assert_uint_eq(show(), 0);
	ck_assert_int_gt(next, begin + NSEC_PER_SEC);
	ck_assert_int_le(next, clock_run() + NSEC_PER_SEC);
	before = screen.frames;
	while (clock_run() < next)
		usleep(10 * 1000);
	progress_tick();
	ck_assert_uint_gt(show(), 0);
	ck_assert_uint_eq(screen.frames - before, 1);
	finish(0, STATUS_SUCCEEDED, 1, NULL);
	frame();
	ck_assert_int_eq(progress_tick(), INT64_MAX);
}
END_TEST

#define HEAD "nightly on local  -------------------- 0/50  2h00m  50 running\n"

/* More notebooks than lines: the region never scrolls the terminal. */
START_TEST(more_than_fit)
{
	static const char *const expected[] = {
		[1] = "",
		[2] = HEAD,
		[3] = HEAD "  a  starting  1h00m\n",
		[4] = HEAD "  a  starting  1h00m\n  b  starting  1h00m\n",
		[5] = HEAD "  a  starting  1h00m\n  b  starting  1h00m\n  and 48 more: 48 running\n",
	};
	struct record *r = NULL;

	open_terminal((size_t)_i, 80);
	make(50);
	progress_start(&made.run, PROGRESS_TTY);
	for (size_t i = 0; i < 50; i++)
		r = start(i, HOUR);
	for (int i = 0; i < 2; i++) {
		progress_cell(r);
		frame();
		expect_screen(expected[_i]);
		ck_assert_uint_eq(screen.top, 0);
	}
}
END_TEST

/* What just fits is shown whole. */
START_TEST(as_many_as_fit)
{
	open_terminal(4, 80);
	make(2);
	progress_start(&made.run, PROGRESS_TTY);
	start(0, HOUR);
	start(1, HOUR);
	frame();
	expect_screen("nightly on local  -------------------- 0/2  2h00m  2 running\n  a  starting  1h00m\n  b  starting  1h00m\n");
	ck_assert_uint_eq(screen.top, 0);
}
END_TEST

static const char *const hostile[] = {
	"\x1b[2J\x1b[H\x1b]0;title\x07\x1b" "c\x1b[10B",
	"over\rwritten\r\n\n\n\x0b\x0c\x84\x85\xc2\x85\xc2\x9b",
	"\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad"
	"\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87"
	"\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad"
	"\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87",
	"a\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad"
	"\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87"
	"\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad"
	"\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87",
	"e\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81",
	"\xff\xfe\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80",
	"\xe2\x80\xae\xe2\x81\xa6right to left\t\t\ttab\b\b\b\b\b\x7f",
	"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
	"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789",
	"\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88"
	"\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88"
	"\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88"
	"\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88"
	"\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88"
	"\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88",
};
#define HOSTILE (sizeof(hostile) / sizeof(hostile[0]))

static const size_t widths[] = {1, 2, 3, 8, 19, 20, 21, 22, 40, 79, 80, 150};

/* Whatever notebooks are called and print, on whatever width: each has its one line, and the screen never scrolls. */
START_TEST(hostile_lines)
{
	open_terminal(HOSTILE + 2, widths[_i]);
	screen.wide_blocks = true;
	make(HOSTILE);
	made_set(&made.workflow.tasks[1].name, "n\x1b[5A\r\n\xe4\xb8\xad\xe6\x96\x87\xff");
	made_set(&made.workflow.tasks[2].name,
	    "\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad"
	    "\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87");
	made.run.stop_reason = "\x1b[H\n\n";
	made.run.stopping = true;
	progress_start(&made.run, PROGRESS_TTY);
	for (size_t i = 0; i < HOSTILE; i++)
		start(i, HOUR);
	for (size_t turn = 0; turn < 2; turn++) {
		for (size_t i = 0; i < HOSTILE; i++)
			prints(&made.run.records[i], hostile[(i + turn) % HOSTILE]);
		frame();
		ck_assert_uint_eq(screen.top, 0);
		ck_assert_uint_eq(screen.x, 0);
		ck_assert_uint_eq(screen.y, HOSTILE + 1);
	}
	progress_end();
	show();
	expect_screen("");
	ck_assert_uint_eq(screen.y, 0);
}
END_TEST

/* A finished notebook's line may be longer than the terminal is wide: it wraps, above the region. */
START_TEST(long_lines_scroll_away)
{
	struct buf error = BUF_INIT;

	open_terminal(6, 30);
	make(3);
	progress_start(&made.run, PROGRESS_TTY);
	for (size_t i = 0; i < 3; i++)
		prints(start(i, HOUR), "0123456789012345678901234567890123456789");
	frame();
	buf_adds(&error, "{\"message\": \"");
	buf_fill(&error, 'm', 80);
	buf_adds(&error, "\"}");
	finish(0, STATUS_FAILED, 1, error.data);
	frame();
	expect_screen(
	    "[1/3] a: failed after 1.0s: mm\n"
	    "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmm\n"
	    "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmm\n"
	    "mmmmmmmmmmmmmmmmmm\n"
	    "    runs/x/notebooks/a.ipynb\n"
	    "1/3  2h00m  1 failed, 2 ru...\n"
	    "b  starting  0123456789012...\n"
	    "c  starting  0123456789012...\n");
	ck_assert_uint_eq(screen.top, 3);
	buf_release(&error);
}
END_TEST

/* Narrower, on a terminal that breaks lines anew (0) and on one that cuts them (1); then wider again. */
START_TEST(resize)
{
	static const char *const expected[] = {
		"[1/3] a: failed after 1.0s: ZeroDivisionError: division by zero (cell 3, In [4])\n",
		"[1/3] a: failed after 1.0s: ZeroDivision\n",
	};
	char *text;

	if (_i == 1)
		setenv("XTERM_VERSION", "XTerm(379)", 1);
	open_terminal(20, 100);
	make(3);
	progress_start(&made.run, PROGRESS_TTY);
	for (size_t i = 0; i < 3; i++)
		prints(start(i, HOUR),
		    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789");
	finish(0, STATUS_FAILED, 1, DIVISION);
	frame();
	if (_i == 0)
		screen_reflow(&screen, 40);
	else
		screen_crop(&screen, 40);
	set_size(20, 40);
	prints(&made.run.records[1], "narrow");
	frame();
	text = xasprintf("%s    runs/x/notebooks/a.ipynb\n1/3  2h00m  1 failed, 2 running\n"
	    "b  starting  narrow\nc  starting  01234567890123456789012...\n", expected[_i]);
	buf_reset(&shown);
	screen_text(&screen, 0, true, &shown);
	ck_assert_str_eq(buf_str(&shown), text);
	free(text);
	if (_i == 0)
		screen_reflow(&screen, 120);
	else
		screen_crop(&screen, 120);
	set_size(20, 120);
	prints(&made.run.records[1], "wide");
	prints(&made.run.records[2], "wide");
	frame();
	text = xasprintf("%s    runs/x/notebooks/a.ipynb\n"
	    "nightly on local  ######-------------- 1/3  2h00m  1 failed, 2 running\n"
	    "  b  starting  1h00m  wide\n  c  starting  1h00m  wide\n", expected[_i]);
	expect_screen(text);
	free(text);
}
END_TEST

START_TEST(log_lines)
{
	open_terminal(10, 80);
	make(2);
	progress_start(&made.run, PROGRESS_TTY);
	start(0, HOUR);
	start(1, HOUR);
	frame();
	finish(0, STATUS_SUCCEEDED, 1, NULL);
	log_warn("one");
	log_warn("two");
	frame();
	expect_screen(
	    "[1/2] a: succeeded in 1.0s\n"
	    "nbfork: warning: one\n"
	    "nbfork: warning: two\n"
	    "nightly on local  ##########---------- 1/2  2h00m  1 succeeded, 1 running\n"
	    "  b  starting  1h00m\n");
	progress_end();
	log_warn("three");
	show();
	expect_screen(
	    "[1/2] a: succeeded in 1.0s\n"
	    "nbfork: warning: one\n"
	    "nbfork: warning: two\n"
	    "nbfork: warning: three\n");
}
END_TEST

START_TEST(suspended)
{
	struct record *r;

	open_terminal(10, 80);
	make(2);
	progress_start(&made.run, PROGRESS_TTY);
	start(0, HOUR);
	r = start(1, HOUR);
	frame();
	finish(0, STATUS_SUCCEEDED, 1, NULL);
	progress_suspended(true);
	show();
	expect_screen("[1/2] a: succeeded in 1.0s\n");
	ck_assert_int_eq(write(STDERR_FILENO, "$ fg\n", 5), 5);
	progress_suspended(false);
	prints(r, "back");
	frame();
	expect_screen(
	    "[1/2] a: succeeded in 1.0s\n"
	    "$ fg\n"
	    "nightly on local  ##########---------- 1/2  2h00m  1 succeeded, 1 running\n"
	    "  b  starting  1h00m  back\n");
}
END_TEST

#define STUCK 3000

/* A terminal that takes nothing (Ctrl-S, a lost connection) holds up nobody, and is told everything later. */
START_TEST(stuck)
{
	int64_t begin;
	const char *at;

	open_terminal(24, 80);
	make(STUCK);
	progress_start(&made.run, PROGRESS_TTY);
	progress_tick();
	begin = clock_run();
	for (size_t i = 0; i < STUCK; i++) {
		start(i, HOUR);
		finish(i, STATUS_FAILED, 1, DIVISION);
	}
	for (int i = 0; i < 5; i++) {
		usleep(110 * 1000);
		ck_assert_int_le(progress_tick(), clock_run() + NSEC_PER_SEC);
	}
	ck_assert_int_lt(clock_run() - begin, 10 * NSEC_PER_SEC);
	/* A frame in little pieces, each as much as the terminal takes at once. */
	for (int i = 0; i < 1000; i++) {
		struct buf b = BUF_INIT;
		size_t n = receive(&b);

		screen_write(&screen, buf_str(&b), b.len);
		buf_release(&b);
		if (n < 1000 && !screen.held)
			break;
		usleep(100 * 1000);
		progress_tick();
	}
	frame();
	buf_reset(&shown);
	screen_text(&screen, 0, true, &shown);
	at = buf_str(&shown);
	for (size_t i = 0; i < STUCK; i++) {
		char *line = xasprintf("[%zu/%d] %s: failed after 1.0s: ZeroDivisionError: division by zero "
		    "(cell 3, In [4])\n    runs/x/notebooks/%s.ipynb\n", i + 1, STUCK, made.workflow.tasks[i].name,
		    made.workflow.tasks[i].name);

		ck_assert_msg(strncmp(at, line, strlen(line)) == 0, "not %s at %.100s", line, at);
		at += strlen(line);
		free(line);
	}
	ck_assert_str_eq(at, "nightly on local  #################### 3000/3000  2h00m  3000 failed\n");
}
END_TEST

START_TEST(stuck_to_the_end)
{
	int64_t begin;

	open_terminal(24, 80);
	make(STUCK);
	progress_start(&made.run, PROGRESS_TTY);
	for (size_t i = 0; i < STUCK; i++) {
		start(i, HOUR);
		finish(i, STATUS_FAILED, 1, DIVISION);
	}
	begin = clock_run();
	progress_end();
	ck_assert_int_lt(clock_run() - begin, 10 * NSEC_PER_SEC);
}
END_TEST

/* The terminal's window is closed. */
START_TEST(terminal_gone)
{
	open_terminal(24, 80);
	make(2);
	progress_start(&made.run, PROGRESS_TTY);
	start(0, HOUR);
	frame();
	close(master);
	master = -1;
	finish(0, STATUS_SUCCEEDED, 1, NULL);
	usleep(110 * 1000);
	progress_tick();
	progress_end();
}
END_TEST

/* In the background of a shell: only lines, and nothing that moves the cursor. */
START_TEST(background)
{
	pid_t leader, pid;
	int status;

	open_terminal(24, 80);
	setenv("NO_COLOR", "1", 1);
	make(2);
	leader = fork();
	if (leader == 0) {
		setsid();
		if (ioctl(STDERR_FILENO, TIOCSCTTY, 0) == -1)
			_exit(2);
		pid = fork();
		if (pid == 0) {
			setpgid(0, 0);
			progress_start(&made.run, PROGRESS_AUTO);
			start(0, HOUR);
			start(1, HOUR);
			usleep(110 * 1000);
			progress_tick();
			finish(0, STATUS_SUCCEEDED, 1, NULL);
			usleep(110 * 1000);
			progress_tick();
			finish(1, STATUS_SUCCEEDED, 1, NULL);
			progress_end();
			_exit(0);
		}
		waitpid(pid, &status, 0);
		_exit(status != 0);
	}
	ck_assert_int_eq(waitpid(leader, &status, 0), leader);
	ck_assert_int_eq(status, 0);
	expect_text("[1/2] a: succeeded in 1.0s\r\n[2/2] b: succeeded in 1.0s\r\n");
}
END_TEST

/* ---- Which display it is ---- */

static const struct {
	enum progress_mode mode;
	bool terminal;
	const char *term, *no_color;
	bool escapes, colours;
} choices[] = {
	{PROGRESS_AUTO, true, "xterm", NULL, true, true},
	{PROGRESS_AUTO, true, "xterm", "", true, true},
	{PROGRESS_AUTO, true, "xterm", "1", true, false},
	{PROGRESS_AUTO, true, "dumb", NULL, false, false},
	{PROGRESS_AUTO, true, "", NULL, false, false},
	{PROGRESS_AUTO, true, NULL, NULL, false, false},
	{PROGRESS_AUTO, false, "xterm", NULL, false, false},
	{PROGRESS_PLAIN, true, "xterm", NULL, false, false},
	{PROGRESS_TTY, true, NULL, NULL, true, false},
	{PROGRESS_TTY, false, "xterm", NULL, true, true},
};

START_TEST(choice)
{
	if (choices[_i].terminal)
		open_terminal(24, 80);
	else
		open_pipe();
	if (choices[_i].term != NULL)
		setenv("TERM", choices[_i].term, 1);
	else
		unsetenv("TERM");
	if (choices[_i].no_color != NULL)
		setenv("NO_COLOR", choices[_i].no_color, 1);
	make(1);
	progress_start(&made.run, choices[_i].mode);
	prints(start(0, 5.1), "line");
	progress_tick();
	finish(0, STATUS_SUCCEEDED, 1, NULL);
	progress_end();
	receive(&shown);
	ck_assert_ptr_nonnull(strstr(shown.data, "[1/1] a: "));
	ck_assert_int_eq(strstr(shown.data, "\033[K") != NULL, choices[_i].escapes);
	ck_assert_int_eq(strstr(shown.data, "\033[32msucceeded\033[m") != NULL, choices[_i].colours);
	if (!choices[_i].escapes)
		ck_assert_ptr_null(strchr(shown.data, '\033'));
}
END_TEST

START_TEST(none)
{
	open_pipe();
	make(1);
	progress_start(&made.run, PROGRESS_NONE);
	prints(start(0, 100), "line");
	progress_stopping();
	ck_assert_int_eq(progress_tick(), INT64_MAX);
	progress_suspended(true);
	progress_suspended(false);
	finish(0, STATUS_FAILED, 1, DIVISION);
	progress_end();
	expect_text("");
}
END_TEST

START_TEST(names)
{
	enum progress_mode mode;

	ck_assert(progress_parse("auto", &mode) && mode == PROGRESS_AUTO);
	ck_assert(progress_parse("tty", &mode) && mode == PROGRESS_TTY);
	ck_assert(progress_parse("plain", &mode) && mode == PROGRESS_PLAIN);
	ck_assert(progress_parse("none", &mode) && mode == PROGRESS_NONE);
	ck_assert(!progress_parse("", &mode) && !progress_parse("Auto", &mode) && !progress_parse("ttyx", &mode));
}
END_TEST

/* ---- Plain lines ---- */

START_TEST(plain)
{
	struct record *r;

	open_pipe();
	make(6);
	made_set(&made.workflow.tasks[1].name, "b\x1b[31m\r\nB");
	progress_start(&made.run, PROGRESS_AUTO);
	r = start(0, 5.1);
	at_cell(r, 1, 9);
	prints(r, "printed");
	start(1, 5.1);
	finish(0, STATUS_SUCCEEDED, 1.26, NULL);
	made.workflow.tasks[1].allow_failure = true;
	finish(1, STATUS_FAILED, 64, DIVISION);
	start(2, 5.1);
	finish(2, STATUS_TIMED_OUT, 1, "{\"message\": \"longer than 1 s\\n\\nmore\", \"cell\": 0}");
	made.run.records[3].attempts = 1;
	start(3, 5.1);
	made.run.stop_reason = "SIG\x1b[mINT";
	progress_stopping();
	finish(3, STATUS_CANCELLED, 1, NULL);
	finish(4, STATUS_SKIPPED, 0, STOPPED);	/* has been said */
	finish(5, STATUS_SKIPPED, 0, "{\"kind\": \"dependency\", \"message\": \"'a' failed\"}");
	progress_tick();
	expect_text(
	    "[0/6] a: started\n"
	    "[0/6] bB: started\n"
	    "[1/6] a: succeeded in 1.3s\n"
	    "[2/6] bB: failed (allowed) after 1m04s: ZeroDivisionError: division by zero (cell 3, In [4]); "
	    "see runs/x/notebooks/bB.ipynb\n"
	    "[2/6] c: started\n"
	    "[3/6] c: timed_out after 1.0s: longer than 1 s ... (cell 0); see runs/x/notebooks/c.ipynb\n"
	    "[3/6] d: started (attempt 2)\n"
	    "[3/6] stopping: SIGINT\n"
	    "[4/6] d: cancelled after 1.0s (attempt 2)\n"
	    "[6/6] f: skipped: 'a' failed\n");
	progress_end();
	expect_text("");
}
END_TEST

/* Notebooks that run again, for whatever reason. */
START_TEST(plain_again)
{
	struct record *r;

	open_pipe();
	make(5);
	progress_start(&made.run, PROGRESS_PLAIN);
	r = made_started(&made, 0);
	made_set(&r->again_because, "its\x1b[m kernel changed");
	progress_notebook_started(r);
	made_ended(&made, 0, STATUS_FAILED, 2, DIVISION);
	progress_notebook_retries(r, 5 * NSEC_PER_SEC / 2);
	/* Why it runs again is said once. */
	r->state = RECORD_WAITING;
	made.run.waiting++;
	made.run.counts[STATUS_FAILED]--;
	r = start(0, 5.1);
	r->state = RECORD_WAITING;
	progress_notebook_requeued(r, "only 1.0 GiB of memory is free");
	made.run.running--;
	made.run.waiting++;
	start(0, 5.1);
	finish(0, STATUS_SUCCEEDED, 1, NULL);
	made_set(&made.run.records[1].kept, "{}");
	finish(1, STATUS_SUCCEEDED, 0, NULL);	/* no news */
	made.run.records[2].excluded = true;
	finish(2, STATUS_SKIPPED, 0, "{\"kind\": \"dependency\", \"message\": \"not needed: b\"}");
	made.run.held = "the load is 9.1";
	progress_held();
	made.run.held = NULL;
	progress_held();
	made.run.processes = 5;
	progress_resized();
	made.run.processes = 1;
	progress_resized();
	expect_text(
	    "[0/5] a: started: runs again, because its kernel changed\n"
	    "[1/5] a: failed after 2.0s: ZeroDivisionError: division by zero (cell 3, In [4]); attempt 2 in 2.5s\n"
	    "[0/5] a: started (attempt 2)\n"
	    "[0/5] a: stopped, to run again later: only 1.0 GiB of memory is free\n"
	    "[0/5] a: started (attempt 3)\n"
	    "[1/5] a: succeeded in 1.0s (attempt 3)\n"
	    "[3/5] c: skipped: not needed: b\n"
	    "[3/5] nothing new is started: the load is 9.1\n"
	    "[3/5] notebooks are started again\n"
	    "[3/5] 5 notebooks at a time from now on\n"
	    "[3/5] 1 notebook at a time from now on\n");
	log_level = LOG_INFO;
	made_set(&made.run.records[3].kept, "{}");
	finish(3, STATUS_SUCCEEDED, 0, NULL);
	expect_text("[4/5] d: succeeded in an earlier run\n");
}
END_TEST

START_TEST(plain_verbose)
{
	struct record *r;

	open_pipe();
	make(1);
	log_level = LOG_INFO;
	progress_start(&made.run, PROGRESS_PLAIN);
	r = start(0, 5.1);
	at_cell(r, 0, 9);
	at_cell(r, 1, 9);
	prints(r, "to\rd\xff\x1b[2Jone");
	at_cell(r, 2, 0);
	made_set(&r->line, NULL);
	progress_line(r);
	log_info("hello");
	expect_text(
	    "[0/1] a: started\n"
	    "[0/1] a: kernel is ready\n"
	    "[0/1] a: cell 1/9\n"
	    "[0/1] a: | tod\xef\xbf\xbdone\n"
	    "[0/1] a: cell 2\n"
	    "nbfork: hello\n");
}
END_TEST

/* A notebook that runs for long says so, less and less often. */
START_TEST(heartbeat)
{
	struct record *r;
	int64_t next, began;

	open_pipe();
	make(3);
	progress_start(&made.run, PROGRESS_PLAIN);
	ck_assert_int_eq(progress_tick(), INT64_MAX);
	r = start(0, 8);
	next = progress_tick();
	ck_assert_int_eq(next, r->started_at + 10 * NSEC_PER_SEC);
	expect_text("[0/3] a: started\n");
	start(1, HOUR);
	began = clock_run();
	next = progress_tick();
	expect_text("[0/3] b: started\n[0/3] b: starting, 1h00m\n");
	ck_assert_int_eq(next, r->started_at + 10 * NSEC_PER_SEC);
	at_cell(r, 3, 9);
	while (clock_run() < next)
		usleep(50 * 1000);
	r->started_at -= clock_from_seconds(HOUR);
	next = progress_tick();
	expect_text("[0/3] a: cell 3/9, 1h00m\n");
	/* b's next, 20 s after its first, is before a's. */
	ck_assert_int_ge(next, began + 20 * NSEC_PER_SEC);
	ck_assert_int_lt(next, began + 25 * NSEC_PER_SEC);
	progress_tick();
	expect_text("");
}
END_TEST

/* A reader that reads nothing holds up nobody, and what it misses is whole lines. */
START_TEST(plain_stuck)
{
	size_t n = 10000, got = 0;
	const char *at;

	open_pipe();
	make(n);
	progress_start(&made.run, PROGRESS_PLAIN);
	for (size_t i = 0; i < n; i++) {
		start(i, 5.1);
		finish(i, STATUS_FAILED, 1, DIVISION);
	}
	ck_assert_int_le(progress_tick(), clock_run() + NSEC_PER_SEC / 5);
	for (int i = 0; i < 100 && receive(&shown) > 0; i++)
		progress_tick();
	at = buf_str(&shown);
	for (const char *end; (end = strchr(at, '\n')) != NULL; at = end + 1, got++) {
		ck_assert_int_eq(*at, '[');
		ck_assert(strncmp(end - 7, "started", 7) == 0 || strncmp(end - 6, ".ipynb", 6) == 0);
	}
	ck_assert_str_eq(at, "");
	ck_assert_uint_gt(shown.len, 1024 * 1024);
	ck_assert_uint_lt(shown.len, 1300 * 1024);
	ck_assert_uint_gt(got, n);
	ck_assert_uint_lt(got, 2 * n);
}
END_TEST

START_TEST(reader_gone)
{
	open_pipe();
	make(2);
	progress_start(&made.run, PROGRESS_PLAIN);
	start(0, 5.1);
	close(master);
	master = -1;
	finish(0, STATUS_SUCCEEDED, 1, NULL);
	progress_tick();
	progress_end();
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("progress");
	TCase *t = tcase_create("live");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, region);
	tcase_add_test(t, children);
	tcase_add_test(t, totals);
	tcase_add_test(t, again);
	tcase_add_test(t, rate);
	tcase_add_loop_test(t, more_than_fit, 1, 6);
	tcase_add_test(t, as_many_as_fit);
	tcase_add_loop_test(t, hostile_lines, 0, sizeof(widths) / sizeof(widths[0]));
	tcase_add_test(t, long_lines_scroll_away);
	tcase_add_loop_test(t, resize, 0, 2);
	tcase_add_test(t, log_lines);
	tcase_add_test(t, suspended);
	tcase_add_test(t, stuck);
	tcase_add_test(t, stuck_to_the_end);
	tcase_add_test(t, terminal_gone);
	tcase_add_test(t, background);
	suite_add_tcase(s, t);
	t = tcase_create("plain");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, choice, 0, sizeof(choices) / sizeof(choices[0]));
	tcase_add_test(t, none);
	tcase_add_test(t, plain);
	tcase_add_test(t, plain_again);
	tcase_add_test(t, plain_verbose);
	tcase_add_test(t, heartbeat);
	tcase_add_test(t, plain_stuck);
	tcase_add_test(t, reader_gone);
	suite_add_tcase(s, t);
	t = tcase_create("names");
	tcase_add_test(t, names);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	SRunner *r = srunner_create(suite());
	int failed;

	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
