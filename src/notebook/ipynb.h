/*
 * Notebook files: nbformat 4.0 to 4.5, read as spans and written by splicing; and Databricks' source files, which are
 * read as what the workspace would export them to (notebook/source.h), and are written as such.
 *
 * The text of the file is kept as it is. Writing a notebook copies it, with just those places replaced that
 * the run has something new for: outputs, execution_count and metadata of cells, and metadata of the
 * notebook; and with cells put in or left out. Everything else stays to the byte: key order, number text,
 * escapes, indentation, line ends. New text is in nbformat's form (a text in which the cells stand on one
 * line gets it on that line). Where a file lacks what nbformat's schema requires of a cell (metadata,
 * outputs, execution_count; an id from 4.5 on, unique) it is added, so that the result validates.
 */
#ifndef NBFORK_NOTEBOOK_IPYNB_H
#define NBFORK_NOTEBOOK_IPYNB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mask.h"
#include "base/problem.h"
#include "notebook/magic.h"
#include "notebook/output.h"

#define NOTEBOOK_BYTES_MAX ((size_t)2 * 1024 * 1024 * 1024)

/* The tag of the cells that papermill marks an error with. */
#define NOTEBOOK_ERROR_TAG "papermill-error-cell-tag"

enum cell_type {
	CELL_CODE,
	CELL_MARKDOWN,
	CELL_RAW,
};

/* papermill's words for how far a cell has come. */
enum cell_state {
	CELL_PENDING,
	CELL_RUNNING,
	CELL_COMPLETED,
	CELL_FAILED,
};

/* The times that nbclient records in metadata.execution, as "2026-11-22T08:15:00.123456Z"; "" is none. */
#define CELL_TIME 40
struct cell_timing {
	char busy[CELL_TIME];	/* iopub.status.busy */
	char execute_input[CELL_TIME];	/* iopub.execute_input */
	char execute_reply[CELL_TIME];	/* shell.execute_reply */
	char idle[CELL_TIME];	/* iopub.status.idle */
};

/* The members of a cell in a file that mean something; JSON_NOTHING where one is missing. */
struct cell_members {
	struct json cell_type, source, metadata, outputs, execution_count, id;
};

/* Something to run, in the language of the kernel that runs it (notebook/databricks.h). */
struct piece {
	enum cell_language language;	/* LANGUAGE_PYTHON, _R or _SCALA */
	char *code;	/* owned; it may hold NUL characters */
	size_t n;	/* bytes of it */
	char *origin;	/* "FILE:LINE" of the cell of another notebook that it is, run by %run; NULL for none; owned */
};

struct cell {
	/* From the file; for a cell that was put in, from whoever did so. */
	enum cell_type type;
	struct json json;	/* the cell in the file; JSON_NOTHING for one that was put in */
	struct cell_members file;	/* what is in it */
	char *added_source;	/* for one that was put in: what the file shows; owned */
	/*
	 * and what is executed instead of it, where that differs (secrets); owned, NULL otherwise
	 */
	char *added_code;
	char *added_tag;	/* its one tag; owned */
	unsigned line;	/* of a source file: that of its first line of text; 0 elsewhere */
	/* of a notebook of Databricks: what is executed, in that order, instead of the source; owned */
	struct piece *pieces;
	size_t npieces;
	bool passed_over;	/* likewise: there is nothing to execute */
	char id[72];	/* the id that is written when the file has none of its own that can stay; "" otherwise */

	/* What the run brings; written into the file by notebook_write(). */
	bool ran;	/* outputs, execution_count and timing below replace those of the file */
	struct outputs outputs;
	int64_t execution_count;	/* -1 is null */
	struct cell_timing timing;
	enum cell_state state;
	int64_t started_at, ended_at;	/* wall clock in microseconds; 0 is never */
	bool exception;	/* it stopped the notebook: metadata.papermill.exception */
};

