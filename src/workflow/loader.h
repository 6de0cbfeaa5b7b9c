/*
 * Loading a workflow: what the files load*.c share; for them alone.
 *
 * The functions here add a problem for what is wrong and go on as if the key in question were not there.
 *
 * Expressions ({{ }}) are put in before a key is read, so that they can stand in any value: what the functions
 * below are given holds none any more. Only parameters, variables and what a for_each goes over are evaluated by
 * those who read them.
 */
#ifndef NBFORK_WORKFLOW_LOADER_H
#define NBFORK_WORKFLOW_LOADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"
#include "base/table.h"
#include "workflow/keys.h"
#include "workflow/load.h"
#include "workflow/model.h"
#include "workflow/name.h"
#include "workflow/rows.h"
#include "workflow/yaml.h"

#define PROBLEMS_MAX 1000	/* what is found after that many is not said */
#define TARGETS_MAX 1000
#define TASKS_MAX 200000
#define EDGES_MAX ((size_t)4 * 1024 * 1024)	/* of all dependencies */
/*
 * of parameters and variables, common ones counted for every notebook
 */
#define COPIES_BYTES_MAX (256u * 1024 * 1024)

/* ---- Parameters and variables as they are written ---- */

/* A parameter or variable before it is evaluated. */
struct source {
	const char *name;
	const struct yaml_node *value;
	struct mark mark;	/* of the name */
	/* of the command line, which problems with it are with; NULL: they are with the file */
	const char *option;
};

/* In the order in which the names first appeared; a later one replaces an earlier one where that stands. */
struct sources {
	struct source *list;
	size_t n, cap;
};

void sources_merge(struct sources *into, const struct sources *from);
void sources_release(struct sources *s);

/* ---- What expressions can look up ---- */

enum scope_state {
	SCOPE_NEW,
	SCOPE_BUSY,	/* is being evaluated: whoever asks for it now is a part of it */
	SCOPE_KNOWN,
	SCOPE_DEFERRED,
	SCOPE_FAULT,	/* that has been said */
};

/* A parameter or variable once it has been evaluated. */
struct scope_value {
	enum scope_state state;
	char *json;	/* owned; for a secret, the JSON string of what it is */
	char *secret;	/* the environment's variable it was read from; NULL when it is no secret */
};

/* One notebook in the making, or the workflow itself. */
struct scope {
	const struct sources *parameters;
	struct scope_value *values;	/* of the parameters, */
	size_t n;	/* as many as there were when the scope began */
	bool is_notebook;
	struct json item, matrix;	/* JSON_NOTHING where there is none */
	const char *name;	/* of the notebook, once known */
	bool naming;	/* the name is being made */
	bool quiet;	/* what is wrong has been said, with the parameter that was looked up */
};

/* ---- The loader ---- */

/* A dependency as it is written. */
struct wanted {
	char *pattern;	/* a name, or a glob */
	struct mark mark;
};

/* What belongs to a task while the workflow is loaded. */
struct draft {
	struct wanted *wanted;
	size_t nwanted;
	struct mark wanted_mark;	/* of "depends_on" */
};

struct loader {
	struct workflow *w;
	const char *label;	/* the file's name in messages; NULL: there is none */
	const char *folder;	/* what paths are relative to */
	const struct overrides *options;
	struct problems *problems;
	struct table said;	/* the problems that have been reported, so that none is twice */
	size_t reported;
	const char *option;	/* of the command line, which problems are with; NULL: they are with the file */
	struct scope *scope;	/* what expressions look up now; NULL: there are none */
	struct scope top;	/* that of the workflow's own keys */
	struct sources overrides;	/* of -p */
	struct yaml_node **trees;	/* of -p, which overrides point into */
	char **texts;	/* of -p: names, and options for messages */
	size_t ntrees, ntexts;
	struct sources parameters;	/* of the workflow */
	struct sources top_parameters;	/* and, over them, those of -p */
	const struct yaml_node *defaults;	/* a map, or NULL */
	struct sources default_parameters, default_env;
	struct table secrets;	/* variables that hold secrets: their names */
	struct table names;	/* the task of each name, as its index plus 1 */
	struct draft *drafts;	/* one a task */
	size_t tasks_cap, drafts_cap;
	size_t nedges;
	bool some_are_empty;	/* a for_each that may be empty is */
	size_t copied;	/* bytes, against COPIES_BYTES_MAX */
};

