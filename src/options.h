/*
 * The command line of nbfork(1).
 */
#ifndef NBFORK_OPTIONS_H
#define NBFORK_OPTIONS_H

#include <stdbool.h>

#include "base/log.h"
#include "conduct.h"
#include "show.h"
#include "workflow/load.h"

struct options {
	struct overrides overrides;
	struct conduct_options conduct;
	char **parameters;	/* of the overrides; owned */
	char **selected;	/* likewise */
	const char *complete;	/* which names to print; NULL: none, and all else counts */
	bool init;	/* make a workflow; its name is the run folder's */
	bool check;
	bool deploy, run_now;
	struct show_options show;
	enum log_level level;
};

/* Reads the options; the texts stay argv's. Ends the program where that is asked for (--help) or they are wrong. Returns
 * the index of the first argument that is no option. */
int options_parse(struct options *o, int argc, char **argv);

void options_release(struct options *o);

/* Says where help is found, and ends the program; what is wrong has been said. */
void usage(void) __attribute__((noreturn));

#endif
