#include <check.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "local/jupyterpath.h"
#include "local/kernelspec.h"
#include "local/python.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define SYSTEM "/usr/local/share/jupyter/kernels:/usr/share/jupyter/kernels"
#define MINIMAL "{\"argv\": [\"run\"]}"

/*
 * Every test runs in a folder of its own, with nothing in the environment but HOME and PATH, both in that folder.
 * In the tables below "@" stands for it.
 */
static char root[PATH_MAX];

static void
enter_folder(void)
{
	const char *above = getenv("TMPDIR");
	char made[PATH_MAX], path[PATH_MAX + 8];

	snprintf(made, sizeof(made), "%s/check_kernelspec.XXXXXX", above != NULL ? above : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(made));
	ck_assert_ptr_nonnull(realpath(made, root));
	ck_assert_int_eq(chdir(root), 0);
	clearenv();
	snprintf(path, sizeof(path), "%s/home", root);
	ck_assert_int_eq(mkdir(path, 0777), 0);
	setenv("HOME", path, 1);
	snprintf(path, sizeof(path), "%s/bin", root);
	setenv("PATH", path, 1);
}

static void
leave_folder(void)
{
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(file_remove_tree(root), 0);
}

/* As above, and the kernels of this machine are out of sight. */
static void
enter_alone(void)
{
	char path[PATH_MAX + 8];

	enter_folder();
	snprintf(path, sizeof(path), "%s/system", root);
	setenv("JUPYTER_PLATFORM_DIRS", "1", 1);
	setenv("XDG_DATA_DIRS", path, 1);
}

/* A copy with the folder for every "@". */
static char *
here(const char *text)
{
	struct buf b = BUF_INIT;

	for (; *text != '\0'; text++) {
		if (*text == '@')
			buf_adds(&b, root);
		else
			buf_addc(&b, *text);
	}
	return buf_steal(&b);
}

static void
set_here(const char *setting)
{
	char *copy = here(setting), *equals = strchr(copy, '=');

	ck_assert_ptr_nonnull(equals);
	*equals = '\0';
	setenv(copy, equals + 1, 1);
	free(copy);
}

static void
make_file(const char *path, const char *text, mode_t mode)
{
	char *folder = file_folder(path);
	int fd;

	ck_assert_int_eq(file_mkdirs(folder), 0);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(file_write_full(fd, text, strlen(text)), 0);
	close(fd);
	free(folder);
}

static void
make_kernel(const char *folder, const char *text)
{
	char *path = file_join(folder, "kernel.json");

	make_file(path, text, 0666);
	free(path);
}

static void
expect_here(char *got, const char *expected)
{
	char *want = here(expected);

	ck_assert_str_eq(got, want);
	free(got);
	free(want);
}

static char *
joined(char **list, char separator)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; list[i] != NULL; i++) {
		if (i != 0)
			buf_addc(&b, separator);
		buf_adds(&b, list[i]);
	}
	kernelspec_free_list(list);
	return buf_steal(&b);
}

/* ---- Folders ---- */

#define USER "@/home/.local/share/jupyter/kernels"
#define IPYTHON "@/home/.ipython/kernels"

