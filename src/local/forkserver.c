#include "local/forkserver.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/share.h"
#include "base/table.h"
#include "local/environment.h"
#include "local/python.h"
#include "src/local/forkserver_source.h"

#define ORDER_FDS 4	/* of an order for a kernel: request, output, leash, and the way into a group where there is one */
#define CHANNEL 3	/* of a server: where requests come */
#define SERVERS_MAX 8
#define WORTH 2	/* notebooks: for one alone a server costs as much as a kernel */
#define END_PATIENCE (6 * NSEC_PER_SEC)	/* a keeper gives what it has to kill five seconds */
#define END_STEP (2 * NSEC_PER_MSEC)

/* One that was wanted, and may have been started. */
struct server {
	size_t wanted;	/* by so many notebooks */
	char **command, **env;	/* to be started with; NULL-terminated; NULL until it is worth it */
	int socket;	/* this end; -1 when it was not started */
	pid_t pid;	/* 0 likewise, and when it has been reaped */
};

static struct server *servers;
static size_t nservers, capacity, started;
static struct table keys;	/* key -> number of the server, from 1 on */

/* ---- Which ---- */

/*
 * How a server for this kernel would be told from others; NULL when there can be none: the kernel is not started in the
 * usual way, or the notebook has what a server cannot give it. The caller's to free.
 */
static char *
key_of(const struct kernelspec *spec, const struct task *t)
{
	size_t options = kernelspec_forkable(spec);
	struct buf key = BUF_INIT;

	/* A program without a path is looked for in the kernel's own PATH. */
	if (options == 0 || !t->target->warm || environment_is_relative(spec, t) ||
	    (strchr(spec->argv[0], '/') == NULL && (spec->python == NULL || !python_is_name(spec->argv[0]))))
		return NULL;
	buf_addf(&key, "%s\n", spec->python != NULL ? spec->python : spec->argv[0]);
	for (size_t i = 0; i < options; i++)
		buf_addf(&key, "%s\n", spec->argv[i]);
	for (char **e = spec->env; *e != NULL; e++)
		buf_addf(&key, "%s\n", *e);
	for (size_t i = 0; i < t->target->npreload; i++)
		buf_addf(&key, "preload %s\n", t->target->preload[i]);
	environment_put_boot(spec, t, &key);
	return buf_steal(&key);
}

static struct server *
find(const char *key)
{
	size_t n = (uintptr_t)table_get(&keys, key, strlen(key));

	return n != 0 ? &servers[n - 1] : NULL;
}

static char *
source(void)
{
	struct buf text = BUF_INIT;

	for (const char *const *line = forkserver_source; *line != NULL; line++)
		buf_adds(&text, *line);
	return buf_steal(&text);
}

/* The interpreter with its options, the program, and what it is to preload. */
static char **
command_of(const struct kernelspec *spec, const struct target *t)
{
	size_t options = kernelspec_forkable(spec), n = 0;
	char **usual = kernelspec_command(spec, ""), **list = xcalloc(options + t->npreload + 3, sizeof(*list));

	while (n < options) {
		list[n] = xstrdup(usual[n]);
		n++;
	}
	list[n++] = xstrdup("-c");
	list[n++] = source();
	for (size_t i = 0; i < t->npreload; i++)
		list[n++] = xasprintf("--preload=%s", t->preload[i]);
	kernelspec_free_list(usual);
	return list;
}

void
forkserver_want(const struct kernelspec *spec, const struct task *t)
{
	char *key = key_of(spec, t), **more;
	struct server *s;

	if (key == NULL)
		return;
	s = find(key);
	if (s == NULL) {
		servers = xgrow(servers, nservers, &capacity, sizeof(*servers));
		s = &servers[nservers++];
		*s = (struct server){.socket = -1};
		*table_at(&keys, key, strlen(key)) = (void *)(uintptr_t)nservers;
	}
	if (++s->wanted == WORTH) {
		more = environment_list(spec, t, true);
		s->command = command_of(spec, t->target);
		s->env = kernelspec_environment(spec, more);
		kernelspec_free_list(more);
	}
	free(key);
}

/* ---- Starting ---- */

