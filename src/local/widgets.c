#include "local/widgets.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "local/captured.h"

/* What an Output widget may send in a cell before small changes have to wait, and what a message counts at least. */
#define SEND_FREELY ((size_t)64 * 1024)
#define SEND_LEAST ((size_t)2 * 1024)

struct widget {
	const char *id;	/* its comm id, n bytes; the table's */
	size_t id_len;
	/*
	 * One JSON object. A new state is put behind what is there: of members with one key the last
	 * counts. When that has doubled it, it is put in order.
	 */
	struct buf state;
	size_t ordered;	/* its length when that was done last */
	struct table buffers;	/* of struct buf, the bytes, by path (JSON text) */

	/* The rest is for Output widgets. */
	bool is_output;
	struct captured captured;
	bool captured_newer;	/* captured counts, and not the outputs in state */
	bool clear_next;	/* empty it before the next output */
	size_t aimed;	/* the cell that its last msg_id meant; 0 is none that is known */
	struct buf parent;	/* the header of the message that brought the last change; empty for none */
	size_t spent_cell, spent;	/* bytes sent in that cell */
	size_t sent;	/* bytes of the list that was sent last */
	bool unsent, listed;	/* there is something to send; it stands in the list of those that wait */
};

void
widgets_init(struct widgets *w, const struct mask *mask,
    void (*send)(void *data, const char *content, size_t n, const char *parent_header), void *data)
{
	*w = (struct widgets){.mask = mask, .send = send, .send_data = data, .comms = TABLE_INIT, .cell = 1};
}

static void
widget_free(struct widget *v)
{
	for (size_t i = 0; i < v->buffers.n; i++) {
		buf_release(v->buffers.entries[i].value);
		free(v->buffers.entries[i].value);
	}
	table_release(&v->buffers);
	buf_release(&v->parent);
	captured_release(&v->captured);
	buf_release(&v->state);
	free(v);
}

void
widgets_release(struct widgets *w)
{
	for (size_t i = 0; i < w->comms.n; i++)
		widget_free(w->comms.entries[i].value);
	table_release(&w->comms);
	free(w->waiting);
	free(w->hooks);
	*w = (struct widgets){0};
}

/* ---- State ---- */

static void
merge_state(struct widget *v, struct json state)
{
	const struct json_form form = {.indent = -1, .sort = true};
	struct json_iter it;
	struct json first;

	if (v->state.len == 0)
		buf_adds(&v->state, "{}");
	json_walk(&it, state);
	if (json_next(&it, NULL, &first)) {
		buf_truncate(&v->state, v->state.len - 1);
		if (v->state.len > 1)
			buf_adds(&v->state, ", ");
		buf_add(&v->state, state.text + 1, state.len - 2);
		buf_addc(&v->state, '}');
	}
	if (v->state.len > 2 * v->ordered + 4096) {
		struct buf ordered = BUF_INIT;

		/* Sorting drops the members that a later one has replaced. */
		json_put(&ordered, (struct json){v->state.data, v->state.len}, &form);
		buf_release(&v->state);
		v->state = ordered;
		v->ordered = ordered.len;
	}
}

static void
merge_buffers(struct widgets *w, struct widget *v, struct json paths, const struct message *m)
{
	const struct json_form form = {.indent = -1};
	struct buf key = BUF_INIT;
	struct json_iter it;
	struct json path;

	json_walk(&it, paths);
	for (size_t i = 0; !it.object && i < m->nbuffers && json_next(&it, NULL, &path); i++) {
		void **value;

		if (json_type(path) != JSON_ARRAY)
			continue;
		buf_reset(&key);
		json_put(&key, path, &form);
		value = table_at(&v->buffers, key.data, key.len);
		if (*value == NULL)
			*value = xcalloc(1, sizeof(struct buf));
		buf_reset(*value);
		mask_put(w->mask, *value, m->buffers[i], m->buffer_sizes[i]);
	}
	buf_release(&key);
}

/* ---- Output widgets ---- */

static void
send_captured(struct widgets *w, struct widget *v)
{
	struct buf content = BUF_INIT;

	buf_adds(&content, "{\"comm_id\": ");
	json_put_string(&content, v->id, v->id_len);
	buf_adds(&content, ", \"data\": {\"method\": \"update\", \"state\": {\"outputs\": ");
	buf_add(&content, v->captured.list.data, v->captured.list.len);
	buf_adds(&content, "}, \"buffer_paths\": []}}");
	w->send(w->send_data, content.data, content.len, v->parent.len != 0 ? v->parent.data : NULL);
	v->spent += content.len > SEND_LEAST ? content.len : SEND_LEAST;
	v->sent = v->captured.list.len;
	v->unsent = false;
	buf_release(&content);
}

