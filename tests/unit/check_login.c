#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "databricks/login.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define HOST "https://adb-1.azuredatabricks.net"
#define SECRET "s3cr3t"	/* a part of every secret here */

static char folder[] = "/tmp/check_login.XXXXXX";
static struct databricks databricks;
static struct target target = {.databricks = &databricks};
static struct login l;
static char *why;

/* An environment without anything of ours, a home folder, and a PATH without the CLI. */
static void
begin(void)
{
	static const char *const variables[] = {
		"DATABRICKS_HOST", "DATABRICKS_TOKEN", "DATABRICKS_USERNAME", "DATABRICKS_PASSWORD",
		    "DATABRICKS_CLIENT_ID",
		"DATABRICKS_CLIENT_SECRET", "ARM_CLIENT_ID", "ARM_CLIENT_SECRET", "ARM_TENANT_ID", "ARM_ENVIRONMENT",
		"DATABRICKS_AZURE_RESOURCE_ID", "DATABRICKS_AUTH_TYPE", "DATABRICKS_CLUSTER_ID",
		    "DATABRICKS_WAREHOUSE_ID",
		"DATABRICKS_WORKSPACE_ID", "DATABRICKS_CLI_PATH", "DATABRICKS_CONFIG_FILE", "DATABRICKS_CONFIG_PROFILE",
	};

	ck_assert_ptr_nonnull(mkdtemp(folder));
	for (int i = 0; i < COUNT(variables); i++)
		unsetenv(variables[i]);
	setenv("HOME", folder, 1);
	setenv("PATH", "/nowhere", 1);
	databricks = (struct databricks){.queue = true};
}

static void
end(void)
{
	login_release(&l);
	free(why);
	file_remove_tree(folder);
}

static void
write_file(const char *name, const char *text, mode_t mode)
{
	char *path = file_join(folder, name);

	ck_assert_int_eq(file_replace(path, text, strlen(text)), 0);
	ck_assert_int_eq(chmod(path, mode), 0);
	free(path);
}

static void
config(const char *text)
{
	write_file(".databrickscfg", text, 0600);
}

/* Sets "NAME=value" in the environment. */
static void
set(const char *setting)
{
	const char *equals = strchr(setting, '=');
	char *name = xmemdup0(setting, (size_t)(equals - setting));

	setenv(name, equals + 1, 1);
	free(name);
}

static void
resolve(void)
{
	login_release(&l);
	free(why);
	why = NULL;
	if (login_resolve(&l, &target, &why) == -1)
		ck_abort_msg("%s", why);
	ck_assert_ptr_null(why);
	ck_assert_ptr_nonnull(l.description);
	ck_assert_ptr_null(strstr(l.description, SECRET));
}

/* It is refused, with these words and no secret. */
static void
refuses(const char *const *words)
{
	login_release(&l);
	free(why);
	why = NULL;
	ck_assert_int_eq(login_resolve(&l, &target, &why), -1);
	ck_assert_ptr_nonnull(why);
	ck_assert_msg(strstr(why, SECRET) == NULL, "a secret is in '%s'", why);
	for (; *words != NULL; words++)
		ck_assert_msg(strstr(why, *words) != NULL, "no '%s' in '%s'", *words, why);
}

#define REFUSES(...) refuses((const char *const[]){__VA_ARGS__, NULL})

/* ---- Where it comes from ---- */

