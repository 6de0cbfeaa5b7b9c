#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "databricks/ini.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* One value of key "k" in section "s", or no value. */
static const struct {
	const char *text, *value;
} values[] = {
	{"[s]\nk = v\n", "v"},
	{"[s]\nk=v", "v"},
	{"[s]\nk: v", "v"},
	{"[s]\nk: a=b", "a=b"},
	{"[s]\nk = https://host/?o=1", "https://host/?o=1"},
	{"[s]\r\nk = v\r\n", "v"},
	{"[s]\n\t k \t = \t v \t ", "v"},
	{"  [ s ]  \nk = v", "v"},
	{"[s] # comment\nk = v", "v"},
	{"[s]\nK = V", "V"},
	{"[s]\nk = two words", "two words"},
	{"[s]\nk = v # comment", "v"},
	{"[s]\nk = v\t; comment", "v"},
	{"[s]\nk = v#no;comment", "v#no;comment"},
	{"[s]\nk = #v", "#v"},	/* a password may begin with it */
	{"[s]\nk =#v", "#v"},
	{"[s]\nk = #v # comment", "#v"},
	{"[s]\nk = \"v\"", "v"},
	{"[s]\nk = 'v'", "v"},
	{"[s]\nk = \" v \"", " v "},
	{"[s]\nk = \"v # w\"", "v # w"},
	{"[s]\nk = \"v # w\" # comment", "v # w"},
	{"[s]\nk = \"v\" ; comment", "v"},
	{"[s]\nk = \"v'", "\"v'"},
	{"[s]\nk = \"v\"w\"", "\"v\"w\""},
	{"[s]\nk = \"v\" w", "\"v\" w"},
	{"[s]\nk = \"", "\""},
	{"[s]\nk = \"\"", NULL},
	{"[s]\nk =", NULL},
	{"[s]\nk =   ", NULL},
	{"[s]\nk", NULL},
	{"[s]\nkk = v", NULL},
	{"[s]\n# k = v", NULL},
	{"[s]\n ; k = v", NULL},
	{"[s]\n= v", NULL},
	{"[s]\nk = v\nk = w", "w"},
	{"[s]\nk = v\nk =", NULL},
	{"[s]\nk = v\n[t]\nk = w", "v"},
	{"[s]\nk = v\n[t]\n[s]\nk = w", "w"},
	{"[s]\nk = v\n[t\nk = w", "v"},	/* not another's value, though its line is broken */
	{"[s\nk = v", "v"},
	{"[S]\nk = v", NULL},
	{"k = v", NULL},
	{"\xef\xbb\xbf[s]\nk = v", "v"},
	{"", NULL},
	{"\n\n\n", NULL},
	{"[", NULL},
	{"[]\nk = v", NULL},
};

START_TEST(reads_values)
{
	struct ini i = INI_INIT;
	const char *value;

	ini_read(&i, values[_i].text, strlen(values[_i].text));
	value = ini_get(&i, "s", "k");
	if (values[_i].value != NULL)
		ck_assert_pstr_eq(value, values[_i].value);
	else
		ck_assert_ptr_null(value);
	ini_release(&i);
	ck_assert_uint_eq(i.n, 0);
}
END_TEST

/* As people have it: what stands before the first section is DEFAULT's, and nothing goes from there to others. */
START_TEST(keeps_sections_apart)
{
	static const char text[] =
	    "host = https://one\n"
	    "[DEFAULT]\n"
	    "token = t1 # mine\n"
	    "; none of it\n"
	    "[prod]\n"
	    "host: https://two\n"
	    "[empty]\n"
	    "[__settings__]\n"
	    "default_profile = prod\n";
	struct ini i = INI_INIT;
	char *sections;

	ini_read(&i, text, strlen(text));
	ck_assert_str_eq(ini_get(&i, "DEFAULT", "host"), "https://one");
	ck_assert_str_eq(ini_get(&i, "DEFAULT", "token"), "t1");
	ck_assert_str_eq(ini_get(&i, "prod", "host"), "https://two");
	ck_assert_ptr_null(ini_get(&i, "prod", "token"));
	ck_assert_ptr_null(ini_get(&i, "absent", "host"));
	ck_assert(ini_has_section(&i, "DEFAULT"));
	ck_assert(ini_has_section(&i, "empty"));
	ck_assert(ini_has_section(&i, "__settings__"));
	ck_assert(!ini_has_section(&i, "Prod"));
	ck_assert(!ini_has_section(&i, "absent"));
	sections = ini_sections(&i);
	ck_assert_str_eq(sections, "DEFAULT, prod, empty");
	free(sections);
	ini_release(&i);
}
END_TEST

START_TEST(names_no_sections)
{
	struct ini i = INI_INIT;
	char *sections;

	ini_read(&i, "# nothing", 9);
	sections = ini_sections(&i);
	ck_assert_str_eq(sections, "");
	free(sections);
	ck_assert(!ini_has_section(&i, "DEFAULT"));
	ini_release(&i);
}
END_TEST

START_TEST(cuts_many_sections)
{
	struct ini i = INI_INIT;
	struct buf text = BUF_INIT;
	char *sections;
	size_t n;

	for (int k = 0; k < 1000; k++)
		buf_addf(&text, "[profile%d]\n", k);
	ini_read(&i, text.data, text.len);
	sections = ini_sections(&i);
	n = strlen(sections);
	ck_assert_uint_lt(n, 300);
	ck_assert_str_eq(sections + n - 5, ", ...");
	free(sections);
	ini_release(&i);
	buf_release(&text);
}
END_TEST

/* No byte behind the text is looked at, wherever it ends. */
START_TEST(reads_every_piece)
{
	static const char text[] = "\xef\xbb\xbf[a]\nk = 'v' # c\n[ b\nx : \"y\";\n=\n[c]#\n";

	for (size_t n = 0; n < sizeof(text); n++) {
		struct ini i = INI_INIT;
		char *piece = malloc(n);

		ck_assert_ptr_nonnull(memcpy(piece, text, n));
		ini_read(&i, piece, n);
		ini_release(&i);
		free(piece);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("ini");
	TCase *t = tcase_create("ini");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, reads_values, 0, COUNT(values));
	tcase_add_test(t, keeps_sections_apart);
	tcase_add_test(t, names_no_sections);
	tcase_add_test(t, cuts_many_sections);
	tcase_add_test(t, reads_every_piece);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
