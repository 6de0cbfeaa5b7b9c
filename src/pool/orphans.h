/*
 * Orphans: processes that dead jobs have left behind.
 *
 * The pool's process is the subreaper of all jobs, and each job of its own tree. So whatever a job's tree
 * does (setsid, a second fork, ignoring signals), its processes become children of the job while that
 * lives, and children of this process when it is dead. A child of this process that is not a job's own
 * process is therefore an orphan, to be killed; when there is none, the trees of all dead jobs are gone.
 */
#ifndef NBFORK_POOL_ORPHANS_H
#define NBFORK_POOL_ORPHANS_H

#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/proc.h"
#include "pool/job.h"

struct orphans {
	struct pids strangers;	/* children from before our time, and those disowned: left alone */
	struct pids survivors;	/* orphans that could not be killed: nobody waits for them a second time */
	struct pids spare;	/* private */
};

/* Makes this process adopt orphans. Says so when it cannot, or cannot see its children. */
void orphans_init(struct orphans *o);
void orphans_release(struct orphans *o);

/* Makes a child a stranger. */
void orphans_disown(struct orphans *o, pid_t pid);

/*
 * Reaps one dead child and kills what is left of its process group. Returns its id, status and usage; 0
 * when there is none. Strangers and survivors are reaped too, without a word.
 */
pid_t orphans_reap(struct orphans *o, int *status, struct rusage *usage);

/*
 * One round of killing orphans; the jobs are those that run. Returns how many there were, dead ones that are to be
 * reaped too.
 */
size_t orphans_kill(struct orphans *o, struct job *const *jobs, size_t n);

/* Makes survivors of those that a round of killing has just found. Returns how many there are. */
size_t orphans_give_up(struct orphans *o);

#endif
