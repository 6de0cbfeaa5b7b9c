#include "databricks/state.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_MOST 8192	/* bytes: escaped they still fit into a frame */
#define MOMENT_MOST INT64_C(253402300799999)	/* milliseconds: the end of the year 9999 */

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

/*
 * "status.state" of newer answers, and "state.life_cycle_state" of older ones; which one counts when the first has a
 * word that is not known. Unknown altogether is not final.
 */
static enum phase
phase_of(struct json status, struct json state)
{
	static const struct word words[] = {
		{"QUEUED", PHASE_QUEUED}, {"BLOCKED", PHASE_QUEUED}, {"WAITING", PHASE_QUEUED},
		{"WAITING_FOR_RETRY", PHASE_QUEUED}, {"PENDING", PHASE_PENDING}, {"RUNNING", PHASE_RUNNING},
		{"TERMINATING", PHASE_TERMINATING},
		{"TERMINATED", PHASE_OVER}, {"SKIPPED", PHASE_OVER}, {"INTERNAL_ERROR", PHASE_OVER},
	};
	const size_t n = sizeof(words) / sizeof(words[0]);
	int old = meaning_of(json_get(state, "life_cycle_state"), words, n, PHASE_RUNNING);

	return (enum phase)meaning_of(json_get(status, "state"), words, n, old);
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
		{"SUCCESS", END_SUCCESS}, {"FAILED", END_NOTEBOOK}, {"TIMEDOUT", END_TIMEOUT},
		{"CANCELED", END_CANCELLED},
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

/*
 * The code counts; but a time-out has none of its own, and a result state that is known says more than a code that is
 * not.
 */
static enum end
end_of(struct json status, struct json state)
{
	struct json details = json_get(status, "termination_details"), code = json_get(details, "code");
	enum end old = end_of_state(state), new;

	if (json_type(code) != JSON_STRING) {
		/* A success is one in either form. */
		return old == END_PLATFORM && json_type(json_get(state, "result_state")) == JSON_NONE &&
		    json_is(json_get(details, "type"), "SUCCESS") ? END_SUCCESS : old;
	}
	new = end_of_code(code);
	if (new != END_SUCCESS && (old == END_TIMEOUT || (old == END_CANCELLED && new == END_PLATFORM)))
		return old;
	return new;
}

static int64_t
number(struct json v, int64_t otherwise)
{
	int64_t n;

	return json_int(v, &n) ? n : otherwise;
}

/* No longer than anybody would read: it becomes a part of frames, events and results. */
static char *
text(struct json v)
{
	char *s = json_strdup(v);
	size_t n = s != NULL ? strlen(s) : 0;

	if (n > TEXT_MOST) {
		n = TEXT_MOST;
		while (n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80)
			n--;
		s[n] = '\0';
	}
	if (s != NULL && n == 0) {
		free(s);
		s = NULL;
	}
	return s;
}

/* What is said of a task, or of the run around it. */
struct said {
	struct json all;	/* JSON_NOTHING: nothing */
	struct json status, state;
	enum phase phase;
	enum end end;	/* once it is over */
};

static struct said
said_of(struct json v)
{
	struct said s = {.all = v, .status = json_get(v, "status"), .state = json_get(v, "state")};

	if (json_type(s.status) != JSON_OBJECT && json_type(s.state) != JSON_OBJECT)
		return (struct said){.all = JSON_NOTHING};
	s.phase = phase_of(s.status, s.state);
	s.end = end_of(s.status, s.state);
	return s;
}

/* Of several attempts at the task, the last one; JSON_NOTHING when there is none. */
static struct json
last_task(struct json tasks)
{
	struct json task, last = JSON_NOTHING;
	struct json_iter it;
	int64_t most = -1;

	json_walk(&it, tasks);
	while (json_next(&it, NULL, &task)) {
		int64_t n = number(json_get(task, "attempt_number"), 0);

		if (n >= most && json_type(task) == JSON_OBJECT) {
			most = n;
			last = task;
		}
	}
	return last;
}

/* Whose word it is: the task's, or that of the run around it. Corrects what the other one knows better. */
static struct said
decide(struct said task, struct said run)
{
	if (task.all.text == NULL)
		return run;
	if (run.all.text == NULL)
		return task;
	if (task.phase != PHASE_OVER)
		return run.phase == PHASE_OVER ? run : task;	/* skipped, or no cluster could be had */
	/* The platform may make another attempt of its own. */
	if (run.phase != PHASE_OVER && task.end != END_SUCCESS && task.end != END_CANCELLED)
		task.phase = run.phase;
	/* When the run's time is over its task is cancelled. */
	if (run.phase == PHASE_OVER && run.end == END_TIMEOUT && task.end == END_CANCELLED)
		task.end = END_TIMEOUT;
	return task;
}

static void
take_texts(struct run_state *s, const struct said *said)
{
	struct json details = json_get(said->status, "termination_details");

	s->code = text(json_get(details, "code"));
	if (s->code == NULL)
		s->code = text(json_get(said->state, "result_state"));
	if (s->code == NULL && s->phase == PHASE_OVER)
		s->code = text(json_get(said->state, "life_cycle_state"));	/* SKIPPED, INTERNAL_ERROR */
	s->message = text(json_get(details, "message"));
	if (s->message == NULL)
		s->message = text(json_get(said->state, "state_message"));
	s->queue_reason = text(json_get(json_get(said->status, "queue_details"), "message"));
	if (s->queue_reason == NULL)
		s->queue_reason = text(json_get(said->state, "queue_reason"));
}

/* A member of the task's; of the run's when the task has none. */
static int64_t
time_of(struct json task, struct json run, const char *key, int64_t otherwise)
{
	return number(json_get(task, key), number(json_get(run, key), otherwise));
}

/* A time in milliseconds; 0 for none, and for what is none. */
static int64_t
moment_of(struct json task, struct json run, const char *key)
{
	int64_t ms = time_of(task, run, key, 0);

	return ms > 0 && ms <= MOMENT_MOST ? ms : 0;
}

int
run_state_read(struct run_state *s, struct json answer)
{
	struct json tasks = json_get(answer, "tasks"), task = last_task(tasks);
	struct said run = said_of(answer), said = decide(said_of(task), run);

	*s = (struct run_state){.phase = PHASE_PENDING};
	if (number(json_get(answer, "run_id"), 0) <= 0 || said.all.text == NULL)
		return -1;
	/* Older answers have no tasks: the run is its own task. */
	s->task_run_id = number(json_get(json_type(tasks) == JSON_ARRAY ? task : answer, "run_id"), 0);
	s->phase = said.phase;
	if (s->phase == PHASE_OVER)
		set_end(s, said.end);
	s->user_cancelled = json_type(json_get(said.state, "user_cancelled_or_timedout")) == JSON_TRUE ||
	    json_is(json_get(json_get(said.status, "termination_details"), "code"), "USER_CANCELED");
	take_texts(s, &said);
	if (s->queue_reason == NULL && s->phase == PHASE_QUEUED)
		s->queue_reason = text(json_get(json_get(run.status, "queue_details"), "message"));
	if (s->queue_reason == NULL && s->phase == PHASE_QUEUED)
		s->queue_reason = text(json_get(run.state, "queue_reason"));
	s->url = text(json_get(answer, "run_page_url"));
	if (s->url == NULL)
		s->url = text(json_get(task, "run_page_url"));
	s->start_time = moment_of(task, answer, "start_time");
	s->end_time = moment_of(task, answer, "end_time");
	s->queue_ms = time_of(task, answer, "queue_duration", -1);
	s->setup_ms = time_of(task, answer, "setup_duration", -1);
	s->execution_ms = time_of(task, answer, "execution_duration", -1);
	s->cleanup_ms = time_of(task, answer, "cleanup_duration", -1);
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
