#include "pooltest.h"

#include <sys/file.h>

#include "pool/signals.h"

static const int stoppers[] = {SIGINT, SIGTERM, SIGHUP};
static const int handled[] = {SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT, SIGCHLD, SIGUSR1, SIGUSR2, SIGWINCH};

#define N(array) (sizeof(array) / sizeof((array)[0]))

#define SA_OF_LIBC 0x04000000	/* SA_RESTORER: set with everything that the C library sets */

static void
other_handler(int sig)
{
	(void)sig;
}

/* Sends a signal when all of the first jobs have said that they are ready. */
static unsigned wanted;	/* how many */
static int to_send;

static void
send_when_ready(struct job *j)
{
	unsigned ready = 0;

	(void)j;
	for (size_t i = 0; i < run.n; i++)
		ready += run.progress[i];
	if (ready == wanted)
		kill(getpid(), to_send);
}

static void
at_ready(unsigned n, int sig)
{
	wanted = n;
	to_send = sig;
	run.on_progress = send_when_ready;
}

START_TEST(first_signal_stops_in_order)
{
	struct sigaction before[N(handled)], after;
	sigset_t mask, now;

	/* Dispositions and mask that are found are found again afterwards. */
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	signal(SIGTERM, other_handler);
	signal(SIGHUP, SIG_DFL);
	signal(SIGUSR2, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);	/* or the children would reap themselves */
	for (size_t i = 0; i < N(handled); i++)
		sigaction(handled[i], NULL, &before[i]);

	run.config.processes = 2;
	add("a", obey);
	add("b", obey);
	add("c", succeed);
	at_ready(2, stoppers[_i]);
	go();
	ck_assert_int_eq(run.end.why, POOL_STOP_SIGNAL);
	ck_assert_int_eq(run.end.sig, stoppers[_i]);
	ck_assert_int_eq(run.stop_sig, stoppers[_i]);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(run.jobs[i].stop, JOB_STOP_SIGNAL);
		ck_assert_str_eq(run.jobs[i].result, "stopped");
		ck_assert(!run.jobs[i].killed);
	}
	ck_assert_int_eq(run.jobs[2].state, JOB_NEW);

	for (size_t i = 0; i < N(handled); i++) {
		sigaction(handled[i], NULL, &after);
		ck_assert_ptr_eq((void *)(uintptr_t)after.sa_handler, (void *)(uintptr_t)before[i].sa_handler);
		ck_assert_int_eq(after.sa_flags & ~SA_OF_LIBC, before[i].sa_flags & ~SA_OF_LIBC);
	}
	sigprocmask(SIG_BLOCK, NULL, &now);
	for (int sig = 1; sig < NSIG; sig++)
		ck_assert_int_eq(sigismember(&now, sig), sig == SIGUSR1);
}
END_TEST

static int second;	/* signal */

static void
send_two(pid_t pool)
{
	WAIT_FOR(shared->flags[0] != 0);
	kill(pool, SIGINT);
	doze(250 * MSEC);
	kill(pool, second);
}

static void
tell_ready(struct job *j)
{
	(void)j;
	shared->flags[0] = 1;
}

START_TEST(second_signal_kills)
{
	second = _i == 0 ? SIGINT : SIGTERM;
	helper(send_two);
	run.config.grace = 60 * NSEC_PER_SEC;
	run.on_progress = tell_ready;
	add("a", ignore_term);
	go();
	ck_assert_int_eq(run.end.sig, SIGINT);
	ck_assert_int_eq(run.end.why, POOL_STOP_SIGNAL);
	ck_assert(run.jobs[0].killed);
	ck_assert_int_eq(run.jobs[0].stop, JOB_STOP_SIGNAL);
	ck_assert(WIFSIGNALED(run.jobs[0].status) && WTERMSIG(run.jobs[0].status) == SIGKILL);
	ck_assert_int_lt(run.took, within(10 * NSEC_PER_SEC));
}
END_TEST

START_TEST(later_hangup_is_no_second_signal)
{
	second = SIGHUP;
	helper(send_two);
	run.on_progress = tell_ready;
	add("a", obey);
	go();
	ck_assert_str_eq(run.jobs[0].result, "stopped");
	ck_assert(!run.jobs[0].killed);
}
END_TEST

/* As timeout(1) does it: to the process, then to its group. */
static void
send_echo(pid_t pool)
{
	WAIT_FOR(shared->flags[0] != 0);
	for (int i = 0; i < 5; i++) {
		kill(pool, SIGTERM);
		usleep(3000);
	}
}

