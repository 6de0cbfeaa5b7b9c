#include "local/wire.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "local/connection.h"

#define DELIMITER "<IDS|MSG>"
#define PROTOCOL_VERSION "5.3"
#define SESSION_ID 25	/* 24 hex digits: with a process id and a number it fits in WIRE_ID */
#define DIGEST 32	/* bytes of SHA-256 */
#define SIGNATURE (2 * DIGEST)	/* its hex digits */
#define IOPUB_ROW 256	/* then shell and control have a turn */
#define DROPPED_ROW 1000
#define DROPPED_TOLD 5	/* warnings; more of them help nobody */

/* The JSON parts of a message, in their order. */
enum part {
	PART_HEADER,
	PART_PARENT,
	PART_METADATA,
	PART_CONTENT,
	PARTS,
};

struct wire {
	void *context;
	void *sockets[CHANNELS];	/* NULL for those that are not used */
	int fds[CHANNELS];
	EVP_MAC_CTX *mac;	/* with the key set */
	char session[SESSION_ID];
	uint64_t sent;
	size_t dropped;
	unsigned iopub_row;
	/*
	 * Dates in nanoseconds. ipykernel has those up to microseconds read by dateutil, which takes longer than all the rest
	 * that it does with a small message; it has no use for them, and leaves finer ones as they are.
	 */
	bool fine_dates;
};

/* A message's frames, as ZeroMQ received them. */
struct parcel {
	zmq_msg_t *frames;
	size_t n, cap;
	size_t size;	/* bytes of all */
	struct buf repaired[PARTS];
};

/*
 * Milliseconds between two tries to connect, at first and at most. libzmq's own 100 would be felt with ipc, where the
 * endpoints are there or as good as; with tcp the kernel may need seconds until it listens, and each try costs.
 */
static const struct {
	int first, most;
} patience_ipc = {5, 100}, patience_tcp = {20, 200};

static const char *const channel_names[CHANNELS] = {"shell", "iopub", "stdin", "control", "heartbeat"};

/* ---- Signatures ---- */

static EVP_MAC_CTX *ready_mac;	/* HMAC with SHA256, without a key yet; NULL until wire_prepare() */
static void *ready_context;	/* never used: libzmq keeps what it has loaded as long as there is one; likewise */

void
wire_prepare(void)
{
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {OSSL_PARAM_utf8_string("digest", digest, sizeof(digest) - 1), OSSL_PARAM_END};
	EVP_MAC *mac;

	if (ready_mac != NULL)
		return;
	mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	ready_mac = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;
	EVP_MAC_free(mac);
	if (ready_mac != NULL && EVP_MAC_CTX_set_params(ready_mac, params) != 1) {
		EVP_MAC_CTX_free(ready_mac);
		ready_mac = NULL;
	}
	/* It has no threads before it has a socket. */
	if (ready_context == NULL)
		ready_context = zmq_ctx_new();
}

static EVP_MAC_CTX *
make_mac(const char *key)
{
	EVP_MAC_CTX *ctx;

	wire_prepare();
	ctx = ready_mac != NULL ? EVP_MAC_CTX_dup(ready_mac) : NULL;
	if (ctx != NULL && EVP_MAC_init(ctx, (const unsigned char *)key, strlen(key), NULL) != 1) {
		EVP_MAC_CTX_free(ctx);
		ctx = NULL;
	}
	return ctx;
}

/* The signature of four parts, as hex digits. Returns 0, or -1. */
static int
sign(struct wire *w, const struct json parts[PARTS], char signature[SIGNATURE + 1])
{
	unsigned char digest[DIGEST];
	size_t n;

	if (EVP_MAC_init(w->mac, NULL, 0, NULL) != 1)	/* without a key: again with the same */
		return -1;
	for (int i = 0; i < PARTS; i++)
		if (EVP_MAC_update(w->mac, (const unsigned char *)parts[i].text, parts[i].len) != 1)
			return -1;
	if (EVP_MAC_final(w->mac, digest, &n, sizeof(digest)) != 1 || n != DIGEST)
		return -1;
	for (int i = 0; i < DIGEST; i++)
		snprintf(signature + 2 * i, 3, "%02x", digest[i]);
	return 0;
}

/* ---- Sockets ---- */

static int
set_int(void *socket, int option, int value)
{
	return zmq_setsockopt(socket, option, &value, sizeof(value));
}

