#include "databricks/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "databricks/ini.h"

#define FILE_BYTES_MAX ((size_t)1024 * 1024)

static const struct {
	const char *key, *variable;
	bool secret;
	bool logs_in;	/* it says who one is, or where to go: then a file that nobody names is left alone */
} attributes[] = {
	[SET_HOST] = {"host", "DATABRICKS_HOST", false, true},
	[SET_TOKEN] = {"token", "DATABRICKS_TOKEN", true, true},
	[SET_USERNAME] = {"username", "DATABRICKS_USERNAME", false, true},
	[SET_PASSWORD] = {"password", "DATABRICKS_PASSWORD", true, true},
	[SET_CLIENT_ID] = {"client_id", "DATABRICKS_CLIENT_ID", false, true},
	[SET_CLIENT_SECRET] = {"client_secret", "DATABRICKS_CLIENT_SECRET", true, true},
	[SET_AZURE_CLIENT_ID] = {"azure_client_id", "ARM_CLIENT_ID", false, true},
	[SET_AZURE_CLIENT_SECRET] = {"azure_client_secret", "ARM_CLIENT_SECRET", true, true},
	[SET_AZURE_TENANT_ID] = {"azure_tenant_id", "ARM_TENANT_ID", false, true},
	[SET_AZURE_RESOURCE_ID] = {"azure_workspace_resource_id", "DATABRICKS_AZURE_RESOURCE_ID", false, true},
	[SET_AZURE_ENVIRONMENT] = {"azure_environment", "ARM_ENVIRONMENT", false, false},
	[SET_AUTH_TYPE] = {"auth_type", "DATABRICKS_AUTH_TYPE", false, false},
	[SET_CLUSTER_ID] = {"cluster_id", "DATABRICKS_CLUSTER_ID", false, false},
	[SET_WAREHOUSE_ID] = {"warehouse_id", "DATABRICKS_WAREHOUSE_ID", false, false},
	[SET_WORKSPACE_ID] = {"workspace_id", "DATABRICKS_WORKSPACE_ID", false, false},
	[SET_CLI_PATH] = {"databricks_cli_path", "DATABRICKS_CLI_PATH", false, false},
	[SET_HTTP_TIMEOUT] = {"http_timeout_seconds", NULL, false, false},
	[SET_RETRY_TIMEOUT] = {"retry_timeout_seconds", NULL, false, false},
};

_Static_assert(sizeof(attributes) / sizeof(attributes[0]) == SETTINGS, "an attribute without a name");

const char *
settings_key(enum setting a)
{
	return attributes[a].key;
}

const char *
settings_variable(enum setting a)
{
	return attributes[a].variable;
}

bool
settings_is_secret(enum setting a)
{
	return attributes[a].secret;
}

void
settings_put_source(const struct settings *s, enum setting a, struct buf *out)
{
	if (s->by[a] == SET_BY_ENVIRONMENT)
		buf_adds(out, attributes[a].variable);
	else if (s->by[a] == SET_BY_PROFILE)
		buf_addf(out, "%s of profile '%s'", attributes[a].key, s->profile);
	else
		buf_addf(out, "%s of the target", attributes[a].key);
}

void
settings_release(struct settings *s)
{
	for (size_t i = 0; i < SETTINGS; i++) {
		if (s->value[i] != NULL)
			explicit_bzero(s->value[i], strlen(s->value[i]));
		free(s->value[i]);
	}
	free(s->profile);
	free(s->config_file);
	*s = (struct settings){.profile = NULL};
}

char *
settings_take(struct settings *s, enum setting a)
{
	char *taken = s->value[a];

	s->value[a] = NULL;
	return taken;
}

/* Sets what is not set yet. */
static void
set(struct settings *s, enum setting a, const char *value, enum set_by by)
{
	if (value == NULL || *value == '\0' || s->value[a] != NULL)
		return;
	s->value[a] = xstrdup(value);
	s->by[a] = by;
}

