#include "databricks/submit.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "databricks/compute.h"
#include "databricks/member.h"

#define TASK_KEY_MAX 100	/* characters of a task_key */
#define RUN_NAME_MAX 4096	/* bytes */

void
submit_token(char token[SUBMIT_TOKEN], const char *first_run_id, const char *notebook, unsigned attempt)
{
	struct buf b = BUF_INIT;

	buf_addf(&b, "%s\n%s\n%u", first_run_id, notebook, attempt);
	_Static_assert(SUBMIT_TOKEN == DIGEST_TEXT, "a token is a digest");
	digest_bytes(token, b.data, b.len);
	buf_release(&b);
}

char *
submit_task_key(const char *name)
{
	struct buf b = BUF_INIT;

	for (; *name != '\0' && b.len < TASK_KEY_MAX; name++) {
		bool fit = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
		    (*name >= '0' && *name <= '9') || *name == '-' || *name == '_';

		buf_addc(&b, fit ? *name : '_');
	}
	return buf_steal(&b);
}

static void
put_run_name(struct json_out *o, const char *workflow, const char *name)
{
	char *text = workflow != NULL ? xasprintf("%s: %s", workflow, name) : xstrdup(name);
	size_t n = strlen(text);

	if (n > RUN_NAME_MAX) {
		n = RUN_NAME_MAX;
		while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
			n--;
		text[n] = '\0';
	}
	json_out_str(o, text);
	free(text);
}

/* Parameters are strings there: text as it is, everything else as JSON, as Python's json module reads and writes it. */
static void
put_parameters(struct json_out *o, const struct params *p)
{
	const struct json_form form = {.indent = -1};

	json_out_open(o, '{');
	for (size_t i = 0; i < p->n; i++) {
		struct json v = json_of(p->list[i].value);
		struct buf text = BUF_INIT;

		json_out_key(o, p->list[i].name);
		if (json_type(v) == JSON_STRING) {
			json_out_value(o, v);
			continue;
		}
		json_put(&text, v, &form);
		json_out_str(o, buf_str(&text));
		buf_release(&text);
	}
	json_out_close(o, '}');
}

static void
put_task(struct json_out *o, const struct task *t, const char *path, const struct compute *c)
{
	const struct databricks *d = t->target->databricks;
	char *key = submit_task_key(t->name);

	json_out_open(o, '{');
	member_text(o, "task_key", key);
	free(key);
	json_out_key(o, "notebook_task");
	json_out_open(o, '{');
	member_text(o, "notebook_path", path);
	member_text(o, "source", "WORKSPACE");
	json_out_key(o, "base_parameters");
	put_parameters(o, &t->parameters);
	member_text(o, "warehouse_id", c->warehouse_id);
	json_out_close(o, '}');
	member_text(o, "existing_cluster_id", c->existing_cluster_id);
	member_json(o, "new_cluster", c->new_cluster);
	member_text(o, "environment_key", c->environment_key);
	member_json(o, "libraries", c->libraries);
	member_json(o, "email_notifications", d->email_notifications);
	member_json(o, "webhook_notifications", d->webhook_notifications);
	member_json(o, "notification_settings", d->notification_settings);
	json_out_close(o, '}');
}

void
submit_put(struct buf *body, const struct task *t, const char *workflow, const char *path, const char *cluster_id,
    const char *token)
{
	const struct databricks *d = t->target->databricks;
	const struct compute c = compute_of(t, cluster_id);
	struct json_out o = JSON_OUT(body, -1, 0);

	json_out_open(&o, '{');
	json_out_key(&o, "run_name");
	put_run_name(&o, workflow, t->name);
	member_text(&o, "idempotency_token", token);
	json_out_key(&o, "tasks");
	json_out_open(&o, '[');
	put_task(&o, t, path, &c);
	json_out_close(&o, ']');
	if (t->timeout > 0) {
		json_out_key(&o, "timeout_seconds");
		json_out_int(&o, member_seconds(t->timeout));
	}
	json_out_key(&o, "queue");
	json_out_open(&o, '{');
	json_out_key(&o, "enabled");
	json_out_bool(&o, d->queue);
	json_out_close(&o, '}');
	if (c.environment_key != NULL)
		member_json(&o, "environments", d->environments);
	member_json(&o, "run_as", d->run_as);
	member_json(&o, "tags", d->tags);
	member_json(&o, "access_control_list", d->access_control_list);
	member_text(&o, "performance_target", d->performance_target);
	json_out_close(&o, '}');
}
