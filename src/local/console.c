#include "local/console.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/utf8.h"

#define LINE_MAX_BYTES 1024	/* of a line that are kept for the display */
#define LINE_COLUMNS 200

void
console_init(struct console *c, int log, const struct mask *mask)
{
	*c = (struct console){.log = log, .mask = mask, .shown_at = -CONSOLE_INTERVAL};
}

void
console_release(struct console *c)
{
	for (int i = 0; i < CONSOLE_SOURCES; i++)
		buf_release(&c->held[i]);
	buf_release(&c->line);
}

/* Keeps the end of the text as the last line: what follows the last line end or carriage return that has something behind it. */
static void
remember(struct console *c, const char *text, size_t n)
{
	const char *start = text, *end = text + n;
	bool ended = false;

	while (end > text && (end[-1] == '\n' || end[-1] == '\r')) {
		end--;
		ended = true;
	}
	if (end == text) {
		c->ended = c->ended || ended;
		return;
	}
	for (const char *p = end; p > text; p--) {
		if (p[-1] == '\n' || p[-1] == '\r') {
			start = p;
			c->ended = true;	/* what was there before is not part of this line */
			break;
		}
	}
	if (c->ended)
		buf_reset(&c->line);
	if (c->line.len < LINE_MAX_BYTES) {
		size_t room = LINE_MAX_BYTES - c->line.len;

		buf_add(&c->line, start, (size_t)(end - start) < room ? (size_t)(end - start) : room);
	}
	c->ended = ended;
	c->fresh = true;
}

static void
emit(struct console *c, const char *text, size_t n)
{
	struct buf masked = BUF_INIT;

	if (n == 0)
		return;
	if (c->mask != NULL && c->mask->n != 0) {
		mask_put(c->mask, &masked, text, n);
		text = buf_str(&masked);
		n = masked.len;
	}
	if (c->log != -1 && file_write_full(c->log, text, n) == -1 && !c->failed) {
		log_warn("cannot write the log: %s", strerror(errno));
		c->failed = true;
	}
	remember(c, text, n);
	buf_release(&masked);
}

void
console_put(struct console *c, enum console_source source, const char *text, size_t n)
{
	struct buf *held = &c->held[source];
	size_t whole;

	if (c->mask == NULL || c->mask->n == 0) {
		emit(c, text, n);
		return;
	}
	buf_add(held, text, n);
	whole = mask_whole(c->mask, buf_str(held), held->len);
	emit(c, buf_str(held), whole);
	buf_drop(held, whole);
}

void
console_flush(struct console *c)
{
	for (int i = 0; i < CONSOLE_SOURCES; i++) {
		emit(c, buf_str(&c->held[i]), c->held[i].len);
		buf_reset(&c->held[i]);
	}
}

int64_t
console_due(const struct console *c)
{
	return c->fresh ? c->shown_at + CONSOLE_INTERVAL : INT64_MAX;
}

bool
console_line(struct console *c, int64_t now, struct buf *out)
{
	if (!c->fresh || now < c->shown_at + CONSOLE_INTERVAL)
		return false;
	utf8_put_visible(out, buf_str(&c->line), c->line.len, LINE_COLUMNS);
	c->fresh = false;
	c->shown_at = now;
	return true;
}
