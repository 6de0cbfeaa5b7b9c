#include <check.h>
#include <ctype.h>
#include <limits.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "local/wire.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define PATIENCE (20 * NSEC_PER_SEC)
#define KEY "5d3a6e2f"
#define HEADER "{\"msg_id\": \"peer_1\", \"msg_type\": \"stream\", \"version\": \"5.3\"}"

/*
 * The kernel's side: sockets of this test's own, in the same process. What it does to send is over when it
 * returns; libzmq's threads carry it to the other side.
 */
static struct {
	void *context, *shell, *control, *iopub;
} peer;

static struct kernel kernel;
static struct wire *wire;
static char root[PATH_MAX];

/* What has been said since the test began. */
static char *first_warning;
static int warnings;

static void
note_warning(enum log_level level, const char *text)
{
	if (level != LOG_WARN)
		return;
	if (warnings++ == 0)
		first_warning = xstrdup(text);
}

static void
enter_folder(void)
{
	const char *above = getenv("TMPDIR");
	char made[PATH_MAX];

	snprintf(made, sizeof(made), "%s/check_wire.XXXXXX", above != NULL ? above : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(made));
	ck_assert_ptr_nonnull(realpath(made, root));
	kernel = (struct kernel)KERNEL_INIT;
	kernel.by_ipc = true;
	kernel.address = xasprintf("%s/k", root);
	for (int c = 0; c < CHANNELS; c++)
		kernel.ports[c] = c + 1;
	snprintf(kernel.key, sizeof(kernel.key), "%s", KEY);
	warnings = 0;
	log_child(NULL, note_warning);
}

static void *
bind_peer(int type, enum channel c)
{
	void *s = zmq_socket(peer.context, type);
	char *endpoint = kernel_endpoint(&kernel, c);
	int none = 0, yes = 1, patience = 20000;

	zmq_setsockopt(s, ZMQ_LINGER, &none, sizeof(none));
	zmq_setsockopt(s, ZMQ_RCVTIMEO, &patience, sizeof(patience));
	zmq_setsockopt(s, ZMQ_SNDTIMEO, &patience, sizeof(patience));
	/* Where a kernel would throw away what the other side does not take, this one waits and then fails the test. */
	if (type == ZMQ_XPUB)
		zmq_setsockopt(s, ZMQ_XPUB_NODROP, &yes, sizeof(yes));
	ck_assert_int_eq(zmq_bind(s, endpoint), 0);
	free(endpoint);
	return s;
}

static void
open_peer(void)
{
	peer.context = zmq_ctx_new();
	peer.shell = bind_peer(ZMQ_ROUTER, CHANNEL_SHELL);
	peer.control = bind_peer(ZMQ_ROUTER, CHANNEL_CONTROL);
	peer.iopub = bind_peer(ZMQ_XPUB, CHANNEL_IOPUB);
}

static void
await_subscription(void)
{
	char bytes[8];

	ck_assert_int_eq(zmq_recv(peer.iopub, bytes, sizeof(bytes), 0), 1);
	ck_assert_int_eq(bytes[0], 1);
}

static void
open_both(void)
{
	char *why = NULL;

	enter_folder();
	open_peer();
	wire = wire_open(&kernel, &why);
	ck_assert_msg(wire != NULL, "%s", why);
	await_subscription();
}

static void
open_both_of_ipykernel(void)
{
	kernel.by_ipykernel = true;
	open_both();
}

static void
close_both(void)
{
	wire_close(wire);
	if (peer.context != NULL) {
		zmq_close(peer.shell);
		zmq_close(peer.control);
		zmq_close(peer.iopub);
		zmq_ctx_term(peer.context);
	}
	free(kernel.address);
	free(first_warning);
	ck_assert_int_eq(file_remove_tree(root), 0);
}

/* ---- The peer's messages ---- */

struct frame {
	const void *p;
	size_t n;
};

#define FRAME(s) {(s), sizeof(s) - 1}

