#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "headroom.h"

#define GB INT64_C(1000000000)
#define MEMINFO "MemTotal:       8000000 kB\nMemFree:          10000 kB\nMemAvailable:    4000000 kB\nBuffers: 1 kB\n"
#define AVAILABLE (INT64_C(4000000) * 1024)

static char folder[] = "/tmp/check-headroom-XXXXXX";
static const struct headroom_places places = {.proc = "proc", .cgroup = "cgroup"};

static void
enter(void)
{
	memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
}

static void
leave(void)
{
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(file_remove_tree(folder), 0);
}

static void
put(const char *path, const char *text)
{
	char *above = file_folder(path);

	ck_assert_int_eq(file_mkdirs(above), 0);
	ck_assert_int_eq(file_replace(path, text, strlen(text)), 0);
	free(above);
}

/* A cgroup of version 2: what it may use, uses, and could give back. */
static void
put_group(const char *group, const char *most, const char *used, const char *inactive)
{
	char path[200], text[200];

	snprintf(path, sizeof(path), "%s/memory.max", group);
	put(path, most);
	snprintf(path, sizeof(path), "%s/memory.current", group);
	put(path, used);
	snprintf(path, sizeof(path), "%s/memory.stat", group);
	snprintf(text, sizeof(text), "anon 5\ntotal_inactive_file 7\ninactive_file_not 9\ninactive_file %s\n",
	    inactive);
	put(path, text);
}

/* The same of version 1. */
static void
put_old_group(const char *group, const char *most, const char *used, const char *inactive)
{
	char path[200], text[200];

	snprintf(path, sizeof(path), "%s/memory.limit_in_bytes", group);
	put(path, most);
	snprintf(path, sizeof(path), "%s/memory.usage_in_bytes", group);
	put(path, used);
	snprintf(path, sizeof(path), "%s/memory.stat", group);
	snprintf(text, sizeof(text), "cache 5\ninactive_file 1\ntotal_inactive_file %s\n", inactive);
	put(path, text);
}

/* ---- Load ---- */

static const struct {
	const char *text;
	double load;
} loads[] = {
	{"2.15 1.63 0.96 3/124 28693\n", 2.15},
	{"2.00 1.63 0.96 9/124 28693\n", 8},	/* what has just been started is not in the average */
	{"0.00 9.00 9.00 1/124 28693\n", 0},	/* that one is this process */
	{"0.00 0.00 0.00 2/124 28693\n", 1},
	{"0.50 0.00 0.00 0/124 28693\n", 0.5},
	{"nan 0.00 0.00 2/124 28693\n", -1},
	{"load 0.00 0.00 2/124 28693\n", -1},
	{"1.00\n", -1},
	{"", -1},
};

START_TEST(reads_the_load)
{
	put("proc/loadavg", loads[_i].text);
	ck_assert_double_eq_tol(headroom_load(&places), loads[_i].load, 1e-9);
}
END_TEST

START_TEST(knows_no_load)
{
	ck_assert_double_lt(headroom_load(&places), 0);
	ck_assert_ptr_null(headroom_hold(0.001, 0, &places));
}
END_TEST

/* ---- Memory ---- */

static const struct {
	const char *text;
	int64_t bytes;
} meminfos[] = {
	{MEMINFO, AVAILABLE},
	{"MemAvailable: 7 kB", 7168},
	{"MemAvailable: 0 kB\n", 0},
	{"NotMemAvailable: 7 kB\n", -1},
	{"MemAvailable:\n", -1},
	{"MemAvailable: -7 kB\n", -1},
	{"MemAvailable: 9223372036854775807 kB\n", INT64_MAX},
	{"", -1},
};

START_TEST(reads_free_memory)
{
	put("proc/meminfo", meminfos[_i].text);
	ck_assert_int_eq(headroom_free_memory(&places), meminfos[_i].bytes);
}
END_TEST

START_TEST(knows_no_memory)
{
	ck_assert_int_eq(headroom_free_memory(&places), -1);
	ck_assert_ptr_null(headroom_hold(0, INT64_MAX, &places));
	ck_assert(!headroom_memory_is_short(INT64_MAX, &places));
	/* The cgroup alone says it too. */
	put("proc/self/cgroup", "0::/a\n");
	put_group("cgroup/a", "1000", "400", "0");
	ck_assert_int_eq(headroom_free_memory(&places), 600);
}
END_TEST

