#include "databricks/login.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "databricks/http.h"
#include "databricks/settings.h"

#define HTTP_TIMEOUT (60 * NSEC_PER_SEC)
#define RETRY_TIMEOUT (300 * NSEC_PER_SEC)
#define PARTS_MOST 2	/* attributes that a method cannot do without */

/* The ways to log in, and what each needs. */
static const struct {
	const char *name;
	enum setting needs[PARTS_MOST];
	size_t n;
} methods[] = {
	[LOGIN_PAT] = {"pat", {SET_TOKEN}, 1},
	[LOGIN_BASIC] = {"basic", {SET_USERNAME, SET_PASSWORD}, 2},
	[LOGIN_OAUTH_M2M] = {"oauth-m2m", {SET_CLIENT_ID, SET_CLIENT_SECRET}, 2},
	/* the tenant can be found out */
	[LOGIN_AZURE_SECRET] = {"azure-client-secret", {SET_AZURE_CLIENT_ID, SET_AZURE_CLIENT_SECRET}, 2},
	[LOGIN_CLI] = {"databricks-cli", {SET_HOST}, 0},
};

#define METHODS (sizeof(methods) / sizeof(methods[0]))

const char *
login_method_name(enum login_method m)
{
	return methods[m].name;
}

/* ---- The host ---- */

static bool
is_digits(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] < '0' || s[i] > '9')
			return false;
	return n > 0;
}

/*
 * Whether it is a host's name or address, with or without a port, and nothing that would mean something else in a
 * request.
 */
