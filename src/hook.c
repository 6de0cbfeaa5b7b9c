#include "hook.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/proc.h"
#include "pool/frame.h"

#define GRACE (5 * NSEC_PER_SEC)	/* from SIGTERM to SIGKILL */
#define KILL_PATIENCE (5 * NSEC_PER_SEC)	/* from SIGKILL to the end of what it has left behind */
#define EXIT_NOT_STARTED 127

/* ---- The start ---- */

/*
 * The document as a file of no folder, which nobody can change. Opened once more, to be read only: one that is open for
 * writing cannot be mapped by a reader while it is sealed. Returns the descriptor, or -1 with errno.
 */
static int
open_document(const struct buf *document)
{
	int fd = memfd_create("results.json", MFD_CLOEXEC | MFD_ALLOW_SEALING), reading;
	char path[32];

	if (fd == -1)
		return -1;
	if (file_write_full(fd, document->data, document->len) == -1) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	reading = open(path, O_RDONLY | O_CLOEXEC);
	if (reading == -1) {
		lseek(fd, 0, SEEK_SET);	/* there is no /proc */
		return fd;
	}
	close(fd);
	return reading;
}

/* Where it prints to; standard error where that cannot be written. */
static int
open_log(const char *path)
{
	char *folder = file_folder(path);
	int fd = -1;

	if (file_mkdirs(folder) == 0)
		fd = file_append(path, 0);
	if (fd == -1)
		log_warn("cannot write '%s': %s", path, strerror(errno));
	free(folder);
	return fd != -1 ? fd : STDERR_FILENO;
}

static void
set_variables(const struct hook_order *o)
{
	for (size_t i = 0; i < o->nvariables; i++) {
		if (o->variables[i][1] != NULL)
			setenv(o->variables[i][0], o->variables[i][1], 1);
		else
			unsetenv(o->variables[i][0]);
	}
}

/* The child: becomes the command, or says why not. */
static void __attribute__((noreturn))
become(const struct hook_order *o, int input, int output, int failure, pid_t parent)
{
	struct hook_report r = {.step = HOOK_PREPARE};
	struct sigaction sa = {.sa_handler = SIG_DFL};

	sigemptyset(&sa.sa_mask);
	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &sa, NULL);
	setsid();
	if (proc_die_with_parent(SIGKILL, parent) == -1)
		_exit(EXIT_NOT_STARTED);
	/* None of these is one of the three: they were open before. */
	if (dup2(input, STDIN_FILENO) != -1 && dup2(output, STDOUT_FILENO) != -1 && dup2(output, STDERR_FILENO) != -1) {
		r.step = HOOK_FOLDER;
		if (chdir(o->folder) == 0) {
			r.step = HOOK_EXECUTE;
			sigprocmask(SIG_SETMASK, &sa.sa_mask, NULL);
			execvp(o->command->argv[0], o->command->argv);
		}
	}
	r.error = errno;
	file_write_full(failure, &r, sizeof(r));
	_exit(EXIT_NOT_STARTED);
}

/* Starts it. Returns its process id when it has been executed; 0 with the report. */
static pid_t
start(const struct hook_order *o, struct hook_report *r)
{
	int input = open_document(&o->document), output = -1, failure[2] = {-1, -1};
	pid_t parent = getpid(), pid = -1;
	ssize_t n;

	if (input == -1 || pipe2(failure, O_CLOEXEC) == -1) {
		r->error = errno;
		goto out;
	}
	output = open_log(o->log);
	pid = fork();
	if (pid == 0)
		become(o, input, output, failure[1], parent);
	if (pid == -1) {
		r->error = errno;
		goto out;
	}
	close(failure[1]);
	failure[1] = -1;
	/* End of file is what its exec, or its death, gives. */
	do {
		n = read(failure[0], r, sizeof(*r));
	} while (n == -1 && errno == EINTR);
	if (n == (ssize_t)sizeof(*r)) {
		waitpid(pid, NULL, 0);	/* it is on its way out */
		pid = -1;
	}
out:
	if (input != -1)
		close(input);
	if (output > STDERR_FILENO)
		close(output);
	for (int i = 0; i < 2; i++)
		if (failure[i] != -1)
			close(failure[i]);
	return pid > 0 ? pid : 0;
}

/* ---- The end ---- */

/* Reaps what is dead. Returns whether the command itself was among it, with its status. */
static bool
reap(pid_t pid, int *status)
{
	bool found = false;
	pid_t dead;
	int of;

	while ((dead = waitpid(-1, &of, WNOHANG)) > 0) {
		if (dead == pid) {
			*status = of;
			found = true;
		}
	}
	return found;
}

/* Until it is over; or, when nobody is left to report to, until now. The signals in set are blocked. */
static void
await(pid_t pid, const sigset_t *set, struct hook_report *r)
{
	int64_t kill_at = INT64_MAX;
	struct timespec left;

	while (!reap(pid, &r->status)) {
		/* As long as it has not been reaped, its number is nobody else's. */
		if (clock_run() >= kill_at) {
			kill(-pid, SIGKILL);
			kill_at = INT64_MAX;
		}
		if (sigtimedwait(set, NULL, clock_left(kill_at, &left)) != SIGTERM)
			continue;
		if (job_orphaned())
			return;
		if (r->stopped)
			continue;
		r->stopped = true;
		kill(-pid, SIGTERM);
		kill(-pid, SIGCONT);
		kill_at = clock_run() + GRACE;
	}
	r->step = HOOK_ENDED;
}

int
hook_main(struct job *job, int fd)
{
	const struct hook_order *o = job->data;
	struct hook_report report = {.step = HOOK_PREPARE};
	sigset_t set;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	set_variables(o);
	pid = start(o, &report);
	if (pid != 0)
		await(pid, &set, &report);
	if (proc_empty_tree(NULL, 0, KILL_PATIENCE, NULL) > 0)
		log_warn("'%s' has left processes behind that cannot be killed", o->command->argv[0]);
	if (job_orphaned() && o->private_folder != NULL)
		rmdir(o->private_folder);	/* or the last worker of the run that was killed does */
	frame_send(fd, FRAME_RESULT, &report, sizeof(report));
	return 0;
}
