#include "html/text.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

/* ---- Escaping ---- */

/* Embeddings, overrides, isolates and marks: they make text look like other text. */
static bool
is_bidirectional(uint32_t cp)
{
	return (cp >= 0x202a && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069) || cp == 0x200e || cp == 0x200f || cp == 0x061c;
}

/* What a character of markup is written as in text; NULL for all others. */
static const char *
reference(char c)
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
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

static void
put_ascii(struct buf *b, unsigned char c)
{
	switch (c) {
	case '\r':
		break;
	case 0x7f:
		utf8_put(b, 0x2421);
		break;
	default:
		if (c >= 0x20 || c == '\t' || c == '\n')
			buf_addc(b, (char)c);
		else
			utf8_put(b, 0x2400u + c);
	}
}

/* How many bytes at p are plain: nothing to escape, where there is to be no markup, and nothing to look at. */
static size_t
plain(const char *p, size_t n, bool markup)
{
	size_t i = 0;

	while (i < n && ((unsigned char)p[i] >= 0x20 || p[i] == '\n' || p[i] == '\t') && (unsigned char)p[i] < 0x7f &&
	    (markup || reference(p[i]) == NULL))
		i++;
	return i;
}

static void
put(struct buf *b, const char *p, size_t n, bool markup)
{
	while (n > 0) {
		size_t len = plain(p, n, markup);
		uint32_t cp;

		if (len > 0) {
			buf_add(b, p, len);
		} else if (reference(*p) != NULL) {
			buf_adds(b, reference(*p));
			len = 1;
		} else if ((unsigned char)*p < 0x80) {
			put_ascii(b, (unsigned char)*p);
			len = 1;
		} else if ((len = utf8_decode(p, n, &cp)) == 0) {
			utf8_put(b, 0xfffd);
			len = 1;
		} else if (is_bidirectional(cp)) {
			buf_addf(b, "[U+%04X]", (unsigned)cp);
		} else if (cp < 0xa0) {
			buf_addf(b, "[U+%04X]", (unsigned)cp);	/* C1 */
		} else {
			buf_add(b, p, len);
		}
		p += len;
		n -= len;
	}
}

void
html_put(struct buf *b, const char *p, size_t n)
{
	put(b, p, n, false);
}

void
html_put_markup(struct buf *b, const char *p, size_t n)
{
	put(b, p, n, true);
}

void
html_puts(struct buf *b, const char *s)
{
	if (s != NULL)
		html_put(b, s, strlen(s));
}

/* ---- ANSI escape sequences ---- */

#define NO_COLOUR (-1)
#define RGB 0x1000000	/* with this, the lower 24 bits are a colour; without, it is one of the 16 */

/* What counts as dark and as bright, and lies between black and white, by brightness(). */
#define DARK 110
#define BRIGHT 160
#define MIDDLE 128

struct look {
	bool bold, faint, italic, underlined, inverse, struck;
	int colour, ground;
};

#define PLAIN ((struct look){.colour = NO_COLOUR, .ground = NO_COLOUR})

static bool
is_plain(const struct look *l)
{
	return !l->bold && !l->faint && !l->italic && !l->underlined && !l->inverse && !l->struck && l->colour == NO_COLOUR &&
	    l->ground == NO_COLOUR;
}

/* Of the 256 colours: 16, a cube of 6 by 6 by 6, and 24 greys. */
static int
of_256(unsigned n)
{
	static const unsigned char steps[] = {0, 95, 135, 175, 215, 255};

	if (n < 16)
		return (int)n;
	if (n > 255)
		return NO_COLOUR;
	if (n >= 232) {
		int grey = 8 + 10 * ((int)n - 232);

		return RGB | grey << 16 | grey << 8 | grey;
	}
	n -= 16;
	return RGB | steps[n / 36] << 16 | steps[n / 6 % 6] << 8 | steps[n % 6];
}

/* What follows 38 or 48: 5;N or 2;R;G;B. Returns how many numbers that were. */
static size_t
extended(const unsigned *numbers, size_t n, int *colour)
{
	if (n >= 2 && numbers[0] == 5) {
		*colour = of_256(numbers[1]);
		return 2;
	}
	if (n >= 4 && numbers[0] == 2) {
		*colour = RGB | (int)((numbers[1] & 255) << 16 | (numbers[2] & 255) << 8 | (numbers[3] & 255));
		return 4;
	}
	return n;
}

