#include "../unit.h"
#include "base/err.h"

static void one_statement_fills_and_returns_the_failure(void **unused)
{
	struct err err = { 0 };

	(void)unused;
	assert_int_equal(err_set(&err, ERR_CONFLICT, EBUSY, "%s is in use", "web"), -EBUSY);
	assert_int_equal(err.sys, EBUSY);
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_string_equal(err.msg, "web is in use");
}

static void the_sign_of_errno_does_not_matter(void **unused)
{
	struct err err = { 0 };

	(void)unused;
	assert_int_equal(err_set(&err, ERR_INVALID, -EINVAL, "x"), -EINVAL);
	assert_int_equal(err.sys, EINVAL);
	assert_int_equal(err_sys(&err, -ENOENT, "open %s", "plan"), -ENOENT);
	assert_string_equal(err.msg, "open plan: No such file or directory");
}

static void a_failure_never_returns_zero(void **unused)
{
	struct err err = { 0 };

	(void)unused;
	assert_true(err_set(&err, ERR_INVALID, 0, "x") < 0);
	assert_true(err_sys(&err, 0, "x") < 0);
	err.sys = 0;
	assert_true(err_prefix(&err, "x") < 0);
}

static void without_a_place_for_it_the_number_is_still_returned(void **unused)
{
	(void)unused;
	assert_int_equal(err_set(NULL, ERR_SYSTEM, EIO, "x"), -EIO);
	assert_int_equal(err_sys(NULL, EIO, "x"), -EIO);
	assert_true(err_prefix(NULL, "x") < 0);
}

static void a_prefix_goes_in_front_and_a_long_one_is_cut(void **unused)
{
	struct err err = { 0 };
	char longer[2 * sizeof(err.msg)];

	(void)unused;
	(void)err_set(&err, ERR_NOT_FOUND, ENOENT, "not there");
	assert_int_equal(err_prefix(&err, "mount %d", 3), -ENOENT);
	assert_string_equal(err.msg, "mount 3: not there");
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(err_prefix(&err, "%s", longer), -ENOENT);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
}

static void every_kind_has_its_http_status(void **unused)
{
	static const int expected[] = { 500, 400, 404, 409, 401, 403, 501, 503, 413, 429 };

	(void)unused;
	for (int kind = ERR_SYSTEM; kind <= ERR_TOO_MANY; kind++) {
		struct err err = { .kind = (enum err_kind)kind };

		assert_int_equal(err_http_status(&err), expected[kind]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_statement_fills_and_returns_the_failure),
		cmocka_unit_test(the_sign_of_errno_does_not_matter),
		cmocka_unit_test(a_failure_never_returns_zero),
		cmocka_unit_test(without_a_place_for_it_the_number_is_still_returned),
		cmocka_unit_test(a_prefix_goes_in_front_and_a_long_one_is_cut),
		cmocka_unit_test(every_kind_has_its_http_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
