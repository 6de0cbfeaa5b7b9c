#include <check.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/heap.h"

#define N 64

static uint64_t
random_of(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 33;
}

START_TEST(test_empty)
{
	size_t at[2] = {1, 0};
	struct heap h;

	heap_init(&h, at);
	ck_assert_uint_eq(h.n, 0);
	ck_assert(!heap_has(&h, 0));
	heap_remove(&h, 0);
	ck_assert_uint_eq(h.n, 0);
	heap_release(&h);
	heap_release(&h);
}
END_TEST

START_TEST(test_order)
{
	static const int64_t keys[] = {5, INT64_MAX, -3, 5, INT64_MIN, 0, 5};
	static const size_t order[] = {4, 2, 5, 0, 3, 6, 1};
	size_t at[7] = {0};
	struct heap h;

	heap_init(&h, at);
	for (size_t i = 7; i-- > 0;)
		heap_put(&h, i, keys[i]);
	for (size_t i = 0; i < 7; i++) {
		ck_assert_uint_eq(h.list[0].id, order[i]);
		ck_assert_int_eq(h.list[0].key, keys[order[i]]);
		heap_remove(&h, order[i]);
		ck_assert(!heap_has(&h, order[i]));
	}
	ck_assert_uint_eq(h.n, 0);
	heap_release(&h);
}
END_TEST

/* Two heaps that share their places, against a search through all. */
START_TEST(test_random)
{
	uint64_t state = 1;
	size_t at[N];
	int64_t keys[N];
	int in[N];	/* which heap, -1 for none */
	struct heap h[2];

	for (size_t i = 0; i < N; i++) {
		at[i] = random_of(&state);
		in[i] = -1;
	}
	heap_init(&h[0], at);
	heap_init(&h[1], at);
	for (int step = 0; step < 5000; step++) {
		const size_t id = random_of(&state) % N;
		const int which = (int)(random_of(&state) % 2);

		if (in[id] == !which) {
			heap_remove(&h[which], id);	/* it is in the other one, and stays there */
		} else if (random_of(&state) % 3 == 0) {
			heap_remove(&h[which], id);
			in[id] = -1;
		} else {
			keys[id] = (int64_t)(random_of(&state) % 50) - 25;
			heap_put(&h[which], id, keys[id]);
			in[id] = which;
		}
		for (int k = 0; k < 2; k++) {
			size_t n = 0, least = N, wrong = 0;

			for (size_t i = 0; i < N; i++) {
				wrong += heap_has(&h[k], i) != (in[i] == k);
				if (in[i] != k)
					continue;
				n++;
				if (least == N || keys[i] < keys[least])
					least = i;
			}
			ck_assert_uint_eq(wrong, 0);
			ck_assert_uint_eq(h[k].n, n);
			if (n != 0) {
				ck_assert_uint_eq(h[k].list[0].id, least);
				ck_assert_int_eq(h[k].list[0].key, keys[least]);
			}
		}
	}
	heap_release(&h[0]);
	heap_release(&h[1]);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("heap");
	TCase *tc = tcase_create("heap");
	SRunner *sr;
	int failed;

	tcase_add_test(tc, test_empty);
	tcase_add_test(tc, test_order);
	tcase_add_test(tc, test_random);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
