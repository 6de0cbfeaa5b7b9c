#include "databricks/difference.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/table.h"
#include "base/utf8.h"

#define SHOWN_COLUMNS 100	/* of a value */

/* ---- Whether values are the same ---- */

/* Whether it says no more than that it is not there. */
static bool
is_empty(struct json v)
{
	struct json_iter it;
	struct json member;
	double d;

	switch (json_type(v)) {
	case JSON_NONE:
	case JSON_NULL:
	case JSON_FALSE:
		return true;
	case JSON_TRUE:
		return false;
	case JSON_NUMBER:
		return json_double(v, &d) && !(d < 0) && !(d > 0);
	case JSON_STRING:
		return v.len == 2;
	case JSON_ARRAY:
		return json_count(v) == 0;
	case JSON_OBJECT:
		json_walk(&it, v);
		while (json_next(&it, NULL, &member))
			if (!is_empty(member))
				return false;
		return true;
	}
	return false;
}

/* The text of a string, a number or a truth. */
static void
put_scalar(struct buf *out, struct json v)
{
	if (json_type(v) == JSON_STRING)
		json_decode(out, v);
	else
		buf_add(out, v.text, v.len);
}

static bool
same_scalar(struct json a, struct json b)
{
	struct buf x = BUF_INIT, y = BUF_INIT;
	double d, e;
	bool same;

	if (json_double(a, &d) && json_double(b, &e))
		return !(d < e) && !(d > e);
	put_scalar(&x, a);
	put_scalar(&y, b);
	same = x.len == y.len && memcmp(buf_str(&x), buf_str(&y), x.len) == 0;
	buf_release(&x);
	buf_release(&y);
	return same;
}

static bool covers(struct json wanted, struct json found);

/* Whether each element has its own one there, in any order. */
static bool
same_list(struct json wanted, struct json found)
{
	size_t n = json_count(found), i;
	bool *taken, all = json_count(wanted) == n;
	struct json_iter outer, inner;
	struct json w, f;

	taken = xcalloc(n, sizeof(*taken));
	json_walk(&outer, wanted);
	while (all && json_next(&outer, NULL, &w)) {
		json_walk(&inner, found);
		all = false;
		for (i = 0; !all && json_next(&inner, NULL, &f); i++) {
			all = !taken[i] && covers(w, f);
			taken[i] = taken[i] || all;
		}
	}
	free(taken);
	return all;
}

/* Whether everything that is wanted is there. */
static bool
covers(struct json wanted, struct json found)
{
	enum json_type a = json_type(wanted), b = json_type(found);
	struct json_iter it;
	struct json key, member;

	if (is_empty(wanted) && is_empty(found))
		return true;
	if (a == JSON_ARRAY && b == JSON_ARRAY)
		return same_list(wanted, found);
	if (a != JSON_OBJECT || b != JSON_OBJECT)
		return a != JSON_ARRAY && a != JSON_OBJECT && b != JSON_ARRAY && b != JSON_OBJECT && b != JSON_NONE &&
		    same_scalar(wanted, found);
	json_walk(&it, wanted);
	while (json_next(&it, &key, &member)) {
		char *name = json_strdup(key);
		bool covered = name == NULL || covers(member, json_get(found, name));

		free(name);
		if (!covered)
			return false;
	}
	return true;
}

/* ---- Changes ---- */

struct comparison {
	struct json_out *out;
	const char *task;	/* NULL: the job itself */
	size_t n;
};

static void
put_change(struct json_out *o, const char *change, const char *task, const char *notebook, const char *key,
    struct json from,
    struct json to)
{
	json_out_open(o, '{');
	json_out_key(o, "change");
	json_out_str(o, change);
	json_out_key(o, "task");
	json_out_str(o, task);
	json_out_key(o, "notebook");
	json_out_str(o, notebook);
	json_out_key(o, "key");
	json_out_str(o, key);
	json_out_key(o, "from");
	json_out_value(o, from);
	json_out_key(o, "to");
	json_out_value(o, to);
	json_out_close(o, '}');
}

static void
put(struct comparison *c, const char *change, const char *key, struct json from, struct json to)
{
	put_change(c->out, change, c->task, NULL, key, from, to);
	c->n++;
}

void
difference_add(struct json_out *changes, const char *change, const char *task, const char *notebook)
{
	put_change(changes, change, task, notebook, NULL, JSON_NOTHING, JSON_NOTHING);
}

