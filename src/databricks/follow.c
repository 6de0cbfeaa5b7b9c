#include "databricks/follow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "databricks/http.h"
#include "databricks/outcome.h"
#include "databricks/state.h"
#include "databricks/submit.h"
#include "databricks/workspace.h"

#define POLL_FIRST (NSEC_PER_SEC / 2)
#define POLL_MOST (8 * NSEC_PER_SEC)	/* so that an end is noticed within ten seconds */
#define POLL_GROWTH 1.4
#define CANCEL_PATIENCE (8 * NSEC_PER_SEC)	/* for a run to end */
#define STOP_PATIENCE (10 * NSEC_PER_SEC)	/* with all of a stop: the pool's grace, without a moment to write it down */
#define CANCEL_STEP (NSEC_PER_SEC / 2)
#define OBSOLETE_PATIENCE (600 * NSEC_PER_SEC)	/* for the end of a run that is not wanted any more: clusters take their time */
#define OBSOLETE_STEP (NSEC_PER_SEC)
#define SUBMIT_PATIENCE (900 * NSEC_PER_SEC)	/* an outage of ten minutes, and some more */
#define POLL_PATIENCE (30 * NSEC_PER_SEC)	/* within one poll; there is always another one */
#define REFUSAL_PATIENCE (300 * NSEC_PER_SEC)	/* with answers that one may not look: logins have outages too */

/* One run of the workspace, while it is followed. */
struct follower {
	struct attempt *a;
	const struct workspace *ws;
	struct http *http;
	int64_t run_id;	/* 0: not known */
	struct run_state state;	/* as it was seen last */
	enum phase said;	/* the phase that was reported last */
	bool stopped;	/* it was told to stop, or its time is over */
	bool stopping;	/* and what is left of the grace is running */
	bool lost_sight;	/* the last poll failed */
	int64_t refused_at;	/* run clock: the first of the polls that have been refused since; 0: the last one was not */
	bool gone;	/* the workspace does not know it any more */
	bool maybe_there;	/* nobody knows whether a request to submit it has come through */
};

/* ---- What goes to the parent ---- */

static void
send(struct follower *f, const char *kind, const char *key, const char *text)
{
	struct buf json = BUF_INIT;
	struct json_out o = JSON_OUT(&json, -1, 0);

	json_out_open(&o, '{');
	json_out_key(&o, "kind");
	json_out_str(&o, kind);
	if (f->run_id != 0 && strcmp(kind, "submitted") == 0) {
		json_out_key(&o, "run_id");
		json_out_int(&o, f->run_id);
	}
	json_out_key(&o, key);
	o.mask = f->a->mask;
	json_out_str(&o, text);
	json_out_close(&o, '}');
	f->a->progress(f->a, json.data, json.len);
	buf_release(&json);
}

static void
say_phase(struct follower *f)
{
	const char *reason = f->state.queue_reason != NULL ? f->state.queue_reason : f->state.message;
	char *line;

	if (f->state.phase == f->said)
		return;
	f->said = f->state.phase;
	line = reason != NULL && *reason != '\0' && f->said != PHASE_OVER ? xasprintf("%s: %s", phase_name(f->said), reason) :
	    xstrdup(phase_name(f->said));
	send(f, "line", "text", line);
	free(line);
}

/* That it takes part in a queue of requests is news only while there is nothing else of it. */
static void
on_wait(void *data, enum http_wait why)
{
	static const char *const lines[] = {
		[HTTP_WAIT_TURN] = "waits for its turn below the rate limit of the workspace",
		[HTTP_WAIT_THROTTLED] = "waits: the workspace is asked too often",
		[HTTP_WAIT_TROUBLE] = "waits: no good answer from the workspace",
	};
	struct follower *f = data;

	if (why == HTTP_WAIT_TURN && f->run_id != 0)
		return;
	send(f, "line", "text", lines[why]);
	f->said = PHASE_TERMINATING;	/* to be said again */
}

static void
fail(struct follower *f, enum error_kind kind, char *message)
{
	failure_release(&f->a->failure);
	f->a->status = kind == ERROR_STOPPED ? STATUS_CANCELLED : STATUS_FAILED;
	f->a->failure.kind = kind;
	f->a->failure.message = message;
}

/* ---- Submitting ---- */

static bool
must_stop(const struct follower *f)
{
	return *f->a->stop != 0 || clock_run() >= f->a->deadline;
}

/* Whether the answer says that the run is there; sets its id. */
static bool
take_run_id(struct follower *f, const struct http_answer *a)
{
	return a->result == HTTP_OK && json_int(json_get(a->json, "run_id"), &f->run_id) && f->run_id > 0;
}

