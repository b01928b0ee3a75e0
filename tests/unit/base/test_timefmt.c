#include "../unit.h"
#include "base/alloc.h"
#include "base/timefmt.h"

#define S NSEC_PER_SEC

static const struct {
	int64_t ns;
	const char *shortest, *fixed;
} table[] = {
	{ 1, "1970-01-01T00:00:00.000000001Z", "1970-01-01T00:00:00.000000001Z" },
	{ S, "1970-01-01T00:00:01Z", "1970-01-01T00:00:01.000000000Z" },
	{ -1, "1969-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.999999999Z" },
	{ -S, "1969-12-31T23:59:59Z", "1969-12-31T23:59:59.000000000Z" },
	{ 951782400 * S, "2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000000000Z" },
	{ 951868800 * S, "2000-03-01T00:00:00Z", "2000-03-01T00:00:00.000000000Z" },
	{ 4107542399 * S, "2100-02-28T23:59:59Z", "2100-02-28T23:59:59.000000000Z" },
	{ 4107542400 * S, "2100-03-01T00:00:00Z", "2100-03-01T00:00:00.000000000Z" },
	{ 1700000000 * S + 120000000, "2023-11-14T22:13:20.12Z", "2023-11-14T22:13:20.120000000Z" },
	{ INT64_MAX, "2262-04-11T23:47:16.854775807Z", "2262-04-11T23:47:16.854775807Z" },
	{ INT64_MIN, "1677-09-21T00:12:43.145224192Z", "1677-09-21T00:12:43.145224192Z" },
};

static void times_are_written_as_go_writes_them(void **unused)
{
	char text[TIME_TEXT];

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		assert_string_equal(time_rfc3339(table[i].ns, text), table[i].shortest);
		assert_string_equal(time_rfc3339_fixed(table[i].ns, text), table[i].fixed);
	}
	assert_string_equal(time_rfc3339(0, text), "0001-01-01T00:00:00Z");
	assert_string_equal(time_rfc3339_known(0, text), "1970-01-01T00:00:00Z");
	assert_string_equal(time_rfc3339_known(-S / 2, text), "1969-12-31T23:59:59.5Z");
}

static void what_was_written_reads_back(void **unused)
{
	int64_t ns;

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(table) - 1;
		i++) { /* the last one's whole seconds overflow */
		assert_int_equal(time_parse(table[i].shortest, &ns), 0);
		assert_true(ns == table[i].ns);
		assert_int_equal(time_parse(table[i].fixed, &ns), 0);
		assert_true(ns == table[i].ns);
	}
}

static void every_form_clients_send_is_read(void **unused)
{
	static const struct {
		const char *text;
		int64_t ns;
	} forms[] = {
		{ "0", 0 },
		{ "1700000000", 1700000000 * S },
		{ "1700000000.5", 1700000000 * S + S / 2 },
		{ "1700000000.000000001", 1700000000 * S + 1 },
		{ "1700000000.0000000019", 1700000000 * S + 1 }, /* cut, as in Go */
		{ "-5", -5 * S },
		{ "-5.5", -5 * S - S / 2 },
		{ "2023-11-14T22:13:20Z", 1700000000 * S },
		{ "2023-11-14T22:13:20", 1700000000 * S },
		{ "2023-11-14T22:13:20.25Z", 1700000000 * S + S / 4 },
		{ "2023-11-14T23:13:20+01:00", 1700000000 * S },
		{ "2023-11-14T16:43:20.25-05:30", 1700000000 * S + S / 4 },
	};
	int64_t ns;

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		assert_int_equal(time_parse(forms[i].text, &ns), 0);
		assert_true(ns == forms[i].ns);
	}
}

static void anything_else_is_refused(void **unused)
{
	static const char *const bad[] = { "", "-", "x", "1x", "1.", "1.x", ".5", " 1", "+1", "1e9",
		"9223372037", "99999999999999999999", "2023-", "2023-11", "2023-11-14",
		"2023-11-14T", "2023-11-14T22:13", "2023-11-14 22:13:20Z", "2023-11-14T22:13:20ZZ",
		"2023-11-14T22:13:20.Z", "2023-11-14T22:13:20+1:00", "2023-11-14T22:13:20+01:0",
		"2023-11-14T22:13:20+01:00x", "2023-11-14T22:13:20+24:00", "2023-13-14T22:13:20Z",
		"2023-00-14T22:13:20Z", "2023-02-29T22:13:20Z", "2023-11-31T22:13:20Z",
		"2023-11-14T24:13:20Z", "2023-11-14T22:60:20Z", "2023-11-14T22:13:61Z",
		"2023-1-4T22:13:20Z", "9999-01-01T00:00:00Z", "1000-01-01T00:00:00Z",
		"-2023-11-14T22:13:20Z" };
	int64_t ns = 42;

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(time_parse(bad[i], &ns), -EINVAL);
	assert_true(ns == 42);
}

static void durations_are_written_as_in_go(void **unused)
{
	static const struct {
		const char *text;
		int64_t ns;
	} good[] = { { "0", 0 }, { "1ns", 1 }, { "5us", 5000 }, { "500ms", 500000000 },
		{ "1.5s", 1500000000 }, { "1m", 60000000000 }, { "1h30m", 5400000000000 } };
	static const char *const bad[] = { "", "1", "s", "-1s", "1 s", "1x", "1.2.3s", "1s2",
		"0x1s", "1e3s", "99999999h", "." };
	int64_t ns;

	(void)unused;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(duration_parse(good[i].text, &ns), 0);
		assert_int_equal(ns, good[i].ns);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(duration_parse(bad[i], &ns), -EINVAL);
}

static void durations_are_shown_as_by_go(void **unused)
{
	static const struct {
		int64_t ns;
		const char *text;
	} cases[] = { { 0, "0s" }, { 1, "0.001us" }, { 5000, "5us" }, { 1000000, "1ms" },
		{ 1500000, "1.5ms" }, { 1000000000, "1s" }, { 1050000000, "1.05s" },
		{ 30000000000, "30s" }, { 60000000000, "1m0s" },
		{ 3661000000001, "1h1m1.000000001s" }, { INT64_MAX, "2562047h47m16.854775807s" } };
	char text[DURATION_TEXT];

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(duration_print(cases[i].ns, text), cases[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_are_written_as_in_go),
		cmocka_unit_test(durations_are_shown_as_by_go),
		cmocka_unit_test(times_are_written_as_go_writes_them),
		cmocka_unit_test(what_was_written_reads_back),
		cmocka_unit_test(every_form_clients_send_is_read),
		cmocka_unit_test(anything_else_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