/* What a notebook has to do with Databricks. */
enum databricks_kind {
	DATABRICKS_NONE,
	DATABRICKS_USED,	/* an ordinary notebook of Jupyter's, but its code names dbutils */
	DATABRICKS_NOTEBOOK,	/* Databricks has written it: a source file, or an .ipynb with its metadata or magics */
};

struct notebook {
	char *path;
	struct buf text;	/* the file; of a source file, what it was read as */
	bool is_source;	/* it is a source file */
	enum databricks_kind databricks;
	enum cell_language default_language;	/* of a DATABRICKS_NOTEBOOK: of cells that do not say otherwise */
	bool prepared;	/* its cells have their pieces */
	struct json json;	/* all of it */
	struct json metadata;	/* JSON_NOTHING when there are none */
	int minor;	/* nbformat_minor */
	bool lacks_minor;	/* it is not there, and counts as 0 */
	char *kernel_name;	/* metadata.kernelspec.name; NULL when there is none */
	char *language;	/* metadata.language_info.name, else metadata.kernelspec.language; NULL when there is none */
	struct cell *cells;	/* those that will be written, in order */
	size_t ncells, cap;
	bool one_line;	/* the text is not spread over lines */

	/*
	 * Set by whoever runs it, written into metadata; NULL leaves the file's own. JSON text, owned, without
	 * secrets.
	 */
	char *language_info;
	char *papermill;
	char *widgets;
	const struct mask *mask;	/* secrets that must not reach the file; may be NULL; not owned */
};

/*
 * Reads a notebook, in the form that the ending of its name stands for. Returns 0, or -1 with a problem added that
 * names the place: no such file, no JSON (file:line:column), no notebook, nbformat 3 and older (with the command that
 * upgrades it: "jupyter nbconvert --to notebook --nbformat 4 --inplace FILE"), 5 and newer; a source file without its
 * header. nb is to be released in both cases.
 */
int notebook_read(struct notebook *nb, const char *path, struct problems *p);

/* The same for the text of an .ipynb in memory, which it takes over: text is empty afterwards. path is for messages. */
int notebook_parse(struct notebook *nb, const char *path, struct buf *text, struct problems *p);

void notebook_release(struct notebook *nb);

/* Appends the source of a cell as the file shows it: decoded, lists of lines joined. */
void cell_source(const struct cell *c, struct buf *b);

/* Appends what is executed for a cell that has no pieces. */
void cell_code(const struct cell *c, struct buf *b);

/* Where in its file a cell begins, for messages; 0 and 0 for one that was put in. */
void cell_position(const struct notebook *nb, const struct cell *c, unsigned *line, unsigned *column);

bool cell_has_tag(const struct cell *c, const char *tag);

/* Whether the text is in the source of a cell as a word, or words: with no letter, digit or '_' on either side. */
bool cell_has_word(const struct cell *c, const char *text);

/*
 * Whether nbclient would pass it over: not code, nothing but white space (as Python's str.strip sees it), or
 * tagged skip-execution; and whether Databricks would, when the notebook is prepared (notebook/databricks.h).
 */
bool cell_is_skipped(const struct cell *c);

/*
 * Puts a new cell in at an index (<= ncells); the cells from there on move up by one. Returns it; pointers
 * to cells are no longer valid. tag, source and code are copied; code may be NULL. From 4.5 on it gets an id.
 */
struct cell *notebook_insert(struct notebook *nb, size_t index, enum cell_type type, const char *tag,
    const char *source, const char *code);

/* Leaves a cell out. */
void notebook_remove(struct notebook *nb, size_t index);

/*
 * Forgets, as papermill does before it starts, what an earlier run has left: outputs and execution_count
 * of every code cell, and the error marker cells.
 */
void notebook_reset(struct notebook *nb);

/*
 * Writes the notebook as it stands now, atomically (base/file.h), in pieces: it is never in memory as a
 * whole. Returns 0, or -1 with errno. May be called any number of times.
 */
int notebook_write(const struct notebook *nb, const char *path);

/* What notebook_write() writes. */
void notebook_print(const struct notebook *nb, const struct text_sink *to);

#endif
