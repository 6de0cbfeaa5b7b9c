/*
 * Memory that is always there: allocation for a program that cannot do anything sensible without it.
 *
 * Every function here either returns memory or ends the process through log_fatal (base/log.h). What is
 * returned belongs to the caller, who hands it to free().
 */
#ifndef NBFORK_BASE_MEM_H
#define NBFORK_BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>

/* As malloc, calloc and strdup. A size of 0 is taken as 1, so that the result is never NULL. */
void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size);
char *xstrdup(const char *s);

/* A copy of the n bytes at p with a NUL byte after them. The bytes may hold NUL. */
char *xmemdup0(const void *p, size_t n);

/* As reallocarray: room for n elements of the given size; an overflow of the product counts as no memory. */
void *xreallocarray(void *p, size_t n, size_t size);

/*
 * Makes room for one more element in an array that grows by doubling. p is the array, of *cap elements of
 * the given size, n of them in use; returns the array, moved or not, with *cap brought up to date.
 */
void *xgrow(void *p, size_t n, size_t *cap, size_t size);

/* A formatted string. */
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *xvasprintf(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));

#endif
