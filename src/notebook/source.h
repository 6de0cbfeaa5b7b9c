/*
 * Databricks' source files: a notebook as a program's text (.py, .sql, .r, .scala), as the workspace exports it.
 *
 *	# Databricks notebook source
 *	# MAGIC %md
 *	# MAGIC # Title
 *
 *	# COMMAND ----------
 *
 *	# DBTITLE 1,The title of a cell
 *	print(1)
 *
 * The first line must be the header, with the language's own comment. Cells stand between the separators; blank lines
 * at their ends do not belong to them. "# MAGIC" and the space behind it are taken from the lines that begin with them.
 * The block "# /// script ... # ///" that may follow the header describes an environment, and belongs to no cell. Line
 * ends may be CRLF; a byte order mark is passed over.
 */
#ifndef NBFORK_NOTEBOOK_SOURCE_H
#define NBFORK_NOTEBOOK_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/problem.h"
#include "notebook/magic.h"

/*
 * The line that a source file of that name must begin with, and its language (may be NULL). NULL when the name is not
 * that of one.
 */
const char *source_header(const char *path, enum cell_language *l);

/* Whether the n bytes of text begin with that line. */
bool source_has_header(const char *header, const char *text, size_t n);

/*
 * Appends the notebook as the workspace would export it to Jupyter: nbformat 4.5, titles and the language in
 * Databricks' metadata, magics in front of their cells, cells of %md as Markdown. lines, the caller's to free, gets for
 * every cell the line of the file on which it begins. Returns 0, or -1 with a problem added that names the place: no
 * header, no UTF-8, a NUL character.
 */
int source_convert(const char *path, const struct buf *text, struct buf *json, unsigned **lines, struct problems *p);

#endif
