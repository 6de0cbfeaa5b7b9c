/*
 * JSON by spans: text that passes through the program unchanged, to the byte.
 *
 * A value is a span of somebody's text (a notebook, a kernel's message, a parameter). Nothing is decoded
 * until somebody asks: number text, key order, escapes, big integers and white space stay as they are.
 * json_parse() checks a whole text once; every span reached from its result is then known to be
 * well-formed, and the walking functions below neither check nor fail.
 *
 * What is accepted is what Python's json module reads, because that is what writes these files: also NaN,
 * Infinity and -Infinity, escapes of lone surrogates, and duplicate keys (the last one counts). Ill-formed
 * UTF-8 and unescaped control characters in strings are errors.
 *
 * Lone surrogates decode to their three-byte form (WTF-8) and are written back as \udXXX escapes.
 */
#ifndef NBFORK_BASE_JSON_H
#define NBFORK_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/mask.h"

#define JSON_DEPTH_MAX 512	/* containers within containers */

enum json_type {
	JSON_NONE,	/* no value: text is NULL */
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,	/* also NaN, Infinity, -Infinity */
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

/* One value, from its first to its last character, in text that somebody else owns. */
struct json {
	const char *text;	/* NULL: no value */
	size_t len;
};

#define JSON_NOTHING ((struct json){NULL, 0})

struct json_error {
	size_t offset;	/* bytes from the start of the text */
	unsigned line, column;	/* from 1; the column in characters */
	const char *message;	/* static text, such as "expected ',' or '}'" */
};

/*
 * Checks that the n bytes at text hold exactly one value, with optional white space around it, and stores
 * its span. Returns 0, or -1 with *e filled (e may be NULL).
 */
int json_parse(const char *text, size_t n, struct json *value, struct json_error *e);

/* As json_parse, for text that is written in the program or by it; anything wrong is fatal. */
struct json json_of(const char *text);

/* What kind of value it is, by its first character; JSON_NONE for JSON_NOTHING. */
enum json_type json_type(struct json v);

/* Walks the elements of an array or the members of an object, in the order of the text. Anything else has none. */
struct json_iter {
	const char *at, *end;
	bool object;
};

void json_walk(struct json_iter *it, struct json container);

/* The next one: returns false at the end. key (a string span; JSON_NOTHING in an array) may be NULL. */
bool json_next(struct json_iter *it, struct json *key, struct json *value);

/* The value of a key; of the last one, where it is there twice. JSON_NOTHING when v is no object or has no such key. */
struct json json_get(struct json v, const char *key);

/* The number of elements or members. */
size_t json_count(struct json v);

/* Whether v is a string that decodes to exactly s. */
bool json_is(struct json v, const char *s);

/* Appends the decoded characters of a string; of anything else, nothing. */
void json_decode(struct buf *out, struct json v);

/* The decoded string, the caller's to free; NULL when v is no string or holds a NUL character. */
char *json_strdup(struct json v);

/* Whether v is a number without fraction and exponent that fits; then *n is it. */
bool json_int(struct json v, int64_t *n);

/* A member of v that is a whole number from 0 to INT32_MAX; 0 for anything else. */
unsigned json_count_of(struct json v, const char *key);

/* Whether v is a number; then *d is the nearest double (NaN and the infinities too). */
bool json_double(struct json v, double *d);

/*
 * A position for messages: line and column (from 1, column in characters) of an offset in a text.
 */
void json_position(const char *text, size_t offset, unsigned *line, unsigned *column);

/* ---- Writing ---- */

/*
 * Appends a string literal as Python's json.dumps(ensure_ascii=False) writes it: only '"', '\' and what is
 * below 0x20 is escaped; and so are lone surrogates. Other ill-formed bytes become U+FFFD.
 */
void json_put_string(struct buf *b, const char *s, size_t n);
void json_put_str(struct buf *b, const char *s);	/* NULL gives null */

/*
 * Appends a number as Python's repr(float) does: the shortest text that reads back as the same double; NaN,
 * Infinity, -Infinity as such.
 */
void json_put_double(struct buf *b, double d);

/* How json_put() writes a value. Numbers keep their text in every form. */
struct json_form {
	/*
	 * Spaces per level, and the level the value's first line stands on; items go on lines of their own,
	 * "key": value, empty containers stay closed. Negative: all on one line, as json.dumps does by
	 * default (", " and ": ").
	 */
	int indent;
	int level;
	bool sort;	/* members by code point of their keys, duplicates dropped but for the last */
	/*
	 * For readers that know RFC 8259 and no more: NaN and the infinities as the strings "NaN", "Infinity",
	 * "-Infinity", lone surrogates as U+FFFD.
	 */
	bool strict;
	const struct mask *mask;	/* applied to every string, keys too; may be NULL */
	int plain_keys;	/* for the keys of that many outer levels it is not: they are words of a format */
};

/* As nbformat writes files: json.dumps(indent=1, sort_keys=True, ensure_ascii=False). */
#define JSON_NBFORMAT(at_level) ((struct json_form){.indent = 1, .level = (at_level), .sort = true})
#define JSON_ONE_LINE ((struct json_form){.indent = -1, .strict = true})

/*
 * Appends a value in the given form, null for JSON_NOTHING. Strings are decoded and encoded again, so the escapes
 * are those of json_put_string.
 */
void json_put(struct buf *b, struct json v, const struct json_form *form);

/*
 * For building a document: keeps the commas. Depth is the builder's own.
 *
 *	struct json_out o = JSON_OUT(&buf, 1, 0);
 *	json_out_open(&o, '{');
 *	json_out_key(&o, "name"); json_out_str(&o, name);
 *	json_out_key(&o, "cells"); json_out_open(&o, '['); ... json_out_close(&o, ']');
 *	json_out_close(&o, '}');
 */
struct json_out {
	struct buf *buf;
	int indent;	/* as in json_form */
	int level;
	bool first;	/* nothing has been written in the innermost container yet */
	bool after_key;	/* the next value follows directly; also at the very start */
	const struct mask *mask;	/* applied to json_out_str and json_out_value; may be NULL */
};

#define JSON_OUT(b, indent_, level_) {(b), (indent_), (level_), true, true, NULL}

void json_out_open(struct json_out *o, char bracket);
void json_out_close(struct json_out *o, char bracket);
void json_out_key(struct json_out *o, const char *key);
void json_out_str(struct json_out *o, const char *s);	/* strict; NULL gives null */
void json_out_int(struct json_out *o, int64_t n);
/*
 * with that many digits after the point; not finite: null
 */
void json_out_fixed(struct json_out *o, double d, int digits);
void json_out_double(struct json_out *o, double d);	/* as json_put_double; not finite: null */
/* As a string: for ids of more digits than the doubles of most readers have. */
void json_out_id(struct json_out *o, int64_t n);
void json_out_bool(struct json_out *o, bool b);
void json_out_value(struct json_out *o, struct json v);	/* strict; JSON_NOTHING gives null */

#endif
