#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/mask.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define SECRETS 4

static void
add_all(struct mask *m, const char *const *secrets)
{
	for (int i = 0; i < SECRETS && secrets[i] != NULL; i++)
		mask_add(m, secrets[i], strlen(secrets[i]));
}

static const struct {
	const char *secrets[SECRETS];
	const char *text, *masked;
} cases[] = {
	{{NULL}, "text", "text"},
	{{"key"}, "", ""},
	{{"key"}, "ke", "ke"},
	{{"key"}, "key", "***"},
	{{"key"}, "a key, keykey and kkey", "a ***, ****** and k***"},
	{{"key"}, "Key", "Key"},
	{{"a"}, "banana", "b***n***n***"},
	{{"ab", "abcd"}, "abc abcd ab", "***c *** ***"},	/* the longest, whichever came first */
	{{"abcd", "ab"}, "abc abcd ab", "***c *** ***"},
	{{"abc", "bcde"}, "abcde", "***de"},	/* the leftmost, though the other is longer */
	{{"bc", "abcd"}, "abcxbc", "a***x***"},
	{{"aa"}, "aaaaa", "******a"},
	{{"*"}, "*-***", "***-*********"},	/* what is put in is not looked at again */
	{{"p\xc3\xa4ss"}, "<p\xc3\xa4ss>", "<***>"},
};

START_TEST(masks)
{
	struct mask m = MASK_INIT;
	struct buf out = BUF_INIT;
	size_t n = strlen(cases[_i].text);

	add_all(&m, cases[_i].secrets);
	mask_put(&m, &out, cases[_i].text, n);
	ck_assert_str_eq(buf_str(&out), cases[_i].masked);
	ck_assert_int_eq(mask_hits(&m, cases[_i].text, n), strcmp(cases[_i].text, cases[_i].masked) != 0);
	buf_release(&out);
	mask_release(&m);
}
END_TEST

/* Cut into two or three pieces in every way, the text comes out as it does in one. */
START_TEST(masks_pieces)
{
	struct mask m = MASK_INIT;
	struct buf out = BUF_INIT, kept = BUF_INIT;
	const char *text = cases[_i].text;
	size_t n = strlen(text);

	add_all(&m, cases[_i].secrets);
	for (size_t a = 0; a <= n; a++) {
		for (size_t b = a; b <= n; b++) {
			const size_t ends[] = {a, b, n};
			size_t at = 0;

			buf_reset(&out);
			buf_reset(&kept);
			for (int i = 0; i < 3; i++) {
				size_t whole;

				buf_add(&kept, text + at, ends[i] - at);
				at = ends[i];
				whole = mask_whole(&m, kept.data, kept.len);
				ck_assert_uint_le(whole, kept.len);
				ck_assert(kept.len - whole < m.longest || whole == kept.len);
				mask_put(&m, &out, kept.data, whole);
				buf_drop(&kept, whole);
			}
			mask_put(&m, &out, kept.data, kept.len);
			ck_assert_str_eq(buf_str(&out), cases[_i].masked);
		}
	}
	buf_release(&kept);
	buf_release(&out);
	mask_release(&m);
}
END_TEST

START_TEST(whole)
{
	struct mask m = MASK_INIT;

	ck_assert_uint_eq(mask_whole(NULL, "abc", 3), 3);
	ck_assert_uint_eq(mask_whole(&m, "abc", 3), 3);
	mask_add(&m, "secret", 6);
	ck_assert_uint_eq(mask_whole(&m, NULL, 0), 0);
	ck_assert_uint_eq(mask_whole(&m, "my ", 3), 3);
	ck_assert_uint_eq(mask_whole(&m, "my s", 4), 3);
	ck_assert_uint_eq(mask_whole(&m, "my secre", 8), 3);
	ck_assert_uint_eq(mask_whole(&m, "my secret", 9), 9);
	ck_assert_uint_eq(mask_whole(&m, "my sesec", 8), 5);
	ck_assert_uint_eq(mask_whole(&m, "my secs", 7), 6);
	ck_assert_uint_eq(mask_whole(&m, "secretsecre", 11), 6);
	/* One that begins within another that is complete is not waited for. */
	mask_add(&m, "tea", 3);
	ck_assert_uint_eq(mask_whole(&m, "my secret", 9), 9);
	ck_assert_uint_eq(mask_whole(&m, "my t", 4), 3);
	ck_assert_uint_eq(mask_whole(&m, "my tea", 6), 6);
	/* One that is complete, but may become a longer one. */
	mask_add(&m, "tea pot", 7);
	ck_assert_uint_eq(mask_whole(&m, "tea", 3), 0);
	ck_assert_uint_eq(mask_whole(&m, "tea p", 5), 0);
	ck_assert_uint_eq(mask_whole(&m, "tea c", 5), 5);
	mask_release(&m);
}
END_TEST