static void
send_frames(void *socket, const struct frame *frames, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(zmq_send(socket, frames[i].p, frames[i].n, i + 1 < n ? ZMQ_SNDMORE : 0), (int)frames[i].n);
}

static struct frame
frame(const char *s)
{
	return (struct frame){s, strlen(s)};
}

/* The signature of four frames, by another function of libcrypto than the one under test. */
static void
sign(const struct frame parts[4], char hex[65])
{
	unsigned char digest[32];
	struct buf all = BUF_INIT;
	size_t n;

	for (int i = 0; i < 4; i++)
		buf_add(&all, parts[i].p, parts[i].n);
	ck_assert_ptr_nonnull(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, KEY, strlen(KEY),
	    (const unsigned char *)buf_str(&all), all.len, digest, sizeof(digest), &n));
	ck_assert_uint_eq(n, 32);
	for (int i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	buf_release(&all);
}

/* Sends what is right: on iopub with a topic, elsewhere to the given identity. */
static void
tell(void *socket, const char *to, const char *header, const char *parent, const char *metadata, const char *content)
{
	char signature[65];
	struct frame f[7] = {frame(to), FRAME("<IDS|MSG>"), {signature, 64}, frame(header), frame(parent), frame(metadata),
		frame(content)};

	sign(f + 3, signature);
	send_frames(socket, f, 7);
}

static void
publish(const char *content)
{
	tell(peer.iopub, "topic", HEADER, "{}", "{}", content);
}

/* The next message, which is on its way. */
static void
receive(struct message *m)
{
	const int64_t deadline = clock_run() + PATIENCE;
	struct pollfd p[WIRE_FDS];
	struct timespec left;
	int fds[WIRE_FDS];

	while (wire_receive(wire, m) == 0) {
		wire_fds(wire, fds);
		for (int i = 0; i < WIRE_FDS; i++)
			p[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
		ck_assert_int_ge(ppoll(p, WIRE_FDS, clock_left(deadline, &left), NULL), 1);
	}
}

static void
expect_text(struct json got, const char *text)
{
	ck_assert_uint_eq(got.len, strlen(text));
	ck_assert_mem_eq(got.text, text, got.len);
}

static void
expect_content(const char *content)
{
	struct message m;

	receive(&m);
	ck_assert_int_eq(m.channel, CHANNEL_IOPUB);
	expect_text(m.content, content);
	message_release(&m);
}

/* The identity that the wire shows on shell or control; its message is taken off. */
static char *
identity(enum channel channel)
{
	void *socket = channel == CHANNEL_SHELL ? peer.shell : peer.control;
	char id[WIRE_ID], bytes[256];
	int n, more = 1;
	size_t size = sizeof(more);
	char *result;

	ck_assert_int_eq(wire_send(wire, channel, "hello", "{}", 2, NULL, id), 0);
	n = zmq_recv(socket, bytes, sizeof(bytes), 0);
	ck_assert_int_gt(n, 0);
	result = xmemdup0(bytes, (size_t)n);
	for (;;) {
		zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size);
		if (!more)
			return result;
		zmq_recv(socket, bytes, sizeof(bytes), 0);
	}
}

/* ---- Sending ---- */

