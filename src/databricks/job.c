#include "databricks/job.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/table.h"
#include "databricks/compute.h"
#include "databricks/member.h"
#include "databricks/submit.h"
#include "workflow/status.h"

#define CLUSTER_KEY "main"	/* of the first job cluster; then "main-2", ... */

void
job_mark(char mark[JOB_MARK], const struct workflow *w, const struct workspace *ws)
{
	struct buf b = BUF_INIT;
	char digest[DIGEST_TEXT];

	buf_addf(&b, "%s\n%s", ws->upload_to, w->name);
	digest_bytes(digest, b.data, b.len);
	memcpy(mark, digest, JOB_MARK - 1);
	mark[JOB_MARK - 1] = '\0';
	buf_release(&b);
}

/* ---- A task ---- */

/* What the tasks of a job share while they are written. */
struct writing {
	const struct workflow *w;
	const struct workspace *ws;
	struct table digests;	/* of files, each read once: by path, a text */
	struct table clusters;	/* the new_cluster of tasks, as JSON text -> its number, from 1 on */
};

static const char *
digest_of(struct writing *wr, const char *file)
{
	void **place = table_at(&wr->digests, file, strlen(file));

	if (*place == NULL) {
		char *digest = xmalloc(DIGEST_TEXT);

		digest_file(digest, file);	/* one that cannot be read is said when it is imported */
		*place = digest;
	}
	return *place;
}

static void
put_notebook(struct json_out *o, const struct writing *wr, const struct task *t, const struct compute *c)
{
	char *path = workspace_path(wr->ws, t);

	json_out_key(o, "notebook_task");
	json_out_open(o, '{');
	member_text(o, "notebook_path", path);
	member_text(o, "source", "WORKSPACE");
	json_out_key(o, "base_parameters");
	json_out_open(o, '{');
	for (size_t i = 0; i < t->parameters.n; i++) {
		struct buf text = BUF_INIT, json = BUF_INIT;
		char *why = NULL;

		if (job_value(t, &t->parameters.list[i], &text, &why) == 0) {
			json_put_string(&json, buf_str(&text), text.len);	/* it may hold NUL characters */
			json_out_key(o, t->parameters.list[i].name);
			json_out_value(o, json_of(buf_str(&json)));
		}
		free(why);
		buf_release(&text);
		buf_release(&json);
	}
	json_out_close(o, '}');
	member_text(o, "warehouse_id", c->warehouse_id);
	json_out_close(o, '}');
	free(path);
}

static void
put_dependencies(struct json_out *o, const struct workflow *w, const struct task *t)
{
	char run_if[32];
	size_t n = 0;

	if (t->ndepends_on == 0)
		return;
	json_out_key(o, "depends_on");
	json_out_open(o, '[');
	for (size_t i = 0; i < t->ndepends_on; i++) {
		char *key = submit_task_key(w->tasks[t->depends_on[i]].name);

		json_out_open(o, '{');
		member_text(o, "task_key", key);
		json_out_close(o, '}');
		free(key);
	}
	json_out_close(o, ']');
	for (const char *s = run_if_name(t->run_if); *s != '\0' && n < sizeof(run_if) - 1; s++)
		run_if[n++] = (char)toupper((unsigned char)*s);
	run_if[n] = '\0';
	member_text(o, "run_if", run_if);
}

static void
put_retries(struct json_out *o, const struct task *t)
{
	member_int(o, "max_retries", t->retries);
	if (t->retries == 0)
		return;
	member_int(o, "min_retry_interval_millis", t->retry_delay / NSEC_PER_MSEC);
	member_bool(o, "retry_on_timeout", (t->retry_on.kinds & 1u << ERROR_TIMEOUT) != 0);
}

/* The key of job cluster number n. */
static void
put_cluster_key(struct json_out *o, size_t n)
{
	char *key = n == 1 ? xstrdup(CLUSTER_KEY) : xasprintf("%s-%zu", CLUSTER_KEY, n);

	member_text(o, "job_cluster_key", key);
	free(key);
}

/* Tasks with the same new_cluster share one. */
static size_t
cluster_number(struct writing *wr, const char *new_cluster)
{
	void **place = table_at(&wr->clusters, new_cluster, strlen(new_cluster));

	if (*place == NULL)
		*place = (void *)(uintptr_t)wr->clusters.n;
	return (uintptr_t)*place;
}

static void
put_compute(struct json_out *o, struct writing *wr, const struct compute *c)
{
	if (c->new_cluster != NULL)
		put_cluster_key(o, cluster_number(wr, c->new_cluster));
	else if (c->existing_cluster_id != NULL)
		member_text(o, "existing_cluster_id", c->existing_cluster_id);
	else
		member_bool(o, "disable_auto_optimization",
		    true);	/* serverless compute repeats what has failed on its own account */
	member_text(o, "environment_key", c->environment_key);
	member_json(o, "libraries", c->libraries);
}