START_TEST(takes_the_environment)
{
	set("DATABRICKS_HOST=" HOST);
	set("DATABRICKS_TOKEN=dapi-" SECRET);
	set("DATABRICKS_CLUSTER_ID=c1");
	set("DATABRICKS_WAREHOUSE_ID=w1");
	set("DATABRICKS_WORKSPACE_ID=42");
	config("[DEFAULT]\nhost = https://other\nclient_id = i\nclient_secret = " SECRET "\n");
	resolve();
	ck_assert_str_eq(l.host, HOST);
	ck_assert_int_eq(l.method, LOGIN_PAT);
	ck_assert_str_eq(l.token, "dapi-" SECRET);
	ck_assert_str_eq(l.cluster_id, "c1");
	ck_assert_str_eq(l.warehouse_id, "w1");
	ck_assert_str_eq(l.workspace_id, "42");
	ck_assert_ptr_null(l.profile);	/* nobody names one: the file is left alone */
	ck_assert_ptr_null(l.config_file);
	ck_assert_ptr_null(l.client_id);
	ck_assert_int_eq(l.http_timeout, 60 * NSEC_PER_SEC);
	ck_assert_int_eq(l.retry_timeout, 300 * NSEC_PER_SEC);
	ck_assert_str_eq(l.description, "host=" HOST ", auth_type=pat, token=***; from the environment: "
	    "DATABRICKS_HOST, "
	    "DATABRICKS_TOKEN, DATABRICKS_CLUSTER_ID, DATABRICKS_WAREHOUSE_ID, DATABRICKS_WORKSPACE_ID");
}
END_TEST

START_TEST(takes_the_default_profile)
{
	char *path = file_join(folder, ".databrickscfg"), *expected;

	config("[DEFAULT]\nhost = " HOST "/\ntoken = " SECRET "#1 # mine\nhttp_timeout_seconds = 1.5\n"
	    "retry_timeout_seconds = 10\ncluster_id = c2\n");
	resolve();
	ck_assert_str_eq(l.host, HOST);
	ck_assert_str_eq(l.token, SECRET "#1");
	ck_assert_str_eq(l.profile, "DEFAULT");
	ck_assert_str_eq(l.config_file, path);
	ck_assert_str_eq(l.cluster_id, "c2");
	ck_assert_int_eq(l.http_timeout, 1500 * NSEC_PER_MSEC);
	ck_assert_int_eq(l.retry_timeout, 10 * NSEC_PER_SEC);
	expected = xasprintf("host=" HOST ", auth_type=pat, token=***, profile=DEFAULT (file %s)", path);
	ck_assert_str_eq(l.description, expected);
	free(expected);
	free(path);
}
END_TEST

/* Each attribute by itself: target, environment, profile. */
START_TEST(takes_each_from_the_first)
{
	config("[p]\nhost = https://of-profile\ntoken = t-" SECRET "\ncluster_id = of-profile\nwarehouse_id = "
	    "of-profile\n");
	set("DATABRICKS_CONFIG_PROFILE=p");
	set("DATABRICKS_CLUSTER_ID=of-environment");
	set("DATABRICKS_TOKEN=");	/* as good as not set */
	resolve();
	ck_assert_str_eq(l.host, "https://of-profile");
	ck_assert_str_eq(l.token, "t-" SECRET);
	ck_assert_str_eq(l.cluster_id, "of-environment");
	ck_assert_str_eq(l.warehouse_id, "of-profile");
	set("DATABRICKS_HOST=https://of-environment");
	set("DATABRICKS_TOKEN=e-" SECRET);
	resolve();
	ck_assert_str_eq(l.host, "https://of-environment");
	ck_assert_str_eq(l.token, "e-" SECRET);
	ck_assert_str_eq(l.warehouse_id, "of-profile");
	databricks.host = (char *)"https://of-target";
	resolve();
	ck_assert_str_eq(l.host, "https://of-target");
	ck_assert_str_eq(l.token, "e-" SECRET);
	ck_assert_str_eq(l.profile, "p");
}
END_TEST

START_TEST(chooses_the_profile)
{
	config("[DEFAULT]\nhost = https://d\ntoken = d-" SECRET "\ncluster_id = of-default\n[a]\nhost = "
	    "https://a\ntoken = a\n"
	    "[b]\nhost = https://b\ntoken = b\n[c]\nhost = https://c\ntoken = c\n[__settings__]\ndefault_profile = "
	    "a\n");
	resolve();
	ck_assert_str_eq(l.profile, "a");
	ck_assert_str_eq(l.host, "https://a");
	ck_assert_ptr_null(l.cluster_id);	/* DEFAULT is a profile like others, and no part of them */
	set("DATABRICKS_CONFIG_PROFILE=b");
	resolve();
	ck_assert_str_eq(l.host, "https://b");
	databricks.profile = (char *)"c";
	resolve();
	ck_assert_str_eq(l.host, "https://c");
	databricks.profile = (char *)"DEFAULT";
	resolve();
	ck_assert_str_eq(l.host, "https://d");
	ck_assert_str_eq(l.cluster_id, "of-default");
}
END_TEST

