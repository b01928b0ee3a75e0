#include "../unit.h"
#include "base/buf.h"

static void numbers_are_whole_decimal_strings(void **unused)
{
	static const char *const bad[] = { "", " 1", "1 ", "+1", "0x1", "1a", "--1", "-" };
	uint64_t u;
	int64_t i;

	(void)unused;
	for (size_t n = 0; n < sizeof(bad) / sizeof(*bad); n++) {
		assert_int_equal(str_to_u64(bad[n], &u), -EINVAL);
		assert_int_equal(str_to_i64(bad[n], &i), -EINVAL);
	}
	assert_int_equal(str_to_u64("-1", &u), -EINVAL);
	assert_int_equal(str_to_u64("007", &u), 0);
	assert_true(u == 7);
}

static void numbers_end_where_the_type_ends(void **unused)
{
	uint64_t u;
	int64_t i;

	(void)unused;
	assert_int_equal(str_to_u64("18446744073709551615", &u), 0);
	assert_true(u == UINT64_MAX);
	assert_int_equal(str_to_u64("18446744073709551616", &u), -ERANGE);
	assert_int_equal(str_to_i64("9223372036854775807", &i), 0);
	assert_true(i == INT64_MAX);
	assert_int_equal(str_to_i64("9223372036854775808", &i), -ERANGE);
	assert_int_equal(str_to_i64("-9223372036854775808", &i), 0);
	assert_true(i == INT64_MIN);
	assert_int_equal(str_to_i64("-9223372036854775809", &i), -ERANGE);
}

static void a_vector_grows_and_keeps_its_order(void **unused)
{
	char **v = NULL, text[16];

	(void)unused;
	assert_int_equal(strv_len(NULL), 0);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(text, sizeof(text), "%d", i);
		strv_add(&v, text);
		assert_int_equal(strv_len(v), i + 1);
	}
	for (int i = 0; i < 100; i++) {
		(void)snprintf(text, sizeof(text), "%d", i);
		assert_string_equal(v[i], text);
	}
	assert_true(strv_has(v, "99"));
	assert_false(strv_has(v, "100"));
	assert_false(strv_has(NULL, "1"));
	strv_free(v);
}

static void a_copy_owns_its_strings(void **unused)
{
	char a[] = "a", b[] = "b", *const v[] = { a, b, NULL };
	char **copy = strv_copy(v);

	(void)unused;
	assert_int_equal(strv_len(copy), 2);
	assert_ptr_not_equal(copy[0], v[0]);
	assert_string_equal(copy[1], "b");
	strv_free(copy);
	assert_null(strv_copy(NULL));
}

static void splitting_keeps_empty_pieces(void **unused)
{
	char **v = strv_split(":a::b:", ':');

	(void)unused;
	assert_int_equal(strv_len(v), 5);
	assert_string_equal(v[0], "");
	assert_string_equal(v[1], "a");
	assert_string_equal(v[2], "");
	assert_string_equal(v[4], "");
	strv_free(v);
	v = strv_split("", ':');
	assert_int_equal(strv_len(v), 1);
	strv_free(v);
}

static void a_key_is_found_only_whole(void **unused)
{
	char a[] = "PATHS=1", b[] = "PATH", c[] = "PATH=2", *const v[] = { a, b, c, NULL };

	(void)unused;
	assert_int_equal(strv_find_key(v, "PATH", 4), 2);
	assert_int_equal(strv_find_key(v, "HOME", 4), -1);
	assert_int_equal(strv_find_key(NULL, "HOME", 4), -1);
}

static void prefixes_and_suffixes(void **unused)
{
	(void)unused;
	assert_true(str_starts("sha256:ab", "sha256:"));
	assert_false(str_starts("sha", "sha256:"));
	assert_true(str_ends("a.tar", ".tar"));
	assert_false(str_ends("tar", ".tar"));
	assert_true(str_empty(NULL) && str_empty("") && !str_empty("x"));
}

static void new_ids_are_valid_and_differ(void **unused)
{
	char a[ID_SIZE], b[ID_SIZE];

	(void)unused;
	id_new(a);
	id_new(b);
	assert_true(id_valid(a) && id_valid(b));
	assert_string_not_equal(a, b);
}

static void an_id_is_64_lower_case_hex_digits(void **unused)
{
	char id[ID_SIZE + 1];

	(void)unused;
	memset(id, 'a', sizeof(id));
	id[ID_LEN] = '\0';
	assert_true(id_valid(id) && id_prefix_valid(id));
	id[3] = 'A';
	assert_false(id_valid(id) || id_prefix_valid(id));
	id[3] = '/';
	assert_false(id_valid(id) || id_prefix_valid(id));
	id[3] = '\0';
	assert_false(id_valid(id));
	assert_true(id_prefix_valid(id));
	assert_false(id_prefix_valid(""));
	memset(id, 'a', ID_LEN + 1);
	id[ID_LEN + 1] = '\0';
	assert_false(id_valid(id) || id_prefix_valid(id));
}

static void a_buffer_is_always_terminated(void **unused)
{
	struct buf b = { 0 };
	char *text;

	(void)unused;
	buf_add(&b, NULL, 0);
	assert_string_equal(b.data, "");
	buf_adds(&b, "ab");
	buf_addc(&b, 'c');
	buf_printf(&b, "%d", 123);
	assert_string_equal(b.data, "abc123");
	buf_consume(&b, 2);
	assert_string_equal(b.data, "c123");
	buf_consume(&b, 100);
	assert_int_equal(b.len, 0);
	assert_string_equal(b.data, "");
	for (int i = 0; i < 10000; i++)
		buf_printf(&b, "%04d", i);
	assert_int_equal(b.len, 40000);
	assert_string_equal(b.data + 39996, "9999");
	text = buf_steal(&b);
	assert_null(b.data);
	free(text);
	text = buf_steal(&b); /* never NULL */
	assert_string_equal(text, "");
	free(text);
	buf_free(&b);
	buf_consume(&b, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_whole_decimal_strings),
		cmocka_unit_test(numbers_end_where_the_type_ends),
		cmocka_unit_test(a_vector_grows_and_keeps_its_order),
		cmocka_unit_test(a_copy_owns_its_strings),
		cmocka_unit_test(splitting_keeps_empty_pieces),
		cmocka_unit_test(a_key_is_found_only_whole),
		cmocka_unit_test(prefixes_and_suffixes),
		cmocka_unit_test(new_ids_are_valid_and_differ),
		cmocka_unit_test(an_id_is_64_lower_case_hex_digits),
		cmocka_unit_test(a_buffer_is_always_terminated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
