/*
 * The target of type "local": a notebook on a kernel of this machine.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "local/calls.h"
#include "local/choice.h"
#include "local/crew.h"
#include "local/forkserver.h"
#include "local/resultfile.h"
#include "local/runtime.h"
#include "notebook/databricks.h"
#include "notebook/parameters.h"
#include "target.h"

static const char departs[] = "{\"kind\": \"departs\"}";

/* The language the parameters are written in: that of the kernel which runs them, or else what the notebook says. */
static const struct language *
parameter_language(const struct kernelspec *spec, const struct notebook *nb)
{
	const struct language *l = language_find(spec->name, spec->language);

	return l != NULL || nb->language == NULL ? l : language_find(NULL, nb->language);
}

/*
 * Whether the notebook gets a cell that sets its parameters. What Databricks has written asks for them by widgets, which
 * are Python's alone here.
 */
static bool
takes_cell(const struct kernelspec *spec, const struct notebook *nb)
{
	enum cell_language l;

	if (nb->databricks != DATABRICKS_NOTEBOOK || !language_parse(spec->language, &l) || l != LANGUAGE_PYTHON)
		return true;
	for (size_t i = 0; !nb->is_source && i < nb->ncells; i++)
		if (cell_has_tag(&nb->cells[i], "parameters"))
			return true;
	return false;
}

/*
 * A notebook declares its parameters in a cell tagged so. One that does not so much as name a parameter that is
 * meant for it alone will run with its default instead: most likely a slip of the pen, but not an error for
 * papermill either.
 */
static void
warn_of_unknown(const struct task *t, const struct notebook *nb)
{
	size_t i = 0;

	while (i < nb->ncells && !cell_has_tag(&nb->cells[i], "parameters"))
		i++;
	for (size_t k = 0; i < nb->ncells && k < t->parameters.n; k++) {
		const struct param *p = &t->parameters.list[k];

		/* Those of the workflow and of -p are for whom they may concern. */
		if (p->mark.line >= t->mark.line && p->mark.line != 0 &&
		    !cell_has_word(&nb->cells[i], p->name + strspn(p->name, "_")))
			log_warn("notebook '%s' does not name parameter '%s' in its cell tagged 'parameters'", t->name, p->name);
	}
}

static void
check_parameters(const struct workflow *w, const struct task *t, const struct kernelspec *spec, const struct notebook *nb,
    struct problems *p)
{
	const struct language *l;
	struct buf source = BUF_INIT;
	char *why = NULL;

	if (t->parameters.n == 0 || !takes_cell(spec, nb))
		return;
	l = parameter_language(spec, nb);
	if (l == NULL) {
		problems_add(p, workflow_label(w), t->mark.line, t->mark.column,
		    "parameters cannot be written in the language of kernel '%s' (%s)", spec->name,
		    spec->language != NULL ? spec->language : "unknown");
		return;
	}
	warn_of_unknown(t, nb);
	if (parameters_source(l, &t->parameters, false, &source, &why) == -1) {
		problems_add(p, workflow_label(w), t->mark.line, t->mark.column, "%s", why);
		free(why);
	}
	buf_release(&source);
}

/* Whether the notebook most likely runs others. */
static bool
runs_others(const struct notebook *nb)
{
	for (size_t i = 0; i < nb->ncells && nb->databricks != DATABRICKS_NONE; i++)
		if (nb->cells[i].type == CELL_CODE && cell_has_word(&nb->cells[i], "notebook.run"))
			return true;
	return false;
}

static void
check(const struct workflow *w, const struct task *t, struct notebook *nb, struct problems *p)
{
	struct kernelspec spec;
	const struct mark *mark = t->kernel != NULL ? &t->kernel_mark : &t->path_mark;
	char *why = NULL;

	if (nb == NULL && t->kernel == NULL)
		return;	/* it is not known which kernel it wants */
	if (choice_of_notebook(&spec, t, nb, &why) == -1 ||
	    (params_find(&t->env, "PATH") == NULL && kernelspec_check_program(&spec, &why) == -1)) {
		problems_add(p, workflow_label(w), mark->line, mark->column, "notebook '%s': %s", t->name, why);
		free(why);
	} else if (nb != NULL) {
		check_parameters(w, t, &spec, nb, p);
		forkserver_want(&spec, t);
		/* What it runs most likely wants the same. */
		if (runs_others(nb))
			forkserver_want(&spec, t);
	}
	kernelspec_release(&spec);
	if (nb != NULL) {
		databricks_prepare(nb, t->target->workspace, p);
		crew_check(t, nb, p);
	}
}

