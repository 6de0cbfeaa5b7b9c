#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "local/kernel.h"

#define PATIENCE (20 * NSEC_PER_SEC)

static char root[PATH_MAX];

static void
enter_folder(void)
{
	const char *above = getenv("TMPDIR");
	char made[PATH_MAX];

	snprintf(made, sizeof(made), "%s/check_kernel.XXXXXX", above != NULL ? above : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(made));
	ck_assert_ptr_nonnull(realpath(made, root));
	ck_assert_int_eq(chdir(root), 0);
}

static void
leave_folder(void)
{
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(file_remove_tree(root), 0);
}

/* A kernelspec that runs a script of the shell; tag is one more argument, for what is told by the command line. */
struct made {
	struct kernelspec spec;
	char *argv[5], *env[1];
};

static const struct kernelspec *
script(struct made *m, const char *text, const char *tag)
{
	static char name[] = "made", folder[] = "", sh[] = "/bin/sh", option[] = "-c";

	*m = (struct made){.spec = {.name = name, .folder = folder, .argc = tag != NULL ? 4 : 3}};
	m->argv[0] = sh;
	m->argv[1] = option;
	m->argv[2] = (char *)(uintptr_t)text;
	m->argv[3] = (char *)(uintptr_t)tag;
	m->spec.argv = m->argv;
	m->spec.env = m->env;
	return &m->spec;
}

static void
start(struct kernel *k, const char *text, const char *tag, enum transport transport)
{
	struct made m;
	char *why = NULL;

	ck_assert_msg(kernel_start(k, script(&m, text, tag), transport, root, NULL, NULL, NULL, &why) == 0, "%s", why);
	ck_assert_int_gt(k->pid, 0);
	ck_assert_int_ne(k->output, -1);
}

/* What the kernel prints, until there is n bytes of it or it has closed its output. */
static char *
printed(const struct kernel *k, size_t n)
{
	const int64_t deadline = clock_run() + PATIENCE;
	struct pollfd p = {.fd = k->output, .events = POLLIN};
	struct timespec left;
	struct buf b = BUF_INIT;
	ssize_t got = 1;

	while (got != 0 && b.len < n) {
		ck_assert_int_eq(ppoll(&p, 1, clock_left(deadline, &left), NULL), 1);
		got = read(k->output, buf_room(&b, 4096), 4096);
		ck_assert_int_ge(got, 0);
		b.len += (size_t)got;
	}
	buf_addc(&b, '\0');
	return buf_steal(&b);
}

static void
expect_printed(const struct kernel *k, const char *text)
{
	char *got = printed(k, SIZE_MAX);

	ck_assert_str_eq(got, text);
	free(got);
}

static void
await_end(struct kernel *k)
{
	const int64_t deadline = clock_run() + PATIENCE;

	while (!kernel_reap(k)) {
		ck_assert_int_lt(clock_run(), deadline);
		poll(NULL, 0, 2);
	}
	ck_assert(kernel_reap(k));
	ck_assert_int_eq(k->pid, 0);
}

static void
expect_no_child(void)
{
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
}

/* ---- The start ---- */

START_TEST(surroundings)
{
	struct made m;
	struct kernel k;
	char *why = NULL, *want, *more[] = {NULL, NULL};

	ck_assert_int_eq(mkdir("work", 0777), 0);
	more[0] = xstrdup("GIVEN=a b");
	ck_assert_msg(kernel_start(&k,
	    script(&m, "echo out; echo err >&2; pwd; cat; echo $GIVEN $JPY_PARENT_PID; exit 7", NULL), TRANSPORT_IPC, root,
	    "work", more, NULL, &why) == 0, "%s", why);
	want = xasprintf("out\nerr\n%s/work\na b %ld\n", root, (long)getpid());
	expect_printed(&k, want);
	free(want);
	free(more[0]);
	await_end(&k);
	ck_assert(k.ended);
	ck_assert_int_eq(WEXITSTATUS(k.status), 7);
	kernel_release(&k);
	kernel_release(&k);
	expect_no_child();
}
END_TEST

