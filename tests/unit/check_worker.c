#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "target.h"
#include "worker.h"

static char folder[] = "/tmp/check-worker-XXXXXX";

/* A place elsewhere. Its notebooks are as soon over as they are begun: cancelled when there was an order to stop. */
static void
run(struct attempt *a)
{
	a->status = *a->stop != 0 ? STATUS_CANCELLED : STATUS_SUCCEEDED;
}

static const struct target_ops ops = {.type = "stub", .elsewhere = true, .run = run};

/* Instead of that of target.c. */
const struct target_ops *
target_ops(const struct target *t)
{
	(void)t;
	return &ops;
}

/* The exit status of a worker that begins as job.c lets it, with SIGTERM blocked; order: it has come already. */
static int
work(bool order)
{
	const struct task task = {.name = (char *)"a"};
	struct assignment a = {.task = &task, .private_folder = folder, .first_run_id = "1", .number = 1};
	struct job j;
	int fd = open("/dev/null", O_WRONLY), status;
	sigset_t term;
	pid_t pid;

	ck_assert_int_ne(fd, -1);
	a.output = file_join(folder, "a.ipynb");
	a.log = file_join(folder, "a.log");
	job_init(&j, "a", worker_main, &a);
	pid = fork();
	if (pid == 0) {
		sigemptyset(&term);
		sigaddset(&term, SIGTERM);
		sigprocmask(SIG_BLOCK, &term, NULL);
		if (order)
			raise(SIGTERM);
		_exit(worker_main(&j, fd));
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	job_release(&j);
	close(fd);
	free(a.output);
	free(a.log);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
enter(void)
{
	memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void
leave(void)
{
	ck_assert_int_eq(file_remove_tree(folder), 0);
}

/* It is not to start anything first, somewhere else, only to hear then that it should not have. */
START_TEST(an_early_order_is_heard_first)
{
	ck_assert_int_eq(work(false), WORKER_SUCCEEDED);
	ck_assert_int_eq(work(true), WORKER_CANCELLED);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("worker");
	TCase *t = tcase_create("worker");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(t, enter, leave);
	tcase_add_test(t, an_early_order_is_heard_first);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
