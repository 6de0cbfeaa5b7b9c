#include <config.h>

#include "html/data.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "html/text.h"

#define VALUE_MAX ((size_t)32 * 1024)	/* of a parameter or a result, in bytes */
#define TRACEBACK_MAX ((size_t)64 * 1024)
#define CELLS_MAX 200000	/* of the whole run */
#define SAMPLES_MAX 400	/* of one attempt's memory */
#define LOG_END ((size_t)2 * 1024)	/* how much of a log is shown */
#define LOG_END_FAILED ((size_t)16 * 1024)	/* of one that tells of a failure */
#define LOGS_MAX ((size_t)8 * 1024 * 1024)	/* of all together */
#define TEXTS_MAX ((size_t)32 * 1024 * 1024)	/* of values and tracebacks; what comes then is cut to */
#define TEXT_LITTLE ((size_t)1024)

struct data {
	const struct story_run *run;
	const char *folder, *base;
	struct json_out *o;
	struct table indices;	/* of all notebooks, by name, from 1 */
	size_t cells;	/* that have been put */
	size_t logs, texts;	/* bytes of them */
};

/* ---- Members ---- */

static void
put_str(struct json_out *o, const char *key, const char *s)
{
	json_out_key(o, key);
	json_out_str(o, s);
}

static void
put_int(struct json_out *o, const char *key, int64_t n)
{
	json_out_key(o, key);
	json_out_int(o, n);
}

static void
put_bool(struct json_out *o, const char *key, bool yes)
{
	json_out_key(o, key);
	json_out_bool(o, yes);
}

static void
put_null(struct json_out *o, const char *key)
{
	json_out_key(o, key);
	json_out_value(o, JSON_NOTHING);
}

static int64_t
since_start(const struct data *d, int64_t time)
{
	return (time - d->run->started + (time >= d->run->started ? 500 : -500)) / 1000;
}

static void
put_time(const struct data *d, const char *key, int64_t time)
{
	if (time == 0)
		put_null(d->o, key);
	else
		put_int(d->o, key, since_start(d, time));
}

/* A member that is passed on: a number or a short text. */
static void
put_member(struct json_out *o, const char *key, struct json object, const char *from)
{
	struct json v = json_get(object, from);

	json_out_key(o, key);
	json_out_value(o, v.len <= VALUE_MAX && json_type(v) != JSON_ARRAY && json_type(v) != JSON_OBJECT ? v : JSON_NOTHING);
}

/* Puts text of which only the beginning and the end are shown when it is long. */
static void
put_text(struct data *d, const struct buf *text, size_t most)
{
	struct buf cut = BUF_INIT;

	if (d->texts > TEXTS_MAX)
		most = TEXT_LITTLE;
	d->texts += text->len < most ? text->len : most;
	if (text->len <= most) {
		json_out_str(d->o, buf_str(text));
		return;
	}
	buf_add(&cut, text->data, most / 4 * 3);
	buf_addf(&cut, "\n[%zu bytes are left out here]\n", text->len - most / 4 * 3 - most / 4);
	buf_add(&cut, text->data + text->len - most / 4, most / 4);
	json_out_str(d->o, buf_str(&cut));
	buf_release(&cut);
}

/* NUL bytes would end it early. */
static void
drop_nuls(struct buf *text)
{
	for (size_t i = 0; i < text->len; i++)
		if (text->data[i] == '\0')
			text->data[i] = ' ';
}

/* A value as text: JSON with indentation, or the characters of a string. Its numbers are shown as they are. */
static void
put_value(struct data *d, struct json v)
{
	const struct json_form form = {.indent = 2, .strict = true};
	struct buf text = BUF_INIT;

	if (json_type(v) == JSON_NONE || json_type(v) == JSON_NULL) {
		json_out_value(d->o, JSON_NOTHING);
		return;
	}
	if (json_type(v) == JSON_STRING)
		json_decode(&text, v);
	else
		json_put(&text, v, &form);
	drop_nuls(&text);
	put_text(d, &text, VALUE_MAX);
	buf_release(&text);
}

/* ---- Files ---- */

char *
data_page(const char *folder, const char *output)
{
	size_t len = output != NULL ? strlen(output) : 0;
	char *page, *path;
	bool there;

	if (len < 6 || strcmp(output + len - 6, ".ipynb") != 0)
		return NULL;
	page = xasprintf("%.*s.html", (int)(len - 6), output);
	path = xasprintf("%s/%s", folder, page);
	there = access(path, R_OK) == 0;
	free(path);
	if (there)
		return page;
	free(page);
	return NULL;
}

