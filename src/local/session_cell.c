#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "local/session_turn.h"

/*
 * What a cell has published may still be on its way when its reply is there: on a busy machine a flood of outputs
 * takes its time. So the idle status is waited for as long as something comes, within reason, and no longer than
 * nbclient's iopub_timeout when nothing does.
 */
#define IDLE_GRACE (4 * NSEC_PER_SEC)
#define IDLE_MOST (120 * NSEC_PER_SEC)

/*
 * The kernel's own time of a message, as nbclient records it: six digits and Z; the time now when it is not ISO
 * 8601.
 */
static void
message_time(struct json header, char text[CELL_TIME])
{
	char *date = json_strdup(json_get(header, "date"));
	char now[CLOCK_TEXT];
	int year, month, day, hour, minute, second, used = 0;
	char fraction[7] = "000000";

	if (date != NULL && sscanf(date, "%4d-%2d-%2dT%2d:%2d:%2d%n", &year, &month, &day, &hour, &minute, &second,
	    &used) == 6 && used == 19) {
		const char *p = date + used;

		if (*p == '.') {
			size_t digits = strspn(p + 1, "0123456789");

			if (digits >= 1 && digits <= 6) {
				memcpy(fraction, p + 1, digits);
				p += 1 + digits;
			}
		}
		if (strcmp(p, "Z") == 0 || ((*p == '+' || *p == '-') && strlen(p) <= 6)) {
			snprintf(text, CELL_TIME, "%.19s.%sZ", date, fraction);
			free(date);
			return;
		}
	}
	free(date);
	snprintf(text, CELL_TIME, "%s", clock_text(now, clock_wall(), 6));
}

static void
take_failure(struct session *s, struct json content)
{
	struct failure *f = &s->failure;
	struct buf traceback = BUF_INIT;

	failure_release(f);
	f->kind = ERROR_NOTEBOOK;
	f->name = json_strdup(json_get(content, "ename"));
	f->message = json_strdup(json_get(content, "evalue"));
	if (f->message == NULL)
		f->message = xstrdup("");
	if (json_type(json_get(content, "traceback")) == JSON_ARRAY) {
		json_put(&traceback, json_get(content, "traceback"), &JSON_ONE_LINE);
		f->traceback = buf_steal(&traceback);
	}
}

static void
take_reply(struct session *s, const struct message *m)
{
	struct json status = json_get(m->content, "status");
	struct json_iter it;
	struct json payload;

	s->replied = true;
	if (s->cell != NULL)
		message_time(m->header, s->cell->timing.execute_reply);
	json_walk(&it, json_get(m->content, "payload"));
	while (json_next(&it, NULL, &payload)) {
		if (json_is(json_get(payload, "source"), "ask_exit"))
			s->ask_exit = true;
	}
	if (json_is(status, "ok"))
		return;
	if (json_is(status, "error")) {
		s->raised = true;
		take_failure(s, m->content);
		return;
	}
	/* "aborted", "abort": the cell was not run at all, which must not pass for a success. */
	s->aborted = true;
}

/* Whether an exception is but the way in which a cell does what it has asked for (databricks_runtime.py). */
static bool
is_ending(const struct session *s, const char *name)
{
	switch (name != NULL ? collector_ending(s->collector) : ENDING_NONE) {
	case ENDING_NOTEBOOK:
		return strcmp(name, "NotebookExit") == 0;
	case ENDING_CELL:
		return strcmp(name, "CellEnd") == 0;
	default:
		return false;
	}
}

static bool
shows_ending(const struct session *s, const struct message *m)
{
	char *name = json_strdup(json_get(m->content, "ename"));
	bool ending = is_ending(s, name);

	free(name);
	return ending;
}

static void
take_published(struct session *s, const struct message *m)
{
	if (strcmp(m->type, "status") == 0) {
		struct json state = json_get(m->content, "execution_state");

		if (json_is(state, "busy")) {
			if (s->cell->timing.busy[0] == '\0')
				message_time(m->header, s->cell->timing.busy);
		} else if (json_is(state, "idle")) {
			message_time(m->header, s->cell->timing.idle);
			s->idle = true;
		}
		return;
	}
	if (strcmp(m->type, "execute_input") == 0) {
		s->begun = true;
		if (s->cell->timing.execute_input[0] == '\0')
			message_time(m->header, s->cell->timing.execute_input);
	}
	if (strcmp(m->type, "error") == 0) {
		struct json_iter it;
		struct json line;
		struct buf text = BUF_INIT;

		if (shows_ending(s, m))
			return;
		json_walk(&it, json_get(m->content, "traceback"));
		while (json_next(&it, NULL, &line)) {
			json_decode(&text, line);
			buf_addc(&text, '\n');
		}
		console_put(&s->console, CONSOLE_STDERR, buf_str(&text), text.len);
		buf_release(&text);
	}
	if (collector_message(s->collector, m))
		s->changed = true;
}

