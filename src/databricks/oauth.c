#include "databricks/oauth.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "databricks/bearer.h"

#define PATIENCE (60 * NSEC_PER_SEC)
#define PATIENCE_METADATA (5 * NSEC_PER_SEC)	/* there is another way without them */
#define USEC_PER_SEC INT64_C(1000000)
#define LIFE_MAX (366 * 24 * 3600 * USEC_PER_SEC)

/* Databricks' own id in Microsoft Entra, the same in every cloud (public documentation). */
#define AZURE_DATABRICKS "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d"

void
token_release(struct token *t)
{
	char **const texts[] = {&t->text, &t->management};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (*texts[i] != NULL)
			explicit_bzero(*texts[i], strlen(*texts[i]));
		free(*texts[i]);
		*texts[i] = NULL;
	}
}

void
oauth_put_basic(struct buf *out, const char *name, const char *secret)
{
	char *pair = xasprintf("%s:%s", name, secret);
	size_t n = strlen(pair);

	buf_adds(out, "Basic ");
	out->len += (size_t)EVP_EncodeBlock((unsigned char *)buf_room(out, (n + 2) / 3 * 4 + 1), (unsigned char *)pair,
	    (int)n);
	buf_adds(out, "");	/* the NUL byte */
	explicit_bzero(pair, n);
	free(pair);
}

/* Exactly n digits; -1 for anything else. */
static int
digits(const char **p, int n)
{
	int value = 0;

	for (; n > 0; n--, (*p)++) {
		if (!isdigit((unsigned char)**p))
			return -1;
		value = value * 10 + (**p - '0');
	}
	return value;
}

/* One of the characters; false when it is not there. */
static bool
mark(const char **p, const char *set)
{
	if (**p == '\0' || strchr(set, **p) == NULL)
		return false;
	(*p)++;
	return true;
}

int64_t
token_time(const char *text)
{
	struct tm tm = {0};
	int64_t fraction = 0, unit = USEC_PER_SEC, offset = 0;
	const char *p = text;
	int hours, minutes, sign;

	tm.tm_year = digits(&p, 4) - 1900;
	if (tm.tm_year < 0 || !mark(&p, "-") ||
	    (tm.tm_mon = digits(&p, 2) - 1) < 0 || tm.tm_mon > 11 || !mark(&p, "-") ||
	    (tm.tm_mday = digits(&p, 2)) < 1 || tm.tm_mday > 31 || !mark(&p, "Tt ") ||
	    (tm.tm_hour = digits(&p, 2)) < 0 || tm.tm_hour > 23 || !mark(&p, ":") ||
	    (tm.tm_min = digits(&p, 2)) < 0 || tm.tm_min > 59 || !mark(&p, ":") ||
	    (tm.tm_sec = digits(&p, 2)) < 0 || tm.tm_sec > 60)
		return -1;
	if (mark(&p, "."))
		for (; isdigit((unsigned char)*p); p++) {
			unit /= 10;
			fraction += (*p - '0') * unit;
		}
	if (!mark(&p, "Zz")) {
		sign = *p == '-' ? -1 : 1;
		if (!mark(&p, "+-") || (hours = digits(&p, 2)) < 0 || !mark(&p, ":") || (minutes = digits(&p, 2)) < 0)
			return -1;
		offset = sign * (hours * 3600 + minutes * 60);
	}
	if (*p != '\0')
		return -1;
	return ((int64_t)timegm(&tm) - offset) * USEC_PER_SEC + fraction;
}