START_TEST(echo_is_no_second_signal)
{
	helper(send_echo);
	run.on_progress = tell_ready;
	add("a", obey);
	go();
	ck_assert_int_eq(run.end.sig, SIGTERM);
	ck_assert_str_eq(run.jobs[0].result, "stopped");
	ck_assert(!run.jobs[0].killed);
}
END_TEST

static int
nap(struct job *j, int fd)
{
	(void)j;
	progress(fd, "awake");
	doze(200 * MSEC);
	return result(fd, "{}");
}

static const int ignorable[] = {SIGINT, SIGTERM, SIGHUP, SIGTSTP};

START_TEST(ignored_stays_ignored)
{
	struct sigaction after;

	signal(ignorable[_i], SIG_IGN);
	add("a", nap);
	at_ready(1, ignorable[_i]);
	go();
	ck_assert(is_well(&run.jobs[0]));
	ck_assert_int_eq(run.end.why, POOL_GOES_ON);
	ck_assert_int_eq(run.end.sig, 0);
	ck_assert_str_eq(run.suspends, "");
	sigaction(ignorable[_i], NULL, &after);
	ck_assert_ptr_eq((void *)(uintptr_t)after.sa_handler, (void *)(uintptr_t)SIG_IGN);
}
END_TEST

/* Whoever started the program had them blocked: they are orders all the same, for it and for its jobs. */
START_TEST(blocked_on_entry)
{
	sigset_t all, mask;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &mask);
	add("a", obey);
	at_ready(1, SIGTERM);
	go();
	ck_assert_int_eq(run.end.sig, SIGTERM);
	ck_assert_str_eq(run.jobs[0].result, "stopped");
	sigprocmask(SIG_BLOCK, NULL, &all);
	ck_assert_int_eq(sigismember(&all, SIGTERM), 1);
	ck_assert_int_eq(sigismember(&all, SIGCHLD), 1);
	sigprocmask(SIG_SETMASK, &mask, NULL);
}
END_TEST

static int
fail_at_once(struct job *j, int fd)
{
	(void)j;
	result(fd, "{}");
	return 1;
}

static void
interrupt_after_failure(struct job *j)
{
	if (j == &run.jobs[1])
		kill(getpid(), SIGINT);
}

/* Nothing is started any more after a failure; then what runs is told to stop by a signal: the first reason stays, the signal is told. */
START_TEST(signal_during_drain)
{
	run.config.policy = POOL_DRAIN;
	run.config.processes = 2;
	add("a", obey);
	add("b", fail_at_once);
	add("c", succeed);
	run.on_finished = interrupt_after_failure;
	go();
	ck_assert_int_eq(run.end.why, POOL_STOP_FAILURE);
	ck_assert_int_eq(run.end.sig, SIGINT);
	ck_assert_int_eq(run.stop_sig, 0);
	ck_assert_int_eq(run.jobs[0].stop, JOB_STOP_SIGNAL);
	ck_assert_int_eq(run.jobs[2].state, JOB_NEW);
}
END_TEST

static int
flood(struct job *j, int fd)
{
	static char text[4000];

	(void)j;
	mark();
	while (frame_send(fd, FRAME_PROGRESS, text, sizeof(text)) == 0)
		;
	return 97;
}

static void
interrupt_flood(struct job *j)
{
	if (run.progress[j - run.jobs] == 1000)
		kill(getpid(), SIGINT);
}

START_TEST(talkers_do_not_keep_signals_out)
{
	run.config.processes = 4;
	for (int i = 0; i < 4; i++)
		add("flood", flood);
	run.on_progress = interrupt_flood;
	go();
	ck_assert_int_eq(run.end.why, POOL_STOP_SIGNAL);
	ck_assert_int_lt(run.took, within(5 * NSEC_PER_SEC));
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(run.jobs[i].stop, JOB_STOP_SIGNAL);
}
END_TEST

static void
interrupt_at_last(struct job *j)
{
	if (j == &run.jobs[1])
		kill(getpid(), SIGINT);
}

/* In the last moment: it neither gets lost nor kills this process, which would not write its summary then. */
START_TEST(signal_at_the_very_end)
{
	signal(SIGINT, SIG_DFL);
	run.config.processes = 1;
	add("a", succeed);
	add("b", succeed);
	run.on_finished = interrupt_at_last;
	go();
	ck_assert_int_eq(run.end.sig, SIGINT);
	ck_assert(is_well(&run.jobs[0]) && is_well(&run.jobs[1]));
}
END_TEST

