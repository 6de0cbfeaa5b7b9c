#include "base/share.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

/* Ascending. */
static int *shared;
static size_t nshared;

int
share_fd(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, SHARED_MIN);
	size_t i;

	if (copy == -1)
		return -1;
	shared = xreallocarray(shared, nshared + 1, sizeof(*shared));
	for (i = nshared++; i > 0 && shared[i - 1] > copy; i--)
		shared[i] = shared[i - 1];
	shared[i] = copy;
	return copy;
}

void
share_end(int fd)
{
	for (size_t i = 0; i < nshared; i++) {
		if (shared[i] != fd)
			continue;
		close(fd);
		memmove(shared + i, shared + i + 1, (nshared - i - 1) * sizeof(*shared));
		nshared--;
		return;
	}
}

void
share_close_from(int first)
{
	for (size_t i = 0; i < nshared; i++) {
		if (shared[i] > first)
			close_range((unsigned)first, (unsigned)shared[i] - 1, 0);
		first = shared[i] + 1;
	}
	closefrom(first);
}
