/*
 * A first workflow of the notebooks in a folder: option --init.
 *
 * Notebooks are looked for in folders and those below, but not in hidden ones, in folders of runs, or where links lead;
 * of the other files with the endings of source files those count that have Databricks' header. Each becomes an entry,
 * with what it says of its parameters (notebook/defaults.h) as a comment, and a name where that of its file will not do.
 * Those that another one takes in by %run, or runs itself as far as that can be seen, and those that cannot be read, are
 * comments altogether.
 *
 * The result is a workflow that is right, and stays right when what is commented out is put in.
 */
#ifndef NBFORK_INIT_H
#define NBFORK_INIT_H

#include <stdbool.h>
#include <stddef.h>

struct init_options {
	const char *output;	/* the file to make, "-" for standard output; NULL: workflow.yaml in the folder that is named, or here */
	bool quiet;	/* do not say what was made */
};

/*
 * Makes the workflow of the folders and notebooks that the paths name, none of them being the current folder. A file that
 * is there is never touched. Returns the exit status, with what is wrong said.
 */
int init(char *const *paths, size_t n, const struct init_options *o);

#endif
