/* What a run would do: --dry-run. */
#include "conduct.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "estimate.h"
#include "keep.h"
#include "past.h"
#include "plan.h"
#include "report/run.h"
#include "report/text.h"
#include "rundir.h"
#include "schedule.h"
#include "values.h"

struct planner {
	const struct workflow *workflow;
	struct past past;
	struct run run;	/* as it would be, had everything that runs succeeded */
	struct schedule *schedule;
	struct estimate *estimates;
	size_t *sequence;
	size_t n;	/* of the sequence */
	char **notes;
	bool *kept;
};

/* Reads the earlier run, if one is to be resumed. Returns 0, or the exit status with the reason said. */
static int
read_past(struct planner *p, const struct conduct_options *o)
{
	char *what = NULL, *folder, *journal;
	int fd, error;

	if (!o->resume)
		return 0;
	folder = rundir_find(p->workflow, o->resume_dir, &what);
	if (folder == NULL) {
		log_error("%s: %s", what, strerror(errno));
		free(what);
		return EXIT_USAGE;
	}
	p->run.folder = folder;
	journal = file_join(folder, "events.jsonl");
	fd = open(journal, O_RDONLY | O_CLOEXEC);
	error = fd == -1 || past_read(&p->past, fd) == -1 ? errno : 0;
	if (fd != -1)
		close(fd);
	if (error != 0)
		log_error("cannot read '%s': %s", journal, error == ENODATA ? "there is no run in it" : strerror(error));
	else if (strcmp(p->past.name, p->workflow->name) != 0)
		log_error("cannot resume the run in '%s': it is one of workflow '%s', not of '%s'", folder, p->past.name,
		    p->workflow->name);
	free(journal);
	return error != 0 || strcmp(p->past.name, p->workflow->name) != 0 ? EXIT_USAGE : 0;
}

static void
prepare(struct planner *p, const struct conduct_options *o)
{
	const struct workflow *w = p->workflow;
	char *folder = file_folder(w->file != NULL ? w->file : ".");
	double *weights = xcalloc(w->ntasks, sizeof(*weights));
	bool *first = xcalloc(w->ntasks, sizeof(*first));

	p->run.workflow = w;
	p->run.n = w->ntasks;
	p->run.records = xcalloc(w->ntasks, sizeof(*p->run.records));
	p->estimates = xcalloc(w->ntasks, sizeof(*p->estimates));
	p->sequence = xcalloc(w->ntasks, sizeof(*p->sequence));
	p->notes = xcalloc(w->ntasks, sizeof(*p->notes));
	p->kept = xcalloc(w->ntasks, sizeof(*p->kept));
	estimate_all(w, RUNDIR_RUNS, folder, p->estimates);
	estimate_weights(p->estimates, w->ntasks, weights);
	for (size_t i = 0; i < w->ntasks; i++) {
		const struct past_notebook *past = o->failed_first ? past_find(&p->past, w->tasks[i].name) : NULL;

		first[i] = past != NULL && past->failed;
		p->run.records[i].task = &w->tasks[i];
	}
	p->schedule = schedule_new(w, weights, first);
	free(weights);
	free(first);
	free(folder);
}

/* Whether a notebook would be kept; its note says so, or why not. */
static bool
decide(struct planner *p, struct keeper *keeper, size_t i)
{
	struct record *r = &p->run.records[i];
	struct inputs in;
	struct task same;
	char *why = NULL;

	if (keeper->past == NULL)
		return false;
	memset(&in, 0, sizeof(in));
	if (!values_needed(r->task)) {
		keeper_inputs(keeper, r->task, &p->run, &in);
	} else if (values_make(&same, r->task, &p->run, "", &why) == 0) {
		keeper_inputs(keeper, &same, &p->run, &in);
		values_release(&same);
	}
	free(why);	/* what it asks for will be there only after the run */
	p->kept[i] = keeper_keeps(keeper, r, &p->run, &in);
	if (p->kept[i])
		p->notes[i] = xasprintf("kept: succeeded in run %s", r->kept_from);
	else if (r->again_because != NULL)
		p->notes[i] = xasprintf("runs again, because %s", r->again_because);
	return p->kept[i];
}

/* Goes through the run, as if everything succeeded at once. */
static void
simulate(struct planner *p, const struct conduct_options *o)
{
	struct keeper keeper = KEEPER_INIT(o->resume ? &p->past : NULL);
	enum schedule_end end;
	int64_t again;
	size_t i;

	for (;;) {
		while ((i = schedule_ready(p->schedule)) != SCHEDULE_NONE) {
			if (!decide(p, &keeper, i))
				continue;
			p->sequence[p->n++] = i;
			schedule_finished(p->schedule, i, SCHEDULE_SUCCEEDED);
		}
		if ((i = schedule_dropped(p->schedule, &end)) != SCHEDULE_NONE) {
			/* It is there for a failure. */
			p->notes[i] = xstrdup("runs only after a failure");
			p->run.records[i].status = STATUS_SKIPPED;
		} else if ((i = schedule_next(p->schedule, 0, &again)) != SCHEDULE_NONE) {
			end = SCHEDULE_SUCCEEDED;
		} else {
			break;
		}
		p->sequence[p->n++] = i;
		schedule_finished(p->schedule, i, end);
	}
	keeper_release(&keeper);
}

static int
print(const struct planner *p, const struct conduct_options *o)
{
	const struct plan plan = {
		.workflow = p->workflow,
		.estimates = p->estimates,
		.sequence = p->sequence,
		.notes = (const char *const *)p->notes,
		.kept = p->kept,
	};
	bool terminal = isatty(STDOUT_FILENO);
	struct buf out = BUF_INIT;
	struct winsize size;
	int status = EXIT_ALL_SUCCEEDED;

	if (o->graph)
		plan_put_graph(&plan, &out);
	else if (o->json)
		plan_put_json(&plan, &out);
	else
		plan_put_table(&plan, terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0,
		    terminal && text_has_colour(), &out);
	if (file_write_full(STDOUT_FILENO, out.data, out.len) == -1) {
		log_error("cannot write to standard output: %s", strerror(errno));
		status = EXIT_BROKEN;
	}
	buf_release(&out);
	return status;
}

int
conduct_plan(const struct workflow *w, const struct conduct_options *o)
{
	struct planner p = {.workflow = w, .past = PAST_INIT};
	int status = read_past(&p, o);

	if (status == 0) {
		prepare(&p, o);
		simulate(&p, o);
		status = print(&p, o);
		for (size_t i = 0; i < w->ntasks; i++) {
			record_release(&p.run.records[i]);
			free(p.notes[i]);
		}
		schedule_free(p.schedule);
	}
	past_release(&p.past);
	free(p.run.records);
	free(p.run.folder);
	free(p.estimates);
	free(p.sequence);
	free(p.notes);
	free(p.kept);
	return status;
}
