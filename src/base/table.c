#include "base/table.h"

#include <endian.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"

#define SLOTS_FIRST 16

static uint64_t
rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static uint64_t
load64(const unsigned char *p)
{
	uint64_t x;

	memcpy(&x, p, sizeof(x));
	return le64toh(x);
}

static void
sip_rounds(uint64_t v[4], int rounds)
{
	for (int i = 0; i < rounds; i++) {
		v[0] += v[1];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[0] = rotate(v[0], 32);
		v[2] += v[3];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[2] = rotate(v[2], 32);
	}
}

static void
sip_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_rounds(v, 2);
	v[0] ^= word;
}

uint64_t
table_siphash(const unsigned char key[16], const void *p, size_t n)
{
	const uint64_t k0 = load64(key), k1 = load64(key + 8);
	uint64_t v[4] = {
		k0 ^ UINT64_C(0x736f6d6570736575),	/* "somepseudorandomlygeneratedbytes" */
		k1 ^ UINT64_C(0x646f72616e646f6d),
		k0 ^ UINT64_C(0x6c7967656e657261),
		k1 ^ UINT64_C(0x7465646279746573),
	};
	const unsigned char *at = p;
	uint64_t last = (uint64_t)n << 56;	/* the length's low byte, and the bytes that fill no word */
	size_t left;

	for (left = n; left >= 8; left -= 8, at += 8)
		sip_word(v, load64(at));
	for (size_t i = 0; i < left; i++)
		last |= (uint64_t)at[i] << (8 * i);
	sip_word(v, last);
	v[2] ^= 0xff;
	sip_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint64_t
hash(const void *key, size_t len)
{
	static unsigned char seed[16];
	static bool seeded;

	if (!seeded) {
		/* So early in the life of the machine that there is no randomness yet, the table still works. */
		if (getrandom(seed, sizeof(seed), GRND_NONBLOCK) == -1)
			memset(seed, 0, sizeof(seed));
		seeded = true;
	}
	return table_siphash(seed, key, len);
}

void
table_release(struct table *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->entries[i].key);
	free(t->entries);
	free(t->slots);
	*t = (struct table)TABLE_INIT;
}

/* The slot that holds the key, or the free one where it would go. There must be slots. */
static size_t *
slot_of(const struct table *t, const void *key, size_t len, uint64_t h)
{
	for (size_t i = h & (t->nslots - 1);; i = (i + 1) & (t->nslots - 1)) {
		const struct table_entry *e;

		if (t->slots[i] == 0)
			return &t->slots[i];
		e = &t->entries[t->slots[i] - 1];
		if (e->hash == h && e->len == len && (len == 0 || memcmp(e->key, key, len) == 0))
			return &t->slots[i];
	}
}

/* Twice the slots; the entries stay where they are. */
static void
widen(struct table *t)
{
	t->nslots = t->nslots == 0 ? SLOTS_FIRST : t->nslots * 2;
	free(t->slots);
	t->slots = xcalloc(t->nslots, sizeof(*t->slots));
	for (size_t i = 0; i < t->n; i++)
		*slot_of(t, t->entries[i].key, t->entries[i].len, t->entries[i].hash) = i + 1;
}

void *
table_get(const struct table *t, const void *key, size_t len)
{
	size_t slot;

	if (t->n == 0)
		return NULL;
	slot = *slot_of(t, key, len, hash(key, len));
	return slot != 0 ? t->entries[slot - 1].value : NULL;
}

void **
table_at(struct table *t, const void *key, size_t len)
{
	const uint64_t h = hash(key, len);
	size_t *slot;

	if (t->nslots != 0) {
		slot = slot_of(t, key, len, h);
		if (*slot != 0)
			return &t->entries[*slot - 1].value;
	}
	/* At most three quarters full: then a search is short. */
	if (t->n + 1 > t->nslots / 4 * 3)
		widen(t);
	t->entries = xgrow(t->entries, t->n, &t->cap, sizeof(*t->entries));
	t->entries[t->n] = (struct table_entry){.key = xmemdup0(key, len), .len = len, .hash = h};
	*slot_of(t, key, len, h) = t->n + 1;
	t->n++;
	return &t->entries[t->n - 1].value;
}
