#include "databricks/workspace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/aside.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/table.h"
#include "databricks/compute.h"
#include "databricks/http.h"
#include "databricks/import.h"
#include "workflow/name.h"

#define REPORT_BYTES_MAX ((size_t)64 * 1024 * 1024)
#define PATIENCE (3600 * NSEC_PER_SEC)	/* with all checks and imports */
#define CHECK_PATIENCE (20 * NSEC_PER_SEC)	/* with one call, before anything has been started */

/* ---- Paths ---- */

/* A path without the ending that a notebook loses in the workspace. */
static char *
without_ending(const char *path)
{
	const char *ending = name_notebook_ending(path);

	return xmemdup0(path, strlen(path) - (ending != NULL ? strlen(ending) : 0));
}

char *
workspace_path(const struct workspace *ws, const struct task *t)
{
	const char *path = t->path;
	char *stem, *joined;

	if (t->remote)
		return xstrdup(path);
	while (strncmp(path, "./", 2) == 0)
		path += 2;
	/* What is not below the workflow's folder has no place of its own there. */
	if (*path == '/' || strcmp(path, "..") == 0 || strstr(path, "../") != NULL)
		path = strrchr(path, '/') + 1;
	stem = without_ending(path);
	joined = file_join(ws->upload_to, stem);
	free(stem);
	return joined;
}

const char *
workspace_place(const struct target *t)
{
	const struct workspace *ws = t->state;

	return ws != NULL && ws->place != NULL ? ws->place : "";
}

const char *
workspace_taken(const struct task *t)
{
	const struct workspace *ws = t->target->state;

	return ws != NULL && !t->remote ? table_get(&ws->taken, t->file, strlen(t->file)) : NULL;
}

/* ---- In the child ---- */

struct errand {
	const struct workflow *workflow;
	const struct target *target;
	struct workspace *ws;
	bool go;
	struct http *http;
	struct json_out out;	/* the report */
	struct json_out taken;	/* a part of it: what was imported */
};

/* Reports a problem with a task, or, with SIZE_MAX, with the target. */
static void
report(struct errand *e, size_t task, const char *message)
{
	json_out_open(&e->out, '{');
	if (task != SIZE_MAX) {
		json_out_key(&e->out, "task");
		json_out_int(&e->out, (int64_t)task);
	}
	json_out_key(&e->out, "message");
	json_out_str(&e->out, message);
	json_out_close(&e->out, '}');
}

static void
report_answer(struct errand *e, size_t task, const char *what, const struct http_answer *a)
{
	char *message = xasprintf("%s: %s", what, a->message != NULL ? a->message : "there was no answer");

	report(e, task, message);
	free(message);
}

/* Asks for something that must be there, for a task as report() has it; what for messages. */
static bool
ask(struct errand *e, size_t task, const char *path, const char *query, const char *what, struct http_answer *a)
{
	const struct http_request r = {
		.method = "GET", .path = path, .query = query, .endpoint = ENDPOINT_OTHER, .repeatable = true,
		.patience = CHECK_PATIENCE,
	};

	http_call(e->http, &r, a);
	if (a->result == HTTP_OK)
		return true;
	report_answer(e, task, what, a);
	return false;
}

/* Who one is; without an answer to that nothing else is asked. */
static bool
log_in(struct errand *e, char **user)
{
	struct http_answer a;
	char *what = xasprintf("cannot log in to '%s'", e->ws->login.host);
	bool ok = ask(e, SIZE_MAX, "/api/2.0/preview/scim/v2/Me", NULL, what, &a);

	*user = json_strdup(json_get(a.json, "userName"));
	if (ok && *user == NULL) {
		report(e, SIZE_MAX, "the workspace does not say who one is");
		ok = false;
	}
	http_answer_release(&a);
	free(what);
	return ok;
}

static void
check_cluster(struct errand *e, size_t i, const char *id)
{
	char *what = xasprintf("cannot use cluster '%s'", id);
	struct buf query = BUF_INIT;
	struct http_answer a;

	http_query(&query, "cluster_id", id);
	ask(e, i, "/api/2.1/clusters/get", buf_str(&query), what, &a);
	http_answer_release(&a);
	buf_release(&query);
	free(what);
}

static void
check_warehouse(struct errand *e, size_t i, const char *id)
{
	char *what = xasprintf("cannot use SQL warehouse '%s'", id);
	char *path = xasprintf("/api/2.0/sql/warehouses/%s", id);
	struct http_answer a;

	ask(e, i, path, NULL, what, &a);
	http_answer_release(&a);
	free(path);
	free(what);
}

