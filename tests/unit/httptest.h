/*
 * A server for tests: a process that answers each request on a port of this machine as the test's function says, and
 * keeps count in memory shared with the test.
 */
#ifndef NBFORK_TESTS_HTTPTEST_H
#define NBFORK_TESTS_HTTPTEST_H

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "databricks/http.h"

#define REQUEST_BYTES (1 << 20)

/* A request as the server has it. */
struct request {
	int fd;
	int n;	/* which one it is, from 1 */
	char text[REQUEST_BYTES];	/* all of it, with a NUL byte behind */
	char *body;	/* in text */
};

/* What the server and the test share. */
static struct {
	atomic_int requests, connections;
	atomic_int flag;	/* as a test likes */
	int64_t at[64];	/* run clock, of the first requests */
	char last[8192];	/* the last request's text */
} *seen;

/* Reads one request with its body. Returns false at the end of the connection. */
static bool
read_request(struct request *r)
{
	size_t n = 0, want = 0;
	const char *length;

	memset(r->text, 0, n + 1);
	r->body = NULL;
	for (;;) {
		ssize_t got = recv(r->fd, r->text + n, REQUEST_BYTES - 1 - n, 0);

		if (got <= 0)
			return false;
		n += (size_t)got;
		r->text[n] = '\0';
		if (r->body == NULL && (r->body = strstr(r->text, "\r\n\r\n")) != NULL) {
			r->body += 4;
			length = strcasestr(r->text, "\r\ncontent-length:");
			want = length != NULL ? strtoul(length + 17, NULL, 10) : 0;
		}
		if (r->body != NULL && n >= (size_t)(r->body - r->text) + want)
			return true;
	}
}

static void
send_text(int fd, const char *text, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return;
		text += sent;
		n -= (size_t)sent;
	}
}

/* An answer; headers: further lines, each with its "\r\n". */
static void __attribute__((unused))
answer(struct request *r, int status, const char *headers, const char *body)
{
	char *text = xasprintf("HTTP/1.1 %d X\r\nContent-Length: %zu\r\nX-Request-Id: req-%d\r\n%s\r\n%s", status,
	    strlen(body), r->n, headers, body);

	send_text(r->fd, text, strlen(text));
	free(text);
}

static void
serve_connection(int fd, bool (*serve)(struct request *))
{
	struct request *r = xmalloc(sizeof(*r));

	r->fd = fd;
	while (read_request(r)) {
		r->n = atomic_fetch_add(&seen->requests, 1) + 1;
		if (r->n <= 64)
			seen->at[r->n - 1] = clock_run();
		snprintf(seen->last, sizeof(seen->last), "%.*s", (int)sizeof(seen->last) - 1, r->text);
		if (!serve(r))
			break;
	}
	_exit(0);
}

/* Starts one; serve returns whether the connection stays. Returns "http://127.0.0.1:PORT", the caller's to free. */
static char *
start_server(bool (*serve)(struct request *))
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
	pid_t test = getpid(), pid;

	if (seen == NULL) {
		seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		ck_assert_ptr_ne(seen, MAP_FAILED);
	}
	ck_assert_int_ne(listener, -1);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(listener, 64), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&a, &n), 0);
	pid = fork();
	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != test)
			_exit(0);
		signal(SIGCHLD, SIG_IGN);
		while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) != -1) {
			atomic_fetch_add(&seen->connections, 1);
			if (fork() == 0) {
				prctl(PR_SET_PDEATHSIG, SIGKILL);
				close(listener);
				serve_connection(fd, serve);
			}
			close(fd);
		}
		_exit(1);
	}
	close(listener);
	return xasprintf("http://127.0.0.1:%d", ntohs(a.sin_port));
}

/* The value of a header of the last request; NULL for none. Static memory. */
static const char * __attribute__((unused))
last_header(const char *name)
{
	static char value[2048];
	char *line = xasprintf("\r\n%s: ", name);
	const char *p = strcasestr(seen->last, line);

	if (p != NULL)
		snprintf(value, sizeof(value), "%.*s", (int)strcspn(p + strlen(line), "\r"), p + strlen(line));
	free(line);
	return p != NULL ? value : NULL;
}

#endif