void
difference_add_job(struct json_out *changes, const char *name)
{
	struct buf json = BUF_INIT;

	json_put_str(&json, name);
	put_change(changes, "added", NULL, NULL, NULL, JSON_NOTHING, json_of(buf_str(&json)));
	buf_release(&json);
}

static bool
is_one_of(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static void compare_map(struct comparison *c, const char *prefix, struct json wanted, struct json found);
static void compare_object(struct comparison *c, const char *prefix, struct json wanted, struct json found,
    const char *const *settable, size_t nsettable);

static void
compare_value(struct comparison *c, const char *key, struct json wanted, struct json found)
{
	static const char *const closed[] = {"tags", "notebook_task.base_parameters"};
	static const char *const of_notebook[] = {"warehouse_id"};

	if (is_one_of(closed, sizeof(closed) / sizeof(closed[0]), key))
		compare_map(c, key, wanted, found);
	else if (json_type(wanted) == JSON_OBJECT && json_type(found) == JSON_OBJECT)
		compare_object(c, key, wanted, found, of_notebook, strcmp(key, "notebook_task") == 0 ? 1 : 0);
	else if (!covers(wanted, found))
		put(c, found.text == NULL ? "added" : "changed", key, found, wanted);
}

static char *
joined(const char *prefix, struct json key)
{
	struct buf b = BUF_INIT;

	buf_addf(&b, "%s%s", prefix, *prefix != '\0' ? "." : "");
	json_decode(&b, key);
	return buf_steal(&b);
}

/* Of an object whose members are all ours, the empty ones too. */
static void
compare_map(struct comparison *c, const char *prefix, struct json wanted, struct json found)
{
	struct json_iter it;
	struct json key, member;

	json_walk(&it, wanted);
	while (json_next(&it, &key, &member)) {
		char *name = json_strdup(key), *path = joined(prefix, key);
		struct json other = name != NULL ? json_get(found, name) : JSON_NOTHING;

		if (other.text == NULL)
			put(c, "added", path, other, member);
		else if (!covers(member, other))
			put(c, "changed", path, other, member);
		free(name);
		free(path);
	}
	json_walk(&it, found);
	while (json_next(&it, &key, &member)) {
		char *name = json_strdup(key), *path = joined(prefix, key);

		if (name != NULL && json_get(wanted, name).text == NULL)
			put(c, "removed", path, member, JSON_NOTHING);
		free(name);
		free(path);
	}
}

/* Of an object to which the workspace adds members: those of the names, where they say something, have been set. */
static void
compare_object(struct comparison *c, const char *prefix, struct json wanted, struct json found,
    const char *const *settable, size_t nsettable)
{
	static const char *const elsewhere[] = {"tasks", "description", "task_key"};
	struct json_iter it;
	struct json key, member;

	json_walk(&it, wanted);
	while (json_next(&it, &key, &member)) {
		char *name = json_strdup(key), *path = joined(prefix, key);

		if (name != NULL && !is_one_of(elsewhere, sizeof(elsewhere) / sizeof(elsewhere[0]), path))
			compare_value(c, path, member, json_get(found, name));
		free(name);
		free(path);
	}
	for (size_t i = 0; i < nsettable; i++) {
		struct json there = json_get(found, settable[i]);

		if (json_get(wanted, settable[i]).text == NULL && !is_empty(there) && !json_is(there, "ALL_SUCCESS")) {
			char *path = xasprintf("%s%s%s", prefix, *prefix != '\0' ? "." : "", settable[i]);

			put(c, "removed", path, there, JSON_NOTHING);
			free(path);
		}
	}
}

/* ---- The whole ---- */

static void
compare_task(struct comparison *c, const char *task_key, struct json wanted, struct json found)
{
	static const char *const settable[] = {
		"depends_on", "run_if", "existing_cluster_id", "new_cluster", "job_cluster_key", "environment_key",
		    "libraries",
		"max_retries", "min_retry_interval_millis", "retry_on_timeout", "timeout_seconds",
		    "disable_auto_optimization",
		"disabled", "health", "email_notifications", "webhook_notifications", "notification_settings",
	};

	c->task = task_key;
	if (found.text == NULL)
		put(c, "added", NULL, JSON_NOTHING, JSON_NOTHING);
	else
		compare_object(c, "", wanted, found, settable, sizeof(settable) / sizeof(settable[0]));
	c->task = NULL;
}

/* The tasks by their keys; *n is how many there are. The caller's to free, and the spans are those of the settings. */
static struct json *
tasks_of(struct json settings, struct table *by_key, size_t *n)
{
	struct json tasks = json_get(settings, "tasks"), *list = xcalloc(json_count(tasks) + 1, sizeof(*list));
	struct json_iter it;

	*n = 0;
	json_walk(&it, tasks);
	while (json_next(&it, NULL, &list[*n])) {
		char *key = json_strdup(json_get(list[*n], "task_key"));

		if (key != NULL)
			*table_at(by_key, key, strlen(key)) = &list[*n];
		free(key);
		++*n;
	}
	return list;
}

static void
compare_tasks(struct comparison *c, struct json wanted, struct json found)
{
	struct table ours = TABLE_INIT, theirs = TABLE_INIT;
	size_t n, m;
	struct json *list = tasks_of(wanted, &ours, &n), *other = tasks_of(found, &theirs, &m);

	for (size_t i = 0; i < ours.n; i++) {
		const struct table_entry *e = &ours.entries[i];
		const struct json *there = table_get(&theirs, e->key, e->len);

		compare_task(c, e->key, *(struct json *)e->value, there != NULL ? *there : JSON_NOTHING);
	}
	for (size_t i = 0; i < theirs.n; i++) {
		const struct table_entry *e = &theirs.entries[i];

		if (table_get(&ours, e->key, e->len) != NULL)
			continue;
		c->task = e->key;
		put(c, "removed", NULL, JSON_NOTHING, JSON_NOTHING);
		c->task = NULL;
	}
	free(list);
	free(other);
	table_release(&ours);
	table_release(&theirs);
}

size_t
difference_put(struct json_out *changes, struct json wanted, struct json found, bool others)
{
	static const char *const settable[] = {
		"job_clusters", "environments", "schedule", "email_notifications", "webhook_notifications",
		"notification_settings", "continuous", "trigger", "health", "git_source", "parameters",
	};
	struct comparison c = {.out = changes};

	compare_object(&c, "", wanted, found, settable, sizeof(settable) / sizeof(settable[0]));
	compare_tasks(&c, wanted, found);
	/* It has a digest of all settings: also of those that have left no trace among what the workspace adds. */
	if (c.n == 0 && !others && !covers(json_get(wanted, "description"), json_get(found, "description")))
		put(&c, "changed", "settings", JSON_NOTHING, JSON_NOTHING);
	return c.n;
}

/* ---- For people ---- */

static void
put_value(struct buf *out, struct json v)
{
	struct buf text = BUF_INIT;
	size_t before;

	if (json_type(v) == JSON_STRING)
		json_decode(&text, v);
	else
		json_put(&text, v, &JSON_ONE_LINE);
	if (text.len == 0)
		buf_adds(&text, "''");
	before = out->len;
	utf8_put_visible(out, buf_str(&text), text.len, SHOWN_COLUMNS);
	if (out->len - before < text.len)
		buf_adds(out, "...");
	buf_release(&text);
}

static void
put_setting(struct buf *out, struct json change)
{
	struct json from = json_get(change, "from"), to = json_get(change, "to"), key = json_get(change, "key");

	if (json_is(json_get(change, "change"), "added")) {
		buf_adds(out, "+ ");
		put_value(out, key);
		buf_addc(out, ' ');
		put_value(out, to);
	} else if (json_is(json_get(change, "change"), "removed")) {
		buf_adds(out, "- ");
		put_value(out, key);
		buf_addc(out, ' ');
		put_value(out, from);
	} else if (json_is(key, "settings")) {
		buf_adds(out, "settings changed in what the workspace adds to");
	} else {
		put_value(out, key);
		buf_addc(out, ' ');
		put_value(out, from);
		buf_adds(out, " -> ");
		put_value(out, to);
	}
}

void
difference_line(struct buf *out, struct json change)
{
	struct json task = json_get(change, "task"), notebook = json_get(change, "notebook");
	bool whole = json_type(json_get(change, "key")) != JSON_STRING;
	const char *sign = json_is(json_get(change, "change"), "removed") ? "- " : "+ ";

	if (json_type(notebook) == JSON_STRING) {
		bool changed = json_is(json_get(change, "change"), "changed");

		buf_addf(out, "%snotebook ", changed ? "" : sign);
		put_value(out, notebook);
		buf_adds(out, changed ? ": changed" : "");
	} else if (json_type(task) == JSON_STRING) {
		buf_addf(out, "%stask ", whole ? sign : "");
		put_value(out, task);
		if (!whole) {
			buf_adds(out, ": ");
			put_setting(out, change);
		}
	} else if (whole) {
		buf_adds(out, "+ job ");
		put_value(out, json_get(change, "to"));
	} else {
		put_setting(out, change);
	}
	buf_addc(out, '\n');
}
