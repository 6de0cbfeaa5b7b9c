#include "local/calls.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"

#define SOCKET_NAME "call"
#define CALLS_MOST 500	/* connections at a time; more wait to be accepted: descriptors are few */
#define EVENTS_A_TURN 64
#define READ_BLOCK ((size_t)64 * 1024)
#define ACCEPT_AGAIN (100 * NSEC_PER_MSEC)	/* after a connection that could not be accepted */

static volatile sig_atomic_t answered;

static void
on_answer(int sig)
{
	(void)sig;
	answered = 1;
}

enum stage {
	CALL_READING,	/* the line that says what is to be run */
	CALL_WAITING,	/* for what is run to be over */
	CALL_ANSWERING,
};

/* One connection. */
struct call {
	struct call *next;
	int fd;
	enum stage stage;
	int64_t id;	/* once it waits */
	struct buf text;	/* what has been read; then, an answer that is no file's */
	bool too_long;	/* what was read has been thrown away, and so is the rest of the line */
	size_t sent;	/* bytes of text */
	int answer;	/* the answer's file, of which what has been sent is behind; -1: the answer is the text */
};

struct calls {
	struct attempt *attempt;
	char *path;
	int listener, poller;
	bool deaf;	/* the listener is not looked at */
	int64_t listen_at;	/* run clock: when it is again; INT64_MAX: when a connection ends */
	struct call *list;
	size_t n;
	int64_t ids;	/* handed out */
	bool stopped;
};

/* ---- The sockets ---- */

static int
watch(const struct calls *c, int operation, int fd, uint32_t events, void *data)
{
	struct epoll_event event = {.events = events, .data.ptr = data};

	return epoll_ctl(c->poller, operation, fd, &event);
}

static int
listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd, error;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, SOMAXCONN) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static void
take_signal(void)
{
	struct sigaction sa = {.sa_handler = on_answer};
	sigset_t set;

	sigemptyset(&sa.sa_mask);
	sigemptyset(&set);
	sigaddset(&set, SIGURG);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGURG, &sa, NULL);
}

struct calls *
calls_open(struct attempt *a, char **why)
{
	struct calls *c = xcalloc(1, sizeof(*c));

	*c = (struct calls){.attempt = a, .listener = -1, .poller = -1};
	c->path = file_join(a->folder, SOCKET_NAME);
	take_signal();
	c->poller = epoll_create1(EPOLL_CLOEXEC);
	c->listener = c->poller != -1 ? listen_at(c->path) : -1;
	if (c->listener == -1 || watch(c, EPOLL_CTL_ADD, c->listener, EPOLLIN, NULL) == -1) {
		*why = xasprintf("cannot listen at '%s': %s", c->path, strerror(errno));
		calls_close(c);
		return NULL;
	}
	return c;
}

const char *
calls_path(const struct calls *c)
{
	return c->path;
}

int
calls_fd(const struct calls *c)
{
	return c != NULL ? c->poller : -1;
}

/* ---- What nbfork is told ---- */

static void
tell(const struct calls *c, struct buf *json)
{
	c->attempt->progress(c->attempt, json->data, json->len);
	buf_release(json);
}

static void
give_up(const struct calls *c, const struct call *call)
{
	struct buf json = BUF_INIT;
	struct json_out o = JSON_OUT(&json, -1, 0);

	json_out_open(&o, '{');
	json_out_key(&o, "kind");
	json_out_str(&o, "uncall");
	json_out_key(&o, "id");
	json_out_int(&o, call->id);
	json_out_close(&o, '}');
	tell(c, &json);
}

/* The names of the arguments in whose values there are secrets: nbfork is not to show them. */
static void
put_secrets(const struct calls *c, struct json_out *o, struct json arguments)
{
	struct json_iter it;
	struct json key, value;

	json_out_key(o, "secrets");
	json_out_open(o, '[');
	json_walk(&it, arguments);
	while (json_next(&it, &key, &value)) {
		struct buf text = BUF_INIT;

		json_decode(&text, value);
		if (mask_hits(c->attempt->mask, buf_str(&text), text.len))
			json_out_value(o, key);
		buf_release(&text);
	}
	json_out_close(o, ']');
}

