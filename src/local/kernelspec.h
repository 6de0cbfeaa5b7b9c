/*
 * Kernelspecs: which kernels are installed, found by Jupyter's own rules but without Python.
 *
 * Folders searched, in Jupyter's order (jupyter_core's jupyter_path, jupyter_client's kernelspec; see
 * local/jupyterpath.h): $JUPYTER_PATH; the user's data folder and that of the environment ($VIRTUAL_ENV,
 * $CONDA_PREFIX, else the prefix of the python3 on PATH), in the order that JUPYTER_PREFER_ENV_PATH says;
 * /usr/local/share/jupyter; /usr/share/jupyter; ~/.ipython. The first that has the name wins; names are
 * compared in lower case. A "python3" that is nowhere installed is ipykernel's own, where there is a python3.
 *
 * A command line that begins with "python", "python3" or "python3.X" means, in jupyter_client, the interpreter that
 * jupyter_client itself runs in. There is none here, so it is the one beside the kernelspec: PREFIX/bin's for a
 * kernel in PREFIX/share/jupyter/kernels; else that of $VIRTUAL_ENV or $CONDA_PREFIX; else the one on PATH.
 */
#ifndef NBFORK_LOCAL_KERNELSPEC_H
#define NBFORK_LOCAL_KERNELSPEC_H

#include <stdbool.h>
#include <stddef.h>

struct kernelspec {
	char *name;	/* as found, lower case */
	char *folder;	/* resource_dir; "" for the built-in one */
	char **argv;	/* NULL-terminated, as in the file */
	size_t argc;
	char **env;	/* NAME=VALUE, ${VAR} not yet replaced; NULL-terminated */
	char *display_name, *language;	/* NULL when the file has none */
	bool interrupt_by_message;	/* interrupt_mode is "message" */
	char *python;	/* what "python" and "python3" as argv[0] stand for; NULL when none was found */
};

void kernelspec_release(struct kernelspec *k);

/*
 * Finds a kernel by its name ("python" means python3, as in jupyter_client). Returns 0; or -1 with *why
 * (the caller's to free): no such kernel, with those that there are; a kernel.json that cannot be used,
 * with its path and position; a kernel_provisioner other than the local one. k is to be released in both
 * cases.
 */
int kernelspec_find(struct kernelspec *k, const char *name, char **why);

/*
 * Finds one whose language that is, in any case; of several the first by name. Returns as kernelspec_find.
 */
int kernelspec_find_language(struct kernelspec *k, const char *language, char **why);

/*
 * The names of all kernels found that can be used, sorted, separated by ", "; "" when there are none. The
 * built-in python3 is not among them. The caller's to free.
 */
char *kernelspec_names(void);

/*
 * The command line to run: argv[0] of python replaced, {connection_file}, {resource_dir}, {prefix} (of
 * that python) filled in, other braces left, a leading ~ expanded. For ipykernel, and as nbclient does for all
 * kernels named python, python2 and python3, the option that keeps IPython's history in memory is added,
 * because parallel ones would fight over one file; and "-m ipykernel_launcher" becomes a "-c" that does the same, but
 * that no output is lost on a busy machine. NULL-terminated; free with kernelspec_free_list.
 */
char **kernelspec_command(const struct kernelspec *k, const char *connection_file);

/*
 * How many arguments stand before "-m ipykernel_launcher -f {connection_file}" when that is all of the command line: the
 * interpreter and its options. 0 when it is another one. In kernelspec_command() two more stand before "-f" then.
 */
size_t kernelspec_forkable(const struct kernelspec *k);

/*
 * Whether the program that the command line begins with is there and may be executed: looked for in the PATH of the
 * kernelspec's env, else in this process's. Returns 0, or -1 with *why (the caller's to free).
 */
int kernelspec_check_program(const struct kernelspec *k, char **why);

/*
 * The environment to run it with: this process's, with the kernelspec's env (its ${VAR} and $VAR replaced
 * from this process's) and then the given NAME=VALUE strings (may be NULL) over it, and JPY_PARENT_PID,
 * this process; for Python kernels without PYTHONEXECUTABLE. NULL-terminated; free with kernelspec_free_list.
 */
char **kernelspec_environment(const struct kernelspec *k, char *const *more);

void kernelspec_free_list(char **list);

/*
 * Whether the kernel takes "ipc" as transport with jupyter's naming of the sockets (PATH-1 to PATH-5):
 * known for ipykernel and what wraps it, xeus kernels, IRkernel and IJulia, by the command line.
 */
bool kernelspec_takes_ipc(const struct kernelspec *k);

/*
 * Whether it is ipykernel, which binds ports of its own choice for "port": 0 and writes them into the connection
 * file.
 */
bool kernelspec_is_ipykernel(const struct kernelspec *k);

#endif
