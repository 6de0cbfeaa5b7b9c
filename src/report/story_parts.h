/*
 * The parts of what makes a story out of lines: story_lines.c (lines, runs, what is kept, hooks) and story_life.c (the life
 * of a notebook), for them alone.
 */
#ifndef NBFORK_REPORT_STORY_PARTS_H
#define NBFORK_REPORT_STORY_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "report/story.h"

/* One line, and what nearly every one has; JSON_NOTHING for what is not there. */
struct story_line {
	struct json all, time, event, name, parent, attempt;
	int64_t at;	/* the time */
};

/* What an event means for the run that it is of. */
struct story_event {
	const char *name;
	void (*call)(struct story_run *run, const struct story_line *l);
};

/* Those of notebooks; the last one has no name. */
extern const struct story_event story_life[];

void line_split(struct story_line *l, struct json v);

/* Values: 0 for what is no number that makes sense there. */
double line_seconds(struct json v);
unsigned line_number(struct json v);

/* Whether it names a status, which is then in *status. */
bool line_status(struct json v, enum status *status);

/* A copy of its text as it stands, the caller's to free; NULL for what is no object. */
char *line_object(struct json v);

/* Set what is owned: to a text that is handed over; to a string, where there is none yet. */
void line_set(char **place, char *text);
void line_set_if_none(char **place, struct json v);

/* Adds a notebook of that name, which is handed over; parent: NULL for one of the workflow. */
struct story_notebook *line_add_notebook(struct story_run *run, char *name, struct story_notebook *parent);

/* The one that a line is about, which need not have been heard of before; NULL where the line does not say. */
struct story_notebook *line_notebook(struct story_run *run, const struct story_line *l);

#endif
