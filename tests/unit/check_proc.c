#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/proc.h"

/* Waits for something that other processes bring about; a test that fails here has waited for 10 s. */
#define EVENTUALLY(condition)						\
	do {								\
		int64_t until_ = clock_run() + 10 * NSEC_PER_SEC;	\
									\
		while (!(condition) && clock_run() < until_)		\
			usleep(1000);					\
		ck_assert(condition);					\
	} while (0)

/* What the processes of a test tell each other. */
static struct {
	volatile pid_t pids[8];
	volatile int n;
} *shared;

/* To whom signals went through the function below, in that order. */
static struct pids sent;
static bool no_pidfd;

/* Takes the place of the C library's. */
int
pidfd_send_signal(int fd, int sig, siginfo_t *info, unsigned flags)
{
	char link[64], path[64];
	ssize_t n;
	int pid;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	ck_assert_int_gt(n, 0);
	path[n] = '\0';
	ck_assert_int_eq(sscanf(path, "/proc/%d", &pid), 1);
	pids_add(&sent, pid);
	if (no_pidfd) {
		errno = ENOSYS;
		return -1;
	}
	if (syscall(SYS_pidfd_send_signal, fd, sig, info, flags) == 0)
		return 0;
	return errno == ENOSYS ? kill(pid, sig) : -1;	/* valgrind does not have it */
}

static void
setup(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(shared, MAP_FAILED);
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

/* A child that sleeps; in it index is where it writes its id. */
static pid_t
sleeper(int index)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		shared->pids[index] = getpid();
		sleep_on();
	}
	return pid;
}

/* The state letter of /proc/PID/stat; 0 when there is no such process. */
static char
state(pid_t pid)
{
	char path[64], text[512], *at;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY);
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

static bool
lives(pid_t pid)
{
	return state(pid) != 0 && state(pid) != 'Z';
}

