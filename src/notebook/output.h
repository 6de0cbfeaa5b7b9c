/*
 * The outputs of a code cell, as they are collected and as nbformat writes them.
 *
 * Adjacent stream outputs of one name are one output. What the kernel sent keeps its number text; new text
 * is in nbformat's form: sorted keys, multi-line text as lists of lines, one space of indentation.
 */
#ifndef NBFORK_NOTEBOOK_OUTPUT_H
#define NBFORK_NOTEBOOK_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mask.h"
#include "notebook/terminal.h"

enum output_type {
	OUTPUT_STREAM,
	OUTPUT_DISPLAY_DATA,
	OUTPUT_EXECUTE_RESULT,
	OUTPUT_ERROR,
};

struct output {
	enum output_type type;
	char *stream;	/* OUTPUT_STREAM: "stdout" or "stderr"; owned */
	struct terminal text;	/* OUTPUT_STREAM: what was printed */
	int64_t execution_count;	/* execute_result: -1 is null */
	struct buf body;	/* all but streams: the finished object in nbformat's form, for level OUTPUT_LEVEL */
};

/* Where text goes, in pieces. */
struct text_sink {
	void (*put)(void *arg, const void *p, size_t n);
	void *arg;
};

/* The level at which the objects in a cell's list of outputs stand in a file of nbformat's form. */
#define OUTPUT_LEVEL 4

struct outputs {
	struct output *list;
	size_t n, cap;
};

#define OUTPUTS_INIT {NULL, 0, 0}

void outputs_release(struct outputs *o);	/* as cleared; memory freed */
void outputs_clear(struct outputs *o);

/* Adds printed text: to the last output when that is the same stream, else as a new one. */
void outputs_stream(struct outputs *o, const char *stream, const char *text, size_t n);

/*
 * Adds a display_data or an execute_result with these data and metadata (objects; anything else counts as
 * {}). The mask (may be NULL) is applied to every string; spans are copied. Data
 * that nbformat's schema does not allow (a number under a type that is not JSON) become strings of their JSON text.
 */
void outputs_display(struct outputs *o, enum output_type type, struct json data, struct json metadata,
    int64_t execution_count, const struct mask *mask);

/*
 * Adds an error: ename, evalue (strings), traceback (a list of strings). What is missing or of another type
 * is taken as empty.
 */
void outputs_error(struct outputs *o, struct json ename, struct json evalue, struct json traceback,
    const struct mask *mask);

/* Gives the output at this index new data and metadata (display_data and execute_result; others are left alone). */
void outputs_update_at(struct outputs *o, size_t index, struct json data, struct json metadata,
    const struct mask *mask);

/*
 * Appends one output as nbformat writes it at OUTPUT_LEVEL, from '{' to '}'. The mask applies to streams
 * here, as the rest has been masked.
 */
void output_put(const struct output *o, const struct mask *mask, struct buf *b);

/* The same in pieces, so that a long stream is not copied as a whole. */
void output_write(const struct output *o, const struct mask *mask, const struct text_sink *to);

/*
 * Appends a decoded text as nbformat stores multi-line text: a list of lines, each with its end, cut where
 * Python's str.splitlines(True) cuts; "[]" for no text. level is that of the list's opening bracket's line.
 */
void output_put_lines(struct buf *b, const char *text, size_t n, int level);

#endif
