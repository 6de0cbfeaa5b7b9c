/*
 * Rewriting JSON objects in their text: members get new values or are put in, everything else is copied to
 * the byte.
 *
 * A new value takes the place of the old one. A new member is put before the first one whose key sorts after
 * its own, else at the end. New text is in nbformat's form where the object is spread over lines, and on the
 * line of the object where it is not.
 */
#ifndef NBFORK_NOTEBOOK_PATCH_H
#define NBFORK_NOTEBOOK_PATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mask.h"
#include "notebook/output.h"

/* Where a rewritten text goes. */
struct patch {
	struct text_sink to;
	const struct mask *mask;	/* for what write callbacks put in; may be NULL */
	struct buf text;	/* scratch: new text on its way out */
};

/* The surroundings of a value. */
struct place {
	int level;	/* of the line that it starts on, one space each */
	bool one_line;	/* what it is part of is not spread over lines */
};

/* What is to become of one member. One of value, members and write is set. */
struct edit {
	const char *key;	/* ASCII */
	struct json value;	/* its new value, which is sorted on its way, with "NaN" for NaN */
	struct edit *members;	/* what is to become of its own members, nmembers of them; it is made if need be */
	size_t nmembers;
	/* Writes its new value; old is the one that is there, JSON_NOTHING for a new member. */
	void (*write)(struct patch *p, const void *arg, struct json old, struct place at);
	const void *arg;

	/* Private to patch_object. */
	struct json old;
	const char *at;
};

/* Writes an object with these edits, which are in the order of their keys. */
void patch_object(struct patch *p, struct json object, struct place at, struct edit *edits, size_t n);

/* Writes a value in the form of the place. Nothing is sorted or masked. */
void patch_value(struct patch *p, struct json value, struct place at);

/* Text as it is. */
void patch_text(struct patch *p, const char *text, size_t n);

/* What stands between two items: a comma, with a space behind it when they are on one line. */
void patch_comma(struct patch *p, struct place at);

/* What starts an item or a closing bracket on that level: a new line and its indentation; on one line, nothing. */
void patch_line(struct patch *p, struct place at);

#endif
