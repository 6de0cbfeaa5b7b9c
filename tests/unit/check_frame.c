#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pool/frame.h"

static int ends[2];
static struct frame_reader reader;
static struct frame frame;

static void
setup(void)
{
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	ck_assert_int_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	signal(SIGPIPE, SIG_IGN);
	frame_reader_init(&reader);
}

static void
teardown(void)
{
	frame_reader_release(&reader);
	close(ends[0]);
	if (ends[1] != -1)
		close(ends[1]);
}

static void
put(const void *p, size_t n)
{
	ck_assert_int_eq(write(ends[1], p, n), (ssize_t)n);
}

static void
put_header(uint32_t type, uint32_t n)
{
	uint32_t header[2] = {type, n};

	put(header, sizeof(header));
}

static void
hang_up(void)
{
	close(ends[1]);
	ends[1] = -1;
}

static void
expect(enum frame_type type, const char *payload)
{
	ck_assert_int_eq(frame_next(&reader, &frame), 1);
	ck_assert_int_eq(frame.type, type);
	ck_assert_uint_eq(frame.n, strlen(payload));
	ck_assert_str_eq(frame.payload, payload);	/* so there is a NUL behind it */
}

static void
expect_problem(const char *problem)
{
	ck_assert_int_eq(frame_next(&reader, &frame), -1);
	ck_assert_str_eq(reader.problem, problem);
	ck_assert_str_eq(frame_end(&reader), problem);
	/* It stays wrong, and nothing more is read. */
	put("more", 4);
	ck_assert_int_eq(frame_fill(&reader, ends[0]), -1);
	ck_assert_int_eq(frame_next(&reader, &frame), -1);
	ck_assert_str_eq(reader.problem, problem);
}

START_TEST(conversation)
{
	ck_assert_int_eq(frame_fill(&reader, ends[0]), 0);
	ck_assert_int_eq(frame_next(&reader, &frame), 0);
	ck_assert_int_eq(frame_send(ends[1], FRAME_PROGRESS, "{}", 2), 0);
	ck_assert_int_eq(frame_send(ends[1], FRAME_LOG, "\001text", 5), 0);
	ck_assert_int_eq(frame_send(ends[1], FRAME_RESULT, "{\"a\": 1}", 8), 0);
	ck_assert_int_eq(frame_send(ends[1], FRAME_LOG, "\002last", 5), 0);
	ck_assert_int_eq(frame_fill(&reader, ends[0]), 1);
	expect(FRAME_PROGRESS, "{}");
	expect(FRAME_LOG, "\001text");
	ck_assert_str_eq(frame_end(&reader), "ended in the middle of a frame");	/* not all handed out */
	expect(FRAME_RESULT, "{\"a\": 1}");
	expect(FRAME_LOG, "\002last");
	ck_assert_int_eq(frame_next(&reader, &frame), 0);
	ck_assert_int_eq(frame_next(&reader, &frame), 0);
	ck_assert_int_eq(frame_fill(&reader, ends[0]), 0);
	hang_up();
	ck_assert_int_eq(frame_fill(&reader, ends[0]), -1);
	ck_assert_int_eq(frame_next(&reader, &frame), 0);
	ck_assert_ptr_null(frame_end(&reader));
	ck_assert_ptr_null(reader.problem);
}
END_TEST

START_TEST(byte_by_byte)
{
	uint32_t header[2] = {FRAME_PROGRESS, 3};
	char all[2 * sizeof(header) + 6];

	memcpy(all, header, sizeof(header));
	memcpy(all + sizeof(header), "one", 3);
	memcpy(all + sizeof(header) + 3, header, sizeof(header));
	memcpy(all + 2 * sizeof(header) + 3, "two", 3);
	for (size_t i = 0; i < sizeof(all); i++) {
		ck_assert_int_eq(frame_next(&reader, &frame), 0);
		put(all + i, 1);
		ck_assert_int_eq(frame_fill(&reader, ends[0]), 1);
		if (i == sizeof(all) / 2 - 1)
			expect(FRAME_PROGRESS, "one");
	}
	expect(FRAME_PROGRESS, "two");
	ck_assert_int_eq(frame_next(&reader, &frame), 0);
	hang_up();
	ck_assert_int_eq(frame_fill(&reader, ends[0]), -1);
	ck_assert_str_eq(frame_end(&reader), "ended without a result");
}
END_TEST

