#include "base/mask.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"

#define LINE_MIN 8	/* bytes of a line of a secret that is one by itself; less could be anybody's words */

void
mask_release(struct mask *m)
{
	for (size_t i = 0; i < m->n; i++) {
		explicit_bzero(m->values[i], m->lengths[i]);
		free(m->values[i]);
	}
	free(m->values);
	free(m->lengths);
	free(m->shown);
	*m = (struct mask)MASK_INIT;
}

static void
add(struct mask *m, const char *value, size_t n, const char *shown)
{
	size_t at = 0;

	if (n == 0)
		return;
	for (; at < m->n && m->lengths[at] >= n; at++)
		if (m->lengths[at] == n && memcmp(m->values[at], value, n) == 0)
			return;
	m->values = xreallocarray(m->values, m->n + 1, sizeof(*m->values));
	m->lengths = xreallocarray(m->lengths, m->n + 1, sizeof(*m->lengths));
	m->shown = xreallocarray(m->shown, m->n + 1, sizeof(*m->shown));
	memmove(m->values + at + 1, m->values + at, (m->n - at) * sizeof(*m->values));
	memmove(m->lengths + at + 1, m->lengths + at, (m->n - at) * sizeof(*m->lengths));
	memmove(m->shown + at + 1, m->shown + at, (m->n - at) * sizeof(*m->shown));
	m->values[at] = xmemdup0(value, n);
	m->lengths[at] = n;
	m->shown[at] = shown;
	m->n++;
	m->longest = m->lengths[0];
	m->starts[(unsigned char)*value] = true;
}

void
mask_add(struct mask *m, const char *value, size_t n)
{
	add(m, value, n, MASK_TEXT);
}

/* As json.dumps does by default: all but ASCII as \uXXXX, in pairs beyond the BMP. */
static void
spell_json_ascii(struct buf *b, const char *p, size_t n)
{
	struct buf plain = BUF_INIT;
	uint32_t cp;

	json_put_string(&plain, p, n);
	for (size_t i = 1, len; i + 1 < plain.len; i += len) {
		len = utf8_decode(plain.data + i, plain.len - i, &cp);
		if (len == 0)
			len = 1;
		if (len == 1)
			buf_add(b, plain.data + i, 1);
		else if (cp < 0x10000)
			buf_addf(b, "\\u%04x", (unsigned)cp);
		else
			buf_addf(b, "\\u%04x\\u%04x", (unsigned)(0xd7c0 + (cp >> 10)), (unsigned)(0xdc00 + (cp & 0x3ff)));
	}
	buf_release(&plain);
}

static void
spell_repr(struct buf *b, const char *p, size_t n)
{
	bool has_single = memchr(p, '\'', n) != NULL, has_double = memchr(p, '"', n) != NULL;
	char quote = has_single && !has_double ? '"' : '\'';
	uint32_t cp;

	for (size_t i = 0, len; i < n; i += len) {
		char c = p[i];

		len = utf8_decode(p + i, n - i, &cp);
		if (len == 0) {
			len = 1;
			buf_add(b, &c, 1);
		} else if (c == quote || c == '\\') {
			buf_addf(b, "\\%c", c);
		} else if (c == '\n' || c == '\r' || c == '\t') {
			buf_adds(b, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
		} else if (cp < 0x20 || (cp >= 0x7f && cp <= 0xa0) || cp == 0xad) {
			buf_addf(b, "\\x%02x", (unsigned)cp);
		} else {
			buf_add(b, p + i, len);
		}
	}
}

static void
spell_url(struct buf *b, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		if (isalnum(c) || strchr("-._~", c) != NULL)
			buf_addc(b, (char)c);
		else
			buf_addf(b, "%%%02X", c);
	}
}

/* Quotes are written in several ways, and often left as they are. */
static void
spell_html(struct buf *b, const char *p, size_t n, const char *quote, const char *apostrophe)
{
	for (size_t i = 0; i < n; i++) {
		switch (p[i]) {
		case '&':
			buf_adds(b, "&amp;");
			break;
		case '<':
			buf_adds(b, "&lt;");
			break;
		case '>':
			buf_adds(b, "&gt;");
			break;
		case '"':
			buf_adds(b, quote);
			break;
		case '\'':
			buf_adds(b, apostrophe);
			break;
		default:
			buf_addc(b, p[i]);
		}
	}
}

