#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

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

int
file_append(const char *path, int flags)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY | O_NONBLOCK | O_CLOEXEC | flags, 0666);
	struct stat st;
	int error;

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0) {
		if (S_ISREG(st.st_mode) && fcntl(fd, F_SETFL, O_APPEND) == 0)
			return fd;
		errno = EINVAL;
	}
	error = errno;
	close(fd);
	errno = error;
	return -1;
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
