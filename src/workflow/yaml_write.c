#include "workflow/yaml_write.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"

/* Whether the character may stand in a file as it is, and is seen there. */
static bool
is_printable(uint32_t cp)
{
	return cp >= 0x20 && !(cp >= 0x7f && cp < 0xa0) && cp != 0x2028 && cp != 0x2029 && cp != 0xfeff && cp != 0xfffe &&
	    cp != 0xffff && !(cp >= 0x202a && cp <= 0x202e) && !(cp >= 0x2066 && cp <= 0x2069);
}

static bool
all_printable(const char *s, size_t n)
{
	uint32_t cp;

	for (size_t i = 0, length; i < n; i += length)
		if ((length = utf8_decode(s + i, n - i, &cp)) == 0 || !is_printable(cp))
			return false;
	return true;
}

/* Appends text with what is not printable as an escape of JSON's. */
static void
put_escaped(struct buf *out, const char *s, size_t n)
{
	uint32_t cp;

	for (size_t i = 0, length; i < n; i += length) {
		length = utf8_decode(s + i, n - i, &cp);
		if (length == 0) {
			buf_adds(out, "\\ufffd");	/* half of a pair */
			length = 1;
		} else if (is_printable(cp)) {
			buf_add(out, s + i, length);
		} else {
			buf_addf(out, "\\u%04x", (unsigned)cp);
		}
	}
}

/* Whether plain text is text, whatever comes before and behind it. */
static bool
is_plain(const char *s, size_t n)
{
	static const char *const others[] = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
	bool letter = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || *s == '_' || (*s & 0x80) != 0;

	if (!letter || s[n - 1] == ' ')
		return false;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strlen(others[i]) == n && strncasecmp(others[i], s, n) == 0)
			return false;
	for (size_t i = 0; i < n; i++)
		if (strchr("_-./ +", s[i]) == NULL && !(s[i] >= '0' && s[i] <= '9') && !(s[i] >= 'a' && s[i] <= 'z') &&
		    !(s[i] >= 'A' && s[i] <= 'Z') && (s[i] & 0x80) == 0)
			return false;
	return true;
}

void
yaml_put_text(struct buf *out, const char *s, size_t n)
{
	struct buf json = BUF_INIT;

	if (!all_printable(s, n)) {
		json_put_string(&json, s, n);
		put_escaped(out, json.data, json.len);
		buf_release(&json);
	} else if (n > 0 && is_plain(s, n)) {
		buf_add(out, s, n);
	} else {
		buf_addc(out, '\'');
		for (size_t i = 0; i < n; i++) {
			if (s[i] == '\'')
				buf_addc(out, '\'');
			buf_addc(out, s[i]);
		}
		buf_addc(out, '\'');
	}
}

void
yaml_put_value(struct buf *out, struct json v)
{
	struct buf text = BUF_INIT;

	if (json_type(v) == JSON_STRING) {
		json_decode(&text, v);
		if (text.len == 0 || utf8_check(text.data, text.len) == text.len)
			yaml_put_text(out, buf_str(&text), text.len);
		else
			put_escaped(out, v.text, v.len);
	} else {
		json_put(&text, v, &JSON_ONE_LINE);
		put_escaped(out, buf_str(&text), text.len);
	}
	buf_release(&text);
}
