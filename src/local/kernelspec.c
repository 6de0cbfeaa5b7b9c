#include "local/kernelspec.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "local/jupyterpath.h"
#include "local/python.h"

#define KERNEL_JSON_MAX (1024 * 1024)
#define NATIVE "python3"
#define LOCAL_PROVISIONER "local-provisioner"

/* Kernels by name, each where its name was found first. */
struct found {
	char *name, *folder;
};

struct catalogue {
	struct found *list;
	size_t n, cap;
};

void
kernelspec_free_list(char **list)
{
	for (size_t i = 0; list != NULL && list[i] != NULL; i++)
		free(list[i]);
	free(list);
}

void
kernelspec_release(struct kernelspec *k)
{
	free(k->name);
	free(k->folder);
	kernelspec_free_list(k->argv);
	kernelspec_free_list(k->env);
	free(k->display_name);
	free(k->language);
	free(k->python);
	*k = (struct kernelspec){.argc = 0};
}

/*
 * jupyter_client only warns of other names; but "." and "..", which its pattern lets pass, never are names of
 * kernels.
 */
static bool
is_valid_name(const char *name)
{
	for (const char *p = name; *p != '\0'; p++)
		if (!isascii((unsigned char)*p) || (!isalnum((unsigned char)*p) && strchr("._-", *p) == NULL))
			return false;
	return *name != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* In ASCII, whatever the locale takes for the small letter of "I". */
static char *
lower_case(const char *name)
{
	char *copy = xstrdup(name);

	for (char *p = copy; *p != '\0'; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	return copy;
}

static bool
is_same_name(const char *name, const char *lower)
{
	char *copy = lower_case(name);
	bool same = strcmp(copy, lower) == 0;

	free(copy);
	return same;
}

/* Whether the folder holds a kernel.json. */
static bool
is_kernel(const char *folder)
{
	char *path = file_join(folder, "kernel.json");
	struct stat st;
	bool is = stat(path, &st) == 0 && S_ISREG(st.st_mode);

	free(path);
	return is;
}

/* The kernel of that name (in lower case) in one of the folders searched; NULL when it has none. */
static char *
kernel_in(const char *folder, const char *name)
{
	char *path = file_join(folder, name);
	struct dirent *e;
	DIR *d;

	if (is_kernel(path))
		return path;
	free(path);
	d = opendir(folder);
	if (d == NULL)
		return NULL;
	path = NULL;
	while (path == NULL && (e = readdir(d)) != NULL) {
		if (is_same_name(e->d_name, name)) {
			path = file_join(folder, e->d_name);
			if (!is_kernel(path)) {
				free(path);
				path = NULL;
			}
		}
	}
	closedir(d);
	return path;
}

/* Where the kernel of that name is; NULL when it is not installed. */
static char *
locate(const char *name)
{
	char **folders = jupyterpath_kernels(), *path = NULL;

	for (size_t i = 0; path == NULL && folders[i] != NULL; i++)
		path = kernel_in(folders[i], name);
	kernelspec_free_list(folders);
	return path;
}

/* Says what is wrong with a kernel.json, and where. Returns -1. */
static int __attribute__((format(printf, 5, 6)))
complain(char **why, const char *path, const struct buf *text, struct json at, const char *fmt, ...)
{
	unsigned line, column;
	char *message;
	va_list ap;

	va_start(ap, fmt);
	message = xvasprintf(fmt, ap);
	va_end(ap);
	if (at.text != NULL) {
		json_position(text->data, (size_t)(at.text - text->data), &line, &column);
		*why = xasprintf("%s:%u:%u: %s", path, line, column, message);
	} else {
		*why = xasprintf("%s: %s", path, message);
	}
	free(message);
	return -1;
}

static int
read_argv(struct kernelspec *k, const char *path, const struct buf *text, struct json argv, char **why)
{
	struct json_iter it;
	struct json value;

	if (json_type(argv) == JSON_NONE)
		return complain(why, path, text, argv, "the kernel has no 'argv'");
	if (json_type(argv) != JSON_ARRAY)
		return complain(why, path, text, argv, "'argv' must be a list of strings");
	k->argv = xcalloc(json_count(argv) + 1, sizeof(*k->argv));
	json_walk(&it, argv);
	while (json_next(&it, NULL, &value)) {
		k->argv[k->argc] = json_strdup(value);
		if (k->argv[k->argc] == NULL)
			return complain(why, path, text, value, "'argv' must be a list of strings");
		k->argc++;
	}
	if (k->argc == 0 || k->argv[0][0] == '\0')
		return complain(why, path, text, argv, "'argv' must begin with the program to run");
	return 0;
}

static int
read_env(struct kernelspec *k, const char *path, const struct buf *text, struct json env, char **why)
{
	struct json_iter it;
	struct json key, value;
	size_t n = 0;

	k->env = xcalloc(json_count(env) + 1, sizeof(*k->env));
	if (json_type(env) != JSON_OBJECT && json_type(env) != JSON_NONE && json_type(env) != JSON_NULL)
		return complain(why, path, text, env, "'env' must be an object of strings");
	json_walk(&it, env);
	while (json_next(&it, &key, &value)) {
		char *name = json_strdup(key), *setting = json_strdup(value);
		bool usable = name != NULL && *name != '\0' && strchr(name, '=') == NULL && setting != NULL;

		if (usable)
			k->env[n++] = xasprintf("%s=%s", name, setting);
		free(name);
		free(setting);
		if (!usable)
			return complain(why, path, text, value, "'env' must be an object of strings");
	}
	return 0;
}

/* The rest: how to interrupt it, and who is to start it. */
static int
read_modes(struct kernelspec *k, const char *path, const struct buf *text, struct json spec, char **why)
{
	struct json mode = json_get(spec, "interrupt_mode");
	struct json provisioner = json_get(json_get(json_get(spec, "metadata"), "kernel_provisioner"), "provisioner_name");
	char *s = json_strdup(mode);
	int result = 0;

	k->interrupt_by_message = s != NULL && strcasecmp(s, "message") == 0;
	if (mode.text != NULL && (s == NULL || (!k->interrupt_by_message && strcasecmp(s, "signal") != 0)))
		result = complain(why, path, text, mode, "'interrupt_mode' must be 'signal' or 'message'");
	free(s);
	if (result == -1 || provisioner.text == NULL || json_is(provisioner, LOCAL_PROVISIONER))
		return result;
	s = json_strdup(provisioner);
	complain(why, path, text, provisioner, "the kernel is started by provisioner '%s'; only '%s' is supported",
	    s != NULL ? s : "", LOCAL_PROVISIONER);
	free(s);
	return -1;
}

/* Fills k from the kernel.json in a folder. Returns 0, or -1 with *why; k is to be released in both cases. */
static int
read_spec(struct kernelspec *k, const char *name, const char *folder, char **why)
{
	char *path = file_join(folder, "kernel.json");
	struct buf text = BUF_INIT;
	struct json spec;
	struct json_error e;
	int result = -1;

	*k = (struct kernelspec){.name = xstrdup(name), .folder = xstrdup(folder)};
	if (file_read(path, &text, KERNEL_JSON_MAX) == -1) {
		*why = xasprintf("cannot read '%s': %s", path, strerror(errno));
		goto out;
	}
	if (json_parse(buf_str(&text), text.len, &spec, &e) == -1) {
		*why = xasprintf("%s:%u:%u: %s", path, e.line, e.column, e.message);
		goto out;
	}
	if (json_type(spec) != JSON_OBJECT) {
		complain(why, path, &text, spec, "the kernel must be an object");
		goto out;
	}
	if (read_argv(k, path, &text, json_get(spec, "argv"), why) == -1 ||
	    read_env(k, path, &text, json_get(spec, "env"), why) == -1 || read_modes(k, path, &text, spec, why) == -1)
		goto out;
	k->display_name = json_strdup(json_get(spec, "display_name"));
	k->language = json_strdup(json_get(spec, "language"));
	k->python = python_for(folder, k->argv[0]);
	result = 0;
out:
	free(path);
	buf_release(&text);
	return result;
}

/*
 * ipykernel's own python3, which jupyter_client offers when no other is installed. Returns -1 when there is no
 * Python.
 */
static int
make_native(struct kernelspec *k)
{
	static const char *const argv[] = {NATIVE, "-m", "ipykernel_launcher", "-f", "{connection_file}"};

	*k = (struct kernelspec){.name = xstrdup(NATIVE), .folder = xstrdup("")};
	k->argc = sizeof(argv) / sizeof(argv[0]);
	k->argv = xcalloc(k->argc + 1, sizeof(*k->argv));
	for (size_t i = 0; i < k->argc; i++)
		k->argv[i] = xstrdup(argv[i]);
	k->env = xcalloc(1, sizeof(*k->env));
	k->display_name = xstrdup("Python 3 (ipykernel)");
	k->language = xstrdup("python");
	k->python = python_for("", NATIVE);
	return k->python != NULL ? 0 : -1;
}

int
kernelspec_find(struct kernelspec *k, const char *name, char **why)
{
	char *wanted, *folder, *names;
	int result;

	*k = (struct kernelspec){.argc = 0};
	if (!is_valid_name(name)) {
		*why = xasprintf("'%s' is not a kernel's name: that has letters, digits, '.', '_' and '-' only", name);
		return -1;
	}
	wanted = lower_case(strcmp(name, "python") == 0 ? NATIVE : name);
	folder = locate(wanted);
	if (folder != NULL) {
		result = read_spec(k, wanted, folder, why);
	} else if (strcmp(wanted, NATIVE) == 0 && make_native(k) == 0) {
		result = 0;
	} else {
		names = kernelspec_names();
		*why = *names != '\0' ? xasprintf("no kernel named '%s' is installed; there are: %s", name, names)
				      : xasprintf("no kernel named '%s' is installed, nor any other", name);
		free(names);
		result = -1;
	}
	free(wanted);
	free(folder);
	return result;
}

static bool
has_name(const struct catalogue *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->list[i].name, name) == 0)
			return true;
	return false;
}

