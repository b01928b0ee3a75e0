#include "../unit.h"
#include "base/alloc.h"
#include "runtime/keepid.h"

static void the_users_own_id_is_its_own_and_the_rest_moves_by_one(void **unused)
{
	static const struct {
		uint64_t own, count;
		const char *rows;
	} cases[] = {
		{ 1000, 65537, "0 1 1000\n1000 0 1\n1001 1001 64536" },
		{ 0, 65537, "0 0 1\n1 1 65536" },
		{ 1, 2, "0 1 1\n1 0 1" },
		{ 65536, 65537, "0 1 65536\n65536 0 1" },
		/* an id beyond the range stands alone, and the range's last has nobody to be */
		{ 1234567, 65537, "0 1 65536\n1234567 0 1" },
		{ 0, UINT32_MAX, "0 0 1\n1 1 4294967294" },
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_buf struct buf rows = { 0 };

		keepid_rows(&rows, cases[i].own, cases[i].count, ' ', '\n');
		assert_string_equal(rows.data, cases[i].rows);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_users_own_id_is_its_own_and_the_rest_moves_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
