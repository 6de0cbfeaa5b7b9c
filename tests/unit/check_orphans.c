#include "pooltest.h"

#include <sys/syscall.h>

#include "pool/orphans.h"

/* Processes that are not to be killed, as far as this program can help it. */
static struct pids immortal;

/* Takes the place of the C library's. */
int
kill(pid_t pid, int sig)
{
	if (sig == SIGKILL && pids_has(&immortal, pid < 0 ? -pid : pid))
		return 0;
	return (int)syscall(SYS_kill, pid, sig);
}

/* A daemon that nothing but SIGKILL ends. */
static void
become_daemon(void)
{
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_IGN);
	setsid();
	if (fork() != 0)
		_exit(0);
	mark();
}

/* A tree of 2^depth - 1 daemons, each of them the child of one that may be gone. */
static void
branch(int depth)
{
	for (int i = 0; i < 2 && depth > 1; i++)
		if (fork() == 0) {
			become_daemon();
			branch(depth - 1);
			sleep_on();
		}
}

static int
leave_daemons(struct job *j, int fd)
{
	(void)j;
	for (int i = 0; i < 3; i++)
		if (fork() == 0) {
			become_daemon();
			if (fork() == 0)
				mark();
			sleep_on();
		}
	WAIT_FOR(shared->n >= 6);
	return result(fd, "{}");
}

static int
leave_storm(struct job *j, int fd)
{
	(void)j;
	branch(6);
	WAIT_FOR(shared->n >= 62);
	return result(fd, "{}");
}

/* Processes that live for a moment and leave another one behind, in a new session, without end (or until the test is long over). */
static int
leave_comets(struct job *j, int fd)
{
	int64_t until = clock_run() + 20 * NSEC_PER_SEC;

	(void)j;
	for (int i = 0; i < 4; i++)
		if (fork() == 0)
			while (clock_run() < until) {
				shared->flags[i]++;
				if (fork() != 0)
					_exit(0);
				setsid();
				usleep(300);
			}
	WAIT_FOR(shared->flags[0] > 3 && shared->flags[1] > 3 && shared->flags[2] > 3 && shared->flags[3] > 3);
	return result(fd, "{}");
}

/* Dies with its daemons and all; what it has forked into its own group is the first to go. */
static int
die_amid_daemons(struct job *j, int fd)
{
	leave_daemons(j, fd);
	if (fork() == 0) {
		mark();
		sleep_on();
	}
	raise(SIGKILL);
	return 0;
}

static int
end_when_told(struct job *j, int fd)
{
	(void)j;
	WAIT_FOR(shared->flags[7] != 0);
	return result(fd, "{}");
}

static void
tell_end(struct job *j)
{
	if (j == &run.jobs[0])
		shared->flags[7] = 1;
}

static int (*const messy[])(struct job *, int) = {leave_daemons, leave_storm, leave_comets, die_amid_daemons};

/* pooltest.h checks that when a job is over nothing is left of it. The neighbour and its own children live on. */
START_TEST(trees_are_emptied)
{
	int forks;

	run.config.processes = 2;
	run.on_finished = tell_end;
	add("messy", messy[_i]);
	add("neighbour", end_when_told);
	go();
	if (messy[_i] == die_amid_daemons)
		ck_assert(WIFSIGNALED(run.jobs[0].status));
	else
		ck_assert(is_well(&run.jobs[0]));
	ck_assert(is_well(&run.jobs[1]));
	ck_assert_uint_eq(run.jobs[0].survivors, 0);
	forks = shared->flags[0];
	usleep(20 * 1000);
	ck_assert_int_eq(shared->flags[0], forks);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
}
END_TEST

/* Several such jobs, one behind the other and side by side. */
START_TEST(trees_do_not_mix)
{
	run.config.processes = 3;
	for (int i = 0; i < 12; i++)
		add("messy", i % 3 == 0 ? succeed : i % 3 == 1 ? leave_daemons : leave_storm);
	go();
	for (size_t i = 0; i < run.n; i++)
		ck_assert(is_well(&run.jobs[i]));
	ck_assert_int_eq(count_left(-1), 0);
}
END_TEST