static const struct {
	const char *settings[4];
	const char *folders;
} orders[] = {
	{{NULL}, USER ":" SYSTEM ":" IPYTHON},
	{{"JUPYTER_PATH=/a/:/b//:/a"}, "/a/kernels:/b/kernels:" USER ":" SYSTEM ":" IPYTHON},
	{{"JUPYTER_PATH=:rel:"}, "@/rel/kernels:" USER ":" SYSTEM ":" IPYTHON},
	{{"JUPYTER_PATH=/usr/share/jupyter"},
	    "/usr/share/jupyter/kernels:" USER ":/usr/local/share/jupyter/kernels:" IPYTHON},
	{{"JUPYTER_DATA_DIR=/d"}, "/d/kernels:" USER ":" SYSTEM ":" IPYTHON},
	{{"JUPYTER_DATA_DIR=/d", "XDG_DATA_HOME=/x"}, "/d/kernels:" USER ":" SYSTEM ":" IPYTHON},
	{{"XDG_DATA_HOME=/x:y"}, "/x:y/jupyter/kernels:" USER ":" SYSTEM ":" IPYTHON},
	{{"XDG_DATA_HOME="}, USER ":" SYSTEM ":" IPYTHON},
	{{"XDG_DATA_HOME=/x", "PYTHONNOUSERSITE=1"}, "/x/jupyter/kernels:" SYSTEM ":" IPYTHON},
	{{"PYTHONUSERBASE=~/base"}, USER ":@/home/base/share/jupyter/kernels:" SYSTEM ":" IPYTHON},
	{{"IPYTHONDIR=~/ip"}, USER ":" SYSTEM ":@/home/ip/kernels"},
	{{"JUPYTER_PLATFORM_DIRS=1"}, USER ":" SYSTEM ":" IPYTHON},
	{{"JUPYTER_PLATFORM_DIRS=1", "XDG_DATA_DIRS= "}, USER ":" SYSTEM ":" IPYTHON},
	{{"JUPYTER_PLATFORM_DIRS=1", "XDG_DATA_DIRS=/s:/t/"}, USER ":/s/jupyter/kernels:/t/jupyter/kernels:" IPYTHON},
	{{"JUPYTER_PLATFORM_DIRS=off", "XDG_DATA_DIRS=/s:/t"}, USER ":" SYSTEM ":" IPYTHON},
	/* Environments: the user's own folder first, but for a virtual one and conda's unless it is the base. */
	{{"VIRTUAL_ENV=@/venv"}, "@/venv/share/jupyter/kernels:" USER ":" SYSTEM ":" IPYTHON},
	{{"VIRTUAL_ENV=@/venv/", "XDG_DATA_HOME=/x"},
	    "@/venv/share/jupyter/kernels:/x/jupyter/kernels:" SYSTEM ":" IPYTHON},
	{{"VIRTUAL_ENV=@/open", "XDG_DATA_HOME=/x"},
	    "@/open/share/jupyter/kernels:/x/jupyter/kernels:" USER ":" SYSTEM ":" IPYTHON},
	{{"VIRTUAL_ENV=/nobody"}, USER ":/nobody/share/jupyter/kernels:" SYSTEM ":" IPYTHON},
	{{"VIRTUAL_ENV=@/venv", "CONDA_PREFIX=@/conda"}, "@/venv/share/jupyter/kernels:" USER ":" SYSTEM ":" IPYTHON},
	{{"VIRTUAL_ENV=@/venv", "JUPYTER_PREFER_ENV_PATH=0"}, USER ":@/venv/share/jupyter/kernels:" SYSTEM ":" IPYTHON},
	{{"VIRTUAL_ENV=@/venv", "JUPYTER_PREFER_ENV_PATH=OFF"}, USER ":@/venv/share/jupyter/kernels:" SYSTEM ":" IPYTHON},
	{{"VIRTUAL_ENV=@/venv", "JUPYTER_PREFER_ENV_PATH=0.0"}, USER ":@/venv/share/jupyter/kernels:" SYSTEM ":" IPYTHON},
	{{"CONDA_PREFIX=@/conda"}, USER ":@/conda/share/jupyter/kernels:" SYSTEM ":" IPYTHON},
	{{"CONDA_PREFIX=@/conda", "CONDA_DEFAULT_ENV=base"}, USER ":@/conda/share/jupyter/kernels:" SYSTEM ":" IPYTHON},
	{{"CONDA_PREFIX=@/conda", "CONDA_DEFAULT_ENV=lab"}, "@/conda/share/jupyter/kernels:" USER ":" SYSTEM ":" IPYTHON},
	{{"CONDA_PREFIX=@/conda", "JUPYTER_PREFER_ENV_PATH=yes"},
	    "@/conda/share/jupyter/kernels:" USER ":" SYSTEM ":" IPYTHON},
	{{"CONDA_PREFIX=@/conda", "JUPYTER_PREFER_ENV_PATH="}, "@/conda/share/jupyter/kernels:" USER ":" SYSTEM ":" IPYTHON},
	/* The python3 on PATH: as it lies there, a link to another, and one in a virtual environment that is not named. */
	{{"PATH=@/none:@/opt/bin"}, USER ":@/opt/share/jupyter/kernels:" SYSTEM ":" IPYTHON},
	{{"PATH=@/links"}, USER ":@/opt/share/jupyter/kernels:" SYSTEM ":" IPYTHON},
	{{"PATH=@/venv/bin"}, "@/venv/share/jupyter/kernels:" USER ":" SYSTEM ":" IPYTHON},
	/* An environment that is the system's own does not come earlier for that. */
	{{"PATH=@/opt/bin", "JUPYTER_PREFER_ENV_PATH=1", "JUPYTER_PLATFORM_DIRS=1", "XDG_DATA_DIRS=/s:@/opt/share"},
	    USER ":/s/jupyter/kernels:@/opt/share/jupyter/kernels:" IPYTHON},
};

