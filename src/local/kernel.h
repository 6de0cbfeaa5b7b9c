/*
 * A kernel's process: its connection file, its start, its signals and its end.
 *
 * The kernel is a child of this process, in a session and process group of its own; it is killed when
 * this process dies. Its standard input is /dev/null, its standard output and error are one pipe. All that
 * it needs lies in a private folder (mode 0700), which must have a short name: sockets in it are limited
 * to 107 bytes.
 */
#ifndef NBFORK_LOCAL_KERNEL_H
#define NBFORK_LOCAL_KERNEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "local/kernelspec.h"
#include "local/memory.h"
#include "workflow/model.h"

/* In the order in which jupyter_client numbers the sockets of ipc: PATH-1 to PATH-5. */
enum channel {
	CHANNEL_SHELL,
	CHANNEL_IOPUB,
	CHANNEL_STDIN,
	CHANNEL_CONTROL,
	CHANNEL_HB,
	CHANNELS,
};

struct kernel {
	pid_t pid;	/* 0 when it has been reaped or was not started */
	int output;	/* reading end of its standard output and error, non-blocking; -1 when closed */
	bool by_ipc;
	bool ports_by_kernel;	/* tcp with port 0: the kernel writes the real ones into the connection file */
	int ports[CHANNELS];	/* tcp: the ports; ipc: 1 to 5 */
	char *folder;	/* private; not owned by the kernel: made and removed by the caller */
	char *file;	/* the connection file */
	char *address;	/* ipc: the path prefix; tcp: "127.0.0.1" */
	char key[65];	/* of the signatures; hex digits from getrandom */
	bool interrupt_by_message;
	bool by_ipykernel;
	/*
	 * inotify on the folder until all endpoints are there; -1 otherwise, and where there is no inotify
	 */
	int watch;
	int holders[CHANNELS];	/* tcp with ports of our choice: sockets that keep them reserved until the start; -1 */
	int claim;	/* the same, against other nbforks, as long as the kernel lives; 0 or -1 for none */
	bool ended;	/* it has been reaped; status is valid */
	int status;	/* as from waitpid; -1 when somebody else has reaped it */

	/* Of a kernel that is forked from one that is ready (local/forkserver.h): the child of another process. */
	bool warm;
	int leash;	/* -1 otherwise, and when it has ended */
	bool refused;	/* it was not started; whoever wants one must start it without */
	int folder_error;	/* and that is because it could not enter its working directory: errno; else 0 */
	struct buf heard;	/* on the leash */
	double cpu_seconds;	/* that all of its tree have taken, once it was emptied */
	int64_t max_rss_bytes;	/* the largest of them, likewise */
};

/* A kernel that was not started: for kernel_release to do nothing. */
#define KERNEL_INIT {.output = -1, .watch = -1, .holders = {-1, -1, -1, -1, -1}, .claim = -1, .leash = -1}

/*
 * Writes the connection file (0600) and starts the process (fork, setsid, exec; an exec that fails is told through a
 * close-on-exec pipe). Must be called while this process has one thread. Returns 0, or -1 with *why (the
 * caller's to free). k is to be released in both cases.
 *
 * The folder may have been used before by a kernel that has ended. A working_directory of NULL is the
 * current one. env holds NAME=VALUE strings over the kernelspec's environment (kernelspec_environment); NULL for
 * none. memory is what the process and all that it starts is limited to; NULL for nothing. With
 * TRANSPORT_AUTO a folder whose name is too long for sockets makes it tcp; with TRANSPORT_IPC that is an error.
 *
 * Ports for tcp are, where the kernel does not choose them itself, free ones outside the range from which
 * the system takes ports for connections. Another program can still take one before the kernel does; then
 * the kernel ends, and is to be started again.
 */
int kernel_start(struct kernel *k, const struct kernelspec *spec, enum transport transport, const char *folder,
    const char *working_directory, char *const *env, const struct memory *memory, char **why);

/*
 * The same by fork of one that is ready, if there is a server for it: returns 0, and the kernel has been asked for. It is
 * there as soon as k->pid is set by kernel_hear(). Returns -1 with nothing said when there is none; then it is to be
 * started by kernel_start(). memory is not NULL here. k is to be released in both cases.
 */
int kernel_fork(struct kernel *k, const struct kernelspec *spec, const struct task *t, const char *folder,
    char *const *env, const struct memory *memory);

/* Takes what is said on the leash, without waiting. Returns whether there was something. */
bool kernel_hear(struct kernel *k);

/*
 * Kills all that is left of a warm kernel, and waits until it is gone, for some seconds at most. Returns whether it is.
 * Does nothing for others: they are this process's own tree.
 */
bool kernel_empty(struct kernel *k);

/*
 * Kills and reaps a process that is still there, closes and frees; k is as after KERNEL_INIT. Does not remove the
 * folder.
 */
void kernel_release(struct kernel *k);

/*
 * Whether all endpoints that a client connects to are there (ipc: the socket files are; tcp with ports by the
 * kernel: the connection file has them; else at once). To be asked again when k->watch becomes readable, or
 * after a while. Returns 1, 0 for not yet, -1 with *why when the kernel broke the rules. A connection to a
 * socket that is bound but does not listen yet is refused for an instant: the client has to try again.
 */
int kernel_endpoints_ready(struct kernel *k, char **why);

/* The endpoint of a channel, such as "ipc:///run/user/1000/nbfork-x/0/k-1". The caller's to free. */
char *kernel_endpoint(const struct kernel *k, enum channel channel);

/* Reaps the kernel without waiting; returns whether it has ended. Other children are left alone. */
bool kernel_reap(struct kernel *k);

/* Sends a signal to the kernel's process group, while the kernel has not been reaped. */
void kernel_signal(const struct kernel *k, int sig);

/*
 * Kills the kernel's process alone, while it has not been reaped: what it has started may have something to clean up.
 * A warm one is killed by kernel_empty().
 */
void kernel_kill(const struct kernel *k);

/*
 * "kernel was killed by SIGKILL (out of memory?)", "kernel exited with status 1": for messages. The caller's to
 * free.
 */
char *kernel_describe_end(const struct kernel *k);

#endif
