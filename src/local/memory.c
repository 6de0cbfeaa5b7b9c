#include "local/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#define FILE_BYTES ((size_t)64 * 1024)	/* most that is read of a file about cgroups */
#define SIZE_TEXT 32
#define BLANKS " \t\r\n"

/* ---- The group ---- */

/* Opens a file for writing as a shell's '>' does. In a cgroup none can be made: what is not there fails. */
static int
open_in(const char *folder, const char *name)
{
	char *path = file_join(folder, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	free(path);
	return fd;
}

static int
set(const char *folder, const char *name, const char *text)
{
	int fd = open_in(folder, name), result;

	if (fd == -1)
		return -1;
	result = file_write_full(fd, text, strlen(text));
	close(fd);
	return result;
}

/* What stands behind a word of a text; NULL when it is not there. */
static const char *
find_word(const char *text, const char *word)
{
	const size_t n = strlen(word);

	for (const char *at = text + strspn(text, BLANKS); *at != '\0'; at += strspn(at, BLANKS)) {
		size_t len = strcspn(at, BLANKS);

		if (len == n && memcmp(at, word, n) == 0)
			return at + len;
		at += len;
	}
	return NULL;
}

static bool
names_memory(const char *folder, const char *file)
{
	char *path = file_join(folder, file);
	struct buf text = BUF_INIT;
	bool found = file_read(path, &text, FILE_BYTES) == 0 && find_word(buf_str(&text), "memory") != NULL;

	buf_release(&text);
	free(path);
	return found;
}

static bool
has(const char *folder, const char *name)
{
	char *path = file_join(folder, name);
	bool there = access(path, F_OK) == 0;

	free(path);
	return there;
}

/* Whether systemd has given the group away, in the words it leaves for everybody, or for root. */
static bool
marked(const char *folder)
{
	char value[1];

	return (getxattr(folder, "user.delegate", value, 1) == 1 && value[0] == '1') ||
	    (getxattr(folder, "trusted.delegate", value, 1) == 1 && value[0] == '1');
}

/*
 * The folder of the group above that of this process, when it has been delegated; NULL otherwise. That it can be
 * written to shows nothing: root can write to all, and a user's systemd rules groups that are the user's.
 */
static char *
delegated(const struct memory_places *places)
{
	const char *root = places->cgroups != NULL ? places->cgroups : "/sys/fs/cgroup";
	struct buf text = BUF_INIT;
	char *parent = NULL, *path, *slash;
	bool top;

	buf_addc(&text, '\n');	/* so that every line begins behind one */
	if (file_read(places->self != NULL ? places->self : "/proc/self/cgroup", &text, FILE_BYTES) == -1)
		goto out;
	path = strstr(text.data, "\n0::/");	/* the line of version 2 */
	if (path == NULL)
		goto out;
	path += strlen("\n0::");
	path[strcspn(path, "\n")] = '\0';
	slash = strrchr(path, '/');
	/* The topmost has none above it; one outside of the namespace, "/../x", is not in what is mounted here. */
	if (slash[1] == '\0' || strstr(path, "/..") != NULL)
		goto out;
	top = slash == path;
	*slash = '\0';
	parent = xasprintf("%s%s", root, path);
	/* Of all groups that of the whole machine alone has no type. */
	if (!marked(parent) && !(top && has(parent, "cgroup.type") && !has(parent, "init.scope"))) {
		free(parent);
		parent = NULL;
	}
out:
	buf_release(&text);
	return parent;
}

/* Whether a process can get in, tried by one that ends at once: then the kernel will. */
static bool
lets_in(const struct memory *m)
{
	pid_t pid = fork(), reaped;
	int status;

	if (pid == 0)
		_exit(memory_enter(m) == 0 ? 0 : 1);
	if (pid == -1)
		return false;
	do {
		reaped = waitpid(pid, &status, 0);
	} while (reaped == -1 && errno == EINTR);
	return reaped == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void
leave(struct memory *m)
{
	if (m->entrance != -1)
		close(m->entrance);
	m->entrance = -1;
	if (m->group != NULL && rmdir(m->group) == -1 && errno != ENOENT)
		log_debug("cannot remove cgroup '%s': %s", m->group, strerror(errno));
	free(m->group);
	m->group = NULL;
}

static void
make_group(struct memory *m, const struct memory_places *places)
{
	char *parent = delegated(places), limit[SIZE_TEXT];

	if (parent == NULL || access(parent, W_OK) == -1 || !names_memory(parent, "cgroup.controllers"))
		goto out;
	/* This is refused where the group holds processes. */
	if (!names_memory(parent, "cgroup.subtree_control") && set(parent, "cgroup.subtree_control", "+memory") == -1)
		goto out;
	m->group = xasprintf("%s/nbfork-%ld", parent, (long)getpid());
	rmdir(m->group);	/* left by one of that number that was killed */
	if (mkdir(m->group, 0755) == -1) {
		free(m->group);
		m->group = NULL;
		goto out;
	}
	snprintf(limit, sizeof(limit), "%lld", (long long)m->limit);
	if (set(m->group, "memory.max", limit) == 0) {
		set(m->group, "memory.swap.max", "0");	/* not there without swap */
		set(m->group, "memory.oom.group", "1");	/* nor in Linux before 4.19 */
		m->entrance = open_in(m->group, "cgroup.procs");
	}
	if (m->entrance == -1 || !lets_in(m))
		leave(m);
out:
	free(parent);
}

void
memory_prepare(struct memory *m, int64_t limit, const struct memory_places *places)
{
	static const struct memory_places usual;

	*m = (struct memory)MEMORY_INIT;
	m->limit = limit;
	if (limit > 0)
		make_group(m, places != NULL ? places : &usual);
}

void
memory_release(struct memory *m)
{
	leave(m);
	*m = (struct memory)MEMORY_INIT;
}

int
memory_enter(const struct memory *m)
{
	struct rlimit limit;

	if (m->limit <= 0)
		return 0;
	if (m->entrance != -1)
		return pwrite(m->entrance, "0", 1, 0) == 1 ? 0 : -1;	/* 0: who writes */
	if (getrlimit(RLIMIT_DATA, &limit) == -1)
		return -1;
	/* One that is lower already stays. */
	if (limit.rlim_max == RLIM_INFINITY || limit.rlim_max > (rlim_t)m->limit)
		limit.rlim_max = (rlim_t)m->limit;
	if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > limit.rlim_max)
		limit.rlim_cur = limit.rlim_max;
	return setrlimit(RLIMIT_DATA, &limit);
}

/* ---- What it has to do with a failure ---- */

/* As people write sizes: a unit that leaves nothing over, else about so much. */
static const char *
size_text(int64_t bytes, char b[SIZE_TEXT])
{
	static const struct {
		int64_t bytes;
		const char *name;
	} units[] = {
		{INT64_C(1) << 40, "TiB"}, {INT64_C(1000000000000), "TB"}, {1 << 30, "GiB"}, {1000000000, "GB"},
		{1 << 20, "MiB"}, {1000000, "MB"}, {1 << 10, "KiB"}, {1000, "kB"}, {1, "bytes"},
	};
	size_t i = 0;

	if (bytes == 1)
		return "1 byte";
	while (bytes % units[i].bytes != 0)
		i++;
	if (bytes / units[i].bytes < 100000) {
		snprintf(b, SIZE_TEXT, "%lld %s", (long long)(bytes / units[i].bytes), units[i].name);
		return b;
	}
	for (i = 0; bytes < units[i].bytes; i++)
		;
	snprintf(b, SIZE_TEXT, "%.1f %s", (double)bytes / (double)units[i].bytes, units[i].name);
	return b;
}

bool
memory_exceeded(const struct memory *m)
{
	/*
	 * Both, because processes are counted as killed also when a group above this one, or the machine, was
	 * short.
	 */
	static const char *const events[] = {"oom", "oom_kill"};
	struct buf text = BUF_INIT;
	char *path = m->group != NULL ? file_join(m->group, "memory.events") : NULL;
	bool exceeded = path != NULL && file_read(path, &text, FILE_BYTES) == 0;

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]) && exceeded; i++) {
		const char *count = find_word(buf_str(&text), events[i]);

		exceeded = count != NULL && strtoull(count, NULL, 10) > 0;
	}
	buf_release(&text);
	free(path);
	return exceeded;
}