static int
connect_channel(struct wire *w, const struct kernel *k, enum channel c, int type)
{
	const int64_t largest = (int64_t)WIRE_MESSAGE_MAX;
	size_t n = sizeof(w->fds[c]);
	void *s = zmq_socket(w->context, type);
	char *endpoint;
	int result = -1;

	w->sockets[c] = s;
	if (s == NULL)
		return -1;
	/*
	 * No high-water marks: a SUB socket that has reached its own throws away what comes, outputs and the end of the
	 * cell with them. All this has to be set before connecting.
	 */
	if (set_int(s, ZMQ_LINGER, 0) == -1 || set_int(s, ZMQ_RCVHWM, 0) == -1 || set_int(s, ZMQ_SNDHWM, 0) == -1 ||
	    set_int(s, ZMQ_RECONNECT_IVL, k->by_ipc ? patience_ipc.first : patience_tcp.first) == -1 ||
	    set_int(s, ZMQ_RECONNECT_IVL_MAX, k->by_ipc ? patience_ipc.most : patience_tcp.most) == -1 ||
	    zmq_setsockopt(s, ZMQ_MAXMSGSIZE, &largest, sizeof(largest)) == -1)
		return -1;
	if (type == ZMQ_SUB && zmq_setsockopt(s, ZMQ_SUBSCRIBE, "", 0) == -1)
		return -1;
	if (type == ZMQ_DEALER && zmq_setsockopt(s, ZMQ_ROUTING_ID, w->session, strlen(w->session)) == -1)
		return -1;
	endpoint = kernel_endpoint(k, c);
	if (zmq_connect(s, endpoint) == 0)
		result = zmq_getsockopt(s, ZMQ_FD, &w->fds[c], &n);
	free(endpoint);
	return result;
}

struct wire *
wire_open(const struct kernel *k, char **why)
{
	struct wire *w = xcalloc(1, sizeof(*w));
	sigset_t all, old;
	int result = -1;

	w->fine_dates = k->by_ipykernel;
	connection_random(w->session, sizeof(w->session));
	w->mac = make_mac(k->key);
	if (w->mac == NULL) {
		*why = xstrdup("cannot sign messages: libcrypto has no HMAC with SHA256");
		wire_close(w);
		return NULL;
	}
	/* The threads inherit the mask; signals are for the caller alone. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	w->context = zmq_ctx_new();
	/* iopub first, so that the subscription has a start over the first request. */
	if (w->context != NULL && zmq_ctx_set(w->context, ZMQ_MAX_SOCKETS, CHANNELS) == 0 &&
	    connect_channel(w, k, CHANNEL_IOPUB, ZMQ_SUB) == 0 && connect_channel(w, k, CHANNEL_SHELL, ZMQ_DEALER) == 0 &&
	    connect_channel(w, k, CHANNEL_CONTROL, ZMQ_DEALER) == 0)
		result = 0;
	else
		*why = xasprintf("cannot connect to the kernel: %s", zmq_strerror(errno));
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (result == -1) {
		wire_close(w);
		return NULL;
	}
	return w;
}

void
wire_close(struct wire *w)
{
	if (w == NULL)
		return;
	for (int c = 0; c < CHANNELS; c++)
		if (w->sockets[c] != NULL)
			zmq_close(w->sockets[c]);
	while (w->context != NULL && zmq_ctx_term(w->context) == -1 && errno == EINTR)
		;
	EVP_MAC_CTX_free(w->mac);
	free(w);
}

void
wire_fds(const struct wire *w, int fds[WIRE_FDS])
{
	fds[0] = w->fds[CHANNEL_SHELL];
	fds[1] = w->fds[CHANNEL_IOPUB];
	fds[2] = w->fds[CHANNEL_CONTROL];
}

size_t
wire_dropped(const struct wire *w)
{
	return w->dropped;
}

/* ---- Sending ---- */

static int
send_frame(void *socket, const void *p, size_t n, int more)
{
	int result;

	do {
		result = zmq_send(socket, p, n, ZMQ_DONTWAIT | more);
	} while (result == -1 && errno == EINTR);
	return result == -1 ? -1 : 0;
}

static void
put_header(struct wire *w, struct buf *b, const char *type, const char *id)
{
	struct json_out o = JSON_OUT(b, -1, 0);
	char date[CLOCK_TEXT];

	json_out_open(&o, '{');
	json_out_key(&o, "msg_id");
	json_out_str(&o, id);
	json_out_key(&o, "session");
	json_out_str(&o, w->session);
	json_out_key(&o, "username");
	json_out_str(&o, "nbfork");
	json_out_key(&o, "date");
	json_out_str(&o, clock_text(date, clock_wall(), w->fine_dates ? 9 : 6));
	json_out_key(&o, "msg_type");
	json_out_str(&o, type);
	json_out_key(&o, "version");
	json_out_str(&o, PROTOCOL_VERSION);
	json_out_close(&o, '}');
}

