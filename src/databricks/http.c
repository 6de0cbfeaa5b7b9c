#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "databricks/http_try.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define CONNECT_MS 30000L
#define TRY_MAX (900 * NSEC_PER_SEC)	/* of all of a try, however steadily a byte drips in */
#define STEP_MS 100	/* between looks at the stop flag: a signal may come in just before the wait */

struct engine {
	CURLM *multi;
	CURL *easy;
};

/* What the callbacks of a try work on. */
struct transfer {
	struct buf *body;
	curl_off_t moved;	/* bytes, both ways */
	int64_t moved_at;	/* run clock */
	bool too_large;
};

static void
engine_free(struct engine *e)
{
	if (e == NULL)
		return;
	if (e->easy != NULL)
		curl_easy_cleanup(e->easy);
	if (e->multi != NULL)
		curl_multi_cleanup(e->multi);
	free(e);
}

/* NULL when libcurl has no memory. */
static struct engine *
engine_new(void)
{
	struct engine *e = xcalloc(1, sizeof(*e));

	e->multi = curl_multi_init();
	e->easy = curl_easy_init();
	if (e->multi == NULL || e->easy == NULL) {
		engine_free(e);
		return NULL;
	}
	return e;
}

struct http *
http_new(const struct http_config *config, char **why)
{
	const struct login *l = config->login;
	struct http *h;
	CURLcode rc;

	*why = NULL;
	rc = curl_global_init(CURL_GLOBAL_DEFAULT);
	if (rc != CURLE_OK) {
		*why = xasprintf("cannot start libcurl: %s", curl_easy_strerror(rc));
		return NULL;
	}
	h = xcalloc(1, sizeof(*h));
	h->config = *config;
	h->agent = xasprintf("nbfork/%s libcurl/%s os/linux auth/%s", VERSION,
	    curl_version_info(CURLVERSION_NOW)->version, login_method_name(l->method));
	if (l->workspace_id != NULL)
		h->workspace = xasprintf("X-Databricks-Workspace-Id: %s", l->workspace_id);
	if (l->azure_resource_id != NULL)
		h->resource = xasprintf("X-Databricks-Azure-Workspace-Resource-Id: %s", l->azure_resource_id);
	return h;
}

void
http_free(struct http *h)
{
	if (h == NULL)
		return;
	engine_free(h->engine);
	free(h->agent);
	free(h->workspace);
	free(h->resource);
	free(h);
	curl_global_cleanup();
}

void
http_drop(struct http *h)
{
	if (h->engine == NULL)
		return;
	engine_free(h->engine);
	h->engine = NULL;
	malloc_trim(0);
}

static size_t
on_body(char *p, size_t size, size_t n, void *data)
{
	struct transfer *x = data;

	n *= size;
	if (n > HTTP_BYTES_MAX - x->body->len) {
		x->too_large = true;
		return 0;
	}
	buf_add(x->body, p, n);
	return n;
}

static int
on_progress(void *data, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
	struct transfer *x = data;

	(void)down_total;
	(void)up_total;
	if (down + up != x->moved) {
		x->moved = down + up;
		x->moved_at = clock_run();
	}
	return 0;
}

/* A header is a sign of life too, and the progress does not count it. */
static size_t
on_header(char *p, size_t size, size_t n, void *data)
{
	struct transfer *x = data;

	(void)p;
	x->moved_at = clock_run();
	return size * n;
}

static int
on_socket(void *data, curl_socket_t fd, curlsocktype purpose)
{
	int flags = fcntl(fd, F_GETFD);

	(void)data;
	(void)purpose;
	if (flags != -1)
		(void)fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
	return CURL_SOCKOPT_OK;
}

/* Which certificates are believed: what the variables of the curl program say, else what libcurl was built for. */
static void
set_certificates(CURL *c)
{
	const char *bundle = getenv("CURL_CA_BUNDLE"), *folder = getenv("SSL_CERT_DIR");

	if (bundle == NULL || *bundle == '\0')
		bundle = getenv("SSL_CERT_FILE");
	if (bundle != NULL && *bundle != '\0')
		curl_easy_setopt(c, CURLOPT_CAINFO, bundle);
	if (folder != NULL && *folder != '\0')
		curl_easy_setopt(c, CURLOPT_CAPATH, folder);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
}

static void
add_header(struct curl_slist **list, const char *header)
{
	struct curl_slist *longer = curl_slist_append(*list, header);

	if (longer != NULL)
		*list = longer;
}

