#include "notebook/terminal.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

#define HELD_LEAST 4096	/* bytes that are held before they are applied, however short the line is */
#define COLUMN_BYTES_MAX 4096	/* of a character with all that joins it; what is beyond is lost */

/* What stands in a column: a character with what came before it and took no room, and what joined it. */
struct column {
	size_t at, len;	/* in the bytes of the line; len 0: the second half of a wide character */
};

/* A line that is being put together. */
struct line {
	struct buf bytes;	/* all that has been written to any column */
	struct column *columns;
	size_t n, cap;
	size_t cursor;	/* the column where the next character goes, 0 to n */
	struct buf pending;	/* escape sequences and control characters that wait for the character behind them */
	size_t whole;	/* bytes of pending up to the end of the last sequence that is complete */
	const char *tail;	/* what follows the columns and is out of reach, tail_len bytes */
	size_t tail_len;
};

enum unit_type {
	UNIT_CHARACTER,
	UNIT_COMBINING,
	UNIT_ESCAPE,	/* also control characters */
	UNIT_CUT_ESCAPE,	/* one that has no end */
	UNIT_RETURN,
	UNIT_BACKSPACE,
};

struct unit {
	enum unit_type type;
	size_t len;
	int columns;	/* of UNIT_CHARACTER: 1 or 2 */
	bool broken;	/* of UNIT_CHARACTER: not UTF-8 */
};

static void
line_release(struct line *l)
{
	buf_release(&l->bytes);
	buf_release(&l->pending);
	free(l->columns);
}

/* How far the bytes at p go on being in the range from first to last; from is where to start. */
static size_t
span(const char *p, size_t n, size_t from, unsigned char first, unsigned char last)
{
	while (from < n && (unsigned char)p[from] >= first && (unsigned char)p[from] <= last)
		from++;
	return from;
}

/* By ECMA-48, 5.4 and 8.3.89, and a BEL ends an OSC too. No sequence goes on behind a control character. */
static struct unit
escape_unit(const char *p, size_t n)
{
	struct unit u = {.type = UNIT_CUT_ESCAPE, .len = 1};
	unsigned char final_from = 0x30;

	if (n == 1)
		return u;
	if (p[1] == ']') {
		for (u.len = 2; u.len < n && (unsigned char)p[u.len] >= 0x20; u.len++)
			;
		if (u.len < n && p[u.len] == '\a')
			return (struct unit){.type = UNIT_ESCAPE, .len = u.len + 1};
		if (u.len + 1 < n && p[u.len] == '\033' && p[u.len + 1] == '\\')
			return (struct unit){.type = UNIT_ESCAPE, .len = u.len + 2};
		return u;
	}
	if (p[1] == '[') {
		u.len = span(p, n, 2, 0x30, 0x3f);
		final_from = 0x40;
	}
	u.len = span(p, n, u.len, 0x20, 0x2f);
	if (u.len < n && (unsigned char)p[u.len] >= final_from && (unsigned char)p[u.len] <= 0x7e)
		return (struct unit){.type = UNIT_ESCAPE, .len = u.len + 1};
	return u;
}

/* Whether half of a surrogate pair stands at p, in the form in which base/json.h decodes one. */
static bool
is_surrogate(const char *p, size_t n)
{
	const unsigned char *u = (const unsigned char *)p;

	return n >= 3 && u[0] == 0xed && u[1] >= 0xa0 && u[1] <= 0xbf && u[2] >= 0x80 && u[2] <= 0xbf;
}

static struct unit
next_unit(const char *p, size_t n)
{
	uint32_t cp;
	size_t len;

	if ((unsigned char)*p >= 0x20 && (unsigned char)*p < 0x7f)
		return (struct unit){.type = UNIT_CHARACTER, .len = 1, .columns = 1};
	switch (*p) {
	case '\r':
		return (struct unit){.type = UNIT_RETURN, .len = 1};
	case '\b':
		return (struct unit){.type = UNIT_BACKSPACE, .len = 1};
	case '\t':
		return (struct unit){.type = UNIT_CHARACTER, .len = 1, .columns = 1};
	case '\033':
		return escape_unit(p, n);
	}
	len = utf8_decode(p, n, &cp);
	if (len == 0) {
		bool surrogate = is_surrogate(p, n);

		return (struct unit){.type = UNIT_CHARACTER, .len = surrogate ? 3 : 1, .columns = 1, .broken = !surrogate};
	}
	if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0))
		return (struct unit){.type = UNIT_ESCAPE, .len = len};
	if (utf8_columns(cp) == 0)
		return (struct unit){.type = UNIT_COMBINING, .len = len};
	return (struct unit){.type = UNIT_CHARACTER, .len = len, .columns = utf8_columns(cp)};
}

/*
 * Makes two spaces of the wide character whose second half stands in column i; one of them is about to be
 * overwritten.
 */
static void
part(struct line *l, size_t i)
{
	l->columns[i] = l->columns[i - 1] = (struct column){l->bytes.len, 1};
	buf_addc(&l->bytes, ' ');
}

static void
take_pending(struct line *l)
{
	buf_add(&l->bytes, buf_str(&l->pending), l->pending.len);
	buf_reset(&l->pending);
	l->whole = 0;
}

