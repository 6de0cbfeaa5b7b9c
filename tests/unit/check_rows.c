#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "workflow/rows.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static const struct mark mark = {7, 9};
static char *folder;	/* a temporary one, for each test */

static void
setup(void)
{
	char name[] = "/tmp/check_rows.XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(name));
	folder = xstrdup(name);
}

static void
teardown(void)
{
	ck_assert_int_eq(file_remove_tree(folder), 0);
	free(folder);
}

static void
write_file(const char *name, const char *text, size_t n)
{
	char *path = file_join(folder, name);
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(text, 1, n, f), n);
	ck_assert_int_eq(fclose(f), 0);
	free(path);
}

/* Makes empty files and, where a name ends in '/', folders; the last one is NULL. */
static void
make(const char *const *names)
{
	for (; *names != NULL; names++) {
		char *path = file_join(folder, *names), *above;

		if (path[strlen(path) - 1] == '/') {
			ck_assert_int_eq(file_mkdirs(path), 0);
		} else {
			above = file_folder(path);
			ck_assert_int_eq(file_mkdirs(above), 0);
			free(above);
			write_file(*names, "", 0);
		}
		free(path);
	}
}

#define MAKE(...) make((const char *const[]){__VA_ARGS__, NULL})

static void
link_to(const char *target, const char *name)
{
	char *path = file_join(folder, name);

	ck_assert_int_eq(symlink(target, path), 0);
	free(path);
}

/* The rows, one a line; or the problems as they are printed, without the name of the folder. Both are released. */
static char *
outcome(struct rows *r, struct problems *p, int result)
{
	struct buf out = BUF_INIT;
	char *text = NULL, *at;
	size_t n;
	FILE *f;

	ck_assert_int_eq(result, p->n == 0 ? 0 : -1);
	for (size_t i = 0; p->n == 0 && i < r->n; i++)
		buf_addf(&out, "%s\n", r->list[i]);
	if (p->n > 0) {
		f = open_memstream(&text, &n);
		problems_print(p, f);
		fclose(f);
		for (char *rest = text; (at = strstr(rest, folder)) != NULL; rest = at)
			memmove(at, at + strlen(folder), strlen(at + strlen(folder)) + 1);
		buf_adds(&out, text);
		free(text);
	}
	rows_release(r);
	problems_release(p);
	ck_assert_uint_eq(r->n, 0);
	return buf_steal(&out);
}

static void
is_outcome(struct rows *r, struct problems *p, int result, const char *expected)
{
	char *got = outcome(r, p, result);

	ck_assert_str_eq(got, expected);
	free(got);
}

/* ---- Adding ---- */

START_TEST(adds)
{
	struct rows r = ROWS_INIT;
	struct problems p = PROBLEMS_INIT;
	char text[] = "{\"a\" : [1,\n2.50, NaN],\t\"b\": \"\\u00e4\\ud800\"}";

	ck_assert_int_eq(rows_add(&r, json_of(text), "w.yaml", mark, &p), 0);
	memset(text, 'x', strlen(text));	/* it is a copy */
	ck_assert_int_eq(rows_add(&r, JSON_NOTHING, "w.yaml", mark, &p), 0);
	is_outcome(&r, &p, 0, "{\"a\": [1, 2.50, NaN], \"b\": \"\xc3\xa4\\ud800\"}\nnull\n");
}
END_TEST

START_TEST(adds_too_many)
{
	struct rows r = ROWS_INIT;
	struct problems p = PROBLEMS_INIT;
	struct json one = json_of("1");

	for (int i = 0; i < ROWS_MAX; i++)
		ck_assert_int_eq(rows_add(&r, one, "w.yaml", mark, &p), 0);
	ck_assert_int_eq(rows_add(&r, one, "w.yaml", mark, &p), -1);
	ck_assert_uint_eq(r.n, ROWS_MAX);
	is_outcome(&r, &p, -1, "w.yaml:7:9: more than 100000 rows; split them up\n");
}
END_TEST

START_TEST(adds_too_deep)
{
	struct rows r = ROWS_INIT;
	struct problems p = PROBLEMS_INIT;
	struct buf text = BUF_INIT;

	buf_fill(&text, '[', ROWS_DEPTH_MAX);
	buf_adds(&text, "\"[[\\\"{\", {}");
	buf_fill(&text, ']', ROWS_DEPTH_MAX);
	ck_assert_int_eq(rows_add(&r, json_of(text.data), "w.yaml", mark, &p), -1);
	memcpy(strstr(text.data, "{}"), "12", 2);
	ck_assert_int_eq(rows_add(&r, json_of(text.data), "w.yaml", mark, &p), 0);
	/* Many beside each other are not deep. */
	buf_reset(&text);
	buf_adds(&text, "[{}");
	for (int i = 0; i < 2 * ROWS_DEPTH_MAX; i++)
		buf_adds(&text, ", []");
	buf_addc(&text, ']');
	ck_assert_int_eq(rows_add(&r, json_of(text.data), "w.yaml", mark, &p), 0);
	buf_release(&text);
	is_outcome(&r, &p, -1, "w.yaml:7:9: the row is nested more than 64 deep\n");
}
END_TEST

