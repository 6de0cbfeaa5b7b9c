#include <config.h>

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "report/events.h"
#include "made_run.h"

static char folder[64];
static char *journal;	/* its name in the folder */
static struct made made;
static struct events events = EVENTS_INIT;
static const char *what;
static char warning[1024];	/* the last one */
static unsigned warnings;

static void
sink(enum log_level level, const char *text)
{
	ck_assert_int_eq(level, LOG_WARN);
	snprintf(warning, sizeof(warning), "%s", text);
	warnings++;
}

static void
setup(void)
{
	snprintf(folder, sizeof(folder), "/tmp/nbfork-events-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	journal = file_join(folder, "events.jsonl");
	made_init(&made, 2);
	warnings = 0;
	signal(SIGPIPE, SIG_IGN);
	log_child(NULL, sink);	/* warnings come here */
}

static void
teardown(void)
{
	events_close(&events);
	made_release(&made);
	file_remove_tree(folder);
	free(journal);
}

static void
open_with(const char *also)
{
	what = NULL;
	ck_assert_msg(events_open(&events, folder, false, also, &what) == 0, "%s: %s", what, strerror(errno));
}

static char *
in_folder(const char *name)
{
	return file_join(folder, name);
}

/* The whole of a file. */
static void
slurp(const char *path, struct buf *b)
{
	buf_reset(b);
	ck_assert_msg(file_read(path, b, SIZE_MAX / 8) == 0, "%s: %s", path, strerror(errno));
}

/* Checks one line, whose end is NUL now, by what is to come behind its time. */
static void
check_line(const char *line, const char *expected)
{
	static const char time_form[] = "{\"time\": \"####-##-##T##:##:##.###Z\", ";
	struct json v;

	ck_assert_int_eq(json_parse(line, strlen(line), &v, NULL), 0);
	for (const char *p = time_form; *p != '\0'; p++, line++)
		ck_assert(*p == '#' ? *line >= '0' && *line <= '9' : *line == *p);
	ck_assert_str_eq(line, expected);
}

/* Writes 0 in the place of the process's own number in a line. */
static void
put_pid(char *line)
{
	char own[32], *at = strstr(line, "\"pid\": "), *behind;

	ck_assert_ptr_nonnull(at);
	at += strlen("\"pid\": ");
	snprintf(own, sizeof(own), "%ld,", (long)getpid());
	ck_assert_int_eq(strncmp(at, own, strlen(own)), 0);
	behind = at + strlen(own) - 1;
	*at = '0';
	memmove(at + 1, behind, strlen(behind) + 1);
}

/* An attempt that is over, as earlier_attempts has it. */
#define ENDED "{\"attempt\": 1, \"status\": \"failed\", \"exit_status\": 1, \"signal\": null, " \
	"\"error\": {\"kind\": \"kernel\"}, \"started_at\": \"2026-11-22T08:15:00.373Z\", " \
	"\"finished_at\": \"2026-11-22T08:15:01.373Z\", \"duration_seconds\": 1.000, " \
	"\"cpu_seconds\": 0.000, \"max_rss_bytes\": 0, \"output\": \"notebooks/a.attempt1.ipynb\", " \
	"\"log\": \"logs/a.attempt1.log\", \"url\": null, \"remote\": null}"

/* Of what there is to run. */
#define PLAN ", \"plan\": [{\"name\": \"a\", \"path\": \"a.ipynb\", \"target\": \"local\", \"allow_failure\": false, " \
	"\"depends_on\": []}, {\"name\": \"b\", \"path\": \"b.ipynb\", \"target\": \"local\", \"allow_failure\": true, " \
	"\"depends_on\": [0]}]}"

START_TEST(every_event)
{
	static const char *const expected[] = {
		"\"event\": \"run_started\", \"run\": {\"id\": \"nightly-20261122T081500Z\", \"dir\": \"runs/x\", "
		"\"resumed_from\": \"nightly-1\"}, "
		"\"workflow\": {\"name\": \"nightly\", \"file\": \"workflow.yaml\"}, \"target\": \"local\", "
		"\"processes\": 4, \"on_error\": \"drain\", \"on_error_after\": \"10%\", \"notebooks\": 2, \"pid\": 0" PLAN,
		"\"event\": \"notebook_kept\", \"name\": \"b\", \"run\": \"nightly-0\"}",
		"\"event\": \"notebook_started\", \"name\": \"a\", \"attempt\": 1, \"pid\": 100, "
		"\"reason\": \"its kernel changed\", \"submission\": null, \"inputs\": null, \"slot\": 0, \"queued_seconds\": 0.250}",
		"\"event\": \"kernel_ready\", \"name\": \"a\", \"attempt\": 1, \"pid\": 200, \"start\": \"cold\", \"seconds\": 0.125}",
		"\"event\": \"cell_started\", \"name\": \"a\", \"attempt\": 1, \"cell\": 3, \"number\": 2, \"total\": 9}",
		"\"event\": \"cell_finished\", \"name\": \"a\", \"attempt\": 1, \"cell\": 3, \"number\": 2, \"total\": 9, "
		"\"seconds\": 1.500, \"failed\": true}",
		"\"event\": \"memory_sampled\", \"available_bytes\": null, \"kernels\": []}",
		"\"event\": \"memory_sampled\", \"available_bytes\": 5000000000, \"kernels\": "
		"[{\"name\": \"a\", \"attempt\": 1, \"rss_bytes\": 70000000}]}",
		"\"event\": \"processes_changed\", \"processes\": 5}",
		"\"event\": \"notebook_requeued\", \"name\": \"a\", \"attempt\": 1, \"reason\": \"little memory\", "
		"\"ended\": " ENDED "}",
		"\"event\": \"notebook_departs\", \"name\": \"a\", \"attempt\": 1}",
		"\"event\": \"notebook_attempt_failed\", \"name\": \"a\", \"attempt\": 1, \"retry_in_seconds\": 2.500, "
		"\"ended\": " ENDED "}",
		"\"event\": \"notebook_finished\", \"name\": \"a\", \"attempt\": 1, \"inputs\": {\"kernel\": \"x\"}, "
		"\"cause\": null, \"fails_run\": true, \"notebook\": {\"name\": \"a\", "
		"\"path\": \"a.ipynb\", \"target\": \"local\", \"status\": \"failed\", \"attempts\": 1, "
		"\"parameters\": {}, \"result\": null, \"values\": {}, \"exit_status\": 1, \"signal\": null, "
		"\"error\": {\"kind\": \"kernel\"}, \"cells\": {\"total\": 9, \"executed\": 9}, \"start\": null, \"ready_seconds\": null, "
		"\"queued_seconds\": 0.250, \"started_at\": \"2026-11-22T08:15:00.373Z\", "
		"\"finished_at\": \"2026-11-22T08:15:01.373Z\", \"duration_seconds\": 1.000, "
		"\"cpu_seconds\": 0.000, \"max_rss_bytes\": 0, \"output\": \"notebooks/a.ipynb\", "
		"\"log\": \"logs/a.log\", \"url\": null, \"remote\": null, \"earlier_attempts\": [{\"attempt\": 0}], \"resumed_from\": "
		    "null, \"children\": []}}",
		"\"event\": \"run_stopping\", \"reason\": \"'a' failed (drain)\"}",
		"\"event\": \"run_finished\", \"status\": \"failed\", \"counts\": {\"succeeded\": 0, \"failed\": 1, "
		"\"timed_out\": 0, \"cancelled\": 0, \"skipped\": 0}, \"duration_seconds\": 2.000}",
	};
	struct buf text = BUF_INIT;
	struct events_memory kernel;
	struct record *r;
	char *line;

	made_depends(&made, 1, 0);
	made.workflow.tasks[1].allow_failure = true;
	made.workflow.on_error = POLICY_DRAIN;
	made.workflow.after_failures = 0;
	made.workflow.after_percent = 10;
	made.workflow.processes = 9;	/* what counts is how many there are now */
	made.run.resumed_from = "nightly-1";
	open_with(NULL);
	ck_assert_int_eq(events_run_started(&events, &made.run), 0);
	made_set(&made.run.records[1].kept_from, "nightly-0");
	ck_assert_int_eq(events_notebook_kept(&events, &made.run.records[1]), 0);
	r = made_started(&made, 0);
	made_set(&r->again_because, "its kernel changed");
	ck_assert_int_eq(events_notebook_started(&events, r), 0);
	ck_assert_int_eq(events_kernel_ready(&events, r, 200, 0.125), 0);
	ck_assert_int_eq(events_cell(&events, r, true, 3, 2, 9, 0, false), 0);
	ck_assert_int_eq(events_cell(&events, r, false, 3, 2, 9, 1.5, true), 0);
	ck_assert_int_eq(events_memory_sampled(&events, -1, NULL, 0), 0);
	kernel = (struct events_memory){r, 70000000};
	ck_assert_int_eq(events_memory_sampled(&events, 5000000000, &kernel, 1), 0);
	ck_assert_int_eq(events_processes_changed(&events, 5), 0);
	made_ended(&made, 0, STATUS_FAILED, 1, "{\"kind\": \"kernel\"}");
	ck_assert_int_eq(events_requeued(&events, r, "little memory"), 0);
	ck_assert_int_eq(events_notebook_departs(&events, r), 0);
	ck_assert_int_eq(events_attempt_failed(&events, r, 2.5), 0);
	made_set(&r->inputs, "{\"kernel\": \"x\"}");
	made_set(&r->earlier_attempts, "[{\"attempt\": 0}]");
	ck_assert_int_eq(events_notebook_finished(&events, r), 0);
	ck_assert_int_eq(events_run_stopping(&events, "'a' failed (drain)"), 0);
	made_over(&made, STATUS_FAILED, 2);
	ck_assert_int_eq(events_run_finished(&events, &made.run), 0);
	slurp(journal, &text);
	line = text.data;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		char *end = strchr(line, '\n');

		ck_assert_ptr_nonnull(end);
		*end = '\0';
		if (i == 0)
			put_pid(line);
		check_line(line, expected[i]);
		line = end + 1;
	}
	ck_assert_str_eq(line, "");
	buf_release(&text);
}
END_TEST

