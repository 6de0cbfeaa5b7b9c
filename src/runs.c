#include "runs.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "rundir.h"

#define DAY (INT64_C(24) * 60 * 60 * 1000000)

void
earlier_release(struct earlier *e)
{
	story_release(&e->story);
	free(e->folder);
	*e = (struct earlier)EARLIER_INIT;
}

/* Takes the folder, which is owned afterwards in any case. Returns 0, or -1 with errno. */
static int
open_folder(struct earlier *e, char *folder)
{
	int error;

	*e = (struct earlier)EARLIER_INIT;
	e->folder = folder;
	if (story_open(&e->story, folder) == 0) {
		e->run = story_last(&e->story);
		return 0;
	}
	error = errno;
	earlier_release(e);
	errno = error;
	return -1;
}

/* ---- All of a folder ---- */

/* Where there is a run, perhaps. */
struct place {
	char *folder;
	int64_t written;	/* when its journal was, last, in microseconds since 1970 */
};

struct places {
	struct place *list;
	size_t n, cap;
};

/* Folders and what is not a link: NAME-latest leads to one that is there by its own name. */
static bool
is_folder(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void
add_place(struct places *p, char *folder)
{
	char *journal = file_join(folder, "events.jsonl");
	struct stat st = {0};

	/* What is wrong with one that is not there, is told by whoever opens it. */
	if (stat(journal, &st) == -1)
		st.st_mtim.tv_sec = 0;
	free(journal);
	p->list = xgrow(p->list, p->n, &p->cap, sizeof(*p->list));
	p->list[p->n++] = (struct place){folder, (int64_t)st.st_mtim.tv_sec * 1000000};
}

/* Returns 0; or -1 with errno, and none. */
static int
places_read(struct places *p, const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	*p = (struct places){0};
	if (dir == NULL)
		return -1;
	while ((entry = readdir(dir)) != NULL) {
		char *path;

		if (entry->d_name[0] == '.')
			continue;
		path = file_join(folder, entry->d_name);
		if (is_folder(path))
			add_place(p, path);
		else
			free(path);
	}
	closedir(dir);
	return 0;
}

static void
places_release(struct places *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->list[i].folder);
	free(p->list);
}

/* Opens the run in a place; says what is wrong with what is none. Returns whether it is one. */
static bool
open_place(struct earlier *e, const struct place *p)
{
	if (open_folder(e, xstrdup(p->folder)) == 0)
		return true;
	if (errno != ENOENT && errno != ENODATA)
		log_warn("cannot read the run in '%s': %s", p->folder, strerror(errno));
	return false;
}

/* The one that was started last comes first. */
static int
by_start(const void *a, const void *b)
{
	const struct earlier *x = a, *y = b;

	if (x->run->started != y->run->started)
		return x->run->started > y->run->started ? -1 : 1;
	return strcmp(y->folder, x->folder);
}

int
runs_read(struct runs *r, const char *folder)
{
	struct places places;

	*r = (struct runs){0};
	if (places_read(&places, folder) == -1)
		return -1;
	for (size_t i = 0; i < places.n; i++) {
		struct earlier e;

		if (!open_place(&e, &places.list[i]))
			continue;
		story_shed(&e.story);
		r->list = xgrow(r->list, r->n, &r->cap, sizeof(*r->list));
		r->list[r->n++] = e;
	}
	places_release(&places);
	if (r->n > 0)
		qsort(r->list, r->n, sizeof(*r->list), by_start);
	return 0;
}

void
runs_release(struct runs *r)
{
	for (size_t i = 0; i < r->n; i++)
		earlier_release(&r->list[i]);
	free(r->list);
	*r = (struct runs){0};
}

/* ---- One ---- */

/* What a link leads to, so that the run has its own name; the path itself where it is none. Both are owned. */
static char *
resolved(char *path)
{
	char target[PATH_MAX], *above, *found;
	ssize_t n;

	for (size_t end = strlen(path); end > 1 && path[end - 1] == '/'; end--)
		path[end - 1] = '\0';
	n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0)
		return path;
	target[n] = '\0';
	above = file_folder(path);
	found = file_join(above, target);
	free(above);
	free(path);
	return found;
}

/* That one that was written later was. */
static int
by_writing(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return (x->written < y->written) - (x->written > y->written);
}

/* The run of this id, the latest, of a story; NULL. */
static struct story_run *
run_of(const struct story *s, const char *id)
{
	for (size_t i = s->n; i-- > 0;)
		if (strcmp(s->runs[i]->id, id) == 0)
			return s->runs[i];
	return NULL;
}

