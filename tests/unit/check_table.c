#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/table.h"

START_TEST(test_empty)
{
	struct table t = TABLE_INIT;

	ck_assert_ptr_null(table_get(&t, "a", 1));
	ck_assert_ptr_null(table_get(&t, NULL, 0));
	ck_assert_uint_eq(t.n, 0);
	table_release(&t);
	table_release(&t);
}
END_TEST

START_TEST(test_put_and_get)
{
	struct table t = TABLE_INIT;
	int a, b, c;
	char key[] = "one";

	*table_at(&t, key, 3) = &a;
	key[0] = 'x';	/* the table has its own copy */
	*table_at(&t, "two", 3) = &b;
	ck_assert_ptr_eq(table_get(&t, "one", 3), &a);
	ck_assert_ptr_eq(table_get(&t, "two", 3), &b);
	ck_assert_ptr_null(table_get(&t, "xne", 3));
	ck_assert_ptr_null(table_get(&t, "on", 2));
	ck_assert_ptr_null(table_get(&t, "one ", 4));
	*table_at(&t, "one", 3) = &c;
	ck_assert_ptr_eq(table_get(&t, "one", 3), &c);
	ck_assert_uint_eq(t.n, 2);
	table_release(&t);
	ck_assert_ptr_null(table_get(&t, "one", 3));
}
END_TEST

/* A key that is there without a value is not a key that is not there. */
START_TEST(test_new_value_is_null)
{
	struct table t = TABLE_INIT;

	ck_assert_ptr_null(*table_at(&t, "k", 1));
	ck_assert_uint_eq(t.n, 1);
	ck_assert_ptr_null(*table_at(&t, "k", 1));
	ck_assert_uint_eq(t.n, 1);
	table_release(&t);
}
END_TEST

START_TEST(test_keys_are_bytes)
{
	struct table t = TABLE_INIT;
	int empty, one_nul, two_nuls, text;

	*table_at(&t, "", 0) = &empty;
	*table_at(&t, "\0", 1) = &one_nul;
	*table_at(&t, "\0\0", 2) = &two_nuls;
	*table_at(&t, "a\0b", 3) = &text;
	ck_assert_ptr_eq(table_get(&t, NULL, 0), &empty);
	ck_assert_ptr_eq(table_get(&t, "\0", 1), &one_nul);
	ck_assert_ptr_eq(table_get(&t, "\0\0", 2), &two_nuls);
	ck_assert_ptr_eq(table_get(&t, "a\0b", 3), &text);
	ck_assert_ptr_null(table_get(&t, "a\0c", 3));
	ck_assert_uint_eq(t.entries[3].len, 3);
	ck_assert_int_eq(memcmp(t.entries[3].key, "a\0b", 4), 0);
	table_release(&t);
}
END_TEST

START_TEST(test_order_and_growth)
{
	struct table t = TABLE_INIT;
	char key[32];
	const int n = 20000;
	char *values = malloc((size_t)n);

	for (int i = 0; i < n; i++) {
		int len = snprintf(key, sizeof(key), "key-%d", i);

		*table_at(&t, key, (size_t)len) = values + i;
	}
	ck_assert_uint_eq(t.n, (size_t)n);
	ck_assert_uint_gt(t.nslots, t.n);
	for (int i = 0; i < n; i++) {
		int len = snprintf(key, sizeof(key), "key-%d", i);

		ck_assert_ptr_eq(table_get(&t, key, (size_t)len), values + i);
		ck_assert_str_eq(t.entries[i].key, key);
	}
	ck_assert_ptr_null(table_get(&t, "key-20000", 9));
	table_release(&t);
	free(values);
}
END_TEST

/* The vectors that the authors of SipHash publish for 2-4-64: key 00..0f, input 00..n-1. */
START_TEST(test_siphash)
{
	static const struct {
		size_t n;
		uint64_t hash;
	} vectors[] = {
		{0, UINT64_C(0x726fdb47dd0e0e31)},
		{1, UINT64_C(0x74f839c593dc67fd)},
		{7, UINT64_C(0xab0200f58b01d137)},
		{8, UINT64_C(0x93f5f5799a932462)},
		{15, UINT64_C(0xa129ca6149be45e5)},
		{63, UINT64_C(0x958a324ceb064572)},
	};
	unsigned char key[16], input[64];

	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (unsigned char)i;
	for (size_t i = 0; i < sizeof(input); i++)
		input[i] = (unsigned char)i;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		ck_assert_uint_eq(table_siphash(key, input, vectors[i].n), vectors[i].hash);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("table");
	TCase *tc = tcase_create("table");
	SRunner *sr;
	int failed;

	tcase_add_test(tc, test_empty);
	tcase_add_test(tc, test_put_and_get);
	tcase_add_test(tc, test_new_value_is_null);
	tcase_add_test(tc, test_keys_are_bytes);
	tcase_add_test(tc, test_order_and_growth);
	tcase_add_test(tc, test_siphash);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
