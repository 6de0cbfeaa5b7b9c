#include <check.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "local/calls.h"

static char folder[] = "/tmp/check-calls-XXXXXX";
static volatile sig_atomic_t stop;
static sigset_t wait_mask;
static struct mask mask;
static struct task task;
static struct attempt attempt;
static struct calls *calls;
static struct buf told;	/* what nbfork was told, a line each */

static void
take(struct attempt *a, const char *json, size_t n)
{
	ck_assert_ptr_eq(a, &attempt);
	buf_add(&told, json, n);
	buf_addc(&told, '\n');
}

static void
setup(void)
{
	char *why = NULL;

	memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	sigemptyset(&wait_mask);
	stop = 0;
	mask = (struct mask)MASK_INIT;
	mask_add(&mask, "hunter2", 7);
	task = (struct task){.file = (char *)"dir/m.ipynb"};
	attempt = (struct attempt){
		.task = &task, .mask = &mask, .folder = folder, .stop = &stop, .wait_mask = &wait_mask, .progress = take,
	};
	told = (struct buf)BUF_INIT;
	calls = calls_open(&attempt, &why);
	ck_assert_ptr_nonnull(calls);
}

static void
teardown(void)
{
	calls_close(calls);
	mask_release(&mask);
	buf_release(&told);
	ck_assert_int_eq(file_remove_tree(folder), 0);
}

