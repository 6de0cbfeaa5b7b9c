#include "base/lines.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"

#define BLOCK ((size_t)256 * 1024)

int
lines_read(int fd, off_t *at, size_t most, void (*take)(void *data, const char *line, size_t n), void *data)
{
	struct buf b = BUF_INIT;
	bool too_long = false;
	off_t end = *at;	/* of what has been read */
	ssize_t n;
	int error;

	for (;;) {
		size_t searched = b.len, start = 0;	/* so many bytes are known to hold no line feed */
		const char *feed;

		n = pread(fd, buf_room(&b, BLOCK), BLOCK, end);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		feed = memrchr(b.data + b.len, '\n', (size_t)n);
		if (feed != NULL)
			*at = end + (feed - (b.data + b.len)) + 1;
		end += n;
		b.len += (size_t)n;
		b.data[b.len] = '\0';
		while ((feed = memchr(b.data + searched, '\n', b.len - searched)) != NULL) {
			size_t stop = (size_t)(feed - b.data);

			if (!too_long && stop - start <= most)
				take(data, b.data + start, stop - start);
			too_long = false;
			start = searched = stop + 1;
		}
		buf_drop(&b, start);
		if (b.len > most)
			too_long = true;
		if (too_long)
			buf_reset(&b);
	}
	error = n == -1 ? errno : 0;
	buf_release(&b);
	errno = error;
	return (int)n;
}
