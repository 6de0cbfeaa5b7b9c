#include "local/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "local/connection.h"
#include "local/kernel_parts.h"

#define START_PATIENCE (30 * NSEC_PER_SEC)	/* until exec has happened: file systems can hang */
#define KILL_PATIENCE (5 * NSEC_PER_SEC)	/* from SIGKILL to the end */
#define FAILURE_FD 3	/* of the child, until its exec */
#define EXIT_NOT_STARTED 127

enum step {
	STEP_PREPARE,
	STEP_MEMORY,
	STEP_FOLDER,
	STEP_EXEC,
};

/* What the child sends when it cannot become the kernel. */
struct obstacle {
	enum step step;
	int error;
};

/* All that the child needs, made before the fork. */
struct launch {
	char **argv, **env;
	const char *working_directory;
	const struct memory *memory;
	int input, output;
	int failure[2];
	pid_t parent;
};

static void
give_up(int fd, enum step step)
{
	const struct obstacle o = {.step = step, .error = errno};

	file_write_full(fd, &o, sizeof(o));
	_exit(EXIT_NOT_STARTED);
}

/* The child: becomes the kernel. Everything is blocked until no signal can run a handler of the parent's. */
static void
become(const struct launch *l)
{
	struct sigaction sa = {.sa_handler = SIG_DFL};
	int fds[3], failure;

	sigemptyset(&sa.sa_mask);
	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &sa, NULL);
	setsid();
	if (proc_die_with_parent(SIGKILL, l->parent) == -1)
		_exit(EXIT_NOT_STARTED);
	if (l->memory != NULL && memory_enter(l->memory) == -1)
		give_up(l->failure[1], STEP_MEMORY);

	/*
	 * First out of the way: in a process that was started without standard files any of these may be one
	 * of the numbers they go to.
	 */
	failure = fcntl(l->failure[1], F_DUPFD_CLOEXEC, FAILURE_FD + 1);
	fds[0] = fcntl(l->input, F_DUPFD_CLOEXEC, FAILURE_FD + 1);
	fds[1] = fds[2] = fcntl(l->output, F_DUPFD_CLOEXEC, FAILURE_FD + 1);
	if (failure == -1 || fds[0] == -1 || fds[1] == -1)
		give_up(l->failure[1], STEP_PREPARE);
	for (int fd = 0; fd < 3; fd++)
		if (dup2(fds[fd], fd) == -1)
			give_up(failure, STEP_PREPARE);
	if (dup3(failure, FAILURE_FD, O_CLOEXEC) == -1)
		give_up(failure, STEP_PREPARE);
	closefrom(FAILURE_FD + 1);	/* also what this program was itself started with */

	if (l->working_directory != NULL && chdir(l->working_directory) == -1)
		give_up(FAILURE_FD, STEP_FOLDER);
	sigprocmask(SIG_SETMASK, &sa.sa_mask, NULL);
	environ = l->env;	/* so that the program is looked for in the kernel's own PATH */
	execvp(l->argv[0], l->argv);
	give_up(FAILURE_FD, STEP_EXEC);
}

/* Waits for the exec. Returns 0 when it has happened, else -1 with what was in the way. */
static int
await_exec(int fd, struct obstacle *o)
{
	const int64_t deadline = clock_run() + START_PATIENCE;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct timespec left;
	ssize_t n;
	int ready;

	do {
		ready = ppoll(&p, 1, clock_left(deadline, &left), NULL);
	} while (ready == -1 && errno == EINTR);
	if (ready != 1) {
		*o = (struct obstacle){.step = STEP_PREPARE, .error = ready == 0 ? ETIMEDOUT : errno};
		return -1;
	}
	do {
		n = read(fd, o, sizeof(*o));
	} while (n == -1 && errno == EINTR);
	return n == (ssize_t)sizeof(*o) ? -1 : 0;
}

static char *
explain(const struct obstacle *o, const struct launch *l)
{
	char *hint, *text;

	if (o->step == STEP_MEMORY)
		return xasprintf("cannot limit the memory of kernel '%s': %s", l->argv[0], strerror(o->error));
	if (o->step == STEP_FOLDER)
		return xasprintf("cannot use working directory '%s': %s", l->working_directory, strerror(o->error));
	hint = l->memory != NULL && o->error == ENOMEM ? memory_hint_start(l->memory) : xstrdup("");
	text = xasprintf("cannot start kernel '%s': %s%s", l->argv[0], strerror(o->error), hint);
	free(hint);
	return text;
}

