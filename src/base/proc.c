#include "base/proc.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#define NAME_BYTES 15	/* TASK_COMM_LEN less its NUL */
#define FILE_BYTES ((size_t)4 * 1024 * 1024)	/* most that is read of a file in /proc: half a million children */
#define STOP_ROUNDS 8	/* looks at a tree that is being stopped, until a look finds nobody new */
#define STEP_MIN (NSEC_PER_MSEC / 4)	/* between two rounds of emptying a tree */
#define STEP_MAX (8 * NSEC_PER_MSEC)

/* A process for good: its id may be used again, but not with the same start. */
struct process {
	pid_t pid, parent;
	unsigned long long start;	/* clock ticks since boot */
	unsigned long long ticks;	/* of CPU time */
	char state;	/* R, S, D, Z, T, ... */
};

struct tree {
	struct process *list;	/* parents before their children */
	size_t n, cap;
};

void
pids_release(struct pids *p)
{
	free(p->list);
	*p = (struct pids)PIDS_INIT;
}

void
pids_add(struct pids *p, pid_t pid)
{
	p->list = xgrow(p->list, p->n, &p->cap, sizeof(*p->list));
	p->list[p->n++] = pid;
}

void
pids_remove(struct pids *p, pid_t pid)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->n; i++)
		if (p->list[i] != pid)
			p->list[kept++] = p->list[i];
	p->n = kept;
}

bool
pids_has(const struct pids *p, pid_t pid)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->list[i] == pid)
			return true;
	return false;
}

int
proc_adopt_orphans(void)
{
	return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

int
proc_die_with_parent(int sig, pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, sig, 0, 0, 0) == -1)
		return -1;
	/* The parent may have died before the call: then nothing will be sent any more. */
	if (getppid() != parent) {
		errno = ESRCH;
		return -1;
	}
	return 0;
}

void
proc_set_name(const char *name)
{
	char cut[NAME_BYTES + 1];
	size_t n = strnlen(name, NAME_BYTES + 1);

	if (n > NAME_BYTES) {
		n = NAME_BYTES;
		while (n > 0 && ((unsigned char)name[n] & 0xc0) == 0x80)
			n--;
	}
	memcpy(cut, name, n);
	cut[n] = '\0';
	prctl(PR_SET_NAME, cut, 0, 0, 0);
}

void
proc_hide_memory(void)
{
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

int
proc_children(pid_t pid, struct pids *out)
{
	struct buf text = BUF_INIT;
	struct dirent *entry;
	char path[64];
	size_t lists = 0;
	int fd, error = 0;
	DIR *threads;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)(pid != 0 ? pid : getpid()));
	threads = opendir(path);
	if (threads == NULL) {
		if (errno == ENOENT && pid != 0)
			errno = ESRCH;
		return -1;
	}
	/* Each thread has the children that it forked. */
	while ((entry = readdir(threads)) != NULL) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "%.20s/children", entry->d_name);
		fd = openat(dirfd(threads), path, O_RDONLY | O_CLOEXEC);
		if (fd == -1) {
			/* The thread has ended, and left its children to another one; or there are no such lists. */
			if (errno != ENOENT && errno != ESRCH)
				error = errno;
			continue;
		}
		buf_reset(&text);
		if (file_read_fd(fd, &text, FILE_BYTES) == 0) {
			char *at = text.data, *end;
			long child;

			while (at != NULL && (child = strtol(at, &end, 10)) > 0 && end != at) {
				pids_add(out, (pid_t)child);
				at = end;
			}
			lists++;
		}
		close(fd);
	}
	closedir(threads);
	buf_release(&text);
	if (error == 0 && lists == 0)
		error = pid == 0 ? ENOTSUP : ESRCH;
	if (error == 0)
		return 0;
	errno = error;
	return -1;
}

