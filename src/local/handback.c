#include "local/handback.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "local/nesting.h"

#define RESULT_TYPE "application/vnd.nbfork.result+json"
#define EXIT_TYPE "application/vnd.nbfork.exit+json"
#define VALUES_TYPE "application/vnd.nbfork.values+json"
#define CELL_END_TYPE "application/vnd.nbfork.cell-end+json"
#define SCRAP_PREFIX "application/scrapbook.scrap."
#define SCRAP_SUFFIX "+json"
#define SCRAP_JSON SCRAP_PREFIX "json" SCRAP_SUFFIX

void
handback_init(struct handback *h, const struct mask *mask)
{
	*h = (struct handback){
		.mask = mask,
		.result = BUF_INIT,
		.exit = BUF_INIT,
		.scraps = TABLE_INIT,
		.values = TABLE_INIT,
		.together = BUF_INIT,
	};
}

static void
release_values(struct table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		buf_release(t->entries[i].value);
		free(t->entries[i].value);
	}
	table_release(t);
}

void
handback_release(struct handback *h)
{
	release_values(&h->scraps);
	release_values(&h->values);
	buf_release(&h->together);
	buf_release(&h->exit);
	buf_release(&h->result);
}

static void
put_masked(const struct handback *h, struct buf *b, struct json v)
{
	struct json_form form = JSON_ONE_LINE;

	form.mask = h->mask;
	json_put(b, v, &form);
}

/* Makes *b the text of v; of a string that holds a JSON object or array, that one's. */
static void
store(const struct handback *h, struct buf *b, struct json v)
{
	struct buf text = BUF_INIT;
	struct json inner;

	buf_reset(b);
	json_decode(&text, v);
	if (text.len != 0 && json_parse(text.data, text.len, &inner, NULL) == 0 && nesting_is_fine(inner) &&
	    (json_type(inner) == JSON_OBJECT || json_type(inner) == JSON_ARRAY))
		v = inner;
	put_masked(h, b, v);
	buf_release(&text);
}

/* The place of a name's value. Masked here, so that names which differ in a secret alone do not become one key twice. */
static struct buf *
value_at(struct handback *h, struct table *t, struct json name)
{
	struct buf key = BUF_INIT;
	void **value;

	put_masked(h, &key, name);
	value = table_at(t, key.data, key.len);
	if (*value == NULL)
		*value = xcalloc(1, sizeof(struct buf));
	buf_reset(*value);
	buf_release(&key);
	return *value;
}

/* encoded: the data was glued as JSON, so a string in it may be JSON encoded twice, which scrapbook undoes too. */
static void
take_scrap(struct handback *h, struct json scrap, bool encoded)
{
	struct json name = json_get(scrap, "name"), data = json_get(scrap, "data");
	struct buf *value;

	if (json_type(name) != JSON_STRING || data.text == NULL)
		return;
	value = value_at(h, &h->scraps, name);
	if (encoded)
		store(h, value, data);
	else
		put_masked(h, value, data);
}

static void
take_values(struct handback *h, struct json values)
{
	struct json_iter it;
	struct json name, value;

	json_walk(&it, values);
	while (it.object && json_next(&it, &name, &value))
		put_masked(h, value_at(h, &h->values, name), value);
}

static void
take_exit(struct handback *h, struct json text)
{
	h->exited = true;
	buf_reset(&h->exit);
	if (json_type(text) != JSON_STRING)
		return;
	put_masked(h, &h->exit, text);
	store(h, &h->result, text);
}

static bool
is_scrap(const struct buf *type)
{
	const size_t prefix = strlen(SCRAP_PREFIX), suffix = strlen(SCRAP_SUFFIX);

	return type->len > prefix + suffix && memcmp(type->data, SCRAP_PREFIX, prefix) == 0 &&
	    memcmp(type->data + type->len - suffix, SCRAP_SUFFIX, suffix) == 0;
}

bool
handback_take(struct handback *h, struct json data)
{
	struct buf type = BUF_INIT;
	struct json_iter it;
	struct json key, value;
	size_t hidden = 0, n = 0;

	json_walk(&it, data);
	for (; it.object && json_next(&it, &key, &value); n++) {
		buf_reset(&type);
		json_decode(&type, key);
		if (strcmp(buf_str(&type), RESULT_TYPE) == 0) {
			store(h, &h->result, value);
		} else if (strcmp(buf_str(&type), EXIT_TYPE) == 0) {
			take_exit(h, value);
		} else if (strcmp(buf_str(&type), VALUES_TYPE) == 0) {
			take_values(h, value);
			hidden++;
		} else if (strcmp(buf_str(&type), CELL_END_TYPE) == 0) {
			h->cell_ended = true;
			hidden++;
		} else if (is_scrap(&type)) {
			take_scrap(h, value, strcmp(buf_str(&type), SCRAP_JSON) == 0);
		}
	}
	buf_release(&type);
	return hidden == 0 || hidden != n;
}

static const char *
put_together(struct handback *h, const struct table *t)
{
	if (t->n == 0)
		return NULL;
	buf_reset(&h->together);
	for (size_t i = 0; i < t->n; i++) {
		const struct buf *data = t->entries[i].value;

		buf_adds(&h->together, i == 0 ? "{" : ", ");
		buf_add(&h->together, t->entries[i].key, t->entries[i].len);
		buf_adds(&h->together, ": ");
		buf_add(&h->together, data->data, data->len);
	}
	buf_addc(&h->together, '}');
	return h->together.data;
}

void
handback_give(struct handback *h, struct json result)
{
	if (h->result.len == 0)
		store(h, &h->result, result);
}

const char *
handback_json(struct handback *h)
{
	return h->result.len != 0 ? h->result.data : put_together(h, &h->scraps);
}

const char *
handback_values(struct handback *h)
{
	return put_together(h, &h->values);
}