static void
end(pid_t pid)
{
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

START_TEST(lists)
{
	struct pids p = PIDS_INIT;

	ck_assert(!pids_has(&p, 1));
	pids_remove(&p, 1);
	for (pid_t i = 1; i <= 100; i++)
		pids_add(&p, i);
	pids_add(&p, 50);
	ck_assert_uint_eq(p.n, 101);
	ck_assert(pids_has(&p, 1) && pids_has(&p, 100) && !pids_has(&p, 101));
	pids_remove(&p, 50);
	ck_assert_uint_eq(p.n, 99);
	ck_assert(!pids_has(&p, 50) && pids_has(&p, 51));
	ck_assert_int_eq(p.list[48], 49);
	ck_assert_int_eq(p.list[49], 51);
	pids_release(&p);
	ck_assert_ptr_null(p.list);
	ck_assert_uint_eq(p.n, 0);
	pids_release(&p);
}
END_TEST

static const struct {
	const char *name, *seen;
} names[] = {
	{"short", "short"},
	{"123456789012345", "123456789012345"},
	{"1234567890123456", "123456789012345"},
	{"nb:12345678901\xc3\xa9", "nb:12345678901"},	/* the character would be cut in two */
	{"nb:1234567890\xc3\xa9", "nb:1234567890\xc3\xa9"},
	{"nb:1234567890\xc3\xa9x", "nb:1234567890\xc3\xa9"},
	{"nb:12345678901\xf0\x9f\x98\x80", "nb:12345678901"},
	{"", ""},
};

START_TEST(name)
{
	char seen[16];

	proc_set_name(names[_i].name);
	ck_assert_int_eq(prctl(PR_GET_NAME, seen), 0);
	ck_assert_str_eq(seen, names[_i].seen);
}
END_TEST

START_TEST(memory_is_hidden)
{
	struct pids children = PIDS_INIT;
	pid_t pid;

	proc_hide_memory();
	ck_assert_int_eq(prctl(PR_GET_DUMPABLE), 0);
	/* and its children are found all the same */
	pid = sleeper(0);
	ck_assert_int_eq(proc_children(0, &children), 0);
	ck_assert(pids_has(&children, pid));
	pids_release(&children);
	end(pid);
}
END_TEST

START_TEST(children)
{
	struct pids found = PIDS_INIT;
	pid_t one, two;

	ck_assert_int_eq(proc_children(0, &found), 0);
	ck_assert_uint_eq(found.n, 0);
	one = sleeper(0);
	two = fork();
	ck_assert_int_ge(two, 0);
	if (two == 0) {
		sleeper(1);
		sleep_on();
	}
	EVENTUALLY(shared->pids[0] != 0 && shared->pids[1] != 0);
	ck_assert_int_eq(proc_children(0, &found), 0);
	ck_assert_uint_eq(found.n, 2);
	ck_assert(pids_has(&found, one) && pids_has(&found, two));
	ck_assert_int_eq(proc_children(two, &found), 0);	/* appends */
	ck_assert_uint_eq(found.n, 3);
	ck_assert_int_eq(found.list[2], shared->pids[1]);

	kill(one, SIGKILL);
	EVENTUALLY(state(one) == 'Z');
	found.n = 0;
	ck_assert_int_eq(proc_children(0, &found), 0);
	ck_assert(pids_has(&found, one));	/* a zombie is a child still */
	ck_assert_int_eq(proc_children(one, &found), 0);
	ck_assert_uint_eq(found.n, 2);
	end(one);
	errno = 0;
	ck_assert_int_eq(proc_children(one, &found), -1);
	ck_assert_int_eq(errno, ESRCH);
	kill(shared->pids[1], SIGKILL);
	end(two);
	pids_release(&found);
}
END_TEST

static void *
fork_and_stay(void *data)
{
	sleeper(0);
	sleep_on();
	return data;
}

START_TEST(children_of_other_threads)
{
	struct pids found = PIDS_INIT;
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, fork_and_stay, NULL), 0);
	EVENTUALLY(shared->pids[0] != 0);
	ck_assert_int_eq(proc_children(0, &found), 0);
	ck_assert_uint_eq(found.n, 1);
	ck_assert_int_eq(found.list[0], shared->pids[0]);
	pids_release(&found);
	end(shared->pids[0]);
	pthread_cancel(thread);
	pthread_join(thread, NULL);
}
END_TEST

START_TEST(orphans_come_here)
{
	struct pids found = PIDS_INIT;
	pid_t middle;

	ck_assert_int_eq(proc_adopt_orphans(), 0);
	middle = fork();
	ck_assert_int_ge(middle, 0);
	if (middle == 0) {
		setsid();
		sleeper(0);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(middle, NULL, 0), middle);
	EVENTUALLY(shared->pids[0] != 0);
	ck_assert_int_eq(proc_children(0, &found), 0);
	ck_assert_uint_eq(found.n, 1);
	ck_assert_int_eq(found.list[0], shared->pids[0]);
	pids_release(&found);
	end(shared->pids[0]);
}
END_TEST

START_TEST(dies_with_parent)
{
	int status;
	pid_t parent;

	ck_assert_int_eq(proc_adopt_orphans(), 0);
	parent = fork();
	ck_assert_int_ge(parent, 0);
	if (parent == 0) {
		pid_t self = getpid();

		if (fork() == 0) {
			shared->n = proc_die_with_parent(SIGUSR1, self);
			shared->pids[0] = getpid();
			sleep_on();
		}
		sleep_on();
	}
	EVENTUALLY(shared->pids[0] != 0);
	ck_assert_int_eq(shared->n, 0);
	ck_assert_int_eq(kill(shared->pids[0], 0), 0);
	end(parent);
	ck_assert_int_eq(waitpid(shared->pids[0], &status, 0), shared->pids[0]);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
}
END_TEST