static void
apply(struct look *l, const unsigned *numbers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned code = numbers[i];

		if (code == 0)
			*l = PLAIN;
		else if (code == 1)
			l->bold = true;
		else if (code == 2)
			l->faint = true;
		else if (code == 3)
			l->italic = true;
		else if (code == 4)
			l->underlined = true;
		else if (code == 7)
			l->inverse = true;
		else if (code == 9)
			l->struck = true;
		else if (code == 22)
			l->bold = l->faint = false;
		else if (code == 23)
			l->italic = false;
		else if (code == 24)
			l->underlined = false;
		else if (code == 27)
			l->inverse = false;
		else if (code == 29)
			l->struck = false;
		else if (code >= 30 && code <= 37)
			l->colour = (int)code - 30;
		else if (code == 38)
			i += extended(numbers + i + 1, n - i - 1, &l->colour);
		else if (code == 39)
			l->colour = NO_COLOUR;
		else if (code >= 40 && code <= 47)
			l->ground = (int)code - 40;
		else if (code == 48)
			i += extended(numbers + i + 1, n - i - 1, &l->ground);
		else if (code == 49)
			l->ground = NO_COLOUR;
		else if (code >= 90 && code <= 97)
			l->colour = (int)code - 90 + 8;
		else if (code >= 100 && code <= 107)
			l->ground = (int)code - 100 + 8;
	}
}

/* How bright a colour looks, up to 255. */
static int
brightness(int colour)
{
	return ((colour >> 16 & 255) * 299 + (colour >> 8 & 255) * 587 + (colour & 255) * 114) / 1000;
}

/*
 * A colour was chosen for a terminal whose ground nobody knows here. On a ground that is as exact it stays as it is, and what
 * has none of its own is black or white there. Else it is --f, of the class ac, and ad when it is so dark that a dark page has
 * to make it brighter, al when it is too bright for a white one.
 */
static void
open_span(struct buf *b, const struct look *l)
{
	int colour = l->inverse ? l->ground : l->colour, ground = l->inverse ? l->colour : l->ground;
	bool alone = colour >= RGB && ground < RGB;

	buf_adds(b, "<span class=\"");
	buf_addf(b, "%s%s%s%s%s", l->bold ? "ab " : "", l->faint ? "af " : "", l->italic ? "ai " : "",
	    l->underlined ? "au " : "", l->struck ? "as " : "");
	if (l->inverse && colour == NO_COLOUR && ground == NO_COLOUR)
		buf_adds(b, "av ");
	if (colour != NO_COLOUR && colour < RGB)
		buf_addf(b, "a%d ", colour);
	if (ground != NO_COLOUR && ground < RGB)
		buf_addf(b, "b%d ", ground);
	if (alone)
		buf_addf(b, "ac %s", brightness(colour) < DARK ? "ad " : brightness(colour) > BRIGHT ? "al " : "");
	buf_addc(b, '"');
	if (colour >= RGB || ground >= RGB) {
		buf_adds(b, " style=\"");
		if (colour >= RGB)
			buf_addf(b, "%s:#%06x;", alone ? "--f" : "color", (unsigned)colour & 0xffffff);
		else if (colour == NO_COLOUR)
			buf_addf(b, "color:#%s;", brightness(ground) < MIDDLE ? "fff" : "000");
		if (ground >= RGB)
			buf_addf(b, "background:#%06x;", (unsigned)ground & 0xffffff);
		buf_addc(b, '"');
	}
	buf_addc(b, '>');
}

