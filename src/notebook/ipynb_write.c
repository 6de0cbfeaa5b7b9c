/* Writing notebooks: which members of which objects the run has something new for. */
#include "notebook/ipynb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "notebook/cell.h"
#include "notebook/patch.h"

#define CELLS_LEVEL 2	/* of the cells in nbformat's form */

/* What is to become of a cell, and the text of its new values. */
struct cell_edits {
	struct edit members[6], metadata[3];
	size_t nmembers, nmetadata;
	struct buf type, count, id, timing, papermill, tags, source;
};

static void
cell_edits_reset(struct cell_edits *e)
{
	struct buf *const all[] = {&e->type, &e->count, &e->id, &e->timing, &e->papermill, &e->tags, &e->source};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		buf_reset(all[i]);
	e->nmembers = e->nmetadata = 0;
}

static void
cell_edits_release(struct cell_edits *e)
{
	buf_release(&e->type);
	buf_release(&e->count);
	buf_release(&e->id);
	buf_release(&e->timing);
	buf_release(&e->papermill);
	buf_release(&e->tags);
	buf_release(&e->source);
}

static void
set(struct edit *list, size_t *n, const char *key, struct json value)
{
	list[(*n)++] = (struct edit){.key = key, .value = value};
}

static struct json
span(const struct buf *b)
{
	return (struct json){b->data, b->len};
}

/* metadata.execution, as nbclient records it. */
static struct json
timing(struct buf *b, const struct cell_timing *t)
{
	const char *const times[][2] = {
		{"iopub.execute_input", t->execute_input}, {"iopub.status.busy", t->busy},
		{"iopub.status.idle", t->idle}, {"shell.execute_reply", t->execute_reply},
	};
	struct json_out o = JSON_OUT(b, -1, 0);

	json_out_open(&o, '{');
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		if (times[i][1][0] == '\0')
			continue;
		json_out_key(&o, times[i][0]);
		json_out_str(&o, times[i][1]);
	}
	json_out_close(&o, '}');
	return span(b);
}

static bool
has_timing(const struct cell_timing *t)
{
	return t->busy[0] != '\0' || t->execute_input[0] != '\0' || t->execute_reply[0] != '\0' || t->idle[0] != '\0';
}

/* As datetime.isoformat() writes a time in UTC; null for never. */
static void
put_time(struct json_out *o, int64_t wall)
{
	char text[CLOCK_TEXT], iso[CLOCK_TEXT + 8];

	if (wall == 0) {
		json_out_str(o, NULL);
		return;
	}
	clock_text(text, wall, 6);
	snprintf(iso, sizeof(iso), "%.*s+00:00", (int)strcspn(text, "Z"), text);
	json_out_str(o, iso);
}

/* metadata.papermill of a cell. */
static struct json
papermill(struct buf *b, const struct cell *c)
{
	static const char *const words[] = {
		[CELL_PENDING] = "pending", [CELL_RUNNING] = "running",
		[CELL_COMPLETED] = "completed", [CELL_FAILED] = "failed",
	};
	struct json_out o = JSON_OUT(b, -1, 0);

	json_out_open(&o, '{');
	json_out_key(&o, "duration");
	if (c->started_at != 0 && c->ended_at != 0) {
		json_put_double(b, (double)(c->ended_at - c->started_at) / 1e6);
		o.after_key = false;
	} else {
		json_out_str(&o, NULL);
	}
	json_out_key(&o, "end_time");
	put_time(&o, c->ended_at);
	json_out_key(&o, "exception");
	/* papermill knows no answer before a cell has started. */
	if (c->state == CELL_PENDING && !c->exception)
		json_out_str(&o, NULL);
	else
		json_out_bool(&o, c->exception);
	json_out_key(&o, "start_time");
	put_time(&o, c->started_at);
	json_out_key(&o, "status");
	json_out_str(&o, words[c->state]);
	json_out_close(&o, '}');
	return span(b);
}

static struct json
tags(struct buf *b, const char *tag)
{
	buf_addc(b, '[');
	json_put_str(b, tag);
	buf_addc(b, ']');
	return span(b);
}

static struct json
source(struct buf *b, const char *text, const struct mask *mask)
{
	struct buf masked = BUF_INIT;

	mask_put(mask, &masked, text, strlen(text));
	output_put_lines(b, buf_str(&masked), masked.len, 0);
	buf_release(&masked);
	return span(b);
}

