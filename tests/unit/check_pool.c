#include "pooltest.h"

#include <dlfcn.h>
#include <malloc.h>
#include <sys/file.h>

static int fork_failures;	/* how many of the next forks fail with EAGAIN; -1 for all */

/* Takes the place of the C library's. */
pid_t
fork(void)
{
	pid_t (*real)(void) = (pid_t (*)(void))dlsym(RTLD_NEXT, "fork");

	if (fork_failures != 0) {
		if (fork_failures > 0)
			fork_failures--;
		errno = EAGAIN;
		return -1;
	}
	return real();
}

/* The misbehaved. */

static void
put(int fd, uint32_t type, uint32_t n, size_t bytes)
{
	uint32_t header[2] = {type, n};

	if (write(fd, header, sizeof(header)) != sizeof(header))
		_exit(98);
	while (bytes-- > 0)
		if (write(fd, "x", 1) != 1)
			_exit(98);
}

static int
no_result(struct job *j, int fd)
{
	(void)j;
	progress(fd, "here I am");
	return 0;
}

static int
result_and_status(struct job *j, int fd)
{
	(void)j;
	result(fd, "{\"a\": 1}");
	return 3;
}

static int
die_in_frame(struct job *j, int fd)
{
	(void)j;
	put(fd, FRAME_RESULT, 100, 50);
	raise(SIGKILL);
	return 0;
}

static int
die_in_header(struct job *j, int fd)
{
	(void)j;
	if (write(fd, "\2\0\0", 3) != 3)
		return 98;
	return 4;
}

static int
unknown_type(struct job *j, int fd)
{
	put(fd, 77, 4, 4);
	return sleep_long(j, fd);
}

static int
too_long(struct job *j, int fd)
{
	put(fd, FRAME_PROGRESS, FRAME_PROGRESS_MAX + 1, 4);
	return sleep_long(j, fd);
}

static int
text_on_the_pipe(struct job *j, int fd)
{
	signal(SIGTERM, SIG_IGN);
	if (write(fd, "Traceback (most recent call last):\n", 35) != 35)
		return 98;
	return sleep_long(j, fd);
}

static int
two_results(struct job *j, int fd)
{
	result(fd, "one");
	result(fd, "two");
	return sleep_long(j, fd);
}

static int
progress_after_result(struct job *j, int fd)
{
	(void)j;
	result(fd, "{}");
	progress(fd, "more");
	return 0;
}

static int
log_after_result(struct job *j, int fd)
{
	(void)j;
	result(fd, "{}");
	log_warn("cleaning up");
	return 0;
}

static int
call_abort(struct job *j, int fd)
{
	(void)j;
	result(fd, "{}");
	abort();
}

static int
kill_self(struct job *j, int fd)
{
	(void)j;
	(void)fd;
	raise(SIGKILL);
	return 0;
}

static int
stop_self(struct job *j, int fd)
{
	(void)fd;
	(void)j;
	mark();
	raise(SIGSTOP);
	return 0;
}

static int
close_and_live(struct job *j, int fd)
{
	result(fd, "{}");
	close(fd);
	return sleep_long(j, fd);
}

static int
close_and_leave(struct job *j, int fd)
{
	(void)j;
	result(fd, "{}");
	close(fd);
	doze(500 * MSEC);
	return 0;
}

static int
hold_pipe(struct job *j, int fd)
{
	(void)j;
	if (fork() == 0) {
		mark();
		sleep_on();
	}
	while (shared->n == 0)
		usleep(1000);
	return result(fd, "{}");
}

static char megabytes[FRAME_RESULT_MAX];

static int
big_result(struct job *j, int fd)
{
	(void)j;
	memset(megabytes, 'x', sizeof(megabytes));
	return frame_send(fd, FRAME_RESULT, megabytes, sizeof(megabytes));
}

static int
talk_much(struct job *j, int fd)
{
	(void)j;
	for (int i = 0; i < 320; i++)
		if (frame_send(fd, FRAME_PROGRESS, megabytes, FRAME_PROGRESS_MAX) == -1)
			return 1;
	return result(fd, "{}");
}

static const struct beast {
	const char *name;
	int (*run)(struct job *, int);
	int timeout;	/* ms */
	const char *problem;
	enum job_stop stop;
	bool killed;
	int status;	/* of its exit, or less the signal it died of */
	const char *result;
} zoo[] = {
	{"no result", no_result, 0, "ended without a result", JOB_STOP_NONE, false, 0, NULL},
	{"result and status", result_and_status, 0, NULL, JOB_STOP_NONE, false, 3, "{\"a\": 1}"},
	{"die in frame", die_in_frame, 0, "ended in the middle of a frame", JOB_STOP_NONE, false, -SIGKILL, NULL},
	{"die in header", die_in_header, 0, "ended in the middle of a frame", JOB_STOP_NONE, false, 4, NULL},
	{"unknown type", unknown_type, 0, "sent a frame of unknown type", JOB_STOP_PROTOCOL, false, -SIGTERM, NULL},
	{"too long", too_long, 0, "sent a frame that is too long", JOB_STOP_PROTOCOL, false, -SIGTERM, NULL},
	{"text", text_on_the_pipe, 0, "sent a frame of unknown type", JOB_STOP_PROTOCOL, true, -SIGKILL, NULL},
	{"two results", two_results, 0, "sent more after its result", JOB_STOP_PROTOCOL, false, -SIGTERM, "one"},
	{"log after result", log_after_result, 0, NULL, JOB_STOP_NONE, false, 0, "{}"},
	{"abort", call_abort, 0, NULL, JOB_STOP_NONE, false, -SIGABRT, "{}"},
	{"kill -9", kill_self, 0, "ended without a result", JOB_STOP_NONE, false, -SIGKILL, NULL},
	{"stopped, then out of time", stop_self, 300, "ended without a result", JOB_STOP_TIMEOUT, false, -SIGTERM, NULL},
	{"out of time", sleep_long, 300, "ended without a result", JOB_STOP_TIMEOUT, false, -SIGTERM, NULL},
	{"out of time, obeys", obey, 300, NULL, JOB_STOP_TIMEOUT, false, 0, "stopped"},
	{"out of time, ignores TERM", ignore_term, 300, "ended without a result", JOB_STOP_TIMEOUT, true, -SIGKILL, NULL},
	{"in time", succeed, 60000, NULL, JOB_STOP_NONE, false, 0, "{}"},
	{"closes and lives on", close_and_live, 0, "closed its pipe and lived on", JOB_STOP_PROTOCOL, false, -SIGTERM, "{}"},
	{"closes and leaves", close_and_leave, 0, NULL, JOB_STOP_NONE, false, 0, "{}"},
	{"pipe held by a grandchild", hold_pipe, 0, NULL, JOB_STOP_NONE, false, 0, "{}"},
	{"talks much", talk_much, 0, NULL, JOB_STOP_NONE, false, 0, "{}"},
	{"neighbour", succeed, 0, NULL, JOB_STOP_NONE, false, 0, "{}"},
};

