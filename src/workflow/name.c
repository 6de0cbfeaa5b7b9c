#include "workflow/name.h"

#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

#define WORD_MAX 40	/* longer ones are no misspelt keys */

const char *
name_fault(const char *s)
{
	size_t n = strlen(s);

	if (n == 0)
		return "is empty";
	if (n > NAME_BYTES_MAX)
		return "is longer than 200 bytes";
	if (*s == '.')
		return "begins with '.'";
	if (*s == '-')
		return "begins with '-'";
	if (strchr(s, '/') != NULL)
		return "holds a '/'";
	if (utf8_check(s, n) != n)
		return "is not UTF-8";
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		/* U+0080 to U+009F are control characters too. */
		if (c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)s[i + 1] < 0xa0))
			return "holds a control character";
	}
	return NULL;
}

bool
name_is_identifier(const char *s)
{
	if (*s == '\0' || (*s >= '0' && *s <= '9') || utf8_check(s, strlen(s)) != strlen(s))
		return false;
	for (; *s != '\0'; s++) {
		bool letter = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (unsigned char)*s >= 0x80;

		if (!letter && *s != '_' && !(*s >= '0' && *s <= '9'))
			return false;
	}
	return true;
}

char *
name_of_path(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	const char *dot = strrchr(name, '.');

	/* The dot that a name begins with makes a file hidden; it begins no ending. */
	if (dot == NULL || dot == name)
		return xstrdup(name);
	return xmemdup0(name, (size_t)(dot - name));
}

bool
name_ends(const char *s, const char *ending)
{
	size_t n = strlen(s), k = strlen(ending);

	return n >= k && strcmp(s + n - k, ending) == 0;
}

const char *const name_notebook_endings[] = {".ipynb", ".py", ".sql", ".r", ".R", ".scala", NULL};

const char *
name_notebook_ending(const char *s)
{
	for (const char *const *ending = name_notebook_endings; *ending != NULL; ending++)
		if (name_ends(s, *ending))
			return *ending;
	return NULL;
}

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* The restricted Damerau-Levenshtein distance of two words of at most WORD_MAX bytes. */
static unsigned
distance(const char *a, size_t na, const char *b, size_t nb)
{
	unsigned rows[3][WORD_MAX + 1];	/* the row of this letter of a, of the one before, of the one before that */
	unsigned *now = rows[0], *last = rows[1], *before = rows[2], *spare;

	for (size_t k = 0; k <= nb; k++)
		now[k] = (unsigned)k;
	for (size_t i = 1; i <= na; i++) {
		spare = before;
		before = last;
		last = now;
		now = spare;
		now[0] = (unsigned)i;
		for (size_t k = 1; k <= nb; k++) {
			now[k] = least(least(last[k], now[k - 1]) + 1, last[k - 1] + (a[i - 1] != b[k - 1]));
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
				now[k] = least(now[k], before[k - 2] + 1);
		}
	}
	return now[nb];
}

void
guess_consider(struct guess *g, const char *known)
{
	size_t n = strlen(g->word), nknown = strlen(known);
	size_t apart = n > nknown ? n - nknown : nknown - n;	/* the distance is no less */
	unsigned limit = n < 6 ? 1 : 2, d;

	if (n < 2 || n > WORD_MAX || nknown > WORD_MAX)
		return;
	d = apart > limit ? limit + 1 : distance(g->word, n, known, nknown);
	/* "timeout" for "timeout_seconds", "params" and "working_dir" are mistakes of another kind, and common ones. */
	if (d > limit && n >= 4 && (strncmp(known, g->word, n) == 0 || (n >= 5 && strncmp(known, g->word, n - 1) == 0)))
		d = limit;
	if (d <= limit && (g->best == NULL || d < g->distance)) {
		g->best = known;
		g->distance = d;
	}
}