static int
dial(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ne(fd, -1);
	strcpy(address.sun_path, calls_path(calls));
	ck_assert_int_eq(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void
say(int fd, const char *text)
{
	ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Turns as a session does, until nothing more happens. */
static void
turn(void)
{
	const struct timespec now = {0, 0};
	struct pollfd fd = {.fd = calls_fd(calls), .events = POLLIN};

	do {
		calls_turn(calls);
	} while (ppoll(&fd, 1, &now, &wait_mask) != 0);
}

static int
call(const char *line)
{
	int fd = dial();

	say(fd, line);
	turn();
	return fd;
}

/* What nbfork does when what was called is over. */
static void
answer(int id, const char *text, size_t n)
{
	char *path = xasprintf("%s/answer-%d", folder, id);

	ck_assert_int_eq(file_replace(path, text, n), 0);
	free(path);
	raise(SIGURG);
}

/* All that comes until the other end closes. */
static char *
hear(int fd)
{
	struct buf b = BUF_INIT;
	ssize_t n;

	for (;;) {
		turn();
		n = recv(fd, buf_room(&b, 65536), 65536, MSG_DONTWAIT);
		if (n == 0)
			break;
		if (n > 0)
			b.len += (size_t)n;
		else
			ck_assert_int_eq(errno, EAGAIN);
	}
	close(fd);
	return buf_steal(&b);
}

static void
expect(int fd, const char *expected)
{
	char *found = hear(fd);

	ck_assert_str_eq(found, expected);
	free(found);
}

START_TEST(from_the_call_to_the_answer)
{
	int fd = dial();

	ck_assert_str_eq(strrchr(calls_path(calls), '/'), "/call");
	turn();
	say(fd, "{\"path\": \"a\", \"timeout_seconds\": 1.5, \"argu");
	turn();
	ck_assert_uint_eq(told.len, 0);
	say(fd, "ments\": {\"n\": \"\\u00e9\", \"s\": \"-hunter2-\"}}\nmore");
	turn();
	ck_assert_str_eq(buf_str(&told), "{\"kind\": \"call\", \"id\": 1, \"path\": \"a\", \"caller\": \"dir/m.ipynb\", "
	    "\"timeout_seconds\": 1.5, \"arguments\": {\"n\": \"\xc3\xa9\", \"s\": \"-hunter2-\"}, \"secrets\": [\"s\"]}\n");
	answer(1, "{}\n", 3);
	expect(fd, "{}\n");
	/* That is all that nbfork is told, and nothing is left. */
	ck_assert_ptr_null(strchr(told.data, '\n')[1] != '\0' ? told.data : NULL);
	fd = call("{\"path\": \"b\", \"caller\": \"x\", \"arguments\": {}}\n");
	ck_assert_ptr_nonnull(strstr(told.data, "\"id\": 2, \"path\": \"b\", \"caller\": \"x\", \"timeout_seconds\": 0.0, "
	    "\"arguments\": {}, \"secrets\": []}\n"));
	close(fd);
}
END_TEST

START_TEST(answers_come_in_any_order)
{
	int fds[3];

	for (int i = 0; i < 3; i++)
		fds[i] = call("{\"path\": \"a\"}\n");
	answer(3, "three\n", 6);
	answer(1, "one\n", 4);
	expect(fds[0], "one\n");
	expect(fds[2], "three\n");
	answer(2, "two\n", 4);
	expect(fds[1], "two\n");
}
END_TEST

/* More than any socket holds, to one who reads late. */
START_TEST(a_large_answer)
{
	size_t n = (size_t)32 * 1024 * 1024;
	char *text = xmalloc(n + 1), *found;
	int fd = call("{\"path\": \"a\"}\n");

	memset(text, 'x', n);
	text[n] = '\0';
	answer(1, text, n);
	turn();
	found = hear(fd);
	ck_assert_uint_eq(strlen(found), n);
	ck_assert_uint_eq(strspn(found, "x"), n);
	free(found);
	free(text);
}
END_TEST

START_TEST(who_goes_away_gives_up)
{
	int fd = call("{\"path\": \"a\"}\n"), other = dial();

	close(fd);
	say(other, "{\"pa");
	close(other);
	turn();
	ck_assert_ptr_nonnull(strstr(told.data, "{\"kind\": \"uncall\", \"id\": 1}\n"));
	/* An answer that comes all the same is nobody's. */
	answer(1, "{}\n", 3);
	turn();
	/* One that says no more waits. */
	fd = call("{\"path\": \"a\"}\n");
	shutdown(fd, SHUT_WR);
	turn();
	ck_assert_ptr_null(strstr(told.data, "\"uncall\", \"id\": 2"));
	answer(2, "{}\n", 3);
	expect(fd, "{}\n");
	/* One that goes in the middle of its answer is no matter. */
	fd = call("{\"path\": \"a\"}\n");
	answer(3, told.data, told.len);
	close(fd);
	turn();
}
END_TEST

START_TEST(stopped)
{
	int waiting = call("{\"path\": \"a\"}\n"), reading = dial();
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int late = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	say(reading, "{");
	turn();
	stop = 1;
	turn();
	ck_assert_ptr_nonnull(strstr(told.data, "{\"kind\": \"uncall\", \"id\": 1}\n"));
	expect(waiting, "{\"status\": \"refused\", \"message\": \"the notebook is being stopped\"}\n");
	expect(reading, "{\"status\": \"refused\", \"message\": \"the notebook is being stopped\"}\n");
	strcpy(address.sun_path, calls_path(calls));
	ck_assert_int_eq(connect(late, (const struct sockaddr *)&address, sizeof(address)), -1);
	close(late);
}
END_TEST

START_TEST(closed)
{
	int fd = call("{\"path\": \"a\"}\n");
	char byte;

	calls_close(calls);
	calls = NULL;
	ck_assert_ptr_nonnull(strstr(told.data, "\"uncall\""));
	ck_assert_int_gt(recv(fd, &byte, 1, 0), 0);
	close(fd);
	ck_assert_int_eq(calls_fd(NULL), -1);
	ck_assert_int_eq(calls_turn(NULL), INT64_MAX);
}
END_TEST

/* There are fewer connections at a time than descriptors; whoever has to wait has its turn in the end. */
START_TEST(very_many)
{
	const struct rlimit limit = {2000, 2000};
	static int fds[700];
	int ids = 0;

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (int i = 0; i < 700; i++) {
		fds[i] = call("{\"path\": \"a\"}\n");
		ids = i + 1;
	}
	ck_assert_int_eq(ids, 700);
	ck_assert_ptr_nonnull(strstr(told.data, "\"id\": 500,"));
	ck_assert_ptr_null(strstr(told.data, "\"id\": 501,"));
	for (int i = 0; i < 700; i++) {
		answer(i + 1, "{}\n", 3);
		expect(fds[i], "{}\n");
	}
}
END_TEST

/* Descriptors that are used up come back: the call is taken then. */
START_TEST(without_descriptors)
{
	struct rlimit limit, none = {3, 3};
	int fd, tries = 0;

	getrlimit(RLIMIT_NOFILE, &limit);
	none.rlim_max = limit.rlim_max;
	fd = dial();
	say(fd, "{\"path\": \"a\"}\n");
	setrlimit(RLIMIT_NOFILE, &none);
	ck_assert_int_lt(calls_turn(calls), INT64_MAX);
	setrlimit(RLIMIT_NOFILE, &limit);
	while (told.len == 0 && tries++ < 1000) {
		usleep(10000);
		turn();
	}
	ck_assert_uint_ne(told.len, 0);
	close(fd);
}
END_TEST

START_TEST(no_room_for_the_path)
{
	struct attempt other = attempt;
	char *why = NULL, *deep = xasprintf("%s/%0100d", folder, 0);

	other.folder = deep;
	ck_assert_ptr_null(calls_open(&other, &why));
	ck_assert_ptr_nonnull(strstr(why, "cannot listen"));
	free(why);
	free(deep);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("calls");
	TCase *tc = tcase_create("calls");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, from_the_call_to_the_answer);
	tcase_add_test(tc, answers_come_in_any_order);
	tcase_add_test(tc, a_large_answer);
	tcase_add_test(tc, who_goes_away_gives_up);
	tcase_add_test(tc, stopped);
	tcase_add_test(tc, closed);
	tcase_add_test(tc, very_many);
	tcase_add_test(tc, without_descriptors);
	tcase_add_test(tc, no_room_for_the_path);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
