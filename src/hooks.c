#include "hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "report/results.h"

#define LONG (3 * NSEC_PER_SEC)	/* what runs for so long when all else is over is told of */
#define TAIL_BYTES 1024	/* of what a command has printed, looked at for its last line */
#define TAIL_COLUMNS 160	/* of that line, shown */

/* ---- The check ---- */

/* Whether it is a file that may be executed; else errno says why not. */
static bool
is_program(const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1)
		return false;
	errno = EACCES;
	return S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* Looks for a program where execvp does. Returns 0, or the errno. */
static int
find_in_path(const char *name, const char *folder)
{
	const char *path = getenv("PATH");
	int error = ENOENT;

	if (path == NULL)
		path = "/bin:/usr/bin";
	for (;;) {
		size_t n = strcspn(path, ":");
		char *place = n > 0 ? xmemdup0(path, n) : xstrdup("."), *above = file_join(folder, place);
		char *file = file_join(above, name);
		bool found = is_program(file);

		if (!found && errno == EACCES)
			error = EACCES;
		free(file);
		free(above);
		free(place);
		if (found)
			return 0;
		if (path[n] == '\0')
			return error;
		path += n + 1;
	}
}

static char *
folder_of(const struct workflow *w)
{
	return file_folder(w->file != NULL ? w->file : ".");
}

static void
check_command(const struct workflow *w, const struct command *c, const char *folder, struct problems *p)
{
	const char *name = c->argv[0], *hint = "";
	bool is_path = strchr(name, '/') != NULL;
	char *file = is_path ? file_join(folder, name) : xstrdup(name);
	int error = 0;

	if (!is_path)
		error = find_in_path(name, folder);
	else if (!is_program(file))
		error = errno;
	if (error != 0 && c->argv[1] == NULL && strpbrk(name, " \t\n") != NULL)
		hint = "; no shell takes it apart: write each word by itself, or [sh, -c, '...']";
	else if (error != 0 && (*name == '~' || *name == '$'))
		hint = "; no shell fills in '~' and '$'";
	else if (error == EACCES)
		hint = "; a program is a file that may be executed (chmod +x)";
	if (error != 0 && !is_path && error == ENOENT)
		problems_add(p, workflow_label(w), c->mark.line, c->mark.column, "hook %s: there is no program '%s' in PATH%s",
		    hook_name(c->hook), name, hint);
	else if (error != 0)
		problems_add(p, workflow_label(w), c->mark.line, c->mark.column, "hook %s: cannot execute '%s': %s%s",
		    hook_name(c->hook), file, strerror(error), hint);
	free(file);
}

void
hooks_check(const struct workflow *w, struct problems *p)
{
	char *folder = folder_of(w);

	for (size_t i = 0; i < w->ncommands; i++)
		check_command(w, &w->commands[i], folder, p);
	free(folder);
}

/* ---- The start ---- */

/* A path that means the same in any folder; as it is where the current one cannot be told. */
static char *
absolute(const char *path)
{
	char *current = getcwd(NULL, 0), *joined = file_join(current != NULL ? current : ".", path);

	free(current);
	return joined;
}

void
hooks_init(struct hooks *h, struct run *run, const struct rundir *dirs)
{
	const struct workflow *w = run->workflow;

	*h = (struct hooks){.run = run, .dirs = dirs};
	job_init(&h->job, "hook", hook_main, &h->order);
	h->folder = folder_of(w);
	h->run_folder = absolute(run->folder);
	if (w->file != NULL && strcmp(w->file, "-") != 0)
		h->workflow_file = absolute(w->file);
	run->hooks = xcalloc(w->ncommands, sizeof(*run->hooks));
}

void
hooks_release(struct hooks *h)
{
	job_release(&h->job);
	buf_release(&h->order.document);
	free(h->folder);
	free(h->run_folder);
	free(h->workflow_file);
	free(h->log);
}

