/*
 * A table of values by key: for keys that somebody else chooses.
 *
 * Keys are runs of bytes of any length and are copied; values are pointers that stay the caller's. Entries
 * keep the order in which they came. Hashing is keyed with random bits of the process, so whoever chooses
 * the keys cannot choose the collisions.
 */
#ifndef NBFORK_BASE_TABLE_H
#define NBFORK_BASE_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct table_entry {
	char *key;	/* with a NUL byte behind it, which is not counted */
	size_t len;
	uint64_t hash;
	void *value;
};

struct table {
	struct table_entry *entries;	/* n of them, oldest first: to be walked by whoever wants all */
	size_t n, cap;
	size_t *slots;	/* private: 0, or the number of an entry plus 1 */
	size_t nslots;	/* a power of two, more than n */
};

#define TABLE_INIT {NULL, 0, 0, NULL, 0}

/* Frees the keys and the table, which is then empty. The values are left to the caller. */
void table_release(struct table *t);

/* The value of a key; NULL when the key is not there. */
void *table_get(const struct table *t, const void *key, size_t len);

/*
 * Where the value of a key is kept; a key that is not there is added, with a value of NULL. The place is
 * valid until the next key is added.
 */
void **table_at(struct table *t, const void *key, size_t len);

/* SipHash-2-4 (Aumasson and Bernstein, 2012) of n bytes: what the table hashes with. */
uint64_t table_siphash(const unsigned char key[16], const void *p, size_t n);

#endif