/* Whether it is the first time that a name is seen. */
static bool
is_new(struct table *seen, const char *name)
{
	void **place = table_at(seen, name, strlen(name));
	bool new = *place == NULL;

	*place = seen;	/* anything but NULL */
	return new;
}

/* Each cluster and warehouse once. A fault is the notebook's that asks for it, where it is not the target's. */
static void
check_compute(struct errand *e)
{
	struct table clusters = TABLE_INIT, warehouses = TABLE_INIT;

	for (size_t i = 0; i < e->workflow->ntasks; i++) {
		const struct task *t = &e->workflow->tasks[i];
		struct compute c;

		if (t->target != e->target)
			continue;
		c = compute_of(t, e->ws->login.cluster_id);
		if (c.existing_cluster_id != NULL && is_new(&clusters, c.existing_cluster_id))
			check_cluster(e, t->compute != NULL && t->compute->existing_cluster_id != NULL ? i : SIZE_MAX,
			    c.existing_cluster_id);
		if (c.warehouse_id != NULL && is_new(&warehouses, c.warehouse_id))
			check_warehouse(e, t->compute != NULL && t->compute->warehouse_id != NULL ? i : SIZE_MAX, c.warehouse_id);
	}
	table_release(&clusters);
	table_release(&warehouses);
}

static void
check_remote(struct errand *e, size_t i)
{
	const struct task *t = &e->workflow->tasks[i];
	struct buf query = BUF_INIT;
	const struct http_request r = {
		.method = "GET", .path = "/api/2.0/workspace/get-status", .query = (http_query(&query, "path", t->path),
		    buf_str(&query)), .endpoint = ENDPOINT_OTHER, .repeatable = true, .patience = CHECK_PATIENCE,
	};
	struct http_answer a;
	char *type, *what = xasprintf("cannot find notebook '%s' in the workspace", t->path);

	http_call(e->http, &r, &a);
	type = json_strdup(json_get(a.json, "object_type"));
	if (a.result != HTTP_OK) {
		report_answer(e, i, what, &a);
	} else if (type == NULL || strcmp(type, "NOTEBOOK") != 0) {
		free(what);
		what = xasprintf("'%s' is no notebook of the workspace, but a %s", t->path, type != NULL ? type : "thing without a type");
		report(e, i, what);
	}
	free(type);
	free(what);
	http_answer_release(&a);
	buf_release(&query);
}

/* ---- Notebooks ---- */

static void
import(struct errand *e, size_t i, const char *path)
{
	const char *file = e->workflow->tasks[i].file;
	char *why, digest[DIGEST_TEXT];

	if (import_notebook(e->http, file, path, digest, &why) == -1) {
		report(e, i, why);
	} else {
		json_out_key(&e->taken, file);
		json_out_str(&e->taken, digest);
	}
	free(why);
}

/* Each notebook once: looks for those of the workspace, and imports those of this machine. */
static void
visit_notebooks(struct errand *e)
{
	const struct workflow *w = e->workflow;
	struct table seen = TABLE_INIT;

	for (size_t i = 0; i < w->ntasks; i++) {
		const struct task *t = &w->tasks[i];
		char *path;
		void **place;

		if (t->target != e->target)
			continue;
		path = workspace_path(e->ws, t);
		place = table_at(&seen, path, strlen(path));
		if (*place != NULL) {
			const struct task *first = *place;

			if (strcmp(first->file, t->file) != 0) {
				char *message = xasprintf("'%s' and '%s' would both be imported as '%s'; rename one of them",
				    first->file, t->file, path);

				report(e, i, message);
				free(message);
			}
		} else {
			*place = (void *)t;
			if (t->remote)
				check_remote(e, i);
			else if (e->go)
				import(e, i, path);
		}
		free(path);
	}
	table_release(&seen);
}

static char *
default_folder(const struct workflow *w, const char *user)
{
	return xasprintf("/Users/%s/nbfork/%s", user, w->name);
}

/* What the child does: asks, and writes a report. */
static int
run_errand(void *data, int fd)
{
	struct errand *e = data;
	const struct http_config config = {.login = &e->ws->login, .limiter = e->ws->limiter, .bearer = e->ws->bearer};
	struct buf text = BUF_INIT, taken = BUF_INIT;
	char *user = NULL, *why = NULL;
	int r;

	e->taken = (struct json_out)JSON_OUT(&taken, -1, 0);
	json_out_open(&e->taken, '{');

	e->out = (struct json_out)JSON_OUT(&text, -1, 0);
	json_out_open(&e->out, '{');
	json_out_key(&e->out, "problems");
	json_out_open(&e->out, '[');
	e->http = http_new(&config, &why);
	if (e->http == NULL) {
		report(e, SIZE_MAX, why);
	} else if (log_in(e, &user)) {
		if (e->ws->upload_to == NULL)
			e->ws->upload_to = default_folder(e->workflow, user);
		check_compute(e);
		visit_notebooks(e);
	}
	json_out_close(&e->out, ']');
	json_out_close(&e->taken, '}');
	json_out_key(&e->out, "user");
	json_out_str(&e->out, user);
	json_out_key(&e->out, "taken");
	json_out_value(&e->out, json_of(buf_str(&taken)));
	json_out_close(&e->out, '}');
	buf_release(&taken);
	r = file_write_full(fd, text.data, text.len);
	http_free(e->http);
	return r == 0 ? 0 : 1;
}

