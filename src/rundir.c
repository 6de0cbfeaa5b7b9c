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

static bool
is_empty(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	bool empty = true;

	if (dir == NULL)
		return false;
	while (empty && (entry = readdir(dir)) != NULL)
		empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	closedir(dir);
	return empty;
}

/* Points NAME-latest to the run, in one step for whoever looks. That it cannot is worth a warning only. */
static void
link_latest(const char *name, const char *run)
{
	char *link = xasprintf(RUNS "/%s-latest", name);
	char *temporary = xasprintf(RUNS "/.%s-latest.%08x", name, random_number());

	if (symlink(run, temporary) == -1 || rename(temporary, link) == -1) {
		log_warn("cannot make the link '%s': %s", link, strerror(errno));
		unlink(temporary);
	}
	free(temporary);
	free(link);
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
	link_latest(w->name, run);
	free(run);
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
		if (errno != EEXIST)
			goto out;
		if (!is_empty(folder)) {
			errno = ENOTEMPTY;
			goto out;
		}
	}
	r = 0;
out:
	free(above);
	return r;
}

static int
fill(struct rundir *d, const struct workflow *w, char **what)
{
	static const char *const folders[] = {"notebooks", "logs"};
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
	path = file_join(d->folder, "workflow.yaml");
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

	*d = (struct rundir){NULL, NULL, NULL};
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

void
rundir_unmake(struct rundir *d)
{
	if (d->folder != NULL)
		file_remove_tree(d->folder);
}

void
rundir_release(struct rundir *d)
{
	if (d->private_folder != NULL && file_remove_tree(d->private_folder) == -1)
		log_warn("cannot remove '%s': %s", d->private_folder, strerror(errno));
	free(d->id);
	free(d->folder);
	free(d->private_folder);
	*d = (struct rundir){NULL, NULL, NULL};
}