#define ZOO (sizeof(zoo) / sizeof(zoo[0]))

static void
check_beast(const struct beast *b, const struct job *j)
{
	char status[64];

	job_describe_status(j->status, status, sizeof(status));
	ck_assert_msg((b->problem == NULL) == (j->problem == NULL) &&
	    (b->problem == NULL || strcmp(b->problem, j->problem) == 0),
	    "%s: problem: %s", b->name, j->problem != NULL ? j->problem : "none");
	ck_assert_msg(j->stop == b->stop, "%s: stop: %d", b->name, (int)j->stop);
	ck_assert_msg(j->killed == b->killed, "%s: killed: %d", b->name, j->killed);
	ck_assert_msg(b->status >= 0 ? WIFEXITED(j->status) && WEXITSTATUS(j->status) == b->status :
	    WIFSIGNALED(j->status) && WTERMSIG(j->status) == -b->status, "%s: %s", b->name, status);
	ck_assert_msg((b->result == NULL) == (j->result == NULL) &&
	    (b->result == NULL || (strcmp(b->result, j->result) == 0 && strlen(b->result) == j->result_len)),
	    "%s: result: %s", b->name, j->result != NULL ? j->result : "none");
	ck_assert_uint_eq(j->survivors, 0);
}

/* All at once: each gets what it deserves, and nobody notices anybody else. */
START_TEST(each_has_its_own_outcome)
{
	run.config.processes = _i == 0 ? ZOO : 5;
	run.config.grace = within(NSEC_PER_SEC);
	for (size_t i = 0; i < ZOO; i++)
		add(zoo[i].name, zoo[i].run)->timeout = within(zoo[i].timeout * MSEC);
	go();
	ck_assert_int_eq(run.end.why, POOL_GOES_ON);
	ck_assert_int_eq(run.end.sig, 0);
	ck_assert_int_eq(run.end.error, 0);
	for (size_t i = 0; i < ZOO; i++)
		check_beast(&zoo[i], &run.jobs[i]);
	ck_assert_uint_eq(run.most_running, run.config.processes);
	ck_assert_str_eq(run.last[0], "here I am");
	ck_assert_uint_eq(run.progress[0], 1);
}
END_TEST

/* Written before it exits, this may be read before or after: there is one outcome all the same. */
START_TEST(more_after_result_and_exit)
{
	struct job *j = add("a", progress_after_result);

	go();
	ck_assert_str_eq(j->problem, "sent more after its result");
	ck_assert_str_eq(j->result, "{}");
	ck_assert_uint_eq(run.progress[0], 0);
}
END_TEST

START_TEST(big_result_arrives)
{
	struct job *j = add("a", big_result);

	go();
	ck_assert_uint_eq(j->result_len, FRAME_RESULT_MAX);
	ck_assert_uint_eq(strspn(j->result, "x"), FRAME_RESULT_MAX);
	ck_assert_int_eq(j->status, 0);
	ck_assert_ptr_null(j->problem);
}
END_TEST

START_TEST(nothing_to_run)
{
	go();
	ck_assert_int_eq(run.end.why, POOL_GOES_ON);
	ck_assert_int_eq(run.stoppings, 0);
}
END_TEST

/* Says which slot it has; the parent must mean the same. */
static int
nap(struct job *j, int fd)
{
	char slot[16];

	snprintf(slot, sizeof(slot), "%d", j->slot);
	progress(fd, slot);
	usleep((useconds_t)(1000 * (1 + (j - run.jobs) * 7 % 5)));
	return result(fd, "{}");
}

static void
compare_slots(struct job *j)
{
	ck_assert_int_eq(atoi(run.last[j - run.jobs]), j->slot);
}

START_TEST(slots_are_used_and_never_shared)
{
	run.config.processes = (unsigned)_i;
	run.on_progress = compare_slots;
	for (int i = 0; i < MANY; i++)
		add("a", nap);
	go();
	for (size_t i = 0; i < run.n; i++)
		ck_assert(is_well(&run.jobs[i]) && run.progress[i] == 1);
	ck_assert_uint_eq(run.most_running, (unsigned)_i);
}
END_TEST

/* The same memory may be a new job in finished() already. */
static int again;

static void
run_again(struct job *j)
{
	if (again++ < 20) {
		job_release(j);
		job_init(j, "again", begin, NULL);
		run.handed_out = 0;
		run.finished_as[0] = 0;
		shared->ran[0] = 0;
	}
}

START_TEST(a_job_can_be_run_again)
{
	add("a", succeed);
	run.on_finished = run_again;
	go();
	ck_assert_int_eq(again, 21);
	ck_assert(is_well(&run.jobs[0]));
}
END_TEST

static int
use_time(struct job *j, int fd)
{
	(void)j;
	if (fork() == 0) {
		burn(150 * MSEC);
		_exit(0);
	}
	burn(100 * MSEC);
	wait(NULL);
	return result(fd, "{}");
}

static int64_t
cpu(const struct rusage *u)
{
	return (u->ru_utime.tv_sec + u->ru_stime.tv_sec) * NSEC_PER_SEC +
	    (u->ru_utime.tv_usec + u->ru_stime.tv_usec) * 1000;
}

START_TEST(usage_is_of_the_tree)
{
	struct job *j = add("a", use_time), *idle = add("b", succeed);

	go();
	ck_assert_int_ge(cpu(&j->usage), 240 * MSEC);
	ck_assert_int_lt(cpu(&idle->usage), within(100 * MSEC));
	ck_assert_int_gt(j->usage.ru_maxrss, 0);
}
END_TEST

/* Policies. */

/* The job that fails does so when the others are there. */
static int
fail_later(struct job *j, int fd)
{
	WAIT_FOR(shared->flags[0] != 0);
	return fail_now(j, fd);
}

static void
first_is_ready(struct job *j)
{
	if (j == &run.jobs[0])
		shared->flags[0] = 1;
}

