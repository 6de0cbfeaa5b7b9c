#include "local/handback.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "local/nesting.h"

#define RESULT_TYPE "application/vnd.nbfork.result+json"
#define SCRAP_PREFIX "application/scrapbook.scrap."
#define SCRAP_SUFFIX "+json"
#define SCRAP_JSON SCRAP_PREFIX "json" SCRAP_SUFFIX

void
handback_init(struct handback *h, const struct mask *mask)
{
	*h = (struct handback){.mask = mask, .result = BUF_INIT, .scraps = TABLE_INIT, .together = BUF_INIT};
}

void
handback_release(struct handback *h)
{
	for (size_t i = 0; i < h->scraps.n; i++) {
		buf_release(h->scraps.entries[i].value);
		free(h->scraps.entries[i].value);
	}
	table_release(&h->scraps);
	buf_release(&h->together);
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

/* encoded: the data was glued as JSON, so a string in it may be JSON encoded twice, which scrapbook undoes too. */
static void
take_scrap(struct handback *h, struct json scrap, bool encoded)
{
	struct json name = json_get(scrap, "name"), data = json_get(scrap, "data");
	struct buf key = BUF_INIT;
	void **value;

	if (json_type(name) != JSON_STRING || data.text == NULL)
		return;
	/* Masked here, so that names which differ in a secret alone do not become one key twice. */
	put_masked(h, &key, name);
	value = table_at(&h->scraps, key.data, key.len);
	if (*value == NULL)
		*value = xcalloc(1, sizeof(struct buf));
	if (encoded) {
		store(h, *value, data);
	} else {
		buf_reset(*value);
		put_masked(h, *value, data);
	}
	buf_release(&h->together);
	buf_release(&key);
}

static bool
is_scrap(const struct buf *type)
{
	const size_t prefix = strlen(SCRAP_PREFIX), suffix = strlen(SCRAP_SUFFIX);

	return type->len > prefix + suffix && memcmp(type->data, SCRAP_PREFIX, prefix) == 0 &&
	    memcmp(type->data + type->len - suffix, SCRAP_SUFFIX, suffix) == 0;
}

void
handback_take(struct handback *h, struct json data)
{
	struct buf type = BUF_INIT;
	struct json_iter it;
	struct json key, value;

	json_walk(&it, data);
	while (it.object && json_next(&it, &key, &value)) {
		buf_reset(&type);
		json_decode(&type, key);
		if (strcmp(buf_str(&type), RESULT_TYPE) == 0)
			store(h, &h->result, value);
		else if (is_scrap(&type))
			take_scrap(h, value, strcmp(buf_str(&type), SCRAP_JSON) == 0);
	}
	buf_release(&type);
}

const char *
handback_json(struct handback *h)
{
	if (h->result.len != 0)
		return h->result.data;
	if (h->scraps.n == 0)
		return NULL;
	if (h->together.len == 0) {
		for (size_t i = 0; i < h->scraps.n; i++) {
			const struct buf *data = h->scraps.entries[i].value;

			buf_adds(&h->together, i == 0 ? "{" : ", ");
			buf_add(&h->together, h->scraps.entries[i].key, h->scraps.entries[i].len);
			buf_adds(&h->together, ": ");
			buf_add(&h->together, data->data, data->len);
		}
		buf_addc(&h->together, '}');
	}
	return h->together.data;
}