static struct job *
never_yet(int64_t *again)
{
	*again = clock_run() + 60 * NSEC_PER_SEC;
	shared->flags[0] = 1;
	return NULL;
}

static void
send_when_idle(pid_t pool)
{
	WAIT_FOR(shared->flags[0] != 0);
	doze(50 * MSEC);
	kill(pool, SIGTERM);
}

START_TEST(signal_while_nothing_runs)
{
	helper(send_when_idle);
	run.on_next = never_yet;
	go();
	ck_assert_int_eq(run.end.why, POOL_STOP_SIGNAL);
	ck_assert_int_eq(run.end.sig, SIGTERM);
	ck_assert_int_lt(run.took, within(5 * NSEC_PER_SEC));
}
END_TEST

/* More processes, and fewer. */

static const struct assignment {
	unsigned processes, max;
	int more, fewer;	/* signals, sent before the loop looks */
	const char *sizes;
	unsigned most_running;
} orders[] = {
	{1, 8, 3, 0, " 4", 4},
	{1, 3, 5, 0, " 3", 3},
	{2, 0, 3, 0, "", 2},	/* there can be no more than there are */
	{4, 2, 1, 0, "", 4},
	{3, 8, 0, 1, " 2", 3},
	{3, 8, 0, 9, " 1", 3},
	{1, 8, 0, 2, "", 1},
	{2, 8, 3, 1, " 4", 4},
	{2, 8, 2, 2, "", 2},
};

/* All that the signals find running run until it is over; later ones would find too many. */
static void
order_when_full(struct job *j)
{
	const struct assignment *o = &orders[to_send];

	(void)j;
	if (run.running != o->processes || run.over > 0 || shared->flags[1] != 0)
		return;
	for (int i = 0; i < o->more; i++)
		kill(getpid(), SIGUSR1);
	for (int i = 0; i < o->fewer; i++)
		kill(getpid(), SIGUSR2);
	shared->flags[1] = 1;
}

START_TEST(resized)
{
	const struct assignment *o = &orders[_i];

	to_send = _i;
	run.config.processes = o->processes;
	run.config.processes_max = o->max;
	run.on_started = order_when_full;
	for (int i = 0; i < 12; i++)
		add("a", nap);
	go();
	ck_assert_int_eq(run.end.why, POOL_GOES_ON);
	ck_assert_int_eq(run.end.sig, 0);
	ck_assert_str_eq(run.sizes, o->sizes);
	ck_assert_uint_eq(run.most_running, o->most_running);
	for (size_t i = 0; i < run.n; i++)
		ck_assert(is_well(&run.jobs[i]));	/* none was stopped, and none has got the signal */
}
END_TEST

static int
wait_for_flag(struct job *j, int fd)
{
	(void)j;
	progress(fd, "ready");
	WAIT_FOR(shared->flags[1] != 0);
	return shared->flags[1] != 0 ? result(fd, "{}") : 1;
}

static int
set_flag(struct job *j, int fd)
{
	shared->flags[1]++;
	return nap(j, fd);
}

/* Waits until each is seen: the kernel makes one of what comes too fast. */
static void
resize_from_outside(pid_t pool)
{
	WAIT_FOR(shared->flags[0] != 0);
	doze(50 * MSEC);
	kill(pool, SIGUSR1);
	WAIT_FOR(shared->flags[2] == 2);
	kill(pool, SIGUSR2);
	WAIT_FOR(shared->flags[2] == 1);
	kill(pool, SIGUSR2);
	doze(50 * MSEC);
	kill(pool, SIGUSR1);
}

static void
note_size(unsigned processes)
{
	shared->flags[2] = (int)processes;
}

/* They are heard while nothing else happens, ignored or blocked on entry or not. */
START_TEST(resized_from_outside)
{
	struct sigaction after;
	sigset_t mask;

	signal(SIGUSR1, _i == 1 ? SIG_IGN : SIG_DFL);
	signal(SIGUSR2, _i == 1 ? SIG_IGN : SIG_DFL);
	sigemptyset(&mask);
	if (_i == 2) {
		sigaddset(&mask, SIGUSR1);
		sigaddset(&mask, SIGUSR2);
	}
	helper(resize_from_outside);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	run.config.processes = 1;
	run.config.processes_max = 2;
	run.on_progress = tell_ready;
	run.on_resized = note_size;
	add("a", wait_for_flag);	/* until it has company */
	add("b", set_flag);
	go();
	ck_assert_int_eq(shared->flags[1], 1);
	ck_assert_int_eq(strncmp(run.sizes, " 2 1", 4), 0);
	ck_assert(is_well(&run.jobs[0]) && is_well(&run.jobs[1]));
	sigaction(SIGUSR1, NULL, &after);
	ck_assert_ptr_eq((void *)(uintptr_t)after.sa_handler, (void *)(uintptr_t)(_i == 1 ? SIG_IGN : SIG_DFL));
}
END_TEST

