/* Kernels that are forked from one that is ready. */
#include "local/kernel_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "local/connection.h"
#include "local/forkserver.h"

#define EMPTY_PATIENCE (6 * NSEC_PER_SEC)	/* a keeper gives up after five */

void
kernel_begin(struct kernel *k, const struct kernelspec *spec, enum transport transport, const char *folder)
{
	*k = (struct kernel)KERNEL_INIT;
	k->interrupt_by_message = spec->interrupt_by_message;
	k->by_ipykernel = kernelspec_is_ipykernel(spec);
	k->folder = file_absolute(folder);	/* the kernel may run in another one */
	k->by_ipc = transport == TRANSPORT_IPC ||
	    (transport == TRANSPORT_AUTO && kernelspec_takes_ipc(spec) && connection_fits(k->folder));
}

int
kernel_fork(struct kernel *k, const struct kernelspec *spec, const struct task *t, const char *folder,
    char *const *env, const struct memory *memory)
{
	char **command, **all, *directory, *why = NULL;
	int output[2];

	kernel_begin(k, spec, t->target->transport, folder);
	if (connection_prepare(k, spec, &why) == -1) {
		free(why);	/* it will be said by whoever tries the same without a server */
		return -1;
	}
	if (pipe2(output, O_CLOEXEC) == -1)
		return -1;
	k->output = output[0];
	fcntl(k->output, F_SETFL, O_NONBLOCK);
	command = kernelspec_command(spec, k->file);
	all = kernelspec_environment(spec, env);
	directory = file_absolute(t->working_directory != NULL ? t->working_directory : ".");
	connection_let_go(k);	/* the kernel takes the ports */
	k->leash = forkserver_ask(spec, t, command, all, directory, memory, output[1]);
	k->warm = k->leash != -1;
	close(output[1]);
	free(directory);
	kernelspec_free_list(command);
	kernelspec_free_list(all);
	return k->warm ? 0 : -1;
}

void
kernel_tell(const struct kernel *k, const char *fmt, ...)
{
	char line[64];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	/* Who does not hear it is gone, and all that it kept with it. */
	if (k->leash != -1 && send(k->leash, line, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) == -1)
		log_debug("cannot tell the kernel's keeper anything: %s", strerror(errno));
}

static void
spent(struct kernel *k, const char *text)
{
	double user = 0, system = 0;
	long rss = 0;

	if (sscanf(text, "%lf %lf %ld", &user, &system, &rss) != 3)
		return;
	k->cpu_seconds = user + system;
	k->max_rss_bytes = (int64_t)rss * 1024;
}

static void
hang_up(struct kernel *k)
{
	close(k->leash);
	k->leash = -1;
	/* A keeper that died without a word was killed, and its kernel with it. */
	if (k->pid == 0 && !k->ended) {
		k->refused = true;
	} else if (!k->ended) {
		k->ended = true;
		k->status = -1;
		k->pid = 0;
	}
}

static void
take_line(struct kernel *k, const char *line)
{
	char *end;

	if (strncmp(line, "started ", 8) == 0) {
		k->pid = (pid_t)strtol(line + 8, NULL, 10);
	} else if (strncmp(line, "failed ", 7) == 0) {
		k->refused = true;
		if (strncmp(line + 7, "folder ", 7) == 0)
			k->folder_error = (int)strtol(line + 14, NULL, 10);
		else
			log_info("the kernel is started without a fork server: %s", line + 7);
	} else if (strncmp(line, "ended ", 6) == 0) {
		k->ended = true;
		k->pid = 0;
		k->status = (int)strtol(line + 6, &end, 10);
		spent(k, end);
	} else if (strncmp(line, "gone ", 5) == 0) {
		spent(k, line + 5);
	}
}

bool
kernel_hear(struct kernel *k)
{
	char bytes[1024], *end;
	ssize_t n;

	if (k->leash == -1)
		return false;
	n = recv(k->leash, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n > 0)
		buf_add(&k->heard, bytes, (size_t)n);
	while (k->heard.len > 0 && (end = memchr(k->heard.data, '\n', k->heard.len)) != NULL) {
		*end = '\0';
		take_line(k, k->heard.data);
		buf_drop(&k->heard, (size_t)(end - k->heard.data) + 1);
	}
	if (n <= 0)
		hang_up(k);
	return true;
}

bool
kernel_empty(struct kernel *k)
{
	const int64_t deadline = clock_run() + EMPTY_PATIENCE;
	struct timespec left;

	if (!k->warm)
		return true;
	while (kernel_hear(k))
		;
	/* Nobody may have read the request yet; whoever does will find that it has been let go. */
	if (k->leash != -1 && k->pid == 0 && !k->ended) {
		hang_up(k);
		return true;
	}
	kernel_tell(k, "empty\n");
	while (k->leash != -1 && clock_run() < deadline) {
		struct pollfd p = {.fd = k->leash, .events = POLLIN};

		if (!kernel_hear(k))
			ppoll(&p, 1, clock_left(deadline, &left), NULL);
	}
	return k->leash == -1;
}
