/* The table of a target of type databricks. */
#include "target.h"

#include <string.h>

#include "base/file.h"
#include "base/buf.h"
#include "databricks/compute.h"
#include "databricks/follow.h"
#include "databricks/workspace.h"
#include "notebook/source.h"

/* Whether it begins with that line, to the byte; without it the workspace takes it for a file. */
static bool
has_header(const char *file, const char *header)
{
	struct buf text = BUF_INIT;
	size_t n = strlen(header);
	bool has;

	if (file_read_regular(file, &text, (size_t)10 * 1024 * 1024) == -1)
		return true;	/* that is said when it is imported */
	has = text.len >= n && memcmp(text.data, header, n) == 0 && (text.len == n || strchr("\r\n", text.data[n]) != NULL);
	buf_release(&text);
	return has;
}

static void
check(const struct workflow *w, const struct task *t, struct notebook *nb, struct problems *p)
{
	const char *header = source_header(t->file, NULL);

	(void)nb;
	if (t->compute != NULL && t->compute->environment_key != NULL &&
	    !compute_has_environment(t->target->databricks, t->compute->environment_key))
		problems_add(p, workflow_label(w), t->mark.line, t->mark.column,
		    "notebook '%s': the environments of target '%s' have no '%s'", t->name, t->target->name,
		    t->compute->environment_key);
	if (!t->remote && header != NULL && !has_header(t->file, header))
		problems_add(p, workflow_label(w), t->path_mark.line, t->path_mark.column,
		    "'%s' would be imported as a file, not as a notebook: its first line must be '%s'", t->file, header);
	if (t->kernel != NULL)
		problems_add(p, workflow_label(w), t->kernel_mark.line, t->kernel_mark.column,
		    "notebook '%s': a notebook on Databricks has no 'kernel': its cluster says what it runs on", t->name);
	if (t->env.n > 0)
		problems_add(p, workflow_label(w), t->mark.line, t->mark.column,
		    "notebook '%s': 'env' cannot be given to a notebook on Databricks; use parameters, or the cluster's "
		    "spark_env_vars", t->name);
	if (t->cell_timeout != 0)
		problems_add(p, workflow_label(w), t->mark.line, t->mark.column,
		    "notebook '%s': 'cell_timeout_seconds' is not known to Databricks; use timeout_seconds", t->name);
	if (t->memory_limit != 0)
		problems_add(p, workflow_label(w), t->mark.line, t->mark.column,
		    "notebook '%s': 'memory_limit' is not known to Databricks; choose a larger cluster", t->name);
	if (t->allow_errors)
		problems_add(p, workflow_label(w), t->mark.line, t->mark.column,
		    "notebook '%s': 'allow_errors' is not known to Databricks", t->name);
}

static void
prepare(void)
{
}

const struct target_ops target_databricks = {
	.type = "databricks",
	.elsewhere = true,
	.check = check,
	.prepare = prepare,
	.connect = workspace_connect,
	.place = workspace_place,
	.taken = workspace_taken,
	.disconnect = workspace_disconnect,
	.run = follow_run,
	.cancel = follow_cancel,
};
