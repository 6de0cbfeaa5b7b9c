#include "local/runtime.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "local/calls.h"
#include "notebook/databricks.h"
#include "notebook/magic.h"
#include "src/local/databricks_source.h"

#define REDACTED "[REDACTED]"	/* what Databricks shows instead of a secret */
#define SECRET_PREFIX "NBFORK_SECRET_"

#define PROGRAM "program"	/* a file in the folder that kernels share */

extern char **environ;

/*
 * What is executed, with the settings, the folder of what kernels share, and the program as `given`. It is short because
 * ipykernel makes a name of each character of what it executes, in Python: the program is None, and in a file, where the
 * kernel can read that.
 */
static const char loader[] =
	"import importlib.util, json, marshal, os, sys, types\n"
	"from IPython import get_ipython\n"
	"settings, folder, program = given\n"
	"tag, code = (importlib.util.MAGIC_NUMBER, sys.version), None\n"
	"try:\n"
	"    with open(f'{folder}/code', 'rb') as f:\n"
	"        of, code = marshal.load(f)\n"
	"except (EOFError, OSError, TypeError, ValueError):\n"
	"    pass\n"
	"if code is None or of != tag:\n"
	"    if program is None:\n"
	"        with open(f'{folder}/" PROGRAM "', encoding='utf-8') as f:\n"
	"            program = f.read()\n"
	"    code = compile(program, '<nbfork>', 'exec')\n"
	"    try:\n"
	"        with open(f'{folder}/code-{os.getpid()}', 'xb') as f:\n"
	"            marshal.dump((tag, code), f)\n"
	"        os.rename(f.name, f'{folder}/code')\n"
	"    except OSError:\n"
	"        pass\n"
	"module = sys.modules['nbfork_databricks'] = types.ModuleType('nbfork_databricks')\n"
	"exec(code, vars(module))\n"
	"module.start(json.loads(settings), get_ipython())\n";

static bool
is_wanted(const struct session *s)
{
	enum cell_language l;

	return s->attempt->notebook->databricks != DATABRICKS_NONE && language_parse(s->spec->language, &l) &&
	    l == LANGUAGE_PYTHON;
}

/* Where the run's kernels leave what they have compiled: PRIVATE/runtime, beside the folders of the slots. */
static char *
shared_folder(const struct attempt *a)
{
	char *private = file_folder(a->folder), *folder = xasprintf("%s/runtime", private);

	free(private);
	return folder;
}

/*
 * Where Spark keeps the notebook's tables: on a disk, which the private folder need not be on, under a name that nobody
 * else has as long as that is there.
 */
static char *
tables_folder(const struct attempt *a)
{
	const char *place = getenv("TMPDIR"), *slot = strrchr(a->folder, '/') + 1;
	char *private = file_folder(a->folder), *folder;

	folder = xasprintf("%s/%s-%s-tables", place != NULL && *place == '/' ? place : "/var/tmp", strrchr(private, '/') + 1,
	    slot);
	free(private);
	return folder;
}

void
runtime_end(const struct attempt *a)
{
	char *tables = tables_folder(a), *folder = shared_folder(a);

	if (a->notebook->databricks != DATABRICKS_NONE && access(tables, F_OK) == 0 && file_remove_tree(tables) == -1)
		log_warn("cannot remove '%s': %s", tables, strerror(errno));
	if (a->orphaned())
		file_remove_tree(folder);
	free(tables);
	free(folder);
}

/* Without links where there are any to follow. */
static char *
real_path(const char *path)
{
	char *real = realpath(path, NULL);

	return real != NULL ? real : file_absolute(path);
}

/* All values of widgets are text: of other types as JSON. */
static void
put_parameters(struct json_out *o, const struct params *parameters)
{
	json_out_open(o, '{');
	for (size_t i = 0; i < parameters->n; i++) {
		struct json value = json_of(parameters->list[i].value);
		struct buf text = BUF_INIT;

		json_out_key(o, parameters->list[i].name);
		if (json_type(value) == JSON_STRING) {
			json_out_value(o, value);
		} else {
			json_put(&text, value, &JSON_ONE_LINE);
			json_out_str(o, buf_str(&text));
		}
		buf_wipe(&text);
	}
	json_out_close(o, '}');
}

