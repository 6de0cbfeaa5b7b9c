/*
 * Fuzzes the reading of workflow files: any bytes either become a workflow that keeps its promises, or at
 * least one problem. The same bytes are also tried as the value of a -p, and as YAML that must come out as
 * JSON.
 *
 *	clang -g -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -Isrc tests/fuzz/fuzz_workflow.c \
 *	    src/workflow/?*.c src/base/?*.c -lyaml -lm -o fuzz_workflow
 *	./fuzz_workflow -max_len=4096 NEW-CORPUS tests/fuzz/corpus/workflow
 */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/table.h"
#include "workflow/expression.h"
#include "workflow/load.h"
#include "workflow/name.h"
#include "workflow/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_deferred(struct json v);

static void
check_params(const struct params *p)
{
	struct json value;

	for (size_t i = 0; i < p->n; i++) {
		assert(json_parse(p->list[i].value, strlen(p->list[i].value), &value, NULL) == 0);
		assert(!p->list[i].deferred || p->list[i].secret == NULL);
		if (p->list[i].deferred)
			check_deferred(value);
		assert(params_find(p, p->list[i].name) == &p->list[i]);
	}
}

static bool
never(void *data, const struct expression_path *path)
{
	(void)data;
	return path->n > 0;
}

/* What is evaluated later is well-formed. */
static void
check_deferred(struct json v)
{
	struct buf text = BUF_INIT;
	struct json_iter it;
	struct json item;

	if (json_type(v) == JSON_STRING) {
		json_decode(&text, v);
		assert(expression_paths(buf_str(&text), text.len, never, NULL, NULL) == 0);
		buf_release(&text);
	} else {
		json_walk(&it, v);
		while (json_next(&it, NULL, &item))
			check_deferred(item);
	}
}

/* Dependencies are ascending, and one that nothing keeps from running is always left. */
static void
check_graph(const struct workflow *w)
{
	bool *done = xcalloc(w->ntasks, sizeof(*done)), more = true;

	while (more) {
		more = false;
		for (size_t i = 0; i < w->ntasks; i++) {
			bool free_to_run = !done[i];

			for (size_t k = 0; k < w->tasks[i].ndepends_on; k++) {
				assert(w->tasks[i].depends_on[k] < w->ntasks);
				assert(k == 0 || w->tasks[i].depends_on[k - 1] < w->tasks[i].depends_on[k]);
				free_to_run = free_to_run && done[w->tasks[i].depends_on[k]];
			}
			done[i] = done[i] || free_to_run;
			more = more || free_to_run;
		}
	}
	for (size_t i = 0; i < w->ntasks; i++)
		assert(done[i]);
	free(done);
}

static void
check_workflow(const struct workflow *w)
{
	struct table names = TABLE_INIT;

	assert(name_fault(w->name) == NULL);
	assert(w->processes >= 1 && w->processes <= 10000);
	assert(w->target != NULL && w->timeout >= 0);
	assert(w->max_load >= 0 && w->min_free_memory >= 0 && (!w->requeue_youngest || w->min_free_memory > 0));
	assert((w->after_failures > 0) != (w->after_percent > 0) && w->after_percent <= 100);
	for (size_t i = 0; i < w->npools; i++)
		assert(w->pools[i].most >= 1 && w->pools[i].most <= PROCESSES_MAX);
	check_graph(w);
	for (size_t i = 0; i < w->ntasks; i++) {
		const struct task *t = &w->tasks[i];
		void **place = table_at(&names, t->name, strlen(t->name));

		assert(*place == NULL);
		*place = (void *)t;
		assert(name_fault(t->name) == NULL);
		assert(name_ends(t->path, ".ipynb") && name_ends(t->file, t->path));
		assert(*t->working_directory != '\0');
		assert(t->target != NULL && t->timeout >= 0 && t->cell_timeout >= 0);
		assert(t->pool == NO_POOL || t->pool < w->npools);
		assert(t->retries <= 1000 && t->retry_delay >= 0 && t->retry_backoff >= 1 && t->memory_limit >= 0);
		assert(t->mark.line > 0 && t->path_mark.line > 0 && t->kernel_mark.line > 0);
		check_params(&t->parameters);
		check_params(&t->env);
	}
	table_release(&names);
}

static void
load(const uint8_t *data, size_t size)
{
	struct problems problems = PROBLEMS_INIT;
	struct overrides options = {0};
	struct workflow w;
	char *value = xmemdup0(data, size), *parameter = xasprintf("p=%s", value);
	char *selected = (char *)"[a-m]*";
	int result;

	options.parameters = &parameter;
	options.nparameters = size < 200 ? 1 : 0;
	options.selected = &selected;
	options.nselected = size % 2;
	result = workflow_parse(&w, (const char *)data, size, "fuzz.yaml", "folder", &options, &problems);
	assert((result == 0) == (problems.n == 0));
	if (result == 0)
		check_workflow(&w);
	assert(w.text_len == size && memcmp(w.text, value, size) == 0);
	workflow_release(&w);
	problems_release(&problems);
	free(parameter);
	free(value);
}

static void
convert(const uint8_t *data, size_t size)
{
	struct problems problems = PROBLEMS_INIT;
	struct yaml_node *root, *again;
	struct buf first = BUF_INIT, second = BUF_INIT;
	struct json value;

	root = yaml_parse((const char *)data, size, "fuzz.yaml", &problems);
	assert(root != NULL || problems.n > 0);
	if (root != NULL && problems.n == 0) {
		yaml_json(root, &first);
		assert(json_parse(first.data, first.len, &value, NULL) == 0);
		/* What has become JSON stays what it is. */
		again = yaml_parse(first.data, first.len, "again", &problems);
		if (again != NULL && root->type >= YAML_STRING) {
			yaml_json(again, &second);
			assert(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
		}
		assert(again != NULL);
		yaml_node_free(again);
	}
	yaml_node_free(root);
	problems_release(&problems);
	buf_release(&first);
	buf_release(&second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	convert(data, size);
	load(data, size);
	return 0;
}