static void
add_value(struct curl_slist **list, const char *name, const char *value)
{
	char *header = xasprintf("%s: %s", name, value);

	add_header(list, header);
	explicit_bzero(header, strlen(header));
	free(header);
}

/* Whether what is to be one header would be several. */
static bool
breaks_line(const char *value)
{
	return value != NULL && strpbrk(value, "\r\n") != NULL;
}

static struct curl_slist *
headers(const struct http *h, const struct http_try *t)
{
	struct curl_slist *list = NULL;

	add_header(&list, "Accept: application/json");
	add_header(&list, "Expect:");	/* not to wait a second for leave to send a large notebook */
	if (t->content != NULL)
		add_value(&list, "Content-Type", t->content_type);
	if (h->workspace != NULL)
		add_header(&list, h->workspace);
	if (t->authorization != NULL)
		add_value(&list, "Authorization", t->authorization);
	if (t->management != NULL) {
		add_value(&list, "X-Databricks-Azure-SP-Management-Token", t->management);
		add_header(&list, h->resource);
	}
	return list;
}

static void
free_headers(struct curl_slist *list)
{
	for (struct curl_slist *i = list; i != NULL; i = i->next)
		explicit_bzero(i->data, strlen(i->data));
	curl_slist_free_all(list);
}

static void
set_options(const struct http *h, CURL *c, struct http_try *t, struct transfer *x, struct curl_slist *list)
{
	curl_easy_reset(c);	/* keeps the connection */
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_URL, t->url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	/* One request at a time: a second version of the protocol would only take memory. */
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(c, CURLOPT_USERAGENT, h->agent);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, list);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->error);
	curl_easy_setopt(c, CURLOPT_BUFFERSIZE, 16384L);
	curl_easy_setopt(c, CURLOPT_UPLOAD_BUFFERSIZE, 16384L);
	curl_easy_setopt(c, CURLOPT_SOCKOPTFUNCTION, on_socket);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, x);
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(c, CURLOPT_XFERINFODATA, x);
	set_certificates(c);
	/* A look-up of a name that hangs is left alone when the try is given up, instead of waited for. */
	curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L);
	/* Without TLS it is this machine (http_call.c sees to that), where no proxy can go. */
	if (strncmp(t->url, "http:", 5) == 0)
		curl_easy_setopt(c, CURLOPT_PROXY, "");
	if (t->once)
		curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L);
	if (strcmp(t->method, "POST") == 0) {
		curl_easy_setopt(c, CURLOPT_POST, 1L);
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, t->content != NULL ? t->content : "");
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)(t->content != NULL ? strlen(t->content) : 0));
	} else {
		curl_easy_setopt(c, CURLOPT_HTTPGET, 1L);
	}
}

/*
 * Signals are let in here alone, so that libcurl's thread, which looks up names and is started in
 * curl_multi_perform(), has them blocked and none gets lost to it.
 */
static void
wait_a_little(const struct http *h, CURLM *multi)
{
	sigset_t before;

	if (h->config.wait_mask != NULL)
		sigprocmask(SIG_SETMASK, h->config.wait_mask, &before);
	curl_multi_poll(multi, NULL, 0, STEP_MS, NULL);
	if (h->config.wait_mask != NULL)
		sigprocmask(SIG_SETMASK, &before, NULL);
}

/* Until there is an end of it. Returns libcurl's verdict. */
static CURLcode
transfer(const struct http *h, struct http_try *t, struct transfer *x)
{
	struct engine *e = h->engine;
	int64_t began = x->moved_at, now;
	CURLcode rc = CURLE_OUT_OF_MEMORY;
	int running = 1, left;
	CURLMsg *m;

	if (curl_multi_add_handle(e->multi, e->easy) != CURLM_OK)
		return rc;
	for (;;) {
		if (curl_multi_perform(e->multi, &running) != CURLM_OK || running == 0)
			break;
		now = clock_run();
		if (http_stopping(h)) {
			t->end = TRY_STOPPED;
			rc = CURLE_ABORTED_BY_CALLBACK;
			break;
		}
		if (now - x->moved_at > h->config.login->http_timeout || now - began > TRY_MAX) {
			snprintf(t->error, sizeof(t->error), "no answer for %.0f s",
			    (double)(now - (now - began > TRY_MAX ? began : x->moved_at)) / 1e9);
			rc = CURLE_OPERATION_TIMEDOUT;
			break;
		}
		wait_a_little(h, e->multi);
	}
	while ((m = curl_multi_info_read(e->multi, &left)) != NULL)
		if (m->msg == CURLMSG_DONE)
			rc = m->data.result;
	return rc;
}