START_TEST(fail_fast)
{
	run.config.policy = POOL_FAIL_FAST;
	run.config.processes = 2;
	run.on_progress = first_is_ready;
	add("runs", obey);
	add("fails", fail_later);
	add("waits", succeed);
	go();
	ck_assert_int_eq(run.end.why, POOL_STOP_FAILURE);
	ck_assert_int_eq(run.stop_sig, 0);
	ck_assert_int_eq(run.end.sig, 0);
	ck_assert_int_eq(run.jobs[0].stop, JOB_STOP_POLICY);
	ck_assert_str_eq(run.jobs[0].result, "stopped");
	ck_assert_int_eq(run.jobs[1].stop, JOB_STOP_NONE);
	ck_assert_int_eq(run.jobs[2].state, JOB_NEW);
}
END_TEST

static int
wait_for_flag(struct job *j, int fd)
{
	(void)j;
	WAIT_FOR(shared->flags[0] != 0);
	return result(fd, "{}");
}

static void
failed_is_over(struct job *j)
{
	if (j == &run.jobs[1])
		shared->flags[0] = 1;
}

START_TEST(drain)
{
	run.config.policy = POOL_DRAIN;
	run.config.processes = 2;
	run.on_finished = failed_is_over;
	add("runs", wait_for_flag);
	add("fails", fail_now);
	add("waits", succeed);
	go();
	ck_assert_int_eq(run.end.why, POOL_STOP_FAILURE);
	ck_assert(is_well(&run.jobs[0]));
	ck_assert_int_eq(run.jobs[2].state, JOB_NEW);
}
END_TEST

START_TEST(let_finish)
{
	run.config.processes = 2;
	run.on_finished = failed_is_over;
	add("runs", wait_for_flag);
	add("fails", fail_now);
	add("waits", succeed);
	go();
	ck_assert_int_eq(run.end.why, POOL_GOES_ON);
	ck_assert(is_well(&run.jobs[0]));
	ck_assert(is_well(&run.jobs[2]));
}
END_TEST

START_TEST(time_of_the_run)
{
	struct job *j[3];

	run.config.timeout = within(2 * NSEC_PER_SEC);
	run.config.grace = within(2 * NSEC_PER_SEC);
	run.config.processes = 3;
	j[0] = add("obeys", obey);
	j[1] = add("does not", ignore_term);
	j[2] = add("is done before", succeed);
	add("waits", sleep_long);
	add("waits", succeed);
	go();
	ck_assert_int_eq(run.end.why, POOL_STOP_TIMEOUT);
	ck_assert_int_eq(j[0]->stop, JOB_STOP_RUN_TIMEOUT);
	ck_assert_int_eq(j[1]->stop, JOB_STOP_RUN_TIMEOUT);
	ck_assert(j[1]->killed);
	ck_assert(is_well(j[2]));
	ck_assert_int_eq(run.jobs[4].state, JOB_NEW);
	ck_assert_int_ge(run.took, 2 * NSEC_PER_SEC);
}
END_TEST

/* A job that is stopped for one reason and then for another keeps the first. */
START_TEST(first_reason_stays)
{
	run.config.processes = 2;
	run.config.timeout = 2 * NSEC_PER_SEC;
	run.config.grace = 4 * NSEC_PER_SEC;
	add("a", ignore_term)->timeout = 100 * MSEC;
	add("b", ignore_term);
	go();
	ck_assert_int_eq(run.jobs[0].stop, JOB_STOP_TIMEOUT);
	ck_assert_int_eq(run.jobs[1].stop, JOB_STOP_RUN_TIMEOUT);
	ck_assert_int_lt(run.jobs[0].ended_at, run.jobs[1].ended_at);
}
END_TEST

/* A job that never stops talking, and others that want to be heard. */
static int
flood(struct job *j, int fd)
{
	(void)j;
	mark();
	while (frame_send(fd, FRAME_PROGRESS, megabytes, 4000) == 0)
		;
	return 97;
}

/* Kills the first flood when it has been heard, and those behind it are over. */
static void
stop_flood(struct job *j)
{
	(void)j;
	for (int i = 2; i < 10; i++)
		if (run.jobs[i].state != JOB_OVER)
			return;
	if (run.progress[0] > 0 && run.jobs[0].pid > 0)
		kill(run.jobs[0].pid, SIGKILL);
}

START_TEST(talkers_do_not_starve_others)
{
	run.config.processes = 3;
	add("flood", flood);
	add("flood", flood)->timeout = 500 * MSEC;
	for (int i = 0; i < 8; i++)
		add("a", succeed);
	run.on_finished = stop_flood;
	run.on_progress = stop_flood;
	go();
	for (int i = 2; i < 10; i++)
		ck_assert(is_well(&run.jobs[i]));
	ck_assert_int_lt(run.took, within(5 * NSEC_PER_SEC));
	ck_assert_int_eq(run.jobs[1].stop, JOB_STOP_TIMEOUT);
	ck_assert(WIFSIGNALED(run.jobs[0].status) && WTERMSIG(run.jobs[0].status) == SIGKILL);
	ck_assert_uint_gt(run.progress[0], 0);
}
END_TEST

#define WORDS 200

static unsigned since_turn, most_a_turn;

/* Says all it has to say in one go. */
static int
chatter(struct job *j, int fd)
{
	(void)j;
	for (int i = 0; i < WORDS; i++)
		progress(fd, "word");
	return result(fd, "{}");
}

static void
think(struct job *j)
{
	(void)j;
	doze(3 * MSEC);
	if (++since_turn > most_a_turn)
		most_a_turn = since_turn;
}

static int64_t
new_turn(void)
{
	since_turn = 0;
	return INT64_MAX;
}

/* What takes time to obey does not hold up all the rest until it is done; and it is heard to its end, long after its speaker's. */
START_TEST(words_that_take_their_time)
{
	since_turn = most_a_turn = 0;
	run.config.processes = 2;
	add("a", chatter);
	add("b", chatter);
	run.on_progress = think;
	run.on_tick = new_turn;
	go();
	for (int i = 0; i < 2; i++) {
		ck_assert(is_well(&run.jobs[i]));
		ck_assert_uint_eq(run.progress[i], WORDS);
	}
	ck_assert_uint_le(most_a_turn, WORDS / 4);
}
END_TEST

