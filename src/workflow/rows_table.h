/*
 * Rows from a table of text: what is in a .csv or .tsv file; for rows_file.c alone.
 */
#ifndef NBFORK_WORKFLOW_ROWS_TABLE_H
#define NBFORK_WORKFLOW_ROWS_TABLE_H

#include "base/buf.h"
#include "base/problem.h"
#include "workflow/rows.h"

/*
 * Appends an object for every row, as rows_file() says. Fields are kept apart by the separator; path is what problems
 * are with. Returns 0, or -1 with problems added.
 */
int rows_table(struct rows *r, const struct buf *text, char separator, const char *path, struct problems *p);

#endif
