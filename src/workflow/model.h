/*
 * The workflow: what the YAML file and the command line together ask for. Made by workflow/load.h, read by
 * everything else, changed by nothing.
 */
#ifndef NBFORK_WORKFLOW_MODEL_H
#define NBFORK_WORKFLOW_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

/* Where something stands in its file, for messages. line 0: not in a file. */
struct mark {
	unsigned line, column;	/* from 1, the column in characters */
};

/* A named value: a parameter, or a variable of the environment. */
struct param {
	char *name;
	/*
	 * JSON text on one line (it may hold NaN and the infinities); for a secret, the JSON string of its real
	 * value
	 */
	char *value;
	char *secret;	/* NULL, or the environment variable that the value was read from: it must not be shown */
	/*
	 * the value holds expressions that are known only when the notebook starts, and is to be evaluated then
	 * (workflow/expression.h); never of a secret
	 */
	bool deferred;
	struct mark mark;	/* of its name */
	struct mark value_mark;
};

/* In the order in which the names first appeared; a later setting of a name replaces the value where it stands. */
struct params {
	struct param *list;
	size_t n, cap;
};

void params_release(struct params *p);

/* Sets a name; value and secret (may be NULL) are copied. */
void params_set(struct params *p, const char *name, const char *value, const char *secret, struct mark mark);

/* As params_set, for a name that is not there yet: it is not looked for. Valid until the next one is added. */
struct param *params_add(struct params *p, const char *name, const char *value, const char *secret, struct mark mark);

/* Sets all of from. */
void params_merge(struct params *p, const struct params *from);

/* NULL when there is none of that name. */
const struct param *params_find(const struct params *p, const char *name);

/* Appends them as a JSON object on one line, secrets as "***"; what is deferred as it was written. */
void params_json(const struct params *p, struct buf *out);

enum policy {
	POLICY_LET_FINISH,
	POLICY_FAIL_FAST,
	POLICY_DRAIN,
};

#define POLICIES 3

extern const char *const policy_words[];	/* by number; the last one is NULL */
const char *policy_name(enum policy p);
bool policy_parse(const char *s, enum policy *p);

/* In which order notebooks that could start do so, where their priorities are the same. */
enum order {
	ORDER_AS_WRITTEN,
	ORDER_SMALLEST_FIRST,
	ORDER_LONGEST_FIRST,
};

extern const char *const order_words[];	/* as policy_words */
const char *order_name(enum order o);
bool order_parse(const char *s, enum order *o);

/* What the ends of its dependencies must have been for a notebook to run: Databricks' words and meanings. */
enum run_if {
	RUN_IF_ALL_SUCCESS,
	RUN_IF_ALL_DONE,
	RUN_IF_AT_LEAST_ONE_SUCCESS,
	RUN_IF_NONE_FAILED,
	RUN_IF_AT_LEAST_ONE_FAILED,
	RUN_IF_ALL_FAILED,
};

extern const char *const run_if_words[];	/* as policy_words */
const char *run_if_name(enum run_if r);	/* "all_success", ... */
bool run_if_parse(const char *s, enum run_if *r);

/* Which failures are worth another attempt. */
struct retry_on {
	unsigned kinds;	/* bits 1 << enum error_kind (workflow/status.h) */
	char **names;	/* of exceptions */
	size_t n;
};

/* A limit of how many notebooks of a kind run at the same time. */
struct named_limit {
	char *name;
	unsigned most;
	struct mark mark;
};

/* When a saved job of the workflow runs. */
struct cron {
	char *expression;	/* as Quartz has it: seconds, minutes, hours, day of the month, month, day of the week[, year] */
	char *timezone;	/* "Europe/Berlin" */
	bool paused;
	struct mark mark;
};

/* When a hook's commands run. */
enum hook {
	HOOK_ON_START,	/* beside the first notebooks */
	HOOK_ON_SUCCESS,	/* when the run is over, and has succeeded; */
	HOOK_ON_FAILURE,	/* or has not, whatever the reason */
	HOOK_ON_FINISH,	/* after one of these two */
	HOOKS,
};

const char *hook_name(enum hook h);	/* "on_start", ... */

/* A command of a hook. */
struct command {
	enum hook hook;
	char **argv;	/* NULL-terminated, at least one word; owned */
	struct mark mark;	/* of its first word */
};

#define HOOK_TIMEOUT (60 * INT64_C(1000000000))	/* nanoseconds that a command has by default */

#define PROCESSES_MAX 10000	/* the largest pool */

enum transport {
	TRANSPORT_AUTO,	/* ipc for kernels known to take it, else tcp */
	TRANSPORT_IPC,
	TRANSPORT_TCP,
};

/*
 * What notebooks on a workspace run on. Texts are owned, NULL when not given; those marked so are JSON on one line,
 * passed on as they are.
 */
struct compute {
	char *existing_cluster_id;
	char *new_cluster;	/* JSON object */
	bool serverless;	/* that neither is meant, whatever the environment says */
	char *environment_key;	/* of the target's environments */
	char *warehouse_id;
	char *libraries;	/* JSON list */
};

void compute_release(struct compute *c);

