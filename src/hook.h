/*
 * One command of a hook: a process that runs it, from its start until nothing is left of it.
 *
 * hook_main is the function of a job (pool/job.h). It executes the command in a session of its own, without a shell, with
 * the document on its standard input, a file that is there as a whole: a command that does not read it holds up nobody. It
 * waits for its end, passes the order to stop on (SIGTERM, and SIGKILL after some seconds) and kills all that the command
 * has left behind. The RESULT frame is a struct hook_report, as it is.
 */
#ifndef NBFORK_HOOK_H
#define NBFORK_HOOK_H

#include <stdbool.h>

#include "base/buf.h"
#include "pool/job.h"
#include "workflow/model.h"

/* What is to be run: the data of the job. */
struct hook_order {
	const struct command *command;
	const char *folder;	/* where it runs */
	/* Variables of its environment, beside those of this process: names and values in turn; a value NULL takes the name out. */
	const char *const (*variables)[2];
	size_t nvariables;
	struct buf document;
	const char *private_folder;	/* of the run, removed when nobody else is left to do so; NULL where it has gone */
	const char *log;	/* what it prints is appended to this file, in a folder that is made */
};

/* How far it came. */
enum hook_step {
	HOOK_PREPARE,	/* there was no process, or no document */
	HOOK_FOLDER,	/* the folder could not be entered */
	HOOK_EXECUTE,	/* the program could not be executed */
	HOOK_ENDED,	/* it ran, and is over */
};

struct hook_report {
	enum hook_step step;
	int error;	/* errno, unless it ran */
	int status;	/* as from waitpid, when it ran */
	bool stopped;	/* it was told to stop before it ended */
};

int hook_main(struct job *job, int fd);

#endif
