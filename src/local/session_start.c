/* The start of a session. */
#include "local/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "local/calls.h"
#include "local/environment.h"
#include "local/forkserver.h"
#include "local/resultfile.h"
#include "local/session_turn.h"

#define ASK_AGAIN (NSEC_PER_SEC)	/* a kernel that has not answered may have lost the request */
#define ASK_AGAIN_HEARD (20 * NSEC_PER_MSEC)	/* one that has answered may not have seen the subscription yet */
#define ENDPOINTS_INTERVAL (250 * NSEC_PER_MSEC)	/* looked for at least this often, should inotify miss one */
#define PORT_TRIES 3	/* another program may have taken the ports in between */

static enum verdict
would_not_start(struct session *s, char *why)
{
	failure_release(&s->failure);
	s->failure.kind = ERROR_KERNEL;
	s->failure.message = why;
	return VERDICT_KERNEL;
}

static enum verdict
did_not_answer(struct session *s)
{
	char *hint = memory_hint_start(&s->first->memory);
	char *why = xasprintf("kernel '%s' did not answer within %g s%s", s->spec->name,
	    (double)s->attempt->task->target->startup_timeout / 1e9, hint);

	free(hint);
	return would_not_start(s, why);
}

/* Waits for the endpoints, then asks until the kernel has answered on both shell and iopub. */
static enum verdict
get_ready(struct session *s)
{
	const int64_t began = clock_run();
	const int64_t deadline = began + s->attempt->task->target->startup_timeout;
	int64_t asked_at = 0, next;
	char *why = NULL;

	while (!s->kernel_info || !s->iopub_seen) {
		int64_t now = clock_run();

		if (session_stopping(s))
			return VERDICT_STOPPED;
		if (s->kernel.ended || s->kernel.refused)
			return session_dead(s, "before it was ready");
		if (now >= deadline)
			return did_not_answer(s);
		next = now + ENDPOINTS_INTERVAL;
		if (s->wire == NULL) {
			switch (kernel_endpoints_ready(&s->kernel, &why)) {
			case 1:
				s->wire = wire_open(&s->kernel, &why);
				if (s->wire == NULL)
					return would_not_start(s, why);
				break;
			case -1:
				return would_not_start(s, why);
			default:
				break;
			}
		}
		if (s->wire != NULL) {
			/*
			 * What the kernel publishes before the subscription has reached it is lost: an answer
			 * without a message on iopub shows no more than that, and is asked for again.
			 */
			next = asked_at + (s->kernel_info ? ASK_AGAIN_HEARD : ASK_AGAIN);
			if (now >= next) {
				if (wire_send(s->wire, CHANNEL_SHELL, "kernel_info_request", "{}", 2, NULL, s->request) == -1)
					log_debug("cannot send a kernel_info_request: %s", strerror(errno));
				asked_at = now;
				next = now + ASK_AGAIN;
			}
		}
		session_turn(s, next < deadline ? next : deadline);
	}
	return VERDICT_OK;
}

static void
report_ready(struct session *s, int64_t began)
{
	struct buf json = BUF_INIT;
	struct json_out o = JSON_OUT(&json, -1, 0);

	json_out_open(&o, '{');
	json_out_key(&o, "kind");
	json_out_str(&o, "kernel");
	json_out_key(&o, "pid");
	json_out_int(&o, s->kernel.pid);
	json_out_key(&o, "start");
	json_out_str(&o, s->kernel.warm ? "warm" : "cold");
	json_out_key(&o, "seconds");
	json_out_fixed(&o, (double)(clock_run() - began) / 1e9, 3);
	json_out_close(&o, '}');
	s->attempt->progress(s->attempt, json.data, json.len);
	buf_release(&json);
}

static void
note_start(const struct session *s)
{
	log_debug("kernel '%s' %s, process %d, by %s", s->spec->name, s->kernel.warm ? "asked for" : "started",
	    (int)s->kernel.pid, s->kernel.by_ipc ? "ipc" : "tcp");
}

/*
 * A kernel that is forked from one that is ready, if it can be had so. Returns false when it is to be started without:
 * whatever was wrong will show then.
 */
static bool
start_warm(struct session *s, char *const *env, enum verdict *verdict)
{
	const struct task *t = s->attempt->task;

	if (kernel_fork(&s->kernel, s->spec, t, s->folder, env, &s->first->memory) == -1) {
		kernel_release(&s->kernel);
		return false;
	}
	s->started = true;
	note_start(s);
	*verdict = get_ready(s);
	/* One that is there and does not answer would not do so when it is started anew. */
	if (*verdict == VERDICT_OK || *verdict == VERDICT_STOPPED || s->kernel.pid != 0)
		return true;
	if (!s->kernel.refused && !s->kernel.ended)
		forkserver_give_up(s->spec, t);
	if (s->kernel.refused)
		forkserver_hear(s->spec, t);
	else
		log_info("%s; trying without a fork server", s->failure.message);
	wire_close(s->wire);
	s->wire = NULL;
	s->kernel_info = s->iopub_seen = false;
	kernel_release(&s->kernel);
	s->started = false;
	return false;
}

static enum verdict
start_cold(struct session *s, char *const *env)
{
	const struct task *t = s->attempt->task;
	enum verdict verdict = VERDICT_KERNEL;
	char *why = NULL;

	for (int i = 1; i <= PORT_TRIES; i++) {
		if (s->started)
			kernel_release(&s->kernel);
		if (kernel_start(&s->kernel, s->spec, t->target->transport, s->folder, t->working_directory, env,
		    &s->first->memory, &why) == -1)
			return would_not_start(s, why);
		s->started = true;
		note_start(s);
		verdict = get_ready(s);
		if (verdict != VERDICT_KERNEL || s->kernel.by_ipc || s->kernel.ports_by_kernel || !s->kernel.ended ||
		    WIFSIGNALED(s->kernel.status))
			break;
		/* A kernel that ends at once most likely found one of its ports taken. */
		if (i == PORT_TRIES || s->wire == NULL || s->kernel_info)
			break;
		log_info("%s; trying other ports", s->failure.message);
		wire_close(s->wire);
		s->wire = NULL;
	}
	return verdict;
}

enum verdict
session_start(struct session *s)
{
	const struct task *t = s->attempt->task;
	char **env, *result;
	int64_t began = clock_run();
	enum verdict verdict;

	if (session_stopping(s))
		return VERDICT_STOPPED;	/* as at its first look, for which there would have to be a kernel */
	env = environment_list(s->spec, t, false);
	result = resultfile_path(s->attempt);
	if (s->attempt->calls != NULL)
		env = environment_add(env, CALLS_VARIABLE, calls_path(s->attempt->calls));
	env = environment_add(env, RESULTFILE_VARIABLE, result);
	free(result);
	if (s == s->first) {
		memory_prepare(&s->memory, t->memory_limit, NULL);
	} else if (mkdir(s->folder, 0700) == -1) {
		kernelspec_free_list(env);
		return would_not_start(s, xasprintf("cannot create folder '%s': %s", s->folder, strerror(errno)));
	}
	if (!start_warm(s, env, &verdict))
		verdict = start_cold(s, env);
	kernelspec_free_list(env);
	if (verdict == VERDICT_OK) {
		failure_release(&s->failure);	/* of an earlier try */
		/* ipykernel reads what is written to its descriptors itself, publishes it, and writes it once more. */
		console_log_words(&s->console);
		s->console.raw = kernelspec_is_ipykernel(s->spec) ? CONSOLE_RAW_ECHO : CONSOLE_RAW_SHOW;
		if (s == s->first)
			report_ready(s, began);
	}
	return verdict;
}