START_TEST(refuses_profiles)
{
	databricks.profile = (char *)"gone";
	REFUSES("there is no '", ".databrickscfg'", "'gone'", "databricks auth login");
	config("[a]\ntoken = " SECRET "\n[b]\n");
	REFUSES("has no profile 'gone'", "name one of: a, b");
	config("");
	REFUSES("has no profile 'gone'", "databricks auth login");
	databricks.profile = (char *)"__settings__";
	config("[__settings__]\ntoken = " SECRET "\n");
	REFUSES("'__settings__'", "name another");
	databricks.profile = NULL;
	config("[a]\n[__settings__]\ndefault_profile = gone\n");
	REFUSES("has no profile 'gone'", "default_profile", "name one of: a");
	databricks.profile = (char *)"x";
	unsetenv("HOME");
	REFUSES("'x'", "set HOME", "DATABRICKS_CONFIG_FILE");
	databricks.profile = NULL;
	set("DATABRICKS_CONFIG_FILE=/");
	REFUSES("cannot read '/'");
}
END_TEST

/* Neither the file nor DEFAULT has to be there when nobody names it. */
START_TEST(needs_no_default)
{
	REFUSES("host is not known", "set DATABRICKS_HOST", "'profile'");
	config("[a]\nhost = https://a\ntoken = " SECRET "\n");
	REFUSES("host is not known", "set DATABRICKS_HOST", "'profile'");
	config("[DEFAULT]\ntoken = " SECRET "\n");
	REFUSES("host is not known (profile 'DEFAULT' has none)", "set DATABRICKS_HOST");
}
END_TEST

START_TEST(finds_the_file)
{
	char *path = file_join(folder, "cfg");

	write_file("cfg", "[DEFAULT]\nhost = " HOST "\ntoken = x\n", 0600);
	setenv("DATABRICKS_CONFIG_FILE", path, 1);
	resolve();
	ck_assert_str_eq(l.config_file, path);
	set("DATABRICKS_CONFIG_FILE=~/cfg");
	resolve();
	ck_assert_str_eq(l.config_file, path);
	free(path);
}
END_TEST

/* ---- The host ---- */

static const struct {
	const char *written, *host, *workspace_id;	/* host NULL: it is refused */
} hosts[] = {
	{"adb-1.azuredatabricks.net", HOST, NULL},
	{HOST, HOST, NULL},
	{HOST "/", HOST, NULL},
	{"HTTPS://adb-1.azuredatabricks.net", HOST, NULL},
	{HOST ":8443", HOST ":8443", NULL},
	{HOST "/some/path", HOST, NULL},
	{HOST "/?o=123", HOST, "123"},
	{HOST "?o=123", HOST, "123"},
	{HOST "/?o=123#job/5/run/6", HOST, "123"},
	{HOST "/browse?a=1&o=123&x=2", HOST, "123"},
	{HOST "/?workspace_id=124", HOST, "124"},
	{HOST "/?w=125", HOST, "125"},
	{HOST "/?o=", HOST, NULL},
	{HOST "/?o=abc", HOST, NULL},
	{HOST "/?foo=123", HOST, NULL},
	{HOST "/#o=123", HOST, NULL},
	{"http://localhost:8080", "http://localhost:8080", NULL},
	{"http://LOCALHOST", "http://LOCALHOST", NULL},
	{"http://127.0.0.1:1/x", "http://127.0.0.1:1", NULL},
	{"http://127.9.8.7", "http://127.9.8.7", NULL},
	{"http://[::1]:8080/", "http://[::1]:8080", NULL},
	{"https://[2001:db8::1]:443", "https://[2001:db8::1]:443", NULL},
	{"http://adb-1.azuredatabricks.net", NULL, "write https://"},
	{"http://localhost.example.com", NULL, "write https://"},
	{"http://127.0.0.1.example.com", NULL, "write https://"},
	{"http://128.0.0.1", NULL, "write https://"},
	{"http://[::2]", NULL, "write https://"},
	{"https://", NULL, "no address of a workspace"},
	{"/", NULL, "no address of a workspace"},
	{"ftp://host", NULL, "no address of a workspace"},
	{"https://https://host", NULL, "no address of a workspace"},
	{"host name", NULL, "no address of a workspace"},
	{" host", NULL, "no address of a workspace"},
	{"host\r\nX-Evil: 1", NULL, "no address of a workspace"},
	{"host:", NULL, "no address of a workspace"},
	{"host:port", NULL, "no address of a workspace"},
	{"host:1234567", NULL, "no address of a workspace"},
	{":443", NULL, "no address of a workspace"},
	{"[::1", NULL, "no address of a workspace"},
	{"[::1]x", NULL, "no address of a workspace"},
	{"[]", NULL, "no address of a workspace"},
	{"h\xc3\xb6st", NULL, "no address of a workspace"},
	{"https://me:" SECRET "@host", NULL, "'***@host'"},
	{"https://me:" SECRET "@[::1]/?o=" SECRET, NULL, "'***@[::1]'"},
	{"http://me:" SECRET "@localhost", NULL, "'***@localhost'"},
	{"host x?token=" SECRET, NULL, "'host x'"},
};