int
wire_send(struct wire *w, enum channel channel, const char *type, const char *content, size_t n,
    const char *parent_header, char id[WIRE_ID])
{
	void *socket = w->sockets[channel];
	struct buf header = BUF_INIT;
	struct json parts[PARTS];
	char signature[SIGNATURE + 1];
	int result = -1, saved_errno;

	/* As jupyter_client's: the process id keeps apart what a session's forks send. */
	snprintf(id, WIRE_ID, "%s_%ld_%" PRIu64, w->session, (long)getpid(), w->sent);
	put_header(w, &header, type, id);
	if (parent_header == NULL)
		parent_header = "{}";
	parts[PART_HEADER] = (struct json){header.data, header.len};
	parts[PART_PARENT] = (struct json){parent_header, strlen(parent_header)};
	parts[PART_METADATA] = (struct json){"{}", 2};
	parts[PART_CONTENT] = (struct json){content, n};
	if (sign(w, parts, signature) == -1) {
		errno = EIO;
	} else if (send_frame(socket, DELIMITER, strlen(DELIMITER), ZMQ_SNDMORE) == 0) {
		/* Once the first frame is taken the others are. */
		result = send_frame(socket, signature, SIGNATURE, ZMQ_SNDMORE);
		for (int i = 0; result == 0 && i < PARTS; i++)
			result = send_frame(socket, parts[i].text, parts[i].len, i + 1 < PARTS ? ZMQ_SNDMORE : 0);
	}
	saved_errno = errno;
	if (result == 0)
		w->sent++;
	buf_release(&header);
	errno = saved_errno;
	return result;
}

/* ---- Receiving ---- */

static void
parcel_free(struct parcel *p)
{
	for (size_t i = 0; i < p->n; i++)
		zmq_msg_close(&p->frames[i]);
	for (int i = 0; i < PARTS; i++)
		buf_release(&p->repaired[i]);
	free(p->frames);
	free(p);
}

/* Room for one more frame. ZeroMQ's messages may only be moved by its own function. */
static zmq_msg_t *
parcel_room(struct parcel *p)
{
	zmq_msg_t *frames;

	if (p->n == p->cap) {
		p->cap = p->cap == 0 ? 8 : p->cap * 2;
		frames = xreallocarray(NULL, p->cap, sizeof(*frames));
		for (size_t i = 0; i < p->n; i++) {
			zmq_msg_init(&frames[i]);
			zmq_msg_move(&frames[i], &p->frames[i]);
		}
		free(p->frames);
		p->frames = frames;
	}
	zmq_msg_init(&p->frames[p->n]);
	return &p->frames[p->n];
}

/* All frames of the next message that is there; NULL when there is none. */
static struct parcel *
fetch(void *socket)
{
	struct parcel *p = xcalloc(1, sizeof(*p));
	zmq_msg_t *frame;
	int n;

	do {
		frame = parcel_room(p);
		do {
			n = zmq_msg_recv(frame, socket, ZMQ_DONTWAIT);
		} while (n == -1 && errno == EINTR);
		if (n == -1) {	/* only before the first: ZeroMQ hands a message over when all of it is there */
			parcel_free(p);
			return NULL;
		}
		p->n++;
		p->size += zmq_msg_size(frame);
	} while (zmq_msg_more(frame));
	return p;
}

static struct json
frame_text(struct parcel *p, size_t i)
{
	return (struct json){zmq_msg_data(&p->frames[i]), zmq_msg_size(&p->frames[i])};
}

/* Checks one part and gives its span. Returns NULL, or what is wrong. */
static const char *
read_part(struct parcel *p, size_t frame, enum part part, struct json *value)
{
	struct json text = frame_text(p, frame);
	struct buf *repaired = &p->repaired[part];

	if (json_parse(text.text, text.len, value, NULL) == 0)
		return NULL;
	if (utf8_check(text.text, text.len) < text.len) {
		utf8_put_repaired(repaired, text.text, text.len);
		if (json_parse(buf_str(repaired), repaired->len, value, NULL) == 0)
			return NULL;
	}
	return "it is no JSON";
}