START_TEST(orders_folders)
{
	make_file("opt/bin/python3", "", 0777);
	make_file("none/python3", "", 0666);
	make_file("none/python3.9", "", 0777);
	ck_assert_int_eq(mkdir("links", 0777), 0);
	ck_assert_int_eq(symlink("../opt/bin/python3", "links/python3"), 0);
	make_file("venv/pyvenv.cfg", "home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11.2\n", 0666);
	ck_assert_int_eq(mkdir("venv/bin", 0777), 0);
	ck_assert_int_eq(symlink("../../opt/bin/python3", "venv/bin/python3"), 0);
	make_file("open/pyvenv.cfg", "home=/usr/bin\n Include-System-Site-Packages\t= TRUE \n", 0666);
	ck_assert_int_eq(mkdir("conda", 0777), 0);
	for (int i = 0; i < COUNT(orders[_i].settings) && orders[_i].settings[i] != NULL; i++)
		set_here(orders[_i].settings[i]);
	expect_here(joined(jupyterpath_kernels(), ':'), orders[_i].folders);
}
END_TEST

START_TEST(finds_home_without_variable)
{
	const struct passwd *entry = getpwuid(getuid());
	char *home, *want, *got;

	ck_assert_ptr_nonnull(entry);
	home = realpath(entry->pw_dir, NULL);
	want = xasprintf("%s/.local/share/jupyter/kernels", home != NULL ? home : entry->pw_dir);
	for (int round = 0; round < 2; round++) {
		char **list;

		if (round == 0)
			unsetenv("HOME");
		else
			setenv("HOME", "", 1);
		list = jupyterpath_kernels();
		ck_assert_str_eq(list[0], want);
		kernelspec_free_list(list);
		got = jupyterpath_expand("~/x");
		ck_assert_int_eq(strncmp(got, entry->pw_dir, strlen(entry->pw_dir)), 0);
		free(got);
	}
	free(home);
	free(want);
}
END_TEST

START_TEST(resolves_home)
{
	char **list;

	ck_assert_int_eq(symlink("home", "link"), 0);
	set_here("HOME=@/link");
	setenv("PYTHONNOUSERSITE", "1", 1);
	list = jupyterpath_kernels();
	expect_here(xstrdup(list[0]), USER);
	kernelspec_free_list(list);
}
END_TEST

START_TEST(expands_home)
{
	const struct passwd *entry = getpwuid(getuid());
	char *own = xasprintf("~%s/x", entry->pw_name), *want = xasprintf("%s/x", entry->pw_dir);
	char *got = jupyterpath_expand(own);

	ck_assert_str_eq(got, strcmp(entry->pw_dir, "/") == 0 ? "/x" : want);
	free(got);
	free(own);
	free(want);
	expect_here(jupyterpath_expand("~"), "@/home");
	expect_here(jupyterpath_expand("~/a~b"), "@/home/a~b");
	expect_here(jupyterpath_expand("~no-such-user-here/x"), "~no-such-user-here/x");
	expect_here(jupyterpath_expand("a/~"), "a/~");
	expect_here(jupyterpath_expand(""), "");
	setenv("HOME", "/", 1);
	expect_here(jupyterpath_expand("~/x"), "/x");
	expect_here(jupyterpath_expand("~"), "/");
}
END_TEST

/* ---- Finding ---- */

static void
expect_found(const char *name, const char *folder)
{
	struct kernelspec k;
	char *why = NULL;

	ck_assert_msg(kernelspec_find(&k, name, &why) == 0, "%s", why);
	expect_here(xstrdup(k.folder), folder);
	kernelspec_release(&k);
	kernelspec_release(&k);
}

static void
expect_not_found(const char *name, const char *message)
{
	struct kernelspec k;
	char *why = NULL;

	ck_assert_int_eq(kernelspec_find(&k, name, &why), -1);
	expect_here(why, message);
	kernelspec_release(&k);
}

START_TEST(first_folder_wins)
{
	set_here("JUPYTER_PATH=@/one:@/two");
	make_kernel("two/kernels/lang", MINIMAL);
	make_kernel("home/.local/share/jupyter/kernels/lang", MINIMAL);
	make_kernel("home/.ipython/kernels/lang", MINIMAL);
	make_kernel("home/.ipython/kernels/old", MINIMAL);
	expect_found("lang", "@/two/kernels/lang");
	expect_found("LANG", "@/two/kernels/lang");
	expect_found("old", "@/home/.ipython/kernels/old");
	/* In an earlier folder its name has capital letters. */
	make_kernel("one/kernels/LanG", MINIMAL);
	expect_found("lang", "@/one/kernels/LanG");
	make_kernel("one/kernels/lang", MINIMAL);
	expect_found("lang", "@/one/kernels/lang");
}
END_TEST

START_TEST(finds_only_kernels)
{
	set_here("JUPYTER_PATH=@/one:@/two");
	make_file("one/kernels/a", "", 0666);
	make_file("one/kernels/b/kernel.js", "", 0666);
	make_file("one/kernels/C/kernel.json/x", "", 0666);
	ck_assert_int_eq(symlink("nowhere", "one/kernels/d"), 0);
	make_kernel("two/kernels/a", MINIMAL);
	make_kernel("two/kernels/b", MINIMAL);
	make_kernel("two/kernels/c", MINIMAL);
	ck_assert_int_eq(symlink("../../two/kernels/c", "one/kernels/E"), 0);
	expect_found("a", "@/two/kernels/a");
	expect_found("b", "@/two/kernels/b");
	expect_found("c", "@/two/kernels/c");
	expect_found("e", "@/one/kernels/E");
	expect_not_found("d", "no kernel named 'd' is installed; there are: a, b, c, e");
}
END_TEST

