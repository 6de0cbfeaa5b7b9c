/*
 * Where Jupyter looks for what is installed: jupyter_core's paths.py, without Python.
 *
 * Strings and lists that are returned belong to the caller.
 */
#ifndef NBFORK_LOCAL_JUPYTERPATH_H
#define NBFORK_LOCAL_JUPYTERPATH_H

/*
 * The folders that hold kernels, "/kernels" included, in the order in which they count, each once; whether
 * they exist is not looked at. NULL-terminated; free with kernelspec_free_list.
 *
 * Unlike Python's, an empty part of $JUPYTER_PATH is not the current folder, and a relative one is seen
 * from the current folder at once, so that a kernel started elsewhere still finds its files.
 */
char **jupyterpath_kernels(void);

/*
 * What sys.prefix would be: $VIRTUAL_ENV, else $CONDA_PREFIX, else the prefix of the python3 on PATH; NULL
 * when there is none. The python3 of a version manager such as pyenv is a script ("shim") in a folder that
 * is no prefix of anything: then nothing is found there, and the environment has to be activated.
 */
char *jupyterpath_prefix(void);

/* What sys.prefix of that interpreter is: where its pyvenv.cfg is, else where the file lies that it is a link to. */
char *jupyterpath_prefix_of(const char *python);

/* A path with a leading "~" or "~user" replaced by the home folder, as os.path.expanduser does. */
char *jupyterpath_expand(const char *path);

/* The executable file that the shell would run for a name without a slash; NULL when PATH has none. */
char *jupyterpath_program(const char *name);

#endif
