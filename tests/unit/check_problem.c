#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/problem.h"

/* What is printed. The caller's to free. */
static char *
printed(const struct problems *p)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	ck_assert_ptr_nonnull(f);
	problems_print(p, f);
	ck_assert_int_eq(fclose(f), 0);
	return text;
}

static void
check_printed(struct problems *p, const char *expected)
{
	char *text = printed(p);

	ck_assert_str_eq(text, expected);
	free(text);
	problems_release(p);
	ck_assert_ptr_null(p->list);
	ck_assert_uint_eq(p->n, 0);
}

START_TEST(prints_nothing)
{
	struct problems p = PROBLEMS_INIT;

	check_printed(&p, "");
	problems_release(&p);
}
END_TEST

START_TEST(prints_the_forms)
{
	struct problems p = PROBLEMS_INIT;

	problems_add(&p, "a.yaml", 3, 14, "%s %d", "number", 42);
	check_printed(&p, "a.yaml:3:14: number 42\n");
	problems_add(&p, "a.yaml", 0, 0, "100%%");
	check_printed(&p, "a.yaml: 100%\n");
	problems_add(&p, NULL, 0, 0, "no file");
	check_printed(&p, "nbfork: error: no file\n");
}
END_TEST

START_TEST(copies)
{
	struct problems p = PROBLEMS_INIT;
	char file[] = "a", text[] = "one";

	problems_add(&p, file, 1, 1, "%s", text);
	file[0] = 'b';
	text[0] = 'x';
	ck_assert_str_eq(p.list[0].file, "a");
	ck_assert_str_eq(p.list[0].message, "one");
	ck_assert_uint_eq(p.list[0].line, 1);
	ck_assert_uint_eq(p.list[0].column, 1);
	problems_release(&p);
}
END_TEST

/* By file as first heard of, then by place, then in the order in which they were found. */
START_TEST(sorts)
{
	struct problems p = PROBLEMS_INIT;

	problems_add(&p, "z", 10, 1, "five");
	problems_add(&p, NULL, 0, 0, "eight");
	problems_add(&p, "a", 1, 1, "ten");
	problems_add(&p, "z", 9, 3, "three");
	problems_add(&p, "z", 9, 20, "four");
	problems_add(&p, "z", 2, 5, "two");
	problems_add(&p, NULL, 0, 0, "before nine");
	problems_add(&p, "z", 10, 1, "after five");
	problems_add(&p, "z", 0, 0, "one");
	problems_add(&p, "b", 1, 1, "eleven");
	problems_add(&p, "a", 1, 2, "after ten");
	check_printed(&p, "z: one\nz:2:5: two\nz:9:3: three\nz:9:20: four\nz:10:1: five\nz:10:1: after five\n"
	    "nbfork: error: eight\nnbfork: error: before nine\na:1:1: ten\na:1:2: after ten\nb:1:1: eleven\n");
}
END_TEST

START_TEST(drops_doubles)
{
	struct problems p = PROBLEMS_INIT;

	for (int i = 0; i < 3; i++) {
		problems_add(&p, "a", 1, 1, "same");
		problems_add(&p, "a", 1, 1, "other");
		problems_add(&p, "a", 2, 1, "same");
		problems_add(&p, "b", 1, 1, "same");
		problems_add(&p, NULL, 0, 0, "same");
	}
	check_printed(&p, "a:1:1: same\na:1:1: other\na:2:1: same\nb:1:1: same\nnbfork: error: same\n");
}
END_TEST

START_TEST(escapes)
{
	struct problems p = PROBLEMS_INIT;

	problems_add(&p, "a\nb", 1, 1, "tab '\t', escape '\033[2J', delete '\x7f', letter '\xc3\xa9'");
	check_printed(&p, "a\\x0ab:1:1: tab '\\x09', escape '\\x1b[2J', delete '\\x7f', letter '\xc3\xa9'\n");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("problem");
	TCase *tc = tcase_create("problem");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, prints_nothing);
	tcase_add_test(tc, prints_the_forms);
	tcase_add_test(tc, copies);
	tcase_add_test(tc, sorts);
	tcase_add_test(tc, drops_doubles);
	tcase_add_test(tc, escapes);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
