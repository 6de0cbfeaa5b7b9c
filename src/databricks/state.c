#include "databricks/state.h"

#include <stdlib.h>
#include <string.h>

const char *
phase_name(enum phase p)
{
	static const char *const names[] = {
		[PHASE_QUEUED] = "queued",
		[PHASE_PENDING] = "pending",
		[PHASE_RUNNING] = "running",
		[PHASE_TERMINATING] = "terminating",
		[PHASE_OVER] = "over",
	};

	return names[p];
}

struct word {
	const char *word;
	int meaning;
};

/* The meaning of a string among words; otherwise for one that is not known. */
static int
meaning_of(struct json v, const struct word *words, size_t n, int otherwise)
{
	for (size_t i = 0; i < n; i++)
		if (json_is(v, words[i].word))
			return words[i].meaning;
	return otherwise;
}

/* "status.state" of newer answers, and "state.life_cycle_state" of older ones. */
static enum phase
phase_of(struct json status, struct json state)
{
	static const struct word new[] = {
		{"QUEUED", PHASE_QUEUED}, {"BLOCKED", PHASE_QUEUED}, {"WAITING", PHASE_QUEUED}, {"PENDING", PHASE_PENDING},
		{"RUNNING", PHASE_RUNNING}, {"TERMINATING", PHASE_TERMINATING}, {"TERMINATED", PHASE_OVER},
	};
	static const struct word old[] = {
		{"QUEUED", PHASE_QUEUED}, {"BLOCKED", PHASE_QUEUED}, {"WAITING_FOR_RETRY", PHASE_QUEUED},
		{"PENDING", PHASE_PENDING}, {"RUNNING", PHASE_RUNNING}, {"TERMINATING", PHASE_TERMINATING},
		{"TERMINATED", PHASE_OVER}, {"SKIPPED", PHASE_OVER}, {"INTERNAL_ERROR", PHASE_OVER},
	};
	struct json v = json_get(status, "state");

	if (json_type(v) == JSON_STRING)
		return (enum phase)meaning_of(v, new, sizeof(new) / sizeof(new[0]), PHASE_RUNNING);
	return (enum phase)meaning_of(json_get(state, "life_cycle_state"), old, sizeof(old) / sizeof(old[0]), PHASE_RUNNING);
}

/* What a termination code, or a result state, means. */
enum end {
	END_SUCCESS,
	END_NOTEBOOK,
	END_TIMEOUT,
	END_CANCELLED,
	END_PLATFORM,
};

static enum end
end_of_code(struct json code)
{
	static const struct word codes[] = {
		{"SUCCESS", END_SUCCESS}, {"RUN_EXECUTION_ERROR", END_NOTEBOOK}, {"USER_CANCELED", END_CANCELLED},
		{"CANCELED", END_CANCELLED}, {"TIMED_OUT", END_TIMEOUT}, {"TIMEDOUT", END_TIMEOUT},
	};

	return (enum end)meaning_of(code, codes, sizeof(codes) / sizeof(codes[0]), END_PLATFORM);
}

static enum end
end_of_state(struct json state)
{
	static const struct word results[] = {
		{"SUCCESS", END_SUCCESS}, {"FAILED", END_NOTEBOOK}, {"TIMEDOUT", END_TIMEOUT}, {"CANCELED", END_CANCELLED},
	};

	/* INTERNAL_ERROR of a task, unlike that of the run around it, is the platform's. */
	if (json_is(json_get(state, "life_cycle_state"), "INTERNAL_ERROR"))
		return END_PLATFORM;
	return (enum end)meaning_of(json_get(state, "result_state"), results, sizeof(results) / sizeof(results[0]),
	    END_PLATFORM);
}

static void
set_end(struct run_state *s, enum end end)
{
	static const struct {
		enum status status;
		enum error_kind kind;
	} ends[] = {
		[END_SUCCESS] = {STATUS_SUCCEEDED, ERROR_NONE},
		[END_NOTEBOOK] = {STATUS_FAILED, ERROR_NOTEBOOK},
		[END_TIMEOUT] = {STATUS_TIMED_OUT, ERROR_TIMEOUT},
		[END_CANCELLED] = {STATUS_CANCELLED, ERROR_STOPPED},
		[END_PLATFORM] = {STATUS_FAILED, ERROR_TARGET},
	};

	s->status = ends[end].status;
	s->kind = ends[end].kind;
}

