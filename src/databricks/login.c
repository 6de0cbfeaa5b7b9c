#include "databricks/login.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "databricks/ini.h"

#define FILE_BYTES_MAX ((size_t)1024 * 1024)
#define HTTP_TIMEOUT (60 * NSEC_PER_SEC)
#define RETRY_TIMEOUT (300 * NSEC_PER_SEC)

#define LOGIN_NONE ((enum login_method)-1)

/* What can be set, where, and where it goes. The names are those of Databricks' tools. */
struct attribute {
	const char *key;	/* in a profile */
	const char *variable;	/* of the environment; NULL: in the file alone */
	size_t offset;	/* in struct settings */
	enum login_method method;	/* to log in by, of which it is a part; or LOGIN_NONE */
	bool secret;
};

struct settings {
	char *host, *token, *username, *password, *client_id, *client_secret, *azure_client_id, *azure_client_secret;
	char *azure_tenant_id, *azure_resource_id, *azure_environment, *auth_type, *cluster_id, *warehouse_id, *workspace_id;
	char *cli_path, *http_timeout, *retry_timeout;
	const char *from[18];	/* where each attribute comes from: "environment", "profile"; NULL for not set */
};

static const struct attribute attributes[] = {
	{"host", "DATABRICKS_HOST", offsetof(struct settings, host), LOGIN_NONE, false},
	{"token", "DATABRICKS_TOKEN", offsetof(struct settings, token), LOGIN_PAT, true},
	{"username", "DATABRICKS_USERNAME", offsetof(struct settings, username), LOGIN_BASIC, false},
	{"password", "DATABRICKS_PASSWORD", offsetof(struct settings, password), LOGIN_BASIC, true},
	{"client_id", "DATABRICKS_CLIENT_ID", offsetof(struct settings, client_id), LOGIN_OAUTH_M2M, false},
	{"client_secret", "DATABRICKS_CLIENT_SECRET", offsetof(struct settings, client_secret), LOGIN_OAUTH_M2M, true},
	{"azure_client_id", "ARM_CLIENT_ID", offsetof(struct settings, azure_client_id), LOGIN_AZURE_SECRET, false},
	{"azure_client_secret", "ARM_CLIENT_SECRET", offsetof(struct settings, azure_client_secret), LOGIN_AZURE_SECRET, true},
	{"azure_tenant_id", "ARM_TENANT_ID", offsetof(struct settings, azure_tenant_id), LOGIN_AZURE_SECRET, false},
	{"azure_workspace_resource_id", "DATABRICKS_AZURE_RESOURCE_ID", offsetof(struct settings, azure_resource_id),
	    LOGIN_NONE, false},
	{"azure_environment", "ARM_ENVIRONMENT", offsetof(struct settings, azure_environment), LOGIN_NONE, false},
	{"auth_type", "DATABRICKS_AUTH_TYPE", offsetof(struct settings, auth_type), LOGIN_NONE, false},
	{"cluster_id", "DATABRICKS_CLUSTER_ID", offsetof(struct settings, cluster_id), LOGIN_NONE, false},
	{"warehouse_id", "DATABRICKS_WAREHOUSE_ID", offsetof(struct settings, warehouse_id), LOGIN_NONE, false},
	{"workspace_id", "DATABRICKS_WORKSPACE_ID", offsetof(struct settings, workspace_id), LOGIN_NONE, false},
	{"databricks_cli_path", "DATABRICKS_CLI_PATH", offsetof(struct settings, cli_path), LOGIN_NONE, false},
	{"http_timeout_seconds", NULL, offsetof(struct settings, http_timeout), LOGIN_NONE, false},
	{"retry_timeout_seconds", NULL, offsetof(struct settings, retry_timeout), LOGIN_NONE, false},
};

#define N (sizeof(attributes) / sizeof(attributes[0]))
_Static_assert(N == sizeof(((struct settings *)0)->from) / sizeof(char *), "an attribute without a source");

static const char *const methods[] = {
	[LOGIN_PAT] = "pat",
	[LOGIN_BASIC] = "basic",
	[LOGIN_OAUTH_M2M] = "oauth-m2m",
	[LOGIN_AZURE_SECRET] = "azure-client-secret",
	[LOGIN_CLI] = "databricks-cli",
};

#define METHODS (sizeof(methods) / sizeof(methods[0]))

const char *
login_method_name(enum login_method m)
{
	return methods[m];
}

static char **
place(struct settings *s, size_t i)
{
	return (char **)((char *)s + attributes[i].offset);
}

