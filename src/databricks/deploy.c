#include "databricks/deploy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/aside.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "databricks/difference.h"
#include "databricks/http.h"
#include "databricks/import.h"
#include "databricks/job.h"
#include "databricks/saved.h"

#define REPORT_BYTES_MAX ((size_t)64 * 1024 * 1024)
#define PATIENCE (3600 * NSEC_PER_SEC)	/* with all imports */

enum {
	DEPLOYED = 0,
	REFUSED = 1,	/* by the workspace */
	UNCLEAR = 2,	/* which job is meant */
	BROKEN = 3,
};

/* ---- In the child ---- */

struct deployment {
	const struct workflow *workflow;
	const struct deploy_options *options;
	struct workspace *ws;
	struct http *http;
	char mark[JOB_MARK];
	int64_t job_id;	/* 0: there is none */
	int64_t run_id;	/* 0: not started */
	struct buf settings;	/* as they are to be */
	struct buf found;	/* as they are; empty when there is no job */
	struct buf changes;	/* a JSON list */
	struct json_out out;	/* that writes it */
	size_t nchanges;
	const char *action;
};

static void
say_others(const struct deployment *d, const struct saved_found *f)
{
	for (size_t i = 0; i < f->nothers; i++)
		log_warn("job %lld has the name '%s' too, but was not deployed from this workflow with its notebooks "
		    "in '%s'; it is left alone", (long long)f->others[i], d->workflow->name, d->ws->upload_to);
}

/* Finds the job and reads it. Returns one of DEPLOYED and so on, with *why. */
static int
look(struct deployment *d, char **why)
{
	struct saved_found f;
	int r = DEPLOYED;

	if (saved_find(d->http, d->workflow->name, JOB_TAG, d->mark, &f, why) == -1) {
		r = REFUSED;
	} else if (f.n > 1) {
		struct buf ids = BUF_INIT;

		for (size_t i = 0; i < f.n; i++)
			buf_addf(&ids, "%s%lld", i > 0 ? ", " : "", (long long)f.ours[i]);
		*why = xasprintf("there is more than one job '%s' that was deployed from this workflow: %s; delete all "
		    "but one", d->workflow->name, buf_str(&ids));
		buf_release(&ids);
		r = UNCLEAR;
	} else {
		say_others(d, &f);
		d->job_id = f.n == 1 ? f.ours[0] : 0;
		if (d->job_id != 0 && saved_get(d->http, d->job_id, &d->found, why) == -1)
			r = REFUSED;
	}
	free(f.ours);
	free(f.others);
	return r;
}

/* ---- Notebooks ---- */

/* Whether there is a notebook at a path of the workspace. That it cannot be asked is for the import to say. */
static bool
exists(struct deployment *d, const char *path)
{
	struct buf query = BUF_INIT;
	struct http_request r = {
		.method = "GET", .path = "/api/2.0/workspace/get-status", .endpoint = ENDPOINT_OTHER,
		    .repeatable = true,
	};
	struct http_answer a;
	bool is;

	http_query(&query, "path", path);
	r.query = buf_str(&query);
	http_call(d->http, &r, &a);
	is = a.result == HTTP_OK && json_is(json_get(a.json, "object_type"), "NOTEBOOK");
	http_answer_release(&a);
	buf_release(&query);
	return is;
}

/* One notebook of this machine, which may be that of many tasks. */
struct notebook {
	const struct task *task;
	char *description;	/* of those tasks: with its digest */
	bool known;	/* the job has a task with it, */
	bool differs;	/* whose description is another */
};

/* The notebooks of this machine, by their paths there: struct notebook. The tasks are in the workflow's order. */
static void
collect_notebooks(const struct deployment *d, struct table *notebooks)
{
	struct json_iter it;
	struct json task;

	json_walk(&it, json_get(json_of(buf_str(&d->settings)), "tasks"));
	for (size_t i = 0; json_next(&it, NULL, &task); i++) {
		char *path = json_strdup(json_get(json_get(task, "notebook_task"), "notebook_path"));
		void **place;

		if (path != NULL && !d->workflow->tasks[i].remote) {
			place = table_at(notebooks, path, strlen(path));
			if (*place == NULL) {
				struct notebook *nb = *place = xcalloc(1, sizeof(*nb));

				nb->task = &d->workflow->tasks[i];
				nb->description = json_strdup(json_get(task, "description"));
			}
		}
		free(path);
	}
}

