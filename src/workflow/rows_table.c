#include "workflow/rows_table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/table.h"
#include "base/utf8.h"

/* A table being read. */
struct reader {
	struct rows *rows;
	const char *at, *end;
	char separator;
	const char *line_start;	/* of the line that at is in */
	unsigned line;
	char **names;	/* as JSON strings; owned */
	size_t n, cap;
	size_t made;	/* bytes of the rows' text, against ROWS_TEXT_MAX */
	const char *path;
	struct problems *problems;
	size_t before;	/* how many problems there were */
};

/* A place in the text. Its column is counted when it is asked for: a line may be the whole file. */
struct place {
	const char *line_start, *at;
	unsigned line;
};

static struct place
here(const struct reader *t)
{
	return (struct place){t->line_start, t->at, t->line};
}

/* Adds a problem; returns -1. */
static int
complain(struct reader *t, struct place place, const char *message)
{
	unsigned line, column;

	json_position(place.line_start, (size_t)(place.at - place.line_start), &line, &column);
	problems_add(t->problems, t->path, place.line + line - 1, column, "%s", message);
	return -1;
}

/* Whether the text can be read at all: what is no text is found before anything is made of it. */
static int
check_text(struct reader *t)
{
	size_t n = (size_t)(t->end - t->at);
	size_t good = utf8_check(t->at, n);
	const char *nul = n != 0 ? memchr(t->at, '\0', good) : NULL;

	if (nul == NULL && good == n)
		return 0;
	t->at = nul != NULL ? nul : t->at + good;
	return complain(t, here(t), nul != NULL ? "a NUL character; the file must be text" :
	    "invalid UTF-8; save the file as UTF-8");
}

/* What stands behind a field. */
enum after {
	ANOTHER,	/* a separator, which has been read */
	LINE_END,	/* it has been read; or the end of the text */
	NEITHER,
};

static enum after
read_after(struct reader *t)
{
	if (t->at < t->end && *t->at == t->separator) {
		t->at++;
		return ANOTHER;
	}
	if (t->at == t->end)
		return LINE_END;
	if (*t->at == '\r' && t->end - t->at >= 2 && t->at[1] == '\n')
		t->at++;
	if (*t->at != '\n')
		return NEITHER;
	t->line_start = ++t->at;
	t->line++;
	return LINE_END;
}

/* Appends what stands between quotes, from the first of them on. */
static int
read_quoted(struct reader *t, struct buf *out)
{
	const struct place opened = here(t);

	t->at++;
	for (;;) {
		const char *quote = memchr(t->at, '"', (size_t)(t->end - t->at)), *newline;

		if (quote == NULL)
			return complain(t, opened, "no quote ends the field that begins with this one");
		while ((newline = memchr(t->at, '\n', (size_t)(quote - t->at))) != NULL) {
			buf_add(out, t->at, (size_t)(newline + 1 - t->at));
			t->line_start = t->at = newline + 1;
			t->line++;
		}
		buf_add(out, t->at, (size_t)(quote - t->at));
		t->at = quote + 1;
		if (t->at == t->end || *t->at != '"')
			return 0;
		buf_addc(out, '"');
		t->at++;
	}
}

/* Reads a field, appends it, and what is behind it. What is wrong with it cannot be passed over. */
static int
read_field(struct reader *t, struct buf *out, enum after *after)
{
	const char *start = t->at;
	bool quoted = t->at < t->end && *t->at == '"';

	if (quoted) {
		if (read_quoted(t, out) == -1)
			return -1;
	} else {
		while (t->at < t->end && *t->at != t->separator && *t->at != '"' && *t->at != '\r' &&
		    *t->at != '\n')
			t->at++;
		buf_add(out, start, (size_t)(t->at - start));
	}
	*after = read_after(t);
	if (*after != NEITHER)
		return 0;
	if (*t->at == '\r')
		return complain(t, here(t), "a CR that no LF follows; lines end in LF or CR LF");
	if (quoted)
		return complain(t, here(t), "text behind the quote that ends a field; "
		    "a quote within a field is written twice");
	return complain(t, here(t), "a quote within a field that is not quoted; "
	    "put quotes around the field and write this one twice");
}

