#include "keep.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "notebook/databricks.h"
#include "target.h"

/* ---- Inputs ---- */

/* A notebook that has been read; it is read again when it seems to have changed. */
struct known_file {
	struct timespec changed;
	off_t size;
	ino_t inode;
	char digest[DIGEST_TEXT];
	const char *workspace;	/* the target's, in which those are looked for that it runs; not owned */
	char **files;	/* of the notebooks that it runs as parts of itself; NULL for none */
};

static void
free_files(struct known_file *f)
{
	if (f == NULL)
		return;	/* it was never there */
	for (size_t i = 0; f->files != NULL && f->files[i] != NULL; i++)
		free(f->files[i]);
	free(f->files);
	f->files = NULL;
}

void
keeper_release(struct keeper *k)
{
	struct table *const tables[] = {&k->files, &k->results};

	for (size_t i = 0; i < k->files.n; i++)
		free_files(k->files.entries[i].value);
	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
		for (size_t i = 0; i < tables[t]->n; i++)
			free(tables[t]->entries[i].value);
		table_release(tables[t]);
	}
	free(k->newest);
}

/* What is known of a file now; NULL when it is not there. */
static const struct known_file *
look_at(struct keeper *k, const char *path, const char *workspace)
{
	void **place = table_at(&k->files, path, strlen(path));
	struct known_file *f = *place;
	struct stat st;

	if (stat(path, &st) == -1)
		return NULL;
	if (f == NULL || f->size != st.st_size || f->inode != st.st_ino || f->changed.tv_sec != st.st_mtim.tv_sec ||
	    f->changed.tv_nsec != st.st_mtim.tv_nsec || f->workspace != workspace) {
		if (f == NULL)
			f = *place = xcalloc(1, sizeof(*f));
		f->changed = st.st_mtim;
		f->size = st.st_size;
		f->inode = st.st_ino;
		f->workspace = workspace;
		digest_file(f->digest, path);
		free_files(f);
		f->files = databricks_files(path, workspace);
	}
	return f;
}

/* Adds what one notebook runs to those that are known to be parts. */
static void
note_parts(const struct known_file *f, struct table *parts)
{
	for (size_t i = 0; f->files != NULL && f->files[i] != NULL; i++)
		*table_at(parts, f->files[i], strlen(f->files[i])) = parts;	/* any value */
}

/* The digest of a notebook's content: of its file alone, where that is all there is to it. */
static void
put_file(struct keeper *k, const char *path, const char *workspace, char digest[DIGEST_TEXT])
{
	const struct known_file *f = look_at(k, path, workspace);
	struct table parts = TABLE_INIT;
	struct buf b = BUF_INIT;

	*digest = '\0';
	if (f == NULL)
		return;
	memcpy(digest, f->digest, DIGEST_TEXT);
	if (f->files == NULL)
		return;
	/* Parts have parts: the table grows while it is walked. */
	*table_at(&parts, path, strlen(path)) = &parts;
	for (size_t i = 0; i < parts.n; i++) {
		f = look_at(k, parts.entries[i].key, workspace);
		buf_addf(&b, "%s\n", f != NULL ? f->digest : "");
		if (f != NULL)
			note_parts(f, &parts);
	}
	digest_bytes(digest, b.data, b.len);
	buf_release(&b);
	table_release(&parts);
}

/* Values in a form that is the same however they are written; secrets by the variable that they are in. */
static void
put_params(struct buf *b, const struct params *p)
{
	struct json_form form = {.indent = -1, .sort = true};
	struct buf members = BUF_INIT;

	buf_addc(&members, '{');
	for (size_t i = 0; i < p->n; i++) {
		if (i > 0)
			buf_addc(&members, ',');
		json_put_str(&members, p->list[i].name);
		buf_addc(&members, ':');
		if (p->list[i].secret != NULL) {
			buf_adds(&members, "{\"secret\":");
			json_put_str(&members, p->list[i].secret);
			buf_addc(&members, '}');
		} else {
			buf_adds(&members, p->list[i].value);
		}
	}
	buf_addc(&members, '}');
	json_put(b, json_of(buf_str(&members)), &form);
	buf_addc(b, '\n');
	buf_release(&members);
}

/* Of what a notebook that is over has handed back and set for others; "" for nothing. */
static const char *
result_digest(struct keeper *k, const struct record *r)
{
	struct buf both = BUF_INIT;
	void **place;

	if (r->result == NULL && r->values == NULL)
		return "";
	place = table_at(&k->results, r->task->name, strlen(r->task->name));
	if (*place == NULL) {
		*place = xmalloc(DIGEST_TEXT);
		if (r->result != NULL)
			buf_adds(&both, r->result);
		if (r->values != NULL)
			buf_addf(&both, "\n%s", r->values);
		digest_bytes(*place, both.data, both.len);
		buf_release(&both);
	}
	return *place;
}

static void
put_upstream(struct keeper *k, struct buf *b, const struct task *t, const struct run *run)
{
	for (size_t i = 0; i < t->ndepends_on; i++) {
		const struct record *r = &run->records[t->depends_on[i]];

		buf_addf(b, "%s\n%s\n%s\n", r->task->name, status_name(r->status), result_digest(k, r));
	}
}

