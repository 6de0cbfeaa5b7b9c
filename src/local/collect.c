#include "local/collect.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "local/displays.h"
#include "local/handback.h"
#include "local/nesting.h"
#include "local/widgets.h"

#define SCRATCH_KEPT ((size_t)1024 * 1024)	/* a buffer that has become larger is not kept for the next message */

struct collector {
	struct notebook *nb;
	const struct mask *mask;
	struct collector_calls calls;
	struct cell *cell;	/* the one that runs; NULL before the first */
	size_t index;	/* its number */
	bool clear_next;	/* empty its outputs before the next one */
	bool warned;	/* a message that had to be dropped has been spoken of */
	struct displays displays;
	struct widgets widgets;
	struct handback handback;
	struct buf text, id;	/* of the message at hand */
};

/* The members of a content that more than one kind of message has, found in one pass. */
struct parts {
	struct json data, metadata, transient, execution_count;
};

struct collector *
collector_new(struct notebook *nb, const struct mask *mask, const struct collector_calls *calls)
{
	struct collector *c = xcalloc(1, sizeof(*c));

	c->nb = nb;
	c->mask = mask;
	c->calls = *calls;
	displays_init(&c->displays, nb, mask);
	widgets_init(&c->widgets, mask, c->calls.comm, c->calls.data);
	handback_init(&c->handback, mask);
	return c;
}

void
collector_free(struct collector *c)
{
	if (c == NULL)
		return;
	buf_release(&c->id);
	buf_release(&c->text);
	handback_release(&c->handback);
	widgets_release(&c->widgets);
	displays_release(&c->displays);
	free(c);
}

static void
empty_cell(struct collector *c)
{
	outputs_clear(&c->cell->outputs);
	displays_forget(&c->displays, c->index);
	c->clear_next = false;
}

void
collector_go_on(struct collector *c, size_t cell)
{
	c->cell = &c->nb->cells[cell];
	c->index = cell;
	c->clear_next = false;
	displays_settle(&c->displays);
	widgets_begin(&c->widgets);
	c->handback.cell_ended = false;
}

void
collector_begin(struct collector *c, size_t cell)
{
	collector_go_on(c, cell);
	empty_cell(c);
}

void
collector_settle(struct collector *c)
{
	displays_settle(&c->displays);
}

static void
find_parts(struct json content, struct parts *p)
{
	struct json_iter it;
	struct json key, value;

	*p = (struct parts){JSON_NOTHING, JSON_NOTHING, JSON_NOTHING, JSON_NOTHING};
	json_walk(&it, content);
	while (it.object && json_next(&it, &key, &value)) {
		if (json_is(key, "data"))
			p->data = value;
		else if (json_is(key, "metadata"))
			p->metadata = value;
		else if (json_is(key, "transient"))
			p->transient = value;
		else if (json_is(key, "execution_count"))
			p->execution_count = value;
	}
}

/* What Python takes for true. */
static bool
is_true(struct json v)
{
	struct json_iter it;
	struct json first;
	double d;

	switch (json_type(v)) {
	case JSON_TRUE:
		return true;
	case JSON_NUMBER:
		return json_double(v, &d) && d != 0;
	case JSON_STRING:
		return v.len > 2;
	case JSON_ARRAY:
	case JSON_OBJECT:
		json_walk(&it, v);
		return json_next(&it, NULL, &first);
	default:
		return false;
	}
}

/* Puts the message's display id into c->id; returns false when it has none. */
static bool
find_display_id(struct collector *c, const struct parts *p)
{
	struct json id = json_get(p->transient, "display_id");

	buf_reset(&c->id);
	if (!is_true(id))
		return false;
	/* By the protocol a string, but IPython passes on what it was given. */
	if (json_type(id) == JSON_STRING)
		json_decode(&c->id, id);
	else
		buf_add(&c->id, id.text, id.len);
	return true;
}

static int64_t
count_of(struct json execution_count)
{
	int64_t n;

	return json_int(execution_count, &n) && n >= 0 ? n : -1;
}

/* Something is about to be put out. */
static void
clear_if_due(struct collector *c)
{
	if (c->clear_next)
		empty_cell(c);
}

/* ---- One function for each type of message: it returns whether outputs have changed ---- */

/* The name of a stream, masked (a kernel may call it anything), the caller's to free. */
static char *
stream_name(const struct collector *c, struct json name)
{
	char *plain = json_strdup(name);
	struct buf masked = BUF_INIT;

	if (plain == NULL)
		return xstrdup("stdout");
	mask_put(c->mask, &masked, plain, strlen(plain));
	free(plain);
	return buf_steal(&masked);
}

