/*
 * Loading a workflow: what the files load*.c share; for them alone.
 *
 * The functions here add a problem for what is wrong and go on as if the key in question were not there.
 */
#ifndef NBFORK_WORKFLOW_LOADER_H
#define NBFORK_WORKFLOW_LOADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"
#include "base/table.h"
#include "workflow/load.h"
#include "workflow/model.h"
#include "workflow/name.h"
#include "workflow/yaml.h"

#define PROBLEMS_MAX 1000	/* what is found after that many is not said */
#define TARGETS_MAX 1000
/*
 * of parameters and variables, common ones counted for every notebook
 */
#define COPIES_BYTES_MAX (256u * 1024 * 1024)

struct loader {
	struct workflow *w;
	const char *label;	/* the file's name in messages; NULL: there is none */
	const char *folder;	/* what paths are relative to */
	const struct overrides *options;
	struct problems *problems;
	size_t reported;
	const char *option;	/* of the command line, which problems are with; NULL: they are with the file */
	struct params overrides;	/* of -p */
	struct params parameters;	/* of the workflow and, over them, of defaults */
	struct task defaults;
	struct table names;	/* the task of each name, as its index plus 1 */
	size_t tasks_cap;
	size_t copied;	/* bytes, against COPIES_BYTES_MAX */
};

#define NO_MARK ((struct mark){0, 0})

/* How much of somebody's text a message shows: for "%.*s", which takes two arguments. */
#define SHOWN(s) shown_bytes(s), (s)
int shown_bytes(const char *s);

/* Adds a problem with what is being read. */
void loader_problem(struct loader *l, struct mark at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* A key that a map may have, and what takes its value; NULL: "not supported yet". */
struct loader_key {
	const char *name;
	void (*read)(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value);
};

/*
 * Reads a map, the keys in the order of the table: what comes first there is known to what follows. Keys
 * that begin with "x-" are passed over.
 */
void loader_map(struct loader *l, const struct yaml_node *map, const struct loader_key *keys, size_t n, void *into);

/* Whether the value of a key is a map. */
bool loader_is_map(struct loader *l, const char *key, const struct yaml_node *value);

/*
 * Values of one kind; key is for messages. Each returns NULL or false with a problem added, and then sets
 * nothing. Text is not empty, and the caller's to free.
 */
char *loader_text(struct loader *l, const char *key, const struct yaml_node *value);
bool loader_bool(struct loader *l, const char *key, const struct yaml_node *value, bool *b);
bool loader_integer(struct loader *l, const char *key, const struct yaml_node *value, int64_t min, int64_t max,
    int64_t *n);
bool loader_seconds(struct loader *l, const char *key, const struct yaml_node *value, int64_t *nanoseconds);
bool loader_choice(struct loader *l, const char *key, const struct yaml_node *value, const char *const *choices,
    size_t nchoices, size_t *chosen);

/* Says that text is none of the choices, and which may have been meant. subject: what has that text, with its verb. */
void loader_none_of(struct loader *l, struct mark at, const char *subject, const char *text, const char *const *choices,
    size_t nchoices);

/* Whether the text holds no "{{"; else says that there are no expressions yet. */
bool loader_no_expression(struct loader *l, struct mark at, const char *text);

/*
 * Whether text is fit to name files. what is "name" or "target"; instead says what to do when the text was
 * not meant as a name, else "".
 */
bool loader_name_ok(struct loader *l, struct mark at, const char *what, const char *text, const char *instead);

/* Parameters and variables of the environment: sets those of a map; value is that of a key "parameters" or "env". */
void loader_parameters(struct loader *l, const struct yaml_node *value, struct params *into);
void loader_env(struct loader *l, const struct yaml_node *value, struct params *into);

/* Reads the -p options into l->overrides. */
void loader_overrides(struct loader *l);

/* The target of a name, NULL with a problem added when there is none. */
const struct target *loader_target(struct loader *l, struct mark at, const char *subject, const char *name);

/* Makes the target of the command line the default one. */
void loader_choose_target(struct loader *l);

/* The value of "defaults", and of "notebooks". */
void loader_defaults(struct loader *l, const struct yaml_node *value);
void loader_notebooks(struct loader *l, const struct yaml_node *value);

/*
 * Completes a task whose path and own settings are there, and adds it to the workflow; t is then empty. A
 * task with a fault that has been reported is thrown away. Returns false when no more tasks are to be added.
 */
void loader_task_init(struct loader *l, struct task *t, struct mark at);
bool loader_task_add(struct loader *l, struct task *t);

/* Whether the path ends as a notebook's does. */
bool loader_path_ok(struct loader *l, struct mark at, const char *path);

/* Prepares, and releases, what is not the workflow. The workflow gets its local target. */
void loader_init(struct loader *l, struct workflow *w, const char *folder, const struct overrides *o, struct problems *p);
void loader_release(struct loader *l);

/* Applies the command line's options and what is the default without them. */
void loader_finish(struct loader *l);

#endif