START_TEST(sends)
{
	static const char content[] = "{\"code\": \"1 +  1\", \"a\":\t[] }";
	static const char parent[] = "{\"msg_id\": \"other\"}";
	static const enum channel channels[] = {CHANNEL_SHELL, CHANNEL_CONTROL};
	void *const sockets[] = {peer.shell, peer.control};
	char id[WIRE_ID], previous[WIRE_ID] = "", session[WIRE_ID] = "", hex[65], *s;
	char bytes[7][512];
	struct frame f[7];
	struct json header;
	struct tm tm;
	int more;
	size_t size = sizeof(more);

	for (int round = 0; round < 4; round++) {
		ck_assert_int_eq(wire_send(wire, channels[round % 2], "execute_request", content, sizeof(content) - 1,
		    round < 2 ? NULL : parent, id), 0);
		for (int i = 0; i < 7; i++) {
			int n = zmq_recv(sockets[round % 2], bytes[i], sizeof(bytes[i]), 0);

			ck_assert_int_ge(n, 0);
			f[i] = (struct frame){bytes[i], (size_t)n};
			zmq_getsockopt(sockets[round % 2], ZMQ_RCVMORE, &more, &size);
			ck_assert_int_eq(more != 0, i < 6);
		}
		ck_assert_uint_eq(f[1].n, 9);
		ck_assert_mem_eq(f[1].p, "<IDS|MSG>", 9);
		sign(f + 3, hex);
		ck_assert_uint_eq(f[2].n, 64);
		ck_assert_mem_eq(f[2].p, hex, 64);
		expect_text((struct json){f[4].p, f[4].n}, round < 2 ? "{}" : parent);
		expect_text((struct json){f[5].p, f[5].n}, "{}");
		expect_text((struct json){f[6].p, f[6].n}, content);

		ck_assert_int_eq(json_parse(f[3].p, f[3].n, &header, NULL), 0);
		ck_assert(json_is(json_get(header, "msg_type"), "execute_request"));
		ck_assert(json_is(json_get(header, "version"), "5.3"));
		ck_assert(json_is(json_get(header, "msg_id"), id));
		ck_assert_int_eq(json_type(json_get(header, "username")), JSON_STRING);
		ck_assert_str_ne(id, previous);
		memcpy(previous, id, sizeof(id));
		/* One session, which is also the identity of both sockets. */
		s = json_strdup(json_get(header, "session"));
		ck_assert_uint_ge(strlen(s), 16);
		ck_assert_uint_eq(f[0].n, strlen(s));
		ck_assert_mem_eq(f[0].p, s, f[0].n);
		ck_assert_int_eq(strncmp(id, s, strlen(s)), 0);
		if (round > 0)
			ck_assert_str_eq(s, session);
		snprintf(session, sizeof(session), "%s", s);
		free(s);
		/* 2026-11-22T08:15:00.123456Z, now; three digits more are more than ipykernel takes for a date. */
		s = json_strdup(json_get(header, "date"));
		ck_assert_uint_eq(strlen(s), kernel.by_ipykernel ? 30 : 27);
		ck_assert_str_eq(strptime(s, "%Y-%m-%dT%H:%M:%S", &tm) + (kernel.by_ipykernel ? 10 : 7), "Z");
		ck_assert_int_le(llabs((long long)timegm(&tm) - clock_wall() / 1000000), 5);
		free(s);
	}
}
END_TEST

/* What is sent before the kernel listens arrives when it does. */
START_TEST(waits_for_the_kernel)
{
	char *why = NULL, *who, id[WIRE_ID];
	struct message m;
	int64_t start;

	enter_folder();
	if (_i == 1) {
		struct sockaddr_in sin = {.sin_family = AF_INET};
		socklen_t n = sizeof(sin);

		kernel.by_ipc = false;
		free(kernel.address);
		kernel.address = xstrdup("127.0.0.1");
		for (int c = 0; c < CHANNELS; c++) {
			int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

			sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
			sin.sin_port = 0;
			ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
			ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sin, &n), 0);
			kernel.ports[c] = ntohs(sin.sin_port);
			close(fd);
		}
	}
	wire = wire_open(&kernel, &why);
	ck_assert_msg(wire != NULL, "%s", why);
	ck_assert_int_eq(wire_send(wire, CHANNEL_SHELL, "early", "{}", 2, NULL, id), 0);
	ck_assert_int_eq(wire_receive(wire, &m), 0);
	poll(NULL, 0, 50);
	start = clock_run();
	open_peer();
	await_subscription();
	who = identity(CHANNEL_SHELL);
	free(who);
	/* With libzmq's own settings it could take longer, but not this long. */
	ck_assert_int_lt(clock_run() - start, 5 * NSEC_PER_SEC);
	publish("{}");
	expect_content("{}");
	close_both();
}
END_TEST

