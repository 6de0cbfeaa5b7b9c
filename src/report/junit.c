#include "report/junit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "report/xml.h"

/* What becomes of a test case. */
enum outcome {
	OUTCOME_PASSED,
	OUTCOME_FAILURE,
	OUTCOME_ERROR,
	OUTCOME_SKIPPED,
	OUTCOMES,
};

static const char *const elements[] = {
	[OUTCOME_FAILURE] = "failure",
	[OUTCOME_ERROR] = "error",
	[OUTCOME_SKIPPED] = "skipped",
};

struct verdict {
	enum outcome outcome;
	char *type, *message;	/* owned; NULL for none */
	struct json traceback;
};

static void
release(struct verdict *v)
{
	free(v->type);
	free(v->message);
}

/* What an error object says, as a failure or an error. */
static struct verdict
verdict_of_error(struct json error)
{
	struct verdict v = {.traceback = json_get(error, "traceback"), .message = json_strdup(json_get(error, "message"))};
	char *name = json_strdup(json_get(error, "name"));

	if (json_is(json_get(error, "kind"), error_kind_name(ERROR_NOTEBOOK))) {
		v.outcome = OUTCOME_FAILURE;
		v.type = name != NULL ? name : xstrdup(error_kind_name(ERROR_NOTEBOOK));
	} else {
		v.outcome = OUTCOME_ERROR;
		v.type = json_strdup(json_get(error, "kind"));
		free(name);
	}
	return v;
}

static struct verdict
verdict_of(const struct story_run *run, const struct story_notebook *n)
{
	struct json error = n->object != NULL ? json_get(json_of(n->object), "error") : JSON_NOTHING;
	struct verdict v = {.outcome = OUTCOME_SKIPPED};
	char *message;

	if (n->state != STORY_DONE && run->phase == STORY_GOES_ON) {
		v.message = xstrdup(n->state == STORY_RUNNING ? "it runs" : "it waits");
		return v;
	}
	if (n->state != STORY_DONE) {
		v.outcome = n->state == STORY_RUNNING ? OUTCOME_ERROR : OUTCOME_SKIPPED;
		v.type = n->state == STORY_RUNNING ? xstrdup("killed") : NULL;
		v.message = xstrdup(n->state == STORY_RUNNING ? "nbfork was killed while it ran" : "nbfork was killed before it ran");
		return v;
	}
	if (n->status == STATUS_SUCCEEDED) {
		v.outcome = OUTCOME_PASSED;
		return v;
	}
	v = verdict_of_error(error);
	if (n->status == STATUS_SKIPPED) {
		v.outcome = OUTCOME_SKIPPED;
		free(v.type);
		v.type = NULL;
	} else if (n->allow_failure && (n->status == STATUS_FAILED || n->status == STATUS_TIMED_OUT)) {
		message = xasprintf("allowed: %s%s%s", v.type != NULL ? v.type : "", v.type != NULL ? ": " : "",
		    v.message != NULL ? v.message : "");
		free(v.message);
		v.message = message;
		v.outcome = OUTCOME_SKIPPED;
	}
	return v;
}

/* ---- Pieces ---- */

/* How long it took in this run, all attempts together. */
static double
time_of(const struct story_run *run, const struct story_notebook *n)
{
	double sum = 0;

	for (size_t i = 0; i < n->nattempts; i++) {
		const struct story_attempt *a = &n->attempts[i];
		int64_t end = a->ended != 0 ? a->ended : run->last;

		if (end > a->started)
			sum += (double)(end - a->started) / 1e6;
	}
	return sum;
}

static void
put_text(struct buf *b, struct json text)
{
	struct buf decoded = BUF_INIT;

	json_decode(&decoded, text);
	xml_put(b, buf_str(&decoded), decoded.len);
	buf_release(&decoded);
}

