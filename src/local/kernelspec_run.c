/*
 * The other half of local/kernelspec.h: how a kernel that was found is run.
 */
#include "local/kernelspec.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "local/jupyterpath.h"
#include "local/python.h"

#define HISTORY_OPTION "--HistoryManager.hist_file"
#define LAUNCHER "ipykernel_launcher"

/*
 * What "-m ipykernel_launcher" does, at the same depth of calls, but that the socket for outputs keeps all of them
 * until they are sent. ZeroMQ lets it keep a thousand, and on a machine that is busy with other notebooks a loop that
 * prints is that far ahead in no time; what is beyond is lost without a trace. Sockets that the notebook makes itself
 * are as always. And the control thread is ended before what it uses is closed: else it waits, now and then, ten seconds
 * for outputs to be flushed by a thread that is gone.
 */
static const char launcher[] =
	"import importlib.util, os, sys\n"
	"if sys.path[0] == '':\n"
	"    sys.path[0] = os.getcwd()\n"
	"import zmq\n"
	"original = zmq.Context.socket\n"
	"def socket(self, kind, *args, **more):\n"
	"    made = original(self, kind, *args, **more)\n"
	"    if kind in (zmq.PUB, zmq.XPUB):\n"
	"        made.setsockopt(zmq.SNDHWM, 0)\n"
	"        zmq.Context.socket = original\n"
	"    return made\n"
	"zmq.Context.socket = socket\n"
	"import threading\n"
	"def end():\n"
	"    try:\n"
	"        thread = sys.modules['ipykernel.kernelapp'].IPKernelApp._instance.control_thread\n"
	"        thread.stop()\n"
	"        thread.join(5)\n"
	"    except Exception:\n"
	"        pass\n"
	"if hasattr(threading, '_register_atexit'):\n"
	"    threading._register_atexit(end)\n"
	"def run(spec):\n"
	"    if spec is None:\n"
	"        sys.exit(sys.executable + ': No module named " LAUNCHER "')\n"
	"    sys.argv[0] = spec.origin\n"
	"    exec(spec.loader.get_code(spec.name), {'__name__': '__main__', '__file__': spec.origin, '__spec__': spec})\n"
	"run(importlib.util.find_spec('" LAUNCHER "'))\n";

/* A list of NAME=VALUE strings in which each name is there once. */
struct environment {
	char **list;
	size_t n, cap;
};

/* Python kernels that are made with ipykernel's application; by the module behind -m, or what it begins with. */
static const char *const wrappers[] = {"ansible_kernel", "bash_kernel", "calysto_", "gnuplot_kernel", "matlab_kernel",
	"metakernel", "octave_kernel", "sas_kernel", "sos_kernel", "sparkmagic.", "spylon_kernel"};

/* The kernels of xeus, by the name of their program. */
static const char *const xeus[] = {"xcpp", "xhaskell", "xjavascript", "xlua", "xnelson", "xocaml", "xoctave", "xpython",
	"xr", "xrobot", "xsql", "xsqlite", "xwren"};

bool
kernelspec_is_ipykernel(const struct kernelspec *k)
{
	for (size_t i = 0; i < k->argc; i++) {
		/* Anywhere in an argument: also "sh -c '. env/bin/activate; exec python -m ipykernel_launcher ...'". */
		if (strstr(k->argv[i], LAUNCHER) != NULL)
			return true;
		if (i > 0 && strcmp(k->argv[i - 1], "-m") == 0 &&
		    (strcmp(k->argv[i], "ipykernel") == 0 || strncmp(k->argv[i], "ipykernel.", 10) == 0))
			return true;
	}
	return false;
}

static bool
wraps_ipykernel(const struct kernelspec *k)
{
	for (size_t i = 1; i < k->argc; i++) {
		if (strcmp(k->argv[i - 1], "-m") != 0)
			continue;
		for (size_t j = 0; j < sizeof(wrappers) / sizeof(wrappers[0]); j++)
			if (strncmp(k->argv[i], wrappers[j], strlen(wrappers[j])) == 0)
				return true;
	}
	return false;
}

