#include "notebook/databricks.h"

#include <stdlib.h>
#include <string.h>

#include "notebook/magic.h"

#define METADATA "application/vnd.databricks.v1+notebook"
#define CELL_METADATA "application/vnd.databricks.v1+cell"
#define DBUTILS "dbutils"

/*
 * Whether it begins with a magic that Jupyter has none of. That of SQL is the one of an extension of IPython's where the
 * query stands beside it; below it, it is Databricks'.
 */
static bool
has_magic(const struct cell *c)
{
	struct buf source = BUF_INIT;
	struct magic m;
	bool has;

	cell_source(c, &source);
	magic_find(&m, buf_str(&source), source.len, LANGUAGE_PYTHON);
	switch (m.language) {
	case LANGUAGE_PYTHON:
	case LANGUAGE_R:
	case LANGUAGE_SCALA:
	case LANGUAGE_FS:
	case LANGUAGE_MD:
		has = m.written;
		break;
	case LANGUAGE_SQL:
		has = source.data[m.body] == '\n' || source.data[m.body] == '\r';
		break;
	default:
		has = false;
		break;
	}
	buf_release(&source);
	return has;
}

/* Whether any of its cells does. Most notebooks have nothing of the kind anywhere, which is seen at once. */
static bool
has_magics(const struct notebook *nb)
{
	static const char *const words[] = {"%md", "%sql", "%fs", "%python", "%scala", "%r"};
	enum cell_language l = LANGUAGE_PYTHON;
	bool may = false;

	for (size_t i = 0; !may && i < sizeof(words) / sizeof(words[0]); i++)
		may = memmem(nb->json.text, nb->json.len, words[i], strlen(words[i])) != NULL;
	language_parse(nb->language, &l);
	if (!may || l != LANGUAGE_PYTHON)
		return false;
	for (size_t i = 0; i < nb->ncells; i++)
		if (nb->cells[i].type == CELL_CODE && has_magic(&nb->cells[i]))
			return true;
	return false;
}

/* The language that the workspace wrote down, else Jupyter's; Python where there is neither. */
static enum cell_language
find_language(const struct notebook *nb)
{
	enum cell_language l = LANGUAGE_PYTHON;
	char *name = json_strdup(json_get(json_get(nb->metadata, METADATA), "language"));

	if (!language_parse(name, &l))
		language_parse(nb->language, &l);
	free(name);
	return l;
}

void
databricks_adopt(struct notebook *nb)
{
	nb->databricks = DATABRICKS_NOTEBOOK;
	nb->default_language = find_language(nb);
}

void
databricks_recognize(struct notebook *nb)
{
	/* An older form has but the notebook's number. */
	bool ours = json_type(json_get(nb->metadata, METADATA)) == JSON_OBJECT ||
	    json_type(json_get(nb->metadata, "notebookId")) == JSON_NUMBER;
	/* Most notebooks have nothing of the kind anywhere, which is seen at once. */
	bool named = memmem(nb->json.text, nb->json.len, DBUTILS, strlen(DBUTILS)) != NULL;
	bool marked = memmem(nb->json.text, nb->json.len, CELL_METADATA, strlen(CELL_METADATA)) != NULL;

	for (size_t i = 0; marked && !ours && i < nb->ncells; i++)
		ours = json_type(json_get(nb->cells[i].file.metadata, CELL_METADATA)) == JSON_OBJECT;
	if (ours || has_magics(nb)) {
		databricks_adopt(nb);
		return;
	}
	for (size_t i = 0; named && i < nb->ncells; i++) {
		if (nb->cells[i].type == CELL_CODE && cell_has_word(&nb->cells[i], DBUTILS)) {
			nb->databricks = DATABRICKS_USED;
			return;
		}
	}
}
