#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "children.h"
#include "workflow/name.h"

static struct table names;
static char folder[] = "/tmp/check-children-XXXXXX";

static void
setup(void)
{
	names = (struct table)TABLE_INIT;
	memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void
teardown(void)
{
	table_release(&names);
	ck_assert_int_eq(file_remove_tree(folder), 0);
}

static void
expect(const char *caller, const char *file, const char *name)
{
	char *found = children_name(&names, caller, file, NULL);

	ck_assert_str_eq(found, name);
	ck_assert_ptr_null(name_fault(found));
	free(found);
}

START_TEST(names_are_made_of_callers_and_files)
{
	expect("m", "/a/b/load.ipynb", "m.load");
	expect("m", "x/load.py", "m.load-2");
	expect("m", "load.sql", "m.load-3");
	expect("n", "load.sql", "n.load");
	expect("m.load", "load", "m.load.load");
	/* A name that a counted one has already. */
	*table_at(&names, "m.x-2", 5) = (void *)1;
	expect("m", "x", "m.x");
	expect("m", "x", "m.x-3");
	expect("m", "x-2", "m.x-2-2");
	/* One of the workflow's. */
	*table_at(&names, "m.y", 3) = (void *)1;
	expect("m", "y", "m.y-2");
}
END_TEST

/* The files of m's earlier attempts are called so. */
START_TEST(no_name_is_that_of_an_attempt)
{
	expect("m", "attempt1.ipynb", "m.attempt1-2");
	expect("m", "attempt1.ipynb", "m.attempt1-3");
	expect("m", "attempt.ipynb", "m.attempt");
	expect("m", "attempt1x.ipynb", "m.attempt1x");
}
END_TEST

START_TEST(names_are_fit_for_files)
{
	char name[NAME_BYTES_MAX + 1], long_file[151], *found;

	expect("m", "a\nb\x7f.ipynb", "m.a_b_");
	expect("m", "\xff\xfe.py", "m.__");
	expect("m", "a\xc2\x85.py", "m.a__");
	expect("m", "-x.ipynb", "m.-x");
	expect("m", ".hidden", "m..hidden");
	/* Not in the middle of a character. */
	memset(name, 'x', sizeof(name));
	name[NAME_BYTES_MAX] = '\0';
	for (size_t i = 0; i < NAME_BYTES_MAX; i += 2)
		memcpy(name + i, "\xc3\xa9", 2);
	memset(long_file, 'y', 150);
	long_file[150] = '\0';
	for (int i = 0; i < 1000; i++) {
		found = children_name(&names, name, i % 2 == 0 ? "short.py" : long_file, NULL);
		ck_assert_ptr_null(name_fault(found));
		free(found);
	}
}
END_TEST

/* Of a run that is continued, other notebooks may have left files, which nobody knows any more. */
START_TEST(names_with_files_are_taken)
{
	char *path = xasprintf("%s/logs", folder), *found;
	int fd;

	ck_assert_int_eq(file_mkdirs(path), 0);
	free(path);
	path = xasprintf("%s/logs/m.x-2.log", folder);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	ck_assert_int_ne(fd, -1);
	close(fd);
	free(path);
	found = children_name(&names, "m", "x", folder);
	ck_assert_str_eq(found, "m.x");
	free(found);
	found = children_name(&names, "m", "x", folder);
	ck_assert_str_eq(found, "m.x-3");
	free(found);
}
END_TEST

/* Ten thousand of the same name are not looked for one after the other. */
START_TEST(many)
{
	char *found = NULL;

	for (int i = 0; i < 10000; i++) {
		free(found);
		found = children_name(&names, "m", "x", NULL);
	}
	ck_assert_str_eq(found, "m.x-10000");
	free(found);
}
END_TEST

/* Nor are many arguments, and which of them are secret. */
START_TEST(many_arguments)
{
	const int n = 200000;
	struct target target = {.name = NULL};
	struct task caller = {.target = &target}, t;
	struct buf call = BUF_INIT, names_of = BUF_INIT;
	char *path = file_join(folder, "child.ipynb"), *why = NULL;

	ck_assert_int_eq(file_replace(path, "{}", 2), 0);
	buf_addf(&call, "{\"path\": \"%s\", \"caller\": \"x\", \"arguments\": {", path);
	for (int i = 0; i < n; i++) {
		buf_addf(&call, "%s\"a%d\": \"1\"", i > 0 ? ", " : "", i);
		buf_addf(&names_of, "%s\"a%d\"", i > 0 ? ", " : "", i);
	}
	buf_addf(&call, "}, \"secrets\": [%s]}", names_of.data);
	ck_assert_int_eq(children_task(&t, &caller, json_of(buf_str(&call)), &why), 0);
	ck_assert_uint_eq(t.parameters.n, (size_t)n);
	ck_assert_str_eq(t.parameters.list[n - 1].secret, "a199999");
	children_release(&t);
	buf_release(&names_of);
	buf_release(&call);
	free(path);
}
END_TEST

START_TEST(a_task)
{
	struct target target = {.name = NULL};
	struct task caller = {.target = &target, .threads = 3, .memory_limit = 7, .kernel = (char *)"k", .retries = 5,
	    .allow_errors = true, .cell_timeout = 9};
	struct buf call = BUF_INIT;
	struct task t;
	char *path = file_join(folder, "child.ipynb"), *why = NULL;

	ck_assert_int_eq(file_replace(path, "{}", 2), 0);
	buf_addf(&call, "{\"path\": \"./child\", \"caller\": \"%s/m.py\", \"timeout_seconds\": 2.5, "
	    "\"arguments\": {\"a\": \"1\", \"b\": \"word=hunter2\", \"a\": \"\\\"\"}, \"secrets\": [\"b\"]}", folder);
	ck_assert_int_eq(children_task(&t, &caller, json_of(buf_str(&call)), &why), 0);
	ck_assert_str_eq(t.name, "./child");
	ck_assert_str_eq(t.path, "./child");
	ck_assert_str_eq(t.file, path);
	ck_assert_str_eq(t.working_directory, folder);
	ck_assert_int_eq(t.timeout, 2500 * NSEC_PER_MSEC);
	ck_assert_uint_eq(t.threads, 3);
	ck_assert_int_eq(t.memory_limit, 7);
	ck_assert_ptr_eq(t.target, &target);
	ck_assert_str_eq(t.kernel, "k");
	ck_assert_uint_eq(t.retries, 0);
	ck_assert_int_eq(t.cell_timeout, 0);
	ck_assert(!t.allow_errors);
	ck_assert_uint_eq(t.parameters.n, 2);
	ck_assert_str_eq(params_find(&t.parameters, "a")->value, "\"\\\"\"");
	ck_assert_ptr_null(params_find(&t.parameters, "a")->secret);
	ck_assert_ptr_nonnull(params_find(&t.parameters, "b")->secret);
	ck_assert_uint_ge(children_bytes(&t), 17);
	children_release(&t);

	ck_assert_int_eq(children_task(&t, &caller, json_of("{\"path\": \"none\", \"caller\": \"x\"}"), &why), -1);
	ck_assert_ptr_nonnull(strstr(why, "'none'"));
	free(why);
	children_release(&t);
	ck_assert_int_eq(children_task(&t, &caller, json_of("{\"path\": \"a\\u0000\", \"caller\": \"x\"}"), &why), -1);
	free(why);
	children_release(&t);

	/* What is no limit. */
	buf_reset(&call);
	buf_addf(&call, "{\"path\": \"%s\", \"caller\": \"x\", \"timeout_seconds\": 1e300}", path);
	ck_assert_int_eq(children_task(&t, &caller, json_of(buf_str(&call)), &why), 0);
	ck_assert_int_eq(t.timeout, 0);
	children_release(&t);
	buf_release(&call);
	free(path);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("children");
	TCase *tc = tcase_create("children");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, names_are_made_of_callers_and_files);
	tcase_add_test(tc, no_name_is_that_of_an_attempt);
	tcase_add_test(tc, names_are_fit_for_files);
	tcase_add_test(tc, names_with_files_are_taken);
	tcase_add_test(tc, many);
	tcase_add_test(tc, many_arguments);
	tcase_add_test(tc, a_task);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
