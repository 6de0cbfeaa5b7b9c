#include "notebook/databricks.h"

#include <stdlib.h>
#include <string.h>

#define METADATA "application/vnd.databricks.v1+notebook"
#define CELL_METADATA "application/vnd.databricks.v1+cell"
#define DBUTILS "dbutils"

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
	if (ours) {
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