/* Passes over lines with nothing in them. */
static void
skip_empty_lines(struct reader *t)
{
	while (t->at < t->end) {
		const char *p = t->at;

		if (*p == '\r' && t->end - p >= 2)
			p++;
		if (*p != '\n')
			return;
		t->line_start = t->at = p + 1;
		t->line++;
	}
}

/* Appends a name; one that is wrong too, since others may be so as well. */
static void
add_name(struct reader *t, struct table *seen, const struct buf *name, struct place place)
{
	struct buf text = BUF_INIT;
	void **before;

	t->names = xgrow(t->names, t->n, &t->cap, sizeof(*t->names));
	json_put_string(&text, buf_str(name), name->len);
	t->names[t->n++] = xmemdup0(text.data, text.len);
	buf_reset(&text);
	before = table_at(seen, buf_str(name), name->len);
	if (t->problems->n - t->before >= ROWS_PROBLEMS_MAX)
		goto out;
	if (name->len == 0) {
		complain(t, place, "a name is empty; the first line has the names of the fields");
	} else if (*before != NULL) {
		buf_adds(&text, "the name '");
		utf8_put_visible(&text, name->data, name->len, 60);
		buf_adds(&text, "' is there twice");
		complain(t, place, buf_str(&text));
	}
	*before = t;
out:
	buf_release(&text);
}

static int
read_names(struct reader *t)
{
	struct table seen = TABLE_INIT;
	struct buf field = BUF_INIT;
	enum after after = ANOTHER;
	int result = -1;

	skip_empty_lines(t);
	if (t->at == t->end)
		return complain(t, here(t), "the file is empty; its first line must have the names of the fields");
	while (after == ANOTHER) {
		struct place place = here(t);

		buf_reset(&field);
		if (read_field(t, &field, &after) == -1)
			goto out;
		add_name(t, &seen, &field, place);
	}
	result = t->problems->n == t->before ? 0 : -1;
out:
	buf_release(&field);
	table_release(&seen);
	return result;
}

/* Reads a row and adds it. Returns -1 when nothing more can be read. */
static int
read_row(struct reader *t)
{
	const struct place start = here(t);
	const struct mark mark = {t->line, 1};
	struct buf field = BUF_INIT, row = BUF_INIT;
	enum after after = ANOTHER;
	size_t n = 0;
	int result = -1;

	buf_addc(&row, '{');
	for (; after == ANOTHER; n++) {
		buf_reset(&field);
		if (read_field(t, &field, &after) == -1)
			goto out;
		if (n >= t->n)
			continue;
		buf_adds(&row, n > 0 ? ", " : "");
		buf_adds(&row, t->names[n]);
		buf_adds(&row, ": ");
		json_put_string(&row, buf_str(&field), field.len);
	}
	buf_addc(&row, '}');
	t->made += row.len;
	if (t->made > ROWS_TEXT_MAX) {
		complain(t, start, "the rows up to this one take more than 256 MiB with their names; split the file");
		goto out;
	}
	if (n != t->n)
		problems_add(t->problems, t->path, mark.line, mark.column, "%zu field%s, where the first line has %zu "
		    "name%s", n, n == 1 ? "" : "s", t->n, t->n == 1 ? "" : "s");
	else if (rows_add(t->rows, (struct json){row.data, row.len}, t->path, mark, t->problems) == -1)
		goto out;
	result = t->problems->n - t->before < ROWS_PROBLEMS_MAX ? 0 : -1;
out:
	buf_release(&row);
	buf_release(&field);
	return result;
}

int
rows_table(struct rows *r, const struct buf *text, char separator, const char *path, struct problems *p)
{
	struct reader t = {
		.rows = r, .at = buf_str(text), .separator = separator, .line = 1, .path = path, .problems = p,
		.before = p->n,
	};

	t.end = t.at + text->len;
	if (text->len >= 3 && memcmp(t.at, "\xef\xbb\xbf", 3) == 0)
		t.at += 3;
	t.line_start = t.at;
	if (check_text(&t) == 0 && read_names(&t) == 0) {
		skip_empty_lines(&t);
		while (t.at < t.end && read_row(&t) == 0)
			skip_empty_lines(&t);
	}
	for (size_t i = 0; i < t.n; i++)
		free(t.names[i]);
	free(t.names);
	return p->n == t.before ? 0 : -1;
}
