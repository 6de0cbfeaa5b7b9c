/*
 * One workspace as a run uses it: what is made before the first worker and shared by all of them.
 */
#ifndef NBFORK_DATABRICKS_WORKSPACE_H
#define NBFORK_DATABRICKS_WORKSPACE_H

#include <stdbool.h>

#include "base/problem.h"
#include "base/table.h"
#include "databricks/bearer.h"
#include "databricks/limiter.h"
#include "databricks/login.h"
#include "workflow/model.h"

struct workspace {
	struct login login;
	struct limiter *limiter;	/* shared */
	struct bearer *bearer;	/* shared */
	char *user;	/* who one is there */
	char *upload_to;	/* the folder for notebooks of this machine */
	char *place;	/* which workspace it is, however its host is written */
	struct table taken;	/* files that have been imported -> the digest of what was, a text */
};

/*
 * The table's connect() (target.h): logs in, asks who one is, whether clusters, warehouses and the notebooks of the
 * workspace are there, and, when go, imports the notebooks of this machine, each file once. t->state becomes a
 * struct workspace. The network is used by a child process (base/aside.h).
 */
void workspace_connect(const struct workflow *w, struct target *t, bool go, struct problems *p);
void workspace_disconnect(struct target *t);

/* The table's place() and taken(). */
const char *workspace_place(const struct target *t);
const char *workspace_taken(const struct task *t);

/* Where a task's notebook is in the workspace; the caller's to free. */
char *workspace_path(const struct workspace *ws, const struct task *t);

#endif
