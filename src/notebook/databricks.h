/*
 * Notebooks of Databricks: which ones are, and what their cells come to where they are run on kernels of this machine.
 *
 * A cell is code in the language of its magic, else in the notebook's. Python, R and Scala are for kernels of these
 * languages. What the workspace does itself becomes a call of Python's into the runtime that such a kernel has been
 * given (local/runtime.h):
 *
 *	%sql TEXT		DATABRICKS_RUNTIME.sql('TEXT')
 *	%sh OPTIONS TEXT	DATABRICKS_RUNTIME.sh('TEXT', 'OPTIONS')
 *	%fs TEXT		DATABRICKS_RUNTIME.fs('TEXT')
 *	%pip WORDS ...		DATABRICKS_RUNTIME.pip('%pip WORDS ...')
 *	%run PATH $NAME="V"	DATABRICKS_RUNTIME.run('FILE', [], {'NAME': 'V'}), where there are values; then all that the
 *				cells of that notebook come to
 *
 * %md and %skip are passed over, and so is what is empty. A notebook that merely uses dbutils is left as it is: what its
 * magics mean is IPython's business.
 */
#ifndef NBFORK_NOTEBOOK_DATABRICKS_H
#define NBFORK_NOTEBOOK_DATABRICKS_H

#include "base/problem.h"
#include "notebook/ipynb.h"

#define DATABRICKS_RUNTIME "__nbfork_databricks__"

/* Most that one notebook may take in by %run: notebooks and their pieces, bytes of code, bytes of files; how deep that goes. */
#define DATABRICKS_PIECES_MAX 20000
#define DATABRICKS_CODE_MAX ((size_t)64 * 1024 * 1024)
#define DATABRICKS_READ_MAX ((size_t)1024 * 1024 * 1024)
#define DATABRICKS_DEPTH_MAX 100

/* Sets what the notebook has to do with Databricks, by what is in it. notebook_read() does so. */
void databricks_recognize(struct notebook *nb);

/* Takes a notebook for one of Databricks, whatever is in it. */
void databricks_adopt(struct notebook *nb);

/*
 * Gives the cells of a DATABRICKS_NOTEBOOK their pieces, once; does nothing for others. Notebooks that are run by %run
 * are read; workspace as for lookup_notebook(). Returns 0, or -1 with problems added: a %run whose notebook is not there or cannot be read, that runs one
 * which it is part of, that is not alone in its cell, or has no path.
 */
int databricks_prepare(struct notebook *nb, const char *workspace, struct problems *p);

/*
 * The files of the notebooks that a notebook takes in by %run itself, seen from where path is; NULL when there are
 * none. What cannot be read or is not there is passed over. Ended by NULL; it and all in it are the caller's to free.
 */
char **databricks_files(const char *path, const char *workspace);

#endif
