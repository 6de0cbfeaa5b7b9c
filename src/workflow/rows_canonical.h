/*
 * One text for all spellings of a JSON value; for rows_matrix.c alone.
 */
#ifndef NBFORK_WORKFLOW_ROWS_CANONICAL_H
#define NBFORK_WORKFLOW_ROWS_CANONICAL_H

#include "base/buf.h"
#include "base/json.h"

/*
 * Appends a text that is the same for equal values, and for no others: members in the order of their keys, numbers
 * by what they are to the last digit (1, 1.0 and 10e-1), strings by what their escapes stand for. NaN equals itself.
 * It is for comparing and need not be JSON. Numbers with exponents of more than 15 digits are told apart by their text.
 */
void rows_put_canonical(struct buf *out, struct json value);

#endif
