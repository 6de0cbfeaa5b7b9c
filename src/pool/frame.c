#include "pool/frame.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILL_MAX (64 * 1024)	/* bytes a turn: what a pipe holds, and no more for one job than for another */

struct header {
	uint32_t type;
	uint32_t n;
};

/* The longest payload of a type; 0 when there is no such type. */
static size_t
max_payload(uint32_t type)
{
	switch (type) {
	case FRAME_PROGRESS:
		return FRAME_PROGRESS_MAX;
	case FRAME_RESULT:
		return FRAME_RESULT_MAX;
	case FRAME_LOG:
		return FRAME_LOG_MAX;
	default:
		return 0;
	}
}

int
frame_send(int fd, enum frame_type type, const void *payload, size_t n)
{
	struct header header = {(uint32_t)type, (uint32_t)n};
	struct iovec parts[2] = {{&header, sizeof(header)}, {(void *)payload, n}};
	struct iovec *part = parts;

	if (n == 0 || n > max_payload(header.type)) {
		errno = EMSGSIZE;
		return -1;
	}
	/* One call for both, so that a small frame costs its reader one turn and not two. */
	while (part < parts + 2) {
		ssize_t done = writev(fd, part, (int)(parts + 2 - part));
		size_t left;

		if (done == -1) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		for (left = (size_t)done; part < parts + 2 && left >= part->iov_len; part++)
			left -= part->iov_len;
		if (part < parts + 2) {
			part->iov_base = (char *)part->iov_base + left;
			part->iov_len -= left;
		}
	}
	return 0;
}

void
frame_reader_init(struct frame_reader *r)
{
	*r = (struct frame_reader){.buf = BUF_INIT};
}

void
frame_reader_release(struct frame_reader *r)
{
	buf_release(&r->buf);
	r->taken = 0;
}

/* Puts back the byte that frame_next has covered with a NUL. */
static void
uncover(struct frame_reader *r)
{
	if (r->taken > 0)
		r->buf.data[r->taken] = r->covered;
}

int
frame_fill(struct frame_reader *r, int fd)
{
	ssize_t n;

	if (r->problem != NULL)
		return -1;
	uncover(r);
	buf_drop(&r->buf, r->taken);
	r->taken = 0;
	n = read(fd, buf_room(&r->buf, FILL_MAX), FILL_MAX);
	if (n == -1)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	if (n == 0)
		return -1;
	r->buf.len += (size_t)n;
	r->buf.data[r->buf.len] = '\0';
	return 1;
}

static int
broken(struct frame_reader *r, const char *problem)
{
	r->problem = problem;
	return -1;
}

int
frame_next(struct frame_reader *r, struct frame *f)
{
	struct header header;
	size_t max, left;

	if (r->problem != NULL)
		return -1;
	uncover(r);
	left = r->buf.len - r->taken;
	if (left < sizeof(header))
		return 0;
	memcpy(&header, r->buf.data + r->taken, sizeof(header));
	max = max_payload(header.type);
	if (max == 0)
		return broken(r, "sent a frame of unknown type");
	if (header.n > max)
		return broken(r, "sent a frame that is too long");
	if (header.n == 0)
		return broken(r, "sent an empty frame");
	if (r->has_result && header.type != FRAME_LOG)
		return broken(r, "sent more after its result");
	if (left - sizeof(header) < header.n)
		return 0;
	f->type = (enum frame_type)header.type;
	f->payload = r->buf.data + r->taken + sizeof(header);
	f->n = header.n;
	r->has_result |= header.type == FRAME_RESULT;
	r->taken += sizeof(header) + header.n;
	r->covered = r->buf.data[r->taken];	/* at the very end this is the buffer's own NUL */
	r->buf.data[r->taken] = '\0';
	return 1;
}

const char *
frame_end(const struct frame_reader *r)
{
	if (r->problem != NULL)
		return r->problem;
	if (r->buf.len > r->taken)
		return "ended in the middle of a frame";
	if (!r->has_result)
		return "ended without a result";
	return NULL;
}
