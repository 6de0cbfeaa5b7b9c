/*
 * Other tools' files as workflows: Databricks' bundles (databricks.yml) and documents of its Jobs API, and what
 * Microsoft Fabric's runMultiple takes. A tree of one of these forms becomes one of nbfork's own form
 * (workflow/load.h), in which every value stands where it stands in the foreign file, so that whatever is said about it
 * later points there.
 *
 * What cannot be expressed is a problem; what has no meaning (schedules, notifications; on this machine also clusters)
 * is passed over with a notice (log_info), keys that nobody knows with a warning.
 *
 *	Bundle		a map with "bundle", or with "jobs" in "resources"; the job that o names, or the only one.
 *			${var.NAME} is BUNDLE_VAR_NAME of the environment, else its value in the target, else its
 *			default; for a file that a bundle includes these are in the databricks.yml of a folder above.
 *			The target is that of o, unless it is "local", else DATABRICKS_BUNDLE_TARGET of the
 *			environment, else the one with "default: true", else the only one. What it changes in the jobs
 *			is joined with them.
 *	Jobs API	a map with a list "tasks" of maps with "task_key", perhaps in "settings"
 *	runMultiple	a map with "activities", or a list of names of notebooks
 *
 * A map with "notebooks" is none of them.
 *
 * When o names a target, the tree has the targets of the file: those of a bundle, else one called "databricks"; and for
 * each notebook what it runs on there.
 */
#ifndef NBFORK_WORKFLOW_FOREIGN_H
#define NBFORK_WORKFLOW_FOREIGN_H

#include "base/problem.h"
#include "workflow/load.h"
#include "workflow/yaml.h"

/*
 * NULL when root is not foreign, or NULL itself; else the tree in nbfork's form, to be freed with yaml_node_free, which
 * may share nodes with root but needs it no longer. file is its name for messages, folder what its paths are relative
 * to: they are looked up there where they have no ending. A parameter that o sets is not looked at in the file, so that
 * its value there may be one that cannot be had here. *texts is set to whether parameters of its form are text, also
 * those of o. When there were problems the tree can be loaded all the same, to
 * find out what else is wrong.
 */
struct yaml_node *foreign_convert(const struct yaml_node *root, const char *file, const char *folder,
    const struct overrides *o, bool *texts, struct problems *p);

#endif
