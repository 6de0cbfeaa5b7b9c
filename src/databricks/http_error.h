/*
 * What the body of an answer that is no success says: the workspace's API has it in several forms, and what stands
 * before it (gateways, proxies, login pages) in any.
 */
#ifndef NBFORK_DATABRICKS_HTTP_ERROR_H
#define NBFORK_DATABRICKS_HTTP_ERROR_H

#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

/* Texts are owned, of one line, fit to be shown; NULL when there are none. */
struct http_error {
	char *code;	/* "INVALID_PARAMETER_VALUE", "SCIM_404", "500", "invalid_client" */
	char *message;
	char *request_id;
	int64_t retry_delay;	/* nanoseconds, from RetryInfo; 0: not said */
};

/*
 * Reads a body of n bytes (with a NUL byte behind them), which is also the JSON value given where it is one, else
 * JSON_NOTHING. e is to be released.
 */
void http_error_read(struct http_error *e, const char *body, size_t n, struct json json);
void http_error_release(struct http_error *e);

/* "Too Many Requests" for 429; "" for what has no name. */
const char *http_status_name(long status);

#endif
