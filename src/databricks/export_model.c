#include "databricks/export_model.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#define NAME "__DATABRICKS_NOTEBOOK_MODEL"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The text between the quotes that NAME = '...' has, where NAME ends at p. JSON_NOTHING when there are none. */
static struct json
quoted_at(const char *p, const char *end)
{
	const char *close;

	while (p < end && is_blank(*p))
		p++;
	if (p == end || *p++ != '=')
		return JSON_NOTHING;
	while (p < end && is_blank(*p))
		p++;
	if (p == end || (*p != '\'' && *p != '"'))
		return JSON_NOTHING;
	close = memchr(p + 1, *p, (size_t)(end - p - 1));
	return close != NULL ? (struct json){p + 1, (size_t)(close - p - 1)} : JSON_NOTHING;
}

/* A page may speak of the name before it sets it. */
static struct json
find_model(const struct buf *page)
{
	const char *p = buf_str(page), *end = p + page->len;
	struct json found = JSON_NOTHING;

	while (found.text == NULL && (p = memmem(p, (size_t)(end - p), NAME, strlen(NAME))) != NULL) {
		p += strlen(NAME);
		found = quoted_at(p, end);
	}
	return found;
}

bool
model_put_base64(struct buf *out, const char *text, size_t n)
{
	int got;

	if (n == 0 || n % 4 != 0 || n > INT_MAX)
		return false;
	got = EVP_DecodeBlock((unsigned char *)buf_room(out, n), (const unsigned char *)text, (int)n);
	if (got < 0)
		return false;
	for (size_t i = 1; i <= 2 && text[n - i] == '='; i++)
		got--;	/* the padding has been decoded too */
	if (got < 0)
		return false;
	out->len += (size_t)got;
	out->data[out->len] = '\0';
	return true;
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Appends URL-encoded text as what it stands for. */
static void
put_unquoted(struct buf *out, const struct buf *quoted)
{
	const char *p = buf_str(quoted), *end = p + quoted->len;

	while (p < end) {
		if (*p == '%' && end - p > 2 && digit(p[1]) >= 0 && digit(p[2]) >= 0) {
			buf_addc(out, (char)(digit(p[1]) * 16 + digit(p[2])));
			p += 3;
		} else {
			buf_addc(out, *p++);
		}
	}
}

int
model_read(struct json *model, struct buf *text, struct json answer)
{
	struct buf page = BUF_INIT, quoted = BUF_INIT;
	struct json found = JSON_NOTHING, view;
	struct json_iter it;
	int result = -1;

	json_walk(&it, json_get(answer, "views"));
	while (found.text == NULL && json_next(&it, NULL, &view)) {
		buf_reset(&page);
		json_decode(&page, json_get(view, "content"));
		found = find_model(&page);
	}
	if (found.text != NULL && model_put_base64(&quoted, found.text, found.len)) {
		buf_release(&page);	/* each of these may be large */
		put_unquoted(text, &quoted);
		if (json_parse(buf_str(text), text->len, model, NULL) == 0 && json_type(*model) == JSON_OBJECT)
			result = 0;
	}
	buf_release(&page);
	buf_release(&quoted);
	return result;
}
