/*
 * Whether the machine has room for another notebook: load and memory.
 *
 * The values are the kernel's, read anew at each look: /proc/loadavg, /proc/meminfo, and the memory limit of the
 * cgroups (v2 and v1) that this process is in, whichever leaves less.
 */
#ifndef NBFORK_HEADROOM_H
#define NBFORK_HEADROOM_H

#include <stdbool.h>
#include <stdint.h>

#define HEADROOM_STEP INT64_C(1000000000)	/* nanoseconds between two looks while something is held */

/* Where to look, for tests; NULL fields for the system's own. */
struct headroom_places {
	const char *proc;	/* "/proc" */
	const char *cgroup;	/* "/sys/fs/cgroup" */
};

/*
 * The load: the average of the last minute, or the number of processes that run or are ready to at this moment, this
 * one aside, whichever is more: the average alone knows nothing yet of what has just been started. Negative when it
 * cannot be told.
 */
double headroom_load(const struct headroom_places *places);

/* Bytes that can be had without swapping; -1 when it cannot be told. */
int64_t headroom_free_memory(const struct headroom_places *places);

/*
 * Why nothing more should be started now, for people: "load is 9.2 of 8", "free memory is 1.2 GB, less than 2.0 GB";
 * NULL when there is room, or no limit (0) is set. The text is static, valid until the next call. What cannot be told
 * holds nothing.
 */
const char *headroom_hold(double max_load, int64_t min_free_memory, const struct headroom_places *places);

/* Whether less than half of min_free_memory (0: no limit) is free. */
bool headroom_memory_is_short(int64_t min_free_memory, const struct headroom_places *places);

#endif