START_TEST(takes_hosts)
{
	setenv("DATABRICKS_HOST", hosts[_i].written, 1);
	set("DATABRICKS_TOKEN=x");
	if (hosts[_i].host == NULL) {
		REFUSES(hosts[_i].workspace_id, "https://");
		return;
	}
	resolve();
	ck_assert_str_eq(l.host, hosts[_i].host);
	if (hosts[_i].workspace_id != NULL)
		ck_assert_pstr_eq(l.workspace_id, hosts[_i].workspace_id);
	else
		ck_assert_ptr_null(l.workspace_id);
}
END_TEST

START_TEST(takes_the_workspace_id)
{
	set("DATABRICKS_HOST=" HOST "/?o=1");
	set("DATABRICKS_TOKEN=x");
	set("DATABRICKS_WORKSPACE_ID=2");
	resolve();
	ck_assert_str_eq(l.workspace_id, "2");
	set("DATABRICKS_WORKSPACE_ID=none");
	resolve();
	ck_assert_str_eq(l.workspace_id, "1");
	set("DATABRICKS_WORKSPACE_ID=1\r\nX-Evil: 1");
	REFUSES("DATABRICKS_WORKSPACE_ID", "set it anew");
}
END_TEST

/* ---- The way to log in ---- */

static const struct {
	const char *settings[6];
	enum login_method method;
	const char *description;	/* a part of it */
} ways[] = {
	{{"DATABRICKS_TOKEN=" SECRET}, LOGIN_PAT, "auth_type=pat, token=***;"},
	{{"DATABRICKS_USERNAME=me", "DATABRICKS_PASSWORD=a " SECRET "\n"}, LOGIN_BASIC,
	    "auth_type=basic, username=me, password=***;"},
	{{"DATABRICKS_CLIENT_ID=id", "DATABRICKS_CLIENT_SECRET=" SECRET}, LOGIN_OAUTH_M2M,
	    "auth_type=oauth-m2m, client_id=id, client_secret=***;"},
	{{"ARM_CLIENT_ID=id", "ARM_CLIENT_SECRET=" SECRET, "ARM_TENANT_ID=t"}, LOGIN_AZURE_SECRET,
	    "auth_type=azure-client-secret, azure_client_id=id, azure_client_secret=***;"},
	{{"ARM_CLIENT_ID=id", "ARM_CLIENT_SECRET=" SECRET}, LOGIN_AZURE_SECRET, "auth_type=azure-client-secret"},
	/* What is only a part of another way does not count beside a whole one. */
	{{"DATABRICKS_TOKEN=" SECRET, "DATABRICKS_CLIENT_ID=id"}, LOGIN_PAT, "auth_type=pat"},
	{{"DATABRICKS_TOKEN=" SECRET, "ARM_TENANT_ID=t"}, LOGIN_PAT, "auth_type=pat"},
	/* One of several is chosen. */
	{{"DATABRICKS_AUTH_TYPE=pat", "DATABRICKS_TOKEN=" SECRET, "DATABRICKS_CLIENT_ID=id",
	    "DATABRICKS_CLIENT_SECRET=" SECRET}, LOGIN_PAT, "auth_type=pat, token=***;"},
	{{"DATABRICKS_AUTH_TYPE=oauth-m2m", "DATABRICKS_TOKEN=" SECRET, "DATABRICKS_CLIENT_ID=id",
	    "DATABRICKS_CLIENT_SECRET=" SECRET}, LOGIN_OAUTH_M2M, "auth_type=oauth-m2m, client_id=id"},
	{{"DATABRICKS_AUTH_TYPE=azure-client-secret", "ARM_CLIENT_ID=id", "ARM_CLIENT_SECRET=" SECRET,
	    "DATABRICKS_TOKEN=" SECRET}, LOGIN_AZURE_SECRET, "auth_type=azure-client-secret"},
	{{"DATABRICKS_AUTH_TYPE=basic", "DATABRICKS_USERNAME=me", "DATABRICKS_PASSWORD=" SECRET,
	    "DATABRICKS_TOKEN=" SECRET}, LOGIN_BASIC, "auth_type=basic"},
};

