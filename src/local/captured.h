/*
 * The outputs that an Output widget has caught, as the one JSON list that its state holds.
 *
 * They are objects as nbformat's output_from_msg makes them, in its order of keys too (code that looks at
 * the widget's outputs sees it), with texts as the kernel wrote them; a stream joins the one before it when
 * that has the same name.
 */
#ifndef NBFORK_LOCAL_CAPTURED_H
#define NBFORK_LOCAL_CAPTURED_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/json.h"

struct captured {
	struct buf list;	/* the JSON list; always well-formed once captured_set() was called */
	struct buf stream;	/* JSON string: the name of the stream that the list ends with */
	bool joins;	/* whether the list ends with a stream, in a form that can be made longer */
};

void captured_release(struct captured *c);

/* Takes the elements of a list; of anything else, none. */
void captured_set(struct captured *c, struct json list);

/*
 * Adds the output of a message of this type (stream, display_data, execute_result or error) and content.
 * What is missing or of the wrong type is taken as empty.
 */
void captured_add(struct captured *c, const char *type, struct json content);

#endif
