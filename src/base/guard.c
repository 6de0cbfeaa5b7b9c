#include "base/guard.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

bool
guard_wanted(void)
{
	static int wanted = -1;

	if (wanted == -1) {
		const char *github = getenv("GITHUB_ACTIONS"), *azure = getenv("TF_BUILD");

		wanted = (github != NULL && strcmp(github, "true") == 0) || (azure != NULL && *azure != '\0') ||
		    getenv("TEAMCITY_VERSION") != NULL;
	}
	return wanted;
}

bool
guard_begins(const char *p)
{
	if (p[0] != '#' || p[1] != '#')
		return false;
	p += 2;
	p += strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
	return *p == '[';
}

/* What the runner takes off before it looks for "::": white space, in the sense of Unicode. */
static size_t
blank(const char *p, size_t n)
{
	uint32_t cp;
	size_t len = utf8_decode(p, n, &cp);

	if (len == 0)
		return 0;
	if (cp == ' ' || cp == '\t' || cp == '\v' || cp == '\f' || cp == '\r' || cp == 0x85 || cp == 0xa0 || cp == 0x1680 ||
	    (cp >= 0x2000 && cp <= 0x200a) || cp == 0x2028 || cp == 0x2029 || cp == 0x202f || cp == 0x205f || cp == 0x3000)
		return len;
	return 0;
}

void
guard_lines(struct buf *b, enum guard_form form)
{
	static const struct {
		const char *hash, *colon;	/* instead of a "#" before another one, and of the first ":" of a line */
	} forms[] = {
		[GUARD_TEXT] = {"# ", "\\:"},
		[GUARD_JSON] = {"\\u0023", ":"},	/* no line of a document begins with one */
		[GUARD_XML] = {"&#35;", "&#58;"},
	};
	struct buf out = BUF_INIT;
	bool begins = true;

	if (!guard_wanted() || b->len == 0)
		return;
	for (size_t i = 0, len; i < b->len; i += len) {
		const char *p = b->data + i;

		len = 1;
		if (guard_begins(p)) {
			buf_adds(&out, forms[form].hash);
			begins = false;
		} else if (begins && p[0] == ':' && p[1] == ':') {
			buf_adds(&out, forms[form].colon);
			begins = false;
		} else if (*p == '\n' || *p == '\r') {
			buf_addc(&out, *p);
			begins = true;
		} else {
			size_t space = begins ? blank(p, b->len - i) : 0;

			begins = space > 0;
			len = space > 0 ? space : 1;
			buf_add(&out, p, len);
		}
	}
	buf_release(b);
	*b = out;
}