#define NO_MARK ((struct mark){0, 0})

/* How much of somebody's text a message shows: for "%.*s", which takes two arguments. */
#define SHOWN(s) shown_bytes(s), (s)
int shown_bytes(const char *s);

/* Adds a problem with what is being read, unless the same has been added before. */
void loader_problem(struct loader *l, struct mark at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/*
 * Reads a map, the keys in the order of the table: what comes first there is known to what follows. Keys
 * that begin with "x-" are passed over. A key that is not there is looked for in defaults (may be NULL); one
 * that is there without a value takes its default back. Values are stored in into, where the table says so, and
 * given to the key's reader.
 */
void loader_map(struct loader *l, const struct yaml_node *map, const struct yaml_node *defaults,
    const struct loader_keys *keys, void *into);

/* Only says which of a map's keys are unknown or misplaced. */
void loader_check_keys(struct loader *l, const struct yaml_node *map, const struct loader_keys *keys);

/* Says that a key is missing that must be there. */
void loader_missing(struct loader *l, const struct yaml_node *map, const struct loader_key *k);

/* Whether the value of a key is a map. */
bool loader_is_map(struct loader *l, const char *key, const struct yaml_node *value);

/* Text that is not empty, the caller's to free; NULL with a problem added. key is for messages. */
char *loader_text(struct loader *l, const char *key, const struct yaml_node *value);

/* A value of a kind up to KIND_WORD. */
union loader_value {
	bool boolean;
	int64_t number;	/* KIND_INTEGER; nanoseconds; bytes */
	double real;	/* KIND_NUMBER */
	size_t word;	/* index */
};

/* Reads one; key is for messages. false with a problem added. */
bool loader_value(struct loader *l, const char *key, const struct yaml_node *value, const struct kind *kind,
    union loader_value *v);

/*
 * Checks a value that is of such a kind alone, and stores it, or the text or JSON of one that has a place, where the
 * key says. false with a problem added.
 */
bool loader_store(struct loader *l, const struct loader_key *k, const char *key, const struct yaml_node *value,
    void *into);

/* Says that a value is not of the kind that is wanted. */
void loader_wrong_type(struct loader *l, const char *key, const struct yaml_node *value, const char *wanted);

/* Says that text is none of n choices, and which may have been meant. subject: what has that text, with its verb. */
void loader_none_of(struct loader *l, struct mark at, const char *subject, const char *text, const char *const *choices,
    size_t nchoices);

/*
 * Whether text is fit to name files. what is "name" or "target"; instead says what to do when the text was
 * not meant as a name, else "".
 */
bool loader_name_ok(struct loader *l, struct mark at, const char *what, const char *text, const char *instead);

/* ---- Parameters, variables, expressions ---- */

/* The sources of a map, the value of a key "parameters" or "env", added to into, over what is there. */
void loader_parameters(struct loader *l, const struct yaml_node *value, struct sources *into);
void loader_env(struct loader *l, const struct yaml_node *value, struct sources *into);

/* Notes which variables a value names as secrets, at any depth: nothing else may show them. */
void loader_note_secrets(struct loader *l, const struct yaml_node *value);

/*
 * Appends what is in the environment's variable that secret names, the value of {secret: NAME}, as a JSON string. what and
 * of are for messages. false with a problem added.
 */
bool loader_secret(struct loader *l, const char *what, const char *of, const struct yaml_node *secret, struct buf *out);

/* Reads the -p options into l->overrides. */
void loader_overrides(struct loader *l);

/* Starts, and ends, a scope with these parameters, which must live on. */
void scope_init(struct scope *s, const struct sources *parameters);
void scope_release(struct scope *s);

/* Whether there is no secret inside a list or map, where it would not be one. false with a problem added. */
bool loader_no_secret_inside(struct loader *l, const struct yaml_node *node);

/* Whether there is an expression somewhere in a value. */
bool loader_has_expression(const struct yaml_node *value);

/*
 * The value with its expressions put in, all of which must be known now: a node to be freed with yaml_node_free. NULL
 * with a problem added.
 */
struct yaml_node *loader_evaluate(struct loader *l, const struct yaml_node *value);

/* Evaluates all parameters of the scope, or the variables of env, into a task's. */
void loader_put_parameters(struct loader *l, struct scope *s, struct params *into);
void loader_put_env(struct loader *l, const struct sources *env, struct params *into);

/* ---- The parts of a workflow ---- */

/* What the values of its keys may be that are read elsewhere than where their table is. */
extern const struct kind loader_compute_kind, loader_databricks_kind, loader_defaults_kind, loader_for_each_kind,
    loader_limits_kind, loader_matrix_kind, loader_notebooks_kind, loader_on_error_kind, loader_pools_kind,
    loader_hooks_kind, loader_schedule_kind, loader_secrets_kind, loader_targets_kind;

/* Parameters, and variables of the environment. */
extern const struct kind loader_parameters_kind, loader_env_kind;

/* The target of a name, NULL with a problem added when there is none. */
const struct target *loader_target(struct loader *l, struct mark at, const char *subject, const char *name);

/* Makes the target of the command line the default one. */
void loader_choose_target(struct loader *l);

/* Adds a target of type local; the value of "targets". */
struct target *loader_add_target(struct workflow *w, const char *name, struct mark at);
void loader_databricks(struct loader *l, const struct yaml_node *map, struct target *t);

/* The value of a notebook's "compute"; the caller's to free. NULL with a problem added. */
struct compute *loader_compute(struct loader *l, const struct yaml_key *key, const struct yaml_node *map);

void loader_targets(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value);

/* The value of a target's "secrets". */
void loader_secrets(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value);

/* The value of "pools", and of "on_error". */
void loader_limits(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value);
void loader_pools(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value);
void loader_on_error(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value);

/* The value of "hooks". */
void loader_hooks(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value);

/* The value of "schedule". */
void loader_schedule(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value);

/* The value of "defaults", and of "notebooks". */
void loader_defaults(struct loader *l, const struct yaml_node *value);
void loader_notebooks(struct loader *l, const struct yaml_node *value);

/* What a notebook's entry is repeated for: one row for each time. false with a problem added. */
enum loader_each {
	EACH_ONCE,	/* neither for_each nor matrix */
	EACH_ITEM,
	EACH_COMBINATION,
};
bool loader_each(struct loader *l, const struct yaml_node *entry, enum loader_each *each, struct rows *rows);

/*
 * Completes a task whose path and own settings are there, and adds it to the workflow; t and d are then empty. A
 * task with a fault that has been reported is thrown away. Returns false when no more tasks are to be added.
 */
void loader_task_init(struct loader *l, struct task *t, struct mark at);
bool loader_task_add(struct loader *l, struct task *t, struct draft *d);

/* Whether the path is one of a notebook, for a target of its kind. */
bool loader_path_ok(struct loader *l, struct mark at, const char *path, const struct target *target);

/*
 * When all tasks are there: finds the dependencies of each, says what is wrong with them (there is no such notebook,
 * they go in a circle, an expression looks at a notebook that is none of them), and drops what is not selected.
 */
void loader_graph(struct loader *l);

void draft_release(struct draft *d);

/* Prepares, and releases, what is not the workflow. The workflow gets its local target. */
void loader_init(struct loader *l, struct workflow *w, const char *folder, const struct overrides *o, struct problems *p);
void loader_release(struct loader *l);

/* Applies the command line's options and what is the default without them; the graph too. */
void loader_finish(struct loader *l);

#endif
