/*
 * UTF-8: checking, repairing, measuring and showing text that somebody else wrote.
 */
#ifndef NBFORK_BASE_UTF8_H
#define NBFORK_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/*
 * The length of the well-formed UTF-8 sequence at p (n bytes, n > 0), 1 to 4, and its code point in *cp
 * (may be NULL); 0 when there is none (RFC 3629: no overlong forms, no surrogates, nothing over U+10FFFF).
 */
size_t utf8_decode(const char *p, size_t n, uint32_t *cp);

/* The offset of the first byte that is not part of well-formed UTF-8; n when all is well. */
size_t utf8_check(const char *p, size_t n);

/* How many of the bytes at p are well-formed UTF-8 without any ASCII; 0 when there is none such at p. */
size_t utf8_run(const char *p, size_t n);

/* Appends a code point. A surrogate is written as its three bytes (WTF-8), which is how base/json.h keeps lone ones. */
void utf8_put(struct buf *b, uint32_t cp);

/* Appends n bytes with every maximal ill-formed run replaced by U+FFFD, as Python's errors="replace" does. */
void utf8_put_repaired(struct buf *b, const char *p, size_t n);

/*
 * Columns that a terminal gives the code point: 0 (combining, zero width), 1 or 2 (East Asian wide, emoji).
 * Control characters count 0.
 */
int utf8_columns(uint32_t cp);

/*
 * Makes the first character of a string (not its NUL) fit for a message: copies it to out, byte by byte; control
 * characters (C0, DEL, C1) as \xNN, and what breaks lines or turns text around as \uNNNN. Sets *n to the bytes of out
 * used and returns how many of the string were.
 */
#define UTF8_ESCAPED 8
size_t utf8_escape(const char *s, char out[UTF8_ESCAPED], size_t *n);

/*
 * Appends at most the given number of terminal columns of text, made safe to show: ANSI escape sequences
 * (CSI, OSC, and two-character escapes) are left out, other control characters (C0, DEL, C1) and the
 * bidirectional overrides and Unicode's line separators are left out too, tab becomes one space, ill-formed bytes
 * become U+FFFD. Returns
 * the columns used. Text that did not fit is cut at the last whole character, with nothing in its place.
 */
size_t utf8_put_visible(struct buf *b, const char *p, size_t n, size_t columns);

#endif
