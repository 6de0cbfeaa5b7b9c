/*
 * The inner loop that reading and writing JSON share; for base/json*.c alone.
 */
#ifndef NBFORK_BASE_JSON_PLAIN_H
#define NBFORK_BASE_JSON_PLAIN_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

/*
 * The first byte from p on that needs a look: '"', '\', a control character or the start of something
 * that is not ASCII; end if there is none.
 *
 * Eight bytes at a time: the top bit of a byte of "odd" is set where the byte has its own top bit set, or
 * is less than 0x20, or becomes 0 by the exclusive or, that is, borrows when 1 is taken from it. A borrow
 * can reach the bytes above, but never one below the first that is odd, so the lowest bit is right.
 */
static inline const char *
json_plain(const char *p, const char *end)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);

	for (; end - p >= 8; p += 8) {
		uint64_t x, odd;

		memcpy(&x, p, sizeof(x));
		x = le64toh(x);
		odd = (x | (x - ones * 0x20) | ((x ^ ones * '"') - ones) | ((x ^ ones * '\\') - ones)) & ones * 0x80;
		if (odd != 0)
			return p + __builtin_ctzll(odd) / 8;
	}
	while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' && *p != '\\')
		p++;
	return p;
}

#endif
