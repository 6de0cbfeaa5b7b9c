/*
 * One try of a call: a request on its way to a server, and what comes back. The room of http.c, which knows libcurl,
 * and of http_call.c, which knows when to try again.
 */
#ifndef NBFORK_DATABRICKS_HTTP_TRY_H
#define NBFORK_DATABRICKS_HTTP_TRY_H

#include "databricks/http.h"

struct engine;	/* libcurl's handles; there while a connection is worth keeping */

struct http {
	struct http_config config;
	bool ignore_stop;
	int64_t end_by;	/* run clock; 0: never */
	char *agent;	/* the User-Agent header */
	char *workspace;	/* the header that names the workspace; NULL for none */
	char *resource;	/* the one that names it as Azure does; NULL for none */
	struct engine *engine;
};

enum try_end {
	TRY_ANSWERED,	/* with any status */
	TRY_FAILED,	/* no answer, or half of one */
	TRY_HOPELESS,	/* the same, and so would be the next: the certificate, the proxy's login, too large */
	TRY_STOPPED,
};

struct http_try {
	const char *method, *url;
	const char *content, *content_type;	/* the request's body; NULL for none */
	const char *authorization;	/* NULL for none */
	const char *management;	/* Azure's token, by which resource is believed; NULL for none */
	/*
	 * libcurl must not send it twice by itself, which it does when a connection that was kept turns out to be
	 * closed
	 */
	bool once;

	enum try_end end;
	bool sent;	/* some of it at least: it may have had its effect */
	long status;	/* 0 for none */
	struct buf body;
	char *location;	/* of a redirect, absolute; NULL for none */
	char *request_id;	/* NULL for none */
	int64_t retry_after;	/* nanoseconds; 0: not said */
	int64_t took;	/* nanoseconds */
	char error[256];	/* why it failed; "" when it did not */
};

/* Fills what is below the blank line; to be released in any case. It waits for no limiter, and says nothing. */
void http_try(struct http *h, struct http_try *t);
void http_try_release(struct http_try *t);

/* Closes the connection and gives its memory back; the next try opens another one. */
void http_drop(struct http *h);

/* Whether the stop flag is set, and counts, or the time to end by has come. */
bool http_stopping(const struct http *h);

#endif
