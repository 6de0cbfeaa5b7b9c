#include "report/github.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/guard.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "report/run.h"
#include "report/summary.h"
#include "report/text.h"

#define ANNOTATIONS_MOST 10	/* that GitHub shows, of each kind */
#define MESSAGE_MOST ((size_t)1000)	/* columns */
#define SUMMARY_MOST ((size_t)1024 * 1024)	/* bytes that a step may have */
#define SUMMARY_OWN ((size_t)256 * 1024)	/* of them */

bool
github_runs_this(void)
{
	const char *s = getenv("GITHUB_ACTIONS");

	return s != NULL && strcmp(s, "true") == 0;
}

/* Whether it is told of: it has failed itself. */
static bool
is_failure(const struct story_notebook *n)
{
	return n->state == STORY_DONE && (n->status == STATUS_FAILED || n->status == STATUS_TIMED_OUT);
}

/* "ZeroDivisionError: division by zero (cell 4, In [2])" */
static void
put_reason(const struct story_notebook *n, size_t columns, struct buf *b)
{
	struct record_error e;
	struct buf cell = BUF_INIT;

	record_error_of(n->object != NULL ? json_get(json_of(n->object), "error") : JSON_NOTHING, &e);
	text_put_reason(b, &e, columns);
	text_put_cell(&cell, &e);
	if (cell.len > 0)
		buf_addf(b, " (%s)", cell.data);
	buf_release(&cell);
	record_error_release(&e);
}

/* ---- Annotations ---- */

/* Text of an order; of a property of one. Not even a runner that reads no orders of this form is to find others in it. */
static void
put_escaped(struct buf *b, const char *s, bool property)
{
	for (; *s != '\0'; s++) {
		if (*s == '%' || *s == '\r' || *s == '\n' || (property && (*s == ':' || *s == ',')))
			buf_addf(b, "%%%02X", (unsigned char)*s);
		else if (guard_begins(s))
			buf_adds(b, "# ");
		else
			buf_addc(b, *s);
	}
}

/*
 * The notebook's file as GitHub knows it: seen from the root of the repository. NULL where it is none of its files. The
 * caller's to free.
 */
static char *
file_of(const struct story_run *run, const struct story_notebook *n)
{
	const char *root = getenv("GITHUB_WORKSPACE");
	char *folder, *path, *real, *real_root, *found = NULL;
	size_t len;

	if (root == NULL || *root == '\0' || n->path == NULL)
		return NULL;
	folder = run->file != NULL && strcmp(run->file, "-") != 0 ? file_folder(run->file) : xstrdup("");
	path = file_join(folder, n->path);
	real = realpath(path, NULL);
	real_root = realpath(root, NULL);
	len = real_root != NULL ? strlen(real_root) : 0;
	if (real != NULL && len > 0 && strncmp(real, real_root, len) == 0 && real[len] == '/')
		found = xstrdup(real + len + 1);
	free(real_root);
	free(real);
	free(path);
	free(folder);
	return found;
}

static void
put_annotation(struct buf *b, const char *kind, const char *file, const char *title, const char *message)
{
	buf_addf(b, "::%s ", kind);
	if (file != NULL) {
		buf_adds(b, "file=");
		put_escaped(b, file, true);
		buf_addc(b, ',');
	}
	buf_adds(b, "title=");
	put_escaped(b, title, true);
	buf_adds(b, "::");
	put_escaped(b, message, false);
	buf_addc(b, '\n');
}

static void
put_failure(const struct story_run *run, const struct story_notebook *n, const char *kind, struct buf *b)
{
	struct buf title = BUF_INIT, message = BUF_INIT;
	char *file = file_of(run, n);

	buf_adds(&title, "notebook '");
	utf8_put_visible(&title, n->name, strlen(n->name), MESSAGE_MOST);
	buf_addf(&title, "' %s", status_verb(n->status));
	put_reason(n, MESSAGE_MOST, &message);
	put_annotation(b, kind, file, buf_str(&title), buf_str(&message));
	free(file);
	buf_release(&message);
	buf_release(&title);
}

/* Failures that are allowed, or that are not. */
static void
put_failures(const struct story_run *run, bool allowed, size_t most, struct buf *b)
{
	const char *kind = allowed ? "warning" : "error";
	size_t n = 0, told = 0;
	char *rest;

	for (size_t i = 0; i < run->n; i++)
		n += is_failure(run->notebooks[i]) && run->notebooks[i]->allow_failure == allowed;
	for (size_t i = 0; i < run->n && told < (n > most ? most - 1 : n); i++) {
		if (!is_failure(run->notebooks[i]) || run->notebooks[i]->allow_failure != allowed)
			continue;
		put_failure(run, run->notebooks[i], kind, b);
		told++;
	}
	if (told < n) {
		rest = xasprintf("%zu more notebooks failed; the step's summary tells of them", n - told);
		put_annotation(b, kind, NULL, "nbfork", rest);
		free(rest);
	}
}

void
github_put_annotations(const struct story_run *run, struct buf *b)
{
	struct buf reason = BUF_INIT;
	size_t most = ANNOTATIONS_MOST;

	if (run->stop_reason != NULL) {
		buf_adds(&reason, "stopped: ");
		utf8_put_visible(&reason, run->stop_reason, strlen(run->stop_reason), MESSAGE_MOST);
		put_annotation(b, "error", NULL, "nbfork", buf_str(&reason));
		buf_release(&reason);
		most--;
	}
	put_failures(run, false, most, b);
	put_failures(run, true, ANNOTATIONS_MOST, b);
}

/* ---- Summary ---- */