/*
 * After an answer without a run's id: whether one may be there all the same, because this request has come through, or
 * an earlier one with the same token. Had one, then the workspace would not say that the request is a bad one.
 */
static bool
may_be_there(const struct follower *f, const struct http_answer *a)
{
	return a->maybe_done || a->result == HTTP_OK ||
	    (f->maybe_there && !(a->result == HTTP_REFUSED && a->status == 400));
}

/* From now on calls are not ended by the stop flag, but all together by what is left of the grace. */
static void
begin_to_stop(struct follower *f)
{
	if (!f->stopping)
		http_end_by(f->http, clock_run() + STOP_PATIENCE);
	f->stopping = true;
	http_ignore_stop(f->http, true);
}

/*
 * Submits, or asks for what has been submitted with the same token. Returns 0; or -1 with the attempt failed. The
 * request may be repeated without doubling the run, because of its token.
 */
static int
submit(struct follower *f)
{
	struct attempt *a = f->a;
	char token[SUBMIT_TOKEN], *path = workspace_path(f->ws, a->task);
	struct buf body = BUF_INIT;
	struct http_request r = {
		.method = "POST", .path = "/api/2.2/jobs/runs/submit", .endpoint = ENDPOINT_SUBMIT, .repeatable = true,
		.patience = SUBMIT_PATIENCE,
	};
	struct http_answer answer;
	int result = 0;

	submit_token(token, a->first_run_id, a->task->name, a->number);
	submit_put(&body, a->task, NULL, path, f->ws->login.cluster_id, token);
	r.body = buf_str(&body);
	http_call(f->http, &r, &answer);
	f->maybe_there = may_be_there(f, &answer);
	if (answer.result == HTTP_STOPPED && f->maybe_there && !a->orphaned()) {
		/* It may run there now: only who knows its number can cancel it. */
		http_answer_release(&answer);
		begin_to_stop(f);
		r.patience = CANCEL_PATIENCE / 2;
		http_call(f->http, &r, &answer);
		f->maybe_there = may_be_there(f, &answer);
	}
	if (!take_run_id(f, &answer)) {
		if (answer.result == HTTP_STOPPED || f->stopping)
			fail(f, ERROR_STOPPED, xasprintf("stopped before it was submitted%s",
			    f->maybe_there ? ", as far as is known" : ""));
		else
			fail(f, ERROR_TARGET, xasprintf("cannot submit '%s'%s: %s", path,
			    f->maybe_there ? ", which may run there all the same" : "",
			    answer.message != NULL ? answer.message : "the answer has no run_id"));
		result = -1;
	}
	http_answer_release(&answer);
	buf_release(&body);
	free(path);
	return result;
}

/* ---- Following ---- */

/* Whether one may not look at the run, and that has been so for a while. */
static bool
is_refused_for_good(struct follower *f, const struct http_answer *a)
{
	int64_t now = clock_run();

	if (a->result != HTTP_NO_LOGIN && (a->result != HTTP_REFUSED || (a->status != 401 && a->status != 403)))
		f->refused_at = 0;
	else if (f->refused_at == 0)
		f->refused_at = now;
	return f->refused_at != 0 && now - f->refused_at >= REFUSAL_PATIENCE;
}

/*
 * Looks at the run. Returns 0 when its state is known, 1 when it is not this time, or -1 when there is no such run or one
 * may not look at it any more, with the attempt failed.
 */
static int
look(struct follower *f, int64_t patience)
{
	struct buf query = BUF_INIT;
	struct http_request r = {
		.method = "GET", .path = "/api/2.2/jobs/runs/get", .endpoint = ENDPOINT_GET, .repeatable = true,
		.patience = patience,
	};
	struct http_answer answer;
	struct run_state s;
	bool gone, refused;
	int result = 1;

	http_query_int(&query, "run_id", f->run_id);
	r.query = buf_str(&query);
	http_call(f->http, &r, &answer);
	refused = is_refused_for_good(f, &answer);
	/* With a code it is the workspace that says so, and nobody on the way to it. */
	gone = answer.result == HTTP_REFUSED && answer.code != NULL && (answer.status == 400 || answer.status == 404);
	if (answer.result == HTTP_OK && run_state_read(&s, answer.json) == 0) {
		run_state_release(&f->state);
		f->state = s;
		f->lost_sight = false;
		if (s.url != NULL && f->a->url == NULL) {
			f->a->url = xstrdup(s.url);
			send(f, "submitted", "url", s.url);
		}
		result = 0;
	} else if (gone || refused) {
		fail(f, ERROR_TARGET, xasprintf("cannot follow run %lld any more: %s", (long long)f->run_id,
		    answer.message != NULL ? answer.message : "refused"));
		f->gone = gone;
		result = -1;
	} else if (answer.result != HTTP_STOPPED && !f->lost_sight) {
		log_warn("cannot look at run %lld at the moment: %s (it goes on there)", (long long)f->run_id,
		    answer.message != NULL ? answer.message : "no sensible answer");
		f->lost_sight = true;
	}
	http_answer_release(&answer);
	buf_release(&query);
	return result;
}

