#include "databricks/compute.h"

#include "base/json.h"

static bool
is_named(const struct compute *c)
{
	return c->existing_cluster_id != NULL || c->new_cluster != NULL || c->serverless || c->environment_key != NULL;
}

struct compute
compute_of(const struct task *t, const char *default_cluster)
{
	struct compute c = t->target->databricks->compute;

	if (t->compute != NULL) {
		const struct compute *own = t->compute;

		if (is_named(own)) {
			c.existing_cluster_id = own->existing_cluster_id;
			c.new_cluster = own->new_cluster;
			c.serverless = own->serverless;
			c.environment_key = own->environment_key;
		}
		if (own->warehouse_id != NULL)
			c.warehouse_id = own->warehouse_id;
		if (own->libraries != NULL)
			c.libraries = own->libraries;
	}
	if (!is_named(&c))
		c.existing_cluster_id = (char *)default_cluster;
	return c;
}

bool
compute_has_environment(const struct databricks *d, const char *key)
{
	struct json_iter it;
	struct json environment;

	json_walk(&it, d->environments != NULL ? json_of(d->environments) : JSON_NOTHING);
	while (json_next(&it, NULL, &environment))
		if (json_is(json_get(environment, "environment_key"), key))
			return true;
	return false;
}