static void
add_lines(struct mask *m, const char *p, size_t n, const char *shown)
{
	const char *end = p + n, *line_end;

	while (p < end) {
		line_end = memchr(p, '\n', (size_t)(end - p));
		if (line_end == NULL)
			line_end = end;
		if (line_end - p >= LINE_MIN)
			add(m, p, (size_t)(line_end - p), shown);
		p = line_end + 1;
	}
}

void
mask_add_spellings_as(struct mask *m, const char *value, size_t n, const char *shown)
{
	static const struct {
		const char *quote, *apostrophe;
	} html[] = {{"\"", "'"}, {"&quot;", "'"}, {"&quot;", "&#x27;"}, {"&quot;", "&#39;"}, {"&#34;", "&#39;"}};
	struct buf b = BUF_INIT;

	if (n == 0)
		return;
	add(m, value, n, shown);	/* those that are the same are ignored from here on */
	if (memchr(value, '\n', n) != NULL)
		add_lines(m, value, n, shown);
	json_put_string(&b, value, n);
	add(m, b.data + 1, b.len - 2, shown);
	buf_reset(&b);
	spell_json_ascii(&b, value, n);
	add(m, b.data, b.len, shown);
	buf_reset(&b);
	spell_repr(&b, value, n);
	add(m, b.data, b.len, shown);
	buf_reset(&b);
	spell_url(&b, value, n);
	add(m, b.data, b.len, shown);
	for (size_t i = 0; i < sizeof(html) / sizeof(html[0]); i++) {
		buf_reset(&b);
		spell_html(&b, value, n, html[i].quote, html[i].apostrophe);
		add(m, b.data, b.len, shown);
	}
	explicit_bzero(b.data, b.len);
	buf_release(&b);
}

void
mask_add_spellings(struct mask *m, const char *value, size_t n)
{
	mask_add_spellings_as(m, value, n, MASK_TEXT);
}

static bool
is_empty(const struct mask *m)
{
	return m == NULL || m->n == 0;
}

/* The longest secret that stands at p: its length, and what appears instead. 0 when none does. */
static size_t
secret_at(const struct mask *m, const char *p, size_t n, const char **shown)
{
	if (!m->starts[(unsigned char)*p])
		return 0;
	for (size_t i = 0; i < m->n; i++) {
		if (m->lengths[i] <= n && memcmp(m->values[i], p, m->lengths[i]) == 0) {
			*shown = m->shown[i];
			return m->lengths[i];
		}
	}
	return 0;
}

/* Whether the n bytes at p are the beginning of a secret, but not all of it. */
static bool
is_cut(const struct mask *m, const char *p, size_t n)
{
	if (!m->starts[(unsigned char)*p])
		return false;
	for (size_t i = 0; i < m->n && m->lengths[i] > n; i++)
		if (memcmp(m->values[i], p, n) == 0)
			return true;
	return false;
}

void
mask_put(const struct mask *m, struct buf *out, const char *p, size_t n)
{
	const char *from = p, *end, *shown;	/* from: the first byte not yet written */

	if (is_empty(m) || n == 0) {
		buf_add(out, p, n);
		return;
	}
	end = p + n;
	while (p < end) {
		size_t len = secret_at(m, p, (size_t)(end - p), &shown);

		if (len == 0) {
			p++;
			continue;
		}
		buf_add(out, from, (size_t)(p - from));
		buf_adds(out, shown);
		from = p += len;
	}
	buf_add(out, from, (size_t)(end - from));
}

bool
mask_hits(const struct mask *m, const char *p, size_t n)
{
	const char *shown;

	if (is_empty(m))
		return false;
	for (size_t i = 0; i < n; i++)
		if (secret_at(m, p + i, n - i, &shown) != 0)
			return true;
	return false;
}

size_t
mask_whole(const struct mask *m, const char *p, size_t n)
{
	const char *shown;
	size_t i = 0;

	if (is_empty(m))
		return n;
	/*
	 * The same walk as in mask_put, for a cut secret may overlap one that is there as a whole: which
	 * of the two counts is settled by where the one before has ended.
	 */
	while (i < n) {
		size_t len;

		if (n - i < m->longest && is_cut(m, p + i, n - i))
			return i;
		len = secret_at(m, p + i, n - i, &shown);
		i += len != 0 ? len : 1;
	}
	return n;
}
