#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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
	tcase_add_test(tc, makes_what_a_run_needs);
	tcase_add_test(tc, two_runs_of_one_second_have_their_own);
	tcase_add_test(tc, takes_a_folder_that_is_given);
	tcase_add_test(tc, says_what_cannot_be_made);
	tcase_add_test(tc, passes_over_a_private_place_with_a_long_name);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
