#include "children.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "notebook/lookup.h"
#include "workflow/name.h"

#define SUFFIX_BYTES 12	/* "-10000" and what else a name is given to be the only one */
#define STEM_BYTES_MAX 100	/* of a file's name in a notebook's: the rest is its callers' */
#define SECONDS_MOST 1e9	/* a limit of more than thirty years is none */

/* ---- The task ---- */

/* The names of an object, or in a list, each with a number of its place; a name that is there twice has the last one. */
static void
note_names(struct table *names, struct json from)
{
	struct buf name = BUF_INIT;
	struct json_iter it;
	struct json key, value;
	uintptr_t n = 0;

	json_walk(&it, from);
	while (json_next(&it, &key, &value)) {
		buf_reset(&name);
		json_decode(&name, it.object ? key : value);
		*table_at(names, buf_str(&name), name.len) = (void *)++n;
	}
	buf_release(&name);
}

static int
take_arguments(struct task *t, struct json call, char **why)
{
	struct json arguments = json_get(call, "arguments"), key, value;
	struct table places = TABLE_INIT, secrets = TABLE_INIT;
	struct json_iter it;
	char *name = NULL;

	note_names(&places, arguments);
	note_names(&secrets, json_get(call, "secrets"));
	json_walk(&it, arguments);
	for (uintptr_t n = 1; json_next(&it, &key, &value); n++) {
		char *text;

		free(name);
		name = json_strdup(key);
		if (name == NULL) {
			*why = xstrdup("an argument's name holds a NUL character");
			break;
		}
		if (table_get(&places, name, strlen(name)) != (void *)n)
			continue;
		text = xmemdup0(value.text, value.len);
		/* Whatever it is called elsewhere, nobody is to see it. */
		params_add(&t->parameters, name, text, table_get(&secrets, name, strlen(name)) != NULL ? name : NULL,
		    (struct mark){0, 0});
		free(text);
	}
	free(name);
	table_release(&secrets);
	table_release(&places);
	return *why == NULL ? 0 : -1;
}

int
children_task(struct task *t, const struct task *caller, struct json call, char **why)
{
	char *from = json_strdup(json_get(call, "caller")), *folder;
	double seconds = 0;
	int r;

	*why = NULL;
	*t = (struct task){
		.name = json_strdup(json_get(call, "path")),
		.path = json_strdup(json_get(call, "path")),
		.kernel = caller->kernel,
		.env = caller->env,
		.threads = caller->threads,
		.has_threads = caller->has_threads,
		.memory_limit = caller->memory_limit,
		.retry_backoff = 1,
		.pool = NO_POOL,
		.target = caller->target,
		.mark = caller->mark,
		.path_mark = caller->path_mark,
		.kernel_mark = caller->kernel_mark,
		.working_directory_mark = caller->working_directory_mark,
	};
	if (t->path == NULL || from == NULL) {
		*why = xstrdup("the call's path holds a NUL character");
		free(from);
		return -1;
	}
	folder = file_folder(from);
	r = lookup_notebook(folder, caller->target->workspace, t->path, &t->file, why);
	free(folder);
	free(from);
	if (r == -1)
		return -1;
	t->working_directory = file_folder(t->file);
	json_double(json_get(call, "timeout_seconds"), &seconds);
	if (seconds > 0 && seconds < SECONDS_MOST)
		t->timeout = clock_from_seconds(seconds);
	return take_arguments(t, call, why);
}

void
children_release(struct task *t)
{
	free(t->name);
	free(t->path);
	free(t->file);
	free(t->working_directory);
	params_release(&t->parameters);
}

size_t
children_bytes(const struct task *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->parameters.n; i++)
		n += strlen(t->parameters.list[i].name) + strlen(t->parameters.list[i].value);
	return n;
}

/* ---- The name ---- */

/* So many bytes of a text at most, and no half of a character. */
static size_t
cut(const char *s, size_t most)
{
	size_t n = strlen(s);

	if (n <= most)
		return n;
	while (most > 0 && ((unsigned char)s[most] & 0xc0) == 0x80)
		most--;
	return most;
}

/* A file's name without its ending, with '_' for what no name of a notebook holds. */
static char *
stem_of(const char *file)
{
	char *stem = name_of_path(file);
	bool good;

	stem[cut(stem, STEM_BYTES_MAX)] = '\0';
	for (char *p = stem; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '_';
	good = name_fault(stem + strspn(stem, ".-")) == NULL;
	for (char *p = stem; !good && *p != '\0'; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '_';
	return stem;
}

/* Whether CALLER.STEM would be what the files of an earlier attempt at CALLER are called. */
static bool
is_attempt(const char *stem)
{
	return strncmp(stem, "attempt", 7) == 0 && stem[7] != '\0' && stem[7 + strspn(stem + 7, "0123456789")] == '\0';
}

static bool
is_free(const struct table *names, const char *name, const char *folder)
{
	char *copy, *log;
	bool free_;

	if (table_get(names, name, strlen(name)) != NULL)
		return false;
	if (folder == NULL)
		return true;
	copy = xasprintf("%s/notebooks/%s.ipynb", folder, name);
	log = xasprintf("%s/logs/%s.log", folder, name);
	free_ = access(copy, F_OK) == -1 && access(log, F_OK) == -1;
	free(log);
	free(copy);
	return free_;
}

char *
children_name(struct table *names, const char *caller, const char *file, const char *folder)
{
	char *stem = stem_of(file), *name = NULL, *base;
	void **taken;
	uintptr_t n;

	base = xasprintf("%.*s.%s", (int)cut(caller, NAME_BYTES_MAX - SUFFIX_BYTES - strlen(stem) - 1), caller, stem);
	n = (uintptr_t)table_get(names, base, strlen(base));
	if (n == 0 && !is_attempt(stem) && is_free(names, base, folder)) {
		n = 1;
		name = xstrdup(base);
	} else {
		n += n == 0;
		do {
			free(name);
			name = xasprintf("%s-%ju", base, (uintmax_t)++n);
		} while (!is_free(names, name, folder));
	}
	/* From there the next one of the same is looked for. */
	*table_at(names, base, strlen(base)) = (void *)n;
	taken = table_at(names, name, strlen(name));
	if (*taken == NULL)
		*taken = (void *)1;
	free(base);
	free(stem);
	return name;
}