static const char *const bad_names[] = {"", ".", "..", "a/b", "../kernels/x", "/etc", "a b", "\xc3\xa9", "x\n", "x*", "~"};

START_TEST(refuses_names)
{
	char *message = xasprintf("'%s' is not a kernel's name: that has letters, digits, '.', '_' and '-' only", bad_names[_i]);

	set_here("JUPYTER_PATH=@/one");
	make_kernel("one/kernels/x", MINIMAL);
	make_kernel("one/kernels", MINIMAL);
	make_kernel("one", MINIMAL);
	expect_not_found(bad_names[_i], message);
	free(message);
}
END_TEST

START_TEST(reads_all)
{
	struct kernelspec k;
	char *why = NULL;

	make_kernel("home/.local/share/jupyter/kernels/Full.1-x_y",
	    "{\"argv\": [\"prog\", \"\\u00e9\", \"\"], \"display_name\": \"Full\", \"language\": \"lang\",\n"
	    " \"env\": {\"A\": \"1=2\", \"B\": \"\"}, \"interrupt_mode\": \"Message\", \"unknown\": 1e400,\n"
	    " \"metadata\": {\"kernel_provisioner\": {\"provisioner_name\": \"local-provisioner\"}}}");
	ck_assert_msg(kernelspec_find(&k, "fULL.1-x_y", &why) == 0, "%s", why);
	ck_assert_str_eq(k.name, "full.1-x_y");
	ck_assert_uint_eq(k.argc, 3);
	ck_assert_str_eq(k.argv[0], "prog");
	ck_assert_str_eq(k.argv[1], "\xc3\xa9");
	ck_assert_str_eq(k.argv[2], "");
	ck_assert_ptr_null(k.argv[3]);
	ck_assert_str_eq(k.env[0], "A=1=2");
	ck_assert_str_eq(k.env[1], "B=");
	ck_assert_ptr_null(k.env[2]);
	ck_assert_str_eq(k.display_name, "Full");
	ck_assert_str_eq(k.language, "lang");
	ck_assert(k.interrupt_by_message);
	ck_assert_ptr_null(k.python);
	kernelspec_release(&k);

	make_kernel("home/.local/share/jupyter/kernels/least", "{\"interrupt_mode\": \"signal\", \"argv\": [\"x\"], \"env\": null}");
	ck_assert_msg(kernelspec_find(&k, "least", &why) == 0, "%s", why);
	ck_assert_ptr_null(k.env[0]);
	ck_assert_ptr_null(k.display_name);
	ck_assert_ptr_null(k.language);
	ck_assert(!k.interrupt_by_message);
	kernelspec_release(&k);
}
END_TEST

#define BROKEN "@/one/kernels/bad/kernel.json"

static const struct {
	const char *text, *message;
} broken[] = {
	{"", BROKEN ":1:1: "},
	{"{\"argv\": [\"a\"],\n}", BROKEN ":2:1: "},
	{"{\"argv\": [\"\xff\"]}", BROKEN ":1:12: "},
	{"[1]", BROKEN ":1:1: the kernel must be an object"},
	{"{}", BROKEN ": the kernel has no 'argv'"},
	{"{\"argv\": \"a\"}", BROKEN ":1:10: 'argv' must be a list of strings"},
	{"{\n \"argv\": [\"a\",\n  \"\xc3\xa9\", 1]}", BROKEN ":3:8: 'argv' must be a list of strings"},
	{"{\"argv\": [\"a\\u0000b\"]}", BROKEN ":1:11: 'argv' must be a list of strings"},
	{"{\"argv\": []}", BROKEN ":1:10: 'argv' must begin with the program to run"},
	{"{\"argv\": [\"\"]}", BROKEN ":1:10: 'argv' must begin with the program to run"},
	{"{\"argv\": [\"a\"], \"env\": []}", BROKEN ":1:24: 'env' must be an object of strings"},
	{"{\"argv\": [\"a\"], \"env\": {\"A\": 1}}", BROKEN ":1:30: 'env' must be an object of strings"},
	{"{\"argv\": [\"a\"], \"env\": {\"A=B\": \"1\"}}", BROKEN ":1:32: 'env' must be an object of strings"},
	{"{\"argv\": [\"a\"], \"env\": {\"\": \"1\"}}", BROKEN ":1:29: 'env' must be an object of strings"},
	{"{\"argv\": [\"a\"], \"interrupt_mode\": \"telepathy\"}",
	    BROKEN ":1:35: 'interrupt_mode' must be 'signal' or 'message'"},
	{"{\"argv\": [\"a\"], \"interrupt_mode\": null}", BROKEN ":1:35: 'interrupt_mode' must be 'signal' or 'message'"},
	{"{\"argv\": [\"a\"], \"metadata\": {\"kernel_provisioner\": {\"provisioner_name\": \"yarn\"}}}",
	    BROKEN ":1:73: the kernel is started by provisioner 'yarn'; only 'local-provisioner' is supported"},
};