/* Nothing keeps it from closing: not even what could not be sent. */
START_TEST(closes_at_once)
{
	char *why = NULL, id[WIRE_ID];
	int64_t start;

	enter_folder();
	wire = wire_open(&kernel, &why);
	ck_assert_msg(wire != NULL, "%s", why);
	for (int i = 0; i < 6000; i++)
		ck_assert_int_eq(wire_send(wire, i % 2 == 0 ? CHANNEL_SHELL : CHANNEL_CONTROL, "x", "{}", 2, NULL, id), 0);
	start = clock_run();
	close_both();
	ck_assert_int_lt(clock_run() - start, 30 * NSEC_PER_SEC);
	wire_close(NULL);
}
END_TEST

START_TEST(tells_why_it_cannot_connect)
{
	char *why = NULL, *name = xmalloc(201);

	enter_folder();
	memset(name, 'x', 200);
	name[200] = '\0';
	free(kernel.address);
	kernel.address = xasprintf("/%s", name);
	ck_assert_ptr_null(wire_open(&kernel, &why));
	ck_assert_int_eq(strncmp(why, "cannot connect to the kernel: ", 30), 0);
	free(why);
	free(name);
	wire = NULL;
	close_both();
}
END_TEST

/* ---- Receiving ---- */

START_TEST(receives)
{
	struct message m;
	char *who = identity(CHANNEL_SHELL), *same = identity(CHANNEL_CONTROL);

	ck_assert_str_eq(who, same);
	tell(peer.iopub, "kernel.x.status", "{\"msg_type\":\"status\",\"msg_id\":\"a\\u00e9\"}", "{\"msg_id\": \"b\", \"x\": [1]}",
	    "{\"m\": 1}", "{\"execution_state\": NaN}");
	receive(&m);
	ck_assert_int_eq(m.channel, CHANNEL_IOPUB);
	ck_assert_str_eq(m.type, "status");
	ck_assert_str_eq(m.id, "a\xc3\xa9");
	ck_assert_str_eq(m.parent, "b");
	expect_text(m.header, "{\"msg_type\":\"status\",\"msg_id\":\"a\\u00e9\"}");
	expect_text(m.parent_header, "{\"msg_id\": \"b\", \"x\": [1]}");
	expect_text(m.metadata, "{\"m\": 1}");
	expect_text(m.content, "{\"execution_state\": NaN}");
	ck_assert_uint_eq(m.nbuffers, 0);
	message_release(&m);
	message_release(&m);
	ck_assert_int_eq(wire_receive(wire, &m), 0);

	tell(peer.shell, who, HEADER, "{}", "{}", "{}");
	receive(&m);
	ck_assert_int_eq(m.channel, CHANNEL_SHELL);
	message_release(&m);
	tell(peer.control, who, HEADER, "{}", "{}", "{}");
	receive(&m);
	ck_assert_int_eq(m.channel, CHANNEL_CONTROL);
	message_release(&m);
	ck_assert_uint_eq(wire_dropped(wire), 0);
	free(who);
	free(same);
}
END_TEST

static const struct {
	const char *header, *parent;
	const char *type, *id, *parent_id;
} sparse[] = {
	{"{}", "{}", "", "", ""},
	{"{\"msg_type\": 1, \"msg_id\": null}", "null", "", "", ""},
	{"{\"msg_type\": \"a\\u0000b\", \"msg_id\": \"c\\u0000d\"}", "[]", "", "c", ""},
	{"{\"msg_type\": \"x\", \"msg_id\": \"1\", \"msg_id\": \"2\"}", "{\"msg_id\": {}}", "x", "2", ""},
	{"{\"msg_type\": \"\", \"msg_id\": \"12345678901234567890123456789012345678901234567890"
	 "123456789012345678901234567890123456789012345678901234567890\"}", "{\"msg_id\": \"p\"}", "",
	    "12345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345", "p"},
};

START_TEST(takes_sparse_headers)
{
	struct message m;

	tell(peer.iopub, "", sparse[_i].header, sparse[_i].parent, "[]", "0");
	receive(&m);
	ck_assert_str_eq(m.type, sparse[_i].type);
	ck_assert_str_eq(m.id, sparse[_i].id);
	ck_assert_str_eq(m.parent, sparse[_i].parent_id);
	message_release(&m);
}
END_TEST