void
keeper_inputs(struct keeper *k, const struct task *t, const struct run *run, struct inputs *in)
{
	const char *kernel = t->kernel != NULL ? t->kernel : t->target->kernel;
	const struct target_ops *ops = target_ops(t->target);
	const char *taken = ops->taken != NULL ? ops->taken(t) : NULL, *place = ops->place != NULL ? ops->place(t->target) : "";
	struct buf b = BUF_INIT;

	/* What is in the workspace may change without anybody here knowing: it is known by its name. */
	if (t->remote)
		digest_bytes(in->notebook, t->path, strlen(t->path));
	else if (taken != NULL)
		memcpy(in->notebook, taken, DIGEST_TEXT);
	else
		put_file(k, t->file, t->target->workspace, in->notebook);
	put_params(&b, &t->parameters);
	put_params(&b, &t->env);
	digest_bytes(in->parameters, b.data, b.len);
	buf_reset(&b);
	buf_addf(&b, "%s\n%s\n%s\n", t->target->name, t->target->type, kernel != NULL ? kernel : "");
	digest_bytes(in->kernel, b.data, b.len);
	digest_bytes(in->place, place, strlen(place));
	buf_reset(&b);
	put_upstream(k, &b, t, run);
	digest_bytes(in->upstream, b.data, b.len);
	buf_release(&b);
}

/* ---- The decision ---- */

/* When a notebook was started last, as past.h counts; SIZE_MAX: in this run. */
static size_t
started(const struct keeper *k, const struct record *r)
{
	const struct past_notebook *past;

	/* In a plan everything that runs succeeds; in a run it has been tried, whatever came of it. */
	if (r->kept == NULL && (r->status == STATUS_SUCCEEDED || r->tries > 0))
		return SIZE_MAX;
	past = past_find(k->past, r->task->name);
	return past != NULL ? past->started : 0;
}

void
keeper_settled(struct keeper *k, const struct record *r, const struct run *run)
{
	const struct task *t = r->task;
	size_t newest = 0;

	if (k->past == NULL)
		return;
	if (k->newest == NULL)
		k->newest = xcalloc(run->n, sizeof(*k->newest));
	for (size_t i = 0; i < t->ndepends_on; i++) {
		size_t above = t->depends_on[i], at = started(k, &run->records[above]);

		if (at < k->newest[above])
			at = k->newest[above];
		if (at > newest)
			newest = at;
	}
	k->newest[r - run->records] = newest;
}

/*
 * What has been started, of all that a notebook depends on, directly or by way of others, after something that it did:
 * text to be said of why it runs again, the caller's to free; NULL for nothing.
 */
static char *
news_since(const struct keeper *k, const struct record *r, const struct run *run, size_t order)
{
	const struct task *t = r->task;

	for (size_t i = 0; i < t->ndepends_on; i++) {
		const struct record *above = &run->records[t->depends_on[i]];
		size_t at = started(k, above), newest = k->newest != NULL ? k->newest[t->depends_on[i]] : 0;

		if (at > order)
			return xasprintf("'%s', on which it depends, %s", above->task->name, at == SIZE_MAX ? "runs again" :
			    "has run since");
		if (newest > order)
			return xasprintf("something that '%s', on which it depends, depends on %s", above->task->name,
			    newest == SIZE_MAX ? "runs again" : "has run since");
	}
	return NULL;
}

/* What keeps an earlier success from counting; NULL when nothing does. The caller's to free. */
static char *
objection(const struct keeper *k, const struct past_notebook *past, const struct record *r, const struct run *run,
    const struct inputs *now)
{
	const char *difference = inputs_difference(&past->inputs, now);
	char *copy, *news = news_since(k, r, run, past->order);
	bool there;

	if (news != NULL)
		return news;
	if (difference != NULL)
		return xasprintf("%s changed", difference);
	copy = xasprintf("%s/notebooks/%s.ipynb", run->folder, r->task->name);
	there = access(copy, F_OK) == 0;
	free(copy);
	return there ? NULL : xstrdup("its executed copy is gone");
}

char *
keeper_outdated(const struct keeper *k, const struct record *r, const struct run *run, const struct inputs *now)
{
	const struct past_notebook *past = k->past != NULL ? past_find(k->past, r->task->name) : NULL;
	const char *difference;

	/* What was begun by an nbfork that did not say on what is taken for the same. */
	if (past == NULL || !inputs_known(&past->begun))
		return NULL;
	difference = inputs_difference(&past->begun, now);
	return difference != NULL ? xasprintf("%s changed", difference) : news_since(k, r, run, past->asked);
}

static void
take_text(char **text, struct json v)
{
	struct buf b = BUF_INIT;

	if (v.text == NULL || json_type(v) == JSON_NULL)
		return;
	json_put(&b, v, &JSON_ONE_LINE);
	free(*text);
	*text = buf_steal(&b);
}

static void
take_over(struct record *r, const struct past_notebook *past)
{
	struct json v, cells;

	r->kept = xstrdup(past->success);
	r->kept_from = xstrdup(past->run_id);
	r->status = STATUS_SUCCEEDED;
	r->attempts = past->attempts;
	r->has_output = true;
	if (json_parse(r->kept, strlen(r->kept), &v, NULL) == -1)
		return;
	cells = json_get(v, "cells");
	r->cells_total = json_count_of(cells, "total");
	r->cells_executed = json_count_of(cells, "executed");
	take_text(&r->result, json_get(v, "result"));
	if (json_count(json_get(v, "values")) > 0)
		take_text(&r->values, json_get(v, "values"));
}

bool
keeper_keeps(struct keeper *k, struct record *r, const struct run *run, const struct inputs *now)
{
	const struct past_notebook *past = k->past != NULL ? past_find(k->past, r->task->name) : NULL;

	if (past == NULL || past->success == NULL)
		return false;
	free(r->again_because);
	r->again_because = objection(k, past, r, run, now);
	if (r->again_because != NULL)
		return false;
	take_over(r, past);
	return true;
}
