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
#include "report/results.h"

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

/* ---- Lines ---- */

struct line {
	struct buf text;
	struct json_out out;
};

static struct json_out *
begin(struct line *l, const char *event)
{
	char now[CLOCK_TEXT];

	buf_init(&l->text);
	l->out = (struct json_out)JSON_OUT(&l->text, -1, 0);
	json_out_open(&l->out, '{');
	json_out_key(&l->out, "time");
	json_out_str(&l->out, clock_text(now, clock_wall(), 3));
	json_out_key(&l->out, "event");
	json_out_str(&l->out, event);
	return &l->out;
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

/* Ends the line and writes it. */
static int
end(struct events *e, struct line *l)
{
	int result, saved_errno;

	json_out_close(&l->out, '}');
	buf_addc(&l->text, '\n');
	result = put_journal(e, &l->text);
	saved_errno = errno;
	if (e->also_fd == STDOUT_FILENO)
		guard_lines(&l->text, GUARD_JSON);
	if (e->also_fd != -1 && sink_put(&e->also, l->text.data, l->text.len) == -1)
		drop_also(e, errno);
	buf_release(&l->text);
	errno = saved_errno;
	return result;
}

static void
put_notebook(struct json_out *o, const struct record *r)
{
	json_out_key(o, "name");
	json_out_str(o, r->task->name);
	if (r->parent != NULL) {
		json_out_key(o, "parent");
		json_out_str(o, r->parent->task->name);
	}
	json_out_key(o, "attempt");
	json_out_int(o, r->attempts);
}

static void
put_seconds(struct json_out *o, const char *key, double seconds)
{
	json_out_key(o, key);
	json_out_fixed(o, seconds, 3);
}

/* What there is to run, so that a reader knows of it before it is started. */
static void
put_plan(struct json_out *o, const struct workflow *w)
{
	size_t edges = 0;

	for (size_t i = 0; i < w->ntasks; i++)
		edges += w->tasks[i].ndepends_on;
	json_out_open(o, '[');
	for (size_t i = 0; i < w->ntasks; i++) {
		const struct task *t = &w->tasks[i];

		json_out_open(o, '{');
		json_out_key(o, "name");
		json_out_str(o, t->name);
		json_out_key(o, "path");
		json_out_str(o, t->path);
		json_out_key(o, "target");
		json_out_str(o, t->target->name);
		json_out_key(o, "allow_failure");
		json_out_bool(o, t->allow_failure);
		json_out_key(o, "depends_on");
		if (edges <= EVENTS_EDGES_MOST) {
			json_out_open(o, '[');
			for (size_t d = 0; d < t->ndepends_on; d++)
				json_out_int(o, (int64_t)t->depends_on[d]);
			json_out_close(o, ']');
		} else {
			json_out_value(o, JSON_NOTHING);
		}
		json_out_close(o, '}');
	}
	json_out_close(o, ']');
}

int
events_run_started(struct events *e, const struct run *run)
{
	struct line l;
	struct json_out *o = begin(&l, "run_started");

	json_out_key(o, "run");
	json_out_open(o, '{');
	json_out_key(o, "id");
	json_out_str(o, run->id);
	json_out_key(o, "dir");
	json_out_str(o, run->folder);
	json_out_key(o, "resumed_from");
	json_out_str(o, run->resumed_from);
	json_out_close(o, '}');
	results_put_plan(run, o);
	json_out_key(o, "notebooks");
	json_out_int(o, (int64_t)run->n);
	json_out_key(o, "pid");
	json_out_int(o, getpid());
	json_out_key(o, "plan");
	put_plan(o, run->workflow);
	return end(e, &l);
}

int
events_notebook_kept(struct events *e, const struct record *r)
{
	struct line l;
	struct json_out *o = begin(&l, "notebook_kept");

	json_out_key(o, "name");
	json_out_str(o, r->task->name);
	json_out_key(o, "run");
	json_out_str(o, r->kept_from);
	return end(e, &l);
}

/* The disk is to have what is being written before long. */
static void
must_sync(struct events *e)
{
	if (!e->unsynced)
		e->sync_at = clock_run() + SYNC_DELAY;
	e->unsynced = true;
}

int
events_notebook_started(struct events *e, const struct record *r)
{
	struct line l;
	struct json_out *o = begin(&l, "notebook_started");

	/* Its success of before is no more: forgotten, that would be kept, with the copy that this attempt saves. */
	if (r->again_because != NULL)
		must_sync(e);

	put_notebook(o, r);
	json_out_key(o, "pid");
	json_out_int(o, r->pid);
	json_out_key(o, "reason");
	json_out_str(o, r->again_because);
	json_out_key(o, "submission");
	if (r->submission != 0)
		json_out_int(o, r->submission);
	else
		json_out_value(o, JSON_NOTHING);
	json_out_key(o, "inputs");
	json_out_value(o, r->submission != 0 && r->inputs != NULL ? json_of(r->inputs) : JSON_NOTHING);
	json_out_key(o, "slot");
	json_out_int(o, r->slot);
	put_seconds(o, "queued_seconds", (double)(r->started_at - r->queued_at) / (double)NSEC_PER_SEC);
	return end(e, &l);
}

int
events_notebook_called(struct events *e, const struct record *r)
{
	struct line l;
	struct json_out *o = begin(&l, "notebook_called");

	json_out_key(o, "name");
	json_out_str(o, r->task->name);
	json_out_key(o, "parent");
	json_out_str(o, r->parent->task->name);
	json_out_key(o, "parent_attempt");
	json_out_int(o, r->parent_attempt);
	json_out_key(o, "path");
	json_out_str(o, r->task->path);
	return end(e, &l);
}

int
events_notebook_submitted(struct events *e, const struct record *r)
{
	struct line l;
	struct json_out *o = begin(&l, "notebook_submitted");

	/* Forgotten in a power failure it could be asked for again by its number; known it need not be. */
	must_sync(e);
	put_notebook(o, r);
	json_out_key(o, "submission");
	json_out_int(o, r->submission);
	json_out_key(o, "run_id");
	json_out_id(o, r->remote_run);
	json_out_key(o, "url");
	json_out_str(o, r->url);
	return end(e, &l);
}

int
events_kernel_ready(struct events *e, const struct record *r, int pid, double seconds)
{
	struct line l;
	struct json_out *o = begin(&l, "kernel_ready");

	put_notebook(o, r);
	json_out_key(o, "pid");
	json_out_int(o, pid);
	json_out_key(o, "start");
	json_out_str(o, r->warm ? "warm" : "cold");
	put_seconds(o, "seconds", seconds);
	return end(e, &l);
}

int
events_cell(struct events *e, const struct record *r, bool started, unsigned cell, unsigned number, unsigned total,
    double seconds, bool failed)
{
	struct line l;
	struct json_out *o = begin(&l, started ? "cell_started" : "cell_finished");

	put_notebook(o, r);
	json_out_key(o, "cell");
	json_out_int(o, cell);
	json_out_key(o, "number");
	json_out_int(o, number);
	json_out_key(o, "total");
	json_out_int(o, total);
	if (!started) {
		put_seconds(o, "seconds", seconds);
		json_out_key(o, "failed");
		json_out_bool(o, failed);
	}
	return end(e, &l);
}

int
events_attempt_failed(struct events *e, const struct record *r, double delay)
{
	struct line l;
	struct json_out *o = begin(&l, "notebook_attempt_failed");

	put_notebook(o, r);
	put_seconds(o, "retry_in_seconds", delay);
	json_out_key(o, "ended");
	results_put_attempt(r, o);
	return end(e, &l);
}

int
events_requeued(struct events *e, const struct record *r, const char *reason)
{
	struct line l;
	struct json_out *o = begin(&l, "notebook_requeued");

	put_notebook(o, r);
	json_out_key(o, "reason");
	json_out_str(o, reason);
	json_out_key(o, "ended");
	results_put_attempt(r, o);
	return end(e, &l);
}

int
events_notebook_departs(struct events *e, const struct record *r)
{
	struct line l;
	struct json_out *o = begin(&l, "notebook_departs");

	put_notebook(o, r);
	return end(e, &l);
}

int
events_notebook_finished(struct events *e, const struct record *r)
{
	struct line l;
	struct json_out *o = begin(&l, "notebook_finished");

	put_notebook(o, r);
	json_out_key(o, "inputs");
	json_out_value(o, r->inputs != NULL ? json_of(r->inputs) : JSON_NOTHING);
	json_out_key(o, "cause");
	json_out_str(o, r->cause != NULL ? r->cause->task->name : NULL);
	json_out_key(o, "fails_run");
	json_out_bool(o, r->parent == NULL && record_fails_the_run(r));
	json_out_key(o, "notebook");
	results_put_notebook(r, o);
	must_sync(e);
	return end(e, &l);
}

int
events_memory_sampled(struct events *e, int64_t available, const struct events_memory *kernels, size_t n)
{
	struct line l;
	struct json_out *o = begin(&l, "memory_sampled");

	json_out_key(o, "available_bytes");
	if (available >= 0)
		json_out_int(o, available);
	else
		json_out_value(o, JSON_NOTHING);
	json_out_key(o, "kernels");
	json_out_open(o, '[');
	for (size_t i = 0; i < n; i++) {
		json_out_open(o, '{');
		put_notebook(o, kernels[i].record);
		json_out_key(o, "rss_bytes");
		json_out_int(o, kernels[i].bytes);
		json_out_close(o, '}');
	}
	json_out_close(o, ']');
	return end(e, &l);
}

int
events_processes_changed(struct events *e, unsigned processes)
{
	struct line l;
	struct json_out *o = begin(&l, "processes_changed");

	json_out_key(o, "processes");
	json_out_int(o, processes);
	return end(e, &l);
}

int
events_run_stopping(struct events *e, const char *reason)
{
	struct line l;
	struct json_out *o = begin(&l, "run_stopping");

	json_out_key(o, "reason");
	json_out_str(o, reason);
	return end(e, &l);
}

int
events_run_finished(struct events *e, const struct run *run)
{
	struct line l;
	struct json_out *o = begin(&l, "run_finished");

	json_out_key(o, "status");
	json_out_str(o, status_name(run->status));
	results_put_counts(run, o);
	put_seconds(o, "duration_seconds", (double)(run->ended_at - run->started_at) / (double)NSEC_PER_SEC);
	return end(e, &l);
}

int
events_hook_started(struct events *e, const struct command *c, int pid)
{
	struct line l;
	struct json_out *o = begin(&l, "hook_started");

	json_out_key(o, "hook");
	json_out_str(o, hook_name(c->hook));
	json_out_key(o, "command");
	json_out_str(o, c->argv[0]);
	json_out_key(o, "pid");
	json_out_int(o, pid);
	return end(e, &l);
}

int
events_hook_finished(struct events *e, const struct hook_run *h)
{
	struct line l;
	struct json_out *o = begin(&l, "hook_finished");

	results_put_hook(h, o);
	return end(e, &l);
}
