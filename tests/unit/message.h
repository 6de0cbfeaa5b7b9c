/*
 * Messages for the tests of what takes them: made by hand, from JSON text, as the wire would hand them over.
 */
#ifndef NBFORK_TESTS_UNIT_MESSAGE_H
#define NBFORK_TESTS_UNIT_MESSAGE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "local/wire.h"

/* The request that all messages answer, unless they are said to answer another. */
#define REQUEST "request-1"
#define REQUEST_HEADER "{\"msg_id\": \"request-1\", \"msg_type\": \"execute_request\"}"

/* The span of a copy without a NUL behind it, so that memory checkers see who reads too far; *owned is to be freed. */
static inline struct json
message_json(const char *text, char **owned)
{
	struct json v = JSON_NOTHING;
	struct json_error e = {0};
	size_t n = strlen(text);

	*owned = xmalloc(n);
	memcpy(*owned, text, n);
	ck_assert_msg(json_parse(*owned, n, &v, &e) == 0, "%s: %s at %zu", text, e.message, e.offset);
	return v;
}

/* A message, and what it stands in. */
struct message_made {
	struct message m;
	char *content, *parent_header;
};

static inline struct message_made
message_make(const char *type, const char *content)
{
	struct message_made made = {.m = {.channel = CHANNEL_IOPUB, .type = xstrdup(type), .parent = REQUEST}};

	made.m.content = message_json(content, &made.content);
	made.m.parent_header = message_json(REQUEST_HEADER, &made.parent_header);
	return made;
}

static inline void
message_drop(struct message_made *made)
{
	free(made->m.type);
	free(made->content);
	free(made->parent_header);
}

#endif
