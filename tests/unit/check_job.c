#include <check.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "pool/job.h"

#define EVENTUALLY(condition)						\
	do {								\
		int64_t until_ = clock_run() + 10 * NSEC_PER_SEC;	\
									\
		while (!(condition) && clock_run() < until_)		\
			usleep(1000);					\
		ck_assert(condition);					\
	} while (0)

static struct {
	volatile pid_t pids[4];
	volatile int n;
	volatile bool ready, flag;
} *shared;

static struct job job;
static sigset_t mask;
static int fork_error;	/* errno for the next fork, which fails then */
static int early_signal;	/* what a child gets as soon as it is there; 0 for nothing */

/* Takes the place of the C library's. */
pid_t
fork(void)
{
	pid_t (*real)(void) = (pid_t (*)(void))dlsym(RTLD_NEXT, "fork"), pid;

	if (fork_error != 0) {
		errno = fork_error;
		return -1;
	}
	pid = real();
	if (pid == 0 && early_signal != 0)
		raise(early_signal);
	return pid;
}

static void
setup(void)
{
	sigset_t all;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(shared, MAP_FAILED);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &mask);
}

static void
start(const char *name, int (*run)(struct job *, int))
{
	job_init(&job, name, run, NULL);
	ck_assert_int_eq(job_start(&job, &mask), 0);
}

/* Reads until a whole frame is there, or the end. */
static int
next_frame(struct frame *f)
{
	int r;

	while ((r = frame_next(&job.frames, f)) == 0) {
		struct pollfd p = {.fd = job.fd, .events = POLLIN};

		ck_assert_int_eq(poll(&p, 1, 10000), 1);
		if (frame_fill(&job.frames, job.fd) == -1)
			return 0;
	}
	return r;
}

/* Waits for the process and lets go of the job. Returns the wait status. */
static int
end(void)
{
	struct rusage usage;
	int status;

	ck_assert_int_eq(wait4(job.pid, &status, 0, &usage), job.pid);
	job_died(&job, status, &usage);
	job_hang_up(&job);
	job_release(&job);
	return status;
}

/* Long enough; but what a failing test leaves behind goes in the end. */
static void
sleep_on(void)
{
	int64_t until = clock_run() + 60 * NSEC_PER_SEC;

	while (clock_run() < until)
		sleep(60);
	_exit(0);
}