static int
leave_worker(struct job *j, int fd)
{
	(void)j;
	if (fork() == 0) {
		become_daemon();
		burn(200 * MSEC);
		shared->flags[0] = 1;
		sleep_on();
	}
	WAIT_FOR(shared->flags[0] != 0);
	return result(fd, "{}");
}

START_TEST(usage_of_orphans_counts)
{
	const struct rusage *u = &run.jobs[0].usage;

	add("a", leave_worker);
	go();
	ck_assert(is_well(&run.jobs[0]));
	ck_assert_int_ge((u->ru_utime.tv_sec + u->ru_stime.tv_sec) * 1000000 + u->ru_utime.tv_usec + u->ru_stime.tv_usec,
	    190000);
}
END_TEST

/* Writes on after the job's process is dead: nothing is lost, and nothing is waited for. */
static int
leave_writer(struct job *j, int fd)
{
	(void)j;
	if (fork() == 0) {
		become_daemon();
		while (progress(fd, "from a daemon") == 0)
			usleep(100);
		_exit(0);
	}
	usleep(20 * 1000);
	raise(SIGKILL);
	return 0;
}

START_TEST(writing_orphan)
{
	add("a", leave_writer);
	go();
	ck_assert(WIFSIGNALED(run.jobs[0].status));
	ck_assert_ptr_nonnull(run.jobs[0].problem);	/* in the middle of a frame, or without a result */
	ck_assert_str_eq(run.last[0], "from a daemon");
	ck_assert_int_lt(run.took, within(900 * MSEC));
}
END_TEST

/* Somebody outside of the tree has got hold of the pipe: here the test itself. */
static int outside = -1;

static int
have_pipe_taken(struct job *j, int fd)
{
	(void)j;
	progress(fd, "take it");
	WAIT_FOR(shared->flags[0] != 0);
	return result(fd, "{}");
}

static void
take_pipe(struct job *j)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/3", (int)j->pid);
	outside = open(path, O_WRONLY | O_CLOEXEC);
	ck_assert_int_ge(outside, 0);
	shared->flags[0] = 1;
}

START_TEST(pipe_held_outside)
{
	run.on_progress = take_pipe;
	add("a", have_pipe_taken);
	go();
	ck_assert(is_well(&run.jobs[0]));
	ck_assert_int_ge(run.took, 900 * MSEC);
	ck_assert_int_lt(run.took, within(3 * NSEC_PER_SEC));
	close(outside);
}
END_TEST

/* Children from before are none of the pool's business; those that end meanwhile are reaped. */
static void
live(pid_t pool)
{
	(void)pool;
	sleep_on();
}

static void
live_for_a_moment(pid_t pool)
{
	(void)pool;
	WAIT_FOR(shared->flags[0] != 0);
}

START_TEST(strangers_are_left_alone)
{
	pid_t lives = helper(live), dies = helper(live_for_a_moment);

	run.config.processes = 1;
	add("a", leave_daemons);
	add("b", leave_worker);
	add("c", leave_storm);
	go();
	for (size_t i = 0; i < run.n; i++)
		ck_assert(is_well(&run.jobs[i]));
	ck_assert(state(lives) != 0 && state(lives) != 'Z');
	ck_assert_int_eq(state(dies), 0);
	ck_assert_int_eq(kill(lives, SIGKILL), 0);
	ck_assert_int_eq(waitpid(lives, NULL, 0), lives);
}
END_TEST

/* What cannot be killed: here because this program's kill() does not do it. */

static int
leave_immortal(struct job *j, int fd)
{
	(void)j;
	if (fork() == 0) {
		become_daemon();
		setpgid(0, 0);	/* not killed with the group of somebody who can be */
		shared->flags[1] = getpid();
		sleep_on();
	}
	WAIT_FOR(shared->flags[1] != 0);
	progress(fd, "daemon");
	return result(fd, "{}");
}

static int
be_immortal(struct job *j, int fd)
{
	(void)j;
	signal(SIGTERM, SIG_IGN);
	progress(fd, "job");
	sleep_on();
	return 0;
}

static void
make_immortal(struct job *j)
{
	pids_add(&immortal, strcmp(run.last[j - run.jobs], "job") == 0 ? j->pid : shared->flags[1]);
}

static void
end_immortals(struct job *j)
{
	if (j != &run.jobs[2])
		return;
	for (size_t i = 0; i < immortal.n; i++)
		ck_assert_int_eq(syscall(SYS_kill, immortal.list[i], SIGKILL), 0);
}

