/*
 * Saved jobs of the workspace: finding, reading and writing them.
 */
#ifndef NBFORK_DATABRICKS_SAVED_H
#define NBFORK_DATABRICKS_SAVED_H

#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "databricks/http.h"

/* Each returns 0; or -1 with *why, the caller's to free. */

/* Which jobs of a name there are; both are the caller's to free. */
struct saved_found {
	int64_t *ours;	/* with the tag */
	size_t n;
	int64_t *others;
	size_t nothers;
};

int saved_find(struct http *h, const char *name, const char *tag, const char *value, struct saved_found *f, char **why);

/*
 * Appends the settings of a job as one JSON object, with all its tasks, however many pages they come on, and run_as,
 * where only the job itself has it.
 */
int saved_get(struct http *h, int64_t id, struct buf *settings, char **why);

/*
 * Makes a job. A lost answer does not make two: whether it is there is then looked up by name and tag.
 */
int saved_create(struct http *h, const char *settings, const char *name, const char *tag, const char *value,
    int64_t *id,
    char **why);

/* Replaces all settings of a job. */
int saved_reset(struct http *h, int64_t id, const char *settings, char **why);

/* Starts a job, once, whatever becomes of answers. */
int saved_run(struct http *h, int64_t id, int64_t *run_id, char **why);

#endif