static int
wait_in_silence(struct job *j, int fd)
{
	(void)j;
	WAIT_FOR(shared->flags[1] != 0);
	return shared->flags[1] != 0 ? result(fd, "{}") : 1;
}

static void
one_more(struct job *j)
{
	(void)j;
	kill(getpid(), SIGUSR1);
}

/* Between the look for orders and the wait, after which nothing happens by itself. */
START_TEST(resized_before_the_wait)
{
	run.config.processes = 1;
	run.config.processes_max = 2;
	run.on_started = one_more;
	add("a", wait_in_silence);
	add("b", set_flag);
	go();
	ck_assert_str_eq(run.sizes, " 2");
	ck_assert(is_well(&run.jobs[0]) && is_well(&run.jobs[1]));
}
END_TEST

/* Slots of more than there may be now are there still, and shared by none (job_started looks). */
static int sized;

static void
up_and_down(struct job *j)
{
	(void)j;
	kill(getpid(), sized++ % 8 < 4 ? SIGUSR1 : SIGUSR2);
}

static int
nap_a_little(struct job *j, int fd)
{
	doze((5 + (j - run.jobs) * 7 % 30) * MSEC);
	return result(fd, "{}");
}

START_TEST(slots_while_resized)
{
	run.config.processes = 2;
	run.config.processes_max = 5;
	run.on_started = up_and_down;
	for (int i = 0; i < 40; i++)
		add("a", nap_a_little);
	go();
	ck_assert_uint_gt(run.most_running, 2);
	for (size_t i = 0; i < run.n; i++)
		ck_assert(is_well(&run.jobs[i]) && run.jobs[i].slot < 5);
}
END_TEST

static void
resize_late(struct job *j)
{
	(void)j;
	kill(getpid(), SIGUSR1);
}

/* Nothing is started any more, so nobody is told. */
START_TEST(resized_in_vain)
{
	run.config.processes = 1;
	run.config.processes_max = 3;
	run.on_finished = resize_late;
	add("a", obey);
	add("b", succeed);
	at_ready(1, SIGINT);
	go();
	ck_assert_str_eq(run.sizes, "");
	ck_assert_int_eq(run.end.sig, SIGINT);
	ck_assert_int_eq(run.jobs[1].state, JOB_NEW);
}
END_TEST

START_TEST(resized_with_nobody_to_tell)
{
	struct pool_calls silent = calls;

	silent.resized = NULL;
	run.config.calls = &silent;
	run.config.processes = 2;
	add("a", nap);
	add("b", nap);
	add("c", nap);
	at_ready(2, SIGUSR2);
	go();
	for (int i = 0; i < 3; i++)
		ck_assert(is_well(&run.jobs[i]));
}
END_TEST

/* A job that is sent one gets what a program without a handler gets. */
static int
signal_self(struct job *j, int fd)
{
	raise(own_index == 0 ? SIGUSR1 : SIGUSR2);
	return succeed(j, fd);
}

START_TEST(jobs_have_the_default)
{
	add("a", signal_self);
	add("b", signal_self);
	go();
	ck_assert(WIFSIGNALED(run.jobs[0].status) && WTERMSIG(run.jobs[0].status) == SIGUSR1);
	ck_assert(WIFSIGNALED(run.jobs[1].status) && WTERMSIG(run.jobs[1].status) == SIGUSR2);
	ck_assert_str_eq(run.sizes, "");
}
END_TEST

/* Ctrl-Z. */

static volatile int64_t *seen;	/* in shared memory: what the job's clock said before and after */

static int
count_time(struct job *j, int fd)
{
	if (fork() == 0) {
		setsid();
		mark();
		sleep_on();
	}
	mark();
	WAIT_FOR(shared->n == 2);
	seen[0] = clock_run();
	progress(fd, "ready");
	/* It is stopped in here. */
	WAIT_FOR(shared->flags[1] != 0);
	seen[1] = clock_run();
	(void)j;
	return result(fd, "{}");
}

