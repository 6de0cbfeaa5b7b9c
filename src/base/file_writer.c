#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define PENDING_MAX ((size_t)64 * 1024)
#define SUFFIX 6	/* letters at the end of a temporary name */

/* The end of a temporary name. O_EXCL keeps the names apart; the clock and the process only make that quick. */
static void
draw_suffix(char suffix[SUFFIX + 1])
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	static uint64_t drawn;
	uint64_t n = ((uint64_t)clock_run() + (uint64_t)getpid() * 1000003 + drawn++) % 2147483647;

	for (int i = 0; i < SUFFIX; i++, n /= 36)
		suffix[i] = letters[n % 36];
	suffix[SUFFIX] = '\0';
}

/* How many bytes of a name a temporary one keeps, so that it is not too long for the folder. */
static size_t
kept(const char *folder, const char *name)
{
	size_t keep = strlen(name);
	long most = pathconf(folder, _PC_NAME_MAX);

	if (most < 16)
		most = NAME_MAX;
	if (keep > (size_t)most - SUFFIX - 2) {
		keep = (size_t)most - SUFFIX - 2;
		while (keep > 0 && ((unsigned char)name[keep] & 0xc0) == 0x80)
			keep--;	/* some file systems want names in UTF-8 */
	}
	return keep;
}

/*
 * Creates ".NAME.XXXXXX" beside path; the name is cut where the folder allows no longer one. By open
 * instead of mkostemp because the kernel then applies the umask (and default ACLs), which nobody can read
 * without a race.
 */
static int
open_temporary(const char *path, mode_t mode, char **temporary)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	char *folder, suffix[SUFFIX + 1];
	size_t keep;
	int fd = -1;

	if (*name == '\0') {
		errno = ENOENT;
		return -1;
	}
	folder = file_folder(path);
	keep = kept(folder, name);
	free(folder);
	for (int tries = 0; tries < 100; tries++) {
		draw_suffix(suffix);
		*temporary = xasprintf("%.*s.%.*s.%s", (int)(name - path), path, (int)keep, name, suffix);
		fd = open(*temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
		if (fd != -1)
			break;
		free(*temporary);
		*temporary = NULL;
		if (errno != EEXIST)
			break;
	}
	return fd;
}

/* Opens what is there under the name and is no regular file. Does not wait for somebody to read a pipe. */
static int
open_special(const char *path)
{
	int fd, flags;

	fd = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		return -1;
	flags = fcntl(fd, F_GETFL);
	if (flags == -1 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == -1) {
		int saved_errno = errno;

		close(fd);
		errno = saved_errno;
		return -1;
	}
	return fd;
}

static int
begin(struct file_writer *w, const char *path, mode_t mode)
{
	struct stat st;
	bool exists, special;

	*w = (struct file_writer){.fd = -1, .pending = BUF_INIT};
	exists = stat(path, &st) == 0;
	special = exists && !S_ISREG(st.st_mode);
	if (special) {
		w->fd = open_special(path);
		if (w->fd == -1)
			return -1;
		w->path = xstrdup(path);
		return 0;
	}
	if (exists)
		w->path = realpath(path, NULL);	/* a link stays, and what it leads to is replaced */
	if (w->path == NULL)
		w->path = xstrdup(path);
	w->fd = open_temporary(w->path, exists ? st.st_mode & 0777 : mode, &w->temporary);
	if (w->fd == -1 || (exists && fchmod(w->fd, st.st_mode & 0777) == -1)) {
		int saved_errno = errno;

		file_abandon(w);
		errno = saved_errno;
		return -1;
	}
	return 0;
}

int
file_begin(struct file_writer *w, const char *path)
{
	return begin(w, path, 0666);
}

int
file_begin_quick(struct file_writer *w, const char *path)
{
	int result = begin(w, path, 0600);

	w->quick = true;
	return result;
}

