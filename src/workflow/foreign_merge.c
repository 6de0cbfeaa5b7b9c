/* What a bundle's target changes: maps joined, as the Databricks CLI joins them. */
#include "workflow/foreign_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* The lists of a job whose items have names: those of one name are joined, others are added. */
static const struct {
	const char *list, *name;
} named[] = {
	{"tasks", "task_key"},
	{"job_clusters", "job_cluster_key"},
	{"environments", "environment_key"},
	{"parameters", "name"},
};

/* The name of an item; NULL for none. */
static const char *
name_of(const struct yaml_node *item, const char *name)
{
	const struct yaml_node *value = yaml_get(item, name);

	return value != NULL && value->type == YAML_STRING ? value->text : NULL;
}

/* The items of a list by name; those without one are not in it. */
static void
fill_names(struct table *t, const struct yaml_node *list, const char *name)
{
	for (size_t i = 0; name != NULL && i < list->n; i++) {
		const char *its = name_of(list->items[i], name);
		void **place = its != NULL ? table_at(t, its, strlen(its)) : NULL;

		if (place != NULL && *place == NULL)
			*place = list->items[i];
	}
}

static const struct yaml_node *
item_of(const struct table *t, const struct yaml_node *item, const char *name)
{
	const char *its = name != NULL ? name_of(item, name) : NULL;

	return its != NULL ? table_get(t, its, strlen(its)) : NULL;
}

static struct yaml_node *
merge_list(struct foreign *f, const struct yaml_node *base, const struct yaml_node *over, const char *name)
{
	struct yaml_node *made = yaml_build_plain(YAML_LIST, base->mark, NULL);
	struct table here = TABLE_INIT, there = TABLE_INIT;
	const struct yaml_node *its;

	fill_names(&here, base, name);
	fill_names(&there, over, name);
	for (size_t i = 0; i < base->n; i++) {
		its = item_of(&there, base->items[i], name);
		yaml_build_item(made, its != NULL ? foreign_merge(f, base->items[i], its, false) : yaml_share(base->items[i]));
	}
	for (size_t i = 0; i < over->n; i++)
		if (item_of(&here, over->items[i], name) == NULL)
			yaml_build_item(made, yaml_share(over->items[i]));
	table_release(&here);
	table_release(&there);
	yaml_build_finish(&f->build, made, NULL);
	return made;
}

static const char *
item_name(const char *list)
{
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
		if (strcmp(named[i].list, list) == 0)
			return named[i].name;
	return NULL;
}

static struct yaml_node *
merge_map(struct foreign *f, const struct yaml_node *base, const struct yaml_node *over, bool job)
{
	struct yaml_node *made = yaml_build_plain(YAML_MAP, base->mark, NULL), *value;

	for (size_t i = 0; i < base->n; i++) {
		const struct yaml_key *key = &base->keys[i], *its = foreign_key(over, key->name);

		if (its == NULL) {
			foreign_put(made, key->name, key->mark, yaml_share(base->items[i]));
			continue;
		}
		if (job && base->items[i]->type == YAML_LIST && yaml_get(over, key->name)->type == YAML_LIST)
			value = merge_list(f, base->items[i], yaml_get(over, key->name), item_name(key->name));
		else
			value = foreign_merge(f, base->items[i], yaml_get(over, key->name), false);
		foreign_put(made, key->name, key->mark, value);
	}
	for (size_t i = 0; i < over->n; i++)
		if (foreign_key(base, over->keys[i].name) == NULL)
			foreign_put(made, over->keys[i].name, over->keys[i].mark, yaml_share(over->items[i]));
	yaml_build_finish(&f->build, made, NULL);
	return made;
}

struct yaml_node *
foreign_merge(struct foreign *f, const struct yaml_node *base, const struct yaml_node *over, bool job)
{
	if (over->type == YAML_NULL)
		return yaml_share(base);
	if (base->type == YAML_MAP && over->type == YAML_MAP)
		return merge_map(f, base, over, job);
	if (base->type == YAML_LIST && over->type == YAML_LIST)
		return merge_list(f, base, over, NULL);
	return yaml_share(over);
}

struct yaml_node *
foreign_moved(struct foreign *f, const struct yaml_node *node, struct mark at)
{
	struct yaml_node *made = yaml_build_plain(node->type, at, node->text), *item;

	made->boolean = node->boolean;
	for (size_t i = 0; i < node->n; i++) {
		item = foreign_moved(f, node->items[i], at);
		if (node->type == YAML_MAP)
			foreign_put(made, node->keys[i].name, at, item);
		else
			yaml_build_item(made, item);
	}
	if (node->type == YAML_MAP || node->type == YAML_LIST)
		yaml_build_finish(&f->build, made, NULL);
	return made;
}
