/* Restart policies: who comes again, and when. */
#include "../unit.h"
#include "base/alloc.h"
#include "base/timefmt.h"
#include "state/restart.h"

static const struct restart_rule always = { .kind = RESTART_ALWAYS },
				 unless_stopped = { .kind = RESTART_UNLESS_STOPPED },
				 on_failure = { .kind = RESTART_ON_FAILURE },
				 twice = { .kind = RESTART_ON_FAILURE, .max = 2 },
				 never = { .kind = RESTART_NO };

static void a_policy_says_who_comes_again_after_an_end(void **unused)
{
	static const struct {
		const struct restart_rule *rule;
		int exit_code;
		unsigned count;
		bool stopped, failed, again;
	} cases[] = {
		{ &never, 1, 0, false, true, false },
		{ &always, 0, 99, false, false, true },
		{ &always, 1, 0, true, false, false },
		{ &unless_stopped, 0, 0, false, false, true },
		{ &unless_stopped, 0, 0, true, false, false },
		{ &on_failure, 0, 0, false, false, false },
		{ &on_failure, 0, 0, false, true, true },
		{ &on_failure, 255, 99, false, false, true },
		{ &on_failure, 1, 0, true, true, false },
		{ &twice, 1, 1, false, false, true },
		{ &twice, 1, 2, false, false, false },
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct status st = { .state = RUN_EXITED,
			.run = 1,
			.exit_code = cases[i].exit_code,
			.restart_count = cases[i].count,
			.stopped = cases[i].stopped };

		if (restart_after_end(cases[i].rule, &st, cases[i].failed) != cases[i].again)
			fail_msg("case %zu", i);
	}
}

static void after_a_boot_only_always_forgets_that_it_was_stopped(void **unused)
{
	const struct status stopped = { .run = 1, .exit_code = 143, .stopped = true },
			    killed = { .run = 1, .exit_code = 255 }, fine = { .run = 1 },
			    fresh = { .exit_code = 127 };

	(void)unused;
	assert_true(restart_after_boot(&always, &stopped));
	assert_false(restart_after_boot(&unless_stopped, &stopped));
	assert_false(restart_after_boot(&on_failure, &stopped));
	assert_true(restart_after_boot(&unless_stopped, &killed));
	assert_true(restart_after_boot(&on_failure, &killed));
	assert_false(restart_after_boot(&on_failure, &fine));
	assert_false(restart_after_boot(&never, &killed));
	assert_false(restart_after_boot(&always, &fresh)); /* nobody has started it yet */
}

static void pauses_double_up_to_a_minute(void **unused)
{
	static const int64_t want_ms[] = { 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600,
		51200, 60000, 60000 };
	int64_t pause = 0;

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(want_ms); i++) {
		pause = restart_pause(pause, 9 * NSEC_PER_SEC);
		assert_true(pause == want_ms[i] * NSEC_PER_MSEC);
	}
}

static void a_run_of_ten_seconds_begins_the_pauses_anew(void **unused)
{
	(void)unused;
	assert_true(restart_pause(60 * NSEC_PER_SEC, 10 * NSEC_PER_SEC) == 100 * NSEC_PER_MSEC);
}

static struct restart_rule through_a_plan(const struct restart_rule *rule)
{
	auto_plan struct plan plan = { 0 };
	struct buf text = { 0 };
	size_t len;

	plan_add(&text, "plan", "1");
	restart_rule_write(&text, rule);
	len = text.len;
	assert_int_equal(plan_parse(buf_steal(&text), len, &plan, NULL), 0);
	return restart_rule_read(&plan);
}

static void a_rule_goes_through_a_plan(void **unused)
{
	(void)unused;
	for (int k = 0; k < RESTART_KIND_COUNT; k++) {
		const struct restart_rule rule = { (enum restart_kind)k,
			k == RESTART_ON_FAILURE ? 7 : 0, k == RESTART_ALWAYS };
		struct restart_rule back = through_a_plan(&rule);
		enum restart_kind kind;

		assert_int_equal(back.kind, rule.kind);
		assert_int_equal(back.max, rule.max);
		assert_int_equal(back.unwell, rule.unwell);
		assert_int_equal(restart_kind_parse(restart_kind_name(rule.kind), &kind), 0);
		assert_int_equal(kind, k);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_policy_says_who_comes_again_after_an_end),
		cmocka_unit_test(after_a_boot_only_always_forgets_that_it_was_stopped),
		cmocka_unit_test(pauses_double_up_to_a_minute),
		cmocka_unit_test(a_run_of_ten_seconds_begins_the_pauses_anew),
		cmocka_unit_test(a_rule_goes_through_a_plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