/* Told when it is asked for, and then alone; left out of the list of names. */
START_TEST(tells_what_is_broken)
{
	struct kernelspec k;
	char *why = NULL, *want = here(broken[_i].message);

	set_here("JUPYTER_PATH=@/one:@/two");
	make_kernel("one/kernels/bad", broken[_i].text);
	make_kernel("one/kernels/good", MINIMAL);
	make_kernel("two/kernels/bad", MINIMAL);
	ck_assert_int_eq(kernelspec_find(&k, "bad", &why), -1);
	/* What is wrong with JSON itself is said in the words of the reader. */
	if (want[strlen(want) - 1] == ' ') {
		ck_assert_uint_gt(strlen(why), strlen(want));
		why[strlen(want)] = '\0';
	}
	ck_assert_str_eq(why, want);
	free(why);
	free(want);
	kernelspec_release(&k);
	expect_found("good", "@/one/kernels/good");
	expect_not_found("x", "no kernel named 'x' is installed; there are: good");
}
END_TEST

START_TEST(tells_what_cannot_be_read)
{
	if (geteuid() != 0) {
		make_kernel("home/.local/share/jupyter/kernels/x", MINIMAL);
		ck_assert_int_eq(chmod("home/.local/share/jupyter/kernels/x/kernel.json", 0), 0);
		expect_not_found("x", "cannot read '@/home/.local/share/jupyter/kernels/x/kernel.json': Permission denied");
	} else {
		char *big = xmalloc(2 * 1024 * 1024 + 1);

		memset(big, ' ', 2 * 1024 * 1024);
		big[2 * 1024 * 1024] = '\0';
		make_kernel("home/.local/share/jupyter/kernels/x", big);
		free(big);
		expect_not_found("x", "cannot read '@/home/.local/share/jupyter/kernels/x/kernel.json': File too large");
	}
}
END_TEST

START_TEST(lists_names)
{
	char *names;

	names = kernelspec_names();
	ck_assert_str_eq(names, "");
	free(names);
	expect_not_found("x", "no kernel named 'x' is installed, nor any other");

	make_kernel("system/jupyter/kernels/zeta", MINIMAL);
	make_kernel("system/jupyter/kernels/alpha", MINIMAL);
	make_kernel("home/.local/share/jupyter/kernels/Beta", MINIMAL);
	make_kernel("home/.local/share/jupyter/kernels/ALPHA", MINIMAL);
	make_kernel("home/.local/share/jupyter/kernels/not valid", MINIMAL);
	make_kernel("home/.local/share/jupyter/kernels", MINIMAL);
	names = kernelspec_names();
	ck_assert_str_eq(names, "alpha, beta, zeta");
	free(names);
}
END_TEST

START_TEST(native_python)
{
	struct kernelspec k;
	char *why = NULL;
	char **argv;

	expect_not_found("python3", "no kernel named 'python3' is installed, nor any other");
	make_file("bin/python3", "", 0777);
	expect_not_found("python2", "no kernel named 'python2' is installed, nor any other");
	ck_assert_msg(kernelspec_find(&k, "python", &why) == 0, "%s", why);
	ck_assert_str_eq(k.name, "python3");
	ck_assert_str_eq(k.folder, "");
	ck_assert_str_eq(k.language, "python");
	argv = kernelspec_command(&k, "/f");
	ck_assert_ptr_nonnull(strstr(argv[2], "find_spec('ipykernel_launcher'"));
	free(argv[2]);
	argv[2] = xstrdup("...");
	expect_here(joined(argv, ' '), "@/bin/python3 -c ... -f /f --HistoryManager.hist_file=:memory:");
	kernelspec_release(&k);

	/* An installed one is taken instead, and a "python" is never looked for. */
	make_kernel("system/jupyter/kernels/python", "{\"argv\": []}");
	make_kernel("system/jupyter/kernels/python3", MINIMAL);
	expect_found("python", "@/system/jupyter/kernels/python3");
	expect_found("Python3", "@/system/jupyter/kernels/python3");
}
END_TEST

/* ---- Running ---- */

