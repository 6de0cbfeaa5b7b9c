#include "rundir.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#define RUNS "nbfork-runs"

/*
 * The names of the sockets go into struct sockaddr_un, 108 bytes with the NUL; below the private folder
 * comes "/nbfork-XXXXXX/SLOT/k-5".
 */
#define PRIVATE_BASE_MAX 64

static uint32_t
random_number(void)
{
	uint32_t n;

	if (getrandom(&n, sizeof(n), 0) != sizeof(n))
		log_fatal("cannot get random numbers");
	return n;
}

static bool
usable_base(const char *path)
{
	return path != NULL && path[0] == '/' && strlen(path) <= PRIVATE_BASE_MAX && access(path, W_OK | X_OK) == 0;
}

static char *
make_private(void)
{
	const char *const bases[] = {getenv("XDG_RUNTIME_DIR"), getenv("TMPDIR"), "/tmp"};
	char *path;

	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		if (!usable_base(bases[i]))
			continue;
		path = xasprintf("%s/nbfork-XXXXXX", bases[i]);
		if (mkdtemp(path) != NULL)	/* mode 0700 */
			return path;
		free(path);
	}
	return NULL;
}

/* Returns 0; or -1 with errno, ENOTEMPTY when there is something in the folder. */
static int
check_empty(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	bool empty = true;

	if (dir == NULL)
		return -1;
	while (empty && (entry = readdir(dir)) != NULL)
		empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	closedir(dir);
	errno = ENOTEMPTY;
	return empty ? 0 : -1;
}

static int
make_default(struct rundir *d, const struct workflow *w, const char *stamp)
{
	char *run;
	int error;

	for (int i = 1;; i++) {
		/* Two runs in one second: the second one gets a number. */
		run = i == 1 ? xasprintf("%s-%s", w->name, stamp) : xasprintf("%s-%s-%d", w->name, stamp, i);
		free(d->folder);
		d->folder = file_join(RUNS, run);
		if (file_mkdirs(RUNS) == 0 && mkdir(d->folder, 0777) == 0)
			break;
		error = errno;
		free(run);
		errno = error;
		if (errno != EEXIST)
			return -1;
	}
	free(run);
	d->latest = xasprintf(RUNS "/%s-latest", w->name);
	return 0;
}

static int
make_given(struct rundir *d, const char *folder)
{
	char *above = file_folder(folder);
	int r = -1;

	d->folder = xstrdup(folder);
	if (file_mkdirs(above) == -1)
		goto out;
	if (mkdir(folder, 0777) == -1) {
		if (errno != EEXIST || check_empty(folder) == -1)
			goto out;
		d->was_there = true;
	}
	r = 0;
out:
	free(above);
	return r;
}

/* What is in the folder before anything is started. */
static const char *const folders[] = {"notebooks", "logs"};
static const char copy[] = "workflow.yaml";

static int
fill(struct rundir *d, const struct workflow *w, char **what)
{
	char *path;

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		path = file_join(d->folder, folders[i]);
		if (mkdir(path, 0777) == -1) {
			*what = xasprintf("cannot create folder '%s'", path);
			free(path);
			return -1;
		}
		free(path);
	}
	path = file_join(d->folder, copy);
	if (file_replace(path, w->text, w->text_len) == -1) {
		*what = xasprintf("cannot write '%s'", path);
		free(path);
		return -1;
	}
	free(path);
	return 0;
}

int
rundir_make(struct rundir *d, const struct workflow *w, const char *folder, char **what)
{
	char stamp[CLOCK_TEXT];
	int error;

	*d = (struct rundir){.id = NULL};
	clock_text(stamp, clock_wall(), 0);
	d->id = xasprintf("%s-%s-%08x", w->name, stamp, random_number());
	if ((folder != NULL ? make_given(d, folder) : make_default(d, w, stamp)) == -1) {
		error = errno;
		*what = xasprintf(error == ENOTEMPTY ? "cannot use folder '%s' for the run" : "cannot create folder '%s'",
		    d->folder);
		goto fail;
	}
	if (fill(d, w, what) == -1) {
		error = errno;
		rundir_unmake(d);
		goto fail;
	}
	d->private_folder = make_private();
	if (d->private_folder == NULL) {
		error = errno;
		*what = xstrdup("cannot create a private folder in $XDG_RUNTIME_DIR, $TMPDIR or /tmp");
		rundir_unmake(d);
		goto fail;
	}
	return 0;
fail:
	rundir_release(d);
	errno = error;
	return -1;
}

static void
remove_from(const struct rundir *d, const char *name)
{
	char *path = file_join(d->folder, name);

	file_remove_tree(path);
	free(path);
}

void
rundir_unmake(struct rundir *d)
{
	if (!d->was_there) {
		file_remove_tree(d->folder);
		return;
	}
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		remove_from(d, folders[i]);
	remove_from(d, copy);
}

void
rundir_begin(const struct rundir *d)
{
	char *temporary;

	if (d->latest == NULL)
		return;
	temporary = xasprintf(RUNS "/.%s.%08x", d->latest + strlen(RUNS "/"), random_number());
	/* In one step for whoever looks. */
	if (symlink(d->folder + strlen(RUNS "/"), temporary) == -1 || rename(temporary, d->latest) == -1) {
		log_warn("cannot make the link '%s': %s", d->latest, strerror(errno));
		unlink(temporary);
	}
	free(temporary);
}

void
rundir_end(struct rundir *d)
{
	if (d->private_folder != NULL && file_remove_tree(d->private_folder) == -1)
		log_warn("cannot remove '%s': %s", d->private_folder, strerror(errno));
	free(d->private_folder);
	d->private_folder = NULL;
}

void
rundir_release(struct rundir *d)
{
	rundir_end(d);
	free(d->id);
	free(d->folder);
	free(d->latest);
	*d = (struct rundir){.id = NULL};
}
