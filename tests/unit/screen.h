/*
 * A small terminal: takes what a program writes, and knows what a person would see. It understands what the
 * live display uses; anything else is a failure of the test.
 */
#ifndef NBFORK_TESTS_UNIT_SCREEN_H
#define NBFORK_TESTS_UNIT_SCREEN_H

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"

#define SCREEN_ROWS 30000	/* with those that have scrolled away */
#define SCREEN_COLUMNS 200
#define SCREEN_CELL 16	/* bytes of a character, with those that combine with it */

struct screen_row {
	char (*cells)[SCREEN_CELL];	/* "" is blank, "\n" the right half of a wide character; NULL: nothing was written */
	bool wrapped;	/* the line goes on in the next row */
};

struct screen {
	struct screen_row *rows;
	size_t height, width;
	size_t top;	/* the row at the top of the screen */
	size_t y, x;	/* the cursor */
	bool pending;	/* the last column is taken, the next character wraps */
	bool wraps;	/* DECAWM */
	bool wide_blocks;	/* U+2588 takes two columns, as where East Asian ambiguous characters do */
	bool held;	/* between the ends of a synchronised update */
	unsigned frames;
	struct buf unread;	/* the start of a sequence that is not complete */
};

static inline void
screen_init(struct screen *s, size_t height, size_t width)
{
	*s = (struct screen){.height = height, .width = width, .wraps = true};
	s->rows = calloc(SCREEN_ROWS, sizeof(*s->rows));
}

static inline void
screen_release(struct screen *s)
{
	for (size_t i = 0; i < SCREEN_ROWS; i++)
		free(s->rows[i].cells);
	free(s->rows);
	buf_release(&s->unread);
}

static inline char *
screen_cell(struct screen *s, size_t y, size_t x)
{
	ck_assert_uint_lt(y, SCREEN_ROWS);
	ck_assert_uint_lt(x, SCREEN_COLUMNS);
	if (s->rows[y].cells == NULL)
		s->rows[y].cells = calloc(SCREEN_COLUMNS, SCREEN_CELL);
	return s->rows[y].cells[x];
}

static inline void
screen_clear_row(struct screen *s, size_t y, size_t from)
{
	if (s->rows[y].cells != NULL)
		memset(s->rows[y].cells[from], 0, (SCREEN_COLUMNS - from) * SCREEN_CELL);
	s->rows[y].wrapped = false;
}

static inline void
screen_down(struct screen *s)
{
	s->y++;
	if (s->y == s->top + s->height)
		s->top++;
}

static inline void
screen_character(struct screen *s, uint32_t cp, const char *bytes, size_t n)
{
	size_t columns = cp == 0x2588 && s->wide_blocks ? 2 : (size_t)utf8_columns(cp);
	char *cell;

	if (columns == 0) {
		size_t x = s->pending || s->x == 0 ? s->x : s->x - 1;

		cell = screen_cell(s, s->y, x);
		if (strcmp(cell, "\n") == 0 && x > 0)
			cell = screen_cell(s, s->y, x - 1);
		if (strlen(cell) + n < SCREEN_CELL)
			memcpy(cell + strlen(cell), bytes, n);
		return;
	}
	if (s->wraps && (s->pending || s->x + columns > s->width)) {
		s->rows[s->y].wrapped = true;
		screen_down(s);
		s->x = 0;
	} else if (s->x + columns > s->width) {
		s->x = s->width > columns ? s->width - columns : 0;
	}
	s->pending = false;
	cell = screen_cell(s, s->y, s->x);
	memset(cell, 0, SCREEN_CELL);
	memcpy(cell, bytes, n);
	if (columns == 2)
		memcpy(screen_cell(s, s->y, s->x + 1), "\n", 2);
	s->x += columns;
	if (s->x == s->width) {
		s->x--;
		s->pending = s->wraps;
	}
}

/* A control sequence; text is what stands between CSI and its final character. */
static inline void
screen_sequence(struct screen *s, const char *text, char final)
{
	size_t n = *text != '\0' ? strtoul(text, NULL, 10) : 1;

	if (final == 'm')
		return;
	if (strcmp(text, "?7") == 0 && (final == 'h' || final == 'l')) {
		s->wraps = final == 'h';
		s->pending = false;
	} else if (strcmp(text, "?2026") == 0 && (final == 'h' || final == 'l')) {
		s->held = final == 'h';
		s->frames += s->held;
	} else if (final == 'A') {
		s->y = s->y - s->top > n ? s->y - n : s->top;
		s->pending = false;
	} else if (final == 'K' && *text == '\0') {
		screen_clear_row(s, s->y, s->x);
	} else if (final == 'J' && *text == '\0') {
		screen_clear_row(s, s->y, s->x);
		for (size_t y = s->y + 1; y < s->top + s->height; y++)
			screen_clear_row(s, y, 0);
	} else {
		ck_abort_msg("unexpected sequence CSI %s%c", text, final);
	}
}

