#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "report/view.h"
#include "made_run.h"

#define ERROR "{\"kind\": \"notebook\", \"name\": \"ValueError\", \"message\": \"no rows\", \"cell\": 3}"

static struct made made;
static const struct record *active[2000];
static size_t nactive;
static struct view_memory memory;
static struct view_frame frame;
static struct view view;

static void
setup(void)
{
	nactive = 0;
	memory = (struct view_memory)VIEW_MEMORY_INIT;
	frame = (struct view_frame)VIEW_FRAME_INIT;
}

static void
teardown(void)
{
	view_frame_release(&frame);
	view_memory_release(&memory);
	for (size_t i = 0; i < made.workflow.npools; i++)
		free(made.workflow.pools[i].name);
	free(made.workflow.pools);
	made_release(&made);
}

/* All of them are in no pool; there are two pools. */
static void
make(size_t n, size_t rows, size_t columns)
{
	made_init(&made, n);
	made.workflow.pools = xcalloc(2, sizeof(*made.workflow.pools));
	made.workflow.npools = 2;
	made.workflow.pools[0] = (struct named_limit){.name = xstrdup("warehouse"), .most = 2};
	made.workflow.pools[1] = (struct named_limit){.name = xstrdup("api"), .most = 1};
	for (size_t i = 0; i < n; i++)
		made.workflow.tasks[i].pool = NO_POOL;
	view = (struct view){
		.run = &made.run, .active = active, .now = MADE_START + 75 * NSEC_PER_SEC, .left = -1, .rows = rows,
		.columns = columns,
	};
}

static struct record *
runs(size_t i, unsigned cell, unsigned cells)
{
	struct record *r = made_started(&made, i);

	r->kernel_ready = true;
	r->cell = cell;
	r->cells = cells;
	active[nactive++] = r;
	return r;
}

static const char *
text(void)
{
	view.n = nactive;
	view_make(&view, &memory, &frame);
	return buf_str(&frame.text);
}

static void
expect(const char *expected)
{
	ck_assert_str_eq(text(), expected);
}

/* Why each of them waits. */
START_TEST(reasons)
{
	struct record *r;

	make(9, 40, 90);
	made.workflow.tasks[1].pool = made.workflow.tasks[2].pool = 1;
	made_depends(&made, 3, 0);
	made_depends(&made, 4, 3);
	made_depends(&made, 4, 5);
	made_depends(&made, 4, 0);
	made_depends(&made, 8, 7);
	runs(0, 2, 4);
	runs(1, 1, 4)->ending = true;
	r = made_started(&made, 5);
	r->state = RECORD_WAITING;
	r->retry_at = view.now + 8 * NSEC_PER_SEC;
	made_set(&r->error, ERROR);
	made.run.running--;
	made.run.waiting++;
	made_ran(&made, 7, STATUS_SUCCEEDED, 1, NULL);
	view.left = 62.7;
	expect(
	    "nightly on local  1/9  1m15s, about 1m02s left  1 succeeded, 2 running, 6 waiting\n"
	    "  a  ###------- 2/4  1m14s\n"
	    "  b  ##-------- 1/4  1m14s\n"
	    "  f  attempt 2 in 8s: ValueError: no rows\n"
	    "  c  waits for pool api (1 of 1 taken)\n"
	    "  g  waits for a process\n"
	    "  i  waits for a process\n"
	    "  d  waits for a\n"
	    "  e  waits for a and 2 more\n");
	/* The time of the attempt has come; the machine has no room. */
	view.now = r->retry_at;
	made.run.held = "load is 9.2 of 8";
	ck_assert_ptr_nonnull(strstr(text(), "\n  nothing new is started: load is 9.2 of 8\n"));
	ck_assert_ptr_nonnull(strstr(text(), "\n  f  waits for room on this machine\n  g  waits for room on this machine\n"));
	/* What waits now will not be started. */
	made.run.stopping = true;
	made.run.stop_reason = "SIGINT";
	ck_assert_ptr_null(strstr(text(), "waits"));
	ck_assert_ptr_nonnull(strstr(text(), "\n  stopping: SIGINT\n"));
}
END_TEST

/* More than there is room for: those that run, some that are tried again, some of each kind that wait, and a count. */
START_TEST(interesting_ones_first)
{
	make(1000, 24, 90);
	for (size_t i = 0; i < 1000; i++) {
		if (i % 10 == 0)
			made.workflow.tasks[i].pool = 0;
		else if (i >= 500)
			made_depends(&made, i, 1);
	}
	for (size_t i = 0; i < 4; i++)
		runs(i, 1, 2);
	runs(10, 1, 2);
	ck_assert_str_eq(strchr(text(), '\n'),
	    "\n"
	    "  a     ##-------- 1/2  1m14s\n"
	    "  b     ##-------- 1/2  1m14s\n"
	    "  c     ##-------- 1/2  1m14s\n"
	    "  d     ##-------- 1/2  1m14s\n"
	    "  k     ##-------- 1/2  1m14s\n"
	    "  u     waits for pool warehouse (2 of 2 taken)\n"
	    "  n30   waits for pool warehouse (2 of 2 taken)\n"
	    "  e     waits for a process\n"
	    "  f     waits for a process\n"
	    "  n501  waits for b\n"
	    "  and 990 more: 96 waiting for their pools, 445 for a process, 449 for other notebooks\n");
}
END_TEST

