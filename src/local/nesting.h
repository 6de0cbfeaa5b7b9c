/*
 * How deeply what a kernel sends may be nested. It is written into documents of our own, some levels down in
 * each, and these must not become too deep to be read again.
 */
#ifndef NBFORK_LOCAL_NESTING_H
#define NBFORK_LOCAL_NESTING_H

#include <stdbool.h>

#include "base/json.h"

/*
 * The deepest place is a caught output in the state of a widget: eight levels further down in the notebook
 * than in its message.
 */
#define NESTING_MAX (JSON_DEPTH_MAX - 12)

/* Whether v has at most NESTING_MAX containers within containers. */
bool nesting_is_fine(struct json v);

#endif
