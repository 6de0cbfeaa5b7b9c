/* File names by a pattern. */
#include "workflow/rows.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/utf8.h"

#define RUNS "nbfork-runs"	/* where run folders are by default */

enum part_kind {
	LITERAL,	/* text is the name itself */
	WILD,		/* text is for fnmatch */
	FOLDERS,	/* "**" */
};

struct part {
	enum part_kind kind;
	char *text;
};

struct walk {
	const char *folder;
	const char *pattern;
	struct part *parts;
	size_t n, cap;
	bool only_folders;	/* the pattern ends in '/' */
	bool repeats;	/* "**" is there more than once: a folder can be reached in several ways */
	struct table done;	/* then: folders with the number of the part that was looked for in them */
	struct table found;	/* paths; a set */
	size_t most;	/* more than that are too many */
	bool full;
	locale_t utf8;	/* 0: there is none */
	size_t reported;
	const char *label;
	struct mark at;
	struct problems *problems;
};

/* Adds a problem with a path; what an errno says may be 0 for none. */
static void
complain(struct walk *w, const char *before, const char *path, int error)
{
	struct buf shown = BUF_INIT;

	if (w->reported++ < ROWS_PROBLEMS_MAX) {
		utf8_put_visible(&shown, path, strlen(path), 1000);
		problems_add(w->problems, w->label, w->at.line, w->at.column, "%s '%s'%s%s", before, buf_str(&shown),
		    error != 0 ? ": " : "", error != 0 ? strerror(error) : "");
	}
	buf_release(&shown);
}

/* ---- The pattern ---- */

static bool
is_wild(const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '\\' && s[1] != '\0')
			s++;
		else if (strchr("*?[", *s) != NULL)
			return true;
	}
	return false;
}

/* Whether two stars stand together that are no escaped ones. */
static bool
has_folders(const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '\\' && s[1] != '\0')
			s++;
		else if (s[0] == '*' && s[1] == '*')
			return true;
	}
	return false;
}

static void
unescape(char *s)
{
	char *to = s;

	for (; *s != '\0'; s++) {
		if (*s == '\\' && s[1] != '\0')
			s++;
		*to++ = *s;
	}
	*to = '\0';
}

/* Takes over text. */
static void
add_part(struct walk *w, enum part_kind kind, char *text)
{
	w->parts = xgrow(w->parts, w->n, &w->cap, sizeof(*w->parts));
	w->parts[w->n++] = (struct part){kind, text};
}

static int
read_pattern(struct walk *w)
{
	const char *p = w->pattern;
	size_t stars = 0;

	while (*(p += strspn(p, "/")) != '\0') {
		size_t len = strcspn(p, "/");
		char *text = xmemdup0(p, len);

		p += len;
		w->only_folders = *p == '/';
		if (strcmp(text, "**") == 0) {
			/* Two in a row match what one does. */
			if (w->n > 0 && w->parts[w->n - 1].kind == FOLDERS) {
				free(text);
				continue;
			}
			add_part(w, FOLDERS, text);
			stars++;
		} else if (has_folders(text)) {
			free(text);
			complain(w, "'**' must stand alone between two '/', as in 'data/**/*.csv'; not so in",
			    w->pattern, 0);
			return -1;
		} else if (is_wild(text)) {
			add_part(w, WILD, text);
		} else {
			unescape(text);
			add_part(w, LITERAL, text);
		}
	}
	if (w->n > 0 && w->parts[w->n - 1].kind == FOLDERS)
		add_part(w, WILD, xstrdup("*"));
	w->repeats = stars > 1;
	return 0;
}

/* Whether a name is matched. Characters are those of UTF-8, whatever the locale; other names are taken as bytes. */
static bool
matches(const struct walk *w, const char *pattern, const char *name)
{
	locale_t before;
	int result;

	if (w->utf8 == (locale_t)0 || utf8_check(name, strlen(name)) != strlen(name))
		return fnmatch(pattern, name, FNM_PERIOD) == 0;
	before = uselocale(w->utf8);
	result = fnmatch(pattern, name, FNM_PERIOD);
	uselocale(before);
	return result == 0;
}

