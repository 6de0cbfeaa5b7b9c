/*
 * A function that is run aside: in a child process, of which only what it writes comes back. For what this process must
 * not do itself, such as starting a library that makes threads before other children are forked.
 */
#ifndef NBFORK_BASE_ASIDE_H
#define NBFORK_BASE_ASIDE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/*
 * Forks, runs fn in the child, and appends what it writes to its fd, at most max bytes. The child dies with this
 * process, and of the signals that this process would die of; its standard input and output are /dev/null. fn returns
 * its exit status. Returns 0 when that is 0; or -1 with errno: ETIMEDOUT when it took longer than patience
 * (nanoseconds; it is killed then), EFBIG when it wrote more, ECANCELED when it ended otherwise, or why there was no
 * child.
 */
int aside_run(int (*fn)(void *data, int fd), void *data, struct buf *out, size_t max, int64_t patience);

#endif
