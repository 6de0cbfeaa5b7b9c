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

int
lookup_notebook(const char *folder, const char *path, char **file, char **why)
{
	char *plain = tidy(path), *base = file_join(folder, plain), *other = NULL;
	bool found = false;

	*file = *why = NULL;
	if (*plain == '\0') {
		*why = xstrdup("the path of the notebook is missing");
		goto out;
	}
	if (name_notebook_ending(base) != NULL)
		found = consider(xstrdup(base), file, &other);
	for (size_t i = 0; !found && name_notebook_endings[i] != NULL; i++)
		found = consider(xasprintf("%s%s", base, name_notebook_endings[i]), file, &other);
	if (!found && other != NULL)
		*why = xasprintf("'%s' is a file, not a notebook: its first line must be '%s'", other,
		    source_header(other, NULL));
	else if (!found)
		*why = xasprintf("there is no notebook '%s'%s", base, *plain == '/' ?
		    " on this machine; a path that is relative to the notebook is the same here and in the workspace" : "");
out:
	free(other);
	free(base);
	free(plain);
	return found ? 0 : -1;
}