/* Topics, none, or several frames in front; a topic that looks like the delimiter but for a byte. */
START_TEST(finds_the_delimiter)
{
	char signature[65];
	const struct frame front[] = {FRAME("a"), FRAME(""), FRAME("<IDS|MSG"), FRAME("<IDS|MSG>>")};
	struct frame f[10];
	struct message m;

	for (int n = 0; n <= 4; n++) {
		memcpy(f, front, sizeof(front));
		f[n] = frame("<IDS|MSG>");
		f[n + 1] = (struct frame){signature, 64};
		f[n + 2] = frame(HEADER);
		f[n + 3] = f[n + 4] = frame("{}");
		f[n + 5] = frame("{\"n\": 1}");
		sign(f + n + 2, signature);
		send_frames(peer.iopub, f, (size_t)n + 6);
		receive(&m);
		ck_assert_str_eq(m.type, "stream");
		expect_text(m.content, "{\"n\": 1}");
		ck_assert_uint_eq(m.nbuffers, 0);
		message_release(&m);
	}
	ck_assert_uint_eq(wire_dropped(wire), 0);
}
END_TEST

/* Binary parts are not signed and come as they are, however many there are. */
START_TEST(hands_out_buffers)
{
	enum { MANY = 200 };
	char signature[65], numbers[MANY][12];
	struct frame f[7 + MANY] = {FRAME("t"), FRAME("<IDS|MSG>"), {signature, 64}, FRAME(HEADER), FRAME("{}"), FRAME("{}"),
		FRAME("{}"), FRAME("\0\xff<IDS|MSG>"), FRAME(""), FRAME("<IDS|MSG>")};
	char *big = xmalloc(3000000);
	struct message m;

	memset(big, 'b', 3000000);
	f[10] = (struct frame){big, 3000000};
	for (int i = 4; i < MANY; i++) {
		snprintf(numbers[i], sizeof(numbers[i]), "%d", i);
		f[7 + i] = frame(numbers[i]);
	}
	sign(f + 3, signature);
	send_frames(peer.iopub, f, COUNT(f));
	receive(&m);
	ck_assert_uint_eq(m.nbuffers, MANY);
	for (int i = 0; i < MANY; i++) {
		ck_assert_uint_eq(m.buffer_sizes[i], f[7 + i].n);
		if (f[7 + i].n != 0)
			ck_assert_mem_eq(m.buffers[i], f[7 + i].p, f[7 + i].n);
	}
	message_release(&m);
	free(big);
}
END_TEST

START_TEST(repairs_utf8)
{
	struct message m;

	tell(peer.iopub, "\xff", "{\"msg_type\": \"s\xfft\", \"msg_id\": \"i\xc3\"}", "{\"msg_id\": \"\xed\xa0\x80\"}",
	    "{\"m\": \"\x80\"}", "{\"text\": \"a\xf0\x9f\x98z\xc3\xa9\", \"\xfe\": 1}");
	receive(&m);
	ck_assert_str_eq(m.type, "s\xef\xbf\xbdt");
	ck_assert_str_eq(m.id, "i\xef\xbf\xbd");
	expect_text(m.metadata, "{\"m\": \"\xef\xbf\xbd\"}");
	expect_text(m.content, "{\"text\": \"a\xef\xbf\xbdz\xc3\xa9\", \"\xef\xbf\xbd\": 1}");
	message_release(&m);
	ck_assert_uint_eq(wire_dropped(wire), 0);
}
END_TEST