/* ---- Folders ---- */

struct entry {
	char *name;
	unsigned char type;	/* DT_... */
};

struct entries {
	struct entry *list;
	size_t n, cap;
};

static void
entries_release(struct entries *e)
{
	for (size_t i = 0; i < e->n; i++)
		free(e->list[i].name);
	free(e->list);
}

static int
compare_entries(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

/* Where a path of the pattern's kind is to be found. */
static char *
place_of(const struct walk *w, const char *path)
{
	return *path == '\0' ? xstrdup(*w->folder != '\0' ? w->folder : ".") : file_join(w->folder, path);
}

/* Whether an errno says that there is no such file or folder. A link to itself leads nowhere either. */
static bool
is_absence(int error)
{
	return error == ENOENT || error == ENOTDIR || error == ELOOP;
}

/*
 * The entries of a folder in their order, without "." and "..". None when it is not there or no folder; what else
 * keeps it from being read is a problem. It is closed again at once: folders may be deeper than there are descriptors.
 */
static void
read_folder(struct walk *w, const char *path, struct entries *e)
{
	char *place = place_of(w, path);
	struct dirent *d;
	DIR *dir;

	dir = opendir(place);
	if (dir == NULL) {
		if (!is_absence(errno) || *path == '\0')
			complain(w, "cannot read the folder", place, errno);
		free(place);
		return;
	}
	while (errno = 0, (d = readdir(dir)) != NULL) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		e->list = xgrow(e->list, e->n, &e->cap, sizeof(*e->list));
		e->list[e->n++] = (struct entry){xstrdup(d->d_name), d->d_type};
	}
	if (errno != 0)
		complain(w, "cannot read the folder", place, errno);
	closedir(dir);
	free(place);
	if (e->n > 1)
		qsort(e->list, e->n, sizeof(*e->list), compare_entries);
}

/* Whether there is something at the path; with follow, whether there is a folder, perhaps behind a link. */
static bool
is_there(struct walk *w, const char *path, bool follow)
{
	char *place = place_of(w, path);
	struct stat st;
	bool there;

	there = fstatat(AT_FDCWD, place, &st, follow ? 0 : AT_SYMLINK_NOFOLLOW) == 0;
	if (!there && !is_absence(errno))
		complain(w, "cannot look at", place, errno);
	free(place);
	return there && (!follow || S_ISDIR(st.st_mode));
}

/* Whether an entry is a folder itself, and no link to one. */
static bool
is_folder(const struct walk *w, const char *path, unsigned char type)
{
	char *place;
	struct stat st;
	bool folder;

	if (type != DT_UNKNOWN)
		return type == DT_DIR;
	place = place_of(w, path);
	folder = lstat(place, &st) == 0 && S_ISDIR(st.st_mode);
	free(place);
	return folder;
}

/* ---- The walk ---- */

/* Folders into which "**" does not go: hidden ones, and those of earlier runs, whose executed copies are notebooks too. */
static bool
is_passed_over(const char *name)
{
	return *name == '.' || strcmp(name, RUNS) == 0;
}

static void
found(struct walk *w, const char *path)
{
	size_t n = strlen(path);
	char *folder;

	if (utf8_check(path, n) != n) {
		complain(w, "the name must be UTF-8; rename", path, 0);
		return;
	}
	if (!w->only_folders) {
		table_at(&w->found, path, n);
	} else if (is_there(w, path, true)) {
		folder = xasprintf("%s%s", path, n > 0 && path[n - 1] == '/' ? "" : "/");
		table_at(&w->found, folder, strlen(folder));
		free(folder);
	}
	if (w->found.n > w->most && !w->full) {
		w->full = true;
		complain(w, "more files match than there may be rows:", w->pattern, 0);
	}
}

