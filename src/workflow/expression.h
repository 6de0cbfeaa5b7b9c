/*
 * Expressions in text: "load-{{ item.table }}", "{{ notebooks.load.result.rows }}". Look-up and nothing more.
 *
 *	expression = "{{" white-space* ( path | literal ) white-space* "}}"
 *	path       = name ( "." name | "[" digits "]" | "[" literal "]" )*
 *	name       = once or more: an ASCII letter, a digit, "-", "_", or a character that is not ASCII (a no-break
 *	             space aside, which is taken for a slip)
 *	literal    = text in "..." or '...', in which a backslash stands before a quote or a backslash, nowhere else
 *
 * A text that is one whole expression (white space around it aside) has the value itself, of whatever type; in a
 * longer text strings stand as they are, null as nothing, and everything else as JSON. {{ "{{" }} is how to write
 * "{{". A "}}" outside of an expression is text. "${{" is refused, because it is what other programs' expressions
 * begin with; {{ "$" }}{{ item.price }} is a dollar sign before a value.
 *
 * What a path means is the caller's: a scope looks it up. It may say that the value is not known yet. The result is
 * then text again, in which everything that was known has been put in, such that evaluating it later gives what it
 * would have given with everything known at once: what was put in is never taken for an expression, and the type is
 * what it should be. That may be done as often as needed.
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
	 * Looks a path up. KNOWN: one JSON value has been appended to value (well-formed, or it is fatal).
	 * DEFERRED: nothing has. FAULT: nothing has, and *why says what is wrong, the evaluation's to free: "there is
	 * no parameter 'x'". The path is valid during the call.
	 */
	enum expression_result (*look_up)(void *data, const struct expression_path *path, struct buf *value,
	    char **why);
	void *data;
};

struct expression_error {
	size_t offset;	/* of the expression's braces, in bytes from the start of the text */
	/*
	 * the expression as written, cut where it is long, and what is wrong with it: "{{ item.x }}: 'item' has no
	 * member 'x'; it has 'table', 'file'"; fit to be shown; the caller's to free
	 */
	char *message;
};

/* Whether the text holds an expression, or tries to ("{{"). */
bool expression_in(const char *text, size_t n);

/*
 * Evaluates a text (UTF-8; also NUL characters, and lone surrogates as base/json.h decodes them) and appends the
 * outcome as one JSON value on one line: KNOWN: the value, or a string; DEFERRED: a string to be evaluated again.
 * FAULT: nothing, with *e filled for the first expression at fault. Values are written as the scope gives them, but for
 * white space and needless escapes: numbers keep their text, also NaN and the infinities, and lone surrogates stay.
 */
enum expression_result expression_text(const char *text, size_t n, const struct expression_scope *scope,
    struct buf *out, struct expression_error *e);

/*
 * The same for every string in a JSON value, keys aside: containers keep their shape, what is no string stays as it is.
 * DEFERRED when one of the strings is; then all strings in out are to be evaluated again, and those that are
 * known already but hold "{{" are written so that they survive it. e->offset counts from the start of the
 * string at fault, decoded. It is a fault too when a value, where it is put, would make containers nest
 * deeper than JSON_DEPTH_MAX.
 */
enum expression_result expression_json(struct json v, const struct expression_scope *scope, struct buf *out,
    struct expression_error *e);

/*
 * Calls back for every path in a text, in order, until the callback returns false; the path is valid during the call.
 * Returns 0, or -1 with *e filled for the first expression that is ill-formed (the callback's false is no error, and
 * what follows is then not read).
 */
int expression_paths(const char *text, size_t n, bool (*each)(void *data, const struct expression_path *path),
    void *data, struct expression_error *e);

/*
 * Goes from a value down along the parts of a path from index first on: members by name, elements of a list by number,
 * from 0. Returns the span, or JSON_NOTHING with *why set (the caller's to free), which says how far it came, what
 * is there and what was asked for: "'result' is a list of 3, it has no element 7"; "'result.n' is the number 5, which
 * has no member 'rows'". The value itself goes by the name of the part before the first. Long lists of members are
 * cut.
 */
struct json expression_descend(struct json v, const struct expression_path *path, size_t first, char **why);

/*
 * Appends text that evaluates to these n bytes: "{{" in it becomes an expression for itself. quote is that of the literals
 * in there, '"' or '\''.
 */
void expression_put_text(struct buf *out, const char *s, size_t n, char quote);

#endif