static const struct {
	const char *folder, *program;
	const char *settings[2];
	const char *python;	/* NULL: none */
} pythons[] = {
	{"@/p/share/jupyter/kernels/k", "python", {"VIRTUAL_ENV=@/v"}, "@/p/bin/python3"},
	{"@/p/share/jupyter/kernels/k", "python3", {"VIRTUAL_ENV=@/v"}, "@/p/bin/python3"},
	{"@/p/share/jupyter/kernels/k", "/usr/bin/R", {"VIRTUAL_ENV=@/v"}, "@/p/bin/python3"},
	{"@/p/share/jupyter/kernels/k", "python3.12", {"VIRTUAL_ENV=@/v"}, "@/v/bin/python3.12"},
	{"@/p/share/jupyter/kernels/k", "python3.13", {"VIRTUAL_ENV=@/v"}, NULL},
	{"@/p/share/jupyter/kernels/k", "python3.9", {"VIRTUAL_ENV=@/v"}, "@/bin/python3.9"},
	{"@/p/share/jupyter/kernels/a/share/jupyter/kernels/k", "python", {NULL}, "@/bin/python3"},
	{"@/q/share/jupyter/kernels/k", "python", {"VIRTUAL_ENV=@/v", "CONDA_PREFIX=@/c"}, "@/v/bin/python"},
	{"@/q/share/jupyter/kernels/k", "python3", {"VIRTUAL_ENV=@/v", "CONDA_PREFIX=@/c"}, "@/v/bin/python"},
	{"@/q/share/jupyter/kernels/k", "python", {"VIRTUAL_ENV=", "CONDA_PREFIX=@/c"}, "@/c/bin/python"},
	{"@/q/share/jupyter/kernels/k", "python3", {"CONDA_PREFIX=@/c"}, "@/c/bin/python3"},
	{"@/q/share/jupyter/kernels/k", "python", {NULL}, "@/bin/python3"},
	{"", "python3", {NULL}, "@/bin/python3"},
	{"", "python3", {"PATH=@/none"}, NULL},
	{"", "python3", {"PATH=@/none::@/v/bin"}, "@/v/bin/python"},
};

START_TEST(finds_python)
{
	char *folder = here(pythons[_i].folder), *got;

	make_file("p/bin/python3", "", 0777);
	make_file("v/bin/python", "", 0777);
	make_file("v/bin/python3.12", "", 0777);
	make_file("c/bin/python", "", 0777);
	make_file("c/bin/python3", "", 0777);
	make_file("bin/python3", "", 0777);
	make_file("bin/python3.9", "", 0777);
	make_file("none/python3", "", 0666);
	make_file("none/python/x", "", 0777);
	for (int i = 0; i < COUNT(pythons[_i].settings) && pythons[_i].settings[i] != NULL; i++)
		set_here(pythons[_i].settings[i]);
	got = python_for(folder, pythons[_i].program);
	if (pythons[_i].python == NULL) {
		ck_assert_ptr_null(got);
	} else {
		ck_assert_ptr_nonnull(got);
		expect_here(got, pythons[_i].python);
	}
	free(folder);
}
END_TEST

START_TEST(knows_python_names)
{
	static const char *const yes[] = {"python", "python3", "python3.1", "python3.14"};
	static const char *const no[] = {"", "pytho", "python2", "python3.", "python3.x", "python3.1a", "python31",
		"/bin/python3", "pythonw"};

	for (int i = 0; i < COUNT(yes); i++)
		ck_assert_msg(python_is_name(yes[i]), "%s", yes[i]);
	for (int i = 0; i < COUNT(no); i++)
		ck_assert_msg(!python_is_name(no[i]), "%s", no[i]);
}
END_TEST