/* Text that means nothing in Markdown nor HTML: what is neither letter, digit nor harmless is a reference to it. */
static void
put_inert(struct buf *b, const char *s, size_t columns)
{
	struct buf visible = BUF_INIT;

	text_put_cut(&visible, s, columns);
	for (const char *p = buf_str(&visible); *p != '\0'; p++) {
		if ((*p > ' ' && *p < '0' && strchr("'(),./", *p) == NULL) || (*p >= ':' && *p <= '@') || (*p >= '[' && *p <= '`') ||
		    (*p >= '{' && *p <= '~'))
			buf_addf(b, "&#%d;", *p);
		else
			buf_addc(b, *p);
	}
	buf_release(&visible);
}

static void
put_row(const struct story_notebook *n, struct buf *b)
{
	struct json v = n->object != NULL ? json_of(n->object) : JSON_NOTHING, cells = json_get(v, "cells");
	struct buf reason = BUF_INIT;
	char time[DURATION_TEXT] = "";
	double seconds;

	if (n->kept_from == NULL && json_double(json_get(v, "duration_seconds"), &seconds))
		duration_text(time, seconds);
	if (n->status != STATUS_SUCCEEDED)
		put_reason(n, MESSAGE_MOST, &reason);
	buf_adds(b, "| ");
	for (unsigned depth = story_depth(n); depth > 0; depth--)
		buf_adds(b, "&nbsp;&nbsp;");
	put_inert(b, n->name, MESSAGE_MOST);
	buf_addf(b, n->status == STATUS_SUCCEEDED ? " | %s | %s | " : " | **%s** | %s | ", status_name(n->status), time);
	if (*time != '\0')
		buf_addf(b, "%u/%u", json_count_of(cells, "executed"), json_count_of(cells, "total"));
	buf_adds(b, " | ");
	if (n->kept_from != NULL)
		buf_adds(b, "in an earlier run");
	else if (n->allow_failure && is_failure(n))
		buf_adds(b, "allowed: ");
	else if (n->status == STATUS_SUCCEEDED && json_count_of(v, "attempts") > 1)
		buf_addf(b, "attempt %u", json_count_of(v, "attempts"));
	put_inert(b, buf_str(&reason), MESSAGE_MOST);
	buf_adds(b, " |\n");
	buf_release(&reason);
}

/* Failures come first, then what else did not succeed, then the others. */
static int
rank(const struct story_notebook *n)
{
	if (is_failure(n))
		return 0;
	return n->status != STATUS_SUCCEEDED ? 1 : 2;
}

static void
put_table(const struct story_run *run, size_t most, struct buf *b)
{
	size_t left_out = 0, at;

	buf_adds(b, "| notebook | status | time | cells | |\n| --- | --- | ---: | ---: | --- |\n");
	for (int r = 0; r < 3; r++) {
		struct story_notebook *n = NULL;

		while ((n = story_after(run, n, &at)) != NULL) {
			size_t before = b->len;

			if (n->state != STORY_DONE || rank(n) != r)
				continue;
			if (left_out == 0)
				put_row(n, b);
			if (left_out > 0 || b->len > most) {
				buf_truncate(b, before);
				left_out++;
			}
		}
	}
	if (left_out > 0)
		buf_addf(b, "\n%zu more notebooks are not listed.\n", left_out);
}

void
github_put_summary(const struct story_run *run, const char *folder, size_t most, struct buf *b)
{
	size_t counts[STATUSES];
	const char *comma = ": ";
	char time[DURATION_TEXT];

	story_counts(run, counts);
	buf_adds(b, "### nbfork: ");
	put_inert(b, run->workflow, MESSAGE_MOST);
	buf_addf(b, " %s\n\n%zu notebook%s", status_verb(run->status), run->n, run->n == 1 ? "" : "s");
	for (int i = 0; i < STATUSES; i++) {
		if (counts[i] == 0)
			continue;
		buf_addf(b, "%s%zu %s", comma, counts[i], status_name((enum status)i));
		comma = ", ";
	}
	buf_addf(b, " in %s; ", duration_text(time, run->duration_seconds));
	put_inert(b, folder, MESSAGE_MOST);
	buf_adds(b, "\n\n");
	if (run->stop_reason != NULL) {
		buf_adds(b, "stopped: ");
		put_inert(b, run->stop_reason, MESSAGE_MOST);
		buf_adds(b, "\n\n");
	}
	put_table(run, most, b);
	buf_addc(b, '\n');
}

/* ---- Both ---- */

/* Adds to the file what there is room for. Returns 0, or -1 with errno. */
static int
add_summary(const struct story_run *run, const char *folder, const char *path)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666), r = 0, error;
	struct buf text = BUF_INIT;
	struct stat st;
	size_t used, most = SUMMARY_OWN;

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		/* More than it takes, GitHub takes nothing at all. */
		used = (uintmax_t)st.st_size < SUMMARY_MOST ? (size_t)st.st_size : SUMMARY_MOST;
		if (most > SUMMARY_MOST - used)
			most = SUMMARY_MOST - used;
	}
	if (most > 8192) {
		github_put_summary(run, folder, most - 4096, &text);
		r = file_write_full(fd, text.data, text.len);
	} else {
		log_warn("there is no room for a summary in '%s'", path);
	}
	error = errno;
	buf_release(&text);
	close(fd);
	errno = error;
	return r;
}

void
github_report(const struct story_run *run, const char *folder)
{
	const char *path = getenv("GITHUB_STEP_SUMMARY");
	struct buf b = BUF_INIT;

	github_put_annotations(run, &b);
	if (b.len > 0 && file_write_full(STDERR_FILENO, b.data, b.len) == -1)
		log_debug("cannot write annotations: %s", strerror(errno));
	buf_release(&b);
	if (path != NULL && *path != '\0' && add_summary(run, folder, path) == -1)
		log_warn("cannot write '%s': %s", path, strerror(errno));
}
