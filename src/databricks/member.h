/*
 * Members of the JSON objects that the Jobs API takes.
 */
#ifndef NBFORK_DATABRICKS_MEMBER_H
#define NBFORK_DATABRICKS_MEMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"

/* Each writes a key and its value; nothing at all where text is NULL. */
void member_text(struct json_out *o, const char *key, const char *text);
void member_json(struct json_out *o, const char *key, const char *text);	/* text is JSON, passed on as it is */
void member_int(struct json_out *o, const char *key, int64_t n);
void member_bool(struct json_out *o, const char *key, bool b);

/*
 * Nanoseconds as the seconds of a time limit: rounded up, as 0 would be no limit, and no more than the API has bits
 * for.
 */
int64_t member_seconds(int64_t nanoseconds);

#endif