int
file_begin_own(struct file_writer *w, const char *path)
{
	struct stat st;
	bool exists = lstat(path, &st) == 0 && S_ISREG(st.st_mode);
	int saved_errno;

	*w = (struct file_writer){.fd = -1, .pending = BUF_INIT, .path = xstrdup(path), .quick = true};
	w->fd = open_temporary(path, exists ? st.st_mode & 0777 : 0600, &w->temporary);
	if (w->fd != -1 && (!exists || fchmod(w->fd, st.st_mode & 0777) == 0))
		return 0;
	saved_errno = errno;
	file_abandon(w);
	errno = saved_errno;
	return -1;
}

void
file_set_modified(struct file_writer *w, struct timespec modified)
{
	w->dated = true;
	w->modified = modified;
}

static void
write_out(struct file_writer *w, const void *p, size_t n)
{
	if (w->error == 0 && file_write_full(w->fd, p, n) == -1)
		w->error = errno;
}

void
file_put(struct file_writer *w, const void *p, size_t n)
{
	if (w->error != 0)
		return;
	if (w->pending.len + n > PENDING_MAX) {
		write_out(w, w->pending.data, w->pending.len);
		buf_reset(&w->pending);
	}
	if (n >= PENDING_MAX)
		write_out(w, p, n);
	else
		buf_add(&w->pending, p, n);
}

/* Gives the temporary file its name. */
static int
take_name(const struct file_writer *w)
{
	if (!w->fresh)
		return rename(w->temporary, w->path);
	if (renameat2(AT_FDCWD, w->temporary, AT_FDCWD, w->path, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	/* Not every file system knows how. */
	return link(w->temporary, w->path) == 0 ? unlink(w->temporary) : -1;
}

int
file_commit(struct file_writer *w)
{
	int error;

	write_out(w, w->pending.data, w->pending.len);
	if (w->temporary != NULL) {
		/* Not every file system can sync. Without it, a crash could leave the new name with no data. */
		if (w->error == 0 && !w->quick && fdatasync(w->fd) == -1 && errno != EINVAL && errno != ENOSYS)
			w->error = errno;
	}
	if (w->dated && w->error == 0) {
		const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, w->modified};

		if (futimens(w->fd, times) == -1)
			w->error = errno;
	}
	if (close(w->fd) == -1 && w->error == 0 && errno != EINTR)
		w->error = errno;
	w->fd = -1;
	if (w->error == 0 && w->temporary != NULL) {
		if (take_name(w) == 0) {
			free(w->temporary);
			w->temporary = NULL;
		} else {
			w->error = errno;
		}
	}
	error = w->error;
	file_abandon(w);
	if (error == 0)
		return 0;
	errno = error;
	return -1;
}

void
file_abandon(struct file_writer *w)
{
	if (w->path == NULL)
		return;
	if (w->fd != -1)
		close(w->fd);
	if (w->temporary != NULL)
		unlink(w->temporary);
	free(w->temporary);
	free(w->path);
	buf_release(&w->pending);
	*w = (struct file_writer){.fd = -1, .pending = BUF_INIT};
}

int
file_replace(const char *path, const void *p, size_t n)
{
	struct file_writer w;

	if (file_begin(&w, path) == -1)
		return -1;
	file_put(&w, p, n);
	return file_commit(&w);
}

int
file_create(const char *path, const void *p, size_t n)
{
	struct file_writer w;
	struct stat st;

	if (lstat(path, &st) == 0) {
		errno = EEXIST;
		return -1;
	}
	if (file_begin(&w, path) == -1)
		return -1;
	w.fresh = true;
	file_put(&w, p, n);
	return file_commit(&w);
}

int
file_check(const char *path)
{
	struct file_writer w;
	struct stat st;

	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return access(path, W_OK);
	if (file_begin(&w, path) == -1)
		return -1;
	file_abandon(&w);
	return 0;
}

void
file_remove_temporaries(const char *path)
{
	char *folder = file_folder(path), *temporary;
	const char *name = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
	char *beginning = xasprintf(".%.*s.", (int)kept(folder, name), name);
	DIR *dir = opendir(folder);
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (strncmp(entry->d_name, beginning, strlen(beginning)) != 0 ||
		    strlen(entry->d_name) != strlen(beginning) + SUFFIX)
			continue;
		temporary = file_join(folder, entry->d_name);
		unlink(temporary);
		free(temporary);
	}
	if (dir != NULL)
		closedir(dir);
	free(beginning);
	free(folder);
}