/* What a job logs is said by the pool's process, with the job's name. */
static int
say(struct job *j, int fd)
{
	(void)j;
	log_warn("cannot %s", "do it\nat all");
	log_info("not shown");
	put(fd, FRAME_LOG, 4, 4);	/* no such level: 'x' */
	return result(fd, "{}");
}

START_TEST(log_lines_are_relayed)
{
	char text[256] = "";
	FILE *f = tmpfile();

	ck_assert_ptr_nonnull(f);
	dup2(fileno(f), 2);
	add("load", say);
	go();
	ck_assert(is_well(&run.jobs[0]));
	ck_assert_int_gt(pread(fileno(f), text, sizeof(text) - 1, 0), 0);
	ck_assert_str_eq(text, "nbfork[load]: warning: cannot do it\\x0aat all\n");
	fclose(f);
}
END_TEST

/* No process to be had. */

START_TEST(fork_fails_for_a_while)
{
	add("a", succeed);
	add("b", succeed);
	fork_failures = 3;
	go();
	ck_assert_int_eq(fork_failures, 0);
	ck_assert(is_well(&run.jobs[0]) && is_well(&run.jobs[1]));
	ck_assert_int_ge(run.took, 500 * MSEC);	/* it did not try like mad */
	ck_assert_int_lt(run.took, within(3 * NSEC_PER_SEC));
}
END_TEST

START_TEST(fork_fails_for_good)
{
	make_haste(5);
	fork_failures = -1;
	add("a", succeed);
	add("b", succeed);
	go();
	ck_assert_int_eq(run.end.why, POOL_STOP_BROKEN);
	ck_assert_int_eq(run.end.error, EAGAIN);
	ck_assert_uint_eq(run.handed_out, 1);
	ck_assert_int_eq(run.jobs[0].state, JOB_NEW);
	ck_assert_int_ge(run.took, 4 * NSEC_PER_SEC);
	ck_assert_int_lt(run.took, within(10 * NSEC_PER_SEC));
}
END_TEST

static int
nap_long(struct job *j, int fd)
{
	(void)j;
	doze(200 * MSEC);
	return result(fd, "{}");
}

static unsigned most_pipes;

/* One that has closed its pipe needs no descriptor any more, though it is not over. */
static void
count_pipes(struct job *started)
{
	unsigned n = 0;

	(void)started;
	for (size_t i = 0; i < run.n; i++)
		n += run.jobs[i].fd != -1;
	if (n > most_pipes)
		most_pipes = n;
}

/* There are descriptors for two jobs only: the others wait until one has ended. */
START_TEST(descriptors_run_out)
{
	struct rlimit limit, tight;
	int lowest = open("/dev/null", O_RDONLY);

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	close(lowest);
	for (int i = 0; i < 7; i++)
		add("a", nap_long);
	run.config.processes = 5;
	run.on_started = count_pipes;
	tight = limit;
	/* Two reading ends. */
	tight.rlim_cur = (rlim_t)lowest + 2 + JOB_SPARE_FDS;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &tight), 0);
	go();
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(run.end.why, POOL_GOES_ON);
	ck_assert_uint_eq(most_pipes, 2);
	for (size_t i = 0; i < run.n; i++)
		ck_assert(is_well(&run.jobs[i]));
	ck_assert_int_lt(run.took, within(3 * NSEC_PER_SEC));	/* tried again when one ended, not only each second */
}
END_TEST

/* Callbacks. */

static void
give_up_once(struct job *j)
{
	(void)j;
	pool_give_up(ENOSPC);
	pool_give_up(EIO);
}

START_TEST(callbacks_give_up)
{
	run.config.processes = 2;
	if (_i == 0)
		run.on_started = give_up_once;
	else if (_i == 1)
		run.on_progress = give_up_once;
	else
		run.on_finished = give_up_once;
	add("a", _i == 2 ? succeed : obey);
	add("b", obey);
	add("c", succeed);
	go();
	ck_assert_int_eq(run.end.why, POOL_STOP_BROKEN);
	ck_assert_int_eq(run.end.error, ENOSPC);
	ck_assert_int_eq(run.jobs[2].state, JOB_NEW);
	if (_i == 0)
		ck_assert_int_eq(run.jobs[1].state, JOB_NEW);
	if (_i == 1)
		ck_assert_int_eq(run.jobs[1].stop, JOB_STOP_POLICY);
	pool_give_up(EIO);	/* nothing runs: no effect */
}
END_TEST

/* The disk is full after a job has failed: the first reason stays, the error is told all the same. */
START_TEST(gives_up_after_failure)
{
	run.config.policy = POOL_DRAIN;
	run.config.processes = 1;
	run.on_finished = give_up_once;
	add("a", fail_now);
	add("b", succeed);
	go();
	ck_assert_int_eq(run.end.why, POOL_STOP_FAILURE);
	ck_assert_int_eq(run.end.error, ENOSPC);
	ck_assert_int_eq(run.jobs[1].state, JOB_NEW);
}
END_TEST

static int ticks;
static int64_t next_tick;

static int64_t
tick(void)
{
	if (clock_run() >= next_tick) {
		ticks++;
		next_tick = clock_run() + 20 * MSEC;
	}
	return next_tick;
}

START_TEST(ticks_come_in_time)
{
	add("a", nap_long);
	run.on_tick = tick;
	go();
	ck_assert_int_ge(ticks, 5);
	ck_assert(is_well(&run.jobs[0]));
}
END_TEST

/* Asked again. */

static int64_t asked_for, given_at;
static bool variant;	/* of a test, for its callbacks */

/* The first job at once, the second 300 ms later. */
static struct job *
later(int64_t *at)
{
	if (run.handed_out == 0 && variant)
		return &run.jobs[run.handed_out++];
	if (run.handed_out == run.n)
		return NULL;
	if (asked_for == 0)
		asked_for = clock_run() + 300 * MSEC;
	if (clock_run() < asked_for) {
		*at = asked_for;
		return NULL;
	}
	given_at = clock_run();
	return &run.jobs[run.handed_out++];
}

static int
nap_well(struct job *j, int fd)
{
	(void)j;
	doze(4 * NSEC_PER_SEC);
	return result(fd, "{}");
}

