/*
 * The notebook that a notebook means by a path (%run, dbutils.notebook.run), by Databricks' rules: relative to the
 * folder of the one that names it, or absolute, of this machine or of the workspace; without the ending of its file.
 */
#ifndef NBFORK_NOTEBOOK_LOOKUP_H
#define NBFORK_NOTEBOOK_LOOKUP_H

/*
 * Looks in the folder for the file. An absolute path that leads to none is looked for in the folder workspace, with or
 * without "/Workspace" in front; NULL is none. A path may have the ending all the same; without one they are tried in the order of
 * name_notebook_endings. A source file without its header is no notebook. Returns 0 with *file, or -1 with *why; both
 * are the caller's to free.
 */
int lookup_notebook(const char *folder, const char *workspace, const char *path, char **file, char **why);

#endif
