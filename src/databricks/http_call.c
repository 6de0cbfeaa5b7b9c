#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mask.h"
#include "base/mem.h"
#include "databricks/http_error.h"
#include "databricks/http_try.h"

#define DELAY_STEP (NSEC_PER_SEC)
#define DELAY_MAX (10 * NSEC_PER_SEC)
#define PLACE_KEEPS (50 * NSEC_PER_MSEC)

/* A call, from its first try to its last. */
struct call {
	struct http *h;
	const struct http_request *r;
	struct http_answer *a;
	char *url;
	struct buf authorization, management;	/* the values of these headers; empty: none */
	bool bearer;	/* that is the bearer's, and may be had anew */
	bool renewed;	/* and has been */
	bool safe;	/* twice is the same as once */
	int64_t began;	/* run clock: when the first try was made */
	int64_t patience;
};

/* What is to be done after a try. */
enum next {
	NEXT_DONE,
	NEXT_AGAIN,	/* after a delay */
	NEXT_AT_ONCE,
};

static void
forget(char *secret)
{
	if (secret != NULL)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

static void
forget_values(struct call *c)
{
	buf_wipe(&c->authorization);
	buf_wipe(&c->management);
}

/* From 0 up to most. */
static int64_t
jitter(int64_t most)
{
	uint32_t n = 0;

	if (getrandom(&n, sizeof(n), 0) != sizeof(n))
		n = (uint32_t)getpid();
	return (int64_t)((double)n / UINT32_MAX * (double)most);
}

/* The path as messages have it: without a query, which is nobody's business. */
static void
put_subject(struct buf *out, const struct http_request *r)
{
	buf_addf(out, "%s %.*s", r->method, (int)strcspn(r->path, "?"), r->path);
}

/* A message of the call's own: what it was about, and what. Whatever came from outside may hold a secret. */
static void
set_message(struct call *c, const char *what)
{
	const char *value = strchr(buf_str(&c->authorization), ' ');
	struct buf text = BUF_INIT, masked = BUF_INIT;
	struct mask m = MASK_INIT;

	login_mask(c->h->config.login, &m);
	if (value != NULL)
		mask_add_spellings(&m, value + 1, strlen(value + 1));
	if (c->management.len > 0)
		mask_add_spellings(&m, c->management.data, c->management.len);
	put_subject(&text, c->r);
	buf_addf(&text, ": ");
	mask_put(&m, &masked, what, strlen(what));
	buf_add(&text, masked.data, masked.len);
	if (c->a->tries > 1)
		buf_addf(&text, " (after %u tries in %.0f s)", c->a->tries, (double)(clock_run() - c->began) / 1e9);
	free(c->a->message);
	c->a->message = buf_steal(&text);
	buf_release(&masked);
	mask_release(&m);
}

/* "a redirect to 'https://...'": without its query, which may hold a token. */
static void
put_redirect(struct buf *what, const char *location)
{
	buf_adds(what, "a redirect to '");
	buf_add(what, location, strcspn(location, "?#"));
	buf_addc(what, '\'');
	if (strstr(location, "private-link-validation-error") != NULL)
		buf_adds(what, ": this workspace takes calls by its private link alone");
	else
		buf_adds(what, ": is the host right?");
}

/* The message about an answer with an error. */
static void
explain(struct call *c, const struct http_try *t, const struct http_error *e)
{
	const char *description = c->h->config.login->description;
	const char *id = e->request_id != NULL ? e->request_id : t->request_id;
	struct buf what = BUF_INIT;

	buf_addf(&what, "%ld", t->status);
	if (e->code != NULL && strcmp(e->code, what.data) != 0)
		buf_addf(&what, " %s", e->code);
	else if (*http_status_name(t->status) != '\0')
		buf_addf(&what, " %s", http_status_name(t->status));
	if (t->location != NULL) {
		buf_adds(&what, ": ");
		put_redirect(&what, t->location);
	} else if (e->message != NULL) {
		buf_addf(&what, ": %s", e->message);
	}
	if (id != NULL)
		buf_addf(&what, " (request %.100s)", id);
	if ((t->status == 401 || t->status == 403) && c->bearer && description != NULL)
		buf_addf(&what, "; %s", description);
	set_message(c, buf_str(&what));
	buf_release(&what);
}

/* No answer, or none that makes sense. */
static void
explain_silence(struct call *c, const struct http_try *t, const struct http_error *e)
{
	size_t scheme = strcspn(c->url, ":") + 3;
	struct buf what = BUF_INIT;

	if (t->end == TRY_ANSWERED) {
		buf_addf(&what, "%ld, but the answer is no JSON", t->status);
		if (e->message != NULL)
			buf_addf(&what, ": %s", e->message);
	} else {
		buf_addf(&what, "cannot %s '%.*s': %s", t->sent ? "get an answer from" : "reach",
		    (int)(scheme + strcspn(c->url + scheme, "/?#")), c->url, t->error);
	}
	set_message(c, buf_str(&what));
	buf_release(&what);
}

static void
log_try(const struct call *c, const struct http_try *t, const char *request_id)
{
	long long ms = t->took / NSEC_PER_MSEC;
	struct buf line = BUF_INIT;

	if (log_level < LOG_DEBUG)
		return;
	put_subject(&line, c->r);
	if (t->end == TRY_ANSWERED)
		buf_addf(&line, ": %ld, %lld ms, %zu bytes", t->status, ms, t->body.len);
	else
		buf_addf(&line, ": %s, %lld ms", t->end == TRY_STOPPED ? "stopped" : t->error, ms);
	if (request_id != NULL)
		buf_addf(&line, ", request %.100s", request_id);
	log_debug("%s", buf_str(&line));
	buf_release(&line);
}

/* Whether an answer leaves open what became of the request: 429 and 503 say that it was not taken. */
static bool
is_vague(long status, const struct http_error *e)
{
	if (status == 503 || (e->code != NULL && strcmp(e->code, "TEMPORARILY_UNAVAILABLE") == 0))
		return false;
	return status >= 500 || status == 408;
}

/* After an answer. *wait is brought up to what the server asks for. */
static enum next
judge_answer(struct call *c, struct http_try *t, const struct http_error *e, int64_t *wait)
{
	struct http_answer *a = c->a;
	bool vague;

	*wait = t->retry_after > e->retry_delay ? t->retry_after : e->retry_delay;
	if (c->h->config.limiter != NULL) {
		if (t->status == 429)
			limiter_throttled(c->h->config.limiter, c->r->endpoint, *wait);
		else if (t->status < 500)
			limiter_passed(c->h->config.limiter, c->r->endpoint);
	}
	if (t->status >= 200 && t->status < 300) {
		if (c->r->raw || a->json.text != NULL || t->status == 204) {
			a->result = HTTP_OK;
			return NEXT_DONE;
		}
		a->result = HTTP_UNREACHABLE;
		explain_silence(c, t, e);
		/* A page is some login's, from before the workspace. */
		vague = buf_str(&t->body)[strspn(buf_str(&t->body), " \t\r\n")] != '<';
	} else {
		a->result = HTTP_REFUSED;
		explain(c, t, e);
		if (t->status == 401 && c->bearer && !c->renewed)
			return NEXT_AT_ONCE;
		if (t->status != 429 && t->status != 408 && t->status < 500)
			return NEXT_DONE;
		vague = is_vague(t->status, e);
	}
	if (!c->safe && vague)
		a->maybe_done = true;
	else if (vague && strcmp(c->r->method, "GET") != 0)
		a->maybe_done = true;
	return c->safe || !vague ? NEXT_AGAIN : NEXT_DONE;
}

/* One try, into the answer. */
static enum next
try_once(struct call *c, int64_t *wait)
{
	struct http_answer *a = c->a;
	struct http_error e;
	struct http_try t = {
		.method = c->r->method, .url = c->url, .content = c->r->body,
		.content_type = c->r->content_type != NULL ? c->r->content_type : "application/json",
		.authorization = c->authorization.len > 0 ? c->authorization.data : NULL,
		.management = c->management.len > 0 ? c->management.data : NULL, .once = !c->safe,
	};
	enum next next;

	http_try(c->h, &t);
	a->tries++;
	a->status = t.status;
	free(a->location);
	free(a->code);
	free(a->message);
	buf_release(&a->body);
	a->location = a->code = a->message = NULL;
	a->json = JSON_NOTHING;
	if (t.body.len > 0 && json_parse(t.body.data, t.body.len, &a->json, NULL) == -1)
		a->json = JSON_NOTHING;
	http_error_read(&e, t.body.data, t.body.len, a->json);
	log_try(c, &t, e.request_id != NULL ? e.request_id : t.request_id);
	*wait = 0;
	if (t.end == TRY_ANSWERED) {
		next = judge_answer(c, &t, &e, wait);
	} else {
		a->result = t.end == TRY_STOPPED ? HTTP_STOPPED : HTTP_UNREACHABLE;
		if (t.sent && strcmp(c->r->method, "GET") != 0)
			a->maybe_done = true;
		next = t.end == TRY_FAILED && (c->safe || !t.sent) ? NEXT_AGAIN : NEXT_DONE;
		if (t.end == TRY_STOPPED)
			set_message(c, "stopped");
		else
			explain_silence(c, &t, &e);
	}
	/* The buffer moves with its bytes, so json stays what it is. */
	a->body = t.body;
	t.body = (struct buf)BUF_INIT;
	a->location = t.location;
	t.location = NULL;
	if (a->result != HTTP_OK) {
		a->code = e.code;
		e.code = NULL;
	}
	http_error_release(&e);
	http_try_release(&t);
	return next;
}

static void
stopped(struct call *c)
{
	c->a->result = HTTP_STOPPED;
	set_message(c, "stopped");
}

/*
 * Gets the Authorization header. refused: the value that did not do. Says whether to go on (NEXT_AT_ONCE), to try
 * that later, or to give up.
 */
static enum next
log_in(struct call *c, const char *refused)
{
	const struct http_config *config = &c->h->config;
	struct buf value = BUF_INIT, management = BUF_INIT;
	char *why = NULL;
	int rc;

	if (!c->bearer) {
		if (c->authorization.len == 0 && c->r->authorization != NULL)
			buf_adds(&c->authorization, c->r->authorization);
		return NEXT_AT_ONCE;
	}
	rc = bearer_header(config->bearer, config->login, c->h, refused, &value, &management, &why);
	if (rc != 0) {
		if (http_stopping(c->h)) {
			stopped(c);
		} else {
			c->a->status = 0;
			c->a->result = rc == BEARER_LATER ? HTTP_UNREACHABLE : HTTP_NO_LOGIN;
			set_message(c, why);
		}
		free(why);
		buf_wipe(&value);
		buf_wipe(&management);
		return rc == BEARER_LATER && c->a->result != HTTP_STOPPED ? NEXT_AGAIN : NEXT_DONE;
	}
	forget_values(c);
	c->authorization = value;
	c->management = management;
	return NEXT_AT_ONCE;
}

/* Waits, and says so if that takes long. Returns false when it was stopped. */
static bool
wait_until(const struct call *c, enum http_wait why, int64_t until)
{
	const struct http_config *config = &c->h->config;

	if (config->waits != NULL && until - clock_run() >= NSEC_PER_SEC)
		config->waits(config->data, why);
	return http_sleep(c->h, until);
}

/* Waits for a place among all requests of the run. Returns false when it was stopped, or comes too late to be used. */
static bool
take_place(struct call *c)
{
	struct limiter *l = c->h->config.limiter;
	int64_t taken, place;
	bool late = false, again;

	do {
		taken = clock_run();
		place = l != NULL ? limiter_take(l, c->r->endpoint) : taken;
		if (c->a->tries > 0 && c->patience >= 0 && place - c->began > c->patience)
			return false;
		if (!wait_until(c, HTTP_WAIT_TURN, place)) {
			stopped(c);
			return false;
		}
		again = l != NULL && !limiter_holds(l, c->r->endpoint, taken, place);
		/*
		 * All that waited are late together when they had been suspended. On a slow machine they always are: so once, and
		 * not where it has to be done by some time.
		 */
		if (!again && !late && c->h->end_by == 0 && place > taken && clock_run() - place > PLACE_KEEPS)
			again = late = true;
	} while (again);
	return true;
}

/*
 * Waits before the next of n attempts, for as long as the server asks at least. Returns false when patience would be
 * over then, and when it was stopped.
 */
static bool
wait_for_next(struct call *c, unsigned n, int64_t least)
{
	int64_t delay = (int64_t)n * DELAY_STEP, now = clock_run();

	if (delay > DELAY_MAX)
		delay = DELAY_MAX;
	if (delay < least)
		delay = least;
	/* Workers that fail together must not come again together. */
	delay += 50 * NSEC_PER_MSEC + jitter(delay < DELAY_MAX ? delay / 2 : DELAY_MAX / 2);
	if (now - c->began + delay > c->patience)
		return false;
	if (n == 3)
		log_info("%s; trying again for %.0f s more", c->a->message,
		    (double)(c->patience - (now - c->began)) / 1e9);
	if (!wait_until(c, c->a->status == 429 ? HTTP_WAIT_THROTTLED : HTTP_WAIT_TROUBLE, now + delay)) {
		stopped(c);
		return false;
	}
	return true;
}

/*
 * Gets a place, and then the header, since a token may expire in a line as long as that of a thousand notebooks. When
 * that has taken a while the place is gone: whoever has waited for the same token would send at the same time. Returns
 * what log_in() does.
 */
static enum next
get_ready(struct call *c, const char *refused)
{
	int64_t place;
	enum next next;

	do {
		if (!take_place(c))
			return NEXT_DONE;
		place = clock_run();
		next = log_in(c, refused);
	} while (next == NEXT_AT_ONCE && clock_run() - place > PLACE_KEEPS);
	return next;
}

/* Until there is an answer to be content with, or patience is over: then the answer is that of the last try. */
static void
repeat(struct call *c)
{
	enum login_method method = c->h->config.login->method;
	struct http_answer *a = c->a;
	unsigned logins = 0;	/* that have failed */
	char *refused = NULL;
	enum next next;
	int64_t least;

	for (;;) {
		next = get_ready(c, refused);
		if (next == NEXT_DONE)
			break;
		if (next == NEXT_AGAIN) {
			if (!wait_for_next(c, ++logins, 0))
				break;
			continue;
		}
		if (a->tries == 0 && logins == 0)
			c->began = clock_run();
		next = try_once(c, &least);
		if (a->status != 401)
			c->renewed = false;	/* the next token may expire as well, in a call that takes as long */
		if (next == NEXT_AT_ONCE) {
			/* A token or a password that is the user's own does not get better. */
			if (method == LOGIN_PAT || method == LOGIN_BASIC)
				break;
			c->renewed = true;
			forget(refused);
			refused = xstrdup(buf_str(&c->authorization));
			continue;
		}
		if (next == NEXT_DONE || !wait_for_next(c, a->tries, least))
			break;
	}
	forget(refused);
}

void
http_call(struct http *h, const struct http_request *r, struct http_answer *a)
{
	const struct http_config *config = &h->config;
	struct call c = {.h = h, .r = r, .a = a, .authorization = BUF_INIT, .management = BUF_INIT};
	bool whole = strstr(r->path, "://") != NULL && *r->path != '/';
	const char *query = r->query != NULL ? r->query : "";

	*a = (struct http_answer){.result = HTTP_UNREACHABLE, .body = BUF_INIT, .json = JSON_NOTHING};
	c.url = xasprintf("%s%s%s%s", whole ? "" : config->login->host, r->path, *query != '\0' ? "?" : "", query);
	c.bearer = r->authorization == NULL && config->bearer != NULL;
	c.safe = r->repeatable || strcmp(r->method, "GET") == 0;
	c.patience = r->patience != 0 ? r->patience : config->login->retry_timeout;
	c.began = clock_run();
	if (http_stopping(h))
		stopped(&c);
	else if (!http_url_is_private(c.url))
		set_message(&c, "the address is neither https:// nor of this machine, so nothing is sent there");
	else
		repeat(&c);
	if (a->result == HTTP_OK)
		a->maybe_done = false;
	free(c.url);
	forget_values(&c);
}

void
http_answer_release(struct http_answer *a)
{
	buf_release(&a->body);
	a->json = JSON_NOTHING;
	free(a->code);
	free(a->message);
	free(a->location);
	a->code = a->message = a->location = NULL;
}