static bool
is_null(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

static int
disposition(int sig)
{
	struct sigaction sa;

	sigaction(sig, NULL, &sa);
	return sa.sa_handler == SIG_DFL ? 'd' : sa.sa_handler == SIG_IGN ? 'i' : 'h';
}

static struct stat parents_stderr;

static const char *
inspect(int fd)
{
	sigset_t now, want;
	struct stat st;
	int reaper = 0, deathsig = 0;
	char name[16];

	for (int i = 0; i < 256; i++)
		if (i > fd && fcntl(i, F_GETFD) != -1)
			return "a descriptor is left open";
	if (fd != 3 || fstat(3, &st) == -1 || !S_ISFIFO(st.st_mode))
		return "the pipe is not 3";
	if (fcntl(3, F_GETFD) != FD_CLOEXEC || (fcntl(3, F_GETFL) & O_NONBLOCK) != 0)
		return "the pipe has the wrong flags";
	if (!is_null(0) || !is_null(1) || fcntl(0, F_GETFD) != 0 || fcntl(1, F_GETFD) != 0)
		return "standard input or output";
	if (read(0, name, 1) != 0 || write(1, "x", 1) != 1)
		return "standard input or output cannot be used";
	if (fstat(2, &st) == -1 || st.st_ino != parents_stderr.st_ino || st.st_dev != parents_stderr.st_dev)
		return "standard error";
	if (getpgrp() != getpid())
		return "process group";
	for (int sig = 1; sig < NSIG; sig++) {
		if (sig == 32 || sig == 33)
			continue;	/* the C library's */
		if (disposition(sig) != (sig == SIGPIPE || sig == SIGHUP || sig == SIGXFSZ ? 'i' : sig == SIGCONT ? 'h' : 'd'))
			return "a signal's disposition";
	}
	sigprocmask(SIG_BLOCK, NULL, &now);
	sigemptyset(&want);
	sigaddset(&want, SIGUSR2);
	for (int sig = 1; sig < NSIG; sig++)
		if (sigismember(&now, sig) != sigismember(&want, sig))
			return "signal mask";
	prctl(PR_GET_CHILD_SUBREAPER, &reaper);
	prctl(PR_GET_PDEATHSIG, &deathsig);
	if (reaper != 1 || deathsig != SIGCONT)
		return "ties to parent and children";
	prctl(PR_GET_NAME, name);
	if (strcmp(name, "nb:load-orders-") != 0)
		return "process name";
	if (job_orphaned())
		return "orphaned";
	return "all is well";
}

static int
send_inspection(struct job *j, int fd)
{
	const char *text = inspect(fd);

	if (strcmp(j->name, "load-orders-2025") != 0 || j->data != NULL)
		text = "the job is not there";
	return frame_send(fd, FRAME_RESULT, text, strlen(text)) == 0 ? 7 : 1;
}

START_TEST(child_is_set_up)
{
	struct frame f;
	int pipes[20][2], status;
	sigset_t old;

	fstat(2, &parents_stderr);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(pipe(pipes[i]), 0);	/* not close-on-exec, as a careless library does it */
	signal(SIGTERM, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	signal(SIGRTMIN + 1, SIG_IGN);
	signal(SIGINT, (void (*)(int))abort);
	signal(SIGCHLD, SIG_DFL);
	old = mask;
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	start("load-orders-2025", send_inspection);
	mask = old;

	/* In the parent all is set at once. */
	ck_assert_int_gt(job.pid, 1);
	ck_assert_int_eq(job.state, JOB_RUNNING);
	ck_assert_int_eq(getpgid(job.pid), job.pid);
	ck_assert_int_eq(fcntl(job.fd, F_GETFD), FD_CLOEXEC);
	ck_assert(fcntl(job.fd, F_GETFL) & O_NONBLOCK);
	ck_assert_int_le(job.started_at, clock_run());
	ck_assert_int_eq(job.deadline, INT64_MAX);

	ck_assert_int_eq(next_frame(&f), 1);
	ck_assert_str_eq(f.payload, "all is well");
	ck_assert_int_eq(next_frame(&f), 0);	/* end of file: the write end is not held here */
	status = end();
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	ck_assert_ptr_null(job.problem);
	for (int i = 0; i < 20; i++) {
		close(pipes[i][0]);
		close(pipes[i][1]);
	}
}
END_TEST

static int
succeed(struct job *j, int fd)
{
	(void)j;
	return frame_send(fd, FRAME_RESULT, "{}", 2);
}

/* Says which descriptors of 3 to 63 there are, and the flags and inode of the last. */
static int
list_descriptors(struct job *j, int fd)
{
	char text[256] = "";
	size_t n = 0;
	struct stat st = {.st_ino = 0};
	int flags = 0;

	(void)j;
	for (int i = 3; i < 64; i++)
		if (fcntl(i, F_GETFD) != -1) {
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%d ", i);
			flags = fcntl(i, F_GETFD);
			fstat(i, &st);
		}
	snprintf(text + n, sizeof(text) - n, "%d %lu", flags, (unsigned long)st.st_ino);
	frame_send(fd, FRAME_RESULT, text, strlen(text));
	while (!shared->flag)
		usleep(1000);
	return 0;
}

static bool
can_lock(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	bool can = flock(fd, LOCK_EX | LOCK_NB) == 0;

	close(fd);
	return can;
}

/* Starts the job with its descriptors in those places. Returns what was wrong; NULL for nothing. */
static const char *
try_places(const char *path, int keep, int free_from)
{
	int null = open("/dev/null", O_RDWR), fd = open(path, O_RDWR);
	char want[64];
	struct stat st;
	struct frame f;

	if (fstat(fd, &st) == -1 || dup2(fd, 100) == -1 || dup2(null, 101) == -1)
		return "no descriptors";
	for (int i = 3; i < 60; i++)
		if (i < free_from)
			dup2(101, i);
		else
			close(i);
	dup2(100, keep);
	close(100);
	if (flock(keep, LOCK_EX | LOCK_NB) == -1)
		return "no lock";
	job_init(&job, "a", list_descriptors, NULL);
	if (job.keep_fd != -1)
		return "something to keep without an order";
	job.keep_fd = keep;
	if (job_start(&job, &mask) == -1)
		return "no process";
	if (job.keep_fd != keep || fcntl(keep, F_GETFD) == -1)
		return "lost in the parent";
	snprintf(want, sizeof(want), "3 4 %d %lu", FD_CLOEXEC, (unsigned long)st.st_ino);
	if (next_frame(&f) != 1 || strcmp(f.payload, want) != 0)
		return "other descriptors";
	/* The lock is the child's too, and goes with it. */
	close(keep);
	if (can_lock(path))
		return "lock lost";
	shared->flag = true;
	return end() == 0 && can_lock(path) ? NULL : "lock kept";
}

/*
 * What is to be kept stands where the pipe is to go, where it is itself to go, or elsewhere; the pipe too. In a process
 * of its own, because Check has descriptors in these places.
 */
static const struct {
	int keep, free_from;
} places[] = {{3, 4}, {3, 10}, {4, 3}, {4, 10}, {40, 3}, {40, 4}, {40, 10}, {5, 3}};

START_TEST(keeps_a_descriptor)
{
	char path[] = "/tmp/check_job.XXXXXX";
	const char *wrong;
	int status;
	pid_t pid;

	close(mkstemp(path));
	pid = fork();
	if (pid == 0) {
		wrong = try_places(path, places[_i].keep, places[_i].free_from);
		if (wrong != NULL)
			fprintf(stderr, "%d, %d: %s\n", places[_i].keep, places[_i].free_from, wrong);
		_exit(wrong != NULL);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	unlink(path);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(keeps_no_standard_descriptor)
{
	struct frame f;

	job_init(&job, "a", list_descriptors, NULL);
	job.keep_fd = _i;
	shared->flag = true;
	ck_assert_int_eq(job_start(&job, &mask), 0);
	ck_assert_int_eq(next_frame(&f), 1);
	ck_assert_int_eq(strncmp(f.payload, "3 1 ", 4), 0);
	ck_assert_int_eq(end(), 0);
}
END_TEST

/* Meant for the parent, whose name the child still has: it does not die of it. What stops it does, even then. */
START_TEST(early_signals)
{
	static const int signals[] = {SIGUSR1, SIGUSR2, SIGTERM};
	int status;

	early_signal = signals[_i];
	start("a", succeed);
	status = end();
	if (signals[_i] == SIGTERM)
		ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	else
		ck_assert_int_eq(status, 0);
}
END_TEST

/* Whether SIGTERM has come, and waits to be taken. */
static int
has_an_order(struct job *j, int fd)
{
	sigset_t pending;

	(void)j;
	(void)fd;
	sigpending(&pending);
	return sigismember(&pending, SIGTERM) ? 5 : 0;
}

/* What takes its orders itself gets one that came before it could, too. */
START_TEST(an_early_order_is_kept)
{
	int status;

	early_signal = SIGTERM;
	job_init(&job, "a", has_an_order, NULL);
	job.takes_term = true;
	ck_assert_int_eq(job_start(&job, &mask), 0);
	status = end();
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 5);
}
END_TEST

static int
flush_all(struct job *j, int fd)
{
	(void)j;
	(void)fd;
	return fflush(NULL);
}

START_TEST(buffered_output_is_written_once)
{
	char text[16] = "";
	FILE *f = tmpfile();

	/* Standard error, because that is the one stream which the child shares with its parent. */
	ck_assert_ptr_nonnull(f);
	dup2(fileno(f), 2);
	ck_assert_int_eq(setvbuf(stderr, NULL, _IOFBF, BUFSIZ), 0);
	fputs("once", stderr);
	start("a", flush_all);
	end();
	fflush(stderr);
	ck_assert_int_eq(pread(fileno(f), text, sizeof(text) - 1, 0), 4);
	ck_assert_str_eq(text, "once");
	fclose(f);
}
END_TEST

static int
count_descriptors(void)
{
	int n = 0;

	for (int i = 0; i < 256; i++)
		n += fcntl(i, F_GETFD) != -1;
	return n;
}

START_TEST(start_fails)
{
	struct rlimit limit, tight;
	int before = count_descriptors();

	job_init(&job, "a", succeed, NULL);
	fork_error = EAGAIN;
	errno = 0;
	ck_assert_int_eq(job_start(&job, &mask), -1);
	ck_assert_int_eq(errno, EAGAIN);
	fork_error = 0;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	tight = limit;
	tight.rlim_cur = 1;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &tight), 0);
	errno = 0;
	ck_assert_int_eq(job_start(&job, &mask), -1);
	ck_assert_int_eq(errno, EMFILE);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(job.state, JOB_NEW);
	ck_assert_int_eq(job.pid, 0);
	ck_assert_int_eq(job.fd, -1);
	ck_assert_int_eq(count_descriptors(), before);
	ck_assert_int_eq(job_start(&job, &mask), 0);
	ck_assert_int_eq(end(), 0);
	ck_assert_int_eq(count_descriptors(), before);
}
END_TEST

static int
talk(struct job *j, int fd)
{
	char longest[3 * FRAME_LOG_MAX];

	(void)j;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	log_warn("cannot %s", "say");
	log_info("shown at -v only");
	log_error("%s", longest);
	frame_send(fd, FRAME_RESULT, "{}", 2);
	log_error("afterwards");
	return 0;
}

START_TEST(logs_through_the_pipe)
{
	struct frame f;

	start("a", talk);
	ck_assert_int_eq(next_frame(&f), 1);
	ck_assert_int_eq(f.type, FRAME_LOG);
	ck_assert_int_eq(f.payload[0], LOG_WARN);
	ck_assert_str_eq(f.payload + 1, "cannot say");
	ck_assert_int_eq(next_frame(&f), 1);
	ck_assert_int_eq(f.type, FRAME_LOG);
	ck_assert_int_eq(f.payload[0], LOG_ERROR);
	ck_assert_uint_ge(strspn(f.payload + 1, "x"), 1000);
	ck_assert_int_eq(next_frame(&f), 1);
	ck_assert_int_eq(f.type, FRAME_RESULT);
	ck_assert_int_eq(next_frame(&f), 1);
	ck_assert_int_eq(f.type, FRAME_LOG);
	ck_assert_str_eq(f.payload + 1, "afterwards");
	ck_assert_int_eq(next_frame(&f), 0);
	ck_assert_int_eq(end(), 0);
}
END_TEST

static int
talk_to_nobody(struct job *j, int fd)
{
	(void)j;
	while (!shared->flag)
		usleep(1000);
	log_warn("is anybody there");
	return frame_send(fd, FRAME_RESULT, "{}", 2) == -1 && errno == EPIPE ? 0 : 1;
}

START_TEST(logs_to_standard_error_when_nobody_reads)
{
	char text[64] = "";
	FILE *f = tmpfile();
	int old = dup(2);

	ck_assert_ptr_nonnull(f);
	dup2(fileno(f), 2);
	start("a", talk_to_nobody);
	dup2(old, 2);
	close(old);
	job_hang_up(&job);
	ck_assert_int_eq(job.state, JOB_CLOSED);
	ck_assert_int_ge(job.deadline, clock_run() + NSEC_PER_SEC);
	ck_assert_str_eq(job.problem, "ended without a result");
	job_hang_up(&job);
	shared->flag = true;
	ck_assert_int_eq(end(), 0);
	ck_assert_int_gt(pread(fileno(f), text, sizeof(text) - 1, 0), 0);
	ck_assert_str_eq(text, "nbfork[a]: warning: is anybody there\n");
	fclose(f);
}
END_TEST

static void
on_term(int sig)
{
	(void)sig;
	shared->n++;
}

/* Two children, of whom one leaves the group. */
static int
head_a_group(struct job *j, int fd)
{
	(void)j;
	(void)fd;
	for (int i = 0; i < 2; i++)
		if (fork() == 0) {
			if (i == 1)
				setsid();
			shared->pids[i] = getpid();
			sleep_on();
		}
	while (shared->pids[0] == 0 || shared->pids[1] == 0)
		usleep(1000);
	if (shared->flag)
		setpgid(0, getpgid(getppid()));
	signal(SIGTERM, on_term);
	shared->ready = true;
	while (shared->n == 0)
		pause();
	return job_orphaned() ? 1 : 5;
}

START_TEST(stop_is_for_the_process_alone)
{
	int status;

	start("a", head_a_group);
	EVENTUALLY(shared->ready);
	if (_i == 1)
		kill(job.pid, SIGSTOP);
	job_stop(&job, JOB_STOP_POLICY, 7 * NSEC_PER_SEC);
	ck_assert_int_eq(job.state, JOB_STOPPING);
	ck_assert_int_ge(job.deadline, clock_run() + 6 * NSEC_PER_SEC);
	ck_assert_int_eq(job.stop, JOB_STOP_POLICY);
	job_stop(&job, JOB_STOP_TIMEOUT, 0);	/* the first reason stays, and so does its grace */
	ck_assert_int_eq(job.stop, JOB_STOP_POLICY);
	ck_assert_int_ge(job.deadline, clock_run() + 5 * NSEC_PER_SEC);
	status = end();
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 5);
	ck_assert_int_eq(job.state, JOB_EMPTYING);
	ck_assert_int_eq(job.pid, 0);
	ck_assert(job.reaped && !job.killed);
	ck_assert_int_eq(kill(shared->pids[0], SIGKILL), 0);
	ck_assert_int_eq(kill(shared->pids[1], SIGKILL), 0);

	/* A dead one is told nothing. */
	job.stop = JOB_STOP_NONE;
	job_stop(&job, JOB_STOP_POLICY, 0);
	job_kill(&job, JOB_STOP_POLICY);
	ck_assert_int_eq(job.stop, JOB_STOP_NONE);
	ck_assert_int_eq(job.state, JOB_EMPTYING);
	ck_assert(!job.killed);
}
END_TEST