static bool
is_authority(const char *s, size_t n)
{
	const char *colon;
	size_t name = 0, port;

	if (n > 2 && *s == '[') {
		while (name < n && s[name] != ']')
			name++;
		if (name == n || strspn(s + 1, "0123456789abcdefABCDEF:.") != name - 1)
			return false;
		name++;
	} else {
		colon = memchr(s, ':', n);
		name = colon != NULL ? (size_t)(colon - s) : n;
		if (name == 0 || strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_") < name)
			return false;
	}
	port = n - name;
	return port == 0 || (s[name] == ':' && port <= 6 && is_digits(s + name + 1, port - 1));
}

/* A number behind "name=" in the query of an address that was copied from a browser; NULL for none. */
static char *
id_in_query(const char *query, const char *name)
{
	size_t n = strlen(name), digits;

	while (query != NULL) {
		query++;	/* '?' or '&' */
		digits = strncmp(query, name, n) == 0 && query[n] == '=' ? strspn(query + n + 1, "0123456789") : 0;
		if (digits > 0)
			return xmemdup0(query + n + 1, digits);
		query = strchr(query, '&');
	}
	return NULL;
}

static int
take_host(struct login *l, const char *host, char **why)
{
	static const char *const names[] = {"o", "workspace_id", "w"};
	const char *authority = host, *scheme = "https://", *at;
	size_t n;

	if (strncasecmp(host, "https://", 8) == 0) {
		authority += 8;
	} else if (strncasecmp(host, "http://", 7) == 0) {
		authority += 7;
		scheme = "http://";
	}
	n = strcspn(authority, "/?#");
	if (!is_authority(authority, n)) {
		/* What stands before an '@' may be a password. */
		at = memrchr(authority, '@', n);
		*why = xasprintf("host '%s%.*s' is no address of a workspace; write one such as "
		    "https://adb-123.azuredatabricks.net", at != NULL ? "***" : "",
		    (int)(at != NULL ? authority + n - at : authority + n - host), at != NULL ? at : host);
		return -1;
	}
	l->host = xasprintf("%s%.*s", scheme, (int)n, authority);
	if (!http_url_is_private(l->host)) {
		*why = xasprintf("host '%s' would be spoken to without TLS; write https://", l->host);
		return -1;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && l->workspace_id == NULL; i++)
		l->workspace_id = id_in_query(strchr(authority, '?'), names[i]);
	return 0;
}

/* ---- The way to log in ---- */

static bool
is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* Looks in the folders of PATH, as a shell would. NULL when there is none. */
static char *
find_on_path(const char *name)
{
	const char *path = getenv("PATH");
	char *copy, *rest, *folder, *found = NULL;

	copy = rest = xstrdup(path != NULL ? path : "");
	while (found == NULL && (folder = strsep(&rest, ":")) != NULL) {
		if (*folder != '/')
			continue;	/* nothing is run from wherever one happens to be */
		found = file_join(folder, name);
		if (!is_program(found)) {
			free(found);
			found = NULL;
		}
	}
	free(copy);
	return found;
}

/* NULL when there is none. */
static char *
find_cli(const char *named)
{
	const char *home = getenv("HOME");
	char *folder, *found;

	if (named == NULL)
		return find_on_path("databricks");
	if (strchr(named, '/') == NULL)
		return find_on_path(named);
	if (strncmp(named, "~/", 2) == 0 && home != NULL) {
		found = file_join(home, named + 2);
	} else {
		folder = getcwd(NULL, 0);
		found = file_join(folder != NULL ? folder : "/", named);
		free(folder);
	}
	if (is_program(found))
		return found;
	free(found);
	return NULL;
}

/* How many of the attributes that a method needs are set. */
static size_t
parts_set(const struct settings *s, enum login_method m)
{
	size_t n = 0;

	for (size_t i = 0; i < methods[m].n; i++)
		n += s->value[methods[m].needs[i]] != NULL;
	return n;
}

static bool
has_all_of(const struct settings *s, enum login_method m)
{
	return methods[m].n > 0 && parts_set(s, m) == methods[m].n;
}

static int
ambiguous(const struct settings *s, char **why)
{
	struct buf b = BUF_INIT;
	const char *and = "";

	buf_adds(&b, "more than one way to log in: ");
	for (size_t m = 0; m < METHODS; m++) {
		if (!has_all_of(s, (enum login_method)m))
			continue;
		buf_adds(&b, and);
		for (size_t i = 0; i < methods[m].n; i++) {
			buf_adds(&b, i > 0 ? ", " : "");
			settings_put_source(s, methods[m].needs[i], &b);
		}
		buf_addf(&b, " (%s)", methods[m].name);
		and = " and ";
	}
	buf_adds(&b, "; unset one of them, or choose one by auth_type in the profile or DATABRICKS_AUTH_TYPE");
	*why = buf_steal(&b);
	return -1;
}

/* Says what a method lacks. */
static int
incomplete(const struct settings *s, enum login_method m, char **why)
{
	struct buf b = BUF_INIT;
	const char *comma = "";

	buf_addf(&b, "what %s needs to log in is not all set: set ", methods[m].name);
	for (size_t i = 0; i < methods[m].n; i++) {
		enum setting a = methods[m].needs[i];

		if (s->value[a] != NULL)
			continue;
		buf_addf(&b, "%s%s (%s in a profile)", comma, settings_variable(a), settings_key(a));
		comma = ", ";
	}
	for (size_t i = 0; i < methods[m].n; i++) {
		if (s->value[methods[m].needs[i]] == NULL)
			continue;
		buf_adds(&b, ", or unset ");
		settings_put_source(s, methods[m].needs[i], &b);
	}
	*why = buf_steal(&b);
	return -1;
}

static int
take_cli(struct login *l, const struct settings *s, char **why)
{
	const char *named = s->value[SET_CLI_PATH];

	l->method = LOGIN_CLI;
	l->cli = find_cli(named);
	if (l->cli != NULL)
		return 0;
	/* A service principal of which only a part is set is what was meant, rather than a person. */
	if (s->value[SET_AUTH_TYPE] == NULL && parts_set(s, LOGIN_AZURE_SECRET) > 0)
		return incomplete(s, LOGIN_AZURE_SECRET, why);
	if (named != NULL)
		*why = xasprintf("the Databricks CLI is not at '%s': set DATABRICKS_CLI_PATH to where it is", named);
	else if (s->value[SET_AUTH_TYPE] != NULL)
		*why = xstrdup("the Databricks CLI, which auth_type 'databricks-cli' needs, is not on PATH: install it, "
		    "or set DATABRICKS_CLI_PATH");
	else
		*why = xasprintf("there is no way to log in to '%s': set DATABRICKS_TOKEN, or DATABRICKS_CLIENT_ID and "
		    "DATABRICKS_CLIENT_SECRET, name a profile of ~/.databrickscfg, or log in with the Databricks CLI",
		    l->host);
	return -1;
}

static int
take_named_method(struct login *l, const struct settings *s, char **why)
{
	const char *name = s->value[SET_AUTH_TYPE];
	struct buf known = BUF_INIT;

	for (size_t m = 0; m < METHODS; m++) {
		if (strcmp(methods[m].name, name) != 0)
			continue;
		l->method = (enum login_method)m;
		if (l->method == LOGIN_CLI)
			return take_cli(l, s, why);
		return has_all_of(s, l->method) ? 0 : incomplete(s, l->method, why);
	}
	for (size_t m = 0; m < METHODS; m++)
		buf_addf(&known, "%s%s", m > 0 ? ", " : "", methods[m].name);
	*why = xasprintf("auth_type '%s' is not known here; use one of %s", name, buf_str(&known));
	buf_release(&known);
	return -1;
}

static int
take_method(struct login *l, const struct settings *s, char **why)
{
	/* Whoever has set a part of these means them, and not whom the CLI has logged in. */
	static const enum login_method own[] = {LOGIN_BASIC, LOGIN_OAUTH_M2M};
	size_t ways = 0;

	if (s->value[SET_AUTH_TYPE] != NULL)
		return take_named_method(l, s, why);
	for (size_t m = METHODS; m-- > 0;) {
		if (!has_all_of(s, (enum login_method)m))
			continue;
		ways++;
		l->method = (enum login_method)m;
	}
	if (ways > 1)
		return ambiguous(s, why);
	if (ways == 1)
		return 0;
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (parts_set(s, own[i]) > 0)
			return incomplete(s, own[i], why);
	return take_cli(l, s, why);
}

/* ---- The whole ---- */

/* What would become a part of a request's head must not be able to begin another line of it. */
static int
check_text(const struct settings *s, enum setting a, char **why)
{
	struct buf b = BUF_INIT;
	const char *v = s->value[a];

	if (v == NULL)
		return 0;
	for (; *v > ' ' && *v < 0x7f; v++)
		;
	if (*v == '\0')
		return 0;
	settings_put_source(s, a, &b);
	*why = xasprintf("%s holds a blank, a line end or another character that cannot be in it: set it anew",
	    buf_str(&b));
	buf_release(&b);
	return -1;
}

static int
take_seconds(const struct settings *s, enum setting a, int64_t otherwise, int64_t *taken, char **why)
{
	const char *text = s->value[a];
	char *end;
	double d;

	*taken = otherwise;
	if (text == NULL)
		return 0;
	d = strtod(text, &end);
	if (end == text || *end != '\0' || !(d >= 0)) {
		*why = xasprintf("%s of profile '%s' is '%s': write a number of seconds", settings_key(a), s->profile,
		    text);
		return -1;
	}
	if (d > 0)
		*taken = clock_from_seconds(d);
	return 0;
}

static void
describe(struct login *l, const struct settings *s)
{
	struct buf b = BUF_INIT;
	const char *comma = "; from the environment: ";

	buf_addf(&b, "host=%s, auth_type=%s", l->host, methods[l->method].name);
	for (size_t i = 0; i < methods[l->method].n; i++) {
		enum setting a = methods[l->method].needs[i];

		buf_addf(&b, ", %s=%s", settings_key(a), settings_is_secret(a) ? "***" : s->value[a]);
	}
	if (s->profile != NULL)
		buf_addf(&b, ", profile=%s (file %s)", s->profile, s->config_file);
	for (size_t i = 0; i < SETTINGS; i++) {
		if (s->by[i] != SET_BY_ENVIRONMENT)
			continue;
		buf_addf(&b, "%s%s", comma, settings_variable((enum setting)i));
		comma = ", ";
	}
	l->description = buf_steal(&b);
}

static void
no_host(const struct settings *s, char **why)
{
	*why = xasprintf("the workspace's host is not known%s%s%s: set DATABRICKS_HOST, or 'host' or 'profile' of the "
	    "target", s->profile != NULL ? " (profile '" : "", s->profile != NULL ? s->profile : "",
	    s->profile != NULL ? "' has none)" : "");
}

static int
take_all(struct login *l, struct settings *s, char **why)
{
	if (s->value[SET_HOST] == NULL) {
		no_host(s, why);
		return -1;
	}
	if (take_host(l, s->value[SET_HOST], why) == -1 || take_method(l, s, why) == -1 ||
	    check_text(s, SET_TOKEN, why) == -1 || check_text(s, SET_WORKSPACE_ID, why) == -1 ||
	    take_seconds(s, SET_HTTP_TIMEOUT, HTTP_TIMEOUT, &l->http_timeout, why) == -1 ||
	    take_seconds(s, SET_RETRY_TIMEOUT, RETRY_TIMEOUT, &l->retry_timeout, why) == -1)
		return -1;
	describe(l, s);
	l->token = settings_take(s, SET_TOKEN);
	l->username = settings_take(s, SET_USERNAME);
	l->password = settings_take(s, SET_PASSWORD);
	l->client_id = settings_take(s, SET_CLIENT_ID);
	l->client_secret = settings_take(s, SET_CLIENT_SECRET);
	l->azure_client_id = settings_take(s, SET_AZURE_CLIENT_ID);
	l->azure_client_secret = settings_take(s, SET_AZURE_CLIENT_SECRET);
	l->azure_tenant_id = settings_take(s, SET_AZURE_TENANT_ID);
	l->azure_resource_id = settings_take(s, SET_AZURE_RESOURCE_ID);
	l->azure_environment = settings_take(s, SET_AZURE_ENVIRONMENT);
	l->cluster_id = settings_take(s, SET_CLUSTER_ID);
	l->warehouse_id = settings_take(s, SET_WAREHOUSE_ID);
	/* "none" is what the CLI writes for an account's profile. */
	if (s->value[SET_WORKSPACE_ID] != NULL && strcmp(s->value[SET_WORKSPACE_ID], "none") != 0) {
		free(l->workspace_id);
		l->workspace_id = settings_take(s, SET_WORKSPACE_ID);
	}
	return 0;
}

int
login_resolve(struct login *l, const struct target *t, char **why)
{
	struct settings s;
	int result;

	*l = (struct login){.host = NULL};
	result = settings_read(&s, t, why);
	l->profile = s.profile;
	l->config_file = s.config_file;
	if (result == 0)
		result = take_all(l, &s, why);
	s.profile = s.config_file = NULL;
	settings_release(&s);
	return result;
}

void
login_mask(const struct login *l, struct mask *m)
{
	const char *const secrets[] = {l->token, l->password, l->client_secret, l->azure_client_secret};

	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
		if (secrets[i] != NULL)
			mask_add_spellings(m, secrets[i], strlen(secrets[i]));
}

static void
wipe(char **text)
{
	if (*text != NULL)
		explicit_bzero(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

void
login_release(struct login *l)
{
	char **const texts[] = {
		&l->host, &l->token, &l->username, &l->password, &l->client_id, &l->client_secret, &l->azure_client_id,
		&l->azure_client_secret, &l->azure_tenant_id, &l->azure_resource_id, &l->azure_environment,
		&l->workspace_id,
		&l->profile, &l->config_file, &l->cli, &l->cluster_id, &l->warehouse_id, &l->description,
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		wipe(texts[i]);
}