/* The leader of a session and a group of its own. */
START_TEST(own_session)
{
	struct kernel k;
	char *want;

	start(&k, "read -r pid name state parent group session rest </proc/$$/stat; echo $parent $group $session", NULL,
	    TRANSPORT_IPC);
	want = xasprintf("%ld %ld %ld\n", (long)getpid(), (long)k.pid, (long)k.pid);
	expect_printed(&k, want);
	free(want);
	kernel_release(&k);
}
END_TEST

START_TEST(inherits_no_signal_settings)
{
	struct kernel k;
	sigset_t set, after;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGRTMIN + 3, SIG_IGN);
	/*
	 * Without the two that glibc keeps for itself: nobody can set them, and whoever was started by its posix_spawn (by
	 * make, say) has them ignored.
	 */
	start(&k, "sed -nE 's/^(Sig(Blk|Ign)):.*(.{7})[01][08](.{7})$/\\1 \\3 \\4/p' /proc/self/status", NULL, TRANSPORT_IPC);
	expect_printed(&k, "SigBlk 0000000 0000000\nSigIgn 0000000 0000000\n");
	kernel_release(&k);
	/* Here nothing has changed. */
	sigprocmask(SIG_BLOCK, NULL, &after);
	ck_assert(sigismember(&after, SIGTERM) && sigismember(&after, SIGUSR1) && !sigismember(&after, SIGINT));
}
END_TEST

/* Neither what this program has opened nor what it was started with itself. */
START_TEST(inherits_no_descriptors)
{
	static const enum transport transports[] = {TRANSPORT_IPC, TRANSPORT_TCP};
	struct kernel k;

	ck_assert_int_eq(dup2(STDIN_FILENO, 50), 50);
	ck_assert_int_eq(dup2(STDIN_FILENO, 60), 60);
	start(&k, "ls /proc/$$/fd; grep flags /proc/self/fdinfo/1", NULL, transports[_i]);
	expect_printed(&k, "0\n1\n2\nflags:\t01\n");
	kernel_release(&k);
}
END_TEST

/* Started with nothing open, this program has low numbers for what it opens. */
START_TEST(works_without_standard_files)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct made m;
		struct kernel k;
		struct pollfd p;
		char *why = NULL, text[16] = "";

		alarm(20);
		closefrom(0);
		if (kernel_start(&k, script(&m, "cat; echo ok; echo ok >&2; exit 3", NULL), TRANSPORT_TCP, root, NULL, NULL,
		    NULL, &why) == -1)
			_exit(2);
		for (size_t n = 0; n < 6;) {
			ssize_t got;

			p = (struct pollfd){.fd = k.output, .events = POLLIN};
			if (poll(&p, 1, 10000) != 1 || (got = read(k.output, text + n, sizeof(text) - 1 - n)) <= 0)
				_exit(4);
			n += (size_t)got;
		}
		while (!kernel_reap(&k))
			poll(NULL, 0, 2);
		_exit(strcmp(text, "ok\nok\n") == 0 && WEXITSTATUS(k.status) == 3 ? 0 : 5);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(looks_in_the_kernels_path)
{
	char program[] = "a-kernel-of-the-test", *argv[] = {program, NULL}, *env[] = {NULL};
	struct kernelspec spec = {.name = program, .folder = program, .argv = argv, .argc = 1, .env = env};
	struct kernel k;
	char *why = NULL, *more[] = {NULL, NULL};
	int fd = open("a-kernel-of-the-test", O_WRONLY | O_CREAT | O_CLOEXEC, 0777);

	setenv("PATH", "/bin:/usr/bin", 1);
	ck_assert_int_eq(file_write_full(fd, "#!/bin/sh\necho found\n", 21), 0);
	close(fd);
	more[0] = xasprintf("PATH=%s:/bin:/usr/bin", root);
	ck_assert_msg(kernel_start(&k, &spec, TRANSPORT_IPC, root, "/", more, NULL, &why) == 0, "%s", why);
	expect_printed(&k, "found\n");
	kernel_release(&k);

	ck_assert_int_eq(kernel_start(&k, &spec, TRANSPORT_IPC, root, "/", NULL, NULL, &why), -1);
	ck_assert_str_eq(why, "cannot start kernel 'a-kernel-of-the-test': No such file or directory");
	free(why);
	kernel_release(&k);
	free(more[0]);
}
END_TEST

