#include "databricks/outcome.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "databricks/export.h"
#include "databricks/plain.h"
#include "notebook/papermill.h"

#define FETCH_PATIENCE (600 * NSEC_PER_SEC)

#define STOPPED_PATIENCE (4 * NSEC_PER_SEC)	/* when the run has been told to stop meanwhile */

/* Lists around a value: results and events hold it some levels further down, and must be readable too. */
#define OUTER "[[[[[[[[[[[["
#define OUTER_END "]]]]]]]]]]]]"

/* A JSON list of the lines of a text, without its escapes. */
static char *
lines_of(const char *text)
{
	struct buf b = BUF_INIT, plain = BUF_INIT;
	struct json_out o = JSON_OUT(&b, -1, 0);
	char *rest, *line;

	if (plain_is_html(text, strlen(text)))
		plain_put_html(&plain, text, strlen(text));
	else
		plain_put_terminal(&plain, text, strlen(text));
	rest = plain.data;
	json_out_open(&o, '[');
	while ((line = strsep(&rest, "\n")) != NULL)
		if (rest != NULL || *line != '\0')
			json_out_str(&o, line);
	json_out_close(&o, ']');
	buf_release(&plain);
	return buf_steal(&b);
}

/* The JSON object or list that a text is, unless it is too deep to be put into our own documents; else JSON_NOTHING. */
static struct json
container_in(const struct buf *text)
{
	struct buf around = BUF_INIT;
	struct json v, whole;

	if (json_parse(buf_str(text), text->len, &v, NULL) == -1 ||
	    (json_type(v) != JSON_OBJECT && json_type(v) != JSON_ARRAY))
		return JSON_NOTHING;
	buf_adds(&around, OUTER);
	buf_add(&around, v.text, v.len);
	buf_adds(&around, OUTER_END);
	if (json_parse(around.data, around.len, &whole, NULL) == -1)
		v = JSON_NOTHING;
	buf_release(&around);
	return v;
}

/* What the notebook handed back, masked: text that is a JSON object or list stands for that value. NULL for nothing. */
static char *
result_of(struct json text, const struct mask *mask)
{
	struct json_form form = JSON_ONE_LINE;
	struct buf plain = BUF_INIT, json = BUF_INIT;
	struct json v;

	json_decode(&plain, text);
	if (plain.len > 0) {
		form.mask = mask;
		v = container_in(&plain);
		json_put(&json, v.text != NULL ? v : text, &form);
	}
	buf_release(&plain);
	return json.len > 0 ? buf_steal(&json) : NULL;
}

/* A GET of something of the task's run. A stop shortens it, and does not end it: what the run has brought is there. */
static void
fetch(struct attempt *a, struct http *h, struct http_request *r, struct http_answer *answer)
{
	for (;;) {
		bool stopped = *a->stop != 0;

		if (stopped)
			http_ignore_stop(h, true);
		r->patience = stopped ? STOPPED_PATIENCE : FETCH_PATIENCE;
		http_call(h, r, answer);
		if (answer->result != HTTP_STOPPED || stopped || *a->stop == 0)
			return;
		http_answer_release(answer);
	}
}

/* ---- The executed copy ---- */

static void
put_piece(void *arg, const void *p, size_t n)
{
	buf_add(arg, p, n);
}

/* Writes the copy with papermill's traces in it, and what was printed. */
static void
write_copy(struct attempt *a, const struct run_state *s, struct exported *e)
{
	struct buf text = BUF_INIT;
	const struct text_sink sink = {put_piece, &text};
	const struct papermill run = {
		.input = a->task->file, .parameters = &a->task->parameters,
		.started_at = s->start_time * 1000, .ended_at = s->end_time * 1000,
		.exception = a->status == STATUS_SUCCEEDED ? "null" : "true",
	};
	int64_t count, cell = -1;

	papermill_metadata(&e->notebook, &run);
	if (a->failure.kind == ERROR_NOTEBOOK && e->error_cell >= 0) {
		count = e->notebook.cells[e->error_cell].execution_count;
		a->failure.execution_count = count;
		cell = papermill_mark_error(&e->notebook, e->error_cell);
	}
	a->failure.cell = cell;
	notebook_print(&e->notebook, &sink);
	if (a->write(a, text.data, text.len) == -1)
		log_warn("cannot write the executed copy: %s", strerror(errno));
	if (e->log.len > 0 && file_write_full(a->log, e->log.data, e->log.len) == -1)
		log_warn("cannot write the log: %s", strerror(errno));
	buf_release(&text);
}

/* What the workspace does not say of the exception, the page may. */
static void
complete_failure(struct failure *f, const struct exported *e)
{
	if (f->kind != ERROR_NOTEBOOK || f->name != NULL || e->error_name == NULL)
		return;
	f->name = xstrdup(e->error_name);
	free(f->message);
	f->message = xstrdup(e->error_message);
}

