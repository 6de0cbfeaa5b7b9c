#include "local/jupyterpath.h"

#include <ctype.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#define PYVENV_MAX (64 * 1024)

struct folders {
	char **list;
	size_t n, cap;
};

/* An environment variable that is set and not empty, else NULL. */
static const char *
variable(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && *value != '\0' ? value : NULL;
}

/* As jupyter_core's envset: set to anything but a word for no. Set to nothing counts as yes. */
static bool
is_wanted(const char *name)
{
	static const char *const no[] = {"no", "n", "false", "off", "0", "0.0"};
	const char *value = getenv(name);

	if (value == NULL)
		return false;
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		if (strcasecmp(value, no[i]) == 0)
			return false;
	return true;
}

static void
trim_slashes(char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		path[--n] = '\0';
}

/* A copy without slashes at the end, seen from the root. */
static char *
absolute(const char *path)
{
	char *result = file_absolute(path);

	trim_slashes(result);
	return result;
}

static char *
home_folder(void)
{
	const char *home = variable("HOME");
	const struct passwd *entry;

	if (home == NULL && (entry = getpwuid(getuid())) != NULL)
		home = entry->pw_dir;
	return xstrdup(home != NULL ? home : "/");
}

char *
jupyterpath_expand(const char *path)
{
	size_t n = strcspn(path, "/");
	const struct passwd *entry;
	char *user, *home, *result;

	if (*path != '~')
		return xstrdup(path);
	if (n == 1) {
		home = home_folder();
	} else {
		user = xmemdup0(path + 1, n - 1);
		entry = getpwnam(user);
		free(user);
		if (entry == NULL)
			return xstrdup(path);
		home = xstrdup(entry->pw_dir);
	}
	trim_slashes(home);
	result = xasprintf("%s%s", strcmp(home, "/") == 0 && path[n] == '/' ? "" : home, path + n);
	free(home);
	return result;
}

static bool
is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

char *
jupyterpath_program(const char *name)
{
	const char *at = getenv("PATH");

	if (at == NULL)
		at = "/bin:/usr/bin";
	for (;;) {
		size_t n = strcspn(at, ":");
		char *folder = xmemdup0(at, n), *path = file_join(folder, name);

		free(folder);
		if (is_program(path))
			return path;
		free(path);
		if (at[n] == '\0')
			return NULL;
		at += n + 1;
	}
}

static bool
has_pyvenv(const char *prefix)
{
	char *path = file_join(prefix, "pyvenv.cfg");
	bool found = access(path, F_OK) == 0;

	free(path);
	return found;
}

char *
jupyterpath_prefix_of(const char *python)
{
	char *bin = file_folder(python), *prefix = file_folder(bin), *real;

	/* In a virtual environment python3 is a link to the one it was made from, and must not be followed. */
	if (!has_pyvenv(prefix) && (real = realpath(python, NULL)) != NULL) {
		free(bin);
		free(prefix);
		bin = file_folder(real);
		prefix = file_folder(bin);
		free(real);
	}
	free(bin);
	return prefix;
}

char *
jupyterpath_prefix(void)
{
	const char *named = variable("VIRTUAL_ENV");
	char *python, *prefix;

	if (named == NULL)
		named = variable("CONDA_PREFIX");
	if (named != NULL)
		return absolute(named);
	python = jupyterpath_program("python3");
	if (python == NULL)
		return NULL;
	prefix = jupyterpath_prefix_of(python);
	free(python);
	return prefix;
}

/* Whether the key of a line of pyvenv.cfg says that the packages of the system are to be seen. */
static bool
line_shows_system(const char *line, size_t n)
{
	static const char key[] = "include-system-site-packages";
	const char *equals = memchr(line, '=', n), *end = line + n;

	if (equals == NULL)
		return false;
	while (line < equals && isspace((unsigned char)*line))
		line++;
	if ((size_t)(equals - line) < sizeof(key) - 1 || strncasecmp(line, key, sizeof(key) - 1) != 0)
		return false;
	for (line += sizeof(key) - 1; line < equals; line++)
		if (!isspace((unsigned char)*line))
			return false;
	for (line++; line < end && isspace((unsigned char)*line); line++)
		;
	while (end > line && isspace((unsigned char)end[-1]))
		end--;
	return end - line == 4 && strncasecmp(line, "true", 4) == 0;
}

/* Whether the interpreter of the prefix looks into the user's own site-packages: site.ENABLE_USER_SITE. */
static bool
has_user_site(const char *prefix)
{
	char *path;
	struct buf text = BUF_INIT;
	bool shown = true;

	if (variable("PYTHONNOUSERSITE") != NULL || getuid() != geteuid() || getgid() != getegid())
		return false;
	if (prefix == NULL || !has_pyvenv(prefix))
		return true;
	path = file_join(prefix, "pyvenv.cfg");
	if (file_read(path, &text, PYVENV_MAX) == 0) {
		const char *line = buf_str(&text), *end = line + text.len;

		shown = false;
		while (line < end && !shown) {
			const char *stop = memchr(line, '\n', (size_t)(end - line));

			if (stop == NULL)
				stop = end;
			shown = line_shows_system(line, (size_t)(stop - line));
			line = stop + 1;
		}
	}
	free(path);
	buf_release(&text);
	return shown;
}

