/*
 * What the files foreign*.c share; for them alone.
 *
 * Functions that give a node, or NULL with a problem added, leave it to be freed with yaml_node_free.
 */
#ifndef NBFORK_WORKFLOW_FOREIGN_PARTS_H
#define NBFORK_WORKFLOW_FOREIGN_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/table.h"
#include "workflow/foreign.h"
#include "workflow/yaml_build.h"

enum foreign_form {
	FOREIGN_NONE,
	FOREIGN_BUNDLE,
	FOREIGN_JOB,
	FOREIGN_FABRIC,
};

struct foreign {
	enum foreign_form form;
	const struct yaml_node *root;
	struct yaml_build build;
	const char *folder;
	const struct overrides *options;
	struct table passed;	/* keys that were passed over: it is said once */
	bool remote;	/* a target was chosen that is not this machine */
	struct table resolved;	/* what foreign_get() has put variables into: a node's address -> what it gave, owned */
	struct yaml_node *tree, *defaults, *notebooks, *pools;	/* what is made */
	bool incomplete;	/* there are notebooks in the file that have not become any */
	const struct yaml_node *job;	/* NULL: there is none, or it was not found */
	struct table parameters;	/* of a job: name -> the map that it is in, with its default */
	struct table repeated;	/* of a job: the key of a task with a for_each_task -> the task, a node */
	struct table clusters;	/* the keys of job clusters that are used */
	/* Of a bundle. */
	struct yaml_node *above;	/* the file that includes this one; NULL: there is none, or it was not looked for */
	bool looked_above;
	struct yaml_node *jobs;	/* as the target has them */
	struct yaml_node *cluster;	/* the one that all tasks that name a compute are to use; NULL: there is none */
	unsigned substitutions;	/* made so far */
	char shown[128];	/* by foreign_shown() */
};

/* Where a text stands. */
struct foreign_place {
	const char *parameter;	/* the one whose value it is; NULL when it is none */
	bool repeated;	/* in a for_each_task, where there is {{input}} */
	struct yaml_node *waits;	/* Fabric: the list that names of notebooks it looks at are added to; else NULL */
};

extern const struct foreign_place foreign_nowhere;

