/*
 * The configuration file of Databricks' tools: sections with keys, as Go's and Python's INI readers take it.
 */
#ifndef NBFORK_DATABRICKS_INI_H
#define NBFORK_DATABRICKS_INI_H

#include <stdbool.h>
#include <stddef.h>

struct ini_value {
	char *section, *key, *value;
};

struct ini {
	struct ini_value *list;	/* in the order of the file */
	size_t n, cap;
};

#define INI_INIT {NULL, 0, 0}

/*
 * Reads a text of n bytes: "[section]" lines, "key = value" or "key: value" lines, lines that begin with '#' or ';',
 * empty ones; a comment behind a value begins with white space and '#' or ';', because tokens may hold a '#'. Quotes
 * around a value are taken off. Keys are in lower case, a later one of the same section replaces an earlier one. A
 * line that is none of these is passed over; but one that begins a section and lacks its ']' begins it all the same,
 * so that what follows is not taken for a part of the one above. What stands before the first section belongs to
 * "DEFAULT".
 */
void ini_read(struct ini *i, const char *text, size_t n);
void ini_release(struct ini *i);	/* the values are overwritten */

/* NULL when there is none, or an empty one. */
const char *ini_get(const struct ini *i, const char *section, const char *key);

bool ini_has_section(const struct ini *i, const char *section);

/*
 * The sections' names for a message: in the order of the file, each once, with ", " between them, those that begin
 * with "__" left out, cut when there are very many; the caller's to free.
 */
char *ini_sections(const struct ini *i);

#endif
