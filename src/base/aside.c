#include "base/aside.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define PIECE ((size_t)64 * 1024)

static void __attribute__((noreturn))
be_child(int (*fn)(void *data, int fd), void *data, int fd, pid_t parent)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_INTERNAL);	/* it died before that */
	if (null == -1 || dup2(null, STDIN_FILENO) == -1 || dup2(null, STDOUT_FILENO) == -1)
		_exit(EXIT_INTERNAL);
	log_child(NULL, NULL);
	_exit(fn(data, fd));
}

/* Reads until the end of file. Returns 0, or an errno. */
static int
collect(int fd, struct buf *out, size_t max, int64_t deadline)
{
	size_t before = out->len;

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		struct timespec left;
		ssize_t n;
		int ready = ppoll(&p, 1, clock_left(deadline, &left), NULL);

		if (ready == 0)
			return ETIMEDOUT;
		if (ready == -1 && errno == EINTR)
			continue;
		if (ready == -1)
			return errno;
		n = read(fd, buf_room(out, PIECE), PIECE);
		if (n == 0)
			return 0;
		if (n == -1 && errno != EINTR)
			return errno;
		if (n > 0)
			out->len += (size_t)n;
		if (out->len - before > max)
			return EFBIG;
	}
}

int
aside_run(int (*fn)(void *data, int fd), void *data, struct buf *out, size_t max, int64_t patience)
{
	int64_t deadline = clock_run() + patience;
	pid_t parent = getpid(), pid;
	int p[2], error, status;

	if (pipe2(p, O_CLOEXEC) == -1)
		return -1;
	fflush(NULL);	/* or the child writes it again */
	pid = fork();
	if (pid == 0)
		be_child(fn, data, p[1], parent);
	error = errno;
	close(p[1]);
	if (pid == -1) {
		close(p[0]);
		errno = error;
		return -1;
	}
	error = collect(p[0], out, max, deadline);
	close(p[0]);
	if (error != 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			break;	/* somebody ignores SIGCHLD: it is gone */
	if (error == 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
		error = ECANCELED;
	errno = error;
	return error == 0 ? 0 : -1;
}
