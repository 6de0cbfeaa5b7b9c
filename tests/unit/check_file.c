#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

/* Every test runs in an empty folder of its own. */
static char folder[PATH_MAX];

static void
enter_folder(void)
{
	const char *above = getenv("TMPDIR");

	snprintf(folder, sizeof(folder), "%s/check_file.XXXXXX", above != NULL ? above : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	umask(022);
}

static void
leave_folder(void)
{
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(file_remove_tree(folder), 0);
	ck_assert_int_eq(access(folder, F_OK), -1);
}

static char *
content(const char *path)
{
	struct buf b = BUF_INIT;

	ck_assert_msg(file_read(path, &b, SIZE_MAX) == 0, "%s: %s", path, strerror(errno));
	return buf_steal(&b);
}

static void
expect_content(const char *path, const char *expected)
{
	char *text = content(path);

	ck_assert_str_eq(text, expected);
	free(text);
}

static mode_t
mode_of(const char *path)
{
	struct stat st;

	ck_assert_int_eq(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

/* The number of entries of a folder; the name of one that is not "skip" is stored in name, if that is not NULL. */
static int
entries(const char *path, const char *skip, char *name)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int n = 0;

	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		n++;
		if (name != NULL && strcmp(e->d_name, skip) != 0)
			memcpy(name, e->d_name, strlen(e->d_name) + 1);
	}
	closedir(d);
	return n;
}

/* ---- Reading ---- */

START_TEST(reads)
{
	struct buf b = BUF_INIT, text = BUF_INIT;

	for (int i = 0; i < 20000; i++)
		buf_addf(&text, "%d,", i);
	ck_assert_int_eq(file_replace("f", text.data, text.len), 0);
	ck_assert_int_eq(file_read("f", &b, SIZE_MAX), 0);
	ck_assert_uint_eq(b.len, text.len);
	ck_assert_mem_eq(b.data, text.data, b.len);
	ck_assert_int_eq(b.data[b.len], '\0');
	ck_assert_uint_eq(b.cap, text.len + 1);

	/* It is appended to what is there. */
	buf_truncate(&b, 4);
	ck_assert_int_eq(file_read("f", &b, text.len), 0);
	ck_assert_uint_eq(b.len, text.len + 4);
	ck_assert_mem_eq(b.data, "0,1,0,1,2,", 10);

	/* A byte too many; a byte too many that the size does not show. */
	buf_truncate(&b, 4);
	ck_assert_int_eq(file_read("f", &b, text.len - 1), -1);
	ck_assert_int_eq(errno, EFBIG);
	ck_assert_str_eq(buf_str(&b), "0,1,");
	ck_assert_int_eq(file_read("/proc/self/status", &b, 100), -1);
	ck_assert_int_eq(errno, EFBIG);
	ck_assert_str_eq(buf_str(&b), "0,1,");
	ck_assert_int_eq(file_read("/proc/self/status", &b, 100000), 0);
	ck_assert_mem_eq(b.data, "0,1,Name:", 9);
	buf_release(&b);
	buf_release(&text);
}
END_TEST

START_TEST(reads_nothing)
{
	struct buf b = BUF_INIT;

	ck_assert_int_eq(file_replace("empty", NULL, 0), 0);
	ck_assert_int_eq(file_read("empty", &b, 0), 0);
	ck_assert_int_eq(file_read("/dev/null", &b, 0), 0);
	ck_assert_str_eq(buf_str(&b), "");
	ck_assert_int_eq(file_read("missing", &b, 10), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(file_read(".", &b, 10), -1);
	ck_assert_int_eq(errno, EISDIR);
	ck_assert_int_eq(file_read_fd(-1, &b, 10), -1);
	ck_assert_int_eq(errno, EBADF);
	ck_assert_uint_eq(b.len, 0);
	buf_release(&b);
}
END_TEST

/* From a pipe, whose size nobody knows, in pieces, with the exact maximum and one below. */
START_TEST(reads_a_pipe)
{
	for (int below = 0; below < 2; below++) {
		struct buf b = BUF_INIT;
		const size_t total = 300000;
		char piece[1000];
		int fds[2], status;
		pid_t child;

		memset(piece, 'p', sizeof(piece));
		ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
		child = fork();
		ck_assert_int_ne(child, -1);
		if (child == 0) {
			signal(SIGPIPE, SIG_IGN);
			close(fds[0]);
			for (size_t n = 0; n < total; n += sizeof(piece))
				if (file_write_full(fds[1], piece, sizeof(piece)) == -1)
					_exit(errno == EPIPE);
			_exit(0);
		}
		close(fds[1]);
		ck_assert_int_eq(file_read_fd(fds[0], &b, total - (size_t)below), below == 0 ? 0 : -1);
		if (below == 0) {
			ck_assert_uint_eq(b.len, total);
			ck_assert_uint_eq(strspn(b.data, "p"), total);
		} else {
			ck_assert_int_eq(errno, EFBIG);
			ck_assert_uint_eq(b.len, 0);
		}
		close(fds[0]);
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		buf_release(&b);
	}
}
END_TEST

static void
on_alarm(int sig)
{
	(void)sig;
}

/* Through a pipe that is full most of the time, while signals break the call off. */
START_TEST(writes_in_full)
{
	const struct itimerval every = {{0, 3000}, {0, 3000}}, never = {{0, 0}, {0, 0}};
	struct sigaction action = {.sa_handler = on_alarm};	/* without SA_RESTART */
	size_t n = 1000000;
	char *data = xmalloc(n);
	int fds[2], status;
	pid_t child;

	for (size_t i = 0; i < n; i++)
		data[i] = (char)((uint32_t)i * UINT32_C(2654435761) >> 24);	/* no two pages alike */
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	child = fork();
	ck_assert_int_ne(child, -1);
	if (child == 0) {
		char piece[5000];
		size_t at = 0;
		ssize_t got;

		close(fds[1]);
		usleep(20000);	/* the pipe fills up, and calls are broken off with nothing written */
		while ((got = read(fds[0], piece, sizeof(piece))) > 0) {
			if (at + (size_t)got > n || memcmp(piece, data + at, (size_t)got) != 0)
				_exit(1);
			at += (size_t)got;
			usleep(200);
		}
		free(data);
		_exit(at == n ? 0 : 2);
	}
	close(fds[0]);
	ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &every, NULL), 0);
	ck_assert_int_eq(file_write_full(fds[1], data, n), 0);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
	close(fds[1]);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	ck_assert_int_eq(file_write_full(-1, "x", 1), -1);
	ck_assert_int_eq(errno, EBADF);
	ck_assert_int_eq(file_write_full(-1, NULL, 0), 0);
	free(data);
}
END_TEST