/* With nothing running, or while a job says nothing: the pool waits for the time and is not done before. */
START_TEST(asks_again_in_time)
{
	variant = _i == 1;
	run.on_next = later;
	add("a", variant ? nap_well : succeed);
	if (variant)
		add("b", succeed);
	go();
	ck_assert_int_eq(run.end.why, POOL_GOES_ON);
	for (size_t i = 0; i < run.n; i++)
		ck_assert(is_well(&run.jobs[i]));
	ck_assert_int_ge(given_at, asked_for);
	ck_assert_int_lt(given_at - asked_for, within(3 * NSEC_PER_SEC));	/* not when the other one ends */
	ck_assert_uint_le(run.asked, 16);
}
END_TEST

/* A time that has passed, or that is now, is no order to spin. */
static struct job *
impatient(int64_t *at)
{
	if (asked_for == 0)
		asked_for = clock_run() + 200 * MSEC;
	if (clock_run() >= asked_for)
		return NULL;
	*at = variant ? clock_run() : 0;
	return NULL;
}

START_TEST(asked_again_at_once_does_not_spin)
{
	variant = _i == 1;
	run.on_next = impatient;
	go();
	ck_assert_int_eq(run.end.why, POOL_GOES_ON);
	ck_assert_uint_ge(run.asked, 4);
	ck_assert_uint_le(run.asked, 202);
	ck_assert_int_ge(run.took, 200 * MSEC);
}
END_TEST

/* With a job it means nothing; and while there is no room nobody asks, however late it is. */
static struct job *
again_and_job(int64_t *at)
{
	if (run.handed_out == run.n)
		return NULL;
	*at = run.handed_out == 0 ? 0 : clock_run() + 60 * NSEC_PER_SEC;
	return &run.jobs[run.handed_out++];
}

START_TEST(again_counts_only_without_a_job)
{
	run.config.processes = 1;
	run.on_next = again_and_job;
	add("a", nap_long);
	add("b", succeed);
	go();
	ck_assert(is_well(&run.jobs[0]) && is_well(&run.jobs[1]));
	ck_assert_int_lt(run.took, within(5 * NSEC_PER_SEC));
	ck_assert_uint_eq(run.asked, 3);
	ck_assert_uint_le(run.turns, 30);
}
END_TEST

static struct job *
never_yet(int64_t *at)
{
	*at = clock_run() + 60 * NSEC_PER_SEC;
	return NULL;
}

START_TEST(time_of_the_run_while_nothing_runs)
{
	run.config.timeout = 200 * MSEC;
	run.on_next = never_yet;
	go();
	ck_assert_int_eq(run.end.why, POOL_STOP_TIMEOUT);
	ck_assert_int_ge(run.took, 200 * MSEC);
	ck_assert_int_lt(run.took, within(5 * NSEC_PER_SEC));
	ck_assert_uint_le(run.asked, 4);
}
END_TEST

/* Failures without a process. */

static bool failed_once;

static void
fail_here(struct job *j)
{
	(void)j;
	if (!failed_once)
		pool_fail();
	failed_once = true;
}

/* The second job is one that failed without a process: where it is handed out, or when there is none. */
static struct job *
fail_in_next(int64_t *at)
{
	(void)at;
	if (run.handed_out == 1) {
		if (!failed_once && !variant) {
			fail_here(NULL);
			return NULL;
		}
		fail_here(NULL);
	}
	return run.handed_out < run.n ? &run.jobs[run.handed_out++] : NULL;
}

static int64_t
fail_in_tick(void)
{
	if (run.running == 2)
		fail_here(NULL);
	return INT64_MAX;
}

START_TEST(callbacks_fail)
{
	static const enum pool_policy policies[] = {POOL_FAIL_FAST, POOL_DRAIN, POOL_LET_FINISH};
	const enum pool_policy policy = policies[_i % 3];
	const int where = _i / 3;

	run.config.policy = policy;
	run.config.processes = 2;
	variant = where == 1;
	if (where <= 1)
		run.on_next = fail_in_next;
	else if (where == 2)
		run.on_started = fail_here;
	else if (where == 3)
		run.on_progress = fail_here;
	else
		run.on_tick = fail_in_tick;
	add("a", policy == POOL_FAIL_FAST ? obey : nap_long);
	add("b", policy == POOL_FAIL_FAST ? obey : nap_long);
	add("c", succeed);
	if (where == 3 && policy != POOL_FAIL_FAST)
		functions[1] = talk_much;
	go();
	ck_assert(failed_once);
	ck_assert_int_eq(run.end.error, 0);
	if (policy == POOL_LET_FINISH) {
		ck_assert_int_eq(run.end.why, POOL_GOES_ON);
		for (int i = 0; i < 3; i++)
			ck_assert(is_well(&run.jobs[i]));
		return;
	}
	ck_assert_int_eq(run.end.why, POOL_STOP_FAILURE);
	ck_assert_int_eq(run.jobs[2].state, JOB_NEW);
	if (where <= 2)
		ck_assert_int_eq(run.jobs[1].state, JOB_NEW);
	if (policy == POOL_FAIL_FAST)
		ck_assert_int_eq(run.jobs[0].stop, JOB_STOP_POLICY);
	else
		ck_assert(is_well(&run.jobs[0]));
}
END_TEST

static struct job *
only_fail(int64_t *at)
{
	(void)at;
	fail_here(NULL);
	return NULL;
}

/* Nothing runs and nothing ever will, and yet it counts. */
START_TEST(fails_without_a_job)
{
	pool_fail();	/* nothing runs: no effect */
	run.config.policy = POOL_FAIL_FAST;
	if (_i == 1)
		run.on_next = only_fail;
	go();
	ck_assert_int_eq(run.end.why, _i == 1 ? POOL_STOP_FAILURE : POOL_GOES_ON);
}
END_TEST

static struct job *
fail_and_go_on(int64_t *at)
{
	(void)at;
	fail_here(NULL);
	return run.handed_out < run.n ? &run.jobs[run.handed_out++] : NULL;
}

/* Where it changes nothing, the job that comes with it is started, though nothing else runs. */
START_TEST(fails_before_the_first_job)
{
	run.on_next = fail_and_go_on;
	add("a", succeed);
	go();
	ck_assert(is_well(&run.jobs[0]));
}
END_TEST

/* In finished() it is what returning true is: what finishes next comes after it has been obeyed. */
static void
fail_with_success(struct job *j)
{
	(void)j;
	ck_assert_int_eq(run.stoppings, run.over > 1);
	pool_fail();
}

START_TEST(failure_is_obeyed_at_once)
{
	run.config.policy = POOL_DRAIN;
	run.config.processes = 3;
	run.on_finished = fail_with_success;
	for (int i = 0; i < 3; i++)
		add("a", nap_long);
	go();
	ck_assert_int_eq(run.end.why, POOL_STOP_FAILURE);
	for (int i = 0; i < 3; i++)
		ck_assert(is_well(&run.jobs[i]));
}
END_TEST