static const struct {
	const char *most, *used, *inactive;
	int64_t bytes;
} groups[] = {
	{"1000000000\n", "400000000\n", "0", 600000000},
	{"1000000000\n", "400000000\n", "100000000", 700000000},	/* cache that can go */
	{"1000000000\n", "400000000\n", "500000000", 1000000000},	/* read at different moments */
	{"1000000000\n", "1000000001\n", "0", 0},
	{"0\n", "5\n", "0", 0},
	{"max\n", "400000000\n", "0", AVAILABLE},
	{"9000000000\n", "400000000\n", "0", AVAILABLE},	/* more than the machine has */
	{"9223372036854771712\n", "4096\n", "0", AVAILABLE},
	{"18446744073709551615\n", "4096\n", "0", AVAILABLE},
	{"1000000000\n", "?\n", "0", AVAILABLE},
	{"\n", "4096\n", "0", AVAILABLE},
	{"1000000000", "400000000", "x", 600000000},
};

START_TEST(takes_a_limit_of_version_2)
{
	put("proc/meminfo", MEMINFO);
	put("proc/self/cgroup", "0::/user.slice/job\n");
	put_group("cgroup/user.slice/job", groups[_i].most, groups[_i].used, groups[_i].inactive);
	ck_assert_int_eq(headroom_free_memory(&places), groups[_i].bytes);
	/* Where both versions are mounted it has a folder of its own. */
	ck_assert_int_eq(rename("cgroup", "unified"), 0);
	ck_assert_int_eq(file_mkdirs("cgroup"), 0);
	ck_assert_int_eq(rename("unified", "cgroup/unified"), 0);
	ck_assert_int_eq(headroom_free_memory(&places), groups[_i].bytes);
}
END_TEST

START_TEST(takes_a_limit_of_version_1)
{
	put("proc/meminfo", MEMINFO);
	put("proc/self/cgroup", "9:name=systemd:/x\n5:cpu,memory:/docker/job\n0::/\n");
	put_old_group("cgroup/memory/docker/job", groups[_i].most, groups[_i].used, groups[_i].inactive);
	ck_assert_int_eq(headroom_free_memory(&places), groups[_i].bytes);
	/* It is that of another controller. */
	put("proc/self/cgroup", "9:name=memory:/docker/job\n5:memory2,cpu:/docker/job\n0::/\n");
	ck_assert_int_eq(headroom_free_memory(&places), AVAILABLE);
}
END_TEST

START_TEST(takes_the_least_of_all_above)
{
	put("proc/meminfo", MEMINFO);
	put("proc/self/cgroup", "0::/a/b/c\n");
	put_group("cgroup/a/b/c", "max", "100", "0");
	put_group("cgroup/a/b", "1000000", "100000", "0");
	put_group("cgroup/a", "2000000", "1900000", "0");
	ck_assert_int_eq(headroom_free_memory(&places), 100000);
	put_group("cgroup/a/b", "1000000", "990000", "0");
	ck_assert_int_eq(headroom_free_memory(&places), 10000);
	/* A beginning of a name is no parent. */
	put_group("cgroup/a/b/c", "max", "100", "0");
	put("proc/self/cgroup", "0::/ab\n");
	put_group("cgroup/ab", "500000", "0", "0");
	ck_assert_int_eq(headroom_free_memory(&places), 500000);
}
END_TEST

/* In a container the path may be that of the host, and what is mounted the container's own cgroup. */
START_TEST(takes_the_root_where_the_path_is_not_there)
{
	put("proc/meminfo", MEMINFO);
	put("proc/self/cgroup", "4:memory:/docker/0123456789ab\n");
	put_old_group("cgroup/memory", "1000000", "400000", "0");
	ck_assert_int_eq(headroom_free_memory(&places), 600000);
	put("proc/self/cgroup", "0::/docker/0123456789ab\n");
	ck_assert_int_eq(headroom_free_memory(&places), AVAILABLE);
	put_group("cgroup", "900000", "400000", "0");
	ck_assert_int_eq(headroom_free_memory(&places), 500000);
}
END_TEST

/* Seen from a namespace that the process is not in, the path leads out of the root. */
START_TEST(does_not_leave_the_root)
{
	put("proc/meminfo", MEMINFO);
	put("proc/self/cgroup", "0::/../../other\n");
	put_group("other", "1000", "0", "0");
	put_group("cgroup/x", "1000", "0", "0");
	put_group("x", "1000", "0", "0");
	ck_assert_int_eq(headroom_free_memory(&places), AVAILABLE);
	put("proc/self/cgroup", "0::/../x\n");
	ck_assert_int_eq(headroom_free_memory(&places), AVAILABLE);
	put("proc/self/cgroup", "0::/x/..\n");
	ck_assert_int_eq(headroom_free_memory(&places), AVAILABLE);
	put_group("cgroup", "900000", "400000", "0");
	ck_assert_int_eq(headroom_free_memory(&places), 500000);
	/* That is a name. */
	put("proc/self/cgroup", "0::/..x\n");
	put_group("cgroup/..x", "1000", "0", "0");
	ck_assert_int_eq(headroom_free_memory(&places), 1000);
}
END_TEST

