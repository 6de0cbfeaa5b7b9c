/*
 * The folders of a run: the one that stays, with what came of it, and the private one for sockets, which goes.
 */
#ifndef NBFORK_RUNDIR_H
#define NBFORK_RUNDIR_H

#include "workflow/model.h"

struct rundir {
	char *id;	/* NAME-UTCSTAMP-RANDOM */
	char *folder;	/* as the user would name it from here */
	char *private_folder;	/* mode 0700, a short path */
};

/*
 * Makes both: the given folder (which must not exist, or be empty), or with NULL nbfork-runs/NAME-UTCSTAMP with
 * the link nbfork-runs/NAME-latest; in it notebooks/, logs/ and the copy workflow.yaml. Returns 0; or -1
 * with errno and *what (the caller's to free), what could not be done: "cannot create folder 'x'".
 */
int rundir_make(struct rundir *d, const struct workflow *w, const char *folder, char **what);

/* Takes the run folder away again, because nothing was started. */
void rundir_unmake(struct rundir *d);

/* Removes the private folder and frees. */
void rundir_release(struct rundir *d);

#endif