START_TEST(parent_dead_already)
{
	int status;
	pid_t parent;

	ck_assert_int_eq(proc_adopt_orphans(), 0);
	parent = fork();
	ck_assert_int_ge(parent, 0);
	if (parent == 0) {
		pid_t self = getpid();

		if (fork() == 0) {
			shared->pids[0] = getpid();
			while (getppid() == self)
				usleep(1000);
			_exit(proc_die_with_parent(SIGUSR1, self) == -1 && errno == ESRCH ? 42 : 0);
		}
		_exit(0);
	}
	ck_assert_int_eq(waitpid(parent, NULL, 0), parent);
	EVENTUALLY(shared->pids[0] != 0);
	ck_assert_int_eq(waitpid(shared->pids[0], &status, 0), shared->pids[0]);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}
END_TEST

/* The child 0 with a child 1 that has a child 2, and beside it a child 3 of 0, in a session of its own. */
static pid_t
family(void)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		signal(SIGTERM, SIG_DFL);	/* Check has a handler for it, which kills all of the test */
		if (fork() == 0) {
			if (fork() == 0) {
				shared->pids[2] = getpid();
				sleep_on();
			}
			shared->pids[1] = getpid();
			sleep_on();
		}
		if (fork() == 0) {
			setsid();
			shared->pids[3] = getpid();
			sleep_on();
		}
		shared->pids[0] = getpid();
		sleep_on();
	}
	EVENTUALLY(shared->pids[0] != 0 && shared->pids[1] != 0 && shared->pids[2] != 0 && shared->pids[3] != 0);
	return pid;
}

START_TEST(signals_below)
{
	pid_t top = family();

	no_pidfd = _i == 1;
	/* Not to the process itself, nor to what is spared and below it. */
	proc_signal_below(top, SIGTERM, &(struct pids){(pid_t[]){shared->pids[1]}, 1, 1});
	EVENTUALLY(state(shared->pids[3]) == 'Z');
	proc_signal_below(top, SIGTERM, NULL);
	EVENTUALLY(state(shared->pids[1]) == 'Z');
	ck_assert(lives(top));
	proc_signal_below(getpid(), SIGTERM, NULL);
	EVENTUALLY(state(top) == 'Z');
	ck_assert_int_eq(waitpid(top, NULL, 0), top);
	proc_signal_below(top, SIGKILL, NULL);	/* gone: nothing to do */
}
END_TEST

START_TEST(signals_children_first_but_stops_parents_first)
{
	pid_t top = family();

	proc_signal_below(getpid(), SIGCONT, NULL);
	ck_assert_uint_eq(sent.n, 4);
	ck_assert_int_eq(sent.list[0], shared->pids[2]);
	ck_assert(sent.list[1] == shared->pids[1] || sent.list[2] == shared->pids[1]);
	ck_assert(sent.list[1] == shared->pids[3] || sent.list[2] == shared->pids[3]);
	ck_assert_int_eq(sent.list[3], top);
	sent.n = 0;
	proc_signal_below(getpid(), SIGSTOP, NULL);
	ck_assert_uint_eq(sent.n, 4);
	ck_assert_int_eq(sent.list[0], top);
	ck_assert_int_eq(sent.list[3], shared->pids[2]);
	proc_signal_below(top, SIGKILL, NULL);
	end(top);
}
END_TEST

START_TEST(stops_and_continues_below)
{
	pid_t top = family();

	proc_signal_below(getpid(), SIGSTOP, NULL);
	for (int i = 0; i < 4; i++)
		EVENTUALLY(state(shared->pids[i]) == 'T');
	proc_signal_below(top, SIGCONT, NULL);
	for (int i = 1; i < 4; i++)
		EVENTUALLY(state(shared->pids[i]) == 'S');
	ck_assert_int_eq(state(top), 'T');
	proc_signal_below(top, SIGKILL, NULL);
	end(top);
}
END_TEST