/* ---- Names of files ---- */

static void
globs(const char *pattern, const char *expected)
{
	struct rows r = ROWS_INIT;
	struct problems p = PROBLEMS_INIT;
	int result = rows_glob(&r, folder, pattern, "w.yaml", mark, &p);

	is_outcome(&r, &p, result, expected);
}

START_TEST(globs_one_folder)
{
	MAKE("b.csv", "a.csv", "B.csv", "a10.csv", "a2.csv", ".hidden.csv", "c.txt", "sub.csv/", "sub.csv/x",
	    "\xc3\xa4.csv",
	    "st*r", "star", "[x]");
	globs("*.csv", "\"B.csv\"\n\"a.csv\"\n\"a10.csv\"\n\"a2.csv\"\n\"b.csv\"\n\"sub.csv\"\n\"\xc3\xa4.csv\"\n");
	globs("./[ab].csv", "\"./a.csv\"\n\"./b.csv\"\n");
	globs("[!ab].csv", "\"B.csv\"\n\"\xc3\xa4.csv\"\n");
	globs("?.csv", "\"B.csv\"\n\"a.csv\"\n\"b.csv\"\n\"\xc3\xa4.csv\"\n");	/* a character, not a byte */
	globs("[a-\xc3\xbc].csv", "\"a.csv\"\n\"b.csv\"\n\"\xc3\xa4.csv\"\n");
	globs(".*.csv", "\".hidden.csv\"\n");
	globs(".*", "\".hidden.csv\"\n");
	globs("*.json", "");
	globs("nowhere/*.csv", "");
	globs("a.csv/*", "");
	globs("*/*", "\"sub.csv/x\"\n");
	globs("*/", "\"sub.csv/\"\n");
	globs("a.csv/", "");
	globs("sub.csv//x*", "\"sub.csv/x\"\n");
	globs("st\\*r", "\"st*r\"\n");
	globs("st\\*[r]", "\"st*r\"\n");
	globs("\\[x\\]", "\"[x]\"\n");
	globs("[x", "");
	globs("s*r", "\"st*r\"\n\"star\"\n");
}
END_TEST

START_TEST(globs_plain_names)
{
	MAKE("a.csv", "sub/x", ".h");
	globs("a.csv", "\"a.csv\"\n");
	globs("./sub/x", "\"./sub/x\"\n");
	globs("sub", "\"sub\"\n");
	globs("sub/", "\"sub/\"\n");
	globs("sub/../a.csv", "\"sub/../a.csv\"\n");
	globs(".h", "\".h\"\n");
	globs("..", "\"..\"\n");
	globs("none", "");
	globs("a.csv/x", "");
	globs("/", "\"/\"\n");
}
END_TEST

START_TEST(globs_elsewhere)
{
	struct rows r = ROWS_INIT;
	struct problems p = PROBLEMS_INIT;
	char *inner = file_join(folder, "in"), *absolute = file_join(folder, "data/*.csv");
	struct buf expected = BUF_INIT;

	MAKE("in/", "data/1.csv", "data/2.csv");
	ck_assert_int_eq(rows_glob(&r, inner, "../data/*.csv", "w.yaml", mark, &p), 0);
	is_outcome(&r, &p, 0, "\"../data/1.csv\"\n\"../data/2.csv\"\n");
	buf_addf(&expected, "\"%s/data/1.csv\"\n\"%s/data/2.csv\"\n", folder, folder);
	ck_assert_int_eq(rows_glob(&r, inner, absolute, "w.yaml", mark, &p), 0);
	is_outcome(&r, &p, 0, expected.data);
	buf_release(&expected);
	ck_assert_int_eq(chdir(inner), 0);
	ck_assert_int_eq(rows_glob(&r, "", "../d*", "w.yaml", mark, &p), 0);
	ck_assert_int_eq(rows_glob(&r, ".", "../i*", "w.yaml", mark, &p), 0);
	is_outcome(&r, &p, 0, "\"../data\"\n\"../in\"\n");
	ck_assert_int_eq(chdir("/"), 0);
	free(absolute);
	free(inner);
}
END_TEST

START_TEST(globs_all_folders)
{
	MAKE("1.csv", "a/2.csv", "a/b/3.csv", "a/b/c/4.csv", "z/b/5.csv", ".h/6.csv", "a/.7.csv", "a/x.txt");
	globs("**/*.csv", "\"1.csv\"\n\"a/2.csv\"\n\"a/b/3.csv\"\n\"a/b/c/4.csv\"\n\"z/b/5.csv\"\n");
	globs("a/**/*.csv", "\"a/2.csv\"\n\"a/b/3.csv\"\n\"a/b/c/4.csv\"\n");
	globs("**/b/*.csv", "\"a/b/3.csv\"\n\"z/b/5.csv\"\n");
	globs("**/b/**/*.csv", "\"a/b/3.csv\"\n\"a/b/c/4.csv\"\n\"z/b/5.csv\"\n");
	globs("**/**/3.csv", "\"a/b/3.csv\"\n");
	globs("**/*/**/4.csv", "\"a/b/c/4.csv\"\n");	/* in three ways, but once */
	globs("./**/1.csv", "\"./1.csv\"\n");
	globs("a/b/**", "\"a/b/3.csv\"\n\"a/b/c\"\n\"a/b/c/4.csv\"\n");
	globs("**/", "\"a/\"\n\"a/b/\"\n\"a/b/c/\"\n\"z/\"\n\"z/b/\"\n");
	globs("**/.7.csv", "\"a/.7.csv\"\n");
	globs("**/.h/*", "\".h/6.csv\"\n");
}
END_TEST

