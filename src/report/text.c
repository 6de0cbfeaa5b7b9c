#include "report/text.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"

#define DOTS "..."

/* A column takes a few bytes, or some more with an escape sequence before it; only nonsense takes more than that. */
#define COLUMN_BYTES 64

bool
text_has_cursor(void)
{
	const char *term = getenv("TERM");

	return term != NULL && *term != '\0' && strcmp(term, "dumb") != 0;
}

bool
text_has_colour(void)
{
	const char *no_color = getenv("NO_COLOR");

	return text_has_cursor() && (no_color == NULL || *no_color == '\0');
}

bool
text_has_unicode(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
	const char *term = getenv("TERM"), *locale = NULL;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && (locale == NULL || *locale == '\0'); i++)
		locale = getenv(names[i]);
	if (locale == NULL || (term != NULL && strcmp(term, "linux") == 0))
		return false;
	return strcasestr(locale, "utf-8") != NULL || strcasestr(locale, "utf8") != NULL;
}

const char *
text_elapsed(char text[TEXT_ELAPSED], int64_t n)
{
	int64_t seconds = n > 0 ? n / NSEC_PER_SEC : 0;

	if (seconds < 60)
		snprintf(text, TEXT_ELAPSED, "%ds", (int)seconds);
	else if (seconds < 3600)
		snprintf(text, TEXT_ELAPSED, "%dm%02ds", (int)(seconds / 60), (int)(seconds % 60));
	else
		snprintf(text, TEXT_ELAPSED, "%" PRId64 "h%02dm", seconds / 3600, (int)(seconds % 3600 / 60));
	return text;
}

size_t
text_indent(size_t wanted, const char *name, size_t least, size_t columns)
{
	size_t n = text_columns(name);

	if (n > least)
		n = least;
	if (wanted + n <= columns)
		return wanted;
	return columns > n ? columns - n : 0;
}

size_t
text_terminal_columns(int fd)
{
	struct winsize size;

	return isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

size_t
text_columns(const char *s)
{
	struct buf shown = BUF_INIT;
	size_t columns = utf8_put_visible(&shown, s, strlen(s), SIZE_MAX);

	buf_release(&shown);
	return columns;
}

/* text_put_cut for n bytes, of which there are more when more is set. */
static size_t
put_cut(struct buf *b, const char *p, size_t n, bool more, size_t columns)
{
	const size_t dots = sizeof(DOTS) - 1, start = b->len;
	size_t used;

	if (n / COLUMN_BYTES > columns) {
		n = columns * COLUMN_BYTES;
		while (n > 0 && ((unsigned char)p[n] & 0xc0) == 0x80)
			n--;
		more = true;
	}
	/* Two columns more than there are show whether it fits: the next character may be a wide one. */
	used = utf8_put_visible(b, p, n, columns < SIZE_MAX - 2 ? columns + 2 : columns);
	if (used <= columns && (!more || columns - used > dots)) {
		if (!more)
			return used;
		buf_adds(b, " " DOTS);
		return used + 1 + dots;
	}
	buf_truncate(b, start);
	if (columns < dots)
		return utf8_put_visible(b, p, n, columns);
	used = utf8_put_visible(b, p, n, columns - dots);
	buf_adds(b, DOTS);
	return used + dots;
}

size_t
text_put_cut(struct buf *b, const char *s, size_t columns)
{
	return put_cut(b, s, strlen(s), false, columns);
}

void
text_put_left(struct buf *b, const char *s, size_t columns)
{
	buf_fill(b, ' ', columns - text_put_cut(b, s, columns));
}

void
text_put_right(struct buf *b, const char *s, size_t columns)
{
	struct buf shown = BUF_INIT;

	buf_fill(b, ' ', columns - text_put_cut(&shown, s, columns));
	buf_add(b, shown.data, shown.len);
	buf_release(&shown);
}

void
text_put_status(struct buf *b, enum status s, bool colour)
{
	static const char *const colours[STATUSES] = {
		[STATUS_SUCCEEDED] = "\033[32m",	/* green */
		[STATUS_FAILED] = "\033[31m",	/* red */
		[STATUS_TIMED_OUT] = "\033[31m",
		[STATUS_CANCELLED] = "\033[33m",	/* yellow */
		[STATUS_SKIPPED] = "\033[33m",
	};

	if (colour)
		buf_adds(b, colours[s]);
	buf_adds(b, status_name(s));
	if (colour)
		buf_adds(b, "\033[m");
}

/* The end of the line that starts at p; "\r" alone ends one too. */
static const char *
line_end(const char *p)
{
	return p + strcspn(p, "\r\n");
}

/*
 * The message from where it says something. An error of Java's begins, in Python, with a line that names a call which
 * means nothing to anybody: "An error occurred while calling o50.load."; what happened is behind ": " in the next one.
 */
static const char *
message_begin(const char *p)
{
	static const char java[] = "An error occurred while calling ";
	const char *next;

	p += strspn(p, " \t\r\n");
	if (strncmp(p, java, sizeof(java) - 1) != 0)
		return p;
	next = line_end(p);
	next += strspn(next, "\r\n");
	return strncmp(next, ": ", 2) == 0 ? next + 2 : p;
}

void
text_put_reason(struct buf *b, const struct record_error *e, size_t columns)
{
	const char *message = message_begin(e->message != NULL ? e->message : ""), *end = line_end(message);
	struct buf line = BUF_INIT;

	if (e->name != NULL)
		buf_adds(&line, e->name);
	if (line.len > 0 && end > message)
		buf_adds(&line, ": ");
	buf_add(&line, message, (size_t)(end - message));
	put_cut(b, buf_str(&line), line.len, end[strspn(end, " \t\r\n")] != '\0', columns);
	buf_release(&line);
}

void
text_put_cell(struct buf *b, const struct record_error *e)
{
	if (e->cell < 0)
		return;
	buf_addf(b, "cell %" PRId64, e->cell);
	if (e->execution_count >= 0)
		buf_addf(b, ", In [%" PRId64 "]", e->execution_count);
}
