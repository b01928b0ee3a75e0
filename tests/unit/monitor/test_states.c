/* The state table: complete, and with the few properties everything else relies on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "monitor/monitor.h"

static void every_state_answers_every_event(void **unused)
{
	(void)unused;
	for (int s = 0; s < ST_COUNT; s++)
		for (int e = 0; e < EV_COUNT; e++)
			assert_non_null(mon_action_for((enum mon_state)s, (enum mon_event)e));
}

static void only_a_container_that_does_not_run_is_started(void **unused)
{
	(void)unused;
	for (int s = 0; s < ST_COUNT; s++)
		if (s != ST_CREATED) {
			assert_ptr_not_equal(
				mon_action_for((enum mon_state)s, EV_START), start_now);
			assert_ptr_not_equal(
				mon_action_for((enum mon_state)s, EV_RESTART), start_again);
		}
}

static void a_run_ends_exactly_once(void **unused)
{
	(void)unused;
	for (int s = 0; s < ST_COUNT; s++) {
		bool runs = s == ST_RUNNING || s == ST_PAUSED || s == ST_STOPPING || s == ST_KILLED;

		assert_int_equal(
			mon_action_for((enum mon_state)s, EV_EXITED) == finish_collect, runs);
		assert_int_equal(mon_action_for((enum mon_state)s, EV_DRAINED) == finish_run,
			s == ST_DRAINING);
	}
}

static void a_container_that_is_to_be_started_again_counts_as_started(void **unused)
{
	(void)unused;
	assert_ptr_equal(mon_action_for(ST_BACKOFF, EV_START), start_running);
	assert_ptr_not_equal(mon_action_for(ST_BACKOFF, EV_STOP), stop_not_running);
	assert_ptr_equal(mon_action_for(ST_BACKOFF, EV_TIMEOUT), backoff_over);
}

static void what_needs_the_record_of_the_end_waits_for_it(void **unused)
{
	(void)unused;
	assert_ptr_equal(mon_action_for(ST_DRAINING, EV_START), control_hold);
	assert_ptr_equal(mon_action_for(ST_DRAINING, EV_REMOVE), control_hold);
}

static void only_what_runs_is_paused_and_only_what_is_paused_goes_on(void **unused)
{
	(void)unused;
	for (int s = 0; s < ST_COUNT; s++) {
		assert_int_equal(
			mon_action_for((enum mon_state)s, EV_PAUSE) == pause_now, s == ST_RUNNING);
		assert_int_equal(mon_action_for((enum mon_state)s, EV_UNPAUSE) == unpause_now,
			s == ST_PAUSED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_state_answers_every_event),
		cmocka_unit_test(only_a_container_that_does_not_run_is_started),
		cmocka_unit_test(a_run_ends_exactly_once),
		cmocka_unit_test(only_what_runs_is_paused_and_only_what_is_paused_goes_on),
		cmocka_unit_test(a_container_that_is_to_be_started_again_counts_as_started),
		cmocka_unit_test(what_needs_the_record_of_the_end_waits_for_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
