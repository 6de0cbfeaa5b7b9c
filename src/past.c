#include "past.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/lines.h"
#include "base/mem.h"
#include "verdict.h"
#include "workflow/status.h"

#define LINE_MOST ((size_t)64 * 1024 * 1024)

/* A notebook, and what is needed of it only while the journal is read. */
struct entry {
	struct past_notebook known;	/* first, so that the one is the other */
	struct buf earlier;	/* of earlier_attempts, the elements with commas between them */
	size_t running_in;	/* the how many-th run it was started in and has not ended since; 0 for none */
};

struct reader {
	struct past *past;
	size_t runs;	/* starts of runs so far */
	size_t steps;	/* starts and successes so far */
};

/* The members of a line that count; JSON_NOTHING for those that are not there. */
struct line {
	struct json event, name, parent, attempt, run, workflow, notebook, inputs, ended, submission, run_id;
};

static void
split(struct line *l, struct json v)
{
	const struct {
		const char *key;
		struct json *value;
	} members[] = {
		{"event", &l->event}, {"name", &l->name}, {"parent", &l->parent}, {"attempt", &l->attempt}, {"run", &l->run},
		{"workflow", &l->workflow}, {"notebook", &l->notebook}, {"inputs", &l->inputs}, {"ended", &l->ended},
		{"submission", &l->submission}, {"run_id", &l->run_id},
	};
	struct json_iter it;
	struct json key, value;

	memset(l, 0, sizeof(*l));
	json_walk(&it, v);
	while (it.object && json_next(&it, &key, &value))
		for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
			if (json_is(key, members[i].key))
				*members[i].value = value;
}

/* The number of an attempt; 0 for what is none. */
static unsigned
number(struct json v)
{
	int64_t n;

	return json_int(v, &n) && n > 0 && n <= INT32_MAX ? (unsigned)n : 0;
}

/* The notebook that a line is about; NULL when the line does not say. */
static struct entry *
entry_of(struct reader *r, struct json name)
{
	struct past *p = r->past;
	char *text = json_strdup(name);
	void **place;

	if (text == NULL)
		return NULL;
	place = table_at(&p->names, text, strlen(text));
	if (*place == NULL) {
		struct entry *e = xcalloc(1, sizeof(*e));

		e->known.name = text;
		p->list = xgrow(p->list, p->n, &p->cap, sizeof(struct past_notebook *));
		p->list[p->n++] = &e->known;
		*place = &e->known;
	} else {
		free(text);
	}
	return *place;
}

/* ---- What the events mean ---- */

static void
on_run_started(struct reader *r, const struct line *l)
{
	struct past *p = r->past;
	char *id = json_strdup(json_get(l->run, "id")), *name = json_strdup(json_get(l->workflow, "name"));

	if (id == NULL || name == NULL) {
		free(id);
		free(name);
		return;
	}
	if (p->first_run_id == NULL)
		p->first_run_id = xstrdup(id);
	free(p->run_id);
	free(p->name);
	p->run_id = id;
	p->name = name;
	p->finished = false;
	r->runs++;
}

static void
withdraw(struct past_notebook *n)
{
	free(n->success);
	free(n->run_id);
	n->success = n->run_id = NULL;
	memset(&n->inputs, 0, sizeof(n->inputs));
}

static void
started(struct reader *r, struct entry *e, unsigned attempt)
{
	withdraw(&e->known);
	e->known.started = ++r->steps;
	e->running_in = r->runs;
	if (attempt > e->known.attempts)
		e->known.attempts = attempt;
}

static void
on_notebook_started(struct reader *r, const struct line *l)
{
	struct entry *e = entry_of(r, l->name);

	if (e == NULL)
		return;
	started(r, e, number(l->attempt));
	/*
	 * One that follows what an earlier attempt has left running is known by that one's number, and what that was asked
	 * for with still counts.
	 */
	if (e->known.submission == number(l->submission) && e->known.submission != 0)
		return;
	e->known.submission = number(l->submission);
	e->known.remote_run = 0;
	e->known.asked = e->known.started;
	inputs_read(&e->known.begun, l->inputs);
}

