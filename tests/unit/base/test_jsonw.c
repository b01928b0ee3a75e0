#include "../unit.h"
#include "base/jsonw.h"

static void assert_quoted(const char *in, size_t len, const char *out)
{
	struct buf b = { 0 };

	json_quote(&b, in, len);
	assert_string_equal(b.data, out);
	buf_free(&b);
}

static void commas_and_braces_come_by_themselves(void **unused)
{
	struct buf b = { 0 };
	struct jsonw w = JSONW(&b);
	char x[] = "x", y[] = "y", *const words[] = { x, y, NULL };

	(void)unused;
	jw_object(&w, NULL);
	jw_str(&w, "s", "v");
	jw_str(&w, "none", NULL);
	jw_int(&w, "i", INT64_MIN);
	jw_uint(&w, "u", UINT64_MAX);
	jw_bool(&w, "t", true);
	jw_bool(&w, "f", false);
	jw_null(&w, "n");
	jw_array(&w, "a");
	jw_int(&w, NULL, 1);
	jw_object(&w, NULL);
	jw_object_end(&w);
	jw_array(&w, NULL);
	jw_array_end(&w);
	jw_array_end(&w);
	jw_strv(&w, "v", words);
	jw_strv(&w, "v0", NULL);
	jw_time(&w, "at", 0);
	jw_raw(&w, "raw", "{\"k\":1}");
	jw_members(&w, "");
	jw_members(&w, "\"m\":1,\"o\":2");
	jw_str(&w, "last", "z");
	jw_object_end(&w);
	assert_string_equal(b.data,
		"{\"s\":\"v\",\"none\":\"\",\"i\":-9223372036854775808,"
		"\"u\":18446744073709551615,\"t\":true,\"f\":false,\"n\":null,\"a\":[1,{},[]],"
		"\"v\":[\"x\",\"y\"],\"v0\":[],\"at\":\"0001-01-01T00:00:00Z\",\"raw\":{\"k\":1},"
		"\"m\":1,\"o\":2,\"last\":\"z\"}");
	buf_free(&b);
}

static void control_characters_and_quotes_are_escaped(void **unused)
{
	(void)unused;
	assert_quoted("a\"b\\c/", 6, "\"a\\\"b\\\\c/\"");
	assert_quoted("\n\r\t", 3, "\"\\n\\r\\t\"");
	assert_quoted("\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\x7f\"");
	assert_quoted("", 0, "\"\"");
}

static void well_formed_utf8_passes(void **unused)
{
	static const char *const good[] = { "\xc2\x80", "\xc3\xa4", "\xdf\xbf", "\xe0\xa0\x80",
		"\xe2\x80\xa8", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80",
		"\xf4\x8f\xbf\xbf" };
	char expected[16];

	(void)unused;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		(void)snprintf(expected, sizeof(expected), "\"%s\"", good[i]);
		assert_quoted(good[i], strlen(good[i]), expected);
	}
}

static void ill_formed_utf8_becomes_a_replacement_each_byte(void **unused)
{
	static const char *const bad[] = { "\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc3(",
		"\xe0\x80\x80", "\xe2\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80", "\xff" };

	(void)unused;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct buf b = { 0 };

		json_quote(&b, bad[i], strlen(bad[i]));
		assert_true(str_starts(b.data, "\"\\ufffd"));
		for (const char *p = b.data; *p; p++)
			assert_true((unsigned char)*p < 0x80);
		buf_free(&b);
	}
	assert_quoted("a\xff\xc3\xa4\xc3", 5, "\"a\\ufffd\xc3\xa4\\ufffd\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commas_and_braces_come_by_themselves),
		cmocka_unit_test(control_characters_and_quotes_are_escaped),
		cmocka_unit_test(well_formed_utf8_passes),
		cmocka_unit_test(ill_formed_utf8_becomes_a_replacement_each_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
