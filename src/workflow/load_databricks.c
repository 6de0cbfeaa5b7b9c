/* The keys of a target of type databricks. */
#include "workflow/loader.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

static const char *const performance_words[] = {"STANDARD", "PERFORMANCE_OPTIMIZED", NULL};

static void
read_performance(struct loader *l, void *into, const struct yaml_key *key, const struct yaml_node *value)
{
	struct databricks *d = into;

	(void)l;
	(void)key;
	d->performance_target = xstrdup(value->text);
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

/* Lists and maps, which are passed on to the Jobs API. */
#define A_LIST KIND(LIST)
#define A_MAP KIND(NAMED)

#define COMPUTE_KEYS(way_) \
	{"existing_cluster_id", KIND(TEXT), INTO(databricks, compute.existing_cluster_id), .way = (way_), \
	    .about = "The cluster on which notebooks run."}, \
	{"new_cluster", A_MAP, INTO(databricks, compute.new_cluster), .way = (way_), \
	    .about = "As the Jobs API has it: the cluster that each notebook gets for itself."}, \
	{"serverless", KIND(BOOL), INTO(databricks, compute.serverless), .way = (way_), \
	    .about = "Whether it is serverless compute, whatever the environment says."}, \
	{"environment_key", KIND(TEXT), INTO(databricks, compute.environment_key), .way = (way_), \
	    .about = "Which of the target's environments notebooks run in."}, \
	{"warehouse_id", KIND(TEXT), INTO(databricks, compute.warehouse_id), .way = (way_), \
	    .about = "The SQL warehouse for notebooks of SQL."}, \
	{"libraries", A_LIST, INTO(databricks, compute.libraries), .way = (way_), \
	    .about = "As the Jobs API has it: what is installed on the cluster."}

/* Of a notebook's "compute", which has been evaluated as a whole. */
static const struct loader_key compute_key_list[] = {COMPUTE_KEYS(LOADER_RAW)};
static const struct loader_keys compute_keys = LOADER_KEYS(compute_key_list);
const struct kind loader_compute_kind = {.type = KIND_MAP, .keys = &compute_keys};

static const struct loader_key key_list[] = {
	COMPUTE_KEYS(LOADER_PLAIN),
	{"type", KIND(WORD, .words = (const char *const[]){"databricks", NULL}), .elsewhere = true,	/* that is why this is read */
	    .about = "databricks: a workspace."},
	{"profile", KIND(TEXT), INTO(databricks, profile),
	    .about = "The profile of ~/.databrickscfg; by default as the environment and that file say."},
	{"host", KIND(TEXT), INTO(databricks, host),
	    .about = "The address of the workspace, over what the environment and the profile say."},
	{"environments", A_LIST, INTO(databricks, environments),
	    .about = "As the Jobs API has it: environments for serverless compute."},
	{"upload_to", KIND(TEXT, .pattern = "^/"), .read = read_upload_to,
	    .about = "The folder of the workspace into which notebooks of this machine are imported; "
	    "/Users/USER/nbfork/WORKFLOW by default."},
	{"run_as", A_MAP, INTO(databricks, run_as),
	    .about = "As the Jobs API has it: the user or service principal as whom notebooks run."},
	{"tags", A_MAP, INTO(databricks, tags),
	    .about = "As the Jobs API has it: tags of the runs."},
	{"access_control_list", A_LIST, INTO(databricks, access_control_list),
	    .about = "As the Jobs API has it: who else may see or manage the runs."},
	{"email_notifications", A_MAP, INTO(databricks, email_notifications),
	    .about = "As the Jobs API has it: whom the workspace writes to."},
	{"webhook_notifications", A_MAP, INTO(databricks, webhook_notifications),
	    .about = "As the Jobs API has it: what the workspace calls."},
	{"notification_settings", A_MAP, INTO(databricks, notification_settings),
	    .about = "As the Jobs API has it: of what the workspace tells nobody."},
	{"performance_target", KIND(WORD, .words = performance_words), .read = read_performance,
	    .about = "For serverless compute; by default as the workspace has it."},
	{"queue", KIND(BOOL), INTO(databricks, queue),
	    .about = "Whether runs wait in the workspace while that is full, which is the default, or are refused."},
};

static const struct loader_keys keys = LOADER_KEYS(key_list);
const struct kind loader_databricks_kind = {.type = KIND_MAP, .keys = &keys};

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
		loader_map(l, map, NULL, &keys, d);
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
	loader_map(l, map, NULL, &compute_keys, &d);
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
	compute_release(&d->compute);
	free(d->profile);
	free(d->host);
	free(d->environments);
	free(d->upload_to);
	free(d->run_as);
	free(d->tags);
	free(d->access_control_list);
	free(d->email_notifications);
	free(d->webhook_notifications);
	free(d->notification_settings);
	free(d->performance_target);
	free(d);
}