/* However many run, what has failed has its lines, and what came before stays to be read. */
START_TEST(many)
{
	make(100, 24, 90);
	for (size_t i = 0; i < 50; i++)
		runs(i, 1, 2);
	for (size_t i = 50; i < 60; i++)
		made.run.records[i].retry_at = view.now + NSEC_PER_SEC;
	text();
	ck_assert_uint_eq(frame.n, 18);
	ck_assert_ptr_nonnull(strstr(text(), "\n  and 84 more: 38 running, 6 waiting for another attempt, 40 for a process\n"));
}
END_TEST

/* Notebooks of a workspace have no kernel here, and names of any kind. */
START_TEST(elsewhere)
{
	char name[] = "prod", type[] = "databricks";
	struct target target = {.name = name, .type = type};
	struct record *r;

	make(2, 24, 90);
	made_set(&made.workflow.tasks[1].name, "\xe6\xbc\xa2\xe5\xad\x97");
	made.workflow.tasks[0].target = made.workflow.tasks[1].target = &target;
	r = runs(0, 0, 0);
	r->attempts = 3;
	r->remote_run = 17;
	made_set(&r->line, "pending");
	runs(1, 0, 0)->kernel_ready = false;
	view.unicode = true;
	view.colour = true;
	expect(
	    "\033[1mnightly\033[m on local  \033[2m\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500"
	    "\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\033[m 0/2  1m15s  2 running\n"
	    "  a     \033[2mon prod\033[m     1m14s  \033[33mattempt 3\033[m  \033[2mpending\033[m\n"
	    "  \xe6\xbc\xa2\xe5\xad\x97  \033[2msubmitting\033[m  1m14s\n");
}
END_TEST

/* A bar is full when all is done, and not before; a single failure of a thousand is to be seen. */
START_TEST(bars)
{
	make(1000, 24, 100);
	for (size_t i = 0; i < 999; i++)
		made_ran(&made, i, i == 7 ? STATUS_FAILED : STATUS_SUCCEEDED, 1, NULL);
	view.unicode = true;
	runs(999, 9, 9);
	view.colour = true;
	ck_assert_ptr_nonnull(strstr(text(), "\033[31m\u2501\033[m\033[32m\u2501"));
	view.colour = false;
	ck_assert_ptr_nonnull(strstr(text(), "\n  n999  \u2501\u2501\u2501\u2501\u2501\u2501\u2501\u2501\u2501\u2500 9/9  1m14s\n"));
	made.run.records[999].ending = true;
	ck_assert_ptr_nonnull(strstr(text(), "\n  n999  \u2501\u2501\u2501\u2501\u2501\u2501\u2501\u2501\u2501\u2501 9/9  1m14s\n"));
}
END_TEST

/* On whatever terminal: no more lines than it has, none longer than it, all said of each line is true. */
START_TEST(any_size)
{
	make(60, 0, 0);
	made_set(&made.workflow.name, "nightly-\xe6\xbc\xa2\xe5\xad\x97-\xf0\x9f\x9a\x80");
	for (size_t i = 0; i < 60; i += 3)
		made_set(&made.workflow.tasks[i].name, "\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97");
	for (size_t i = 0; i < 20; i++)
		made_set(&runs(i, i, 20)->line, "e\xcc\x81\xcc\x81 \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb printed \xe2\x96\x88");
	for (size_t i = 20; i < 25; i++)
		made.run.records[i].retry_at = view.now + NSEC_PER_SEC;
	for (size_t i = 30; i < 40; i++)
		made_depends(&made, i, 1);
	made.run.held = "free memory is 1.2 GB, less than 2.0 GB";
	view.unicode = true;
	for (view.rows = 0; view.rows < 70; view.rows++) {
		for (view.columns = 0; view.columns < 160; view.columns += view.columns < 50 ? 1 : 7) {
			size_t at = 0;

			text();
			ck_assert_uint_le(frame.n, view.rows);
			ck_assert_uint_eq(frame.n == 0, view.rows == 0);
			for (size_t i = 0; i < frame.n; i++) {
				const struct view_line *l = &frame.lines[i];
				struct buf shown = BUF_INIT;

				ck_assert_uint_eq(l->at, at);
				at += l->len;
				ck_assert_int_eq(frame.text.data[at - 1], '\n');
				ck_assert_uint_le(l->columns, view.columns);
				ck_assert_uint_eq(utf8_put_visible(&shown, frame.text.data + l->at, l->len - 1, SIZE_MAX), l->columns);
				buf_release(&shown);
			}
			ck_assert_uint_eq(frame.text.len, at);
		}
	}
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("view");
	TCase *t = tcase_create("view");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, reasons);
	tcase_add_test(t, interesting_ones_first);
	tcase_add_test(t, many);
	tcase_add_test(t, elsewhere);
	tcase_add_test(t, bars);
	tcase_add_test(t, any_size);
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
