#include "../unit.h"
#include "base/alloc.h"
#include "base/timefmt.h"
#include "core/container_filter.h"
#include "core/filters.h"

static void both_encodings_mean_the_same(void **unused)
{
	static const char *const texts[] = {
		"{\"label\":{\"a=b\":true,\"c\":true},\"status\":{\"exited\":true}}",
		"{\"label\":[\"a=b\",\"c\"],\"status\":[\"exited\"]}",
		"{\"label\": [\"a=b\",\"c\"],\"status\":{\"exited\":true,\"running\":false}}"
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		auto_filters struct filters *f = NULL;

		assert_int_equal(filters_parse(texts[i], container_list_filters, &f, NULL), 0);
		assert_true(strv_has(filters_get(f, "label"), "a=b"));
		assert_true(strv_has(filters_get(f, "label"), "c"));
		assert_int_equal(strv_len(filters_get(f, "status")), 1);
		assert_null(filters_get(f, "name"));
	}
}

static void no_filters_are_fine(void **unused)
{
	static const char *const texts[] = { NULL, "", "{}", "null" };

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		auto_filters struct filters *f = NULL;

		assert_int_equal(filters_parse(texts[i], container_list_filters, &f, NULL), 0);
		assert_null(filters_get(f, "label"));
		assert_true(filters_match_pattern(f, "name", "x"));
	}
}

static void an_unknown_key_is_named(void **unused)
{
	auto_filters struct filters *f = NULL, *any = NULL;
	struct err err = { 0 };

	(void)unused;
	assert_int_equal(
		filters_parse("{\"x\":[\"1\"]}", container_list_filters, &f, &err), -EINVAL);
	assert_string_equal(err.msg, "invalid filter 'x'");
	assert_int_equal(filters_parse("{\"x\":[\"1\"]}", NULL, &any, NULL), 0);
	assert_non_null(filters_get(any, "x"));
}

static void nonsense_is_refused(void **unused)
{
	static const char *const texts[] = { "{", "[]", "1", "{\"label\":\"a\"}", "{\"label\":[1]}",
		"{\"label\":{\"a\":1}}", "{\"label\":null}", "x", "{} {}" };

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		auto_filters struct filters *f = NULL;
		struct err err = { 0 };

		if (filters_parse(texts[i], container_list_filters, &f, &err) == 0)
			fail_msg("taken: %s", texts[i]);
		assert_int_equal(err.kind, ERR_INVALID);
	}
}

static const char *label_a(void *arg, const char *label)
{
	(void)arg;
	return str_eq(label, "a") ? "1=2" : str_eq(label, "empty") ? "" : NULL;
}

static void all_labels_must_hold_and_not_all_unwanted_ones(void **unused)
{
	static const struct {
		const char *text;
		bool hit;
	} cases[] = { { "{\"label\":[\"a\"]}", true }, { "{\"label\":[\"a=1=2\"]}", true },
		{ "{\"label\":[\"a=1\"]}", false }, { "{\"label\":[\"a\",\"b\"]}", false },
		{ "{\"label\":[\"empty\"]}", true }, { "{\"label\":[\"empty=\",\"a\"]}", true },
		{ "{\"label\":[]}", true }, { "{\"label!\":[\"a\"]}", false },
		{ "{\"label!\":[\"b\"]}", true }, { "{\"label!\":[\"a\",\"b\"]}", true },
		{ "{\"label!\":[\"a\",\"empty\"]}", false },
		{ "{\"label\":[\"a\"],\"label!\":[\"empty\"]}", false } };

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_filters struct filters *f = NULL;

		assert_int_equal(filters_parse(cases[i].text, NULL, &f, NULL), 0);
		assert_int_equal(filters_match_labels(f, label_a, NULL), cases[i].hit);
	}
}

static void names_match_as_parts_or_expressions(void **unused)
{
	auto_filters struct filters *f = NULL;

	(void)unused;
	assert_int_equal(
		filters_parse("{\"name\":[\"^web[0-9]$\",\"(\",\"part\"]}", NULL, &f, NULL), 0);
	assert_true(filters_match_pattern(f, "name", "web1"));
	assert_false(filters_match_pattern(f, "name", "web12"));
	assert_true(filters_match_pattern(f, "name", "a(b"));
	assert_true(filters_match_pattern(f, "name", "apartment"));
	assert_false(filters_match_pattern(f, "name", "other"));
}

static void expressions_are_read_as_go_reads_them(void **unused)
{
	static const struct {
		const char *pattern, *name;
		bool hit;
	} cases[] = { { "^w-\\\\d+$", "w-12", true }, { "^w-\\\\d+$", "w-d", false },
		{ "^\\\\D$", "x", true }, { "^\\\\D$", "1", false }, { "^\\\\w+$", "a_1", true },
		{ "^[\\\\d.]+$", "1.2", true }, { "^[\\\\d.]+$", "1d2", false },
		{ "^[\\\\w\\\\-]+$", "a-1", true }, { "^[a\\\\-c]$", "b", false },
		{ "^a\\\\.b$", "a.b", true }, { "^a\\\\.b$", "axb", false },
		{ "^[^a]$", "b", true } };

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_free char *text = xasprintf("{\"name\":[\"%s\"]}", cases[i].pattern);
		auto_filters struct filters *f = NULL;

		assert_int_equal(filters_parse(text, NULL, &f, NULL), 0);
		if (filters_match_pattern(f, "name", cases[i].name) != cases[i].hit)
			fail_msg("%s and %s", cases[i].pattern, cases[i].name);
	}
}