static void
put_call(const struct calls *c, const struct call *call, struct json v, struct buf *json)
{
	struct json_out o = JSON_OUT(json, -1, 0);
	struct json arguments = json_get(v, "arguments"), caller = json_get(v, "caller");
	double seconds = 0;

	json_double(json_get(v, "timeout_seconds"), &seconds);
	json_out_open(&o, '{');
	json_out_key(&o, "kind");
	json_out_str(&o, "call");
	json_out_key(&o, "id");
	json_out_int(&o, call->id);
	json_out_key(&o, "path");
	json_out_value(&o, json_get(v, "path"));
	json_out_key(&o, "caller");
	if (json_type(caller) == JSON_STRING)
		json_out_value(&o, caller);
	else
		json_out_str(&o, c->attempt->task->file);
	json_out_key(&o, "timeout_seconds");
	json_out_double(&o, seconds);
	json_out_key(&o, "arguments");
	json_out_value(&o, json_type(arguments) == JSON_OBJECT ? arguments : json_of("{}"));
	put_secrets(c, &o, arguments);
	json_out_close(&o, '}');
}

/* ---- One call ---- */

static void
end(struct calls *c, struct call *call)
{
	struct call **at = &c->list;

	while (*at != call)
		at = &(*at)->next;
	*at = call->next;
	c->n--;
	if (call->answer != -1)
		close(call->answer);
	close(call->fd);	/* with which it is not watched any more: nobody has a copy of it */
	buf_release(&call->text);
	free(call);
	c->listen_at = 0;
}

/* Sends what can be sent of the answer. Returns 1 when it is sent, 0 when there is more to come, or -1. */
static int
send_some(struct call *call)
{
	for (;;) {
		ssize_t n;

		if (call->answer != -1)
			n = sendfile(call->fd, call->answer, NULL, (size_t)1 << 30);
		else
			n = send(call->fd, call->text.data + call->sent, call->text.len - call->sent, MSG_NOSIGNAL);
		if (n > 0)
			call->sent += (size_t)n;
		if (n == 0 || (n > 0 && call->answer == -1 && call->sent == call->text.len))
			return 1;
		if (n == -1 && errno == EAGAIN)
			return 0;
		if (n == -1 && errno != EINTR)
			return -1;
	}
}

/* Goes on with the answer, which ends the call when it is sent, or nobody wants it. */
static void
answer(struct calls *c, struct call *call)
{
	if (send_some(call) != 0)
		end(c, call);
}

static void
begin_answer(struct calls *c, struct call *call)
{
	call->stage = CALL_ANSWERING;
	watch(c, EPOLL_CTL_MOD, call->fd, EPOLLOUT, call);
	answer(c, call);
}

static void
refuse(struct calls *c, struct call *call, const char *why)
{
	struct json_out o = JSON_OUT(&call->text, -1, 0);

	buf_reset(&call->text);
	json_out_open(&o, '{');
	json_out_key(&o, "status");
	json_out_str(&o, "refused");
	json_out_key(&o, "message");
	json_out_str(&o, why);
	json_out_close(&o, '}');
	buf_addc(&call->text, '\n');
	begin_answer(c, call);
}

/* What is wrong with what a client asks for; NULL for nothing. */
static const char *
fault_of(struct json v)
{
	struct json arguments = json_get(v, "arguments"), seconds = json_get(v, "timeout_seconds"), value;
	enum json_type caller = json_type(json_get(v, "caller"));
	struct json_iter it;
	double d;

	if (json_type(v) != JSON_OBJECT || json_type(json_get(v, "path")) != JSON_STRING)
		return "the call has no path, a text";
	if (caller != JSON_NONE && caller != JSON_NULL && caller != JSON_STRING)
		return "the call's caller is no text";
	if (seconds.text != NULL && (!json_double(seconds, &d) || !isfinite(d) || d < 0))
		return "the call's timeout_seconds is no number from 0 on";
	if (arguments.text != NULL && json_type(arguments) != JSON_OBJECT)
		return "the call's arguments are no object";
	json_walk(&it, arguments);
	while (json_next(&it, NULL, &value))
		if (json_type(value) != JSON_STRING)
			return "the call's arguments are not all text";
	return NULL;
}

static void
begin(struct calls *c, struct call *call, size_t n)
{
	struct buf json = BUF_INIT;
	struct json v;
	const char *fault;

	if (json_parse(call->text.data, n, &v, NULL) == -1)
		fault = "the call is no line of JSON";
	else
		fault = fault_of(v);
	if (fault != NULL) {
		refuse(c, call, fault);
		return;
	}
	call->id = ++c->ids;
	put_call(c, call, v, &json);
	buf_release(&call->text);
	call->stage = CALL_WAITING;
	/* That the other end is gone is told in any case. */
	watch(c, EPOLL_CTL_MOD, call->fd, 0, call);
	tell(c, &json);
}

