#include "pool/job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/share.h"

/* In a child: the writing end, and what is to be kept. */
#define CHILD_FD 3
#define KEPT_FD (CHILD_FD + 1)

#define EXIT_PATIENCE (2 * NSEC_PER_SEC)	/* from the end of its pipe to the exit of a process */
#define KILL_PATIENCE (5 * NSEC_PER_SEC)	/* from SIGKILL to the death of a process, or of a tree */
#define PIPE_PATIENCE (1 * NSEC_PER_SEC)	/* for a pipe that somebody outside of the tree holds */

/* In a child; elsewhere 0 and NULL. */
static pid_t own_pid, parent_pid;
static const char *own_name;

void
job_init(struct job *j, const char *name, int (*run)(struct job *job, int fd), void *data)
{
	*j = (struct job){
		.name = name, .run = run, .data = data, .keep_fd = -1,
		.state = JOB_NEW, .fd = -1, .deadline = INT64_MAX,
	};
	frame_reader_init(&j->frames);
}

void
job_release(struct job *j)
{
	free(j->result);
	j->result = NULL;
	j->result_len = 0;
	frame_reader_release(&j->frames);
}

bool
job_orphaned(void)
{
	return parent_pid != 0 && getppid() != parent_pid;
}

/*
 * The kernel tells of the parent's death with SIGCONT, because that is the one signal that also wakes a
 * process which had been stopped together with its parent: stopped, it would neither obey SIGTERM nor
 * clean up. A signal and not a flag, so that nobody has to look for two things.
 */
static void
on_continue(int sig)
{
	int saved_errno = errno;

	(void)sig;
	/* What this process has forked has the handler too until its exec, and another parent. */
	if (getpid() == own_pid && getppid() != parent_pid)
		kill(own_pid, SIGTERM);
	errno = saved_errno;
}

static void
set_signals(void)
{
	struct sigaction sa = {.sa_handler = SIG_DFL};

	/* No exec does it for us. Those that the C library keeps for itself fail with EINVAL. */
	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &sa, NULL);
	sa.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &sa, NULL);
	sigaction(SIGXFSZ, &sa, NULL);	/* a limit on the size of files shows as EFBIG */
	/*
	 * Whoever closes the terminal, the parent hears of it and gives the orders. To a group like ours
	 * the kernel sends SIGHUP when the parent dies while somebody in it is stopped: before SIGTERM,
	 * and it would leave nobody to clean up.
	 */
	sigaction(SIGHUP, &sa, NULL);
	/* Sent to all of "nbfork", and this process is called so for a moment yet. */
	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGUSR2, &sa, NULL);
	sa.sa_handler = on_continue;
	sa.sa_flags = SA_RESTART;
	sigaction(SIGCONT, &sa, NULL);
}

/* Ends what set_signals has put off: what came until now is gone, because it was ignored. */
static void
set_later_signals(void)
{
	struct sigaction sa = {.sa_handler = SIG_DFL};

	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGUSR2, &sa, NULL);
}

static void
set_descriptors(int fd, int keep)
{
	const bool kept = keep > STDERR_FILENO;
	int null;

	/* First out of the way of the other: each may be where the other is to go. */
	if ((kept && (keep = fcntl(keep, F_DUPFD_CLOEXEC, KEPT_FD)) == -1) ||
	    (fd != CHILD_FD && dup3(fd, CHILD_FD, O_CLOEXEC) == -1) ||
	    (kept && keep != KEPT_FD && dup3(keep, KEPT_FD, O_CLOEXEC) == -1))
		log_fatal("cannot duplicate a descriptor: %s", strerror(errno));
	/*
	 * Also the reading ends of the other jobs' pipes: a writer must see when the parent has closed its
	 * own. And first of all, because the parent may have used up what descriptors there are.
	 */
	share_close_from(kept ? KEPT_FD + 1 : CHILD_FD + 1);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null == -1)
		log_fatal("cannot open '/dev/null': %s", strerror(errno));
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	close(null);
}

/* Sends what is logged up the pipe. Where that cannot be done it is said here, unless nobody cares any more. */
static void
send_log(enum log_level level, const char *text)
{
	char payload[FRAME_LOG_MAX];
	size_t n = strnlen(text, sizeof(payload) - 1);

	payload[0] = (char)level;
	memcpy(payload + 1, text, n);
	if (frame_send(CHILD_FD, FRAME_LOG, payload, n + 1) == -1 && !job_orphaned())
		log_relay(level, own_name, text);
}

