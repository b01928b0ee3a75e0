#include "../unit.h"

#include "base/base64.h"

static void base64_is_read_in_every_form(void **unused)
{
	static const char *const same[] = { "/v3+", "_v3-", NULL };
	static const char *const bad[] = { "a", "a===", "ab=", "a b=", "ab==c", "\xff",
		"====", NULL };

	(void)unused;
	for (size_t len = 0; len < 8; len++) {
		auto_buf struct buf text = { 0 }, padded = { 0 }, bare = { 0 };

		base64_encode("any text", len, &text);
		assert_int_equal(base64_decode(text.data ? text.data : "", 100, &padded), 0);
		assert_int_equal(padded.len, len);
		assert_memory_equal(padded.data ? padded.data : "", "any text", len);
		if (!text.data)
			continue;
		text.data[strcspn(text.data, "=")] = '\0';
		assert_int_equal(base64_decode(text.data, 100, &bare), 0);
		assert_int_equal(bare.len, len);
	}
	for (size_t i = 0; same[i]; i++) {
		auto_buf struct buf out = { 0 };

		assert_int_equal(base64_decode(same[i], 3, &out), 0);
		assert_memory_equal(out.data, "\xfe\xfd\xfe", 3);
	}
	for (size_t i = 0; bad[i]; i++) {
		auto_buf struct buf out = { 0 };

		if (base64_decode(bad[i], 100, &out) != -EINVAL)
			fail_msg("%s passes", bad[i]);
	}
	assert_int_equal(base64_decode("AAAAAAAA", 5, &(struct buf){ 0 }), -EMSGSIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_is_read_in_every_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