static void
on_submitted(struct reader *r, const struct line *l)
{
	struct entry *e = entry_of(r, l->name);
	struct json digits = JSON_NOTHING;
	int64_t id;

	/* Ids stand there as text, whose digits are those of a number. */
	if (json_type(l->run_id) == JSON_STRING)
		digits = (struct json){l->run_id.text + 1, l->run_id.len - 2};
	if (e == NULL || number(l->submission) == 0 || !json_int(digits, &id) || id <= 0)
		return;
	e->known.submission = number(l->submission);
	e->known.remote_run = id;
}

/* What ran elsewhere has ended, unless whoever followed it did not see that. ended: how the attempt did. */
static void
close_remote(struct entry *e, struct json ended)
{
	if (!verdict_saw_end(json_type(json_get(ended, "signal")) == JSON_NUMBER, json_get(ended, "error"),
	    json_get(ended, "remote")))
		return;
	e->known.submission = 0;
	e->known.remote_run = 0;
}

/*
 * An attempt is over without success. Returns whether one was under way, which is then noted: a notebook that waits for
 * its next attempt, or has had one in an earlier run, comes to an end without another. That an attempt was started is
 * also known from a number that was not there before, where the line that said so is lost.
 */
static bool
ends(struct reader *r, struct entry *e, unsigned attempt, bool failed)
{
	if (e->running_in != r->runs && attempt <= e->known.attempts)
		return false;
	if (e->running_in != r->runs)
		started(r, e, attempt);
	e->running_in = 0;
	e->known.failed = failed;
	return true;
}

static bool
is_failure(struct json status)
{
	return json_is(status, status_name(STATUS_FAILED)) || json_is(status, status_name(STATUS_TIMED_OUT));
}

static struct buf *
next_earlier(struct entry *e)
{
	if (e->earlier.len != 0)
		buf_adds(&e->earlier, ", ");
	return &e->earlier;
}

static void
on_attempt_failed(struct reader *r, const struct line *l)
{
	struct entry *e = entry_of(r, l->name);

	if (e == NULL || !ends(r, e, number(l->attempt), true))
		return;
	close_remote(e, l->ended);
	if (json_type(l->ended) == JSON_OBJECT)
		json_put(next_earlier(e), l->ended, &JSON_ONE_LINE);
}

/* It was stopped to be started again: no failure, but an attempt that has ended. */
static void
on_requeued(struct reader *r, const struct line *l)
{
	struct entry *e = entry_of(r, l->name);

	if (e == NULL || !ends(r, e, number(l->attempt), false))
		return;
	close_remote(e, l->ended);
	if (json_type(l->ended) == JSON_OBJECT)
		json_put(next_earlier(e), l->ended, &JSON_ONE_LINE);
}

static void
put_file(struct json_out *o, const char *key, struct json value, const char *folder, const char *name,
    unsigned attempt, const char *ending)
{
	char *path = NULL;

	if (json_type(value) == JSON_STRING)
		path = xasprintf("%s/%s.attempt%u.%s", folder, name, attempt, ending);
	json_out_key(o, key);
	json_out_str(o, path);
	free(path);
}

/* As the "ended" object of an attempt, from the notebook's object. */
static void
put_ended(struct entry *e, struct json notebook, unsigned attempt)
{
	static const char *const same[] = {"status", "exit_status", "signal", "error", "started_at", "finished_at",
	    "duration_seconds", "cpu_seconds", "max_rss_bytes"};
	const char *name = e->known.name;
	struct json_out o = JSON_OUT(next_earlier(e), -1, 0);

	json_out_open(&o, '{');
	json_out_key(&o, "attempt");
	json_out_int(&o, attempt);
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		json_out_key(&o, same[i]);
		json_out_value(&o, json_get(notebook, same[i]));
	}
	put_file(&o, "output", json_get(notebook, "output"), "notebooks", name, attempt, "ipynb");
	put_file(&o, "log", json_get(notebook, "log"), "logs", name, attempt, "log");
	json_out_key(&o, "url");
	json_out_value(&o, json_get(notebook, "url"));
	json_out_key(&o, "remote");
	json_out_value(&o, json_get(notebook, "remote"));
	json_out_close(&o, '}');
}