static void __attribute__((noreturn))
become(const struct server *s, int channel, int null, pid_t parent)
{
	struct sigaction sa = {.sa_handler = SIG_DFL};
	int fd;

	sigemptyset(&sa.sa_mask);
	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &sa, NULL);
	setsid();
	/* Until it is ready; then its end is told by the socket. */
	if (proc_die_with_parent(SIGKILL, parent) == -1)
		_exit(1);
	/* First out of the way: these may be where they are to go. */
	channel = fcntl(channel, F_DUPFD_CLOEXEC, CHANNEL + 1);
	null = fcntl(null, F_DUPFD_CLOEXEC, CHANNEL + 1);
	for (fd = 0; fd < CHANNEL; fd++)
		/* What a module that is preloaded has to say is of interest to those who look into something. */
		if ((fd == STDIN_FILENO || log_level < LOG_INFO) && dup2(null, fd) == -1)
			_exit(1);
	if (log_level >= LOG_INFO && dup2(STDERR_FILENO, STDOUT_FILENO) == -1)
		_exit(1);
	if (dup2(channel, CHANNEL) == -1 || chdir("/") == -1)
		_exit(1);
	closefrom(CHANNEL + 1);
	sigprocmask(SIG_SETMASK, &sa.sa_mask, NULL);
	environ = s->env;
	execvp(s->command[0], s->command);
	_exit(1);
}

static int
start(struct server *s)
{
	int ends[2], null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const pid_t parent = getpid();
	sigset_t all, old;

	if (null == -1)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == -1) {
		close(null);
		return -1;
	}
	s->socket = share_fd(ends[0]);
	close(ends[0]);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	s->pid = s->socket != -1 ? fork() : -1;
	if (s->pid == 0)
		become(s, ends[1], null, parent);
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(ends[1]);
	close(null);
	if (s->pid != -1)
		return 0;
	s->pid = 0;
	if (s->socket != -1)
		share_end(s->socket);
	s->socket = -1;
	return -1;
}

void
forkserver_start(void)
{
	while (started < SERVERS_MAX) {
		struct server *most = NULL;

		for (size_t i = 0; i < nservers; i++)
			if (servers[i].socket == -1 && servers[i].wanted >= WORTH &&
			    (most == NULL || servers[i].wanted > most->wanted))
				most = &servers[i];
		if (most == NULL)
			return;
		if (start(most) == -1) {
			log_info("cannot start a fork server: %s; kernels start without", strerror(errno));
			return;
		}
		started++;
	}
}

/* ---- Ending ---- */

/* Reaps without waiting; also one that somebody else has reaped. Returns whether it is gone. */
static bool
is_gone(struct server *s)
{
	if (s->pid != 0 && waitpid(s->pid, NULL, WNOHANG) != 0)
		s->pid = 0;
	return s->pid == 0;
}

void
forkserver_signal(int sig)
{
	for (size_t i = 0; i < nservers; i++) {
		/* The number of one that is gone may be somebody else's. */
		if (is_gone(&servers[i]))
			continue;
		/* A process that was stopped first cannot fork behind the signal's back. */
		if (sig == SIGSTOP)
			kill(servers[i].pid, sig);
		proc_signal_below(servers[i].pid, sig, NULL);
		if (sig != SIGSTOP)
			kill(servers[i].pid, sig);
	}
}

void
forkserver_end(void)
{
	const int64_t deadline = clock_run() + END_PATIENCE;
	const struct timespec step = {.tv_nsec = END_STEP};

	for (size_t i = 0; i < nservers; i++) {
		if (servers[i].socket != -1)
			share_end(servers[i].socket);
		servers[i].socket = -1;
	}
	for (size_t i = 0; i < nservers; i++) {
		struct server *s = &servers[i];
		struct pids below = PIDS_INIT;

		/* One that has no kernels may be importing still, and nobody is interested in that any more. */
		if (!is_gone(s) && proc_children(s->pid, &below) == 0 && below.n == 0)
			kill(s->pid, SIGKILL);
		while (!is_gone(s) && clock_run() < deadline)
			nanosleep(&step, NULL);
		if (!is_gone(s)) {
			proc_signal_below(s->pid, SIGKILL, NULL);
			kill(s->pid, SIGKILL);
			log_warn("a fork server, process %ld, did not end and was killed", (long)s->pid);
		}
		pids_release(&below);
		if (s->command != NULL) {
			kernelspec_free_list(s->command);
			kernelspec_free_list(s->env);
		}
	}
	table_release(&keys);
	free(servers);
	servers = NULL;
	nservers = capacity = started = 0;
}

