#include "base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static void *
checked(void *p)
{
	if (p == NULL)
		log_fatal("out of memory");
	return p;
}

void *
xmalloc(size_t size)
{
	return checked(malloc(size != 0 ? size : 1));
}

void *
xcalloc(size_t n, size_t size)
{
	return checked(n != 0 && size != 0 ? calloc(n, size) : calloc(1, 1));
}

char *
xstrdup(const char *s)
{
	return checked(strdup(s));
}

char *
xmemdup0(const void *p, size_t n)
{
	char *copy;

	if (n == SIZE_MAX)
		log_fatal("out of memory");
	copy = xmalloc(n + 1);
	if (n != 0)
		memcpy(copy, p, n);
	copy[n] = '\0';
	return copy;
}

void *
xreallocarray(void *p, size_t n, size_t size)
{
	return checked(n != 0 && size != 0 ? reallocarray(p, n, size) : reallocarray(p, 1, 1));
}

void *
xgrow(void *p, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return p;
	if (*cap > SIZE_MAX / 2)
		log_fatal("out of memory");
	*cap = *cap == 0 ? 8 : *cap * 2;
	return xreallocarray(p, *cap, size);
}

char *
xvasprintf(const char *fmt, va_list ap)
{
	char *s;

	if (vasprintf(&s, fmt, ap) == -1)
		log_fatal("out of memory");
	return s;
}

char *
xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = xvasprintf(fmt, ap);
	va_end(ap);
	return s;
}
