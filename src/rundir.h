/*
 * The folders of a run: the one that stays, with what came of it, and the private one for sockets, which goes.
 */
#ifndef NBFORK_RUNDIR_H
#define NBFORK_RUNDIR_H

#include <stdbool.h>

#include "workflow/model.h"

#define RUNDIR_RUNS "nbfork-runs"	/* where run folders are, in the current one */

struct rundir {
	char *id;	/* NAME-UTCSTAMP-RANDOM */
	char *folder;	/* as the user would name it from here */
	char *private_folder;	/* mode 0700, a short path; NULL when it has gone */
	char *latest;	/* the link to the latest run; NULL for a folder that was given */
	bool was_there;	/* the folder, empty */
	int lock;	/* descriptor of the run folder, with the lock that all processes of a run hold; -1 for none */
};

/*
 * Makes both: the given folder (which must not exist, or be empty), or with NULL nbfork-runs/NAME-UTCSTAMP;
 * in it notebooks/, logs/ and the copy workflow.yaml. Returns 0; or -1 with errno and *what (the caller's to
 * free), what could not be done: "cannot create folder 'x'".
 */
int rundir_make(struct rundir *d, const struct workflow *w, const char *folder, char **what);

/*
 * The folder of the run to continue: the given one, or with NULL what nbfork-runs/NAME-latest leads to; a link is
 * followed. The caller's to free; NULL with errno and *what as below when there is none.
 */
char *rundir_find(const struct workflow *w, const char *folder, char **what);

/*
 * Takes over the folder of an earlier run (from rundir_find()), of which nbfork itself is known to have ended:
 * waits, 20 s at the most, until the last of its workers has, too. Then writes the copy workflow.yaml anew and
 * takes the results document away, which is not true any more. Returns as rundir_make.
 */
int rundir_continue(struct rundir *d, const struct workflow *w, const char *folder, char **what);

/* Takes away what was made of the run folder, because nothing was started. */
void rundir_unmake(struct rundir *d);

/* The run begins: nbfork-runs/NAME-latest leads to it from now on. That it cannot is worth a warning only. */
void rundir_begin(const struct rundir *d);

/*
 * Before attempt number attempt + 1 of a notebook starts: the files of the one before get the names
 * notebooks/NAME.attemptN.ipynb and logs/NAME.attemptN.log. Files that are not there are passed over, and where
 * those of attempt N are there already, what has its name is removed. Returns 0, or -1 with errno.
 */
int rundir_put_aside(const char *folder, const char *name, unsigned attempt);

/* Takes that back, when attempt number attempt + 1 does not start after all. */
int rundir_put_back(const char *folder, const char *name, unsigned attempt);

/* Makes sure that the disk has the names of the executed copies. Returns 0, or -1 with errno. */
int rundir_sync(const struct rundir *d);

/* Removes what those who were killed while they wrote have left in a run folder. Nobody may be writing there now. */
void rundir_clean(const char *folder);

/* Nobody needs the private folder any more: removes it. */
void rundir_end(struct rundir *d);

/* The same, and frees. */
void rundir_release(struct rundir *d);

#endif
