/*
 * Files as a whole: read in one go, or written so that nobody ever sees half of one.
 *
 * Functions that can fail return -1 with errno set and say nothing.
 */
#ifndef NBFORK_BASE_FILE_H
#define NBFORK_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

#include "base/buf.h"

/* Writes all n bytes, through EINTR and short writes. The descriptor must be blocking. */
int file_write_full(int fd, const void *p, size_t n);

/* Appends what is left to read from fd, at most max bytes (then EFBIG). On an error the buffer is as it was. */
int file_read_fd(int fd, struct buf *b, size_t max);

/*
 * Appends the content of a file, at most max bytes (then EFBIG). The buffer takes just the room it needs.
 * A directory fails with EISDIR.
 */
int file_read(const char *path, struct buf *b, size_t max);

/* The same for a file that must be a regular one: anything else fails with EINVAL, and none is waited for. */
int file_read_regular(const char *path, struct buf *b, size_t max);

/*
 * Opens a regular file to append to, which is made if need be; flags: O_TRUNC or 0. Returns the descriptor, or -1 with
 * errno: anything else fails with EINVAL or ENXIO, and none is waited for.
 */
int file_append(const char *path, int flags);

/*
 * A file being written: a temporary one in the same folder, which takes the final name in
 * file_commit() after its data have reached the disk. Mode 0666 less the umask, or that of the file it replaces.
 * Where the name is a link to a file, that file is replaced and the link stays. What is there and is no
 * regular file (a device, a pipe) is written to as it is; a folder fails with EISDIR.
 */
struct file_writer {
	char *path, *temporary;	/* NULL when closed; temporary also for what is no regular file */
	int fd;
	bool fresh;	/* nothing of that name may be there when it is taken */
	struct buf pending;	/* not yet written; at most 64 KiB or so */
	int error;	/* the first errno; later calls do nothing and the commit fails with it */
	bool quick;	/* file_begin_quick() */
	bool dated;	/* file_set_modified() */
	struct timespec modified;
};

/* Starts a file. Returns 0, or -1 with errno; then there is nothing to undo. */
int file_begin(struct file_writer *w, const char *path);

/*
 * The same for what can be made again: that its data have reached the disk is not waited for. A new file has mode 0600.
 */
int file_begin_quick(struct file_writer *w, const char *path);

/*
 * The same in a folder where only nbfork has anything to write under that name: what is there and is no regular file (a
 * link, a pipe) is replaced itself, and what it leads to stays as it is.
 */
int file_begin_own(struct file_writer *w, const char *path);

/* The file is to have this time of modification. */
void file_set_modified(struct file_writer *w, struct timespec modified);

/* Adds bytes. An error shows in file_commit(). */
void file_put(struct file_writer *w, const void *p, size_t n);

/* Makes it the file of that name, or on an error removes it. Returns 0 or -1 with errno. */
int file_commit(struct file_writer *w);

/* Gives up: removes the temporary file. Does nothing after a commit. */
void file_abandon(struct file_writer *w);

/* Removes what a process that died between file_begin() and file_commit() of this path has left. */
void file_remove_temporaries(const char *path);

/*
 * Whether it could be written now, without anybody noticing: a pipe is not opened, whose reader would see its end.
 * Returns 0 or -1 with errno.
 */
int file_check(const char *path);

/* All of it in one call. */
int file_replace(const char *path, const void *p, size_t n);

/* The same where nothing of that name is there, not even a link that leads nowhere; else it fails with EEXIST. */
int file_create(const char *path, const void *p, size_t n);

/* Makes a folder and those above it (mode 0777 less the umask). No error when it is there. */
int file_mkdirs(const char *path);

/* Removes a file or a folder with all that is in it, without following links. No error when it is not there. */
int file_remove_tree(const char *path);

/* folder/name; name alone when it is absolute or when folder is "" or ".". The caller's to free. */
char *file_join(const char *folder, const char *name);

/* The same path seen from the root; as it is when that cannot be told. The caller's to free. */
char *file_absolute(const char *path);

/*
 * What is left of a path without its last part: "a/b.ipynb" gives "a", "b.ipynb" gives ".", "/x" gives "/". The
 * caller's to free.
 */
char *file_folder(const char *path);

/*
 * Whether what is written to one path takes the place of what is at the other: they lead to the same regular file or, where
 * there is none yet, to the same name in the same folder.
 */
bool file_is_same(const char *a, const char *b);

#endif
