/*
 * The characters of JSON: what checking, reading and writing it share. For base/json*.c alone.
 */
#ifndef NBFORK_BASE_JSON_PLAIN_H
#define NBFORK_BASE_JSON_PLAIN_H

#include <endian.h>
#include <stdbool.h>
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

static inline bool
json_is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static inline bool
json_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline const char *
json_skip_space(const char *p, const char *end)
{
	while (p < end && json_is_space(*p))
		p++;
	return p;
}

/* The value of a hexadecimal digit; -1 for anything else. */
static inline int
json_hex_digit(char c)
{
	if (json_is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

#endif
