#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>

#include "base/buf.h"
#include "monitor/traits.h"

static struct plan parsed(struct buf *text)
{
	struct plan p;
	size_t len = text->len;

	assert_int_equal(plan_parse(buf_steal(text), len, &p, NULL), 0);
	return p;
}

static void defaults_are_docker_s(void **unused)
{
	struct traits t = { 0 };
	struct buf b = { 0 };
	auto_plan struct plan p = { 0 };

	(void)unused;
	plan_add(&b, "plan", "1");
	p = parsed(&b);
	traits_set(&t, &p);
	assert_int_equal(t.stop_signal, SIGTERM);
	assert_int_equal(t.stop_timeout, 10);
	assert_string_equal(t.name, "");
	assert_false(t.tty || t.open_stdin || t.stdin_once || t.auto_remove);
	traits_clear(&t);
}

static void a_size_that_came_early_wins_over_the_plan_s(void **unused)
{
	struct traits t = { 0 };
	struct buf b = { 0 };
	auto_plan struct plan p = { 0 };

	(void)unused;
	plan_add(&b, "plan", "1");
	plan_add(&b, "console-size", "24", "80");
	p = parsed(&b);
	traits_set(&t, &p);
	assert_int_equal(t.height, 24);
	assert_int_equal(t.width, 80);
	t.height = 50;
	t.width = 132;
	traits_set(&t, &p);
	assert_int_equal(t.height, 50);
	assert_int_equal(t.width, 132);
	traits_clear(&t);
}

static void a_reload_changes_name_attributes_and_restart_policy_only(void **unused)
{
	struct traits t = { 0 };
	struct buf b = { 0 };
	auto_plan struct plan first = { 0 }, second = { 0 };

	(void)unused;
	plan_add(&b, "plan", "1");
	plan_add(&b, "name", "old");
	plan_add(&b, "tty");
	plan_add(&b, "stop-timeout", "-1");
	first = parsed(&b);
	traits_set(&t, &first);
	plan_add(&b, "plan", "1");
	plan_add(&b, "name", "new");
	plan_add(&b, "attrs", "\"name\":\"new\"");
	plan_add(&b, "restart", "on-failure", "3");
	second = parsed(&b);
	traits_reload(&t, &second);
	assert_string_equal(t.name, "new");
	assert_string_equal(t.attrs, "\"name\":\"new\"");
	assert_int_equal(t.restart.kind, RESTART_ON_FAILURE);
	assert_int_equal(t.restart.max, 3);
	assert_true(t.tty);
	assert_int_equal(t.stop_timeout, -1);
	traits_clear(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_docker_s),
		cmocka_unit_test(a_size_that_came_early_wins_over_the_plan_s),
		cmocka_unit_test(a_reload_changes_name_attributes_and_restart_policy_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
