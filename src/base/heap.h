/*
 * A heap of small numbers by their keys: the smallest key is always at the top; equal keys by number.
 *
 * Several heaps can share one array of places if no number is in two of them at a time: then they take memory for what
 * they hold alone, however many they are.
 */
#ifndef NBFORK_BASE_HEAP_H
#define NBFORK_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_item {
	int64_t key;
	size_t id;
};

struct heap {
	struct heap_item *list;	/* n of them; list[0] is the top, the others are in no order anybody should rely on */
	size_t n, cap;
	size_t *at;	/* private: where each number stands in the heap that it is in */
};

/* at: an array with an element for each number, of any content but not without; the caller's, who frees it later. */
void heap_init(struct heap *h, size_t *at);

/* Frees all but the array of places. */
void heap_release(struct heap *h);

bool heap_has(const struct heap *h, size_t id);

/* Adds a number; the key of one that is there is changed. O(log n). */
void heap_put(struct heap *h, size_t id, int64_t key);

/* Takes a number out; does nothing when it is not there. O(log n). */
void heap_remove(struct heap *h, size_t id);

#endif
