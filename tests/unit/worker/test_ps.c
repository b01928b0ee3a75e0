/* What `docker top` makes of ps's output. */
#include "../unit.h"

#include "worker/ps.h"

static const pid_t pids[] = { 7, 42, 300 };

static const char *table(const char *output, struct buf *out)
{
	struct err err = { 0 };

	buf_free(out);
	if (ps_table(output, pids, 3, out, &err) == 0)
		return out->data;
	buf_free(out);
	buf_adds(out, err.msg);
	return out->data;
}

static void only_the_containers_lines_are_shown(void **state)
{
	auto_buf struct buf out = { 0 };

	(void)state;
	assert_string_equal(table("USER   PID COMMAND\nroot     7 sh -c  x  y \nroot 8 other\n"
				  "me 300 z\n",
				    &out),
		"{\"Titles\":[\"USER\",\"PID\",\"COMMAND\"],\"Processes\":["
		"[\"root\",\"7\",\"sh -c  x  y\"],[\"me\",\"300\",\"z\"]]}");
	assert_string_equal(table("  PID\n 8\n", &out), "{\"Titles\":[\"PID\"],\"Processes\":[]}");
	assert_string_equal(table("PID", &out), "{\"Titles\":[\"PID\"],\"Processes\":[]}");
}

static void lines_of_threads_go_with_their_process(void **state)
{
	auto_buf struct buf out = { 0 };

	(void)state;
	assert_string_equal(table("PID TTY\n7 ?\n- a\n8 ?\n- b\n42 ?\n- c\n", &out),
		"{\"Titles\":[\"PID\",\"TTY\"],\"Processes\":[[\"7\",\"?\"],[\"-\",\"a\"],"
		"[\"42\",\"?\"],[\"-\",\"c\"]]}");
}

static void output_without_numbers_is_refused(void **state)
{
	auto_buf struct buf out = { 0 };

	(void)state;
	assert_string_equal(table("", &out), "couldn't find PID field in ps output");
	assert_string_equal(table("COMMAND\nsh\n", &out), "couldn't find PID field in ps output");
	assert_string_equal(table("A PID\nx y\n", &out), "unexpected pid 'y'");
	assert_string_equal(table("A PID\nx\n", &out), "unexpected pid ''");
}

static void nothing_else_may_be_called_pid(void **state)
{
	struct err err = { 0 };

	(void)state;
	assert_int_equal(ps_args_check("", &err), 0);
	assert_int_equal(ps_args_check("-ef", &err), 0);
	assert_int_equal(ps_args_check("-o pid=PID", &err), 0);
	assert_int_equal(ps_args_check("-o user=NAME pid", &err), 0);
	assert_true(ps_args_check("-o user=PID", &err) < 0);
	assert_string_equal(err.msg, "specifying \"user=PID\" is not allowed");
	assert_true(ps_args_check("-o  ppid=\tPIDS -f", &err) < 0);
	assert_string_equal(err.msg, "specifying \"ppid=PIDS\" is not allowed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_containers_lines_are_shown),
		cmocka_unit_test(lines_of_threads_go_with_their_process),
		cmocka_unit_test(output_without_numbers_is_refused),
		cmocka_unit_test(nothing_else_may_be_called_pid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
