/*
 * CI runners read orders out of what a program prints: GitHub Actions and Azure Pipelines from "##[error]..." and
 * "##vso[...]", wherever it stands in a line, GitHub also from lines that begin with "::", TeamCity with "##teamcity[".
 * What notebooks print, the messages of their exceptions and the names of their files are none of the program's own
 * orders, and must not become some.
 */
#ifndef NBFORK_BASE_GUARD_H
#define NBFORK_BASE_GUARD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Whether the environment is that of such a runner. Looked up once. */
bool guard_wanted(void);

/* Whether such an order begins within a line at p (NUL-terminated). */
bool guard_begins(const char *p);

/* What text is: JSON and XML stay what they are to whoever parses them, text gets a space or a backslash. */
enum guard_form {
	GUARD_TEXT,
	GUARD_JSON,
	GUARD_XML,
};

/* Where that is wanted: makes whole lines harmless. */
void guard_lines(struct buf *b, enum guard_form form);

#endif
