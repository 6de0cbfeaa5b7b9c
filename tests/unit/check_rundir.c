#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "rundir.h"

static char folder[] = "/tmp/check-rundir-XXXXXX";
static struct workflow workflow;

static void
enter(void)
{
	static char name[] = "tables", text[] = "notebooks: []\n";

	memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	setenv("TMPDIR", folder, 1);
	unsetenv("XDG_RUNTIME_DIR");
	workflow = (struct workflow){.name = name, .text = text, .text_len = strlen(text)};
}

static void
leave(void)
{
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(file_remove_tree(folder), 0);
}

static bool
is_folder(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

START_TEST(makes_what_a_run_needs)
{
	struct rundir d;
	struct buf copy = BUF_INIT;
	struct stat st;
	char target[256] = "", *what = NULL;
	ssize_t n;

	ck_assert_int_eq(rundir_make(&d, &workflow, NULL, &what), 0);
	ck_assert_int_eq(strncmp(d.folder, "nbfork-runs/tables-2", 20), 0);
	ck_assert_int_eq(chdir(d.folder), 0);
	ck_assert(is_folder("notebooks") && is_folder("logs"));
	ck_assert_int_eq(file_read("workflow.yaml", &copy, 100), 0);
	ck_assert_str_eq(buf_str(&copy), workflow.text);
	ck_assert_int_eq(chdir(folder), 0);
	ck_assert_int_eq(readlink("nbfork-runs/tables-latest", target, sizeof(target) - 1), -1);	/* not begun yet */
	rundir_begin(&d);
	n = readlink("nbfork-runs/tables-latest", target, sizeof(target) - 1);
	ck_assert_int_gt(n, 0);
	ck_assert_str_eq(target, d.folder + strlen("nbfork-runs/"));
	ck_assert_int_eq(stat(d.private_folder, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0700);
	ck_assert_int_eq(strncmp(d.private_folder, folder, strlen(folder)), 0);
	buf_release(&copy);
	rundir_release(&d);
	ck_assert(is_folder(target) == false && is_folder("nbfork-runs"));
}
END_TEST

START_TEST(two_runs_of_one_second_have_their_own)
{
	struct rundir d[3];
	char *what = NULL;

	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(rundir_make(&d[i], &workflow, NULL, &what), 0);
	for (int i = 0; i < 3; i++) {
		for (int k = 0; k < i; k++) {
			ck_assert_str_ne(d[i].folder, d[k].folder);
			ck_assert_str_ne(d[i].id, d[k].id);
			ck_assert_str_ne(d[i].private_folder, d[k].private_folder);
		}
	}
	for (int i = 0; i < 3; i++) {
		char private[256];

		snprintf(private, sizeof(private), "%s", d[i].private_folder);
		ck_assert(is_folder(private));
		rundir_release(&d[i]);
		ck_assert(!is_folder(private));
	}
}
END_TEST

START_TEST(takes_a_folder_that_is_given)
{
	struct rundir d;
	char *what = NULL;

	ck_assert_int_eq(rundir_make(&d, &workflow, "a/b/c", &what), 0);
	ck_assert_str_eq(d.folder, "a/b/c");
	ck_assert(is_folder("a/b/c/logs"));
	ck_assert(!is_folder("nbfork-runs"));
	rundir_release(&d);
	/* It is not empty any more. */
	ck_assert_int_eq(rundir_make(&d, &workflow, "a/b/c", &what), -1);
	ck_assert_int_eq(errno, ENOTEMPTY);
	ck_assert_str_eq(what, "cannot use folder 'a/b/c' for the run");
	ck_assert(is_folder("a/b/c/logs"));
	free(what);
	ck_assert_int_eq(mkdir("empty", 0755), 0);
	ck_assert_int_eq(rundir_make(&d, &workflow, "empty", &what), 0);
	rundir_begin(&d);
	ck_assert(!is_folder("nbfork-runs"));
	rundir_unmake(&d);
	rundir_release(&d);
	ck_assert_int_eq(rmdir("empty"), 0);	/* what somebody else has made stays, as empty as it was */
	ck_assert_int_eq(rundir_make(&d, &workflow, "new", &what), 0);
	rundir_unmake(&d);
	rundir_release(&d);
	ck_assert(!is_folder("new"));
}
END_TEST

/* Whether the file is there and holds just that. */
static bool
holds(const char *path, const char *expected)
{
	struct buf b = BUF_INIT;
	bool same = file_read(path, &b, 1000) == 0 && strcmp(buf_str(&b), expected) == 0;

	buf_release(&b);
	return same;
}

/* A run that goes on has its folder, with a new name and a new copy, and all that was there but for the results. */
START_TEST(goes_on_in_a_folder)
{
	static char text[] = "notebooks: [new]\n";
	struct rundir d;
	char *what = NULL, *id;

	ck_assert_int_eq(rundir_make(&d, &workflow, "run", &what), 0);
	ck_assert_int_eq(file_replace("run/notebooks/a.ipynb", "copy", 4), 0);
	ck_assert_int_eq(file_replace("run/notebooks/.a.ipynb.x1y2z3", "half", 4), 0);
	ck_assert_int_eq(file_replace("run/.results.json.abcdef", "half", 4), 0);
	ck_assert_int_eq(file_replace("run/results.json", "{}", 2), 0);
	ck_assert_int_eq(file_replace("run/events.jsonl", "{}\n", 3), 0);
	ck_assert_int_eq(file_replace("run/.hidden", "mine", 4), 0);
	ck_assert_int_eq(file_replace("run/notebooks/seen.abcdef", "mine", 4), 0);
	id = strdup(d.id);
	rundir_release(&d);
	ck_assert_int_eq(file_remove_tree("run/logs"), 0);	/* somebody tidied up */

	workflow.text = text;
	workflow.text_len = strlen(text);
	ck_assert_int_eq(rundir_continue(&d, &workflow, "run", &what), 0);
	ck_assert_str_eq(d.folder, "run");
	ck_assert_str_ne(d.id, id);
	ck_assert_int_eq(strncmp(d.id, "tables-2", 8), 0);
	ck_assert(is_folder(d.private_folder));
	ck_assert(is_folder("run/logs"));
	ck_assert(holds("run/workflow.yaml", text));
	ck_assert(holds("run/notebooks/a.ipynb", "copy"));
	ck_assert(holds("run/events.jsonl", "{}\n"));
	ck_assert(holds("run/.hidden", "mine"));
	ck_assert(holds("run/notebooks/seen.abcdef", "mine"));
	ck_assert_int_eq(access("run/results.json", F_OK), -1);
	ck_assert_int_eq(access("run/.results.json.abcdef", F_OK), -1);
	ck_assert_int_eq(access("run/notebooks/.a.ipynb.x1y2z3", F_OK), -1);
	/* It is no new one, which a link would lead to. */
	rundir_begin(&d);
	ck_assert(!is_folder("nbfork-runs"));
	rundir_release(&d);
	ck_assert(is_folder("run/notebooks"));
	free(id);

	ck_assert_int_eq(rundir_continue(&d, &workflow, "nowhere", &what), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_str_eq(what, "cannot use folder 'nowhere'");
	free(what);
}
END_TEST

START_TEST(finds_the_latest)
{
	struct rundir first, second;
	char *what = NULL, *found;

	ck_assert_ptr_null(rundir_find(&workflow, NULL, &what));
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_str_eq(what, "there is no earlier run of 'tables' to resume (nbfork-runs/tables-latest)");
	free(what);
	ck_assert_ptr_null(rundir_find(&workflow, "x", &what));
	ck_assert_str_eq(what, "there is no run to resume in 'x'");
	free(what);
	ck_assert_int_eq(file_replace("file", "", 0), 0);
	ck_assert_ptr_null(rundir_find(&workflow, "file", &what));
	ck_assert_str_eq(what, "there is no run to resume in 'file'");
	free(what);

	ck_assert_int_eq(rundir_make(&first, &workflow, NULL, &what), 0);
	rundir_begin(&first);
	ck_assert_int_eq(rundir_make(&second, &workflow, NULL, &what), 0);
	/* The folder's own name, which stays what it is when the link is another's. */
	found = rundir_find(&workflow, NULL, &what);
	ck_assert_str_eq(found, first.folder);
	free(found);
	rundir_begin(&second);
	found = rundir_find(&workflow, NULL, &what);
	ck_assert_str_eq(found, second.folder);
	free(found);
	found = rundir_find(&workflow, "nbfork-runs/tables-latest", &what);
	ck_assert_str_eq(found, second.folder);
	free(found);
	/* As a shell completes it. */
	found = rundir_find(&workflow, "nbfork-runs/tables-latest/", &what);
	ck_assert_str_eq(found, second.folder);
	free(found);
	found = rundir_find(&workflow, first.folder, &what);
	ck_assert_str_eq(found, first.folder);
	free(found);
	rundir_release(&first);
	rundir_release(&second);
	/* What the link leads to is gone. */
	ck_assert_int_eq(file_remove_tree("nbfork-runs"), 0);
	ck_assert_int_eq(mkdir("nbfork-runs", 0755), 0);
	ck_assert_int_eq(symlink("gone", "nbfork-runs/tables-latest"), 0);
	ck_assert_ptr_null(rundir_find(&workflow, NULL, &what));
	ck_assert_int_eq(errno, ENOENT);
	free(what);
}
END_TEST

/* As long as anybody of a run is there, nobody else begins in its folder. */
START_TEST(waits_for_those_who_are_there)
{
	struct rundir first, second;
	char *what = NULL;
	pid_t child;

	ck_assert_int_eq(rundir_make(&first, &workflow, "run", &what), 0);
	/* A worker has the lock from its parent, and stays when that goes. */
	child = fork();
	if (child == 0) {
		usleep(400 * 1000);
		_exit(mkdir("over", 0755) == 0 ? 0 : 1);
	}
	rundir_release(&first);
	ck_assert_int_eq(rundir_continue(&second, &workflow, "run", &what), 0);
	ck_assert(is_folder("over"));
	rundir_release(&second);
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
}
END_TEST

/* Another one that found the folder empty too was faster: what is in it is that one's. */
START_TEST(leaves_others_alone)
{
	struct rundir d;
	char *what = NULL;
	int fd;

	ck_assert_int_eq(mkdir("held", 0755), 0);
	fd = open("held", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	ck_assert_int_eq(rundir_make(&d, &workflow, "held", &what), -1);
	ck_assert_int_eq(errno, EBUSY);
	ck_assert_str_eq(what, "cannot use folder 'held' for the run");
	ck_assert(is_folder("held"));
	free(what);
	close(fd);
	ck_assert_int_eq(rundir_make(&d, &workflow, "held", &what), 0);
	rundir_release(&d);
	/* Where the copy cannot be written. */
	ck_assert_int_eq(unlink("held/workflow.yaml"), 0);
	ck_assert_int_eq(mkdir("held/workflow.yaml", 0755), 0);
	ck_assert_int_eq(rundir_continue(&d, &workflow, "held", &what), -1);
	ck_assert_str_eq(what, "cannot write 'held/workflow.yaml'");
	ck_assert_int_eq(d.lock, -1);
	ck_assert(is_folder("held/notebooks"));
	free(what);
}
END_TEST

START_TEST(puts_attempts_aside)
{
	struct rundir d;
	char *what = NULL;

	ck_assert_int_eq(rundir_make(&d, &workflow, "run", &what), 0);
	/* Nothing there is no error: the first attempt may have left neither. */
	ck_assert_int_eq(rundir_put_aside("run", "a b", 1), 0);
	ck_assert_int_eq(file_replace("run/notebooks/a b.ipynb", "1", 1), 0);
	ck_assert_int_eq(rundir_put_aside("run", "a b", 1), 0);
	ck_assert(holds("run/notebooks/a b.attempt1.ipynb", "1"));
	ck_assert_int_eq(access("run/notebooks/a b.ipynb", F_OK), -1);
	ck_assert_int_eq(access("run/logs/a b.attempt1.log", F_OK), -1);
	ck_assert_int_eq(file_replace("run/notebooks/a b.ipynb", "2", 1), 0);
	ck_assert_int_eq(file_replace("run/logs/a b.log", "l", 1), 0);
	ck_assert_int_eq(rundir_put_aside("run", "a b", 12), 0);
	ck_assert(holds("run/notebooks/a b.attempt1.ipynb", "1"));
	ck_assert(holds("run/notebooks/a b.attempt12.ipynb", "2"));
	ck_assert(holds("run/logs/a b.attempt12.log", "l"));
	ck_assert_int_eq(rundir_put_back("run", "a b", 12), 0);
	ck_assert(holds("run/notebooks/a b.ipynb", "2"));
	ck_assert(holds("run/logs/a b.log", "l"));
	ck_assert_int_eq(access("run/logs/a b.attempt12.log", F_OK), -1);
	ck_assert_int_eq(rundir_put_back("run", "a b", 12), 0);
	ck_assert(holds("run/notebooks/a b.ipynb", "2"));
	/* What an earlier attempt has left stays. */
	ck_assert_int_eq(file_replace("run/notebooks/a b.ipynb", "3", 1), 0);
	ck_assert_int_eq(rundir_put_aside("run", "a b", 1), 0);
	ck_assert(holds("run/notebooks/a b.attempt1.ipynb", "1"));
	ck_assert_int_eq(access("run/notebooks/a b.ipynb", F_OK), -1);
	ck_assert_int_eq(file_replace("run/notebooks/a b.ipynb", "2", 1), 0);
	/* What is in the way, and cannot be taken away by a rename, is an error. */
	ck_assert_int_eq(mkdir("run/notebooks/a b.attempt3.ipynb", 0755), 0);
	ck_assert_int_eq(rundir_put_aside("run", "a b", 3), -1);
	ck_assert_int_eq(errno, EISDIR);
	rundir_release(&d);
}
END_TEST

START_TEST(says_what_cannot_be_made)
{
	struct rundir d;
	char *what = NULL;

	ck_assert_int_eq(file_replace("file", "", 0), 0);
	ck_assert_int_eq(rundir_make(&d, &workflow, "file/run", &what), -1);
	ck_assert_int_eq(errno, ENOTDIR);
	ck_assert_str_eq(what, "cannot create folder 'file/run'");
	free(what);
	ck_assert_int_eq(rundir_make(&d, &workflow, "file", &what), -1);
	ck_assert_int_eq(errno, ENOTDIR);
	ck_assert_str_eq(what, "cannot create folder 'file'");
	free(what);
}
END_TEST

START_TEST(passes_over_a_private_place_with_a_long_name)
{
	char path[128];
	struct rundir d;
	char *what = NULL;

	snprintf(path, sizeof(path), "%s/%080d", folder, 1);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	setenv("XDG_RUNTIME_DIR", path, 1);
	ck_assert_int_eq(rundir_make(&d, &workflow, NULL, &what), 0);
	ck_assert_uint_lt(strlen(d.private_folder), 90);
	rundir_release(&d);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("rundir");
	TCase *tc = tcase_create("rundir");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, enter, leave);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, makes_what_a_run_needs);
	tcase_add_test(tc, two_runs_of_one_second_have_their_own);
	tcase_add_test(tc, takes_a_folder_that_is_given);
	tcase_add_test(tc, goes_on_in_a_folder);
	tcase_add_test(tc, finds_the_latest);
	tcase_add_test(tc, waits_for_those_who_are_there);
	tcase_add_test(tc, leaves_others_alone);
	tcase_add_test(tc, puts_attempts_aside);
	tcase_add_test(tc, says_what_cannot_be_made);
	tcase_add_test(tc, passes_over_a_private_place_with_a_long_name);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
