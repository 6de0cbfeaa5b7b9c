#include <check.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "local/memory.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define MIB (INT64_C(1) << 20)

/*
 * A hierarchy of groups as plain files, in the current folder: cgroups/ is where it is mounted, self says where this
 * process is. The files of a new group come when they are written.
 */
static const struct memory_places places = {.cgroups = "cgroups", .self = "self"};
static char root[PATH_MAX];

static void
enter_folder(void)
{
	const char *above = getenv("TMPDIR");

	snprintf(root, sizeof(root), "%s/check_memory.XXXXXX", above != NULL ? above : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(root));
	ck_assert_int_eq(chdir(root), 0);
}

static void
leave_folder(void)
{
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(file_remove_tree(root), 0);
}

static void
put(const char *path, const char *text)
{
	char *folder = file_folder(path);

	ck_assert_int_eq(file_mkdirs(folder), 0);
	ck_assert_int_eq(file_replace(path, text, strlen(text)), 0);
	free(folder);
}

static void
expect(const char *folder, const char *name, const char *want)
{
	char *path = file_join(folder, name);
	struct buf text = BUF_INIT;

	ck_assert_msg(file_read(path, &text, 65536) == 0, "%s: %s", path, strerror(errno));
	ck_assert_str_eq(buf_str(&text), want);
	buf_release(&text);
	free(path);
}

/* A container's namespace, whose first process has gone into a group of its own. */
static void
make_container(void)
{
	put("self", "4:memory:/old/0::/style\n0::/init\n");
	put("cgroups/cgroup.controllers", "cpuset cpu io memory pids\n");
	put("cgroups/cgroup.subtree_control", "");
	put("cgroups/cgroup.type", "domain\n");
	put("cgroups/init/cgroup.procs", "1\n");
}

