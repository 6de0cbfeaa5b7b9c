#include "headroom.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "estimate.h"

#define FILE_BYTES ((size_t)1024 * 1024)	/* most that is read of a file of the kernel's */
#define NO_LIMIT INT64_MAX

static const char *
proc_place(const struct headroom_places *places)
{
	return places != NULL && places->proc != NULL ? places->proc : "/proc";
}

static const char *
cgroup_place(const struct headroom_places *places)
{
	return places != NULL && places->cgroup != NULL ? places->cgroup : "/sys/fs/cgroup";
}

/* Reads folder/name. Returns 0, or -1 when there is no such file. */
static int
read_file(struct buf *text, const char *folder, const char *name)
{
	char *path = file_join(folder, name);
	int r;

	buf_reset(text);
	r = file_read(path, text, FILE_BYTES);
	free(path);
	return r;
}

/* The number that text starts with, spaces aside; -1 when there is none. One that does not fit is cut to what does. */
static int64_t
number(const char *text)
{
	unsigned long long n;

	text += strspn(text, " \t");
	if (*text < '0' || *text > '9')
		return -1;
	n = strtoull(text, NULL, 10);
	return n < (unsigned long long)INT64_MAX ? (int64_t)n : INT64_MAX;
}

/* The number behind a word that starts a line; -1 when there is none. */
static int64_t
field(const struct buf *text, const char *word)
{
	size_t n = strlen(word);

	for (const char *line = buf_str(text); line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, word, n) == 0 && (line[n] == ' ' || line[n] == '\t'))
			return number(line + n);
	}
	return -1;
}

double
headroom_load(const struct headroom_places *places)
{
	struct buf text = BUF_INIT;
	double average, load = -1;
	unsigned long running;

	/* "2.15 1.63 0.96 3/124 28693" */
	if (read_file(&text, proc_place(places), "loadavg") == 0 &&
	    sscanf(buf_str(&text), "%lf %*s %*s %lu/", &average, &running) == 2 && isfinite(average) && average >= 0) {
		double others = running > 0 ? (double)(running - 1) : 0;	/* this process is looking: it runs */

		load = others > average ? others : average;
	}
	buf_release(&text);
	return load;
}

/* How a version of cgroups says it. */
struct words {
	const char *limit, *used, *reclaimable;
};

static const struct words version1 = {"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"};
static const struct words version2 = {"memory.max", "memory.current", "inactive_file"};

/* What one cgroup leaves; NO_LIMIT when it sets none, or has no memory controller. */
static int64_t
left_in_group(const char *folder, const struct words *words)
{
	struct buf text = BUF_INIT;
	int64_t limit = -1, used = -1, reclaimable = -1;

	if (read_file(&text, folder, words->limit) == 0)
		limit = number(buf_str(&text));	/* not of "max" */
	if (limit != -1 && read_file(&text, folder, words->used) == 0)
		used = number(buf_str(&text));
	/* The cache of files that nobody has touched lately counts as used, but gives way without a loss. */
	if (used != -1 && read_file(&text, folder, "memory.stat") == 0)
		reclaimable = field(&text, words->reclaimable);
	buf_release(&text);
	if (used == -1)
		return NO_LIMIT;
	if (reclaimable > 0)
		used = used > reclaimable ? used - reclaimable : 0;
	return limit > used ? limit - used : 0;
}

/* Whether a part of the path is "..". */
static bool
leads_up(const char *path)
{
	for (const char *at = path; (at = strstr(at, "/..")) != NULL; at += 3)
		if (at[3] == '/' || at[3] == '\0')
			return true;
	return false;
}

/* The least that is left by the cgroup at path (absolute, below root) and by those above it. */
static int64_t
left_below(const char *root, const char *path, const struct words *words)
{
	struct buf folder = BUF_INIT;
	int64_t least = NO_LIMIT, left;
	/* A cgroup outside of the namespace, "/../x", is not in what is mounted here. */
	size_t n = leads_up(path) ? 0 : strlen(path);

	for (;;) {
		buf_reset(&folder);
		buf_addf(&folder, "%s%.*s", root, (int)n, path);
		left = left_in_group(buf_str(&folder), words);
		if (left < least)
			least = left;
		while (n > 0 && path[n - 1] != '/')
			n--;
		if (n == 0)
			break;
		n--;	/* the slash: what is left is the parent, "" for the root */
	}
	buf_release(&folder);
	return least;
}