/* What may stand in a header: no control characters, no spaces, and no more than there is room for. */
static bool
is_sendable(const char *token)
{
	size_t n = strlen(token);

	if (n == 0 || n > BEARER_BYTES_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (token[i] <= ' ' || token[i] == 0x7f)
			return false;
	return true;
}

int
token_read(struct token *t, struct json answer)
{
	char *expiry = json_strdup(json_get(answer, "expiry")), *text;
	struct json life = json_get(answer, "expires_in");
	double seconds = 0;

	*t = (struct token){.text = json_strdup(json_get(answer, "access_token")), .expires = INT64_MAX};
	/* Microsoft's older endpoint writes the number as a string. */
	text = json_strdup(life);
	if (text != NULL)
		seconds = strtod(text, NULL);
	else
		(void)json_double(life, &seconds);
	if (seconds > 0)
		t->expires = clock_wall() + (seconds < (double)LIFE_MAX / 1e6 ? (int64_t)(seconds * 1e6) : LIFE_MAX);
	else if (expiry != NULL && token_time(expiry) > 0)
		t->expires = token_time(expiry);
	free(text);
	free(expiry);
	if (t->text == NULL || !is_sendable(t->text)) {
		token_release(t);
		return -1;
	}
	return 0;
}

/* What an answer that is no success means for the login. */
static int
failure(const struct http_answer *a)
{
	if (a->result == HTTP_UNREACHABLE && a->tries > 0)
		return BEARER_LATER;
	return a->result == HTTP_REFUSED && (a->status == 429 || a->status >= 500) ? BEARER_LATER : BEARER_REFUSED;
}

/* Asks a token endpoint. who: as whom, for the message. */
static int
ask(struct http *h, const char *url, const char *authorization, const char *body, const char *who, struct token *t,
    char **why)
{
	const struct http_request r = {
		.method = "POST", .path = url, .body = body, .content_type = "application/x-www-form-urlencoded",
		.authorization = authorization, .endpoint = ENDPOINT_OTHER, .repeatable = true, .patience = PATIENCE,
	};
	struct http_answer a;
	int rc = BEARER_REFUSED;

	http_call(h, &r, &a);
	if (a.result != HTTP_OK) {
		*why = xasprintf("cannot log in as '%s': %s", who, a.message);
		rc = failure(&a);
	} else if (token_read(t, a.json) == -1) {
		*why = xasprintf("cannot log in as '%s': the answer of '%s' holds no token", who, url);
	} else {
		rc = 0;
	}
	if (a.body.len > 0)
		explicit_bzero(a.body.data, a.body.len);
	http_answer_release(&a);
	return rc;
}

/* Where the workspace says that tokens are to be had; where they always have been when it does not say. */
static char *
token_endpoint(const struct login *l, struct http *h)
{
	const struct http_request r = {
		.method = "GET", .path = "/oidc/.well-known/oauth-authorization-server", .authorization = "",
		.endpoint = ENDPOINT_OTHER, .patience = PATIENCE_METADATA,
	};
	struct http_answer a;
	char *url = NULL;

	http_call(h, &r, &a);
	if (a.result == HTTP_OK)
		url = json_strdup(json_get(a.json, "token_endpoint"));
	http_answer_release(&a);
	if (url == NULL || strstr(url, "://") == NULL) {
		free(url);
		url = xasprintf("%s/oidc/v1/token", l->host);
	}
	return url;
}

static int
fetch_m2m(const struct login *l, struct http *h, struct token *t, char **why)
{
	struct buf authorization = BUF_INIT;
	char *url = token_endpoint(l, h);
	int rc;

	oauth_put_basic(&authorization, l->client_id, l->client_secret);
	rc = ask(h, url, authorization.data, "grant_type=client_credentials&scope=all-apis", l->client_id, t, why);
	explicit_bzero(authorization.data, authorization.len);
	free(url);
	buf_release(&authorization);
	return rc;
}

/* Azure in the world, and its national clouds. */
struct cloud {
	const char *names[3];
	const char *authority;	/* the host of Microsoft Entra */
	const char *management;	/* the resource that Azure's management is */
};

static const struct cloud *
cloud_named(const char *environment)
{
	static const struct cloud clouds[] = {
		{{"PUBLIC", "AzurePublicCloud", "AzureCloud"}, "login.microsoftonline.com",
		    "https://management.core.windows.net/"},
		{{"USGOVERNMENT", "AzureUSGovernment", "AzureUSGovernmentCloud"}, "login.microsoftonline.us",
		    "https://management.core.usgovcloudapi.net/"},
		{{"CHINA", "AzureChinaCloud", "AzureChina"}, "login.chinacloudapi.cn",
		    "https://management.core.chinacloudapi.cn/"},
	};

	for (size_t i = 0; environment != NULL && i < sizeof(clouds) / sizeof(clouds[0]); i++)
		for (size_t k = 0; k < 3; k++)
			if (strcasecmp(environment, clouds[i].names[k]) == 0)
				return &clouds[i];
	return &clouds[0];
}

/* The address of Microsoft Entra, without a slash at its end. The caller's to free. */
static char *
authority(const struct cloud *cloud)
{
	const char *set = getenv("AZURE_AUTHORITY_HOST");
	char *url;

	if (set != NULL && *set != '\0') {
		url = xasprintf("%s%s", strstr(set, "://") != NULL ? "" : "https://", set);
		for (size_t n = strlen(url); n > 0 && url[n - 1] == '/'; n--)
			url[n - 1] = '\0';
		return url;
	}
	return xasprintf("https://%s", cloud->authority);
}

/* The tenant of a workspace: the first part of the path that it sends browsers to. NULL with *why and *rc. */
static char *
find_tenant(struct http *h, int *rc, char **why)
{
	const struct http_request r = {
		.method = "GET", .path = "/aad/auth", .authorization = "", .endpoint = ENDPOINT_OTHER,
		.patience = PATIENCE, .raw = true,
	};
	struct http_answer a;
	const char *p;
	char *tenant = NULL;
	size_t n;

	http_call(h, &r, &a);
	p = a.location != NULL ? strstr(a.location, "://") : NULL;
	p = p != NULL ? strchr(p + 3, '/') : NULL;
	if (p != NULL) {
		p++;
		n = strcspn(p, "/?#");
		if (n > 0 && strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") >= n)
			tenant = xmemdup0(p, n);
	}
	*rc = a.location != NULL || a.result == HTTP_OK ? BEARER_REFUSED : failure(&a);
	if (tenant == NULL)
		*why = xasprintf("cannot find the workspace's tenant%s%s; set ARM_TENANT_ID",
		    a.result != HTTP_OK && a.location == NULL ? ": " : "",
		    a.result != HTTP_OK && a.location == NULL ? a.message : "");
	http_answer_release(&a);
	return tenant;
}

/* One for a resource, from url. */
static int
ask_azure(const struct login *l, struct http *h, const char *url, const char *resource, struct token *t, char **why)
{
	struct buf body = BUF_INIT;
	int rc;

	http_query(&body, "grant_type", "client_credentials");
	http_query(&body, "client_id", l->azure_client_id);
	http_query(&body, "client_secret", l->azure_client_secret);
	http_query(&body, "resource", resource);
	rc = ask(h, url, "", body.data, l->azure_client_id, t, why);
	buf_wipe(&body);
	return rc;
}

static int
fetch_azure(const struct login *l, struct http *h, struct token *t, char **why)
{
	const struct cloud *cloud = cloud_named(l->azure_environment);
	int rc = BEARER_REFUSED;
	char *tenant = l->azure_tenant_id != NULL ? xstrdup(l->azure_tenant_id) : find_tenant(h, &rc, why);
	struct token management;
	char *base, *url;

	if (tenant == NULL)
		return rc;
	base = authority(cloud);
	url = xasprintf("%s/%s/oauth2/token", base, tenant);
	rc = ask_azure(l, h, url, AZURE_DATABRICKS, t, why);
	if (rc == 0 && l->azure_resource_id != NULL) {
		rc = ask_azure(l, h, url, cloud->management, &management, why);
		if (rc != 0) {
			char *what = *why;

			*why = xasprintf("%s (the token for Azure's management, which azure_workspace_resource_id asks for)", what);
			free(what);
		}
		if (rc == 0) {
			t->management = management.text;
			if (management.expires < t->expires)
				t->expires = management.expires;
		} else {
			token_release(t);
		}
	}
	free(url);
	free(base);
	free(tenant);
	return rc;
}

int
oauth_fetch(const struct login *l, struct http *h, struct token *t, char **why)
{
	*t = (struct token){.text = NULL, .expires = INT64_MAX};
	*why = NULL;
	switch (l->method) {
	case LOGIN_OAUTH_M2M:
		return fetch_m2m(l, h, t, why);
	case LOGIN_AZURE_SECRET:
		return fetch_azure(l, h, t, why);
	case LOGIN_CLI:
		return oauth_cli_fetch(l, h, t, why);
	default:
		*why = xasprintf("there is no other token for the login '%s'", login_method_name(l->method));
		return BEARER_REFUSED;
	}
}