/* Forks and waits for the exec. Returns 0, or -1 with *why. */
static int
launch(struct kernel *k, struct launch *l, char **why)
{
	sigset_t all, old;
	struct obstacle obstacle;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	k->pid = fork();
	if (k->pid == 0)
		become(l);
	obstacle = (struct obstacle){.step = STEP_PREPARE, .error = errno};
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (k->pid == -1) {
		k->pid = 0;
		*why = explain(&obstacle, l);
		return -1;
	}
	connection_let_go(k);	/* from here on the child holds the ports, until its exec */
	close(l->failure[1]);
	l->failure[1] = -1;
	if (await_exec(l->failure[0], &obstacle) == -1) {
		*why = explain(&obstacle, l);
		return -1;
	}
	return 0;
}

int
kernel_start(struct kernel *k, const struct kernelspec *spec, enum transport transport, const char *folder,
    const char *working_directory, char *const *env, const struct memory *memory, char **why)
{
	struct launch l = {.working_directory = working_directory, .memory = memory, .input = -1, .failure = {-1, -1},
	    .parent = getpid()};
	int output[2] = {-1, -1}, result = -1;

	kernel_begin(k, spec, transport, folder);
	if (connection_prepare(k, spec, why) == -1)
		return -1;
	l.argv = kernelspec_command(spec, k->file);
	l.env = kernelspec_environment(spec, env);
	l.input = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (l.input == -1 || pipe2(output, O_CLOEXEC) == -1 || pipe2(l.failure, O_CLOEXEC) == -1) {
		*why = xasprintf("cannot start kernel '%s': %s", l.argv[0], strerror(errno));
		goto out;
	}
	k->output = output[0];
	l.output = output[1];
	/* At this end alone: the kernel's end has a description of its own, and stays as programs expect it. */
	fcntl(k->output, F_SETFL, O_NONBLOCK);
	result = launch(k, &l, why);
out:
	if (l.input != -1)
		close(l.input);
	if (output[1] != -1)
		close(output[1]);
	if (k->output == -1 && output[0] != -1)
		close(output[0]);
	for (int i = 0; i < 2; i++)
		if (l.failure[i] != -1)
			close(l.failure[i]);
	kernelspec_free_list(l.argv);
	kernelspec_free_list(l.env);
	return result;
}

bool
kernel_reap(struct kernel *k)
{
	pid_t pid;

	if (k->warm) {
		kernel_hear(k);
		return k->ended;
	}
	if (k->pid <= 0)
		return k->ended;
	do {
		pid = waitpid(k->pid, &k->status, WNOHANG);
	} while (pid == -1 && errno == EINTR);
	if (pid == 0)
		return false;
	if (pid == -1)
		k->status = -1;	/* ECHILD: it went with others of its tree */
	k->pid = 0;
	k->ended = true;
	return true;
}

void
kernel_signal(const struct kernel *k, int sig)
{
	if (k->warm)
		kernel_tell(k, "signal %d\n", sig);
	/* As long as it has not been reaped, its number is nobody else's. */
	else if (k->pid > 0)
		kill(-k->pid, sig);
}

void
kernel_kill(const struct kernel *k)
{
	if (!k->warm && k->pid > 0)
		kill(k->pid, SIGKILL);
}

void
kernel_release(struct kernel *k)
{
	const int64_t deadline = clock_run() + KILL_PATIENCE;
	struct timespec pause = {.tv_nsec = NSEC_PER_MSEC};

	kernel_empty(k);
	if (k->leash != -1)
		close(k->leash);
	buf_release(&k->heard);
	if (k->pid > 0 && !k->warm) {
		kernel_signal(k, SIGKILL);
		kill(k->pid, SIGKILL);	/* when it had not yet made its own group */
		while (!kernel_reap(k) && clock_run() < deadline)
			nanosleep(&pause, NULL);
		if (k->pid > 0)
			log_warn("the kernel, process %ld, could not be killed", (long)k->pid);
	}
	if (k->output != -1)
		close(k->output);
	connection_release(k);
	free(k->folder);
	*k = (struct kernel)KERNEL_INIT;
}

char *
kernel_describe_end(const struct kernel *k)
{
	if (!k->ended)
		return xstrdup("kernel is running");
	if (k->status == -1)
		return xstrdup("kernel has gone");
	if (WIFSIGNALED(k->status))
		return xasprintf("kernel was killed by %s%s", proc_signal_name(WTERMSIG(k->status)),
		    WTERMSIG(k->status) == SIGKILL ? " (out of memory?)" : "");
	return xasprintf("kernel exited with status %d", WEXITSTATUS(k->status));
}