/*
 * Whether there can be none that is wanted from this place on: what was not written any more when the latest one of those
 * before it began, has begun earlier. The clock of whoever keeps the files may be another one.
 */
static bool
is_earlier(const struct earlier *latest, const struct place *p)
{
	return latest->run != NULL && p->written + DAY < latest->run->started;
}

/* The latest of all, or of those with that id. Of all of them no more is read than it takes. Returns whether there is one. */
static bool
search(struct earlier *e, const char *id)
{
	struct places places;

	if (places_read(&places, RUNDIR_RUNS) == -1)
		return false;
	if (places.n > 0)
		qsort(places.list, places.n, sizeof(*places.list), by_writing);
	for (size_t i = 0; i < places.n && !is_earlier(e, &places.list[i]); i++) {
		struct earlier other;

		if (!open_place(&other, &places.list[i]))
			continue;
		if (id != NULL && (other.run = run_of(&other.story, id)) == NULL) {
			earlier_release(&other);
		} else if (e->run != NULL && by_start(e, &other) < 0) {
			earlier_release(&other);
		} else {
			earlier_release(e);
			*e = other;
		}
	}
	places_release(&places);
	return e->run != NULL;
}

/* Opens the first of the places where a run of that name may be. Returns 0, or -1 with errno, ENOENT for no folder. */
static int
open_named(struct earlier *e, const char *name)
{
	static const struct {
		const char *before, *behind;
	} forms[] = {{"", ""}, {RUNDIR_RUNS "/", ""}, {RUNDIR_RUNS "/", "-latest"}};
	struct stat st;

	for (size_t i = 0; *name != '\0' && i < sizeof(forms) / sizeof(forms[0]); i++) {
		char *place = xasprintf("%s%s%s", forms[i].before, name, forms[i].behind);

		/* Where there is a folder, what is wrong with it is what is wrong. */
		if (stat(place, &st) == 0 && S_ISDIR(st.st_mode)) {
			if (open_folder(e, resolved(place)) == -1)
				return -1;
			e->latest = *forms[i].behind != '\0';
			return 0;
		}
		free(place);
	}
	errno = ENOENT;
	return -1;
}

int
runs_find(struct earlier *e, const char *name, char **why)
{
	int error;

	*e = (struct earlier)EARLIER_INIT;
	if (name == NULL) {
		if (search(e, NULL))
			return 0;
		*why = xstrdup("there is no earlier run in '" RUNDIR_RUNS "'");
		return -1;
	}
	if (open_named(e, name) == 0)
		return 0;
	error = errno;
	if (search(e, name))
		return 0;
	*why = error == ENOENT || error == ENODATA ? xasprintf("there is no run '%s'; --list-runs shows those in '" RUNDIR_RUNS "'", name) :
	    xasprintf("cannot read the run in '%s': %s", name, strerror(error));
	return -1;
}

/* One of a list, with all that its list lacks. Returns 0, or -1 with *why. */
static int
open_again(struct earlier *e, const struct earlier *listed, const char *id, char **why)
{
	if (open_folder(e, xstrdup(listed->folder)) == -1) {
		*why = xasprintf("cannot read the run in '%s': %s", listed->folder, strerror(errno));
		return -1;
	}
	e->run = run_of(&e->story, id);
	if (e->run != NULL)
		return 0;
	*why = xasprintf("there is no run '%s' any more", id);
	earlier_release(e);
	return -1;
}

int
runs_find_before(struct earlier *e, const char *name, const struct earlier *shown, char **why)
{
	struct story_run *last = NULL;
	struct runs all;
	size_t at = 0;
	int result = -1;

	if (runs_find(e, name, why) == -1)
		return -1;
	if (!e->latest)
		return 0;
	earlier_release(e);
	if (runs_read(&all, RUNDIR_RUNS) == -1) {
		*why = xasprintf("cannot read folder '" RUNDIR_RUNS "': %s", strerror(errno));
		return -1;
	}
	for (size_t i = 0; i < all.n; i++) {
		struct story *s = &all.list[i].story;

		for (size_t k = 0; k < s->n; k++) {
			struct story_run *r = s->runs[k];

			if (strcmp(r->workflow, name) != 0 || r->started >= shown->run->started)
				continue;
			if (last == NULL || r->started > last->started) {
				last = r;
				at = i;
			}
		}
	}
	if (last != NULL)
		result = open_again(e, &all.list[at], last->id, why);
	else
		*why = xasprintf("there is no run of '%s' before the one in '%s'", name, shown->folder);
	runs_release(&all);
	return result;
}
