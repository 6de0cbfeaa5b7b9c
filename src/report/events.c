#include "report/events.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/guard.h"
#include "base/log.h"
#include "base/mem.h"
#include "report/events_write.h"

#define JOURNAL "events.jsonl"
#define ALSO_MOST ((size_t)64 * 1024 * 1024)
#define ALSO_PATIENCE (60 * NSEC_PER_SEC)
#define ALSO_AGAIN (100 * NSEC_PER_MSEC)
#define READER_WAIT (10 * NSEC_PER_SEC)	/* for somebody to open the other end of a named pipe */
#define READER_STEP (20 * NSEC_PER_MSEC)
#define LOCK_TRIES 150	/* three seconds: a machine that is busy may not let that child run at once */
#define SYNC_DELAY (100 * NSEC_PER_MSEC)	/* from the end of a notebook until the disk has it */

/* O_NONBLOCK because opening a named pipe would otherwise wait for its reader without end. */
static int
open_also(const char *path)
{
	const struct timespec step = {.tv_nsec = READER_STEP};
	int64_t deadline = clock_run() + READER_WAIT;
	struct stat st;

	for (;;) {
		int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666);
		if (fd != -1 || errno != ENXIO || clock_run() >= deadline)
			return fd;
		if (stat(path, &st) == -1 || !S_ISFIFO(st.st_mode)) {
			errno = ENXIO;
			return -1;
		}
		nanosleep(&step, NULL);
	}
}

static bool
is_same_file(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static void
close_also(struct events *e)
{
	sink_close(&e->also);
	if (e->also_fd != -1 && e->also_fd != STDOUT_FILENO)
		close(e->also_fd);
	e->also_fd = -1;
	free(e->also_name);
	e->also_name = NULL;
}

/* Takes the lock. Returns 0, or -1 with errno. */
static int
lock(int fd)
{
	const struct timespec step = {.tv_nsec = READER_STEP};

	/* A child that another nbfork forks just now has the lock too, until it has closed what is not its own. */
	for (int tries = 0; flock(fd, LOCK_EX | LOCK_NB) == -1; tries++) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK) {
			log_warn("cannot lock '%s', so that nothing keeps another nbfork from using this run folder: %s",
			    JOURNAL, strerror(errno));
			return 0;
		}
		if (tries == LOCK_TRIES) {
			errno = EBUSY;
			return -1;
		}
		nanosleep(&step, NULL);
	}
	return 0;
}

static int
open_journal(struct events *e, const char *folder, bool continues)
{
	char *path = file_join(folder, JOURNAL);
	int flags = continues ? O_RDWR : O_RDWR | O_CREAT | O_EXCL, error;

	e->fd = open(path, flags | O_APPEND | O_CLOEXEC, 0666);
	free(path);
	if (e->fd == -1)
		return -1;
	if (lock(e->fd) == 0)
		return 0;
	error = errno;
	close(e->fd);
	e->fd = -1;
	errno = error;
	return -1;
}

/* Takes back what open_journal() has made. */
static void
close_journal(struct events *e, const char *folder, bool continues)
{
	char *path = file_join(folder, JOURNAL);

	close(e->fd);
	e->fd = -1;
	if (!continues)
		unlink(path);
	free(path);
}

int
events_open(struct events *e, const char *folder, bool continues, const char *also, const char **what)
{
	bool standard = also != NULL && strcmp(also, "-") == 0;
	int error;

	*e = (struct events)EVENTS_INIT;
	*what = JOURNAL;
	if (open_journal(e, folder, continues) == -1)
		return -1;
	if (also == NULL)
		return 0;
	e->also_fd = standard ? STDOUT_FILENO : open_also(also);
	if (e->also_fd == -1) {
		*what = also;
		error = errno;
		close_journal(e, folder, continues);
		errno = error;
		return -1;
	}
	e->also_name = xstrdup(standard ? "standard output" : also);
	sink_open(&e->also, e->also_fd, ALSO_MOST);
	if (is_same_file(e->fd, e->also_fd)) {
		close_also(e);	/* the lines are there already */
		return 0;
	}
	/* Not with O_TRUNC: the file might have been the journal, of which a run that goes on needs every line. */
	if (!standard && ftruncate(e->also_fd, 0) == -1 && errno != EINVAL)
		log_debug("cannot empty '%s': %s", also, strerror(errno));
	return 0;
}

int
events_cut(struct events *e, off_t size)
{
	e->size = size;
	return ftruncate(e->fd, size);
}

int
events_sync(struct events *e)
{
	if (!e->unsynced)
		return 0;
	e->unsynced = false;
	/* What cannot be synchronized (a pipe, some file systems) is as safe as it can be. */
	return fdatasync(e->fd) == -1 && errno != EINVAL && errno != ENOSYS && errno != EROFS ? -1 : 0;
}

bool
events_sync_is_due(const struct events *e)
{
	return e->unsynced && clock_run() >= e->sync_at;
}

static void
drop_also(struct events *e, int error)
{
	const char *why = strerror(error);

	if (error == ENOBUFS || error == EAGAIN)
		why = "its reader is too slow";
	log_warn("cannot write events to '%s' any more: %s", e->also_name, why);
	close_also(e);
}

void
events_close(struct events *e)
{
	if (e->also_fd != -1 && sink_flush(&e->also, ALSO_PATIENCE) == -1)
		drop_also(e, errno);
	close_also(e);
	if (e->fd != -1)
		close(e->fd);
	*e = (struct events)EVENTS_INIT;
}

/* Offers the other stream what waits for it; returns when to do so again. */
static int64_t
offer(struct events *e)
{
	if (e->also_fd == -1 || e->also.waiting.len == 0 || sink_flush(&e->also, 0) == 0)
		return INT64_MAX;
	if (errno != EAGAIN) {
		drop_also(e, errno);
		return INT64_MAX;
	}
	return clock_run() + ALSO_AGAIN;
}

int64_t
events_tick(struct events *e)
{
	int64_t again = offer(e);

	return e->unsynced && e->sync_at < again ? e->sync_at : again;
}

void
events_must_sync(struct events *e)
{
	if (!e->unsynced)
		e->sync_at = clock_run() + SYNC_DELAY;
	e->unsynced = true;
}

/* What was written of a line that did not fit is taken back, so that the next one does not start in its middle. */
static int
put_journal(struct events *e, const struct buf *text)
{
	int saved_errno;

	if (file_write_full(e->fd, text->data, text->len) == 0) {
		e->size += (off_t)text->len;
		return 0;
	}
	saved_errno = errno;
	if (ftruncate(e->fd, e->size) == -1)
		log_debug("cannot shorten '%s': %s", JOURNAL, strerror(errno));
	errno = saved_errno;
	return -1;
}

int
events_write(struct events *e, struct buf *line)
{
	int result = put_journal(e, line), saved_errno = errno;

	if (e->also_fd == STDOUT_FILENO)
		guard_lines(line, GUARD_JSON);
	if (e->also_fd != -1 && sink_put(&e->also, line->data, line->len) == -1)
		drop_also(e, errno);
	errno = saved_errno;
	return result;
}