/* Sets what is not set yet. */
static void
set(struct settings *s, size_t i, const char *value, const char *from)
{
	if (value == NULL || *value == '\0' || *place(s, i) != NULL)
		return;
	*place(s, i) = xstrdup(value);
	s->from[i] = from;
}

static void
wipe(char **text)
{
	if (*text != NULL)
		explicit_bzero(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

static void
settings_release(struct settings *s)
{
	for (size_t i = 0; i < N; i++)
		wipe(place(s, i));
}

/* ---- The file ---- */

static char *
config_path(void)
{
	const char *path = getenv("DATABRICKS_CONFIG_FILE"), *home = getenv("HOME");

	if (path == NULL || *path == '\0')
		path = "~/.databrickscfg";
	if (strncmp(path, "~/", 2) == 0)
		return home != NULL ? file_join(home, path + 2) : NULL;
	return xstrdup(path);
}

/* Whether anything says where to go or who one is, so that a file nobody named is left alone. */
static bool
is_set_already(const struct settings *s)
{
	for (size_t i = 0; i < N; i++)
		if (s->from[i] != NULL && (attributes[i].method != LOGIN_NONE || strcmp(attributes[i].key, "host") == 0 ||
		    strcmp(attributes[i].key, "azure_workspace_resource_id") == 0))
			return true;
	return false;
}

/* Takes over a profile. Returns 0, or -1 with *why. */
static int
take_profile(struct login *l, struct settings *s, const struct ini *file, const char *named, char **why)
{
	const char *profile = named;

	if (profile == NULL)
		profile = ini_get(file, "__settings__", "default_profile");
	if (profile == NULL)
		profile = "DEFAULT";
	if (strcmp(profile, "__settings__") == 0) {
		*why = xstrdup("profile '__settings__' is reserved, and none to log in with");
		return -1;
	}
	if (!ini_has_section(file, profile)) {
		if (named == NULL && strcmp(profile, "DEFAULT") == 0)
			return 0;
		*why = xasprintf("'%s' has no profile '%s'", l->config_file, profile);
		return -1;
	}
	l->profile = xstrdup(profile);
	for (size_t i = 0; i < N; i++)
		set(s, i, ini_get(file, profile, attributes[i].key), "profile");
	return 0;
}

static int
read_file(struct login *l, struct settings *s, const char *named, char **why)
{
	struct ini file = INI_INIT;
	struct buf text = BUF_INIT;
	int result;

	l->config_file = config_path();
	if (l->config_file == NULL)
		return 0;
	if (file_read(l->config_file, &text, FILE_BYTES_MAX) == -1) {
		if (errno == ENOENT && named == NULL) {
			free(l->config_file);
			l->config_file = NULL;
			return 0;
		}
		*why = xasprintf("cannot read '%s'%s%s%s: %s", l->config_file, named != NULL ? " for profile '" : "",
		    named != NULL ? named : "", named != NULL ? "'" : "", strerror(errno));
		return -1;
	}
	ini_read(&file, buf_str(&text), text.len);
	result = take_profile(l, s, &file, named, why);
	ini_release(&file);
	if (text.data != NULL)
		explicit_bzero(text.data, text.len);
	buf_release(&text);
	return result;
}

/* ---- The host ---- */

/* "localhost", 127.0.0.0/8 and ::1, with or without a port. */
static bool
is_loopback(const char *authority)
{
	char name[64];
	struct in_addr v4;
	size_t n;

	if (*authority == '[')
		return strncmp(authority, "[::1]", 5) == 0 && (authority[5] == '\0' || authority[5] == ':');
	n = strcspn(authority, ":");
	if (n >= sizeof(name))
		return false;
	memcpy(name, authority, n);
	name[n] = '\0';
	return strcmp(name, "localhost") == 0 || (inet_pton(AF_INET, name, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127);
}

/* A number behind "name=" in the query of an address that was copied from a browser. */
static char *
id_in_query(const char *query, const char *name)
{
	size_t n = strlen(name);

	while (query != NULL) {
		query++;	/* '?' or '&' */
		if (strncmp(query, name, n) == 0 && query[n] == '=')
			return xmemdup0(query + n + 1, strspn(query + n + 1, "0123456789"));
		query = strchr(query, '&');
	}
	return NULL;
}

static int
take_host(struct login *l, const char *host, char **why)
{
	static const char *const names[] = {"o", "workspace_id", "w"};
	const char *authority = host, *scheme = "https://";
	size_t n;

	if (strncmp(host, "https://", 8) == 0) {
		authority += 8;
	} else if (strncmp(host, "http://", 7) == 0) {
		authority += 7;
		scheme = "http://";
	}
	n = strcspn(authority, "/?#");
	if (n == 0 || memchr(authority, '@', n) != NULL || strspn(authority, " ") > 0) {
		*why = xasprintf("host '%s' is no address of a workspace, such as https://adb-123.azuredatabricks.net", host);
		return -1;
	}
	l->host = xasprintf("%s%.*s", scheme, (int)n, authority);
	if (*scheme == 'h' && scheme[4] == ':' && !is_loopback(l->host + 7)) {
		*why = xasprintf("host '%s' would be spoken to without TLS; write https://", host);
		return -1;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && l->workspace_id == NULL; i++)
		l->workspace_id = id_in_query(strchr(authority, '?'), names[i]);
	return 0;
}

/* ---- The way to log in ---- */

/* Finds the CLI as a shell would. NULL when there is none. */
static char *
find_cli(const char *named)
{
	const char *path = getenv("PATH");
	char *copy, *rest, *folder, *found = NULL;

	if (named != NULL)
		return access(named, X_OK) == 0 ? xstrdup(named) : NULL;
	copy = rest = xstrdup(path != NULL ? path : "");
	while (found == NULL && (folder = strsep(&rest, ":")) != NULL) {
		if (*folder != '/')
			continue;	/* nothing is run from wherever one happens to be */
		found = file_join(folder, "databricks");
		if (access(found, X_OK) == -1) {
			free(found);
			found = NULL;
		}
	}
	free(copy);
	return found;
}

static bool
has_all_of(const struct settings *s, enum login_method m)
{
	switch (m) {
	case LOGIN_PAT:
		return s->token != NULL;
	case LOGIN_BASIC:
		return s->username != NULL && s->password != NULL;
	case LOGIN_OAUTH_M2M:
		return s->client_id != NULL && s->client_secret != NULL;
	case LOGIN_AZURE_SECRET:
		return s->azure_client_id != NULL && s->azure_client_secret != NULL;	/* the tenant can be found out */
	case LOGIN_CLI:
		break;
	}
	return false;
}

/* Where the attributes of a method come from: "DATABRICKS_TOKEN" or "token of profile 'x'". */
static void
put_sources(struct buf *b, const struct login *l, const struct settings *s, enum login_method m)
{
	const char *comma = "";

	for (size_t i = 0; i < N; i++) {
		if (attributes[i].method != m || s->from[i] == NULL)
			continue;
		if (strcmp(s->from[i], "environment") == 0)
			buf_addf(b, "%s%s", comma, attributes[i].variable);
		else
			buf_addf(b, "%s%s of profile '%s'", comma, attributes[i].key, l->profile);
		comma = ", ";
	}
}

static int
ambiguous(const struct login *l, const struct settings *s, char **why)
{
	struct buf b = BUF_INIT;
	const char *and = "";

	buf_adds(&b, "more than one way to log in: ");
	for (size_t m = 0; m < METHODS; m++) {
		if (!has_all_of(s, (enum login_method)m))
			continue;
		buf_adds(&b, and);
		put_sources(&b, l, s, (enum login_method)m);
		buf_addf(&b, " (%s)", methods[m]);
		and = " and ";
	}
	buf_adds(&b, "; choose one by auth_type in the profile, or DATABRICKS_AUTH_TYPE");
	*why = buf_steal(&b);
	return -1;
}

static int
take_named_method(struct login *l, const struct settings *s, char **why)
{
	struct buf known = BUF_INIT;

	for (size_t m = 0; m < METHODS; m++) {
		buf_addf(&known, "%s%s", m > 0 ? ", " : "", methods[m]);
		if (strcmp(methods[m], s->auth_type) != 0)
			continue;
		l->method = (enum login_method)m;
		buf_release(&known);
		if (l->method == LOGIN_CLI || has_all_of(s, l->method))
			return 0;
		*why = xasprintf("auth_type is '%s', but what that needs is not all set", s->auth_type);
		return -1;
	}
	*why = xasprintf("auth_type '%s' is not known here; it can be one of %s", s->auth_type, buf_str(&known));
	buf_release(&known);
	return -1;
}

static int
take_method(struct login *l, const struct settings *s, char **why)
{
	size_t ways = 0;

	if (s->auth_type != NULL) {
		if (take_named_method(l, s, why) == -1)
			return -1;
	} else {
		for (size_t m = 0; m < METHODS; m++) {
			if (!has_all_of(s, (enum login_method)m))
				continue;
			if (ways++ == 0)
				l->method = (enum login_method)m;
		}
		if (ways > 1)
			return ambiguous(l, s, why);
		if (ways == 0)
			l->method = LOGIN_CLI;
	}
	if (l->method != LOGIN_CLI)
		return 0;
	l->cli = find_cli(s->cli_path);
	if (l->cli != NULL)
		return 0;
	*why = xasprintf("there is no way to log in to '%s': set DATABRICKS_TOKEN, or DATABRICKS_CLIENT_ID and "
	    "DATABRICKS_CLIENT_SECRET, name a profile of ~/.databrickscfg, or log in with the Databricks CLI", l->host);
	return -1;
}

/* ---- The whole ---- */

static char *
take(char **text)
{
	char *taken = *text;

	*text = NULL;
	return taken;
}

static void
describe(struct login *l, const struct settings *s)
{
	struct buf b = BUF_INIT;
	const char *comma = "";

	buf_addf(&b, "host=%s, auth_type=%s", l->host, methods[l->method]);
	for (size_t i = 0; i < N; i++)
		if (s->from[i] != NULL && attributes[i].method == l->method)
			buf_addf(&b, ", %s=%s", attributes[i].key, attributes[i].secret ? "***" : *place((struct settings *)s, i));
	if (l->profile != NULL)
		buf_addf(&b, ", profile=%s of %s", l->profile, l->config_file);
	for (size_t i = 0; i < N; i++) {
		if (s->from[i] == NULL || strcmp(s->from[i], "environment") != 0)
			continue;
		buf_addf(&b, "%s%s", *comma == '\0' ? "; from the environment: " : comma, attributes[i].variable);
		comma = ", ";
	}
	l->description = buf_steal(&b);
}

static int64_t
seconds(const char *text, int64_t otherwise)
{
	char *end;
	double d = text != NULL ? strtod(text, &end) : 0;

	return text != NULL && end != text && *end == '\0' && d > 0 ? clock_from_seconds(d) : otherwise;
}

int
login_resolve(struct login *l, const struct target *t, char **why)
{
	const struct databricks *d = t->databricks;
	const char *named = d->profile != NULL ? d->profile : getenv("DATABRICKS_CONFIG_PROFILE");
	struct settings s = {.host = NULL};
	int result = -1;

	*l = (struct login){.host = NULL};
	if (named != NULL && *named == '\0')
		named = NULL;
	set(&s, 0, d->host, "workflow");
	for (size_t i = 0; i < N; i++)
		if (attributes[i].variable != NULL)
			set(&s, i, getenv(attributes[i].variable), "environment");
	if ((named != NULL || !is_set_already(&s)) && read_file(l, &s, named, why) == -1)
		goto out;
	if (s.host == NULL) {
		*why = xstrdup("the workspace's host is not known: set DATABRICKS_HOST, or 'host' or 'profile' of the target");
		goto out;
	}
	if (take_host(l, s.host, why) == -1 || take_method(l, &s, why) == -1)
		goto out;
	describe(l, &s);
	l->token = take(&s.token);
	l->username = take(&s.username);
	l->password = take(&s.password);
	l->client_id = take(&s.client_id);
	l->client_secret = take(&s.client_secret);
	l->azure_client_id = take(&s.azure_client_id);
	l->azure_client_secret = take(&s.azure_client_secret);
	l->azure_tenant_id = take(&s.azure_tenant_id);
	l->azure_resource_id = take(&s.azure_resource_id);
	l->azure_environment = take(&s.azure_environment);
	l->cluster_id = take(&s.cluster_id);
	l->warehouse_id = take(&s.warehouse_id);
	if (l->workspace_id == NULL)
		l->workspace_id = take(&s.workspace_id);
	l->http_timeout = seconds(s.http_timeout, HTTP_TIMEOUT);
	l->retry_timeout = seconds(s.retry_timeout, RETRY_TIMEOUT);
	result = 0;
out:
	settings_release(&s);
	return result;
}

void
login_release(struct login *l)
{
	char **const texts[] = {
		&l->host, &l->token, &l->username, &l->password, &l->client_id, &l->client_secret, &l->azure_client_id,
		&l->azure_client_secret, &l->azure_tenant_id, &l->azure_resource_id, &l->azure_environment, &l->workspace_id,
		&l->profile, &l->config_file, &l->cli, &l->cluster_id, &l->warehouse_id, &l->description,
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		wipe(texts[i]);
}