/* A little more or less, so that a thousand runs that were started together are not all asked for together. */
static int64_t
spread(int64_t pause)
{
	uint32_t n = 0;

	if (getrandom(&n, sizeof(n), GRND_NONBLOCK) != sizeof(n))
		return pause;
	return pause - pause / 5 + (int64_t)((double)(pause / 5) * 2 * (double)n / UINT32_MAX);
}

static void
wait_without_limit(struct follower *f)
{
	send(f, "found_ending", "text", NULL);
	f->a->deadline = clock_run() + OBSOLETE_PATIENCE;	/* clusters take their time, but something must be wrong then */
}

/* Until the run is over, or is to stop. Returns 0, or -1 with the attempt failed. */
static int
follow(struct follower *f)
{
	int64_t pause = POLL_FIRST, next;
	bool first = f->a->again, ended_before = false;
	int seen;

	for (;;) {
		if (must_stop(f)) {
			f->stopped = true;
			return 0;
		}
		seen = look(f, POLL_PATIENCE);
		if (seen == -1)
			return -1;
		say_phase(f);
		/* What became of it while nobody looked is not of this attempt's making, nor is it to be paid from its time. */
		if (first && seen == 0 && f->state.phase >= PHASE_TERMINATING) {
			ended_before = true;
			wait_without_limit(f);
		}
		if (f->state.phase == PHASE_OVER) {
			if (ended_before)
				send(f, "found_over", "text", NULL);
			return 0;
		}
		first = first && seen != 0;
		next = clock_run() + spread(pause);
		if (next > f->a->deadline)
			next = f->a->deadline;
		http_sleep(f->http, next);
		pause = (double)pause * POLL_GROWTH < (double)POLL_MOST ? (int64_t)((double)pause * POLL_GROWTH) : POLL_MOST;
	}
}

/* ---- Cancelling ---- */

/* Returns 0 when the workspace has taken it, else -1: with *refused when it would not take it another time either. */
static int
ask_to_cancel(struct follower *f, bool *refused)
{
	char *body = xasprintf("{\"run_id\": %lld}", (long long)f->run_id);
	const struct http_request r = {
		.method = "POST", .path = "/api/2.2/jobs/runs/cancel", .body = body, .endpoint = ENDPOINT_CANCEL, .repeatable = true,
		.patience = CANCEL_PATIENCE / 2,
	};
	struct http_answer answer;
	int result;

	http_call(f->http, &r, &answer);
	result = answer.result == HTTP_OK ? 0 : -1;
	*refused = answer.result == HTTP_REFUSED;
	if (result == -1 && answer.result != HTTP_STOPPED)
		log_warn("cannot cancel run %lld: %s", (long long)f->run_id, answer.message != NULL ? answer.message : "no answer");
	http_answer_release(&answer);
	free(body);
	return result;
}

/* Cancels the run and waits until it is really over, within the grace. */
static void
cancel(struct follower *f)
{
	int64_t deadline = clock_run() + CANCEL_PATIENCE;
	bool refused;

	begin_to_stop(f);
	ask_to_cancel(f, &refused);
	while (look(f, CANCEL_PATIENCE / 3) != -1 && f->state.phase != PHASE_OVER && clock_run() < deadline)
		http_sleep(f->http, clock_run() + CANCEL_STEP);
	say_phase(f);
}

/* What a stop makes of it. That it came to its end by itself meanwhile counts for what it is. */
static void
conclude_stopped(struct follower *f)
{
	struct attempt *a = f->a;
	const char *url = a->url != NULL ? a->url : "no page is known";
	bool late = clock_run() >= a->deadline;

	if (f->state.phase == PHASE_OVER && f->state.status != STATUS_CANCELLED && f->state.status != STATUS_TIMED_OUT) {
		outcome_take(a, f->http, &f->state);
		return;
	}
	if (late)
		fail(f, ERROR_TIMEOUT, xasprintf("notebook did not finish within %g s", (double)a->task->timeout / 1e9));
	else
		fail(f, ERROR_STOPPED, xstrdup("stopped while it ran"));
	a->status = late ? STATUS_TIMED_OUT : STATUS_CANCELLED;
	if (f->state.phase != PHASE_OVER) {
		char *message = xasprintf("%s; whether run %lld has ended could not be confirmed: %s", a->failure.message,
		    (long long)f->run_id, url);

		free(a->failure.message);
		a->failure.message = message;
		log_warn("cannot confirm that run %lld has ended: %s", (long long)f->run_id, url);
	} else {
		outcome_fetch_copy(a, f->http, &f->state);
	}
}