/* The order is that of bytes over whole paths, not of folders one by one. */
START_TEST(globs_in_order)
{
	MAKE("a/x", "a-b/x", "a0/x");
	globs("*/x", "\"a-b/x\"\n\"a/x\"\n\"a0/x\"\n");
}
END_TEST

START_TEST(globs_links)
{
	MAKE("real/x", "y");
	link_to(".", "loop");
	link_to("self", "self");
	link_to("nowhere", "broken");
	link_to("real", "real-link");
	link_to("..", "real/up");
	globs("**/x", "\"real/x\"\n");
	globs("*", "\"broken\"\n\"loop\"\n\"real\"\n\"real-link\"\n\"self\"\n\"y\"\n");
	globs("broken", "\"broken\"\n");
	globs("s?lf", "\"self\"\n");
	globs("*/x", "\"real-link/x\"\n\"real/x\"\n");
	globs("*/", "\"loop/\"\n\"real-link/\"\n\"real/\"\n");
	globs("loop/**/x", "\"loop/real/x\"\n");
	globs("real-link/**", "\"real-link/up\"\n\"real-link/x\"\n");
	globs("loop/loop/y", "\"loop/loop/y\"\n");
	globs("self/*", "");
	globs("**", "\"broken\"\n\"loop\"\n\"real\"\n\"real-link\"\n\"real/up\"\n\"real/x\"\n\"self\"\n\"y\"\n");
}
END_TEST

/* Deeper than there are descriptors. */
START_TEST(globs_deep)
{
	struct buf path = BUF_INIT;
	struct rows r = ROWS_INIT;
	struct problems p = PROBLEMS_INIT;
	struct rlimit limit, few;

	for (int i = 0; i < 300; i++)
		buf_adds(&path, "d/");
	buf_adds(&path, "end");
	MAKE(path.data);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	few = (struct rlimit){64, limit.rlim_max};
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	ck_assert_int_eq(rows_glob(&r, folder, "**/end", "w.yaml", mark, &p), 0);
	ck_assert_uint_eq(r.n, 1);
	ck_assert_uint_eq(strlen(r.list[0]), path.len + 2);	/* with its quotes */
	rows_release(&r);
	/* Many ways to the same place, each gone once. */
	ck_assert_int_eq(rows_glob(&r, folder, "**/d/**/d/**/end", "w.yaml", mark, &p), 0);
	ck_assert_uint_eq(r.n, 1);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	buf_release(&path);
	rows_release(&r);
	problems_release(&p);
}
END_TEST

static const struct {
	const char *pattern, *problem;
} bad_patterns[] = {
	{"", "w.yaml:7:9: the pattern is empty; write one, such as 'data/*.csv'\n"},
	{"a**", "a**"}, {"**.csv", "**.csv"}, {"x/***/y", "x/***/y"}, {"a/b**/c", "a/b**/c"},
};

START_TEST(globs_bad_pattern)
{
	struct buf expected = BUF_INIT;

	if (*bad_patterns[_i].pattern == '\0')
		buf_adds(&expected, bad_patterns[_i].problem);
	else
		buf_addf(&expected, "w.yaml:7:9: '**' must stand alone between two '/', as in 'data/**/*.csv'; not so "
		    "in '%s'\n", bad_patterns[_i].problem);
	MAKE("a**", "ab.csv");
	globs(bad_patterns[_i].pattern, expected.data);
	globs("a\\*\\*", "\"a**\"\n");	/* these are stars of the name */
	buf_release(&expected);
}
END_TEST

START_TEST(globs_bad_names)
{
	MAKE("a.csv", "b\xff.csv", "c\xff/d.csv", "c\xff/e.txt");
	globs("*.txt", "");
	globs("*.csv", "w.yaml:7:9: the name must be UTF-8; rename 'b\xef\xbf\xbd.csv'\n");
	globs("*/d.csv", "w.yaml:7:9: the name must be UTF-8; rename 'c\xef\xbf\xbd/d.csv'\n");
}
END_TEST