/* What must not pass. */
static const struct {
	struct frame parts[4];
	const char *signature;	/* NULL: the right one */
	int frames;	/* of delimiter, signature and the four parts; 0: all */
	const char *wrong;
} bad[] = {
	{{FRAME(HEADER), FRAME("{}"), FRAME("{}"), FRAME("{}")},
	    "0000000000000000000000000000000000000000000000000000000000000000", 0, "its signature is wrong"},
	{{FRAME(HEADER), FRAME("{}"), FRAME("{}"), FRAME("{}")}, "", 0, "its signature is wrong"},
	{{FRAME(HEADER), FRAME("{}"), FRAME("{}"), FRAME("{}")}, "00", 0, "its signature is wrong"},
	{{FRAME(HEADER), FRAME("{}"), FRAME("{}"), FRAME("{}")}, NULL, 5, "it is cut"},
	{{FRAME(HEADER), FRAME("{}"), FRAME("{}"), FRAME("{}")}, NULL, 2, "it is cut"},
	{{FRAME(HEADER), FRAME("{}"), FRAME("{}"), FRAME("{}")}, NULL, 1, "it is cut"},
	{{FRAME(HEADER), FRAME("{}"), FRAME("{}"), FRAME("{")}, NULL, 0, "it is no JSON"},
	{{FRAME(HEADER), FRAME("{}"), FRAME("{}"), FRAME("")}, NULL, 0, "it is no JSON"},
	{{FRAME(HEADER), FRAME("{}"), FRAME("{} {}"), FRAME("{}")}, NULL, 0, "it is no JSON"},
	{{FRAME(HEADER), FRAME("{'a': 1}"), FRAME("{}"), FRAME("{}")}, NULL, 0, "it is no JSON"},
	{{FRAME("{\"msg_type\"}"), FRAME("{}"), FRAME("{}"), FRAME("{}")}, NULL, 0, "it is no JSON"},
	{{FRAME(HEADER), FRAME("{}"), FRAME("{}"), FRAME("{\"a\": \"\xff}")}, NULL, 0, "it is no JSON"},
	{{FRAME("[]"), FRAME("{}"), FRAME("{}"), FRAME("{}")}, NULL, 0, "its header is no object"},
	{{FRAME("null"), FRAME("{}"), FRAME("{}"), FRAME("{}")}, NULL, 0, "its header is no object"},
};

START_TEST(drops_what_is_wrong)
{
	char signature[65], *want;
	struct frame f[7] = {FRAME("topic"), FRAME("<IDS|MSG>"), {signature, 64}};

	memcpy(f + 3, bad[_i].parts, sizeof(bad[_i].parts));
	sign(f + 3, signature);
	if (bad[_i].signature != NULL)
		f[2] = frame(bad[_i].signature);
	send_frames(peer.iopub, f, bad[_i].frames == 0 ? 7 : (size_t)bad[_i].frames + 1);
	publish("{\"after\": 1}");
	expect_content("{\"after\": 1}");
	ck_assert_uint_eq(wire_dropped(wire), 1);
	ck_assert_int_eq(warnings, 1);
	want = xasprintf("dropped a message of the kernel on iopub: %s", bad[_i].wrong);
	ck_assert_str_eq(first_warning, want);
	free(want);
}
END_TEST

START_TEST(drops_without_delimiter)
{
	const struct frame one[] = {FRAME("x")}, empty[] = {FRAME("")}, near[] = {FRAME("topic"), FRAME("<IDS|MSG"), FRAME(">")};

	send_frames(peer.iopub, one, 1);
	send_frames(peer.iopub, empty, 1);
	send_frames(peer.iopub, near, 3);
	publish("{}");
	expect_content("{}");
	ck_assert_uint_eq(wire_dropped(wire), 3);
	ck_assert_str_eq(first_warning, "dropped a message of the kernel on iopub: it has no delimiter");
}
END_TEST

