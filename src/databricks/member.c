#include "databricks/member.h"

#include "base/clock.h"

void
member_text(struct json_out *o, const char *key, const char *text)
{
	if (text == NULL)
		return;
	json_out_key(o, key);
	json_out_str(o, text);
}

void
member_json(struct json_out *o, const char *key, const char *text)
{
	if (text == NULL)
		return;
	json_out_key(o, key);
	json_out_value(o, json_of(text));
}

void
member_int(struct json_out *o, const char *key, int64_t n)
{
	json_out_key(o, key);
	json_out_int(o, n);
}

void
member_bool(struct json_out *o, const char *key, bool b)
{
	json_out_key(o, key);
	json_out_bool(o, b);
}

int64_t
member_seconds(int64_t nanoseconds)
{
	int64_t n = nanoseconds / NSEC_PER_SEC + (nanoseconds % NSEC_PER_SEC > 0);

	return n < INT32_MAX ? n : INT32_MAX;
}