/* path/name; path is "" at the start of a relative pattern and "/" at that of an absolute one. */
static char *
below(const char *path, const char *name)
{
	size_t n = strlen(path);

	return xasprintf("%s%s%s", path, n > 0 && path[n - 1] != '/' ? "/" : "", name);
}

/* Whether this part has been looked for in this folder before; it is noted. */
static bool
been_there(struct walk *w, const char *path, size_t part)
{
	char *key = xasprintf("%zu/%s", part, path);
	void **value = table_at(&w->done, key, strlen(key));
	bool before = *value != NULL;

	*value = w;
	free(key);
	return before;
}

/*
 * Looks for what is left of the pattern from a part on. Calls itself for the folders below: as deep as a path can have
 * folders, since a longer one fails with ENAMETOOLONG, and through links only as often as the pattern has other parts.
 */
static void
look(struct walk *w, const char *path, size_t part)
{
	const struct part *this = &w->parts[part];
	struct entries e = {NULL, 0, 0};
	bool last = part + 1 == w->n;
	char *next;

	if (w->full || (w->repeats && been_there(w, path, part)))
		return;
	if (this->kind == LITERAL) {
		next = below(path, this->text);
		if (!last)
			look(w, next, part + 1);
		else if (is_there(w, next, false))
			found(w, next);
		free(next);
		return;
	}
	if (this->kind == FOLDERS)
		look(w, path, part + 1);
	read_folder(w, path, &e);
	for (size_t i = 0; i < e.n && !w->full; i++) {
		const struct entry *entry = &e.list[i];

		if (this->kind == FOLDERS ? is_passed_over(entry->name) : !matches(w, this->text, entry->name))
			continue;
		next = below(path, entry->name);
		if (this->kind == FOLDERS) {
			if (is_folder(w, next, entry->type))
				look(w, next, part);
		} else if (last) {
			found(w, next);
		} else if (entry->type == DT_DIR || entry->type == DT_LNK || entry->type == DT_UNKNOWN) {
			look(w, next, part + 1);
		}
		free(next);
	}
	entries_release(&e);
}

static int
compare_paths(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
append(struct walk *w, struct rows *r)
{
	const char **sorted = xreallocarray(NULL, w->found.n, sizeof(*sorted));
	struct buf text = BUF_INIT;

	for (size_t i = 0; i < w->found.n; i++)
		sorted[i] = w->found.entries[i].key;
	if (w->found.n > 1)
		qsort(sorted, w->found.n, sizeof(*sorted), compare_paths);
	for (size_t i = 0; i < w->found.n; i++) {
		buf_reset(&text);
		json_put_str(&text, sorted[i]);
		rows_add(r, (struct json){text.data, text.len}, w->label, w->at, w->problems);
	}
	buf_release(&text);
	free(sorted);
}

int
rows_glob(struct rows *r, const char *folder, const char *pattern, const char *label, struct mark at,
    struct problems *p)
{
	struct walk w = {
		.folder = folder, .pattern = pattern, .most = ROWS_MAX - r->n, .label = label, .at = at, .problems = p,
	};
	const char *start = *pattern == '/' ? "/" : "";
	size_t before = p->n;

	if (*pattern == '\0') {
		problems_add(p, label, at.line, at.column, "the pattern is empty; write one, such as 'data/*.csv'");
		return -1;
	}
	w.utf8 = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);
	if (read_pattern(&w) == -1)
		goto out;
	if (w.n == 0)
		found(&w, start);
	else
		look(&w, start, 0);
	if (p->n == before)
		append(&w, r);
out:
	for (size_t i = 0; i < w.n; i++)
		free(w.parts[i].text);
	free(w.parts);
	table_release(&w.done);
	table_release(&w.found);
	if (w.utf8 != (locale_t)0)
		freelocale(w.utf8);
	return p->n == before ? 0 : -1;
}