static void
wait_pending(struct line *l, const char *p, size_t n, bool complete)
{
	buf_add(&l->pending, p, n);
	if (complete)
		l->whole = l->pending.len;
}

static void
put_character(struct line *l, const char *p, size_t n, size_t columns)
{
	size_t end = l->cursor + columns, at;

	if (l->cursor < l->n && l->columns[l->cursor].len == 0)
		part(l, l->cursor);
	if (end < l->n && l->columns[end].len == 0)
		part(l, end);
	at = l->bytes.len;
	take_pending(l);
	buf_add(&l->bytes, p, n);
	for (; l->n < end; l->n++)
		l->columns = xgrow(l->columns, l->n, &l->cap, sizeof(*l->columns));
	l->columns[l->cursor] = (struct column){at, l->bytes.len - at};
	if (columns == 2)
		l->columns[l->cursor + 1] = (struct column){l->bytes.len, 0};
	l->cursor = end;
}

/* What cut a sequence off leaves no trace: kept, the sequence could swallow what comes to stand behind it. */
static void
drop_cut(struct line *l)
{
	buf_truncate(&l->pending, l->whole);
}

/* Adds a combining character, with what is pending before it, to the character before the cursor, if there is one. */
static void
join(struct line *l, const char *p, size_t n)
{
	struct column *c = NULL;

	if (l->cursor > 0) {
		c = &l->columns[l->cursor - 1];
		if (c->len == 0)
			c--;
	}
	if (c == NULL || c->len + l->pending.len + n > COLUMN_BYTES_MAX) {
		drop_cut(l);
		return;
	}
	if (c->at + c->len != l->bytes.len) {
		/* Something else was written since: the column moves to the end, where it can grow. */
		char *to = buf_room(&l->bytes, c->len);

		memcpy(to, l->bytes.data + c->at, c->len);
		c->at = l->bytes.len;
		l->bytes.len += c->len;
	}
	take_pending(l);
	buf_add(&l->bytes, p, n);
	c->len = l->bytes.len - c->at;
}

static void
put_unit(struct line *l, const char *p, const struct unit *u)
{
	switch (u->type) {
	case UNIT_CHARACTER:
		if (u->broken)
			put_character(l, "\xef\xbf\xbd", 3, 1);
		else
			put_character(l, p, u->len, (size_t)u->columns);
		break;
	case UNIT_COMBINING:
		join(l, p, u->len);
		break;
	case UNIT_ESCAPE:
	case UNIT_CUT_ESCAPE:
		wait_pending(l, p, u->len, u->type == UNIT_ESCAPE);
		break;
	case UNIT_RETURN:
		l->cursor = 0;
		drop_cut(l);
		break;
	case UNIT_BACKSPACE:
		if (l->cursor > 0)
			l->cursor--;
		drop_cut(l);
		break;
	}
}

/*
 * Reads the part of the line in which nothing moves. When the cursor cannot come behind the column reach
 * again, what is behind that, as most of a long line, is not taken apart.
 */
static void
read_still(struct line *l, const char *p, size_t n, size_t reach)
{
	for (size_t at = 0; at < n;) {
		struct unit u = next_unit(p + at, n - at);

		if (l->tail == NULL && u.type == UNIT_CHARACTER && reach < l->n && l->n - reach > 1) {
			l->tail = p + at - l->pending.len;
			buf_reset(&l->pending);
			l->whole = 0;
		}
		if (l->tail == NULL) {
			put_unit(l, p + at, &u);
		} else if (u.type == UNIT_CHARACTER || u.type == UNIT_COMBINING) {
			buf_reset(&l->pending);
			l->whole = 0;
		} else {
			wait_pending(l, p + at, u.len, u.type == UNIT_ESCAPE);
		}
		at += u.len;
	}
	if (l->tail != NULL)
		l->tail_len = (size_t)(p + n - l->tail) - l->pending.len;
}

/* Whether the n bytes at p are a character but for what is still to come. */
static bool
is_cut_character(const char *p, size_t n)
{
	unsigned char c = (unsigned char)*p;
	size_t need = c >= 0xf0 && c <= 0xf4 ? 4 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xc2 && c < 0xe0 ? 2 : 0;

	return n < need && span(p, n, 1, 0x80, 0xbf) == n;
}

static void
read_held(struct line *l, const char *p, size_t n)
{
	for (size_t at = 0; at < n;) {
		struct unit u = next_unit(p + at, n - at);

		if (u.broken && is_cut_character(p + at, n - at)) {
			wait_pending(l, p + at, n - at, false);
			return;
		}
		put_unit(l, p + at, &u);
		at += u.len;
	}
}

/* Puts the last line together. */
static void
read_line(struct line *l, const struct terminal *t)
{
	/* After a carriage return, the cursor comes no further than one column for each byte. */
	size_t reach = t->held.data[0] == '\r' ? t->held.len : SIZE_MAX;

	*l = (struct line){.tail = NULL};
	read_still(l, buf_str(&t->text) + t->line, t->text.len - t->line, reach);
	read_held(l, t->held.data, t->held.len);
}

