/*
 * Workflows that are loaded from text, for the tests of src/workflow: as the file w.yaml in the folder d.
 */
#ifndef NBFORK_TESTS_UNIT_LOADING_H
#define NBFORK_TESTS_UNIT_LOADING_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "workflow/load.h"

static const struct overrides no_options;

/* The problems as they are printed, but without the file's name; "-: " for those with no file. The caller's to free. */
static inline char *
listed(struct problems *p, const char *file)
{
	struct buf out = BUF_INIT;
	char *text = NULL, *line, *rest;
	size_t n, k = strlen(file);
	FILE *f = open_memstream(&text, &n);

	problems_print(p, f);
	fclose(f);
	for (rest = text; (line = strsep(&rest, "\n")) != NULL && *line != '\0';) {
		if (strncmp(line, file, k) == 0 && line[k] == ':')
			line += k + 1;
		else if (strncmp(line, "nbfork: error: ", 15) == 0)
			buf_adds(&out, "-: "), line += 15;
		buf_addf(&out, "%s\n", line);
	}
	free(text);
	return buf_steal(&out);
}

/* Loads what must be right. */
static inline void
load_with(struct workflow *w, const char *text, const struct overrides *o)
{
	struct problems p = PROBLEMS_INIT;

	if (workflow_parse(w, text, strlen(text), "w.yaml", "d", o, &p) != 0)
		ck_abort_msg("%.2000s\nhas\n%.2000s", text, listed(&p, "w.yaml"));
	ck_assert_uint_eq(p.n, 0);
	problems_release(&p);
}

static inline void
load(struct workflow *w, const char *text)
{
	load_with(w, text, &no_options);
}

/* Loads what must be wrong, in just this way. */
static inline void
check_wrong_with(const char *text, const struct overrides *o, const char *expected)
{
	struct problems p = PROBLEMS_INIT;
	struct workflow w;
	int result = workflow_parse(&w, text, strlen(text), "w.yaml", "d", o, &p);
	char *found = listed(&p, "w.yaml");

	/* On standard error, because a test's own messages are cut. */
	if (strcmp(found, expected) != 0) {
		fprintf(stderr, "%.3000s\nhas\n%.3000s\nand not\n%.3000s\n", text, found, expected);
		ck_abort_msg("not these problems, but others");
	}
	ck_assert_int_eq(result, -1);
	free(found);
	problems_release(&p);
	workflow_release(&w);
}

static inline void
check_wrong(const char *text, const char *expected)
{
	check_wrong_with(text, &no_options, expected);
}

static inline void
check_params(const struct params *p, const char *expected)
{
	struct buf json = BUF_INIT;

	params_json(p, &json);
	ck_assert_str_eq(buf_str(&json), expected);
	buf_release(&json);
}

#endif