static void
put_link(const struct data *d, const char *key, const char *file)
{
	struct buf link = BUF_INIT;

	json_out_key(d->o, key);
	if (file != NULL) {
		char *path = xasprintf("%s%s", d->base, file);

		html_put_path(&link, path);
		free(path);
	}
	json_out_str(d->o, file != NULL ? buf_str(&link) : NULL);
	buf_release(&link);
}

/* page, copy and log, of an object of the results document or of earlier_attempts. */
static void
put_files(const struct data *d, struct json object)
{
	char *output = json_strdup(json_get(object, "output")), *log = json_strdup(json_get(object, "log"));
	char *page = data_page(d->folder, output);

	put_link(d, "page", page);
	put_link(d, "copy", output);
	put_link(d, "log", log);
	free(page);
	free(output);
	free(log);
}

/* Appends what a log ends with, at most so many bytes, from the start of a line. Returns how long it is. */
static off_t
read_end(const char *path, struct buf *b, size_t most)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	struct stat st;
	ssize_t n;
	char *newline;

	if (fd == -1)
		return 0;
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		close(fd);
		return 0;
	}
	n = pread(fd, buf_room(b, most), most, st.st_size > (off_t)most ? st.st_size - (off_t)most : 0);
	close(fd);
	if (n <= 0)
		return 0;
	b->len += (size_t)n;
	b->data[b->len] = '\0';
	newline = memchr(b->data, '\n', b->len);
	if (st.st_size > n && newline != NULL && newline + 1 < b->data + b->len)
		buf_drop(b, (size_t)(newline + 1 - b->data));
	return st.st_size;
}

static void
put_log(struct data *d, const struct story_notebook *n)
{
	size_t most = n->state == STORY_DONE && n->status == STATUS_SUCCEEDED ? LOG_END : LOG_END_FAILED;
	char *path = xasprintf("%s/logs/%s.log", d->folder, n->name);
	struct buf end = BUF_INIT;
	off_t bytes = 0;

	/* The name is a journal's word. */
	if (strchr(n->name, '/') == NULL && d->logs < LOGS_MAX && (n->state == STORY_DONE || n->nattempts > 0))
		bytes = read_end(path, &end, most);
	d->logs += end.len;
	drop_nuls(&end);
	put_str(d->o, "log_end", end.len > 0 ? buf_str(&end) : NULL);
	put_int(d->o, "log_bytes", bytes);
	put_bool(d->o, "log_cut", (off_t)end.len < bytes);
	buf_release(&end);
	free(path);
}

/* ---- Notebooks ---- */

static void
put_error(struct data *d, struct json error)
{
	struct json_out *o = d->o;
	struct buf traceback = BUF_INIT;
	struct json_iter it;
	struct json line;

	json_out_key(o, "error");
	if (json_type(error) != JSON_OBJECT) {
		json_out_value(o, JSON_NOTHING);
		return;
	}
	json_out_open(o, '{');
	put_member(o, "kind", error, "kind");
	put_member(o, "name", error, "name");
	json_out_key(o, "message");
	put_value(d, json_get(error, "message"));
	put_member(o, "cell", error, "cell");
	put_member(o, "execution_count", error, "execution_count");
	json_walk(&it, json_get(error, "traceback"));
	while (!it.object && json_next(&it, NULL, &line)) {
		json_decode(&traceback, line);
		buf_addc(&traceback, '\n');
	}
	drop_nuls(&traceback);
	json_out_key(o, "traceback");
	if (traceback.len > 0)
		put_text(d, &traceback, TRACEBACK_MAX);
	else
		json_out_str(o, NULL);
	buf_release(&traceback);
	json_out_close(o, '}');
}

static void
put_cells(struct data *d, const struct story_attempt *a)
{
	json_out_key(d->o, "cells");
	json_out_open(d->o, '[');
	for (size_t i = 0; i < a->ncells && d->cells < CELLS_MAX; i++, d->cells++) {
		const struct story_cell *c = &a->cells[i];

		json_out_int(d->o, c->cell);
		json_out_int(d->o, since_start(d, c->started));
		json_out_int(d->o, c->ended != 0 ? (int64_t)(c->seconds * 1000 + 0.5) : -1);
		json_out_int(d->o, c->failed);
	}
	json_out_close(d->o, ']');
}

/* As many of the samples as a small picture has room for. */
static void
put_samples(const struct data *d, const char *key, const struct story_sample *samples, size_t n)
{
	size_t step = n / SAMPLES_MAX + 1;

	json_out_key(d->o, key);
	json_out_open(d->o, '[');
	for (size_t i = 0; i < n; i += step) {
		json_out_int(d->o, since_start(d, samples[i].at));
		json_out_int(d->o, samples[i].bytes);
	}
	json_out_close(d->o, ']');
}

