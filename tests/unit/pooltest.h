/*
 * What the tests of the pool share: a run of up to 64 jobs with callbacks that keep a record and check what
 * must hold for every job, and functions for jobs that behave and misbehave.
 */
#ifndef NBFORK_TESTS_POOLTEST_H
#define NBFORK_TESTS_POOLTEST_H

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/proc.h"
#include "pool/pool.h"

#define MANY 64	/* jobs */
#define MSEC NSEC_PER_MSEC

/* Waits for something that other processes bring about; a test that fails here has waited for 10 s. */
#define EVENTUALLY(condition)	do { WAIT_FOR(condition); ck_assert(condition); } while (0)
#define WAIT_FOR(condition)						\
	do {								\
		int64_t until_ = clock_run() + 10 * NSEC_PER_SEC;	\
									\
		while (!(condition) && clock_run() < until_)		\
			usleep(1000);					\
	} while (0)

/* Shared by all processes of a test. */
static struct {
	atomic_size_t n;
	struct {
		volatile pid_t pid;
		volatile int job;
	} marked[4096];	/* every process that called mark() */
	atomic_int flags[8];	/* as a test likes */
	atomic_int ran[MANY];	/* how often each job was begun */
} *shared;

static struct {
	struct pool_config config;
	struct pool_end end;
	struct job jobs[MANY];
	size_t n, handed_out, running, most_running, over;
	int finished_as[MANY];	/* the how-manieth it was, from 1 */
	unsigned progress[MANY];	/* frames of each */
	char last[MANY][64];	/* text of the last one */
	bool slots[MANY];
	int stoppings, stop_sig;
	enum pool_stop stop_why;
	char suspends[64];	/* '1' and '0' */
	unsigned processes;	/* how many there may be now */
	char sizes[64];	/* what that was changed to, one after the other: " 3 2" */
	unsigned asked;	/* how often for the next job, */
	unsigned turns;	/* and how many turns of the loop */
	int64_t took;
	/* What a test wants to do in a callback; NULL for nothing. */
	void (*on_started)(struct job *j);
	void (*on_progress)(struct job *j);
	void (*on_finished)(struct job *j);
	void (*on_suspended)(bool yes);
	int64_t (*on_tick)(void);
	void (*on_resized)(unsigned processes);
	struct job *(*on_next)(int64_t *again);	/* instead of handing out all, one after the other */
	struct job *(*on_wanted)(int64_t *again);
	struct job *(*on_beside)(void);
	void (*on_over)(void);
	int overs;	/* how often that was called */
	size_t lent;	/* places */
} run;

static int own_index = -1;	/* in a job: which one */

static int haste = 1;	/* how many times as fast the clock goes, for tests of long deadlines */
static struct timespec haste_from;

/* Takes the place of the C library's. */
int
clock_gettime(clockid_t id, struct timespec *ts)
{
	int64_t ns;

	if (syscall(SYS_clock_gettime, id, ts) == -1)
		return -1;
	if (id == CLOCK_MONOTONIC && haste > 1) {
		ns = (ts->tv_sec - haste_from.tv_sec) * NSEC_PER_SEC + ts->tv_nsec - haste_from.tv_nsec;
		ns = ns * haste + haste_from.tv_nsec;
		ts->tv_sec = haste_from.tv_sec + ns / NSEC_PER_SEC;
		ts->tv_nsec = ns % NSEC_PER_SEC;
	}
	return 0;
}

/* From now on a second takes the nth part of one. */
static inline void
make_haste(int n)
{
	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &haste_from);
	haste = n;
}

/* Tells that this process is there. What is marked must be gone when its job is over. */
static inline void
mark(void)
{
	size_t i = atomic_fetch_add(&shared->n, 1);

	if (i >= sizeof(shared->marked) / sizeof(shared->marked[0]))
		_exit(99);
	shared->marked[i].job = own_index;
	shared->marked[i].pid = getpid();
}

/* The state letter of /proc/PID/stat; 0 when there is no such process. */
static inline char
state(pid_t pid)
{
	char path[64], text[512], *at;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	at = strrchr(text, ')');
	return at != NULL ? at[2] : 0;
}

/* How many of the marked processes are there, of one job or (-1) of all. */
static inline int
count_left(int job)
{
	int left = 0;

	for (size_t i = 0; i < shared->n; i++)
		left += (job == -1 || shared->marked[i].job == job) && state(shared->marked[i].pid) != 0;
	return left;
}

/* Long enough; but what a failing test leaves behind goes in the end. */
static inline void
sleep_on(void)
{
	int64_t until = clock_run() + 60 * NSEC_PER_SEC;

	while (clock_run() < until)
		sleep(60);
	_exit(0);
}

/* Sleeps, through all signals. */
static inline void
doze(int64_t ns)
{
	int64_t until = clock_run() + ns;

	while (clock_run() < until)
		usleep(1000);
}

static inline void
burn(int64_t ns)
{
	struct timespec now;

	do
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	while (now.tv_sec * NSEC_PER_SEC + now.tv_nsec < ns);
}

