/* How much may run, and how much may fail: limits, pools, on_error. */
#include "workflow/loader.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

const char *const loader_policies[LOADER_POLICIES] = {"fail-fast", "let-finish", "drain"};

/* ---- limits ---- */

static void
read_max_load(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct workflow *w = into;
	double d;

	if (loader_number(l, key->name, value, 0, "a load, such as 8", &d))
		w->max_load = d;
}

static void
read_min_free_memory(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct workflow *w = into;

	loader_bytes(l, key->name, value, &w->min_free_memory);
}

static void
read_requeue_youngest(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct workflow *w = into;

	if (!loader_bool(l, key->name, value, &w->requeue_youngest))
		return;
	if (w->requeue_youngest && w->min_free_memory == 0)
		loader_problem(l, key->mark, "'%s' needs 'min_free_memory': it comes when less than half of that is free",
		    key->name);
}

static const struct loader_key limit_keys[] = {
	{"max_load", read_max_load, LOADER_PLAIN},
	{"min_free_memory", read_min_free_memory, LOADER_PLAIN},
	{"requeue_youngest", read_requeue_youngest, LOADER_PLAIN},
};

void
loader_limits(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	if (loader_is_map(l, key->name, value))
		loader_map(l, value, NULL, limit_keys, sizeof(limit_keys) / sizeof(limit_keys[0]), into);
}

/* ---- pools ---- */

void
loader_pools(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct workflow *w = into;
	int64_t most;

	if (!loader_is_map(l, key->name, value))
		return;
	w->pools = xcalloc(value->n, sizeof(*w->pools));
	for (size_t i = 0; i < value->n; i++) {
		/* One with a wrong number is there all the same, so that the notebooks in it are not wrong too. */
		if (!loader_integer(l, value->keys[i].name, value->items[i], 1, PROCESSES_MAX, &most))
			most = 1;
		w->pools[w->npools++] = (struct named_limit){
			.name = xstrdup(value->keys[i].name),
			.most = (unsigned)most,
			.mark = value->keys[i].mark,
		};
	}
}

/* ---- on_error ---- */

static void
read_policy(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct workflow *w = into;
	size_t i;

	if (loader_choice(l, key->name, value, loader_policies, LOADER_POLICIES, &i))
		policy_parse(loader_policies[i], &w->on_error);
}

static void
read_after(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	static const char wanted[] = "a number of failures, such as 3, or a share of the notebooks, such as 10%";
	struct workflow *w = into;
	double percent;
	int64_t n;
	char *end;

	if (value->type == YAML_INT) {
		if (loader_integer(l, key->name, value, 1, TASKS_MAX, &n))
			w->after_failures = (unsigned)n;
		return;
	}
	if (value->type != YAML_STRING) {
		loader_wrong_type(l, key->name, value, wanted);
		return;
	}
	percent = strtod(value->text, &end);
	if (strspn(value->text, "0123456789.") != strlen(value->text) - 1 || strcmp(end, "%") != 0 || !(percent > 0) ||
	    percent > 100) {
		loader_problem(l, value->mark, "'%s' must be %s, not '%.*s'", key->name, wanted, SHOWN(value->text));
		return;
	}
	w->after_failures = 0;
	w->after_percent = percent;
}

static const struct loader_key on_error_keys[] = {
	{"policy", read_policy, LOADER_PLAIN},
	{"after", read_after, LOADER_PLAIN},
};

void
loader_on_error(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	const struct yaml_node *policy = yaml_get(value, "policy");

	if (value->type != YAML_MAP) {
		read_policy(l, into, key, value);
		return;
	}
	loader_map(l, value, NULL, on_error_keys, sizeof(on_error_keys) / sizeof(on_error_keys[0]), into);
	if (policy == NULL)
		loader_problem(l, value->mark, "key 'policy' is missing; it says what failures lead to, such as fail-fast");
	else if (yaml_get(value, "after") != NULL && policy->text != NULL && strcmp(policy->text, "let-finish") == 0)
		loader_problem(l, value->mark, "'after' means nothing with let-finish, for which no number of failures is too "
		    "many; the policy is to be fail-fast or drain");
}