/* Lets the last job go when those that have died after all are reaped. */
static int64_t
look_for_immortals(void)
{
	bool any = immortal.n < 2;

	for (size_t i = 0; i < immortal.n; i++)
		any |= state(immortal.list[i]) != 0;
	if (!any)
		shared->flags[7] = 1;
	return clock_run() + 20 * MSEC;
}

START_TEST(survivors_are_reported_once)
{
	const struct job *orphan, *itself, *later, *last;

	make_haste(5);
	run.config.processes = 2;
	run.config.grace = 100 * MSEC;
	run.on_progress = make_immortal;
	run.on_finished = end_immortals;
	run.on_tick = look_for_immortals;
	orphan = add("leaves one", leave_immortal);
	itself = add("is one", be_immortal);
	run.jobs[1].timeout = 200 * MSEC;
	later = add("later", leave_daemons);
	last = add("last", end_when_told);
	go();
	ck_assert_uint_eq(immortal.n, 2);
	ck_assert_uint_eq(orphan->survivors, 1);
	ck_assert(orphan->reaped && orphan->status == 0 && orphan->problem == NULL);
	ck_assert_uint_eq(itself->survivors, 1);
	ck_assert(!itself->reaped && itself->killed);
	ck_assert_int_eq(itself->stop, JOB_STOP_TIMEOUT);
	ck_assert_int_ge(run.took, 4 * NSEC_PER_SEC);
	ck_assert_int_lt(run.took, within(12 * NSEC_PER_SEC));
	/* Nobody waits for them a second time, and when they die after all they are reaped. */
	ck_assert(is_well(later) && is_well(last));
	ck_assert_int_lt(later->ended_at - later->started_at, within(3 * NSEC_PER_SEC));
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
	pids_release(&immortal);
}
END_TEST

/* What was given up is spared from then on, and forgotten when it is dead after all: its id may come again. */
START_TEST(survivors_are_forgotten)
{
	struct orphans o;
	struct rusage usage;
	int status;
	pid_t stranger = helper(live), orphan, other;

	orphans_init(&o);
	ck_assert_uint_eq(o.strangers.n, 1);
	orphan = helper(live);
	pids_add(&immortal, orphan);
	ck_assert_uint_eq(orphans_kill(&o, NULL, 0), 1);
	ck_assert_uint_eq(orphans_give_up(&o), 1);
	ck_assert(pids_has(&o.survivors, orphan));
	ck_assert_uint_eq(orphans_kill(&o, NULL, 0), 0);
	ck_assert_int_eq(orphans_reap(&o, &status, &usage), 0);

	ck_assert_int_eq(syscall(SYS_kill, orphan, SIGKILL), 0);
	ck_assert_int_eq(syscall(SYS_kill, stranger, SIGKILL), 0);
	EVENTUALLY(state(orphan) == 'Z' && state(stranger) == 'Z');
	ck_assert_int_eq(orphans_reap(&o, &status, &usage), 0);
	ck_assert_uint_eq(o.survivors.n, 0);
	ck_assert_uint_eq(o.strangers.n, 0);
	ck_assert_int_eq(state(orphan), 0);
	ck_assert_int_eq(state(stranger), 0);

	other = helper(live);
	ck_assert_uint_eq(orphans_kill(&o, NULL, 0), 1);
	EVENTUALLY(state(other) == 'Z');
	ck_assert_int_eq(orphans_reap(&o, &status, &usage), other);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	orphans_release(&o);
	pids_release(&immortal);
}
END_TEST

static void
add_tests(TCase *t)
{
	tcase_add_loop_test(t, trees_are_emptied, 0, sizeof(messy) / sizeof(messy[0]));
	tcase_add_test(t, trees_do_not_mix);
	tcase_add_test(t, usage_of_orphans_counts);
	tcase_add_test(t, writing_orphan);
	tcase_add_test(t, pipe_held_outside);
	tcase_add_test(t, strangers_are_left_alone);
	tcase_add_test(t, survivors_are_reported_once);
	tcase_add_test(t, survivors_are_forgotten);
}

int
main(void)
{
	return run_suite("orphans", add_tests, 60);
}