/* Whether it is to run, as far as that is known. */
static bool
is_due(const struct run *run, enum hook hook)
{
	switch (hook) {
	case HOOK_ON_SUCCESS:
		return run->status == STATUS_SUCCEEDED;
	case HOOK_ON_FAILURE:
		return run->status != STATUS_SUCCEEDED;
	default:
		return true;
	}
}

/* The next command that is to run, NULL for none now. */
static const struct command *
look(struct hooks *h)
{
	const struct workflow *w = h->run->workflow;

	for (; h->next < w->ncommands; h->next++) {
		const struct command *c = &w->commands[h->next];

		if (c->hook != HOOK_ON_START && !h->run->over)
			return NULL;
		if (is_due(h->run, c->hook))
			return c;
	}
	return NULL;
}

static void
set_variables(struct hooks *h, const struct command *c)
{
	const char *const variables[HOOK_VARIABLES][2] = {
		{"NBFORK_HOOK", hook_name(c->hook)},
		{"NBFORK_STATUS", h->run->over ? status_name(h->run->status) : "running"},
		{"NBFORK_RUN_ID", h->run->id},
		{"NBFORK_RUN_DIR", h->run_folder},
		{"NBFORK_WORKFLOW", h->run->workflow->name},
		{"NBFORK_WORKFLOW_FILE", h->workflow_file},
	};

	memcpy(h->variables, variables, sizeof(variables));
}

struct job *
hooks_next(struct hooks *h)
{
	const struct command *c = look(h);
	struct stat st;

	if (c == NULL)
		return NULL;
	h->next++;
	free(h->log);
	h->log = xasprintf("%s/logs/hooks/%s.log", h->run_folder, hook_name(c->hook));
	h->log_from = stat(h->log, &st) == 0 ? (size_t)st.st_size : 0;
	set_variables(h, c);
	buf_reset(&h->order.document);
	results_put(h->run, &h->order.document);
	h->order = (struct hook_order){
		.command = c, .folder = h->folder, .variables = h->variables, .nvariables = HOOK_VARIABLES,
		.document = h->order.document, .private_folder = h->dirs->private_folder, .log = h->log,
	};
	job_release(&h->job);
	job_init(&h->job, hook_name(c->hook), hook_main, &h->order);
	h->job.beside = true;
	h->job.timeout = h->run->workflow->hook_timeout;
	h->began = clock_run();
	h->began_wall = clock_wall();
	return &h->job;
}

const struct command *
hooks_command(const struct hooks *h)
{
	return h->order.command;
}

void
hooks_started(struct hooks *h)
{
	buf_release(&h->order.document);	/* the child has it */
	h->runs = true;
	h->said = false;
}

int64_t
hooks_tick(struct hooks *h, int64_t now)
{
	if (!h->runs || h->said || !h->run->over)
		return INT64_MAX;
	if (now < h->began + LONG)
		return h->began + LONG;
	h->said = true;
	log_note("waiting for hook %s: '%s'", hook_name(h->order.command->hook), h->order.command->argv[0]);
	return INT64_MAX;
}

/* ---- The end ---- */

/* Whether it has printed anything; a file with nothing in it is removed. */
static bool
keep_log(const struct hooks *h)
{
	struct stat st;

	if (stat(h->log, &st) == -1)
		return false;
	if (st.st_size == 0)
		unlink(h->log);
	return (size_t)st.st_size > h->log_from;
}