static void
succeeded(struct reader *r, struct entry *e, const struct line *l, unsigned attempt)
{
	struct buf text = BUF_INIT;

	if (e->running_in != r->runs)
		started(r, e, attempt);
	withdraw(&e->known);
	e->running_in = 0;
	e->known.failed = false;
	close_remote(e, JSON_NOTHING);
	json_put(&text, l->notebook, &JSON_ONE_LINE);
	e->known.success = xmemdup0(text.data, text.len);	/* without the room that the buffer has left */
	buf_release(&text);
	e->known.run_id = xstrdup(r->past->run_id);
	e->known.order = ++r->steps;
	inputs_read(&e->known.inputs, l->inputs);
}

static void
on_notebook_finished(struct reader *r, const struct line *l)
{
	struct json status = json_get(l->notebook, "status"), attempts = json_get(l->notebook, "attempts");
	unsigned attempt = number(json_type(attempts) == JSON_NUMBER ? attempts : l->attempt);
	struct entry *e = json_type(l->notebook) == JSON_OBJECT ? entry_of(r, l->name) : NULL;

	if (e == NULL)
		return;
	if (json_is(status, status_name(STATUS_SUCCEEDED)))
		succeeded(r, e, l, attempt);
	else if (attempt > 0 && !json_is(status, status_name(STATUS_SKIPPED)) &&
	    ends(r, e, attempt, is_failure(status))) {
		close_remote(e, l->notebook);
		put_ended(e, l->notebook, attempt);
	}
}

static void
on_run_finished(struct reader *r, const struct line *l)
{
	(void)l;
	r->past->finished = true;
}

/* A notebook that is kept has the success that counts already: there is nothing to do about that. */
static const struct {
	const char *event;
	void (*call)(struct reader *r, const struct line *l);
} events[] = {
	{"run_started", on_run_started},
	{"notebook_started", on_notebook_started},
	{"notebook_submitted", on_submitted},
	{"notebook_attempt_failed", on_attempt_failed},
	{"notebook_requeued", on_requeued},
	{"notebook_finished", on_notebook_finished},
	{"run_finished", on_run_finished},
};

/* ---- Lines ---- */

static void
take_line(void *data, const char *text, size_t n)
{
	struct reader *r = data;
	struct json v;
	struct line l;

	if (json_parse(text, n, &v, NULL) == -1)
		return;
	split(&l, v);
	/* What a notebook has run belongs to it: it is in its object, and runs again with it, under another name. */
	if (l.parent.text != NULL) {
		char *name = json_strdup(l.name);

		if (name != NULL)
			*table_at(&r->past->children, name, strlen(name)) = r->past;
		free(name);
		return;
	}
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (json_is(l.event, events[i].event)) {
			if (r->runs > 0 || events[i].call == on_run_started)
				events[i].call(r, &l);
			return;
		}
	}
}

int
past_read(struct past *p, int fd)
{
	struct reader r = {.past = p};
	int result, saved_errno;

	p->size = 0;
	result = lines_read(fd, &p->size, LINE_MOST, take_line, &r);
	if (result == 0 && r.runs == 0) {
		errno = ENODATA;
		result = -1;
	}
	for (size_t i = 0; i < p->n; i++) {
		struct entry *e = (struct entry *)p->list[i];

		e->known.earlier_attempts = xasprintf("[%s]", buf_str(&e->earlier));
		buf_release(&e->earlier);
	}
	if (result == -1) {
		saved_errno = errno;
		past_release(p);
		errno = saved_errno;
	}
	return result;
}

void
past_release(struct past *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct past_notebook *n = p->list[i];

		withdraw(n);
		free(n->name);
		free(n->earlier_attempts);
		free(n);
	}
	free(p->list);
	table_release(&p->names);
	table_release(&p->children);
	free(p->run_id);
	free(p->first_run_id);
	free(p->name);
	*p = (struct past)PAST_INIT;
}

const struct past_notebook *
past_find(const struct past *p, const char *name)
{
	return table_get(&p->names, name, strlen(name));
}
