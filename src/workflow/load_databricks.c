/* The keys of a target of type databricks. */
#include "workflow/loader.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

struct key {
	const char *name;
	enum yaml_type type;	/* what it must be: YAML_STRING, or what is passed on as JSON: YAML_MAP, YAML_LIST */
	size_t offset;	/* of the text in struct databricks */
};

static const struct key texts[] = {
	{"profile", YAML_STRING, offsetof(struct databricks, profile)},
	{"host", YAML_STRING, offsetof(struct databricks, host)},
	{"existing_cluster_id", YAML_STRING, offsetof(struct databricks, compute.existing_cluster_id)},
	{"new_cluster", YAML_MAP, offsetof(struct databricks, compute.new_cluster)},
	{"environment_key", YAML_STRING, offsetof(struct databricks, compute.environment_key)},
	{"environments", YAML_LIST, offsetof(struct databricks, environments)},
	{"warehouse_id", YAML_STRING, offsetof(struct databricks, compute.warehouse_id)},
	{"libraries", YAML_LIST, offsetof(struct databricks, compute.libraries)},
	{"upload_to", YAML_STRING, offsetof(struct databricks, upload_to)},
	{"run_as", YAML_MAP, offsetof(struct databricks, run_as)},
	{"tags", YAML_MAP, offsetof(struct databricks, tags)},
	{"access_control_list", YAML_LIST, offsetof(struct databricks, access_control_list)},
	{"email_notifications", YAML_MAP, offsetof(struct databricks, email_notifications)},
	{"webhook_notifications", YAML_MAP, offsetof(struct databricks, webhook_notifications)},
	{"notification_settings", YAML_MAP, offsetof(struct databricks, notification_settings)},
	{"performance_target", YAML_STRING, offsetof(struct databricks, performance_target)},
};

static void
read_text(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct databricks *d = into;
	const struct key *k = texts;
	struct buf json = BUF_INIT;
	char **place;

	while (strcmp(k->name, key->name) != 0)
		k++;
	place = (char **)((char *)d + k->offset);
	if (k->type == YAML_STRING) {
		*place = loader_text(l, key->name, value);
	} else if (value->type != k->type) {
		loader_wrong_type(l, key->name, value, k->type == YAML_MAP ? "a map" : "a list");
	} else {
		yaml_json(value, &json);
		*place = buf_steal(&json);
	}
}

static void
read_type(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	(void)l;
	(void)into;
	(void)key;
	(void)value;	/* that is why this is read */
}

static void
read_serverless(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct databricks *d = into;

	loader_bool(l, key->name, value, &d->compute.serverless);
}

static void
read_queue(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct databricks *d = into;

	loader_bool(l, key->name, value, &d->queue);
}

static void
read_performance(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	static const char *const targets[] = {"STANDARD", "PERFORMANCE_OPTIMIZED"};
	struct databricks *d = into;
	size_t i;

	if (loader_choice(l, key->name, value, targets, sizeof(targets) / sizeof(targets[0]), &i))
		d->performance_target = xstrdup(targets[i]);
}

static void
read_upload_to(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct databricks *d = into;
	char *folder = loader_text(l, key->name, value);
	size_t n;

	if (folder == NULL)
		return;
	if (*folder != '/') {
		loader_problem(l, value->mark, "'%s' must be a folder of the workspace, such as /Users/me@example.com/nbfork, "
		    "not '%.*s'", key->name, SHOWN(folder));
		free(folder);
		return;
	}
	for (n = strlen(folder); n > 1 && folder[n - 1] == '/'; n--)
		folder[n - 1] = '\0';
	d->upload_to = folder;
}

#define COMPUTE_KEYS(way) \
	{"existing_cluster_id", read_text, way}, \
	{"new_cluster", read_text, way}, \
	{"serverless", read_serverless, way}, \
	{"environment_key", read_text, way}, \
	{"warehouse_id", read_text, way}, \
	{"libraries", read_text, way}

/* Of a notebook's "compute", which has been evaluated as a whole. */
static const struct loader_key compute_keys[] = {COMPUTE_KEYS(LOADER_RAW)};

static const struct loader_key keys[] = {
	COMPUTE_KEYS(LOADER_PLAIN),
	{"type", read_type, LOADER_PLAIN},
	{"profile", read_text, LOADER_PLAIN},
	{"host", read_text, LOADER_PLAIN},
	{"environments", read_text, LOADER_PLAIN},
	{"upload_to", read_upload_to, LOADER_PLAIN},
	{"run_as", read_text, LOADER_PLAIN},
	{"tags", read_text, LOADER_PLAIN},
	{"access_control_list", read_text, LOADER_PLAIN},
	{"email_notifications", read_text, LOADER_PLAIN},
	{"webhook_notifications", read_text, LOADER_PLAIN},
	{"notification_settings", read_text, LOADER_PLAIN},
	{"performance_target", read_performance, LOADER_PLAIN},
	{"queue", read_queue, LOADER_PLAIN},
};

/* A token in a file that is shared would be no secret. */
static bool
refuse_secrets(struct loader *l, const struct yaml_node *map)
{
	static const char *const secrets[] = {"token", "password", "client_secret", "azure_client_secret"};
	bool ok = true;

	for (size_t i = 0; i < map->n; i++) {
		for (size_t k = 0; k < sizeof(secrets) / sizeof(secrets[0]); k++) {
			if (strcmp(map->keys[i].name, secrets[k]) != 0)
				continue;
			loader_problem(l, map->keys[i].mark, "'%s' does not belong into a workflow; "
			    "put it into a profile of ~/.databrickscfg, or the environment", secrets[k]);
			ok = false;
		}
	}
	return ok;
}

/* Whether no two of the keys that exclude each other are there; subject: what has them, for messages. */
static void
check_compute(struct loader *l, struct mark at, const char *subject, const struct compute *c)
{
	if ((c->existing_cluster_id != NULL) + (c->new_cluster != NULL) + c->serverless > 1)
		loader_problem(l, at, "%s has more than one of the keys existing_cluster_id, new_cluster and serverless", subject);
}

void
loader_databricks(struct loader *l, const struct yaml_node *map, struct target *t)
{
	struct databricks *d = t->databricks = xcalloc(1, sizeof(*d));
	char *subject = xasprintf("target '%s'", t->name);

	d->queue = true;
	if (refuse_secrets(l, map)) {
		loader_map(l, map, NULL, keys, sizeof(keys) / sizeof(keys[0]), d);
		check_compute(l, t->mark, subject, &d->compute);
		if (d->compute.environment_key != NULL && d->environments == NULL)
			loader_problem(l, t->mark, "target '%s' has an environment_key, but no environments in which to find it",
			    t->name);
	}
	free(subject);
}

struct compute *
loader_compute(struct loader *l, const struct yaml_key *key, const struct yaml_node *map)
{
	struct databricks d = {.profile = NULL};
	struct compute *c;

	if (!loader_is_map(l, key->name, map))
		return NULL;
	loader_map(l, map, NULL, compute_keys, sizeof(compute_keys) / sizeof(compute_keys[0]), &d);
	check_compute(l, key->mark, "'compute'", &d.compute);
	c = xmalloc(sizeof(*c));
	*c = d.compute;
	return c;
}

void
compute_release(struct compute *c)
{
	free(c->existing_cluster_id);
	free(c->new_cluster);
	free(c->environment_key);
	free(c->warehouse_id);
	free(c->libraries);
}

void
databricks_free(struct databricks *d)
{
	if (d == NULL)
		return;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		free(*(char **)((char *)d + texts[i].offset));
	free(d);
}