START_TEST(adds)
{
	struct mask m = MASK_INIT;
	struct buf out = BUF_INIT;
	char value[] = "volatile";

	mask_add(&m, "", 0);
	mask_add(&m, NULL, 0);
	ck_assert_uint_eq(m.n, 0);
	ck_assert_uint_eq(m.longest, 0);
	mask_add(&m, "ab", 2);
	mask_add(&m, value, strlen(value));
	mask_add(&m, "xyz", 3);
	mask_add(&m, "ab", 2);
	mask_add(&m, "volatile", 8);
	ck_assert_uint_eq(m.n, 3);
	ck_assert_uint_eq(m.longest, 8);
	for (size_t i = 1; i < m.n; i++)
		ck_assert_uint_ge(m.lengths[i - 1], m.lengths[i]);

	/* The value is a copy, and may hold NUL. */
	memset(value, 'x', strlen(value));
	mask_add(&m, "n\0l", 3);
	mask_put(&m, &out, "volatile n\0l ab", 15);
	ck_assert_str_eq(buf_str(&out), "*** *** ***");
	buf_release(&out);

	mask_release(&m);
	ck_assert_uint_eq(m.n, 0);
	ck_assert(!mask_hits(&m, "volatile", 8));
	mask_release(&m);
}
END_TEST

START_TEST(no_mask)
{
	struct buf out = BUF_INIT;
	struct mask m = MASK_INIT;

	mask_put(NULL, &out, "a", 1);
	mask_put(NULL, &out, NULL, 0);
	mask_put(&m, &out, "b", 1);
	mask_add(&m, "b", 1);
	mask_put(&m, &out, NULL, 0);
	ck_assert_str_eq(buf_str(&out), "ab");
	ck_assert(!mask_hits(NULL, "a", 1));
	ck_assert(!mask_hits(&m, NULL, 0));
	mask_release(&m);
	buf_release(&out);
}
END_TEST

static const struct {
	const char *secret, *text, *masked;
} spellings[] = {
	{"abc", "'abc' \"abc\"", "'***' \"***\""},
	{"a\"b", "a\"b {\"k\": \"a\\\"b\"} 'a\"b'", "*** {\"k\": \"***\"} '***'"},
	{"<a&'\"b>", "<td>&lt;a&amp;'\"b&gt;</td> &lt;a&amp;&#x27;&quot;b&gt; &lt;a&amp;&#39;&#34;b&gt; &lt;a&amp;'&quot;b&gt;", "<td>***</td> *** *** ***"},
	{"a'b", "\"a'b\" a'b", "\"***\" ***"},
	{"a'\"b", "'a\\'\"b' \"a'\\\"b\"", "'***' \"***\""},
	{"a\\b", "a\\\\b", "***"},
	{"a\nb\t", "a\\nb\\t", "***"},
	{"p\xc3\xa4\xf0\x9f\x98\x80", "p\\u00e4\\ud83d\\ude00 p\xc3\xa4\xf0\x9f\x98\x80", "*** ***"},
	{"a b/c", "a%20b%2Fc", "***"},
	{"-----BEGIN\nsecretline\nx\n", "x secretline -----BEGIN", "x *** ***"},
	{"a\001", "a\\x01 a\\u0001", "*** ***"},
};

START_TEST(masks_spellings)
{
	struct mask m = MASK_INIT;
	struct buf out = BUF_INIT;

	mask_add_spellings(&m, spellings[_i].secret, strlen(spellings[_i].secret));
	mask_put(&m, &out, spellings[_i].text, strlen(spellings[_i].text));
	ck_assert_str_eq(buf_str(&out), spellings[_i].masked);
	buf_release(&out);
	mask_release(&m);
}
END_TEST

/* Secrets of different kinds appear differently, in whatever order they were added. */
START_TEST(shows_what_was_asked_for)
{
	static const char text[] = "hunter2 abc longer-one \\u00e4bc \303\244bc";
	struct mask m = MASK_INIT;
	struct buf out = BUF_INIT;

	mask_add_spellings(&m, "hunter2", 7);
	mask_add_spellings_as(&m, "abc", 3, "[one]");
	mask_add_spellings_as(&m, "longer-one", 10, "[two]");
	mask_add_spellings_as(&m, "\303\244bc", 4, "[three]");
	mask_add_spellings_as(&m, "hunter2", 7, "[late]");
	mask_put(&m, &out, text, strlen(text));
	ck_assert_str_eq(buf_str(&out), "*** [one] [two] [three] [three]");
	buf_release(&out);
	mask_release(&m);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("mask");
	TCase *tcase = tcase_create("mask");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tcase, masks_spellings, 0, COUNT(spellings));
	tcase_add_loop_test(tcase, masks, 0, COUNT(cases));
	tcase_add_loop_test(tcase, masks_pieces, 0, COUNT(cases));
	tcase_add_test(tcase, whole);
	tcase_add_test(tcase, adds);
	tcase_add_test(tcase, no_mask);
	tcase_add_test(tcase, shows_what_was_asked_for);
	suite_add_tcase(suite, tcase);

	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