/* The address space that a child has which enters; its own limit was own before, 0 for none. */
static int64_t
limit_in_child(const struct memory *m, int64_t own)
{
	int fds[2], status;
	struct rlimit limit = {.rlim_cur = (rlim_t)own, .rlim_max = (rlim_t)own};
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		if (own != 0 && setrlimit(RLIMIT_DATA, &limit) == -1)
			_exit(1);
		if (memory_enter(m) == -1 || getrlimit(RLIMIT_DATA, &limit) == -1 || limit.rlim_cur != limit.rlim_max)
			_exit(1);
		_exit(write(fds[1], &limit, sizeof(limit)) == (ssize_t)sizeof(limit) ? 0 : 1);
	}
	close(fds[1]);
	ck_assert_int_eq(read(fds[0], &limit, sizeof(limit)), sizeof(limit));
	close(fds[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	return limit.rlim_cur == RLIM_INFINITY ? 0 : (int64_t)limit.rlim_cur;
}

/* No group is made, and nothing is written. */
static void
expect_no_group(void)
{
	struct memory m;
	char *made = xasprintf("/nbfork-%ld", (long)getpid()), *path;
	static const char *const folders[] = {"cgroups", "cgroups/init", "cgroups/a.slice",
	    "cgroups/a.slice/b.service"};

	memory_prepare(&m, 500 * MIB, &places);
	ck_assert_ptr_null(m.group);
	ck_assert_int_eq(m.entrance, -1);
	ck_assert_int_eq(limit_in_child(&m, 0), 500 * MIB);
	ck_assert(!memory_exceeded(&m));
	for (int i = 0; i < COUNT(folders); i++) {
		path = xasprintf("%s%s", folders[i], made);
		ck_assert_int_eq(access(path, F_OK), -1);
		free(path);
	}
	memory_release(&m);
	free(made);
}

static void
remove_group(struct memory *m)
{
	static const char *const files[] = {"memory.max", "memory.swap.max", "memory.oom.group", "memory.events",
	    "cgroup.procs"};
	char *group = xstrdup(m->group);

	for (int i = 0; i < COUNT(files); i++) {
		char *path = file_join(group, files[i]);

		unlink(path);	/* in a real group, files are no obstacle */
		free(path);
	}
	memory_release(m);
	ck_assert_ptr_null(m->group);
	ck_assert_int_eq(m->limit, 0);
	ck_assert_int_eq(access(group, F_OK), -1);
	free(group);
}

START_TEST(no_limit)
{
	struct memory m;
	char *hint;
	struct failure f = {.kind = ERROR_NOTEBOOK, .name = xstrdup("MemoryError"), .message = xstrdup("")};

	make_container();
	memory_prepare(&m, 0, &places);
	ck_assert_ptr_null(m.group);
	ck_assert_int_eq(limit_in_child(&m, 0), 0);
	hint = memory_hint_end(&m, SIGSEGV);
	ck_assert_str_eq(hint, "");
	free(hint);
	hint = memory_hint_start(&m);
	ck_assert_str_eq(hint, "");
	free(hint);
	memory_hint_raised(&m, &f);
	ck_assert_str_eq(f.message, "");
	failure_release(&f);
	memory_release(&m);
	expect("cgroups", "cgroup.subtree_control", "");
}
END_TEST

START_TEST(limits_address_space)
{
	struct memory m;

	memory_prepare(&m, 4096 * MIB, &places);	/* there is no file "self" */
	ck_assert_ptr_null(m.group);
	ck_assert_int_eq(limit_in_child(&m, 0), 4096 * MIB);
	ck_assert_int_eq(limit_in_child(&m, 8192 * MIB), 4096 * MIB);
	ck_assert_int_eq(limit_in_child(&m, 700 * MIB), 700 * MIB);	/* a lower one is not raised */
	memory_release(&m);
}
END_TEST

START_TEST(makes_group)
{
	struct memory m;
	char *want = xasprintf("cgroups/nbfork-%ld", (long)getpid());

	make_container();
	memory_prepare(&m, 500 * MIB, &places);
	ck_assert_ptr_nonnull(m.group);
	ck_assert_str_eq(m.group, want);
	expect("cgroups", "cgroup.subtree_control", "+memory");
	expect(m.group, "memory.max", "524288000");
	expect(m.group, "memory.swap.max", "0");
	expect(m.group, "memory.oom.group", "1");
	ck_assert_int_eq(limit_in_child(&m, 0), 0);	/* not twice */
	expect(m.group, "cgroup.procs", "0");
	remove_group(&m);

	/* One that was left by a process of the same number is taken over; its parent need not be told again. */
	put("cgroups/cgroup.subtree_control", "cpu memory\n");
	ck_assert_int_eq(mkdir(want, 0755), 0);
	memory_prepare(&m, 500 * MIB, &places);
	ck_assert_ptr_nonnull(m.group);
	expect("cgroups", "cgroup.subtree_control", "cpu memory\n");
	remove_group(&m);
	free(want);
}
END_TEST

static void
use_root(void)
{
	put("self", "0::/\n");
}

static void
use_outside(void)
{
	put("self", "0::/../init\n");
}

static void
use_version_1(void)
{
	put("self", "4:memory:/init\n");
}

static void
use_machine(void)
{
	ck_assert_int_eq(unlink("cgroups/cgroup.type"), 0);
}

static void
use_systemd(void)
{
	put("cgroups/init.scope/cgroup.procs", "1\n");
}

static void
use_without_controller(void)
{
	put("cgroups/cgroup.controllers", "cpu memory_recursiveprot pids\n");
}

/* As a group that holds processes refuses it. */
static void
use_inhabited(void)
{
	ck_assert_int_eq(unlink("cgroups/cgroup.subtree_control"), 0);
	ck_assert_int_eq(mkdir("cgroups/cgroup.subtree_control", 0755), 0);
}

/* A user's systemd: everything is the user's, and nothing is given away. */
static void
use_unmarked(void)
{
	put("self", "0::/a.slice/b.service\n");
	put("cgroups/a.slice/cgroup.controllers", "memory\n");
	put("cgroups/a.slice/cgroup.subtree_control", "memory\n");
	put("cgroups/a.slice/cgroup.type", "domain\n");
}

static void (*const unusable[])(void) = {use_root, use_outside, use_version_1, use_machine, use_systemd,
    use_without_controller, use_inhabited, use_unmarked};

START_TEST(makes_no_group)
{
	make_container();
	unusable[_i]();
	expect_no_group();
}
END_TEST

/* A group that lets nobody in: the limit is set all the same, and nothing stays behind. */
START_TEST(falls_back)
{
	struct memory m;
	char *group = xasprintf("cgroups/nbfork-%ld", (long)getpid()), *busy = file_join(group, "memory.max");

	make_container();
	ck_assert_int_eq(file_mkdirs(busy), 0);	/* it is in use, and cannot be removed */
	memory_prepare(&m, 500 * MIB, &places);
	ck_assert_ptr_null(m.group);
	ck_assert_int_eq(limit_in_child(&m, 0), 500 * MIB);
	memory_release(&m);
	ck_assert_int_eq(access(busy, F_OK), 0);
	free(busy);
	free(group);
}
END_TEST

START_TEST(takes_marked)
{
	struct memory m;

	use_unmarked();
	if (setxattr("cgroups/a.slice", "user.delegate", "0", 1, 0) == -1)
		return;	/* a file system without such attributes */
	expect_no_group();
	ck_assert_int_eq(setxattr("cgroups/a.slice", "user.delegate", "1", 1, 0), 0);
	memory_prepare(&m, 500 * MIB, &places);
	ck_assert_ptr_nonnull(m.group);
	ck_assert_int_eq(strncmp(m.group, "cgroups/a.slice/nbfork-", 23), 0);
	expect(m.group, "memory.max", "524288000");
	remove_group(&m);
}
END_TEST

static const struct {
	const char *events;
	bool exceeded;
} events[] = {
	{"low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n", false},
	{"low 0\nhigh 0\nmax 31\noom 0\noom_kill 0\noom_group_kill 0\n", false},
	{"low 0\nhigh 0\nmax 31\noom 1\noom_kill 2\noom_group_kill 1\n", true},
	{"low 0\nhigh 0\nmax 31\noom 12\noom_kill 1\n", true},
	{"low 0\nhigh 0\nmax 0\noom 0\noom_kill 1\noom_group_kill 0\n", false},	/* the machine was short */
	{"low 0\nhigh 0\nmax 31\noom 1\noom_kill 0\noom_group_kill 0\n", false},
	{"", false},
	{NULL, false},
};

START_TEST(reads_events)
{
	struct memory m;
	char *path, *hint;

	make_container();
	memory_prepare(&m, 500 * MIB, &places);
	ck_assert_ptr_nonnull(m.group);
	path = file_join(m.group, "memory.events");
	if (events[_i].events != NULL)
		put(path, events[_i].events);
	ck_assert_int_eq(memory_exceeded(&m), events[_i].exceeded);
	hint = memory_hint_end(&m, SIGKILL);
	ck_assert_str_eq(hint, events[_i].exceeded ? ": it took more than its memory_limit of 500 MiB" : "");
	free(hint);
	hint = memory_hint_start(&m);
	ck_assert_str_eq(hint, events[_i].exceeded ? ": it took more than its memory_limit of 500 MiB" : "");
	free(hint);
	free(path);
	remove_group(&m);
}
END_TEST

/* Statuses of waitpid are as W_EXITCODE makes them: the status above, the signal below. */
static const struct {
	int status;
	bool perhaps;
} ends[] = {
	{SIGSEGV, true}, {SIGABRT, true}, {SIGABRT | 0x80, true}, {SIGBUS, true}, {SIGTRAP, true}, {SIGILL, true},
	{SIGKILL, false}, {SIGTERM, false}, {SIGINT, false},
	{1 << 8, true}, {127 << 8, true}, {0, false}, {-1, false},
};

START_TEST(explains_end)
{
	const struct memory m = {.limit = 500 * MIB, .entrance = -1};
	char *hint = memory_hint_end(&m, ends[_i].status);

	ck_assert_str_eq(hint, ends[_i].perhaps ? ", perhaps because of its memory_limit of 500 MiB" : "");
	free(hint);
}
END_TEST

static const struct {
	int64_t limit;
	const char *text;
} sizes[] = {
	{1, "1 byte"}, {17, "17 bytes"}, {1000, "1 kB"}, {1024, "1 KiB"}, {100 * MIB, "100 MiB"},
	{1536 * MIB, "1536 MiB"}, {1024 * MIB, "1 GiB"}, {2048 * MIB, "2 GiB"}, {500000000, "500 MB"},
	{INT64_C(2000000000), "2 GB"},
	{1024 * 1024 * MIB, "1 TiB"}, {INT64_C(1395864371), "1.3 GiB"}, {1234567, "1.2 MiB"}, {12345, "12345 bytes"},
	{INT64_MAX, "8388608.0 TiB"},
};

START_TEST(writes_sizes)
{
	const struct memory m = {.limit = sizes[_i].limit, .entrance = -1};
	char *hint = memory_hint_start(&m);
	char *want = xasprintf(" (its memory_limit is %s, which may be too little for it to start)", sizes[_i].text);

	ck_assert_str_eq(hint, want);
	free(want);
	free(hint);
}
END_TEST

static const struct {
	const char *name, *message, *want;	/* NULL: unchanged */
} raised[] = {
	{"MemoryError", "", "memory_limit is 500 MiB"},
	{"MemoryError", "std::bad_alloc", "std::bad_alloc (memory_limit is 500 MiB)"},
	{"_ArrayMemoryError", "Unable to allocate 3 GiB", "Unable to allocate 3 GiB (memory_limit is 500 MiB)"},
	{"numpy.core._exceptions._ArrayMemoryError", "no", "no (memory_limit is 500 MiB)"},
	{"ERROR", "Error: cannot allocate vector of size 3.7 Gb\n",
	    "Error: cannot allocate vector of size 3.7 Gb (memory_limit is 500 MiB)"},
	{"OSError", "[Errno 12] Cannot allocate memory", "[Errno 12] Cannot allocate memory (memory_limit is 500 MiB)"},
	{"RuntimeError", "can't start new thread", "can't start new thread (memory_limit is 500 MiB)"},
	{NULL, "std::bad_alloc", "std::bad_alloc (memory_limit is 500 MiB)"},
	{"MemoryError", NULL, "memory_limit is 500 MiB"},
	{"MemoryError", " \n", "memory_limit is 500 MiB"},
	{"ValueError", "memory", NULL},
	{"MemoryErrors", "", NULL},
	{"Error", "", NULL},
	{"", "", NULL},
};

START_TEST(explains_exceptions)
{
	struct memory m = {.limit = 500 * MIB, .entrance = -1};
	struct failure f = {.kind = ERROR_NOTEBOOK};

	f.name = raised[_i].name != NULL ? xstrdup(raised[_i].name) : NULL;
	f.message = raised[_i].message != NULL ? xstrdup(raised[_i].message) : NULL;
	m.group = root;
	memory_hint_raised(&m, &f);	/* in a group memory is not refused */
	ck_assert_pstr_eq(f.message, raised[_i].message);
	m.group = NULL;
	memory_hint_raised(&m, &f);
	ck_assert_pstr_eq(f.message, raised[_i].want != NULL ? raised[_i].want : raised[_i].message);
	ck_assert_int_eq(f.kind, ERROR_NOTEBOOK);
	failure_release(&f);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("memory");
	TCase *tcase = tcase_create("memory");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, enter_folder, leave_folder);
	tcase_add_test(tcase, no_limit);
	tcase_add_test(tcase, limits_address_space);
	tcase_add_test(tcase, makes_group);
	tcase_add_loop_test(tcase, makes_no_group, 0, COUNT(unusable));
	tcase_add_test(tcase, falls_back);
	tcase_add_test(tcase, takes_marked);
	tcase_add_loop_test(tcase, reads_events, 0, COUNT(events));
	tcase_add_loop_test(tcase, explains_end, 0, COUNT(ends));
	tcase_add_loop_test(tcase, writes_sizes, 0, COUNT(sizes));
	tcase_add_loop_test(tcase, explains_exceptions, 0, COUNT(raised));
	suite_add_tcase(suite, tcase);

	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