/* Takes what is complete; returns how much. */
static inline size_t
screen_take(struct screen *s, const char *p, size_t n)
{
	const char *start = p, *end = p + n;

	while (p < end) {
		uint32_t cp;
		size_t length;

		if (*p == '\033') {
			char text[16] = "";
			size_t i = 2;

			if (end - p >= 2)
				ck_assert_msg(p[1] == '[', "unexpected escape \\x%02x", (unsigned char)p[1]);
			while (p + i < end && p[i] < 0x40) {
				ck_assert_uint_lt(i, sizeof(text));
				text[i - 2] = p[i];
				i++;
			}
			if (p + i >= end)
				break;
			screen_sequence(s, text, p[i]);
			p += i + 1;
		} else if (*p == '\r') {
			s->x = 0;
			s->pending = false;
			p++;
		} else if (*p == '\n') {
			screen_down(s);
			s->pending = false;
			p++;
		} else {
			ck_assert_msg((unsigned char)*p >= 0x20 && *p != 0x7f, "control character \\x%02x", (unsigned char)*p);
			length = utf8_decode(p, (size_t)(end - p), &cp);
			if (length == 0) {
				ck_assert_msg(end - p < 4, "ill-formed UTF-8");
				break;
			}
			screen_character(s, cp, p, length);
			p += length;
		}
	}
	return (size_t)(p - start);
}

static inline void
screen_write(struct screen *s, const char *p, size_t n)
{
	buf_add(&s->unread, p, n);
	buf_drop(&s->unread, screen_take(s, buf_str(&s->unread), s->unread.len));
}

static inline void
screen_put_row(struct screen *s, size_t y, struct buf *b)
{
	size_t start = b->len, used = b->len;

	if (s->rows[y].cells == NULL)
		return;
	for (size_t x = 0; x < s->width; x++) {
		const char *cell = s->rows[y].cells[x];

		if (*cell == '\n')
			continue;
		buf_adds(b, *cell != '\0' ? cell : " ");
		if (*cell != '\0')
			used = b->len;
	}
	buf_truncate(b, used > start ? used : start);
}

/* All rows from the given one to the last that is not blank, a line each; those that wrapped as one when joined is set. */
static inline void
screen_text(struct screen *s, size_t from, bool joined, struct buf *b)
{
	size_t used = b->len;

	for (size_t y = from; y < s->top + s->height; y++) {
		size_t start = b->len;

		screen_put_row(s, y, b);
		if (b->len > start)
			used = b->len + 1;
		if (!joined || !s->rows[y].wrapped)
			buf_addc(b, '\n');
	}
	buf_truncate(b, used);
}

/* Another width, as xterm does it: what does not fit is cut. */
static inline void
screen_crop(struct screen *s, size_t width)
{
	for (size_t y = 0; y < s->top + s->height; y++) {
		screen_clear_row(s, y, width);
	}
	s->width = width;
	if (s->x >= width)
		s->x = width - 1;
}

/* Another width, as most terminals do it: lines are broken anew. The cursor has to stand at the start of an empty row. */
static inline void
screen_reflow(struct screen *s, size_t width)
{
	struct screen_row *old = s->rows;
	const size_t end = s->y, old_width = s->width;
	const bool wraps = s->wraps;

	ck_assert_uint_eq(s->x, 0);
	s->rows = calloc(SCREEN_ROWS, sizeof(*s->rows));
	s->y = s->top = 0;
	s->width = width;
	s->wraps = true;
	for (size_t y = 0; y < end; y++) {
		size_t used = old[y].cells != NULL ? old_width : 0;

		while (used > 0 && old[y].cells[used - 1][0] == '\0')
			used--;
		for (size_t x = 0; x < used; x++) {
			const char *cell = old[y].cells[x];
			uint32_t cp = ' ';

			if (*cell == '\n')
				continue;
			if (*cell == '\0')
				cell = " ";
			utf8_decode(cell, strlen(cell), &cp);
			screen_character(s, cp, cell, strlen(cell));
		}
		if (!old[y].wrapped) {
			screen_down(s);
			s->x = 0;
			s->pending = false;
		}
	}
	for (size_t y = 0; y < SCREEN_ROWS; y++)
		free(old[y].cells);
	free(old);
	s->wraps = wraps;
}

#endif
