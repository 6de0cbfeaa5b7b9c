#include "estimate.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/table.h"
#include "estimate_history.h"
#include "report/summary.h"

/*
 * How many strings are looked at to see whether they are names of files: of a notebook, and of all, so that a list
 * which thousands of notebooks share does not hold up the start.
 */
#define LOOKS_MAX 1000
#define ALL_LOOKS_MAX 500000

/* ---- Sizes ---- */

struct file {
	dev_t device;
	ino_t inode;
	int64_t bytes;
};

struct files {
	const struct task *task;
	const char *folder;	/* of the workflow */
	struct file *list;
	size_t n, cap;
	size_t looks;	/* that are left for this task */
	size_t *all_looks;
};

static bool
find_file(const char *folder, const char *name, struct stat *st)
{
	char *path = file_join(folder, name);
	bool is_file = stat(path, st) == 0 && S_ISREG(st->st_mode);

	free(path);
	return is_file;
}

static void
look(struct files *f, struct json v)
{
	struct stat st;
	char *name;

	if (f->looks == 0 || *f->all_looks == 0)
		return;
	f->looks--;
	--*f->all_looks;
	/* An escape of one byte takes six at the most: what is longer is no path. */
	if (v.len > (size_t)6 * PATH_MAX || (name = json_strdup(v)) == NULL)
		return;
	if (name[0] != '\0' && strlen(name) < PATH_MAX &&
	    (find_file(f->task->working_directory, name, &st) || find_file(f->folder, name, &st))) {
		f->list = xgrow(f->list, f->n, &f->cap, sizeof(*f->list));
		f->list[f->n++] = (struct file){.device = st.st_dev, .inode = st.st_ino, .bytes = st.st_size};
	}
	free(name);
}

static int
compare_files(const void *a, const void *b)
{
	const struct file *x = a, *y = b;

	if (x->device != y->device)
		return x->device < y->device ? -1 : 1;
	return (x->inode > y->inode) - (x->inode < y->inode);
}

/* The bytes of the files that a task's parameters name. */
static int64_t
measure(struct files *f)
{
	const struct params *p = &f->task->parameters;
	int64_t sum = 0;

	f->n = 0;
	f->looks = LOOKS_MAX;
	for (size_t i = 0; i < p->n; i++) {
		struct json value, element;
		struct json_iter it;

		if (p->list[i].deferred || p->list[i].secret != NULL)
			continue;
		value = json_of(p->list[i].value);
		if (json_type(value) == JSON_STRING) {
			look(f, value);
		} else if (json_type(value) == JSON_ARRAY) {
			json_walk(&it, value);
			while (f->looks > 0 && json_next(&it, NULL, &element))
				if (json_type(element) == JSON_STRING)
					look(f, element);
		}
	}
	if (f->n > 0)
		qsort(f->list, f->n, sizeof(*f->list), compare_files);
	for (size_t i = 0; i < f->n; i++) {
		if (i > 0 && compare_files(&f->list[i - 1], &f->list[i]) == 0)
			continue;
		if (__builtin_add_overflow(sum, f->list[i].bytes, &sum))
			return INT64_MAX;
	}
	return sum;
}

/* ---- From sizes to durations ---- */

/* What is known of notebooks of one path, or of all. */
struct rate {
	double seconds, bytes;
};

static bool
is_known(const struct rate *r)
{
	return r != NULL && r->bytes > 0;
}

static void
convert_sizes(const struct workflow *w, struct estimate *list)
{
	struct table rates = TABLE_INIT;
	struct rate all = {0, 0};

	for (size_t i = 0; i < w->ntasks; i++) {
		const char *path = w->tasks[i].path;
		struct rate *r;
		void **place;

		if (list[i].source != ESTIMATE_HISTORY || list[i].bytes == 0)
			continue;
		place = table_at(&rates, path, strlen(path));
		if (*place == NULL)
			*place = xcalloc(1, sizeof(struct rate));
		r = *place;
		r->seconds += list[i].seconds;
		r->bytes += (double)list[i].bytes;
		all.seconds += list[i].seconds;
		all.bytes += (double)list[i].bytes;
	}
	for (size_t i = 0; i < w->ntasks; i++) {
		const char *path = w->tasks[i].path;
		const struct rate *r;

		if (list[i].source != ESTIMATE_SIZE)
			continue;
		r = table_get(&rates, path, strlen(path));
		if (!is_known(r))
			r = &all;
		if (is_known(r))
			list[i].seconds = (double)list[i].bytes * (r->seconds / r->bytes);
	}
	for (size_t i = 0; i < rates.n; i++)
		free(rates.entries[i].value);
	table_release(&rates);
}