/* What a target of type databricks says of itself. Texts as those of struct compute. */
struct databricks {
	char *profile, *host;
	struct compute compute;	/* of notebooks that do not say otherwise */
	char *environments;	/* JSON list */
	char *upload_to;	/* a folder of the workspace */
	char *run_as, *tags, *access_control_list;	/* JSON object, object, list */
	char *email_notifications, *webhook_notifications, *notification_settings;	/* JSON objects */
	char *performance_target;
	bool queue;	/* the run may wait for its turn in the workspace; true unless told otherwise */
};

void databricks_free(struct databricks *d);

/* A place where notebooks run. There is always one named "local" of type "local". */
struct target {
	char *name;
	char *type;	/* "local", "databricks" */
	struct databricks *databricks;	/* for that type; else NULL */
	void *state;	/* of the target's code (target.h) while it is connected */
	char *kernel;	/* for notebooks that do not name one themselves; NULL: python3 */
	enum transport transport;
	int64_t startup_timeout;	/* nanoseconds until a kernel must answer; default 60 s */
	/*
	 * nanoseconds for which a kernel that has been asked to end may do nothing; default 0.5 s
	 */
	int64_t shutdown_grace;
	bool warm;	/* kernels may be forked from one that is ready */
	char **preload;	/* names of modules that it is to have imported; owned */
	size_t npreload;
	char *workspace;	/* the folder with what has absolute paths in the workspace; as dbfs */
	char *dbfs;	/* the folder that is dbfs:/, seen from the current folder; owned; need not be there */
	char *secrets;	/* of dbutils.secrets, JSON on one line: {SCOPE: {KEY: TEXT}}; owned; NULL: none */
	struct mark mark;
};

/* One notebook of the workflow. */
struct task {
	char *name;	/* unique; fit to be a file name */
	char *path;	/* as written */
	char *file;	/* what to open: path, seen from the current folder; where it is remote, path */
	bool remote;	/* it is not a file of this machine, but a notebook of the workspace */
	char *working_directory;	/* seen from the current folder; the notebook's own folder by default */
	char *kernel;	/* instead of the notebook's own; NULL: that one */
	struct compute *compute;	/* on a workspace, what it says itself (databricks/compute.h); NULL: nothing; owned */
	struct params parameters;	/* of the workflow, of defaults, of the notebook, of -p: later ones win */
	struct params env;	/* values are JSON strings */
	int64_t timeout;	/* nanoseconds, 0 for none */
	int64_t cell_timeout;
	bool allow_failure;
	bool allow_errors;
	unsigned retries;	/* attempts after the first one */
	int64_t retry_delay;	/* nanoseconds before the first of them */
	double retry_backoff;	/* by which the delay grows from one to the next; at least 1 */
	struct retry_on retry_on;
	int priority;	/* higher starts first */
	size_t pool;	/* index of the workflow's pools; NO_POOL for none */
	int64_t memory_limit;	/* bytes, 0 for none */
	unsigned threads;	/* that numerical libraries are to use; 0: that is left to them */
	bool has_threads;	/* it was said; else it goes by CPUs and processes */
	size_t *depends_on;	/* indices of the workflow's tasks, each once, ascending; owned */
	size_t ndepends_on;
	enum run_if run_if;
	const struct target *target;
	/*
	 * of the entry; the others are of the values that name these things, or where they come from
	 */
	struct mark mark;
	struct mark path_mark, kernel_mark, working_directory_mark;
	struct mark name_mark;	/* path_mark where the path gives the name */
	struct mark target_mark;
};

#define NO_POOL SIZE_MAX

/* Frees what a task owns. */
void task_release(struct task *t);

struct workflow {
	char *name;	/* fit to be a file name */
	char *file;	/* as given; "-" for standard input; NULL when the notebooks were named on the command line */
	char *text;	/* what the run folder's copy holds */
	size_t text_len;
	unsigned processes;
	enum policy on_error;
	unsigned after_failures;	/* how many failures trip the policy; 0: after_percent counts */
	double after_percent;	/* how many of a hundred of the notebooks, that is */
	int64_t timeout;	/* of the whole run, nanoseconds, 0 for none */
	enum order order;
	struct named_limit *pools;
	size_t npools;
	/*
	 * nothing new is started while the load is at least that, or while fewer bytes of memory are free;
	 * 0 for no limit
	 */
	double max_load;
	int64_t min_free_memory;
	/* when less than half of min_free_memory is free: it is stopped and runs again later */
	bool requeue_youngest;
	struct command *commands;	/* of all hooks, by hook; those of one in the order of the file */
	size_t ncommands;
	int64_t hook_timeout;	/* of each of them, nanoseconds, 0 for none */
	struct cron *schedule;	/* NULL: not said; only saved jobs have it */
	struct target **targets;	/* each allocated, so that tasks can point to it */
	size_t ntargets;
	const struct target *target;	/* the default one */
	struct task *tasks;	/* in the order of the file, those of a for_each or matrix in the order of its items */
	size_t ntasks;
};

void workflow_init(struct workflow *w);
void workflow_release(struct workflow *w);

/* The name that shows where a workflow comes from in messages: its file, "<stdin>", or NULL for the command line. */
const char *workflow_label(const struct workflow *w);

#endif
