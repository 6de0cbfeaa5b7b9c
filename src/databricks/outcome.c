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

#define FETCH_PATIENCE (600 * NSEC_PER_SEC)

/* ---- Text ---- */

/* A text without the escapes that colour it on a terminal. */
static char *
without_escapes(const char *s)
{
	struct buf b = BUF_INIT;

	for (const char *p = s; *p != '\0'; p++) {
		if (p[0] != '\033') {
			buf_addc(&b, *p);
			continue;
		}
		if (p[1] == '[') {
			for (p += 2; *p != '\0' && (*p < '@' || *p > '~'); p++)
				;
		} else if (p[1] != '\0') {
			p++;
		}
		if (*p == '\0')
			break;
	}
	return buf_steal(&b);
}

/* A JSON list of the lines of a text. */
static char *
lines_of(const char *text)
{
	struct buf b = BUF_INIT;
	struct json_out o = JSON_OUT(&b, -1, 0);
	char *copy = xstrdup(text), *rest = copy, *line;

	json_out_open(&o, '[');
	while ((line = strsep(&rest, "\n")) != NULL)
		if (rest != NULL || *line != '\0')
			json_out_str(&o, line);
	json_out_close(&o, ']');
	free(copy);
	return buf_steal(&b);
}

/* Splits "ZeroDivisionError: division by zero"; what does not look like that is a message. */
static void
split_error(struct failure *f, const char *error)
{
	char *plain = without_escapes(error), *colon = strstr(plain, ": ");
	size_t n = colon != NULL ? (size_t)(colon - plain) : 0;

	if (n > 0 && strspn(plain, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.$") == n) {
		f->name = xmemdup0(plain, n);
		f->message = xstrdup(colon + 2);
	} else {
		f->message = xstrdup(plain);
	}
	free(plain);
}

/* What the notebook handed back: text that is a JSON object or list stands for that value. */
static char *
result_of(struct json text)
{
	struct buf plain = BUF_INIT, json = BUF_INIT;
	struct json v;

	if (json_type(text) != JSON_STRING)
		return NULL;
	json_decode(&plain, text);
	if (json_parse(buf_str(&plain), plain.len, &v, NULL) == 0 &&
	    (json_type(v) == JSON_OBJECT || json_type(v) == JSON_ARRAY))
		json_put(&json, v, &JSON_ONE_LINE);
	else
		json_put(&json, text, &JSON_ONE_LINE);
	buf_release(&plain);
	return buf_steal(&json);
}

/* ---- The executed copy ---- */

void
outcome_fetch_copy(struct attempt *a, struct http *h, const struct run_state *s)
{
	struct buf query = BUF_INIT;
	struct http_request r = {
		.method = "GET", .path = "/api/2.2/jobs/runs/export", .endpoint = ENDPOINT_EXPORT, .repeatable = true,
		.patience = FETCH_PATIENCE,
	};
	struct http_answer answer;
	struct exported e = {.error_cell = -1};

	http_query_int(&query, "run_id", s->task_run_id);
	http_query(&query, "views_to_export", "CODE");
	r.query = buf_str(&query);
	http_call(h, &r, &answer);
	if (answer.result != HTTP_OK) {
		log_warn("cannot fetch the executed copy: %s", answer.message != NULL ? answer.message : "no answer");
	} else if (export_read(&e, answer.json, a->mask) == -1) {
		log_warn("cannot understand the executed copy that the workspace exports");
	} else {
		a->cells_total = e.cells;
		a->cells_executed = e.executed;
		if (a->failure.kind == ERROR_NOTEBOOK)
			a->failure.cell = e.error_cell;
		if (a->write(a, e.notebook.data, e.notebook.len) == -1)
			log_warn("cannot write the executed copy: %s", strerror(errno));
		if (e.log.len > 0 && file_write_full(a->log, e.log.data, e.log.len) == -1)
			log_warn("cannot write the log: %s", strerror(errno));
	}
	exported_release(&e);
	http_answer_release(&answer);
	buf_release(&query);
}

/* ---- Result and error ---- */

static void
take_failure(struct attempt *a, const struct run_state *s, struct json output)
{
	struct failure *f = &a->failure;
	char *error = json_strdup(json_get(output, "error")), *trace = json_strdup(json_get(output, "error_trace"));
	char *plain;

	failure_release(f);
	a->status = s->status;
	f->kind = s->kind;
	f->cell = f->execution_count = -1;
	if (s->kind == ERROR_NOTEBOOK && error != NULL)
		split_error(f, error);
	else if (s->kind == ERROR_TIMEOUT)
		f->message = xasprintf("the workspace ended the run: %s", s->message != NULL ? s->message : "its time was over");
	else
		f->message = xasprintf("%s%s%s", s->message != NULL && *s->message != '\0' ? s->message :
		    error != NULL ? error : "the run failed", s->code != NULL ? ", " : "", s->code != NULL ? s->code : "");
	if (trace != NULL) {
		plain = without_escapes(trace);
		f->traceback = lines_of(plain);
		free(plain);
	}
	free(error);
	free(trace);
}

void
outcome_take(struct attempt *a, struct http *h, const struct run_state *s)
{
	struct buf query = BUF_INIT;
	struct http_request r = {
		.method = "GET", .path = "/api/2.2/jobs/runs/get-output", .endpoint = ENDPOINT_OUTPUT, .repeatable = true,
		.patience = FETCH_PATIENCE,
	};
	struct http_answer answer;
	struct json output;

	http_query_int(&query, "run_id", s->task_run_id);
	r.query = buf_str(&query);
	http_call(h, &r, &answer);
	output = json_get(answer.json, "notebook_output");
	if (s->status != STATUS_SUCCEEDED) {
		take_failure(a, s, answer.json);
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
		a->result = result_of(json_get(output, "result"));
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

void
outcome_put_remote(struct attempt *a, int64_t run_id, const struct run_state *s)
{
	struct buf b = BUF_INIT;
	struct json_out o = JSON_OUT(&b, -1, 0);

	json_out_open(&o, '{');
	json_out_key(&o, "run_id");
	json_out_id(&o, run_id);
	json_out_key(&o, "task_run_id");
	json_out_id(&o, s->task_run_id);
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