/* A descriptor of /proc/PID: it means this process and no later one of the same id. Returns -1 when there is none. */
static int
open_process(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Reads the state of the process behind a descriptor of open_process(). Returns -1 when it is gone. */
static int
read_process(int dir, pid_t pid, struct process *p)
{
	char text[1024], *at;
	int fd, parent;
	unsigned long long user, system;
	ssize_t n;

	fd = openat(dir, "stat", O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	at = strrchr(text, ')');	/* the name before it may hold anything, parentheses too */
	if (at == NULL || sscanf(at + 1, " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d %*d %llu",
	    &p->state, &parent, &user, &system, &p->start) != 5)
		return -1;
	p->ticks = user + system;
	p->pid = pid;
	p->parent = (pid_t)parent;
	return 0;
}

static int
find_process(pid_t pid, struct process *p)
{
	int dir = open_process(pid), r;

	if (dir == -1)
		return -1;
	r = read_process(dir, pid, p);
	close(dir);
	return r;
}

static void
signal_process(const struct process *p, int sig)
{
	struct process now;
	int dir = open_process(p->pid);

	if (dir == -1)
		return;
	if (read_process(dir, p->pid, &now) == 0 && now.start == p->start) {
		static bool no_pidfd;	/* Linux before 5.1, or a filter of system calls */

		if (!no_pidfd && pidfd_send_signal(dir, sig, NULL, 0) == -1 && errno == ENOSYS)
			no_pidfd = true;
		if (no_pidfd)
			kill(p->pid, sig);
	}
	close(dir);
}

static bool
tree_has(const struct tree *t, const struct process *p)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->list[i].pid == p->pid && t->list[i].start == p->start)
			return true;
	return false;
}

/*
 * Looks at everybody in the tree once and adds their children; a new one gets the signal at once, if there is one.
 * Returns whether there was any.
 */
static bool
tree_grow(struct tree *t, const struct pids *spare, int sig)
{
	struct pids children = PIDS_INIT;
	struct process p;
	bool grown = false;

	for (size_t i = 0; i < t->n; i++) {
		children.n = 0;
		/* Asked again afterwards: only then was it the same process whose children were read. */
		if (proc_children(t->list[i].pid, &children) == -1 || find_process(t->list[i].pid, &p) == -1 ||
		    p.start != t->list[i].start)
			continue;
		for (size_t c = 0; c < children.n; c++) {
			if (spare != NULL && pids_has(spare, children.list[c]))
				continue;
			if (find_process(children.list[c], &p) == -1 || p.parent != t->list[i].pid || tree_has(t, &p))
				continue;
			t->list = xgrow(t->list, t->n, &t->cap, sizeof(*t->list));
			t->list[t->n++] = p;
			grown = true;
			if (sig != 0)
				signal_process(&p, sig);
		}
	}
	pids_release(&children);
	return grown;
}

void
proc_signal_below(pid_t pid, int sig, const struct pids *spare)
{
	struct tree t = {NULL, 0, 0};
	struct process root;

	if (find_process(pid, &root) == -1)
		return;
	t.list = xgrow(t.list, t.n, &t.cap, sizeof(*t.list));
	t.list[t.n++] = root;
	if (sig == SIGSTOP) {
		/*
		 * A stop takes a moment to arrive in all threads: whoever was forked in it is found by the next
		 * look.
		 */
		for (int rounds = 0; tree_grow(&t, spare, SIGSTOP) && rounds < STOP_ROUNDS; rounds++)
			;
	} else {
		tree_grow(&t, spare, 0);
		for (size_t i = t.n - 1; i > 0; i--)
			signal_process(&t.list[i], sig);
	}
	free(t.list);
}