/* The list of v has been changed by m. */
static void
tell_kernel(struct widgets *w, struct widget *v, const struct message *m)
{
	v->captured_newer = true;
	buf_reset(&v->parent);
	if (json_type(m->parent_header) == JSON_OBJECT)
		buf_add(&v->parent, m->parent_header.text, m->parent_header.len);
	if (v->spent_cell != w->cell) {
		v->spent_cell = w->cell;
		v->spent = 0;
	}
	if (v->spent < SEND_FREELY || v->captured.list.len > v->sent + v->sent / 2) {
		send_captured(w, v);
		return;
	}
	v->unsent = true;
	if (!v->listed) {
		v->listed = true;
		w->waiting = xgrow(w->waiting, w->nwaiting, &w->waiting_cap, sizeof(*w->waiting));
		w->waiting[w->nwaiting++] = v;
	}
}

void
widgets_begin(struct widgets *w)
{
	for (size_t i = 0; i < w->nwaiting; i++) {
		w->waiting[i]->listed = false;
		if (w->waiting[i]->unsent)
			send_captured(w, w->waiting[i]);
	}
	w->nwaiting = 0;
	w->nhooks = 0;
	w->cell++;
}

/* Drops the latest hook of v, if it has one. */
static void
unhook(struct widgets *w, const struct widget *v)
{
	for (size_t i = w->nhooks; i-- > 0;) {
		if (w->hooks[i] == v) {
			memmove(w->hooks + i, w->hooks + i + 1, (w->nhooks - i - 1) * sizeof(*w->hooks));
			w->nhooks--;
			return;
		}
	}
}

/* An Output widget's msg_id has been set (to this request or another) or cleared. */
static void
set_hook(struct widgets *w, struct widget *v, struct json msg_id, const char *request)
{
	if (json_type(msg_id) == JSON_STRING && !json_is(msg_id, "")) {
		if (!json_is(msg_id, request)) {
			v->aimed = 0;
			return;
		}
		v->aimed = w->cell;
		w->hooks = xgrow(w->hooks, w->nhooks, &w->hooks_cap, sizeof(*w->hooks));
		w->hooks[w->nhooks++] = v;
	} else if (v->aimed == w->cell) {
		unhook(w, v);
	}
}

bool
widgets_catch(const struct widgets *w)
{
	return w->nhooks != 0;
}

void
widgets_output(struct widgets *w, const struct message *m)
{
	struct widget *v = w->hooks[w->nhooks - 1];

	if (v->clear_next)
		captured_set(&v->captured, JSON_NOTHING);
	v->clear_next = false;
	captured_add(&v->captured, m->type, m->content);
	tell_kernel(w, v, m);
}

void
widgets_clear(struct widgets *w, const struct message *m, bool wait)
{
	struct widget *v = w->hooks[w->nhooks - 1];

	if (wait) {
		v->clear_next = true;
		return;
	}
	captured_set(&v->captured, JSON_NOTHING);
	tell_kernel(w, v, m);
}

/* ---- Messages ---- */

static struct widget *
widget_of(struct widgets *w, struct json comm_id)
{
	struct buf id = BUF_INIT;
	struct widget *v;
	void **value;

	json_decode(&id, comm_id);
	value = table_at(&w->comms, buf_str(&id), id.len);
	if (*value == NULL) {
		v = xcalloc(1, sizeof(*v));
		v->id = w->comms.entries[w->comms.n - 1].key;
		v->id_len = id.len;
		*value = v;
	}
	buf_release(&id);
	return *value;
}