/* All about a command line: the file's argv, what it becomes, and what is taken from it. */
static const struct {
	const char *name, *argv, *command;
	bool ipc, ipykernel;
} commands[] = {
	{"r", "\"R\", \"-e\", \"IRkernel::main()\", \"--args\", \"{connection_file}\"", "R|-e|IRkernel::main()|--args|/run/c.json",
	    true, false},
	{"x", "\"{resource_dir}/x\", \"{prefix}/{connection_file}{nothing}{}{a b}{{prefix}\", \"{\", \"}{prefix\"",
	    "@/home/.local/share/jupyter/kernels/x/x|@/opt//run/c.json{nothing}{}{a b}{@/opt|{|}{prefix", false, false},
	{"x", "\"~/bin/x\", \"~\", \"a~\", \"~{prefix}\"", "@/home/bin/x|@/home|a~|@/home@/opt", false, false},
	{"py", "\"python\", \"-m\", \"ipykernel_launcher\", \"-f\", \"{connection_file}\"",
	    "@/opt/bin/python3|-c|...|-f|/run/c.json|--HistoryManager.hist_file=:memory:", true, true},
	{"py", "\"/e/python3.11\", \"-Xdev\", \"-m\", \"ipykernel_launcher\"",
	    "/e/python3.11|-Xdev|-c|...|--HistoryManager.hist_file=:memory:", true, true},
	{"py", "\"conda\", \"run\", \"python\", \"-m\", \"ipykernel_launcher\"",
	    "conda|run|python|-m|ipykernel_launcher|--HistoryManager.hist_file=:memory:", true, true},
	{"py", "\"/e/python\", \"own.py\", \"-m\", \"ipykernel_launcher\"",
	    "/e/python|own.py|-m|ipykernel_launcher|--HistoryManager.hist_file=:memory:", true, true},
	{"py", "\"/x/python3\", \"-Xfrozen_modules=off\", \"-m\", \"ipykernel\", \"-f\"",
	    "/x/python3|-Xfrozen_modules=off|-m|ipykernel|-f|--HistoryManager.hist_file=:memory:", true, true},
	{"py", "\"python3\", \"-m\", \"ipykernel.kernelapp\", \"--HistoryManager.hist_file=/h\"",
	    "@/opt/bin/python3|-m|ipykernel.kernelapp|--HistoryManager.hist_file=/h", true, true},
	{"py", "\"sh\", \"-c\", \". env; exec python -m ipykernel_launcher -f {connection_file}\"",
	    "sh|-c|. env; exec python -m ipykernel_launcher -f /run/c.json|--HistoryManager.hist_file=:memory:", true, true},
	{"py", "\"ipykernel\", \"ipykernel\"", "ipykernel|ipykernel", false, false},
	{"python3", "\"xpython\", \"-f\"", "xpython|-f|--HistoryManager.hist_file=:memory:", true, false},
	{"python2", "\"python2\"", "python2|--HistoryManager.hist_file=:memory:", false, false},
	{"bash", "\"python\", \"-m\", \"bash_kernel\"", "@/opt/bin/python3|-m|bash_kernel", true, false},
	{"bash", "\"python\", \"-m\", \"some_kernel\"", "@/opt/bin/python3|-m|some_kernel", false, false},
	{"oct", "\"/o/bin/python\", \"-m\", \"metakernel_python\"", "/o/bin/python|-m|metakernel_python", true, false},
	{"cpp", "\"/env/bin/xcpp\", \"-f\"", "/env/bin/xcpp|-f", true, false},
	{"cpp", "\"/env/bin/xcppx\", \"-f\"", "/env/bin/xcppx|-f", false, false},
	{"jl", "\"julia\", \"-i\", \"/j/packages/IJulia/x/src/kernel.jl\"", "julia|-i|/j/packages/IJulia/x/src/kernel.jl", true, false},
	{"go", "\"gophernotes\", \"{connection_file}\"", "gophernotes|/run/c.json", false, false},
	{"rust", "\"/r/evcxr_jupyter\", \"--control_file\"", "/r/evcxr_jupyter|--control_file", false, false},
};

START_TEST(makes_commands)
{
	struct kernelspec k;
	char *text = xasprintf("{\"argv\": [%s]}", commands[_i].argv);
	char *folder = xasprintf("home/.local/share/jupyter/kernels/%s", commands[_i].name), *why = NULL, **list;

	make_file("opt/bin/python3", "", 0777);
	set_here("PATH=@/opt/bin");
	make_kernel(folder, text);
	ck_assert_msg(kernelspec_find(&k, commands[_i].name, &why) == 0, "%s", why);
	list = kernelspec_command(&k, "/run/c.json");
	for (char **arg = list; *arg != NULL; arg++) {
		if (strstr(*arg, "find_spec('ipykernel_launcher'") != NULL) {	/* a program */
			free(*arg);
			*arg = xstrdup("...");
		}
	}
	expect_here(joined(list, '|'), commands[_i].command);
	ck_assert_int_eq(kernelspec_takes_ipc(&k), commands[_i].ipc);
	ck_assert_int_eq(kernelspec_is_ipykernel(&k), commands[_i].ipykernel);
	kernelspec_release(&k);
	free(text);
	free(folder);
}
END_TEST

/* Nothing to put in its place: left as it is. */
START_TEST(leaves_prefix_without_python)
{
	struct kernelspec k;
	char *why = NULL;

	make_kernel("home/.local/share/jupyter/kernels/x", "{\"argv\": [\"python\", \"{prefix}\"]}");
	ck_assert_msg(kernelspec_find(&k, "x", &why) == 0, "%s", why);
	expect_here(joined(kernelspec_command(&k, "/f"), '|'), "python|{prefix}");
	kernelspec_release(&k);
}
END_TEST

static const char *
variable_of(char **list, const char *name)
{
	const char *value = NULL;

	for (size_t i = 0; list[i] != NULL; i++) {
		if (strncmp(list[i], name, strlen(name)) == 0 && list[i][strlen(name)] == '=') {
			ck_assert_msg(value == NULL, "%s is there twice", name);
			value = list[i] + strlen(name) + 1;
		}
	}
	return value;
}

