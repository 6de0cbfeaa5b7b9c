#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "report/recall.h"
#include "report/story.h"

#define SECOND INT64_C(1000000)
#define START (INT64_C(1795335300) * SECOND)	/* 2026-11-22T08:15:00Z */

static char folder[] = "/tmp/check-story-XXXXXX";
static int fd;	/* of the journal */
static struct story story;

static void
enter(void)
{
	memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	fd = open("events.jsonl", O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
	ck_assert_int_ne(fd, -1);
	story = (struct story)STORY_INIT;
}

static void
leave(void)
{
	story_release(&story);
	close(fd);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(file_remove_tree(folder), 0);
}

static void
add_text(const char *text)
{
	ck_assert_int_eq(file_write_full(fd, text, strlen(text)), 0);
}

/* A line of the journal: so many seconds after the start, its event, and what else it says. */
static void
add(int second, const char *event, const char *members)
{
	struct buf line = BUF_INIT;

	buf_addf(&line, "{\"time\": \"2026-11-22T08:15:%02d.000Z\", \"event\": \"%s\"%s%s}\n", second, event,
	    *members != '\0' ? ", " : "", members);
	add_text(buf_str(&line));
	buf_release(&line);
}

#define RUN(id, from) "\"run\": {\"id\": \"" id "\", \"dir\": \"d\", \"resumed_from\": " from "}, \"workflow\": {\"name\": " \
	"\"tables\", \"file\": \"t.yaml\"}, \"target\": \"local\", \"processes\": 2, \"on_error\": \"drain\", " \
	"\"notebooks\": 2, \"pid\": 1, \"plan\": [{\"name\": \"a\", \"path\": \"a.ipynb\", \"target\": \"local\", " \
	"\"allow_failure\": false, \"depends_on\": []}, {\"name\": \"b\", \"path\": \"sub/b.ipynb\", \"target\": \"prod\", " \
	"\"allow_failure\": true, \"depends_on\": [0, 7, -1]}]"

#define A(attempt) "\"name\": \"a\", \"attempt\": " #attempt

static void
add_finished(int second, const char *name, const char *status, const char *more)
{
	struct buf b = BUF_INIT;

	buf_addf(&b, "\"name\": \"%s\", \"attempt\": 1, \"fails_run\": true, \"notebook\": {\"name\": \"%s\", \"path\": \"%s.ipynb\", "
	    "\"status\": \"%s\", \"started_at\": \"2026-11-22T08:15:00.000Z\", \"resumed_from\": null%s}", name, name, name,
	    status, more);
	add(second, "notebook_finished", buf_str(&b));
	buf_release(&b);
}

static struct story_notebook *
found(const char *name)
{
	struct story_notebook *n = story_find(story_last(&story), name);

	ck_assert_ptr_nonnull(n);
	return n;
}

START_TEST(times)
{
	static const char *const wrong[] = {"2026", "\"2026-11-22T08:15:00.123\"", "\"2026-11-22 08:15:00.123Z\"", "null",
	    "\"2026-11-22T08:15:00.1x3Z\""};

	ck_assert_int_eq(story_time(json_of("\"2026-11-22T08:15:00.123Z\"")), START + 123000);
	ck_assert_int_eq(story_time(json_of("\"1970-01-01T00:00:01.000Z\"")), SECOND);
	ck_assert_int_eq(story_time(JSON_NOTHING), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_int_eq(story_time(json_of(wrong[i])), 0);
}
END_TEST

START_TEST(no_run)
{
	ck_assert_int_eq(story_open(&story, "."), -1);
	ck_assert_int_eq(errno, ENODATA);
	add_text("not JSON\n[]\n{}\n");
	add(0, "notebook_started", A(1));
	add(0, "run_started", "\"run\": {\"id\": 7}");
	ck_assert_int_eq(story_open(&story, "."), -1);
	ck_assert_int_eq(errno, ENODATA);
	ck_assert_int_eq(story_open(&story, "nowhere"), -1);
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

/* What would have no end, or be waited for. */
START_TEST(no_journal)
{
	ck_assert_int_eq(unlink("events.jsonl"), 0);
	ck_assert_int_eq(symlink("/dev/zero", "events.jsonl"), 0);
	ck_assert_int_eq(story_open(&story, "."), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(unlink("events.jsonl"), 0);
	ck_assert_int_eq(mkfifo("events.jsonl", 0600), 0);
	ck_assert_int_eq(story_open(&story, "."), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(unlink("events.jsonl"), 0);
	ck_assert_int_eq(mkdir("events.jsonl", 0700), 0);
	ck_assert_int_eq(story_open(&story, "."), -1);
	ck_assert_int_eq(errno, EISDIR);
	ck_assert_int_eq(rmdir("events.jsonl"), 0);
}
END_TEST

START_TEST(whole_run)
{
	struct story_run *run;
	struct story_notebook *a, *b;
	struct story_attempt *t;
	size_t counts[STATUSES], i;

	add(0, "run_started", RUN("r1", "null"));
	add(2, "notebook_started", A(1) ", \"pid\": 100, \"reason\": \"it changed\", \"slot\": 1, \"queued_seconds\": 1.500");
	add(3, "kernel_ready", A(1) ", \"pid\": 200, \"start\": \"warm\", \"seconds\": 0.250");
	add(4, "cell_started", A(1) ", \"cell\": 3, \"number\": 1, \"total\": 2");
	add(5, "cell_finished", A(1) ", \"cell\": 3, \"number\": 1, \"total\": 2, \"seconds\": 1.250, \"failed\": false");
	add(5, "memory_sampled", "\"available_bytes\": 5000000000, \"kernels\": [{" A(1) ", \"rss_bytes\": 70}, 3]");
	add(5, "cell_started", A(1) ", \"cell\": 4, \"number\": 2, \"total\": 2");
	add(6, "cell_finished", A(1) ", \"cell\": 4, \"number\": 2, \"total\": 2, \"seconds\": 1.000, \"failed\": true");
	add(7, "notebook_attempt_failed", A(1) ", \"retry_in_seconds\": 2.000, \"ended\": {\"attempt\": 1, \"status\": "
	    "\"failed\", \"finished_at\": \"2026-11-22T08:15:06.500Z\"}");
	add(8, "processes_changed", "\"processes\": 3");
	add(9, "notebook_started", A(2) ", \"pid\": 101, \"reason\": null");
	add(10, "notebook_requeued", A(2) ", \"reason\": \"no memory\", \"ended\": {\"status\": \"cancelled\"}");
	add(11, "notebook_started", A(3) ", \"pid\": 102");
	add(12, "notebook_departs", A(3));
	add(13, "notebook_finished", A(3) ", \"cause\": null, \"fails_run\": false, \"notebook\": {\"name\": \"a\", \"status\": "
	    "\"succeeded\", \"started_at\": \"2026-11-22T08:15:11.000Z\", \"finished_at\": \"2026-11-22T08:15:12.500Z\"}");
	add(14, "run_stopping", "\"reason\": \"enough\"");
	add(14, "notebook_finished", "\"name\": \"b\", \"attempt\": 0, \"cause\": \"a\", \"fails_run\": true, \"notebook\": "
	    "{\"name\": \"b\", \"status\": \"skipped\", \"started_at\": null}");
	add(15, "of_a_later_version", "\"name\": \"c\"");
	add(16, "run_finished", "\"status\": \"failed\", \"counts\": {}, \"duration_seconds\": 15.750");
	ck_assert_int_eq(story_open(&story, "."), 0);
	ck_assert_uint_eq(story.n, 1);
	run = story_last(&story);
	ck_assert_str_eq(run->id, "r1");
	ck_assert_str_eq(run->workflow, "tables");
	ck_assert_str_eq(run->file, "t.yaml");
	ck_assert_str_eq(run->folder, "d");
	ck_assert_str_eq(run->on_error, "drain");
	ck_assert_str_eq(run->stop_reason, "enough");
	ck_assert_ptr_null(run->resumed_from);
	ck_assert_int_eq(run->phase, STORY_OVER);
	ck_assert_int_eq(run->status, STATUS_FAILED);
	ck_assert_int_eq(run->started, START);
	ck_assert_int_eq(run->stopping, START + 14 * SECOND);
	ck_assert_int_eq(run->ended, START + 16 * SECOND);
	ck_assert(run->duration_seconds == 15.75);
	ck_assert_uint_eq(run->nprocesses, 2);
	ck_assert_uint_eq(run->processes[1].processes, 3);
	ck_assert_uint_eq(run->nmemory, 1);
	ck_assert_int_eq(run->memory[0].bytes, 5000000000);
	ck_assert_uint_eq(run->n, 2);
	story_counts(run, counts);
	ck_assert_uint_eq(counts[STATUS_SUCCEEDED], 1);
	ck_assert_uint_eq(counts[STATUS_SKIPPED], 1);
	a = run->notebooks[0];
	b = run->notebooks[1];
	ck_assert_ptr_eq(story_after(run, NULL, &i), a);
	ck_assert_ptr_eq(story_after(run, a, &i), b);
	ck_assert_ptr_null(story_after(run, b, &i));
	ck_assert_int_eq(a->state, STORY_DONE);
	ck_assert_int_eq(a->status, STATUS_SUCCEEDED);
	ck_assert(!a->fails_run);
	ck_assert_str_eq(a->path, "a.ipynb");
	ck_assert(json_is(json_get(json_of(a->object), "status"), "succeeded"));
	ck_assert_uint_eq(a->nattempts, 3);
	t = &a->attempts[0];
	ck_assert_uint_eq(t->number, 1);
	ck_assert_int_eq(t->slot, 1);
	ck_assert_int_eq(t->pid, 100);
	ck_assert_str_eq(t->reason, "it changed");
	ck_assert_int_eq(t->queued, START + SECOND / 2);
	ck_assert_int_eq(t->started, START + 2 * SECOND);
	ck_assert_int_eq(t->ready, START + 3 * SECOND);
	ck_assert(t->warm);
	ck_assert(t->ready_seconds == 0.25);
	ck_assert_uint_eq(t->total, 2);
	ck_assert_uint_eq(t->ncells, 2);
	ck_assert_uint_eq(t->cells[0].cell, 3);
	ck_assert_int_eq(t->cells[0].ended, START + 5 * SECOND);
	ck_assert(t->cells[0].seconds == 1.25);
	ck_assert(!t->cells[0].failed && t->cells[1].failed);
	ck_assert_uint_eq(t->nmemory, 1);
	ck_assert_int_eq(t->memory[0].bytes, 70);
	ck_assert_int_eq(t->end, STORY_END_RETRY);
	ck_assert_int_eq(t->status, STATUS_FAILED);
	ck_assert_int_eq(t->ended, START + 6 * SECOND + SECOND / 2);
	ck_assert(t->retry_in_seconds == 2);
	ck_assert_ptr_nonnull(t->object);
	ck_assert_int_eq(a->attempts[1].end, STORY_END_REQUEUED);
	ck_assert_str_eq(a->attempts[1].requeue_reason, "no memory");
	ck_assert_int_eq(a->attempts[1].slot, -1);
	ck_assert_int_eq(a->attempts[2].end, STORY_END_LAST);
	ck_assert_int_eq(a->attempts[2].departed, START + 12 * SECOND);
	ck_assert_int_eq(a->attempts[2].ended, START + 12 * SECOND + SECOND / 2);
	ck_assert_int_eq(b->status, STATUS_SKIPPED);
	ck_assert_str_eq(b->cause, "a");
	ck_assert(b->fails_run && b->allow_failure);
	ck_assert_uint_eq(b->nattempts, 0);
	ck_assert_str_eq(b->target, "prod");
	ck_assert_uint_eq(b->ndepends_on, 1);
	ck_assert_uint_eq(b->depends_on[0], 0);
	ck_assert_ptr_null(story_find(run, "c"));
}
END_TEST

START_TEST(grows)
{
	add(0, "run_started", RUN("r1", "null"));
	ck_assert_int_eq(story_open(&story, "."), 0);
	ck_assert_int_eq(story_last(&story)->phase, STORY_TORN_OFF);
	ck_assert_int_eq(found("a")->state, STORY_WAITING);
	ck_assert_int_eq(story_read(&story), 0);
	/* Somebody is at work in it now. */
	ck_assert_int_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
	ck_assert_int_eq(story_read(&story), 1);
	ck_assert_int_eq(story_last(&story)->phase, STORY_GOES_ON);
	add(1, "notebook_started", A(1) ", \"pid\": 100");
	add_text("{\"time\": \"2026-11-22T08:15:02.000Z\", \"event\": \"cell_sta");
	ck_assert_int_eq(story_read(&story), 1);
	ck_assert_int_eq(found("a")->state, STORY_RUNNING);
	ck_assert_uint_eq(found("a")->attempts[0].ncells, 0);
	ck_assert_int_eq(story_read(&story), 0);
	add_text("rted\", " A(1) ", \"cell\": 0, \"number\": 1, \"total\": 1}\n");
	ck_assert_int_eq(story_read(&story), 1);
	ck_assert_uint_eq(found("a")->attempts[0].ncells, 1);
	ck_assert_int_eq(found("a")->attempts[0].cells[0].ended, 0);
	/* Killed in the middle of a line, which the next run cuts off. */
	add_text("{\"time\": \"2026-");
	ck_assert_int_eq(flock(fd, LOCK_UN), 0);
	ck_assert_int_eq(story_read(&story), 1);
	ck_assert_int_eq(story_last(&story)->phase, STORY_TORN_OFF);
	ck_assert_int_eq(found("a")->attempts[0].end, STORY_END_NONE);
	ck_assert_int_eq(ftruncate(fd, story.size), 0);
	add(5, "run_started", RUN("r2", "\"r1\""));
	ck_assert_int_eq(story_read(&story), 1);
	ck_assert_uint_eq(story.n, 2);
	ck_assert_str_eq(story_last(&story)->resumed_from, "r1");
	ck_assert_int_eq(found("a")->state, STORY_WAITING);
	add(6, "run_finished", "\"status\": \"succeeded\", \"duration_seconds\": 1");
	ck_assert_int_eq(story_read(&story), 1);
	ck_assert_int_eq(story_last(&story)->phase, STORY_OVER);
	ck_assert_int_eq(story.runs[0]->phase, STORY_TORN_OFF);
}
END_TEST

START_TEST(calls_and_what_is_kept)
{
	struct story_notebook *a, *c;
	struct json object;
	size_t i;

	add(0, "run_started", RUN("r1", "null"));
	add(1, "notebook_started", A(1));
	add(1, "notebook_called", "\"name\": \"a.c\", \"parent\": \"a\", \"parent_attempt\": 1, \"path\": \"./c\"");
	add(1, "notebook_started", "\"name\": \"a.c\", \"parent\": \"a\", \"attempt\": 1, \"slot\": 1");
	ck_assert_int_eq(story_open(&story, "."), 0);
	c = found("a.c");
	ck_assert_ptr_eq(c->parent, found("a"));
	ck_assert_uint_eq(story_depth(c), 1);
	ck_assert_ptr_eq(story_after(story_last(&story), found("a"), &(size_t){0}), c);
	ck_assert_str_eq(c->path, "./c");
	ck_assert_int_eq(c->called, START + SECOND);
	ck_assert_int_eq(c->state, STORY_RUNNING);
	add_finished(2, "a.c\", \"parent\": \"a", "succeeded", "");
	add_finished(3, "a", "succeeded", ", \"children\": [{\"name\": \"a.c\", \"status\": \"failed\", \"parent_attempt\": 1, "
	    "\"children\": [{\"name\": \"a.c.d\", \"status\": \"succeeded\", \"children\": []}]}]");
	add(4, "run_finished", "\"status\": \"failed\", \"duration_seconds\": 4");
	add(10, "run_started", RUN("r2", "\"r1\""));
	add(11, "notebook_kept", "\"name\": \"a\", \"run\": \"r1\"");
	ck_assert_int_eq(story_read(&story), 1);
	a = found("a");
	ck_assert_int_eq(a->state, STORY_DONE);
	ck_assert_int_eq(a->status, STATUS_SUCCEEDED);
	ck_assert_uint_eq(a->nattempts, 0);
	ck_assert_str_eq(a->kept_from, "r1");
	object = json_of(a->object);
	ck_assert(json_is(json_get(object, "resumed_from"), "r1"));
	ck_assert_uint_eq(json_count(object), 6);
	c = found("a.c");
	ck_assert_ptr_eq(c->parent, a);
	ck_assert_str_eq(c->kept_from, "r1");
	ck_assert_int_eq(c->status, STATUS_FAILED);
	ck_assert_ptr_eq(story_after(story_last(&story), c, &i), found("a.c.d"));
	ck_assert_uint_eq(story_depth(found("a.c.d")), 2);
	/* A success that the journal has lost. */
	add(12, "notebook_kept", "\"name\": \"b\", \"run\": \"r0\"");
	ck_assert_int_eq(story_read(&story), 1);
	ck_assert_int_eq(found("b")->state, STORY_DONE);
	ck_assert_ptr_null(found("b")->object);
}
END_TEST

/* A journal that has lost lines, or was written by a version that told less. */
START_TEST(lost_lines)
{
	add(0, "run_started", "\"run\": {\"id\": \"r\"}, \"workflow\": {\"name\": \"w\"}, \"notebooks\": 2");
	add_text("\n{\"time\n");
	add(1, "cell_finished", A(2) ", \"cell\": 0, \"number\": 1, \"total\": 1, \"seconds\": 1, \"failed\": false");
	add(1, "cell_started", A(1) ", \"cell\": 0, \"number\": 1, \"total\": 1");
	add(2, "cell_started", "\"name\": null, \"attempt\": 1");
	add(2, "cell_started", "\"name\": \"x\", \"attempt\": \"1\"");
	add(2, "kernel_ready", "\"name\": \"p.c\", \"parent\": \"p\", \"attempt\": 1");
	add(2, "notebook_finished", "\"name\": \"a\", \"attempt\": 2, \"notebook\": {\"status\": \"odd\"}");
	add_finished(3, "a", "failed", "");
	add_finished(4, "a", "succeeded", "");
	ck_assert_int_eq(story_open(&story, "."), 0);
	ck_assert_uint_eq(story_last(&story)->expected, 2);
	ck_assert_uint_eq(found("a")->nattempts, 1);
	ck_assert_uint_eq(found("a")->attempts[0].number, 2);
	ck_assert_uint_eq(found("a")->attempts[0].ncells, 0);
	ck_assert_int_eq(found("a")->status, STATUS_FAILED);
	ck_assert_str_eq(found("a")->path, "a.ipynb");
	ck_assert_ptr_eq(found("p.c")->parent, found("p"));
	ck_assert_ptr_null(found("p")->parent);
	ck_assert_int_eq(found("p")->state, STORY_WAITING);
}
END_TEST

/* No deeper than anything is that was run. */
START_TEST(endless_calls)
{
	struct buf b = BUF_INIT;

	buf_adds(&b, "{\"event\": \"run_started\", \"run\": {\"id\": \"r\"}, \"workflow\": {\"name\": \"w\"}}\n");
	for (int i = 1; i < 1000; i++)
		buf_addf(&b, "{\"event\": \"notebook_called\", \"name\": \"n%d\", \"parent\": \"n%d\"}\n", i, i - 1);
	add_text(buf_str(&b));
	buf_release(&b);
	ck_assert_int_eq(story_open(&story, "."), 0);
	ck_assert_uint_eq(story_depth(found("n64")), 64);
	ck_assert_uint_eq(story_depth(found("n65")), 0);	/* heard of as the caller of the next one alone */
	ck_assert_uint_eq(story_depth(found("n66")), 1);
}
END_TEST

/* Of a clock that was set, or of a journal that somebody else has made. */
START_TEST(thousands_of_years)
{
	struct recalled r;

	add_text("{\"time\": \"2026-11-22T08:15:00.000Z\", \"event\": \"run_started\", \"run\": {\"id\": \"r\"}, \"workflow\": {\"name\": \"w\"}}\n"
	    "{\"time\": \"2026-11-22T08:15:00.000Z\", \"event\": \"notebook_started\", \"name\": \"a\", \"attempt\": 1}\n"
	    "{\"time\": \"9999-12-31T23:59:59.999Z\", \"event\": \"cell_started\", \"name\": \"a\", \"attempt\": 1}\n");
	ck_assert_int_eq(story_open(&story, "."), 0);
	recall(&r, story_last(&story), ".", START);
	ck_assert_int_gt(r.run.ended_at, INT64_C(1000000000) * 86400 * 365 * 200);
	ck_assert_int_gt(r.run.records[0].ended_at, INT64_C(1000000000) * 86400 * 365 * 200);
	recall_release(&r);
}
END_TEST

/* 1,000 notebooks of 20 cells: what a report of a large run begins with. */
START_TEST(many)
{
	struct timespec from, to;
	struct buf b = BUF_INIT;

	add(0, "run_started", "\"run\": {\"id\": \"r\"}, \"workflow\": {\"name\": \"w\"}, \"notebooks\": 1000");
	for (int i = 0; i < 1000; i++) {
		buf_addf(&b, "{\"time\": \"2026-11-22T08:15:01.000Z\", \"event\": \"notebook_started\", \"name\": \"n%d\", "
		    "\"attempt\": 1}\n", i);
		for (int c = 0; c < 20; c++) {
			buf_addf(&b, "{\"time\": \"2026-11-22T08:15:01.000Z\", \"event\": \"cell_started\", \"name\": \"n%d\", "
			    "\"attempt\": 1, \"cell\": %d, \"number\": 1, \"total\": 20}\n", i, c);
			buf_addf(&b, "{\"time\": \"2026-11-22T08:15:01.000Z\", \"event\": \"cell_finished\", \"name\": \"n%d\", "
			    "\"attempt\": 1, \"cell\": %d, \"number\": 1, \"total\": 20, \"seconds\": 0.001, \"failed\": "
			    "false}\n", i, c);
		}
	}
	add_text(buf_str(&b));
	buf_release(&b);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	ck_assert_int_eq(story_open(&story, "."), 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	ck_assert_uint_eq(story_last(&story)->n, 1000);
	ck_assert_uint_eq(found("n999")->attempts[0].ncells, 20);
	ck_assert_int_ne(found("n999")->attempts[0].cells[19].ended, 0);
	/* 0.04 s where it was written; under valgrind it takes long, and quadratic would be for ever. */
	ck_assert_int_lt(to.tv_sec - from.tv_sec, 20);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("story");
	TCase *t = tcase_create("story");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, enter, leave);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, times);
	tcase_add_test(t, no_run);
	tcase_add_test(t, no_journal);
	tcase_add_test(t, whole_run);
	tcase_add_test(t, grows);
	tcase_add_test(t, calls_and_what_is_kept);
	tcase_add_test(t, lost_lines);
	tcase_add_test(t, endless_calls);
	tcase_add_test(t, thousands_of_years);
	tcase_add_test(t, many);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
