#include "local/crew.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "local/choice.h"
#include "local/runtime.h"

/* The language of the notebook's own kernel: SQL is run by way of Python. */
static enum cell_language
own_language(const struct notebook *nb)
{
	return nb->default_language == LANGUAGE_SQL ? LANGUAGE_PYTHON : nb->default_language;
}

void
crew_init(struct crew *c, struct attempt *a, const struct kernelspec *spec)
{
	*c = (struct crew){.attempt = a, .spec = spec, .language = own_language(a->notebook)};
	session_init(&c->first, a, spec, NULL);
}

static enum verdict
start(struct session *s)
{
	enum verdict verdict = session_start(s);

	return verdict == VERDICT_OK ? runtime_start(s) : verdict;
}

enum verdict
crew_start(struct crew *c)
{
	c->last = &c->first;
	return start(&c->first);
}

/* Sets c->last to the session for the language, which is started if need be. Returns as session_start. */
static enum verdict
take_up(struct crew *c, enum cell_language l)
{
	struct crew_member *m = &c->others[l];
	enum verdict verdict;
	char *why = NULL;

	if (l == c->language) {
		c->last = &c->first;
		return VERDICT_OK;
	}
	if (!m->used) {
		if (choice_of_language(&m->spec, c->attempt->task, l, &why) == -1) {
			/* There was one when everything was checked. */
			kernelspec_release(&m->spec);
			c->last = &c->first;
			failure_release(&c->first.failure);
			c->first.failure.kind = ERROR_KERNEL;
			c->first.failure.message = why;
			return VERDICT_KERNEL;
		}
		session_init(&m->session, c->attempt, &m->spec, &c->first);
		m->used = true;
		c->last = &m->session;
		verdict = start(&m->session);
		if (verdict != VERDICT_OK)
			return verdict;
	}
	c->last = &m->session;
	return VERDICT_OK;
}

/* Where something was raised that stands in another notebook: the last line of the traceback. */
static void
note_origin(struct failure *f, const char *origin)
{
	struct buf b = BUF_INIT;
	char *line = xasprintf("in %s, by %%run", origin);
	struct json traceback = json_of(f->traceback != NULL ? f->traceback : "[]");

	buf_add(&b, traceback.text, traceback.len - 1);
	buf_adds(&b, json_count(traceback) > 0 ? ", " : "");
	json_put_str(&b, line);
	buf_addc(&b, ']');
	free(line);
	free(f->traceback);
	f->traceback = buf_steal(&b);
}

enum verdict
crew_execute(struct crew *c, size_t index, int64_t number)
{
	const struct cell *cell = &c->attempt->notebook->cells[index];
	const int64_t limit = c->attempt->task->cell_timeout;
	struct step step = {.first = true, .deadline = limit != 0 ? clock_run() + limit : INT64_MAX};
	struct buf code = BUF_INIT;
	enum verdict verdict = VERDICT_OK;

	if (cell->npieces == 0) {
		cell_code(cell, &code);
		step.code = buf_str(&code);
		step.n = code.len;
		step.last = true;
		c->last = &c->first;
		verdict = session_execute(&c->first, index, number, &step);
		buf_release(&code);
		return verdict;
	}
	for (size_t i = 0; i < cell->npieces && verdict == VERDICT_OK; i++) {
		step.code = cell->pieces[i].code;
		step.n = cell->pieces[i].n;
		step.last = i + 1 == cell->npieces;
		verdict = take_up(c, cell->pieces[i].language);
		if (verdict == VERDICT_OK)
			verdict = session_execute(c->last, index, number, &step);
		if (verdict == VERDICT_RAISED && cell->pieces[i].origin != NULL)
			note_origin(&c->last->failure, cell->pieces[i].origin);
		step.first = false;
	}
	return verdict;
}

const char *
crew_result(struct crew *c)
{
	const char *result = collector_result((c->last != NULL ? c->last : &c->first)->collector);

	for (struct session *s = &c->first; result == NULL && s != NULL; s = s->next)
		result = collector_result(s->collector);
	return result;
}

void
crew_give(struct crew *c, struct json result)
{
	collector_give((c->last != NULL ? c->last : &c->first)->collector, result);
}

const char *
crew_exit(struct crew *c)
{
	const char *text = NULL;

	for (struct session *s = &c->first; text == NULL && s != NULL; s = s->next)
		text = collector_exit(s->collector);
	return text;
}

const char *
crew_values(struct crew *c)
{
	const char *values = NULL;

	for (struct session *s = &c->first; values == NULL && s != NULL; s = s->next)
		values = collector_values(s->collector);
	return values;
}

void
crew_settle(struct crew *c)
{
	for (struct session *s = &c->first; s != NULL; s = s->next)
		collector_settle(s->collector);
}

void
crew_end(struct crew *c, bool hurry)
{
	struct attempt *a = c->attempt;

	session_end(&c->first, hurry);
	for (const struct session *s = &c->first; s != NULL; s = s->next) {
		a->cpu_seconds += s->kernel.cpu_seconds;
		if (s->kernel.max_rss_bytes > a->max_rss_bytes)
			a->max_rss_bytes = s->kernel.max_rss_bytes;
	}
}

void
crew_release(struct crew *c)
{
	session_end(&c->first, true);
	for (size_t i = 0; i < LANGUAGES; i++) {
		if (c->others[i].used) {
			session_release(&c->others[i].session);
			kernelspec_release(&c->others[i].spec);
		}
	}
	session_release(&c->first);
}

/* ---- Before the start ---- */

void
crew_check(const struct task *t, const struct notebook *nb, struct problems *p)
{
	bool seen[LANGUAGES] = {[LANGUAGE_SQL] = true};

	seen[own_language(nb)] = true;
	for (size_t i = 0; i < nb->ncells; i++) {
		for (size_t k = 0; k < nb->cells[i].npieces; k++) {
			enum cell_language l = nb->cells[i].pieces[k].language;
			struct kernelspec spec;
			unsigned line, column;
			char *why = NULL;

			if (seen[l])
				continue;
			seen[l] = true;
			if (choice_of_language(&spec, t, l, &why) == -1 ||
			    (params_find(&t->env, "PATH") == NULL && kernelspec_check_program(&spec, &why) == -1)) {
				cell_position(nb, &nb->cells[i], &line, &column);
				problems_add(p, nb->path, line, column,
				    "a cell is in another language than the notebook: %s", why);
				free(why);
			}
			kernelspec_release(&spec);
		}
	}
}
