#include "local/console.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/utf8.h"

#define LINE_BYTES 1024	/* of a line that are kept for the display */
/*
 * of all lines: what comes faster than they are shown is lost to the display
 */
#define LINES_BYTES ((size_t)1024 * 1024)
#define LINE_COLUMNS 200
#define WORDS_BYTES (16 * 1024)

void
console_init(struct console *c, int log, const struct mask *mask, int64_t interval)
{
	*c = (struct console){.log = log, .mask = mask, .interval = interval, .all = interval == 0, .shown_at = -interval};
}

void
console_release(struct console *c)
{
	for (int i = 0; i < CONSOLE_SOURCES; i++)
		buf_release(&c->held[i]);
	buf_release(&c->lines);
	buf_release(&c->words);
}

static bool
ends_line(char c)
{
	return c == '\n' || c == '\r';
}

/* Keeps the end of the text as the last line: what follows the last line end that has something behind it. */
static void
keep_last_line(struct console *c, const char *text, size_t n)
{
	const char *start = text, *end = text + n;
	bool ended = false;
	size_t room;

	while (end > text && ends_line(end[-1])) {
		end--;
		ended = true;
	}
	if (end == text) {
		c->ended = c->ended || ended;
		return;
	}
	for (const char *p = end; p > text; p--) {
		if (ends_line(p[-1])) {
			start = p;
			c->ended = true;	/* what was there before is not part of this line */
			break;
		}
	}
	if (c->ended)
		buf_reset(&c->lines);
	room = c->lines.len < LINE_BYTES ? LINE_BYTES - c->lines.len : 0;
	buf_add(&c->lines, start, (size_t)(end - start) < room ? (size_t)(end - start) : room);
	c->ended = ended;
	c->fresh = true;
}

/* The text of all lines that has not been shown yet. */
static const char *
unshown(const struct console *c, size_t *n)
{
	*n = c->lines.len - c->taken;
	return buf_str(&c->lines) + c->taken;
}

static bool
has_whole_line(const struct console *c)
{
	size_t n;
	const char *text = unshown(c, &n);

	return memchr(text, '\n', n) != NULL;
}

static void
keep_all_lines(struct console *c, const char *text, size_t n)
{
	size_t room;

	/* Not for each line that is taken: there may be very many. */
	if (c->taken > c->lines.len / 2) {
		buf_drop(&c->lines, c->taken);
		c->taken = 0;
	}
	room = c->lines.len < LINES_BYTES ? LINES_BYTES - c->lines.len : 0;
	buf_add(&c->lines, text, n < room ? n : room);
	c->fresh = has_whole_line(c);
}

static void
show(struct console *c, const char *text, size_t n)
{
	if (c->interval == INT64_MAX)
		return;
	if (c->all)
		keep_all_lines(c, text, n);
	else
		keep_last_line(c, text, n);
}

static void
log_text(struct console *c, const char *text, size_t n)
{
	if (c->log != -1 && file_write_full(c->log, text, n) == -1 && !c->failed) {
		log_warn("cannot write the log: %s", strerror(errno));
		c->failed = true;
	}
}

static void
emit(struct console *c, enum console_source source, const char *text, size_t n)
{
	struct buf masked = BUF_INIT;

	if (n == 0)
		return;
	if (c->mask != NULL && c->mask->n != 0) {
		mask_put(c->mask, &masked, text, n);
		text = buf_str(&masked);
		n = masked.len;
	}
	if (source == CONSOLE_KERNEL) {
		buf_add(&c->words, text, n);
		if (c->words.len > 2 * WORDS_BYTES)
			buf_drop(&c->words, c->words.len - WORDS_BYTES);
	}
	if (source != CONSOLE_KERNEL || c->raw != CONSOLE_RAW_ECHO)
		log_text(c, text, n);
	if (source != CONSOLE_KERNEL || c->raw == CONSOLE_RAW_SHOW)
		show(c, text, n);
	buf_release(&masked);
}

void
console_put(struct console *c, enum console_source source, const char *text, size_t n)
{
	struct buf *held = &c->held[source];
	size_t whole;

	if (c->mask == NULL || c->mask->n == 0) {
		emit(c, source, text, n);
		return;
	}
	buf_add(held, text, n);
	whole = mask_whole(c->mask, buf_str(held), held->len);
	emit(c, source, buf_str(held), whole);
	buf_drop(held, whole);
}

void
console_flush(struct console *c)
{
	for (int i = 0; i < CONSOLE_SOURCES; i++) {
		emit(c, (enum console_source)i, buf_str(&c->held[i]), c->held[i].len);
		buf_reset(&c->held[i]);
	}
	if (c->all && c->lines.len > c->taken) {
		/* No more of the last line is to come. */
		if (c->lines.data[c->lines.len - 1] != '\n')
			buf_addc(&c->lines, '\n');
		c->fresh = true;
	}
}

int64_t
console_due(const struct console *c)
{
	if (!c->fresh)
		return INT64_MAX;
	return c->all ? 0 : c->shown_at + c->interval;
}

/* Takes the next line off those that wait. */
static void
take_line(struct console *c, struct buf *out)
{
	size_t n, whole;
	const char *text = unshown(c, &n), *end = memchr(text, '\n', n), *start = text;

	whole = (size_t)(end - text) + 1;
	/* Of a line that was written over, what stood there last. */
	while (end > start && end[-1] == '\r')
		end--;
	for (const char *p = end; p > text; p--) {
		if (p[-1] == '\r') {
			start = p;
			break;
		}
	}
	utf8_put_visible(out, start, (size_t)(end - start), LINE_COLUMNS);
	c->taken += whole;
	c->fresh = has_whole_line(c);
}

/* How many bytes there are without the beginning of a character at the end: its rest is to come, or had no room. */
static size_t
whole(const char *text, size_t n)
{
	for (size_t k = 1; k < 4 && k <= n; k++) {
		unsigned char c = (unsigned char)text[n - k];

		if (c >= 0xc0)
			return k < (c >= 0xf0 ? 4u : c >= 0xe0 ? 3u : 2u) ? n - k : n;
		if (c < 0x80)
			break;
	}
	return n;
}

bool
console_line(struct console *c, int64_t now, struct buf *out)
{
	if (!c->fresh || now < console_due(c))
		return false;
	if (c->all) {
		take_line(c, out);
		return true;
	}
	utf8_put_visible(out, buf_str(&c->lines), whole(buf_str(&c->lines), c->lines.len), LINE_COLUMNS);
	c->fresh = false;
	c->shown_at = now;
	return true;
}

void
console_last_words(const struct console *c, struct buf *out)
{
	const char *start = buf_str(&c->words), *end = start + c->words.len, *p;

	while (end > start && ends_line(end[-1]))
		end--;
	for (p = end; p > start && !ends_line(p[-1]); p--)
		;
	utf8_put_visible(out, p, (size_t)(end - p), LINE_COLUMNS);
}

void
console_log_words(struct console *c)
{
	if (c->raw == CONSOLE_RAW_ECHO)
		log_text(c, buf_str(&c->words), c->words.len);
	buf_reset(&c->words);
}