/* What the job that is there says of them. */
static void
compare_notebooks(const struct deployment *d, const struct table *notebooks)
{
	struct json_iter it;
	struct json task;

	json_walk(&it, json_get(json_of(buf_str(&d->found)), "tasks"));
	while (json_next(&it, NULL, &task)) {
		char *path = json_strdup(json_get(json_get(task, "notebook_task"), "notebook_path"));
		struct notebook *nb = path != NULL ? table_get(notebooks, path, strlen(path)) : NULL;

		if (nb != NULL) {
			nb->known = true;
			nb->differs = nb->differs || !json_is(json_get(task, "description"), nb->description);
		}
		free(path);
	}
}

/* Imports a notebook when it has changed, or is not there. */
static int
bring_notebook(struct deployment *d, const struct notebook *nb, const char *path, char **why)
{
	bool missing = nb->known && !nb->differs && !exists(d, path);
	char digest[DIGEST_TEXT];

	if (nb->known && !nb->differs && !missing)
		return 0;
	if (d->job_id != 0) {
		difference_add(&d->out, nb->differs ? "changed" : "added", NULL, path);
		d->nchanges++;
	}
	return d->options->dry_run ? 0 : import_notebook(d->http, nb->task->file, path, digest, why);
}

static int
bring_notebooks(struct deployment *d, char **why)
{
	struct table notebooks = TABLE_INIT;
	int r = 0;

	collect_notebooks(d, &notebooks);
	if (d->job_id != 0)
		compare_notebooks(d, &notebooks);
	for (size_t i = 0; r == 0 && i < notebooks.n; i++)
		r = bring_notebook(d, notebooks.entries[i].value, notebooks.entries[i].key, why);
	for (size_t i = 0; i < notebooks.n; i++) {
		free(((struct notebook *)notebooks.entries[i].value)->description);
		free(notebooks.entries[i].value);
	}
	table_release(&notebooks);
	return r;
}

/* ---- The job ---- */

/* Of a job that is not there all is new: its tasks say enough. */
static void
add_all(struct deployment *d)
{
	struct json_iter it;
	struct json task;

	difference_add_job(&d->out, d->workflow->name);
	json_walk(&it, json_get(json_of(buf_str(&d->settings)), "tasks"));
	while (json_next(&it, NULL, &task)) {
		char *key = json_strdup(json_get(task, "task_key"));

		difference_add(&d->out, "added", key, NULL);
		free(key);
	}
}

/* Makes the job, or sets it to what it is to be. */
static int
write_job(struct deployment *d, char **why)
{
	const char *text = buf_str(&d->settings);

	if (d->job_id == 0)
		return saved_create(d->http, text, d->workflow->name, JOB_TAG, d->mark, &d->job_id, why);
	if (d->workflow->target->databricks->access_control_list != NULL)
		log_warn("'access_control_list' counts when a job is made; who may do what with job %lld stays as it "
		    "is",
		    (long long)d->job_id);
	return saved_reset(d->http, d->job_id, text, why);
}

/* All of it. Returns one of DEPLOYED and so on, with *why. */
static int
bring_about(struct deployment *d, char **why)
{
	bool dry = d->options->dry_run, there;
	int r = look(d, why);

	if (r != DEPLOYED)
		return r;
	there = d->job_id != 0;
	job_put(&d->settings, d->workflow, d->ws, !there);
	if (bring_notebooks(d, why) == -1)
		return REFUSED;
	if (there)
		d->nchanges += difference_put(&d->out, json_of(buf_str(&d->settings)), json_of(buf_str(&d->found)),
		    d->nchanges > 0);
	else
		add_all(d);
	if (!dry && (!there || d->nchanges > 0) && write_job(d, why) == -1)
		return REFUSED;
	d->action = !there ? "created" : d->nchanges > 0 ? "updated" : "unchanged";
	return d->options->run_now && !dry && saved_run(d->http, d->job_id, &d->run_id, why) == -1 ? REFUSED : DEPLOYED;
}

/* The address of the job's page, or of a run's; the caller's to free. */
static char *
url_of(const struct deployment *d, bool of_run)
{
	const struct login *l = &d->ws->login;
	struct buf b = BUF_INIT;

	buf_addf(&b, "%s/jobs/%lld", l->host, (long long)d->job_id);
	if (of_run)
		buf_addf(&b, "/runs/%lld", (long long)d->run_id);
	if (l->workspace_id != NULL)
		buf_addf(&b, "?o=%s", l->workspace_id);
	return buf_steal(&b);
}

static void
put_id(struct json_out *o, const char *key, int64_t id)
{
	json_out_key(o, key);
	if (id != 0)
		json_out_id(o, id);
	else
		json_out_str(o, NULL);
}

