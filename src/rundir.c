#include "rundir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "workflow/name.h"

#define RUNS RUNDIR_RUNS
#define LOCK_STEP (20 * NSEC_PER_MSEC)
#define LOCK_PATIENCE (20 * NSEC_PER_SEC)	/* with the workers of a run whose nbfork was killed */
#define LOCK_SILENCE (NSEC_PER_SEC)	/* of it, before it is said */

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

static const char no_private[] = "cannot create a private folder in $XDG_RUNTIME_DIR, $TMPDIR or /tmp";

static int
write_copy(struct rundir *d, const struct workflow *w, char **what)
{
	char *path = file_join(d->folder, copy);
	int r = file_replace(path, w->text, w->text_len);

	if (r == -1)
		*what = xasprintf("cannot write '%s'", path);
	free(path);
	return r;
}

/* Where a new run finds something, somebody else is at work: EEXIST. */
static int
fill(struct rundir *d, const struct workflow *w, bool continues, char **what)
{
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		char *path = file_join(d->folder, folders[i]);

		if (mkdir(path, 0777) == -1 && (errno != EEXIST || !continues)) {
			*what = xasprintf("cannot create folder '%s'", path);
			free(path);
			return -1;
		}
		free(path);
	}
	return write_copy(d, w, what);
}

/*
 * Takes the lock that this process and all its workers hold as long as they live: so nobody starts anew on a folder
 * while what is left of a killed run is still there. patience: nanoseconds to wait for those. Returns 0, or -1 with
 * errno.
 */
static int
lock(struct rundir *d, int64_t patience)
{
	const struct timespec step = {.tv_nsec = LOCK_STEP};
	int64_t began = clock_run();
	bool said = false;

	d->lock = open(d->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->lock == -1)
		return -1;
	while (flock(d->lock, LOCK_EX | LOCK_NB) == -1) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return 0;	/* this file system has no locks for folders */
		if (clock_run() - began >= patience) {
			errno = EBUSY;
			return -1;
		}
		if (!said && clock_run() - began >= LOCK_SILENCE)
			log_warn("waiting for the workers of the run in '%s' that was killed", d->folder);
		said = said || clock_run() - began >= LOCK_SILENCE;
		nanosleep(&step, NULL);
	}
	return 0;
}

int
rundir_make(struct rundir *d, const struct workflow *w, const char *folder, char **what)
{
	char stamp[CLOCK_TEXT];
	int error;

	*d = (struct rundir){.lock = -1};
	clock_text(stamp, clock_wall(), 0);
	d->id = xasprintf("%s-%s-%08x", w->name, stamp, random_number());
	if ((folder != NULL ? make_given(d, folder) : make_default(d, w, stamp)) == -1) {
		error = errno;
		*what = xasprintf(error == ENOTEMPTY ? "cannot use folder '%s' for the run" : "cannot create folder '%s'",
		    d->folder);
		goto fail;
	}
	/*
	 * Another nbfork may have found it empty too, and been faster: then what is in it now is not ours to
	 * remove.
	 */
	if (lock(d, 0) == -1 || check_empty(d->folder) == -1) {
		error = errno;
		*what = xasprintf("cannot use folder '%s' for the run", d->folder);
		goto fail;
	}
	if (fill(d, w, false, what) == -1) {
		error = errno;
		if (error != EEXIST)
			rundir_unmake(d);
		goto fail;
	}
	d->private_folder = make_private();
	if (d->private_folder == NULL) {
		error = errno;
		*what = xstrdup(no_private);
		rundir_unmake(d);
		goto fail;
	}
	return 0;
fail:
	rundir_release(d);
	errno = error;
	return -1;
}

/* ---- A run that goes on ---- */

char *
rundir_find(const struct workflow *w, const char *folder, char **what)
{
	char *path = folder != NULL ? xstrdup(folder) : xasprintf(RUNS "/%s-latest", w->name);
	char target[PATH_MAX], *above, *found;
	struct stat st;
	ssize_t n;

	/* A shell completes the link's name with one; it would lead to what the link leads to. */
	for (size_t end = strlen(path); end > 1 && path[end - 1] == '/'; end--)
		path[end - 1] = '\0';
	/* The run's own name, which stays what it is when a later run takes the link over. */
	n = readlink(path, target, sizeof(target) - 1);
	if (n > 0) {
		target[n] = '\0';
		above = file_folder(path);
		found = file_join(above, target);
		free(above);
		free(path);
		path = found;
	}
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return path;
	errno = ENOENT;
	*what = folder != NULL ? xasprintf("there is no run to resume in '%s'", folder) :
	    xasprintf("there is no earlier run of '%s' to resume (" RUNS "/%s-latest)", w->name, w->name);
	free(path);
	return NULL;
}