/* "\033[1;31m", from behind the '['. Returns how many bytes it has; one that does not end here has all that is left. */
static size_t
take_csi(const char *p, size_t n, struct look *l)
{
	unsigned numbers[32] = {0};
	size_t count = 0, i;
	bool private_use = false;

	for (i = 0; i < n && ((unsigned char)p[i] < 0x40 || (unsigned char)p[i] > 0x7e); i++) {
		if ((unsigned char)p[i] < 0x20 || (unsigned char)p[i] > 0x7e)
			return i;	/* no part of a sequence */
		if (p[i] >= '0' && p[i] <= '9') {
			if (numbers[count] < 10000)
				numbers[count] = numbers[count] * 10 + (unsigned)(p[i] - '0');
		} else if (p[i] == ';' || p[i] == ':') {
			if (count + 1 < sizeof(numbers) / sizeof(numbers[0]))
				count++;
		} else {
			private_use = true;
		}
	}
	if (i == n)
		return n;
	if (p[i] == 'm' && !private_use)
		apply(l, numbers, count + 1);
	return i + 1;
}

/* "\033]8;;...\033\\" and the like: up to BEL or ST, or to the end of the line. */
static size_t
take_string(const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n && p[i] != '\n'; i++) {
		if (p[i] == '\a')
			return i + 1;
		if (p[i] == '\033')
			return i + 1 < n && p[i + 1] == '\\' ? i + 2 : i;
	}
	return i;
}

/* A sequence, from its ESC. Returns how many bytes it has. */
static size_t
take_escape(const char *p, size_t n, struct look *l)
{
	if (n < 2)
		return n;
	if (p[1] == '[')
		return 2 + take_csi(p + 2, n - 2, l);
	if (p[1] == ']' || p[1] == 'P' || p[1] == '^' || p[1] == '_')
		return 2 + take_string(p + 2, n - 2);
	return (unsigned char)p[1] >= 0x20 && (unsigned char)p[1] < 0x7f ? 2 : 1;
}

void
html_put_terminal(struct buf *b, const char *p, size_t n)
{
	struct look look = PLAIN;
	bool open = false;

	while (n > 0) {
		const char *escape = memchr(p, '\033', n);
		size_t len = escape != NULL ? (size_t)(escape - p) : n;

		if (len > 0) {
			if (!open && !is_plain(&look)) {
				open_span(b, &look);
				open = true;
			}
			html_put(b, p, len);
		} else {
			struct look before = look;

			len = take_escape(p, n, &look);
			if (open && memcmp(&before, &look, sizeof(look)) != 0) {
				buf_adds(b, "</span>");
				open = false;
			}
		}
		p += len;
		n -= len;
	}
	if (open)
		buf_adds(b, "</span>");
}

/* At most n, not within a character. */
static size_t
whole(const char *p, size_t n)
{
	while (n > 0 && ((unsigned char)p[n] & 0xc0) == 0x80)
		n--;
	return n;
}

void
html_put_bounded(struct buf *b, const char *p, size_t n, size_t most, const char *source)
{
	size_t head, tail;

	if (n <= most) {
		html_put_terminal(b, p, n);
		return;
	}
	head = whole(p, most / 4 * 3);
	tail = whole(p, n - most / 4);
	html_put_terminal(b, p, head);
	buf_addf(b, "\n<span class=\"cut\">[%zu bytes are left out here", tail - head);
	if (source != NULL) {
		buf_adds(b, "; all of it is in ");
		html_puts(b, source);
	}
	buf_adds(b, "]</span>\n");
	html_put_terminal(b, p + tail, n - tail);
}

/* ---- Other forms ---- */

void
html_put_base64(struct buf *b, const void *p, size_t n)
{
	const unsigned char *bytes = p;

	while (n > 0) {
		int piece = n > 3u * 4096 ? 3 * 4096 : (int)n;

		b->len += (size_t)EVP_EncodeBlock((unsigned char *)buf_room(b, ((size_t)piece + 2) / 3 * 4 + 1), bytes, piece);
		bytes += piece;
		n -= (size_t)piece;
	}
}

void
html_put_path(struct buf *b, const char *path)
{
	const char *colon = strchr(path, ':'), *slash = strchr(path, '/');

	if (colon != NULL && (slash == NULL || colon < slash))
		buf_adds(b, "./");
	while (path[0] == '/' && path[1] == '/')
		path++;
	for (; *path != '\0'; path++) {
		unsigned char c = (unsigned char)*path;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("/-_.~+,=@:", c) != NULL)
			buf_addc(b, (char)c);
		else
			buf_addf(b, "%%%02X", c);
	}
}
