/*
 * Calls of a workspace's REST API over libcurl; the only module that knows libcurl, which is initialised in the process
 * that uses it: in a worker, after the fork, never in the parent.
 *
 * A call is repeated as section "What official clients retry" of Databricks' SDKs has it, and more patiently: network
 * errors, 429, 5xx and a 200 whose body is no JSON (a login page of a proxy), with a delay that grows from one second
 * to ten, with jitter, and at least what Retry-After says (seconds or a date); as long as login.retry_timeout after
 * the first try, or the request's own patience. Never: 400, 403, 404, 409; 401 once, with a new token. A request
 * whose effect may have happened although its answer was lost is repeated only when it says that it is safe.
 *
 * TLS is always verified, with the system's or curl's own (CURL_CA_BUNDLE, SSL_CERT_FILE) certificates; proxies by
 * curl's own variables; redirects are not followed; only http and https. No secret is logged: with log level debug
 * each call is one line with method, path, status, milliseconds, bytes and request id.
 */
#ifndef NBFORK_DATABRICKS_HTTP_H
#define NBFORK_DATABRICKS_HTTP_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "databricks/bearer.h"
#include "databricks/limiter.h"
#include "databricks/login.h"

#define HTTP_BYTES_MAX ((size_t)64 * 1024 * 1024)	/* of an answer */

struct http;

/* Why a call waits. */
enum http_wait {
	HTTP_WAIT_TURN,	/* for its turn among all requests of the run */
	HTTP_WAIT_THROTTLED,	/* the workspace was asked too often, by whomever, and says so */
	HTTP_WAIT_TROUBLE,	/* it does not answer, or not as it should */
};

/* What all calls of a process go by; the pointers must live on. */
struct http_config {
	const struct login *login;
	struct limiter *limiter;	/* NULL: none */
	struct bearer *bearer;	/* NULL: requests carry no Authorization */
	const volatile sig_atomic_t *stop;	/* non-zero: calls end with HTTP_STOPPED; NULL: never */
	const sigset_t *wait_mask;	/* for waits in which signals are to come in; NULL: the mask stays */
	/* Called with data before a wait of a second or more of a call; NULL: nobody wants to know. */
	void (*waits)(void *data, enum http_wait why);
	void *data;
};

/* NULL with *why, the caller's to free. */
struct http *http_new(const struct http_config *config, char **why);
void http_free(struct http *h);

/* While it is set, calls are not ended by the stop flag: for cancelling after a stop. */
void http_ignore_stop(struct http *h, bool yes);

/*
 * From a time on (run clock), all calls and waits end with HTTP_STOPPED, whatever they are at, also while the stop flag
 * is ignored. 0: no such time.
 */
void http_end_by(struct http *h, int64_t time);

struct http_request {
	const char *method;	/* "GET" or "POST" */
	const char *path;	/* "/api/2.2/jobs/runs/get", or a whole URL (for tokens) */
	const char *query;	/* encoded (http_query()), without the '?'; NULL for none */
	const char *body;	/* NULL for none */
	const char *content_type;	/* NULL: application/json */
	const char *authorization;	/* instead of the bearer's; "" for none; NULL: the bearer's */
	enum endpoint endpoint;
	bool repeatable;	/* doing it twice is the same as doing it once */
	int64_t patience;	/* nanoseconds for which it is tried again; 0: login.retry_timeout; negative: never */
	bool raw;	/* the body of a 200 need not be JSON */
};

enum http_result {
	HTTP_OK,	/* 2xx, and the body is JSON (or raw) */
	HTTP_REFUSED,	/* the workspace has answered with an error that is not repeated, or for too long */
	HTTP_UNREACHABLE,	/* there was no answer (or none that makes sense) for too long */
	HTTP_STOPPED,	/* by the stop flag */
	HTTP_NO_LOGIN,	/* no token could be had */
};

struct http_answer {
	enum http_result result;
	long status;	/* of HTTP; 0 when there was none */
	struct buf body;
	struct json json;	/* in body; JSON_NOTHING when it is none */
	char *code;	/* "INVALID_PARAMETER_VALUE", ... or NULL */
	/*
	 * what was wrong, for people, of one line, with what it was about and the request id when there is one; NULL
	 * for HTTP_OK
	 */
	char *message;
	char *location;	/* of a redirect; NULL for none */
	unsigned tries;
	bool maybe_done;	/* not OK, but the effect of one of the tries may have happened */
};

/* Fills the answer, which is to be released in any case. */
void http_call(struct http *h, const struct http_request *r, struct http_answer *a);
void http_answer_release(struct http_answer *a);

/* Whether what is sent to that address can be read by its server alone: with TLS, or on this machine. */
bool http_url_is_private(const char *url);

/* Appends name=value to a query, encoded, with an '&' before it where it is not the first. */
void http_query(struct buf *query, const char *name, const char *value);
void http_query_int(struct buf *query, const char *name, int64_t value);

/*
 * Waits, signals let in, until the run clock time, or the stop flag. Returns false when it was the flag. Before a
 * wait of more than 15 s the connection is closed and its memory given back.
 */
bool http_sleep(struct http *h, int64_t until);

#endif
