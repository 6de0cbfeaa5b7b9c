/*
 * Two runs side by side: what has changed in status and time, and which notebooks are new or gone.
 */
#ifndef NBFORK_REPORT_COMPARE_H
#define NBFORK_REPORT_COMPARE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "report/story.h"

/* What there is to say of a notebook of the two. */
enum change {
	CHANGE_NONE,	/* of its status, that is */
	CHANGE_STATUS,
	CHANGE_NEW,	/* it is in the later run only */
	CHANGE_GONE,	/* it is in the earlier run only */
	CHANGES,
};

/* One notebook of the workflow. */
struct compared {
	const struct story_notebook *before, *after;	/* NULL for none */
	enum change change;
	double before_seconds, after_seconds;	/* of its last attempt in that run; negative: it had none that is over */
};

struct comparison {
	const struct story_run *before, *after;	/* the caller's */
	struct compared *list;	/* in the order of the later run; those that are gone come last */
	size_t n;
	size_t counts[CHANGES];
};

void compare(struct comparison *c, const struct story_run *before, const struct story_run *after);
void compare_release(struct comparison *c);

/* Whether there is a notebook whose status has changed, or that is new or gone. Times always differ. */
bool compare_differs(const struct comparison *c);

/*
 * Appends it as a table, a line a notebook; of more than 200 only those that differ. folders: of the runs, to be shown;
 * columns and colour as for summary_put().
 */
void compare_put(const struct comparison *c, const char *before, const char *after, size_t columns, bool colour, struct buf *b);

/* Appends it as a JSON document, "nbfork.diff/1". */
void compare_put_json(const struct comparison *c, const char *before, const char *after, struct buf *b);

#endif
