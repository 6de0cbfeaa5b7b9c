/*
 * Fork servers: Python processes that have imported what kernels import, and fork one for each notebook that asks. A
 * kernel that costs a second to start costs some hundredths so.
 *
 * A server is the program forkserver.py, which says how it is talked to, run by the interpreter of a kernelspec. nbfork
 * starts the servers before the first worker, for kernels that at least two notebooks want; workers ask them for kernels
 * over a socket that they inherit. A kernel is then the child of a keeper, a process of the server's, and the worker has
 * a leash: it hears what becomes of the kernel, and when it lets go everything of the kernel's is killed. Whatever a
 * server cannot or will not do, it says so on the leash, or the leash ends: then the kernel is started as without it.
 *
 * Servers go when nbfork and all its workers are gone, whatever these died of.
 */
#ifndef NBFORK_LOCAL_FORKSERVER_H
#define NBFORK_LOCAL_FORKSERVER_H

#include <stdbool.h>

#include "local/kernelspec.h"
#include "local/memory.h"
#include "workflow/model.h"

/* A notebook with this kernel will be run: to be called for each of them before the servers are started. */
void forkserver_want(const struct kernelspec *spec, const struct task *t);

/* Starts those that are worth it and were not started yet; in nbfork itself, while it has one thread. Cannot fail. */
void forkserver_start(void);

/* Stops or continues (SIGSTOP, SIGCONT) the servers and all that is below them. */
void forkserver_signal(int sig);

/* Lets the servers go, and waits for that, for some seconds at most. */
void forkserver_end(void);

/*
 * In a worker: asks for a kernel of this kernelspec. command and env are as kernelspec_command() and _environment() make
 * them; folder is an absolute path; memory is what limits the kernel; what it prints goes to output, which stays the
 * caller's. Returns the leash (non-blocking, close-on-exec), or -1 when there is no server for it.
 */
int forkserver_ask(const struct kernelspec *spec, const struct task *t, char *const *command, char *const *env,
    const char *folder, const struct memory *memory, int output);

/* In a worker that was refused a kernel: says why the server makes none, if that is so and no other worker has said it. */
void forkserver_hear(const struct kernelspec *spec, const struct task *t);

/* In a worker: the server has not answered in time; nobody is to ask it any more. */
void forkserver_give_up(const struct kernelspec *spec, const struct task *t);

#endif