/* What a result state knows better than the code: TIMEDOUT has no code of its own. */
static enum end
end_of(struct json status, struct json state)
{
	struct json details = json_get(status, "termination_details"), code = json_get(details, "code");
	enum end old = end_of_state(state), new;

	if (json_type(code) != JSON_STRING)
		return old;
	new = end_of_code(code);
	if (old == END_TIMEOUT || (old == END_CANCELLED && new == END_PLATFORM))
		return old;
	return new;
}

static int64_t
number(struct json v, int64_t otherwise)
{
	int64_t n;

	return json_int(v, &n) ? n : otherwise;
}

static char *
text(struct json v)
{
	char *s = json_strdup(v);

	if (s != NULL && *s == '\0') {
		free(s);
		s = NULL;
	}
	return s;
}

/* Of several attempts at the task, the last one; the run itself when it has no tasks. */
static struct json
last_task(struct json answer)
{
	struct json task, last = JSON_NOTHING;
	struct json_iter it;
	int64_t most = -1;

	json_walk(&it, json_get(answer, "tasks"));
	while (json_next(&it, NULL, &task)) {
		int64_t n = number(json_get(task, "attempt_number"), 0);

		if (n >= most && json_type(task) == JSON_OBJECT) {
			most = n;
			last = task;
		}
	}
	return last.text != NULL ? last : answer;
}

int
run_state_read(struct run_state *s, struct json answer)
{
	struct json task = last_task(answer), status = json_get(task, "status"), state = json_get(task, "state");
	struct json details = json_get(status, "termination_details");

	*s = (struct run_state){.phase = PHASE_PENDING};
	if (json_type(answer) != JSON_OBJECT || number(json_get(answer, "run_id"), 0) <= 0)
		return -1;
	if (json_type(status) != JSON_OBJECT && json_type(state) != JSON_OBJECT)
		return -1;
	s->task_run_id = number(json_get(task, "run_id"), 0);
	s->phase = phase_of(status, state);
	/* The run around the task may have ended without it: skipped, or no cluster could be had. */
	if (s->phase != PHASE_OVER && task.text != answer.text &&
	    phase_of(json_get(answer, "status"), json_get(answer, "state")) == PHASE_OVER) {
		status = json_get(answer, "status");
		state = json_get(answer, "state");
		details = json_get(status, "termination_details");
		s->phase = PHASE_OVER;
	}
	if (s->phase == PHASE_OVER)
		set_end(s, end_of(status, state));
	s->user_cancelled = json_type(json_get(state, "user_cancelled_or_timedout")) == JSON_TRUE;
	s->code = text(json_get(details, "code"));
	if (s->code == NULL)
		s->code = text(json_get(state, "result_state"));
	s->message = text(json_get(details, "message"));
	if (s->message == NULL)
		s->message = text(json_get(state, "state_message"));
	s->url = text(json_get(answer, "run_page_url"));
	if (s->url == NULL)
		s->url = text(json_get(task, "run_page_url"));
	s->queue_reason = text(json_get(json_get(status, "queue_details"), "message"));
	if (s->queue_reason == NULL)
		s->queue_reason = text(json_get(state, "queue_reason"));
	s->start_time = number(json_get(task, "start_time"), 0);
	s->end_time = number(json_get(task, "end_time"), 0);
	s->queue_ms = number(json_get(task, "queue_duration"), number(json_get(answer, "queue_duration"), -1));
	s->setup_ms = number(json_get(task, "setup_duration"), -1);
	s->execution_ms = number(json_get(task, "execution_duration"), -1);
	s->cleanup_ms = number(json_get(task, "cleanup_duration"), -1);
	return 0;
}

void
run_state_release(struct run_state *s)
{
	free(s->code);
	free(s->message);
	free(s->url);
	free(s->queue_reason);
	*s = (struct run_state){.phase = PHASE_PENDING};
}