static bool
take_stream(struct collector *c, const struct message *m, const struct parts *p)
{
	char *name = stream_name(c, json_get(m->content, "name"));
	bool caught = widgets_catch(&c->widgets);

	(void)p;
	buf_reset(&c->text);
	json_decode(&c->text, json_get(m->content, "text"));
	if (c->text.len != 0)
		c->calls.printed(c->calls.data, name, c->text.data, c->text.len);
	if (caught) {
		widgets_output(&c->widgets, m);
	} else {
		clear_if_due(c);
		outputs_stream(&c->cell->outputs, name, buf_str(&c->text), c->text.len);
	}
	free(name);
	return !caught;
}

/* display_data and execute_result. */
static bool
take_display(struct collector *c, const struct message *m, const struct parts *p)
{
	bool has_id = find_display_id(c, p);
	bool changed = has_id && displays_update(&c->displays, c->id.data, c->id.len, p->data, p->metadata);
	enum output_type type = strcmp(m->type, "display_data") == 0 ? OUTPUT_DISPLAY_DATA : OUTPUT_EXECUTE_RESULT;

	if (!handback_take(&c->handback, p->data))
		return changed;
	if (widgets_catch(&c->widgets)) {
		widgets_output(&c->widgets, m);
		return changed;
	}
	clear_if_due(c);
	if (has_id)
		displays_add(&c->displays, c->id.data, c->id.len, c->index, c->cell->outputs.n);
	outputs_display(&c->cell->outputs, type, p->data, p->metadata,
	    count_of(p->execution_count), c->mask);
	return true;
}

static bool
take_update(struct collector *c, const struct message *m, const struct parts *p)
{
	(void)m;
	if (!find_display_id(c, p) || !displays_update(&c->displays, c->id.data, c->id.len, p->data, p->metadata))
		return false;
	handback_take(&c->handback, p->data);
	return true;
}

static bool
take_error(struct collector *c, const struct message *m, const struct parts *p)
{
	(void)p;
	if (widgets_catch(&c->widgets)) {
		widgets_output(&c->widgets, m);
		return false;
	}
	clear_if_due(c);
	outputs_error(&c->cell->outputs, json_get(m->content, "ename"), json_get(m->content, "evalue"),
	    json_get(m->content, "traceback"), c->mask);
	return true;
}

static bool
take_clear(struct collector *c, const struct message *m, const struct parts *p)
{
	bool wait = is_true(json_get(m->content, "wait"));

	(void)p;
	if (widgets_catch(&c->widgets)) {
		widgets_clear(&c->widgets, m, wait);
		return false;
	}
	if (wait) {
		c->clear_next = true;
		return false;
	}
	empty_cell(c);
	return true;
}

static bool
take_comm(struct collector *c, const struct message *m, const struct parts *p)
{
	(void)p;
	widgets_comm(&c->widgets, m);
	return false;
}

static const struct {
	const char *type;
	bool (*take)(struct collector *c, const struct message *m, const struct parts *p);
} takers[] = {
	{"stream", take_stream},
	{"display_data", take_display},
	{"execute_result", take_display},
	{"update_display_data", take_update},
	{"error", take_error},
	{"clear_output", take_clear},
	{"comm_open", take_comm},
	{"comm_msg", take_comm},
	{"comm_close", take_comm},
	{"execute_input", NULL},	/* nothing but an execution_count */
	{"status", NULL},
};

static void
trim(struct buf *b)
{
	if (b->cap > SCRATCH_KEPT)
		buf_release(b);
}

bool
collector_message(struct collector *c, const struct message *m)
{
	struct parts p;
	bool changed;
	size_t i = 0;

	if (c->cell == NULL || m->type == NULL)
		return false;
	if (!nesting_is_fine(m->content)) {
		if (!c->warned)
			log_warn("dropped a message of type '%s': its content is nested too deeply", m->type);
		c->warned = true;
		return false;
	}
	find_parts(m->content, &p);
	if (p.execution_count.text != NULL)
		c->cell->execution_count = count_of(p.execution_count);
	while (i < sizeof(takers) / sizeof(takers[0]) && strcmp(m->type, takers[i].type) != 0)
		i++;
	if (i == sizeof(takers) / sizeof(takers[0])) {
		log_debug("ignored a message of type '%s'", m->type);
		return false;
	}
	changed = takers[i].take != NULL && takers[i].take(c, m, &p);
	trim(&c->text);
	trim(&c->id);
	return changed;
}

const char *
collector_result(struct collector *c)
{
	return handback_json(&c->handback);
}

void
collector_give(struct collector *c, struct json result)
{
	handback_give(&c->handback, result);
}

const char *
collector_exit(struct collector *c)
{
	return c->handback.exit.len != 0 ? c->handback.exit.data : NULL;
}

const char *
collector_values(struct collector *c)
{
	return handback_values(&c->handback);
}

enum ending
collector_ending(const struct collector *c)
{
	return c->handback.exited ? ENDING_NOTEBOOK : c->handback.cell_ended ? ENDING_CELL : ENDING_NONE;
}

char *
collector_widgets(struct collector *c)
{
	struct buf b = BUF_INIT;

	return widgets_put(&c->widgets, &b) ? buf_steal(&b) : NULL;
}