/* ---- Writing ---- */

START_TEST(appears_at_the_commit)
{
	struct file_writer w;
	char name[NAME_MAX + 1];

	ck_assert_int_eq(mkdir("d", 0777), 0);
	ck_assert_int_eq(file_replace("d/f", "old", 3), 0);
	ck_assert_int_eq(file_begin(&w, "d/f"), 0);
	ck_assert_int_ne(fcntl(w.fd, F_GETFD) & FD_CLOEXEC, 0);
	file_put(&w, "new ", 4);
	file_put(&w, "text", 4);
	expect_content("d/f", "old");
	ck_assert_int_eq(entries("d", "f", name), 2);
	ck_assert_int_eq(strncmp(name, ".f.", 3), 0);
	ck_assert_int_eq(file_commit(&w), 0);
	expect_content("d/f", "new text");
	ck_assert_int_eq(entries("d", "", NULL), 1);
	ck_assert_ptr_null(w.path);
	file_abandon(&w);
	expect_content("d/f", "new text");
}
END_TEST

START_TEST(abandons)
{
	struct file_writer w;

	ck_assert_int_eq(file_begin(&w, "f"), 0);
	file_put(&w, "x", 1);
	file_abandon(&w);
	file_abandon(&w);
	ck_assert_int_eq(entries(".", "", NULL), 0);
}
END_TEST

START_TEST(modes)
{
	umask(027);
	ck_assert_int_eq(file_replace("f", "", 0), 0);
	ck_assert_int_eq(mode_of("f"), 0640);
	umask(077);
	ck_assert_int_eq(file_replace("g", "", 0), 0);
	ck_assert_int_eq(mode_of("g"), 0600);
	ck_assert_int_eq(chmod("g", 0666), 0);
	ck_assert_int_eq(file_replace("g", "", 0), 0);
	ck_assert_int_eq(mode_of("g"), 0666);
	umask(0);
	ck_assert_int_eq(chmod("g", 0600), 0);
	ck_assert_int_eq(file_replace("g", "", 0), 0);
	ck_assert_int_eq(mode_of("g"), 0600);
	ck_assert_int_eq(umask(0), 0);
}
END_TEST