START_TEST(makes_environment)
{
	static const struct {
		const char *text, *value;
	} templates[] = {
		{"$HERE", "here"}, {"${HERE}", "here"}, {"a$HERE-${HERE}b", "ahere-hereb"}, {"$$HERE", "$HERE"}, {"$", "$"},
		{"${", "${"}, {"${HERE", "${HERE"}, {"${}", "${}"}, {"$ HERE", "$ HERE"}, {"$1", "$1"}, {"${1A}", "${1A}"},
		{"$HERE2", "$HERE2"}, {"${NOT_SET}", "${NOT_SET}"}, {"$HERE$HERE", "herehere"}, {"$$$HERE", "$here"},
		{"$$$$", "$$"}, {"$_under", "u"}, {"$\xc3\xa9", "$\xc3\xa9"}, {"${HERE }", "${HERE }"}, {"$EMPTY.", "."},
		{"$SELF", "old"}, {"", ""},
	};
	char more_m[] = "MORE=m", over_more[] = "OVER=more", path[] = "PATH=/more", over_spec[] = "OVER=spec";
	char executable[] = "PYTHONEXECUTABLE=/q", language[] = "Python3";
	char *const more[] = {more_m, over_more, path, NULL};
	struct kernelspec k = {.argc = 0};
	char **list, *pid;

	setenv("HERE", "here", 1);
	setenv("EMPTY", "", 1);
	setenv("1", "no name", 1);
	setenv("1A", "no name", 1);
	setenv("_under", "u", 1);
	setenv("SELF", "old", 1);
	setenv("PYTHONEXECUTABLE", "/p", 1);
	setenv("JPY_PARENT_PID", "1", 1);
	for (int i = 0; i < COUNT(templates); i++) {
		char *spec[] = {xasprintf("SELF=%s", templates[i].text), over_spec, NULL};

		k.env = spec;
		list = kernelspec_environment(&k, i % 2 == 0 ? more : NULL);
		ck_assert_str_eq(variable_of(list, "SELF"), templates[i].value);
		ck_assert_str_eq(variable_of(list, "OVER"), i % 2 == 0 ? "more" : "spec");
		ck_assert_str_eq(variable_of(list, "PYTHONEXECUTABLE"), "/p");
		pid = xasprintf("%ld", (long)getpid());
		ck_assert_str_eq(variable_of(list, "JPY_PARENT_PID"), pid);
		free(pid);
		if (i % 2 == 0) {
			ck_assert_str_eq(variable_of(list, "MORE"), "m");
			ck_assert_str_eq(variable_of(list, "PATH"), "/more");
		} else {
			ck_assert_ptr_null(variable_of(list, "MORE"));
			ck_assert_str_eq(variable_of(list, "PATH"), getenv("PATH"));
		}
		kernelspec_free_list(list);
		free(spec[0]);
	}
	k.env = (char *[]){executable, NULL};
	k.language = language;
	list = kernelspec_environment(&k, NULL);
	ck_assert_ptr_null(variable_of(list, "PYTHONEXECUTABLE"));
	ck_assert_str_eq(variable_of(list, "HERE"), "here");
	kernelspec_free_list(list);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("kernelspec");
	TCase *folders = tcase_create("folders"), *finding = tcase_create("finding"), *running = tcase_create("running");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(folders, enter_folder, leave_folder);
	tcase_add_loop_test(folders, orders_folders, 0, COUNT(orders));
	tcase_add_test(folders, finds_home_without_variable);
	tcase_add_test(folders, resolves_home);
	tcase_add_test(folders, expands_home);
	suite_add_tcase(suite, folders);

	tcase_add_checked_fixture(finding, enter_alone, leave_folder);
	tcase_add_test(finding, first_folder_wins);
	tcase_add_test(finding, finds_only_kernels);
	tcase_add_loop_test(finding, refuses_names, 0, COUNT(bad_names));
	tcase_add_test(finding, reads_all);
	tcase_add_loop_test(finding, tells_what_is_broken, 0, COUNT(broken));
	tcase_add_test(finding, tells_what_cannot_be_read);
	tcase_add_test(finding, lists_names);
	tcase_add_test(finding, native_python);
	suite_add_tcase(suite, finding);

	tcase_add_checked_fixture(running, enter_alone, leave_folder);
	tcase_add_loop_test(running, finds_python, 0, COUNT(pythons));
	tcase_add_test(running, knows_python_names);
	tcase_add_loop_test(running, makes_commands, 0, COUNT(commands));
	tcase_add_test(running, leaves_prefix_without_python);
	tcase_add_test(running, makes_environment);
	suite_add_tcase(suite, running);

	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
