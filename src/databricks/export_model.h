/*
 * The notebook's model in a page that runs/export gives.
 */
#ifndef NBFORK_DATABRICKS_EXPORT_MODEL_H
#define NBFORK_DATABRICKS_EXPORT_MODEL_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/json.h"

/*
 * Finds the model in an answer of runs/export and decodes it into text, which must outlive *model. Returns 0; or -1
 * when there is none, or it is cut, or no JSON object.
 */
int model_read(struct json *model, struct buf *text, struct json answer);

/* Appends what n bytes of base64 stand for. Returns false, with nothing appended, when they are none. */
bool model_put_base64(struct buf *out, const char *text, size_t n);

#endif
