/*
 * The pieces of which a text with expressions is made; for expression*.c alone.
 */
#ifndef NBFORK_WORKFLOW_EXPRESSION_PARSE_H
#define NBFORK_WORKFLOW_EXPRESSION_PARSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "workflow/expression.h"

/* Where a reader stands in a text. */
struct expression_reader {
	const char *text, *at, *end;
};

enum piece_type {
	PIECE_TEXT,	/* outside of expressions */
	PIECE_LITERAL,
	PIECE_PATH,
};

struct expression_piece {
	enum piece_type type;
	const char *text;	/* as written, with its braces; in the text that is read */
	size_t len;
	struct buf literal;	/* decoded */
	struct expression_path path;
};

void expression_read(struct expression_reader *r, const char *text, size_t n);

/*
 * The next piece: returns 1 with *p filled, which the caller releases; 0 at the end; -1 with *e filled. What
 * is not text is a piece for each expression.
 */
int expression_next(struct expression_reader *r, struct expression_piece *p, struct expression_error *e);
void expression_piece_release(struct expression_piece *p);

/* Fills *e for the expression of n bytes at p in the text; why, which is freed, is what is wrong with it. */
void expression_fault(struct expression_error *e, const char *text, const char *p, size_t n, char *why);

/* How many of the bytes at p a name takes; 0 when none begins there. */
size_t expression_name_length(const char *p, const char *end);

/* Whether the n bytes at p are digits, one at least. */
bool expression_is_number(const char *p, size_t n);

/* Whether the n bytes at p are white space or nothing. */
bool expression_is_white(const char *p, size_t n);

/* Appends somebody's text made fit for a message: without control characters, and cut where it is long. */
void expression_put_shown(struct buf *b, const char *p, size_t n);

#endif