START_TEST(kill_is_for_the_group)
{
	int status;

	proc_adopt_orphans();
	shared->flag = _i == 1;	/* the process itself has left its group */
	start("a", head_a_group);
	EVENTUALLY(shared->ready);
	job_kill(&job, JOB_STOP_SIGNAL);
	ck_assert_int_eq(job.state, JOB_KILLED);
	ck_assert(job.killed);
	ck_assert_int_eq(job.stop, JOB_STOP_SIGNAL);
	status = end();
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	ck_assert_int_eq(waitpid(shared->pids[0], &status, 0), shared->pids[0]);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	ck_assert_int_eq(waitpid(shared->pids[1], &status, WNOHANG), 0);
	kill(shared->pids[1], SIGKILL);
	ck_assert_int_eq(waitpid(shared->pids[1], &status, 0), shared->pids[1]);
}
END_TEST

static int
outlive_parent(struct job *j, int fd)
{
	(void)j;
	(void)fd;
	signal(SIGTERM, on_term);
	shared->pids[0] = getpid();
	shared->ready = true;
	while (shared->n == 0)
		pause();
	shared->flag = job_orphaned();
	log_error("nobody hears this, and it is said nowhere else");
	return 9;
}

/* The parent is killed: while the job runs, while it is stopped, and while its whole group is. */
START_TEST(parent_is_killed)
{
	FILE *f = tmpfile();
	struct stat st;
	int status;
	pid_t middle;

	ck_assert_ptr_nonnull(f);
	proc_adopt_orphans();
	middle = fork();
	ck_assert_int_ge(middle, 0);
	if (middle == 0) {
		setsid();
		dup2(fileno(f), 2);
		start("a", outlive_parent);
		sleep_on();
	}
	EVENTUALLY(shared->ready);
	if (_i > 0) {
		kill(_i == 1 ? shared->pids[0] : -shared->pids[0], SIGSTOP);
		kill(middle, SIGSTOP);
		usleep(10000);
	}
	kill(middle, SIGKILL);
	ck_assert_int_eq(waitpid(middle, NULL, 0), middle);
	ck_assert_int_eq(waitpid(shared->pids[0], &status, 0), shared->pids[0]);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 9);
	ck_assert(shared->flag);
	ck_assert_int_eq(fstat(fileno(f), &st), 0);
	ck_assert_int_eq(st.st_size, 0);	/* it has logged something, but nobody is left to read it */
	fclose(f);
}
END_TEST