/* The NUL behind a payload stands on the next frame's first byte, also when that frame is cut there. */
START_TEST(nul_behind_payload_hides_nothing)
{
	put_header(FRAME_PROGRESS, 1);
	put("x", 1);
	put_header(FRAME_LOG, 300);	/* its first byte is not 0, nor is that of the length */
	ck_assert_int_eq(frame_fill(&reader, ends[0]), 1);
	expect(FRAME_PROGRESS, "x");
	ck_assert_int_eq(frame_next(&reader, &frame), 0);
	for (int i = 0; i < 300; i++)
		put("y", 1);
	ck_assert_int_eq(frame_fill(&reader, ends[0]), 1);
	ck_assert_int_eq(frame_next(&reader, &frame), 1);
	ck_assert_int_eq(frame.type, FRAME_LOG);
	ck_assert_uint_eq(frame.n, 300);
	ck_assert_uint_eq(strspn(frame.payload, "y"), 300);
}
END_TEST

START_TEST(payload_may_hold_nul)
{
	ck_assert_int_eq(frame_send(ends[1], FRAME_PROGRESS, "a\0b", 3), 0);
	ck_assert_int_eq(frame_fill(&reader, ends[0]), 1);
	ck_assert_int_eq(frame_next(&reader, &frame), 1);
	ck_assert_uint_eq(frame.n, 3);
	ck_assert_mem_eq(frame.payload, "a\0b", 4);
}
END_TEST

START_TEST(fill_takes_no_more_than_a_turn)
{
	char many[100] = "";
	size_t sent = 0, got = 0;
	int turns = 0;

	ck_assert_int_ge(fcntl(ends[1], F_SETPIPE_SZ, 1024 * 1024), 1024 * 1024);
	for (; sent < 4000; sent++)
		ck_assert_int_eq(frame_send(ends[1], FRAME_PROGRESS, many, sizeof(many)), 0);
	while (frame_fill(&reader, ends[0]) == 1) {
		size_t before = got;

		while (frame_next(&reader, &frame) == 1)
			got++;
		ck_assert_uint_le(got - before, 64 * 1024 / sizeof(many));
		turns++;
	}
	ck_assert_uint_eq(got, sent);
	ck_assert_int_ge(turns, 6);
	/* What has been taken does not pile up. */
	ck_assert_uint_lt(reader.buf.cap, 256 * 1024);
}
END_TEST

static const struct {
	enum frame_type type;
	size_t max;
} limits[] = {
	{FRAME_PROGRESS, FRAME_PROGRESS_MAX}, {FRAME_RESULT, FRAME_RESULT_MAX}, {FRAME_LOG, FRAME_LOG_MAX},
};

START_TEST(longest_payloads)
{
	static char payload[FRAME_RESULT_MAX + 1];
	int r = 0, filled;
	pid_t pid;

	memset(payload, '{', sizeof(payload));
	errno = 0;
	ck_assert_int_eq(frame_send(ends[1], limits[_i].type, payload, limits[_i].max + 1), -1);
	ck_assert_int_eq(errno, EMSGSIZE);
	ck_assert_int_eq(frame_fill(&reader, ends[0]), 0);	/* nothing of it was sent */

	/* Longer than a pipe holds: the writer must go on where it was cut. */
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(frame_send(ends[1], limits[_i].type, payload, limits[_i].max) == 0 ? 0 : 1);
	hang_up();
	while (r == 0) {
		filled = frame_fill(&reader, ends[0]);
		ck_assert_int_ne(filled, -1);
		r = frame_next(&reader, &frame);
	}
	ck_assert_int_eq(r, 1);
	ck_assert_int_eq(frame.type, limits[_i].type);
	ck_assert_uint_eq(frame.n, limits[_i].max);
	ck_assert_mem_eq(frame.payload, payload, limits[_i].max);
	ck_assert_int_eq(frame.payload[frame.n], 0);
	ck_assert_int_eq(waitpid(pid, &r, 0), pid);
	ck_assert_int_eq(r, 0);
}
END_TEST