/* Whether a name is one that file_begin() gives to a file of ours, or of that ending, that is not whole yet. */
static bool
is_temporary(const char *name)
{
	static const char *const ours[] = {"workflow.yaml", "results.json"}, *const endings[] = {".ipynb", ".html"};
	const char *end = strrchr(name, '.');
	size_t n = end != NULL ? (size_t)(end - name) : 0;	/* of ".NAME" */
	char *of;
	bool is;

	if (name[0] != '.' || n < 2 || strlen(end + 1) != 6 ||
	    strspn(end + 1, "abcdefghijklmnopqrstuvwxyz0123456789") != 6)
		return false;
	of = xmemdup0(name + 1, n - 1);
	is = name_ends(of, endings[0]) || name_ends(of, endings[1]) || strcmp(of, ours[0]) == 0 || strcmp(of, ours[1]) == 0;
	free(of);
	return is;
}

/* That it cannot harms nobody. */
static void
remove_temporaries(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
		if (is_temporary(entry->d_name))
			unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
}

void
rundir_clean(const char *folder)
{
	char *notebooks = file_join(folder, folders[0]);

	remove_temporaries(folder);
	remove_temporaries(notebooks);
	free(notebooks);
}

/* Takes away what of an earlier run is not true any more, or never was whole. */
static void
clean(const struct rundir *d)
{
	char *results = file_join(d->folder, "results.json");

	unlink(results);
	rundir_clean(d->folder);
	free(results);
}

int
rundir_continue(struct rundir *d, const struct workflow *w, const char *folder, char **what)
{
	char stamp[CLOCK_TEXT];
	int error;

	*d = (struct rundir){.lock = -1, .was_there = true, .folder = xstrdup(folder)};
	clock_text(stamp, clock_wall(), 0);
	d->id = xasprintf("%s-%s-%08x", w->name, stamp, random_number());
	if (lock(d, LOCK_PATIENCE) == -1) {
		error = errno == EBUSY ? ETIMEDOUT : errno;
		*what = xasprintf(error == ETIMEDOUT ?
		    "cannot use folder '%s', in which workers of a run that was killed are still at work" :
		    "cannot use folder '%s'", d->folder);
		goto fail;
	}
	if (fill(d, w, true, what) == -1) {
		error = errno;
		goto fail;
	}
	clean(d);
	d->private_folder = make_private();
	if (d->private_folder != NULL)
		return 0;
	error = errno;
	*what = xstrdup(no_private);
fail:
	rundir_release(d);
	errno = error;
	return -1;
}

/* Renames what is there to the name of an earlier attempt; or back. */
static int
put_aside(const char *folder, const char *kind, const char *name, const char *ending, unsigned attempt, bool back)
{
	char *own = xasprintf("%s/%s/%s.%s", folder, kind, name, ending);
	char *aside = xasprintf("%s/%s/%s.attempt%u.%s", folder, kind, name, attempt, ending);
	struct stat st;
	int r, error;

	/* They are there already: then these are of an attempt that was killed before the journal knew of it. */
	if (!back && stat(aside, &st) == 0 && S_ISREG(st.st_mode))
		r = unlink(own);
	else
		r = rename(back ? aside : own, back ? own : aside);
	if (r == -1 && errno == ENOENT)
		r = 0;
	error = errno;
	free(own);
	free(aside);
	errno = error;
	return r;
}

int
rundir_sync(const struct rundir *d)
{
	char *path = file_join(d->folder, folders[0]);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;

	free(path);
	/* Where folders cannot be synchronized they need not be. */
	if (fd == -1 || (fsync(fd) == -1 && errno != EINVAL && errno != EBADF))
		r = -1;
	if (fd != -1)
		close(fd);
	return r;
}

int
rundir_put_aside(const char *folder, const char *name, unsigned attempt)
{
	if (put_aside(folder, "notebooks", name, "ipynb", attempt, false) == -1)
		return -1;
	return put_aside(folder, "logs", name, "log", attempt, false);
}

int
rundir_put_back(const char *folder, const char *name, unsigned attempt)
{
	if (put_aside(folder, "notebooks", name, "ipynb", attempt, true) == -1)
		return -1;
	return put_aside(folder, "logs", name, "log", attempt, true);
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
	if (d->lock != -1)
		close(d->lock);
	free(d->id);
	free(d->folder);
	free(d->latest);
	*d = (struct rundir){.lock = -1};
}