static void
put_settings(const struct session *s, struct buf *b)
{
	const struct attempt *a = s->attempt;
	const struct task *t = a->task;
	struct json_out o = JSON_OUT(b, -1, 0);
	char *path = real_path(t->file), *dbfs = real_path(t->target->dbfs), *tables = tables_folder(a);
	char *workspace = real_path(t->target->workspace);

	json_out_open(&o, '{');
	json_out_key(&o, "kind");
	json_out_str(&o, a->notebook->databricks == DATABRICKS_NOTEBOOK ? "notebook" : "uses");
	json_out_key(&o, "name");
	json_out_str(&o, t->name);
	json_out_key(&o, "path");
	json_out_str(&o, path);
	json_out_key(&o, "run");
	json_out_str(&o, a->first_run_id);
	json_out_key(&o, "parameters");
	put_parameters(&o, &t->parameters);
	json_out_key(&o, "dbfs");
	json_out_str(&o, dbfs);
	json_out_key(&o, "workspace");
	json_out_str(&o, workspace);
	json_out_key(&o, "tables");
	json_out_str(&o, tables);
	json_out_key(&o, "secrets");
	json_out_value(&o, json_of(t->target->secrets != NULL ? t->target->secrets : "{}"));
	/* A notebook that another one has called is no task of a job. */
	json_out_key(&o, "job");
	json_out_bool(&o, !a->called);
	json_out_key(&o, "values");
	json_out_value(&o, json_of(a->task_values));
	json_out_key(&o, "call");
	json_out_str(&o, a->calls != NULL ? calls_path(a->calls) : NULL);
	json_out_close(&o, '}');
	free(path);
	free(workspace);
	free(dbfs);
	free(tables);
}

/* Leaves the program where kernels can read it, unless it is there. Returns 0, or -1 where that cannot be. */
static int
leave_program(const char *folder, const struct buf *program)
{
	char *path = xasprintf("%s/" PROGRAM, folder);
	int result = 0;

	if (access(path, R_OK) == -1 && ((mkdir(folder, 0700) == -1 && errno != EEXIST) ||
	    file_replace(path, program->data, program->len) == -1))
		result = -1;
	free(path);
	return result;
}

/* Has the kernel execute the loader; program is NULL where it is to read that from the folder. */
static enum verdict
load(struct session *s, const struct buf *settings, const char *folder, const struct buf *program)
{
	struct buf code = BUF_INIT;
	enum verdict verdict;

	/* A JSON string of ours is a string in Python too. */
	buf_adds(&code, "exec(");
	json_put_str(&code, loader);
	buf_adds(&code, ", {'given': (");
	json_put_string(&code, settings->data, settings->len);
	buf_adds(&code, ", ");
	json_put_str(&code, folder);
	buf_adds(&code, ", ");
	if (program != NULL)
		json_put_string(&code, program->data, program->len);
	else
		buf_adds(&code, "None");
	buf_adds(&code, ")})");
	verdict = session_prepare(s, "dbutils", code.data, code.len);
	buf_wipe(&code);
	return verdict;
}

enum verdict
runtime_start(struct session *s)
{
	struct buf program = BUF_INIT, settings = BUF_INIT;
	char *folder;
	bool left;
	enum verdict verdict;

	if (!is_wanted(s))
		return VERDICT_OK;
	folder = shared_folder(s->attempt);
	for (const char *const *line = databricks_source; *line != NULL; line++)
		buf_adds(&program, *line);
	put_settings(s, &settings);
	left = leave_program(folder, &program) == 0;
	verdict = load(s, &settings, folder, left ? NULL : &program);
	/* A kernel that sees other files, or is another user's, has to be sent it. */
	if (left && verdict == VERDICT_KERNEL && s->raised)
		verdict = load(s, &settings, folder, &program);
	buf_wipe(&settings);
	buf_release(&program);
	free(folder);
	return verdict;
}

static void
mask_value(struct mask *mask, struct json value)
{
	struct buf text = BUF_INIT;

	json_decode(&text, value);
	mask_add_spellings_as(mask, buf_str(&text), text.len, REDACTED);
	buf_wipe(&text);
}

void
runtime_mask(struct attempt *a)
{
	const struct params *env = &a->task->env;
	struct json_iter scopes, keys;
	struct json scope, value;
	const size_t n = strlen(SECRET_PREFIX);

	json_walk(&scopes, a->task->target->secrets != NULL ? json_of(a->task->target->secrets) : JSON_NOTHING);
	while (json_next(&scopes, NULL, &scope)) {
		json_walk(&keys, scope);
		while (json_next(&keys, NULL, &value))
			mask_value(a->mask, value);
	}
	for (char **e = environ; *e != NULL; e++) {
		const char *equals = strncmp(*e, SECRET_PREFIX, n) == 0 ? strchr(*e, '=') : NULL;

		if (equals != NULL)
			mask_add_spellings_as(a->mask, equals + 1, strlen(equals + 1), REDACTED);
	}
	for (size_t i = 0; i < env->n; i++)
		if (strncmp(env->list[i].name, SECRET_PREFIX, n) == 0)
			mask_value(a->mask, json_of(env->list[i].value));
}
