/*
 * Putting a notebook of this machine into the workspace.
 */
#ifndef NBFORK_DATABRICKS_IMPORT_H
#define NBFORK_DATABRICKS_IMPORT_H

#include "base/digest.h"
#include "databricks/http.h"

/*
 * Imports a file, an .ipynb or a source file by its ending, as the notebook of that path, over one that is there; makes
 * its folder where there is none, and puts the digest of what was imported into digest. Returns 0, or -1 with *why, the
 * caller's to free.
 */
int import_notebook(struct http *h, const char *file, const char *path, char digest[DIGEST_TEXT], char **why);

#endif
