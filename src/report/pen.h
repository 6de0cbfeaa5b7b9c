/*
 * Writes one line of a terminal: text in colours, cut to the columns that there are. For the live view.
 */
#ifndef NBFORK_REPORT_PEN_H
#define NBFORK_REPORT_PEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum pen_colour {
	PEN_PLAIN,
	PEN_BOLD,
	PEN_DIM,
	PEN_RED,
	PEN_GREEN,
	PEN_YELLOW,
	PEN_CYAN,
};

struct pen {
	struct buf *b;
	size_t used, most;	/* columns */
	bool colour;	/* else all is plain */
};

/* Puts text, made safe to show; where it does not fit it ends in "...". */
void pen_put(struct pen *p, enum pen_colour colour, const char *text);

/* Puts it and spaces behind it, exactly so many columns, as far as there are that many. */
void pen_padded(struct pen *p, enum pen_colour colour, const char *text, size_t columns);

/* Puts spaces. */
void pen_skip(struct pen *p, size_t n);

/* A bar of so many columns, of which done of total are full. Nothing when it does not fit. */
void pen_bar(struct pen *p, enum pen_colour colour, bool unicode, size_t columns, size_t done, size_t total);

/* The same, of which the first part is of one colour and the second one of another; neither is too small to be seen. */
void pen_bar2(struct pen *p, bool unicode, size_t columns, const size_t parts[2],
    const enum pen_colour colours[2], size_t total);

#endif