/* A byte changed in any of the signed parts, or in the signature. */
START_TEST(drops_what_was_changed)
{
	char signature[65], longer[65];
	struct frame right[7] = {FRAME("t"), FRAME("<IDS|MSG>"), {signature, 64}, FRAME(HEADER), FRAME("{\"p\": 1}"),
		FRAME("{\"m\": 1}"), FRAME("{\"c\": 1}")};
	size_t changes = 0;

	sign(right + 3, signature);
	send_frames(peer.iopub, right, 7);
	expect_content("{\"c\": 1}");
	for (int part = 2; part < 7; part++) {
		for (size_t at = 0; at < right[part].n; at += 3) {
			struct frame f[7];
			char *copy = xmemdup0(right[part].p, right[part].n);

			memcpy(f, right, sizeof(f));
			copy[at] ^= part == 2 ? 1 : 0x20;	/* a digit of hex stays one, or nearly so */
			f[part].p = copy;
			send_frames(peer.iopub, f, 7);
			free(copy);
			changes++;
		}
	}
	/* With more behind it, or in capital letters, it is not what the protocol says. */
	memcpy(longer, signature, 64);
	longer[64] = '0';
	right[2] = (struct frame){longer, 65};
	send_frames(peer.iopub, right, 7);
	right[2] = (struct frame){signature, 64};
	changes++;
	for (char *p = signature; *p != '\0'; p++)
		*p = (char)toupper((unsigned char)*p);
	send_frames(peer.iopub, right, 7);
	changes++;
	publish("{}");
	expect_content("{}");
	ck_assert_uint_eq(wire_dropped(wire), changes);
	ck_assert_uint_gt(changes, 40);
	ck_assert_int_eq(warnings, 5);
}
END_TEST

START_TEST(drops_with_another_key)
{
	struct message m;
	char *who, *why = NULL;

	/* To the wire it is a kernel that signs with another key. */
	wire_close(wire);
	kernel.key[0]++;
	wire = wire_open(&kernel, &why);
	ck_assert_msg(wire != NULL, "%s", why);
	who = identity(CHANNEL_SHELL);
	tell(peer.shell, who, HEADER, "{}", "{}", "{}");
	for (int64_t deadline = clock_run() + PATIENCE; wire_dropped(wire) == 0 && clock_run() < deadline; poll(NULL, 0, 5))
		ck_assert_int_eq(wire_receive(wire, &m), 0);
	ck_assert_uint_eq(wire_dropped(wire), 1);
	ck_assert_str_eq(first_warning, "dropped a message of the kernel on shell: its signature is wrong");
	free(who);
}
END_TEST

START_TEST(iopub_comes_first)
{
	static const enum channel order[] = {CHANNEL_IOPUB, CHANNEL_IOPUB, CHANNEL_SHELL, CHANNEL_SHELL, CHANNEL_CONTROL};
	char *who = identity(CHANNEL_SHELL), *same = identity(CHANNEL_CONTROL);
	struct message m;

	tell(peer.control, who, HEADER, "{}", "{}", "{}");
	tell(peer.shell, who, HEADER, "{}", "{}", "{}");
	tell(peer.shell, who, HEADER, "{}", "{}", "{}");
	publish("1");
	publish("2");
	poll(NULL, 0, 300);	/* until all have arrived */
	for (int i = 0; i < COUNT(order); i++) {
		ck_assert_int_eq(wire_receive(wire, &m), 1);
		ck_assert_int_eq(m.channel, order[i]);
		message_release(&m);
	}
	ck_assert_int_eq(wire_receive(wire, &m), 0);
	free(who);
	free(same);
}
END_TEST

/* More than any high-water mark, and nobody reads: none is lost, and the rest does not wait behind all of it. */
START_TEST(loses_nothing)
{
	enum { MANY = 20000 };
	char *who = identity(CHANNEL_SHELL), *same = identity(CHANNEL_CONTROL), content[32];
	int n = 0, shell_at = -1, control_at = -1;
	struct message m;

	for (int i = 0; i < MANY; i++) {
		snprintf(content, sizeof(content), "{\"n\": %d}", i);
		publish(content);
	}
	tell(peer.shell, who, HEADER, "{}", "{}", "{}");
	tell(peer.control, who, HEADER, "{}", "{}", "{}");
	poll(NULL, 0, 1000);
	while (n < MANY || shell_at == -1 || control_at == -1) {
		receive(&m);
		if (m.channel == CHANNEL_IOPUB) {
			snprintf(content, sizeof(content), "{\"n\": %d}", n);
			expect_text(m.content, content);
			n++;
		} else if (m.channel == CHANNEL_SHELL) {
			ck_assert_int_eq(shell_at, -1);
			shell_at = n;
		} else {
			ck_assert_int_eq(control_at, -1);
			control_at = n;
		}
		message_release(&m);
	}
	ck_assert_int_eq(wire_receive(wire, &m), 0);
	ck_assert_uint_eq(wire_dropped(wire), 0);
	ck_assert_int_gt(shell_at, 100);
	ck_assert_int_lt(shell_at, 1000);
	ck_assert_int_gt(control_at, 100);
	ck_assert_int_lt(control_at, 1000);
	free(who);
	free(same);
}
END_TEST

