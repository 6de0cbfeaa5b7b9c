/*
 * What a for_each goes over, and what a matrix makes: rows, one JSON value each.
 *
 * Functions add a problem for what is wrong and return -1; what was appended by then is the caller's to release with
 * the rest.
 */
#ifndef NBFORK_WORKFLOW_ROWS_H
#define NBFORK_WORKFLOW_ROWS_H

#include <stddef.h>

#include "base/json.h"
#include "base/problem.h"
#include "workflow/model.h"

#define ROWS_MAX 100000	/* of one for_each or matrix */
#define ROWS_BYTES_MAX ((size_t)64 * 1024 * 1024)	/* of a file of rows */
#define ROWS_TEXT_MAX ((size_t)256 * 1024 * 1024)	/* of what one file or matrix makes */
#define ROWS_DEPTH_MAX 64	/* lists and objects within a row, as in a workflow file */
#define ROWS_PROBLEMS_MAX 20

struct rows {
	char **list;	/* JSON text on one line each; owned */
	size_t n, cap;
};

#define ROWS_INIT {NULL, 0, 0}

void rows_release(struct rows *r);

/*
 * Appends a copy of a value. Returns -1 with a problem added when there are ROWS_MAX already, or when it is nested
 * deeper than ROWS_DEPTH_MAX.
 */
int rows_add(struct rows *r, struct json value, const char *label, struct mark at, struct problems *p);

/*
 * Appends a string for every file that matches the pattern, seen from folder, sorted by bytes, each once. The strings
 * are relative as the pattern is. A leading '.' is matched by '.' alone, and "." and ".." by themselves alone. "**"
 * matches any number of folders, does not go through links to folders, and is only allowed as a whole part of the
 * path; as its last part it stands for all that is below ("**" and "*"). Folders match as files do, and links that
 * lead nowhere; a pattern that ends in '/' is for folders alone. No match appends nothing and is no error; a folder
 * that cannot be read is one, and so is a name that is not UTF-8.
 */
int rows_glob(struct rows *r, const char *folder, const char *pattern, const char *label, struct mark at,
    struct problems *p);

/*
 * Appends a value for every row of a file, by the ending of its name (in any case): .csv (RFC 4180, UTF-8 with or
 * without BOM, LF or CRLF; the first line has the names: a row is an object of strings; empty lines are passed over;
 * a row with more or fewer fields than names is an error, and so is a name that is empty or there twice), .tsv (the
 * same with tabs), .json (a list, of anything), .jsonl or .ndjson (a value a line; empty lines are passed over).
 * Problems are with the file itself, by line and column; that it cannot be opened, is no regular file, or has another
 * ending, is one at the mark in label. After ROWS_PROBLEMS_MAX problems no more are looked for.
 */
int rows_file(struct rows *r, const char *path, const char *label, struct mark at, struct problems *p);

/*
 * Appends an object for every combination of a matrix, the first key changing slowest: matrix is an object of lists
 * that are not empty, in which "exclude" and "include" are lists of objects, with the meaning that CI users know:
 * exclude drops the combinations whose values are those of all keys of one of its objects; then, for each object of
 * include in turn: it is added to every combination of the original matrix whose original values it would not change
 * (values that an earlier include has added it may change); if there is none, it becomes a combination of its own,
 * which stands behind those of the matrix. Values are equal when they are as JSON values (1 and 1.0 are, "1" is not).
 * Keys of exclude that the matrix does not have are an error with the nearest one suggested, and so is that nothing
 * is left. A matrix of include alone is allowed. What is too large is refused before it is made.
 */
int rows_matrix(struct rows *r, struct json matrix, const char *label, struct mark at, struct problems *p);

#endif