void
estimate_all(const struct workflow *w, const char *runs, const char *folder, struct estimate *list)
{
	size_t all_looks = ALL_LOOKS_MAX, known = 0;
	struct files f = {.folder = folder, .all_looks = &all_looks};
	double *seconds = xcalloc(w->ntasks, sizeof(*seconds)), *named = xcalloc(w->ntasks, sizeof(*named));

	history_read(w, runs, seconds, named);
	for (size_t i = 0; i < w->ntasks; i++) {
		list[i] = (struct estimate){.source = ESTIMATE_UNKNOWN, .seconds = seconds[i]};
		if (seconds[i] >= 0) {
			list[i].source = ESTIMATE_HISTORY;
			known++;
		}
	}
	free(seconds);
	for (size_t i = 0; i < w->ntasks; i++) {
		if (known == w->ntasks)
			break;
		f.task = &w->tasks[i];
		list[i].bytes = measure(&f);
		if (list[i].source == ESTIMATE_UNKNOWN && list[i].bytes > 0)
			list[i].source = ESTIMATE_SIZE;
	}
	free(f.list);
	convert_sizes(w, list);
	/* A date among the parameters is another one each day: what it took with others is better than nothing. */
	for (size_t i = 0; i < w->ntasks; i++) {
		if (list[i].source == ESTIMATE_UNKNOWN && named[i] >= 0) {
			list[i].source = ESTIMATE_HISTORY;
			list[i].seconds = named[i];
		}
	}
	free(named);
}

void
estimate_weights(const struct estimate *list, size_t n, double *seconds)
{
	double sum = 0, bytes = 0, rate = 1;
	size_t known = 0, sizes = 0;

	for (size_t i = 0; i < n; i++) {
		if (list[i].seconds >= 0) {
			sum += list[i].seconds;
			known++;
		} else if (list[i].source == ESTIMATE_SIZE) {
			bytes += (double)list[i].bytes;
			sizes++;
		}
	}
	/* A guess where there is nothing to go by: that on average they take as long as the others. */
	if (known > 0 && sum > 0 && bytes > 0)
		rate = (sum / (double)known) / (bytes / (double)sizes);
	for (size_t i = 0; i < n; i++) {
		if (list[i].seconds >= 0)
			seconds[i] = list[i].seconds;
		else if (list[i].source == ESTIMATE_SIZE)
			seconds[i] = (double)list[i].bytes * rate;
		else
			seconds[i] = -1;
	}
}

/* ---- For people ---- */

const char *
estimate_text(const struct estimate *e, char b[ESTIMATE_TEXT])
{
	char duration[DURATION_TEXT], bytes[ESTIMATE_TEXT];

	if (e->seconds >= 0)
		duration_text(duration, e->seconds);
	if (e->source == ESTIMATE_SIZE)
		estimate_bytes_text(e->bytes, bytes);
	if (e->source == ESTIMATE_HISTORY)
		snprintf(b, ESTIMATE_TEXT, "%s (earlier run)", duration);
	else if (e->source == ESTIMATE_SIZE && e->seconds >= 0)
		snprintf(b, ESTIMATE_TEXT, "about %s (%.16s)", duration, bytes);
	else if (e->source == ESTIMATE_SIZE)
		snprintf(b, ESTIMATE_TEXT, "%s", bytes);
	else
		snprintf(b, ESTIMATE_TEXT, "unknown");
	return b;
}

const char *
estimate_bytes_text(int64_t bytes, char b[ESTIMATE_TEXT])
{
	static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
	double value = (double)bytes / 1000;
	size_t unit = 0;

	if (bytes < 1000) {
		snprintf(b, ESTIMATE_TEXT, "%lld B", bytes > 0 ? (long long)bytes : 0LL);
		return b;
	}
	/* What would be rounded to 1000.0 is 1.0 of the next one. */
	while (value >= 999.95 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		value /= 1000;
		unit++;
	}
	snprintf(b, ESTIMATE_TEXT, "%.1f %s", value, units[unit]);
	return b;
}
