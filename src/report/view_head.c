#include "report/view_head.h"

#include <stdint.h>
#include <stdio.h>

#include "base/clock.h"
#include "report/text.h"

#define GAP 2
#define BAR 10
#define LONG_BAR 20
#define NAME_PART 3	/* the name of the workflow takes a third of the columns at most */

/* What goes where there is no room for all, one after the other. */
enum detail {
	DETAIL_NONE,
	DETAIL_NAME,
	DETAIL_WAITING,
	DETAIL_SUCCEEDED,
	DETAIL_LEFT,
	DETAIL_TARGET,
	DETAIL_BAR,
	DETAIL_LONG_BAR,
};

static const enum pen_colour colours[STATUSES] = {
	[STATUS_SUCCEEDED] = PEN_GREEN,
	[STATUS_FAILED] = PEN_RED,
	[STATUS_TIMED_OUT] = PEN_RED,
	[STATUS_CANCELLED] = PEN_YELLOW,
	[STATUS_SKIPPED] = PEN_YELLOW,
};

static void
put_title(const struct view *v, enum detail detail, struct pen *pen)
{
	const struct workflow *w = v->run->workflow;
	struct pen part = *pen;

	if (detail < DETAIL_NAME)
		return;
	if (part.most > v->columns / NAME_PART)
		part.most = v->columns / NAME_PART;
	pen_put(&part, PEN_BOLD, w->name);
	if (detail >= DETAIL_TARGET) {
		part.most = pen->most;
		pen_put(&part, PEN_PLAIN, " on ");
		pen_put(&part, PEN_PLAIN, w->target->name);
	}
	pen->used = part.used;
	pen_skip(pen, GAP);
}

static void
put_done(const struct view *v, enum detail detail, struct pen *pen)
{
	const struct run *run = v->run;
	const size_t good = run->counts[STATUS_SUCCEEDED];
	char text[64];
	size_t done = 0;

	for (int i = 0; i < STATUSES; i++)
		done += run->counts[i];
	if (detail >= DETAIL_BAR) {
		/* What did not succeed comes first: it is never hidden by rounding. */
		pen_bar2(pen, v->unicode, detail >= DETAIL_LONG_BAR ? LONG_BAR : BAR, (const size_t[]){done - good, good},
		    (const enum pen_colour[]){PEN_RED, PEN_GREEN}, run->n);
		pen_skip(pen, 1);
	}
	snprintf(text, sizeof(text), "%zu/%zu", done, run->n);
	pen_put(pen, PEN_PLAIN, text);
	pen_skip(pen, GAP);
}

static void
put_time(const struct view *v, enum detail detail, struct pen *pen)
{
	char text[TEXT_ELAPSED];

	pen_put(pen, PEN_PLAIN, text_elapsed(text, v->now - v->run->started_at));
	if (detail >= DETAIL_LEFT && v->left >= 1 && !v->run->stopping) {
		text_elapsed(text, (int64_t)(v->left * (double)NSEC_PER_SEC));
		pen_put(pen, PEN_PLAIN, ", about ");
		pen_put(pen, PEN_PLAIN, text);
		pen_put(pen, PEN_PLAIN, " left");
	}
}

/* One of the counts, behind the ones before it. */
static void
put_count(struct pen *pen, enum pen_colour colour, size_t n, const char *what, bool *first)
{
	char text[64];

	if (n == 0)
		return;
	if (*first)
		pen_skip(pen, GAP);
	else
		pen_put(pen, PEN_PLAIN, ", ");
	*first = false;
	snprintf(text, sizeof(text), "%zu %s", n, what);
	pen_put(pen, colour, text);
}

static void
put_counts(const struct view *v, enum detail detail, struct pen *pen)
{
	static const enum status bad[] = {STATUS_FAILED, STATUS_TIMED_OUT, STATUS_CANCELLED, STATUS_SKIPPED};
	const struct run *run = v->run;
	bool first = true;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		put_count(pen, colours[bad[i]], run->counts[bad[i]], status_name(bad[i]), &first);
	if (detail >= DETAIL_SUCCEEDED)
		put_count(pen, PEN_GREEN, run->counts[STATUS_SUCCEEDED], "succeeded", &first);
	put_count(pen, PEN_PLAIN, run->running, "running", &first);
	if (detail >= DETAIL_WAITING)
		put_count(pen, PEN_DIM, run->waiting, "waiting", &first);
}

/* Of those that notebooks run only what goes on: how many there will be nobody knows. */
static void
put_children(const struct view *v, enum detail detail, struct pen *pen)
{
	const struct children *c = &v->run->children;
	char text[96];

	if (detail < DETAIL_WAITING || c->running + c->waiting == 0)
		return;
	if (c->waiting == 0)
		snprintf(text, sizeof(text), "; children: %zu running", c->running);
	else if (c->running == 0)
		snprintf(text, sizeof(text), "; children: %zu waiting", c->waiting);
	else
		snprintf(text, sizeof(text), "; children: %zu running, %zu waiting", c->running, c->waiting);
	pen_put(pen, PEN_PLAIN, text);
}

static void
put(const struct view *v, enum detail detail, struct pen *pen)
{
	put_title(v, detail, pen);
	put_done(v, detail, pen);
	put_time(v, detail, pen);
	put_counts(v, detail, pen);
	put_children(v, detail, pen);
}

void
view_put_head(const struct view *v, int *omitted, struct pen *pen)
{
	for (int detail = DETAIL_LONG_BAR - *omitted; detail > DETAIL_NONE; detail--) {
		struct buf text = BUF_INIT;
		struct pen draft = {&text, 0, SIZE_MAX, pen->colour};

		put(v, (enum detail)detail, &draft);
		if (draft.used <= pen->most) {
			buf_add(pen->b, buf_str(&text), text.len);
			pen->used = draft.used;
			buf_release(&text);
			return;
		}
		buf_release(&text);
		++*omitted;
	}
	put(v, DETAIL_NONE, pen);
}

bool
view_has_notice(const struct view *v)
{
	return v->run->stopping ? v->run->stop_reason != NULL : v->run->held != NULL;
}

void
view_put_notice(const struct view *v, struct pen *pen)
{
	pen_put(pen, PEN_YELLOW, v->run->stopping ? "stopping: " : "nothing new is started: ");
	pen_put(pen, PEN_YELLOW, v->run->stopping ? v->run->stop_reason : v->run->held);
}
