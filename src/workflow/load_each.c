/* What an entry of the list of notebooks is repeated for: for_each and matrix. */
#include "workflow/loader.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"

/* A for_each that is a map. */
struct source_of_rows {
	const struct yaml_node *list;
	char *pattern, *file;
	struct mark at;	/* of the list, pattern or file */
	unsigned sources;	/* how many of the three there are */
	bool allow_empty;
};

static void
read_list(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct source_of_rows *s = into;

	if (value->type != YAML_LIST) {
		loader_wrong_type(l, key->name, value, "a list");
		return;
	}
	s->list = value;
	s->at = key->mark;
}

static void
read_glob(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct source_of_rows *s = into;

	s->pattern = loader_text(l, key->name, value);
	s->at = value->mark;
}

static void
read_file(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct source_of_rows *s = into;

	s->file = loader_text(l, key->name, value);
	s->at = value->mark;
}

/* It has been evaluated with all of the for_each. */
static const struct loader_key source_keys[] = {
	{"list", KIND(LIST), .way = LOADER_RAW, .read = read_list,
	    .about = "A list of items."},
	{"glob", KIND(TEXT), .way = LOADER_RAW, .read = read_glob,
	    .about = "A pattern, such as data/*.csv, seen from the folder of the workflow: an item is the path of a "
	    "file that matches it."},
	{"file", KIND(TEXT, .pattern = "\\.(csv|tsv|json|jsonl|ndjson)$"), .way = LOADER_RAW, .read = read_file,
	    .about = "A file (.csv, .tsv, .json, .jsonl or .ndjson), each row of which is an item."},
	{"allow_empty", KIND(BOOL), .way = LOADER_RAW, INTO(source_of_rows, allow_empty),
	    .about = "Whether there may be no items."},
};

static const struct loader_keys sources = LOADER_KEYS(source_keys);
static const struct kind source_kind = {.type = KIND_MAP, .keys = &sources, .one_of = 3};
const struct kind loader_for_each_kind = {.type = KIND_LIST, .some = true, .other = &source_kind};

/* What rows_matrix() takes. */
static const struct kind combinations = {.type = KIND_LIST, .items = A_KIND(NAMED)};

static const struct loader_key matrix_key_list[] = {
	{"exclude", .kind = &combinations, .about = "Combinations that have all the values of one of these are left out."},
	{"include", .kind = &combinations, .about = "What is added to the combinations that it agrees with, or a combination of its own."},
};

static const struct loader_keys matrix_keys = LOADER_KEYS(matrix_key_list);
const struct kind loader_matrix_kind = {.type = KIND_NAMED, .keys = &matrix_keys, .items = A_KIND(LIST, .some = true),
	.some = true};

static bool
add_list(struct loader *l, const struct yaml_node *list, struct rows *rows)
{
	struct buf json = BUF_INIT;
	int r = 0;

	for (size_t i = 0; i < list->n && r == 0; i++) {
		buf_reset(&json);
		yaml_json(list->items[i], &json);
		r = rows_add(rows, json_of(buf_str(&json)), l->label, list->items[i]->mark, l->problems);
	}
	buf_release(&json);
	return r == 0;
}

static bool
add_file(struct loader *l, const struct source_of_rows *s, struct rows *rows)
{
	char *path = file_join(l->folder, s->file);
	bool ok = rows_file(rows, path, l->label, s->at, l->problems) == 0;

	free(path);
	return ok;
}

static bool
read_source(struct loader *l, const struct yaml_node *value, struct rows *rows)
{
	struct source_of_rows s = {.at = value->mark};
	const char *what = "the list is empty";
	bool ok = false;

	loader_map(l, value, NULL, &sources, &s);
	s.sources = (s.list != NULL) + (s.pattern != NULL) + (s.file != NULL);
	if (s.sources != 1) {
		if (yaml_get(value, "list") == NULL && yaml_get(value, "glob") == NULL && yaml_get(value, "file") == NULL)
			loader_problem(l, value->mark, "'for_each' must be a list, or a map with one of the keys list, glob and file");
		else if (s.sources > 1)
			loader_problem(l, value->mark, "'for_each' has more than one of the keys list, glob and file");
	} else if (s.list != NULL) {
		ok = add_list(l, s.list, rows);
	} else if (s.pattern != NULL) {
		ok = rows_glob(rows, l->folder, s.pattern, l->label, s.at, l->problems) == 0;
		what = "no file matches the pattern";
	} else {
		ok = add_file(l, &s, rows);
		what = "the file has no rows";
	}
	if (ok && rows->n == 0 && s.allow_empty) {
		l->some_are_empty = true;
	} else if (ok && rows->n == 0) {
		loader_problem(l, s.at, "%s; write 'allow_empty: true' if there may be nothing to run", what);
		ok = false;
	}
	free(s.pattern);
	free(s.file);
	return ok;
}

static bool
read_for_each(struct loader *l, const struct yaml_node *written, struct rows *rows)
{
	struct yaml_node *value = loader_evaluate(l, written);
	bool ok = false;

	if (value == NULL)
		return false;
	if (value->type == YAML_MAP) {
		ok = read_source(l, value, rows);
	} else if (value->type != YAML_LIST) {
		loader_wrong_type(l, "for_each", value, "a list, or a map with one of the keys list, glob and file");
	} else if (value->n == 0) {
		loader_problem(l, written->mark, "'for_each' is empty; "
		    "write 'for_each: {list: ..., allow_empty: true}' if there may be nothing to run");
	} else {
		ok = add_list(l, value, rows);
	}
	yaml_node_free(value);
	return ok;
}

static bool
read_matrix(struct loader *l, const struct yaml_node *written, struct rows *rows)
{
	struct yaml_node *value = loader_evaluate(l, written);
	struct buf json = BUF_INIT;
	bool ok = false;

	if (value != NULL && loader_is_map(l, "matrix", value)) {
		yaml_json(value, &json);
		ok = rows_matrix(rows, json_of(buf_str(&json)), l->label, written->mark, l->problems) == 0;
	}
	buf_release(&json);
	yaml_node_free(value);
	return ok;
}

bool
loader_each(struct loader *l, const struct yaml_node *entry, enum loader_each *each, struct rows *rows)
{
	const struct yaml_node *list = yaml_get(entry, "for_each"), *matrix = yaml_get(entry, "matrix");

	*each = EACH_ONCE;
	if (list != NULL && matrix != NULL) {
		loader_problem(l, matrix->mark, "'for_each' and 'matrix' at once; a matrix of two lists goes over both");
		return false;
	}
	if (list != NULL) {
		*each = EACH_ITEM;
		return loader_no_secret_inside(l, list) && read_for_each(l, list, rows);
	}
	if (matrix != NULL) {
		*each = EACH_COMBINATION;
		return loader_no_secret_inside(l, matrix) && read_matrix(l, matrix, rows);
	}
	return true;
}
