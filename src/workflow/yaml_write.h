/*
 * Text and values as YAML that reads back as what they are, on one line and free of what YAML forbids in files.
 */
#ifndef NBFORK_WORKFLOW_YAML_WRITE_H
#define NBFORK_WORKFLOW_YAML_WRITE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/json.h"

/* Appends n bytes of text, which must be UTF-8, as a scalar: plain where that is text for certain, else in quotes. */
void yaml_put_text(struct buf *out, const char *s, size_t n);

/* Appends a value in the form of JSON, but text by itself as above. */
void yaml_put_value(struct buf *out, struct json v);

#endif
