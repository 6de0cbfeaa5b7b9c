/* Reads a journal that may grow meanwhile, and finds out whether somebody writes it. */
#include "report/story.h"

#include <errno.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/lines.h"
#include "report/story_lines.h"

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

static void
take(void *data, const char *line, size_t n)
{
	story_take(data, line, n);
}

int
story_read(struct story *s)
{
	off_t before = s->size;
	enum story_phase phase = s->n > 0 ? story_last(s)->phase : STORY_GOES_ON;
	bool held = is_held(s);
	struct story_run *run;

	if (lines_read(s->fd, &s->size, LINE_MOST, take, s) == -1)
		return -1;
	if (s->n == 0)
		return 0;
	run = story_last(s);
	/* Who came to write after the first look has it now; who had gone before it has left nothing unread. */
	if (run->phase != STORY_OVER)
		run->phase = held || is_held(s) ? STORY_GOES_ON : STORY_TORN_OFF;
	return s->size != before || run->phase != phase;
}