/* Whether a word is in a list of words with commas between them, of n bytes. */
static bool
lists(const char *list, size_t n, const char *word)
{
	const char *end = list + n;

	while (list < end) {
		const char *comma = memchr(list, ',', (size_t)(end - list));
		size_t len = (size_t)((comma != NULL ? comma : end) - list);

		if (len == strlen(word) && memcmp(list, word, len) == 0)
			return true;
		list += len + 1;
	}
	return false;
}

/* For a line of /proc/self/cgroup, "4:memory:/path" or "0::/path". */
static int64_t
left_by_line(const char *root, const char *line)
{
	/* Beside hierarchies of version 1 that of version 2 is mounted in a folder of its own. */
	static const char *const folders[] = {"", "/unified"};
	const char *controllers = strchr(line, ':'), *path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
	struct buf folder = BUF_INIT;
	int64_t least = NO_LIMIT;

	if (path == NULL || path[1] != '/')
		return NO_LIMIT;
	controllers++;
	if (path == controllers) {
		for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
			int64_t left;

			buf_reset(&folder);
			buf_addf(&folder, "%s%s", root, folders[i]);
			left = left_below(buf_str(&folder), path + 1, &version2);
			if (left < least)
				least = left;
		}
	} else if (lists(controllers, (size_t)(path - controllers), "memory")) {
		buf_addf(&folder, "%s/memory", root);
		least = left_below(buf_str(&folder), path + 1, &version1);
	}
	buf_release(&folder);
	return least;
}

static int64_t
left_by_cgroups(const struct headroom_places *places)
{
	struct buf text = BUF_INIT;
	int64_t least = NO_LIMIT;
	char *at;

	if (read_file(&text, proc_place(places), "self/cgroup") == 0) {
		for (char *line = text.data; line != NULL; line = at) {
			int64_t left;

			at = strchr(line, '\n');
			if (at != NULL)
				*at++ = '\0';
			left = left_by_line(cgroup_place(places), line);
			if (left < least)
				least = left;
		}
	}
	buf_release(&text);
	return least;
}

int64_t
headroom_free_memory(const struct headroom_places *places)
{
	/* Version 1 says no limit as the largest number of pages that there could be. */
	const int64_t beyond = INT64_MAX / 2;
	struct buf text = BUF_INIT;
	int64_t available = -1, left;

	if (read_file(&text, proc_place(places), "meminfo") == 0)
		available = field(&text, "MemAvailable:");	/* kB, which are KiB */
	buf_release(&text);
	if (available != -1)
		available = available < INT64_MAX / 1024 ? available * 1024 : INT64_MAX;
	left = left_by_cgroups(places);
	if (left < beyond && (available == -1 || left < available))
		return left;
	return available;
}

const char *
headroom_hold(double max_load, int64_t min_free_memory, const struct headroom_places *places)
{
	static char why[2 * ESTIMATE_TEXT + 32];
	char free_text[ESTIMATE_TEXT], least_text[ESTIMATE_TEXT];

	if (max_load > 0) {
		double load = headroom_load(places);

		if (load >= max_load) {
			snprintf(why, sizeof(why), "load is %.1f of %g", load, max_load);
			return why;
		}
	}
	if (min_free_memory > 0) {
		int64_t left = headroom_free_memory(places);

		if (left != -1 && left < min_free_memory) {
			snprintf(why, sizeof(why), "free memory is %s, less than %s", estimate_bytes_text(left, free_text),
			    estimate_bytes_text(min_free_memory, least_text));
			return why;
		}
	}
	return NULL;
}

bool
headroom_memory_is_short(int64_t min_free_memory, const struct headroom_places *places)
{
	int64_t left;

	if (min_free_memory <= 0)
		return false;
	left = headroom_free_memory(places);
	return left != -1 && left < min_free_memory && left < min_free_memory - left;
}
