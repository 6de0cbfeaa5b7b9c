/* Reads a journal that may grow meanwhile, and finds out whether somebody writes it. */
#include "report/story.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/buf.h"
#include "report/story_lines.h"

#define BLOCK ((size_t)256 * 1024)
#define LINE_MOST ((size_t)64 * 1024 * 1024)

/*
 * Whether a living nbfork has the journal open to write: it holds the lock. Where the file system knows none, the
 * process of the last run that is known counts.
 */
static bool
is_held(const struct story *s)
{
	const struct story_run *last = s->n > 0 ? story_last(s) : NULL;
	int r;

	do
		r = flock(s->fd, LOCK_SH | LOCK_NB);
	while (r == -1 && errno == EINTR);
	if (r == 0) {
		flock(s->fd, LOCK_UN);
		return false;
	}
	if (errno == EWOULDBLOCK)
		return true;
	return last != NULL && last->pid > 0 && (kill(last->pid, 0) == 0 || errno == EPERM);
}

/* Takes the whole lines out of the buffer. searched: how many of its bytes are known to hold no line feed. */
static void
take_lines(struct story *s, struct buf *b, size_t searched, bool *too_long)
{
	size_t start = 0;
	const char *feed;

	while ((feed = memchr(b->data + searched, '\n', b->len - searched)) != NULL) {
		size_t end = (size_t)(feed - b->data);

		if (!*too_long)
			story_take(s, b->data + start, end - start);
		*too_long = false;
		start = searched = end + 1;
	}
	buf_drop(b, start);
	if (b->len > LINE_MOST)
		*too_long = true;
	if (*too_long)
		buf_reset(b);
}

/* Reads whole lines; what is not whole yet will be read again. Returns 0, or -1 with errno. */
static int
read_lines(struct story *s)
{
	struct buf b = BUF_INIT;
	bool too_long = false;
	off_t at = s->size;
	ssize_t n;
	int error;

	for (;;) {
		const char *last;
		size_t before = b.len;

		n = pread(s->fd, buf_room(&b, BLOCK), BLOCK, at);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		last = memrchr(b.data + b.len, '\n', (size_t)n);
		if (last != NULL)
			s->size = at + (last - (b.data + b.len)) + 1;
		at += n;
		b.len += (size_t)n;
		b.data[b.len] = '\0';
		take_lines(s, &b, before, &too_long);
	}
	error = n == -1 ? errno : 0;
	buf_release(&b);
	errno = error;
	return (int)n;
}

int
story_read(struct story *s)
{
	off_t before = s->size;
	enum story_phase phase = s->n > 0 ? story_last(s)->phase : STORY_GOES_ON;
	bool held = is_held(s);
	struct story_run *run;

	if (read_lines(s) == -1)
		return -1;
	if (s->n == 0)
		return 0;
	run = story_last(s);
	/* Who came to write after the first look has it now; who had gone before it has left nothing unread. */
	if (run->phase != STORY_OVER)
		run->phase = held || is_held(s) ? STORY_GOES_ON : STORY_TORN_OFF;
	return s->size != before || run->phase != phase;
}