/* One job is stopped. */

static int64_t
stop_first(void)
{
	if (run.progress[0] > 0 && run.jobs[0].stop == JOB_STOP_NONE)
		pool_stop_job(&run.jobs[0]);
	if (run.jobs[2].pid == 0)
		pool_stop_job(&run.jobs[2]);	/* not started yet, or dead: no effect */
	return INT64_MAX;
}

START_TEST(caller_stops_one_job)
{
	run.config.processes = 2;
	run.config.grace = _i == 0 ? 10 * NSEC_PER_SEC : 300 * MSEC;
	run.on_tick = stop_first;
	add("a", _i == 0 ? obey : ignore_term);
	add("b", nap_well);
	add("c", succeed);
	go();
	ck_assert_int_eq(run.end.why, POOL_GOES_ON);
	ck_assert_int_eq(run.jobs[0].stop, JOB_STOP_CALLER);
	ck_assert_int_eq(run.jobs[0].killed, _i == 1);
	if (_i == 0)
		ck_assert_str_eq(run.jobs[0].result, "stopped");
	ck_assert(is_well(&run.jobs[1]) && is_well(&run.jobs[2]));
	pool_stop_job(&run.jobs[0]);	/* nothing runs: no effect */
}
END_TEST

static int64_t
stop_whom_the_clock_stopped(void)
{
	if (run.jobs[0].stop == JOB_STOP_TIMEOUT)
		pool_stop_job(&run.jobs[0]);
	return INT64_MAX;
}

START_TEST(caller_stops_too_late)
{
	run.on_tick = stop_whom_the_clock_stopped;
	add("a", obey)->timeout = 100 * MSEC;
	go();
	ck_assert_int_eq(run.jobs[0].stop, JOB_STOP_TIMEOUT);
}
END_TEST

/* Jobs that wait for others. */

static volatile sig_atomic_t got_urg;

static void
on_urg(int sig)
{
	(void)sig;
	got_urg = 1;
}

/* Wants another one to be run, once there is the flag, and waits until it is told that there is something for it. */
static int
call_another(struct job *j, int fd)
{
	sigset_t none, urg;

	(void)j;
	mark();
	WAIT_FOR(shared->flags[0] != 0);
	sigemptyset(&urg);
	sigaddset(&urg, SIGURG);
	sigprocmask(SIG_BLOCK, &urg, &none);
	signal(SIGURG, on_urg);
	progress(fd, "call");
	while (got_urg == 0)
		sigsuspend(&none);
	return result(fd, "{}");
}

static int wanted;

static void
lend(struct job *j)
{
	pool_lend(j, true);
	pool_lend(j, true);	/* once more: no effect */
	run.lent++;
	wanted = 1;
}

static void
take_back(struct job *j)
{
	if (j != &run.jobs[1])
		return;
	pool_lend(&run.jobs[0], false);
	run.lent--;
	job_tell(&run.jobs[0]);
}

static struct job *
all_but_the_second(int64_t *when)
{
	(void)when;
	run.handed_out += run.handed_out == 1;
	return run.handed_out < run.n ? &run.jobs[run.handed_out++] : NULL;
}

static struct job *
second(int64_t *when)
{
	(void)when;
	if (wanted != 1)
		return NULL;
	wanted = 2;
	return &run.jobs[1];
}

static void
add_caller(void)
{
	run.config.processes = 1;
	run.on_next = all_but_the_second;
	run.on_wanted = second;
	run.on_progress = lend;
	run.on_finished = take_back;
	shared->flags[0] = 1;
	add("calls", call_another);
	add("called", succeed);
	add("last", succeed);
}

/* In one process: what somebody waits for comes first, and in its place. */
START_TEST(one_that_waits_lends_its_place)
{
	add_caller();
	go();
	ck_assert(is_well(&run.jobs[0]) && is_well(&run.jobs[1]) && is_well(&run.jobs[2]));
	ck_assert_int_eq(run.finished_as[1], 1);
	ck_assert_int_eq(run.finished_as[0], 2);
	ck_assert_int_eq(run.finished_as[2], 3);
	ck_assert_uint_eq(run.most_running, 2);
	ck_assert_uint_eq(pool_working(), 0);
	pool_lend(&run.jobs[0], true);	/* nothing runs: no effect */
	ck_assert(!run.jobs[0].lends);
}
END_TEST

static void
dies_with_its_place_lent(struct job *j)
{
	if (j == &run.jobs[0])
		run.lent--;
}

/* The place is one of those that are free, not one more. */
START_TEST(one_that_has_lent_its_place_and_dies)
{
	add_caller();
	run.on_finished = dies_with_its_place_lent;
	run.jobs[0].timeout = 300 * MSEC;
	go();
	ck_assert_int_eq(run.jobs[0].stop, JOB_STOP_TIMEOUT);
	ck_assert(is_well(&run.jobs[1]) && is_well(&run.jobs[2]));
}
END_TEST

static void
take_back_or_let_go(struct job *j)
{
	take_back(j);
	if (j == &run.jobs[2])
		shared->flags[0] = 1;
}

/* What may finish gets what it waits for, and nothing else is started. */
START_TEST(drain_with_one_that_waits)
{
	add_caller();
	run.config.processes = 2;
	run.config.policy = POOL_DRAIN;
	run.on_finished = take_back_or_let_go;
	shared->flags[0] = 0;
	functions[2] = fail_now;
	add("waits", succeed);
	go();
	ck_assert_int_eq(run.end.why, POOL_STOP_FAILURE);
	ck_assert(is_well(&run.jobs[0]) && is_well(&run.jobs[1]));
	ck_assert_int_eq(run.jobs[3].state, JOB_NEW);
}
END_TEST

static void
lend_and_break(struct job *j)
{
	lend(j);
	fork_failures = -1;
}

/* Nobody is left who would make room: then those that wait are stopped too. */
START_TEST(nothing_can_be_started_for_one_that_waits)
{
	make_haste(5);
	add_caller();
	run.on_progress = lend_and_break;
	run.on_finished = dies_with_its_place_lent;
	go();
	ck_assert_int_eq(run.end.why, POOL_STOP_BROKEN);
	ck_assert_int_eq(run.jobs[0].stop, JOB_STOP_POLICY);
	ck_assert_int_eq(run.jobs[1].state, JOB_NEW);
}
END_TEST

