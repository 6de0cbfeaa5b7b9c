/* What kernels have in memory, now and then: for the journal, and whoever draws it. */
#include "conductor.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "headroom.h"

#define STEP_LEAST NSEC_PER_SEC
#define STEPS 300	/* in the time that a run has taken so far, at the most: long ones make no longer journals */

/* Bytes that a process has resident; -1 when it is gone. */
static int64_t
resident(int pid)
{
	char path[40], text[128];
	long long pages = -1;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	if (sscanf(text, "%*d %lld", &pages) != 1 || pages <= 0)
		return -1;
	return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

int64_t
conductor_sample(struct conductor *c)
{
	struct events_memory *kernels = NULL;
	size_t n = 0, cap = 0;
	int64_t now, step;

	if (c->run.running + c->run.children.running == 0 || c->journal_failed)
		return INT64_MAX;
	now = clock_run();
	if (c->sample_at == 0)
		c->sample_at = c->run.started_at + STEP_LEAST;
	if (now < c->sample_at)
		return c->sample_at;
	step = (now - c->run.started_at) / STEPS;
	c->sample_at = now + (step > STEP_LEAST ? step : STEP_LEAST);
	for (const struct record *r = record_after(&c->run, NULL); r != NULL; r = record_after(&c->run, r)) {
		int64_t bytes = r->state == RECORD_RUNNING && r->kernel_pid > 0 ? resident(r->kernel_pid) : -1;

		if (bytes < 0)
			continue;
		kernels = xgrow(kernels, n, &cap, sizeof(*kernels));
		kernels[n++] = (struct events_memory){r, bytes};
	}
	if (n > 0)
		conductor_journal(c, events_memory_sampled(&c->events, headroom_free_memory(NULL), kernels, n));
	free(kernels);
	return c->sample_at;
}