size_t
proc_kill_children(const struct pids *spare)
{
	struct pids children = PIDS_INIT;
	size_t found = 0;

	/* Where there is no descriptor or memory to look with, it is not known that there is nobody. */
	if (proc_children(0, &children) == -1 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
		found++;
	for (size_t i = 0; i < children.n; i++) {
		if (spare != NULL && pids_has(spare, children.list[i]))
			continue;
		kill(children.list[i], SIGKILL);
		found++;
	}
	pids_release(&children);
	return found;
}

/* Reaps those children that are dead already, one by one: those in spare are somebody else's to reap. */
static void
reap_children(const struct pids *spare, struct rusage *sum)
{
	struct pids children = PIDS_INIT;
	struct rusage usage;

	proc_children(0, &children);
	for (size_t i = 0; i < children.n; i++) {
		if (spare != NULL && pids_has(spare, children.list[i]))
			continue;
		if (wait4(children.list[i], NULL, WNOHANG, &usage) > 0 && sum != NULL)
			proc_add_usage(sum, &usage);
	}
	pids_release(&children);
}

/* Whether there are children at all: the usual answer, no, takes neither a descriptor nor a look at /proc. */
static bool
has_children(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

size_t
proc_empty_tree(const struct pids *spare, long long grace_ns, long long most_ns, struct rusage *usage)
{
	const int64_t start = clock_run();
	int64_t step = STEP_MIN;
	size_t left;

	for (;;) {
		left = has_children() ? 1 : 0;
		if (left > 0 && clock_run() - start >= grace_ns)
			left = proc_kill_children(spare);
		if (left == 0 || clock_run() - start >= most_ns)
			break;
		nanosleep(&(struct timespec){.tv_nsec = step}, NULL);
		reap_children(spare, usage);
		if (step < STEP_MAX)
			step *= 2;
	}
	return left;
}

void
proc_add_usage(struct rusage *sum, const struct rusage *more)
{
	timeradd(&sum->ru_utime, &more->ru_utime, &sum->ru_utime);
	timeradd(&sum->ru_stime, &more->ru_stime, &sum->ru_stime);
	if (more->ru_maxrss > sum->ru_maxrss)
		sum->ru_maxrss = more->ru_maxrss;
	sum->ru_minflt += more->ru_minflt;
	sum->ru_majflt += more->ru_majflt;
	sum->ru_inblock += more->ru_inblock;
	sum->ru_oublock += more->ru_oublock;
	sum->ru_nvcsw += more->ru_nvcsw;
	sum->ru_nivcsw += more->ru_nivcsw;
}

unsigned
proc_cgroup_cpus(const char *root, const char *path)
{
	struct buf file = BUF_INIT, text = BUF_INIT;
	unsigned least = UINT_MAX;
	size_t n = strlen(path);

	for (;;) {
		long long quota, period;

		buf_reset(&file);
		buf_reset(&text);
		buf_addf(&file, "%s%.*s/cpu.max", root, (int)n, path);
		/* "max 100000", or both numbers in microseconds */
		if (file_read(file.data, &text, FILE_BYTES) == 0 &&
		    sscanf(buf_str(&text), "%lld %lld", &quota, &period) == 2 && quota > 0 && period > 0) {
			long long cpus = quota / period + (quota % period != 0);

			if (cpus < least)
				least = (unsigned)cpus;
		}
		while (n > 0 && path[n - 1] != '/')
			n--;
		if (n == 0)
			break;
		n--;	/* the slash: what is left is the parent, "" for the root */
	}
	buf_release(&file);
	buf_release(&text);
	return least;
}

static unsigned
affinity_cpus(void)
{
	/* The kernel wants room for as many CPUs as it was built for, which nobody tells. */
	for (size_t most = 1024; most <= 1024 * 1024; most *= 2) {
		size_t size = CPU_ALLOC_SIZE(most);
		cpu_set_t *set = xcalloc(1, size);
		int n = sched_getaffinity(0, size, set) == 0 ? CPU_COUNT_S(size, set) : 0;

		free(set);
		if (n > 0)
			return (unsigned)n;
	}
	return 1;
}

unsigned
proc_cpus(void)
{
	struct buf text = BUF_INIT;
	unsigned cpus = affinity_cpus();
	char *at;

	if (file_read("/proc/self/cgroup", &text, FILE_BYTES) == 0) {
		/* The line of version 2 is "0::/path"; the others belong to version 1. */
		for (char *line = text.data; line != NULL; line = at) {
			unsigned quota;

			at = strchr(line, '\n');
			if (at != NULL)
				*at++ = '\0';
			if (strncmp(line, "0::/", 4) != 0)
				continue;
			quota = proc_cgroup_cpus("/sys/fs/cgroup", line + 3);
			if (quota < cpus)
				cpus = quota;
		}
	}
	buf_release(&text);
	return cpus;
}

const char *
proc_signal_name(int sig)
{
	static char name[32];
	const char *abbreviation = sigabbrev_np(sig);

	if (abbreviation != NULL)
		snprintf(name, sizeof(name), "SIG%s", abbreviation);
	else
		snprintf(name, sizeof(name), "signal %d", sig);
	return name;
}

int
proc_activity(pid_t pid, unsigned long long *ticks, bool *running)
{
	struct process p;

	if (find_process(pid, &p) == -1)
		return -1;
	*ticks = p.ticks;
	*running = p.state == 'R' || p.state == 'D';
	return 0;
}
