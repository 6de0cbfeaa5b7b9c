/*
 * Which kernel runs what: a notebook, and those of its cells that are in another language.
 */
#ifndef NBFORK_LOCAL_CHOICE_H
#define NBFORK_LOCAL_CHOICE_H

#include "local/kernelspec.h"
#include "notebook/ipynb.h"
#include "workflow/model.h"

/*
 * The kernel that a task wants: its own, else the notebook's (for one of Databricks that names none, a kernel of its
 * language), else the target's, else Jupyter's default. nb may be NULL. Returns as kernelspec_find.
 */
int choice_of_notebook(struct kernelspec *k, const struct task *t, const struct notebook *nb, char **why);

/*
 * The kernel for that language: the target's, where that is one, else any; one of Python's for SQL. Returns as
 * kernelspec_find.
 */
int choice_of_language(struct kernelspec *k, const struct task *t, enum cell_language l, char **why);

#endif