static void
read_some(struct calls *c, struct call *call)
{
	const char *feed;
	size_t before = call->text.len;
	ssize_t n = recv(call->fd, buf_room(&call->text, READ_BLOCK), READ_BLOCK, 0);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		end(c, call);
		return;
	}
	call->text.len += (size_t)n;
	feed = memchr(call->text.data + before, '\n', (size_t)n);
	call->too_long = call->too_long || (feed != NULL ? (size_t)(feed - call->text.data) : call->text.len) > CALL_BYTES_MAX;
	/* Who still writes would not read. */
	if (call->too_long && feed == NULL)
		buf_reset(&call->text);
	else if (call->too_long)
		refuse(c, call, "the call is too long: 512 KiB of path and arguments are the most");
	else if (feed != NULL)
		begin(c, call, (size_t)(feed - call->text.data));
}

static void
handle(struct calls *c, struct call *call, uint32_t events)
{
	switch (call->stage) {
	case CALL_READING:
		read_some(c, call);
		break;
	case CALL_WAITING:
		if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
			give_up(c, call);
			end(c, call);
		}
		break;
	case CALL_ANSWERING:
		answer(c, call);
		break;
	}
}

/* ---- All of them ---- */

static void
stop_listening(struct calls *c, int64_t until)
{
	if (!c->deaf)
		watch(c, EPOLL_CTL_DEL, c->listener, 0, NULL);
	c->deaf = true;
	c->listen_at = until;
}

static void
accept_all(struct calls *c)
{
	while (c->n < CALLS_MOST) {
		struct call *call;
		int fd = accept4(c->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd == -1 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd == -1 && errno != EAGAIN) {
			log_warn("cannot accept a call: %s (will try again)", strerror(errno));
			stop_listening(c, clock_run() + ACCEPT_AGAIN);
		}
		if (fd == -1)
			return;
		call = xcalloc(1, sizeof(*call));
		*call = (struct call){.next = c->list, .fd = fd, .answer = -1};
		c->list = call;
		c->n++;
		if (watch(c, EPOLL_CTL_ADD, fd, EPOLLIN, call) == -1)
			end(c, call);
	}
	stop_listening(c, INT64_MAX);
}

/* Looks which answers there are. */
static void
take_answers(struct calls *c)
{
	struct call *next;

	answered = 0;	/* before looking: what comes from here on raises it again */
	for (struct call *call = c->list; call != NULL; call = next) {
		char *path;

		next = call->next;
		if (call->stage != CALL_WAITING)
			continue;
		path = xasprintf("%s/answer-%lld", c->attempt->folder, (long long)call->id);
		call->answer = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (call->answer != -1) {
			unlink(path);
			begin_answer(c, call);
		}
		free(path);
	}
}

/* Nobody is to wait any more, and nobody new is let in. */
static void
stop(struct calls *c, const char *why)
{
	struct call *next;

	if (c->stopped)
		return;
	c->stopped = true;
	stop_listening(c, INT64_MAX);
	close(c->listener);
	c->listener = -1;
	unlink(c->path);
	for (struct call *call = c->list; call != NULL; call = next) {
		next = call->next;
		if (call->stage == CALL_WAITING)
			give_up(c, call);
		if (call->stage != CALL_ANSWERING)
			refuse(c, call, why);
	}
}

static void
look_at_events(struct calls *c)
{
	struct epoll_event events[EVENTS_A_TURN];
	int n = epoll_wait(c->poller, events, EVENTS_A_TURN, 0);

	/* Each of them is about another descriptor, so what one ends is none of the others. */
	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr != NULL)
			handle(c, events[i].data.ptr, events[i].events);
		else if (!c->stopped)
			accept_all(c);
	}
}

int64_t
calls_turn(struct calls *c)
{
	if (c == NULL)
		return INT64_MAX;
	if (*c->attempt->stop != 0)
		stop(c, "the notebook is being stopped");
	if (c->deaf && !c->stopped && clock_run() >= c->listen_at && c->n < CALLS_MOST &&
	    watch(c, EPOLL_CTL_ADD, c->listener, EPOLLIN, NULL) == 0)
		c->deaf = false;
	look_at_events(c);
	if (answered)
		take_answers(c);
	return c->deaf && !c->stopped ? c->listen_at : INT64_MAX;
}

void
calls_close(struct calls *c)
{
	if (c == NULL)
		return;
	if (c->listener != -1)
		stop(c, "the notebook has ended");
	while (c->list != NULL)
		end(c, c->list);
	if (c->poller != -1)
		close(c->poller);
	free(c->path);
	free(c);
}