/* Appends the last line that it has printed, fit to be shown. */
static void
put_last_line(const struct hooks *h, struct buf *out)
{
	char tail[TAIL_BYTES];
	int fd = open(h->log, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	size_t from = h->log_from, n, line;
	ssize_t got;

	if (fd == -1)
		return;
	if (fstat(fd, &st) == -1)
		st.st_size = 0;
	if ((size_t)st.st_size > from + sizeof(tail))
		from = (size_t)st.st_size - sizeof(tail);
	got = pread(fd, tail, sizeof(tail), (off_t)from);
	close(fd);
	n = got > 0 ? (size_t)got : 0;
	while (n > 0 && strchr(" \t\r\n", tail[n - 1]) != NULL)
		n--;
	line = n;
	while (line > 0 && tail[line - 1] != '\n')
		line--;
	if (n == line)
		return;
	buf_adds(out, ": ");
	utf8_put_visible(out, tail + line, n - line, TAIL_COLUMNS);
}

/* How it ended, from what its process has said of it, or else has come to itself. Sets all but the times and the log. */
static void
judge(const struct hooks *h, struct hook_run *r)
{
	const struct job *j = &h->job;
	struct hook_report report = {.step = HOOK_ENDED, .stopped = j->stop != JOB_STOP_NONE};
	const bool reported = j->result != NULL && j->result_len == sizeof(report);
	char text[64];

	if (reported)
		memcpy(&report, j->result, sizeof(report));
	if (reported && report.step == HOOK_ENDED) {
		r->has_exit_status = WIFEXITED(report.status);
		r->exit_status = r->has_exit_status ? WEXITSTATUS(report.status) : 0;
		r->signal = WIFSIGNALED(report.status) ? WTERMSIG(report.status) : 0;
	}
	r->status = STATUS_FAILED;
	if (j->state == JOB_NEW) {
		r->message = xasprintf("could not be started: %s", j->problem);
	} else if (report.stopped && j->stop == JOB_STOP_TIMEOUT) {
		r->status = STATUS_TIMED_OUT;
		r->message = xasprintf("did not finish within %g s", (double)j->timeout / 1e9);
	} else if (report.stopped && j->stop == JOB_STOP_SIGNAL) {
		r->status = STATUS_CANCELLED;
		r->message = xstrdup("was stopped because nbfork was told to stop");
	} else if (!reported) {
		r->message = xasprintf("came to no end that is known: its nbfork process %s",
		    job_describe_status(j->status, text, sizeof(text)));
	} else if (report.step == HOOK_FOLDER) {
		r->message = xasprintf("could not be run in '%s': %s", h->folder, strerror(report.error));
	} else if (report.step != HOOK_ENDED) {
		r->message = xasprintf("could not be %s: %s", report.step == HOOK_EXECUTE ? "executed" : "started",
		    strerror(report.error));
	} else if (!r->has_exit_status || r->exit_status != 0) {
		r->message = xstrdup(job_describe_status(report.status, text, sizeof(text)));
	} else {
		r->status = STATUS_SUCCEEDED;
	}
}

static void
complain(const struct hooks *h, const struct hook_run *r)
{
	struct buf text = BUF_INIT;

	buf_addf(&text, "hook %s: '%s' %s", hook_name(r->command->hook), r->command->argv[0], r->message);
	if (r->has_log) {
		put_last_line(h, &text);
		buf_addf(&text, " (%s/logs/hooks/%s.log)", h->run->folder, hook_name(r->command->hook));
	}
	log_warn("%s", buf_str(&text));
	buf_release(&text);
}

const struct hook_run *
hooks_ended(struct hooks *h)
{
	struct hook_run *r = &h->run->hooks[h->run->nhooks++];

	h->runs = false;
	*r = (struct hook_run){.command = h->order.command, .started_at = h->began, .started_wall = h->began_wall};
	judge(h, r);
	r->has_log = keep_log(h);
	r->ended_at = clock_run();
	r->ended_wall = clock_wall();
	if (r->status != STATUS_SUCCEEDED)
		complain(h, r);
	return r;
}

size_t
hooks_skip(struct hooks *h)
{
	const struct command *c;
	size_t n = 0;

	for (; (c = look(h)) != NULL; h->next++, n++) {
		h->run->hooks[h->run->nhooks++] = (struct hook_run){
			.command = c, .status = STATUS_SKIPPED, .message = xstrdup("was not run because nbfork was told to stop"),
		};
		log_warn("hook %s: '%s' was not run because nbfork was told to stop", hook_name(c->hook), c->argv[0]);
	}
	return n;
}
