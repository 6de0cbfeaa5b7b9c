/*
 * The magic that a cell of a Databricks notebook may begin with: what it is written in, or what it asks for.
 *
 * It is looked for behind blank lines and comment lines of the notebook's own language. What is no magic of Databricks
 * (%time, %matplotlib, %%capture) is part of the cell's code: IPython's business.
 */
#ifndef NBFORK_NOTEBOOK_MAGIC_H
#define NBFORK_NOTEBOOK_MAGIC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum cell_language {
	/* What notebooks can be written in. */
	LANGUAGE_PYTHON,
	LANGUAGE_SQL,
	LANGUAGE_R,
	LANGUAGE_SCALA,
#define LANGUAGES (LANGUAGE_SCALA + 1)
	/* What only cells can be. */
	LANGUAGE_SH,	/* a shell script */
	LANGUAGE_FS,	/* a command of dbutils.fs */
	LANGUAGE_PIP,	/* commands of pip, and nothing else */
	LANGUAGE_RUN,	/* another notebook, run in place */
	LANGUAGE_MD,	/* text: %md, %md-sandbox */
	LANGUAGE_SKIP,	/* not run */
};

/* "python", "sql", "r", "scala", "sh", "fs", "pip", "run", "md", "skip". */
const char *language_name(enum cell_language l);

/* One of LANGUAGES by its name, in any case; false when it is none. */
bool language_parse(const char *name, enum cell_language *l);

/* What a comment begins with in one of LANGUAGES: "#", "--", "//". */
const char *language_comment(enum cell_language l);

struct magic {
	enum cell_language language;
	bool written;	/* there is a magic; else the language is the notebook's */
	size_t at;	/* where it begins in the text: at its '%' */
	size_t body;	/* where what belongs to it begins: on its line, or at the end of that */
};

/* Finds it in the n bytes of text of a cell of a notebook in that language. */
void magic_find(struct magic *m, const char *text, size_t n, enum cell_language notebook);

/*
 * Appends what the cell is to run: all of it without the magic. For what is neither code nor a magic of pip's, what
 * stands before the magic is left out, and the line end directly behind it.
 */
void magic_body(const struct magic *m, const char *text, size_t n, struct buf *out);

/* A line of a text: returns where the next one begins, and the end of this one without its line end in *end. */
const char *line_next(const char *p, const char *limit, const char **end);

/* Whether there is nothing but white space from p on to end. */
bool line_is_blank(const char *p, const char *end);

/* Whether the first thing in it is a comment. */
bool line_is_comment(const char *p, const char *end, const char *comment);

#endif
