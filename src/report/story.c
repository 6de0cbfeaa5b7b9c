#include "report/story.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "report/story_lines.h"

int
story_open(struct story *s, const char *folder)
{
	char *path = file_join(folder, "events.jsonl");
	struct stat st;
	int error;

	*s = (struct story)STORY_INIT;
	/* A named pipe of that name is not waited for, and a device that never ends not read. */
	s->fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	free(path);
	if (s->fd == -1)
		return -1;
	if (fstat(s->fd, &st) == 0 && !S_ISREG(st.st_mode)) {
		error = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
	} else {
		if (story_read(s) != -1 && s->n > 0)
			return 0;
		error = s->n == 0 && errno == 0 ? ENODATA : errno;
	}
	story_release(s);
	errno = error;
	return -1;
}

static void
release_attempt(struct story_attempt *a)
{
	free(a->reason);
	free(a->url);
	free(a->cells);
	free(a->memory);
	free(a->requeue_reason);
	free(a->object);
}

/* All that is owned by it, but not itself. */
static void
release_notebook(struct story_notebook *n)
{
	struct story_notebook *next;

	for (struct story_notebook *child = n->children; child != NULL; child = next) {
		next = child->next;
		release_notebook(child);
		free(child);
	}
	for (size_t i = 0; i < n->nattempts; i++)
		release_attempt(&n->attempts[i]);
	free(n->attempts);
	free(n->name);
	free(n->path);
	free(n->target);
	free(n->depends_on);
	free(n->kept_from);
	free(n->object);
	free(n->cause);
}

/* What a run has beside its notebooks and its own words. */
static void
release_rest(struct story_run *r)
{
	table_release(&r->names);
	for (size_t i = 0; i < r->nhooks; i++)
		free(r->hooks[i]);
	free(r->hooks);
	r->hooks = NULL;
	r->nhooks = r->hooks_cap = 0;
	free(r->object);
	r->object = NULL;
	free(r->memory);
	r->memory = NULL;
	r->nmemory = r->memory_cap = 0;
}

static void
free_run(struct story_run *r)
{
	for (size_t i = 0; i < r->n; i++) {
		release_notebook(r->notebooks[i]);
		free(r->notebooks[i]);
	}
	free(r->notebooks);
	release_rest(r);
	free(r->id);
	free(r->resumed_from);
	free(r->folder);
	free(r->workflow);
	free(r->file);
	free(r->target);
	free(r->on_error);
	free(r->stop_reason);
	free(r->processes);
	free(r);
}

void
story_shed(struct story *s)
{
	if (s->fd != -1)
		close(s->fd);
	s->fd = -1;
	for (size_t i = 0; i < s->n; i++) {
		struct story_run *r = s->runs[i];

		for (size_t k = 0; k < r->n; k++) {
			struct story_notebook *n = r->notebooks[k];
			enum story_state state = n->state;
			enum status status = n->status;

			release_notebook(n);
			*n = (struct story_notebook){.state = state, .status = status};
		}
		release_rest(r);
	}
}

void
story_release(struct story *s)
{
	if (s->fd != -1)
		close(s->fd);
	for (size_t i = 0; i < s->n; i++)
		free_run(s->runs[i]);
	free(s->runs);
	*s = (struct story)STORY_INIT;
}

struct story_run *
story_last(const struct story *s)
{
	return s->runs[s->n - 1];
}

struct story_notebook *
story_find(const struct story_run *run, const char *name)
{
	return table_get(&run->names, name, strlen(name));
}

struct story_notebook *
story_after(const struct story_run *run, struct story_notebook *n, size_t *i)
{
	if (n == NULL) {
		*i = 0;
		return run->n > 0 ? run->notebooks[0] : NULL;
	}
	if (n->children != NULL)
		return n->children;
	for (; n->parent != NULL; n = n->parent)
		if (n->next != NULL)
			return n->next;
	return ++*i < run->n ? run->notebooks[*i] : NULL;
}

unsigned
story_depth(const struct story_notebook *n)
{
	unsigned depth = 0;

	for (; n->parent != NULL; n = n->parent)
		depth++;
	return depth;
}

void
story_counts(const struct story_run *run, size_t counts[STATUSES])
{
	memset(counts, 0, STATUSES * sizeof(*counts));
	for (size_t i = 0; i < run->n; i++)
		if (run->notebooks[i]->state == STORY_DONE)
			counts[run->notebooks[i]->status]++;
}

int64_t
story_time(struct json v)
{
	static const char form[] = "\"0000-00-00T00:00:00.000Z\"";
	static const int years = 1900;
	struct tm tm;
	int digits[sizeof(form)] = {0};
	time_t seconds;

	if (v.len != sizeof(form) - 1)
		return 0;
	for (size_t i = 0; i < v.len; i++) {
		if (form[i] != '0' ? v.text[i] != form[i] : v.text[i] < '0' || v.text[i] > '9')
			return 0;
		digits[i] = v.text[i] - '0';
	}
#define PAIR(at) (digits[at] * 10 + digits[(at) + 1])
	tm = (struct tm){
		.tm_year = PAIR(1) * 100 + PAIR(3) - years, .tm_mon = PAIR(6) - 1, .tm_mday = PAIR(9),
		.tm_hour = PAIR(12), .tm_min = PAIR(15), .tm_sec = PAIR(18),
	};
	seconds = timegm(&tm);
	return (int64_t)seconds * 1000000 + (PAIR(21) * 10 + digits[23]) * 1000;
#undef PAIR
}
