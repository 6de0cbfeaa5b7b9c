#include "databricks/saved.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/digest.h"
#include "base/mem.h"

#define PAGES_MAX 1000	/* of an answer that comes in pieces */
#define CREATE_TRIES 3

static void
call(struct http *h, const char *method, const char *path, const char *text, bool repeatable, struct http_answer *a)
{
	bool get = strcmp(method, "GET") == 0;
	const struct http_request r = {
		.method = method, .path = path, .query = get ? text : NULL, .body = get ? NULL : text,
		.endpoint = ENDPOINT_OTHER, .repeatable = repeatable,
	};

	http_call(h, &r, a);
}

static char *
refused(const char *what, const struct http_answer *a)
{
	return xasprintf("%s: %s", what, a->message != NULL ? a->message : "the answer makes no sense");
}

/* The token of the next page, the caller's to free; NULL when that was the last. */
static char *
next_page(const struct http_answer *a)
{
	char *token = json_strdup(json_get(a->json, "next_page_token"));

	if (token != NULL && *token != '\0')
		return token;
	free(token);
	return NULL;
}

/* ---- Finding ---- */

static void
add(int64_t **list, size_t *n, int64_t id)
{
	*list = xreallocarray(*list, *n + 1, sizeof(**list));
	(*list)[(*n)++] = id;
}

/* What a page says. The name is asked for without regard to case. */
static void
take_jobs(const struct http_answer *a, const char *name, const char *tag, const char *value, struct saved_found *f)
{
	struct json_iter it;
	struct json job;
	int64_t id;

	json_walk(&it, json_get(a->json, "jobs"));
	while (json_next(&it, NULL, &job)) {
		struct json settings = json_get(job, "settings");

		if (!json_int(json_get(job, "job_id"), &id) || !json_is(json_get(settings, "name"), name))
			continue;
		if (json_is(json_get(json_get(settings, "tags"), tag), value))
			add(&f->ours, &f->n, id);
		else
			add(&f->others, &f->nothers, id);
	}
}

int
saved_find(struct http *h, const char *name, const char *tag, const char *value, struct saved_found *f, char **why)
{
	char *token = NULL;
	unsigned pages = 0;

	*f = (struct saved_found){NULL, 0, NULL, 0};
	*why = NULL;
	do {
		struct buf query = BUF_INIT;
		struct http_answer a;

		http_query(&query, "name", name);
		http_query_int(&query, "limit", 100);
		if (token != NULL)
			http_query(&query, "page_token", token);
		free(token);
		token = NULL;
		call(h, "GET", "/api/2.2/jobs/list", buf_str(&query), true, &a);
		if (a.result == HTTP_OK) {
			take_jobs(&a, name, tag, value, f);
			token = next_page(&a);
		} else {
			*why = refused("cannot look for the job", &a);
		}
		http_answer_release(&a);
		buf_release(&query);
	} while (token != NULL && ++pages < PAGES_MAX);
	free(token);
	return *why == NULL ? 0 : -1;
}

/* ---- Reading ---- */

/* All but the tasks, of the first page. */
static void
put_head(struct json_out *o, struct json job)
{
	struct json settings = json_get(job, "settings"), user = json_get(job, "run_as_user_name"), key, value;
	struct json_iter it;

	json_walk(&it, settings);
	while (json_next(&it, &key, &value)) {
		char *name = json_strdup(key);

		if (name != NULL && strcmp(name, "tasks") != 0) {
			json_out_key(o, name);
			json_out_value(o, value);
		}
		free(name);
	}
	if (json_get(settings, "run_as").text != NULL || json_type(user) != JSON_STRING)
		return;
	/* It is not said which of the two it is. */
	json_out_key(o, "run_as");
	json_out_open(o, '{');
	json_out_key(o, "user_name");
	json_out_value(o, user);
	json_out_key(o, "service_principal_name");
	json_out_value(o, user);
	json_out_close(o, '}');
}

