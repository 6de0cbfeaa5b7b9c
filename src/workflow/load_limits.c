/* How much may run, and how much may fail: limits, pools, on_error. */
#include "workflow/loader.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* ---- limits ---- */

static void
check_requeue(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct workflow *w = into;

	(void)value;
	if (w->requeue_youngest && w->min_free_memory == 0)
		loader_problem(l, key->mark, "'%s' needs 'min_free_memory': it comes when less than half of that is free",
		    key->name);
}

static const struct loader_key limit_keys[] = {
	{"max_load", KIND(NUMBER, .min = 0, .wanted = "a load, such as 8"), INTO(workflow, max_load),
	    .about = "Nothing new is started while the load is that much or more; 0, the default, is no limit."},
	{"min_free_memory", KIND(BYTES), INTO(workflow, min_free_memory),
	    .about = "Nothing new is started while fewer bytes of memory are free, such as 2G; 0, the default, is no "
	    "limit."},
	{"requeue_youngest", KIND(BOOL), INTO(workflow, requeue_youngest), .read = check_requeue,
	    .about = "Whether, while less than half of min_free_memory is free, the notebook that was started last is "
	    "stopped, to run again later."},
};

static const struct loader_keys limits = LOADER_KEYS(limit_keys);
const struct kind loader_limits_kind = {.type = KIND_MAP, .keys = &limits};

void
loader_limits(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	if (loader_is_map(l, key->name, value))
		loader_map(l, value, NULL, &limits, into);
}

/* ---- pools ---- */

static const struct kind pool_size = {.type = KIND_INTEGER, .min = 1, .max = PROCESSES_MAX};
const struct kind loader_pools_kind = {.type = KIND_NAMED, .items = &pool_size};

void
loader_pools(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct workflow *w = into;
	union loader_value most;

	if (!loader_is_map(l, key->name, value))
		return;
	w->pools = xcalloc(value->n, sizeof(*w->pools));
	for (size_t i = 0; i < value->n; i++) {
		/* One with a wrong number is there all the same, so that the notebooks in it are not wrong too. */
		if (!loader_value(l, value->keys[i].name, value->items[i], &pool_size, &most))
			most.number = 1;
		w->pools[w->npools++] = (struct named_limit){
			.name = xstrdup(value->keys[i].name),
			.most = (unsigned)most.number,
			.mark = value->keys[i].mark,
		};
	}
}

/* ---- on_error ---- */

#define PERCENT "^([0-9]+\\.?[0-9]*|\\.[0-9]+)%$"

static const struct kind some_failures = {.type = KIND_INTEGER, .min = 1, .max = TASKS_MAX};
static const struct kind share_of_failures = {.type = KIND_TEXT, .pattern = PERCENT, .other = &some_failures};

static void
read_after(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	static const char wanted[] = "a number of failures, such as 3, or a share of the notebooks, such as 10%";
	struct workflow *w = into;
	double percent;
	union loader_value n;
	char *end;

	if (value->type == YAML_INT) {
		if (loader_value(l, key->name, value, &some_failures, &n))
			w->after_failures = (unsigned)n.number;
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
	{"policy", KIND(WORD, .words = policy_words), INTO(workflow, on_error),
	    .missing = "it says what failures lead to, such as fail-fast",
	    .about = "fail-fast stops what runs; drain starts nothing new and lets what runs finish."},
	{"after", .kind = &share_of_failures, .read = read_after,
	    .about = "How many failures it takes: a number, such as 3, or a share of all notebooks, such as 10%; 1 by "
	    "default."},
};

static const struct loader_keys policy_keys = LOADER_KEYS(on_error_keys);
static const struct kind policy_and_after = {.type = KIND_MAP, .keys = &policy_keys};
const struct kind loader_on_error_kind = {.type = KIND_WORD, .words = policy_words, .other = &policy_and_after};

void
loader_on_error(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	const struct yaml_node *policy = yaml_get(value, "policy");
	struct workflow *w = into;
	union loader_value v;

	if (value->type != YAML_MAP) {
		if (loader_value(l, key->name, value, &loader_on_error_kind, &v))
			w->on_error = (enum policy)v.word;
		return;
	}
	loader_map(l, value, NULL, &policy_keys, into);
	if (policy != NULL && yaml_get(value, "after") != NULL && policy->text != NULL && strcmp(policy->text, "let-finish") == 0)
		loader_problem(l, value->mark, "'after' means nothing with let-finish, for which no number of failures is too "
		    "many; the policy is to be fail-fast or drain");
}