/* Without a handler of its own it dies of SIGTERM then; a SIGCONT from anybody else does nothing. */
static int
wait_for_death(struct job *j, int fd)
{
	(void)j;
	(void)fd;
	shared->pids[0] = getpid();
	raise(SIGCONT);
	if (fork() == 0) {
		/* Not the job, and its parent lives. */
		raise(SIGCONT);
		shared->flag = true;
		_exit(0);
	}
	wait(NULL);
	shared->ready = true;
	sleep_on();
	return 0;
}

START_TEST(parent_is_killed_and_sigterm_not_handled)
{
	int status;
	pid_t middle;

	proc_adopt_orphans();
	middle = fork();
	ck_assert_int_ge(middle, 0);
	if (middle == 0) {
		start("a", wait_for_death);
		sleep_on();
	}
	EVENTUALLY(shared->ready);
	ck_assert(shared->flag);
	kill(middle, SIGKILL);
	ck_assert_int_eq(waitpid(middle, NULL, 0), middle);
	ck_assert_int_eq(waitpid(shared->pids[0], &status, 0), shared->pids[0]);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}
END_TEST

START_TEST(describes_status)
{
	char text[64];

	ck_assert_str_eq(job_describe_status(0, text, sizeof(text)), "exited with status 0");
	ck_assert_str_eq(job_describe_status(255 << 8, text, sizeof(text)), "exited with status 255");
	ck_assert_str_eq(job_describe_status(SIGKILL, text, sizeof(text)), "was killed by SIGKILL");
	ck_assert_str_eq(job_describe_status(SIGSEGV | 0x80, text, sizeof(text)), "was killed by SIGSEGV");
	ck_assert_str_eq(job_describe_status(64, text, sizeof(text)), "was killed by signal 64");
	ck_assert_str_eq(job_describe_status(0x137f, text, sizeof(text)), "ended with wait status 0x137f");
}
END_TEST