START_TEST(tells_why_it_does_not_start)
{
	struct made m;
	struct kernel k;
	char *why = NULL, program[] = "/";

	script(&m, "exit 0", NULL);
	ck_assert_int_eq(kernel_start(&k, &m.spec, TRANSPORT_IPC, root, "no/such", NULL, NULL, &why), -1);
	ck_assert_str_eq(why, "cannot use working directory 'no/such': No such file or directory");
	free(why);
	kernel_release(&k);
	expect_no_child();

	m.argv[0] = program;
	ck_assert_int_eq(kernel_start(&k, &m.spec, TRANSPORT_TCP, root, NULL, NULL, NULL, &why), -1);
	ck_assert_str_eq(why, "cannot start kernel '/': Permission denied");
	free(why);
	kernel_release(&k);
	expect_no_child();

	ck_assert_int_eq(kernel_start(&k, script(&m, "exit 0", NULL), TRANSPORT_IPC, "no/such", NULL, NULL, NULL, &why),
	    -1);
	ck_assert_ptr_nonnull(strstr(why, "/no/such/kernel.json': No such file or directory"));
	ck_assert_int_eq(strncmp(why, "cannot write '/", 15), 0);
	free(why);
	kernel_release(&k);
	expect_no_child();
}
END_TEST

START_TEST(releases_what_was_not_started)
{
	struct kernel k = KERNEL_INIT;

	ck_assert(!kernel_reap(&k));
	kernel_signal(&k, SIGKILL);
	kernel_release(&k);
	ck_assert_int_eq(k.output, -1);
}
END_TEST

/* ---- The end ---- */

static const struct {
	const char *script, *description;
} ends[] = {
	{"exit 0", "kernel exited with status 0"},
	{"exit 3", "kernel exited with status 3"},
	{"kill -KILL $$", "kernel was killed by SIGKILL (out of memory?)"},
	{"kill -TERM $$", "kernel was killed by SIGTERM"},
	{"ulimit -c 0; kill -SEGV $$", "kernel was killed by SIGSEGV"},
};

START_TEST(describes_end)
{
	struct kernel k;
	char *s;

	start(&k, ends[_i].script, NULL, TRANSPORT_IPC);
	s = kernel_describe_end(&k);
	ck_assert_str_eq(s, "kernel is running");
	free(s);
	await_end(&k);
	s = kernel_describe_end(&k);
	ck_assert_str_eq(s, ends[_i].description);
	free(s);
	kernel_release(&k);
}
END_TEST

START_TEST(reaps_only_the_kernel)
{
	struct kernel k;
	pid_t other = fork();
	char *s;

	if (other == 0)
		_exit(9);
	start(&k, "sleep 60", NULL, TRANSPORT_IPC);
	ck_assert_int_eq(waitid(P_PID, (id_t)other, &(siginfo_t){.si_pid = 0}, WEXITED | WNOWAIT), 0);
	ck_assert(!kernel_reap(&k));
	ck_assert_int_eq(waitpid(other, NULL, WNOHANG), other);

	/* Taken away by somebody else who waits for all children. */
	kernel_signal(&k, SIGKILL);
	ck_assert_int_eq(waitpid(k.pid, NULL, 0), k.pid);
	ck_assert(kernel_reap(&k));
	ck_assert(k.ended);
	s = kernel_describe_end(&k);
	ck_assert_str_eq(s, "kernel has gone");
	free(s);
	kernel_signal(&k, SIGKILL);	/* to nobody: the number may be another's */
	kernel_release(&k);
}
END_TEST

