/*
 * What is set for logging in to a workspace, and where: Databricks' names in the environment and in the configuration
 * file.
 */
#ifndef NBFORK_DATABRICKS_SETTINGS_H
#define NBFORK_DATABRICKS_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "workflow/model.h"

/* The attributes; settings_key() has their names. */
enum setting {
	SET_HOST,
	SET_TOKEN,
	SET_USERNAME, SET_PASSWORD,
	SET_CLIENT_ID, SET_CLIENT_SECRET,
	SET_AZURE_CLIENT_ID, SET_AZURE_CLIENT_SECRET, SET_AZURE_TENANT_ID,
	SET_AZURE_RESOURCE_ID, SET_AZURE_ENVIRONMENT,
	SET_AUTH_TYPE,
	SET_CLUSTER_ID, SET_WAREHOUSE_ID,
	SET_WORKSPACE_ID,
	SET_CLI_PATH,
	SET_HTTP_TIMEOUT, SET_RETRY_TIMEOUT,
	SETTINGS,
};

enum set_by {
	SET_BY_NOTHING,
	SET_BY_WORKFLOW,
	SET_BY_ENVIRONMENT,
	SET_BY_PROFILE,
};

struct settings {
	char *value[SETTINGS];	/* owned; NULL for what is not set; never empty */
	enum set_by by[SETTINGS];
	char *profile;	/* the one in use; NULL for none */
	char *config_file;	/* the path of the configuration file, when it was looked at and is there */
};

/*
 * Collects, in login.h's order. Returns 0; or -1 with *why, the caller's to free, which says what to do. To be
 * released in any case.
 */
int settings_read(struct settings *s, const struct target *t, char **why);
void settings_release(struct settings *s);	/* the values are overwritten */

/* Hands a value over: the caller's, NULL when there is none. */
char *settings_take(struct settings *s, enum setting a);

const char *settings_key(enum setting a);	/* in a profile: "client_id" */
const char *settings_variable(enum setting a);	/* of the environment; NULL for those of the file alone */
bool settings_is_secret(enum setting a);

/* Appends where an attribute is set: "DATABRICKS_TOKEN", "token of profile 'x'", "host of the target". */
void settings_put_source(const struct settings *s, enum setting a, struct buf *out);

#endif
