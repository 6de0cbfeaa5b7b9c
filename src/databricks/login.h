/*
 * Where a workspace is and how to log in: found as Databricks' own tools find it.
 *
 * In this order, attribute by attribute, what comes first counting: the target's own keys (profile, host); the
 * environment (DATABRICKS_HOST, DATABRICKS_TOKEN, DATABRICKS_CLIENT_ID, ARM_CLIENT_ID, ...); a profile of the
 * configuration file (DATABRICKS_CONFIG_FILE, else ~/.databrickscfg). The file is not looked at when no profile is
 * named and the environment has a host or a way to log in. The profile is the target's, else
 * DATABRICKS_CONFIG_PROFILE's, else default_profile of the section [__settings__], else DEFAULT; one that is named
 * and not there is an error, a missing DEFAULT is none. DEFAULT is not merged into others.
 */
#ifndef NBFORK_DATABRICKS_LOGIN_H
#define NBFORK_DATABRICKS_LOGIN_H

#include <stdint.h>

#include "base/mask.h"
#include "workflow/model.h"

enum login_method {
	LOGIN_PAT,	/* a personal access token */
	LOGIN_BASIC,	/* user name and password */
	LOGIN_OAUTH_M2M,	/* a service principal's client id and secret */
	LOGIN_AZURE_SECRET,	/* a service principal of Microsoft Entra: ARM_CLIENT_ID and so on */
	LOGIN_CLI,	/* the token of the Databricks CLI, for people who have logged in with it */
};

/* Every text is owned, NULL when there is none. */
struct login {
	char *host;	/* "https://adb-1.azuredatabricks.net", without a slash at its end */
	enum login_method method;
	char *token;
	char *username, *password;
	char *client_id, *client_secret;
	char *azure_client_id, *azure_client_secret, *azure_tenant_id, *azure_resource_id, *azure_environment;
	char *workspace_id;	/* sent as X-Databricks-Workspace-Id where it is known */
	char *profile;	/* the one in use; NULL when the file was not looked at */
	char *config_file;	/* its path, when it was */
	char *cli;	/* the databricks program, an absolute path, for LOGIN_CLI */
	char *cluster_id, *warehouse_id;	/* defaults of the environment or the profile */
	int64_t http_timeout;	/* nanoseconds without a byte after which a request is given up; default 60 s */
	int64_t retry_timeout;	/* nanoseconds for which a request is tried again; default 300 s */
	/*
	 * What is in force and where it comes from, for messages, secrets as ***: "host=..., auth_type=pat, token=***,
	 * profile=DEF (file /home/me/.databrickscfg); from the environment: DATABRICKS_HOST"
	 */
	char *description;
};

/*
 * Finds out. Returns 0; or -1 with *why, the caller's to free, which says what to set or which settings contradict
 * each other ("more than one way to log in: DATABRICKS_TOKEN (pat) and client_id of profile 'x', client_secret of
 * profile 'x' (oauth-m2m); unset one of them, or choose one by auth_type in the profile or DATABRICKS_AUTH_TYPE"),
 * and never holds a secret. A host without https:// gets it; one with http:// is refused unless it is a loopback
 * address; its path is dropped; a workspace's id in its query (?o=) is taken where none is set. A way to log in of
 * which only a part is set is an error that says what is missing; where nothing is set it is the CLI's. No network,
 * and no process. l is to be released in any case.
 */
int login_resolve(struct login *l, const struct target *t, char **why);
void login_release(struct login *l);	/* secrets are overwritten */

/* Adds what of it is secret. */
void login_mask(const struct login *l, struct mask *m);

/* "pat", "basic", "oauth-m2m", "azure-client-secret", "databricks-cli": as DATABRICKS_AUTH_TYPE has them. */
const char *login_method_name(enum login_method m);

#endif