START_TEST(globs_unreadable)
{
	struct rows r = ROWS_INIT;
	struct problems p = PROBLEMS_INIT;
	char *closed = file_join(folder, "closed"), *missing = file_join(folder, "missing");

	MAKE("closed/x", "open/x");
	ck_assert_int_eq(rows_glob(&r, missing, "*", "w.yaml", mark, &p), -1);
	is_outcome(&r, &p, -1, "w.yaml:7:9: cannot read the folder '/missing': No such file or directory\n");
	ck_assert_int_eq(chmod(folder, 0755), 0);
	ck_assert_int_eq(chmod(closed, 0), 0);
	if (getuid() == 0)	/* who may read everything */
		ck_assert_int_eq(seteuid(65534), 0);
	globs("**/x", "w.yaml:7:9: cannot look at '/closed/x': Permission denied\n"
	    "w.yaml:7:9: cannot read the folder '/closed': Permission denied\n");
	globs("open/*", "\"open/x\"\n");
	globs("*", "\"closed\"\n\"open\"\n");
	if (getuid() == 0)
		ck_assert_int_eq(seteuid(0), 0);
	ck_assert_int_eq(chmod(closed, 0700), 0);
	free(missing);
	free(closed);
}
END_TEST

/* What is there before counts too, and what is appended stands behind it. */
START_TEST(globs_too_many)
{
	struct rows r = ROWS_INIT;
	struct problems p = PROBLEMS_INIT;

	MAKE("1", "2");
	for (int i = 0; i < ROWS_MAX - 2; i++)
		ck_assert_int_eq(rows_add(&r, json_of("0"), "w.yaml", mark, &p), 0);
	ck_assert_int_eq(rows_glob(&r, folder, "*", "w.yaml", mark, &p), 0);
	ck_assert_str_eq(r.list[ROWS_MAX - 1], "\"2\"");
	ck_assert_str_eq(r.list[ROWS_MAX - 3], "0");
	ck_assert_int_eq(rows_glob(&r, folder, "[1]", "w.yaml", mark, &p), -1);
	is_outcome(&r, &p, -1, "w.yaml:7:9: more files match than there may be rows: '[1]'\n");
}
END_TEST

/* ---- Files ---- */

#define TEXT(s) (s), sizeof(s) - 1

static const struct {
	const char *name, *text;
	size_t n;
	const char *expected;
} files[] = {
	{"a.csv", TEXT("a,b\n1,2\nx,\n"), "{\"a\": \"1\", \"b\": \"2\"}\n{\"a\": \"x\", \"b\": \"\"}\n"},
	{"a.csv", TEXT("a,b\r\n1,2\r\n3,4"), "{\"a\": \"1\", \"b\": \"2\"}\n{\"a\": \"3\", \"b\": \"4\"}\n"},
	{"a.CSV", TEXT("\xef\xbb\xbf\"a\"\n\n\r\n1\n\n"), "{\"a\": \"1\"}\n"},
	{"a.csv", TEXT("a\n\"\"\n"), "{\"a\": \"\"}\n"},
	{"a.csv", TEXT("\n\na\n 1 \n"), "{\"a\": \" 1 \"}\n"},
	{"a.csv", TEXT("a,b\n,"), "{\"a\": \"\", \"b\": \"\"}\n"},
	{"a.csv", TEXT("a"), ""},
	{"a.csv", TEXT("a\n"), ""},
	{"a.csv", TEXT("a,\"b \"\"c\"\"\"\n\"x,\ny\r\nz\rq\",\"\"\"\"\r\n"),
	    "{\"a\": \"x,\\ny\\r\\nz\\rq\", \"b \\\"c\\\"\": \"\\\"\"}\n"},
	{"a.csv", TEXT("a\tb\n\"1\"\n"), "{\"a\\tb\": \"1\"}\n"},
	{"a.tsv", TEXT("a\tb\n\"1\t\"\t2,3\n"), "{\"a\": \"1\\t\", \"b\": \"2,3\"}\n"},
	/* Not tables. */
	{"a.csv", TEXT(""), "/a.csv:1:1: the file is empty; its first line must have the names of the fields\n"},
	{"a.csv", TEXT("\xef\xbb\xbf\n"), "/a.csv:2:1: the file is empty; its first line must have the names of the "
	    "fields\n"},
	{"a.csv", TEXT("a,,b\n1,2,3\n"), "/a.csv:1:3: a name is empty; the first line has the names of the fields\n"},
	{"a.csv", TEXT("\xc3\xa4,b,\xc3\xa4,b\n"),
	    "/a.csv:1:5: the name '\xc3\xa4' is there twice\n/a.csv:1:7: the name 'b' is there twice\n"},
	{"a.csv", TEXT("a,b\n1\n1,2\n1,2,3\n"),
	    "/a.csv:2:1: 1 field, where the first line has 2 names\n/a.csv:4:1: 3 fields, where the first line has 2 "
	    "names\n"},
	{"a.csv", TEXT("a\n\"1\n2\"\n3,4\n"), "/a.csv:4:1: 2 fields, where the first line has 1 name\n"},
	{"a.csv", TEXT("a,b\n\xc3\xa4,\"x\ny\n"), "/a.csv:2:3: no quote ends the field that begins with this one\n"},
	{"a.csv", TEXT("a,b\n\"1\n\xc3\xa4\"x,2\n"),
	    "/a.csv:3:3: text behind the quote that ends a field; a quote within a field is written twice\n"},
	{"a.csv", TEXT("a\n1 \"2\"\n"), "/a.csv:2:3: a quote within a field that is not quoted; "
	    "put quotes around the field and write this one twice\n"},
	{"a.csv", TEXT("a\r1\r"), "/a.csv:1:2: a CR that no LF follows; lines end in LF or CR LF\n"},
	{"a.csv", TEXT("a\n\"1\"\r2\n"), "/a.csv:2:4: a CR that no LF follows; lines end in LF or CR LF\n"},
	{"a.csv", TEXT("a\n1\r"), "/a.csv:2:2: a CR that no LF follows; lines end in LF or CR LF\n"},
	{"a.csv", TEXT("a\n\xc3\xa4\0\n"), "/a.csv:2:2: a NUL character; the file must be text\n"},
	{"a.csv", TEXT("a\n\xc3\xa4\xff\0\n"), "/a.csv:2:2: invalid UTF-8; save the file as UTF-8\n"},
	{"a.csv", TEXT("\xff\xfe" "a\0"), "/a.csv:1:1: invalid UTF-8; save the file as UTF-8\n"},
	/* JSON. */
	{"a.json", TEXT("[{\"a\":1,\n\"b\":null}, 2.50, [ ], \"x\"]\n"),
	    "{\"a\": 1, \"b\": null}\n2.50\n[]\n\"x\"\n"},
	{"a.Json", TEXT("[]"), ""},
	{"a.json", TEXT("\n {\"a\": [1]}"), "/a.json:2:2: the file must hold a list of rows, not an object; "
	    "put it between '[' and ']', or end the file's name in .jsonl for a value on each line\n"},
	{"a.json", TEXT("1"), "/a.json:1:1: the file must hold a list of rows, not a single value; "
	    "put it between '[' and ']', or end the file's name in .jsonl for a value on each line\n"},
	{"a.json", TEXT("[1,\n \"\xc3\xa4\" 2]"), "/a.json:2:6: expected ',' or ']'\n"},
	{"a.json", TEXT(""), "/a.json:1:1: nothing but white space\n"},
	{"a.json", TEXT("{\"a\": 1}\n{\"a\": 2}\n"),
	    "/a.json:2:1: text after the end of the value; a file with a value on each line ends in .jsonl\n"},
	{"a.json", TEXT("[1, \"\0\"]"), "/a.json:1:6: unescaped control character in a string\n"},
	{"a.jsonl", TEXT("{\"a\":1}\r\n\n  \t\n[1,2]"), "{\"a\": 1}\n[1, 2]\n"},
	{"a.ndjson", TEXT("1\n\"\\n\"\n"), "1\n\"\\n\"\n"},
	{"a.jsonl", TEXT(""), ""},
	{"a.jsonl", TEXT("1\n[1,\n2]\n\n\"\xc3\xa4\" x\n"), "/a.jsonl:2:4: unexpected end of the text\n"
	    "/a.jsonl:3:2: text after the end of the value\n/a.jsonl:5:5: text after the end of the value\n"},
};