static bool
all_are(char c, pid_t pool)
{
	if (c == 'T' && state(pool) != c)
		return false;
	for (size_t i = 0; i < shared->n; i++)
		if ((state(shared->marked[i].pid) == 'T') != (c == 'T'))
			return false;
	return true;
}

static void
suspend_for_a_second(pid_t pool)
{
	WAIT_FOR(shared->flags[0] != 0);
	kill(pool, SIGTSTP);
	WAIT_FOR(all_are('T', pool));
	shared->flags[2] = all_are('T', pool);
	usleep(1200 * 1000);
	shared->flags[3] = all_are('T', pool);
	kill(pool, SIGCONT);
	WAIT_FOR(all_are('S', pool));
	shared->flags[4] = all_are('S', pool);
	shared->flags[1] = 1;
}

static int stranger_stopped;

static void
look_at_helper(bool yes)
{
	(void)yes;
	stranger_stopped |= state(shared->flags[5]) == 'T';
}

START_TEST(suspended_and_continued)
{
	seen = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne((void *)seen, MAP_FAILED);
	shared->flags[5] = helper(suspend_for_a_second);
	run.on_progress = tell_ready;
	run.on_suspended = look_at_helper;
	add("a", count_time)->timeout = within(NSEC_PER_SEC);
	run.config.timeout = within(NSEC_PER_SEC);
	go();
	ck_assert_int_eq(shared->flags[2], 1);	/* all of the tree were stopped, and stayed so, */
	ck_assert_int_eq(shared->flags[3], 1);
	ck_assert_int_eq(shared->flags[4], 1);	/* and went on; */
	ck_assert_str_eq(run.suspends, "10");
	ck_assert_int_eq(stranger_stopped, 0);
	ck_assert(is_well(&run.jobs[0]));	/* that was not time of its own, */
	ck_assert_int_eq(run.end.why, POOL_GOES_ON);	/* nor of the run, */
	ck_assert_int_lt(seen[1] - seen[0], within(NSEC_PER_SEC));	/* and its own clock knows. */
}
END_TEST

static void
stop_while_suspended(pid_t pool)
{
	WAIT_FOR(shared->flags[0] != 0);
	kill(pool, SIGTSTP);
	WAIT_FOR(state(pool) == 'T');
	kill(pool, SIGTERM);
	usleep(50 * 1000);
	shared->flags[2] = state(pool) == 'T';
	kill(pool, SIGCONT);
}

START_TEST(stopped_while_suspended)
{
	helper(stop_while_suspended);
	run.on_progress = tell_ready;
	add("a", obey);
	go();
	ck_assert_int_eq(shared->flags[2], 1);
	ck_assert_int_eq(run.end.sig, SIGTERM);
	ck_assert_str_eq(run.jobs[0].result, "stopped");
	ck_assert_str_eq(run.suspends, "10");
}
END_TEST

START_TEST(lone_continue_is_harmless)
{
	add("a", nap);
	at_ready(1, SIGCONT);
	go();
	ck_assert(is_well(&run.jobs[0]));
	ck_assert_str_eq(run.suspends, "");
}
END_TEST

static void
continue_early(bool yes)
{
	if (yes)
		kill(getpid(), SIGCONT);
}

/* The order to continue overtakes the stop: it must not be stopped for ever then. */
START_TEST(continued_before_it_is_stopped)
{
	run.on_suspended = continue_early;
	add("a", nap);
	at_ready(1, SIGTSTP);
	go();
	ck_assert(is_well(&run.jobs[0]));
	ck_assert_str_eq(run.suspends, "10");
	ck_assert_int_lt(run.took, within(5 * NSEC_PER_SEC));
}
END_TEST

/* kill -9 of the pool's process. */

static int
empty_own_tree(struct job *j, int fd)
{
	sigset_t none, term;

	/* Two daemons who ignore what can be ignored, one with a child; and one that stopped itself. */
	for (int i = 0; i < 3; i++)
		if (fork() == 0) {
			for (int sig = 1; sig < NSIG; sig++)
				signal(sig, SIG_IGN);
			setsid();
			if (fork() != 0)
				_exit(0);
			mark();
			if (i == 0 && fork() == 0)
				mark();
			if (i == 1)
				raise(SIGSTOP);
			sleep_on();
		}
	mark();
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, &none);
	signal(SIGTERM, on_term);
	progress(fd, "ready");
	(void)j;
	while (!job_orphaned())	/* told by the pool it takes its time, so that the pool can be killed meanwhile */
		sigsuspend(&none);
	return proc_empty_tree(NULL, 0, 5 * NSEC_PER_SEC, NULL) == 0 ? 0 : 1;
}