static void
put_attempt(struct data *d, const struct story_attempt *a)
{
	static const char *const ends[] = {
		[STORY_END_NONE] = NULL,
		[STORY_END_RETRY] = "retry",
		[STORY_END_REQUEUED] = "requeued",
		[STORY_END_LAST] = "last",
	};

	json_out_open(d->o, '{');
	put_int(d->o, "number", a->number);
	put_int(d->o, "slot", a->slot);
	put_time(d, "queued", a->queued);
	put_time(d, "started", a->started);
	put_time(d, "ready", a->ready);
	put_bool(d->o, "warm", a->ready != 0 && a->warm);
	put_time(d, "departed", a->departed);
	put_time(d, "ended", a->ended);
	put_str(d->o, "end", ends[a->end]);
	put_str(d->o, "status", a->end != STORY_END_NONE ? status_name(a->status) : NULL);
	if (a->end == STORY_END_RETRY) {
		json_out_key(d->o, "retry_in");
		json_out_fixed(d->o, a->retry_in_seconds, 3);
	}
	put_str(d->o, "why", a->end == STORY_END_REQUEUED ? a->requeue_reason : a->reason);
	put_str(d->o, "url", a->url);
	put_int(d->o, "total", a->total);
	put_cells(d, a);
	put_samples(d, "memory", a->memory, a->nmemory);
	json_out_close(d->o, '}');
}

/* An attempt that another one followed. */
static void
put_try(struct data *d, struct json object)
{
	json_out_open(d->o, '{');
	put_member(d->o, "attempt", object, "attempt");
	put_member(d->o, "status", object, "status");
	put_member(d->o, "seconds", object, "duration_seconds");
	put_member(d->o, "cpu", object, "cpu_seconds");
	put_member(d->o, "rss", object, "max_rss_bytes");
	put_error(d, json_get(object, "error"));
	put_files(d, object);
	json_out_close(d->o, '}');
}

static void
put_tries(struct data *d, const struct story_notebook *n, struct json object)
{
	struct json_iter it;
	struct json v;

	json_out_key(d->o, "tries");
	json_out_open(d->o, '[');
	if (n->state == STORY_DONE) {
		json_walk(&it, json_get(object, "earlier_attempts"));
		while (!it.object && json_next(&it, NULL, &v))
			put_try(d, v);
	} else {
		for (size_t i = 0; i < n->nattempts; i++)
			if (n->attempts[i].object != NULL)
				put_try(d, json_of(n->attempts[i].object));
	}
	json_out_close(d->o, ']');
}

/* What is known of a notebook that is over. */
static void
put_outcome(struct data *d, struct json object)
{
	struct json_iter it;
	struct json key, value, cells = json_get(object, "cells"), values = json_get(object, "values");

	json_out_key(d->o, "parameters");
	json_out_open(d->o, '[');
	json_walk(&it, json_get(object, "parameters"));
	while (it.object && json_next(&it, &key, &value)) {
		json_out_open(d->o, '[');
		json_out_value(d->o, key);
		put_value(d, value);
		json_out_close(d->o, ']');
	}
	json_out_close(d->o, ']');
	json_out_key(d->o, "result");
	put_value(d, json_get(object, "result"));
	json_out_key(d->o, "values");
	put_value(d, json_count(values) > 0 ? values : JSON_NOTHING);
	put_member(d->o, "exit_status", object, "exit_status");
	put_member(d->o, "signal", object, "signal");
	put_member(d->o, "cpu", object, "cpu_seconds");
	put_member(d->o, "rss", object, "max_rss_bytes");
	put_member(d->o, "seconds", object, "duration_seconds");
	put_member(d->o, "executed", cells, "executed");
	put_member(d->o, "total", cells, "total");
	put_member(d->o, "url", object, "url");
	put_member(d->o, "attempted", object, "attempts");
	put_error(d, json_get(object, "error"));
	put_files(d, object);
}

/* The same of one that runs: the copy that grows. */
static void
put_growing(struct data *d, const struct story_notebook *n)
{
	char *output = xasprintf("notebooks/%s.ipynb", n->name), *log = xasprintf("logs/%s.log", n->name);
	char *path = xasprintf("%s/%s", d->folder, output), *page = access(path, R_OK) == 0 ? data_page(d->folder, output) : NULL;

	put_link(d, "page", page);
	put_link(d, "copy", page != NULL ? output : NULL);
	put_link(d, "log", log);
	free(page);
	free(path);
	free(log);
	free(output);
}

static void
put_index(const struct data *d, const char *name)
{
	json_out_int(d->o, (int64_t)(intptr_t)table_get(&d->indices, name, strlen(name)) - 1);
}