/* Whether the language of the kernel is that of the notebook: SQL is run by way of Python. */
static bool
speaks_for_notebook(const struct session *s)
{
	const struct notebook *nb = s->attempt->notebook;

	return s == s->first && (nb->databricks != DATABRICKS_NOTEBOOK || nb->default_language != LANGUAGE_SQL);
}

void
session_message(struct session *s, const struct message *m)
{
	bool ours = s->request[0] != '\0' && strcmp(m->parent, s->request) == 0;

	if (m->channel == CHANNEL_IOPUB) {
		s->iopub_seen = true;
		if (ours)
			s->heard_at = clock_run();
		if (ours && s->cell != NULL && !s->idle) {
			take_published(s, m);
		} else if (strcmp(m->type, "stream") == 0) {
			/* A thread that outlived its cell: no cell to put it into, but it was printed. */
			struct buf text = BUF_INIT;

			json_decode(&text, json_get(m->content, "text"));
			console_put(&s->console, CONSOLE_STDOUT, buf_str(&text), text.len);
			buf_release(&text);
		}
		return;
	}
	if (strcmp(m->type, "kernel_info_reply") == 0) {
		struct json info = json_get(m->content, "language_info");

		if (s->kernel_info)
			return;
		s->kernel_info = true;
		if (speaks_for_notebook(s) && json_type(info) == JSON_OBJECT) {
			free(s->attempt->notebook->language_info);
			s->attempt->notebook->language_info = xmemdup0(info.text, info.len);
		}
	} else if (ours && strcmp(m->type, "execute_reply") == 0) {
		if (!s->replied)
			take_reply(s, m);
	}
}

/*
 * Returns 0, or -1 for a cell that cannot be sent: half of a surrogate pair is no character, and kernels that are
 * given one (ipykernel) never answer.
 */
static int
put_request(struct buf *content, const char *code, size_t n, bool silent, bool history)
{
	if (utf8_check(code, n) != n)
		return -1;
	buf_adds(content, "{\"code\": ");
	json_put_string(content, code, n);
	/*
	 * stop_on_error is false: with one request under way there is nothing to stop, and a kernel that
	 * goes on aborting for a while after an error would pass over the next cell.
	 */
	buf_addf(content, ", \"silent\": %s, \"store_history\": %s, \"user_expressions\": {}, "
	    "\"allow_stdin\": false, \"stop_on_error\": false}", silent ? "true" : "false", history ? "true" : "false");
	return 0;
}

static enum verdict
cannot_send(struct session *s, const char *why)
{
	failure_release(&s->failure);
	s->failure.kind = ERROR_KERNEL;
	s->failure.message = xasprintf("cannot send the cell to the kernel: %s", why);
	return VERDICT_KERNEL;
}

/* sys.exit() and its kin without an error code: the notebook says that it is done. */
static bool
is_clean_exit(const struct failure *f)
{
	return f->name != NULL && strcmp(f->name, "SystemExit") == 0 &&
	    (strcmp(f->message, "") == 0 || strcmp(f->message, "0") == 0 || strcmp(f->message, "None") == 0);
}

static enum verdict
judge(struct session *s)
{
	bool allowed = s->attempt->task->allow_errors || cell_has_tag(s->cell, "raises-exception");

	if (s->aborted) {
		failure_release(&s->failure);
		s->failure.kind = ERROR_KERNEL;
		s->failure.message = xstrdup("the kernel did not run the cell (it answered 'aborted')");
		return VERDICT_KERNEL;
	}
	if (s->ask_exit)
		return VERDICT_EXIT;
	/* Whoever kept the exception from ending the cell does not keep the notebook from ending. */
	if (collector_ending(s->collector) == ENDING_NOTEBOOK && (!s->raised || is_ending(s, s->failure.name)))
		return VERDICT_EXIT;
	if (s->raised && is_ending(s, s->failure.name))
		return VERDICT_OK;
	/* Where a cell may raise, SystemExit is one of the things that it may raise, as for nbclient. */
	if (!s->raised || allowed)
		return VERDICT_OK;
	return is_clean_exit(&s->failure) ? VERDICT_EXIT : VERDICT_RAISED;
}

