#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/subid.h"

static const char text[] = "other:100000:65536\n"
			   "tester:165536:65536\n"
			   "1001:300000:1000\n"
			   "tester:nonsense:65536\n"
			   "tester:400000\n"
			   "tester:0:5\n"
			   "tester:4294967295:10\n"
			   "tester:500000:0\n"
			   "testers:600000:10\n"
			   "tester:700000:10";

static void ranges_are_found_by_name_and_by_id(void **state)
{
	struct subid_range r[SUBID_MAX];

	(void)state;
	assert_int_equal(subid_parse(text, "tester", 1001, r), 3);
	assert_int_equal(r[0].start, 165536);
	assert_int_equal(r[0].count, 65536);
	assert_int_equal(r[1].start, 300000);
	assert_int_equal(r[1].count, 1000);
	assert_int_equal(r[2].start, 700000);
	assert_int_equal(subid_parse(text, NULL, 1001, r), 1);
	assert_int_equal(subid_parse(text, "nobody", 7, r), 0);
	assert_int_equal(subid_parse("", "tester", 1001, r), 0);
}

static void more_ranges_than_fit_are_left_out(void **state)
{
	struct subid_range r[SUBID_MAX];
	char many[64 * 20] = "";

	(void)state;
	for (int i = 0; i < 60; i++)
		strcat(many, "me:100000:10\n");
	assert_int_equal(subid_parse(many, "me", 1, r), SUBID_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_are_found_by_name_and_by_id),
		cmocka_unit_test(more_ranges_than_fit_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