START_TEST(finds_the_way)
{
	set("DATABRICKS_HOST=" HOST);
	for (int i = 0; i < COUNT(ways[_i].settings) && ways[_i].settings[i] != NULL; i++)
		set(ways[_i].settings[i]);
	resolve();
	ck_assert_int_eq(l.method, ways[_i].method);
	ck_assert_msg(strstr(l.description, ways[_i].description) != NULL, "%s", l.description);
	ck_assert_ptr_null(l.cli);
}
END_TEST

static const struct {
	const char *settings[6];
	const char *words[6];
} wrong_ways[] = {
	{{"DATABRICKS_TOKEN=" SECRET, "DATABRICKS_CLIENT_ID=i", "DATABRICKS_CLIENT_SECRET=" SECRET},
	    {"more than one way", "DATABRICKS_TOKEN (pat) and DATABRICKS_CLIENT_ID, DATABRICKS_CLIENT_SECRET "
	    "(oauth-m2m)",
	    "choose one by auth_type", "DATABRICKS_AUTH_TYPE"}},
	{{"DATABRICKS_USERNAME=me", "DATABRICKS_PASSWORD=" SECRET, "ARM_CLIENT_ID=i", "ARM_CLIENT_SECRET=" SECRET},
	    {"more than one way", "DATABRICKS_PASSWORD (basic)", "ARM_CLIENT_SECRET (azure-client-secret)"}},
	{{"DATABRICKS_CLIENT_ID=i"}, {"oauth-m2m", "set DATABRICKS_CLIENT_SECRET (client_secret in a profile)",
	    "or unset DATABRICKS_CLIENT_ID"}},
	{{"DATABRICKS_CLIENT_SECRET=" SECRET}, {"set DATABRICKS_CLIENT_ID (client_id in a profile)"}},
	{{"DATABRICKS_USERNAME=me"}, {"basic", "set DATABRICKS_PASSWORD"}},
	{{"ARM_CLIENT_ID=i"}, {"azure-client-secret", "set ARM_CLIENT_SECRET (azure_client_secret in a profile)"}},
	{{"ARM_TENANT_ID=t"}, {"no way to log in to '" HOST "'", "set DATABRICKS_TOKEN"}},
	{{NULL}, {"no way to log in to '" HOST "'", "set DATABRICKS_TOKEN", "DATABRICKS_CLIENT_SECRET", "profile",
	    "Databricks CLI"}},
	{{"DATABRICKS_AUTH_TYPE=pat"}, {"pat", "set DATABRICKS_TOKEN (token in a profile)"}},
	{{"DATABRICKS_AUTH_TYPE=oauth-m2m", "DATABRICKS_TOKEN=" SECRET}, {"oauth-m2m", "set DATABRICKS_CLIENT_ID"}},
	{{"DATABRICKS_AUTH_TYPE=azure-cli", "DATABRICKS_TOKEN=" SECRET}, {"auth_type 'azure-cli' is not known",
	    "use one of pat, basic, oauth-m2m, azure-client-secret, databricks-cli"}},
	{{"DATABRICKS_AUTH_TYPE=databricks-cli"}, {"not on PATH", "DATABRICKS_CLI_PATH"}},
	{{"DATABRICKS_CLI_PATH=/nowhere/databricks"}, {"not at '/nowhere/databricks'", "set DATABRICKS_CLI_PATH"}},
	{{"DATABRICKS_TOKEN=" SECRET "\n"}, {"DATABRICKS_TOKEN", "set it anew"}},
	{{"DATABRICKS_TOKEN=" SECRET " x"}, {"DATABRICKS_TOKEN", "set it anew"}},
	{{"DATABRICKS_TOKEN=" SECRET "\xc3\xa4"}, {"DATABRICKS_TOKEN", "set it anew"}},
};