/* The value of "outputs". */
static void
write_outputs(struct patch *p, const void *arg, struct json old, struct place at)
{
	const struct outputs *outputs = arg;
	struct place inside = {at.level + 1, at.one_line};	/* OUTPUT_LEVEL, in a cell that stands where one does */
	struct buf text = BUF_INIT;

	(void)old;
	patch_text(p, "[", 1);
	for (size_t i = 0; i < outputs->n; i++) {
		if (i > 0)
			patch_comma(p, at);
		patch_line(p, inside);
		if (at.one_line) {
			buf_reset(&text);
			output_put(&outputs->list[i], p->mask, &text);
			patch_value(p, span(&text), inside);
		} else {
			output_write(&outputs->list[i], p->mask, &p->to);
		}
	}
	if (outputs->n > 0)
		patch_line(p, at);
	patch_text(p, "]", 1);
	buf_release(&text);
}

static void
edit_metadata(struct cell_edits *e, const struct notebook *nb, const struct cell *c)
{
	/* Where a cell has been reset but not reached, papermill leaves the times of an earlier run. */
	if (c->type == CELL_CODE && c->ran && (c->state != CELL_PENDING || has_timing(&c->timing)))
		set(e->metadata, &e->nmetadata, "execution", timing(&e->timing, &c->timing));
	if (nb->papermill != NULL && (c->json.text != NULL || strcmp(c->added_tag, NOTEBOOK_ERROR_TAG) != 0))
		set(e->metadata, &e->nmetadata, "papermill", papermill(&e->papermill, c));
	if (c->json.text == NULL)
		set(e->metadata, &e->nmetadata, "tags", tags(&e->tags, c->added_tag));
	else if (nb->papermill != NULL && json_get(c->file.metadata, "tags").text == NULL)
		set(e->metadata, &e->nmetadata, "tags", json_of("[]"));
	if (e->nmetadata > 0)
		e->members[e->nmembers++] =
		    (struct edit){.key = "metadata", .members = e->metadata, .nmembers = e->nmetadata};
	else if (c->file.metadata.text == NULL)
		set(e->members, &e->nmembers, "metadata", json_of("{}"));
}

static bool
is_empty_list(struct json v)
{
	return json_type(v) == JSON_ARRAY && json_count(v) == 0;
}

