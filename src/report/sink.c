#include "report/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

/* What POSIX lets every pipe that is ready take without waiting. */
#define LITTLE 512

/* Opens what a descriptor leads to once more, non-blocking. -1 where that cannot be. */
static int
open_again(int fd)
{
	const int flags = O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	char path[32];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, flags);
	/* After su a terminal is still another user's; by its other name everybody may open it whose terminal it is. */
	if (again == -1 && tcgetpgrp(fd) != -1)
		again = open("/dev/tty", flags);
	return again;
}

void
sink_open(struct sink *s, int fd, size_t most)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFL), again;

	*s = (struct sink)SINK_INIT;
	s->fd = fd;
	s->most = most;
	if (flags == -1 || (flags & O_NONBLOCK) != 0 || fstat(fd, &st) == -1)
		return;
	if (S_ISSOCK(st.st_mode)) {
		s->way = SINK_SOCKET;
	} else if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)) {
		again = open_again(fd);
		if (again != -1) {
			s->fd = again;
			s->own = true;
		} else {
			s->way = SINK_POLLED;
		}
	}
}

/* Waits until the descriptor takes something, for so many milliseconds; whether it does (an error counts). */
static bool
is_ready(int fd, int milliseconds)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	return poll(&p, 1, milliseconds) == 1;
}

/* As write, but never waits: EAGAIN. */
static ssize_t
write_some(const struct sink *s, const void *p, size_t n)
{
	ssize_t done;

	do {
		if (s->way == SINK_SOCKET) {
			done = send(s->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		} else if (s->way == SINK_POLLED && !is_ready(s->fd, 0)) {
			errno = EAGAIN;
			return -1;
		} else {
			done = write(s->fd, p, s->way == SINK_POLLED && n > LITTLE ? LITTLE : n);
		}
	} while (done == -1 && errno == EINTR);
	if (done == -1 && errno == EWOULDBLOCK)
		errno = EAGAIN;
	return done;
}

int
sink_put(struct sink *s, const void *p, size_t n)
{
	const char *at = p;

	if (s->waiting.len > 0 && sink_flush(s, 0) == -1) {
		if (errno != EAGAIN)
			return -1;
		if (n > s->most || s->waiting.len > s->most - n) {
			errno = ENOBUFS;
			return -1;
		}
	}
	while (n > 0 && s->waiting.len == 0) {
		ssize_t done = write_some(s, at, n);

		if (done == -1 && errno != EAGAIN)
			return -1;
		if (done == -1)
			break;
		at += done;
		n -= (size_t)done;
	}
	buf_add(&s->waiting, at, n);
	return 0;
}

int
sink_flush(struct sink *s, int64_t patience)
{
	const char *at = buf_str(&s->waiting), *end = at + s->waiting.len;
	int64_t deadline = clock_run() + patience;
	int error = 0;

	while (at < end && error == 0) {
		ssize_t done = write_some(s, at, (size_t)(end - at));
		int64_t left;

		if (done != -1) {
			at += done;
			deadline = clock_run() + patience;
			continue;
		}
		left = deadline - clock_run();
		if (errno != EAGAIN || left <= 0)
			error = errno;
		else
			is_ready(s->fd, (int)(left / NSEC_PER_MSEC) + 1);
	}
	buf_drop(&s->waiting, s->waiting.len - (size_t)(end - at));
	errno = error;
	return error == 0 ? 0 : -1;
}

void
sink_close(struct sink *s)
{
	if (s->own)
		close(s->fd);
	buf_release(&s->waiting);
	*s = (struct sink)SINK_INIT;
}