START_TEST(signals_the_group)
{
	struct kernel k;
	char *got;

	start(&k, "exec 2>/dev/null; trap 'wait; echo above; exit 4' TERM; "
		  "sh -c 'trap \"echo below; exit\" TERM; echo ready; while :; do sleep 0.05; done' & "
		  "while :; do sleep 0.05; done", NULL, TRANSPORT_IPC);
	got = printed(&k, 6);
	ck_assert_str_eq(got, "ready\n");
	free(got);
	kernel_signal(&k, SIGTERM);
	expect_printed(&k, "below\nabove\n");
	await_end(&k);
	ck_assert_int_eq(WEXITSTATUS(k.status), 4);
	kernel_release(&k);
}
END_TEST

START_TEST(kills_what_ignores_signals)
{
	struct kernel k;
	char *got, byte[1];
	pid_t pid;

	start(&k, "trap '' TERM INT HUP; echo ready; while :; do sleep 1; done", NULL, TRANSPORT_IPC);
	got = printed(&k, 6);
	free(got);
	kernel_signal(&k, SIGTERM);
	kernel_signal(&k, SIGINT);
	poll(NULL, 0, 50);
	ck_assert(!kernel_reap(&k));
	/* It has no more to say, and reading does not wait for more. */
	ck_assert_int_eq(read(k.output, byte, 1), -1);
	ck_assert_int_eq(errno, EAGAIN);
	pid = k.pid;
	kernel_release(&k);
	ck_assert_int_eq(kill(pid, 0), -1);
	expect_no_child();
}
END_TEST

START_TEST(dies_with_its_parent)
{
	int tell[2], status = -1;
	pid_t parent, pid = 0;

	ck_assert_int_eq(proc_adopt_orphans(), 0);
	ck_assert_int_eq(pipe2(tell, O_CLOEXEC), 0);
	parent = fork();
	if (parent == 0) {
		struct made m;
		struct kernel k;
		char *why = NULL;

		if (kernel_start(&k, script(&m, "trap '' HUP TERM; sleep 60; exit 0", NULL), TRANSPORT_IPC, root, NULL, NULL,
		    NULL, &why) == -1)
			_exit(1);
		if (file_write_full(tell[1], &k.pid, sizeof(k.pid)) == -1)
			_exit(1);
		raise(SIGKILL);
	}
	close(tell[1]);
	ck_assert_int_eq(read(tell[0], &pid, sizeof(pid)), (int)sizeof(pid));
	close(tell[0]);
	ck_assert_int_eq(waitpid(parent, NULL, 0), parent);
	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	proc_empty_tree(NULL, 0, PATIENCE, NULL);	/* its sleep */
}
END_TEST

/* ---- Connections ---- */

static struct json
read_connection(const struct kernel *k, struct buf *b)
{
	struct json file;

	buf_reset(b);
	ck_assert_int_eq(file_read(k->file, b, 65536), 0);
	ck_assert_int_eq(json_parse(buf_str(b), b->len, &file, NULL), 0);
	ck_assert_int_eq(json_type(file), JSON_OBJECT);
	return file;
}

static void
expect_member(struct json file, const char *key, const char *value)
{
	char *got = json_strdup(json_get(file, key));

	ck_assert_ptr_nonnull(got);
	ck_assert_str_eq(got, value);
	free(got);
}

static const char *const port_keys[CHANNELS] = {"shell_port", "iopub_port", "stdin_port", "control_port", "hb_port"};

