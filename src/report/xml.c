#include "report/xml.h"

#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

static const char *
escape_of(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	default:
		return NULL;
	}
}

/* One line, or what of it there is. */
static void
put_line(struct buf *b, const char *p, size_t n)
{
	struct buf visible = BUF_INIT;

	utf8_put_visible(&visible, p, n, SIZE_MAX);
	for (const char *at = buf_str(&visible), *end = at + visible.len; at < end; at++) {
		const char *escape = escape_of(*at);

		if (escape != NULL)
			buf_adds(b, escape);
		else if (end - at >= 3 && (memcmp(at, "\xef\xbf\xbe", 3) == 0 || memcmp(at, "\xef\xbf\xbf", 3) == 0))
			at += 2;	/* U+FFFE and U+FFFF */
		else
			buf_addc(b, *at);
	}
	buf_release(&visible);
}

static void
put(struct buf *b, const char *p, size_t n, const char *feed)
{
	const char *end = p + n;

	while (p < end) {
		const char *stop = memchr(p, '\n', (size_t)(end - p)), *last = stop != NULL ? stop : end, *start;

		while (last > p && last[-1] == '\r')
			last--;
		start = memrchr(p, '\r', (size_t)(last - p));
		start = start != NULL ? start + 1 : p;
		put_line(b, start, (size_t)(last - start));
		if (stop == NULL)
			return;
		buf_adds(b, feed);
		p = stop + 1;
	}
}

void
xml_put(struct buf *b, const char *p, size_t n)
{
	put(b, p, n, "\n");
}

void
xml_put_attribute(struct buf *b, const char *s)
{
	if (s != NULL)
		put(b, s, strlen(s), "&#10;");
}

void
xml_attribute(struct buf *b, const char *name, const char *text)
{
	buf_addf(b, " %s=\"", name);
	xml_put_attribute(b, text);
	buf_addc(b, '"');
}