static void
put_tasks(struct json_out *o, struct json job)
{
	struct json_iter it;
	struct json task;

	json_walk(&it, json_get(json_get(job, "settings"), "tasks"));
	while (json_next(&it, NULL, &task))
		json_out_value(o, task);
}

int
saved_get(struct http *h, int64_t id, struct buf *settings, char **why)
{
	struct json_out o = JSON_OUT(settings, -1, 0);
	char *token = NULL;
	unsigned pages = 0;

	*why = NULL;
	json_out_open(&o, '{');
	do {
		struct buf query = BUF_INIT;
		struct http_answer a;

		http_query_int(&query, "job_id", id);
		if (token != NULL)
			http_query(&query, "page_token", token);
		free(token);
		token = NULL;
		call(h, "GET", "/api/2.2/jobs/get", buf_str(&query), true, &a);
		if (a.result == HTTP_OK) {
			if (pages == 0) {
				put_head(&o, a.json);
				json_out_key(&o, "tasks");
				json_out_open(&o, '[');
			}
			put_tasks(&o, a.json);
			token = next_page(&a);
		} else {
			*why = refused("cannot read the job", &a);
		}
		http_answer_release(&a);
		buf_release(&query);
	} while (token != NULL && ++pages < PAGES_MAX);
	free(token);
	if (*why != NULL)
		return -1;
	json_out_close(&o, ']');
	json_out_close(&o, '}');
	return 0;
}

/* ---- Writing ---- */

/* Whether the job that was asked for is there, after an answer was lost. */
static bool
is_there(struct http *h, const char *name, const char *tag, const char *value, int64_t *id)
{
	struct saved_found f;
	char *why;
	bool there = saved_find(h, name, tag, value, &f, &why) == 0 && f.n > 0;

	if (there)
		*id = f.ours[0];
	free(f.ours);
	free(f.others);
	free(why);
	return there;
}

int
saved_create(struct http *h, const char *settings, const char *name, const char *tag, const char *value, int64_t *id,
    char **why)
{
	bool again = true;

	*why = NULL;
	for (unsigned i = 0; again && i < CREATE_TRIES; i++) {
		struct http_answer a;

		free(*why);
		*why = NULL;
		call(h, "POST", "/api/2.2/jobs/create", settings, false, &a);
		again = a.result != HTTP_OK && a.maybe_done;
		if (a.result != HTTP_OK || !json_int(json_get(a.json, "job_id"), id))
			*why = refused("cannot create the job", &a);
		http_answer_release(&a);
		if (again && is_there(h, name, tag, value, id)) {
			free(*why);
			*why = NULL;
			again = false;
		}
	}
	return *why == NULL ? 0 : -1;
}

int
saved_reset(struct http *h, int64_t id, const char *settings, char **why)
{
	char *body = xasprintf("{\"job_id\": %lld, \"new_settings\": %s}", (long long)id, settings);
	struct http_answer a;

	call(h, "POST", "/api/2.2/jobs/reset", body, true, &a);
	*why = a.result != HTTP_OK ? refused("cannot update the job", &a) : NULL;
	http_answer_release(&a);
	free(body);
	return *why == NULL ? 0 : -1;
}

int
saved_run(struct http *h, int64_t id, int64_t *run_id, char **why)
{
	unsigned char bytes[32];
	char token[DIGEST_TEXT], *body;
	struct http_answer a;

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes)) {
		*why = xasprintf("cannot start the job: no random bytes: %s", strerror(errno));
		return -1;
	}
	digest_bytes(token, bytes, sizeof(bytes));
	body = xasprintf("{\"job_id\": %lld, \"idempotency_token\": \"%s\"}", (long long)id, token);
	call(h, "POST", "/api/2.2/jobs/run-now", body, true, &a);
	*why = NULL;
	if (a.result != HTTP_OK || !json_int(json_get(a.json, "run_id"), run_id))
		*why = refused("cannot start the job", &a);
	http_answer_release(&a);
	free(body);
	return *why == NULL ? 0 : -1;
}
