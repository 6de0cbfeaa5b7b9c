/*
 * Expressions in text: "load-{{ item.table }}", "{{ notebooks.load.result.rows }}". Look-up and nothing more.
 *
 *	expression = "{{" white-space* ( path | literal ) white-space* "}}"
 *	path       = name ( "." name | "." digits | "[" digits "]" | "[" literal "]" )*
 *	name       = a letter (any character but ASCII's others counts as one), a digit, "-" or "_", once or more
 *	literal    = text in "..." or '...', in which a backslash stands before a quote or a backslash
 *
 * A text that is one whole expression (white space around it aside) has the value itself, of whatever type; in a longer
 * text strings stand as they are, null as nothing, and everything else as JSON. {{ "{{" }} is how to write "{{". A "}}"
 * outside of an expression is text.
 *
 * What a path means is the caller's: a scope looks it up. It may say that the value is not known yet. The
 * result is then text again, in which everything that was known has been put in, such that evaluating it
 * later gives what it would have given with everything known at once: what was put in is never taken for an
 * expression, and the type is what it should be.
 */
#ifndef NBFORK_WORKFLOW_EXPRESSION_H
#define NBFORK_WORKFLOW_EXPRESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/json.h"

#define EXPRESSION_PARTS_MAX 64

/* notebooks["a b"].result[0] has the parts notebooks, a b, result, 0. */
struct expression_path {
	const char *text;	/* as written, white space around it aside; not NUL-terminated */
	size_t len;
	char *parts[EXPRESSION_PARTS_MAX];	/* decoded; without NUL characters */
	size_t n;	/* at least 1 */
};

enum expression_result {
	EXPRESSION_KNOWN,
	EXPRESSION_DEFERRED,	/* not known yet */
	EXPRESSION_FAULT,	/* ill-formed, or there is no such value */
};

struct expression_scope {
	/*
	 * Looks a path up. KNOWN: one JSON value has been appended to value. DEFERRED: nothing has. FAULT: nothing has,
	 * and *why says what is wrong, the caller's to free: "there is no parameter 'x'".
	 */
	enum expression_result (*look_up)(void *data, const struct expression_path *path, struct buf *value, char **why);
	void *data;
};

struct expression_error {
	size_t offset;	/* of the expression, in bytes from the start of the text */
	char *message;	/* such as "{{ item.x }}: 'item' has no member 'x'; it has 'table', 'file'"; the caller's to free */
};

/* Whether the text holds an expression, or tries to ("{{"). */
bool expression_in(const char *text, size_t n);

/*
 * Evaluates a text (UTF-8) and appends the outcome as one JSON value on one line: KNOWN: the value, or a string;
 * DEFERRED: a string to be evaluated again. FAULT: nothing, with *e filled. What the scope gives is written strictly by
 * JSON's rules but for NaN and the infinities, which are kept.
 */
enum expression_result expression_text(const char *text, size_t n, const struct expression_scope *scope, struct buf *out,
    struct expression_error *e);

/*
 * The same for every string in a JSON value, keys aside: containers keep their shape, what is no string stays as it
 * is. DEFERRED when one of the strings is; then all strings in out are to be evaluated again, and strings that hold no
 * expression but "{{" by their value are written so that they survive it. e->offset counts from the start of the string
 * at fault, decoded.
 */
enum expression_result expression_json(struct json v, const struct expression_scope *scope, struct buf *out,
    struct expression_error *e);

/*
 * Calls back for every path in a text, in order, until the callback returns false. Returns 0, or -1 with *e filled
 * (the callback's false is no error).
 */
int expression_paths(const char *text, size_t n, bool (*each)(void *data, const struct expression_path *path), void *data,
    struct expression_error *e);

/*
 * Goes from a value down along the parts of a path from index first on: members by name, elements of a list by number.
 * Returns the span, or JSON_NOTHING with *why set (the caller's to free), which says how far it came, what is there and
 * what was asked for: "'result' is a list of 3, it has no element 7"; "'result' is the number 5, which has no member
 * 'rows'". Long lists of members are cut.
 */
struct json expression_descend(struct json v, const struct expression_path *path, size_t first, char **why);

#endif