static void a_pattern_whose_cost_nothing_bounds_is_refused(void **unused)
{
	static const char *const patterns[] = { "(a+)+", "((a|b)*)c", "a{2}", "(a)\\\\1", "a++",
		"(?i)a" };

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
		auto_filters struct filters *f = NULL;
		struct err err = { 0 };
		char text[64];

		(void)snprintf(text, sizeof(text), "{\"name\":[\"%s\"]}", patterns[i]);
		assert_int_equal(filters_parse(text, NULL, &f, &err), -EINVAL);
		assert_non_null(strstr(err.msg, "not supported"));
	}
}

static void a_yes_or_no_takes_four_words(void **unused)
{
	auto_filters struct filters *f = NULL;
	struct err err = { 0 };
	int v;

	(void)unused;
	assert_int_equal(filters_parse("{\"a\":[\"true\"],\"b\":[\"0\"],\"c\":[\"maybe\"],\"d\":[],"
				       "\"e\":[\"1\",\"false\"],\"f\":{\"true\":false}}",
				 NULL, &f, NULL),
		0);
	assert_int_equal(filters_bool(f, "a", &v, &err), 0);
	assert_int_equal(v, 1);
	assert_int_equal(filters_bool(f, "b", &v, &err), 0);
	assert_int_equal(v, 0);
	assert_int_equal(filters_bool(f, "none", &v, &err), 0);
	assert_int_equal(v, -1);
	assert_int_equal(filters_bool(f, "c", &v, &err), -EINVAL);
	assert_string_equal(err.msg, "invalid filter 'c=[maybe]'");
	assert_int_equal(filters_bool(f, "d", &v, &err), -EINVAL);
	assert_string_equal(err.msg, "invalid filter 'd'");
	assert_int_equal(filters_bool(f, "e", &v, &err), -EINVAL);
	assert_string_equal(err.msg, "invalid filter 'e=[1 false]'");
	assert_int_equal(filters_bool(f, "f", &v, &err), -EINVAL);
}

static int read_until(const char *value, int64_t *ret, struct err *err)
{
	auto_free char *text = xasprintf("{\"until\":[\"%s\"]}", value);
	auto_filters struct filters *f = NULL;

	assert_int_equal(filters_parse(text, NULL, &f, err), 0);
	return filters_time(f, "until", ret, err);
}

static void a_time_is_a_point_or_how_long_ago(void **unused)
{
	static const char *const bad[] = { "", "h", "1d", "-1h", "1h ", "9999999999h", "2024-02-30",
		"9999-01-01", "2024-13-01" };
	struct err err = { 0 };
	int64_t at, begin = time_now();

	(void)unused;
	assert_int_equal(read_until("2024-01-02T03:04:05Z", &at, &err), 0);
	assert_int_equal(at / NSEC_PER_SEC, 1704164645);
	assert_int_equal(read_until("1h30m5s250ms", &at, &err), 0);
	assert_in_range(at + 5405250 * NSEC_PER_MSEC, begin, time_now());
	assert_int_equal(read_until("0", &at, &err), 0);
	assert_int_equal(at, 1); /* nothing is older, and 0 would mean that none was given */
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(read_until(bad[i], &at, &err), -EINVAL);
	assert_string_equal(err.msg,
		"invalid value for 'until' filter: failed to parse value as time or duration: "
		"\"2024-13-01\"");
}

static void a_date_without_a_zone_is_the_users(void **unused)
{
	static const struct {
		const char *text;
		int64_t hours; /* after the day has begun in UTC */
	} cases[] = { { "2024-01-02", -5 }, { "2024-01-02T03", -2 }, { "2024-01-02T03:00", -2 },
		{ "2024-01-02T03:00:00", -2 }, { "2024-01-02T03:00:00Z", 3 },
		{ "2024-01-02T03:00:00+01:00", 2 } };
	struct err err = { 0 };
	int64_t at;

	(void)unused;
	assert_int_equal(setenv("TZ", "ABC-5", 1), 0); /* five hours east */
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(read_until(cases[i].text, &at, &err), 0);
		assert_int_equal(at / NSEC_PER_SEC, 1704153600 + cases[i].hours * 3600);
	}
	assert_int_equal(unsetenv("TZ"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_encodings_mean_the_same),
		cmocka_unit_test(no_filters_are_fine),
		cmocka_unit_test(an_unknown_key_is_named),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(all_labels_must_hold_and_not_all_unwanted_ones),
		cmocka_unit_test(names_match_as_parts_or_expressions),
		cmocka_unit_test(expressions_are_read_as_go_reads_them),
		cmocka_unit_test(a_pattern_whose_cost_nothing_bounds_is_refused),
		cmocka_unit_test(a_yes_or_no_takes_four_words),
		cmocka_unit_test(a_time_is_a_point_or_how_long_ago),
		cmocka_unit_test(a_date_without_a_zone_is_the_users),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
