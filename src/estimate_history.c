#include "estimate_history.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/table.h"
#include "estimate.h"
#include "workflow/status.h"

#define JOURNAL "events.jsonl"
#define LINE_MAX_BYTES ((size_t)16 * 1024 * 1024)	/* a longer line is passed over */
#define CHUNK ((size_t)256 * 1024)
#define NUMBER_DIGITS 9	/* most of the number of a run that began in the same second as another one */

static const struct json_form canonical = {.indent = -1, .sort = true, .strict = true};

/* ---- What is looked for ---- */

struct duration {
	double seconds;	/* negative: not found yet */
	size_t run;	/* in which it was found: 0 is the newest one */
	bool counts;	/* older runs are read until it is found */
};

struct wanted {
	struct table keys;	/* struct duration */
	size_t missing;	/* of those that count */
	bool by_parameters;	/* whether there are such keys */
	struct buf key;
};

/*
 * The key is a path and what else must be the same, each as JSON on a line: so there is no way to mistake one for the
 * other.
 */
static void
put_key(struct buf *key, char what, struct json path, struct json value)
{
	buf_reset(key);
	buf_addc(key, what);
	json_put(key, path, &canonical);
	buf_addc(key, '\n');
	json_put(key, value, &canonical);
}

static bool
is_named(const struct task *t)
{
	for (size_t i = 0; i < t->parameters.n; i++)
		if (t->parameters.list[i].deferred || t->parameters.list[i].secret != NULL)
			return true;
	return false;
}

/* The text goes the way that it went into the journal: what is ill-formed in it is the same then. */
static struct json
text_json(struct buf *b, const char *s)
{
	struct json_out o = JSON_OUT(b, -1, 0);

	json_out_str(&o, s);
	return json_of(buf_str(b));
}

/* The place for what is known by the key that has just been put; counts: as long as nothing is, older runs are read. */
static struct duration *
place(struct wanted *wanted, bool counts)
{
	void **at = table_at(&wanted->keys, buf_str(&wanted->key), wanted->key.len);
	struct duration *d = *at;

	if (d == NULL) {
		*at = d = xmalloc(sizeof(*d));
		*d = (struct duration){.seconds = -1};
	}
	if (counts && !d->counts && d->seconds < 0)
		wanted->missing++;
	d->counts = d->counts || counts;
	return d;
}

/* What is known by the same parameters, where those are known; and by the same name. */
static void
want(struct wanted *wanted, const struct task *t, struct duration **same, struct duration **named)
{
	struct buf path = BUF_INIT, value = BUF_INIT;
	const bool by_name = is_named(t);
	struct json at = text_json(&path, t->path);

	put_key(&wanted->key, 'n', at, text_json(&value, t->name));
	*named = place(wanted, by_name);
	*same = *named;
	if (!by_name) {
		buf_reset(&value);
		params_json(&t->parameters, &value);
		put_key(&wanted->key, 'p', at, json_of(buf_str(&value)));
		*same = place(wanted, true);
		wanted->by_parameters = true;
	}
	buf_release(&path);
	buf_release(&value);
}

static void
wanted_release(struct wanted *wanted)
{
	for (size_t i = 0; i < wanted->keys.n; i++)
		free(wanted->keys.entries[i].value);
	table_release(&wanted->keys);
	buf_release(&wanted->key);
}

/* ---- Journals ---- */

static void
found(struct wanted *wanted, double seconds, size_t run)
{
	struct duration *d = table_get(&wanted->keys, buf_str(&wanted->key), wanted->key.len);

	/* Of a run that went on after a stop, and ran it again, the later line counts. */
	if (d == NULL || (d->seconds >= 0 && d->run != run))
		return;
	if (d->seconds < 0 && d->counts)
		wanted->missing--;
	d->seconds = seconds;
	d->run = run;
}

static void
read_line(struct wanted *wanted, const char *line, size_t n, size_t run)
{
	static const char event[] = "notebook_finished";
	struct json v, notebook, path, other;
	double seconds;

	/* Most lines are of cells: they need not be parsed. */
	if (memmem(line, n, event, sizeof(event) - 1) == NULL || json_parse(line, n, &v, NULL) == -1 ||
	    !json_is(json_get(v, "event"), event))
		return;
	notebook = json_get(v, "notebook");
	path = json_get(notebook, "path");
	if (!json_is(json_get(notebook, "status"), status_name(STATUS_SUCCEEDED)) || json_type(path) != JSON_STRING ||
	    !json_double(json_get(notebook, "duration_seconds"), &seconds) || !isfinite(seconds) || seconds < 0)
		return;
	other = json_get(notebook, "parameters");
	if (wanted->by_parameters && json_type(other) == JSON_OBJECT) {
		put_key(&wanted->key, 'p', path, other);
		found(wanted, seconds, run);
	}
	other = json_get(notebook, "name");
	if (json_type(other) == JSON_STRING) {
		put_key(&wanted->key, 'n', path, other);
		found(wanted, seconds, run);
	}
}

/* Lines of a file that come in pieces. */
struct lines {
	struct buf text;	/* read, and not yet used up */
	size_t looked;	/* so many bytes of it hold no line feed */
	bool skip;	/* what comes up to the next line feed is the rest of a line that is too long */
};

