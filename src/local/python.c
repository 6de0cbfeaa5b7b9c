#include "local/python.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "local/jupyterpath.h"

bool
python_is_name(const char *program)
{
	if (strncmp(program, "python", 6) != 0)
		return false;
	program += 6;
	if (*program == '\0' || strcmp(program, "3") == 0)
		return true;
	return strncmp(program, "3.", 2) == 0 && program[2] != '\0' && strspn(program + 2, "0123456789") == strlen(program + 2);
}

/* PREFIX/bin/PROGRAM when it can be run, else NULL. */
static char *
in_prefix(const char *prefix, size_t n, const char *program)
{
	char *path = xasprintf("%.*s/bin/%s", (int)n, prefix, program);

	if (access(path, X_OK) == 0)
		return path;
	free(path);
	return NULL;
}

/* An interpreter of one of these names (the second may be NULL) where it is to be looked for. */
static char *
search(const char *spec_folder, const char *first, const char *second)
{
	static const char *const variables[] = {"VIRTUAL_ENV", "CONDA_PREFIX"};
	const char *const names[] = {first, second};
	const char *shared = NULL, *next, *prefix;
	char *path = NULL;

	for (next = spec_folder; (next = strstr(next, "/share/jupyter/kernels/")) != NULL; next++)
		shared = next;
	for (size_t i = 0; path == NULL && shared != NULL && i < 2 && names[i] != NULL; i++)
		path = in_prefix(spec_folder, (size_t)(shared - spec_folder), names[i]);
	for (size_t v = 0; path == NULL && v < 2; v++) {
		prefix = getenv(variables[v]);
		for (size_t i = 0; path == NULL && prefix != NULL && *prefix != '\0' && i < 2 && names[i] != NULL; i++)
			path = in_prefix(prefix, strlen(prefix), names[i]);
	}
	for (size_t i = 0; path == NULL && i < 2 && names[i] != NULL; i++)
		path = jupyterpath_program(names[i]);
	return path;
}

char *
python_for(const char *spec_folder, const char *program)
{
	if (strcmp(program, "python") == 0)
		return search(spec_folder, "python", "python3");
	if (python_is_name(program) && strcmp(program, "python3") != 0)
		return search(spec_folder, program, NULL);
	return search(spec_folder, "python3", "python");
}