/* A tree that goes on forking while it is being stopped: afterwards nobody in it runs. */
START_TEST(stops_those_who_fork)
{
	pid_t top = fork();
	int before;

	ck_assert_int_ge(top, 0);
	if (top == 0) {
		signal(SIGCHLD, SIG_IGN);
		for (int i = 0; i < 3; i++)
			if (fork() == 0)
				break;
		for (;;)
			if (fork() == 0) {
				__atomic_add_fetch(&shared->n, 1, __ATOMIC_RELAXED);
				usleep(500);
				_exit(0);
			} else {
				usleep(500);
			}
	}
	EVENTUALLY(shared->n > 20);
	proc_signal_below(getpid(), SIGSTOP, NULL);
	EVENTUALLY(state(top) == 'T');
	usleep(20 * 1000);
	before = shared->n;
	usleep(50 * 1000);
	ck_assert_int_eq(shared->n, before);
	proc_adopt_orphans();
	proc_signal_below(getpid(), SIGKILL, NULL);
	ck_assert_uint_eq(proc_empty_tree(NULL, 0, 10 * NSEC_PER_SEC, NULL), 0);
}
END_TEST

/* What ends by itself in that time has done what it had to. */
START_TEST(gives_a_grace)
{
	proc_adopt_orphans();
	if (fork() == 0) {
		if (fork() != 0)
			_exit(0);
		usleep(200 * 1000);
		shared->n = 77;
		_exit(0);
	}
	ck_assert_uint_eq(proc_empty_tree(NULL, 60 * NSEC_PER_SEC, 60 * NSEC_PER_SEC, NULL), 0);
	ck_assert_int_eq(shared->n, 77);
	if (fork() == 0)
		sleep_on();
	ck_assert_uint_eq(proc_empty_tree(NULL, NSEC_PER_SEC / 10, 60 * NSEC_PER_SEC, NULL), 0);
}
END_TEST

START_TEST(kills_children_in_rounds)
{
	pid_t spared = sleeper(4);
	struct pids spare = PIDS_INIT;
	pid_t top;

	ck_assert_int_eq(proc_adopt_orphans(), 0);
	ck_assert_uint_eq(proc_kill_children(&(struct pids){(pid_t[]){spared}, 1, 1}), 0);
	top = family();
	pids_add(&spare, spared);
	ck_assert_uint_eq(proc_kill_children(&spare), 1);
	/* The zombie and its two former children; the grandchild's turn comes when its own parent is dead. */
	EVENTUALLY(state(top) == 'Z');
	ck_assert_uint_eq(proc_kill_children(&spare), 3);
	ck_assert_int_eq(waitpid(top, NULL, 0), top);
	EVENTUALLY(state(shared->pids[1]) == 'Z' && state(shared->pids[3]) == 'Z');
	ck_assert_uint_eq(proc_kill_children(&spare), 3);
	for (int i = 1; i < 4; i++)
		ck_assert_int_eq(waitpid(shared->pids[i], NULL, 0), shared->pids[i]);
	ck_assert_uint_eq(proc_kill_children(&spare), 0);
	ck_assert(lives(spared));
	ck_assert_uint_eq(proc_kill_children(NULL), 1);
	ck_assert_int_eq(waitpid(spared, NULL, 0), spared);
	pids_release(&spare);
}
END_TEST

static void
burn(int64_t ns)
{
	struct timespec now;

	do
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	while (now.tv_sec * NSEC_PER_SEC + now.tv_nsec < ns);
}

/* Not to see anybody for want of descriptors does not mean that there is nobody. */
START_TEST(children_not_seen)
{
	struct rlimit limit, tight;
	struct pids found = PIDS_INIT;
	pid_t one = sleeper(0);
	int lowest = open("/dev/null", O_RDONLY);

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_ge(lowest, 0);
	close(lowest);
	for (int room = 0; room < 2; room++) {	/* for the folder of /proc, and for the list in it */
		size_t counted;
		int r, error;

		tight = limit;
		tight.rlim_cur = (rlim_t)(lowest + room);
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &tight), 0);
		errno = 0;
		r = proc_children(0, &found);
		error = errno;
		counted = proc_kill_children(NULL);
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
		ck_assert_int_eq(r, -1);
		ck_assert_int_eq(error, EMFILE);
		ck_assert_uint_eq(counted, 1);
	}
	ck_assert(lives(one));
	end(one);
	pids_release(&found);
}
END_TEST