static void
use_lines(struct wanted *wanted, struct lines *l, size_t run)
{
	size_t start = 0;
	char *feed;

	while ((feed = memchr(l->text.data + l->looked, '\n', l->text.len - l->looked)) != NULL) {
		size_t end = (size_t)(feed - l->text.data);

		if (!l->skip && end - start <= LINE_MAX_BYTES)
			read_line(wanted, l->text.data + start, end - start, run);
		l->skip = false;
		start = l->looked = end + 1;
	}
	buf_drop(&l->text, start);
	if (l->skip || l->text.len > LINE_MAX_BYTES) {
		buf_reset(&l->text);
		l->skip = true;
	}
	l->looked = l->text.len;
}

/*
 * Reads at most *left bytes of a journal, and takes them off. What is behind its last line feed was cut off: it is no
 * line.
 */
static void
read_journal(struct wanted *wanted, int fd, size_t run, size_t *left)
{
	struct lines l = {BUF_INIT, 0, false};

	while (*left > 0) {
		size_t most = *left < CHUNK ? *left : CHUNK;
		ssize_t n = read(fd, buf_room(&l.text, most), most);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		l.text.len += (size_t)n;
		*left -= (size_t)n;
		use_lines(wanted, &l, run);
	}
	buf_release(&l.text);
}

/* A descriptor of the journal in a run folder; -1 when there is none. */
static int
open_journal(const char *runs, const char *name)
{
	char *folder = file_join(runs, name), *path = file_join(folder, JOURNAL);
	struct stat st;
	/* O_NONBLOCK because what lies there may be a pipe. */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	free(path);
	free(folder);
	if (fd != -1 && (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* ---- Run folders ---- */

struct folder {
	char *name;
	size_t stamp;	/* where in the name it stands */
	unsigned long number;	/* in its second, from 1 */
};

struct folders {
	struct folder *list;
	size_t n, cap;
};

/* Whether text is a time like 20261122T081500Z, and perhaps "-2" behind it; *number is that, or 1. */
static bool
parse_stamp(const char *text, unsigned long *number)
{
	static const char form[] = "dddddddd" "T" "dddddd" "Z";
	size_t i, digits;

	for (i = 0; form[i] != '\0'; i++)
		if (form[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
			return false;
	*number = 1;
	if (text[i] == '\0')
		return true;
	digits = strspn(text + i + 1, "0123456789");
	if (text[i] != '-' || digits == 0 || digits > NUMBER_DIGITS || text[i + 1 + digits] != '\0')
		return false;
	*number = strtoul(text + i + 1, NULL, 10);
	return true;
}

/* The newest first. */
static int
compare_folders(const void *a, const void *b)
{
	const struct folder *x = a, *y = b;
	int r = strncmp(y->name + y->stamp, x->name + x->stamp, strlen("20261122T081500Z"));

	return r != 0 ? r : (y->number > x->number) - (y->number < x->number);
}

static void
find_folders(struct folders *f, const char *runs, const char *workflow)
{
	const size_t n = strlen(workflow);
	struct dirent *entry;
	unsigned long number;
	DIR *dir = opendir(runs);

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL) {
		const char *name = entry->d_name;

		/* A workflow of another name may begin with this one's, and there are links. */
		if (strncmp(name, workflow, n) != 0 || name[n] != '-' || !parse_stamp(name + n + 1, &number))
			continue;
		f->list = xgrow(f->list, f->n, &f->cap, sizeof(*f->list));
		f->list[f->n++] = (struct folder){.name = xstrdup(name), .stamp = n + 1, .number = number};
	}
	closedir(dir);
	if (f->n > 0)
		qsort(f->list, f->n, sizeof(*f->list), compare_folders);
}

void
history_read(const struct workflow *w, const char *runs, double *seconds, double *named)
{
	struct wanted wanted = {.keys = TABLE_INIT, .key = BUF_INIT};
	struct duration **durations;	/* two a task */
	struct folders f = {NULL, 0, 0};
	size_t left = ESTIMATE_BYTES_MAX, run = 0;

	for (size_t i = 0; i < w->ntasks; i++)
		seconds[i] = named[i] = -1;
	find_folders(&f, runs, w->name);
	if (f.n == 0)
		goto out;
	durations = xcalloc(2 * w->ntasks, sizeof(struct duration *));
	for (size_t i = 0; i < w->ntasks; i++)
		want(&wanted, &w->tasks[i], &durations[2 * i], &durations[2 * i + 1]);
	for (size_t i = 0; i < f.n && run < ESTIMATE_RUNS_MAX && left > 0 && wanted.missing > 0; i++) {
		int fd = open_journal(runs, f.list[i].name);

		if (fd == -1)
			continue;
		read_journal(&wanted, fd, run++, &left);
		close(fd);
	}
	for (size_t i = 0; i < w->ntasks; i++) {
		seconds[i] = durations[2 * i]->seconds;
		named[i] = durations[2 * i + 1]->seconds;
	}
	free(durations);
out:
	wanted_release(&wanted);
	for (size_t i = 0; i < f.n; i++)
		free(f.list[i].name);
	free(f.list);
}
