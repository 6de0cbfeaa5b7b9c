/*
 * What stands in a cell of a file; private to notebook/.
 */
#ifndef NBFORK_NOTEBOOK_CELL_H
#define NBFORK_NOTEBOOK_CELL_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/json.h"
#include "notebook/ipynb.h"

/* Finds the members of a cell in one walk. */
struct cell_members cell_members(struct json cell);

/* The type that a cell_type stands for; false when it is no known one. */
bool cell_type_parse(struct json cell_type, enum cell_type *type);
const char *cell_type_name(enum cell_type type);

/* Gives every cell whose id is missing, invalid or one that a cell before it has, a new one. */
void cells_complete_ids(struct cell *cells, size_t n);

/* Gives one cell an id that no other one has. */
void cell_new_id(struct cell *c, const struct cell *cells, size_t n);

#endif
