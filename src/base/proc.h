/*
 * Processes and process trees: all that only Linux has stands behind this header.
 */
#ifndef NBFORK_BASE_PROC_H
#define NBFORK_BASE_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct rusage;

/* A list of process ids, in the order in which they were added. */
struct pids {
	pid_t *list;
	size_t n, cap;
};

#define PIDS_INIT {NULL, 0, 0}

void pids_release(struct pids *p);	/* frees the list; p is as after PIDS_INIT */
void pids_add(struct pids *p, pid_t pid);
void pids_remove(struct pids *p, pid_t pid);	/* does nothing when it is not there */
bool pids_has(const struct pids *p, pid_t pid);

/*
 * From now on, a descendant of this process whose parent dies becomes this process's child
 * (PR_SET_CHILD_SUBREAPER): setsid and a double fork do not lead out of the tree. Returns 0, or -1 with errno.
 */
int proc_adopt_orphans(void);

/*
 * In a child: have the signal sent to it when the thread that forked it ends (PR_SET_PDEATHSIG). parent is
 * what getpid() said in the parent before the fork. Returns -1 when the parent is gone already.
 */
int proc_die_with_parent(int sig, pid_t parent);

/* The name that ps -o comm, top and killall see: at most 15 bytes, the rest is cut at a whole character. */
void proc_set_name(const char *name);

/*
 * No core file and no memory image of this process for anybody, because it holds secrets
 * (PR_SET_DUMPABLE). A fork inherits it, an exec ends it.
 */
void proc_hide_memory(void);

/*
 * Appends the children of pid (0: of this process), zombies too. Returns 0, or -1 with errno: ESRCH when the
 * process is gone, ENOENT without /proc, ENOTSUP when its kernel does not list children, EMFILE and the like
 * (some may have been added then). The kernel makes the list as it is read: where children end meanwhile others
 * may be missed, but of a process with one
 * thread an empty list is always true (proc(5), "children").
 */
int proc_children(pid_t pid, struct pids *out);

/*
 * Sends the signal to all that stands below pid, not to pid itself, and not to those in spare (may be
 * NULL) and what stands below them. For SIGSTOP parents come first, so that nobody can fork behind the
 * signal's back; for all others children first. An id that meanwhile means another process is not used.
 */
void proc_signal_below(pid_t pid, int sig, const struct pids *spare);

/*
 * One round of emptying the tree below this process: every child that is not in spare (may be NULL) is
 * killed with SIGKILL; what stood below it becomes a child for the next round. Only children are killed,
 * because the id of a child cannot be used again before this process has reaped it. Returns how many
 * children were found that were not in spare, zombies too; 0 means that the tree is empty. Without /proc it
 * finds nothing; where it cannot look for want of descriptors or memory it counts one more.
 */
size_t proc_kill_children(const struct pids *spare);

/*
 * Keeps reaping children that are not in spare, and once grace_ns is over killing them, until there are none or the
 * time most_ns is over too (both in nanoseconds from now). Their resource usage is added to *usage (may be NULL): times
 * summed, ru_maxrss the largest. Waits in steps of a few milliseconds. Returns how many are left.
 */
size_t proc_empty_tree(const struct pids *spare, long long grace_ns, long long most_ns, struct rusage *usage);

/*
 * What a process is at: the CPU time that it has used so far, in clock ticks, and whether its first thread runs or is
 * ready to (or sits in an uninterruptible wait). Returns 0, or -1 when there is no such process.
 */
int proc_activity(pid_t pid, unsigned long long *ticks, bool *running);

/* Adds one usage to another: times and counts summed, ru_maxrss the larger one. */
void proc_add_usage(struct rusage *sum, const struct rusage *more);

/*
 * The number of CPUs this process may run on: its affinity, and a CPU quota of its cgroup (v2) rounded up; at
 * least 1.
 */
unsigned proc_cpus(void);

/*
 * The CPU quota, rounded up, of the cgroup at path (absolute, as in /proc/self/cgroup) under root, where the
 * version 2 hierarchy is mounted: the smallest of its own and its parents'. UINT_MAX for none.
 */
unsigned proc_cgroup_cpus(const char *root, const char *path);

/*
 * The name of a signal, such as "SIGKILL"; "signal 64" for one that has none. Static memory, valid until the next
 * call.
 */
const char *proc_signal_name(int sig);

#endif