/* Sizes around that of the buffer, in pieces and in one go. */
START_TEST(writes_any_size)
{
	static const size_t pieces[] = {1, 7, 4096, 65535, 65536, 65537, 200000};
	const size_t total = 400000;
	char *data = xmalloc(total), *back;

	for (size_t i = 0; i < total; i++)
		data[i] = (char)('a' + i * 7 % 26);
	for (size_t p = 0; p < sizeof(pieces) / sizeof(pieces[0]); p++) {
		struct file_writer w;

		ck_assert_int_eq(file_begin(&w, "f"), 0);
		for (size_t at = 0; at < total; at += pieces[p]) {
			file_put(&w, data + at, total - at < pieces[p] ? total - at : pieces[p]);
			ck_assert_uint_le(w.pending.len, 65536);
		}
		ck_assert_int_eq(file_commit(&w), 0);
		back = content("f");
		ck_assert_uint_eq(strlen(back), total);
		ck_assert_mem_eq(back, data, total);
		free(back);
	}
	free(data);
}
END_TEST

/* The longest names there are, also where the cut would fall within a character. */
START_TEST(long_names)
{
	char name[NAME_MAX + 2];
	struct file_writer w;

	for (size_t n = NAME_MAX - 10; n <= NAME_MAX; n++) {
		memset(name, 'n', n);
		name[n] = '\0';
		ck_assert_int_eq(file_replace(name, "x", 1), 0);
		expect_content(name, "x");
		for (size_t i = n % 2; i < n; i += 2)
			memcpy(name + i, "\xc3\xa9", 2);
		ck_assert_int_eq(file_replace(name, "y", 1), 0);
		expect_content(name, "y");
	}
	memset(name, 'n', NAME_MAX + 1);
	name[NAME_MAX + 1] = '\0';
	ck_assert(file_begin(&w, name) == -1 || file_commit(&w) == -1);
	ck_assert_int_eq(errno, ENAMETOOLONG);
	ck_assert_int_eq(entries(".", "", NULL), 22);
}
END_TEST

START_TEST(begin_fails)
{
	static const struct {
		const char *path;
		int error;
	} cases[] = {{"missing/f", ENOENT}, {"", ENOENT}, {"d", EISDIR}, {"d/", EISDIR}, {"f/g", ENOTDIR}, {"missing/", ENOENT}};
	struct file_writer w;

	ck_assert_int_eq(mkdir("d", 0777), 0);
	ck_assert_int_eq(file_replace("f", "", 0), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		errno = 0;
		ck_assert_msg(file_begin(&w, cases[i].path) == -1, "%s", cases[i].path);
		ck_assert_msg(errno == cases[i].error, "%s: %s", cases[i].path, strerror(errno));
		file_abandon(&w);
	}
	ck_assert_int_eq(entries(".", "", NULL), 2);
	ck_assert_int_eq(entries("d", "", NULL), 0);
}
END_TEST

/* A write that fails on the way: the old file is still there, and nothing else. */
START_TEST(disk_full)
{
	struct rlimit limit = {100000, 100000};
	struct file_writer w;
	char *data = xcalloc(1, 90000);

	ck_assert_int_eq(file_replace("f", "old", 3), 0);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_eq(file_begin(&w, "f"), 0);
	file_put(&w, data, 90000);
	ck_assert_int_eq(w.error, 0);
	file_put(&w, data, 90000);
	ck_assert_int_eq(w.error, EFBIG);
	file_put(&w, "more", 4);
	errno = 0;
	ck_assert_int_eq(file_commit(&w), -1);
	ck_assert_int_eq(errno, EFBIG);
	expect_content("f", "old");
	ck_assert_int_eq(entries(".", "", NULL), 1);

	/* The same when only the commit writes. */
	limit.rlim_cur = 2;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_eq(file_replace("f", "new", 3), -1);
	ck_assert_int_eq(errno, EFBIG);
	expect_content("f", "old");
	ck_assert_int_eq(entries(".", "", NULL), 1);
	free(data);
}
END_TEST

START_TEST(rename_fails)
{
	struct file_writer w;

	ck_assert_int_eq(file_begin(&w, "f"), 0);
	ck_assert_int_eq(mkdir("f", 0777), 0);
	ck_assert_int_eq(file_commit(&w), -1);
	ck_assert_int_eq(errno, EISDIR);
	ck_assert_int_eq(entries(".", "", NULL), 1);
}
END_TEST