/* Starts a process that is none of the pool's and runs a function; it ends with the test. */
static inline pid_t
helper(void (*f)(pid_t pool))
{
	pid_t self = getpid(), pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		for (int sig = 1; sig < NSIG; sig++)
			signal(sig, SIG_DFL);	/* Check has handlers */
		proc_die_with_parent(SIGKILL, self);
		f(self);
		_exit(0);
	}
	return pid;
}

static inline int
result(int fd, const char *text)
{
	return frame_send(fd, FRAME_RESULT, text, strlen(text));
}

static inline int
progress(int fd, const char *text)
{
	return frame_send(fd, FRAME_PROGRESS, text, strlen(text));
}

/* Jobs. */

static inline int
succeed(struct job *j, int fd)
{
	(void)j;
	return result(fd, "{}");
}

static inline int
fail_now(struct job *j, int fd)
{
	(void)j;
	result(fd, "{}");
	return 1;
}

static inline int
sleep_long(struct job *j, int fd)
{
	(void)j;
	mark();
	progress(fd, "asleep");
	sleep_on();
	return 0;
}

static volatile sig_atomic_t got_term;

static inline void
on_term(int sig)
{
	(void)sig;
	got_term++;
}

/* Does as it is told, and needs 300 ms for it. */
static inline int
obey(struct job *j, int fd)
{
	sigset_t none, term;

	(void)j;
	mark();
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, &none);
	signal(SIGTERM, on_term);
	progress(fd, "ready");
	while (got_term == 0)
		sigsuspend(&none);
	doze(300 * MSEC);
	return result(fd, "stopped");
}

static inline int
ignore_term(struct job *j, int fd)
{
	signal(SIGTERM, SIG_IGN);
	return sleep_long(j, fd);
}

/* Callbacks. */

static inline unsigned
processes_max(void)
{
	return run.config.processes_max > run.config.processes ? run.config.processes_max : run.config.processes;
}

static inline struct job *
next_job(void *data, int64_t *again)
{
	ck_assert_ptr_eq(data, &run);
	ck_assert_int_eq(run.stoppings, 0);
	ck_assert_uint_lt(run.running - run.lent, run.processes);
	ck_assert_int_eq(*again, INT64_MAX);
	run.asked++;
	if (run.on_next != NULL)
		return run.on_next(again);
	return run.handed_out < run.n ? &run.jobs[run.handed_out++] : NULL;
}

static inline struct job *
wanted_job(void *data, int64_t *again)
{
	ck_assert_ptr_eq(data, &run);
	ck_assert_uint_lt(run.running - run.lent, run.processes);
	ck_assert_int_eq(*again, INT64_MAX);
	ck_assert_uint_eq(pool_working(), run.running - run.lent);
	return run.on_wanted != NULL ? run.on_wanted(again) : NULL;
}

static inline void
job_started(void *data, struct job *j)
{
	ck_assert_ptr_eq(data, &run);
	ck_assert_int_eq(j->state, JOB_RUNNING);
	ck_assert_int_gt(j->pid, 1);
	ck_assert_int_ge(j->slot, 0);
	ck_assert_int_lt(j->slot, (int)(processes_max() + run.lent));
	ck_assert(!run.slots[j->slot]);
	run.slots[j->slot] = true;
	run.running++;
	ck_assert_uint_le(run.running - run.lent, run.processes);
	if (run.running > run.most_running)
		run.most_running = run.running;
	if (run.on_started != NULL)
		run.on_started(j);
}

static inline void
job_progress(void *data, struct job *j, const char *text, size_t n)
{
	ck_assert_ptr_eq(data, &run);
	ck_assert_int_eq(text[n], 0);
	run.progress[j - run.jobs]++;
	snprintf(run.last[j - run.jobs], sizeof(run.last[0]), "%s", text);
	if (run.on_progress != NULL)
		run.on_progress(j);
}

static inline bool
job_finished(void *data, struct job *j)
{
	size_t i = (size_t)(j - run.jobs);

	ck_assert_ptr_eq(data, &run);
	ck_assert_uint_lt(i, run.n);
	ck_assert_int_eq(run.finished_as[i], 0);
	if (j->beside && j->state == JOB_NEW) {
		run.finished_as[i] = (int)++run.over;	/* it could not be started */
		run.on_finished(j);
		return false;
	}
	ck_assert_int_eq(j->state, JOB_OVER);
	ck_assert_int_eq(j->pid, 0);
	ck_assert_int_eq(j->fd, -1);
	ck_assert_int_le(j->started_at, j->ended_at);
	ck_assert_int_le(j->ended_at, clock_run());
	if (j->survivors == 0) {
		ck_assert(j->reaped);
		ck_assert_int_eq(count_left((int)i), 0);
	}
	run.slots[j->slot] = false;
	run.running--;
	run.finished_as[i] = (int)++run.over;
	if (run.on_finished != NULL)
		run.on_finished(j);
	return !j->reaped || j->status != 0 || j->problem != NULL || j->stop != JOB_STOP_NONE;
}

static inline void
pool_stopping(void *data, enum pool_stop why, int sig)
{
	ck_assert_ptr_eq(data, &run);
	run.stoppings++;
	run.stop_why = why;
	run.stop_sig = sig;
}

