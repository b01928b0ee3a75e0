/* Health checks: how results become a status, and the log of them. */
#include "../unit.h"
#include "base/alloc.h"
#include "base/timefmt.h"
#include "state/health.h"

#define SEC NSEC_PER_SEC

static const struct health_check check = {
	.interval = 30 * SEC,
	.timeout = 30 * SEC,
	.start_period = 10 * SEC,
	.start_interval = 5 * SEC,
	.retries = 3,
};

static struct status starting(void)
{
	return (struct status){ .state = RUN_RUNNING, .health = HEALTH_STARTING };
}

static void assert_health(const struct status *st, enum health_state health, unsigned streak)
{
	assert_int_equal(st->health, health);
	assert_int_equal(st->failing_streak, streak);
}

static void failures_in_the_start_period_do_not_count(void **unused)
{
	struct status st = starting();

	(void)unused;
	for (int64_t up = 0; up < 10 * SEC; up += SEC)
		health_judge(&check, &st, 1, up);
	assert_health(&st, HEALTH_STARTING, 0);
	health_judge(&check, &st, 1, 10 * SEC);
	assert_health(&st, HEALTH_STARTING, 1);
}

static void one_success_is_healthy_and_ends_the_start_period(void **unused)
{
	struct status st = starting();

	(void)unused;
	health_judge(&check, &st, 0, SEC);
	assert_health(&st, HEALTH_HEALTHY, 0);
	health_judge(&check, &st, 1, 2 * SEC);
	assert_health(&st, HEALTH_HEALTHY, 1);
}

static void as_many_failures_in_a_row_as_it_has_retries_are_unhealthy(void **unused)
{
	struct status st = starting();

	(void)unused;
	health_judge(&check, &st, 0, SEC);
	for (int i = 0; i < 2; i++)
		health_judge(&check, &st, HEALTH_PROBE_FAILED, 20 * SEC);
	assert_health(&st, HEALTH_HEALTHY, 2);
	health_judge(&check, &st, 0, 20 * SEC);
	assert_health(&st, HEALTH_HEALTHY, 0);
	for (int i = 0; i < 3; i++)
		health_judge(&check, &st, 7, 20 * SEC);
	assert_health(&st, HEALTH_UNHEALTHY, 3);
	health_judge(&check, &st, 7, 20 * SEC);
	assert_health(&st, HEALTH_UNHEALTHY, 4);
	health_judge(&check, &st, 0, 20 * SEC);
	assert_health(&st, HEALTH_HEALTHY, 0);
}

static void the_start_interval_holds_while_it_starts(void **unused)
{
	(void)unused;
	assert_true(health_pause(&check, HEALTH_STARTING, 0) == 5 * SEC);
	assert_true(health_pause(&check, HEALTH_STARTING, 10 * SEC) == 30 * SEC);
	assert_true(health_pause(&check, HEALTH_HEALTHY, 0) == 30 * SEC);
}

static void the_numbers_of_a_check_read_back(void **unused)
{
	auto_plan struct plan plan = { 0 };
	struct health_check back;
	struct buf text = { 0 };
	size_t len;

	(void)unused;
	plan_add(&text, "plan", "1");
	health_check_write(&text, &check);
	len = text.len;
	assert_int_equal(plan_parse(buf_steal(&text), len, &plan, NULL), 0);
	assert_int_equal(health_check_read(&plan, &back), 0);
	assert_true(back.interval == check.interval && back.timeout == check.timeout &&
		back.start_period == check.start_period &&
		back.start_interval == check.start_interval && back.retries == check.retries);
}

static void add(int dir, int number, const char *output, size_t len)
{
	assert_int_equal(health_log_add(dir,
				 &(struct health_result){ .start = number,
					 .end = number + 1,
					 .exit_code = number,
					 .output = output,
					 .len = len }),
		0);
}

static void the_log_keeps_the_last_five_results(void **unused)
{
	auto_health_log struct health_log log = { 0 };
	struct folder f = make_folder();

	(void)unused;
	assert_int_equal(health_log_read(f.fd, &log), 0);
	assert_int_equal(log.count, 0);
	for (int i = -1; i < 7; i++)
		add(f.fd, i, "text", 4);
	assert_int_equal(health_log_read(f.fd, &log), 0);
	assert_int_equal(log.count, HEALTH_RESULTS);
	for (int i = 0; i < HEALTH_RESULTS; i++) {
		assert_true(log.items[i].start == i + 2 && log.items[i].end == i + 3);
		assert_int_equal(log.items[i].exit_code, i + 2);
		assert_memory_equal(log.items[i].output, "text\n", 5);
	}
	drop_folder(&f);
}

static void output_of_any_bytes_reads_back(void **unused)
{
	static const char odd[] = "1 2 3 4\n\0\xff\ndayfly-health=1\n";
	auto_health_log struct health_log log = { 0 };
	struct folder f = make_folder();
	char big[HEALTH_OUTPUT_MAX];

	(void)unused;
	memset(big, '\n', sizeof(big));
	for (int i = 0; i < 3; i++) {
		add(f.fd, i, odd, sizeof(odd));
		add(f.fd, i, big, sizeof(big));
		add(f.fd, i, "", 0);
	}
	assert_int_equal(health_log_read(f.fd, &log), 0);
	assert_int_equal(log.count, HEALTH_RESULTS);
	assert_int_equal(log.items[2].len, sizeof(odd));
	assert_memory_equal(log.items[2].output, odd, sizeof(odd));
	assert_int_equal(log.items[3].len, sizeof(big));
	assert_int_equal(log.items[4].len, 0);
	drop_folder(&f);
}

static void a_damaged_log_is_no_log_and_is_begun_anew(void **unused)
{
	static const char *const bad[] = { "", "x", "dayfly-health=1",
		"dayfly-health=1\n1 2 3 4\nabc", "dayfly-health=1\n1 2 3 4\nabcde",
		"dayfly-health=1\n1 2 3 -1\n\n", "dayfly-health=1\n1 2 3 99999\n\n",
		"dayfly-health=1\n1 2 3\n\n", "dayfly-health=1\n1", "dayfly-health=1\n1 2 3 0",
		"dayfly-health=1\n1 2 3 0\n" };
	struct folder f = make_folder();

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		auto_health_log struct health_log log = { 0 };

		put_file(f.fd, "health", bad[i]);
		assert_int_equal(health_log_read(f.fd, &log), -EBADMSG);
		add(f.fd, 1, "x", 1);
		assert_int_equal(health_log_read(f.fd, &log), 0);
		assert_int_equal(log.count, 1);
	}
	drop_folder(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failures_in_the_start_period_do_not_count),
		cmocka_unit_test(one_success_is_healthy_and_ends_the_start_period),
		cmocka_unit_test(as_many_failures_in_a_row_as_it_has_retries_are_unhealthy),
		cmocka_unit_test(the_start_interval_holds_while_it_starts),
		cmocka_unit_test(the_numbers_of_a_check_read_back),
		cmocka_unit_test(the_log_keeps_the_last_five_results),
		cmocka_unit_test(output_of_any_bytes_reads_back),
		cmocka_unit_test(a_damaged_log_is_no_log_and_is_begun_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
