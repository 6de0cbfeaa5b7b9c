/*
 * Which Python interpreter is meant where a kernelspec says just "python".
 */
#ifndef NBFORK_LOCAL_PYTHON_H
#define NBFORK_LOCAL_PYTHON_H

#include <stdbool.h>

/* Whether it is "python", "python3" or "python3.X": a name that stands for an interpreter. */
bool python_is_name(const char *program);

/*
 * The interpreter that a program of that name is, for a kernelspec in the given folder ("" for one that is
 * in none), by the rules of local/kernelspec.h; for any other program, what python3 would be. NULL when
 * there is none. The caller's to free.
 */
char *python_for(const char *spec_folder, const char *program);

#endif