START_TEST(reads)
{
	struct rows r = ROWS_INIT;
	struct problems p = PROBLEMS_INIT;
	char *path = file_join(folder, files[_i].name);
	int result;

	write_file(files[_i].name, files[_i].text, files[_i].n);
	result = rows_file(&r, path, "w.yaml", mark, &p);
	is_outcome(&r, &p, result, files[_i].expected);
	free(path);
}
END_TEST

static void
does_not_open(const char *name, const char *expected)
{
	struct rows r = ROWS_INIT;
	struct problems p = PROBLEMS_INIT;
	char *path = file_join(folder, name);
	int result = rows_file(&r, path, "w.yaml", mark, &p);

	is_outcome(&r, &p, result, expected);
	free(path);
}

START_TEST(does_not_read)
{
	char *big = file_join(folder, "big.json"), *pipe = file_join(folder, "pipe.csv");

	MAKE("a.txt", "folder.csv/", "big.json");
	ck_assert_int_eq(truncate(big, (off_t)ROWS_BYTES_MAX + 1), 0);
	ck_assert_int_eq(mkfifo(pipe, 0600), 0);
	does_not_open("a.txt", "w.yaml:7:9: '/a.txt' is no file of rows, whose name ends in .csv, .tsv, .json, .jsonl "
	    "or .ndjson\n");
	does_not_open("csv", "w.yaml:7:9: '/csv' is no file of rows, whose name ends in .csv, .tsv, .json, .jsonl or "
	    ".ndjson\n");
	does_not_open("none.csv", "w.yaml:7:9: cannot read '/none.csv': No such file or directory\n");
	does_not_open("folder.csv", "w.yaml:7:9: cannot read '/folder.csv': Is a directory\n");
	does_not_open("pipe.csv", "w.yaml:7:9: cannot read '/pipe.csv': it is no regular file\n");
	does_not_open("big.json", "w.yaml:7:9: cannot read '/big.json': it has more than 64 MiB\n");
	free(pipe);
	free(big);
}
END_TEST