START_TEST(refuses_ways)
{
	set("DATABRICKS_HOST=" HOST);
	for (int i = 0; i < COUNT(wrong_ways[_i].settings) && wrong_ways[_i].settings[i] != NULL; i++)
		set(wrong_ways[_i].settings[i]);
	refuses(wrong_ways[_i].words);
}
END_TEST

/* Of one way a part in the environment and the rest in the profile; of two ways, both are named with where they are. */
START_TEST(mixes_sources)
{
	config("[p]\nhost = " HOST "\nclient_secret = " SECRET "\n");
	databricks.profile = (char *)"p";
	set("DATABRICKS_CLIENT_ID=id");
	resolve();
	ck_assert_int_eq(l.method, LOGIN_OAUTH_M2M);
	ck_assert_str_eq(l.client_id, "id");
	ck_assert_str_eq(l.client_secret, SECRET);
	set("DATABRICKS_TOKEN=" SECRET);
	REFUSES("DATABRICKS_TOKEN (pat)", "DATABRICKS_CLIENT_ID, client_secret of profile 'p' (oauth-m2m)");
	config("[p]\nhost = " HOST "\nclient_secret = " SECRET "\nauth_type = oauth-m2m\n");
	resolve();
	ck_assert_int_eq(l.method, LOGIN_OAUTH_M2M);
}
END_TEST

START_TEST(refuses_times)
{
	databricks.profile = (char *)"p";
	config("[p]\nhost = " HOST "\ntoken = " SECRET "\nhttp_timeout_seconds = soon\n");
	REFUSES("http_timeout_seconds of profile 'p'", "'soon'", "a number of seconds");
	config("[p]\nhost = " HOST "\ntoken = " SECRET "\nretry_timeout_seconds = -1\n");
	REFUSES("retry_timeout_seconds of profile 'p'", "'-1'", "a number of seconds");
	config("[p]\nhost = " HOST "\ntoken = " SECRET "\nretry_timeout_seconds = nan\n");
	REFUSES("retry_timeout_seconds");
	config("[p]\nhost = " HOST "\ntoken = " SECRET "\nretry_timeout_seconds = 1e300\nhttp_timeout_seconds = 0\n");
	resolve();
	ck_assert_int_gt(l.retry_timeout, 1000000 * NSEC_PER_SEC);
	ck_assert_int_eq(l.http_timeout, 60 * NSEC_PER_SEC);
}
END_TEST

/* ---- The CLI ---- */