bool
kernelspec_takes_ipc(const struct kernelspec *k)
{
	const char *slash = strrchr(k->argv[0], '/');
	const char *program = slash != NULL ? slash + 1 : k->argv[0];

	if (kernelspec_is_ipykernel(k) || wraps_ipykernel(k))
		return true;
	for (size_t i = 0; i < sizeof(xeus) / sizeof(xeus[0]); i++)
		if (strcmp(program, xeus[i]) == 0)
			return true;
	for (size_t i = 0; i < k->argc; i++)
		if (strstr(k->argv[i], "IRkernel::main") != NULL || strstr(k->argv[i], "IJulia") != NULL ||
		    strstr(k->argv[i], "xpython_launcher") != NULL)
			return true;
	return false;
}

static bool
is_word(char c)
{
	return isascii((unsigned char)c) && (isalnum((unsigned char)c) || c == '_');
}

/* What stands for {name}; NULL when nothing does. Appended values are not looked at again. */
static const char *
placeholder(const struct kernelspec *k, const char *name, size_t n, const char *connection_file, const char *prefix)
{
	if (n == 15 && memcmp(name, "connection_file", n) == 0)
		return connection_file;
	if (n == 12 && memcmp(name, "resource_dir", n) == 0)
		return k->folder;
	if (n == 6 && memcmp(name, "prefix", n) == 0)
		return prefix;
	return NULL;
}

static char *
fill_in(const struct kernelspec *k, const char *arg, const char *connection_file, const char *prefix)
{
	struct buf b = BUF_INIT;
	char *text, *result;

	while (*arg != '\0') {
		const char *value = NULL;
		size_t n = 0;

		if (*arg == '{') {
			while (is_word(arg[1 + n]))
				n++;
			if (n != 0 && arg[1 + n] == '}')
				value = placeholder(k, arg + 1, n, connection_file, prefix);
		}
		if (value != NULL) {
			buf_adds(&b, value);
			arg += n + 2;
		} else {
			buf_addc(&b, *arg++);
		}
	}
	text = buf_steal(&b);
	result = jupyterpath_expand(text);
	free(text);
	return result;
}

/* IPython keeps its history in one database of the user, which parallel kernels would lock against each other. */
static bool
wants_history_option(const struct kernelspec *k)
{
	for (size_t i = 0; i < k->argc; i++)
		if (strncmp(k->argv[i], HISTORY_OPTION, strlen(HISTORY_OPTION)) == 0)
			return false;
	return kernelspec_is_ipykernel(k) || strcmp(k->name, "python3") == 0 || strcmp(k->name, "python2") == 0;
}

/*
 * Whether the interpreter itself is told at argument n to run ipykernel. Between the two only options may stand: a
 * program that runs the interpreter, as "conda run", may not pass on whatever it is given.
 */
static bool
launches_ipykernel(const struct kernelspec *k, size_t n)
{
	const char *slash = strrchr(k->argv[0], '/');

	if (n == 0 || n + 1 >= k->argc || strcmp(k->argv[n], "-m") != 0 || strcmp(k->argv[n + 1], LAUNCHER) != 0)
		return false;
	for (size_t i = 1; i < n; i++) {
		if (k->argv[i][0] != '-')
			return false;
	}
	return strncmp(slash != NULL ? slash + 1 : k->argv[0], "python", 6) == 0;
}

size_t
kernelspec_forkable(const struct kernelspec *k)
{
	if (k->argc < 5 || strcmp(k->argv[k->argc - 2], "-f") != 0 || strcmp(k->argv[k->argc - 1], "{connection_file}") != 0 ||
	    !launches_ipykernel(k, k->argc - 4))
		return 0;
	return k->argc - 4;
}

char **
kernelspec_command(const struct kernelspec *k, const char *connection_file)
{
	char **list = xcalloc(k->argc + 2, sizeof(*list));
	char *prefix = k->python != NULL ? jupyterpath_prefix_of(k->python) : NULL;
	size_t n = 0;

	if (k->python != NULL && python_is_name(k->argv[0]))
		list[n++] = xstrdup(k->python);
	while (n < k->argc) {
		if (launches_ipykernel(k, n)) {
			list[n++] = xstrdup("-c");
			list[n++] = xstrdup(launcher);
		} else {
			list[n] = fill_in(k, k->argv[n], connection_file, prefix);
			n++;
		}
	}
	if (wants_history_option(k))
		list[n++] = xstrdup(HISTORY_OPTION "=:memory:");
	free(prefix);
	return list;
}