void
outcome_fetch_copy(struct attempt *a, struct http *h, const struct run_state *s)
{
	struct buf query = BUF_INIT;
	struct http_request r = {
		.method = "GET", .path = "/api/2.2/jobs/runs/export", .endpoint = ENDPOINT_EXPORT, .repeatable = true,
	};
	struct http_answer answer;
	struct exported e;

	if (s->task_run_id == 0)
		return;	/* nothing has run */
	http_query_int(&query, "run_id", s->task_run_id);
	http_query(&query, "views_to_export", "CODE");
	r.query = buf_str(&query);
	fetch(a, h, &r, &answer);
	if (answer.result != HTTP_OK) {
		/* What the platform could not even start has none. */
		if (a->failure.kind != ERROR_TARGET)
			log_warn("cannot fetch the executed copy: %s",
			    answer.message != NULL ? answer.message : "no answer");
	} else {
		if (export_read(&e, answer.json, a->mask) == -1) {
			log_warn("cannot understand the executed copy that the workspace exports; see %s",
			    s->url != NULL ? s->url : "the run's page");
		} else {
			a->cells_total = e.cells;
			a->cells_executed = e.executed;
			complete_failure(&a->failure, &e);
			write_copy(a, s, &e);
		}
		exported_release(&e);
	}
	http_answer_release(&answer);
	buf_release(&query);
}

/* ---- Result and error ---- */

/* The message of a run that ended otherwise than by what the notebook raised. */
static char *
message_of(const struct run_state *s, const char *error)
{
	const char *said = s->message != NULL ? s->message : error;
	const char *what = s->kind == ERROR_TIMEOUT ? "the workspace ended the run, whose time was over" :
	    s->kind == ERROR_STOPPED ? "the run was cancelled in the workspace" : "the run failed in the workspace";
	const char *code = s->kind == ERROR_TARGET ? s->code : NULL;

	return xasprintf("%s%s%s%s%s%s", what, said != NULL ? ": " : "", said != NULL ? said : "",
	    code != NULL ? " (" : "", code != NULL ? code : "", code != NULL ? ")" : "");
}

static void
take_failure(struct attempt *a, const struct run_state *s, struct json output)
{
	struct failure *f = &a->failure;
	char *error = json_strdup(json_get(output, "error")), *trace = json_strdup(json_get(output, "error_trace"));

	failure_release(f);
	a->status = s->status;
	f->kind = s->kind;
	if (s->kind == ERROR_NOTEBOOK && error != NULL && *error != '\0')
		plain_exception(error, &f->name, &f->message);
	else
		f->message = message_of(s, error);
	if (trace != NULL && *trace != '\0')
		f->traceback = lines_of(trace);
	free(error);
	free(trace);
}

void
outcome_take(struct attempt *a, struct http *h, const struct run_state *s)
{
	struct buf query = BUF_INIT;
	struct http_request r = {
		.method = "GET", .path = "/api/2.2/jobs/runs/get-output", .endpoint = ENDPOINT_OUTPUT,
		.repeatable = true,
	};
	struct http_answer answer = {.result = HTTP_REFUSED};
	struct json output;

	http_query_int(&query, "run_id", s->task_run_id);
	r.query = buf_str(&query);
	if (s->task_run_id != 0)
		fetch(a, h, &r, &answer);
	output = json_get(answer.json, "notebook_output");
	if (s->status != STATUS_SUCCEEDED) {
		take_failure(a, s, answer.result == HTTP_OK ? answer.json : JSON_NOTHING);
	} else if (answer.result != HTTP_OK) {
		failure_release(&a->failure);
		a->status = STATUS_FAILED;
		a->failure.kind = ERROR_TARGET;
		a->failure.message = xasprintf("the run succeeded, but its result cannot be fetched: %s",
		    answer.message != NULL ? answer.message : "no answer");
	} else {
		a->status = STATUS_SUCCEEDED;
	}
	if (answer.result == HTTP_OK) {
		free(a->result);
		a->result = result_of(json_get(output, "result"), a->mask);
		a->truncated = json_type(json_get(output, "truncated")) == JSON_TRUE;
	}
	http_answer_release(&answer);
	buf_release(&query);
	outcome_fetch_copy(a, h, s);
}

static void
put_seconds(struct json_out *o, const char *key, int64_t ms)
{
	json_out_key(o, key);
	if (ms >= 0)
		json_out_fixed(o, (double)ms / 1000, 3);
	else
		json_out_value(o, JSON_NOTHING);
}

/* An id as text; null for none. */
static void
put_id(struct json_out *o, const char *key, int64_t id)
{
	json_out_key(o, key);
	if (id > 0)
		json_out_id(o, id);
	else
		json_out_value(o, JSON_NOTHING);
}

void
outcome_put_remote(struct attempt *a, int64_t run_id, const struct run_state *s, bool over)
{
	struct buf b = BUF_INIT;
	struct json_out o = JSON_OUT(&b, -1, 0);

	o.mask = a->mask;
	json_out_open(&o, '{');
	put_id(&o, "run_id", run_id);
	put_id(&o, "task_run_id", s->task_run_id);
	json_out_key(&o, "over");
	json_out_bool(&o, over);
	json_out_key(&o, "code");
	json_out_str(&o, s->code);
	json_out_key(&o, "message");
	json_out_str(&o, s->message);
	put_seconds(&o, "queue_seconds", s->queue_ms);
	put_seconds(&o, "setup_seconds", s->setup_ms);
	put_seconds(&o, "execution_seconds", s->execution_ms);
	json_out_key(&o, "result_truncated");
	json_out_bool(&o, a->truncated);
	json_out_close(&o, '}');
	free(a->remote);
	a->remote = buf_steal(&b);
}
