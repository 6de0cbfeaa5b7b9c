/*
 * The whole lines of a file that may grow while it is read.
 */
#ifndef NBFORK_BASE_LINES_H
#define NBFORK_BASE_LINES_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Reads the file from *at on and hands over its lines in their order, without the line feeds; those that are longer than
 * most bytes are passed over. What comes behind the last line feed is not there yet: *at is moved behind the last line, to go on from later,
 * before that is handed over. Returns 0, or -1 with errno, when some may have been handed over.
 */
int lines_read(int fd, off_t *at, size_t most, void (*take)(void *data, const char *line, size_t n), void *data);

#endif
