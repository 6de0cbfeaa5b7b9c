#include "local/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

#define FILE_MAX (64 * 1024)
#define PORT_MIN 10000	/* below are the usual places of services */
#define PORT_MAX 65535
#define BLOCK_TRIES 1000
#define SOCKET_PATH_MAX (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1)

/* As the connection file calls them. */
static const char *const port_keys[CHANNELS] = {
	[CHANNEL_SHELL] = "shell_port",
	[CHANNEL_IOPUB] = "iopub_port",
	[CHANNEL_STDIN] = "stdin_port",
	[CHANNEL_CONTROL] = "control_port",
	[CHANNEL_HB] = "hb_port",
};

/* Those that this program connects to. */
static const enum channel used[] = {CHANNEL_SHELL, CHANNEL_IOPUB, CHANNEL_CONTROL};

static void
random_bytes(void *p, size_t n)
{
	if (getrandom(p, n, 0) != (ssize_t)n)
		log_fatal("cannot get random bytes: %s", strerror(errno));
}

void
connection_random(char *text, size_t n)
{
	unsigned char bytes[64];

	random_bytes(bytes, n / 2);
	for (size_t i = 0; i < n / 2; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	explicit_bzero(bytes, sizeof(bytes));
}

static char *
socket_path(const struct kernel *k, enum channel c)
{
	return xasprintf("%s-%d", k->address, k->ports[c]);
}

char *
kernel_endpoint(const struct kernel *k, enum channel channel)
{
	return k->by_ipc ? xasprintf("ipc://%s-%d", k->address, k->ports[channel])
			 : xasprintf("tcp://%s:%d", k->address, k->ports[channel]);
}

bool
connection_fits(const char *folder)
{
	return strlen(folder) + strlen("/k-1") <= SOCKET_PATH_MAX;
}

/* A socket that keeps the port (0: any that is free) from others. Returns -1 when it is taken. */
static int
hold_port(int port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd != -1 && bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int
port_of(int fd)
{
	struct sockaddr_in sin = {.sin_port = 0};
	socklen_t n = sizeof(sin);

	return getsockname(fd, (struct sockaddr *)&sin, &n) == 0 ? ntohs(sin.sin_port) : -1;
}

/*
 * Claims the block of ports that begins with first, among all nbforks of this machine (to be exact: of this
 * network namespace, which is what an abstract socket's name belongs to, as a port does). A port that is only held
 * until the kernel starts would be free again until the kernel binds it, half a second later.
 */
static int
claim_block(int first)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int n = snprintf(sun.sun_path + 1, sizeof(sun.sun_path) - 1, "nbfork-ports-%d", first);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd != -1 &&
	    bind(fd, (struct sockaddr *)&sun, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) == -1) {
		close(fd);
		fd = -1;
	}
	return fd;
}

void
connection_let_go(struct kernel *k)
{
	for (int c = 0; c < CHANNELS; c++) {
		if (k->holders[c] != -1)
			close(k->holders[c]);
		k->holders[c] = -1;
	}
}

/* Reserves five ports from first on (0: any). Returns whether it could. */
static bool
hold_block(struct kernel *k, int first)
{
	for (int c = 0; c < CHANNELS; c++) {
		k->holders[c] = hold_port(first == 0 ? 0 : first + c);
		k->ports[c] = k->holders[c] == -1 ? -1 : port_of(k->holders[c]);
		if (k->ports[c] == -1) {
			connection_let_go(k);
			return false;
		}
	}
	return true;
}

/* The ports that the system takes for the near end of connections. */
static void
system_range(int *low, int *high)
{
	struct buf b = BUF_INIT;

	*low = 32768;
	*high = 60999;
	if (file_read("/proc/sys/net/ipv4/ip_local_port_range", &b, FILE_MAX) == 0)
		sscanf(buf_str(&b), "%d %d", low, high);
	buf_release(&b);
}

/*
 * Chooses five free ports, in blocks of five so that two nbforks never choose some of each other's. They lie
 * outside the system's range: a client that tries to connect to a port of that range, while the kernel does not
 * listen yet, can be given the very same port for its own end, and be connected to itself.
 */
static int
choose_ports(struct kernel *k, char **why)
{
	int low, high, below, above;
	uint32_t start;

	system_range(&low, &high);
	below = low > PORT_MIN ? (low - PORT_MIN) / CHANNELS : 0;
	above = high < PORT_MAX ? (PORT_MAX - high) / CHANNELS : 0;
	random_bytes(&start, sizeof(start));
	for (int i = 0; i < below + above && i < BLOCK_TRIES; i++) {
		int block = (int)((start + (uint32_t)i) % (uint32_t)(below + above));

		block = block < below ? PORT_MIN + block * CHANNELS : high + 1 + (block - below) * CHANNELS;
		k->claim = claim_block(block);
		if (k->claim != -1 && hold_block(k, block))
			return 0;
		if (k->claim != -1)
			close(k->claim);
		k->claim = -1;
	}
	if (hold_block(k, 0))
		return 0;
	*why = xasprintf("cannot reserve ports for the kernel: %s", strerror(errno));
	return -1;
}