static void
put_traceback(struct buf *b, struct json list)
{
	struct json_iter it;
	struct json line;

	json_walk(&it, list);
	while (!it.object && json_next(&it, NULL, &line)) {
		put_text(b, line);
		buf_addc(b, '\n');
	}
}

static void
put_head(struct buf *b, const char *element, const struct verdict *v)
{
	buf_addf(b, "      <%s", element);
	if (v->type != NULL)
		xml_attribute(b, "type", v->type);
	if (v->message != NULL)
		xml_attribute(b, "message", v->message);
}

/* The attempts of this run that another one followed. */
static void
put_earlier(const struct story_notebook *n, bool passed, struct buf *b)
{
	for (size_t i = 0; i < n->nattempts; i++) {
		const struct story_attempt *a = &n->attempts[i];
		struct verdict v;
		char *element;

		if (a->end != STORY_END_RETRY || a->object == NULL)
			continue;
		v = verdict_of_error(json_get(json_of(a->object), "error"));
		element = xasprintf("%s%s", passed ? "flaky" : "rerun", v.outcome == OUTCOME_FAILURE ? "Failure" : "Error");
		if (v.type == NULL)
			v.type = xstrdup("unknown");
		put_head(b, element, &v);
		buf_adds(b, ">\n        <stackTrace>");
		put_traceback(b, v.traceback);
		buf_addf(b, "</stackTrace>\n      </%s>\n", element);
		free(element);
		release(&v);
	}
}

/* ---- What it printed ---- */

/*
 * The end of a file of the run folder. The name is a journal's word: it must be one of that folder's logs, and no link
 * that leads elsewhere.
 */
static void
put_log(const char *folder, struct json name, struct buf *b)
{
	char *text = json_strdup(name), *path, *piece;
	struct stat st;
	ssize_t n;
	off_t from;
	int fd;

	if (text == NULL || strncmp(text, "logs/", 5) != 0 || strchr(text + 5, '/') != NULL) {
		free(text);
		return;
	}
	path = file_join(folder, text);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	free(path);
	free(text);
	if (fd == -1)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
		piece = xmalloc(JUNIT_LOG_MOST);
		from = st.st_size > (off_t)JUNIT_LOG_MOST ? st.st_size - (off_t)JUNIT_LOG_MOST : 0;
		n = pread(fd, piece, JUNIT_LOG_MOST, from);
		if (n > 0) {
			const char *start = piece, *end = piece + n;

			/* Not from the middle of a character. */
			while (from > 0 && start < end && ((unsigned char)*start & 0xc0) == 0x80)
				start++;
			if (from > 0)
				buf_addf(b, "[%lld bytes of the log are left out]\n", (long long)from);
			xml_put(b, start, (size_t)(end - start));
		}
		free(piece);
	}
	close(fd);
}

static void
put_children(const struct story_notebook *n, unsigned depth, struct buf *b)
{
	for (const struct story_notebook *child = n->children; child != NULL; child = child->next) {
		struct json error = child->object != NULL ? json_get(json_of(child->object), "error") : JSON_NOTHING;

		buf_fill(b, ' ', (size_t)2 * depth);
		buf_adds(b, "ran ");
		xml_put(b, child->name, strlen(child->name));
		buf_addf(b, ": %s", child->state == STORY_DONE ? status_name(child->status) : "not over");
		if (json_type(error) == JSON_OBJECT) {
			buf_adds(b, ": ");
			put_text(b, json_get(error, "message"));
		}
		buf_addc(b, '\n');
		put_children(child, depth + 1, b);
	}
}

static void
put_output(const struct story_notebook *n, const char *folder, struct buf *b)
{
	struct buf text = BUF_INIT;

	if (n->kept_from != NULL) {
		buf_adds(&text, "kept: it succeeded in run ");
		xml_put(&text, n->kept_from, strlen(n->kept_from));
		buf_addc(&text, '\n');
	}
	put_children(n, 0, &text);
	if (n->object != NULL)
		put_log(folder, json_get(json_of(n->object), "log"), &text);
	if (text.len > 0) {
		buf_adds(b, "      <system-out>");
		buf_add(b, text.data, text.len);
		buf_adds(b, "</system-out>\n");
	}
	buf_release(&text);
}

