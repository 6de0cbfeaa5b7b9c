/* Strings of the languages. */
#include "notebook/literal.h"

#include <ctype.h>
#include <string.h>

#include "base/utf8.h"

/* How a language differs from Python in its escapes. */
enum {
	ESCAPE_NO_X = 1,	/* it has no \xNN for characters, or not beside \u: \u00NN then */
	ESCAPE_X_IS_BYTE = 2,	/* \xNN from 80 on is a byte, not a character */
	ESCAPE_X_IS_GREEDY = 4,	/* \x takes more digits than two */
	ESCAPE_PAIRS = 8,	/* no \UNNNNNNNN: two halves of a surrogate pair */
	ESCAPE_DOLLAR = 16,	/* '$' in a string means something */
};

/* The code point at p, also half of a surrogate pair as base/json.h decodes it. Returns its length in bytes. */
static size_t
code_point(const char *p, size_t n, uint32_t *cp)
{
	const unsigned char *u = (const unsigned char *)p;
	size_t len = utf8_decode(p, n, cp);

	if (len != 0)
		return len;
	if (n >= 3 && u[0] == 0xed) {
		*cp = 0xd000 | (uint32_t)(u[1] & 0x3f) << 6 | (u[2] & 0x3f);
		return 3;
	}
	*cp = 0xfffd;	/* not in what JSON decodes to */
	return 1;
}

static bool
is_surrogate(uint32_t cp)
{
	return cp >= 0xd800 && cp < 0xe000;
}

/* Whether the character is shown as it is by Python's unicode_escape. */
static bool
is_plain(uint32_t cp)
{
	return cp >= 0x20 && cp < 0x7f && cp != '\\';
}

/* Appends an escape of a character; next is the one behind it, 0 at the end. */
static void
put_escape(struct buf *out, uint32_t cp, uint32_t next, int escapes)
{
	bool x = !(escapes & ESCAPE_NO_X) && (!(escapes & ESCAPE_X_IS_BYTE) || cp < 0x80) &&
	    (!(escapes & ESCAPE_X_IS_GREEDY) || next >= 0x80 || !isxdigit((int)next));

	if (cp == '\t')
		buf_adds(out, "\\t");
	else if (cp == '\n')
		buf_adds(out, "\\n");
	else if (cp == '\r')
		buf_adds(out, "\\r");
	else if (cp < 0x100 && x)
		buf_addf(out, "\\x%02x", (unsigned)cp);
	else if (cp < 0x10000)
		buf_addf(out, "\\u%04x", (unsigned)cp);
	else if (escapes & ESCAPE_PAIRS)
		buf_addf(out, "\\u%04x\\u%04x", (unsigned)(0xd7c0 + (cp >> 10)), (unsigned)(0xdc00 | (cp & 0x3ff)));
	else
		buf_addf(out, "\\U%08x", (unsigned)cp);
}

/* In double quotes, escaped as Python's unicode_escape does it, but for what the flags say. */
static int
put_escaped(struct buf *out, const char *s, size_t n, int escapes)
{
	const char *end = s + n;

	buf_addc(out, '"');
	for (const char *p = s; p < end;) {
		uint32_t cp, next = 0;

		p += code_point(p, (size_t)(end - p), &cp);
		if (p < end)
			code_point(p, (size_t)(end - p), &next);
		if (cp == '"' || cp == '\\' || (cp == '$' && (escapes & ESCAPE_DOLLAR)))
			buf_addc(out, '\\');
		if (is_plain(cp) || cp == '\\')
			buf_addc(out, (char)cp);
		else
			put_escape(out, cp, next, escapes);
	}
	buf_addc(out, '"');
	return 0;
}

/* Whether a string holds half of a surrogate pair. */
static bool
has_surrogate(const char *s, size_t n)
{
	return utf8_check(s, n) != n;
}

int
literal_python_string(struct literal *l, const char *s, size_t n)
{
	return put_escaped(l->out, s, n, 0);
}

int
literal_r_string(struct literal *l, const char *s, size_t n)
{
	bool ascii = true;

	if (memchr(s, '\0', n) != NULL)
		return literal_fault(l, "R has no strings with a NUL character");
	if (has_surrogate(s, n))
		return literal_fault(l, "R has no strings with half of a surrogate pair");
	for (size_t i = 0; i < n; i++)
		ascii = ascii && (unsigned char)s[i] < 0x80;
	/* \xNN is a byte, and an error in a string that has \uNNNN as well. */
	return put_escaped(l->out, s, n, ascii ? 0 : ESCAPE_NO_X);
}

