#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "notebook/papermill.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define ERROR_STYLE "color:red; font-family:Helvetica Neue, Helvetica, Arial, sans-serif; font-size:2em;"

/* As datetime.isoformat() writes a time in UTC. */
static void
put_time(struct json_out *o, int64_t wall)
{
	char text[CLOCK_TEXT], iso[CLOCK_TEXT + 8];

	if (wall == 0) {
		json_out_value(o, JSON_NOTHING);
		return;
	}
	clock_text(text, wall, 6);
	snprintf(iso, sizeof(iso), "%.*s+00:00", (int)strcspn(text, "Z"), text);
	json_out_str(o, iso);
}

void
papermill_metadata(struct notebook *nb, const struct papermill *run)
{
	struct buf b = BUF_INIT, parameters = BUF_INIT;
	struct json_out o = JSON_OUT(&b, -1, 0);

	params_json(run->parameters, &parameters);
	json_out_open(&o, '{');
	json_out_key(&o, "default_parameters");
	json_out_value(&o, json_of("{}"));
	json_out_key(&o, "duration");
	if (run->ended_at != 0)
		json_out_double(&o, (double)(run->ended_at - run->started_at) / 1e6);
	else
		json_out_value(&o, JSON_NOTHING);
	json_out_key(&o, "end_time");
	put_time(&o, run->ended_at);
	json_out_key(&o, "environment_variables");
	json_out_value(&o, json_of("{}"));
	json_out_key(&o, "exception");
	json_out_value(&o, run->exception != NULL ? json_of(run->exception) : JSON_NOTHING);
	json_out_key(&o, "input_path");
	json_out_str(&o, run->input);
	json_out_key(&o, "output_path");
	json_out_str(&o, run->output);
	json_out_key(&o, "parameters");
	json_out_value(&o, json_of(buf_str(&parameters)));
	json_out_key(&o, "start_time");
	put_time(&o, run->started_at);
	json_out_key(&o, "version");
	json_out_str(&o, PACKAGE_STRING);
	json_out_close(&o, '}');
	free(nb->papermill);
	nb->papermill = buf_steal(&b);
	buf_release(&parameters);
}

int64_t
papermill_mark_error(struct notebook *nb, int64_t cell)
{
	char *top, count[32] = " ";

	if (cell < 0)
		return cell;
	if (nb->cells[cell].execution_count >= 0)
		snprintf(count, sizeof(count), "%lld", (long long)nb->cells[cell].execution_count);
	top = xasprintf("<span style=\"" ERROR_STYLE "\">An Exception was encountered at "
	    "'<a href=\"#papermill-error-cell\">In [%s]</a>'.</span>", count);
	notebook_insert(nb, (size_t)cell, CELL_MARKDOWN, NOTEBOOK_ERROR_TAG, "<span id=\"papermill-error-cell\" style=\"" ERROR_STYLE
	    "\">Execution using papermill encountered an exception here and stopped:</span>", NULL);
	notebook_insert(nb, 0, CELL_MARKDOWN, NOTEBOOK_ERROR_TAG, top, NULL);
	free(top);
	return cell + 2;
}
