/*
 * Parameters as source code: where the cell goes and what stands in it, as papermill does it.
 */
#ifndef NBFORK_NOTEBOOK_PARAMETERS_H
#define NBFORK_NOTEBOOK_PARAMETERS_H

#include <stdbool.h>

#include "base/buf.h"
#include "notebook/ipynb.h"
#include "workflow/model.h"

/* How one language writes literals and assignments; private to notebook/. */
struct language;

/*
 * The language to use: by the kernel's name first (".net-csharp", "pysparkkernel"), then by the
 * language's, as papermill looks them up, but without regard to case. NULL when there is none.
 */
const struct language *language_find(const char *kernel, const char *language);

/*
 * Appends the source of a parameters cell: a comment "Parameters" and one assignment a line. With
 * reveal, secrets stand in it; else "***" in their place. Returns 0, or -1 when the language has no way to write
 * a value; then *problem (the caller's to free) says which: "parameter 'x': bash has no mappings".
 */
int parameters_source(const struct language *l, const struct params *params, bool reveal, struct buf *b, char **problem);

/*
 * Puts the parameters into the notebook as papermill does: in place of the first cell tagged
 * injected-parameters; else behind the first tagged parameters; else first. Without parameters nothing
 * changes. Returns as parameters_source.
 */
int parameters_inject(struct notebook *nb, const struct language *l, const struct params *params, char **problem);

/*
 * Adds to the mask every secret among the parameters, as it is and as the language's literals spell it
 * where that differs.
 */
void parameters_mask(const struct language *l, const struct params *params, struct mask *mask);

#endif