/* ---- In the parent ---- */

static void
add_problem(const struct workflow *w, const struct target *t, struct json v, struct problems *p)
{
	char *message = json_strdup(json_get(v, "message"));
	const struct mark *at = &t->mark;
	int64_t i;

	if (json_int(json_get(v, "task"), &i) && i >= 0 && (size_t)i < w->ntasks)
		at = &w->tasks[i].path_mark;
	if (at->line != 0)
		problems_add(p, workflow_label(w), at->line, at->column, "%s", message != NULL ? message : "?");
	else
		problems_add(p, NULL, 0, 0, "target '%s': %s", t->name, message != NULL ? message : "?");
	free(message);
}

/* Reads the child's report. */
static void
take_report(const struct workflow *w, struct target *t, const struct buf *text, struct problems *p)
{
	struct workspace *ws = t->state;
	struct json_iter it;
	struct json report_, key, v;
	void **place;

	if (json_parse(text->data, text->len, &report_, NULL) == -1) {
		problems_add(p, NULL, 0, 0, "target '%s': cannot be checked: the check has ended half-way", t->name);
		return;
	}
	json_walk(&it, json_get(report_, "problems"));
	while (json_next(&it, NULL, &v))
		add_problem(w, t, v, p);
	json_walk(&it, json_get(report_, "taken"));
	while (json_next(&it, &key, &v)) {
		char *file = json_strdup(key);

		if (file != NULL && *(place = table_at(&ws->taken, file, strlen(file))) == NULL)
			*place = json_strdup(v);
		free(file);
	}
	ws->user = json_strdup(json_get(report_, "user"));
	if (ws->upload_to == NULL && ws->user != NULL)
		ws->upload_to = default_folder(w, ws->user);
}

void
workspace_connect(const struct workflow *w, struct target *t, bool go, struct problems *p)
{
	const struct databricks *d = t->databricks;
	struct workspace *ws = xcalloc(1, sizeof(*ws));
	struct errand e = {.workflow = w, .target = t, .ws = ws, .go = go};
	struct buf text = BUF_INIT;
	char *why = NULL;

	t->state = ws;
	proc_hide_memory();
	if (login_resolve(&ws->login, t, &why) == -1) {
		if (t->mark.line != 0)
			problems_add(p, workflow_label(w), t->mark.line, t->mark.column, "target '%s': %s", t->name, why);
		else
			problems_add(p, NULL, 0, 0, "target '%s': %s", t->name, why);
		free(why);
		return;
	}
	ws->limiter = limiter_new();
	ws->bearer = bearer_new();
	if (ws->limiter == NULL || ws->bearer == NULL) {
		problems_add(p, NULL, 0, 0, "target '%s': cannot share memory: %s", t->name, strerror(errno));
		return;
	}
	ws->place = xasprintf("%s %s", ws->login.host, ws->login.workspace_id != NULL ? ws->login.workspace_id : "");
	ws->upload_to = d->upload_to != NULL ? xstrdup(d->upload_to) : NULL;
	if (aside_run(run_errand, &e, &text, REPORT_BYTES_MAX, PATIENCE) == -1)
		problems_add(p, NULL, 0, 0, "target '%s': cannot be checked: %s", t->name, strerror(errno));
	else
		take_report(w, t, &text, p);
	if (ws->user != NULL)
		log_info("target '%s': logged in to %s as %s (%s)", t->name, ws->login.host, ws->user,
		    login_method_name(ws->login.method));
	buf_release(&text);
}

void
workspace_disconnect(struct target *t)
{
	struct workspace *ws = t->state;

	if (ws == NULL)
		return;
	login_release(&ws->login);
	limiter_free(ws->limiter);
	bearer_free(ws->bearer);
	for (size_t i = 0; i < ws->taken.n; i++)
		free(ws->taken.entries[i].value);
	table_release(&ws->taken);
	free(ws->place);
	free(ws->user);
	free(ws->upload_to);
	free(ws);
	t->state = NULL;
}