static void
put_line(const struct line *l, struct buf *out)
{
	size_t at = 0, len = 0;	/* of columns that stand next to each other in bytes and are not written yet */

	for (size_t i = 0; i < l->n; i++) {
		if (l->columns[i].at != at + len) {
			buf_add(out, buf_str(&l->bytes) + at, len);
			at = l->columns[i].at;
			len = 0;
		}
		len += l->columns[i].len;
	}
	buf_add(out, buf_str(&l->bytes) + at, len);
	buf_add(out, l->tail, l->tail_len);
}

static bool
ends_in_return(const struct terminal *t)
{
	return t->held.len > 0 && t->held.data[t->held.len - 1] == '\r';
}

/* Whether something moves in the last line: more than a carriage return at its end is held. */
static bool
has_moves(const struct terminal *t)
{
	return t->held.len > (ends_in_return(t) ? 1 : 0);
}

/* Appends the last line as it shows now. */
static void
put_shown(const struct terminal *t, struct buf *out)
{
	struct line l;

	if (has_moves(t)) {
		read_line(&l, t);
		put_line(&l, out);
		buf_add(out, buf_str(&l.pending), l.pending.len);
		line_release(&l);
	} else {
		buf_add(out, buf_str(&t->text) + t->line, t->text.len - t->line);
	}
	if (ends_in_return(t))
		buf_addc(out, '\r');
}

/* Ends the last line, of which something is held. */
static void
settle(struct terminal *t)
{
	struct buf shown = BUF_INIT;

	if (has_moves(t)) {
		put_shown(t, &shown);
		buf_truncate(&t->text, t->line);
		buf_add(&t->text, buf_str(&shown), shown.len);
		buf_release(&shown);
	} else {
		buf_addc(&t->text, '\r');
	}
	buf_addc(&t->text, '\n');
	t->line = t->text.len;
	t->applied = 0;
	buf_reset(&t->held);
}

/*
 * Applies what is held to the last line, so that it does not grow with every turn of a progress bar. All that
 * remains held is what leads the cursor back to where it stands, and what waits for the next character.
 */
static void
apply(struct terminal *t)
{
	struct line l;

	read_line(&l, t);	/* no tail: more is held than the line is long */
	buf_truncate(&t->text, t->line);
	put_line(&l, &t->text);
	if (ends_in_return(t)) {
		buf_add(&t->text, buf_str(&l.pending), l.pending.len);
		buf_reset(&t->held);
		buf_addc(&t->held, '\r');
	} else {
		buf_reset(&t->held);
		buf_fill(&t->held, '\b', l.n - l.cursor);
		buf_add(&t->held, buf_str(&l.pending), l.pending.len);
	}
	t->applied = t->held.len;
	line_release(&l);
}

static void
put_held(struct terminal *t, const char *p, size_t n)
{
	buf_add(&t->held, p, n);
	/* The line is taken apart once for as many new bytes as that costs. */
	if (t->held.len - t->applied >= HELD_LEAST + t->applied + t->text.len - t->line)
		apply(t);
}

/* Adds text in which nothing moves. */
static void
put_still(struct terminal *t, const char *p, size_t n)
{
	const char *newline = memrchr(p, '\n', n);

	if (newline != NULL)
		t->line = t->text.len + (size_t)(newline + 1 - p);
	buf_add(&t->text, p, n);
}

static const char *
find(const char *p, const char *end, char c)
{
	const char *found = memchr(p, c, (size_t)(end - p));

	return found != NULL ? found : end;
}

void
terminal_release(struct terminal *t)
{
	buf_release(&t->text);
	buf_release(&t->held);
	*t = (struct terminal)TERMINAL_INIT;
}

/* The first character at p or behind that moves the cursor so that one could see it; end if there is none. */
static const char *
find_move(const char *p, const char *end, const char **cr, const char **bs)
{
	for (;;) {
		const char *first;

		/* Each is looked for again only when it has been passed: in all, the text is searched once. */
		if (*cr < p)
			*cr = find(p, end, '\r');
		if (*bs < p)
			*bs = find(p, end, '\b');
		first = *cr < *bs ? *cr : *bs;
		if (end - first < 2 || first[0] != '\r' || first[1] != '\n')
			return first;
		p = first + 2;
	}
}

void
terminal_put(struct terminal *t, const char *p, size_t n)
{
	const char *end, *cr, *bs;

	if (n == 0)
		return;
	end = p + n;
	cr = find(p, end, '\r');
	bs = find(p, end, '\b');
	while (p < end) {
		if (t->held.len > 0) {
			const char *newline = find(p, end, '\n');

			put_held(t, p, (size_t)(newline - p));
			p = newline;
			if (p < end) {
				settle(t);
				p++;
			}
		} else {
			const char *move = find_move(p, end, &cr, &bs);

			put_still(t, p, (size_t)(move - p));
			p = move;
			if (p < end)
				buf_addc(&t->held, *p++);
		}
	}
}

void
terminal_text(const struct terminal *t, struct buf *out)
{
	buf_add(out, buf_str(&t->text), t->line);
	put_shown(t, out);
}