static void
put_document(struct json_out *o, const struct deployment *d)
{
	char *url = d->job_id != 0 ? url_of(d, false) : NULL, *run_url = d->run_id != 0 ? url_of(d, true) : NULL;

	json_out_open(o, '{');
	put_id(o, "job_id", d->job_id);
	json_out_key(o, "name");
	json_out_str(o, d->workflow->name);
	json_out_key(o, "url");
	json_out_str(o, url);
	json_out_key(o, "action");
	json_out_str(o, d->action);
	json_out_key(o, "dry_run");
	json_out_bool(o, d->options->dry_run);
	json_out_key(o, "changes");
	json_out_value(o, json_of(buf_str(&d->changes)));
	put_id(o, "run_id", d->run_id);
	json_out_key(o, "run_url");
	json_out_str(o, run_url);
	if (d->options->dry_run) {
		json_out_key(o, "settings");
		json_out_value(o, json_of(buf_str(&d->settings)));
	}
	json_out_close(o, '}');
	free(url);
	free(run_url);
}

/* What the child does; it writes {"status": N, "error": TEXT, "document": {...}}. */
static int
run_deployment(void *data, int fd)
{
	struct deployment *d = data;
	const struct http_config config = {.login = &d->ws->login, .limiter = d->ws->limiter, .bearer = d->ws->bearer};
	struct buf text = BUF_INIT;
	struct json_out o = JSON_OUT(&text, -1, 0);
	char *why = NULL;
	int r = REFUSED;

	d->out = (struct json_out)JSON_OUT(&d->changes, -1, 0);
	json_out_open(&d->out, '[');
	job_mark(d->mark, d->workflow, d->ws);
	d->http = http_new(&config, &why);
	if (d->http != NULL)
		r = bring_about(d, &why);
	json_out_close(&d->out, ']');
	json_out_open(&o, '{');
	json_out_key(&o, "status");
	json_out_int(&o, r);
	json_out_key(&o, "error");
	json_out_str(&o, why);
	json_out_key(&o, "document");
	if (d->action != NULL)
		put_document(&o, d);
	else
		json_out_str(&o, NULL);
	json_out_close(&o, '}');
	r = file_write_full(fd, text.data, text.len);
	http_free(d->http);
	return r == 0 ? 0 : 1;
}

/* ---- In the parent ---- */

/* A line with an address, where there is one. */
static void
put_address(struct buf *out, const char *before, struct json url)
{
	if (json_type(url) != JSON_STRING)
		return;
	buf_adds(out, before);
	json_decode(out, url);
	buf_addc(out, '\n');
}

/* The job's page, what has changed, and the run's page. */
static void
put_lines(struct buf *out, struct json document)
{
	struct json_iter it;
	struct json change;

	put_address(out, "", json_get(document, "url"));
	json_walk(&it, json_get(document, "changes"));
	while (json_next(&it, NULL, &change))
		difference_line(out, change);
	if (json_is(json_get(document, "action"), "unchanged"))
		buf_adds(out, "unchanged\n");
	put_address(out, "started: ", json_get(document, "run_url"));
}

static int
print(const struct deploy_options *o, struct json document)
{
	struct buf out = BUF_INIT;
	int r;

	if (o->json) {
		json_put(&out, document, &(struct json_form){.indent = 1, .strict = true});
		buf_addc(&out, '\n');
	} else if (!o->quiet) {
		put_lines(&out, document);
	}
	r = file_write_full(STDOUT_FILENO, out.data, out.len);
	if (r == -1)
		log_error("cannot write to standard output: %s", strerror(errno));
	buf_release(&out);
	return r;
}

int
deploy(const struct workflow *w, const struct deploy_options *o)
{
	struct deployment d = {.workflow = w, .options = o, .ws = w->target->state};
	struct buf text = BUF_INIT;
	struct json report, document;
	int64_t status = BROKEN;
	char *error = NULL;

	if (aside_run(run_deployment, &d, &text, REPORT_BYTES_MAX, PATIENCE) == -1) {
		log_error("cannot deploy the workflow: %s", strerror(errno));
	} else if (json_parse(text.data, text.len, &report, NULL) == -1 || !json_int(json_get(report, "status"),
	    &status)) {
		log_error("cannot deploy the workflow: what was done has not been told");
		status = BROKEN;
	} else {
		document = json_get(report, "document");
		if (json_type(document) == JSON_OBJECT && print(o, document) == -1)
			status = BROKEN;
		error = json_strdup(json_get(report, "error"));
		if (error != NULL)
			log_error("%s", error);
	}
	free(error);
	buf_release(&text);
	return (int)status;
}
