/*
 * The limit of a kernel's memory: how it is set, and what it has to do with a failure.
 *
 * Where a cgroup (version 2) has been delegated to this process, a group of the kernel's own holds the kernel and
 * all that it starts together to the limit, and the system kills all of them when they take more. Everywhere else
 * it is the private writable memory (RLIMIT_DATA) of the kernel's process, and of each process that it starts, each
 * for itself: what would take more fails in the process. The address space (RLIMIT_AS) would be no measure: a
 * Python kernel reserves ten times what it uses.
 *
 * No process is moved but the kernel, and memory can only be limited in a group whose parent holds no processes. So
 * a group is delegated for this purpose when this process runs in a group of its own right below one which
 * - systemd has marked as delegated (Delegate=yes, with a DelegateSubgroup= or a supervisor that made one), or
 * - is the root of a container's own namespace, in which no systemd rules, and which is ours to write to, has the
 * memory controller, and holds no processes itself.
 */
#ifndef NBFORK_LOCAL_MEMORY_H
#define NBFORK_LOCAL_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "workflow/status.h"

struct memory {
	int64_t limit;	/* bytes; 0 for none */
	char *group;	/* the folder of the kernel's own cgroup; NULL: by RLIMIT_DATA */
	int entrance;	/* the group's cgroup.procs; -1 without a group */
};

#define MEMORY_INIT {.entrance = -1}

/*
 * Where things are looked up; NULL members are the system's own: /sys/fs/cgroup, where version 2 is mounted, and
 * /proc/self/cgroup.
 */
struct memory_places {
	const char *cgroups, *self;
};

/* Makes the group where there can be one. limit is in bytes, 0 for none; places may be NULL. Cannot fail. */
void memory_prepare(struct memory *m, int64_t limit, const struct memory_places *places);

/* Removes the group, whose processes have to be gone. m is as after MEMORY_INIT. */
void memory_release(struct memory *m);

/*
 * In the kernel's process, before its exec: from here on it is limited. Async-signal-safe. Returns 0, or -1 with
 * errno.
 */
int memory_enter(const struct memory *m);

/* Whether the group's processes were killed because they took more than the limit. */
bool memory_exceeded(const struct memory *m);

/*
 * For messages that end with it: what the limit may have to do with a kernel that ended with status (as from waitpid),
 * while a cell ran; "" when that is nothing. The caller's to free.
 */
char *memory_hint_end(const struct memory *m, int status);

/* The same for a kernel that did not start, however that showed. */
char *memory_hint_start(const struct memory *m);

/* Adds the limit to the message of an exception, when that says that there was no memory to be had. */
void memory_hint_raised(const struct memory *m, struct failure *f);

#endif
