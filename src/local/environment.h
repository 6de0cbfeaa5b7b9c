/*
 * The variables that a notebook's kernel gets beside those of this process and of its kernelspec: its "env", and how many
 * threads numerical libraries are to use.
 */
#ifndef NBFORK_LOCAL_ENVIRONMENT_H
#define NBFORK_LOCAL_ENVIRONMENT_H

#include <stdbool.h>

#include "base/buf.h"
#include "local/kernelspec.h"
#include "workflow/model.h"

/*
 * NAME=VALUE strings, NULL-terminated; free with kernelspec_free_list. The variables of threads are among them where
 * neither this process, nor the kernelspec, nor the notebook has them. boot: only those that have their effect before
 * the first line of a program runs: they are an interpreter's, or a library's that it loads. Values that are not known
 * yet are left out.
 */
char **environment_list(const struct kernelspec *spec, const struct task *t, bool boot);

/* Appends the same, those that have their effect at boot, a line each. */
void environment_put_boot(const struct kernelspec *spec, const struct task *t, struct buf *out);

/* Adds one more to a list of environment_list(), which may move; returns it. */
char **environment_add(char **list, const char *name, const char *value);

/*
 * Whether one of the variables that an interpreter or IPython takes for paths is relative: what it means depends on the
 * folder one is in.
 */
bool environment_is_relative(const struct kernelspec *spec, const struct task *t);

#endif
