/*
 * Where tokens come from, by the method of the login:
 *
 *	oauth-m2m
 *		POST to the token_endpoint of HOST/oidc/.well-known/oauth-authorization-server (when that cannot be had:
 *		HOST/oidc/v1/token), HTTP Basic with id and secret, grant_type=client_credentials&scope=all-apis;
 *	azure-client-secret
 *		POST to TENANT/oauth2/token of login.microsoftonline.com, of the other cloud that azure_environment
 *		names, or of AZURE_AUTHORITY_HOST, for the resource that Databricks is there. The tenant, when not set,
 *		is taken from the Location of HOST/aad/auth. With azure_workspace_resource_id a second one is fetched,
 *		for Azure's management, by which a workspace takes a principal that is no user of it but may administer
 *		it (learn.microsoft.com, "Microsoft Entra service principal authentication");
 *	databricks-cli
 *		what the program answers to: databricks auth token --profile P (without one: --host HOST). No shell;
 *		30 s at the most.
 *
 * Endpoints are on TLS, or on this machine. The fetch is repeated for 429, 5xx and network errors for a minute.
 */
#ifndef NBFORK_DATABRICKS_OAUTH_H
#define NBFORK_DATABRICKS_OAUTH_H

#include <stdint.h>

#include "databricks/http.h"

struct token {
	char *text;	/* owned */
	char *management;	/* owned: of azure-client-secret with a resource id, the one for Azure; else NULL */
	int64_t expires;	/* wall clock; INT64_MAX: not said */
};

/* Fetches one. Returns 0; or one of BEARER_ with *why, the caller's to free, without any secret in it. */
int oauth_fetch(const struct login *l, struct http *h, struct token *t, char **why);
void token_release(struct token *t);	/* overwrites it */

/* Appends "Basic " and the pair in base64: RFC 7617. */
void oauth_put_basic(struct buf *out, const char *name, const char *secret);

/* For LOGIN_CLI; the flag of h stops it. The same. */
int oauth_cli_fetch(const struct login *l, struct http *h, struct token *t, char **why);

/*
 * Reads the JSON of a token: access_token, and expires_in (seconds) or expiry (RFC 3339). Returns 0, or -1 when there
 * is no token in it that could be sent.
 */
int token_read(struct token *t, struct json answer);

/* RFC 3339, "2026-11-22T08:15:00.123456+01:00", as wall clock time; -1 for what is none. */
int64_t token_time(const char *text);

#endif