static void
put_place(struct data *d, const struct story_notebook *n)
{
	static const char *const states[] = {
		[STORY_WAITING] = "waiting",
		[STORY_RUNNING] = "running",
		[STORY_DONE] = "done",
	};

	put_str(d->o, "name", n->name);
	put_str(d->o, "path", n->path);
	put_str(d->o, "target", n->target);
	put_int(d->o, "depth", story_depth(n));
	json_out_key(d->o, "parent");
	if (n->parent != NULL)
		put_index(d, n->parent->name);
	else
		json_out_value(d->o, JSON_NOTHING);
	put_str(d->o, "state", states[n->state]);
	put_str(d->o, "status", n->state == STORY_DONE ? status_name(n->status) : NULL);
	put_bool(d->o, "allow_failure", n->allow_failure);
	put_bool(d->o, "fails", n->state == STORY_DONE && n->fails_run);
	put_str(d->o, "kept_from", n->kept_from);
	put_str(d->o, "cause", n->cause);
	put_time(d, "called", n->called);
	put_time(d, "over", n->over);
	json_out_key(d->o, "depends_on");
	json_out_open(d->o, '[');
	for (size_t i = 0; i < n->ndepends_on; i++)
		put_index(d, d->run->notebooks[n->depends_on[i]]->name);
	json_out_close(d->o, ']');
}

static void
put_notebook(struct data *d, const struct story_notebook *n)
{
	struct json object = n->object != NULL ? json_of(n->object) : JSON_NOTHING;

	json_out_open(d->o, '{');
	put_place(d, n);
	json_out_key(d->o, "attempts");
	json_out_open(d->o, '[');
	for (size_t i = 0; i < n->nattempts; i++)
		put_attempt(d, &n->attempts[i]);
	json_out_close(d->o, ']');
	if (n->state == STORY_DONE)
		put_outcome(d, object);
	else if (n->nattempts > 0)
		put_growing(d, n);
	put_log(d, n);
	put_tries(d, n, object);
	json_out_close(d->o, '}');
}

/* ---- The run ---- */

static void
put_run(struct data *d)
{
	static const char *const phases[] = {
		[STORY_GOES_ON] = "goes on",
		[STORY_OVER] = "over",
		[STORY_TORN_OFF] = "torn off",
	};
	const struct story_run *r = d->run;

	json_out_key(d->o, "run");
	json_out_open(d->o, '{');
	put_str(d->o, "id", r->id);
	put_str(d->o, "workflow", r->workflow);
	put_str(d->o, "file", r->file);
	put_str(d->o, "target", r->target);
	put_str(d->o, "on_error", r->on_error);
	put_str(d->o, "resumed_from", r->resumed_from);
	put_str(d->o, "folder", r->folder);
	put_link(d, "results", r->phase == STORY_OVER ? "results.json" : NULL);
	put_str(d->o, "phase", phases[r->phase]);
	put_str(d->o, "status", r->phase == STORY_OVER ? status_name(r->status) : NULL);
	put_int(d->o, "started", r->started / 1000);
	put_time(d, "ended", r->ended);
	put_time(d, "last", r->last);
	put_time(d, "stopping", r->stopping);
	put_str(d->o, "stop_reason", r->stop_reason);
	json_out_key(d->o, "processes");
	json_out_open(d->o, '[');
	for (size_t i = 0; i < r->nprocesses; i++) {
		json_out_open(d->o, '[');
		json_out_int(d->o, since_start(d, r->processes[i].at));
		json_out_int(d->o, r->processes[i].processes);
		json_out_close(d->o, ']');
	}
	json_out_close(d->o, ']');
	put_samples(d, "available", r->memory, r->nmemory);
	json_out_close(d->o, '}');
}

void
data_put(const struct story_run *run, const char *folder, const char *base, struct buf *b)
{
	struct json_out o = JSON_OUT(b, -1, 0);
	struct data d = {.run = run, .folder = folder, .base = base, .o = &o, .indices = TABLE_INIT};
	struct story_notebook *n = NULL;
	intptr_t count = 0;
	size_t i;

	while ((n = story_after(run, n, &i)) != NULL)
		*table_at(&d.indices, n->name, strlen(n->name)) = (void *)++count;
	json_out_open(&o, '{');
	put_str(&o, "nbfork", PACKAGE_VERSION);
	put_int(&o, "made", clock_wall() / 1000);
	put_run(&d);
	json_out_key(&o, "notebooks");
	json_out_open(&o, '[');
	while ((n = story_after(run, n, &i)) != NULL)
		put_notebook(&d, n);
	json_out_close(&o, ']');
	json_out_close(&o, '}');
	table_release(&d.indices);
}
