#include "local/nesting.h"

#include <string.h>

/* Behind the string that starts at p, in checked text. */
static const char *
skip_string(const char *p, const char *end)
{
	const char *quote = p, *b;

	do {
		quote = memchr(quote + 1, '"', (size_t)(end - quote - 1));
		if (quote == NULL)
			return end;
		for (b = quote; b[-1] == '\\'; b--)
			;
	} while ((quote - b) % 2 != 0);
	return quote + 1;
}

bool
nesting_is_fine(struct json v)
{
	const char *p = v.text, *end;
	size_t depth = 0;

	if (v.len <= 2 * NESTING_MAX)
		return true;	/* each container takes two characters */
	end = v.text + v.len;
	while (p < end) {
		switch (*p) {
		case '"':
			p = skip_string(p, end);
			continue;
		case '[':
		case '{':
			if (++depth > NESTING_MAX)
				return false;
			break;
		case ']':
		case '}':
			depth--;
			break;
		}
		p++;
	}
	return true;
}