static inline int64_t
pool_tick(void *data)
{
	ck_assert_ptr_eq(data, &run);
	run.turns++;
	return run.on_tick != NULL ? run.on_tick() : INT64_MAX;
}

static inline void
pool_suspended(void *data, bool yes)
{
	ck_assert_ptr_eq(data, &run);
	strncat(run.suspends, yes ? "1" : "0", sizeof(run.suspends) - strlen(run.suspends) - 1);
	if (run.on_suspended != NULL)
		run.on_suspended(yes);
}

static inline void
pool_resized(void *data, unsigned processes)
{
	char size[16];

	ck_assert_ptr_eq(data, &run);
	ck_assert_int_eq(run.stoppings, 0);
	ck_assert_uint_ne(processes, run.processes);
	ck_assert_uint_ge(processes, 1);
	ck_assert_uint_le(processes, processes_max());
	run.processes = processes;
	snprintf(size, sizeof(size), " %u", processes);
	strncat(run.sizes, size, sizeof(run.sizes) - strlen(run.sizes) - 1);
	if (run.on_resized != NULL)
		run.on_resized(processes);
}

static inline struct job *
job_beside(void *data)
{
	ck_assert_ptr_eq(data, &run);
	return run.on_beside != NULL ? run.on_beside() : NULL;
}

static inline void
pool_over(void *data, const struct pool_end *end)
{
	ck_assert_ptr_eq(data, &run);
	ck_assert_uint_eq(pool_working(), 0);
	ck_assert_int_eq(run.stoppings, end->why != POOL_GOES_ON);
	run.overs++;
	if (run.on_over != NULL)
		run.on_over();
}

static const struct pool_calls calls = {
	.next = next_job, .wanted = wanted_job, .started = job_started, .progress = job_progress, .finished = job_finished,
	.beside = job_beside, .over = pool_over, .stopping = pool_stopping, .tick = pool_tick, .suspended = pool_suspended, .resized = pool_resized,
};

static inline void
setup(void)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(shared, MAP_FAILED);
	ck_assert_int_eq(clock_share(), 0);
	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
	dup2(null, 2);	/* warnings that the tests provoke */
	close(null);
	run.config = (struct pool_config){
		.processes = 4, .policy = POOL_LET_FINISH, .grace = 10 * NSEC_PER_SEC, .calls = &calls, .data = &run,
		.keep_fd = -1,
	};
}

static int (*functions[MANY])(struct job *, int);

static inline int
begin(struct job *j, int fd)
{
	own_index = (int)(j - run.jobs);
	atomic_fetch_add(&shared->ran[own_index], 1);
	return functions[own_index](j, fd);
}

static inline struct job *
add(const char *name, int (*f)(struct job *, int))
{
	struct job *j = &run.jobs[run.n];

	ck_assert_uint_lt(run.n, MANY);
	functions[run.n++] = f;
	job_init(j, name, begin, NULL);
	return j;
}

/* Runs what was added, and checks what must hold after every run. */
static inline void
go(void)
{
	int64_t start = clock_run();

	run.processes = run.config.processes;
	pool_run(&run.config, &run.end);
	run.took = clock_run() - start;
	ck_assert_uint_eq(run.running, 0);
	if (run.on_wanted == NULL && run.on_beside == NULL)
		ck_assert_uint_le(run.most_running, processes_max());
	ck_assert_int_eq(run.overs, 1);
	ck_assert_int_eq(run.stoppings, run.end.why != POOL_GOES_ON);
	if (run.stoppings > 0)
		ck_assert_int_eq(run.stop_why, run.end.why);
	for (size_t i = 0; i < run.n; i++) {
		ck_assert_int_eq(run.jobs[i].state, run.finished_as[i] > 0 ? JOB_OVER : JOB_NEW);
		ck_assert_int_le(shared->ran[i], run.finished_as[i] > 0);
		if (run.end.why == POOL_GOES_ON)
			ck_assert_int_gt(run.finished_as[i], 0);
	}
}

static inline void
release(void)
{
	for (size_t i = 0; i < run.n; i++)
		job_release(&run.jobs[i]);
}

/* Whether a job ended well and without anybody's doing. */
static inline bool
is_well(const struct job *j)
{
	return j->state == JOB_OVER && j->reaped && j->status == 0 && j->problem == NULL && j->stop == JOB_STOP_NONE &&
	    !j->killed && j->survivors == 0 && j->result != NULL && strcmp(j->result, "{}") == 0;
}

/* Wall time that a test may take: sanitizers and valgrind make it slow, and so do others on the machine. */
static inline int64_t
within(int64_t ns)
{
	const char *factor = getenv("CK_TIMEOUT_MULTIPLIER");

	return ns * (factor != NULL ? atoi(factor) : 1);
}

static inline int
run_suite(const char *name, void (*add_tests)(TCase *t), double seconds)
{
	Suite *s = suite_create(name);
	TCase *t = tcase_create(name);
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, release);
	tcase_set_timeout(t, seconds);
	add_tests(t);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