START_TEST(empties_a_tree)
{
	struct pids spare = PIDS_INIT;
	struct rusage usage = {.ru_maxrss = 0};
	pid_t spared = sleeper(4), top;

	ck_assert_int_eq(proc_adopt_orphans(), 0);
	top = family();
	/* A daemon, who ignores what can be ignored and has used some time. */
	if (fork() == 0) {
		for (int i = 1; i < NSIG; i++)
			signal(i, SIG_IGN);
		setsid();
		if (fork() != 0)
			_exit(0);
		burn(NSEC_PER_SEC / 10);
		shared->pids[5] = getpid();
		sleep_on();
	}
	EVENTUALLY(shared->pids[5] != 0);
	pids_add(&spare, spared);
	ck_assert_uint_eq(proc_empty_tree(&spare, 0, 10 * NSEC_PER_SEC, &usage), 0);
	for (int i = 0; i < 6; i++)
		ck_assert(i == 4 ? lives(shared->pids[i]) : state(shared->pids[i]) == 0);
	ck_assert_int_eq(state(top), 0);
	ck_assert_int_ge(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec + 1000000 * usage.ru_utime.tv_sec, 90000);
	ck_assert_int_gt(usage.ru_maxrss, 0);

	/* With no time it does one round, and says what it has found. */
	ck_assert_uint_eq(proc_empty_tree(NULL, 0, 0, NULL), 1);
	ck_assert_uint_eq(proc_empty_tree(NULL, 0, 10 * NSEC_PER_SEC, NULL), 0);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
	pids_release(&spare);
}
END_TEST

START_TEST(activity)
{
	unsigned long long ticks, later;
	bool running;
	pid_t busy = fork(), idle = sleeper(0);

	ck_assert_int_ge(busy, 0);
	if (busy == 0) {
		burn(20 * NSEC_PER_SEC);
		_exit(0);
	}
	ck_assert_int_eq(proc_activity(busy, &ticks, &running), 0);
	EVENTUALLY(proc_activity(busy, &later, &running) == 0 && running && later > ticks);
	EVENTUALLY(proc_activity(idle, &ticks, &running) == 0 && !running);
	usleep(50 * 1000);
	ck_assert_int_eq(proc_activity(idle, &later, &running), 0);
	ck_assert(later == ticks && !running);
	end(busy);
	end(idle);
	ck_assert_int_eq(proc_activity(idle, &ticks, &running), -1);
}
END_TEST

START_TEST(sums_usage)
{
	struct rusage sum = {{1, 600000}, {0, 999999}, .ru_maxrss = 10, .ru_minflt = 1, .ru_nvcsw = 2};
	struct rusage more = {{2, 500000}, {0, 1}, .ru_maxrss = 20, .ru_minflt = 3, .ru_nvcsw = 4};

	proc_add_usage(&sum, &more);
	ck_assert_int_eq(sum.ru_utime.tv_sec, 4);
	ck_assert_int_eq(sum.ru_utime.tv_usec, 100000);
	ck_assert_int_eq(sum.ru_stime.tv_sec, 1);
	ck_assert_int_eq(sum.ru_stime.tv_usec, 0);
	ck_assert_int_eq(sum.ru_maxrss, 20);
	ck_assert_int_eq(sum.ru_minflt, 4);
	ck_assert_int_eq(sum.ru_nvcsw, 6);
	more.ru_maxrss = 5;
	proc_add_usage(&sum, &more);
	ck_assert_int_eq(sum.ru_maxrss, 20);
}
END_TEST

static void
write_file(const char *folder, const char *below, const char *text)
{
	char *path = file_join(folder, below);

	ck_assert_int_eq(file_replace(path, text, strlen(text)), 0);
	free(path);
}

