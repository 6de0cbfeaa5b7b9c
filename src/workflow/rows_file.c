/* Rows from a file: lists of JSON here, tables in rows_table.c. */
#include "workflow/rows.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/file.h"
#include "workflow/rows_table.h"

/* ---- JSON ---- */

/* Whether a file may be wrong as a whole because it is one of lines: the first one alone is a value. */
static bool
is_of_lines(const struct buf *text, const struct json_error *e)
{
	const char *newline = text->len != 0 ? memchr(text->data, '\n', text->len) : NULL;
	struct json value;

	return newline != NULL && e->line > 1 &&
	    json_parse(text->data, (size_t)(newline - text->data), &value, NULL) == 0;
}

static int
read_json(struct rows *r, const struct buf *text, const char *path, struct problems *p)
{
	struct json whole, value;
	struct json_error e;
	struct json_iter it;
	struct mark at = {1, 1};
	const char *counted;

	if (json_parse(text->data, text->len, &whole, &e) == -1) {
		problems_add(p, path, e.line, e.column, "%s%s", e.message,
		    is_of_lines(text, &e) ? "; a file with a value on each line ends in .jsonl" : "");
		return -1;
	}
	if (json_type(whole) != JSON_ARRAY) {
		json_position(text->data, (size_t)(whole.text - text->data), &at.line, &at.column);
		problems_add(p, path, at.line, at.column, "the file must hold a list of rows, not %s; put it between "
		    "'[' and ']', or end the file's name in .jsonl for a value on each line",
		    json_type(whole) == JSON_OBJECT ? "an object" : "a single value");
		return -1;
	}
	json_walk(&it, whole);
	counted = text->data;
	while (json_next(&it, NULL, &value)) {
		unsigned lines, column;

		/* On from the last row: counting from the start for each one would take the square of the time. */
		json_position(counted, (size_t)(value.text - counted), &lines, &column);
		at.line += lines - 1;
		at.column = lines > 1 ? column : at.column + column - 1;
		counted = value.text;
		if (rows_add(r, value, path, at, p) == -1)
			return -1;
	}
	return 0;
}

static bool
is_blank(const char *s, size_t n)
{
	while (n > 0 && (*s == ' ' || *s == '\t' || *s == '\r')) {
		s++;
		n--;
	}
	return n == 0;
}

static int
read_json_lines(struct rows *r, const struct buf *text, const char *path, struct problems *p)
{
	const char *line = buf_str(text), *end = line + text->len;
	size_t before = p->n;

	for (struct mark at = {1, 1}; line < end && p->n - before < ROWS_PROBLEMS_MAX; at.line++) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		size_t n = (size_t)((newline != NULL ? newline : end) - line);
		struct json value;
		struct json_error e;

		if (!is_blank(line, n)) {
			if (json_parse(line, n, &value, &e) == -1)
				problems_add(p, path, at.line, e.column, "%s", e.message);
			else if (rows_add(r, value, path, at, p) == -1 && r->n >= ROWS_MAX)
				return -1;
		}
		line = newline != NULL ? newline + 1 : end;
	}
	return p->n == before ? 0 : -1;
}

/* ---- Any file ---- */

static int
read_commas(struct rows *r, const struct buf *text, const char *path, struct problems *p)
{
	return rows_table(r, text, ',', path, p);
}

static int
read_tabs(struct rows *r, const struct buf *text, const char *path, struct problems *p)
{
	return rows_table(r, text, '\t', path, p);
}

static const struct {
	const char *ending;
	int (*read)(struct rows *r, const struct buf *text, const char *path, struct problems *p);
} formats[] = {
	{".csv", read_commas},
	{".tsv", read_tabs},
	{".json", read_json},
	{".jsonl", read_json_lines},
	{".ndjson", read_json_lines},
};

static const char *
reason(int error)
{
	switch (error) {
	case EFBIG:
		return "it has more than 64 MiB";
	case EINVAL:
		return "it is no regular file";
	default:
		return strerror(error);
	}
}

int
rows_file(struct rows *r, const char *path, const char *label, struct mark at, struct problems *p)
{
	const size_t nformats = sizeof(formats) / sizeof(formats[0]), len = strlen(path);
	struct buf text = BUF_INIT;
	size_t i = 0;
	int result = -1;

	while (i < nformats && (len < strlen(formats[i].ending) ||
	    strcasecmp(path + len - strlen(formats[i].ending), formats[i].ending) != 0))
		i++;
	if (i == nformats) {
		problems_add(p, label, at.line, at.column,
		    "'%s' is no file of rows, whose name ends in .csv, .tsv, .json, .jsonl or .ndjson", path);
		return -1;
	}
	if (file_read_regular(path, &text, ROWS_BYTES_MAX) == -1)
		problems_add(p, label, at.line, at.column, "cannot read '%s': %s", path, reason(errno));
	else
		result = formats[i].read(r, &text, path, p);
	buf_release(&text);
	return result;
}