/* How programs end that get no memory and do not know what to do: by a fault, or giving up. */
static bool
is_end_without_memory(int status)
{
	if (status == -1)
		return false;
	if (WIFEXITED(status))
		return WEXITSTATUS(status) != 0;
	switch (WTERMSIG(status)) {
	case SIGABRT:
	case SIGBUS:
	case SIGILL:
	case SIGSEGV:
	case SIGTRAP:
		return true;
	default:
		return false;
	}
}

char *
memory_hint_end(const struct memory *m, int status)
{
	char b[SIZE_TEXT];
	const char *size;

	if (m->limit <= 0)
		return xstrdup("");
	size = size_text(m->limit, b);
	if (memory_exceeded(m))
		return xasprintf(": it took more than its memory_limit of %s", size);
	/* A group that was not exceeded is no reason for anything. */
	if (m->group != NULL || !is_end_without_memory(status))
		return xstrdup("");
	return xasprintf(", perhaps because of its memory_limit of %s", size);
}

char *
memory_hint_start(const struct memory *m)
{
	char b[SIZE_TEXT];
	const char *size;

	if (m->limit <= 0)
		return xstrdup("");
	size = size_text(m->limit, b);
	if (memory_exceeded(m))
		return xasprintf(": it took more than its memory_limit of %s", size);
	if (m->group != NULL)
		return xstrdup("");
	return xasprintf(" (its memory_limit is %s, which may be too little for it to start)", size);
}

/* MemoryError of Python and those made of it, what R says, what C++ and the system do. */
static bool
says_no_memory(const struct failure *f)
{
	static const char *const phrases[] = {"cannot allocate", "can't allocate", "unable to allocate", "bad_alloc",
	    "can't start new thread"};
	static const char error[] = "MemoryError";
	size_t n = f->name != NULL ? strlen(f->name) : 0;

	if (n >= sizeof(error) - 1 && strcmp(f->name + n - (sizeof(error) - 1), error) == 0)
		return true;
	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (f->message != NULL && strcasestr(f->message, phrases[i]) != NULL)
			return true;
	return false;
}

void
memory_hint_raised(const struct memory *m, struct failure *f)
{
	char b[SIZE_TEXT], *message;
	const char *size;
	size_t n = f->message != NULL ? strlen(f->message) : 0;

	/* In a group nothing is refused: whatever this was, it was not the limit. */
	if (m->limit <= 0 || m->group != NULL || !says_no_memory(f))
		return;
	while (n > 0 && strchr(BLANKS, f->message[n - 1]) != NULL)
		n--;
	size = size_text(m->limit, b);
	if (n == 0)
		message = xasprintf("memory_limit is %s", size);
	else
		message = xasprintf("%.*s (memory_limit is %s)", (int)n, f->message, size);
	free(f->message);
	f->message = message;
}
