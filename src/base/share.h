/*
 * Descriptors that this process shares with all that it forks and that close everything else.
 */
#ifndef NBFORK_BASE_SHARE_H
#define NBFORK_BASE_SHARE_H

#define SHARED_MIN 8	/* the lowest number that one has: those below are for whoever forks */

/*
 * Shares a copy of fd, which stays the caller's, close-on-exec. Returns its number, which is the same in all processes,
 * or -1 with errno.
 */
int share_fd(int fd);

/* Closes the copy in this process, which then shares it no longer. */
void share_end(int shared);

/* Closes all descriptors from first on, but those that are shared. */
void share_close_from(int first);

#endif