START_TEST(finds_the_cli)
{
	char *bin = file_join(folder, "bin"), *other = file_join(folder, "other"), *path, *cli, *named;

	ck_assert_int_eq(mkdir(bin, 0777), 0);
	ck_assert_int_eq(mkdir(other, 0777), 0);
	write_file("other/databricks", "#!/bin/sh\n", 0755);
	write_file("other/dbx", "#!/bin/sh\n", 0755);
	set("DATABRICKS_HOST=" HOST);
	/* A relative folder and an empty one are passed over, and what cannot be run. */
	ck_assert_int_eq(chdir(other), 0);
	path = xasprintf(".::%s", bin);
	setenv("PATH", path, 1);
	REFUSES("no way to log in");
	write_file("bin/databricks", "not a program\n", 0644);
	REFUSES("no way to log in");
	free(path);
	path = xasprintf("%s:%s", bin, other);
	setenv("PATH", path, 1);
	resolve();
	cli = file_join(other, "databricks");
	ck_assert_int_eq(l.method, LOGIN_CLI);
	ck_assert_str_eq(l.cli, cli);
	/* Nor is a folder a program. */
	named = file_join(bin, "databricks");
	ck_assert_int_eq(unlink(named), 0);
	ck_assert_int_eq(mkdir(named, 0777), 0);
	resolve();
	ck_assert_str_eq(l.cli, cli);
	setenv("DATABRICKS_CLI_PATH", "dbx", 1);
	resolve();
	free(cli);
	cli = file_join(other, "dbx");
	ck_assert_str_eq(l.cli, cli);
	setenv("PATH", "/nowhere", 1);
	setenv("DATABRICKS_CLI_PATH", "./dbx", 1);
	resolve();
	ck_assert_int_eq(l.cli[0], '/');
	ck_assert_int_eq(access(l.cli, X_OK), 0);
	setenv("DATABRICKS_CLI_PATH", "~/other/dbx", 1);
	resolve();
	ck_assert_str_eq(l.cli, cli);
	/* It is whom one has logged in as: a token that is set goes before it, unless it is asked for. */
	set("DATABRICKS_TOKEN=" SECRET);
	resolve();
	ck_assert_int_eq(l.method, LOGIN_PAT);
	set("DATABRICKS_AUTH_TYPE=databricks-cli");
	resolve();
	ck_assert_int_eq(l.method, LOGIN_CLI);
	/* A part of a service principal is not passed over for it. */
	unsetenv("DATABRICKS_TOKEN");
	unsetenv("DATABRICKS_AUTH_TYPE");
	set("DATABRICKS_CLIENT_ID=id");
	REFUSES("set DATABRICKS_CLIENT_SECRET");
	unsetenv("DATABRICKS_CLIENT_ID");
	set("ARM_CLIENT_ID=id");	/* of other tools, too */
	resolve();
	ck_assert_int_eq(l.method, LOGIN_CLI);
	free(path);
	free(named);
	free(bin);
	free(other);
	free(cli);
}
END_TEST

START_TEST(names_methods)
{
	ck_assert_str_eq(login_method_name(LOGIN_PAT), "pat");
	ck_assert_str_eq(login_method_name(LOGIN_BASIC), "basic");
	ck_assert_str_eq(login_method_name(LOGIN_OAUTH_M2M), "oauth-m2m");
	ck_assert_str_eq(login_method_name(LOGIN_AZURE_SECRET), "azure-client-secret");
	ck_assert_str_eq(login_method_name(LOGIN_CLI), "databricks-cli");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("login");
	TCase *t = tcase_create("login");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, begin, end);
	tcase_add_test(t, takes_the_environment);
	tcase_add_test(t, takes_the_default_profile);
	tcase_add_test(t, takes_each_from_the_first);
	tcase_add_test(t, chooses_the_profile);
	tcase_add_test(t, refuses_profiles);
	tcase_add_test(t, needs_no_default);
	tcase_add_test(t, finds_the_file);
	tcase_add_loop_test(t, takes_hosts, 0, COUNT(hosts));
	tcase_add_test(t, takes_the_workspace_id);
	tcase_add_loop_test(t, finds_the_way, 0, COUNT(ways));
	tcase_add_loop_test(t, refuses_ways, 0, COUNT(wrong_ways));
	tcase_add_test(t, mixes_sources);
	tcase_add_test(t, refuses_times);
	tcase_add_test(t, finds_the_cli);
	tcase_add_test(t, names_methods);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
