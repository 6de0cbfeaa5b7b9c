#include "target.h"

#include <stddef.h>
#include <string.h>

static const struct target_ops *const all[] = {&target_local, &target_databricks};

const struct target_ops *
target_ops(const struct target *t)
{
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(all[i]->type, t->type) == 0)
			return all[i];
	}
	return NULL;
}