/* A kernel that sends nothing but rubbish does not keep the caller in here for ever. */
START_TEST(comes_back_from_rubbish)
{
	const struct frame rubbish[] = {FRAME("topic"), FRAME("rubbish")};
	struct message m;
	int empty = 0;

	for (int i = 0; i < 2500; i++)
		send_frames(peer.iopub, rubbish, 2);
	publish("{}");
	poll(NULL, 0, 1000);
	for (;;) {
		receive(&m);
		ck_assert_uint_eq(wire_dropped(wire), empty < 2 ? (size_t)(empty + 1) * 1000 : 2500);
		if (m.channel == CHANNEL_IOPUB)
			break;
		ck_assert_int_eq(m.channel, CHANNEL_HB);
		ck_assert_str_eq(m.type, "");
		ck_assert_str_eq(m.id, "");
		ck_assert_str_eq(m.parent, "");
		ck_assert_uint_eq(m.nbuffers, 0);
		message_release(&m);
		empty++;
	}
	message_release(&m);
	ck_assert_int_eq(empty, 2);
	ck_assert_int_eq(warnings, 5);
}
END_TEST

START_TEST(passes_large_messages)
{
	const size_t n = 30 * 1024 * 1024;
	struct buf content = BUF_INIT;
	struct message m;

	buf_adds(&content, "{\"text\": \"");
	buf_fill(&content, 'x', n);
	buf_adds(&content, "\"}");
	publish(buf_str(&content));
	receive(&m);
	ck_assert_uint_eq(m.content.len, content.len);
	ck_assert_mem_eq(m.content.text, content.data, content.len);
	message_release(&m);
	buf_release(&content);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("wire");
	TCase *alone = tcase_create("alone"), *both = tcase_create("both"), *fine = tcase_create("fine");
	SRunner *runner;
	int failed;

	tcase_set_timeout(alone, 60);
	tcase_add_loop_test(alone, waits_for_the_kernel, 0, 2);
	tcase_add_test(alone, closes_at_once);
	tcase_add_test(alone, tells_why_it_cannot_connect);
	suite_add_tcase(suite, alone);

	tcase_set_timeout(both, 60);
	tcase_add_checked_fixture(both, open_both, close_both);
	tcase_add_test(both, sends);
	tcase_add_test(both, receives);
	tcase_add_loop_test(both, takes_sparse_headers, 0, COUNT(sparse));
	tcase_add_test(both, finds_the_delimiter);
	tcase_add_test(both, hands_out_buffers);
	tcase_add_test(both, repairs_utf8);
	tcase_add_loop_test(both, drops_what_is_wrong, 0, COUNT(bad));
	tcase_add_test(both, drops_without_delimiter);
	tcase_add_test(both, drops_what_was_changed);
	tcase_add_test(both, drops_with_another_key);
	tcase_add_test(both, iopub_comes_first);
	tcase_add_test(both, loses_nothing);
	tcase_add_test(both, comes_back_from_rubbish);
	tcase_add_test(both, passes_large_messages);
	suite_add_tcase(suite, both);

	tcase_add_checked_fixture(fine, open_both_of_ipykernel, close_both);
	tcase_add_test(fine, sends);
	suite_add_tcase(suite, fine);

	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