#define PER_JOB 5

/* The lock that the pool's process had is there as long as one of its jobs, and no longer. */
static bool
is_locked(FILE *f)
{
	char path[64];
	bool locked;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fileno(f));
	fd = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_int_ne(fd, -1);
	locked = flock(fd, LOCK_EX | LOCK_NB) == -1;
	close(fd);
	return locked;
}

static void
stay_for_a_while(int sig)
{
	(void)sig;
	doze(300 * MSEC);
	_exit(0);
}

static int
stay(struct job *j, int fd)
{
	(void)j;
	signal(SIGTERM, stay_for_a_while);
	progress(fd, "ready");
	mark();
	sleep_on();
	return 0;
}

START_TEST(killed_with_a_lock)
{
	FILE *f = tmpfile();
	char path[64];
	pid_t pool;

	ck_assert_ptr_nonnull(f);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fileno(f));
	pool = fork();
	ck_assert_int_ge(pool, 0);
	if (pool == 0) {
		run.config.keep_fd = open(path, O_RDWR | O_CLOEXEC);
		if (flock(run.config.keep_fd, LOCK_EX) == -1)
			_exit(1);
		add("a", stay);
		run.processes = run.config.processes;
		pool_run(&run.config, &run.end);
		_exit(0);
	}
	EVENTUALLY(shared->n == 1);
	kill(pool, SIGKILL);
	ck_assert_int_eq(waitpid(pool, NULL, 0), pool);
	ck_assert(is_locked(f));
	EVENTUALLY(!is_locked(f));
	fclose(f);
}
END_TEST

START_TEST(killed)
{
	int64_t start;
	pid_t pool;

	ck_assert_int_eq(proc_adopt_orphans(), 0);	/* to see the zombies go */
	pool = fork();
	ck_assert_int_ge(pool, 0);
	if (pool == 0) {
		setsid();
		for (int i = 0; i < 3; i++)
			add("a", empty_own_tree);
		run.processes = run.config.processes;
		pool_run(&run.config, &run.end);
		_exit(0);
	}
	EVENTUALLY(shared->n == 3 * PER_JOB);
	if (_i == 1) {
		kill(pool, SIGTSTP);
		EVENTUALLY(all_are('T', pool));
	} else if (_i == 2) {
		kill(pool, SIGINT);
		usleep(50 * 1000);
	}
	start = clock_run();
	kill(pool, SIGKILL);
	do {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		usleep(1000);
	} while (count_left(-1) > 0 && clock_run() - start < within(10 * NSEC_PER_SEC));
	ck_assert_int_eq(count_left(-1), 0);
	ck_assert_int_lt(clock_run() - start, within(NSEC_PER_SEC));
}
END_TEST

static void
add_tests(TCase *t)
{
	tcase_add_loop_test(t, first_signal_stops_in_order, 0, N(stoppers));
	tcase_add_loop_test(t, second_signal_kills, 0, 2);
	tcase_add_test(t, later_hangup_is_no_second_signal);
	tcase_add_test(t, echo_is_no_second_signal);
	tcase_add_loop_test(t, ignored_stays_ignored, 0, N(ignorable));
	tcase_add_test(t, blocked_on_entry);
	tcase_add_test(t, signal_during_drain);
	tcase_add_test(t, talkers_do_not_keep_signals_out);
	tcase_add_test(t, signal_at_the_very_end);
	tcase_add_test(t, signal_while_nothing_runs);
	tcase_add_loop_test(t, resized, 0, N(orders));
	tcase_add_loop_test(t, resized_from_outside, 0, 3);
	tcase_add_test(t, resized_before_the_wait);
	tcase_add_test(t, slots_while_resized);
	tcase_add_test(t, resized_in_vain);
	tcase_add_test(t, resized_with_nobody_to_tell);
	tcase_add_test(t, jobs_have_the_default);
	tcase_add_test(t, suspended_and_continued);
	tcase_add_test(t, stopped_while_suspended);
	tcase_add_test(t, lone_continue_is_harmless);
	tcase_add_test(t, continued_before_it_is_stopped);
	tcase_add_loop_test(t, killed, 0, 3);
	tcase_add_test(t, killed_with_a_lock);
}

int
main(void)
{
	return run_suite("signals", add_tests, 60);
}
