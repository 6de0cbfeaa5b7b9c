#include "databricks/plain.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/utf8.h"

#define ENTITY_MOST 10	/* characters between '&' and ';' */

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_tag(const char *s, size_t n)
{
	return n >= 2 && *s == '<' && (is_letter(s[1]) || s[1] == '/' || s[1] == '!');
}

bool
plain_is_html(const char *s, size_t n)
{
	return is_tag(s, n);
}

/* The character that "&#39;", "&#x27;" stands for; 0 for none. digits has a NUL byte behind it. */
static uint32_t
numbered(const char *digits)
{
	bool hex = *digits == 'x' || *digits == 'X';
	char *end;
	unsigned long n;

	digits += hex;
	if (strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789") != strlen(digits) || *digits == '\0')
		return 0;
	n = strtoul(digits, &end, hex ? 16 : 10);
	return n > 0x10ffff || (n >= 0xd800 && n < 0xe000) ? 0 : (uint32_t)n;
}

/* Appends what the entity at s, a '&', stands for. Returns its length, or 0 when it is none. */
static size_t
put_entity(struct buf *out, const char *s, size_t n)
{
	static const struct {
		const char *name, *text;
	} names[] = {{"lt", "<"}, {"gt", ">"}, {"amp", "&"}, {"quot", "\""}, {"apos", "'"}, {"nbsp", " "}};
	char name[ENTITY_MOST + 1];
	const char *end = memchr(s, ';', n < ENTITY_MOST + 2 ? n : ENTITY_MOST + 2);
	uint32_t c;

	if (end == NULL)
		return 0;
	memcpy(name, s + 1, (size_t)(end - s - 1));
	name[end - s - 1] = '\0';
	if (*name == '#' && (c = numbered(name + 1)) != 0) {
		utf8_put(out, c);
		return (size_t)(end - s) + 1;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i].name) != 0)
			continue;
		buf_adds(out, names[i].text);
		return (size_t)(end - s) + 1;
	}
	return 0;
}

void
plain_put_html(struct buf *out, const char *s, size_t n)
{
	const char *p = s, *end = s + n, *close;
	size_t len;

	while (p < end) {
		if (is_tag(p, (size_t)(end - p))) {
			close = memchr(p, '>', (size_t)(end - p));
			if (close == NULL)
				return;
			if (close - p >= 3 && strncasecmp(p + 1, "br", 2) == 0 && !is_letter(p[3]))
				buf_addc(out, '\n');
			p = close + 1;
		} else if (*p == '&' && (len = put_entity(out, p, (size_t)(end - p))) > 0) {
			p += len;
		} else {
			buf_addc(out, *p++);
		}
	}
}

/* Behind the escape sequence at p, an ESC. */
static const char *
skip_escape(const char *p, const char *end)
{
	if (++p == end)
		return end;
	if (*p == '[') {
		for (p++; p < end && *p >= ' ' && *p < '@'; p++)
			;
		return p < end && *p >= '@' && *p <= '~' ? p + 1 : p;
	}
	if (*p != ']')
		return p + 1;
	/* A string for the terminal itself, such as a link: up to BEL, or ESC \. */
	for (p++; p < end; p++) {
		if (*p == '\a')
			return p + 1;
		if (*p == '\033')
			return end - p >= 2 && p[1] == '\\' ? p + 2 : p;
	}
	return end;
}

void
plain_put_terminal(struct buf *out, const char *s, size_t n)
{
	const char *p = s, *end = s + n;

	while (p < end) {
		if (*p == '\033')
			p = skip_escape(p, end);
		else
			buf_addc(out, *p++);
	}
}

/* The length of what may be an exception's name at the start of a text, such as "org.apache.spark.SparkException". */
static size_t
name_length(const char *s)
{
	size_t n = 0;

	if (!is_letter(*s) && *s != '_' && (unsigned char)*s < 0x80)
		return 0;
	while (is_letter(s[n]) || (s[n] >= '0' && s[n] <= '9') || (unsigned char)s[n] >= 0x80 ||
	    (s[n] != '\0' && strchr("_.$", s[n]) != NULL))
		n++;
	return n;
}

void
plain_exception(const char *line, char **name, char **message)
{
	struct buf text = BUF_INIT, plain = BUF_INIT;
	const char *s;
	size_t n;

	if (plain_is_html(line, strlen(line)))
		plain_put_html(&text, line, strlen(line));
	else
		buf_adds(&text, line);
	plain_put_terminal(&plain, buf_str(&text), text.len);
	while (plain.len > 0 && strchr(" \t\r\n", plain.data[plain.len - 1]) != NULL)
		buf_truncate(&plain, plain.len - 1);
	s = buf_str(&plain);
	n = name_length(s);
	*name = NULL;
	if (n > 0 && (s[n] == '\0' || (s[n] == ':' && (s[n + 1] == ' ' || s[n + 1] == '\0')))) {
		*name = xmemdup0(s, n);
		s += n + (s[n] == ':');
		s += *s == ' ';
	}
	*message = xstrdup(s);
	buf_release(&plain);
	buf_release(&text);
}
