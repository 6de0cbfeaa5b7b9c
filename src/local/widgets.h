/*
 * The state of widgets, as a front end would keep it: what comm messages bring, by comm id.
 *
 * Follows nbclient (handle_comm_msg, set_widgets_metadata, OutputWidget). An Output widget
 * (@jupyter-widgets/output, OutputModel) that names the running cell's request as its msg_id catches what the
 * cell puts out until it clears its msg_id; of several the latest one. The kernel is told what has been
 * caught by a comm_msg each time it changes, but for this: a kernel reads no comm_msg before the cell is
 * over, so once a cell has caused many or long ones, a change that is small beside all the rest waits for
 * more, or for the next cell (each comm_msg holds the whole list).
 */
#ifndef NBFORK_LOCAL_WIDGETS_H
#define NBFORK_LOCAL_WIDGETS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/mask.h"
#include "base/table.h"
#include "local/wire.h"

struct widget;	/* private to widgets.c */

struct widgets {
	const struct mask *mask;	/* not owned */
	void (*send)(void *data, const char *content, size_t n, const char *parent_header);
	void *send_data;
	struct table comms;	/* of struct widget */
	struct widget **hooks;	/* the widgets that catch the cell's outputs, the latest last */
	size_t nhooks, hooks_cap;
	struct widget **waiting;	/* those with a change that has not been sent */
	size_t nwaiting, waiting_cap;
	size_t cell;	/* counts cells: tells a hook on this one from those on earlier ones */
};

/*
 * The mask may be NULL; it must outlive w. send is called with data, and with a comm_msg that is to go out on
 * shell: its content (n bytes of JSON text), and the header of the message it answers (JSON text, or NULL).
 */
void widgets_init(struct widgets *w, const struct mask *mask,
    void (*send)(void *data, const char *content, size_t n, const char *parent_header), void *data);
void widgets_release(struct widgets *w);

/* A cell starts: nothing is caught. What still waits to be sent is sent. */
void widgets_begin(struct widgets *w);

/* Takes a comm_open, comm_msg or comm_close. */
void widgets_comm(struct widgets *w, const struct message *m);

/* Whether an Output widget catches what the cell puts out. */
bool widgets_catch(const struct widgets *w);

/* While one does: it takes a stream, display_data, execute_result or error message, or a clear_output. */
void widgets_output(struct widgets *w, const struct message *m);
void widgets_clear(struct widgets *w, const struct message *m, bool wait);

/*
 * Appends the notebook's metadata.widgets as one line of JSON, masked. Returns false, with nothing
 * appended, when no comm has ever had a state.
 */
bool widgets_put(struct widgets *w, struct buf *b);

#endif