/* Finds out what has to change in a cell: what the run has brought, and what nbformat's schema asks for. */
static void
edit_cell(struct cell_edits *e, const struct notebook *nb, const struct cell *c)
{
	const struct cell_members *m = &c->file;
	bool added = c->json.text == NULL, code = c->type == CELL_CODE, ran = code && c->ran;

	cell_edits_reset(e);
	if (added) {
		json_put_str(&e->type, cell_type_name(c->type));
		set(e->members, &e->nmembers, "cell_type", span(&e->type));
	}
	if (ran && c->execution_count >= 0) {
		buf_addf(&e->count, "%lld", (long long)c->execution_count);
		set(e->members, &e->nmembers, "execution_count", span(&e->count));
	} else if ((ran && json_type(m->execution_count) != JSON_NULL) || (code && m->execution_count.text == NULL)) {
		set(e->members, &e->nmembers, "execution_count", json_of("null"));
	}
	if (c->id[0] != '\0') {
		json_put_str(&e->id, c->id);
		set(e->members, &e->nmembers, "id", span(&e->id));
	}
	edit_metadata(e, nb, c);
	if ((ran && (c->outputs.n > 0 || !is_empty_list(m->outputs))) || (code && m->outputs.text == NULL))
		e->members[e->nmembers++] = (struct edit){.key = "outputs", .write = write_outputs, .arg = &c->outputs};
	if (added)
		set(e->members, &e->nmembers, "source", source(&e->source, c->added_source, nb->mask));
	else if (m->source.text == NULL)
		set(e->members, &e->nmembers, "source", json_of("[]"));
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* The start of the white space before p; something else stands before that. */
static const char *
space_before(const char *p)
{
	while (is_space(p[-1]))
		p--;
	return p;
}

/* Behind the white space at p; something else stands behind that. */
static const char *
space_behind(const char *p)
{
	while (is_space(*p))
		p++;
	return p;
}

static bool
has_newline(const char *from, const char *to)
{
	return memchr(from, '\n', (size_t)(to - from)) != NULL;
}

/* The list of cells in the file. */
struct cell_list {
	const char *first, *opening;	/* the first cell, or the closing bracket; the white space before it */
	const char *last, *closing;	/* the closing bracket; the white space before it */
};

static struct cell_list
cell_list(struct json cells)
{
	struct cell_list l = {.opening = cells.text + 1, .last = cells.text + cells.len - 1};

	l.first = space_behind(l.opening);
	l.closing = space_before(l.last);
	return l;
}

/* Whether the cells stand on one line, whatever is in them. */
static bool
is_on_one_line(const struct notebook *nb, const struct cell_list *l)
{
	if (has_newline(l->opening, l->first) || has_newline(l->closing, l->last))
		return false;
	for (size_t i = 0; i < nb->ncells; i++) {
		const char *at = nb->cells[i].json.text;

		if (at != NULL && has_newline(space_before(at), at))
			return false;
	}
	return true;
}

/* What stands before the cell at index i. */
static void
write_gap(struct patch *p, const struct notebook *nb, size_t i, const struct cell_list *l, struct place at)
{
	const struct cell *c = &nb->cells[i], *before = i > 0 ? c - 1 : NULL;
	const char *gap = c->json.text != NULL ? space_before(c->json.text) : NULL;

	if (before == NULL) {
		if (l->first != l->last && (gap != NULL || at.one_line))
			patch_text(p, l->opening, (size_t)(l->first - l->opening));
		else
			patch_line(p, at);
		return;
	}
	if (gap != NULL && *(gap - 1) == ',' && before->json.text != NULL) {
		const char *end = before->json.text + before->json.len;

		if (space_before(gap - 1) == end) {	/* they were neighbours */
			patch_text(p, end, (size_t)(c->json.text - end));
			return;
		}
	}
	if (gap == NULL || (*(gap - 1) == '[' && gap == c->json.text)) {
		patch_comma(p, at);
		patch_line(p, at);
		return;
	}
	patch_text(p, ",", 1);
	patch_text(p, gap, (size_t)(c->json.text - gap));
}

/* The value of "cells". */
static void
write_cells(struct patch *p, const void *arg, struct json old, struct place at)
{
	const struct notebook *nb = arg;
	struct cell_list l = cell_list(old);
	bool empty = l.first == l.last;
	struct place inside = {CELLS_LEVEL, empty ? at.one_line : is_on_one_line(nb, &l)};
	struct cell_edits e = {.nmembers = 0};

	patch_text(p, "[", 1);
	for (size_t i = 0; i < nb->ncells; i++) {
		const struct cell *c = &nb->cells[i];

		write_gap(p, nb, i, &l, inside);
		edit_cell(&e, nb, c);
		patch_object(p, c->json.text != NULL ? c->json : json_of("{}"), inside, e.members, e.nmembers);
	}
	if (nb->ncells > 0 && empty)
		patch_line(p, at);
	else if (nb->ncells > 0 || empty)
		patch_text(p, l.closing, (size_t)(l.last - l.closing));
	patch_text(p, "]", 1);
	cell_edits_release(&e);
}

void
notebook_print(const struct notebook *nb, const struct text_sink *to)
{
	struct patch p = {.to = *to, .mask = nb->mask};
	struct edit metadata[3], members[3];
	size_t nmetadata = 0, n = 0;
	const char *end = nb->json.text + nb->json.len;

	if (nb->language_info != NULL)
		set(metadata, &nmetadata, "language_info", json_of(nb->language_info));
	if (nb->papermill != NULL)
		set(metadata, &nmetadata, "papermill", json_of(nb->papermill));
	if (nb->widgets != NULL)
		set(metadata, &nmetadata, "widgets", json_of(nb->widgets));

	members[n++] = (struct edit){.key = "cells", .write = write_cells, .arg = nb};
	if (nmetadata > 0)
		members[n++] = (struct edit){.key = "metadata", .members = metadata, .nmembers = nmetadata};
	else if (nb->metadata.text == NULL)
		set(members, &n, "metadata", json_of("{}"));
	if (nb->lacks_minor)
		set(members, &n, "nbformat_minor", json_of("0"));

	patch_text(&p, nb->text.data, (size_t)(nb->json.text - nb->text.data));
	patch_object(&p, nb->json, (struct place){0, nb->one_line}, members, n);
	patch_text(&p, end, (size_t)(nb->text.data + nb->text.len - end));
	buf_release(&p.text);
}

static void
put_in_file(void *arg, const void *p, size_t n)
{
	file_put(arg, p, n);
}

int
notebook_write(const struct notebook *nb, const char *path)
{
	struct file_writer w;
	struct text_sink to = {put_in_file, &w};

	if (file_begin(&w, path) == -1)
		return -1;
	notebook_print(nb, &to);
	return file_commit(&w);
}
