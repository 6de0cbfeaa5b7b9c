/*
 * The wire: Jupyter's messaging protocol 5 over ZeroMQ sockets.
 *
 * Messages are signed with HMAC-SHA256 over the exact bytes of their four JSON parts
 * (jupyter_client, "The Wire Protocol"); one whose signature is wrong, which is cut, or which is no JSON is
 * dropped with a warning. Ill-formed UTF-8 is repaired with U+FFFD.
 *
 * One context and one I/O thread a process, made by wire_open(): from then on the process must not fork,
 * but for an exec. Nothing here blocks: the caller polls the descriptors and reads until there is nothing.
 */
#ifndef NBFORK_LOCAL_WIRE_H
#define NBFORK_LOCAL_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"
#include "local/kernel.h"

#define WIRE_ID 48	/* bytes of a message id with its NUL */

struct wire;	/* sockets, key, session id; private to wire.c */

/* A message as received. The spans and buffers are in memory of the message's own. */
struct message {
	enum channel channel;
	char *type;	/* header.msg_type; "" when it has none */
	char id[WIRE_ID * 2];	/* header.msg_id, cut if it is longer; "" when it has none */
	char parent[WIRE_ID * 2];	/* parent_header.msg_id; "" when there is none */
	/*
	 * header is an object, the others what the kernel sent
	 */
	struct json header, parent_header, metadata, content;
	const void **buffers;	/* binary parts behind the content */
	size_t *buffer_sizes;
	size_t nbuffers;
	void *memory;	/* private */
};

/*
 * What a message must not be: bytes of all its parts together; it is dropped. For a part that is larger ZeroMQ
 * drops the peer.
 */
#define WIRE_MESSAGE_MAX ((size_t)1024 * 1024 * 1024)

/*
 * Loads what signatures and sockets need (libcrypto looks it up in its configuration, libzmq's multicast the numbers of
 * protocols in the system's databases, which takes longer than all of a small notebook's messages). Called in the parent
 * it is there for all workers; neither makes threads.
 */
void wire_prepare(void);

/*
 * Connects shell, control and iopub of a kernel whose endpoints are there. On iopub the receive
 * high-water mark is off (messages are never dropped) and everything is subscribed before connecting. What is sent
 * before
 * the connection stands is delivered when it does. Returns NULL with *why (the caller's to free) when that fails.
 */
struct wire *wire_open(const struct kernel *k, char **why);

/* Closes without lingering. NULL is allowed. */
void wire_close(struct wire *w);

/*
 * Sends a message on shell or control. content is a JSON object; parent_header the JSON of the header it
 * answers, or NULL. id gets the new message's id. Returns 0, or -1 with errno (EAGAIN when the kernel does not
 * take it).
 */
int wire_send(struct wire *w, enum channel channel, const char *type, const char *content, size_t n,
    const char *parent_header, char id[WIRE_ID]);

/*
 * The descriptors to poll for input: shell, iopub, control. They are edge-triggered: read with wire_receive
 * until it returns 0 before polling, after wire_send() too.
 */
#define WIRE_FDS 3
void wire_fds(const struct wire *w, int fds[WIRE_FDS]);

/*
 * The next message that is there: iopub before shell before control, so that what a cell has put out is seen
 * before its reply
 * when both wait. Only behind a long row of messages on iopub the others come first once, lest a kernel that
 * never stops publishing keeps its replies from being seen. Returns 1 with *m to be released, 0 when there is none now.
 *
 * When a thousand messages in a row had to be dropped an empty one is returned (channel CHANNEL_HB, type ""), so that
 * the caller gets to look at the clock.
 */
int wire_receive(struct wire *w, struct message *m);
void message_release(struct message *m);

/* How many messages were dropped because they were not well-formed or not signed right. */
size_t wire_dropped(const struct wire *w);

#endif
