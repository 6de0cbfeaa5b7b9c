/*
 * What the kernel publishes while a cell runs, made into the cell's outputs: nbclient's rules
 * (NotebookClient.process_message and output_from_msg), with streams merged.
 *
 * display_data and execute_result that carry a known display id, and update_display_data, change every
 * output of that id in all cells of this run. clear_output(wait=True) takes effect when the next output
 * comes. comm messages keep the state of widgets; an Output widget (@jupyter-widgets/output) catches what
 * is published while it is active. Messages that do not belong to the running cell are none of this
 * module's business, nor are the times that messages carry.
 */
#ifndef NBFORK_LOCAL_COLLECT_H
#define NBFORK_LOCAL_COLLECT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"
#include "local/wire.h"
#include "notebook/ipynb.h"

struct collector;

/* Both are called from within collector_message(), comm also from collector_begin(). */
struct collector_calls {
	/* Something was printed (stream text, decoded, as it came, secrets still in it). */
	void (*printed)(void *data, const char *stream, const char *text, size_t n);
	/* A comm_msg is to be sent on shell, in answer to the message with this header (JSON text; NULL for none). */
	void (*comm)(void *data, const char *content, size_t n, const char *parent_header);
	void *data;
};

/* The notebook must outlive the collector; its cells may not be inserted or removed while it is in use. */
struct collector *collector_new(struct notebook *nb, const struct mask *mask, const struct collector_calls *calls);
void collector_free(struct collector *c);	/* NULL is allowed */

/* A cell starts: its outputs are emptied. To be called before the cell is sent to the kernel. */
void collector_begin(struct collector *c, size_t cell);

/* A cell goes on that has begun, here or with another collector: what comes is added to its outputs. */
void collector_go_on(struct collector *c, size_t cell);

/*
 * Takes one iopub message of the running cell, of any type. Returns whether outputs (in the notebook) may
 * have changed. A message that is not as the protocol says is taken as far as it makes sense; nothing a
 * kernel sends makes this fail.
 */
bool collector_message(struct collector *c, const struct message *m);

/*
 * Updates of displays are only remembered, until a cell starts or this is called: it brings the outputs up to
 * date, and has to be called before the notebook is written.
 */
void collector_settle(struct collector *c);

/*
 * What the notebook handed back so far (local/handback.h), as JSON text owned by the collector until the next of these
 * calls; NULL when nothing. It is the data last shown as application/vnd.nbfork.result+json (a string that holds a JSON
 * object or array stands for that value) or given to dbutils.notebook.exit; else what collector_give() was given; else an
 * object of all scraps that scrapbook.glue has shown (application/scrapbook.scrap.*, by name). One line, masked.
 */
const char *collector_result(struct collector *c);
void collector_give(struct collector *c, struct json result);

/* The text that dbutils.notebook.exit was given, as a JSON string; the object of all task values. NULL when there is none. */
const char *collector_exit(struct collector *c);
const char *collector_values(struct collector *c);

/* What the running cell has asked for: the end of the notebook, of itself, both as a success. */
enum ending {
	ENDING_NONE,
	ENDING_CELL,
	ENDING_NOTEBOOK,
};

enum ending collector_ending(const struct collector *c);

/*
 * The notebook's metadata.widgets as nbclient stores it
 * ({"application/vnd.jupyter.widget-state+json": {...}}), masked, the caller's to free; NULL when there
 * are no widgets.
 */
char *collector_widgets(struct collector *c);

#endif
