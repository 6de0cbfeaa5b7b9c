/*
 * What memory cmark may take for one text. A short text can be a table of a great many empty cells, or long links that are
 * each named by a short reference; and where there is no more memory, cmark ends the program. Here it ends before.
 *
 *	if (setjmp(*allowance_over()) != 0) {
 *		allowance_release();
 *		return -1;
 *	}
 *	allowance_set(most);
 *	parser = cmark_parser_new_with_mem(options, allowance_mem());
 *	...
 *	allowance_release();
 *
 * For one text after the other: what is allowed, and what has been taken, is the program's.
 */
#ifndef NBFORK_HTML_ALLOWANCE_H
#define NBFORK_HTML_ALLOWANCE_H

#include <cmark-gfm.h>
#include <setjmp.h>
#include <stddef.h>

/* Where it goes on when more is asked for than is allowed. */
jmp_buf *allowance_over(void);

/* From now on, so many bytes more are allowed. */
void allowance_set(size_t most);

/* How cmark takes them. */
cmark_mem *allowance_mem(void);

/* Frees whatever has been taken and not been given back: there is no need to free parsers and trees. */
void allowance_release(void);

#endif