/* ---- The document ---- */

static void
put_case(const struct story_run *run, const struct story_notebook *n, const char *folder, size_t counts[OUTCOMES],
    struct buf *b)
{
	struct verdict v = verdict_of(run, n);

	counts[v.outcome]++;
	buf_adds(b, "    <testcase");
	xml_attribute(b, "classname", run->workflow);
	xml_attribute(b, "name", n->name);
	buf_addf(b, " time=\"%.3f\">\n", time_of(run, n));
	if (v.outcome != OUTCOME_PASSED) {
		put_head(b, elements[v.outcome], &v);
		buf_addc(b, '>');
		put_traceback(b, v.traceback);
		buf_addf(b, "</%s>\n", elements[v.outcome]);
	}
	/* What was allowed to fail, or was not run, is not said to be flaky. */
	if (v.outcome != OUTCOME_SKIPPED)
		put_earlier(n, v.outcome == OUTCOME_PASSED, b);
	put_output(n, folder, b);
	buf_adds(b, "    </testcase>\n");
	release(&v);
}

static void
put_property(struct buf *b, const char *name, const char *value)
{
	if (value == NULL)
		return;
	buf_adds(b, "      <property");
	xml_attribute(b, "name", name);
	xml_attribute(b, "value", value);
	buf_adds(b, "/>\n");
}

static void
put_properties(const struct story_run *run, const char *folder, struct buf *b)
{
	static const char *const phases[] = {[STORY_GOES_ON] = "running", [STORY_TORN_OFF] = "killed"};
	char processes[16];

	snprintf(processes, sizeof(processes), "%u", run->processes[run->nprocesses - 1].processes);
	buf_adds(b, "    <properties>\n");
	put_property(b, "run.id", run->id);
	put_property(b, "run.dir", folder);
	put_property(b, "run.resumed_from", run->resumed_from);
	put_property(b, "status", run->phase == STORY_OVER ? status_name(run->status) : phases[run->phase]);
	put_property(b, "stop_reason", run->stop_reason);
	put_property(b, "workflow.file", run->file);
	put_property(b, "target", run->target);
	put_property(b, "processes", processes);
	put_property(b, "on_error", run->on_error);
	buf_adds(b, "    </properties>\n");
}

/* Common to both of the outer elements. */
static void
put_numbers(const struct story_run *run, const size_t counts[OUTCOMES], struct buf *b)
{
	double seconds = run->phase == STORY_OVER ? run->duration_seconds : (double)(run->last - run->started) / 1e6;

	xml_attribute(b, "name", run->workflow);
	buf_addf(b, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" time=\"%.3f\"", run->n, counts[OUTCOME_FAILURE],
	    counts[OUTCOME_ERROR], seconds > 0 ? seconds : 0);
}

void
junit_put(const struct story_run *run, const char *folder, struct buf *b)
{
	size_t counts[OUTCOMES] = {0};
	struct buf cases = BUF_INIT;
	char stamp[CLOCK_TEXT];

	for (size_t i = 0; i < run->n; i++)
		put_case(run, run->notebooks[i], folder, counts, &cases);
	clock_text(stamp, run->started, 3);
	stamp[strcspn(stamp, ".")] = '\0';	/* some readers know neither fractions nor zones */
	buf_adds(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites");
	put_numbers(run, counts, b);
	buf_adds(b, ">\n  <testsuite");
	put_numbers(run, counts, b);
	buf_addf(b, " skipped=\"%zu\" timestamp=\"%s\">\n", counts[OUTCOME_SKIPPED], stamp);
	put_properties(run, folder, b);
	buf_add(b, cases.data, cases.len);
	buf_adds(b, "  </testsuite>\n</testsuites>\n");
	buf_release(&cases);
}