int
literal_scala_string(struct literal *l, const char *s, size_t n)
{
	return put_escaped(l->out, s, n, ESCAPE_NO_X | ESCAPE_PAIRS);
}

int
literal_julia_string(struct literal *l, const char *s, size_t n)
{
	return put_escaped(l->out, s, n, ESCAPE_X_IS_BYTE | ESCAPE_DOLLAR);
}

int
literal_csharp_string(struct literal *l, const char *s, size_t n)
{
	return put_escaped(l->out, s, n, ESCAPE_X_IS_GREEDY);
}

/* What cannot stand between MATLAB's quotes, which know no escapes. */
static bool
is_matlab_number(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || is_surrogate(cp);
}

/* Appends the pieces of a string in quotes, and by their numbers the characters between them. */
static void
put_matlab(struct buf *out, const char *s, size_t n, char quote, const char *glue)
{
	const char *end = s + n;

	buf_addc(out, quote);
	for (const char *p = s; p < end;) {
		const char *from = p;
		uint32_t cp;

		p += code_point(p, (size_t)(end - p), &cp);
		if (is_matlab_number(cp)) {
			buf_addf(out, "%c%schar(%u)%s%c", quote, glue, (unsigned)cp, glue, quote);
		} else {
			if (cp == (unsigned char)quote)
				buf_addc(out, quote);
			buf_add(out, from, (size_t)(p - from));
		}
	}
	buf_addc(out, quote);
}

int
literal_matlab_string(struct literal *l, const char *s, size_t n)
{
	put_matlab(l->out, s, n, '"', " + ");
	return 0;
}

int
literal_matlab_chars(struct literal *l, const char *s, size_t n)
{
	const char *end = s + n;
	bool pieces = false;
	uint32_t cp;

	for (const char *p = s; p < end && !pieces;) {
		p += code_point(p, (size_t)(end - p), &cp);
		pieces = is_matlab_number(cp);
	}
	if (pieces)
		buf_addc(l->out, '[');
	put_matlab(l->out, s, n, '\'', " ");
	if (pieces)
		buf_addc(l->out, ']');
	return 0;
}

/* The escape character is the backtick; '$' starts a variable, and typographic quotes end a string like '"'. */
int
literal_powershell_string(struct literal *l, const char *s, size_t n)
{
	static const char letters[] = "0tnr", meanings[] = "\0\t\n\r";
	const char *end = s + n;

	buf_addc(l->out, '"');
	for (const char *p = s; p < end;) {
		const char *from = p, *letter;
		uint32_t cp;

		p += code_point(p, (size_t)(end - p), &cp);
		letter = cp < 0x20 ? memchr(meanings, (int)cp, 4) : NULL;
		if (letter != NULL) {
			buf_addf(l->out, "`%c", letters[letter - meanings]);
		} else if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || (cp >= 0x201c && cp <= 0x201e) || is_surrogate(cp)) {
			buf_addf(l->out, "`u{%x}", (unsigned)cp);
		} else {
			if (cp == '"' || cp == '`' || cp == '$')
				buf_addc(l->out, '`');
			buf_add(l->out, from, (size_t)(p - from));
		}
	}
	buf_addc(l->out, '"');
	return 0;
}

/* As Python's shlex.quote. */
int
literal_bash_string(struct literal *l, const char *s, size_t n)
{
	bool plain = n > 0;

	if (memchr(s, '\0', n) != NULL)
		return literal_fault(l, "bash has no strings with a NUL character");
	if (has_surrogate(s, n))
		return literal_fault(l, "bash has no strings with half of a surrogate pair");
	for (size_t i = 0; i < n; i++)
		plain = plain && (unsigned char)s[i] < 0x80 &&
		    (isalnum((unsigned char)s[i]) || strchr("_@%+=:,./-", s[i]) != NULL);
	if (plain) {
		buf_add(l->out, s, n);
		return 0;
	}
	buf_addc(l->out, '\'');
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\'')
			buf_adds(l->out, "'\"'\"'");
		else
			buf_addc(l->out, s[i]);
	}
	buf_addc(l->out, '\'');
	return 0;
}