static bool
is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* Whether there is such a program in one of the folders of a PATH. */
static bool
is_in_path(const char *path, const char *name)
{
	bool found = false;

	while (!found) {
		size_t n = strcspn(path, ":");
		char *folder = xmemdup0(path, n), *file = file_join(folder, name);

		found = is_program(file);
		free(file);
		free(folder);
		if (path[n] == '\0')
			break;
		path += n + 1;
	}
	return found;
}

int
kernelspec_check_program(const struct kernelspec *k, char **why)
{
	char **command = kernelspec_command(k, "");
	char **env = kernelspec_environment(k, NULL);
	const char *path = "/usr/local/bin:/bin:/usr/bin";
	bool found;

	for (char **e = env; *e != NULL; e++) {
		if (strncmp(*e, "PATH=", 5) == 0)
			path = *e + 5;
	}
	found = strchr(command[0], '/') != NULL ? is_program(command[0]) : is_in_path(path, command[0]);
	if (!found)
		*why = xasprintf("kernel '%s' cannot be started: there is no program '%s' (%s/kernel.json)", k->name,
		    command[0], k->folder);
	kernelspec_free_list(env);
	kernelspec_free_list(command);
	return found ? 0 : -1;
}

/* Where the variable of that name stands in the list; its end when it is not there. */
static size_t
position(const struct environment *e, const char *name, size_t n)
{
	size_t i = 0;

	while (i < e->n && (strncmp(e->list[i], name, n) != 0 || e->list[i][n] != '='))
		i++;
	return i;
}

/* Sets a variable; the string is taken over. */
static void
set(struct environment *e, char *setting)
{
	size_t i = position(e, setting, strcspn(setting, "="));

	if (i < e->n) {
		free(e->list[i]);
	} else {
		e->list = xgrow(e->list, e->n, &e->cap, sizeof(*e->list));
		e->n++;
	}
	e->list[i] = setting;
}

static void
unset(struct environment *e, const char *name)
{
	size_t i = position(e, name, strlen(name));

	if (i < e->n) {
		free(e->list[i]);
		e->list[i] = e->list[--e->n];
	}
}

/* Python's string.Template.safe_substitute: $$, $name and ${name}; what has no value stays as it is. */
static char *
substitute(const char *text)
{
	struct buf b = BUF_INIT;

	while (*text != '\0') {
		const char *name = text + 1, *value = NULL;
		size_t braces = 0, n = 0;
		char *copy;

		if (*text == '$' && *name == '$') {
			buf_addc(&b, '$');
			text += 2;
			continue;
		}
		if (*text == '$') {
			braces = *name == '{';
			name += braces;
			if (!isdigit((unsigned char)*name))
				while (is_word(name[n]))
					n++;
			if (n != 0 && (!braces || name[n] == '}')) {
				copy = xmemdup0(name, n);
				value = getenv(copy);
				free(copy);
			}
		}
		if (value != NULL) {
			buf_adds(&b, value);
			text = name + n + braces;
		} else {
			buf_addc(&b, *text++);
		}
	}
	return buf_steal(&b);
}

char **
kernelspec_environment(const struct kernelspec *k, char *const *more)
{
	struct environment e = {NULL, 0, 0};

	for (size_t i = 0; environ != NULL && environ[i] != NULL; i++)
		/*
		 * of two, the first counts, as for getenv
		 */
		if (position(&e, environ[i], strcspn(environ[i], "=")) == e.n)
			set(&e, xstrdup(environ[i]));
	for (size_t i = 0; k->env[i] != NULL; i++) {
		size_t name = strcspn(k->env[i], "=") + 1;
		char *value = substitute(k->env[i] + name);

		set(&e, xasprintf("%.*s%s", (int)name, k->env[i], value));
		free(value);
	}
	/*
	 * It makes Python take another program for itself. jupyter_client removes it too, after the kernelspec's
	 * env.
	 */
	if (k->language != NULL && strncasecmp(k->language, "python", 6) == 0)
		unset(&e, "PYTHONEXECUTABLE");
	for (size_t i = 0; more != NULL && more[i] != NULL; i++)
		set(&e, xstrdup(more[i]));
	/* ipykernel watches whether this is still its parent, and ends when it is not. */
	set(&e, xasprintf("JPY_PARENT_PID=%ld", (long)getpid()));
	e.list = xgrow(e.list, e.n, &e.cap, sizeof(*e.list));
	e.list[e.n] = NULL;
	return e.list;
}