/* Reads a file of many rows: a beginning, n times a piece, and an end. Expects problems, or ROWS_MAX rows. */
static void
reads_many(const char *name, const char *first, const char *piece, int n, const char *last, const char *expected)
{
	struct rows r = ROWS_INIT;
	struct problems p = PROBLEMS_INIT;
	struct buf text = BUF_INIT;
	char *path = file_join(folder, name);

	buf_adds(&text, first);
	for (int i = 0; i < n; i++)
		buf_adds(&text, piece);
	buf_adds(&text, last);
	write_file(name, text.data, text.len);
	ck_assert_int_eq(rows_file(&r, path, "w.yaml", mark, &p), *expected == '\0' ? 0 : -1);
	if (*expected == '\0') {
		ck_assert_uint_eq(r.n, ROWS_MAX);
		rows_release(&r);
	} else {
		is_outcome(&r, &p, -1, expected);
	}
	buf_release(&text);
	free(path);
}

START_TEST(reads_too_many)
{
	reads_many("a.csv", "a\n", "1\n", ROWS_MAX, "", "");
	reads_many("a.csv", "a\n", "1\n", ROWS_MAX, "2", "/a.csv:100002:1: more than 100000 rows; split them up\n");
	reads_many("a.json", "[1", ",\n1", ROWS_MAX - 1, "]", "");
	reads_many("a.json", "[\n", "1,\n", ROWS_MAX, " 1]", "/a.json:100002:2: more than 100000 rows; split them "
	    "up\n");
	reads_many("a.json", "[ ", "1, ", ROWS_MAX, "1]", "/a.json:1:300003: more than 100000 rows; split them up\n");
	reads_many("a.jsonl", "", "1\n", ROWS_MAX, "1\n1\n", "/a.jsonl:100001:1: more than 100000 rows; split them "
	    "up\n");
}
END_TEST

/* A file that is wrong throughout has some of it said. */
START_TEST(reads_many_problems)
{
	static const char *const names[] = {"a.csv", "a.jsonl", "b.csv"}, *const firsts[] = {"a\n", "", "a"},
	    *const pieces[] = {"1,2\n", "?\n", ",a"};

	for (int i = 0; i < COUNT(names); i++) {
		struct rows r = ROWS_INIT;
		struct problems p = PROBLEMS_INIT;
		struct buf text = BUF_INIT;
		char *path = file_join(folder, names[i]);

		buf_adds(&text, firsts[i]);
		for (int k = 0; k < 1000; k++)
			buf_adds(&text, pieces[i]);
		write_file(names[i], text.data, text.len);
		ck_assert_int_eq(rows_file(&r, path, "w.yaml", mark, &p), -1);
		ck_assert_uint_eq(p.n, ROWS_PROBLEMS_MAX);
		buf_release(&text);
		rows_release(&r);
		problems_release(&p);
		free(path);
	}
}
END_TEST

/* ---- Matrices ---- */