START_TEST(writes_connection_file)
{
	static const char *const transports[] = {"ipc", "tcp", "tcp"};
	const bool ipc = _i == 0, by_kernel = _i == 2;
	struct kernel k;
	struct json file;
	struct buf b = BUF_INIT;
	struct stat st;
	char key[65], *address;
	int64_t port;

	umask(0777);
	start(&k, "sleep 60", by_kernel ? "ipykernel_launcher" : NULL, ipc ? TRANSPORT_IPC : TRANSPORT_TCP);
	umask(022);
	ck_assert_int_eq(stat(k.file, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	file = read_connection(&k, &b);
	ck_assert_uint_eq(json_count(file), 10);
	address = xasprintf("%s/k", root);
	expect_member(file, "ip", ipc ? address : "127.0.0.1");
	expect_member(file, "transport", transports[_i]);
	expect_member(file, "signature_scheme", "hmac-sha256");
	expect_member(file, "kernel_name", "made");
	expect_member(file, "key", k.key);
	free(address);
	ck_assert_uint_eq(strspn(k.key, "0123456789abcdef"), 64);
	for (int c = 0; c < CHANNELS; c++) {
		ck_assert(json_int(json_get(file, port_keys[c]), &port));
		ck_assert_int_eq(port, k.ports[c]);
		if (ipc)
			ck_assert_int_eq(port, c + 1);
		else if (by_kernel)
			ck_assert_int_eq(port, 0);
		else
			ck_assert_int_gt(port, 1024);
	}
	memcpy(key, k.key, sizeof(key));
	kernel_release(&k);
	start(&k, "sleep 60", NULL, TRANSPORT_IPC);	/* in the same folder, where the file still is */
	ck_assert_str_ne(k.key, key);
	file = read_connection(&k, &b);
	expect_member(file, "key", k.key);
	kernel_release(&k);
	buf_release(&b);
}
END_TEST

START_TEST(gives_the_file_to_the_kernel)
{
	static char name[] = "made", folder[] = "", cat[] = "cat", placeholder[] = "{connection_file}";
	char *argv[] = {cat, placeholder, NULL}, *env[] = {NULL}, *why = NULL;
	struct kernelspec spec = {.name = name, .folder = folder, .argv = argv, .argc = 2, .env = env};
	struct buf b = BUF_INIT;
	struct kernel k;

	/* A folder that is named from here, while the kernel runs elsewhere. */
	ck_assert_int_eq(mkdir("run", 0700), 0);
	ck_assert_msg(kernel_start(&k, &spec, TRANSPORT_IPC, "run", "/", NULL, NULL, &why) == 0, "%s", why);
	read_connection(&k, &b);
	expect_printed(&k, buf_str(&b));
	ck_assert_int_eq(*k.address, '/');
	kernel_release(&k);
	buf_release(&b);
}
END_TEST

static int
bind_socket(const struct kernel *k, int number)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s-%d", k->address, number);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	return fd;
}

static bool
is_awake(const struct kernel *k)
{
	struct pollfd p = {.fd = k->watch, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

START_TEST(waits_for_sockets)
{
	static const int wanted[] = {2, 5, 4, 3};	/* the last one that is needed is the shell's, number 1 */
	struct kernel k;
	char *why = NULL, *endpoint, *want;
	int fds[5];

	for (int round = 0; round < 2; round++) {
		/* In the second round the sockets of the first are still there. */
		start(&k, "sleep 60", NULL, TRANSPORT_IPC);
		ck_assert(k.by_ipc);
		ck_assert_int_ne(k.watch, -1);
		ck_assert_int_eq(kernel_endpoints_ready(&k, &why), 0);
		ck_assert(!is_awake(&k));
		for (int i = 0; i < 4; i++) {
			fds[i] = bind_socket(&k, wanted[i]);
			ck_assert(is_awake(&k));
			ck_assert_int_eq(kernel_endpoints_ready(&k, &why), 0);
			ck_assert(!is_awake(&k));
		}
		want = xasprintf("%s-1", k.address);
		ck_assert_int_eq(mkdir(want, 0777), 0);
		ck_assert_int_eq(kernel_endpoints_ready(&k, &why), 0);
		ck_assert_int_eq(rmdir(want), 0);
		free(want);
		fds[4] = bind_socket(&k, 1);
		ck_assert(is_awake(&k));
		ck_assert_int_eq(kernel_endpoints_ready(&k, &why), 1);
		ck_assert_int_eq(k.watch, -1);
		ck_assert_int_eq(kernel_endpoints_ready(&k, &why), 1);
		for (int i = 0; i < 5; i++)
			close(fds[i]);
		for (int c = 0; c < CHANNELS; c++) {
			want = xasprintf("ipc://%s/k-%d", root, c + 1);
			endpoint = kernel_endpoint(&k, c);
			ck_assert_str_eq(endpoint, want);
			free(endpoint);
			free(want);
		}
		kernel_release(&k);
	}
	ck_assert_ptr_null(why);
}
END_TEST

static void
write_ports(const struct kernel *k, const char *text)
{
	int fd = open(k->file, O_WRONLY | O_TRUNC | O_CLOEXEC);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(file_write_full(fd, text, strlen(text)), 0);
	close(fd);
}

START_TEST(waits_for_ports)
{
	/* What a file looks like while it is being written, and after. */
	static const char complete[] = "{\"iopub_port\": 50002, \"control_port\": 50004, \"shell_port\": 50001}";
	static const char *const early[] = {"", "{\"shell_port\": 50", "{\"shell_port\": 0, \"iopub_port\": 0, \"control_port\": 0}",
		"{\"shell_port\": 50001, \"iopub_port\": 50002, \"control_port\": 0}"};
	struct kernel k;
	char *why = NULL, *endpoint;

	start(&k, "sleep 60", "ipykernel_launcher", TRANSPORT_TCP);
	ck_assert(!k.by_ipc && k.ports_by_kernel);
	ck_assert_int_eq(kernel_endpoints_ready(&k, &why), 0);
	ck_assert(!is_awake(&k));
	for (size_t i = 0; i < sizeof(early) / sizeof(early[0]); i++) {
		write_ports(&k, early[i]);
		ck_assert(is_awake(&k));
		ck_assert_int_eq(kernel_endpoints_ready(&k, &why), 0);
		ck_assert(!is_awake(&k));
	}
	ck_assert_int_eq(unlink(k.file), 0);
	ck_assert_int_eq(kernel_endpoints_ready(&k, &why), 0);
	/* Replaced by one of that name, as newer ones do it. */
	ck_assert_int_eq(file_replace(k.file, complete, strlen(complete)), 0);
	ck_assert(is_awake(&k));
	ck_assert_int_eq(kernel_endpoints_ready(&k, &why), 1);
	ck_assert_int_eq(k.watch, -1);
	endpoint = kernel_endpoint(&k, CHANNEL_CONTROL);
	ck_assert_str_eq(endpoint, "tcp://127.0.0.1:50004");
	free(endpoint);
	endpoint = kernel_endpoint(&k, CHANNEL_SHELL);
	ck_assert_str_eq(endpoint, "tcp://127.0.0.1:50001");
	free(endpoint);
	kernel_release(&k);
}
END_TEST

static const struct {
	const char *text, *port;
} bad_ports[] = {
	{"[]", "shell_port"},
	{"{\"shell_port\": \"50001\", \"iopub_port\": 50002, \"control_port\": 50003}", "shell_port"},
	{"{\"shell_port\": 50001, \"iopub_port\": 65536, \"control_port\": 50003}", "iopub_port"},
	{"{\"shell_port\": 50001, \"iopub_port\": 50002, \"control_port\": -1}", "control_port"},
	{"{\"shell_port\": 50001, \"iopub_port\": 50002}", "control_port"},
};

START_TEST(refuses_bad_ports)
{
	struct kernel k;
	char *why = NULL, *want;

	start(&k, "sleep 60", "ipykernel_launcher", TRANSPORT_TCP);
	write_ports(&k, bad_ports[_i].text);
	ck_assert_int_eq(kernel_endpoints_ready(&k, &why), -1);
	want = xasprintf("the kernel wrote no usable '%s' into '%s/kernel.json'", bad_ports[_i].port, root);
	ck_assert_str_eq(why, want);
	free(why);
	free(want);
	kernel_release(&k);
}
END_TEST

/* Binds a port as a kernel would. */
static int
bind_port(int port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool
is_claimed(int first)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int n = snprintf(sun.sun_path + 1, sizeof(sun.sun_path) - 1, "nbfork-ports-%d", first);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool claimed = bind(fd, (struct sockaddr *)&sun, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) == -1;

	close(fd);
	return claimed;
}

START_TEST(chooses_ports)
{
	struct kernel k[8];
	struct buf b = BUF_INIT;
	int low, high, first, fd;
	char *why = NULL;

	ck_assert_int_eq(file_read("/proc/sys/net/ipv4/ip_local_port_range", &b, 100), 0);
	ck_assert_int_eq(sscanf(buf_str(&b), "%d %d", &low, &high), 2);
	buf_release(&b);
	for (int i = 0; i < 8; i++) {
		start(&k[i], "sleep 60", NULL, TRANSPORT_AUTO);
		ck_assert(!k[i].by_ipc && !k[i].ports_by_kernel);
		ck_assert_int_eq(kernel_endpoints_ready(&k[i], &why), 1);
		for (int c = 0; c < CHANNELS; c++) {
			int port = k[i].ports[c];

			ck_assert_int_eq(port, k[i].ports[0] + c);
			ck_assert_int_eq(k[i].holders[c], -1);
			if (low > 20000 || high < 60000)
				ck_assert(port < low || port > high);
			/* Given up to the kernel, which has been executed by now. */
			fd = bind_port(port);
			ck_assert_int_ne(fd, -1);
			close(fd);
			for (int j = 0; j < i; j++)
				ck_assert(port < k[j].ports[0] || port > k[j].ports[CHANNELS - 1]);
		}
		/* But no other nbfork may have them as long as the kernel lives. */
		ck_assert(is_claimed(k[i].ports[0]));
	}
	for (int i = 0; i < 8; i++) {
		first = k[i].ports[0];
		kernel_release(&k[i]);
		ck_assert(!is_claimed(first));
	}
}
END_TEST

/*
 * Moves this process into a network of its own, in which the system's range leaves two blocks of five ports, from 10000
 * and from 10005. Returns false where that is not allowed.
 */
static bool
enter_small_network(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd;
	bool done;

	if (unshare(CLONE_NEWNET) == -1 && unshare(CLONE_NEWUSER | CLONE_NEWNET) == -1)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	done = ioctl(fd, SIOCSIFFLAGS, &lo) == 0;
	close(fd);
	fd = open("/proc/sys/net/ipv4/ip_local_port_range", O_WRONLY | O_CLOEXEC);
	done = fd != -1 && file_write_full(fd, "10010 65535", 11) == 0 && done;
	if (fd != -1)
		close(fd);
	return done;
}

/* A block of which one port is taken is left alone, and so is one that another nbfork has claimed. */
START_TEST(leaves_taken_ports_alone)
{
	struct kernel a, b, c;
	int taken;

	if (!enter_small_network())
		return;
	taken = bind_port(10002);
	ck_assert_int_ne(taken, -1);
	start(&a, "sleep 60", NULL, TRANSPORT_TCP);
	ck_assert_int_eq(a.ports[0], 10005);
	/* When there is no block left it is any ports. */
	start(&b, "sleep 60", NULL, TRANSPORT_TCP);
	for (int i = 0; i < CHANNELS; i++) {
		ck_assert_int_ge(b.ports[i], 10010);
		for (int j = 0; j < i; j++)
			ck_assert_int_ne(b.ports[i], b.ports[j]);
	}
	close(taken);
	start(&c, "sleep 60", NULL, TRANSPORT_TCP);
	ck_assert_int_eq(c.ports[0], 10000);
	kernel_release(&a);
	kernel_release(&b);
	start(&b, "sleep 60", NULL, TRANSPORT_TCP);
	ck_assert_int_eq(b.ports[0], 10005);
	kernel_release(&b);
	kernel_release(&c);
}
END_TEST

START_TEST(chooses_transport)
{
	struct made m;
	struct kernel k;
	char *why = NULL, *longest, *want;
	size_t n = strlen(root);

	/* The last byte of the path of a socket that fits is number 107. */
	longest = xmalloc(120);
	memset(longest, 'x', 120);
	memcpy(longest, root, n);
	longest[n] = '/';
	longest[107 - 4] = '\0';
	ck_assert_int_eq(mkdir(longest, 0700), 0);
	script(&m, "sleep 60", "ipykernel_launcher");
	ck_assert_msg(kernel_start(&k, &m.spec, TRANSPORT_AUTO, longest, NULL, NULL, NULL, &why) == 0, "%s", why);
	ck_assert(k.by_ipc);
	close(bind_socket(&k, 1));
	kernel_release(&k);

	longest[107 - 4] = 'x';
	longest[108 - 4] = '\0';
	ck_assert_int_eq(mkdir(longest, 0700), 0);
	ck_assert_msg(kernel_start(&k, &m.spec, TRANSPORT_AUTO, longest, NULL, NULL, NULL, &why) == 0, "%s", why);
	ck_assert(!k.by_ipc);
	kernel_release(&k);
	ck_assert_int_eq(kernel_start(&k, &m.spec, TRANSPORT_IPC, longest, NULL, NULL, NULL, &why), -1);
	want = xasprintf("cannot have sockets in '%s': their paths would be longer than 107 bytes", longest);
	ck_assert_str_eq(why, want);
	free(want);
	free(why);
	kernel_release(&k);
	free(longest);

	/* What is not known to take ipc gets it when told so. */
	start(&k, "sleep 60", NULL, TRANSPORT_AUTO);
	ck_assert(!k.by_ipc);
	kernel_release(&k);
	start(&k, "sleep 60", NULL, TRANSPORT_IPC);
	ck_assert(k.by_ipc);
	kernel_release(&k);
	start(&k, "sleep 60", "ipykernel_launcher", TRANSPORT_TCP);
	ck_assert(!k.by_ipc);
	kernel_release(&k);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("kernel");
	TCase *starting = tcase_create("start"), *ending = tcase_create("end"), *connecting = tcase_create("connection");
	SRunner *runner;
	int failed;

	tcase_set_timeout(starting, 60);
	tcase_add_checked_fixture(starting, enter_folder, leave_folder);
	tcase_add_test(starting, surroundings);
	tcase_add_test(starting, own_session);
	tcase_add_test(starting, inherits_no_signal_settings);
	tcase_add_loop_test(starting, inherits_no_descriptors, 0, 2);
	tcase_add_test(starting, works_without_standard_files);
	tcase_add_test(starting, looks_in_the_kernels_path);
	tcase_add_test(starting, tells_why_it_does_not_start);
	tcase_add_test(starting, releases_what_was_not_started);
	suite_add_tcase(suite, starting);

	tcase_set_timeout(ending, 60);
	tcase_add_checked_fixture(ending, enter_folder, leave_folder);
	tcase_add_loop_test(ending, describes_end, 0, (int)(sizeof(ends) / sizeof(ends[0])));
	tcase_add_test(ending, reaps_only_the_kernel);
	tcase_add_test(ending, signals_the_group);
	tcase_add_test(ending, kills_what_ignores_signals);
	tcase_add_test(ending, dies_with_its_parent);
	suite_add_tcase(suite, ending);

	tcase_set_timeout(connecting, 60);
	tcase_add_checked_fixture(connecting, enter_folder, leave_folder);
	tcase_add_loop_test(connecting, writes_connection_file, 0, 3);
	tcase_add_test(connecting, gives_the_file_to_the_kernel);
	tcase_add_test(connecting, waits_for_sockets);
	tcase_add_test(connecting, waits_for_ports);
	tcase_add_loop_test(connecting, refuses_bad_ports, 0, (int)(sizeof(bad_ports) / sizeof(bad_ports[0])));
	tcase_add_test(connecting, chooses_ports);
	tcase_add_test(connecting, leaves_taken_ports_alone);
	tcase_add_test(connecting, chooses_transport);
	suite_add_tcase(suite, connecting);

	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
