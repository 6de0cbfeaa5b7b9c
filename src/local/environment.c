#include "local/environment.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

/* What libraries take the number of their threads from. */
static const char *const thread_names[] = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
	"BLIS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"};

#define THREAD_NAMES (sizeof(thread_names) / sizeof(thread_names[0]))

/* As forkserver.py has them: it looks at them once more. */
static const char *const boot_names[] = {"HOME", "LANG", "GLIBC_TUNABLES", NULL};
static const char *const boot_beginnings[] = {"PYTHON", "LD_", "LC_", "MALLOC_", "XDG_", "IPYTHON", "JUPYTER_", "MPL",
	"MATPLOTLIB", "OMP_", "KMP_", "GOMP_", "OPENBLAS_", "GOTO_", "MKL_", "BLIS_", "NUMEXPR_", "NUMBA_", "NPY_",
	"PYDEVD_", "DEBUGPY_", "OPENSSL_", "TORNADO_", "VECLIB_", NULL};

static bool
is_boot(const char *name)
{
	for (const char *const *n = boot_names; *n != NULL; n++)
		if (strcmp(*n, name) == 0)
			return true;
	for (const char *const *b = boot_beginnings; *b != NULL; b++)
		if (strncmp(*b, name, strlen(*b)) == 0)
			return true;
	return false;
}

static bool
is_set(const struct kernelspec *spec, const struct task *t, const char *name)
{
	size_t n = strlen(name);

	if (getenv(name) != NULL || params_find(&t->env, name) != NULL)
		return true;
	for (char **e = spec->env; *e != NULL; e++)
		if (strncmp(*e, name, n) == 0 && (*e)[n] == '=')
			return true;
	return false;
}

char **
environment_list(const struct kernelspec *spec, const struct task *t, bool boot)
{
	char **list = xcalloc(t->env.n + THREAD_NAMES + 1, sizeof(*list));
	size_t n = 0;

	for (size_t i = 0; t->threads > 0 && i < THREAD_NAMES; i++)
		if (!is_set(spec, t, thread_names[i]))
			list[n++] = xasprintf("%s=%u", thread_names[i], t->threads);
	for (size_t i = 0; i < t->env.n; i++) {
		const struct param *p = &t->env.list[i];
		struct buf b = BUF_INIT;

		if (boot && (p->deferred || !is_boot(p->name)))
			continue;
		buf_adds(&b, p->name);
		buf_addc(&b, '=');
		json_decode(&b, json_of(p->value));
		list[n++] = buf_steal(&b);
	}
	return list;
}

char **
environment_add(char **list, const char *name, const char *value)
{
	size_t n = 0;

	while (list[n] != NULL)
		n++;
	list = xreallocarray(list, n + 2, sizeof(*list));
	list[n] = xasprintf("%s=%s", name, value);
	list[n + 1] = NULL;
	return list;
}

void
environment_put_boot(const struct kernelspec *spec, const struct task *t, struct buf *out)
{
	char **list = environment_list(spec, t, true);

	for (char **e = list; *e != NULL; e++)
		buf_addf(out, "%s\n", *e);
	kernelspec_free_list(list);
}

/* A list of paths; an empty entry is the current folder. */
static bool
has_relative(const char *list)
{
	if (*list == '\0')
		return false;
	for (;;) {
		size_t n = strcspn(list, ":");

		if (*list != '/' && *list != '~')
			return true;
		if (list[n] == '\0')
			return false;
		list += n + 1;
	}
}

bool
environment_is_relative(const struct kernelspec *spec, const struct task *t)
{
	static const char *const paths[] = {"HOME", "PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONPYCACHEPREFIX",
		"IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_CONFIG_PATH", "JUPYTER_DATA_DIR", "JUPYTER_PATH",
		"JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR", "MATPLOTLIBRC", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME",
		"LD_LIBRARY_PATH"};
	bool relative = false;

	for (size_t i = 0; !relative && i < sizeof(paths) / sizeof(paths[0]); i++) {
		const struct param *p = params_find(&t->env, paths[i]);
		const char *value = getenv(paths[i]);
		size_t n = strlen(paths[i]);
		struct buf own = BUF_INIT;

		if (p != NULL && !p->deferred)
			json_decode(&own, json_of(p->value));
		relative = (value != NULL && has_relative(value)) || has_relative(buf_str(&own));
		for (char **e = spec->env; !relative && *e != NULL; e++)
			relative = strncmp(*e, paths[i], n) == 0 && (*e)[n] == '=' && has_relative(*e + n + 1);
		buf_release(&own);
	}
	return relative;
}
