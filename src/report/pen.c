#include "report/pen.h"

#include "report/text.h"

static void
switch_to(const struct pen *p, enum pen_colour colour)
{
	static const char *const sequences[] = {
		[PEN_PLAIN] = "\033[m",
		[PEN_BOLD] = "\033[1m",
		[PEN_DIM] = "\033[2m",
		[PEN_RED] = "\033[31m",
		[PEN_GREEN] = "\033[32m",
		[PEN_YELLOW] = "\033[33m",
		[PEN_CYAN] = "\033[36m",
	};

	if (p->colour)
		buf_adds(p->b, sequences[colour]);
}

void
pen_put(struct pen *p, enum pen_colour colour, const char *text)
{
	if (p->used >= p->most)
		return;
	if (colour != PEN_PLAIN)
		switch_to(p, colour);
	p->used += text_put_cut(p->b, text, p->most - p->used);
	if (colour != PEN_PLAIN)
		switch_to(p, PEN_PLAIN);
}

void
pen_padded(struct pen *p, enum pen_colour colour, const char *text, size_t columns)
{
	struct pen field = *p;

	if (columns < p->most - p->used)
		field.most = p->used + columns;
	pen_put(&field, colour, text);
	pen_skip(&field, field.most - field.used);
	p->used = field.used;
}

void
pen_skip(struct pen *p, size_t n)
{
	if (n > p->most - p->used)
		n = p->most - p->used;
	buf_fill(p->b, ' ', n);
	p->used += n;
}

static void
repeat(struct buf *b, const char *s, size_t n)
{
	while (n-- > 0)
		buf_adds(b, s);
}

void
pen_bar2(struct pen *p, bool unicode, size_t columns, const size_t parts[2],
    const enum pen_colour colours[2], size_t total)
{
	size_t left = columns;

	if (columns > p->most - p->used || total == 0)
		return;
	for (int i = 0; i < 2; i++) {
		size_t n = parts[i] * columns / total;

		if (n == 0 && parts[i] > 0)
			n = 1;
		if (n > left)
			n = left;
		if (n == 0)
			continue;
		switch_to(p, colours[i]);
		repeat(p->b, unicode ? "\u2501" : "#", n);
		switch_to(p, PEN_PLAIN);
		left -= n;
	}
	switch_to(p, PEN_DIM);
	repeat(p->b, unicode ? "\u2500" : "-", left);
	switch_to(p, PEN_PLAIN);
	p->used += columns;
}

void
pen_bar(struct pen *p, enum pen_colour colour, bool unicode, size_t columns, size_t done, size_t total)
{
	size_t halves, left;

	if (columns > p->most - p->used || total == 0)
		return;
	halves = done < total ? 2 * done * columns / total : 2 * columns;
	left = columns - halves / 2 - halves % 2;
	switch_to(p, colour);
	repeat(p->b, unicode ? "\u2501" : "#", halves / 2);
	repeat(p->b, unicode ? "\u2578" : "-", halves % 2);
	switch_to(p, PEN_DIM);
	repeat(p->b, unicode ? "\u2500" : "-", left);
	switch_to(p, PEN_PLAIN);
	p->used += columns;
}
