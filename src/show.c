#include "show.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/guard.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "conduct.h"
#include "html/report.h"
#include "report/compare.h"
#include "report/recall.h"
#include "report/story_results.h"
#include "report/summary.h"
#include "report/text.h"
#include "rundir.h"
#include "runs.h"

#define DOCUMENT_MOST ((size_t)1024 * 1024 * 1024)

static bool
has_colour(void)
{
	return isatty(STDOUT_FILENO) && text_has_colour();
}

/* Writes to standard output. Returns the exit status, this one when all goes well. */
static int
print(struct buf *b, enum guard_form form, int status)
{
	guard_lines(b, form);
	if (b->len == 0 || file_write_full(STDOUT_FILENO, b->data, b->len) == 0)
		return status;
	log_error("cannot write to standard output: %s", strerror(errno));
	return EXIT_BROKEN;
}

/* ---- All runs of a folder ---- */

static double
seconds_of(const struct story_run *run)
{
	int64_t last = run->last;

	if (run->phase == STORY_OVER)
		return run->duration_seconds;
	if (run->phase == STORY_GOES_ON)
		last = clock_wall();
	return last > run->started ? (double)(last - run->started) / 1e6 : 0;
}

/* "3 succeeded, 1 failed, 2 not over" */
static void
put_counts(const struct story_run *run, struct buf *b)
{
	size_t counts[STATUSES], left = run->n > run->expected ? run->n : run->expected;
	const char *comma = "";

	story_counts(run, counts);
	for (int i = 0; i < STATUSES; i++) {
		left -= counts[i];
		if (counts[i] == 0)
			continue;
		buf_addf(b, "%s%zu %s", comma, counts[i], status_name((enum status)i));
		comma = ", ";
	}
	if (left > 0)
		buf_addf(b, "%s%zu not over", comma, left);
}

/* What a run is called in its folder. */
static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static void
put_list(const struct runs *r, bool colour, struct buf *b)
{
	size_t name = text_columns("RUN"), status = text_columns("timed_out"), time = text_columns("TIME");

	for (size_t i = 0; i < r->n; i++) {
		char text[DURATION_TEXT];
		size_t n = text_columns(base_name(r->list[i].folder)), t = strlen(duration_text(text, seconds_of(r->list[i].run)));

		name = n > name ? n : name;
		time = t > time ? t : time;
	}
	if (r->n == 0)
		return;
	if (colour)
		buf_adds(b, "\033[1m");
	text_put_left(b, "RUN", name);
	buf_adds(b, "  STARTED               ");
	text_put_left(b, "STATUS", status);
	buf_adds(b, "  ");
	text_put_right(b, "TIME", time);
	buf_adds(b, colour ? "  NOTEBOOKS\033[m\n" : "  NOTEBOOKS\n");
	for (size_t i = 0; i < r->n; i++) {
		const struct story_run *run = r->list[i].run;
		char started[CLOCK_TEXT], text[DURATION_TEXT];

		clock_text(started, run->started, 3);
		started[strcspn(started, ".")] = '\0';
		text_put_left(b, base_name(r->list[i].folder), name);
		buf_addf(b, "  %sZ  ", started);
		if (run->phase == STORY_OVER)
			text_put_status(b, run->status, colour);
		else
			buf_adds(b, recall_run_status(run));
		buf_fill(b, ' ', status - strlen(recall_run_status(run)) + 2);
		text_put_right(b, duration_text(text, seconds_of(run)), time);
		buf_adds(b, "  ");
		put_counts(run, b);
		buf_addc(b, '\n');
	}
}

static void
put_str(struct json_out *o, const char *key, const char *s)
{
	json_out_key(o, key);
	json_out_str(o, s);
}

static void
put_time(struct json_out *o, const char *key, int64_t at)
{
	char text[CLOCK_TEXT];

	put_str(o, key, at != 0 ? clock_text(text, at, 3) : NULL);
}

static void
put_run(const struct earlier *e, struct json_out *o)
{
	const struct story_run *run = e->run;
	size_t counts[STATUSES];

	story_counts(run, counts);
	json_out_open(o, '{');
	put_str(o, "id", run->id);
	put_str(o, "dir", e->folder);
	put_str(o, "resumed_from", run->resumed_from);
	put_str(o, "workflow", run->workflow);
	put_str(o, "status", recall_run_status(run));
	json_out_key(o, "pid");
	if (run->phase == STORY_GOES_ON)
		json_out_int(o, run->pid);
	else
		json_out_value(o, JSON_NOTHING);
	put_time(o, "started_at", run->started);
	put_time(o, "finished_at", run->ended);
	json_out_key(o, "duration_seconds");
	if (run->phase == STORY_OVER)
		json_out_fixed(o, run->duration_seconds, 3);
	else
		json_out_value(o, JSON_NOTHING);
	json_out_key(o, "notebooks");
	json_out_int(o, (int64_t)(run->n > run->expected ? run->n : run->expected));
	json_out_key(o, "counts");
	json_out_open(o, '{');
	for (int i = 0; i < STATUSES; i++) {
		json_out_key(o, status_name((enum status)i));
		json_out_int(o, (int64_t)counts[i]);
	}
	json_out_close(o, '}');
	json_out_close(o, '}');
}

