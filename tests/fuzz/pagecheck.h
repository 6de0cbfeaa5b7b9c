/*
 * What every page that nbfork writes has to be, whatever the text is that somebody else wrote in it: well-formed, made of
 * elements that it knows, with no script but its own, no handler of events, no link to a script, and no frame with what
 * belongs into none.
 */
#ifndef NBFORK_TESTS_FUZZ_PAGECHECK_H
#define NBFORK_TESTS_FUZZ_PAGECHECK_H

#include <assert.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/utf8.h"

/* The characters of an attribute's value. */
static inline void
page_decode(struct buf *out, const char *p, size_t n)
{
	static const char *const references[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;", "&#x27;"};
	static const char characters[] = "&<>\"''";

	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (k < 6 && (strlen(references[k]) > n - i || memcmp(p + i, references[k], strlen(references[k])) != 0))
			k++;
		assert(p[i] != '&' || k < 6);
		buf_addc(out, p[i] == '&' ? characters[k] : p[i]);
		i += p[i] == '&' ? strlen(references[k]) - 1 : 0;
	}
}

/* HTML of a notebook as a frame has it: the first head is the page's own. */
static inline void
page_check_frame(const char *p, size_t n)
{
	static const char *const unwanted[] = {"link", "meta", "base", "iframe", "frame", "object", "embed", "portal"};
	const char *end = p + n, *own = memmem(p, n, "</style>", 8);

	assert(n > 15 && memcmp(p, "<!DOCTYPE html>", 15) == 0 && own != NULL);
	assert(memchr(p, '\0', n) == NULL && memchr(p, '\r', n) == NULL);
	for (p = own + 8; (p = memchr(p, '<', (size_t)(end - p))) != NULL;) {
		p++;
		for (size_t i = 0; i < sizeof(unwanted) / sizeof(unwanted[0]); i++)
			assert((size_t)(end - p) <= strlen(unwanted[i]) || strncasecmp(p, unwanted[i], strlen(unwanted[i])) != 0);
	}
}

static inline void
page_check_attribute(const char *name, size_t n, const char *p, size_t len)
{
	static const char *const schemes[] = {"javascript:", "vbscript:", "data:", "file:"};
	static const char picture[] = "data:image/";
	struct buf value = BUF_INIT, bare = BUF_INIT;

	assert(n < 2 || strncasecmp(name, "on", 2) != 0);
	assert(memchr(p, '<', len) == NULL);
	page_decode(&value, p, len);
	if (n == 6 && memcmp(name, "srcdoc", 6) == 0)
		page_check_frame(buf_str(&value), value.len);
	else if (n == 3 && memcmp(name, "src", 3) == 0)
		assert(value.len == 0 || strncasecmp(buf_str(&value), "data:image/", 11) == 0 ||
		    strncasecmp(buf_str(&value), "attachment:", 11) == 0);	/* one that is missing */
	/* A browser leaves white space out of them. */
	for (size_t i = 0; i < value.len; i++)
		if ((unsigned char)value.data[i] > ' ')
			buf_addc(&bare, value.data[i]);
	for (size_t i = 0; n == 4 && memcmp(name, "href", 4) == 0 && i < sizeof(schemes) / sizeof(schemes[0]); i++)
		assert(strncasecmp(buf_str(&bare), schemes[i], strlen(schemes[i])) != 0 ||
		    strncasecmp(buf_str(&bare), picture, sizeof(picture) - 1) == 0);
	buf_release(&value);
	buf_release(&bare);
}

/* A tag, from behind its '<'. Returns where it ends. */
static inline const char *
page_check_tag(const char *p, const char *end, size_t name)
{
	p += name;
	while (p < end && *p != '>') {
		const char *start = p + strspn(p, " "), *value, *quote;

		if (start[0] == '/' && start[1] == '>')
			return start + 2;
		assert(start > p);
		p = start + strspn(start, "abcdefghijklmnopqrstuvwxyz-");
		assert(p > start);
		if (*p != '=') {
			page_check_attribute(start, (size_t)(p - start), "", 0);
			continue;
		}
		assert(p[1] == '"');
		value = p + 2;
		quote = memchr(value, '"', (size_t)(end - value));
		assert(quote != NULL);
		page_check_attribute(start, (size_t)(p - start), value, (size_t)(quote - value));
		p = quote + 1;
	}
	assert(p < end);
	return p + 1;
}

/* scripts: how many there are to be. */
static inline void
page_check(const struct buf *page, unsigned scripts)
{
	static const char known[] = " html head meta title style body header h1 h2 h3 h4 h5 h6 nav a main section div p pre span "
	    "small details summary iframe img table thead tbody tr th td ul ol li em strong code blockquote hr br del input script "
	    "footer ";
	const char *p = page->data, *end = p + page->len;
	unsigned found = 0;

	assert(utf8_check(p, page->len) == page->len);
	for (size_t i = 0; i < page->len; i++)
		assert((unsigned char)p[i] >= 0x20 || p[i] == '\t' || p[i] == '\n');	/* JSON may have 0x7f */
	while ((p = memchr(p, '<', (size_t)(end - p))) != NULL) {
		bool closes = *++p == '/';
		char name[16];
		size_t n;

		if (strncmp(p, "!DOCTYPE html>", 14) == 0 || strncmp(p, "!-- raw HTML omitted -->", 24) == 0)
			continue;
		p += closes;
		n = strspn(p, "abcdefghijklmnopqrstuvwxyz0123456789");
		assert(n > 0 && n < sizeof(name) - 2);
		name[0] = name[n + 1] = ' ';
		memcpy(name + 1, p, n);
		name[n + 2] = '\0';
		assert(strstr(known, name) != NULL);
		if (closes) {
			assert(p[n] == '>');
			continue;
		}
		p = page_check_tag(p, end, n);
		found += strcmp(name, " script ") == 0;
		if (strcmp(name, " script ") == 0 || strcmp(name, " style ") == 0) {
			p = strcasestr(p, name[2] == 'c' ? "</script" : "</style");
			assert(p != NULL);
		}
	}
	assert(found == scripts);
	assert(page->len > 8 && memcmp(end - 8, "</html>\n", 8) == 0);
}

#endif