START_TEST(timeout_becomes_deadline)
{
	job_init(&job, "a", succeed, NULL);
	job.timeout = 5 * NSEC_PER_SEC;
	ck_assert_int_eq(job_start(&job, &mask), 0);
	ck_assert_int_eq(job.deadline, job.started_at + 5 * NSEC_PER_SEC);
	end();
	job_release(&job);	/* once more is nothing */
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("job");
	TCase *t = tcase_create("job");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, child_is_set_up);
	tcase_add_test(t, buffered_output_is_written_once);
	tcase_add_loop_test(t, keeps_a_descriptor, 0, (int)(sizeof(places) / sizeof(places[0])));
	tcase_add_loop_test(t, keeps_no_standard_descriptor, 0, 3);
	tcase_add_loop_test(t, early_signals, 0, 3);
	tcase_add_test(t, an_early_order_is_kept);
	tcase_add_test(t, start_fails);
	tcase_add_test(t, logs_through_the_pipe);
	tcase_add_test(t, logs_to_standard_error_when_nobody_reads);
	tcase_add_loop_test(t, stop_is_for_the_process_alone, 0, 2);
	tcase_add_loop_test(t, kill_is_for_the_group, 0, 2);
	tcase_add_loop_test(t, parent_is_killed, 0, 3);
	tcase_add_test(t, parent_is_killed_and_sigterm_not_handled);
	tcase_add_test(t, describes_status);
	tcase_add_test(t, timeout_becomes_deadline);
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
