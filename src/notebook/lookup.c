#include "notebook/lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "notebook/source.h"
#include "workflow/name.h"

#define ROOT "/Workspace"	/* where clusters have the files of the workspace */
#define FIRST_LINE 64	/* bytes; more than any header has, with a byte order mark */

enum found {
	FOUND_NOTHING,
	FOUND_FILE,	/* a source file without the header */
	FOUND_NOTEBOOK,
};

static enum found
look_at(const char *file)
{
	const char *header = source_header(file, NULL);
	char line[FIRST_LINE];
	struct stat st;
	ssize_t n;
	int fd;

	if (stat(file, &st) == -1 || !S_ISREG(st.st_mode))
		return FOUND_NOTHING;
	if (header == NULL)
		return FOUND_NOTEBOOK;
	fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1)
		return FOUND_NOTEBOOK;	/* whoever reads it will say why it cannot be */
	n = read(fd, line, sizeof(line));
	close(fd);
	return n < 0 || source_has_header(header, line, (size_t)n) ? FOUND_NOTEBOOK : FOUND_FILE;
}

/* Takes the candidate, which is owned, as what was found, if it is that. Returns whether it is a notebook. */
static bool
consider(char *candidate, char **file, char **other)
{
	switch (look_at(candidate)) {
	case FOUND_NOTEBOOK:
		*file = candidate;
		return true;
	case FOUND_FILE:
		free(*other);
		*other = candidate;
		return false;
	default:
		free(candidate);
		return false;
	}
}

/* The path without "./" in front and slashes behind. */
static char *
tidy(const char *path)
{
	size_t n;

	while (strncmp(path, "./", 2) == 0)
		path += 2;
	n = strlen(path);
	while (n > 1 && path[n - 1] == '/')
		n--;
	return xmemdup0(path, n);
}

/* Looks for a notebook at the path, and at it with each of the endings. */
static bool
try_endings(const char *base, char **file, char **other)
{
	bool found = name_notebook_ending(base) != NULL && consider(xstrdup(base), file, other);

	for (size_t i = 0; !found && name_notebook_endings[i] != NULL; i++)
		found = consider(xasprintf("%s%s", base, name_notebook_endings[i]), file, other);
	return found;
}

/* Where what has an absolute path in the workspace is in the folder of that name. */
static char *
of_workspace(const char *workspace, const char *path)
{
	const size_t n = sizeof(ROOT) - 1;

	return xasprintf("%s%s", workspace, strncmp(path, ROOT "/", n + 1) == 0 ? path + n : path);
}

int
lookup_notebook(const char *folder, const char *workspace, const char *path, char **file, char **why)
{
	char *plain = tidy(path), *base = file_join(folder, plain), *there = NULL, *other = NULL;
	bool found = false;

	*file = *why = NULL;
	if (*plain == '\0') {
		*why = xstrdup("the path of the notebook is missing");
		goto out;
	}
	found = try_endings(base, file, &other);
	if (!found && *plain == '/' && workspace != NULL) {
		there = of_workspace(workspace, plain);
		found = try_endings(there, file, &other);
	}
	if (!found && other != NULL)
		*why = xasprintf("'%s' is a file, not a notebook: its first line must be '%s'", other,
		    source_header(other, NULL));
	else if (!found && there != NULL)
		*why = xasprintf("there is no notebook '%s' on this machine, nor '%s', where a workspace's would be", base, there);
	else if (!found)
		*why = xasprintf("there is no notebook '%s'", base);
out:
	free(other);
	free(there);
	free(base);
	free(plain);
	return found ? 0 : -1;
}
