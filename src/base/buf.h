/*
 * A growing run of bytes.
 *
 * data is NULL until the first byte is added; from then on there is always a NUL byte after the len bytes,
 * which is not counted, so that data can be used as a string where the bytes hold no NUL. No function
 * fails: see base/mem.h.
 */
#ifndef NBFORK_BASE_BUF_H
#define NBFORK_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>

struct buf {
	char *data;
	size_t len;	/* bytes in use */
	size_t cap;	/* bytes allocated */
};

#define BUF_INIT {NULL, 0, 0}

void buf_init(struct buf *b);
void buf_release(struct buf *b);	/* frees the bytes; b is as after buf_init */
void buf_wipe(struct buf *b);	/* the same, overwriting all that they are or were first: for secrets */
void buf_reset(struct buf *b);		/* len = 0; keeps the memory for what comes next */

/* Add n bytes, a string, one character, a formatted string. p must not point into the buffer itself. */
void buf_add(struct buf *b, const void *p, size_t n);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vaddf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
void buf_fill(struct buf *b, char c, size_t n);

/* Room for n more bytes: returns where to put them; the caller then adds to len what was put there. */
char *buf_room(struct buf *b, size_t n);

/* Sets len to a smaller value; drops n bytes from the front. */
void buf_truncate(struct buf *b, size_t len);
void buf_drop(struct buf *b, size_t n);

/* The bytes as a string; "" when there are none. Valid until the buffer changes. */
const char *buf_str(const struct buf *b);

/* The bytes as a string of the caller's own (never NULL); b is as after buf_init. */
char *buf_steal(struct buf *b);

#endif