/* Waits until the cell is over: both its reply and its idle status are in, in whatever order they come. */
static enum verdict
await_cell(struct session *s, int64_t cell_deadline)
{
	int64_t replied_at = INT64_MAX, idle_deadline = INT64_MAX, kill_at = INT64_MAX;
	bool early = false;	/* the interrupt was sent before the kernel said that it has begun */
	enum verdict stopped = VERDICT_OK;	/* why it was interrupted, if it was */

	while (!(s->replied && s->idle)) {
		int64_t now = clock_run(), next;

		if (s->replied) {
			if (replied_at == INT64_MAX)
				replied_at = now;
			idle_deadline = (s->heard_at > replied_at ? s->heard_at : replied_at) + IDLE_GRACE;
			if (idle_deadline > replied_at + IDLE_MOST)
				idle_deadline = replied_at + IDLE_MOST;
		}
		if (now >= idle_deadline) {
			log_warn("cell %td: the kernel has not reported idle; outputs may be missing",
			    s->cell - s->attempt->notebook->cells);
			break;
		}
		if (session_stopping(s) && s->attempt->orphaned())
			return VERDICT_STOPPED;	/* whatever was going on: there is no time for it now */
		if (stopped == VERDICT_OK && session_stopping(s))
			stopped = VERDICT_STOPPED;
		else if (stopped == VERDICT_OK && now >= cell_deadline && !s->replied)
			stopped = VERDICT_CELL_TIMEOUT;
		if (stopped != VERDICT_OK && kill_at == INT64_MAX) {
			session_interrupt(s);
			kill_at = now + STOP_GRACE;
			early = !s->begun;
		} else if (early && s->begun) {
			/*
			 * A kernel that is idle ignores an interrupt. Once more, but not again: the cell may be
			 * tidying up.
			 */
			session_interrupt(s);
			early = false;
		}
		if (s->kernel.ended) {
			session_drain(s);
			if (s->replied && s->idle)
				break;	/* its last words completed the cell */
			return stopped != VERDICT_OK ? stopped : session_dead(s, "while the cell ran");
		}
		if (now >= kill_at) {
			log_info("the kernel does not stop; killing it");
			/*
			 * here: a kernel that is busy is given seconds to shut down
			 */
			kernel_signal(&s->kernel, SIGKILL);
			return stopped;
		}
		next = idle_deadline < kill_at ? idle_deadline : kill_at;
		session_turn(s, stopped == VERDICT_OK && cell_deadline < next ? cell_deadline : next);
	}
	return stopped != VERDICT_OK ? stopped : judge(s);
}

enum verdict
session_execute(struct session *s, size_t index, int64_t number, const struct step *step)
{
	struct cell *c = &s->attempt->notebook->cells[index];
	struct buf content = BUF_INIT;
	enum verdict verdict;

	s->cell = c;
	s->begun = s->replied = s->idle = s->raised = s->aborted = s->ask_exit = false;
	if (step->first) {
		c->ran = true;
		c->execution_count = -1;
		c->timing = (struct cell_timing){"", "", "", ""};
		collector_begin(s->collector, index);
	} else {
		collector_go_on(s->collector, index);
	}
	/* In the kernel's own count a cell counts once, whatever it is made of. */
	if (put_request(&content, step->code, step->n, false, step->last) == -1)
		verdict = cannot_send(s, "its source holds half of a surrogate pair (\\ud800 to \\udfff)");
	else if (wire_send(s->wire, CHANNEL_SHELL, "execute_request", content.data, content.len, NULL, s->request) == -1)
		verdict = cannot_send(s, strerror(errno));
	else
		verdict = await_cell(s, step->deadline);
	buf_release(&content);
	/* Each kernel has a count of its own. */
	if ((s->replied && !s->aborted) || (s != s->first && c->execution_count >= 0))
		c->execution_count = number;
	console_flush(&s->console);
	s->request[0] = '\0';
	s->cell = NULL;
	s->changed = true;
	return verdict;
}

static enum verdict
not_prepared(struct session *s, const char *what, char *why)
{
	failure_release(&s->failure);
	s->failure.kind = ERROR_KERNEL;
	s->failure.message = xasprintf("cannot prepare the kernel for %s: %s", what, why);
	free(why);
	return VERDICT_KERNEL;
}

enum verdict
session_prepare(struct session *s, const char *what, const char *code, size_t n)
{
	const int64_t limit = s->attempt->task->target->startup_timeout, deadline = clock_run() + limit;
	struct buf content = BUF_INIT;
	int sent;

	s->cell = NULL;
	s->begun = s->replied = s->idle = s->raised = s->aborted = s->ask_exit = false;
	if (put_request(&content, code, n, true, false) == -1)
		return not_prepared(s, what, xstrdup("the code is not UTF-8"));
	sent = wire_send(s->wire, CHANNEL_SHELL, "execute_request", content.data, content.len, NULL, s->request);
	buf_wipe(&content);
	if (sent == -1)
		return not_prepared(s, what, xstrdup(strerror(errno)));
	while (!s->replied) {
		if (session_stopping(s))
			return VERDICT_STOPPED;
		if (s->kernel.ended)
			return session_dead(s, "while it was prepared");
		if (clock_run() >= deadline)
			return not_prepared(s, what, xasprintf("no answer within %g s", (double)limit / 1e9));
		session_turn(s, deadline);
	}
	s->request[0] = '\0';
	if (s->aborted)
		return not_prepared(s, what, xstrdup("it answered 'aborted'"));
	if (s->raised)
		return not_prepared(s, what, xasprintf("%s: %s", s->failure.name != NULL ? s->failure.name : "error",
		    s->failure.message));
	return VERDICT_OK;
}
