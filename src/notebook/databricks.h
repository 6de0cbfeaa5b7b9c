/*
 * Notebooks of Databricks: which ones are, and what their cells come to where they are run on kernels of this machine.
 *
 * A cell is code in the language of its magic, else in the notebook's. Python, R and Scala are for kernels of these
 * languages. What the workspace does itself becomes a call of Python's into the runtime (local/runtime.h), which goes
 * by the name below in such a kernel:
 *
 *	%sql TEXT		R.sql('TEXT')
 *	%sh OPTIONS TEXT	R.sh('TEXT', 'OPTIONS')
 *	%fs TEXT		R.fs('TEXT')
 *	%pip WORDS		R.pip('WORDS'), one for each command
 *	%run PATH $NAME="V"	R.enter('FILE', {'NAME': 'V'}); all that the cells of that notebook come to; R.leave()
 *
 * %md and %skip are passed over, and so is what is empty. A notebook that merely uses dbutils is left as it is.
 */
#ifndef NBFORK_NOTEBOOK_DATABRICKS_H
#define NBFORK_NOTEBOOK_DATABRICKS_H

#include "base/problem.h"
#include "notebook/ipynb.h"

#define DATABRICKS_RUNTIME "__nbfork_databricks__"

/* Sets what the notebook has to do with Databricks, by what is in it. notebook_read() does so. */
void databricks_recognize(struct notebook *nb);

#endif