/* Adds a problem, unless there have been too many. */
void foreign_problem(struct foreign *f, struct mark at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Says, with log_info, that something was done with a value; once for each key. */
void foreign_notice(struct foreign *f, const struct yaml_key *key, const char *what);

/*
 * Says what is passed over, and what may be misspelt, in a map: read are the keys that are known, placed those that have
 * no meaning on this machine, passed those that have none at all. Each ends with NULL; the last two may be NULL.
 */
void foreign_keys(struct foreign *f, const struct yaml_node *map, const char *const *read, const char *const *placed,
    const char *const *passed);

/* A key of a map; NULL when it is not there. */
const struct yaml_key *foreign_key(const struct yaml_node *map, const char *name);

/* Its value, as it is written; NULL when it is not there or null. map may be NULL. */
const struct yaml_node *foreign_written(const struct yaml_node *map, const char *key);

/*
 * The same for what is no text or number; where it is ${...} as a whole, what it stands for. NULL also when there is a problem with
 * that, which has been added. It stays f's.
 */
const struct yaml_node *foreign_get(struct foreign *f, const struct yaml_node *map, const char *key);

/* Puts a value, which is taken over (NULL: nothing is put), under a name of nbfork's own that stands at a place. */
void foreign_put(struct yaml_node *map, const char *name, struct mark at, struct yaml_node *value);

/* A text that was made here. */
struct yaml_node *foreign_text(struct mark at, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * What a message shows of a value that was written so: "the text 'x'", "5", "a list". Of one that comes from
 * elsewhere, from a variable or -p, only what it is: it may be one that nobody is to see. Valid until the next call.
 */
const char *foreign_shown(struct foreign *f, const struct yaml_node *written, const struct yaml_node *value);

/*
 * Whether a value that was written so is a number from min on, whole where that is asked for. false with a problem
 * added.
 */
bool foreign_number(struct foreign *f, const char *key, const struct yaml_node *written, const struct yaml_node *value,
    double min, bool whole, double *d);

/* Puts the value of a key of a map, if it is there, under another name: a number of at least 0. */
void foreign_put_number(struct foreign *f, const struct yaml_node *from, const char *key, bool whole,
    struct yaml_node *into, const char *name);

/* The value that the command line gives the parameter; NULL for none. */
const char *foreign_overridden(const struct foreign *f, const char *parameter);

/* Starts a notebook of the tree. It has no path yet. */
struct yaml_node *foreign_notebook(struct foreign *f, struct mark at);

/* Puts the path of a notebook, with the ending of the file that is there where it has none. */
void foreign_path(struct foreign *f, const struct yaml_node *path, struct yaml_node *notebook);

/*
 * A value of the foreign file as nbfork is to read it: variables put in, references made expressions, at any depth.
 * What would be taken for an expression and is none is a problem.
 */
struct yaml_node *foreign_value(struct foreign *f, const struct yaml_node *value, const struct foreign_place *place);

/* The same where it must be text: a name, a path. what is for messages. */
struct yaml_node *foreign_value_text(struct foreign *f, const char *what, const struct yaml_node *value);

/* A name that depends_on is to take as it is, whatever characters of patterns there are in it. */
struct yaml_node *foreign_name(struct mark at, const char *name);

/* Appends a part of a path of an expression: .name or ["name"]. */
void foreign_put_part(struct buf *out, const char *name, size_t n);

/* The value, with the variables of a bundle put in; what is inside lists and maps is left as it is. */
struct yaml_node *foreign_known(struct foreign *f, const struct yaml_node *value);

/* The same, of a bundle. */
struct yaml_node *foreign_substitute(struct foreign *f, const struct yaml_node *value);

/* The text of Fabric's that is one: @activity('X').exitValue(). NULL with a problem added. */
struct yaml_node *foreign_fabric_text(struct foreign *f, const struct yaml_node *text,
    const struct foreign_place *place);

/*
 * The value of a parameter of Databricks': text; null where there is a problem with it, and where the command line has
 * another. Never NULL. repeated: in a for_each_task.
 */
struct yaml_node *foreign_parameter(struct foreign *f, const char *name, const struct yaml_node *written,
    bool repeated);

/*
 * What a for_each_task goes over: a list, with JSON text of one read, or the text of a parameter of the job. NULL with
 * a problem added.
 */
struct yaml_node *foreign_inputs(struct foreign *f, const struct yaml_node *each);

/* Whether there is nothing that a task with a for_each_task would be repeated for. */
bool foreign_goes_over_nothing(struct foreign *f, const struct yaml_node *task);

/* Adds the notebook that a task of a job is. */
void foreign_task(struct foreign *f, const struct yaml_node *task);

/* ---- Of a bundle ---- */

/* The file that includes this one; NULL when this is the bundle's own, or there is none. */
const struct yaml_node *foreign_above(struct foreign *f);

/* A map at the top of this file, else of the one above; NULL for none. */
const struct yaml_node *foreign_bundle_map(struct foreign *f, const char *key);

/* The target: the chosen one, else the one that it is deployed to when nobody names one; NULL, with *name NULL, for none. */
const struct yaml_node *foreign_bundle_target(struct foreign *f, const char **name);

/*
 * What a target makes of a value: maps are joined, of scalars that of the target counts, lists are put behind each
 * other; in a job (job: the maps are one, or two) the items of lists that have a key or name are joined by it. The
 * caller's to free.
 */
struct yaml_node *foreign_merge(struct foreign *f, const struct yaml_node *base, const struct yaml_node *over, bool job);

/* A copy, all of which stands at a place of this file: for what is from another. */
struct yaml_node *foreign_moved(struct foreign *f, const struct yaml_node *node, struct mark at);

/* ---- Of a target that is chosen ---- */

/* A value that comes out as it is written, variables aside: "{{" in it is no expression. */
struct yaml_node *foreign_literal(struct foreign *f, const struct yaml_node *value);

/* Puts what a notebook runs on into it; task is the one with the notebook_task, repeated: in a for_each_task. */
void foreign_compute(struct foreign *f, const struct yaml_node *task, const struct yaml_node *notebook_task,
    bool repeated, struct yaml_node *notebook);

/* Puts the targets that can be chosen into the tree, and what is known of the one that is. */
void foreign_targets(struct foreign *f);

/* What becomes of the whole, by its form. */
void foreign_bundle(struct foreign *f);
void foreign_fabric(struct foreign *f);

/* The same for a job; name is the key that a bundle has it under, else NULL. */
void foreign_job(struct foreign *f, const struct yaml_node *job, const struct yaml_key *name);

/* The job in a document of the Jobs API; NULL when it is none. */
const struct yaml_node *foreign_job_of(const struct yaml_node *root);

#endif
