#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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

int
file_write_full(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n > 0) {
		ssize_t done = write(fd, at, n);

		if (done == -1) {
			if (errno == EINTR)
				continue;
			if (errno == EAGAIN) {
				/* Somebody who shares the description has set O_NONBLOCK. */
				poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
				continue;
			}
			return -1;
		}
		at += done;
		n -= (size_t)done;
	}
	return 0;
}

static ssize_t
read_some(int fd, void *p, size_t n)
{
	ssize_t done;

	do
		done = read(fd, p, n);
	while (done == -1 && errno == EINTR);
	return done;
}

int
file_read_fd(int fd, struct buf *b, size_t max)
{
	const size_t start = b->len;
	char extra[16 * 1024];

	for (;;) {
		size_t room = b->cap > b->len ? b->cap - b->len - 1 : 0;
		size_t left = max - (b->len - start);
		ssize_t n;

		if (room > 0 && left > 0) {
			n = read_some(fd, b->data + b->len, room < left ? room : left);
			if (n > 0) {
				b->len += (size_t)n;
				b->data[b->len] = '\0';
			}
		} else {
			/* The end is found without a larger buffer, which is then just right for a file. */
			n = read_some(fd, extra, sizeof(extra));
			if (n > 0 && (size_t)n > left) {
				errno = EFBIG;
				n = -1;
			} else if (n > 0) {
				buf_add(b, extra, (size_t)n);
			}
		}
		if (n == 0)
			return 0;
		if (n == -1) {
			buf_truncate(b, start);
			return -1;
		}
	}
}

/* flags: for open, over those that are always given; O_NONBLOCK for regular files alone. */
static int
read_path(const char *path, int flags, struct buf *b, size_t max)
{
	int fd, result = -1, saved_errno;
	struct stat st;

	fd = open(path, O_RDONLY | O_CLOEXEC | flags);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1)
		goto out;
	if (S_ISDIR(st.st_mode) || ((flags & O_NONBLOCK) != 0 && !S_ISREG(st.st_mode))) {
		errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
		goto out;
	}
	if (S_ISREG(st.st_mode)) {
		if ((uintmax_t)st.st_size > max) {
			errno = EFBIG;
			goto out;
		}
		buf_room(b, (size_t)st.st_size);
	}
	result = file_read_fd(fd, b, max);
out:
	saved_errno = errno;
	close(fd);
	errno = saved_errno;
	return result;
}

int
file_read(const char *path, struct buf *b, size_t max)
{
	return read_path(path, 0, b, max);
}

int
file_read_regular(const char *path, struct buf *b, size_t max)
{
	return read_path(path, O_NONBLOCK, b, max);
}

/* ---- Writing ---- */

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

/* ---- Folders ---- */

static int
make_folder(const char *path)
{
	struct stat st;
	int error;

	if (mkdir(path, 0777) == 0)
		return 0;
	/* It may be there and be refused for another reason, such as a read-only file system. */
	error = errno;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	errno = error == EEXIST ? ENOTDIR : error;
	return -1;
}

int
file_mkdirs(const char *path)
{
	char *copy = xstrdup(path), *p = copy;
	int result, saved_errno;

	for (;;) {
		char kept;

		p += strspn(p, "/");
		p += strcspn(p, "/");
		kept = *p;
		*p = '\0';
		result = make_folder(copy);
		*p = kept;
		if (result == -1 || p[strspn(p, "/")] == '\0')
			break;
	}
	saved_errno = errno;
	free(copy);
	errno = saved_errno;
	return result;
}

static int remove_at(int folder, const char *name);

/* Removes what is in a folder; closes fd. Goes on after an error, and returns -1 with the first. */
static int
empty_folder(int fd)
{
	DIR *d = fdopendir(fd);
	struct dirent *entry;
	int error = 0;

	if (d == NULL) {
		error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	while ((errno = 0, entry = readdir(d)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (remove_at(dirfd(d), entry->d_name) == -1 && error == 0)
			error = errno;
	}
	if (error == 0)
		error = errno;
	closedir(d);
	errno = error;
	return error == 0 ? 0 : -1;
}

/* Removes an entry of a folder, whatever it is. */
static int
remove_at(int folder, const char *name)
{
	int fd, refused;

	if (unlinkat(folder, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)	/* EPERM: what POSIX has for a folder */
		return -1;
	/* Through the descriptor: a folder that somebody turns into a link meanwhile is not followed. */
	refused = errno;
	fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1) {
		if (errno == ENOTDIR || errno == ELOOP)
			errno = refused;
		return errno == ENOENT ? 0 : -1;
	}
	if (empty_folder(fd) == -1)
		return -1;
	return unlinkat(folder, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : -1;
}

int
file_remove_tree(const char *path)
{
	return remove_at(AT_FDCWD, path);
}

/* ---- Names ---- */

char *
file_join(const char *folder, const char *name)
{
	size_t n = strlen(folder);

	if (*name == '/' || n == 0 || strcmp(folder, ".") == 0)
		return xstrdup(name);
	return xasprintf("%s%s%s", folder, folder[n - 1] == '/' ? "" : "/", name);
}

char *
file_absolute(const char *path)
{
	char *here = *path == '/' ? NULL : getcwd(NULL, 0), *absolute;

	absolute = here != NULL ? file_join(here, path) : xstrdup(path);
	free(here);
	return absolute;
}

char *
file_folder(const char *path)
{
	size_t n = strlen(path);

	while (n > 0 && path[n - 1] == '/')
		n--;
	while (n > 0 && path[n - 1] != '/')
		n--;
	if (n == 0)
		return xstrdup(*path == '/' ? "/" : ".");
	while (n > 1 && path[n - 1] == '/')
		n--;
	return xmemdup0(path, n);
}

/* The same name in the same folder. */
static bool
is_same_place(const char *a, const char *b)
{
	const char *x = strrchr(a, '/'), *y = strrchr(b, '/');
	char *in_a = file_folder(a), *in_b = file_folder(b);
	struct stat s, t;
	bool same;

	same = strcmp(x != NULL ? x + 1 : a, y != NULL ? y + 1 : b) == 0 && stat(in_a, &s) == 0 && stat(in_b, &t) == 0 &&
	    s.st_dev == t.st_dev && s.st_ino == t.st_ino;
	free(in_a);
	free(in_b);
	return same;
}

bool
file_is_same(const char *a, const char *b)
{
	struct stat s, t;
	bool there = stat(a, &s) == 0;

	if (stat(b, &t) == -1)
		return !there && is_same_place(a, b);
	return there && S_ISREG(s.st_mode) && s.st_dev == t.st_dev && s.st_ino == t.st_ino;
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
