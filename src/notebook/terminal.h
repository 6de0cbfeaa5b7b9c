/*
 * Text as a terminal would leave it: carriage returns and backspaces move the cursor, what comes next
 * overwrites.
 *
 * Only the last line can still change. A character takes the columns that utf8_columns() says; ANSI escape
 * sequences take none and stay with the character behind them. A carriage return directly before a line
 * feed, or at the end of the text, moves nothing that anybody could see and stays in the text. A line in
 * which nothing moves stays as it is, to the byte.
 *
 * In lines in which something moves: a tab takes one column, other control characters none; combining
 * characters join the character before them, and are lost without one; where half of a wide character is
 * overwritten, the other half becomes a space; what is no UTF-8 becomes U+FFFD. The result does not depend on
 * how the text is cut into pieces, be it within a character or an escape sequence.
 */
#ifndef NBFORK_NOTEBOOK_TERMINAL_H
#define NBFORK_NOTEBOOK_TERMINAL_H

#include <stddef.h>

#include "base/buf.h"

struct terminal {
	struct buf text;	/* all that is settled, and the last line as far as it has not been moved back in */
	struct buf held;	/* the end of the last line, not yet applied to text: from its first CR or BS on */
	size_t line;	/* where the last line starts in text */
	size_t applied;	/* bytes of held that were left when it was last applied to text */
};

#define TERMINAL_INIT {BUF_INIT, BUF_INIT, 0, 0}

void terminal_release(struct terminal *t);

/* Writes n bytes to it. In text without CR and BS this costs a copy. */
void terminal_put(struct terminal *t, const char *p, size_t n);

/* Appends what it shows now. */
void terminal_text(const struct terminal *t, struct buf *out);

#endif
