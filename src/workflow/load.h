/*
 * From a workflow file, or a list of notebooks, and the options of the command line to a struct workflow.
 *
 * All that can be said about the text itself is checked here: syntax, keys, types, names. Whether the
 * notebooks and kernels exist is the targets' business (target.h).
 */
#ifndef NBFORK_WORKFLOW_LOAD_H
#define NBFORK_WORKFLOW_LOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/problem.h"
#include "workflow/model.h"

/* What the command line sets over the file. */
struct overrides {
	unsigned processes;	/* 0: not given */
	const char *on_error;	/* NULL: not given */
	const char *target;	/* NULL: not given */
	const char *job;	/* of a bundle, the one that is meant; NULL: not given */
	char *const *parameters;	/* NAME=VALUE each, VALUE read as YAML */
	size_t nparameters;
	bool as_text;	/* a VALUE that is no secret is text all the same; the loader sets this by the form of a file */
	char *const *selected;	/* globs of names: only these notebooks, and what they depend on; none: all */
	size_t nselected;
};

/*
 * Makes a workflow of the n bytes of text. file is its name as w->file and messages have it ("-": standard
 * input), folder what its paths are relative to. Returns 0, or -1 with all problems found added. w is to
 * be released in both cases.
 */
int workflow_parse(struct workflow *w, const char *text, size_t n, const char *file, const char *folder,
    const struct overrides *o, struct problems *p);

/*
 * Reads a workflow; path "-" is standard input. Returns 0, or -1 with all problems found added. w is to be
 * released in both cases.
 */
int workflow_load(struct workflow *w, const char *path, const struct overrides *o, struct problems *p);

/* A workflow of just these notebooks. As workflow_load. */
int workflow_of_notebooks(struct workflow *w, char *const *paths, size_t n, const struct overrides *o,
    struct problems *p);

#endif
