#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "inputs.h"
#include "past.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define MIB ((size_t)1024 * 1024)

static char folder[] = "/tmp/check-past-XXXXXX";
static int fd;	/* of the journal */
static struct past past;

static void
enter(void)
{
	memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	fd = open("events.jsonl", O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
	ck_assert_int_ne(fd, -1);
	past = (struct past)PAST_INIT;
}

static void
leave(void)
{
	past_release(&past);
	close(fd);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(file_remove_tree(folder), 0);
}

static void
add_bytes(const void *p, size_t n)
{
	ck_assert_int_eq(file_write_full(fd, p, n), 0);
}

/* A line of the journal: its time, its event, and what else it says. */
static void
add(const char *event, const char *members)
{
	struct buf line = BUF_INIT;

	buf_addf(&line, "{\"time\": \"2026-11-22T08:15:00.123Z\", \"event\": \"%s\"%s%s}\n", event,
	    *members != '\0' ? ", " : "", members);
	add_bytes(line.data, line.len);
	buf_release(&line);
}

static void
add_run(const char *id)
{
	struct buf b = BUF_INIT;

	buf_addf(&b, "\"run\": {\"id\": \"%s\", \"dir\": \"d\", \"resumed_from\": null}, \"workflow\": {\"name\": "
	    "\"tables\", \"file\": \"t.yaml\"}, \"target\": \"local\", \"processes\": 2, \"notebooks\": 3, "
	    "\"pid\": 1", id);
	add("run_started", buf_str(&b));
	buf_release(&b);
}

static void
add_started(const char *name, unsigned attempt)
{
	struct buf b = BUF_INIT;

	buf_addf(&b, "\"name\": \"%s\", \"attempt\": %u, \"pid\": 5", name, attempt);
	add("notebook_started", buf_str(&b));
	buf_release(&b);
}

static void
add_failed(const char *name, unsigned attempt)
{
	struct buf b = BUF_INIT;

	buf_addf(&b, "\"name\": \"%s\", \"attempt\": %u, \"retry_in_seconds\": 1.5, \"ended\": {\"attempt\": %u, "
	    "\"status\": \"failed\"}", name, attempt, attempt);
	add("notebook_attempt_failed", buf_str(&b));
	buf_release(&b);
}

static void
add_finished(const char *name, unsigned attempts, const char *status, const char *result)
{
	struct buf b = BUF_INIT;

	buf_addf(&b, "\"name\": \"%s\", \"attempt\": %u, \"inputs\": {\"notebook\": \"" A "\", \"parameters\": \"" B
	    "\", \"kernel\": \"" C "\", \"place\": \"" B "\", \"upstream\": \"" A "\"}, \"notebook\": {\"name\": \"%s\", \"status\": \"%s\", "
	    "\"attempts\": %u, \"result\": %s, \"exit_status\": 1, \"signal\": null, "
	    "\"error\": {\"kind\": \"notebook\"}, "
	    "\"cells\": {\"total\": 2, \"executed\": 1}, \"queued_seconds\": 0.100, \"started_at\": \"s\", "
	    "\"finished_at\": \"f\", \"duration_seconds\": 3.250, \"cpu_seconds\": 1.000, \"max_rss_bytes\": 77, "
	    "\"output\": \"notebooks/%s.ipynb\", \"log\": null}", name, attempts, name, status, attempts, result, name);
	add("notebook_finished", buf_str(&b));
	buf_release(&b);
}

static const struct past_notebook *
read_and_find(const char *name)
{
	past_release(&past);
	ck_assert_int_eq(past_read(&past, fd), 0);
	return past_find(&past, name);
}

/* The value of a text that must be JSON on one line. */
static struct json
parse(const char *text)
{
	struct json v;

	ck_assert_ptr_nonnull(text);
	ck_assert_ptr_null(strchr(text, '\n'));
	ck_assert_int_eq(json_parse(text, strlen(text), &v, NULL), 0);
	return v;
}

static void
check_result(const struct past_notebook *n, int64_t result)
{
	int64_t value;

	ck_assert_ptr_nonnull(n);
	ck_assert(json_int(json_get(parse(n->success), "result"), &value));
	ck_assert_int_eq(value, result);
}

/* ---- Digests ---- */

/* FIPS 180-2, appendix B. */
START_TEST(digests_are_sha256)
{
	char digest[DIGEST_TEXT];

	digest_bytes(digest, "abc", 3);
	ck_assert_str_eq(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	digest_bytes(digest, NULL, 0);
	ck_assert_str_eq(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}
END_TEST

START_TEST(digests_of_files)
{
	struct buf b = BUF_INIT;
	char digest[DIGEST_TEXT], same[DIGEST_TEXT];

	ck_assert_int_eq(file_replace("f", "abc", 3), 0);
	ck_assert_int_eq(digest_file(digest, "f"), 0);
	ck_assert_str_eq(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	buf_fill(&b, 'x', 200001);	/* more than is read at once */
	ck_assert_int_eq(file_replace("f", b.data, b.len), 0);
	ck_assert_int_eq(digest_file(digest, "f"), 0);
	digest_bytes(same, b.data, b.len);
	ck_assert_str_eq(digest, same);
	buf_release(&b);
}
END_TEST

START_TEST(what_is_no_file_has_no_digest)
{
	char digest[DIGEST_TEXT] = "x";

	ck_assert_int_eq(digest_file(digest, "missing"), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_str_eq(digest, "");
	ck_assert_int_eq(digest_file(digest, "."), -1);
	ck_assert_int_eq(errno, EISDIR);
	ck_assert_int_eq(mkfifo("pipe", 0600), 0);
	ck_assert_int_eq(digest_file(digest, "pipe"), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_str_eq(digest, "");
}
END_TEST

START_TEST(inputs_differ)
{
	const struct inputs before = {A, B, C, B, A};
	struct inputs now = before;

	ck_assert_ptr_null(inputs_difference(&before, &now));
	now.upstream[63] = 'b';
	ck_assert_str_eq(inputs_difference(&before, &now), "a result that it depends on");
	now.kernel[0] = '1';
	ck_assert_str_eq(inputs_difference(&before, &now), "its kernel");
	now.parameters[0] = 'a';
	ck_assert_str_eq(inputs_difference(&before, &now), "its parameters");
	now.notebook[0] = 'b';
	ck_assert_str_eq(inputs_difference(&before, &now), "the notebook");
}
END_TEST

START_TEST(unknown_inputs_differ)
{
	const struct inputs none = {"", "", "", "", ""}, some = {A, B, C, B, ""}, all = {A, B, C, B, A};

	ck_assert_str_eq(inputs_difference(&none, &none), "the notebook");
	ck_assert_str_eq(inputs_difference(&none, &all), "the notebook");
	ck_assert_str_eq(inputs_difference(&all, &none), "the notebook");
	ck_assert_str_eq(inputs_difference(&some, &some), "a result that it depends on");
}
END_TEST

START_TEST(inputs_are_written_as_they_are_read)
{
	const struct inputs in = {A, B, C, B, ""};
	struct inputs again;
	struct buf b = BUF_INIT;

	inputs_put(&in, &b);
	ck_assert_str_eq(buf_str(&b), "{\"notebook\": \"" A "\", \"parameters\": \"" B "\", \"kernel\": \"" C
	    "\", \"place\": \"" B "\", \"upstream\": \"\"}");
	inputs_read(&again, json_of(buf_str(&b)));
	ck_assert_int_eq(memcmp(&in, &again, sizeof(in)), 0);
	buf_release(&b);
}
END_TEST

START_TEST(inputs_are_checked)
{
	static const char *const wrong[] = {
		"null", "[]", "{}", "\"" A "\"",
		"{\"notebook\": 7}",
		"{\"notebook\": \"\"}",
		"{\"notebook\": \"" A "a\"}",
		"{\"notebook\": \"aaa\"}",
		"{\"notebook\": \"Aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
		"{\"notebook\": \"gaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
		"{\"notebook\": \"\\u0000aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
	};
	struct inputs in = {A, A, A, A, A};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		inputs_read(&in, json_of(wrong[i]));
		ck_assert_str_eq(in.notebook, "");
		ck_assert_str_eq(in.upstream, "");
	}
	inputs_read(&in, JSON_NOTHING);
	ck_assert_str_eq(in.notebook, "");
	inputs_read(&in, json_of("{\"kernel\": \"" C "\", \"other\": 1, \"notebook\": \"x\"}"));
	ck_assert_str_eq(in.kernel, C);
	ck_assert_str_eq(in.notebook, "");
}
END_TEST

/* ---- What the events mean ---- */

START_TEST(run_is_known)
{
	add_run("tables-1");
	ck_assert_ptr_null(read_and_find("a"));
	ck_assert_str_eq(past.run_id, "tables-1");
	ck_assert_str_eq(past.name, "tables");
	ck_assert(!past.finished);
	ck_assert_uint_eq(past.n, 0);
	add("run_stopping", "\"reason\": \"SIGINT\"");
	read_and_find("a");
	ck_assert(!past.finished);
	add("run_finished", "\"status\": \"cancelled\"");
	read_and_find("a");
	ck_assert(past.finished);
	add_run("tables-2");
	read_and_find("a");
	ck_assert(!past.finished);
	ck_assert_str_eq(past.run_id, "tables-2");
}
END_TEST

START_TEST(success_is_known)
{
	const struct past_notebook *n;
	const struct inputs in = {A, B, C, B, A};

	add_run("tables-1");
	add_started("a", 1);
	n = read_and_find("a");
	ck_assert_ptr_nonnull(n);
	ck_assert_ptr_null(n->success);
	ck_assert_ptr_null(n->run_id);
	ck_assert_uint_eq(n->attempts, 1);
	add("kernel_ready", "\"name\": \"a\", \"attempt\": 1, \"pid\": 5, \"seconds\": 0.1");
	add("cell_started", "\"name\": \"a\", \"attempt\": 1, \"cell\": 0, \"number\": 1, \"total\": 2");
	add_finished("a", 1, "succeeded", "42");
	n = read_and_find("a");
	check_result(n, 42);
	ck_assert_str_eq(n->name, "a");
	ck_assert_str_eq(n->run_id, "tables-1");
	ck_assert_str_eq(n->earlier_attempts, "[]");
	ck_assert(!n->failed);
	ck_assert_ptr_null(inputs_difference(&n->inputs, &in));
	ck_assert_ptr_null(past_find(&past, "b"));
}
END_TEST

START_TEST(order_is_that_of_the_first_lines)
{
	add_run("r");
	add_started("b", 1);
	add_started("a", 1);
	add_finished("a", 1, "succeeded", "1");
	add_finished("c", 0, "skipped", "null");
	add_finished("b", 1, "succeeded", "2");
	read_and_find("a");
	ck_assert_uint_eq(past.n, 3);
	ck_assert_str_eq(past.list[0]->name, "b");
	ck_assert_str_eq(past.list[1]->name, "a");
	ck_assert_str_eq(past.list[2]->name, "c");
	ck_assert_ptr_eq(past_find(&past, "c"), past.list[2]);
	ck_assert_ptr_null(past.list[2]->success);
	ck_assert_uint_eq(past.list[2]->attempts, 0);
}
END_TEST

START_TEST(start_withdraws_success)
{
	const struct past_notebook *n;

	add_run("r1");
	add_started("a", 1);
	add_finished("a", 1, "succeeded", "1");
	add_run("r2");
	add_started("a", 2);
	n = read_and_find("a");
	ck_assert_ptr_null(n->success);
	ck_assert_ptr_null(n->run_id);
	ck_assert_str_eq(n->inputs.notebook, "");
	ck_assert_uint_eq(n->attempts, 2);
	add("notebook_requeued", "\"name\": \"a\", \"attempt\": 2, \"reason\": \"memory\"");
	ck_assert_ptr_null(read_and_find("a")->success);
	add_run("r3");
	add_started("a", 3);
	add_finished("a", 0, "cancelled", "null");
	ck_assert_ptr_null(read_and_find("a")->success);
	add_started("a", 3);
	add_finished("a", 3, "succeeded", "3");
	n = read_and_find("a");
	check_result(n, 3);
	ck_assert_str_eq(n->run_id, "r3");
	ck_assert_str_eq(n->earlier_attempts, "[]");
}
END_TEST

/* What a notebook has run is no notebook of the workflow, whatever it is called. */
START_TEST(children_are_not_looked_at)
{
	add_run("r1");
	add_started("a", 1);
	add("notebook_started", "\"name\": \"a.b\", \"parent\": \"a\", \"attempt\": 1");
	add("notebook_finished", "\"name\": \"a.b\", \"parent\": \"a\", \"attempt\": 1, \"notebook\": {\"status\": "
	    "\"succeeded\", \"attempts\": 1}");
	add_finished("a", 1, "succeeded", "1");
	ck_assert_ptr_null(read_and_find("a.b"));
	ck_assert_uint_eq(past.children.n, 1);
	ck_assert_ptr_nonnull(table_get(&past.children, "a.b", 3));
	ck_assert_ptr_nonnull(past_find(&past, "a")->success);
}
END_TEST

/* Neither a skipped notebook, nor one whose turn did not come before the run was stopped, forgets its success. */
START_TEST(what_was_not_started_forgets_nothing)
{
	const struct past_notebook *n;

	add_run("r1");
	add_started("a", 1);
	add_finished("a", 1, "succeeded", "1");
	add_run("r2");
	add("notebook_kept", "\"name\": \"a\", \"run\": \"r1\"");
	add_run("r3");
	add_finished("a", 0, "skipped", "null");
	add_run("r4");
	add_finished("a", 1, "skipped", "null");
	add_finished("a", 9, "skipped", "null");
	add_run("r5");
	add_finished("a", 0, "failed", "null");
	add_run("r6");
	add_finished("a", 1, "cancelled", "null");
	n = read_and_find("a");
	check_result(n, 1);
	ck_assert_str_eq(n->run_id, "r1");
	ck_assert_str_eq(n->inputs.notebook, A);
	ck_assert(!n->failed);
	ck_assert_str_eq(n->earlier_attempts, "[]");
}
END_TEST

START_TEST(failure_is_known)
{
	static const struct {
		const char *status;
		bool failed;
	} ends[] = {{"failed", true}, {"timed_out", true}, {"cancelled", false}, {"odd", false}};
	unsigned attempt = 0;

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		const struct past_notebook *n;

		add_run("r");
		add_started("a", ++attempt);
		add_finished("a", attempt, "succeeded", "1");
		add_run("r");
		add_started("a", ++attempt);
		add_finished("a", attempt, ends[i].status, "1");
		n = read_and_find("a");
		ck_assert_ptr_null(n->success);
		ck_assert_int_eq(n->failed, ends[i].failed);
		ck_assert_uint_eq(json_count(parse(n->earlier_attempts)), i + 1);
	}
	add_started("a", ++attempt);
	add_failed("a", attempt);
	ck_assert(read_and_find("a")->failed);
	add_started("a", ++attempt);
	ck_assert(read_and_find("a")->failed);	/* the last that is over */
	add_finished("a", attempt, "succeeded", "1");
	ck_assert(!read_and_find("a")->failed);
}
END_TEST

START_TEST(earlier_attempts_are_listed)
{
	add_run("r");
	add_started("a", 1);
	add_failed("a", 1);
	add_started("a", 2);
	add_finished("a", 2, "timed_out", "5");
	ck_assert_str_eq(read_and_find("a")->earlier_attempts,
	    "[{\"attempt\": 1, \"status\": \"failed\"}, "
	    "{\"attempt\": 2, \"status\": \"timed_out\", \"exit_status\": 1, \"signal\": null, "
	    "\"error\": {\"kind\": \"notebook\"}, \"started_at\": \"s\", \"finished_at\": \"f\", "
	    "\"duration_seconds\": 3.250, \"cpu_seconds\": 1.000, \"max_rss_bytes\": 77, "
	    "\"output\": \"notebooks/a.attempt2.ipynb\", \"log\": null, "
	    "\"url\": null, \"remote\": null}]");
}
END_TEST

/* It failed, waited for its next attempt, and was over when the run was stopped: that is one attempt, not two. */
START_TEST(attempt_is_listed_once)
{
	const struct past_notebook *n;

	add_run("r1");
	add_started("a", 1);
	add_failed("a", 1);
	add_finished("a", 1, "failed", "null");
	add_run("r2");
	add_finished("a", 1, "cancelled", "null");
	n = read_and_find("a");
	ck_assert_uint_eq(json_count(parse(n->earlier_attempts)), 1);
	ck_assert(n->failed);
	/* In another run the numbers may start anew. */
	add_run("r3");
	add_started("a", 1);
	add_finished("a", 1, "failed", "null");
	add_started("a", 2);
	add_run("r4");
	add_started("a", 1);
	n = read_and_find("a");
	ck_assert_uint_eq(json_count(parse(n->earlier_attempts)), 2);
	ck_assert_uint_eq(n->attempts, 2);
}
END_TEST

/* A run that was killed leaves an attempt without an end: the next run, in which it is not started, does not end it. */
START_TEST(killed_attempt_has_no_end)
{
	const struct past_notebook *n;

	add_run("r1");
	add_started("a", 1);
	add_run("r2");
	add_finished("a", 1, "cancelled", "null");
	n = read_and_find("a");
	ck_assert_str_eq(n->earlier_attempts, "[]");
	ck_assert_uint_eq(n->attempts, 1);
	ck_assert_ptr_null(n->success);
}
END_TEST

START_TEST(end_without_its_start_counts)
{
	const struct past_notebook *n;

	add_run("r1");
	add_finished("a", 1, "succeeded", "1");
	add_failed("a", 2);
	n = read_and_find("a");
	ck_assert_ptr_null(n->success);
	ck_assert(n->failed);
	ck_assert_uint_eq(n->attempts, 2);
	ck_assert_uint_eq(json_count(parse(n->earlier_attempts)), 1);
	add_finished("b", 3, "succeeded", "1");
	check_result(read_and_find("b"), 1);
	ck_assert_uint_eq(past_find(&past, "b")->attempts, 3);
}
END_TEST

START_TEST(success_without_inputs_counts)
{
	const struct past_notebook *n;

	add_run("r");
	add("notebook_finished", "\"name\": \"a\", \"attempt\": 1, \"inputs\": [7], "
	    "\"notebook\": {\"status\": \"succeeded\", \"attempts\": 1, \"result\": 8}");
	n = read_and_find("a");
	check_result(n, 8);
	ck_assert_str_eq(n->inputs.notebook, "");
	ck_assert_str_eq(inputs_difference(&n->inputs, &n->inputs), "the notebook");
}
END_TEST

START_TEST(names_are_decoded)
{
	add_run("r");
	add_started("two\\nlines \\\"\\u00e9\\\"", 1);
	add_finished("two\\nlines \\\"\xc3\xa9\\\"", 1, "failed", "null");
	ck_assert_ptr_nonnull(read_and_find("two\nlines \"\xc3\xa9\""));
	ck_assert_uint_eq(past.n, 1);
	ck_assert_ptr_nonnull(strstr(past.list[0]->earlier_attempts,
	    "\"notebooks/two\\nlines \\\"\xc3\xa9\\\".attempt1.ipynb\""));
	parse(past.list[0]->earlier_attempts);
}
END_TEST

/* ---- What is no journal, or hardly one ---- */

START_TEST(no_start_is_no_journal)
{
	static const char rubbish[] = "\x7f" "ELF\2\1\1\0\0\n\n\xff\xfe\n[1, 2]\n\"run_started\"\n7\n";

	ck_assert_int_eq(past_read(&past, fd), -1);
	ck_assert_int_eq(errno, ENODATA);
	add_bytes(rubbish, sizeof(rubbish) - 1);
	add("run_started", "");
	add("run_started", "\"run\": 7, \"workflow\": {\"name\": \"n\"}");
	add("run_started", "\"run\": {\"id\": 7}, \"workflow\": {\"name\": \"n\"}");
	add("run_started", "\"run\": {\"id\": \"\\u0000\"}, \"workflow\": {\"name\": \"n\"}");
	add("run_started", "\"run\": {\"id\": \"r\"}, \"workflow\": [\"name\"]");
	add_started("a", 1);
	ck_assert_int_eq(past_read(&past, fd), -1);
	ck_assert_int_eq(errno, ENODATA);
	ck_assert_uint_eq(past.n, 0);
	ck_assert_int_eq(past.size, 0);
	/* The start itself is torn. */
	add_run("r");
	ck_assert_int_eq(ftruncate(fd, lseek(fd, 0, SEEK_END) - 1), 0);
	ck_assert_int_eq(past_read(&past, fd), -1);
	ck_assert_int_eq(errno, ENODATA);
	/* With it there, what was before it is not this run's. */
	add_bytes("\n", 1);
	ck_assert_ptr_null(read_and_find("a"));
}
END_TEST

START_TEST(reading_fails)
{
	int other = open(".", O_RDONLY | O_CLOEXEC);

	ck_assert_int_ne(other, -1);
	ck_assert_int_eq(past_read(&past, other), -1);
	ck_assert_int_eq(errno, EISDIR);
	close(other);
	ck_assert_int_eq(past_read(&past, other), -1);
	ck_assert_int_eq(errno, EBADF);
}
END_TEST

START_TEST(position_does_not_matter)
{
	add_run("r");
	ck_assert_int_eq(lseek(fd, 3, SEEK_SET), 3);
	read_and_find("a");
	ck_assert_str_eq(past.run_id, "r");
	ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 3);
}
END_TEST

/* After each byte of a last line, all that was there before it counts, and nothing of it but whole. */
START_TEST(torn_line_does_not_count)
{
	off_t before, after;

	add_run("r");
	add_started("a", 1);
	before = lseek(fd, 0, SEEK_END);
	add_finished("a", 1, "succeeded", "1");
	after = lseek(fd, 0, SEEK_END);
	check_result(read_and_find("a"), 1);
	ck_assert_int_eq(past.size, after);
	for (off_t size = after - 1; size >= before; size--) {
		ck_assert_int_eq(ftruncate(fd, size), 0);
		ck_assert_ptr_null(read_and_find("a")->success);
		ck_assert_int_eq(past.size, before);
	}
}
END_TEST

START_TEST(nuls_do_not_count)
{
	const char nuls[300000] = {0};
	off_t before;

	add_run("r");
	add_started("a", 1);
	before = lseek(fd, 0, SEEK_END);
	add_bytes(nuls, sizeof(nuls));
	ck_assert_ptr_null(read_and_find("a")->success);
	ck_assert_int_eq(past.size, before);
	/* Somebody went on without cutting them off: the line that they became part of is lost, the next is not. */
	add_finished("a", 1, "succeeded", "1");
	ck_assert_ptr_null(read_and_find("a")->success);
	add_finished("a", 1, "succeeded", "2");
	check_result(read_and_find("a"), 2);
	ck_assert_int_eq(past.size, lseek(fd, 0, SEEK_END));
}
END_TEST

START_TEST(rubbish_is_passed_over)
{
	static const char *const lines[] = {
		"", " ", "\r", "{", "}", "{}", "[]", "null", "7", "\xff\xfe\xfd", "{\"event\": \"notebook_finished\"",
		"{\"event\": 7}", "{\"event\": null, \"name\": \"x\"}",
		"{\"event\": [\"notebook_started\"], \"name\": \"x\"}",
		"{\"event\": \"notebook_started\"}",
		"{\"event\": \"notebook_started\", \"name\": 7}",
		"{\"event\": \"notebook_started\", \"name\": \"x\\u0000y\"}",
		"{\"event\": \"notebook_started\", \"name\": {\"name\": \"x\"}}",
		"{\"event\": \"notebook_finished\", \"name\": \"x\"}",
		"{\"event\": \"notebook_finished\", \"name\": \"x\", \"notebook\": [\"status\", \"succeeded\"]}",
		"{\"event\": \"notebook_finished\", \"notebook\": {\"status\": \"succeeded\", \"name\": \"x\"}}",
		"{\"event\": \"notebook_attempt_failed\", \"ended\": {}}",
		"{\"event\": \"notebook_exploded\", \"name\": \"x\"}",
		"{\"event\": \"notebook_finished\", \"name\": \"x\"}{\"event\": \"run_finished\"}",
		"{\"name\": \"x\", \"attempt\": 1}",
	};

	add_run("r");
	add_started("a", 1);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		add_bytes(lines[i], strlen(lines[i]));
		add_bytes("\n", 1);
	}
	add_finished("a", 1, "succeeded", "1");
	check_result(read_and_find("a"), 1);
	ck_assert_uint_eq(past.n, 1);
	ck_assert(!past.finished);
	ck_assert_int_eq(past.size, lseek(fd, 0, SEEK_END));
}
END_TEST

START_TEST(wrong_members_are_passed_over)
{
	const struct past_notebook *n;

	add_run("r");
	add("notebook_started", "\"name\": \"a\", \"attempt\": -1");
	add("notebook_started", "\"name\": \"a\", \"attempt\": 1.5");
	add("notebook_started", "\"name\": \"a\", \"attempt\": \"4\"");
	add("notebook_started", "\"name\": \"a\", \"attempt\": 99999999999999999999");
	add("notebook_started", "\"name\": \"a\", \"attempt\": 4294967297");
	n = read_and_find("a");
	ck_assert_uint_eq(n->attempts, 0);
	add("notebook_attempt_failed", "\"name\": \"a\", \"attempt\": 2, \"ended\": [1]");
	add("notebook_finished", "\"name\": \"a\", \"attempt\": 3, \"notebook\": {\"status\": 7, \"attempts\": \"x\"}");
	n = read_and_find("a");
	ck_assert_uint_eq(n->attempts, 3);
	ck_assert_uint_eq(json_count(parse(n->earlier_attempts)), 1);
	ck_assert(json_type(json_get(parse(n->earlier_attempts), "output")) == JSON_NONE);
}
END_TEST

/* As everywhere, the last one counts; and keys may be written with escapes. */
START_TEST(keys_that_are_there_twice)
{
	add_run("r");
	add("run_finished", "\"name\": \"x\", \"name\": \"a\", \"attempt\": 1, \"attempt\": 2, "
	    "\"\\u0065vent\": \"notebook_started\"");
	ck_assert_uint_eq(read_and_find("a")->attempts, 2);
	ck_assert(!past.finished);
	ck_assert_uint_eq(past.n, 1);
}
END_TEST

/* What is no JSON elsewhere does not get into the results document. */
START_TEST(success_is_strict)
{
	const struct past_notebook *n;

	add_run("r");
	add_finished("a", 1, "succeeded", "[NaN,\t\"\\ud800\"\r]");
	n = read_and_find("a");
	ck_assert_ptr_nonnull(strstr(n->success, "\"result\": [\"NaN\", \"\xef\xbf\xbd\"]"));
}
END_TEST

/* A line of n bytes, its line feed not counted, of which the most are a notebook's result; written in pieces. */
static void
add_long(size_t n)
{
	static const char before[] = "{\"event\": \"notebook_finished\", \"name\": \"a\", "
	    "\"notebook\": {\"status\": \"succeeded\", \"result\": \"";
	char *piece = malloc(MIB);

	ck_assert_ptr_nonnull(piece);
	memset(piece, 'x', MIB);
	add_bytes(before, strlen(before));
	for (size_t left = n - strlen(before) - strlen("\"}}"); left > 0;) {
		size_t part = left < MIB ? left : MIB;

		add_bytes(piece, part);
		left -= part;
	}
	add_bytes("\"}}\n", 4);
	free(piece);
}

START_TEST(long_line)
{
	add_run("r");
	add_long(17 * MIB);
	add("run_finished", "");
	ck_assert_uint_gt(strlen(read_and_find("a")->success), 16 * MIB);
	ck_assert(past.finished);
}
END_TEST

START_TEST(too_long_line)
{
	add_run("r");
	add_long(64 * MIB);
	ck_assert_ptr_nonnull(read_and_find("a"));
	ck_assert_int_eq(ftruncate(fd, 0), 0);
	add_run("r");
	add_long(64 * MIB + 1);
	ck_assert_ptr_null(read_and_find("a"));
	add_long(66 * MIB);
	add_started("b", 1);
	ck_assert_ptr_nonnull(read_and_find("b"));
	ck_assert_ptr_null(past_find(&past, "a"));
	ck_assert_int_eq(past.size, lseek(fd, 0, SEEK_END));
}
END_TEST

/* Lines that end just before, at and just behind the end of what is read at once. */
START_TEST(lines_anywhere)
{
	for (int shift = -3; shift <= 3; shift++) {
		struct buf spaces = BUF_INIT;
		off_t size;

		ck_assert_int_eq(ftruncate(fd, 0), 0);
		add_run("r");
		size = lseek(fd, 0, SEEK_END);
		buf_fill(&spaces, ' ', (size_t)(256 * 1024 - size + shift));
		buf_addc(&spaces, '\n');
		add_bytes(spaces.data, spaces.len);
		buf_release(&spaces);
		add_started("a", 1);
		ck_assert_ptr_nonnull(read_and_find("a"));
		ck_assert_uint_eq(past.n, 1);
		ck_assert_int_eq(past.size, lseek(fd, 0, SEEK_END));
	}
}
END_TEST

/* The 20 lines of one notebook. */
static void
put_lines(struct buf *b, unsigned i)
{
	buf_addf(b, "{\"event\": \"notebook_started\", \"name\": \"load-%u\", \"attempt\": 1, \"pid\": 77}\n", i);
	for (int line = 0; line < 18; line++)
		buf_addf(b, "{\"time\": \"2026-11-22T08:15:00.123Z\", \"event\": \"cell_finished\", \"name\": "
		    "\"load-%u\", \"attempt\": 1, \"cell\": %d, \"number\": %d, \"total\": 18, "
		    "\"seconds\": 0.123, \"failed\": false}\n", i, line, line);
	buf_addf(b, "{\"event\": \"notebook_finished\", \"name\": \"load-%u\", \"attempt\": 1, \"inputs\": "
	    "{\"notebook\": \"" A "\", \"parameters\": \"" B "\", \"kernel\": \"" C "\", \"place\": \"" B "\", \"upstream\": \"" A "\"}, "
	    "\"notebook\": {\"status\": \"succeeded\", \"attempts\": 1, \"result\": %u}}\n", i, i);
}

START_TEST(many_notebooks)
{
	const unsigned many = 10000;
	struct buf b = BUF_INIT;
	struct timespec from, to;

	add_run("r");
	for (unsigned i = 0; i < many; i++) {
		put_lines(&b, i);
		if (b.len > MIB || i + 1 == many) {
			add_bytes(b.data, b.len);
			buf_reset(&b);
		}
	}
	buf_release(&b);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	ck_assert_int_eq(past_read(&past, fd), 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	ck_assert_uint_eq(past.n, many);
	check_result(past_find(&past, "load-9999"), 9999);
	/* Far from what it takes, which is some tenths; what grows with the square takes minutes. */
	ck_assert_int_lt(to.tv_sec - from.tv_sec, 20);
}
END_TEST

static TCase *
digests(void)
{
	TCase *tc = tcase_create("digests");

	tcase_add_checked_fixture(tc, enter, leave);
	tcase_add_test(tc, digests_are_sha256);
	tcase_add_test(tc, digests_of_files);
	tcase_add_test(tc, what_is_no_file_has_no_digest);
	tcase_add_test(tc, inputs_differ);
	tcase_add_test(tc, unknown_inputs_differ);
	tcase_add_test(tc, inputs_are_written_as_they_are_read);
	tcase_add_test(tc, inputs_are_checked);
	return tc;
}

static TCase *
meanings(void)
{
	TCase *tc = tcase_create("meanings");

	tcase_add_checked_fixture(tc, enter, leave);
	tcase_add_test(tc, run_is_known);
	tcase_add_test(tc, success_is_known);
	tcase_add_test(tc, order_is_that_of_the_first_lines);
	tcase_add_test(tc, start_withdraws_success);
	tcase_add_test(tc, children_are_not_looked_at);
	tcase_add_test(tc, what_was_not_started_forgets_nothing);
	tcase_add_test(tc, failure_is_known);
	tcase_add_test(tc, earlier_attempts_are_listed);
	tcase_add_test(tc, attempt_is_listed_once);
	tcase_add_test(tc, killed_attempt_has_no_end);
	tcase_add_test(tc, end_without_its_start_counts);
	tcase_add_test(tc, success_without_inputs_counts);
	tcase_add_test(tc, names_are_decoded);
	return tc;
}

static TCase *
lines(void)
{
	TCase *tc = tcase_create("lines");

	tcase_add_checked_fixture(tc, enter, leave);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, no_start_is_no_journal);
	tcase_add_test(tc, reading_fails);
	tcase_add_test(tc, position_does_not_matter);
	tcase_add_test(tc, torn_line_does_not_count);
	tcase_add_test(tc, nuls_do_not_count);
	tcase_add_test(tc, rubbish_is_passed_over);
	tcase_add_test(tc, wrong_members_are_passed_over);
	tcase_add_test(tc, keys_that_are_there_twice);
	tcase_add_test(tc, success_is_strict);
	tcase_add_test(tc, long_line);
	tcase_add_test(tc, too_long_line);
	tcase_add_test(tc, lines_anywhere);
	tcase_add_test(tc, many_notebooks);
	return tc;
}

int
main(void)
{
	Suite *s = suite_create("past");
	SRunner *sr;
	int failed;

	suite_add_tcase(s, digests());
	suite_add_tcase(s, meanings());
	suite_add_tcase(s, lines());
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
