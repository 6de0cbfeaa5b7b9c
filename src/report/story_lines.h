/*
 * The lines of a journal, made into a story: for story.c and its tests.
 */
#ifndef NBFORK_REPORT_STORY_LINES_H
#define NBFORK_REPORT_STORY_LINES_H

#include <stddef.h>

#include "report/story.h"

/* Takes one line, without its line feed. Whatever it is, the story is whole afterwards. */
void story_take(struct story *s, const char *line, size_t n);

#endif
