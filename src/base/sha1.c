#include "base/sha1.h"

#include <stdint.h>
#include <string.h>

#define BLOCK 64

static uint32_t rotated(uint32_t v, unsigned n)
{
	return v << n | v >> (32 - n);
}

static uint32_t big_endian(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* RFC 3174, 5: the function and the constant of a round. */
static uint32_t round_term(unsigned t, uint32_t b, uint32_t c, uint32_t d)
{
	switch (t / 20) {
	case 0: return ((b & c) | (~b & d)) + 0x5a827999;
	case 1: return (b ^ c ^ d) + 0x6ed9eba1;
	case 2: return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
	default: return (b ^ c ^ d) + 0xca62c1d6;
	}
}

static void take_block(uint32_t h[5], const unsigned char *block)
{
	uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];

	for (unsigned t = 0; t < 16; t++)
		w[t] = big_endian(block + (size_t)4 * t);
	for (unsigned t = 16; t < 80; t++)
		w[t] = rotated(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
	for (unsigned t = 0; t < 80; t++) {
		uint32_t next = rotated(a, 5) + round_term(t, b, c, d) + e + w[t];

		e = d;
		d = c;
		c = rotated(b, 30);
		b = a;
		a = next;
	}
	h[0] += a;
	h[1] += b;
	h[2] += c;
	h[3] += d;
	h[4] += e;
}

/* The end of the data, one bit, zeros, and the length in bits: one block, or two. */
static void take_last(uint32_t h[5], const unsigned char *rest, size_t len, uint64_t bits)
{
	unsigned char last[2 * BLOCK] = { 0 };
	size_t size = len < BLOCK - 8 ? BLOCK : 2 * BLOCK;

	memcpy(last, rest, len);
	last[len] = 0x80;
	for (size_t i = 0; i < 8; i++)
		last[size - 1 - i] = (unsigned char)(bits >> (8 * i));
	for (size_t at = 0; at < size; at += BLOCK)
		take_block(h, last + at);
}

void sha1(const void *data, size_t len, unsigned char ret[SHA1_SIZE])
{
	uint32_t h[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };
	const unsigned char *p = data;
	size_t at = 0;

	for (; len - at >= BLOCK; at += BLOCK)
		take_block(h, p + at);
	take_last(h, p + at, len - at, (uint64_t)len * 8);
	for (size_t i = 0; i < SHA1_SIZE; i++)
		ret[i] = (unsigned char)(h[i / 4] >> (24 - 8 * (i % 4)));
}
