#include "inputs.h"

#include <stddef.h>
#include <string.h>

/* The members of struct inputs: their keys in the event, and what they are for people. The order is that of telling. */
static const struct {
	const char *key, *meaning;
	size_t offset;
} members[] = {
	{"notebook", "the notebook", offsetof(struct inputs, notebook)},
	{"parameters", "its parameters", offsetof(struct inputs, parameters)},
	{"kernel", "its kernel", offsetof(struct inputs, kernel)},
	{"place", "its workspace", offsetof(struct inputs, place)},
	{"upstream", "a result that it depends on", offsetof(struct inputs, upstream)},
};

#define MEMBERS (sizeof(members) / sizeof(members[0]))

static const char *
member(const struct inputs *in, size_t i)
{
	return (const char *)in + members[i].offset;
}

/* The digits stand in the text as they are: the program writes no escapes there. */
static bool
is_digest(struct json v)
{
	if (json_type(v) != JSON_STRING || v.len != DIGEST_TEXT - 1 + 2)
		return false;
	for (size_t i = 1; i < DIGEST_TEXT; i++)
		if (v.text[i] == '\0' || strchr("0123456789abcdef", v.text[i]) == NULL)
			return false;
	return true;
}

void
inputs_put(const struct inputs *in, struct buf *out)
{
	struct json_out o = JSON_OUT(out, -1, 0);

	json_out_open(&o, '{');
	for (size_t i = 0; i < MEMBERS; i++) {
		json_out_key(&o, members[i].key);
		json_out_str(&o, member(in, i));
	}
	json_out_close(&o, '}');
}

void
inputs_read(struct inputs *in, struct json v)
{
	memset(in, 0, sizeof(*in));
	for (size_t i = 0; i < MEMBERS; i++) {
		struct json digest = json_get(v, members[i].key);

		if (is_digest(digest))
			memcpy((char *)in + members[i].offset, digest.text + 1, DIGEST_TEXT - 1);
	}
}

bool
inputs_known(const struct inputs *in)
{
	for (size_t i = 0; i < MEMBERS; i++)
		if (*member(in, i) != '\0')
			return true;
	return false;
}

const char *
inputs_difference(const struct inputs *before, const struct inputs *now)
{
	for (size_t i = 0; i < MEMBERS; i++)
		if (*member(before, i) == '\0' || strcmp(member(before, i), member(now, i)) != 0)
			return members[i].meaning;
	return NULL;
}