void
widgets_comm(struct widgets *w, const struct message *m)
{
	struct json id = json_get(m->content, "comm_id"), data = json_get(m->content, "data");
	struct json state = json_get(data, "state"), outputs = json_get(state, "outputs");
	struct json target = json_get(m->content, "target_name");
	struct widget *v;

	if (json_type(id) != JSON_STRING || json_type(state) != JSON_OBJECT)
		return;	/* a custom message, or another kind of comm */
	v = widget_of(w, id);
	merge_state(v, state);
	if (outputs.text != NULL)
		v->captured_newer = false;
	merge_buffers(w, v, json_get(data, "buffer_paths"), m);
	if (strcmp(m->type, "comm_open") == 0) {
		if (json_is(target, "jupyter.widget") &&
		    json_is(json_get(state, "_model_module"), "@jupyter-widgets/output") &&
		    json_is(json_get(state, "_model_name"), "OutputModel")) {
			v->is_output = true;
			v->clear_next = false;
			captured_set(&v->captured, outputs);
		}
	} else if (strcmp(m->type, "comm_msg") == 0 && v->is_output) {
		struct json msg_id = json_get(state, "msg_id");

		if (msg_id.text != NULL)
			set_hook(w, v, msg_id, m->parent);
	}
}

/* ---- The notebook's metadata ---- */

/* In pieces, because EVP_EncodeBlock takes an int; and in threes, so that only the last one is padded. */
static void
put_base64(struct buf *b, const struct buf *bytes)
{
	const size_t piece = 3 * 4096;

	for (size_t at = 0; at < bytes->len; at += piece) {
		size_t n = bytes->len - at < piece ? bytes->len - at : piece;
		unsigned char *to = (unsigned char *)buf_room(b, (n + 2) / 3 * 4);

		b->len += (size_t)EVP_EncodeBlock(to, (const unsigned char *)bytes->data + at, (int)n);
	}
}

/* As a JSON string. */
static void
put_masked(struct buf *b, const char *p, size_t n, const struct mask *mask)
{
	struct buf masked = BUF_INIT;

	mask_put(mask, &masked, p, n);
	json_put_string(b, buf_str(&masked), masked.len);
	buf_release(&masked);
}

static void
put_buffers(struct buf *b, const struct table *buffers, const struct json_form *form)
{
	buf_adds(b, ", \"buffers\": [");
	for (size_t i = 0; i < buffers->n; i++) {
		const struct table_entry *e = &buffers->entries[i];

		buf_adds(b, i != 0 ? ", {\"data\": \"" : "{\"data\": \"");
		put_base64(b, e->value);
		buf_adds(b, "\", \"encoding\": \"base64\", \"path\": ");
		json_put(b, (struct json){e->key, e->len}, form);
		buf_addc(b, '}');
	}
	buf_addc(b, ']');
}

static void
put_model(struct buf *b, const struct widget *v, struct json name, const struct json_form *form)
{
	const struct json state = {v->state.data, v->state.len};

	buf_adds(b, ": {\"model_name\": ");
	json_put(b, name, form);
	buf_adds(b, ", \"model_module\": ");
	json_put(b, json_get(state, "_model_module"), form);
	buf_adds(b, ", \"model_module_version\": ");
	json_put(b, json_get(state, "_model_module_version"), form);
	buf_adds(b, ", \"state\": ");
	json_put(b, state, form);
	if (v->buffers.n != 0)
		put_buffers(b, &v->buffers, form);
	buf_addc(b, '}');
}

/* Makes what v has caught a part of its state. */
static void
merge_captured(struct widget *v)
{
	struct buf state = BUF_INIT;

	if (!v->captured_newer)
		return;
	v->captured_newer = false;
	buf_adds(&state, "{\"outputs\": ");
	buf_add(&state, v->captured.list.data, v->captured.list.len);
	buf_addc(&state, '}');
	merge_state(v, (struct json){state.data, state.len});
	buf_release(&state);
}

bool
widgets_put(struct widgets *w, struct buf *b)
{
	const struct json_form form = {.indent = -1, .sort = true, .mask = w->mask};
	bool first = true;

	if (w->comms.n == 0)
		return false;
	buf_adds(b, "{\"application/vnd.jupyter.widget-state+json\": {\"state\": {");
	for (size_t i = 0; i < w->comms.n; i++) {
		struct widget *v = w->comms.entries[i].value;
		struct json name;

		merge_captured(v);
		name = json_get((struct json){v->state.data, v->state.len}, "_model_name");
		if (name.text == NULL)
			continue;
		if (!first)
			buf_adds(b, ", ");
		first = false;
		put_masked(b, v->id, v->id_len, w->mask);
		put_model(b, v, name, &form);
	}
	buf_adds(b, "}, \"version_major\": 2, \"version_minor\": 0}}");
	return true;
}
