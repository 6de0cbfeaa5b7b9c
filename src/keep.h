/*
 * Whether a success of an earlier run of this folder still counts: the decision of --resume.
 *
 * It does when the notebook would be run on the same: file, parameters and variables, kernel, workspace, and status
 * and result of what it depends on; when its executed copy is still there; and when nothing that it depends on, directly
 * or by way of others, has been tried again since, in this run or in one between: what that has written may be what the
 * notebook reads, as make(1) would see it, and what is there for a failure is to see each one.
 */
#ifndef NBFORK_KEEP_H
#define NBFORK_KEEP_H

#include <stdbool.h>

#include "base/table.h"
#include "inputs.h"
#include "past.h"
#include "report/run.h"
#include "workflow/model.h"

struct keeper {
	const struct past *past;	/* NULL: there is no earlier run */
	struct table files;	/* digests of notebooks that have been read, by path */
	size_t *newest;	/* of each record that is settled: when what it depends on was started last; NULL: of none yet */
	struct table results;	/* digests of results, by the name of the notebook: many may depend on a large one */
};

#define KEEPER_INIT(past_) {(past_), TABLE_INIT, NULL, TABLE_INIT}

void keeper_release(struct keeper *k);

/*
 * Fills what a notebook that is about to start runs on. t has all its values, but with run.id as the same text
 * every time (values_make() with ""); the records of what it depends on are done. What cannot be read has the
 * digest "".
 */
void keeper_inputs(struct keeper *k, const struct task *t, const struct run *run, struct inputs *in);

/*
 * Whether the earlier success of a record's notebook counts, given its inputs now. When it does, the record is
 * filled as the success was (kept, kept_from, status, result, ...). When there is one and it does not, why: the
 * record's again_because. Nothing is said.
 */
bool keeper_keeps(struct keeper *k, struct record *r, const struct run *run, const struct inputs *now);

/*
 * To be called for every record when it is over, or will never start, in whatever way, when those that it depends on
 * are: costs as much as it has dependencies.
 */
void keeper_settled(struct keeper *k, const struct record *r, const struct run *run);

/*
 * Whether what an earlier run has left running elsewhere for a record's notebook is not what would be started now: why,
 * such as "the notebook changed", the caller's to free; NULL when it is.
 */
char *keeper_outdated(const struct keeper *k, const struct record *r, const struct run *run, const struct inputs *now);

#endif