static bool
is_mine(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_uid == geteuid();
}

/* Whether what is installed in the environment comes before what the user has installed. */
static bool
prefers_environment(const char *prefix)
{
	const char *venv = variable("VIRTUAL_ENV"), *conda = variable("CONDA_PREFIX");
	const char *name = variable("CONDA_DEFAULT_ENV");

	if (getenv("JUPYTER_PREFER_ENV_PATH") != NULL)
		return is_wanted("JUPYTER_PREFER_ENV_PATH");
	if (prefix == NULL || !is_mine(prefix))
		return false;
	if (venv != NULL || has_pyvenv(prefix))
		return true;
	return conda != NULL && strncmp(prefix, conda, strlen(conda)) == 0 && name != NULL && strcmp(name, "base") != 0;
}

static bool
has_folder(const struct folders *f, const char *folder)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->list[i], folder) == 0)
			return true;
	return false;
}

/* Takes the string over. */
static void
add_folder(struct folders *f, char *folder)
{
	trim_slashes(folder);
	if (*folder == '\0' || has_folder(f, folder)) {
		free(folder);
		return;
	}
	f->list = xgrow(f->list, f->n, &f->cap, sizeof(*f->list));
	f->list[f->n++] = folder;
}

/* Adds the parts of a list like that of PATH, each with something behind it. */
static void
add_list(struct folders *f, const char *list, const char *suffix)
{
	for (;;) {
		size_t n = strcspn(list, ":");
		char *part = xmemdup0(list, n), *whole = absolute(part);

		if (n != 0)
			add_folder(f, *suffix != '\0' ? file_join(whole, suffix) : xstrdup(whole));
		free(part);
		free(whole);
		if (list[n] == '\0')
			return;
		list += n + 1;
	}
}

static void
add_system(struct folders *f)
{
	const char *shared = is_wanted("JUPYTER_PLATFORM_DIRS") ? getenv("XDG_DATA_DIRS") : NULL;

	if (shared == NULL || shared[strspn(shared, " \t\n\v\f\r")] == '\0')
		shared = "/usr/local/share:/usr/share";
	add_list(f, shared, "jupyter");
}

static void
add_environment(struct folders *f, const char *prefix)
{
	struct folders system = {NULL, 0, 0};
	char *folder;

	if (prefix == NULL)
		return;
	folder = file_join(prefix, "share/jupyter");
	/* One that is the system's anyway keeps its place there. */
	add_system(&system);
	if (has_folder(&system, folder))
		free(folder);
	else
		add_folder(f, folder);
	for (size_t i = 0; i < system.n; i++)
		free(system.list[i]);
	free(system.list);
}

static void
add_user(struct folders *f, const char *home, const char *prefix)
{
	const char *data = variable("JUPYTER_DATA_DIR"), *xdg = variable("XDG_DATA_HOME");
	const char *base = variable("PYTHONUSERBASE");
	char *real = realpath(home, NULL);	/* jupyter_core resolves links in the home folder */
	char *top;

	if (data != NULL) {
		add_folder(f, absolute(data));
	} else {
		top = xdg != NULL ? absolute(xdg) : file_join(real != NULL ? real : home, ".local/share");
		add_folder(f, file_join(top, "jupyter"));
		free(top);
	}
	if (has_user_site(prefix)) {
		top = base != NULL ? jupyterpath_expand(base) : file_join(home, ".local");
		add_folder(f, file_join(top, "share/jupyter"));
		free(top);
	}
	free(real);
}

char **
jupyterpath_kernels(void)
{
	const char *named = variable("JUPYTER_PATH"), *ipython = variable("IPYTHONDIR");
	char *home = home_folder(), *prefix = jupyterpath_prefix(), *own;
	struct folders f = {NULL, 0, 0};

	if (named != NULL)
		add_list(&f, named, "");
	if (prefers_environment(prefix)) {
		add_environment(&f, prefix);
		add_user(&f, home, prefix);
	} else {
		add_user(&f, home, prefix);
		add_environment(&f, prefix);
	}
	add_system(&f);
	own = ipython != NULL ? jupyterpath_expand(ipython) : file_join(home, ".ipython");
	add_folder(&f, own);
	for (size_t i = 0; i < f.n; i++) {
		char *kernels = file_join(f.list[i], "kernels");

		free(f.list[i]);
		f.list[i] = kernels;
	}
	f.list = xgrow(f.list, f.n, &f.cap, sizeof(*f.list));
	f.list[f.n] = NULL;
	free(home);
	free(prefix);
	return f.list;
}