static void
add_all_in(struct catalogue *c, const char *folder)
{
	DIR *d = opendir(folder);
	struct dirent *e;

	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		char *name = lower_case(e->d_name), *path = file_join(folder, e->d_name);

		if (is_valid_name(name) && !has_name(c, name) && is_kernel(path)) {
			c->list = xgrow(c->list, c->n, &c->cap, sizeof(*c->list));
			c->list[c->n++] = (struct found){name, path};
		} else {
			free(name);
			free(path);
		}
	}
	closedir(d);
}

static int
compare_names(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* All kernels, sorted by name. */
static void
catalogue_fill(struct catalogue *c)
{
	char **folders = jupyterpath_kernels();

	for (size_t i = 0; folders[i] != NULL; i++)
		add_all_in(c, folders[i]);
	if (c->n != 0)
		qsort(c->list, c->n, sizeof(*c->list), compare_names);
	kernelspec_free_list(folders);
}

static void
catalogue_release(struct catalogue *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->list[i].name);
		free(c->list[i].folder);
	}
	free(c->list);
}

int
kernelspec_find_language(struct kernelspec *k, const char *language, char **why)
{
	struct catalogue c = {NULL, 0, 0};
	bool found = false;
	char *names;

	*k = (struct kernelspec){.argc = 0};
	catalogue_fill(&c);
	for (size_t i = 0; !found && i < c.n; i++) {
		char *fault = NULL;

		found = read_spec(k, c.list[i].name, c.list[i].folder, &fault) == 0 && k->language != NULL &&
		    strcasecmp(k->language, language) == 0;
		if (!found)
			kernelspec_release(k);
		free(fault);
	}
	catalogue_release(&c);
	if (found)
		return 0;
	names = kernelspec_names();
	*why = xasprintf("no kernel for %s is installed%s%s", language, *names != '\0' ? "; there are: " : "", names);
	free(names);
	return -1;
}

char *
kernelspec_names(void)
{
	struct catalogue c = {NULL, 0, 0};
	struct buf names = BUF_INIT;

	catalogue_fill(&c);
	for (size_t i = 0; i < c.n; i++) {
		struct kernelspec k;
		char *why = NULL;

		if (read_spec(&k, c.list[i].name, c.list[i].folder, &why) == 0) {
			buf_adds(&names, names.len != 0 ? ", " : "");
			buf_adds(&names, k.name);
		}
		kernelspec_release(&k);
		free(why);
	}
	catalogue_release(&c);
	return buf_steal(&names);
}
