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

/* One that runs, in the simulation. */
struct running {
	size_t task;
	double until;
};

struct simulation {
	struct running *list;
	size_t n;
	double now, usual;	/* seconds; usual: of one whose time is not known */
};

/* What those whose times are known take on the average; 1 where there is none. */
static double
usual_seconds(const struct planner *p)
{
	double sum = 0;
	size_t n = 0;

	for (size_t i = 0; i < p->workflow->ntasks; i++) {
		if (p->estimates[i].seconds >= 0) {
			sum += p->estimates[i].seconds;
			n++;
		}
	}
	return n > 0 && sum > 0 ? sum / (double)n : 1;
}

/* Ends the one that is over first; of those that are over together, the one that was started first. */
static void
end_first(struct planner *p, struct keeper *keeper, struct simulation *s)
{
	size_t first = 0, task;

	for (size_t i = 1; i < s->n; i++)
		if (s->list[i].until < s->list[first].until)
			first = i;
	s->now = s->list[first].until;
	task = s->list[first].task;
	memmove(s->list + first, s->list + first + 1, (s->n - first - 1) * sizeof(*s->list));
	s->n--;
	keeper_settled(keeper, &p->run.records[task], &p->run);
	schedule_finished(p->schedule, task, SCHEDULE_SUCCEEDED);
}

/* Settles what is kept, and what is there for a failure alone: those come last. */
static void
look(struct planner *p, struct keeper *keeper, size_t *handlers, size_t *nhandlers)
{
	enum schedule_end end;
	size_t i;

	for (;;) {
		if ((i = schedule_ready(p->schedule)) != SCHEDULE_NONE) {
			if (!decide(p, keeper, i))
				continue;
			p->sequence[p->n++] = i;
			keeper_settled(keeper, &p->run.records[i], &p->run);
			schedule_finished(p->schedule, i, SCHEDULE_SUCCEEDED);
		} else if ((i = schedule_dropped(p->schedule, &end)) != SCHEDULE_NONE) {
			p->notes[i] = xstrdup("runs only after a failure");
			p->run.records[i].status = STATUS_SKIPPED;
			handlers[(*nhandlers)++] = i;
			keeper_settled(keeper, &p->run.records[i], &p->run);
			schedule_finished(p->schedule, i, end);
		} else {
			return;
		}
	}
}

/* Goes through the run as it would go if everything succeeded, and took the time that is thought of. */
static void
simulate(struct planner *p, const struct conduct_options *o)
{
	const struct workflow *w = p->workflow;
	struct keeper keeper = KEEPER_INIT(o->resume ? &p->past : NULL);
	struct simulation s = {.list = xcalloc(w->processes, sizeof(*s.list)), .usual = usual_seconds(p)};
	size_t *handlers = xcalloc(w->ntasks, sizeof(*handlers)), nhandlers = 0, i;
	int64_t again;

	for (;;) {
		look(p, &keeper, handlers, &nhandlers);
		i = s.n < w->processes ? schedule_next(p->schedule, 0, &again) : SCHEDULE_NONE;
		if (i != SCHEDULE_NONE) {
			double seconds = p->estimates[i].seconds;

			s.list[s.n++] = (struct running){i, s.now + (seconds >= 0 ? seconds : s.usual)};
			p->sequence[p->n++] = i;
		} else if (s.n > 0) {
			end_first(p, &keeper, &s);
		} else {
			break;
		}
	}
	for (i = 0; i < nhandlers; i++)
		p->sequence[p->n++] = handlers[i];
	free(handlers);
	free(s.list);
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