static void
put_task(struct json_out *o, struct writing *wr, const struct task *t)
{
	const struct compute c = compute_of(t, wr->ws->login.cluster_id);
	char *key = submit_task_key(t->name), *description;

	json_out_open(o, '{');
	member_text(o, "task_key", key);
	if (!t->remote) {
		description = xasprintf("notebook %s, sha256 %s", t->path, digest_of(wr, t->file));
		member_text(o, "description", description);
		free(description);
	}
	put_notebook(o, wr, t, &c);
	put_dependencies(o, wr->w, t);
	member_int(o, "timeout_seconds", member_seconds(t->timeout));
	put_retries(o, t);
	put_compute(o, wr, &c);
	json_out_close(o, '}');
	free(key);
}

/* ---- The job ---- */

static void
put_tags(struct json_out *o, const struct workflow *w, const struct workspace *ws, const char *tags)
{
	char mark[JOB_MARK];
	struct json_iter it;
	struct json key, value;

	job_mark(mark, w, ws);
	json_out_key(o, "tags");
	json_out_open(o, '{');
	member_text(o, JOB_TAG, mark);
	json_walk(&it, tags != NULL ? json_of(tags) : JSON_NOTHING);
	while (json_next(&it, &key, &value)) {
		char *name = json_strdup(key);

		if (name != NULL) {
			json_out_key(o, name);
			json_out_value(o, value);
		}
		free(name);
	}
	json_out_close(o, '}');
}

static void
put_schedule(struct json_out *o, const struct cron *c)
{
	json_out_key(o, "schedule");
	json_out_open(o, '{');
	member_text(o, "quartz_cron_expression", c->expression);
	member_text(o, "timezone_id", c->timezone);
	member_text(o, "pause_status", c->paused ? "PAUSED" : "UNPAUSED");
	json_out_close(o, '}');
}

static void
put_job_clusters(struct json_out *o, const struct table *clusters)
{
	if (clusters->n == 0)
		return;
	json_out_key(o, "job_clusters");
	json_out_open(o, '[');
	for (size_t i = 0; i < clusters->n; i++) {
		json_out_open(o, '{');
		put_cluster_key(o, i + 1);
		member_json(o, "new_cluster", clusters->entries[i].key);
		json_out_close(o, '}');
	}
	json_out_close(o, ']');
}

static void
put_settings(struct buf *out, struct writing *wr, const struct databricks *d)
{
	struct json_out o = JSON_OUT(out, -1, 0);

	json_out_open(&o, '{');
	member_text(&o, "name", wr->w->name);
	put_tags(&o, wr->w, wr->ws, d->tags);
	json_out_key(&o, "tasks");
	json_out_open(&o, '[');
	for (size_t i = 0; i < wr->w->ntasks; i++)
		put_task(&o, wr, &wr->w->tasks[i]);
	json_out_close(&o, ']');
	put_job_clusters(&o, &wr->clusters);
	member_json(&o, "environments", d->environments);
	member_int(&o, "timeout_seconds", member_seconds(wr->w->timeout));
	member_int(&o, "max_concurrent_runs", 1);
	json_out_key(&o, "queue");
	json_out_open(&o, '{');
	member_bool(&o, "enabled", d->queue);
	json_out_close(&o, '}');
	if (wr->w->schedule != NULL)
		put_schedule(&o, wr->w->schedule);
	member_json(&o, "email_notifications", d->email_notifications);
	member_json(&o, "webhook_notifications", d->webhook_notifications);
	member_json(&o, "notification_settings", d->notification_settings);
	member_json(&o, "run_as", d->run_as);
	member_text(&o, "performance_target", d->performance_target);
	json_out_close(&o, '}');
}

void
job_put(struct buf *out, const struct workflow *w, const struct workspace *ws, bool creating)
{
	const struct databricks *d = w->target->databricks;
	struct writing wr = {.w = w, .ws = ws, .digests = TABLE_INIT, .clusters = TABLE_INIT};
	struct json_out o = JSON_OUT(out, -1, 0);
	struct buf settings = BUF_INIT;
	char digest[DIGEST_TEXT], *description;
	struct json_iter it;
	struct json key, value;

	put_settings(&settings, &wr, d);
	digest_bytes(digest, settings.data, settings.len);
	description = xasprintf("Deployed by nbfork from the workflow '%s'; what is changed here is set back when it "
	    "is deployed again. Settings: sha256 %s", w->name, digest);
	json_out_open(&o, '{');
	json_walk(&it, json_of(buf_str(&settings)));
	while (json_next(&it, &key, &value)) {
		char *name = json_strdup(key);

		json_out_key(&o, name);
		json_out_value(&o, value);
		if (strcmp(name, "name") == 0)
			member_text(&o, "description", description);
		free(name);
	}
	if (creating)
		member_json(&o, "access_control_list", d->access_control_list);
	json_out_close(&o, '}');
	for (size_t i = 0; i < wr.digests.n; i++)
		free(wr.digests.entries[i].value);
	table_release(&wr.digests);
	table_release(&wr.clusters);
	free(description);
	buf_release(&settings);
}
