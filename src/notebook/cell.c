#include "notebook/cell.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "base/table.h"
#include "base/utf8.h"

#define ID_BYTES_MAX 64	/* nbformat's schema */

struct cell_members
cell_members(struct json cell)
{
	struct cell_members m = {.cell_type = JSON_NOTHING};
	struct {
		const char *key;
		struct json *value;
	} known[] = {
		{"cell_type", &m.cell_type}, {"source", &m.source}, {"metadata", &m.metadata},
		{"outputs", &m.outputs}, {"execution_count", &m.execution_count}, {"id", &m.id},
	};
	struct json_iter it;
	struct json key, value;

	json_walk(&it, cell);
	while (json_next(&it, &key, &value))
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			if (json_is(key, known[i].key))
				*known[i].value = value;
	return m;
}

static const char *const type_names[] = {
	[CELL_CODE] = "code",
	[CELL_MARKDOWN] = "markdown",
	[CELL_RAW] = "raw",
};

bool
cell_type_parse(struct json cell_type, enum cell_type *type)
{
	for (size_t i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++) {
		if (json_is(cell_type, type_names[i])) {
			*type = (enum cell_type)i;
			return true;
		}
	}
	return false;
}

const char *
cell_type_name(enum cell_type type)
{
	return type_names[type];
}

void
cell_source(const struct cell *c, struct buf *b)
{
	struct json_iter it;
	struct json line;

	if (c->json.text == NULL) {
		buf_adds(b, c->added_source);
		return;
	}
	json_decode(b, c->file.source);
	json_walk(&it, c->file.source);
	while (json_next(&it, NULL, &line))
		json_decode(b, line);
}

void
cell_code(const struct cell *c, struct buf *b)
{
	if (c->added_code != NULL)
		buf_adds(b, c->added_code);
	else
		cell_source(c, b);
}

void
cell_position(const struct notebook *nb, const struct cell *c, unsigned *line, unsigned *column)
{
	const char *at = c->file.source.text != NULL ? c->file.source.text : c->json.text;

	*line = c->line;
	*column = c->line != 0;
	if (c->line == 0 && at != NULL)
		json_position(nb->text.data, (size_t)(at - nb->text.data), line, column);
}

static bool
is_word_character(char c)
{
	return c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c & 0x80) != 0;
}

bool
cell_has_word(const struct cell *c, const char *text)
{
	const size_t n = strlen(text);
	struct buf source = BUF_INIT;
	bool has = false;

	cell_source(c, &source);
	for (const char *p = buf_str(&source); !has && (p = strstr(p, text)) != NULL; p++)
		has = (p == source.data || !is_word_character(p[-1])) && !is_word_character(p[n]);
	buf_release(&source);
	return has;
}

bool
cell_has_tag(const struct cell *c, const char *tag)
{
	struct json_iter it;
	struct json item;

	if (c->json.text == NULL)
		return strcmp(c->added_tag, tag) == 0;
	json_walk(&it, json_get(c->file.metadata, "tags"));
	while (!it.object && json_next(&it, NULL, &item))
		if (json_is(item, tag))
			return true;
	return false;
}

/* What str.isspace() is true of. */
static bool
is_white(uint32_t cp)
{
	return (cp >= 0x09 && cp <= 0x0d) || (cp >= 0x1c && cp <= 0x20) || cp == 0x85 || cp == 0xa0 || cp == 0x1680 ||
	    (cp >= 0x2000 && cp <= 0x200a) || cp == 0x2028 || cp == 0x2029 || cp == 0x202f || cp == 0x205f || cp == 0x3000;
}

static bool
is_blank(const char *p, size_t n)
{
	while (n > 0) {
		uint32_t cp;
		size_t len = utf8_decode(p, n, &cp);

		if (len == 0 || !is_white(cp))
			return false;
		p += len;
		n -= len;
	}
	return true;
}

bool
cell_is_skipped(const struct cell *c)
{
	struct buf source = BUF_INIT;
	bool blank;

	if (c->type != CELL_CODE || c->passed_over || cell_has_tag(c, "skip-execution"))
		return true;
	cell_source(c, &source);
	blank = is_blank(buf_str(&source), source.len);
	buf_release(&source);
	return blank;
}

/* Whether nbformat's schema takes it for an id. */
static bool
is_valid_id(const char *s, size_t n)
{
	if (n == 0 || n > ID_BYTES_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((s[i] < 'a' || s[i] > 'z') && (s[i] < 'A' || s[i] > 'Z') && (s[i] < '0' || s[i] > '9') &&
		    s[i] != '-' && s[i] != '_')
			return false;
	return true;
}

/* As nbformat makes them: 8 hexadecimal digits. */
static void
draw_id(char id[72])
{
	uint32_t random;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		log_fatal("cannot draw a random number");
	snprintf(id, 72, "%08x", (unsigned)random);
}

void
cells_complete_ids(struct cell *cells, size_t n)
{
	static char taken[] = "taken";	/* stands for any value that is not NULL */
	struct table ids = TABLE_INIT;
	struct buf id = BUF_INIT;
	void **place;

	/* First all that are there: a new one must not be one that comes later. */
	for (size_t i = 0; i < n; i++) {
		buf_reset(&id);
		json_decode(&id, cells[i].file.id);
		cells[i].id[0] = '\0';
		place = is_valid_id(buf_str(&id), id.len) ? table_at(&ids, id.data, id.len) : NULL;
		if (place != NULL && *place == NULL)
			*place = taken;
		else
			cells[i].id[0] = '?';
	}
	for (size_t i = 0; i < n; i++) {
		while (cells[i].id[0] != '\0') {
			draw_id(cells[i].id);
			place = table_at(&ids, cells[i].id, strlen(cells[i].id));
			if (*place == NULL) {
				*place = taken;
				break;
			}
		}
	}
	buf_release(&id);
	table_release(&ids);
}

static bool
is_taken(const char *id, const struct cell *cells, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (cells[i].id[0] != '\0' ? strcmp(cells[i].id, id) == 0 : json_is(cells[i].file.id, id))
			return true;
	}
	return false;
}

void
cell_new_id(struct cell *c, const struct cell *cells, size_t n)
{
	do
		draw_id(c->id);
	while (is_taken(c->id, cells, n));
}
