/*
 * Frames: what a worker says to the pool, through a pipe.
 *
 * A frame is a header of two 32-bit numbers in host byte order (both ends are one program image), type and
 * length, and that many bytes, at least one. The length is checked against the type's maximum before a byte
 * of it is taken. A worker sends PROGRESS and LOG frames as it likes, then at most one RESULT, and after it
 * nothing but LOG frames (what its cleaning up has to say) until end of file. One writer, one reader.
 */
#ifndef NBFORK_POOL_FRAME_H
#define NBFORK_POOL_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum frame_type {
	FRAME_PROGRESS = 1,	/* a JSON object */
	FRAME_RESULT,	/* a JSON object, at most one */
	FRAME_LOG,	/* one byte of enum log_level, then text */
};

#define FRAME_PROGRESS_MAX (2u * 1024 * 1024)	/* bytes of payload */
#define FRAME_RESULT_MAX (40u * 1024 * 1024)
#define FRAME_LOG_MAX (4u * 1024)

/*
 * Sends one frame on a blocking descriptor. Returns 0; -1 with errno: EMSGSIZE when n is 0 or over the
 * maximum (nothing has been sent then), EPIPE when nobody reads (SIGPIPE must be ignored).
 */
int frame_send(int fd, enum frame_type type, const void *payload, size_t n);

/* The receiving end: an accumulating buffer and how far the conversation has come. */
struct frame_reader {
	struct buf buf;
	size_t taken;	/* bytes at the front that frame_next has handed out */
	char covered;	/* private: the byte that the NUL behind the last payload stands on */
	bool has_result;	/* the RESULT has been handed out */
	const char *problem;	/* static text once something was wrong: nothing more is read then */
};

struct frame {
	enum frame_type type;
	/*
	 * in the reader's buffer, a NUL byte behind it: valid until the next call with the reader
	 */
	const char *payload;
	size_t n;
};

void frame_reader_init(struct frame_reader *r);
void frame_reader_release(struct frame_reader *r);	/* frees the buffer; problem stays */

/*
 * Reads once (at most 64 KiB) from a non-blocking descriptor. Returns 1 when something came, 0 when there
 * is nothing now, -1 at end of file or on an error (which counts as end of file).
 */
int frame_fill(struct frame_reader *r, int fd);

/*
 * Takes the next whole frame. Returns 1 with *f, 0 when more bytes are needed, -1 when the other end broke
 * the rules; then r->problem says how ("sent a frame of unknown type", "sent a frame that is too long",
 * "sent more after its result").
 */
int frame_next(struct frame_reader *r, struct frame *f);

/*
 * At end of file, when frame_next has handed out all: NULL when the conversation is complete, else what is
 * wrong with it (problem, "ended in the middle of a frame", "ended without a result"). Static text.
 */
const char *frame_end(const struct frame_reader *r);

#endif