static void __attribute__((noreturn))
be_child(struct job *j, int fd, pid_t parent, const sigset_t *mask)
{
	sigset_t own = *mask;
	char name[32];

	own_pid = getpid();
	parent_pid = parent;
	own_name = j->name;
	setpgid(0, 0);
	set_signals();
	log_child(j->name, NULL);
	if (proc_die_with_parent(SIGCONT, parent) == -1)
		_exit(EXIT_INTERNAL);	/* it is dead already, and nothing has been begun */
	set_descriptors(fd, j->keep_fd);
	log_child(j->name, send_log);
	if (proc_adopt_orphans() == -1)
		log_warn("cannot adopt orphaned processes: %s", strerror(errno));
	snprintf(name, sizeof(name), "nb:%.24s", j->name);
	proc_set_name(name);
	set_later_signals();
	if (j->takes_term)
		sigaddset(&own, SIGTERM);
	sigprocmask(SIG_SETMASK, &own, NULL);
	_exit(j->run(j, CHILD_FD));
}

/* Whether the descriptors below the limit are used up, but for the spare ones, when fd is the lowest that was free. */
static bool
is_last(int fd)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) == 0 && (rlim_t)fd + JOB_SPARE_FDS >= limit.rlim_cur;
}

int
job_start(struct job *j, const sigset_t *mask)
{
	pid_t parent = getpid(), pid;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) == -1)
		return -1;
	if (is_last(ends[0])) {
		close(ends[0]);
		close(ends[1]);
		errno = EMFILE;
		return -1;
	}
	fflush(NULL);	/* or the child might write it again */
	pid = fork();
	if (pid == -1) {
		int saved_errno = errno;

		close(ends[0]);
		close(ends[1]);
		errno = saved_errno;
		return -1;
	}
	if (pid == 0)
		be_child(j, ends[1], parent, mask);
	setpgid(pid, pid);	/* in both processes: whoever runs first wins */
	close(ends[1]);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);	/* the writing end blocks: a slow reader slows the writer down */
	j->pid = pid;
	j->fd = ends[0];
	j->state = JOB_RUNNING;
	j->started_at = clock_run();
	j->deadline = j->timeout > 0 ? j->started_at + j->timeout : INT64_MAX;
	return 0;
}

static void
enter(struct job *j, enum job_state state, int64_t patience)
{
	j->state = state;
	j->deadline = clock_run() + patience;
}

/* The only place where a job is sent anything. */
static void
send_signal(const struct job *j, int sig)
{
	/* kill() takes 0 for our own group and -1 for everybody. */
	if (j->pid <= 1)
		return;
	if (sig == SIGKILL)
		kill(-j->pid, sig);
	kill(j->pid, sig);	/* with SIGKILL too: it may have left its group */
}

void
job_stop(struct job *j, enum job_stop why, int64_t grace)
{
	if (j->stop != JOB_STOP_NONE || j->pid == 0)
		return;
	j->stop = why;
	enter(j, JOB_STOPPING, grace);
	send_signal(j, SIGTERM);
	send_signal(j, SIGCONT);
}

void
job_kill(struct job *j, enum job_stop why)
{
	if (j->state == JOB_KILLED || j->pid == 0)
		return;
	if (j->stop == JOB_STOP_NONE)
		j->stop = why;
	j->killed = true;
	enter(j, JOB_KILLED, KILL_PATIENCE);
	send_signal(j, SIGKILL);
}

void
job_tell(const struct job *j)
{
	send_signal(j, SIGURG);
}

void
job_died(struct job *j, int status, const struct rusage *usage)
{
	char text[64];

	log_debug("process %d of '%s' %s", (int)j->pid, j->name, job_describe_status(status, text, sizeof(text)));
	j->pid = 0;
	j->reaped = true;
	j->status = status;
	j->usage = *usage;
	enter(j, JOB_EMPTYING, KILL_PATIENCE);
}

void
job_tree_gone(struct job *j)
{
	enter(j, JOB_DRAINING, PIPE_PATIENCE);
}

void
job_hang_up(struct job *j)
{
	if (j->fd == -1)
		return;
	close(j->fd);
	j->fd = -1;
	if (j->problem == NULL)
		j->problem = frame_end(&j->frames);
	frame_reader_release(&j->frames);
	if (j->state == JOB_RUNNING)
		enter(j, JOB_CLOSED, EXIT_PATIENCE);
}

const char *
job_describe_status(int status, char *b, size_t n)
{
	if (WIFEXITED(status))
		snprintf(b, n, "exited with status %d", WEXITSTATUS(status));
	else if (WIFSIGNALED(status))
		snprintf(b, n, "was killed by %s", proc_signal_name(WTERMSIG(status)));
	else
		/*
		 * cannot happen according to POSIX
		 */
		snprintf(b, n, "ended with wait status 0x%x", (unsigned)status);
	return b;
}