/* Whether there is no sense in the same again. */
static bool
is_hopeless(CURL *c, CURLcode rc)
{
	long proxy = 0;

	curl_easy_getinfo(c, CURLINFO_HTTP_CONNECTCODE, &proxy);
	if (proxy >= 400 && proxy < 500 && proxy != 408 && proxy != 429)
		return true;
	switch (rc) {
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_ENGINE_NOTFOUND:
	case CURLE_NOT_BUILT_IN:
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return true;
	default:
		return false;
	}
}

/* Whether a server may have seen the request: not when it went no further than the connection. */
static bool
was_sent(CURL *c)
{
	curl_off_t ready = 0;
	long bytes = 0;

	curl_easy_getinfo(c, CURLINFO_PRETRANSFER_TIME_T, &ready);
	curl_easy_getinfo(c, CURLINFO_REQUEST_SIZE, &bytes);
	return ready > 0 && bytes > 0;
}

static char *
header_value(CURL *c, const char *name)
{
	struct curl_header *found;

	if (curl_easy_header(c, name, 0, CURLH_HEADER, -1, &found) != CURLHE_OK)
		return NULL;
	return xstrdup(found->value);
}

static void
read_answer(CURL *c, struct http_try *t)
{
	curl_off_t seconds = 0;
	char *url = NULL;

	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &t->status);
	curl_easy_getinfo(c, CURLINFO_REDIRECT_URL, &url);
	if (url != NULL)
		t->location = xstrdup(url);
	t->request_id = header_value(c, "X-Request-Id");
	if (t->request_id == NULL)
		t->request_id = header_value(c, "X-Databricks-Request-Id");
	curl_easy_getinfo(c, CURLINFO_RETRY_AFTER, &seconds);	/* of a number as of a date */
	if (seconds > 0)
		t->retry_after = clock_from_seconds((double)seconds);
}

void
http_try(struct http *h, struct http_try *t)
{
	struct transfer x = {.body = &t->body};
	struct curl_slist *list;
	CURLcode rc;
	CURL *c;
	size_t n;

	t->end = TRY_ANSWERED;
	t->sent = false;
	t->status = 0;
	t->body = (struct buf)BUF_INIT;
	t->location = t->request_id = NULL;
	t->retry_after = 0;
	t->error[0] = '\0';
	x.moved_at = clock_run();
	t->took = x.moved_at;
	if (h->engine == NULL)
		h->engine = engine_new();
	if (h->engine == NULL || breaks_line(t->authorization) || breaks_line(h->workspace) ||
	    breaks_line(h->resource)) {
		t->end = h->engine == NULL ? TRY_FAILED : TRY_HOPELESS;
		snprintf(t->error, sizeof(t->error), "%s", h->engine == NULL ? "no memory" :
		    "there is a line break in the token, or in the id of the workspace");
		t->took = 0;
		return;
	}
	c = h->engine->easy;
	list = headers(h, t);
	set_options(h, c, t, &x, list);
	rc = transfer(h, t, &x);
	t->sent = was_sent(c);
	if (rc == CURLE_OK) {
		read_answer(c, t);
	} else if (t->end != TRY_STOPPED) {
		t->end = x.too_large || is_hopeless(c, rc) ? TRY_HOPELESS : TRY_FAILED;
		if (x.too_large)
			snprintf(t->error, sizeof(t->error), "the answer is larger than %zu MiB", HTTP_BYTES_MAX >> 20);
		else if (t->error[0] == '\0')
			snprintf(t->error, sizeof(t->error), "%s", curl_easy_strerror(rc));
		if (rc == CURLE_PEER_FAILED_VERIFICATION) {
			n = strlen(t->error);
			snprintf(t->error + n, sizeof(t->error) - n,
			    "; certificates to be believed are those in the file SSL_CERT_FILE");
		}
	}
	if (t->end != TRY_ANSWERED)
		buf_release(&t->body);
	curl_multi_remove_handle(h->engine->multi, c);
	/* What the options point to goes: the handle must not. */
	curl_easy_reset(c);
	free_headers(list);
	t->took = clock_run() - t->took;
}

void
http_try_release(struct http_try *t)
{
	buf_release(&t->body);
	free(t->location);
	free(t->request_id);
	t->location = t->request_id = NULL;
}