/* NULL also for an empty one. */
static const char *
variable(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && *value != '\0' ? value : NULL;
}

/* NULL when it would be in the home folder and nobody says which that is. */
static char *
config_path(void)
{
	const char *path = variable("DATABRICKS_CONFIG_FILE"), *home = variable("HOME");

	if (path == NULL)
		path = "~/.databrickscfg";
	if (strncmp(path, "~/", 2) == 0)
		return home != NULL ? file_join(home, path + 2) : NULL;
	return xstrdup(path);
}

static bool
is_set_already(const struct settings *s)
{
	for (size_t i = 0; i < SETTINGS; i++)
		if (s->by[i] != SET_BY_NOTHING && attributes[i].logs_in)
			return true;
	return false;
}

/* Takes over a profile. named is NULL when neither the target nor the environment has one. */
static int
take_profile(struct settings *s, const struct ini *file, const char *named, char **why)
{
	const char *profile = named != NULL ? named : ini_get(file, "__settings__", "default_profile");
	char *sections;

	if (profile == NULL)
		profile = "DEFAULT";
	if (strcmp(profile, "__settings__") == 0) {
		*why = xstrdup("'__settings__' is no profile to log in with; name another one");
		return -1;
	}
	if (!ini_has_section(file, profile)) {
		if (named == NULL && strcmp(profile, "DEFAULT") == 0)
			return 0;
		sections = ini_sections(file);
		*why = xasprintf("'%s' has no profile '%s'%s; %s%s", s->config_file, profile,
		    named == NULL ? ", which is its default_profile" : "",
		    *sections != '\0' ? "name one of: " : "it has none at all: make one by 'databricks auth login'",
		    sections);
		free(sections);
		return -1;
	}
	s->profile = xstrdup(profile);
	for (size_t i = 0; i < SETTINGS; i++)
		set(s, (enum setting)i, ini_get(file, profile, attributes[i].key), SET_BY_PROFILE);
	return 0;
}

static int
read_file(struct settings *s, const char *named, char **why)
{
	struct ini file = INI_INIT;
	struct buf text = BUF_INIT;
	int result;

	s->config_file = config_path();
	if (s->config_file == NULL) {
		if (named == NULL)
			return 0;
		*why = xasprintf("cannot look for profile '%s': set HOME, or DATABRICKS_CONFIG_FILE to the file's path",
		    named);
		return -1;
	}
	if (file_read(s->config_file, &text, FILE_BYTES_MAX) == -1) {
		if (errno != ENOENT) {
			*why = xasprintf("cannot read '%s': %s", s->config_file, strerror(errno));
			return -1;
		}
		if (named != NULL) {
			*why = xasprintf("there is no '%s' to have profile '%s': make it by 'databricks auth login', "
			    "or set DATABRICKS_CONFIG_FILE", s->config_file, named);
			return -1;
		}
		free(s->config_file);
		s->config_file = NULL;
		return 0;
	}
	ini_read(&file, buf_str(&text), text.len);
	result = take_profile(s, &file, named, why);
	ini_release(&file);
	if (text.data != NULL)
		explicit_bzero(text.data, text.len);
	buf_release(&text);
	return result;
}

int
settings_read(struct settings *s, const struct target *t, char **why)
{
	const struct databricks *d = t->databricks;
	const char *named = d->profile;

	*s = (struct settings){.profile = NULL};
	if (named == NULL || *named == '\0')
		named = variable("DATABRICKS_CONFIG_PROFILE");
	set(s, SET_HOST, d->host, SET_BY_WORKFLOW);
	for (size_t i = 0; i < SETTINGS; i++)
		if (attributes[i].variable != NULL)
			set(s, (enum setting)i, variable(attributes[i].variable), SET_BY_ENVIRONMENT);
	return named != NULL || !is_set_already(s) ? read_file(s, named, why) : 0;
}