START_TEST(journal_is_new)
{
	struct stat st;
	mode_t old = umask(027);

	open_with(NULL);
	umask(old);
	ck_assert_int_eq(fstat(events.fd, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0640);
	ck_assert(fcntl(events.fd, F_GETFD) & FD_CLOEXEC);
	ck_assert(fcntl(events.fd, F_GETFL) & O_APPEND);
	events_close(&events);
	ck_assert_int_eq(events.fd, -1);
	ck_assert_int_eq(events_open(&events, folder, false, NULL, &what), -1);
	ck_assert_int_eq(errno, EEXIST);
	ck_assert_str_eq(what, "events.jsonl");
	ck_assert_int_eq(access(journal, F_OK), 0);
}
END_TEST

/* A run that goes on writes behind what is there; what is not a whole line is cut off first. */
START_TEST(journal_continues)
{
	struct buf b = BUF_INIT;
	char *fifo = in_folder("not/there");

	ck_assert_int_eq(events_open(&events, folder, true, NULL, &what), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_str_eq(what, "events.jsonl");
	ck_assert_int_eq(access(journal, F_OK), -1);	/* none is made */

	ck_assert_int_eq(file_replace(journal, "{\"a\": 1}\n{\"b", 13), 0);
	/* What is there stays when the other stream cannot be opened. */
	ck_assert_int_eq(events_open(&events, folder, true, fifo, &what), -1);
	ck_assert_ptr_eq(what, fifo);
	slurp(journal, &b);
	ck_assert_str_eq(buf_str(&b), "{\"a\": 1}\n{\"b");
	ck_assert_int_eq(events_open(&events, folder, true, NULL, &what), 0);
	ck_assert_int_eq(events_cut(&events, 9), 0);
	ck_assert_int_eq(events.size, 9);
	slurp(journal, &b);
	ck_assert_str_eq(buf_str(&b), "{\"a\": 1}\n");
	ck_assert_int_eq(events_run_stopping(&events, "because"), 0);
	slurp(journal, &b);
	ck_assert_uint_eq(b.len, (size_t)events.size);
	ck_assert_int_eq(strncmp(b.data, "{\"a\": 1}\n{\"time\": ", 18), 0);
	ck_assert_int_eq(b.data[b.len - 1], '\n');
	buf_release(&b);
	free(fifo);
}
END_TEST

/* Two at a time would write over each other. */
START_TEST(journal_is_locked)
{
	struct events other = EVENTS_INIT;
	char *copy = in_folder("copy");

	open_with(NULL);
	ck_assert_int_eq(events_open(&other, folder, true, copy, &what), -1);
	ck_assert_int_eq(errno, EBUSY);
	ck_assert_str_eq(what, "events.jsonl");
	ck_assert_int_eq(other.fd, -1);
	ck_assert_int_eq(access(copy, F_OK), -1);
	ck_assert_int_eq(events_run_stopping(&events, "because"), 0);
	events_close(&events);
	ck_assert_int_eq(events_open(&other, folder, true, NULL, &what), 0);
	events_close(&other);
	ck_assert_uint_eq(warnings, 0);
	free(copy);
}
END_TEST

/* That a notebook is over is on the disk within a tenth of a second; nothing else is worth the time. */
START_TEST(journal_is_synced)
{
	struct record *r;
	int64_t before, due;

	open_with(NULL);
	events_run_started(&events, &made.run);
	r = made_ran(&made, 0, STATUS_SUCCEEDED, 1, NULL);
	events_notebook_started(&events, r);
	ck_assert(!events_sync_is_due(&events));
	ck_assert_int_eq(events_tick(&events), INT64_MAX);
	before = clock_run();
	events_notebook_finished(&events, r);
	due = events_tick(&events);
	ck_assert_int_ge(due, before + 100 * NSEC_PER_MSEC);
	ck_assert_int_le(due, clock_run() + 100 * NSEC_PER_MSEC);
	/* The next one does not put it off. */
	usleep(20 * 1000);
	events_notebook_finished(&events, r);
	ck_assert_int_eq(events_tick(&events), due);
	while (clock_run() < due)
		usleep(10 * 1000);
	ck_assert(events_sync_is_due(&events));
	ck_assert_int_eq(events_sync(&events), 0);
	ck_assert(!events_sync_is_due(&events));
	ck_assert_int_eq(events_tick(&events), INT64_MAX);
	ck_assert_int_eq(events_sync(&events), 0);
	/* So is that a success of before does not count any more. */
	made_set(&r->again_because, "its kernel changed");
	before = clock_run();
	events_notebook_started(&events, r);
	due = events_tick(&events);
	ck_assert_int_ge(due, before + 100 * NSEC_PER_MSEC);
	ck_assert_int_lt(due, INT64_MAX);
}
END_TEST

/* Nothing is left behind when the other stream cannot be opened. */
START_TEST(also_cannot_be_opened)
{
	char *bad = in_folder("not/there");

	ck_assert_int_eq(events_open(&events, folder, false, bad, &what), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_ptr_eq(what, bad);
	ck_assert_int_eq(events.fd, -1);
	ck_assert_int_eq(access(journal, F_OK), -1);
	ck_assert_int_eq(events_open(&events, folder, false, folder, &what), -1);
	ck_assert_int_eq(errno, EISDIR);
	free(bad);
}
END_TEST

START_TEST(also_a_file)
{
	char *path = in_folder("copy");
	struct buf a = BUF_INIT, b = BUF_INIT;

	ck_assert_int_eq(file_replace(path, "old\n", 4), 0);
	open_with(path);
	events_run_started(&events, &made.run);
	events_run_stopping(&events, "because");
	slurp(journal, &a);
	slurp(path, &b);
	ck_assert_uint_gt(a.len, 0);
	ck_assert_str_eq(buf_str(&a), buf_str(&b));
	buf_release(&a);
	buf_release(&b);
	free(path);
}
END_TEST

/* --events that names the journal itself does not double its lines; of one that is continued it takes nothing away. */
START_TEST(also_the_journal)
{
	struct buf b = BUF_INIT;

	ck_assert_int_eq(file_replace(journal, "{}\n", 3), 0);
	ck_assert_int_eq(events_open(&events, folder, true, journal, &what), 0);
	slurp(journal, &b);
	ck_assert_str_eq(buf_str(&b), "{}\n");
	events_close(&events);
	ck_assert_int_eq(unlink(journal), 0);

	open_with(journal);
	events_run_stopping(&events, "because");
	slurp(journal, &b);
	ck_assert_ptr_eq(strchr(b.data, '\n'), b.data + b.len - 1);
	buf_release(&b);
}
END_TEST

START_TEST(also_standard_output)
{
	int ends[2], kept = dup(STDOUT_FILENO);
	char text[4096];
	ssize_t n;

	ck_assert_int_eq(pipe(ends), 0);
	dup2(ends[1], STDOUT_FILENO);
	close(ends[1]);
	open_with("-");
	events_run_stopping(&events, "because");
	n = read(ends[0], text, sizeof(text));
	events_close(&events);
	/* It is still open, blocking as it was, and nobody else holds the pipe. */
	ck_assert_int_eq(fcntl(STDOUT_FILENO, F_GETFL) & O_NONBLOCK, 0);
	dup2(kept, STDOUT_FILENO);
	close(kept);
	ck_assert_int_gt(n, 0);
	ck_assert_int_eq(text[n - 1], '\n');
	ck_assert_int_eq(read(ends[0], text, sizeof(text)), 0);
	close(ends[0]);
}
END_TEST

/* A reader that goes away is dropped with one warning; the journal goes on. */
START_TEST(also_broken_pipe)
{
	char *path = in_folder("fifo");
	struct buf b = BUF_INIT;
	int reader;

	ck_assert_int_eq(mkfifo(path, 0600), 0);
	reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	open_with(path);
	ck_assert_int_eq(events_run_stopping(&events, "one"), 0);
	ck_assert_uint_eq(warnings, 0);
	close(reader);
	ck_assert_int_eq(events_run_stopping(&events, "two"), 0);
	ck_assert_uint_eq(warnings, 1);
	ck_assert_ptr_nonnull(strstr(warning, path));
	ck_assert_ptr_nonnull(strstr(warning, strerror(EPIPE)));
	ck_assert_int_eq(events_run_stopping(&events, "three"), 0);
	ck_assert_uint_eq(warnings, 1);
	slurp(journal, &b);
	ck_assert_ptr_nonnull(strstr(b.data, "two"));
	ck_assert_ptr_nonnull(strstr(b.data, "three"));
	buf_release(&b);
	free(path);
}
END_TEST

START_TEST(also_full_disk)
{
	open_with("/dev/full");
	ck_assert_int_eq(events_run_stopping(&events, "one"), 0);
	ck_assert_uint_eq(warnings, 1);
	ck_assert_ptr_nonnull(strstr(warning, strerror(ENOSPC)));
	ck_assert_int_eq(events_run_stopping(&events, "two"), 0);
	ck_assert_uint_eq(warnings, 1);
}
END_TEST

/* A named pipe whose reader comes later, as in a script that starts both. */
START_TEST(also_waits_for_reader)
{
	static char *path;	/* not lost in the child, for memory checkers */
	pid_t reader;
	int status;

	path = in_folder("fifo");
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	reader = fork();
	if (reader == 0) {
		char text[4096];
		ssize_t n, all = 0;
		int fd;

		usleep(300 * 1000);
		fd = open(path, O_RDONLY);
		while ((n = read(fd, text, sizeof(text))) > 0)
			all += n;
		_exit(all > 10 ? 0 : 1);
	}
	open_with(path);
	events_run_stopping(&events, "because");
	events_close(&events);
	ck_assert_int_eq(waitpid(reader, &status, 0), reader);
	ck_assert_int_eq(status, 0);
	free(path);
}
END_TEST

/* Reads what is there. */
static void
drain(int fd, struct buf *b)
{
	ssize_t n;

	do {
		n = read(fd, buf_room(b, 65536), 65536);
		if (n > 0)
			b->len += (size_t)n;
	} while (n > 0);
}

/*
 * Lines longer than a pipe takes, for a reader that does not read: nobody waits for it, and all arrives in
 * the end, whole and in order.
 */
START_TEST(also_slow_reader)
{
	char *path = in_folder("fifo"), *long_text;
	struct buf got = BUF_INIT, kept = BUF_INIT, filler = BUF_INIT;
	int reader;

	buf_fill(&filler, 'x', 300 * 1000);
	long_text = buf_steal(&filler);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	open_with(path);
	ck_assert_int_eq(events_tick(&events), INT64_MAX);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(events_run_stopping(&events, long_text), 0);
	ck_assert_int_lt(events_tick(&events), clock_run() + NSEC_PER_SEC);
	for (int i = 0; i < 1000 && events_tick(&events) != INT64_MAX; i++)
		drain(reader, &got);
	ck_assert_int_eq(events_run_stopping(&events, "last"), 0);
	drain(reader, &got);
	buf_addc(&got, '\0');
	slurp(journal, &kept);
	ck_assert_uint_eq(got.len - 1, kept.len);
	ck_assert_int_eq(memcmp(got.data, kept.data, kept.len), 0);
	ck_assert_uint_eq(warnings, 0);
	close(reader);
	buf_release(&got);
	buf_release(&kept);
	free(long_text);
	free(path);
}
END_TEST

/* A reader that is much too late is dropped before it takes all memory. */
START_TEST(also_far_behind)
{
	char *path = in_folder("fifo"), *long_text;
	struct buf filler = BUF_INIT;
	int reader, n;

	buf_fill(&filler, 'x', 8000 * 1000);
	long_text = buf_steal(&filler);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	open_with(path);
	for (n = 0; n < 20 && warnings == 0; n++)
		ck_assert_int_eq(events_run_stopping(&events, long_text), 0);
	ck_assert_int_gt(n, 7);
	ck_assert_int_lt(n, 12);
	ck_assert_ptr_nonnull(strstr(warning, "too slow"));
	close(reader);
	free(long_text);
	free(path);
}
END_TEST

START_TEST(also_socket)
{
	int ends[2], kept = dup(STDOUT_FILENO), size = 4096;
	struct buf got = BUF_INIT, filler = BUF_INIT;
	char *long_text;

	buf_fill(&filler, 'x', 100 * 1000);
	long_text = buf_steal(&filler);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	dup2(ends[1], STDOUT_FILENO);
	close(ends[1]);
	open_with("-");
	for (int i = 0; i < 10; i++)
		events_run_stopping(&events, long_text);
	for (int i = 0; i < 100000 && events_tick(&events) != INT64_MAX; i++)
		drain(ends[0], &got);
	drain(ends[0], &got);
	dup2(kept, STDOUT_FILENO);
	close(kept);
	ck_assert_uint_eq(got.len, (size_t)events.size);
	close(ends[0]);
	buf_release(&got);
	free(long_text);
}
END_TEST

/* The journal's disk is full in the middle of a line: what was written of it is taken back. */
START_TEST(journal_full)
{
	struct rlimit limit, old;
	struct buf before = BUF_INIT, after = BUF_INIT, filler = BUF_INIT;
	int result, error;
	char *long_text;

	signal(SIGXFSZ, SIG_IGN);
	buf_fill(&filler, 'x', 2000);
	long_text = buf_steal(&filler);
	open_with(NULL);
	ck_assert_int_eq(events_run_stopping(&events, "one"), 0);
	slurp(journal, &before);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = 1000;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	errno = 0;
	result = events_run_stopping(&events, long_text);
	error = errno;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);	/* it would hold for what the test says, too */
	ck_assert_int_eq(result, -1);
	ck_assert_int_eq(error, EFBIG);
	slurp(journal, &after);
	ck_assert_str_eq(buf_str(&before), buf_str(&after));
	ck_assert_int_eq(events_run_stopping(&events, "two"), 0);
	slurp(journal, &after);
	ck_assert_ptr_nonnull(strstr(after.data, "}\n{"));
	buf_release(&before);
	buf_release(&after);
	free(long_text);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("events");
	TCase *t = tcase_create("events");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, every_event);
	tcase_add_test(t, journal_is_new);
	tcase_add_test(t, journal_continues);
	tcase_add_test(t, journal_is_locked);
	tcase_add_test(t, journal_is_synced);
	tcase_add_test(t, journal_full);
	tcase_add_test(t, also_cannot_be_opened);
	tcase_add_test(t, also_a_file);
	tcase_add_test(t, also_the_journal);
	tcase_add_test(t, also_standard_output);
	tcase_add_test(t, also_broken_pipe);
	tcase_add_test(t, also_full_disk);
	tcase_add_test(t, also_waits_for_reader);
	tcase_add_test(t, also_slow_reader);
	tcase_add_test(t, also_far_behind);
	tcase_add_test(t, also_socket);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	SRunner *r = srunner_create(suite());
	int failed;

	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
