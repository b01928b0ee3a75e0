/* The vectors of RFC 3174, and the lengths around the end of a block. */
#include "../unit.h"

#include "base/alloc.h"
#include "base/sha1.h"

static void assert_sum(const void *data, size_t len, const char *want)
{
	unsigned char sum[SHA1_SIZE];
	char text[2 * SHA1_SIZE + 1];

	sha1(data, len, sum);
	for (size_t i = 0; i < SHA1_SIZE; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", sum[i]);
	assert_string_equal(text, want);
}

static void the_vectors_of_the_rfc_come_out(void **unused)
{
	static char million[1000000], digits[640];

	(void)unused;
	memset(million, 'a', sizeof(million));
	for (size_t i = 0; i < sizeof(digits); i++)
		digits[i] = (char)('0' + i % 8);
	assert_sum("abc", 3, "a9993e364706816aba3e25717850c26c9cd0d89d");
	assert_sum("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
		"84983e441c3bd26ebaae4aa1f95129e5e54670f1");
	assert_sum(million, sizeof(million), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
	assert_sum(digits, sizeof(digits), "dea356a2cddd90c7a7ecedc5ebb563934f460452");
}

static void the_padding_fits_at_each_end_of_a_block(void **unused)
{
	static const struct {
		size_t len;
		const char *sum;
	} cases[] = {
		{ 0, "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
		{ 1, "11f6ad8ec52a2984abaafd7c3b516503785c2072" },
		{ 55, "cef734ba81a024479e09eb5a75b6ddae62e6abf1" },
		{ 56, "901305367c259952f4e7af8323f480d59f81335b" },
		{ 63, "0ddc4e0cccd9a12850deb5abb0853a4425559fec" },
		{ 64, "bb2fa3ee7afb9f54c6dfb5d021f14b1ffe40c163" },
		{ 65, "78c741ddc482e4cdf8c474a0876347a0905b6233" },
		{ 119, "4300320394f7ee239bcdce7d3b8bcee173a0cd5c" },
		{ 120, "ceb2821639c4b6dcb10bce0e522ca2e608ce056d" },
		{ 128, "150fa3fbdc899bd0b8f95a9fb6027f564d953762" },
	};
	char text[128];

	(void)unused;
	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_sum(text, cases[i].len, cases[i].sum);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_the_rfc_come_out),
		cmocka_unit_test(the_padding_fits_at_each_end_of_a_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