/*
 * Ends what was started with other inputs, and waits for that: it must not run beside what is started now. The attempt
 * is then one that was cancelled, and counts for nothing.
 */
static void
end_obsolete(struct follower *f)
{
	struct attempt *a = f->a;
	int64_t deadline = clock_run() + OBSOLETE_PATIENCE;
	bool asked = false, refused = false;

	wait_without_limit(f);
	if (f->run_id == 0 && submit(f) == -1)
		return;
	send(f, "submitted", "url", NULL);
	while (!must_stop(f) && look(f, POLL_PATIENCE) != -1 && f->state.phase != PHASE_OVER && clock_run() < deadline) {
		say_phase(f);
		/* It may also be over by itself before that comes through. */
		if (!asked && !refused && f->state.phase != PHASE_TERMINATING)
			asked = ask_to_cancel(f, &refused) == 0;
		if (refused)
			break;
		http_sleep(f->http, clock_run() + spread(OBSOLETE_STEP));
	}
	if (f->gone || f->state.phase == PHASE_OVER) {
		send(f, "found_over", "text", NULL);
		fail(f, ERROR_STOPPED, xasprintf("run %lld, which was started with other inputs, is over", (long long)f->run_id));
	} else if (f->a->failure.message == NULL) {
		fail(f, *a->stop != 0 ? ERROR_STOPPED : ERROR_TARGET, xasprintf("not started, because whether run %lld, which "
		    "was started with other inputs, has ended could not be confirmed%s%s", (long long)f->run_id,
		    a->url != NULL ? ": " : "", a->url != NULL ? a->url : ""));
	}
}

/* ---- The whole ---- */

static void
run(struct follower *f)
{
	struct attempt *a = f->a;

	if (f->run_id == 0 && submit(f) == -1)
		return;
	/* Before anything else: who resumes has to know it. */
	send(f, "submitted", "url", NULL);
	if (follow(f) == -1)
		return;
	if (f->stopped && f->state.phase != PHASE_OVER) {
		/* Nobody is left to hear of it: it goes on there, for whoever resumes. */
		if (a->orphaned())
			return;
		cancel(f);
		conclude_stopped(f);
	} else {
		outcome_take(a, f->http, &f->state);
	}
}

/* Returns 0, or -1 with the attempt failed. To be released in both cases. */
static int
follower_init(struct follower *f, struct attempt *a)
{
	const struct workspace *ws = a->task->target->state;
	const struct http_config config = {
		.login = &ws->login,
		.limiter = ws->limiter,
		.bearer = ws->bearer,
		.stop = a->stop,
		.wait_mask = a->wait_mask,
		.waits = on_wait,
		.data = f,
	};
	char *why = NULL;

	*f = (struct follower){
		.a = a, .ws = ws, .said = PHASE_TERMINATING, .run_id = a->remote_run, .maybe_there = a->again,
	};
	login_mask(&ws->login, a->mask);
	f->http = http_new(&config, &why);
	if (f->http == NULL)
		fail(f, ERROR_TARGET, why);
	return f->http != NULL ? 0 : -1;
}

static void
follower_release(struct follower *f)
{
	http_free(f->http);
	run_state_release(&f->state);
}

bool
follow_cancel(struct attempt *a)
{
	struct follower f;
	bool over = false;

	if (follower_init(&f, a) == 0) {
		begin_to_stop(&f);
		if (f.run_id == 0 && submit(&f) == -1) {
			over = !f.maybe_there;
		} else {
			cancel(&f);
			over = f.gone || f.state.phase == PHASE_OVER;
		}
	}
	follower_release(&f);
	return over;
}

void
follow_run(struct attempt *a)
{
	struct follower f;

	if (follower_init(&f, a) == 0 && a->obsolete)
		end_obsolete(&f);
	else if (f.http != NULL)
		run(&f);
	/* Whether its end was seen decides whether the next attempt follows it, or starts another one. */
	if (f.run_id != 0 || f.maybe_there)
		outcome_put_remote(a, f.run_id, &f.state, f.gone || f.state.phase == PHASE_OVER);
	follower_release(&f);
}