static const struct {
	const char *matrix, *expected;
} matrices[] = {
	{"{\"a\": [1, 2], \"b\": [\"x\", null]}",
	    "{\"a\": 1, \"b\": \"x\"}\n{\"a\": 1, \"b\": null}\n{\"a\": 2, \"b\": \"x\"}\n{\"a\": 2, \"b\": null}\n"},
	{"{\"b\": [1.50], \"a\": [{\"k\": [1]}, 2]}", "{\"b\": 1.50, \"a\": {\"k\": [1]}}\n{\"b\": 1.50, \"a\": 2}\n"},
	{"{\"a\": [1, 1]}", "{\"a\": 1}\n{\"a\": 1}\n"},
	/* The example of GitHub's documentation. */
	{"{\"fruit\": [\"apple\", \"pear\"], \"animal\": [\"cat\", \"dog\"], \"include\": [{\"color\": \"green\"},"
	    "{\"color\": \"pink\", \"animal\": \"cat\"}, {\"fruit\": \"apple\", \"shape\": \"circle\"},"
	    "{\"fruit\": \"banana\"}, {\"fruit\": \"banana\", \"animal\": \"cat\"}]}",
	    "{\"fruit\": \"apple\", \"animal\": \"cat\", \"color\": \"pink\", \"shape\": \"circle\"}\n"
	    "{\"fruit\": \"apple\", \"animal\": \"dog\", \"color\": \"green\", \"shape\": \"circle\"}\n"
	    "{\"fruit\": \"pear\", \"animal\": \"cat\", \"color\": \"pink\"}\n"
	    "{\"fruit\": \"pear\", \"animal\": \"dog\", \"color\": \"green\"}\n"
	    "{\"fruit\": \"banana\"}\n{\"fruit\": \"banana\", \"animal\": \"cat\"}\n"},
	{"{\"include\": [{\"site\": \"a\"}, {\"site\": \"b\", \"n\": 1}, {\"n\": 2}]}",
	    "{\"site\": \"a\"}\n{\"site\": \"b\", \"n\": 1}\n{\"n\": 2}\n"},
	{"{\"exclude\": [{\"b\": 2, \"a\": 1}, {\"a\": 3}], \"a\": [1, 2, 3], \"b\": [1, 2]}",
	    "{\"a\": 1, \"b\": 1}\n{\"a\": 2, \"b\": 1}\n{\"a\": 2, \"b\": 2}\n"},
	/* Include comes after exclude, and may bring back what that has dropped. */
	{"{\"a\": [1, 2], \"exclude\": [{\"a\": 1}], \"include\": [{\"a\": 1, \"x\": 0}, {\"y\": 5}]}",
	    "{\"a\": 2, \"y\": 5}\n{\"a\": 1, \"x\": 0}\n"},
	{"{\"a\": [1], \"exclude\": [{\"a\": 1}], \"include\": [{\"x\": 0}]}", "{\"x\": 0}\n"},
	{"{\"a\": [1, 2], \"exclude\": [], \"include\": [{}]}", "{\"a\": 1}\n{\"a\": 2}\n"},
	{"{\"a\": [1], \"exclude\": [{\"a\": 7}]}", "{\"a\": 1}\n"},
	/* The same value, however it is written; not what only looks like it. */
	{"{\"a\": [1, \"1\", 10, -0.0, true], \"exclude\": [{\"a\": 1.0}, {\"a\": 1e1}, {\"a\": 0}]}",
	    "{\"a\": \"1\"}\n{\"a\": true}\n"},
	{"{\"a\": [{\"x\": 1, \"y\": [0.50, \"\\u00e4\"]}, [1, 2]],"
	    "\"exclude\": [{\"a\": {\"y\":[5e-1,\"\xc3\xa4\"],\"x\":1.00}}, {\"a\": [2, 1]}]}", "{\"a\": [1, 2]}\n"},
	{"{\"a\": [9007199254740993, 1e400],"
	    "\"exclude\": [{\"a\": 9007199254740992}, {\"a\": 1e401}, {\"a\": 100e398}]}",
	    "{\"a\": 9007199254740993}\n"},
	{"{\"a\": [1e9999999999999999, 120, 0.012, NaN],"
	    "\"exclude\": [{\"a\": 1e9999999999999998}, {\"a\": 12e-3}, {\"a\": 12E+1}, {\"a\": NaN}]}",
	    "{\"a\": 1e9999999999999999}\n"},
	/* The text of the matrix stays, where include has the same value in other words. */
	{"{\"a\": [1.0], \"include\": [{\"x\": 2, \"a\": 1}]}", "{\"a\": 1.0, \"x\": 2}\n"},
	/* Keys that are there twice, and under escapes. */
	{"{\"a\": [1], \"\\u0061\": [2], \"include\": [{\"a\": 1, \"a\": 2, \"x\": 1, \"x\": 3}]}",
	    "{\"a\": 2, \"x\": 3}\n"},
	{"{\"\\u0061\": [1], \"exclude\": [{\"a\": 1}], \"include\": [{\"b\": 1}]}", "{\"b\": 1}\n"},
	/* Not matrices. */
	{"[1]", "w.yaml:7:9: the matrix must be a map of lists\n"},
	{"{}", "w.yaml:7:9: the matrix is empty; give it keys with lists\n"},
	{"{\"include\": []}", "w.yaml:7:9: the matrix is empty; give it keys with lists\n"},
	{"{\"a\": [], \"b\": 1, \"c\": {}}",
	    "w.yaml:7:9: the list of 'a' in the matrix is empty; put a value in, or leave the key out\n"
	    "w.yaml:7:9: the key 'b' of the matrix must have a list\n"
	    "w.yaml:7:9: the key 'c' of the matrix must have a list\n"},
	{"{\"a\": [1], \"include\": {\"a\": 1}, \"exclude\": null}",
	    "w.yaml:7:9: 'exclude' of the matrix must be a list of maps\n"
	    "w.yaml:7:9: 'include' of the matrix must be a list of maps\n"},
	{"{\"a\": [1], \"include\": [{}, 1]}",
	    "w.yaml:7:9: 'include' of the matrix must be a list of maps; item 2 is none\n"},
	{"{\"fruit\": [1], \"exclude\": [{\"friut\": 1}, {\"\": 2}]}",
	    "w.yaml:7:9: exclude has 'friut', which is no key of the matrix; did you mean 'fruit'?\n"
	    "w.yaml:7:9: exclude has '', which is no key of the matrix\n"},
	{"{\"a\": [1], \"exclude\": [{\"a\": 2}, {}]}",
	    "w.yaml:7:9: item 2 of exclude is empty; name the values of what is to be left out\n"},
	{"{\"a\": [1, 2], \"exclude\": [{\"a\": 1}, {\"a\": 2}]}", "w.yaml:7:9: exclude leaves nothing of the "
	    "matrix\n"},
};

START_TEST(makes)
{
	struct rows r = ROWS_INIT;
	struct problems p = PROBLEMS_INIT;
	int result = rows_matrix(&r, json_of(matrices[_i].matrix), "w.yaml", mark, &p);

	is_outcome(&r, &p, result, matrices[_i].expected);
}
END_TEST

/* What is there before stays, and does not count as a combination. */
START_TEST(makes_behind)
{
	struct rows r = ROWS_INIT;
	struct problems p = PROBLEMS_INIT;

	ck_assert_int_eq(rows_add(&r, json_of("0"), "w.yaml", mark, &p), 0);
	ck_assert_int_eq(rows_matrix(&r, json_of("{\"a\": [1]}"), "w.yaml", mark, &p), 0);
	ck_assert_int_eq(rows_matrix(&r, json_of("{}"), "w.yaml", mark, &p), -1);
	ck_assert_uint_eq(p.n, 1);
	problems_release(&p);
	is_outcome(&r, &p, 0, "0\n{\"a\": 1}\n");
}
END_TEST