/* Copies the string of a key, cut to what fits. */
static void
copy_id(char *to, size_t size, struct json header)
{
	struct buf b = BUF_INIT;

	json_decode(&b, json_get(header, "msg_id"));
	snprintf(to, size, "%s", buf_str(&b));
	buf_release(&b);
}

/* Makes a message of the frames. Returns NULL, or what is wrong with them. */
static const char *
unpack(struct wire *w, struct parcel *p, struct message *m)
{
	struct json *const spans[PARTS] = {&m->header, &m->parent_header, &m->metadata, &m->content};
	struct json signature, parts[PARTS];
	char expected[SIGNATURE + 1];
	const char *wrong;
	size_t at = 0;

	if (p->size > WIRE_MESSAGE_MAX)
		return "it is too large";
	/* In front are the identity (shell) or the topic (iopub), or nothing. */
	while (at < p->n && (zmq_msg_size(&p->frames[at]) != strlen(DELIMITER) ||
				memcmp(zmq_msg_data(&p->frames[at]), DELIMITER, strlen(DELIMITER)) != 0))
		at++;
	if (at == p->n)
		return "it has no delimiter";
	if (p->n - at < 2 + PARTS)
		return "it is cut";
	signature = frame_text(p, at + 1);
	for (int i = 0; i < PARTS; i++)
		parts[i] = frame_text(p, at + 2 + i);
	if (signature.len != SIGNATURE || sign(w, parts, expected) == -1 ||
	    CRYPTO_memcmp(signature.text, expected, SIGNATURE) != 0)
		return "its signature is wrong";
	for (int i = 0; i < PARTS; i++) {
		wrong = read_part(p, at + 2 + i, i, spans[i]);
		if (wrong != NULL)
			return wrong;
	}
	if (json_type(m->header) != JSON_OBJECT)
		return "its header is no object";
	m->type = json_strdup(json_get(m->header, "msg_type"));
	if (m->type == NULL)
		m->type = xstrdup("");
	copy_id(m->id, sizeof(m->id), m->header);
	copy_id(m->parent, sizeof(m->parent), m->parent_header);
	at += 2 + PARTS;
	if (at < p->n) {
		m->nbuffers = p->n - at;
		m->buffers = xreallocarray(NULL, m->nbuffers, sizeof(*m->buffers));
		m->buffer_sizes = xreallocarray(NULL, m->nbuffers, sizeof(*m->buffer_sizes));
		for (size_t i = 0; i < m->nbuffers; i++) {
			m->buffers[i] = zmq_msg_data(&p->frames[at + i]);
			m->buffer_sizes[i] = zmq_msg_size(&p->frames[at + i]);
		}
	}
	m->memory = p;
	return NULL;
}

/* The channel whose turn it is and what it has; NULL when none has anything. */
static struct parcel *
fetch_next(struct wire *w, enum channel *from)
{
	static const enum channel usual[] = {CHANNEL_IOPUB, CHANNEL_SHELL, CHANNEL_CONTROL};
	static const enum channel others_first[] = {CHANNEL_CONTROL, CHANNEL_SHELL, CHANNEL_IOPUB};
	const enum channel *order = w->iopub_row < IOPUB_ROW ? usual : others_first;
	struct parcel *p = NULL;

	for (int i = 0; p == NULL && i < 3; i++) {
		*from = order[i];
		p = fetch(w->sockets[order[i]]);
	}
	if (p == NULL || *from != CHANNEL_IOPUB || order == others_first)
		w->iopub_row = 0;
	else
		w->iopub_row++;
	return p;
}

int
wire_receive(struct wire *w, struct message *m)
{
	struct parcel *p;
	const char *wrong;

	for (int row = 0; row < DROPPED_ROW; row++) {
		*m = (struct message){.channel = CHANNEL_HB};
		p = fetch_next(w, &m->channel);
		if (p == NULL)
			return 0;
		wrong = unpack(w, p, m);
		if (wrong == NULL)
			return 1;
		if (w->dropped < DROPPED_TOLD)
			log_warn("dropped a message of the kernel on %s: %s%s", channel_names[m->channel], wrong,
			    w->dropped + 1 == DROPPED_TOLD ? "; no more of this will be told" : "");
		w->dropped++;
		parcel_free(p);
	}
	*m = (struct message){.channel = CHANNEL_HB, .type = xstrdup("")};
	return 1;
}

void
message_release(struct message *m)
{
	if (m->memory != NULL)
		parcel_free(m->memory);
	free(m->type);
	free(m->buffers);
	free(m->buffer_sizes);
	*m = (struct message){.channel = CHANNEL_HB};
}