static void
report_cell(struct attempt *a, bool started, size_t cell, double seconds, bool failed)
{
	struct buf json = BUF_INIT;
	struct json_out o = JSON_OUT(&json, -1, 0);

	json_out_open(&o, '{');
	json_out_key(&o, "kind");
	json_out_str(&o, started ? "cell_started" : "cell_finished");
	json_out_key(&o, "cell");
	json_out_int(&o, (int64_t)cell);
	json_out_key(&o, "number");
	json_out_int(&o, (int64_t)a->cells_executed);
	json_out_key(&o, "total");
	json_out_int(&o, (int64_t)a->cells_total);
	if (!started) {
		json_out_key(&o, "seconds");
		json_out_fixed(&o, seconds, 3);
		json_out_key(&o, "failed");
		json_out_bool(&o, failed);
	}
	json_out_close(&o, '}');
	a->progress(a, json.data, json.len);
	buf_release(&json);
}

static enum verdict
run_cell(struct crew *c, size_t index)
{
	struct attempt *a = c->attempt;
	struct cell *cell = &a->notebook->cells[index];
	int64_t began = clock_run();
	enum verdict verdict;

	a->cells_executed++;
	cell->state = CELL_RUNNING;
	cell->started_at = clock_wall();
	report_cell(a, true, index, 0, false);
	a->tick(a, true);	/* that it runs is to be seen in the saved copy, even if it prints nothing */
	verdict = crew_execute(c, index, (int64_t)a->cells_executed);
	cell->ended_at = clock_wall();
	cell->exception = verdict != VERDICT_OK && verdict != VERDICT_EXIT;
	cell->state = cell->exception ? CELL_FAILED : CELL_COMPLETED;
	report_cell(a, false, index, (double)(clock_run() - began) / 1e9, cell->exception);
	if (cell->exception) {
		c->last->failure.cell = (int64_t)index;
		c->last->failure.execution_count = cell->execution_count;
	}
	return verdict;
}

/* A cell that is not run is over as soon as it is reached, as papermill records it. */
static void
pass_cell(struct cell *c)
{
	c->state = CELL_COMPLETED;
	c->started_at = c->ended_at = clock_wall();
}

static enum verdict
run_cells(struct crew *c)
{
	struct notebook *nb = c->attempt->notebook;
	enum verdict verdict = VERDICT_OK;

	for (size_t i = 0; i < nb->ncells && verdict == VERDICT_OK; i++) {
		if (*c->attempt->stop != 0)
			return VERDICT_STOPPED;
		if (cell_is_skipped(&nb->cells[i]))
			pass_cell(&nb->cells[i]);
		else
			verdict = run_cell(c, i);
	}
	return verdict;
}

static void
conclude(struct crew *c, enum verdict verdict)
{
	struct attempt *a = c->attempt;
	struct session *s = c->last;
	struct failure *f = &a->failure;

	/* What is known of the place, whatever ended it there. */
	failure_release(f);
	switch (verdict) {
	case VERDICT_OK:
	case VERDICT_EXIT:
		a->status = STATUS_SUCCEEDED;
		return;
	case VERDICT_RAISED:
	case VERDICT_KERNEL:
		a->status = STATUS_FAILED;
		*f = s->failure;
		failure_init(&s->failure);
		if (verdict == VERDICT_RAISED)
			memory_hint_raised(&c->first.memory, f);
		return;
	case VERDICT_CELL_TIMEOUT:
		a->status = STATUS_TIMED_OUT;
		f->kind = ERROR_TIMEOUT;
		f->name = xstrdup("CellTimeoutError");
		f->message = xasprintf("cell did not finish within %g s", (double)a->task->cell_timeout / 1e9);
		break;
	case VERDICT_STOPPED:
		if (clock_run() >= a->deadline) {
			a->status = STATUS_TIMED_OUT;
			f->kind = ERROR_TIMEOUT;
			f->message = xasprintf("notebook did not finish within %g s", (double)a->task->timeout / 1e9);
		} else {
			a->status = STATUS_CANCELLED;
			f->kind = ERROR_STOPPED;
			f->message = xstrdup("stopped while it ran");
		}
		break;
	}
	f->cell = s->failure.cell;
	f->execution_count = s->failure.execution_count;
}

