#include "../unit.h"
#include "stream/details.h"

static void assert_details(struct details *d, const char *json, const char *want)
{
	assert_string_equal(details_text(d, json, json ? strlen(json) : 0), want);
}

static void attributes_are_sorted_and_escaped(void **unused)
{
	struct details d = { 0 };

	(void)unused;
	for (int i = 0; i < 2; i++) {
		assert_details(&d, NULL, "");
		assert_details(&d, "{}", "");
		assert_details(
			&d, "{\"b\":\"1 2\",\"a\":\"=,&\\u00e4\"}", "a=%3D%2C%26%C3%A4,b=1+2");
		assert_details(
			&d, "{\"b\":\"1 2\",\"a\":\"=,&\\u00e4\"}", "a=%3D%2C%26%C3%A4,b=1+2");
		assert_details(&d, "{\"n\":1,\"s\":\"x\"}", "s=x");
		assert_details(&d, "[\"s\"]", "");
		assert_details(&d, "{\"torn", "");
	}
	details_clear(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(attributes_are_sorted_and_escaped) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