/* ---- Asking ---- */

/* What a server has said of itself, which one worker hears and tells. */
static void
listen_to(const struct server *s, const char *name)
{
	char text[4096];
	ssize_t n = recv(s->socket, text, sizeof(text) - 1, MSG_DONTWAIT);

	if (n <= 0)
		return;
	text[n] = '\0';
	if (strncmp(text, "unfit ", 6) == 0)
		log_warn("kernels '%s' are not forked from one that is ready: %s", name, text + 6);
	else
		log_debug("the fork server for kernels '%s' is %s", name, text);
}

/* The request, as forkserver.py reads it. */
static int
request(char *const *args, char *const *env, const char *folder, const struct memory *memory)
{
	int fd = memfd_create("nbfork request", MFD_CLOEXEC), error;
	struct buf text = BUF_INIT;
	size_t n = 0;

	if (fd == -1)
		return -1;
	while (args[n] != NULL)
		n++;
	buf_add(&text, folder, strlen(folder) + 1);
	if (memory->limit > 0 && memory->entrance == -1)
		buf_addf(&text, "%lld", (long long)memory->limit);
	buf_addc(&text, '\0');
	buf_addf(&text, "%zu", n);
	buf_addc(&text, '\0');
	for (size_t i = 0; i < n; i++)
		buf_add(&text, args[i], strlen(args[i]) + 1);
	for (; *env != NULL; env++)
		buf_add(&text, *env, strlen(*env) + 1);
	error = file_write_full(fd, text.data, text.len) == -1 ? errno : 0;
	buf_wipe(&text);	/* there may be a secret among the variables */
	if (error == 0)
		return fd;
	close(fd);
	errno = error;
	return -1;
}

/* The last of the descriptors may be -1: then it is none. */
static int
send_order(int socket, const int fds[ORDER_FDS])
{
	union {
		char bytes[CMSG_SPACE(ORDER_FDS * sizeof(int))];
		struct cmsghdr align;
	} control = {.bytes = {0}};
	const size_t size = (fds[ORDER_FDS - 1] != -1 ? ORDER_FDS : ORDER_FDS - 1) * sizeof(int);
	char what = 'K';
	struct iovec part = {&what, 1};
	struct msghdr m = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = CMSG_SPACE(size),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(c), fds, size);
	return sendmsg(socket, &m, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 ? 0 : -1;
}

void
forkserver_give_up(const struct kernelspec *spec, const struct task *t)
{
	char *key = key_of(spec, t);
	const struct server *s = key != NULL ? find(key) : NULL;

	free(key);
	/* Whoever shares this end sees it. */
	if (s != NULL && s->socket != -1)
		shutdown(s->socket, SHUT_RDWR);
}

void
forkserver_hear(const struct kernelspec *spec, const struct task *t)
{
	char *key = key_of(spec, t);
	const struct server *s = key != NULL ? find(key) : NULL;

	free(key);
	if (s != NULL && s->socket != -1)
		listen_to(s, spec->name);
}

int
forkserver_ask(const struct kernelspec *spec, const struct task *t, char *const *command, char *const *env,
    const char *folder, const struct memory *memory, int output)
{
	char *key = key_of(spec, t);
	const struct server *s = key != NULL ? find(key) : NULL;
	int leash[2] = {-1, -1}, fds[ORDER_FDS] = {-1, output, -1, memory->entrance};
	bool asked = false;

	free(key);
	if (s == NULL || s->socket == -1)
		return -1;
	listen_to(s, spec->name);
	fds[0] = request(command + kernelspec_forkable(spec) + 2, env, folder, memory);
	if (fds[0] != -1 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, leash) == 0) {
		fcntl(leash[0], F_SETFL, O_NONBLOCK);
		fds[2] = leash[1];
		asked = send_order(s->socket, fds) == 0;
		close(leash[1]);
	}
	if (!asked)
		log_debug("cannot ask the fork server for kernels '%s': %s", spec->name, strerror(errno));
	if (fds[0] != -1)
		close(fds[0]);
	if (asked)
		return leash[0];
	if (leash[0] != -1)
		close(leash[0]);
	return -1;
}