static int withdrawn;

static int64_t
withdraw(void)
{
	if (wanted == 2 && run.jobs[1].state == JOB_NEW && withdrawn == 0) {
		pool_withdraw(&run.jobs[2]);	/* another one: no effect */
		pool_withdraw(&run.jobs[1]);
		withdrawn = 1;
	} else if (withdrawn > 0 && withdrawn++ == 5) {
		ck_assert_int_eq(run.jobs[1].state, JOB_NEW);
		wanted = 1;
	}
	return clock_run() + 50 * MSEC;
}

static void
lend_and_fail_once(struct job *j)
{
	lend(j);
	fork_failures = 1;
}

START_TEST(one_that_is_withdrawn_is_not_started)
{
	add_caller();
	run.on_progress = lend_and_fail_once;
	run.on_tick = withdraw;
	run.n = 2;	/* without the last one */
	go();
	ck_assert_int_gt(withdrawn, 5);
	ck_assert(is_well(&run.jobs[0]) && is_well(&run.jobs[1]));
}
END_TEST

/* Fewer processes than before, and a job that could not be started: there is no room to try it again. */
static void
one_less(struct job *j)
{
	if (j == &run.jobs[0]) {
		fork_failures = 1;
		kill(getpid(), SIGUSR2);
	}
}

static int
nap_two_seconds(struct job *j, int fd)
{
	(void)j;
	doze(2 * NSEC_PER_SEC);
	return result(fd, "{}");
}

START_TEST(held_without_room)
{
	run.config.processes = 2;
	run.on_started = one_less;
	add("a", nap_two_seconds);
	add("b", succeed);
	go();
	ck_assert_int_eq(fork_failures, 0);
	ck_assert_str_eq(run.sizes, " 1");
	ck_assert(is_well(&run.jobs[0]) && is_well(&run.jobs[1]));
	ck_assert_int_ge(run.jobs[1].started_at, run.jobs[0].ended_at);
	ck_assert_uint_le(run.turns, 40);
}
END_TEST

/* The lock that they keep. */

static int
have_lock(struct job *j, int fd)
{
	int there = 0;

	(void)j;
	for (int i = 3; i < 64; i++)
		there += fcntl(i, F_GETFD) != -1;
	WAIT_FOR(shared->flags[own_index] != 0);
	return there == 2 ? result(fd, "{}") : 1;
}

static FILE *lock;

/* The same file, opened once more. */
static int
open_again(int fd)
{
	char path[64];
	int again_fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again_fd = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(again_fd, 3);
	return again_fd;
}

static bool
is_locked(void)
{
	int fd = open_again(fileno(lock));
	bool locked;

	locked = flock(fd, LOCK_EX | LOCK_NB) == -1;
	close(fd);
	return locked;
}

static void
let_go_of_lock(struct job *j)
{
	if (j != &run.jobs[1])
		return;
	shared->flags[0] = 1;
	ck_assert_int_eq(close(run.config.keep_fd), 0);
	run.config.keep_fd = -1;
}

static void
look_at_lock(struct job *j)
{
	if (j == &run.jobs[0])
		ck_assert(is_locked());
	shared->flags[1] = 1;
}

/* The first job runs beside the others, and the second one, if there is one for that, after it. */
static size_t nbeside = 1;

static struct job *
beside(void)
{
	if (run.handed_out >= nbeside || run.n == 0)
		return NULL;
	if (run.handed_out == 1 && run.finished_as[0] == 0)
		ck_abort_msg("two beside the others");
	run.jobs[run.handed_out].beside = true;
	run.lent++;
	return &run.jobs[run.handed_out++];
}

static void
beside_ended(struct job *j)
{
	if (j->beside)
		run.lent--;
}

static void
raise_flag(void)
{
	shared->flags[0] = 1;
}

static void
raise_signal(struct job *j)
{
	(void)j;
	kill(getpid(), SIGTERM);
}

static int
wait_to_be_alone(struct job *j, int fd)
{
	WAIT_FOR(shared->flags[0] != 0);
	return succeed(j, fd);
}

/* It neither takes the one place, nor is it stopped by what stops the others, nor do these wait for it. */
START_TEST(one_beside_the_others)
{
	run.config.processes = 1;
	run.config.policy = POOL_FAIL_FAST;
	run.on_beside = beside;
	run.on_finished = beside_ended;
	run.on_over = raise_flag;
	add("beside", wait_to_be_alone);
	add("a", succeed);
	add("b", _i == 0 ? succeed : fail_now);
	go();
	ck_assert(is_well(&run.jobs[0]) && is_well(&run.jobs[1]));
	ck_assert_int_eq(run.finished_as[1], 1);
	ck_assert_int_eq(run.finished_as[2], 2);
	ck_assert_int_eq(run.finished_as[0], 3);
	ck_assert_int_eq(run.end.why, _i == 0 ? POOL_GOES_ON : POOL_STOP_FAILURE);
}
END_TEST

/* When the others are over the first signal means it: it stops in order, and nothing more is asked for. */
START_TEST(a_signal_when_the_others_are_over)
{
	run.on_beside = beside;
	run.on_finished = beside_ended;
	run.on_progress = raise_signal;
	add("beside", obey);
	go();
	ck_assert_int_eq(run.jobs[0].stop, JOB_STOP_SIGNAL);
	ck_assert(!run.jobs[0].killed);
	ck_assert_str_eq(run.jobs[0].result, "stopped");
	ck_assert_int_eq(run.end.why, POOL_GOES_ON);
	ck_assert_int_eq(run.end.sig, SIGTERM);
}
END_TEST

/* One that cannot be started is over at once, and the next one has its turn. */
START_TEST(one_beside_that_cannot_be_started)
{
	struct rlimit before, none = {.rlim_cur = 3};

	getrlimit(RLIMIT_NOFILE, &before);
	none.rlim_max = before.rlim_max;
	setrlimit(RLIMIT_NOFILE, &none);
	run.on_beside = beside;
	run.on_finished = beside_ended;
	run.processes = run.config.processes;
	nbeside = 2;
	add("beside", succeed);
	add("beside too", succeed);
	pool_run(&run.config, &run.end);
	setrlimit(RLIMIT_NOFILE, &before);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(run.finished_as[i], i + 1);
		ck_assert_int_eq(run.jobs[i].state, JOB_NEW);
		ck_assert_str_eq(run.jobs[i].problem, strerror(EMFILE));
	}
}
END_TEST

