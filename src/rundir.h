/*
 * The folders of a run: the one that stays, with what came of it, and the private one for sockets, which goes.
 */
#ifndef NBFORK_RUNDIR_H
#define NBFORK_RUNDIR_H

#include <stdbool.h>

#include "workflow/model.h"

struct rundir {
	char *id;	/* NAME-UTCSTAMP-RANDOM */
	char *folder;	/* as the user would name it from here */
	char *private_folder;	/* mode 0700, a short path; NULL when it has gone */
	char *latest;	/* the link to the latest run; NULL for a folder that was given */
	bool was_there;	/* the folder, empty */
};

/*
 * Makes both: the given folder (which must not exist, or be empty), or with NULL nbfork-runs/NAME-UTCSTAMP;
 * in it notebooks/, logs/ and the copy workflow.yaml. Returns 0; or -1 with errno and *what (the caller's to
 * free), what could not be done: "cannot create folder 'x'".
 */
int rundir_make(struct rundir *d, const struct workflow *w, const char *folder, char **what);

/* Takes away what was made of the run folder, because nothing was started. */
void rundir_unmake(struct rundir *d);

/* The run begins: nbfork-runs/NAME-latest leads to it from now on. That it cannot is worth a warning only. */
void rundir_begin(const struct rundir *d);

/* Nobody needs the private folder any more: removes it. */
void rundir_end(struct rundir *d);

/* The same, and frees. */
void rundir_release(struct rundir *d);

#endif