START_TEST(too_long_is_refused_by_its_header)
{
	put_header(limits[_i].type, (uint32_t)limits[_i].max + 1);
	ck_assert_int_eq(frame_fill(&reader, ends[0]), 1);
	expect_problem("sent a frame that is too long");
}
END_TEST

static const uint32_t unknown[] = {0, 4, 0x7fffffff, 0xffffffff, 0x7d7b227b};

START_TEST(unknown_type)
{
	put_header(unknown[_i], 2);
	ck_assert_int_eq(frame_fill(&reader, ends[0]), 1);
	expect_problem("sent a frame of unknown type");
	errno = 0;
	ck_assert_int_eq(frame_send(ends[1], (enum frame_type)unknown[_i], "{}", 2), -1);
	ck_assert_int_eq(errno, EMSGSIZE);
}
END_TEST

START_TEST(empty_frame)
{
	errno = 0;
	ck_assert_int_eq(frame_send(ends[1], FRAME_LOG, "", 0), -1);
	ck_assert_int_eq(errno, EMSGSIZE);
	put_header(FRAME_LOG, 0);
	ck_assert_int_eq(frame_fill(&reader, ends[0]), 1);
	expect_problem("sent an empty frame");
}
END_TEST

START_TEST(more_after_the_result)
{
	ck_assert_int_eq(frame_send(ends[1], FRAME_RESULT, "{}", 2), 0);
	ck_assert_int_eq(frame_send(ends[1], _i == 0 ? FRAME_RESULT : FRAME_PROGRESS, "{}", 2), 0);
	ck_assert_int_eq(frame_fill(&reader, ends[0]), 1);
	expect(FRAME_RESULT, "{}");
	expect_problem("sent more after its result");
}
END_TEST

START_TEST(cut_in_the_middle)
{
	uint32_t header[2] = {FRAME_RESULT, 2};

	ck_assert_int_eq(frame_send(ends[1], FRAME_PROGRESS, "{}", 2), 0);
	put(header, _i < 8 ? (size_t)_i : 8);
	if (_i > 8)
		put("{", 1);
	hang_up();
	ck_assert_int_eq(frame_fill(&reader, ends[0]), 1);
	expect(FRAME_PROGRESS, "{}");
	ck_assert_int_eq(frame_next(&reader, &frame), 0);
	ck_assert_int_eq(frame_fill(&reader, ends[0]), -1);
	ck_assert_int_eq(frame_next(&reader, &frame), 0);
	ck_assert_str_eq(frame_end(&reader), _i == 0 ? "ended without a result" : "ended in the middle of a frame");
}
END_TEST

START_TEST(nobody_reads)
{
	close(ends[0]);
	errno = 0;
	ck_assert_int_eq(frame_send(ends[1], FRAME_PROGRESS, "{}", 2), -1);
	ck_assert_int_eq(errno, EPIPE);
	ck_assert_int_eq(frame_fill(&reader, ends[0]), -1);	/* an error is an end */
	ck_assert_str_eq(frame_end(&reader), "ended without a result");
	ends[0] = dup(ends[1]);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("frame");
	TCase *t = tcase_create("frame");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 20);
	tcase_add_test(t, conversation);
	tcase_add_test(t, byte_by_byte);
	tcase_add_test(t, nul_behind_payload_hides_nothing);
	tcase_add_test(t, payload_may_hold_nul);
	tcase_add_test(t, fill_takes_no_more_than_a_turn);
	tcase_add_loop_test(t, longest_payloads, 0, sizeof(limits) / sizeof(limits[0]));
	tcase_add_loop_test(t, too_long_is_refused_by_its_header, 0, sizeof(limits) / sizeof(limits[0]));
	tcase_add_loop_test(t, unknown_type, 0, sizeof(unknown) / sizeof(unknown[0]));
	tcase_add_test(t, empty_frame);
	tcase_add_loop_test(t, more_after_the_result, 0, 2);
	tcase_add_loop_test(t, cut_in_the_middle, 0, 10);
	tcase_add_test(t, nobody_reads);
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