START_TEST(passes_over_what_is_no_line)
{
	put("proc/meminfo", MEMINFO);
	put("proc/self/cgroup", "\n:\nmemory\n0:\n4:memory\n4:memory:\n0::relative\n0::/a");
	put_group("cgroup/relative", "5", "0", "0");
	ck_assert_int_eq(headroom_free_memory(&places), AVAILABLE);
	put_group("cgroup/a", "1000", "0", "0");
	ck_assert_int_eq(headroom_free_memory(&places), 1000);
}
END_TEST

/* ---- Holding ---- */

START_TEST(holds_by_load)
{
	put("proc/loadavg", "9.20 1.00 1.00 1/100 1\n");
	ck_assert_str_eq(headroom_hold(8, 0, &places), "load is 9.2 of 8");
	ck_assert_str_eq(headroom_hold(9.2, 0, &places), "load is 9.2 of 9.2");
	ck_assert_ptr_null(headroom_hold(9.25, 0, &places));
	ck_assert_ptr_null(headroom_hold(0, 0, &places));
	put("proc/loadavg", "0.10 1.00 1.00 5/100 1\n");
	ck_assert_str_eq(headroom_hold(4, 0, &places), "load is 4.0 of 4");
}
END_TEST

START_TEST(holds_by_memory)
{
	put("proc/meminfo", "MemAvailable: 1171875 kB\n");	/* 1.2 GB */
	ck_assert_str_eq(headroom_hold(0, 2 * GB, &places), "free memory is 1.2 GB, less than 2.0 GB");
	ck_assert_ptr_nonnull(headroom_hold(0, 1200000001, &places));
	ck_assert_ptr_null(headroom_hold(0, 1200000000, &places));
	ck_assert_ptr_null(headroom_hold(0, 0, &places));
	/* The load cannot be told: the memory counts all the same. */
	ck_assert_ptr_nonnull(headroom_hold(1, 2 * GB, &places));
	put("proc/loadavg", "9.20 1.00 1.00 1/100 1\n");
	ck_assert_str_eq(headroom_hold(1, 2 * GB, &places), "load is 9.2 of 1");
}
END_TEST

START_TEST(is_short_below_half)
{
	put("proc/meminfo", "MemAvailable: 1000 kB\n");
	ck_assert(!headroom_memory_is_short(0, &places));
	ck_assert(!headroom_memory_is_short(1024000, &places));
	ck_assert(!headroom_memory_is_short(2048000, &places));
	ck_assert(headroom_memory_is_short(2048001, &places));
	ck_assert(headroom_memory_is_short(INT64_MAX, &places));
	put("proc/meminfo", "MemAvailable: 9223372036854775807 kB\n");
	ck_assert(!headroom_memory_is_short(INT64_MAX, &places));
}
END_TEST

/* Whatever this machine is, it says something. */
START_TEST(looks_at_the_system)
{
	ck_assert_double_ge(headroom_load(NULL), 0);
	ck_assert_int_gt(headroom_free_memory(NULL), 0);
	ck_assert_int_gt(headroom_free_memory(&(struct headroom_places){NULL, NULL}), 0);
	ck_assert_ptr_nonnull(headroom_hold(0, INT64_MAX, NULL));
	ck_assert_ptr_null(headroom_hold(1e9, 1, NULL));
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

int
main(void)
{
	Suite *suite = suite_create("headroom");
	TCase *tc = tcase_create("headroom");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, enter, leave);
	tcase_add_loop_test(tc, reads_the_load, 0, COUNT(loads));
	tcase_add_test(tc, knows_no_load);
	tcase_add_loop_test(tc, reads_free_memory, 0, COUNT(meminfos));
	tcase_add_test(tc, knows_no_memory);
	tcase_add_loop_test(tc, takes_a_limit_of_version_2, 0, COUNT(groups));
	tcase_add_loop_test(tc, takes_a_limit_of_version_1, 0, COUNT(groups));
	tcase_add_test(tc, takes_the_least_of_all_above);
	tcase_add_test(tc, takes_the_root_where_the_path_is_not_there);
	tcase_add_test(tc, does_not_leave_the_root);
	tcase_add_test(tc, passes_over_what_is_no_line);
	tcase_add_test(tc, holds_by_load);
	tcase_add_test(tc, holds_by_memory);
	tcase_add_test(tc, is_short_below_half);
	tcase_add_test(tc, looks_at_the_system);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