/* What the notebook has handed back, whatever became of it; its file is one that it has completed only if it succeeded. */
static void
take_results(struct crew *c)
{
	struct attempt *a = c->attempt;
	struct buf text = BUF_INIT;
	struct json given = JSON_NOTHING;
	char *why = NULL;
	const char *json;

	if (a->status == STATUS_SUCCEEDED && resultfile_read(a, &text, &given, &why) == -1) {
		a->status = STATUS_FAILED;
		a->failure.kind = ERROR_NOTEBOOK;
		a->failure.message = why;
	}
	if (given.text != NULL)
		crew_give(c, given);
	buf_release(&text);
	if ((json = crew_result(c)) != NULL)
		a->result = xstrdup(json);
	if ((json = crew_exit(c)) != NULL)
		a->exit = xstrdup(json);
	if ((json = crew_values(c)) != NULL)
		a->values = xstrdup(json);
}

static void
run(struct attempt *a)
{
	struct notebook *nb = a->notebook;
	struct kernelspec spec;
	struct problems problems = PROBLEMS_INIT;
	struct crew c;
	const struct language *language;
	enum verdict verdict;
	char *why = NULL;

	if (databricks_prepare(nb, a->task->target->workspace, &problems) == -1) {
		/* All was well when it was checked. */
		a->status = STATUS_FAILED;
		a->failure.kind = ERROR_WORKER;
		a->failure.message = xasprintf("%s: %s", problems.list[0].file, problems.list[0].message);
		problems_release(&problems);
		return;
	}
	if (choice_of_notebook(&spec, a->task, nb, &why) == -1) {
		a->status = STATUS_FAILED;
		a->failure.kind = ERROR_KERNEL;
		a->failure.message = why;
		kernelspec_release(&spec);
		return;
	}
	language = parameter_language(&spec, nb);
	if (language != NULL)
		parameters_mask(language, &a->task->parameters, a->mask);
	if (a->task->parameters.n != 0 && takes_cell(&spec, nb) &&
	    (language == NULL || parameters_inject(nb, language, &a->task->parameters, &why) == -1)) {
		a->status = STATUS_FAILED;
		a->failure.kind = ERROR_KERNEL;
		a->failure.message = why != NULL ? why : xasprintf("parameters cannot be written for kernel '%s'", spec.name);
		kernelspec_release(&spec);
		return;
	}
	for (size_t i = 0; i < nb->ncells; i++)
		a->cells_total += !cell_is_skipped(&nb->cells[i]);
	a->calls = calls_open(a, &why);
	if (a->calls == NULL) {
		log_warn("notebooks cannot be run from this one: %s", why);
		free(why);
	}
	runtime_mask(a);
	crew_init(&c, a, &spec);
	verdict = crew_start(&c);
	if (verdict == VERDICT_OK)
		verdict = run_cells(&c);
	conclude(&c, verdict);
	calls_close(a->calls);
	a->calls = NULL;
	take_results(&c);
	crew_settle(&c);
	nb->widgets = collector_widgets(c.first.collector);
	if (!a->orphaned()) {
		/* The notebook is written while the kernel takes its leave. */
		session_ask_to_end(&c.first);
		a->complete(a);
		if (a->status == STATUS_SUCCEEDED)
			a->progress(a, departs, sizeof(departs) - 1);
	}
	crew_end(&c, a->orphaned());
	crew_release(&c);
	runtime_end(a);
	kernelspec_release(&spec);
}

static void
connect(const struct workflow *w, struct target *t, bool go, struct problems *p)
{
	(void)w;
	(void)t;
	(void)p;
	if (go)
		forkserver_start();
}

static void
disconnect(struct target *t)
{
	(void)t;
	forkserver_end();
}

const struct target_ops target_local = {
	.type = "local",
	.check = check,
	.prepare = wire_prepare,
	.connect = connect,
	.signal = forkserver_signal,
	.disconnect = disconnect,
	.run = run,
};