/* A matrix of so many keys with so many values each, and more text behind them. The caller's to free. */
static char *
large(int keys, int values, const char *rest)
{
	struct buf text = BUF_INIT;

	buf_addc(&text, '{');
	for (int i = 0; i < keys; i++) {
		buf_addf(&text, "%s\"k%d\": [0", i > 0 ? ", " : "", i);
		for (int k = 1; k < values; k++)
			buf_addf(&text, ",%d", k);
		buf_addc(&text, ']');
	}
	buf_addf(&text, "%s}", rest);
	return buf_steal(&text);
}

#define TOO_MANY \
	"w.yaml:7:9: the matrix has more than 100000 combinations before exclude; make its lists shorter\n"

static const struct {
	int keys, values;
	const char *rest;
	size_t n;	/* 0: too many */
	const char *problem;
} larges[] = {
	{5, 10, "", 100000, ""},
	{1, 100000, "", 100000, ""},
	{1000, 1, "", 1, ""},
	{1, 100001, "", 0, TOO_MANY},
	{17, 2, "", 0, TOO_MANY},
	{64, 2, "", 0, TOO_MANY},	/* 2 to the 64th, which is 0 in a word of the machine */
	{128, 2, ", \"exclude\": [{\"k0\": 0}]", 0, TOO_MANY},
	{16, 16, "", 0, TOO_MANY},
	{5, 10, ", \"include\": [{\"k0\": 10}]", 0, "w.yaml:7:9: more than 100000 rows; split them up\n"},
	{5, 10, ", \"exclude\": [{\"k0\": 9, \"k4\": 9}], \"include\": [{\"k0\": 10}]", 99001, ""},
};

START_TEST(makes_large)
{
	struct rows r = ROWS_INIT;
	struct problems p = PROBLEMS_INIT;
	char *text = large(larges[_i].keys, larges[_i].values, larges[_i].rest);
	int result = rows_matrix(&r, json_of(text), "w.yaml", mark, &p);

	if (larges[_i].n > 0) {
		ck_assert_int_eq(result, 0);
		ck_assert_uint_eq(r.n, larges[_i].n);
		rows_release(&r);
	} else {
		is_outcome(&r, &p, result, larges[_i].problem);
	}
	free(text);
}
END_TEST

/* An include of thousands is quick or refused, and never hangs. */
START_TEST(makes_no_long_work)
{
	struct rows r = ROWS_INIT;
	struct problems p = PROBLEMS_INIT;
	struct buf include = BUF_INIT;
	char *text;

	buf_adds(&include, ", \"include\": [{\"x\": 0}");
	for (int i = 1; i < 3000; i++)
		buf_addf(&include, ", {\"x\": %d}", i);
	buf_addc(&include, ']');
	text = large(2, 300, include.data);
	ck_assert_int_eq(rows_matrix(&r, json_of(text), "w.yaml", mark, &p), -1);
	ck_assert_uint_eq(r.n, 0);
	is_outcome(&r, &p, -1, "w.yaml:7:9: exclude and include have too many values (3000) for the combinations "
	    "of the matrix (90000)\n");
	free(text);
	text = large(2, 10, include.data);
	ck_assert_int_eq(rows_matrix(&r, json_of(text), "w.yaml", mark, &p), 0);
	ck_assert_uint_eq(r.n, 100);
	ck_assert_str_eq(r.list[99], "{\"k0\": 9, \"k1\": 9, \"x\": 2999}");
	rows_release(&r);
	free(text);
	buf_release(&include);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("rows");
	TCase *tcase = tcase_create("rows");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, adds);
	tcase_add_test(tcase, adds_too_many);
	tcase_add_test(tcase, adds_too_deep);
	tcase_add_test(tcase, globs_one_folder);
	tcase_add_test(tcase, globs_plain_names);
	tcase_add_test(tcase, globs_elsewhere);
	tcase_add_test(tcase, globs_all_folders);
	tcase_add_test(tcase, globs_in_order);
	tcase_add_test(tcase, globs_links);
	tcase_add_test(tcase, globs_deep);
	tcase_add_loop_test(tcase, globs_bad_pattern, 0, COUNT(bad_patterns));
	tcase_add_test(tcase, globs_bad_names);
	tcase_add_test(tcase, globs_unreadable);
	tcase_add_test(tcase, globs_too_many);
	tcase_add_loop_test(tcase, reads, 0, COUNT(files));
	tcase_add_test(tcase, does_not_read);
	tcase_add_test(tcase, reads_too_many);
	tcase_add_test(tcase, reads_many_problems);
	tcase_add_loop_test(tcase, makes, 0, COUNT(matrices));
	tcase_add_test(tcase, makes_behind);
	tcase_add_loop_test(tcase, makes_large, 0, COUNT(larges));
	tcase_add_test(tcase, makes_no_long_work);
	suite_add_tcase(suite, tcase);

	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