START_TEST(children_keep_the_lock)
{
	lock = tmpfile();
	ck_assert_ptr_nonnull(lock);
	run.config.keep_fd = open_again(fileno(lock));
	ck_assert_int_eq(flock(run.config.keep_fd, LOCK_EX), 0);
	run.config.processes = 2;
	run.on_started = let_go_of_lock;
	run.on_finished = look_at_lock;
	add("a", have_lock);
	add("b", have_lock);
	go();
	ck_assert(is_well(&run.jobs[0]) && is_well(&run.jobs[1]));
	ck_assert(!is_locked());
	fclose(lock);
}
END_TEST

/* Ten thousand jobs cost nothing but their time. */

static struct job *waiting[8];
static size_t n_waiting, started, ended;
static size_t total = 10000;

static struct job *
trivial_next(void *data, int64_t *again_at)
{
	(void)data;
	(void)again_at;
	if (started == total)
		return NULL;
	started++;
	return waiting[--n_waiting];
}

static void
trivial_started(void *data, struct job *j)
{
	(void)data;
	(void)j;
}

static bool
trivial_finished(void *data, struct job *j)
{
	(void)data;
	ck_assert(j->reaped && j->status == 0 && j->problem == NULL && j->result_len == 2);
	ended++;
	job_release(j);
	job_init(j, "trivial", succeed, NULL);
	waiting[n_waiting++] = j;
	return false;
}

static void
trivial_stopping(void *data, enum pool_stop why, int sig)
{
	(void)data;
	ck_abort_msg("stopped: %d %d", (int)why, sig);
}

static int
count_descriptors(void)
{
	int n = 0;

	for (int i = 0; i < 1024; i++)
		n += fcntl(i, F_GETFD) != -1;
	return n;
}

START_TEST(many_jobs_leave_nothing)
{
	const struct pool_calls trivial = {
		.next = trivial_next, .started = trivial_started, .progress = job_progress, .finished = trivial_finished,
		.stopping = trivial_stopping,
	};
	struct pool_config config = {.processes = 8, .grace = NSEC_PER_SEC, .calls = &trivial};
	struct rusage before, after;
	struct mallinfo2 memory;
	size_t in_use[2], all;
	int descriptors;
	const char *preload = getenv("LD_PRELOAD");

	/* Where a fork is slow. */
	if (preload != NULL && strstr(preload, "vgpreload") != NULL)
		total = 400;
#if defined(__SANITIZE_ADDRESS__)
	total = 2000;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
	total = 2000;
#endif
#endif
	for (n_waiting = 0; n_waiting < 8; n_waiting++) {
		waiting[n_waiting] = malloc(sizeof(struct job));
		job_init(waiting[n_waiting], "trivial", succeed, NULL);
	}
	descriptors = count_descriptors();
	all = total;
	for (int i = 0; i < 2; i++) {
		total = i == 0 ? 200 : all;
		started = ended = 0;
		getrusage(RUSAGE_SELF, &before);
		pool_run(&config, &run.end);
		getrusage(RUSAGE_SELF, &after);
		ck_assert_uint_eq(ended, total);
		memory = mallinfo2();
		in_use[i] = memory.uordblks;
		ck_assert_int_eq(count_descriptors(), descriptors);
	}
	/* The allocator's own caches make a small difference; the least that a job could leak would be much more. */
	ck_assert_uint_lt(in_use[1], in_use[0] + total);
	/* Of this process alone, and ten times what an idle machine takes. */
	ck_assert_int_lt((cpu(&after) - cpu(&before)) / (int64_t)total, within(4 * MSEC));
}
END_TEST

static void
add_tests(TCase *t)
{
	tcase_add_loop_test(t, each_has_its_own_outcome, 0, 2);
	tcase_add_test(t, more_after_result_and_exit);
	tcase_add_test(t, big_result_arrives);
	tcase_add_test(t, nothing_to_run);
	tcase_add_loop_test(t, slots_are_used_and_never_shared, 1, 4);
	tcase_add_test(t, a_job_can_be_run_again);
	tcase_add_test(t, usage_is_of_the_tree);
	tcase_add_test(t, fail_fast);
	tcase_add_test(t, drain);
	tcase_add_test(t, let_finish);
	tcase_add_test(t, time_of_the_run);
	tcase_add_test(t, first_reason_stays);
	tcase_add_test(t, talkers_do_not_starve_others);
	tcase_add_test(t, words_that_take_their_time);
	tcase_add_test(t, log_lines_are_relayed);
	tcase_add_test(t, fork_fails_for_a_while);
	tcase_add_test(t, fork_fails_for_good);
	tcase_add_test(t, descriptors_run_out);
	tcase_add_loop_test(t, callbacks_give_up, 0, 3);
	tcase_add_test(t, gives_up_after_failure);
	tcase_add_test(t, ticks_come_in_time);
	tcase_add_loop_test(t, asks_again_in_time, 0, 2);
	tcase_add_loop_test(t, asked_again_at_once_does_not_spin, 0, 2);
	tcase_add_test(t, again_counts_only_without_a_job);
	tcase_add_test(t, time_of_the_run_while_nothing_runs);
	tcase_add_loop_test(t, callbacks_fail, 0, 3 * 5);
	tcase_add_loop_test(t, fails_without_a_job, 0, 2);
	tcase_add_test(t, fails_before_the_first_job);
	tcase_add_test(t, failure_is_obeyed_at_once);
	tcase_add_loop_test(t, caller_stops_one_job, 0, 2);
	tcase_add_test(t, caller_stops_too_late);
	tcase_add_test(t, one_that_waits_lends_its_place);
	tcase_add_test(t, one_that_has_lent_its_place_and_dies);
	tcase_add_test(t, drain_with_one_that_waits);
	tcase_add_test(t, nothing_can_be_started_for_one_that_waits);
	tcase_add_test(t, one_that_is_withdrawn_is_not_started);
	tcase_add_test(t, held_without_room);
	tcase_add_loop_test(t, one_beside_the_others, 0, 2);
	tcase_add_test(t, a_signal_when_the_others_are_over);
	tcase_add_test(t, one_beside_that_cannot_be_started);
	tcase_add_test(t, children_keep_the_lock);
	tcase_add_test(t, many_jobs_leave_nothing);
}

int
main(void)
{
	return run_suite("pool", add_tests, 60);
}
