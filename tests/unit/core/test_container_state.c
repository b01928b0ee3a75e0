#include "../unit.h"
#include "base/alloc.h"
#include "base/timefmt.h"
#include "core/container_state.h"

#define MINUTE 60
#define HOUR   3600
#define DAY    (24 * HOUR)

static void the_scale_of_durations_is_that_of_docker(void **unused)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} cases[] = {
		{ 0, "Less than a second" },
		{ 1, "1 second" },
		{ 2, "2 seconds" },
		{ 59, "59 seconds" },
		{ MINUTE, "About a minute" },
		{ 119, "About a minute" },
		{ 120, "2 minutes" },
		{ 59 * MINUTE + 59, "59 minutes" },
		{ HOUR, "About an hour" },
		{ 2 * HOUR, "2 hours" },
		{ 47 * HOUR, "47 hours" },
		{ 2 * DAY, "2 days" },
		{ 13 * DAY, "13 days" },
		{ 14 * DAY, "2 weeks" },
		{ 59 * DAY, "8 weeks" },
		{ 60 * DAY, "2 months" },
		{ 365 * DAY, "12 months" },
		{ 730 * DAY, "2 years" },
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_buf struct buf out = { 0 };

		duration_text(&out, cases[i].seconds);
		assert_string_equal(out.data, cases[i].text);
	}
}

static void every_state_has_its_text(void **unused)
{
	static const struct {
		enum run_state state;
		const char *text;
	} cases[] = {
		{ RUN_CREATED, "Created" },
		{ RUN_RUNNING, "Up 3 minutes" },
		{ RUN_PAUSED, "Up 3 minutes (Paused)" },
		{ RUN_RESTARTING, "Restarting (7) About a minute ago" },
		{ RUN_REMOVING, "Removal In Progress" },
		{ RUN_EXITED, "Exited (7) About a minute ago" },
		{ RUN_DEAD, "Dead" },
	};
	const int64_t now = 1000 * NSEC_PER_SEC;

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_buf struct buf out = { 0 };
		struct status st = { .state = cases[i].state,
			.exit_code = 7,
			.started = now - 180 * NSEC_PER_SEC,
			.finished = now - 60 * NSEC_PER_SEC };

		status_text(&out, &st, now);
		assert_string_equal(out.data, cases[i].text);
	}
}

static void only_a_running_container_shows_its_health(void **unused)
{
	static const struct {
		enum run_state state;
		enum health_state health;
		const char *text;
	} cases[] = {
		{ RUN_RUNNING, HEALTH_STARTING, "Up 1 second (health: starting)" },
		{ RUN_RUNNING, HEALTH_HEALTHY, "Up 1 second (healthy)" },
		{ RUN_RUNNING, HEALTH_UNHEALTHY, "Up 1 second (unhealthy)" },
		{ RUN_PAUSED, HEALTH_HEALTHY, "Up 1 second (Paused)" },
		{ RUN_EXITED, HEALTH_UNHEALTHY, "Exited (0) Less than a second ago" },
	};
	const int64_t now = 1000 * NSEC_PER_SEC;

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_buf struct buf out = { 0 };
		struct status st = { .state = cases[i].state,
			.health = cases[i].health,
			.started = now - NSEC_PER_SEC,
			.finished = now };

		status_text(&out, &st, now);
		assert_string_equal(out.data, cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_scale_of_durations_is_that_of_docker),
		cmocka_unit_test(every_state_has_its_text),
		cmocka_unit_test(only_a_running_container_shows_its_health),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