START_TEST(cpu_quota)
{
	char root[] = "/tmp/check_proc.XXXXXX", *below;

	ck_assert_ptr_nonnull(mkdtemp(root));
	below = file_join(root, "a/b");
	ck_assert_int_eq(file_mkdirs(below), 0);
	ck_assert_uint_eq(proc_cgroup_cpus(root, "/a/b"), UINT_MAX);	/* no such files */
	write_file(root, "a/b/cpu.max", "max 100000\n");
	ck_assert_uint_eq(proc_cgroup_cpus(root, "/a/b"), UINT_MAX);
	write_file(root, "a/cpu.max", "250000 100000\n");
	ck_assert_uint_eq(proc_cgroup_cpus(root, "/a/b"), 3);
	write_file(root, "a/b/cpu.max", "400000 100000\n");
	ck_assert_uint_eq(proc_cgroup_cpus(root, "/a/b"), 3);
	ck_assert_uint_eq(proc_cgroup_cpus(root, "/"), UINT_MAX);
	write_file(root, "cpu.max", "1000 100000\n");	/* a hundredth of one */
	ck_assert_uint_eq(proc_cgroup_cpus(root, "/a/b"), 1);
	ck_assert_uint_eq(proc_cgroup_cpus(root, "/"), 1);
	write_file(root, "cpu.max", "200000 100000\n");
	ck_assert_uint_eq(proc_cgroup_cpus(root, "/"), 2);
	ck_assert_uint_eq(proc_cgroup_cpus(root, "/gone/b"), 2);
	write_file(root, "cpu.max", "rubbish\n");
	ck_assert_uint_eq(proc_cgroup_cpus(root, "/"), UINT_MAX);
	write_file(root, "cpu.max", "100000 0\n");
	ck_assert_uint_eq(proc_cgroup_cpus(root, "/"), UINT_MAX);
	ck_assert_int_eq(file_remove_tree(root), 0);
	free(below);
}
END_TEST

START_TEST(cpus)
{
	cpu_set_t all, one;
	unsigned cpu = 0;

	ck_assert_uint_ge(proc_cpus(), 1);
	ck_assert_int_eq(sched_getaffinity(0, sizeof(all), &all), 0);
	ck_assert_uint_le(proc_cpus(), (unsigned)CPU_COUNT(&all));
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	ck_assert_int_eq(sched_setaffinity(0, sizeof(one), &one), 0);
	ck_assert_uint_eq(proc_cpus(), 1);
}
END_TEST

START_TEST(signal_names)
{
	ck_assert_str_eq(proc_signal_name(SIGKILL), "SIGKILL");
	ck_assert_str_eq(proc_signal_name(SIGINT), "SIGINT");
	ck_assert_str_eq(proc_signal_name(64), "signal 64");
	ck_assert_str_eq(proc_signal_name(0), "signal 0");
	ck_assert_str_eq(proc_signal_name(-1), "signal -1");
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("proc");
	TCase *t = tcase_create("proc");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, lists);
	tcase_add_loop_test(t, name, 0, sizeof(names) / sizeof(names[0]));
	tcase_add_test(t, memory_is_hidden);
	tcase_add_test(t, children);
	tcase_add_test(t, children_of_other_threads);
	tcase_add_test(t, orphans_come_here);
	tcase_add_test(t, dies_with_parent);
	tcase_add_test(t, parent_dead_already);
	tcase_add_loop_test(t, signals_below, 0, 2);
	tcase_add_test(t, signals_children_first_but_stops_parents_first);
	tcase_add_test(t, stops_and_continues_below);
	tcase_add_test(t, stops_those_who_fork);
	tcase_add_test(t, gives_a_grace);
	tcase_add_test(t, kills_children_in_rounds);
	tcase_add_test(t, children_not_seen);
	tcase_add_test(t, empties_a_tree);
	tcase_add_test(t, activity);
	tcase_add_test(t, sums_usage);
	tcase_add_test(t, cpu_quota);
	tcase_add_test(t, cpus);
	tcase_add_test(t, signal_names);
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
