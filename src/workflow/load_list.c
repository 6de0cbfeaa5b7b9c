/* A workflow of notebooks that the command line names. */
#include "workflow/load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "workflow/loader.h"

static void
add_notebook(struct loader *l, const char *path)
{
	struct draft none = {NULL, 0, NO_MARK};
	struct task t;

	if (utf8_check(path, strlen(path)) != strlen(path)) {
		loader_problem(l, NO_MARK, "'%.*s': a notebook's path must be UTF-8", SHOWN(path));
		return;
	}
	loader_task_init(l, &t, NO_MARK);
	t.path = xstrdup(path);
	t.name = name_of_path(path);
	loader_put_parameters(l, &l->top, &t.parameters);
	loader_task_add(l, &t, &none);
}

static void
put_parameters(struct buf *out, const struct sources *p)
{
	buf_adds(out, " \"parameters\": {\n");
	for (size_t i = 0; i < p->n; i++) {
		buf_adds(out, "  ");
		json_put_str(out, p->list[i].name);
		buf_adds(out, ": ");
		yaml_json(p->list[i].value, out);	/* a secret as the name of its variable */
		buf_adds(out, i + 1 < p->n ? ",\n" : "\n");
	}
	buf_adds(out, " },\n");
}

/*
 * The workflow as a file that does the same from any folder: the run folder's copy. It is JSON, which is
 * read back as it was written, and which may hold NaN.
 */
static void
write_text(struct loader *l, const char *current)
{
	const struct overrides *o = l->options;
	struct workflow *w = l->w;
	struct buf out = BUF_INIT, file = BUF_INIT;
	char *joined;

	buf_adds(&out, "{\n \"name\": ");
	json_put_str(&out, w->name);
	buf_adds(&out, ",\n");
	if (o->processes != 0)
		buf_addf(&out, " \"processes\": %u,\n", o->processes);
	if (o->on_error != NULL)
		buf_addf(&out, " \"on_error\": \"%s\",\n", policy_name(w->on_error));
	if (l->overrides.n > 0)
		put_parameters(&out, &l->overrides);
	buf_adds(&out, " \"notebooks\": [\n");
	for (size_t i = 0; i < w->ntasks; i++) {
		joined = file_join(current, w->tasks[i].file);
		buf_reset(&file);
		utf8_put_repaired(&file, joined, strlen(joined));
		free(joined);
		buf_adds(&out, "  {\"path\": ");
		json_put_string(&out, file.data, file.len);
		buf_adds(&out, i + 1 < w->ntasks ? "},\n" : "}\n");
	}
	buf_adds(&out, " ]\n}\n");
	buf_release(&file);
	w->text_len = out.len;
	w->text = buf_steal(&out);
}

int
workflow_of_notebooks(struct workflow *w, char *const *paths, size_t n, const struct overrides *o,
    struct problems *p)
{
	size_t before = p->n;
	struct loader l;
	char *current;

	workflow_init(w);
	loader_init(&l, w, ".", o, p);
	loader_choose_target(&l);
	for (size_t i = 0; i < n; i++)
		add_notebook(&l, paths[i]);
	w->name = xstrdup(w->ntasks == 1 ? w->tasks[0].name : "notebooks");
	loader_finish(&l);
	current = getcwd(NULL, 0);
	if (current == NULL)
		problems_add(p, NULL, 0, 0, "cannot tell the current folder: %s", strerror(errno));
	if (p->n == before)
		write_text(&l, current);
	free(current);
	loader_release(&l);
	return p->n == before ? 0 : -1;
}
