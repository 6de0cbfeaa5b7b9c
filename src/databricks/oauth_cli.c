#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "databricks/bearer.h"
#include "databricks/http_try.h"
#include "databricks/oauth.h"

#define TIME_MAX (30 * NSEC_PER_SEC)
#define STEP (50 * NSEC_PER_MSEC)
#define BYTES_MAX ((size_t)256 * 1024)	/* of what it prints */
#define COLUMNS 400	/* of its complaint that are shown */

extern char **environ;

/* The program while it runs. */
struct program {
	pid_t pid;	/* 0: gone */
	int fds[2];	/* its standard output and error; -1 when at their ends */
	struct buf out[2];
	int status;
};

static void
close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

/* Starts it with the given arguments. Returns 0, or an errno. */
static int
start(struct program *p, const char *path, char *const *argv)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int out[2] = {-1, -1}, err[2] = {-1, -1}, rc;

	if (pipe2(out, O_CLOEXEC) == -1 || pipe2(err, O_CLOEXEC) == -1) {
		rc = errno;
		close_fd(&out[0]);
		close_fd(&out[1]);
		return rc;
	}
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
	posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	rc = posix_spawn(&p->pid, path, &actions, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	close_fd(&out[1]);
	close_fd(&err[1]);
	if (rc != 0) {
		p->pid = 0;
		close_fd(&out[0]);
		close_fd(&err[0]);
	}
	p->fds[0] = out[0];
	p->fds[1] = err[0];
	return rc;
}

/* Takes what there is to read of one of its streams; what is too much is thrown away. */
static void
take(struct program *p, int i)
{
	char bytes[4096];
	ssize_t n = read(p->fds[i], bytes, sizeof(bytes));

	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0)
		close_fd(&p->fds[i]);
	else if (p->out[i].len + (size_t)n <= BYTES_MAX)
		buf_add(&p->out[i], bytes, (size_t)n);
	explicit_bzero(bytes, sizeof(bytes));
}

/* Until it has ended, and what it had to say has been read. Returns what kept it from that; NULL for nothing. */
static const char *
follow(struct program *p, struct http *h)
{
	int64_t deadline = clock_run() + TIME_MAX, next;
	struct pollfd fds[2];
	struct timespec ts;

	while (p->pid != 0 || p->fds[0] != -1 || p->fds[1] != -1) {
		if (http_stopping(h))
			return "stopped";
		if (clock_run() >= deadline)
			return "it has not ended within 30 s";
		for (int i = 0; i < 2; i++)
			fds[i] = (struct pollfd){.fd = p->fds[i], .events = POLLIN};
		next = clock_run() + STEP;
		if (ppoll(fds, 2, clock_left(next, &ts), h->config.wait_mask) > 0)
			for (int i = 0; i < 2; i++)
				if (fds[i].revents != 0)
					take(p, i);
		if (p->pid != 0 && waitpid(p->pid, &p->status, WNOHANG) == p->pid) {
			p->pid = 0;
			/* A process that it has left behind may hold the pipes open: nobody waits for that one. */
			if (deadline > clock_run() + NSEC_PER_SEC)
				deadline = clock_run() + NSEC_PER_SEC;
		} else if (p->pid == 0 && fds[0].revents == 0 && fds[1].revents == 0) {
			break;
		}
	}
	return NULL;
}

static void
finish(struct program *p)
{
	if (p->pid != 0) {
		kill(p->pid, SIGKILL);
		while (waitpid(p->pid, &p->status, 0) == -1 && errno == EINTR)
			;
		p->pid = 0;
	}
	for (int i = 0; i < 2; i++) {
		close_fd(&p->fds[i]);
		if (p->out[i].len > 0)
			explicit_bzero(p->out[i].data, p->out[i].len);
		buf_release(&p->out[i]);
	}
}

/* What it complained about, on one line. */
static void
put_complaint(struct buf *out, const struct buf *text)
{
	size_t n = text->len;
	struct buf line = BUF_INIT;

	for (size_t i = 0; i < n; i++)
		buf_addc(&line, text->data[i] == '\n' ? ' ' : text->data[i]);
	while (line.len > 0 && line.data[line.len - 1] == ' ')
		buf_truncate(&line, line.len - 1);
	if (line.len > 0)
		utf8_put_visible(out, line.data, line.len, COLUMNS);
	else
		buf_adds(out, "it says nothing about why");
	buf_release(&line);
}

int
oauth_cli_fetch(const struct login *l, struct http *h, struct token *t, char **why)
{
	const char *name = l->profile != NULL ? "--profile" : "--host";
	const char *value = l->profile != NULL ? l->profile : l->host;
	char *argv[] = {xstrdup(l->cli), xstrdup("auth"), xstrdup("token"), xstrdup(name), xstrdup(value), NULL};
	struct program p = {.fds = {-1, -1}, .out = {BUF_INIT, BUF_INIT}};
	struct buf reason = BUF_INIT;
	const char *kept = NULL;
	struct json answer;
	int rc = start(&p, l->cli, argv);

	*t = (struct token){.text = NULL, .expires = INT64_MAX};
	if (rc != 0)
		buf_adds(&reason, strerror(rc));
	else if ((kept = follow(&p, h)) != NULL)
		buf_adds(&reason, kept);
	else if (!WIFEXITED(p.status) || WEXITSTATUS(p.status) != 0)
		put_complaint(&reason, &p.out[1]);
	else if (json_parse(buf_str(&p.out[0]), p.out[0].len, &answer, NULL) == -1 || token_read(t, answer) == -1)
		buf_adds(&reason, "its answer holds no token");
	finish(&p);
	if (reason.len > 0)
		*why = xasprintf("cannot get a token from '%s auth token %s %s': %s", l->cli, name, value, reason.data);
	rc = 0;
	if (reason.len > 0)
		rc = kept != NULL && !http_stopping(h) ? BEARER_LATER : BEARER_REFUSED;
	buf_release(&reason);
	for (char **a = argv; *a != NULL; a++)
		free(*a);
	return rc;
}
