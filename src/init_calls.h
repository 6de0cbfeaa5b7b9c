/*
 * Which notebooks run which others, by dbutils.notebook.run, as far as their code says so: for init.c alone.
 */
#ifndef NBFORK_INIT_CALLS_H
#define NBFORK_INIT_CALLS_H

#include "init_write.h"

/*
 * Marks those that others run themselves: a text of the code of those that have calls is their path, seen from there, with
 * its ending or without. Of two that run each other the second is marked alone, so that all are reached.
 */
void init_find_calls(struct made *m);

#endif