static void
put_list_json(const struct runs *r, const char *folder, struct buf *b)
{
	struct json_out o = JSON_OUT(b, 2, 0);

	json_out_open(&o, '{');
	put_str(&o, "schema", "nbfork.runs/1");
	put_str(&o, "dir", folder);
	json_out_key(&o, "runs");
	json_out_open(&o, '[');
	for (size_t i = 0; i < r->n; i++)
		put_run(&r->list[i], &o);
	json_out_close(&o, ']');
	json_out_close(&o, '}');
	buf_addc(b, '\n');
}

static int
list(const char *named, bool json)
{
	const char *folder = named != NULL ? named : RUNDIR_RUNS;
	struct buf b = BUF_INIT;
	struct runs runs;
	int status;

	if (runs_read(&runs, folder) == -1 && (named != NULL || errno != ENOENT)) {
		log_error("cannot read folder '%s': %s", folder, strerror(errno));
		return EXIT_USAGE;
	}
	if (json)
		put_list_json(&runs, folder, &b);
	else
		put_list(&runs, has_colour(), &b);
	if (runs.n == 0 && !json)
		log_info("there are no runs in '%s'", folder);
	status = print(&b, json ? GUARD_JSON : GUARD_TEXT, EXIT_ALL_SUCCEEDED);
	buf_release(&b);
	runs_release(&runs);
	return status;
}

/* ---- One run ---- */

/* The document that the run has written, where it is the one of its folder; else one made anew. */
static void
put_results(const struct earlier *e, struct buf *b)
{
	char *path = file_join(e->folder, "results.json");
	struct json v;

	if (e->run->phase != STORY_OVER || file_read_regular(path, b, DOCUMENT_MOST) == -1 ||
	    json_parse(buf_str(b), b->len, &v, NULL) == -1 || !json_is(json_get(json_get(v, "run"), "id"), e->run->id)) {
		buf_reset(b);
		story_put_results(e->run, b);
	}
	free(path);
}

static void
put_summary(const struct earlier *e, struct buf *b)
{
	struct recalled r;

	recall(&r, e->run, e->folder, clock_wall());
	summary_put(&r.run, text_terminal_columns(STDOUT_FILENO), has_colour(), b);
	recall_release(&r);
}

/* With the earlier one too: what differs. Returns the exit status. */
static int
tell(const struct earlier *e, const struct earlier *before, bool json, bool quiet)
{
	struct comparison c;
	struct buf b = BUF_INIT;
	int status = EXIT_ALL_SUCCEEDED;

	if (before != NULL) {
		compare(&c, before->run, e->run);
		if (compare_differs(&c))
			status = EXIT_SOME_FAILED;
		if (json)
			compare_put_json(&c, before->folder, e->folder, &b);
		else if (!quiet)
			compare_put(&c, before->folder, e->folder, text_terminal_columns(STDOUT_FILENO), has_colour(), &b);
		compare_release(&c);
	} else if (json) {
		put_results(e, &b);
	} else if (!quiet) {
		put_summary(e, &b);
	}
	status = print(&b, json ? GUARD_JSON : GUARD_TEXT, status);
	buf_release(&b);
	return status;
}

/* Writes the report. Says when it cannot be; returns -1 then. */
static int
put_page(const struct earlier *e, const char *file)
{
	report_copies(e->run, e->folder);
	if (report_page(e->run, e->folder, file) == 0)
		return 0;
	log_error("cannot write '%s': %s", file, strerror(errno));
	return -1;
}

static int
show_one(const struct show_options *o, const struct reports *reports, const char *html, bool json, bool quiet)
{
	struct earlier e = EARLIER_INIT, before = EARLIER_INIT;
	const char *file = NULL;
	char *why = NULL;
	int status = EXIT_USAGE;

	if (runs_find(&e, o->run, &why) == -1 || (o->diff != NULL && runs_find_before(&before, o->diff, &e, &why) == -1)) {
		log_error("%s", why);
		free(why);
	} else if (reports_check(reports, &file) == -1 || (html != NULL && file_check(file = html) == -1)) {
		log_error("cannot write '%s': %s", file, strerror(errno));
	} else {
		status = EXIT_ALL_SUCCEEDED;
		if (reports_write(reports, e.run, e.folder, false) == -1 || (html != NULL && put_page(&e, html) == -1))
			status = EXIT_BROKEN;
		if (reports_to_standard(reports) > 0 && reports_write(reports, e.run, e.folder, true) == -1) {
			log_error("cannot write to standard output: %s", strerror(errno));
			status = EXIT_BROKEN;
		} else if (reports_to_standard(reports) == 0) {
			int told = tell(&e, o->diff != NULL ? &before : NULL, json, quiet);

			status = status == EXIT_BROKEN ? status : told;
		}
	}
	earlier_release(&e);
	earlier_release(&before);
	return status;
}

int
show(const struct show_options *o, const struct reports *reports, const char *html, bool json, bool quiet)
{
	return o->list ? list(o->folder, json) : show_one(o, reports, html, json, quiet);
}
