/*
 * SHA-256 in hexadecimal: whether two runs of bytes are the same, without keeping them.
 */
#ifndef NBFORK_BASE_DIGEST_H
#define NBFORK_BASE_DIGEST_H

#include <stddef.h>

/* 64 lower-case digits and a NUL byte; or "" for none. */
#define DIGEST_TEXT 65

/*
 * Of a file's bytes. It must be a regular file: a folder fails with EISDIR, anything else with EINVAL, and none is
 * waited for. Returns 0, or -1 with errno and digest "".
 */
int digest_file(char digest[DIGEST_TEXT], const char *path);

/* Of n bytes; p may be NULL when n is 0. */
void digest_bytes(char digest[DIGEST_TEXT], const void *p, size_t n);

#endif
