#include "../unit.h"

#include "state/totals.h"

static struct totals full_totals(void)
{
	struct totals t = { 0 };

	for (enum total i = 0; i < TOTAL_COUNT; i++)
		total_set(&t, i, 100 + i);
	return t;
}

static void assert_same(const struct totals *a, const struct totals *b)
{
	assert_int_equal(a->known, b->known);
	for (enum total i = 0; i < TOTAL_COUNT; i++)
		assert_true(a->n[i] == b->n[i]);
}

/* What a record's lines come to when they are read. */
static struct totals read_back(char *lines)
{
	struct totals t = { 0 };
	char *save = NULL;

	for (char *line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *eq = strchr(line, '=');
		int64_t n;

		assert_non_null(eq);
		*eq = '\0';
		assert_int_equal(str_to_i64(eq + 1, &n), 0);
		totals_take(&t, line, n);
	}
	return t;
}

static void what_was_printed_reads_back(void **unused)
{
	struct totals full = full_totals(), some = { 0 }, back;
	struct buf text = { 0 };

	(void)unused;
	totals_print(&text, &full);
	back = read_back(text.data);
	assert_same(&back, &full);
	text.len = 0;
	total_set(&some, TOTAL_IO_READ, 0);
	total_set(&some, TOTAL_OOM_KILLS, UINT64_MAX);
	totals_print(&text, &some);
	assert_string_equal(text.data, "io-read=0\noom-kills=9223372036854775807\n");
	back = read_back(text.data);
	assert_same(&back, &some);
	buf_free(&text);
}

static void what_is_not_known_is_nowhere(void **unused)
{
	struct totals none = { 0 };
	struct buf text = { 0 };
	struct jsonw w = JSONW(&text);

	(void)unused;
	totals_print(&text, &none);
	totals_write(&w, &none);
	totals_write_attrs(&w, &none);
	assert_int_equal(text.len, 0);
	totals_take(&none, "io-read", -1);
	totals_take(&none, "io", 1);
	assert_int_equal(none.known, 0);
	total_set(&none, TOTAL_MAX_RSS, 7);
	totals_write(&w, &none);
	assert_string_equal(text.data, "\"Usage\":{\"MaxRSS\":7}");
	buf_free(&text);
}

static void inspect_has_numbers_and_the_event_strings(void **unused)
{
	struct totals full = full_totals();
	struct buf text = { 0 }, attrs = { 0 };
	struct jsonw w = JSONW(&text), a = JSONW(&attrs);

	(void)unused;
	totals_write(&w, &full);
	assert_string_equal(text.data,
		"\"Usage\":{\"CPUTime\":205,\"MemoryPeak\":100,\"MaxRSS\":101,\"CPUUser\":102,"
		"\"CPUKernel\":103,\"IORead\":104,\"IOWritten\":105,\"OOMKills\":106}");
	totals_write_attrs(&a, &full);
	assert_string_equal(attrs.data,
		"\"cpuTime\":\"205\",\"memoryPeak\":\"100\",\"maxRSS\":\"101\",\"ioRead\":\"104\","
		"\"ioWritten\":\"105\",\"oomKills\":\"106\"");
	buf_free(&text);
	buf_free(&attrs);
}

static void what_processes_used_is_added_up_but_the_largest_one_counts(void **unused)
{
	static const struct rusage first = { .ru_utime = { .tv_sec = 1, .tv_usec = 5 },
		.ru_stime = { .tv_usec = 7 },
		.ru_maxrss = 2000,
		.ru_inblock = 4,
		.ru_oublock = 1 };
	static const struct rusage second = { .ru_utime = { .tv_sec = 2 }, .ru_maxrss = 1000 };
	struct totals t = { 0 };

	(void)unused;
	totals_add(&t, &first);
	totals_add(&t, &second);
	assert_true(t.n[TOTAL_CPU_USER] == INT64_C(3000005000));
	assert_true(t.n[TOTAL_CPU_KERNEL] == 7000);
	assert_true(t.n[TOTAL_MAX_RSS] == 2000 * 1024);
	assert_false(t.known & (1U << TOTAL_MEMORY_PEAK | 1U << TOTAL_OOM_KILLS));
	if (access("/proc/self/io", F_OK) == 0) {
		assert_true(t.n[TOTAL_IO_READ] == 2048);
		assert_true(t.n[TOTAL_IO_WRITTEN] == 512);
	} else {
		assert_false(t.known & (1U << TOTAL_IO_READ | 1U << TOTAL_IO_WRITTEN));
	}
}

static void what_a_group_counted_before_is_not_this_runs(void **unused)
{
	struct totals before = { 0 }, now = { 0 }, t = { 0 };

	(void)unused;
	total_set(&t, TOTAL_IO_READ, 1);
	total_set(&t, TOTAL_MAX_RSS, 2);
	total_set(&before, TOTAL_CPU_USER, 10);
	total_set(&before, TOTAL_MEMORY_PEAK, 500);
	total_set(&now, TOTAL_CPU_USER, 14);
	total_set(&now, TOTAL_IO_READ, 9);
	total_set(&now, TOTAL_MEMORY_PEAK, 500);
	totals_set(&t, &now, &before);
	assert_int_equal(t.known, 1U << TOTAL_CPU_USER | 1U << TOTAL_IO_READ | 1U << TOTAL_MAX_RSS);
	assert_true(t.n[TOTAL_CPU_USER] == 4);
	assert_true(t.n[TOTAL_IO_READ] == 9 && t.n[TOTAL_MAX_RSS] == 2);
	total_set(&now, TOTAL_MEMORY_PEAK, 600);
	totals_set(&t, &now, &before);
	assert_true(t.n[TOTAL_MEMORY_PEAK] == 600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_printed_reads_back),
		cmocka_unit_test(what_is_not_known_is_nowhere),
		cmocka_unit_test(inspect_has_numbers_and_the_event_strings),
		cmocka_unit_test(what_a_group_counted_before_is_not_this_runs),
		cmocka_unit_test(what_processes_used_is_added_up_but_the_largest_one_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