START_TEST(follows_links)
{
	struct stat st;

	ck_assert_int_eq(mkdir("d", 0777), 0);
	ck_assert_int_eq(file_replace("d/f", "old", 3), 0);
	ck_assert_int_eq(symlink("d/f", "link"), 0);
	ck_assert_int_eq(file_replace("link", "new", 3), 0);
	ck_assert_int_eq(lstat("link", &st), 0);
	ck_assert(S_ISLNK(st.st_mode));
	expect_content("d/f", "new");
	ck_assert_int_eq(entries("d", "", NULL), 1);
}
END_TEST

/* With a pipe of the test's own: run by root, a fault here would replace a device by a file. */
START_TEST(special_files)
{
	struct file_writer w;
	struct buf b = BUF_INIT;
	struct stat st;
	int fd;

	ck_assert_int_eq(mkfifo("pipe", 0666), 0);
	ck_assert_int_eq(file_begin(&w, "pipe"), -1);	/* nobody reads: an error at once */
	ck_assert_int_eq(errno, ENXIO);
	fd = open("pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(file_begin(&w, "pipe"), 0);
	ck_assert_int_eq(fcntl(w.fd, F_GETFL) & O_NONBLOCK, 0);
	file_put(&w, "through", 7);
	ck_assert_int_eq(file_commit(&w), 0);
	ck_assert_int_eq(file_read_fd(fd, &b, 100), 0);
	ck_assert_str_eq(buf_str(&b), "through");

	/* The reader goes away before the commit. */
	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(file_begin(&w, "pipe"), 0);
	file_put(&w, "lost", 4);
	close(fd);
	ck_assert_int_eq(file_commit(&w), -1);
	ck_assert_int_eq(errno, EPIPE);
	ck_assert_int_eq(lstat("pipe", &st), 0);
	ck_assert(S_ISFIFO(st.st_mode));
	ck_assert_int_eq(entries(".", "", NULL), 1);
	buf_release(&b);
}
END_TEST

/* Whoever reads a pipe sees its end when one that writes has gone. */
START_TEST(is_looked_at_unnoticed)
{
	struct pollfd p = {.events = POLLIN};

	ck_assert_int_eq(mkfifo("pipe", 0666), 0);
	p.fd = open("pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ck_assert_int_ne(p.fd, -1);
	ck_assert_int_eq(file_check("pipe"), 0);
	ck_assert_int_eq(poll(&p, 1, 0), 0);
	close(p.fd);
	ck_assert_int_eq(file_check("pipe"), 0);
	ck_assert_int_eq(file_check("new"), 0);
	ck_assert_int_eq(file_check("."), -1);
	ck_assert_int_eq(file_check("no/new"), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(entries(".", "", NULL), 1);
}
END_TEST

/* ---- Folders ---- */

START_TEST(makes_folders)
{
	char *absolute = xasprintf("%s/x/y", folder);

	ck_assert_int_eq(file_mkdirs("a/b//c/"), 0);
	ck_assert_int_eq(access("a/b/c", X_OK), 0);
	ck_assert_int_eq(mode_of("a/b"), 0755);
	ck_assert_int_eq(file_mkdirs("a/b/c"), 0);
	ck_assert_int_eq(file_mkdirs("./a/../e"), 0);
	ck_assert_int_eq(access("e", X_OK), 0);
	ck_assert_int_eq(file_mkdirs(absolute), 0);
	ck_assert_int_eq(access("x/y", X_OK), 0);
	ck_assert_int_eq(file_mkdirs("/"), 0);
	ck_assert_int_eq(file_mkdirs("."), 0);
	ck_assert_int_eq(symlink("a", "link"), 0);
	ck_assert_int_eq(file_mkdirs("link/z"), 0);
	ck_assert_int_eq(access("a/z", X_OK), 0);

	ck_assert_int_eq(file_mkdirs(""), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(file_replace("f", "", 0), 0);
	ck_assert_int_eq(file_mkdirs("f"), -1);
	ck_assert_int_eq(errno, ENOTDIR);
	ck_assert_int_eq(file_mkdirs("f/g"), -1);
	ck_assert_int_eq(errno, ENOTDIR);
	free(absolute);
}
END_TEST

START_TEST(removes_trees)
{
	char path[100];

	ck_assert_int_eq(file_mkdirs("keep/inner"), 0);
	ck_assert_int_eq(file_replace("keep/f", "", 0), 0);
	ck_assert_int_eq(file_mkdirs("tree/a/b/.hidden"), 0);
	ck_assert_int_eq(symlink("../keep", "tree/link"), 0);
	ck_assert_int_eq(symlink("../../keep/f", "tree/a/link"), 0);
	ck_assert_int_eq(symlink("nowhere", "tree/dangling"), 0);
	ck_assert_int_eq(mkfifo("tree/a/pipe", 0600), 0);
	for (int i = 0; i < 1000; i++) {
		snprintf(path, sizeof(path), "tree/a/b/f%d", i);
		ck_assert_int_eq(file_replace(path, "x", 1), 0);
	}
	ck_assert_int_eq(file_remove_tree("tree"), 0);
	ck_assert_int_eq(access("tree", F_OK), -1);
	ck_assert_int_eq(access("keep/inner", F_OK), 0);
	ck_assert_int_eq(access("keep/f", F_OK), 0);

	ck_assert_int_eq(file_remove_tree("tree"), 0);
	ck_assert_int_eq(symlink("keep", "link"), 0);
	ck_assert_int_eq(file_remove_tree("link"), 0);
	ck_assert_int_eq(access("keep/f", F_OK), 0);
	ck_assert_int_eq(file_remove_tree("keep/f"), 0);
	ck_assert_int_eq(access("keep/f", F_OK), -1);
	ck_assert_int_eq(file_remove_tree("keep/inner/"), 0);
	ck_assert_int_eq(file_replace("keep/f", "", 0), 0);
	ck_assert_int_eq(file_remove_tree("keep/f/g"), -1);
	ck_assert_int_eq(errno, ENOTDIR);
}
END_TEST

/* ---- Names ---- */

START_TEST(names)
{
	static const struct {
		const char *folder, *name, *joined;
	} joins[] = {
		{"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"", "b", "b"}, {".", "b", "b"}, {"a", "/b", "/b"},
		{"/", "b", "/b"}, {"..", "b", "../b"}, {"a", "./b", "a/./b"}, {"./a", "b", "./a/b"},
	};
	static const struct {
		const char *path, *folder;
	} folders[] = {
		{"a/b.ipynb", "a"}, {"b.ipynb", "."}, {"/x", "/"}, {"/x/y", "/x"}, {"a/b/c", "a/b"}, {"a//b", "a"},
		{"//x", "/"}, {"a/b/", "a"}, {"a/", "."}, {"/", "/"}, {"", "."}, {"./x", "."}, {"../x", ".."},
	};

	for (size_t i = 0; i < sizeof(joins) / sizeof(joins[0]); i++) {
		char *joined = file_join(joins[i].folder, joins[i].name);

		ck_assert_str_eq(joined, joins[i].joined);
		free(joined);
	}
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		char *above = file_folder(folders[i].path);

		ck_assert_str_eq(above, folders[i].folder);
		free(above);
	}
}
END_TEST

START_TEST(tells_where_a_path_is)
{
	char *here = getcwd(NULL, 0), *expected = file_join(here, "a/../b"), *path = file_absolute("a/../b");

	ck_assert_str_eq(path, expected);
	free(path);
	path = file_absolute("/a//b/");
	ck_assert_str_eq(path, "/a//b/");
	free(path);
	free(expected);
	free(here);
}
END_TEST

START_TEST(removes_what_the_dead_have_left)
{
	struct file_writer w;
	char temporary[NAME_MAX + 1];

	ck_assert_int_eq(file_begin(&w, "a.ipynb"), 0);
	snprintf(temporary, sizeof(temporary), "%s", w.temporary);
	ck_assert_int_eq(file_replace(".a.ipynb.short", "", 0), 0);
	ck_assert_int_eq(file_replace(".b.ipynb.abcdef", "", 0), 0);
	ck_assert_int_eq(file_replace("a.ipynb", "", 0), 0);
	file_remove_temporaries("a.ipynb");
	ck_assert_int_eq(access(temporary, F_OK), -1);
	ck_assert_int_eq(access(".a.ipynb.short", F_OK), 0);
	ck_assert_int_eq(access(".b.ipynb.abcdef", F_OK), 0);
	ck_assert_int_eq(access("a.ipynb", F_OK), 0);
	file_abandon(&w);
}
END_TEST

START_TEST(reads_regular_files_alone)
{
	struct buf b = BUF_INIT;

	ck_assert_int_eq(file_replace("a", "text", 4), 0);
	ck_assert_int_eq(file_read_regular("a", &b, 100), 0);
	ck_assert_str_eq(buf_str(&b), "text");
	ck_assert_int_eq(mkfifo("fifo", 0600), 0);
	ck_assert_int_eq(file_read_regular("fifo", &b, 100), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(file_read_regular(".", &b, 100), -1);
	ck_assert_int_eq(errno, EISDIR);
	buf_release(&b);
}
END_TEST

START_TEST(creates_what_is_not_there)
{
	struct file_writer w;

	ck_assert_int_eq(file_create("new", "text", 4), 0);
	expect_content("new", "text");
	ck_assert_int_eq(file_create("new", "other", 5), -1);
	ck_assert_int_eq(errno, EEXIST);
	ck_assert_int_eq(symlink("nowhere", "link"), 0);
	ck_assert_int_eq(file_create("link", "other", 5), -1);
	ck_assert_int_eq(errno, EEXIST);
	ck_assert_int_eq(access("nowhere", F_OK), -1);
	/* One that appears meanwhile stays, too. */
	ck_assert_int_eq(file_begin(&w, "late"), 0);
	w.fresh = true;
	file_put(&w, "other", 5);
	ck_assert_int_eq(file_replace("late", "text", 4), 0);
	ck_assert_int_eq(file_commit(&w), -1);
	ck_assert_int_eq(errno, EEXIST);
	expect_content("late", "text");
	expect_content("new", "text");
	ck_assert_int_eq(unlink("new") | unlink("late") | unlink("link"), 0);
	ck_assert_int_eq(rmdir(folder), 0);	/* there is nothing else */
	ck_assert_int_eq(mkdir(folder, 0700), 0);
}
END_TEST

START_TEST(appends_to_regular_files_alone)
{
	int fd, reader;

	for (int i = 0; i < 2; i++) {
		fd = file_append("log", 0);
		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
		ck_assert_int_eq(write(fd, "x", 1), 1);
		close(fd);
	}
	expect_content("log", "xx");
	fd = file_append("log", O_TRUNC);
	ck_assert_int_ge(fd, 0);
	close(fd);
	expect_content("log", "");
	ck_assert_int_eq(mkfifo("fifo", 0600), 0);
	ck_assert_int_eq(file_append("fifo", 0), -1);
	ck_assert_int_eq(errno, ENXIO);
	reader = open("fifo", O_RDONLY | O_NONBLOCK);
	ck_assert_int_eq(file_append("fifo", 0), -1);
	ck_assert_int_eq(errno, EINVAL);
	close(reader);
	ck_assert_int_eq(file_append(".", 0), -1);
	ck_assert_int_eq(file_append("/dev/null", 0), -1);
	ck_assert_int_eq(errno, EINVAL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("file");
	TCase *tcase = tcase_create("file");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, enter_folder, leave_folder);
	tcase_add_test(tcase, reads);
	tcase_add_test(tcase, reads_nothing);
	tcase_add_test(tcase, reads_a_pipe);
	tcase_add_test(tcase, writes_in_full);
	tcase_add_test(tcase, appears_at_the_commit);
	tcase_add_test(tcase, abandons);
	tcase_add_test(tcase, modes);
	tcase_add_test(tcase, writes_any_size);
	tcase_add_test(tcase, long_names);
	tcase_add_test(tcase, begin_fails);
	tcase_add_test(tcase, disk_full);
	tcase_add_test(tcase, rename_fails);
	tcase_add_test(tcase, follows_links);
	tcase_add_test(tcase, special_files);
	tcase_add_test(tcase, is_looked_at_unnoticed);
	tcase_add_test(tcase, makes_folders);
	tcase_add_test(tcase, removes_trees);
	tcase_add_test(tcase, names);
	tcase_add_test(tcase, tells_where_a_path_is);
	tcase_add_test(tcase, removes_what_the_dead_have_left);
	tcase_add_test(tcase, reads_regular_files_alone);
	tcase_add_test(tcase, creates_what_is_not_there);
	tcase_add_test(tcase, appends_to_regular_files_alone);
	suite_add_tcase(suite, tcase);

	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
