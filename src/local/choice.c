#include "local/choice.h"

#include <stdlib.h>

#define DEFAULT_KERNEL "python3"

int
choice_of_language(struct kernelspec *k, const struct task *t, enum cell_language l, char **why)
{
	static const char *const names[LANGUAGES] = {[LANGUAGE_R] = "R", [LANGUAGE_SCALA] = "Scala"};
	enum cell_language target;

	if (l == LANGUAGE_SQL)
		l = LANGUAGE_PYTHON;
	if (t->target->kernel != NULL) {
		if (kernelspec_find(k, t->target->kernel, why) == -1)
			return -1;
		if (language_parse(k->language, &target) && target == l)
			return 0;
		kernelspec_release(k);
	}
	if (l == LANGUAGE_R || l == LANGUAGE_SCALA)
		return kernelspec_find_language(k, names[l], why);
	return kernelspec_find(k, DEFAULT_KERNEL, why);
}

int
choice_of_notebook(struct kernelspec *k, const struct task *t, const struct notebook *nb, char **why)
{
	const char *name = DEFAULT_KERNEL;

	if (t->kernel != NULL)
		name = t->kernel;
	else if (nb != NULL && nb->kernel_name != NULL)
		name = nb->kernel_name;
	else if (nb != NULL && nb->databricks == DATABRICKS_NOTEBOOK)
		return choice_of_language(k, t, nb->default_language, why);
	else if (t->target->kernel != NULL)
		name = t->target->kernel;
	return kernelspec_find(k, name, why);
}