static int
write_file(const struct kernel *k, const char *kernel_name, char **why)
{
	struct buf b = BUF_INIT;
	struct json_out o = JSON_OUT(&b, 2, 0);
	int fd, result = -1;

	json_out_open(&o, '{');
	for (int c = 0; c < CHANNELS; c++) {
		json_out_key(&o, port_keys[c]);
		json_out_int(&o, k->ports[c]);
	}
	json_out_key(&o, "ip");
	json_out_str(&o, k->address);
	json_out_key(&o, "key");
	json_out_str(&o, k->key);
	json_out_key(&o, "transport");
	json_out_str(&o, k->by_ipc ? "ipc" : "tcp");
	json_out_key(&o, "signature_scheme");
	json_out_str(&o, "hmac-sha256");
	json_out_key(&o, "kernel_name");
	json_out_str(&o, kernel_name);
	json_out_close(&o, '}');
	buf_addc(&b, '\n');

	/* Not replaced atomically and not synced: nobody reads it before the kernel, which is not there yet. */
	unlink(k->file);
	fd = open(k->file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd != -1 && fchmod(fd, 0600) == 0 && file_write_full(fd, b.data, b.len) == 0)
		result = 0;
	else
		*why = xasprintf("cannot write '%s': %s", k->file, strerror(errno));
	if (fd != -1)
		close(fd);
	explicit_bzero(b.data, b.len);
	buf_release(&b);
	return result;
}

int
connection_prepare(struct kernel *k, const struct kernelspec *spec, char **why)
{
	if (k->by_ipc && !connection_fits(k->folder)) {
		*why = xasprintf("cannot have sockets in '%s': their paths would be longer than %zu bytes", k->folder,
		    SOCKET_PATH_MAX);
		return -1;
	}
	k->file = file_join(k->folder, "kernel.json");
	k->address = k->by_ipc ? file_join(k->folder, "k") : xstrdup("127.0.0.1");
	k->ports_by_kernel = !k->by_ipc && kernelspec_is_ipykernel(spec);
	connection_random(k->key, sizeof(k->key));
	for (int c = 0; k->by_ipc && c < CHANNELS; c++) {
		char *path;

		k->ports[c] = c + 1;
		path = socket_path(k, c);
		unlink(path);	/* of an earlier kernel: it would pass for this one's */
		free(path);
	}
	if (!k->by_ipc && !k->ports_by_kernel && choose_ports(k, why) == -1)
		return -1;
	if (write_file(k, spec->name, why) == -1)
		return -1;
	if (!k->by_ipc && !k->ports_by_kernel)
		return 0;
	k->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (k->watch != -1 &&
	    inotify_add_watch(k->watch, k->folder, IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO) == -1) {
		close(k->watch);
		k->watch = -1;
	}
	if (k->watch == -1)	/* the number of them is limited for each user; the caller asks now and then too */
		log_debug("cannot watch '%s': %s", k->folder, strerror(errno));
	return 0;
}

void
connection_release(struct kernel *k)
{
	connection_let_go(k);
	if (k->claim > 0)
		close(k->claim);
	k->claim = -1;
	if (k->watch != -1)
		close(k->watch);
	k->watch = -1;
	explicit_bzero(k->key, sizeof(k->key));
	free(k->file);
	free(k->address);
	k->file = k->address = NULL;
}

/* Takes the events off the queue: what they say is looked up afresh. */
static void
drain_watch(const struct kernel *k)
{
	_Alignas(struct inotify_event) char events[4096];

	while (k->watch != -1 && read(k->watch, events, sizeof(events)) > 0)
		;
}

static bool
sockets_are_there(const struct kernel *k)
{
	bool all = true;

	for (size_t i = 0; all && i < sizeof(used) / sizeof(used[0]); i++) {
		char *path = socket_path(k, used[i]);
		struct stat st;

		all = lstat(path, &st) == 0 && S_ISSOCK(st.st_mode);
		free(path);
	}
	return all;
}

/*
 * Takes the ports from the connection file, which the kernel may be writing at this moment. Returns as
 * kernel_endpoints_ready.
 */
static int
read_ports(struct kernel *k, char **why)
{
	struct buf b = BUF_INIT;
	struct json file;
	int result = 0;

	/*
	 * Half a file is no JSON, and an empty or missing one is no surprise either. The kernel may also leave out
	 * what it does not use.
	 */
	if (file_read(k->file, &b, FILE_MAX) == -1 || json_parse(buf_str(&b), b.len, &file, NULL) == -1)
		goto out;
	result = 1;
	for (size_t i = 0; result == 1 && i < sizeof(used) / sizeof(used[0]); i++) {
		struct json value = json_get(file, port_keys[used[i]]);
		int64_t port;

		if (!json_int(value, &port) || port < 0 || port > PORT_MAX) {
			*why = xasprintf("the kernel wrote no usable '%s' into '%s'", port_keys[used[i]], k->file);
			result = -1;
		} else if (port == 0) {
			result = 0;
		} else {
			k->ports[used[i]] = (int)port;
		}
	}
out:
	buf_release(&b);
	return result;
}

int
kernel_endpoints_ready(struct kernel *k, char **why)
{
	int result = 1;

	drain_watch(k);
	if (k->by_ipc)
		result = sockets_are_there(k);
	else if (k->ports_by_kernel)
		result = read_ports(k, why);
	if (result == 1 && k->watch != -1) {
		close(k->watch);
		k->watch = -1;
	}
	return result;
}
